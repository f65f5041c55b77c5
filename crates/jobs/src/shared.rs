//! What the threads of an engine share: the active jobs, the queues, and how a job's row is written.
//!
//! Invariants: a row of an active job is written either under the lock or by its ending, and by nothing after that; no
//! lock of the catalog is ever held while this one is taken.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use keepwell_catalog::{Catalog, JobRecord, JobState, Presence};
use keepwell_model::{Control, JobId};
use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::device::DeviceKey;
use crate::engine::{EngineError, JobView};
use crate::outcome::{Fault, FaultKind};
use crate::progress::{Meter, Progress};
use crate::request::JobRequest;
use crate::run::{Attachment, Work};
use crate::{changes, watch};

/// A job of this process that is not over.
pub(crate) struct Active {
    pub(crate) record: JobRecord,
    pub(crate) request: JobRequest,
    pub(crate) attachment: Attachment,
    pub(crate) control: Arc<Control>,
    pub(crate) meter: Meter,
    pub(crate) progress: Option<Progress>,
    /// Planning or running: what it goes on with after a pause.
    pub(crate) stage: JobState,
    pub(crate) saved_steady_ms: u64,
    /// Set before the last row is written: from then on nothing else may write it.
    pub(crate) is_ending: bool,
    /// It is broken off because this process closes, and not by a person.
    pub(crate) is_closed: bool,
}

/// What the threads of an engine share under one lock.
#[derive(Default)]
pub(crate) struct State {
    pub(crate) active: HashMap<JobId, Active>,
    pub(crate) queues: HashMap<String, VecDeque<JobId>>,
    /// Destinations with a living worker thread.
    pub(crate) workers: Vec<String>,
    pub(crate) leases: Vec<String>,
    pub(crate) revisions: changes::Revisions,
}

/// What the threads of an engine share.
pub(crate) struct Shared {
    pub(crate) catalog: Arc<Catalog>,
    pub(crate) presence: Arc<Presence>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) work: Arc<dyn Work>,
    pub(crate) device: Arc<DeviceKey>,
    pub(crate) host: String,
    pub(crate) program: String,
    pub(crate) state: Mutex<State>,
    /// Notified at every change of `state` that anyone may wait for.
    pub(crate) changed: Condvar,
    pub(crate) stopping: AtomicBool,
}

impl Shared {
    /// Writes a row; trouble is logged, because the work itself must go on. Only what a job ends with, or waits for a
    /// person with, waits for the disk: a step on the way of a process that lost its power says nothing any more.
    pub(crate) fn save(&self, record: &JobRecord) {
        let is_on_the_way = record.state.needs_owner();
        let catalog = &self.catalog;
        let saved = if is_on_the_way { catalog.save_job_soon(record) } else { catalog.save_job(record) };
        if let Err(error) = saved {
            tracing::error!(%error, job = %record.id, "the state of the job could not be kept");
        }
    }

    /// Gives a job a new revision and wakes those who wait for one.
    pub(crate) fn bump(&self, id: JobId) {
        self.state.lock().revisions.bump(id);
        self.changed.notify_all();
    }

    /// Changes an active job and gives it a new revision.
    pub(crate) fn change_active<T>(&self, id: JobId, change: impl FnOnce(&mut Active) -> T) -> Option<T> {
        let mut state = self.state.lock();
        let value = change(state.active.get_mut(&id)?);
        state.revisions.bump(id);
        drop(state);
        self.changed.notify_all();
        Some(value)
    }

    /// The last picture of a job that ends; from now on only its ending writes its row.
    pub(crate) fn last_progress(&self, id: JobId) -> Option<Progress> {
        let steady_ms = self.clock.steady_ms();
        let mut state = self.state.lock();
        let active = state.active.get_mut(&id)?;
        active.is_ending = true;
        Some(active.meter.sample(&active.control.progress(), active.control.is_paused(), steady_ms))
    }

    /// Takes a job that is over (and written) out of the active ones.
    pub(crate) fn retire(&self, id: JobId) {
        let mut state = self.state.lock();
        state.active.remove(&id);
        state.revisions.bump(id);
        drop(state);
        self.changed.notify_all();
    }

