//! The program is killed, or the repository's folder goes away, in the middle of anything.
//!
//! The number of kills is 12, or what `KEEPWELL_KILLS` says.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Child;
use std::thread::sleep;
use std::time::{Duration, Instant};

use keepwell_testkit::{SeededRandom, TreeOptions, make_tree, observe};

use crate::harness::{RESTORED, Room, assert_same, files_below};

pub fn kills() -> u64 {
    env::var("KEEPWELL_KILLS").ok().and_then(|text| text.parse().ok()).unwrap_or(12)
}

/// How long something takes: only to spread the kills over it.
fn duration_of(work: impl FnOnce()) -> Duration {
    let started = Instant::now();
    work();
    started.elapsed()
}

/// Kills a run at a moment chosen at random within (a little more than) its usual length.
pub fn kill_somewhere(mut child: Child, usual: Duration, random: &mut SeededRandom) {
    let microseconds = u64::try_from(usual.as_micros()).unwrap();
    sleep(Duration::from_micros(random.below(microseconds + microseconds / 10)));
    child.kill().unwrap();
    child.wait().unwrap();
}

/// Waits until something is so, or the run has ended.
fn wait_until(child: &mut Child, mut so: impl FnMut() -> bool) {
    while !so() && child.try_wait().unwrap().is_none() {
        sleep(Duration::from_millis(1));
    }
}

/// Enough that a backup takes a while in a debug build.
fn tree(seed: u64) -> TreeOptions {
    TreeOptions { large_file_bytes: 6_000_000, ..TreeOptions::plain(seed, 20, 20) }
}

#[test]
fn killed_at_any_moment_of_a_backup_every_snapshot_made_before_is_whole() {
    let room = Room::with_repository();
    make_tree(&room.source(), &tree(0)).unwrap();
    let usual = duration_of(|| drop(room.backup().expect(0)));
    let first = room.snapshot_ids().pop().unwrap();
    let before = observe(&room.source()).unwrap();
    let mut random = SeededRandom::new(14);
    for number in 0..kills() {
        room.write("large-random.bin", random.bytes(6_000_000));
        room.write(&format!("folder-000/new {number}"), random.text(50_000));
        kill_somewhere(room.start(["backup", "run"], [room.source()]), usual, &mut random);
        room.check().expect(0);
        assert!(room.snapshot_ids().contains(&first), "kill {number}: the first snapshot is gone");
    }
    let found = observe(&room.restore(&first, "target")).unwrap();
    assert_eq!(keepwell_testkit::differences(&before, &found, RESTORED), Vec::<String>::new());
    // Whatever the kills left, each snapshot in the list can be read whole, and the next run is as if nothing was.
    room.backup().expect(0);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target 2"));
}

#[test]
fn killed_at_any_moment_of_init_there_is_a_repository_or_a_clean_way_on() {
    let mut random = SeededRandom::new(15);
    let usual = duration_of(|| drop(Room::with_repository()));
    for number in 0..kills() {
        let room = Room::new();
        let init = || ["repository".into(), "init".into(), room.repository().into_os_string()];
        kill_somewhere(
            room.command(init()).stdout(std::process::Stdio::null()).spawn().unwrap(),
            usual,
            &mut random,
        );
        room.write("file", "1");
        // Either it stands, or a second try makes it, or the person is told what is in the way and can remove it.
        let again = room.run(init());
        if again.code != Some(0) {
            assert!(again.said().contains("repository"), "kill {number}: {again:?}");
            if room.on_repository(["snapshot", "list"], [""; 0]).code != Some(0) {
                fs::remove_dir_all(room.repository()).unwrap();
                room.run(init()).expect(0);
            }
        }
        room.backup().expect(0);
        assert_same(&room.source(), &room.restore("latest", "target"));
    }
}

#[test]
fn killed_at_any_moment_of_a_restore_the_next_one_goes_on() {
    let room = Room::with_repository();
    make_tree(&room.source(), &tree(1)).unwrap();
    room.backup().expect(0);
    let usual = duration_of(|| drop(room.restore("latest", "whole")));
    let mut random = SeededRandom::new(16);
    let target = room.path("target");
    for number in 0..kills() {
        if random.once_in(3) && target.exists() {
            keepwell_testkit::remove_tree(&target).unwrap();
        }
        let arguments = ["latest".into(), "--target".into(), target.clone().into_os_string()];
        kill_somewhere(room.start(["restore", "run"], arguments), usual, &mut random);
        assert_nothing_half_looks_whole(&room, &target, number);
    }
    assert_same(&room.source(), &room.restore("latest", "target"));
    assert_eq!(files_below(&target).len(), files_below(&room.source()).len(), "leftovers at the target");
    room.check().expect(0);
}

/// A file that carries its time of last change is whole: the time is set last, so what a kill left half done is seen
/// and written again by the next restore, and by anybody who looks at the date.
fn assert_nothing_half_looks_whole(room: &Room, target: &Path, number: u64) {
    let restored = room.restored(target);
    let changed = |path: &Path| fs::metadata(path).and_then(|metadata| metadata.modified()).ok();
    for path in files_below(&room.source()) {
        let found = restored.join(path.strip_prefix(room.source()).unwrap());
        if changed(&found) == changed(&path) {
            let whole = fs::read(&found).unwrap() == fs::read(&path).unwrap();
            assert!(whole, "kill {number}: {} is half, and looks whole", found.display());
        }
    }
}

#[test]
fn the_folder_going_away_in_the_middle_fails_the_run_and_loses_nothing() {
    let room = Room::with_repository();
    room.write("first", "safe before");
    room.backup().expect(0);
    let mut random = SeededRandom::new(17);
    for number in 0..60 {
        room.write(&format!("large {number}"), random.bytes(1_000_000));
    }
    let packs = room.repository_files("packs").len();
    let mut backup = room
        .command(room.arguments(["backup", "run"], [room.source()]))
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    wait_until(&mut backup, || room.repository_files("packs").len() > packs);
    fs::rename(room.repository(), room.path("unplugged")).unwrap();
    let output = backup.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&*room.repository().to_string_lossy()), "the path is not named: {said}");
    assert!(!room.repository().exists(), "a new folder was made in its place");

    fs::rename(room.path("unplugged"), room.repository()).unwrap();
    assert_eq!(room.snapshots().len(), 1);
    room.check().expect(0);
    room.backup().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}

#[test]
fn cancelling_is_an_outcome_of_its_own() {
    let room = Room::with_repository();
    make_tree(&room.source(), &tree(2)).unwrap();
    let mut random = SeededRandom::new(18);
    for number in 0..40 {
        room.write(&format!("large {number}"), random.bytes(1_000_000));
    }
    let mut backup = room.start(["backup", "run"], [room.source()]);
    wait_until(&mut backup, || !room.repository_files("packs").is_empty());
    std::process::Command::new("kill").args(["-INT", &backup.id().to_string()]).status().unwrap();
    assert_eq!(backup.wait().unwrap().code(), Some(130));
    assert_eq!(room.snapshots().len(), 0);
    room.check().expect(0);
    room.backup().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}
