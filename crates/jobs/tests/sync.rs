//! Sync pairs as jobs, on real folders: runs, previews, brakes, schedules' traces, live.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "common/house.rs"]
mod house;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use house::{House, PAIR, Room, fact, wait_for};
use jiff::tz::TimeZone;
use keepwell_catalog::{JobFilter, JobState, PairRecord, Presence};
use keepwell_jobs::pairs::{PairGroup, PairOptions, PairWish};
use keepwell_jobs::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT, JobRequest, SyncJob};
use keepwell_jobs::schedule::RETRY_MS;
use keepwell_jobs::standing::{Differs, PairState};
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{
    Attachment, Bandwidth, CONTINUE, Clock, EngineError, Halt, JobView, Live, LiveState, Origin,
    PairDefinition, Proposal, Receipt, Schedule, SystemClock,
};
use keepwell_jobs::{live, scheduler};
use keepwell_model::{JobId, PairId, RelativePath};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{BinWish, Hints, MeantRows, Mode, PlanFilter, Say};

#[path = "sync/answers.rs"]
mod answers;
#[path = "sync/by_itself.rs"]
mod by_itself;
#[path = "sync/halts.rs"]
mod halts;
#[path = "sync/undo.rs"]
mod undo;

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
    assert!(receipt(&first).is_valid() && statement.asked.iter().any(|line| line.starts_with("Left: ")));

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

