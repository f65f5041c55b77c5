//! Undoing as a job: one run, and several of them, the last one first.

use keepwell_catalog::JobState;
use keepwell_jobs::{JobView, Receipt};
use keepwell_model::JobId;

use super::house::{House, PAIR, Room, fact};

#[test]
fn a_run_is_undone_as_a_job_with_a_receipt_and_the_pair_is_held() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "before");
    house.run();
    room.write("left/letter", "after, and longer");
    let second = house.run();
    assert_eq!(room.read("right/letter").as_deref(), Some("after, and longer"));
    let job = house.syncs.start_undo(&house.engine, PAIR, &[second.record.id]).unwrap();
    let undone = house.ended(job, JobState::Succeeded);
    let minute =
        undone.record.title.strip_prefix("Undo the run of ").and_then(|rest| rest.strip_suffix(" of Photos"));
    assert_eq!(minute.map(str::len), Some("2026-12-01 14:15".len()), "{}", undone.record.title);
    assert_eq!(room.read("right/letter").as_deref(), Some("before"));
    assert_eq!((fact(&undone, "undone"), fact(&undone, "leftAlone")), (1, 0));
    assert!(house.catalog.pair(PAIR).unwrap().unwrap().paused);
    let lines = asked(&house, job);
    assert!(lines.iter().any(|line| line == "What it was: undo of a run"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("Undone: the run of 20")), "{lines:?}");
    let is_reference = |line: &&String| line.starts_with("Reference for support: ");
    let run = second.record.id.to_string();
    assert!(!lines.iter().any(|line| !is_reference(&line) && line.contains(&run)), "{lines:?}");
    assert!(lines.iter().filter(is_reference).all(|line| line.contains(&run)));
}

/// A pair whose letter was written three times, each carried over by a run of its own.
fn three_runs(room: &Room, house: &House) -> Vec<JobId> {
    room.pair(house, false);
    ["first", "second, longer", "third, and longer still"]
        .into_iter()
        .map(|text| {
            room.write("left/letter", text);
            let run = house.run();
            assert_eq!(room.read("right/letter").as_deref(), Some(text));
            run.record.id
        })
        .collect()
}

fn asked(house: &House, job: JobId) -> Vec<String> {
    let receipt: Receipt = serde_json::from_str(&house.catalog.receipt(job).unwrap().unwrap()).unwrap();
    assert!(receipt.is_valid());
    receipt.statement().unwrap().asked
}

#[test]
fn several_runs_are_undone_by_one_job_the_last_one_first() {
    let room = Room::new();
    let house = room.house();
    let runs = three_runs(&room, &house);
    room.write("left/beside", "beside");
    let last = house.run().record.id;
    let job = house.syncs.start_undo(&house.engine, PAIR, &[last, runs[2], runs[1]]).unwrap();
    let undone: JobView = house.ended(job, JobState::Succeeded);
    assert_eq!(undone.record.title, "Undo 3 runs of Photos");
    assert_eq!((fact(&undone, "undone"), fact(&undone, "runsUndone")), (3, 3));
    assert_eq!((room.read("right/letter").as_deref(), room.read("right/beside")), (Some("first"), None));
    assert_eq!(room.read("left/letter").as_deref(), Some("third, and longer still"));
    let told: Vec<String> =
        asked(&house, job).into_iter().filter(|line| line.starts_with("Undone: ")).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(
        told.iter().all(|line| line.starts_with("Undone: the run of 20")),
        "a person knows a run by its time"
    );
    let references = asked(&house, job).pop().unwrap();
    assert!(references.starts_with(&format!("Reference for support: run {job}, undone run {last}, ")));
    assert!(references.ends_with(&runs[1].to_string()), "{references}");
    assert!(house.catalog.pair(PAIR).unwrap().unwrap().paused);
}

#[test]
fn what_was_changed_since_is_left_alone_and_told_and_the_other_runs_are_undone_all_the_same() {
    let room = Room::new();
    let house = room.house();
    let runs = three_runs(&room, &house);
    room.write("left/beside", "beside");
    let last = house.run().record.id;
    room.write("right/letter", "written by hand meanwhile");
    let job = house.syncs.start_undo(&house.engine, PAIR, &[last, runs[2], runs[1]]).unwrap();
    let undone = house.ended(job, JobState::SucceededWithProblems);
    assert_eq!((fact(&undone, "undone"), fact(&undone, "leftAlone"), fact(&undone, "runsUndone")), (1, 2, 3));
    assert_eq!(room.read("right/letter").as_deref(), Some("written by hand meanwhile"));
    assert_eq!(room.read("right/beside"), None);
}
