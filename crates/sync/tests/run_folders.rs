//! Runs of a pair of real folders: what a person sees on both sides afterwards.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;

use home::Home;
use keepwell_endpoint::tree::STEP_PREFIX;
use keepwell_model::{Control, JobId, Timestamp};
use keepwell_sync::run_types::RunState;
use keepwell_sync::{
    Choice, ConflictPolicy, Limits, PairDatabase, PlanFilter, Side, SyncError, SyncReport, Syncer,
    SyncerOptions,
};

#[test]
fn what_is_on_either_side_reaches_the_other_and_a_second_run_does_nothing() {
    let mut home = Home::new();
    home.write("left/a/b/one.txt", "one");
    home.write("left/empty.txt", "");
    fs::create_dir_all(home.path("left/folder/inside")).unwrap();
    home.write("right/two.txt", "two");
    home.write("left/same.txt", "same on both");
    home.write("right/same.txt", "same on both");
    #[cfg(unix)]
    std::os::unix::fs::symlink("a/b/one.txt", home.path("left/link")).unwrap();

    let (report, done) = home.run();
    home.assert_in_step();
    assert_eq!(home.read("right/a/b/one.txt").as_deref(), Some("one"));
    assert_eq!(home.read("left/two.txt").as_deref(), Some("two"));
    assert_eq!(report.left.created, 1);
    assert_eq!(report.conflicts, 0);
    assert_eq!(
        done.len() as u64,
        report.left.created + report.right.created + report.left.metadata + report.right.metadata
    );

    let (report, done) = home.run();
    assert_eq!((report, done.len()), (SyncReport::default(), 0));
}

#[test]
fn a_large_file_with_holes_and_many_small_ones_arrive_whole() {
    let mut home = Home::new();
    let mut large: Vec<u8> = (0..3_000_000_u32).map(|number| (number / 7) as u8).collect();
    large[500_000..1_500_000].fill(0);
    fs::write(home.path("left/large"), &large).unwrap();
    for number in 0..300 {
        home.write(&format!("left/folder-{}/file-{number}", number % 7), &format!("content {number}"));
    }
    home.run();
    assert_eq!(fs::read(home.path("right/large")).unwrap(), large);
    assert_eq!(fs::read_dir(home.path("right/folder-3")).unwrap().count(), 43);

    large[2_000_000] ^= 1;
    fs::write(home.path("left/large"), &large).unwrap();
    let (report, _) = home.run();
    assert_eq!(fs::read(home.path("right/large")).unwrap(), large);
    assert_eq!(report.right.replaced, 1);
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn what_is_replaced_or_removed_lies_in_the_bin_of_its_side() {
    let mut home = Home::new();
    home.write("left/edited.txt", "old");
    home.write("left/gone/away.txt", "away");
    home.write("left/stays.txt", "stays");
    home.run();

    home.write("left/edited.txt", "the new one");
    fs::remove_dir_all(home.path("right/gone")).unwrap();
    let (report, _) = home.run();
    home.assert_in_step();
    assert_eq!(home.read("right/edited.txt").as_deref(), Some("the new one"));
    assert!(!home.path("left/gone").exists());
    assert_eq!(home.bin("right"), ["old"]);
    assert_eq!(home.bin("left"), ["away"]);
    assert_eq!((report.right.replaced, report.left.removed), (1, 2));

    let syncer = home.open();
    let items = syncer.database().bin_items(0, 10).unwrap();
    let files: Vec<_> = items
        .iter()
        .filter(|item| item.size_bytes > 0)
        .map(|item| (item.side, item.path.to_string(), item.is_replaced))
        .collect();
    assert!(files.contains(&(Side::Right, "edited.txt".into(), true)), "{files:?}");
    assert!(files.contains(&(Side::Left, "gone/away.txt".into(), false)), "{files:?}");
    let runs = syncer.database().runs(0, 10).unwrap();
    assert_eq!(runs.len(), 2);
    assert!(runs.iter().all(|run| run.state == RunState::Done && run.finished.is_some()));
    let journal = syncer.database().journal(runs[0].id, 0, 10).unwrap();
    assert_eq!(journal.len(), 3);
}

#[test]
fn a_conflict_waits_for_a_person_and_the_next_run_does_what_was_said() {
    let mut home = Home::new();
    home.write("left/both.txt", "base");
    home.run();
    home.write("left/both.txt", "from the laptop");
    home.write("right/both.txt", "from the other disk");
    let (report, _) = home.run();
    assert_eq!(report.conflicts, 1);
    assert_eq!(home.read("left/both.txt").as_deref(), Some("from the laptop"));
    assert_eq!(home.read("right/both.txt").as_deref(), Some("from the other disk"));

    let mut syncer = home.open();
    let waiting = syncer.database().conflicts().unwrap();
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0].conflict.path.to_string(), "both.txt");
    syncer.database().choose_conflicts(&[waiting[0].id], Some(Choice::RightToLeft)).unwrap();
    let (report, _) = home.run_with(&mut syncer).unwrap();
    assert_eq!((report.conflicts, report.left.replaced), (0, 1));
    assert_eq!(home.read("left/both.txt").as_deref(), Some("from the other disk"));
    assert_eq!(home.bin("left"), ["from the laptop"]);
    assert_eq!(syncer.database().conflicts().unwrap(), []);
    assert_eq!(home.run_with(&mut syncer).unwrap().0, SyncReport::default());
}

