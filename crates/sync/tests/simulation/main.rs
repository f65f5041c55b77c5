//! The whole engine on two places in memory, with everything that goes wrong: from one number follows one run.
//!
//! Every seed makes two places, lets people work on both, lets the engine run (the real scan, planner, executor and
//! database) while steps fail, answers get lost, a place vanishes or is full, people go on working, or the process is
//! killed at a step; and at last lets it run in peace. Checked are the invariants of `docs/sync.md`: it ends, a second
//! run does nothing, both sides are alike where nothing waits for a decision, and no content a person wrote and did not
//! take away is lost. `SYNC_SIM_SEEDS` says how many seeds, `SYNC_SIM_FROM` with which to begin, `SYNC_SIM_THREADS` how
//! many at once. A seed that fails does not end it: all that failed are told in the end.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod bucket;
mod closed;
mod engine;
mod hints;
mod named;
mod odd;
mod people;
mod range;
mod room;

use crate::engine::{simulate, simulate_with_hints, simulate_with_server};
use crate::range::{Range, failures};

/// So many seeds in a plain test run.
const SEEDS: u64 = 60;
/// Seeds that failed once: run every time.
const ONCE_FAILED: [u64; 14] = [
    8_516, 79_629, 84_314, 108_393, 188_044, 197_342, 223_600, 233_498, 262_755, 352_780, 614_865, 761_624,
    772_027, 787_777,
];

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

fn range() -> Range {
    Range {
        from: number("SYNC_SIM_FROM").unwrap_or(0),
        count: number("SYNC_SIM_SEEDS").unwrap_or(SEEDS),
        threads: number("SYNC_SIM_THREADS"),
    }
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_and_it_ends() {
    let failed = failures(&range(), simulate);
    assert!(failed.is_empty(), "{}", range::told(&failed));
}

#[test]
fn whatever_goes_wrong_with_a_server_nothing_is_lost_and_it_ends() {
    let failed = failures(&range(), simulate_with_server);
    assert!(failed.is_empty(), "{}", range::told(&failed));
}

#[test]
fn whatever_goes_wrong_where_runs_look_only_into_folders_that_changed_nothing_is_lost_and_it_ends() {
    let failed = failures(&range(), simulate_with_hints);
    assert!(failed.is_empty(), "{}", range::told(&failed));
}

#[test]
fn what_failed_once_does_not_fail_again() {
    for from in ONCE_FAILED {
        let failed = failures(&Range { from, count: 1, threads: None }, simulate);
        assert!(failed.is_empty(), "{}", range::told(&failed));
    }
}
