//! The plan of a sync run: what would happen to which item on which side, and what a person says to it.

use super::snapshot::EntryType;
use super::sync::SyncSide;
use super::{dto, request, words};
use crate::{Count, Moment, PathText};

words! {
    /// What is done to one item on one side.
    pub enum SyncAction {
        /// A folder is made.
        CreateFolder,
        /// A file or link that is not there yet is copied.
        Copy,
        /// A file or link gets the other side's content; the old one goes to the bin.
        Replace,
        /// It is renamed or moved, with all below it.
        Move,
        /// It goes to the bin.
        Remove,
        /// Times, permissions, attributes are set.
        SetMetadata,
    }

    /// Why a row is in the plan.
    pub enum SyncWhy {
        /// It is new on the other side.
        New,
        /// The other side changed it.
        Changed,
        /// The other side changed its times, permissions or attributes.
        MetadataChanged,
        /// The other side renamed or moved it.
        Moved,
        /// The other side removed it.
        Removed,
        /// The mode says so.
        OneWay,
        /// It was removed here and edited there.
        EditBeatsRemoval,
        /// Both changed it, and it was decided.
        ConflictDecided,
        /// Both changed it; this keeps the other one too.
        ConflictCopy,
        /// It was proven on the other side and leaves here.
        MovedIn,
        /// A step on the way of another row.
        StepOnTheWay,
        /// It is brought back from the other side.
        BroughtBack,
    }

    /// A person's word on one row.
    pub enum SyncChoice {
        /// Both sides stay as they are, this time.
        Skip,
        /// The right becomes like the left here.
        LeftToRight,
        /// The left becomes like the right here.
        RightToLeft,
        /// Both stay.
        KeepBoth,
    }

    /// A person's word on many rows at once.
    pub enum SyncSay {
        /// Both sides stay as they are, this time.
        Skip,
        /// The right becomes like the left.
        LeftToRight,
        /// The left becomes like the right.
        RightToLeft,
        /// The other way than it was planned.
        OtherWay,
        /// As it was planned.
        AsPlanned,
    }

    /// A safety brake.
    pub enum SyncBrakeKind {
        /// A root that held items holds none.
        RootEmptied,
        /// A root is not there.
        RootGone,
        /// Another volume, bucket or folder sits at the path.
        AnotherPlace,
        /// More removals than usual.
        ManyRemoved,
        /// So many files rewritten that it looks like something encrypts them.
        ManyRewritten,
        /// Nearly all times changed.
        AllTimesChanged,
        /// The rules of what is left out changed.
        RulesChanged,
        /// A side looks as it did long ago.
        OldCopy,
        /// The changes do not fit.
        NoSpace,
    }

    /// Which rows of a plan to show.
    pub enum SyncFilter {
        /// All.
        All,
        /// New files, links and folders.
        New,
        /// Replaced content.
        Changed,
        /// Renamed and moved.
        Moved,
        /// Removed.
        Removed,
        /// Times, permissions, attributes.
        Metadata,
        /// What a person said to skip or to turn round.
        Chosen,
    }
}

