//! Backup runs on real folders: what is in a snapshot, what is taken over, what is told.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

use std::ffi::OsStr;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_backup::{
    BackupError, BackupOutcome, BackupRequest, Change, ParentChoice, Pattern, RuleOptions, Threads, compare,
    find, run_backup, versions,
};
use keepwell_endpoint::Store;
use keepwell_endpoint::local::LocalStore;
use keepwell_model::{Control, Entry, EntryKind, Piece, RelativePath, Timestamp};
use keepwell_repository::secret::Cost;
use keepwell_repository::{CheckOptions, InitOptions, Repository, Secret};

struct Bench {
    folder: tempfile::TempDir,
    repository: Repository,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("docs")).unwrap();
        let store: Arc<dyn Store> = Arc::new(LocalStore::create(folder.path().join("repository")).unwrap());
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = InitOptions { password: Secret::new("x"), now_seconds: 1, cost };
        let (repository, _) = Repository::init(store, &options).unwrap();
        Self { folder, repository }
    }

    fn docs(&self) -> PathBuf {
        self.folder.path().join("docs")
    }

    fn request(&self) -> BackupRequest {
        BackupRequest {
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
            threads: Threads { readers: 2, compressors: 1 },
        }
    }

    fn run_at(
        &self,
        request: &BackupRequest,
        now: Timestamp,
    ) -> (Result<BackupOutcome, BackupError>, Arc<Control>) {
        let control = Arc::new(Control::new());
        (run_backup(&self.repository, request, &control, &|| now), control)
    }

    /// A run long after all files were written.
    fn run(&self, request: &BackupRequest) -> (BackupOutcome, Arc<Control>) {
        let (outcome, control) = self.run_at(request, far_future());
        (outcome.unwrap(), control)
    }

    fn entry(&self, outcome: &BackupOutcome, path: &[u8]) -> Option<Entry> {
        let path = RelativePath::parse(path).unwrap();
        self.repository.entry_at(&outcome.snapshot, &path).ok()
    }

    fn content(&self, outcome: &BackupOutcome, path: &[u8]) -> Vec<u8> {
        let entry = self.entry(outcome, path).unwrap();
        self.repository.read_file_range(&entry, 0, usize::MAX).unwrap()
    }
}

fn far_future() -> Timestamp {
    let now = Timestamp::from_system(std::time::SystemTime::now());
    Timestamp { seconds: now.seconds + 1000, ..now }
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof().fill(&mut bytes);
    bytes
}

#[test]
fn files_of_every_size_are_in_the_snapshot_byte_for_byte() {
    let bench = Bench::new();
    let sizes = [0, 1, 4095, 262_144, 262_145, 1_000_000, 9_000_000];
    for size in sizes {
        fs::write(bench.docs().join(format!("f{size}")), noise(size as u64, size)).unwrap();
    }
    let (outcome, control) = bench.run(&bench.request());
    assert_eq!(control.problems().problems, []);
    for size in sizes {
        let path = format!("docs/f{size}");
        let expected = noise(size as u64, size);
        assert_eq!(bench.content(&outcome, path.as_bytes()), expected, "{size}");
        let entry = bench.entry(&outcome, path.as_bytes()).unwrap();
        assert_eq!(entry.content.unwrap().hash.0, *blake3::hash(&expected).as_bytes());
    }
    assert_eq!(outcome.snapshot.statistics.files, sizes.len() as u64);
    let check = CheckOptions { read_data: true, threads: 1 };
    assert_eq!(bench.repository.check(check, &Control::new()).unwrap().findings, []);
}

