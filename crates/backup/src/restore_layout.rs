//! Laying a batch out for the workers: which chunk of which group goes where, and what needs no chunks.
//!
//! Invariants: tasks of one group are together, groups in the order of the first item that needs them, which is nearly
//! the order of the disk on both sides; blocks that a file in place has already are no tasks. Deliberately not here:
//! carrying it out (`restore_run`).

use std::collections::HashMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};

use keepwell_model::{ChunkId, EntryKind, Piece};
use parking_lot::Mutex;

use crate::restore::{EntryEnding, RestoreError};
use crate::restore_files::{ItemError, Part};
use crate::restore_plan::{Action, Reason, writes_content};
use crate::restore_run::Executor;
use crate::restore_walk::{Item, LinkRole};

/// Items without content are handed to workers so many at a time.
const SIMPLE_ITEMS_AT_ONCE: usize = 64;

/// A chunk and where it goes.
pub(crate) struct Task {
    pub(crate) id: ChunkId,
    pub(crate) group: u32,
    pub(crate) chunk: u32,
    pub(crate) item: u32,
    /// Position among the items that are written in several parts; nothing for files of one chunk.
    pub(crate) part: Option<u32>,
    pub(crate) offset_bytes: u64,
    pub(crate) length_bytes: u32,
}

/// What a worker takes at once.
pub(crate) enum Unit {
    /// Tasks of one group.
    Group(Range<usize>),
    /// Items without chunks.
    Simple(Range<usize>),
}

/// A batch, laid out for the workers.
pub(crate) struct Layout {
    pub(crate) items: Vec<Item>,
    /// By item: it could not be restored, or is not as it should be.
    pub(crate) failed: Vec<AtomicBool>,
    /// By item: it was restored.
    done: Vec<AtomicBool>,
    pub(crate) parts: Vec<Part>,
    pub(crate) tasks: Vec<Task>,
    pub(crate) simple: Vec<u32>,
    pub(crate) links: Vec<u32>,
    pub(crate) units: Vec<Unit>,
}

enum Located {
    Simple,
    Chunks(Vec<Task>, Option<Part>),
}

impl Executor<'_> {
    /// Finds where all chunks are; answers the items of which that is not known. New folders may not be there yet.
    pub(crate) fn locate_all(&self, layout: &mut Layout) -> Vec<(u32, ItemError)> {
        let mut not_found = Vec::new();
        for number in 0..layout.items.len() {
            // A batch has far fewer items than a number has room for.
            let (number, item) = (number as u32, &layout.items[number]);
            match item.decision.action {
                Action::Skip => {
                    self.control.add_done(1, item.entry.size_bytes_to_write());
                    continue;
                }
                Action::Refuse => {
                    self.refuse(layout, number);
                    continue;
                }
                _ => {}
            }
            if matches!(item.link, LinkRole::Further(_)) {
                layout.links.push(number);
            } else if item.entry.kind == EntryKind::File && writes_content(item.decision) {
                let located = self.locate(item, number, layout.parts.len());
                match located {
                    Ok(Located::Simple) => layout.simple.push(number),
                    Ok(Located::Chunks(mut tasks, part)) => {
                        layout.parts.extend(part);
                        layout.tasks.append(&mut tasks);
                    }
                    Err(error) => not_found.push((number, error)),
                }
            } else {
                layout.simple.push(number);
            }
        }
        not_found
    }

    /// Leaves out what is in place already, and sorts the work by group, groups in the order of the first file that needs
    /// them.
    pub(crate) fn lay_out(&self, layout: &mut Layout) -> Result<(), RestoreError> {
        self.compare_in_place(layout)?;
        layout.sort_into_units();
        Ok(())
    }

    fn locate(&self, item: &Item, number: u32, next_part: usize) -> Result<Located, ItemError> {
        let Some(content) = &item.entry.content else { return Err(ItemError::NoContent) };
        let in_place = item.decision.action == Action::UpdateInPlace;
        if !in_place && content.pieces.iter().all(|piece| matches!(piece, Piece::Hole { .. })) {
            return Ok(Located::Simple);
        }
        let in_parts = in_place || content.pieces.len() > 1;
        let part = in_parts.then_some(next_part as u32);
        let mut tasks = Vec::with_capacity(content.pieces.len());
        let mut offset_bytes = 0_u64;
        for piece in &content.pieces {
            match *piece {
                Piece::Hole { length_bytes } => offset_bytes = offset_bytes.saturating_add(length_bytes),
                Piece::Chunk { id, length_bytes } => {
                    let location = self.repository.locate(&id)?;
                    let (group, chunk) = (location.group, location.chunk);
                    tasks.push(Task { id, group, chunk, item: number, part, offset_bytes, length_bytes });
                    offset_bytes = offset_bytes.saturating_add(u64::from(length_bytes));
                }
            }
        }
        if offset_bytes != item.entry.size_bytes {
            return Err(ItemError::NoContent);
        }
        let part = in_parts.then(|| Part::new(number, tasks.len()));
        Ok(Located::Chunks(tasks, part))
    }

    /// Takes those tasks away whose blocks are in the file already.
    fn compare_in_place(&self, layout: &mut Layout) -> Result<(), RestoreError> {
        let in_place: Vec<usize> = (0..layout.parts.len())
            .filter(|part| {
                layout.items[layout.parts[*part].item as usize].decision.action == Action::UpdateInPlace
            })
            .collect();
        if in_place.is_empty() {
            return Ok(());
        }
        let same: Mutex<Vec<(u32, Vec<bool>)>> = Mutex::default();
        let shared = &*layout;
        self.in_parallel(in_place.len(), |number| {
            let part = in_place[number];
            let number = shared.parts[part].item;
            match self.compare(&shared.items[number as usize]) {
                Ok(blocks) => same.lock().push((part as u32, blocks)),
                Err(error) => {
                    shared.parts[part].give_up();
                    self.finish_item(shared, number, Err(error))?;
                }
            }
            Ok(())
        })?;
        let same: HashMap<u32, Vec<bool>> = same.into_inner().into_iter().collect();
        let mut seen: HashMap<u32, usize> = HashMap::new();
        // Files that are nothing but holes have no tasks that could finish them.
        let mut untouched: Vec<u32> =
            same.iter().filter(|(_, blocks)| blocks.is_empty()).map(|(part, _)| *part).collect();
        layout.tasks.retain(|task| {
            let Some(part) = task.part else { return true };
            let Some(blocks) = same.get(&part) else { return !in_place.contains(&(part as usize)) };
            // The tasks of a file are still in the order of its pieces.
            let number = seen.entry(part).or_insert(0);
            let is_same = blocks.get(*number).copied().unwrap_or(false);
            *number += 1;
            if is_same && layout.parts[part as usize].done_with_one() {
                untouched.push(part);
            }
            !is_same
        });
        for part in untouched {
            let number = layout.parts[part as usize].item;
            let finished = self.finish_part(&layout.items[number as usize], &layout.parts[part as usize]);
            self.finish_item(layout, number, finished)?;
        }
        Ok(())
    }
}

