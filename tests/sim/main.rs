//! The repository on a place that fails: at every single step, at every amount of space, with lies and lost answers.
//!
//! What the acceptance tests try at random moments with a real program is tried here at every step there is, in
//! memory. Deliberately not here: real disks, real kills (`acceptance`).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::sync::Arc;

use keepwell_model::{
    Content, ContentHash, Control, Entry, EntryKind, Piece, RelativePath, Snapshot, SnapshotId,
    SnapshotStatistics, Timestamp,
};
use keepwell_repository::secret::Cost;
use keepwell_repository::{CheckOptions, InitOptions, Repository, RepositoryError, Secret, Writer};
use keepwell_testkit::{Fault, FaultyStore, MemoryStore, Operation, Rule, SeededRandom};

/// A hash that costs next to nothing: nothing here is about guessing passwords.
const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
/// More steps than any run here takes: a run that never ends well is a fault of its own.
const STEPS_LIMIT: u64 = 500;
const LENGTHS: [usize; 7] = [0, 1, 3000, 40_000, 300_000, 1_200_000, 70_000];

fn init(store: &FaultyStore) -> Result<Repository, RepositoryError> {
    let options = InitOptions { password: Secret::new("password"), now_seconds: 1_700_000_000, cost: CHEAP };
    Repository::init(Arc::new(store.clone()), &options).map(|(repository, _)| repository)
}

fn open(store: &FaultyStore) -> Result<Repository, RepositoryError> {
    Repository::open(Arc::new(store.clone()), &Secret::new("password"))
}

fn contents(seed: u64) -> Vec<Vec<u8>> {
    let mut random = SeededRandom::new(seed);
    LENGTHS
        .iter()
        .map(|length| if random.once_in(2) { random.bytes(*length) } else { random.text(*length) })
        .collect()
}

fn back_up(repository: &Repository, seed: u64) -> Result<SnapshotId, RepositoryError> {
    let writer = Writer::begin(repository, 2, &Arc::new(Control::new()))?;
    let mut sink = writer.sink()?;
    let mut entries = Vec::new();
    for (number, bytes) in contents(seed).iter().enumerate() {
        let mut pieces = Vec::new();
        let mut rest = bytes.as_slice();
        while !rest.is_empty() {
            let (chunk, after) = rest.split_at(repository.chunker().first_chunk(rest));
            pieces.push(Piece::Chunk {
                id: sink.add(chunk)?.1,
                length_bytes: u32::try_from(chunk.len()).unwrap(),
            });
            rest = after;
        }
        let mut entry = Entry::new(format!("file {number}").into_bytes(), EntryKind::File);
        entry.size_bytes = bytes.len() as u64;
        entry.content = Some(Content { hash: ContentHash(*blake3::hash(bytes).as_bytes()), pieces });
        entries.push(entry);
    }
    sink.finish()?;
    let root_pages = writer.write_folder(&entries)?;
    let time = Timestamp::new(i64::try_from(seed).unwrap(), 0);
    let snapshot = Snapshot {
        started: time,
        finished: time,
        host: "host".into(),
        user: "user".into(),
        system: "linux".into(),
        program: "sim".into(),
        sources: Vec::new(),
        root_pages,
        parent: None,
        plan: None,
        tags: Vec::new(),
        statistics: SnapshotStatistics::default(),
    };
    writer.finish()?.write_snapshot(&snapshot)
}

/// Every file of a snapshot; the ones that can not be read as errors.
fn read_files(
    repository: &Repository,
    id: SnapshotId,
) -> Result<Vec<Result<Vec<u8>, RepositoryError>>, RepositoryError> {
    let snapshot = repository.snapshot(id)?;
    let root = repository.entry_at(&snapshot, &RelativePath::root())?;
    let entries = repository.read_folder(&root.pages)?;
    Ok(entries.iter().map(|entry| repository.read_file_range(entry, 0, usize::MAX)).collect())
}

