//! What every place that holds a tree of files promises, asked of each of them in the same words.

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{
    Expected, Fingerprint, ItemMetadata, NameRules, Published, STAGED_PREFIX, Tree, TreeItem,
};
use keepwell_model::{ContentHash, EntryKind, RelativePath, Timestamp};

/// Makes or opens the place with a name.
pub type OpenTree<'a> = &'a dyn Fn(&str) -> Result<Box<dyn Tree>, EndpointError>;

/// A kind of place under test.
pub struct Trees<'a> {
    /// Makes a new, empty place with this name.
    pub create: OpenTree<'a>,
    /// Opens the place with this name.
    pub open: OpenTree<'a>,
    /// Takes the place away with all that is in it, behind the tree's back.
    pub lose: &'a dyn Fn(&str),
    /// Whether the server takes large files in parts; an emulator may not.
    pub takes_parts: bool,
}

/// Asks everything.
pub fn keeps_its_promises(trees: &Trees<'_>) {
    a_published_file_is_whole_and_looks_the_same_from_everywhere(trees);
    nothing_shows_before_it_is_published(trees);
    a_file_is_replaced_only_if_it_is_what_was_expected(trees);
    folders_are_there_also_when_they_are_empty(trees);
    a_folder_outlives_its_last_file(trees);
    odd_names_are_kept(trees);
    if trees.takes_parts {
        large_files_come_back_whole(trees);
        a_file_that_changes_while_it_is_read_is_told(trees);
    }
    renaming_moves_and_looks_before(trees);
    only_what_was_expected_is_removed(trees);
    everything_is_visited_folders_first(trees);
    times_are_kept_where_the_place_says_so(trees);
    what_was_not_meant_is_not_published(trees);
    a_lost_place_is_never_an_empty_one(trees);
}

fn create(trees: &Trees<'_>, name: &str) -> Box<dyn Tree> {
    (trees.create)(name).unwrap_or_else(|error| panic!("{name} can not be made: {error}"))
}

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn root() -> RelativePath {
    RelativePath::root()
}

fn proof(bytes: &[u8]) -> ContentHash {
    ContentHash(*blake3::hash(bytes).as_bytes())
}

fn publish(tree: &dyn Tree, at: &str, bytes: &[u8], expected: &Expected) -> Result<Published, EndpointError> {
    let mut staged = tree.stage(&path(at), bytes.len() as u64, None)?;
    let mut offset = 0;
    for part in bytes.chunks(700_000) {
        staged.write_at(part, offset)?;
        offset += part.len() as u64;
    }
    staged.publish(&path(at), expected, &ItemMetadata::default(), &proof(bytes))
}

fn put(tree: &dyn Tree, at: &str, bytes: &[u8]) -> TreeItem {
    publish(tree, at, bytes, &Expected::Absent).unwrap_or_else(|error| panic!("{at}: {error}")).item
}

fn folder(tree: &dyn Tree, at: &str) {
    tree.create_folder(&path(at), &ItemMetadata::default()).unwrap_or_else(|error| panic!("{at}: {error}"));
}

fn read(tree: &dyn Tree, at: &str) -> Vec<u8> {
    let mut content = tree.open(&path(at)).unwrap();
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 300_000]);
    loop {
        match content.read_at(&mut buffer, bytes.len() as u64).unwrap() {
            0 => break,
            length => bytes.extend_from_slice(&buffer[..length]),
        }
    }
    assert!(content.is_unchanged().unwrap());
    bytes
}

fn names(tree: &dyn Tree, at: &RelativePath) -> Vec<String> {
    let items = tree.list(at).unwrap();
    let mut names: Vec<_> = items.into_iter().map(|item| String::from_utf8(item.name).unwrap()).collect();
    names.sort();
    names
}

fn seen(tree: &dyn Tree, at: &str) -> Fingerprint {
    tree.stat(&path(at)).unwrap().unwrap_or_else(|| panic!("{at} is not there")).fingerprint
}

fn is_changed<T>(result: Result<T, EndpointError>) -> bool {
    matches!(result, Err(EndpointError::Changed { .. }))
}

