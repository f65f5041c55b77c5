//! Opening the database: who may, whether it is sound, whether it has to be brought to a newer format.
//!
//! Invariants: opening is done by one process at a time (`catalog.lock`); a damaged file is moved aside under a name
//! that tells when, and the caller is told; before a format changes, a copy of the old one is made.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::Duration;

use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::error::CatalogError;
use crate::migrations::{APPLICATION_ID, CURRENT, STEPS};

/// How long a writer waits for another process's transaction. Ours take milliseconds.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database, shared by all threads of the process.
#[derive(Debug)]
pub struct Catalog {
    connection: Mutex<Connection>,
    path: PathBuf,
    state_folder: PathBuf,
}

/// A catalog that was opened, and what the person has to know about it.
#[derive(Debug)]
pub struct Opened {
    /// The catalog.
    pub catalog: Catalog,
    /// Sentences to show, for instance that a damaged database was moved aside.
    pub notices: Vec<String>,
}

impl Catalog {
    /// Opens (or makes) the catalog in the state folder.
    ///
    /// # Errors
    /// It was made by a newer Keepwell, belongs to another program, or can not be read or written.
    pub fn open(state_folder: &Path, now_ms: i64) -> Result<Opened, CatalogError> {
        let io = |action, path: &Path| {
            let path = path.to_owned();
            move |source| CatalogError::Io { action, path, source }
        };
        crate::private_file::create_private_folder(state_folder).map_err(io("make", state_folder))?;
        let lock_path = state_folder.join("catalog.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(io("open", &lock_path))?;
        lock.lock().map_err(io("lock", &lock_path))?;

        let path = state_folder.join("catalog.sqlite");
        let mut notices = Vec::new();
        let connection = match open_sound(&path)? {
            Some(connection) => connection,
            None => {
                let aside = move_aside(&path, now_ms)?;
                notices.push(format!(
                    "Keepwell's own list of places and plans was damaged and was moved to {}. A new one was started. \
                     Your backups are not touched: add each place again with its password or recovery key.",
                    aside.display()
                ));
                tracing::error!(path = %aside.display(), "a damaged catalog was moved aside");
                open_sound(&path)?.ok_or_else(|| CatalogError::Unreadable {
                    path: path.clone(),
                    what: "a new database is damaged at once".to_owned(),
                })?
            }
        };
        let mut catalog =
            Self { connection: Mutex::new(connection), path, state_folder: state_folder.to_owned() };
        catalog.migrate(STEPS)?;
        Ok(Opened { catalog, notices })
    }

    /// The state folder it lives in.
    #[must_use]
    pub fn state_folder(&self) -> &Path {
        &self.state_folder
    }

    /// Changes when another connection wrote something: the cheapest way to notice other processes.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn data_version(&self) -> Result<i64, CatalogError> {
        self.with(|connection| connection.query_row("PRAGMA data_version", [], |row| row.get(0)))
    }

    /// Writes a whole copy of the database to a new file.
    ///
    /// # Errors
    /// The file exists or can not be written.
    pub fn copy_to(&self, target: &Path) -> Result<(), CatalogError> {
        let name = target.to_string_lossy().into_owned();
        self.with(|connection| connection.execute("VACUUM INTO ?1", [name]).map(drop))
    }

