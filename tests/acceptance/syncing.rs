//! Two folders kept alike through the command line: the modes, the plan before it runs, conflicts, brakes, bins, undo.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;

use crate::harness::{Room, Run, assert_same_but, files_below};

#[path = "syncing_bad_days.rs"]
mod bad_days;
#[path = "syncing_brakes.rs"]
mod brakes;
#[cfg(target_os = "linux")]
#[path = "syncing_volumes.rs"]
mod volumes;
#[path = "syncing_words.rs"]
mod words;

/// What both sides of a pair may differ in: the folder that holds the bins.
const ALIKE: keepwell_testkit::CompareOptions = keepwell_testkit::CompareOptions {
    ignore_owners: true,
    ignore_folder_times: true,
    ignore_sockets: true,
    ignore_holes: true,
};

/// A room with two folders.
pub struct Pair {
    pub room: Room,
}

impl Pair {
    pub fn new() -> Self {
        let room = Room::new();
        for side in ["left", "right"] {
            fs::create_dir(room.path(side)).unwrap();
        }
        Self { room }
    }

    /// Two folders with so many files, in step.
    pub fn in_step(files: usize) -> Self {
        let pair = Self::new();
        for number in 0..files {
            pair.write("left", &format!("folder {}/file {number}", number % 5), format!("content {number}"));
        }
        pair.sync(&[]).expect(0);
        pair.assert_alike();
        pair
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.room.path(name)
    }

    pub fn write(&self, side: &str, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(side).join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, side: &str, name: &str) -> String {
        fs::read_to_string(self.path(side).join(name)).unwrap()
    }

    pub fn has(&self, side: &str, name: &str) -> bool {
        self.path(side).join(name).exists()
    }

    pub fn remove(&self, side: &str, name: &str) {
        let path = self.path(side).join(name);
        if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
    }

    pub fn arguments(&self, more: &[&str]) -> Vec<OsString> {
        let words = ["sync".into(), "run".into(), self.path("left").into(), self.path("right").into()];
        words.into_iter().chain(more.iter().map(OsString::from)).collect()
    }

    /// Syncs the two folders.
    pub fn sync(&self, more: &[&str]) -> Run {
        self.room.run(self.arguments(more))
    }

    /// The rows of the plan.
    #[track_caller]
    pub fn plan(&self, more: &[&str]) -> Vec<Value> {
        let run = self.sync(&[&["--preview", "--json"], more].concat()).expect(0);
        run.json().as_array().expect("rows").clone()
    }

    /// The pair as the program shows it.
    #[track_caller]
    pub fn show(&self) -> Value {
        self.room.run(["sync", "show", "left and right", "--json"]).expect(0).json()["pair"].clone()
    }

    #[track_caller]
    pub fn bin(&self) -> Vec<Value> {
        let page = self.room.run(["sync", "bin", "left and right", "--json"]).expect(0).json();
        page["rows"].as_array().unwrap().clone()
    }

    /// Both sides hold the same, and there is nothing left to do.
    #[track_caller]
    pub fn assert_alike(&self) {
        let (left, right) = (self.without_own("left"), self.without_own("right"));
        assert_same_but(&left, &right, ALIKE);
        for copy in [left, right] {
            keepwell_testkit::remove_tree(&copy).unwrap();
        }
        assert_eq!(self.plan(&[]), Vec::<Value>::new(), "a second plan has something to do");
    }

    /// A copy of a side without what Keepwell itself keeps there.
    fn without_own(&self, side: &str) -> PathBuf {
        let copy = self.path(&format!("copy of {side}"));
        fs::create_dir(&copy).unwrap();
        for item in fs::read_dir(self.path(side)).unwrap() {
            let item = item.unwrap();
            // A kill may leave the empty folder in which a place was tried; it is no item, and goes when it is old.
            if !item.file_name().to_string_lossy().starts_with(".keepwell") {
                copy_all(&item.path(), &copy.join(item.file_name()));
            }
        }
        copy
    }

