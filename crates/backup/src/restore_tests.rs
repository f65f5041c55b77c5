//! Restoring trees: what comes back, what stays, and what is told.

use std::fs::{self, File};
use std::sync::Arc;

use keepwell_endpoint::local::LocalStore;
use keepwell_model::{Content, ContentHash, Entry, Metadata, Piece, Timestamp};
use keepwell_repository::secret::Cost;
use keepwell_repository::{InitOptions, Secret, Writer};
use keepwell_testkit::{CompareOptions, TreeOptions, compare_trees, make_tree};

use super::*;
use crate::backup::{BackupRequest, ParentChoice, Threads, run_backup};
use crate::restore_plan::{Action, Reason};
use crate::rules::RuleOptions;

/// A repository, and room for sources and targets beside it.
struct Bench {
    folder: tempfile::TempDir,
    repository: Repository,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = LocalStore::create(folder.path().join("repository")).unwrap();
        let options = InitOptions {
            password: Secret::new("a password"),
            now_seconds: 0,
            cost: Cost { memory_kib: 8, passes: 1, lanes: 1 },
        };
        let (repository, _) = Repository::init(Arc::new(store), &options).unwrap();
        Self { folder, repository }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn backup(&self, sources: &[PathBuf]) -> Snapshot {
        let request = BackupRequest {
            sources: sources.to_vec(),
            rules: RuleOptions::default(),
            avoid: Vec::new(),
            host: "host".into(),
            user: "user".into(),
            system: std::env::consts::OS.into(),
            program: "test".into(),
            plan: None,
            tags: Vec::new(),
            parent: ParentChoice::None,
            threads: Threads { readers: 2, compressors: 1 },
        };
        let control = Arc::new(Control::new());
        let outcome = run_backup(&self.repository, &request, &control, &Timestamp::default).unwrap();
        outcome.snapshot
    }

    /// A snapshot of entries put together by hand: whatever someone with the keys could write.
    fn write_snapshot(&self, make: impl FnOnce(&Writer) -> Vec<Entry>) -> Snapshot {
        let writer = Writer::begin(&self.repository, 1, &Arc::new(Control::new())).unwrap();
        let entries = make(&writer);
        let root_pages = writer.write_folder(&entries).unwrap();
        writer.finish().unwrap();
        self.repository.forget_index();
        Snapshot {
            started: Timestamp::default(),
            finished: Timestamp::default(),
            host: String::new(),
            user: String::new(),
            system: std::env::consts::OS.into(),
            program: String::new(),
            sources: Vec::new(),
            root_pages,
            parent: None,
            plan: None,
            tags: Vec::new(),
            statistics: keepwell_model::SnapshotStatistics::default(),
        }
    }

    fn run(&self, snapshot: &Snapshot, options: &RestoreOptions) -> (RestoreReport, Control) {
        let control = Control::new();
        let report = run(&self.repository, snapshot, options, &control).unwrap();
        (report, control)
    }

    /// A restore that has nothing to complain about.
    fn run_well(&self, snapshot: &Snapshot, options: &RestoreOptions) -> RestoreReport {
        let (report, control) = self.run(snapshot, options);
        assert_eq!(control.problems().problems, []);
        assert_eq!((report.failed, report.mismatched), (0, 0));
        let progress = control.progress();
        assert_eq!(progress.items_done, progress.items_total);
        assert_eq!(progress.bytes_done, progress.bytes_total);
        report
    }

    fn to(&self, name: &str) -> RestoreOptions {
        RestoreOptions {
            target: RestoreTarget::Folder(self.path(name)),
            paths: Vec::new(),
            overwrite: Overwrite::IfDifferent,
            verify: true,
        }
    }
}

fn compared(expected: &Path, found: &Path) -> Vec<String> {
    let options = CompareOptions { ignore_sockets: true, ..CompareOptions::default() };
    compare_trees(expected, found, options).unwrap()
}

fn set_modified(path: &Path, seconds: u64) {
    let time = std::time::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
    File::options().write(true).open(path).unwrap().set_modified(time).unwrap();
}

