//! Back from the bin, whole runs undone, bins thinned: on real folders.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;
#[path = "common/place.rs"]
mod place;

use std::fs;
use std::sync::atomic::Ordering;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::bins::care::Thinned;
use keepwell_sync::bins::found::Whose;
use keepwell_sync::database::rows::BinItem;
use keepwell_sync::run_types::RunState;
use keepwell_sync::{BinWish, Mode, Side, SyncError, Syncer};
use place::{lasting, living};

const DEED: JobId = JobId([0xdd; 16]);
const DAY_SECONDS: i64 = 86_400;

fn only_bin_item(syncer: &Syncer) -> BinWish {
    let items = syncer.database().bin_items(0, 10).unwrap();
    assert_eq!(items.len(), 1, "{items:?}");
    BinWish::of(&items[0])
}

fn undo(syncer: &mut Syncer, run: u8) -> (u64, u64) {
    let back = syncer.undo(JobId([run; 16]), DEED, &Control::new(), &mut |_| {}).unwrap();
    (back.items, back.left_alone)
}

#[test]
fn a_version_comes_back_from_the_bin_and_what_was_there_goes_into_it() {
    let mut home = Home::new();
    home.write("left/letter.txt", "first");
    home.run();
    home.write("left/letter.txt", "second");
    home.run();
    assert_eq!(home.bin("right"), ["first"]);

    let mut syncer = home.open();
    let wish = only_bin_item(&syncer);
    let (control, mut done) = (Control::new(), Vec::new());
    let back = syncer.bring_back(&[wish], DEED, &control, &mut |deed| done.push(deed.clone())).unwrap();
    assert_eq!((back.items, back.left_alone), (1, 0));
    assert_eq!((done.len(), done[0].path.to_string().as_str(), done[0].size_bytes), (1, "letter.txt", 5));
    assert_eq!(home.read("right/letter.txt").as_deref(), Some("first"));
    assert_eq!(home.bin("right"), ["second"]);

    // It is a change like any other: the next run carries it over.
    home.run_with(&mut syncer).unwrap();
    assert_eq!(home.read("left/letter.txt").as_deref(), Some("first"));
    home.assert_in_step();
}

#[test]
fn a_removed_file_comes_back_with_the_folder_it_was_in() {
    let mut home = Home::new();
    home.write("left/a/b/kept.txt", "kept");
    home.write("left/other.txt", "other");
    home.run();
    fs::remove_dir_all(home.path("left/a")).unwrap();
    home.run();
    assert!(!home.path("right/a").exists());

    let mut syncer = home.open();
    let items = syncer.database().bin_items(0, 10).unwrap();
    let kept = items.iter().find(|item| item.path.as_bytes() == b"a/b/kept.txt").unwrap();
    syncer.bring_back(&[BinWish::of(kept)], DEED, &Control::new(), &mut |_| {}).unwrap();
    home.run_with(&mut syncer).unwrap();
    assert_eq!(home.read("left/a/b/kept.txt").as_deref(), Some("kept"));
    home.assert_in_step();
}

#[test]
fn bringing_back_that_is_stopped_leaves_every_item_either_back_or_in_the_bin() {
    let mut home = Home::new();
    for name in ["one", "two", "three"] {
        home.write(&format!("left/{name}"), &format!("old {name}"));
    }
    home.run();
    for name in ["one", "two", "three"] {
        home.write(&format!("left/{name}"), &format!("new and longer {name}"));
    }
    home.run();
    let mut syncer = home.open();
    let wishes: Vec<BinWish> = syncer.database().bin_items(0, 10).unwrap().iter().map(BinWish::of).collect();
    let control = Control::new();
    let stopped = syncer.bring_back(&wishes, DEED, &control, &mut |_| control.cancel());
    assert!(matches!(stopped, Err(SyncError::Cancelled)), "{stopped:?}");
    assert_eq!(control.progress().items_done, 1);
    // One is back and its newer version in the bin; of the others nothing has moved, and the index says so at once.
    let left: Vec<BinWish> = syncer.database().bin_items(0, 10).unwrap().iter().map(BinWish::of).collect();
    assert_eq!(left.len(), 3);
    assert_eq!(wishes.iter().filter(|wish| left.contains(wish)).count(), 2);
    let news = ["one", "two", "three"]
        .map(|name| home.read(&format!("right/{name}")).unwrap())
        .iter()
        .filter(|content| content.starts_with("new"))
        .count();
    assert_eq!((news, home.bin("right").len()), (2, 3));
}

