//! Bringing a snapshot, or chosen paths of it, back to a folder or to where they came from.
//!
//! [`preview`] says what would be done, [`run`] does it; both go through the same walk and the same decisions
//! ([`crate::restore_plan`]). Invariants:
//! 1. Nothing is ever written outside the target: names are checked, folders are entered one by one, links never
//!    followed.
//! 2. Trouble with one item is a problem of the run; the rest goes on. What ends the run is an error: the repository is
//!    gone, the target is full, the paths do not exist.
//! 3. A file that carries its final time of last change is whole: times are set last, so an interrupted restore is
//!    simply run again. When a run has ended, what it wrote is on the disk.
//!
//! Deliberately not here: removing what the snapshot does not hold; the queue and the receipt (`jobs`).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Accounts, Folder, MetadataOptions};
use keepwell_model::{
    Cancelled, ContentHash, Control, EntryKind, Phase, RelativePath, Snapshot, SnapshotSource, shown,
};
use keepwell_repository::{Repository, RepositoryError};

use crate::restore_flush::while_flushing;
use crate::restore_place::{name_to_bytes, path_from_bytes};
use crate::restore_plan::{DecisionOptions, Operation, Overwrite, RestoreCounts};
use crate::restore_run::Executor;
use crate::restore_walk::{Batch, Place, Root, Walk};

/// More worker threads would only cost memory.
const WORKERS_LIMIT: usize = 8;
/// Left free on the target besides what is restored: folders, links and the file system's own needs.
const SPARE_BYTES: u64 = 16 << 20;
const HALF_BLOCK_BYTES: u64 = 2048;

/// A restore could not begin, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The repository can not be read.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
    /// The target can not be used.
    #[error(transparent)]
    Target(#[from] EndpointError),
    /// The target has not enough room.
    #[error("{path} has {free_bytes} bytes free, but up to {needed_bytes} are needed")]
    NotEnoughSpace {
        /// The target.
        path: String,
        /// What is free there.
        free_bytes: u64,
        /// What would be needed.
        needed_bytes: u64,
    },
    /// Chosen paths are not in the snapshot.
    #[error("{path} is not in this snapshot")]
    NotInSnapshot {
        /// The first of them.
        path: String,
    },
    /// Where it came from is no place on this machine.
    #[error("{path} can not be restored to where it came from: {why}")]
    NoOrigin {
        /// The path of origin.
        path: String,
        /// Why it is no place here.
        why: String,
    },
    /// The target lies in the repository.
    #[error("{path} lies inside the repository that is restored from")]
    TargetInRepository {
        /// The target.
        path: String,
    },
    /// The person asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl From<Cancelled> for RestoreError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

impl RestoreError {
    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Repository(error) => error.next_step(),
            Self::Target(error) => error.next_step(),
            Self::NotEnoughSpace { .. } => {
                "Free some space there, choose another target, or restore less at once."
            }
            Self::NotInSnapshot { .. } => "Look at what the snapshot holds with `keepwell snapshot files`.",
            Self::NoOrigin { .. } => "Choose a folder to restore to instead.",
            Self::TargetInRepository { .. } => "Choose a folder outside the repository.",
            Self::Cancelled => "Run it again: it goes on where it stopped.",
        }
    }

    /// Trouble with one item is a problem, but a repository that is gone altogether ends the run.
    pub(crate) fn stop_if_place_is_gone(
        repository: &Repository,
        error: &RepositoryError,
    ) -> Result<(), Self> {
        match error {
            RepositoryError::Endpoint(EndpointError::NotFound { path }) if *path == repository.describe() => {
                Err(Self::Target(EndpointError::NotFound { path: path.clone() }))
            }
            RepositoryError::Cancelled => Err(Self::Cancelled),
            _ => Ok(()),
        }
    }
}

/// Where a restore goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreTarget {
    /// Into a folder, which is made where it is absent: the layout is that of the snapshot.
    Folder(PathBuf),
    /// To where it came from.
    Origin,
}

/// What a restore is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreOptions {
    /// Where to.
    pub target: RestoreTarget,
    /// Paths of the snapshot, with all below them; none for everything.
    pub paths: Vec<RelativePath>,
    /// What happens where something is there already.
    pub overwrite: Overwrite,
    /// Whether every file is read back and compared afterwards.
    pub verify: bool,
}

/// What a restore would do.
#[derive(Clone, Debug, Default)]
pub struct RestorePreview {
    /// Counts of everything.
    pub counts: RestoreCounts,
    /// The asked-for part of all operations, in order.
    pub operations: Vec<Operation>,
    /// How many operations there are in all.
    pub operations_total: u64,
    /// Free space at the target, where it is there already.
    pub free_bytes: Option<u64>,
}

