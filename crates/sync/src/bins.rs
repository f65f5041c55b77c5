//! The bins after the runs that filled them: what comes back out of them, and what goes for good.
//!
//! Invariant: a bin is what the index in the pair's database says of it, and every step here leaves the two so that
//! opening the pair again finds what was broken off. Deliberately not here: putting things there (`execute::bin`), the
//! index (`database::rows`).

pub mod bring_back;
pub mod care;
pub mod found;
pub mod thinning;
pub mod undo;
mod undo_metadata;
