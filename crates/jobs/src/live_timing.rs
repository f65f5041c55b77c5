//! When a live pair is looked at next: after what rest, after what ended badly, and how soon at everything.
//!
//! Invariants:
//! 1. What a run did not do is tried again by a look at everything, soon at first and ever later while it can not be done:
//!    a file that can not be read for years is no reason to look at everything twice a minute.
//! 2. Looks at everything because news were lost never follow each other at once: they may themselves be more news than
//!    the system keeps.
//!
//! Moments come in as arguments. Deliberately not here: what there is news of (`live_watch`), what is started (`live`).

use std::time::{Duration, Instant};

use crate::outcome::{Fact, Outcome};
use crate::standing::{PairState, Standing};
use crate::sync_work::{CHANGED_MEANWHILE, FAILED};

/// While a long burst goes on, the next run does not begin before the run before is over for a part of what it took,
/// within these bounds. Each run waits for the disk in its end, and for what was written there meanwhile: many short ones
/// take longer than the burst, which with one rest is mostly over.
const REST_PART: u32 = 4;
const REST: (Duration, Duration) = (Duration::from_millis(300), Duration::from_secs(10));
/// How often everything is looked at, where both sides are watched, and where one is not.
pub(crate) const FULL_EVERY: Duration = Duration::from_secs(15 * 60);
pub(crate) const FULL_UNWATCHED: Duration = Duration::from_secs(60);
/// How long after something changed under a run's hands everything is looked at again.
const AFTER_CHANGE: Duration = Duration::from_secs(2);
/// After a look because news were lost the next one begins at the earliest after so many times as long as it took, within
/// these bounds.
const AFTER_LOSS_TIMES: u32 = 4;
const AFTER_LOSS: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(30));
/// How long after a run that failed, or some of whose items could not be done, everything is looked at again. For items
/// twice as long each time that they still can not be done.
pub(crate) const AFTER_FAILURE: Duration = Duration::from_secs(30);

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ended {
    /// All was done, or nothing will come of trying again.
    Well,
    /// Items changed meanwhile, which it left for the next run.
    LeftSomething,
    /// Items could not be done, or not be looked at.
    CouldNotDoAll,
    /// It failed, or was stopped.
    Badly,
}

impl Ended {
    /// How a run ended that was carried out, and had so many problems.
    pub(crate) fn of(outcome: &Outcome, problems: u64) -> Self {
        let has = |key: &str| outcome.facts.iter().any(|fact: &Fact| fact.key == key && fact.value > 0);
        if has(FAILED) {
            // Also where something changed meanwhile: of that the system tells.
            Self::CouldNotDoAll
        } else if has(CHANGED_MEANWHILE) {
            Self::LeftSomething
        } else {
            Self::by(problems > 0)
        }
    }

    /// How a run ended that did nothing and left no trace, by how the pair stands after it.
    pub(crate) fn without_trace(standing: Option<Standing>) -> Self {
        Self::by(standing.is_some_and(|standing| standing.state == PairState::Problems))
    }

    /// A folder that could not be read is a problem, and nothing of it was to be done.
    fn by(has_problems: bool) -> Self {
        if has_problems { Self::CouldNotDoAll } else { Self::Well }
    }
}

/// When a pair is looked at next.
#[derive(Debug)]
pub(crate) struct Timing {
    /// When the last run began.
    pub(crate) started: Instant,
    /// While a burst goes on the next one begins then at the earliest.
    pub(crate) rests_until: Instant,
    /// When everything is looked at.
    pub(crate) next_full: Instant,
    /// The last run looks at everything.
    is_full: bool,
    /// It does because news were lost.
    pub(crate) is_for_lost: bool,
    /// Not before this is the next of that kind.
    pub(crate) no_loss_before: Instant,
    /// Not before this: a job of the pair waits for a person, or the last run failed.
    pub(crate) not_before: Instant,
    /// So many looks at everything in a row had items that could not be done.
    looks_in_vain: u32,
}

impl Timing {
    /// Of a pair that begins to be watched: everything is looked at.
    pub(crate) fn beginning(now: Instant) -> Self {
        Self {
            started: now,
            rests_until: now,
            next_full: now,
            is_full: true,
            is_for_lost: false,
            no_loss_before: now,
            not_before: now,
            looks_in_vain: 0,
        }
    }

    /// Everything is looked at then at the latest.
    pub(crate) fn look_at_everything_by(&mut self, then: Instant) {
        self.next_full = self.next_full.min(then);
    }

