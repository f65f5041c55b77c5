//! The small texts that were carried over: what both sides had before, for a conflict that comes later.
//!
//! Kept only of runs up to [`RUN_LIMIT_FILES`] files, and only where both sides may change something. Invariant: all together they are never more than
//! [`TEXTS_LIMIT_BYTES`]; the oldest go first. Deliberately not here: what is a text (`text`), merging (`conflict_text`).

use keepwell_model::ContentHash;
use rusqlite::{Connection, OptionalExtension, params};

use super::PairDatabase;
use crate::error::SyncError;

/// Of runs with more files no texts are kept: an initial copy would fill the database with what nobody edits.
pub const RUN_LIMIT_FILES: usize = 1_000;
/// Larger texts are not kept.
pub(crate) const KEPT_LIMIT_BYTES: u64 = 256 << 10;
/// So much text is kept for a pair.
pub(crate) const TEXTS_LIMIT_BYTES: u64 = 64 << 20;

/// Keeps texts; the oldest go beyond the limit.
pub(super) fn keep_texts(
    transaction: &Connection,
    texts: &[(ContentHash, Vec<u8>)],
    now_ms: i64,
) -> rusqlite::Result<()> {
    if texts.is_empty() {
        return Ok(());
    }
    let mut insert = transaction
        .prepare_cached("INSERT OR REPLACE INTO texts (hash, kept_ms, content) VALUES (?1, ?2, ?3)")?;
    for (hash, bytes) in texts {
        insert.execute(params![&hash.0[..], now_ms, bytes])?;
    }
    transaction
        .prepare_cached(
            "DELETE FROM texts WHERE hash IN (SELECT hash FROM
             (SELECT hash, sum(length(content)) OVER (ORDER BY kept_ms DESC, hash) AS so_far FROM texts)
             WHERE so_far > ?1)",
        )?
        .execute([TEXTS_LIMIT_BYTES.cast_signed()])
        .map(drop)
}

impl PairDatabase {
    /// A text that was kept.
    pub(crate) fn text(&self, hash: &ContentHash) -> Result<Option<Vec<u8>>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT content FROM texts WHERE hash = ?1")?
                .query_row([&hash.0[..]], |row| row.get(0))
                .optional()
        })
    }
}
