//! What comes back after a brake, on real folders: what is gone and nothing else, also where the run is cut short, can not
//! do all of it, or finds something else in its place.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

#[path = "common/braked.rs"]
mod common;
#[path = "common/place.rs"]
mod place;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use common::{apply, braked, bring_back, halts, in_step};
use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::plan::{Brake, ConflictKind};
use keepwell_sync::policy::{BrakeKind, Choice};
use keepwell_sync::{Limits, Mode, Prepared, Side, SyncError, Syncer};
use place::Mortal;

/// Removes most of the left, edits there and on the right, and has come back from the right what is gone.
fn with_what_is_gone_back(mode: Mode) -> Home {
    let mut home = in_step(44);
    home.pair.mode = mode;
    for folder in [0, 1] {
        fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    }
    fs::remove_file(home.path("left/folder 2/file 2")).unwrap();
    home.write("left/folder 3/file 3", "edited");
    fs::rename(home.path("left/folder 3/file 7"), home.path("left/renamed")).unwrap();
    home.write("right/folder 2/new", "new");
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    bring_back(&mut syncer, &prepared, Side::Right);
    for name in ["folder 0/file 16", "folder 2/file 2"] {
        assert!(home.path(&format!("left/{name}")).exists() && home.path(&format!("right/{name}")).exists());
    }
    for side in ["left", "right"] {
        assert_eq!(
            home.read(&format!("{side}/folder 3/file 3")).as_deref(),
            Some("edited"),
            "no edit is undone"
        );
        assert_eq!(home.read(&format!("{side}/renamed")).as_deref(), Some("content 7"));
        assert!(!home.path(&format!("{side}/folder 3/file 7")).exists());
        let texts: Vec<String> = home.tree(side).into_iter().filter_map(|(_, content)| content).collect();
        for text in ["content 1", "content 41"] {
            assert_eq!(texts.iter().filter(|found| *found == text).count(), 1, "{text} in {side}");
        }
    }
    assert!(syncer.prepare(None, false, &Control::new()).unwrap().plan().is_empty());
    drop(syncer);
    home
}

#[test]
fn what_is_gone_comes_back_and_what_was_edited_stays_edited() {
    let home = with_what_is_gone_back(Mode::TwoWay);
    assert_eq!(home.read("left/folder 2/new").as_deref(), Some("new"));
    home.assert_in_step();
}

#[test]
fn into_what_is_mirrored_comes_back_what_is_gone_and_nothing_is_undone_there() {
    let home = with_what_is_gone_back(Mode::Mirror);
    // What the left has not comes back, whoever made it: nothing is removed when a person asks for what is gone.
    assert_eq!(home.read("left/folder 2/new").as_deref(), Some("new"));
    home.assert_in_step();
}

#[test]
fn where_something_else_has_the_name_of_what_is_gone_a_person_is_asked() {
    let home = in_step(44);
    for folder in [0, 1, 2] {
        fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    }
    home.write("left/folder 1", "a file where the folder was");
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    let told: Vec<_> =
        back.plan().conflicts.iter().map(|found| (found.path.to_string(), found.kind)).collect();
    assert_eq!(told, [("folder 1".to_owned(), ConflictKind::KindChanged)]);
    apply(&mut syncer, &back, 202).unwrap();
    assert_eq!(home.read("left/folder 1").as_deref(), Some("a file where the folder was"));
    assert_eq!(home.read("right/folder 1/file 1").as_deref(), Some("content 1"));
    assert_eq!(home.read("left/folder 2/file 2").as_deref(), Some("content 2"));
}

#[test]
fn with_what_is_gone_on_both_sides_each_side_is_asked_about() {
    let mut home = in_step(80);
    home.pair.brakes.removed_items = 10;
    let remove = |side: &str, folder: usize| {
        fs::remove_dir_all(home.path(&format!("{side}/folder {folder}"))).unwrap();
    };
    remove("left", 0);
    remove("right", 1);
    let mut syncer = home.open();
    let (prepared, brakes) = braked(&mut syncer);
    let pulled = |brakes: &[Brake]| brakes.iter().map(|brake| (brake.kind, brake.side)).collect::<Vec<_>>();
    let both = Side::BOTH.map(|side| (BrakeKind::ManyRemoved, side));
    assert_eq!(pulled(&brakes), both);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    assert_eq!(pulled(&back.plan().brakes), both[1..]);
    // The answer about one side holds while the other one is asked about, also by another process.
    syncer.owe(&back).unwrap();
    drop(syncer);
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Right);
    bring_back(&mut syncer, &prepared, Side::Left);
    home.assert_in_step();
    assert_eq!(home.tree("left").into_iter().filter(|(_, content)| content.is_some()).count(), 80);
}

