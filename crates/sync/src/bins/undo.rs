//! Whole runs undone.
//!
//! Undoing goes through the journal of a run from its end, item by item, and only where the item is still what the run
//! made of it. Invariants:
//! 1. Nothing is lost by undoing: what was made by the run goes to the bin itself, under the deed's own number, so that an
//!    undo can be undone; and a copy only where the original that was moved in came back.
//! 2. What changed after the run is left alone, and told. Where a place moves a folder file by file that holds for each of
//!    them, and an undoing that was broken off half-way goes on when it is asked for again.
//! 3. The base forgets what the run made or replaced, so the next run does not take the undoing for a change to carry
//!    over: where both sides differ then, it asks. What was moved or removed comes back as a change like any other, and so
//!    do times, permissions and attributes, of which nobody can be asked which to keep.
//!
//! Deliberately not here: single items out of the bin (`bins::bring_back`); times, permissions and attributes
//! (`bins::undo_metadata`); what the next run does about it (`planner`).

use std::collections::{HashMap, HashSet};

use keepwell_endpoint::tree::TreeItem;
use keepwell_model::{ContentHash, Control, EntryKind, JobId, Phase, RelativePath};

use super::bring_back::{Alone, BroughtBack, Deeds, Trouble, note};
use super::undo_metadata::{is_of_new, tell_left};
use crate::database::BaseChange;
use crate::database::moves::Moving;
use crate::database::rows::{BinItem, JournalLine};
use crate::error::SyncError;
use crate::node::{Content, NodeId, Side};
use crate::place::copy::{CopyError, hash_file};
use crate::place::relocate::{Mover, is_of_one_item, put_together};
use crate::plan::Why;
use crate::run::Syncer;
use crate::run_types::{ActionKind, Done};

/// How many lines of a journal are held at once.
const LINES_AT_ONCE: u32 = 1000;

/// What a run put into the bins, by where it lies there.
type Bin = HashMap<(Side, RelativePath), BinItem>;

const ONLY_COPY: Alone = Alone(
    "What was moved in could not be brought back to where it was: this is the only copy.",
    "Keep it, or move it back by hand.",
);

impl Syncer {
    /// Undoes a run. The pair should be paused with it: the next run has to be looked at by a person.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where there is no such run, [`SyncError::AnotherPlace`]: nothing was changed; the database
    /// refused; the person stopped it: what was undone until then stays undone.
    pub fn undo(
        &mut self,
        run: JobId,
        deed: JobId,
        control: &Control,
        undone: &mut dyn FnMut(&Done),
    ) -> Result<BroughtBack, SyncError> {
        if self.database().run(run)?.is_none() {
            return Err(SyncError::Missing { what: "run", id: run.to_string() });
        }
        let mut lines = Vec::new();
        loop {
            let from = lines.last().map_or(0, |line: &JournalLine| line.number + 1);
            let more = self.database().journal(run, from, LINES_AT_ONCE)?;
            if more.is_empty() {
                break;
            }
            lines.extend(more);
        }
        learn_from_copies(&mut lines);
        self.check_known_places(lines.iter().map(|line| line.done.side))?;
        let is_asked_for = |half: &Moving| {
            lines.iter().any(|line| {
                line.done.side == half.side
                    && line.done.path == half.from
                    && line.done.other_path.as_ref() == Some(&half.to)
            })
        };
        put_together(self.database(), |side| &**self.tree(side), is_asked_for, control)?;
        // Forgotten first: what an undoing that is broken off leaves is asked about, never taken for a change.
        let forgotten: Vec<_> =
            lines.iter().filter(is_made).map(|line| BaseChange::Remove(line.node)).collect();
        let next_id = self.database().next_id()?;
        self.database().advance_base(&forgotten, next_id)?;
        // Nothing of a folder lies in the bin: where one seems to, a file of the same run may.
        let in_bin = self.database().bin_items_of(run)?.into_iter();
        let in_bin = in_bin.filter(|item| item.kind != EntryKind::Folder);
        let mut bin: Bin = in_bin.map(|item| ((item.side, item.bin_path.clone()), item)).collect();
        let mut result = BroughtBack::default();
        control.restart_counters(Phase::Copying);
        control.add_total(lines.len() as u64, 0);
        control.set_total_known();
        let steady = Control::new();
        let deeds = Deeds::new(self, deed, &steady);
        // The originals of what was moved in that could not come back: these copies are all there is.
        let mut are_all: HashSet<NodeId> = HashSet::new();
        let mut left = Vec::new();
        let mut undo_all = || -> Result<(), SyncError> {
            for line in lines.iter().rev() {
                control.checkpoint()?;
                control.set_current(line.done.path.as_bytes());
                let before = deeds.before(run, line)?;
                if line.done.action == ActionKind::SetMetadata && before.is_none() {
                    left.extend((!is_of_new(line)).then_some(line));
                    control.add_done(1, 0);
                    continue;
                }
                let outcome = match before {
                    Some(before) => deeds.put_back(line, before, control),
                    None if is_made(&line) && are_all.contains(&line.node) => Err(Trouble::Alone(ONLY_COPY)),
                    None => deeds.undo(line, &mut bin, control),
                };
                if outcome.is_ok() {
                    undone(&line.done);
                } else if line.done.why == Why::MovedIn {
                    are_all.insert(line.node);
                }
                control.add_done(1, 0);
                note(outcome, self.pair().side_name(line.done.side), &line.done.path, control, &mut result)?;
            }
            Ok(())
        };
        let ended = undo_all();
        let forgotten = deeds.forget_left();
        ended?;
        forgotten?;
        left.reverse();
        tell_left(self, &left, control);
        self.database().mark_undone(run)?;
        self.reload_base()?;
        Ok(result)
    }
}

