//! What is typed and what becomes of it: options of one run, places however they are written, one plan and no other,
//! brakes in a preview, all pairs paused, hubs by name.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::Pair;
use crate::harness::{Room, Run, files_below};

/// The one pair there is.
#[track_caller]
fn only_pair(room: &Room) -> Value {
    let list = room.run(["sync", "list", "--json"]).expect(0).json();
    let pairs = list["pairs"].as_array().unwrap();
    assert_eq!(pairs.len(), 1, "{pairs:?}");
    pairs[0].clone()
}

fn pairs(room: &Room) -> usize {
    room.run(["sync", "list", "--json"]).expect(0).json()["pairs"].as_array().unwrap().len()
}

/// The id a preview printed.
#[track_caller]
fn plan_id(preview: &Run) -> String {
    let line = preview.err.lines().find_map(|line| line.strip_prefix("Plan: "));
    line.unwrap_or_else(|| panic!("no id of a plan:\n{}", preview.said())).to_owned()
}

#[test]
fn a_preview_with_other_options_changes_nothing_of_the_pair() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    pair.write("right", "only here", "2");
    pair.sync(&["--mode", "update", "--conflict", "newest"]).expect(0);
    let before = only_pair(&pair.room);
    let preview =
        pair.sync(&["--preview", "--mode", "mirror", "--bandwidth-at", "22:00-06:00=none"]).expect(0);
    let preview = preview.says("only here").says("put into bin").says("Nothing was changed.");
    let mut after = only_pair(&pair.room);
    assert_eq!((&after["mode"], &after["bandwidth"]), (&before["mode"], &before["bandwidth"]));
    after["nextRunMs"] = before["nextRunMs"].clone();
    assert_eq!(after, before);
    // What it printed does exactly that, and says what the pair is from then on.
    let id = plan_id(&preview);
    preview.says(&format!(
        "sync run \"left and right\" --mode mirror --bandwidth-at \"22:00-06:00=none\" --plan {id}"
    ));
    pair.sync(&[]).expect(0);
    assert!(pair.has("right", "only here"), "the pair became another by being looked at");
    let run = pair.sync(&["--mode", "mirror", "--bandwidth-at", "22:00-06:00=none", "--plan", &id]).expect(0);
    run.says("The pair is changed. Mode: mirror; it was: update.")
        .says("The pair is changed. Speed: no limit; 22:00-06:00 no limit; it was: no limit.");
    assert!(!pair.has("right", "only here"));
    assert_eq!(only_pair(&pair.room)["mode"], "mirror");
    assert!(!pair.sync(&["--mode", "mirror"]).expect(0).said().contains("is changed"));
}

#[test]
fn conflicts_that_wait_are_not_touched_by_a_look_with_other_options() {
    let pair = Pair::in_step(2);
    pair.write("left", "folder 0/file 0", "left, and longer");
    pair.write("right", "folder 0/file 0", "right, and longer still");
    pair.sync(&[]).expect(3);
    let waiting = || pair.room.run(["sync", "resolve", "left and right", "--json"]).json();
    let before = waiting();
    assert_eq!(before.as_array().unwrap().len(), 1);
    assert_eq!(pair.plan(&["--mode", "mirror"]).len(), 1);
    assert_eq!(waiting(), before);
}

#[test]
fn a_run_that_halts_does_not_change_the_pair_and_tells_how_to_go_on_with_its_options() {
    let pair = Pair::in_step(80);
    for number in 0..60 {
        pair.remove("left", &format!("folder {}/file {number}", number % 5));
    }
    let halted = pair.sync(&["--mode", "mirror"]).expect(4);
    halted.says("--mode mirror --release-brake many-removed").says("--mode mirror --preview");
    assert_eq!(only_pair(&pair.room)["mode"], "twoWay");
    pair.sync(&["--mode", "mirror", "--release-brake", "many-removed"]).expect(0).says("Mode: mirror");
    assert_eq!(only_pair(&pair.room)["mode"], "mirror");
}