    /// A run began; one that looks at everything says after what time the next of that kind does, if nothing happens.
    pub(crate) fn began(&mut self, now: Instant, next_full: Option<Duration>) {
        (self.started, self.is_full) = (now, next_full.is_some());
        self.next_full = next_full.map_or(self.next_full, |after| now + after);
    }

    /// The run is over.
    pub(crate) fn ended(&mut self, ended: Ended, now: Instant) {
        let took = now - self.started;
        self.rests_until = now + (took / REST_PART).clamp(REST.0, REST.1);
        if std::mem::take(&mut self.is_for_lost) {
            self.no_loss_before = now + (took * AFTER_LOSS_TIMES).clamp(AFTER_LOSS.0, AFTER_LOSS.1);
        }
        match ended {
            Ended::Well if self.is_full => self.looks_in_vain = 0,
            Ended::Well => {}
            Ended::LeftSomething => self.look_at_everything_by(now + AFTER_CHANGE),
            Ended::CouldNotDoAll => {
                self.look_at_everything_by(now + AFTER_FAILURE * (1 << self.looks_in_vain.min(8)));
                self.looks_in_vain = self.looks_in_vain.saturating_add(u32::from(self.is_full));
            }
            Ended::Badly => {
                self.not_before = now + AFTER_FAILURE;
                self.next_full = self.not_before;
            }
        }
    }

    /// No run could be begun: then everything is looked at.
    pub(crate) fn not_begun(&mut self, now: Instant, rest: Duration) {
        self.next_full = now;
        self.not_before = now + rest;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::outcome::Outcome;

    fn outcome(facts: &[(&str, u64)]) -> Outcome {
        let facts = facts.iter().map(|(key, value)| Fact::count(key, "", *value)).collect();
        Outcome { facts, ..Outcome::default() }
    }

    /// The seconds until everything is looked at after a run that ended so.
    fn full_after(timing: &mut Timing, now: Instant, is_full: bool, ended: Ended) -> u64 {
        timing.began(now, is_full.then_some(FULL_EVERY));
        timing.ended(ended, now);
        (timing.next_full - now).as_secs()
    }

    #[test]
    fn what_could_not_be_done_is_tried_again_soon_and_then_ever_later() {
        let now = Instant::now();
        let mut timing = Timing::beginning(now);
        full_after(&mut timing, now, true, Ended::Well);
        assert_eq!(full_after(&mut timing, now, false, Ended::CouldNotDoAll), 30);
        // Runs in between over what changed elsewhere do not put it off.
        assert_eq!(full_after(&mut timing, now, false, Ended::Well), 30);
        let waits: Vec<u64> =
            (0..8).map(|_| full_after(&mut timing, now, true, Ended::CouldNotDoAll)).collect();
        assert_eq!(waits, [30, 60, 120, 240, 480, 900, 900, 900]);
        // And once all could be done, the next failure is tried again soon.
        assert_eq!(full_after(&mut timing, now, true, Ended::Well), 900);
        assert_eq!(full_after(&mut timing, now, false, Ended::CouldNotDoAll), 30);
    }

    #[test]
    fn a_run_that_failed_is_tried_again_and_nothing_before() {
        let now = Instant::now();
        let mut timing = Timing::beginning(now);
        assert_eq!(full_after(&mut timing, now, true, Ended::Badly), 30);
        assert_eq!(timing.not_before, timing.next_full);
    }

    #[test]
    fn how_a_run_ended_is_told_by_what_it_counted() {
        assert_eq!(Ended::of(&outcome(&[(FAILED, 0)]), 0), Ended::Well);
        assert_eq!(Ended::of(&outcome(&[(CHANGED_MEANWHILE, 1)]), 1), Ended::LeftSomething);
        assert_eq!(Ended::of(&outcome(&[(CHANGED_MEANWHILE, 1), (FAILED, 2)]), 3), Ended::CouldNotDoAll);
        // As a folder that could not be read.
        assert_eq!(Ended::of(&outcome(&[]), 1), Ended::CouldNotDoAll);
    }

    #[test]
    fn a_run_without_a_trace_ended_as_the_pair_stands() {
        let stands =
            |state| Standing { state, in_step_ms: None, has_run: true, problems: 0, only_open: false };
        assert_eq!(Ended::without_trace(None), Ended::Well);
        assert_eq!(Ended::without_trace(Some(stands(PairState::InStep))), Ended::Well);
        assert_eq!(Ended::without_trace(Some(stands(PairState::Problems))), Ended::CouldNotDoAll);
    }
}
