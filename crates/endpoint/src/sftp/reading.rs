//! Reading a file with many requests on their way: pieces come in order, as fast as the line brings them.
//!
//! Invariants: at most [`AHEAD_BYTES`] are asked for ahead; a server that sends less than was asked for is asked for
//! the rest, so a short answer is never taken for the end. Deliberately not here: connections that break (`place`).

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::calls::RemoteFile;
use super::error::SftpError;
use super::session::Answer;

/// What is asked for ahead.
const AHEAD_BYTES: usize = 4 << 20;

/// A range of a file on its way.
pub(super) struct Reading {
    file: Arc<RemoteFile>,
    ahead: VecDeque<Ahead>,
    ahead_bytes: usize,
    /// What was not asked for yet.
    rest: Range<u64>,
}

struct Ahead {
    offset_bytes: u64,
    length_bytes: usize,
    answer: Answer,
}

impl Reading {
    pub(super) fn new(file: Arc<RemoteFile>, range: Range<u64>) -> Self {
        Self { file, ahead: VecDeque::new(), ahead_bytes: 0, rest: range }
    }

    /// The next piece; nothing at the end of the range or of the file.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<u8>>, SftpError> {
        while self.rest.start < self.rest.end && self.ahead_bytes < AHEAD_BYTES {
            let left = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX);
            let length_bytes = left.min(self.file.session.read_bytes);
            let offset_bytes = self.rest.start;
            let answer = self.file.ask_read(offset_bytes, length_bytes).await?;
            self.ahead.push_back(Ahead { offset_bytes, length_bytes, answer });
            self.ahead_bytes += length_bytes;
            self.rest.start += length_bytes as u64;
        }
        let Some(Ahead { offset_bytes, length_bytes, answer }) = self.ahead.pop_front() else {
            return Ok(None);
        };
        self.ahead_bytes -= length_bytes;
        let bytes = answer.wait().await?.into_data()?;
        if bytes.is_empty() {
            self.ahead.clear();
            self.ahead_bytes = 0;
            self.rest = 0..0;
            return Ok(None);
        }
        if bytes.len() > length_bytes {
            return Err(SftpError::protocol("the server sent more than was asked for"));
        }
        if bytes.len() < length_bytes {
            let (offset_bytes, length_bytes) =
                (offset_bytes + bytes.len() as u64, length_bytes - bytes.len());
            let answer = self.file.ask_read(offset_bytes, length_bytes).await?;
            self.ahead.push_front(Ahead { offset_bytes, length_bytes, answer });
            self.ahead_bytes += length_bytes;
        }
        Ok(Some(bytes))
    }

    /// All of it at once; less only at the end of the file.
    pub(super) async fn all(mut self) -> Result<Vec<u8>, SftpError> {
        let mut whole = self.next().await?.unwrap_or_default();
        while let Some(piece) = self.next().await? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// Its length and hash.
    pub(super) async fn hash(mut self) -> Result<(u64, blake3::Hash), SftpError> {
        let mut hasher = blake3::Hasher::new();
        while let Some(piece) = self.next().await? {
            hasher.update(&piece);
        }
        Ok((hasher.count(), hasher.finalize()))
    }
}
