//! The small texts that were carried over: what both sides had before, for a conflict that comes later.
//!
//! They lie in a database of their own beside that of the pair: they are only ever a help, so nothing waits for the disk
//! because of them, while what is agreed on is written twice, waited for, and read each time the pair is opened.
//! Kept only of runs up to [`RUN_LIMIT_FILES`] files, and only where both sides may change something. Invariants:
//! 1. All together they are never more than [`TEXTS_LIMIT_BYTES`]; the oldest go first.
//! 2. What is handed out has the hash it is asked by: a loss of power may leave anything.
//! 3. No trouble with them is trouble with the pair. A damaged database is made anew, one of a newer Keepwell left alone.
//!
//! Deliberately not here: what is a text (`text`), merging (`conflict_text`).

use std::path::PathBuf;

use keepwell_model::ContentHash;
use parking_lot::Mutex;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

use super::{BUSY_TIMEOUT, PairDatabase, is_damage};

/// Of runs with more files no texts are kept: an initial copy would fill the database with what nobody edits.
pub const RUN_LIMIT_FILES: usize = 1_000;
/// Larger texts are not kept.
pub(crate) const KEPT_LIMIT_BYTES: u64 = 256 << 10;
/// So much text is kept for a pair.
pub(crate) const TEXTS_LIMIT_BYTES: u64 = 64 << 20;

/// Marks the file as ours (`PRAGMA application_id`): "KPTX".
const APPLICATION_ID: i64 = 0x4b50_5458;
/// The only format (`PRAGMA user_version`).
const FORMAT: i64 = 1;

/// The texts of a pair.
#[derive(Debug)]
pub(super) struct Texts {
    /// Nothing in memory.
    path: Option<PathBuf>,
    /// Opened when it is asked for: most runs keep none.
    connection: Mutex<Option<Connection>>,
}

impl Texts {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path: Some(path), connection: Mutex::default() }
    }

    /// They end with this.
    pub(super) fn in_memory() -> Self {
        Self { path: None, connection: Mutex::default() }
    }

    /// Keeps texts, as far as that is possible; the oldest go beyond the limit.
    pub(super) fn keep(&self, texts: &[(ContentHash, Vec<u8>)], now_ms: i64) {
        if texts.is_empty() {
            return;
        }
        let kept = self.with(|connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            write(&transaction, texts, now_ms)?;
            transaction.commit()
        });
        if let Err(error) = kept {
            tracing::warn!(path = ?self.path, %error, "texts for merging could not be kept");
        }
    }

    fn get(&self, hash: &ContentHash) -> Option<Vec<u8>> {
        if self.path.as_ref().is_some_and(|path| !path.exists()) {
            return None;
        }
        let found = self.with(|connection| {
            connection
                .prepare_cached("SELECT content FROM texts WHERE hash = ?1")?
                .query_row([&hash.0[..]], |row| row.get::<_, Vec<u8>>(0))
                .optional()
        });
        match found {
            Ok(found) => found.filter(|content| blake3::hash(content).as_bytes() == hash.as_bytes()),
            Err(error) => {
                tracing::warn!(path = ?self.path, %error, "texts for merging can not be read");
                None
            }
        }
    }

    fn with<T>(&self, action: impl FnOnce(&mut Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        let mut slot = self.connection.lock();
        let connection = match &mut *slot {
            Some(connection) => connection,
            None => slot.insert(self.open()?),
        };
        let result = action(connection);
        if result.as_ref().is_err_and(is_damage) {
            *slot = None;
            self.remove();
        }
        result
    }

    fn open(&self) -> rusqlite::Result<Connection> {
        let Some(path) = &self.path else { return prepare(Connection::open_in_memory()?) };
        match Connection::open(path).and_then(prepare) {
            Err(error) if is_damage(&error) => {
                self.remove();
                Connection::open(path).and_then(prepare)
            }
            result => result,
        }
    }

    pub(super) fn remove(&self) {
        let Some(path) = &self.path else { return };
        for path in [path.clone(), path.with_extension("sqlite-journal")] {
            // What can not be removed is found damaged again.
            let _ = std::fs::remove_file(path);
        }
    }
}

