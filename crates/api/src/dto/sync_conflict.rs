//! Conflicts: what both sides did to the same thing, side by side, and what a person decides.

use super::snapshot::{EntryType, FilePreview};
use super::sync::SyncSide;
use super::{dto, request, words};
use crate::{Count, Moment, PathText};

words! {
    /// How the two sides disagree.
    pub enum ConflictKind {
        /// Both changed the content, differently.
        BothChanged,
        /// Both made something different of the same name.
        BothCreated,
        /// Both moved or renamed it, to different places.
        BothMoved,
        /// Two folders were moved into each other.
        MovedIntoEachOther,
        /// One made another kind of item of it.
        KindChanged,
    }

    /// What a person decides.
    pub enum ConflictChoice {
        /// The left one stays; the right one goes to the bin.
        Left,
        /// The right one stays; the left one goes to the bin.
        Right,
        /// Both stay. What was moved to two places can not: of that nothing is decided.
        Both,
        /// The one that was changed later stays; where the times do not tell, nothing is decided.
        Newest,
        /// A decision made before is taken back.
        Later,
    }

    /// Where a line of a text comparison is.
    pub enum LineKind {
        /// In both.
        Same,
        /// Only on the left.
        Left,
        /// Only on the right.
        Right,
        /// Lines that are the same were left out here.
        Gap,
    }
}

dto! {
    /// What one side has.
    pub struct SyncVersion {
        /// Where it is; nothing where it was removed.
        pub path: Option<PathText>,
        /// What it is.
        pub entry_type: Option<EntryType>,
        /// Its size.
        pub size_bytes: Option<Count>,
        /// When it last changed, where the place tells.
        pub modified_ms: Option<Moment>,
    }

    /// Something only a person can decide.
    pub struct SyncConflict {
        /// Names it.
        pub node: String,
        /// Where the pair knew it.
        pub path: PathText,
        /// How they disagree.
        pub kind: ConflictKind,
        /// What the left has.
        pub left: SyncVersion,
        /// What the right has.
        pub right: SyncVersion,
        /// When the version both had before was last changed.
        pub base_modified_ms: Option<Moment>,
        /// The side whose version has the name where both are kept; nothing where that is not known or both can not be.
        pub keeps_name: Option<SyncSide>,
        /// What was decided for the next run.
        pub decided: Option<ConflictChoice>,
    }

    /// A page of conflicts, by path.
    pub struct SyncConflictPage {
        /// The rows.
        pub conflicts: Vec<SyncConflict>,
        /// How many there are in all.
        pub total: Count,
        /// How many are decided and wait for the next run.
        pub decided: Count,
    }

    /// One line of a text comparison.
    pub struct DiffLine {
        /// Where it is.
        pub kind: LineKind,
        /// Its number on the left.
        pub left: Option<u32>,
        /// Its number on the right.
        pub right: Option<u32>,
        /// The line.
        pub text: String,
    }

    /// One line of a merged text, or one that a side took out.
    pub struct MergedLine {
        /// Its number in the merged text; nothing where it is not in it.
        pub number: Option<u32>,
        /// Whether the left brought it in, or took it out.
        pub by_left: bool,
        /// Whether the right did.
        pub by_right: bool,
        /// The line.
        pub text: String,
    }

    /// What merging would make of both texts.
    pub struct MergedText {
        /// The lines that differ from what both had before, with a few around.
        pub lines: Vec<MergedLine>,
        /// Whether these are all.
        pub whole: bool,
        /// Tells this very text: what was seen is what is written.
        pub hash: String,
    }

    /// What is in a folder that stands against a file.
    pub struct ConflictFolder {
        /// How many items are directly in it.
        pub items: Count,
        /// The names of the first of them.
        pub names: Vec<String>,
    }

    /// A conflict with what both sides hold.
    pub struct SyncConflictView {
        /// The conflict.
        pub conflict: SyncConflict,
        /// The start of the left one, or a picture.
        pub left: Option<FilePreview>,
        /// The start of the right one, or a picture.
        pub right: Option<FilePreview>,
        /// What is in the left one, where that is a folder and the right one is none.
        pub left_folder: Option<ConflictFolder>,
        /// What is in the right one, where that is a folder and the left one is none.
        pub right_folder: Option<ConflictFolder>,
        /// Both texts line by line, where both are texts.
        pub lines: Option<Vec<DiffLine>>,
        /// The changes of both merged into one text, where that needs no guessing.
        pub merged: Option<MergedText>,
    }

    /// What was decided.
    pub struct SyncResolved {
        /// How many conflicts were decided; none where decisions were only taken back.
        pub decided: Count,
        /// The run that does it; nothing where it is done with the next one.
        pub job_id: Option<String>,
    }

    /// A decision for one conflict.
    pub struct ConflictDecision {
        /// Which.
        pub node: String,
        /// What.
        pub choice: ConflictChoice,
    }
}

request! {
    /// Asks what waits for a decision.
    pub struct SyncConflictsGet {
        /// The pair.
        pub pair_id: String,
        /// Only paths that hold this text, in any case.
        pub text: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Asks for one conflict with what both sides hold.
    pub struct SyncConflictGet {
        /// The pair.
        pub pair_id: String,
        /// Which.
        pub node: String,
    }

    /// Merges the changes of both texts of a conflict.
    pub struct SyncMerge {
        /// The pair.
        pub pair_id: String,
        /// Which.
        pub node: String,
        /// The hash of the text that was shown: another one is not written.
        pub hash: Option<String>,
    }

    /// Decides conflicts, and runs the pair, unless it is paused or a plan of it waits for a person.
    pub struct SyncResolve {
        /// The pair.
        pub pair_id: String,
        /// The decisions, at most 10,000 at once.
        pub decisions: Option<Vec<ConflictDecision>>,
        /// The same for every conflict that waits.
        pub all: Option<ConflictChoice>,
    }
}
