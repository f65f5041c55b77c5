//! A repository from the outside: what goes in comes out, damage is found and told, and what can be mended is.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::path::Path;
use std::sync::Arc;

use keepwell_endpoint::local::store::LocalStore;
use keepwell_endpoint::{EndpointError, Store};
use keepwell_model::{
    Content, Control, Entry, EntryKind, Piece, RelativePath, Snapshot, SnapshotStatistics, Timestamp,
};
use keepwell_repository::secret::Cost;
use keepwell_repository::{
    CheckOptions, CheckReport, FindingKind, InitOptions, Proven, Repository, RepositoryError, Secret, Writer,
};

/// A hash that costs next to nothing: these tests are not about guessing passwords.
const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn options() -> InitOptions {
    InitOptions { password: Secret::new("first"), now_seconds: 1_700_000_000, cost: CHEAP }
}

fn store(path: &Path) -> Arc<dyn Store> {
    Arc::new(LocalStore::create(path).unwrap())
}

fn open(path: &Path) -> Repository {
    Repository::open(store(path), &Secret::new("first")).unwrap()
}

fn content(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    if seed.is_multiple_of(2) {
        // Every other one compresses.
        bytes.iter_mut().for_each(|byte| *byte &= 3);
    }
    bytes
}

fn empty_snapshot() -> Snapshot {
    Snapshot {
        started: Timestamp::new(1, 0),
        finished: Timestamp::new(2, 0),
        host: "host".into(),
        user: "user".into(),
        system: "linux".into(),
        program: "test".into(),
        sources: Vec::new(),
        root_pages: Vec::new(),
        parent: None,
        plan: None,
        tags: Vec::new(),
        statistics: SnapshotStatistics::default(),
    }
}

/// Backs up files of these lengths, named by their number, under one folder.
fn back_up(repository: &Repository, lengths: &[usize]) -> keepwell_model::SnapshotId {
    let control = Arc::new(Control::new());
    let writer = Writer::begin(repository, 2, &control).unwrap();
    let mut sink = writer.sink().unwrap();
    let mut entries = Vec::new();
    for (number, length) in lengths.iter().enumerate() {
        let bytes = content(number as u64, *length);
        let mut rest = bytes.as_slice();
        let mut pieces = Vec::new();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(repository.chunker().first_chunk(rest));
            let (_, id) = sink.add(chunk).unwrap();
            pieces.push(Piece::Chunk { id, length_bytes: chunk.len() as u32 });
            rest = after;
        }
        let mut entry = Entry::new(format!("{number:06}").into_bytes(), EntryKind::File);
        entry.size_bytes = *length as u64;
        entry.content =
            Some(Content { hash: keepwell_model::ContentHash(*blake3::hash(&bytes).as_bytes()), pieces });
        entries.push(entry);
    }
    sink.finish().unwrap();
    let mut folder = Entry::new(b"folder".to_vec(), EntryKind::Folder);
    folder.pages = writer.write_folder(&entries).unwrap();
    let root_pages = writer.write_folder(&[folder]).unwrap();
    let snapshot = Snapshot { root_pages, ..empty_snapshot() };
    writer.finish().unwrap().write_snapshot(&snapshot).unwrap()
}

fn read_all(
    repository: &Repository,
    id: keepwell_model::SnapshotId,
) -> Result<Vec<Vec<u8>>, RepositoryError> {
    let snapshot = repository.snapshot(id)?;
    let folder = repository.entry_at(&snapshot, &RelativePath::parse(b"folder").unwrap())?;
    let entries = repository.read_folder(&folder.pages)?;
    entries.iter().map(|entry| repository.read_file_range(entry, 0, usize::MAX)).collect()
}

const LENGTHS: [usize; 9] = [0, 1, 10, 5000, 100_000, 300_000, 2_000_000, 9_000_000, 6_000_001];

fn expected() -> Vec<Vec<u8>> {
    LENGTHS.iter().enumerate().map(|(number, length)| content(number as u64, *length)).collect()
}

fn check(repository: &Repository, read_data: bool) -> CheckReport {
    repository.check(CheckOptions { read_data, threads: 2 }, &Control::new()).unwrap()
}

fn files_below(path: &Path) -> Vec<std::path::PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(path).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(files_below(&path)) } else { files.push(path) }
    }
    files.sort();
    files
}

#[test]
fn what_goes_in_comes_out_with_password_and_recovery_key() {
    let place = tempfile::tempdir().unwrap();
    let (repository, recovery) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &LENGTHS);
    assert_eq!(read_all(&repository, id).unwrap(), expected());

    assert_eq!(read_all(&open(place.path()), id).unwrap(), expected());
    let recovered = Repository::open(store(place.path()), &Secret::new(recovery.to_text().as_str())).unwrap();
    assert_eq!(read_all(&recovered, id).unwrap(), expected());
    let report = check(&recovered, true);
    assert_eq!(report.findings, [], "a fresh repository is sound");
}

