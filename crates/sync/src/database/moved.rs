//! Folders from which a side moved what the last plan left where it is, and those it lies in now.
//!
//! What is agreed on has such an item at its old place, of which nobody tells a second time: a run that looks only where
//! something changed looks there too. Kept in `meta`. Invariant: the list is that of the newest plan. Deliberately not
//! here: which folders these are (`planner::moved`).

use std::collections::BTreeSet;

use keepwell_model::RelativePath;

use super::{PairDatabase, set_value, side_word, value};
use crate::error::SyncError;
use crate::node::Side;

/// Where in `meta` they are: behind the word of their side.
const KEY: &str = "moved_folders";
/// Stands behind each path; none holds it.
const END: u8 = 0;

impl PairDatabase {
    /// These folders of a side.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn moved_folders(&self, side: Side) -> Result<BTreeSet<RelativePath>, SyncError> {
        let kept = self.with(|connection| value(connection, &key(side)))?.unwrap_or_default();
        // What is no path is none of ours: such a folder is looked at with all others.
        let paths = kept.split_inclusive(|byte| *byte == END).filter_map(|path| path.strip_suffix(&[END]));
        Ok(paths.filter_map(|path| RelativePath::parse(path).ok()).collect())
    }

    /// Keeps them.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn set_moved_folders(&self, folders: &[BTreeSet<RelativePath>; 2]) -> Result<(), SyncError> {
        for (side, folders) in Side::BOTH.into_iter().zip(folders) {
            if self.moved_folders(side)? == *folders {
                continue;
            }
            let kept: Vec<u8> =
                folders.iter().flat_map(|path| path.as_bytes().iter().copied().chain([END])).collect();
            self.write(|transaction| set_value(transaction, &key(side), &kept))?;
        }
        Ok(())
    }
}

fn key(side: Side) -> String {
    format!("{}.{KEY}", side_word(side))
}

#[cfg(test)]
mod tests {
    use keepwell_model::PairId;

    use super::*;

    #[test]
    fn the_folders_of_the_newest_plan_are_kept_and_the_root_is_one_of_them() {
        let home = tempfile::tempdir().unwrap();
        let (database, _) = PairDatabase::open(home.path(), PairId([1; 16]), 1).unwrap();
        let path = |text: &str| RelativePath::parse(text.as_bytes()).unwrap();
        let some = BTreeSet::from([path(""), path("a/b c"), path("a/b c/d")]);
        assert_eq!(database.moved_folders(Side::Left).unwrap(), BTreeSet::new());
        database.set_moved_folders(&[some.clone(), BTreeSet::from([path("")])]).unwrap();
        assert_eq!(database.moved_folders(Side::Left).unwrap(), some);
        assert_eq!(database.moved_folders(Side::Right).unwrap(), BTreeSet::from([path("")]));
        database.set_moved_folders(&[BTreeSet::new(), some.clone()]).unwrap();
        assert_eq!(database.moved_folders(Side::Left).unwrap(), BTreeSet::new());
        assert_eq!(database.moved_folders(Side::Right).unwrap(), some);
    }
}
