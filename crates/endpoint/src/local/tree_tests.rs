//! A folder of this machine keeps the promises of a tree, on every system.

use std::fs;
use std::path::Path;

use keepwell_model::ContentHash;

use super::*;
use crate::local::tree_holders::A_MOMENT;

pub(in crate::local) fn tree() -> (tempfile::TempDir, LocalTree) {
    let folder = tempfile::tempdir().unwrap();
    let tree = LocalTree::open(folder.path()).unwrap();
    (folder, tree)
}

/// Where every file has a name from the first, as on file systems that know no others.
pub(super) fn tree_with_names() -> (tempfile::TempDir, LocalTree) {
    let (folder, mut tree) = tree();
    Arc::get_mut(&mut tree.inner).unwrap().takes_unnamed = false;
    (folder, tree)
}

pub(super) fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

pub(super) fn hash(content: &[u8]) -> ContentHash {
    ContentHash(*blake3::hash(content).as_bytes())
}

pub(super) fn publish(
    tree: &LocalTree,
    at: &str,
    content: &[u8],
    expected: &Expected,
) -> Result<Published, EndpointError> {
    let metadata =
        ItemMetadata { modified: Some(Timestamp::new(1_500_000_000, 500)), ..ItemMetadata::default() };
    let mut staged = tree.stage(&path(at), content.len() as u64, None)?;
    staged.write_at(content, 0)?;
    staged.publish(&path(at), expected, &metadata, &hash(content))
}

pub(super) fn seen(tree: &LocalTree, at: &str) -> Fingerprint {
    tree.stat(&path(at)).unwrap().unwrap().fingerprint
}

pub(in crate::local) fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

pub(super) fn is_changed<T: std::fmt::Debug>(result: Result<T, EndpointError>) -> bool {
    matches!(result, Err(EndpointError::Changed { .. }))
}

#[test]
fn what_is_published_comes_back_and_is_recognised() {
    let (folder, tree) = tree();
    tree.create_folder(&path("a"), &ItemMetadata::default()).unwrap();
    let content = vec![7; 300_000];
    let published = publish(&tree, "a/file", &content, &Expected::Absent).unwrap();
    assert_eq!(published.not_kept, Vec::<String>::new());
    assert_eq!(fs::read(folder.path().join("a/file")).unwrap(), content);
    let listed = tree.list(&path("a")).unwrap();
    assert_eq!(listed, vec![tree.stat(&path("a/file")).unwrap().unwrap()]);
    assert!(listed[0].fingerprint.is_unchanged_since(&published.item.fingerprint));
    assert_eq!(listed[0].fingerprint.modified.unwrap().seconds, 1_500_000_000);
    let mut file = tree.open(&path("a/file")).unwrap();
    let mut bytes = vec![0; 10];
    assert_eq!(file.read_at(&mut bytes, 299_995).unwrap(), 5);
    assert!(file.is_unchanged().unwrap());
    assert_eq!(file.next_data(0).unwrap(), Some(0..300_000));
}

#[test]
fn content_written_at_once_is_proven_until_it_is_changed() {
    let (folder, tree) = tree();
    let content = vec![7; 300_000];
    for (name, content) in [("whole", &content[..]), ("empty", b"")] {
        let mut staged = tree.stage(&path(name), content.len() as u64, None).unwrap();
        staged.write_whole(content).unwrap();
        staged.publish(&path(name), &Expected::Absent, &ItemMetadata::default(), &hash(content)).unwrap();
        assert_eq!(fs::read(folder.path().join(name)).unwrap(), content);
    }
    let changes: [fn(&mut dyn Staged); 2] =
        [|staged| staged.write_at(b"8", 299_999).unwrap(), |staged| staged.set_length(299_999).unwrap()];
    for change in changes {
        let mut staged = tree.stage(&path("changed"), content.len() as u64, None).unwrap();
        staged.write_whole(&content).unwrap();
        change(&mut *staged);
        let published =
            staged.publish(&path("changed"), &Expected::Absent, &ItemMetadata::default(), &hash(&content));
        assert!(matches!(published, Err(EndpointError::Unexpected { .. })), "{published:?}");
        assert_eq!(names(folder.path()), ["empty", "whole"]);
    }
}