#[test]
fn the_same_data_is_stored_once() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    back_up(&repository, &LENGTHS);
    let before = files_below(&place.path().join("packs"));
    back_up(&repository, &LENGTHS);
    assert_eq!(files_below(&place.path().join("packs")), before);
    assert_eq!(repository.snapshots().unwrap().snapshots.len(), 2);
}

#[test]
fn passwords_come_and_go_but_never_the_last_key() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    assert!(matches!(
        Repository::open(store(place.path()), &Secret::new("wrong")),
        Err(RepositoryError::WrongPassword { .. })
    ));
    let second = repository.add_password(&Secret::new("second"), "Laptop", CHEAP, 5).unwrap();
    assert!(Repository::open(store(place.path()), &Secret::new("second")).is_ok());
    for slot in repository.slots().unwrap() {
        if slot.id != second {
            repository.remove_key(slot.id).unwrap();
        }
    }
    assert!(Repository::open(store(place.path()), &Secret::new("first")).is_err());
    assert!(matches!(repository.remove_key(second), Err(RepositoryError::LastKey { .. })));
    assert!(Repository::open(store(place.path()), &Secret::new("second")).is_ok());
}

#[test]
fn a_place_in_use_is_left_alone_and_an_interrupted_making_can_be_repeated() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("mine.txt"), b"mine").unwrap();
    let made = Repository::init(store(place.path()), &options());
    assert!(matches!(made, Err(RepositoryError::NotEmpty { .. })));
    std::fs::remove_file(place.path().join("mine.txt")).unwrap();

    Repository::init(store(place.path()), &options()).unwrap();
    let again = Repository::init(store(place.path()), &options());
    assert!(matches!(again, Err(RepositoryError::AlreadyARepository { .. })));

    // As if killed right before the envelope was written.
    std::fs::remove_file(place.path().join("repository")).unwrap();
    let opened = Repository::open(store(place.path()), &Secret::new("first"));
    assert!(matches!(opened, Err(RepositoryError::NotARepository { .. })));
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    assert_eq!(repository.slots().unwrap().len(), 2, "keys of the interrupted making are gone");

    // With data in it, a missing envelope is damage, never an invitation to start over.
    back_up(&repository, &[10]);
    std::fs::remove_file(place.path().join("repository")).unwrap();
    assert!(!check(&open(place.path()), false).is_sound());
    assert!(Repository::init(store(place.path()), &options()).is_err());
}

#[test]
fn a_place_that_is_gone_is_not_an_empty_repository() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("drive");
    let (repository, _) = Repository::init(store(&path), &options()).unwrap();
    std::fs::rename(&path, place.path().join("unplugged")).unwrap();
    assert!(matches!(repository.snapshots(), Err(RepositoryError::Endpoint(EndpointError::NotFound { .. }))));
}

#[test]
fn every_flipped_bit_and_every_cut_is_found_and_no_wrong_byte_comes_out() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &[10, 5000, 300_001, 700_000]);
    let expected = read_all(&repository, id).unwrap();
    let mut tried = 0;
    for path in files_below(place.path()) {
        if path.ends_with("readme.txt") {
            continue;
        }
        let good = std::fs::read(&path).unwrap();
        let step = (good.len() / 12).max(1);
        for at in (0..good.len()).step_by(step).chain([good.len() - 1]) {
            for cut in [false, true] {
                let mut bad = good.clone();
                if cut {
                    bad.truncate(at)
                } else {
                    bad[at] ^= 1 << (at % 8)
                }
                std::fs::write(&path, &bad).unwrap();
                tried += 1;
                let found = match Repository::open(store(place.path()), &Secret::new("first")) {
                    Err(_) => true,
                    Ok(repository) => {
                        if let Ok(read) = read_all(&repository, id) {
                            assert_eq!(read, expected, "wrong bytes from {}", path.display());
                        }
                        repository
                            .check(CheckOptions { read_data: true, threads: 1 }, &Control::new())
                            .map_or(true, |report| !report.is_sound())
                    }
                };
                assert!(found, "not found: byte {at} of {} (cut: {cut})", path.display());
            }
        }
        std::fs::write(&path, &good).unwrap();
    }
    assert!(tried > 100);
}

#[test]
fn a_lost_index_is_made_anew_from_the_packs() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &LENGTHS);
    for path in files_below(&place.path().join("index")) {
        std::fs::remove_file(path).unwrap();
    }
    let repository = open(place.path());
    assert!(matches!(read_all(&repository, id), Err(RepositoryError::MissingChunk { .. })));
    assert!(!check(&repository, false).is_sound());
    let report = repository.repair(2, 0, &Control::new()).unwrap();
    assert!(report.after.is_sound(), "{:?}", report.after.findings);
    assert_eq!(read_all(&repository, id).unwrap(), expected());
}

