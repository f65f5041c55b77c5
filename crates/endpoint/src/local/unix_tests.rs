//! Trees on Unix come and go with everything around their content.

use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;
use std::{ffi, fs};

use keepwell_model::{EntryKind, ExtendedAttribute, Metadata, Timestamp};

use super::*;
use crate::error::EndpointError;
use crate::local::{Accounts, MetadataOptions, MetadataPart};

fn tree() -> (tempfile::TempDir, Folder) {
    let folder = tempfile::tempdir().unwrap();
    let tree = Folder::open(folder.path()).unwrap();
    (folder, tree)
}

fn write(folder: &Folder, name: &[u8], content: &[u8]) {
    folder.create_file(name, 0o644).unwrap().write_at(content, 0).unwrap();
}

fn read(folder: &Folder, name: &[u8]) -> Vec<u8> {
    let mut content = vec![0; 1 << 16];
    let length = folder.open_file(name).unwrap().read(&mut content).unwrap();
    content.truncate(length);
    content
}

fn is_unexpected<T>(result: Result<T, EndpointError>) -> bool {
    matches!(result, Err(EndpointError::Unexpected { .. }))
}

/// What a metadata call is given when only some parts matter: the rest as the item has it.
fn metadata(stat: Stat) -> Metadata {
    stat.metadata()
}

#[test]
fn a_listing_shows_every_kind_and_a_second_one_the_same() {
    let (path, tree) = tree();
    write(&tree, b"file", b"x");
    tree.create_folder(b"folder", 0o700).unwrap();
    tree.create_symlink(b"link", b"anywhere").unwrap();
    tree.create_pipe(b"pipe", 0o600).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(path.path().join("socket")).unwrap();
    let expected = [
        ("file", EntryKind::File),
        ("folder", EntryKind::Folder),
        ("link", EntryKind::Symlink),
        ("pipe", EntryKind::Pipe),
        ("socket", EntryKind::Socket),
    ];
    for _ in 0..2 {
        let mut items = tree.names().unwrap();
        items.sort();
        assert_eq!(items.len(), expected.len());
        for (item, (name, kind)) in items.iter().zip(expected) {
            assert_eq!(item.name, name.as_bytes());
            assert!(item.kind.is_none_or(|shown| shown == kind));
            let stat = tree.stat(&item.name).unwrap();
            assert_eq!((stat.kind, stat.inode), (kind, item.inode));
        }
    }
    assert_eq!(tree.read_link(b"link").unwrap(), b"anywhere");
}

#[test]
fn more_names_than_one_read_of_the_folder_holds() {
    let (path, tree) = tree();
    for number in 0..3000 {
        fs::write(path.path().join(format!("a file with a rather long name, number {number}")), "").unwrap();
    }
    assert_eq!(tree.names().unwrap().len(), 3000);
}

#[test]
fn names_of_any_bytes_and_of_255_bytes() {
    let (_path, tree) = tree();
    let long = [b'n'; 255];
    for name in [&b"\xff\xfe\x01 \n"[..], &long] {
        write(&tree, name, name);
        assert_eq!(read(&tree, name), name);
        assert!(tree.names().unwrap().iter().any(|item| item.name == name));
    }
    assert!(tree.create_file(&[b'n'; 256], 0o600).is_err());
}

#[test]
fn a_name_can_not_lead_elsewhere() {
    let (_path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    write(&tree, b"secret", b"x");
    for name in [&b"../secret"[..], b"..", b".", b"", b"/etc/passwd", b"a\0b"] {
        assert!(is_unexpected(folder.open_file(name)), "{name:?}");
        assert!(is_unexpected(folder.stat(name)));
        assert!(is_unexpected(folder.open_child(name)));
        assert!(is_unexpected(folder.create_file(name, 0o600)));
        assert!(is_unexpected(folder.create_symlink(name, b"x")));
        assert!(is_unexpected(folder.remove_file(name)));
        assert!(is_unexpected(folder.rename(name, b"x", true)));
        assert!(is_unexpected(folder.rename(b"x", name, true)));
    }
}

#[test]
fn a_symbolic_link_is_never_followed() {
    let (path, tree) = tree();
    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("file"), "outside").unwrap();
    symlink(outside.path(), path.path().join("folder")).unwrap();
    symlink(outside.path().join("file"), path.path().join("file")).unwrap();
    assert!(is_unexpected(tree.open_child(b"folder")));
    assert!(is_unexpected(tree.open_file(b"file")));
    assert!(is_unexpected(tree.open_file_for_update(b"file")));
    assert!(matches!(tree.create_file(b"file", 0o600), Err(EndpointError::AlreadyExists { .. })));
    assert_eq!(tree.stat(b"folder").unwrap().kind, EntryKind::Symlink);
    let mut wanted = metadata(tree.stat(b"file").unwrap());
    wanted.modified = Timestamp::new(1, 0);
    assert!(
        tree.apply_metadata(b"file", EntryKind::Symlink, &wanted, &MetadataOptions::default()).is_empty()
    );
    assert_eq!(tree.stat(b"file").unwrap().modified, Timestamp::new(1, 0));
    assert!(fs::metadata(outside.path().join("file")).unwrap().mtime() > 1_000_000);
    assert_eq!(fs::read(outside.path().join("file")).unwrap(), b"outside");
    // The path a person named is another matter.
    let named = Folder::open(&path.path().join("folder")).unwrap();
    assert_eq!(read(&named, b"file"), b"outside");
}

