//! The border as a host uses it: names and JSON in, JSON out, on a real folder with a real repository.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;
use std::path::{Path, PathBuf};

use keepwell_api::open::{Cost, KeyringChoice, Space};
use keepwell_api::{Api, ApiError, ErrorCode, OpenOptions, dispatch};
use keepwell_catalog::Catalog;
use serde_json::{Value, json};

/// A room with a home, a state and a place for copies; and the program opened in it.
struct Room {
    folder: tempfile::TempDir,
    api: Api,
}

fn options(folder: &Path, label: &str) -> OpenOptions {
    OpenOptions {
        home: folder.join("state"),
        user_folder: Some(folder.join("home")),
        keyring: KeyringChoice::File,
        label: label.to_owned(),
        schedules: false,
        logs: None,
        host: "desk".to_owned(),
        user: "ana".to_owned(),
        cost: Cost { memory_kib: 1024, passes: 1, lanes: 1 },
        space: |_| Space { free_bytes: Some(50), total_bytes: Some(1000) },
    }
}

impl Room {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join("home/Documents/letters")).unwrap();
        let api = Api::open(options(folder.path(), "the test")).unwrap();
        let room = Self { folder, api };
        for number in 0..12 {
            room.write(&format!("letters/{number}.txt"), &format!("letter {number}"));
        }
        room.write("100% ü.txt", "percent");
        room
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn documents(&self) -> PathBuf {
        self.path("home/Documents")
    }

    fn write(&self, name: &str, content: &str) {
        fs::write(self.documents().join(name), content).unwrap();
    }

    fn call(&self, name: &str, request: Value) -> Result<Value, ApiError> {
        dispatch(&self.api, name, request)
    }

    #[track_caller]
    fn ask(&self, name: &str, request: Value) -> Value {
        self.call(name, request).unwrap_or_else(|error| panic!("{name}: {error:?}"))
    }

    #[track_caller]
    fn refused(&self, name: &str, request: Value) -> ApiError {
        match self.call(name, request) {
            Ok(answer) => panic!("{name} answered {answer}"),
            Err(error) => error,
        }
    }

    fn done(&self, started: &Value) -> Value {
        let job = self.api.job_wait(started["jobId"].as_str().unwrap()).unwrap();
        serde_json::to_value(job).unwrap()
    }

    fn first_run(&self) -> Value {
        let started = self.ask(
            "firstRun.start",
            json!({
                "sources": [self.documents()],
                "destination": self.path("copies"),
                "schedule": { "kind": "daily", "atMinutes": 720 },
            }),
        );
        assert_eq!(self.done(&started)["state"], "succeeded");
        started
    }
}