#[test]
fn a_choice_does_not_outlive_the_versions_it_was_made_for() {
    let mut home = Home::new();
    home.write("left/both.txt", "base");
    home.run();
    home.write("left/both.txt", "from the laptop");
    home.write("right/both.txt", "from the other disk");
    let mut syncer = home.open();
    home.run_with(&mut syncer).unwrap();
    let waiting = syncer.database().conflicts().unwrap();
    syncer.database().choose_conflicts(&[waiting[0].id], Some(Choice::RightToLeft)).unwrap();
    home.write("left/both.txt", "more work on the laptop");
    let (report, _) = home.run_with(&mut syncer).unwrap();
    assert_eq!(report.conflicts, 1);
    assert_eq!(home.read("left/both.txt").as_deref(), Some("more work on the laptop"));
    assert_eq!(syncer.database().conflicts().unwrap()[0].choice, None);
}

#[test]
fn keeping_both_leaves_both_on_both_sides() {
    let mut home = Home::new();
    home.pair.conflicts = ConflictPolicy::KeepBoth;
    home.write("left/both.txt", "base");
    home.run();
    home.write("left/both.txt", "from the laptop");
    home.write("right/both.txt", "from the other disk");
    home.run();
    home.assert_in_step();
    let mut contents: Vec<_> = home.tree("left").into_iter().filter_map(|(_, content)| content).collect();
    contents.sort();
    assert_eq!(contents, ["from the laptop", "from the other disk"]);
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn both_that_got_the_same_name_at_once_are_kept() {
    let mut home = Home::new();
    home.pair.conflicts = ConflictPolicy::KeepBoth;
    home.write("left/folder/new.txt", "new here");
    home.write("right/folder/new.txt", "and there too");
    home.run();
    home.assert_in_step();
    let mut contents: Vec<_> = home.tree("left").into_iter().filter_map(|(_, content)| content).collect();
    contents.sort();
    assert_eq!(contents, ["and there too", "new here"]);
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn a_plan_is_shown_row_by_row_and_a_skipped_row_is_not_done() {
    let home = Home::new();
    home.write("left/take.txt", "take");
    home.write("left/leave.txt", "leave");
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, true, &control).unwrap();
    let page = syncer.database().plan_page(&PlanFilter::default(), 0, 100).unwrap();
    assert_eq!((page.total, page.rows.len()), (2, 2));
    let filter = PlanFilter { text: "LEAVE".into(), ..PlanFilter::default() };
    let leave = syncer.database().plan_page(&filter, 0, 100).unwrap().rows.remove(0);
    assert_eq!(leave.path.to_string(), "leave.txt");
    assert!(home.tree("right").is_empty(), "a preview changes nothing");

    let prepared = syncer.choose(&prepared, [(leave.node, Choice::Skip)].into()).unwrap();
    syncer.apply(&prepared, JobId([1; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(home.tree("right"), [("take.txt".into(), Some("take".into()))]);
    let again = syncer.apply(&prepared, JobId([2; 16]), &control, &Limits::default(), &mut |_| {});
    assert!(matches!(again, Err(SyncError::Outdated)), "{again:?}");
}

/// Row after row from the top, as a person does who goes down the list: each plan begins its numbers anew.
#[test]
fn rows_that_are_left_out_one_after_the_other_stay_to_be_seen_in_their_order() {
    let home = Home::new();
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        home.write(&format!("left/{name}"), name);
    }
    let mut syncer = home.open();
    let mut prepared = syncer.prepare(None, true, &Control::new()).unwrap();
    let rows = |syncer: &Syncer| syncer.database().plan_page(&PlanFilter::default(), 0, 100).unwrap().rows;
    let mut choices = BTreeMap::new();
    for number in 0..names.len() {
        let open = rows(&syncer).into_iter().find(|row| row.choice.is_none()).unwrap();
        choices.insert(open.node, Choice::Skip);
        prepared = syncer.choose(&prepared, choices.clone()).unwrap();
        let shown = rows(&syncer);
        assert_eq!(shown.len(), names.len());
        assert_eq!(shown.iter().filter(|row| row.choice == Some(Choice::Skip)).count(), number + 1);
    }
    assert!(prepared.plan().operations.is_empty());
    choices.clear();
    syncer.choose(&prepared, choices).unwrap();
    assert!(rows(&syncer).iter().all(|row| row.choice.is_none() && row.number >= 0));
}

#[test]
fn a_new_folder_is_one_row_of_the_plan_and_its_attributes_go_with_it() {
    let mut home = Home::new();
    home.pair.attributes = true;
    home.write("left/take/one.txt", "one");
    home.write("left/leave/two.txt", "two");
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, true, &control).unwrap();
    let plan = prepared.plan();
    let finishing = plan.operations.iter().filter(|row| row.finishes_new_folder()).count();
    let can_keep = Side::BOTH.iter().all(|side| syncer.tree(*side).capabilities().extended_attributes);
    assert_eq!(
        finishing,
        if can_keep { 2 } else { 0 },
        "the attributes of a folder come after what is in it"
    );
    assert_eq!((plan.changes(), plan.right.created, plan.right.metadata), (4, 4, 0));
    let rows = syncer.database().plan_page(&PlanFilter::default(), 0, 100).unwrap();
    let mut shown: Vec<String> = rows.rows.iter().map(|row| row.path.to_string()).collect();
    shown.sort();
    assert_eq!(
        (rows.total, shown),
        (4, ["leave", "leave/two.txt", "take", "take/one.txt"].map(String::from).into())
    );

    // What is said to the folder is said to both halves of it.
    let leave = rows.rows.iter().find(|row| row.path.to_string() == "leave").unwrap();
    let prepared = syncer.choose(&prepared, [(leave.node, Choice::Skip)].into()).unwrap();
    assert!(prepared.plan().operations.iter().all(|row| row.node != leave.node));
    let report = syncer.apply(&prepared, JobId([1; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!((report.right.created, report.right.metadata, report.failed), (2, 0, 0));
    assert_eq!(home.tree("right"), [("take".into(), None), ("take/one.txt".into(), Some("one".into()))]);
}

/// One conflict of both sides' versions of a name, kept both: the version that was said to keep the name has it.
fn keep_both_of(left: (&str, i64), right: (&str, i64)) -> Side {
    let mut home = Home::new();
    for (side, (content, seconds)) in [("left", left), ("right", right)] {
        let path = format!("{side}/letter.txt");
        home.write(&path, content);
        let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds.unsigned_abs());
        fs::File::options().write(true).open(home.path(&path)).unwrap().set_modified(time).unwrap();
    }
    home.run();
    let syncer = home.open();
    let stored = syncer.database().conflicts().unwrap().remove(0);
    let kept = stored.conflict.keeps_name.unwrap();
    syncer.database().choose_conflicts(&[stored.id], Some(Choice::KeepBoth)).unwrap();
    drop(syncer);
    home.run();
    home.assert_in_step();
    assert_eq!(home.tree("left").len(), 2, "both are there");
    let content = if kept == Side::Left { left.0 } else { right.0 };
    assert_eq!(home.read("left/letter.txt").as_deref(), Some(content));
    kept
}

#[test]
fn the_version_that_keeps_the_name_is_known_before_both_are_kept() {
    let (early, late) = (1_700_000_000, 1_700_000_900);
    assert_eq!(keep_both_of(("mine", late), ("theirs, longer", early)), Side::Left);
    assert_eq!(keep_both_of(("mine", early), ("theirs, longer", late)), Side::Right);
    // Where the times do not tell it is one that both sides find alike, whichever is called left.
    let kept = keep_both_of(("mine", early), ("theirs", early));
    assert_eq!(keep_both_of(("theirs", early), ("mine", early)), kept.other());
}

#[test]
fn of_a_file_and_a_folder_of_one_name_it_is_known_which_keeps_it() {
    let mut home = Home::new();
    home.write("left/plans", "a file");
    home.write("right/plans/roof.txt", "a folder");
    home.run();
    let syncer = home.open();
    let stored = syncer.database().conflicts().unwrap().remove(0);
    assert_eq!(stored.conflict.keeps_name, Some(Side::Right));
    syncer.database().choose_conflicts(&[stored.id], Some(Choice::KeepBoth)).unwrap();
    drop(syncer);
    home.run();
    home.assert_in_step();
    assert_eq!(home.read("left/plans/roof.txt").as_deref(), Some("a folder"));
}

#[test]
fn a_lost_base_loses_nothing_and_moves_nothing() {
    let mut home = Home::new();
    home.write("left/a/one.txt", "one");
    home.write("right/two.txt", "two");
    home.run();
    fs::remove_dir_all(home.path("state")).unwrap();
    home.write("left/a/three.txt", "three");
    let (report, _) = home.run();
    home.assert_in_step();
    assert_eq!((report.right.created, report.left.created, report.agreed), (1, 0, 3));
    assert_eq!((home.bin("left"), home.bin("right")), (vec![], vec![]));
}

#[test]
fn a_damaged_base_is_moved_aside_and_told_and_loses_nothing() {
    let mut home = Home::new();
    for number in 0..200 {
        home.write(&format!("left/file-{number}"), &format!("content {number}"));
    }
    home.run();
    let database = home.path("state/sync").join(format!("{}.sqlite", home.pair.id));
    // What is in the log counts, whatever the file says.
    let work_in_log = || {
        let connection = rusqlite::Connection::open(&database).unwrap();
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get::<_, i64>(0)).unwrap()
    };
    work_in_log();
    let mut bytes = fs::read(&database).unwrap();
    // Into a row of the base, wherever it lies: the name of a file.
    let places: Vec<_> = bytes.windows(8).enumerate().filter(|(_, part)| part == b"file-100").collect();
    let places: Vec<_> = places.into_iter().map(|(at, _)| at + 5).collect();
    places.into_iter().for_each(|at| bytes[at] = b'9');
    fs::write(&database, &bytes).unwrap();

    let mut syncer = home.open();
    assert_eq!(syncer.notices().len(), 1, "{:?}", syncer.notices());
    assert_eq!(syncer.database().runs(0, 10).unwrap().len(), 1, "the history is taken over");
    let (report, done) = home.run_with(&mut syncer).unwrap();
    assert_eq!((report.agreed, done.len()), (200, 0));
    home.assert_in_step();

    drop(syncer);
    assert_eq!(home.open().notices().len(), 0, "once is enough");
    work_in_log();
    fs::write(&database, "this was never a database, not for one moment of its life").unwrap();
    // Somebody who only looks finds out first: the run tells it nevertheless.
    PairDatabase::open(&home.path("state"), home.pair.id, 1).unwrap();
    let mut syncer = home.open();
    assert_eq!(syncer.notices().len(), 1);
    let (report, done) = home.run_with(&mut syncer).unwrap();
    assert_eq!((report.agreed, done.len()), (200, 0));
}

#[test]
fn one_pair_runs_once_at_a_time() {
    let home = Home::new();
    let first = home.open();
    let options = SyncerOptions {
        state_folder: home.path("state"),
        pair: home.pair.clone(),
        left: Arc::clone(first.tree(Side::Left)),
        right: Arc::clone(first.tree(Side::Right)),
        clock: Arc::new(|| Timestamp::new(0, 0)),
        utc_offset_seconds: 0,
    };
    assert!(matches!(Syncer::open(options), Err(SyncError::Busy)));
}

#[test]
fn another_folder_at_the_path_is_a_brake_and_nothing_is_removed() {
    let mut home = Home::new();
    for number in 0..5 {
        home.write(&format!("left/file-{number}"), "content");
    }
    home.run();
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    assert!(!prepared.plan().brakes.is_empty());
    let refused = syncer.apply(&prepared, JobId([9; 16]), &control, &Limits::default(), &mut |_| {});
    assert!(matches!(refused, Err(SyncError::Braked)));
    assert_eq!(home.tree("left").len(), 5);

    let back = syncer.bring_back_from(&prepared, Side::Left).unwrap();
    let kinds: Vec<_> = back.plan().brakes.iter().map(|brake| brake.kind).collect();
    let back = syncer.release(&back, &kinds).unwrap();
    syncer.apply(&back, JobId([9; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    home.assert_in_step();
    assert_eq!(home.tree("right").len(), 5);
}

#[test]
fn what_changes_between_the_look_and_the_deed_is_left_for_the_next_run() {
    let mut home = Home::new();
    home.write("left/edited.txt", "old");
    home.write("left/fresh.txt", "fresh");
    home.run();
    home.write("left/edited.txt", "new from the left");
    home.write("left/late.txt", "late");
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    home.write("right/edited.txt", "meanwhile on the right");
    home.write("left/late.txt", "later still");
    let report = syncer.apply(&prepared, JobId([5; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    assert_eq!(report.changed_meanwhile, 2);
    assert_eq!(control.problems().total, 0);
    assert_eq!(home.read("right/edited.txt").as_deref(), Some("meanwhile on the right"));
    assert_eq!(home.read("right/late.txt"), None);
    let (report, _) = home.run_with(&mut syncer).unwrap();
    assert_eq!((report.conflicts, report.right.created), (1, 1));
    assert_eq!(home.read("right/late.txt").as_deref(), Some("later still"));
}

#[test]
fn a_stopped_run_keeps_what_it_did_and_the_next_goes_on() {
    let mut home = Home::new();
    for number in 0..50 {
        home.write(&format!("left/file-{number}"), "content");
    }
    let mut syncer = home.open();
    let control = Arc::new(Control::new());
    let prepared = syncer.prepare(None, false, &control).unwrap();
    let limits = Limits {
        pay: Some(Arc::new({
            let control = Arc::clone(&control);
            move |_| control.cancel()
        })),
    };
    let stopped = syncer.apply(&prepared, JobId([5; 16]), &control, &limits, &mut |_| {});
    assert!(matches!(stopped, Err(SyncError::Cancelled)));
    let there = home.tree("right").len() as u64;
    assert!((1..50).contains(&there));
    assert_eq!(syncer.database().runs(0, 1).unwrap()[0].state, RunState::Stopped);
    let (report, _) = home.run_with(&mut syncer).unwrap();
    assert_eq!((report.right.created, report.agreed), (50 - there, 0));
    home.assert_in_step();
}

#[cfg(unix)]
#[test]
fn permissions_times_and_links_follow_without_content_being_copied() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
    use std::time::{Duration, UNIX_EPOCH};

    let mut home = Home::new();
    home.write("left/mode.sh", "run me");
    home.write("left/touched.txt", "touched");
    symlink("mode.sh", home.path("left/link")).unwrap();
    home.run();

    fs::set_permissions(home.path("right/mode.sh"), fs::Permissions::from_mode(0o750)).unwrap();
    let time = UNIX_EPOCH + Duration::new(2_208_988_801, 500_000_000);
    fs::File::options().write(true).open(home.path("left/touched.txt")).unwrap().set_modified(time).unwrap();
    fs::remove_file(home.path("left/link")).unwrap();
    symlink("touched.txt", home.path("left/link")).unwrap();
    let (report, _) = home.run();
    home.assert_in_step();
    assert_eq!(fs::metadata(home.path("left/mode.sh")).unwrap().mode() & 0o7777, 0o750);
    assert_eq!(fs::metadata(home.path("right/touched.txt")).unwrap().modified().unwrap(), time);
    assert_eq!(fs::read_link(home.path("right/link")).unwrap(), std::path::Path::new("touched.txt"));
    assert_eq!((report.left.bytes, report.right.bytes), (0, 0));
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn what_was_saved_by_renaming_in_a_folder_that_moved_is_the_file_it_was() {
    let mut home = Home::new();
    home.write("left/folder/file", "first version");
    home.run();
    home.write("left/saved", "second version, longer");
    fs::rename(home.path("left/saved"), home.path("left/folder/file")).unwrap();
    fs::rename(home.path("left/folder"), home.path("left/moved")).unwrap();
    fs::rename(home.path("right/folder/file"), home.path("right/outside")).unwrap();
    home.run();
    home.assert_in_step();
    let saved = Some("second version, longer".to_owned());
    assert_eq!(home.tree("left"), [("moved".to_owned(), None), ("outside".to_owned(), saved)]);
    assert_eq!(home.bin("right"), ["first version"]);
}

#[test]
fn a_file_that_became_a_folder_and_a_folder_that_became_a_file() {
    let mut home = Home::new();
    home.write("left/one", "a file");
    home.write("left/two/inside", "in a folder");
    home.run();
    fs::remove_file(home.path("left/one")).unwrap();
    home.write("left/one/inside", "now a folder");
    fs::remove_dir_all(home.path("right/two")).unwrap();
    home.write("right/two", "now a file");
    let mut runs = 0;
    while home.run().0 != SyncReport::default() {
        runs += 1;
        assert!(runs < 4, "it does not end");
    }
    home.assert_in_step();
    assert_eq!(home.read("right/one/inside").as_deref(), Some("now a folder"));
    assert_eq!(home.read("left/two").as_deref(), Some("now a file"));
    assert_eq!((home.bin("left"), home.bin("right")), (vec!["in a folder".into()], vec!["a file".into()]));
}

#[test]
fn moving_in_empties_the_source_only_behind_what_is_proven() {
    let mut home = Home::new();
    home.pair.mode = keepwell_sync::Mode::MoveIn;
    home.write("left/card/photo-1", "one");
    home.write("left/card/photo-2", "two");
    home.write("right/card/photo-2", "another two");
    let (report, _) = home.run();
    assert_eq!(home.read("right/card/photo-1").as_deref(), Some("one"));
    assert_eq!(home.read("left/card/photo-1"), None);
    assert_eq!(home.read("left/card/photo-2").as_deref(), Some("two"), "it waits for a decision");
    assert_eq!((report.conflicts, report.left.removed), (1, 1));
    assert_eq!(home.bin("left"), ["one"]);
}

#[test]
fn a_mirror_makes_the_right_like_the_left_and_keeps_what_it_took_away() {
    let mut home = Home::new();
    home.pair.mode = keepwell_sync::Mode::Mirror;
    home.write("left/kept", "kept");
    home.write("right/only here", "only here");
    home.write("right/kept", "edited there");
    home.run();
    home.assert_in_step();
    assert_eq!(home.tree("right"), [("kept".into(), Some("kept".into()))]);
    assert_eq!(home.bin("right"), ["edited there", "only here"]);
    assert_eq!(home.run().0, SyncReport::default());
}

/// A rename of case alone goes by way of a third name where both are one: killed in between, that is no new name.
#[test]
fn an_item_on_the_way_to_another_case_of_its_name_arrives_there() {
    let mut home = Home::new();
    home.write("left/letter", "Dear Ada");
    home.write("left/sub/letter", "Dear Bo");
    home.run();
    for (left, right) in [("letter", ""), ("sub/letter", "sub/")] {
        fs::rename(home.path(&format!("left/{left}")), home.path(&format!("left/{right}Letter"))).unwrap();
        let step = format!("right/{right}{}0123", String::from_utf8_lossy(STEP_PREFIX));
        fs::rename(home.path(&format!("right/{left}")), home.path(&step)).unwrap();
    }
    let (report, _) = home.run();
    home.assert_in_step();
    assert_eq!((report.right.moved, report.left.created, report.right.created), (2, 0, 0));
    assert_eq!(home.read("right/Letter").as_deref(), Some("Dear Ada"));
}
