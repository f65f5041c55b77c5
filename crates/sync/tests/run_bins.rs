//! The bins over time: clocks that are wrong, drives that are not there, what is kept and what goes: on real folders.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

#[path = "common/home.rs"]
mod home;

use std::fs;
use std::sync::atomic::Ordering;

use home::Home;
use keepwell_model::{Control, JobId};
use keepwell_sync::bins::care::Thinned;
use keepwell_sync::database::rows::BinItem;
use keepwell_sync::{BinWish, ConflictPolicy, SyncError};

const DEED: JobId = JobId([0xdd; 16]);
const HOUR_SECONDS: i64 = 3_600;
const YEAR_SECONDS: i64 = 365 * 24 * HOUR_SECONDS;

fn items(home: &Home) -> Vec<BinItem> {
    home.open().database().bin_items(0, 100).unwrap()
}

/// A run that puts the version before into the bin.
fn edit(home: &mut Home, content: &str) {
    home.write("left/a.txt", content);
    home.run();
}

fn later(home: &mut Home, seconds: i64, content: &str) {
    home.time.fetch_add(seconds, Ordering::Relaxed);
    edit(home, content);
}

#[test]
fn what_went_into_the_bin_while_the_clock_said_1970_is_not_56_years_old_once_it_is_right() {
    let mut home = Home::new();
    let right = home.time.swap(1_000, Ordering::Relaxed);
    edit(&mut home, "1");
    edit(&mut home, "22");
    home.time.store(right, Ordering::Relaxed);
    edit(&mut home, "333");
    later(&mut home, 2 * HOUR_SECONDS, "4444");
    later(&mut home, 2 * HOUR_SECONDS, "55555");
    assert_eq!(home.bin("right"), ["1", "22", "333", "4444"]);
    assert!(items(&home).iter().all(|item| item.at_ms >= right * 1000), "{:?}", items(&home));
}

#[test]
fn what_a_clock_that_is_some_weeks_behind_puts_into_the_bin_is_no_older_than_what_was_there() {
    let mut home = Home::new();
    edit(&mut home, "1");
    edit(&mut home, "22");
    later(&mut home, -40 * 24 * HOUR_SECONDS, "333");
    later(&mut home, 2 * HOUR_SECONDS, "4444");
    home.time.fetch_add(40 * 24 * HOUR_SECONDS, Ordering::Relaxed);
    later(&mut home, 2 * HOUR_SECONDS, "55555");
    later(&mut home, 2 * HOUR_SECONDS, "666666");
    assert_eq!(home.bin("right"), ["1", "22", "333", "4444", "55555"]);
}

#[test]
fn a_clock_that_is_ahead_by_a_year_once_empties_no_bin_and_later_versions_have_their_time() {
    let mut home = Home::new();
    edit(&mut home, "1");
    edit(&mut home, "22");
    later(&mut home, 2 * HOUR_SECONDS, "333");
    later(&mut home, YEAR_SECONDS + 24 * HOUR_SECONDS, "4444");
    later(&mut home, -YEAR_SECONDS - 24 * HOUR_SECONDS, "55555");
    let now_ms = home.time.load(Ordering::Relaxed) * 1000;
    assert!(items(&home).iter().any(|item| item.size_bytes == 4 && item.at_ms <= now_ms), "dated as it is");
    later(&mut home, 2 * HOUR_SECONDS, "666666");
    assert_eq!(home.bin("right"), ["1", "22", "333", "4444", "55555"]);
}

#[test]
fn a_pair_that_runs_once_a_quarter_is_thinned_too() {
    let mut home = Home::new();
    edit(&mut home, "1");
    edit(&mut home, "22");
    for content in ["333", "4444", "55555", "666666"] {
        later(&mut home, YEAR_SECONDS / 4, content);
        assert!(home.bin("right").contains(&"1".to_owned()), "it may be the clock");
    }
    later(&mut home, YEAR_SECONDS / 4, "7777777");
    later(&mut home, YEAR_SECONDS / 4, "88888888");
    assert!(!home.bin("right").contains(&"1".to_owned()), "{:?}", home.bin("right"));
    assert!(home.bin("right").contains(&"333".to_owned()), "{:?}", home.bin("right"));
}

#[test]
fn a_clock_that_was_ahead_leaves_nothing_that_takes_the_room_of_what_comes_later() {
    let mut home = Home::new();
    home.pair.bin.limit_bytes = Some(5);
    home.pair.bin.keep_all_days = 0;
    home.write("left/b.txt", "22");
    home.write("left/c.txt", "333");
    edit(&mut home, "large");
    later(&mut home, YEAR_SECONDS, "1");
    home.time.fetch_add(-YEAR_SECONDS, Ordering::Relaxed);
    home.write("left/b.txt", "two");
    home.run();
    home.time.fetch_add(2 * HOUR_SECONDS, Ordering::Relaxed);
    home.write("left/c.txt", "three");
    home.run();
    assert_eq!(home.bin("right"), ["22", "333", "large"]);
}

#[test]
fn on_another_drive_nothing_is_forgotten_brought_back_or_undone() {
    let mut home = Home::new();
    edit(&mut home, "1");
    edit(&mut home, "22");
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    let mut syncer = home.open();
    let wish = BinWish::of(&syncer.database().bin_items(0, 10).unwrap()[0]);
    let (control, mut gone) = (Control::new(), Thinned::default());
    let answers = [
        syncer.remove_from_bin(&[wish], &control, &mut gone),
        syncer.empty_bin(wish.at_ms, &control, &mut gone),
        syncer.bring_back(&[wish], DEED, &control, &mut |_| {}).map(drop),
        syncer.undo(JobId([2; 16]), DEED, &control, &mut |_| {}).map(drop),
    ];
    for answer in &answers {
        assert!(matches!(answer, Err(SyncError::AnotherPlace { .. })), "{answers:?}");
    }
    assert_eq!(gone, Thinned::default());
    drop(syncer);
    fs::remove_dir(home.path("right")).unwrap();
    fs::rename(home.path("unplugged"), home.path("right")).unwrap();
    let mut syncer = home.open();
    assert_eq!(syncer.base().len(), 1, "nothing was forgotten");
    syncer.bring_back(&[wish], DEED, &control, &mut |_| {}).unwrap();
    assert_eq!(home.read("right/a.txt").as_deref(), Some("1"));
}

#[test]
fn a_removed_folder_takes_no_room_from_a_version_of_a_file_of_its_name() {
    let mut home = Home::new();
    home.write("left/x", "a file");
    edit(&mut home, "1");
    fs::remove_file(home.path("left/x")).unwrap();
    home.run();
    fs::create_dir(home.path("left/x")).unwrap();
    home.run();
    fs::remove_dir(home.path("left/x")).unwrap();
    home.run();
    assert_eq!(items(&home).len(), 2);
    later(&mut home, 5 * 24 * HOUR_SECONDS, "22");
    assert_eq!(home.bin("right"), ["1", "a file"]);
}

/// The first new item of a look on either side, replaced by the other side's.
#[test]
fn what_a_run_replaced_is_not_taken_for_something_found_in_the_bin() {
    for (conflicts, loser) in [(ConflictPolicy::Left, "right"), (ConflictPolicy::Right, "left")] {
        let mut home = Home::new();
        home.pair.conflicts = conflicts;
        home.write("left/a.txt", "of the left");
        home.write("right/a.txt", "of right");
        home.run();
        assert_eq!(home.bin(loser).len(), 1);
        assert!(!items(&home)[0].is_found(), "{:?}", items(&home));
    }
}
