//! What one item of a local tree looks like, and what can go wrong with what surrounds its content.
//!
//! The same words on every system; a field a system does not have is nothing or 0. Deliberately not here: how any of
//! it is read or set (`unix`, `linux`, `macos`, `windows`).

use std::io;

use keepwell_model::{EntryKind, Identity, Metadata, Problem, Timestamp};

/// What the system says about one item, itself and never what it links to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: EntryKind,
    /// Length of the content, or of a symbolic link's target.
    pub size_bytes: u64,
    /// Space it takes on disk. Less than `size_bytes` hints at holes.
    pub allocated_bytes: u64,
    /// Permission bits with set-user-id, set-group-id and sticky (the lower 12 bits); 0 on Windows.
    pub mode: u32,
    /// Numeric owner; 0 on Windows.
    pub user_id: u32,
    /// Numeric group; 0 on Windows.
    pub group_id: u32,
    /// When the content last changed.
    pub modified: Timestamp,
    /// When content or metadata last changed.
    pub changed: Timestamp,
    /// When it was born, where the file system tells.
    pub created: Option<Timestamp>,
    /// Inode number, or the file id on Windows.
    pub inode: u64,
    /// Which file system it lies on: two items on one have the same number.
    pub file_system: u64,
    /// How many names it has.
    pub link_count: u64,
    /// Devices only: major and minor number.
    pub device: Option<(u32, u32)>,
    /// `FILE_ATTRIBUTE_*`; Windows only.
    pub windows_attributes: Option<u32>,
    /// `st_flags`; macOS only.
    pub bsd_flags: Option<u32>,
}

impl Stat {
    /// What the entry of a snapshot keeps of it; names of accounts and extended attributes are asked for elsewhere.
    #[must_use]
    pub fn metadata(&self) -> Metadata {
        Metadata {
            mode: self.mode,
            user_id: self.user_id,
            group_id: self.group_id,
            modified: self.modified,
            created: self.created,
            windows_attributes: self.windows_attributes,
            bsd_flags: self.bsd_flags,
            ..Metadata::default()
        }
    }

    /// What tells an unchanged file without reading it.
    #[must_use]
    pub fn identity(&self) -> Identity {
        Identity { inode: self.inode, changed: self.changed }
    }
}

/// One name in a folder, as a listing shows it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct NamedItem {
    /// The name: one component, as bytes.
    pub name: Vec<u8>,
    /// What it is, where the listing tells without a further question. Never a promise: ask [`Stat`] before use.
    pub kind: Option<EntryKind>,
    /// The inode number, or 0 where the listing does not tell: reading in this order spares a turning disk.
    pub inode: u64,
}

/// Which parts of the metadata are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MetadataOptions {
    /// Owner and group, by number. Only the administrator may give files away.
    pub owner: bool,
    /// Permission bits.
    pub mode: bool,
    /// Extended attributes with ACLs, and removal of those the entry does not have.
    pub attributes: bool,
    /// BSD flags or Windows attributes.
    pub flags: bool,
    /// Times.
    pub times: bool,
}

impl Default for MetadataOptions {
    /// All of it.
    fn default() -> Self {
        Self { owner: true, mode: true, attributes: true, flags: true, times: true }
    }
}

/// A part of the metadata.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MetadataPart {
    /// Owner and group.
    Owner,
    /// Permission bits.
    Mode,
    /// The extended attribute of this name; empty where they could not even be listed.
    Attribute(Vec<u8>),
    /// BSD flags or Windows attributes.
    Flags,
    /// Times.
    Times,
}

/// A part of the metadata that could not be set; the rest was.
#[derive(Debug)]
pub struct MetadataTrouble {
    /// Which part.
    pub part: MetadataPart,
    /// What the system said.
    pub source: io::Error,
}

/// What came of setting what surrounds an item.
#[derive(Debug)]
pub(super) struct Applied {
    /// What could not be set.
    pub troubles: Vec<MetadataTrouble>,
    /// What the item showed afterwards, where it had to be looked at.
    pub shows: Option<Stat>,
}

impl MetadataTrouble {
    /// The same for people.
    #[must_use]
    pub fn into_problem(self, path: impl Into<String>) -> Problem {
        let what = match &self.part {
            MetadataPart::Owner => "The owner could not be set; the content is there.".to_owned(),
            MetadataPart::Mode => "The permissions could not be set; the content is there.".to_owned(),
            MetadataPart::Attribute(name) if name.is_empty() => {
                "The extended attributes could not be set; the content is there.".to_owned()
            }
            MetadataPart::Attribute(name) => format!(
                "The extended attribute {} could not be set; the content is there.",
                String::from_utf8_lossy(name)
            ),
            MetadataPart::Flags => "The file flags could not be set; the content is there.".to_owned(),
            MetadataPart::Times => {
                "The time of last change could not be set; the content is there.".to_owned()
            }
        };
        let next = match self.source.kind() {
            io::ErrorKind::PermissionDenied => "Run it again as the administrator if you need it.",
            io::ErrorKind::Unsupported => "Use a target file system that can hold it if you need it.",
            _ => "Run it again; if it stays, check the target drive.",
        };
        Problem::new(path, what, self.source.to_string(), next)
    }
}
