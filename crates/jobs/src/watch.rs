//! The watcher of an engine: samples progress, hears the wishes of other processes, keeps leases fresh, finds jobs whose
//! process died.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keepwell_catalog::{CatalogError, JobFilter, JobRecord, JobState, Wish};
use keepwell_model::JobId;

use crate::outcome::{Fault, FaultKind};
use crate::shared::Shared;

/// The sampler's pace: ten pictures a second at most.
const SAMPLE: Duration = Duration::from_millis(100);
/// How often a running job's progress is written for other processes.
const SAVE_EVERY_MS: u64 = 1_000;
/// Every so many samples: look for what other processes did.
const FOREIGN_EVERY: u64 = 4;
/// Every so many samples: renew leases, look for the dead.
const LEASES_EVERY: u64 = 50;
/// Jobs of other processes that are followed: the newest.
const FOREIGN_LIMIT: u64 = 200;

/// Watches until the engine stops and nothing runs any more.
pub(crate) fn watch(shared: &Shared) {
    let mut round = 0_u64;
    let mut data_version = 0;
    let mut foreign = Foreign::default();
    // What is there already is known to whoever asks for the whole picture.
    if let Err(error) = foreign.look(shared, false) {
        tracing::warn!(%error, "the work of other processes can not be seen");
    }
    loop {
        {
            let state = shared.state.lock();
            if shared.stopping.load(Ordering::Acquire) && state.workers.is_empty() {
                return;
            }
        }
        rest(shared);
        round += 1;
        sample(shared);
        if round.is_multiple_of(FOREIGN_EVERY) {
            match shared.catalog.data_version() {
                Ok(version) if version != data_version => {
                    data_version = version;
                    hear_wishes(shared);
                    if let Err(error) = foreign.look(shared, true) {
                        tracing::warn!(%error, "the work of other processes can not be seen");
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::warn!(%error, "the catalog can not be read"),
            }
        }
        if round.is_multiple_of(LEASES_EVERY) {
            renew_leases(shared);
            shared.work.tidy(shared.presence.id());
            if let Err(error) = mark_interrupted(shared) {
                tracing::warn!(%error, "jobs of processes that ended can not be looked for");
            }
        }
    }
}

/// Waits for the next round, or for the end.
fn rest(shared: &Shared) {
    let until = std::time::Instant::now() + SAMPLE;
    let mut state = shared.state.lock();
    while !(shared.stopping.load(Ordering::Acquire) && state.workers.is_empty()) {
        if shared.changed.wait_until(&mut state, until).timed_out() {
            break;
        }
    }
}

/// Takes a picture of every running job; only what moved is published.
fn sample(shared: &Shared) {
    let steady_ms = shared.clock.steady_ms();
    let mut to_save = Vec::new();
    {
        let mut state = shared.state.lock();
        let mut moved: Vec<JobId> = Vec::new();
        for (id, active) in &mut state.active {
            if active.record.started_ms.is_none() {
                continue;
            }
            let progress =
                active.meter.sample(&active.control.progress(), active.control.is_paused(), steady_ms);
            if active.progress.as_ref() == Some(&progress)
                || (active.progress.is_some() && active.control.is_paused())
            {
                continue;
            }
            if steady_ms.saturating_sub(active.saved_steady_ms) >= SAVE_EVERY_MS {
                active.saved_steady_ms = steady_ms;
                let mut record = active.record.clone();
                record.progress = serde_json::to_string(&progress).ok();
                record.problems_total = active.control.progress().problems_total;
                to_save.push(record);
            }
            active.progress = Some(progress);
            moved.push(*id);
        }
        for id in &moved {
            state.revisions.bump(*id);
        }
        if moved.is_empty() {
            return;
        }
    }
    shared.changed.notify_all();
    for record in to_save {
        // Not after the job ended: its last row must stay.
        let is_active = shared.state.lock().active.contains_key(&record.id);
        if is_active {
            shared.save_progress(&record);
        }
    }
}

impl Shared {
    /// Writes a picture of a running job, unless its last row was written meanwhile.
    fn save_progress(&self, record: &JobRecord) {
        let kept = self.catalog.save_progress(
            record.id,
            record.progress.as_deref().unwrap_or_default(),
            record.problems_total,
        );
        if let Err(error) = kept {
            tracing::warn!(%error, "progress could not be kept");
        }
    }
}

fn hear_wishes(shared: &Shared) {
    match shared.catalog.take_wishes(shared.presence.id()) {
        Ok(wishes) => {
            for (id, wish) in wishes {
                tracing::info!(job = %id, ?wish, "another process asked for this");
                match wish {
                    Wish::Cancel => drop(shared.cancel_here(id)),
                    Wish::Pause => drop(shared.hold_here(id, true)),
                    Wish::Resume => drop(shared.hold_here(id, false)),
                }
            }
        }
        Err(error) => tracing::warn!(%error, "wishes of other processes can not be heard"),
    }
}

fn renew_leases(shared: &Shared) {
    let leases = shared.state.lock().leases.clone();
    for lease in leases {
        match shared.catalog.renew_lease(&lease, &shared.presence, shared.clock.now_ms()) {
            Ok(true) => {}
            Ok(false) => tracing::error!(lease, "this lease is not ours any more"),
            Err(error) => tracing::warn!(%error, lease, "the lease could not be renewed"),
        }
    }
}

/// Rows of other processes as they were last seen.
#[derive(Default)]
struct Foreign {
    seen: std::collections::HashMap<JobId, JobRecord>,
}

impl Foreign {
    /// Looks at the newest rows; what changed is told if wanted.
    fn look(&mut self, shared: &Shared, tell: bool) -> Result<(), CatalogError> {
        let (records, _) = shared.catalog.jobs(&JobFilter::default(), 0, FOREIGN_LIMIT)?;
        let mut seen = std::collections::HashMap::with_capacity(records.len());
        let mut changed = Vec::new();
        for record in records {
            if record.owner != shared.presence.id() && self.seen.get(&record.id) != Some(&record) {
                changed.push(record.id);
            }
            seen.insert(record.id, record);
        }
        self.seen = seen;
        if tell && !changed.is_empty() {
            let mut state = shared.state.lock();
            changed.into_iter().for_each(|id| state.revisions.bump(id));
            drop(state);
            shared.changed.notify_all();
        }
        Ok(())
    }
}

/// Marks the unfinished jobs of processes that are gone.
pub(crate) fn mark_interrupted(shared: &Shared) -> Result<(), CatalogError> {
    let states = JobState::ALL.into_iter().filter(|state| state.needs_owner()).collect();
    let (records, _) = shared.catalog.jobs(&JobFilter { states, ..JobFilter::default() }, 0, 1_000)?;
    for mut record in records {
        if !shared.presence.is_alive(&record.owner) {
            tracing::warn!(job = %record.id, "the process that ran this job ended without a word");
            interrupted(&mut record, shared.clock.now_ms());
            // Before its row says so: who is killed in between leaves it to the next process, and nothing is forgotten.
            shared.work.interrupted(&record);
            shared.catalog.save_job(&record)?;
            shared.bump(record.id);
        }
    }
    Ok(())
}

/// Puts "interrupted" into a row.
pub(crate) fn interrupted(record: &mut JobRecord, now_ms: i64) {
    let fault = Fault::new(
        FaultKind::Failed,
        "Keepwell was closed, or its computer switched off, before this was done. What was safe before still is.",
        "Try it again: it goes on where it was, and what is done already is not done twice.",
    );
    record.state = JobState::Interrupted;
    record.waiting_for = None;
    record.fault = serde_json::to_string(&fault).ok();
    record.finished_ms = Some(now_ms);
}
