//! The tree keeps its promises on a server that is well.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use keepwell_endpoint::sftp::SftpTree;
use keepwell_endpoint::tree::{
    Expected, Fingerprint, ItemMetadata, NameRules, Published, STAGED_PREFIX, TreeItem, UnicodeNames,
};
use keepwell_endpoint::{EndpointError, Tree};
use keepwell_model::{ContentHash, EntryKind, ExtendedAttribute, RelativePath, Timestamp};
use keepwell_testkit::{SeededRandom, SshSetup};

use crate::conformance_tree::{Trees, keeps_its_promises};
use crate::harness::Bench;

pub fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

pub fn hash(content: &[u8]) -> ContentHash {
    ContentHash(*blake3::hash(content).as_bytes())
}

pub fn at(seconds: i64) -> ItemMetadata {
    ItemMetadata { modified: Some(Timestamp::new(seconds, 0)), ..ItemMetadata::default() }
}

pub fn put(
    tree: &SftpTree,
    to: &str,
    content: &[u8],
    expected: &Expected,
    metadata: &ItemMetadata,
) -> Result<Published, EndpointError> {
    let mut staged = tree.stage(&path(to), content.len() as u64, None)?;
    for (number, piece) in content.chunks(300_000).enumerate() {
        staged.write_at(piece, number as u64 * 300_000)?;
    }
    staged.publish(&path(to), expected, metadata, &hash(content))
}

pub fn seen(tree: &SftpTree, at: &str) -> TreeItem {
    tree.stat(&path(at)).unwrap().unwrap()
}

pub fn expected(tree: &SftpTree, at: &str) -> Expected {
    Expected::Item(seen(tree, at).fingerprint)
}

pub fn read(tree: &SftpTree, from: &str) -> Vec<u8> {
    let mut content = tree.open(&path(from)).unwrap();
    let mut whole = vec![0; usize::try_from(content.item().fingerprint.size_bytes).unwrap() + 10];
    let length = content.read_at(&mut whole, 0).unwrap();
    whole.truncate(length);
    assert!(content.is_unchanged().unwrap());
    whole
}

fn leftovers(folder: &Path) -> usize {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_encoded_bytes());
    names.filter(|name| name.starts_with(STAGED_PREFIX)).count()
}

/// What every kind of place promises, asked in the same words.
#[test]
fn a_server_keeps_the_promises_of_every_tree() {
    let bench = Bench::new();
    let root = |name: &str| bench.folder.path().join("trees").join(name);
    let open = |name: &str| SftpTree::open(bench.options(), root(name).to_str().unwrap());
    let create = |name: &str| SftpTree::create(bench.options(), root(name).to_str().unwrap());
    keeps_its_promises(&Trees {
        create: &|name| Ok(Box::new(create(name)?)),
        open: &|name| Ok(Box::new(open(name)?)),
        lose: &|name| fs::remove_dir_all(root(name)).unwrap(),
        takes_parts: true,
    });
}

#[test]
fn what_a_server_can_do_is_found_out_and_nothing_is_left_of_it() {
    let bench = Bench::new();
    let tree = bench.tree();
    let can = *tree.capabilities();
    assert!(can.folders && can.symlinks && can.modes && can.times && can.case_sensitive);
    assert!(can.renames_folders && can.stages_from_existing);
    assert!(!can.stable_ids && !can.strong_versions && !can.extended_attributes);
    assert_eq!((can.unicode, can.names), (UnicodeNames::Kept, NameRules::Bytes));
    assert_eq!((can.time_grain_ns, can.name_limit_bytes), (1_000_000_000, 255));
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0);
    let plain = Bench::with(&SshSetup { denied: vec!["copy-data", "statvfs"], ..SshSetup::default() });
    assert!(!plain.tree().capabilities().stages_from_existing);
    assert_eq!(plain.tree().free_bytes().unwrap(), None);
}

#[test]
fn a_file_appears_whole_with_its_time_and_mode() {
    let bench = Bench::new();
    let tree = bench.tree();
    for (name, size) in [("empty", 0), ("small", 11), ("large", 3_456_789)] {
        let content = SeededRandom::new(size as u64).bytes(size);
        let metadata = ItemMetadata { mode: Some(0o640), ..at(1_000_000_007) };
        let mut staged = tree.stage(&path(name), size as u64, None).unwrap();
        staged.write_at(&content, 0).unwrap();
        assert!(tree.list(&RelativePath::root()).unwrap().iter().all(|item| item.name != name.as_bytes()));
        let published = staged.publish(&path(name), &Expected::Absent, &metadata, &hash(&content)).unwrap();
        assert_eq!(published.not_kept, Vec::<String>::new());
        assert_eq!(published.item, seen(&tree, name));
        assert_eq!(published.item.fingerprint.modified, Some(Timestamp::new(1_000_000_007, 0)));
        assert_eq!((published.item.mode, published.item.fingerprint.size_bytes), (Some(0o640), size as u64));
        assert_eq!(fs::read(bench.root().join(name)).unwrap(), content);
        assert_eq!(read(&tree, name), content);
    }
    assert_eq!(leftovers(&bench.root()), 0);
    tree.sync().unwrap();
}

