//! Runs that look only into the folders a watcher named, as those of live pairs do.
//!
//! The places tell of every change (`MemoryState::watch`), people's and the engine's own. A run gets what was told until it
//! begins; sometimes the last of it comes after that, sometimes other folders are named too, also such as are not there.
//! After whatever ends the watching or may have lost something (the process was killed, the run failed) everything is
//! looked at, and now and then in any case. Servers tell nothing: in between they are taken to be as they were. Invariant:
//! what is told is lost only to a run that looks everywhere. Deliberately not here: that hints tell all (`engine`).

use std::collections::BTreeSet;

use keepwell_model::RelativePath;
use keepwell_sync::{Hints, SyncReport};
use keepwell_testkit::SeededRandom;
use keepwell_testkit::memory_tree::{MemoryState, MemoryTree};

/// What is known of changes on both sides.
pub struct Watchers {
    random: SeededRandom,
    is_watched: [bool; 2],
    /// What was told, the last of it at the end.
    told: [Vec<RelativePath>; 2],
    /// The next run looks everywhere.
    is_lost: bool,
}

impl Watchers {
    pub fn new(mut random: SeededRandom, are_far: [bool; 2], trees: &[MemoryTree; 2]) -> Self {
        let is_watched = are_far.map(|is_far| !is_far && !random.once_in(12));
        trees.iter().for_each(|tree| tree.with(MemoryState::watch));
        Self { random, is_watched, told: [Vec::new(), Vec::new()], is_lost: true }
    }

    /// Both places are watched.
    pub fn of_both(trees: &[MemoryTree; 2]) -> Self {
        trees.iter().for_each(|tree| tree.with(MemoryState::watch));
        let random = SeededRandom::new(0);
        Self { random, is_watched: [true; 2], told: [Vec::new(), Vec::new()], is_lost: true }
    }

    /// Whether all that changes is told.
    pub fn watch_both(&self) -> bool {
        self.is_watched == [true, true]
    }

    /// Where a run looks that begins now; nothing: everywhere.
    pub fn hints(&mut self, trees: &[MemoryTree; 2], names: &[&str]) -> Option<Hints> {
        let is_everywhere = std::mem::take(&mut self.is_lost) || self.random.once_in(6);
        let mut late = || if self.random.once_in(4) { self.random.below(3) } else { 0 };
        let late = [late(), late()];
        let mut hints = self.take(trees, late);
        if is_everywhere {
            return None;
        }
        for folders in &mut hints {
            while self.random.once_in(4) {
                folders.insert(any_folder(&mut self.random, names));
            }
        }
        Some(of(hints))
    }

    /// Where a run looks when nothing happens any more.
    pub fn hints_in_peace(&mut self, trees: &[MemoryTree; 2]) -> Hints {
        of(self.take(trees, [0, 0]))
    }

    /// What was told but for the last.
    fn take(&mut self, trees: &[MemoryTree; 2], late: [u64; 2]) -> [BTreeSet<RelativePath>; 2] {
        [0, 1].map(|side: usize| {
            let news = trees[side].with(MemoryState::take_named);
            if !self.is_watched[side] {
                return BTreeSet::new();
            }
            let told = &mut self.told[side];
            told.extend(news);
            let count = told.len().saturating_sub(usize::try_from(late[side]).unwrap());
            told.drain(..count).collect()
        })
    }

    /// How a run ended; nothing: badly.
    pub fn ended(&mut self, report: Option<&SyncReport>) {
        self.is_lost |= match report {
            // What changed under the run is looked for everywhere, but not at once.
            Some(report) => report.changed_meanwhile + report.held_back > 0 && self.random.once_in(2),
            None => true,
        };
    }
}

fn of([left, right]: [BTreeSet<RelativePath>; 2]) -> Hints {
    Hints { left: Some(left), right: Some(right) }
}

/// Some folder, which may not be there.
fn any_folder(random: &mut SeededRandom, names: &[&str]) -> RelativePath {
    let mut path = RelativePath::root();
    for _ in 0..random.below(4) {
        let name = names[usize::try_from(random.below(names.len() as u64)).unwrap()];
        path = path.join(name.as_bytes()).unwrap();
    }
    path
}
