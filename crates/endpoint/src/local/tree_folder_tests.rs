//! A new folder appears with its files, or not at all.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::fs;
use std::os::unix::fs::PermissionsExt;

use keepwell_model::{ExtendedAttribute, Timestamp};

use super::tests::{hash, is_changed, names, path, seen, tree};
use crate::error::EndpointError;
use crate::local::LocalTree;
use crate::tree::{Expected, ItemMetadata, Published, STAGED_PREFIX, StagedFolder, Tree};

fn open_to_all() -> ItemMetadata {
    ItemMetadata { mode: Some(0o755), ..ItemMetadata::default() }
}

fn staged(tree: &LocalTree, at: &str) -> Box<dyn StagedFolder> {
    tree.stage_folder(&path(at), &open_to_all()).unwrap().unwrap()
}

fn put(folder: &dyn StagedFolder, at: &str, content: &[u8]) -> Result<Published, EndpointError> {
    let time = Timestamp::new(1_500_000_000, 500);
    let metadata = ItemMetadata { modified: Some(time), mode: Some(0o640), extended_attributes: None };
    let mut file = folder.stage(&path(at), content.len() as u64)?;
    file.write_whole(content)?;
    file.publish(&path(at), &Expected::Absent, &metadata, &hash(content))
}

#[test]
fn nobody_sees_it_before_it_is_whole_and_then_it_is_as_it_was_told() {
    let (folder, tree) = tree();
    let new = staged(&tree, "new");
    let one = put(&*new, "new/one", b"first").unwrap();
    let two = put(&*new, "new/two", b"").unwrap();
    assert_eq!(tree.list(&path("")).unwrap(), vec![]);
    let unseen = names(folder.path());
    assert!(unseen.iter().all(|name| name.as_bytes().starts_with(STAGED_PREFIX)), "{unseen:?}");
    let mode = fs::metadata(folder.path().join(&unseen[0])).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700, "nobody else can enter it");
    let made = new.publish().unwrap();
    assert_eq!(names(folder.path()), ["new"]);
    assert_eq!(seen(&tree, "new").id, made.item.fingerprint.id);
    assert_eq!(tree.stat(&path("new")).unwrap().unwrap().mode, Some(0o755));
    for (at, told) in [("new/one", one), ("new/two", two)] {
        assert_eq!(tree.stat(&path(at)).unwrap().unwrap(), told.item);
        assert_eq!(told.item.mode, Some(0o640));
        assert_eq!(told.item.fingerprint.modified.unwrap().seconds, 1_500_000_000);
        assert!(told.not_kept.is_empty());
    }
    assert_eq!(fs::read(folder.path().join("new/one")).unwrap(), b"first");
}

#[test]
fn one_that_is_dropped_leaves_nothing_and_one_of_a_killed_run_is_cleared() {
    let (folder, tree) = tree();
    let new = staged(&tree, "new");
    put(&*new, "new/file", b"content").unwrap();
    assert_eq!(tree.clear_unfinished(&path("")).unwrap(), 0, "it is held");
    drop(new);
    assert!(names(folder.path()).is_empty());
    let left = folder.path().join(".keepwell-staged-0123");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("file"), "content").unwrap();
    assert_eq!(tree.clear_unfinished(&path("")).unwrap(), 1);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn what_is_at_its_path_by_then_stays() {
    let (folder, tree) = tree();
    let new = staged(&tree, "new");
    put(&*new, "new/file", b"ours").unwrap();
    fs::create_dir(folder.path().join("new")).unwrap();
    assert!(is_changed(new.publish()));
    assert_eq!(names(folder.path()), ["new"]);
    assert!(names(&folder.path().join("new")).is_empty());
}

#[test]
fn it_comes_to_where_its_path_leads_by_then() {
    let (folder, tree) = tree();
    fs::create_dir(folder.path().join("a")).unwrap();
    let new = staged(&tree, "a/new");
    put(&*new, "a/new/file", b"content").unwrap();
    fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    new.publish().unwrap();
    assert_eq!(names(&folder.path().join("a/new")), ["file"]);
    assert!(names(&folder.path().join("b")).is_empty());
}

#[test]
fn a_file_that_is_not_what_was_meant_is_not_in_it() {
    let (folder, tree) = tree();
    let new = staged(&tree, "new");
    let mut file = new.stage(&path("new/file"), 3).unwrap();
    file.write_at(b"abd", 0).unwrap();
    let result = file.publish(&path("new/file"), &Expected::Absent, &ItemMetadata::default(), &hash(b"abc"));
    assert!(matches!(result, Err(EndpointError::Unexpected { .. })));
    put(&*new, "new/other", b"content").unwrap();
    new.publish().unwrap();
    assert_eq!(names(&folder.path().join("new")), ["other"]);
}

#[test]
fn one_that_its_owner_could_not_fill_or_that_hands_something_down_is_not_made_so() {
    let (folder, tree) = tree();
    let attribute = ExtendedAttribute { name: b"user.keepwell".to_vec(), value: b"1".to_vec() };
    let metadata = [
        ItemMetadata { mode: Some(0o555), ..ItemMetadata::default() },
        ItemMetadata { extended_attributes: Some(vec![attribute]), ..open_to_all() },
        ItemMetadata::default(),
    ];
    for metadata in &metadata[if tree.capabilities().extended_attributes { 0 } else { 2 }..] {
        assert!(tree.stage_folder(&path("new"), metadata).unwrap().is_none(), "{metadata:?}");
    }
    assert!(names(folder.path()).is_empty());
}