fn file_entry(writer: &Writer, name: &str, content: &[u8]) -> Entry {
    let mut sink = writer.sink().unwrap();
    let (hash, id) = sink.add(content).unwrap();
    sink.finish().unwrap();
    let length_bytes = u32::try_from(content.len()).unwrap();
    Entry {
        size_bytes: content.len() as u64,
        metadata: Metadata { mode: 0o644, modified: Timestamp::new(1000, 0), ..own_metadata() },
        content: Some(Content { hash, pieces: vec![Piece::Chunk { id, length_bytes }] }),
        ..Entry::new(name.as_bytes().to_vec(), EntryKind::File)
    }
}

fn folder_entry(writer: &Writer, name: &str, entries: &[Entry]) -> Entry {
    let metadata = Metadata { mode: 0o755, modified: Timestamp::new(2000, 0), ..own_metadata() };
    let pages = writer.write_folder(entries).unwrap();
    Entry { metadata, pages, ..Entry::new(name.as_bytes().to_vec(), EntryKind::Folder) }
}

/// The owner of a file made by this process.
fn own_metadata() -> Metadata {
    static OWNER: std::sync::OnceLock<(u32, u32)> = std::sync::OnceLock::new();
    let (user_id, group_id) = *OWNER.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let stat = Folder::open(folder.path()).unwrap().create_file(b"x", 0o600).unwrap().stat().unwrap();
        (stat.user_id, stat.group_id)
    });
    Metadata { user_id, group_id, ..Metadata::default() }
}

#[test]
fn a_tree_with_everything_comes_back_and_is_proven() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let report = bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
    assert_eq!(report.verified, report.counts.files);
    assert!(report.counts.files > 50);

    // A second run finds all of it right; a third, told to trust nothing, writes it again.
    let again = bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!((again.written_bytes, again.counts.created, again.counts.replaced), (0, 0, 0));
    let options = RestoreOptions { overwrite: Overwrite::Always, ..bench.to("target") };
    let always = bench.run_well(&snapshot, &options);
    assert!(always.counts.replaced > 50);
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
}

#[test]
fn every_mode_restores_a_whole_tree_into_an_empty_place() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::seeded(2)).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    for overwrite in [Overwrite::Never, Overwrite::IfOlder, Overwrite::Always] {
        let name = format!("target {overwrite:?}");
        bench.run_well(&snapshot, &RestoreOptions { overwrite, ..bench.to(&name) });
        assert_eq!(compared(&bench.path("source"), &bench.path(&name).join("source")), [""; 0]);
    }
}

#[test]
fn the_preview_is_what_happens() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let options = bench.to("target");
    let control = Control::new();
    let ask = |skip, take| preview(&bench.repository, &snapshot, &options, skip, take, &control).unwrap();
    let before = ask(0, usize::MAX);
    assert!(!bench.path("target").exists());
    assert_eq!(before.operations.len() as u64, before.operations_total);
    assert_eq!(ask(3, 5).operations, before.operations[3..8]);
    assert_eq!(ask(3, 5).counts, before.counts);
    assert!(before.operations.iter().all(|operation| operation.reason != Reason::Different));

    let report = bench.run_well(&snapshot, &options);
    assert_eq!(report.counts, before.counts);
    fs::write(bench.path("target/source/large-text.txt"), "changed").unwrap();
    fs::remove_file(bench.path("target/source/large-random.bin")).unwrap();
    let after = ask(0, usize::MAX);
    let changes: Vec<_> =
        after.operations.iter().filter(|line| !matches!(line.action, Action::Skip | Action::Merge)).collect();
    let lines: Vec<_> = changes.iter().map(|line| (&line.path[..], line.action, line.reason)).collect();
    assert_eq!(
        lines,
        [
            (&b"source/large-random.bin"[..], Action::Create, Reason::Absent),
            (b"source/large-text.txt", Action::Replace, Reason::Different),
        ]
    );
    let report = bench.run_well(&snapshot, &options);
    assert_eq!(report.counts, after.counts);
    assert_eq!(report.written_bytes, after.counts.bytes);
}

