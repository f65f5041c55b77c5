//! A drive with exFAT, as most that are carried about have it: no permissions, no links, no case, times of whole seconds,
//! numbers of files that are made up anew with every mount. A real file system in a file, mounted through FUSE or by the
//! kernel; mounting needs root.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::harness::{Room, Run};
use crate::syncing::Pair;

#[path = "exfat_bad_days.rs"]
mod bad_days;

pub fn command(program: &str, arguments: &[&str], paths: &[&Path]) -> Output {
    let started = Command::new(program).args(arguments).args(paths).output();
    started.unwrap_or_else(|error| panic!("{program} does not start: {error}; `npm run setup` installs it"))
}

#[track_caller]
pub fn done(program: &str, arguments: &[&str], paths: &[&Path]) -> String {
    let output = command(program, arguments, paths);
    assert!(output.status.success(), "{program} {arguments:?} {paths:?}: {output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Whether this account may mount, and there is a way to mount a file system of another kind.
pub fn may_mount(at: &Path) -> bool {
    let is_root = command("id", &["-u"], &[]).stdout == b"0\n";
    let may = is_root
        && Path::new("/dev/fuse").exists()
        && command("mount", &["-t", "tmpfs", "tmpfs"], &[at]).status.success();
    if may {
        done("umount", &[], &[at]);
    }
    may
}

pub fn is_mounted(at: &Path) -> bool {
    command("mountpoint", &["-q"], &[at]).status.success()
}

/// A drive as a file, connected or not.
struct Drive {
    file: PathBuf,
    /// The block device, and where it is mounted.
    plugged: Option<(String, PathBuf)>,
}

impl Drive {
    fn formatted(file: PathBuf, mebibytes: u64, more: &[&str]) -> Self {
        fs::File::create(&file).unwrap().set_len(mebibytes << 20).unwrap();
        done("mkfs.exfat", more, &[&file]);
        Self { file, plugged: None }
    }

    #[track_caller]
    fn plug(&mut self, at: &Path) {
        fs::create_dir_all(at).unwrap();
        let device = done("losetup", &["--find", "--show"], &[&self.file]);
        let mount = |kind| command("mount", &["-t", kind, &device], &[at]);
        let (by_fuse, mut by_kernel) = (mount("exfat-fuse"), None);
        if !by_fuse.status.success() {
            by_kernel = Some(mount("exfat"));
        }
        let is_mounted = by_kernel.as_ref().unwrap_or(&by_fuse).status.success();
        self.plugged = Some((device, at.to_owned()));
        assert!(is_mounted, "neither FUSE nor the kernel mounts exFAT: {by_fuse:?} {by_kernel:?}");
    }

    #[track_caller]
    fn unplug(&mut self) {
        self.leave(&[]);
    }

    /// Whatever is open there stays so until its program closes it.
    #[track_caller]
    fn pull_out(&mut self) {
        self.leave(&["-l"]);
    }

    #[track_caller]
    fn leave(&mut self, how: &[&str]) {
        let Some((device, at)) = self.plugged.take() else { return };
        // Another test that starts a program at this moment hands it what is open here, for as long as it takes.
        let end = Instant::now() + Duration::from_secs(10);
        while !command("umount", how, &[&at]).status.success() && Instant::now() < end {
            std::thread::sleep(Duration::from_millis(50));
        }
        assert!(!is_mounted(&at), "{} can not be taken out", at.display());
        // The device goes when the last who has it open ends.
        done("losetup", &["-d", &device], &[]);
    }

    /// Waits until nobody has the drive open any more.
    fn wait_until_free(&self) {
        let end = Instant::now() + Duration::from_secs(60);
        while !done("losetup", &["-j"], &[&self.file]).is_empty() {
            assert!(Instant::now() < end, "the drive stays busy");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        if let Some((device, at)) = self.plugged.take() {
            // Whoever failed before is told of; what is left of a mount would only be in the way.
            let _ = command("umount", &["-l"], &[&at]);
            let _ = command("losetup", &["-d", &device], &[]);
        }
    }
}

/// A pair whose right side is a drive. The drive goes first when both are dropped.
struct Day {
    drive: Drive,
    pair: Pair,
}

impl Day {
    /// Nothing where this account may not mount.
    fn with(mebibytes: u64, more: &[&str]) -> Option<Self> {
        let pair = Pair::new();
        if !may_mount(&pair.path("right")) {
            return None;
        }
        let mut drive = Drive::formatted(pair.path("drive"), mebibytes, more);
        drive.plug(&pair.path("right"));
        Some(Self { drive, pair })
    }

    fn new() -> Option<Self> {
        Self::with(64, &[])
    }

    /// Takes the drive out and connects it again: all its files have other numbers then.
    #[track_caller]
    fn replug(&mut self) {
        self.drive.unplug();
        self.drive.wait_until_free();
        self.drive.plug(&self.pair.path("right"));
    }

    #[track_caller]
    fn sync(&self, code: i32) -> Run {
        self.pair.sync(&["--keep-free", "0"]).expect(code)
    }

    /// There is nothing to do, also when the drive was taken out and connected again.
    #[track_caller]
    fn assert_in_step(&mut self) {
        for _ in 0..2 {
            self.sync(0).says("In step. There was nothing to do");
            self.replug();
        }
        self.sync(0).says("In step. There was nothing to do");
    }

    /// The same files with the same content under the same names on both sides, and nothing to do.
    #[track_caller]
    fn assert_alike(&mut self) {
        assert_eq!(tree(&self.pair.path("left")), tree(&self.pair.path("right")));
        self.assert_in_step();
    }
}

/// Every file below a folder with its content and the second of its last change, every folder without; our own not.
fn tree(root: &Path) -> BTreeMap<String, Option<(String, i64)>> {
    let mut found = BTreeMap::new();
    let mut open = vec![root.to_owned()];
    while let Some(folder) = open.pop() {
        for item in fs::read_dir(&folder).unwrap() {
            let path = item.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            // What a killed run left unfinished is ours; what FUSE keeps of a file that was removed until whoever has it
            // open is done with it is nobody's.
            if [".keepwell", ".keepwell-staged-", ".fuse_hidden"].iter().any(|own| is_called(&name, own)) {
                continue;
            }
            let is_folder = path.is_dir();
            let content =
                || (String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned(), seconds(&path));
            found.insert(name, (!is_folder).then(content));
            if is_folder {
                open.push(path);
            }
        }
    }
    found
}

/// Whether the last name of a path begins so; the folder of the bins is the one that has no more to it.
fn is_called(path: &str, begin: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or_default();
    name == begin || begin != ".keepwell" && name.starts_with(begin)
}

/// Every file with all that a drive may not be able to keep, and its number.
fn all_of(root: &Path) -> Vec<String> {
    let format = "%P %y %m %s %T@ %i\n";
    let found = done(
        "find",
        &[&root.to_string_lossy(), "-type", "f", "-not", "-path", "*/.keepwell/*", "-printf", format],
        &[],
    );
    let mut lines: Vec<String> = found.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

fn seconds(path: &Path) -> i64 {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    time.duration_since(UNIX_EPOCH).map_or(-1, |since| i64::try_from(since.as_secs()).unwrap())
}

fn set_time(path: &Path, time: SystemTime) {
    fs::File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_the_drive_can_not_keep_is_kept_here_and_nothing_goes_to_and_fro() {
    let Some(mut day) = Day::new() else { return };
    let long = "n".repeat(255);
    let names = [
        ("a:b", "a：b"),
        ("why?", "why？"),
        ("stars*", "stars＊"),
        ("ends.", "ends．"),
        ("blank ", "blank␠"),
        ("con", "ｃon"),
        ("control\u{1}", "control␁"),
        ("caf\u{e9}", "caf\u{e9}"),
        ("cafe\u{301}", "cafe\u{301}"),
        (long.as_str(), long.as_str()),
        ("folder/plain", "folder/plain"),
    ];
    for (name, _) in names {
        day.pair.write("left", name, format!("the content of {name}"));
    }
    day.pair.write("left", "Readme", "one");
    day.pair.write("left", "README", "another");
    day.pair.write("left", "program", "#!/bin/sh");
    done("chmod", &["755"], &[&day.pair.path("left/program")]);
    done("chmod", &["600"], &[&day.pair.path("left/a:b")]);
    let long_ago = UNIX_EPOCH + Duration::from_nanos(1_000_000_001_999_999_999);
    for (name, time) in
        [("odd", long_ago), ("first", UNIX_EPOCH), ("late", UNIX_EPOCH + Duration::from_secs(4_000_000_001))]
    {
        day.pair.write("left", name, name);
        set_time(&day.pair.path("left").join(name), time);
    }
    let before = all_of(&day.pair.path("left"));
    day.sync(0);
    for (name, there) in names {
        assert_eq!(day.pair.read("right", there), format!("the content of {name}"));
    }
    // One of the two that differ by case only has another name there.
    let there = tree(&day.pair.path("right"));
    let readmes = || there.iter().filter(|(name, _)| name.to_lowercase().starts_with("readme"));
    let mut contents: Vec<_> = readmes().filter_map(|(_, file)| Some(file.as_ref()?.0.clone())).collect();
    contents.sort();
    assert_eq!(contents, ["another", "one"], "{there:?}");
    assert_eq!(there["odd"], Some(("odd".to_owned(), 1_000_000_001)), "the drive keeps seconds");
    assert_eq!(there["late"], Some(("late".to_owned(), 4_000_000_001)));
    day.assert_in_step();
    assert_eq!(all_of(&day.pair.path("left")), before, "what the drive can not keep came back to the left");

    // An edit there changes nothing else here.
    fs::write(day.pair.path("right/a：b"), "edited on the drive").unwrap();
    fs::write(day.pair.path("right/program"), "#!/bin/bash").unwrap();
    day.sync(0);
    assert_eq!(day.pair.read("left", "a:b"), "edited on the drive");
    assert_eq!(done("stat", &["-c", "%a"], &[&day.pair.path("left/a:b")]), "600");
    assert_eq!(done("stat", &["-c", "%a"], &[&day.pair.path("left/program")]), "755");
    day.assert_in_step();
}

#[test]
fn a_link_is_told_and_stays_and_is_never_missed() {
    let Some(mut day) = Day::new() else { return };
    day.pair.write("left", "file", "1");
    std::os::unix::fs::symlink("file", day.pair.path("left/link")).unwrap();
    for _ in 0..2 {
        day.sync(3).says("The other place keeps no symbolic links.");
        assert!(day.pair.path("left/link").is_symlink());
        day.replug();
    }
    assert_eq!(day.pair.read("right", "file"), "1");
}

#[test]
fn a_folder_on_a_drive_is_the_same_one_whenever_the_drive_is_connected() {
    let Some(mut day) = Day::new() else { return };
    for name in ["a", "b", "c/d"] {
        fs::create_dir_all(day.pair.path("right").join(name)).unwrap();
    }
    let folder = day.pair.path("right/Documents");
    day.pair.write("left", "file", "1");
    let sync = |day: &Day| {
        let words = [["sync", "run"], ["--keep-free", "0"]].map(|words| words.map(OsString::from));
        let places = [day.pair.path("left").into_os_string(), folder.clone().into_os_string()];
        day.pair.room.run(words.into_iter().flatten().chain(places))
    };
    sync(&day).expect(0);
    for look_at_first in [&["a"][..], &["c/d", "b", "c"], &[]] {
        day.replug();
        // The first that is asked for has the first number.
        for name in look_at_first {
            fs::metadata(day.pair.path("right").join(name)).unwrap();
        }
        sync(&day).expect(0).says("In step. There was nothing to do");
    }
    fs::write(folder.join("file"), "edited on the drive").unwrap();
    day.replug();
    sync(&day).expect(0);
    assert_eq!(day.pair.read("left", "file"), "edited on the drive");
}

#[test]
fn a_rename_is_a_rename_also_of_the_case_alone() {
    let Some(mut day) = Day::new() else { return };
    for name in ["a.txt", "b.txt", "folder/one", "folder/two", "folder/below/three", "swapped", "other"] {
        day.pair.write("left", name, format!("the content of {name}"));
    }
    day.sync(0);
    let rename = |day: &Day, side: &str, from: &str, to: &str| {
        fs::rename(day.pair.path(side).join(from), day.pair.path(side).join(to)).unwrap();
    };
    for (side, from, to) in [
        ("left", "a.txt", "A.TXT"),
        ("right", "b.txt", "B.txt"),
        ("left", "folder", "Folder"),
        ("right", "Folder", "FOLDER"),
        ("left", "FOLDER", "letters"),
        ("right", "letters", "Post"),
        ("left", "Post/one", "Post/uno"),
        ("right", "Post/below/three", "Post/tre"),
        ("left", "Post/tre", "Post/TRE"),
    ] {
        rename(&day, side, from, to);
        if side == "right" {
            // What a program saw under another number is the same file.
            day.replug();
        }
        let run = day.sync(0).says("Moved or renamed  1").says("Copied            0 B");
        assert!(!run.said().contains("bin"), "{from} to {to}: {run:?}");
        assert_eq!(tree(&day.pair.path("left")), tree(&day.pair.path("right")), "{from} to {to}");
    }
    rename(&day, "left", "swapped", "between");
    rename(&day, "left", "other", "SWAPPED");
    rename(&day, "left", "between", "Other");
    day.sync(0);
    assert_eq!(day.pair.read("right", "SWAPPED"), "the content of other");
    day.assert_alike();
}

/// The files of a package have one time that never changes, and often the size of those of the version before.
#[test]
fn another_version_of_a_package_is_not_the_old_one_under_a_new_name() {
    let Some(mut day) = Day::new() else { return };
    let unpack = |day: &Day, side: &str, version: u32| {
        for name in ["index.js", "package.json", "lib/main.js"] {
            let path = format!("package-{version}/{name}");
            day.pair.write(side, &path, format!("{name} of version {version}"));
            set_time(&day.pair.path(side).join(path), UNIX_EPOCH + Duration::from_secs(499_162_500));
        }
    };
    unpack(&day, "left", 1);
    // So that it is not most of the pair that goes.
    for number in 0..20 {
        day.pair.write("left", &format!("file {number}"), "1");
    }
    day.sync(0);
    for (version, side) in [(2, "right"), (3, "left"), (4, "right")] {
        day.pair.remove(side, &format!("package-{}", version - 1));
        unpack(&day, side, version);
        let run = day.pair.sync(&["--keep-free", "0", "--halt-removed", "1000"]);
        assert_eq!(run.code, Some(0), "{run:?}");
        assert_eq!(tree(&day.pair.path("left")), tree(&day.pair.path("right")), "version {version}");
    }
    day.assert_in_step();
}

#[test]
fn edits_removals_conflicts_the_bin_and_undo_outlive_the_drive_being_away() {
    let Some(mut day) = Day::new() else { return };
    for name in ["edited here", "edited there", "removed here", "removed there", "folder/kept", "both"] {
        day.pair.write("left", name, "as it was");
    }
    day.sync(0);
    day.pair.write("left", "edited here", "edited on the left");
    day.pair.remove("left", "removed here");
    day.pair.write("left", "both", "by the left");
    day.replug();
    day.pair.write("right", "edited there", "edited on the drive");
    day.pair.remove("right", "removed there");
    day.pair.write("right", "both", "by the drive, longer");
    day.sync(3).says("1 conflict waits");
    assert_eq!(day.pair.read("right", "edited here"), "edited on the left");
    assert_eq!(day.pair.read("left", "edited there"), "edited on the drive");
    assert!(!day.pair.has("right", "removed here") && !day.pair.has("left", "removed there"));
    day.replug();
    day.pair.room.run(["sync", "resolve", "left and right", "--all", "--keep", "right"]).expect(0);
    assert_eq!(day.pair.read("left", "both"), "by the drive, longer");
    day.assert_alike();

    day.pair.write("left", "folder/kept", "a mistake");
    day.pair.remove("left", "edited there");
    day.sync(0);
    day.replug();
    day.pair.room.run(["sync", "undo", "left and right"]).expect(0);
    assert_eq!(day.pair.read("right", "folder/kept"), "as it was");
    assert_eq!(day.pair.read("right", "edited there"), "edited on the drive");
    day.pair.room.run(["sync", "resume", "left and right"]).expect(0);
    let run = day.pair.sync(&["--conflict", "right"]);
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!(day.pair.read("left", "folder/kept"), "as it was");
    day.replug();
    let rows = day.pair.bin();
    let row = rows.iter().find(|row| row["path"]["path"] == "removed here");
    let number = row.unwrap_or_else(|| panic!("not in the bin: {rows:?}"))["id"].as_str().unwrap().to_owned();
    day.pair.room.run(["sync", "bin", "left and right", "--restore", &number]).expect(0);
    day.sync(0);
    assert_eq!(day.pair.read("left", "removed here"), "as it was");
    day.assert_alike();
}

#[test]
fn one_way_modes_know_a_drive_as_well() {
    let Some(mut day) = Day::new() else { return };
    for name in ["kept", "Case", "removed", "folder/what?"] {
        day.pair.write("left", name, name);
    }
    set_time(&day.pair.path("left/kept"), UNIX_EPOCH);
    day.pair.sync(&["--mode", "mirror", "--keep-free", "0"]).expect(0);
    day.assert_in_step();
    fs::rename(day.pair.path("right/Case"), day.pair.path("right/CASE")).unwrap();
    day.pair.write("right", "only there", "1");
    day.pair.write("right", "kept", "edited there");
    day.pair.remove("left", "removed");
    day.replug();
    day.sync(0);
    let there: Vec<String> = tree(&day.pair.path("right")).into_keys().collect();
    assert_eq!(there, ["Case", "folder", "folder/what？", "kept"]);
    assert_eq!(day.pair.read("right", "kept"), "kept");
    day.assert_in_step();

    day.pair.room.run(["sync", "change", "left and right", "--mode", "move-in"]).expect(0);
    day.pair.write("left", "new:", "it moves");
    day.sync(0);
    assert_eq!(day.pair.read("right", "new："), "it moves");
    assert!(!day.pair.has("left", "new:"));
    day.replug();
    day.sync(0);
    assert_eq!(day.pair.read("right", "new："), "it moves");
}

#[test]
fn a_live_pair_follows_a_drive_and_what_is_removed_while_it_is_open_leaves_nothing() {
    let Some(day) = Day::new() else { return };
    day.pair.write("left", "open", "a program has this open");
    day.pair.sync(&["--keep-free", "0"]).expect(0);
    day.pair.room.run(["sync", "change", "left and right", "--live"]).expect(0);
    let mut watch =
        day.pair.room.command(["sync", "watch"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let end = Instant::now() + Duration::from_secs(60);
    let mut wait_until = |what: &str, is_so: &dyn Fn() -> bool| {
        while !is_so() {
            if Instant::now() > end {
                watch.kill().unwrap();
                panic!("it never came to it: {what}");
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    day.pair.write("left", "from here", "1");
    wait_until("a file goes to the drive", &|| day.pair.has("right", "from here"));
    day.pair.write("right", "from there", "1");
    wait_until("a file comes from the drive", &|| day.pair.has("left", "from there"));
    // FUSE keeps it under another name in the folder until the program closes it.
    let open = fs::File::open(day.pair.path("right/open")).unwrap();
    day.pair.remove("right", "open");
    wait_until("a file that was removed on the drive goes here", &|| !day.pair.has("left", "open"));
    day.pair.write("right", "after that", "1");
    wait_until("what came later is here", &|| day.pair.has("left", "after that"));
    watch.kill().unwrap();
    watch.wait().unwrap();
    let here: Vec<String> = tree(&day.pair.path("left")).into_keys().collect();
    assert_eq!(here, ["after that", "from here", "from there"]);
    drop(open);
    day.pair.sync(&[]).expect(0).says("In step. There was nothing to do");
}

#[test]
fn a_repository_on_a_drive_is_sound_and_files_come_back_to_a_drive_with_their_times() {
    let mut room = Room::new();
    let at = room.path("drive");
    fs::create_dir(&at).unwrap();
    if !may_mount(&at) {
        return;
    }
    let mut drive = Drive::formatted(room.path("image"), 64, &[]);
    drive.plug(&at);
    room.set_repository(&at.join("repository").to_string_lossy());
    room.run(["repository".into(), "init".into(), room.repository().into_os_string()]).expect(0);
    for number in 0..30 {
        room.write(&format!("folder/file {number}"), format!("content {number}"));
    }
    set_time(&room.source().join("folder/file 7"), UNIX_EPOCH + Duration::from_secs(1_234_567_891));
    room.backup().expect(0);
    drive.unplug();
    drive.wait_until_free();
    drive.plug(&at);
    room.write("later", "1");
    room.backup().expect(0);
    room.check().expect(0);
    assert_eq!(room.snapshots().len(), 2);
    crate::harness::assert_same(&room.source(), &room.restore("latest", "here"));
    room.restore_with("latest", &at.join("back"), &[]).expect(0);
    let back = room.restored(&at.join("back"));
    assert_eq!(tree(&back), tree(&room.source()));
    drive.unplug();
    drive.wait_until_free();
}
