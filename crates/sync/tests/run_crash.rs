//! A run that dies at any step: the next one ends at the same state, and nothing anybody wrote is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, Staged, Tree,
    TreeItem,
};
use keepwell_model::{ContentHash, Control, ExtendedAttribute, JobId, PairId, RelativePath, Timestamp};
use keepwell_sync::{ConflictPolicy, Limits, PairSpec, SyncReport, Syncer, SyncerOptions};

/// How many more calls that change something are done; after the last, the place answers nothing any more: for the
/// process it is as if it was killed there.
type Life = Arc<AtomicU64>;

/// A place that dies. With `after` the last call still changes the place, and the process never hears of it.
struct Mortal {
    inner: Arc<dyn Tree>,
    life: Life,
    after: bool,
}

struct MortalStaged {
    inner: Box<dyn Staged>,
    life: Life,
    after: bool,
}

fn dead() -> EndpointError {
    EndpointError::Unreachable { path: "here".into(), why: "killed".into() }
}

/// Does something that changes a place, or dies.
fn mortal<T>(
    life: &Life,
    after: bool,
    change: impl FnOnce() -> Result<T, EndpointError>,
) -> Result<T, EndpointError> {
    match life.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Err(_) => Err(dead()),
        Ok(1) if after => change().and_then(|_| Err(dead())),
        Ok(1) => Err(dead()),
        Ok(_) => change(),
    }
}

impl Mortal {
    fn alive(&self) -> Result<(), EndpointError> {
        if self.life.load(Ordering::SeqCst) == 0 { Err(dead()) } else { Ok(()) }
    }
}

impl Staged for MortalStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        let inner = &mut self.inner;
        mortal(&self.life, self.after, || inner.write_at(bytes, offset_bytes))
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.inner.set_length(length_bytes)
    }

    fn publish(
        self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        let inner = self.inner;
        mortal(&self.life, self.after, || inner.publish(path, expected, metadata, proof))
    }
}

impl Tree for Mortal {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        self.alive()?;
        self.inner.identity()
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        self.alive()?;
        self.inner.list(folder)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        self.alive()?;
        self.inner.stat(path)
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        self.alive()?;
        self.inner.open(path)
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.alive()?;
        self.inner.read_link(path)
    }

    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        self.inner.extended_attributes(path)
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.alive()?;
        let inner = self.inner.stage(path, size_bytes, from)?;
        Ok(Box::new(MortalStaged { inner, life: Arc::clone(&self.life), after: self.after }))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        mortal(&self.life, self.after, || self.inner.create_folder(path, metadata))
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        mortal(&self.life, self.after, || self.inner.create_symlink(path, target, expected, metadata))
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        mortal(&self.life, self.after, || self.inner.rename(from, to, source, target))
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        mortal(&self.life, self.after, || self.inner.remove(path, expected))
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        mortal(&self.life, self.after, || self.inner.set_metadata(path, expected, metadata))
    }

    fn sync(&self) -> Result<(), EndpointError> {
        mortal(&self.life, self.after, || self.inner.sync())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.alive()?;
        self.inner.clear_unfinished(folder)
    }
}

fn pair() -> PairSpec {
    let text = format!(
        r#"{{"id":"{}","name":"a pair","left":{{"address":"l"}},"right":{{"address":"r"}}}}"#,
        PairId([7; 16])
    );
    PairSpec { conflicts: ConflictPolicy::KeepBoth, ..serde_json::from_str(&text).unwrap() }
}

struct Home {
    folder: tempfile::TempDir,
    time: Arc<AtomicI64>,
    runs: u8,
}

