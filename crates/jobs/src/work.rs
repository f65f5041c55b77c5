//! The kinds of work, done with the engine crates.
//!
//! Invariants: the request decides everything, besides it only a password is handed over; before a backup changes
//! anything a safety brake looks whether a source that held files is empty now. Deliberately not here: queueing and
//! receipts (`engine`, `run`).

use std::path::PathBuf;
use std::sync::Arc;

use keepwell_backup::checkpoint::FIRST_AFTER;
use keepwell_backup::restore::{self, EntryEnding, RestoreOptions, RestoreReport, RestoredEntry};
use keepwell_backup::{
    BackupOutcome, BackupRequest, Checkpoints, ParentChoice, Partial, RuleOptions, Threads, run_backup_from,
};
use keepwell_catalog::{Catalog, JobRecord, JobState};
use keepwell_model::{EntryKind, ObjectId, Problem, RelativePath, Snapshot, SnapshotId, Timestamp};
use keepwell_repository::{CheckOptions, CheckReport, Proven, Repository, RepositoryError};
use serde::{Deserialize, Serialize};

use crate::clock::Clock;
use crate::desk::Resumed;
use crate::merkle::MerkleTree;
use crate::outcome::{Ending, Fact, Fault, FaultKind, Halt, Outcome, Skip};
use crate::path_text;
use crate::repositories::Repositories;
use crate::request::{BackupJob, CheckJob, JobRequest, Overwrite, RestoreJob, RestoreTarget};
use crate::run::{Running, Work};
use crate::schedule::RETRY_MS;
use crate::standing;
use crate::sync_work;
use crate::syncs::Syncs;

/// A source that held at least this many files and is empty now pulls the brake.
const BRAKE_FILES: u64 = 10;
/// The version of what a backup's checkpoint holds.
const BACKUP_CHECKPOINT: u32 = 1;
/// The version of what a check's checkpoint holds: the ids of the packs that were read, one after another.
const CHECK_CHECKPOINT: u32 = 1;
/// So many packs are named in a check's checkpoint.
const PROVEN_LIMIT: usize = 100_000;
/// How long a check believes what one that was broken off has read.
pub(crate) const PROVEN_FOR_MS: i64 = 7 * 24 * 3_600_000;
/// How long after a crash a plan's run is started again.
const AFTER_CRASH_MS: i64 = 60_000;

/// The newest finished check of a place, as the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastCheck {
    /// The job that did it.
    pub job_id: String,
    /// When it ended.
    pub finished_ms: i64,
    /// Whether all content was read.
    pub full: bool,
    /// Problems it found.
    pub problems: u64,
}

/// Does the work of this machine.
pub struct MachineWork {
    /// The app's memory.
    pub catalog: Arc<Catalog>,
    /// Opens repositories.
    pub repositories: Arc<Repositories>,
    /// Opens sync pairs.
    pub syncs: Arc<Syncs>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// This machine's name.
    pub host: String,
    /// The account's name.
    pub user: String,
    /// This program with its version.
    pub program: String,
}

impl Work for MachineWork {
    fn run(&self, running: &Running<'_>) -> Ending {
        let password = running.attachment.password.as_deref().map(String::as_str);
        let open = |target| self.repositories.open(target, password);
        self.repositories.ceiling().attend(running.control);
        self.syncs.trees().attend(running.request.addresses().iter().map(String::as_str), running.control);
        let ending = match running.request {
            JobRequest::Backup(job) => {
                open(&job.target).and_then(|repository| self.back_up(running, job, &repository))
            }
            JobRequest::Restore(job) => {
                open(&job.target).and_then(|repository| bring_back(running, job, &repository))
            }
            JobRequest::Check(job) => {
                open(&job.target).and_then(|repository| self.check(running, job, &repository))
            }
            JobRequest::Sync(job) => {
                sync_work::sync(running, job, &self.syncs, &self.clock, self.repositories.ceiling())
            }
            JobRequest::Replicate(job) => self.replicate(running, job),
        };
        match ending {
            Ok(ending) => ending,
            // Whatever could not be done any more once the person stopped it.
            Err(fault) if running.control.is_cancelled() => {
                tracing::info!(%fault, "the run was stopped, and did not wait for this");
                let bytes_written = running.control.progress().bytes_written;
                Ending::Cancelled(Outcome { bytes_written, ..Outcome::default() })
            }
            Err(fault) => Ending::Failed(fault),
        }
    }

