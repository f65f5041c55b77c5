//! A run that dies at any step: the next one ends at the same state, and nothing anybody wrote is lost.

#![allow(clippy::unwrap_used, reason = "a test that can not go on has failed")]

#[path = "common/place.rs"]
mod place;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use keepwell_endpoint::tree::Tree;
use keepwell_model::{Control, JobId, PairId, Timestamp};
use keepwell_sync::{ConflictPolicy, Limits, Mode, PairSpec, SyncReport, Syncer, SyncerOptions};

use crate::place::Mortal;

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
    attributes: bool,
    mode: Mode,
}

impl Home {
    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    /// Two sides with nothing in them.
    fn empty() -> Self {
        let home = Self {
            folder: tempfile::tempdir().unwrap(),
            time: Arc::new(AtomicI64::new(1_790_000_000)),
            runs: 0,
            attributes: false,
            mode: Mode::TwoWay,
        };
        for side in ["left", "right"] {
            fs::create_dir(home.path(side)).unwrap();
        }
        home
    }

    /// Two sides that agreed once, and then changed in every way there is.
    fn new() -> Self {
        let mut home = Self::empty();
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
            Arc::new(Mortal::open(&self.path(side), Arc::clone(&life), after))
        };
        self.run_between(open("left"), open("right"))
    }

    fn run_between(
        &mut self,
        left: Arc<dyn Tree>,
        right: Arc<dyn Tree>,
    ) -> Result<SyncReport, keepwell_sync::SyncError> {
        let time = Arc::clone(&self.time);
        let mut syncer = Syncer::open(SyncerOptions {
            state_folder: self.path("state"),
            pair: PairSpec { attributes: self.attributes, mode: self.mode, ..pair() },
            left,
            right,
            clock: Arc::new(move || Timestamp::new(time.fetch_add(1, Ordering::Relaxed), 0)),
            utc_offset_seconds: 0,
        })?;
        let control = Control::new();
        let prepared = syncer.prepare(None, false, &control)?;
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

/// Folders nobody may write in are new on the left, with a file and a mark in each; the right is to have them alike.
#[cfg(unix)]
#[test]
fn new_folders_that_nobody_writes_to_are_closed_on_both_sides_wherever_the_run_dies() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use keepwell_endpoint::local::LocalTree;
    use keepwell_endpoint::tree::ItemMetadata;
    use keepwell_model::{ExtendedAttribute, RelativePath};

    const CLOSED: [(&str, u32); 3] = [("modules/one", 0o500), ("modules", 0o555), ("empty", 0o555)];
    let mark = |name: &str| ExtendedAttribute { name: b"user.keepwell.test".to_vec(), value: name.into() };
    let set_mode = |path: PathBuf, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for (life, after) in (1..).flat_map(|life| [(life, false), (life, true)]) {
        let mut home = Home::empty();
        home.attributes = true;
        home.write("left/modules/one/file", "1");
        home.write("left/modules/file", "2");
        fs::create_dir(home.path("left/empty")).unwrap();
        let left = LocalTree::open(&home.path("left")).unwrap();
        for (name, mode) in CLOSED {
            let marked =
                ItemMetadata { extended_attributes: Some(vec![mark(name)]), ..ItemMetadata::default() };
            let path = RelativePath::parse(name.as_bytes()).unwrap();
            let seen = left.stat(&path).unwrap().unwrap().fingerprint;
            left.set_metadata(&path, &seen, &marked).unwrap();
            set_mode(home.path(&format!("left/{name}")), mode);
        }
        let is_whole = home.run(life, after).is_ok();
        let told = format!("dead at step {life}, after it: {after}");
        let mut runs = 0;
        while home.run(u64::MAX, false).unwrap() != SyncReport::default() {
            runs += 1;
            assert!(runs < 5, "it does not end, {told}");
        }
        let right = LocalTree::open(&home.path("right")).unwrap();
        for (name, mode) in CLOSED {
            let path = RelativePath::parse(name.as_bytes()).unwrap();
            for side in ["left", "right"] {
                let found = fs::metadata(home.path(&format!("{side}/{name}"))).unwrap();
                assert_eq!(found.mode() & 0o7777, mode, "{side}/{name}, {told}");
            }
            let marks = [&left, &right].map(|tree| tree.extended_attributes(&path).unwrap());
            if left.capabilities().extended_attributes {
                assert_eq!(marks, [vec![mark(name)], vec![mark(name)]], "{name}, {told}");
            }
        }
        assert_eq!(home.contents("left", false), home.contents("right", false), "{told}");
        for (name, _) in CLOSED.iter().rev() {
            ["left", "right"].iter().for_each(|side| set_mode(home.path(&format!("{side}/{name}")), 0o755));
        }
        if is_whole && after {
            assert!(life > 10, "there were so few steps: {life}");
            break;
        }
    }
}

