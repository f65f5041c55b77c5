//! The bin as a job.

use keepwell_catalog::JobState;
use keepwell_jobs::Receipt;
use keepwell_jobs::standing::{Differs, PairState};
use keepwell_sync::BinWish;

use super::house::{PAIR, Room, fact};

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
    let wishes = house
        .syncs
        .with_pair(PAIR, |syncer| Ok(syncer.database().bin_items(0, 10)?.iter().map(BinWish::of).collect()));
    let job = house.syncs.start_bring_back(&house.engine, PAIR, wishes.unwrap()).unwrap();
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
