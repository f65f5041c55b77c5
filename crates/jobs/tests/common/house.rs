//! A process with its engine, and a room with two folders and its state.

#![allow(clippy::unwrap_used, clippy::expect_used, dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use jiff::tz::TimeZone;
use keepwell_catalog::{Catalog, Credentials, JobFilter, JobState, KeyringChoice, Presence};
use keepwell_jobs::standing::{Standing, standing};
use keepwell_jobs::{
    Attachment, Bandwidth, DeviceKey, Engine, EngineOptions, JobView, Live, MachineWork, Origin, Outcome,
    PairDefinition, Repositories, Schedule, Syncs, SystemClock, Trees,
};
use keepwell_model::{JobId, PairId};

pub const PAIR: PairId = PairId([7; 16]);

/// One process with its engine, on the state of a room.
pub struct House {
    pub engine: Arc<Engine>,
    pub catalog: Arc<Catalog>,
    pub syncs: Arc<Syncs>,
    pub presence: Arc<Presence>,
}

pub struct Room(pub tempfile::TempDir);

impl Room {
    pub fn new() -> Self {
        let room = tempfile::tempdir().unwrap();
        for name in ["left", "right", "state"] {
            fs::create_dir(room.path().join(name)).unwrap();
        }
        Self(room)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, content: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, name: &str) -> Option<String> {
        fs::read_to_string(self.path(name)).ok()
    }

    /// Writes the pair down.
    pub fn pair(&self, house: &House, live: bool) {
        let text = format!(
            r#"{{"id":"{PAIR}","name":"Photos","left":{{"address":"{}"}},"right":{{"address":"{}"}}}}"#,
            self.path("left").display(),
            self.path("right").display(),
        );
        let mut pair: keepwell_sync::PairSpec = serde_json::from_str(&text).unwrap();
        pair.live = live;
        let definition = PairDefinition {
            pair,
            schedule: Schedule::Manual,
            bandwidth: Bandwidth::default(),
            group: None,
            makes_right: false,
        };
        house.catalog.save_pair(&definition.record(1).unwrap()).unwrap();
    }

    pub fn house(&self) -> House {
        let home = self.path("state");
        let catalog = Arc::new(Catalog::open(&home, 1).unwrap().catalog);
        let credentials = Arc::new(Credentials::open(&home, KeyringChoice::File));
        let device = Arc::new(DeviceKey::load_or_make(&catalog, &credentials).unwrap());
        let clock = Arc::new(SystemClock::default());
        let repositories =
            Arc::new(Repositories::new(Arc::clone(&catalog), Arc::clone(&credentials)).unwrap());
        let trees = Arc::new(Trees::new(credentials, None, home.clone(), "me"));
        let syncs = Arc::new(Syncs::new(Arc::clone(&catalog), trees, clock.clone(), TimeZone::UTC));
        let work = MachineWork {
            catalog: Arc::clone(&catalog),
            repositories,
            syncs: Arc::clone(&syncs),
            clock: clock.clone(),
            host: "host".to_owned(),
            user: "me".to_owned(),
            program: "test".to_owned(),
        };
        let presence = Arc::new(Presence::announce(&home, "test").unwrap());
        let options = EngineOptions {
            catalog: Arc::clone(&catalog),
            presence: Arc::clone(&presence),
            clock,
            work: Arc::new(work),
            device,
            host: "host".to_owned(),
            program: "test".to_owned(),
        };
        House { engine: Arc::new(Engine::start(options).unwrap()), catalog, syncs, presence }
    }
}

impl House {
    pub fn start(&self, preview: bool, origin: Origin) -> JobId {
        self.syncs.start(&self.engine, PAIR, preview, origin, None).unwrap().expect("it is started")
    }

    pub fn run(&self) -> JobView {
        self.engine.wait(self.start(false, Origin::Person)).unwrap()
    }

    pub fn ended(&self, id: JobId, state: JobState) -> JobView {
        let view = self.engine.wait(id).unwrap();
        assert_eq!(view.record.state, state, "{:?} {:?}", view.record.fault, view.record.halt);
        view
    }

    pub fn decide(&self, id: JobId, choice: &str) {
        self.engine.decide(id, choice, Attachment::default()).unwrap();
    }

    pub fn live(&self) -> Live {
        Live::start(
            Arc::clone(&self.catalog),
            Arc::clone(&self.presence),
            Arc::new(SystemClock::default()),
            Arc::clone(&self.engine),
            Arc::clone(&self.syncs),
        )
        .unwrap()
    }

    pub fn stands(&self) -> Standing {
        standing(&self.catalog, PAIR).unwrap().expect("it ran")
    }

    /// From now on the right of a pair was on a drive that is not connected.
    pub fn unplug_right(&self, id: PairId) {
        let (record, mut definition) = self.syncs.definition(id).unwrap();
        let volume = definition.pair.right.volume.replace("a drive that is elsewhere".to_owned());
        assert!(volume.is_some(), "a run notes the volume");
        let text = serde_json::to_string(&definition).unwrap();
        self.catalog.replace_pair_definition(&record, &text).unwrap();
    }

    pub fn jobs(&self) -> u64 {
        self.catalog.jobs(&JobFilter { pair_id: Some(PAIR), ..JobFilter::default() }, 0, 1).unwrap().1
    }
}

pub fn fact(view: &JobView, key: &str) -> u64 {
    let outcome: Outcome = serde_json::from_str(view.record.outcome.as_ref().unwrap()).unwrap();
    outcome.facts.into_iter().find(|fact| fact.key == key).unwrap().value
}

pub fn wait_for(mut so: impl FnMut() -> bool) {
    for _ in 0..3_000 {
        if so() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    panic!("waited half a minute in vain");
}