/// Carries the plan out until so many files were copied.
fn cut_short(syncer: &mut Syncer, prepared: &Prepared, files: usize) {
    let control = Arc::new(Control::new());
    let copied = AtomicUsize::new(0);
    let stop = Arc::clone(&control);
    let pay = move |_| {
        if copied.fetch_add(1, Ordering::Relaxed) + 1 == files {
            stop.cancel();
        }
    };
    let limits = Limits { pay: Some(Arc::new(pay)) };
    let stopped = syncer.apply(prepared, JobId([203; 16]), &control, &limits, &mut |_| {});
    assert!(matches!(stopped, Err(SyncError::Cancelled)), "{stopped:?}");
}

/// Three folders are gone on the left; the run that brings them back from the right is cut short after so many files.
fn partly_back(home: &Home, files: usize) -> Syncer {
    for folder in [0, 1, 2] {
        fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    }
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    cut_short(&mut syncer, &back, files);
    syncer
}

/// A run nobody is asked about, and what it put into the bin of a side.
fn run(home: &Home, syncer: &mut Syncer, side: &str) -> usize {
    let before = home.bin(side).len();
    let (prepared, brakes) = braked(syncer);
    assert_eq!(brakes, []);
    apply(syncer, &prepared, 204).unwrap();
    home.bin(side).len() - before
}

#[test]
fn what_a_run_that_was_cut_short_did_not_bring_back_comes_with_the_next_one() {
    for mode in [Mode::TwoWay, Mode::Mirror] {
        let mut home = in_step(80);
        home.pair.mode = mode;
        drop(partly_back(&home, 45));
        let mut syncer = home.open();
        let (looked, _) = braked(&mut syncer);
        assert!(looked.brings_back_from(Side::Right) && !looked.brings_back_from(Side::Left));
        assert_eq!(run(&home, &mut syncer, "right"), 0, "too few are missing for a brake, and they are owed");
        home.assert_in_step();
        assert_eq!(home.read("left/folder 2/file 78").as_deref(), Some("content 78"));
        // What goes later goes.
        fs::remove_file(home.path("left/folder 2/file 78")).unwrap();
        let (looked, _) = braked(&mut syncer);
        assert!(!looked.brings_back_from(Side::Right));
        assert_eq!(run(&home, &mut syncer, "right"), 1);
        assert!(!home.path("right/folder 2/file 78").exists());
    }
}

#[test]
fn a_root_that_is_emptied_halts_also_while_something_is_owed() {
    let mut home = in_step(80);
    home.write("left/top", "top");
    home.run();
    let remove = |folder: usize| fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    (0..3).for_each(remove);
    // The last that comes back, and so owed.
    fs::remove_file(home.path("left/top")).unwrap();
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    cut_short(&mut syncer, &back, 45);
    (0..4).for_each(remove);
    halts(&mut syncer, BrakeKind::RootEmptied, Side::Left);
}

#[test]
fn a_place_that_is_away_for_a_while_owes_what_it_owed() {
    let home = in_step(80);
    let mut syncer = partly_back(&home, 45);
    let away = |folder: usize| home.path(&format!("away {folder}"));
    let there = |folder: usize| home.path(&format!("right/folder {folder}"));
    (0..4).for_each(|folder| fs::rename(there(folder), away(folder)).unwrap());
    halts(&mut syncer, BrakeKind::RootEmptied, Side::Right);
    (0..4).for_each(|folder| fs::rename(away(folder), there(folder)).unwrap());
    assert_eq!(run(&home, &mut syncer, "right"), 0, "what was not back yet comes");
    home.assert_in_step();
    assert_eq!(home.read("left/folder 2/file 78").as_deref(), Some("content 78"));
}

#[test]
fn what_comes_back_by_itself_is_owed_no_more() {
    let home = in_step(80);
    let away = home.path("away");
    for folder in [0, 1, 2] {
        fs::rename(home.path(&format!("left/folder {folder}")), away.with_extension(folder.to_string()))
            .unwrap();
    }
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    cut_short(&mut syncer, &back, 1);
    // Folder 2 comes after the others, so nothing of it is back yet.
    let _ = fs::remove_dir_all(home.path("left/folder 2"));
    fs::rename(away.with_extension("2"), home.path("left/folder 2")).unwrap();
    run(&home, &mut syncer, "right");
    home.assert_in_step();
    fs::remove_file(home.path("left/folder 2/file 78")).unwrap();
    assert_eq!(run(&home, &mut syncer, "right"), 1, "removed after it was back");
}