fn read_all(repository: &Repository, id: SnapshotId) -> Result<Vec<Vec<u8>>, RepositoryError> {
    read_files(repository, id)?.into_iter().collect()
}

/// A place with a repository and one snapshot (of seed 1) in it.
fn stocked() -> (MemoryStore, SnapshotId) {
    let memory = MemoryStore::new();
    let id = back_up(&init(&FaultyStore::new(memory.clone())).unwrap(), 1).unwrap();
    (memory, id)
}

/// Everything a person was promised, on a place that works again: what was safe is safe, what is listed is whole, the
/// check is content, and the next backup works.
fn assert_unharmed(memory: &MemoryStore, first: SnapshotId, second_seed: u64, what: &str) {
    let repository = open(&FaultyStore::new(memory.clone())).unwrap();
    assert_eq!(read_all(&repository, first).unwrap(), contents(1), "{what}: the first snapshot");
    let listing = repository.snapshots().unwrap();
    assert!(listing.troubles.is_empty(), "{what}: {:?}", listing.troubles);
    for (id, _) in listing.snapshots.iter().filter(|(id, _)| *id != first) {
        assert_eq!(
            read_all(&repository, *id).unwrap(),
            contents(second_seed),
            "{what}: a snapshot that is listed"
        );
    }
    let report = repository.check(CheckOptions { read_data: true, threads: 1 }, &Control::new()).unwrap();
    assert!(report.is_sound(), "{what}: {:?}", report.findings);
    let next = back_up(&repository, second_seed).unwrap();
    assert_eq!(read_all(&repository, next).unwrap(), contents(second_seed), "{what}: the next backup");
}

/// Runs a second backup on a copy of the place, with something arranged to go wrong; whether it ended well.
fn second_backup(
    stocked: &(MemoryStore, SnapshotId),
    arrange: impl FnOnce(&FaultyStore),
    what: &str,
) -> bool {
    let (memory, first) = (stocked.0.copy(), stocked.1);
    let store = FaultyStore::new(memory.clone());
    let repository = open(&store).unwrap();
    store.heal();
    arrange(&store);
    let result = back_up(&repository, 2);
    drop(repository);
    if let Ok(id) = &result {
        let repository = open(&FaultyStore::new(memory.clone())).unwrap();
        assert_eq!(read_all(&repository, *id).unwrap(), contents(2), "{what}: said to be done");
    }
    assert_unharmed(&memory, first, 2, what);
    result.is_ok()
}

#[test]
fn a_place_that_dies_at_any_step_of_a_backup_keeps_what_was_safe() {
    let stocked = stocked();
    let ended = (0..STEPS_LIMIT).find(|step| {
        second_backup(&stocked, |store| store.add(Rule::die_at_step(*step)), &format!("dead at step {step}"))
    });
    assert!(ended.is_some_and(|steps| steps > 10), "ended well at {ended:?}");
}

#[test]
fn a_place_that_is_full_at_any_byte_keeps_what_was_safe() {
    let stocked = stocked();
    let ended = (0..200).map(|part| part * 30_000).find(|space| {
        second_backup(&stocked, |store| store.limit_space(*space), &format!("full after {space} bytes"))
    });
    assert!(ended.is_some_and(|space| space > 100_000), "ended well at {ended:?}");
}

#[test]
fn an_answer_that_is_lost_harms_nothing() {
    let stocked = stocked();
    for operation in [Operation::Create, Operation::Write, Operation::Finish] {
        let ended = (0..STEPS_LIMIT).find(|number| {
            let rule = Rule::once(operation, "", *number, Fault::LoseAnswer);
            second_backup(
                &stocked,
                |store| store.add(rule),
                &format!("answer {number} to {operation:?} lost"),
            )
        });
        assert!(ended.is_some_and(|number| number > 0), "{operation:?} ended well at {ended:?}");
    }
}

