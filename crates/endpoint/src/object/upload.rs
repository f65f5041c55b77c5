//! An object being written to a service: in one request where it is small, in parts where it is large.
//!
//! Invariants: the object appears whole or not at all, in the request that ends the upload; it appears only where
//! nothing is, by a condition the service checks (where the service has none, by asking right before); what the service
//! says it stored is compared with what was sent; an answer that was lost is told from somebody else's object by a
//! token of ours. Deliberately not here: what survives a crash (`unfinished`).

use std::collections::HashMap;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use md5::{Digest, Md5};
use opendal::options::WriteOptions;
use opendal::{Error, ErrorKind, Metadata, Writer};

use super::PART_BYTES;
use super::runtime;
use super::service::{CONTENT_TYPE, Service};
use crate::error::EndpointError;

/// The most parts an upload has (the limit of S3).
const PARTS_LIMIT: usize = 10_000;
/// How many parts travel at once.
const PARTS_AT_ONCE: usize = 3;
/// Where an object says which upload made it. Letters only: all services take that.
pub(super) const TOKEN_FIELD: &str = "keepwellupload";

/// An upload.
pub(crate) struct Upload {
    service: Service,
    key: String,
    part_bytes: usize,
    gathered: Vec<u8>,
    writer: Option<Writer>,
    options: WriteOptions,
    token: String,
    sums: Vec<[u8; 16]>,
    length_bytes: u64,
    always_proven: bool,
}

/// How an upload ended.
pub(crate) enum Ended {
    /// The object is there.
    Written,
    /// Something is there, or not what was expected: nothing was written.
    Refused,
}