/// Whether the run made what this line is about, or what it holds.
fn is_made(line: &&JournalLine) -> bool {
    matches!(line.done.action, ActionKind::Copy | ActionKind::CreateFolder | ActionKind::Replace)
}

/// What became a conflict copy got its name before anybody had read it, and the base did not know it: what it holds is told
/// by the line that copied it, under that name, to the other side.
fn learn_from_copies(lines: &mut [JournalLine]) {
    let is_unread = |line: &JournalLine| line.done.action == ActionKind::Move && line.done.hash.is_none();
    let unread = lines.iter().filter(|line| is_unread(line));
    let mut copies: HashMap<(Side, RelativePath), Option<ContentHash>> =
        unread.map(|line| ((line.done.side.other(), line.done.path.clone()), None)).collect();
    if copies.is_empty() {
        return;
    }
    for line in lines.iter().filter(|line| line.done.action == ActionKind::Copy) {
        if let Some(hash) = copies.get_mut(&(line.done.side, line.done.path.clone())) {
            *hash = line.done.hash;
        }
    }
    for line in lines.iter_mut().filter(|line| is_unread(line)) {
        let copy = (line.done.side.other(), line.done.path.clone());
        line.done.hash = copies.get(&copy).copied().flatten();
    }
}

impl Deeds<'_> {
    /// Undoes one line of a journal. `control` is the person's.
    fn undo(&self, line: &JournalLine, bin: &mut Bin, control: &Control) -> Result<(), Trouble> {
        let (side, path) = (line.done.side, &line.done.path);
        let mut take = || bin.remove(&(side, line.done.other_path.clone()?));
        const NOT_IN_BIN: Alone =
            Alone("What was there before is not in the bin any more.", "Bring it back from a backup.");
        match line.done.action {
            ActionKind::Copy => {
                let item = self.still(line)?;
                let away = self.put_away(side, line.node, path, &item, line.done.hash, false)?;
                self.stays_away(&away);
                Ok(())
            }
            ActionKind::Replace => {
                let before = take().ok_or(Trouble::Alone(NOT_IN_BIN))?;
                self.lies_in_bin(&before)?;
                let item = self.still(line)?;
                let away = self.put_away(side, line.node, path, &item, line.done.hash, true)?;
                self.out_of_bin(&before, Some(away))
            }
            ActionKind::Remove if line.kind == EntryKind::Folder => self.make_folder(side, path),
            ActionKind::Remove => match take() {
                Some(before) => self.out_of_bin(&before, None),
                // An undoing that was broken off brought it back.
                None => match self.tree(side).stat(path)? {
                    Some(item) if self.is_of(line, &item)? => Ok(()),
                    _ => Err(Trouble::Alone(NOT_IN_BIN)),
                },
            },
            ActionKind::CreateFolder => self.remove_folder(side, path),
            ActionKind::Move => self.move_back(line, control),
            // Put back, or told of all at once.
            ActionKind::SetMetadata => Ok(()),
        }
    }

    /// The item a run made, if it is still that.
    fn still(&self, line: &JournalLine) -> Result<TreeItem, Trouble> {
        const CHANGED: Alone = Alone(
            "It changed after that run, or is not there any more.",
            "Look at it; the version from before that run is in the bin.",
        );
        let (side, path) = (line.done.side, &line.done.path);
        let item = self.tree(side).stat(path)?.ok_or(Trouble::Alone(CHANGED))?;
        let is_known = self.syncer.base().get(line.node).is_some_and(|node| {
            let node = node.to_node();
            let content = line.done.hash.map_or(Content::None, Content::Known);
            node.state.content == content && item.fingerprint.is_unchanged_since(node.fingerprint_on(side))
        });
        let is_same = is_known
            || (item.fingerprint.kind == line.kind
                && match line.kind {
                    EntryKind::File if item.fingerprint.size_bytes == line.done.size_bytes => {
                        let hash = hash_file(self.tree(side), path, &item.fingerprint, self.control)?;
                        hash.is_some() && hash == line.done.hash
                    }
                    EntryKind::Symlink => {
                        let target = self.tree(side).read_link(path)?;
                        Some(ContentHash(*blake3::hash(&target).as_bytes())) == line.done.hash
                    }
                    _ => false,
                });
        if is_same { Ok(item) } else { Err(Trouble::Alone(CHANGED)) }
    }

    /// Nothing makes way for what moves, so a person stops it also in the middle of a folder that goes file by file.
    fn move_back(&self, line: &JournalLine, control: &Control) -> Result<(), Trouble> {
        let (side, now) = (line.done.side, &line.done.path);
        let gone = Alone("It is not where that run moved it.", "Look where it is now and move it by hand.");
        let before = line
            .done
            .other_path
            .as_ref()
            .ok_or(Trouble::Alone(Alone("It is not known where it was before.", "Move it by hand.")))?;
        let tree = self.tree(side);
        let item = match tree.stat(now)? {
            Some(item) if self.is_of(line, &item)? => item,
            _ => return Err(Trouble::Alone(gone)),
        };
        self.make_parents(side, before)?;
        let database = self.syncer.database();
        let moved = Mover { tree, side, database }.move_item(now, before, &item.fingerprint, control);
        let Err(error) = moved else { return Ok(()) };
        let this = Moving { side, from: now.clone(), to: before.clone() };
        if !database.moving()?.contains(&this) {
            return Err(error.into());
        }
        if is_of_one_item(&error) {
            // What could go back is there. The rest is told: it is for a person, and no run puts it elsewhere.
            database.moving_ended(&this)?;
        }
        match error {
            CopyError::Source(error) | CopyError::Target(error) if line.kind == EntryKind::Folder => {
                Err(Trouble::Partly(error))
            }
            error => Err(error.into()),
        }
    }

    /// Whether what is at the path of a line is the item it is about, edited since or not: by its id, where the place has
    /// that; else a file by what it is or holds, a folder by its name.
    fn is_of(&self, line: &JournalLine, item: &TreeItem) -> Result<bool, Trouble> {
        let (side, now) = (line.done.side, &line.done.path);
        if item.fingerprint.kind != line.kind {
            return Ok(false);
        }
        let known = self.syncer.base().get(line.node).map(|node| *node.fingerprint_on(side));
        let is_known = known.is_some_and(|known| match item.fingerprint.id {
            0 => item.fingerprint.is_unchanged_since(&known),
            id => id == known.id,
        });
        Ok(is_known
            || match line.kind {
                EntryKind::File => {
                    let hash = hash_file(self.tree(side), now, &item.fingerprint, self.control)?;
                    hash.is_some() && hash == line.done.hash
                }
                EntryKind::Symlink => {
                    let target = self.tree(side).read_link(now)?;
                    Some(ContentHash(*blake3::hash(&target).as_bytes())) == line.done.hash
                }
                _ => false,
            })
    }

    /// Removes a folder the run made. One that is used now stays.
    fn remove_folder(&self, side: Side, path: &RelativePath) -> Result<(), Trouble> {
        let Some(item) = self.tree(side).stat(path)? else { return Ok(()) };
        if item.fingerprint.kind != EntryKind::Folder || !self.tree(side).list(path)?.is_empty() {
            return Err(Trouble::Alone(Alone(
                "The folder that run made holds something now.",
                "Remove it by hand if you do not need it.",
            )));
        }
        Ok(self.tree(side).remove(path, &item.fingerprint)?)
    }
}
