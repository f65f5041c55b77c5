//! The write-ahead log of a pair's database: when it is worked into the database.
//!
//! That waits for the disk twice, so it is done while nobody waits for it: beside the look at the places, in the run after
//! the one that wrote. Invariant: what is in the log is as lasting as what is in the database. Deliberately not here: what is
//! written, and what of it no power cut takes back (`database`).

use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode};

use super::{BUSY_TIMEOUT, PairDatabase};

/// Past this many pages the write-ahead log is worked into the database: 16 MiB, more than a run over some thousand files
/// writes. What is left of it stays when the database is closed, so that no run waits for the disk once more in the end.
const WAL_PAGES: i64 = 4096;
/// The next run works the log in, beside its look at the places, where it is as long as this: reading it whenever the
/// database is opened would cost more then.
const LONG_LOG_BYTES: u64 = 1 << 20;

impl PairDatabase {
    /// Works the write-ahead log into the database where it is long.
    pub(crate) fn work_in_log(&self) {
        let log = self.path.with_extension("sqlite-wal");
        if std::fs::metadata(log).is_ok_and(|log| log.len() >= LONG_LOG_BYTES) {
            let worked_in = self.with(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0))
            });
            // It stays valid as it is, and longer.
            if let Err(error) = worked_in {
                tracing::debug!(%error, "the write-ahead log stays for now");
            }
        }
    }
}

/// Turns the write-ahead log on. `SQLite` refuses that at once while another one has the file open in the midst of the
/// same, whatever the timeout: so it is tried for as long as anything else would wait.
pub(super) fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    const PAUSE: Duration = Duration::from_millis(20);
    let mut left = BUSY_TIMEOUT.as_millis() / PAUSE.as_millis();
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.pragma_update(None, "wal_autocheckpoint", WAL_PAGES)?;
    connection.pragma_update(None, "journal_size_limit", WAL_PAGES * 4096)?;
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error) if left > 0 && error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => {
                left -= 1;
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

#[cfg(test)]
mod tests {
    use keepwell_model::PairId;

    use super::*;

    #[test]
    fn a_log_stays_when_the_database_is_closed_and_a_long_one_is_worked_in() {
        let home = tempfile::tempdir().unwrap();
        let open = || PairDatabase::open(home.path(), PairId([7; 16]), 1).unwrap().0;
        let log = PairDatabase::path_of(home.path(), PairId([7; 16])).with_extension("sqlite-wal");
        let length = || std::fs::metadata(&log).unwrap().len();
        open().note_lost("short").unwrap();
        let database = open();
        let short = length();
        database.work_in_log();
        assert_eq!(length(), short, "it is not worth it");
        database.note_lost(&"long".repeat(1 << 19)).unwrap();
        drop(database);
        assert!(length() > LONG_LOG_BYTES);
        let database = open();
        database.work_in_log();
        assert_eq!(length(), 0);
        assert_eq!(database.lost().unwrap().unwrap().len(), 4 << 19);
    }
}
