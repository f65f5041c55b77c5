//! A replica: whole or not shown, proven, gone on with after a crash, and never emptied on the source's word.

#![allow(clippy::unwrap_used, reason = "these are tests, helpers included")]

use std::sync::Arc;

use keepwell_endpoint::Store;
use keepwell_model::{
    Content, ContentHash, Control, Entry, EntryKind, Piece, Snapshot, SnapshotId, SnapshotStatistics,
    Timestamp,
};
use keepwell_repository::secret::Cost;
use keepwell_repository::{
    CheckOptions, InitOptions, ProvenFiles, ReplicateOptions, ReplicateReport, Repository, RepositoryError,
    Secret, Writer, replicate, survey,
};
use keepwell_testkit::faulty_store::{Fault, FaultyStore, Operation, Rule};
use keepwell_testkit::memory_store::MemoryStore;

const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };

fn init() -> (MemoryStore, Repository) {
    let store = MemoryStore::new();
    let options = InitOptions { password: Secret::new("first"), now_seconds: 1, cost: CHEAP };
    let (repository, _) = Repository::init(Arc::new(store.clone()), &options).unwrap();
    (store, repository)
}

fn open(store: &MemoryStore) -> Result<Repository, RepositoryError> {
    Repository::open(Arc::new(store.clone()), &Secret::new("first"))
}

fn noise(seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; 50_000];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// Backs up one file with content of its own.
fn back_up(repository: &Repository, seed: u64) -> SnapshotId {
    let writer = Writer::begin(repository, 1, &Arc::new(Control::new())).unwrap();
    let mut sink = writer.sink().unwrap();
    let bytes = noise(seed);
    let (_, id) = sink.add(&bytes).unwrap();
    let mut entry = Entry::new(b"file".to_vec(), EntryKind::File);
    entry.size_bytes = bytes.len() as u64;
    let pieces = vec![Piece::Chunk { id, length_bytes: bytes.len() as u32 }];
    entry.content = Some(Content { hash: ContentHash(*blake3::hash(&bytes).as_bytes()), pieces });
    sink.finish().unwrap();
    let snapshot = Snapshot {
        started: Timestamp::new(1, 0),
        finished: Timestamp::new(2, 0),
        host: "host".into(),
        user: "user".into(),
        system: "linux".into(),
        program: "test".into(),
        sources: Vec::new(),
        root_pages: writer.write_folder(&[entry]).unwrap(),
        parent: None,
        plan: None,
        tags: Vec::new(),
        statistics: SnapshotStatistics::default(),
    };
    writer.finish().unwrap().write_snapshot(&snapshot).unwrap()
}

fn file(repository: &Repository, id: SnapshotId) -> Vec<u8> {
    let entries = repository.read_folder(&repository.snapshot(id).unwrap().root_pages).unwrap();
    repository.read_file_range(&entries[0], 0, usize::MAX).unwrap()
}

fn bring(
    source: &dyn Store,
    replica: &dyn Store,
    compare_all: bool,
) -> Result<ReplicateReport, RepositoryError> {
    let options = ReplicateOptions { compare_all, threads: 2, ..ReplicateOptions::default() };
    replicate(source, replica, options, &Control::new())
}

/// As [`bring`] with everything compared, by someone who has the password.
fn bring_with_judge(
    source: &MemoryStore,
    replica: &dyn Store,
    judge: &Repository,
) -> Result<ReplicateReport, RepositoryError> {
    let options = ReplicateOptions { compare_all: true, judge: Some(judge), ..ReplicateOptions::default() };
    replicate(source, replica, options, &Control::new())
}

fn is_sound(store: &MemoryStore) -> bool {
    let options = CheckOptions { read_data: true, threads: 1 };
    open(store).unwrap().check(options, &Control::new()).unwrap().damage_total == 0
}

#[test]
fn a_replica_opens_with_the_password_and_holds_the_same() {
    let (source, repository) = init();
    let first = back_up(&repository, 1);
    let replica = MemoryStore::new();
    let report = bring(&source, &replica, false).unwrap();
    assert!(report.copied > 0 && report.present == 0 && report.only_in_replica.total == 0);
    assert_eq!(file(&open(&replica).unwrap(), first), noise(1));
    assert!(is_sound(&replica));

    let second = back_up(&repository, 2);
    let report = bring(&source, &replica, true).unwrap();
    assert_eq!(report.compared, report.present, "what was there was read in both places");
    assert_eq!(report.different.total, 0);
    assert_eq!(file(&open(&replica).unwrap(), second), noise(2));
    let report = bring(&source, &replica, false).unwrap();
    assert_eq!((report.copied, report.removed), (0, 0), "a second run has nothing to do");
    assert_eq!(replica.keys(), source.keys());
}

