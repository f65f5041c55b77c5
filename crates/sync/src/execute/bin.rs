//! Putting what is replaced or removed into the bin of its side, and its index in the pair's database.
//!
//! The bin is `<root>/.keepwell/bin/<run>/<path it had>`: one rename where the place can rename. Invariants: before the
//! first file of a batch goes there, all that will go is written down (unsettled), each with a place of its own; before
//! one goes elsewhere, because something is there already, that is written down too. So whatever a crash left in between
//! is found when the pair is opened again, and a file whose replacement never came is put back under its name.
//! Deliberately not here: thinning (`bins::care`), restoring (`bins::bring_back`) and undo (`bins::undo`).

use std::borrow::Cow;
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Capabilities, Expected, Fingerprint, OWN_FOLDER, Tree, TreeItem};
use keepwell_model::{Control, EntryKind, JobId, RelativePath};

use crate::database::PairDatabase;
use crate::database::rows::BinItem;
use crate::error::SyncError;
use crate::names;
use crate::node::{NodeId, Side};
use crate::place::copy::CopyError;
pub use crate::place::made_folders::BIN_FOLDER;
use crate::place::made_folders::{MadeFolders, NAME_TRIES, joined, numbered};
use crate::place::marker;
use crate::place::relocate::{is_copy_removed, relocate};

/// What follows the run in the name of a second folder of its, see [`bin_path_again`].
pub(crate) const AGAIN: &str = "-again";

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

/// Where an item of a run lies in the bin that had the same path as an earlier one of that run.
#[must_use]
pub(crate) fn bin_path_again(run: JobId, path: &RelativePath) -> RelativePath {
    let bin = joined(&joined(&RelativePath::root(), OWN_FOLDER), BIN_FOLDER);
    let again = joined(&bin, format!("{run}{AGAIN}").as_bytes());
    path.components().fold(again, |at, name| joined(&at, name))
}

/// What two paths on a place have in common exactly where they are one there: a folder of the bin keeps the name it was
/// made with, whatever form of it is asked for.
pub(crate) fn path_key<'p>(path: &'p RelativePath, place: &Capabilities) -> Cow<'p, [u8]> {
    names::key(path.as_bytes(), place)
}

/// What goes to the bin with a row: its number in the index, and where it shall lie.
pub(crate) struct Planned {
    pub id: i64,
    pub path: RelativePath,
}

/// Puts a file or link into the bin, under the path given or, where something is there, one beside it: the index learns
/// that first. Where it lies.
pub(crate) fn put_into_bin(
    tree: &dyn Tree,
    folders: &MadeFolders,
    path: &RelativePath,
    expected: &Fingerprint,
    planned: &Planned,
    database: &PairDatabase,
) -> Result<(RelativePath, TreeItem), CopyError> {
    let wanted = &planned.path;
    let folder =
        folders.make_or_beside(tree, &wanted.parent().unwrap_or_default()).map_err(CopyError::Target)?;
    let name = wanted.name().unwrap_or_default();
    for number in 1..=NAME_TRIES {
        let target = joined(&folder, &numbered(name, number));
        if target != *wanted {
            database.move_in_bin(planned.id, &target).map_err(|error| {
                let (source, path) = (std::io::Error::other(error), path.to_string());
                CopyError::Target(EndpointError::Io { action: "put into the bin", path, source })
            })?;
        }
        match relocate(tree, path, &target, expected) {
            Ok(item) => return Ok((target, item)),
            Err(CopyError::Target(EndpointError::Changed { .. } | EndpointError::AlreadyExists { .. })) => {
                // Either it is not what was expected any more, or the bin holds something of this name.
                let there = |path| tree.stat(path).map_err(CopyError::Target);
                let is_as_it_was = |now: TreeItem| now.fingerprint.is_unchanged_since(expected);
                if there(&target)?.is_none() || !there(path)?.is_some_and(is_as_it_was) {
                    return Err(CopyError::Changed);
                }
            }
            Err(CopyError::Target(EndpointError::NotFound { .. })) => return Err(CopyError::Changed),
            Err(error) => return Err(error),
        }
    }
    Err(CopyError::Target(EndpointError::AlreadyExists { path: joined(&folder, name).to_string() }))
}

/// Looks at what a crash left between the index and the bin. What was removed the base forgets: what is at its place later
/// is the work of somebody, and no version of it that could replace what the other side has. Trouble with a place is left for the next time; so is all of
/// a side where another volume is at the path: that says nothing of what lies in the bin.
pub(crate) fn settle<'a>(
    database: &PairDatabase,
    tree: impl Fn(Side) -> &'a dyn Tree,
    control: &Control,
) -> Result<(), SyncError> {
    let unsettled = database.unsettled_bin()?;
    for side in Side::BOTH {
        if !unsettled.iter().any(|item| item.side == side) {
            continue;
        }
        let known = database.identity(side)?;
        let is_known =
            || known.as_ref().is_some_and(|known| marker::is_known(tree(side), known).unwrap_or(false));
        if !is_known() {
            continue;
        }
        let of_side = unsettled.iter().filter(|item| item.side == side);
        let found = settled(database, tree(side), of_side, control)?;
        // The index forgets only what is surely out of the bin. Asked again: the place may have gone meanwhile.
        let is_lasting = !found.is_moved || tree(side).sync().is_ok();
        if is_lasting && is_known() {
            database.forget_in_base(&found.removed)?;
            database.settle_bin(&found.kept, &found.forgotten)?;
        }
    }
    Ok(())
}

