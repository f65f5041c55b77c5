//! What a bucket tells and keeps of files and folders, in the words of the trait.
//!
//! Pure: answers of a service in, items out. Deliberately not here: asking (`tree`).

use std::collections::HashMap;

use keepwell_model::{EntryKind, Timestamp};
use opendal::Metadata;

use crate::tree::{Capabilities, Fingerprint, ItemMetadata, NameRules, TreeItem, UnicodeNames, Version};

/// What a bucket can do; of all three services the same but for names.
pub(super) fn capabilities(path_limit_bytes: u32, strong_versions: bool, is_azure: bool) -> Capabilities {
    Capabilities {
        stable_ids: false,
        strong_versions,
        folders: true,
        symlinks: false,
        modes: false,
        extended_attributes: false,
        times: false,
        time_grain_ns: 1_000_000_000,
        case_sensitive: true,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        // Azure takes a backslash for a slash, and lets no part of a name end with a dot.
        names: if is_azure { NameRules::Windows } else { NameRules::Text },
        name_limit_bytes: path_limit_bytes,
        path_limit_bytes,
        renames_folders: false,
        stages_from_existing: false,
        parallel: 16,
    }
}

/// A folder as answers show it: it is there, no more.
pub(super) fn folder_item(name: &[u8]) -> TreeItem {
    TreeItem {
        name: name.to_vec(),
        fingerprint: Fingerprint {
            kind: EntryKind::Folder,
            size_bytes: 0,
            modified: None,
            version: Version::default(),
            id: 0,
        },
        mode: None,
        link_count: 1,
    }
}

/// A file as answers show it; without its etag where listings lack them.
pub(super) fn file_item(name: &[u8], metadata: &Metadata, has_etags: bool) -> TreeItem {
    let mut item = folder_item(name);
    item.fingerprint = Fingerprint {
        kind: EntryKind::File,
        size_bytes: metadata.content_length(),
        // Listings tell more of the time than answers about one object do.
        modified: metadata.last_modified().map(|time| Timestamp::new(time.into_inner().as_second(), 0)),
        version: metadata.etag().filter(|_| has_etags).map(version_of).unwrap_or_default(),
        id: 0,
    };
    item
}

/// Listings and other answers may write the same etag with and without quotes.
fn version_of(etag: &str) -> Version {
    Version::of(etag.trim_start_matches("W/").trim_matches('"').as_bytes())
}

/// What of the metadata no bucket keeps. Permissions are not told: the capabilities say so for all files at once.
pub(super) fn not_kept(metadata: &ItemMetadata, with_time: bool) -> Vec<String> {
    let parts = [
        (with_time && metadata.modified.is_some(), "the time of the last change"),
        (
            metadata.extended_attributes.as_ref().is_some_and(|list| !list.is_empty()),
            "the extended attributes",
        ),
    ];
    parts
        .iter()
        .filter(|(lost, _)| *lost)
        .map(|(_, what)| format!("{what}: a bucket does not keep them"))
        .collect()
}

/// What is kept beside a file.
pub(super) fn user_metadata(metadata: &ItemMetadata) -> HashMap<String, String> {
    let time = metadata.modified.map(|time| format!("{}.{:09}", time.seconds, time.nanoseconds));
    time.map(|time| ("mtime".to_owned(), time)).into_iter().collect()
}