/// What became of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryEnding {
    /// It was written, or given its rights and times.
    Done,
    /// It was right already.
    AlreadyRight,
    /// What was there was kept, as asked.
    Kept,
    /// It could not be restored, or was different when it was read back.
    Failed,
    /// The run was stopped before it.
    NotReached,
}

/// An entry, and what became of it.
#[derive(Debug)]
pub struct RestoredEntry {
    /// Where it is now, for people.
    pub path: String,
    /// The BLAKE3 of a file's content.
    pub content: Option<ContentHash>,
    /// What became of it.
    pub ending: EntryEnding,
}

/// Told of every entry, in the order of the snapshot's tree: folders that are made, then what is in them.
pub type Observe<'a> = dyn FnMut(&RestoredEntry) + 'a;

/// What a restore did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RestoreReport {
    /// What was decided; what of it failed is among the problems.
    pub counts: RestoreCounts,
    /// Items that could not be restored.
    pub failed: u64,
    /// Bytes written to files.
    pub written_bytes: u64,
    /// Files that were read back and are as in the snapshot.
    pub verified: u64,
    /// Files that were read back and are not.
    pub mismatched: u64,
    /// Whether the person stopped it.
    pub cancelled: bool,
}

/// Says what a restore would do, without changing anything: all counts, and the operations from `skip` on, at most
/// `take` of them.
///
/// # Errors
/// The snapshot can not be read, or a chosen path is not in it.
pub fn preview(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    skip: u64,
    take: usize,
    control: &Control,
) -> Result<RestorePreview, RestoreError> {
    look_through(repository, snapshot, options, skip, take, control, false)
}

/// The preview; quiet where the problems will be told by the run itself.
fn look_through(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    skip: u64,
    take: usize,
    control: &Control,
    is_quiet: bool,
) -> Result<RestorePreview, RestoreError> {
    let roots = find_roots(repository, snapshot, options, false)?;
    let mut preview = RestorePreview {
        free_bytes: roots.iter().find_map(|root| root.folder.as_ref()?.free_bytes().ok()),
        ..RestorePreview::default()
    };
    let mut operations = Vec::new();
    let mut seen = 0_u64;
    let mut observe = |operation| {
        if seen >= skip && operations.len() < take {
            operations.push(operation);
        }
        seen += 1;
    };
    let mut walk = Walk::new(repository, control, decision_options(snapshot, options), &options.paths, roots);
    walk.observer = Some(&mut observe);
    walk.is_quiet = is_quiet;
    while walk.next_batch()?.is_some() {}
    refuse_unknown_paths(&walk)?;
    preview.counts = walk.counts;
    drop(walk);
    preview.operations = operations;
    preview.operations_total = seen;
    Ok(preview)
}

/// Restores. Problems with single items are in `control`; being stopped is an outcome, told in the report.
///
/// # Errors
/// What ended the run: the target is full or gone, the repository is gone, or a chosen path is not in the snapshot.
pub fn run(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    control: &Control,
) -> Result<RestoreReport, RestoreError> {
    run_observed(repository, snapshot, options, control, &mut |_| {})
}

/// As [`run`]; tells of every entry what became of it.
///
/// # Errors
/// As [`run`].
pub fn run_observed(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    control: &Control,
    observe: &mut Observe<'_>,
) -> Result<RestoreReport, RestoreError> {
    control.set_phase(Phase::Preparing);
    let roots = find_roots(repository, snapshot, options, true)?;
    let place = roots.iter().find_map(|root| root.folder.as_ref()).map(Folder::path).unwrap_or_default();
    let same_system = snapshot.system == std::env::consts::OS;
    let metadata = MetadataOptions {
        owner: has_owners(snapshot),
        attributes: same_system,
        flags: same_system,
        ..MetadataOptions::default()
    };
    let executor = Executor::new(repository, control, metadata, workers(), options);
    let mut report = RestoreReport::default();
    let folders: Vec<Folder> = roots.iter().filter_map(|root| root.folder.clone()).collect();
    let told = &mut Told { counts: &mut report.counts, observe };
    let flush = || folders.first().map_or(Ok(()), Folder::sync_file_system);
    let (executed, flushed) = while_flushing(flush, &executor.written_bytes, || {
        execute(repository, snapshot, options, control, &executor, roots, told)
    });
    match executed {
        Ok(()) => {}
        Err(RestoreError::Cancelled) => report.cancelled = true,
        Err(error) => return Err(error),
    }
    flushed?;
    // "Done" means on the disk: the drive may be unplugged now, and a size and a time must not stand without content.
    control.set_phase(Phase::Finishing);
    for folder in folders {
        folder.sync_file_system()?;
    }
    executor.complete(&place, &mut report);
    Ok(report)
}

