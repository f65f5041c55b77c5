//! The folders of two places, one level at a time, so that a person can tick which are synced.
//!
//! Invariants: nothing is changed or made; a place that can not be looked into is told beside what the other one has, and
//! never taken for an empty one; what opens a server is remembered for this process only.

use std::collections::BTreeMap;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, Tree};
use keepwell_jobs::Fault;
use keepwell_model::{EntryKind, RelativePath};

use super::sync_save::{address, credentials};
use crate::dto::sync::{SyncAccess, SyncFolder, SyncFolders, SyncFoldersGet};
use crate::error::ApiError;
use crate::open::Api;
use crate::path_text::display;

/// Folders in one answer.
const FOLDERS_LIMIT: usize = 2_000;

/// The names of the folders in a folder of a place. A folder below the root that this place does not have holds none.
fn folders(tree: &dyn Tree, folder: &RelativePath) -> Result<Vec<String>, EndpointError> {
    let items = match tree.list(folder) {
        Err(EndpointError::NotFound { .. }) if !folder.is_root() => Vec::new(),
        items => items?,
    };
    Ok(items
        .into_iter()
        .filter(|item| item.fingerprint.kind == EntryKind::Folder && item.name != OWN_FOLDER)
        // What is not text can not be named in a rule.
        .filter_map(|item| String::from_utf8(item.name).ok())
        .collect())
}

fn look(
    api: &Api,
    place: &str,
    access: Option<&SyncAccess>,
    folder: &RelativePath,
) -> Result<Vec<String>, ApiError> {
    let address = address(place)?;
    if let Some(credentials) = access.and_then(|access| credentials(&address, access)) {
        api.syncs.trees().give(&address, credentials);
    }
    let tree = api.syncs.trees().open(&address.to_string())?;
    Ok(folders(tree.as_ref(), folder).map_err(Fault::from)?)
}

pub(crate) fn sync_folders(api: &Api, request: SyncFoldersGet) -> Result<SyncFolders, ApiError> {
    let text = request.folder.unwrap_or_default();
    let folder = RelativePath::parse(text.as_bytes()).map_err(|error| {
        ApiError::bad_request(format!("\"{text}\" is no folder of a pair: {}.", error.why))
    })?;
    let left = look(api, &request.left, request.left_access.as_ref(), &folder);
    let right = look(api, &request.right, request.right_access.as_ref(), &folder);
    let mut found: BTreeMap<String, (bool, bool)> = BTreeMap::new();
    for name in left.iter().flatten() {
        found.entry(name.clone()).or_default().0 = true;
    }
    for name in right.iter().flatten() {
        found.entry(name.clone()).or_default().1 = true;
    }
    let truncated = found.len() > FOLDERS_LIMIT;
    let path = |name: &str| if text.is_empty() { name.to_owned() } else { format!("{text}/{name}") };
    let mut folders: Vec<SyncFolder> = found
        .into_iter()
        .map(|(name, (in_left, in_right))| SyncFolder {
            path: path(&name),
            name: display(name.as_bytes()),
            in_left,
            in_right,
        })
        .collect();
    folders.sort_by_cached_key(|folder| (folder.name.to_lowercase(), folder.name.clone()));
    folders.truncate(FOLDERS_LIMIT);
    Ok(SyncFolders { folders, truncated, left_error: left.err(), right_error: right.err() })
}
