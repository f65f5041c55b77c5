//! What only a Unix system has: links that lead out, holes, permissions, attributes, special files.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

#[cfg(target_os = "linux")]
use super::tests::tree_with_names;
use super::tests::{hash, is_changed, names, path, publish, seen, tree};
use super::*;
use crate::local::tree_holders::A_MOMENT;

#[test]
fn no_path_leads_out_through_a_link() {
    let (folder, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "theirs").unwrap();
    fs::create_dir(outside.path().join("below")).unwrap();
    symlink(outside.path(), folder.path().join("link")).unwrap();
    fs::write(folder.path().join("mine"), "mine").unwrap();
    let theirs = LocalTree::open(outside.path()).unwrap().stat(&path("file")).unwrap().unwrap().fingerprint;
    let (theirs, mine) = (Expected::Item(theirs), Expected::Item(seen(&tree, "mine")));
    let plain = ItemMetadata::default();
    assert!(tree.list(&path("link")).is_err());
    assert!(tree.list(&path("link/below")).is_err());
    assert_eq!(tree.stat(&path("link/file")).unwrap(), None);
    assert!(tree.open(&path("link")).is_err());
    assert!(tree.open(&path("link/file")).is_err());
    assert!(publish(&tree, "link/new", b"x", &Expected::Absent).is_err());
    assert!(tree.create_folder(&path("link/new"), &plain).is_err());
    assert!(tree.create_symlink(&path("link/new"), b"x", &Expected::Absent, &plain).is_err());
    assert!(tree.rename(&path("mine"), &path("link/mine"), &mine, &Expected::Absent).is_err());
    assert!(tree.rename(&path("link/file"), &path("stolen"), &theirs, &Expected::Absent).is_err());
    assert!(tree.clear_unfinished(&path("link")).is_err());
    let Expected::Item(theirs) = theirs else { unreachable!() };
    assert!(tree.remove(&path("link/file"), &theirs).is_err());
    assert_eq!(names(outside.path()), ["below", "file"]);
}

#[test]
fn a_link_that_appears_between_staging_and_publishing_leads_nowhere() {
    let (folder, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("a")).unwrap();
    let mut staged = tree.stage(&path("a/file"), 1, None).unwrap();
    staged.write_at(b"x", 0).unwrap();
    fs::rename(folder.path().join("a"), folder.path().join("b")).unwrap();
    symlink(outside.path(), folder.path().join("a")).unwrap();
    // Before, it would go along with the folder it was made for.
    std::thread::sleep(2 * A_MOMENT);
    let plain = ItemMetadata::default();
    assert!(staged.publish(&path("a/file"), &Expected::Absent, &plain, &hash(b"x")).is_err());
    assert!(names(outside.path()).is_empty());
    assert!(names(&folder.path().join("b")).is_empty());
}

#[test]
fn links_pipes_and_sockets_are_listed_as_what_they_are() {
    let (folder, tree) = tree();
    symlink("some where", folder.path().join("link")).unwrap();
    Folder::open(folder.path()).unwrap().create_pipe(b"pipe", 0o600).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(folder.path().join("socket")).unwrap();
    let mut items = tree.list(&RelativePath::root()).unwrap();
    items.sort_by(|one, two| one.name.cmp(&two.name));
    let kinds: Vec<_> = items.iter().map(|item| item.fingerprint.kind).collect();
    assert_eq!(kinds, [EntryKind::Symlink, EntryKind::Pipe, EntryKind::Socket]);
    assert_eq!(items[0].fingerprint.size_bytes, 10);
    assert!(tree.open(&path("pipe")).is_err());
    assert_eq!(tree.read_link(&path("link")).unwrap(), b"some where");
}

#[test]
fn links_are_made_and_replaced_as_bytes() {
    let (folder, tree) = tree();
    let when = ItemMetadata { modified: Some(Timestamp::new(5, 0)), ..ItemMetadata::default() };
    let target = b"not \xff text";
    let made = tree.create_symlink(&path("link"), target, &Expected::Absent, &when).unwrap();
    assert_eq!(tree.read_link(&path("link")).unwrap(), target);
    assert_eq!(made.item.fingerprint.modified, when.modified);
    assert!(is_changed(tree.create_symlink(&path("link"), b"x", &Expected::Absent, &when)));
    let seen = Expected::Item(made.item.fingerprint);
    tree.create_symlink(&path("link"), b"new", &seen, &when).unwrap();
    assert!(is_changed(tree.create_symlink(&path("link"), b"late", &seen, &when)));
    assert_eq!(tree.read_link(&path("link")).unwrap(), b"new");
    assert_eq!(names(folder.path()), ["link"]);
}

