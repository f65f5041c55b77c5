//! Keeping a repository identical in a second place.
//!
//! Files of a repository never change, so a replica is made by copying those it lacks: packs, then indexes, then keys,
//! then snapshots, the envelope last. No password is needed for that. Invariants:
//! 1. At every moment what the replica shows as a snapshot can be restored from the replica: a snapshot arrives after
//!    all that it needs. A run that is broken off is gone on with by the next.
//! 2. What was copied is read back and compared with what was read from the source.
//! 3. A pack or a snapshot is never removed from the replica: the format has no rule yet by which the source would give
//!    one up, so its absence there is a loss, and the replica may hold the last copy. It is told, and index segments stay
//!    too then, because they say what is in it.
//! 4. Removed is what the source's own rules removed: index segments that gave way to a merged one, and keys a person
//!    took away; both only after all of the source's are in the replica.
//! 5. Where both differ, a judge who has the keys (`judge`) says which is as it was written. Only a file of the replica
//!    that is damaged while the source's is whole is replaced, and it is set aside until its successor is proven. Without
//!    a judge nothing is replaced; it is told. The source is never written to.
//!
//! Deliberately not here: when it runs, and which brakes a person has to release (`jobs`, with [`survey`]).

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::{EndpointError, Store, StoredObject};
use keepwell_model::{Control, Phase, RepositoryId};
use parking_lot::Mutex;

use crate::envelope::{ENVELOPE_KEY, ENVELOPE_LENGTH, Envelope, Operation};
use crate::error::{RepositoryError, Result};
use crate::keys::{KEYS_FOLDER, SLOT_PREFIX};
use crate::pack::PACKS_FOLDER;
use crate::repair::{DAMAGED_FOLDER, set_aside};
use crate::replicate_report::{FileVerdict, ProvenFiles, ReplicateReport, ReplicatedFile};
use crate::repository::{README_KEY, Repository, SNAPSHOTS_FOLDER};
use crate::segment::INDEX_FOLDER;

/// How much of a file is held at once.
const PART_BYTES: usize = 4 << 20;
/// How often the source is looked at again because it changed meanwhile.
const PASSES_LIMIT: usize = 4;

/// An upload that never ended is removed once it is so old: a younger one may be another's who works just now.
const LEFTOVER_AFTER_MS: i64 = 24 * 60 * 60 * 1000;

/// How thoroughly to go about it.
#[derive(Clone, Copy, Default)]
pub struct ReplicateOptions<'a> {
    /// Also read what was in both places before, and compare it.
    pub compare_all: bool,
    /// Files on the way at once; at least one is used.
    pub threads: usize,
    /// The source, opened: says which of two files that differ is as it was written.
    pub judge: Option<&'a Repository>,
    /// What was found to be the same before, and is not read again; grows while the run goes on.
    pub proven: Option<&'a ProvenFiles>,
    /// The time, for telling old leftovers from an upload of this moment; without it none is removed.
    pub now_ms: Option<i64>,
}

/// What both places hold before anything is done: for telling a person what looks wrong.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Whether the replica was finished once.
    pub has_replica: bool,
    /// Snapshots that only the replica has.
    pub lost_snapshots: u64,
    /// Snapshots the replica has.
    pub replica_snapshots: u64,
    /// Packs that only the replica has.
    pub lost_packs: u64,
    /// Passwords and recovery keys of the replica that the source has no more.
    pub lost_keys: u64,
    /// Those that both have.
    pub common_keys: u64,
    /// Bytes the replica lacks.
    pub missing_bytes: u64,
    /// Free space at the replica, where its place tells.
    pub free_bytes: Option<u64>,
}

/// Looks what both places hold; changes nothing.
///
/// # Errors
/// There is no repository at the source, another one at the replica, or one of the places can not be listed.
pub fn survey(source: &dyn Store, replica: &dyn Store) -> Result<Survey> {
    let envelope = source_envelope(source)?;
    let has_replica = is_begun(replica, envelope.repository)?;
    let mut survey = Survey { has_replica, free_bytes: replica.free_bytes()?, ..Survey::default() };
    for name in [SNAPSHOTS_FOLDER, KEYS_FOLDER, INDEX_FOLDER, PACKS_FOLDER] {
        let there = match replica.list(name) {
            Ok(objects) => sizes(objects),
            Err(EndpointError::NotFound { .. }) => BTreeMap::new(),
            Err(error) => return Err(error.into()),
        };
        let here = sizes(source.list(name)?);
        let lost = there.keys().filter(|key| !here.contains_key(*key)).count() as u64;
        match name {
            SNAPSHOTS_FOLDER => {
                (survey.lost_snapshots, survey.replica_snapshots) = (lost, there.len() as u64);
            }
            PACKS_FOLDER => survey.lost_packs = lost,
            KEYS_FOLDER => {
                let slots = || there.keys().filter(|key| key.starts_with(SLOT_PREFIX));
                survey.common_keys = slots().filter(|key| here.contains_key(*key)).count() as u64;
                survey.lost_keys = slots().count() as u64 - survey.common_keys;
            }
            _ => {}
        }
        survey.missing_bytes +=
            here.iter().filter(|(key, _)| !there.contains_key(*key)).map(|(_, bytes)| bytes).sum::<u64>();
    }
    Ok(survey)
}

