//! An open file of a local tree on Unix.
//!
//! Invariants: a read or write is whole or an error; holes are found only where the file system tells, never guessed.
//! Deliberately not here: metadata (`unix_metadata`).

use std::fs::File;
use std::io::{self, Read};
use std::ops::Range;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;

use rustix::fs::SeekFrom;
use rustix::io::Errno;

use super::item::Stat;
use super::unix::Folder;
use crate::error::EndpointError;

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(target_os = "macos")]
use super::macos as system;

/// So many zeros are written at once where no hole can be made.
const CLEAR_BYTES: usize = 64 * 1024;

/// An open file. Dropping it closes it.
#[derive(Debug)]
pub struct LocalFile {
    folder: Folder,
    name: Box<[u8]>,
    file: File,
    /// Known for files just made: spares asking before setting what is right already.
    birth: Option<Birth>,
}

/// What a file is born with in one folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Birth {
    pub(super) user_id: u32,
    pub(super) group_id: u32,
    /// Permission bits; nothing where they can not be foretold (a default ACL, a file system without modes).
    pub(super) mode: Option<u32>,
    /// Whether it had extended attributes from the first (inherited ACLs, security labels).
    pub(super) has_attributes: bool,
}

impl Birth {
    /// Looks at the first file made in a folder, which was asked to have this mode.
    pub(super) fn learn(file: &OwnedFd, asked_mode: u32) -> Result<Self, Errno> {
        let stat = system::stat_handle(file)?;
        let has_attributes = system::has_attributes(file);
        let masked = system::process_umask().map(|umask| asked_mode & 0o777 & !umask);
        let mode = (!has_attributes && masked == Some(stat.mode)).then_some(stat.mode);
        Ok(Self { user_id: stat.user_id, group_id: stat.group_id, mode, has_attributes })
    }

    /// The same for a file that was asked to have another mode.
    pub(super) fn with_mode(self, asked_mode: u32) -> Self {
        let masked = system::process_umask().map(|umask| asked_mode & 0o777 & !umask);
        Self { mode: self.mode.and(masked), ..self }
    }
}

impl LocalFile {
    pub(super) fn new(folder: Folder, name: &[u8], handle: OwnedFd, birth: Option<Birth>) -> Self {
        Self { folder, name: name.into(), file: File::from(handle), birth }
    }

    pub(super) fn file(&self) -> &File {
        &self.file
    }

    pub(super) fn birth(&self) -> Option<Birth> {
        self.birth
    }

    /// The whole path, for people.
    #[must_use]
    pub fn path(&self) -> String {
        self.folder.path_of(&self.name)
    }

    /// What is known of the file that is open, whatever its name stands for by now.
    ///
    /// # Errors
    /// It can not be asked for.
    pub fn stat(&self) -> Result<Stat, EndpointError> {
        system::stat_handle(&self.file).map_err(|errno| self.failed("look at", errno.into()))
    }

    /// Reads the next bytes; 0 at the end.
    ///
    /// # Errors
    /// The system can not read them.
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize, EndpointError> {
        loop {
            match self.file.read(bytes) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result.map_err(|error| self.failed("read", error)),
            }
        }
    }

    /// Reads from an offset on until the buffer is full or the file ends; says how many bytes came.
    ///
    /// # Errors
    /// The system can not read them.
    pub fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.file.read_at(&mut bytes[done..], offset_bytes.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(read) => done += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failed("read", error)),
            }
        }
        Ok(done)
    }

    /// Writes all bytes from an offset on.
    ///
    /// # Errors
    /// The place is full ([`EndpointError::NoSpace`]) or refuses.
    pub fn write_at(&self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        self.file.write_all_at(bytes, offset_bytes).map_err(|error| {
            if error.kind() == io::ErrorKind::WriteZero {
                return EndpointError::NoSpace { action: "write", path: self.path() };
            }
            self.failed("write", error)
        })
    }

    /// Cuts the file, or lets it end in a hole.
    ///
    /// # Errors
    /// The system refuses.
    pub fn set_length(&self, length_bytes: u64) -> Result<(), EndpointError> {
        self.file.set_len(length_bytes).map_err(|error| self.failed("write", error))
    }

    /// Makes content and metadata durable.
    ///
    /// # Errors
    /// The system reports trouble with the disk.
    pub fn sync(&self) -> Result<(), EndpointError> {
        self.file.sync_all().map_err(|error| self.failed("sync", error))
    }

    /// Says that the file will be read once from start to end. Of no use for small files.
    pub fn advise_sequential(&self) {
        system::advise_sequential(&self.file);
    }

    /// Asks the system to forget the content it holds in memory, so that reading shows what is on the disk.
    pub fn forget_cached(&self) {
        system::forget_cached(&self.file);
    }

    /// The next run of data at or after an offset; nothing where only a hole is left up to the end. To be asked where
    /// [`Stat::allocated_bytes`] is less than the size; moves the position of [`LocalFile::read`].
    ///
    /// # Errors
    /// The system can not tell although the file system could.
    pub fn next_data(&self, from_bytes: u64, size_bytes: u64) -> Result<Option<Range<u64>>, EndpointError> {
        if from_bytes >= size_bytes {
            return Ok(None);
        }
        let start = match rustix::fs::seek(&self.file, SeekFrom::Data(from_bytes)) {
            Ok(start) => start,
            Err(Errno::NXIO) => return Ok(None),
            // The file system knows of no holes: all is data.
            Err(Errno::INVAL | Errno::NOTSUP) => return Ok(Some(from_bytes..size_bytes)),
            Err(errno) => return Err(self.failed("read", errno.into())),
        };
        if start >= size_bytes {
            return Ok(None);
        }
        let end = match rustix::fs::seek(&self.file, SeekFrom::Hole(start)) {
            Ok(end) => end.min(size_bytes),
            // It was cut meanwhile.
            Err(Errno::NXIO) => size_bytes,
            Err(errno) => return Err(self.failed("read", errno.into())),
        };
        Ok(Some(start..end.max(start)))
    }

    /// Makes a range read as zeros, as a hole where the file system can.
    ///
    /// # Errors
    /// The place is full or refuses.
    pub fn clear(&self, range: Range<u64>) -> Result<(), EndpointError> {
        if range.is_empty() || system::punch_hole(&self.file, &range) {
            return Ok(());
        }
        let zeros = vec![0; CLEAR_BYTES];
        let mut at = range.start;
        while let Some(data) = self.next_data(at, range.end)? {
            at = data.start;
            while at < data.end {
                let length = usize::try_from(data.end - at).unwrap_or(CLEAR_BYTES).min(CLEAR_BYTES);
                self.write_at(&zeros[..length], at)?;
                at += length as u64;
            }
        }
        Ok(())
    }

    pub(super) fn failed(&self, action: &'static str, error: io::Error) -> EndpointError {
        self.folder.failed(action, &self.name, error)
    }

    pub(super) fn unexpected(&self, why: &str) -> EndpointError {
        self.folder.unexpected(&self.name, why)
    }
}
