//! Makes the golden repository of this format version, `tests/fixtures/repository-v1`. To be run once per version:
//!
//! ```text
//! cargo run -p keepwell-repository --example make_fixture -- tests/fixtures/repository-v1
//! ```
//!
//! Why: fixtures are kept for ever, so that a later program can be held to reading what this one wrote. The manifest is
//! made from what is put in, not from reading it back. Deliberately not here: anything random besides keys and names.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers: it may stop at any trouble"
)]

use std::path::Path;
use std::sync::Arc;

use keepwell_endpoint::local::store::LocalStore;
use keepwell_model::{
    Content, ContentHash, Control, Entry, EntryKind, ExtendedAttribute, Identity, Piece, PlanId, Snapshot,
    SnapshotId, SnapshotSource, SnapshotStatistics, Timestamp,
};
use keepwell_repository::chunker::{Chunker, NORMAL_BYTES};
use keepwell_repository::secret::Cost;
use keepwell_repository::{ChunkSink, InitOptions, Repository, Secret, Writer};
use serde_json::{Value, json};

#[path = "../tests/golden/manifest.rs"]
mod manifest;

const FIRST_PASSWORD: &str = "correct horse battery staple";
const SECOND_PASSWORD: &str = "Schlüssel ☂ 鍵";

/// Part of a file.
enum Part {
    Data(Vec<u8>),
    Hole(u64),
}

/// A node of the tree that goes in.
struct Node {
    entry: Entry,
    parts: Vec<Part>,
    children: Vec<Node>,
}

fn node(name: impl AsRef<[u8]>, kind: EntryKind, number: u64) -> Node {
    let mut entry = Entry::new(name.as_ref().to_vec(), kind);
    entry.metadata.mode = if kind == EntryKind::Folder { 0o755 } else { 0o644 };
    entry.metadata.user_id = 1000;
    entry.metadata.group_id = 100;
    entry.metadata.modified = Timestamp::new(1_700_000_000 + number as i64, 123_456_789);
    entry.identity = Identity { inode: 5000 + number, changed: Timestamp::new(1_700_000_500, 7) };
    Node { entry, parts: Vec::new(), children: Vec::new() }
}

fn file(name: impl AsRef<[u8]>, number: u64, parts: Vec<Part>) -> Node {
    Node { parts, ..node(name, EntryKind::File, number) }
}

fn small(name: impl AsRef<[u8]>, number: u64, text: &str) -> Node {
    file(name, number, vec![Part::Data(text.as_bytes().to_vec())])
}

fn folder(name: impl AsRef<[u8]>, number: u64, children: Vec<Node>) -> Node {
    Node { children, ..node(name, EntryKind::Folder, number) }
}

fn with(mut node: Node, change: impl FnOnce(&mut Entry)) -> Node {
    change(&mut node.entry);
    node
}

