//! Brakes: what halts a run, what a person answers, and a place that is not there.

use std::fs;
use std::path::{Path, PathBuf};

use keepwell_catalog::JobState;
use keepwell_jobs::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT};
use keepwell_jobs::{Attachment, CONTINUE, EngineError, Halt, Origin};
use keepwell_model::JobId;

use super::house::{House, Room};

#[test]
fn what_was_answered_to_a_brake_holds_for_that_run_alone() {
    let room = Room::new();
    let house = room.house();
    let id = emptied(&room, &house);
    house.ended(id, JobState::Halted);
    house.decide(id, BRING_BACK_FROM_LEFT);
    house.ended(id, JobState::Succeeded);
    fs::remove_dir_all(room.path("right/folder")).unwrap();
    let again = house.engine.retry(id, Attachment::default()).unwrap();
    house.ended(again, JobState::Halted);
}

pub fn emptied(room: &Room, house: &House) -> JobId {
    room.pair(house, false);
    for number in 0..30 {
        room.write(&format!("left/folder/{number}"), &number.to_string());
    }
    assert_eq!(house.run().record.state, JobState::Succeeded);
    fs::remove_dir_all(room.path("right/folder")).unwrap();
    house.start(false, Origin::Person)
}

#[test]
fn a_brake_halts_the_run_and_the_other_side_can_be_brought_back() {
    let room = Room::new();
    let house = room.house();
    let id = emptied(&room, &house);
    let view = house.ended(id, JobState::Halted);
    let halt: Halt = serde_json::from_str(view.record.halt.as_ref().unwrap()).unwrap();
    assert!(halt.reason.contains("Nothing was changed."), "{}", halt.reason);
    assert!(!halt.brakes.is_empty());
    assert!(halt.choices.iter().any(|choice| choice.key == BRING_BACK_FROM_LEFT));
    // Not from the side that is empty either: everything would go.
    for choice in ["dance", BRING_BACK_FROM_RIGHT] {
        assert!(matches!(house.engine.decide(id, choice, Attachment::default()), Err(EngineError::NoChoice)));
    }
    house.decide(id, BRING_BACK_FROM_LEFT);
    // The run that halted is no work before it.
    assert_eq!(house.engine.job(id).unwrap().record.waiting_for, None);
    house.ended(id, JobState::Succeeded);
    for number in 0..30 {
        assert_eq!(room.read(&format!("right/folder/{number}")), Some(number.to_string()));
        assert_eq!(room.read(&format!("left/folder/{number}")), Some(number.to_string()));
    }
}

#[test]
fn a_person_can_go_on_despite_a_brake_and_what_goes_lies_in_the_bin() {
    let room = Room::new();
    let house = room.house();
    let id = emptied(&room, &house);
    house.ended(id, JobState::Halted);
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert!(!room.path("left/folder").exists());
    let kept = files_below(&room.path("left/.keepwell"));
    assert_eq!(kept.iter().filter(|path| path.to_string_lossy().contains("folder")).count(), 30, "{kept:?}");
}

pub fn files_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for item in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = item.path();
            if path.is_dir() { open.push(path) } else { found.push(path) }
        }
    }
    found
}

#[test]
fn a_place_that_is_not_there_is_not_synced_and_nothing_is_touched() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    assert_eq!(house.run().record.state, JobState::Succeeded);
    fs::rename(room.path("right"), room.path("unplugged")).unwrap();
    let view = house.run();
    assert_ne!(view.record.state, JobState::Succeeded);
    assert_eq!(room.read("left/one").as_deref(), Some("1"));
    assert!(!room.path("right").exists(), "nothing is made in its place");
}
