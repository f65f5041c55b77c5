//! A place with a tree of files in memory: it fails, vanishes, runs full and dies as told, and people work in it.
//!
//! It keeps the promises of [`Tree`] as a disk does: a listing is whole or an error, what is expected is checked by the
//! step itself, a staged file is invisible. Every call is one step of a count that two places can share, so that a test
//! can let a run die at each of them, and the same steps always end the same. Invariants: a step that failed changed
//! nothing, unless it was told to lose its answer; no chance in here but from a seed. Deliberately not here: links that
//! are followed, holes, extended attributes; what is staged (`memory_staged`).

use std::sync::Arc;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, NameRules, PlaceIdentity, Published, Staged,
    StagedFolder, Tree, TreeItem, UnicodeNames, Version,
};
use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath, Timestamp};
use parking_lot::Mutex;

use crate::memory_staged::{Staging, StagingFolder};
pub use crate::memory_state::{MemoryItem, MemoryState};
pub use crate::steps::{StepFault, Steps};

/// The place. Clones are the same place.
#[derive(Clone)]
pub struct MemoryTree {
    name: String,
    capabilities: Capabilities,
    state: Arc<Mutex<MemoryState>>,
    steps: Arc<Steps>,
    /// New folders appear with their files, where the caller wants it.
    stages_folders: bool,
}

impl MemoryTree {
    /// An empty place.
    #[must_use]
    pub fn new(name: &str, capabilities: Capabilities, steps: Arc<Steps>) -> Self {
        let state = MemoryState {
            ignores_case: !capabilities.case_sensitive,
            takes_windows_names: capabilities.names == NameRules::Windows,
            refuses_links: !capabilities.symlinks,
            ..MemoryState::default()
        };
        let stages_folders = capabilities.strong_versions && capabilities.renames_folders;
        let state = Arc::new(Mutex::new(state));
        Self { name: name.to_owned(), capabilities, state, steps, stages_folders }
    }

    /// What a disk of this machine can do.
    #[must_use]
    pub fn disk() -> Capabilities {
        Capabilities {
            stable_ids: true,
            strong_versions: true,
            folders: true,
            symlinks: true,
            modes: true,
            extended_attributes: false,
            times: true,
            time_grain_ns: 1,
            case_sensitive: true,
            keeps_case: true,
            unicode: UnicodeNames::Kept,
            names: NameRules::Bytes,
            name_limit_bytes: 255,
            path_limit_bytes: 4096,
            renames_folders: true,
            stages_from_existing: false,
            parallel: 1,
        }
    }

    /// What a bucket can do. A rename there is one call that copies and removes the original: two steps, and so it is here.
    #[must_use]
    pub fn bucket() -> Capabilities {
        Capabilities {
            stable_ids: false,
            symlinks: false,
            modes: false,
            times: false,
            time_grain_ns: 1_000_000_000,
            names: NameRules::Text,
            renames_folders: false,
            ..Self::disk()
        }
    }

    /// What a server with SFTP can do: it knows a change by size and time alone.
    #[must_use]
    pub fn sftp() -> Capabilities {
        Capabilities {
            stable_ids: false,
            strong_versions: false,
            time_grain_ns: 1_000_000_000,
            ..Self::disk()
        }
    }

    /// What a server with WebDAV can do that tells no strong versions.
    #[must_use]
    pub fn webdav() -> Capabilities {
        Capabilities { symlinks: false, modes: false, times: false, names: NameRules::Text, ..Self::sftp() }
    }

    /// Looks at it or works in it as a person does: no step, no fault.
    pub fn with<R>(&self, work: impl FnOnce(&mut MemoryState) -> R) -> R {
        let mut state = self.state.lock();
        let answer = work(&mut state);
        state.tell();
        answer
    }

    /// It can be reached again, and it is the place it was.
    pub fn recover(&self) {
        let mut state = self.state.lock();
        state.is_dead = false;
        state.is_vanished = false;
    }

    pub(crate) fn state(&self) -> &Mutex<MemoryState> {
        &self.state
    }

