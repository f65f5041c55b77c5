//! Finds a folder of a removable volume wherever the volume is mounted now.
//!
//! A place is known by its volume: the path a person gave is only where it was then. Invariants: only a folder on the
//! very volume is found; that it is the very folder too is for sync to see (it halts at another one). A folder is gone
//! only where the very volume is seen to lack it: a drive that is not connected lacks nothing. Deliberately not here: how
//! a volume is told from another (`endpoint`).

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use keepwell_endpoint::Tree;
use keepwell_endpoint::local::LocalTree;

#[cfg(target_os = "linux")]
#[path = "volumes_linux.rs"]
mod system;
#[cfg(target_os = "macos")]
#[path = "volumes_macos.rs"]
mod system;
#[cfg(windows)]
#[path = "volumes_windows.rs"]
mod system;

/// Mounts that are looked at.
const MOUNTS_LIMIT: usize = 100;

/// The tree at a path, if it is on this volume; else the same folder where the volume is mounted now.
pub(crate) fn open(path: &Path, volume: &str) -> Option<LocalTree> {
    let is_it = |tree: &LocalTree| tree.identity().is_ok_and(|identity| identity.volume == volume);
    let there = LocalTree::open(path).ok().filter(is_it);
    there.or_else(|| {
        let mounts = system::mounts();
        let mut found = mounts.iter().take(MOUNTS_LIMIT).flat_map(|mount| candidates(path, mount));
        found.find_map(|path| LocalTree::open(&path).ok().filter(is_it))
    })
}

/// Whether the folder at a path is gone while the one above it is there, on the volume both were on.
pub(crate) fn is_gone(path: &Path, volume: &str) -> bool {
    let is_absent = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let is_above_there =
        || path.parent().is_some_and(|above| LocalTree::volume_at(above).is_ok_and(|at| at == volume));
    is_absent && is_above_there() && open(path, volume).is_none()
}

/// Where the folder may be below a mount: the longest end of its path first. Nothing is said of the mount itself
/// unless the path was a mount itself, by having the same folder above.
fn candidates(path: &Path, mount: &Path) -> Vec<PathBuf> {
    let names: Vec<_> = path.components().skip(1).collect();
    let below = (1..names.len()).map(|from| names[from..].iter().collect::<PathBuf>());
    let mut all: Vec<PathBuf> = below.map(|end| mount.join(end)).filter(|path| path.is_dir()).collect();
    if path.parent() == mount.parent() {
        all.push(mount.to_owned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_end_of_the_path_is_looked_for_first() {
        let room = tempfile::tempdir().unwrap();
        let mount = room.path().join("USB1");
        std::fs::create_dir_all(mount.join("2026/photos")).unwrap();
        std::fs::create_dir_all(mount.join("photos")).unwrap();
        let path = room.path().join("USB/2026/photos");
        assert_eq!(candidates(&path, &mount), [mount.join("2026/photos"), mount.join("photos")]);
        assert_eq!(candidates(&room.path().join("USB"), &mount), [mount]);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_is_gone_only_where_its_own_volume_lacks_it() {
        let room = tempfile::tempdir().unwrap();
        let volume = LocalTree::volume_at(room.path()).unwrap();
        let path = room.path().join("photos");
        assert!(is_gone(&path, &volume));
        assert!(!is_gone(&path, "a drive that is not connected"));
        assert!(!is_gone(&room.path().join("no folder above/photos"), &volume));
        std::os::unix::fs::symlink(room.path().join("elsewhere"), &path).unwrap();
        assert!(!is_gone(&path, &volume), "a link that leads nowhere is there");
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(!is_gone(&path, &volume));
    }

    #[test]
    fn a_folder_on_the_volume_is_opened_where_it_is_and_another_volume_is_not_taken_for_it() {
        let room = tempfile::tempdir().unwrap();
        let volume = LocalTree::open(room.path()).unwrap().identity().unwrap().volume;
        assert!(open(room.path(), &volume).is_some());
        assert!(open(room.path(), "no such volume").is_none());
    }
}