fn a_published_file_is_whole_and_looks_the_same_from_everywhere(trees: &Trees<'_>) {
    let tree = create(trees, "whole");
    assert!(tree.list(&root()).unwrap().is_empty());
    folder(&*tree, "letters");
    let made = put(&*tree, "letters/ada.txt", b"Dear Ada");
    assert_eq!((made.name.as_slice(), made.fingerprint.size_bytes), (b"ada.txt".as_slice(), 8));
    assert_eq!(made.fingerprint.kind, EntryKind::File);
    let listed = tree.list(&path("letters")).unwrap();
    assert_eq!(listed, std::slice::from_ref(&made));
    assert_eq!(tree.stat(&path("letters/ada.txt")).unwrap().unwrap(), made);
    assert_eq!(tree.open(&path("letters/ada.txt")).unwrap().item(), &made);
    assert_eq!(read(&*tree, "letters/ada.txt"), b"Dear Ada");
    put(&*tree, "letters/empty", b"");
    assert_eq!(read(&*tree, "letters/empty"), b"");
    let again = (trees.open)("whole").unwrap();
    assert_eq!(read(&*again, "letters/ada.txt"), b"Dear Ada");
    assert_eq!(again.identity().unwrap(), tree.identity().unwrap());
    assert!(again.list(&path("letters")).unwrap().contains(&made));
    assert!(tree.stat(&path("letters/nobody")).unwrap().is_none());
    assert!(matches!(tree.list(&path("nowhere")), Err(EndpointError::NotFound { .. })));
    assert!(tree.open(&path("nowhere")).is_err());
}

fn nothing_shows_before_it_is_published(trees: &Trees<'_>) {
    let tree = create(trees, "staged");
    let mut staged = tree.stage(&path("x"), 5, None).unwrap();
    staged.write_at(b"hello", 0).unwrap();
    assert!(tree.list(&root()).unwrap().is_empty());
    assert!(tree.stat(&path("x")).unwrap().is_none());
    drop(staged);
    assert!(tree.list(&root()).unwrap().is_empty());
    assert_eq!(tree.clear_unfinished(&root()).unwrap(), 0);
    let mut visited = 0;
    let all = tree.visit_all(&root(), &mut |_, _| visited += 1).unwrap();
    assert!(!all || visited == 0);
}

fn a_file_is_replaced_only_if_it_is_what_was_expected(trees: &Trees<'_>) {
    let tree = create(trees, "replaced");
    let first = put(&*tree, "x", b"first").fingerprint;
    assert!(is_changed(publish(&*tree, "x", b"second", &Expected::Absent)));
    let second = publish(&*tree, "x", b"second", &Expected::Item(first)).unwrap().item.fingerprint;
    assert_ne!(second, first, "another length shows, whatever else the place tells");
    assert!(is_changed(publish(&*tree, "x", b"third", &Expected::Item(first))));
    assert!(is_changed(publish(&*tree, "y", b"third", &Expected::Item(first))));
    assert_eq!(read(&*tree, "x"), b"second");
    assert_eq!(names(&*tree, &root()), ["x"]);
}

fn folders_are_there_also_when_they_are_empty(trees: &Trees<'_>) {
    let tree = create(trees, "folders");
    folder(&*tree, "a");
    folder(&*tree, "a/b");
    assert_eq!(names(&*tree, &root()), ["a"]);
    assert_eq!(names(&*tree, &path("a")), ["b"]);
    assert!(tree.list(&path("a/b")).unwrap().is_empty());
    assert_eq!(seen(&*tree, "a").kind, EntryKind::Folder);
    let error = tree.create_folder(&path("a"), &ItemMetadata::default()).unwrap_err();
    assert!(matches!(error, EndpointError::AlreadyExists { .. }), "{error}");
    put(&*tree, "file", b"x");
    assert!(tree.create_folder(&path("file"), &ItemMetadata::default()).is_err());
    assert_eq!(seen(&*tree, "file").kind, EntryKind::File);
}

