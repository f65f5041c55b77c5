//! The disk the repository is on fills up in the middle of a backup.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use keepwell_testkit::{SeededRandom, observe};

use crate::harness::Room;

/// A place with little room: a small file system in memory where this account may mount one, otherwise a limit on how
/// large a file may get.
struct SmallPlace(Option<PathBuf>);

impl SmallPlace {
    fn at(room: &mut Room, mebibytes: u32) -> Self {
        let path = room.repository();
        fs::create_dir(&path).unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = cfg!(target_os = "linux")
            && Command::new("mount")
                .args(["-t", "tmpfs", "-o", &size, "tmpfs"])
                .arg(&path)
                .output()
                .unwrap()
                .status
                .success();
        if mounted {
            return Self(Some(path));
        }
        // In blocks of 512 bytes; the signal is ignored so that the program sees an error instead.
        let limit = format!("trap '' XFSZ; ulimit -f {}; exec \"$@\"", mebibytes * 256);
        room.run_through(&["sh", "-c", &limit, "sh"]);
        Self(None)
    }

    /// Makes room.
    fn grow(&self, room: &mut Room) {
        match &self.0 {
            Some(path) => {
                let status = Command::new("mount").args(["-o", "remount,size=100m"]).arg(path).status();
                assert!(status.unwrap().success());
            }
            None => room.run_through(&[]),
        }
    }
}

impl Drop for SmallPlace {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            let _best_effort = Command::new("umount").arg(path).status();
        }
    }
}

#[test]
fn a_full_disk_fails_the_run_and_keeps_what_was_there() {
    let mut room = Room::new();
    let place = SmallPlace::at(&mut room, 6);
    room.run(["repository".into(), "init".into(), room.repository().into_os_string()]).expect(0);
    room.write("first", "safe before");
    room.backup().expect(0);
    let before = observe(&room.source()).unwrap();

    let mut random = SeededRandom::new(13);
    for number in 0..30 {
        room.write(&format!("large {number}"), random.bytes(1_000_000));
    }
    let run = room.backup().expect(1);
    if place.0.is_some() {
        assert!(run.said().contains("space"), "{}", run.said());
    }
    assert_eq!(room.snapshots().len(), 1, "a snapshot was made although the disk was full");
    room.check().expect(0);
    let found = observe(&room.restore("latest", "target")).unwrap();
    assert_eq!(
        keepwell_testkit::differences(&before, &found, crate::harness::RESTORED),
        Vec::<String>::new()
    );

    place.grow(&mut room);
    room.backup().expect(0);
    room.check().expect(0);
    crate::harness::assert_same(&room.source(), &room.restore("latest", "target 2"));
}