#[test]
fn what_is_not_in_the_bin_any_more_makes_nothing_go_there() {
    let mut home = Home::new();
    home.write("left/letter.txt", "first");
    home.run();
    home.write("left/letter.txt", "second");
    home.run();
    let mut syncer = home.open();
    let wish = only_bin_item(&syncer);
    let item = syncer.database().bin_item(wish.id).unwrap().unwrap();
    fs::remove_file(home.path("right").join(item.bin_path.to_string())).unwrap();
    let other = BinWish { at_ms: wish.at_ms + 1, ..wish };
    let control = Control::new();
    let back = syncer.bring_back(&[wish, other], DEED, &control, &mut |_| {}).unwrap();
    assert_eq!((back.items, back.left_alone), (0, 2));
    assert_eq!(control.problems().problems.len(), 2);
    assert_eq!(home.read("right/letter.txt").as_deref(), Some("second"), "what is there stays");
}

#[test]
fn an_undone_run_leaves_the_changed_side_as_it_was() {
    let mut home = Home::new();
    for name in ["edited", "removed", "moved"] {
        home.write(&format!("left/{name}.txt"), name);
    }
    home.run();
    let before = home.tree("right");

    home.write("left/edited.txt", "edited differently");
    fs::remove_file(home.path("left/removed.txt")).unwrap();
    fs::rename(home.path("left/moved.txt"), home.path("left/elsewhere.txt")).unwrap();
    home.write("left/new/file.txt", "new");
    home.run();
    home.assert_in_step();
    let left = home.tree("left");

    let mut syncer = home.open();
    let (items, left_alone) = undo(&mut syncer, 2);
    assert!(items >= 5, "{items}");
    assert_eq!(left_alone, 0);
    assert_eq!(home.tree("right"), before);
    assert_eq!(home.tree("left"), left, "undoing touches only what the run changed");
    assert_eq!(syncer.database().runs(0, 1).unwrap()[0].state, RunState::Undone);
    assert_eq!(home.bin("right"), ["edited differently", "new"], "what the run had made is in the bin");

    // The next run does not take the undoing for an edit: where both sides differ, it asks.
    let plan = syncer.prepare(None, false, &Control::new()).unwrap();
    let asked: Vec<_> = plan.plan().conflicts.iter().map(|conflict| conflict.path.to_string()).collect();
    assert_eq!(asked, ["edited.txt"]);
    let removes_new = plan
        .plan()
        .operations
        .iter()
        .any(|row| row.side == Side::Left && matches!(row.action, keepwell_sync::plan::Action::Remove));
    assert!(!removes_new, "{:?}", plan.plan().operations);
}

#[test]
fn undoing_leaves_alone_what_changed_after_the_run() {
    let mut home = Home::new();
    home.write("left/one.txt", "one");
    home.run();
    home.write("left/one.txt", "one, edited");
    home.run();
    home.write("right/one.txt", "worked on since");

    let mut syncer = home.open();
    let control = Control::new();
    let back = syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}).unwrap();
    assert_eq!((back.items, back.left_alone), (0, 1));
    assert_eq!(control.problems().total, 1);
    assert_eq!(home.read("right/one.txt").as_deref(), Some("worked on since"));
    assert_eq!(home.bin("right"), ["one"]);
}

#[test]
fn an_undone_copy_is_not_a_removal_on_the_other_side() {
    let mut home = Home::new();
    home.write("left/old.txt", "old");
    home.run();
    home.write("left/mine.txt", "mine");
    home.run();
    let mut syncer = home.open();
    undo(&mut syncer, 2);
    assert_eq!(home.read("right/mine.txt"), None);
    home.run_with(&mut syncer).unwrap();
    assert_eq!(home.read("left/mine.txt").as_deref(), Some("mine"));
}

