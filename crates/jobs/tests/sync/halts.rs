//! What a person is asked when a run halts: a place that was replaced, a folder that is gone, and what each answer would do.

use std::fs;
use std::path::PathBuf;

use keepwell_catalog::JobState;
use keepwell_jobs::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT};
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{Attachment, CONTINUE, EngineError, Halt, JobView, Origin};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{PlanFilter, Prepared, Side};

use super::brakes::{emptied, files_below};
use super::house::{PAIR, Room, fact};

#[test]
fn what_each_answer_to_a_brake_would_do_can_be_looked_at_before() {
    let room = Room::new();
    let house = room.house();
    let id = emptied(&room, &house);
    house.ended(id, JobState::Halted);
    let shown = |bring_back_from| {
        let look = |held: &Held, prepared: &Prepared| {
            let page = held.syncer.database().plan_page(&PlanFilter::default(), 0, 100).unwrap();
            let totals = (prepared.plan().left.removed, prepared.plan().right.created);
            (totals, page.total, page.rows[0].side)
        };
        house.syncs.show(id, bring_back_from, look).unwrap().unwrap()
    };
    assert_eq!(shown(None), ((31, 0), 31, Side::Left));
    assert_eq!(shown(Some(Side::Left)), ((0, 31), 31, Side::Right));
    assert_eq!(shown(None), ((31, 0), 31, Side::Left));
    assert_eq!(shown(Some(Side::Left)), ((0, 31), 31, Side::Right));
    assert_eq!(room.read("left/folder/3").as_deref(), Some("3"));
    // What was looked at last decides nothing.
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert!(!room.path("left/folder").exists());
}

fn halt_of(view: &JobView) -> Halt {
    serde_json::from_str(view.record.halt.as_ref().unwrap()).unwrap()
}

#[test]
fn another_place_is_filled_again_in_one_answer_that_says_what_is_there() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    for number in 0..30 {
        room.write(&format!("left/folder/{number}"), &number.to_string());
    }
    house.run();
    fs::rename(room.path("left"), room.path("broken")).unwrap();
    room.write("left/own", "only here");
    let id = house.start(false, Origin::Person);
    let halt = halt_of(&house.ended(id, JobState::Halted));
    assert!(halt.reason.contains("it holds 1 item, and the pair knows 31"), "{}", halt.reason);
    let [choice] = halt.choices.as_slice() else { panic!("{:?}", halt.choices) };
    assert_eq!(choice.key, BRING_BACK_FROM_RIGHT);
    assert!(choice.means.contains("becomes the place of this pair"), "{}", choice.means);
    house.decide(id, BRING_BACK_FROM_RIGHT);
    house.ended(id, JobState::Succeeded);
    for side in ["left", "right"] {
        assert_eq!(room.read(&format!("{side}/folder/7")).as_deref(), Some("7"));
        assert_eq!(room.read(&format!("{side}/own")).as_deref(), Some("only here"));
        assert_eq!(files_below(&room.path(side).join(".keepwell/bin")), Vec::<PathBuf>::new());
    }
}

#[test]
fn a_folder_that_is_gone_from_its_drive_halts_and_is_made_again_only_when_a_person_says_so() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    room.write("left/folder/two", "2");
    house.run();
    // Held open, so that its number is not given to the one that comes after it.
    let before = fs::File::open(room.path("right")).unwrap();
    fs::remove_dir_all(room.path("right")).unwrap();
    let id = house.start(false, Origin::Person);
    let halt = halt_of(&house.ended(id, JobState::Halted));
    let kinds: Vec<_> = halt.brakes.iter().map(|brake| (brake.kind, brake.side, brake.can_release)).collect();
    assert_eq!(kinds, [(BrakeKind::RootGone, Side::Right, false)]);
    assert_eq!(halt.if_continued, "", "there is nothing to go on with");
    for choice in [CONTINUE, BRING_BACK_FROM_RIGHT] {
        assert!(matches!(house.engine.decide(id, choice, Attachment::default()), Err(EngineError::NoChoice)));
    }
    assert!(!room.path("right").exists());
    // It comes back before the answer, with work in it: that is a run like others.
    fs::create_dir(room.path("right")).unwrap();
    room.write("right/work", "of today");
    house.decide(id, BRING_BACK_FROM_LEFT);
    let halt = halt_of(&house.ended(id, JobState::Halted));
    drop(before);
    assert!(halt.brakes.iter().all(|brake| brake.kind != BrakeKind::RootGone), "{:?}", halt.brakes);
    assert_eq!(room.read("right/work").as_deref(), Some("of today"));
    fs::remove_dir_all(room.path("right")).unwrap();
    let id = house.start(false, Origin::Person);
    house.ended(id, JobState::Halted);
    house.decide(id, BRING_BACK_FROM_LEFT);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("right/folder/two").as_deref(), Some("2"));
    assert_eq!(files_below(&room.path("left/.keepwell/bin")), Vec::<PathBuf>::new());
    assert_eq!(fact(&house.run(), "created"), 0);
}

#[test]
fn a_folder_that_came_back_by_itself_is_not_made_again_and_its_run_is_refused_where_nothing_halts() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    room.write("left/two", "2");
    house.run();
    fs::rename(room.path("right"), room.path("elsewhere")).unwrap();
    let id = house.start(false, Origin::Person);
    house.ended(id, JobState::Halted);
    fs::rename(room.path("elsewhere"), room.path("right")).unwrap();
    room.write("right/one", "another");
    house.decide(id, BRING_BACK_FROM_LEFT);
    let job = house.ended(id, JobState::Failed);
    assert!(job.record.fault.unwrap().contains("Nothing was brought back"));
    assert_eq!(room.read("left/one").as_deref(), Some("1"), "nobody was asked about that");
}

#[test]
fn a_drive_that_is_not_connected_is_no_folder_that_is_gone() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    house.run();
    fs::remove_dir_all(room.path("right")).unwrap();
    house.unplug_right(PAIR);
    let id = house.start(false, Origin::Person);
    house.ended(id, JobState::Failed);
    assert!(!room.path("right").exists(), "a folder was made on the wrong drive");
}
