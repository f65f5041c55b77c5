//! Where the database of a simulated pair lies: in memory, or in a file.
//!
//! Most of a small run would be opening the file and closing it again. So the connection is made once for all seeds of a
//! thread and stays open from run to run, in memory: what a run that was killed had not committed is taken back, as its
//! death would. A run whose power goes has the database in a file, of which what the disk had at some step is put back;
//! and some seeds have it there in each of their runs, opened anew by each as in earnest, and have to end as in memory.
//! Invariant: a seed finds a database as a new pair has it, wherever it lies. Deliberately not here: what goes wrong.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use keepwell_model::PairId;
use keepwell_sync::PairDatabase;
use rusqlite::Connection;

/// The one pair of every simulation.
pub const PAIR: PairId = PairId([7; 16]);

/// Where a seed has the database.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kept {
    InMemory,
    InFile,
}

/// What one thread has for all of its seeds.
pub struct Room {
    folder: tempfile::TempDir,
    /// The database in memory, as runs have it.
    memory: Arc<PairDatabase>,
    address: String,
    /// Another connection to it, which also sees that of a new pair.
    beside: Connection,
    tables: Vec<String>,
}

impl Room {
    pub fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = state_folder();
        let address = |name: &str| format!("file:/simulation-{number}-{name}?vfs=memdb");
        let on = |name: &str| {
            PairDatabase::on(Connection::open(address(name)).unwrap(), folder.path(), PAIR).unwrap()
        };
        let (memory, new) = (Arc::new(on("memory")), on("new"));
        let beside = Connection::open(address("memory")).unwrap();
        attach(&beside, "new", &address("new"));
        drop(new);
        let tables = {
            let mut names = beside.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
            let names = names.query_map([], |row| row.get(0)).unwrap();
            names.map(|name| name.unwrap()).collect()
        };
        Self { folder, memory, address: address("memory"), beside, tables }
    }

    /// The folder of the program's own state.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The folder of the file.
    pub fn databases(&self) -> PathBuf {
        self.folder().join("sync")
    }

    /// From now on it is another pair, which has nothing yet.
    pub fn begin(&self, kept: Kept) {
        match kept {
            Kept::InMemory => self.copy(&self.beside, "new", "main"),
            Kept::InFile => new_files().put_into(&self.databases()),
        }
    }

    /// The database, as something that is done with it opens it.
    pub fn open(&self, kept: Kept) -> Arc<PairDatabase> {
        match kept {
            Kept::InMemory => Arc::clone(&self.memory),
            Kept::InFile => Arc::new(PairDatabase::open(self.folder(), PAIR, 0).unwrap().0),
        }
    }

    /// The file has what is in memory.
    pub fn memory_into_file(&self) {
        new_files().put_into(&self.databases());
        self.copy(&self.file_beside_memory(), "memory", "main");
    }

    /// Memory has what is in the file.
    pub fn file_into_memory(&self) {
        self.copy(&self.file_beside_memory(), "main", "memory");
    }

    fn file_beside_memory(&self) -> Connection {
        let file = Connection::open(PairDatabase::path_of(self.folder(), PAIR)).unwrap();
        attach(&file, "memory", &self.address);
        file
    }

    /// Every row of one in the place of those of another.
    fn copy(&self, connection: &Connection, from: &str, to: &str) {
        let transaction = connection.unchecked_transaction().unwrap();
        for table in &self.tables {
            let clear = format!("DELETE FROM {to}.{table}");
            let fill = format!("INSERT INTO {to}.{table} SELECT * FROM {from}.{table}");
            transaction.prepare_cached(&clear).unwrap().execute([]).unwrap();
            transaction.prepare_cached(&fill).unwrap().execute([]).unwrap();
        }
        transaction.commit().unwrap();
    }
}

/// Another database is seen too, to copy whole tables.
fn attach(connection: &Connection, name: &str, address: &str) {
    connection.set_prepared_statement_cache_capacity(64);
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute(&format!("ATTACH DATABASE ?1 AS {name}"), [address]).unwrap();
}

/// A folder in memory where the system has such a place.
fn state_folder() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// A new database is always the same: it is made once.
fn new_files() -> &'static Files {
    static NEW: OnceLock<Files> = OnceLock::new();
    NEW.get_or_init(|| {
        let made = state_folder();
        drop(PairDatabase::open(made.path(), PAIR, 0).unwrap());
        Files::of(&made.path().join("sync"))
    })
}

/// The files of a database, as a disk has them that lost its power.
pub struct Files(Vec<(OsString, Vec<u8>)>);

impl Files {
    pub fn of(folder: &Path) -> Self {
        let found = std::fs::read_dir(folder).into_iter().flatten();
        let files = found.map(|file| file.unwrap());
        // The index of the log lies in memory only.
        let kept = files.filter(|file| !file.file_name().to_string_lossy().ends_with("-shm"));
        Self(kept.map(|file| (file.file_name(), std::fs::read(file.path()).unwrap())).collect())
    }

    pub fn put_into(&self, folder: &Path) {
        let _ = std::fs::remove_dir_all(folder);
        std::fs::create_dir_all(folder).unwrap();
        for (name, content) in &self.0 {
            std::fs::write(folder.join(name), content).unwrap();
        }
    }
}
