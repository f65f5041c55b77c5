//! Carrying out a batch of decisions: folders, content group by group, links, folder times, and the look back.
//!
//! Invariants:
//! 1. Every group of the repository is fetched, opened and unpacked once a batch, and its chunks go from there straight
//!    to all files that need them: large files are written in pieces, from any worker, in any order.
//! 2. Memory: a group for each worker, the batch, and the next one (`restore`).
//! 3. A failure of one item fails that item; a full target, a lost repository or a cancelled run stops all workers at
//!    their next step.
//!
//! Deliberately not here: how one item is written (`restore_files`), what is decided (`restore_plan`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{MetadataOptions, MetadataTrouble};
use keepwell_model::{ChunkId, ContentHash, Control, Phase, Problem, shown};
use keepwell_repository::Repository;
use parking_lot::Mutex;

use crate::restore::{EntryEnding, Observe, RestoreError, RestoreOptions, RestoreReport, RestoredEntry};
use crate::restore_files::ItemError;
use crate::restore_layout::{Layout, SizeToWrite, Task, Unit};
use crate::restore_plan::{Overwrite, Reason};
use crate::restore_troubles::MetadataTroubles;
use crate::restore_walk::{Batch, LinkRole, Place};

const MOVE_ASIDE: &str = "Move what is there aside and run it again, or restore to another folder.";

/// The path of something in a folder, for people.
fn path_in(place: &Place, name: &[u8]) -> String {
    match place.folder() {
        Some(folder) => folder.path_of(name),
        None => shown(name),
    }
}

/// What all batches of one restore share.
pub(crate) struct Executor<'a> {
    pub(crate) repository: &'a Repository,
    pub(crate) control: &'a Control,
    pub(crate) metadata: MetadataOptions,
    /// New files get their name when they are whole: where a later run could not tell a part from a whole file.
    pub(crate) staged: bool,
    workers: usize,
    verify: bool,
    stop: AtomicBool,
    fatal: Mutex<Option<RestoreError>>,
    pub(crate) open_parts: AtomicUsize,
    pub(crate) written_bytes: AtomicU64,
    failed: AtomicU64,
    pub(crate) troubles: MetadataTroubles,
    pub(crate) verified: AtomicU64,
    pub(crate) mismatched: AtomicU64,
}

