//! Bringing files back: first what would happen, then exactly that.

use super::repository::RepositoryAddress;
use super::snapshot::EntryType;
use super::{dto, request, words};
use crate::{Count, Moment, PathText};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// Where files go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum RestoreTarget {
    /// Where they were.
    Origin,
    /// Below another folder.
    Folder {
        /// The folder.
        path: String,
    },
}

words! {
    /// What happens to a file that is there already.
    pub enum OverwriteMode {
        /// It stays.
        Never,
        /// It is replaced if it is older.
        IfOlder,
        /// It is replaced if it is different.
        IfDifferent,
        /// It is replaced.
        Always,
    }

    /// What a restore does with one entry.
    pub enum RestoreAction {
        /// It is not there: made.
        Create,
        /// It is there: its content is replaced.
        Replace,
        /// Content is the same: rights, times and attributes are set.
        Metadata,
        /// It is there and stays.
        Skip,
        /// It is the same already.
        Same,
        /// It would not be safe: not done, and a problem.
        Refuse,
    }
}

dto! {
    /// One step of a restore.
    pub struct RestoreOperation {
        /// What happens.
        pub action: RestoreAction,
        /// Where, on this machine.
        pub path: PathText,
        /// What it is.
        pub entry_type: EntryType,
        /// Bytes to write.
        pub size_bytes: Count,
        /// Why, where that is not plain.
        pub reason: Option<String>,
    }

    /// How many steps of each kind.
    pub struct RestoreCounts {
        /// Made.
        pub create: Count,
        /// Replaced.
        pub replace: Count,
        /// Only metadata.
        pub metadata: Count,
        /// Left as they are by the overwrite mode.
        pub skip: Count,
        /// The same already.
        pub same: Count,
        /// Not done because it would not be safe; each becomes a problem.
        pub refused: Count,
    }

    /// What a restore would do. It is kept for `restore.start` until `expires_ms`.
    pub struct RestorePreview {
        /// Names this very plan.
        pub preview_id: String,
        /// Counts.
        pub counts: RestoreCounts,
        /// Bytes to write.
        pub write_bytes: Count,
        /// Free space at the target.
        pub free_bytes: Option<Count>,
        /// Whether it fits.
        pub fits: bool,
        /// The first operations.
        pub operations: Vec<RestoreOperation>,
        /// How many there are in all.
        pub operations_total: Count,
        /// What the person should know before starting.
        pub warnings: Vec<String>,
        /// When the preview is forgotten.
        pub expires_ms: Moment,
    }

    /// A page of operations.
    pub struct RestoreOperations {
        /// The rows.
        pub operations: Vec<RestoreOperation>,
        /// How many there are in all.
        pub total: Count,
    }
}

request! {
    /// Asks what a restore would do.
    pub struct RestorePreviewGet {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// Which snapshot.
        pub snapshot_id: String,
        /// Which paths in the snapshot; none means everything.
        pub paths: Vec<String>,
        /// Where to.
        pub target: RestoreTarget,
        /// What happens to files that are there.
        pub overwrite: OverwriteMode,
    }

    /// More of a preview.
    pub struct RestoreOperationsGet {
        /// The preview.
        pub preview_id: String,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Starts the very plan that was shown.
    pub struct RestoreStart {
        /// The preview.
        pub preview_id: String,
        /// Whether every file is read back and compared afterwards.
        pub verify: bool,
    }
}
