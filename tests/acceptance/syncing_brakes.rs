//! Every brake as a person meets it: what it says, what it means, both answers.

use std::fs;
use std::time::{Duration, UNIX_EPOCH};

use crate::harness::Run;
use crate::syncing::Pair;

/// So many files with times of long ago, in step.
fn in_step(files: u64) -> Pair {
    let pair = Pair::new();
    for number in 0..files {
        pair.write("left", &name(number), format!("content {number}"));
        set_time(&pair, "left", &name(number), 1_600_000_000 + number);
    }
    pair.sync(&[]).expect(0);
    pair
}

fn name(number: u64) -> String {
    format!("folder {}/file {number}", number % 5)
}

fn set_time(pair: &Pair, side: &str, name: &str, seconds: u64) {
    let file = fs::File::options().write(true).open(pair.path(side).join(name)).unwrap();
    file.set_modified(UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
}

/// The run halts, says so in these words, and names both answers.
#[track_caller]
fn halts(pair: &Pair, words: &str, back_from: &str, brake: &str) -> Run {
    let halted = pair.sync(&[]).expect(4).says("safety brake").says(words);
    assert_eq!(pair.show()["state"], "halted");
    halted.says(&format!("--bring-back-from {back_from}")).says(&format!("--release-brake {brake}"))
}

#[test]
fn many_removals() {
    let pair = in_step(40);
    for number in 0..30 {
        pair.remove("left", &name(number));
    }
    halts(&pair, "items are gone from", "right", "many-removed").says("bin");
    assert!(pair.has("right", &name(0)));
    pair.sync(&["--bring-back-from", "right"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", &name(7)), "content 7");
}

#[test]
fn what_a_brake_found_and_how_to_go_on_is_in_the_json_too() {
    let pair = in_step(40);
    for number in 0..30 {
        pair.remove("left", &name(number));
    }
    let halted = pair.sync(&["--json"]).expect(4);
    let job = halted.json();
    assert_eq!(job["state"], "halted");
    let brakes = job["halt"]["brakes"].as_array().unwrap();
    assert_eq!(brakes.len(), 1, "{job}");
    let brake = &brakes[0];
    assert_eq!((&brake["kind"], &brake["side"]), (&"many-removed".into(), &"left".into()));
    let counts = [&brake["items"], &brake["outOf"]].map(|count| count.as_u64().unwrap());
    assert_eq!(brake["found"], format!("{} of {} items are gone from left.", counts[0], counts[1]));
    assert!(counts[0] >= 30 && !brake["examples"].as_array().unwrap().is_empty(), "{brake}");
    // Every way that is told in words is there, with what it means, and does what it says.
    let answers = job["halt"]["answers"].as_array().unwrap();
    let words: Vec<&str> = answers.iter().map(|answer| answer["answer"].as_str().unwrap()).collect();
    assert_eq!(words, ["bring-back-from-right", "release-brake", "preview"]);
    for answer in answers {
        assert!(!answer["means"].as_str().unwrap().is_empty(), "{answer}");
        let command = answer["command"].as_str().unwrap();
        assert!(halted.err.contains(command), "{command} is not told in words:\n{}", halted.err);
    }
    let back = answers[0]["command"].as_str().unwrap();
    assert_eq!(back, "keepwell sync run \"left and right\" --bring-back-from right");
    pair.room.run(["sync", "run", "left and right", "--bring-back-from", "right"]).expect(0);
    pair.assert_alike();
}

#[test]
fn mass_rewriting() {
    let pair = in_step(60);
    for number in 0..60 {
        pair.write("right", &name(number), format!("encrypted {number}"));
    }
    halts(&pair, "so it looks when a program encrypts files", "left", "many-rewritten");
    assert_eq!(pair.read("left", &name(3)), "content 3");
    pair.sync(&["--bring-back-from", "left"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("right", &name(3)), "content 3");
    assert_eq!(pair.binned("right"), 60);
}

#[test]
fn all_times() {
    let pair = in_step(60);
    for number in 0..60 {
        set_time(&pair, "left", &name(number), 1_700_000_000);
    }
    halts(&pair, "Nearly all times in", "right", "all-times-changed").says("gets the new times");
    pair.sync(&["--release-brake", "all-times-changed"]).expect(0);
    let modified = fs::metadata(pair.path("right").join(name(9))).unwrap().modified().unwrap();
    assert_eq!(modified, UNIX_EPOCH + Duration::from_secs(1_700_000_000));
    pair.assert_alike();
}

#[test]
fn an_old_copy() {
    let pair = in_step(30);
    for number in 0..12 {
        pair.write("left", &name(number), format!("the work of today {number}"));
    }
    pair.sync(&[]).expect(0);
    for number in 0..12 {
        pair.write("right", &name(number), format!("content {number}"));
        set_time(&pair, "right", &name(number), 1_600_000_000 + number);
    }
    halts(&pair, "looks as it did long ago", "left", "old-copy");
    pair.sync(&["--bring-back-from", "left"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("right", &name(5)), "the work of today 5");
}

#[test]
fn shared_rules() {
    let pair = Pair::new();
    pair.write("left", "scratch.tmp", "1");
    pair.write("left", "kept", "2");
    pair.sync(&[]).expect(0);
    pair.write("left", ".keepwell/rules", "*.tmp\n");
    pair.sync(&[]).expect(0);
    pair.remove("left", "scratch.tmp");
    pair.sync(&[]).expect(0);
    assert!(pair.has("right", "scratch.tmp"), "what is left out was removed");
    for side in ["left", "right"] {
        pair.write(side, ".keepwell/rules", "\n");
    }
    halts(&pair, "The rules of what is left out changed", "right", "rules-changed");
    assert!(pair.has("right", "scratch.tmp"));
    pair.sync(&["--release-brake", "rules-changed"]).expect(0);
    assert!(!pair.has("right", "scratch.tmp"));
    assert_eq!(pair.binned("right"), 1);
}

#[test]
fn another_folder_at_the_path() {
    let pair = in_step(6);
    fs::rename(pair.path("right"), pair.path("unplugged")).unwrap();
    fs::create_dir(pair.path("right")).unwrap();
    let halted = pair.sync(&[]).expect(4).says("Another drive or folder than before");
    halted.says("becomes the place of this pair").says("--release-brake another-place");
    assert!(pair.has("left", &name(0)) && !pair.has("right", &name(0)));
    fs::remove_dir(pair.path("right")).unwrap();
    fs::rename(pair.path("unplugged"), pair.path("right")).unwrap();
    pair.sync(&[]).expect(0).says("nothing to do");
}

#[test]
fn a_drive_that_was_replaced_is_filled_again_and_nothing_goes_to_a_bin() {
    let pair = in_step(60);
    fs::rename(pair.path("left"), pair.path("broken")).unwrap();
    fs::create_dir(pair.path("left")).unwrap();
    pair.write("left", "z", "only on the new drive");
    let both = ["--bring-back-from", "right", "--release-brake", "another-place"];
    pair.sync(&[]).expect(4).says("it holds 1 item").says(&both.join(" "));
    // Whether it is the right place has to be said, and nothing is brought back from what is new.
    pair.sync(&both[..2]).expect(4).says(&both.join(" "));
    pair.sync(&["--bring-back-from", "left", "--release-brake", "another-place"]).expect(4);
    assert!(!pair.has("left", &name(0)) && pair.has("right", &name(0)));
    // Of another place it has to be said, which is told; and the command a preview prints holds every answer.
    pair.sync(&both[..2]).expect(4).says("has to be said with it: --release-brake another-place");
    let preview = pair.sync(&[&["--preview"], &both[..]].concat()).expect(0);
    let line = preview.err.lines().find(|line| line.starts_with("To do it: ")).unwrap();
    let (_, id) =
        line.split_once(&format!("sync run \"left and right\" {} --plan ", both.join(" "))).unwrap();
    pair.sync(&[&both[..], &["--plan", id]].concat()).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", &name(7)), "content 7");
    assert_eq!(pair.read("right", "z"), "only on the new drive");
    assert_eq!((pair.binned("left"), pair.binned("right")), (0, 0));
}

#[test]
fn a_folder_that_is_gone() {
    let pair = in_step(6);
    fs::remove_dir_all(pair.path("left")).unwrap();
    let halted = pair.sync(&[]).expect(4).says("is gone").says("Make the folder again");
    assert!(
        !halted.said().contains("--release-brake") && !halted.said().contains("If you go on"),
        "{halted:?}"
    );
    // Of a preview nothing is made.
    pair.sync(&["--preview", "--bring-back-from", "right"]).expect(4).says("--bring-back-from right");
    assert!(!pair.path("left").exists());
    pair.sync(&["--bring-back-from", "right"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", &name(3)), "content 3");
    assert_eq!((pair.binned("left"), pair.binned("right")), (0, 0));
}

#[test]
fn a_halt_says_everything_once() {
    let pair = in_step(40);
    for folder in 0..5 {
        pair.remove("left", &format!("folder {folder}"));
    }
    let halted = pair.sync(&[]).expect(4);
    for words in ["Nothing was changed", "goes to the bin in", "is empty now"] {
        assert_eq!(halted.said().matches(words).count(), 1, "{words}: {halted:?}");
    }
    let answered = pair.sync(&["--bring-back-from", "right"]).expect(0);
    assert!(!answered.said().contains("Waiting for"), "{answered:?}");
}

#[test]
fn an_answer_is_about_what_was_shown_and_halts_again_over_anything_else() {
    let pair = in_step(40);
    let answer = ["--release-brake", "many-removed"];
    let refused = |run: Run| run.expect(4).says("was not shown to you before").says(&answer.join(" "));
    for number in 0..30 {
        pair.remove("left", &name(number));
    }
    // Nobody was told of anything yet.
    refused(pair.sync(&answer));
    pair.remove("left", &name(30));
    refused(pair.sync(&answer));
    pair.remove("left", &name(31));
    refused(pair.sync(&["--bring-back-from", "right"]));
    pair.remove("left", "folder 4/file 39");
    // To bring back and to let go are one or the other.
    pair.sync(&[]).expect(4);
    let both = pair.sync(&["--bring-back-from", "right", "--release-brake", "many-removed"]).expect(4);
    both.says("is not taken: to bring back from the right and to let go what \"many-removed\" found");
    // What is not offered is said to be not taken, and so is what leaves a brake out.
    let nothing_there = pair.sync(&["--bring-back-from", "left"]).expect(4);
    nothing_there.says("is not taken: of what was found here nothing can be brought back from the left");
    pair.sync(&["--release-brake", "old-copy"])
        .expect(4)
        .says("is not taken: it says nothing of many-removed");
    pair.write("left", "folder 4/file 39", "content 39");
    set_time(&pair, "left", "folder 4/file 39", 1_600_000_039);
    assert!(pair.has("right", &name(0)) && !pair.has("left", &name(0)));
    // A preview tells as well as a run, and one that no brake stops takes nothing away from that.
    pair.remove("left", &name(32));
    pair.sync(&["--preview"]).expect(4);
    pair.sync(&["--preview", "--bring-back-from", "right"]).expect(0);
    pair.sync(&answer).expect(0);
    assert_eq!(pair.binned("right"), 33);
    pair.assert_alike();
    // What was answered once holds for nothing later.
    for number in 33..40 {
        pair.remove("left", &name(number));
    }
    pair.sync(&["--release-brake", "root-emptied", "--release-brake", "many-removed"]).expect(4);
    assert!(pair.has("right", &name(39)));
}

#[test]
fn bringing_back_where_nothing_halts_changes_nothing() {
    let pair = in_step(60);
    for number in 0..25 {
        pair.remove("left", &name(number));
    }
    // So many halt nothing: without a halt the run would carry the removals over.
    for more in [&["--bring-back-from", "right"][..], &["--bring-back-from", "right", "--preview"][..]] {
        pair.sync(more).expect(1).says("Nothing was brought back").says("Nothing was changed");
        assert!(pair.has("right", &name(0)), "what was to be brought back was removed");
        assert_eq!(pair.binned("right"), 0);
    }
    // Nor where it halts no more.
    for number in 25..40 {
        pair.remove("left", &name(number));
    }
    pair.sync(&[]).expect(4);
    for number in 25..40 {
        pair.write("left", &name(number), format!("content {number}"));
    }
    pair.sync(&["--bring-back-from", "right"]).expect(1).says("Nothing was brought back");
    assert_eq!((pair.binned("left"), pair.binned("right")), (0, 0));
    pair.sync(&[]).expect(0);
    pair.assert_alike();
}

#[test]
fn what_stops_a_pair_that_is_halted_is_named_where_it_is_to_be_removed() {
    let pair = in_step(6);
    fs::remove_dir_all(pair.path("left")).unwrap();
    pair.sync(&[]).expect(4);
    let remove = || pair.room.run(["sync", "remove", "left and right"]);
    let refused = remove().expect(1).says("Stop it first: keepwell job cancel ");
    let said = refused.said();
    let id = said.split("keepwell job cancel ").nth(1).unwrap().split_whitespace().next().unwrap();
    pair.room.run(["job", "cancel", id]).expect(0);
    remove().expect(0);
}

#[test]
fn no_space() {
    let pair = in_step(4);
    pair.write("left", "large", "too large");
    let halted = pair.sync(&["--keep-free", "4096T"]).expect(4);
    let halted = halted.says("4.0 PiB are needed").says("are free. Make room there");
    assert!(!halted.said().contains("If you go on"), "{halted:?}");
}
