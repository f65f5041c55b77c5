//! Folders of our own that nobody may write in, opened for as long as a run changes something in them.
//!
//! Only where the place refused something, and only if we may: to the owner of the folder alone, nobody else sees more of
//! it. Invariants:
//! 1. Before a folder is opened the base says of that side that the folder is not finished, as of one that a run made,
//!    and no loss of power takes that back. So wherever the run is broken off, the next one takes its permissions for
//!    what they were, and sets them.
//! 2. One whose permissions are not those both sides agreed on is left as it is: somebody changed them just now.
//!
//! Closed again with the times of folders (`execute::times`). Deliberately not here: the root, undo, bringing back.

use std::collections::{BTreeMap, BTreeSet};

use keepwell_endpoint::tree::ItemMetadata;
use keepwell_model::{EntryKind, Timestamp};

use super::item::OPEN_TO_US;
use super::view::View;
use super::{Execution, apply};
use crate::database::BaseChange;
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::plan::{Action, Agreement, Operation, Plan};
use crate::trees::{BaseNode, BaseTree};

/// Folders that are open for the moment, by the ids of the base, with the times they showed.
pub(crate) type Opened = BTreeMap<(Side, NodeId), Option<Timestamp>>;

/// What lets the owner put something into a folder.
const WRITE: u32 = 0o200;
/// Setting permissions may take these away for good.
const SET_IDS: u32 = 0o6000;

impl Execution<'_> {
    /// Opens the folders in which these rows were refused; whether there was one.
    pub(super) fn open_folders(&self, refused: &[usize], view: &View<'_>) -> Result<bool, SyncError> {
        let times = Side::BOTH.iter().all(|side| self.tools.tree(*side).capabilities().times);
        if !times {
            // Nothing would close them.
            return Ok(false);
        }
        let rows = refused.iter().map(|number| &self.plan.operations[*number]);
        let folders: BTreeSet<_> = rows.flat_map(|row| folders_of(row, view)).collect();
        let mut is_one_open = false;
        for (side, folder) in folders {
            is_one_open |= self.open_folder(side, folder, view.next_id())?;
        }
        Ok(is_one_open)
    }

    fn open_folder(&self, side: Side, id: NodeId, next_id: u64) -> Result<bool, SyncError> {
        let known = {
            let base = self.base.read();
            let entry = base.get(id).filter(|entry| entry.state.kind == EntryKind::Folder);
            entry.and_then(|entry| Some((entry.to_node(), base.path_on(side, id)?)))
        };
        let Some((mut node, path)) = known else { return Ok(false) };
        let tree = self.tools.tree(side);
        let found = tree.stat(&path).ok().flatten();
        let Some(item) = found.filter(|item| item.fingerprint.kind == EntryKind::Folder) else {
            return Ok(false);
        };
        let Some(mode) = item.mode.filter(|mode| mode & WRITE == 0) else {
            // Another row has set its permissions since, or it was no matter of them.
            return Ok(true);
        };
        if node.state.mode != Some(mode) || mode & SET_IDS != 0 {
            return Ok(false);
        }
        not_finished(&mut node, side);
        let change = BaseChange::Put(id, Box::new(node));
        self.database.advance_base_for_certain(std::slice::from_ref(&change), next_id)?;
        apply(&mut self.base.write(), change);
        self.opened.lock().entry((side, id)).or_insert(item.fingerprint.modified);
        let open = ItemMetadata { mode: Some(mode | OPEN_TO_US), ..ItemMetadata::default() };
        Ok(tree.set_metadata(&path, &item.fingerprint, &open).is_ok())
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

/// As of a folder that a run made, until its permissions are set.
fn not_finished(node: &mut BaseNode, side: Side) {
    match side {
        Side::Left => node.left.modified = None,
        Side::Right => node.right.modified = None,
    }
}

/// The folders a row writes in, by the ids of the base: where something comes, where it leaves, and a folder that moves,
/// because it says where it lies.
fn folders_of(operation: &Operation, view: &View<'_>) -> Vec<(Side, NodeId)> {
    let side = operation.side;
    let here = operation.node_on(side);
    let moves = matches!(operation.action, Action::Move { .. }) && operation.kind == EntryKind::Folder;
    let itself = moves.then_some(here);
    let folders = [operation.into_folder(), view.parent(side, here), itself].into_iter().flatten();
    folders.filter_map(|id| view.base_id(id)).filter(|id| *id != NodeId::ROOT).map(|id| (side, id)).collect()
}
