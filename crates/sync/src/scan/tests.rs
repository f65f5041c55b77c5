//! A scan of real folders finds what differs from the base, and nothing else.

use std::fs;
use std::path::Path;

use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::{
    Capabilities, Content as OpenFile, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, Staged,
};
use std::time::Duration;

use keepwell_model::Timestamp;

use super::*;
use crate::node::Content;
use crate::pair::FilterSpec;
use crate::trees::{BaseNode, SeenEntry};

/// A place in which some folders can not be read.
struct Faulty {
    inner: LocalTree,
    folder: RelativePath,
    error: fn() -> EndpointError,
}

impl Tree for Faulty {
    fn describe(&self) -> String {
        self.inner.describe()
    }
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }
    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        self.inner.identity()
    }
    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        if *folder == self.folder { Err((self.error)()) } else { self.inner.list(folder) }
    }
    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        self.inner.stat(path)
    }
    fn open(&self, path: &RelativePath) -> Result<Box<dyn OpenFile>, EndpointError> {
        self.inner.open(path)
    }
    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.inner.read_link(path)
    }
    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        self.inner.extended_attributes(path)
    }
    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.inner.stage(path, size_bytes, from)
    }
    fn create_folder(&self, path: &RelativePath, with: &ItemMetadata) -> Result<Published, EndpointError> {
        self.inner.create_folder(path, with)
    }
    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.create_symlink(path, target, expected, metadata)
    }
    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        self.inner.rename(from, to, source, target)
    }
    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        self.inner.remove(path, expected)
    }
    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.set_metadata(path, expected, metadata)
    }
    fn sync(&self) -> Result<(), EndpointError> {
        self.inner.sync()
    }
    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }
    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.inner.clear_unfinished(folder)
    }
}

struct Scene {
    folder: tempfile::TempDir,
    tree: LocalTree,
    base: BaseTree,
    spec: FilterSpec,
    settle: Option<Duration>,
    /// What was open before; it is so many minutes after the first look.
    open: BTreeMap<RelativePath, i64>,
    covered: BTreeSet<NodeId>,
    minutes: i64,
    shared_rules: bool,
}

impl Scene {
    /// A root with these files, which both sides agreed on.
    fn of(files: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            write(&folder.path().join(file), file);
        }
        let tree = LocalTree::open(folder.path()).unwrap();
        let mut scene = Self {
            folder,
            tree,
            base: BaseTree::default(),
            spec: FilterSpec::default(),
            settle: None,
            open: BTreeMap::new(),
            covered: BTreeSet::new(),
            minutes: 0,
            shared_rules: false,
        };
        scene.agree();
        scene
    }

    /// Takes the side as it is now for what was agreed on.
    fn agree(&mut self) {
        let found = self.scan();
        let mut number = self.base.len() as u64;
        let mut ids = HashMap::from([(NodeId::ROOT, NodeId::ROOT)]);
        for id in found.changes.ids() {
            number += 1;
            ids.insert(id, if id.is_fresh() { NodeId(number) } else { id });
        }
        for (id, seen) in found.changes.iter() {
            let Seen::Here(seen) = seen else {
                self.base.remove(id);
                continue;
            };
            let print = seen.fingerprint;
            let parent = ids.get(&seen.parent).copied().unwrap_or(seen.parent);
            self.base.insert(
                ids[&id],
                BaseNode {
                    parent,
                    name: seen.name.to_vec(),
                    left_name: None,
                    right_name: None,
                    state: seen.state,
                    left: print,
                    right: print,
                },
            );
        }
    }

    fn path(&self, path: &str) -> std::path::PathBuf {
        self.folder.path().join(path)
    }

    fn scan(&self) -> SideTree {
        self.scan_with(&self.tree, None, &Control::new()).unwrap()
    }

    fn scan_hinted(&self, hints: &[&str]) -> Vec<String> {
        let hints = hints.iter().map(|hint| RelativePath::parse(hint.as_bytes()).unwrap()).collect();
        self.shown(&self.scan_with(&self.tree, Some(&hints), &Control::new()).unwrap())
    }

    fn scan_with(
        &self,
        tree: &dyn Tree,
        hints: Option<&BTreeSet<RelativePath>>,
        control: &Control,
    ) -> Result<SideTree, SyncError> {
        let shared: Vec<Vec<u8>> = shared_rules(tree).unwrap().into_iter().collect();
        let filter = Filter::new(&self.spec, &shared, Timestamp::default()).unwrap();
        let options = ScanOptions {
            place: "right",
            filter: &filter,
            hints,
            links: Links::Keep,
            modes: true,
            attributes: false,
            shared_rules: self.shared_rules,
            settle: self.settle,
            open: &self.open,
            covered: &self.covered,
            now_ms: self.minutes * 60_000,
            agreed_ms: None,
            workers: 3,
        };
        scan(tree, &self.base, Side::Right, &options, control)
    }

    /// What was found, in words.
    fn shown(&self, found: &SideTree) -> Vec<String> {
        let name = |id: &NodeId| {
            let path = self.base.path_on(Side::Right, *id).unwrap_or_default();
            if path.is_root() { ".".to_owned() } else { path.to_string() }
        };
        let mut shown: Vec<String> = found.blind.iter().map(|id| format!("blind {}", name(id))).collect();
        for (id, seen) in found.changes.iter() {
            shown.push(match seen {
                Seen::Gone => format!("gone {}", name(&id)),
                Seen::Here(seen) => {
                    let what = if id.is_fresh() { "new" } else { "changed" };
                    format!("{what} {}", path_of(found, &seen, &name))
                }
            });
        }
        shown.sort();
        shown
    }

    fn found(&self) -> Vec<String> {
        self.shown(&self.scan())
    }
}

