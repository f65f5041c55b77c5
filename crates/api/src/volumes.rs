//! Drives copies may go to, and how large a place is. What differs by system lies in one file a system.

use std::path::{Path, PathBuf};

#[cfg(target_os = "linux")]
#[path = "volumes_linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "volumes_macos.rs"]
mod system;
#[cfg(not(any(target_os = "linux", target_os = "macos")))]
#[path = "volumes_other.rs"]
mod system;

/// Drives that are looked at.
const VOLUMES_LIMIT: usize = 64;

/// Less room than this is no place for copies; what systems mount for themselves is often just some kilobytes.
const ROOM_LEAST_BYTES: u64 = 1 << 30;

/// Free and whole size of the file system a path is on, where the system tells.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Space {
    /// What may still be written.
    pub free_bytes: Option<u64>,
    /// The whole size.
    pub total_bytes: Option<u64>,
}

/// The space at a path, or at the nearest folder above it that exists.
pub(crate) fn space(path: &Path) -> Space {
    path.ancestors().find(|path| path.is_dir()).map(system::space).unwrap_or_default()
}

/// Whether two paths are on different devices, as far as the system tells.
pub(crate) fn is_other_device(one: &Path, other: &Path) -> bool {
    system::is_other_device(one, other)
}

/// Where drives that people plug in or mount are found.
pub(crate) fn removable() -> Vec<PathBuf> {
    let mut volumes = system::removable();
    volumes.sort();
    volumes.dedup();
    volumes.retain(|path| system::space(path).free_bytes.is_none_or(|free| free >= ROOM_LEAST_BYTES));
    volumes.truncate(VOLUMES_LIMIT);
    volumes
}
