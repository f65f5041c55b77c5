//! The engine: a small surface (start, pause, resume, cancel, confirm, retry, list, get, changes) over one queue per
//! destination.
//!
//! Numbered invariants:
//! 1. A job is in the catalog before `start` returns, and its row is never ahead of what is true.
//! 2. At most one job per destination works at a time, over all processes (a lease).
//! 3. Jobs of a process that died become `interrupted`; nothing stays "running" without someone who runs it.
//! 4. What changes gets a new revision; a client that asks for changes misses none.
//!
//! Deliberately not here: the work itself ([`crate::Work`]), threads' bodies (`queue`, `watch`).

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobRecord, JobState, Presence, Wish};
use keepwell_model::{Control, JobId, ProblemLog};
use parking_lot::{Condvar, Mutex};

pub use crate::changes::Changes;
use crate::clock::Clock;
use crate::device::DeviceKey;
use crate::outcome::{CONTINUE, Halt, Proposal};
use crate::progress::{Meter, Progress};
use crate::request::JobRequest;
use crate::run::{Attachment, Work};
use crate::shared::{Active, Shared, State};
use crate::{changes, queue, watch};

/// The most jobs that may wait at a time in one process.
const WAITING_LIMIT: usize = 1_000;

/// What an engine needs.
pub struct EngineOptions {
    /// The app's memory.
    pub catalog: Arc<Catalog>,
    /// This process.
    pub presence: Arc<Presence>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// What does the work.
    pub work: Arc<dyn Work>,
    /// The device's key.
    pub device: Arc<DeviceKey>,
    /// This machine's name.
    pub host: String,
    /// This program with its version.
    pub program: String,
}

/// A job to start.
#[derive(Debug, Clone)]
pub struct NewJob {
    /// What is asked.
    pub request: JobRequest,
    /// What it is, in a line.
    pub title: String,
    /// What the place is called.
    pub place_label: String,
    /// The queue it waits in: the same for everything that writes to one place.
    pub destination: String,
    /// What is handed over in memory.
    pub attachment: Attachment,
}

/// A job as it is now.
#[derive(Debug, Clone)]
pub struct JobView {
    /// Its row.
    pub record: JobRecord,
    /// How far it is.
    pub progress: Option<Progress>,
    /// When it made the checkpoint that the same work goes on from, if it was broken off after one.
    pub checkpoint_ms: Option<i64>,
    /// Whether this process runs it.
    pub here: bool,
    /// Grows with every change.
    pub revision: u64,
}

/// The engine could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The catalog refused.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// No such job.
    #[error("There is no job {0} (any more).")]
    Unknown(JobId),
    /// The job is not in a state for that.
    #[error("This job can not be {wanted}: it is {state}.")]
    WrongState {
        /// Where it is.
        state: &'static str,
        /// What was wanted.
        wanted: &'static str,
    },
    /// The person's choice is none of those there are.
    #[error("That is no way to go on from here. Look at the job again: it says what can be chosen.")]
    NoChoice,
    /// Too much is waiting.
    #[error("{WAITING_LIMIT} jobs are waiting already. Cancel some, or wait until they are done.")]
    TooMany,
    /// The kept request can not be read.
    #[error("What was asked of this job can not be read. It may be from a newer Keepwell.")]
    Unreadable,
    /// The engine is stopping.
    #[error("Keepwell is closing. Start it again, then try once more.")]
    Stopping,
    /// The system gave no thread.
    #[error("The system can not start more work now ({0}). Close some programs, then try again.")]
    Thread(std::io::Error),
}

/// The one engine of a process.
pub struct Engine {
    shared: Arc<Shared>,
    watcher: Mutex<Option<JoinHandle<()>>>,
}

impl Engine {
    /// Starts an engine. Jobs that a dead process left are marked as interrupted.
    ///
    /// # Errors
    /// The catalog refused.
    pub fn start(options: EngineOptions) -> Result<Self, EngineError> {
        let revisions = changes::Revisions::starting_at(options.clock.now_ms());
        let shared = Arc::new(Shared {
            catalog: options.catalog,
            presence: options.presence,
            clock: options.clock,
            work: options.work,
            device: options.device,
            host: options.host,
            program: options.program,
            state: Mutex::new(State { revisions, ..State::default() }),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
        });
        watch::mark_interrupted(&shared)?;
        let watcher = std::thread::Builder::new()
            .name("jobs-watch".to_owned())
            .spawn({
                let shared = Arc::clone(&shared);
                move || watch::watch(&shared)
            })
            .map_err(EngineError::Thread)?;
        Ok(Self { shared, watcher: Mutex::new(Some(watcher)) })
    }