impl Home {
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    /// Two sides that agreed once, and then changed in every way there is.
    fn new() -> Self {
        let mut home = Self {
            folder: tempfile::tempdir().unwrap(),
            time: Arc::new(AtomicI64::new(1_790_000_000)),
            runs: 0,
        };
        for side in ["left", "right"] {
            fs::create_dir(home.path(side)).unwrap();
        }
        for name in ["edited", "removed", "moved", "both", "meta"] {
            home.write(&format!("left/old/{name}"), &format!("{name}, as it was"));
        }
        home.write("left/away/inside/deep", "deep, as it was");
        home.run(u64::MAX, false).unwrap();

        home.write("left/old/edited", "edited on the left");
        home.write("right/new/first", "new on the right");
        home.write("left/new/second", "new on the left");
        fs::remove_file(home.path("right/old/removed")).unwrap();
        fs::rename(home.path("left/old/moved"), home.path("left/new/moved here")).unwrap();
        home.write("left/old/both", "both, on the left");
        home.write("right/old/both", "both, on the right side");
        fs::rename(home.path("right/away"), home.path("right/came")).unwrap();
        home.write("right/came/inside/deep", "deep, edited on the right");
        home
    }

    fn run(&mut self, life: u64, after: bool) -> Result<SyncReport, keepwell_sync::SyncError> {
        let life = Arc::new(AtomicU64::new(life));
        let open = |side: &str| -> Arc<dyn Tree> {
            let inner = Arc::new(LocalTree::open(&self.path(side)).unwrap());
            Arc::new(Mortal { inner, life: Arc::clone(&life), after })
        };
        let time = Arc::clone(&self.time);
        let mut syncer = Syncer::open(SyncerOptions {
            state_folder: self.path("state"),
            pair: pair(),
            left: open("left"),
            right: open("right"),
            clock: Arc::new(move || Timestamp::new(time.fetch_add(1, Ordering::Relaxed), 0)),
            utc_offset_seconds: 0,
        })?;
        let control = Control::new();
        let prepared = syncer.prepare(None, false, &control)?;
        assert_eq!(prepared.plan().brakes, []);
        self.runs += 1;
        syncer.apply(&prepared, JobId([self.runs; 16]), &control, &Limits::default(), &mut |_| {})
    }

    fn contents(&self, side: &str, bins: bool) -> Vec<(String, String)> {
        fn walk(root: &Path, at: &Path, bins: bool, into: &mut Vec<(String, String)>) {
            for item in fs::read_dir(at).unwrap() {
                let path = item.unwrap().path();
                let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
                if name == ".keepwell" && !bins {
                    continue;
                }
                if path.is_dir() {
                    into.push((name, String::new()));
                    walk(root, &path, bins, into);
                } else {
                    into.push((name, fs::read_to_string(&path).unwrap()));
                }
            }
        }
        let mut found = Vec::new();
        walk(&self.path(side), &self.path(side), bins, &mut found);
        found.sort();
        found
    }
}

const WRITTEN: [&str; 7] = [
    "edited on the left",
    "new on the right",
    "new on the left",
    "both, on the left",
    "both, on the right side",
    "deep, edited on the right",
    "moved, as it was",
];

fn dies_at_every_step(after: bool) {
    let mut expected = None;
    for life in 1.. {
        let mut home = Home::new();
        let is_whole = home.run(life, after).is_ok();
        let mut runs = 0;
        while home.run(u64::MAX, false).unwrap() != SyncReport::default() {
            runs += 1;
            assert!(runs < 5, "it does not end, dead at step {life}");
        }
        let (left, right) = (home.contents("left", false), home.contents("right", false));
        assert_eq!(left, right, "dead at step {life}");
        let texts: Vec<_> = left.iter().map(|(_, text)| text.as_str()).collect();
        for text in WRITTEN {
            assert!(texts.contains(&text), "\"{text}\" is lost, dead at step {life}: {left:?}");
        }
        assert!(!texts.contains(&"removed, as it was"), "dead at step {life}");
        assert!(left.iter().all(|(name, _)| !name.contains(".keepwell-")), "dead at step {life}: {left:?}");
        if is_whole {
            // The same as without any death, but for the names of conflict copies.
            expected = Some(texts.len());
            assert!(life > 20, "there were so few steps: {life}");
            break;
        }
    }
    assert!(expected.is_some());
}

#[test]
fn a_run_that_dies_before_any_step_is_made_whole_by_the_next() {
    dies_at_every_step(false);
}

#[test]
fn a_run_that_dies_after_any_step_is_made_whole_by_the_next() {
    dies_at_every_step(true);
}
