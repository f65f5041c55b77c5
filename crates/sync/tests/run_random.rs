//! Random days of two real folders: edits on both sides, runs that die at any step, and at the end both are the same
//! and nothing anybody wrote is gone. `KEEPWELL_SYNC_SEEDS` sets how many days, `KEEPWELL_SYNC_FIRST_SEED` the first.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/place.rs"]
mod place;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keepwell_model::{Control, JobId, PairId, Timestamp};
use keepwell_sync::{ConflictPolicy, Limits, PairSpec, SyncError, SyncReport, Syncer, SyncerOptions};
use keepwell_testkit::SeededRandom;

use crate::place::Mortal;

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

struct Day {
    folder: tempfile::TempDir,
    random: SeededRandom,
    time: Arc<AtomicI64>,
    runs: u8,
    written: u32,
}

impl Day {
    fn new(seed: u64) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for side in ["left", "right"] {
            fs::create_dir(folder.path().join(side)).unwrap();
        }
        let time = Arc::new(AtomicI64::new(1_790_000_000));
        Self { folder, random: SeededRandom::new(seed), time, runs: 0, written: 0 }
    }

    fn pick(&mut self, below: usize) -> usize {
        usize::try_from(self.random.below(below as u64)).unwrap()
    }

    /// Everything below a folder, folders first; not our own folder.
    fn items(root: &Path) -> Vec<PathBuf> {
        let mut found = Vec::new();
        let mut waiting = vec![root.to_owned()];
        while let Some(folder) = waiting.pop() {
            let mut names: Vec<_> = fs::read_dir(&folder).unwrap().map(|item| item.unwrap().path()).collect();
            names.sort();
            for path in names.into_iter().filter(|path| !path.ends_with(".keepwell")) {
                if path.is_dir() {
                    waiting.push(path.clone());
                }
                found.push(path);
            }
        }
        found
    }

    /// One thing a person does on a side.
    fn edit(&mut self, side: &str) {
        let root = self.folder.path().join(side);
        let items = Self::items(&root);
        let mut folders: Vec<_> = items.iter().filter(|path| path.is_dir()).cloned().collect();
        folders.push(root);
        let folder = folders[self.pick(folders.len())].clone();
        let target = folder.join(NAMES[self.pick(NAMES.len())]);
        let item = (!items.is_empty()).then(|| items[self.pick(items.len())].clone());
        match (self.pick(10), item) {
            (0..=3, _) | (_, None) if !target.is_dir() => {
                self.written += 1;
                fs::write(&target, format!("content {} of {side}", self.written)).unwrap();
            }
            (4, _) if !target.exists() => fs::create_dir(&target).unwrap(),
            (5 | 6, Some(item)) if item.is_file() => {
                self.written += 1;
                fs::write(&item, format!("content {} of {side}, longer", self.written)).unwrap();
            }
            (7 | 8, Some(item)) if !target.exists() && !target.starts_with(&item) => {
                fs::rename(&item, &target).unwrap();
            }
            (9, Some(item)) if item.is_file() => fs::remove_file(&item).unwrap(),
            (9, Some(item)) => fs::remove_dir_all(&item).unwrap(),
            _ => {}
        }
    }

    fn run(&mut self, life: u64, after: bool) -> Result<SyncReport, SyncError> {
        let life = Arc::new(AtomicU64::new(life));
        let open = |side: &str| Mortal::open(&self.folder.path().join(side), Arc::clone(&life), after);
        let text = format!(
            r#"{{"id":"{}","name":"a pair","left":{{"address":"l"}},"right":{{"address":"r"}}}}"#,
            PairId([7; 16])
        );
        let pair: PairSpec = serde_json::from_str(&text).unwrap();
        let time = Arc::clone(&self.time);
        let mut syncer = Syncer::open(SyncerOptions {
            state_folder: self.folder.path().join("state"),
            pair: PairSpec { conflicts: ConflictPolicy::KeepBoth, ..pair },
            left: Arc::new(open("left")),
            right: Arc::new(open("right")),
            clock: Arc::new(move || Timestamp::new(time.fetch_add(1, Ordering::Relaxed), 0)),
            utc_offset_seconds: 0,
        })?;
        assert_eq!(syncer.notices(), [] as [&str; 0]);
        let control = Control::new();
        let prepared = syncer.prepare(None, false, &control)?;
        let brakes: Vec<_> = prepared.plan().brakes.iter().map(|brake| brake.kind).collect();
        let prepared = syncer.release(&prepared, &brakes)?;
        self.runs = self.runs.wrapping_add(1);
        let report =
            syncer.apply(&prepared, JobId([self.runs; 16]), &control, &Limits::default(), &mut |_| {})?;
        Ok(report)
    }

    /// The content of every file on both sides, in the bins too.
    fn contents(&self) -> BTreeSet<String> {
        fn walk(at: &Path, into: &mut BTreeSet<String>) {
            for item in fs::read_dir(at).unwrap() {
                let path = item.unwrap().path();
                if path.is_dir() {
                    walk(&path, into);
                } else {
                    into.insert(fs::read_to_string(&path).unwrap());
                }
            }
        }
        let mut found = BTreeSet::new();
        for side in ["left", "right"] {
            walk(&self.folder.path().join(side), &mut found);
        }
        found
    }

    fn tree(&self, side: &str) -> Vec<(PathBuf, Option<String>)> {
        let root = self.folder.path().join(side);
        let mut items: Vec<_> = Self::items(&root)
            .into_iter()
            .map(|path| {
                let content = path.is_file().then(|| fs::read_to_string(&path).unwrap());
                (path.strip_prefix(&root).unwrap().to_owned(), content)
            })
            .collect();
        items.sort();
        items
    }

    #[track_caller]
    fn assert_nothing_lost(&self, before: &BTreeSet<String>, seed: u64) {
        let lost: Vec<_> = before.difference(&self.contents()).cloned().collect();
        assert!(lost.is_empty(), "seed {seed} lost {lost:?}");
    }
}

fn a_day(seed: u64) {
    let mut day = Day::new(seed);
    for _ in 0..6 {
        for side in ["left", "right"] {
            for _ in 0..day.pick(6) {
                day.edit(side);
            }
        }
        let before = day.contents();
        if day.pick(2) == 0 {
            let life = 1 + day.random.below(25);
            let after = day.pick(2) == 0;
            let _died = day.run(life, after);
            day.assert_nothing_lost(&before, seed);
            if day.pick(3) == 0 {
                continue;
            }
        }
        let mut runs = 0;
        let waiting = loop {
            let report = day.run(u64::MAX, false).unwrap();
            day.assert_nothing_lost(&before, seed);
            if (SyncReport { conflicts: 0, ..report.clone() }) == SyncReport::default() {
                break report.conflicts;
            }
            runs += 1;
            assert!(runs < 8, "seed {seed} does not end: {report:?}");
        };
        // Two folders that were moved into each other, and the like, wait for a person.
        if waiting == 0 {
            assert_eq!(day.tree("left"), day.tree("right"), "seed {seed}");
        }
    }
}

#[test]
fn days_of_edits_and_deaths_end_in_step_and_lose_nothing() {
    let number = |name: &str, otherwise: u64| {
        std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let first = number("KEEPWELL_SYNC_FIRST_SEED", 1);
    for seed in first..first + number("KEEPWELL_SYNC_SEEDS", 4) {
        a_day(seed);
    }
}