    fn finished(&self, job: &JobRecord, request: &JobRequest) {
        if let Err(error) = self.note(job, request) {
            tracing::warn!(%error, "what this run means for its plan or place could not be kept");
        }
    }

    fn tidy(&self, process: &str) {
        self.syncs.tidy(process);
    }

    /// A run of a plan or pair that has a schedule goes on by itself.
    fn interrupted(&self, job: &JobRecord) {
        let retry_ms = self.clock.now_ms().saturating_add(AFTER_CRASH_MS);
        let request = serde_json::from_str::<JobRequest>(&job.request).ok();
        if only_looked(request.as_ref()) {
            return;
        }
        let note = || {
            if let Some(plan) = job.plan_id.map(|id| self.catalog.plan(id)).transpose()?.flatten() {
                self.catalog.set_plan_times(plan.id, plan.schedule_from_ms, Some(retry_ms))?;
            }
            if let Some(id) = job.pair_id {
                self.catalog.set_pair_retry(id, Some(retry_ms))?;
                self.catalog.set_hub_retry(id, retry_ms)?;
            }
            let request = serde_json::from_str::<JobRequest>(&job.request).ok();
            if let Some(JobRequest::Sync(sync)) = &request {
                standing::note_job(&self.catalog, job, sync, self.clock.now_ms())?;
            }
            if let (Some(JobRequest::Sync(sync)), Some(_)) = (&request, job.started_ms)
                && sync.undo.is_none()
                && let Ok((_, definition)) = self.syncs.definition(sync.pair_id)
            {
                // Like one that was broken off: it may have changed the hub before.
                self.syncs.tell_hub(sync.pair_id, &definition);
            }
            self.retry_replica(request.as_ref(), Some(retry_ms))?;
            Ok::<_, keepwell_catalog::CatalogError>(())
        };
        if let Err(error) = note() {
            tracing::warn!(%error, "what this run was for could not be told to go on");
        }
    }
}

/// Whether a job was a look at the plan of a pair, after which nothing has to be tried again.
fn only_looked(request: Option<&JobRequest>) -> bool {
    matches!(request, Some(JobRequest::Sync(sync)) if sync.only_looks())
}

impl MachineWork {
    fn retry_replica(
        &self,
        request: Option<&JobRequest>,
        retry_ms: Option<i64>,
    ) -> Result<(), keepwell_catalog::CatalogError> {
        let id = request.and_then(JobRequest::replica_id);
        match id.map(|id| self.catalog.replica(id)).transpose()?.flatten() {
            Some(replica) => self.catalog.set_replica_times(replica.id, replica.schedule_from_ms, retry_ms),
            None => Ok(()),
        }
    }

