//! What is in a place in memory, what people do in it, and what is left of it when the power goes.
//!
//! Invariants: what a person can not do on a disk (a name that is taken, or that the place does not take) changes nothing;
//! what was on the disk when the place last said so survives the loss of power whole; who watches a place is told of each
//! change as a system tells it. Deliberately not here: the place as an engine sees it (`memory_tree`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keepwell_endpoint::tree::{OWN_FOLDER, STAGED_PREFIX};
use keepwell_model::{EntryKind, RelativePath, Timestamp};

use crate::random::SeededRandom;

/// One item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryItem {
    /// What it is.
    pub kind: EntryKind,
    /// What a file holds, where a link points.
    pub content: Arc<Vec<u8>>,
    /// When it last changed.
    pub modified: Timestamp,
    /// Permission bits.
    pub mode: u32,
    /// The inode.
    pub id: u64,
    pub(crate) change: u64,
}

/// What is in a place.
#[derive(Clone, Debug, Default)]
pub struct MemoryState {
    /// Everything, by path.
    pub items: BTreeMap<RelativePath, MemoryItem>,
    /// Whoever syncs is no administrator: nothing is changed in a folder its owner may not write in.
    pub obeys_modes: bool,
    /// Bytes that still fit.
    pub free_bytes: Option<u64>,
    /// Which names are one here, and which are taken.
    pub(crate) ignores_case: bool,
    pub(crate) takes_windows_names: bool,
    /// Nothing here can be a link.
    pub(crate) refuses_links: bool,
    pub(crate) counter: u64,
    pub(crate) is_dead: bool,
    pub(crate) is_vanished: bool,
    /// What is surely on the disk; and since then, what was there after each step.
    pub(crate) disk: Option<Disk>,
    pub(crate) watch: Option<Watch>,
}

/// What is told of changes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Watch {
    /// What was there when it was last looked.
    seen: Items,
    /// The folders that were named and nobody asked for yet.
    named: Vec<RelativePath>,
}

/// What a disk holds that may lose its power.
#[derive(Clone, Debug, Default)]
pub(crate) struct Disk {
    synced: Items,
    since: Vec<Items>,
}

type Items = BTreeMap<RelativePath, MemoryItem>;

impl MemoryState {
    /// Where what a path names really is: under the name it was made with.
    #[must_use]
    pub fn there(&self, path: &RelativePath) -> Option<RelativePath> {
        if !self.ignores_case || self.items.contains_key(path) {
            return self.items.contains_key(path).then(|| path.clone());
        }
        let wanted = folded(path);
        self.items.keys().find(|other| folded(other) == wanted).cloned()
    }

    /// Where something of this path would be put: its folder under the name that one has.
    pub(crate) fn place_for(&self, path: &RelativePath) -> Option<RelativePath> {
        let name = path.name()?;
        if self.takes_windows_names && name.iter().any(|byte| b"<>:\"|?*\\".contains(byte)) {
            return None;
        }
        let parent = path.parent()?;
        if parent.is_root() {
            return Some(path.clone());
        }
        let parent = self.there(&parent).filter(|parent| self.is_folder(parent))?;
        parent.join(name).ok()
    }

    /// From now on the place may lose its power: what it holds now is on the disk.
    pub fn watch_power(&mut self) {
        self.disk = Some(Disk { synced: self.items.clone(), since: Vec::new() });
    }

    /// From now on changes are told.
    pub fn watch(&mut self) {
        self.watch = Some(Watch { seen: self.items.clone(), named: Vec::new() });
    }

    /// The folders in which something changed since this was last asked, as the system named them one after the other.
    /// What is new and a folder is named itself, before the one it is in.
    pub fn take_named(&mut self) -> Vec<RelativePath> {
        self.watch.as_mut().map(|watch| std::mem::take(&mut watch.named)).unwrap_or_default()
    }

    /// What a system tells of a change: of what was removed with a folder each, of what moved with one nothing.
    pub(crate) fn tell(&mut self) {
        let Some(watch) = &mut self.watch else { return };
        if watch.seen == self.items {
            return;
        }
        let (now, before) = (&self.items, std::mem::replace(&mut watch.seen, self.items.clone()));
        let mut name = |path: &RelativePath, item: &MemoryItem, is_new: bool| {
            let is_own = |name: &[u8]| name == OWN_FOLDER || name.starts_with(STAGED_PREFIX);
            if path.components().any(is_own) {
                return;
            }
            if is_new && item.kind == EntryKind::Folder {
                watch.named.push(path.clone());
            }
            watch.named.extend(path.parent());
        };
        let ids = |items: &Items| items.values().map(|item| item.id).collect::<BTreeSet<_>>();
        let kept: BTreeSet<u64> = ids(&before).intersection(&ids(now)).copied().collect();
        let is_at =
            |items: &Items, path: &RelativePath, id| items.get(path).is_some_and(|item| item.id == id);
        // Whether what was (or is) at a path went with its folder.
        let goes_along = |here: &Items, there: &Items, path: &RelativePath, item: &MemoryItem| {
            let folder = path.parent().and_then(|path| Some((here.get(&path)?.id, path)));
            let is_moved = |(id, path): (u64, RelativePath)| kept.contains(&id) && !is_at(there, &path, id);
            kept.contains(&item.id) && folder.is_some_and(is_moved)
        };
        for (path, item) in before.iter().rev().filter(|(path, item)| !is_at(now, path, item.id)) {
            if !goes_along(&before, now, path, item) {
                name(path, item, false);
            }
        }
        for (path, item) in now.iter().filter(|(path, item)| before.get(*path) != Some(*item)) {
            if !goes_along(now, &before, path, item) {
                name(path, item, !is_at(&before, path, item.id));
            }
        }
    }

