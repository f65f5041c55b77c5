//! Pairs that follow links or leave them out, on real folders.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::policy::Links;
use keepwell_sync::{BinWish, Limits, Mode, SyncReport};

fn home(links: Links) -> Home {
    let mut home = Home::new();
    home.pair.links = links;
    home
}

fn link(home: &Home, target: impl AsRef<Path>, name: &str) {
    fs::create_dir_all(home.path(name).parent().unwrap()).unwrap();
    symlink(target, home.path(name)).unwrap();
}

/// A run, with the paths and words of what it told.
fn run(home: &mut Home) -> (SyncReport, Vec<(String, String)>) {
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    assert_eq!(prepared.plan().brakes, []);
    home.runs += 1;
    let run = JobId([home.runs; 16]);
    let report = syncer.apply(&prepared, run, &control, &Limits::default(), &mut |_| {}).unwrap();
    let problems = control.problems().problems.into_iter();
    let mut told: Vec<_> =
        problems.map(|problem| (problem.path.clone(), format!("{} {}", problem.what, problem.why))).collect();
    told.sort();
    (report, told)
}

/// Runs until nothing is left to do, and nothing is told.
#[track_caller]
fn until_still(home: &mut Home) {
    for _ in 0..5 {
        let (report, told) = run(home);
        assert_eq!(told, []);
        if report == SyncReport::default() {
            return;
        }
    }
    panic!("it does not end");
}

fn is_link(home: &Home, name: &str) -> bool {
    home.path(name).symlink_metadata().is_ok_and(|found| found.is_symlink())
}

#[test]
fn what_a_link_points_to_is_synced_in_its_place() {
    let mut home = home(Links::Follow);
    home.write("left/papers/letter", "Dear Ada");
    home.write("left/papers/deep/note", "a note");
    link(&home, "papers/letter", "left/to file");
    link(&home, "../papers", "left/links/to folder");
    link(&home, home.path("left/papers/deep"), "left/links/by its whole path");
    until_still(&mut home);
    for (name, text) in [
        ("to file", "Dear Ada"),
        ("links/to folder/letter", "Dear Ada"),
        ("links/to folder/deep/note", "a note"),
        ("links/by its whole path/note", "a note"),
        ("papers/letter", "Dear Ada"),
    ] {
        assert_eq!(home.read(&format!("right/{name}")).as_deref(), Some(text), "{name}");
        assert!(!is_link(&home, &format!("right/{name}")), "{name}");
    }
    assert!(is_link(&home, "left/to file") && is_link(&home, "left/links/to folder"));
    assert!(!is_link(&home, "right/links/to folder"));

    home.write("left/papers/letter", "Dear Ada, the roof leaks");
    until_still(&mut home);
    for name in ["to file", "links/to folder/letter", "papers/letter"] {
        assert_eq!(
            home.read(&format!("right/{name}")).as_deref(),
            Some("Dear Ada, the roof leaks"),
            "{name}"
        );
    }

    // The link goes, and with it what stood for it on the other side: the file itself stays.
    fs::remove_file(home.path("left/to file")).unwrap();
    fs::remove_file(home.path("left/links/to folder")).unwrap();
    until_still(&mut home);
    assert!(!home.path("right/to file").exists() && !home.path("right/links/to folder").exists());
    assert_eq!(home.read("right/papers/letter").as_deref(), Some("Dear Ada, the roof leaks"));
}