    /// Brings the database to the format the steps lead to. All or nothing; a copy of the old one is made first.
    fn migrate(&mut self, steps: &[&str]) -> Result<(), CatalogError> {
        let path = self.path.clone();
        let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
        let found: i64 =
            self.with(|connection| connection.query_row("PRAGMA user_version", [], |row| row.get(0)))?;
        if found > known {
            return Err(CatalogError::Newer { path, found, known });
        }
        if found == known {
            return Ok(());
        }
        if found > 0 {
            let copy = path.with_file_name(format!("catalog.before-format-{known}.sqlite"));
            if !copy.exists() {
                self.copy_before_migration(&copy)?;
            }
        }
        self.write(|transaction| {
            for step in steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
                transaction.execute_batch(step)?;
            }
            transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
            transaction.pragma_update(None, "user_version", known)
        })
    }

    /// Makes a copy that only the person may read, under its name when it is whole: one of a process that died is none.
    fn copy_before_migration(&self, copy: &Path) -> Result<(), CatalogError> {
        let unfinished = copy.with_extension("unfinished");
        let io = |action| {
            let path = unfinished.clone();
            move |source| CatalogError::Io { action, path, source }
        };
        match fs::remove_file(&unfinished) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("remove")(error)),
            _ => {}
        }
        crate::private_file::create_private_file(&unfinished).map_err(io("make"))?;
        self.copy_to(&unfinished)?;
        fs::rename(&unfinished, copy).map_err(io("rename"))
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock()
    }

    /// Turns what SQLite says into our error.
    pub(crate) fn fault(&self, source: rusqlite::Error) -> CatalogError {
        CatalogError::Database { path: self.path.clone(), source }
    }

    /// A row that makes no sense.
    pub(crate) fn unreadable(&self, what: impl Into<String>) -> CatalogError {
        CatalogError::Unreadable { path: self.path.clone(), what: what.into() }
    }

    /// Reads.
    pub(crate) fn with<T>(
        &self,
        action: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogError> {
        action(&self.lock()).map_err(|source| self.fault(source))
    }

    /// As [`Catalog::write`], but nobody waits for the disk: for what only speaks of living processes, or is followed by a
    /// write that waits. A loss of power may take it back, but never a later write without it: the log is one file, and
    /// whoever waits for its end waits for all of it.
    pub(crate) fn write_soon<T>(
        &self,
        action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogError> {
        let mut connection = self.lock();
        let run = || -> rusqlite::Result<T> {
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            transact(&mut connection, action)
        };
        run().map_err(|source| self.fault(source))
    }

    /// Writes, all or nothing. Takes the write lock at once, so that two processes never deadlock halfway.
    pub(crate) fn write<T>(
        &self,
        action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, CatalogError> {
        let mut connection = self.lock();
        let run = || -> rusqlite::Result<T> {
            // Said each time, so that nothing depends on how the write before ended.
            connection.pragma_update(None, "synchronous", "FULL")?;
            transact(&mut connection, action)
        };
        run().map_err(|source| self.fault(source))
    }
}

fn transact<T>(
    connection: &mut Connection,
    action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let value = action(&transaction)?;
    transaction.commit()?;
    Ok(value)
}

/// Opens a database and looks whether it is sound; nothing where it is damaged.
fn open_sound(path: &Path) -> Result<Option<Connection>, CatalogError> {
    let fault = |source| CatalogError::Database { path: path.to_owned(), source };
    let is_new = !path.exists();
    if is_new {
        crate::private_file::create_private_file(path).map_err(|source| CatalogError::Io {
            action: "make",
            path: path.to_owned(),
            source,
        })?;
    }
    let connection = Connection::open(path).map_err(fault)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(fault)?;
    match examine(&connection) {
        Ok(Examined::Sound) => Ok(Some(connection)),
        Ok(Examined::Damaged) => Ok(None),
        Ok(Examined::Newer(found)) => {
            Err(CatalogError::Newer { path: path.to_owned(), found, known: CURRENT })
        }
        Ok(Examined::Foreign) => Err(CatalogError::Foreign { path: path.to_owned() }),
        Err(error) => match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(None),
            _ => Err(fault(error)),
        },
    }
}

enum Examined {
    Sound,
    Damaged,
    Newer(i64),
    Foreign,
}

fn examine(connection: &Connection) -> rusqlite::Result<Examined> {
    // The format is asked first: what a newer one looks like inside is not ours to judge.
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let application: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    let tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables > 0 && application != APPLICATION_ID {
        return Ok(Examined::Foreign);
    }
    if found > CURRENT {
        return Ok(Examined::Newer(found));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Settings and finished jobs must survive a power cut; there are few writes, so the price is small.
    connection.pragma_update(None, "synchronous", "FULL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let verdict: String = connection.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok(if verdict == "ok" { Examined::Sound } else { Examined::Damaged })
}

/// Moves a damaged database and its journal out of the way.
fn move_aside(path: &Path, now_ms: i64) -> Result<PathBuf, CatalogError> {
    let aside = path.with_file_name(format!("catalog.damaged-{now_ms}.sqlite"));
    for suffix in ["", "-wal", "-shm"] {
        let with_suffix = |path: &Path| {
            let mut name = path.as_os_str().to_owned();
            name.push(suffix);
            PathBuf::from(name)
        };
        let (from, to) = (with_suffix(path), with_suffix(&aside));
        match fs::rename(&from, &to) {
            Ok(()) => {}
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(source) => return Err(CatalogError::Io { action: "move aside", path: from, source }),
        }
    }
    Ok(aside)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_damaged_catalog_is_moved_aside_and_told() {
        let home = tempfile::tempdir().unwrap();
        {
            let opened = Catalog::open(home.path(), 1).unwrap();
            assert!(opened.notices.is_empty());
            for number in 0..200 {
                opened.catalog.set_setting(&format!("key-{number}"), &"x".repeat(200)).unwrap();
            }
        }
        let path = home.path().join("catalog.sqlite");
        let mut bytes = fs::read(&path).unwrap();
        bytes[4096..].fill(0x5a);
        fs::write(&path, &bytes).unwrap();

        let opened = Catalog::open(home.path(), 77).unwrap();
        assert_eq!(opened.notices.len(), 1);
        assert!(opened.notices[0].contains("catalog.damaged-77.sqlite"));
        assert_eq!(fs::read(home.path().join("catalog.damaged-77.sqlite")).unwrap(), bytes);
        assert_eq!(opened.catalog.setting("key-1").unwrap(), None);
    }

    #[test]
    fn rubbish_instead_of_a_database_is_moved_aside() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("catalog.sqlite"), "this was never a database, not for one moment")
            .unwrap();
        assert_eq!(Catalog::open(home.path(), 5).unwrap().notices.len(), 1);
    }

    #[test]
    fn a_newer_catalog_is_refused_and_left_alone() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("catalog.sqlite");
        drop(Catalog::open(home.path(), 1).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 999).unwrap();
        let error = Catalog::open(home.path(), 2).unwrap_err();
        assert!(matches!(error, CatalogError::Newer { found: 999, .. }), "{error}");
        assert!(error.to_string().contains("newer Keepwell"));
        assert!(path.exists());
    }

    #[test]
    fn a_database_of_another_program_is_not_taken_over() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("catalog.sqlite");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(Catalog::open(home.path(), 1), Err(CatalogError::Foreign { .. })));
    }

    #[test]
    fn before_the_format_changes_a_copy_is_made_and_a_failed_step_changes_nothing() {
        let home = tempfile::tempdir().unwrap();
        let mut catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        catalog.set_setting("greeting", "hello").unwrap();
        let next = [STEPS, &["DROP TABLE settings; CREATE TABLE broken (x) nonsense"]].concat();
        let unfinished = home.path().join(format!("catalog.before-format-{}.unfinished", next.len()));
        std::fs::write(&unfinished, "torn").unwrap();
        assert!(catalog.migrate(&next).is_err());
        assert_eq!(catalog.setting("greeting").unwrap().as_deref(), Some("hello"));

        let next = [STEPS, &["DROP TABLE settings"]].concat();
        catalog.migrate(&next).unwrap();
        assert!(catalog.setting("greeting").is_err(), "the new format has no settings");
        let copy = home.path().join(format!("catalog.before-format-{}.sqlite", next.len()));
        let value: String = Connection::open(&copy)
            .unwrap()
            .query_row("SELECT value FROM settings WHERE key = 'greeting'", [], |row| row.get(0))
            .unwrap();
        assert_eq!(value, "hello");
        assert!(!unfinished.exists(), "what a process that died left is no copy");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(catalog);
        assert!(matches!(Catalog::open(home.path(), 2), Err(CatalogError::Newer { .. })));
    }

    #[test]
    fn two_processes_see_each_other_s_writes() {
        let home = tempfile::tempdir().unwrap();
        let one = Catalog::open(home.path(), 1).unwrap().catalog;
        let two = Catalog::open(home.path(), 1).unwrap().catalog;
        let before = two.data_version().unwrap();
        one.set_setting("a", "1").unwrap();
        assert_ne!(two.data_version().unwrap(), before);
        assert_eq!(two.setting("a").unwrap().as_deref(), Some("1"));
    }
}
