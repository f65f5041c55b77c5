//! Reading what has to be compared by content before a plan can be made.
//!
//! Invariant: a file that can not be read, or changes while it is, is blind: nothing is decided about it in this run.
//! Deliberately not here: which files (`planner::moves`).

use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::tree::{Fingerprint, Tree};
use keepwell_model::{ContentHash, Control, Problem, RelativePath};
use parking_lot::Mutex;

use crate::error::SyncError;
use crate::node::{Content, NodeId, Side};
use crate::pair::shown;
use crate::place::copy::{CopyError, hash_file};
use crate::trees::{BaseTree, Seen, SeenEntry, SideTree};

/// A file of one side that has to be read.
pub(super) struct ToRead {
    pub side: Side,
    pub node: NodeId,
    pub path: RelativePath,
    pub seen: Fingerprint,
}

/// Where an item is on a side now; nothing where its folders do not lead to the root.
pub(super) fn path_now(base: &BaseTree, tree: &SideTree, side: Side, node: NodeId) -> Option<RelativePath> {
    let mut names: Vec<&[u8]> = Vec::new();
    let mut at = node;
    while at != NodeId::ROOT {
        if names.len() > base.len() + tree.changes.len() {
            return None;
        }
        at = match tree.changes.get(at) {
            Some(Seen::Gone) => return None,
            Some(Seen::Here(seen)) => {
                names.push(seen.name);
                seen.parent
            }
            None => {
                let entry = base.get(at)?;
                names.push(entry.name_on(side));
                entry.parent
            }
        };
    }
    names.into_iter().rev().try_fold(RelativePath::root(), |path, name| path.join(name).ok())
}

/// The files behind ids that were seen and not read yet. One that could not be read is not tried, and told, again.
pub(super) fn to_read(base: &BaseTree, tree: &SideTree, side: Side, nodes: &[NodeId]) -> Vec<ToRead> {
    nodes
        .iter()
        .filter_map(|node| {
            let is_unread = |seen: &SeenEntry<'_>| seen.state.content == Content::Unread;
            let seen = tree.changes.here(*node).filter(is_unread).filter(|_| !tree.blind.contains(node))?;
            let path = path_now(base, tree, side, *node)?;
            Some(ToRead { side, node: *node, path, seen: seen.fingerprint })
        })
        .collect()
}

/// Reads them in parallel, and fills in what they hold.
pub(super) fn read_all(
    files: &[ToRead],
    trees: [&dyn Tree; 2],
    sides: [&mut SideTree; 2],
    places: [&str; 2],
    workers: usize,
    control: &Control,
) -> Result<(), SyncError> {
    let bytes = files.iter().map(|file| file.seen.size_bytes).sum();
    control.add_total(files.len() as u64, bytes);
    let next = AtomicUsize::new(0);
    let hashes: Mutex<Vec<(usize, Option<ContentHash>)>> = Mutex::new(Vec::with_capacity(files.len()));
    let trouble: Mutex<Option<SyncError>> = Mutex::new(None);
    let work = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(number) else { return };
            if trouble.lock().is_some() {
                return;
            }
            control.set_current(file.path.as_bytes());
            let tree = trees[usize::from(file.side == Side::Right)];
            let hash = match hash_file(tree, &file.path, &file.seen, control) {
                Ok(hash) => hash,
                Err(CopyError::Cancelled) => {
                    *trouble.lock() = Some(SyncError::Cancelled);
                    return;
                }
                Err(CopyError::Changed) => None,
                Err(CopyError::Source(error) | CopyError::Target(error)) => {
                    control.problem(Problem::new(
                        shown(places[usize::from(file.side == Side::Right)], &file.path),
                        "This could not be read, so it is left alone.",
                        error.sentence(),
                        error.next_step(),
                    ));
                    None
                }
            };
            control.add_done(1, file.seen.size_bytes);
            hashes.lock().push((number, hash));
        }
    };
    let workers = workers.min(files.len()).max(1);
    std::thread::scope(|scope| {
        for _ in 1..workers {
            scope.spawn(work);
        }
        work();
    });
    if let Some(trouble) = trouble.into_inner() {
        return Err(trouble);
    }
    let [left, right] = sides;
    for (number, hash) in hashes.into_inner() {
        let file = &files[number];
        let side = if file.side == Side::Left { &mut *left } else { &mut *right };
        match hash.filter(|_| side.changes.here(file.node).is_some()) {
            Some(hash) => side.changes.set_content(file.node, Content::Known(hash)),
            None => {
                side.blind.insert(file.node);
            }
        }
    }
    Ok(())
}
