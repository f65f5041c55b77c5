//! What the engine says, in the words of the border.

use keepwell_catalog::JobState as State;
use keepwell_jobs::{
    Choice, Fact, Fault, Halt as EngineHalt, JobView, Outcome, Progress, Schedule as EngineSchedule,
};
use keepwell_model::{
    Entry, EntryKind, JobId, PairId, PlaceId, PlanId, Problem, RelativePath, ReplicaId, Snapshot, SnapshotId,
    shown_lines,
};

use crate::dto::backup::BackupRules;
use crate::dto::job::{
    Halt, HaltChoice, Job, JobFact, JobKind, JobPhase, JobProgress, JobResult, JobState, ProblemRow,
};
use crate::dto::plan::Schedule;
use crate::dto::snapshot::{EntryType, SnapshotCounts, SnapshotRow};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::path_text::{self, PathText};
use crate::sync_what;

pub(crate) const PAGE_LIMIT: u32 = 1_000;
const PAGE_USUAL: u32 = 100;

/// Rows to skip and to take.
pub(crate) fn page(offset: Option<u32>, limit: Option<u32>) -> Result<(usize, usize), ApiError> {
    let limit = limit.unwrap_or(PAGE_USUAL);
    if limit == 0 || limit > PAGE_LIMIT {
        return Err(ApiError::bad_request(format!("a page has 1 to {PAGE_LIMIT} rows, not {limit}")));
    }
    Ok((offset.unwrap_or(0) as usize, limit as usize))
}

/// One page of a list.
pub(crate) fn cut<T>(rows: Vec<T>, (offset, limit): (usize, usize)) -> Vec<T> {
    rows.into_iter().skip(offset).take(limit).collect()
}

macro_rules! parse_id {
    ($name:ident, $type:ty, $what:literal) => {
        pub(crate) fn $name(text: &str) -> Result<$type, ApiError> {
            text.parse()
                .map_err(|_| ApiError::not_found(format!(concat!("There is no ", $what, " \"{}\"."), text)))
        }
    };
}
parse_id!(job_id, JobId, "job");
parse_id!(place_id, PlaceId, "place");
parse_id!(plan_id, PlanId, "plan");
parse_id!(pair_id, PairId, "sync pair");
parse_id!(replica_id, ReplicaId, "second copy");

/// A path in a snapshot.
pub(crate) fn relative_path(text: &str) -> Result<RelativePath, ApiError> {
    Ok(RelativePath::parse(&path_text::decode(text)?)?)
}

/// A whole path of this machine.
pub(crate) fn local_path(text: &str) -> Result<std::path::PathBuf, ApiError> {
    let path = path_text::local_path(&path_text::decode(text)?);
    if !path.is_absolute() {
        return Err(ApiError::bad_request(format!("\"{}\" is not a whole path.", path.display()))
            .hint("Begin it at the top, for instance with /home."));
    }
    Ok(path)
}

/// Where a repository is: a whole path of this machine, or the address of a place elsewhere in its one form.
pub(crate) fn place_path(text: &str) -> Result<std::path::PathBuf, ApiError> {
    match path_text::decode(text).map(String::from_utf8) {
        Ok(Ok(address)) if keepwell_endpoint::Address::is_remote(&address) => {
            Ok(keepwell_jobs::Trees::address(&address)?.to_string().into())
        }
        _ => local_path(text),
    }
}

pub(crate) fn job_state(state: State) -> JobState {
    match state {
        State::Queued => JobState::Queued,
        State::Planning => JobState::Planning,
        State::WaitingForConfirmation => JobState::WaitingForConfirmation,
        State::Running => JobState::Running,
        State::Paused => JobState::Paused,
        State::Halted => JobState::Halted,
        State::Succeeded => JobState::Succeeded,
        State::SucceededWithProblems => JobState::SucceededWithProblems,
        State::Cancelled => JobState::Cancelled,
        State::Failed => JobState::Failed,
        State::Interrupted => JobState::Interrupted,
    }
}

pub(crate) fn catalog_state(state: JobState) -> State {
    State::ALL.into_iter().find(|known| job_state(*known) == state).unwrap_or(State::Failed)
}

