//! The scheduler over a catalog, with the clock in the test's hand.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use jiff::tz::TimeZone;
use keepwell_catalog::{Catalog, PairRecord, PlaceRecord, PlanRecord, Presence, ReplicaRecord};
use keepwell_jobs::pairs::PairGroup;
use keepwell_jobs::request::PlanDefinition;
use keepwell_jobs::scheduler::{
    PAIRS_PAUSED_SETTING, PAUSED_SETTING, look, look_at_pairs, look_at_replicas, next_pair_run_ms,
    next_replica_run_ms, next_run_ms,
};
use keepwell_jobs::{
    BackupRules, Bandwidth, Clock, Due, Fault, FaultKind, PairDefinition, Schedule, Scheduler, Scope,
};
use keepwell_model::{PairId, PlaceId, PlanId, ReplicaId};

const HOUR: i64 = 3_600_000;
const START: i64 = 1_800_000_000_000;

fn catalog(home: &std::path::Path, schedules: &[(Schedule, bool)]) -> Catalog {
    let catalog = Catalog::open(home, START).unwrap().catalog;
    let place = PlaceRecord {
        id: PlaceId([9; 16]),
        label: "USB drive".to_owned(),
        path: b"/usb".to_vec(),
        repository_id: "ab".repeat(16),
        created_ms: START,
        last_check: None,
    };
    catalog.add_place(&place).unwrap();
    for (number, (schedule, enabled)) in (0_u8..).zip(schedules) {
        let rules = BackupRules {
            exclude: vec![],
            exclude_caches: true,
            max_file_bytes: None,
            one_file_system: false,
        };
        let definition = PlanDefinition { sources: vec!["/home".to_owned()], rules, schedule: *schedule };
        let plan = PlanRecord {
            id: PlanId([number; 16]),
            place_id: place.id,
            name: format!("plan {number}"),
            definition: serde_json::to_string(&definition).unwrap(),
            enabled: *enabled,
            created_ms: START,
            schedule_from_ms: START,
            retry_ms: None,
        };
        catalog.save_plan(&plan).unwrap();
    }
    catalog
}

/// Which plans are started when somebody looks at a moment.
fn started(catalog: &Catalog, now_ms: i64) -> Vec<u8> {
    let mut started = Vec::new();
    look(catalog, now_ms, &TimeZone::UTC, &mut |plan| {
        started.push(plan.0[0]);
        Ok(())
    })
    .unwrap();
    started
}

#[test]
fn only_plans_that_are_due_and_on_are_started_and_only_once() {
    let home = tempfile::tempdir().unwrap();
    let hourly = Schedule::EveryHours { hours: 1 };
    let schedules = [
        (hourly, true),
        (Schedule::EveryHours { hours: 3 }, true),
        (hourly, false),
        (Schedule::Manual, true),
    ];
    let catalog = catalog(home.path(), &schedules);
    assert!(started(&catalog, START + HOUR - 1).is_empty());
    assert_eq!(started(&catalog, START + HOUR), [0]);
    assert!(started(&catalog, START + HOUR + 1).is_empty());
    // Asleep for a day: each catches up once.
    assert_eq!(started(&catalog, START + 25 * HOUR), [0, 1]);
    assert!(started(&catalog, START + 25 * HOUR + 1).is_empty());
}

#[test]
fn paused_schedules_wait_and_then_catch_up_once() {
    let home = tempfile::tempdir().unwrap();
    let catalog = catalog(home.path(), &[(Schedule::EveryHours { hours: 1 }, true)]);
    catalog.set_setting(PAUSED_SETTING, "true").unwrap();
    assert!(started(&catalog, START + 5 * HOUR).is_empty());
    catalog.set_setting(PAUSED_SETTING, "false").unwrap();
    assert_eq!(started(&catalog, START + 5 * HOUR), [0]);
    assert!(started(&catalog, START + 5 * HOUR).is_empty());
}

