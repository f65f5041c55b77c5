//! The brakes on real folders: each halts, says which side looks wrong, and has both answers: bring back from the other
//! side, and go on.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

#[path = "common/braked.rs"]
mod common;

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use common::{apply, braked, bring_back, halts, in_step, set_time};
use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{Mode, Prepared, Side, SyncError, Syncer};

/// The answer "go on".
#[track_caller]
fn go_on(syncer: &mut Syncer, prepared: &Prepared, kind: BrakeKind) {
    let released = syncer.release(prepared, &[kind]).unwrap();
    assert_eq!(released.plan().brakes, []);
    apply(syncer, &released, 201).unwrap();
}

fn time_of(home: &Home, name: &str) -> SystemTime {
    fs::metadata(home.path(name)).unwrap().modified().unwrap()
}

fn files(home: &Home, side: &str) -> Vec<String> {
    home.tree(side).into_iter().filter_map(|(name, content)| content.map(|_| name)).collect()
}

#[test]
fn a_rule_taken_out_of_the_shared_file_halts_before_anything_goes_because_of_it() {
    let mut home = Home::new();
    for name in ["kept", "scratch.tmp", "other.tmp"] {
        home.write(&format!("left/{name}"), name);
    }
    home.run();
    home.write("left/.keepwell/rules", "*.tmp\n");
    home.run();
    assert_eq!(home.read("right/.keepwell/rules").as_deref(), Some("*.tmp\n"));
    // While it is left out it may go on one side, and no other day of the pair is held up.
    fs::remove_file(home.path("left/scratch.tmp")).unwrap();
    fs::remove_file(home.path("left/kept")).unwrap();
    home.run();
    assert!(!home.path("right/kept").exists() && home.path("right/scratch.tmp").exists());

    for side in ["left", "right"] {
        home.write(&format!("{side}/.keepwell/rules"), "# nothing is left out any more\n");
    }
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::RulesChanged, Side::Left);
    assert_eq!((brake.items, brake.examples[0].to_string()), (1, "scratch.tmp".to_owned()));
    bring_back(&mut syncer, &prepared, Side::Right);
    assert_eq!(home.read("left/scratch.tmp").as_deref(), Some("scratch.tmp"));
    drop(syncer);

    // Once it is answered it is no change any more.
    fs::remove_file(home.path("left/other.tmp")).unwrap();
    home.run();
    assert!(!home.path("right/other.tmp").exists());
}

#[test]
fn a_rule_taken_out_on_one_side_alone_halts_when_it_counts() {
    let mut home = Home::new();
    home.write("left/scratch.tmp", "scratch");
    home.write("left/.keepwell/rules", "*.tmp\n*.bak\n");
    home.write("right/.keepwell/rules", "*.bak\n");
    home.write("right/scratch.tmp", "scratch");
    home.write("right/.keepwell/rules", "*.tmp\n*.bak\n");
    home.run();
    // It was agreed on before the rule was made.
    home.write("left/.keepwell/rules", "*.bak\n");
    home.run();
    home.run();
    home.assert_in_step();
    home.write("right/.keepwell/rules", "*.bak\n*.tmp\n");
    home.run();
    home.run();
    fs::remove_file(home.path("right/scratch.tmp")).unwrap();
    home.run();
    assert!(home.path("left/scratch.tmp").exists(), "it is left out");
    home.write("left/.keepwell/rules", "*.bak\n");
    // The right still leaves it out, and both count: now only the new text goes across.
    home.run();
    assert!(home.path("left/scratch.tmp").exists());
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::RulesChanged, Side::Right);
    assert_eq!(brake.items, 1);
    go_on(&mut syncer, &prepared, BrakeKind::RulesChanged);
    assert!(!home.path("left/scratch.tmp").exists());
    assert_eq!(home.bin("left").iter().filter(|text| *text == "scratch").count(), 1);
}

