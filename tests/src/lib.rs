//! The rules of the house, held by tests: which crate may import which, and what every source file looks like.
//!
//! The tests read `cargo metadata` and the sources themselves, so a rule can not be forgotten. Deliberately not here:
//! what the compiler and clippy hold already; behaviour (`acceptance`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[cfg(test)]
mod directions;
#[cfg(test)]
mod sources;
#[cfg(test)]
mod tidy;
