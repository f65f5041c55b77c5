//! macOS: everything in /Volumes but the system's own.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Space;

pub(super) fn removable() -> Vec<PathBuf> {
    std::fs::read_dir("/Volumes")
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| is_other_device(path, Path::new("/")))
        .collect()
}

pub(super) fn space(path: &Path) -> Space {
    match rustix::fs::statvfs(path) {
        Ok(found) => Space {
            free_bytes: found.f_bavail.checked_mul(found.f_frsize),
            total_bytes: found.f_blocks.checked_mul(found.f_frsize),
        },
        Err(_) => Space::default(),
    }
}

pub(super) fn is_other_device(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() != other.dev(),
        _ => false,
    }
}
