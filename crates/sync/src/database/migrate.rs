//! Bringing the database of a pair to the format of this Keepwell, with a whole copy of the old one made first: what a
//! newer Keepwell wrote is refused by an older one, and who goes back to that has the copy.
//!
//! Invariants: all steps or none; the copy has its name only when it is whole and on the disk, and is made while nobody
//! else can write; a pair has one copy at most, of before the newest format it was brought to. The catalog does the same
//! for itself; neither crate knows the other. Deliberately not here: the steps (`schema`), damage and newer formats
//! (`open_sound`).

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use rusqlite::{Connection, TransactionBehavior};

use super::schema::APPLICATION_ID;
use crate::error::SyncError;

/// What a copy's ending begins with, behind the id of the pair.
const BEFORE: &str = "before-format-";

/// Brings a database to the format the steps lead to.
pub(super) fn migrate(connection: &mut Connection, path: &Path, steps: &[&str]) -> Result<(), SyncError> {
    let fault = |source| SyncError::Database { path: path.to_owned(), source };
    let known = i64::try_from(steps.len()).unwrap_or(i64::MAX);
    let format_of =
        |connection: &Connection| connection.query_row("PRAGMA user_version", [], |row| row.get::<_, i64>(0));
    if format_of(connection).map_err(fault)? >= known {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(fault)?;
    // Another one who opened it at the same time may have been first.
    let found = format_of(&transaction).map_err(fault)?;
    // One in memory, of a simulation, has nothing to go back to.
    if (1..known).contains(&found) && transaction.path() != Some("") {
        copy(path, known)?;
    }
    let bring = || -> rusqlite::Result<()> {
        for step in steps.iter().skip(usize::try_from(found).unwrap_or(0)) {
            transaction.execute_batch(step)?;
        }
        transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
        transaction.pragma_update(None, "user_version", known.max(found))
    };
    bring().map_err(fault)?;
    transaction.commit().map_err(fault)?;
    if found > 0 {
        let newest = copy_path(path, known);
        copies(path).filter(|copy| *copy != newest).for_each(|copy| {
            // It is of no use any more, and does no harm.
            let _ = fs::remove_file(copy);
        });
    }
    Ok(())
}

/// Where the copy is of a database before it was brought to a format.
fn copy_path(path: &Path, format: i64) -> PathBuf {
    path.with_extension(format!("{BEFORE}{format}.sqlite"))
}

/// The copies there are of a pair's database, and what is left of one whose process died.
pub(super) fn copies(path: &Path) -> impl Iterator<Item = PathBuf> {
    let pair = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let beside = path.parent().and_then(|folder| fs::read_dir(folder).ok()).into_iter().flatten();
    beside.flatten().map(|entry| entry.path()).filter(move |beside| {
        let name = beside.file_name().unwrap_or_default().to_string_lossy();
        name.strip_prefix(&pair).is_some_and(|rest| rest.starts_with(&format!(".{BEFORE}")))
    })
}

/// Copies the database, whole, to a file that only the person may read. Read through another connection: the one that
/// keeps others from writing is in the midst of a transaction, in which SQLite copies nothing.
fn copy(path: &Path, format: i64) -> Result<(), SyncError> {
    let copy = copy_path(path, format);
    let unfinished = copy.with_extension("unfinished");
    let io = |action| {
        let path = unfinished.clone();
        move |source| SyncError::Io { action, path, source }
    };
    match fs::remove_file(&unfinished) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(io("remove")(error)),
        _ => {}
    }
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(&unfinished).map_err(io("make"))?;
    Connection::open(path)
        .and_then(|reader| reader.execute("VACUUM INTO ?1", [unfinished.to_string_lossy()]))
        .map_err(|source| SyncError::Database { path: path.to_owned(), source })?;
    file.sync_all().map_err(io("write"))?;
    drop(file);
    fs::rename(&unfinished, &copy).map_err(io("rename"))
}

#[cfg(test)]
mod tests {
    use keepwell_model::PairId;