    /// Puts a job in the queue of its destination.
    ///
    /// # Errors
    /// Too much is waiting, or the catalog refused.
    pub fn enqueue(&self, job: NewJob) -> Result<JobId, EngineError> {
        let shared = &self.shared;
        if shared.stopping.load(Ordering::Acquire) {
            return Err(EngineError::Stopping);
        }
        let id = Catalog::new_job_id().map_err(CatalogError::from)?;
        let record = JobRecord {
            id,
            kind: job.request.kind().to_owned(),
            title: job.title,
            state: JobState::Queued,
            destination: job.destination,
            place_id: job.request.target().and_then(|target| target.place_id),
            place_label: job.place_label,
            plan_id: job.request.plan_id(),
            pair_id: job.request.pair_id(),
            owner: shared.presence.id().to_owned(),
            waiting_for: None,
            request: serde_json::to_string(&job.request).map_err(|_| EngineError::Unreadable)?,
            progress: None,
            outcome: None,
            fault: None,
            halt: None,
            proposal: None,
            has_receipt: false,
            problems_total: 0,
            queued_ms: shared.clock.now_ms(),
            started_ms: None,
            finished_ms: None,
        };
        self.admit(record, job.request, job.attachment)
    }

    /// Puts a row in its queue: a new one, or one that was halted.
    fn admit(
        &self,
        mut record: JobRecord,
        request: JobRequest,
        attachment: Attachment,
    ) -> Result<JobId, EngineError> {
        let shared = &self.shared;
        let id = record.id;
        {
            let state = shared.state.lock();
            if state.queues.values().map(VecDeque::len).sum::<usize>() >= WAITING_LIMIT {
                return Err(EngineError::TooMany);
            }
            // Of a job that halted a moment ago only the thread is still there.
            if state.active.values().any(|other| other.record.destination == record.destination) {
                record.waiting_for = Some(format!("the work on {} before it", record.place_label));
            }
        }
        // What a person asked for, or decided, is not forgotten when the power goes.
        shared.catalog.save_job(&record)?;
        let destination = record.destination.clone();
        let needs_worker = {
            let mut state = shared.state.lock();
            let active = Active {
                record,
                request,
                attachment,
                control: Arc::new(Control::new()),
                meter: Meter::default(),
                progress: None,
                stage: JobState::Planning,
                saved_steady_ms: 0,
                is_ending: false,
                is_closed: false,
            };
            state.active.insert(id, active);
            state.queues.entry(destination.clone()).or_default().push_back(id);
            state.revisions.bump(id);
            let needs_worker = !state.workers.contains(&destination);
            if needs_worker {
                state.workers.push(destination.clone());
            }
            needs_worker
        };
        shared.changed.notify_all();
        if needs_worker {
            let worker_shared = Arc::clone(shared);
            let name = destination.clone();
            let started = std::thread::Builder::new()
                .name("jobs-work".to_owned())
                .spawn(move || queue::work_through(&worker_shared, &name));
            if let Err(error) = started {
                shared.state.lock().workers.retain(|worker| *worker != destination);
                shared.fail_waiting(&destination, &error);
                return Err(EngineError::Thread(error));
            }
        }
        Ok(id)
    }

    /// Stops a job, wherever it runs.
    ///
    /// # Errors
    /// There is no such job, it is over, or the catalog refused.
    pub fn cancel(&self, id: JobId) -> Result<(), EngineError> {
        let shared = &self.shared;
        if shared.cancel_here(id) {
            return Ok(());
        }
        let mut record = shared.catalog.job(id)?.ok_or(EngineError::Unknown(id))?;
        if record.state.is_finished() {
            return Err(EngineError::WrongState { state: record.state.word(), wanted: "cancelled" });
        }
        if record.state.needs_owner() {
            if shared.presence.is_alive(&record.owner) {
                return Ok(shared.catalog.set_wish(id, Wish::Cancel)?);
            }
            return Ok(watch::mark_interrupted(shared)?);
        }
        record.state = JobState::Cancelled;
        record.finished_ms = Some(shared.clock.now_ms());
        shared.catalog.save_job(&record)?;
        shared.work.tidy(shared.presence.id());
        shared.bump(id);
        Ok(())
    }

