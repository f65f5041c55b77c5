//! Windows: drive letters. The whole size of a drive is not told here.

use std::path::{Component, Path, PathBuf};

use keepwell_endpoint::Store;
use keepwell_endpoint::local::LocalStore;

use super::Space;

pub(super) fn removable() -> Vec<PathBuf> {
    ('D'..='Z').map(|letter| PathBuf::from(format!("{letter}:\\"))).filter(|path| path.is_dir()).collect()
}

pub(super) fn space(path: &Path) -> Space {
    let free_bytes = LocalStore::open(path).and_then(|store| store.free_bytes()).ok().flatten();
    Space { free_bytes, total_bytes: None }
}

pub(super) fn is_other_device(one: &Path, other: &Path) -> bool {
    let drive = |path: &Path| match path.components().next() {
        Some(Component::Prefix(prefix)) => Some(prefix.as_os_str().to_ascii_lowercase()),
        _ => None,
    };
    drive(one) != drive(other)
}
