//! What comes of a rename when somebody wrote the file in the moment before.
//!
//! Invariant: a version nobody looked at lies where its maker looks for it, or at the new name where the old one is taken
//! by now: nowhere else, and replacing nothing. Deliberately not here: the rename itself
//! (`tree_rename`).

use keepwell_model::EntryKind;

use super::Folder;
use super::item::Stat;
use crate::error::EndpointError;

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

/// Whether an edit came along, by what was there before the rename and is there since. It goes back then; who does not
/// see it would think it was synced.
pub(super) fn is_edit_put_back(
    (from, name): (&Folder, &[u8]),
    (to, to_name): (&Folder, &[u8]),
    before: &Stat,
    after: &Stat,
) -> Result<bool, EndpointError> {
    let is_same = (after.size_bytes, after.modified) == (before.size_bytes, before.modified);
    if is_same || before.kind == EntryKind::Folder {
        return Ok(false);
    }
    match system::rename_to_free(to, to_name, from, name) {
        // A program that saved its file anew: the next look finds both.
        Ok(()) | Err(EndpointError::AlreadyExists { .. }) => Ok(true),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::tree::tests::{names, tree};
    use super::*;

    #[test]
    fn an_edit_in_the_moment_of_a_move_is_where_it_was_made() {
        let (folder, tree) = tree();
        fs::write(folder.path().join("file"), "old").unwrap();
        let root = &tree.inner.root;
        let before = root.stat(b"file").unwrap();
        fs::write(folder.path().join("file"), "edited in the last moment").unwrap();
        fs::rename(folder.path().join("file"), folder.path().join("moved")).unwrap();
        let after = root.stat(b"moved").unwrap();
        let put_back = |after| is_edit_put_back((root, b"file"), (root, b"moved"), &before, after).unwrap();
        assert!(!put_back(&before));
        assert!(put_back(&after));
        assert_eq!(names(folder.path()), ["file"]);
        // Its name is taken by now: nothing is replaced, and nothing is said to have worked.
        fs::rename(folder.path().join("file"), folder.path().join("moved")).unwrap();
        fs::write(folder.path().join("file"), "saved anew").unwrap();
        assert!(put_back(&after));
        assert_eq!(names(folder.path()), ["file", "moved"]);
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"saved anew");
    }
}
