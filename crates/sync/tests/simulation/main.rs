//! The whole engine on two places in memory, with everything that goes wrong: from one number follows one run.
//!
//! Every seed makes two places, lets people work on both, lets the engine run (the real scan, planner, executor and
//! database) while steps fail, answers get lost, a place vanishes or is full, people go on working, or the process is
//! killed at a step; and at last lets it run in peace. Checked are the invariants of `docs/sync.md`: it ends, a second
//! run does nothing, both sides are alike where nothing waits for a decision, and no content a person wrote and did not
//! take away is lost. `SYNC_SIM_SEEDS` says how many seeds, `SYNC_SIM_FROM` with which to begin.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod engine;
mod people;

use keepwell_testkit::SeededRandom;

use crate::engine::simulate;

/// So many seeds in a plain test run.
const SEEDS: u64 = 60;
/// One seed in so many is run twice and has to end the same.
const TWICE_ONCE_IN: u64 = 16;

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[test]
fn whatever_goes_wrong_nothing_is_lost_and_it_ends() {
    let from = number("SYNC_SIM_FROM").unwrap_or(0);
    let count = number("SYNC_SIM_SEEDS").unwrap_or(SEEDS);
    let folder = engine::state_folder();
    let mut failed = Vec::new();
    for seed in from..from + count {
        let outcome = simulate(seed, folder.path());
        let again = seed.is_multiple_of(TWICE_ONCE_IN).then(|| simulate(seed, folder.path()));
        match (outcome, again) {
            (Err(why), _) => failed.push(format!("seed {seed}: {why}")),
            (Ok(one), Some(Ok(two))) if one != two => failed.push(format!("seed {seed}: not the same twice")),
            (Ok(_), Some(Err(why))) => failed.push(format!("seed {seed}, the second time: {why}")),
            _ => {}
        }
        if failed.len() >= 5 {
            break;
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n\n"));
}

/// Numbers of a seed that do not depend on what other parts of the run draw.
pub fn draw(seed: u64, what: u64) -> SeededRandom {
    SeededRandom::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(what))
}
