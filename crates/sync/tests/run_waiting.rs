//! What waits for a person goes on waiting, whatever runs come between.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/home.rs"]
mod home;

use std::collections::BTreeSet;
#[cfg(target_os = "linux")]
use std::fs;
#[cfg(target_os = "linux")]
use std::io::Write as _;
#[cfg(target_os = "linux")]
use std::time::{Duration, SystemTime};

use home::Home;
use keepwell_model::{Control, JobId, RelativePath};
use keepwell_sync::Choice;
#[cfg(target_os = "linux")]
use keepwell_sync::Mode;
use keepwell_sync::{Hints, Limits, SyncReport, Syncer};

fn folders(names: &[&str]) -> Option<BTreeSet<RelativePath>> {
    Some(names.iter().map(|name| RelativePath::parse(name.as_bytes()).unwrap()).collect())
}

/// A run that looks only into these folders.
fn run_hinted(syncer: &mut Syncer, run: u8, left: &[&str], right: &[&str]) -> SyncReport {
    let hints = Hints { left: folders(left), right: folders(right) };
    let control = Control::new();
    let prepared = syncer.prepare(Some(&hints), false, &control).unwrap();
    syncer.apply(&prepared, JobId([run; 16]), &control, &Limits::default(), &mut |_| {}).unwrap()
}

fn waiting(syncer: &Syncer) -> Vec<String> {
    let stored = syncer.database().conflicts().unwrap();
    stored.iter().map(|stored| stored.conflict.path.to_string()).collect()
}

/// One that comes later and has its name before the other's does not take its place in the list.
#[test]
fn a_conflict_that_is_new_is_in_the_list_beside_one_that_waited() {
    let mut home = Home::new();
    home.write("left/b", "left");
    home.write("right/b", "another right");
    home.run();
    home.write("left/a", "left");
    home.write("right/a", "another right");
    let (report, _) = home.run();
    assert_eq!(report.conflicts, 2);
    assert_eq!(waiting(&home.open()), ["a", "b"]);
}

/// Changes elsewhere, which a live pair looks at alone, take no conflict off the list.
#[test]
fn a_conflict_waits_also_where_a_run_looks_only_into_other_folders() {
    let mut home = Home::new();
    home.write("left/waits/file", "base");
    home.write("left/other/file", "base");
    home.run();
    home.write("left/waits/file", "left");
    home.write("right/waits/file", "another right");
    home.run();
    home.write("left/other/file", "edited");
    let mut syncer = home.open();
    let report = run_hinted(&mut syncer, 100, &["other"], &[]);
    assert_eq!((report.right.replaced, report.conflicts), (1, 1));
    assert_eq!(waiting(&syncer), ["waits/file"]);
}

/// Both sides moved a file to different places, and one of these moves with its folder: the file is not taken for removed
/// there.
#[test]
fn a_conflict_waits_also_where_the_run_moves_the_folder_it_is_in() {
    let mut home = Home::new();
    home.write("left/file", "base");
    home.write("left/folder/inner/more", "more");
    home.write("left/elsewhere/more", "more");
    home.run();
    std::fs::rename(home.path("left/file"), home.path("left/elsewhere/file")).unwrap();
    std::fs::rename(home.path("right/file"), home.path("right/folder/inner/file")).unwrap();
    std::fs::rename(home.path("left/folder"), home.path("left/moved")).unwrap();
    let mut syncer = home.open();
    let report = run_hinted(&mut syncer, 100, &["", "elsewhere", "moved"], &["", "folder/inner"]);
    assert_eq!((report.right.moved, report.conflicts), (1, 1));
    let report = run_hinted(&mut syncer, 101, &[], &["", "moved"]);
    assert_eq!(report, SyncReport { conflicts: 1, ..SyncReport::default() });
    assert_eq!(home.read("right/elsewhere/file"), None);
}

/// A conflict that somebody ended by removing one version: what hung on it is done at once, in whatever folder it is.
#[test]
fn what_hung_on_a_conflict_is_done_when_that_is_over() {
    let mut home = Home::new();
    home.write("left/moves", "base");
    home.write("left/folder/more", "more");
    home.run();
    home.write("left/folder/taken/by/another", "another");
    std::fs::rename(home.path("right/moves"), home.path("right/folder/taken")).unwrap();
    assert_eq!(home.run().0.conflicts, 1);
    std::fs::remove_file(home.path("right/folder/taken")).unwrap();
    let mut syncer = home.open();
    let report = run_hinted(&mut syncer, 100, &[], &["folder"]);
    assert_eq!((report.conflicts, report.left.removed), (0, 1));
    assert_eq!(home.read("left/moves"), None);
    home.assert_in_step();
}

