//! Whether what sits at the path of a watched root is still the folder that is watched.
//!
//! The system tells of nothing any more once a drive was pulled out or the folder was removed, also when another drive or
//! a new folder is at the path again. Invariant: where nothing can be told, it counts as the same. Deliberately not here:
//! what is done about it (`live`).

use std::path::Path;

use crate::mounts::Mounts;

/// What sat at the path of a root when watching began.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct RootSeen {
    mount: Option<Vec<u8>>,
    /// The folder's device and number there, where the system has such.
    folder: Option<(u64, u64)>,
}

impl RootSeen {
    pub(crate) fn of(root: &Path) -> Self {
        Self { mount: Mounts::now().of(root), folder: folder(root) }
    }

    /// Whether it lies on the mount it lay on.
    pub(crate) fn is_on(&self, mounts: &Mounts, root: &Path) -> bool {
        self.mount == mounts.of(root)
    }

    /// Whether it is the same folder; asks the file system.
    pub(crate) fn is_same(&self, root: &Path) -> bool {
        self.folder == folder(root)
    }
}

#[cfg(unix)]
fn folder(root: &Path) -> Option<(u64, u64)> {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata(root).ok().map(|found| (found.dev(), found.ino()))
}

#[cfg(not(unix))]
fn folder(root: &Path) -> Option<(u64, u64)> {
    let made = std::fs::metadata(root).ok()?.created().ok()?;
    let since = made.duration_since(std::time::UNIX_EPOCH).ok()?;
    Some((since.as_secs(), u64::from(since.subsec_nanos())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_was_made_again_is_another_one() {
        let room = tempfile::tempdir().unwrap();
        let root = room.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let seen = RootSeen::of(&root);
        std::fs::write(root.join("file"), "1").unwrap();
        assert!(seen.is_same(&root) && seen.is_on(&Mounts::now(), &root));
        // Kept, so that its number is not given to the new one.
        std::fs::rename(&root, room.path().join("old")).unwrap();
        assert!(!seen.is_same(&root));
        std::fs::create_dir(&root).unwrap();
        assert!(!seen.is_same(&root));
    }
}
