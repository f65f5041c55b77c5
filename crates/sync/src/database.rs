//! The database of a pair: what both sides agreed on, what runs did, what lies in the bins, what waits for a person.
//!
//! One SQLite file a pair. Invariants:
//! 1. It holds observations, never pending work: a lost or damaged base only means that content is compared again.
//! 2. A damaged file is moved aside whole, and the caller is told.
//! 3. Nodes change in transactions of whole groups, and only after both places say that what they wrote is on the disk.
//!
//! Why `synchronous=NORMAL`: a commit that a power cut takes back is learned again by the next scan, and waiting for
//! the disk with every group would be felt. Deliberately not here: runs, the bins, conflicts and rows of plans (the
//! modules below this one), the executor.

mod base;
pub(crate) mod before;
pub(crate) mod bin_times;
pub mod conflicts;
mod log;
mod mark;
mod migrate;
pub(crate) mod mounts;
mod moved;
pub(crate) mod moves;
mod open_files;
mod owed;
pub mod plan_store;
mod recent;
pub mod rows;
mod schema;
pub(crate) mod texts;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keepwell_endpoint::tree::PlaceIdentity;
use keepwell_model::PairId;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, config::DbConfig, params};

use self::base::load_base;
use self::log::write_ahead;
use self::migrate::{copies, migrate};
use self::schema::{APPLICATION_ID, CURRENT, STEPS};
use self::texts::Texts;
use crate::error::{SyncError, is_damage};
use crate::node::{NodeId, Side};
use crate::trees::facts::encode;
use crate::trees::{BaseNode, BaseTree};

/// How long a writer waits for another process's transaction. Ours take milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Of the database as much is kept in memory: a whole group of deeds, which would otherwise be written as it comes.
const CACHE_KIB: i64 = 8192;

/// How the name of the database ends that holds the texts of a pair.
const TEXTS_END: &str = "texts.sqlite";

/// Why most are moved aside.
const DAMAGED: &str = "was damaged";

/// Where in `meta` it is written that a damaged database was moved aside.
const LOST: &str = "lost";

/// A pair's database, shared by the threads of the process.
#[derive(Debug)]
pub struct PairDatabase {
    connection: Mutex<Connection>,
    path: PathBuf,
    texts: Texts,
}

/// One step of what is agreed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BaseChange {
    /// This is agreed on now.
    Put(NodeId, Box<BaseNode>),
    /// This is no more.
    Remove(NodeId),
}

/// The digest of rules, and as they were written.
type AgreedRules = ([u8; 16], Option<Vec<u8>>);

impl PairDatabase {
    /// Where the database of a pair is.
    #[must_use]
    pub fn path_of(state_folder: &Path, pair: PairId) -> PathBuf {
        state_folder.join("sync").join(format!("{pair}.sqlite"))
    }

    /// Opens (or makes) the database of a pair. A damaged one is moved aside; the sentences to show say so.
    ///
    /// # Errors
    /// A newer Keepwell wrote it, or it can not be read or written.
    pub fn open(state_folder: &Path, pair: PairId, now_ms: i64) -> Result<(Self, Vec<String>), SyncError> {
        let path = Self::path_of(state_folder, pair);
        let folder = state_folder.join("sync");
        own_folder(&folder).map_err(|source| SyncError::Io { action: "make", path: folder, source })?;
        let mut notices = Vec::new();
        let connection = match open_sound(&path)? {
            Some(connection) => connection,
            None => {
                let notice = move_aside(&path, now_ms, DAMAGED)?;
                let fresh = made_anew(&path, now_ms, &notice)?;
                notices.push(notice);
                fresh
            }
        };
        let texts = Texts::at(path.with_extension(TEXTS_END));
        Ok((Self { connection: Mutex::new(connection), path, texts }, notices))
    }

    /// Removes the database of a pair that is no more, or was only looked at and never made, with its lock and the copy of
    /// an older format.
    pub fn remove(state_folder: &Path, pair: PairId) {
        let path = Self::path_of(state_folder, pair);
        for end in ["sqlite", "sqlite-wal", "sqlite-shm", "lock"] {
            // Nobody asks again for what can not be removed.
            let _ = std::fs::remove_file(path.with_extension(end));
        }
        Texts::at(path.with_extension(TEXTS_END)).remove();
        copies(&path).for_each(|copy| drop(std::fs::remove_file(copy)));
    }