    /// Cancels a job of this process; `false` where it is not one.
    pub(crate) fn cancel_here(&self, id: JobId) -> bool {
        let mut state = self.state.lock();
        let Some(active) = state.active.get_mut(&id) else { return false };
        active.control.cancel();
        let waits = active.record.started_ms.is_none();
        if !waits {
            active.record.waiting_for = Some("the last step to end safely".to_owned());
            state.revisions.bump(id);
            drop(state);
            self.changed.notify_all();
            return true;
        }
        for queue in state.queues.values_mut() {
            queue.retain(|waiting| *waiting != id);
        }
        // Taken out under the same lock: a worker that was about to begin it finds nothing.
        let taken = state.active.remove(&id);
        drop(state);
        if let Some(Active { mut record, .. }) = taken {
            record.state = JobState::Cancelled;
            record.waiting_for = None;
            record.finished_ms = Some(self.clock.now_ms());
            self.save(&record);
            self.bump(id);
        }
        true
    }

    /// Holds or lets go on a job of this process; the state it was in, nothing where it is not one.
    pub(crate) fn hold_here(&self, id: JobId, hold: bool) -> Option<JobState> {
        let mut state = self.state.lock();
        let active = state.active.get_mut(&id).filter(|active| !active.is_ending)?;
        let before = active.record.state;
        match (before, hold) {
            (JobState::Planning | JobState::Running, true) => {
                active.control.pause();
                active.record.state = JobState::Paused;
            }
            (JobState::Paused, false) => {
                active.control.resume();
                active.record.state = active.stage;
            }
            _ => return Some(before),
        }
        let record = active.record.clone();
        // Written under the lock, so that it can not come after the last row.
        self.save(&record);
        state.revisions.bump(id);
        drop(state);
        self.changed.notify_all();
        Some(before)
    }

    /// A job of this process has planned, and works now.
    pub(crate) fn planned(&self, id: JobId) {
        self.change_active(id, |active| {
            active.stage = JobState::Running;
            // One that is held stays held; it goes on as running.
            if active.record.state == JobState::Planning {
                active.record.state = JobState::Running;
                self.save(&active.record);
            }
        });
    }

    /// Whether a job is broken off because this process closes.
    pub(crate) fn is_closed(&self, id: JobId) -> bool {
        self.state.lock().active.get(&id).is_some_and(|active| active.is_closed)
    }

    /// Marks a waiting job as interrupted: this process closes.
    pub(crate) fn interrupt(&self, id: JobId) {
        let taken = self.state.lock().active.remove(&id);
        if let Some(Active { mut record, .. }) = taken {
            watch::interrupted(&mut record, self.clock.now_ms());
            self.work.interrupted(&record);
            self.save(&record);
            self.bump(id);
        }
    }

    /// Fails everything that waits for a destination: no thread could be had.
    pub(crate) fn fail_waiting(&self, destination: &str, error: &std::io::Error) {
        let waiting: Vec<JobId> = self
            .state
            .lock()
            .queues
            .get_mut(destination)
            .map(|queue| queue.drain(..).collect())
            .unwrap_or_default();
        for id in waiting {
            let taken = self.state.lock().active.remove(&id);
            if let Some(Active { mut record, .. }) = taken {
                let fault = Fault::new(
                    FaultKind::Failed,
                    format!("The system can not start more work now ({error})."),
                    "Close some programs, then retry.",
                );
                record.state = JobState::Failed;
                record.fault = serde_json::to_string(&fault).ok();
                record.finished_ms = Some(self.clock.now_ms());
                self.save(&record);
                self.bump(id);
            }
        }
    }

    /// A job as it is now.
    pub(crate) fn view(&self, id: JobId) -> Result<Option<JobView>, EngineError> {
        {
            let state = self.state.lock();
            if let Some(active) = state.active.get(&id) {
                return Ok(Some(active.view(state.revisions.of(id))));
            }
        }
        Ok(self.catalog.job(id)?.map(|record| self.view_of(record)))
    }

    /// A row with what this process knows besides.
    pub(crate) fn view_of(&self, record: JobRecord) -> JobView {
        let state = self.state.lock();
        let revision = state.revisions.of(record.id);
        if let Some(active) = state.active.get(&record.id) {
            return active.view(revision);
        }
        drop(state);
        let progress = record.progress.as_deref().and_then(|text| serde_json::from_str(text).ok());
        let checkpoint_ms = if record.state.is_finished() && record.state != JobState::Succeeded {
            // Only for show: where it can not be read, nothing is promised.
            self.catalog.checkpoint_of_job(record.id).ok().flatten()
        } else {
            None
        };
        JobView { record, progress, checkpoint_ms, here: false, revision }
    }
}

impl Active {
    fn view(&self, revision: u64) -> JobView {
        let mut record = self.record.clone();
        record.problems_total = self.progress.as_ref().map_or(0, |_| self.control.progress().problems_total);
        JobView { record, progress: self.progress.clone(), checkpoint_ms: None, here: true, revision }
    }
}
