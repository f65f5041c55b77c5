//! The store keeps its promises on a server that is well.

use std::fs;
use std::sync::Arc;

use keepwell_endpoint::sftp::SftpStore;
use keepwell_endpoint::{EndpointError, Store};
use keepwell_testkit::{SeededRandom, SshSetup};

use crate::conformance_store::{Stores, keeps_its_promises};
use crate::harness::Bench;

/// What every kind of place promises, asked in the same words.
#[test]
fn a_server_keeps_the_promises_of_every_store() {
    let bench = Bench::new();
    let root = |name: &str| bench.folder.path().join("stores").join(name);
    let open = |name: &str| SftpStore::open(bench.options(), root(name).to_str().unwrap());
    let create = |name: &str| SftpStore::create(bench.options(), root(name).to_str().unwrap());
    keeps_its_promises(&Stores {
        create: &|name| Ok(Arc::new(create(name)?)),
        open: &|name| Ok(Arc::new(open(name)?)),
        lose: &|name| fs::remove_dir_all(root(name)).unwrap(),
        takes_parts: true,
    });
}

#[test]
fn an_object_is_invisible_until_finished_and_whole_afterwards() {
    let bench = Bench::new();
    let store = bench.store();
    store.create_folders(&["packs"]).unwrap();
    let content = SeededRandom::new(1).bytes(5_000_003);
    let mut upload = store.create("packs/ab/abcd").unwrap();
    for piece in content.chunks(77_777) {
        upload.write(piece).unwrap();
    }
    assert!(store.list("packs").unwrap().is_empty());
    assert_eq!(store.unfinished().unwrap().len(), 1);
    assert!(matches!(store.size_bytes("packs/ab/abcd"), Err(EndpointError::NotFound { .. })));
    upload.finish().unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    assert_eq!(fs::read(bench.root().join("packs/ab/abcd")).unwrap(), content);
    let listed = store.list("packs").unwrap();
    assert_eq!((listed[0].key.as_str(), listed[0].size_bytes), ("packs/ab/abcd", 5_000_003));
    assert!(listed[0].modified_ms.unwrap() > 1_600_000_000_000);
    assert_eq!(store.read("packs/ab/abcd", 6_000_000).unwrap(), content);
    assert_eq!(
        store.read_range("packs/ab/abcd", 1_234_567, 3_000_000).unwrap(),
        content[1_234_567..4_234_567]
    );
    assert_eq!(store.list("").unwrap(), listed);
    assert_eq!(store.names().unwrap().len(), 2);
}

#[test]
fn a_dropped_upload_leaves_nothing() {
    let bench = Bench::new();
    let store = bench.store();
    let mut upload = store.create("index/x").unwrap();
    upload.write(&vec![1; 3_000_000]).unwrap();
    drop(upload);
    assert!(store.unfinished().unwrap().is_empty());
    assert!(store.list("").unwrap().is_empty());
}

/// With every way a server may offer of not replacing: hard links, and RENAME alone.
#[test]
fn a_key_is_written_once() {
    let plain = SshSetup {
        denied: vec!["hardlink", "fsync", "posix-rename", "copy-data", "limits", "statvfs"],
        ..SshSetup::default()
    };
    for setup in [SshSetup::default(), plain] {
        let bench = Bench::with(&setup);
        let store = bench.store();
        store.put("keys/one", b"first").unwrap();
        let error = store.put("keys/one", b"second").unwrap_err();
        assert!(
            matches!(&error, EndpointError::AlreadyExists { path } if path.ends_with("keys/one")),
            "{error}"
        );
        assert_eq!(store.read("keys/one", 100).unwrap(), b"first");
        assert!(store.unfinished().unwrap().is_empty());
        let large = SeededRandom::new(2).bytes(1_000_000);
        store.put("packs/large", &large).unwrap();
        assert_eq!(store.read("packs/large", 1_000_000).unwrap(), large);
        assert_eq!(store.free_bytes().unwrap().is_some(), setup.denied.is_empty());
    }
}

