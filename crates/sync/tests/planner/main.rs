//! The planner as a whole: examples a person would try, and the numbered invariants of `docs/sync.md` as properties.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

mod brakes;
mod edits;
mod examples;
mod model;
mod properties;
mod regressions;
