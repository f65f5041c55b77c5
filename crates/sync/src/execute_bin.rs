//! Putting what is replaced or removed into the bin of its side, and its index in the pair's database.
//!
//! The bin is `<root>/.keepwell/bin/<run>/<path it had>`: one rename where the place can rename. Invariants: before the
//! first file of a batch goes there, all that will go is written down (unsettled); what a crash left in between is
//! settled when the pair is opened again, and a file whose replacement never came is put back under its name.
//! Deliberately not here: thinning (`bin_care`), restoring and undo (`bring_back`).

use std::collections::HashSet;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, Fingerprint, ItemMetadata, OWN_FOLDER, Tree, TreeItem};
use keepwell_model::{Control, EntryKind, JobId, RelativePath};
use parking_lot::Mutex;

use crate::copy::{CopyError, hash_file};
use crate::database::PairDatabase;
use crate::error::SyncError;
use crate::node::Side;

/// The folder of the bin below [`OWN_FOLDER`].
pub const BIN_FOLDER: &[u8] = b"bin";
/// How many names are tried where something is at a place of the bin already.
const NAME_TRIES: u32 = 100;

/// Where an item of a run lies in the bin.
#[must_use]
pub fn bin_path(run: JobId, path: &RelativePath) -> RelativePath {
    let mut at = bin_of_run(run);
    for name in path.components() {
        at = joined(&at, name);
    }
    at
}

/// The bin of one run.
#[must_use]
pub fn bin_of_run(run: JobId) -> RelativePath {
    let own = joined(&RelativePath::root(), OWN_FOLDER);
    joined(&joined(&own, BIN_FOLDER), run.to_string().as_bytes())
}

/// Names that came out of a path, or are ours, are always names.
fn joined(path: &RelativePath, name: &[u8]) -> RelativePath {
    path.join(name).unwrap_or_else(|_| path.clone())
}

/// The folders of the bin of one side that are surely there.
#[derive(Default)]
pub(crate) struct BinFolders(Mutex<HashSet<RelativePath>>);

impl BinFolders {
    /// Makes a folder with all above it.
    pub(crate) fn make(&self, tree: &dyn Tree, folder: &RelativePath) -> Result<(), EndpointError> {
        if folder.is_root() || self.0.lock().contains(folder) {
            return Ok(());
        }
        if let Some(parent) = folder.parent() {
            self.make(tree, &parent)?;
        }
        match tree.create_folder(folder, &ItemMetadata::default()) {
            Ok(_) | Err(EndpointError::AlreadyExists { .. }) => {}
            // Some places answer otherwise where it is there already.
            Err(error) => match tree.stat(folder)? {
                Some(item) if item.fingerprint.kind == EntryKind::Folder => {}
                _ => return Err(error),
            },
        }
        self.0.lock().insert(folder.clone());
        Ok(())
    }
}

/// Puts a file or link into the bin, under the path given or, where something is there, one beside it. Where it lies.
pub(crate) fn put_into_bin(
    tree: &dyn Tree,
    folders: &BinFolders,
    path: &RelativePath,
    expected: &Fingerprint,
    wanted: &RelativePath,
    control: &Control,
) -> Result<(RelativePath, TreeItem), CopyError> {
    let parent = wanted.parent().unwrap_or_default();
    folders.make(tree, &parent).map_err(CopyError::Target)?;
    let mut target = wanted.clone();
    for number in 2..NAME_TRIES {
        let moved = relocate(tree, path, &target, expected, control);
        match moved {
            Ok(item) => return Ok((target, item)),
            Err(CopyError::Target(EndpointError::Changed { .. } | EndpointError::AlreadyExists { .. })) => {
                // Either it is not what was expected any more, or the bin holds something of this name.
                if tree.stat(&target).map_err(CopyError::Target)?.is_none() {
                    return Err(CopyError::Changed);
                }
            }
            Err(CopyError::Target(EndpointError::NotFound { .. })) => return Err(CopyError::Changed),
            Err(error) => return Err(error),
        }
        let mut name = wanted.name().unwrap_or_default().to_vec();
        name.extend_from_slice(format!(" ({number})").as_bytes());
        target = joined(&parent, &name);
    }
    Err(CopyError::Target(EndpointError::AlreadyExists { path: target.to_string() }))
}

/// Renames; where the place can not, copies inside the place, proves the copy and removes the original.
pub(crate) fn relocate(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    expected: &Fingerprint,
    control: &Control,
) -> Result<TreeItem, CopyError> {
    if tree.capabilities().renames_files || expected.kind != EntryKind::File {
        return tree
            .rename(from, to, &Expected::Item(*expected), &Expected::Absent)
            .map_err(CopyError::Target);
    }
    let Some(hash) = hash_file(tree, from, expected, control)? else { return Err(CopyError::Changed) };
    let staged = tree.stage(to, expected.size_bytes, Some(from)).map_err(CopyError::Target)?;
    let metadata = ItemMetadata { modified: expected.modified, ..ItemMetadata::default() };
    let published = staged.publish(to, &Expected::Absent, &metadata, &hash).map_err(CopyError::Target)?;
    tree.remove(from, expected).map_err(CopyError::Target)?;
    Ok(published.item)
}

/// Looks at what a crash left between the index and the bin. Trouble with a place is left for the next time.
pub(crate) fn settle<'a>(
    database: &PairDatabase,
    tree: impl Fn(Side) -> &'a dyn Tree,
) -> Result<(), SyncError> {
    let unsettled = database.unsettled_bin()?;
    let (mut kept, mut forgotten) = (Vec::new(), Vec::new());
    for item in &unsettled {
        let tree = tree(item.side);
        let there = if item.kind == EntryKind::Folder {
            // Nothing of a folder lies in the bin: it was empty.
            tree.stat(&item.path).map(|found| found.is_none().then_some(None))
        } else {
            tree.stat(&item.bin_path).map(|found| found.map(Some))
        };
        match there {
            Err(_) => {}
            Ok(None) => forgotten.push(item.id),
            Ok(Some(found)) => match found.filter(|_| item.is_replaced) {
                Some(found) if is_put_back(tree, &item.bin_path, &item.path, &found) => {
                    forgotten.push(item.id)
                }
                _ => kept.push(item.id),
            },
        }
    }
    database.settle_bin(&kept, &forgotten)
}

/// Puts a file back whose replacement never came.
fn is_put_back(tree: &dyn Tree, bin_path: &RelativePath, path: &RelativePath, found: &TreeItem) -> bool {
    matches!(tree.stat(path), Ok(None))
        && tree.rename(bin_path, path, &Expected::Item(found.fingerprint), &Expected::Absent).is_ok()
}
