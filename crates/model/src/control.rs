//! What a running job and those who watch it share: counters, the current item, problems, pause and cancel.
//!
//! Workers bump atomics and ask `checkpoint` between steps; a sampler elsewhere reads `progress` as often as it likes.
//! Invariant: `checkpoint` is the only place a worker sleeps for a pause, and the only source of [`Cancelled`].
//! Deliberately not here: rates and the time left, which need a clock (`jobs`).

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use parking_lot::{Condvar, Mutex};

use crate::problem::{Problem, ProblemLog};
use crate::shown::shown;

/// The person asked to stop. An outcome, not a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("cancelled")]
pub struct Cancelled;

/// What a run is busy with, in the order a person sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Phase {
    /// Opening the repository and reading its index.
    #[default]
    Preparing,
    /// Walking the source while copying what is found: totals still grow.
    Scanning,
    /// Totals are known, content moves.
    Copying,
    /// Writing the last packs, the index and the record.
    Finishing,
    /// Reading back and comparing.
    Verifying,
}

impl Phase {
    const ALL: [Phase; 5] =
        [Phase::Preparing, Phase::Scanning, Phase::Copying, Phase::Finishing, Phase::Verifying];
}

/// The counters at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ProgressSnapshot {
    /// What the run is busy with.
    pub phase: Phase,
    /// Items (files, folders, packs, …) done.
    pub items_done: u64,
    /// Items known so far; the final total once `total_known`.
    pub items_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes known so far; the final total once `total_known`.
    pub bytes_total: u64,
    /// Whether the totals are final.
    pub total_known: bool,
    /// Bytes written to the destination.
    pub bytes_written: u64,
    /// What is being worked on.
    pub current: String,
    /// Problems so far.
    pub problems_total: u64,
}

/// Shared by the workers of one run and whoever watches it.
#[derive(Debug, Default)]
pub struct Control {
    phase: AtomicU8,
    items_done: AtomicU64,
    items_total: AtomicU64,
    bytes_done: AtomicU64,
    bytes_total: AtomicU64,
    bytes_written: AtomicU64,
    total_known: AtomicBool,
    cancelled: AtomicBool,
    paused: AtomicBool,
    pause_gate: Mutex<()>,
    resumed: Condvar,
    current: Mutex<Vec<u8>>,
    problems: Mutex<ProblemLog>,
}

impl Control {
    /// A fresh control: running, nothing done.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// To be asked by workers between steps: waits while paused, and says when to stop.
    ///
    /// # Errors
    /// [`Cancelled`] once `cancel` was called.
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        if self.paused.load(Ordering::Acquire) {
            let mut gate = self.pause_gate.lock();
            while self.paused.load(Ordering::Acquire) && !self.is_cancelled() {
                self.resumed.wait(&mut gate);
            }
        }
        if self.is_cancelled() { Err(Cancelled) } else { Ok(()) }
    }

    /// Asks the run to stop; also wakes it if it is paused.
    pub fn cancel(&self) {
        let _gate = self.pause_gate.lock();
        self.cancelled.store(true, Ordering::Release);
        self.resumed.notify_all();
    }

    /// Whether `cancel` was called.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Holds the workers at their next checkpoint.
    pub fn pause(&self) {
        self.paused.store(true, Ordering::Release);
    }

    /// Lets them go on.
    pub fn resume(&self) {
        let _gate = self.pause_gate.lock();
        self.paused.store(false, Ordering::Release);
        self.resumed.notify_all();
    }

    /// Whether `pause` holds.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        self.paused.load(Ordering::Acquire)
    }

    /// Says what the run is busy with now.
    pub fn set_phase(&self, phase: Phase) {
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Adds to what is known to be there to do.
    pub fn add_total(&self, items: u64, bytes: u64) {
        self.items_total.fetch_add(items, Ordering::Relaxed);
        self.bytes_total.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says that the totals will not grow any more.
    pub fn set_total_known(&self) {
        self.total_known.store(true, Ordering::Relaxed);
    }

    /// Adds to what is done.
    pub fn add_done(&self, items: u64, bytes: u64) {
        self.items_done.fetch_add(items, Ordering::Relaxed);
        self.bytes_done.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Adds to what was written to the destination.
    pub fn add_written(&self, bytes: u64) {
        self.bytes_written.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Begins a stage with counters of its own (for instance verifying after copying).
    pub fn restart_counters(&self, phase: Phase) {
        self.set_phase(phase);
        for counter in [&self.items_done, &self.items_total, &self.bytes_done, &self.bytes_total] {
            counter.store(0, Ordering::Relaxed);
        }
        self.total_known.store(false, Ordering::Relaxed);
    }

    /// Names the item in work. Skipped when a watcher holds the name just then: it is only for show.
    pub fn set_current(&self, name: &[u8]) {
        if let Some(mut current) = self.current.try_lock() {
            current.clear();
            current.extend_from_slice(name);
        }
    }

    /// Records trouble with one item.
    pub fn problem(&self, problem: Problem) {
        self.problems.lock().push(problem);
    }

    /// The problems so far.
    #[must_use]
    pub fn problems(&self) -> ProblemLog {
        self.problems.lock().clone()
    }

    /// The counters now.
    #[must_use]
    pub fn progress(&self) -> ProgressSnapshot {
        let phase = usize::from(self.phase.load(Ordering::Relaxed));
        ProgressSnapshot {
            phase: Phase::ALL.get(phase).copied().unwrap_or_default(),
            items_done: self.items_done.load(Ordering::Relaxed),
            items_total: self.items_total.load(Ordering::Relaxed),
            bytes_done: self.bytes_done.load(Ordering::Relaxed),
            bytes_total: self.bytes_total.load(Ordering::Relaxed),
            total_known: self.total_known.load(Ordering::Relaxed),
            bytes_written: self.bytes_written.load(Ordering::Relaxed),
            current: shown(&self.current.lock()),
            problems_total: self.problems.lock().total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    #[test]
    fn cancelling_wakes_a_paused_worker() {
        let control = Arc::new(Control::new());
        control.pause();
        let worker = std::thread::spawn({
            let control = Arc::clone(&control);
            move || control.checkpoint()
        });
        control.cancel();
        assert_eq!(worker.join().unwrap(), Err(Cancelled));
    }

    #[test]
    fn problems_past_the_limit_are_counted() {
        let control = Control::new();
        for number in 0..ProblemLog::LIMIT + 5 {
            control.problem(Problem::new(number.to_string(), "what", "why", "next"));
        }
        assert_eq!(control.problems().excluded(), 5);
        assert_eq!(control.progress().problems_total, ProblemLog::LIMIT as u64 + 5);
    }
}