/// The source's first file: what this version does not know may lie in folders it does not know.
fn source_envelope(source: &dyn Store) -> Result<Envelope> {
    let envelope =
        read_envelope(source)?.ok_or_else(|| RepositoryError::NotARepository { path: source.describe() })?;
    envelope.require(Operation::Read, &source.describe())?;
    Ok(envelope)
}

/// Makes `replica` hold all that `source` holds.
///
/// # Errors
/// There is no repository at the source, another one at the replica, or one of the places can not be read or written.
pub fn replicate(
    source: &dyn Store,
    replica: &dyn Store,
    options: ReplicateOptions<'_>,
    control: &Control,
) -> Result<ReplicateReport> {
    control.set_phase(Phase::Preparing);
    let envelope = source_envelope(source)?;
    let has_envelope = is_begun(replica, envelope.repository)?;
    replica.create_folders(&[KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER])?;
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
        run.copy(README_KEY, None).map(drop).or_else(|error| match error {
            RepositoryError::Endpoint(
                EndpointError::NotFound { .. } | EndpointError::AlreadyExists { .. },
            ) => Ok(()),
            error => Err(error),
        })?;
        run.copy(ENVELOPE_KEY, None)?;
    }
    run.remove_leftovers()?;
    let mut report = run.report.into_inner();
    report.files.sort_unstable();
    Ok(report)
}

