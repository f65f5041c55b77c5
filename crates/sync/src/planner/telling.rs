//! Which times tell files apart.
//!
//! Why: size and time are what a file is known by without reading it, and many tools give all their files one time that
//! never changes (packages, archives, builds that are to come out the same): a whole second. Invariants: where a place
//! keeps parts of a second, a time without any tells nothing; elsewhere one that more than one file of the base has tells
//! nothing. Deliberately not here: what is known by it (`moves`).

use std::collections::HashMap;

use keepwell_endpoint::tree::Capabilities;
use keepwell_model::{EntryKind, Timestamp};

use crate::node::Side;
use crate::trees::BaseTree;

/// A second in nanoseconds.
const SECOND_NS: u64 = 1_000_000_000;

/// What the times say that were asked about.
pub(super) enum Telling {
    /// The place keeps parts of a second.
    Fine,
    /// How many files of the base have each of these times.
    Coarse(HashMap<Timestamp, u64>),
}

impl Telling {
    /// The base is gone through only where the place keeps whole seconds.
    pub(super) fn of(
        base: &BaseTree,
        side: Side,
        place: &Capabilities,
        times: impl Iterator<Item = Timestamp>,
    ) -> Self {
        if place.time_grain_ns < SECOND_NS {
            return Self::Fine;
        }
        let mut files: HashMap<Timestamp, u64> = times.map(|time| (time, 0)).collect();
        if !files.is_empty() {
            for (_, entry) in base.iter().filter(|(_, entry)| entry.state.kind == EntryKind::File) {
                let time = entry.fingerprint_on(side).modified;
                if let Some(count) = time.and_then(|time| files.get_mut(&time)) {
                    *count += 1;
                }
            }
        }
        Self::Coarse(files)
    }

    /// Whether a time that was asked about is one file's alone, as far as one can tell.
    pub(super) fn is_of_one(&self, time: Timestamp) -> bool {
        match self {
            Self::Fine => time.nanoseconds != 0,
            Self::Coarse(files) => files.get(&time).is_none_or(|files| *files <= 1),
        }
    }
}
