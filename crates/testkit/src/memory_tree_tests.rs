//! The place in memory keeps the promises of a place.

use keepwell_model::ContentHash;

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

#[test]
fn a_place_that_ignores_case_has_one_name_for_two() {
    let capabilities =
        Capabilities { case_sensitive: false, names: NameRules::Windows, ..MemoryTree::disk() };
    let tree = MemoryTree::new("disk", capabilities, Arc::default());
    tree.create_folder(&path("Folder"), &ItemMetadata::default()).unwrap();
    let again = tree.create_folder(&path("folder"), &ItemMetadata::default());
    assert!(matches!(again, Err(EndpointError::AlreadyExists { .. })));
    tree.create_folder(&path("fOLDER/a"), &ItemMetadata::default()).unwrap();
    assert_eq!(tree.stat(&path("FOLDER/A")).unwrap().unwrap().name, b"a");
    assert!(tree.with(|state| state.items.contains_key(&path("Folder/a"))));
    assert!(tree.create_folder(&path("x?"), &ItemMetadata::default()).is_err());
    // Another form of its own name is free.
    let seen = tree.stat(&path("Folder/a")).unwrap().unwrap().fingerprint;
    tree.rename(&path("Folder/a"), &path("Folder/A"), &Expected::Item(seen), &Expected::Absent).unwrap();
    assert!(tree.with(|state| state.items.contains_key(&path("Folder/A"))));
}

#[test]
fn what_was_synced_survives_the_loss_of_power() {
    let publish = |tree: &MemoryTree, name: &str| {
        let mut staged = tree.stage(&path(name), 3, None).unwrap();
        staged.write_at(b"new", 0).unwrap();
        let proof = ContentHash(*blake3::hash(b"new").as_bytes());
        staged.publish(&path(name), &Expected::Absent, &ItemMetadata::default(), &proof).unwrap();
    };
    let (mut gone, mut empty, mut whole) = (0, 0, 0);
    for seed in 0..64 {
        let tree = tree();
        tree.with(MemoryState::watch_power);
        publish(&tree, "synced");
        tree.sync().unwrap();
        publish(&tree, "later");
        tree.with(|state| state.lose_power(&mut crate::random::SeededRandom::new(seed)));
        let content =
            |name| tree.with(|state| state.items.get(&path(name)).map(|item| item.content.to_vec()));
        assert_eq!(content("a/b").unwrap(), b"one");
        assert_eq!(content("synced").unwrap(), b"new");
        match content("later").as_deref() {
            None => gone += 1,
            Some(b"") => empty += 1,
            Some(_) => whole += 1,
        }
    }
    assert!(gone > 0 && empty > 0 && whole > 0, "{gone} {empty} {whole}");
}

#[test]
fn the_folder_of_each_change_is_named_and_what_moves_with_a_folder_is_not() {
    let tree = tree();
    let named = || tree.with(MemoryState::take_named).iter().map(ToString::to_string).collect::<Vec<_>>();
    tree.with(MemoryState::watch);
    assert!(named().is_empty());
    tree.with(|state| state.write(&path("a/b"), b"two", Timestamp::default(), false));
    assert_eq!(named(), ["a"]);
    tree.create_folder(&path("d"), &ItemMetadata::default()).unwrap();
    assert_eq!(named(), ["d", ""]);
    tree.with(|state| assert!(state.rename(&path("a"), &path("d/c"))));
    assert_eq!(named(), ["", "d/c", "d"]);
    tree.with(|state| state.remove(&path("d")));
    assert_eq!(named(), ["d/c", "d", ""]);
    tree.create_folder(&path(".keepwell"), &ItemMetadata::default()).unwrap();
    assert!(named().is_empty());
}