fn a_folder_outlives_its_last_file(trees: &Trees<'_>) {
    let tree = create(trees, "outlives");
    folder(&*tree, "a");
    let only = put(&*tree, "a/only", b"x").fingerprint;
    tree.remove(&path("a/only"), &only).unwrap();
    assert!(tree.list(&path("a")).unwrap().is_empty());
    assert_eq!(names(&*tree, &root()), ["a"]);
}

fn odd_names_are_kept(trees: &Trees<'_>) {
    let tree = create(trees, "names");
    let odd = [
        "a b",
        "100%",
        "%41",
        "what?",
        "a#b",
        "a&b=c;d",
        "ü",
        "日本",
        "'quoted\"",
        "a+b",
        "[x]",
        "~",
        "..x",
        "x.tar.gz",
        "a\\b",
        "<x>",
        "semi;colon,comma",
        "Emoji 🦀",
    ];
    let odd: Vec<&str> = odd.into_iter().filter(|name| takes(&*tree, name)).collect();
    for name in &odd {
        put(&*tree, name, name.as_bytes());
    }
    folder(&*tree, "fo lder%?");
    put(&*tree, "fo lder%?/in & out", b"deep");
    let mut expected: Vec<String> = odd.iter().map(|name| (*name).to_owned()).collect();
    expected.push("fo lder%?".to_owned());
    expected.sort();
    assert_eq!(names(&*tree, &root()), expected);
    for name in &odd {
        assert_eq!(read(&*tree, name), name.as_bytes(), "{name}");
        let item = seen(&*tree, name);
        tree.remove(&path(name), &item).unwrap();
    }
    assert_eq!(read(&*tree, "fo lder%?/in & out"), b"deep");
    assert_eq!(names(&*tree, &root()), ["fo lder%?"]);
}

/// Whether a place takes a name by its own rules; one that does not must say so rather than keep another name.
fn takes(tree: &dyn Tree, name: &str) -> bool {
    if tree.capabilities().names != NameRules::Windows || !name.contains('\\') {
        return true;
    }
    assert!(publish(tree, name, b"1", &Expected::Absent).is_err());
    assert!(tree.list(&root()).unwrap().is_empty());
    false
}

fn large_files_come_back_whole(trees: &Trees<'_>) {
    let tree = create(trees, "large");
    let mut whole = vec![0; (9 << 20) + 777];
    blake3::Hasher::new().update(b"large").finalize_xof().fill(&mut whole);
    let made = put(&*tree, "large", &whole);
    assert_eq!(made.fingerprint.size_bytes, whole.len() as u64);
    assert!(read(&*tree, "large") == whole);
    let mut content = tree.open(&path("large")).unwrap();
    let mut middle = [0; 20];
    assert_eq!(content.read_at(&mut middle, (8 << 20) - 10).unwrap().clamp(1, 20), {
        let length = content.read_at(&mut middle, (8 << 20) - 10).unwrap();
        assert_eq!(middle[..length], whole[(8 << 20) - 10..][..length]);
        length
    });
    assert_eq!(content.read_at(&mut middle, whole.len() as u64).unwrap(), 0);
    whole.truncate(100);
    publish(&*tree, "large", &whole, &Expected::Item(made.fingerprint)).unwrap();
    assert_eq!(read(&*tree, "large"), whole);
}

fn a_file_that_changes_while_it_is_read_is_told(trees: &Trees<'_>) {
    let tree = create(trees, "changes");
    let first = put(&*tree, "x", &vec![1; 9 << 20]).fingerprint;
    let mut content = tree.open(&path("x")).unwrap();
    let mut buffer = vec![0; 1000];
    assert!(content.read_at(&mut buffer, 0).unwrap() > 0);
    // Where there are only times of whole seconds, a change within the second shows by its length alone.
    let is_told_by_length = !tree.capabilities().strong_versions;
    let length = (9 << 20) - usize::from(is_told_by_length);
    publish(&*tree, "x", &vec![2; length], &Expected::Item(first)).unwrap();
    // Either a read notices it, or the last question does.
    let _ = content.read_at(&mut buffer, 8 << 20);
    assert!(!content.is_unchanged().unwrap_or(false));
}

