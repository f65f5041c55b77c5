//! Compares two trees: every name, kind, byte and bit of metadata, with a list of what differs.
//!
//! Invariant: what is not in the list is the same, but for what [`CompareOptions`] leaves out. Contents are compared
//! by their BLAKE3 hash, so that a tree can be compared with what it was before. Deliberately not here: change times
//! and inode numbers, which no restore can bring back.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use keepwell_model::Timestamp;

use crate::tree;

/// What an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ObservedKind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Symlink,
    /// A named pipe.
    Pipe,
    /// A Unix socket.
    Socket,
    /// Anything else.
    Other,
}

/// What one entry looked like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    /// Its path below the root, `/` between components.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: ObservedKind,
    /// Files: their size.
    pub size_bytes: u64,
    /// Files: the space they take on disk, 0 where not known.
    pub allocated_bytes: u64,
    /// Files: the hash of the content.
    pub hash: [u8; 32],
    /// Symbolic links: where they point.
    pub target: Vec<u8>,
    /// Permission bits; on Windows whether it is read-only.
    pub mode: u32,
    /// Owner.
    pub user_id: u32,
    /// Group.
    pub group_id: u32,
    /// When the content last changed.
    pub modified: Timestamp,
    /// Extended attributes, sorted.
    pub attributes: Vec<(Vec<u8>, Vec<u8>)>,
    /// Files with more than one name: what tells which names belong together, within one tree.
    pub inode: Option<u64>,
}

impl Observed {
    /// An entry about which only path and kind are known.
    pub(crate) fn new(path: Vec<u8>, kind: ObservedKind) -> Self {
        Self {
            path,
            kind,
            size_bytes: 0,
            allocated_bytes: 0,
            hash: [0; 32],
            target: Vec::new(),
            mode: 0,
            user_id: 0,
            group_id: 0,
            modified: Timestamp::default(),
            attributes: Vec::new(),
            inode: None,
        }
    }

    /// Reads the content through and keeps its hash.
    pub(crate) fn read_content(&mut self, file: &mut dyn Read) -> io::Result<()> {
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; 1 << 16];
        loop {
            match file.read(&mut buffer)? {
                0 => break,
                length => hasher.update(&buffer[..length]),
            };
        }
        self.hash = *hasher.finalize().as_bytes();
        Ok(())
    }
}

/// A tree as it was at one time.
pub type ObservedTree = BTreeMap<Vec<u8>, Observed>;

/// What a comparison leaves out.
#[derive(Clone, Copy, Debug, Default)]
pub struct CompareOptions {
    /// Owner and group: only root can bring them back.
    pub ignore_owners: bool,
    /// Times of folders, which change when something in them does.
    pub ignore_folder_times: bool,
    /// Sockets, which a restore may leave out: nothing could be connected to them.
    pub ignore_sockets: bool,
    /// Whether holes came back as holes.
    pub ignore_holes: bool,
}

/// Everything below a folder as it is now.
///
/// # Errors
/// Something could not be read.
pub fn observe(root: &Path) -> io::Result<ObservedTree> {
    let mut found = ObservedTree::new();
    tree::visit(root, &mut |_, observed| {
        found.insert(observed.path.clone(), observed);
        Ok(())
    })?;
    Ok(found)
}

/// What differs between two folders, each as a sentence with the path. Empty: they are the same.
///
/// # Errors
/// Something could not be read.
pub fn compare_trees(expected: &Path, found: &Path, options: CompareOptions) -> io::Result<Vec<String>> {
    Ok(differences(&observe(expected)?, &observe(found)?, options))
}

