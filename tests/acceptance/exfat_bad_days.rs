//! The drive is not there, another one is, it is full, it is pulled out, its program dies: nothing is taken for removed,
//! and the next run goes on.

use std::fs;
use std::process::Stdio;
use std::time::{Duration, Instant};

use keepwell_testkit::SeededRandom;

use super::{Day, Drive, tree};
use crate::interruption::kill_somewhere;

#[test]
fn a_drive_that_is_not_connected_or_another_one_is_never_an_empty_one() {
    let Some(mut day) = Day::new() else { return };
    let mut other = Drive::formatted(day.pair.path("other drive"), 64, &[]);
    for number in 0..5 {
        day.pair.write("left", &format!("file {number}"), "1");
    }
    day.sync(0);
    let (before, at) = (tree(&day.pair.path("left")), day.pair.path("right"));
    day.drive.unplug();
    for _ in 0..2 {
        day.sync(4).says("Another drive or folder than before");
        assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "something was written where the drive is not");
    }
    other.plug(&at);
    day.pair.write("right", "theirs", "1");
    day.sync(4).says("Another drive or folder than before");
    assert_eq!(tree(&at).into_keys().collect::<Vec<_>>(), ["theirs"]);
    other.unplug();
    fs::remove_dir(&at).unwrap();
    day.sync(1).says("does not exist");
    assert!(!at.exists(), "a folder was made where the drive is not");
    assert_eq!(tree(&day.pair.path("left")), before);
    day.drive.wait_until_free();
    day.drive.plug(&at);
    day.assert_alike();
}

#[test]
fn a_drive_that_fills_up_keeps_what_it_had_and_goes_on_with_room() {
    // Each file takes a whole cluster: what fits can not be told from the sizes.
    let Some(mut day) = Day::with(40, &["-c", "1M"]) else { return };
    day.pair.write("left", "known", "as it was");
    day.pair.write("right", "in the way", "1");
    day.sync(0);
    for number in 0..60 {
        day.pair.write("left", &format!("small {number}"), format!("{number}"));
    }
    day.pair.write("left", "known", "the new version");
    day.sync(3).says("No space left");
    for (name, file) in tree(&day.pair.path("right")) {
        let content = file.unwrap().0;
        let expected = day.pair.read("left", &name);
        assert!(content == expected || name == "known" && content == "as it was", "{name}: {content}");
    }
    for number in 20..60 {
        day.pair.remove("left", &format!("small {number}"));
        let _never_came = fs::remove_file(day.pair.path(&format!("right/small {number}")));
    }
    day.sync(0);
    assert_eq!(day.pair.read("right", "known"), "the new version");
    day.assert_alike();
}

#[test]
fn a_drive_that_is_pulled_out_or_a_run_that_is_killed_loses_nothing() {
    let Some(mut day) = Day::with(200, &[]) else { return };
    let mut random = SeededRandom::new(17);
    for number in 0..200 {
        day.pair.write("left", &format!("folder {}/file {number}", number % 9), random.bytes(20_000));
    }
    let started = Instant::now();
    day.sync(0);
    let usual = started.elapsed();
    let at = day.pair.path("right");
    for round in 0..6 {
        let is_pulled = round % 2 == 0;
        for number in 0..150 {
            day.pair.write(
                "left",
                &format!("folder {}/new {round} {number}", number % 9),
                random.bytes(20_000),
            );
        }
        fs::write(day.pair.path("right").join(format!("from there {round}")), random.bytes(5_000)).unwrap();
        let before = tree(&day.pair.path("left"));
        let command = &mut day.pair.room.command(day.pair.arguments(&["--keep-free", "0"]));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        if is_pulled {
            std::thread::sleep(usual.mul_f64(random.below(100) as f64 / 100.0) + Duration::from_millis(10));
            day.drive.pull_out();
            let code = child.wait().unwrap().code();
            assert!(matches!(code, Some(0 | 1 | 3 | 4)), "round {round}: {code:?}");
            day.sync(4);
            assert_eq!(fs::read_dir(&at).unwrap().count(), 0, "something was written where the drive is not");
            day.drive.wait_until_free();
            day.drive.plug(&at);
        } else {
            kill_somewhere(child, usual, &mut random);
        }
        let after = tree(&day.pair.path("left"));
        let shown = |file: Option<&Option<(String, i64)>>| {
            file.map(|file| file.as_ref().map(|(content, time)| (content.len(), *time)))
        };
        let other: Vec<_> = before
            .iter()
            .filter(|(name, file)| after.get(*name) != Some(file))
            .map(|(name, file)| (name, shown(Some(file)), shown(after.get(name))))
            .collect();
        assert!(other.is_empty(), "round {round}: the left was changed: {other:?}");
        day.sync(0);
        day.sync(0).says("In step. There was nothing to do");
        assert_eq!(tree(&day.pair.path("left")), tree(&at), "round {round}");
    }
    day.assert_alike();
}