/// 1980 and 2040 are kept; what the protocol can not say is told and never turned into another time silently.
#[test]
fn odd_times_are_kept_or_told() {
    let bench = Bench::new();
    let tree = bench.tree();
    for (number, seconds) in [315_532_801, 2_208_988_801_i64, 4_294_967_295].into_iter().enumerate() {
        let name = format!("kept {number}");
        let published = put(&tree, &name, b"x", &Expected::Absent, &at(seconds)).unwrap();
        assert!(published.not_kept.is_empty());
        assert_eq!(fs::metadata(bench.root().join(name)).unwrap().mtime(), seconds);
    }
    for (number, seconds) in [-1, 4_294_967_296_i64].into_iter().enumerate() {
        let published = put(&tree, &format!("told {number}"), b"x", &Expected::Absent, &at(seconds)).unwrap();
        assert_eq!(published.not_kept.len(), 1, "{:?}", published.not_kept);
    }
    let attributes = vec![ExtendedAttribute { name: b"user.x".to_vec(), value: b"y".to_vec() }];
    let metadata = ItemMetadata { extended_attributes: Some(attributes), ..ItemMetadata::default() };
    assert_eq!(put(&tree, "attributes", b"x", &Expected::Absent, &metadata).unwrap().not_kept.len(), 1);
}

#[test]
fn nothing_is_replaced_that_is_not_what_was_expected() {
    let bench = Bench::new();
    let tree = bench.tree();
    put(&tree, "a", b"first", &Expected::Absent, &at(1_000)).unwrap();
    let before = expected(&tree, "a");
    for wrong in
        [Expected::Absent, Expected::Item(Fingerprint { size_bytes: 6, ..seen(&tree, "a").fingerprint })]
    {
        let error = put(&tree, "a", b"second", &wrong, &at(2_000)).unwrap_err();
        assert!(matches!(&error, EndpointError::Changed { path } if path.ends_with("/a")), "{error}");
    }
    assert_eq!(read(&tree, "a"), b"first");
    put(&tree, "a", b"second", &before, &at(2_000)).unwrap();
    assert_eq!(read(&tree, "a"), b"second");
    let error = put(&tree, "a", b"third", &before, &at(3_000)).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    let gone = expected(&tree, "a");
    tree.remove(&path("a"), &seen(&tree, "a").fingerprint).unwrap();
    let error = put(&tree, "a", b"third", &gone, &at(3_000)).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    assert_eq!((leftovers(&bench.root()), fs::read_dir(bench.root()).unwrap().count()), (0, 0));
}

#[test]
fn what_was_stored_wrongly_is_never_shown() {
    let bench = Bench::new();
    let tree = bench.tree();
    let mut staged = tree.stage(&path("a"), 5, None).unwrap();
    staged.write_at(b"hello", 0).unwrap();
    let error = staged.publish(&path("a"), &Expected::Absent, &at(1), &hash(b"hallo")).unwrap_err();
    assert!(matches!(error, EndpointError::Unexpected { .. }), "{error}");
    // Spoiled on the server after it was written, and longer than it should be.
    for spoil in [&b"J"[..], b"hello and more"] {
        let mut staged = tree.stage(&path("a"), 2_000_000, None).unwrap();
        let content = vec![b'h'; 2_000_000];
        staged.write_at(&content, 0).unwrap();
        let name = fs::read_dir(bench.root()).unwrap().next().unwrap().unwrap().path();
        // Until all that is on its way has arrived.
        while fs::metadata(&name).unwrap().len() < 2_000_000 {
            std::thread::yield_now();
        }
        let file = fs::File::options().write(true).open(name).unwrap();
        let place = if spoil.len() == 1 { 7 } else { 1_999_990 };
        std::os::unix::fs::FileExt::write_all_at(&file, spoil, place).unwrap();
        let error = staged.publish(&path("a"), &Expected::Absent, &at(1), &hash(&content)).unwrap_err();
        assert!(matches!(error, EndpointError::Unexpected { .. }), "{error}");
    }
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0);
}

