//! Snapshots: listing, browsing, comparing, searching, looking into files.

use super::repository::RepositoryAddress;
use super::{dto, request, words};
use crate::{Count, Moment, PathText};

words! {
    /// The kind of an entry.
    pub enum EntryType {
        /// A regular file.
        File,
        /// A folder.
        Folder,
        /// A symbolic link.
        Symlink,
        /// Anything else: a pipe, socket or device.
        Other,
    }

    /// What is different about a path.
    pub enum ChangeKind {
        /// Only in the newer.
        Added,
        /// Only in the older.
        Removed,
        /// Other content.
        Changed,
        /// Same content, other rights, times or attributes.
        Metadata,
        /// Another kind of entry.
        Kind,
    }

    /// What a preview shows.
    pub enum PreviewKind {
        /// Text: in `text`.
        Text,
        /// A picture: in `base64` with `media_type`.
        Picture,
        /// Neither text nor a picture we show.
        Binary,
        /// A picture too large to show.
        TooLarge,
        /// Nothing in it.
        Empty,
    }
}

dto! {
    /// Counts of the run that made a snapshot.
    pub struct SnapshotCounts {
        /// Regular files.
        pub files: Count,
        /// Folders.
        pub folders: Count,
        /// Links and the rest.
        pub others: Count,
        /// Sum of the sizes of the files.
        pub size_bytes: Count,
        /// Files that were not in the one before.
        pub files_new: Count,
        /// Files that differ from the one before.
        pub files_changed: Count,
        /// Files taken over without reading.
        pub files_unchanged: Count,
        /// New content before compression.
        pub added_bytes: Count,
        /// What the run added to the repository.
        pub stored_bytes: Count,
        /// Entries that could not be read.
        pub problems: Count,
    }

    /// A snapshot in a list.
    pub struct SnapshotRow {
        /// Its id.
        pub id: String,
        /// The start of it, for people.
        pub short_id: String,
        /// When its run began.
        pub started_ms: Moment,
        /// When its run ended.
        pub finished_ms: Moment,
        /// The machine it is from.
        pub host: String,
        /// The account it is from.
        pub user: String,
        /// The system it is from.
        pub system: String,
        /// What made it.
        pub program: String,
        /// What was backed up.
        pub sources: Vec<PathText>,
        /// Where each source hangs in the snapshot, in the same order.
        pub roots: Vec<PathText>,
        /// The one it was compared with.
        pub parent_id: Option<String>,
        /// The plan it was run for.
        pub plan_id: Option<String>,
        /// Words it was given.
        pub tags: Vec<String>,
        /// Its counts.
        pub counts: SnapshotCounts,
    }

    /// A page of snapshots, newest first.
    pub struct SnapshotPage {
        /// The rows.
        pub snapshots: Vec<SnapshotRow>,
        /// How many there are in all.
        pub total: Count,
        /// Records that can not be read: their snapshots are not in the list.
        pub problems: Vec<super::job::ProblemRow>,
    }

    /// An entry in a folder.
    pub struct EntryRow {
        /// Its name, for people.
        pub name: String,
        /// Its whole path in the snapshot.
        pub path: PathText,
        /// What it is.
        pub entry_type: EntryType,
        /// Size of a file.
        pub size_bytes: Option<Count>,
        /// When it last changed.
        pub modified_ms: Moment,
        /// Unix permission bits.
        pub mode: u32,
        /// Where a link leads.
        pub link_target: Option<String>,
    }

    /// A page of a folder: folders first, then by name.
    pub struct EntryPage {
        /// The folder.
        pub path: PathText,
        /// The folders above it, from the top; without the folder itself.
        pub parents: Vec<PathText>,
        /// The rows.
        pub entries: Vec<EntryRow>,
        /// How many there are in all (after the filter).
        pub total: Count,
    }

    /// One difference.
    pub struct DiffRow {
        /// What is different.
        pub change: ChangeKind,
        /// Where.
        pub path: PathText,
        /// What it is (in the newer, or the older where it is gone).
        pub entry_type: EntryType,
        /// Size in the older.
        pub older_bytes: Option<Count>,
        /// Size in the newer.
        pub newer_bytes: Option<Count>,
        /// Last change in the older.
        pub older_modified_ms: Option<Moment>,
        /// Last change in the newer.
        pub newer_modified_ms: Option<Moment>,
    }

    /// How many differences of each kind.
    pub struct DiffCounts {
        /// Only in the newer.
        pub added: Count,
        /// Only in the older.
        pub removed: Count,
        /// Other content.
        pub changed: Count,
        /// Same content, other metadata.
        pub metadata: Count,
        /// Another kind of entry.
        pub kind: Count,
    }

    /// A page of differences, by path.
    pub struct DiffPage {
        /// The rows.
        pub changes: Vec<DiffRow>,
        /// How many were found in all.
        pub total: Count,
        /// By kind.
        pub counts: DiffCounts,
        /// Whether comparing stopped at its limit of 200,000 differences.
        pub truncated: bool,
    }

    /// A path found in one or more snapshots.
    pub struct FindRow {
        /// The path.
        pub path: PathText,
        /// What it is in the newest snapshot that has it.
        pub entry_type: EntryType,
        /// Its size there.
        pub size_bytes: Option<Count>,
        /// Its last change there.
        pub modified_ms: Moment,
        /// The newest snapshot that has it.
        pub snapshot_id: String,
        /// When that was made.
        pub snapshot_ms: Moment,
        /// How many of the searched snapshots have it.
        pub snapshots: Count,
        /// Whether the newest searched snapshot still has it.
        pub in_latest: bool,
    }

    /// A page of what was found.
    pub struct FindPage {
        /// The rows, by path.
        pub rows: Vec<FindRow>,
        /// How many paths were found in all.
        pub total: Count,
        /// Snapshots searched.
        pub snapshots_searched: Count,
        /// Whether the search stopped at its limit of 10,000 paths.
        pub truncated: bool,
    }

    /// One version of a file.
    pub struct FileVersion {
        /// The snapshots that hold exactly this content, newest first.
        pub snapshot_ids: Vec<String>,
        /// When the oldest of them was made.
        pub first_ms: Moment,
        /// When the newest of them was made.
        pub last_ms: Moment,
        /// What it is there.
        pub entry_type: EntryType,
        /// Its size.
        pub size_bytes: Option<Count>,
        /// Its last change.
        pub modified_ms: Moment,
        /// Hash of the content (BLAKE3), for files.
        pub content_hash: Option<String>,
        /// Whether the content differs from the version before (older); the oldest one is new, so `true`.
        pub changed: bool,
    }

    /// Every version of one path.
    pub struct FileVersions {
        /// The path.
        pub path: PathText,
        /// Newest first.
        pub versions: Vec<FileVersion>,
        /// Snapshots that do not have it though an older one does (it was deleted).
        pub missing_in: Vec<String>,
    }

    /// The start of a file.
    pub struct FilePreview {
        /// What can be shown.
        pub kind: PreviewKind,
        /// The text.
        pub text: Option<String>,
        /// The picture.
        pub base64: Option<String>,
        /// What picture, as in `image/png`.
        pub media_type: Option<String>,
        /// Size of the whole file.
        pub size_bytes: Count,
        /// Whether there is more than is shown.
        pub truncated: bool,
    }
}

