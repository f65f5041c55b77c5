//! Moving an item inside a place: one rename, where the place renames folders.
//!
//! A bucket renames files only, by a copy and a removal which it makes itself: there a folder goes file by file, so that
//! a move can be broken off half-way, between two files or between the two halves of a rename. Invariants:
//! 1. Nothing is replaced. That no original goes before its copy is whole is the place's promise ([`Tree::rename`]).
//! 2. Before the first file goes it is written down what moves where. A move that was broken off goes on when it is asked
//!    for again; else the next run puts the item together again where it was, before it looks: what is in two halves, or
//!    there twice, is never taken for something a person did.
//! 3. A file in a folder that changed meanwhile, or whose new place is taken, stays where it is; all else goes over, and
//!    the answer is no success.
//!
//! Deliberately not here: where things go and why (`execute::item`, `execute::bin`, `bins::bring_back`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, Fingerprint, ItemMetadata, Tree, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, RelativePath};

use super::copy::{CopyError, hash_file};
use super::marker;
use crate::database::PairDatabase;
use crate::database::moves::Moving;
use crate::error::SyncError;
use crate::node::Side;

/// Moves things on one side.
pub(crate) struct Mover<'a> {
    pub tree: &'a dyn Tree,
    pub side: Side,
    pub database: &'a PairDatabase,
}

impl Mover<'_> {
    /// Moves a file, a link, or a folder with all in it. Between two files of a folder that goes file by file a person can
    /// stop it.
    pub(crate) fn move_item(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        expected: &Fingerprint,
        control: &Control,
    ) -> Result<TreeItem, CopyError> {
        if self.tree.capabilities().renames_folders {
            return relocate(self.tree, from, to, expected);
        }
        if to.starts_with(from) {
            return Err(CopyError::Changed);
        }
        let this = Moving { side: self.side, from: from.clone(), to: to.clone() };
        let not_written = |error| not_written_down(from, error);
        let goes_on = self.database.moving().map_err(not_written)?.contains(&this);
        if !goes_on {
            // What is there is not of this move: a folder of that name is none to move into.
            if self.tree.stat(to).map_err(CopyError::Target)?.is_some() {
                return Err(CopyError::Target(EndpointError::AlreadyExists { path: to.to_string() }));
            }
            self.database.moving_begins(&this).map_err(not_written)?;
        }
        let moved = move_any(self.tree, from, to, expected, goes_on, control)?;
        self.database.moving_ended(&this).map_err(not_written)?;
        Ok(moved)
    }
}

/// Puts together again what a move that was broken off left in two halves: where it was, as if it had not begun. Moves
/// that are `asked_for` again go on instead. What somebody changed meanwhile stays where it is; what a place does not
/// let us do ends it, because the halves would be taken for something a person did.
pub(crate) fn put_together<'a>(
    database: &PairDatabase,
    tree: impl Fn(Side) -> &'a dyn Tree,
    asked_for: impl Fn(&Moving) -> bool,
    control: &Control,
) -> Result<(), SyncError> {
    // The last one first: one may have been made room for by another.
    for half in database.moving()?.iter().rev().filter(|half| !asked_for(half)) {
        let (side, tree) = (half.side, tree(half.side));
        // Where another volume is at the path nothing is concluded.
        let known = database.identity(side)?;
        let is_known = |known| marker::is_known(tree, &known).map_err(SyncError::place(side));
        if !known.map(is_known).transpose()?.unwrap_or(false) {
            continue;
        }
        match move_back(tree, half, control) {
            Err(CopyError::Cancelled) => return Err(SyncError::Cancelled),
            Err(CopyError::Source(error) | CopyError::Target(error)) if !is_changed_meanwhile(&error) => {
                return Err(SyncError::Place { side, source: error });
            }
            result => {
                if let Err(trouble) = result {
                    tracing::warn!(from = %half.from, to = %half.to, ?trouble, "not all of it is together again");
                }
                database.moving_ended(half)?;
            }
        }
    }
    Ok(())
}

fn move_back(tree: &dyn Tree, half: &Moving, control: &Control) -> Result<(), CopyError> {
    let there = |path| tree.stat(path).map_err(CopyError::Target);
    // Where nothing is at the old place all of it went over; where nothing is at the new one it had not begun.
    if let (Some(old), Some(new)) = (there(&half.from)?, there(&half.to)?)
        && old.fingerprint.kind == new.fingerprint.kind
    {
        move_any(tree, &half.to, &half.from, &new.fingerprint, true, control)?;
    }
    Ok(())
}

fn move_any(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    expected: &Fingerprint,
    goes_on: bool,
    control: &Control,
) -> Result<TreeItem, CopyError> {
    match expected.kind {
        EntryKind::Folder => move_folder(tree, from, to, goes_on, control),
        _ => move_file(tree, from, to, expected, goes_on, control),
    }
}

/// Renames, to where nothing is.
pub(crate) fn relocate(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    expected: &Fingerprint,
) -> Result<TreeItem, CopyError> {
    tree.rename(from, to, &Expected::Item(*expected), &Expected::Absent).map_err(CopyError::Target)
}

