//! Runs and previews: what is carried over, what is shown first, plans that are held, options of one run.

use std::fs;

use keepwell_catalog::{JobState, PairRecord};
use keepwell_jobs::pairs::{PairOptions, PairWish};
use keepwell_jobs::request::BRING_BACK_FROM_RIGHT;
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{CONTINUE, Clock, EngineError, JobView, Origin, Proposal, Receipt, SystemClock};
use keepwell_sync::{MeantRows, Mode, PlanFilter, Say};

use super::house::{House, PAIR, Room, fact, wait_for};

#[test]
fn a_run_carries_changes_over_and_its_receipt_is_over_what_was_done() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/a/one", "1");
    room.write("right/two", "2");
    let first = house.run();
    assert_eq!(first.record.state, JobState::Succeeded, "{:?}", first.record.fault);
    assert_eq!(
        (room.read("right/a/one").as_deref(), room.read("left/two").as_deref()),
        (Some("1"), Some("2"))
    );
    assert_eq!(fact(&first, "created"), 3);
    let receipt = |view: &JobView| -> Receipt {
        serde_json::from_str(&house.catalog.receipt(view.record.id).unwrap().unwrap()).unwrap()
    };
    let statement = receipt(&first).statement().unwrap();
    assert_eq!(statement.kind, "sync");
    assert!(receipt(&first).is_valid());
    let left = format!("First place: left ({})", room.path("left").display());
    for line in ["Pair: Photos", &left, "What it was: run"] {
        assert!(statement.asked.iter().any(|asked| asked == line), "no {line:?} in {:?}", statement.asked);
    }
    assert!(statement.asked.iter().any(|line| line.starts_with("Begun: 20")), "{:?}", statement.asked);
    assert!(statement.facts.iter().any(|fact| fact.label == "Copied to right"), "{:?}", statement.facts);

    let second = house.run();
    assert_eq!(fact(&second, "created"), 0);
    assert_ne!(receipt(&second).statement().unwrap().merkle_root, statement.merkle_root);
    assert_eq!(house.jobs(), 2, "what a person asked for stays in the history");
    let by_itself = house.start(false, Origin::Schedule);
    wait_for(|| matches!(house.engine.job(by_itself), Err(EngineError::Unknown(_))));
    assert_eq!(house.jobs(), 2, "what ran by itself and did nothing does not");
}

#[test]
fn a_preview_changes_nothing_until_a_person_says_so_and_then_does_what_was_shown() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    room.write("left/two", "2");
    let id = house.start(true, Origin::Person);
    let view = house.ended(id, JobState::WaitingForConfirmation);
    let proposal: Proposal = serde_json::from_str(view.record.proposal.as_ref().unwrap()).unwrap();
    assert_eq!(proposal.facts.iter().find(|fact| fact.key == "rows").unwrap().value, 2);
    assert_eq!(room.read("right/one"), None);
    assert!(
        house.syncs.start(&house.engine, PAIR, false, Origin::Live, None).unwrap().is_none(),
        "nothing starts by itself while a person looks"
    );

    // The person skips a row; what came after the look is not part of it either.
    let revision = house.syncs.with_held(id, Held::revision).unwrap();
    let filter = PlanFilter { text: "two".into(), ..PlanFilter::default() };
    let rows = MeantRows { filter, places: None };
    let said = house.syncs.choose(id, &revision, &rows, Say::Skip).unwrap().unwrap();
    assert_eq!((said.rows, said.below, said.fixed), (1, 0, 0));
    let late = house.syncs.choose(id, &revision, &MeantRows::default(), Say::Skip).unwrap_err();
    assert!(late.message.contains("changed meanwhile"), "{late:?}");
    room.write("left/three", "3");
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("right/one").as_deref(), Some("1"));
    assert_eq!((room.read("right/two"), room.read("right/three")), (None, None));

    assert_eq!(house.run().record.state, JobState::Succeeded);
    assert_eq!(room.read("right/two").as_deref(), Some("2"));
}

#[test]
fn a_plan_whose_process_ended_is_carried_out_if_it_is_still_the_same_and_shown_again_if_not() {
    let room = Room::new();
    let id = {
        let house = room.house();
        room.pair(&house, false);
        room.write("left/one", "1");
        let id = house.start(true, Origin::Person);
        house.ended(id, JobState::WaitingForConfirmation);
        id
    };
    room.write("left/two", "2");
    let house = room.house();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::WaitingForConfirmation);
    assert_eq!(room.read("right/one"), None, "the person has not seen the second file yet");
    drop(house);
    let house = room.house();
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(
        (room.read("right/one").as_deref(), room.read("right/two").as_deref()),
        (Some("1"), Some("2"))
    );
}

#[test]
fn a_preview_that_is_given_up_lets_go_of_the_pair() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/one", "1");
    let id = house.start(true, Origin::Person);
    house.ended(id, JobState::WaitingForConfirmation);
    assert!(house.syncs.open(PAIR).is_err(), "the plan is kept from others");
    house.engine.cancel(id).unwrap();
    assert!(house.syncs.open(PAIR).is_ok());
    assert_eq!(room.read("right/one"), None);
}

