//! The golden repositories of all released formats can be read for ever, with each of their keys, and hold what was put
//! in, to the byte; whatever happens to their bytes, nothing wrong comes out and nothing breaks.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_endpoint::Store;
use keepwell_endpoint::local::store::LocalStore;
use keepwell_model::{ChunkId, Control, Entry, EntryKind, RelativePath, Snapshot};
use keepwell_repository::{CheckOptions, Repository, RepositoryError, Secret};
use keepwell_testkit::memory_store::MemoryStore;
use serde_json::Value;

#[path = "golden/manifest.rs"]
mod manifest;

fn fixture() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/repository-v1")
}

fn expected() -> Value {
    serde_json::from_slice(&std::fs::read(fixture().join("manifest.json")).unwrap()).unwrap()
}

fn secrets(expected: &Value) -> Vec<Secret> {
    let keys = expected["keys"].as_array().unwrap();
    keys.iter().map(|key| Secret::new(key["secret"].as_str().unwrap())).collect()
}

/// A copy in memory: no test can change the fixture.
fn in_memory() -> MemoryStore {
    let files = LocalStore::open(fixture().join("repository")).unwrap();
    let copy = MemoryStore::new();
    copy.create_folders(&["keys", "packs", "index", "snapshots"]).unwrap();
    for object in files.list("").unwrap() {
        copy.insert(&object.key, files.read(&object.key, 1 << 20).unwrap());
    }
    copy
}

type Contents = BTreeMap<Vec<u8>, Vec<u8>>;

/// All entries below some pages as the manifest shows them, and what the files hold.
fn walk(
    repository: &Repository,
    path: &RelativePath,
    pages: &[ChunkId],
    found: &mut Vec<Value>,
    contents: &mut Contents,
) -> Result<(), RepositoryError> {
    for entry in repository.read_folder(pages)? {
        let path = path.join(&entry.name).unwrap();
        found.push(manifest::entry(path.as_bytes(), &entry));
        match entry.kind {
            EntryKind::Folder => walk(repository, &path, &entry.pages, found, contents)?,
            EntryKind::File => {
                let bytes = repository.read_file_range(&entry, 0, usize::MAX)?;
                assert_whole(&entry, &bytes);
                contents.insert(path.as_bytes().to_vec(), bytes);
            }
            _ => {}
        }
    }
    Ok(())
}

fn assert_whole(entry: &Entry, bytes: &[u8]) {
    let name = String::from_utf8_lossy(&entry.name);
    assert_eq!(bytes.len() as u64, entry.size_bytes, "{name}");
    let hash = entry.content.as_ref().unwrap().hash;
    assert_eq!(blake3::hash(bytes).as_bytes(), hash.as_bytes(), "{name}");
}

fn read(repository: &Repository, snapshot: &Snapshot) -> Result<(Vec<Value>, Contents), RepositoryError> {
    let (mut entries, mut contents) = (Vec::new(), Contents::new());
    walk(repository, &RelativePath::root(), &snapshot.root_pages, &mut entries, &mut contents)?;
    Ok((entries, contents))
}

#[test]
fn the_golden_repository_of_format_1_holds_with_each_key_what_was_put_in() {
    let expected = expected();
    for secret in secrets(&expected) {
        let repository = Repository::open(Arc::new(in_memory()), &secret).unwrap();
        assert_eq!(repository.id().to_string(), expected["repository"]);
        let info = repository.info().unwrap();
        assert_eq!((info.format_version, info.created_seconds), (1, 1_700_000_000));
        let labels: Vec<_> = info.slots.iter().map(|slot| slot.label.as_str()).collect();
        assert!(labels.contains(&"Zweites, ☂") && labels.len() == 3, "{labels:?}");

        let listing = repository.snapshots().unwrap();
        assert!(listing.troubles.is_empty());
        let found: Vec<Value> = listing
            .snapshots
            .iter()
            .map(|(id, snapshot)| manifest::snapshot(*id, snapshot, read(&repository, snapshot).unwrap().0))
            .collect();
        let expected = expected["snapshots"].as_array().unwrap();
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let entries = |snapshot: &Value| snapshot["entries"].as_array().unwrap().clone();
            for (found, expected) in entries(found).iter().zip(entries(expected)) {
                assert_eq!(*found, expected);
            }
            assert_eq!(found, expected);
        }
        let report = repository.check(CheckOptions { read_data: true, threads: 2 }, &Control::new()).unwrap();
        assert_eq!(report.findings, []);
    }
}

#[test]
fn the_golden_repository_has_everything_the_format_has() {
    let store = in_memory();
    let repository = Repository::open(Arc::new(store), &secrets(&expected())[0]).unwrap();
    let (_, snapshot) = repository.find_snapshot("latest").unwrap();
    let at =
        |path: &str| repository.entry_at(&snapshot, &RelativePath::parse(path.as_bytes()).unwrap()).unwrap();
    assert!(at("ann/many").pages.len() > 1, "a folder of several pages");
    assert_eq!(at("ann/large/cut by content").content.unwrap().pieces.len(), 3, "a file of several chunks");
    assert_eq!(
        at("ann/large/fragments").content.unwrap().pieces.len(),
        4200,
        "a list of pieces of several pages"
    );
    assert!(at("ann/empty folder").pages.is_empty());
}

/// Numbers that are as good as random and always the same.
struct Dice(blake3::OutputReader);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % sides as u64) as usize
    }
}

#[test]
fn whatever_happens_to_its_bytes_nothing_wrong_comes_out_and_nothing_breaks() {
    let secret = &secrets(&expected())[0];
    let golden = in_memory();
    let repository = Repository::open(Arc::new(golden.copy()), secret).unwrap();
    let (id, snapshot) = repository.find_snapshot("latest").unwrap();
    let whole = read(&repository, &snapshot).unwrap();
    let mut dice = Dice(blake3::Hasher::new().update(b"bad days").finalize_xof());
    let keys: Vec<String> = golden.keys().into_iter().filter(|key| key != "readme.txt").collect();
    let (mut unharmed, mut refused) = (0, 0);
    for _ in 0..120 {
        let store = golden.copy();
        for _ in 0..=dice.roll(3) {
            let key = &keys[dice.roll(keys.len())];
            let other = &keys[dice.roll(keys.len())];
            let (kind, at, value) = (dice.roll(5), dice.roll(1 << 16), dice.roll(255) as u8 + 1);
            let stranger = golden.get(other).unwrap();
            store.alter(key, |bytes| match (kind, at % bytes.len().max(1)) {
                (_, _) if bytes.is_empty() => {}
                (0, at) => bytes[at] ^= value,
                (1, at) => bytes.truncate(at),
                (2, at) => bytes.insert(at, value),
                (3, at) => drop(bytes.drain(at..(at + usize::from(value)).min(bytes.len()))),
                (_, _) => *bytes = stranger,
            });
        }
        let Ok(repository) = Repository::open(Arc::new(store), secret) else {
            refused += 1;
            continue;
        };
        match repository.snapshot(id).and_then(|snapshot| read(&repository, &snapshot)) {
            Ok(found) => {
                assert!(found == whole, "something else came out");
                unharmed += 1;
            }
            Err(_) => refused += 1,
        }
        let report = repository.check(CheckOptions { read_data: true, threads: 1 }, &Control::new());
        assert!(report.is_err() || !report.unwrap().is_sound(), "damage that no check finds");
    }
    assert!(unharmed > 5 && refused > 50, "{unharmed} {refused}");
}
