//! The clock jumps back between two runs, and lies far ahead in one.
//!
//! The program is started with a small library in front of the C library that moves the time of day; it is compiled
//! from `clock_shift.c` by the C compiler that the build needs anyway.

use std::path::Path;
use std::process::Command;

use crate::harness::{Room, assert_same};

/// Compiles the library into the room and puts it in front of the program, moving the clock by so many seconds.
fn shift_clock(room: &mut Room, seconds: i64) {
    let library = room.path("clock_shift.so");
    if !library.exists() {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("acceptance/clock_shift.c");
        let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
        let status =
            Command::new(compiler).args(["-shared", "-fPIC", "-O1", "-o"]).arg(&library).arg(source).status();
        assert!(status.expect("a C compiler").success());
    }
    room.set_variable("LD_PRELOAD", &library);
    room.set_variable("CLOCK_SHIFT_SECONDS", seconds.to_string());
}

#[test]
fn a_clock_that_jumps_back_loses_no_change_and_no_snapshot() {
    let mut room = Room::with_repository();
    room.write("file", "first");
    shift_clock(&mut room, 0);
    room.backup().expect(0);
    let first = room.snapshots()[0]["startedMs"].as_i64().unwrap();

    // A day back: the second snapshot is older than the first by its own words.
    shift_clock(&mut room, -86_400);
    room.write("file", "other");
    room.write("second", "2");
    room.backup().expect(0);
    let snapshots = room.snapshots();
    assert_eq!(snapshots.len(), 2);
    let times: Vec<_> = snapshots.iter().map(|row| row["startedMs"].as_i64().unwrap()).collect();
    assert!(times.iter().any(|time| first - time > 80_000_000), "the clock did not move: {times:?}");

    // And on again: what changed while the clock was wrong is in the newest.
    shift_clock(&mut room, 0);
    room.write("third", "3");
    room.backup().expect(0);
    assert_eq!(room.snapshots().len(), 3);
    room.check().expect(0);
    let newest = room.snapshot_ids()[0].clone();
    assert_same(&room.source(), &room.restore(&newest, "target"));
}

#[test]
fn a_clock_far_ahead_breaks_nothing() {
    let mut room = Room::with_repository();
    room.write("file", "1");
    // A hundred years.
    shift_clock(&mut room, 3_155_760_000);
    room.backup().expect(0);
    shift_clock(&mut room, 0);
    room.write("file", "22");
    room.backup().expect(0);
    room.check().expect(0);
    for id in room.snapshot_ids() {
        room.restore(&id, &format!("target {id}"));
    }
    assert_eq!(room.snapshots().len(), 2);
}