#[test]
fn only_changed_blocks_are_written_into_a_copy_the_server_makes() {
    let bench = Bench::new();
    let tree = bench.tree();
    let mut content = SeededRandom::new(9).bytes(5_000_000);
    put(&tree, "a", &content, &Expected::Absent, &at(1_000)).unwrap();
    content[2_000_000..2_000_100].fill(7);
    content.truncate(4_500_000);
    let mut staged = tree.stage(&path("a"), content.len() as u64, Some(&path("a"))).unwrap();
    staged.write_at(&content[2_000_000..2_000_100], 2_000_000).unwrap();
    staged.set_length(4_500_000).unwrap();
    staged.publish(&path("a"), &expected(&tree, "a"), &at(2_000), &hash(&content)).unwrap();
    assert_eq!(fs::read(bench.root().join("a")).unwrap(), content);
    let error = tree.stage(&path("b"), 1, Some(&path("absent"))).map(drop).unwrap_err();
    assert!(matches!(error, EndpointError::NotFound { .. }), "{error}");
    assert_eq!(leftovers(&bench.root()), 0);
}

#[test]
fn a_dropped_file_leaves_nothing_and_leftovers_of_others_are_cleared_when_they_are_old() {
    let bench = Bench::new();
    let tree = bench.tree();
    let mut staged = tree.stage(&path("a"), 4_000_000, None).unwrap();
    staged.write_at(&vec![1; 4_000_000], 0).unwrap();
    assert_eq!(leftovers(&bench.root()), 1);
    assert_eq!(tree.clear_unfinished(&RelativePath::root()).unwrap(), 0);
    drop(staged);
    assert_eq!(leftovers(&bench.root()), 0);
    let old = bench.root().join(".keepwell-staged-old");
    fs::write(&old, "x").unwrap();
    fs::write(bench.root().join(".keepwell-staged-new"), "x").unwrap();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(100_000);
    fs::File::options().write(true).open(&old).unwrap().set_modified(long_ago).unwrap();
    assert!(tree.list(&RelativePath::root()).unwrap().is_empty());
    assert_eq!(tree.clear_unfinished(&RelativePath::root()).unwrap(), 1);
    assert!(!old.exists() && leftovers(&bench.root()) == 1);
}

#[test]
fn listings_tell_every_kind_and_every_name() {
    use std::os::unix::ffi::OsStrExt;

    let bench = Bench::new();
    let tree = bench.tree();
    tree.create_folder(&path("folder"), &ItemMetadata { mode: Some(0o750), ..at(1_000) }).unwrap();
    for number in 0..350 {
        fs::write(bench.root().join(format!("folder/{number}")), "x").unwrap();
    }
    symlink("any where", bench.root().join("link")).unwrap();
    fs::write(bench.root().join(std::ffi::OsStr::from_bytes(b"not \xff text")), "12345").unwrap();
    let mut items = tree.list(&RelativePath::root()).unwrap();
    items.sort_by(|one, other| one.name.cmp(&other.name));
    let kinds: Vec<_> = items.iter().map(|item| (item.name.as_slice(), item.fingerprint.kind)).collect();
    assert_eq!(
        kinds,
        [
            (&b"folder"[..], EntryKind::Folder),
            (b"link", EntryKind::Symlink),
            (b"not \xff text", EntryKind::File)
        ]
    );
    assert_eq!((items[0].mode, items[2].fingerprint.size_bytes), (Some(0o750), 5));
    assert_eq!(tree.list(&path("folder")).unwrap().len(), 350);
    assert_eq!(tree.read_link(&path("link")).unwrap(), b"any where");
    let absent = tree.list(&path("absent")).unwrap_err();
    assert!(matches!(&absent, EndpointError::NotFound { path } if path.ends_with("absent")), "{absent}");
    let item = tree.list(&path("folder/1")).unwrap_err();
    assert!(matches!(item, EndpointError::Unexpected { .. }), "{item}");
    assert_eq!(tree.stat(&path("absent/below")).unwrap(), None);
    assert!(tree.open(&path("link")).is_err() && tree.open(&path("folder")).is_err());
}

#[test]
fn a_root_that_is_gone_is_an_error_and_never_absent() {
    let bench = Bench::new();
    let tree = bench.tree();
    let identity = tree.identity().unwrap();
    assert_eq!(tree.identity().unwrap(), identity);
    assert!(identity.volume.contains("SHA256:"));
    put(&tree, "a", b"x", &Expected::Absent, &at(1)).unwrap();
    fs::rename(bench.root(), bench.folder.path().join("moved away")).unwrap();
    let root = tree.describe();
    let errors = [
        tree.identity().map(drop).unwrap_err(),
        tree.stat(&path("a")).map(drop).unwrap_err(),
        tree.list(&RelativePath::root()).map(drop).unwrap_err(),
        tree.open(&path("a")).map(drop).unwrap_err(),
        put(&tree, "b", b"x", &Expected::Absent, &at(1)).map(drop).unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(&error, EndpointError::NotFound { path } if *path == root), "{error}");
    }
    assert!(!bench.root().exists());
}

