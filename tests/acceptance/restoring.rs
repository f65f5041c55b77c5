//! Bringing back: chosen paths, previews, what is there already, proof.

use std::fs;
use std::path::Path;

use keepwell_testkit::{observe, remove_tree};

use crate::harness::{Room, assert_same};

/// How many rows of a preview do this.
fn count(preview: &serde_json::Value, action: &str) -> u64 {
    preview["counts"][action].as_u64().unwrap_or_else(|| panic!("no count of {action}: {preview}"))
}

#[test]
fn chosen_paths_come_back_and_nothing_else() {
    let room = Room::with_repository();
    for name in ["a/one", "a/two", "b/three", "four"] {
        room.write(name, name);
    }
    room.backup().expect(0);
    let (target, root) = (room.path("target"), room.root());
    let (one, b) = (format!("{root}/a/one"), format!("{root}/b"));
    room.restore_with("latest", &target, &["--path", &one, "--path", &b]).expect(0);
    let found = room.restored(&target);
    assert_eq!(fs::read(found.join("a/one")).unwrap(), b"a/one");
    assert_eq!(fs::read(found.join("b/three")).unwrap(), b"b/three");
    assert!(!found.join("a/two").exists());
    assert!(!found.join("four").exists());
    room.restore_with("latest", &target, &["--path", "no/such"]).expect(1).says("no/such");
}

#[test]
fn a_dry_run_writes_nothing_and_says_what_then_happens() {
    let room = Room::with_tree(6);
    room.backup().expect(0);
    let target = room.path("target");
    let preview = room.restore_with("latest", &target, &["--dry-run", "--json"]).expect(0).json();
    assert!(!target.exists(), "a dry run made the target");
    assert!(count(&preview, "create") > 50, "{preview}");
    assert_eq!(count(&preview, "replace"), 0);
    assert_same(&room.source(), &room.restore("latest", "target"));
    let again = room.restore_with("latest", &target, &["--dry-run", "--json"]).expect(0).json();
    assert_eq!(
        (count(&again, "create"), count(&again, "replace"), count(&again, "metadata")),
        (0, 0, 0),
        "{again}"
    );
}

#[test]
fn a_restore_can_prove_itself() {
    let room = Room::with_tree(7);
    room.backup().expect(0);
    room.restore_with("latest", &room.path("target"), &["--verify"]).expect(0);
    assert_same(&room.source(), &room.restored(&room.path("target")));
}

/// A target in which one file is missing, one is newer, one is older and one is the same as in the snapshot.
fn disturbed_target() -> (Room, std::path::PathBuf) {
    let room = Room::with_repository();
    for name in ["missing", "newer", "older", "same"] {
        room.write(name, format!("{name} in the snapshot"));
        set_modified(&room.source().join(name), 1_500_000_000);
    }
    room.backup().expect(0);
    let found = room.restore("latest", "target");
    fs::remove_file(found.join("missing")).unwrap();
    for (name, seconds) in [("newer", 1_600_000_000), ("older", 1_400_000_000)] {
        fs::write(found.join(name), format!("{name} at the target")).unwrap();
        set_modified(&found.join(name), seconds);
    }
    (room, found)
}

fn set_modified(path: &Path, seconds: u64) {
    let file = fs::File::options().write(true).open(path).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds)).unwrap();
}

#[test]
fn what_is_there_already_is_treated_as_asked() {
    for (mode, newer, older) in [
        ("never", "newer at the target", "older at the target"),
        ("if-older", "newer at the target", "older in the snapshot"),
        ("if-different", "newer in the snapshot", "older in the snapshot"),
        ("always", "newer in the snapshot", "older in the snapshot"),
    ] {
        let (room, found) = disturbed_target();
        room.restore_with("latest", &room.path("target"), &["--overwrite", mode]).expect(0);
        let text = |name: &str| fs::read_to_string(found.join(name)).unwrap();
        assert_eq!(text("missing"), "missing in the snapshot", "{mode}");
        assert_eq!(text("newer"), newer, "{mode}");
        assert_eq!(text("older"), older, "{mode}");
        assert_eq!(text("same"), "same in the snapshot", "{mode}");
    }
}

#[test]
fn files_that_are_not_in_the_snapshot_stay() {
    let (room, found) = disturbed_target();
    fs::write(found.join("mine"), "not in the snapshot").unwrap();
    room.restore_with("latest", &room.path("target"), &["--overwrite", "always"]).expect(0);
    assert_eq!(fs::read_to_string(found.join("mine")).unwrap(), "not in the snapshot");
}

#[test]
fn a_folder_is_brought_back_in_place() {
    let room = Room::with_tree(8);
    let before = observe(&room.source()).unwrap();
    room.backup().expect(0);
    fs::write(room.source().join("large-text.txt"), "broken").unwrap();
    remove_tree(&room.source().join("folder-000")).unwrap();
    // The source hangs at its name in the snapshot, so the folder above it is the target.
    let root = room.root();
    let above = room.source().to_string_lossy().trim_end_matches(root.as_str()).to_owned();
    room.restore_with("latest", Path::new(&above), &["--overwrite", "if-different"]).expect(0);
    let after = observe(&room.source()).unwrap();
    let list = keepwell_testkit::differences(&before, &after, crate::harness::RESTORED);
    assert_eq!(list, Vec::<String>::new());
}

#[cfg(unix)]
#[test]
fn in_place_only_what_differs_is_written() {
    use std::os::unix::fs::MetadataExt;
    let room = Room::with_repository();
    let large = keepwell_testkit::SeededRandom::new(9).bytes(20_000_000);
    room.write("same", &large);
    room.write("changed", &large);
    room.backup().expect(0);
    let found = room.restore("latest", "target");
    let mut changed = large.clone();
    changed[12_000_000] ^= 1;
    fs::write(found.join("changed"), changed).unwrap();
    let before = fs::metadata(found.join("same")).unwrap();
    let run = room
        .restore_with("latest", &room.path("target"), &["--overwrite", "if-different", "--json"])
        .expect(0);
    let after = fs::metadata(found.join("same")).unwrap();
    assert_eq!(
        (before.ino(), before.ctime(), before.ctime_nsec()),
        (after.ino(), after.ctime(), after.ctime_nsec())
    );
    assert_eq!(fs::read(found.join("changed")).unwrap(), large);
    let written = run.json()["result"]["bytesWritten"].as_u64().expect("bytes written");
    assert!(written < 10_000_000, "{written} bytes written for one that differed");
}

#[cfg(unix)]
#[test]
fn a_link_at_the_target_never_leads_a_restore_elsewhere() {
    let room = Room::with_repository();
    room.write("folder/file", "from the snapshot");
    room.backup().expect(0);
    let (target, outside) = (room.path("target"), room.path("outside"));
    fs::create_dir_all(&outside).unwrap();
    let found = room.restored(&target);
    fs::create_dir_all(&found).unwrap();
    std::os::unix::fs::symlink(&outside, found.join("folder")).unwrap();
    let run = room.restore_with("latest", &target, &["--overwrite", "always"]);
    assert!(matches!(run.code, Some(0 | 1 | 3)), "{run:?}");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0, "written through a link");
}
