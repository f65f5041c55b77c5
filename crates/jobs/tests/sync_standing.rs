//! How a pair stands after its jobs, and what its runs and previews tell of what they could not do.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/house.rs"]
mod house;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use house::{PAIR, Room, fact};
use keepwell_catalog::JobState;
use keepwell_jobs::request::BRING_BACK_FROM_RIGHT;
use keepwell_jobs::standing::{Differs, PairState, note_settings_changed, standing};
use keepwell_jobs::{BinRemoval, CONTINUE, Origin, PairDefinition};
use keepwell_model::RelativePath;
use keepwell_sync::Hints;

#[test]
fn in_step_is_said_only_where_the_last_look_found_it_so_and_nothing_happened_since() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    assert_eq!(standing(&house.catalog, PAIR).unwrap(), None);
    room.write("left/letter", "before");
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);
    room.write("left/letter", "after, and longer");
    let second = house.run();
    house.ended(
        house.syncs.start_undo(&house.engine, PAIR, &[second.record.id]).unwrap(),
        JobState::Succeeded,
    );
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::Undone));
    // Both versions differ now, so it is a conflict: a preview of that finds nothing to do, and not that both are alike.
    let look = |state| {
        let job = house.start(true, Origin::Person);
        house.ended(job, state);
        house.engine.cancel(job).unwrap();
        house.stands().state
    };
    assert_eq!(look(JobState::WaitingForConfirmation), PairState::NotInStep(Differs::Undone));
    room.write("right/letter", "after, and longer");
    assert_eq!(look(JobState::WaitingForConfirmation), PairState::InStep);
    room.write("left/another", "new");
    assert_eq!(look(JobState::WaitingForConfirmation), PairState::NotInStep(Differs::Planned));
    house.run();
    note_settings_changed(&house.catalog, PAIR).unwrap();
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::SettingsChanged));
    assert_eq!(look(JobState::WaitingForConfirmation), PairState::InStep);
}

#[test]
fn a_pair_that_was_to_work_otherwise_while_its_plan_was_held_is_not_in_step_after_it() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "one");
    let job = house.start(true, Origin::Person);
    house.ended(job, JobState::WaitingForConfirmation);
    leave_out(&house, "*.tmp");
    house.decide(job, CONTINUE);
    house.ended(job, JobState::Succeeded);
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::SettingsChanged));
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);
}

/// Has the pair leave this out from now on, as a person who changes it does.
fn leave_out(house: &house::House, pattern: &str) {
    let (record, mut definition) = house.syncs.definition(PAIR).unwrap();
    definition.pair.rules.patterns = vec![pattern.to_owned()];
    let text = serde_json::to_string(&definition).unwrap();
    assert!(house.catalog.replace_pair_definition(&record, &text).unwrap());
    note_settings_changed(&house.catalog, PAIR).unwrap();
}

/// A run waits a while for a file that somebody has open for writing, as Linux tells it.
#[cfg(target_os = "linux")]
#[test]
fn a_look_during_which_the_pair_was_changed_says_nothing_of_how_it_stands() {
    use std::io::Write;
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    house.run();
    let mut film = fs::File::create(room.path("left/film")).unwrap();
    film.write_all(b"half of it").unwrap();
    let look = house.start(true, Origin::Person);
    house::wait_for(|| house.engine.job(look).unwrap().record.state == JobState::Planning);
    std::thread::sleep(std::time::Duration::from_millis(500));
    leave_out(&house, "*.tmp");
    fs::remove_file(room.path("left/film")).unwrap();
    drop(film);
    let view = house.ended(look, JobState::WaitingForConfirmation);
    assert_eq!(view.record.problems_total, 0);
    assert_eq!(house.syncs.with_held(look, |held| held.prepared.plan().changes()), Some(0));
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::SettingsChanged));
}

/// A live run that looks into one folder only.
fn look_into(house: &house::House, folder: &str) {
    let hints = Hints {
        left: Some(BTreeSet::from([RelativePath::root().join(folder.as_bytes()).unwrap()])),
        right: Some(BTreeSet::new()),
    };
    let job = house.syncs.start(&house.engine, PAIR, false, Origin::Live, Some(hints)).unwrap().unwrap();
    let _ = house.engine.wait(job);
}