#[test]
fn a_look_at_a_new_pair_and_a_run_at_a_wrong_place_leave_no_pair_behind() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    let preview = pair.sync(&["--preview", "--mode", "mirror"]).expect(0).says("make");
    let state = pair.path("state").join("sync");
    assert_eq!((pairs(&pair.room), files_below(&state)), (0, Vec::<PathBuf>::new()));
    assert!(!pair.path("left/.keepwell").exists() && !pair.path("right/.keepwell").exists());
    pair.room.run(["sync", "run", "nowhere", "right"]).expect(1);
    pair.room.run(["sync", "run", "left", "no/where/deep"]).expect(1);
    pair.room.run(["sync", "run", "nowhere", "new"]).expect(1);
    assert_eq!((pairs(&pair.room), files_below(&state)), (0, Vec::<PathBuf>::new()));
    assert!(!pair.path("new").exists());
    // The plan of a pair that was not there is carried out as it was shown.
    pair.sync(&["--mode", "mirror", "--plan", &plan_id(&preview)]).expect(0).says("is remembered");
    assert_eq!((pairs(&pair.room), pair.read("right", "a")), (1, "1".to_owned()));
}

#[test]
fn the_same_two_places_are_one_pair_however_they_are_written() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    let run = |left: &str, right: &str| pair.room.run(["sync", "run", left, right]);
    run("left/", "right/").expect(0);
    run("left/", "right/").expect(0);
    run("./left/../left", "right/.").expect(0);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(pair.path("left"), pair.path("way")).unwrap();
        run("way", "right").expect(0);
    }
    // In the other order it is the same pair, where the sides do not matter.
    pair.write("right", "b", "2");
    run("right", "left").expect(0).says("This is the pair \"left and right\"");
    assert_eq!((pairs(&pair.room), pair.read("left", "b")), (1, "2".to_owned()));
    pair.remove("left", "b");
    let refused = pair.room.run(["sync", "run", "right", "left", "--mode", "mirror"]).expect(1);
    refused.says("left and right").says("the other way round");
    pair.room.run(["sync", "add", "right/", "left"]).expect(1).says("in the other order");
    assert!(pair.has("right", "b"));
    assert_eq!(only_pair(&pair.room)["mode"], "twoWay");
}

#[test]
fn a_plan_is_carried_out_as_it_was_shown_or_not_at_all() {
    let pair = Pair::in_step(3);
    pair.write("left", "folder 0/file 0", "0123456789");
    pair.write("left", "new", "one");
    let shown = pair.sync(&["--preview", "--json"]).expect(0);
    assert_eq!(shown.json().as_array().unwrap().len(), 2);
    let id = plan_id(&shown);
    assert_eq!(id, plan_id(&pair.sync(&["--preview"]).expect(0)), "the same plan has the same id");
    // As long as before, and as old: only the content is another.
    let file = pair.path("left").join("folder 0/file 0");
    let modified = fs::metadata(&file).unwrap().modified().unwrap();
    pair.write("left", "folder 0/file 0", "9876543210");
    fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
    pair.sync(&["--plan", &id]).expect(1).says("is not that plan").says("Nothing was changed.");
    assert_eq!(pair.read("right", "folder 0/file 0"), "content 0");
    assert!(!pair.has("right", "new"));
    let id = plan_id(&pair.sync(&["--preview"]).expect(0));
    pair.write("left", "another", "two");
    pair.sync(&["--plan", &id]).expect(1);
    pair.remove("left", "another");
    pair.write("left", "new", "two");
    pair.sync(&["--plan", &id]).expect(1).says("is not that plan");
    assert!(!pair.has("right", "new"));
    let id = plan_id(&pair.sync(&["--preview"]).expect(0));
    pair.sync(&["--plan", &id]).expect(0);
    pair.assert_alike();
    pair.sync(&["--plan", "latest"]).expect(1).says("--preview prints it");
}