fn path_of(found: &SideTree, seen: &SeenEntry<'_>, name: &dyn Fn(&NodeId) -> String) -> String {
    let own = String::from_utf8_lossy(seen.name).into_owned();
    match found.changes.here(seen.parent) {
        Some(parent) if seen.parent.is_fresh() => format!("{}/{own}", path_of(found, &parent, name)),
        _ if seen.parent == NodeId::ROOT => own,
        _ => format!("{}/{own}", name(&seen.parent)),
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn what_is_as_agreed_is_not_mentioned_and_each_change_is() {
    let scene = Scene::of(&["a/one", "a/two", "b/deep/three", "four", "kind"]);
    assert_eq!(scene.found(), Vec::<String>::new());
    assert_eq!(scene.scan().circumstances.items, 8);
    write(&scene.path("a/one"), "edited");
    write(&scene.path("new/folder/file"), "x");
    fs::remove_file(scene.path("a/two")).unwrap();
    fs::remove_dir_all(scene.path("b")).unwrap();
    fs::rename(scene.path("four"), scene.path("a/four")).unwrap();
    fs::remove_file(scene.path("kind")).unwrap();
    fs::create_dir(scene.path("kind")).unwrap();
    assert_eq!(
        scene.found(),
        [
            "changed a/one",
            "gone a/two",
            "gone b",
            "gone four",
            "gone kind",
            "new a/four",
            "new kind",
            "new new",
            "new new/folder",
            "new new/folder/file"
        ]
    );
    let found = scene.scan();
    let mut files =
        found.changes.all_here().map(|(_, seen)| seen.state).filter(|state| state.kind == EntryKind::File);
    assert!(files.all(|state| state.content == Content::Unread));
}

#[test]
fn a_folder_that_can_not_be_read_is_unknown_and_never_gone() {
    let scene = Scene::of(&["a/b/file", "c/file"]);
    let mut faulty = Faulty {
        inner: scene.tree.clone(),
        folder: RelativePath::parse(b"a/b").unwrap(),
        error: || EndpointError::PermissionDenied { action: "list", path: "a/b".into() },
    };
    let control = Control::new();
    let found = scene.scan_with(&faulty, None, &control).unwrap();
    assert_eq!(scene.shown(&found), ["blind a/b"]);
    assert_eq!(control.problems().total, 1);
    // A folder that vanishes while it is looked at is for the next look, and no trouble.
    faulty.error = || EndpointError::NotFound { path: "a/b".into() };
    let control = Control::new();
    assert_eq!(scene.shown(&scene.scan_with(&faulty, None, &control).unwrap()), ["blind a/b"]);
    assert_eq!(control.problems().total, 0);
    // A place that is gone as a whole ends the look.
    faulty.error = || EndpointError::Unreachable { path: "a/b".into(), why: "gone".into() };
    assert!(matches!(
        scene.scan_with(&faulty, None, &control),
        Err(SyncError::Place { side: Side::Right, .. })
    ));
    faulty.folder = RelativePath::root();
    faulty.error = || EndpointError::PermissionDenied { action: "list", path: String::new() };
    assert!(scene.scan_with(&faulty, None, &control).is_err());
    faulty.error = || EndpointError::NotFound { path: String::new() };
    let found = scene.scan_with(&faulty, None, &control).unwrap();
    assert!(found.circumstances.is_root_gone && found.changes.is_empty());
}

#[test]
fn what_a_rule_leaves_out_is_unknown_even_when_it_is_removed() {
    let mut scene = Scene::of(&["build/out", "src/x.tmp", "src/y.tmp", "src/main", "gone.tmp"]);
    scene.spec.patterns = vec!["*.tmp".into(), "/build".into()];
    fs::remove_file(scene.path("gone.tmp")).unwrap();
    fs::remove_file(scene.path("src/x.tmp")).unwrap();
    write(&scene.path("src/new.tmp"), "x");
    write(&scene.path("build/more"), "x");
    let found = scene.scan();
    assert_eq!(scene.shown(&found), ["blind build", "blind gone.tmp", "blind src/x.tmp", "blind src/y.tmp"]);
    assert_eq!(found.occupied.len(), 2, "the root and src hold what is not synced");
    assert_eq!(scene.scan_hinted(&["build", "src"]), ["blind src/x.tmp", "blind src/y.tmp"]);
}

#[test]
fn what_the_system_keeps_of_a_file_that_was_removed_while_open_is_no_file_of_a_person() {
    let kept = [".fuse_hidden0000000c00000001", ".nfs000000000012d6870000001a"];
    let scene = Scene::of(&["file"]);
    for name in kept {
        write(&scene.path(name), "x");
    }
    write(&scene.path(".fuse_hidden is a name"), "x");
    assert_eq!(scene.found(), ["new .fuse_hidden is a name"]);
}

#[test]
fn the_own_folder_shows_nothing_but_the_shared_rules() {
    let mut scene = Scene::of(&["file"]);
    write(&scene.path(".keepwell/bin/old"), "x");
    assert_eq!(scene.found(), Vec::<String>::new());
    write(&scene.path(".keepwell/rules"), "*.log\n.keepwell\n");
    write(&scene.path("a.log"), "x");
    scene.shared_rules = true;
    assert_eq!(shared_rules(&scene.tree).unwrap().unwrap(), b"*.log\n.keepwell\n");
    assert_eq!(scene.found(), ["new .keepwell", "new .keepwell/rules"]);
}

#[test]
fn hints_limit_what_is_listed_and_new_folders_are_taken_whole() {
    let scene = Scene::of(&["a/one", "a/deep/two", "b/three", "c/d/e/four", "r/s/five"]);
    write(&scene.path("a/deep/two"), "edited");
    write(&scene.path("b/three"), "edited");
    write(&scene.path("a/new/x/y/file"), "x");
    assert_eq!(
        scene.scan_hinted(&["a"]),
        ["new a/new", "new a/new/x", "new a/new/x/y", "new a/new/x/y/file"]
    );
    assert_eq!(scene.scan_hinted(&["b"]), ["changed b/three"]);
    assert_eq!(
        scene.scan_hinted(&["a/new/x", "a/deep"]).len(),
        5,
        "the nearest folder that is known is listed"
    );
    // A folder that went with all in it, however many hints say so.
    fs::remove_dir_all(scene.path("c")).unwrap();
    assert_eq!(scene.scan_hinted(&["", "c", "c/d", "c/d/e"]), ["gone c"]);
    assert_eq!(scene.scan_hinted(&["c/d"]), ["gone c"]);
    assert_eq!(scene.scan_hinted(&["c/d/e"]), ["gone c"]);
    // Another folder took its place.
    fs::rename(scene.path("r/s"), scene.path("r/old")).unwrap();
    write(&scene.path("r/s/six"), "x");
    let found = scene.scan_hinted(&["r"]);
    assert!(
        found.contains(&"gone r/s/five".to_owned()) && found.contains(&"new r/s/six".to_owned()),
        "{found:?}"
    );
    let found = scene.scan_with(&scene.tree, Some(&BTreeSet::new()), &Control::new()).unwrap();
    assert!(found.changes.is_empty());
    assert_eq!(found.circumstances.items, scene.base.len() as u64);
}

#[test]
fn a_file_that_is_still_written_waits_until_it_is_still() {
    let mut scene = Scene::of(&["log", "old"]);
    let an_hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
    fs::File::options().append(true).open(scene.path("old")).unwrap().set_modified(an_hour_ago).unwrap();
    scene.agree();
    scene.settle = Some(Duration::from_millis(40));
    write(&scene.path("fresh"), "x");
    write(&scene.path("old"), "edited");
    assert_eq!(scene.found(), ["changed old", "new fresh"]);
    // Longer than anybody waits: one that was taken a moment ago has to be still that long.
    scene.settle = Some(Duration::from_secs(3600));
    write(&scene.path("log"), "one more line, a moment after the last");
    #[cfg(target_os = "linux")]
    assert_eq!(scene.found(), ["blind log", "changed old", "new fresh"], "whoever wrote the two is done");
}

/// A pair of files somebody has open for writing: one both sides know, and a new one.
#[cfg(target_os = "linux")]
fn held_open() -> (Scene, [fs::File; 2]) {
    use std::io::Write;
    let mut scene = Scene::of(&["known"]);
    let mut writers = ["known", "new"]
        .map(|name| fs::File::options().append(true).create(true).open(scene.path(name)).unwrap());
    writers.iter_mut().for_each(|file| file.write_all(b"half of it").unwrap());
    scene.settle = Some(Duration::from_millis(50));
    // Longer than a file nobody has open has to be still.
    std::thread::sleep(Duration::from_millis(100));
    (scene, writers)
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_somebody_has_open_for_writing_is_left_until_it_is_closed() {
    let (mut scene, writers) = held_open();
    for settle in [scene.settle, None] {
        scene.settle = settle;
        let found = scene.scan();
        assert_eq!(scene.shown(&found), ["blind known"]);
        assert_eq!((found.circumstances.still_open, found.circumstances.open_files.len()), (2, 2));
    }
    drop(writers);
    let found = scene.scan();
    assert_eq!(scene.shown(&found), ["changed known", "new new"]);
    assert_eq!((found.circumstances.still_open, found.circumstances.open_files.len()), (0, 0));
}

#[cfg(target_os = "linux")]
#[test]
fn a_file_that_stays_open_is_taken_when_it_is_at_rest_or_waited_for_too_long() {
    let (mut scene, writers) = held_open();
    scene.open = scene.scan().circumstances.open_files;
    scene.minutes = 9;
    let begun = std::time::Instant::now();
    assert_eq!(scene.found(), ["blind known"]);
    assert!(begun.elapsed() < Duration::from_secs(1), "what was open before is not waited for");
    scene.minutes = 11;
    let found = scene.scan();
    assert_eq!(scene.shown(&found), ["changed known"], "the new one may be a large one on its way");
    assert_eq!(found.circumstances.still_open, 1);
    // From now on it waits as long again.
    scene.open = found.circumstances.open_files;
    scene.minutes = 20;
    assert_eq!(scene.found(), ["blind known"]);
    scene.minutes = 61;
    assert_eq!(scene.found(), ["changed known", "new new"]);

    scene.open.clear();
    let a_minute_ago = std::time::SystemTime::now() - Duration::from_secs(60);
    writers.iter().for_each(|file| file.set_modified(a_minute_ago).unwrap());
    assert_eq!(scene.found(), ["changed known", "new new"]);
}

#[cfg(target_os = "linux")]
#[test]
fn an_open_file_that_was_moved_is_not_gone_from_where_it_was() {
    let (scene, _writers) = held_open();
    fs::rename(scene.path("known"), scene.path("moved")).unwrap();
    assert_eq!(scene.found(), ["blind known"]);
}

#[test]
fn many_threads_find_what_one_finds() {
    let scene = Scene::of(&["x"]);
    for folder in 0..40 {
        for file in 0..20 {
            write(&scene.path(&format!("{}/{folder}/{file}", folder % 7)), "x");
        }
    }
    let found = scene.scan();
    assert_eq!(found.changes.len(), 7 + 40 + 800);
    assert_eq!(found.circumstances.items, 848);
}

#[cfg(unix)]
#[test]
fn links_are_read_and_special_files_are_told() {
    let scene = Scene::of(&["a/file"]);
    std::os::unix::fs::symlink("some where", scene.path("a/link")).unwrap();
    let _socket = std::os::unix::net::UnixListener::bind(scene.path("a/socket")).unwrap();
    let control = Control::new();
    let found = scene.scan_with(&scene.tree, None, &control).unwrap();
    assert_eq!(scene.shown(&found), ["new a/link"]);
    assert_eq!((found.occupied.len(), control.problems().total), (1, 1));
    let (_, link) = found.changes.all_here().next().unwrap();
    let hash = keepwell_model::ContentHash(*blake3::hash(b"some where").as_bytes());
    assert_eq!(link.state.content, Content::Known(hash));
}

#[test]
fn no_attributes_have_the_hash_that_says_so() {
    assert_eq!(attributes_hash(&[]), crate::node::NO_ATTRIBUTES);
}

#[test]
fn what_lies_in_a_folder_whose_drive_is_not_mounted_says_nothing_of_what_is_on_the_drive() {
    let mut scene = Scene::of(&["drive/photo", "drive/album/picture", "other"]);
    let path = RelativePath::parse(b"drive").unwrap();
    scene.covered = [folder_at(&scene.base, Side::Right, &path).unwrap()].into();
    fs::remove_file(scene.path("drive/photo")).unwrap();
    write(&scene.path("drive/album/written meanwhile"), "1");
    write(&scene.path("new"), "1");
    assert_eq!(scene.shown(&scene.scan()), ["blind drive", "new new"]);
    for hint in ["drive", "drive/album", "drive/not known"] {
        assert_eq!(scene.scan_hinted(&[hint]), ["blind drive"], "{hint}");
    }
    assert_eq!(scene.scan_hinted(&[""]), ["blind drive", "new new"]);
}