#[test]
fn a_root_that_is_suddenly_empty_halts() {
    let home = in_step(12);
    let before = home.tree("right");
    for number in 0..4 {
        fs::remove_dir_all(home.path(&format!("left/folder {number}"))).unwrap();
    }
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::RootEmptied, Side::Left);
    assert_eq!((brake.items, brake.out_of), (16, 16));
    bring_back(&mut syncer, &prepared, Side::Right);
    assert_eq!((home.tree("left"), home.tree("right")), (before.clone(), before));

    for number in 0..4 {
        fs::remove_dir_all(home.path(&format!("right/folder {number}"))).unwrap();
    }
    let (prepared, _) = halts(&mut syncer, BrakeKind::RootEmptied, Side::Right);
    go_on(&mut syncer, &prepared, BrakeKind::RootEmptied);
    assert_eq!(home.tree("left"), []);
    assert_eq!(home.bin("left").len(), 12);
}

#[test]
fn more_removals_than_usual_halt_but_moves_are_none() {
    let home = in_step(40);
    fs::create_dir(home.path("left/all")).unwrap();
    for name in files(&home, "left") {
        let number = name.rsplit(' ').next().unwrap();
        fs::rename(home.path(&format!("left/{name}")), home.path(&format!("left/all/{number}"))).unwrap();
    }
    let mut syncer = home.open();
    let (prepared, brakes) = braked(&mut syncer);
    assert_eq!(brakes, []);
    apply(&mut syncer, &prepared, 1).unwrap();
    home.assert_in_step();

    for number in 0..30 {
        fs::remove_file(home.path(&format!("left/all/{number}"))).unwrap();
    }
    let (prepared, brake) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    assert_eq!((brake.items, brake.examples.len()), (30, 5));
    bring_back(&mut syncer, &prepared, Side::Right);
    assert_eq!(files(&home, "left").len(), 40);
    home.assert_in_step();

    for number in 0..30 {
        fs::remove_file(home.path(&format!("left/all/{number}"))).unwrap();
    }
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    go_on(&mut syncer, &prepared, BrakeKind::ManyRemoved);
    assert_eq!((files(&home, "right").len(), home.bin("right").len()), (10, 30));
}

#[test]
fn files_that_are_all_written_anew_halt_as_if_something_encrypted_them() {
    let home = in_step(60);
    let encrypt = |text: &str| {
        for name in files(&home, "left") {
            home.write(&format!("left/{name}"), &format!("{text} {name}"));
        }
    };
    encrypt("not to be read any more");
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    assert_eq!((brake.items, brake.out_of), (60, 60));
    bring_back(&mut syncer, &prepared, Side::Right);
    home.assert_in_step();
    assert_eq!(home.read("left/folder 1/file 1").as_deref(), Some("content 1"));
    assert_eq!(home.bin("left").len(), 60, "what was written is kept too");

    encrypt("converted on purpose");
    let (prepared, _) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    go_on(&mut syncer, &prepared, BrakeKind::ManyRewritten);
    home.assert_in_step();
    assert!(home.bin("right").contains(&"content 1".to_owned()));
}

#[test]
fn times_that_all_changed_halt_and_both_answers_set_them_right() {
    let home = in_step(60);
    let touch = |seconds: u64| {
        for name in files(&home, "right") {
            set_time(&home, &format!("right/{name}"), seconds);
        }
    };
    touch(1_700_000_000);
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::AllTimesChanged, Side::Right);
    assert_eq!(brake.items, 60);
    bring_back(&mut syncer, &prepared, Side::Left);
    let name = "folder 3/file 7";
    let before = UNIX_EPOCH + Duration::from_secs(1_600_000_007);
    assert_eq!(time_of(&home, &format!("right/{name}")), before);

    touch(1_700_000_001);
    let (prepared, _) = halts(&mut syncer, BrakeKind::AllTimesChanged, Side::Right);
    go_on(&mut syncer, &prepared, BrakeKind::AllTimesChanged);
    assert_eq!(time_of(&home, &format!("left/{name}")), before + Duration::from_secs(100_000_001 - 7));
    assert_eq!((home.bin("left"), home.bin("right")), (vec![], vec![]), "no content was touched");
    assert!(syncer.prepare(None, false, &Control::new()).unwrap().plan().is_empty());
}

