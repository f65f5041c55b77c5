//! What a tree holds: files, folders, links and the rest, with all that must come back with them.

use crate::id::{ChunkId, ContentHash};
use crate::time::Timestamp;

/// The kind of a tree entry. Numbers are those of the repository format and never change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link; its target is bytes.
    Symlink,
    /// A named pipe.
    Pipe,
    /// A Unix socket: its place is kept, nothing can be restored of what it was connected to.
    Socket,
    /// A character device.
    CharacterDevice,
    /// A block device.
    BlockDevice,
}

/// One extended attribute, as the system names it. POSIX ACLs travel as `system.posix_acl_access` and
/// `system.posix_acl_default`, their attributes on Linux.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ExtendedAttribute {
    /// The full name, for instance `user.comment`.
    pub name: Vec<u8>,
    /// The value.
    pub value: Vec<u8>,
}

/// What surrounds the content of an entry. Fields of other systems are kept when an entry travels through.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Unix permission bits with set-user-id, set-group-id and sticky (the lower 12 bits). On Windows 0.
    pub mode: u32,
    /// Numeric owner. On Windows 0.
    pub user_id: u32,
    /// Numeric group. On Windows 0.
    pub group_id: u32,
    /// Owner's name where it was known.
    pub user_name: Option<String>,
    /// Group's name where it was known.
    pub group_name: Option<String>,
    /// When the content last changed.
    pub modified: Timestamp,
    /// When the entry was born, where the system knows (macOS, Windows, newer Linux file systems).
    pub created: Option<Timestamp>,
    /// Extended attributes sorted by name.
    pub extended_attributes: Vec<ExtendedAttribute>,
    /// Windows file attributes (`FILE_ATTRIBUTE_*`), where the source had them.
    pub windows_attributes: Option<u32>,
    /// Windows security descriptor in self-relative form, where the source had one.
    pub windows_security_descriptor: Option<Vec<u8>>,
    /// BSD and macOS file flags (`st_flags`), where the source had them.
    pub bsd_flags: Option<u32>,
}

/// What tells an unchanged file without reading it, and hard links from each other. Meaningful on one machine only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// Inode number, or the file id on Windows; 0 where unknown.
    pub inode: u64,
    /// When the inode last changed (content or metadata); on Windows the change time.
    pub changed: Timestamp,
}

/// A piece of a file's content, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    /// A stored chunk.
    Chunk {
        /// Its keyed identity.
        id: ChunkId,
        /// Its length, in bytes, before compression.
        length_bytes: u32,
    },
    /// A run of zero bytes that need not be stored, and that a restore leaves as a hole.
    Hole {
        /// Its length.
        length_bytes: u64,
    },
}

/// A file's content: its whole-file hash and where its pieces are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Plain BLAKE3 over all bytes, holes read as zeros.
    pub hash: ContentHash,
    /// The pieces in order; their lengths add up to the file's size. Empty for an empty file.
    pub pieces: Vec<Piece>,
}

/// One entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name: one component, as bytes.
    pub name: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// Size in bytes (files); the length of the target (symbolic links); otherwise 0.
    pub size_bytes: u64,
    /// What surrounds the content.
    pub metadata: Metadata,
    /// What tells that it is unchanged.
    pub identity: Identity,
    /// Files with more than one name share this number within one snapshot; nothing for files with one name.
    pub link_group: Option<u64>,
    /// Files only.
    pub content: Option<Content>,
    /// Symbolic links only: where it points, as bytes.
    pub target: Option<Vec<u8>>,
    /// Devices only: `st_rdev` as (major, minor).
    pub device: Option<(u32, u32)>,
    /// Folders only: the chunks that hold the folder's entries, in the order of names. Empty for an empty folder.
    pub pages: Vec<ChunkId>,
}

impl Entry {
    /// An entry of the given name and kind with nothing else known.
    #[must_use]
    pub fn new(name: Vec<u8>, kind: EntryKind) -> Self {
        Self {
            name,
            kind,
            size_bytes: 0,
            metadata: Metadata::default(),
            identity: Identity::default(),
            link_group: None,
            content: None,
            target: None,
            device: None,
            pages: Vec::new(),
        }
    }
}
