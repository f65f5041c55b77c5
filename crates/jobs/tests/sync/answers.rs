//! Answers to plans that are held no more, because their process ended or another one decides: what nobody saw is asked
//! about, and what a person chose is not lost.

use std::fs;

use keepwell_catalog::JobState;
use keepwell_jobs::request::BRING_BACK_FROM_RIGHT;
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{CONTINUE, Halt, Origin};
use keepwell_model::JobId;
use keepwell_sync::{MeantRows, PlanFilter, Say};

use super::house::{House, Room};

/// Forty files of which thirty are gone from the left: its run halts.
fn thirty_removed(room: &Room) -> JobId {
    let house = room.house();
    room.pair(&house, false);
    for number in 0..40 {
        room.write(&format!("left/{number}"), "content");
    }
    house.run();
    for number in 0..30 {
        fs::remove_file(room.path(&format!("left/{number}"))).unwrap();
    }
    let id = house.start(false, Origin::Person);
    house.ended(id, JobState::Halted);
    id
}

#[test]
fn an_answer_to_a_brake_is_about_the_plan_that_was_seen_and_about_no_other() {
    let room = Room::new();
    let id = thirty_removed(&room);
    for number in 30..35 {
        fs::remove_file(room.path(&format!("left/{number}"))).unwrap();
    }
    let house = room.house();
    house.decide(id, CONTINUE);
    let view = house.ended(id, JobState::Halted);
    let halt: Halt = serde_json::from_str(view.record.halt.as_ref().unwrap()).unwrap();
    assert_eq!(halt.brakes[0].items, 35, "{halt:?}");
    assert_eq!(room.read("right/3").as_deref(), Some("content"), "nobody has seen that more would go");
    drop(house);
    // What did not change meanwhile needs no second answer.
    let house = room.house();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!((room.read("right/3"), room.read("right/33")), (None, None));
    assert_eq!(room.read("right/37").as_deref(), Some("content"));
}

#[test]
fn what_an_older_keepwell_halted_is_asked_about_again() {
    let room = Room::new();
    let id = thirty_removed(&room);
    let house = room.house();
    let mut record = house.catalog.job(id).unwrap().unwrap();
    let mut halt: serde_json::Value = serde_json::from_str(record.halt.as_ref().unwrap()).unwrap();
    halt.as_object_mut().unwrap().remove("digest");
    record.halt = Some(halt.to_string());
    house.catalog.save_job(&record).unwrap();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Halted);
    assert_eq!(room.read("right/3").as_deref(), Some("content"));
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("right/3"), None);
}

#[test]
fn what_is_not_missing_any_more_is_not_brought_back_over_what_came_since() {
    let room = Room::new();
    let id = thirty_removed(&room);
    for number in 0..30 {
        room.write(&format!("left/{number}"), "written anew");
    }
    let house = room.house();
    house.decide(id, BRING_BACK_FROM_RIGHT);
    let view = house.engine.wait(id).unwrap();
    assert_ne!(view.record.state, JobState::Succeeded);
    assert_eq!(room.read("left/3").as_deref(), Some("written anew"));
    assert_eq!(room.read("right/3").as_deref(), Some("content"));
}

#[test]
fn rows_that_a_person_left_out_are_not_carried_out_after_their_process_ended() {
    let room = Room::new();
    let id = {
        let house = room.house();
        room.pair(&house, false);
        room.write("left/one", "1");
        room.write("left/two", "2");
        let id = house.start(true, Origin::Person);
        house.ended(id, JobState::WaitingForConfirmation);
        let revision = house.syncs.with_held(id, Held::revision).unwrap();
        let filter = PlanFilter { text: "two".into(), ..PlanFilter::default() };
        let rows = MeantRows { filter, places: None };
        assert_eq!(house.syncs.choose(id, &revision, &rows, Say::Skip).unwrap().unwrap().rows, 1);
        id
    };
    let house = room.house();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::WaitingForConfirmation);
    assert_eq!((room.read("right/one"), room.read("right/two")), (None, None));
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("right/two").as_deref(), Some("2"));
}

#[test]
fn a_yes_to_a_plan_is_none_to_what_a_brake_holds_later() {
    let room = Room::new();
    let id = {
        let house = room.house();
        room.pair(&house, false);
        for number in 0..40 {
            room.write(&format!("left/{number}"), "content");
        }
        house.run();
        room.write("left/new", "content");
        let id = house.start(true, Origin::Person);
        house.ended(id, JobState::WaitingForConfirmation);
        id
    };
    for number in 0..30 {
        fs::remove_file(room.path(&format!("left/{number}"))).unwrap();
    }
    let house = room.house();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Halted);
    house.decide(id, CONTINUE);
    house.ended(id, JobState::WaitingForConfirmation);
    assert_eq!(room.read("right/3").as_deref(), Some("content"), "it was to be shown first");
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("right/3"), None);
}

/// Two processes with one pair, which halted in the first; that one holds the plan.
fn halted_in_one_of_two(room: &Room) -> (House, House, JobId) {
    let (window, other) = (room.house(), room.house());
    room.pair(&window, false);
    room.write("left/a", "1");
    window.run();
    fs::remove_file(room.path("left/a")).unwrap();
    let halted = window.start(false, Origin::Person);
    window.ended(halted, JobState::Halted);
    assert!(window.syncs.with_held(halted, |_| ()).is_some());
    (window, other, halted)
}

#[test]
fn a_halted_run_is_carried_out_by_the_process_in_which_a_person_decides() {
    let room = Room::new();
    let (window, other, halted) = halted_in_one_of_two(&room);
    other.decide(halted, BRING_BACK_FROM_RIGHT);
    other.ended(halted, JobState::Succeeded);
    assert_eq!(room.read("left/a").as_deref(), Some("1"));
    assert!(window.syncs.with_held(halted, |_| ()).is_none());
}

#[test]
fn a_halted_plan_makes_way_for_a_look_of_another_process_and_its_run_waits_on() {
    let room = Room::new();
    let (window, other, halted) = halted_in_one_of_two(&room);
    // It has no other way to the pair, which the window keeps from others.
    let look = other.start(true, Origin::Person);
    other.ended(look, JobState::Halted);
    other.engine.cancel(look).unwrap();
    assert_eq!(window.engine.job(halted).unwrap().record.state, JobState::Halted);
    window.decide(halted, BRING_BACK_FROM_RIGHT);
    window.ended(halted, JobState::Succeeded);
    assert_eq!(room.read("left/a").as_deref(), Some("1"));
}