impl Upload {
    /// Begins; nothing is asked of the service yet. With a size, parts are made large enough for it.
    pub(crate) fn begin(
        service: &Service,
        key: &str,
        size_bytes: u64,
        mut options: WriteOptions,
    ) -> Result<Self, EndpointError> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| {
            EndpointError::from_io("write", service.path(key), std::io::Error::other(error.to_string()))
        })?;
        let token = keepwell_model::id::to_hex(&random);
        options.user_metadata.get_or_insert_with(HashMap::new).insert(TOKEN_FIELD.to_owned(), token.clone());
        options.concurrent = PARTS_AT_ONCE;
        options.content_type.get_or_insert_with(|| CONTENT_TYPE.to_owned());
        let least = usize::try_from(size_bytes / (PARTS_LIMIT as u64 - 1)).unwrap_or(usize::MAX);
        Ok(Self {
            service: service.clone(),
            key: key.to_owned(),
            part_bytes: PART_BYTES.max(least.next_multiple_of(1 << 20)),
            gathered: Vec::new(),
            writer: None,
            options,
            token,
            sums: Vec::new(),
            length_bytes: 0,
            always_proven: false,
        })
    }

    /// The same, and what is stored is read back wherever the service tells no sum of it.
    pub(crate) fn proven(mut self) -> Self {
        self.always_proven = true;
        self
    }

    /// How much was written so far.
    pub(crate) fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Adds bytes at the end.
    pub(crate) fn write(&mut self, mut bytes: &[u8]) -> Result<(), EndpointError> {
        self.length_bytes += bytes.len() as u64;
        while !bytes.is_empty() {
            // A part leaves only when more follows: a small object must stay one request.
            if self.gathered.len() == self.part_bytes {
                self.send_part()?;
            }
            let room = self.part_bytes - self.gathered.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.gathered.extend_from_slice(now);
            bytes = later;
        }
        Ok(())
    }

    fn send_part(&mut self) -> Result<(), EndpointError> {
        let part = Bytes::from(std::mem::take(&mut self.gathered));
        self.sums.push(Md5::digest(&part).into());
        if self.sums.len() > PARTS_LIMIT {
            let why = format!("more than {PARTS_LIMIT} parts of {} bytes", self.part_bytes);
            return Err(EndpointError::Unexpected { path: self.service.path(&self.key), why });
        }
        let (operator, key, options) =
            (self.service.operator.clone(), self.key.clone(), self.options.clone());
        let writer = self.writer.take();
        let writer = self.service.run("write", &self.key, async move {
            let mut writer = match writer {
                Some(writer) => writer,
                None => operator.writer_options(&key, options).await?,
            };
            match writer.write(part).await {
                Ok(()) => Ok(writer),
                Err(error) => {
                    // What was sent so far is of no use to anyone.
                    let _ = writer.abort().await;
                    Err(error)
                }
            }
        })?;
        self.writer = Some(writer);
        Ok(())
    }

    /// Makes the object visible.
    pub(crate) fn finish(mut self) -> Result<Ended, EndpointError> {
        let last = Bytes::from(std::mem::take(&mut self.gathered));
        self.sums.push(Md5::digest(&last).into());
        let result = match self.writer.take() {
            None => self.service.write(&self.key, last, self.options.clone()),
            Some(writer) => close(writer, last),
        };
        let metadata = match result {
            Ok(metadata) => metadata,
            // It may be our own object: an answer can get lost after the work was done.
            Err(error) => match self.ours()? {
                Some(metadata) => metadata,
                None if is_refusal(&error) => return Ok(Ended::Refused),
                None => return Err(self.service.failed("write", &self.key, &error)),
            },
        };
        match self.confirm(metadata.etag().unwrap_or_default()) {
            Ok(()) => Ok(Ended::Written),
            Err(error) => {
                if matches!(error, EndpointError::Unexpected { .. }) {
                    self.take_back();
                }
                Err(error)
            }
        }
    }

    /// What is damaged must not be taken for what was sent, by nobody. Somebody else's object is left alone.
    fn take_back(&self) {
        if let Ok(found) = self.service.stat(&self.key)
            && self.is_ours(&found)
            && let Err(error) = self.service.delete_seen(&self.key, &found, false)
        {
            tracing::warn!(key = self.key, %error, "a damaged object is left: remove it with the tools of the service");
        }
    }

    fn is_ours(&self, found: &Metadata) -> bool {
        found
            .user_metadata()
            .and_then(|fields| fields.get(TOKEN_FIELD))
            .is_some_and(|token| *token == self.token)
    }

    /// The object, if it is there and this upload made it.
    fn ours(&self) -> Result<Option<Metadata>, EndpointError> {
        match self.service.stat(&self.key) {
            Ok(found) => {
                Ok((self.is_ours(&found) && found.content_length() == self.length_bytes).then_some(found))
            }
            Err(EndpointError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Makes sure that what is stored is what was sent. Most services make etags of sums; where one does not (S3 with keys
    /// of its own for encryption), the first object is read back to tell that from damage.
    fn confirm(&self, etag: &str) -> Result<(), EndpointError> {
        let looked = !self.always_proven && self.service.etags_are_no_sums.load(Ordering::Relaxed);
        if looked || Self::proves(&self.sums, etag) {
            return Ok(());
        }
        let mut at = 0;
        for (number, sum) in self.sums.iter().enumerate() {
            let is_last = number + 1 == self.sums.len();
            let length = if is_last { self.length_bytes - at } else { self.part_bytes as u64 };
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let found = if length == 0 {
                Bytes::new()
            } else {
                self.service.read(&self.key, at, length, None)?.to_bytes()
            };
            if <[u8; 16]>::from(Md5::digest(&found)) != *sum {
                let why = "what the service stored is not what was sent".to_owned();
                return Err(EndpointError::Unexpected { path: self.service.path(&self.key), why });
            }
            at += length as u64;
        }
        self.service.etags_are_no_sums.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Whether the service itself told a sum of what it stored, and it is that of what was sent.
    pub(crate) fn proves(sums: &[[u8; 16]], etag: &str) -> bool {
        md5_of_etag(etag).is_some_and(|(sum, parts)| match (parts, sums) {
            (None, [only]) => sum == *only,
            (Some(parts), sums) => parts == sums.len() && sum == <[u8; 16]>::from(Md5::digest(sums.concat())),
            _ => false,
        })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if let Some(mut writer) = self.writer.take() {
            // A failure leaves an unfinished upload, which `unfinished` lists.
            let _ = runtime::wait(async move { writer.abort().await });
        }
    }
}

fn close(mut writer: Writer, last: Bytes) -> opendal::Result<Metadata> {
    runtime::wait(async move {
        let result = match writer.write(last).await {
            Ok(()) => writer.close().await,
            Err(error) => Err(error),
        };
        if result.is_err() {
            let _ = writer.abort().await;
        }
        result
    })
    .unwrap_or_else(|error| Err(Error::new(ErrorKind::Unexpected, error.to_string())))
}

/// The condition was not met, or the service saw another request for the same key at the same time.
fn is_refusal(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::ConditionNotMatch | ErrorKind::AlreadyExists)
        || (error.kind() == ErrorKind::Conflict && !error.is_temporary())
}

/// The sum an etag is, with the count of parts where it is one of sums.
fn md5_of_etag(etag: &str) -> Option<([u8; 16], Option<usize>)> {
    let etag = etag.trim_matches('"');
    let (sum, parts) = match etag.split_once('-') {
        Some((sum, parts)) => (sum, Some(parts.parse().ok()?)),
        None => (etag, None),
    };
    let mut bytes = [0; 16];
    if sum.len() != 32 || !sum.is_ascii() {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(sum.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some((bytes, parts))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_etag_proves_what_it_is_the_sum_of() {
        let sums = [<[u8; 16]>::from(Md5::digest(b"hello"))];
        assert!(Upload::proves(&sums, "\"5d41402abc4b2a76b9719d911017c592\""));
        assert!(!Upload::proves(&sums, "\"5d41402abc4b2a76b9719d911017c593\""));
        assert!(!Upload::proves(&sums, "\"0x8DBA1\""));
        assert!(!Upload::proves(&sums, "CJ-42"));
        let two = [Md5::digest(b"a").into(), Md5::digest(b"b").into()];
        let of_both = keepwell_model::id::to_hex(&Md5::digest(two.concat()));
        assert!(Upload::proves(&two, &format!("\"{of_both}-2\"")));
        assert!(!Upload::proves(&two, &format!("\"{of_both}-3\"")));
        assert!(!Upload::proves(&two, &of_both));
    }
}