#[test]
fn chosen_paths_and_nothing_else() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let paths = ["source/oddities/one byte", "source/large-text.txt", "source/oddities/empty folder"];
    let paths = paths.map(|path| RelativePath::parse(path.as_bytes()).unwrap()).to_vec();
    let report = bench.run_well(&snapshot, &RestoreOptions { paths, ..bench.to("target") });
    assert_eq!(report.counts.files, 2);
    let target = bench.path("target/source");
    assert_eq!(fs::read_dir(&target).unwrap().count(), 2);
    assert_eq!(fs::read_dir(target.join("oddities")).unwrap().count(), 2);
    assert_eq!(fs::read(target.join("oddities/one byte")).unwrap(), b"1");

    let absent = vec![RelativePath::parse(b"source/absent").unwrap()];
    let options = RestoreOptions { paths: absent, ..bench.to("other") };
    let result = run(&bench.repository, &snapshot, &options, &Control::new());
    assert!(matches!(result, Err(RestoreError::NotInSnapshot { path }) if path == "source/absent"));
}

#[test]
fn back_to_where_it_came_from() {
    let bench = Bench::new();
    make_tree(&bench.path("a/docs"), &TreeOptions::plain(3, 2, 3)).unwrap();
    make_tree(&bench.path("b/docs"), &TreeOptions::plain(4, 2, 3)).unwrap();
    fs::write(bench.path("b/note"), "a note").unwrap();
    fs::create_dir(bench.path("c")).unwrap();
    fs::write(bench.path("c/note"), "another").unwrap();
    let sources = ["a/docs", "b/docs", "b/note", "c/note"].map(|path| bench.path(path));
    let snapshot = bench.backup(&sources);
    for folder in ["a", "b", "c"] {
        fs::rename(bench.path(folder), bench.path(&format!("{folder} before"))).unwrap();
    }
    let options = RestoreOptions { target: RestoreTarget::Origin, ..bench.to("") };
    bench.run_well(&snapshot, &options);
    assert_eq!(compared(&bench.path("a before/docs"), &bench.path("a/docs")), [""; 0]);
    assert_eq!(compared(&bench.path("b before/docs"), &bench.path("b/docs")), [""; 0]);
    assert_eq!(fs::read(bench.path("b/note")).unwrap(), b"a note");
    assert_eq!(fs::read(bench.path("c/note")).unwrap(), b"another");
    assert_eq!(fs::read_dir(bench.path("c")).unwrap().count(), 1);

    // One of them alone: the places of the others are left alone, even where they are gone.
    for folder in ["a", "b", "c"] {
        fs::rename(bench.path(folder), bench.path(&format!("{folder} restored"))).unwrap();
    }
    let paths = vec![RelativePath::parse(b"note").unwrap()];
    bench.run_well(&snapshot, &RestoreOptions { paths, ..options.clone() });
    assert_eq!(fs::read(bench.path("b/note")).unwrap(), b"a note");
    assert!(!bench.path("a").exists() && !bench.path("c").exists());

    let foreign = Snapshot { system: "another".into(), ..snapshot };
    let result = run(&bench.repository, &foreign, &options, &Control::new());
    assert!(matches!(result, Err(RestoreError::NoOrigin { .. })));
}

#[test]
fn in_place_only_the_blocks_that_differ_are_written() {
    let bench = Bench::new();
    make_tree(
        &bench.path("source"),
        &TreeOptions { large_file_bytes: 20 << 20, ..TreeOptions::plain(5, 0, 0) },
    )
    .unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let target = bench.path("target/source/large-random.bin");
    bench.run_well(&snapshot, &bench.to("target"));
    let inode = Folder::open(target.parent().unwrap()).unwrap().stat(b"large-random.bin").unwrap().inode;

    let mut content = fs::read(&target).unwrap();
    content[10_000_000] ^= 1;
    content.extend_from_slice(b"and more at the end");
    fs::write(&target, &content).unwrap();
    let report = bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!(report.counts.updated, 1);
    assert!(report.written_bytes > 0 && report.written_bytes < 10 << 20, "{}", report.written_bytes);
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
    let after = Folder::open(target.parent().unwrap()).unwrap().stat(b"large-random.bin").unwrap();
    assert_eq!(after.inode, inode);

    // Cut short, and a time that lies: looked at block by block when asked to trust nothing.
    let options = RestoreOptions { overwrite: Overwrite::Always, ..bench.to("target") };
    fs::write(&target, &content[..5_000_000]).unwrap();
    bench.run_well(&snapshot, &options);
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
    let report = bench.run_well(&snapshot, &options);
    assert_eq!(report.written_bytes, 0);
}