#[test]
fn a_run_that_found_nothing_to_do_still_says_when_the_pair_was_looked_at() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "one");
    house.run();
    let checked = || house.stands().in_step_ms.unwrap();
    let before = checked();
    wait_for(|| SystemClock::default().now_ms() > before);
    // It leaves no trace in the history.
    let _ = house.engine.wait(house.start(false, Origin::Live));
    assert_eq!(house.jobs(), 1);
    assert!(checked() > before);
}

/// The pair with another mode, as a wish for one run.
fn wish(house: &House, mode: Mode) -> (PairRecord, PairWish) {
    let (record, known) = house.syncs.definition(PAIR).unwrap();
    let wanted = PairOptions { mode, ..known.options() };
    (record, PairWish { before: Some(known.options()), definition: known.with_options(wanted) })
}

#[test]
fn options_of_one_run_are_the_pairs_when_it_runs_and_never_by_a_look() {
    let (room, mode) = (Room::new(), |house: &House| house.syncs.definition(PAIR).unwrap().1.pair.mode);
    let house = room.house();
    room.pair(&house, false);
    room.write("left/a", "1");
    room.write("right/only here", "2");
    house.run();
    room.write("right/another", "3");
    let ask = |preview, plan: Option<&str>| {
        let (record, wish) = wish(&house, Mode::Mirror);
        house
            .syncs
            .start_as(&house.engine, record, Some(wish), preview, plan.map(str::to_owned), false)
            .unwrap()
    };
    let row = house.catalog.pair(PAIR).unwrap();
    let look = ask(true, None);
    let shown: Proposal = serde_json::from_str(
        house.ended(look, JobState::WaitingForConfirmation).record.proposal.as_ref().unwrap(),
    )
    .unwrap();
    assert_eq!(house.syncs.plan_digest(look).as_ref(), Some(&shown.digest));
    house.engine.cancel(look).unwrap();
    assert_eq!(house.catalog.pair(PAIR).unwrap(), row);

    // As long and as old as before; only what it holds is another.
    let modified = fs::metadata(room.path("right/another")).unwrap().modified().unwrap();
    room.write("right/another", "4");
    fs::File::options().write(true).open(room.path("right/another")).unwrap().set_modified(modified).unwrap();
    house.ended(ask(false, Some(&shown.digest)), JobState::Failed);
    assert_eq!((mode(&house), room.read("right/another").as_deref()), (Mode::TwoWay, Some("4")));

    // Who changed the pair meanwhile is not overruled.
    let (record, asked) = wish(&house, Mode::Mirror);
    let (_, other) = wish(&house, Mode::MoveIn);
    house.catalog.save_pair(&other.definition.record(1).unwrap()).unwrap();
    let late = house.syncs.start_as(&house.engine, record, Some(asked), false, None, false).unwrap();
    house.ended(late, JobState::Failed);
    assert_eq!((mode(&house), room.read("left/a").is_some()), (Mode::MoveIn, true));

    house.ended(ask(false, None), JobState::Succeeded);
    assert_eq!((mode(&house), room.read("right/another")), (Mode::Mirror, None));
}

#[test]
fn a_look_that_fails_makes_no_run_due() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    house.run();
    // One alone that is gone halts.
    fs::remove_dir_all(room.path("right")).unwrap();
    fs::remove_dir_all(room.path("left")).unwrap();
    house.ended(house.start(true, Origin::Person), JobState::Failed);
    assert_eq!(house.catalog.pair(PAIR).unwrap().unwrap().retry_ms, None);
    house.ended(house.start(false, Origin::Person), JobState::Failed);
    assert!(house.catalog.pair(PAIR).unwrap().unwrap().retry_ms.is_some(), "a run is tried again");
}

#[test]
fn a_run_that_is_only_to_bring_back_is_refused_where_nothing_halts() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    for name in ["one", "two"] {
        room.write(&format!("left/{name}"), name);
    }
    house.run();
    fs::remove_file(room.path("left/one")).unwrap();
    let start = || {
        let (record, _) = house.syncs.definition(PAIR).unwrap();
        house.syncs.start_as(&house.engine, record, None, false, None, true).unwrap()
    };
    let job = house.ended(start(), JobState::Failed);
    assert!(job.record.fault.unwrap().contains("Nothing was brought back"));
    assert_eq!(room.read("right/one").as_deref(), Some("one"));
    // Where something halts it waits for the answer as any other.
    fs::remove_file(room.path("left/two")).unwrap();
    let id = start();
    house.ended(id, JobState::Halted);
    house.decide(id, BRING_BACK_FROM_RIGHT);
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("left/two").as_deref(), Some("two"));
}

#[test]
fn a_first_run_that_is_only_to_bring_back_leaves_no_folder_behind() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    let (record, mut definition) = house.syncs.definition(PAIR).unwrap();
    definition.makes_right = true;
    let text = serde_json::to_string(&definition).unwrap();
    assert!(house.catalog.replace_pair_definition(&record, &text).unwrap());
    fs::remove_dir(room.path("right")).unwrap();
    room.write("left/one", "one");
    let (record, _) = house.syncs.definition(PAIR).unwrap();
    let job = house.syncs.start_as(&house.engine, record, None, false, None, true).unwrap();
    let job = house.ended(job, JobState::Failed);
    assert!(job.record.fault.unwrap().contains("Nothing was brought back"));
    assert!(!room.path("right").exists());
    house.run();
    assert_eq!(room.read("right/one").as_deref(), Some("one"));
}