impl Layout {
    pub(crate) fn new(items: Vec<Item>) -> Self {
        let failed = items.iter().map(|_| AtomicBool::new(false)).collect();
        let done = items.iter().map(|_| AtomicBool::new(false)).collect();
        let (parts, tasks, simple, links, units) = Default::default();
        Self { items, failed, done, parts, tasks, simple, links, units }
    }

    pub(crate) fn set_done(&self, number: usize) {
        self.done[number].store(true, Ordering::Relaxed);
    }

    /// What became of an item.
    pub(crate) fn ending(&self, number: usize) -> EntryEnding {
        let item = &self.items[number];
        if self.has_failed(number) {
            return EntryEnding::Failed;
        }
        match (item.decision.action, item.decision.reason) {
            (Action::Skip, Reason::AlreadyRight) => EntryEnding::AlreadyRight,
            (Action::Skip, _) => EntryEnding::Kept,
            _ if self.done[number].load(Ordering::Relaxed) => EntryEnding::Done,
            _ => EntryEnding::NotReached,
        }
    }

    pub(crate) fn has_failed(&self, number: usize) -> bool {
        self.failed[number].load(Ordering::Relaxed)
    }

    fn sort_into_units(&mut self) {
        let mut first_item: HashMap<u32, u32> = HashMap::new();
        for task in &self.tasks {
            let first = first_item.entry(task.group).or_insert(task.item);
            *first = (*first).min(task.item);
        }
        // Within a group by file rather than by chunk: files are made in the order of their folders.
        self.tasks.sort_by_cached_key(|task| {
            (first_item.get(&task.group).copied(), task.group, task.item, task.offset_bytes)
        });
        let mut start = 0;
        for end in 1..=self.tasks.len() {
            if end == self.tasks.len() || self.tasks[end].group != self.tasks[start].group {
                self.units.push(Unit::Group(start..end));
                start = end;
            }
        }
        for start in (0..self.simple.len()).step_by(SIMPLE_ITEMS_AT_ONCE) {
            let end = self.simple.len().min(start + SIMPLE_ITEMS_AT_ONCE);
            self.units.push(Unit::Simple(start..end));
        }
    }
}

/// The bytes an entry counts with in the progress.
pub(crate) trait SizeToWrite {
    /// The size of files; links and the rest have none.
    fn size_bytes_to_write(&self) -> u64;
}

impl SizeToWrite for keepwell_model::Entry {
    fn size_bytes_to_write(&self) -> u64 {
        if self.kind == EntryKind::File { self.size_bytes } else { 0 }
    }
}