    /// How many files lie in the bin of a side.
    pub fn binned(&self, side: &str) -> usize {
        files_below(&self.path(side).join(".keepwell/bin")).len()
    }
}

fn copy_all(from: &Path, to: &Path) {
    if from.is_dir() {
        fs::create_dir(to).unwrap();
        for item in fs::read_dir(from).unwrap() {
            let item = item.unwrap();
            copy_all(&item.path(), &to.join(item.file_name()));
        }
    } else {
        fs::copy(from, to).unwrap();
        let modified = fs::metadata(from).unwrap().modified().unwrap();
        fs::File::options().write(true).open(to).unwrap().set_modified(modified).unwrap();
    }
}

fn kinds(rows: &[Value]) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let mut kinds: Vec<_> = rows.iter().map(|row| (text(&row["path"]), text(&row["kind"]))).collect();
    kinds.sort();
    kinds
}

fn pair(path: &str, kind: &str) -> (String, String) {
    (path.to_owned(), kind.to_owned())
}

#[test]
fn changes_of_either_side_reach_the_other() {
    let pair = Pair::new();
    pair.write("left", "letters/to-ada", "Dear Ada");
    pair.write("right", "pictures/roof", "a roof");
    pair.sync(&["--mode", "two-way"]).expect(0).says("Synced");
    pair.assert_alike();
    assert_eq!(pair.read("right", "letters/to-ada"), "Dear Ada");
    assert_eq!(pair.read("left", "pictures/roof"), "a roof");

    pair.write("right", "letters/to-ada", "Dear Ada, the roof leaks");
    pair.remove("left", "pictures/roof");
    fs::rename(pair.path("left").join("letters"), pair.path("left").join("post")).unwrap();
    pair.sync(&[]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", "post/to-ada"), "Dear Ada, the roof leaks");
    assert!(!pair.has("right", "pictures/roof") && !pair.has("right", "letters"));
    pair.sync(&[]).expect(0).says("nothing to do");
}

#[test]
fn a_preview_changes_nothing_and_is_what_the_run_then_does() {
    let pair = Pair::in_step(4);
    pair.write("left", "new", "1");
    pair.write("right", "folder 0/file 0", "changed on the right, and longer");
    pair.remove("left", "folder 1/file 1");
    fs::rename(pair.path("left").join("folder 2/file 2"), pair.path("left").join("moved")).unwrap();
    let rows = pair.plan(&[]);
    let expected = [
        pair_of("folder 0/file 0", "replace"),
        pair_of("folder 1/file 1", "remove"),
        pair_of("moved", "move"),
        pair_of("new", "copy"),
    ];
    assert_eq!(kinds(&rows), expected);
    let moved = rows.iter().find(|row| row["kind"] == "move").unwrap();
    assert_eq!((&moved["from"]["path"], &moved["to"]["path"]), (&"folder 2/file 2".into(), &"moved".into()));
    assert_eq!((&moved["to"]["side"], &moved["why"]), (&"right".into(), &"moved".into()));
    assert!(
        !pair.has("right", "new") && pair.has("right", "folder 2/file 2"),
        "the preview changed something"
    );
    assert_eq!(pair.read("left", "folder 0/file 0"), "content 0");
    pair.sync(&["--preview"]).expect(0).says("Nothing was changed.");
    pair.sync(&[]).expect(0);
    pair.assert_alike();
}

#[test]
fn a_new_folder_is_one_change_in_the_plan() {
    let pair = Pair::new();
    pair.write("left", "letters/to-ada", "Dear Ada");
    let rows = pair.plan(&[]);
    assert_eq!(kinds(&rows), [pair_of("letters", "createFolder"), pair_of("letters/to-ada", "copy")]);
    let said = pair.sync(&["--preview"]).expect(0).says("2 new").said();
    assert!(!said.contains("times"), "{said}");
    pair.sync(&[]).expect(0);
    pair.assert_alike();
}

fn pair_of(path: &str, kind: &str) -> (String, String) {
    pair(path, kind)
}

#[test]
fn a_mirror_becomes_exactly_like_the_left_and_keeps_what_it_had_in_its_bin() {
    let pair = Pair::new();
    pair.write("left", "a", "left");
    pair.write("right", "a", "right");
    pair.write("right", "only here", "precious");
    pair.sync(&["--mode", "mirror"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("right", "a"), "left");
    assert!(!pair.has("right", "only here") && !pair.has("left", "only here"));
    assert_eq!((pair.binned("right"), pair.binned("left")), (2, 0));
    pair.write("right", "a", "changed where it should not be");
    pair.sync(&[]).expect(0);
    assert_eq!((pair.read("left", "a"), pair.read("right", "a")), ("left".to_owned(), "left".to_owned()));
}

#[test]
fn an_update_adds_and_never_removes() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    pair.write("left", "b", "2");
    pair.write("right", "only here", "3");
    pair.sync(&["--mode", "update"]).expect(0);
    pair.remove("left", "b");
    pair.write("left", "a", "newer and longer");
    pair.sync(&[]).expect(0);
    assert_eq!(pair.read("right", "a"), "newer and longer");
    assert!(pair.has("right", "b") && pair.has("right", "only here") && !pair.has("left", "only here"));
}

#[test]
fn moving_in_empties_the_left_into_its_bin_once_the_right_has_it() {
    let pair = Pair::new();
    pair.write("left", "scans/one", "page 1");
    pair.write("right", "scans/zero", "page 0");
    pair.sync(&["--mode", "move-in"]).expect(0);
    assert_eq!(pair.read("right", "scans/one"), "page 1");
    assert!(!pair.has("left", "scans/one"));
    assert_eq!(pair.binned("left"), 1);
}

/// Both sides changed the same file.
fn in_conflict() -> Pair {
    let pair = Pair::new();
    pair.write("left", "letter", "Dear Ada\n");
    pair.sync(&[]).expect(0);
    pair.write("left", "letter", "Dear Ada, the roof is mended\n");
    pair.write("right", "letter", "Dear Ada, the roof leaks again and again\n");
    pair.sync(&[]).expect(3).says("1 conflict");
    pair
}

#[test]
fn a_conflict_waits_untouched_until_it_is_decided() {
    let pair = in_conflict();
    assert_eq!(pair.read("left", "letter"), "Dear Ada, the roof is mended\n");
    assert_eq!(pair.read("right", "letter"), "Dear Ada, the roof leaks again and again\n");
    assert_eq!(pair.show()["state"], "conflicts");
    let listed = pair.room.run(["sync", "resolve", "left and right", "--json"]).expect(3).json();
    assert_eq!(listed[0]["path"]["path"], "letter");
    assert_eq!(listed[0]["kind"], "bothChanged");
    pair.room.run(["sync", "resolve", "left and right", "letter", "--keep", "right"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", "letter"), "Dear Ada, the roof leaks again and again\n");
    let bin = pair.bin();
    let kept = bin.iter().find(|row| row["side"] == "left" && row["path"]["path"] == "letter").unwrap();
    assert_eq!(kept["why"], "replaced");
}

#[test]
fn what_is_decided_while_the_pair_is_paused_waits_for_the_next_run_and_for_nobody() {
    let pair = in_conflict();
    let run = |words: &[&str]| pair.room.run([&["sync"], words].concat());
    run(&["list"]).expect(0).says("waits for your decision: 1 conflict");
    run(&["pause", "left and right"]).expect(0);
    let decided = run(&["resolve", "left and right", "letter", "--keep", "left"]).expect(0);
    decided.says("it is done with the next run: keepwell sync run \"left and right\"");
    let listed = run(&["resolve", "left and right"]).expect(0).says("the left one stays");
    let listed =
        listed.says("What is decided is done with the next run: keepwell sync run \"left and right\"");
    assert!(!listed.said().contains("To decide"), "{listed:?}");
    assert_eq!((&pair.show()["conflictsWaiting"], &pair.show()["differs"]), (&0.into(), &"decided".into()));
    let listed = run(&["list"]).expect(0).says("what you decided is done with the next run");
    assert!(!listed.said().contains("waits for your decision"), "{listed:?}");
    run(&["show", "left and right"]).expect(0).says("the left one stays");
    run(&["run", "left and right"]).expect(0);
    assert_eq!(pair.read("right", "letter"), "Dear Ada, the roof is mended\n");
    assert_eq!(pair.show()["state"], "inStep");
}

#[test]
fn a_decision_that_waits_is_taken_back_and_both_stay_as_they_are() {
    let pair = in_conflict();
    let (left, right) = (pair.read("left", "letter"), pair.read("right", "letter"));
    let run = |words: &[&str]| pair.room.run([&["sync"], words].concat());
    run(&["pause", "left and right"]).expect(0);
    run(&["resolve", "left and right", "letter", "--keep", "both"]).expect(0);
    run(&["resolve", "left and right"]).expect(0).says("PATH --later");
    run(&["resolve", "left and right", "letter", "--later"])
        .expect(0)
        .says("Nothing is decided of these any more");
    run(&["resolve", "left and right"]).expect(3).says("To decide");
    run(&["run", "left and right"]).expect(3);
    assert_eq!((pair.read("left", "letter"), pair.read("right", "letter")), (left, right));
}

#[test]
fn keeping_both_leaves_what_was_moved_to_two_places_and_names_it() {
    let pair = Pair::new();
    pair.write("left", "letter", "a letter");
    pair.sync(&[]).expect(0);
    for (side, folder) in [("left", "sent"), ("right", "answered")] {
        fs::create_dir(pair.path(side).join(folder)).unwrap();
        fs::rename(pair.path(side).join("letter"), pair.path(side).join(folder).join("letter")).unwrap();
        pair.write(side, "note", format!("of the {side}"));
    }
    pair.write("left", "list", "a file");
    pair.write("right", "list/one", "in a folder");
    pair.sync(&[]).expect(3).says("3 conflicts wait");
    pair.room.run(["sync", "resolve", "left and right"]).expect(3).says("a folder");
    let both = |what: &str| pair.room.run(["sync", "resolve", "left and right", what, "--keep", "both"]);
    both("--all")
        .says("1 conflict waits as before: what was moved to two places can lie in one only.")
        .says("  letter");
    both("letter").expect(1).says("it was moved to two places, and can lie in one only");
    assert_eq!(
        (pair.read("left", "sent/letter"), pair.read("right", "answered/letter")),
        ("a letter".into(), "a letter".into())
    );
    assert!(pair.path("left").join("list/one").exists());
}

#[test]
fn where_the_times_do_not_tell_the_newer_one_the_others_are_decided_and_these_are_named() {
    let pair = Pair::new();
    for name in ["clear", "alike"] {
        pair.write("left", name, "before");
    }
    pair.sync(&[]).expect(0);
    for (name, side, seconds) in
        [("clear", "left", 10), ("clear", "right", 20), ("alike", "left", 30), ("alike", "right", 30)]
    {
        pair.write(side, name, format!("{name} of the {side}"));
        let file = fs::File::options().write(true).open(pair.path(side).join(name)).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(1_700_000_000 + seconds)).unwrap();
    }
    pair.sync(&[]).expect(3).says("2 conflicts wait");
    let newest = || pair.room.run(["sync", "resolve", "left and right", "--all", "--keep", "newest"]);
    let run = newest().expect(3).says("1 conflict waits as before: the times do not tell").says("  alike");
    run.says("keepwell sync resolve \"left and right\" PATH --keep left|right|both");
    assert_eq!(pair.read("left", "clear"), "clear of the right");
    assert_eq!(pair.read("left", "alike"), "alike of the left");
    newest().expect(1).says("Nothing was decided: the times do not tell which is newer");
    // What was decided before stays decided.
    pair.room.run(["sync", "pause", "left and right"]).expect(0);
    pair.room.run(["sync", "resolve", "left and right", "alike", "--keep", "right"]).expect(0);
    newest().expect(1);
    pair.room.run(["sync", "resolve", "left and right"]).expect(0).says("the right one stays");
}

#[cfg(unix)]
#[test]
fn a_conflict_is_decided_by_its_path_as_it_is_shown_and_as_it_is() {
    use std::os::unix::ffi::OsStrExt;

    let pair = Pair::new();
    let names = ["a/\u{1b}[1mx", "a/\u{1b}[2mx"];
    let conflict = || {
        for side in ["left", "right"] {
            for name in names {
                pair.write(side, name, format!("another text {side} {}", pair.read("left", "number")));
            }
        }
        pair.sync(&[]).expect(3);
    };
    let keep = |path: &str| pair.room.run(["sync", "resolve", "left and right", path, "--keep", "left"]);
    pair.write("left", "number", "1");
    conflict();
    keep(names[0]);
    keep("a/<U+001B>[2mx").expect(0);
    pair.assert_alike();
    // What two are shown as names neither.
    for side in ["left", "right"] {
        for name in [b"\xfe", b"\xff"] {
            let path = pair.path(side).join(std::ffi::OsStr::from_bytes(name));
            std::fs::write(path, side).unwrap();
        }
    }
    pair.sync(&[]).expect(3);
    keep("\u{fffd}").expect(1).says("No conflict waits at");
    keep("%FE").expect(3);
    keep("\u{fffd}").expect(0);
    pair.assert_alike();
}

#[test]
fn a_program_can_not_pose_as_a_picture_by_turning_the_direction_of_its_name() {
    let pair = Pair::new();
    let name = "\u{202e}gpj.exe";
    pair.write("left", name, "x");
    let preview = pair.sync(&["--preview"]).expect(0).says("<U+202E>gpj.exe  new on the left");
    assert!(!preview.said().contains('\u{202e}'), "{}", preview.said());
    assert_eq!(pair.plan(&[])[0]["path"], name, "what programs read is the name itself");
    pair.write("right", name, "y");
    pair.sync(&[]).expect(3);
    let conflicts = pair.room.run(["sync", "resolve", "left and right"]).expect(3).says("<U+202E>gpj.exe");
    assert!(!conflicts.said().contains('\u{202e}'), "{}", conflicts.said());
    // What was typed is told again so, too.
    let missing = pair.room.run(["sync", "resolve", "left and right", "\u{202e}gnp.exe", "--keep", "left"]);
    assert!(!missing.expect(1).says("<U+202E>gnp.exe").said().contains('\u{202e}'));
}

#[test]
fn both_versions_of_a_conflict_can_be_kept() {
    let pair = in_conflict();
    pair.room.run(["sync", "resolve", "left and right", "--all", "--keep", "both"]).expect(0);
    pair.assert_alike();
    let mut texts: Vec<String> = files_below(&pair.path("right"))
        .iter()
        .filter(|path| !path.to_string_lossy().contains(".keepwell"))
        .map(|path| fs::read_to_string(path).unwrap())
        .collect();
    texts.sort();
    assert_eq!(texts, ["Dear Ada, the roof is mended\n", "Dear Ada, the roof leaks again and again\n"]);
}

#[test]
fn a_policy_decides_where_the_person_said_so_before() {
    let pair = in_conflict();
    pair.sync(&["--conflict", "left"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("right", "letter"), "Dear Ada, the roof is mended\n");
}

#[test]
fn two_texts_are_merged_where_they_changed_different_lines() {
    let pair = Pair::new();
    pair.write("left", "list", "one\ntwo\nthree\nfour\nfive\nsix\n");
    pair.sync(&[]).expect(0);
    pair.write("left", "list", "ONE\ntwo\nthree\nfour\nfive\nsix\n");
    pair.write("right", "list", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
    pair.sync(&[]).expect(3);
    let merge = |more: &[&str]| {
        pair.room.run([&["sync", "resolve", "left and right", "list", "--merge"], more].concat())
    };
    // Nobody can be asked here, so it is shown and not written.
    merge(&[]).expect(1).says("+ ONE").says("--yes");
    merge(&["--show"]).expect(0).says("+ seven").says("Nothing was written");
    assert_eq!(pair.read("left", "list"), "ONE\ntwo\nthree\nfour\nfive\nsix\n");
    assert_eq!(merge(&["--show", "--json"]).expect(0).json()["whole"], true);
    merge(&["--yes"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("right", "list"), "ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n");
}

#[test]
fn several_merged_texts_are_shown_as_one_json_document() {
    let pair = Pair::new();
    for name in ["a", "b"] {
        pair.write("left", name, "one\ntwo\nthree\nfour\nfive\nsix\n");
    }
    pair.sync(&[]).expect(0);
    for name in ["a", "b"] {
        pair.write("left", name, format!("{name}\ntwo\nthree\nfour\nfive\nsix\n"));
        pair.write("right", name, "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
    }
    pair.sync(&[]).expect(3);
    let words = ["sync", "resolve", "left and right", "--merge", "--show", "--json", "a", "b"];
    let shown = pair.room.run(words).expect(0).json();
    for name in ["a", "b"] {
        assert_eq!(shown[name]["lines"][0]["text"], "one", "{shown}");
        assert_eq!(shown[name]["lines"][1]["text"], name, "{shown}");
    }
}

#[test]
fn a_side_that_is_suddenly_empty_halts_the_run() {
    let pair = Pair::in_step(12);
    for name in 0..5 {
        pair.remove("left", &format!("folder {name}"));
    }
    let halted = pair.sync(&[]).expect(4);
    let halted = halted.says("safety brake").says("--bring-back-from right");
    halted.says("--release-brake root-emptied");
    assert_eq!(pair.show()["state"], "halted");
    assert!(pair.has("right", "folder 0/file 0"), "the other side lost something");
    pair.sync(&["--bring-back-from", "right"]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", "folder 0/file 0"), "content 0");
}

#[test]
fn a_brake_is_released_only_by_its_name() {
    let pair = Pair::in_step(12);
    for name in 0..5 {
        pair.remove("left", &format!("folder {name}"));
    }
    pair.sync(&["--release-brake", "many-rewritten"]).expect(4);
    assert!(pair.has("right", "folder 0/file 0"));
    pair.sync(&["--release-brake", "root-emptied", "--release-brake", "many-removed"]).expect(0);
    assert!(!pair.has("right", "folder 0/file 0"));
    assert_eq!(pair.binned("right"), 12, "what was removed is not in the bin");
}

#[test]
fn a_folder_that_is_not_there_is_never_taken_for_an_empty_one() {
    let pair = Pair::in_step(3);
    fs::rename(pair.path("left"), pair.path("unplugged")).unwrap();
    let run = pair.sync(&[]);
    assert!(matches!(run.code, Some(1 | 4)), "{run:?}");
    assert!(run.said().contains(&*pair.path("left").to_string_lossy()), "the path is not named: {run:?}");
    assert!(pair.has("right", "folder 0/file 0") && !pair.path("left").exists());
    if run.code == Some(4) {
        // There is no plan to be looked at, but a way on.
        pair.sync(&["--preview"]).expect(4).says("--bring-back-from right");
        let rows = pair.sync(&["--preview", "--json"]).expect(4).json();
        assert_eq!((&rows[0]["kind"], &rows[1]), (&"halt".into(), &Value::Null), "{rows}");
        assert_eq!(rows[0]["brakes"][0]["kind"], "root-gone");
    }
    fs::rename(pair.path("unplugged"), pair.path("left")).unwrap();
    pair.sync(&[]).expect(0);
    pair.assert_alike();
}

#[test]
fn all_runs_since_a_time_are_undone_the_last_one_first() {
    let pair = Pair::in_step(4);
    for text in ["worse", "even worse"] {
        pair.write("left", "folder 0/file 0", text);
        pair.sync(&[]).expect(0);
    }
    pair.remove("left", "folder 1/file 1");
    pair.sync(&[]).expect(0);
    let undo = |more: &[&str]| pair.room.run([&["sync", "undo", "left and right"], more].concat());
    undo(&["--since", "tomorrow"]).expect(2);
    // In another order an item would be found changed, and left alone.
    undo(&["--since", "2020-01-01 00:00"]).expect(0).says("paused");
    let runs = undo(&["--list", "--json"]).expect(0).json();
    assert!((0..4).all(|run| runs[run]["undone"] == true), "{runs}");
    assert!(!pair.has("right", "folder 0/file 0") && !pair.has("right", "folder 1/file 1"));
    assert_eq!(pair.read("left", "folder 0/file 0"), "even worse");
}

#[test]
fn a_run_is_undone_as_a_whole() {
    let pair = Pair::in_step(4);
    pair.write("left", "folder 0/file 0", "changed, and longer than before");
    pair.remove("left", "folder 1/file 1");
    pair.write("left", "new", "1");
    fs::rename(pair.path("left").join("folder 2/file 2"), pair.path("left").join("moved")).unwrap();
    pair.sync(&[]).expect(0);
    pair.room.run(["sync", "undo", "left and right"]).expect(0).says("paused");
    assert_eq!(pair.read("right", "folder 0/file 0"), "content 0");
    assert_eq!(pair.read("right", "folder 1/file 1"), "content 1");
    assert_eq!(pair.read("right", "folder 2/file 2"), "content 2");
    assert!(!pair.has("right", "new") && !pair.has("right", "moved"));
    assert_eq!(pair.show()["paused"], true);
    assert_eq!((&pair.show()["state"], &pair.show()["differs"]), (&"notInStep".into(), &"undone".into()));
    pair.room.run(["sync", "list"]).expect(0).says("paused; not in step: the last run was undone");
    let runs = pair.room.run(["sync", "undo", "left and right", "--list", "--json"]).expect(0).json();
    assert_eq!(runs[0]["undone"], true);
}

#[test]
fn the_bin_is_emptied_by_hand_only_by_who_says_yes() {
    let pair = Pair::in_step(2);
    for content in ["second, and longer", "third, and longer still"] {
        pair.write("left", "folder 0/file 0", content);
        pair.sync(&[]).expect(0);
    }
    let bin = |more: &[&str]| pair.room.run([&["sync", "bin", "left and right"], more].concat());
    let numbers: Vec<String> = pair.bin().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
    bin(&["--restore", &numbers[0], &numbers[1]]).expect(1).says("only one of them can be there");
    bin(&["--empty"]).expect(1).says("--yes");
    bin(&[]).expect(0).says("In all: 2 items, 27 B");
    bin(&["--remove", &numbers[1], "--yes"]).expect(0).says("1 item is gone for good, 9 B freed");
    assert_eq!(pair.binned("right"), 1);
    bin(&["--empty", "--yes"]).expect(0);
    assert_eq!(pair.binned("right"), 0);
    bin(&[]).expect(0).says("The bin is empty");
    assert_eq!(pair.show()["state"], "inStep");
}

#[test]
fn rules_that_leave_nothing_are_refused_or_told_and_a_preview_tells_what_its_run_would() {
    let pair = Pair::in_step(2);
    for rule in [["--max-size", "0"], ["--max-age", "0"], ["--exclude", "["], ["--exclude", "!"]] {
        let refused = pair.sync(&rule);
        assert!(refused.code == Some(1) && refused.said().contains("Next:"), "{rule:?}: {refused:?}");
    }
    for way in [&[][..], &["--preview"]] {
        let run = pair.sync(&[&["--folder", "nothere"], way].concat()).expect(3).says("is in neither place");
        assert!(!run.said().contains("are in step") && !run.said().contains("In step"), "{run:?}");
    }
    assert_eq!(pair.show()["state"], "problems");
    assert!(pair.has("right", "folder 0/file 0"));
}

#[test]
fn what_lies_in_the_bin_comes_back() {
    let pair = Pair::in_step(2);
    pair.remove("left", "folder 0/file 0");
    pair.sync(&[]).expect(0);
    let bin = pair.bin();
    assert_eq!((bin.len(), &bin[0]["why"]), (1, &"removed".into()));
    let number = bin[0]["id"].as_str().unwrap();
    pair.room.run(["sync", "bin", "left and right", "--restore", number]).expect(0);
    assert_eq!(pair.read("right", "folder 0/file 0"), "content 0");
    pair.sync(&[]).expect(0);
    pair.assert_alike();
    assert_eq!(pair.read("left", "folder 0/file 0"), "content 0");
}

#[test]
fn a_pair_is_kept_listed_held_and_forgotten() {
    let pair = Pair::new();
    pair.write("left", "a", "1");
    let (left, right) = (pair.path("left"), pair.path("right"));
    let add = [OsString::from("sync"), "add".into(), left.clone().into(), right.into()];
    pair.room.run(add.clone().into_iter().chain(["--name".into(), "Papers".into()])).expect(0);
    assert!(!pair.has("right", "a"), "adding a pair changed something");
    pair.room.run(add).expect(1).says("already");
    pair.room.run(["sync", "run", "Papers"]).expect(0);
    assert!(pair.has("right", "a"));
    pair.room.run(["sync", "list"]).expect(0).says("in step").says("Papers");
    pair.room.run(["sync", "pause", "Papers"]).expect(0);
    pair.room.run(["sync", "list"]).expect(0).says("paused");
    pair.room.run(["sync", "resume", "Papers"]).expect(0);
    pair.room.run(["sync", "remove", "Papers"]).expect(0);
    let pairs = pair.room.run(["sync", "list", "--json"]).expect(0).json();
    assert_eq!(pairs["pairs"].as_array().unwrap().len(), 0);
    assert!(pair.has("left", "a") && pair.has("right", "a"));
    let kept = std::fs::read_dir(pair.room.path("state/sync")).unwrap().count();
    assert_eq!(kept, 0, "nothing is kept of a pair that is no more");
    let same = [OsString::from("sync"), "add".into(), left.clone().into(), left.join("inside").into()];
    pair.room.run(same).expect(1).says("lies in the other");
}

#[test]
fn what_is_left_out_is_left_alone_on_both_sides() {
    let pair = Pair::new();
    pair.write("left", "work.txt", "1");
    pair.write("left", "work.tmp", "2");
    pair.write("right", "other.tmp", "3");
    pair.sync(&["--exclude", "*.tmp"]).expect(0);
    assert!(pair.has("right", "work.txt"));
    assert!(!pair.has("right", "work.tmp") && !pair.has("left", "other.tmp"));
    assert!(pair.has("left", "work.tmp") && pair.has("right", "other.tmp"));
}

#[test]
fn the_history_holds_every_run_with_its_receipt() {
    let pair = Pair::in_step(2);
    let jobs = pair.room.run(["job", "list", "--json"]).expect(0).json();
    let job = jobs["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|job| job["kind"] == "sync" && job["state"] == "succeeded");
    let id = job.expect("a run of the pair")["id"].as_str().unwrap().to_owned();
    let receipt = pair.room.run(["job", "show", &id, "--receipt"]).expect(0).json();
    assert_eq!(receipt["signatureValid"], true);
}
