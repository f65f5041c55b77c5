//! The mark of a pair's database: a number that every job which writes moves on.
//!
//! Invariants: it only grows, also from one database of the pair to the one in its place; no power cut takes a step back.
//! So who has seen a higher one than a database says has that of an older copy. Deliberately not here: who moves it on,
//! and where else it is noted.

use rusqlite::Connection;

use super::{PairDatabase, number, set_number};
use crate::error::SyncError;

/// Where in `meta` it is.
const MARK: &str = "mark";

impl PairDatabase {
    /// The mark; 0 before the first job.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn mark(&self) -> Result<u64, SyncError> {
        self.with(|connection| Ok(number(connection, MARK)?.unwrap_or(0)))
    }

    /// Moves the mark on, past one that was seen elsewhere. What it is now.
    ///
    /// # Errors
    /// The database refused.
    pub fn move_mark_on(&self, seen: u64) -> Result<u64, SyncError> {
        self.write_for_certain(|transaction| move_on(transaction, seen))
    }
}

/// Moves the mark on in a transaction that no power cut takes back.
pub(super) fn move_on(transaction: &Connection, seen: u64) -> rusqlite::Result<u64> {
    let next = number(transaction, MARK)?.unwrap_or(0).max(seen) + 1;
    set_number(transaction, MARK, next).map(|()| next)
}

#[cfg(test)]
mod tests {
    use keepwell_model::PairId;

    use super::*;

    #[test]
    fn it_only_grows_also_in_a_database_that_is_in_place_of_another() {
        let home = tempfile::tempdir().unwrap();
        let open = || PairDatabase::open(home.path(), PairId([7; 16]), 1).unwrap().0;
        let database = open();
        assert_eq!(database.mark().unwrap(), 0);
        assert_eq!(database.move_mark_on(0).unwrap(), 1);
        assert_eq!(database.move_mark_on(1).unwrap(), 2);
        drop(database);
        let database = open();
        assert_eq!(database.mark().unwrap(), 2);
        database.start_anew(1).unwrap();
        assert_eq!((database.mark().unwrap(), database.move_mark_on(2).unwrap()), (0, 3));
    }
}
