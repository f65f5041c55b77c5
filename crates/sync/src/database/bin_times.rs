//! The times in the index of the bins, and when the bins were last thinned: what keeps a clock that is wrong for a while
//! from aging what lies there.
//!
//! Invariants: what goes into a bin is not dated before what went there earlier, nor before the bins were last thinned,
//! unless those times are so far ahead that it was then that the clock was wrong; a time of before there was a Keepwell is
//! no time, and is replaced by one of a clock that can be right. Deliberately not here: what is kept how long
//! (`bins::thinning`), when it is thinned (`bins::care`).

use rusqlite::{Connection, params};

use super::{PairDatabase, set_value, value};
use crate::error::SyncError;

/// Between two times that are further apart a clock was set, as far as anybody can tell; or nothing ran for so long.
pub(crate) const CREDIBLE_MS: i64 = 60 * 24 * 3_600_000;
/// 2026-01-01: before that there was no Keepwell, so a clock that says so is wrong.
const EARLIEST_MS: i64 = 1_767_225_600_000;
const THINNED: &str = "thinned_ms";

/// Whether a clock that says this can be right.
pub(crate) fn can_be_now(now_ms: i64) -> bool {
    now_ms >= EARLIEST_MS
}

/// The time that what goes into a bin now has there. A clock that can not be right says what it says: it is seen later
/// that this is no time.
pub(super) fn bin_time(connection: &Connection, now_ms: i64) -> rusqlite::Result<i64> {
    if !can_be_now(now_ms) {
        return Ok(now_ms);
    }
    let latest_ms = now_ms.saturating_add(CREDIBLE_MS);
    let newest_ms: Option<i64> = connection
        .prepare_cached("SELECT max(at_ms) FROM bin WHERE at_ms <= ?1")?
        .query_row([latest_ms], |row| row.get(0))?;
    let thinned_ms = thinned(connection)?.filter(|thinned_ms| *thinned_ms <= latest_ms);
    Ok([newest_ms, thinned_ms].into_iter().flatten().fold(now_ms, i64::max))
}

fn thinned(connection: &Connection) -> rusqlite::Result<Option<i64>> {
    let bytes = value(connection, THINNED)?;
    Ok(bytes.and_then(|bytes| bytes.try_into().ok()).map(i64::from_le_bytes))
}

impl PairDatabase {
    /// When the bins were last thinned, or it was noted that they can not be yet.
    pub(crate) fn thinned_ms(&self) -> Result<Option<i64>, SyncError> {
        self.with(thinned)
    }

    pub(crate) fn set_thinned_ms(&self, now_ms: i64) -> Result<(), SyncError> {
        self.write(|transaction| set_value(transaction, THINNED, &now_ms.to_le_bytes()))
    }

    /// What went into the bins at a time that is none counts from now on.
    pub(crate) fn date_bin_anew(&self, now_ms: i64) -> Result<(), SyncError> {
        let is_there: bool = self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM bin WHERE at_ms < ?1)")?
                .query_row([EARLIEST_MS], |row| row.get(0))
        })?;
        if !is_there || !can_be_now(now_ms) {
            return Ok(());
        }
        self.write(|transaction| {
            let sql = "UPDATE bin SET at_ms = ?2 WHERE at_ms < ?1";
            transaction.execute(sql, params![EARLIEST_MS, now_ms]).map(drop)
        })
    }
}