    /// The database of a pair on a connection that is handed in, so that a simulation keeps one in memory. Nothing is
    /// moved aside.
    ///
    /// # Errors
    /// What it leads to is damaged, of a newer Keepwell, or can not be used.
    pub fn on(connection: Connection, state_folder: &Path, pair: PairId) -> Result<Self, SyncError> {
        let path = Self::path_of(state_folder, pair);
        let connection = sound(connection, &path)?.ok_or_else(|| SyncError::Io {
            action: "use",
            path: path.clone(),
            source: std::io::Error::other("it is damaged"),
        })?;
        Ok(Self { connection: Mutex::new(connection), path, texts: Texts::in_memory() })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads what both sides agreed on, or says that it is damaged (nothing).
    ///
    /// # Errors
    /// The database can not be read for another reason than damage.
    pub fn load_base(&self) -> Result<Option<BaseTree>, SyncError> {
        let connection = self.lock();
        match load_base(&connection, &self.path) {
            Ok(base) => Ok(base),
            Err(error) if is_damage(&error) => Ok(None),
            Err(error) => Err(self.fault(error)),
        }
    }

    /// Writes a group of steps, all or nothing, with the next free id.
    ///
    /// # Errors
    /// The database refused; nothing changed then.
    pub fn advance_base(&self, changes: &[BaseChange], next_id: u64) -> Result<(), SyncError> {
        self.write(|transaction| advance_base(transaction, changes, next_id))
    }

    /// As [`PairDatabase::advance_base`], of what no power cut takes back.
    pub(crate) fn advance_base_for_certain(
        &self,
        changes: &[BaseChange],
        next_id: u64,
    ) -> Result<(), SyncError> {
        self.write_for_certain(|transaction| advance_base(transaction, changes, next_id))
    }

    /// Takes items out of what is agreed on; those that are not in it are nothing to forget.
    pub(crate) fn forget_in_base(&self, nodes: &[NodeId]) -> Result<(), SyncError> {
        let mut changes = Vec::new();
        for node in nodes.iter().filter(|node| !node.is_fresh()) {
            let is_known = self.with(|connection| {
                let known =
                    connection.prepare_cached("SELECT 1 FROM nodes WHERE id = ?1")?.exists([sql(node.0)])?;
                Ok(known)
            })?;
            if is_known {
                changes.push(BaseChange::Remove(*node));
            }
        }
        self.advance_base(&changes, self.next_id()?)
    }

    /// The next id that no node ever had.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn next_id(&self) -> Result<u64, SyncError> {
        self.with(|connection| {
            let kept = number(connection, "next_id")?.unwrap_or(1);
            Ok(kept.max(highest_id(connection)? + 1))
        })
    }