#[test]
fn a_preview_under_a_brake_shows_the_plan_and_leaves_the_halted_run_waiting() {
    let pair = Pair::in_step(80);
    for number in 0..60 {
        pair.remove("left", &format!("folder {}/file {number}", number % 5));
    }
    pair.sync(&[]).expect(4);
    let halted = only_pair(&pair.room);
    assert_eq!(halted["state"], "halted");
    let preview = pair.sync(&["--preview"]).expect(4).says("A safety brake would stop this run");
    assert!(
        preview.out.contains("folder 0/file 0") && preview.out.contains("put into bin"),
        "{}",
        preview.out
    );
    let id = plan_id(&preview);
    preview.says(&format!("--release-brake many-removed --plan {id}")).says("--bring-back-from right");
    let rows = pair.sync(&["--preview", "--json"]).expect(4).json();
    assert_eq!(rows.as_array().unwrap().len(), 60 + 1);
    // The last one is the halt, with the ways on from this plan.
    let (halt, answers) = (&rows[60], &rows[60]["answers"]);
    assert_eq!((&halt["kind"], &halt["brakes"][0]["kind"]), (&"halt".into(), &"many-removed".into()));
    assert!(halt["why"].as_str().unwrap().contains("items are gone from left"), "{halt}");
    let go_on = format!("keepwell sync run \"left and right\" --release-brake many-removed --plan {id}");
    assert_eq!((&answers[1]["answer"], &answers[1]["command"]), (&"release-brake".into(), &go_on.into()));
    let back = pair.sync(&["--preview", "--bring-back-from", "right"]).expect(0).says("brought back");
    let back_id = plan_id(&back);
    back.says(&format!("sync run \"left and right\" --bring-back-from right --plan {back_id}"));
    let after = only_pair(&pair.room);
    assert_eq!((&after["state"], &after["activeJobId"]), (&"halted".into(), &halted["activeJobId"]));
    // The id of the one plan is none of the other.
    pair.sync(&["--release-brake", "many-removed", "--plan", &back_id]).expect(1);
    assert!(pair.has("right", "folder 0/file 0"));
    pair.sync(&["--bring-back-from", "right", "--plan", &back_id]).expect(0);
    pair.assert_alike();
    assert!(pair.has("left", "folder 0/file 0"));
}