/// What became of items that were to go to the bin.
#[derive(Default)]
struct Settled {
    kept: Vec<i64>,
    /// Files and links that were removed, and the base may not know of it.
    removed: Vec<NodeId>,
    forgotten: Vec<i64>,
    is_moved: bool,
}

fn settled<'i>(
    database: &PairDatabase,
    tree: &dyn Tree,
    unsettled: impl Iterator<Item = &'i BinItem>,
    control: &Control,
) -> Result<Settled, SyncError> {
    let mut of_others = OfOthers::new();
    let mut settled = Settled::default();
    for item in unsettled {
        let there = if item.kind == EntryKind::Folder {
            // Nothing of a folder lies in the bin: it was empty.
            tree.stat(&item.path).map(|found| found.is_none().then_some(None))
        } else {
            tree.stat(&item.bin_path).map(|found| found.filter(|found| is_it(item, found)).map(Some))
        };
        match there {
            Err(_) => {}
            Ok(None) => settled.forgotten.push(item.id),
            Ok(Some(Some(_))) if !takes_place(database, tree, item, &mut of_others)? => {
                settled.forgotten.push(item.id);
            }
            Ok(Some(found)) => match is_copy_removed(tree, &item.path, &item.bin_path, control) {
                Err(CopyError::Cancelled) => return Err(SyncError::Cancelled),
                Err(_) => {}
                // It was to go by a copy and a removal, and the removal never came.
                Ok(true) => {
                    settled.forgotten.push(item.id);
                    settled.is_moved = true;
                }
                Ok(false) => lies_there(tree, item, found, &mut settled),
            },
        }
    }
    Ok(settled)
}

/// What lies in the bin, or was removed there, is put back or kept.
fn lies_there(tree: &dyn Tree, item: &BinItem, found: Option<TreeItem>, settled: &mut Settled) {
    match found.filter(|_| item.is_replaced) {
        Some(found) => match is_put_back(tree, item, &found) {
            Ok(true) => {
                settled.forgotten.push(item.id);
                settled.is_moved = true;
            }
            Ok(false) => settled.kept.push(item.id),
            // It may be at either place: the next look tells.
            Err(_) => {}
        },
        None => {
            settled.kept.push(item.id);
            if item.kind != EntryKind::Folder {
                settled.removed.push(item.node);
            }
        }
    }
}

/// Places of the bin of one side that are taken, by run.
type OfOthers = HashMap<JobId, HashSet<Vec<u8>>>;

/// Whether what lies there is this item, and no earlier one's of a run that went on under its number.
fn takes_place(
    database: &PairDatabase,
    tree: &dyn Tree,
    item: &BinItem,
    of_others: &mut OfOthers,
) -> Result<bool, SyncError> {
    let key = |item: &BinItem| path_key(&item.bin_path, tree.capabilities()).into_owned();
    let of_run = match of_others.entry(item.run) {
        Entry::Occupied(known) => known.into_mut(),
        Entry::Vacant(unknown) => {
            let settled = database.bin_items_of(item.run)?;
            // A folder takes no place: nothing of it lies in the bin.
            let lies = |other: &&BinItem| other.side == item.side && other.kind != EntryKind::Folder;
            unknown.insert(settled.iter().filter(lies).map(key).collect())
        }
    };
    Ok(of_run.insert(key(item)))
}

/// Whether what lies in the bin can be what was to be put there.
fn is_it(item: &BinItem, found: &TreeItem) -> bool {
    found.fingerprint.kind == item.kind
        && (item.kind != EntryKind::File || found.fingerprint.size_bytes == item.size_bytes)
}

/// Puts a file back whose replacement never came; whether that was so.
fn is_put_back(tree: &dyn Tree, item: &BinItem, found: &TreeItem) -> Result<bool, EndpointError> {
    let folder = item.path.parent().unwrap_or_default();
    let is_folder = |item: TreeItem| item.fingerprint.kind == EntryKind::Folder;
    if tree.stat(&item.path)?.is_some() || !(folder.is_root() || tree.stat(&folder)?.is_some_and(is_folder)) {
        return Ok(false);
    }
    let expected = Expected::Item(found.fingerprint);
    tree.rename(&item.bin_path, &item.path, &expected, &Expected::Absent)?;
    Ok(true)
}
