//! New folders that appear with their files.
//!
//! To make a file that nobody sees before it is whole costs more than to make it in a folder that nobody sees; a first copy
//! is little else. So where a place can stage a folder, the row that makes one does the rows of its small new files too,
//! ahead of their batch.
//! Invariants:
//! 1. A row is done ahead only where nothing between the two batches could touch what it reads or writes: its folder is the
//!    one that is made, its item has no other row, and nothing on the side that it reads from moves.
//! 2. What can not be done so is not answered here: it is done, and told, in its own turn.
//! 3. A folder that appears with all that comes into it is finished with it, with its time: its row that would do that is
//!    done, and nothing of it is left for the end of the run. Not so where it is to have attributes of its own.
//! 4. Of a folder at most [`AHEAD_ITEMS`] and [`AHEAD_BYTES`] are done ahead, the rest in its turn: who is killed loses no
//!    more, and no worker waits long for another at the end of a batch.
//!
//! Deliberately not here: how a folder is staged (`endpoint`), one row (`execute::item`).

use keepwell_model::EntryKind;
use parking_lot::RwLock;

use super::item::Deed;
use super::view::View;
use super::{Answers, Execution, Progress};
use crate::node::{NodeId, Side};
use crate::plan::{Action, Operation, Plan};

/// So many files of a folder are done ahead.
const AHEAD_ITEMS: usize = 512;
/// So many bytes of them.
const AHEAD_BYTES: u64 = 16 << 20;
/// Larger files get their name last: they may be shared instead of copied, and who waits can pause them.
const FILE_BYTES: u64 = 1 << 20;
/// For fewer files it is not worth it.
const WORTH_ITEMS: usize = 2;

/// A folder of the side that is changed.
type Key = (bool, Option<NodeId>);

/// The rows of a plan that may be done ahead.
#[derive(Debug, Default)]
pub(crate) struct Ahead {
    /// Their numbers, those of one folder one after the other.
    rows: Vec<u32>,
    /// The folders into which other rows put something, in their order.
    besides: Vec<Key>,
    /// The rows that finish new folders, in the order of these.
    finishing: Vec<u32>,
}

impl Ahead {
    pub(crate) fn of(plan: &Plan) -> Self {
        let operations = &plan.operations;
        if !operations.iter().any(|row| matches!(row.action, Action::CreateFolder { .. })) {
            return Self::default();
        }
        let moves_on = |side: Side| {
            operations.iter().any(|row| row.side == side && matches!(row.action, Action::Move { .. }))
        };
        let reads_from_moving = [moves_on(Side::Right), moves_on(Side::Left)];
        let is_one = |row: &Operation| {
            matches!(row.action, Action::Copy { .. })
                && row.kind == EntryKind::File
                && row.size_bytes <= FILE_BYTES
                && !reads_from_moving[usize::from(row.side == Side::Right)]
        };
        let rows = (0..).zip(operations).filter(|(_, row)| is_one(row)).map(|(number, _)| number);
        let mut rows: Vec<u32> = rows.collect();
        rows.sort_by_key(|number| key(&operations[*number as usize]));
        let others = operations.iter().filter(|row| !is_one(row) && row.into_folder().is_some());
        let mut besides: Vec<Key> = others.map(key).collect();
        besides.sort_unstable();
        let finishing = (0..).zip(operations).filter(|(_, row)| row.finishes_new_folder());
        let mut finishing: Vec<u32> = finishing.map(|(number, _)| number).collect();
        finishing.sort_by_key(|number| own_key(&operations[*number as usize]));
        Self { rows, besides, finishing }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Those that come into the folder this row makes.
    pub(super) fn coming_into(&self, plan: &Plan, folder: &Operation) -> &[u32] {
        let (wanted, all) = (own_key(folder), self.rows_from(plan, folder));
        let mut bytes = 0;
        let belongs = |number: &&u32| {
            bytes += plan.operations[**number as usize].size_bytes;
            bytes <= AHEAD_BYTES
        };
        let few = all.iter().take(AHEAD_ITEMS).take_while(|number| key(row_of(plan, **number)) == wanted);
        let count = few.take_while(belongs).count();
        if count < WORTH_ITEMS { &[] } else { &all[..count] }
    }

    /// From the first row on that comes into this folder.
    fn rows_from(&self, plan: &Plan, folder: &Operation) -> &[u32] {
        let start = self.rows.partition_point(|number| key(row_of(plan, *number)) < own_key(folder));
        &self.rows[start..]
    }

    /// Whether these rows are all that put something into the folder.
    fn is_all(&self, plan: &Plan, folder: &Operation, rows: &[u32]) -> bool {
        let wanted = own_key(folder);
        let next = self.rows_from(plan, folder).get(rows.len());
        next.is_none_or(|number| key(row_of(plan, *number)) != wanted)
            && self.besides.binary_search(&wanted).is_err()
    }

    /// The row that finishes the folder which this one makes, where there is one.
    fn finishing(&self, plan: &Plan, folder: &Operation) -> Option<usize> {
        let of = |number: &u32| own_key(row_of(plan, *number));
        let found = self.finishing.binary_search_by_key(&own_key(folder), of).ok()?;
        Some(self.finishing[found] as usize)
    }
}

fn row_of(plan: &Plan, number: u32) -> &Operation {
    &plan.operations[number as usize]
}

/// Where a row puts something.
fn key(row: &Operation) -> Key {
    (row.side == Side::Right, row.into_folder())
}

/// Where what comes into the folder that a row is about is put.
fn own_key(folder: &Operation) -> Key {
    (folder.side == Side::Right, Some(folder.node_on(folder.side)))
}

impl Execution<'_> {
    /// The rows that would be done with this one, and what they are about.
    pub(super) fn done_with(&self, number: usize) -> &[u32] {
        let operation = &self.plan.operations[number];
        match operation.action {
            Action::CreateFolder { .. } => self.ahead.coming_into(self.plan, operation),
            _ => &[],
        }
    }