/// Moves a folder file by file. With `goes_on` a part of it may be at its new place already.
fn move_folder(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    goes_on: bool,
    control: &Control,
) -> Result<TreeItem, CopyError> {
    let inside = tree.list(from).map_err(CopyError::Target)?;
    let folder = made_folder(tree, to, goes_on)?;
    let mut stays = None;
    for item in inside {
        control.checkpoint()?;
        let (Ok(old), Ok(new)) = (from.join(&item.name), to.join(&item.name)) else { continue };
        match move_any(tree, &old, &new, &item.fingerprint, goes_on, control) {
            Ok(_) => {}
            Err(error) if is_of_one_item(&error) => stays = stays.or(Some(error)),
            Err(error) => return Err(error),
        }
    }
    if let Some(error) = stays {
        return Err(error);
    }
    // Where something came into it meanwhile the place refuses, and nothing is lost.
    if let Some(item) = tree.stat(from).map_err(CopyError::Target)? {
        tree.remove(from, &item.fingerprint).map_err(CopyError::Target)?;
    }
    Ok(folder)
}

fn made_folder(tree: &dyn Tree, path: &RelativePath, goes_on: bool) -> Result<TreeItem, CopyError> {
    match tree.create_folder(path, &ItemMetadata::default()) {
        Ok(made) => Ok(made.item),
        Err(EndpointError::AlreadyExists { .. }) if goes_on => {
            let there = tree.stat(path).map_err(CopyError::Target)?;
            there.filter(|item| item.fingerprint.kind == EntryKind::Folder).ok_or(CopyError::Changed)
        }
        Err(error) => Err(CopyError::Target(error)),
    }
}

fn move_file(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    expected: &Fingerprint,
    goes_on: bool,
    control: &Control,
) -> Result<TreeItem, CopyError> {
    match relocate(tree, from, to, expected) {
        Err(error) if goes_on && is_of_one_item(&error) => match ended(tree, from, to, expected, control)? {
            Some(item) => Ok(item),
            None => Err(error),
        },
        result => result,
    }
}

/// Ends the move of a file that was broken off between the copy and the removal of the original; nothing where it is not
/// that: both are the same to the last byte. Their times differ: where they do not, both could be one file under two
/// names, on a service that takes them for one.
fn ended(
    tree: &dyn Tree,
    from: &RelativePath,
    to: &RelativePath,
    expected: &Fingerprint,
    control: &Control,
) -> Result<Option<TreeItem>, CopyError> {
    let can_be_it = |item: &TreeItem| {
        let print = &item.fingerprint;
        expected.kind == EntryKind::File
            && (print.kind, print.size_bytes) == (expected.kind, expected.size_bytes)
            && print.modified.zip(expected.modified).is_some_and(|(one, other)| one != other)
    };
    let Some(there) = tree.stat(to).map_err(CopyError::Target)?.filter(can_be_it) else { return Ok(None) };
    let Some(hash) = hash_here(tree, from, expected, control)? else { return Ok(None) };
    if hash_here(tree, to, &there.fingerprint, control)? != Some(hash) {
        return Ok(None);
    }
    tree.remove(from, expected).map_err(CopyError::Target)?;
    Ok(Some(there))
}

/// Takes a copy away again whose original is still where it was, the same to the last byte: a move that is a copy, or a
/// second name, and a removal was broken off between the two. Whether that was so. Asked of every place: whether a rename
/// is one step is known to nobody but the place's own programs (buckets copy, some file systems and servers link).
pub(crate) fn is_copy_removed(
    tree: &dyn Tree,
    original: &RelativePath,
    copy: &RelativePath,
    control: &Control,
) -> Result<bool, CopyError> {
    let there = |path| tree.stat(path).map_err(CopyError::Target);
    let (Some(from), Some(to)) = (there(original)?, there(copy)?) else { return Ok(false) };
    let (from, to) = (from.fingerprint, to.fingerprint);
    if (from.kind, to.kind) != (EntryKind::File, EntryKind::File) || from.size_bytes != to.size_bytes {
        return Ok(false);
    }
    let hash = hash_here(tree, original, &from, control)?;
    if hash.is_none() || hash != hash_here(tree, copy, &to, control)? {
        return Ok(false);
    }
    tree.remove(copy, &to).map_err(CopyError::Target)?;
    Ok(true)
}

/// The hash of a file of the place that is changed.
fn hash_here(
    tree: &dyn Tree,
    path: &RelativePath,
    seen: &Fingerprint,
    control: &Control,
) -> Result<Option<ContentHash>, CopyError> {
    hash_file(tree, path, seen, control).map_err(|error| match error {
        CopyError::Source(error) => CopyError::Target(error),
        error => error,
    })
}

/// What can not be written down may not be done.
fn not_written_down(path: &RelativePath, error: SyncError) -> CopyError {
    let (source, path) = (std::io::Error::other(error), path.to_string());
    CopyError::Target(EndpointError::Io { action: "move", path, source })
}

/// Whether trouble with a file in a folder says nothing about the others: it, or what is at its new place, is not what
/// was expected.
pub(crate) fn is_of_one_item(error: &CopyError) -> bool {
    match error {
        CopyError::Changed => true,
        CopyError::Source(error) | CopyError::Target(error) => is_changed_meanwhile(error),
        CopyError::Cancelled => false,
    }
}

/// Whether an error of a place says that the item is not what it was: a matter for the next run, no trouble.
pub(crate) fn is_changed_meanwhile(error: &EndpointError) -> bool {
    matches!(
        error,
        EndpointError::Changed { .. } | EndpointError::NotFound { .. } | EndpointError::AlreadyExists { .. }
    )
}
