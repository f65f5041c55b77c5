//! Writing a file with many requests on their way, going on where it was when the connection breaks.
//!
//! Invariants: what the server did not confirm is kept and sent again after a break; at most [`AHEAD_BYTES`] are kept;
//! [`Outgoing::finish`] returns when all was confirmed and, where the server can, is on its disk. After a break the
//! server may have been restarted and lost what it confirmed: [`Outgoing::broke`] tells, and the caller proves the
//! content before it is shown. Deliberately not here: names (`place`), what is written.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;

use super::calls::RemoteFile;
use super::error::SftpError;
use super::packet::{Attributes, open};
use super::place::{Place, again};
use super::session::Answer;

/// What may be on its way unconfirmed.
const AHEAD_BYTES: usize = 6 << 20;

/// A line that breaks more often during one file is given up.
const BREAKS_LIMIT: u32 = 1000;

/// What is copied inside the server with one request.
const COPY_BYTES: u64 = 256 << 20;

/// A file being written.
pub(super) struct Outgoing {
    place: Arc<Place>,
    path: Vec<u8>,
    /// Shared, so that it can be read back through the same handle.
    file: Arc<RemoteFile>,
    pieces: VecDeque<Piece>,
    pieces_bytes: usize,
    /// How often the connection broke.
    breaks: u32,
}

struct Piece {
    offset_bytes: u64,
    bytes: Bytes,
    answer: Option<Answer>,
}

impl Outgoing {
    /// Begins a new file, which must not be there.
    pub(super) async fn create(
        place: &Arc<Place>,
        path: Vec<u8>,
        mode: Option<u32>,
    ) -> Result<Self, SftpError> {
        let flags = open::READ | open::WRITE | open::CREATE | open::EXCLUSIVE;
        let attributes = Attributes { mode, ..Attributes::default() };
        let mut tried = false;
        let file = again!(place, |session| {
            // Names are random: what is there at the second try was made by the first, whose answer was lost.
            let again = std::mem::replace(&mut tried, true);
            match session.open(&path, flags, &attributes).await {
                Err(SftpError::Status { .. }) if again => {
                    session.open(&path, flags & !open::EXCLUSIVE, &attributes).await
                }
                result => result,
            }
        })?;
        let place = Arc::clone(place);
        Ok(Self { place, path, file: Arc::new(file), pieces: VecDeque::new(), pieces_bytes: 0, breaks: 0 })
    }

    pub(super) fn path(&self) -> &[u8] {
        &self.path
    }

    pub(super) fn file(&self) -> &Arc<RemoteFile> {
        &self.file
    }

    /// The connection broke while the file was read back.
    pub(super) fn broken(&mut self) {
        self.breaks += 1;
    }

    /// Whether the connection broke meanwhile.
    pub(super) fn broke(&self) -> bool {
        self.breaks > 0
    }