fn noise(seed: &str, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(seed.as_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

fn filler(length: usize) -> Vec<u8> {
    noise("filler", 512).into_iter().cycle().take(length).collect()
}

/// A file that compresses well and yet is cut by its content: behind byte 300,000, and 400,000 bytes later.
fn cut_by_content(chunker: &Chunker) -> Vec<u8> {
    let (mut seed, mut length) = (0, NORMAL_BYTES);
    let mut bytes = Vec::new();
    while length >= NORMAL_BYTES {
        seed += 1;
        bytes = noise(&format!("cut {seed}"), 4 << 20);
        length = chunker.first_chunk(&bytes);
    }
    // Only the last 64 bytes before a cut decide it.
    let decisive = &bytes[length - 64..length];
    let mut file = filler(900_000);
    for end in [300_000, 700_000] {
        file[end - 64..end].copy_from_slice(decisive);
    }
    file
}

fn attribute(name: &str, value: &[u8]) -> ExtendedAttribute {
    ExtendedAttribute { name: name.as_bytes().to_vec(), value: value.to_vec() }
}

/// Kinds and fields that only one entry each has.
fn curiosities() -> Vec<Node> {
    let device = |name, kind, number, device| with(node(name, kind, number), |e| e.device = Some(device));
    let link = |name: &str, number, target: &[u8]| {
        with(node(name, EntryKind::Symlink, number), |entry| {
            entry.size_bytes = target.len() as u64;
            entry.target = Some(target.to_vec());
            entry.metadata.mode = 0o777;
        })
    };
    vec![
        link("link", 20, b"documents/hello.txt"),
        link("link to nowhere", 21, b"../\xff\xfe/gone"),
        node("pipe", EntryKind::Pipe, 22),
        node("socket", EntryKind::Socket, 23),
        device("character device", EntryKind::CharacterDevice, 24, (1, 3)),
        device("block device", EntryKind::BlockDevice, 25, (259, u32::MAX)),
        with(small("set-user-id", 26, "#!/bin/sh\n"), |entry| entry.metadata.mode = 0o6755),
        with(small("attributes", 27, "has extended attributes\n"), |entry| {
            entry.metadata.extended_attributes = vec![
                attribute("system.posix_acl_access", b"\x02\0\0\0\x01\0\x06\0\xff\xff\xff\xff"),
                attribute("user.binary", &[0, 255, 128]),
                attribute("user.comment", "grüß dich".as_bytes()),
                attribute("user.empty", b""),
            ];
        }),
        with(small(b"from windows \xed\xa0\x80.txt", 28, "a lone surrogate in its name\n"), |entry| {
            entry.metadata.mode = 0;
            entry.metadata.user_id = 0;
            entry.metadata.group_id = 0;
            entry.metadata.windows_attributes = Some(0x2026);
            entry.metadata.windows_security_descriptor = Some(vec![1, 0, 4, 128, 0, 0, 0, 0]);
            entry.metadata.created = Some(Timestamp::new(-11_644_473_600, 100));
        }),
        with(small("from a mac", 29, "flags\n"), |entry| {
            entry.metadata.bsd_flags = Some(0x8000);
            entry.metadata.created = Some(Timestamp::new(1_600_000_000, 999_999_999));
        }),
        with(small("before 1970", 30, "old\n"), |entry| {
            entry.metadata.modified = Timestamp::new(-1, 500_000_000);
        }),
        with(small("far in the future", 31, "new\n"), |entry| {
            entry.metadata.modified = Timestamp::new(1 << 40, 0);
            entry.identity = Identity { inode: u64::MAX, changed: Timestamp::default() };
        }),
        small(b"caf\xe9 in latin 1", 32, "not UTF-8\n"),
        small("new\nline", 33, "a line break in its name\n"),
        small("n".repeat(255), 34, "as long as a name can be\n"),
        small("名前 ünïcödé", 35, "UTF-8\n"),
    ]
}

fn large_files(chunker: &Chunker) -> Vec<Node> {
    let data = |seed: &str, length| Part::Data(noise(seed, length));
    let fragments = (0..2100).flat_map(|number| [data(&format!("{}", number % 3), 64), Part::Hole(64)]);
    vec![
        file("cut by content", 40, vec![Part::Data(cut_by_content(chunker))]),
        file("does not compress", 41, vec![data("noise", 20_000)]),
        file("sparse", 42, vec![Part::Hole(1 << 20), Part::Data(filler(70_000)), Part::Hole(123_456)]),
        file("only a hole", 43, vec![Part::Hole(100_000)]),
        file("fragments", 44, fragments.collect()),
    ]
}

fn first_tree(chunker: &Chunker) -> Vec<Node> {
    let many = (0..300).map(|number| file(format!("{number:04}"), 1000 + number, Vec::new()));
    let deep = (0..40)
        .fold(small("bottom", 60, "deep down\n"), |inner, level| folder("d", 100 + level, vec![inner]));
    let hello = with(small("hello.txt", 2, "Hello, Keepwell.\n"), |entry| {
        entry.metadata.user_name = Some("ann".into());
        entry.metadata.group_name = Some("users".into());
    });
    let one_of_two =
        |name| with(small(name, 50, "one file, two names\n"), |entry| entry.link_group = Some(5050));
    vec![
        folder(
            "ann",
            1,
            vec![
                folder("documents", 3, vec![hello, small("removed later.txt", 4, "going\n")]),
                folder("empty folder", 5, Vec::new()),
                folder("curiosities", 6, curiosities()),
                folder("large", 7, large_files(chunker)),
                folder("many", 8, many.collect()),
                folder("names", 9, vec![one_of_two("first name"), one_of_two("second name")]),
                folder("deep", 10, vec![deep]),
            ],
        ),
        folder(b"data \xff", 11, vec![small("note", 12, "the second source\n")]),
    ]
}

fn second_tree(chunker: &Chunker) -> Vec<Node> {
    let mut tree = first_tree(chunker);
    let documents = &mut tree[0].children[0].children;
    documents.remove(1);
    documents[0] = with(small("hello.txt", 2, "Hello again, Keepwell.\n"), |entry| {
        entry.metadata.modified = Timestamp::new(1_700_090_000, 1);
    });
    documents.push(small("added.txt", 70, "new in the second snapshot\n"));
    tree
}

/// Stores a list of nodes; gives their pages, and adds what a reader has to find to the manifest.
struct Maker<'a> {
    writer: &'a Writer,
    chunker: &'a Chunker,
    sink: ChunkSink,
    statistics: SnapshotStatistics,
}

impl Maker<'_> {
    fn folder(
        &mut self,
        path: &[u8],
        nodes: Vec<Node>,
        found: &mut Vec<Value>,
    ) -> Vec<keepwell_model::ChunkId> {
        let mut nodes = nodes;
        nodes.sort_by(|a, b| a.entry.name.cmp(&b.entry.name));
        let mut entries = Vec::new();
        for mut node in nodes {
            let mut own_path = path.to_vec();
            if !own_path.is_empty() {
                own_path.push(b'/');
            }
            own_path.extend_from_slice(&node.entry.name);
            let mut below = Vec::new();
            match node.entry.kind {
                EntryKind::File => {
                    self.content(&mut node);
                    self.statistics.files += 1;
                    self.statistics.size_bytes += node.entry.size_bytes;
                }
                EntryKind::Folder => {
                    node.entry.pages = self.folder(&own_path, node.children, &mut below);
                    assert!(node.entry.name != b"many" || node.entry.pages.len() > 1, "it should have pages");
                    self.statistics.folders += 1;
                }
                _ => self.statistics.others += 1,
            }
            found.push(manifest::entry(&own_path, &node.entry));
            found.append(&mut below);
            entries.push(node.entry);
        }
        self.writer.write_folder(&entries).unwrap()
    }

    fn content(&mut self, node: &mut Node) {
        let mut hasher = blake3::Hasher::new();
        let mut pieces = Vec::new();
        for part in &node.parts {
            match part {
                Part::Hole(length_bytes) => {
                    hasher.update(&vec![0; *length_bytes as usize]);
                    pieces.push(Piece::Hole { length_bytes: *length_bytes });
                    node.entry.size_bytes += length_bytes;
                }
                Part::Data(bytes) => {
                    hasher.update(bytes);
                    node.entry.size_bytes += bytes.len() as u64;
                    let mut rest = bytes.as_slice();
                    while !rest.is_empty() {
                        let (chunk, after) = rest.split_at(self.chunker.first_chunk(rest));
                        let (_, id) = self.sink.add(chunk).unwrap();
                        pieces.push(Piece::Chunk { id, length_bytes: chunk.len() as u32 });
                        rest = after;
                    }
                }
            }
        }
        let hash = ContentHash(*hasher.finalize().as_bytes());
        node.entry.content = Some(Content { hash, pieces });
    }
}