fn renaming_moves_and_looks_before(trees: &Trees<'_>) {
    let tree = create(trees, "renamed");
    folder(&*tree, "a");
    let x = put(&*tree, "x", b"content").fingerprint;
    let y = put(&*tree, "y", b"other").fingerprint;
    assert!(is_changed(tree.rename(&path("x"), &path("y"), &Expected::Item(x), &Expected::Absent)));
    assert!(is_changed(tree.rename(&path("x"), &path("z"), &Expected::Item(y), &Expected::Absent)));
    assert!(is_changed(tree.rename(&path("none"), &path("z"), &Expected::Item(y), &Expected::Absent)));
    let moved = tree.rename(&path("x"), &path("a/z"), &Expected::Item(x), &Expected::Absent).unwrap();
    assert_eq!((moved.name.as_slice(), moved.fingerprint.size_bytes), (b"z".as_slice(), 7));
    assert_eq!(tree.stat(&path("a/z")).unwrap().unwrap(), moved);
    assert_eq!(read(&*tree, "a/z"), b"content");
    let over = tree
        .rename(&path("a/z"), &path("y"), &Expected::Item(moved.fingerprint), &Expected::Item(y))
        .unwrap();
    assert_eq!(over.fingerprint.size_bytes, 7);
    assert_eq!(names(&*tree, &root()), ["a", "y"]);
    assert!(tree.list(&path("a")).unwrap().is_empty());
    let cased =
        tree.rename(&path("y"), &path("Y"), &Expected::Item(over.fingerprint), &Expected::Absent).unwrap();
    assert_eq!(cased.name, b"Y");
    assert_eq!(names(&*tree, &root()), ["Y", "a"]);
    put(&*tree, "a/inner", b"1");
    let before = Expected::Item(seen(&*tree, "a"));
    let result = tree.rename(&path("a"), &path("b"), &before, &Expected::Absent);
    if tree.capabilities().renames_folders {
        result.unwrap();
        assert_eq!(read(&*tree, "b/inner"), b"1");
        assert!(tree.stat(&path("a")).unwrap().is_none());
    } else {
        result.unwrap_err();
        assert_eq!(read(&*tree, "a/inner"), b"1");
    }
}

fn only_what_was_expected_is_removed(trees: &Trees<'_>) {
    let tree = create(trees, "removed");
    let x = put(&*tree, "x", b"1").fingerprint;
    let newer = publish(&*tree, "x", b"22", &Expected::Item(x)).unwrap().item.fingerprint;
    assert!(is_changed(tree.remove(&path("x"), &x)));
    assert_eq!(read(&*tree, "x"), b"22");
    tree.remove(&path("x"), &newer).unwrap();
    assert!(tree.stat(&path("x")).unwrap().is_none());
    assert!(is_changed(tree.remove(&path("x"), &newer)));
    folder(&*tree, "full");
    put(&*tree, "full/y", b"1");
    let full = seen(&*tree, "full");
    assert!(is_changed(tree.remove(&path("full"), &full)));
    assert_eq!(read(&*tree, "full/y"), b"1");
    let y = seen(&*tree, "full/y");
    tree.remove(&path("full/y"), &y).unwrap();
    tree.remove(&path("full"), &full).unwrap();
    assert!(tree.list(&root()).unwrap().is_empty());
}

fn everything_is_visited_folders_first(trees: &Trees<'_>) {
    let tree = create(trees, "visited");
    for at in ["a", "a/b", "a.c", "empty"] {
        folder(&*tree, at);
    }
    for at in ["a/b/1", "a/2", "a.c/3", "4"] {
        put(&*tree, at, at.as_bytes());
    }
    let mut visited: Vec<(String, TreeItem)> = Vec::new();
    let mut visit =
        |path: RelativePath, item| visited.push((String::from_utf8(path.as_bytes().to_vec()).unwrap(), item));
    if !tree.visit_all(&root(), &mut visit).unwrap() {
        return;
    }
    for (number, (at, item)) in visited.iter().enumerate() {
        let above = path(at).parent().filter(|above| !above.is_root());
        let is_before = |above: RelativePath| {
            visited[..number].iter().any(|(before, _)| before.as_bytes() == above.as_bytes())
        };
        assert!(above.is_none_or(is_before), "{at} comes before its folder");
        assert_eq!(tree.stat(&path(at)).unwrap().as_ref(), Some(item), "{at}");
    }
    let mut all: Vec<_> = visited.into_iter().map(|(at, _)| at).collect();
    all.sort();
    assert_eq!(all, ["4", "a", "a.c", "a.c/3", "a/2", "a/b", "a/b/1", "empty"]);
}