#[cfg(unix)]
#[test]
fn a_hole_in_the_snapshot_clears_what_an_old_file_has_there() {
    let bench = Bench::new();
    fs::create_dir(bench.path("source")).unwrap();
    let file = File::create(bench.path("source/disk")).unwrap();
    file.set_len(24 << 20).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, b"data", 12 << 20).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    fs::create_dir_all(bench.path("target/source")).unwrap();
    fs::write(bench.path("target/source/disk"), vec![7; 30 << 20]).unwrap();
    let report = bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!(report.counts.updated, 1);
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
}

#[test]
fn what_is_there_is_treated_as_asked() {
    let bench = Bench::new();
    fs::create_dir(bench.path("source")).unwrap();
    fs::write(bench.path("source/file"), "from the snapshot").unwrap();
    set_modified(&bench.path("source/file"), 1_000_000);
    let snapshot = bench.backup(&[bench.path("source")]);
    for (overwrite, modified, restored) in [
        (Overwrite::Never, 900_000, false),
        (Overwrite::IfOlder, 900_000, true),
        (Overwrite::IfOlder, 1_100_000, false),
        (Overwrite::IfDifferent, 1_100_000, true),
        (Overwrite::Always, 1_100_000, true),
    ] {
        let name = format!("target {overwrite:?} {modified}");
        let file = bench.path(&name).join("source/file");
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, "was there before").unwrap();
        set_modified(&file, modified);
        bench.run_well(&snapshot, &RestoreOptions { overwrite, ..bench.to(&name) });
        let expected: &[u8] = if restored { b"from the snapshot" } else { b"was there before" };
        assert_eq!(fs::read(&file).unwrap(), expected, "{name}");
        assert_eq!(fs::read_dir(file.parent().unwrap()).unwrap().count(), 1);
    }
}

#[test]
fn verifying_finds_a_file_that_only_looks_right() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::plain(6, 1, 3)).unwrap();
    fs::write(bench.path("source/victim"), "right").unwrap();
    set_modified(&bench.path("source/victim"), 1_000_000);
    let snapshot = bench.backup(&[bench.path("source")]);
    bench.run_well(&snapshot, &bench.to("target"));
    fs::write(bench.path("target/source/victim"), "wrong").unwrap();
    set_modified(&bench.path("target/source/victim"), 1_000_000);
    let (report, control) = bench.run(&snapshot, &bench.to("target"));
    assert_eq!((report.mismatched, report.verified), (1, 3));
    assert!(control.problems().problems[0].path.ends_with("victim"));
    bench.run_well(&snapshot, &RestoreOptions { overwrite: Overwrite::Always, ..bench.to("target") });
    assert_eq!(fs::read(bench.path("target/source/victim")).unwrap(), b"right");
}

#[test]
fn leftovers_of_an_interrupted_restore_go_and_half_a_file_is_written_again() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    bench.run_well(&snapshot, &bench.to("target"));
    let target = bench.path("target/source");
    fs::write(target.join(".keepwell-restore-0123456789abcdef"), "half").unwrap();
    let whole = fs::read(target.join("large-random.bin")).unwrap();
    fs::write(target.join("large-random.bin"), &whole[..1_000_000]).unwrap();
    bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!(compared(&bench.path("source"), &target), [""; 0]);
}

#[test]
fn a_cancelled_restore_says_so_and_goes_on_when_run_again() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let control = Control::new();
    control.cancel();
    let report = run(&bench.repository, &snapshot, &bench.to("target"), &control).unwrap();
    assert!(report.cancelled);
    bench.run_well(&snapshot, &bench.to("target"));
    assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
}

#[test]
fn what_a_stopped_restore_did_not_come_to_is_not_counted() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::default()).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let control = Control::new();
    let mut stop = |_: &RestoredEntry| control.cancel();
    let report =
        run_observed(&bench.repository, &snapshot, &bench.to("target"), &control, &mut stop).unwrap();
    assert!(report.cancelled);
    assert_eq!(report.counts, RestoreCounts::default(), "the first batch was broken off");
}

