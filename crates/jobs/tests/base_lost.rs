//! A pair's database that is not the one of its last run: empty, or put back from before.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/house.rs"]
mod house;

use std::fs;
use std::path::PathBuf;

use house::{House, PAIR, Room};
use keepwell_catalog::JobState;
use keepwell_jobs::standing::PairState;
use keepwell_jobs::{BinRemoval, Origin};
use keepwell_model::{JobId, Problem};
use keepwell_sync::{BinWish, PairDatabase};

fn database(room: &Room) -> PathBuf {
    PairDatabase::path_of(&room.path("state"), PAIR)
}

/// Puts this in the place of the database, with no write-ahead log.
fn put(room: &Room, content: &[u8]) {
    for end in ["sqlite-wal", "sqlite-shm"] {
        let _ = fs::remove_file(database(room).with_extension(end));
    }
    fs::write(database(room), content).unwrap();
}

/// The database as it is now, and its write-ahead log.
fn copied(room: &Room) -> [Option<Vec<u8>>; 2] {
    ["sqlite", "sqlite-wal"].map(|end| fs::read(database(room).with_extension(end)).ok())
}

fn put_back(room: &Room, [file, log]: &[Option<Vec<u8>>; 2]) {
    put(room, file.as_ref().unwrap());
    if let Some(log) = log {
        fs::write(database(room).with_extension("sqlite-wal"), log).unwrap();
    }
}

/// A run of which the first problem is that what was agreed on is lost.
fn told(house: &House) -> Problem {
    let job = house.start(false, Origin::Person);
    house.ended(job, JobState::SucceededWithProblems);
    let problem = house.engine.problems(job, 0, 10).unwrap().0.problems.remove(0);
    assert!(problem.what.starts_with("What both sides last agreed on was lost"), "{problem:?}");
    problem
}

#[test]
fn an_empty_database_of_a_pair_that_ran_is_told_as_one_that_is_gone() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    // Held open, so that all but the first page lies in the write-ahead log, which is lost then.
    let reader = house.syncs.database(PAIR).unwrap();
    room.write("left/stays", "content");
    room.write("left/removed", "content");
    house.run();
    let without_log = fs::read(database(&room)).unwrap();
    assert_eq!(without_log.len(), 4096);
    drop(reader);
    for (content, looks_first) in [(Vec::new(), true), (Vec::new(), false), (without_log, false)] {
        fs::remove_file(room.path("left/removed")).unwrap();
        put(&room, &content);
        if looks_first {
            assert!(house.syncs.database(PAIR).unwrap().lost().unwrap().is_some());
        }
        assert!(told(&house).why.starts_with("There was nothing in "));
        assert_eq!(room.read("left/removed").as_deref(), Some("content"), "nothing is removed");
        house.run();
        assert_eq!(house.stands().state, PairState::InStep, "it is told once");
    }
}

#[test]
fn a_database_from_before_the_last_run_is_told_and_compared_by_content() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    for name in ["edited", "stays", "removed"] {
        room.write(&format!("left/{name}"), name);
    }
    house.run();
    let before = copied(&room);
    room.write("left/edited", "edited since");
    room.write("left/new", "new");
    house.run();
    fs::remove_file(room.path("left/new")).unwrap();
    fs::remove_file(room.path("left/removed")).unwrap();
    put_back(&room, &before);
    assert!(told(&house).why.contains("was from before its last run; it was moved to "));
    for (name, content) in [("removed", "removed"), ("new", "new"), ("edited", "edited since")] {
        for side in ["left", "right"] {
            assert_eq!(room.read(&format!("{side}/{name}")).as_deref(), Some(content), "{side}/{name}");
        }
    }
    // What both bins hold is known again, and the pair goes on as before.
    let in_bins: Vec<_> = house.syncs.database(PAIR).unwrap().bin_items(0, 10).unwrap();
    assert_eq!(in_bins.iter().map(|item| item.path.to_string()).collect::<Vec<_>>(), ["edited"]);
    house.run();
    assert_eq!(house.stands().state, PairState::InStep, "it is told once");
    fs::remove_file(room.path("left/removed")).unwrap();
    house.run();
    assert_eq!(room.read("right/removed"), None);
}

/// What a pair has that ran, but never had anything, is no lost database.
#[test]
fn a_pair_of_two_empty_places_lost_nothing() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    for _ in 0..2 {
        assert_eq!(house.run().record.problems_total, 0);
        assert!(house.syncs.database(PAIR).unwrap().lost().unwrap().is_none());
    }
    room.write("left/first", "content");
    assert_eq!(house.run().record.problems_total, 0);
    assert_eq!(house.stands().state, PairState::InStep);
}

#[test]
fn a_database_from_before_an_undo_is_told_and_nothing_is_removed() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/old", "old");
    house.run();
    room.write("left/new", "new1");
    let run = house.run().record.id;
    let before = copied(&room);
    let undo = house.syncs.start_undo(&house.engine, PAIR, &[run]).unwrap();
    house.ended(undo, JobState::Succeeded);
    assert_eq!((room.read("left/new").as_deref(), room.read("right/new")), (Some("new1"), None));
    put_back(&room, &before);
    told(&house);
    for side in ["left", "right"] {
        assert_eq!(room.read(&format!("{side}/new")).as_deref(), Some("new1"), "{side}");
    }
    house.run();
    assert_eq!(house.stands().state, PairState::InStep, "it is told once");
    // And what comes back from a bin, or is removed from it for good, is known by it as well.
    room.write("left/old", "changed since");
    house.run();
    let items = || house.syncs.database(PAIR).unwrap().bin_items(0, 10).unwrap();
    let older: Vec<_> =
        items().iter().filter(|item| item.path.to_string() == "old").map(BinWish::of).collect();
    let bring_back = || house.syncs.start_bring_back(&house.engine, PAIR, older.clone()).unwrap();
    let empty = || house.syncs.start_removal(&house.engine, PAIR, BinRemoval::AllUntil(i64::MAX)).unwrap();
    for start in [&bring_back as &dyn Fn() -> JobId, &empty] {
        let before = copied(&room);
        house.ended(start(), JobState::Succeeded);
        put_back(&room, &before);
        told(&house);
        house.run();
    }
}

/// As after a job that was killed before the catalog was told.
#[test]
fn a_database_that_is_newer_than_what_the_catalog_knows_lost_nothing() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/first", "content");
    room.write("left/stays", "content");
    house.run();
    let database = house.syncs.database(PAIR).unwrap();
    let mark = database.mark().unwrap();
    database.move_mark_on(mark).unwrap();
    drop(database);
    fs::remove_file(room.path("left/first")).unwrap();
    assert_eq!(house.run().record.problems_total, 0);
    assert_eq!(room.read("right/first"), None, "what was agreed on holds");
    assert_eq!(house.run().record.problems_total, 0);
}
