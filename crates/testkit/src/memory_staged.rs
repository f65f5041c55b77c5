//! What is staged in a place in memory: files, and new folders that appear with their files.
//!
//! Nobody sees either before it is published; a place that dies loses it, as one on a disk leaves it behind unseen. Invariant:
//! the room it takes is given back where it is dropped. Deliberately not here: the place (`memory_tree`).

use std::sync::Arc;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, ItemMetadata, Published, Staged, StagedFolder};
use keepwell_model::{ContentHash, EntryKind, RelativePath};
use parking_lot::Mutex;

use crate::memory_tree::{MemoryItem, MemoryTree};

/// What is in a folder that nobody sees yet.
pub(crate) type Unseen = Arc<Mutex<Vec<(RelativePath, MemoryItem)>>>;

/// A file that nobody sees yet.
pub(crate) struct Staging {
    tree: MemoryTree,
    path: RelativePath,
    content: Vec<u8>,
    folder: Option<Unseen>,
}

impl Staging {
    pub(crate) fn new(tree: &MemoryTree, path: &RelativePath, folder: Option<Unseen>) -> Self {
        Self { tree: tree.clone(), path: path.clone(), content: Vec::new(), folder }
    }
}

impl Staged for Staging {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        let content = &mut self.content;
        self.tree.step(&self.path, |_| {
            let start = usize::try_from(offset_bytes).unwrap_or(0);
            content.resize(content.len().max(start + bytes.len()), 0);
            content[start..start + bytes.len()].copy_from_slice(bytes);
            Ok(())
        })
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.content.resize(usize::try_from(length_bytes).unwrap_or(0), 0);
        Ok(())
    }

    fn publish(
        self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        let tree = self.tree.clone();
        self.tree.step(path, |state| {
            if self.folder.is_none() {
                tree.check(state, path, expected)?;
            }
            if blake3::hash(&self.content).as_bytes() != proof.as_bytes() {
                return Err(EndpointError::Unexpected { path: path.to_string(), why: "other bytes".into() });
            }
            let content = Arc::new(self.content.clone());
            let Some(folder) = &self.folder else {
                return tree.put(state, path, EntryKind::File, content, metadata);
            };
            let item = tree.make(state, path, EntryKind::File, content, metadata)?;
            let shown = tree.tree_item(path, &item);
            folder.lock().push((path.clone(), item));
            Ok(Published { item: shown, not_kept: Vec::new() })
        })
    }
}

/// A folder that nobody sees yet. A place that dies loses it.
pub(crate) struct StagingFolder {
    tree: MemoryTree,
    path: RelativePath,
    metadata: ItemMetadata,
    unseen: Unseen,
}

impl StagingFolder {
    pub(crate) fn new(tree: &MemoryTree, path: &RelativePath, metadata: &ItemMetadata) -> Self {
        let (tree, path, metadata) = (tree.clone(), path.clone(), metadata.clone());
        Self { tree, path, metadata, unseen: Unseen::default() }
    }
}

impl StagedFolder for StagingFolder {
    fn stage(&self, path: &RelativePath, _size_bytes: u64) -> Result<Box<dyn Staged>, EndpointError> {
        self.tree.step(path, |_| {
            let staged = Staging::new(&self.tree, path, Some(Arc::clone(&self.unseen)));
            Ok(Box::new(staged) as Box<dyn Staged>)
        })
    }

    fn publish(self: Box<Self>) -> Result<Published, EndpointError> {
        let path = &self.path;
        self.tree.step(path, |state| {
            self.tree.check(state, path, &Expected::Absent)?;
            let place = MemoryTree::need_place(state, path)?;
            let made = self.tree.put(state, path, EntryKind::Folder, Arc::default(), &self.metadata)?;
            for (path, item) in self.unseen.lock().drain(..) {
                let inside = path.name().and_then(|name| place.join(name).ok());
                state.items.extend(inside.map(|path| (path, item)));
            }
            Ok(made)
        })
    }
}

impl Drop for StagingFolder {
    fn drop(&mut self) {
        let bytes: usize = self.unseen.lock().iter().map(|(_, item)| item.content.len()).sum();
        if let Some(free_bytes) = &mut self.tree.state().lock().free_bytes {
            *free_bytes += bytes as u64;
        }
    }
}
