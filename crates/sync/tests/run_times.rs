//! Times of files and folders on real folders: kept to what both places can tell, and never sent back and forth.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/coarse.rs"]
mod coarse;
#[path = "common/home.rs"]
mod home;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use coarse::Coarse;
use home::Home;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::Tree;
use keepwell_model::{Control, EntryKind, JobId, RelativePath, Timestamp};
use keepwell_sync::{Hints, Limits, Mode, Side, SyncReport, Syncer, SyncerOptions};

fn at(seconds: i64) -> SystemTime {
    let length = Duration::from_secs(seconds.unsigned_abs());
    if seconds < 0 { UNIX_EPOCH - length } else { UNIX_EPOCH + length }
}

fn set_at(path: &Path, time: SystemTime) {
    opened(path).set_modified(time).unwrap();
}

/// A folder can be opened for reading only, and that is enough to set its time.
#[cfg(not(windows))]
fn opened(path: &Path) -> fs::File {
    fs::File::open(path).unwrap()
}

/// Folders are opened only for who asks for "backup semantics".
#[cfg(windows)]
fn opened(path: &Path) -> fs::File {
    use std::os::windows::fs::OpenOptionsExt;
    const FILE_WRITE_ATTRIBUTES: u32 = 0x100;
    const FILE_FLAG_BACKUP_SEMANTICS: u32 = 0x0200_0000;
    let mut options = fs::OpenOptions::new();
    options.access_mode(FILE_WRITE_ATTRIBUTES).custom_flags(FILE_FLAG_BACKUP_SEMANTICS).open(path).unwrap()
}

fn set(home: &Home, name: &str, seconds: i64) {
    set_at(&home.path(name), at(seconds));
}

fn time(home: &Home, name: &str) -> i64 {
    let time = fs::metadata(home.path(name)).unwrap().modified().unwrap();
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap(),
        Err(before) => -i64::try_from(before.duration().as_secs()).unwrap(),
    }
}

/// The times of a folder on both sides.
fn times(home: &Home, name: &str) -> [i64; 2] {
    ["left", "right"].map(|side| time(home, &format!("{side}/{name}")))
}

#[track_caller]
fn nothing_to_do(home: &mut Home) {
    for _ in 0..2 {
        let (report, done) = home.run();
        assert_eq!((report, done.len()), (SyncReport::default(), 0));
    }
}

#[test]
fn folders_have_their_times_after_all_that_came_into_them() {
    let mut home = Home::new();
    for name in ["a/one", "a/b/two", "a/b/c/three"] {
        home.write(&format!("left/{name}"), name);
    }
    fs::create_dir(home.path("left/empty")).unwrap();
    for (name, seconds) in [("a/b/c", 300), ("a/b", 1_400_000_200), ("a", 1_400_000_100), ("empty", 7)] {
        set(&home, &format!("left/{name}"), seconds);
    }
    home.run();
    assert_eq!(times(&home, "a"), [1_400_000_100; 2]);
    assert_eq!(times(&home, "a/b"), [1_400_000_200; 2]);
    assert_eq!(times(&home, "a/b/c"), [300; 2]);
    assert_eq!(times(&home, "empty"), [7; 2]);
    nothing_to_do(&mut home);

    // A file comes, one goes and one is moved: the person's side says when.
    home.write("left/a/b/new", "new");
    fs::remove_file(home.path("left/a/one")).unwrap();
    fs::rename(home.path("left/a/b/c/three"), home.path("left/empty/three")).unwrap();
    for (name, seconds) in [("a/b/c", 1_500_000_004), ("a/b", 1_500_000_003), ("a", 1_500_000_002)] {
        set(&home, &format!("left/{name}"), seconds);
    }
    set(&home, "left/empty", 1_500_000_001);
    home.run();
    home.assert_in_step();
    for (name, seconds) in [("a", 1_500_000_002), ("a/b", 1_500_000_003), ("a/b/c", 1_500_000_004)] {
        assert_eq!(times(&home, name), [seconds; 2], "{name}");
    }
    assert_eq!(times(&home, "empty"), [1_500_000_001; 2]);
    nothing_to_do(&mut home);
    // A file that only got other content leaves the time of its folder as it was, on both sides.
    home.write("left/a/b/new", "newer");
    home.run();
    assert_eq!(home.read("right/a/b/new").as_deref(), Some("newer"));
    assert_eq!(times(&home, "a/b"), [1_500_000_003; 2]);
    nothing_to_do(&mut home);
}