    /// One step: what goes wrong is done, else the work.
    pub(crate) fn step<R>(
        &self,
        path: &RelativePath,
        work: impl FnOnce(&mut MemoryState) -> Result<R, EndpointError>,
    ) -> Result<R, EndpointError> {
        let fault = self.steps.next();
        if fault == Some(StepFault::Kill) {
            std::panic::resume_unwind(Box::new(Killed));
        }
        let mut state = self.state.lock();
        match fault {
            Some(StepFault::Die) => state.is_dead = true,
            Some(StepFault::Vanish) => state.is_vanished = true,
            _ => {}
        }
        if state.is_dead {
            return Err(self.unreachable(path));
        }
        if state.is_vanished {
            return work(&mut MemoryState { is_vanished: true, ..MemoryState::default() });
        }
        let answer = match fault {
            Some(StepFault::Fail) => Err(self.broken(path)),
            Some(StepFault::LoseAnswer) => work(&mut state).and_then(|_| Err(self.broken(path))),
            _ => work(&mut state),
        };
        state.note();
        answer
    }

    fn unreachable(&self, path: &RelativePath) -> EndpointError {
        EndpointError::Unreachable { path: path.to_string(), why: format!("{} is not there", self.name) }
    }

    fn broken(&self, path: &RelativePath) -> EndpointError {
        let source = std::io::Error::other("the answer did not come");
        EndpointError::Io { action: "use", path: path.to_string(), source }
    }

    fn fingerprint(&self, item: &MemoryItem) -> Fingerprint {
        let is_folder = item.kind == EntryKind::Folder;
        Fingerprint {
            kind: item.kind,
            size_bytes: if is_folder { 0 } else { item.content.len() as u64 },
            modified: Some(item.modified),
            version: match self.capabilities.strong_versions {
                true => {
                    Version::changed_at(Timestamp::new(i64::try_from(item.change).unwrap_or(i64::MAX), 0))
                }
                false => Version::default(),
            },
            id: if self.capabilities.stable_ids { item.id } else { 0 },
        }
    }

    pub(crate) fn tree_item(&self, path: &RelativePath, item: &MemoryItem) -> TreeItem {
        TreeItem {
            name: match (path.name().unwrap_or_default(), self.capabilities.keeps_case) {
                (name, true) => name.to_vec(),
                (name, false) => name.to_ascii_lowercase(),
            },
            fingerprint: self.fingerprint(item),
            mode: self.capabilities.modes.then_some(item.mode),
            link_count: 1,
        }
    }

    /// What is expected, checked by the step itself.
    pub(crate) fn check(
        &self,
        state: &MemoryState,
        path: &RelativePath,
        expected: &Expected,
    ) -> Result<(), EndpointError> {
        let there = state.there(path).and_then(|path| state.items.get(&path));
        let is_right = match (expected, there) {
            (Expected::Absent, None) => true,
            (Expected::Item(before), Some(item)) => self.fingerprint(item).is_unchanged_since(before),
            _ => false,
        };
        if is_right { Ok(()) } else { Err(EndpointError::Changed { path: path.to_string() }) }
    }

    /// Where it will be, if it can be there.
    pub(crate) fn need_place(
        state: &MemoryState,
        path: &RelativePath,
    ) -> Result<RelativePath, EndpointError> {
        state.place_for(path).ok_or_else(|| EndpointError::NotFound { path: path.to_string() })
    }

    fn need_leave(state: &MemoryState, path: &RelativePath) -> Result<(), EndpointError> {
        if state.is_let(path) {
            return Ok(());
        }
        Err(EndpointError::PermissionDenied { action: "write", path: path.to_string() })
    }

    pub(crate) fn put(
        &self,
        state: &mut MemoryState,
        path: &RelativePath,
        kind: EntryKind,
        content: Arc<Vec<u8>>,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let path = &Self::need_place(state, path)?;
        Self::need_leave(state, path)?;
        let item = self.make(state, path, kind, content, metadata)?;
        let shown = self.tree_item(path, &item);
        state.items.insert(path.clone(), item);
        Ok(Published { item: shown, not_kept: Vec::new() })
    }

    /// An item that is nowhere yet.
    pub(crate) fn make(
        &self,
        state: &mut MemoryState,
        path: &RelativePath,
        kind: EntryKind,
        content: Arc<Vec<u8>>,
        metadata: &ItemMetadata,
    ) -> Result<MemoryItem, EndpointError> {
        if let Some(free_bytes) = &mut state.free_bytes {
            let bytes = content.len() as u64;
            if *free_bytes < bytes {
                return Err(EndpointError::NoSpace { action: "write", path: path.to_string() });
            }
            *free_bytes -= bytes;
        }
        let id = state.tick();
        let own_time = Timestamp::new(OWN_TIMES_FROM.saturating_add_unsigned(id), 0);
        Ok(MemoryItem {
            kind,
            content,
            modified: match self.capabilities.times {
                true => metadata.modified.unwrap_or_default(),
                false => own_time,
            },
            mode: metadata.mode.unwrap_or(0o644),
            id,
            change: id,
        })
    }
}