#[test]
fn old_versions_leave_the_bin_and_young_ones_stay() {
    let mut home = Home::new();
    home.write("left/a.txt", "1");
    home.run();
    home.write("left/a.txt", "22");
    home.run();
    home.time.fetch_add(400 * DAY_SECONDS, Ordering::Relaxed);
    home.write("left/a.txt", "333");
    home.run();
    assert_eq!(home.bin("right"), ["1", "22"], "nothing goes on the word of one look at the clock");
    home.time.fetch_add(7_200, Ordering::Relaxed);
    home.write("left/b.txt", "new");
    home.run();
    assert_eq!(home.bin("right"), ["22"], "the version of more than a year ago went, today's stays");
    assert_eq!(home.open().database().bin_items(0, 10).unwrap().len(), 1);
}

#[test]
fn what_a_person_throws_away_is_gone_for_good_and_only_that() {
    let mut home = Home::new();
    home.write("left/a.txt", "1");
    home.write("left/b.txt", "1");
    home.run();
    home.write("left/a.txt", "22");
    home.write("left/b.txt", "22");
    home.run();
    let syncer = home.open();
    let items = syncer.database().bin_items(0, 10).unwrap();
    let (wish, mut gone) = (BinWish::of(&items[0]), Thinned::default());
    let another = BinWish { at_ms: wish.at_ms + 1, ..wish };
    assert!(
        syncer.remove_from_bin(&[another], &Control::new(), &mut gone).is_err(),
        "its number is another's now"
    );
    syncer.remove_from_bin(&[wish], &Control::new(), &mut gone).unwrap();
    assert_eq!((gone.items, gone.bytes), (1, 1));
    assert_eq!(home.bin("right"), ["1"]);
    assert!(syncer.remove_from_bin(&[wish], &Control::new(), &mut gone).is_err());
    syncer.empty_bin(items[1].at_ms - 1, &Control::new(), &mut gone).unwrap();
    assert_eq!(home.bin("right"), ["1"], "what went there later than was seen stays");
    syncer.empty_bin(items[1].at_ms, &Control::new(), &mut gone).unwrap();
    assert_eq!((gone.items, home.bin("right").len()), (2, 0));
}

#[test]
fn what_lies_in_the_bins_is_found_again_when_the_database_is_gone() {
    let mut home = Home::new();
    home.write("left/folder/a.txt", "1");
    home.write("left/b.txt", "1");
    home.run();
    home.write("left/folder/a.txt", "22");
    home.run();
    home.write("left/b.txt", "333");
    home.run();
    let before = home.open().database().bin_items(0, 10).unwrap();
    home.lose_database();
    let theirs = before.iter().find(|item| item.path.to_string() == "b.txt").unwrap().run;
    let whose = |run| if run == theirs { Whose::Another } else { Whose::Unknown };
    let syncer = home.open();
    assert_eq!(syncer.find_in_bins(&whose, &Control::new()).unwrap(), 1);
    assert_eq!(syncer.find_in_bins(&whose, &Control::new()).unwrap(), 0, "each is found once");
    let found = syncer.database().bin_items(0, 10).unwrap();
    let known = before.iter().find(|item| item.run != theirs).unwrap();
    assert!(found[0].is_found() && !known.is_found());
    let facts =
        |item: &BinItem| (item.run, item.path.clone(), item.bin_path.clone(), item.size_bytes, item.modified);
    assert_eq!(facts(&found[0]), facts(known));
    drop(syncer);
    home.run();
    assert_eq!(
        home.open().find_in_bins(&|_| Whose::Unknown, &Control::new()).unwrap(),
        0,
        "the index is right now"
    );
    let mut syncer = home.open();
    syncer.bring_back(&[BinWish::of(&found[0])], DEED, &Control::new(), &mut |_| {}).unwrap();
    drop(syncer);
    assert_eq!(home.read("right/folder/a.txt").as_deref(), Some("1"));
}