#[test]
fn links_pipes_odd_names_and_empty_folders_are_kept() {
    let bench = Bench::new();
    let docs = bench.docs();
    fs::create_dir_all(docs.join("empty/inner")).unwrap();
    fs::write(docs.join(OsStr::from_bytes(b"caf\xe9 \xff")), b"odd").unwrap();
    fs::write(docs.join("n".repeat(255)), b"long").unwrap();
    symlink("..", docs.join("loop")).unwrap();
    symlink("/nowhere/at all", docs.join("dangling")).unwrap();
    fs::write(docs.join("one"), b"twice").unwrap();
    fs::hard_link(docs.join("one"), docs.join("two")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, docs.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    let (outcome, control) = bench.run(&bench.request());
    assert_eq!(control.problems().problems, []);
    assert_eq!(bench.content(&outcome, b"docs/caf\xe9 \xff"), b"odd");
    assert_eq!(bench.content(&outcome, format!("docs/{}", "n".repeat(255)).as_bytes()), b"long");
    assert_eq!(bench.entry(&outcome, b"docs/loop").unwrap().target.unwrap(), b"..");
    assert_eq!(bench.entry(&outcome, b"docs/dangling").unwrap().target.unwrap(), b"/nowhere/at all");
    assert_eq!(bench.entry(&outcome, b"docs/pipe").unwrap().kind, EntryKind::Pipe);
    assert_eq!(bench.entry(&outcome, b"docs/empty/inner").unwrap().kind, EntryKind::Folder);
    let (one, two) =
        (bench.entry(&outcome, b"docs/one").unwrap(), bench.entry(&outcome, b"docs/two").unwrap());
    assert!(one.link_group.is_some());
    assert_eq!(one.link_group, two.link_group);
    assert_eq!(one.content, two.content);
}

#[test]
fn holes_are_kept_as_holes() {
    let bench = Bench::new();
    let path = bench.docs().join("image");
    let file = fs::File::create(&path).unwrap();
    file.set_len(1 << 30).unwrap();
    file.write_at(b"in the middle", 512 << 20).unwrap();
    drop(file);
    let (outcome, _) = bench.run(&bench.request());
    let entry = bench.entry(&outcome, b"docs/image").unwrap();
    assert_eq!(entry.size_bytes, 1 << 30);
    let content = entry.content.clone().unwrap();
    let holes: u64 = content
        .pieces
        .iter()
        .map(|piece| if let Piece::Hole { length_bytes } = piece { *length_bytes } else { 0 })
        .sum();
    assert!(holes > (1 << 30) - (8 << 20), "{holes}");
    let middle = bench.repository.read_file_range(&entry, 512 << 20, 13).unwrap();
    assert_eq!(middle, b"in the middle");
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(fs::File::open(path).unwrap()).unwrap();
    assert_eq!(content.hash.0, *hasher.finalize().as_bytes());
}

#[test]
fn an_unchanged_tree_adds_nothing_and_a_changed_file_is_seen() {
    let bench = Bench::new();
    for number in 0..50 {
        fs::create_dir_all(bench.docs().join(format!("d{}", number % 5))).unwrap();
        fs::write(bench.docs().join(format!("d{}/f{number}", number % 5)), noise(number, 1000)).unwrap();
    }
    let (first, _) = bench.run(&bench.request());
    let (second, _) = bench.run(&bench.request());
    assert_eq!(second.snapshot.parent, Some(first.id));
    assert_eq!(second.snapshot.statistics.files_unchanged, 50);
    assert_eq!(second.snapshot.statistics.stored_bytes, 0);
    assert_eq!(second.snapshot.root_pages, first.snapshot.root_pages);

    // Same size, and the time of last change set back: only the change time of the inode tells.
    let path = bench.docs().join("d1/f1");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    fs::write(&path, noise(1000, 1000)).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(modified).unwrap();
    let (third, _) = bench.run(&bench.request());
    assert_eq!(third.snapshot.statistics.files_changed, 1);
    assert_eq!(bench.content(&third, b"docs/d1/f1"), noise(1000, 1000));
    assert_eq!(bench.content(&second, b"docs/d1/f1"), noise(1, 1000));
}

#[test]
fn a_folder_of_many_pages_is_compared_name_by_name() {
    let bench = Bench::new();
    let path = |number: u32| bench.docs().join(format!("file-{number:05}"));
    for number in 0..1000 {
        fs::write(path(number), number.to_le_bytes()).unwrap();
    }
    let (first, _) = bench.run(&bench.request());
    assert!(bench.entry(&first, b"docs").unwrap().pages.len() > 2);
    for number in (0..1000).step_by(10) {
        fs::remove_file(path(number)).unwrap();
    }
    fs::write(bench.docs().join("a new one"), b"new").unwrap();
    fs::write(path(500).with_extension("new"), b"new").unwrap();
    fs::write(path(501), b"changed").unwrap();
    let (second, _) = bench.run(&bench.request());
    let counts = second.snapshot.statistics;
    assert_eq!((counts.files_unchanged, counts.files_new, counts.files_changed), (899, 2, 1));
    assert_eq!(bench.content(&second, b"docs/file-00501"), b"changed");
    assert_eq!(bench.content(&second, b"docs/file-00999"), 999_u32.to_le_bytes());
}

#[test]
fn a_file_as_young_as_the_last_snapshot_is_read_again() {
    let bench = Bench::new();
    fs::write(bench.docs().join("young"), b"young").unwrap();
    let now = || Timestamp::from_system(std::time::SystemTime::now());
    let early = Timestamp { seconds: now().seconds - 100, ..now() };
    bench.run_at(&bench.request(), early).0.unwrap();
    let (second, _) = bench.run(&bench.request());
    assert_eq!(second.snapshot.statistics.files_unchanged, 0);
    let (third, _) = bench.run(&bench.request());
    assert_eq!(third.snapshot.statistics.files_unchanged, 1);
}

#[test]
fn what_the_rules_leave_out_is_not_there_and_the_repository_never_backs_up_itself() {
    let bench = Bench::new();
    let docs = bench.docs();
    fs::write(docs.join("keep.txt"), b"k").unwrap();
    fs::write(docs.join("drop.tmp"), b"d").unwrap();
    fs::write(docs.join("large"), vec![1; 5000]).unwrap();
    fs::create_dir_all(docs.join("build/deep")).unwrap();
    fs::create_dir_all(docs.join("cache")).unwrap();
    fs::write(docs.join("cache/CACHEDIR.TAG"), b"Signature: 8a477f597d28d172789f06886806bc55\n").unwrap();
    fs::write(docs.join("cache/rubbish"), b"r").unwrap();
    let mut request = bench.request();
    request.sources = vec![bench.folder.path().to_owned()];
    request.rules = RuleOptions {
        exclude: vec!["*.tmp".into(), "/docs/build/".into()],
        exclude_caches: true,
        maximum_size_bytes: Some(4999),
        one_file_system: true,
    };
    let (outcome, control) = bench.run(&request);
    assert_eq!(control.problems().problems, []);
    let top = bench.folder.path().file_name().unwrap().as_bytes().to_vec();
    let there = |path: &str| {
        let mut whole = top.clone();
        whole.extend_from_slice(path.as_bytes());
        bench.entry(&outcome, &whole).is_some()
    };
    assert!(there("/docs/keep.txt"));
    assert!(there("/docs/cache/CACHEDIR.TAG"));
    for absent in ["/docs/drop.tmp", "/docs/build", "/docs/large", "/docs/cache/rubbish", "/repository"] {
        assert!(!there(absent), "{absent}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_the_system_makes_up_is_not_read() {
    let bench = Bench::new();
    let mut request = bench.request();
    request.sources = vec![PathBuf::from("/")];
    request.rules.exclude = vec!["/*".into(), "!/proc".into()];
    let (outcome, control) = bench.run(&request);
    assert_eq!(control.problems().problems, []);
    let entry = bench.entry(&outcome, b"root/proc").unwrap();
    assert_eq!((entry.kind, entry.pages.len()), (EntryKind::Folder, 0));
    assert_eq!(outcome.snapshot.statistics.folders, 2);
}

#[test]
fn a_missing_source_is_told_and_the_others_go_on() {
    let bench = Bench::new();
    fs::write(bench.docs().join("a"), b"a").unwrap();
    fs::write(bench.folder.path().join("single"), b"one file").unwrap();
    let mut request = bench.request();
    request.sources =
        vec![bench.folder.path().join("gone"), bench.docs(), bench.folder.path().join("single")];
    let (outcome, control) = bench.run(&request);
    assert_eq!(control.problems().total, 1);
    assert!(control.problems().problems[0].path.ends_with("gone"));
    assert_eq!(outcome.snapshot.statistics.problems, 1);
    assert_eq!(bench.content(&outcome, b"docs/a"), b"a");
    assert_eq!(bench.content(&outcome, b"single"), b"one file");

    request.sources = vec![bench.folder.path().join("gone")];
    let (failed, _) = bench.run_at(&request, far_future());
    assert!(matches!(failed, Err(BackupError::Source(_))), "no empty snapshot of a source that is gone");
    assert_eq!(bench.repository.snapshots().unwrap().snapshots.len(), 1);
}

#[test]
fn a_source_may_be_reached_through_a_link_whatever_it_is() {
    let bench = Bench::new();
    let place = |name: &str| bench.folder.path().join(name);
    fs::write(bench.docs().join("a"), b"a").unwrap();
    fs::write(place("single"), b"one file").unwrap();
    symlink("docs", place("to docs")).unwrap();
    symlink("single", place("to single")).unwrap();
    symlink("nowhere", place("to nowhere")).unwrap();
    let mut request = bench.request();
    request.sources = ["to docs", "to single", "to nowhere"].map(place).to_vec();
    let (outcome, control) = bench.run(&request);
    assert_eq!(bench.content(&outcome, b"to docs/a"), b"a");
    assert_eq!(bench.content(&outcome, b"to single"), b"one file");
    assert!(bench.entry(&outcome, b"to nowhere").is_none());
    assert_eq!(control.problems().total, 1);
    // Only what is in the snapshot can be brought back to where it came from.
    let roots: Vec<_> = outcome.snapshot.sources.iter().map(|source| source.root.clone()).collect();
    assert_eq!(roots, [b"to docs".to_vec(), b"to single".to_vec()]);
}

#[test]
fn the_repository_is_no_source() {
    let bench = Bench::new();
    symlink("repository", bench.folder.path().join("alias")).unwrap();
    fs::write(bench.docs().join("a"), b"a").unwrap();
    for name in ["repository", "repository/packs", "alias", "alias/packs"] {
        let mut request = bench.request();
        request.sources = vec![bench.folder.path().join(name)];
        let (failed, _) = bench.run_at(&request, far_future());
        assert!(matches!(failed, Err(BackupError::Source(_))), "{name}");
        request.sources.push(bench.docs());
        let (outcome, control) = bench.run(&request);
        assert_eq!((outcome.snapshot.statistics.files, control.problems().total), (1, 1), "{name}");
    }
}

#[test]
fn patterns_are_matched_at_any_depth_and_progress_ends_where_it_should() {
    let bench = Bench::new();
    fs::create_dir_all(bench.docs().join("a/b/c")).unwrap();
    for path in ["a/b/c/drop", "a/b/drop", "a/b/c/keep", "keep"] {
        fs::write(bench.docs().join(path), b"x").unwrap();
    }
    symlink("elsewhere", bench.docs().join("a/link")).unwrap();
    let mut request = bench.request();
    request.rules.exclude = vec!["/a/b/c/drop".into()];
    let (outcome, control) = bench.run(&request);
    assert!(bench.entry(&outcome, b"docs/a/b/c/drop").is_none());
    assert!(bench.entry(&outcome, b"docs/a/b/drop").is_some());
    let progress = control.progress();
    assert_eq!((progress.items_done, progress.bytes_done), (progress.items_total, progress.bytes_total));
    assert_eq!(progress.items_total, 7);
}

#[test]
fn a_cancelled_run_makes_no_snapshot() {
    let bench = Bench::new();
    fs::write(bench.docs().join("a"), b"a").unwrap();
    let control = Arc::new(Control::new());
    control.cancel();
    let result = run_backup(&bench.repository, &bench.request(), &control, &far_future);
    assert!(result.unwrap_err().is_cancelled());
    assert!(bench.repository.snapshots().unwrap().snapshots.is_empty());
}

#[test]
fn a_tree_of_4000_levels_is_backed_up() {
    let bench = Bench::new();
    let mut folder = rustix::fs::open(
        bench.docs(),
        rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY,
        rustix::fs::Mode::empty(),
    )
    .unwrap();
    for _ in 0..4000 {
        rustix::fs::mkdirat(&folder, "d", rustix::fs::Mode::RWXU).unwrap();
        let flags = rustix::fs::OFlags::DIRECTORY | rustix::fs::OFlags::RDONLY;
        folder = rustix::fs::openat(&folder, "d", flags, rustix::fs::Mode::empty()).unwrap();
    }
    let flags = rustix::fs::OFlags::CREATE | rustix::fs::OFlags::WRONLY;
    let file = rustix::fs::openat(&folder, "bottom", flags, rustix::fs::Mode::RWXU).unwrap();
    rustix::io::write(&file, b"deep").unwrap();
    let (outcome, control) = bench.run(&bench.request());
    assert_eq!(control.problems().problems, []);
    assert_eq!(outcome.snapshot.statistics.folders, 4001);
    let path = format!("docs/{}bottom", "d/".repeat(4000));
    assert_eq!(bench.content(&outcome, path.as_bytes()), b"deep");
}

#[test]
fn an_unreadable_file_is_told_and_the_rest_is_kept() {
    let bench = Bench::new();
    fs::write(bench.docs().join("good"), b"g").unwrap();
    // Reading the memory of this process from its start fails for everybody, the administrator included.
    let mut request = bench.request();
    request.sources = vec![bench.docs(), PathBuf::from("/proc/self/mem")];
    let (outcome, control) = bench.run(&request);
    assert_eq!(bench.content(&outcome, b"docs/good"), b"g");
    if Path::new("/proc/self/mem").exists() {
        let problems = control.problems();
        assert!(problems.problems.iter().all(|problem| problem.path.starts_with("/proc/self/mem")));
    }
}

#[test]
fn differences_versions_and_findings_tell_what_happened() {
    let bench = Bench::new();
    let docs = bench.docs();
    fs::create_dir(docs.join("same")).unwrap();
    fs::write(docs.join("same/file"), b"same").unwrap();
    fs::write(docs.join("report.txt"), b"one").unwrap();
    fs::write(docs.join("gone"), b"gone").unwrap();
    fs::write(docs.join("turns"), b"file").unwrap();
    let (first, _) = bench.run(&bench.request());
    fs::write(docs.join("report.txt"), b"two!").unwrap();
    fs::remove_file(docs.join("gone")).unwrap();
    fs::remove_file(docs.join("turns")).unwrap();
    fs::create_dir(docs.join("turns")).unwrap();
    fs::write(docs.join("turns/new"), b"new").unwrap();
    let (second, _) = bench.run(&bench.request());

    let mut differences = Vec::new();
    compare(&bench.repository, &first.snapshot, &second.snapshot, &Control::new(), |difference| {
        differences.push((difference.path.to_string(), difference.change));
        ControlFlow::Continue(())
    })
    .unwrap();
    let expected = [
        ("docs", Change::Metadata),
        ("docs/gone", Change::Removed),
        ("docs/report.txt", Change::Content),
        ("docs/turns", Change::Kind),
        ("docs/turns/new", Change::Added),
    ];
    assert_eq!(differences, expected.map(|(path, change)| (path.to_owned(), change)));

    let mut found = Vec::new();
    find(&bench.repository, &[], &Pattern::new("REPORT").unwrap(), &Control::new(), |hit| {
        found.push((hit.snapshot, hit.entry.size_bytes));
        ControlFlow::Continue(())
    })
    .unwrap();
    assert_eq!(found, [(second.id, 4), (first.id, 3)]);

    let path = RelativePath::parse(b"docs/gone").unwrap();
    let history = versions(&bench.repository, &[], &path, &Control::new()).unwrap();
    let shape: Vec<_> =
        history.iter().map(|version| (version.entry.is_some(), version.snapshots.clone())).collect();
    assert_eq!(shape, [(false, vec![second.id]), (true, vec![first.id])]);
}