#[test]
fn files_and_whole_folders_are_renamed_onto_free_names_only() {
    let bench = Bench::new();
    let tree = bench.tree();
    for folder in ["from", "from/deep", "taken"] {
        tree.create_folder(&path(folder), &ItemMetadata::default()).unwrap();
    }
    put(&tree, "from/deep/a", b"x", &Expected::Absent, &at(1_000)).unwrap();
    put(&tree, "b", b"other", &Expected::Absent, &at(1_000)).unwrap();
    let folder = expected(&tree, "from");
    for taken in ["taken", "b"] {
        let error = tree.rename(&path("from"), &path(taken), &folder, &Expected::Absent).unwrap_err();
        assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    }
    tree.rename(&path("from"), &path("to"), &folder, &Expected::Absent).unwrap();
    assert_eq!(read(&tree, "to/deep/a"), b"x");
    let file = expected(&tree, "to/deep/a");
    let error = tree.rename(&path("to/deep/a"), &path("b"), &file, &Expected::Absent).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    let item = tree.rename(&path("to/deep/a"), &path("A"), &file, &Expected::Absent).unwrap();
    assert_eq!((item.name.as_slice(), item.fingerprint), (&b"A"[..], seen(&tree, "A").fingerprint));
    tree.rename(&path("A"), &path("b"), &expected(&tree, "A"), &expected(&tree, "b")).unwrap();
    assert_eq!(read(&tree, "b"), b"x");
    tree.rename(&path("b"), &path("B"), &expected(&tree, "b"), &Expected::Absent).unwrap();
    let error = tree.rename(&path("b"), &path("c"), &file, &Expected::Absent).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    tree.sync().unwrap();
}

#[test]
fn links_are_made_replaced_and_removed_as_links() {
    let bench = Bench::new();
    let tree = bench.tree();
    put(&tree, "target", b"content", &Expected::Absent, &at(1_000)).unwrap();
    let made = tree.create_symlink(&path("link"), b"target", &Expected::Absent, &at(5_000)).unwrap();
    assert_eq!(made.item.fingerprint.kind, EntryKind::Symlink);
    assert_eq!(made.item.fingerprint.modified, Some(Timestamp::new(5_000, 0)));
    let error = tree.create_symlink(&path("link"), b"x", &Expected::Absent, &at(1)).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    tree.create_symlink(&path("link"), b"elsewhere", &expected(&tree, "link"), &at(6_000)).unwrap();
    assert_eq!(tree.read_link(&path("link")).unwrap(), b"elsewhere");
    tree.rename(&path("link"), &path("renamed"), &expected(&tree, "link"), &Expected::Absent).unwrap();
    tree.remove(&path("renamed"), &seen(&tree, "renamed").fingerprint).unwrap();
    assert_eq!(read(&tree, "target"), b"content");
    assert_eq!(fs::metadata(bench.root().join("target")).unwrap().mtime(), 1_000);
}

#[test]
fn only_what_is_expected_and_empty_is_removed() {
    let bench = Bench::new();
    let tree = bench.tree();
    tree.create_folder(&path("folder"), &ItemMetadata::default()).unwrap();
    let again = tree.create_folder(&path("folder"), &ItemMetadata::default()).unwrap_err();
    assert!(matches!(again, EndpointError::AlreadyExists { .. }), "{again}");
    put(&tree, "folder/a", b"x", &Expected::Absent, &at(1_000)).unwrap();
    let folder = seen(&tree, "folder").fingerprint;
    let error = tree.remove(&path("folder"), &folder).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    let before = seen(&tree, "folder/a").fingerprint;
    fs::write(bench.root().join("folder/a"), "changed").unwrap();
    let error = tree.remove(&path("folder/a"), &before).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
    tree.remove(&path("folder/a"), &seen(&tree, "folder/a").fingerprint).unwrap();
    tree.remove(&path("folder"), &folder).unwrap();
    assert_eq!(fs::read_dir(bench.root()).unwrap().count(), 0);
}

