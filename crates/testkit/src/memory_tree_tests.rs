//! The place in memory keeps the promises of a place.

use super::*;

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn tree() -> MemoryTree {
    let tree = MemoryTree::new("disk", MemoryTree::disk(), Arc::default());
    tree.with(|state| {
        assert!(state.make(&path("a"), EntryKind::Folder, b"", Timestamp::default()));
        assert!(state.make(&path("a/b"), EntryKind::File, b"one", Timestamp::default()));
    });
    tree
}

#[test]
fn what_is_not_as_expected_stays() {
    let tree = tree();
    let seen = tree.stat(&path("a/b")).unwrap().unwrap().fingerprint;
    tree.with(|state| state.write(&path("a/b"), b"two", Timestamp::default(), false));
    assert!(matches!(tree.remove(&path("a/b"), &seen), Err(EndpointError::Changed { .. })));
    let moved = tree.rename(&path("a/b"), &path("c"), &Expected::Item(seen), &Expected::Absent);
    assert!(matches!(moved, Err(EndpointError::Changed { .. })));
    assert_eq!(tree.with(|state| state.items[&path("a/b")].content.to_vec()), b"two");
}

#[test]
fn a_staged_file_is_invisible_until_it_is_proven() {
    let tree = tree();
    let mut staged = tree.stage(&path("new"), 3, None).unwrap();
    staged.write_at(b"new", 0).unwrap();
    assert_eq!(tree.list(&RelativePath::root()).unwrap().len(), 1);
    let proof = ContentHash(*blake3::hash(b"new").as_bytes());
    staged.publish(&path("new"), &Expected::Absent, &ItemMetadata::default(), &proof).unwrap();
    assert_eq!(tree.list(&RelativePath::root()).unwrap().len(), 2);
}

#[test]
fn steps_go_wrong_as_told() {
    let steps = Arc::new(Steps::default());
    let tree = MemoryTree::new("disk", MemoryTree::disk(), Arc::clone(&steps));
    steps.fault_at(0, StepFault::Fail);
    steps.fault_at(1, StepFault::LoseAnswer);
    assert!(tree.create_folder(&path("a"), &ItemMetadata::default()).is_err());
    assert!(!tree.with(|state| state.is_folder(&path("a"))), "a failed step changes nothing");
    assert!(tree.create_folder(&path("a"), &ItemMetadata::default()).is_err());
    assert!(tree.with(|state| state.is_folder(&path("a"))), "only the answer was lost");
    steps.fault_at(2, StepFault::Vanish);
    assert_eq!(tree.list(&RelativePath::root()).unwrap(), Vec::new());
    assert_eq!(tree.identity().unwrap().volume, "another");
    tree.recover();
    assert_eq!(tree.list(&RelativePath::root()).unwrap().len(), 1);
    assert_eq!(steps.count(), 5);
}

#[test]
fn moving_a_folder_keeps_what_is_in_it() {
    let tree = tree();
    let seen = tree.stat(&path("a")).unwrap().unwrap().fingerprint;
    tree.rename(&path("a"), &path("z"), &Expected::Item(seen), &Expected::Absent).unwrap();
    let inside = tree.list(&path("z")).unwrap();
    assert_eq!(inside[0].name, b"b");
    assert!(tree.rename(&path("z"), &path("z/y"), &Expected::Item(seen), &Expected::Absent).is_err());
}