    /// Makes the folder of a row with the files that come into it; false, having done nothing, where it has to be made
    /// without.
    pub(super) fn fill(&self, number: usize, view: &RwLock<View<'_>>, answers: &mut Answers) -> bool {
        let rows = self.done_with(number);
        let before = answers.len();
        let made = if rows.is_empty() { None } else { self.made_with(number, rows, view, answers) };
        match made {
            // The folder before what is in it.
            Some(deed) => answers.insert(before, (number, Ok(deed))),
            None => answers.truncate(before),
        }
        answers.len() > before
    }

    /// What made a folder that appeared finished does what finishes it, too.
    pub(super) fn note_finished(&self, folder: &Operation, progress: &mut Progress<'_, '_>) {
        progress.finished.push((folder.side, folder.node));
        if let Some(row) = self.ahead.finishing(self.plan, folder) {
            progress.note_done(row);
            self.tools.control.add_done(1, 0);
        }
    }

    /// The deed of the folder; those of its files are with the answers.
    fn made_with(
        &self,
        number: usize,
        rows: &[u32],
        view: &RwLock<View<'_>>,
        answers: &mut Answers,
    ) -> Option<Deed> {
        let folder = &self.plan.operations[number];
        let other = folder.side.other();
        let keep_times = |side| self.tools.tree(side).capabilities().times;
        let (there, time, files) = {
            let view = view.read();
            let time = view.time_seen(other, folder.node_on(other));
            let time = time.filter(|_| Side::BOTH.into_iter().all(keep_times));
            let of = |row: &Operation| view.known(other, row.node_on(other));
            let files = rows.iter().map(|number| (*number as usize, &self.plan.operations[*number as usize]));
            let files = files.filter(|(_, row)| {
                !view.is_repeated(row.node_on(Side::Left))
                    && !view.is_repeated(row.node_on(Side::Right))
                    && row.path.parent().as_ref() == Some(&folder.path)
            });
            (of(folder), time, files.map(|(number, row)| (number, row, of(row))).collect::<Vec<_>>())
        };
        let tools = &self.tools;
        let mut new = tools.new_folder(folder, there).ok()?;
        let is_all = files.len() == rows.len() && self.ahead.is_all(self.plan, folder, rows);
        let is_whole = is_all && new.completes(time, tools.tree(other));
        let (count, before) = (files.len(), answers.len());
        let staged = tools.tree(folder.side).stage_folder(&folder.path, &new.metadata).ok()??;
        for (number, row, there) in files {
            // Stopped: what is whole appears.
            if tools.control.checkpoint().is_err() {
                break;
            }
            tools.control.set_current(row.path.as_bytes());
            if let Ok(deed) = tools.copy_into(row, there, &*staged) {
                answers.push((number, Ok(deed)));
            }
        }
        let is_complete = is_whole && answers.len() == before + count;
        Some(new.made(staged.publish().ok()?, is_complete))
    }
}