#[test]
fn one_damaged_pack_costs_only_the_files_in_it() {
    let bench = Bench::new();
    let two = bench.write_snapshot(|writer| {
        vec![folder_entry(
            writer,
            "folder",
            &[file_entry(writer, "bad", &[1; 5000]), file_entry(writer, "good", b"good")],
        )]
    });
    // Damaged from here on: the group of the first file (each file has a group of its own here).
    let entries = bench.repository.entry_at(&two, &RelativePath::parse(b"folder/bad").unwrap()).unwrap();
    let Piece::Chunk { id, .. } = entries.content.unwrap().pieces[0] else { panic!("a chunk") };
    let location = bench.repository.locate(&id).unwrap();
    let place = bench.repository.group_location(location.group).unwrap();
    let name = place.pack.to_string();
    let pack =
        walk_files(&bench.path("repository/packs")).into_iter().find(|path| path.ends_with(&name)).unwrap();
    let mut bytes = fs::read(&pack).unwrap();
    let at = place.offset as usize + place.sealed_length as usize;
    bytes[at] ^= 1;
    fs::write(&pack, bytes).unwrap();

    let (report, control) = bench.run(&two, &bench.to("target"));
    assert_eq!((report.failed, report.verified), (1, 1));
    let problems = control.problems().problems;
    assert_eq!(problems.len(), 1);
    assert!(problems[0].path.ends_with("bad") && problems[0].why.contains(&name), "{problems:?}");
    assert!(!bench.path("target/folder/bad").exists());
    assert_eq!(fs::read(bench.path("target/folder/good")).unwrap(), b"good");
}

fn walk_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(walk_files(&path)) } else { found.push(path) }
    }
    found
}

#[test]
fn a_snapshot_that_lies_about_content_is_refused_file_by_file() {
    let bench = Bench::new();
    let snapshot = bench.write_snapshot(|writer| {
        let mut missing = file_entry(writer, "b", b"else");
        let id = keepwell_model::ChunkId([9; 32]);
        missing.content =
            Some(Content { hash: ContentHash([0; 32]), pieces: vec![Piece::Chunk { id, length_bytes: 4 }] });
        let mut wrong_length = file_entry(writer, "c", b"right");
        if let Some(content) = &mut wrong_length.content
            && let Piece::Chunk { length_bytes, .. } = &mut content.pieces[0]
        {
            *length_bytes = 4;
        }
        wrong_length.size_bytes = 4;
        vec![missing, wrong_length, file_entry(writer, "d", b"fine")]
    });
    let (report, control) = bench.run(&snapshot, &bench.to("target"));
    assert_eq!((report.failed, report.verified, control.problems().total), (2, 1, 2));
    let left: Vec<_> =
        fs::read_dir(bench.path("target")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["d"]);
}

#[test]
fn what_does_not_fit_is_told_before_anything_is_written_and_holes_need_no_room() {
    let bench = Bench::new();
    let huge = |piece: fn(keepwell_model::ChunkId) -> Piece| {
        bench.write_snapshot(|writer| {
            let mut entry = file_entry(writer, "huge", b"x");
            let Some(content) = &mut entry.content else { panic!("a file has content") };
            let Piece::Chunk { id, .. } = content.pieces[0] else { panic!("a chunk") };
            content.pieces.extend(std::iter::repeat_n(piece(id), 20_000));
            entry.size_bytes += 20_000 * u64::from(u32::MAX);
            vec![entry]
        })
    };
    let full = huge(|id| Piece::Chunk { id, length_bytes: u32::MAX });
    let result = run(&bench.repository, &full, &bench.to("target"), &Control::new());
    assert!(matches!(result, Err(RestoreError::NotEnoughSpace { .. })), "{result:?}");
    assert_eq!(fs::read_dir(bench.path("target")).unwrap().count(), 0);
    let holes = huge(|_| Piece::Hole { length_bytes: u64::from(u32::MAX) });
    let counts =
        preview(&bench.repository, &holes, &bench.to("target"), 0, 0, &Control::new()).unwrap().counts;
    assert_eq!((counts.bytes, counts.files_bytes), (1, 1 + 20_000 * u64::from(u32::MAX)));
}

