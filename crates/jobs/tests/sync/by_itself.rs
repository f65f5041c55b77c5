//! What starts by itself: not while a person holds the pair, and again when this process or the hold is over.

use std::fs;

use jiff::tz::TimeZone;
use keepwell_catalog::JobState;
use keepwell_jobs::NewJob;
use keepwell_jobs::request::{JobRequest, SyncJob};
use keepwell_jobs::{Attachment, Clock, EngineError, Origin, Schedule, SystemClock, scheduler};
use keepwell_model::JobId;

use super::house::{House, PAIR, Room, wait_for};

/// Makes the pair run every day, so that what is owed is done.
fn daily(house: &House) {
    let (_, mut definition) = house.syncs.definition(PAIR).unwrap();
    definition.schedule = Schedule::Daily { at_minutes: 0 };
    let now_ms = SystemClock::default().now_ms();
    house.catalog.save_pair(&definition.record(now_ms).unwrap()).unwrap();
}

/// A run by the clock in the queue, whatever is said of the pair.
fn queued(house: &House) -> JobId {
    let (record, _) = house.syncs.definition(PAIR).unwrap();
    let job = SyncJob::of(&record, false, Origin::Schedule);
    let new = NewJob {
        title: "Sync Photos".to_owned(),
        place_label: record.name,
        destination: job.destination(),
        request: JobRequest::Sync(job),
        attachment: Attachment::default(),
    };
    house.engine.enqueue(new).unwrap()
}

fn is_due(house: &House, wait_ms: i64) -> bool {
    let mut is_due = false;
    let mut start = |_| {
        is_due = true;
        Ok(())
    };
    let now_ms = SystemClock::default().now_ms() + wait_ms;
    scheduler::look_at_pairs(&house.catalog, now_ms, &TimeZone::UTC, &mut start).unwrap();
    is_due
}

#[test]
fn nothing_starts_by_itself_of_a_pair_that_is_held_and_it_is_owed_when_it_goes_on() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    daily(&house);
    house.run();
    room.write("left/later", "1");
    house.catalog.set_pair_paused(PAIR, true).unwrap();
    for origin in [Origin::Live, Origin::Schedule] {
        assert_eq!(house.syncs.start(&house.engine, PAIR, false, origin, None).unwrap(), None);
    }
    house.catalog.set_pair_paused(PAIR, false).unwrap();
    assert!(is_due(&house, 0));
    house.catalog.set_setting(scheduler::PAIRS_PAUSED_SETTING, "true").unwrap();
    assert_eq!(house.syncs.start(&house.engine, PAIR, false, Origin::Schedule, None).unwrap(), None);
    assert_eq!(room.read("right/later"), None);
    // A person may run it all the same.
    assert_eq!(house.run().record.state, JobState::Succeeded);
    assert_eq!(room.read("right/later").as_deref(), Some("1"));
}

#[test]
fn a_run_that_was_queued_before_a_person_held_the_pair_does_not_begin() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    daily(&house);
    house.run();
    let (stood, jobs) = (house.stands(), house.jobs());
    room.write("left/later", "1");
    house.catalog.set_pair_paused(PAIR, true).unwrap();
    let id = queued(&house);
    wait_for(|| matches!(house.engine.job(id), Err(EngineError::Unknown(_))));
    assert_eq!(room.read("right/later"), None);
    assert_eq!((house.stands(), house.jobs()), (stood, jobs));
    house.catalog.set_pair_paused(PAIR, false).unwrap();
    assert!(is_due(&house, 0), "it comes when the pair goes on");
}

/// Linux tells who has a file open for writing, and a run waits for that a while.
#[cfg(target_os = "linux")]
#[test]
fn a_run_by_the_clock_that_the_end_of_the_program_broke_off_is_due_again_soon() {
    use std::io::Write;
    for is_waiting in [false, true] {
        let room = Room::new();
        let house = room.house();
        room.pair(&house, false);
        daily(&house);
        house.run();
        let mut film = fs::File::create(room.path("left/film")).unwrap();
        film.write_all(b"half of it").unwrap();
        let is_planning = |id: JobId| house.engine.job(id).unwrap().record.state == JobState::Planning;
        let id = if is_waiting {
            // A look is not tried again; the run waits behind it.
            let look = house.start(true, Origin::Person);
            wait_for(|| is_planning(look));
            queued(&house)
        } else {
            let id = house.start(false, Origin::Schedule);
            wait_for(|| is_planning(id));
            id
        };
        drop(house);
        let house = room.house();
        assert_eq!(house.catalog.job(id).unwrap().unwrap().state, JobState::Interrupted);
        assert!(!is_due(&house, 0));
        assert!(is_due(&house, 60_000), "{is_waiting}");
    }
}
