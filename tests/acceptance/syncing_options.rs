//! How a pair works can be said on the command line, and it then works so: each option is judged by the files.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::time::{Duration, SystemTime};

use crate::harness::files_below;
use crate::syncing::Pair;

const NAME: &str = "left and right";

fn names(pair: &Pair, side: &str) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(pair.path(side))
        .unwrap()
        .map(|item| item.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".keepwell")
        .collect();
    names.sort();
    names
}

#[test]
fn what_was_edited_and_what_a_folder_holds_stays_whatever_is_chosen_for_conflicts() {
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    for way in ["newest", "left", "right"] {
        let pair = Pair::new();
        pair.write("left", "letter", "1");
        pair.write("left", "note", "1");
        pair.sync(&["--conflict", way]).expect(0);
        pair.write("left", "letter", "edited on the left");
        pair.remove("right", "letter");
        pair.remove("left", "note");
        pair.write("right", "note", "edited on the right");
        pair.write("left", "one/inside", "of the left");
        pair.write("right", "one", "a file");
        pair.write("left", "two", "a file");
        pair.write("right", "two/inside", "of the right");
        pair.sync(&[]).expect(0);
        pair.assert_alike();
        assert_eq!(pair.read("right", "letter"), "edited on the left", "{way}");
        assert_eq!(pair.read("left", "note"), "edited on the right", "{way}");
        let found = files_below(&pair.path("left"));
        let found = found.iter().filter(|path| !path.to_string_lossy().contains(".keepwell"));
        let mut held: Vec<String> = found.map(|path| fs::read_to_string(path).unwrap()).collect();
        held.retain(|text| !text.starts_with("edited"));
        held.sort();
        let in_bins = pair.binned("left") + pair.binned("right");
        match way {
            "newest" => {
                assert_eq!((held, in_bins), (words(&["a file", "a file", "of the left", "of the right"]), 0))
            }
            _ => assert_eq!((held, in_bins), (words(&["a file", "of the left", "of the right"]), 1), "{way}"),
        }
    }
}

#[test]
fn conflicts_of_some_files_go_another_way() {
    let pair = Pair::new();
    for name in ["a.docx", "b.txt", "drafts/c.txt"] {
        pair.write("left", name, "before");
    }
    pair.sync(&["--conflict-at", "*.docx=both", "--conflict-at", "/drafts/=right"]).expect(0);
    for name in ["a.docx", "b.txt", "drafts/c.txt"] {
        pair.write("left", name, "from the left");
        pair.write("right", name, "from the right, and longer");
    }
    pair.sync(&[]).expect(3).says("1 conflict waits");
    assert_eq!(pair.read("left", "b.txt"), "from the left", "it asks where no pattern fits");
    assert_eq!(pair.read("right", "b.txt"), "from the right, and longer");
    assert_eq!(pair.read("left", "drafts/c.txt"), "from the right, and longer");
    let texts = |side: &str| {
        let copies = names(&pair, side).into_iter().filter(|name| name.ends_with(".docx"));
        let mut texts: Vec<String> = copies.map(|name| pair.read(side, &name)).collect();
        texts.sort();
        texts
    };
    assert_eq!(texts("left"), ["from the left", "from the right, and longer"]);
    assert_eq!(texts("left"), texts("right"));
}

