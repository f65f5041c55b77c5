//! A place that shows all names in lower case, as NTFS does where it is mounted with `ignore_case`: the names on the other
//! side stay as they were given.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;

use std::collections::BTreeSet;
use std::fs;

use home::Home;
use keepwell_endpoint::tree::{Capabilities, Expected, ItemMetadata, Tree};
use keepwell_model::{ContentHash, Control, JobId, RelativePath};
use keepwell_sync::{Done, Hints, Limits, Side, SyncReport};
use keepwell_testkit::MemoryTree;

/// A pair whose right place shows lower case.
struct Lower {
    home: Home,
    place: MemoryTree,
}

fn path(path: &str) -> RelativePath {
    RelativePath::parse(path.as_bytes()).unwrap()
}

impl Lower {
    fn new() -> Self {
        let can = Capabilities {
            case_sensitive: false,
            keeps_case: false,
            stable_ids: false,
            strong_versions: false,
            symlinks: false,
            modes: false,
            ..MemoryTree::disk()
        };
        Self { home: Home::new(), place: MemoryTree::new("right", can, std::sync::Arc::default()) }
    }

    fn run(&mut self) -> (SyncReport, Vec<Done>) {
        let mut syncer = self.home.open_at(Side::Right, self.place.clone());
        self.home.run_with(&mut syncer).unwrap()
    }

    /// What each side shows, in order; all of it in files.
    fn shown(&self) -> [Vec<String>; 2] {
        let left = self.home.tree("left").into_iter().filter(|(_, text)| text.is_some());
        let mut right = Vec::new();
        let mut open = vec![RelativePath::root()];
        while let Some(folder) = open.pop() {
            for item in self.place.list(&folder).unwrap() {
                let at = folder.join(&item.name).unwrap();
                match self.place.open(&at) {
                    _ if at.to_string() == ".keepwell" => {}
                    Ok(_) => right.push(at.to_string()),
                    Err(_) => open.push(at),
                }
            }
        }
        right.sort();
        [left.map(|(name, _)| name).collect(), right]
    }

    #[track_caller]
    fn assert_in_step(&mut self) {
        for _ in 0..2 {
            assert_eq!(self.run(), (SyncReport::default(), Vec::new()));
        }
    }

    /// As a person does there.
    fn edit_there(&self, name: &str, content: &str) {
        let mut staged = self.place.stage(&path(name), content.len() as u64, None).unwrap();
        staged.write_at(content.as_bytes(), 0).unwrap();
        let old = self.place.stat(&path(name)).unwrap().unwrap();
        let expected = Expected::Item(old.fingerprint);
        let hash = ContentHash(*blake3::hash(content.as_bytes()).as_bytes());
        staged.publish(&path(name), &expected, &ItemMetadata::default(), &hash).unwrap();
    }

    /// As a person does there.
    fn rename_there(&self, from: &str, to: &str) {
        let item = self.place.stat(&path(from)).unwrap().unwrap();
        let expected = Expected::Item(item.fingerprint);
        self.place.rename(&path(from), &path(to), &expected, &Expected::Absent).unwrap();
    }
}

#[test]
fn names_keep_the_case_a_person_gave_them_whatever_the_place_shows() {
    let mut pair = Lower::new();
    pair.home.write("left/Letter.TXT", "a letter");
    pair.home.write("left/Folder/Inner.Txt", "inside");
    pair.run();
    let shown = [
        vec!["Folder/Inner.Txt".to_owned(), "Letter.TXT".to_owned()],
        vec!["folder/inner.txt".to_owned(), "letter.txt".to_owned()],
    ];
    assert_eq!(pair.shown(), shown);
    pair.assert_in_step();

    // An edit there is an edit of that file.
    pair.edit_there("Letter.TXT", "edited");
    let (report, _) = pair.run();
    assert_eq!((report.left.replaced, report.left.moved, report.right.moved), (1, 0, 0));
    assert_eq!(pair.home.read("left/Letter.TXT").as_deref(), Some("edited"));
    pair.assert_in_step();

    // What is moved there is moved here, and keeps its name.
    pair.rename_there("letter.txt", "folder/letter.txt");
    pair.run();
    assert_eq!(pair.home.read("left/Folder/Letter.TXT").as_deref(), Some("edited"));
    pair.assert_in_step();
    // A name that is another one is the name from then on.
    pair.rename_there("folder/letter.txt", "folder/report.txt");
    pair.run();
    assert_eq!(pair.shown()[0], ["Folder/Inner.Txt", "Folder/report.txt"]);
    pair.assert_in_step();
}

#[test]
fn a_rename_of_the_case_alone_and_a_lost_database_rename_nothing_on_the_other_side() {
    let mut pair = Lower::new();
    pair.home.write("left/Letter.TXT", "a letter");
    pair.run();
    fs::rename(pair.home.path("left/Letter.TXT"), pair.home.path("left/LETTER.txt")).unwrap();
    pair.run();
    assert_eq!(pair.shown(), [["LETTER.txt"], ["letter.txt"]]);
    pair.assert_in_step();
    pair.home.lose_database();
    pair.run();
    assert_eq!(pair.shown(), [["LETTER.txt"], ["letter.txt"]]);
    pair.assert_in_step();
    fs::rename(pair.home.path("left/LETTER.txt"), pair.home.path("left/Letter.txt")).unwrap();
    pair.run();
    assert_eq!(pair.shown(), [["Letter.txt"], ["letter.txt"]]);
    pair.assert_in_step();
}

#[test]
fn what_a_live_pair_hears_of_a_folder_by_the_name_that_is_shown_is_about_that_folder() {
    let mut pair = Lower::new();
    pair.home.write("left/Folder/Below/Inner.Txt", "inside");
    pair.run();
    pair.edit_there("Folder/Below/Inner.Txt", "edited");
    let mut syncer = pair.home.open_at(Side::Right, pair.place.clone());
    let hints = Hints { left: Some(BTreeSet::new()), right: Some([path("folder/below")].into()) };
    let control = Control::new();
    let prepared = syncer.prepare(Some(&hints), false, &control).unwrap();
    syncer.apply(&prepared, JobId([9; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(pair.home.read("left/Folder/Below/Inner.Txt").as_deref(), Some("edited"));
}

#[test]
fn two_files_that_differ_by_case_are_known_again_when_the_database_is_lost() {
    let mut pair = Lower::new();
    pair.home.write("left/Letter.TXT", "a letter");
    pair.home.write("left/LETTER.TXT", "another one");
    pair.run();
    let [left, right] = pair.shown();
    assert_eq!((left.len(), right.len()), (2, 2), "{left:?} {right:?}");
    pair.assert_in_step();
    pair.home.lose_database();
    pair.run();
    assert_eq!(pair.shown(), [left, right]);
    pair.assert_in_step();
}