#[test]
fn the_repository_is_no_target() {
    let bench = Bench::new();
    let snapshot = bench.write_snapshot(|writer| vec![file_entry(writer, "a", b"x")]);
    for target in ["repository", "repository/packs/new/folder"] {
        let result = run(&bench.repository, &snapshot, &bench.to(target), &Control::new());
        assert!(matches!(result, Err(RestoreError::TargetInRepository { .. })), "{target}");
    }
}

#[test]
fn a_repository_that_is_gone_ends_the_run() {
    let bench = Bench::new();
    make_tree(&bench.path("source"), &TreeOptions::plain(7, 3, 3)).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    fs::rename(bench.path("repository"), bench.path("elsewhere")).unwrap();
    let result = run(&bench.repository, &snapshot, &bench.to("target"), &Control::new());
    let root = bench.path("repository").display().to_string();
    assert!(matches!(&result, Err(error) if error.to_string().starts_with(&root)), "{result:?}");
    assert!(!bench.path("repository").exists());
}

#[test]
fn only_leftovers_of_a_restore_are_taken_away() {
    let bench = Bench::new();
    let (leftover, other) = (".keepwell-restore-0123456789abcdef", ".keepwell-restore-notes");
    let files =
        |writer: &Writer| vec![file_entry(writer, leftover, b"kept once"), file_entry(writer, "a", b"a")];
    let snapshot = bench.write_snapshot(files);
    bench.run_well(&snapshot, &bench.to("target"));
    fs::write(bench.path("target").join(other), "mine").unwrap();
    fs::create_dir(bench.path("target").join(".keepwell-restore-fedcba9876543210")).unwrap();
    bench.run_well(&snapshot, &bench.to("target"));
    // The snapshot holds one itself, from a backup of a half restored folder: it is there again.
    assert_eq!(fs::read(bench.path("target").join(leftover)).unwrap(), b"kept once");
    assert_eq!(fs::read(bench.path("target").join(other)).unwrap(), b"mine");
    assert_eq!(fs::read_dir(bench.path("target")).unwrap().count(), 4);
}

#[test]
fn a_restore_stopped_in_the_middle_leaves_no_half_file() {
    let bench = Bench::new();
    let tree = TreeOptions { large_file_bytes: 40 << 20, ..TreeOptions::plain(5, 0, 0) };
    make_tree(&bench.path("source"), &tree).unwrap();
    let snapshot = bench.backup(&[bench.path("source")]);
    let control = Arc::new(Control::new());
    let store = CancelAfter {
        inner: LocalStore::open(bench.path("repository")).unwrap(),
        left: 5.into(),
        control: Arc::clone(&control),
    };
    let repository = Repository::open(Arc::new(store), &Secret::new("a password")).unwrap();
    let report = run(&repository, &snapshot, &bench.to("target"), &control).unwrap();
    assert!(report.cancelled && report.written_bytes > 0, "{report:?}");
    assert_eq!(walk_files(&bench.path("target")), [] as [PathBuf; 0]);
}

/// A store in which the person cancels after so many packs were read.
struct CancelAfter {
    inner: LocalStore,
    left: std::sync::atomic::AtomicI64,
    control: Arc<Control>,
}

impl keepwell_endpoint::Store for CancelAfter {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn list(&self, folder: &str) -> Result<Vec<keepwell_endpoint::StoredObject>, EndpointError> {
        self.inner.list(folder)
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        self.inner.names()
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        self.inner.size_bytes(key)
    }

    fn read_range(&self, key: &str, offset: u64, length: usize) -> Result<Vec<u8>, EndpointError> {
        let is_pack = key.starts_with("packs/");
        if is_pack && self.left.fetch_sub(1, std::sync::atomic::Ordering::AcqRel) == 1 {
            self.control.cancel();
        }
        self.inner.read_range(key, offset, length)
    }

    fn create(&self, key: &str) -> Result<Box<dyn keepwell_endpoint::Upload>, EndpointError> {
        self.inner.create(key)
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        self.inner.delete(key)
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        self.inner.create_folders(folders)
    }

    fn unfinished(&self) -> Result<Vec<keepwell_endpoint::StoredObject>, EndpointError> {
        self.inner.unfinished()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }
}

