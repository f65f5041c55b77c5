//! Back from the bin: single items, and whole runs undone.
//!
//! Undoing goes through the journal of a run from its end, item by item, and only where the item is still what the run
//! made of it. Invariants:
//! 1. Nothing is lost by undoing: what is in the way, or was made by the run, goes to the bin itself, under the deed's
//!    own number, so that an undo can be undone.
//! 2. What changed after the run is left alone, and told. Where a place moves a folder file by file that holds for each of
//!    them, and an undoing that was broken off half-way goes on when it is asked for again.
//! 3. The base forgets what the run made or replaced, so the next run does not take the undoing for a change to carry
//!    over: where both sides differ then, it asks. What was moved or removed comes back as a change like any other.
//!
//! Deliberately not here: what the next run does about it (`planner`); thinning (`bins::care`).

use std::collections::HashMap;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Tree, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, JobId, Phase, Problem, RelativePath};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::database::BaseChange;
use crate::database::moves::Moving;
use crate::database::rows::{BinItem, JournalLine};
use crate::error::SyncError;
use crate::execute::bin::{Planned, bin_path, put_into_bin};
use crate::node::{Content, NodeId, Side};
use crate::pair::shown;
use crate::place::copy::{CopyError, hash_file};
use crate::place::made_folders::MadeFolders;
use crate::place::relocate::{Mover, is_changed_meanwhile, is_of_one_item, put_together, relocate};
use crate::plan::Why;
use crate::run::Syncer;
use crate::run_types::{ActionKind, Done};

/// How many lines of a journal are held at once.
const LINES_AT_ONCE: u32 = 1000;

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroughtBack {
    /// Items that are as they were before.
    pub items: u64,
    /// Items that were left alone; each has a problem that says why.
    pub left_alone: u64,
}

/// An item of a bin that is to be brought back. The numbers of rows are given again, so the moment it went there is a part
/// of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinWish {
    /// Its number in the index.
    pub id: i64,
    /// When it went there.
    pub at_ms: i64,
}

impl BinWish {
    /// The wish for an item as it is in the index now.
    #[must_use]
    pub fn of(item: &BinItem) -> Self {
        Self { id: item.id, at_ms: item.at_ms }
    }
}

/// What a run put into the bins, by where it lies there.
type Bin = HashMap<(Side, RelativePath), BinItem>;

/// Why an item was left alone: a sentence, and what to do.
pub(crate) struct Alone(&'static str, &'static str);

const GONE: Alone = Alone("It is not in the bin any more.", "Bring it back from a backup.");

/// What stops one item, or everything.
pub(crate) enum Trouble {
    Alone(Alone),
    /// Of a folder that moves file by file, not everything did.
    Partly(EndpointError),
    Place(EndpointError),
    All(SyncError),
}

impl From<CopyError> for Trouble {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Target(error) | CopyError::Source(error) => Self::Place(error),
            CopyError::Changed => {
                Self::Alone(Alone("It changed while this was done.", "Look at it, then try again."))
            }
            CopyError::Cancelled => Self::All(SyncError::Cancelled),
        }
    }
}

impl From<EndpointError> for Trouble {
    fn from(error: EndpointError) -> Self {
        Self::Place(error)
    }
}

impl From<SyncError> for Trouble {
    fn from(error: SyncError) -> Self {
        Self::All(error)
    }
}

impl Syncer {
    /// Brings single items back from the bin to where they were. What is there now goes to the bin, under `deed`.
    ///
    /// # Errors
    /// [`SyncError::AnotherPlace`]: nothing was changed; the database refused; the person stopped it: what was brought back until then stays.
    pub fn bring_back(
        &mut self,
        items: &[BinWish],
        deed: JobId,
        control: &Control,
        brought: &mut dyn FnMut(&Done),
    ) -> Result<BroughtBack, SyncError> {
        let wished = items.iter().filter_map(|wish| self.database().bin_item(wish.id).transpose());
        let sides: Vec<Side> =
            wished.map(|item| item.map(|item| item.side)).collect::<Result<_, SyncError>>()?;
        self.check_known_places(sides.into_iter())?;
        control.restart_counters(Phase::Copying);
        control.add_total(items.len() as u64, 0);
        control.set_total_known();
        let mut result = BroughtBack::default();
        let steady = Control::new();
        let deeds = Deeds::new(self, deed, &steady);
        let ended = deeds.bring_back(items, control, brought, &mut result);
        // Also where it was stopped: what is back is not in the bin any more.
        let forgotten = deeds.forget_left();
        ended?;
        forgotten?;
        Ok(result)
    }