#[test]
fn repair_saves_what_is_left_of_a_damaged_pack_and_names_the_lost_files() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &LENGTHS);
    let packs = files_below(&place.path().join("packs"));
    let largest = packs.iter().max_by_key(|path| path.metadata().unwrap().len()).unwrap();
    let mut bytes = std::fs::read(largest).unwrap();
    bytes[100] ^= 1;
    std::fs::write(largest, &bytes).unwrap();

    let repository = open(place.path());
    assert!(check(&repository, false).is_sound(), "a quick check does not read the data");
    let before = check(&repository, true);
    assert!(before.findings.iter().any(|finding| finding.kind == FindingKind::PackDamaged));
    let lost: u64 = before.findings.iter().map(|finding| finding.files_total).sum();
    assert!(lost >= 1);

    let report = repository.repair(2, 0, &Control::new()).unwrap();
    let kinds: Vec<_> = report.after.findings.iter().map(|finding| finding.kind).collect();
    assert_eq!(kinds, [FindingKind::Files], "only what is lost is left: {:?}", report.after.findings);
    assert_eq!(report.after.findings[0].files_total, lost);
    assert!(!files_below(&place.path().join("damaged")).is_empty());

    // The next backup of the same files stores what is missing, and the old snapshot is whole again.
    back_up(&repository, &LENGTHS);
    let repository = open(place.path());
    assert!(check(&repository, true).is_sound());
    assert_eq!(read_all(&repository, id).unwrap(), expected());
}

#[test]
fn a_missing_pack_is_told_and_healed_by_the_next_backup() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &LENGTHS);
    for pack in files_below(&place.path().join("packs")) {
        std::fs::remove_file(pack).unwrap();
    }
    let repository = open(place.path());
    assert!(read_all(&repository, id).is_err());
    let report = check(&repository, false);
    assert!(report.findings.iter().any(|finding| finding.kind == FindingKind::PackMissing));
    back_up(&repository, &LENGTHS);
    assert_eq!(read_all(&open(place.path()), id).unwrap(), expected());
}

#[test]
fn two_writers_at_once_lose_nothing() {
    let place = tempfile::tempdir().unwrap();
    Repository::init(store(place.path()), &options()).unwrap();
    let ids: Vec<_> = std::thread::scope(|scope| {
        let run = || scope.spawn(|| back_up(&open(place.path()), &LENGTHS));
        [run(), run(), run()].map(|thread| thread.join().unwrap()).into()
    });
    let repository = open(place.path());
    for id in ids {
        assert_eq!(read_all(&repository, id).unwrap(), expected());
    }
    assert!(check(&repository, true).is_sound());
}

#[test]
fn an_abandoned_run_leaves_earlier_snapshots_whole_and_its_packs_for_the_next() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let id = back_up(&repository, &LENGTHS);
    let writer = Writer::begin(&repository, 1, &Arc::new(Control::new())).unwrap();
    let mut sink = writer.sink().unwrap();
    for number in 0..20 {
        sink.add(&content(1001 + 2 * number, 3_000_000)).unwrap();
    }
    drop(sink);
    drop(writer);
    assert!(files_below(&place.path().join("tmp")).is_empty());
    let repository = open(place.path());
    assert_eq!(read_all(&repository, id).unwrap(), expected());
    let report = check(&repository, true);
    assert!(report.is_sound(), "{:?}", report.findings);
}

#[test]
fn a_sink_that_was_not_finished_can_not_become_a_snapshot() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let writer = Writer::begin(&repository, 1, &Arc::new(Control::new())).unwrap();
    let mut sink = writer.sink().unwrap();
    sink.add(b"still open").unwrap();
    drop(sink);
    assert!(writer.finish().is_err());
}

#[test]
fn many_small_index_segments_become_one_and_nothing_is_lost() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    let mut ids = Vec::new();
    for number in 1..=70 {
        ids.push((back_up(&repository, &[number]), content(0, number)));
    }
    let segments = files_below(&place.path().join("index")).len();
    assert!(segments < 40, "{segments} segments are left");
    let repository = open(place.path());
    for (id, expected) in ids {
        assert_eq!(read_all(&repository, id).unwrap(), [expected]);
    }
    assert_eq!(check(&repository, true).findings, []);
}

#[test]
fn a_check_goes_on_from_what_is_proven_and_still_sees_what_became_shorter() {
    let place = tempfile::tempdir().unwrap();
    let (repository, _) = Repository::init(store(place.path()), &options()).unwrap();
    back_up(&repository, &LENGTHS);
    let options = CheckOptions { read_data: true, threads: 2 };
    let proven = Proven::default();
    let first = repository.check_from(options, &Control::new(), &proven).unwrap();
    assert!(first.is_sound() && first.read_bytes > 0);
    assert_eq!((proven.packs().len() as u64, first.proven_packs), (first.packs, 0));
    assert_eq!(first.pack_verdicts.len() as u64, first.packs);

    let again = Proven::new(proven.packs());
    let second = repository.check_from(options, &Control::new(), &again).unwrap();
    assert_eq!((second.read_bytes, second.proven_packs), (0, first.packs));

    let pack = files_below(&place.path().join("packs")).remove(0);
    let bytes = std::fs::read(&pack).unwrap();
    std::fs::write(&pack, &bytes[..bytes.len() - 1]).unwrap();
    let third = repository.check_from(options, &Control::new(), &again).unwrap();
    assert!(!third.is_sound());
    assert!(third.pack_verdicts.iter().any(|(_, is_sound)| !is_sound));
}
