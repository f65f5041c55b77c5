//! The folders of each side over which a volume was mounted when something was agreed on about what is in them.
//!
//! Invariant: a side's go with the place itself, when it becomes another. Deliberately not here: which of them are not
//! mounted now (`run::mounts`).

use std::collections::BTreeMap;

use keepwell_model::RelativePath;
use rusqlite::params;

use super::rows::path_at;
use super::{PairDatabase, side_word};
use crate::error::SyncError;
use crate::node::Side;

/// Mount points of a side, each with what names the volume; empty where nothing does.
pub(crate) type Mounts = BTreeMap<RelativePath, String>;

impl PairDatabase {
    /// Where something was mounted on a side.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn mounts(&self, side: Side) -> Result<Mounts, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT path, volume FROM mounts WHERE side = ?1")?
                .query_map([side_word(side)], |row| Ok((path_at(row, 0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Keeps where something is mounted on a side.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn set_mounts(&self, side: Side, mounts: &Mounts) -> Result<(), SyncError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM mounts WHERE side = ?1", [side_word(side)])?;
            let mut insert =
                transaction.prepare_cached("INSERT INTO mounts (side, path, volume) VALUES (?1, ?2, ?3)")?;
            for (path, volume) in mounts {
                insert.execute(params![side_word(side), path.as_bytes(), volume])?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use keepwell_endpoint::tree::PlaceIdentity;
    use keepwell_model::PairId;

    use super::*;

    #[test]
    fn they_stay_when_a_place_gets_known_and_go_when_it_is_another() {
        let home = tempfile::tempdir().unwrap();
        let (database, _) = PairDatabase::open(home.path(), PairId([7; 16]), 1).unwrap();
        let mounts = Mounts::from([(RelativePath::parse(b"drive").unwrap(), "uuid-1".to_owned())]);
        database.set_mounts(Side::Left, &mounts).unwrap();
        let place = |root| PlaceIdentity { volume: "uuid-2".to_owned(), root };
        database.set_identity(Side::Left, &place(5)).unwrap();
        database.set_identity(Side::Right, &place(6)).unwrap();
        database.set_identity(Side::Right, &place(7)).unwrap();
        assert_eq!(database.mounts(Side::Left).unwrap(), mounts);
        assert_eq!(database.mounts(Side::Right).unwrap(), Mounts::new());
        database.set_identity(Side::Left, &place(7)).unwrap();
        assert_eq!(database.mounts(Side::Left).unwrap(), Mounts::new());
    }
}
