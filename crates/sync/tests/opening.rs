//! The database of a pair, opened by many at the same time: by a run, and by whoever looks at the pair meanwhile. And a
//! pair that is opened again with what is remembered of it.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;

use std::fs;
use std::path::PathBuf;
use std::sync::Barrier;

use home::Home;
use keepwell_model::PairId;
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