pub(crate) fn job_kind(word: &str) -> JobKind {
    match word {
        "restore" => JobKind::Restore,
        "check" => JobKind::Check,
        "sync" => JobKind::Sync,
        "replicate" => JobKind::Replicate,
        _ => JobKind::Backup,
    }
}

pub(crate) fn kind_word(kind: JobKind) -> &'static str {
    match kind {
        JobKind::Backup => "backup",
        JobKind::Restore => "restore",
        JobKind::Check => "check",
        JobKind::Sync => "sync",
        JobKind::Replicate => "replicate",
    }
}

pub(crate) fn fact(fact: Fact) -> JobFact {
    JobFact { key: fact.key, label: fact.label, value: Count(fact.value), is_bytes: fact.is_bytes }
}

fn result(text: &str) -> Option<JobResult> {
    let outcome: Outcome = serde_json::from_str(text).ok()?;
    Some(JobResult {
        snapshot_id: outcome.snapshot_id,
        items: Count(outcome.items),
        bytes: Count(outcome.bytes),
        bytes_written: Count(outcome.bytes_written),
        facts: outcome.facts.into_iter().map(fact).collect(),
    })
}

fn progress(progress: Progress) -> JobProgress {
    JobProgress {
        phase: match progress.phase.as_str() {
            "scanning" => JobPhase::Scanning,
            "copying" => JobPhase::Copying,
            "finishing" => JobPhase::Finishing,
            "verifying" => JobPhase::Verifying,
            _ => JobPhase::Preparing,
        },
        items_done: Count(progress.items_done),
        items_total: Count(progress.items_total),
        bytes_done: Count(progress.bytes_done),
        bytes_total: Count(progress.bytes_total),
        total_known: progress.total_known,
        bytes_written: Count(progress.bytes_written),
        bytes_per_second: Count(progress.bytes_per_second),
        items_per_second: Count(progress.items_per_second),
        remaining_ms: progress.remaining_ms.map(Count),
        elapsed_ms: Count(progress.elapsed_ms),
        current: path_text::display(progress.current.as_bytes()),
    }
}

fn halt(halt: EngineHalt) -> Halt {
    let choice = |choice: Choice| HaltChoice {
        key: choice.key,
        label: shown_lines(&choice.label),
        means: shown_lines(&choice.means),
    };
    Halt {
        reason: shown_lines(&halt.reason),
        if_continued: shown_lines(&halt.if_continued),
        choices: halt.choices.into_iter().map(choice).collect(),
    }
}

/// A job as clients see it.
pub(crate) fn job(view: JobView) -> Job {
    let record = view.record;
    let state = record.state;
    let halt = record.halt.as_deref().and_then(|text| serde_json::from_str::<EngineHalt>(text).ok());
    let fault = record.fault.as_deref().and_then(|text| serde_json::from_str::<Fault>(text).ok());
    Job {
        id: record.id.to_string(),
        kind: job_kind(&record.kind),
        title: shown_lines(&record.title),
        state: job_state(state),
        waiting_for: record.waiting_for,
        halt: halt.map(self::halt),
        error: fault.map(ApiError::from),
        place_id: record.place_id.map(|id| id.to_string()),
        place_label: shown_lines(&record.place_label),
        plan_id: record.plan_id.map(|id| id.to_string()),
        pair_id: record.pair_id.map(|id| id.to_string()),
        sync: sync_what::of_job(&record.request),
        queued_ms: Moment(record.queued_ms),
        started_ms: record.started_ms.map(Moment),
        finished_ms: record.finished_ms.map(Moment),
        progress: view.progress.map(progress),
        result: record.outcome.as_deref().and_then(result),
        problems: Count(record.problems_total),
        here: view.here,
        can_pause: matches!(state, State::Planning | State::Running),
        can_resume: state == State::Paused,
        can_cancel: !state.is_finished(),
        can_retry: state.is_finished() && state != State::Succeeded,
        has_receipt: record.has_receipt,
        revision: Count(view.revision),
    }
}