#[test]
fn a_time_that_only_one_side_changed_goes_to_the_other_and_the_later_one_wins() {
    let mut home = Home::new();
    home.write("left/folder/file", "1");
    set(&home, "left/folder", 1_400_000_000);
    home.run();
    set(&home, "right/folder", 1_300_000_000);
    home.run();
    assert_eq!(times(&home, "folder"), [1_300_000_000; 2]);
    set(&home, "left/folder", 1_500_000_000);
    set(&home, "right/folder", 1_600_000_000);
    home.run();
    assert_eq!(times(&home, "folder"), [1_600_000_000; 2]);
    nothing_to_do(&mut home);
    // Both work in it at once.
    home.write("left/folder/from left", "1");
    home.write("right/folder/from right", "2");
    set(&home, "left/folder", 1_700_000_001);
    set(&home, "right/folder", 1_700_000_000);
    home.run();
    assert_eq!(times(&home, "folder"), [1_700_000_001; 2]);
    nothing_to_do(&mut home);
}

#[test]
fn one_way_no_time_of_the_left_changes() {
    for mode in [Mode::Mirror, Mode::Update] {
        let mut home = Home::new();
        home.pair.mode = mode;
        home.write("left/folder/file", "1");
        set(&home, "left/folder", 1_400_000_000);
        home.run();
        home.write("right/folder/only here", "2");
        set(&home, "right/folder", 1_600_000_000);
        home.run();
        let right = if mode == Mode::Mirror { 1_400_000_000 } else { 1_600_000_000 };
        assert_eq!(times(&home, "folder"), [1_400_000_000, right], "{mode:?}");
        home.write("left/folder/new", "3");
        set(&home, "left/folder", 1_500_000_000);
        home.run();
        assert_eq!(times(&home, "folder"), [1_500_000_000; 2], "{mode:?}");
    }
}

#[test]
fn folders_that_both_had_before_keep_their_own_times() {
    let mut home = Home::new();
    home.write("left/folder/here", "1");
    home.write("right/folder/there", "2");
    set(&home, "left/folder", 1_400_000_000);
    set(&home, "right/folder", 1_600_000_000);
    home.run();
    home.assert_in_step();
    assert_eq!(times(&home, "folder"), [1_400_000_000, 1_600_000_000]);
    nothing_to_do(&mut home);
}

#[test]
fn with_hints_a_folder_gets_its_time_too() {
    let mut home = Home::new();
    home.write("left/folder/file", "1");
    set(&home, "left/folder", 1_400_000_000);
    home.run();
    home.write("left/folder/new", "2");
    set(&home, "left/folder/new", 1_400_000_000);
    set(&home, "left/folder", 1_500_000_000);
    let mut syncer = home.open();
    let hint: BTreeSet<_> = [RelativePath::parse(b"folder").unwrap()].into();
    let hints = Hints { left: Some(hint), right: Some(BTreeSet::new()) };
    let control = Control::new();
    let prepared = syncer.prepare(Some(&hints), false, &control).unwrap();
    let limits = Limits::default();
    let report = syncer.apply(&prepared, JobId([90; 16]), &control, &limits, &mut |_| {}).unwrap();
    assert_eq!(report.right.created, 1);
    assert_eq!(times(&home, "folder"), [1_500_000_000; 2]);
    drop(syncer);
    nothing_to_do(&mut home);
}

/// A run with a right side that keeps times as a FAT stick does.
fn run_with_stick(home: &mut Home) -> SyncReport {
    let mut syncer = open_with(home, Coarse::open(&home.path("right")));
    home.run_with(&mut syncer).unwrap().0
}

fn open_with(home: &Home, right: Coarse) -> Syncer {
    let time = Arc::clone(&home.time);
    Syncer::open(SyncerOptions {
        state_folder: home.path("state"),
        pair: home.pair.clone(),
        left: Arc::new(LocalTree::open(&home.path("left")).unwrap()),
        right: Arc::new(right),
        clock: Arc::new(move || Timestamp::new(time.fetch_add(1, Ordering::Relaxed), 0)),
        utc_offset_seconds: 0,
    })
    .unwrap()
}