fn times_are_kept_where_the_place_says_so(trees: &Trees<'_>) {
    let tree = create(trees, "times");
    let time = Timestamp::new(1_000_000_000, 123_456_789);
    let metadata = ItemMetadata { modified: Some(time), ..ItemMetadata::default() };
    let mut staged = tree.stage(&path("x"), 3, None).unwrap();
    staged.write_at(b"abc", 0).unwrap();
    let made = staged.publish(&path("x"), &Expected::Absent, &metadata, &proof(b"abc")).unwrap();
    assert_eq!(tree.stat(&path("x")).unwrap().unwrap(), made.item);
    assert_eq!(tree.list(&root()).unwrap(), std::slice::from_ref(&made.item));
    if !tree.capabilities().times {
        return;
    }
    let kept = |item: &TreeItem, meant: Timestamp| {
        let found = item.fingerprint.modified.unwrap();
        let grain = i128::from(tree.capabilities().time_grain_ns);
        let exact = |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
        (exact(found) - exact(meant)).abs() < grain.max(1)
    };
    assert!(kept(&made.item, time), "{made:?}");
    let later = Timestamp::new(1_100_000_000, 0);
    let metadata = ItemMetadata { modified: Some(later), ..ItemMetadata::default() };
    let set = tree.set_metadata(&path("x"), &made.item.fingerprint, &metadata).unwrap();
    assert!(set.not_kept.is_empty() && kept(&set.item, later), "{set:?}");
    // A move takes it along, another content does not inherit it.
    let moved = tree
        .rename(&path("x"), &path("y"), &Expected::Item(set.item.fingerprint), &Expected::Absent)
        .unwrap();
    assert!(kept(&moved, later), "{moved:?}");
    let other = publish(&*tree, "y", b"defgh", &Expected::Item(moved.fingerprint)).unwrap();
    assert!(!kept(&other.item, later), "{other:?}");
}

fn what_was_not_meant_is_not_published(trees: &Trees<'_>) {
    let tree = create(trees, "meant");
    let mut staged = tree.stage(&path("x"), 5, None).unwrap();
    staged.write_at(b"hello", 0).unwrap();
    let error = staged
        .publish(&path("x"), &Expected::Absent, &ItemMetadata::default(), &proof(b"other"))
        .unwrap_err();
    assert!(matches!(error, EndpointError::Unexpected { .. }), "{error}");
    assert!(tree.list(&root()).unwrap().is_empty());
    let staged_name = [STAGED_PREFIX, b"mine"].concat();
    assert!(!tree.list(&root()).unwrap().iter().any(|item| item.name == staged_name));
}

fn a_lost_place_is_never_an_empty_one(trees: &Trees<'_>) {
    let tree = create(trees, "lost");
    folder(&*tree, "a");
    let x = put(&*tree, "a/x", b"1").fingerprint;
    (trees.lose)("lost");
    let is_lost = |error: EndpointError| {
        assert!(matches!(&error, EndpointError::NotFound { path } if *path == tree.describe()), "{error:?}");
    };
    is_lost(tree.identity().map(drop).unwrap_err());
    is_lost(tree.list(&root()).map(drop).unwrap_err());
    is_lost(tree.list(&path("a")).map(drop).unwrap_err());
    is_lost(tree.stat(&path("a/x")).map(drop).unwrap_err());
    is_lost(tree.visit_all(&root(), &mut |_, _| panic!("there is nothing")).map_or_else(
        |error| error,
        // A tree without this shortcut lists folder by folder.
        |_| tree.list(&root()).map(drop).unwrap_err(),
    ));
    assert!(publish(&*tree, "b", b"1", &Expected::Absent).is_err());
    assert!(tree.remove(&path("a/x"), &x).is_err());
    assert!((trees.open)("lost").is_err());
}
