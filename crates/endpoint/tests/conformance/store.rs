//! What every place that holds whole named objects promises, asked of each of them in the same words.

use std::sync::Arc;

use keepwell_endpoint::{EndpointError, Store};

/// Makes or opens the place with a name.
pub type OpenStore<'a> = &'a dyn Fn(&str) -> Result<Arc<dyn Store>, EndpointError>;

/// A kind of place under test.
pub struct Stores<'a> {
    /// Makes a new, empty place with this name.
    pub create: OpenStore<'a>,
    /// Opens the place with this name.
    pub open: OpenStore<'a>,
    /// Takes the place away with all that is in it, behind the store's back.
    pub lose: &'a dyn Fn(&str),
    /// Whether the server takes large objects in parts; an emulator may not.
    pub takes_parts: bool,
}

/// Asks everything.
pub fn keeps_its_promises(stores: &Stores<'_>) {
    an_object_is_invisible_until_finished_and_whole_afterwards(stores);
    a_dropped_upload_leaves_nothing(stores);
    a_key_is_written_once(stores);
    if stores.takes_parts {
        large_objects_come_back_whole(stores);
    }
    a_deleted_object_is_gone(stores);
    reading_past_the_end_or_over_the_limit_is_an_error(stores);
    a_key_can_not_leave_the_root(stores);
    empty_folders_are_there_and_absent_ones_are_not(stores);
    names_tell_an_empty_place_from_one_in_use(stores);
    many_objects_are_all_listed(stores, 60);
    two_writers_make_one_object(stores);
    a_lost_place_is_named_and_never_made_again(stores);
}

/// Bytes that differ by seed and do not repeat.
pub fn content(seed: u8, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut bytes);
    bytes
}

fn create(stores: &Stores<'_>, name: &str) -> Arc<dyn Store> {
    (stores.create)(name).unwrap_or_else(|error| panic!("{name} can not be made: {error}"))
}

fn an_object_is_invisible_until_finished_and_whole_afterwards(stores: &Stores<'_>) {
    let store = create(stores, "whole");
    store.create_folders(&["packs"]).unwrap();
    let mut upload = store.create("packs/ab/abcd").unwrap();
    upload.write(b"hello ").unwrap();
    upload.write(&vec![7; 300_000]).unwrap();
    assert!(store.list("packs").unwrap().is_empty());
    assert!(matches!(store.size_bytes("packs/ab/abcd"), Err(EndpointError::NotFound { .. })));
    upload.finish().unwrap();
    let listed = store.list("packs").unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!((listed[0].key.as_str(), listed[0].size_bytes), ("packs/ab/abcd", 300_006));
    assert!(listed[0].modified_ms.is_some_and(|time| time > 1_600_000_000_000));
    assert_eq!(store.size_bytes("packs/ab/abcd").unwrap(), 300_006);
    assert_eq!(store.read_range("packs/ab/abcd", 4, 4).unwrap(), b"o \x07\x07");
    let all: Vec<_> = store.list("").unwrap().into_iter().map(|object| object.key).collect();
    assert_eq!(all, ["packs/ab/abcd"]);
    store.put("packs/empty", b"").unwrap();
    assert_eq!(store.read("packs/empty", 9).unwrap(), b"");
    let again = (stores.open)("whole").unwrap();
    assert_eq!(again.read("packs/ab/abcd", 1 << 20).unwrap().len(), 300_006);
}

fn a_dropped_upload_leaves_nothing(stores: &Stores<'_>) {
    let store = create(stores, "dropped");
    store.create_folders(&["index"]).unwrap();
    for length in [4, 9 << 20].into_iter().filter(|length| *length < 10 || stores.takes_parts) {
        let mut upload = store.create("index/x").unwrap();
        upload.write(&content(1, length)).unwrap();
        drop(upload);
        assert!(store.list("index").unwrap().is_empty());
    }
}

fn a_key_is_written_once(stores: &Stores<'_>) {
    let store = create(stores, "once");
    store.put("keys/one", b"first").unwrap();
    let error = store.put("keys/one", b"second").unwrap_err();
    assert!(matches!(error, EndpointError::AlreadyExists { .. }), "{error}");
    if stores.takes_parts {
        let mut large = store.create("keys/one").unwrap();
        large.write(&content(2, 9 << 20)).unwrap();
        let error = large.finish().unwrap_err();
        assert!(matches!(error, EndpointError::AlreadyExists { .. }), "{error}");
    }
    assert_eq!(store.read("keys/one", 100).unwrap(), b"first");
}

fn large_objects_come_back_whole(stores: &Stores<'_>) {
    let store = create(stores, "large");
    let whole = content(3, (9 << 20) + 12_345);
    let mut upload = store.create("packs/large").unwrap();
    for part in whole.chunks(1_234_567) {
        upload.write(part).unwrap();
    }
    upload.finish().unwrap();
    assert_eq!(store.size_bytes("packs/large").unwrap(), whole.len() as u64);
    assert!(store.read("packs/large", 1 << 30).unwrap() == whole);
    let middle = store.read_range("packs/large", (8 << 20) - 10, 20).unwrap();
    assert_eq!(middle, whole[(8 << 20) - 10..(8 << 20) + 10]);
}

