//! Sync pairs as jobs, on real folders; a file for each thing that is told of.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/house.rs"]
mod house;

#[path = "sync/answers.rs"]
mod answers;
#[path = "sync/bin.rs"]
mod bin;
#[path = "sync/brakes.rs"]
mod brakes;
#[path = "sync/by_itself.rs"]
mod by_itself;
#[path = "sync/halts.rs"]
mod halts;
#[path = "sync/hub.rs"]
mod hub;
#[path = "sync/live.rs"]
mod live;
#[path = "sync/runs.rs"]
mod runs;
#[path = "sync/undo.rs"]
mod undo;