#[test]
fn a_plan_that_can_not_be_started_is_not_tried_in_a_flood() {
    let home = tempfile::tempdir().unwrap();
    let catalog = catalog(home.path(), &[(Schedule::EveryHours { hours: 1 }, true)]);
    let mut tries = 0;
    for second in 0..600 {
        look(&catalog, START + HOUR + second * 1000, &TimeZone::UTC, &mut |_| {
            tries += 1;
            Err(Fault::new(FaultKind::Failed, "no", "never mind"))
        })
        .unwrap();
    }
    assert_eq!(tries, 1);
}

#[test]
fn a_clock_set_back_goes_on_from_there() {
    let home = tempfile::tempdir().unwrap();
    let catalog = catalog(home.path(), &[(Schedule::EveryHours { hours: 1 }, true)]);
    let back = START - 1_000 * HOUR;
    assert!(started(&catalog, back).is_empty());
    let plan = catalog.plans().unwrap().remove(0);
    assert_eq!(next_run_ms(&plan, back, &TimeZone::UTC), Some(back + HOUR));
    assert_eq!(started(&catalog, back + HOUR), [0]);
}

#[test]
fn a_plan_of_a_newer_keepwell_is_left_alone() {
    let home = tempfile::tempdir().unwrap();
    let catalog = catalog(home.path(), &[(Schedule::EveryHours { hours: 1 }, true); 2]);
    let mut plan = catalog.plans().unwrap().remove(0);
    plan.definition = r#"{"schedule":{"kind":"atFullMoon"}}"#.to_owned();
    catalog.save_plan(&plan).unwrap();
    assert_eq!(started(&catalog, START + HOUR), [1]);
}

fn pair(number: u8, schedule: Schedule, paused: bool) -> PairRecord {
    let text = format!(
        r#"{{"id":"{}","name":"pair","left":{{"address":"/a"}},"right":{{"address":"/b"}}}}"#,
        format!("{number:02x}").repeat(16)
    );
    let mut pair: keepwell_sync::PairSpec = serde_json::from_str(&text).unwrap();
    pair.paused = paused;
    PairDefinition { pair, schedule, bandwidth: Bandwidth::default(), group: None, makes_right: false }
        .record(START)
        .unwrap()
}

fn started_pairs(catalog: &Catalog, now_ms: i64) -> Vec<u8> {
    let mut started = Vec::new();
    look_at_pairs(catalog, now_ms, &TimeZone::UTC, &mut |pair| {
        started.push(pair.0[0]);
        Ok(())
    })
    .unwrap();
    started
}

#[test]
fn pairs_run_when_they_are_due_unless_they_are_held() {
    let home = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(home.path(), START).unwrap().catalog;
    let hourly = Schedule::EveryHours { hours: 1 };
    for record in [pair(1, hourly, false), pair(2, hourly, true), pair(3, Schedule::Manual, false)] {
        catalog.save_pair(&record).unwrap();
    }
    assert!(started_pairs(&catalog, START + HOUR - 1).is_empty());
    assert_eq!(started_pairs(&catalog, START + 3 * HOUR), [1], "one run catches up");
    assert!(started_pairs(&catalog, START + 3 * HOUR + 1).is_empty());

    catalog.set_pair_paused(PairId([2; 16]), false).unwrap();
    assert_eq!(
        next_pair_run_ms(&catalog.pair(PairId([2; 16])).unwrap().unwrap(), START, &TimeZone::UTC),
        Some(START + HOUR)
    );
    catalog.set_setting(PAUSED_SETTING, "true").unwrap();
    assert!(started_pairs(&catalog, START + 9 * HOUR).is_empty(), "everything is held");
    catalog.set_setting(PAUSED_SETTING, "false").unwrap();
    assert_eq!(started_pairs(&catalog, START + 9 * HOUR), [1, 2]);

    // Holding all pairs is apart from that, and from what each is by itself.
    catalog.set_setting(PAIRS_PAUSED_SETTING, "true").unwrap();
    assert!(started_pairs(&catalog, START + 19 * HOUR).is_empty(), "all pairs are held");
    catalog.set_setting(PAIRS_PAUSED_SETTING, "false").unwrap();

    // What may pass by itself is tried again before its next slot.
    catalog.set_pair_retry(PairId([1; 16]), Some(START + 9 * HOUR + 60_000)).unwrap();
    assert_eq!(started_pairs(&catalog, START + 9 * HOUR + 60_000), [1]);
}

