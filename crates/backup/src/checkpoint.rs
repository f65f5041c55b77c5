//! What a backup that was broken off had done already, so that the next one does not read it again.
//!
//! From time to time a running backup makes what it has stored durable, and writes for every folder that it is still
//! in the middle of a page list of the entries that are done, finished folders below it among them. The list of these
//! folders is a [`Partial`]. The next run takes files over from it exactly as from the parent snapshot.
//!
//! Why this is safe whatever happened in between: a partial is only a hint. A file is taken over only if (1) its entry
//! can be read from the repository, authenticated, (2) size, times and inode are those of then and not so young that
//! a change could hide (`plan`), and (3) all its chunks are stored (the index says so). Where one of these fails, the
//! file is read. A partial is no snapshot: it is never shown, and holds nothing back when space is cleared.
//!
//! Deliberately not here: where a partial is kept and for how long (`jobs`).

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use keepwell_model::{ChunkId, Entry, Timestamp};
use parking_lot::{Condvar, Mutex};

use crate::backup::BackupError;
use crate::walk::{Node, Walk};

/// A partial names no more pages than this; what is beyond is read again.
const PAGES_LIMIT: usize = 50_000;
/// And no more folders.
const FOLDERS_LIMIT: usize = 5_000;
/// The longest path in one.
const PATH_LIMIT: usize = 1 << 16;
/// The first checkpoint is made after this long; later ones after twice as long each, up to the limit.
pub const FIRST_AFTER: Duration = Duration::from_secs(8);
const AFTER_LIMIT: Duration = Duration::from_secs(64);

/// What a broken-off backup had done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial {
    /// When that backup began.
    pub started: Timestamp,
    /// Folders by their path on the machine, with the pages of what was done in each.
    pub folders: HashMap<Vec<u8>, Vec<ChunkId>>,
}

impl Partial {
    /// As bytes to keep.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        bytes.extend_from_slice(&self.started.seconds.to_le_bytes());
        bytes.extend_from_slice(&self.started.nanoseconds.to_le_bytes());
        let mut folders: Vec<_> = self.folders.iter().collect();
        folders.sort_unstable();
        let mut pages_left = PAGES_LIMIT;
        let length = |count: usize| u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes();
        for (path, pages) in folders.into_iter().take(FOLDERS_LIMIT) {
            if pages.len() > pages_left || path.len() > PATH_LIMIT {
                continue;
            }
            pages_left -= pages.len();
            bytes.extend_from_slice(&length(path.len()));
            bytes.extend_from_slice(path);
            bytes.extend_from_slice(&length(pages.len()));
            pages.iter().for_each(|page| bytes.extend_from_slice(page.as_bytes()));
        }
        bytes
    }

    /// From kept bytes; nothing where they are not whole.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let seconds = i64::from_le_bytes(*take(&mut rest)?);
        let nanoseconds = u32::from_le_bytes(*take(&mut rest)?);
        let mut partial = Self { started: Timestamp::new(seconds, nanoseconds), folders: HashMap::new() };
        while !rest.is_empty() {
            let path_bytes = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).ok()?;
            let path = rest.split_off(..path_bytes)?.to_vec();
            let count = usize::try_from(u32::from_le_bytes(*take(&mut rest)?)).ok()?;
            if count > PAGES_LIMIT || partial.folders.len() >= FOLDERS_LIMIT {
                return None;
            }
            let pages = (0..count).map(|_| take(&mut rest).map(|id| ChunkId(*id))).collect::<Option<_>>()?;
            partial.folders.insert(path, pages);
        }
        Some(partial)
    }
}

fn take<'bytes, const LENGTH: usize>(rest: &mut &'bytes [u8]) -> Option<&'bytes [u8; LENGTH]> {
    let (first, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(first)
}

/// What is done with a checkpoint.
pub type Keep<'run> = &'run (dyn Fn(&Partial) + Sync);

/// Where a run begins from, and what becomes of its checkpoints.
#[derive(Clone, Copy)]
pub struct Checkpoints<'run> {
    /// What an earlier run that was broken off had done.
    pub resume: Option<&'run Partial>,
    /// When the first checkpoint is due.
    pub first_after: Duration,
    /// Gets each checkpoint, once all it names is durable.
    pub keep: Keep<'run>,
}

/// The folders a walk is in the middle of, by number: parents before what is in them.
#[derive(Default)]
pub(crate) struct OpenFolders {
    next: AtomicU64,
    folders: Mutex<std::collections::BTreeMap<u64, Arc<Node>>>,
}

impl OpenFolders {
    /// A number for a new folder.
    pub(crate) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add(&self, number: u64, node: &Arc<Node>) {
        self.folders.lock().insert(number, Arc::clone(node));
    }

