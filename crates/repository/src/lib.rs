//! The backup store: content-defined chunks gathered into sealed packs, sorted index segments, snapshots.
//!
//! The format is written down in `docs/formats/repository.md`, complete enough for an independent reader; that document
//! and this crate change together. What to read first: [`sealed`] (how every file is encrypted), [`writer`] (the order
//! in which things become durable), [`index`] (how a chunk is found).
//!
//! Invariants:
//! 1. A file of a repository is written once, whole, and never changed. `check --repair` removes what it has replaced,
//!    and index segments give way to one into which they were merged; nothing else is ever removed.
//! 2. Order of writes: packs, then the index that names them, then the snapshot that needs them. Each is durable before
//!    the next begins, so a crash at any point leaves every earlier snapshot whole and at most some unused packs.
//! 3. Writers need no locks: every file has a random name, and nothing a snapshot needs is ever removed here.
//! 4. A nonce is never used twice: each file has a key of its own, each frame in it a number of its own.
//! 5. "Made by a newer Keepwell" is a different answer from "damaged", and neither is ever taken for the other.
//!
//! Deliberately not here: which files to back up (`backup`), where bytes live (`endpoint`), passwords' keeping (`catalog`).

pub mod browse;
pub mod check;
mod check_tree;
pub mod chunker;
mod claims;
pub mod codec;
pub mod envelope;
pub mod error;
pub mod group;
pub mod index;
pub mod keys;
#[cfg(test)]
mod mutate;
pub mod pack;
pub mod random;
pub mod reader;
pub mod record;
pub mod repair;
pub mod replicate;
mod replicate_judge;
pub mod replicate_report;
pub mod repository;
pub mod sealed;
pub mod secret;
pub mod segment;
pub mod tree;
pub mod writer;

pub use check::{CheckOptions, CheckReport, Finding, FindingKind, Proven};
pub use error::RepositoryError;
pub use keys::{SlotInfo, SlotKind};
pub use reader::{ChunkLocation, Group, GroupLocation};
pub use replicate::{ReplicateOptions, Survey, replicate, survey};
pub use replicate_report::{ProvenFiles, ReplicateReport};
pub use repository::{InitOptions, Repository, RepositoryInfo, SnapshotListing};
pub use secret::{RecoveryKey, Secret};
pub use writer::{ChunkSink, Writer, WriterStatistics};
