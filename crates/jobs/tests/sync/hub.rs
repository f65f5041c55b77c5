//! Hubs: what one of their pairs brings to the hub reaches the others, and then it is quiet.

use std::collections::BTreeSet;
use std::fs;

use jiff::tz::TimeZone;
use keepwell_catalog::{JobFilter, JobState, Presence};
use keepwell_jobs::live::state_anywhere;
use keepwell_jobs::pairs::PairGroup;
use keepwell_jobs::request::{JobRequest, SyncJob};
use keepwell_jobs::schedule::RETRY_MS;
use keepwell_jobs::{
    Bandwidth, CONTINUE, Clock, LiveState, Origin, PairDefinition, Schedule, SystemClock, scheduler,
};
use keepwell_model::{JobId, PairId, RelativePath};
use keepwell_sync::Hints;

use super::house::{House, Room, wait_for};

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
                makes_right: false,
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
    let told = || state_anywhere(&house.catalog, &elsewhere, b).unwrap();
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