#[test]
fn a_folder_swapped_for_a_link_or_another_folder_is_noticed_when_it_is_opened_again() {
    let outside = tempfile::tempdir().unwrap();
    for swap_for_link in [true, false] {
        let (path, tree) = tree();
        let folder = tree.create_folder(b"folder", 0o700).unwrap();
        let inner = folder.create_folder(b"inner", 0o700).unwrap();
        fs::rename(path.path().join("folder"), path.path().join("moved")).unwrap();
        if swap_for_link {
            symlink(outside.path(), path.path().join("folder")).unwrap();
        } else {
            fs::create_dir_all(path.path().join("folder/inner")).unwrap();
        }
        // Still open, it is the folder it was.
        write(&folder, b"before", b"x");
        folder.release();
        inner.release();
        assert!(is_unexpected(folder.create_file(b"after", 0o600)));
        assert!(is_unexpected(inner.create_file(b"after", 0o600)));
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }
}

#[test]
fn four_thousand_levels_with_few_handles() {
    const LEVELS: usize = 4000;
    let (path, _) = tree();
    let tree = Folder::open_with_limit(path.path(), 100).unwrap();
    let mut folders = vec![tree];
    for _ in 0..LEVELS {
        let folder = folders.last().unwrap().create_folder(b"a folder", 0o700).unwrap();
        folders.push(folder);
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 150, "{open} handles are open");
    let deepest = folders.last().unwrap();
    assert_eq!(deepest.depth(), LEVELS);
    assert!(deepest.path().len() > 36_000);
    write(deepest, b"file", b"deep");
    assert_eq!(read(deepest, b"file"), b"deep");
    // From far below back up, the folders passed are found again; then all of it is taken away.
    deepest.remove_file(b"file").unwrap();
    while let Some(folder) = folders.pop() {
        assert!(folder.names().unwrap().is_empty());
        if let Some(parent) = folders.last() {
            parent.remove_folder(b"a folder").unwrap();
        }
    }
}

#[test]
fn wide_trees_close_what_they_do_not_use() {
    let (path, _) = tree();
    let tree = Folder::open_with_limit(path.path(), 8).unwrap();
    let folders: Vec<Folder> =
        (0..100).map(|number| tree.create_folder(format!("{number}").as_bytes(), 0o700).unwrap()).collect();
    for folder in folders.iter().chain(folders.iter().rev()) {
        let _ = folder.create_file(b"file", 0o600);
    }
    for folder in &folders {
        assert_eq!(folder.names().unwrap().len(), 1);
    }
    let open = fs::read_dir("/proc/self/fd").unwrap().count();
    assert!(open < 64, "{open} handles are open");
}