    /// Changes with every step of what is agreed on, each time to a number by chance: who has seen one and finds it again,
    /// even in a database that was put back from a copy, has what is agreed on as it was then.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn generation(&self) -> Result<u64, SyncError> {
        self.with(|connection| Ok(number(connection, "generation")?.unwrap_or(0)))
    }

    /// Which place a side was when something was last agreed on.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn identity(&self, side: Side) -> Result<Option<PlaceIdentity>, SyncError> {
        self.with(|connection| {
            let volume = value(connection, &format!("{}.volume", side_word(side)))?;
            let root = value(connection, &format!("{}.root", side_word(side)))?;
            Ok(volume.zip(root).map(|(volume, root)| PlaceIdentity {
                volume: String::from_utf8_lossy(&volume).into_owned(),
                root: root.try_into().map_or(0, u64::from_le_bytes),
            }))
        })
    }

    /// Keeps which place a side is. What was on its way in another one is not in this.
    ///
    /// # Errors
    /// The database refused.
    pub fn set_identity(&self, side: Side, identity: &PlaceIdentity) -> Result<(), SyncError> {
        self.write(|transaction| {
            let word = side_word(side);
            if value(transaction, &format!("{word}.volume"))?.is_some() {
                transaction.execute("DELETE FROM mounts WHERE side = ?1", [word])?;
            }
            set_value(transaction, &format!("{word}.volume"), identity.volume.as_bytes())?;
            set_value(transaction, &format!("{word}.root"), &identity.root.to_le_bytes())?;
            transaction.execute("DELETE FROM moving WHERE side = ?1", [word]).map(drop)
        })
    }

    /// The rules under which something was last agreed on: their digest, and as they were written, where a Keepwell that
    /// keeps that agreed on it.
    pub(crate) fn rules(&self) -> Result<Option<AgreedRules>, SyncError> {
        self.with(|connection| {
            let digest = value(connection, "rules")?.and_then(|bytes| bytes.try_into().ok());
            let written = value(connection, "rules_written")?;
            Ok(digest.map(|digest| (digest, written)))
        })
    }

    /// Keeps the rules.
    pub(crate) fn set_rules(&self, digest: &[u8; 16], written: &[u8]) -> Result<(), SyncError> {
        self.write(|transaction| {
            set_value(transaction, "rules", digest)?;
            set_value(transaction, "rules_written", written)
        })
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    /// Turns what SQLite says into our error.
    fn fault(&self, source: rusqlite::Error) -> SyncError {
        SyncError::Database { path: self.path.clone(), source }
    }

    /// Reads.
    pub(crate) fn with<T>(
        &self,
        action: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, SyncError> {
        action(&self.lock()).map_err(|source| self.fault(source))
    }

    /// Writes, all or nothing. Takes the write lock at once, so that two processes never deadlock halfway.
    pub(crate) fn write<T>(
        &self,
        action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SyncError> {
        transact(&mut self.lock(), action).map_err(|source| self.fault(source))
    }

    /// Moves this database aside because its base is damaged, and starts a new one that keeps what can still be read
    /// of the runs and bins. The sentence to show.
    ///
    /// # Errors
    /// It can not be moved, or no new one can be made.
    pub fn start_anew(&self, now_ms: i64) -> Result<String, SyncError> {
        self.start_anew_for(now_ms, DAMAGED)
    }

    /// As [`PairDatabase::start_anew`], where the base is from before the pair's last run.
    ///
    /// # Errors
    /// As [`PairDatabase::start_anew`].
    pub fn start_anew_from_older(&self, now_ms: i64) -> Result<String, SyncError> {
        self.start_anew_for(now_ms, "was from before its last run")
    }

    fn start_anew_for(&self, now_ms: i64, why: &str) -> Result<String, SyncError> {
        let mut connection = self.lock();
        // Closed first: a file in use can not be renamed on every system.
        let memory = Connection::open_in_memory().map_err(|source| self.fault(source))?;
        drop(std::mem::replace(&mut *connection, memory));
        let notice = move_aside(&self.path, now_ms, why)?;
        *connection = made_anew(&self.path, now_ms, &notice)?;
        Ok(notice)
    }

    /// What was said when a damaged database was moved aside, or none was there any more, until a run has told it: who
    /// noticed may have been somebody who only looked.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn lost(&self) -> Result<Option<String>, SyncError> {
        let bytes = self.with(|connection| value(connection, LOST))?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// Keeps, until a run has told it, that this database is in place of one that is gone.
    ///
    /// # Errors
    /// The database refused.
    pub fn note_lost(&self, notice: &str) -> Result<(), SyncError> {
        self.write(|transaction| set_value(transaction, LOST, notice.as_bytes()))
    }

    /// Whether a run ever got so far as to write down what it goes by.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn knows_a_run(&self) -> Result<bool, SyncError> {
        self.with(|connection| Ok(value(connection, "rules")?.or(value(connection, "generation")?).is_some()))
    }

    /// From now on it was told.
    ///
    /// # Errors
    /// The database refused.
    pub fn lost_was_told(&self) -> Result<(), SyncError> {
        if self.lost()?.is_none() {
            return Ok(());
        }
        self.write(|transaction| transaction.execute("DELETE FROM meta WHERE key = ?1", [LOST]).map(drop))
    }
}

/// Makes the folder of the databases, which tell what somebody has and hold small texts: nobody else's to read, also
/// where an earlier Keepwell left it open.
fn own_folder(folder: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(folder)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let permissions = std::fs::metadata(folder)?.permissions();
        if permissions.mode() & 0o077 != 0 {
            std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))?;
        }
    }
    Ok(())
}

/// A database in place of one that was moved aside, with what can still be read of its runs and bins.
fn made_anew(path: &Path, now_ms: i64, notice: &str) -> Result<Connection, SyncError> {
    let fresh = open_sound(path)?.ok_or_else(|| SyncError::Io {
        action: "make anew",
        path: path.to_owned(),
        source: std::io::Error::other("it is damaged at once"),
    })?;
    rescue(&fresh, &aside_path(path, now_ms));
    set_value(&fresh, LOST, notice.as_bytes())
        .map_err(|source| SyncError::Database { path: path.to_owned(), source })?;
    Ok(fresh)
}

