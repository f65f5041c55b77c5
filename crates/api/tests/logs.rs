//! Logs, in a process of their own: a process logs once.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fs;

use keepwell_api::logs::LogsOptions;
use keepwell_api::open::{Cost, KeyringChoice};
use keepwell_api::{Api, OpenOptions, dispatch};
use serde_json::json;

#[test]
fn the_log_of_a_job_names_it_on_every_line_and_holds_no_secret() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("source");
    fs::create_dir(&source).unwrap();
    fs::write(source.join("file"), "content").unwrap();
    let api = Api::open(OpenOptions {
        home: folder.path().join("state"),
        keyring: KeyringChoice::File,
        schedules: false,
        cost: Cost { memory_kib: 1024, passes: 1, lanes: 1 },
        logs: Some(LogsOptions { show: false }),
        ..OpenOptions::from_environment()
    })
    .unwrap();
    let repository = json!({ "path": folder.path().join("copies"), "password": "a very secret password" });
    dispatch(&api, "repository.create", repository.clone()).unwrap();
    let started =
        dispatch(&api, "backup.run", json!({ "repository": repository, "sources": [source] })).unwrap();
    let id = started["jobId"].as_str().unwrap().to_owned();
    api.job_wait(&id).unwrap();
    let job = json!({ "jobId": id });
    // Lines are written by a thread of their own.
    let lines = (0..2_000)
        .map(|_| {
            std::thread::sleep(std::time::Duration::from_millis(5));
            dispatch(&api, "job.log", job.clone()).unwrap()
        })
        .find(|page| page["total"].as_u64() >= Some(2))
        .expect("the job's beginning and end are in its log");
    assert!(lines["lines"][0]["text"].as_str().unwrap().contains("begins"));
    drop(api);
    for file in fs::read_dir(folder.path().join("state/logs")).unwrap() {
        let text = fs::read_to_string(file.unwrap().path()).unwrap();
        assert!(!text.contains("a very secret password"));
    }
}
