//! What one side has under a name and the pair leaves out: the other side's item of that name does not come there, is
//! not taken for removed, and that is told, in every run alike.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "common/home.rs"]
mod home;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::policy::BrakeKind;
#[cfg(unix)]
use keepwell_sync::policy::Links;
use keepwell_sync::{Limits, Mode, Side, SyncReport};

const LARGE: &str = "more than five bytes";

/// A run with the problems it told.
fn run(home: &mut Home) -> (SyncReport, Vec<String>) {
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    home.runs += 1;
    let run = JobId([home.runs; 16]);
    let report = syncer.apply(&prepared, run, &control, &Limits::default(), &mut |_| {}).unwrap();
    let told = control.problems().problems;
    (report, told.iter().map(|problem| format!("{}: {}", problem.path, problem.what)).collect())
}

fn home(mode: Mode) -> Home {
    let mut home = Home::new();
    home.pair.mode = mode;
    home.pair.rules.max_size_bytes = Some(5);
    home
}

#[test]
fn what_is_too_large_on_one_side_keeps_its_name_and_the_others_stays() {
    for mode in [Mode::TwoWay, Mode::Mirror] {
        let mut home = home(mode);
        home.write("left/a/film", LARGE);
        home.write("right/a/film", "short");
        home.write("left/a/text", "text");
        for round in 0..2 {
            let (report, told) = run(&mut home);
            assert_eq!(told, ["Disk: a/film: This item is not synced."], "{mode:?} {round}");
            assert_eq!((report.changed_meanwhile, report.failed), (0, 0), "{mode:?} {round}: {report:?}");
            assert_eq!(home.read("left/a/film").as_deref(), Some(LARGE));
            assert_eq!(home.read("right/a/film").as_deref(), Some("short"));
            assert_eq!(home.read("right/a/text").as_deref(), Some("text"));
        }
        // It comes as soon as it can.
        home.write("left/a/film", "tiny");
        let (report, told) = run(&mut home);
        match mode {
            Mode::TwoWay => assert_eq!((report.conflicts, told.len()), (1, 0)),
            _ => assert_eq!(home.read("right/a/film").as_deref(), Some("tiny")),
        }
    }
}

/// Both were in step, one grew, and the database is lost: the same as if they had met just now.
#[test]
fn a_lost_database_makes_no_difference() {
    let mut home = home(Mode::TwoWay);
    home.write("left/film", "short");
    home.run();
    home.write("left/film", LARGE);
    home.lose_database();
    for _ in 0..2 {
        let (_, told) = run(&mut home);
        assert_eq!(told, ["Disk: film: This item is not synced."]);
        assert_eq!(home.read("left/film").as_deref(), Some(LARGE));
        assert_eq!(home.read("right/film").as_deref(), Some("short"));
    }
}

#[test]
fn what_is_moved_to_such_a_name_stays_where_it_was_on_the_other_side() {
    let mut home = home(Mode::TwoWay);
    home.write("left/a", "text");
    home.run();
    home.write("right/film", LARGE);
    std::fs::rename(home.path("left/a"), home.path("left/film")).unwrap();
    let (_, told) = run(&mut home);
    assert_eq!(told, ["Laptop: film: This item is not synced."]);
    assert_eq!(home.read("right/a").as_deref(), Some("text"));
    assert_eq!(home.read("right/film").as_deref(), Some(LARGE));
    std::fs::remove_file(home.path("right/film")).unwrap();
    home.run();
    home.assert_in_step();
}

#[test]
fn a_folder_that_is_left_out_keeps_its_name_from_a_file() {
    let mut home = Home::new();
    home.pair.rules.patterns = vec!["build/".into()];
    home.write("left/build/out", "made");
    home.write("right/build", "a script");
    let (_, told) = run(&mut home);
    assert_eq!(told, ["Disk: build: This item is not synced."]);
    assert_eq!(home.read("left/build/out").as_deref(), Some("made"));
    assert_eq!(home.read("right/build").as_deref(), Some("a script"));
}

/// What is too large and gone too says nothing of the place: all else that was there is.
#[test]
fn a_root_that_is_emptied_halts_also_where_something_known_is_left_out_by_its_size() {
    let mut home = Home::new();
    for name in ["film", "folder/film"] {
        home.write(&format!("left/{name}"), LARGE);
    }
    for number in 0..5 {
        home.write(&format!("left/{number}"), "text");
    }
    home.run();
    home.pair.rules.max_size_bytes = Some(5);
    home.write("left/0", "edit");
    home.run();
    for item in std::fs::read_dir(home.path("left")).unwrap() {
        let path = item.unwrap().path();
        match path.is_dir() {
            true => std::fs::remove_dir_all(path).unwrap(),
            false => std::fs::remove_file(path).unwrap(),
        }
    }
    let mut syncer = home.open();
    let prepared = syncer.prepare(None, false, &Control::new()).unwrap();
    let kinds: Vec<_> = prepared.plan().brakes.iter().map(|brake| (brake.kind, brake.side)).collect();
    assert!(kinds.contains(&(BrakeKind::RootEmptied, Side::Left)), "{kinds:?}");
    drop(syncer);

    // Where only such were known nothing would go, so nothing is held up.
    let mut home = Home::new();
    home.write("left/film", LARGE);
    home.run();
    home.pair.rules.max_size_bytes = Some(5);
    std::fs::remove_file(home.path("left/film")).unwrap();
    run(&mut home);
    assert_eq!(home.read("right/film").as_deref(), Some(LARGE));
}

/// A name that is left out whatever it is can not be asked for, and nothing is said of it.
#[test]
fn names_that_are_left_out_on_both_sides_are_no_trouble() {
    let mut home = Home::new();
    home.pair.rules.patterns = vec!["*.tmp".into()];
    home.write("left/a.tmp", "left");
    home.write("right/a.tmp", "right");
    home.write("left/b", "synced");
    assert_eq!(run(&mut home).1, Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn links_and_pipes_that_are_not_synced_keep_their_names() {
    let mut home = Home::new();
    home.pair.links = Links::Skip;
    std::os::unix::fs::symlink("nowhere", home.path("left/link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(home.path("left/socket")).unwrap();
    home.write("right/link", "no link");
    home.write("right/socket", "no socket");
    let (_, mut told) = run(&mut home);
    told.sort();
    assert_eq!(
        told,
        [
            "Disk: link: This item is not synced.",
            "Disk: socket: This item is not synced.",
            "Laptop: socket: This is a pipe, a socket or a device; it is not synced.",
        ]
    );
    assert!(home.path("left/link").is_symlink());
    assert_eq!(home.read("right/socket").as_deref(), Some("no socket"));
}