#[test]
fn three_answers_make_a_first_backup_and_files_come_back() {
    let room = Room::new();
    assert_eq!(room.ask("app.info", Value::Null)["firstRunDue"], true);
    let started = room.first_run();
    assert!(started["recoveryKey"].as_str().unwrap().starts_with("KW1-"));
    assert_eq!(room.ask("app.info", Value::Null)["firstRunDue"], false);
    let repository = json!({ "placeId": started["placeId"] });

    room.write("letters/3.txt", "another letter");
    room.write("new.txt", "new");
    fs::remove_file(room.documents().join("letters/4.txt")).unwrap();
    let second = room.done(&room.ask("plan.run", json!({ "planId": started["planId"] })));
    assert_eq!(second["planId"], started["planId"]);

    let list = room.ask("snapshot.list", json!({ "repository": repository, "planId": started["planId"] }));
    assert_eq!(list["total"], 2);
    let ids: Vec<&str> =
        list["snapshots"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();

    let files = room.ask(
        "snapshot.files",
        json!({ "repository": repository, "snapshotId": ids[1], "path": "Documents", "limit": 1, "offset": 1 }),
    );
    assert_eq!(
        (&files["total"], &files["entries"][0]["path"]["path"]),
        (&json!(2), &json!("Documents/100%25 ü.txt"))
    );

    let diff =
        room.ask("snapshot.diff", json!({ "repository": repository, "olderId": ids[1], "newerId": ids[0] }));
    let counts = &diff["counts"];
    assert_eq!((&counts["added"], &counts["removed"], &counts["changed"]), (&json!(1), &json!(1), &json!(1)));

    let found = room.ask("snapshot.find", json!({ "repository": repository, "pattern": "4.txt" }));
    assert_eq!((&found["total"], &found["rows"][0]["inLatest"]), (&json!(1), &json!(false)));

    let versions =
        room.ask("file.versions", json!({ "repository": repository, "path": "Documents/letters/3.txt" }));
    assert_eq!(versions["versions"].as_array().unwrap().len(), 2);
    assert_eq!(versions["versions"][0]["changed"], true);
    let gone =
        room.ask("file.versions", json!({ "repository": repository, "path": "Documents/letters/4.txt" }));
    assert_eq!(gone["missingIn"], json!([ids[0]]));

    let preview = room.ask(
        "file.preview",
        json!({ "repository": repository, "snapshotId": ids[1], "path": "Documents/letters/3.txt" }),
    );
    assert_eq!(preview["text"], "letter 3");

    let shown = room.ask(
        "restore.preview",
        json!({
            "repository": repository, "snapshotId": ids[1], "paths": ["Documents/letters/3.txt"],
            "target": { "kind": "origin" }, "overwrite": "ifDifferent",
        }),
    );
    assert_eq!(shown["counts"]["replace"], 1);
    assert!(shown["warnings"][0].as_str().unwrap().contains("replaced"));
    assert_eq!(fs::read_to_string(room.documents().join("letters/3.txt")).unwrap(), "another letter");
    let job =
        room.done(&room.ask("restore.start", json!({ "previewId": shown["previewId"], "verify": true })));
    assert_eq!(job["state"], "succeeded");
    assert_eq!(fs::read_to_string(room.documents().join("letters/3.txt")).unwrap(), "letter 3");
    assert!(room.documents().join("new.txt").exists(), "only what was chosen is touched");

    let receipt = room.ask("job.receipt", json!({ "jobId": job["id"] }));
    assert_eq!(receipt["signatureValid"], true);
    assert_eq!(receipt["merkleRoot"].as_str().unwrap().len(), 64);
}

#[test]
fn a_source_that_is_suddenly_empty_pulls_the_brake() {
    let room = Room::new();
    let started = room.first_run();
    fs::remove_dir_all(room.documents()).unwrap();
    fs::create_dir(room.documents()).unwrap();
    let job = room.done(&room.ask("plan.run", json!({ "planId": started["planId"] })));
    assert_eq!(job["state"], "halted");
    assert!(job["halt"]["reason"].as_str().unwrap().contains("Documents"));
    let repository = json!({ "placeId": started["placeId"] });
    assert_eq!(room.ask("snapshot.list", json!({ "repository": repository }))["total"], 1);
    // While a person is asked, the plan is not started a second time.
    assert_eq!(room.ask("plan.run", json!({ "planId": started["planId"] }))["jobId"], job["id"]);

    room.ask("job.confirm", json!({ "jobId": job["id"] }));
    let job = room.done(&json!({ "jobId": job["id"] }));
    assert_eq!(job["state"], "succeeded");
    assert_eq!(room.ask("snapshot.list", json!({ "repository": repository }))["total"], 2);
}

#[test]
fn a_place_knows_how_it_is() {
    let room = Room::new();
    let started = room.first_run();
    let place = |room: &Room| room.ask("place.get", json!({ "placeId": started["placeId"] }));
    assert_eq!(place(&room)["health"]["status"], "good");
    assert_eq!(place(&room)["health"]["snapshots"], 1);

    let repository = json!({ "placeId": started["placeId"] });
    let check = room.done(&room.ask("place.check", json!({ "repository": repository, "level": "full" })));
    assert_eq!(check["state"], "succeeded");
    assert_eq!(place(&room)["health"]["lastCheck"]["problems"], 0);

    // One bit of a pack turns.
    let packs = room.path("copies/packs");
    let pack = walk(&packs).pop().unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&pack, bytes).unwrap();
    let check = room.done(&room.ask("place.check", json!({ "repository": repository, "level": "full" })));
    assert_eq!(check["state"], "succeededWithProblems");
    assert_eq!(place(&room)["health"]["status"], "attention");

    fs::rename(room.path("copies"), room.path("unplugged")).unwrap();
    let health = &place(&room)["health"];
    assert_eq!((&health["status"], &health["reachable"]), (&json!("unreachable"), &json!(false)));
    let job = room.done(&room.ask("plan.run", json!({ "planId": started["planId"] })));
    assert_eq!((&job["state"], &job["error"]["code"]), (&json!("failed"), &json!("unreachable")));
    assert!(!room.path("copies").exists(), "no folder is made in its place");
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_place_with_little_space_left_asks_for_attention() {
    let Room { folder, api } = Room::new();
    drop(api);
    let space = |_: &Path| Space { free_bytes: Some(49), total_bytes: Some(1000) };
    let api = Api::open(OpenOptions { space, ..options(folder.path(), "the test") }).unwrap();
    let room = Room { folder, api };
    let started = room.first_run();
    let health = &room.ask("place.get", json!({ "placeId": started["placeId"] }))["health"];
    assert_eq!(health["status"], "attention");
    assert!(health["sentence"].as_str().unwrap().contains("little space"), "{health}");
}

#[test]
fn another_repository_at_a_place_is_not_taken_for_it() {
    let room = Room::new();
    let started = room.first_run();
    fs::rename(room.path("copies"), room.path("elsewhere")).unwrap();
    room.ask(
        "repository.create",
        json!({ "path": room.path("copies"), "password": "a password of its own" }),
    );
    let error = room.refused(
        "snapshot.list",
        json!({ "repository": { "placeId": started["placeId"], "password": "a password of its own" } }),
    );
    assert_eq!(error.code, ErrorCode::NotFound);
    assert!(error.message.contains("Another repository"), "{}", error.message);
}

#[test]
fn passwords_are_asked_for_tried_and_never_told() {
    let room = Room::new();
    let secret = "a long and secret password";
    room.ask("repository.create", json!({ "path": room.path("copies"), "password": secret }));
    let other = Api::open(options(&room.path("elsewhere"), "another machine")).unwrap();
    let list = |password: Option<&str>| {
        let mut repository = json!({ "path": room.path("copies") });
        if let Some(password) = password {
            repository["password"] = json!(password);
        }
        dispatch(&other, "snapshot.list", json!({ "repository": repository }))
    };
    assert_eq!(list(None).unwrap_err().code, ErrorCode::PasswordNeeded);
    let wrong = list(Some("something else entirely")).unwrap_err();
    assert_eq!(wrong.code, ErrorCode::WrongPassword);
    assert!(!format!("{wrong:?}").contains("something else entirely"));
    assert_eq!(list(Some(secret)).unwrap()["total"], 0);
    assert_eq!(list(None).unwrap_err().code, ErrorCode::PasswordNeeded, "what was typed once is not kept");
    // A place keeps it.
    dispatch(&other, "repository.add", json!({ "path": room.path("copies"), "password": secret })).unwrap();
    assert_eq!(list(None).unwrap()["total"], 0);
    assert_eq!(list(Some("something else entirely")).unwrap_err().code, ErrorCode::WrongPassword);

    for state in [room.path("state"), room.path("elsewhere/state")] {
        for file in walk(&state) {
            let bytes = fs::read(&file).unwrap();
            let found = bytes.windows(secret.len()).any(|part| part == secret.as_bytes());
            assert!(!found, "{} holds the password", file.display());
        }
    }
}

#[test]
fn keys_are_added_listed_and_removed() {
    let room = Room::new();
    room.ask("repository.create", json!({ "path": room.path("copies"), "password": "the first password" }));
    let repository = json!({ "path": room.path("copies") });
    let added = room.ask(
        "repository.keyAdd",
        json!({ "repository": repository, "newPassword": "the second password", "label": "phone" }),
    );
    let keys = room.ask("repository.keys", json!({ "repository": repository }));
    assert_eq!(keys["keys"].as_array().unwrap().len(), 3);
    let with = |password: &str| {
        room.call(
            "repository.info",
            json!({ "repository": { "path": room.path("copies"), "password": password } }),
        )
    };
    assert!(with("the second password").is_ok());
    room.ask("repository.keyRemove", json!({ "repository": repository, "keyId": added["key"]["id"] }));
    let fresh = Api::open(options(&room.path("fresh"), "fresh")).unwrap();
    let request = json!({ "repository": { "path": room.path("copies"), "password": "the second password" } });
    assert_eq!(dispatch(&fresh, "repository.info", request).unwrap_err().code, ErrorCode::WrongPassword);
    assert!(with("the first password").is_ok());
}

#[test]
fn wrong_requests_are_refused_before_anything_is_changed() {
    let room = Room::new();
    let started = room.first_run();
    let repository = json!({ "placeId": started["placeId"] });
    let plan = |change: Value| {
        let mut plan = json!({
            "name": "plan", "placeId": started["placeId"], "sources": [room.documents()],
            "rules": { "exclude": [], "excludeCaches": true, "maxFileBytes": null, "oneFileSystem": false },
            "schedule": { "kind": "manual" }, "enabled": true,
        });
        for (name, value) in change.as_object().unwrap() {
            plan[name] = value.clone();
        }
        plan
    };
    for (name, request) in [
        ("no.such.command", json!({})),
        ("snapshot.list", json!({})),
        ("snapshot.list", json!({ "repository": {} })),
        ("snapshot.list", json!({ "repository": repository, "limit": 5000 })),
        ("snapshot.list", json!({ "repository": repository, "surprise": 1 })),
        ("snapshot.files", json!({ "repository": repository, "snapshotId": "latest", "path": "../x" })),
        ("snapshot.files", json!({ "repository": repository, "snapshotId": "latest", "path": "100%" })),
        ("snapshot.find", json!({ "repository": repository, "pattern": " " })),
        ("plan.save", plan(json!({ "name": "" }))),
        ("plan.save", plan(json!({ "sources": [] }))),
        ("plan.save", plan(json!({ "sources": ["relative/path"] }))),
        ("plan.save", plan(json!({ "schedule": { "kind": "everyHours", "hours": 0 } }))),
        ("plan.save", plan(json!({ "schedule": { "kind": "weekly", "weekday": 8, "atMinutes": 1 } }))),
        ("repository.create", json!({ "path": room.path("short"), "password": "short" })),
        ("repository.create", json!({ "path": "relative" })),
    ] {
        let error = room.refused(name, request.clone());
        assert_eq!(error.code, ErrorCode::BadRequest, "{name} {request}: {error:?}");
    }
    assert_eq!(room.ask("plan.list", Value::Null)["plans"].as_array().unwrap().len(), 1);
    assert!(!room.path("short").exists());
    for (name, request) in [
        ("place.get", json!({ "placeId": "00".repeat(16) })),
        ("plan.run", json!({ "planId": "nonsense" })),
        ("job.get", json!({ "jobId": "00".repeat(16) })),
        ("restore.start", json!({ "previewId": "gone", "verify": false })),
        ("snapshot.files", json!({ "repository": repository, "snapshotId": "latest", "path": "no/such" })),
    ] {
        assert_eq!(room.refused(name, request).code, ErrorCode::NotFound, "{name}");
    }
    assert_eq!(room.refused("place.forget", json!({ "placeId": started["placeId"] })).code, ErrorCode::Busy);
}

#[test]
fn a_changed_schedule_owes_nothing_from_before() {
    let room = Room::new();
    let started = room.first_run();
    let plan = room.ask("plan.get", json!({ "planId": started["planId"] }));
    let mut save = json!({
        "id": plan["id"], "name": "renamed", "placeId": plan["placeId"], "rules": plan["rules"],
        "sources": [plan["sources"][0]["path"]], "schedule": { "kind": "everyHours", "hours": 2 }, "enabled": true,
    });
    let saved = room.ask("plan.save", save.clone());
    let now = room.ask("app.info", Value::Null)["nowMs"].as_i64().unwrap();
    let next = saved["nextRunMs"].as_i64().unwrap();
    assert!((now + 7_100_000..=now + 7_200_000).contains(&next), "{next} is not two hours after {now}");
    save["enabled"] = json!(false);
    assert_eq!(room.ask("plan.save", save)["nextRunMs"], Value::Null);
}

#[test]
fn what_a_newer_keepwell_keeps_of_a_plan_and_a_second_copy_stays_when_they_are_changed() {
    let room = Room::new();
    let started = room.first_run();
    let catalog = Catalog::open(&room.path("state"), 1).unwrap().catalog;
    let plan = room.ask("plan.get", json!({ "planId": started["planId"] }));
    let mut record = catalog.plans().unwrap().remove(0);
    let mut definition: Value = serde_json::from_str(&record.definition).unwrap();
    definition["ofNextYear"] = json!([1]);
    definition["rules"]["ofNextYear"] = json!(2);
    record.definition = definition.to_string();
    catalog.save_plan(&record).unwrap();
    let mut save = json!({
        "id": plan["id"], "name": "renamed", "placeId": plan["placeId"], "rules": plan["rules"],
        "sources": [plan["sources"][0]["path"]], "schedule": { "kind": "everyHours", "hours": 2 }, "enabled": true,
    });
    save["rules"]["exclude"] = json!(["*.tmp"]);
    room.ask("plan.save", save.clone());
    record = catalog.plans().unwrap().remove(0);
    let now: Value = serde_json::from_str(&record.definition).unwrap();
    assert_eq!((&now["ofNextYear"], &now["rules"]["ofNextYear"]), (&json!([1]), &json!(2)), "{now}");
    assert_eq!((&now["rules"]["exclude"], &now["schedule"]["hours"]), (&json!(["*.tmp"]), &json!(2)));
    // What can not be read is not overwritten.
    definition["schedule"] = json!({ "kind": "byTheMoon" });
    record.definition = definition.to_string();
    catalog.save_plan(&record).unwrap();
    assert_eq!(room.refused("plan.save", save).code, ErrorCode::NewerKeepwell);
    assert_eq!(catalog.plans().unwrap().remove(0).definition, record.definition);

    let copy =
        json!({ "placeId": started["placeId"], "path": room.path("copy"), "schedule": { "kind": "manual" } });
    let mut copy_save = copy.clone();
    copy_save["id"] = room.ask("replica.save", copy)["id"].clone();
    copy_save["schedule"] = json!({ "kind": "daily", "atMinutes": 5 });
    let mut record = catalog.replicas().unwrap().remove(0);
    record.definition = json!({ "schedule": { "kind": "manual" }, "ofNextYear": 3 }).to_string();
    catalog.save_replica(&record).unwrap();
    room.ask("replica.save", copy_save.clone());
    record = catalog.replicas().unwrap().remove(0);
    let now: Value = serde_json::from_str(&record.definition).unwrap();
    assert_eq!((&now["ofNextYear"], &now["schedule"]["atMinutes"]), (&json!(3), &json!(5)), "{now}");
    record.definition = json!({ "schedule": { "kind": "byTheMoon" } }).to_string();
    catalog.save_replica(&record).unwrap();
    assert_eq!(room.refused("replica.save", copy_save).code, ErrorCode::NewerKeepwell);
}

#[test]
fn what_a_newer_keepwell_keeps_of_the_settings_stays_when_they_are_changed() {
    let room = Room::new();
    let catalog = Catalog::open(&room.path("state"), 1).unwrap().catalog;
    let mut settings = room.ask("settings.get", Value::Null);
    room.ask("settings.set", json!({ "settings": settings }));
    for theme in ["light", "of next year"] {
        let mut kept: Value = serde_json::from_str(&catalog.setting("settings").unwrap().unwrap()).unwrap();
        kept["theme"] = json!(theme);
        kept["ofNextYear"] = json!(1);
        kept["limits"]["ofNextYear"] = json!(2);
        catalog.set_setting("settings", &kept.to_string()).unwrap();
        settings["theme"] = json!("dark");
        assert_eq!(room.ask("settings.set", json!({ "settings": settings })), settings);
        let now: Value = serde_json::from_str(&catalog.setting("settings").unwrap().unwrap()).unwrap();
        assert_eq!((&now["ofNextYear"], &now["limits"]["ofNextYear"]), (&json!(1), &json!(2)), "{now}");
        assert_eq!(now["theme"], "dark");
    }
}

#[test]
fn a_closed_program_is_opened_again_with_everything() {
    let room = Room::new();
    let started = room.first_run();
    let Room { folder, api } = room;
    drop(api);
    let room = Room { api: Api::open(options(folder.path(), "again")).unwrap(), folder };
    assert_eq!(room.ask("plan.list", Value::Null)["plans"][0]["id"], started["planId"]);
    let jobs = room.ask("job.list", json!({}));
    assert_eq!((&jobs["total"], &jobs["jobs"][0]["state"]), (&json!(1), &json!("succeeded")));
    let repository = json!({ "placeId": started["placeId"] });
    assert_eq!(
        room.ask("snapshot.list", json!({ "repository": repository }))["total"],
        1,
        "the password is kept"
    );
}

#[test]
fn folders_of_this_machine_are_listed_a_level_at_a_time() {
    let room = Room::new();
    let home = room.ask("folder.list", Value::Null);
    assert_eq!(home["folders"][0]["name"], "Documents");
    let inside = room.ask("folder.list", json!({ "path": home["folders"][0]["path"]["path"] }));
    assert_eq!(inside["folders"].as_array().unwrap().len(), 1, "files are not listed");
    assert_eq!(inside["parent"], home["path"]);
    assert_eq!(room.refused("folder.list", json!({ "path": room.path("absent") })).code, ErrorCode::NotFound);
    let suggestions = room.ask("folder.suggestions", Value::Null);
    let documents =
        suggestions["sources"].as_array().unwrap().iter().find(|row| row["kind"] == "documents").unwrap();
    assert_eq!((&documents["exists"], &documents["recommended"]), (&json!(true), &json!(true)));
}
