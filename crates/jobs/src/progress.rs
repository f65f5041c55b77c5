//! How far a run is: counters become rates and the time left.
//!
//! Rates are over the last seconds, so that they follow what happens; the time left comes from the slower of bytes and
//! items, and is only said once totals are final. Deliberately not here: the counters themselves (`model::control`).

use std::collections::VecDeque;

use keepwell_model::{Phase, ProgressSnapshot};
use serde::{Deserialize, Serialize};

/// The span rates are taken over.
const WINDOW_MS: u64 = 5_000;
/// Samples kept: the window at the sampler's pace, with some room.
const SAMPLES_LIMIT: usize = 128;
/// A pace seen for less than this says nothing of the time left: the first files would make hours of minutes.
const SEEN_MS: u64 = 1_000;
/// The longest name of a current item that is passed on, in characters.
const CURRENT_LIMIT: usize = 1_000;

/// The whole picture of one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// `preparing`, `scanning`, `copying`, `finishing` or `verifying`.
    pub phase: String,
    /// Items done.
    pub items_done: u64,
    /// Items known.
    pub items_total: u64,
    /// Bytes done.
    pub bytes_done: u64,
    /// Bytes known.
    pub bytes_total: u64,
    /// Whether the totals are final.
    pub total_known: bool,
    /// Bytes written to the destination.
    pub bytes_written: u64,
    /// Bytes a second.
    pub bytes_per_second: u64,
    /// Items a second.
    pub items_per_second: u64,
    /// Time left, where it can be said.
    pub remaining_ms: Option<u64>,
    /// Time worked, without pauses.
    pub elapsed_ms: u64,
    /// What it works on.
    pub current: String,
}

/// Turns counters into progress.
#[derive(Debug, Default)]
pub struct Meter {
    samples: VecDeque<(u64, u64, u64)>,
    started_ms: u64,
    paused_since_ms: Option<u64>,
    paused_ms: u64,
    phase: Phase,
}

impl Meter {
    /// A meter for a run that starts now.
    #[must_use]
    pub fn new(steady_ms: u64) -> Self {
        Self { started_ms: steady_ms, ..Self::default() }
    }

    /// The picture now.
    pub fn sample(&mut self, counters: &ProgressSnapshot, paused: bool, steady_ms: u64) -> Progress {
        self.note_pause(paused, steady_ms);
        if counters.phase != self.phase {
            // Another stage has other counters and another pace.
            if counters.phase == Phase::Verifying {
                self.samples.clear();
            }
            self.phase = counters.phase;
        }
        let elapsed_ms =
            steady_ms.saturating_sub(self.started_ms).saturating_sub(self.paused_total(steady_ms));
        if !paused {
            if (counters.bytes_done, counters.items_done) == (0, 0) {
                // Looking and planning are no pace of the work.
                self.samples.clear();
            }
            self.samples.push_back((elapsed_ms, counters.bytes_done, counters.items_done));
        }
        while self.samples.len() > 2
            && (self.samples.len() > SAMPLES_LIMIT
                || self.samples.get(1).is_some_and(|sample| sample.0 + WINDOW_MS <= elapsed_ms))
        {
            self.samples.pop_front();
        }
        let (bytes_rate, items_rate) = if paused { (0, 0) } else { self.rates() };
        Progress {
            phase: phase_word(counters.phase).to_owned(),
            items_done: counters.items_done,
            // What is done was there to do, whichever counter was read first.
            items_total: counters.items_total.max(counters.items_done),
            bytes_done: counters.bytes_done,
            bytes_total: counters.bytes_total.max(counters.bytes_done),
            total_known: counters.total_known,
            bytes_written: counters.bytes_written,
            bytes_per_second: bytes_rate,
            items_per_second: items_rate,
            remaining_ms: if counters.total_known && self.span_ms() >= SEEN_MS && !paused {
                remaining(counters, bytes_rate, items_rate)
            } else {
                None
            },
            elapsed_ms,
            current: counters.current.chars().take(CURRENT_LIMIT).collect(),
        }
    }

    fn note_pause(&mut self, paused: bool, steady_ms: u64) {
        match (paused, self.paused_since_ms) {
            (true, None) => self.paused_since_ms = Some(steady_ms),
            (false, Some(since)) => {
                self.paused_ms += steady_ms.saturating_sub(since);
                self.paused_since_ms = None;
            }
            _ => {}
        }
    }