/// See [`PairDatabase::advance_base`].
fn advance_base(connection: &Connection, changes: &[BaseChange], next_id: u64) -> rusqlite::Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    // Two statements, since one that may do either keeps a copy of each page it changes.
    let mut add = connection.prepare_cached(
        "INSERT OR IGNORE INTO nodes (id, parent, name, left_name, right_name, facts)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?;
    let mut change_known = connection.prepare_cached(
        "UPDATE nodes SET parent = ?2, name = ?3, left_name = ?4, right_name = ?5, facts = ?6 WHERE id = ?1",
    )?;
    let mut remove = connection.prepare_cached("DELETE FROM nodes WHERE id = ?1 AND id > 0")?;
    for change in changes {
        match change {
            BaseChange::Put(id, node) => {
                let facts = encode(id.0, node);
                let parent = sql(node.parent.0);
                let (name, left_name, right_name) = (&node.name, &node.left_name, &node.right_name);
                let row = params![sql(id.0), parent, name, left_name, right_name, facts];
                if add.execute(row)? == 0 && change_known.execute(row)? == 0 {
                    return Err(rusqlite::Error::StatementChangedRows(0));
                }
            }
            BaseChange::Remove(id) => {
                remove.execute([sql(id.0)])?;
            }
        }
    }
    set_number(connection, "next_id", next_id)?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES ('generation', randomblob(8))")?
        .execute([])
        .map(drop)
}

/// The word of a side in the database. Never changes.
fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

/// The side of a word.
fn side_of(word: &str) -> Side {
    if word == "right" { Side::Right } else { Side::Left }
}

/// Our ids fit: they are counted up from one, and the fresh ones end below 2^63.
fn sql(id: u64) -> i64 {
    i64::try_from(id).unwrap_or(i64::MAX)
}

/// Does it all or nothing.
fn transact<T>(
    connection: &mut Connection,
    action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = action(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// A value of `meta`.
pub(crate) fn value(connection: &Connection, key: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    connection
        .prepare_cached("SELECT value FROM meta WHERE key = ?1")?
        .query_row([key], |row| row.get(0))
        .optional()
}

/// Sets a value of `meta`.
pub(crate) fn set_value(connection: &Connection, key: &str, value: &[u8]) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT OR REPLACE INTO meta (key, value) VALUES (?1, ?2)")?
        .execute(params![key, value])
        .map(drop)
}

/// The highest id of what is agreed on; 0 where that is nothing.
fn highest_id(connection: &Connection) -> rusqlite::Result<u64> {
    let highest: i64 =
        connection.prepare_cached("SELECT max(id) FROM nodes")?.query_row([], |row| row.get(0))?;
    Ok(u64::try_from(highest).unwrap_or(0))
}

fn number(connection: &Connection, key: &str) -> rusqlite::Result<Option<u64>> {
    Ok(value(connection, key)?.and_then(|bytes| bytes.try_into().ok()).map(u64::from_le_bytes))
}

fn set_number(connection: &Connection, key: &str, number: u64) -> rusqlite::Result<()> {
    set_value(connection, key, &number.to_le_bytes())
}

/// Opens a database and looks whether it is sound; nothing where it is damaged.
fn open_sound(path: &Path) -> Result<Option<Connection>, SyncError> {
    let connection =
        Connection::open(path).map_err(|source| SyncError::Database { path: path.to_owned(), source })?;
    sound(connection, path)
}

/// As [`open_sound`], of what a connection leads to.
fn sound(mut connection: Connection, path: &Path) -> Result<Option<Connection>, SyncError> {
    let fault = |source| SyncError::Database { path: path.to_owned(), source };
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    match prepare(&mut connection) {
        Ok(None) => match migrate(&mut connection, path, STEPS) {
            Ok(()) => Ok(Some(connection)),
            Err(error) if error.is_damage() => Ok(None),
            Err(error) => Err(error),
        },
        Ok(Some(found)) if found > CURRENT => {
            Err(SyncError::Newer { path: path.to_owned(), found, known: CURRENT })
        }
        Ok(Some(_)) => Ok(None),
        Err(error) if is_damage(&error) => Ok(None),
        Err(error) => Err(fault(error)),
    }
}

/// The settings; the number of the format found where it is not one to be used.
fn prepare(connection: &mut Connection) -> rusqlite::Result<Option<i64>> {
    // Looked at in one transaction: somebody else may be making the tables just now.
    let look = connection.transaction()?;
    let tables: i64 = look.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    let found: i64 = look.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = look.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    look.finish()?;
    if found > CURRENT || (tables > 0 && application != APPLICATION_ID) {
        return Ok(Some(found));
    }
    connection.set_prepared_statement_cache_capacity(64);
    // A statement that is kept is not planned again for other values: no statistics are kept that could tell more then.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -CACHE_KIB)?;
    connection.pragma_update(None, "foreign_keys", true)?;
    Ok(None)
}

fn aside_path(path: &Path, now_ms: i64) -> PathBuf {
    path.with_extension(format!("damaged-{now_ms}.sqlite"))
}

/// Moves a database that can not be used and its journal out of the way. The sentence to show.
fn move_aside(path: &Path, now_ms: i64, why: &str) -> Result<String, SyncError> {
    let aside = aside_path(path, now_ms);
    for suffix in ["", "-wal", "-shm"] {
        let with_suffix = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (from, to) = (with_suffix(path), with_suffix(&aside));
        match std::fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(SyncError::Io { action: "move aside", path: from, source }),
        }
    }
    tracing::error!(path = %aside.display(), why, "a pair database was moved aside");
    Ok(format!(
        "What this pair last agreed on {why}; it was moved to {}. Both places are compared by content now, and \
         nothing is removed because of it.",
        aside.display()
    ))
}