    pub(crate) fn remove(&self, number: u64) {
        self.folders.lock().remove(&number);
    }

    /// Lets go of all.
    pub(crate) fn clear(&self) {
        let folders = std::mem::take(&mut *self.folders.lock());
        // What is innermost first: see the drop of a node.
        folders.into_values().rev().for_each(drop);
    }

    fn innermost_first(&self) -> Vec<Arc<Node>> {
        self.folders.lock().values().rev().take(FOLDERS_LIMIT).cloned().collect()
    }
}

/// Lets the checkpoints of a walk end with it.
#[derive(Default)]
pub(crate) struct Ended {
    is_over: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    pub(crate) fn tell(&self) {
        *self.is_over.lock() = true;
        self.told.notify_all();
    }

    /// Waits; `true` where the walk ended meanwhile.
    fn wait(&self, time: Duration) -> bool {
        let mut is_over = self.is_over.lock();
        let until = std::time::Instant::now() + time;
        while !*is_over {
            if self.told.wait_until(&mut is_over, until).timed_out() {
                break;
            }
        }
        *is_over
    }
}

impl<'run> Walk<'run> {
    /// What a run that was broken off had done.
    pub(crate) fn resumed_from(&self) -> Option<&'run Partial> {
        self.checkpoints.as_ref().and_then(|checkpoints| checkpoints.resume)
    }

    /// The pages of what a run that was broken off had done in a folder: it was finished then, or in the middle.
    pub(crate) fn pages_done(&self, node: &Node, finished: Option<Entry>) -> Vec<ChunkId> {
        if let Some(entry) = finished {
            return entry.pages;
        }
        let partial = self.resumed_from();
        let pages = partial.and_then(|partial| partial.folders.get(node.folder.path().as_bytes()));
        pages.cloned().unwrap_or_default()
    }

    /// Makes checkpoints until the walk has ended.
    pub(crate) fn make_checkpoints(&self, checkpoints: &Checkpoints<'_>, ended: &Ended) {
        let mut after = checkpoints.first_after;
        while !ended.wait(after) {
            match self.partial() {
                Ok(partial) => (checkpoints.keep)(&partial),
                // Whatever it is, the readers hit on it too and tell of it.
                Err(_) => return,
            }
            after = (after * 2).min(AFTER_LIMIT.max(checkpoints.first_after));
        }
    }

    /// Writes what is done of every open folder, and makes all of it durable.
    fn partial(&self) -> Result<Partial, BackupError> {
        let mut partial = Partial { started: self.started, folders: HashMap::new() };
        // A folder that is finished while this runs is in its parent, which comes later.
        for node in self.open.innermost_first() {
            let pages = {
                let mut entries = node.entries.lock();
                entries.sort_unstable_by(|one, other| one.name.cmp(&other.name));
                self.writer.write_folder(&entries)?
            };
            if !pages.is_empty() {
                partial.folders.insert(node.folder.path().into_bytes(), pages);
            }
        }
        for (path, source) in &self.sources {
            let roots = self.roots.lock();
            if let Some(entry) = roots.iter().find(|entry| entry.name == source.root)
                && !entry.pages.is_empty()
            {
                partial.folders.insert(path.display().to_string().into_bytes(), entry.pages.clone());
            }
        }
        self.writer.flush()?;
        Ok(partial)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partial_comes_back_as_it_was_and_half_of_one_not_at_all() {
        let mut partial = Partial { started: Timestamp::new(-5, 7), folders: HashMap::new() };
        partial.folders.insert(b"/home/a".to_vec(), vec![ChunkId([1; 32]), ChunkId([2; 32])]);
        partial.folders.insert(b"/home/\xff".to_vec(), vec![]);
        let bytes = partial.encode();
        assert_eq!(Partial::decode(&bytes).unwrap(), partial);
        for length in 0..bytes.len() {
            assert_ne!(Partial::decode(&bytes[..length]).as_ref(), Some(&partial), "{length}");
        }
        let mut hostile = bytes;
        hostile.extend_from_slice(&[0xff; 8]);
        assert_eq!(Partial::decode(&hostile), None);
    }

    #[test]
    fn what_is_beyond_the_limits_is_left_out() {
        let mut partial = Partial::default();
        partial.folders.insert(b"a".to_vec(), vec![ChunkId([1; 32]); PAGES_LIMIT - 1]);
        partial.folders.insert(b"b".to_vec(), vec![ChunkId([2; 32]); 2]);
        partial.folders.insert(b"c".to_vec(), vec![ChunkId([3; 32])]);
        let known = Partial::decode(&partial.encode()).unwrap();
        let mut paths: Vec<_> = known.folders.keys().cloned().collect();
        paths.sort();
        assert_eq!(paths, [b"a".to_vec(), b"c".to_vec()]);
    }
}
