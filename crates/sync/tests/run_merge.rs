//! Two edits of a text merged into one where a person asks for it: on real folders.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;
#[path = "common/place.rs"]
mod place;

use home::Home;
use keepwell_model::{ContentHash, Control, JobId};
use keepwell_sync::text::Merged;
use keepwell_sync::{Choice, Side};
use place::{lasting, living};

const DEED: JobId = JobId([0xdd; 16]);

#[test]
fn two_edits_of_a_text_are_merged_when_a_person_asks() {
    let mut home = Home::new();
    let base = "one\ntwo\nthree\nfour\nfive\nsix\n";
    home.write("left/list.txt", base);
    home.run();
    home.write("left/list.txt", &base.replace("one", "ONE"));
    home.write("right/list.txt", &base.replace("six", "six\nseven"));
    home.run();

    let mut syncer = home.open();
    let waiting = syncer.database().conflicts().unwrap();
    let shown = syncer.compare_conflict(waiting[0].id, 100).unwrap().unwrap();
    assert!(shown.merged.is_some() && shown.is_all);
    assert!(
        shown.lines.iter().any(|line| line.text == "ONE" && line.left == Some(1) && line.right.is_none())
    );

    let hash = shown.merged.map(|merged| merged.hash);
    let other = Some(ContentHash([7; 32]));
    let refused = syncer.merge_conflict(waiting[0].id, other, DEED, &Control::new());
    assert!(refused.is_err(), "only the text that was shown is written");
    let merged = syncer.merge_conflict(waiting[0].id, hash, DEED, &Control::new()).unwrap();
    let both = base.replace("one", "ONE").replace("six", "six\nseven");
    assert_eq!(merged, Merged::Text(both.clone()));
    assert_eq!(home.read("left/list.txt"), Some(both.clone()));
    home.run_with(&mut syncer).unwrap();
    assert_eq!(home.read("left/list.txt"), Some(both.clone()));
    assert_eq!(home.read("right/list.txt"), Some(both));
    assert_eq!(syncer.database().conflicts().unwrap(), []);
    assert_eq!(home.bin("left"), [base.replace("one", "ONE")]);
    assert_eq!(home.bin("right"), [base.replace("six", "six\nseven")]);
}

/// The text came to the left when the person asked for it, and to the right with the run after: two runs of the history.
#[test]
fn a_merging_is_undone_in_both_places() {
    let (mut home, _, both) = home_with_texts();
    let texts = ["left/list.txt", "right/list.txt"].map(|path| home.read(path));
    let mut syncer = home.open();
    let id = syncer.database().conflicts().unwrap()[0].id;
    syncer.merge_conflict(id, None, DEED, &Control::new()).unwrap();
    home.run_with(&mut syncer).unwrap();
    assert_eq!(home.read("right/list.txt"), Some(both));
    let runs = syncer.database().runs(0, 2).unwrap();
    assert_eq!([runs[0].report.left.replaced, runs[0].report.right.replaced], [0, 1]);
    assert_eq!((runs[1].id, runs[1].report.left.replaced), (DEED, 1));
    for (run, number) in runs.iter().zip(1..) {
        let undone = syncer.undo(run.id, JobId([0xe0 + number; 16]), &Control::new(), &mut |_| {}).unwrap();
        assert_eq!(undone.left_alone, 0);
    }
    assert_eq!(["left/list.txt", "right/list.txt"].map(|path| home.read(path)), texts);
}

