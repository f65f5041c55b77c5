//! The local store keeps its promises: whole objects or none, listings that never lie.

use super::*;

fn store() -> (tempfile::TempDir, LocalStore) {
    let folder = tempfile::tempdir().unwrap();
    let store = LocalStore::create(folder.path().join("a/b/repository")).unwrap();
    (folder, store)
}

#[test]
fn an_object_is_invisible_until_finished_and_whole_afterwards() {
    let (_folder, store) = store();
    store.create_folders(&["packs"]).unwrap();
    let mut upload = store.create("packs/ab/abcd").unwrap();
    upload.write(b"hello ").unwrap();
    upload.write(&vec![7; 300_000]).unwrap();
    assert!(store.list("packs").unwrap().is_empty());
    assert_eq!(store.unfinished().unwrap().len(), 1);
    assert!(matches!(store.size_bytes("packs/ab/abcd"), Err(EndpointError::NotFound { .. })));
    upload.finish().unwrap();
    assert!(store.unfinished().unwrap().is_empty());
    let listed = store.list("packs").unwrap();
    assert_eq!((listed[0].key.as_str(), listed[0].size_bytes), ("packs/ab/abcd", 300_006));
    assert!(listed[0].modified_ms.unwrap() > 1_600_000_000_000);
    assert_eq!(store.read_range("packs/ab/abcd", 4, 4).unwrap(), b"o \x07\x07");
    assert_eq!(store.list("").unwrap(), listed);
}

#[test]
fn a_dropped_upload_leaves_nothing() {
    let (_folder, store) = store();
    let mut upload = store.create("index/x").unwrap();
    upload.write(b"half").unwrap();
    drop(upload);
    assert!(store.unfinished().unwrap().is_empty());
    assert!(store.list("").unwrap().is_empty());
}

#[test]
fn a_key_is_written_once() {
    let (_folder, store) = store();
    store.put("keys/one", b"first").unwrap();
    assert!(matches!(store.put("keys/one", b"second"), Err(EndpointError::AlreadyExists { .. })));
    assert_eq!(store.read("keys/one", 100).unwrap(), b"first");
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn leftovers_of_a_killed_writer_are_listed_and_can_be_deleted() {
    let (_folder, store) = store();
    store.put("packs/x", b"1").unwrap();
    fs::write(store.root().join("tmp/0123456789abcdef"), "half").unwrap();
    let leftovers = store.unfinished().unwrap();
    assert_eq!(leftovers.len(), 1);
    store.delete(&leftovers[0].key).unwrap();
    assert!(store.unfinished().unwrap().is_empty());
}

#[test]
fn a_deleted_object_is_gone_even_if_it_was_open() {
    let (_folder, store) = store();
    store.put("packs/x", b"12345").unwrap();
    assert_eq!(store.read_range("packs/x", 0, 5).unwrap(), b"12345");
    store.delete("packs/x").unwrap();
    store.delete("packs/x").unwrap();
    assert!(matches!(store.read_range("packs/x", 0, 5), Err(EndpointError::NotFound { .. })));
}

#[test]
fn more_files_than_are_kept_open_can_be_read() {
    let (_folder, store) = store();
    let keys: Vec<String> = (0..OPEN_FILES_LIMIT * 2).map(|number| format!("packs/{number}")).collect();
    for key in &keys {
        store.put(key, key.as_bytes()).unwrap();
    }
    for key in keys.iter().chain(&keys) {
        assert_eq!(store.read_range(key, 0, key.len()).unwrap(), key.as_bytes());
    }
    assert_eq!(store.inner.open_files().len(), OPEN_FILES_LIMIT);
}

#[test]
fn reading_past_the_end_or_over_the_limit_is_an_error() {
    let (_folder, store) = store();
    store.put("packs/x", b"12345").unwrap();
    assert!(matches!(store.read_range("packs/x", 3, 3), Err(EndpointError::Unexpected { .. })));
    assert!(store.read_range("packs/x", u64::MAX, 3).is_err());
    assert!(matches!(store.read("packs/x", 4), Err(EndpointError::Unexpected { .. })));
    assert_eq!(store.read("packs/x", 5).unwrap(), b"12345");
}

#[test]
fn a_key_can_not_leave_the_root() {
    let (folder, store) = store();
    for key in ["../x", "a/../../x", "/etc/x", "", "a//b", "./a", "A", "a\\b", "c:x", "a b"] {
        assert!(matches!(store.put(key, b""), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.read(key, 9), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.delete(key), Err(EndpointError::Unexpected { .. })), "{key}");
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn an_absent_folder_is_an_error_and_a_lost_root_is_named_and_never_made_again() {
    let (_folder, store) = store();
    assert!(matches!(store.list("packs"), Err(EndpointError::NotFound { path }) if path.ends_with("packs")));
    store.put("packs/x", b"1").unwrap();
    fs::remove_dir_all(store.root()).unwrap();
    let root = store.describe();
    let errors = [
        store.list("packs").unwrap_err(),
        store.read("packs/x", 9).unwrap_err(),
        store.put("packs/z", b"1").unwrap_err(),
        store.delete("packs/x").unwrap_err(),
        store.unfinished().unwrap_err(),
        store.create_folders(&["index"]).unwrap_err(),
        LocalStore::open(store.root()).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, EndpointError::NotFound { path } if *path == root), "{error}");
    }
    assert!(!store.root().exists());
}

/// Windows lets no folder go while a file in it is being written.
#[cfg(unix)]
#[test]
fn a_root_that_is_lost_while_an_object_is_written_is_named_and_never_made_again() {
    let (_folder, store) = store();
    let mut upload = store.create("packs/y").unwrap();
    upload.write(b"1").unwrap();
    fs::remove_dir_all(store.root()).unwrap();
    let error = upload.finish().unwrap_err();
    assert!(matches!(&error, EndpointError::NotFound { path } if *path == store.describe()), "{error}");
    assert!(!store.root().exists());
}

#[test]
fn files_that_are_not_ours_are_passed_over() {
    let (_folder, store) = store();
    store.put("packs/x", b"1").unwrap();
    fs::write(store.root().join("packs/.DS_Store"), "x").unwrap();
    assert_eq!(store.list("packs").unwrap().len(), 1);
}

#[test]
fn free_space_is_told() {
    let (_folder, store) = store();
    assert!(store.free_bytes().unwrap().unwrap() > 0);
}

/// `/dev/full` refuses every byte with "no space left on device", as a full disk does.
#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_told_as_such() {
    let (_folder, store) = store();
    fs::create_dir(store.root().join("tmp")).unwrap();
    let full = || File::options().write(true).open("/dev/full").unwrap();
    let upload = |file| LocalUpload {
        inner: Arc::clone(&store.inner),
        key: "packs/x".to_owned(),
        target: store.root().join("packs/x"),
        path: store.root().join("tmp/x"),
        file: Some(BufWriter::new(file)),
    };
    let error = upload(full()).write(&vec![0; 1 << 20]).unwrap_err();
    assert!(matches!(error, EndpointError::NoSpace { .. }), "{error}");
    let mut small = Box::new(upload(full()));
    small.write(b"x").unwrap();
    let error = small.finish().unwrap_err();
    assert!(matches!(error, EndpointError::NoSpace { .. }), "{error}");
    assert!(!store.root().join("packs").exists());
}