#[test]
fn all_pairs_are_paused_as_a_whole_and_one_that_was_paused_by_itself_stays_so() {
    let room = Room::new();
    for name in ["a", "b", "c", "d"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    room.run(["sync", "add", "a", "b", "--name", "One", "--daily", "02:00"]).expect(0).says("sync watch");
    room.run(["sync", "add", "c", "d", "--name", "Two", "--every", "2"]).expect(0);
    room.run(["sync", "pause", "One"]).expect(0);
    room.run(["sync", "pause", "--all"]).expect(0).says("All pairs are paused");
    let list = || room.run(["sync", "list", "--json"]).expect(0).json();
    let paused = |list: &Value| [list["pairs"][0]["paused"].clone(), list["pairs"][1]["paused"].clone()];
    let held = list();
    assert_eq!((&held["allPaused"], &held["pairs"][1]["nextRunMs"]), (&Value::Bool(true), &Value::Null));
    assert_eq!(paused(&held), [Value::Bool(true), Value::Bool(false)]);
    room.run(["sync", "watch"]).expect(1).says("All pairs are paused");
    room.run(["sync", "resume", "--all"]).expect(0).says("\"One\" is paused by itself");
    let free = list();
    assert_eq!((&free["allPaused"], free["pairs"][1]["nextRunMs"].is_null()), (&Value::Bool(false), false));
    assert_eq!(paused(&free), [Value::Bool(true), Value::Bool(false)]);
}

#[test]
fn the_name_of_a_hub_is_taken_where_its_pairs_are_meant() {
    let room = Room::new();
    for name in ["hub", "a", "b"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    fs::write(room.path("a/one"), "1").unwrap();
    fs::write(room.path("a/two"), "2").unwrap();
    room.run(["sync", "add", "hub", "a", "b", "--name", "Work"]).expect(0);
    room.run(["sync", "run", "Work"]).expect(0);
    fs::remove_file(room.path("a/one")).unwrap();
    room.run(["sync", "run", "Work"]).expect(0);
    room.run(["sync", "show", "Work"]).expect(0).says("hub and a").says("hub and b").says("all of 1 day,");
    assert_eq!(
        room.run(["sync", "show", "Work", "--json"]).expect(0).json()["pairs"].as_array().unwrap().len(),
        2
    );
    room.run(["sync", "resolve", "Work"]).expect(0).says("No conflict waits.");
    room.run(["sync", "bin", "Work"]).expect(0).says("hub and b:").says("one");
    for words in [
        &["undo", "Work"][..],
        &["bin", "Work", "--restore", "1"],
        &["resolve", "Work", "--all", "--keep", "left"],
    ] {
        let words = ["sync"].iter().chain(words);
        room.run(words).expect(1).says("is a hub of several pairs").says("\"hub and a\", \"hub and b\"");
    }
    room.run(["sync", "run", "Work", "--mode", "mirror"]).expect(1).says("sync change");
    room.run(["sync", "undo", "hub and b"]).expect(0).says("1 item is as it was before that run.");
}

#[test]
fn the_bin_of_a_hub_as_json_has_what_each_of_its_pairs_put_there() {
    let room = Room::new();
    for name in ["hub", "a", "b"] {
        fs::create_dir(room.path(name)).unwrap();
    }
    for name in ["one", "two"] {
        fs::write(room.path("a").join(name), name).unwrap();
    }
    room.run(["sync", "add", "hub", "a", "b", "--name", "Work"]).expect(0);
    room.run(["sync", "run", "Work"]).expect(0);
    let bin = |more: &[&str]| room.run([&["sync", "bin", "Work", "--json"], more].concat()).expect(0).json();
    let pairs = room.run(["sync", "show", "Work", "--json"]).expect(0).json()["pairs"].clone();
    let id = |name: &str| {
        let pair = pairs.as_array().unwrap().iter().find(|pair| pair["name"] == name);
        pair.unwrap()["id"].as_str().unwrap().to_owned()
    };
    // Each pair has a page, also where nothing is in its bin.
    let empty = bin(&[]);
    let mut ids: Vec<&String> = empty.as_object().unwrap().keys().collect();
    let mut known = [id("hub and a"), id("hub and b")];
    ids.sort();
    known.sort();
    assert_eq!(ids, known.iter().collect::<Vec<_>>());
    assert!(known.iter().all(|id| empty[id]["rows"].as_array().unwrap().is_empty()), "{empty}");
    // What goes in `a` goes in the hub by the one pair, and in `b` by the other.
    fs::remove_file(room.path("a/one")).unwrap();
    room.run(["sync", "run", "Work"]).expect(0);
    let full = bin(&[]);
    for (name, side) in [("hub and a", "left"), ("hub and b", "right")] {
        let page = &full[id(name)];
        assert_eq!((&page["items"], page["rows"].as_array().unwrap().len()), (&Value::from(1), 1), "{page}");
        let row = &page["rows"][0];
        assert_eq!((&row["path"]["path"], &row["side"]), (&Value::from("one"), &Value::from(side)), "{row}");
    }
    // What is looked for is looked for in each.
    let none = bin(&["--find", "two"]);
    assert!(known.iter().all(|id| none[id]["rows"].as_array().unwrap().is_empty()), "{none}");
    assert!(known.iter().all(|id| none[id]["items"] == 1), "{none}");
}

#[test]
fn how_a_live_pair_is_watched_is_in_the_list_and_in_what_is_shown_of_it() {
    use keepwell_catalog::{Catalog, Presence};

    let pair = Pair::new();
    let room = &pair.room;
    room.run(["sync", "add", "left", "right", "--live"]).expect(0);
    let says = |list: &str, shown: &str, watched: &str| {
        let words = room.run(["sync", "list"]).expect(0);
        assert!(words.out.contains(list), "{list}: {}", words.out);
        let words = room.run(["sync", "show", "left and right"]).expect(0);
        assert!(words.out.contains(shown), "{shown}: {}", words.out);
        assert_eq!(only_pair(room)["watched"], watched);
        let shown = room.run(["sync", "show", "left and right", "--json"]).expect(0).json();
        assert!(shown.to_string().contains(&format!("\"watched\":\"{watched}\"")), "{shown}");
    };
    says("live (nothing watches it now), ", "yes; nothing watches it now: open Keepwell", "asleep");
    // As another Keepwell that lives says of itself.
    let state = room.path("state");
    let catalog = Catalog::open(&state, 1).unwrap().catalog;
    let other = Presence::announce(&state, "another").unwrap();
    let lease = format!("live/{}", only_pair(room)["id"].as_str().unwrap());
    catalog.take_lease(&lease, &other, 1).unwrap();
    says(" live, ", "yes; changes are noticed as they happen", "watching");
    let scanning = format!("{lease}/scanning");
    catalog.take_lease(&scanning, &other, 1).unwrap();
    says(
        "live (looked at about once a minute), ",
        "yes; looked at about once a minute, the system does not tell of all changes here",
        "scanning",
    );
    catalog.release_lease(&scanning, &other).unwrap();
    says(" live, ", "yes; changes are noticed as they happen", "watching");
    drop(other);
    says("live (nothing watches it now), ", "yes; nothing watches it now: open Keepwell", "asleep");
}

#[test]
fn the_first_run_makes_the_far_folder_and_no_later_one_does() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    let run = |more: &[&str]| pair.room.run([&["sync", "run", "left", "far"], more].concat());
    run(&["--preview"]).expect(1).says("is not there yet");
    assert!(!pair.path("far").exists());
    run(&[]).expect(0).says("far was not there: it was made.");
    assert_eq!(fs::read_to_string(pair.path("far/a")).unwrap(), "1");
    fs::remove_dir_all(pair.path("far")).unwrap();
    let code = run(&[]).code;
    assert!(matches!(code, Some(1 | 4)), "{code:?}");
    assert!(!pair.path("far").exists() && pair.has("left", "a"));
}

#[test]
fn the_first_run_of_a_pair_that_was_added_makes_the_far_folder_where_it_never_was() {
    let pair = Pair::new();
    let room = &pair.room;
    pair.write("left", "a", "1");
    room.run(["sync", "add", "left", "far", "--name", "far"]).expect(0);
    room.run(["sync", "run", "far", "--preview"])
        .expect(1)
        .says("far is not there yet. Nothing was changed.");
    assert!(!pair.path("far").exists());
    room.run(["sync", "run", "far"]).expect(0);
    assert_eq!(pair.read("far", "a"), "1");
    fs::remove_dir_all(pair.path("far")).unwrap();
    let code = room.run(["sync", "run", "far"]).code;
    assert!(matches!(code, Some(1 | 4)), "{code:?}");
    assert!(!pair.path("far").exists() && pair.has("left", "a"));
    // One that was there when the pair was made is away, and the folders above one are never made.
    room.run(["sync", "add", "left", "right", "--name", "away"]).expect(0);
    fs::rename(pair.path("right"), pair.path("unplugged")).unwrap();
    room.run(["sync", "run", "away"]).expect(1).says("does not exist");
    assert!(!pair.path("right").exists());
    room.run(["sync", "add", "left", "no/where", "--name", "nowhere"]).expect(0);
    room.run(["sync", "run", "nowhere"]).expect(1);
    assert!(!pair.path("no").exists());
    // Looking at what waits in a pair is no run of it.
    room.run(["sync", "add", "left", "new", "--name", "new"]).expect(0);
    room.run(["sync", "resolve", "new"]).expect(0);
    room.run(["sync", "run", "left", "new"]).expect(0).says("new was not there: it was made.");
    assert_eq!(pair.read("new", "a"), "1");
}

#[test]
fn what_comes_back_into_a_mirror_pauses_the_pair_and_is_told() {
    let pair = Pair::in_step(12);
    pair.sync(&["--mode", "mirror"]).expect(0);
    pair.remove("left", "folder 1/file 1");
    pair.sync(&[]).expect(0);
    let restore = ["sync", "bin", "left and right", "--restore", "1"];
    let back = pair.room.run(restore).expect(0).says("1 item is back.");
    back.says("The pair is paused: its next run would put it into the bin again.")
        .says("keepwell sync run \"left and right\" --preview");
    assert_eq!(only_pair(&pair.room)["paused"], true);
    // Where the next run carries it over, nothing is held.
    let pair = Pair::in_step(12);
    pair.remove("left", "folder 1/file 1");
    pair.sync(&[]).expect(0);
    assert!(!pair.room.run(restore).expect(0).said().contains("paused"));
    assert_eq!(only_pair(&pair.room)["paused"], false);
}

#[test]
fn where_no_conflict_waits_deciding_all_says_so() {
    let pair = Pair::in_step(2);
    for words in [["--keep", "both"], ["--keep", "newest"]] {
        let none =
            pair.room.run([&["sync", "resolve", "left and right", "--all"], &words[..]].concat()).expect(1);
        none.says("Nothing was decided: no conflict waits.");
    }
}

#[test]
fn a_decision_about_what_changed_since_is_not_carried_out_and_that_is_said() {
    let pair = Pair::in_step(2);
    for side in ["left", "right"] {
        pair.write(side, "letter", format!("of the {side}"));
        pair.write(side, "list", format!("of the {side}"));
    }
    pair.sync(&[]).expect(3).says("2 conflicts wait");
    pair.write("left", "letter", "edited once more, on the left");
    let keep_right =
        || pair.room.run(["sync", "resolve", "left and right", "letter", "--keep", "right"]).expect(3);
    let run = keep_right();
    run.says("1 conflict waits to be looked at again: changed since the list was made.").says("  letter");
    assert_eq!(pair.read("left", "letter"), "edited once more, on the left");
    assert_eq!(pair.read("right", "letter"), "of the right");
    assert!(!keep_right().said().contains("looked at again"), "the other one waits as before");
    assert_eq!(pair.read("left", "letter"), "of the right");
}

/// What `sync watch` says until it has said this.
#[cfg(unix)]
fn watch_says(room: &Room, words: &str) {
    use std::io::{BufRead as _, BufReader};
    use std::process::Stdio;

    let mut watch =
        room.command(["sync", "watch"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let lines = BufReader::new(watch.stderr.take().unwrap()).lines();
    let said: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.contains("Ctrl-C")).collect();
    watch.kill().unwrap();
    watch.wait().unwrap();
    assert!(said.iter().any(|line| line.contains(words)), "{said:?}");
}

/// A `sync watch` of the pair, and what it says to the person.
#[cfg(unix)]
struct Watching {
    watch: std::process::Child,
    told: std::sync::mpsc::Receiver<String>,
    said: Vec<String>,
}

#[cfg(unix)]
impl Watching {
    fn new(pair: &Pair) -> Self {
        use std::io::{BufRead as _, BufReader};
        use std::process::Stdio;
        let mut watch = pair.room.command(["sync", "watch", "left and right"]);
        let mut watch = watch.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(watch.stderr.take().unwrap()).lines();
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| tell.send(line)));
        let mut watching = Self { watch, told, said: Vec::new() };
        watching.until("Ctrl-C");
        watching
    }

    #[track_caller]
    fn until(&mut self, words: &str) {
        while let Ok(line) = self.told.recv_timeout(std::time::Duration::from_secs(60)) {
            let is_it = line.contains(words);
            self.said.push(line);
            if is_it {
                return;
            }
        }
        panic!("{words} was not said: {:?}", self.said);
    }
}

