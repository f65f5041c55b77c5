//! Two real folders and a state folder to sync them with; a clock that goes on by a second with every look.

#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use keepwell_endpoint::Tree;
use keepwell_endpoint::local::LocalTree;
use keepwell_model::{Control, JobId, PairId, Timestamp};
use keepwell_sync::pair::{BinSpec, FilterSpec, PlaceSpec};
use keepwell_sync::{
    ConflictPolicy, Done, Limits, Mode, PairSpec, Side, SyncError, SyncReport, Syncer, SyncerOptions,
};

/// Two folders, a state folder, and a clock that goes on by a second with every look.
pub struct Home {
    pub folder: tempfile::TempDir,
    pub time: Arc<AtomicI64>,
    pub pair: PairSpec,
    pub runs: u8,
}

impl Home {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("left")).unwrap();
        fs::create_dir(folder.path().join("right")).unwrap();
        let place = |label: &str| PlaceSpec { label: label.into(), ..PlaceSpec::default() };
        let pair = PairSpec {
            id: PairId([7; 16]),
            name: "a pair".into(),
            left: place("Laptop"),
            right: place("Disk"),
            mode: Mode::TwoWay,
            conflicts: ConflictPolicy::Ask,
            conflicts_by_pattern: Vec::new(),
            links: Default::default(),
            attributes: false,
            modes: true,
            rules: FilterSpec::default(),
            brakes: Default::default(),
            bin: BinSpec::default(),
            live: false,
            paused: false,
        };
        Self { folder, time: Arc::new(AtomicI64::new(1_790_000_000)), pair, runs: 0 }
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    pub fn write(&self, path: &str, content: &str) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    pub fn read(&self, path: &str) -> Option<String> {
        fs::read_to_string(self.path(path)).ok()
    }

    pub fn open(&self) -> Syncer {
        Syncer::open(self.options()).unwrap()
    }

    /// With a place of a test in the stead of one of the folders.
    pub fn open_at(&self, side: Side, place: impl Tree + 'static) -> Syncer {
        let mut options = self.options();
        match side {
            Side::Left => options.left = Arc::new(place),
            Side::Right => options.right = Arc::new(place),
        }
        Syncer::open(options).unwrap()
    }

    pub fn options(&self) -> SyncerOptions {
        let time = Arc::clone(&self.time);
        SyncerOptions {
            state_folder: self.path("state"),
            pair: self.pair.clone(),
            left: Arc::new(LocalTree::open(&self.path("left")).unwrap()),
            right: Arc::new(LocalTree::open(&self.path("right")).unwrap()),
            clock: Arc::new(move || Timestamp::new(time.fetch_add(1, Ordering::Relaxed), 0)),
            utc_offset_seconds: 0,
        }
    }

    pub fn run_with(&mut self, syncer: &mut Syncer) -> Result<(SyncReport, Vec<Done>), SyncError> {
        let control = Control::new();
        let prepared = syncer.prepare(None, false, &control)?;
        self.runs += 1;
        let mut done = Vec::new();
        let report =
            syncer.apply(&prepared, JobId([self.runs; 16]), &control, &Limits::default(), &mut |deed| {
                done.push(deed)
            })?;
        assert_eq!(control.problems().problems, []);
        Ok((report, done))
    }

    pub fn run(&mut self) -> (SyncReport, Vec<Done>) {
        let mut syncer = self.open();
        self.run_with(&mut syncer).unwrap()
    }

    /// As a person who cleans up too much.
    pub fn lose_database(&self) {
        for item in fs::read_dir(self.path("state/sync")).unwrap() {
            let path = item.unwrap().path();
            if path.to_string_lossy().contains(".sqlite") {
                fs::remove_file(path).unwrap();
            }
        }
    }

    /// Every path below a side with its content; our own folder is not looked at.
    pub fn tree(&self, side: &str) -> Vec<(String, Option<String>)> {
        fn walk(root: &Path, at: &Path, into: &mut Vec<(String, Option<String>)>) {
            for item in fs::read_dir(at).unwrap() {
                let path = item.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_string_lossy();
                let name = name.replace(std::path::MAIN_SEPARATOR, "/");
                if name == ".keepwell" {
                    continue;
                }
                if path.is_dir() && !path.is_symlink() {
                    into.push((name, None));
                    walk(root, &path, into);
                } else if path.is_symlink() {
                    into.push((name, Some(fs::read_link(&path).unwrap().to_string_lossy().into_owned())));
                } else {
                    into.push((name, Some(fs::read_to_string(&path).unwrap())));
                }
            }
        }
        let mut found = Vec::new();
        let root = self.path(side);
        walk(&root, &root, &mut found);
        found.sort();
        found
    }

    #[track_caller]
    pub fn assert_in_step(&self) {
        assert_eq!(self.tree("left"), self.tree("right"));
    }

    /// Everything in the bins of a side, as contents.
    pub fn bin(&self, side: &str) -> Vec<String> {
        fn walk(at: &Path, into: &mut Vec<String>) {
            for item in fs::read_dir(at).into_iter().flatten() {
                let path = item.unwrap().path();
                if path.is_dir() { walk(&path, into) } else { into.push(fs::read_to_string(path).unwrap()) }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(&format!("{side}/.keepwell/bin")), &mut found);
        found.sort();
        found
    }
}