    /// Holds a running job.
    ///
    /// # Errors
    /// There is no such job, it is not running, or the catalog refused.
    pub fn pause(&self, id: JobId) -> Result<(), EngineError> {
        self.hold(id, true)
    }

    /// Lets a held job go on.
    ///
    /// # Errors
    /// There is no such job, it is not held, or the catalog refused.
    pub fn resume(&self, id: JobId) -> Result<(), EngineError> {
        self.hold(id, false)
    }

    fn hold(&self, id: JobId, hold: bool) -> Result<(), EngineError> {
        let shared = &self.shared;
        let fits = |state: JobState| match state {
            JobState::Planning | JobState::Running => hold,
            state => state == JobState::Paused && !hold,
        };
        let wanted = if hold { "paused" } else { "resumed" };
        if let Some(state) = shared.hold_here(id, hold) {
            return if fits(state) {
                Ok(())
            } else {
                Err(EngineError::WrongState { state: state.word(), wanted })
            };
        }
        let record = shared.catalog.job(id)?.ok_or(EngineError::Unknown(id))?;
        if !fits(record.state) {
            return Err(EngineError::WrongState { state: record.state.word(), wanted });
        }
        Ok(shared.catalog.set_wish(id, if hold { Wish::Pause } else { Wish::Resume })?)
    }

    /// Holds (or lets go on) every job of this process.
    pub fn hold_all(&self, hold: bool) {
        let ids: Vec<JobId> = self.shared.state.lock().active.keys().copied().collect();
        for id in ids {
            self.shared.hold_here(id, hold);
        }
    }

    /// Lets a halted job go on although its brake was pulled, or has a proposed plan carried out.
    ///
    /// # Errors
    /// As [`decide`](Self::decide).
    pub fn confirm(&self, id: JobId, attachment: Attachment) -> Result<(), EngineError> {
        self.decide(id, CONTINUE, attachment)
    }

    /// Lets a job that waits for a person go on as the person chose: [`CONTINUE`], or one of the halt's choices.
    ///
    /// # Errors
    /// There is no such job, it does not wait for a person, that is no choice, or the catalog refused.
    pub fn decide(&self, id: JobId, choice: &str, attachment: Attachment) -> Result<(), EngineError> {
        {
            // Its row may say that it waits a moment before its thread is done with it, which then would take it away again.
            let mut state = self.shared.state.lock();
            while state.active.get(&id).is_some_and(|active| active.is_ending) {
                self.shared.changed.wait(&mut state);
            }
        }
        let mut record = self.shared.catalog.job(id)?.ok_or(EngineError::Unknown(id))?;
        if !matches!(record.state, JobState::Halted | JobState::WaitingForConfirmation) {
            return Err(EngineError::WrongState { state: record.state.word(), wanted: "continued" });
        }
        let request = decided(self.request(&record)?, &record, choice).ok_or(EngineError::NoChoice)?;
        record.request = serde_json::to_string(&request).map_err(|_| EngineError::Unreadable)?;
        record.state = JobState::Queued;
        record.halt = None;
        record.proposal = None;
        record.started_ms = None;
        record.owner = self.shared.presence.id().to_owned();
        self.admit(record, request, attachment).map(drop)
    }

    /// Asks for the same work again, as a new job.
    ///
    /// # Errors
    /// There is no such job, it is not over, or the catalog refused.
    pub fn retry(&self, id: JobId, attachment: Attachment) -> Result<JobId, EngineError> {
        let record = self.shared.catalog.job(id)?.ok_or(EngineError::Unknown(id))?;
        if !record.state.is_finished() {
            return Err(EngineError::WrongState { state: record.state.word(), wanted: "retried" });
        }
        self.enqueue(NewJob {
            request: self.request(&record)?.again(),
            title: record.title,
            place_label: record.place_label,
            destination: record.destination,
            attachment,
        })
    }