    /// A step was done.
    pub(crate) fn note(&mut self) {
        self.tell();
        if let Some(disk) = &mut self.disk
            && disk.since.last().unwrap_or(&disk.synced) != &self.items
        {
            disk.since.push(self.items.clone());
        }
    }

    /// The power was lost: what was done since the last time all was on the disk is gone from some step on, and some of
    /// the files made since then are empty.
    pub fn lose_power(&mut self, random: &mut SeededRandom) {
        let Some(disk) = self.disk.take() else { return };
        let kept = random.below(disk.since.len() as u64 + 1);
        self.items = match usize::try_from(kept).ok().and_then(|kept| kept.checked_sub(1)) {
            None => disk.synced.clone(),
            Some(last) => disk.since[last].clone(),
        };
        for (_, item) in self.items.iter_mut().filter(|(_, item)| item.kind == EntryKind::File) {
            let is_old = disk.synced.values().any(|old| old.id == item.id && old.content == item.content);
            if !is_old && random.once_in(2) {
                item.content = Arc::default();
            }
        }
    }

    /// Whether its folder lets somebody put it there, or take it away.
    pub(crate) fn is_let(&self, path: &RelativePath) -> bool {
        let folder = path.parent().and_then(|folder| self.items.get(&folder));
        !self.obeys_modes || folder.is_none_or(|folder| folder.mode & 0o200 != 0)
    }

    pub(crate) fn tick(&mut self) -> u64 {
        self.counter += 1;
        self.counter
    }

    /// Whether a path is a folder.
    #[must_use]
    pub fn is_folder(&self, path: &RelativePath) -> bool {
        path.is_root() || self.items.get(path).is_some_and(|item| item.kind == EntryKind::Folder)
    }

    /// What is at or below a path.
    #[must_use]
    pub fn below(&self, path: &RelativePath) -> Vec<RelativePath> {
        self.items.keys().filter(|other| other.starts_with(path)).cloned().collect()
    }

    /// A person makes something; whether that was possible.
    pub fn make(
        &mut self,
        path: &RelativePath,
        kind: EntryKind,
        content: &[u8],
        modified: Timestamp,
    ) -> bool {
        let is_parent_there = path.parent().is_some_and(|parent| self.is_folder(&parent));
        let is_refused = kind == EntryKind::Symlink && self.refuses_links;
        if !is_parent_there || is_refused || self.there(path).is_some() || self.place_for(path).is_none() {
            return false;
        }
        let id = self.tick();
        let content = Arc::new(content.to_vec());
        let mode = if kind == EntryKind::Folder { 0o755 } else { 0o644 };
        self.items.insert(path.clone(), MemoryItem { kind, content, modified, mode, id, change: id });
        true
    }

    /// A person writes a file; with `anew` by another file that is renamed over it.
    pub fn write(&mut self, path: &RelativePath, content: &[u8], modified: Timestamp, anew: bool) -> bool {
        let change = self.tick();
        let Some(item) = self.items.get_mut(path).filter(|item| item.kind == EntryKind::File) else {
            return false;
        };
        item.content = Arc::new(content.to_vec());
        item.modified = modified;
        item.change = change;
        if anew {
            item.id = change;
        }
        true
    }

    /// A person removes something with all below it.
    pub fn remove(&mut self, path: &RelativePath) {
        self.items.retain(|other, _| !other.starts_with(path));
    }

    /// A person sets the permissions of something.
    pub fn set_mode(&mut self, path: &RelativePath, mode: u32) {
        let change = self.tick();
        if let Some(item) = self.items.get_mut(path).filter(|item| item.kind != EntryKind::Symlink) {
            item.mode = mode;
            item.change = change;
        }
    }

    /// A person moves something; whether that was possible.
    pub fn rename(&mut self, from: &RelativePath, to: &RelativePath) -> bool {
        let is_parent_there = to.parent().is_some_and(|parent| self.is_folder(&parent));
        let is_taken = self.there(to).is_some_and(|there| there != *from || to == from);
        if !is_parent_there
            || is_taken
            || self.place_for(to).is_none()
            || to.starts_with(from)
            || !self.items.contains_key(from)
        {
            return false;
        }
        self.put_below(from, to);
        true
    }

    pub(crate) fn put_below(&mut self, from: &RelativePath, to: &RelativePath) {
        let change = self.tick();
        for path in self.below(from) {
            let Some(mut item) = self.items.remove(&path) else { continue };
            if path == *from {
                item.change = change;
            }
            let rest = &path.as_bytes()[from.as_bytes().len()..];
            if let Ok(target) = RelativePath::parse(&[to.as_bytes(), rest].concat()) {
                self.items.insert(target, item);
            }
        }
    }
}

/// What is the same for two paths that are one where case is ignored.
fn folded(path: &RelativePath) -> String {
    String::from_utf8_lossy(path.as_bytes()).to_lowercase()
}