/// What differs between two observations, each as a sentence with the path.
#[must_use]
pub fn differences(expected: &ObservedTree, found: &ObservedTree, options: CompareOptions) -> Vec<String> {
    let mut list = Vec::new();
    let skipped = |entry: &Observed| options.ignore_sockets && entry.kind == ObservedKind::Socket;
    for (path, entry) in expected.iter().filter(|(_, entry)| !skipped(entry)) {
        let name = shown(path);
        match found.get(path) {
            None => list.push(format!("{name}: missing ({:?})", entry.kind)),
            Some(other) if other.kind != entry.kind => {
                list.push(format!("{name}: was {:?}, is {:?}", entry.kind, other.kind));
            }
            Some(other) => {
                list.extend(
                    entry_differences(entry, other, options)
                        .into_iter()
                        .map(|what| format!("{name}: {what}")),
                );
            }
        }
    }
    for (path, entry) in found.iter().filter(|(path, entry)| !skipped(entry) && !expected.contains_key(*path))
    {
        list.push(format!("{}: was not there ({:?})", shown(path), entry.kind));
    }
    list.extend(link_differences(expected, found));
    list
}

/// What differs between two entries of the same path and kind.
fn entry_differences(entry: &Observed, other: &Observed, options: CompareOptions) -> Vec<String> {
    let mut list = Vec::new();
    if entry.size_bytes != other.size_bytes {
        list.push(format!("size was {}, is {}", entry.size_bytes, other.size_bytes));
    } else if entry.hash != other.hash {
        list.push("content differs".into());
    }
    if entry.target != other.target {
        list.push(format!("pointed to {}, points to {}", shown(&entry.target), shown(&other.target)));
    }
    // The permissions of a link mean nothing, and Linux does not let anyone set them.
    if entry.mode != other.mode && entry.kind != ObservedKind::Symlink {
        list.push(format!("mode was {:o}, is {:o}", entry.mode, other.mode));
    }
    if !options.ignore_owners && (entry.user_id, entry.group_id) != (other.user_id, other.group_id) {
        list.push(format!(
            "owner was {}:{}, is {}:{}",
            entry.user_id, entry.group_id, other.user_id, other.group_id
        ));
    }
    if entry.modified != other.modified
        && !(options.ignore_folder_times && entry.kind == ObservedKind::Folder)
    {
        list.push(format!("modified was {:?}, is {:?}", entry.modified, other.modified));
    }
    if entry.attributes != other.attributes {
        list.push(format!(
            "extended attributes were {:?}, are {:?}",
            attribute_names(entry),
            attribute_names(other)
        ));
    }
    // A hole counts as lost when the file takes its whole size where it took less than half before.
    let sparse = entry.allocated_bytes > 0 && entry.allocated_bytes < entry.size_bytes / 2;
    if !options.ignore_holes && sparse && other.allocated_bytes >= entry.size_bytes {
        list.push(format!("took {} bytes on disk, takes {}", entry.allocated_bytes, other.allocated_bytes));
    }
    list
}

/// Names that were one file and are not, and the other way round.
fn link_differences(expected: &ObservedTree, found: &ObservedTree) -> Vec<String> {
    let (before, after) = (link_groups(expected), link_groups(found));
    let mut list = Vec::new();
    for (path, first) in &before {
        if after.get(path) != Some(first) && found.contains_key(path) && found.contains_key(first) {
            list.push(format!("{}: is no longer the same file as {}", shown(path), shown(first)));
        }
    }
    for (path, first) in &after {
        if before.get(path) != Some(first) && expected.contains_key(path) && expected.contains_key(first) {
            list.push(format!("{}: has become the same file as {}", shown(path), shown(first)));
        }
    }
    list
}

/// Each name of a file with several names, with the first of them.
fn link_groups(tree: &ObservedTree) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let mut first: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
    let mut groups = BTreeMap::new();
    for (path, entry) in tree {
        if let Some(inode) = entry.inode {
            let first = first.entry(inode).or_insert_with(|| path.clone());
            groups.insert(path.clone(), first.clone());
        }
    }
    groups
}

fn attribute_names(entry: &Observed) -> Vec<String> {
    entry.attributes.iter().map(|(name, value)| format!("{} ({} bytes)", shown(name), value.len())).collect()
}