#[test]
fn a_side_that_was_restored_from_an_old_copy_halts() {
    let mut home = in_step(30);
    for number in 0..15 {
        home.write(&format!("left/folder {}/file {number}", number % 4), &format!("work of today {number}"));
    }
    home.run();
    // Somebody puts the disk of last month back.
    for number in 0..15 {
        let name = format!("right/folder {}/file {number}", number % 4);
        home.write(&name, &format!("content {number}"));
        set_time(&home, &name, 1_600_000_000 + number);
    }
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::OldCopy, Side::Right);
    assert_eq!((brake.items, brake.out_of), (15, 15));
    bring_back(&mut syncer, &prepared, Side::Left);
    home.assert_in_step();
    assert_eq!(home.read("right/folder 2/file 2").as_deref(), Some("work of today 2"));
}

#[test]
fn changes_that_do_not_fit_halt_before_the_first_is_written() {
    let mut home = in_step(4);
    home.pair.brakes.reserve_bytes = u64::MAX / 2;
    home.write("left/large", "much too large");
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::NoSpace, Side::Right);
    let reserve_bytes = home.pair.brakes.reserve_bytes;
    assert_eq!((brake.items - reserve_bytes, brake.examples[0].to_string()), (14, "large".to_owned()));
    assert!(brake.out_of > 0, "the free space is told");
    assert!(!home.path("right/large").exists());
    go_on(&mut syncer, &prepared, BrakeKind::NoSpace);
    home.assert_in_step();
    // What writes nothing needs no space.
    fs::remove_file(home.path("left/large")).unwrap();
    let (prepared, brakes) = braked(&mut syncer);
    assert_eq!(brakes, []);
    apply(&mut syncer, &prepared, 3).unwrap();
}

#[test]
fn another_folder_at_the_path_halts_and_both_answers_hold() {
    let home = in_step(8);
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    home.write("right/not ours", "of somebody else");
    let mut syncer = home.open();
    let (prepared, brakes) = braked(&mut syncer);
    assert_eq!(
        brakes.iter().map(|brake| (brake.kind, brake.side)).collect::<Vec<_>>(),
        [(BrakeKind::AnotherPlace, Side::Right), (BrakeKind::ManyRemoved, Side::Right)]
    );
    // That it is the right place is not yet that what it lacks may go.
    let released = syncer.release(&prepared, &[BrakeKind::AnotherPlace]).unwrap();
    assert!(matches!(apply(&mut syncer, &released, 200), Err(SyncError::Braked)));
    drop(syncer);

    // The right disk is plugged in again: nothing happened to it, nothing is asked.
    fs::rename(home.path("right"), home.path("another")).unwrap();
    fs::rename(home.path("unplugged"), home.path("right")).unwrap();
    let mut syncer = home.open();
    assert!(syncer.prepare(None, false, &Control::new()).unwrap().plan().is_empty());
    drop((syncer, prepared));

    fs::rename(home.path("another"), home.path("swap")).unwrap();
    fs::rename(home.path("right"), home.path("another")).unwrap();
    fs::rename(home.path("swap"), home.path("right")).unwrap();
    let mut syncer = home.open();
    let (prepared, brakes) = braked(&mut syncer);
    let brake = &brakes[0];
    assert_eq!((brake.items, brake.out_of, brake.examples[0].to_string()), (1, 12, "not ours".to_owned()));
    bring_back(&mut syncer, &prepared, Side::Left);
    home.assert_in_step();
    assert_eq!(files(&home, "right").len(), 9, "what is only there is new");
    assert_eq!((home.bin("left"), home.bin("right")), (vec![], vec![]));
    // From now on this is the place.
    assert_eq!(braked(&mut syncer).1, []);
}

