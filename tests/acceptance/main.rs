//! Acceptance: the real `keepwell` on real trees, through nothing but its command line.
//!
//! Each file is one promise to the person who uses it. The program is built once a run, or named by `KEEPWELL_BIN`.
//! Deliberately not here: the inside of any crate; how long anything takes (`bench/`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod harness;

mod basics;
mod browsing;
mod concurrency;
mod damage;
mod excluding;
mod restoring;
mod syncing;
mod working;

#[cfg(target_os = "linux")]
mod clock;
#[cfg(target_os = "linux")]
mod exfat;
#[cfg(unix)]
mod full_disk;
#[cfg(unix)]
mod interruption;
#[cfg(target_os = "linux")]
mod ntfs;
#[cfg(unix)]
mod odd_files;
#[cfg(target_os = "linux")]
mod remote;
#[cfg(target_os = "linux")]
mod remote_pairs;
#[cfg(target_os = "linux")]
mod remote_replicas;
#[cfg(target_os = "linux")]
mod remote_ssh;
#[cfg(unix)]
mod resuming;
#[cfg(target_os = "linux")]
mod syncing_closed;
#[cfg(unix)]
mod syncing_kills;
#[cfg(unix)]
mod syncing_options;