/// What was there and moved and what is new there can wait under one path: both are in the list, and what a person says to
/// one is said to that one, however the next plan orders them.
#[test]
fn two_conflicts_of_one_path_are_both_in_the_list() {
    let mut home = Home::new();
    home.write("left/a", "left");
    home.write("right/a", "another right");
    home.run();
    let syncer = home.open();
    let database = syncer.database();
    let one = database.conflicts().unwrap().remove(0).conflict;
    let mut two = one.clone();
    two.node.0 += 1;
    two.right_node = two.node;
    two.left.path = None;
    database.set_conflicts(&[one.clone(), two.clone()]).unwrap();
    let listed = database.conflicts().unwrap();
    assert_eq!(listed.len(), 2);
    let of_two = listed.iter().find(|stored| stored.conflict == two).unwrap().id;
    database.choose_conflicts(&[of_two], Some(Choice::LeftToRight)).unwrap();
    database.set_conflicts(&[two.clone(), one.clone()]).unwrap();
    for stored in database.conflicts().unwrap() {
        let choice = (stored.conflict == two).then_some(Choice::LeftToRight);
        assert_eq!((stored.choice, stored.id == of_two), (choice, choice.is_some()));
    }
}

/// Both sides changed the permissions of a file alike, and the left moved it. The run that moves it agrees on them: the
/// next one, which sees what this one did and does not look at the left, must not take the base's for the left's.
#[cfg(unix)]
#[test]
fn permissions_both_changed_alike_stay_also_where_the_file_moved() {
    use std::fs::{Permissions, metadata, rename, set_permissions};
    use std::os::unix::fs::PermissionsExt;

    use keepwell_sync::Mode;
    for mode in [Mode::TwoWay, Mode::Mirror, Mode::Update] {
        let mut home = Home::new();
        home.pair.mode = mode;
        home.write("left/old/file", "base");
        home.write("left/new/more", "more");
        home.run();
        for side in ["left", "right"] {
            set_permissions(home.path(&format!("{side}/old/file")), Permissions::from_mode(0o700)).unwrap();
        }
        rename(home.path("left/old/file"), home.path("left/new/file")).unwrap();
        let mut syncer = home.open();
        let report = run_hinted(&mut syncer, 100, &["old", "new"], &["old", "new"]);
        assert_eq!((report.right.moved, report.right.metadata), (1, 0), "{mode:?}");
        let report = run_hinted(&mut syncer, 101, &[], &["old", "new"]);
        assert_eq!(report, SyncReport::default(), "{mode:?}");
        for side in ["left", "right"] {
            let found = metadata(home.path(&format!("{side}/new/file"))).unwrap().permissions().mode();
            assert_eq!(found & 0o777, 0o700, "{mode:?} {side}");
        }
        drop(syncer);
        let (report, _) = home.run();
        assert_eq!(report, SyncReport::default(), "nothing is left for the look at everything, {mode:?}");
    }
}

/// A log that is written all day is in the copy, though nobody ever closes it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_is_open_for_writing_waits_for_a_later_run_but_not_for_ever() {
    use std::io::Write;
    use std::sync::atomic::Ordering;
    let mut home = Home::new();
    home.write("left/log", "first");
    home.run();
    let mut log = std::fs::File::options().append(true).open(home.path("left/log")).unwrap();
    let mut film = std::fs::File::create(home.path("left/film")).unwrap();
    log.write_all(b" second").unwrap();
    film.write_all(b"half").unwrap();
    home.write("left/other", "1");
    let (report, _) = home.run();
    assert_eq!((report.right.created, report.still_open), (1, 2));
    assert_eq!((home.read("right/log").as_deref(), home.read("right/film")), (Some("first"), None));
    // Another process, later.
    home.time.fetch_add(11 * 60, Ordering::Relaxed);
    let (report, _) = home.run();
    assert_eq!((report.right.replaced, report.still_open), (1, 1));
    assert_eq!(home.read("right/log").as_deref(), Some("first second"));
    film.write_all(b" and whole").unwrap();
    drop(film);
    let mut syncer = home.open();
    let report = run_hinted(&mut syncer, 100, &[], &[]);
    assert_eq!(
        (report.right.created, report.still_open),
        (1, 0),
        "it is looked at though nothing tells of it"
    );
    assert_eq!(home.read("right/film").as_deref(), Some("half and whole"));
    home.assert_in_step();
}

/// It is copied as it is by now; its original waits until nobody writes into it any more.
#[cfg(target_os = "linux")]
#[test]
fn what_somebody_has_open_for_writing_is_not_moved_in_whole_until_it_is_closed() {
    let mut home = Home::new();
    home.pair.mode = Mode::MoveIn;
    home.write("left/download", "half of it");
    let mut open = fs::File::options().append(true).open(home.path("left/download")).unwrap();
    open.set_modified(SystemTime::now() - Duration::from_secs(60)).unwrap();
    let (report, _) = home.run();
    assert_eq!((report.right.created, report.left.removed, report.changed_meanwhile), (1, 0, 1));
    assert_eq!(home.read("left/download").as_deref(), Some("half of it"));
    open.write_all(b", and the rest").unwrap();
    open.set_modified(SystemTime::now() - Duration::from_secs(50)).unwrap();
    drop(open);
    home.run();
    assert_eq!(home.read("left/download"), None);
    assert_eq!(home.read("right/download").as_deref(), Some("half of it, and the rest"));
    assert_eq!(home.bin("left"), ["half of it, and the rest"]);
}
