//! Trees on Windows: names, attributes, identities.

use keepwell_model::Timestamp;

use super::*;

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

#[test]
fn files_folders_and_long_paths() {
    let (_path, tree) = tree();
    let mut folder = tree.clone();
    for _ in 0..40 {
        folder = folder.create_folder("ein Ordner mit Ümläuten".as_bytes(), 0o700).unwrap();
    }
    assert!(folder.path().len() > 900);
    write(&folder, b"file", b"content");
    assert_eq!(read(&folder, b"file"), b"content");
    let items = folder.names().unwrap();
    assert_eq!((items.len(), &items[0].name[..], items[0].kind), (1, &b"file"[..], Some(EntryKind::File)));
    let stat = folder.stat(b"file").unwrap();
    assert_eq!((stat.kind, stat.size_bytes, stat.link_count), (EntryKind::File, 7, 1));
    assert_ne!(stat.inode, 0);
    assert_eq!(folder.stat_self().unwrap().kind, EntryKind::Folder);
    folder.remove_file(b"file").unwrap();
    assert!(matches!(folder.stat(b"file"), Err(EndpointError::NotFound { .. })));
}

#[test]
fn a_name_can_not_lead_elsewhere() {
    let (_path, tree) = tree();
    for name in [&b".."[..], b"a\\b", b"a/b", b"C:", b"file:stream", b"", b"\xff"] {
        assert!(is_unexpected(tree.stat(name)), "{name:?}");
        assert!(is_unexpected(tree.create_file(name, 0o600)), "{name:?}");
        assert!(is_unexpected(tree.open_child(name)), "{name:?}");
    }
}

#[test]
fn times_and_attributes_come_back() {
    let (_path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    let file = tree.create_file(b"file", 0o600).unwrap();
    let wanted = Metadata {
        modified: Timestamp::new(-1_000_000, 123_456_700),
        created: Some(Timestamp::new(1_000_000_000, 100)),
        windows_attributes: Some(1),
        ..Metadata::default()
    };
    assert!(file.apply_metadata(&wanted, &MetadataOptions::default()).is_empty());
    drop(file);
    let stat = tree.stat(b"file").unwrap();
    assert_eq!(stat.modified, wanted.modified);
    assert_eq!(stat.windows_attributes.unwrap() & 1, 1);
    let wanted = Metadata { windows_attributes: None, ..wanted };
    assert!(folder.apply_metadata_self(&wanted, &MetadataOptions::default()).is_empty());
    assert_eq!(folder.stat_self().unwrap().modified, wanted.modified);
}

#[test]
fn a_finished_tree_is_flushed_read_only_files_too() {
    let (_path, tree) = tree();
    let folder = tree.create_folder(b"folder", 0o700).unwrap();
    let file = folder.create_file(b"file", 0o600).unwrap();
    file.write_at(b"content", 0).unwrap();
    let read_only =
        Metadata { modified: Timestamp::new(1, 0), windows_attributes: Some(1), ..Metadata::default() };
    assert!(file.apply_metadata(&read_only, &MetadataOptions::default()).is_empty());
    drop(file);
    tree.sync_file_system().unwrap();
    folder.sync_file_system().unwrap();
}

#[test]
fn hard_links_and_renames() {
    let (_path, tree) = tree();
    write(&tree, b"one", b"1");
    tree.create_hard_link(b"two", &tree, b"one").unwrap();
    let (one, two) = (tree.stat(b"one").unwrap(), tree.stat(b"two").unwrap());
    assert_eq!((one.inode, one.file_system, one.link_count), (two.inode, two.file_system, 2));
    write(&tree, b"three", b"3");
    assert!(matches!(tree.rename(b"one", b"three", false), Err(EndpointError::AlreadyExists { .. })));
    tree.rename(b"one", b"three", true).unwrap();
    assert_eq!(read(&tree, b"three"), b"1");
}

#[test]
fn reading_in_order_is_not_disturbed_by_reading_at_an_offset() {
    let (_path, tree) = tree();
    write(&tree, b"file", b"0123456789");
    let mut file = tree.open_file(b"file").unwrap();
    let mut bytes = [0; 4];
    assert_eq!(file.read(&mut bytes).unwrap(), 4);
    assert_eq!(file.read_at(&mut bytes, 8).unwrap(), 2);
    assert_eq!(file.read(&mut bytes).unwrap(), 4);
    assert_eq!(&bytes, b"4567");
}
