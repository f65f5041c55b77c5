//! One run: what the work gets, and what becomes of its ending.
//!
//! Invariants: the work runs on its own thread, within a tracing span that carries the job's id; a panic in it becomes
//! a failed job; one that is broken off because this process closes is interrupted, and no person stopped it; the row in the catalog and the receipt are written before anyone is told that the job ended.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use keepwell_catalog::{JobRecord, JobState};
use keepwell_model::{Control, JobId, ProblemLog};
use keepwell_sync::Hints;
use zeroize::Zeroizing;

use crate::desk::Desk;
use crate::news::News;
use crate::outcome::{Ending, Fault, FaultKind, Outcome};
use crate::receipt::{self, Receipt};
use crate::request::JobRequest;
use crate::shared::Shared;
use crate::watch;

/// Finished jobs kept, unless the settings say otherwise.
pub const HISTORY_JOBS: u64 = 2_000;
/// The setting that says how many finished jobs are kept.
pub const HISTORY_SETTING: &str = "historyJobs";

/// What is handed to a job in memory and never kept: it is gone after a restart.
#[derive(Clone, Default)]
pub struct Attachment {
    /// The password a person gave for this run.
    pub password: Option<Zeroizing<String>>,
    /// Folders in which something changed, for a live sync.
    pub hints: Option<Hints>,
    /// What changes while a live sync is planning.
    pub news: Option<Arc<News>>,
}

impl std::fmt::Debug for Attachment {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Attachment")
            .field("password", &self.password.is_some())
            .field("hints", &self.hints)
            .finish()
    }
}

/// A job at work.
#[derive(Debug)]
pub struct Running<'run> {
    /// Its id.
    pub job_id: JobId,
    /// What was asked.
    pub request: &'run JobRequest,
    /// What was handed over with it.
    pub attachment: Attachment,
    /// Counters, problems, pause and cancel.
    pub control: &'run Arc<Control>,
    /// Checkpoints, and the end of planning.
    pub desk: &'run Desk<'run>,
}

