//! A file gathered on this machine before it goes to a server in one request.
//!
//! Why: WebDAV takes a file in one request, and a request that fails has to be made again from the start; a bucket has to
//! be told all about a file when its upload begins. Invariants: what is small stays in memory; what is large lies in a
//! private temporary file that is gone with it. Deliberately not
//! here: sending it.

use std::io::{self, Read, Seek, SeekFrom, Write};

use bytes::Bytes;
use tempfile::NamedTempFile;

use crate::object::transport::Body;

/// What is larger goes to a temporary file.
const MEMORY_LIMIT_BYTES: u64 = 8 << 20;

/// A file being gathered.
#[derive(Debug, Default)]
pub(crate) struct Spool {
    memory: Vec<u8>,
    file: Option<NamedTempFile>,
    length_bytes: u64,
}

impl Spool {
    pub(crate) fn length_bytes(&self) -> u64 {
        self.length_bytes
    }

    /// Writes bytes at a place; what lies between the end and that place becomes zeros.
    pub(crate) fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> io::Result<()> {
        let end = offset_bytes
            .checked_add(bytes.len() as u64)
            .ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "no file is that long"))?;
        if end > MEMORY_LIMIT_BYTES && self.file.is_none() {
            let mut file = NamedTempFile::new()?;
            file.write_all(&self.memory)?;
            self.memory = Vec::new();
            self.file = Some(file);
        }
        match &mut self.file {
            Some(file) => {
                let file = file.as_file_mut();
                file.seek(SeekFrom::Start(offset_bytes))?;
                file.write_all(bytes)?;
            }
            None => {
                // Both fit into memory by the limit above.
                let (from, to) = (offset_bytes as usize, end as usize);
                if self.memory.len() < to {
                    self.memory.resize(to, 0);
                }
                self.memory[from..to].copy_from_slice(bytes);
            }
        }
        self.length_bytes = self.length_bytes.max(end);
        Ok(())
    }

    /// Cuts it, or extends it with zeros.
    pub(crate) fn set_length(&mut self, length_bytes: u64) -> io::Result<()> {
        match &mut self.file {
            Some(file) => file.as_file_mut().set_len(length_bytes)?,
            None if length_bytes <= MEMORY_LIMIT_BYTES => self.memory.resize(length_bytes as usize, 0),
            None => self.write_at(&[0], length_bytes.saturating_sub(1))?,
        }
        self.length_bytes = length_bytes;
        Ok(())
    }

    /// The hash of what is in it.
    pub(crate) fn hash(&mut self) -> io::Result<blake3::Hash> {
        let mut hasher = blake3::Hasher::new();
        match &mut self.file {
            None => {
                hasher.update(&self.memory);
            }
            Some(file) => {
                let file = file.as_file_mut();
                file.seek(SeekFrom::Start(0))?;
                let mut buffer = vec![0; 1 << 20];
                loop {
                    match file.read(&mut buffer)? {
                        0 => break,
                        length => hasher.update(&buffer[..length]),
                    };
                }
            }
        }
        Ok(hasher.finalize())
    }

    /// Reads from a place on; fewer bytes only at the end.
    pub(crate) fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> io::Result<usize> {
        let left = usize::try_from(self.length_bytes.saturating_sub(offset_bytes)).unwrap_or(usize::MAX);
        let wanted = bytes.len().min(left);
        let bytes = &mut bytes[..wanted];
        match &mut self.file {
            Some(file) => {
                let file = file.as_file_mut();
                file.seek(SeekFrom::Start(offset_bytes))?;
                file.read_exact(bytes)?;
            }
            // What is in memory is shorter than the limit, so both ends fit.
            None if wanted > 0 => {
                let from = offset_bytes as usize;
                bytes.copy_from_slice(&self.memory[from..from + wanted]);
            }
            None => {}
        }
        Ok(wanted)
    }

    /// What a request carries. The spool must live until the request has ended.
    pub(crate) fn body(&self) -> Body {
        match &self.file {
            Some(file) => Body::File(file.path().to_owned(), self.length_bytes),
            None => Body::Bytes(Bytes::from(self.memory.clone())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_in_it_small_or_large() {
        for length in [100_usize, (9 << 20) + 5] {
            let whole: Vec<u8> = (0..length).map(|number| (number % 251) as u8).collect();
            let mut spool = Spool::default();
            let middle = length / 2;
            spool.write_at(&whole[middle..], middle as u64).unwrap();
            spool.write_at(&whole[..middle], 0).unwrap();
            assert_eq!(spool.hash().unwrap(), blake3::hash(&whole));
            assert_eq!(spool.length_bytes(), length as u64);
            let mut read = vec![0; length];
            assert_eq!(spool.read_at(&mut read, 3).unwrap(), length - 3);
            assert_eq!(read[..length - 3], whole[3..]);
            assert_eq!(spool.read_at(&mut read, length as u64 + 5).unwrap(), 0);
            let path = match spool.body() {
                Body::File(path, length_bytes) => {
                    assert_eq!(std::fs::metadata(&path).unwrap().len(), length_bytes);
                    Some(path)
                }
                Body::Bytes(bytes) => {
                    assert_eq!(bytes, whole);
                    None
                }
            };
            spool.set_length(10).unwrap();
            assert_eq!(spool.hash().unwrap(), blake3::hash(&whole[..10]));
            drop(spool);
            assert!(path.is_none_or(|path| !path.exists()));
        }
        let mut spool = Spool::default();
        spool.set_length(20 << 20).unwrap();
        assert_eq!(spool.length_bytes(), 20 << 20);
        assert!(matches!(spool.body(), Body::File(..)));
        assert!(spool.write_at(b"x", u64::MAX).is_err());
    }
}