    /// Sends bytes; returns when there is room for more.
    pub(super) async fn write(&mut self, mut bytes: Bytes, mut offset_bytes: u64) -> Result<(), SftpError> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(self.file.session.write_bytes));
            let length_bytes = piece.len();
            self.settle(AHEAD_BYTES - length_bytes.min(AHEAD_BYTES)).await?;
            let sent = self.file.ask_write(offset_bytes, &piece).await;
            let (answer, broken) = match sent {
                Ok(answer) => (Some(answer), None),
                Err(error) if error.is_lost() => (None, Some(error)),
                Err(error) => return Err(error),
            };
            self.pieces.push_back(Piece { offset_bytes, bytes: piece, answer });
            self.pieces_bytes += length_bytes;
            if let Some(error) = broken {
                self.recover(error).await?;
            }
            offset_bytes += length_bytes as u64;
        }
        Ok(())
    }

    /// Waits until no more than this is unconfirmed.
    async fn settle(&mut self, until_bytes: usize) -> Result<(), SftpError> {
        while self.pieces_bytes > until_bytes {
            let Some(piece) = self.pieces.front_mut() else { return Ok(()) };
            let confirmed = match piece.answer.take() {
                Some(answer) => answer.wait().await.and_then(super::packet::Packet::into_done),
                None => Err(SftpError::Lost("the connection broke".to_owned())),
            };
            match confirmed {
                Ok(()) => {
                    self.pieces_bytes -= piece.bytes.len();
                    self.pieces.pop_front();
                }
                Err(error) if error.is_lost() => self.recover(error).await?,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Opens the file again and sends what was not confirmed.
    async fn recover(&mut self, mut error: SftpError) -> Result<(), SftpError> {
        self.breaks += 1;
        if self.breaks > BREAKS_LIMIT {
            return Err(error);
        }
        let mut attempts = self.place.attempts();
        loop {
            attempts.again(error).await?;
            match self.send_again().await {
                Ok(()) => return Ok(()),
                Err(lost) if lost.is_lost() => error = lost,
                Err(other) => return Err(other),
            }
        }
    }

    async fn send_again(&mut self) -> Result<(), SftpError> {
        let session = self.place.server.session().await?;
        let file = session.open(&self.path, open::READ | open::WRITE, &Attributes::default()).await?;
        for piece in &mut self.pieces {
            piece.answer = Some(file.ask_write(piece.offset_bytes, &piece.bytes).await?);
        }
        self.file = Arc::new(file);
        Ok(())
    }

    /// Waits until all is confirmed, its length is this (where given), and (with `sync`) until it is on the server's disk.
    pub(super) async fn finish(&mut self, length_bytes: Option<u64>, sync: bool) -> Result<(), SftpError> {
        loop {
            match self.finish_once(length_bytes, sync).await {
                Err(error) if error.is_lost() => self.recover(error).await?,
                result => return result,
            }
        }
    }

    /// The questions follow what was written before its confirmations come: servers keep the order of one file.
    async fn finish_once(&mut self, length_bytes: Option<u64>, sync: bool) -> Result<(), SftpError> {
        let attributes = Attributes { size_bytes: length_bytes, ..Attributes::default() };
        let set = match length_bytes {
            Some(_) => Some(self.file.ask_set(&attributes).await?),
            None => None,
        };
        let synced = if sync { self.file.ask_sync().await? } else { None };
        let before = Arc::clone(&self.file);
        self.settle(0).await?;
        if !Arc::ptr_eq(&before, &self.file) {
            // It broke meanwhile; what was asked of the old handle says nothing about the new one.
            return Err(SftpError::Lost("the connection broke".to_owned()));
        }
        for answer in [set, synced].into_iter().flatten() {
            answer.wait().await?.into_done()?;
        }
        Ok(())
    }

    /// Fills it with a copy of another file, made inside the server. Begins anew when the connection breaks.
    pub(super) async fn fill_from(&mut self, from: &[u8]) -> Result<u64, SftpError> {
        loop {
            match self.fill_once(from).await {
                Err(error) if error.is_lost() => self.recover(error).await?,
                result => return result,
            }
        }
    }

    async fn fill_once(&self, from: &[u8]) -> Result<u64, SftpError> {
        let source = self.file.session.open(from, open::READ, &Attributes::default()).await?;
        let length_bytes = source.attributes().await?.size_bytes.unwrap_or(0);
        let mut offset_bytes = 0;
        // In parts, because the server says nothing while it copies.
        while offset_bytes < length_bytes {
            let part = (length_bytes - offset_bytes).min(COPY_BYTES);
            source.copy_to(&self.file, offset_bytes, part).await?;
            offset_bytes += part;
        }
        Ok(length_bytes)
    }

    /// Closes the file; what could not be written until now may be told only here.
    pub(super) async fn close(self) -> Result<(), SftpError> {
        match Arc::try_unwrap(self.file) {
            Ok(file) => file.close().await,
            // Somebody still reads it; it is closed when they are done.
            Err(_) => Ok(()),
        }
    }
}