impl MemoryTree {
    /// As a bucket renames a file: a copy, and the removal of the original where it is still what was copied.
    fn rename_by_copy(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        let copy = self.step(from, |state| {
            self.check(state, from, source)?;
            self.check(state, to, target)?;
            Self::need_leave(state, from)?;
            let not_found = || EndpointError::NotFound { path: from.to_string() };
            let content = state.items.get(from).ok_or_else(not_found)?.content.clone();
            self.put(state, to, EntryKind::File, content, &ItemMetadata::default())
        })?;
        self.step(from, |state| {
            if let Err(error) = self.check(state, from, source) {
                // The original stays, so its copy goes.
                if self.check(state, to, &Expected::Item(copy.item.fingerprint)).is_ok() {
                    state.items.remove(to);
                }
                return Err(error);
            }
            state.items.remove(from);
            Ok(copy.item)
        })
    }
}

/// What a thread panics with that was killed at a step.
pub struct Killed;

/// When a place that keeps no times begins to count: later than what people make in tests.
const OWN_TIMES_FROM: i64 = 1_500_000_000;

struct Open {
    tree: MemoryTree,
    path: RelativePath,
    item: TreeItem,
    content: Arc<Vec<u8>>,
}

impl Content for Open {
    fn item(&self) -> &TreeItem {
        &self.item
    }

    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        let content = Arc::clone(&self.content);
        self.tree.step(&self.path, |_| {
            let start = usize::try_from(offset_bytes).unwrap_or(usize::MAX).min(content.len());
            let count = bytes.len().min(content.len() - start);
            bytes[..count].copy_from_slice(&content[start..start + count]);
            Ok(count)
        })
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        let tree = self.tree.clone();
        self.tree.step(&self.path, |state| {
            let there = state.there(&self.path).and_then(|path| state.items.get(&path));
            let now = there.map(|item| tree.fingerprint(item));
            Ok(now == Some(self.item.fingerprint))
        })
    }
}

impl Tree for MemoryTree {
    fn describe(&self) -> String {
        self.name.clone()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        let name = self.name.clone();
        self.step(&RelativePath::root(), |state| {
            let volume = if state.is_vanished { "another".to_owned() } else { name };
            Ok(PlaceIdentity { volume, root: 1 })
        })
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        self.step(folder, |state| {
            let there = if folder.is_root() { Some(folder.clone()) } else { state.there(folder) };
            let Some(folder) = there.filter(|folder| state.is_folder(folder)) else {
                return Err(EndpointError::NotFound { path: folder.to_string() });
            };
            let inside = state.items.iter().filter(|(path, _)| path.parent().as_ref() == Some(&folder));
            Ok(inside.map(|(path, item)| self.tree_item(path, item)).collect())
        })
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        self.step(path, |state| {
            let there = state.there(path);
            Ok(there.and_then(|path| state.items.get(&path).map(|item| self.tree_item(&path, item))))
        })
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        self.step(path, |state| {
            let there = state.there(path).and_then(|path| state.items.get(&path));
            let Some(item) = there.filter(|item| item.kind == EntryKind::File) else {
                return Err(EndpointError::NotFound { path: path.to_string() });
            };
            Ok(Box::new(Open {
                tree: self.clone(),
                path: path.clone(),
                item: self.tree_item(path, item),
                content: Arc::clone(&item.content),
            }) as Box<dyn Content>)
        })
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.step(path, |state| match state.there(path).and_then(|path| state.items.get(&path)) {
            Some(item) if item.kind == EntryKind::Symlink => Ok(item.content.to_vec()),
            _ => Err(EndpointError::NotFound { path: path.to_string() }),
        })
    }

