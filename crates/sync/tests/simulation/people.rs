//! People who work in a place, also while it is synced; and what of their work must never be lost.

use std::collections::BTreeMap;
use std::sync::Arc;

use keepwell_endpoint::tree::OWN_FOLDER;
use keepwell_model::{EntryKind, RelativePath, Timestamp};
use keepwell_testkit::SeededRandom;
use keepwell_testkit::memory_tree::{MemoryState, MemoryTree};
use parking_lot::Mutex;

/// All who work on the two places.
pub struct People {
    random: SeededRandom,
    /// The names they give.
    names: &'static [&'static str],
    /// What must still be somewhere: contents somebody wrote and nobody took away, with where that was.
    pub works: BTreeMap<Vec<u8>, String>,
    number: u64,
}

impl People {
    pub fn new(random: SeededRandom, names: &'static [&'static str]) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self { random, names, works: BTreeMap::new(), number: 0 }))
    }

    /// Some work on one place.
    pub fn work(&mut self, tree: &MemoryTree, deeds: u64) {
        for _ in 0..deeds {
            tree.with(|state| self.one(state));
        }
    }

    fn one(&mut self, state: &mut MemoryState) {
        self.number += 1;
        let now = Timestamp::new(1_000_000 + i64::try_from(self.number).unwrap(), 0);
        let own = RelativePath::root().join(OWN_FOLDER).unwrap();
        let items: Vec<RelativePath> =
            state.items.keys().filter(|path| !path.starts_with(&own)).cloned().collect();
        let mut folders = vec![RelativePath::root()];
        folders.extend(items.iter().filter(|path| state.is_folder(path)).cloned());
        let folder = pick(&mut self.random, &folders).unwrap();
        let name = self.names[usize::try_from(self.random.below(self.names.len() as u64)).unwrap()];
        let target = folder.join(name.as_bytes()).unwrap();
        let item = pick(&mut self.random, &items);
        match (self.random.below(16), item) {
            (0..=3, _) | (_, None) => self.make(state, &target, now),
            (4..=5, _) => drop(state.make(&target, EntryKind::Folder, b"", Timestamp::default())),
            (6, _) => drop(state.make(&target, EntryKind::Symlink, b"somewhere", now)),
            (7..=9, Some(path)) => self.write(state, &path, now),
            (10..=11, Some(path)) => {
                for path in state.below(&path) {
                    self.works.remove(state.items[&path].content.as_slice());
                }
                state.remove(&path);
            }
            (12..=13, Some(path)) => drop(state.rename(&path, &target)),
            (14, Some(path)) => {
                let to = folder.join(path.name().unwrap()).unwrap();
                state.rename(&path, &to);
            }
            (_, Some(path)) => {
                let mode = 0o600 + u32::try_from(self.random.below(4)).unwrap();
                state.set_mode(&path, mode);
            }
        }
    }

    fn content(&mut self, path: &RelativePath) -> Vec<u8> {
        // A few lengths, so that length alone tells little; every content is one of its own.
        let mut content = format!("work {} ", self.number).into_bytes();
        content.resize(16 + usize::try_from(self.random.below(3)).unwrap(), b'.');
        self.works.insert(content.clone(), path.to_string());
        content
    }

    fn make(&mut self, state: &mut MemoryState, path: &RelativePath, now: Timestamp) {
        let content = self.content(path);
        if !state.make(path, EntryKind::File, &content, now) {
            self.works.remove(&content);
        }
    }

    fn write(&mut self, state: &mut MemoryState, path: &RelativePath, now: Timestamp) {
        let before = state.items[path].content.to_vec();
        let content = self.content(path);
        let anew = self.random.once_in(2);
        if state.write(path, &content, now, anew) {
            self.works.remove(&before);
        } else {
            self.works.remove(&content);
        }
    }
}

fn pick(random: &mut SeededRandom, from: &[RelativePath]) -> Option<RelativePath> {
    let count = u64::try_from(from.len()).unwrap();
    (count > 0).then(|| from[usize::try_from(random.below(count)).unwrap()].clone())
}