request! {
    /// Lists snapshots, newest first.
    pub struct SnapshotList {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// Only those of this plan.
        pub plan_id: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Lists one folder of a snapshot.
    pub struct SnapshotFiles {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// Which snapshot (a unique start of its id, or `latest`, will do).
        pub snapshot_id: String,
        /// Which folder; nothing means the top.
        pub path: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
        /// Only names that hold this text, in any case.
        pub name_filter: Option<String>,
    }

    /// Compares two snapshots.
    pub struct SnapshotDiff {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// The older.
        pub older_id: String,
        /// The newer.
        pub newer_id: String,
        /// Only below this folder.
        pub path: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Searches names in all snapshots. `*` and `?` stand for any text and any character; without them any name
    /// that holds the text is found. A pattern with `/` is matched with the whole path.
    pub struct SnapshotFind {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// The pattern, in any case.
        pub pattern: String,
        /// Only in this snapshot.
        pub snapshot_id: Option<String>,
        /// Only in snapshots of this plan.
        pub plan_id: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Asks for every version of one path.
    pub struct FileVersionsGet {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// The path in the snapshots.
        pub path: String,
    }

    /// Asks for the start of a file.
    pub struct FilePreviewGet {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// Which snapshot.
        pub snapshot_id: String,
        /// Which file.
        pub path: String,
        /// Bytes of text at most (at most 1 MiB; usually 64 KiB).
        pub limit_bytes: Option<u32>,
    }
}