    /// Undoes a run. The pair should be paused with it: the next run has to be looked at by a person.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where there is no such run, [`SyncError::AnotherPlace`]: nothing was changed; the database refused; the person stopped it: what was undone
    /// until then stays undone.
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
        let is_made = |line: &&JournalLine| {
            matches!(line.done.action, ActionKind::Copy | ActionKind::CreateFolder | ActionKind::Replace)
        };
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
        let mut undo_all = || -> Result<(), SyncError> {
            for line in lines.iter().rev() {
                control.checkpoint()?;
                control.set_current(line.done.path.as_bytes());
                let outcome = deeds.undo(line, &mut bin, control);
                if outcome.is_ok() {
                    undone(&line.done);
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
        self.database().mark_undone(run)?;
        self.reload_base()?;
        Ok(result)
    }

    /// Waits until both places have on the disk what was done.
    fn settle_places(&self) -> Result<(), SyncError> {
        for side in Side::BOTH {
            self.tree(side).sync().map_err(SyncError::place(side))?;
        }
        Ok(())
    }
}

/// Counts what came of one item; only what concerns everything ends it all.
fn note(
    outcome: Result<(), Trouble>,
    place: &str,
    path: &RelativePath,
    control: &Control,
    result: &mut BroughtBack,
) -> Result<(), SyncError> {
    const LEFT: &str = "This item was left as it is.";
    const PARTLY: &str = "Not everything in this folder was moved back.";
    let (what, why, next) = match outcome {
        Ok(()) => {
            result.items += 1;
            return Ok(());
        }
        Err(Trouble::All(error)) => return Err(error),
        Err(Trouble::Alone(Alone(why, next))) => (LEFT, why.to_owned(), next),
        Err(Trouble::Partly(error)) => {
            let by_hand =
                is_changed_meanwhile(&error).then_some("Look at both places, and move the rest by hand.");
            (PARTLY, error.to_string(), by_hand.unwrap_or(error.next_step()))
        }
        Err(Trouble::Place(error)) => (LEFT, error.to_string(), error.next_step()),
    };
    result.left_alone += 1;
    control.problem(Problem::new(shown(place, path), what, why, next));
    Ok(())
}

/// What was brought back, as a leaf of the receipt: it moved from the bin to where it was.
fn back(item: &BinItem) -> Done {
    Done {
        side: item.side,
        action: ActionKind::Move,
        path: item.path.clone(),
        other_path: Some(item.bin_path.clone()),
        hash: item.hash,
        size_bytes: item.size_bytes,
        why: Why::BroughtBack,
    }
}

/// The deeds on single items.
pub(crate) struct Deeds<'a> {
    syncer: &'a Syncer,
    /// The number under which things go to the bin now.
    deed: JobId,
    /// Folders that are surely there, per side.
    folders: [MadeFolders; 2],
    /// What left the bin: the index forgets it when that is surely on the disk.
    left: Mutex<Vec<i64>>,
    /// One that nobody stops: of what makes way and what comes, both happen or none. It is between items that a person
    /// stops.
    control: &'a Control,
}

impl<'a> Deeds<'a> {
    pub(crate) fn new(syncer: &'a Syncer, deed: JobId, control: &'a Control) -> Self {
        Self {
            syncer,
            deed,
            folders: [MadeFolders::default(), MadeFolders::default()],
            left: Mutex::default(),
            control,
        }
    }

    fn tree(&self, side: Side) -> &dyn Tree {
        self.syncer.tree(side).as_ref()
    }

    fn folders(&self, side: Side) -> &MadeFolders {
        match side {
            Side::Left => &self.folders[0],
            Side::Right => &self.folders[1],
        }
    }

    /// Brings items back, one after the other.
    fn bring_back(
        &self,
        items: &[BinWish],
        control: &Control,
        brought: &mut dyn FnMut(&Done),
        result: &mut BroughtBack,
    ) -> Result<(), SyncError> {
        for wish in items {
            control.checkpoint()?;
            let found = self.syncer.database().bin_item(wish.id)?;
            let Some(item) = found.filter(|item| item.at_ms == wish.at_ms) else {
                result.left_alone += 1;
                let (what, why) = ("This item was left as it is.", "It is not in the bin any more.");
                let next = "Look into the bin again; else bring it back from a backup.";
                control.problem(Problem::new(format!("number {}", wish.id), what, why, next));
                control.add_done(1, 0);
                continue;
            };
            control.set_current(item.path.as_bytes());
            // Nothing makes way for what can not come.
            let outcome = self
                .lies_in_bin(&item)
                .and_then(|()| self.clear_way(&item))
                .and_then(|()| self.out_of_bin(&item));
            if outcome.is_ok() {
                brought(&back(&item));
            }
            control.add_done(1, 0);
            note(outcome, self.syncer.pair().side_name(item.side), &item.path, control, result)?;
        }
        Ok(())
    }

    fn lies_in_bin(&self, item: &BinItem) -> Result<(), Trouble> {
        let is_there = item.kind == EntryKind::Folder || self.tree(item.side).stat(&item.bin_path)?.is_some();
        if is_there { Ok(()) } else { Err(Trouble::Alone(GONE)) }
    }