/// What both had may be gone since: its bin is on the place that was there.
#[test]
fn another_folder_at_the_path_halts_also_when_nothing_is_left_of_what_was_agreed_on() {
    let mut home = Home::new();
    home.write("left/file", "1");
    home.run();
    fs::remove_file(home.path("left/file")).unwrap();
    fs::remove_file(home.path("right/file")).unwrap();
    let mut syncer = home.open();
    let (prepared, _) = braked(&mut syncer);
    go_on(&mut syncer, &prepared, BrakeKind::RootEmptied);
    assert!(syncer.base().is_empty());
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    home.write("left/new", "2");
    drop(syncer);
    let mut syncer = home.open();
    let (prepared, _) = halts(&mut syncer, BrakeKind::AnotherPlace, Side::Right);
    assert_eq!(files(&home, "right").len(), 0);
    go_on(&mut syncer, &prepared, BrakeKind::AnotherPlace);
    assert_eq!(home.read("right/new").as_deref(), Some("2"));
}

#[test]
fn until_something_is_agreed_on_any_place_will_do() {
    let mut home = Home::new();
    home.run();
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    home.write("right/file", "1");
    home.run();
    home.assert_in_step();
    assert_eq!(home.read("left/file").as_deref(), Some("1"));
}

#[test]
fn a_root_that_is_gone_is_never_an_empty_one() {
    let mut home = in_step(8);
    let mut syncer = home.open();
    fs::rename(home.path("right"), home.path("elsewhere")).unwrap();
    let gone = syncer.prepare(None, false, &Control::new());
    assert!(matches!(gone, Err(SyncError::Place { side: Side::Right, .. })), "{gone:?}");
    drop(syncer);
    assert_eq!(files(&home, "left").len(), 8);
    fs::rename(home.path("elsewhere"), home.path("right")).unwrap();
    let (report, _) = home.run();
    assert_eq!(report, Default::default());
}

/// The left of a pair in step, replaced by a folder that has one file as it was, an old version of one, another version of
/// one, another kind of one, and one of its own.
fn replaced(mode: Mode) -> (Home, Syncer, Prepared) {
    let mut home = in_step(60);
    home.pair.mode = mode;
    home.write("right/folder 0/file 4", "edited since");
    fs::rename(home.path("left"), home.path("broken")).unwrap();
    home.write("left/folder 0/file 0", "content 0");
    home.write("left/folder 0/file 4", "content 4");
    home.write("left/folder 0/file 8", "of another time");
    home.write("left/folder 0/file 12/below", "where a file was");
    home.write("left/folder 1/own", "only here");
    let mut syncer = home.open();
    let (prepared, brakes) = braked(&mut syncer);
    assert!(brakes.iter().any(|brake| (brake.kind, brake.side) == (BrakeKind::AnotherPlace, Side::Left)));
    (home, syncer, prepared)
}

#[test]
fn a_place_that_was_replaced_is_filled_again_and_nothing_goes_by_it() {
    let (mut home, mut syncer, prepared) = replaced(Mode::TwoWay);
    let before = files(&home, "right");
    bring_back(&mut syncer, &prepared, Side::Right);
    drop(syncer);
    home.assert_in_step();
    let after = files(&home, "right");
    let lost: Vec<_> = before.iter().filter(|name| !after.contains(name)).collect();
    assert_eq!(lost, Vec::<&String>::new());
    assert_eq!(home.read("right/folder 1/own").as_deref(), Some("only here"));
    assert_eq!(home.read("left/folder 0/file 4").as_deref(), Some("edited since"));
    assert_eq!(home.read("left/folder 0/file 8").as_deref(), Some("content 8"));
    assert_eq!(home.read("left/folder 0/file 12").as_deref(), Some("content 12"));
    for content in ["of another time", "where a file was"] {
        let kept =
            home.tree("right").into_iter().filter(|(_, text)| text.as_deref() == Some(content)).count();
        assert_eq!(kept, 1, "{content}: {after:?}");
    }
    assert_eq!(home.bin("right"), Vec::<String>::new());
    assert_eq!(home.bin("left"), ["content 4"], "only the old version of what was edited since");
    // It is the place now, and both agree.
    assert_eq!(home.run().0, Default::default());
}

