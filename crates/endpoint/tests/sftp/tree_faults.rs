//! Bad days of a tree: lines that break in every step, and servers without the extensions of OpenSSH.

use std::fs;

use keepwell_endpoint::tree::{Expected, ItemMetadata};
use keepwell_endpoint::{EndpointError, Tree};
use keepwell_model::RelativePath;
use keepwell_testkit::{SeededRandom, SshSetup};

use crate::harness::Bench;
use crate::tree::{at, expected, hash, path, put, read, seen};

#[test]
fn every_step_survives_a_line_that_breaks_again_and_again() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let tree = bench.tree_at(proxy.port());
    let mut random = SeededRandom::new(11);
    for number in 0..5_u64 {
        proxy.cut_after(2_500 + number * 3_100, 2);
        let folder = format!("folder {number}");
        tree.create_folder(&path(&folder), &at(1_000)).unwrap();
        let content = random.bytes(1_000 + 30_000 * number as usize);
        let file = format!("{folder}/file");
        put(&tree, &file, &content, &Expected::Absent, &at(2_000)).unwrap();
        proxy.cut_after(2_000 + number * 900, 2);
        let content = [content, b"more".to_vec()].concat();
        put(&tree, &file, &content, &expected(&tree, &file), &at(3_000)).unwrap();
        tree.create_symlink(&path(&format!("{folder}/link")), b"file", &Expected::Absent, &at(1)).unwrap();
        let renamed = format!("{folder}/renamed");
        tree.rename(&path(&file), &path(&renamed), &expected(&tree, &file), &Expected::Absent).unwrap();
        proxy.cut_after(1_800 + number * 500, 3);
        tree.rename(
            &path(&folder),
            &path(&format!("moved {number}")),
            &expected(&tree, &folder),
            &Expected::Absent,
        )
        .unwrap();
        assert_eq!(read(&tree, &format!("moved {number}/renamed")), content);
        let link = path(&format!("moved {number}/link"));
        tree.remove(&link, &tree.stat(&link).unwrap().unwrap().fingerprint).unwrap();
        tree.sync().unwrap();
    }
    proxy.cut_after(0, 0);
    assert!(proxy.connections() > 10, "only {} connections", proxy.connections());
    assert_eq!(tree.list(&RelativePath::root()).unwrap().len(), 5);
    for number in 0..5 {
        assert_eq!(fs::read_dir(bench.root().join(format!("moved {number}"))).unwrap().count(), 1);
    }
}

