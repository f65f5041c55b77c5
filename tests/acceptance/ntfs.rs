//! A drive with NTFS that is mounted so that it shows all names in lower case and knows no other (`ignore_case`), as some
//! do for their Windows programs: the names given on the other side stay. A real file system in a file, mounted through
//! FUSE; mounting needs root.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exfat::{command, done, is_mounted, may_mount};
use crate::harness::Run;
use crate::syncing::Pair;

/// The drive as a file, mounted until it is dropped.
struct Drive {
    file: PathBuf,
    at: PathBuf,
}

impl Drive {
    fn formatted(file: PathBuf, at: PathBuf) -> Self {
        fs::File::create(&file).unwrap().set_len(64 << 20).unwrap();
        done("mkntfs", &["-q", "-F"], &[&file]);
        Self { file, at }
    }

    #[track_caller]
    fn mount(&self, program: &str, options: &[&str]) {
        done(program, options, &[&self.file, &self.at]);
        assert!(is_mounted(&self.at));
    }

    #[track_caller]
    fn unmount(&self) {
        done("umount", &[], &[&self.at]);
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = command("umount", &["-l"], &[&self.at]);
    }
}

fn names(folder: &Path) -> Vec<String> {
    let items = fs::read_dir(folder).unwrap();
    let mut names: Vec<_> =
        items.map(|item| item.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.retain(|name| name != ".keepwell");
    names.sort();
    names
}

#[track_caller]
fn sync(pair: &Pair) -> Run {
    pair.sync(&["--keep-free", "0"]).expect(0)
}

#[track_caller]
fn nothing_to_do(pair: &Pair) {
    for _ in 0..2 {
        sync(pair).says("In step. There was nothing to do");
    }
}

#[test]
fn a_drive_that_shows_lower_case_only_renames_nothing_here() {
    let pair = Pair::new();
    let (left, right) = (pair.path("left"), pair.path("right"));
    if !may_mount(&right) {
        return;
    }
    let drive = Drive::formatted(pair.path("drive"), right.clone());
    drive.mount("lowntfs-3g", &["-o", "ignore_case"]);
    for name in ["Letter.TXT", "Äpfel.txt", "Folder/Inner.Txt", "Folder/Below/DEEP"] {
        pair.write("left", name, format!("the content of {name}"));
    }
    sync(&pair);
    let given = ["Folder", "Letter.TXT", "Äpfel.txt"];
    assert_eq!(names(&right), ["folder", "letter.txt", "äpfel.txt"]);
    nothing_to_do(&pair);
    assert_eq!(names(&left), given);

    // Edits on either side, and a rename of the case alone.
    fs::write(right.join("letter.txt"), "edited there").unwrap();
    fs::write(left.join("Äpfel.txt"), "edited here").unwrap();
    fs::rename(left.join("Folder/Inner.Txt"), left.join("Folder/INNER.txt")).unwrap();
    sync(&pair);
    assert_eq!(pair.read("left", "Letter.TXT"), "edited there");
    assert_eq!(pair.read("right", "äpfel.txt"), "edited here");
    nothing_to_do(&pair);
    assert_eq!(
        (names(&left), names(&left.join("Folder"))),
        (given.map(String::from).into(), vec!["Below".into(), "INNER.txt".into()])
    );

    // What is moved there is moved here with its name, and what is removed there goes.
    fs::rename(right.join("letter.txt"), right.join("folder/letter.txt")).unwrap();
    fs::remove_file(right.join("folder/below/deep")).unwrap();
    fs::write(right.join("New There"), "new").unwrap();
    sync(&pair);
    assert_eq!(names(&left.join("Folder")), ["Below", "INNER.txt", "Letter.TXT"]);
    assert_eq!(names(&left.join("Folder/Below")), [""; 0]);
    assert_eq!(pair.read("left", "new there"), "new");
    nothing_to_do(&pair);

    // The drive itself keeps the names that were given: mounted in the usual way it shows them, and
    // what was made there gets the name it was given.
    drive.unmount();
    drive.mount("ntfs-3g", &[]);
    assert_eq!(names(&right.join("Folder")), ["Below", "INNER.txt", "Letter.TXT"]);
    sync(&pair);
    assert_eq!(names(&left.join("Folder")), ["Below", "INNER.txt", "Letter.TXT"]);
    assert_eq!(names(&left), ["Folder", "New There", "Äpfel.txt"]);
    nothing_to_do(&pair);
}
