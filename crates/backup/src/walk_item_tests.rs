//! Single items of a walk: what is kept of each.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use keepwell_endpoint::local::LocalStore;
use keepwell_model::{Control, Snapshot};
use keepwell_repository::secret::Cost;
use keepwell_repository::{InitOptions, Repository, Secret, Writer};

use super::*;
use crate::rules::{RuleOptions, Rules};

/// A walk in a folder, and a reader to hand single items to it.
fn walk_in(test: impl FnOnce(&Walk<'_>, &Path, &mut FileReader)) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::create(folder.path().join("repository")).unwrap();
    let cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };
    let options = InitOptions { password: Secret::new("x"), now_seconds: 0, cost };
    let (repository, _) = Repository::init(Arc::new(store), &options).unwrap();
    let control = Arc::new(Control::new());
    let writer = Writer::begin(&repository, 1, &control).unwrap();
    let rules = Rules::new(&RuleOptions::default()).unwrap();
    let walk =
        Walk::new(&repository, &writer, &rules, &control, None::<&Snapshot>, Timestamp::default(), None);
    let mut reader = FileReader::new(&repository, writer.sink().unwrap());
    test(&walk, folder.path(), &mut reader);
}

fn task(folder: &Folder, name: &[u8]) -> FileTask {
    FileTask { name: name.to_vec(), stat: folder.stat(name).unwrap(), was_there: false }
}

#[test]
fn a_file_of_two_names_that_is_written_to_between_them_does_not_break_the_snapshot() {
    walk_in(|walk, path, reader| {
        fs::write(path.join("one"), b"short").unwrap();
        fs::hard_link(path.join("one"), path.join("two")).unwrap();
        let folder = Folder::open(path).unwrap();
        // The second name was looked at before, the third after the change.
        let (one, two) = (task(&folder, b"one"), task(&folder, b"two"));
        let one = walk.file(&folder, one, reader).unwrap().unwrap();
        fs::write(path.join("one"), b"much longer than before").unwrap();
        fs::hard_link(path.join("one"), path.join("zzz")).unwrap();
        let three = walk.file(&folder, task(&folder, b"zzz"), reader).unwrap().unwrap();
        let two = walk.file(&folder, two, reader).unwrap().unwrap();
        assert_eq!((one.size_bytes, three.size_bytes), (5, 23));
        assert_eq!(
            three.content.as_ref().unwrap().hash.0,
            *blake3::hash(b"much longer than before").as_bytes()
        );
        walk.writer.write_folder(&[one, two, three]).unwrap();
    });
}

#[test]
fn a_link_that_vanished_is_a_problem_and_not_an_entry_without_target() {
    walk_in(|walk, path, _| {
        std::os::unix::fs::symlink("target", path.join("link")).unwrap();
        let folder = Folder::open(path).unwrap();
        let entry = walk.entry(b"link".to_vec(), &folder.stat(b"link").unwrap());
        fs::remove_file(path.join("link")).unwrap();
        assert_eq!(walk.other(&folder, entry), None);
        assert_eq!(walk.control.problems().total, 1);
    });
}

#[test]
fn a_file_that_became_another_kind_is_left_out_and_told() {
    walk_in(|walk, path, reader| {
        for kind in ["gone", "folder", "pipe", "link"] {
            let file = path.join(kind);
            fs::write(&file, vec![7; 1 << 20]).unwrap();
            let folder = Folder::open(path).unwrap();
            let seen = task(&folder, kind.as_bytes());
            fs::remove_file(&file).unwrap();
            match kind {
                "folder" => fs::create_dir(&file).unwrap(),
                "pipe" => rustix::fs::mkfifoat(rustix::fs::CWD, &file, rustix::fs::Mode::RWXU).unwrap(),
                "link" => std::os::unix::fs::symlink("/dev/zero", &file).unwrap(),
                _ => {}
            }
            let before = walk.control.problems().total;
            assert_eq!(walk.file(&folder, seen, reader).unwrap(), None, "{kind}");
            assert_eq!(walk.control.problems().total, before + 1, "{kind}");
        }
    });
}
