//! A file on one side and a folder of the same name on the other: nothing is touched before somebody decides, and every
//! decision does the same whichever side has the folder.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

use std::fs;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::plan::ConflictKind;
use keepwell_sync::{Choice, Side, SyncReport};

/// What both sides had under the name before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Known {
    Nothing,
    File,
    Folder,
}

const KNOWN: [Known; 3] = [Known::Nothing, Known::File, Known::Folder];

fn word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

fn keep(side: Side) -> Choice {
    match side {
        Side::Left => Choice::LeftToRight,
        Side::Right => Choice::RightToLeft,
    }
}

fn item(path: &str, content: &str) -> (String, Option<String>) {
    (path.into(), Some(content.into()))
}

/// The folder as its side has it.
fn folder() -> Vec<(String, Option<String>)> {
    let inside = "plans/inside";
    vec![
        ("plans".into(), None),
        item("plans/garden.txt", "the garden"),
        (inside.into(), None),
        item("plans/inside/cellar.txt", "the cellar"),
        item("plans/roof.txt", "the roof, on this side"),
    ]
}

/// A pair in which this side has a folder and the other a file of its name.
fn contested(folder_on: Side, known: Known) -> Home {
    let mut home = Home::new();
    let (with_folder, with_file) = (word(folder_on), word(folder_on.other()));
    match known {
        Known::Nothing => {}
        Known::File => home.write("left/plans", "as it was"),
        Known::Folder => {
            home.write("left/plans/garden.txt", "the garden");
            home.write("left/plans/inside/cellar.txt", "the cellar");
            home.write("left/plans/roof.txt", "the roof");
        }
    }
    home.run();
    match known {
        Known::Nothing => {}
        Known::File => fs::remove_file(home.path(&format!("{with_folder}/plans"))).unwrap(),
        Known::Folder => fs::remove_dir_all(home.path(&format!("{with_file}/plans"))).unwrap(),
    }
    home.write(&format!("{with_file}/plans"), "one file of it all");
    home.write(&format!("{with_folder}/plans/garden.txt"), "the garden");
    home.write(&format!("{with_folder}/plans/inside/cellar.txt"), "the cellar");
    home.write(&format!("{with_folder}/plans/roof.txt"), "the roof, on this side");
    home
}

/// Runs until there is nothing left to do.
fn settle(home: &mut Home) {
    for _ in 0..4 {
        if home.run().0 == SyncReport::default() {
            return home.assert_in_step();
        }
    }
    panic!("it does not end");
}

fn decided(folder_on: Side, known: Known, choice: Choice) -> Home {
    let mut home = contested(folder_on, known);
    home.run();
    let syncer = home.open();
    let waiting = syncer.database().conflicts().unwrap();
    assert_eq!(waiting.len(), 1, "{folder_on:?} {known:?}");
    assert_eq!(waiting[0].conflict.kind, ConflictKind::KindChanged);
    syncer.database().choose_conflicts(&[waiting[0].id], Some(choice)).unwrap();
    drop(syncer);
    settle(&mut home);
    home
}

#[test]
fn nothing_of_either_is_touched_before_it_is_decided() {
    for (folder_on, known) in Side::BOTH.into_iter().flat_map(|side| KNOWN.map(|known| (side, known))) {
        let mut home = contested(folder_on, known);
        for _ in 0..3 {
            home.run();
            assert_eq!(home.tree(word(folder_on)), folder(), "{folder_on:?} {known:?}");
            let file = [item("plans", "one file of it all")];
            assert_eq!(home.tree(word(folder_on.other())), file, "{folder_on:?} {known:?}");
            assert_eq!((home.bin("left"), home.bin("right")), (Vec::new(), Vec::new()));
        }
    }
}

#[test]
fn the_one_that_is_kept_is_on_both_sides_and_the_other_in_the_bin_of_its_own() {
    for (folder_on, known) in Side::BOTH.into_iter().flat_map(|side| KNOWN.map(|known| (side, known))) {
        let home = decided(folder_on, known, keep(folder_on));
        assert_eq!(home.tree("left"), folder(), "{folder_on:?} {known:?}");
        assert_eq!(home.bin(word(folder_on)), Vec::<String>::new(), "{folder_on:?} {known:?}");
        assert_eq!(home.bin(word(folder_on.other())), ["one file of it all"], "{folder_on:?} {known:?}");

        let home = decided(folder_on, known, keep(folder_on.other()));
        assert_eq!(home.tree("left"), [item("plans", "one file of it all")], "{folder_on:?} {known:?}");
        assert_eq!(home.bin(word(folder_on.other())), Vec::<String>::new(), "{folder_on:?} {known:?}");
        let files = ["the cellar", "the garden", "the roof, on this side"];
        assert_eq!(home.bin(word(folder_on)), files, "{folder_on:?} {known:?}");
    }
}

#[test]
fn where_both_are_kept_the_folder_is_whole_and_the_file_beside_it() {
    for (folder_on, known) in Side::BOTH.into_iter().flat_map(|side| KNOWN.map(|known| (side, known))) {
        let home = decided(folder_on, known, Choice::KeepBoth);
        let mut tree = home.tree("left");
        let copy = tree.iter().position(|(name, _)| name.starts_with("plans (")).unwrap();
        assert_eq!(tree.remove(copy).1.as_deref(), Some("one file of it all"), "{folder_on:?} {known:?}");
        assert_eq!(tree, folder(), "{folder_on:?} {known:?}");
        assert_eq!((home.bin("left"), home.bin("right")), (Vec::new(), Vec::new()));
    }
}

#[test]
fn a_run_that_kept_both_is_undone_as_a_whole_and_the_conflict_is_there_again() {
    let two_files = || {
        let mut home = Home::new();
        home.write("left/plans", "one file of it all");
        home.write("right/plans", "another file, of the right");
        home.run();
        home
    };
    let of_kinds = Side::BOTH.into_iter().flat_map(|side| KNOWN.map(|known| (side, known)));
    let of_kinds = of_kinds.map(|(folder_on, known)| {
        let mut home = contested(folder_on, known);
        home.run();
        home
    });
    for mut home in of_kinds.chain([two_files()]) {
        let before = ["left", "right"].map(|side| home.tree(side));
        let syncer = home.open();
        let waiting = syncer.database().conflicts().unwrap();
        syncer.database().choose_conflicts(&[waiting[0].id], Some(Choice::KeepBoth)).unwrap();
        drop(syncer);
        home.run();
        let run = JobId([home.runs; 16]);
        let mut syncer = home.open();
        let undone = syncer.undo(run, JobId([210; 16]), &Control::new(), &mut |_| {}).unwrap();
        assert_eq!(undone.left_alone, 0);
        assert_eq!(["left", "right"].map(|side| home.tree(side)), before);
        drop(syncer);
        home.run();
        assert_eq!(home.open().database().conflicts().unwrap().len(), 1);
    }
}