#[test]
fn dying_at_any_step_shows_no_snapshot_that_is_not_whole_and_the_next_run_goes_on() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let first_state = MemoryStore::new();
    bring(&source, &first_state, false).unwrap();
    back_up(&repository, 2);
    for begun in [MemoryStore::new(), first_state] {
        for step in 0.. {
            let replica = begun.copy();
            let dying = FaultyStore::new(replica.clone());
            dying.add(Rule::die_at_step(step));
            let ended = replicate(&source, &dying, ReplicateOptions::default(), &Control::new()).is_ok();
            if let Ok(opened) = open(&replica) {
                // Without the envelope, the last to come, it can be read already and is not finished.
                assert!(is_sound(&replica) || replica.get("repository").is_none(), "step {step}");
                for (id, _) in opened.snapshots().unwrap().snapshots {
                    assert!([noise(1), noise(2)].contains(&file(&opened, id)), "step {step}");
                }
            }
            bring(&source, &replica, false).unwrap();
            assert_eq!(replica.keys(), source.keys(), "step {step}");
            assert!(is_sound(&replica), "step {step}");
            if ended {
                assert!(step > 10, "the run has steps to die at");
                break;
            }
        }
    }
}

#[test]
fn what_the_source_lost_stays_in_the_replica_and_is_told() {
    let (source, repository) = init();
    let id = back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    let lost: Vec<String> = source
        .keys()
        .into_iter()
        .filter(|key| key.starts_with("packs/") || key.starts_with("snapshots/"))
        .collect();
    for key in &lost {
        source.remove(key);
    }
    let report = bring(&source, &replica, false).unwrap();
    assert_eq!(report.only_in_replica.total, lost.len() as u64);
    assert_eq!(file(&open(&replica).unwrap(), id), noise(1));
}

#[test]
fn a_key_that_was_taken_away_no_longer_opens_the_replica() {
    let (source, repository) = init();
    repository.add_password(&Secret::new("second"), "Laptop", CHEAP, 5).unwrap();
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    assert!(open(&replica).is_ok());
    let keep: Vec<_> =
        repository.slots().unwrap().into_iter().filter(|slot| slot.label == "Laptop").collect();
    for slot in repository.slots().unwrap() {
        if !keep.iter().any(|kept| kept.id == slot.id) {
            repository.remove_key(slot.id).unwrap();
        }
    }
    bring(&source, &replica, false).unwrap();
    assert!(open(&replica).is_err());
    assert!(Repository::open(Arc::new(replica), &Secret::new("second")).is_ok());
}

#[test]
fn another_repository_or_a_folder_in_use_is_left_alone() {
    let (source, _) = init();
    let (other, _) = init();
    let before = other.keys();
    assert!(matches!(bring(&source, &other, false), Err(RepositoryError::AlreadyARepository { .. })));
    assert_eq!(other.keys(), before);

    let used = MemoryStore::new();
    used.insert("letters.txt", b"mine".to_vec());
    assert!(matches!(bring(&source, &used, false), Err(RepositoryError::NotEmpty { .. })));
    assert_eq!(used.keys(), ["letters.txt"]);
}

#[test]
fn what_can_not_be_read_back_right_is_an_error_and_does_not_stay() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let replica = MemoryStore::new();
    let lying = FaultyStore::new(replica.clone());
    lying.add(Rule::always(Operation::Read, "packs/", Fault::FlipBit(9)));
    assert!(matches!(bring(&source, &lying, false), Err(RepositoryError::Damaged { .. })));
    assert!(!replica.keys().iter().any(|key| key.starts_with("packs/")));
    assert!(open(&replica).is_err(), "it is no repository yet");
}

#[test]
fn a_file_that_differs_is_told_and_neither_place_is_changed() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    let pack = source.keys().into_iter().find(|key| key.starts_with("packs/")).unwrap();
    let right = replica.get(&pack);
    source.alter(&pack, |bytes| bytes[100] ^= 1);
    let report = bring(&source, &replica, true).unwrap();
    assert_eq!(report.different.first, std::slice::from_ref(&pack));
    assert_eq!(replica.get(&pack), right);
}