fn prepare(connection: Connection) -> rusqlite::Result<Connection> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found > FORMAT {
        return Err(rusqlite::Error::InvalidQuery);
    }
    // Most texts are larger than the usual page.
    connection.pragma_update(None, "page_size", 16_384)?;
    // A process that is killed leaves it whole; nothing waits for the disk.
    connection.pragma_update(None, "journal_mode", "TRUNCATE")?;
    connection.pragma_update(None, "synchronous", "OFF")?;
    if found < FORMAT {
        connection.pragma_update(None, "application_id", APPLICATION_ID)?;
        connection.execute_batch(
            "CREATE TABLE IF NOT EXISTS texts (
                hash BLOB PRIMARY KEY,
                kept_ms INTEGER NOT NULL,
                content BLOB NOT NULL
             ) STRICT;
             CREATE INDEX IF NOT EXISTS texts_by_time ON texts (kept_ms);",
        )?;
        connection.pragma_update(None, "user_version", FORMAT)?;
    }
    Ok(connection)
}

fn write(transaction: &Connection, texts: &[(ContentHash, Vec<u8>)], now_ms: i64) -> rusqlite::Result<()> {
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
    pub(crate) fn text(&self, hash: &ContentHash) -> Option<Vec<u8>> {
        self.texts.get(hash)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

    use std::fs;

    use super::*;

    fn hash(content: &[u8]) -> ContentHash {
        ContentHash(*blake3::hash(content).as_bytes())
    }

    fn text(content: &str) -> (ContentHash, Vec<u8>) {
        (hash(content.as_bytes()), content.as_bytes().to_vec())
    }

    #[test]
    fn what_was_kept_comes_back_and_the_oldest_go_first() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("texts.sqlite");
        assert_eq!(Texts::at(path.clone()).get(&hash(b"one")), None);
        assert!(!path.exists(), "nothing is made only because it was asked for");
        Texts::at(path.clone()).keep(&[text("one")], 1);
        let texts = Texts::at(path);
        assert_eq!(texts.get(&hash(b"one")).as_deref(), Some(&b"one"[..]));
        let large: Vec<_> = (0..=TEXTS_LIMIT_BYTES / KEPT_LIMIT_BYTES)
            .map(|number| text(&format!("{number:4}").repeat(KEPT_LIMIT_BYTES as usize / 4)))
            .collect();
        texts.keep(&large[..2], 2);
        texts.keep(&large[2..], 3);
        assert_eq!(texts.get(&hash(b"one")), None);
        assert_eq!(large.iter().filter(|(hash, _)| texts.get(hash).is_some()).count(), large.len() - 1);
    }

    #[test]
    fn what_is_damaged_is_made_anew_and_never_handed_out() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("texts.sqlite");
        let texts = Texts::at(path.clone());
        texts.keep(&[text("one"), text("two")], 1);
        texts
            .with(|connection| {
                connection.execute("UPDATE texts SET content = x'00' WHERE hash = ?1", [&hash(b"one").0[..]])
            })
            .unwrap();
        assert_eq!(texts.get(&hash(b"one")), None, "its content is another");
        assert!(texts.get(&hash(b"two")).is_some());
        drop(texts);
        fs::write(&path, [7; 5000]).unwrap();
        let texts = Texts::at(path);
        assert_eq!(texts.get(&hash(b"two")), None);
        texts.keep(&[text("three")], 2);
        assert!(texts.get(&hash(b"three")).is_some());
    }

    #[test]
    fn one_of_a_newer_keepwell_stays_as_it_is() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("texts.sqlite");
        let newer = Connection::open(&path).unwrap();
        newer.pragma_update(None, "user_version", FORMAT + 1).unwrap();
        newer.execute_batch("CREATE TABLE texts (something)").unwrap();
        drop(newer);
        let before = fs::read(&path).unwrap();
        let texts = Texts::at(path.clone());
        texts.keep(&[text("one")], 1);
        assert_eq!(texts.get(&hash(b"one")), None);
        assert_eq!(fs::read(&path).unwrap(), before);
    }
}