#[test]
fn only_chosen_folders_and_files_of_the_right_size_and_age_are_synced() {
    let pair = Pair::new();
    let aged = |name: &str, days: u64, bytes: usize| {
        pair.write("left", name, vec![b'x'; bytes]);
        let time = SystemTime::now() - Duration::from_secs(days * 86_400 + 60);
        let file = fs::File::options().write(true).open(pair.path("left").join(name)).unwrap();
        file.set_modified(time).unwrap();
    };
    aged("work/good", 3, 10);
    aged("work/large", 3, 3000);
    aged("work/fresh", 0, 10);
    aged("work/old", 30, 10);
    aged("work/deep/good", 3, 10);
    aged("other/good", 3, 10);
    pair.sync(&["--folder", "work/", "--max-size", "2K", "--min-age", "1d", "--max-age", "20"]).expect(0);
    assert_eq!(names(&pair, "right"), ["work"]);
    let mut work: Vec<_> =
        fs::read_dir(pair.path("right/work")).unwrap().map(|item| item.unwrap().file_name()).collect();
    work.sort();
    assert_eq!(work, ["deep", "good"]);
    // Taken back, everything follows.
    let free = ["--folder", "", "--max-size", "none", "--min-age", "none", "--max-age", "none"];
    pair.sync(&free).expect(0);
    pair.assert_alike();
}

#[test]
fn links_are_kept_or_left_out() {
    let pair = Pair::new();
    pair.write("left", "target", "what the link points to");
    symlink("target", pair.path("left/link")).unwrap();
    pair.sync(&["--links", "skip"]).expect(0);
    assert_eq!(names(&pair, "right"), ["target"]);
    pair.room
        .run(["sync", "change", NAME, "--links", "keep"])
        .expect(0)
        .says("Nothing was changed in either place");
    pair.sync(&[]).expect(0);
    assert_eq!(fs::read_link(pair.path("right/link")).unwrap().to_str(), Some("target"));
}

#[test]
fn links_can_be_followed() {
    let pair = Pair::new();
    pair.write("left", "target", "what the link points to");
    symlink("target", pair.path("left/link")).unwrap();
    pair.sync(&["--links", "follow"]).expect(0);
    assert!(!pair.path("right/link").is_symlink());
    assert_eq!(pair.read("right", "link"), "what the link points to");
}

