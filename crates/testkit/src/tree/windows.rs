//! Trees on Windows: what NTFS has beyond files and folders, and a walk over a tree.
//!
//! Deliberately not here: security descriptors and alternate streams, which nothing reads yet.

use std::fs;
use std::io;
use std::path::Path;

use crate::compare::{Observed, ObservedKind};
use crate::random::SeededRandom;

/// A symbolic link, where this account may make one, and a read-only file.
pub(super) fn make_oddities(folder: &Path, _random: &mut SeededRandom) -> io::Result<()> {
    // Without developer mode only administrators may make links: then the tree has none.
    let _refused = std::os::windows::fs::symlink_file("one byte", folder.join("link"));
    let path = folder.join("read only");
    fs::write(&path, b"read only")?;
    let mut permissions = fs::metadata(&path)?.permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&path, permissions)
}

/// A chain of folders with a file at its bottom.
///
/// # Errors
/// The system's, as it came.
pub fn make_deep_tree(root: &Path, levels: usize) -> io::Result<()> {
    let mut path = fs::canonicalize(root)?;
    for _ in 0..levels {
        path.push("d");
    }
    fs::create_dir_all(&path)?;
    fs::write(path.join("bottom"), b"at the bottom")
}

/// Removes a tree of any depth, read-only files included.
///
/// # Errors
/// The system's, as it came.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    visit(root, &mut |path, _| {
        if let Ok(metadata) = fs::metadata(path) {
            let mut permissions = metadata.permissions();
            #[expect(
                clippy::permissions_set_readonly_false,
                reason = "on Windows this only takes the attribute away"
            )]
            permissions.set_readonly(false);
            let _best_effort = fs::set_permissions(path, permissions);
        }
        Ok(())
    })?;
    fs::remove_dir_all(root)
}

/// Calls back for every entry below a folder with what a comparison needs.
pub(crate) fn visit(root: &Path, each: &mut dyn FnMut(&Path, Observed) -> io::Result<()>) -> io::Result<()> {
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for item in fs::read_dir(&folder)? {
            let path = item?.path();
            let metadata = fs::symlink_metadata(&path)?;
            let key = path.strip_prefix(root).map_err(io::Error::other)?.to_string_lossy().replace('\\', "/");
            let mut observed = Observed::new(key.into_bytes(), ObservedKind::Other);
            observed.mode = u32::from(metadata.permissions().readonly());
            observed.modified = keepwell_model::Timestamp::from_system(metadata.modified()?);
            if metadata.is_symlink() {
                observed.kind = ObservedKind::Symlink;
                observed.target = fs::read_link(&path)?.to_string_lossy().into_owned().into_bytes();
            } else if metadata.is_dir() {
                observed.kind = ObservedKind::Folder;
                folders.push(path.clone());
            } else {
                observed.kind = ObservedKind::File;
                observed.size_bytes = metadata.len();
                observed.read_content(&mut fs::File::open(&path)?)?;
            }
            each(&path, observed)?;
        }
    }
    Ok(())
}