fn shown(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    if text.len() > 300 {
        format!("{:?}… ({} bytes)", text.chars().take(100).collect::<String>(), path.len())
    } else {
        format!("{text:?}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{TreeOptions, make_deep_tree, make_tree, remove_tree};
    use std::fs;

    fn two_trees() -> (tempfile::TempDir, std::path::PathBuf, std::path::PathBuf) {
        let room = tempfile::tempdir().unwrap();
        let (a, b) = (room.path().join("a"), room.path().join("b"));
        let options =
            TreeOptions { folders: 2, files_per_folder: 2, large_file_bytes: 1000, ..TreeOptions::default() };
        make_tree(&a, &options).unwrap();
        make_tree(&b, &options).unwrap();
        (room, a, b)
    }

    fn compare(a: &Path, b: &Path) -> Vec<String> {
        // What was just made has the times of now, unless the tree set them.
        let mut list =
            compare_trees(a, b, CompareOptions { ignore_folder_times: true, ..CompareOptions::default() })
                .unwrap();
        list.retain(|what| !what.contains("modified was"));
        list
    }

    #[test]
    fn a_seed_makes_the_same_tree_again() {
        let (_room, a, b) = two_trees();
        assert_eq!(compare(&a, &b), Vec::<String>::new());
        // On Windows the deep place is one folder instead of forty, and fewer kinds of oddities exist.
        let least = if cfg!(windows) { 20 } else { 40 };
        assert!(observe(&a).unwrap().len() > least);
    }

    #[test]
    fn every_single_difference_is_found() {
        let (_room, a, b) = two_trees();
        let file = Path::new("folder-000/file-000.txt");
        let mut content = fs::read(b.join(file)).unwrap();
        content[0] ^= 1;
        fs::write(b.join(file), content).unwrap();
        fs::write(b.join("extra"), b"").unwrap();
        fs::remove_file(b.join("oddities/one byte, second name")).unwrap();
        let found = compare(&a, &b).join("\n");
        for expected in [
            "\"folder-000/file-000.txt\": content differs",
            "\"extra\": was not there",
            "second name\": missing",
        ] {
            assert!(found.contains(expected), "{expected} not in\n{found}");
        }
        assert!(
            differences(&observe(&a).unwrap(), &observe(&b).unwrap(), CompareOptions::default())
                .iter()
                .any(|what| what.starts_with("\"folder-000/file-000.txt\": modified was"))
        );
    }

    #[cfg(unix)]
    #[test]
    fn lost_links_holes_modes_attributes_are_found() {
        use std::os::unix::fs::PermissionsExt;
        let (_room, a, b) = two_trees();
        let odd = b.join("oddities");
        fs::set_permissions(odd.join("mode 755"), fs::Permissions::from_mode(0o754)).unwrap();
        let whole = fs::read(odd.join("sparse")).unwrap();
        fs::write(odd.join("sparse"), whole).unwrap();
        fs::remove_file(odd.join("one byte, second name")).unwrap();
        fs::write(odd.join("one byte, second name"), b"1").unwrap();
        rustix::fs::removexattr(odd.join("with attributes"), "user.empty").unwrap();
        fs::remove_file(odd.join("link")).unwrap();
        std::os::unix::fs::symlink("elsewhere", odd.join("link")).unwrap();
        let found = compare(&a, &b).join("\n");
        for expected in [
            "mode 755\": mode was 755, is 754",
            "sparse\": took",
            "second name\": is no longer the same file",
            "with attributes\": extended attributes",
            "link\": pointed to \"one byte\"",
        ] {
            assert!(found.contains(expected), "{expected} not in\n{found}");
        }
    }

    #[test]
    fn no_depth_stops_it() {
        let room = tempfile::tempdir().unwrap();
        let levels = if cfg!(windows) { 500 } else { 4000 };
        let root = room.path().join("deep");
        fs::create_dir(&root).unwrap();
        make_deep_tree(&root, levels).unwrap();
        assert_eq!(observe(&root).unwrap().len(), levels + 1);
        remove_tree(&root).unwrap();
        assert!(!root.exists());
    }
}
