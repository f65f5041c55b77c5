//! A job whose process is killed goes on where its last checkpoint was.

use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::Duration;

use keepwell_catalog::{Catalog, JobFilter};
use keepwell_testkit::SeededRandom;
use serde_json::Value;

use crate::harness::{Room, assert_same};

/// Small enough that the run is in the middle when its first checkpoint is made, on any machine.
const LIMIT_BYTES_PER_SECOND: u64 = 4_000_000;
const FILES: usize = 120;

fn catalog(room: &Room) -> Catalog {
    Catalog::open(&room.path("state"), 0).unwrap().catalog
}

/// As the window's settings set it.
fn limit(room: &Room, bytes_per_second: Option<u64>) {
    let settings = serde_json::json!({
        "theme": "system",
        "keepRunningInTray": true,
        "notifications": true,
        "schedulesPaused": false,
        "limits": { "writeBytesPerSecond": bytes_per_second, "historyJobs": 2000 },
    });
    catalog(room).set_setting("settings", &settings.to_string()).unwrap();
}

fn wait_for_checkpoint(room: &Room, run: &mut Child) {
    let catalog = catalog(room);
    loop {
        let (jobs, _) = catalog.jobs(&JobFilter::default(), 0, 1).unwrap();
        let made = jobs.first().and_then(|job| catalog.checkpoint_of_job(job.id).unwrap());
        if made.is_some() {
            return;
        }
        assert!(run.try_wait().unwrap().is_none(), "the run ended before its first checkpoint");
        sleep(Duration::from_millis(20));
    }
}

fn jobs(room: &Room) -> Vec<Value> {
    let page = room.run(["job", "list", "--json"]).expect(0).json();
    page["jobs"].as_array().unwrap().clone()
}

fn fact(job: &Value, key: &str) -> Option<u64> {
    let facts = job["result"]["facts"].as_array().unwrap();
    facts.iter().find(|fact| fact["key"] == key).and_then(|fact| fact["value"].as_u64())
}

fn make(source: &Path) {
    let mut random = SeededRandom::new(19);
    for number in 0..FILES {
        let folder = source.join(format!("{}", number % 10));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("file {number}")), random.bytes(1_000_000)).unwrap();
    }
}

#[test]
fn a_backup_that_was_killed_goes_on_where_it_was() {
    let room = Room::with_repository();
    make(&room.source());
    limit(&room, Some(LIMIT_BYTES_PER_SECOND));
    let mut run = room.start(["backup", "run"], [room.source()]);
    wait_for_checkpoint(&room, &mut run);
    run.kill().unwrap();
    run.wait().unwrap();

    assert!(room.snapshots().is_empty(), "a run that was killed makes no snapshot");
    let killed = jobs(&room).remove(0);
    assert_eq!(killed["state"], "interrupted");

    limit(&room, None);
    room.backup().expect(0);
    let resumed = jobs(&room).remove(0);
    let taken_over = fact(&resumed, "filesResumed").expect("the second run says that it went on");
    assert!(taken_over > 0);
    let anew = (FILES as u64 - taken_over) * 1_000_000;
    let added = fact(&resumed, "addedBytes").unwrap();
    assert!(added <= anew + 1_000_000, "{added} bytes were stored again, {taken_over} files were taken over");
    assert_eq!(fact(&resumed, "filesNew"), Some(FILES as u64));

    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
    // Done work leaves nothing behind to go on from.
    room.backup().expect(0);
    assert_eq!(fact(&jobs(&room).remove(0), "filesResumed"), None);
}