impl<'a> Executor<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        control: &'a Control,
        metadata: MetadataOptions,
        workers: usize,
        options: &RestoreOptions,
    ) -> Self {
        Self {
            repository,
            control,
            metadata,
            staged: matches!(options.overwrite, Overwrite::Never | Overwrite::IfOlder),
            workers,
            verify: options.verify,
            stop: AtomicBool::new(false),
            fatal: Mutex::new(None),
            open_parts: AtomicUsize::new(0),
            written_bytes: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            troubles: MetadataTroubles::default(),
            verified: AtomicU64::new(0),
            mismatched: AtomicU64::new(0),
        }
    }

    /// Carries out one batch, and tells of every entry in it what became of it.
    pub(crate) fn run(
        &self,
        mut batch: Batch,
        leftovers: &[(Arc<Place>, Vec<u8>)],
        observe: &mut Observe<'_>,
    ) -> Result<(), RestoreError> {
        for (place, name) in leftovers {
            // Trouble with it is of no consequence: it stays a leftover.
            let _ = place.folder().map(|folder| folder.remove_file(name));
        }
        let files = batch.items.iter().map(|item| item.entry.size_bytes_to_write());
        let bytes = files.fold(0_u64, u64::saturating_add);
        self.control.add_total((batch.items.len() + batch.new_folders.len()) as u64, bytes);
        for (place, name, reason) in &batch.refused_folders {
            self.failed.fetch_add(1, Ordering::Relaxed);
            let path = place.folder().map(|folder| folder.path_of(name));
            self.control.problem(Problem::new(
                path.unwrap_or_else(|| shown(name)),
                "This folder and everything in it was not restored.",
                reason.words(),
                MOVE_ASIDE,
            ));
        }
        let mut layout = Layout::new(std::mem::take(&mut batch.items));
        let (made, not_found) = std::thread::scope(|scope| {
            let folders = scope.spawn(|| self.make_folders(&batch));
            let not_found = self.locate_all(&mut layout);
            // A panic over there is one here.
            (folders.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)), not_found)
        });
        for new in &batch.new_folders {
            // What could not be made, or was not come to, has no folder.
            let ending = if new.place.folder().is_some() { EntryEnding::Done } else { EntryEnding::Failed };
            observe(&RestoredEntry { path: path_in(&new.above, &new.name), content: None, ending });
        }
        made?;
        let carried_out = self.carry_out(&batch, &mut layout, not_found);
        for (number, item) in layout.items.iter().enumerate() {
            let content = item.entry.content.as_ref().map(|content| content.hash);
            observe(&RestoredEntry { path: item.path(), content, ending: layout.ending(number) });
        }
        carried_out
    }

    /// Writes the items of a batch, then sets what folders are given last.
    fn carry_out(
        &self,
        batch: &Batch,
        layout: &mut Layout,
        not_found: Vec<(u32, ItemError)>,
    ) -> Result<(), RestoreError> {
        for (number, error) in not_found {
            self.finish_item(layout, number, Err(error))?;
        }
        self.lay_out(layout)?;
        let layout = &*layout;
        let written = self.in_parallel(layout.units.len(), |number| match &layout.units[number] {
            Unit::Group(range) => self.write_group(layout, &layout.tasks[range.clone()]),
            Unit::Simple(range) => {
                for item in &layout.simple[range.clone()] {
                    self.finish_item(layout, *item, self.restore_simple(&layout.items[*item as usize]))?;
                }
                Ok(())
            }
        });
        if written.is_err() {
            // Stopped in the middle: half a file never stands under its name.
            for part in layout.parts.iter().filter(|part| !part.is_done() && part.give_up()) {
                self.discard_part(&layout.items[part.item as usize], part);
            }
        }
        written?;
        for number in &layout.links {
            self.control.checkpoint()?;
            self.finish_item(layout, *number, self.restore_link(&layout.items[*number as usize]))?;
        }
        if self.verify {
            self.control.set_phase(Phase::Verifying);
            self.verify(layout)?;
            self.control.set_phase(Phase::Copying);
        }
        for (place, metadata) in &batch.finished {
            self.control.checkpoint()?;
            if let Some(folder) = place.folder() {
                let troubles = folder.apply_metadata_self(metadata, &self.metadata);
                self.note_troubles(troubles, || folder.path());
            }
        }
        Ok(())
    }

    /// The last words of the whole restore.
    pub(crate) fn complete(&self, target: &str, report: &mut RestoreReport) {
        self.troubles.tell_rest(self.control, target);
        report.failed = self.failed.load(Ordering::Relaxed);
        report.written_bytes = self.written_bytes.load(Ordering::Relaxed);
        report.verified = self.verified.load(Ordering::Relaxed);
        report.mismatched = self.mismatched.load(Ordering::Relaxed);
    }

    /// Runs `work` for every number below `count` on all workers. The first error that ends the run comes back.
    pub(crate) fn in_parallel(
        &self,
        count: usize,
        work: impl Fn(usize) -> Result<(), RestoreError> + Sync,
    ) -> Result<(), RestoreError> {
        let next = AtomicUsize::new(0);
        let worker = || {
            while !self.stop.load(Ordering::Acquire) {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= count {
                    return;
                }
                let result = self.control.checkpoint().map_err(RestoreError::from);
                if let Err(error) = result.and_then(|()| work(number)) {
                    self.stop.store(true, Ordering::Release);
                    self.fatal.lock().get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.workers.min(count) {
                scope.spawn(worker);
            }
            worker();
        });
        match self.fatal.lock().take() {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    fn make_folders(&self, batch: &Batch) -> Result<(), RestoreError> {
        for new in &batch.new_folders {
            self.control.checkpoint()?;
            // Where the one above could not be made, that was told.
            if let Some(above) = new.above.folder() {
                match above.create_folder(&new.name, new.mode) {
                    Ok(folder) => new.place.made(folder),
                    Err(error) => {
                        self.stop_if_full(&error)?;
                        self.failed.fetch_add(1, Ordering::Relaxed);
                        self.control.problem(Problem::new(
                            error.path(),
                            "This folder could not be made, and nothing in it was restored.",
                            error.to_string(),
                            error.next_step(),
                        ));
                    }
                }
            }
            self.control.add_done(1, 0);
        }
        Ok(())
    }

    fn write_group(&self, layout: &Layout, tasks: &[Task]) -> Result<(), RestoreError> {
        let Some(first) = tasks.first() else { return Ok(()) };
        self.control.set_current(&layout.items[first.item as usize].entry.name);
        let group = match self.repository.read_group(first.group) {
            Ok(group) => group,
            Err(error) => {
                RestoreError::stop_if_place_is_gone(self.repository, &error)?;
                for task in tasks {
                    self.fail_task(
                        layout,
                        task,
                        ItemError::Unreadable(error.to_string(), error.next_step()),
                    )?;
                }
                return Ok(());
            }
        };
        for task in tasks {
            if self.stop.load(Ordering::Acquire) {
                return Ok(());
            }
            match group.chunk(task.chunk).filter(|bytes| bytes.len() == task.length_bytes as usize) {
                Some(bytes) if self.is_chunk(&task.id, bytes) => self.write_task(layout, task, bytes)?,
                Some(_) => self.fail_task(layout, task, ItemError::OtherContent)?,
                None => self.fail_task(layout, task, ItemError::NoContent)?,
            }
        }
        Ok(())
    }

    /// Whether the bytes are the chunk of this id. They were authenticated, so they are what was sealed; this shows that
    /// what was sealed is what was read from the file then: a machine with bad memory is found here.
    pub(crate) fn is_chunk(&self, id: &ChunkId, bytes: &[u8]) -> bool {
        self.repository.chunk_id(&ContentHash(*blake3::hash(bytes).as_bytes())) == *id
    }

    fn write_task(&self, layout: &Layout, task: &Task, bytes: &[u8]) -> Result<(), RestoreError> {
        let item = &layout.items[task.item as usize];
        let Some(part) = task.part else {
            return self.finish_item(layout, task.item, self.restore_small(item, bytes));
        };
        let part = &layout.parts[part as usize];
        if part.is_given_up() {
            return Ok(());
        }
        if let Err(error) = self.write_part(item, part, bytes, task.offset_bytes) {
            return self.fail_task(layout, task, error);
        }
        if part.done_with_one() {
            return self.finish_item(layout, task.item, self.finish_part(item, part));
        }
        Ok(())
    }

    fn fail_task(&self, layout: &Layout, task: &Task, error: ItemError) -> Result<(), RestoreError> {
        if let Some(part) = task.part {
            let part = &layout.parts[part as usize];
            if !part.give_up() {
                return Ok(());
            }
            self.discard_part(&layout.items[task.item as usize], part);
        }
        self.finish_item(layout, task.item, Err(error))
    }

    /// Counts an item as done, or notes why it failed.
    pub(crate) fn finish_item(
        &self,
        layout: &Layout,
        number: u32,
        result: Result<(), ItemError>,
    ) -> Result<(), RestoreError> {
        if matches!(result, Err(ItemError::Cancelled)) {
            return Err(RestoreError::Cancelled);
        }
        let item = &layout.items[number as usize];
        self.control.add_done(1, item.entry.size_bytes_to_write());
        let Err(error) = result else {
            layout.set_done(number as usize);
            if let LinkRole::First(first) = &item.link {
                first.set_whole();
            }
            return Ok(());
        };
        layout.failed[number as usize].store(true, Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
        if let ItemError::Target(error) = &error {
            self.stop_if_full(error)?;
        }
        if let Some(problem) = error.into_problem(item) {
            self.control.problem(problem);
        }
        Ok(())
    }

    pub(crate) fn refuse(&self, layout: &Layout, number: u32) {
        let item = &layout.items[number as usize];
        layout.failed[number as usize].store(true, Ordering::Relaxed);
        self.failed.fetch_add(1, Ordering::Relaxed);
        self.control.add_done(1, item.entry.size_bytes_to_write());
        // Told once, for the folder.
        if item.decision.reason != Reason::FolderRefused {
            self.control.problem(Problem::new(
                item.path(),
                "This was not restored.",
                item.decision.reason.words(),
                MOVE_ASIDE,
            ));
        }
    }

    fn stop_if_full(&self, error: &EndpointError) -> Result<(), RestoreError> {
        match error {
            EndpointError::NoSpace { action, path } => {
                Err(EndpointError::NoSpace { action, path: path.clone() }.into())
            }
            _ => Ok(()),
        }
    }

    /// Notes parts of the metadata that could not be set.
    pub(crate) fn note_troubles(&self, troubles: Vec<MetadataTrouble>, path: impl Fn() -> String) {
        if !troubles.is_empty() {
            self.troubles.note(self.control, troubles, path);
        }
    }
}