#[test]
fn of_a_large_file_far_away_only_the_blocks_that_changed_are_sent() {
    let mut home = Home::new();
    let mut content: Vec<u8> = (0..5_000_000_u32).map(|number| (number / 3) as u8).collect();
    let mut run = |content: &[u8]| {
        fs::write(home.path("left/large"), content).unwrap();
        let right = Arc::new(Mortal::far(&home.path("right")));
        let written = Arc::clone(&right.written_bytes);
        let left = Arc::new(Mortal::open(&home.path("left"), Arc::new(AtomicU64::new(u64::MAX)), false));
        home.run_between(left, right).unwrap();
        assert_eq!(fs::read(home.path("right/large")).unwrap(), content);
        written.load(Ordering::Relaxed)
    };
    assert!(run(&content) >= 5_000_000, "there was nothing to begin with");
    content[3_000_000] ^= 1;
    let sent = run(&content);
    assert!((1..1_000_000).contains(&sent), "{sent}");
    content.extend_from_slice(&[7; 100_000]);
    content[0] ^= 1;
    let sent = run(&content);
    assert!((100_000..1_500_000).contains(&sent), "{sent}");
    content.truncate(2_000_000);
    let sent = run(&content);
    assert!(sent < 1_000_000, "{sent}");
}

#[test]
fn a_place_without_a_volume_is_known_again_by_its_marker() {
    let mut home = Home::new();
    let sides = |home: &Home| -> [Arc<dyn Tree>; 2] {
        ["left", "right"].map(|side| Arc::new(Mortal::nameless(&home.path(side))) as Arc<dyn Tree>)
    };
    // Once as it is, once with its marker.
    for _ in 0..2 {
        fs::remove_dir_all(home.path("state")).unwrap();
        let [left, right] = sides(&home);
        home.run_between(left, right).unwrap();
    }
    let before = home.contents("left", false);
    assert!(home.path("right/.keepwell/place").exists());
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    fs::write(home.path("right/not ours"), "of somebody else").unwrap();
    let [left, right] = sides(&home);
    let refused = home.run_between(left, right);
    assert!(matches!(refused, Err(keepwell_sync::SyncError::Braked)), "{refused:?}");
    assert_eq!(home.contents("left", false), before);
}

/// What was remembered of a place that can not be told from others is taken for it once, and the place is marked: nobody
/// is asked because of the newer version, and another place is noticed from then on.
#[test]
fn a_place_that_claimed_a_name_it_has_not_is_taken_for_the_one_it_was_once() {
    let mut home = Home::new();
    let run = |home: &mut Home, is_known: bool| {
        let [left, right] = ["left", "right"]
            .map(|side| Arc::new(Mortal::once_named(&home.path(side), is_known)) as Arc<dyn Tree>);
        home.run_between(left, right)
    };
    fs::remove_dir_all(home.path("state")).unwrap();
    run(&mut home, false).unwrap();
    assert!(!home.path("right/.keepwell/place").exists());
    run(&mut home, true).unwrap();
    assert!(home.path("right/.keepwell/place").exists());
    run(&mut home, true).unwrap();
    fs::rename(home.path("right"), home.path("unplugged")).unwrap();
    fs::create_dir(home.path("right")).unwrap();
    fs::write(home.path("right/not ours"), "of somebody else").unwrap();
    let refused = run(&mut home, true);
    assert!(matches!(refused, Err(keepwell_sync::SyncError::Braked)), "{refused:?}");
}

/// A name that is taken in the bin is no reason to try others when the file is not what was to go there any more.
#[test]
fn a_file_that_somebody_writes_while_it_goes_to_the_bin_is_copied_there_once_at_most() {
    let mut home = Home::empty();
    for name in ["a", "b", "c", "d"] {
        home.write(&format!("left/{name}"), "as both have it");
    }
    home.run(u64::MAX, false).unwrap();
    fs::remove_file(home.path("left/a")).unwrap();
    let open = |side: &str| Mortal::open(&home.path(side), Arc::new(AtomicU64::new(u64::MAX)), false);
    let (left, mut right) = (open("left"), open("right"));
    right.leaves_copies = true;
    home.run_between(Arc::new(left), Arc::new(right)).unwrap();
    assert_eq!(fs::read_to_string(home.path("right/a")).unwrap(), "somebody's work");
    let is_copy = |(path, content): &(String, String)| path.contains("/bin/") && !content.is_empty();
    let copies = home.contents("right", true).into_iter().filter(is_copy);
    assert_eq!(copies.count(), 1);
}

#[test]
fn a_source_nobody_may_write_needs_no_marker_where_nothing_is_written_there() {
    for (mode, works) in [(Mode::Mirror, true), (Mode::Update, true), (Mode::TwoWay, false)] {
        let mut home = Home::empty();
        home.mode = mode;
        home.write("left/a", "first");
        for content in ["first", "second, and longer"] {
            home.write("left/a", content);
            let left = Mortal::nameless(&home.path("left"));
            *left.refused.lock().unwrap() = Some(("create_folder", ".keepwell".into()));
            let right = Arc::new(Mortal::nameless(&home.path("right")));
            let answer = home.run_between(Arc::new(left), right);
            assert_eq!(answer.is_ok(), works, "{mode:?}: {answer:?}");
            if works {
                assert_eq!(fs::read_to_string(home.path("right/a")).unwrap(), content);
                assert!(home.path("right/.keepwell/place").exists(), "{mode:?}");
            }
        }
        assert!(!home.path("left/.keepwell").exists());
    }
}