#[test]
fn leftovers_of_a_killed_writer_are_listed_and_can_be_deleted() {
    let bench = Bench::new();
    let store = bench.store();
    store.put("packs/x", b"1").unwrap();
    fs::write(bench.root().join("tmp/0123456789abcdef"), "half").unwrap();
    let leftovers = store.unfinished().unwrap();
    assert_eq!(leftovers.len(), 1);
    assert_eq!(leftovers[0].size_bytes, 4);
    store.delete(&leftovers[0].key).unwrap();
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn a_deleted_object_is_gone_even_if_it_was_open() {
    let bench = Bench::new();
    let store = bench.store();
    store.put("packs/x", b"12345").unwrap();
    assert_eq!(store.read_range("packs/x", 0, 5).unwrap(), b"12345");
    store.delete("packs/x").unwrap();
    store.delete("packs/x").unwrap();
    assert!(matches!(store.read_range("packs/x", 0, 5), Err(EndpointError::NotFound { .. })));
}

#[test]
fn more_files_than_are_kept_open_can_be_read_by_several_threads() {
    let bench = Bench::new();
    let store = bench.store();
    let keys: Vec<String> = (0..60).map(|number| format!("packs/{:02}/{number}", number % 7)).collect();
    std::thread::scope(|scope| {
        for part in keys.chunks(15) {
            let store = &store;
            scope.spawn(move || {
                for key in part {
                    store.put(key, key.as_bytes()).unwrap();
                }
            });
        }
    });
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                for key in &keys {
                    assert_eq!(store.read_range(key, 0, key.len()).unwrap(), key.as_bytes());
                }
            });
        }
    });
    let mut listed: Vec<String> = store.list("packs").unwrap().into_iter().map(|object| object.key).collect();
    listed.sort();
    let mut keys = keys;
    keys.sort();
    assert_eq!(listed, keys);
}

#[test]
fn reading_past_the_end_or_over_the_limit_is_an_error() {
    let bench = Bench::new();
    let store = bench.store();
    store.put("packs/x", b"12345").unwrap();
    assert!(matches!(store.read_range("packs/x", 3, 3), Err(EndpointError::Unexpected { .. })));
    assert!(store.read_range("packs/x", u64::MAX, 3).is_err());
    assert!(matches!(store.read("packs/x", 4), Err(EndpointError::Unexpected { .. })));
    assert_eq!(store.read("packs/x", 5).unwrap(), b"12345");
}

#[test]
fn a_key_can_not_leave_the_root() {
    let bench = Bench::new();
    let store = bench.store();
    for key in ["../x", "a/../../x", "/etc/x", "", "a//b", "./a", "A", "a\\b", "c:x", "a b"] {
        assert!(matches!(store.put(key, b""), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.read(key, 9), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.delete(key), Err(EndpointError::Unexpected { .. })), "{key}");
    }
}

#[test]
fn an_absent_folder_is_an_error_and_a_lost_root_is_named_and_never_made_again() {
    let bench = Bench::new();
    let store = bench.store();
    assert!(matches!(store.list("packs"), Err(EndpointError::NotFound { path }) if path.ends_with("packs")));
    store.put("packs/x", b"1").unwrap();
    let mut upload = store.create("packs/y").unwrap();
    upload.write(b"1").unwrap();
    fs::remove_dir_all(bench.root()).unwrap();
    let root = store.describe();
    let errors = [
        store.list("packs").unwrap_err(),
        store.read("packs/x", 9).unwrap_err(),
        store.put("packs/z", b"1").unwrap_err(),
        store.delete("packs/x").unwrap_err(),
        store.unfinished().unwrap_err(),
        store.create_folders(&["index"]).unwrap_err(),
        upload.finish().unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, EndpointError::NotFound { path } if *path == root), "{error}");
    }
    assert!(!bench.root().exists());
}

#[test]
fn a_folder_that_can_not_be_read_is_an_error_and_never_an_empty_list() {
    let bench = Bench::new();
    let store = bench.store();
    store.put("packs/x", b"1").unwrap();
    std::os::unix::fs::symlink("/nowhere", bench.root().join("packs/dangling")).unwrap();
    assert_eq!(store.list("packs").unwrap().len(), 1);
    std::os::unix::fs::symlink("/tmp", bench.root().join("packs/elsewhere")).unwrap();
    assert!(matches!(store.list("packs"), Err(EndpointError::Unexpected { .. })));
    fs::write(bench.root().join("index"), "a file").unwrap();
    assert!(store.list("index").is_err());
}

#[test]
fn files_that_are_not_ours_are_passed_over() {
    let bench = Bench::new();
    let store = bench.store();
    store.put("packs/x", b"1").unwrap();
    fs::write(bench.root().join("packs/.DS_Store"), "x").unwrap();
    assert_eq!(store.list("packs").unwrap().len(), 1);
}

#[test]
fn the_root_is_named_from_the_top_or_from_home_and_has_to_be_a_folder() {
    let bench = Bench::new();
    let absent = SftpStore::open(bench.options(), bench.root().to_str().unwrap());
    assert!(matches!(absent, Err(EndpointError::NotFound { .. })));
    fs::write(bench.root(), "a file").unwrap();
    let file = SftpStore::open(bench.options(), bench.root().to_str().unwrap());
    assert!(matches!(file, Err(EndpointError::Unexpected { .. })));
    let home = SftpStore::open(bench.options(), "/~/").unwrap().describe();
    let port = bench.server.port();
    assert!(home.starts_with("sftp://") && home.contains(&format!("@127.0.0.1:{port}/")), "{home}");
    assert!(!home.contains('~'), "{home}");
}
