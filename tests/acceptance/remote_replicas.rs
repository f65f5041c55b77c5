//! A repository is kept a second time: in a folder, on an S3 server, on an SSH server, and from one server to another.
//! What is there is proven, mended where it is damaged, and enough to bring everything back.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use keepwell_testkit::{SshServer, TreeOptions, make_tree};
use serde_json::Value;

use super::remote::servers;
use super::remote_ssh::Far;
use crate::harness::{Room, Run, assert_same, files_below};

/// The second place of a test: how it is called, and where its files really lie.
struct Second {
    address: String,
    folder: PathBuf,
}

fn replicate(room: &Room, second: &Second, more: &[&str]) -> Run {
    let words = ["repository".into(), "replicate".into(), room.repository().into(), (&second.address).into()];
    room.run(words.into_iter().chain(more.iter().map(OsString::from)))
}

#[track_caller]
fn facts(run: Run) -> impl Fn(&str) -> u64 {
    let job = run.json();
    move |key| {
        let facts = job["result"]["facts"].as_array().expect("facts");
        let fact = facts.iter().find(|fact| fact["key"] == key).unwrap_or(&Value::Null);
        fact["value"].as_u64().unwrap_or(0)
    }
}

/// A repository with several packs, indexes and snapshots.
fn fill(room: &Room) {
    make_tree(&room.source(), &TreeOptions::plain(2, 5, 10)).unwrap();
    for number in 0..4 {
        room.write(&format!("later {number}"), vec![number; 50_000]);
        room.backup().expect(0);
    }
}

/// Damages one file below a folder, in a way that leaves its length.
fn flip(folder: &Path) -> PathBuf {
    let path = files_below(folder).into_iter().next_back().expect("a file to damage");
    let mut bytes = fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o644)).unwrap();
    fs::write(&path, bytes).unwrap();
    path
}

/// Killed in the middle, gone on with, proven, damaged and mended, and enough to bring everything back.
fn is_kept(room: &mut Room, second: &Second) {
    let words = ["repository".into(), "replicate".into(), room.repository(), second.address.clone().into()];
    let mut child = room.command(words).spawn().unwrap();
    while files_below(&second.folder.join("packs")).is_empty() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();

    let first = facts(replicate(room, second, &["--json"]).expect(0));
    assert!(first("copied") > 0, "the run that was killed had not ended");
    let again = facts(replicate(room, second, &["--json", "--quick"]).expect(0));
    assert_eq!((again("copied"), again("removed")), (0, 0), "a second run has nothing to do");
    assert_eq!(again("present"), first("copied") + first("present"));

    let damaged = flip(&second.folder.join("packs"));
    let bad = fs::read(&damaged).unwrap();
    replicate(room, second, &["--quick"]).expect(0);
    let mended = facts(replicate(room, second, &["--json"]).expect(0));
    assert_eq!((mended("mended"), mended("different")), (1, 0));
    assert_ne!(fs::read(&damaged).unwrap(), bad);
    assert!(files_below(&second.folder.join("damaged")).is_empty());

    let source = room.source();
    room.set_repository(&second.address);
    room.check().expect(0);
    assert_eq!(room.snapshots().len(), 4);
    assert_same(&source, &room.restore("latest", "from the copy"));
}

#[test]
fn a_repository_is_kept_a_second_time_in_a_folder() {
    let mut room = Room::with_repository();
    fill(&room);
    let folder = room.path("second");
    let second = Second { address: folder.display().to_string(), folder };
    is_kept(&mut room, &second);
}

#[test]
fn a_repository_is_kept_a_second_time_on_an_s3_server() {
    let server = servers::s3();
    let mut room = Room::with_repository();
    room.set_variable("AWS_ACCESS_KEY_ID", "access");
    room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    fill(&room);
    let address = format!("s3://bucket/second?endpoint=http://127.0.0.1:{}", server.port);
    let second = Second { address, folder: server.folder().join("data/bucket/second") };
    is_kept(&mut room, &second);
}