    fn note(&self, job: &JobRecord, request: &JobRequest) -> Result<(), keepwell_catalog::CatalogError> {
        let done = matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems);
        if let (JobRequest::Check(check), Some(place_id), true) = (request, job.place_id, done) {
            let last = LastCheck {
                job_id: job.id.to_string(),
                finished_ms: job.finished_ms.unwrap_or(job.queued_ms),
                full: check.full || check.repair,
                problems: job.problems_total,
            };
            if let Ok(text) = serde_json::to_string(&last) {
                self.catalog.set_last_check(place_id, &text)?;
            }
        }
        if let JobRequest::Sync(sync) = request {
            // Runs that found nothing to do leave no other trace.
            standing::note_job(&self.catalog, job, sync, self.clock.now_ms())?;
            if standing::did_not_begin(job) {
                return self.syncs.owe(sync.pair_id, sync.origin);
            }
        }
        if only_looked(Some(request)) {
            return Ok(());
        }
        let may_pass = job
            .fault
            .as_deref()
            .and_then(|text| serde_json::from_str::<Fault>(text).ok())
            .is_some_and(|fault| fault.may_pass());
        let later_ms = self.clock.now_ms().saturating_add(RETRY_MS);
        let retry_ms = may_pass.then_some(later_ms);
        if let Some(plan) = job.plan_id.map(|id| self.catalog.plan(id)).transpose()?.flatten() {
            self.catalog.set_plan_times(plan.id, plan.schedule_from_ms, retry_ms)?;
        }
        if let Some(id) = job.pair_id {
            self.catalog.set_pair_retry(id, retry_ms)?;
            if !done {
                // Whatever it ended with: what the pair was told of its hub still waits.
                self.catalog.set_hub_retry(id, later_ms)?;
            }
        }
        self.retry_replica(Some(request), retry_ms)
    }

    fn back_up(
        &self,
        running: &Running<'_>,
        job: &BackupJob,
        repository: &Repository,
    ) -> Result<Ending, Fault> {
        let sources = local_paths(&job.sources)?;
        if !job.confirmed
            && let Some(halt) = self.brake(repository, &sources)?
        {
            return Ok(Ending::Halted(halt));
        }
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let request = BackupRequest {
            sources,
            rules: RuleOptions {
                exclude: job.rules.exclude.clone(),
                exclude_caches: job.rules.exclude_caches,
                maximum_size_bytes: job.rules.max_file_bytes,
                one_file_system: job.rules.one_file_system,
            },
            avoid: vec![Repositories::path(&job.target)?, self.catalog.state_folder().to_owned()],
            host: self.host.clone(),
            user: self.user.clone(),
            system: std::env::consts::OS.to_owned(),
            program: self.program.clone(),
            plan: job.plan_id,
            tags: job.tags.clone(),
            parent: ParentChoice::Latest,
            threads: Threads::for_cores(cores),
        };
        running.desk.planned();
        let now = || timestamp(self.clock.now_ms());
        let resumed = running.desk.resume(BACKUP_CHECKPOINT);
        let resume = resumed.and_then(|resumed| Partial::decode(&resumed.content));
        let keep = |partial: &Partial| running.desk.checkpoint(BACKUP_CHECKPOINT, partial.encode());
        let checkpoints = Checkpoints { resume: resume.as_ref(), first_after: FIRST_AFTER, keep: &keep };
        match run_backup_from(repository, &request, running.control, &now, Some(checkpoints)) {
            Ok(made) => Ok(Ending::Done(backup_outcome(&made))),
            Err(error) if error.is_cancelled() => Ok(Ending::Cancelled(Outcome {
                bytes_written: running.control.progress().bytes_written,
                ..Outcome::default()
            })),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks for damage. A full check goes on from what one that was broken off has read, if that is not long ago.
    fn look(
        &self,
        running: &Running<'_>,
        options: CheckOptions,
        repository: &Repository,
    ) -> Result<CheckReport, RepositoryError> {
        if !options.read_data {
            return repository.check(options, running.control);
        }
        let is_fresh =
            |resumed: &Resumed| self.clock.now_ms().saturating_sub(resumed.saved_ms) <= PROVEN_FOR_MS;
        let resumed = running.desk.resume(CHECK_CHECKPOINT).filter(is_fresh);
        let proven = Proven::new(resumed.map(|resumed| decode_packs(&resumed.content)).unwrap_or_default());
        let content = || encode_packs(&proven.packs());
        let work = || repository.check_from(options, running.control, &proven);
        running.desk.while_working(CHECK_CHECKPOINT, content, work)
    }

    /// Whether a source that held files is empty or gone now: then a person has to look first.
    fn brake(&self, repository: &Repository, sources: &[PathBuf]) -> Result<Option<Halt>, Fault> {
        let snapshots = repository.snapshots()?.snapshots;
        for source in sources {
            let is_empty = match std::fs::read_dir(source) {
                Ok(mut entries) => entries.next().is_none(),
                Err(error) => error.kind() == std::io::ErrorKind::NotFound,
            };
            if !is_empty {
                continue;
            }
            let bytes = path_text::bytes_of(source);
            let before = snapshots.iter().rev().find(|(_, snapshot)| {
                snapshot.host == self.host && snapshot.sources.iter().any(|known| known.path == bytes)
            });
            let Some((_, snapshot)) = before else { continue };
            if snapshot.statistics.files >= BRAKE_FILES && held_files(repository, snapshot, &bytes) {
                return Ok(Some(Halt {
                    reason: format!(
                        "{} held files in the last backup and is empty or gone now. Nothing was changed.",
                        source.display()
                    ),
                    if_continued: "A snapshot without these files is made. Earlier snapshots keep them."
                        .to_owned(),
                    choices: Vec::new(),
                    brakes: Vec::new(),
                    digest: None,
                }));
            }
        }
        Ok(None)
    }

    fn check(&self, running: &Running<'_>, job: &CheckJob, repository: &Repository) -> Result<Ending, Fault> {
        running.desk.planned();
        let threads = std::thread::available_parallelism().map_or(2, usize::from);
        let checked = if job.repair {
            repository
                .repair(threads, self.clock.now_ms(), running.control)
                .map(|report| (report.after, report.actions))
        } else {
            let options = CheckOptions { read_data: job.full, threads };
            self.look(running, options, repository).map(|report| (report, Vec::new()))
        };
        match checked {
            Ok((report, actions)) => Ok(Ending::Done(check_outcome(running, &report, &actions))),
            Err(RepositoryError::Cancelled) => Ok(Ending::Cancelled(Outcome::default())),
            Err(error) => Err(error.into()),
        }
    }
}

/// The ids of packs, one after another.
fn encode_packs(packs: &[ObjectId]) -> Vec<u8> {
    packs.iter().take(PROVEN_LIMIT).flat_map(|id| id.0).collect()
}

fn decode_packs(bytes: &[u8]) -> Vec<ObjectId> {
    bytes.as_chunks().0.iter().map(|id| ObjectId(*id)).collect()
}

/// Whether the source's entry in a snapshot holds anything.
fn held_files(repository: &Repository, snapshot: &Snapshot, source: &[u8]) -> bool {
    let root = snapshot.sources.iter().find(|known| known.path == source).map(|known| &known.root);
    let path = root.and_then(|root| RelativePath::parse(root).ok());
    // Where the old snapshot can not be read there is nothing to compare with: `check` tells of that.
    path.and_then(|path| repository.entry_at(snapshot, &path).ok())
        .is_some_and(|entry| entry.kind == EntryKind::Folder && !entry.pages.is_empty())
}

fn timestamp(now_ms: i64) -> Timestamp {
    let nanoseconds = u32::try_from(now_ms.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
    Timestamp::new(now_ms.div_euclid(1000), nanoseconds)
}

/// Escaped paths as paths of this machine.
pub(crate) fn local_paths(paths: &[String]) -> Result<Vec<PathBuf>, Fault> {
    paths
        .iter()
        .map(|path| match path_text::decode(path) {
            Ok(bytes) => Ok(path_text::local_path(&bytes)),
            Err(error) => Err(Fault::new(FaultKind::BadRequest, error.to_string(), "Correct the path.")),
        })
        .collect()
}

/// What a backup did. The Merkle root is over the sources and the pages of the top folder: pages name the pages and
/// contents below them by their hashes, so it holds every entry.
fn backup_outcome(made: &BackupOutcome) -> Outcome {
    let snapshot = &made.snapshot;
    let counts = &snapshot.statistics;
    let mut tree = MerkleTree::default();
    for source in &snapshot.sources {
        tree.add(&source.path);
        tree.add(&source.root);
    }
    for page in &snapshot.root_pages {
        tree.add(&page.0);
    }
    let mut outcome = Outcome {
        snapshot_id: Some(made.id.to_string()),
        items: counts.files + counts.folders + counts.others,
        bytes: counts.size_bytes,
        bytes_written: counts.stored_bytes,
        facts: vec![
            Fact::count("files", "Files", counts.files),
            Fact::count("folders", "Folders", counts.folders),
            Fact::bytes("sizeBytes", "Size", counts.size_bytes),
            Fact::count("filesNew", "New files", counts.files_new),
            Fact::count("filesChanged", "Changed files", counts.files_changed),
            Fact::count("filesUnchanged", "Unchanged files", counts.files_unchanged),
            Fact::bytes("addedBytes", "New data", counts.added_bytes),
            Fact::bytes("storedBytes", "Added to the repository", counts.stored_bytes),
        ],
        skipped: Vec::new(),
        merkle_root: tree.root_text(),
        was_idle: false,
        was_partial: false,
        is_outdated: false,
    };
    if made.resumed_files > 0 {
        let label = "Files stored by a run that was broken off before";
        outcome.facts.push(Fact::count("filesResumed", label, made.resumed_files));
    }
    outcome
}

/// What a check saw. The Merkle root is over every pack that was looked at with its verdict, then over what was found
/// and counted.
fn check_outcome(running: &Running<'_>, report: &CheckReport, actions: &[String]) -> Outcome {
    let mut tree = MerkleTree::default();
    for (pack, is_sound) in &report.pack_verdicts {
        tree.add(&[pack.as_bytes().as_slice(), &[u8::from(*is_sound)]].concat());
    }
    let mut harmless = 0;
    for finding in &report.findings {
        tree.add(format!("{}\n{}", finding.path, finding.what).as_bytes());
        if !finding.kind.is_damage() {
            harmless += 1;
            continue;
        }
        let next = "Run a check with repair: it rebuilds what can be rebuilt and says what can not.";
        running.control.problem(Problem::new(
            &finding.path,
            &finding.what,
            match finding.files_total {
                0 => String::new(),
                1 => "One file is affected.".to_owned(),
                files => format!("{files} files are affected."),
            },
            next,
        ));
        for file in &finding.files {
            running.control.problem(Problem::new(
                file,
                "This file can not be brought back whole from this snapshot.",
                &finding.path,
                "Bring it back from another snapshot, or back it up again while it still exists.",
            ));
        }
    }
    tree.add(format!("{} {} {}", report.packs, report.snapshots, report.chunks).as_bytes());
    let mut facts = vec![
        Fact::count("snapshots", "Snapshots", report.snapshots),
        Fact::count("packs", "Packs", report.packs),
        Fact::count("chunks", "Pieces of data", report.chunks),
        Fact::bytes("readBytes", "Read and proven", report.read_bytes),
        Fact::count("damage", "Damaged", report.damage_total),
        Fact::count("harmless", "Leftovers of interrupted runs", harmless),
    ];
    if report.proven_packs > 0 {
        let label = "Packs read by a check that was broken off before";
        facts.push(Fact::count("packsResumed", label, report.proven_packs));
    }
    facts.extend(actions.iter().map(|action| Fact::count("repair", action, 1)));
    Outcome {
        items: report.packs + report.snapshots,
        bytes: report.read_bytes,
        facts,
        merkle_root: tree.root_text(),
        ..Outcome::default()
    }
}

/// The options of a restore, as the engine crate takes them.
///
/// # Errors
/// A path is not in the escaped form, or no path at all.
pub fn restore_options(job: &RestoreJob) -> Result<RestoreOptions, Fault> {
    let wrong = |message: String| Fault::new(FaultKind::BadRequest, message, "Correct the path.");
    let mut paths = Vec::with_capacity(job.paths.len());
    for path in &job.paths {
        let bytes = path_text::decode(path).map_err(|error| wrong(error.to_string()))?;
        paths.push(RelativePath::parse(&bytes).map_err(|error| wrong(error.to_string()))?);
    }
    let target = match &job.to {
        RestoreTarget::Origin => restore::RestoreTarget::Origin,
        RestoreTarget::Folder(path) => {
            let mut folders = local_paths(std::slice::from_ref(path))?;
            let folder = folders.pop().unwrap_or_default();
            if !folder.is_absolute() {
                return Err(wrong(format!("{} is not a whole path.", folder.display())));
            }
            restore::RestoreTarget::Folder(folder)
        }
    };
    let overwrite = match job.overwrite {
        Overwrite::Never => keepwell_backup::restore_plan::Overwrite::Never,
        Overwrite::IfOlder => keepwell_backup::restore_plan::Overwrite::IfOlder,
        Overwrite::IfDifferent => keepwell_backup::restore_plan::Overwrite::IfDifferent,
        Overwrite::Always => keepwell_backup::restore_plan::Overwrite::Always,
    };
    Ok(RestoreOptions { target, paths, overwrite, verify: job.verify })
}

fn bring_back(running: &Running<'_>, job: &RestoreJob, repository: &Repository) -> Result<Ending, Fault> {
    let (id, snapshot) = repository.find_snapshot(&job.snapshot_id)?;
    let options = restore_options(job)?;
    running.desk.planned();
    let mut tree = MerkleTree::default();
    tree.add(&id.0);
    let mut observe = |entry: &RestoredEntry| tree.add(&restored_leaf(entry));
    let report = restore::run_observed(repository, &snapshot, &options, running.control, &mut observe)?;
    let outcome = restore_outcome(id, &report, options.verify, tree.root_text());
    Ok(if report.cancelled { Ending::Cancelled(outcome) } else { Ending::Done(outcome) })
}

/// One entry of a restore in the Merkle tree: what became of it, the hash of its content (zeros where it has none), and
/// where it is.
fn restored_leaf(entry: &RestoredEntry) -> Vec<u8> {
    let ending = match entry.ending {
        EntryEnding::Done => 0,
        EntryEnding::AlreadyRight => 1,
        EntryEnding::Kept => 2,
        EntryEnding::Failed => 3,
        EntryEnding::NotReached => 4,
    };
    let mut leaf = vec![ending];
    leaf.extend_from_slice(&entry.content.map_or([0; 32], |hash| hash.0));
    leaf.extend_from_slice(entry.path.as_bytes());
    leaf
}

/// What a restore did. The Merkle root is over the snapshot's id, then over every entry with what became of it, in the
/// order in which they were planned.
fn restore_outcome(id: SnapshotId, report: &RestoreReport, verify: bool, merkle_root: String) -> Outcome {
    let counts = &report.counts;
    let mut facts = vec![
        Fact::count("created", "Made", counts.created),
        Fact::count("replaced", "Replaced", counts.replaced + counts.updated),
        Fact::count("metadataSet", "Rights or times set", counts.metadata_set),
        Fact::count("alreadyRight", "The same already", counts.already_right),
        Fact::bytes("writtenBytes", "Written", report.written_bytes),
        Fact::count("failed", "Could not be brought back", report.failed),
    ];
    if verify {
        facts.push(Fact::count("verified", "Read back and the same", report.verified));
        facts.push(Fact::count("mismatched", "Read back and different", report.mismatched));
    }
    let mut skipped = Vec::new();
    if counts.skipped > 0 {
        let reason = "What was there was kept, as asked".to_owned();
        skipped.push(Skip { reason, count: counts.skipped });
    }
    if counts.refused > 0 {
        let reason = "Something in the way made it unsafe".to_owned();
        skipped.push(Skip { reason, count: counts.refused });
    }
    Outcome {
        snapshot_id: Some(id.to_string()),
        items: counts.items(),
        bytes: counts.files_bytes,
        bytes_written: report.written_bytes,
        facts,
        skipped,
        merkle_root,
        was_idle: false,
        was_partial: false,
        is_outdated: false,
    }
}
