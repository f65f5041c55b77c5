//! A file of a tree, opened for reading: asked for ahead, and known again after the connection broke.
//!
//! Invariant: bytes come from the file that was opened, or the read fails: after a break it is opened anew only if its
//! size and time are still the same. Deliberately not here: whether it changed meanwhile within one second.

use std::sync::Arc;

use super::calls::RemoteFile;
use super::error::SftpError;
use super::item::{changed, item_of};
use super::packet::{Attributes, open};
use super::place::again;
use super::reading::Reading;
use super::tree::Inner;
use crate::error::EndpointError;
use crate::tree::{Content, TreeItem};

pub(super) struct SftpContent {
    inner: Arc<Inner>,
    path: Vec<u8>,
    item: TreeItem,
    stream: Option<Stream>,
}

/// What is being read.
struct Stream {
    file: Arc<RemoteFile>,
    reading: Reading,
    /// What came and was not taken yet, and where it begins.
    piece: Vec<u8>,
    taken: usize,
    offset_bytes: u64,
}

impl SftpContent {
    pub(super) fn new(inner: Arc<Inner>, path: Vec<u8>, item: TreeItem, file: RemoteFile) -> Self {
        let stream = Stream::new(Arc::new(file), 0, item.fingerprint.size_bytes);
        Self { inner, path, item, stream: Some(stream) }
    }
}

impl Stream {
    fn new(file: Arc<RemoteFile>, offset_bytes: u64, size_bytes: u64) -> Self {
        let reading = Reading::new(Arc::clone(&file), offset_bytes..size_bytes.max(offset_bytes));
        Self { file, reading, piece: Vec::new(), taken: 0, offset_bytes }
    }

    /// Up to this many bytes; fewer only at the end.
    async fn take(&mut self, length_bytes: usize) -> Result<Vec<u8>, SftpError> {
        let mut bytes = Vec::with_capacity(length_bytes.min(8 << 20));
        while bytes.len() < length_bytes {
            if self.taken == self.piece.len() {
                match self.reading.next().await? {
                    Some(piece) => (self.piece, self.taken) = (piece, 0),
                    None => break,
                }
            }
            let end = self.piece.len().min(self.taken + length_bytes - bytes.len());
            bytes.extend_from_slice(&self.piece[self.taken..end]);
            self.offset_bytes += (end - self.taken) as u64;
            self.taken = end;
        }
        Ok(bytes)
    }
}

impl Content for SftpContent {
    fn item(&self) -> &TreeItem {
        &self.item
    }

    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        let (stream, item, length_bytes) = (self.stream.take(), self.item.clone(), bytes.len());
        let path = self.path.clone();
        let (stream, read) = self.inner.run("read", self.path.clone(), move |inner, _| async move {
            let size_bytes = item.fingerprint.size_bytes;
            let mut stream = match stream {
                Some(stream) if stream.offset_bytes == offset_bytes => stream,
                Some(stream) => Stream::new(stream.file, offset_bytes, size_bytes),
                None => reopened(&inner, &path, &item, offset_bytes).await?,
            };
            let mut attempts = inner.place.attempts();
            loop {
                match stream.take(length_bytes).await {
                    Ok(read) => return Ok((stream, read)),
                    Err(error) if error.is_lost() => attempts.again(error).await?,
                    Err(error) => return Err(error),
                }
                stream = reopened(&inner, &path, &item, offset_bytes).await?;
            }
        })?;
        self.stream = Some(stream);
        bytes[..read.len()].copy_from_slice(&read);
        Ok(read.len())
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        let stream = self.stream.take();
        let name = self.item.name.clone();
        let (stream, seen) = self.inner.run("read", self.path.clone(), move |inner, path| async move {
            let named = inner.lstat(&path).await?;
            let opened = match &stream {
                Some(stream) => match stream.file.attributes().await {
                    Err(error) if error.is_lost() => None,
                    result => Some(result?),
                },
                None => None,
            };
            Ok((stream, [named, opened]))
        })?;
        self.stream = stream;
        let same = |attributes: &Attributes| item_of(&name, attributes).fingerprint == self.item.fingerprint;
        let [named, opened] = seen;
        Ok(named.as_ref().is_some_and(same) && opened.as_ref().is_none_or(same))
    }
}

async fn reopened(
    inner: &Arc<Inner>,
    path: &[u8],
    item: &TreeItem,
    offset_bytes: u64,
) -> Result<Stream, SftpError> {
    let (file, attributes) = again!(inner.place, |session| {
        let file = session.open(path, open::READ, &Attributes::default()).await?;
        let attributes = file.attributes().await?;
        Ok((file, attributes))
    })?;
    if item_of(&item.name, &attributes).fingerprint != item.fingerprint {
        return Err(changed(inner.place.shown(path)));
    }
    Ok(Stream::new(Arc::new(file), offset_bytes, item.fingerprint.size_bytes))
}
