//! The database of a pair, opened by many at the same time: by a run, and by whoever looks at the pair meanwhile. And a
//! pair that is opened again with what is remembered of it.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Barrier;

use home::Home;
use keepwell_model::{JobId, PairId};
use keepwell_sync::{PairDatabase, Remembered, Side, Syncer};

#[test]
fn a_database_that_many_open_at_once_is_made_once_and_never_taken_for_damaged() {
    const OPENERS: usize = 8;
    for _ in 0..10 {
        let folder = tempfile::tempdir().unwrap();
        let together = Barrier::new(OPENERS);
        let open = || {
            together.wait();
            PairDatabase::open(folder.path(), PairId([7; 16]), 1).map(|(_, notices)| notices)
        };
        let opened: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        for result in opened {
            assert_eq!(result.unwrap(), Vec::<String>::new());
        }
    }
}

/// The files of a pair that both sides agreed on.
fn agreed(syncer: &Syncer) -> Vec<String> {
    let ids = syncer.base().iter().map(|(id, _)| id);
    let mut paths: Vec<String> =
        ids.filter_map(|id| syncer.base().path_on(Side::Left, id)).map(|path| path.to_string()).collect();
    paths.sort();
    paths
}

/// A run of the pair with a file more; what is remembered of it.
fn run_with_new(home: &mut Home, file: &str) -> Remembered {
    home.write(&format!("left/{file}"), file);
    let mut syncer = home.open();
    home.run_with(&mut syncer).unwrap();
    syncer.close().unwrap()
}

fn database(home: &Home) -> PathBuf {
    PairDatabase::path_of(&home.path("state"), home.pair.id)
}

#[test]
fn what_is_remembered_of_a_pair_is_not_read_again() {
    let mut home = Home::new();
    let remembered = run_with_new(&mut home, "a");
    assert_eq!((remembered.pair(), remembered.items()), (home.pair.id, 1));
    // No step of a run: so it says the same as before, and nobody sees it who does not read.
    let connection = rusqlite::Connection::open(database(&home)).unwrap();
    connection.execute("DELETE FROM nodes WHERE id > 0", []).unwrap();
    let syncer = Syncer::open_again(home.options(), Some(remembered)).unwrap();
    assert_eq!(agreed(&syncer), ["a"]);
    drop(syncer);
    assert_eq!(agreed(&home.open()), [""; 0]);
}

#[test]
fn what_is_remembered_of_a_pair_does_not_count_after_somebody_else_ran_it() {
    let mut home = Home::new();
    let remembered = run_with_new(&mut home, "a");
    home.write("left/b", "b");
    home.run();
    let syncer = Syncer::open_again(home.options(), Some(remembered)).unwrap();
    assert_eq!(agreed(&syncer), ["a", "b"]);
}

#[test]
fn what_is_remembered_of_a_pair_does_not_count_in_a_database_that_was_put_back_and_went_on() {
    let mut home = Home::new();
    drop(run_with_new(&mut home, "a"));
    let copy = home.path("copy");
    fs::copy(database(&home), &copy).unwrap();
    let remembered = run_with_new(&mut home, "b");
    for side in ["left", "right"] {
        fs::remove_file(home.path(side).join("b")).unwrap();
    }
    fs::copy(&copy, database(&home)).unwrap();
    // As many steps as the run had whose end is remembered.
    drop(run_with_new(&mut home, "c"));
    let syncer = Syncer::open_again(home.options(), Some(remembered)).unwrap();
    assert_eq!(agreed(&syncer), ["a", "c"]);
}

#[test]
fn what_is_remembered_of_one_pair_is_not_of_another() {
    let mut home = Home::new();
    let remembered = run_with_new(&mut home, "a");
    home.pair.id = PairId([8; 16]);
    let syncer = Syncer::open_again(home.options(), Some(remembered)).unwrap();
    assert_eq!(agreed(&syncer), [""; 0]);
}

