//! Writing one item: a file of one chunk, a file in parts, a link, a pipe, a device, or only what surrounds it.
//!
//! Invariants:
//! 1. What is replaced is replaced at once, by a rename of the finished file, and only while it is still what it was
//!    when that was decided.
//! 2. Metadata is set when the content is whole, times last.
//! 3. A new file that could not be finished is taken away again: half a file never stands under its name.
//!
//! Deliberately not here: the order of the work (`restore_run`).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Folder, LocalFile};
use keepwell_model::id::to_hex;
use keepwell_model::{EntryKind, Piece, Problem, shown};
use keepwell_repository::RepositoryError;
use parking_lot::Mutex;

use crate::restore_plan::Action;
use crate::restore_run::Executor;
use crate::restore_walk::{Item, LinkRole, TEMPORARY_PREFIX, TEMPORARY_RANDOM_BYTES};

/// So many files that are written in parts are kept open; others are opened again for each part.
const OPEN_PARTS_LIMIT: usize = 128;
/// How much is compared at once.
const COMPARE_BUFFER_BYTES: usize = 1 << 20;

/// A file that is written in several parts.
pub(crate) struct Part {
    /// Which item it is.
    pub(crate) item: u32,
    remaining: AtomicUsize,
    given_up: AtomicBool,
    state: Mutex<PartState>,
}

#[derive(Default)]
struct PartState {
    /// The name it is written under, once it exists.
    name: Option<Vec<u8>>,
    file: Option<Arc<LocalFile>>,
}

impl Part {
    pub(crate) fn new(item: u32, tasks: usize) -> Self {
        Self {
            item,
            remaining: AtomicUsize::new(tasks),
            given_up: AtomicBool::new(false),
            state: Mutex::default(),
        }
    }

    /// True for whoever finished the last piece.
    pub(crate) fn done_with_one(&self) -> bool {
        self.remaining.fetch_sub(1, Ordering::AcqRel) == 1
    }

    /// True for whoever gave it up first.
    pub(crate) fn give_up(&self) -> bool {
        !self.given_up.swap(true, Ordering::AcqRel)
    }

    /// Whether all of its pieces are written.
    pub(crate) fn is_done(&self) -> bool {
        self.remaining.load(Ordering::Acquire) == 0
    }

    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.load(Ordering::Acquire)
    }
}

impl Item {
    /// Its path for people.
    pub(crate) fn path(&self) -> String {
        match self.place.folder() {
            Some(folder) => folder.path_of(&self.entry.name),
            None => shown(&self.entry.name),
        }
    }

    fn folder(&self) -> Result<&Folder, ItemError> {
        self.place.folder().ok_or(ItemError::NoFolder)
    }

    /// Whether it is made under another name first.
    fn is_staged(&self, executor: &Executor<'_>) -> bool {
        self.decision.action == Action::Replace || executor.staged
    }
}

/// Why one item could not be restored.
#[derive(Debug)]
pub(crate) enum ItemError {
    /// The target refuses.
    Target(EndpointError),
    /// The repository does not give its content: the words and the next step.
    Unreadable(String, &'static str),
    /// The snapshot's entry does not fit together.
    NoContent,
    /// A chunk is not what its id says.
    OtherContent,
    /// What is there is not what was there when it was decided.
    ChangedMeanwhile,
    /// The first name of the file it is a further name of could not be restored.
    FirstNameMissing,
    /// The folder could not be made, which was told.
    NoFolder,
    /// The person asked to stop.
    Cancelled,
}

impl From<EndpointError> for ItemError {
    fn from(error: EndpointError) -> Self {
        Self::Target(error)
    }
}

impl From<RepositoryError> for ItemError {
    fn from(error: RepositoryError) -> Self {
        Self::Unreadable(error.to_string(), error.next_step())
    }
}

impl ItemError {
    pub(crate) fn into_problem(self, item: &Item) -> Option<Problem> {
        const WHAT: &str = "This was not restored.";
        let (why, next) = match self {
            Self::Target(error) => (error.to_string(), error.next_step()),
            Self::Unreadable(why, next) => (why, next),
            Self::NoContent => (
                "its content in the snapshot does not fit its size".to_owned(),
                "Run `keepwell repository check`, and restore it from another snapshot.",
            ),
            Self::OtherContent => (
                "its stored content is not what was read from the file when it was backed up".to_owned(),
                "Restore it from another snapshot, and test the memory of the computer that made this one.",
            ),
            Self::ChangedMeanwhile => (
                "what is at its place changed while the restore ran, so it was left alone".to_owned(),
                "Run it again if it should be replaced.",
            ),
            Self::FirstNameMissing => (
                "the file it is a further name of could not be restored".to_owned(),
                "See the problem of that file, then run it again.",
            ),
            Self::NoFolder | Self::Cancelled => return None,
        };
        Some(Problem::new(item.path(), WHAT, why, next))
    }
}

impl Executor<'_> {
    /// A file whose content is one chunk, or none.
    pub(crate) fn restore_small(&self, item: &Item, bytes: &[u8]) -> Result<(), ItemError> {
        let folder = item.folder()?;
        let is_staged = item.is_staged(self);
        let temporary = if is_staged { Some(temporary_name()?) } else { None };
        let name = temporary.as_deref().unwrap_or(&item.entry.name);
        let file = folder.create_file(name, item.entry.metadata.mode & 0o777)?;
        let written = self.fill(item, &file, bytes);
        drop(file);
        let result = match (written, &temporary) {
            (Ok(()), Some(temporary)) => self.take_place(item, folder, temporary),
            (written, _) => written,
        };
        if result.is_err() {
            let _ = folder.remove_file(name);
        }
        result
    }