#[test]
fn what_was_found_goes_by_itself_only_where_a_run_of_the_pair_put_it_there() {
    for (whose, left) in [(Whose::Unknown, 1), (Whose::This, 0)] {
        let mut home = Home::new();
        home.write("left/a.txt", "1");
        home.run();
        home.write("left/a.txt", "22");
        home.run();
        home.lose_database();
        home.open().find_in_bins(&|_| whose, &Control::new()).unwrap();
        home.time.fetch_add(1_000 * DAY_SECONDS, Ordering::Relaxed);
        home.open().thin_bin(&Control::new()).unwrap();
        assert_eq!(home.bin("right").len(), left, "{whose:?}");
    }
}

#[test]
fn what_can_not_come_back_leaves_what_is_there_where_it_is() {
    let mut home = Home::new();
    home.write("left/letter.txt", "first");
    home.write("left/other.txt", "other");
    home.run();
    home.write("left/letter.txt", "second");
    home.run();
    for is_undo in [false, true] {
        let place = lasting(&home.path("right"));
        *place.refused.lock().unwrap() = Some(("rename", format!(".keepwell/bin/{}", JobId([2; 16]))));
        let mut syncer = home.open_at(Side::Right, place);
        let wish = only_bin_item(&syncer);
        let (control, deed) = (Control::new(), JobId([0xd0 + u8::from(is_undo); 16]));
        let back = match is_undo {
            true => syncer.undo(JobId([2; 16]), deed, &control, &mut |_| {}),
            false => syncer.bring_back(&[wish], deed, &control, &mut |_| {}),
        };
        let back = back.unwrap();
        assert_eq!((back.items, back.left_alone), (0, 1));
        assert_eq!(home.read("right/letter.txt").as_deref(), Some("second"), "undo: {is_undo}");
        assert_eq!(only_bin_item(&syncer), wish, "the index knows the old version, and it alone");
        drop(syncer);
        home.run();
        assert_eq!(home.read("left/letter.txt").as_deref(), Some("second"));
    }
}

#[test]
fn bringing_back_and_undo_that_are_killed_at_any_step_are_no_removal_for_the_other_side() {
    for (is_undo, after) in [(false, false), (false, true), (true, false), (true, true)] {
        for steps in 1.. {
            let mut home = Home::new();
            home.write("left/letter.txt", "first");
            home.write("left/other.txt", "other");
            home.run();
            home.write("left/letter.txt", "second");
            home.run();
            let mut syncer = home.open_at(Side::Right, living(&home.path("right"), steps, after));
            let wish = only_bin_item(&syncer);
            let control = Control::new();
            let back = match is_undo {
                true => syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}),
                false => syncer.bring_back(&[wish], DEED, &control, &mut |_| {}),
            };
            drop(syncer);
            home.run();
            let (left, right) = (home.read("left/letter.txt"), home.read("right/letter.txt"));
            let tells = format!("undo: {is_undo}, killed {after} at {steps}: {left:?} {right:?}");
            assert!(left.is_some() && right.is_some(), "{tells}");
            let kept: Vec<String> =
                home.bin("left").into_iter().chain(home.bin("right")).chain(left).chain(right).collect();
            assert!(
                kept.iter().any(|text| text == "first") && kept.iter().any(|text| text == "second"),
                "{tells}"
            );
            if back.is_ok_and(|back| back.items == 1) {
                break;
            }
        }
    }
}

#[test]
fn undo_of_moving_in_leaves_the_copy_where_the_original_can_not_come_back() {
    for is_forgotten in [false, true] {
        let mut home = Home::new();
        home.pair.mode = Mode::MoveIn;
        home.write("left/gone.txt", "gone");
        home.write("left/here.txt", "here");
        home.run();
        assert_eq!((home.tree("left").len(), home.tree("right").len()), (0, 2));
        let mut syncer = home.open();
        let items = syncer.database().bin_items(0, 10).unwrap();
        let gone = items.iter().find(|item| item.path.to_string() == "gone.txt").unwrap();
        fs::remove_file(home.path("left").join(gone.bin_path.to_string())).unwrap();
        if is_forgotten {
            let wish = BinWish::of(gone);
            syncer.remove_from_bin(&[wish], &Control::new(), &mut Thinned::default()).unwrap();
        }
        assert_eq!(undo(&mut syncer, 1), (2, 2));
        assert_eq!(home.read("right/gone.txt").as_deref(), Some("gone"), "the only copy stays");
        assert_eq!(
            (home.read("left/here.txt").as_deref(), home.read("right/here.txt")),
            (Some("here"), None)
        );
    }
}