fn write(repository: &Repository, tree: Vec<Node>, snapshot: Snapshot) -> (SnapshotId, Value) {
    let writer = Writer::begin(repository, 1, &Arc::new(Control::new())).unwrap();
    let sink = writer.sink().unwrap();
    let statistics = snapshot.statistics;
    let mut maker = Maker { writer: &writer, chunker: repository.chunker(), sink, statistics };
    let mut entries = Vec::new();
    let root_pages = maker.folder(b"", tree, &mut entries);
    let statistics = maker.statistics;
    maker.sink.finish().unwrap();
    let committed = writer.finish().unwrap();
    let added = committed.statistics;
    let statistics =
        SnapshotStatistics { added_bytes: added.added_bytes, stored_bytes: added.stored_bytes, ..statistics };
    let snapshot = Snapshot { root_pages, statistics, ..snapshot };
    let id = committed.write_snapshot(&snapshot).unwrap();
    (id, manifest::snapshot(id, &snapshot, entries))
}

fn main() {
    let target = std::env::args().nth(1).unwrap_or_else(|| "tests/fixtures/repository-v1".into());
    let target = Path::new(&target);
    // For ever means: never over an older one.
    assert!(!target.exists(), "{} is there already", target.display());
    let store = Arc::new(LocalStore::create(target.join("repository")).unwrap());
    let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
    let options = InitOptions { password: Secret::new(FIRST_PASSWORD), now_seconds: 1_700_000_000, cost };
    let (repository, recovery) = Repository::init(store, &options).unwrap();
    let cost = Cost { memory_kib: 256, passes: 2, lanes: 4 };
    repository.add_password(&Secret::new(SECOND_PASSWORD), "Zweites, ☂", cost, 1_700_000_100).unwrap();

    let source = |path: &[u8], root: &[u8]| SnapshotSource { path: path.to_vec(), root: root.to_vec() };
    let first = Snapshot {
        started: Timestamp::new(1_700_001_000, 1),
        finished: Timestamp::new(1_700_001_009, 999_999_999),
        host: "workshop".into(),
        user: "ann".into(),
        system: "linux".into(),
        program: "keepwell 0.1.0".into(),
        sources: vec![source(b"/home/ann", b"ann"), source(b"/srv/data \xff", b"data \xff")],
        root_pages: Vec::new(),
        parent: None,
        plan: None,
        tags: Vec::new(),
        statistics: SnapshotStatistics { files_new: 330, ..SnapshotStatistics::default() },
    };
    let (first_id, first_manifest) = write(&repository, first_tree(repository.chunker()), first.clone());
    let second = Snapshot {
        started: Timestamp::new(1_700_100_000, 0),
        finished: Timestamp::new(1_700_100_003, 0),
        parent: Some(first_id),
        plan: Some(PlanId([0x5a; 16])),
        tags: vec!["before the journey".into(), "日本".into()],
        statistics: SnapshotStatistics { files_new: 1, files_changed: 1, problems: 2, ..Default::default() },
        ..first
    };
    let (_, second_manifest) = write(&repository, second_tree(repository.chunker()), second);

    let manifest = json!({
        "about": "What a reader of format 1 has to find in the folder `repository`. Fields that end in _hex are bytes.",
        "format_version": 1,
        "repository": repository.id().to_string(),
        "created_seconds": 1_700_000_000,
        "keys": [
            { "kind": "password", "label": "First password", "secret": FIRST_PASSWORD },
            { "kind": "password", "label": "Zweites, ☂", "secret": SECOND_PASSWORD },
            { "kind": "recovery", "label": "Recovery key", "secret": recovery.to_text().as_str() },
        ],
        "snapshots": [first_manifest, second_manifest],
    });
    std::fs::write(target.join("manifest.json"), to_text(&manifest)).unwrap();
    // Empty, and not kept by git.
    let _ = std::fs::remove_dir(target.join("repository/tmp"));
    println!("made {}", target.display());
}