#[test]
fn an_upload_and_a_download_go_on_where_they_were() {
    let bench = Bench::new();
    let proxy = bench.proxy();
    let tree = bench.tree_at(proxy.port());
    let content = SeededRandom::new(12).bytes(10_000_000);
    let mut staged = tree.stage(&path("a"), 10_000_000, None).unwrap();
    for (number, piece) in content.chunks(500_000).enumerate() {
        staged.write_at(piece, number as u64 * 500_000).unwrap();
        if number % 7 == 3 {
            proxy.cut_now();
        }
    }
    staged.publish(&path("a"), &Expected::Absent, &at(4_000), &hash(&content)).unwrap();
    assert_eq!(seen(&tree, "a").fingerprint.modified.unwrap().seconds, 4_000);
    let mut open = tree.open(&path("a")).unwrap();
    let mut whole = Vec::new();
    let mut part = vec![0; 700_000];
    loop {
        let length = open.read_at(&mut part, whole.len() as u64).unwrap();
        if length == 0 {
            break;
        }
        whole.extend_from_slice(&part[..length]);
        if whole.len() < 3_000_000 {
            proxy.cut_now();
        }
    }
    assert!(whole == content);
    assert!(open.is_unchanged().unwrap());
    // Another file of the same name is not read on.
    let mut open = tree.open(&path("a")).unwrap();
    assert_eq!(open.read_at(&mut part, 0).unwrap(), part.len());
    proxy.cut_now();
    fs::write(bench.root().join("a"), vec![1; 9_000_000]).unwrap();
    let error = loop {
        match open.read_at(&mut part, 6_000_000) {
            Ok(_) => proxy.cut_now(),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
}

fn traced() -> Bench {
    Bench::with(&SshSetup { traces: true, ..SshSetup::default() })
}

/// The numbers of the lines that hold all of this.
fn lines(requests: &[String], parts: &[&str]) -> Vec<usize> {
    let holds = |line: &String| parts.iter().all(|part| line.contains(part));
    requests.iter().enumerate().filter(|(_, line)| holds(line)).map(|(at, _)| at).collect()
}

/// Of two requests the second could take away what somebody put under the old name in between.
#[test]
fn a_persons_file_moves_by_one_request() {
    let bench = traced();
    let tree = bench.tree();
    fs::write(bench.root().join("theirs"), "theirs").unwrap();
    tree.rename(&path("theirs"), &path("moved"), &expected(&tree, "theirs"), &Expected::Absent).unwrap();
    assert_eq!(read(&tree, "moved"), b"theirs");
    let requests = bench.server.requests();
    assert_eq!(lines(&requests, &["remove", "/theirs\""]), Vec::<usize>::new(), "{requests:#?}");
    assert_eq!(lines(&requests, &["rename", "/theirs\"", "/moved\""]).len(), 1, "{requests:#?}");
    // And what has the new name stays.
    fs::write(bench.root().join("second"), "second").unwrap();
    let second = expected(&tree, "second");
    let error = tree.rename(&path("second"), &path("moved"), &second, &Expected::Absent).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    assert_eq!((read(&tree, "moved"), read(&tree, "second")), (b"theirs".to_vec(), b"second".to_vec()));
}

/// Whoever clears unfinished files goes by their time: an old one that is read back is in use.
#[test]
fn an_unfinished_file_gets_its_time_last() {
    let bench = traced();
    let tree = bench.tree();
    let content = SeededRandom::new(14).bytes(300_000);
    put(&tree, "old", &content, &Expected::Absent, &at(1_000)).unwrap();
    assert_eq!(seen(&tree, "old").fingerprint.modified.unwrap().seconds, 1_000);
    let requests = bench.server.requests();
    let staged = ".keepwell-staged-";
    let set = lines(&requests, &["set", staged, "modtime 19700101"]);
    let reads = lines(&requests, &[": read ", staged]);
    assert!(set.last().is_some_and(|set| reads.iter().all(|read| read < set)), "{requests:#?}");
    assert!(!reads.is_empty(), "{requests:#?}");
    assert_eq!(set.len(), 1, "{requests:#?}");
}

/// The server's key alone says nothing about a folder: such a place needs a marker, and what was remembered before that
/// was known is still told.
#[test]
fn a_place_whose_file_system_has_no_number_is_known_by_nothing() {
    let setup = SshSetup { denied: vec!["statvfs"], ..SshSetup::default() };
    let (bench, known) = (Bench::with(&setup), Bench::new());
    let tree = bench.tree();
    assert_eq!(tree.identity().unwrap().volume, "");
    let former = tree.former_identity().unwrap().unwrap();
    assert!(former.volume.ends_with(" 0000000000000000") && former.volume.len() > 40, "{}", former.volume);
    let known = known.tree();
    assert_ne!(known.identity().unwrap().volume, "");
    assert_eq!(known.former_identity().unwrap(), None);
}

/// Without posix-rename a file can not be replaced at once, so it is refused; all else works.
#[test]
fn a_server_without_extensions_is_used_as_far_as_it_goes() {
    let denied = vec!["hardlink", "fsync", "posix-rename", "copy-data", "limits", "statvfs", "lsetstat"];
    let bench = Bench::with(&SshSetup { denied, ..SshSetup::default() });
    let tree = bench.tree();
    let content = SeededRandom::new(13).bytes(1_000_000);
    put(&tree, "a", &content, &Expected::Absent, &at(1_000)).unwrap();
    assert_eq!(read(&tree, "a"), content);
    let error = put(&tree, "a", b"x", &Expected::Absent, &at(1_000)).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    let error = put(&tree, "a", b"x", &expected(&tree, "a"), &at(1_000)).unwrap_err();
    assert!(
        matches!(&error, EndpointError::Unexpected { why, .. } if why.contains("posix-rename")),
        "{error}"
    );
    assert_eq!(read(&tree, "a"), content);
    assert!(tree.stage(&path("b"), 1, Some(&path("a"))).is_err());
    let made = tree.create_symlink(&path("link"), b"a", &Expected::Absent, &at(1)).unwrap();
    assert_eq!(made.not_kept.len(), 1);
    tree.create_folder(&path("folder"), &ItemMetadata::default()).unwrap();
    tree.rename(&path("a"), &path("folder/a"), &expected(&tree, "a"), &Expected::Absent).unwrap();
    tree.rename(&path("folder"), &path("renamed"), &expected(&tree, "folder"), &Expected::Absent).unwrap();
    tree.sync().unwrap();
    let names = fs::read_dir(bench.root()).unwrap().count();
    assert_eq!(names, 2);
}