#[test]
fn content_that_was_not_brought_back_yet_comes_with_the_next_run_and_no_edit_after_that_goes() {
    let home = in_step(80);
    for number in 0..80 {
        home.write(&format!("left/folder {}/file {number}", number % 4), &format!("not to be read {number}"));
    }
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    cut_short(&mut syncer, &back, 60);
    home.write("left/folder 0/file 0", "edited since");
    assert_eq!(run(&home, &mut syncer, "right"), 1, "only what was edited since goes over");
    home.assert_in_step();
    assert_eq!(home.read("right/folder 0/file 0").as_deref(), Some("edited since"));
    assert_eq!(home.read("left/folder 3/file 79").as_deref(), Some("content 79"));
    home.write("left/folder 3/file 79", "edited later");
    assert_eq!(run(&home, &mut syncer, "right"), 1);
    assert_eq!(home.read("right/folder 3/file 79").as_deref(), Some("edited later"));
}

#[test]
fn where_something_else_has_the_name_of_what_is_gone_it_waits_for_a_decision_and_ends() {
    for mode in [Mode::TwoWay, Mode::Mirror] {
        for choice in [Choice::LeftToRight, Choice::RightToLeft, Choice::KeepBoth] {
            let mut home = in_step(44);
            home.pair.mode = mode;
            for folder in [0, 1, 2] {
                fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
            }
            home.write("left/folder 1", "a file where the folder was");
            let mut syncer = home.open();
            let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
            bring_back(&mut syncer, &prepared, Side::Right);
            for _ in 0..2 {
                let told = syncer.database().conflicts().unwrap();
                let told: Vec<_> =
                    told.iter().map(|told| (told.conflict.path.to_string(), told.conflict.kind)).collect();
                assert_eq!(told, [("folder 1".to_owned(), ConflictKind::KindChanged)], "{mode:?} {choice:?}");
                assert_eq!(run(&home, &mut syncer, "right"), 0, "it waits, however often it is looked at");
            }
            let waits = syncer.database().conflicts().unwrap();
            syncer.database().choose_conflicts(&[waits[0].id], Some(choice)).unwrap();
            run(&home, &mut syncer, "right");
            let _ = run(&home, &mut syncer, "right");
            home.assert_in_step();
            assert_eq!(syncer.database().conflicts().unwrap(), []);
            let texts = |side: &str| -> Vec<String> {
                home.tree(side).into_iter().filter_map(|(_, content)| content).chain(home.bin(side)).collect()
            };
            for text in ["content 1", "content 41", "a file where the folder was"] {
                assert!(texts("left").iter().chain(&texts("right")).any(|found| found == text), "{text}");
            }
        }
    }
}

/// All files of a pair with other content on one side.
fn rewrite(home: &Home, side: &str, files: usize) {
    for number in 0..files {
        home.write(
            &format!("{side}/folder {}/file {number}", number % 4),
            &format!("{side}, rewritten {number}"),
        );
    }
}

#[test]
fn an_edit_of_what_is_still_to_become_as_it_was_goes_over_whether_it_is_back_already_or_not() {
    for mode in [Mode::TwoWay, Mode::Mirror, Mode::Update] {
        let mut home = in_step(80);
        home.pair.mode = mode;
        rewrite(&home, "left", 80);
        let mut syncer = home.open();
        let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
        let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
        cut_short(&mut syncer, &back, 40);
        let files = || (0..80).map(|number| format!("folder {}/file {number}", number % 4));
        let is_back =
            |name: &String| home.read(&format!("left/{name}")) == home.read(&format!("right/{name}"));
        let (here, still_owed): (Vec<_>, Vec<_>) = files().partition(is_back);
        assert!(!here.is_empty() && !still_owed.is_empty());
        for name in [&here[0], &still_owed[0]] {
            home.write(&format!("left/{name}"), "edited since");
        }
        assert_eq!(run(&home, &mut syncer, "right"), 2, "{mode:?}");
        for name in [&here[0], &still_owed[0]] {
            assert_eq!(home.read(&format!("right/{name}")).as_deref(), Some("edited since"), "{mode:?}");
        }
        home.assert_in_step();
        assert!(home.read(&format!("left/{}", still_owed[1])).unwrap().starts_with("content"), "{mode:?}");
    }
}

