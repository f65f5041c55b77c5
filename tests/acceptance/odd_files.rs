//! Files that are hard to back up: unreadable, very long, very deep, not text.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use crate::harness::{RESTORED, Room, assert_same, assert_same_but, program};

/// An account without rights: `nobody` on every Unix.
const NOBODY: u32 = 65_534;

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().expect("id runs");
    output.stdout.trim_ascii() == b"0"
}

/// Gives everything below a folder, itself included, to an account.
fn give(path: &Path, account: u32) {
    let status = Command::new("chown").args(["-R", &format!("{account}:{account}")]).arg(path).status();
    assert!(status.expect("chown runs").success());
}

/// A room in which the program runs without the rights of root. The program itself is copied in, since the folder it
/// was built in may be closed to others.
fn room_without_rights() -> Room {
    let mut room = Room::new();
    if is_root() {
        let copy = room.path("keepwell");
        fs::copy(program(), &copy).unwrap();
        give(&room.path(""), NOBODY);
        let wrapper = [
            "setpriv",
            "--reuid=65534",
            "--regid=65534",
            "--clear-groups",
            "sh",
            "-c",
            "shift; exec ./keepwell \"$@\"",
            "sh",
        ];
        room.run_through(&wrapper);
    }
    room.run(["repository".into(), "init".into(), room.repository().into_os_string()]).expect(0);
    room
}

#[test]
fn an_unreadable_file_is_a_problem_and_the_rest_is_backed_up() {
    let room = room_without_rights();
    room.write("before", "1");
    room.write("secret", "closed");
    room.write("closed folder/inside", "closed");
    room.write("zebra", "1");
    if is_root() {
        give(&room.source(), NOBODY);
    }
    for name in ["secret", "closed folder"] {
        fs::set_permissions(room.source().join(name), fs::Permissions::from_mode(0o000)).unwrap();
    }
    room.backup().expect(3).says("secret").says("closed folder");
    assert_eq!(room.snapshots()[0]["counts"]["problems"], 2);
    let found = room.restore("latest", "target");
    assert_eq!(fs::read(found.join("before")).unwrap(), b"1");
    assert_eq!(fs::read(found.join("zebra")).unwrap(), b"1");
    fs::set_permissions(room.source().join("closed folder"), fs::Permissions::from_mode(0o700)).unwrap();
}

#[test]
fn a_file_of_another_account_that_may_be_read_is_backed_up_and_restored_as_ones_own() {
    let room = room_without_rights();
    room.write("file of root", "1");
    if is_root() {
        chown(room.source().join("file of root"), Some(0), Some(0)).unwrap();
        fs::set_permissions(room.source().join("file of root"), fs::Permissions::from_mode(0o644)).unwrap();
    }
    room.backup().expect(0);
    // Only root can give files away: the content comes back, the owner may be a problem, and never a failure.
    let run = room.restore_with("latest", &room.path("target"), &[]);
    assert!(matches!(run.code, Some(0 | 3)), "{run:?}");
    assert_eq!(fs::read(room.restored(&room.path("target")).join("file of root")).unwrap(), b"1");
}

#[test]
fn a_tree_of_4000_levels_comes_back() {
    let room = Room::with_repository();
    keepwell_testkit::make_deep_tree(&room.source(), 4000).unwrap();
    room.backup().expect(0);
    assert_same_but(&room.source(), &room.restore("latest", "target"), RESTORED);
    room.check().expect(0);
}

#[test]
fn names_that_are_not_text_come_back_and_can_be_asked_for() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let room = Room::with_repository();
    let name = if cfg!(target_os = "linux") { &b"caf\xe9\n\x01"[..] } else { b"caf\xc3\xa9\n\x01" };
    fs::write(room.source().join(OsStr::from_bytes(name)), "found").unwrap();
    room.write("other", "1");
    room.backup().expect(0);
    assert_same(&room.source(), &room.restore("latest", "target"));
    let page = room.on_repository(["snapshot", "files"], ["--json", "latest", &room.root()]).expect(0).json();
    let path = page["entries"][0]["path"]["path"].as_str().unwrap();
    room.restore_with("latest", &room.path("one"), &["--path", path]).expect(0);
    let restored = room.restored(&room.path("one"));
    assert_eq!(fs::read(restored.join(OsStr::from_bytes(name))).unwrap(), b"found");
    assert!(!restored.join("other").exists());
    // What a terminal would take as an order is not printed raw.
    let list = room.on_repository(["snapshot", "files"], ["latest", &room.root()]).expect(0);
    assert!(!list.out.contains('\u{1}'), "a control character was printed");
}

#[test]
fn a_file_that_vanishes_or_changes_meanwhile_never_breaks_the_snapshot() {
    let room = Room::with_repository();
    for number in 0..400 {
        room.write(&format!("file {number}"), [7; 5000]);
    }
    room.write("growing", vec![1; 3_000_000]);
    let mut backup = room.start(["backup", "run"], [room.source()]);
    let growing = room.source().join("growing");
    let mut number = 0;
    while backup.try_wait().unwrap().is_none() {
        fs::write(&growing, vec![number as u8; 3_000_000 + number * 1000]).unwrap();
        let _gone_already = fs::remove_file(room.source().join(format!("file {}", 399 - number % 400)));
        number += 1;
    }
    let code = backup.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 3)), "{code:?}");
    room.check().expect(0);
    let found = room.restore("latest", "target");
    for path in crate::harness::files_below(&found).iter().filter(|path| !path.ends_with("growing")) {
        assert_eq!(fs::read(path).unwrap(), [7; 5000], "{}", path.display());
    }
}