    use super::super::schema::{CURRENT, STEPS};
    use super::super::{PairDatabase, value};
    use super::*;

    const PAIR: PairId = PairId([7; 16]);

    /// A database of an older format, with something in it.
    fn older(state_folder: &Path, format: usize) -> PathBuf {
        let path = PairDatabase::path_of(state_folder, PAIR);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut connection = Connection::open(&path).unwrap();
        migrate(&mut connection, &path, &STEPS[..format]).unwrap();
        connection.execute("INSERT INTO meta (key, value) VALUES ('left.volume', x'61')", []).unwrap();
        path
    }

    fn format(path: &Path) -> i64 {
        let connection = Connection::open(path).unwrap();
        assert_eq!(value(&connection, "left.volume").unwrap().as_deref(), Some(&b"a"[..]));
        connection.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
    }

    fn names(path: &Path) -> Vec<String> {
        let mut names: Vec<_> =
            copies(path).map(|copy| copy.extension().unwrap().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    #[test]
    fn before_the_format_changes_a_whole_copy_is_made_that_only_the_person_may_read() {
        let home = tempfile::tempdir().unwrap();
        let path = older(home.path(), 3);
        let copy = copy_path(&path, CURRENT);
        fs::write(copy.with_extension("unfinished"), "torn").unwrap();
        let (database, notices) = PairDatabase::open(home.path(), PAIR, 1).unwrap();
        assert_eq!((notices, format(&path), format(&copy)), (Vec::new(), CURRENT, 3));
        assert_eq!(names(&path), ["sqlite"], "nothing unfinished is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
        }
        drop(database);
        // No copy is made of what is new already, and none outlives its pair.
        fs::remove_file(&copy).unwrap();
        PairDatabase::open(home.path(), PAIR, 1).unwrap();
        assert_eq!(names(&path), [""; 0]);
        fs::write(&copy, "").unwrap();
        PairDatabase::remove(home.path(), PAIR);
        assert_eq!(names(&path), [""; 0]);
    }

    #[test]
    fn a_step_that_fails_changes_nothing_and_copies_do_not_pile_up() {
        let home = tempfile::tempdir().unwrap();
        let path = older(home.path(), STEPS.len());
        let mut connection = Connection::open(&path).unwrap();
        let broken = [STEPS, &["DROP TABLE moving; CREATE TABLE broken (x) nonsense"]].concat();
        assert!(migrate(&mut connection, &path, &broken).is_err());
        assert_eq!(format(&path), CURRENT);
        assert!(connection.prepare("SELECT * FROM moving").is_ok());
        for extra in 1..4 {
            let next = [STEPS, &["SELECT 1"; 3][..extra]].concat();
            migrate(&mut connection, &path, &next).unwrap();
            let newest = copy_path(&path, CURRENT + extra as i64);
            assert_eq!(copies(&path).collect::<Vec<_>>(), std::slice::from_ref(&newest));
            assert_eq!(format(&newest), CURRENT + extra as i64 - 1);
        }
    }

    #[test]
    fn of_many_who_open_it_at_once_one_copies_and_changes_it() {
        let home = tempfile::tempdir().unwrap();
        let path = older(home.path(), 3);
        let open = || PairDatabase::open(home.path(), PAIR, 1).map(|(_, notices)| notices);
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for result in opened {
            assert_eq!(result.unwrap(), Vec::<String>::new());
        }
        assert_eq!((format(&path), format(&copy_path(&path, CURRENT))), (CURRENT, 3));
    }

    #[test]
    fn what_can_not_be_copied_is_not_brought_to_another_format() {
        let home = tempfile::tempdir().unwrap();
        let path = older(home.path(), 3);
        // Something that is no file has the name.
        fs::create_dir(copy_path(&path, CURRENT)).unwrap();
        let error = PairDatabase::open(home.path(), PAIR, 1).unwrap_err();
        assert!(error.to_string().contains(BEFORE), "{error}");
        assert_eq!(format(&path), 3);
    }
}