/// What does the work. One for the whole engine; it must bear being called from many threads.
pub trait Work: Send + Sync {
    /// Does it. Blocks until it is done.
    fn run(&self, running: &Running<'_>) -> Ending;

    /// Told after the row of a finished job is written.
    fn finished(&self, job: &JobRecord, request: &JobRequest) {
        let _ = (job, request);
    }

    /// Told from time to time, and when a job that waited for a person is given up: lets go of what nobody waits for in
    /// this process, by its id.
    fn tidy(&self, process: &str) {
        let _ = process;
    }

    /// Told of a job that was broken off because its process ended, with or without a word, before its row is written: told
    /// again, if this process ends too.
    fn interrupted(&self, job: &JobRecord) {
        let _ = job;
    }
}

/// Runs one job on this thread, and writes down how it ended.
pub(crate) fn run(shared: &Shared, job_id: JobId) {
    let Some((mut record, request, attachment, control)) = begin(shared, job_id) else { return };
    let span = tracing::info_span!("job", id = %job_id, kind = %record.kind);
    let _inside = span.enter();
    tracing::info!(title = %record.title, place = %record.place_label, "the job begins");

    let is_hinted = attachment.hints.is_some();
    let desk = Desk::new(shared, job_id, request.work_key());
    let running = Running { job_id, request: &request, attachment, control: &control, desk: &desk };
    let ending = catch_unwind(AssertUnwindSafe(|| shared.work.run(&running))).unwrap_or_else(|panic| {
        let what = panic
            .downcast_ref::<&str>()
            .map(|text| (*text).to_owned())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_default();
        tracing::error!(%what, "the job panicked");
        Ending::Failed(Fault::new(
            FaultKind::Failed,
            "This run stopped because of a fault in Keepwell. Earlier snapshots are not affected.",
            "Run it again. If it happens again, please report it with the log of this job.",
        ))
    });
    let problems = control.problems();
    // What is wrong with items is told by the runs that look at everything.
    let is_told = problems.total > 0 && !is_hinted;
    let leaves_no_trace = is_idle(&ending) && !is_told && !request.is_by_hand();
    if matches!(ending, Ending::Done(_)) {
        desk.clear();
    }
    let outcome = apply(shared, &mut record, ending, &problems);
    log_ending(&record, &problems);
    let was_interrupted = record.state == JobState::Interrupted;
    if was_interrupted {
        shared.work.interrupted(&record);
    }
    keep(shared, &record, &request, outcome.as_ref(), &problems);
    if !was_interrupted {
        shared.work.finished(&record, &request);
    }
    if leaves_no_trace && let Err(error) = shared.catalog.remove_job(job_id) {
        tracing::warn!(%error, "a run that did nothing could not be taken out of the history");
    }
    shared.retire(job_id);
    trim_history(shared);
}

fn is_idle(ending: &Ending) -> bool {
    matches!(ending, Ending::Done(outcome) | Ending::Cancelled(outcome) if outcome.was_idle)
}

/// Drops the oldest finished jobs.
fn trim_history(shared: &Shared) {
    let setting = shared.catalog.setting(HISTORY_SETTING);
    let keep = setting.ok().flatten().and_then(|text| text.parse().ok()).unwrap_or(HISTORY_JOBS);
    match shared.catalog.trim_jobs(keep) {
        Ok(gone) => gone.into_iter().for_each(|id| shared.bump(id)),
        Err(error) => tracing::warn!(%error, "the history could not be trimmed"),
    }
}

type Begun = (JobRecord, JobRequest, Attachment, Arc<Control>);

/// Marks a job as planning; nothing where it is gone already.
fn begin(shared: &Shared, job_id: JobId) -> Option<Begun> {
    let now_ms = shared.clock.now_ms();
    let steady_ms = shared.clock.steady_ms();
    shared.change_active(job_id, |active| {
        active.record.state = JobState::Planning;
        active.record.started_ms = Some(now_ms);
        active.record.waiting_for = None;
        active.meter = crate::progress::Meter::new(steady_ms);
        shared.save(&active.record);
        (
            active.record.clone(),
            active.request.clone(),
            std::mem::take(&mut active.attachment),
            Arc::clone(&active.control),
        )
    })
}

/// Puts the ending into the row; answers what was done, where there is something to give a receipt for.
fn apply(shared: &Shared, record: &mut JobRecord, ending: Ending, problems: &ProblemLog) -> Option<Outcome> {
    record.finished_ms = Some(shared.clock.now_ms());
    record.waiting_for = None;
    record.problems_total = problems.total;
    record.progress =
        shared.last_progress(record.id).and_then(|progress| serde_json::to_string(&progress).ok());
    let json = |outcome: &Outcome| serde_json::to_string(outcome).ok();
    match ending {
        Ending::Done(outcome) => {
            record.state =
                if problems.total == 0 { JobState::Succeeded } else { JobState::SucceededWithProblems };
            record.outcome = json(&outcome);
            Some(outcome)
        }
        Ending::Cancelled(outcome) => {
            if shared.is_closed(record.id) {
                watch::interrupted(record, shared.clock.now_ms());
            } else {
                record.state = JobState::Cancelled;
            }
            record.outcome = json(&outcome);
            Some(outcome)
        }
        Ending::Halted(halt) => {
            record.state = JobState::Halted;
            record.finished_ms = None;
            record.halt = serde_json::to_string(&halt).ok();
            None
        }
        Ending::Proposed(proposal) => {
            record.state = JobState::WaitingForConfirmation;
            record.finished_ms = None;
            record.proposal = serde_json::to_string(&proposal).ok();
            None
        }
        Ending::Failed(fault) => {
            record.state = JobState::Failed;
            record.fault = serde_json::to_string(&fault).ok();
            Some(Outcome::default())
        }
        Ending::BrokenOff(fault, outcome) => {
            record.state = JobState::Failed;
            record.fault = serde_json::to_string(&fault).ok();
            record.outcome = json(&outcome);
            Some(outcome)
        }
    }
}

fn log_ending(record: &JobRecord, problems: &ProblemLog) {
    for problem in problems.problems.iter().take(100) {
        tracing::warn!(path = %problem.path, what = %problem.what, why = %problem.why, "a problem");
    }
    let state = record.state.word();
    match &record.fault {
        Some(fault) => tracing::error!(state, fault = %fault, "the job ended"),
        None => tracing::info!(state, problems = problems.total, "the job ended"),
    }
}

/// Writes row, problems and receipt. Trouble with the catalog is logged: the work itself is done and safe.
fn keep(
    shared: &Shared,
    record: &JobRecord,
    request: &JobRequest,
    outcome: Option<&Outcome>,
    problems: &ProblemLog,
) {
    let catalog = &shared.catalog;
    if let Err(error) = catalog.set_problems(record.id, &problems.problems) {
        tracing::error!(%error, "the problems could not be kept");
    }
    let Some(outcome) = outcome else { return shared.save(record) };
    let statement = receipt::statement(record, request, outcome, problems, &shared.host, &shared.program);
    let receipt = Receipt::sign(&statement, &shared.device)
        .and_then(|receipt| Ok(serde_json::to_string(&receipt)?))
        .map_err(|error| error.to_string());
    let kept =
        receipt.and_then(|text| catalog.set_receipt(record.id, &text).map_err(|error| error.to_string()));
    if let Err(error) = kept {
        tracing::error!(%error, "the receipt could not be kept");
    }
    shared.save(record);
}
