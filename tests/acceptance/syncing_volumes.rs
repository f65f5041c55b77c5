//! A pair with a drive that is plugged in here and there: found by what it is, not by where it is. Mounting needs root.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::syncing::Pair;

/// A drive as a file, unplugged when it is dropped.
struct Drive {
    file: PathBuf,
    mounted: Option<PathBuf>,
}

impl Drive {
    /// Nothing where this account may not mount.
    fn new(pair: &Pair, name: &str) -> Option<Self> {
        let file = pair.path(name);
        fs::File::create(&file).unwrap().set_len(96 << 20).unwrap();
        let made = Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&file).output().ok()?;
        made.status.success().then_some(Self { file, mounted: None })
    }

    fn plug(&mut self, at: &Path) -> bool {
        fs::create_dir_all(at).unwrap();
        let done = Command::new("mount").args(["-o", "loop"]).arg(&self.file).arg(at).output().unwrap();
        self.mounted = done.status.success().then(|| at.to_owned());
        let _ = fs::remove_dir(at.join("lost+found"));
        done.status.success()
    }

    fn unplug(&mut self) {
        if let Some(at) = self.mounted.take() {
            let _ = Command::new("umount").arg(&at).output();
        }
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        self.unplug();
    }
}

/// Where people plug drives in: only there a drive is looked for.
struct Plugs(PathBuf);

impl Plugs {
    fn new(pair: &Pair) -> Self {
        let name = pair.path("").file_name().unwrap().to_owned();
        Self(Path::new("/mnt").join(name))
    }
}

impl Drop for Plugs {
    fn drop(&mut self) {
        // Only what is empty: a drive that is still there stays as it is.
        for folder in fs::read_dir(&self.0).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(folder.path());
        }
        let _ = fs::remove_dir(&self.0);
    }
}

#[test]
fn a_drive_is_known_by_what_it_is_wherever_it_is_plugged_in() {
    let pair = Pair::new();
    let plugs = Plugs::new(&pair);
    let (Some(mut drive), Some(mut other)) = (Drive::new(&pair, "drive"), Drive::new(&pair, "other")) else {
        return;
    };
    let (here, there) = (plugs.0.join("here"), plugs.0.join("there"));
    if fs::create_dir_all(&here).is_err() || !drive.plug(&here) {
        return;
    }
    let photos = here.join("photos");
    fs::create_dir(&photos).unwrap();
    pair.write("left", "letter", "Dear Ada");
    let sync = || pair.room.run(["sync", "run", "left and photos"]);
    pair.room.run(["sync".into(), "run".into(), pair.path("left"), photos.clone()]).expect(0);
    assert_eq!(fs::read_to_string(photos.join("letter")).unwrap(), "Dear Ada");

    // Somewhere else: the same pair goes on there.
    drive.unplug();
    assert!(drive.plug(&there));
    pair.write("left", "letter", "Dear Ada, and more");
    fs::write(there.join("photos/from the drive"), "1").unwrap();
    sync().expect(0);
    assert_eq!(fs::read_to_string(there.join("photos/letter")).unwrap(), "Dear Ada, and more");
    assert_eq!(pair.read("left", "from the drive"), "1");
    assert_eq!(fs::read_dir(&here).unwrap().count(), 0, "the empty folder was taken for the drive");

    // Not plugged in, it is not there; another drive in its place is not it.
    drive.unplug();
    let run = sync();
    assert!(matches!(run.code, Some(1 | 4)), "{run:?}");
    assert!(run.said().contains(&*photos.to_string_lossy()), "the path is not named: {run:?}");
    assert!(other.plug(&here));
    fs::create_dir(&photos).unwrap();
    let run = sync().expect(4).says("Another drive or folder than before");
    assert!(pair.has("left", "letter") && !photos.join("letter").exists(), "{run:?}");
    other.unplug();
    assert!(drive.plug(&here));
    sync().expect(0).says("nothing to do");
    drive.unplug();
}