#[test]
fn an_unfinished_file_is_no_item_and_leaves_nothing_when_dropped() {
    let (folder, tree) = tree_with_names();
    let mut staged = tree.stage(&path("file"), 3, None).unwrap();
    staged.write_at(b"abc", 0).unwrap();
    assert_eq!(names(folder.path()).len(), 1);
    assert_eq!(tree.list(&RelativePath::root()).unwrap(), vec![]);
    assert_eq!(tree.clear_unfinished(&RelativePath::root()).unwrap(), 0, "a run still holds it");
    drop(staged);
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_file_gets_its_name_last_or_has_one_from_the_first_and_comes_to_the_same() {
    for (folder, tree) in [tree(), tree_with_names()] {
        publish(&tree, "file", b"one", &Expected::Absent).unwrap();
        assert!(is_changed(publish(&tree, "file", b"other", &Expected::Absent)), "it is taken");
        let one = seen(&tree, "file");
        publish(&tree, "file", b"two!", &Expected::Item(one)).unwrap();
        assert!(is_changed(publish(&tree, "file", b"three", &Expected::Item(one))), "it is another by now");
        assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"two!");
        assert_eq!(names(folder.path()), ["file"]);
    }
}

#[test]
fn a_file_comes_to_where_its_path_leads_when_it_is_published() {
    for (folder, tree) in [tree(), tree_with_names()] {
        fs::create_dir(folder.path().join("a")).unwrap();
        publish(&tree, "a/first", b"1", &Expected::Absent).unwrap();
        fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
        // Before, a file goes along with the folder it was made for.
        std::thread::sleep(2 * A_MOMENT);
        assert!(publish(&tree, "a/second", b"2", &Expected::Absent).is_err(), "there is no such folder");
        fs::create_dir(folder.path().join("a")).unwrap();
        publish(&tree, "a/second", b"2", &Expected::Absent).unwrap();
        assert_eq!(names(&folder.path().join("a")), ["second"]);
        assert_eq!(names(&folder.path().join("b")), ["first"]);
    }
}

#[test]
fn what_a_killed_run_left_is_cleared_and_nothing_else() {
    let (folder, tree) = tree();
    let left = folder.path().join(".keepwell-staged-0123");
    fs::write(&left, "half").unwrap();
    fs::write(folder.path().join("file"), "whole").unwrap();
    assert_eq!(tree.clear_unfinished(&RelativePath::root()).unwrap(), 1);
    assert_eq!(names(folder.path()), ["file"]);
}

/// A process that is killed while it tries what a place can do has no run that tells of it: the next look at the root
/// finds it.
#[cfg(unix)]
#[test]
fn a_folder_in_which_a_place_was_tried_is_cleared_by_the_next_look_once_nobody_holds_it() {
    let (folder, tree) = tree();
    let open = |name: &str| fs::File::open(folder.path().join(name)).unwrap();
    let old = std::time::SystemTime::now() - std::time::Duration::from_secs(120);
    for name in [".keepwell-staged-old", ".keepwell-staged-held", ".keepwell-staged-new"] {
        fs::create_dir(folder.path().join(name)).unwrap();
        fs::write(folder.path().join(name).join("probe"), "").unwrap();
    }
    fs::create_dir_all(folder.path().join("below/.keepwell-staged-old")).unwrap();
    for name in [".keepwell-staged-old", ".keepwell-staged-held", "below/.keepwell-staged-old"] {
        open(name).set_modified(old).unwrap();
    }
    let held = open(".keepwell-staged-held");
    held.lock().unwrap();
    let listed = |path: &RelativePath| tree.list(path).unwrap().len();
    assert_eq!((listed(&RelativePath::root()), listed(&path("below"))), (1, 0));
    assert_eq!(names(folder.path()), [".keepwell-staged-held", ".keepwell-staged-new", "below"]);
    assert_eq!(names(&folder.path().join("below")), [".keepwell-staged-old"], "no run was told of it");
}

