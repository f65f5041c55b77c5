//! The vocabulary of Keepwell: the words every other crate speaks.
//!
//! Why a crate of its own: the same word must mean the same thing in the engine, the catalog, the hosts and the
//! interface. Invariants: no input or output, no clock, no randomness; only data, its meaning and its limits.
//! Deliberately not here: how anything is stored (`repository`), read from disk (`endpoint`) or run (`jobs`).

pub mod control;
pub mod entry;
pub mod id;
pub mod path;
pub mod problem;
pub mod shown;
pub mod snapshot;
pub mod time;

pub use control::{Cancelled, Control, Phase, ProgressSnapshot};
pub use entry::{Content, Entry, EntryKind, ExtendedAttribute, Identity, Metadata, Piece};
pub use id::{
    ChunkId, ContentHash, JobId, ObjectId, PairId, PlaceId, PlanId, ReplicaId, RepositoryId, SnapshotId,
};
pub use path::{NameError, RelativePath};
pub use problem::{Problem, ProblemLog};
pub use shown::{shown, shown_lines};
pub use snapshot::{Snapshot, SnapshotSource, SnapshotStatistics};
pub use time::Timestamp;