    fn fill(&self, item: &Item, file: &LocalFile, bytes: &[u8]) -> Result<(), ItemError> {
        if !bytes.is_empty() {
            file.write_at(bytes, 0)?;
            self.count_written(bytes.len());
        }
        if bytes.len() as u64 != item.entry.size_bytes {
            // Only holes are not in the chunk.
            file.set_length(item.entry.size_bytes)?;
        }
        self.note_troubles(file.apply_metadata(&item.entry.metadata, &self.metadata), || item.path());
        Ok(())
    }

    fn count_written(&self, bytes: usize) {
        self.written_bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        self.control.add_written(bytes as u64);
    }

    /// Gives a finished item its name, in the place of what is there if that is still what it was.
    fn take_place(&self, item: &Item, folder: &Folder, temporary: &[u8]) -> Result<(), ItemError> {
        let name = &item.entry.name;
        match &item.existing {
            None => match folder.rename(temporary, name, false) {
                Err(EndpointError::AlreadyExists { .. }) => Err(ItemError::ChangedMeanwhile),
                result => Ok(result?),
            },
            Some(_) => {
                check_unchanged(item, folder)?;
                Ok(folder.rename(temporary, name, true)?)
            }
        }
    }

    /// Anything without chunks: links, pipes, devices, empty files, files that are one hole, and bare metadata.
    pub(crate) fn restore_simple(&self, item: &Item) -> Result<(), ItemError> {
        let folder = item.folder()?;
        let entry = &item.entry;
        if item.decision.action == Action::SetMetadata {
            check_unchanged(item, folder)?;
            let troubles = folder.apply_metadata(&entry.name, entry.kind, &entry.metadata, &self.metadata);
            self.note_troubles(troubles, || item.path());
            return Ok(());
        }
        if entry.kind == EntryKind::File {
            return self.restore_small(item, b"");
        }
        let temporary = if item.is_staged(self) { Some(temporary_name()?) } else { None };
        let name = temporary.as_deref().unwrap_or(&entry.name);
        match entry.kind {
            EntryKind::Symlink => {
                folder.create_symlink(name, entry.target.as_deref().ok_or(ItemError::NoContent)?)?;
            }
            EntryKind::Pipe => folder.create_pipe(name, entry.metadata.mode & 0o777)?,
            _ => {
                let device = entry.device.ok_or(ItemError::NoContent)?;
                folder.create_device(name, entry.kind, entry.metadata.mode & 0o777, device)?;
            }
        }
        let troubles = folder.apply_metadata(name, entry.kind, &entry.metadata, &self.metadata);
        self.note_troubles(troubles, || item.path());
        if let Some(temporary) = &temporary {
            let placed = self.take_place(item, folder, temporary);
            if placed.is_err() {
                let _ = folder.remove_file(temporary);
            }
            placed?;
        }
        Ok(())
    }

