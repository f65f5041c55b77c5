//! Runs on volumes of their own: full, pulled out in the middle, another one in their place. Mounting needs root; who is
//! not root has the same with places that fail as told (`run_crash`, the simulation).

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/home.rs"]
mod home;

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use home::Home;
use keepwell_model::{Control, JobId, RelativePath};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{Hints, Limits, Side, SyncError, SyncReport};

/// Something mounted, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    /// Nothing where this account may not mount.
    fn at(path: PathBuf, arguments: &[&str]) -> Option<Self> {
        fs::create_dir_all(&path).unwrap();
        let done = Command::new("mount").args(arguments).arg(&path).output().ok()?;
        done.status.success().then_some(Self(path))
    }

    fn in_memory(path: PathBuf, mebibytes: u32) -> Option<Self> {
        Self::at(path, &["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What was pulled out already needs no more.
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

/// A pair that may fill its places to the last byte.
fn small_home() -> Home {
    let mut home = Home::new();
    home.pair.brakes.reserve_bytes = 0;
    home
}

/// A disk as a file, with a volume on it.
fn disk(home: &Home, name: &str) -> Option<PathBuf> {
    let path = home.path(name);
    fs::File::create(&path).unwrap().set_len(24 << 20).unwrap();
    let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&path).output().ok()?;
    made.status.success().then_some(path)
}

fn mount_disk(home: &Home, disk: &std::path::Path) -> Option<Mounted> {
    let mounted = Mounted::at(home.path("right"), &["-o", "loop", disk.to_str().unwrap()])?;
    // What every such disk has, and no person put there.
    let _ = fs::remove_dir(mounted.0.join("lost+found"));
    Some(mounted)
}

#[test]
fn a_disk_that_fills_up_keeps_what_it_had_and_goes_on_with_room() {
    let mut home = small_home();
    let Some(_mounted) = Mounted::in_memory(home.path("right"), 8) else { return };
    home.write("left/first", "as it was");
    home.run();
    home.write("left/first", "the new version");
    for number in 0..6 {
        fs::write(home.path(&format!("left/large {number}")), vec![number; 1_000_000]).unwrap();
    }
    let mut syncer = home.open();
    let control = Control::new();
    let prepared = syncer.prepare(None, false, &control).unwrap();
    assert_eq!(prepared.plan().brakes, []);
    // Somebody else needs the room between the look and the deed.
    fs::create_dir_all(home.path("right/.keepwell")).unwrap();
    fs::write(home.path("right/.keepwell/filler"), vec![1; 5_500_000]).unwrap();
    let report = syncer.apply(&prepared, JobId([50; 16]), &control, &Limits::default(), &mut |_| {}).unwrap();
    assert!(report.failed > 0 && report.right.created < 6, "{report:?}");
    let waits = report.failed + report.held_back;
    assert_eq!(waits + report.right.created + report.right.replaced, 7, "none of them changed: {report:?}");
    let told = control.problems();
    assert_eq!(told.total, 1, "once is enough: {told:?}");
    assert!(told.problems[0].why.contains("space"), "{told:?}");
    drop(syncer);
    // Nothing is half, and the first file is one of its two versions.
    for number in 0..6 {
        let found = fs::read(home.path(&format!("right/large {number}")));
        assert!(found.is_err() || found.unwrap() == vec![number; 1_000_000]);
    }
    let first = home.read("right/first").unwrap();
    assert!(["as it was", "the new version"].contains(&first.as_str()), "{first}");

    fs::remove_file(home.path("right/.keepwell/filler")).unwrap();
    home.run();
    for number in 0..6 {
        assert_eq!(fs::read(home.path(&format!("right/large {number}"))).unwrap(), vec![number; 1_000_000]);
    }
    assert_eq!(home.read("right/first").as_deref(), Some("the new version"));
    assert_eq!(home.run().0, SyncReport::default());
}

#[test]
fn a_disk_that_is_pulled_out_ends_the_run_and_loses_nothing() {
    for pulled_at in [1_u64, 3, 20] {
        let mut home = small_home();
        let Some(disk) = disk(&home, "disk") else { return };
        let Some(mounted) = mount_disk(&home, &disk) else { return };
        home.write("left/known/removed", "removed on the disk");
        home.write("left/known/kept", "kept");
        home.run();
        fs::remove_file(home.path("right/known/removed")).unwrap();
        home.write("right/known/new", "new on the disk");
        for number in 0..40 {
            home.write(&format!("left/files/{number}"), &format!("content {number}"));
        }
        let mut syncer = home.open();
        let control = Control::new();
        let prepared = syncer.prepare(None, false, &control).unwrap();
        let count = Arc::new(AtomicU64::new(0));
        let path = home.path("right");
        let pull = move |_: usize| {
            if count.fetch_add(1, Ordering::SeqCst) + 1 == pulled_at {
                Command::new("umount").arg("-l").arg(&path).status().unwrap();
            }
        };
        let limits = Limits { pay: Some(Arc::new(pull)) };
        let ended = syncer.apply(&prepared, JobId([51; 16]), &control, &limits, &mut |_| {});
        assert!(
            matches!(
                ended,
                Err(SyncError::AnotherPlace { side: Side::Right }
                    | SyncError::Place { side: Side::Right, .. })
            ),
            "{ended:?}"
        );
        drop((syncer, mounted));
        assert_eq!(fs::read_dir(home.path("right")).unwrap().count(), 0, "it wrote into the empty folder");
        // The empty folder is not the disk.
        let mut syncer = home.open();
        let prepared = syncer.prepare(None, false, &control).unwrap();
        let kinds: Vec<_> = prepared.plan().brakes.iter().map(|brake| brake.kind).collect();
        assert!(kinds.contains(&BrakeKind::AnotherPlace), "{kinds:?}");
        drop(syncer);

        let Some(_mounted) = mount_disk(&home, &disk) else { return };
        let _ = fs::remove_dir(home.path("right/lost+found"));
        // As a file system without files that get their name last has it.
        let unfinished = "right/known/.keepwell-staged-0123456789abcdef-1";
        home.write(unfinished, "half of a file");
        for _ in 0..2 {
            home.run();
        }
        assert_eq!(
            home.read(unfinished),
            None,
            "what was unfinished when it was pulled out takes room for ever"
        );
        home.assert_in_step();
        assert_eq!(home.tree("left").iter().filter(|(_, text)| text.is_some()).count(), 42);
        assert_eq!(home.read("left/known/new").as_deref(), Some("new on the disk"));
        assert_eq!(home.read("right/known/removed"), None);
        assert_eq!(home.bin("left"), ["removed on the disk"]);
    }
}

#[test]
fn another_volume_at_the_path_halts() {
    let mut home = small_home();
    let (Some(first), Some(second)) = (disk(&home, "first"), disk(&home, "second")) else { return };
    let Some(mounted) = mount_disk(&home, &first) else { return };
    home.write("left/file", "1");
    home.run();
    drop(mounted);
    let Some(mounted) = mount_disk(&home, &second) else { return };
    let mut syncer = home.open();
    let prepared = syncer.prepare(None, false, &Control::new()).unwrap();
    let kinds: Vec<_> = prepared.plan().brakes.iter().map(|brake| brake.kind).collect();
    assert_eq!(kinds, [BrakeKind::AnotherPlace]);
    drop((syncer, mounted));
    let Some(_mounted) = mount_disk(&home, &first) else { return };
    assert_eq!(home.run().0, SyncReport::default());
    assert_eq!(home.read("left/file").as_deref(), Some("1"));
}

/// A run, and the problems it told.
fn told(home: &mut Home, hint: Option<&str>) -> (SyncReport, Vec<String>) {
    let (mut syncer, control) = (home.open(), Control::new());
    let hints = hint.map(|folder| Hints {
        left: Some([RelativePath::parse(folder.as_bytes()).unwrap()].into()),
        right: Some(BTreeSet::new()),
    });
    let prepared = syncer.prepare(hints.as_ref(), false, &control).unwrap();
    home.runs += 1;
    let run = JobId([home.runs; 16]);
    let report = syncer.apply(&prepared, run, &control, &Limits::default(), &mut |_| {}).unwrap();
    (report, control.problems().problems.into_iter().map(|problem| problem.path).collect())
}

fn set_time(home: &Home, path: &str, seconds: i64) {
    let time = UNIX_EPOCH + Duration::from_secs(seconds.unsigned_abs());
    fs::File::open(home.path(path)).unwrap().set_modified(time).unwrap();
}

#[test]
fn what_a_drive_held_that_was_unmounted_inside_a_place_is_not_taken_for_removed() {
    let mut home = Home::new();
    home.write("left/other", "other");
    home.write("drive/photo", "a photo");
    home.write("drive/album/picture", "a picture");
    fs::create_dir(home.path("left/pictures")).unwrap();
    set_time(&home, "left/pictures", 1_500_000_000);
    let mount = |home: &Home| {
        let drive = home.path("drive");
        Mounted::at(home.path("left/pictures"), &["--bind", &drive.to_string_lossy()])
    };
    let Some(mounted) = mount(&home) else { return };
    home.run();
    home.assert_in_step();
    drop(mounted);
    home.write("left/other", "other, edited");
    home.write("right/pictures/new", "new");
    for hint in [Some("pictures"), None, None] {
        let (report, told) = told(&mut home, hint);
        assert_eq!(told, ["Laptop: pictures"], "{hint:?}");
        assert_eq!(report.right.removed, 0, "{hint:?}");
    }
    assert_eq!(home.read("right/other").as_deref(), Some("other, edited"), "all else goes on");
    assert_eq!(home.read("right/pictures/album/picture").as_deref(), Some("a picture"));
    assert_eq!(home.read("left/pictures/new"), None, "nothing goes below the mount point");

    let mounted = mount(&home).unwrap();
    assert_eq!(told(&mut home, None).1, [""; 0]);
    assert_eq!(home.read("drive/new").as_deref(), Some("new"));
    home.assert_in_step();
    drop(mounted);
}

/// A pair with a drive mounted in the left place, which both sides agreed on; how it is mounted again.
fn with_a_drive_inside() -> (Home, impl Fn(&Home) -> Option<Mounted>) {
    let home = Home::new();
    home.write("left/other", "other");
    home.write("drive/photo", "a photo");
    home.write("drive/album/picture", "a picture");
    fs::create_dir(home.path("left/pictures")).unwrap();
    let mount = |home: &Home| {
        let drive = home.path("drive");
        Mounted::at(home.path("left/pictures"), &["--bind", &drive.to_string_lossy()])
    };
    (home, mount)
}

#[test]
fn what_was_written_below_a_drive_that_is_not_mounted_does_not_make_what_it_holds_removed() {
    let (mut home, mount) = with_a_drive_inside();
    let Some(mounted) = mount(&home) else { return };
    home.run();
    home.assert_in_step();
    drop(mounted);
    home.write("left/pictures/album/written meanwhile", "by a program");
    home.write("left/other", "other, edited");
    for hint in [Some("pictures/album"), Some("pictures"), None, None] {
        let (report, told) = told(&mut home, hint);
        assert_eq!(told, ["Laptop: pictures"], "{hint:?}");
        assert_eq!(report.right.removed, 0, "{hint:?}");
    }
    assert_eq!(home.read("right/other").as_deref(), Some("other, edited"), "all else goes on");
    assert_eq!(home.read("right/pictures/album/picture").as_deref(), Some("a picture"));
    assert_eq!(home.read("right/pictures/album/written meanwhile"), None);

    let mounted = mount(&home).unwrap();
    assert_eq!(told(&mut home, None), (SyncReport::default(), Vec::new()));
    home.assert_in_step();
    drop(mounted);
    // A person says that the drive is not to be here any more.
    fs::rename(home.path("left/pictures"), home.path("left/pictures since")).unwrap();
    assert_eq!(told(&mut home, None).1, [""; 0]);
    assert_eq!(home.read("right/pictures/photo"), None);
    assert_eq!(home.read("right/pictures since/album/written meanwhile").as_deref(), Some("by a program"));
    home.assert_in_step();
    assert_eq!(told(&mut home, None), (SyncReport::default(), Vec::new()));
}

#[test]
fn another_drive_in_the_place_of_one_inside_a_place_does_not_make_what_that_held_removed() {
    let (mut home, mount) = with_a_drive_inside();
    let Some(mounted) = mount(&home) else { return };
    home.run();
    drop(mounted);
    let mounted = Mounted::in_memory(home.path("left/pictures"), 8).unwrap();
    home.write("left/pictures/photo", "of another drive");
    let (report, told_of) = told(&mut home, None);
    assert_eq!((report, told_of.as_slice()), (SyncReport::default(), &["Laptop: pictures".to_owned()][..]));
    drop(mounted);
    let mounted = mount(&home).unwrap();
    assert_eq!(told(&mut home, None), (SyncReport::default(), Vec::new()));
    home.assert_in_step();
    drop(mounted);
}

#[test]
fn a_folder_that_a_person_empties_moves_or_makes_anew_is_no_unmounted_drive() {
    let mut home = Home::new();
    for folder in ["emptied", "anew", "moved"] {
        home.write(&format!("left/{folder}/photo"), folder);
    }
    for number in 0..10 {
        home.write(&format!("left/{number}"), "other");
    }
    home.run();
    fs::remove_file(home.path("left/emptied/photo")).unwrap();
    fs::rename(home.path("left/anew"), home.path("away")).unwrap();
    fs::create_dir(home.path("left/anew")).unwrap();
    fs::rename(home.path("left/moved"), home.path("left/moved away")).unwrap();
    fs::create_dir(home.path("left/moved")).unwrap();
    let now = home.time.load(Ordering::Relaxed);
    for folder in ["emptied", "anew", "moved"] {
        set_time(&home, &format!("left/{folder}"), now);
    }
    home.run();
    home.assert_in_step();
    assert_eq!(home.read("right/moved away/photo").as_deref(), Some("moved"));
    assert_eq!(home.bin("right"), ["anew", "emptied"]);
}
