//! A new folder of a local tree that appears with its files.
//!
//! Each new file that gets its name last costs the system more than one that is made under its name, and a first copy is
//! little else. So the files of a new folder are made under their names in a folder that nobody sees, which gets its own
//! name when they are whole.
//! Invariants:
//! 1. Until it is published it is an unfinished item like a staged file: held by a lock, not listed, and cleared by the next
//!    run where this one was killed.
//! 2. Nobody but its owner can enter it until then, so files may begin with the permissions of any new file.
//! 3. It holds files and nothing else; a folder in it would not be cleared.
//!
//! Deliberately not here: systems on which a folder is not renamed while a file in it is open (Windows).

use std::sync::Arc;

use keepwell_model::RelativePath;

use super::Folder;
use super::tree::{Inner, in_words};
use super::tree_staged::{LocalStaged, clear_folder, random_name};
use super::tree_unix as system;
use crate::error::EndpointError;
use crate::tree::{ItemMetadata, Published, STAGED_PREFIX, Staged, StagedFolder, Version};

/// What its owner needs of a folder to put something into it.
const OPEN_TO_US: u32 = 0o700;

/// See [`StagedFolder`].
pub(super) struct LocalStagedFolder {
    tree: Arc<Inner>,
    path: RelativePath,
    metadata: ItemMetadata,
    /// Where it lies.
    parent: Folder,
    /// Its name until it is published; nothing from then on.
    name: Option<Vec<u8>>,
    folder: Folder,
}

impl LocalStagedFolder {
    /// Nothing where it would be closed to its owner, or to have attributes of its own, which what is made in it inherits.
    pub(super) fn new(
        tree: &Arc<Inner>,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Option<Self>, EndpointError> {
        let metadata = tree.keepable(metadata);
        let is_open_to_us = match metadata.mode {
            Some(mode) => mode & OPEN_TO_US == OPEN_TO_US,
            None => !tree.capabilities.modes,
        };
        if !is_open_to_us || metadata.extended_attributes.as_ref().is_some_and(|some| !some.is_empty()) {
            return Ok(None);
        }
        let (parent, _) = tree.place(path, "create")?;
        let name = random_name(STAGED_PREFIX);
        let folder = system::create_staged_folder(&parent, &name)?;
        let (tree, path) = (Arc::clone(tree), path.clone());
        Ok(Some(Self { tree, path, metadata, parent, name: Some(name), folder }))
    }
}

impl StagedFolder for LocalStagedFolder {
    fn stage(&self, path: &RelativePath, _size_bytes: u64) -> Result<Box<dyn Staged>, EndpointError> {
        let name = path.name().unwrap_or_default();
        let file = system::create_in_staged_folder(&self.folder, name)?;
        Ok(Box::new(LocalStaged::in_folder(&self.tree, self.folder.clone(), name, file)))
    }

    fn publish(mut self: Box<Self>) -> Result<Published, EndpointError> {
        let stat = self.folder.stat_self()?;
        let troubles = system::apply_to_name(&self.folder, b"", &stat, &self.metadata)?.troubles;
        // Anew, from the root: it comes to where the path leads now.
        let (parent, name) = self.tree.place(&self.path, "create")?;
        let own_name = self.name.clone().unwrap_or_default();
        match system::rename_to_free(&self.parent, &own_name, &parent, name) {
            Err(EndpointError::AlreadyExists { .. }) => return Err(self.tree.changed(&self.path)),
            result => result?,
        }
        self.name = None;
        let mut item = self.tree.item(name, &self.folder.stat_self()?);
        let is_bare = || system::attributes(&self.folder, b"").is_ok_and(|found| found.is_empty());
        if self.metadata.extended_attributes.is_some() && !is_bare() {
            // Somebody was at it already: what it shows now tells nothing of its attributes.
            item.fingerprint.version = Version::default();
        }
        Ok(Published { item, not_kept: in_words(troubles) })
    }
}

impl Drop for LocalStagedFolder {
    fn drop(&mut self) {
        if let Some(name) = &self.name {
            // What can not be removed now is found and removed by `clear_unfinished`.
            let _ = clear_folder(&self.parent, name);
        }
    }
}