/// What becomes known while a restore runs.
struct Told<'run, 'observe> {
    counts: &'run mut RestoreCounts,
    observe: &'run mut Observe<'observe>,
}

fn execute(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    control: &Control,
    executor: &Executor<'_>,
    roots: Vec<Root>,
    told: &mut Told<'_, '_>,
) -> Result<(), RestoreError> {
    let target = roots.first().and_then(|root| root.folder.clone());
    // One batch is looked for while another is carried out, and none waits between them.
    let (hand_out, handed_out) = sync_channel(0);
    std::thread::scope(|scope| {
        let walker = scope.spawn(move || {
            let decisions = decision_options(snapshot, options);
            hand_out_all(Walk::new(repository, control, decisions, &options.paths, roots), &hand_out)
        });
        let mut result = Ok(());
        let mut is_first = true;
        for handed in &handed_out {
            if std::mem::take(&mut is_first) {
                result = refuse_what_does_not_fit(
                    repository,
                    snapshot,
                    options,
                    control,
                    target.as_ref(),
                    &handed,
                );
                control.set_phase(Phase::Copying);
            }
            result = result.and_then(|()| executor.run(handed.batch, &handed.leftovers, told.observe));
            if result.is_err() {
                break;
            }
            *told.counts = handed.counts;
        }
        drop(handed_out);
        // A panic over there is one here.
        let walked = walker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        result?;
        // Of what is only passed through there may be more than in the last batch.
        *told.counts = walked?;
        Ok(())
    })
}

/// A batch on its way from the walk to who carries it out.
struct HandedOut {
    batch: Batch,
    leftovers: Vec<(Arc<Place>, Vec<u8>)>,
    /// Of this batch and all before it.
    counts: RestoreCounts,
    is_last: bool,
}

/// Walks through everything, as far ahead as the channel lets it; ends early where nobody takes the batches any more.
fn hand_out_all(mut walk: Walk<'_>, hand_out: &SyncSender<HandedOut>) -> Result<RestoreCounts, RestoreError> {
    let mut is_first = true;
    while let Some(batch) = walk.next_batch()? {
        let is_last = walk.is_over();
        if std::mem::take(&mut is_first) && is_last {
            refuse_unknown_paths(&walk)?;
        }
        let handed = HandedOut { batch, leftovers: walk.take_leftovers(), counts: walk.counts, is_last };
        if hand_out.send(handed).is_err() {
            break;
        }
    }
    refuse_unknown_paths(&walk)?;
    Ok(walk.counts)
}

fn refuse_what_does_not_fit(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    control: &Control,
    target: Option<&Folder>,
    first: &HandedOut,
) -> Result<(), RestoreError> {
    if let Some(target) = target {
        // Known exactly where one batch holds it all; otherwise the snapshot's size is the most it can be, and only
        // where that is too much a look through everything is worth its time.
        let check = |counts: &RestoreCounts| check_space(target, counts);
        let most = RestoreCounts {
            bytes: snapshot.statistics.size_bytes,
            created: snapshot.statistics.files.saturating_add(snapshot.statistics.folders),
            ..RestoreCounts::default()
        };
        match check(if first.is_last { &first.counts } else { &most }) {
            Err(RestoreError::NotEnoughSpace { .. }) if !first.is_last => {
                check(&look_through(repository, snapshot, options, 0, 0, control, true)?.counts)?;
            }
            result => result?,
        }
    }
    Ok(())
}

fn check_space(target: &Folder, counts: &RestoreCounts) -> Result<(), RestoreError> {
    if counts.bytes == 0 {
        return Ok(());
    }
    let free_bytes = target.free_bytes()?;
    // The last block of a file is half empty on average.
    let blocks_bytes = counts.created.saturating_add(counts.replaced).saturating_mul(HALF_BLOCK_BYTES);
    let needed_bytes = counts.bytes.saturating_add(blocks_bytes).saturating_add(SPARE_BYTES);
    if needed_bytes <= free_bytes {
        return Ok(());
    }
    Err(RestoreError::NotEnoughSpace { path: target.path(), free_bytes, needed_bytes })
}