/// Overwrites the first page of a table, as a failing disk does.
fn damage(database: &Path, table: &str) {
    let connection = rusqlite::Connection::open(database).unwrap();
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).unwrap();
    let page = number(&format!("SELECT rootpage FROM sqlite_schema WHERE name = '{table}'"));
    let size = number("PRAGMA page_size");
    connection.pragma_update(None, "journal_mode", "DELETE").unwrap();
    drop(connection);
    let mut bytes = fs::read(database).unwrap();
    let start = usize::try_from((page - 1) * size).unwrap();
    bytes[start..start + 200].fill(0xff);
    fs::write(database, bytes).unwrap();
}

/// Not only what was agreed on can be damaged: the run that comes upon it fails, the one after it goes on.
#[test]
fn damage_in_any_table_ends_one_run_and_is_told_by_the_next() {
    for table in ["bin", "bin_unsettled", "conflicts_by_path", "runs", "moving", "open_files", "journal"] {
        let mut home = Home::new();
        home.write("left/file", "1");
        home.write("left/goes", "1");
        home.run();
        fs::remove_file(home.path("left/goes")).unwrap();
        home.run();
        damage(&database(&home), table);
        home.write("left/file", "two");
        let mut told = Vec::new();
        for _ in 0..3 {
            // As a person does who is told to run it again.
            let Ok(mut syncer) = Syncer::open(home.options()) else { continue };
            told.extend_from_slice(syncer.notices());
            if home.run_with(&mut syncer).is_ok() {
                break;
            }
        }
        assert_eq!(told.len(), 1, "{table}: {told:?}");
        home.run();
        // Where it was not carried over before, nobody knows any more which of the two is the new one: it waits.
        let both = ["left/file", "right/file"].map(|path| home.read(path));
        let waiting = home.open().database().conflicts().unwrap().len();
        let two = || Some("two".to_owned());
        assert!(both == [two(), two()] || (both[0] == two() && waiting == 1), "{table}: {both:?}");
    }
}

/// What a bin or a journal that was taken over says of a node is never said of another one.
#[test]
fn ids_of_nodes_are_not_given_again_after_damage() {
    let mut home = Home::new();
    for name in ["a", "b", "c"] {
        home.write(&format!("left/{name}"), name);
    }
    home.run();
    fs::remove_file(home.path("left/c")).unwrap();
    home.run();
    let before: Vec<_> = home.open().base().iter().map(|(id, _)| id).collect();
    let journal = home.open().database().next_id().unwrap();
    damage(&database(&home), "nodes");
    home.run();
    let syncer = home.open();
    assert_eq!(agreed(&syncer), ["a", "b"]);
    for (id, _) in syncer.base().iter() {
        assert!(!before.contains(&id) && id.0 >= journal, "{id:?} {before:?}");
    }
}

/// The clock was ahead for a while: none of the many runs of then stands in the way of those that come.
#[test]
fn a_run_is_not_forgotten_for_being_older_than_those_of_a_clock_that_was_ahead() {
    let home = Home::new();
    let syncer = home.open();
    for number in 0..1_100_u32 {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_le_bytes());
        syncer.database().begin_run(JobId(id), 9_000_000_000_000 + i64::from(number)).unwrap();
    }
    let now = JobId([0xee; 16]);
    syncer.database().begin_run(now, 1).unwrap();
    let runs = syncer.database().runs(0, 2_000).unwrap();
    assert_eq!(runs.len(), 1_000);
    assert!(runs.iter().any(|run| run.id == now));
}

#[cfg(unix)]
#[test]
fn what_keepwell_keeps_of_a_pair_is_nobody_elses_to_read() {
    use std::os::unix::fs::PermissionsExt;
    let mut home = Home::new();
    fs::create_dir_all(home.path("state/sync")).unwrap();
    fs::set_permissions(home.path("state/sync"), fs::Permissions::from_mode(0o755)).unwrap();
    home.write("left/letters/secret", "Dear Ada");
    home.run();
    fs::remove_file(home.path("left/letters/secret")).unwrap();
    home.run();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(home.path("state/sync")), 0o700);
    let bins: Vec<_> = fs::read_dir(home.path("right/.keepwell/bin")).unwrap().collect();
    assert_eq!(bins.len(), 1);
    assert_eq!(mode(bins.into_iter().next().unwrap().unwrap().path()), 0o700);
}
