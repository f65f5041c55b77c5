//! Day to day: plans, keys, jobs, the safety brake, the tour.

use std::fs;

use crate::harness::{PASSWORD, Room, assert_same};

#[test]
fn a_plan_runs_without_anyone_typing_the_password() {
    let mut room = Room::with_repository();
    room.write("file", "1");
    let source = room.source().into_os_string();
    room.on_repository(["plan", "add"], ["documents".into(), source]).expect(0).says("documents");
    // From here on only what this machine keeps can open it.
    room.set_password("");
    room.run(["plan", "run", "documents"]).expect(0);
    let plans = room.run(["plan", "list", "--json"]).expect(0).json();
    assert_eq!(plans["plans"][0]["name"], "documents");
    assert!(plans["plans"][0]["lastSuccessMs"].is_i64(), "{plans}");
    assert_eq!(room.snapshots()[0]["planId"], plans["plans"][0]["id"]);
    assert_same(&room.source(), &room.restore("latest", "target"));

    room.run(["plan", "remove", "documents"]).expect(0);
    room.run(["plan", "run", "documents"]).expect(1).says("documents");
    assert_eq!(room.snapshots().len(), 1, "the plan's snapshots went with it");
}

#[test]
fn keys_are_added_and_taken_out_of_use_but_never_the_last() {
    let mut room = Room::with_repository();
    let key = |room: &mut Room, more: &[&str]| {
        let repository = room.repository().into_os_string();
        let arguments = ["repository", "key", "--json"].into_iter().chain(more.iter().copied());
        room.run(arguments.map(std::ffi::OsString::from).chain([repository]))
    };
    let added = key(&mut room, &["--add-recovery-key", "--label", "for the safe"]).expect(0).json();
    let recovery = added["recoveryKey"].as_str().unwrap().to_owned();
    let keys = key(&mut room, &[]).expect(0).json()["keys"].as_array().unwrap().clone();
    assert_eq!(keys.len(), 3, "{keys:?}");
    assert!(keys.iter().any(|key| key["label"] == "for the safe"));

    let password =
        keys.iter().find(|key| key["kind"] == "password").unwrap()["id"].as_str().unwrap().to_owned();
    key(&mut room, &["--remove", &password]).expect(0);
    room.on_repository(["snapshot", "list"], [""; 0]).expect(1).says("password");
    room.set_password(&recovery);
    room.on_repository(["snapshot", "list"], [""; 0]).expect(0);
    for one in key(&mut room, &[]).expect(0).json()["keys"].as_array().unwrap() {
        if one["label"] != "for the safe" {
            key(&mut room, &["--remove", one["id"].as_str().unwrap()]).expect(0);
        }
    }
    let last = key(&mut room, &[]).expect(0).json()["keys"][0]["id"].as_str().unwrap().to_owned();
    key(&mut room, &["--remove", &last]).expect(1);
    room.on_repository(["snapshot", "list"], [""; 0]).expect(0);
}

#[test]
fn a_source_that_became_empty_halts_the_run_until_a_person_says_so() {
    let room = Room::with_repository();
    for number in 0..30 {
        room.write(&format!("folder/file {number}"), "1");
    }
    room.backup().expect(0);
    fs::remove_dir_all(room.source().join("folder")).unwrap();
    room.backup().expect(4).says("empty");
    assert_eq!(room.snapshots().len(), 1);
    room.backup_with(&["--even-if-empty"]).expect(0);
    assert_eq!(room.snapshots().len(), 2);
}

#[test]
fn every_run_leaves_a_signed_receipt_and_a_log_with_its_id() {
    let room = Room::with_tree(21);
    let job = room.backup_with(&["--json"]).expect(0).json();
    let id = job["id"].as_str().unwrap();
    let receipt = room.run(["job", "show", "--receipt", id]).expect(0).json();
    assert_eq!(receipt["jobId"], id);
    assert_eq!(receipt["signatureValid"], true);
    let log = room.run(["job", "show", "--log", id]).expect(0);
    assert!(!log.out.trim().is_empty(), "the run left no log");
    assert!(!log.out.contains(PASSWORD));
    let failed = room.on_repository(["backup", "run"], [room.path("nowhere")]).expect(1);
    assert!(failed.err.contains("nowhere"));
    let jobs = room.run(["job", "list", "--json"]).expect(0).json();
    assert_eq!(jobs["jobs"][0]["state"], "failed");
    room.run(["job", "show", "no-such-job"]).expect(1);
    // It is over: there is nothing left to cancel.
    room.run(["job", "cancel", id]).expect(1);
}

#[test]
fn the_tour_is_a_real_run_and_leaves_nothing_behind() {
    let room = Room::new();
    let facts = room.run(["tour", "--json"]).expect(0).json();
    assert_eq!(facts["differences"], 0, "{facts}");
    assert!(facts["comparedFiles"].as_u64().unwrap() > 3, "{facts}");
    assert_eq!(fs::read_dir(room.path("temporary")).unwrap().count(), 0);
    assert!(!room.path("state").exists(), "the tour touched the person's state");
}