#[test]
fn what_a_place_can_not_keep_is_told_once_however_many_files_it_is_about() {
    let home = Home::new();
    for number in 0..5 {
        home.write(&format!("left/file {number}"), "1");
    }
    let mut right = Coarse::open(&home.path("right"));
    right.forgets_times = true;
    let mut syncer = open_with(&home, right);
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    syncer.apply(&prepared, JobId([1; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    let told = control.problems().problems;
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].path.starts_with("Disk: file "), "{told:?}");
    assert_eq!(
        (told[0].what.as_str(), told[0].why.as_str()),
        (
            "Something of this and 4 other items could not be kept there: the time of the last change.",
            "This server does not store it."
        )
    );
}

#[cfg(unix)]
#[test]
fn what_a_stick_can_not_keep_outlives_an_edit_on_the_stick() {
    use std::os::unix::fs::PermissionsExt;
    let mut home = Home::new();
    home.pair.attributes = true;
    let set_mode = |home: &Home, name: &str, mode: u32| {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |home: &Home, name: &str| fs::metadata(home.path(name)).unwrap().permissions().mode() & 0o7777;
    for (name, bits) in [("left/private", 0o600), ("left/program", 0o755)] {
        home.write(name, "1");
        set_mode(&home, name, bits);
    }
    let left = LocalTree::open(&home.path("left")).unwrap();
    let tag = keepwell_model::ExtendedAttribute { name: b"user.tag".to_vec(), value: b"red".to_vec() };
    let path = RelativePath::parse(b"private").unwrap();
    if left.capabilities().extended_attributes {
        let metadata = keepwell_endpoint::tree::ItemMetadata {
            extended_attributes: Some(vec![tag.clone()]),
            ..Default::default()
        };
        let seen = left.stat(&path).unwrap().unwrap().fingerprint;
        left.set_metadata(&path, &seen, &metadata).unwrap();
    }
    run_with_stick(&mut home);
    for (round, edited) in ["longer", "longer still"].into_iter().enumerate() {
        // The second time what both agreed on has passed through the stick already.
        home.write("right/private", edited);
        home.write("right/program", edited);
        assert_eq!(run_with_stick(&mut home).left.replaced, 2);
        assert_eq!(home.read("left/private").as_deref(), Some(edited));
        assert_eq!((mode(&home, "left/private"), mode(&home, "left/program")), (0o600, 0o755), "{round}");
        if left.capabilities().extended_attributes {
            assert_eq!(left.extended_attributes(&path).unwrap(), std::slice::from_ref(&tag), "{round}");
        }
        assert_eq!(run_with_stick(&mut home), SyncReport::default());
    }
}

/// As another version of a package has it: the same names, sizes and times, for the time is one that never changes.
#[test]
fn another_folder_with_the_same_names_sizes_and_times_is_not_the_one_that_is_gone() {
    let mut home = Home::new();
    let files = ["index.js", "package.json", "below/readme"];
    let fixed = |home: &Home, folder: &str, content: &str| {
        for (name, length) in files.into_iter().zip(3..) {
            let path = format!("{folder}/{name}");
            home.write(&path, &content.repeat(length));
            set(home, &path, 499_162_500);
        }
    };
    fixed(&home, "left/package-1", "a");
    run_with_stick(&mut home);
    fs::remove_dir_all(home.path("right/package-1")).unwrap();
    fixed(&home, "right/package-2", "b");
    run_with_stick(&mut home);
    home.assert_in_step();
    assert_eq!(home.read("left/package-2/index.js").as_deref(), Some("bbb"));
    // The permissions of the folders that were made are written down.
    run_with_stick(&mut home);
    assert_eq!(run_with_stick(&mut home), SyncReport::default());
    // One that only got another name is one rename, whether or not its files have to be read to know it.
    fs::rename(home.path("right/package-2"), home.path("right/package")).unwrap();
    let report = run_with_stick(&mut home);
    assert_eq!((report.left.moved, report.left.created, report.left.replaced), (1, 0, 0), "{report:?}");
    home.assert_in_step();
}

#[test]
fn a_change_right_after_a_run_is_seen_where_times_are_coarse() {
    let mut home = Home::new();
    for text in ["1", "2", "3"] {
        home.write("right/file", text);
        run_with_stick(&mut home);
        assert_eq!(home.read("left/file").as_deref(), Some(text));
    }
}

/// Numbers of files are given again: of another version of a package that is put where the old one was removed, each file
/// may have that of one that is gone, and its size, and the time that all of them have.
#[test]
fn a_file_with_the_number_the_size_and_the_time_of_one_that_is_gone_is_read() {
    for files in [1, 3] {
        replaced_package(files);
    }
}

fn replaced_package(files: u32) {
    let mut home = Home::new();
    for number in 0..files {
        home.write(&format!("left/package-1/file {number}"), "aaa");
        set(&home, &format!("left/package-1/file {number}"), 499_162_500);
    }
    home.run();
    fs::create_dir(home.path("left/package-2")).unwrap();
    for number in 0..files {
        let new = home.path(&format!("left/package-2/file {number}"));
        fs::rename(home.path(&format!("left/package-1/file {number}")), &new).unwrap();
        // Written in place it has the old one's number for sure.
        fs::write(&new, "bbb").unwrap();
        set_at(&new, at(499_162_500));
    }
    fs::remove_dir(home.path("left/package-1")).unwrap();
    home.run();
    home.assert_in_step();
    assert_eq!(home.read("right/package-2/file 0").as_deref(), Some("bbb"));
    nothing_to_do(&mut home);
    // What only moves, by itself or with its folder, is moved.
    fs::rename(home.path("left/package-2/file 0"), home.path("left/alone")).unwrap();
    fs::rename(home.path("left/package-2"), home.path("left/package")).unwrap();
    let (report, _) = home.run();
    assert_eq!((report.right.moved, report.right.created, report.right.replaced), (2, 0, 0), "{report:?}");
    home.assert_in_step();
}

/// Who says that permissions are not carried over does not want to lose those a file has.
#[cfg(unix)]
#[test]
fn where_permissions_are_not_synced_a_new_version_has_those_of_the_old_one() {
    use std::os::unix::fs::PermissionsExt;
    let mut home = Home::new();
    home.pair.modes = false;
    home.write("left/private", "1");
    home.run();
    for side in ["left", "right"] {
        fs::set_permissions(home.path(&format!("{side}/private")), fs::Permissions::from_mode(0o600))
            .unwrap();
    }
    home.write("right/private", "longer");
    assert_eq!(home.run().0.left.replaced, 1);
    let mode = fs::metadata(home.path("left/private")).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600);
}

#[test]
fn coarse_times_are_never_sent_back() {
    let mut home = Home::new();
    let odd = UNIX_EPOCH + Duration::new(1_500_000_001, 987_654_321);
    for number in 0..5 {
        home.write(&format!("left/folder/file {number}"), "1");
        set_at(&home.path(&format!("left/folder/file {number}")), odd);
    }
    set_at(&home.path("left/folder"), odd);
    run_with_stick(&mut home);
    let fine = |home: &Home, name: &str| fs::metadata(home.path(name)).unwrap().modified().unwrap();
    assert_eq!(time(&home, "right/folder/file 0"), 1_500_000_000);
    assert_eq!(time(&home, "right/folder"), 1_500_000_000);
    for _ in 0..3 {
        assert_eq!(run_with_stick(&mut home), SyncReport::default());
        for name in ["left/folder", "left/folder/file 0"] {
            assert_eq!(fine(&home, name), odd, "{name}: the stick's time came back");
        }
    }
    // An edit on the stick brings its time along, and that is all.
    home.write("right/folder/file 1", "edited on the stick");
    set_at(&home.path("right/folder/file 1"), UNIX_EPOCH + Duration::new(1_600_000_003, 5));
    assert_eq!(run_with_stick(&mut home).left.replaced, 1);
    assert_eq!(time(&home, "left/folder/file 1"), 1_600_000_002);
    assert_eq!(run_with_stick(&mut home), SyncReport::default());
    // A touched file on the left, by less than the stick can tell and by more.
    set_at(&home.path("left/folder/file 2"), odd + Duration::from_millis(10));
    assert_eq!(run_with_stick(&mut home).right.metadata, 0);
    set_at(&home.path("left/folder/file 2"), odd + Duration::from_secs(100));
    assert_eq!(run_with_stick(&mut home).right.metadata, 1);
    assert_eq!(time(&home, "right/folder/file 2"), 1_500_000_100);
    for _ in 0..2 {
        assert_eq!(run_with_stick(&mut home), SyncReport::default());
    }
}

#[test]
fn times_before_1970_and_after_2038_are_kept() {
    let mut home = Home::new();
    // Before the beginning; FAT's first day; the last second of 32 bits and the one after; the same without a sign.
    let all = [-86_400, 0, 315_532_800, i64::from(i32::MAX), i64::from(i32::MAX) + 1, 4_294_967_296];
    for seconds in all {
        for name in [format!("left/file {seconds}"), format!("left/folder {seconds}")] {
            if name.contains("file") {
                home.write(&name, "1")
            } else {
                fs::create_dir(home.path(&name)).unwrap()
            }
            set(&home, &name, seconds);
        }
    }
    home.run();
    for seconds in all {
        assert_eq!(times(&home, &format!("file {seconds}")), [seconds; 2]);
        assert_eq!(times(&home, &format!("folder {seconds}")), [seconds; 2]);
    }
    nothing_to_do(&mut home);
    // What a file far in the future and one of long ago hold is carried over like any other.
    for seconds in [-86_400, 4_294_967_296] {
        home.write(&format!("right/file {seconds}"), "edited");
        set(&home, &format!("right/file {seconds}"), seconds + 2);
    }
    assert_eq!(home.run().0.left.replaced, 2);
    assert_eq!(times(&home, "file 4294967296"), [4_294_967_298; 2]);
    nothing_to_do(&mut home);
}

#[cfg(target_os = "linux")]
#[test]
fn names_in_two_unicode_forms_are_two_files_where_the_places_tell_them_apart() {
    let mut home = Home::new();
    let (composed, decomposed) = ("Z\u{fc}rich \u{e9}t\u{e9}", "Zu\u{308}rich e\u{301}te\u{301}");
    home.write(&format!("left/{composed}/file"), "from the left");
    home.write(&format!("right/{decomposed}/file"), "from the right");
    home.write(&format!("left/{decomposed} alone"), "alone");
    for _ in 0..3 {
        home.run();
    }
    home.assert_in_step();
    let names: Vec<_> = home.tree("left").into_iter().map(|(name, _)| name).collect();
    assert!(names.contains(&format!("{decomposed} alone")), "a name was changed: {names:?}");
    let mut texts: Vec<_> = home.tree("right").into_iter().filter_map(|(_, text)| text).collect();
    texts.sort();
    assert_eq!(texts, ["alone", "from the left", "from the right"]);
    nothing_to_do(&mut home);
}

#[cfg(unix)]
#[test]
fn what_makes_a_program_run_as_its_owner_goes_only_between_own_files() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let mut home = Home::new();
    let set_mode = |home: &Home, name: &str, mode: u32| {
        fs::set_permissions(home.path(name), fs::Permissions::from_mode(mode)).unwrap();
    };
    let mode = |home: &Home, name: &str| fs::metadata(home.path(name)).unwrap().mode() & 0o7777;
    home.write("left/own", "own");
    fs::create_dir(home.path("left/shared")).unwrap();
    set_mode(&home, "left/own", 0o4755);
    set_mode(&home, "left/shared", 0o3777);
    home.run();
    assert_eq!((mode(&home, "right/own"), mode(&home, "right/shared")), (0o4755, 0o3777));
    set_mode(&home, "right/own", 0o755);
    home.run();
    assert_eq!(mode(&home, "left/own"), 0o755);
    nothing_to_do(&mut home);
    // Only root has files of somebody else to try it with.
    home.write("left/other", "other");
    if chown(home.path("left/other"), Some(12_345), None).is_err() {
        return;
    }
    set_mode(&home, "left/other", 0o4755);
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    syncer.apply(&prepared, JobId([91; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    let told = control.problems().problems;
    assert_eq!((told.len(), told[0].path.as_str()), (1, "Disk: other"));
    assert!(told[0].why.contains("another person"), "{told:?}");
    drop(syncer);
    assert_eq!((mode(&home, "left/other"), mode(&home, "right/other")), (0o4755, 0o755));
    nothing_to_do(&mut home);
    // Other permissions of the copy come back, and leave alone what the owner of the first one gave it.
    set_mode(&home, "right/other", 0o700);
    home.run();
    assert_eq!(mode(&home, "left/other"), 0o4700);
    nothing_to_do(&mut home);
}

#[cfg(unix)]
#[test]
fn what_is_in_a_folder_that_nobody_writes_to_comes_before_its_permissions() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    let mut home = Home::new();
    home.write("left/modules/one/file", "1");
    home.write("left/modules/file", "2");
    let modes = [("modules/one", 0o500), ("modules", 0o555)];
    let set_modes = |home: &Home, side: &str, modes: [(&str, u32); 2]| {
        for (name, mode) in modes {
            let path = home.path(&format!("{side}/{name}"));
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
        }
    };
    set(&home, "left/modules/one", 1_400_000_000);
    set(&home, "left/modules", 1_400_000_001);
    set_modes(&home, "left", modes);
    home.run();
    for (name, mode) in modes {
        assert_eq!(
            fs::metadata(home.path(&format!("right/{name}"))).unwrap().mode() & 0o7777,
            mode,
            "{name}"
        );
    }
    assert_eq!(
        (times(&home, "modules/one"), times(&home, "modules")),
        ([1_400_000_000; 2], [1_400_000_001; 2])
    );
    home.assert_in_step();
    nothing_to_do(&mut home);
    for side in ["left", "right"] {
        set_modes(&home, side, [("modules", 0o755), ("modules/one", 0o755)]);
    }
}

/// Where the base says what a folder showed last, no look reads its attributes again.
#[test]
fn what_a_run_did_to_folders_is_no_reason_to_read_their_attributes_again() {
    let mut home = Home::new();
    home.pair.attributes = true;
    home.write("left/a/b/file", "1");
    home.run();
    home.write("left/a/b/second", "2");
    home.run();
    let right = LocalTree::open(&home.path("right")).unwrap();
    if !right.capabilities().extended_attributes {
        return;
    }
    let syncer = home.open();
    let base = syncer.base();
    let mut folders = 0;
    for (id, entry) in base.iter().filter(|(_, entry)| entry.state.kind == EntryKind::Folder) {
        let path = base.path_on(Side::Right, id).unwrap();
        if path.to_string().starts_with('a') {
            let found = right.stat(&path).unwrap().unwrap();
            assert_eq!(entry.right.version, found.fingerprint.version, "{path}");
            folders += 1;
        }
    }
    assert_eq!(folders, 2);
}

/// Both have `a.txt`; what the left does is carried over to a stick on which somebody writes into the item at the very
/// moment of a step, after it was looked whether it is unchanged. The result of the run, and of the next one.
fn disturbed(step: &'static str, name: &'static str, on_left: &dyn Fn(&Home)) -> (Home, [SyncReport; 2]) {
    let mut home = Home::new();
    home.write("left/a.txt", "one");
    home.write("left/other.txt", "other");
    run_with_stick(&mut home);
    on_left(&home);
    let right = Coarse::open(&home.path("right"));
    let meanwhile = Arc::clone(&right.meanwhile);
    *meanwhile.lock().unwrap() = Some((step, name, "written meanwhile"));
    let mut syncer = open_with(&home, right);
    let (first, _) = home.run_with(&mut syncer).unwrap();
    assert!(meanwhile.lock().unwrap().is_none(), "{step} of {name} was done");
    drop(syncer);
    let second = run_with_stick(&mut home);
    (home, [first, second])
}

#[test]
fn what_is_written_while_a_row_is_done_is_no_agreed_content_but_an_edit_for_the_next_run() {
    let moves = |home: &Home| fs::rename(home.path("left/a.txt"), home.path("left/b.txt")).unwrap();
    let is_new = |home: &Home| home.write("left/new.txt", "new");
    let sets_time = |home: &Home| set(home, "left/a.txt", 1_500_000_000);
    let check = |step: &'static str, name: &'static str, on_left: &dyn Fn(&Home)| {
        let (home, _) = disturbed(step, name, on_left);
        let left = home.read(&format!("left/{name}"));
        assert_eq!(left.as_deref(), Some("written meanwhile"), "{step} of {name}");
        home.assert_in_step();
    };
    check("rename", "b.txt", &moves);
    check("publish", "new.txt", &is_new);
    check("set_metadata", "a.txt", &sets_time);
}

#[test]
fn what_is_written_while_it_goes_into_the_bin_stays_where_it_is() {
    let (home, [first, _]) =
        disturbed("rename", "a.txt", &|home| fs::remove_file(home.path("left/a.txt")).unwrap());
    assert_eq!((first.changed_meanwhile, first.right.removed), (1, 0));
    assert_eq!(home.read("left/a.txt").as_deref(), Some("written meanwhile"), "an edit beats a removal");
    home.assert_in_step();
    assert_eq!(home.open().database().bin_items(0, 10).unwrap(), []);

    let (home, [first, second]) = disturbed("rename", "a.txt", &|home| home.write("left/a.txt", "edited"));
    assert_eq!((first.changed_meanwhile, first.right.replaced, second.conflicts), (1, 0, 1));
    assert_eq!(home.read("left/a.txt").as_deref(), Some("edited"));
    assert_eq!(home.read("right/a.txt").as_deref(), Some("written meanwhile"));
}
