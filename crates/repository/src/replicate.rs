//! Keeping a repository identical in a second place, without its password.
//!
//! Files of a repository never change, so a replica is made by copying those it lacks: packs, then indexes, then keys,
//! then snapshots, the envelope last. Invariants:
//! 1. At every moment what the replica shows as a snapshot can be restored from the replica: a snapshot arrives after
//!    all that it needs. A run that is broken off is gone on with by the next.
//! 2. What was copied is read back and compared with what was read from the source.
//! 3. A pack or a snapshot is never removed from the replica: the format has no rule yet by which the source would give
//!    one up, so its absence there is a loss, and the replica may hold the last copy. It is told.
//! 4. Removed is what the source's own rules removed: index segments that gave way to a merged one, and keys a person
//!    took away; both only after all of the source's are in the replica.
//! 5. Nothing in the replica is ever overwritten. Where both differ it is told, since only a check with the password can
//!    say which of them is right.
//!
//! Deliberately not here: when it runs (`jobs`); mending (`repair`).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::{EndpointError, Store, StoredObject};
use keepwell_model::{Control, Phase, RepositoryId};
use parking_lot::Mutex;

use crate::envelope::{ENVELOPE_KEY, ENVELOPE_LENGTH, Envelope, Operation};
use crate::error::{RepositoryError, Result};
use crate::keys::KEYS_FOLDER;
use crate::pack::PACKS_FOLDER;
use crate::repository::{README_KEY, SNAPSHOTS_FOLDER};
use crate::segment::INDEX_FOLDER;

/// How much of a file is held at once.
const PART_BYTES: usize = 4 << 20;
/// How often the source is looked at again because it changed meanwhile.
const PASSES_LIMIT: usize = 4;
/// How many names of each kind a report holds.
pub const NAMES_LIMIT: usize = 100;

/// How thoroughly to go about it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ReplicateOptions {
    /// Also read what was in both places before, and compare it.
    pub compare_all: bool,
    /// Files on the way at once; at least one is used.
    pub threads: usize,
}

/// Names, the first of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first [`NAMES_LIMIT`].
    pub first: Vec<String>,
    /// All.
    pub total: u64,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.total += 1;
        if self.first.len() < NAMES_LIMIT {
            self.first.push(name.to_owned());
        }
    }
}

/// What was done and seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicateReport {
    /// Files copied and proven.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Files that were in both places before.
    pub present: u64,
    /// Of these, how many were read in both places and are the same.
    pub compared: u64,
    /// Files removed from the replica because the source's rules removed them.
    pub removed: u64,
    /// Packs and snapshots that only the replica has: the source may have lost them.
    pub only_in_replica: Names,
    /// Files that differ between the two places.
    pub different: Names,
}

/// Makes `replica` hold all that `source` holds.
///
/// # Errors
/// There is no repository at the source, another one at the replica, or one of the places can not be read or written.
pub fn replicate(
    source: &dyn Store,
    replica: &dyn Store,
    options: ReplicateOptions,
    control: &Control,
) -> Result<ReplicateReport> {
    control.set_phase(Phase::Preparing);
    let envelope =
        read_envelope(source)?.ok_or_else(|| RepositoryError::NotARepository { path: source.describe() })?;
    // What this version does not know may lie in folders it does not know.
    envelope.require(Operation::Read, &source.describe())?;
    let has_envelope = prepare(replica, envelope.repository)?;
    let run = Run { source, replica, options, control, report: Mutex::default() };
    for pass in 1.. {
        match run.pass() {
            Ok(()) => break,
            // An index segment was merged away between being listed and being read.
            Err(RepositoryError::Endpoint(EndpointError::NotFound { .. })) if pass < PASSES_LIMIT => {
                *run.report.lock() = ReplicateReport::default();
            }
            Err(error) => return Err(error),
        }
    }
    control.set_phase(Phase::Finishing);
    if !has_envelope {
        run.copy(README_KEY, None).or_else(|error| match error {
            RepositoryError::Endpoint(
                EndpointError::NotFound { .. } | EndpointError::AlreadyExists { .. },
            ) => Ok(0),
            error => Err(error),
        })?;
        run.copy(ENVELOPE_KEY, None)?;
    }
    Ok(run.report.into_inner())
}

/// Sees that the replica is this repository's, a begun replica, or empty, and makes its folders. Answers whether it has
/// its envelope already.
fn prepare(replica: &dyn Store, id: RepositoryId) -> Result<bool> {
    let has_envelope = match read_envelope(replica)? {
        Some(envelope) if envelope.repository == id => true,
        Some(_) => return Err(RepositoryError::AlreadyARepository { path: replica.describe() }),
        None => false,
    };
    if !has_envelope {
        // What a replica that was broken off has of the layout.
        let own = [KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER, README_KEY, "tmp"];
        let names = match replica.names() {
            Ok(names) => names,
            Err(EndpointError::NotFound { .. }) => Vec::new(),
            Err(error) => return Err(error.into()),
        };
        if names.iter().any(|name| !own.contains(&name.as_str())) {
            return Err(RepositoryError::NotEmpty { path: replica.describe() });
        }
    }
    replica.create_folders(&[KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER])?;
    Ok(has_envelope)
}