#[test]
fn a_place_that_dies_at_any_step_of_init_can_be_used_afterwards() {
    for step in 0..STEPS_LIMIT {
        let memory = MemoryStore::new();
        let store = FaultyStore::new(memory.clone());
        store.add(Rule::die_at_step(step));
        let whole = init(&store).is_ok();
        store.heal();
        let repository = match init(&store) {
            Err(RepositoryError::AlreadyARepository { .. }) => open(&store).unwrap(),
            result => result.unwrap_or_else(|error| panic!("after step {step}: {error}")),
        };
        let id = back_up(&repository, 1).unwrap();
        assert_eq!(read_all(&repository, id).unwrap(), contents(1));
        if whole {
            assert!(step > 5, "init took {step} steps only");
            return;
        }
    }
    panic!("init never ended well");
}

#[test]
fn lies_of_a_place_never_become_wrong_bytes() {
    let (memory, id) = stocked();
    let reads = {
        let store = FaultyStore::new(memory.clone());
        read_all(&open(&store).unwrap(), id).unwrap();
        store.calls().iter().filter(|call| call.operation == Operation::Read).count() as u64
    };
    assert!(reads > 5);
    let mut random = SeededRandom::new(3);
    for number in 0..reads {
        for fault in
            [Fault::FlipBit(random.number()), Fault::ShortRead(7), Fault::ShortRead(0), Fault::Vanish]
        {
            let store = FaultyStore::new(memory.clone());
            let what = format!("read {number}: {fault:?}");
            store.add(Rule::once(Operation::Read, "", number, fault));
            let files = open(&store).and_then(|repository| read_files(&repository, id));
            for (found, expected) in files.into_iter().flatten().zip(contents(1)) {
                assert!(found.is_err() || found.is_ok_and(|found| found == expected), "{what}: wrong bytes");
            }
        }
    }
}

#[test]
fn a_repair_that_dies_at_any_step_loses_no_byte_that_could_be_read() {
    let (sound, first) = stocked();
    let second = back_up(&open(&FaultyStore::new(sound.clone())).unwrap(), 2).unwrap();
    let mut random = SeededRandom::new(4);
    for key in sound.keys().into_iter().filter(|key| !key.starts_with("keys/") && key.contains('/')) {
        let damaged = sound.copy();
        damaged.alter(&key, |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1 << random.below(8);
        });
        // A snapshot that can not be read at all stands for files none of which can be read.
        let readable = |memory: &MemoryStore| -> Vec<Option<Vec<u8>>> {
            let repository = open(&FaultyStore::new(memory.clone())).unwrap();
            let files =
                |id| read_files(&repository, id).map(|files| files.into_iter().map(Result::ok).collect());
            let nothing = vec![None; LENGTHS.len()];
            [first, second].into_iter().flat_map(|id| files(id).unwrap_or_else(|_| nothing.clone())).collect()
        };
        let before = readable(&damaged);
        let mut ended = false;
        for step in (0..STEPS_LIMIT).step_by(5) {
            let memory = damaged.copy();
            let store = FaultyStore::new(memory.clone());
            let repository = open(&store).unwrap();
            store.heal();
            store.add(Rule::die_at_step(step));
            ended = repository.repair(1, 1_700_000_000_000, &Control::new()).is_ok();
            assert_still_readable(&before, &readable(&memory), &format!("{key}, repair dead at step {step}"));
            store.heal();
            repository.repair(1, 1_700_000_000_000, &Control::new()).unwrap();
            assert_still_readable(&before, &readable(&memory), &format!("{key}, repaired after step {step}"));
            if ended {
                break;
            }
        }
        assert!(ended, "{key}: the repair never ended well");
    }
}

fn assert_still_readable(before: &[Option<Vec<u8>>], after: &[Option<Vec<u8>>], what: &str) {
    for (number, content) in before.iter().enumerate().filter(|(_, content)| content.is_some()) {
        assert!(
            after.get(number) == Some(content),
            "{what}: file {number} could be read before and can not now"
        );
    }
}
