//! Two runs on one repository at the same time, without locks.

use std::ffi::OsString;
use std::thread;

use keepwell_testkit::{TreeOptions, make_tree};

use crate::harness::{Room, assert_same};

#[test]
fn two_backups_into_one_repository_at_the_same_time_are_both_whole() {
    let room = Room::with_repository();
    let sources = [room.path("left"), room.path("right")];
    for source in &sources {
        // The same content on both sides: each may write chunks the other is writing too.
        make_tree(source, &TreeOptions { large_file_bytes: 4_000_000, ..TreeOptions::plain(19, 10, 20) })
            .unwrap();
    }
    thread::scope(|scope| {
        for (number, source) in sources.iter().enumerate() {
            let room = &room;
            scope.spawn(move || {
                // Two machines: each has a state of its own, so that no queue puts one behind the other.
                let arguments = room.arguments(["backup", "run"], [OsString::from(source)]);
                let state = room.path(&format!("state {number}"));
                let output = room.command(arguments).env("KEEPWELL_HOME", state).output().unwrap();
                assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
            });
        }
    });
    room.check().expect(0);
    let snapshots = room.snapshots();
    assert_eq!(snapshots.len(), 2);
    for snapshot in snapshots {
        let root = snapshot["roots"][0]["path"].as_str().unwrap().to_owned();
        let source = sources
            .iter()
            .find(|source| root.ends_with(&*source.file_name().unwrap().to_string_lossy()))
            .unwrap();
        let target = room.path(&format!("target of {}", source.file_name().unwrap().to_string_lossy()));
        room.restore_with(snapshot["id"].as_str().unwrap(), &target, &[]).expect(0);
        assert_same(source, &target.join(&root));
    }
}

#[test]
fn two_backups_from_one_machine_wait_for_each_other() {
    let room = Room::with_repository();
    make_tree(&room.source(), &TreeOptions::plain(20, 10, 20)).unwrap();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| room.backup().expect(0));
        }
    });
    assert_eq!(room.snapshots().len(), 3);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}
