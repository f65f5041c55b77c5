//! Which times tell files apart.
//!
//! Why: size and time are what a file is known by without reading it, and many tools give all their files one time that
//! never changes (packages, archives, builds that are to come out the same): a whole second, of many files. Invariant: a
//! time that more than one file of the base has, to the second, tells nothing. Deliberately not here: what is known by it
//! (`moves`).

use std::collections::HashMap;

use keepwell_model::{EntryKind, Timestamp};

use crate::node::Side;
use crate::trees::BaseTree;

/// How many files of the base have a time, of those times that were asked about and may be of many.
pub(super) struct Telling(HashMap<Timestamp, u64>);

impl Telling {
    /// The base is gone through only where one of the times may be of many: digits below the second are of one moment.
    pub(super) fn of(base: &BaseTree, side: Side, times: impl Iterator<Item = Timestamp>) -> Self {
        let mut files: HashMap<Timestamp, u64> =
            times.filter(|time| time.nanoseconds == 0).map(|time| (time, 0)).collect();
        if !files.is_empty() {
            for (_, entry) in base.iter().filter(|(_, entry)| entry.state.kind == EntryKind::File) {
                let time = entry.fingerprint_on(side).modified;
                if let Some(count) = time.and_then(|time| files.get_mut(&time)) {
                    *count += 1;
                }
            }
        }
        Self(files)
    }

    /// Whether a time that was asked about is one file's alone.
    pub(super) fn is_of_one(&self, time: Timestamp) -> bool {
        self.0.get(&time).is_none_or(|files| *files <= 1)
    }
}