#[test]
fn content_that_is_not_what_was_meant_is_never_shown() {
    let (folder, tree) = tree();
    let mut staged = tree.stage(&path("file"), 3, None).unwrap();
    staged.write_at(b"abd", 0).unwrap();
    let result = staged.publish(&path("file"), &Expected::Absent, &ItemMetadata::default(), &hash(b"abc"));
    assert!(matches!(result, Err(EndpointError::Unexpected { .. })));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn only_what_is_expected_is_replaced() {
    let (folder, tree) = tree();
    let file = folder.path().join("file");
    fs::write(&file, "mine").unwrap();
    assert!(is_changed(publish(&tree, "file", b"new", &Expected::Absent)));
    let before = seen(&tree, "file");
    fs::write(&file, "mine, edited").unwrap();
    assert!(is_changed(publish(&tree, "file", b"new", &Expected::Item(before))));
    assert_eq!(fs::read(&file).unwrap(), b"mine, edited");
    assert!(is_changed(publish(&tree, "absent", b"new", &Expected::Item(before))));
    let now = Expected::Item(seen(&tree, "file"));
    let published = publish(&tree, "file", b"new", &now).unwrap();
    assert_eq!(fs::read(&file).unwrap(), b"new");
    assert!(seen(&tree, "file").is_unchanged_since(&published.item.fingerprint));
    assert_eq!(names(folder.path()), ["file"], "nothing else is left");
}

#[test]
fn renames_look_at_both_ends() {
    let (folder, tree) = tree();
    fs::create_dir_all(folder.path().join("a/deep")).unwrap();
    fs::write(folder.path().join("a/deep/file"), "x").unwrap();
    fs::write(folder.path().join("other"), "y").unwrap();
    let (a, other) = (Expected::Item(seen(&tree, "a")), Expected::Item(seen(&tree, "other")));
    assert!(is_changed(tree.rename(&path("other"), &path("a"), &other, &Expected::Absent)));
    assert!(is_changed(tree.rename(&path("gone"), &path("b"), &other, &Expected::Absent)));
    tree.rename(&path("a"), &path("b"), &a, &Expected::Absent).unwrap();
    let moved = seen(&tree, "b/deep/file");
    let item =
        tree.rename(&path("b/deep/file"), &path("file"), &Expected::Item(moved), &Expected::Absent).unwrap();
    assert_eq!((item.fingerprint.id, &item.name[..]), (moved.id, &b"file"[..]));
    assert!(seen(&tree, "file").is_unchanged_since(&item.fingerprint));
    // In place of what is expected there.
    let (file, target) = (Expected::Item(seen(&tree, "file")), Expected::Item(seen(&tree, "other")));
    tree.rename(&path("file"), &path("other"), &file, &target).unwrap();
    assert_eq!(fs::read(folder.path().join("other")).unwrap(), b"x");
    assert_eq!(names(folder.path()), ["b", "other"]);
}

#[test]
fn a_rename_of_the_case_alone_works() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("name"), "x").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for (from, to) in [("name", "NAME"), ("folder", "Folder")] {
        let source = Expected::Item(seen(&tree, from));
        let item = tree.rename(&path(from), &path(to), &source, &Expected::Absent).unwrap();
        assert_eq!(item.name, to.as_bytes());
    }
    assert_eq!(names(folder.path()), ["Folder", "NAME"]);
    // The way it goes where the file system says that the new name is taken.
    let root = &tree.inner.root;
    tree.inner.rename_to_same((root, b"NAME"), (root, &path("Name"))).unwrap();
    assert_eq!(names(folder.path()), ["Folder", "Name"]);
    fs::write(folder.path().join("taken"), "y").unwrap();
    assert!(tree.inner.rename_to_same((root, b"Name"), (root, &path("taken"))).is_err());
    assert_eq!(names(folder.path()), ["Folder", "Name", "taken"], "it has its old name again");
}

#[test]
fn only_what_is_expected_is_removed() {
    let (folder, tree) = tree();
    fs::create_dir(folder.path().join("folder")).unwrap();
    let file = folder.path().join("folder/file");
    fs::write(&file, "one").unwrap();
    let (before, inside) = (seen(&tree, "folder/file"), seen(&tree, "folder"));
    fs::write(&file, "another").unwrap();
    assert!(is_changed(tree.remove(&path("folder/file"), &before)));
    assert!(is_changed(tree.remove(&path("folder"), &inside)));
    tree.remove(&path("folder/file"), &seen(&tree, "folder/file")).unwrap();
    fs::write(folder.path().join("folder/.keepwell-staged-left"), "").unwrap();
    tree.remove(&path("folder"), &inside).unwrap();
    assert!(is_changed(tree.remove(&path("folder"), &inside)));
    assert!(names(folder.path()).is_empty());
}