#[test]
fn a_run_that_looks_elsewhere_does_not_bring_in_step_what_was_left_out_or_brought_back() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "before");
    room.write("left/folder/old", "1");
    house.run();
    room.write("left/letter", "after, and longer");
    let look = house.start(true, Origin::Person);
    house.ended(look, JobState::WaitingForConfirmation);
    let revision = house.syncs.with_held(look, keepwell_jobs::syncs::Held::revision).unwrap();
    let all = keepwell_sync::MeantRows::default();
    let said = house.syncs.choose(look, &revision, &all, keepwell_sync::Say::Skip).unwrap();
    assert_eq!(said.unwrap().rows, 1);
    house.decide(look, CONTINUE);
    house.ended(look, JobState::Succeeded);
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
    room.write("left/folder/new", "2");
    look_into(&house, "folder");
    assert_eq!(room.read("right/folder/new").as_deref(), Some("2"));
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);

    let wishes = house.syncs.with_pair(PAIR, |syncer| {
        Ok(syncer.database().bin_items(0, 10)?.iter().map(keepwell_sync::BinWish::of).collect())
    });
    let job = house.syncs.start_bring_back(&house.engine, PAIR, wishes.unwrap()).unwrap();
    house.ended(job, JobState::Succeeded);
    room.write("left/folder/newer", "3");
    look_into(&house, "folder");
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::BroughtBack));
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);
}

/// Every run looks at the files that were open.
#[cfg(target_os = "linux")]
#[test]
fn a_live_run_brings_in_step_what_waited_for_whoever_wrote_it_and_nothing_else() {
    use std::io::Write;
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/folder/old", "1");
    house.run();
    let wait = |name: &str| {
        let mut film = fs::File::create(room.path(name)).unwrap();
        film.write_all(b"half of it").unwrap();
        house.run();
        assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
        drop(film);
        look_into(&house, "folder");
    };
    wait("left/film");
    assert_eq!(room.read("right/film").as_deref(), Some("half of it"));
    assert_eq!(house.stands().state, PairState::InStep);
    leave_out(&house, "*.tmp");
    look_into(&house, "folder");
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::SettingsChanged));
    // What has trouble elsewhere stays that.
    make_pipe(&room.path("left/pipe"));
    house.run();
    assert_eq!(house.stands().state, PairState::Problems);
    leave_out(&house, "*.bak");
    room.write("left/folder/more", "2");
    make_pipe(&room.path("left/folder/pipe"));
    look_into(&house, "folder");
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::SettingsChanged));
}

/// Linux tells who has a file open for writing.
#[cfg(target_os = "linux")]
#[test]
fn a_pair_is_not_in_step_while_a_file_of_it_waits_for_whoever_writes_it() {
    use std::io::Write;
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    house.run();
    let mut film = fs::File::create(room.path("left/film")).unwrap();
    film.write_all(b"half of it").unwrap();
    let look = house.start(true, Origin::Person);
    house.ended(look, JobState::WaitingForConfirmation);
    assert_eq!(house.syncs.with_held(look, |held| held.prepared.still_open()), Some(1));
    house.engine.cancel(look).unwrap();
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
    assert_eq!(fact(&house.run(), "stillOpen"), 1);
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
    drop(film);
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);
    assert_eq!(room.read("right/film").as_deref(), Some("half of it"));
}

#[test]
fn a_halt_stays_how_a_pair_stands_whatever_previews_show_until_a_run_ends_otherwise() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    for number in 0..60 {
        room.write(&format!("left/{number}"), "content");
    }
    house.run();
    fs::remove_dir_all(room.path("left")).unwrap();
    fs::create_dir(room.path("left")).unwrap();
    let job = house.start(true, Origin::Person);
    house.ended(job, JobState::Halted);
    assert_eq!(house.stands().state, PairState::Halted);
    house.decide(job, CONTINUE);
    house.ended(job, JobState::WaitingForConfirmation);
    house.engine.cancel(job).unwrap();
    assert_eq!(house.stands().state, PairState::Halted);
    let job = house.start(false, Origin::Person);
    house.ended(job, JobState::Halted);
    house.decide(job, BRING_BACK_FROM_RIGHT);
    house.ended(job, JobState::Succeeded);
    assert_eq!(house.stands().state, PairState::InStep);
}

#[test]
fn what_a_preview_could_not_see_is_told_by_it_and_by_the_run_that_carries_it_out() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "one");
    make_pipe(&room.path("left/pipe"));
    let job = house.start(true, Origin::Person);
    assert_eq!(house.ended(job, JobState::WaitingForConfirmation).record.problems_total, 1);
    house.decide(job, CONTINUE);
    assert_eq!(house.ended(job, JobState::SucceededWithProblems).record.problems_total, 1);
    assert_eq!((house.stands().state, house.stands().problems), (PairState::Problems, 1));
    // A run that looks only where something changed does not see it, and does not say that it has passed.
    room.write("left/folder/new", "two");
    let hints = Hints {
        left: Some(BTreeSet::from([RelativePath::root().join(b"folder").unwrap()])),
        right: Some(BTreeSet::new()),
    };
    let job = house.syncs.start(&house.engine, PAIR, false, Origin::Live, Some(hints)).unwrap().unwrap();
    let _ = house.engine.wait(job);
    assert_eq!((house.stands().state, house.stands().problems), (PairState::Problems, 1));
    fs::remove_file(room.path("left/pipe")).unwrap();
    let _ = house.engine.wait(house.start(false, Origin::Live));
    assert_eq!((house.stands().state, house.stands().problems), (PairState::InStep, 0));
}