#[test]
fn a_source_that_was_replaced_is_filled_again_from_its_mirror() {
    let (mut home, mut syncer, prepared) = replaced(Mode::Mirror);
    let before = home.tree("right");
    bring_back(&mut syncer, &prepared, Side::Right);
    let after = home.tree("right");
    assert!(
        before.iter().all(|item| after.contains(item)),
        "bringing back from the mirror took something from it"
    );
    assert_eq!(home.read("left/folder 3/file 7").as_deref(), Some("content 7"));
    assert_eq!(home.read("left/folder 1/own").as_deref(), Some("only here"));
    assert_eq!(home.read("left/folder 0/file 8").as_deref(), Some("content 8"));
    assert_eq!(home.read("left/folder 0/file 12").as_deref(), Some("content 12"));
    assert!(home.bin("left").contains(&"of another time".to_owned()));
    drop(syncer);
    // Then the mode holds again, and nothing is left to do.
    assert_eq!(home.run().0, Default::default());
    home.assert_in_step();
    assert_eq!(home.read("right/folder 1/own").as_deref(), Some("only here"));
}

#[test]
fn a_small_pair_halts_when_more_than_half_of_it_is_gone() {
    let mut home = in_step(26);
    let remove = |home: &Home, numbers: std::ops::Range<usize>| {
        for number in numbers {
            fs::remove_file(home.path(&format!("left/folder {}/file {number}", number % 4))).unwrap();
        }
    };
    remove(&home, 0..15);
    home.run();
    home.assert_in_step();
    // 15 items are left, four of them folders; an hour later what went before counts no more.
    home.time.fetch_add(3600, std::sync::atomic::Ordering::Relaxed);
    remove(&home, 15..22);
    home.run();
    let mut home = in_step(26);
    remove(&home, 0..25);
    let mut syncer = home.open();
    let (_, brake) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    assert_eq!((brake.items, brake.out_of), (25, 30));
    drop(syncer);
    // Whoever chose other numbers has these.
    home.pair.brakes.removed_items = 26;
    home.run();
    assert_eq!(files(&home, "right").len(), 1);
}

#[test]
fn a_small_pair_halts_when_nearly_all_of_it_is_written_anew() {
    let mut home = in_step(50);
    let rewrite = |home: &Home, count: usize, text: &str| {
        for number in 0..count {
            home.write(&format!("left/folder {}/file {number}", number % 4), &format!("{text} {number}"));
        }
    };
    rewrite(&home, 37, "a day's work");
    home.run();
    rewrite(&home, 50, "encrypted");
    let mut syncer = home.open();
    let (_, brake) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    assert_eq!((brake.items, brake.out_of), (50, 50));
    drop(syncer);
    home.pair.brakes.rewritten_percent = 41;
    home.run();
    home.assert_in_step();
}

#[test]
fn what_a_person_removed_is_no_matter_of_the_rules_that_changed() {
    let mut home = in_step(40);
    home.run();
    home.pair.rules.patterns = vec!["file 3*".into()];
    for number in 0..9 {
        fs::remove_file(home.path(&format!("left/folder {}/file 1{number}", (10 + number) % 4))).unwrap();
    }
    home.run();
    assert!(home.path("right/folder 1/file 33").exists(), "what is left out went");
    assert_eq!(home.bin("right").len(), 9);
    // What was left out meanwhile, and is gone now that it counts again, does go by the rules.
    for number in 0..3 {
        fs::remove_file(home.path(&format!("left/folder {}/file 3{number}", (30 + number) % 4))).unwrap();
    }
    fs::remove_file(home.path("left/folder 0/file 4")).unwrap();
    home.pair.rules.patterns = Vec::new();
    let mut syncer = home.open();
    let (_, brake) = halts(&mut syncer, BrakeKind::RulesChanged, Side::Left);
    assert_eq!((brake.items, brake.examples.len()), (3, 3));
    assert!(brake.examples.iter().all(|path| path.to_string().contains("file 3")), "{:?}", brake.examples);
}