fn emptied(room: &Room, house: &House) -> JobId {
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

fn files_below(folder: &Path) -> Vec<PathBuf> {
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

#[test]
fn what_changes_in_a_live_pair_is_on_the_other_side_soon() {
    let room = Room::new();
    let house = room.house();
    room.write("left/before", "0");
    room.pair(&house, true);
    let live = house.live();
    wait_for(|| room.read("right/before").as_deref() == Some("0"));
    assert_eq!(live.state(PAIR), Some(LiveState::Watching));
    room.write("left/new/deep/file", "1");
    wait_for(|| room.read("right/new/deep/file").as_deref() == Some("1"));
    room.write("right/back", "2");
    wait_for(|| room.read("left/back").as_deref() == Some("2"));
    fs::rename(room.path("left/new"), room.path("left/renamed")).unwrap();
    wait_for(|| {
        room.read("right/renamed/deep/file").as_deref() == Some("1") && !room.path("right/new").exists()
    });

    // A pair that is held is left alone.
    house.catalog.set_pair_paused(PAIR, true).unwrap();
    live.wake();
    wait_for(|| live.state(PAIR).is_none());
    room.write("left/later", "3");
    house.catalog.set_pair_paused(PAIR, false).unwrap();
    live.wake();
    wait_for(|| room.read("right/later").as_deref() == Some("3"));
}

/// A live pair whose files, all from long ago, are in step, and which is watched.
fn live_pair(files: usize) -> (Room, House, Live) {
    let room = Room::new();
    let house = room.house();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for number in 0..files {
        room.write(&format!("left/{number}"), &format!("content {number}"));
        let file = fs::File::options().write(true).open(room.path(&format!("left/{number}"))).unwrap();
        file.set_modified(long_ago).unwrap();
    }
    room.pair(&house, false);
    house.run();
    room.pair(&house, true);
    let live = house.live();
    wait_for(|| live.state(PAIR) == Some(LiveState::Watching));
    // Its first look at everything is over.
    room.write("left/first", "1");
    wait_for(|| room.read("right/first").is_some());
    (room, house, live)
}

/// Waits until the pair is halted; the job, and what it says.
fn halted(house: &House) -> (JobId, Halt) {
    let filter = JobFilter { states: vec![JobState::Halted], pair_id: Some(PAIR), ..JobFilter::default() };
    wait_for(|| house.catalog.jobs(&filter, 0, 1).unwrap().1 > 0);
    let job = house.catalog.jobs(&filter, 0, 1).unwrap().0.remove(0);
    (job.id, serde_json::from_str(job.halt.as_ref().unwrap()).unwrap())
}

fn kinds(halt: &Halt) -> Vec<BrakeKind> {
    halt.brakes.iter().map(|brake| brake.kind).collect()
}

#[test]
fn a_burst_in_which_all_is_removed_halts_a_live_pair_before_it_goes_on_the_other_side() {
    let (room, house, _live) = live_pair(200);
    for number in 0..200 {
        fs::remove_file(room.path(&format!("left/{number}"))).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (id, halt) = halted(&house);
    assert!(kinds(&halt).contains(&BrakeKind::ManyRemoved), "{halt:?}");
    let kept = (0..200).filter(|number| room.path(&format!("right/{number}")).exists()).count();
    assert!(kept >= 180, "{kept} are left");

    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert!(!room.path("right/199").exists());
    // What was answered for does not hold up the next run.
    fs::remove_file(room.path("left/first")).unwrap();
    room.write("left/later", "2");
    wait_for(|| room.read("right/later").is_some() && !room.path("right/first").exists());
}

#[test]
fn a_burst_in_which_all_is_written_anew_halts_a_live_pair_and_slow_rewriting_too() {
    let (room, house, _live) = live_pair(200);
    let encrypt =
        |number: usize, text: &str| room.write(&format!("left/{number}"), &format!("{text} {number}"));
    // One after the other, each in a run of its own.
    for number in 0..30 {
        encrypt(number, "slowly");
        let name = format!("right/{number}");
        wait_for(|| room.read(&name).is_some_and(|text| text.starts_with("slowly")));
    }
    for number in 30..200 {
        encrypt(number, "fast");
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (id, halt) = halted(&house);
    assert_eq!(kinds(&halt), [BrakeKind::ManyRewritten]);
    assert_eq!((halt.brakes[0].items, halt.brakes[0].out_of), (200, 201));
    assert!(halt.reason.contains("keepwell sync undo \"Photos\" --since "), "{}", halt.reason);
    let kept =
        (30..200).filter(|number| room.read(&format!("right/{number}")) == Some(format!("content {number}")));
    assert!(kept.count() >= 150);

    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    encrypt(7, "an edit of the day");
    wait_for(|| room.read("right/7").is_some_and(|text| text.starts_with("an edit")));
}

/// Of a folder that is gone the system tells nothing more, also when there is one of its name again.
#[test]
fn a_live_pair_hears_of_a_place_that_was_made_again() {
    let (room, house, live) = live_pair(20);
    fs::rename(room.path("left"), room.path("away")).unwrap();
    fs::create_dir(room.path("left")).unwrap();
    room.write("right/notices", "1");
    let (id, _) = halted(&house);
    house.decide(id, "bringBackFromRight");
    house.ended(id, JobState::Succeeded);
    assert_eq!(room.read("left/7").as_deref(), Some("content 7"));
    wait_for(|| live.state(PAIR) == Some(LiveState::Watching));
    // Whatever was looked at everywhere is over.
    std::thread::sleep(std::time::Duration::from_secs(2));
    room.write("left/later", "2");
    wait_for(|| room.read("right/later").as_deref() == Some("2"));
}

/// Each run alone would carry over some of the times, and none of them all.
#[test]
fn a_burst_in_which_all_times_change_halts_a_live_pair() {
    let (room, house, _live) = live_pair(200);
    for number in 0..200 {
        let file = fs::File::options().write(true).open(room.path(&format!("left/{number}"))).unwrap();
        file.set_modified(std::time::SystemTime::now()).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(2));
    }
    let (_, halt) = halted(&house);
    assert_eq!(kinds(&halt), [BrakeKind::AllTimesChanged], "{halt:?}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_live_pair_leaves_a_file_until_whoever_writes_it_closes_it() {
    use std::io::Write;
    let (room, _house, _live) = live_pair(1);
    let mut film = fs::File::create(room.path("left/film")).unwrap();
    film.write_all(b"half").unwrap();
    film.flush().unwrap();
    // Longer than a run waits for one that is being written.
    std::thread::sleep(std::time::Duration::from_secs(3));
    film.write_all(b" of it").unwrap();
    room.write("left/beside", "1");
    wait_for(|| room.read("right/beside").is_some());
    assert_eq!(room.read("right/film"), None);
    drop(film);
    wait_for(|| room.read("right/film").as_deref() == Some("half of it"));
    assert!(!room.path("right/.keepwell/bin").exists(), "nothing was carried over in between");
}

/// Three places and their hub, one pair each.
struct HubRoom {
    room: Room,
    house: House,
}

impl HubRoom {
    const PLACES: [&'static str; 3] = ["a", "b", "c"];

    fn new() -> Self {
        let room = Room::new();
        let house = room.house();
        for name in ["hub", "a", "b", "c"] {
            fs::create_dir(room.path(name)).unwrap();
        }
        let group = PairGroup { id: PairId([9; 16]), name: "Work".to_owned() };
        for name in Self::PLACES {
            let text = format!(
                r#"{{"id":"{}","name":"{name}","left":{{"address":"{}"}},"right":{{"address":"{}"}}}}"#,
                Self::id(name),
                room.path("hub").display(),
                room.path(name).display(),
            );
            let definition = PairDefinition {
                pair: serde_json::from_str(&text).unwrap(),
                schedule: Schedule::Manual,
                bandwidth: Bandwidth::default(),
                group: Some(group.clone()),
            };
            house.catalog.save_pair(&definition.record(1).unwrap()).unwrap();
        }
        Self { room, house }
    }

    fn id(name: &str) -> PairId {
        PairId([name.as_bytes()[0]; 16])
    }

    fn make_live(&self, id: PairId) {
        let (_, mut definition) = self.house.syncs.definition(id).unwrap();
        definition.pair.live = true;
        self.house.catalog.save_pair(&definition.record(1).unwrap()).unwrap();
    }

    fn run(&self, name: &str) {
        let id = self.house.syncs.start(&self.house.engine, Self::id(name), false, Origin::Person, None);
        self.house.ended(id.unwrap().unwrap(), JobState::Succeeded);
    }

    /// Looks at the schedules until nothing is due any more; answers what ran.
    fn settle(&self) -> Vec<char> {
        self.settle_after(0)
    }

    /// As [`settle`](Self::settle), some milliseconds from now.
    fn settle_after(&self, wait_ms: i64) -> Vec<char> {
        let mut ran = Vec::new();
        for _ in 0..10 {
            let mut started = Vec::new();
            let mut start = |pair: PairId| {
                let job = self.house.syncs.start(&self.house.engine, pair, false, Origin::Schedule, None)?;
                started.push((char::from(pair.0[0]), job.unwrap()));
                Ok(())
            };
            let now_ms = SystemClock::default().now_ms() + wait_ms;
            scheduler::look_at_pairs(&self.house.catalog, now_ms, &TimeZone::UTC, &mut start).unwrap();
            if started.is_empty() {
                return ran;
            }
            for (name, job) in started {
                // What found nothing to do leaves no trace.
                let _ = self.house.engine.wait(job);
                ran.push(name);
            }
        }
        panic!("the runs of the hub do not settle: {ran:?}");
    }

    #[track_caller]
    fn assert_everywhere(&self, file: &str, content: &str) {
        for place in ["hub", "a", "b", "c"] {
            assert_eq!(self.room.read(&format!("{place}/{file}")).as_deref(), Some(content), "{place}");
        }
    }
}

#[test]
fn a_change_in_one_place_reaches_all_others_through_their_hub_and_then_it_is_quiet() {
    let hub = HubRoom::new();
    hub.room.write("a/news", "from a");
    hub.run("a");
    assert_eq!(hub.settle(), ['b', 'c']);
    hub.assert_everywhere("news", "from a");
    hub.room.write("c/news", "from c, later");
    hub.room.write("b/more", "from b");
    hub.run("c");
    hub.settle();
    hub.assert_everywhere("news", "from c, later");
    hub.assert_everywhere("more", "from b");
    assert_eq!(hub.settle(), Vec::<char>::new(), "there is nothing left to carry on");
    // A run that did not change the hub tells nobody.
    hub.run("a");
    assert_eq!(hub.settle(), Vec::<char>::new());
}

#[test]
fn a_held_pair_of_a_hub_learns_what_it_missed_when_it_goes_on() {
    let hub = HubRoom::new();
    hub.house.catalog.set_pair_paused(HubRoom::id("b"), true).unwrap();
    hub.room.write("a/news", "from a");
    hub.run("a");
    assert_eq!(hub.settle(), ['c']);
    assert_eq!(hub.room.read("b/news"), None);
    hub.house.catalog.set_pair_paused(HubRoom::id("b"), false).unwrap();
    assert_eq!(hub.settle(), ['b']);
    hub.assert_everywhere("news", "from a");
}

#[test]
fn what_a_pair_is_told_after_its_run_looked_at_the_hub_makes_another_run() {
    let hub = HubRoom::new();
    hub.room.write("b/own", "from b");
    let (house, b) = (&hub.house, HubRoom::id("b"));
    let id = house.syncs.start(&house.engine, b, true, Origin::Person, None).unwrap().unwrap();
    house.ended(id, JobState::WaitingForConfirmation);
    hub.room.write("a/news", "from a");
    hub.run("a");
    assert_eq!(hub.settle(), ['c'], "b waits for a person");
    // What was shown is what is done, and that is from before the hub changed.
    house.decide(id, CONTINUE);
    house.ended(id, JobState::Succeeded);
    assert_eq!(hub.room.read("b/news"), None);
    let ran = hub.settle();
    assert!(ran.contains(&'b'), "{ran:?}");
    hub.assert_everywhere("news", "from a");
    hub.assert_everywhere("own", "from b");
    assert_eq!(hub.settle(), Vec::<char>::new());
}

#[test]
fn a_pair_whose_run_failed_or_was_given_up_still_learns_what_changed_but_not_in_a_flood() {
    let hub = HubRoom::new();
    let (house, b) = (&hub.house, HubRoom::id("b"));
    hub.run("b");
    fs::rename(hub.room.path("b"), hub.room.path("unplugged")).unwrap();
    house.unplug_right(b);
    hub.room.write("a/news", "from a");
    hub.run("a");
    let id = house.syncs.start(&house.engine, b, false, Origin::Person, None).unwrap().unwrap();
    assert_ne!(house.engine.wait(id).unwrap().record.state, JobState::Succeeded);
    assert_eq!(hub.settle(), ['c']);
    // Told once more while it rests: two pairs that break off and tell each other would never do so else.
    hub.room.write("a/more", "from a");
    hub.run("a");
    assert_eq!(hub.settle(), ['c']);
    // A person looks at it, and gives it up.
    fs::rename(hub.room.path("unplugged"), hub.room.path("b")).unwrap();
    let id = house.syncs.start(&house.engine, b, true, Origin::Person, None).unwrap().unwrap();
    house.ended(id, JobState::WaitingForConfirmation);
    house.engine.cancel(id).unwrap();
    assert_eq!(hub.settle(), Vec::<char>::new());
    assert_eq!(hub.settle_after(RETRY_MS), ['b']);
    hub.assert_everywhere("news", "from a");
    hub.assert_everywhere("more", "from a");
    assert_eq!(hub.settle_after(RETRY_MS), Vec::<char>::new());
}

#[test]
fn a_run_that_only_looks_into_changed_folders_leaves_what_it_was_told_of_the_hub() {
    let hub = HubRoom::new();
    let (house, b) = (&hub.house, HubRoom::id("b"));
    hub.run("b");
    hub.room.write("a/folder/news", "from a");
    hub.run("a");
    // As of a live pair with its hub on a server, where nobody tells of changes.
    hub.room.write("b/own", "from b");
    let nowhere = Some(BTreeSet::new());
    let top = Some(BTreeSet::from([RelativePath::root()]));
    let hints = Some(Hints { left: nowhere, right: top });
    let id = house.syncs.start(&house.engine, b, false, Origin::Live, hints).unwrap().unwrap();
    house.ended(id, JobState::Succeeded);
    assert_eq!((hub.room.read("hub/own").as_deref(), hub.room.read("b/folder/news")), (Some("from b"), None));
    let ran = hub.settle();
    assert!(ran.contains(&'b'), "{ran:?}");
    hub.assert_everywhere("folder/news", "from a");
    hub.assert_everywhere("own", "from b");
}

/// The hub is not what the others found it to be any more.
#[test]
fn an_undo_that_changes_the_hub_is_told_to_the_others() {
    let hub = HubRoom::new();
    hub.room.write("a/letter", "before");
    hub.run("a");
    hub.settle();
    hub.room.write("a/letter", "after, and longer");
    let run = hub.house.syncs.start(&hub.house.engine, HubRoom::id("a"), false, Origin::Person, None);
    let run = hub.house.ended(run.unwrap().unwrap(), JobState::Succeeded).record.id;
    hub.settle();
    hub.assert_everywhere("letter", "after, and longer");
    let undo = hub.house.syncs.start_undo(&hub.house.engine, HubRoom::id("a"), &[run]).unwrap();
    hub.house.ended(undo, JobState::Succeeded);
    assert_eq!(hub.room.read("hub/letter").as_deref(), Some("before"));
    assert_eq!(hub.settle(), ['b', 'c'], "a is held since the undo");
    assert_eq!(hub.room.read("b/letter").as_deref(), Some("before"));
}

#[test]
fn a_killed_run_leaves_its_pair_due_and_the_others_too_for_it_may_have_changed_the_hub() {
    let hub = HubRoom::new();
    hub.room.write("a/news", "from a");
    hub.run("a");
    let HubRoom { room, house } = hub;
    // A run of b that its process took with it, with a change that is in the hub already.
    let mut killed = house.catalog.jobs(&JobFilter::default(), 0, 1).unwrap().0.remove(0);
    let record = house.catalog.pair(HubRoom::id("b")).unwrap().unwrap();
    let request = JobRequest::Sync(SyncJob::of(&record, false, Origin::Person));
    killed.id = JobId([1; 16]);
    killed.pair_id = Some(record.id);
    killed.request = serde_json::to_string(&request).unwrap();
    killed.owner = "nobody".to_owned();
    killed.state = JobState::Running;
    killed.finished_ms = None;
    house.catalog.save_job(&killed).unwrap();
    room.write("hub/half", "from b");
    room.write("b/half", "from b");
    drop(house);
    let house = room.house();
    let hub = HubRoom { room, house };
    assert_eq!(hub.house.catalog.job(killed.id).unwrap().unwrap().state, JobState::Interrupted);
    assert_eq!(hub.settle(), ['a', 'c'], "b rests for a moment: it may be what ended the process");
    assert_eq!(hub.settle_after(60_000), ['b']);
    hub.assert_everywhere("news", "from a");
    hub.assert_everywhere("half", "from b");
    assert_eq!(hub.settle_after(RETRY_MS), Vec::<char>::new());
}

#[test]
fn a_live_pair_of_a_hub_takes_off_what_it_was_told_when_it_looks_at_everything() {
    let hub = HubRoom::new();
    let (house, b) = (&hub.house, HubRoom::id("b"));
    hub.make_live(b);
    hub.room.write("a/news", "from a");
    hub.run("a");
    let is_waiting = || house.catalog.pair(b).unwrap().unwrap().hub.is_waiting();
    assert!(is_waiting());
    let _live = house.live();
    wait_for(|| !is_waiting());
    assert_eq!(hub.room.read("b/news").as_deref(), Some("from a"));
    // The hub is watched: what changes there comes as it happens.
    hub.room.write("a/later", "from a");
    hub.run("a");
    wait_for(|| hub.room.read("b/later").as_deref() == Some("from a"));
}

#[test]
fn a_live_pair_whose_hub_was_not_there_at_first_looks_there_once_it_is_told_and_watches_it() {
    let hub = HubRoom::new();
    let (house, b) = (&hub.house, HubRoom::id("b"));
    // Its volumes are noted: the watching does not begin anew because of that.
    hub.run("b");
    hub.make_live(b);
    // Its drive is not there yet when watching begins; nothing starts while a person looks at a plan.
    let id = house.syncs.start(&house.engine, b, true, Origin::Person, None).unwrap().unwrap();
    house.ended(id, JobState::WaitingForConfirmation);
    fs::rename(hub.room.path("hub"), hub.room.path("unplugged")).unwrap();
    let live = house.live();
    wait_for(|| live.state(b) == Some(LiveState::Scanning));
    // Other processes, which only see the catalog, say the same of it.
    let elsewhere = Presence::announce(&hub.room.path("state"), "another process").unwrap();
    let told = || live::state_anywhere(&house.catalog, &elsewhere, b).unwrap();
    wait_for(|| told() == Some(LiveState::Scanning));
    fs::rename(hub.room.path("unplugged"), hub.room.path("hub")).unwrap();
    hub.room.write("b/own", "from b");
    house.engine.cancel(id).unwrap();
    wait_for(|| hub.room.read("hub/own").as_deref() == Some("from b"));
    wait_for(|| live.state(b) == Some(LiveState::Watching));
    wait_for(|| told() == Some(LiveState::Watching));
    // Half a minute is less than until it looks everywhere by itself.
    hub.room.write("a/news", "from a");
    hub.run("a");
    wait_for(|| hub.room.read("b/news").as_deref() == Some("from a"));
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
        house.syncs.start_as(&house.engine, record, Some(wish), preview, plan.map(str::to_owned)).unwrap()
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
    let late = house.syncs.start_as(&house.engine, record, Some(asked), false, None).unwrap();
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
