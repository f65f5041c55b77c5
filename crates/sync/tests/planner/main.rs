//! The planner as a whole: the numbered invariants of `docs/sync.md` as properties, and what they found.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod brakes;
mod decisions;
mod edits;
mod model;
mod properties;
mod regressions;