    /// Undoes one line of a journal. `control` is the person's.
    fn undo(&self, line: &JournalLine, bin: &mut Bin, control: &Control) -> Result<(), Trouble> {
        let (side, path) = (line.done.side, &line.done.path);
        let mut take = || bin.remove(&(side, line.done.other_path.clone()?));
        const NOT_IN_BIN: Alone =
            Alone("What was there before is not in the bin any more.", "Bring it back from a backup.");
        match line.done.action {
            ActionKind::Copy => {
                let item = self.still(line)?;
                self.put_away(side, line.node, path, &item, line.done.hash, false)
            }
            ActionKind::Replace => {
                let before = take().ok_or(Trouble::Alone(NOT_IN_BIN))?;
                let item = self.still(line)?;
                self.put_away(side, line.node, path, &item, line.done.hash, true)?;
                self.out_of_bin(&before)
            }
            ActionKind::Remove if line.kind == EntryKind::Folder => self.make_folder(side, path),
            ActionKind::Remove => {
                let before = take().ok_or(Trouble::Alone(NOT_IN_BIN))?;
                self.out_of_bin(&before)
            }
            ActionKind::CreateFolder => self.remove_folder(side, path),
            ActionKind::Move => self.move_back(line, control),
            // The old times and permissions were not kept; they are of no weight beside the content.
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
        let item = tree.stat(now)?.filter(|item| item.fingerprint.kind == line.kind);
        let item = item.ok_or(Trouble::Alone(gone))?;
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

    fn make_folder(&self, side: Side, path: &RelativePath) -> Result<(), Trouble> {
        Ok(self.folders(side).make(self.tree(side), path)?)
    }

    /// What is where an item comes back goes to the bin; folders stay where they are.
    fn clear_way(&self, coming: &BinItem) -> Result<(), Trouble> {
        match self.tree(coming.side).stat(&coming.path)? {
            None => Ok(()),
            Some(item) if item.fingerprint.kind == EntryKind::Folder => Err(Trouble::Alone(Alone(
                "A folder has this name now.",
                "Rename the folder, then bring it back again.",
            ))),
            Some(item) => {
                self.put_away(coming.side, coming.node_in_its_place(), &coming.path, &item, None, true)
            }
        }
    }

    fn out_of_bin(&self, item: &BinItem) -> Result<(), Trouble> {
        // Until both are done it is to be looked at again, should this be broken off.
        self.syncer.database().unsettle_bin(item.id)?;
        match self.moved_out(item) {
            Ok(()) => {
                self.left.lock().push(item.id);
                Ok(())
            }
            Err(trouble) => {
                self.syncer.database().settle_bin(&[item.id], &[])?;
                Err(trouble)
            }
        }
    }

    fn moved_out(&self, item: &BinItem) -> Result<(), Trouble> {
        if item.kind == EntryKind::Folder {
            return self.make_folder(item.side, &item.path);
        }
        let tree = self.tree(item.side);
        let there = tree.stat(&item.bin_path)?.ok_or(Trouble::Alone(GONE))?;
        self.make_parents(item.side, &item.path)?;
        relocate(tree, &item.bin_path, &item.path, &there.fingerprint, self.control)?;
        Ok(())
    }

    /// What left the bins is surely where it was, and forgotten there.
    fn forget_left(self) -> Result<(), SyncError> {
        self.syncer.settle_places()?;
        self.syncer.database().settle_bin(&[], &self.left.into_inner())
    }

    pub(crate) fn put_away(
        &self,
        side: Side,
        node: NodeId,
        path: &RelativePath,
        item: &TreeItem,
        hash: Option<ContentHash>,
        is_replaced: bool,
    ) -> Result<(), Trouble> {
        let entry = BinItem {
            id: 0,
            run: self.deed,
            side,
            node,
            path: path.clone(),
            bin_path: bin_path(self.deed, path),
            kind: item.fingerprint.kind,
            size_bytes: item.fingerprint.size_bytes,
            modified: item.fingerprint.modified,
            hash,
            why: Why::BroughtBack,
            is_replaced,
            at_ms: self.syncer.now().to_milliseconds(),
        };
        let database = self.syncer.database();
        let ids = database.expect_in_bin(std::slice::from_ref(&entry))?;
        let Some(id) = ids.first().copied() else { return Ok(()) };
        let planned = Planned { id, path: entry.bin_path };
        let folders = self.folders(side);
        match put_into_bin(
            self.tree(side),
            folders,
            path,
            &item.fingerprint,
            &planned,
            database,
            self.control,
        ) {
            Ok(_) => Ok(database.settle_bin(&ids, &[])?),
            // Where it lies by now is looked at when the pair is opened again.
            Err(error) => Err(error.into()),
        }
    }

    fn make_parents(&self, side: Side, path: &RelativePath) -> Result<(), Trouble> {
        Ok(self.folders(side).make(self.tree(side), &path.parent().unwrap_or_default())?)
    }
}