    fn paused_total(&self, steady_ms: u64) -> u64 {
        self.paused_ms + self.paused_since_ms.map_or(0, |since| steady_ms.saturating_sub(since))
    }

    /// How long the pace was seen.
    fn span_ms(&self) -> u64 {
        let ends = self.samples.front().zip(self.samples.back());
        ends.map_or(0, |(first, last)| last.0.saturating_sub(first.0))
    }

    fn rates(&self) -> (u64, u64) {
        let (Some(first), Some(last)) = (self.samples.front(), self.samples.back()) else { return (0, 0) };
        let span_ms = self.span_ms();
        if span_ms == 0 {
            return (0, 0);
        }
        let rate = |from: u64, to: u64| to.saturating_sub(from).saturating_mul(1000) / span_ms;
        (rate(first.1, last.1), rate(first.2, last.2))
    }
}

fn remaining(counters: &ProgressSnapshot, bytes_rate: u64, items_rate: u64) -> Option<u64> {
    let time = |left: u64, rate: u64| match (left, rate) {
        (0, _) => Some(0),
        (_, 0) => None,
        (left, rate) => Some(left.saturating_mul(1000) / rate),
    };
    let bytes_left = counters.bytes_total.saturating_sub(counters.bytes_done);
    let items_left = counters.items_total.saturating_sub(counters.items_done);
    match (time(bytes_left, bytes_rate), time(items_left, items_rate)) {
        (Some(bytes), Some(items)) => Some(bytes.max(items)),
        // One of the two stands still for a moment: the other still says something.
        (bytes, items) => bytes.filter(|_| bytes_left > 0).or(items.filter(|_| items_left > 0)),
    }
}

fn phase_word(phase: Phase) -> &'static str {
    match phase {
        Phase::Preparing => "preparing",
        Phase::Scanning => "scanning",
        Phase::Copying => "copying",
        Phase::Finishing => "finishing",
        Phase::Verifying => "verifying",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(bytes_done: u64) -> ProgressSnapshot {
        ProgressSnapshot {
            phase: Phase::Copying,
            items_done: bytes_done / 100,
            items_total: 100,
            bytes_done,
            bytes_total: 10_000,
            total_known: true,
            ..ProgressSnapshot::default()
        }
    }

    #[test]
    fn rates_follow_the_last_seconds_and_tell_the_time_left() {
        let mut meter = Meter::new(0);
        for second in 0..=10 {
            meter.sample(&counters(second * 100), false, second * 1000);
        }
        let slow = meter.sample(&counters(1100), false, 11_000);
        assert_eq!((slow.bytes_per_second, slow.remaining_ms), (100, Some(89_000)));
        let mut last = slow;
        for second in 12..=18 {
            last = meter.sample(&counters(1100 + (second - 11) * 1000), false, second * 1000);
        }
        assert_eq!(last.bytes_per_second, 1000);
    }

    #[test]
    fn a_pause_is_not_time_worked_and_does_not_spoil_the_rate() {
        let mut meter = Meter::new(0);
        meter.sample(&counters(0), false, 0);
        meter.sample(&counters(1000), false, 1000);
        let paused = meter.sample(&counters(1000), true, 1000);
        assert_eq!((paused.bytes_per_second, paused.remaining_ms), (0, None));
        meter.sample(&counters(1000), true, 60_000);
        let after = meter.sample(&counters(2000), false, 62_000);
        assert_eq!(after.elapsed_ms, 1000);
        assert!(after.bytes_per_second >= 600);
    }

    #[test]
    fn the_time_before_the_first_item_is_no_pace_and_no_time_left_is_claimed_at_first() {
        let mut meter = Meter::new(0);
        for tenth in 0..30 {
            meter.sample(&counters(0), false, tenth * 100);
        }
        let first = meter.sample(&counters(100), false, 3_000);
        assert_eq!((first.bytes_per_second, first.remaining_ms), (1000, None));
        let mut last = first;
        for tenth in 1..=10 {
            last = meter.sample(&counters(100 + tenth * 100), false, 3_000 + tenth * 100);
        }
        assert_eq!(last.remaining_ms, Some(8_900));
    }

    #[test]
    fn no_time_left_is_claimed_while_totals_grow() {
        let mut meter = Meter::new(0);
        let mut growing = counters(0);
        growing.total_known = false;
        meter.sample(&growing, false, 0);
        growing.bytes_done = 5000;
        assert_eq!(meter.sample(&growing, false, 1000).remaining_ms, None);
    }
}