#[test]
fn undo_of_moving_in_that_was_stopped_goes_on_when_it_is_asked_for_again() {
    let mut home = Home::new();
    home.pair.mode = Mode::MoveIn;
    for name in ["one", "two"] {
        home.write(&format!("left/{name}"), name);
    }
    home.run();
    let mut syncer = home.open();
    let control = Control::new();
    let stopped = syncer.undo(JobId([1; 16]), DEED, &control, &mut |_| control.cancel());
    assert!(matches!(stopped, Err(SyncError::Cancelled)), "{stopped:?}");
    assert_eq!((home.tree("left").len(), home.tree("right").len()), (1, 2));
    assert_eq!(undo(&mut syncer, 1), (4, 0));
    assert_eq!((home.tree("left").len(), home.tree("right").len()), (2, 0));
}

#[test]
fn undo_of_a_move_leaves_alone_what_only_has_its_name_now() {
    let mut home = Home::new();
    home.write("left/a.txt", "mine");
    home.write("left/folder/in.txt", "in");
    home.run();
    fs::rename(home.path("left/a.txt"), home.path("left/b.txt")).unwrap();
    fs::rename(home.path("left/folder"), home.path("left/moved")).unwrap();
    home.run();
    fs::rename(home.path("right/b.txt"), home.path("right/c.txt")).unwrap();
    fs::rename(home.path("right/moved"), home.path("right/further")).unwrap();
    home.write("right/b.txt", "another");
    home.write("right/moved/other.txt", "other");
    let mut syncer = home.open();
    assert_eq!(undo(&mut syncer, 2), (0, 2));
    assert_eq!(home.read("right/b.txt").as_deref(), Some("another"));
    assert_eq!(home.read("right/moved/other.txt").as_deref(), Some("other"));
}

#[test]
fn undo_of_a_move_takes_an_edit_since_with_it() {
    let mut home = Home::new();
    home.write("left/a.txt", "mine");
    home.run();
    fs::rename(home.path("left/a.txt"), home.path("left/b.txt")).unwrap();
    home.run();
    home.write("right/b.txt", "mine, edited");
    let mut syncer = home.open();
    assert_eq!(undo(&mut syncer, 2), (1, 0));
    assert_eq!(home.read("right/a.txt").as_deref(), Some("mine, edited"));
}

