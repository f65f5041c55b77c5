//! What a bad disk does: bits turned, files cut short, files gone. `check` finds it, `--repair` mends what can be
//! mended, and a restore never brings wrong bytes back in silence.

use std::fs;
use std::path::{Path, PathBuf};

use keepwell_testkit::{SeededRandom, TreeOptions, make_tree, observe};

use crate::harness::{Room, assert_same, copy_folder, files_below};

/// A room with two snapshots, a sound copy of its repository beside it, and the tree as it was.
fn room() -> Room {
    let room = Room::with_repository();
    make_tree(&room.source(), &TreeOptions { large_file_bytes: 1_000_000, ..TreeOptions::plain(11, 4, 6) })
        .unwrap();
    room.backup().expect(0);
    room.write("later", "in the second snapshot only");
    room.backup().expect(0);
    copy_folder(&room.repository(), &room.path("sound"));
    room
}

/// Puts the sound repository back.
fn heal(room: &Room) {
    fs::remove_dir_all(room.repository()).unwrap();
    copy_folder(&room.path("sound"), &room.repository());
    // Folders without files are part of a layout too.
    room.check().expect(0);
}

/// The files that matter: the readme is for people, and nothing reads it.
fn files(room: &Room) -> Vec<PathBuf> {
    room.repository_files("").into_iter().filter(|path| !path.ends_with("readme.txt")).collect()
}

/// The folder of the repository a file lies in: what kind of file it is.
fn kind(room: &Room, path: &Path) -> String {
    let inside = path.strip_prefix(room.repository()).unwrap();
    inside.components().next().unwrap().as_os_str().to_string_lossy().into_owned()
}

/// What `check` must say about a damaged file: that it is not fine, and which file.
#[track_caller]
fn assert_found(room: &Room, path: &Path, what: &str) {
    let run = room.check();
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let inside = path.strip_prefix(room.repository()).unwrap().display();
    assert!(matches!(run.code, Some(1 | 3)), "check did not find {what} in {inside}: {run:?}");
    assert!(
        run.said().contains(&name),
        "check found {what} in {inside}, but does not name it:\n{}",
        run.said()
    );
}

/// After damage every file that comes back is either right or was named as a problem, and the run does not end with 0
/// unless everything is right.
#[track_caller]
fn assert_restore_is_honest(room: &Room, what: &str) {
    let target = room.path("honest");
    let run = room.restore_with("latest", &target, &[]);
    let root = PathBuf::from("source");
    let restored = files_below(&target);
    let expected = files_below(&room.source());
    let mut all_right = true;
    for path in &expected {
        let inside = path.strip_prefix(room.source()).unwrap();
        let found = restored.iter().find(|found| found.ends_with(root.join(inside)));
        let right = found.is_some_and(|found| fs::read(found).unwrap() == fs::read(path).unwrap());
        all_right &= right;
        // By its own name, by that of a folder above it, or as the whole.
        let mut names = inside.iter().map(|name| name.to_string_lossy().into_owned());
        let told = run.code == Some(1)
            || names.any(|name| run.said().contains(&name))
            || run.said().contains("the whole snapshot");
        assert!(right || told, "{what}: {} came back wrong in silence: {run:?}", inside.display());
        assert!(right || found.is_none(), "{what}: {} was left with wrong content", inside.display());
    }
    assert_eq!(run.code == Some(0), all_right, "{what}: {run:?}");
    if target.exists() {
        fs::remove_dir_all(target).unwrap();
    }
}

#[test]
fn one_flipped_bit_in_any_file_is_found_and_never_restored() {
    let room = room();
    let mut random = SeededRandom::new(12);
    for path in files(&room) {
        let sound = fs::read(&path).unwrap();
        let bit = random.below(sound.len() as u64 * 8);
        let mut bytes = sound.clone();
        bytes[usize::try_from(bit / 8).unwrap()] ^= 1 << (bit % 8);
        fs::write(&path, &bytes).unwrap();
        let what = format!("bit {bit} turned ({} file of {} bytes)", kind(&room, &path), sound.len());
        assert_found(&room, &path, &what);
        assert_restore_is_honest(&room, &what);
        fs::write(&path, sound).unwrap();
    }
    room.check().expect(0);
}

