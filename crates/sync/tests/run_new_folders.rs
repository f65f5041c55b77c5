//! New folders appear with their files, wherever a run is broken off and whatever is refused.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;
#[path = "common/place.rs"]
mod place;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use home::Home;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::{ItemMetadata, Tree};
use keepwell_model::{Control, EntryKind, ExtendedAttribute, JobId, RelativePath};
use keepwell_sync::{Limits, Side, SyncReport};
use place::Mortal;

/// On the left two new folders, one in the other, both older than this test.
fn with_new_folders() -> Home {
    let mut home = Home::new();
    home.pair.attributes = true;
    for name in ["one", "two", "three"] {
        home.write(&format!("left/new/{name}"), name);
    }
    for name in ["four", "five"] {
        home.write(&format!("left/new/inside/{name}"), name);
    }
    for folder in ["left/new/inside", "left/new"] {
        fs::File::open(home.path(folder)).unwrap().set_modified(old()).unwrap();
    }
    home
}

fn time(home: &Home, folder: &str) -> SystemTime {
    fs::metadata(home.path(folder)).unwrap().modified().unwrap()
}

/// A time that every place keeps.
fn old() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000)
}

fn right(home: &Home, steps: u64, after: bool) -> Mortal {
    Mortal::open(&home.path("right"), Arc::new(AtomicU64::new(steps)), after)
}

/// A run in which things may go wrong, and of how many items it told a problem.
fn run_on(home: &mut Home, place: Mortal) -> (bool, SyncReport, usize) {
    let mut syncer = home.open_at(Side::Right, place);
    let control = Control::new();
    home.runs += 1;
    let run = JobId([home.runs; 16]);
    let prepared = syncer.prepare(None, false, &control);
    let report =
        prepared.and_then(|prepared| syncer.apply(&prepared, run, &control, &Limits::default(), &mut |_| {}));
    (report.is_ok(), report.unwrap_or_default(), control.problems().problems.len())
}

fn unfinished(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for item in fs::read_dir(folder).unwrap() {
        let item = item.unwrap();
        let name = item.file_name().to_string_lossy().into_owned();
        if item.path().is_dir() && name != ".keepwell" {
            found.extend(unfinished(&item.path()));
        }
        found.extend(name.starts_with(".keepwell-staged-").then_some(name));
    }
    found
}

#[test]
fn each_appears_with_its_files_and_the_next_run_finds_nothing_to_do() {
    let mut home = with_new_folders();
    for number in 0..600 {
        home.write(&format!("left/many/{number}"), &format!("content {number}"));
    }
    home.write("left/single/file", "alone");
    let place = right(&home, u64::MAX, false);
    let filled = Arc::clone(&place.filled);
    let (_, report, problems) = run_on(&mut home, place);
    assert_eq!(filled.load(Ordering::Relaxed), 3, "all but the one for which it is not worth it");
    assert_eq!((report.right.created, report.failed, problems), (4 + 5 + 600 + 1, 0, 0));
    home.assert_in_step();
    assert_eq!(home.run().0, SyncReport::default());
    home.write("left/new/one", "edited");
    fs::remove_file(home.path("left/new/inside/five")).unwrap();
    let (report, _) = home.run();
    assert_eq!((report.right.replaced, report.right.removed), (1, 1), "they are known as what they are");
    home.assert_in_step();
}

/// What comes into one that appears with all it is to have changes nothing of it any more.
#[test]
fn each_has_its_time_and_no_look_asks_for_its_attributes_again() {
    let mut home = with_new_folders();
    home.run();
    let right = LocalTree::open(&home.path("right")).unwrap();
    let syncer = home.open();
    let base = syncer.base();
    let is_folder = |path: &str| ["new", "new/inside"].contains(&path);
    let mut folders = 0;
    for (id, entry) in base.iter().filter(|(_, entry)| entry.state.kind == EntryKind::Folder) {
        let path = base.path_on(Side::Right, id).unwrap();
        if is_folder(&path.to_string()) {
            let found = right.stat(&path).unwrap().unwrap().fingerprint;
            assert_eq!(
                (entry.right.version, entry.right.modified),
                (found.version, found.modified),
                "{path}"
            );
            assert_eq!(time(&home, &format!("right/{path}")), old(), "{path}");
            folders += 1;
        }
    }
    assert_eq!(folders, 2);
}

