//! Files that somebody had open for writing when a side was looked at, and since when.
//!
//! Kept over runs and processes, so that a file that never comes to rest is not left out for ever. Invariant: the list is
//! that of the last look. Deliberately not here: which of them are left, and for how long (`scan`).

use std::collections::BTreeMap;

use keepwell_model::RelativePath;
use rusqlite::params;

use super::rows::path_at;
use super::{PairDatabase, side_word};
use crate::error::SyncError;
use crate::node::Side;

impl PairDatabase {
    /// What was open on a side.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn open_files(&self, side: Side) -> Result<BTreeMap<RelativePath, i64>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT path, since_ms FROM open_files WHERE side = ?1")?
                .query_map([side_word(side)], |row| Ok((path_at(row, 0)?, row.get(1)?)))?
                .collect()
        })
    }

    /// Keeps what is open on a side now.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn set_open_files(
        &self,
        side: Side,
        files: &BTreeMap<RelativePath, i64>,
    ) -> Result<(), SyncError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM open_files WHERE side = ?1", [side_word(side)])?;
            let mut insert = transaction
                .prepare_cached("INSERT INTO open_files (side, path, since_ms) VALUES (?1, ?2, ?3)")?;
            for (path, since_ms) in files {
                insert.execute(params![side_word(side), path.as_bytes(), since_ms])?;
            }
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use keepwell_model::PairId;
    use rusqlite::Connection;

    use super::super::schema::{APPLICATION_ID, STEPS};
    use super::*;

    #[test]
    fn a_database_of_the_format_before_gets_the_list() {
        let connection = Connection::open_in_memory().unwrap();
        STEPS[..5].iter().for_each(|step| connection.execute_batch(step).unwrap());
        connection.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        connection.pragma_update(None, "user_version", 5).unwrap();
        connection
            .execute("INSERT INTO meta (key, value) VALUES ('next_id', x'0700000000000000')", [])
            .unwrap();

        let database = PairDatabase::on(connection, Path::new("state"), PairId([1; 16])).unwrap();
        assert_eq!(database.next_id().unwrap(), 7, "what it held is there");
        assert_eq!(database.open_files(Side::Left).unwrap(), BTreeMap::new());
        let files = BTreeMap::from([(RelativePath::parse(b"a/log").unwrap(), 5)]);
        database.set_open_files(Side::Left, &files).unwrap();
        assert_eq!(database.open_files(Side::Left).unwrap(), files);
        assert_eq!(database.open_files(Side::Right).unwrap(), BTreeMap::new());
    }
}
