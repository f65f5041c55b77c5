//! Looking into snapshots: lists, differences, searches.

use serde_json::Value;

use crate::harness::Room;

/// The text of a field in every row.
fn texts<'a>(rows: &'a Value, field: &str) -> Vec<&'a str> {
    rows.as_array().expect("rows").iter().map(|row| row[field].as_str().expect("a text")).collect()
}

/// The path of every row, without the source's own.
fn paths(room: &Room, rows: &Value) -> Vec<String> {
    let root = room.root();
    let rows = rows.as_array().expect("rows");
    let path = |row: &Value| row["path"]["path"].as_str().expect("a path").to_owned();
    rows.iter()
        .map(path)
        .map(|path| path.trim_start_matches(&root).trim_start_matches('/').to_owned())
        .collect()
}

#[test]
fn a_folder_of_a_snapshot_is_listed_with_folders_first() {
    let room = Room::with_repository();
    room.write("b.txt", "12345");
    room.write("a/inner", "1");
    room.write("100% ünï", "1");
    room.backup().expect(0);
    let page = room.on_repository(["snapshot", "files"], ["--json", "latest", &room.root()]).expect(0).json();
    assert_eq!(texts(&page["entries"], "name"), ["a", "100% ünï", "b.txt"]);
    assert_eq!(texts(&page["entries"], "entryType"), ["folder", "file", "file"]);
    assert_eq!(page["entries"][2]["sizeBytes"], 5);
    assert_eq!(paths(&room, &page["entries"])[1], "100%25 ünï");
    room.on_repository(["snapshot", "files"], ["latest", "no/such/folder"]).expect(1).says("no/such/folder");
    room.on_repository(["snapshot", "files"], ["abcdef0123", ""]).expect(1);
}

#[test]
fn two_snapshots_are_compared() {
    let room = Room::with_repository();
    room.write("same", "1");
    room.write("gone", "1");
    room.write("other content", "1");
    room.write("folder/deep", "1");
    room.backup().expect(0);
    std::fs::remove_file(room.source().join("gone")).unwrap();
    room.write("other content", "22");
    room.write("folder/added", "1");
    room.backup().expect(0);
    let ids = room.snapshot_ids();
    let page = room.on_repository(["snapshot", "diff"], ["--json", &ids[1], &ids[0]]).expect(0).json();
    let mut found: Vec<_> = paths(&room, &page["changes"])
        .into_iter()
        .zip(texts(&page["changes"], "change"))
        .filter(|(_, change)| *change != "metadata")
        .map(|(path, change)| format!("{change} {path}"))
        .collect();
    found.sort();
    assert_eq!(found, ["added folder/added", "changed other content", "removed gone"]);
    let same = room.on_repository(["snapshot", "diff"], ["--json", &ids[0], &ids[0]]).expect(0).json();
    assert_eq!(same["total"], 0);
}

#[test]
fn a_name_is_found_in_every_snapshot_that_has_it() {
    let room = Room::with_repository();
    room.write("folder/Holiday.jpg", "1");
    room.backup().expect(0);
    std::fs::remove_file(room.source().join("folder/Holiday.jpg")).unwrap();
    room.write("folder/other.txt", "1");
    room.backup().expect(0);
    let page = room.on_repository(["snapshot", "find"], ["--json", "*holiday*"]).expect(0).json();
    assert_eq!(paths(&room, &page["rows"]), ["folder/Holiday.jpg"]);
    assert_eq!(page["rows"][0]["inLatest"], false);
    assert_eq!(page["rows"][0]["snapshotId"], room.snapshot_ids()[1].as_str());
    let none = room.on_repository(["snapshot", "find"], ["--json", "no such name"]).expect(0).json();
    assert_eq!(none["total"], 0);
}

#[test]
fn what_prints_data_prints_it_as_json_too() {
    let room = Room::with_repository();
    room.write("file", "1");
    let backup = room.backup_with(&["--json"]).expect(0).json();
    assert!(backup.is_object(), "{backup}");
    let id = room.snapshot_ids()[0].clone();
    assert!(backup.to_string().contains(&id), "the run does not say which snapshot it made: {backup}");
    let info =
        room.run(["repository".into(), "info".into(), "--json".into(), room.repository().into_os_string()]);
    assert_eq!(info.expect(0).json()["snapshots"], 1);
    let check = room.check_with(&["--json"]).expect(0).json();
    assert!(check.is_object(), "{check}");
    let jobs = room.run(["job", "list", "--json"]).expect(0).json();
    assert!(jobs["jobs"].as_array().is_some_and(|jobs| jobs.len() >= 2), "{jobs}");
    let job = jobs["jobs"][0]["id"].as_str().unwrap();
    assert_eq!(room.run(["job", "show", "--json", job]).expect(0).json()["id"], job);
    assert!(room.run(["plan", "list", "--json"]).expect(0).json()["plans"].is_array());
}
