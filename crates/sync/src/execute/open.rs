//! Folders of our own that nobody may write in, opened for as long as a run changes something in them; also those that the
//! run itself makes.
//!
//! Only to the owner of the folder alone, nobody else sees more of it: one that both sides had, where the place refused
//! something, and only if we may; one that a run made, before something comes into it. Invariants:
//! 1. Before a folder is opened the base says of that side that the folder is not finished, as of one that a run made,
//!    and no loss of power takes that back. So wherever the run is broken off, the next one takes its permissions for
//!    what they were, and sets them.
//! 2. One that the base does not know has never more permissions than it is to have. So when a run is broken off that made
//!    it, the next one finds nothing that could be taken for what a person did.
//! 3. One whose permissions are not those both sides agreed on is left as it is: somebody changed them just now.
//! 4. The disk is waited for once a batch, however many folders that opens, and not at all where none is closed.
//!
//! Closed again with the times of folders (`execute::times`). Deliberately not here: the root, undo, bringing back.

use std::collections::{BTreeMap, BTreeSet};

use keepwell_endpoint::tree::{Fingerprint, ItemMetadata, TreeItem};
use keepwell_model::{EntryKind, RelativePath, Timestamp};

use super::view::View;
use super::{Execution, Progress, apply};
use crate::database::BaseChange;
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::plan::{Action, Agreement, Operation, Plan};
use crate::trees::{BaseNode, BaseTree, is_stale};

/// Folders that are open for the moment, by the ids of the base, with the times they showed.
pub(crate) type Opened = BTreeMap<(Side, NodeId), Option<Timestamp>>;

/// What its owner needs of a folder to put something into it.
const OPEN_TO_US: u32 = 0o700;
/// Setting permissions may take these away for good.
const SET_IDS: u32 = 0o6000;

/// Whether permissions keep even the owner of a folder from putting something into it.
pub(super) fn is_closed(mode: u32) -> bool {
    mode & OPEN_TO_US != OPEN_TO_US
}

/// A folder that is about to be opened.
struct Closed {
    side: Side,
    id: NodeId,
    path: RelativePath,
    seen: Fingerprint,
    mode: u32,
}

impl Execution<'_> {
    /// Whether this row made a folder that has to be opened before something can come into it.
    pub(super) fn is_made_closed(&self, operation: &Operation, node: &BaseNode) -> bool {
        matches!(operation.action, Action::CreateFolder { .. })
            && node.state.mode.is_some_and(is_closed)
            && self.tools.tree(operation.side).capabilities().modes
    }

    /// Opens the folders that this run made closed and in which these rows do something.
    pub(super) fn open_made(&self, rows: &[usize], progress: &mut Progress<'_, '_>) -> Result<(), SyncError> {
        if progress.made_closed.is_empty() {
            return Ok(());
        }
        let mut folders = self.folders_of(rows, &progress.view.read());
        folders.retain(|folder| progress.made_closed.remove(folder));
        if folders.is_empty() {
            return Ok(());
        }
        self.open_folders(folders, progress).map(drop)
    }

    /// The folders in which these rows do something.
    pub(super) fn folders_of(&self, rows: &[usize], view: &View<'_>) -> BTreeSet<(Side, NodeId)> {
        let rows = rows.iter().map(|number| &self.plan.operations[*number]);
        rows.flat_map(|row| folders_of(row, view)).collect()
    }

    /// Opens folders; whether one of them is open.
    pub(super) fn open_folders(
        &self,
        folders: BTreeSet<(Side, NodeId)>,
        progress: &mut Progress<'_, '_>,
    ) -> Result<bool, SyncError> {
        // What was done so far is on the disk before the base says anything of these folders.
        progress.flush()?;
        let times = Side::BOTH.iter().all(|side| self.tools.tree(*side).capabilities().times);
        if !times {
            // Nothing would close them.
            return Ok(false);
        }
        let mut is_one_open = false;
        let mut closed = Vec::new();
        let mut noted: BTreeMap<NodeId, BaseNode> = BTreeMap::new();
        for (side, id) in folders {
            let Some((node, path, item)) = self.folder_now(side, id) else { continue };
            let Some(mode) = item.mode.filter(|mode| is_closed(*mode)) else {
                // Another row has set its permissions since, or it was no matter of them.
                is_one_open = true;
                continue;
            };
            if !is_left_to_us(&node, side, mode) {
                continue;
            }
            not_finished(noted.entry(id).or_insert(node), side);
            closed.push(Closed { side, id, path, seen: item.fingerprint, mode });
        }
        if closed.is_empty() {
            return Ok(is_one_open);
        }
        let changes: Vec<_> =
            noted.into_iter().map(|(id, node)| BaseChange::Put(id, Box::new(node))).collect();
        self.database.advance_base_for_certain(&changes, progress.view.read().next_id())?;
        let mut base = self.base.write();
        changes.into_iter().for_each(|change| apply(&mut base, change));
        drop(base);
        for Closed { side, id, path, seen, mode } in closed {
            self.opened.lock().entry((side, id)).or_insert(seen.modified);
            let open = ItemMetadata { mode: Some(mode | OPEN_TO_US), ..ItemMetadata::default() };
            is_one_open |= self.tools.tree(side).set_metadata(&path, &seen, &open).is_ok();
        }
        Ok(is_one_open)
    }

    /// A folder of the base, as it is there now.
    fn folder_now(&self, side: Side, id: NodeId) -> Option<(BaseNode, RelativePath, TreeItem)> {
        let (node, path) = {
            let base = self.base.read();
            let entry = base.get(id).filter(|entry| entry.state.kind == EntryKind::Folder)?;
            (entry.to_node(), base.path_on(side, id)?)
        };
        let item = self.tools.tree(side).stat(&path).ok().flatten()?;
        (item.fingerprint.kind == EntryKind::Folder).then_some((node, path, item))
    }

    pub(super) fn is_open(&self, side: Side, folder: NodeId) -> bool {
        self.opened.lock().contains_key(&(side, folder))
    }

    /// What the base learns of a folder that is open says that it is not finished; unless the row itself set its
    /// permissions.
    pub(super) fn keep_in_mind(&self, operation: Option<&Operation>, change: &mut BaseChange) {
        let BaseChange::Put(id, node) = change else { return };
        let mut opened = self.opened.lock();
        let sets_mode = |row: &&Operation| {
            matches!(row.action, Action::SetMetadata)
                && row.metadata().is_none_or(|change| change.mode.is_some())
        };
        if let Some(row) = operation.filter(sets_mode) {
            opened.remove(&(row.side, *id));
        }
        for side in Side::BOTH.into_iter().filter(|side| opened.contains_key(&(*side, *id))) {
            not_finished(node, side);
        }
    }
}