#[test]
fn whatever_is_damaged_in_the_replica_is_mended_where_the_source_is_whole() {
    let (source, repository) = init();
    let id = back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    let keys: Vec<String> = source.keys().into_iter().filter(|key| key.contains('/')).collect();
    for key in &keys {
        for cut in [false, true] {
            replica.alter(key, |bytes| if cut { bytes.truncate(bytes.len() / 2) } else { bytes[60] ^= 1 });
            let report = bring_with_judge(&source, &replica, &repository).unwrap();
            assert_eq!(report.mended.first, std::slice::from_ref(key));
            assert!(report.is_same());
            assert_eq!(replica.get(key), source.get(key));
            assert_eq!(replica.keys(), source.keys(), "nothing that was set aside stays");
        }
    }
    assert!(keys.len() >= 5, "packs, index, keys and the snapshot were all tried");
    assert_eq!(file(&open(&replica).unwrap(), id), noise(1));
}

#[test]
fn dying_while_a_file_is_mended_loses_nothing() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let pack = source.keys().into_iter().find(|key| key.starts_with("packs/")).unwrap();
    for step in 0.. {
        let replica = MemoryStore::new();
        bring(&source, &replica, false).unwrap();
        replica.alter(&pack, |bytes| bytes[100] ^= 1);
        let damaged = replica.get(&pack).unwrap();
        let dying = FaultyStore::new(replica.clone());
        dying.add(Rule::die_at_step(step));
        let ended = bring_with_judge(&source, &dying, &repository).is_ok();
        let kept = replica.keys().iter().any(|key| replica.get(key).as_ref() == Some(&damaged));
        assert!(kept || replica.get(&pack) == source.get(&pack), "step {step}: neither the old nor the new");
        bring_with_judge(&source, &replica, &repository).unwrap();
        assert!(is_sound(&replica), "step {step}");
        if ended {
            break;
        }
    }
}

#[test]
fn damage_of_the_source_does_not_reach_the_replica_and_is_told_as_such() {
    let (source, repository) = init();
    let id = back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    let pack = source.keys().into_iter().find(|key| key.starts_with("packs/")).unwrap();
    source.alter(&pack, |bytes| bytes[100] ^= 1);
    let report = bring_with_judge(&source, &replica, &repository).unwrap();
    assert_eq!(report.source_damaged.first, std::slice::from_ref(&pack));
    assert!(!report.is_same() && report.mended.total == 0);
    assert_eq!(file(&open(&replica).unwrap(), id), noise(1));
    // The way back mends the source.
    let judge = open(&replica).unwrap();
    assert_eq!(bring_with_judge(&replica, &source, &judge).unwrap().mended.total, 1);
    assert!(is_sound(&source));
}

#[test]
fn what_was_proven_is_not_read_again_by_the_run_that_goes_on() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    let proven = ProvenFiles::default();
    let options =
        ReplicateOptions { compare_all: true, proven: Some(&proven), ..ReplicateOptions::default() };
    let first = replicate(&source, &replica, options, &Control::new()).unwrap();
    let handed_on = ProvenFiles::decode(&proven.encode());
    let options = ReplicateOptions { proven: Some(&handed_on), ..options };
    let second = replicate(&source, &replica, options, &Control::new()).unwrap();
    assert_eq!((second.compared, second.proven_before), (0, first.compared));
    assert!(first.compared > 0);
}

#[test]
fn a_look_before_says_what_would_be_strange() {
    let (source, repository) = init();
    back_up(&repository, 1);
    let replica = MemoryStore::new();
    let before = survey(&source, &replica).unwrap();
    assert!(!before.has_replica && before.missing_bytes > 50_000 && before.common_keys == 0);
    assert!(replica.keys().is_empty(), "looking changes nothing");
    bring(&source, &replica, false).unwrap();
    let after = survey(&source, &replica).unwrap();
    assert!(after.has_replica && after.missing_bytes == 0);
    assert_eq!((after.lost_snapshots, after.replica_snapshots, after.lost_packs), (0, 1, 0));
    assert_eq!((after.lost_keys, after.common_keys), (0, 2));
    for key in source.keys().into_iter().filter(|key| !key.starts_with("keys/ring") && key.contains('/')) {
        source.remove(&key);
    }
    let lost = survey(&source, &replica).unwrap();
    assert_eq!((lost.lost_snapshots, lost.lost_packs > 0, lost.lost_keys, lost.common_keys), (1, true, 2, 0));
}

#[test]
fn the_index_of_what_only_the_replica_has_stays_with_it() {
    let (source, repository) = init();
    let id = back_up(&repository, 1);
    let replica = MemoryStore::new();
    bring(&source, &replica, false).unwrap();
    for key in source.keys() {
        if ["packs/", "snapshots/", "index/"].iter().any(|folder| key.starts_with(folder)) {
            source.remove(&key);
        }
    }
    back_up(&open(&source).unwrap(), 2);
    let report = bring(&source, &replica, false).unwrap();
    assert!(report.only_in_replica.total > 0 && report.removed == 0);
    assert_eq!(file(&open(&replica).unwrap(), id), noise(1));
}