#[test]
fn an_edit_of_the_other_side_is_written_to_what_the_link_points_to() {
    let mut home = home(Links::Follow);
    home.write("left/papers/letter", "Dear Ada");
    link(&home, "papers/letter", "left/to file");
    link(&home, "papers", "left/to folder");
    until_still(&mut home);

    home.write("right/to file", "Dear Ada, from the other side");
    let (report, told) = run(&mut home);
    assert_eq!((report.left.replaced, told), (1, vec![]));
    assert!(is_link(&home, "left/to file"), "the link was replaced by what it pointed to");
    assert_eq!(home.read("left/papers/letter").as_deref(), Some("Dear Ada, from the other side"));
    assert_eq!(home.bin("left"), ["Dear Ada"]);
    let mut syncer = home.open();
    let kept = syncer.database().bin_items(0, 10).unwrap().remove(0);
    assert_eq!(kept.path.to_string(), "papers/letter", "it lies in the bin by where it was");
    drop(syncer);
    until_still(&mut home);
    for name in ["papers/letter", "to folder/letter"] {
        let text = home.read(&format!("right/{name}"));
        assert_eq!(text.as_deref(), Some("Dear Ada, from the other side"), "{name}");
    }

    // What is new in the folder of the other side comes into the folder the link points to.
    home.write("right/to folder/new", "new");
    until_still(&mut home);
    assert!(is_link(&home, "left/to folder"));
    assert_eq!(home.read("left/papers/new").as_deref(), Some("new"));
    assert_eq!(home.read("right/papers/new").as_deref(), Some("new"));

    // And back out of the bin it goes to the file, not to the link.
    syncer = home.open();
    syncer.bring_back(&[BinWish::of(&kept)], JobId([99; 16]), &Control::new(), &mut |_| {}).unwrap();
    drop(syncer);
    assert!(is_link(&home, "left/to file"));
    assert_eq!(home.read("left/papers/letter").as_deref(), Some("Dear Ada"));
}

#[test]
fn two_edits_of_what_is_one_file_are_a_conflict_and_none_is_lost() {
    let mut home = home(Links::Follow);
    home.write("left/letter", "Dear Ada");
    link(&home, "letter", "left/link");
    until_still(&mut home);
    home.write("right/letter", "Dear Ada, under its name");
    home.write("right/link", "Dear Ada, under the name of the link");
    let mut conflicts = 0;
    for _ in 0..3 {
        conflicts = run(&mut home).0.conflicts;
    }
    assert_eq!(conflicts, 1);
    let mut texts: Vec<_> = ["left", "right"].iter().flat_map(|side| home.bin(side)).collect();
    texts.extend(["left/letter", "right/letter", "right/link"].iter().filter_map(|name| home.read(name)));
    for text in ["Dear Ada", "Dear Ada, under its name", "Dear Ada, under the name of the link"] {
        assert!(texts.contains(&text.to_owned()), "\"{text}\" is lost: {texts:?}");
    }
}

#[test]
fn nothing_is_taken_away_through_a_link() {
    let mut home = home(Links::Follow);
    home.write("left/papers/letter", "Dear Ada");
    link(&home, "papers/letter", "left/to file");
    link(&home, "papers", "left/to folder");
    until_still(&mut home);
    fs::remove_file(home.path("right/to file")).unwrap();
    fs::remove_file(home.path("right/to folder/letter")).unwrap();
    for _ in 0..2 {
        let (_, told) = run(&mut home);
        let paths: Vec<_> = told.iter().map(|(path, _)| path.as_str()).collect();
        assert_eq!(paths, ["Laptop: to file", "Laptop: to folder/letter"]);
        assert!(told.iter().all(|(_, why)| why.contains("link")), "{told:?}");
        assert!(is_link(&home, "left/to file") && is_link(&home, "left/to folder"));
        assert_eq!(home.read("left/papers/letter").as_deref(), Some("Dear Ada"));
        assert_eq!(home.read("right/papers/letter").as_deref(), Some("Dear Ada"));
    }
    // What the person does themselves on the side of the link settles it.
    fs::remove_file(home.path("left/to file")).unwrap();
    fs::remove_file(home.path("left/to folder")).unwrap();
    until_still(&mut home);
    assert_eq!(home.read("right/papers/letter").as_deref(), Some("Dear Ada"));
}