#[test]
fn a_file_cut_short_is_found() {
    let room = room();
    for (number, path) in files(&room).into_iter().enumerate() {
        let sound = fs::read(&path).unwrap();
        let length = [0, 10, sound.len() / 2, sound.len() - 1][number % 4];
        fs::write(&path, &sound[..length]).unwrap();
        let what = format!("a cut to {length} of {} bytes", sound.len());
        assert_found(&room, &path, &what);
        assert_restore_is_honest(&room, &what);
        fs::write(&path, sound).unwrap();
    }
}

#[test]
fn a_missing_pack_is_found_and_what_needs_it_is_named() {
    let room = room();
    let expected = observe(&room.source()).unwrap();
    for pack in room.repository_files("packs") {
        fs::rename(&pack, room.path("aside")).unwrap();
        assert_found(&room, &pack, "that the pack is missing");
        assert_restore_is_honest(&room, "a missing pack");
        // It can not be made again from nothing, and repair says so instead of hiding it.
        let repair = room.check_with(&["--repair"]);
        assert!(matches!(repair.code, Some(1 | 3)), "{repair:?}");
        heal(&room);
    }
    assert_same(&room.source(), &room.restore("latest", "target"));
    assert_eq!(observe(&room.source()).unwrap(), expected);
}

#[test]
fn a_missing_or_damaged_index_is_rebuilt_from_the_packs() {
    let room = room();
    let indexes = room.repository_files("index");
    assert!(!indexes.is_empty(), "no index files");
    for index in &indexes {
        fs::remove_file(index).unwrap();
    }
    let run = room.check();
    assert!(matches!(run.code, Some(1 | 3)), "check did not find the missing index: {run:?}");
    room.check_with(&["--repair"]).expect(0);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));

    heal(&room);
    for index in &indexes {
        let mut bytes = fs::read(index).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x10;
        fs::write(index, bytes).unwrap();
    }
    room.check_with(&["--repair"]).expect(0);
    room.check().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target 2"));
}

#[test]
fn a_lost_snapshot_record_harms_no_other() {
    let room = room();
    let records = room.repository_files("snapshots");
    assert_eq!(records.len(), 2);
    for record in records {
        let sound = fs::read(&record).unwrap();
        fs::write(&record, b"rubbish").unwrap();
        let run = room.check();
        assert!(matches!(run.code, Some(1 | 3)), "{run:?}");
        let list = room.on_repository(["snapshot", "list"], ["--json"]);
        assert!(matches!(list.code, Some(0 | 3)), "one bad record hides the good one: {list:?}");
        assert_eq!(list.json()["snapshots"].as_array().unwrap().len(), 1);
        fs::write(&record, sound).unwrap();
    }
    room.check().expect(0);
}

#[test]
fn leftovers_and_strangers_in_the_folder_harm_nothing() {
    let room = room();
    for folder in ["packs", "index", "snapshots"] {
        fs::write(room.repository().join(folder).join(".DS_Store"), b"not ours").unwrap();
    }
    fs::write(room.repository().join("desktop.ini"), b"not ours").unwrap();
    assert_eq!(room.snapshots().len(), 2);
    room.backup().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
}

#[test]
fn an_older_snapshot_is_never_taken_for_the_latest_in_silence() {
    let room = room();
    let newest = room.snapshot_ids()[0].clone();
    let record = room.repository_files("snapshots").into_iter().find(|path| path.ends_with(&newest)).unwrap();
    fs::write(record, b"rubbish").unwrap();
    room.restore_with("latest", &room.path("target"), &[]).expect(1).says(&newest);
    // Once the damage is known and set aside, what is left is the latest.
    room.check_with(&["--repair"]);
    assert_eq!(room.snapshots().len(), 1);
    room.restore_with("latest", &room.path("target"), &[]).expect(0);
}
