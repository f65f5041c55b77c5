//! A backup that is broken off goes on where its last checkpoint was, and never takes over what it must not.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::collections::HashMap;
use std::fs;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use keepwell_backup::{
    BackupError, BackupOutcome, BackupRequest, Checkpoints, ParentChoice, Partial, RuleOptions, Threads,
    run_backup_from,
};
use keepwell_endpoint::Store;
use keepwell_endpoint::local::LocalStore;
use keepwell_model::{ChunkId, Control, RelativePath, Timestamp};
use keepwell_repository::secret::Cost;
use keepwell_repository::{CheckOptions, InitOptions, Repository, Secret};

/// So much that most of what is read before the break has left the reading threads, which gather 4 MiB at a time.
const FOLDERS: usize = 120;
const FILE_BYTES: usize = 256 * 1024;

struct Bench {
    folder: tempfile::TempDir,
    store: Arc<dyn Store>,
}

impl Bench {
    /// Many small folders of files that do not shrink.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for number in 0..FOLDERS {
            let below = folder.path().join(format!("docs/{number}"));
            fs::create_dir_all(&below).unwrap();
            fs::write(below.join("file"), noise(number)).unwrap();
        }
        let store: Arc<dyn Store> = Arc::new(LocalStore::create(folder.path().join("repository")).unwrap());
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        Repository::init(
            Arc::clone(&store),
            &InitOptions { password: Secret::new("x"), now_seconds: 1, cost },
        )
        .unwrap();
        Self { folder, store }
    }

    fn docs(&self) -> PathBuf {
        self.folder.path().join("docs")
    }

    /// As another process would open it.
    fn open(&self) -> Repository {
        Repository::open(Arc::clone(&self.store), &Secret::new("x")).unwrap()
    }

    fn run(
        &self,
        repository: &Repository,
        control: &Arc<Control>,
        checkpoints: Checkpoints<'_>,
    ) -> Result<BackupOutcome, BackupError> {
        let request = BackupRequest {
            sources: vec![self.docs()],
            rules: RuleOptions::default(),
            avoid: vec![self.folder.path().join("repository")],
            host: "host".into(),
            user: "user".into(),
            system: "linux".into(),
            program: "test".into(),
            plan: None,
            tags: Vec::new(),
            parent: ParentChoice::Latest,
            threads: Threads { readers: 2, compressors: 2 },
        };
        let started = long_after();
        run_backup_from(repository, &request, control, &|| started, Some(checkpoints))
    }

    /// A run that is broken off some files after it began; its last checkpoint, as it was kept.
    fn broken_off(&self) -> Partial {
        let control = Arc::new(Control::new());
        let kept = Mutex::new(None);
        // Held before its first file, and let go only for a few files between two checkpoints.
        control.pause();
        let keep = |partial: &Partial| {
            let done = control.progress().items_done;
            if done > 70 && !partial.folders.is_empty() {
                *kept.lock().unwrap() = Some(partial.encode());
                control.cancel();
                return;
            }
            control.resume();
            while control.progress().items_done < done + 20 {
                std::thread::yield_now();
            }
            control.pause();
        };
        let checkpoints = Checkpoints { resume: None, first_after: Duration::ZERO, keep: &keep };
        let error = self.run(&self.open(), &control, checkpoints).unwrap_err();
        assert!(error.is_cancelled(), "{error}");
        let bytes = kept.lock().unwrap().take().unwrap();
        Partial::decode(&bytes).unwrap()
    }

    fn go_on(&self, partial: &Partial) -> BackupOutcome {
        let keep = |_: &Partial| {};
        let checkpoints =
            Checkpoints { resume: Some(partial), first_after: Duration::from_secs(3600), keep: &keep };
        self.run(&self.open(), &Arc::new(Control::new()), checkpoints).unwrap()
    }

    fn content(&self, outcome: &BackupOutcome, number: usize) -> Vec<u8> {
        let path = RelativePath::parse(format!("docs/{number}/file").as_bytes()).unwrap();
        let repository = self.open();
        let entry = repository.entry_at(&outcome.snapshot, &path).unwrap();
        repository.read_file_range(&entry, 0, usize::MAX).unwrap()
    }

    fn assert_whole(&self, outcome: &BackupOutcome, expected: impl Fn(usize) -> Vec<u8>) {
        for number in 0..FOLDERS {
            assert_eq!(self.content(outcome, number), expected(number), "file {number}");
        }
        let check = CheckOptions { read_data: true, threads: 2 };
        let report = self.open().check(check, &Control::new()).unwrap();
        assert_eq!(report.damage_total, 0, "{:?}", report.findings);
    }
}

fn noise(number: usize) -> Vec<u8> {
    let mut bytes = vec![0; FILE_BYTES];
    blake3::Hasher::new().update(&number.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

/// So long after now that no time of a file is too young to be believed.
fn long_after() -> Timestamp {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    Timestamp { seconds: now.seconds + 1000, ..now }
}

#[test]
fn what_was_stored_before_the_break_is_not_read_again() {
    let bench = Bench::new();
    let partial = bench.broken_off();
    assert!(bench.open().snapshots().unwrap().snapshots.is_empty(), "a checkpoint is no snapshot");

    let outcome = bench.go_on(&partial);
    assert!(outcome.resumed_files > 0, "nothing was taken over");
    let counts = &outcome.snapshot.statistics;
    assert_eq!((counts.files, counts.files_new), (FOLDERS as u64, FOLDERS as u64));
    let anew = (FOLDERS as u64 - outcome.resumed_files) * FILE_BYTES as u64;
    assert!(counts.added_bytes < anew + 200_000, "{} of {anew} bytes were stored again", counts.added_bytes);
    bench.assert_whole(&outcome, noise);
}

#[test]
fn a_file_that_changed_after_the_checkpoint_is_read() {
    let bench = Bench::new();
    let partial = bench.broken_off();
    // All of them, so that it does not matter which were in the checkpoint; of the same size.
    for number in 0..FOLDERS {
        fs::write(bench.docs().join(format!("{number}/file")), noise(number + 1000)).unwrap();
    }
    let outcome = bench.go_on(&partial);
    assert_eq!(outcome.resumed_files, 0);
    bench.assert_whole(&outcome, |number| noise(number + 1000));
}

#[test]
fn what_is_not_stored_any_more_is_read_again() {
    let bench = Bench::new();
    let partial = bench.broken_off();
    for folder in ["packs", "index"] {
        let mut open = vec![bench.folder.path().join("repository").join(folder)];
        while let Some(path) = open.pop() {
            for item in fs::read_dir(path).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() { open.push(path) } else { fs::remove_file(path).unwrap() }
            }
        }
    }
    let outcome = bench.go_on(&partial);
    assert_eq!(outcome.resumed_files, 0);
    bench.assert_whole(&outcome, noise);
}

#[test]
fn a_checkpoint_that_makes_no_sense_is_of_no_harm() {
    let bench = Bench::new();
    let path = bench.docs().display().to_string().into_bytes();
    let partial = Partial {
        started: Timestamp::default(),
        folders: HashMap::from([(path, vec![ChunkId([7; 32]); 3]), (b"elsewhere".to_vec(), vec![])]),
    };
    let outcome = bench.go_on(&partial);
    assert_eq!(outcome.resumed_files, 0);
    bench.assert_whole(&outcome, noise);
}