#[test]
fn links_that_lead_nowhere_out_or_in_a_circle_are_told_and_never_endless() {
    let mut home = home(Links::Follow);
    fs::create_dir(home.path("outside")).unwrap();
    home.write("outside/secret", "not of this pair");
    home.write("left/one/two/file", "1");
    link(&home, "..", "left/one/up");
    link(&home, "../..", "left/one/two/up twice");
    link(&home, "itself", "left/itself");
    link(&home, "ping", "left/pong");
    link(&home, "pong", "left/ping");
    link(&home, "../outside", "left/out");
    link(&home, home.path("outside/secret"), "left/out by its whole path");
    link(&home, "nothing", "left/broken");
    link(&home, "/dev/null", "left/device");
    // Two folders that point at each other.
    fs::create_dir_all(home.path("left/here")).unwrap();
    fs::create_dir_all(home.path("left/there")).unwrap();
    link(&home, "../there", "left/here/to there");
    link(&home, "../here", "left/there/to here");
    let (_, told) = run(&mut home);
    let mut paths: Vec<_> = told.iter().map(|(path, _)| path.as_str()).collect();
    paths.retain(|path| !path.contains(" to "));
    for path in ["one/up", "one/two/up twice", "itself", "ping", "pong", "out", "broken", "device"] {
        let path = format!("Laptop: {path}");
        assert!(paths.contains(&path.as_str()), "{path} is not told: {paths:?}");
    }
    assert!(told.iter().any(|(_, why)| why.contains("\"../outside\"")), "where it points to is told");
    assert_eq!(home.read("right/one/two/file").as_deref(), Some("1"));
    assert!(!home.path("right/out").exists() && !home.path("right/one/up").exists());
    let count = home.tree("right").len();
    assert!(count < 12, "{count} items: {:?}", home.tree("right"));
    let (report, again) = run(&mut home);
    assert_eq!((report, again.len()), (SyncReport::default(), told.len()));
}

#[test]
fn many_links_to_each_other_end_too() {
    let mut home = home(Links::Follow);
    for number in 0..8 {
        for name in ["a", "b"] {
            link(&home, format!("../{}", number + 1), &format!("left/{number}/{name}"));
        }
    }
    home.write("left/8/file", "at the end");
    let (_, told) = run(&mut home);
    assert!(!told.is_empty());
    assert_eq!(home.read("right/7/a/file").as_deref(), Some("at the end"));
}

#[test]
fn what_a_link_pointed_to_is_not_removed_because_it_can_not_be_found() {
    for mode in [Mode::TwoWay, Mode::Mirror] {
        let mut home = home(Links::Follow);
        home.pair.mode = mode;
        home.write("left/drive/letter", "Dear Ada");
        link(&home, "drive/letter", "left/to file");
        link(&home, "drive", "left/to folder");
        home.pair.rules.patterns = vec!["/drive".into()];
        until_still(&mut home);
        assert_eq!(home.read("right/to folder/letter").as_deref(), Some("Dear Ada"));
        fs::rename(home.path("left/drive"), home.path("unplugged")).unwrap();
        let (report, told) = run(&mut home);
        assert_eq!((report, told.len()), (SyncReport::default(), 2), "{told:?}");
        assert_eq!(home.read("right/to file").as_deref(), Some("Dear Ada"));
        assert_eq!(home.read("right/to folder/letter").as_deref(), Some("Dear Ada"));
        fs::rename(home.path("unplugged"), home.path("left/drive")).unwrap();
        until_still(&mut home);
    }
}

#[test]
fn links_that_are_left_out_are_never_removed() {
    let mut home = home(Links::Keep);
    home.write("left/file", "1");
    link(&home, "file", "left/known");
    until_still(&mut home);
    assert!(is_link(&home, "right/known"));
    home.pair.links = Links::Skip;
    link(&home, "file", "left/new");
    link(&home, "elsewhere", "right/other");
    fs::remove_file(home.path("left/known")).unwrap();
    home.write("left/file", "two");
    until_still(&mut home);
    assert!(is_link(&home, "right/known") && !home.path("right/new").exists());
    assert!(is_link(&home, "right/other") && home.path("left/other").symlink_metadata().is_err());
    assert_eq!(home.read("right/file").as_deref(), Some("two"));

    // A file with the name of a link that is left out is told, and neither takes the place of the other.
    home.write("left/other", "a file");
    for _ in 0..2 {
        let (report, told) = run(&mut home);
        assert_eq!((report.failed, told.len(), told[0].0.as_str()), (0, 1, "Laptop: other"), "{told:?}");
        assert!(is_link(&home, "right/other"));
    }
}