/// Of the folders of a plan those that a run which was broken off left open, or made and did not finish. Others are found
/// by their times.
pub(crate) fn left_open(plan: &Plan, base: &BaseTree) -> Opened {
    let rows = plan.operations.iter().map(|row| row.node);
    let agreed = plan.agreements.iter().map(|agreement| match *agreement {
        Agreement::Same { left: node, .. }
        | Agreement::SamePlace(node)
        | Agreement::BothGone(node)
        | Agreement::Displaced { node, .. } => node,
    });
    let mut opened = Opened::new();
    for id in rows.chain(agreed).filter(|id| *id != NodeId::ROOT) {
        let Some(entry) = base.get(id).filter(|entry| entry.state.kind == EntryKind::Folder) else {
            continue;
        };
        let open = Side::BOTH.into_iter().filter(|side| entry.fingerprint_on(*side).modified.is_none());
        opened.extend(open.map(|side| ((side, id), None)));
    }
    opened
}

/// Whether a folder with these permissions may be opened: one that is not finished gets its own in any case.
fn is_left_to_us(node: &BaseNode, side: Side, mode: u32) -> bool {
    let print = node.fingerprint_on(side);
    let is_unfinished = print.modified.is_none() && !is_stale(print);
    is_unfinished || (node.state.mode == Some(mode) && mode & SET_IDS == 0)
}

/// As of a folder that a run made, until its permissions are set.
fn not_finished(node: &mut BaseNode, side: Side) {
    match side {
        Side::Left => node.left.modified = None,
        Side::Right => node.right.modified = None,
    }
}

/// The folders a row writes in, by the ids of the base: where something comes, where it leaves; a folder that moves,
/// because it says where it lies; and one that is finished, because its attributes are written like what is in it.
fn folders_of(operation: &Operation, view: &View<'_>) -> Vec<(Side, NodeId)> {
    let side = operation.side;
    let here = operation.node_on(side);
    let moves = matches!(operation.action, Action::Move { .. }) && operation.kind == EntryKind::Folder;
    let itself = (moves || operation.finishes_new_folder()).then_some(here);
    let folders = [operation.into_folder(), view.parent(side, here), itself].into_iter().flatten();
    folders.filter_map(|id| view.base_id(id)).filter(|id| *id != NodeId::ROOT).map(|id| (side, id)).collect()
}