#[test]
fn times_before_1970_and_after_2038_to_the_nanosecond() {
    let (_path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    let file = tree.create_file(b"file", 0o600).unwrap();
    tree.create_symlink(b"link", b"x").unwrap();
    let options = MetadataOptions::default();
    for modified in [Timestamp::new(-1_000_000_000, 123_456_789), Timestamp::new(4_102_444_800, 1)] {
        let wanted = |stat| Metadata { modified, ..metadata(stat) };
        assert!(file.apply_metadata(&wanted(file.stat().unwrap()), &options).is_empty());
        assert!(folder.apply_metadata_self(&wanted(folder.stat_self().unwrap()), &options).is_empty());
        let link = wanted(tree.stat(b"link").unwrap());
        assert!(tree.apply_metadata(b"link", EntryKind::Symlink, &link, &options).is_empty());
        for name in [&b"file"[..], b"folder", b"link"] {
            assert_eq!(tree.stat(name).unwrap().modified, modified);
        }
    }
}

#[test]
fn modes_with_their_special_bits() {
    let (_path, tree) = tree();
    let options = MetadataOptions::default();
    for mode in [0o4755, 0o2750, 0o1777, 0o000, 0o600, 0o777] {
        let name = format!("{mode:o}");
        let file = tree.create_file(name.as_bytes(), mode).unwrap();
        file.write_at(b"content", 0).unwrap();
        let stat = file.stat().unwrap();
        assert!(file.apply_metadata(&Metadata { mode, ..metadata(stat) }, &options).is_empty());
        assert_eq!(tree.stat(name.as_bytes()).unwrap().mode, mode);
        tree.create_pipe(format!("pipe {name}").as_bytes(), mode).unwrap();
        let pipe = format!("pipe {name}");
        let stat = tree.stat(pipe.as_bytes()).unwrap();
        let wanted = Metadata { mode, ..metadata(stat) };
        assert!(tree.apply_metadata(pipe.as_bytes(), EntryKind::Pipe, &wanted, &options).is_empty());
        assert_eq!(tree.stat(pipe.as_bytes()).unwrap().mode, mode);
    }
}

fn attribute(name: &str, value: &[u8]) -> ExtendedAttribute {
    ExtendedAttribute { name: name.as_bytes().to_vec(), value: value.to_vec() }
}

#[cfg(target_os = "linux")]
#[test]
fn extended_attributes_and_acls_come_back_and_strangers_go() {
    let (path, tree) = tree();
    // Version 2: owner rw-, user 1234 r--, group r--, mask r--, others ---.
    let mut acl = vec![2, 0, 0, 0];
    for (tag, bits, id) in
        [(1, 6, u32::MAX), (2, 4, 1234), (4, 4, u32::MAX), (16, 4, u32::MAX), (32, 0, u32::MAX)]
    {
        acl.extend_from_slice(&u16::to_le_bytes(tag));
        acl.extend_from_slice(&u16::to_le_bytes(bits));
        acl.extend_from_slice(&u32::to_le_bytes(id));
    }
    let attributes = vec![
        attribute("system.posix_acl_access", &acl),
        attribute("user.empty", b""),
        attribute("user.large", &[7; 3000]),
        attribute("user.note", b"\0binary\xff"),
    ];
    let file = tree.create_file(b"file", 0o600).unwrap();
    let wanted =
        Metadata { mode: 0o640, extended_attributes: attributes.clone(), ..metadata(file.stat().unwrap()) };
    assert!(file.apply_metadata(&wanted, &MetadataOptions::default()).is_empty());
    assert_eq!(file.extended_attributes().unwrap(), attributes);
    assert_eq!(file.stat().unwrap().mode, 0o640);
    let shown =
        std::process::Command::new("getfacl").arg("-n").arg(path.path().join("file")).output().unwrap();
    assert!(String::from_utf8_lossy(&shown.stdout).contains("user:1234:r--"));

    let again = tree.open_file_for_update(b"file").unwrap();
    let fewer = Metadata { extended_attributes: vec![attribute("user.note", b"new")], ..wanted };
    assert!(again.apply_metadata(&fewer, &MetadataOptions::default()).is_empty());
    assert_eq!(again.extended_attributes().unwrap(), fewer.extended_attributes);
    assert_eq!(again.stat().unwrap().mode, 0o640);
}

#[cfg(target_os = "linux")]
#[test]
fn an_acl_inherited_from_the_target_folder_does_not_stay() {
    let (path, tree) = tree();
    let status = std::process::Command::new("setfacl")
        .args(["-d", "-m", "u:1234:rwx"])
        .arg(path.path())
        .status()
        .unwrap();
    assert!(status.success());
    for name in [&b"first"[..], b"second"] {
        let file = tree.create_file(name, 0o644).unwrap();
        assert!(!file.extended_attributes().unwrap().is_empty());
        let wanted = Metadata { mode: 0o644, ..metadata(file.stat().unwrap()) };
        assert!(file.apply_metadata(&wanted, &MetadataOptions::default()).is_empty());
        assert!(file.extended_attributes().unwrap().is_empty());
        assert_eq!(file.stat().unwrap().mode, 0o644);
    }
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    assert_eq!(folder.extended_attributes_self().unwrap().len(), 2);
    let wanted = metadata(folder.stat_self().unwrap());
    assert!(folder.apply_metadata_self(&wanted, &MetadataOptions::default()).is_empty());
    assert!(folder.extended_attributes_self().unwrap().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn what_a_file_system_refuses_is_told_and_the_rest_is_set() {
    let (_path, tree) = tree();
    tree.create_symlink(b"link", b"x").unwrap();
    let wanted = Metadata {
        modified: Timestamp::new(5, 6),
        extended_attributes: vec![attribute("user.not-on-links", b"x")],
        bsd_flags: Some(2),
        ..metadata(tree.stat(b"link").unwrap())
    };
    let troubles = tree.apply_metadata(b"link", EntryKind::Symlink, &wanted, &MetadataOptions::default());
    let parts: Vec<_> = troubles.iter().map(|trouble| trouble.part.clone()).collect();
    assert_eq!(parts, [MetadataPart::Attribute(b"user.not-on-links".to_vec()), MetadataPart::Flags]);
    assert_eq!(tree.stat(b"link").unwrap().modified, Timestamp::new(5, 6));
    assert!(tree.extended_attributes(b"link").unwrap().is_empty());
}

#[test]
fn files_of_several_names_are_told_by_their_inode() {
    let (_path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    write(&tree, b"one", b"x");
    folder.create_hard_link(b"two", &tree, b"one").unwrap();
    let (one, two) = (tree.stat(b"one").unwrap(), folder.stat(b"two").unwrap());
    assert_eq!((one.inode, one.file_system, one.link_count), (two.inode, two.file_system, 2));
    let taken = folder.create_hard_link(b"two", &tree, b"one");
    assert!(matches!(taken, Err(EndpointError::AlreadyExists { .. })));
}

#[test]
fn holes_are_found_and_made() {
    const MIB: u64 = 1 << 20;
    let (_path, tree) = tree();
    let file = tree.create_file(b"file", 0o600).unwrap();
    file.write_at(&[1; 4096], 2 * MIB).unwrap();
    file.set_length(5 * MIB).unwrap();
    let stat = file.stat().unwrap();
    assert_eq!(stat.size_bytes, 5 * MIB);
    assert!(stat.allocated_bytes < MIB);
    let file = tree.open_file(b"file").unwrap();
    assert_eq!(file.next_data(0, 5 * MIB).unwrap(), Some(2 * MIB..2 * MIB + 4096));
    assert_eq!(file.next_data(2 * MIB + 4096, 5 * MIB).unwrap(), None);
    assert_eq!(file.next_data(5 * MIB, 5 * MIB).unwrap(), None);
    let mut bytes = [9; 8192];
    assert_eq!(file.read_at(&mut bytes, 5 * MIB - 100).unwrap(), 100);
    assert_eq!(bytes[..100], [0; 100]);
}

#[test]
fn a_cleared_range_reads_as_zeros_and_takes_no_room() {
    const MIB: usize = 1 << 20;
    let (_path, tree) = tree();
    let file = tree.create_file(b"file", 0o600).unwrap();
    file.write_at(&vec![7; 4 * MIB], 0).unwrap();
    file.clear(MIB as u64..3 * MIB as u64 + 1).unwrap();
    let mut bytes = vec![1; 4 * MIB];
    assert_eq!(file.read_at(&mut bytes, 0).unwrap(), 4 * MIB);
    assert!(bytes[..MIB].iter().all(|byte| *byte == 7));
    assert!(bytes[MIB..3 * MIB + 1].iter().all(|byte| *byte == 0));
    assert!(bytes[3 * MIB + 1..].iter().all(|byte| *byte == 7));
}

#[test]
fn renaming_replaces_only_when_asked() {
    let (_path, tree) = tree();
    write(&tree, b"one", b"1");
    write(&tree, b"two", b"2");
    assert!(matches!(tree.rename(b"one", b"two", false), Err(EndpointError::AlreadyExists { .. })));
    assert_eq!(read(&tree, b"two"), b"2");
    tree.rename(b"one", b"two", true).unwrap();
    assert_eq!(read(&tree, b"two"), b"1");
    tree.rename(b"two", b"three", false).unwrap();
    assert_eq!(read(&tree, b"three"), b"1");
    // The way for file systems that can not do it at once; a folder has no links and takes the last one.
    let handle = tree.at("rename", b"three").unwrap();
    tree.create_folder(b"folder", 0o700).unwrap();
    assert_eq!(rename_by_link(&handle, b"three", b"folder"), Err(rustix::io::Errno::EXIST));
    assert_eq!(rename_by_link(&handle, b"folder", b"three"), Err(rustix::io::Errno::EXIST));
    rename_by_link(&handle, b"three", b"four").unwrap();
    rename_by_link(&handle, b"folder", b"five").unwrap();
    let mut names: Vec<_> = tree.names().unwrap().into_iter().map(|item| item.name).collect();
    names.sort();
    assert_eq!(names, [&b"five"[..], b"four"]);
}

#[test]
fn a_pipe_is_not_waited_for_and_not_updated() {
    let (_path, tree) = tree();
    tree.create_pipe(b"pipe", 0o600).unwrap();
    assert_eq!(tree.open_file(b"pipe").unwrap().stat().unwrap().kind, EntryKind::Pipe);
    assert!(is_unexpected(tree.open_file_for_update(b"pipe")));
}

#[test]
fn a_full_disk_is_told_with_the_path() {
    // The one place that is always full; only the kernel's answer is of interest here.
    let devices = Folder::open(Path::new("/dev")).unwrap();
    let handle = rustix::fs::openat(
        rustix::fs::CWD,
        "/dev/full",
        rustix::fs::OFlags::WRONLY,
        rustix::fs::Mode::empty(),
    );
    let file = LocalFile::new(devices, b"full", handle.unwrap(), None);
    let error = file.write_at(b"x", 0).unwrap_err();
    assert!(matches!(&error, EndpointError::NoSpace { path, .. } if path == "/dev/full"), "{error}");
}

#[test]
fn the_file_that_is_open_is_told_from_the_one_that_took_its_name() {
    let (_path, tree) = tree();
    write(&tree, b"file", b"old");
    let open = tree.open_file(b"file").unwrap();
    write(&tree, b"new", b"newer");
    tree.rename(b"new", b"file", true).unwrap();
    assert_eq!(open.stat().unwrap().size_bytes, 3);
    assert_ne!(open.stat().unwrap().inode, tree.stat(b"file").unwrap().inode);
}

#[test]
fn a_path_in_an_error_is_whole() {
    let (path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    let error = folder.stat(b"absent").unwrap_err();
    let expected = path.path().join("folder").join(ffi::OsStr::from_bytes(b"absent"));
    assert_eq!(error.path(), expected.display().to_string());
    assert!(matches!(error, EndpointError::NotFound { .. }));
}

/// Owners can be given away by the administrator alone; both outcomes are held to.
#[test]
fn owners_are_set_or_their_refusal_is_told() {
    let (_path, tree) = tree();
    let file = tree.create_file(b"file", 0o4755).unwrap();
    let wanted =
        Metadata { user_id: 12_345, group_id: 54_321, mode: 0o4755, ..metadata(file.stat().unwrap()) };
    let troubles = file.apply_metadata(&wanted, &MetadataOptions::default());
    let stat = file.stat().unwrap();
    if Accounts::new().own_user_id() == Some(0) {
        assert!(troubles.is_empty());
        assert_eq!(stat.mode, 0o4755);
        assert_eq!((stat.user_id, stat.group_id), (12_345, 54_321));
    } else {
        assert_eq!(stat.mode, 0o755);
        assert_eq!(troubles[0].part, MetadataPart::Owner);
        assert_eq!(troubles[0].source.kind(), std::io::ErrorKind::PermissionDenied);
        assert_eq!(stat.mode, 0o755, "a program must not run as whoever brought it back");
    }
}

#[test]
fn without_its_owner_a_program_does_not_run_as_somebody_else() {
    let (_path, tree) = tree();
    let file = tree.create_file(b"file", 0o755).unwrap();
    let wanted = Metadata { user_id: 12_345, mode: 0o6755, ..metadata(file.stat().unwrap()) };
    let options = MetadataOptions { owner: false, ..MetadataOptions::default() };
    assert!(file.apply_metadata(&wanted, &options).is_empty());
    assert_eq!(file.stat().unwrap().mode, 0o755);
}

#[test]
fn a_read_only_file_gets_its_attributes_and_stays_read_only() {
    let (_path, tree) = tree();
    let file = tree.create_file(b"file", 0o444).unwrap();
    let attribute = ExtendedAttribute { name: b"user.note".to_vec(), value: b"kept".to_vec() };
    let wanted = Metadata {
        mode: 0o444,
        extended_attributes: vec![attribute.clone()],
        ..metadata(file.stat().unwrap())
    };
    assert!(file.apply_metadata(&wanted, &MetadataOptions::default()).is_empty());
    assert_eq!(file.stat().unwrap().mode, 0o444);
    assert!(file.extended_attributes().unwrap().contains(&attribute));
}