    /// A further name of a file whose first name is restored by now. Where the target has no hard links, the file is
    /// restored a second time.
    pub(crate) fn restore_link(&self, item: &Item) -> Result<(), ItemError> {
        let folder = item.folder()?;
        let LinkRole::Further(first) = &item.link else { return Err(ItemError::NoContent) };
        let (Some(first_folder), true) = (first.place.folder(), first.is_whole()) else {
            return Err(ItemError::FirstNameMissing);
        };
        let temporary = temporary_name()?;
        let name = if item.existing.is_some() { &temporary } else { &item.entry.name };
        match folder.create_hard_link(name, first_folder, &first.name) {
            Ok(()) => {}
            Err(EndpointError::AlreadyExists { .. }) => return Err(ItemError::ChangedMeanwhile),
            Err(EndpointError::PermissionDenied { .. } | EndpointError::Io { .. }) => {
                return self.restore_alone(item, folder);
            }
            Err(error) => return Err(error.into()),
        }
        if item.existing.is_some() {
            let placed = self.take_place(item, folder, &temporary);
            if placed.is_err() {
                let _ = folder.remove_file(&temporary);
            }
            placed?;
        }
        Ok(())
    }

    /// One file, chunk after chunk, by this thread alone.
    fn restore_alone(&self, item: &Item, folder: &Folder) -> Result<(), ItemError> {
        let Some(content) = &item.entry.content else { return self.restore_simple(item) };
        let temporary = temporary_name()?;
        let file = folder.create_file(&temporary, 0o600)?;
        let write = || {
            let mut offset_bytes = 0_u64;
            for piece in &content.pieces {
                match piece {
                    Piece::Hole { length_bytes } => offset_bytes = offset_bytes.saturating_add(*length_bytes),
                    Piece::Chunk { id, length_bytes } => {
                        let bytes = self.repository.read_chunk(id)?;
                        if bytes.len() != *length_bytes as usize {
                            return Err(ItemError::NoContent);
                        }
                        if !self.is_chunk(id, &bytes) {
                            return Err(ItemError::OtherContent);
                        }
                        file.write_at(&bytes, offset_bytes)?;
                        self.count_written(bytes.len());
                        offset_bytes = offset_bytes.saturating_add(u64::from(*length_bytes));
                    }
                }
            }
            file.set_length(item.entry.size_bytes)?;
            self.note_troubles(file.apply_metadata(&item.entry.metadata, &self.metadata), || item.path());
            self.take_place(item, folder, &temporary)
        };
        let result = write();
        if result.is_err() {
            let _ = folder.remove_file(&temporary);
        }
        result
    }

    /// One piece of a file that is written in parts.
    pub(crate) fn write_part(
        &self,
        item: &Item,
        part: &Part,
        bytes: &[u8],
        offset_bytes: u64,
    ) -> Result<(), ItemError> {
        self.part_file(item, part)?.write_at(bytes, offset_bytes)?;
        self.count_written(bytes.len());
        Ok(())
    }

    /// The open file of a part, made by the first who asks.
    fn part_file(&self, item: &Item, part: &Part) -> Result<Arc<LocalFile>, ItemError> {
        let mut state = part.state.lock();
        if let Some(file) = &state.file {
            return Ok(Arc::clone(file));
        }
        let folder = item.folder()?;
        let file = if let Some(name) = &state.name {
            folder.open_file_for_update(name)?
        } else if item.decision.action == Action::UpdateInPlace {
            let file = folder.open_file_for_update(&item.entry.name)?;
            state.name = Some(item.entry.name.clone());
            file
        } else {
            let name = if item.is_staged(self) { temporary_name()? } else { item.entry.name.clone() };
            // Writable for its owner until it is whole: it may have to be opened again.
            let file = folder.create_file(&name, 0o600)?;
            state.name = Some(name);
            file
        };
        let file = Arc::new(file);
        if self.open_parts.fetch_add(1, Ordering::AcqRel) < OPEN_PARTS_LIMIT {
            state.file = Some(Arc::clone(&file));
        } else {
            self.open_parts.fetch_sub(1, Ordering::AcqRel);
        }
        Ok(file)
    }

    /// All pieces are written: length, metadata, name.
    pub(crate) fn finish_part(&self, item: &Item, part: &Part) -> Result<(), ItemError> {
        let result = self.part_file(item, part).and_then(|file| {
            // Cuts what an older, longer file had more, and adds a hole at the end.
            if file.stat()?.size_bytes != item.entry.size_bytes {
                file.set_length(item.entry.size_bytes)?;
            }
            self.note_troubles(file.apply_metadata(&item.entry.metadata, &self.metadata), || item.path());
            drop(file);
            let folder = item.folder()?;
            let name = self.close_part(part).ok_or(ItemError::NoContent)?;
            if name == item.entry.name { Ok(()) } else { self.take_place(item, folder, &name) }
        });
        if result.is_err() {
            self.discard_part(item, part);
        }
        result
    }