    /// What was asked of a job.
    ///
    /// # Errors
    /// It is from a newer Keepwell.
    pub fn request(&self, record: &JobRecord) -> Result<JobRequest, EngineError> {
        serde_json::from_str(&record.request).map_err(|_| EngineError::Unreadable)
    }

    /// One job.
    ///
    /// # Errors
    /// There is no such job, or the catalog refused.
    pub fn job(&self, id: JobId) -> Result<JobView, EngineError> {
        self.shared.view(id)?.ok_or(EngineError::Unknown(id))
    }

    /// A page of jobs, newest first, and how many there are in all.
    ///
    /// # Errors
    /// The catalog refused.
    pub fn jobs(
        &self,
        filter: &JobFilter,
        offset: u64,
        limit: u64,
    ) -> Result<(Vec<JobView>, u64), EngineError> {
        let (records, total) = self.shared.catalog.jobs(filter, offset, limit)?;
        Ok((records.into_iter().map(|record| self.shared.view_of(record)).collect(), total))
    }

    /// Waits for changes after a revision; without one answers the whole picture at once.
    ///
    /// # Errors
    /// The catalog refused.
    pub fn changes(&self, since: Option<u64>, wait_ms: u64) -> Result<Changes, EngineError> {
        changes::changes(&self.shared, since, wait_ms)
    }

    /// Waits until a job is over or waits for a person; the picture then.
    ///
    /// # Errors
    /// There is no such job, or the catalog refused.
    pub fn wait(&self, id: JobId) -> Result<JobView, EngineError> {
        let mut since = self.shared.state.lock().revisions.current();
        loop {
            let view = self.job(id)?;
            let state = view.record.state;
            if state.is_finished() || matches!(state, JobState::Halted | JobState::WaitingForConfirmation) {
                return Ok(view);
            }
            since = changes::wait(&self.shared, since, 1_000);
        }
    }

    /// The problems of a job: of a running one as they are now.
    ///
    /// # Errors
    /// The catalog refused.
    pub fn problems(&self, id: JobId, offset: u64, limit: u64) -> Result<(ProblemLog, u64), EngineError> {
        let live = self.shared.state.lock().active.get(&id).map(|active| Arc::clone(&active.control));
        if let Some(control) = live {
            let log = control.problems();
            let kept = log.problems.len() as u64;
            let page = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
            let problems = log.problems.into_iter().skip(page(offset)).take(page(limit)).collect();
            return Ok((ProblemLog { problems, total: log.total }, kept));
        }
        let record = self.shared.catalog.job(id)?.ok_or(EngineError::Unknown(id))?;
        let (problems, kept) = self.shared.catalog.problems(id, offset, limit)?;
        Ok((ProblemLog { problems, total: record.problems_total }, kept))
    }

    /// How many jobs of this process are not over.
    #[must_use]
    pub fn active(&self) -> usize {
        self.shared.state.lock().active.len()
    }

    /// Stops everything: running jobs are broken off and waited for, and are interrupted, as those that wait are.
    pub fn stop(&self) {
        let shared = &self.shared;
        if shared.stopping.swap(true, Ordering::AcqRel) {
            return;
        }
        let waiting: Vec<JobId> = {
            let mut state = shared.state.lock();
            let waiting = state.queues.values_mut().flat_map(|queue| queue.drain(..)).collect();
            for active in state.active.values_mut() {
                // One that a person stopped stays stopped.
                active.is_closed = !active.control.is_cancelled();
                active.control.cancel();
            }
            waiting
        };
        for id in waiting {
            shared.interrupt(id);
        }
        shared.changed.notify_all();
        {
            let mut state = shared.state.lock();
            while !state.workers.is_empty() {
                shared.changed.wait(&mut state);
            }
        }
        shared.changed.notify_all();
        if let Some(watcher) = self.watcher.lock().take() {
            // A watcher that panicked has nothing left to do.
            let _ = watcher.join();
        }
    }
}

/// The request after a person's choice.
fn decided(request: JobRequest, record: &JobRecord, choice: &str) -> Option<JobRequest> {
    let halt: Option<Halt> = record.halt.as_deref().and_then(|text| serde_json::from_str(text).ok());
    let proposal: Option<Proposal> =
        record.proposal.as_deref().and_then(|text| serde_json::from_str(text).ok());
    request.decided(choice, halt.as_ref(), proposal.as_ref())
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}
