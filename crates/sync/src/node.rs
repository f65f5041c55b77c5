//! The nodes of the three trees: what sync knows of an item apart from where it lies.
//!
//! A node keeps its [`NodeId`] for as long as the pair knows the item, wherever it is moved; a path is only where its
//! parents put it. Invariants: ids are given once and never again; a [`State`] says nothing about paths.
//! Deliberately not here: the trees themselves (`trees`), how states are compared into a plan (`plan`).

use keepwell_model::{ContentHash, EntryKind, ExtendedAttribute, Timestamp};
use serde::{Deserialize, Serialize};

/// The identity of an item in a pair, the same on both sides and in the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct NodeId(pub u64);

impl NodeId {
    /// The root folder of the pair.
    pub const ROOT: Self = Self(0);
    /// From here on ids are of items that were seen on the left and are not in the base yet: they last one run.
    pub const FRESH_LEFT: u64 = 1 << 61;
    /// From here on they are of items seen on the right.
    pub const FRESH_RIGHT: u64 = 1 << 62;

    /// Whether the item is not in the base yet.
    #[must_use]
    pub fn is_fresh(self) -> bool {
        self.0 >= Self::FRESH_LEFT
    }
}

/// One of the two sides of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first place; the source of one-way modes.
    Left,
    /// The second place.
    Right,
}

impl Side {
    /// Both, left first.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];

    /// The one across.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Left => Self::Right,
            Self::Right => Self::Left,
        }
    }
}

/// What is known of the content of a file or the target of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Folders have none.
    None,
    /// The plain BLAKE3 of the content (files) or of the target (links).
    Known(ContentHash),
    /// It was not read yet: known only to differ, or not known to be the same as any other.
    Unread,
}

/// [`State::attributes`] of an item that has none: the first bytes of the BLAKE3 of nothing.
pub const NO_ATTRIBUTES: [u8; 16] =
    [0xaf, 0x13, 0x49, 0xb9, 0xf5, 0xf9, 0xa1, 0xa6, 0xa0, 0x40, 0x4d, 0xea, 0x36, 0xdc, 0xc9, 0x49];

/// Extended attributes, which are sorted by name, as the bytes their hash is over: names and values in their order, each
/// behind its length (u64, little-endian).
pub(crate) fn packed_attributes(attributes: &[ExtendedAttribute]) -> Vec<u8> {
    let mut packed = Vec::new();
    for bytes in attributes.iter().flat_map(|attribute| [&attribute.name, &attribute.value]) {
        packed.extend((bytes.len() as u64).to_le_bytes());
        packed.extend(bytes);
    }
    packed
}

/// What an item is, apart from its name and place: what both sides have to agree on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct State {
    /// A file, a folder or a symbolic link; others never become nodes.
    pub kind: EntryKind,
    /// The length of a file; 0 for the others.
    pub size_bytes: u64,
    /// What it holds.
    pub content: Content,
    /// When it last changed, where the place tells.
    pub modified: Option<Timestamp>,
    /// Permission bits, where the place has them.
    pub mode: Option<u32>,
    /// A hash over its extended attributes, where both places keep them and the pair syncs them.
    pub attributes: Option<[u8; 16]>,
}

impl State {
    /// Whether both hold the same: the same kind and, for files and links, the same content for certain.
    #[must_use]
    pub fn is_same_content(&self, other: &Self) -> bool {
        self.kind == other.kind
            && match (self.content, other.content) {
                (Content::None, Content::None) => true,
                (Content::Known(one), Content::Known(two)) => {
                    one == two && self.size_bytes == other.size_bytes
                }
                _ => false,
            }
    }
}
