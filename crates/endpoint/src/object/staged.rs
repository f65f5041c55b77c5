//! A file of a bucket being read, and one being made.
//!
//! Invariants: all of a file is read from the content that was opened, by its etag; a file being made is gathered on this
//! machine, compared with what was meant, and sent when all about it is known. Deliberately not here: names and folders.

use bytes::Bytes;
use keepwell_model::{ContentHash, RelativePath};
use opendal::options::WriteOptions;

use super::PART_BYTES;
use super::items::{not_kept, user_metadata};
use super::tree::ObjectTree;
use super::upload::{Ended, Upload};
use crate::error::EndpointError;
use crate::spool::Spool;
use crate::tree::{Content, Expected, ItemMetadata, Published, Staged, TreeItem};

/// A file being read.
pub(super) struct ObjectContent {
    tree: ObjectTree,
    path: RelativePath,
    key: String,
    item: TreeItem,
    etag: Option<String>,
    /// What was read ahead, and from where.
    ahead: (u64, Bytes),
}

impl ObjectContent {
    pub(super) fn new(
        tree: ObjectTree,
        path: RelativePath,
        key: String,
        item: TreeItem,
        etag: Option<String>,
    ) -> Self {
        Self { tree, path, key, item, etag, ahead: (0, Bytes::new()) }
    }
}

impl Content for ObjectContent {
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
            let wanted = bytes.len().max(PART_BYTES) as u64;
            let length = usize::try_from(wanted.min(size_bytes - offset_bytes)).unwrap_or(PART_BYTES);
            let service = &self.tree.inner.root.service;
            let found = service.read(&self.key, offset_bytes, length, self.etag.clone())?;
            if found.len() != length {
                return Err(EndpointError::Changed { path: self.tree.inner.shown(&self.path) });
            }
            self.ahead = (offset_bytes, found.to_bytes());
        }
        let (from, held) = &self.ahead;
        // Within what is held, so it fits.
        let at = usize::try_from(offset_bytes - from).unwrap_or(0);
        let length = bytes.len().min(held.len() - at);
        bytes[..length].copy_from_slice(&held[at..at + length]);
        Ok(length)
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        let found = match self.tree.inner.root.service.stat(&self.key) {
            Ok(found) => found,
            Err(EndpointError::NotFound { .. }) => return Ok(false),
            Err(error) => return Err(error),
        };
        // Asked for one object, a service tells its etag also where listings do not; times go by whole seconds.
        let item = self.tree.inner.item(&self.item.name, &found);
        Ok(found.etag() == self.etag.as_deref()
            && item.fingerprint.is_unchanged_since(&self.item.fingerprint))
    }
}

/// A file being made.
pub(super) struct ObjectStaged {
    tree: ObjectTree,
    path: RelativePath,
    spool: Spool,
}

impl ObjectStaged {
    pub(super) fn new(tree: ObjectTree, path: RelativePath) -> Self {
        Self { tree, path, spool: Spool::default() }
    }

    fn failed(&self, error: std::io::Error) -> EndpointError {
        EndpointError::from_io("write", self.tree.inner.shown(&self.path), error)
    }

    /// Sends what was gathered; `look` is asked last before it becomes visible.
    fn send(
        &mut self,
        mut upload: Upload,
        look: impl FnOnce() -> Result<(), EndpointError>,
    ) -> Result<Ended, EndpointError> {
        let mut buffer = vec![0; 1 << 20];
        let mut at = 0;
        loop {
            let length = self.spool.read_at(&mut buffer, at).map_err(|error| self.failed(error))?;
            if length == 0 {
                look()?;
                return upload.finish();
            }
            upload.write(&buffer[..length])?;
            at += length as u64;
        }
    }
}

impl Staged for ObjectStaged {
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
        let (key, shown) = (tree.inner.key(path)?, tree.inner.shown(path));
        if self.spool.hash().map_err(|error| self.failed(error))?.as_bytes() != &proof.0 {
            let why = "what was gathered is not what was meant".to_owned();
            return Err(EndpointError::Unexpected { path: shown, why });
        }
        let root = &tree.inner.root;
        let conditions = root.has_conditions()?;
        let mut options = WriteOptions { user_metadata: Some(user_metadata(metadata)), ..Default::default() };
        tree.require(path, expected)?;
        match expected {
            Expected::Absent => options.if_not_exists = conditions,
            Expected::Item(item) if item.kind == keepwell_model::EntryKind::File => {
                let capability = root.service.operator.info().capability();
                if conditions && capability.write_with_if_match {
                    let found = root.service.stat(&key)?;
                    let name = path.name().unwrap_or_default();
                    if !tree.inner.item(name, &found).fingerprint.is_unchanged_since(item) {
                        return Err(EndpointError::Changed { path: shown });
                    }
                    options.if_match = found.etag().map(str::to_owned);
                }
            }
            Expected::Item(_) => return Err(EndpointError::Changed { path: shown }),
        }
        let size_bytes = self.spool.length_bytes();
        // What is small is sent in the very request that follows; all else takes its time.
        let is_unguarded =
            !options.if_not_exists && options.if_match.is_none() && size_bytes > PART_BYTES as u64;
        let upload = Upload::begin(&root.service, &key, size_bytes, options)?.proven();
        let look = || if is_unguarded { tree.require(path, expected) } else { Ok(()) };
        match self.send(upload, look)? {
            Ended::Refused => return Err(EndpointError::Changed { path: shown }),
            Ended::Written => {}
        }
        let found = root.service.stat(&key)?;
        let item = tree.inner.item(path.name().unwrap_or_default(), &found);
        if item.fingerprint.size_bytes != size_bytes {
            return Err(EndpointError::Changed { path: shown });
        }
        Ok(Published { item, not_kept: not_kept(metadata, false) })
    }
}
