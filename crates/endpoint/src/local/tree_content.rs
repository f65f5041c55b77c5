//! A file of a local tree, opened for reading.
//!
//! Invariant: it is read up to where it ended when it was opened; whether it is still that file is asked once, at the
//! end. Deliberately not here: finding and opening it (`tree`).

use std::sync::Arc;

use keepwell_model::ExtendedAttribute;

use super::LocalFile;
use super::tree::Inner;
use crate::error::EndpointError;
use crate::tree::{Content, TreeItem};

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

/// A file opened for reading.
pub(super) struct LocalContent {
    pub(super) tree: Arc<Inner>,
    pub(super) file: LocalFile,
    pub(super) item: TreeItem,
    pub(super) has_holes: bool,
    /// It runs as somebody else than who runs this.
    pub(super) is_of_another: bool,
}

impl Content for LocalContent {
    fn item(&self) -> &TreeItem {
        &self.item
    }

    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        // Up to where the file ended when it was opened: whether it grew is asked once, at the end.
        let left = self.item.fingerprint.size_bytes.saturating_sub(offset_bytes);
        let length = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        self.file.read_at(&mut bytes[..length], offset_bytes)
    }

    fn next_data(&mut self, from_bytes: u64) -> Result<Option<std::ops::Range<u64>>, EndpointError> {
        let size_bytes = self.item.fingerprint.size_bytes;
        if self.has_holes {
            return self.file.next_data(from_bytes, size_bytes);
        }
        Ok((from_bytes < size_bytes).then_some(from_bytes..size_bytes))
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        let now = self.tree.item(&self.item.name, &self.file.stat()?);
        Ok(now.fingerprint.is_unchanged_since(&self.item.fingerprint))
    }

    fn extended_attributes(&mut self) -> Result<Option<Vec<ExtendedAttribute>>, EndpointError> {
        if !self.tree.capabilities.extended_attributes {
            return Ok(Some(Vec::new()));
        }
        system::attributes_of(&self.file).map(Some)
    }

    fn not_shown(&self) -> Option<String> {
        self.is_of_another.then(|| format!("the permissions: {}", system::NOT_AS_ANOTHER))
    }

    fn local_file(&self) -> Option<&std::fs::File> {
        system::raw_file(&self.file)
    }
}