#[test]
fn metadata_is_set_on_what_is_expected() {
    let bench = Bench::new();
    let tree = bench.tree();
    put(&tree, "a", b"x", &Expected::Absent, &at(1_000)).unwrap();
    let before = seen(&tree, "a").fingerprint;
    let metadata = ItemMetadata { mode: Some(0o600), ..at(7_000) };
    let published = tree.set_metadata(&path("a"), &before, &metadata).unwrap();
    assert!(published.not_kept.is_empty());
    let found = fs::metadata(bench.root().join("a")).unwrap();
    assert_eq!((found.permissions().mode() & 0o777, found.mtime()), (0o600, 7_000));
    let error = tree.set_metadata(&path("a"), &before, &metadata).unwrap_err();
    assert!(matches!(error, EndpointError::Changed { .. }), "{error}");
}

/// A folder on the way was swapped for a link after it was seen.
#[test]
fn no_step_goes_through_a_link() {
    let bench = Bench::new();
    let tree = bench.tree();
    let outside = bench.folder.path().join("outside");
    fs::create_dir(&outside).unwrap();
    fs::write(outside.join("a"), "not yours").unwrap();
    symlink(&outside, bench.root().join("door")).unwrap();
    let a = path("door/a");
    let known = Fingerprint {
        kind: EntryKind::File,
        size_bytes: 9,
        modified: Some(Timestamp::new(fs::metadata(outside.join("a")).unwrap().mtime(), 0)),
        version: keepwell_endpoint::tree::Version::default(),
        id: 0,
    };
    put(&tree, "mine", b"x", &Expected::Absent, &at(1)).unwrap();
    let errors = [
        tree.list(&path("door")).map(drop).unwrap_err(),
        tree.stat(&a).map(drop).unwrap_err(),
        tree.open(&a).map(drop).unwrap_err(),
        put(&tree, "door/b", b"x", &Expected::Absent, &at(1)).map(drop).unwrap_err(),
        tree.create_folder(&path("door/c"), &ItemMetadata::default()).map(drop).unwrap_err(),
        tree.create_symlink(&path("door/d"), b"x", &Expected::Absent, &at(1)).map(drop).unwrap_err(),
        tree.remove(&a, &known).unwrap_err(),
        tree.set_metadata(&a, &known, &at(1)).map(drop).unwrap_err(),
        tree.rename(&a, &path("e"), &Expected::Item(known), &Expected::Absent).map(drop).unwrap_err(),
        tree.rename(&path("mine"), &path("door/f"), &expected(&tree, "mine"), &Expected::Absent)
            .map(drop)
            .unwrap_err(),
        tree.stage(&path("g"), 1, Some(&a)).map(drop).unwrap_err(),
    ];
    for (number, error) in errors.into_iter().enumerate() {
        assert!(
            matches!(&error, EndpointError::Unexpected { why, .. } if why.contains("link")),
            "{number}: {error}"
        );
    }
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
    assert_eq!(fs::read(outside.join("a")).unwrap(), b"not yours");
}

#[test]
fn a_file_that_changes_while_it_is_read_is_noticed() {
    let bench = Bench::new();
    let tree = bench.tree();
    let content = SeededRandom::new(10).bytes(2_000_000);
    put(&tree, "a", &content, &Expected::Absent, &at(1_000)).unwrap();
    let mut open = tree.open(&path("a")).unwrap();
    let mut part = vec![0; 1000];
    for offset in [0, 1000, 1_500_000, 500] {
        assert_eq!(open.read_at(&mut part, offset).unwrap(), 1000);
        assert_eq!(part, content[offset as usize..offset as usize + 1000]);
    }
    assert_eq!(open.read_at(&mut part, 1_999_500).unwrap(), 500);
    assert_eq!(open.read_at(&mut part, 2_000_000).unwrap(), 0);
    assert!(open.is_unchanged().unwrap());
    fs::write(bench.root().join("a"), "shorter").unwrap();
    assert!(!open.is_unchanged().unwrap());
    let mut open = tree.open(&path("a")).unwrap();
    fs::remove_file(bench.root().join("a")).unwrap();
    assert!(!open.is_unchanged().unwrap());
}

#[test]
fn several_threads_work_in_one_tree() {
    let bench = Bench::new();
    let tree = bench.tree();
    std::thread::scope(|scope| {
        for thread in 0..6 {
            let tree = &tree;
            scope.spawn(move || {
                for number in 0..15 {
                    let name = format!("{thread}-{number}");
                    put(tree, &name, name.as_bytes(), &Expected::Absent, &at(1_000)).unwrap();
                    assert_eq!(read(tree, &name), name.as_bytes());
                }
            });
        }
    });
    tree.sync().unwrap();
    assert_eq!(tree.list(&RelativePath::root()).unwrap().len(), 90);
}