#[test]
fn a_mark_on_one_is_there_too() {
    let mut home = with_new_folders();
    let [left, right] = ["left", "right"].map(|side| LocalTree::open(&home.path(side)).unwrap());
    if !left.capabilities().extended_attributes {
        return;
    }
    let path = RelativePath::parse(b"new/inside").unwrap();
    let marks = vec![ExtendedAttribute { name: b"user.mark".to_vec(), value: b"1".to_vec() }];
    let metadata = ItemMetadata { extended_attributes: Some(marks.clone()), ..ItemMetadata::default() };
    let seen = left.stat(&path).unwrap().unwrap().fingerprint;
    assert!(left.set_metadata(&path, &seen, &metadata).unwrap().not_kept.is_empty());
    home.run();
    assert_eq!(right.extended_attributes(&path).unwrap(), marks);
    assert_eq!(time(&home, "right/new/inside"), old());
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn a_file_that_is_refused_is_told_once_and_the_rest_is_there() {
    let mut home = with_new_folders();
    let place = right(&home, u64::MAX, false);
    *place.refused.lock().unwrap() = Some(("publish", "new/two".into()));
    let (_, report, problems) = run_on(&mut home, place);
    assert_eq!((report.right.created, report.failed, problems), (2 + 4, 1, 1));
    assert_eq!(home.read("right/new/two"), None);
    assert_eq!(home.read("right/new/three").as_deref(), Some("three"));
    home.run();
    home.assert_in_step();
}

#[test]
fn a_folder_that_can_not_appear_with_its_files_is_made_without() {
    let mut home = with_new_folders();
    let place = right(&home, u64::MAX, false);
    *place.refused.lock().unwrap() = Some(("publish_folder", "new".into()));
    let (_, report, problems) = run_on(&mut home, place);
    assert_eq!((report.right.created, report.failed, problems), (2 + 5, 0, 0));
    assert_eq!(unfinished(&home.path("right")), Vec::<String>::new());
    home.assert_in_step();
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn where_something_moves_on_the_side_that_is_read_each_row_has_its_turn() {
    let mut home = Home::new();
    home.write("left/old/file", "as it was");
    home.run();
    // What is copied into the new folder lies in one that the same plan moves.
    fs::rename(home.path("right/old"), home.path("right/moved")).unwrap();
    for name in ["one", "two"] {
        home.write(&format!("left/old/new/{name}"), name);
    }
    let place = right(&home, u64::MAX, false);
    let filled = Arc::clone(&place.filled);
    let (_, report, problems) = run_on(&mut home, place);
    assert_eq!((report.failed, report.changed_meanwhile, problems), (0, 0, 0));
    assert_eq!(filled.load(Ordering::Relaxed), 0);
    home.assert_in_step();
    assert_eq!(home.read("left/moved/new/two").as_deref(), Some("two"));
}

#[test]
fn a_run_that_is_killed_at_any_step_ends_as_if_it_were_not() {
    for after in [false, true] {
        for steps in 1.. {
            let mut home = with_new_folders();
            let place = right(&home, steps, after);
            let (is_over, ..) = run_on(&mut home, place);
            home.run();
            home.assert_in_step();
            assert_eq!(home.tree("right").len(), 2 + 5, "killed at step {steps}");
            assert_eq!(time(&home, "right/new/inside"), old(), "killed at step {steps}");
            assert_eq!(unfinished(&home.path("right")), Vec::<String>::new());
            assert_eq!(home.run().0, SyncReport::default(), "killed at step {steps}");
            if is_over {
                assert!(steps > 8, "each of the files is a step");
                break;
            }
        }
    }
}