#[test]
fn a_root_that_is_gone_is_not_an_empty_one() {
    let (folder, tree) = tree();
    let identity = tree.identity().unwrap();
    assert_eq!(identity, LocalTree::open(folder.path()).unwrap().identity().unwrap());
    assert_eq!(tree.stat(&path("absent/below")).unwrap(), None);
    assert!(matches!(tree.list(&path("absent")), Err(EndpointError::NotFound { .. })));
    fs::remove_dir(folder.path()).unwrap();
    assert!(tree.list(&RelativePath::root()).is_err());
    assert!(tree.stat(&path("absent")).is_err() || cfg!(windows));
    assert!(tree.identity().is_err());
    // Another folder at the path is not this one.
    fs::create_dir(folder.path()).unwrap();
    let other = LocalTree::open(folder.path()).unwrap().identity().unwrap();
    assert!(other.root != identity.root || tree.identity().is_ok_and(|now| now == other) || cfg!(unix));
}

#[test]
fn times_are_set_and_told_as_they_are_kept() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("file"), "x").unwrap();
    fs::create_dir(folder.path().join("folder")).unwrap();
    for seconds in [315_532_800, 2_147_483_648, 4_102_444_800] {
        let modified = Timestamp::new(seconds, 0);
        let metadata = ItemMetadata { modified: Some(modified), ..ItemMetadata::default() };
        for name in ["file", "folder"] {
            let set = tree.set_metadata(&path(name), &seen(&tree, name), &metadata).unwrap();
            assert_eq!((set.item.fingerprint.modified, set.not_kept.len()), (Some(modified), 0));
            assert!(seen(&tree, name).is_unchanged_since(&set.item.fingerprint));
        }
    }
    let old = seen(&tree, "file");
    fs::write(folder.path().join("file"), "edited").unwrap();
    assert!(is_changed(tree.set_metadata(&path("file"), &old, &ItemMetadata::default())));
}

#[test]
fn a_file_can_begin_as_a_copy_of_another() {
    let (folder, tree) = tree();
    let mut content = vec![1; 200_000];
    fs::write(folder.path().join("old"), &content).unwrap();
    let mut staged = tree.stage(&path("new"), 150_000, Some(&path("old"))).unwrap();
    staged.write_at(b"changed", 100_000).unwrap();
    content.truncate(150_000);
    content[100_000..100_007].copy_from_slice(b"changed");
    staged.publish(&path("new"), &Expected::Absent, &ItemMetadata::default(), &hash(&content)).unwrap();
    assert_eq!(fs::read(folder.path().join("new")).unwrap(), content);
    assert_eq!(fs::read(folder.path().join("old")).unwrap(), vec![1; 200_000]);
}

#[test]
fn names_of_other_systems_and_paths_upwards_are_refused() {
    let (_folder, tree) = tree();
    assert!(tree.open(&RelativePath::root()).is_err());
    assert!(tree.remove(&RelativePath::root(), &seen(&tree, "")).is_err());
    assert!(tree.stage(&RelativePath::root(), 0, None).is_err());
    assert!(tree.stat(&RelativePath::root()).unwrap().is_some());
}

/// Where times are kept between two bounds only, as on FAT and on old volumes.
#[test]
fn a_time_that_can_not_be_kept_becomes_the_nearest_that_can_and_is_told_as_it_is() {
    let (_folder, mut tree) = tree();
    let (first, last) = (Timestamp::new(1_600_000_000, 0), Timestamp::new(1_700_000_000, 0));
    Arc::get_mut(&mut tree.inner).unwrap().times = (first, last);
    let published = publish(&tree, "old", b"x", &Expected::Absent).unwrap();
    assert_eq!(published.item.fingerprint.modified, Some(first));
    assert_eq!(tree.list(&RelativePath::root()).unwrap(), [published.item]);
    for (wanted, kept) in [(Timestamp::new(1_800_000_000, 0), last), (Timestamp::new(0, 0), first)] {
        let metadata = ItemMetadata { modified: Some(wanted), ..ItemMetadata::default() };
        let set = tree.set_metadata(&path("old"), &seen(&tree, "old"), &metadata).unwrap();
        assert_eq!(set.item.fingerprint.modified, Some(kept));
        assert_eq!(seen(&tree, "old"), set.item.fingerprint);
    }
}