/// A pair of a hub.
fn pair_of_a_hub(catalog: &Catalog, number: u8, schedule: Schedule, live: bool) -> PairId {
    let mut definition = PairDefinition::of(&pair(number, schedule, false)).unwrap();
    definition.group = Some(PairGroup { id: PairId([9; 16]), name: "Work".to_owned() });
    definition.pair.live = live;
    catalog.save_pair(&definition.record(START).unwrap()).unwrap();
    definition.pair.id
}

#[test]
fn a_pair_stays_due_for_its_hub_also_where_no_run_comes_of_it_and_is_not_tried_in_a_flood() {
    let home = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(home.path(), START).unwrap().catalog;
    let id = pair_of_a_hub(&catalog, 1, Schedule::Manual, false);
    assert!(started_pairs(&catalog, START).is_empty());
    catalog.tell_hub_changed(id).unwrap();
    let mut tries = Vec::new();
    for second in 0..3 * 3_600 {
        look_at_pairs(&catalog, START + second * 1_000, &TimeZone::UTC, &mut |_| {
            tries.push(second);
            // It could not be started; or, without a word, a person's run was queued in that moment.
            if second == 0 { Err(Fault::new(FaultKind::Failed, "no", "never mind")) } else { Ok(()) }
        })
        .unwrap();
    }
    assert_eq!(tries, [0, 3_600, 7_200]);

    // A run that began before the last that it was told does not take that off: it is due at once.
    catalog.tell_hub_changed(id).unwrap();
    catalog.note_hub_carried(id, 1).unwrap();
    assert_eq!(started_pairs(&catalog, START + 3 * HOUR - 1), [1]);
    catalog.note_hub_carried(id, 2).unwrap();
    assert!(started_pairs(&catalog, START + 9 * HOUR).is_empty());
}

#[test]
fn what_comes_while_schedules_are_looked_at_is_not_undone_by_what_was_read_before() {
    let home = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(home.path(), START).unwrap().catalog;
    let hourly = Schedule::EveryHours { hours: 1 };
    for number in [1, 2] {
        pair_of_a_hub(&catalog, number, hourly, false);
    }
    let (second, retry_ms) = (PairId([2; 16]), START + HOUR + 60_000);
    let mut started = Vec::new();
    look_at_pairs(&catalog, START + HOUR, &TimeZone::UTC, &mut |pair| {
        started.push(pair.0[0]);
        // In that moment a run of the other fails, and its hub changes.
        catalog.set_pair_retry(second, Some(retry_ms)).unwrap();
        catalog.tell_hub_changed(second).unwrap();
        Ok(())
    })
    .unwrap();
    let record = catalog.pair(second).unwrap().unwrap();
    assert_eq!((record.retry_ms, record.hub.is_waiting()), (Some(retry_ms), true));
    assert_eq!(started, [1], "the other is looked at again, as it is now");
    assert_eq!(started_pairs(&catalog, START + HOUR + 1), [2]);
    assert!(catalog.pair(second).unwrap().unwrap().hub.is_waiting(), "no run of it is done yet");
}

#[test]
fn a_clock_set_back_does_not_keep_a_pair_from_its_hub() {
    let home = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(home.path(), START).unwrap().catalog;
    let id = pair_of_a_hub(&catalog, 1, Schedule::Manual, false);
    catalog.tell_hub_changed(id).unwrap();
    assert_eq!(started_pairs(&catalog, START), [1]);
    assert_eq!(started_pairs(&catalog, START - 1_000 * HOUR), [1]);
    assert!(started_pairs(&catalog, START - 1_000 * HOUR + 1).is_empty());
}