#[test]
fn an_edit_in_the_last_moment_comes_back() {
    let (folder, tree) = tree();
    fs::write(folder.path().join("file"), "mine").unwrap();
    fs::write(folder.path().join("new"), "new").unwrap();
    let root = &tree.inner.root;
    // As if the edit came after the look: the expectation is what is there, but for the time of the content.
    let before = seen(&tree, "file");
    let expected = Fingerprint { modified: Some(Timestamp::new(1, 0)), ..before };
    assert!(is_changed(tree.inner.put((root, b"new"), (root, &path("file")), &Expected::Item(expected))));
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"mine");
    assert_eq!(fs::read(folder.path().join("new")).unwrap(), b"new");
}

#[test]
fn permissions_and_attributes_are_set_exactly() {
    let (folder, tree) = tree();
    let attribute = |name: &str| ExtendedAttribute { name: name.into(), value: b"1".to_vec() };
    let can = *tree.capabilities();
    let wanted = ItemMetadata {
        mode: Some(0o4751),
        extended_attributes: Some(vec![attribute("user.one")]),
        modified: Some(Timestamp::new(1_000, 5)),
    };
    let staged = tree.stage(&path("file"), 0, None).unwrap();
    let made = staged.publish(&path("file"), &Expected::Absent, &wanted, &hash(b"")).unwrap();
    assert_eq!((made.item.mode, made.not_kept.len()), (Some(0o4751), 0), "{:?}", made.not_kept);
    let mut file = tree.open(&path("file")).unwrap();
    let attributes = tree.extended_attributes(&path("file")).unwrap();
    assert_eq!(file.extended_attributes().unwrap().unwrap(), attributes);
    assert_eq!(attributes.len(), usize::from(can.extended_attributes));
    // A file nobody may write gets other attributes and stays one nobody may write.
    let read_only = ItemMetadata { mode: Some(0o444), ..ItemMetadata::default() };
    tree.set_metadata(&path("file"), &seen(&tree, "file"), &read_only).unwrap();
    let other =
        ItemMetadata { extended_attributes: Some(vec![attribute("user.two")]), ..ItemMetadata::default() };
    let set = tree.set_metadata(&path("file"), &seen(&tree, "file"), &other).unwrap();
    assert_eq!((set.item.mode, set.not_kept.len()), (Some(0o444), 0));
    if can.extended_attributes {
        assert_eq!(tree.extended_attributes(&path("file")).unwrap(), [attribute("user.two")]);
    }
    let folder_mode = ItemMetadata { mode: Some(0o2750), ..ItemMetadata::default() };
    tree.create_folder(&path("folder"), &folder_mode).unwrap();
    assert_eq!(fs::metadata(folder.path().join("folder")).unwrap().permissions().mode() & 0o7777, 0o2750);
}

// Elsewhere the system does not tell what a process masks without changing it.
#[cfg(target_os = "linux")]
#[test]
fn a_file_of_which_nobody_says_who_may_read_it_is_like_any_new_one() {
    for (folder, tree) in [tree(), tree_with_names()] {
        fs::write(folder.path().join("mine"), "x").unwrap();
        publish(&tree, "file", b"x", &Expected::Absent).unwrap();
        let mode = |name: &str| fs::metadata(folder.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode("file"), mode("mine"));
    }
}

#[test]
fn a_file_that_runs_as_somebody_else_is_never_made_to_run_as_us() {
    let (folder, tree) = tree();
    let file = folder.path().join("file");
    fs::write(&file, "run me").unwrap();
    let shown = |mode: u32| {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).unwrap();
        tree.stat(&path("file")).unwrap().unwrap().mode.unwrap()
    };
    let group = fs::metadata(&file).unwrap().gid();
    let is_own_group = group == nix::unistd::getegid().as_raw();
    assert_eq!(shown(0o6755), if is_own_group { 0o6755 } else { 0o4755 });
    // Only root can give a file away.
    if !nix::unistd::geteuid().is_root() {
        return;
    }
    std::os::unix::fs::chown(&file, Some(12_345), None).unwrap();
    assert_eq!(shown(0o6755), if is_own_group { 0o2755 } else { 0o755 });
    let content = tree.open(&path("file")).unwrap();
    assert!(content.not_shown().is_some_and(|why| why.contains("another person")));
    // Other bits may change; what makes it run as its owner stays its owner's.
    let other = ItemMetadata { mode: Some(0o700), ..ItemMetadata::default() };
    tree.set_metadata(&path("file"), &seen(&tree, "file"), &other).unwrap();
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o7777, 0o4700);
    let ours = ItemMetadata { mode: Some(0o4755), ..ItemMetadata::default() };
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
    let set = tree.set_metadata(&path("file"), &seen(&tree, "file"), &ours).unwrap();
    assert_eq!((set.item.mode, set.not_kept.len()), (Some(0o755), 1));
}

