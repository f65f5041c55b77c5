//! What a server tells of an item, in the words of trees; and the small errors and path pieces that go with it.
//!
//! Pure. Deliberately not here: asking.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use keepwell_model::{EntryKind, Timestamp};

use super::error::SftpError;
use super::packet::{Attributes, status};
use crate::error::EndpointError;
use crate::tree::{Expected, Fingerprint, ItemMetadata, TreeItem, Version};

/// Whether what is seen is what was expected.
pub(super) fn fits(seen: Option<&Attributes>, expected: &Expected) -> bool {
    match (seen, expected) {
        (None, Expected::Absent) => true,
        (Some(seen), Expected::Item(known)) => item_of(b"", seen).fingerprint.is_unchanged_since(known),
        _ => false,
    }
}

/// An item out of what the server tells.
pub(super) fn item_of(name: &[u8], attributes: &Attributes) -> TreeItem {
    let mode = attributes.mode.unwrap_or(0o100_000);
    let kind = match mode & 0o170_000 {
        0o040_000 => EntryKind::Folder,
        0o120_000 => EntryKind::Symlink,
        0o010_000 => EntryKind::Pipe,
        0o140_000 => EntryKind::Socket,
        0o020_000 => EntryKind::CharacterDevice,
        0o060_000 => EntryKind::BlockDevice,
        _ => EntryKind::File,
    };
    let sized = matches!(kind, EntryKind::File | EntryKind::Symlink);
    TreeItem {
        name: name.to_vec(),
        fingerprint: Fingerprint {
            kind,
            size_bytes: if sized { attributes.size_bytes.unwrap_or(0) } else { 0 },
            modified: attributes.times.map(|(_, modified)| Timestamp::new(i64::from(modified), 0)),
            version: Version::default(),
            id: 0,
        },
        mode: attributes.mode.map(|mode| mode & 0o7777),
        link_count: 1,
    }
}

/// What the protocol can be told of the metadata; what it can not goes into `not_kept`.
pub(super) fn attributes_of(metadata: &ItemMetadata, not_kept: &mut Vec<String>) -> Attributes {
    let times = metadata.modified.and_then(|modified| {
        let seconds = u32::try_from(modified.seconds).ok();
        if seconds.is_none() {
            not_kept.push("the time of the last change: SFTP knows only 1970 to 2106".to_owned());
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok();
        let now = now.and_then(|now| u32::try_from(now.as_secs()).ok());
        seconds.map(|seconds| (now.unwrap_or(seconds), seconds))
    });
    if metadata.extended_attributes.as_ref().is_some_and(|attributes| !attributes.is_empty()) {
        not_kept.push("the extended attributes: SFTP has none".to_owned());
    }
    Attributes { mode: metadata.mode.map(|mode| mode & 0o7777), times, ..Attributes::default() }
}

pub(super) fn changed(path: String) -> SftpError {
    SftpError::Closed(Arc::new(EndpointError::Changed { path }))
}

pub(super) fn exists(path: String) -> SftpError {
    SftpError::Closed(Arc::new(EndpointError::AlreadyExists { path }))
}

pub(super) fn absent() -> SftpError {
    SftpError::Status { code: status::NO_SUCH_FILE, message: "No such file".to_owned() }
}

pub(super) fn folder_of(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) | None => b"/",
        Some(end) => &path[..end],
    }
}

pub(super) fn name_of(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(path, |end| &path[end + 1..])
}