#[test]
fn what_a_live_pair_is_told_of_its_hub_is_for_who_watches_it() {
    let home = tempfile::tempdir().unwrap();
    let catalog = Catalog::open(home.path(), START).unwrap().catalog;
    let id = pair_of_a_hub(&catalog, 1, Schedule::Manual, true);
    catalog.tell_hub_changed(id).unwrap();
    assert!(started_pairs(&catalog, START).is_empty());
    // It is not live any more, and nobody carried it over.
    pair_of_a_hub(&catalog, 1, Schedule::Manual, false);
    assert_eq!(started_pairs(&catalog, START), [1]);
}

#[test]
fn replicas_run_by_their_schedule_once_and_wait_while_schedules_are_paused() {
    let home = tempfile::tempdir().unwrap();
    let catalog = catalog(home.path(), &[]);
    let replica = ReplicaRecord {
        id: ReplicaId([5; 16]),
        place_id: PlaceId([9; 16]),
        address: "/second".to_owned(),
        definition: r#"{"schedule":{"kind":"everyHours","hours":2}}"#.to_owned(),
        created_ms: START,
        schedule_from_ms: START,
        retry_ms: None,
        last_run: None,
    };
    catalog.save_replica(&replica).unwrap();
    let started = |now_ms| {
        let mut started = 0;
        look_at_replicas(&catalog, now_ms, &TimeZone::UTC, &mut |_| {
            started += 1;
            Ok(())
        })
        .unwrap();
        started
    };
    assert_eq!(next_replica_run_ms(&replica, START, &TimeZone::UTC), Some(START + 2 * HOUR));
    assert_eq!((started(START + HOUR), started(START + 2 * HOUR), started(START + 2 * HOUR + 1)), (0, 1, 0));
    catalog.set_setting(PAUSED_SETTING, "true").unwrap();
    assert_eq!(started(START + 9 * HOUR), 0);
    catalog.set_setting(PAUSED_SETTING, "false").unwrap();
    assert_eq!((started(START + 9 * HOUR), started(START + 9 * HOUR + 1)), (1, 0));
}

/// A clock that stands.
struct Still(i64);

impl Clock for Still {
    fn now_ms(&self) -> i64 {
        self.0
    }

    fn steady_ms(&self) -> u64 {
        0
    }
}

#[test]
fn who_looks_after_pairs_alone_keeps_no_plan_from_running_and_no_pair_runs_twice() {
    let home = tempfile::tempdir().unwrap();
    let hourly = Schedule::EveryHours { hours: 1 };
    let catalog = Arc::new(catalog(home.path(), &[(hourly, true)]));
    catalog.save_pair(&pair(1, hourly, false)).unwrap();
    let begin = |scope, now_ms| {
        let presence = Arc::new(Presence::announce(home.path(), "test").unwrap());
        let (told, started) = mpsc::channel();
        let starter = Arc::new(move |due| {
            told.send(due).unwrap();
            Ok(())
        });
        let clock = Arc::new(Still(now_ms));
        let scheduler =
            Scheduler::start(Arc::clone(&catalog), presence, clock, TimeZone::UTC, scope, starter).unwrap();
        scheduler.wake();
        (scheduler, started)
    };
    let wait = Duration::from_secs(20);
    let (watch, of_watch) = begin(Scope::Pairs, START + HOUR);
    assert_eq!(of_watch.recv_timeout(wait), Ok(Due::Pair(PairId([1; 16]))));
    // An hour later: the pair is due again, and still the matter of the other.
    let (window, of_window) = begin(Scope::All, START + 2 * HOUR);
    assert_eq!(of_window.recv_timeout(wait), Ok(Due::Plan(PlanId([0; 16]))));
    drop(watch);
    assert_eq!(of_window.recv_timeout(wait), Ok(Due::Pair(PairId([1; 16]))));
    drop(window);
    assert!(of_watch.try_iter().chain(of_window.try_iter()).next().is_none());
}
