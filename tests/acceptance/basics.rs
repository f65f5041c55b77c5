//! A repository is made, a folder backed up and brought back; the program says how it ended.

use std::fs;

use keepwell_testkit::{CompareOptions, TreeOptions, make_tree};

use crate::harness::{Room, assert_same, program};

#[test]
fn a_tree_with_everything_in_it_comes_back_byte_for_byte() {
    let room = Room::with_tree(1);
    room.backup().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}

#[test]
fn an_unchanged_second_backup_reads_nothing_and_a_changed_one_only_what_changed() {
    let room = Room::with_repository();
    make_tree(&room.source(), &TreeOptions::plain(2, 5, 10)).unwrap();
    room.backup().expect(0);
    room.backup().expect(0);
    room.write("folder-000/file-000.txt", "changed");
    room.write("new", "new");
    room.backup().expect(0);
    let snapshots = room.snapshots();
    assert_eq!(snapshots.len(), 3);
    let counts = |position: usize, name: &str| snapshots[position]["counts"][name].as_u64().unwrap();
    assert_eq!((counts(2, "files"), counts(2, "filesNew")), (50, 50));
    assert_eq!((counts(1, "filesUnchanged"), counts(1, "addedBytes")), (50, 0));
    assert_eq!((counts(0, "filesUnchanged"), counts(0, "filesChanged"), counts(0, "filesNew")), (49, 1, 1));
    assert_same(&room.source(), &room.restore("latest", "target"));
}

#[test]
fn every_snapshot_keeps_its_own_state() {
    let room = Room::with_repository();
    let mut states = Vec::new();
    for state in 0..3 {
        room.write("kept", "the same in all");
        room.write("changing", format!("state {state}").repeat(100));
        room.write(&format!("only in {state}"), [state; 10]);
        room.backup().expect(0);
        states.push(keepwell_testkit::observe(&room.source()).unwrap());
        fs::remove_file(room.source().join(format!("only in {state}"))).unwrap();
    }
    let mut ids = room.snapshot_ids();
    ids.reverse();
    for (state, id) in ids.iter().enumerate() {
        let target = room.restore(id, &format!("target {state}"));
        let found = keepwell_testkit::observe(&target).unwrap();
        let list = keepwell_testkit::differences(&states[state], &found, CompareOptions::default());
        assert_eq!(list, Vec::<String>::new(), "state {state}");
    }
}

#[test]
fn several_sources_share_one_snapshot() {
    let room = Room::with_repository();
    room.write("inside", "1");
    let other = room.path("other");
    make_tree(&other, &TreeOptions::plain(3, 2, 3)).unwrap();
    room.on_repository(["backup", "run"], [room.source(), other.clone()]).expect(0);
    let snapshot = &room.snapshots()[0];
    let roots: Vec<_> =
        snapshot["roots"].as_array().unwrap().iter().map(|root| root["path"].as_str().unwrap()).collect();
    assert_eq!(roots.len(), 2);
    let target = room.path("target");
    room.restore_with("latest", &target, &[]).expect(0);
    assert_same(&room.source(), &target.join(roots[0]));
    assert_same(&other, &target.join(roots[1]));
}

#[test]
fn a_wrong_password_is_called_that_and_opens_nothing() {
    let mut room = Room::with_repository();
    room.write("file", "1");
    room.backup().expect(0);
    room.set_password("not the password");
    let run = room.on_repository(["snapshot", "list"], ["--json"]).expect(1).says("password");
    assert!(!run.said().contains("not the password"), "the password was printed");
    room.backup().expect(1).says("password");
    room.restore_with("latest", &room.path("target"), &[]).expect(1).says("password");
    assert!(!room.path("target").exists());
    room.set_password(crate::harness::PASSWORD);
    assert_eq!(room.snapshots().len(), 1);
}

#[test]
fn without_a_password_and_a_terminal_it_says_what_to_do() {
    let room = Room::with_repository();
    let output = room
        .command(room.arguments(["snapshot", "list"], [""; 0]))
        .env_remove("KEEPWELL_PASSWORD")
        .env("KEEPWELL_HOME", room.path("another state"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("KEEPWELL_PASSWORD"));
}

#[test]
fn wrong_usage_ends_with_2_and_failure_with_1() {
    let room = Room::new();
    for wrong in
        [&["backup"][..], &["backup", "run"], &["no-such-noun"], &["snapshot", "list", "--no-such-flag"]]
    {
        room.run(wrong).expect(2);
    }
    room.run(["--help"]).expect(0).says("backup");
    room.run(["--version"]).expect(0).says("keepwell");
    // There is no repository yet.
    let run = room.on_repository(["snapshot", "list"], [""; 0]).expect(1);
    assert!(run.err.contains("repository"), "{}", run.err);
}

#[test]
fn a_source_that_is_not_there_fails_and_leaves_no_snapshot() {
    let room = Room::with_repository();
    room.on_repository(["backup", "run"], [room.path("nowhere")]).expect(1).says("nowhere");
    assert_eq!(room.snapshots().len(), 0);
}

#[test]
fn init_never_touches_what_is_there() {
    let room = Room::with_repository();
    room.write("file", "1");
    room.backup().expect(0);
    let again = ["repository".into(), "init".into(), room.repository().into_os_string()];
    room.run(again).expect(1);
    assert_eq!(room.snapshots().len(), 1);
    let full = room.source();
    room.run(["repository".into(), "init".into(), full.clone().into_os_string()]).expect(1);
    assert_eq!(fs::read_dir(full).unwrap().count(), 1);
}

#[test]
fn passwords_and_recovery_key_open_the_same_repository() {
    let mut room = Room::new();
    let arguments = ["repository".into(), "init".into(), "--json".into(), room.repository().into_os_string()];
    let made = room.run(arguments).expect(0).json();
    let recovery = made["recoveryKey"].as_str().expect("a recovery key").to_owned();
    room.write("file", "1");
    room.backup().expect(0);
    room.set_password(&recovery);
    assert_eq!(room.snapshots().len(), 1);
    // However it was copied from paper.
    room.set_password(&recovery.to_lowercase().replace('-', " "));
    assert_eq!(room.snapshots().len(), 1);
}

#[test]
fn the_password_is_nowhere_in_what_is_kept() {
    let room = Room::with_tree(4);
    room.backup_with(&["--verbose"]).expect(0);
    for path in crate::harness::files_below(&room.path("state")).iter().chain(&room.repository_files("")) {
        let content = fs::read(path).unwrap();
        let found = content
            .windows(crate::harness::PASSWORD.len())
            .any(|part| part == crate::harness::PASSWORD.as_bytes());
        assert!(!found, "{} holds the password", path.display());
    }
}

#[test]
fn all_state_is_below_its_home() {
    let room = Room::with_tree(5);
    room.backup().expect(0);
    assert!(room.path("state").exists(), "nothing is kept below KEEPWELL_HOME by {}", program().display());
    for name in ["home", "temporary"] {
        assert_eq!(fs::read_dir(room.path(name)).unwrap().count(), 0, "something was left in {name}");
    }
}
