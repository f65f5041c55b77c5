//! A file of a WebDAV server being read, and one being made.
//!
//! Invariants: all of a file is read from the content that was opened, by its etag where it is a strong one; a file being
//! made is gathered on this machine, sent under the name of an unfinished one, and read back before it gets its name.
//! Deliberately not here: names and folders (`tree`).

use bytes::Bytes;
use keepwell_model::{ContentHash, RelativePath};

use super::tree::WebDavTree;
use crate::error::EndpointError;
use crate::spool::Spool;
use crate::tree::{Content, Expected, ItemMetadata, Published, Staged, Tree, TreeItem};

/// Bytes of one range.
const RANGE_BYTES: usize = 8 << 20;

/// A file being read.
pub(super) struct WebDavContent {
    tree: WebDavTree,
    path: RelativePath,
    item: TreeItem,
    etag: Option<String>,
    /// What was read ahead, and from where.
    ahead: (u64, Bytes),
}

impl WebDavContent {
    pub(super) fn new(tree: WebDavTree, path: RelativePath, item: TreeItem, etag: Option<String>) -> Self {
        Self { tree, path, item, etag, ahead: (0, Bytes::new()) }
    }
}

impl Content for WebDavContent {
    fn item(&self) -> &TreeItem {
        &self.item
    }

    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        let size_bytes = self.item.fingerprint.size_bytes;
        if bytes.is_empty() || offset_bytes >= size_bytes {
            return Ok(0);
        }
        let (from, held) = &self.ahead;
        if offset_bytes < *from || offset_bytes >= from + held.len() as u64 {
            let length = usize::try_from(size_bytes - offset_bytes).unwrap_or(usize::MAX).min(RANGE_BYTES);
            let name = self.tree.text(&self.path)?;
            let found = self.tree.client.read(name, offset_bytes, length, self.etag.clone())?;
            if found.len() != length {
                return Err(self.tree.changed(&self.path));
            }
            self.ahead = (offset_bytes, found);
        }
        let (from, held) = &self.ahead;
        // Within what is held, so it fits.
        let at = usize::try_from(offset_bytes - from).unwrap_or(0);
        let length = bytes.len().min(held.len() - at);
        bytes[..length].copy_from_slice(&held[at..at + length]);
        Ok(length)
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        let found = self.tree.stat(&self.path)?;
        Ok(found.is_some_and(|found| found.fingerprint.is_unchanged_since(&self.item.fingerprint)))
    }
}

/// A file being made.
pub(super) struct WebDavStaged {
    tree: WebDavTree,
    path: RelativePath,
    spool: Spool,
    /// What lies on the server, if anything.
    staged: Option<String>,
}

impl WebDavStaged {
    pub(super) fn new(tree: WebDavTree, path: RelativePath) -> Self {
        Self { tree, path, spool: Spool::default(), staged: None }
    }

    fn failed(&self, error: std::io::Error) -> EndpointError {
        EndpointError::from_io("write", self.tree.shown(&self.path), error)
    }

    /// Reads back what the server keeps.
    fn prove(&self, staged: &str, proof: &ContentHash) -> Result<(), EndpointError> {
        let wrong = || EndpointError::Unexpected {
            path: self.tree.shown(&self.path),
            why: "what the server stored is not what was sent".to_owned(),
        };
        let client = &self.tree.client;
        if client.stat(staged)?.size_bytes != self.spool.length_bytes() {
            return Err(wrong());
        }
        let (mut hasher, mut at) = (blake3::Hasher::new(), 0);
        while at < self.spool.length_bytes() {
            let part = client.read(staged, at, RANGE_BYTES, None)?;
            if part.is_empty() {
                return Err(wrong());
            }
            hasher.update(&part);
            at += part.len() as u64;
        }
        if hasher.finalize().as_bytes() == &proof.0 { Ok(()) } else { Err(wrong()) }
    }
}

impl Staged for WebDavStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        self.spool.write_at(bytes, offset_bytes).map_err(|error| self.failed(error))
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.spool.set_length(length_bytes).map_err(|error| self.failed(error))
    }

    fn publish(
        mut self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        let tree = self.tree.clone();
        tree.require(path, expected)?;
        let staged = tree.staged_beside(path)?;
        self.staged = Some(staged.clone());
        tree.client.write(&staged, self.spool.body())?;
        self.prove(&staged, proof)?;
        let mut not_kept = Vec::new();
        if let Some(modified) = metadata.modified
            && !tree.note_time(&staged, modified)?
        {
            not_kept.push("the time of the last change: this server does not store it".to_owned());
        }
        // As late as can be: sending may have taken long.
        tree.require(path, expected)?;
        tree.moved(&staged, path, expected)?;
        self.staged = None;
        tree.published(path, not_kept, metadata)
    }
}

impl Drop for WebDavStaged {
    fn drop(&mut self) {
        if let Some(staged) = &self.staged {
            // A failure leaves a leftover, which `clear_unfinished` finds.
            let _ = self.tree.client.remove(staged);
        }
    }
}
