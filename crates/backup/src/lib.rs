//! Backup and restore: from folders to snapshots and back.
//!
//! [`backup`] makes a snapshot: it walks the sources with many threads, takes over unchanged files without reading
//! them, and leaves chunking, packing and order of writes to `repository`. The restore modules bring files back.
//! Every decision is made by a pure function (`plan`, `restore_plan`), so what is previewed is what is done.
//! Deliberately not here: when to run (`jobs`), the format (`repository`), other pillars.

pub mod backup;
pub mod checkpoint;
pub mod compare;
mod file_reader;
pub mod find;
pub mod plan;
pub mod restore;
mod restore_files;
mod restore_flush;
mod restore_layout;
mod restore_place;
pub mod restore_plan;
mod restore_run;
mod restore_troubles;
mod restore_verify;
mod restore_walk;
pub mod rules;
mod walk;
mod walk_item;
mod walk_order;
mod walk_source;

pub use backup::{
    BackupError, BackupOutcome, BackupRequest, ParentChoice, Threads, run_backup, run_backup_from,
};
pub use checkpoint::{Checkpoints, Partial};
pub use compare::{Change, Difference, compare};
pub use find::{Found, PathVersion, Pattern, PatternError, find, versions};
pub use rules::{RuleError, RuleOptions};
