//! A snapshot: the state of some folders at one point in time, as its record in the repository says it.

use crate::id::{ChunkId, PlanId, SnapshotId};
use crate::time::Timestamp;

/// One folder or file that was backed up, and where its entry hangs in the snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotSource {
    /// The absolute path on the machine of origin, as bytes of that system.
    pub path: Vec<u8>,
    /// The path inside the snapshot at which its entry hangs (`/`-joined bytes).
    pub root: Vec<u8>,
}

/// Counts of one backup run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotStatistics {
    /// Regular files in the snapshot.
    pub files: u64,
    /// Folders in the snapshot.
    pub folders: u64,
    /// Links, devices, pipes and sockets in the snapshot.
    pub others: u64,
    /// Sum of the sizes of the regular files.
    pub size_bytes: u64,
    /// Files that were not in the parent snapshot.
    pub files_new: u64,
    /// Files that differ from the parent snapshot.
    pub files_changed: u64,
    /// Files taken over from the parent snapshot without reading.
    pub files_unchanged: u64,
    /// Bytes of new chunks before compression.
    pub added_bytes: u64,
    /// Bytes this run added to the repository.
    pub stored_bytes: u64,
    /// Entries that could not be read.
    pub problems: u64,
}

/// The record of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// When the run began, by the clock of the machine that ran it.
    pub started: Timestamp,
    /// When the run ended.
    pub finished: Timestamp,
    /// The machine's name.
    pub host: String,
    /// The person's account name.
    pub user: String,
    /// The system of origin: `linux`, `macos`, `windows`.
    pub system: String,
    /// The program that made it, with its version.
    pub program: String,
    /// What was backed up.
    pub sources: Vec<SnapshotSource>,
    /// The chunks that hold the top folder's entries.
    pub root_pages: Vec<ChunkId>,
    /// The snapshot this one was compared with.
    pub parent: Option<SnapshotId>,
    /// The plan of the catalog it was run for.
    pub plan: Option<PlanId>,
    /// Words the person gave it.
    pub tags: Vec<String>,
    /// The counts.
    pub statistics: SnapshotStatistics,
}