pub(crate) fn problem(problem: Problem) -> ProblemRow {
    ProblemRow {
        path: path_text::display(problem.path.as_bytes()),
        what: problem.what,
        why: problem.why,
        next: problem.next,
    }
}

pub(crate) fn schedule(schedule: EngineSchedule) -> Schedule {
    match schedule {
        EngineSchedule::Manual => Schedule::Manual,
        EngineSchedule::EveryHours { hours } => Schedule::EveryHours { hours },
        EngineSchedule::Daily { at_minutes } => Schedule::Daily { at_minutes },
        EngineSchedule::Weekly { weekday, at_minutes } => Schedule::Weekly { weekday, at_minutes },
    }
}

pub(crate) fn engine_schedule(schedule: Schedule) -> Result<EngineSchedule, ApiError> {
    let schedule = match schedule {
        Schedule::Manual => EngineSchedule::Manual,
        Schedule::EveryHours { hours } => EngineSchedule::EveryHours { hours },
        Schedule::Daily { at_minutes } => EngineSchedule::Daily { at_minutes },
        Schedule::Weekly { weekday, at_minutes } => EngineSchedule::Weekly { weekday, at_minutes },
    };
    schedule.check().map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(schedule)
}

pub(crate) fn rules(rules: keepwell_jobs::BackupRules) -> BackupRules {
    BackupRules {
        exclude: rules.exclude,
        exclude_caches: rules.exclude_caches,
        max_file_bytes: rules.max_file_bytes.map(Count),
        one_file_system: rules.one_file_system,
    }
}

/// Rules for the engine, after a look whether they can be understood.
pub(crate) fn engine_rules(rules: BackupRules) -> Result<keepwell_jobs::BackupRules, ApiError> {
    let options = keepwell_backup::RuleOptions { exclude: rules.exclude.clone(), ..Default::default() };
    keepwell_backup::rules::Rules::new(&options).map_err(|error| {
        ApiError::bad_request(error.to_string())
            .hint("Correct the pattern: it follows the rules of .gitignore files.")
    })?;
    Ok(keepwell_jobs::BackupRules {
        exclude: rules.exclude,
        exclude_caches: rules.exclude_caches,
        max_file_bytes: rules.max_file_bytes.map(|count| count.0),
        one_file_system: rules.one_file_system,
    })
}

pub(crate) fn entry_type(kind: EntryKind) -> EntryType {
    match kind {
        EntryKind::File => EntryType::File,
        EntryKind::Folder => EntryType::Folder,
        EntryKind::Symlink => EntryType::Symlink,
        _ => EntryType::Other,
    }
}

/// The size of a file; nothing else has one.
pub(crate) fn file_size(entry: &Entry) -> Option<Count> {
    (entry.kind == EntryKind::File).then_some(Count(entry.size_bytes))
}

pub(crate) fn snapshot(id: SnapshotId, snapshot: &Snapshot) -> SnapshotRow {
    let counts = &snapshot.statistics;
    SnapshotRow {
        id: id.to_string(),
        short_id: id.short(),
        started_ms: snapshot.started.into(),
        finished_ms: snapshot.finished.into(),
        host: path_text::display(snapshot.host.as_bytes()),
        user: path_text::display(snapshot.user.as_bytes()),
        system: snapshot.system.clone(),
        program: snapshot.program.clone(),
        sources: snapshot.sources.iter().map(|source| PathText::new(&source.path)).collect(),
        roots: snapshot.sources.iter().map(|source| PathText::new(&source.root)).collect(),
        parent_id: snapshot.parent.map(|id| id.to_string()),
        plan_id: snapshot.plan.map(|id| id.to_string()),
        tags: snapshot.tags.clone(),
        counts: SnapshotCounts {
            files: Count(counts.files),
            folders: Count(counts.folders),
            others: Count(counts.others),
            size_bytes: Count(counts.size_bytes),
            files_new: Count(counts.files_new),
            files_changed: Count(counts.files_changed),
            files_unchanged: Count(counts.files_unchanged),
            added_bytes: Count(counts.added_bytes),
            stored_bytes: Count(counts.stored_bytes),
            problems: Count(counts.problems),
        },
    }
}
