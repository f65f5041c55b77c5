//! One backup run: from folders to a snapshot.
//!
//! ```text
//! prepare (parent, rules) -> walk and read, many threads (`walk`) -> packs and index durable -> snapshot
//! ```
//!
//! Invariants: a snapshot is written only when everything it names is durable; what could not be read is a problem and
//! is not in it; a run in which no source at all could be read makes no snapshot.
//! Deliberately not here: when to run, and what to tell whom (`jobs`).

use std::path::PathBuf;
use std::sync::Arc;

use keepwell_endpoint::EndpointError;
use keepwell_model::{
    Control, Phase, PlanId, Problem, Snapshot, SnapshotId, SnapshotSource, SnapshotStatistics, Timestamp,
};
use keepwell_repository::{Repository, RepositoryError, Writer};

use crate::checkpoint::Checkpoints;
use crate::rules::{RuleError, RuleOptions, Rules};
use crate::walk::Walk;
use crate::walk_source::Avoid;

/// How many sources one backup may have.
pub const SOURCES_LIMIT: usize = 1000;

/// Which earlier snapshot unchanged files are taken over from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ParentChoice {
    /// The latest of this host that has one of the sources.
    #[default]
    Latest,
    /// None: every file is read.
    None,
    /// This one.
    Snapshot(SnapshotId),
}

/// What to back up, and how.
#[derive(Clone, Debug)]
pub struct BackupRequest {
    /// Absolute paths of folders or files.
    pub sources: Vec<PathBuf>,
    /// What to leave out.
    pub rules: RuleOptions,
    /// Folders that are never backed up, wherever they turn up: the repository's own, above all.
    pub avoid: Vec<PathBuf>,
    /// This machine's name.
    pub host: String,
    /// The account's name.
    pub user: String,
    /// `linux`, `macos` or `windows`.
    pub system: String,
    /// The program and its version.
    pub program: String,
    /// The plan it is run for.
    pub plan: Option<PlanId>,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where unchanged files come from.
    pub parent: ParentChoice,
    /// Threads that read files, and threads that compress; each at least 1.
    pub threads: Threads,
}

/// How many threads do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Threads {
    /// Walking and reading.
    pub readers: usize,
    /// Compressing and sealing.
    pub compressors: usize,
}

impl Threads {
    /// What suits a machine with so many cores: one reader more than cores hides waiting for the disk.
    #[must_use]
    pub fn for_cores(cores: usize) -> Self {
        Self { readers: (cores + 1).clamp(2, 8), compressors: cores.clamp(1, 8) }
    }
}

/// A backup could not be made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The repository refused.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// No source could be read.
    #[error(transparent)]
    Source(EndpointError),
    /// A pattern can not be understood.
    #[error(transparent)]
    Rules(#[from] RuleError),
    /// The request can not be.
    #[error("{why}")]
    Request {
        /// What is wrong with it.
        why: String,
    },
}

impl BackupError {
    /// Whether the person stopped it.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Repository(RepositoryError::Cancelled))
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.next_step(),
            Self::Source(error) => error.next_step(),
            Self::Rules(_) => "Correct the pattern, then run it again.",
            Self::Request { .. } => "Correct the plan, then run it again.",
        }
    }
}

/// A backup that was made.
#[derive(Clone, Debug)]
pub struct BackupOutcome {
    /// The new snapshot's name.
    pub id: SnapshotId,
    /// Its record.
    pub snapshot: Snapshot,
    /// Files that a run which was broken off had stored already, and that were not read again.
    pub resumed_files: u64,
}

/// Makes a snapshot of the sources. `clock` is asked at the beginning and at the end.
///
/// # Errors
/// No source can be read, the repository refuses, or the run was cancelled. Trouble with single files is no error: it
/// is in `control`'s problems.
pub fn run_backup(
    repository: &Repository,
    request: &BackupRequest,
    control: &Arc<Control>,
    clock: &(dyn Fn() -> Timestamp + Sync),
) -> Result<BackupOutcome, BackupError> {
    run_backup_from(repository, request, control, clock, None)
}

/// As [`run_backup`]; makes checkpoints while it runs, and goes on from one of a run that was broken off.
///
/// # Errors
/// As [`run_backup`].
pub fn run_backup_from(
    repository: &Repository,
    request: &BackupRequest,
    control: &Arc<Control>,
    clock: &(dyn Fn() -> Timestamp + Sync),
    checkpoints: Option<Checkpoints<'_>>,
) -> Result<BackupOutcome, BackupError> {
    control.set_phase(Phase::Preparing);
    let started = clock();
    let rules = Rules::new(&request.rules)?;
    let sources = name_sources(&request.sources)?;
    let parent = find_parent(repository, request)?;
    let writer = Writer::begin(repository, request.threads.compressors, control)?;
    report_index(&writer, control);

    control.set_phase(Phase::Scanning);
    let parent_snapshot = parent.as_ref().map(|(_, snapshot)| &**snapshot);
    let walk = Walk::new(repository, &writer, &rules, control, parent_snapshot, started, checkpoints);
    let walked = match walk.run(sources, Avoid::new(&request.avoid), request.threads.readers) {
        Ok(walked) => walked,
        Err(error) => return Err(first_cause(error, writer)),
    };

    control.set_phase(Phase::Finishing);
    let committed = writer.finish()?;
    let statistics = SnapshotStatistics {
        added_bytes: committed.statistics.added_bytes,
        stored_bytes: committed.statistics.stored_bytes,
        problems: control.problems().total,
        ..walked.counts
    };
    let snapshot = Snapshot {
        started,
        finished: clock(),
        host: request.host.clone(),
        user: request.user.clone(),
        system: request.system.clone(),
        program: request.program.clone(),
        sources: walked.sources,
        root_pages: walked.root_pages,
        parent: parent.map(|(id, _)| id),
        plan: request.plan,
        tags: request.tags.clone(),
        statistics,
    };
    control.checkpoint().map_err(RepositoryError::from)?;
    let id = committed.write_snapshot(&snapshot)?;
    Ok(BackupOutcome { id, snapshot, resumed_files: walked.resumed })
}