    fn extended_attributes(&self, _path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    fn stage(
        &self,
        path: &RelativePath,
        _size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.step(path, |state| {
            Self::need_leave(state, path)?;
            if from.is_some() {
                let why = "a file begins with nothing in it here".to_owned();
                return Err(EndpointError::Unexpected { path: path.to_string(), why });
            }
            let staged = Staging::new(self, path, None);
            Ok(Box::new(staged) as Box<dyn Staged>)
        })
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.step(path, |state| {
            if state.there(path).is_some() {
                return Err(EndpointError::AlreadyExists { path: path.to_string() });
            }
            self.put(state, path, EntryKind::Folder, Arc::default(), metadata)
        })
    }

    fn stage_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Option<Box<dyn StagedFolder>>, EndpointError> {
        let is_open_to_us = metadata.mode.is_some_and(|mode| mode & 0o700 == 0o700);
        if !self.stages_folders || !is_open_to_us {
            return Ok(None);
        }
        self.step(path, |state| {
            Self::need_place(state, path)?;
            Self::need_leave(state, path)
        })?;
        Ok(Some(Box::new(StagingFolder::new(self, path, metadata))))
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.step(path, |state| {
            self.check(state, path, expected)?;
            self.put(state, path, EntryKind::Symlink, Arc::new(target.to_vec()), metadata)
        })
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        if !self.capabilities.renames_folders
            && matches!(source, Expected::Item(item) if item.kind == EntryKind::File)
        {
            return self.rename_by_copy(from, to, source, target);
        }
        self.step(from, |state| {
            self.check(state, from, source)?;
            if !self.capabilities.renames_folders && state.is_folder(from) {
                let why = "no folders are renamed here".to_owned();
                return Err(EndpointError::Unexpected { path: from.to_string(), why });
            }
            let not_found = || EndpointError::NotFound { path: from.to_string() };
            let asked = from;
            let from = &state.there(asked).ok_or_else(not_found)?;
            // Another form of its own name is free.
            if state.there(to).as_ref() != Some(from) || to == asked {
                self.check(state, to, target)?;
            }
            let to = &Self::need_place(state, to)?;
            Self::need_leave(state, from)?;
            Self::need_leave(state, to)?;
            if to == from {
                // It had that form of its name, whatever was shown.
                let item = state.items.get(to);
                return item.map(|item| self.tree_item(to, item)).ok_or_else(not_found);
            }
            let leaves = from.parent() != to.parent() && state.is_folder(from);
            // A folder says itself where it lies.
            if leaves && let Ok(inside) = from.join(b"x") {
                Self::need_leave(state, &inside)?;
            }
            if to.starts_with(from) || state.items.get(to).is_some_and(|item| item.kind == EntryKind::Folder)
            {
                return Err(EndpointError::Unexpected {
                    path: to.to_string(),
                    why: "a folder is there".into(),
                });
            }
            state.put_below(from, to);
            let item = state.items.get(to);
            item.map(|item| self.tree_item(to, item)).ok_or_else(not_found)
        })
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        self.step(path, |state| {
            self.check(state, path, &Expected::Item(*expected))?;
            let there = state.there(path).unwrap_or_else(|| path.clone());
            Self::need_leave(state, &there)?;
            if state.below(&there).len() > 1 {
                return Err(EndpointError::Changed { path: path.to_string() });
            }
            state.items.remove(&there);
            Ok(())
        })
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.step(path, |state| {
            self.check(state, path, &Expected::Item(*expected))?;
            let can_set_times = self.capabilities.times;
            let change = state.tick();
            let there = state.there(path).unwrap_or_else(|| path.clone());
            let Some(item) = state.items.get_mut(&there) else {
                return Err(EndpointError::NotFound { path: path.to_string() });
            };
            item.modified = metadata.modified.filter(|_| can_set_times).unwrap_or(item.modified);
            item.mode = metadata.mode.unwrap_or(item.mode);
            item.change = change;
            Ok(Published { item: self.tree_item(path, item), not_kept: Vec::new() })
        })
    }

    fn sync(&self) -> Result<(), EndpointError> {
        self.step(&RelativePath::root(), |state| {
            if state.disk.is_some() {
                state.watch_power();
            }
            Ok(())
        })
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.step(&RelativePath::root(), |state| Ok(state.free_bytes))
    }

    fn clear_unfinished(&self, _folder: &RelativePath) -> Result<u64, EndpointError> {
        Ok(0)
    }
}

#[cfg(test)]
#[path = "memory_tree_tests.rs"]
mod tests;