/// The manifest as a file: an entry a line, so that people can read and compare it.
fn to_text(manifest: &Value) -> String {
    let mut text = String::new();
    write_value(&mut text, manifest, 0);
    text.push('\n');
    text
}

fn write_value(text: &mut String, value: &Value, depth: usize) {
    let indent = "  ".repeat(depth + 1);
    let end = "  ".repeat(depth);
    match value {
        // Only what holds lists of objects is spread over lines.
        Value::Object(fields) if fields.values().any(is_list_of_objects) => {
            text.push('{');
            for (number, (name, value)) in fields.iter().enumerate() {
                text.push_str(if number == 0 { "\n" } else { ",\n" });
                text.push_str(&format!("{indent}{}: ", json!(name)));
                write_value(text, value, depth + 1);
            }
            text.push_str(&format!("\n{end}}}"));
        }
        Value::Array(values) if is_list_of_objects(value) => {
            text.push('[');
            for (number, value) in values.iter().enumerate() {
                text.push_str(if number == 0 { "\n" } else { ",\n" });
                text.push_str(&indent);
                write_value(text, value, depth + 1);
            }
            text.push_str(&format!("\n{end}]"));
        }
        other => text.push_str(&other.to_string()),
    }
}

fn is_list_of_objects(value: &Value) -> bool {
    value.as_array().is_some_and(|values| values.iter().any(Value::is_object))
}