/// A reading thread only sees that the run was stopped; why is known to the writer (a full disk, a drive that is gone).
fn first_cause(error: BackupError, writer: Writer) -> BackupError {
    if !matches!(error, BackupError::Repository(RepositoryError::Stopped { .. })) {
        return error;
    }
    match writer.finish() {
        Err(cause) if !matches!(cause, RepositoryError::Stopped { .. }) => cause.into(),
        _ => error,
    }
}

fn report_index(writer: &Writer, control: &Control) {
    for trouble in writer.index_troubles() {
        control.problem(Problem::new(
            "index",
            "A part of the repository's index can not be read. What it named is stored again where it turns up.",
            trouble,
            "Run a check with repair when there is time.",
        ));
    }
    let missing = writer.untrusted_packs();
    if missing > 0 {
        control.problem(Problem::new(
            "packs",
            "Data of earlier snapshots is missing from the repository. This backup stores again what it can.",
            format!("{missing} packs are gone or have the wrong size"),
            "Run a check with repair: it says which files of earlier snapshots are affected.",
        ));
    }
}

fn find_parent(
    repository: &Repository,
    request: &BackupRequest,
) -> Result<Option<(SnapshotId, Arc<Snapshot>)>, BackupError> {
    match request.parent {
        ParentChoice::None => Ok(None),
        ParentChoice::Snapshot(id) => Ok(Some((id, repository.snapshot(id)?))),
        ParentChoice::Latest => {
            let paths: Vec<Vec<u8>> = request.sources.iter().map(|path| path_bytes(path)).collect();
            // Snapshots that can not be read are told by the listing and by `check`; here they are only of no help.
            let mut snapshots = repository.snapshots()?.snapshots;
            Ok(snapshots.drain(..).rev().find(|(_, snapshot)| {
                snapshot.host == request.host
                    && snapshot.sources.iter().any(|source| paths.contains(&source.path))
            }))
        }
    }
}

/// The path as the bytes that are kept: those of the system on Unix, UTF-8 (lossy) on Windows.
#[must_use]
pub fn path_bytes(path: &std::path::Path) -> Vec<u8> {
    path.as_os_str().as_encoded_bytes().to_vec()
}

/// Gives each source its name in the snapshot's top folder: its own last name, made unique.
fn name_sources(sources: &[PathBuf]) -> Result<Vec<(PathBuf, SnapshotSource)>, BackupError> {
    let refuse = |why: String| BackupError::Request { why };
    if sources.is_empty() {
        return Err(refuse("There is nothing to back up: no folder is chosen.".into()));
    }
    if sources.len() > SOURCES_LIMIT {
        return Err(refuse(format!("More than {SOURCES_LIMIT} folders are chosen.")));
    }
    let mut named: Vec<(PathBuf, SnapshotSource)> = Vec::new();
    for path in sources {
        if !path.is_absolute() {
            return Err(refuse(format!("{} is not a whole path.", path.display())));
        }
        if named.iter().any(|(known, _)| known == path) {
            continue;
        }
        let own = match path.file_name() {
            Some(name) => name.as_encoded_bytes().to_vec(),
            None => root_name(path),
        };
        let mut root = own.clone();
        let mut number = 2;
        while named.iter().any(|(_, source)| source.root == root) {
            root = own.clone();
            root.extend_from_slice(format!(" ({number})").as_bytes());
            number += 1;
        }
        named.push((path.clone(), SnapshotSource { path: path_bytes(path), root }));
    }
    Ok(named)
}

/// A name for a source without one: `C` for `C:\`, `root` for `/`.
fn root_name(path: &std::path::Path) -> Vec<u8> {
    let letters: Vec<u8> =
        path.as_os_str().as_encoded_bytes().iter().copied().filter(u8::is_ascii_alphanumeric).collect();
    if letters.is_empty() { b"root".to_vec() } else { letters }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_of_the_same_name_are_told_apart() {
        let base = std::env::temp_dir();
        let paths = [base.join("a/docs"), base.join("b/docs"), base.join("a/docs"), base.join("c/docs")];
        let names: Vec<_> =
            name_sources(&paths).unwrap().into_iter().map(|(_, source)| source.root).collect();
        assert_eq!(names, [&b"docs"[..], b"docs (2)", b"docs (3)"]);
        assert_eq!(root_name(std::path::Path::new("/")), b"root");
    }

    #[test]
    fn a_request_without_whole_paths_is_refused() {
        assert!(name_sources(&[]).is_err());
        assert!(name_sources(&[PathBuf::from("relative")]).is_err());
    }
}
