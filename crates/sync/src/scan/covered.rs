//! Folders of this machine over which something else is mounted most of the time: while that is not there, what shows is
//! the folder below, and nothing in it was removed by anybody.
//!
//! Where the system tells what is mounted, such folders are known (`run::mounts`), whatever lies in them now. Else, and of
//! what was mounted before that was written down, a folder is taken for such a one only where it is empty and held
//! something, is another one than both sides agreed on, and was last changed before that: one that a person empties is the
//! same as before, and one that was made anew is young. Invariant: it is blind then, with all below it, and told each
//! time. Deliberately not here: the root itself (`run::prepare` asks which place it is).

use keepwell_endpoint::tree::TreeItem;
use keepwell_model::{EntryKind, Problem, RelativePath};

use super::{Scan, concerns_place};
use crate::error::SyncError;
use crate::node::NodeId;
use crate::pair::shown;
use crate::trees::BaseEntry;

impl Scan<'_> {
    /// Whether a folder of which all else says so shows nothing: only such a one is listed for it.
    pub(super) fn is_covered(&self, path: &RelativePath) -> Result<bool, SyncError> {
        match self.tree.list(path) {
            Ok(items) if items.is_empty() => {
                self.tell_covered(path);
                Ok(true)
            }
            Err(source) if concerns_place(&source) => Err(SyncError::Place { side: self.side, source }),
            // What can not be read is told when it is looked into.
            _ => Ok(false),
        }
    }

    /// As [`Scan::is_covered`], of one that a hint named and that holds nothing.
    pub(super) fn is_hinted_covered(&self, id: NodeId, path: &RelativePath) -> bool {
        let Some(entry) = self.base.get(id) else { return false };
        let is_covered = !self.base.children(id).is_empty()
            && matches!(self.tree.stat(path), Ok(Some(item)) if self.can_be_covered(id, &entry, &item));
        if is_covered {
            self.tell_covered(path);
        }
        is_covered
    }

    /// Whether a folder of the base can be one over which something was mounted, by all that tells without listing it.
    pub(super) fn can_be_covered(&self, id: NodeId, entry: &BaseEntry<'_>, item: &TreeItem) -> bool {
        let (now, before) = (&item.fingerprint, entry.fingerprint_on(self.side));
        let is_another = now.id != before.id && now.id != 0 && before.id != 0;
        is_another
            && now.kind == EntryKind::Folder
            && now
                .modified
                .zip(self.options.agreed_ms)
                .is_some_and(|(modified, agreed_ms)| modified.to_milliseconds() < agreed_ms)
            && self.tree.capabilities().stable_ids
            && self.tree.local_root().is_some()
            && !self.base.children(id).is_empty()
    }

    /// The folder a hint is about, or one above it, where that is covered.
    pub(super) fn covered_above(&self, folder: NodeId) -> Option<NodeId> {
        if self.options.covered.is_empty() {
            return None;
        }
        let above = |folder: &NodeId| self.base.get(*folder).map(|entry| entry.parent);
        std::iter::successors(Some(folder), above)
            .take_while(|folder| *folder != NodeId::ROOT)
            .find(|folder| self.options.covered.contains(folder))
    }

    pub(super) fn tell_unmounted(&self, path: &RelativePath) {
        self.control.problem(Problem::new(
            shown(self.options.place, path),
            "The drive that is mounted here is not there: what was in it is not taken for removed.",
            "What shows is the folder below it, or another drive; nothing in it is synced.",
            "Mount the drive, then run it again. If it is not to be here any more: give this folder another name, or mount \
             the other drive elsewhere, and run it.",
        ));
    }

    fn tell_covered(&self, path: &RelativePath) {
        self.control.problem(Problem::new(
            shown(self.options.place, path),
            "This folder is empty and another one than before: what was in it is not taken for removed.",
            "It looks like a folder over which a drive is mounted, while that drive is not there.",
            "Mount the drive, then run it again. If you emptied it yourself: remove the folder, run it, and make it anew.",
        ));
    }
}