#[cfg(unix)]
#[test]
fn a_merged_text_is_as_private_and_marked_as_the_file_it_replaces() {
    use std::os::unix::fs::PermissionsExt;

    use keepwell_endpoint::local::LocalTree;
    use keepwell_endpoint::tree::{ItemMetadata, Tree};
    use keepwell_model::{ExtendedAttribute, RelativePath};

    for synced in [false, true] {
        let (mut home, _, both) = home_with_texts();
        home.pair.attributes = synced;
        let path = RelativePath::parse(b"list.txt").unwrap();
        let tree = home.open().tree(Side::Left).clone();
        let tag = ExtendedAttribute { name: b"user.tag".to_vec(), value: b"mine".to_vec() };
        let (mode, attributes) = (0o640, Some(vec![tag]));
        let seen = tree.stat(&path).unwrap().unwrap().fingerprint;
        let metadata =
            ItemMetadata { mode: Some(mode), extended_attributes: attributes.clone(), modified: None };
        let set = tree.set_metadata(&path, &seen, &metadata).unwrap();
        if !set.not_kept.is_empty() || !tree.capabilities().extended_attributes {
            return;
        }
        home.run();
        let mut syncer = home.open();
        let id = syncer.database().conflicts().unwrap()[0].id;
        syncer.merge_conflict(id, None, DEED, &Control::new()).unwrap();
        let of = |home: &Home, side: &str| {
            let tree = LocalTree::open(&home.path(side)).unwrap();
            let mode =
                std::fs::metadata(home.path(side).join("list.txt")).unwrap().permissions().mode() & 0o777;
            (mode, Some(tree.extended_attributes(&path).unwrap()))
        };
        assert_eq!(of(&home, "left"), (mode, attributes.clone()));
        drop(syncer);
        home.run();
        assert_eq!((home.read("right/list.txt"), of(&home, "left").1), (Some(both), attributes.clone()));
        let expected = if synced { attributes } else { Some(Vec::new()) };
        assert_eq!(of(&home, "right"), (mode, expected));
    }
}

#[test]
fn edits_of_the_same_line_stay_a_conflict() {
    let mut home = Home::new();
    home.write("left/list.txt", "one\n");
    home.run();
    home.write("left/list.txt", "left\n");
    home.write("right/list.txt", "right\n");
    home.run();
    let mut syncer = home.open();
    let id = syncer.database().conflicts().unwrap()[0].id;
    assert!(syncer.compare_conflict(id, 100).unwrap().unwrap().merged.is_none());
    assert_eq!(syncer.merge_conflict(id, None, DEED, &Control::new()).unwrap(), Merged::SameLines);
    assert_eq!(home.read("left/list.txt").as_deref(), Some("left\n"));
    assert_eq!(home.read("right/list.txt").as_deref(), Some("right\n"));
    assert_eq!(home.bin("left"), [""; 0]);
    syncer.database().choose_conflicts(&[id], Some(Choice::KeepBoth)).unwrap();
}

const BASE: &str = "one\ntwo\nthree\nfour\nfive\nsix\n";

/// A conflict of two texts that can be merged: what the left has, and what both make.
fn home_with_texts() -> (Home, String, String) {
    let mut home = Home::new();
    home.write("left/list.txt", BASE);
    home.write("left/other.txt", "other");
    home.run();
    let left = BASE.replace("one", "ONE");
    home.write("left/list.txt", &left);
    home.write("right/list.txt", &BASE.replace("six", "six\nseven"));
    home.run();
    let both = left.replace("six", "six\nseven");
    (home, left, both)
}

#[test]
fn a_merged_text_that_can_not_be_written_leaves_the_left_version_where_it_is() {
    let (mut home, left, _) = home_with_texts();
    let place = lasting(&home.path("left"));
    *place.refused.lock().unwrap() = Some(("publish", "list.txt".into()));
    let mut syncer = home.open_at(Side::Left, place);
    let id = syncer.database().conflicts().unwrap()[0].id;
    assert!(syncer.merge_conflict(id, None, DEED, &Control::new()).is_err());
    assert_eq!(home.read("left/list.txt").as_ref(), Some(&left));
    assert_eq!(syncer.database().bin_items(0, 10).unwrap(), []);
    drop(syncer);
    home.run();
    assert_eq!(home.read("left/list.txt"), Some(left));
    assert_eq!(home.open().database().conflicts().unwrap().len(), 1, "it still waits");
}

#[test]
fn a_merge_that_is_killed_at_any_step_loses_no_change() {
    for after in [false, true] {
        for steps in 1.. {
            let (mut home, left, both) = home_with_texts();
            let mut syncer = home.open_at(Side::Left, living(&home.path("left"), steps, after));
            let id = syncer.database().conflicts().unwrap()[0].id;
            let is_merged = syncer.merge_conflict(id, None, DEED, &Control::new()).is_ok();
            drop(syncer);
            home.run();
            let now = home.read("left/list.txt").unwrap_or_default();
            assert!(now == both || !is_merged && now == left, "killed {after} at {steps}: {now}");
            let waits = home.open().database().conflicts().unwrap().len();
            assert_eq!(waits, usize::from(!is_merged), "killed {after} at {steps}");
            if is_merged {
                break;
            }
        }
    }
}