dto! {
    /// What was seen that made a run halt.
    pub struct SyncBrake {
        /// Which.
        pub kind: SyncBrakeKind,
        /// The side that looks wrong.
        pub side: SyncSide,
        /// How many items it is about; at another place those that are there now; where they do not fit the bytes needed.
        pub items: Count,
        /// Out of how many; at another place those the pair knows; where they do not fit the free bytes.
        pub out_of: Count,
        /// What was found, in a sentence; empty where an older Keepwell wrote it down.
        pub found: String,
        /// A few of them, for people.
        pub examples: Vec<String>,
        /// Whether the run may go on although it was seen.
        pub can_release: bool,
        /// Whether the side can be filled again from the other.
        pub can_bring_back: bool,
    }

    /// How many changes of each kind on one side.
    pub struct SyncTotals {
        /// Made.
        pub created: Count,
        /// Replaced.
        pub replaced: Count,
        /// Moved or renamed.
        pub moved: Count,
        /// Put into the bin.
        pub removed: Count,
        /// Only times, permissions or attributes.
        pub metadata: Count,
        /// Bytes that travel.
        pub bytes: Count,
    }

    /// One row of a plan: what happens to one item on one side.
    pub struct SyncRow {
        /// What it is about.
        pub entry_type: EntryType,
        /// The side that is changed.
        pub side: SyncSide,
        /// What is done.
        pub action: SyncAction,
        /// Where it is now on that side, where it is there.
        pub from: Option<PathText>,
        /// Where it will be; for a removal where it is.
        pub path: PathText,
        /// Bytes that travel.
        pub size_bytes: Count,
        /// Why.
        pub why: SyncWhy,
        /// What the person said to it.
        pub choice: Option<SyncChoice>,
    }

    /// A page of a plan.
    pub struct SyncPlanPage {
        /// When the two sides were looked at.
        pub made_ms: Moment,
        /// Tells this plan from what it is after the next choice; to be sent back with that.
        pub revision: String,
        /// The rows.
        pub rows: Vec<SyncRow>,
        /// How many there are with this filter.
        pub total: Count,
        /// How many there are in all.
        pub rows_total: Count,
        /// Changes on the left.
        pub left: SyncTotals,
        /// Changes on the right.
        pub right: SyncTotals,
        /// Rows a person skipped or turned round.
        pub chosen: Count,
        /// The brakes that would halt it as it is now.
        pub brakes: Vec<SyncBrake>,
        /// Conflicts that would stay as they are.
        pub conflicts: Count,
        /// Items that can not be synced as they are.
        pub problems: Count,
        /// Known files that changed so lately that the rules leave them out until they are older.
        pub waits_for_age: Count,
        /// Files that are left for a later run because another program has them open for writing.
        pub still_open: Count,
    }

    /// What became of a word on rows of a plan.
    pub struct SyncChosen {
        /// To so many rows it was said.
        pub rows: Count,
        /// So many more lie below the folders among them, and got it too.
        pub below: Count,
        /// So many were meant that follow from another row and have no way of their own.
        pub fixed: Count,
    }
}

request! {
    /// Asks for rows of the plan of a run that waits to be looked at, or was halted.
    pub struct SyncPlanGet {
        /// The run.
        pub job_id: String,
        /// What filling this side again from the other would do, instead of going on.
        pub bring_back: Option<SyncSide>,
        /// Which rows; nothing means all.
        pub filter: Option<SyncFilter>,
        /// Only changes on this side.
        pub side: Option<SyncSide>,
        /// Only paths that hold this text, in any case.
        pub text: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Rows that follow on each other.
    pub struct SyncRowRange {
        /// The place of the first.
        pub first: u32,
        /// The place behind the last.
        pub end: u32,
    }

    /// Says what is to happen to rows of the plan; it is then planned anew over what was seen. A folder that is made, moved
    /// or removed counts with all that lies below it.
    pub struct SyncChoose {
        /// The run.
        pub job_id: String,
        /// The plan the rows were shown of.
        pub revision: String,
        /// Of which rows; nothing means all.
        pub filter: Option<SyncFilter>,
        /// Only changes on this side.
        pub side: Option<SyncSide>,
        /// Only paths that hold this text, in any case.
        pub text: Option<String>,
        /// Of these the ones at these places, as they were shown; nothing means all. At most 10,000 ranges at once.
        pub ranges: Option<Vec<SyncRowRange>>,
        /// What is to happen to them.
        pub say: SyncSay,
    }

    /// Lets a run go on: the very plan that was shown, or although brakes were pulled.
    pub struct SyncApply {
        /// The run.
        pub job_id: String,
        /// Brakes the person saw and goes on despite.
        pub release: Option<Vec<SyncBrakeKind>>,
        /// Fill this side again from the other instead. Where another place sits there, `release` has to say that it is
        /// the right one now.
        pub bring_back: Option<SyncSide>,
    }
}