#[test]
fn where_the_mode_removes_nothing_an_empty_side_holds_nothing_up() {
    for (mode, side) in [(Mode::Update, "left"), (Mode::Update, "right"), (Mode::Mirror, "right")] {
        let mut home = in_step(30);
        home.pair.mode = mode;
        let other = if side == "left" { "right" } else { "left" };
        let before = home.tree(other);
        for number in 0..4 {
            fs::remove_dir_all(home.path(&format!("{side}/folder {number}"))).unwrap();
        }
        home.run();
        assert_eq!(home.tree(other), before);
        assert_eq!(home.bin(other), Vec::<String>::new());
    }
    let mut home = in_step(30);
    home.pair.mode = Mode::Mirror;
    for number in 0..4 {
        fs::remove_dir_all(home.path(&format!("left/folder {number}"))).unwrap();
    }
    halts(&mut home.open(), BrakeKind::RootEmptied, Side::Left);
}
/// Takes this many files away, from a number on.
fn remove(home: &Home, from: usize, files: usize) {
    for number in from..from + files {
        fs::remove_file(home.path(&format!("left/folder {}/file {number}", number % 4))).unwrap();
    }
}

#[test]
fn removals_of_several_runs_count_together_until_a_person_answered() {
    let mut home = in_step(60);
    remove(&home, 0, 12);
    home.run();
    remove(&home, 12, 12);
    home.run();
    remove(&home, 24, 2);
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::ManyRemoved, Side::Left);
    assert_eq!((brake.items, brake.out_of, brake.earlier.map(|earlier| earlier.items)), (26, 64, Some(24)));
    assert_eq!(files(&home, "right").len(), 36);
    go_on(&mut syncer, &prepared, BrakeKind::ManyRemoved);
    drop(syncer);
    remove(&home, 26, 3);
    home.run();
    home.assert_in_step();
    // It counts anew from there.
    remove(&home, 29, 23);
    halts(&mut home.open(), BrakeKind::ManyRemoved, Side::Left);
}

#[test]
fn what_was_undone_is_long_ago_or_was_never_agreed_on_for_long_does_not_count_again() {
    let mut home = in_step(60);
    remove(&home, 0, 24);
    home.run();
    let mut syncer = home.open();
    let last = syncer.database().runs(0, 1).unwrap()[0].id;
    syncer.undo(last, JobId([150; 16]), &Control::new(), &mut |_| {}).unwrap();
    drop(syncer);
    home.run();
    assert_eq!(files(&home, "left").len(), 60, "the next run carries it over");
    remove(&home, 0, 12);
    home.run();
    home.time.fetch_add(31 * 60, std::sync::atomic::Ordering::Relaxed);
    remove(&home, 12, 14);
    home.run();
    // A program makes files and removes them again, all the time.
    for number in 0..40 {
        let name = format!("left/lock {number}");
        home.write(&name, "");
        let now = home.time.load(std::sync::atomic::Ordering::Relaxed);
        set_time(&home, &name, u64::try_from(now).unwrap());
        home.run();
        fs::remove_file(home.path(&name)).unwrap();
        home.run();
    }
    home.assert_in_step();
}

#[test]
fn files_that_are_rewritten_in_several_runs_count_once_each() {
    let mut home = in_step(100);
    let rewrite = |home: &Home, from: usize, files: usize, text: &str| {
        for number in from..from + files {
            home.write(&format!("left/folder {}/file {number}", number % 4), &format!("{text} {number}"));
        }
    };
    for round in 0..5 {
        rewrite(&home, 0, 40, &format!("draft, round {round}"));
        home.run();
    }
    rewrite(&home, 30, 21, "not to be read any more");
    let mut syncer = home.open();
    let (prepared, brake) = halts(&mut syncer, BrakeKind::ManyRewritten, Side::Left);
    assert_eq!((brake.items, brake.out_of, brake.earlier.map(|earlier| earlier.items)), (51, 100, Some(30)));
    assert_eq!(home.read("right/folder 2/file 50").as_deref(), Some("content 50"));
    go_on(&mut syncer, &prepared, BrakeKind::ManyRewritten);
    drop(syncer);
    rewrite(&home, 60, 5, "a little more");
    home.run();
    home.assert_in_step();
}
