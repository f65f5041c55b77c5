//! What sync replaced or removed and still keeps, and the runs that did it.

use super::job::{JobState, SyncWhat};
use super::snapshot::EntryType;
use super::sync::SyncSide;
use super::sync_plan::SyncTotals;
use super::{dto, request, words};
use crate::{Count, Moment, PathText};

words! {
    /// Why something went to the bin.
    pub enum BinWhy {
        /// It was replaced by another version.
        Replaced,
        /// It was removed.
        Removed,
        /// It was found there: the pair is new, or what it knew was lost.
        Found,
    }
}

dto! {
    /// Something in the bin.
    pub struct SyncBinRow {
        /// Names it.
        pub id: String,
        /// The side it is on.
        pub side: SyncSide,
        /// Where it was.
        pub path: PathText,
        /// What it is.
        pub entry_type: EntryType,
        /// Its size.
        pub size_bytes: Count,
        /// When it last changed.
        pub modified_ms: Option<Moment>,
        /// When it went to the bin.
        pub binned_ms: Moment,
        /// Why.
        pub why: BinWhy,
        /// The run that put it there.
        pub run_id: String,
    }

    /// A page of the bin, newest first.
    pub struct SyncBinPage {
        /// The rows.
        pub rows: Vec<SyncBinRow>,
        /// How many there are with this filter.
        pub total: Count,
        /// How many there are without a filter.
        pub items: Count,
        /// What everything in the bin takes.
        pub bytes: Count,
    }

    /// A run of a pair.
    pub struct SyncRunRow {
        /// Names it.
        pub run_id: String,
        /// What it was.
        pub what: SyncWhat,
        /// How it ended.
        pub state: JobState,
        /// When it began.
        pub started_ms: Moment,
        /// When it ended; nothing where it was cut off.
        pub finished_ms: Option<Moment>,
        /// Changes on the left.
        pub left: SyncTotals,
        /// Changes on the right.
        pub right: SyncTotals,
        /// Whether it was undone.
        pub undone: bool,
        /// Whether it can be undone.
        pub can_undo: bool,
    }

    /// A page of runs that changed something, newest first.
    pub struct SyncRunPage {
        /// The rows.
        pub runs: Vec<SyncRunRow>,
        /// How many there are in all.
        pub total: Count,
    }
}

request! {
    /// Looks into the bin of a pair.
    pub struct SyncBinGet {
        /// The pair.
        pub pair_id: String,
        /// Only paths that hold this text, in any case.
        pub text: Option<String>,
        /// Only what this run put there.
        pub run_id: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Brings things back from the bin to where they were, as a run of its own.
    pub struct SyncBinRestore {
        /// The pair.
        pub pair_id: String,
        /// Which, at most 10,000 at once.
        pub ids: Vec<String>,
    }

    /// Removes things from the bin for good, as a run of its own. It can not be undone.
    pub struct SyncBinRemove {
        /// The pair.
        pub pair_id: String,
        /// Which, at most 10,000 at once; nothing where everything is meant.
        pub ids: Option<Vec<String>>,
        /// Everything that went there up to this moment: that of the newest that was seen.
        pub all_until_ms: Option<Moment>,
    }

    /// Asks for the runs of a pair.
    pub struct SyncRunsGet {
        /// The pair.
        pub pair_id: String,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Undoes whole runs, one after the other, the last one first; then the pair is paused.
    pub struct SyncUndo {
        /// The pair.
        pub pair_id: String,
        /// The runs, 1 to 1,000.
        pub run_ids: Vec<String>,
    }
}