#[cfg(unix)]
impl Drop for Watching {
    fn drop(&mut self) {
        self.watch.kill().unwrap();
        self.watch.wait().unwrap();
    }
}

#[cfg(unix)]
#[test]
fn watching_tells_the_ways_on_from_a_halt() {
    let pair = Pair::in_step(40);
    let mut watching = Watching::new(&pair);
    for folder in 0..5 {
        pair.remove("left", &format!("folder {folder}"));
    }
    watching.until("keepwell sync run \"left and right\" --preview");
    let said = &watching.said;
    assert!(
        said.iter().any(|line| line.contains("sync run \"left and right\" --bring-back-from right")),
        "{said:?}"
    );
}

/// What can not be looked at is nothing to be done: it counts all the same.
#[cfg(unix)]
#[test]
fn watching_looks_again_after_half_a_minute_where_there_was_a_problem_and_says_so() {
    let pair = Pair::in_step(4);
    let mut watching = Watching::new(&pair);
    // Its first look at everything is over.
    pair.write("left", "first", "1");
    while !pair.has("right", "first") {
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    let made = std::process::Command::new("mkfifo").arg(pair.path("left").join("pipe")).status().unwrap();
    assert!(made.success());
    watching.until("  1 problem, looked at again from time to time: keepwell job show ");
}

#[cfg(unix)]
#[test]
fn watching_keeps_the_clock_of_pairs_that_are_not_live() {
    let pair = Pair::new();
    pair.room.run(["sync", "add", "left", "right", "--daily", "02:00"]).expect(0);
    watch_says(&pair.room, "by the clock: daily at 02:00");
}