fn refuse_unknown_paths(walk: &Walk<'_>) -> Result<(), RestoreError> {
    match walk.not_met().into_iter().next() {
        Some(path) => Err(RestoreError::NotInSnapshot { path: path.to_string() }),
        None => Ok(()),
    }
}

fn decision_options(snapshot: &Snapshot, options: &RestoreOptions) -> DecisionOptions {
    let has_modes = cfg!(unix) && has_owners(snapshot);
    DecisionOptions {
        overwrite: options.overwrite,
        has_modes,
        may_set_owner: has_modes && Accounts::new().own_user_id() == Some(0),
    }
}

/// Whether permission bits and owners in a snapshot mean anything: Windows has none, and 0 stands in their place.
fn has_owners(snapshot: &Snapshot) -> bool {
    snapshot.system != "windows"
}

fn workers() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from).clamp(1, WORKERS_LIMIT)
}

/// What goes where. With `make` the target folders are made; otherwise those that are not there are left open.
fn find_roots(
    repository: &Repository,
    snapshot: &Snapshot,
    options: &RestoreOptions,
    make: bool,
) -> Result<Vec<Root>, RestoreError> {
    match &options.target {
        RestoreTarget::Folder(path) => {
            refuse_repository(repository, path)?;
            Ok(vec![Root {
                pages: snapshot.root_pages.clone(),
                path: RelativePath::root(),
                only: None,
                folder: open_folder(path, make)?,
                metadata: None,
            }])
        }
        RestoreTarget::Origin => {
            let sources = snapshot.sources.iter().filter(|source| is_asked_for(source, &options.paths));
            sources.map(|source| find_origin(repository, snapshot, source, make)).collect()
        }
    }
}

/// Whether anything of a source was chosen; the place of one that was not is none of our business.
fn is_asked_for(source: &SnapshotSource, chosen: &[RelativePath]) -> bool {
    // A root that is no path is refused where it is looked for.
    let Ok(root) = RelativePath::parse(&source.root) else { return true };
    chosen.is_empty() || chosen.iter().any(|path| path.starts_with(&root) || root.starts_with(path))
}

fn find_origin(
    repository: &Repository,
    snapshot: &Snapshot,
    source: &SnapshotSource,
    make: bool,
) -> Result<Root, RestoreError> {
    let no_origin = |why: &str| RestoreError::NoOrigin { path: shown(&source.path), why: why.to_owned() };
    if snapshot.system != std::env::consts::OS {
        return Err(no_origin("it was backed up on another kind of system"));
    }
    let origin = path_from_bytes(&source.path)
        .filter(|path| path.is_absolute())
        .ok_or_else(|| no_origin("its path is none of this system"))?;
    refuse_repository(repository, &origin)?;
    let root = RelativePath::parse(&source.root).map_err(|error| no_origin(&error.to_string()))?;
    let entry = repository.entry_at(snapshot, &root)?;
    if entry.kind == EntryKind::Folder {
        let folder = open_folder(&origin, make)?;
        let metadata = (!root.is_root()).then_some(entry.metadata);
        return Ok(Root { pages: entry.pages, path: root, only: None, folder, metadata });
    }
    let (Some(above), Some(name), Some(parent)) = (origin.parent(), origin.file_name(), root.parent()) else {
        return Err(no_origin("it has no folder above it"));
    };
    let only = Some((entry.name, name_to_bytes(name)));
    let pages = repository.entry_at(snapshot, &parent)?.pages;
    let folder = open_folder(above, make)?;
    Ok(Root { pages, path: parent, only, folder, metadata: None })
}

fn open_folder(path: &Path, make: bool) -> Result<Option<Folder>, RestoreError> {
    if make {
        std::fs::create_dir_all(path)
            .map_err(|error| EndpointError::from_io("create", path.display().to_string(), error))?;
    }
    match Folder::open(path) {
        Ok(folder) => Ok(Some(folder)),
        Err(EndpointError::NotFound { .. }) if !make => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// A repository on this machine must not be restored into: its folder holds nothing but its own files.
fn refuse_repository(repository: &Repository, target: &Path) -> Result<(), RestoreError> {
    let Ok(place) = std::fs::canonicalize(repository.describe()) else { return Ok(()) };
    let there = target.ancestors().find_map(|path| std::fs::canonicalize(path).ok());
    if there.is_some_and(|there| there.starts_with(&place)) {
        return Err(RestoreError::TargetInRepository { path: target.display().to_string() });
    }
    Ok(())
}

#[cfg(test)]
#[path = "restore_tests.rs"]
mod tests;