#[cfg(unix)]
mod surround {
    //! Times, permissions and extended attributes that a run set.

    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, SystemTime};

    use keepwell_endpoint::local::LocalTree;
    use keepwell_endpoint::tree::{ItemMetadata, Tree};
    use keepwell_model::{ExtendedAttribute, RelativePath};
    use keepwell_sync::PairDatabase;

    use super::*;

    const LAST_YEAR: Duration = Duration::from_secs(1_750_000_000);
    const THIS_YEAR: Duration = Duration::from_secs(1_780_000_000);

    fn set_time(path: &Path, since_1970: Duration) {
        fs::File::open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + since_1970).unwrap();
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    /// The time and the permissions of an item on both sides.
    fn shown(home: &Home, name: &str) -> [(Duration, u32); 2] {
        ["left", "right"].map(|side| {
            let metadata = home.path(side).join(name).metadata().unwrap();
            let time = metadata.modified().unwrap().duration_since(SystemTime::UNIX_EPOCH).unwrap();
            (time, metadata.permissions().mode() & 0o777)
        })
    }

    /// A pair whose second run set the time and the permissions of a file and the permissions of a folder.
    fn after_two_runs() -> Home {
        let mut home = Home::new();
        home.write("left/letter", "text");
        home.write("left/folder/in it", "text");
        set_time(&home.path("left/letter"), LAST_YEAR);
        set_mode(&home.path("left/letter"), 0o640);
        set_mode(&home.path("left/folder"), 0o750);
        home.run();
        set_time(&home.path("left/letter"), THIS_YEAR);
        set_mode(&home.path("left/letter"), 0o600);
        set_mode(&home.path("left/folder"), 0o700);
        home.run();
        assert_eq!(shown(&home, "letter"), [(THIS_YEAR, 0o600); 2]);
        assert_eq!(shown(&home, "folder").map(|(_, mode)| mode), [0o700; 2]);
        home
    }

    #[test]
    fn undo_puts_back_times_and_permissions_and_the_next_run_brings_them_to_the_other_side() {
        let mut home = after_two_runs();
        let mut syncer = home.open();
        let (control, mut told) = (Control::new(), 0);
        let back = syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| told += 1).unwrap();
        assert_eq!((back.items, back.left_alone, told), (2, 0, 2));
        assert_eq!(control.problems().problems, []);
        assert_eq!(shown(&home, "letter"), [(THIS_YEAR, 0o600), (LAST_YEAR, 0o640)]);
        assert_eq!(shown(&home, "folder").map(|(_, mode)| mode), [0o700, 0o750]);
        drop(syncer);
        let (report, done) = home.run();
        assert_eq!((report.left.metadata, report.right.metadata, done.len()), (2, 0, 2));
        assert_eq!(shown(&home, "letter"), [(LAST_YEAR, 0o640); 2]);
        assert_eq!(shown(&home, "folder").map(|(_, mode)| mode), [0o750; 2]);
        assert_eq!(home.run().1, [], "nothing goes back and forth");
        // That run is undone like any other.
        let mut syncer = home.open();
        assert_eq!(undo(&mut syncer, 3), (2, 0));
        assert_eq!(shown(&home, "letter"), [(THIS_YEAR, 0o600), (LAST_YEAR, 0o640)]);
    }

    #[test]
    fn undo_leaves_alone_times_and_permissions_that_were_changed_since() {
        let home = after_two_runs();
        set_mode(&home.path("right/letter"), 0o644);
        set_time(&home.path("left/letter"), LAST_YEAR);
        let mut syncer = home.open();
        let control = Control::new();
        let back = syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}).unwrap();
        assert_eq!((back.items, back.left_alone), (1, 1));
        let problems = control.problems().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].why.contains("changed after that run"), "{problems:?}");
        assert_eq!(shown(&home, "letter")[1], (THIS_YEAR, 0o644));
        assert_eq!(shown(&home, "folder")[1].1, 0o750);
    }

    #[test]
    fn undo_that_was_broken_off_between_two_steps_of_an_item_goes_on() {
        let home = after_two_runs();
        set_mode(&home.path("right/letter"), 0o640);
        let mut syncer = home.open();
        for _ in 0..2 {
            assert_eq!(undo(&mut syncer, 2), (2, 0));
            assert_eq!(shown(&home, "letter")[1], (LAST_YEAR, 0o640));
        }
    }

    #[test]
    fn several_runs_that_set_permissions_are_undone_one_after_the_other() {
        let mut home = after_two_runs();
        set_mode(&home.path("left/letter"), 0o400);
        home.run();
        let mut syncer = home.open();
        assert_eq!(undo(&mut syncer, 2), (1, 1), "the later run set them too");
        assert_eq!(shown(&home, "letter")[1].1, 0o400);
        assert_eq!((undo(&mut syncer, 3), undo(&mut syncer, 2)), ((1, 0), (2, 0)));
        assert_eq!(shown(&home, "letter")[1], (LAST_YEAR, 0o640));
    }

    fn database(home: &Home) -> rusqlite::Connection {
        rusqlite::Connection::open(PairDatabase::path_of(&home.path("state"), home.pair.id)).unwrap()
    }

    #[test]
    fn of_a_run_that_did_not_write_down_what_was_before_undo_says_that_it_stays() {
        let home = after_two_runs();
        home.write("left/new/three", "three");
        database(&home).execute("DELETE FROM metadata_before", []).unwrap();
        let mut syncer = home.open();
        let control = Control::new();
        let back = syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}).unwrap();
        assert_eq!((back.items, back.left_alone), (0, 0));
        let problems = control.problems().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].what.contains("This and another item keep"), "{problems:?}");
        assert_eq!(shown(&home, "letter")[1], (THIS_YEAR, 0o600));
    }

    /// Gives an item exactly these attributes, as programs do; whether its file system takes them.
    fn set_attributes(home: &Home, item: &str, attributes: &[(&str, &str)]) -> bool {
        let (side, name) = item.split_once('/').unwrap();
        let tree = LocalTree::open(&home.path(side)).unwrap();
        let path = RelativePath::parse(name.as_bytes()).unwrap();
        let attribute = |(name, value): &(&str, &str)| ExtendedAttribute {
            name: format!("user.{name}").into_bytes(),
            value: value.as_bytes().to_vec(),
        };
        let attributes = Some(attributes.iter().map(attribute).collect());
        let metadata = ItemMetadata { extended_attributes: attributes, ..ItemMetadata::default() };
        let item = tree.stat(&path).unwrap().unwrap();
        tree.set_metadata(&path, &item.fingerprint, &metadata).unwrap().not_kept.is_empty()
    }

    fn attributes(home: &Home, item: &str) -> Vec<String> {
        let (side, name) = item.split_once('/').unwrap();
        let tree = LocalTree::open(&home.path(side)).unwrap();
        let found = tree.extended_attributes(&RelativePath::parse(name.as_bytes()).unwrap()).unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace("user.", "");
        found.iter().map(|one| format!("{}={}", text(&one.name), text(&one.value))).collect()
    }

    #[test]
    fn the_attributes_of_a_new_folder_go_with_it_and_are_not_told_of() {
        let mut home = Home::new();
        home.pair.attributes = true;
        home.write("left/new/three", "three");
        assert!(set_attributes(&home, "left/new", &[("colour", "red")]));
        home.run();
        assert_eq!(attributes(&home, "right/new"), ["colour=red"]);
        let mut syncer = home.open();
        let control = Control::new();
        let back = syncer.undo(JobId([1; 16]), DEED, &control, &mut |_| {}).unwrap();
        assert_eq!((back.items, back.left_alone), (2, 0), "the folder and the file in it");
        assert_eq!(control.problems().problems, []);
        assert!(!home.path("right/new").exists());
    }

    #[test]
    fn undo_puts_back_attributes_and_says_which_are_not_kept_any_more() {
        let mut home = Home::new();
        home.pair.attributes = true;
        for name in ["kept", "lost"] {
            home.write(&format!("left/{name}"), "text");
        }
        assert!(set_attributes(&home, "left/kept", &[("colour", "red"), ("shape", "round")]));
        assert!(set_attributes(&home, "left/lost", &[("colour", "green")]));
        set_mode(&home.path("left/lost"), 0o644);
        home.run();
        assert!(set_attributes(&home, "left/kept", &[("colour", "blue")]));
        assert!(set_attributes(&home, "left/lost", &[]));
        set_mode(&home.path("left/lost"), 0o600);
        home.run();
        assert_eq!(attributes(&home, "right/kept"), ["colour=blue"]);
        let forget = "DELETE FROM attributes WHERE instr(content, CAST('green' AS BLOB)) > 0";
        assert_eq!(database(&home).execute(forget, []).unwrap(), 1);
        let mut syncer = home.open();
        let control = Control::new();
        let back = syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}).unwrap();
        assert_eq!((back.items, back.left_alone), (2, 0));
        assert_eq!(attributes(&home, "right/kept"), ["colour=red", "shape=round"]);
        assert_eq!((attributes(&home, "right/lost"), shown(&home, "lost")[1].1), (Vec::new(), 0o644));
        let problems = control.problems().problems;
        assert_eq!(problems.len(), 1, "{problems:?}");
        assert!(problems[0].why.contains("not kept any more"), "{problems:?}");
        drop(syncer);
        home.run();
        assert_eq!(attributes(&home, "left/kept"), ["colour=red", "shape=round"]);
    }
}
