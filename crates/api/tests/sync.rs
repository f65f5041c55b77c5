//! Sync pairs at the border: which job answers what was asked, and pairs that can not be read.

#![cfg(unix)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::PathBuf;

use keepwell_api::open::{Cost, KeyringChoice, Space};
use keepwell_api::{Api, OpenOptions, dispatch};
use keepwell_catalog::{Catalog, HubNews, PairRecord};
use keepwell_model::PairId;
use serde_json::{Value, json};

/// A room with two folders that are a pair, and the program opened in it.
struct Room {
    folder: tempfile::TempDir,
    api: Api,
    pair: String,
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["left", "right", "home"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        let api = Api::open(OpenOptions {
            home: folder.path().join("state"),
            user_folder: Some(folder.path().join("home")),
            keyring: KeyringChoice::File,
            label: "the test".to_owned(),
            schedules: false,
            logs: None,
            host: "desk".to_owned(),
            user: "ana".to_owned(),
            cost: Cost { memory_kib: 1024, passes: 1, lanes: 1 },
            space: |_| Space { free_bytes: Some(50), total_bytes: Some(1000) },
        })
        .unwrap();
        let mut room = Self { folder, api, pair: String::new() };
        let wish = json!({
            "name": "Photos",
            "left": room.path("left"),
            "right": room.path("right"),
            "mode": "twoWay",
            "conflicts": "ask",
        });
        room.pair = room.ask("sync.pairSave", wish)["id"].as_str().unwrap().to_owned();
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    #[track_caller]
    fn ask(&self, name: &str, request: Value) -> Value {
        dispatch(&self.api, name, request).unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    /// The id of the job that answers.
    fn run(&self, preview: bool) -> String {
        let started = self.ask("sync.run", json!({ "pairId": self.pair, "preview": preview }));
        started["jobId"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    fn ended(&self, job: &str, state: &str) {
        assert_eq!(serde_json::to_value(self.api.job_wait(job).unwrap()).unwrap()["state"], state);
    }
}

/// Linux tells who has a file open for writing, and a run waits for that a while.
#[cfg(target_os = "linux")]
#[test]
fn a_look_that_is_under_way_is_not_the_run_that_is_asked_for() {
    use std::io::Write;

    use keepwell_api::SyncAsk;

    let room = Room::new();
    for is_typed in [false, true] {
        let name = format!("film {is_typed}");
        let mut film = fs::File::create(room.path("left").join(&name)).unwrap();
        film.write_all(b"all of it").unwrap();
        let look = room.run(true);
        assert_eq!(room.run(true), look, "who looks again looks at the same plan");
        let run = if is_typed {
            let wish = json!({
                "id": room.pair,
                "left": room.path("left"),
                "right": room.path("right"),
                "name": "Photos",
                "mode": "twoWay",
                "conflicts": "ask",
            });
            let pair = serde_json::from_value(wish).unwrap();
            room.api
                .sync_ask(SyncAsk { pair, preview: false, plan: None, brings_back: false })
                .unwrap()
                .job_id
        } else {
            room.run(false)
        };
        assert_ne!(run, look);
        assert_eq!(room.run(false), run, "a run that waits is not started twice");
        drop(film);
        room.ended(&run, "succeeded");
        assert_eq!(fs::read(room.path("right").join(&name)).unwrap(), b"all of it");
    }
}

#[test]
fn what_a_newer_keepwell_keeps_of_a_pair_stays_when_it_is_changed_and_when_it_runs() {
    let room = Room::new();
    let catalog = Catalog::open(&room.path("state"), 1).unwrap().catalog;
    let id: PairId = room.pair.parse().unwrap();
    let read = || -> (PairRecord, Value) {
        let record = catalog.pair(id).unwrap().unwrap();
        let definition = serde_json::from_str(&record.definition).unwrap();
        (record, definition)
    };
    let (record, mut definition) = read();
    definition["ofNextYear"] = json!({ "a": [1] });
    definition["pair"]["ofNextYear"] = json!(2);
    definition["pair"]["rules"]["ofNextYear"] = json!(3);
    assert!(catalog.replace_pair_definition(&record, &definition.to_string()).unwrap());
    let kept = || {
        let (_, now) = read();
        let found =
            [&now["ofNextYear"]["a"][0], &now["pair"]["ofNextYear"], &now["pair"]["rules"]["ofNextYear"]];
        assert_eq!(found, [1, 2, 3], "{now}");
        now
    };
    // A run notes on which volumes both places are.
    room.ended(&room.run(false), "succeeded");
    assert_ne!(kept()["pair"]["left"]["volume"], Value::Null);
    let wish = json!({
        "id": room.pair,
        "name": "Pictures",
        "left": room.path("left"),
        "right": room.path("right"),
        "mode": "mirror",
        "conflicts": "ask",
        "rules": { "exclude": ["*.tmp"], "folders": [] },
    });
    room.ask("sync.pairSave", wish);
    let now = kept();
    assert_eq!(
        (&now["pair"]["mode"], &now["pair"]["rules"]["patterns"][0]),
        (&"mirror".into(), &"*.tmp".into())
    );
}

#[test]
fn what_opens_a_server_is_forgotten_with_the_last_thing_that_is_there() {
    use keepwell_catalog::{Credentials, PlaceRecord, ReplicaRecord};
    use keepwell_model::{PlaceId, ReplicaId};

    let room = Room::new();
    let catalog = Catalog::open(&room.path("state"), 1).unwrap().catalog;
    let secrets = Credentials::open(&room.path("state"), KeyringChoice::File);
    let (server, other) = ("sftp://ana@nas/a%25b", "sftp://ana@nas/other");
    let knows = |address: &str| secrets.get(&format!("place/{address}")).unwrap().is_some();
    let pair = |left: &str, right: &str| {
        let wish = json!({
            "name": "",
            "left": room.path(left),
            "right": right.replace('%', "%25"),
            "rightAccess": { "user": "ana", "secret": "hush" },
            "mode": "twoWay",
            "conflicts": "ask",
        });
        room.ask("sync.pairSave", wish)["id"].clone()
    };
    let place = |number: u8, path: &str| {
        let id = PlaceId([number; 16]);
        let record = PlaceRecord {
            id,
            label: "NAS".to_owned(),
            path: path.as_bytes().to_vec(),
            repository_id: "00".repeat(16),
            created_ms: 1,
            last_check: None,
        };
        catalog.add_place(&record).unwrap();
        id
    };
    let (one, two, three) = (pair("left", server), pair("right", server), pair("home", other));
    let repository = place(1, server);
    let beside = place(2, "/nowhere");
    let copy = ReplicaRecord {
        id: ReplicaId([3; 16]),
        place_id: beside,
        address: server.replace('%', "%25"),
        definition: "{}".to_owned(),
        created_ms: 1,
        schedule_from_ms: 1,
        retry_ms: None,
        last_run: None,
    };
    catalog.save_replica(&copy).unwrap();
    assert!(knows(server) && knows(other));

    for id in [one, two] {
        room.ask("sync.pairRemove", json!({ "pairId": id }));
        assert!(knows(server), "a repository and a second copy are there");
    }
    room.ask("place.forget", json!({ "placeId": repository.to_string() }));
    assert!(knows(server), "a second copy is there");
    // It goes with the place it is a copy of.
    room.ask("place.forget", json!({ "placeId": beside.to_string() }));
    assert!(!knows(server) && knows(other));
    room.ask("sync.pairRemove", json!({ "pairId": three }));
    assert!(!knows(other));
}

#[test]
fn a_pair_that_can_not_be_read_is_no_trouble_for_the_others_and_can_be_removed() {
    let room = Room::new();
    let catalog = Catalog::open(&room.path("state"), 1).unwrap().catalog;
    let newer = PairRecord {
        id: PairId([9; 16]),
        name: "Of next year".to_owned(),
        left_address: room.path("home").to_str().unwrap().to_owned(),
        right_address: "far://away".to_owned(),
        definition: r#"{"pair":"in another form"}"#.to_owned(),
        paused: false,
        created_ms: 1,
        schedule_from_ms: 1,
        retry_ms: None,
        hub: HubNews::default(),
    };
    catalog.save_pair(&newer).unwrap();
    let names = |list: Value| -> Vec<String> {
        let pairs = list["pairs"].as_array().unwrap();
        pairs.iter().map(|pair| pair["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(room.ask("sync.pairs", Value::Null)), ["Photos"]);
    assert_eq!(names(room.ask("sync.hold", json!({ "paused": false }))), ["Photos"]);
    let run = room.run(false);
    room.ended(&run, "succeeded");
    let unreadable = room.api.sync_unreadable().unwrap();
    assert_eq!(unreadable.iter().map(|pair| pair.name.as_str()).collect::<Vec<_>>(), ["Of next year"]);
    room.ask("sync.pairRemove", json!({ "pairId": unreadable[0].id }));
    assert_eq!(room.api.sync_unreadable().unwrap(), []);
    assert_eq!(catalog.pair(newer.id).unwrap(), None);
}

/// A decision is carried out by a run, which does all else that waits, too: none comes while the pair is paused, or while
/// somebody reads a plan.
#[test]
fn a_decision_is_kept_for_the_next_run_where_the_pair_is_paused_or_its_plan_is_read() {
    let room = Room::new();
    let (left, right) = (room.path("left"), room.path("right"));
    let decide = || room.ask("sync.resolve", json!({ "pairId": room.pair, "all": "left" }))["jobId"].clone();
    let pause = |paused| room.ask("sync.pairPause", json!({ "pairId": room.pair, "paused": paused }));
    let conflict = |of_left: &str| {
        for (place, text) in [(&left, of_left), (&right, "two")] {
            fs::write(place.join("note"), text).unwrap();
        }
        room.ended(&room.run(false), "succeeded");
        fs::write(left.join("new"), "new").unwrap();
    };
    let is_untouched = || fs::read(right.join("note")).unwrap() == b"two" && !right.join("new").exists();

    conflict("one");
    let plan = room.run(true);
    let waits = || room.ask("job.get", json!({ "jobId": plan }))["state"] == "waitingForConfirmation";
    for _ in 0..500 {
        if waits() {
            break;
        }
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    assert_eq!(decide(), Value::Null);
    assert!(waits());
    room.ask("job.cancel", json!({ "jobId": plan }));
    room.ended(&plan, "cancelled");
    pause(true);
    assert_eq!(decide(), Value::Null);
    assert!(is_untouched());

    room.ended(&room.run(false), "succeeded");
    assert_eq!(fs::read(right.join("note")).unwrap(), b"one", "the next run carries it out");

    for place in [&left, &right] {
        fs::remove_file(place.join("new")).unwrap();
    }
    conflict("three");
    pause(false);
    room.ended(decide().as_str().unwrap(), "succeeded");
    assert_eq!(fs::read(right.join("note")).unwrap(), b"three");
    assert!(right.join("new").exists());
}

/// What was decided can be taken back until a run carries it out.
#[test]
fn a_decision_that_waits_can_be_taken_back() {
    let room = Room::new();
    for name in ["note", "list"] {
        room.write(&format!("left/{name}"), "one");
        room.write(&format!("right/{name}"), "two");
    }
    room.carry_over();
    room.ask("sync.pairPause", json!({ "pairId": room.pair, "paused": true }));
    let resolve = |said: Value| room.ask("sync.resolve", said);
    let waiting = || room.ask("sync.pair", json!({ "pairId": room.pair }))["conflictsWaiting"].clone();
    resolve(json!({ "pairId": room.pair, "all": "both" }));
    assert_eq!(waiting(), json!(0));

    let conflicts = room.ask("sync.conflicts", json!({ "pairId": room.pair }))["conflicts"].clone();
    let decisions = json!([{ "node": conflicts[0]["node"], "choice": "later" }]);
    let back = resolve(json!({ "pairId": room.pair, "decisions": decisions }));
    assert_eq!(back, json!({ "decided": 0, "jobId": null }));
    assert_eq!(waiting(), json!(1));
    assert_eq!(resolve(json!({ "pairId": room.pair, "all": "later" }))["decided"], json!(0));
    assert_eq!(waiting(), json!(2));

    room.carry_over();
    for name in ["note", "list"] {
        assert_eq!(fs::read(room.path(&format!("left/{name}"))).unwrap(), b"one");
        assert_eq!(fs::read(room.path(&format!("right/{name}"))).unwrap(), b"two");
    }
}

/// A plan that was made after a decision carries it out: it is given up before the decision is taken back.
#[test]
fn a_decision_that_a_waiting_plan_has_is_not_taken_back() {
    let room = Room::new();
    room.write("left/note", "one");
    room.write("right/note", "two");
    room.carry_over();
    room.ask("sync.pairPause", json!({ "pairId": room.pair, "paused": true }));
    let resolve = |choice: &str| json!({ "pairId": room.pair, "all": choice });
    room.ask("sync.resolve", resolve("left"));
    let plan = room.run(true);
    while room.job(&plan)["state"] != "waitingForConfirmation" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let refused = dispatch(&room.api, "sync.resolve", resolve("later")).unwrap_err();
    assert!(refused.message.contains("has this decision"), "{refused:?}");
    room.ask("job.cancel", json!({ "jobId": plan }));
    room.ended(&plan, "cancelled");
    room.ask("sync.resolve", resolve("later"));
    assert_eq!(room.ask("sync.pair", json!({ "pairId": room.pair }))["conflictsWaiting"], json!(1));
}

/// Of a file and a folder of one name, what is in the folder tells which one it is.
#[test]
fn a_folder_that_stands_against_a_file_is_shown_by_what_is_in_it() {
    let room = Room::new();
    room.write("left/list", "a file");
    fs::create_dir(room.path("right/list")).unwrap();
    for number in 0..9 {
        room.write(&format!("right/list/{number}"), "in a folder");
    }
    room.carry_over();
    let conflicts = room.ask("sync.conflicts", json!({ "pairId": room.pair }));
    let node = conflicts["conflicts"][0]["node"].clone();
    let view = room.ask("sync.conflict", json!({ "pairId": room.pair, "node": node }));
    assert_eq!(view["leftFolder"], Value::Null);
    assert_eq!(view["rightFolder"], json!({ "items": 9, "names": ["0", "1", "2", "3", "4", "5", "6", "7"] }));
}

/// A thing lies in one place: where it was moved to two, "both" takes neither away unasked.
#[test]
fn both_decides_nothing_of_what_was_moved_to_two_places() {
    let room = Room::new();
    room.write("left/letter", "a letter");
    room.write("left/note", "before");
    room.carry_over();
    for (place, folder) in [("left", "sent"), ("right", "answered")] {
        fs::create_dir(room.path(&format!("{place}/{folder}"))).unwrap();
        fs::rename(room.path(&format!("{place}/letter")), room.path(&format!("{place}/{folder}/letter")))
            .unwrap();
        room.write(&format!("{place}/note"), &format!("of the {place}, and longer"));
    }
    room.carry_over();
    let decided = room.ask("sync.resolve", json!({ "pairId": room.pair, "all": "both" }));
    assert_eq!(decided["decided"], json!(1));
    room.ended(decided["jobId"].as_str().unwrap(), "succeeded");
    let left = room.ask("sync.conflicts", json!({ "pairId": room.pair }));
    assert_eq!((&left["total"], &left["conflicts"][0]["kind"]), (&json!(1), &json!("bothMoved")));
    assert!(room.path("left/sent/letter").exists() && room.path("right/answered/letter").exists());
}

impl Room {
    fn write(&self, name: &str, content: &str) {
        fs::write(self.path(name), content).unwrap();
    }

    /// A run to its end.
    #[track_caller]
    fn carry_over(&self) {
        let run = self.run(false);
        self.ended(&run, "succeeded");
    }

    fn job(&self, id: &str) -> Value {
        self.ask("job.get", json!({ "jobId": id }))
    }
}

#[test]
fn the_runs_of_a_pair_say_what_they_were() {
    let room = Room::new();
    room.write("left/letter.txt", "one\ntwo\nthree\n");
    room.carry_over();
    room.write("left/letter.txt", "ONE\ntwo\nthree\n");
    room.write("right/letter.txt", "one\ntwo\nthree\nfour\n");
    room.carry_over();
    let conflicts = room.ask("sync.conflicts", json!({ "pairId": room.pair }));
    let node = &conflicts["conflicts"][0]["node"];
    let merged = room.ask("sync.merge", json!({ "pairId": room.pair, "node": node }));
    room.ended(merged["jobId"].as_str().unwrap(), "succeeded");
    let runs = room.ask("sync.runs", json!({ "pairId": room.pair }))["runs"].clone();
    let works: Vec<&Value> = runs.as_array().unwrap().iter().map(|run| &run["what"]["work"]).collect();
    assert_eq!(works, ["mergedText", "merge", "run"]);
    assert!(runs.as_array().unwrap().iter().all(|run| run["state"] == "succeeded"), "{runs}");

    let run_ids = [&runs[0]["runId"], &runs[1]["runId"]];
    let undo = room.ask("sync.undo", json!({ "pairId": room.pair, "runIds": run_ids }));
    let undo = undo["jobId"].as_str().unwrap();
    room.ended(undo, "succeeded");
    let what = &room.job(undo)["sync"];
    assert_eq!((&what["work"], &what["undoes"]), (&json!("undo"), &json!(2)));
    assert_eq!(what["words"], "undo of several runs, the last one first");
    assert_eq!(what["undoesBegunMs"], json!([runs[0]["startedMs"], runs[1]["startedMs"]]));
    let runs = room.ask("sync.runs", json!({ "pairId": room.pair }))["runs"].clone();
    assert_eq!((&runs[0]["undone"], &runs[0]["state"]), (&json!(true), &json!("succeeded")));
}

/// The run waits for a file that is open for writing, as Linux tells.
#[cfg(target_os = "linux")]
#[test]
fn a_decision_that_comes_while_a_run_is_at_work_is_carried_out_by_one_that_follows() {
    use std::io::Write;

    let room = Room::new();
    room.write("left/note", "before");
    room.carry_over();
    room.write("left/note", "of the left");
    room.write("right/note", "of the right, and longer");
    room.carry_over();
    let mut film = fs::File::create(room.path("left/film")).unwrap();
    film.write_all(b"all of it").unwrap();
    let run = room.run(false);
    while room.job(&run)["state"] == "queued" {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let decide = || {
        let decided = room.ask("sync.resolve", json!({ "pairId": room.pair, "all": "left" }));
        decided["jobId"].as_str().unwrap().to_owned()
    };
    let carries = decide();
    assert_ne!(carries, run, "that one looked before it was decided");
    assert_eq!(decide(), carries, "one that waits carries out what else is decided");
    drop(film);
    room.ended(&run, "succeeded");
    room.ended(&carries, "succeeded");
    assert_eq!(fs::read(room.path("right/note")).unwrap(), b"of the left");
    assert_eq!(room.job(&carries)["sync"]["work"], "decision");
}

/// A run that has carried over the first of two files, and is at the second.
fn half_done(room: &Room, second_bytes: usize) -> String {
    let slow = json!({
        "id": room.pair,
        "name": "Photos",
        "left": room.path("left"),
        "right": room.path("right"),
        "mode": "twoWay",
        "conflicts": "ask",
        "bandwidth": { "usualBytesPerSecond": 100_000, "windows": [] },
    });
    room.ask("sync.pairSave", slow);
    fs::write(room.path("left/first"), vec![1; 50_000]).unwrap();
    fs::write(room.path("left/second"), vec![2; second_bytes]).unwrap();
    let run = room.run(false);
    while !room.path("right/first").exists() {
        assert_ne!(room.job(&run)["state"], "succeeded");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    run
}

/// How many items a run says it made; nothing where it does not say it.
fn created(room: &Room, run: &str) -> Option<u64> {
    let facts = room.job(run)["result"]["facts"].clone();
    facts.as_array()?.iter().find(|fact| fact["key"] == "created")?["value"].as_u64()
}

#[test]
fn a_run_that_was_stopped_tells_what_it_had_carried_over() {
    let room = Room::new();
    let run = half_done(&room, 5_000_000);
    room.ask("job.cancel", json!({ "jobId": run }));
    room.ended(&run, "cancelled");
    assert!(!room.path("right/second").exists());
    assert_eq!(created(&room, &run), Some(1));
}

#[test]
fn a_run_that_failed_tells_what_it_had_carried_over() {
    let room = Room::new();
    let run = half_done(&room, 300_000);
    fs::rename(room.path("right"), room.path("away")).unwrap();
    room.ended(&run, "failed");
    let made =
        fs::read_dir(room.path("away")).unwrap().flatten().filter(|item| item.file_name() != ".keepwell");
    assert_eq!(created(&room, &run), Some(made.count() as u64));
    // So does what is kept of it for good.
    let receipt = room.ask("job.receipt", json!({ "jobId": run }));
    assert_eq!(receipt["facts"], room.job(&run)["result"]["facts"], "{receipt}");
}

#[test]
fn a_program_can_not_pose_as_a_picture_by_turning_the_direction_of_its_name() {
    let room = Room::new();
    let name = "\u{202e}gpj.exe";
    fs::create_dir(room.path("left").join("a\u{200b}b")).unwrap();
    fs::write(room.path("left").join(name), "x").unwrap();
    let job = room.run(true);
    room.ended(&job, "waitingForConfirmation");
    let plan = room.ask("sync.plan", json!({ "jobId": job }));
    let mut shown: Vec<&str> =
        plan["rows"].as_array().unwrap().iter().map(|row| row["path"]["display"].as_str().unwrap()).collect();
    shown.sort_unstable();
    assert_eq!(shown, ["<U+202E>gpj.exe", "a<U+200B>b"]);
    // What is sent back is the file itself.
    assert!(plan["rows"].as_array().unwrap().iter().any(|row| row["path"]["path"] == name), "{plan}");
    let error =
        dispatch(&room.api, "folder.list", json!({ "path": room.path("left").join(name) })).unwrap_err();
    let said = serde_json::to_string(&error).unwrap();
    assert!(said.contains("<U+202E>gpj.exe") && !said.contains('\u{202e}'), "{said}");
}