#[test]
fn holes_are_told_and_kept_by_a_copy() {
    let (folder, tree) = tree();
    let file = fs::File::create(folder.path().join("old")).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"end", 3 << 20).unwrap();
    drop(file);
    let mut content = tree.open(&path("old")).unwrap();
    let mut all = vec![0; 3 << 20];
    all.extend_from_slice(b"end");
    let first = content.next_data(0).unwrap().unwrap();
    let staged = tree.stage(&path("new"), all.len() as u64, Some(&path("old"))).unwrap();
    staged.publish(&path("new"), &Expected::Absent, &ItemMetadata::default(), &hash(&all)).unwrap();
    assert_eq!(fs::read(folder.path().join("new")).unwrap(), all);
    if first.start > 0 {
        assert!(fs::metadata(folder.path().join("new")).unwrap().blocks() * 512 < 1 << 20);
    }
}

#[test]
fn paths_longer_than_the_system_takes_at_once() {
    let (_folder, tree) = tree();
    let mut at = String::new();
    for _ in 0..60 {
        at = format!("{at}{}/", "n".repeat(100));
        tree.create_folder(&path(&at), &ItemMetadata::default()).unwrap();
    }
    publish(&tree, &format!("{at}file"), b"deep", &Expected::Absent).unwrap();
    let mut file = tree.open(&path(&format!("{at}file"))).unwrap();
    let mut bytes = [0; 10];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 4);
    assert_eq!(tree.list(&path(&at)).unwrap().len(), 1);
}

#[test]
fn the_file_system_of_the_tests_is_known_for_what_it_is() {
    let (_folder, tree) = tree();
    let can = tree.capabilities();
    assert!(can.folders && can.symlinks && can.modes && can.times && can.renames_folders);
    assert!(can.time_grain_ns <= 2_000_000_000 && can.name_limit_bytes >= 255);
    if cfg!(target_os = "linux") {
        assert!(can.case_sensitive);
        assert_eq!(
            (can.names, can.unicode),
            (crate::tree::NameRules::Bytes, crate::tree::UnicodeNames::Kept)
        );
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_has_no_name_before_it_is_whole_and_who_watches_the_folder_hears_of_it_then() {
    use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};
    let (folder, tree) = tree();
    let watch = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK).unwrap();
    let whole = WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
    inotify::add_watch(&watch, folder.path(), whole).unwrap();
    let mut staged = tree.stage(&path("file"), 3, None).unwrap();
    staged.write_whole(b"abc").unwrap();
    assert!(names(folder.path()).is_empty(), "the file systems tests run on can do that");
    staged.publish(&path("file"), &Expected::Absent, &ItemMetadata::default(), &hash(b"abc")).unwrap();
    let mut buffer = [std::mem::MaybeUninit::uninit(); 4096];
    let mut heard = inotify::Reader::new(&watch, &mut buffer);
    let mut is_told = false;
    while let Ok(event) = heard.next() {
        is_told |= event.events().contains(ReadFlags::CLOSE_WRITE)
            && event.file_name().is_some_and(|name| name.to_bytes() == b"file");
    }
    assert!(is_told);
}

#[cfg(target_os = "linux")]
#[test]
fn a_default_acl_that_comes_while_files_are_made_is_on_none_of_them() {
    let (folder, tree) = tree();
    publish(&tree, "first", b"1", &Expected::Absent).unwrap();
    let set = std::process::Command::new("setfacl")
        .args(["-d", "-m", "u:1234:rwx"])
        .arg(folder.path())
        .status()
        .unwrap();
    assert!(set.success());
    let wanted =
        ItemMetadata { mode: Some(0o644), extended_attributes: Some(Vec::new()), ..ItemMetadata::default() };
    let mut staged = tree.stage(&path("second"), 1, None).unwrap();
    staged.write_whole(b"2").unwrap();
    let made = staged.publish(&path("second"), &Expected::Absent, &wanted, &hash(b"2")).unwrap();
    assert_eq!(made.item.mode, Some(0o644));
    assert_eq!(tree.extended_attributes(&path("second")).unwrap(), []);
}