fn read_envelope(store: &dyn Store) -> Result<Option<Envelope>> {
    match store.read(ENVELOPE_KEY, ENVELOPE_LENGTH as u64) {
        Ok(bytes) => Envelope::parse(&bytes, &format!("{}/{ENVELOPE_KEY}", store.describe())).map(Some),
        Err(EndpointError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The files of one folder, in both places.
struct Folder {
    name: &'static str,
    source: BTreeMap<String, u64>,
    replica: BTreeMap<String, u64>,
}

struct Run<'a> {
    source: &'a dyn Store,
    replica: &'a dyn Store,
    options: ReplicateOptions,
    control: &'a Control,
    report: Mutex<ReplicateReport>,
}

impl Run<'_> {
    /// One look at the source, and everything that follows from it.
    fn pass(&self) -> Result<()> {
        // Read in this order, each listing holds at least what the ones before it need.
        let mut folders = Vec::new();
        for name in [SNAPSHOTS_FOLDER, KEYS_FOLDER, INDEX_FOLDER, PACKS_FOLDER] {
            let source = sizes(self.source.list(name)?);
            folders.push(Folder { name, source, replica: sizes(self.replica.list(name)?) });
        }
        folders.reverse();
        let files = folders.iter().map(|folder| folder.source.len() as u64).sum();
        let bytes = folders.iter().flat_map(|folder| folder.source.values()).sum();
        self.control.restart_counters(Phase::Copying);
        self.control.add_total(files, bytes);
        self.control.set_total_known();
        for folder in &folders {
            self.bring(folder)?;
        }
        for folder in &folders {
            self.remove_or_tell(folder)?;
        }
        Ok(())
    }

    /// Copies what the replica lacks of one folder, with several threads.
    fn bring(&self, folder: &Folder) -> Result<()> {
        let files: Vec<(&String, &u64)> = folder.source.iter().collect();
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<RepositoryError>> = Mutex::default();
        let work = || {
            while let Some((key, size_bytes)) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                if failed.lock().is_some() {
                    return;
                }
                if let Err(error) = self.bring_one(folder, key, **size_bytes) {
                    failed.lock().get_or_insert(error);
                }
            }
        };
        std::thread::scope(|scope| {
            for _ in 1..self.options.threads.clamp(1, files.len().max(1)) {
                scope.spawn(work);
            }
            work();
        });
        failed.into_inner().map_or(Ok(()), Err)
    }

    fn bring_one(&self, folder: &Folder, key: &str, size_bytes: u64) -> Result<()> {
        self.control.checkpoint()?;
        self.control.set_current(key.as_bytes());
        match folder.replica.get(key) {
            None => {
                let copied_bytes = self.copy(key, Some(size_bytes))?;
                let mut report = self.report.lock();
                report.copied += 1;
                report.copied_bytes += copied_bytes;
            }
            Some(there_bytes) => {
                let is_same = *there_bytes == size_bytes
                    && (!self.options.compare_all
                        || self.hash(self.source, key, size_bytes)?
                            == self.hash(self.replica, key, size_bytes)?);
                let mut report = self.report.lock();
                report.present += 1;
                if !is_same {
                    report.different.push(key);
                } else if self.options.compare_all {
                    report.compared += 1;
                }
            }
        }
        self.control.add_done(1, size_bytes);
        Ok(())
    }

    /// Copies one file, reads it back, and answers its length.
    fn copy(&self, key: &str, size_bytes: Option<u64>) -> Result<u64> {
        let size_bytes = match size_bytes {
            Some(size_bytes) => size_bytes,
            None => self.source.size_bytes(key)?,
        };
        let mut upload = self.replica.create(key)?;
        let mut hasher = blake3::Hasher::new();
        self.read(self.source, key, size_bytes, &mut |part| {
            hasher.update(part);
            self.control.add_written(part.len() as u64);
            Ok(upload.write(part)?)
        })?;
        upload.finish()?;
        if self.hash(self.replica, key, size_bytes)? != hasher.finalize() {
            // Visible and wrong is worse than absent: the next run brings it again.
            self.replica.delete(key)?;
            let path = format!("{}/{key}", self.replica.describe());
            return Err(RepositoryError::damaged(path, "what was read back is not what was written"));
        }
        Ok(size_bytes)
    }

    fn hash(&self, store: &dyn Store, key: &str, size_bytes: u64) -> Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        self.read(store, key, size_bytes, &mut |part| {
            hasher.update(part);
            Ok(())
        })?;
        Ok(hasher.finalize())
    }

    fn read(
        &self,
        store: &dyn Store,
        key: &str,
        size_bytes: u64,
        take: &mut dyn FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut offset_bytes = 0;
        while offset_bytes < size_bytes {
            self.control.checkpoint()?;
            let length =
                usize::try_from(size_bytes - offset_bytes).map_or(PART_BYTES, |rest| rest.min(PART_BYTES));
            take(&store.read_range(key, offset_bytes, length)?)?;
            offset_bytes += length as u64;
        }
        Ok(())
    }

    /// What only the replica has: removed where the source's rules say so, told where they do not.
    fn remove_or_tell(&self, folder: &Folder) -> Result<()> {
        // A source without a single key or index is damaged, not tidied up.
        let follows = matches!(folder.name, KEYS_FOLDER | INDEX_FOLDER) && !folder.source.is_empty();
        for key in folder.replica.keys().filter(|key| !folder.source.contains_key(*key)) {
            self.control.checkpoint()?;
            if follows {
                self.replica.delete(key)?;
                self.report.lock().removed += 1;
            } else {
                self.report.lock().only_in_replica.push(key);
            }
        }
        Ok(())
    }
}

fn sizes(objects: Vec<StoredObject>) -> BTreeMap<String, u64> {
    objects.into_iter().map(|object| (object.key, object.size_bytes)).collect()
}