    fn close_part(&self, part: &Part) -> Option<Vec<u8>> {
        let mut state = part.state.lock();
        if state.file.take().is_some() {
            self.open_parts.fetch_sub(1, Ordering::AcqRel);
        }
        state.name.clone()
    }

    /// Takes an unfinished new file away. One that was there before stays: its blocks are good, its time tells.
    pub(crate) fn discard_part(&self, item: &Item, part: &Part) {
        let name = self.close_part(part);
        if let (Some(name), Some(folder)) = (name, item.place.folder())
            && item.decision.action != Action::UpdateInPlace
        {
            let _ = folder.remove_file(&name);
        }
    }

    /// Says for each chunk of a file that is there whether its bytes are there already; makes holes where they belong.
    pub(crate) fn compare(&self, item: &Item) -> Result<Vec<bool>, ItemError> {
        let folder = item.folder()?;
        check_unchanged(item, folder)?;
        let file = folder.open_file_for_update(&item.entry.name)?;
        let size_bytes = file.stat()?.size_bytes;
        let Some(content) = &item.entry.content else { return Err(ItemError::NoContent) };
        let mut same = Vec::with_capacity(content.pieces.len());
        let mut buffer = vec![0; COMPARE_BUFFER_BYTES];
        let mut offset_bytes = 0_u64;
        for piece in &content.pieces {
            self.control.checkpoint().map_err(|_| ItemError::Cancelled)?;
            match *piece {
                Piece::Hole { length_bytes } => {
                    file.clear(offset_bytes..offset_bytes.saturating_add(length_bytes).min(size_bytes))?;
                    offset_bytes = offset_bytes.saturating_add(length_bytes);
                }
                Piece::Chunk { id, length_bytes } => {
                    let end = offset_bytes.saturating_add(u64::from(length_bytes));
                    let hash = if end <= size_bytes {
                        hash_range(&file, offset_bytes, end, &mut buffer)?
                    } else {
                        None
                    };
                    same.push(hash.is_some_and(|hash| self.repository.chunk_id(&hash) == id));
                    offset_bytes = end;
                }
            }
        }
        Ok(same)
    }
}

/// The plain hash of a range; nothing where the file is shorter.
fn hash_range(
    file: &LocalFile,
    start: u64,
    end: u64,
    buffer: &mut [u8],
) -> Result<Option<keepwell_model::ContentHash>, EndpointError> {
    let mut hasher = blake3::Hasher::new();
    let mut at = start;
    while at < end {
        let wanted = usize::try_from(end - at).unwrap_or(buffer.len()).min(buffer.len());
        if file.read_at(&mut buffer[..wanted], at)? != wanted {
            return Ok(None);
        }
        hasher.update(&buffer[..wanted]);
        at += wanted as u64;
    }
    Ok(Some(keepwell_model::ContentHash(*hasher.finalize().as_bytes())))
}

/// Looks once more right before something is replaced or changed.
fn check_unchanged(item: &Item, folder: &Folder) -> Result<(), ItemError> {
    let Some(expected) = &item.existing else { return Ok(()) };
    let found = match folder.stat(&item.entry.name) {
        Ok(found) => found,
        Err(EndpointError::NotFound { .. }) => return Err(ItemError::ChangedMeanwhile),
        Err(error) => return Err(error.into()),
    };
    let expected = &expected.stat;
    let is_same = found.kind == expected.kind
        && found.inode == expected.inode
        && found.size_bytes == expected.size_bytes
        && found.modified == expected.modified;
    if is_same { Ok(()) } else { Err(ItemError::ChangedMeanwhile) }
}

/// A name for a file in the making, from randomness: nobody else's.
fn temporary_name() -> Result<Vec<u8>, ItemError> {
    let mut random = [0_u8; TEMPORARY_RANDOM_BYTES];
    getrandom::fill(&mut random).map_err(|error| RepositoryError::NoRandomness { why: error.to_string() })?;
    let mut name = TEMPORARY_PREFIX.to_vec();
    name.extend_from_slice(to_hex(&random).as_bytes());
    Ok(name)
}
