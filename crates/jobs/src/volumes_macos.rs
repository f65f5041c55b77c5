//! macOS: what is mounted in `/Volumes`.

use std::path::PathBuf;

pub(super) fn mounts() -> Vec<PathBuf> {
    std::fs::read_dir("/Volumes").into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