#[test]
fn a_lost_database_is_told_nothing_is_removed_and_its_bin_is_listed_again_and_can_be_emptied() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/letter", "before");
    room.write("left/removed", "content");
    house.run();
    room.write("left/letter", "after, and longer");
    house.run();
    for item in fs::read_dir(room.path("state/sync")).unwrap() {
        let path = item.unwrap().path();
        if path.to_string_lossy().contains(".sqlite") {
            fs::remove_file(path).unwrap();
        }
    }
    fs::remove_file(room.path("left/removed")).unwrap();
    // Somebody looks first: that makes a new one, and the run tells it all the same.
    assert!(house.syncs.database(PAIR).unwrap().lost().unwrap().is_some());
    let job = house.start(false, Origin::Person);
    house.ended(job, JobState::SucceededWithProblems);
    let problem = house.engine.problems(job, 0, 10).unwrap().0.problems.remove(0);
    assert!(problem.what.starts_with("What both sides last agreed on was lost"), "{problem:?}");
    assert_eq!(room.read("left/removed").as_deref(), Some("content"), "it is back, as was said");
    let bin = || house.syncs.database(PAIR).unwrap().bin_items(0, 10).unwrap();
    assert_eq!(
        bin().iter().map(|item| (item.path.to_string(), item.is_found())).collect::<Vec<_>>(),
        [("letter".to_owned(), true)]
    );
    house.run();
    assert_eq!(house.stands().state, PairState::InStep, "it is told once");
    let removal = BinRemoval::AllUntil(bin()[0].at_ms);
    let job = house.syncs.start_removal(&house.engine, PAIR, removal).unwrap();
    let ended = house.ended(job, JobState::Succeeded);
    assert_eq!((fact(&ended, "removedForGood"), fact(&ended, "freedBytes"), bin().len()), (1, 6, 0));
    assert_eq!(house.stands().state, PairState::InStep);
}

#[test]
fn a_known_file_that_outgrew_the_rules_is_told_and_one_that_is_only_young_waits() {
    let room = Room::new();
    let house = room.house();
    room.pair(&house, false);
    room.write("left/grows", "small");
    room.write("left/stays", "small");
    room.write("left/large", "larger than ten bytes from the start");
    let rules = |change: fn(&mut keepwell_sync::pair::FilterSpec)| {
        let record = house.catalog.pair(PAIR).unwrap().unwrap();
        let mut definition = PairDefinition::of(&record).unwrap();
        change(&mut definition.pair.rules);
        house.catalog.save_pair(&definition.record(1).unwrap()).unwrap();
    };
    rules(|rules| rules.max_size_bytes = Some(10));
    let view = house.run();
    assert_eq!(view.record.problems_total, 0, "what was never synced is nothing to tell");
    room.write("left/grows", "grown beyond ten bytes");
    let job = house.start(false, Origin::Person);
    house.ended(job, JobState::SucceededWithProblems);
    let problem = house.engine.problems(job, 0, 10).unwrap().0.problems.remove(0);
    assert!(
        problem.path.ends_with("grows") && problem.what.contains("left out by size or age"),
        "{problem:?}"
    );
    assert_eq!(room.read("right/grows").as_deref(), Some("small"));
    rules(|rules| rules.patterns = vec!["grows".into()]);
    assert_eq!(house.run().record.problems_total, 0, "a pattern says that it is meant");
    rules(|rules| rules.patterns.clear());
    rules(|rules| (rules.max_size_bytes, rules.min_age_seconds) = (None, Some(3_600)));
    let view = house.run();
    assert_eq!((view.record.problems_total, fact(&view, "waitsForAge")), (0, 1));
    assert_eq!(house.stands().state, PairState::NotInStep(Differs::LeftOver));
    rules(|rules| rules.min_age_seconds = None);
    house.run();
    assert_eq!(house.stands().state, PairState::InStep);
    assert_eq!(room.read("right/grows").as_deref(), Some("grown beyond ten bytes"));
}

fn make_pipe(path: &Path) {
    assert!(std::process::Command::new("mkfifo").arg(path).status().unwrap().success());
}