fn a_deleted_object_is_gone(stores: &Stores<'_>) {
    let store = create(stores, "deleted");
    store.put("packs/x", b"12345").unwrap();
    assert_eq!(store.read_range("packs/x", 0, 5).unwrap(), b"12345");
    store.delete("packs/x").unwrap();
    store.delete("packs/x").unwrap();
    assert!(matches!(store.read_range("packs/x", 0, 5), Err(EndpointError::NotFound { .. })));
    store.put("packs/x", b"new").unwrap();
    assert_eq!(store.read("packs/x", 5).unwrap(), b"new");
}

fn reading_past_the_end_or_over_the_limit_is_an_error(stores: &Stores<'_>) {
    let store = create(stores, "ends");
    store.put("packs/x", b"12345").unwrap();
    for (from, length) in [(3, 3), (5, 1), (9, 1), (u64::MAX, 3)] {
        let error = store.read_range("packs/x", from, length).unwrap_err();
        assert!(matches!(error, EndpointError::Unexpected { .. }), "{from}+{length}: {error}");
    }
    assert_eq!(store.read_range("packs/x", 5, 0).unwrap(), b"");
    assert!(matches!(store.read("packs/x", 4), Err(EndpointError::Unexpected { .. })));
    assert_eq!(store.read("packs/x", 5).unwrap(), b"12345");
}

fn a_key_can_not_leave_the_root(stores: &Stores<'_>) {
    let store = create(stores, "root");
    for key in ["../x", "a/../../x", "/etc/x", "", "a//b", "./a", "A", "a\\b", "c:x", "a b"] {
        assert!(matches!(store.put(key, b""), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.read(key, 9), Err(EndpointError::Unexpected { .. })), "{key}");
        assert!(matches!(store.delete(key), Err(EndpointError::Unexpected { .. })), "{key}");
    }
}

fn empty_folders_are_there_and_absent_ones_are_not(stores: &Stores<'_>) {
    let store = create(stores, "folders");
    store.create_folders(&["packs", "index"]).unwrap();
    store.create_folders(&["packs"]).unwrap();
    assert!(store.list("packs").unwrap().is_empty());
    assert!(store.list("index").unwrap().is_empty());
    let error = store.list("snapshots").unwrap_err();
    assert!(matches!(&error, EndpointError::NotFound { path } if path.contains("snapshots")), "{error}");
    store.put("packs/x", b"1").unwrap();
    store.delete("packs/x").unwrap();
    assert!(store.list("packs").unwrap().is_empty());
}

fn names_tell_an_empty_place_from_one_in_use(stores: &Stores<'_>) {
    let store = create(stores, "names");
    assert_eq!(store.names().unwrap(), Vec::<String>::new());
    store.create_folders(&["packs"]).unwrap();
    store.put("config", b"1").unwrap();
    store.put("packs/ab/x", b"1").unwrap();
    let mut names = store.names().unwrap();
    names.retain(|name| name != "tmp");
    names.sort();
    assert_eq!(names, ["config", "packs"]);
    assert!(matches!((stores.open)("never-made"), Err(EndpointError::NotFound { .. })));
}

fn many_objects_are_all_listed(stores: &Stores<'_>, count: usize) {
    let store = create(stores, "many");
    let mut expected = Vec::new();
    for number in 0..count {
        let key = format!("packs/{:02}/{number:04}", number % 7);
        store.put(&key, &[0; 3]).unwrap();
        expected.push(key);
    }
    let mut found: Vec<_> = store.list("packs").unwrap().into_iter().map(|object| object.key).collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

fn two_writers_make_one_object(stores: &Stores<'_>) {
    let store = create(stores, "race");
    store.create_folders(&["keys"]).unwrap();
    let mut first = store.create("keys/k").unwrap();
    let mut second = store.create("keys/k").unwrap();
    first.write(b"first").unwrap();
    second.write(b"second").unwrap();
    second.finish().unwrap();
    assert!(matches!(first.finish(), Err(EndpointError::AlreadyExists { .. })));
    assert_eq!(store.read("keys/k", 9).unwrap(), b"second");
}

fn a_lost_place_is_named_and_never_made_again(stores: &Stores<'_>) {
    let store = create(stores, "lost");
    store.create_folders(&["packs"]).unwrap();
    store.put("packs/x", b"1").unwrap();
    (stores.lose)("lost");
    let errors = [
        store.list("packs").unwrap_err(),
        store.list("").unwrap_err(),
        store.names().unwrap_err(),
        store.read("packs/x", 9).unwrap_err(),
        store.put("packs/z", b"1").unwrap_err(),
        store.delete("packs/x").unwrap_err(),
        store.unfinished().unwrap_err(),
        store.create_folders(&["index"]).unwrap_err(),
    ];
    for (number, error) in errors.iter().enumerate() {
        assert!(
            matches!(error, EndpointError::NotFound { path } if *path == store.describe()),
            "{number}: {error:?}"
        );
    }
    assert!((stores.open)("lost").is_err());
}
