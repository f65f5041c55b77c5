//! Times, permissions and extended attributes that a run set, put back as they were.
//!
//! Invariants: only what the run set is touched, and only where all of that is what the run made of it, or already what
//! was before; the content is not. The base does not learn of it: it comes as a change of that side, like what was moved or
//! removed, so the next run carries it to the other side. Were the base to say what was before, that run would set all of
//! it again. Deliberately not here: what was there (`database::before`), the times of folders, which follow what is in
//! them.

use keepwell_endpoint::tree::{ItemMetadata, Tree, TreeItem};
use keepwell_model::{Control, JobId, Problem};

use super::bring_back::{Alone, Deeds, Trouble};
use crate::database::before::{Before, Surround};
use crate::database::rows::JournalLine;
use crate::error::SyncError;
use crate::pair::shown;
use crate::plan::Why;
use crate::planner::differ;
use crate::run::Syncer;
use crate::run_types::ActionKind;
use crate::scan::attributes_hash;

const CHANGED: Alone = Alone(
    "Its times, permissions or attributes were changed after that run, or it is not there any more.",
    "Look at it, and set them by hand where they matter.",
);

impl Deeds<'_> {
    /// Puts back what a line of a journal set.
    pub(super) fn put_back(
        &self,
        line: &JournalLine,
        before: Before,
        control: &Control,
    ) -> Result<(), Trouble> {
        let (side, path) = (line.done.side, &line.done.path);
        let tree = self.tree(side);
        let item = tree.stat(path)?.filter(|item| item.fingerprint.kind == line.kind);
        let item = item.ok_or(Trouble::Alone(CHANGED))?;
        let Before { was, became, attributes } = before;
        let now = Surround {
            modified: item.fingerprint.modified,
            mode: item.mode,
            attributes: match became.attributes {
                Some(_) => Some(attributes_hash(&tree.extended_attributes(path)?)),
                None => None,
            },
        };
        let is_time = |now, then| match (now, then) {
            (Some(now), Some(then)) => !differ(now, then, tree.capabilities().time_grain_ns),
            (now, then) => now == then,
        };
        let is_ours = (became.modified.is_none()
            || is_time(now.modified, became.modified)
            || is_time(now.modified, was.modified))
            && (became.mode.is_none() || now.mode == became.mode || now.mode == was.mode)
            && (now.attributes == became.attributes || now.attributes == was.attributes);
        if !is_ours {
            return Err(Trouble::Alone(CHANGED));
        }
        let are_gone = attributes.is_none() && now.attributes != was.attributes;
        let set = ItemMetadata { modified: was.modified, mode: was.mode, extended_attributes: attributes };
        let not_kept = self.set(tree, line, &item, &set)?;
        let told = |what: &str, why: String| {
            let at = shown(self.syncer.pair().side_name(side), path);
            control.problem(Problem::new(at, what, why, "Set them by hand where they matter."));
        };
        if are_gone {
            let why = "Those from before are not kept any more, or were too large for it.";
            told("The extended attributes of this item stay as that run set them.", why.to_owned());
        }
        if !not_kept.is_empty() {
            told(
                "Not all of the times, permissions and attributes of this item could be put back.",
                not_kept,
            );
        }
        Ok(())
    }

    /// What could not be set, in words.
    fn set(
        &self,
        tree: &dyn Tree,
        line: &JournalLine,
        item: &TreeItem,
        set: &ItemMetadata,
    ) -> Result<String, Trouble> {
        if *set == ItemMetadata::default() {
            return Ok(String::new());
        }
        let published = tree.set_metadata(&line.done.path, &item.fingerprint, set)?;
        Ok(published.not_kept.join("; "))
    }

    /// What was there before a line; nothing of other lines, and of those whose run did not write it down.
    pub(super) fn before(&self, run: JobId, line: &JournalLine) -> Result<Option<Before>, SyncError> {
        match line.done.action {
            ActionKind::SetMetadata => self.syncer.database().before(run, line.number),
            _ => Ok(None),
        }
    }
}

/// Tells once of what stays because a run of an earlier Keepwell did not write down what was there before.
pub(super) fn tell_left(syncer: &Syncer, left: &[&JournalLine], control: &Control) {
    let Some(JournalLine { done, .. }) = left.first() else { return };
    let what = match left.len() {
        1 => "This keeps the times and permissions that the run set.".to_owned(),
        2 => "This and another item keep the times and permissions that the run set.".to_owned(),
        all => format!("This and {} other items keep the times and permissions that the run set.", all - 1),
    };
    control.problem(Problem::new(
        shown(syncer.pair().side_name(done.side), &done.path),
        what,
        "An earlier Keepwell ran it and did not write down those from before; the contents are as they were.",
        "Set them by hand where they matter.",
    ));
}

/// Whether a line is about the attributes of a folder that was new: they go with it.
pub(super) fn is_of_new(line: &JournalLine) -> bool {
    line.done.action == ActionKind::SetMetadata && line.done.why != Why::MetadataChanged
}
