//! The bin as a job.

use keepwell_catalog::JobState;
use keepwell_jobs::standing::{Differs, PairState};
use keepwell_jobs::{Outcome, Receipt};
use keepwell_sync::{BinWish, Mode};

use super::house::{House, PAIR, Room, fact};

/// What is in the bins, to be brought back.
fn wishes(house: &House) -> Vec<BinWish> {
    house
        .syncs
        .with_pair(PAIR, |syncer| Ok(syncer.database().bin_items(0, 10)?.iter().map(BinWish::of).collect()))
        .unwrap()
}

#[test]
fn items_come_back_from_the_bin_as_a_job_with_a_receipt_that_says_nothing_of_how_the_pair_stands() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "before");
    house.run();
    room.write("left/letter", "after, and longer");
    house.run();
    let before = house.stands().in_step_ms;
    let job = house.syncs.start_bring_back(&house.engine, PAIR, wishes(&house)).unwrap();
    let ended = house.ended(job, JobState::Succeeded);
    assert_eq!(ended.record.title, "Bring back from the bin of Photos");
    assert_eq!(room.read("right/letter").as_deref(), Some("before"));
    assert_eq!((fact(&ended, "broughtBack"), fact(&ended, "leftAlone")), (1, 0));
    assert_eq!(house.stands().in_step_ms, before, "nobody looked at both places");
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::BroughtBack));
    assert!(!house.catalog.pair(PAIR).unwrap().unwrap().paused);
    let receipt: Receipt = serde_json::from_str(&house.catalog.receipt(job).unwrap().unwrap()).unwrap();
    assert!(receipt.is_valid());
    house.run();
    assert_eq!(room.read("left/letter").as_deref(), Some("before"), "the next run carries it over");
    assert_eq!(house.stands().state, PairState::InStep);
}

#[test]
fn a_pair_is_held_where_its_next_run_would_put_what_comes_back_into_the_bin_again() {
    for (mode, is_held) in [(Mode::TwoWay, false), (Mode::Mirror, true), (Mode::Update, false)] {
        let room = Room::new();
        let house = room.house();
        room.pair(&house, false);
        let (record, mut definition) = house.syncs.definition(PAIR).unwrap();
        definition.pair.mode = mode;
        let text = serde_json::to_string(&definition).unwrap();
        assert!(house.catalog.replace_pair_definition(&record, &text).unwrap());
        room.write("left/letter", "before");
        house.run();
        room.write("left/letter", "after, and longer");
        house.run();
        let job = house.syncs.start_bring_back(&house.engine, PAIR, wishes(&house)).unwrap();
        let ended = house.ended(job, JobState::Succeeded);
        assert_eq!(room.read("right/letter").as_deref(), Some("before"));
        assert_eq!(house.catalog.pair(PAIR).unwrap().unwrap().paused, is_held, "{mode:?}");
        let outcome: Outcome = serde_json::from_str(ended.record.outcome.as_ref().unwrap()).unwrap();
        let again = outcome.facts.iter().find(|fact| fact.key == "goesAgain").map(|fact| fact.value);
        assert_eq!(again, is_held.then_some(1), "{mode:?}");
    }
}