#[test]
fn a_repository_goes_from_one_server_to_another() {
    let server = servers::s3();
    let mut far = Far::new();
    far.room.set_variable("AWS_ACCESS_KEY_ID", "access");
    far.room.set_variable("AWS_SECRET_ACCESS_KEY", "hidden");
    let second = Second { address: far.room.repository().display().to_string(), folder: far.folder() };
    assert!(second.address.contains(&SshServer::user()));
    far.room.set_repository(&format!("s3://bucket/first?endpoint=http://127.0.0.1:{}", server.port));
    far.init().expect(0);
    fill(&far.room);
    is_kept(&mut far.room, &second);
}

#[test]
fn without_the_password_it_is_copied_and_what_differs_is_told() {
    let mut room = Room::with_repository();
    fill(&room);
    let folder = room.path("second");
    let second = Second { address: folder.display().to_string(), folder };
    room.set_password("");
    replicate(&room, &second, &[]).expect(0).says("holds all that the repository holds");
    let damaged = flip(&second.folder.join("packs"));
    let bad = fs::read(&damaged).unwrap();
    replicate(&room, &second, &[]).expect(3).says("not the same in both places").says("password");
    assert_eq!(fs::read(damaged).unwrap(), bad, "nothing says which of them is right");
}

#[test]
fn what_the_repository_lost_stays_in_the_copy_and_a_person_has_to_look_first() {
    let mut room = Room::with_repository();
    fill(&room);
    let folder = room.path("second");
    let second = Second { address: folder.display().to_string(), folder };
    replicate(&room, &second, &[]).expect(0);
    let lost = room.repository_files("snapshots").remove(0);
    fs::remove_file(lost).unwrap();
    room.write("new", "new");
    room.backup().expect(0);
    let before = files_below(&second.folder);
    replicate(&room, &second, &[]).expect(4).says("1 of the 4 snapshots").says("--release-brake");
    assert_eq!(files_below(&second.folder), before, "nothing was changed");
    replicate(&room, &second, &["--release-brake"]).expect(3);
    room.set_repository(&second.address);
    assert_eq!(room.snapshots().len(), 5);
    room.check().expect(0);
}

#[test]
fn a_copy_never_lands_where_something_else_is() {
    let room = Room::with_repository();
    fill(&room);
    let inside = room.repository().join("copy");
    let second = Second { address: inside.display().to_string(), folder: inside };
    replicate(&room, &second, &[]).expect(1).says("can not be in the repository");
    assert!(!second.folder.exists());
    let other = Room::with_repository();
    let second = Second { address: other.repository().display().to_string(), folder: other.repository() };
    let before = files_below(&second.folder);
    replicate(&room, &second, &[]).expect(1);
    assert_eq!(files_below(&second.folder), before);
}

#[test]
fn second_copies_of_places_are_remembered_with_their_proof_and_forgotten_at_will() {
    let room = Room::with_repository();
    fill(&room);
    let source = room.source();
    let add = ["plan", "add", "Mine", "--repository"].map(OsString::from);
    room.run(add.into_iter().chain([room.repository().into(), source.into()])).expect(0);
    let folder = room.path("second");
    let second = Second { address: folder.display().to_string(), folder };
    replicate(&room, &second, &["--daily", "18:30"]).expect(0).says("is remembered");
    assert!(!second.folder.exists(), "nothing is copied yet");
    let list = ["repository".into(), "replicate".into(), room.repository(), "--json".into()];
    let known = || room.run(&list).expect(0).json()[0].clone();
    assert_eq!(known()["schedule"]["kind"], "daily");
    assert!(known()["provenMs"].is_null() && known()["nextRunMs"].is_u64());
    replicate(&room, &second, &[]).expect(0);
    assert!(known()["provenMs"].is_u64());
    // An empty folder in its place is no reason to begin anew without a word.
    fs::rename(&second.folder, room.path("elsewhere")).unwrap();
    replicate(&room, &second, &[]).expect(1).says("does not exist");
    fs::create_dir(&second.folder).unwrap();
    replicate(&room, &second, &[]).expect(4).says("not there any more");
    assert!(files_below(&second.folder).is_empty());
    replicate(&room, &second, &["--forget"]).expect(0).says("stays there");
    assert!(known().is_null());
}