/// Sees that the replica is this repository's, a begun replica, or empty. Answers whether it has its envelope already.
fn is_begun(replica: &dyn Store, id: RepositoryId) -> Result<bool> {
    match read_envelope(replica)? {
        Some(envelope) if envelope.repository == id => return Ok(true),
        Some(_) => return Err(RepositoryError::AlreadyARepository { path: replica.describe() }),
        None => {}
    }
    // What a replica that was broken off has of the layout.
    let own = [KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER, DAMAGED_FOLDER, README_KEY, "tmp"];
    let names = match replica.names() {
        Ok(names) => names,
        Err(EndpointError::NotFound { .. }) => Vec::new(),
        Err(error) => return Err(error.into()),
    };
    if names.iter().any(|name| !own.contains(&name.as_str())) {
        return Err(RepositoryError::NotEmpty { path: replica.describe() });
    }
    Ok(false)
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

impl Folder {
    /// What only the replica has.
    fn extra(&self) -> impl Iterator<Item = &String> {
        self.replica.keys().filter(|key| !self.source.contains_key(*key))
    }
}

struct Run<'a> {
    source: &'a dyn Store,
    replica: &'a dyn Store,
    options: ReplicateOptions<'a>,
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
        let is_loss = |folder: &Folder| {
            matches!(folder.name, PACKS_FOLDER | SNAPSHOTS_FOLDER) && folder.extra().count() > 0
        };
        let lost = folders.iter().any(is_loss);
        for folder in &folders {
            self.remove_or_tell(folder, lost)?;
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
        let (hash, verdict) = match folder.replica.get(key) {
            None => {
                let (hash, copied_bytes) = self.copy(key, Some(size_bytes))?;
                self.prove(key, size_bytes);
                let mut report = self.report.lock();
                report.copied += 1;
                report.copied_bytes += copied_bytes;
                (Some(hash), FileVerdict::Copied)
            }
            Some(there_bytes) => {
                self.report.lock().present += 1;
                self.compare(key, size_bytes, *there_bytes)?
            }
        };
        let hash = hash.map(|hash| *hash.as_bytes());
        self.report.lock().files.push(ReplicatedFile { key: key.to_owned(), hash, verdict });
        self.control.add_done(1, size_bytes);
        Ok(())
    }

    /// Looks at a file that is in both places.
    fn compare(
        &self,
        key: &str,
        size_bytes: u64,
        there_bytes: u64,
    ) -> Result<(Option<blake3::Hash>, FileVerdict)> {
        if there_bytes != size_bytes {
            return Ok((None, self.settle(key, size_bytes, there_bytes)?));
        }
        if !self.options.compare_all {
            return Ok((None, FileVerdict::Present));
        }
        if self.options.proven.is_some_and(|proven| proven.has(key, size_bytes)) {
            self.report.lock().proven_before += 1;
            return Ok((None, FileVerdict::Present));
        }
        let ours = self.hash(self.source, key, size_bytes)?;
        let theirs = match self.hash(self.replica, key, size_bytes) {
            Ok(hash) => hash,
            // One bad spot of a drive must not keep all that is new away from it.
            Err(RepositoryError::Endpoint(EndpointError::Io { .. })) => {
                self.report.lock().unreadable.push(key);
                return Ok((Some(ours), FileVerdict::Unreadable));
            }
            Err(error) => return Err(error),
        };
        if ours != theirs {
            return Ok((Some(ours), self.settle(key, size_bytes, there_bytes)?));
        }
        self.prove(key, size_bytes);
        let mut report = self.report.lock();
        report.compared += 1;
        report.compared_bytes += size_bytes;
        Ok((Some(ours), FileVerdict::Same))
    }

    fn prove(&self, key: &str, size_bytes: u64) {
        if let Some(proven) = self.options.proven {
            proven.add(key, size_bytes);
        }
    }

    /// Both differ: mends the replica where it is known to be the damaged one, and tells it otherwise.
    fn settle(&self, key: &str, size_bytes: u64, there_bytes: u64) -> Result<FileVerdict> {
        let Some(judge) = self.options.judge else {
            self.report.lock().different.push(key);
            return Ok(FileVerdict::Different);
        };
        let ours = judge.is_as_written(self.source, key, size_bytes)?;
        let theirs = judge.is_as_written(self.replica, key, there_bytes)?;
        match (ours, theirs) {
            (true, false) => {
                set_aside(self.replica, key)?;
                self.copy(key, Some(size_bytes))?;
                let name = key.rsplit('/').next().unwrap_or(key);
                self.replica.delete(&format!("{DAMAGED_FOLDER}/{name}"))?;
                self.prove(key, size_bytes);
                self.report.lock().mended.push(key);
                Ok(FileVerdict::Mended)
            }
            (false, true) => {
                self.report.lock().source_damaged.push(key);
                Ok(FileVerdict::Different)
            }
            _ => {
                self.report.lock().different.push(key);
                Ok(FileVerdict::Different)
            }
        }
    }

    /// Copies one file, reads it back, and answers its hash and length.
    fn copy(&self, key: &str, size_bytes: Option<u64>) -> Result<(blake3::Hash, u64)> {
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
        let hash = hasher.finalize();
        if self.hash(self.replica, key, size_bytes)? != hash {
            // Visible and wrong is worse than absent: the next run brings it again.
            self.replica.delete(key)?;
            let path = format!("{}/{key}", self.replica.describe());
            return Err(RepositoryError::damaged(path, "what was read back is not what was written"));
        }
        Ok((hash, size_bytes))
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
    fn remove_or_tell(&self, folder: &Folder, lost: bool) -> Result<()> {
        // A source without a single key or index is damaged, not tidied up.
        let follows = match folder.name {
            KEYS_FOLDER => !folder.source.is_empty(),
            INDEX_FOLDER => !folder.source.is_empty() && !lost,
            _ => false,
        };
        let is_told = matches!(folder.name, PACKS_FOLDER | SNAPSHOTS_FOLDER);
        for key in folder.extra() {
            self.control.checkpoint()?;
            if follows {
                self.replica.delete(key)?;
                self.report.lock().removed += 1;
            } else if is_told {
                self.report.lock().only_in_replica.push(key);
            }
        }
        Ok(())
    }

    /// What uploads of runs that were broken off left behind.
    fn remove_leftovers(&self) -> Result<()> {
        let Some(now_ms) = self.options.now_ms else { return Ok(()) };
        for object in self.replica.unfinished()? {
            let is_old = |at: i64| now_ms.saturating_sub(at) > LEFTOVER_AFTER_MS;
            if object.modified_ms.is_some_and(is_old) {
                self.replica.delete(&object.key)?;
                self.report.lock().leftovers += 1;
            }
        }
        Ok(())
    }
}

fn sizes(objects: Vec<StoredObject>) -> BTreeMap<String, u64> {
    objects.into_iter().map(|object| (object.key, object.size_bytes)).collect()
}