#[test]
fn permissions_are_carried_over_or_left_alone() {
    let pair = Pair::in_step(1);
    let chmod = |mode: u32| {
        let file = pair.path("left/folder 0/file 0");
        fs::set_permissions(file, fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = || fs::metadata(pair.path("right/folder 0/file 0")).unwrap().permissions().mode() & 0o777;
    chmod(0o640);
    pair.sync(&[]).expect(0);
    assert_eq!(mode(), 0o640);
    chmod(0o600);
    pair.sync(&["--permissions", "off"]).expect(0);
    assert_eq!(mode(), 0o640);
}

#[test]
fn a_brake_halts_where_the_pair_says_so() {
    let pair = Pair::in_step(20);
    for number in [0, 5, 10] {
        pair.remove("left", &format!("folder 0/file {number}"));
    }
    pair.sync(&["--halt-removed", "2", "--halt-removed-percent", "1"]).expect(4);
    assert!(pair.has("right", "folder 0/file 5"));
    pair.room.run(["sync", "change", NAME, "--halt-removed", "3"]).expect(0);
    pair.sync(&[]).expect(0);
    assert!(!pair.has("right", "folder 0/file 5"));
}

#[test]
fn everything_a_pair_was_told_is_shown_and_stays_until_it_is_told_otherwise() {
    let pair = Pair::new();
    let told = [
        "--bin-all",
        "3",
        "--bin-daily",
        "10",
        "--bin-weekly",
        "100",
        "--bin-size",
        "20G",
        "--bandwidth",
        "2M",
        "--bandwidth-at",
        "mon-fri 08:00-18:00=500K",
        "--bandwidth-at",
        "22:00-06:00=none",
        "--keep-free",
        "1G",
        "--attributes",
        "off",
        "--conflict-at",
        "*.docx=newest",
        "--exclude",
        "*.tmp",
    ];
    pair.sync(&told).expect(0);
    pair.sync(&["--conflict", "left"]).expect(0);
    let show = pair.room.run(["sync", "show", NAME]).expect(0);
    for words in [
        "all of 3 days, then one a day for 10 days, then one a week for 100 days; at most 20.0 GiB",
        "2.00 MiB/s; mon,tue,wed,thu,fri 08:00-18:00 500.0 KiB/s; 22:00-06:00 no limit",
        "less than 1.00 GiB free",
        "the left one stays; *.docx: the newer one stays",
        "*.tmp",
    ] {
        assert!(show.out.contains(words), "{words} is not in\n{}", show.out);
    }
    let shown = pair.show();
    assert_eq!(shown["attributes"], false);
    assert_eq!(shown["bandwidth"]["windows"][0]["weekdays"], serde_json::json!([1, 2, 3, 4, 5]));
    pair.room
        .run(["sync", "change", NAME, "--bandwidth-at", "", "--conflict-at", "", "--daily", "02:30"])
        .expect(0);
    let shown = pair.show();
    assert_eq!(shown["bandwidth"]["windows"], serde_json::json!([]));
    assert_eq!(shown["bandwidth"]["usualBytesPerSecond"], 2 << 20);
    assert_eq!(shown["conflictRules"], serde_json::json!([]));
    assert_eq!(shown["schedule"]["atMinutes"], 150);
}

#[test]
fn what_makes_no_sense_is_refused_before_anything_is_made() {
    let pair = Pair::new();
    for wrong in [
        ["--conflict-at", "*.docx"],
        ["--bandwidth-at", "8-18=1M"],
        ["--min-age", "3"],
        ["--halt-removed-percent", "101"],
    ] {
        pair.sync(&wrong).expect(2);
    }
    pair.sync(&["--exclude", "[z-a]"]).expect(1).says("can not be understood");
    pair.sync(&["--min-age", "3d", "--max-age", "2"]).expect(1).says("no file is left to sync");
    pair.sync(&["--bandwidth", "5"]).expect(1).says("1 KiB a second");
    assert_eq!(pair.room.run(["sync", "list", "--json"]).expect(0).json()["pairs"], serde_json::json!([]));
}

#[test]
fn commands_that_are_printed_name_a_pair_by_its_id_where_others_are_called_like_it() {
    let pair = Pair::new();
    for folder in ["one/L", "one/R", "two/L", "two/R"] {
        fs::create_dir_all(pair.path(folder)).unwrap();
    }
    pair.room.run(["sync", "add", "one/L", "one/R"]).expect(0).says("sync run \"L and R\" --preview");
    let added = pair.room.run(["sync", "add", "two/L", "two/R"]).expect(0);
    let line = added.out.lines().find(|line| line.contains("keepwell sync run ")).unwrap();
    let word = line.split("sync run ").nth(1).unwrap().split(' ').next().unwrap().to_owned();
    pair.write("two/L", "new", "1");
    let preview = pair.room.run(["sync", "run", &word, "--preview"]).expect(0);
    preview.says(&format!("To do it: keepwell sync run {word} --plan"));
    pair.room.run(["sync", "run", &word]).expect(0);
    assert_eq!(pair.read("two/R", "new"), "1");
    for side in ["two/L", "two/R"] {
        pair.write(side, "new", format!("other in {side}"));
    }
    pair.room.run(["sync", "run", &word]).expect(3).says(&format!("Next: keepwell sync resolve {word}"));
}

#[test]
fn places_of_a_hub_that_are_called_alike_are_told_apart_and_the_commands_that_are_printed_work() {
    let pair = Pair::new();
    for folder in ["hub", "one/data", "two/data", "three/data"] {
        fs::create_dir_all(pair.path(folder)).unwrap();
    }
    pair.write("hub", "kept", "1");
    let made = pair.room.run(["sync", "add", "hub", "one/data", "two/data", "three/data", "--name", "Work"]);
    let two = pair.path("two/data").display().to_string();
    let line = |said: &str, what: &str| {
        let line = said.lines().find(|line| line.contains(&two) && line.contains(what));
        line.unwrap_or_else(|| panic!("no {what} of {two}: {said}")).to_owned()
    };
    line(&made.expect(0).said(), "is made");
    pair.room.run(["sync", "run", "Work"]).expect(0);
    fs::rename(pair.path("two/data"), pair.path("elsewhere")).unwrap();
    let halted = pair.room.run(["sync", "run", "Work"]).expect(4).said();
    let heading = line(&halted, "hub and data (");
    let word = heading.split(['(', ',']).nth(1).unwrap();
    assert_eq!(word.len(), 8, "{heading}");
    assert!(line(&halted, "is halted by a safety brake.").contains(word));
    let refused = pair.room.run(["sync", "run", "Work", "--bring-back-from", "left"]).expect(1);
    refused.says(&format!("{word} ({two})"));
    pair.room.run(["sync", "run", word, "--bring-back-from", "left"]).expect(0);
    assert_eq!(pair.read("two/data", "kept"), "1");
}

/// A hub and three places in a room.
fn hub_room() -> Pair {
    let pair = Pair::new();
    for name in ["hub", "a", "b", "c"] {
        fs::create_dir(pair.path(name)).unwrap();
    }
    let path = |name: &str| pair.path(name).into_os_string();
    let words =
        ["sync".into(), "add".into(), path("hub"), path("a"), path("b"), "--name".into(), "Work".into()];
    pair.room.run(words).expect(0).says("Nothing was changed in any place");
    let more = ["sync".into(), "add".into(), path("hub"), path("c"), "--hub".into(), "Work".into()];
    pair.room.run(more).expect(0);
    pair
}

#[test]
fn what_is_printed_of_a_hub_as_json_is_one_document() {
    let pair = hub_room();
    let json = |words: &[&str], code: i32| {
        pair.room.run([&["sync"], words, &["--json"]].concat()).expect(code).json()
    };
    pair.write("a", "from-a", "a");
    let plans = json(&["run", "Work", "--preview"], 0);
    let plans = plans.as_object().unwrap();
    assert_eq!(plans.len(), 3);
    let known = json(&["show", "Work"], 0)["pairs"].as_array().unwrap().clone();
    for (place, rows) in ["a", "b", "c"].iter().zip([1, 0, 0]) {
        let is_of = |pair: &&serde_json::Value| pair["name"] == format!("hub and {place}");
        let id = known.iter().find(is_of).unwrap()["id"].as_str().unwrap();
        assert_eq!(plans[id].as_array().unwrap().len(), rows, "{place}: {plans:?}");
    }
    let runs = json(&["run", "Work"], 0);
    let states: Vec<_> = runs.as_array().unwrap().iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["succeeded"; 5], "three pairs, and all but the last once more");
    assert_eq!(json(&["bin", "Work"], 0).as_object().unwrap().len(), 3);
    // One that a brake stops is in the list once.
    fs::remove_dir_all(pair.path("a")).unwrap();
    let runs = json(&["run", "Work"], 4);
    let states: Vec<_> = runs.as_array().unwrap().iter().map(|run| run["state"].clone()).collect();
    assert_eq!(states, ["halted", "succeeded", "succeeded", "succeeded"]);
}

#[test]
fn a_place_that_is_held_or_away_keeps_no_other_place_of_its_hub_from_its_run() {
    let pair = hub_room();
    pair.write("hub", "kept", "1");
    pair.room.run(["sync", "run", "Work"]).expect(0);
    // A place that a brake holds.
    fs::rename(pair.path("a"), pair.path("elsewhere")).unwrap();
    pair.write("hub", "new", "2");
    let halted = pair.room.run(["sync", "run", "Work"]).expect(4);
    halted
        .says("\"hub and a\" is halted by a safety brake.")
        .says("sync run \"hub and a\" --bring-back-from left");
    for place in ["b", "c"] {
        assert_eq!(pair.read(place, "new"), "2", "{place}");
    }
    assert!(!pair.path("a").exists());
    // What comes from the last one reaches those before it, though not the one that is held.
    pair.write("c", "late", "3");
    pair.room.run(["sync", "run", "Work"]).expect(4);
    assert_eq!(pair.read("b", "late"), "3");
    // What is to be brought back is said of one pair.
    let refused = pair.room.run(["sync", "run", "Work", "--bring-back-from", "left"]).expect(1);
    refused.says("is a hub of several pairs").says("\"hub and a\"");
    pair.room.run(["sync", "run", "hub and a", "--bring-back-from", "left"]).expect(0);
    assert_eq!(pair.read("a", "late"), "3");
    // One that fails holds up none, and a brake says more than that.
    fs::rename(pair.path("b"), pair.path("b before")).unwrap();
    fs::write(pair.path("b"), "no folder").unwrap();
    pair.write("hub", "newer", "4");
    pair.room.run(["sync", "run", "Work"]).expect(1).says("\"hub and b\" failed.");
    assert_eq!((pair.read("a", "newer"), pair.read("c", "newer")), ("4".into(), "4".into()));
}

#[test]
fn several_places_are_kept_the_same_through_one_hub() {
    let pair = hub_room();
    pair.write("a", "from-a", "a");
    pair.write("c", "deep/from-c", "c");
    pair.room.run(["sync", "run", "Work"]).expect(0);
    for place in ["hub", "a", "b", "c"] {
        assert_eq!(pair.read(place, "from-a"), "a", "{place}");
        assert_eq!(pair.read(place, "deep/from-c"), "c", "{place}");
    }
    let listed = pair.room.run(["sync", "list", "--json"]).expect(0).json();
    let groups: Vec<_> =
        listed["pairs"].as_array().unwrap().iter().map(|pair| pair["group"]["name"].clone()).collect();
    assert_eq!(groups, ["Work", "Work", "Work"]);
}

#[test]
fn a_hub_is_held_let_go_and_forgotten_as_one() {
    let pair = hub_room();
    pair.room.run(["sync", "pause", "Work"]).expect(0);
    let paused = || {
        let listed = pair.room.run(["sync", "list", "--json"]).expect(0).json();
        listed["pairs"].as_array().unwrap().iter().filter(|pair| pair["paused"] == true).count()
    };
    assert_eq!(paused(), 3);
    pair.room.run(["sync", "resume", "--all"]).expect(0);
    assert_eq!(paused(), 3, "what was paused by itself stays so");
    pair.room.run(["sync", "resume", "Work"]).expect(0);
    assert_eq!(paused(), 0);
    pair.room.run(["sync", "remove", "Work"]).expect(0).says("All places stay as they are");
    assert_eq!(pair.room.run(["sync", "list", "--json"]).expect(0).json()["pairs"], serde_json::json!([]));
}

#[test]
fn all_pairs_of_a_hub_are_changed_at_once_or_none() {
    let pair = hub_room();
    let facts = || {
        let listed = pair.room.run(["sync", "list", "--json"]).expect(0).json();
        let of = |pair: &serde_json::Value| {
            (
                pair["conflicts"].clone(),
                pair["bin"]["keepDailyDays"].clone(),
                pair["rules"]["exclude"].clone(),
            )
        };
        listed["pairs"].as_array().unwrap().iter().map(of).collect::<Vec<_>>()
    };
    // One pair leaves something out: that stays, the others are not made like it.
    let name = pair.room.run(["sync", "list", "--json"]).expect(0).json()["pairs"][1]["name"].clone();
    pair.room.run(["sync", "change", name.as_str().unwrap(), "--exclude", "*.tmp"]).expect(0);
    let change = ["sync", "change", "Work", "--conflict", "both", "--bin-daily", "7", "--name", "Office"];
    pair.room.run(change).expect(0).says("Nothing was changed in any place");
    let both = || serde_json::json!("keepBoth");
    let expected = [
        (both(), 7.into(), serde_json::json!([])),
        (both(), 7.into(), serde_json::json!(["*.tmp"])),
        (both(), 7.into(), serde_json::json!([])),
    ];
    assert_eq!(facts(), expected);
    pair.room.run(["sync", "change", "Office", "--mode", "mirror"]).expect(1).says("changes go both ways");
    pair.room.run(["sync", "change", "Office", "--bin-daily", "9", "--exclude", "[z-a]"]).expect(1);
    assert_eq!(facts(), expected, "nothing was changed");
}

#[test]
fn places_of_a_hub_lie_beside_each_other() {
    let pair = Pair::new();
    fs::create_dir_all(pair.path("hub")).unwrap();
    fs::create_dir_all(pair.path("left/inside")).unwrap();
    let path = |name: &str| pair.path(name).into_os_string();
    let words = ["sync".into(), "add".into(), path("hub"), path("left"), path("left/inside")];
    pair.room.run(words).expect(1).says("lies in the other");
    assert_eq!(pair.room.run(["sync", "list", "--json"]).expect(0).json()["pairs"], serde_json::json!([]));
}

#[test]
fn rules_that_lie_in_the_places_are_shown_and_changed_for_whoever_syncs_them() {
    let pair = Pair::in_step(3);
    let rules = |more: &[&str]| pair.room.run([&["sync", "rules", "left and right"], more].concat());
    rules(&[]).expect(0).says("hold no shared rules");
    rules(&["--remove", "*.tmp"]).expect(1).says("Nothing was written");
    rules(&["--add", "[z-a]"]).expect(1).says("can not be understood");
    assert!(!pair.has("left", ".keepwell/rules") && !pair.has("right", ".keepwell/rules"));

    rules(&["--add", "*.tmp", "--add", "/build/"]).expect(0).says("the same in both places");
    assert_eq!(pair.read("left", ".keepwell/rules"), "*.tmp\n/build/\n");
    assert_eq!(pair.read("right", ".keepwell/rules"), "*.tmp\n/build/\n");
    pair.write("left", "scratch.tmp", "scratch");
    pair.write("right", "build/out", "out");
    pair.write("left", "letter", "Dear Ada");
    pair.sync(&[]).expect(0);
    assert!(
        pair.has("right", "letter") && !pair.has("right", "scratch.tmp") && !pair.has("left", "build/out")
    );

    // Another device wrote one of the two meanwhile: that is said, and setting them makes them one again.
    pair.write("right", ".keepwell/rules", "*.tmp\n/build/\n*.bak\n");
    let told = rules(&[]).expect(0);
    told.says("The two places differ");
    let told = rules(&["--json"]).expect(0).json();
    assert_eq!(
        (told["differ"].as_bool(), told["text"].as_str()),
        (Some(true), Some("*.tmp\n/build/\n*.bak\n"))
    );
    rules(&["--remove", "/build/"]).expect(0);
    assert_eq!(pair.read("left", ".keepwell/rules"), "*.tmp\n*.bak\n");
    assert_eq!(pair.read("right", ".keepwell/rules"), "*.tmp\n*.bak\n");
    pair.sync(&[]).expect(0);
    assert!(pair.has("left", "build/out"));

    rules(&["--set", "*.log"]).expect(0);
    assert_eq!(pair.read("right", ".keepwell/rules"), "*.log\n");
    rules(&["--set", "*.log", "--add", "*.tmp"]).expect(2);
    let none = rules(&["--remove", "*.log"]).expect(0).says("hold no shared rules");
    let none = none.says("Nothing is left out by shared rules any more.");
    assert!(!none.said().contains("They lie in both places"), "{none:?}");
    rules(&["--set", "*.log"]).expect(0).says("They lie in both places now.");
    rules(&["--set", ""]).expect(0).says("hold no shared rules");
    pair.sync(&[]).expect(0);
    assert!(pair.has("right", "scratch.tmp"));
}