#[test]
fn sizes_that_no_disk_has_are_told_and_harm_nothing() {
    let bench = Bench::new();
    let snapshot = bench.write_snapshot(|writer| {
        let hole = |name: &str| {
            let mut entry = file_entry(writer, name, b"x");
            let pieces = vec![Piece::Hole { length_bytes: u64::MAX }];
            entry.content = Some(Content { hash: ContentHash([0; 32]), pieces });
            entry.size_bytes = u64::MAX;
            entry
        };
        vec![hole("a"), hole("b"), file_entry(writer, "c", b"fine")]
    });
    let (report, control) = bench.run(&snapshot, &bench.to("target"));
    assert_eq!((report.failed, report.verified, control.problems().total), (2, 1, 2));
    assert_eq!(fs::read_dir(bench.path("target")).unwrap().count(), 1);
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

    #[test]
    fn files_of_a_system_without_permissions_can_be_used() {
        let bench = Bench::new();
        let snapshot = bench.write_snapshot(|writer| {
            let without = |entry: Entry| Entry {
                metadata: Metadata { mode: 0, user_id: 0, group_id: 0, ..entry.metadata },
                ..entry
            };
            let file = without(file_entry(writer, "file", b"x"));
            vec![without(folder_entry(writer, "folder", &[file]))]
        });
        let snapshot = Snapshot { system: "windows".into(), ..snapshot };
        bench.run_well(&snapshot, &bench.to("target"));
        let mode = |path: &str| fs::metadata(bench.path(path)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode("target/folder"), mode("target/folder/file")), (0o700, 0o600));
        let report = bench.run_well(&snapshot, &bench.to("target"));
        assert_eq!((report.counts.already_right, report.counts.metadata_set), (1, 0));
    }

    #[test]
    fn a_link_in_the_target_is_never_followed() {
        let bench = Bench::new();
        make_tree(&bench.path("source"), &TreeOptions::plain(8, 2, 2)).unwrap();
        fs::write(bench.path("source/file"), "content").unwrap();
        let snapshot = bench.backup(&[bench.path("source")]);
        let outside = bench.path("outside");
        fs::create_dir_all(&outside).unwrap();
        fs::write(outside.join("file"), "untouched").unwrap();
        fs::create_dir_all(bench.path("target/source")).unwrap();
        symlink(&outside, bench.path("target/source/folder-000")).unwrap();
        symlink(outside.join("file"), bench.path("target/source/file")).unwrap();
        let (report, control) = bench.run(&snapshot, &bench.to("target"));
        assert!(report.failed > 0);
        assert!(control.problems().problems[0].why.contains("link"));
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read(outside.join("file")).unwrap(), b"untouched");
        // In the place of the link to a file there is the file now.
        assert!(fs::symlink_metadata(bench.path("target/source/file")).unwrap().is_file());
        assert_eq!(fs::read(bench.path("target/source/file")).unwrap(), b"content");
    }

    #[test]
    fn links_made_by_the_snapshot_itself_lead_nowhere() {
        let bench = Bench::new();
        fs::create_dir(bench.path("outside")).unwrap();
        // Two snapshots into one place: the first plants a link, the second has a folder of that name.
        let target = bench.path("outside");
        let first = bench.write_snapshot(|_| {
            let link = Entry::new(b"evil".to_vec(), EntryKind::Symlink);
            let target = target.as_os_str().as_encoded_bytes().to_vec();
            vec![Entry { target: Some(target), metadata: own_metadata(), ..link }]
        });
        let second = bench.write_snapshot(|writer| {
            vec![folder_entry(writer, "evil", &[file_entry(writer, "file", b"gotcha")])]
        });
        bench.run_well(&first, &bench.to("target"));
        let options = RestoreOptions { overwrite: Overwrite::Always, ..bench.to("target") };
        let (report, control) = bench.run(&second, &options);
        // The folder and the file in it.
        assert_eq!((report.failed, report.written_bytes), (2, 0));
        assert!(control.problems().problems[0].path.ends_with("evil"));
        assert_eq!(fs::read_dir(bench.path("outside")).unwrap().count(), 0);
    }

    #[test]
    fn hard_links_are_one_file_again_even_if_only_some_are_there() {
        let bench = Bench::new();
        fs::create_dir_all(bench.path("source/z")).unwrap();
        fs::write(bench.path("source/a"), "shared").unwrap();
        for name in ["b", "c", "z/d"] {
            fs::hard_link(bench.path("source/a"), bench.path("source").join(name)).unwrap();
        }
        let snapshot = bench.backup(&[bench.path("source")]);
        let target = bench.path("target/source");
        let inode = |name: &str| fs::metadata(target.join(name)).unwrap().ino();
        for damage in [&[][..], &["b"], &["a"], &["a", "z/d"]] {
            for name in damage {
                fs::remove_file(target.join(name)).unwrap();
            }
            bench.run_well(&snapshot, &bench.to("target"));
            let first = inode("a");
            for name in ["b", "c", "z/d"] {
                assert_eq!(inode(name), first, "{name} after {damage:?}");
            }
            assert_eq!(fs::metadata(target.join("a")).unwrap().nlink(), 4);
        }
        fs::remove_file(target.join("c")).unwrap();
        fs::write(target.join("c"), "something else").unwrap();
        bench.run_well(&snapshot, &bench.to("target"));
        assert_eq!(inode("c"), inode("a"));
        assert_eq!(compared(&bench.path("source"), &target), [""; 0]);
    }

    #[test]
    fn permissions_alone_are_mended_and_folders_that_forbid_writing_are_filled() {
        let bench = Bench::new();
        fs::create_dir_all(bench.path("source/locked")).unwrap();
        fs::write(bench.path("source/locked/file"), "content").unwrap();
        let mode = |path: &str, mode| {
            fs::set_permissions(bench.path(path), fs::Permissions::from_mode(mode)).unwrap();
        };
        mode("source/locked/file", 0o440);
        mode("source/locked", 0o555);
        let snapshot = bench.backup(&[bench.path("source")]);
        bench.run_well(&snapshot, &bench.to("target"));
        assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
        mode("target/source/locked/file", 0o666);
        let report = bench.run_well(&snapshot, &bench.to("target"));
        assert_eq!((report.counts.metadata_set, report.written_bytes), (1, 0));
        assert_eq!(compared(&bench.path("source"), &bench.path("target/source")), [""; 0]);
        for path in ["source/locked", "target/source/locked"] {
            mode(path, 0o755);
        }
    }

    #[test]
    fn a_folder_in_the_way_of_a_file_stays_and_is_told() {
        let bench = Bench::new();
        fs::create_dir_all(bench.path("source/sub")).unwrap();
        fs::write(bench.path("source/thing"), "a file").unwrap();
        fs::write(bench.path("source/sub/inner"), "inner").unwrap();
        let snapshot = bench.backup(&[bench.path("source")]);
        fs::create_dir_all(bench.path("target/source/thing")).unwrap();
        fs::write(bench.path("target/source/thing/precious"), "mine").unwrap();
        fs::write(bench.path("target/source/sub"), "a file where a folder should be").unwrap();
        let options = RestoreOptions { overwrite: Overwrite::Always, ..bench.to("target") };
        let (report, control) = bench.run(&snapshot, &options);
        assert_eq!(report.counts.refused, 3);
        assert_eq!(control.problems().total, 2);
        assert_eq!(fs::read(bench.path("target/source/thing/precious")).unwrap(), b"mine");
        assert!(bench.path("target/source/sub").is_file());
    }

    #[test]
    fn a_tree_deeper_than_any_path_is_long() {
        // Longer than the longest path a system call takes.
        const LEVELS: usize = 600;
        let bench = Bench::new();
        let snapshot = bench.write_snapshot(|writer| {
            let mut entries = vec![file_entry(writer, "bottom", b"deep down")];
            for _ in 0..LEVELS {
                entries = vec![folder_entry(writer, "a folder", &entries)];
            }
            entries
        });
        let report = bench.run_well(&snapshot, &bench.to("target"));
        assert_eq!((report.counts.created, report.verified), (LEVELS as u64 + 1, 1));
        keepwell_testkit::remove_tree(&bench.path("target")).unwrap();
    }
}