/// Takes over runs, journal and bin from a damaged database as far as they can be read: what lies in the bins should
/// stay within reach. Silent where that fails: the files themselves are still in the bins.
fn rescue(fresh: &Connection, damaged: &Path) {
    let attached = fresh.execute("ATTACH DATABASE ?1 AS damaged", [damaged.to_string_lossy()]);
    if attached.is_err() {
        return;
    }
    let tables: BTreeMap<&str, bool> = ["runs", "journal", "metadata_before", "attributes", "bin"]
        .into_iter()
        .map(|table| (table, take_over(fresh, table).is_ok()))
        .collect();
    let next_id = free_id(fresh);
    let ids_are_new = set_number(fresh, "next_id", next_id).is_ok();
    tracing::warn!(
        ?tables,
        next_id,
        ids_are_new,
        "what could be read of the damaged pair database was taken over"
    );
    let _detached = fresh.execute("DETACH DATABASE damaged", []);
}

/// Takes over a table, with the columns that both formats have.
fn take_over(fresh: &Connection, table: &str) -> rusqlite::Result<()> {
    let columns: Vec<String> = fresh
        .prepare(
            "SELECT ours.name FROM pragma_table_info(?1, 'main') AS ours
             JOIN pragma_table_info(?1, 'damaged') AS theirs ON ours.name = theirs.name",
        )?
        .query_map([table], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let columns = columns.join(", ");
    let sql = format!("INSERT OR IGNORE INTO main.{table} ({columns}) SELECT {columns} FROM damaged.{table}");
    fresh.execute(&sql, []).map(drop)
}

/// An id that no node had in the damaged database, as far as that can be read: journal and bin name nodes, and what is
/// agreed on from now on is none of them.
fn free_id(fresh: &Connection) -> u64 {
    let kept =
        || fresh.query_row("SELECT value FROM damaged.meta WHERE key = 'next_id'", [], |row| row.get(0));
    let kept = kept().ok().and_then(|bytes: Vec<u8>| bytes.try_into().ok()).map(u64::from_le_bytes);
    let highest =
        [("id", "damaged.nodes"), ("node", "main.journal"), ("node", "main.bin")].map(|(id, table)| {
            let highest = format!("SELECT max({id}) FROM {table} WHERE {id} < ?1");
            let highest =
                fresh.query_row(&highest, [sql(NodeId::FRESH_LEFT)], |row| row.get::<_, Option<i64>>(0));
            highest.ok().flatten().and_then(|id| u64::try_from(id).ok()).map_or(1, |id| id + 1)
        });
    highest.into_iter().chain(kept).max().unwrap_or(1)
}