#[test]
fn the_side_that_the_rest_comes_from_is_asked_about_like_any() {
    let home = in_step(80);
    rewrite(&home, "left", 80);
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    cut_short(&mut syncer, &back, 20);
    rewrite(&home, "right", 80);
    halts(&mut syncer, BrakeKind::ManyRewritten, Side::Right);
}

#[test]
fn what_the_side_lost_that_the_other_becomes_like_is_a_question_of_its_own() {
    let home = in_step(120);
    for number in (0..120).filter(|number| number % 2 == 0) {
        home.write(&format!("left/folder {}/file {number}", number % 4), "rewritten");
    }
    for folder in [1, 3] {
        fs::remove_dir_all(home.path(&format!("right/folder {folder}"))).unwrap();
    }
    let mut syncer = home.open();
    let (prepared, _) = braked(&mut syncer);
    let back = syncer.bring_back_from(&prepared, Side::Right).unwrap();
    let pulled: Vec<_> = back.plan().brakes.iter().map(|brake| (brake.kind, brake.side)).collect();
    assert_eq!(pulled, [(BrakeKind::ManyRemoved, Side::Right)]);
    let asked = syncer.owe(&back).unwrap();
    bring_back(&mut syncer, &asked, Side::Left);
    home.assert_in_step();
    assert_eq!(home.read("left/folder 0/file 0").as_deref(), Some("content 0"));
    assert_eq!(home.read("right/folder 1/file 1").as_deref(), Some("content 1"));
}

#[test]
fn what_lies_in_a_folder_that_can_not_be_read_for_a_while_is_owed_still() {
    let home = in_step(80);
    drop(partly_back(&home, 45));
    let place = Mortal::open(&home.path("left"), Arc::new(AtomicU64::new(u64::MAX)), false);
    fs::create_dir_all(home.path("left/folder 2")).unwrap();
    *place.refused.lock().unwrap() = Some(("list", "folder 2".into()));
    let mut syncer = home.open_at(Side::Left, place);
    run(&home, &mut syncer, "right");
    drop(syncer);
    let mut syncer = home.open();
    assert_eq!(run(&home, &mut syncer, "right"), 0, "nothing goes for that");
    home.assert_in_step();
    assert_eq!(home.read("left/folder 2/file 78").as_deref(), Some("content 78"));
}

#[test]
fn what_a_mirror_was_to_get_back_and_nobody_knew_is_not_removed_before_it_came() {
    let mut home = in_step(44);
    home.pair.mode = Mode::Mirror;
    for folder in [0, 1] {
        fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    }
    home.write("right/folder 2/new", "new on the right");
    let place = Mortal::open(&home.path("left"), Arc::new(AtomicU64::new(u64::MAX)), false);
    *place.refused.lock().unwrap() = Some(("publish", "folder 2/new".into()));
    let mut syncer = home.open_at(Side::Left, place);
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    bring_back(&mut syncer, &prepared, Side::Right);
    assert_eq!(home.read("left/folder 2/new"), None);
    drop(syncer);
    let mut syncer = home.open();
    assert_eq!(run(&home, &mut syncer, "right"), 0);
    home.assert_in_step();
    assert_eq!(home.read("left/folder 2/new").as_deref(), Some("new on the right"));
    // And no longer than until then.
    fs::remove_file(home.path("left/folder 2/new")).unwrap();
    run(&home, &mut syncer, "right");
    home.write("right/folder 2/new", "once more");
    assert_eq!(run(&home, &mut syncer, "right"), 1, "an exact copy again");
}

#[test]
fn an_answer_is_also_about_what_can_not_be_read_at_that_moment() {
    let home = in_step(80);
    for folder in [0, 1, 2] {
        fs::remove_dir_all(home.path(&format!("left/folder {folder}"))).unwrap();
    }
    let place = Mortal::open(&home.path("right"), Arc::new(AtomicU64::new(u64::MAX)), false);
    *place.refused.lock().unwrap() = Some(("list", "folder 2".into()));
    let mut syncer = home.open_at(Side::Right, place);
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    bring_back(&mut syncer, &prepared, Side::Right);
    assert_eq!(home.read("left/folder 2/file 78"), None);
    drop(syncer);
    let mut syncer = home.open();
    assert_eq!(run(&home, &mut syncer, "right"), 0, "too few for a brake");
    home.assert_in_step();
    assert_eq!(home.read("left/folder 2/file 78").as_deref(), Some("content 78"));
}
