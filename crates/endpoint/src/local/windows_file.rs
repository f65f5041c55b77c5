//! An open file of a local tree on Windows, and setting what surrounds an item.
//!
//! Invariants: a read or write is whole or an error; a file that carries a time that was set has its content on the disk.
//! Deliberately not here: what is not kept on Windows (see `windows`).

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::windows::fs::FileExt;

use keepwell_model::{ExtendedAttribute, Metadata};

use super::item::{MetadataOptions, MetadataPart, MetadataTrouble, Stat};
use super::windows::Folder;
use super::windows_stat;
use crate::error::EndpointError;

/// An open file. Dropping it closes it.
#[derive(Debug)]
pub struct LocalFile {
    pub(super) folder: Folder,
    pub(super) name: Box<[u8]>,
    pub(super) file: File,
    /// Where the next `read` begins: positioned reads move the system's own position.
    pub(super) position_bytes: u64,
}

impl LocalFile {
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
        windows_stat::stat(&self.file).map_err(|error| self.failed("look at", error))
    }

    /// Reads the next bytes; 0 at the end.
    ///
    /// # Errors
    /// The system can not read them.
    pub fn read(&mut self, bytes: &mut [u8]) -> Result<usize, EndpointError> {
        let read =
            self.file.seek_read(bytes, self.position_bytes).map_err(|error| self.failed("read", error))?;
        self.position_bytes += read as u64;
        Ok(read)
    }

    /// Reads from an offset on until the buffer is full or the file ends; says how many bytes came.
    ///
    /// # Errors
    /// The system can not read them.
    pub fn read_at(&self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        let mut done = 0;
        while done < bytes.len() {
            match self.file.seek_read(&mut bytes[done..], offset_bytes.saturating_add(done as u64)) {
                Ok(0) => break,
                Ok(read) => done += read,
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
        let mut done = 0;
        while done < bytes.len() {
            match self.file.seek_write(&bytes[done..], offset_bytes.saturating_add(done as u64)) {
                Ok(0) => return Err(EndpointError::NoSpace { action: "write", path: self.path() }),
                Ok(written) => done += written,
                Err(error) => return Err(self.failed("write", error)),
            }
        }
        Ok(())
    }

    /// Cuts the file, or lets it end in zeros.
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

    /// Files are opened for reading in order here.
    pub fn advise_sequential(&self) {}

    /// Windows has no such advice.
    pub fn forget_cached(&self) {}

    /// The next run of data at or after an offset: here all is data.
    ///
    /// # Errors
    /// Never, here.
    pub fn next_data(&self, from_bytes: u64, size_bytes: u64) -> Result<Option<Range<u64>>, EndpointError> {
        Ok((from_bytes < size_bytes).then_some(from_bytes..size_bytes))
    }

    /// Makes a range read as zeros.
    ///
    /// # Errors
    /// The place is full or refuses.
    pub fn clear(&self, range: Range<u64>) -> Result<(), EndpointError> {
        static ZEROS: [u8; 64 * 1024] = [0; 64 * 1024];
        let mut at = range.start;
        while at < range.end {
            let length = usize::try_from(range.end - at).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.write_at(&ZEROS[..length], at)?;
            at += length as u64;
        }
        Ok(())
    }

    /// Windows keeps none that we take along.
    ///
    /// # Errors
    /// Never, here.
    pub fn extended_attributes(&self) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    /// Sets what surrounds the content. To be called last, when all is written.
    ///
    /// Hands back the parts that could not be set. The content is on the disk before: a person may not flush a whole
    /// volume here, so each file is flushed while it is open. One that could not be keeps the time of its writing,
    /// which tells everybody that it is not finished.
    #[must_use]
    pub fn apply_metadata(&self, metadata: &Metadata, options: &MetadataOptions) -> Vec<MetadataTrouble> {
        match self.file.sync_all() {
            Ok(()) => apply(&self.file, metadata, options),
            Err(source) => vec![MetadataTrouble { part: MetadataPart::Times, source }],
        }
    }

    fn failed(&self, action: &'static str, error: io::Error) -> EndpointError {
        self.folder.failed(action, &self.name, error)
    }
}

pub(super) fn apply_to(
    item: io::Result<File>,
    metadata: &Metadata,
    options: &MetadataOptions,
) -> Vec<MetadataTrouble> {
    match item {
        Ok(file) => apply(&file, metadata, options),
        Err(source) => vec![MetadataTrouble { part: MetadataPart::Times, source }],
    }
}

fn apply(file: &File, metadata: &Metadata, options: &MetadataOptions) -> Vec<MetadataTrouble> {
    let mut troubles = Vec::new();
    if options.attributes {
        troubles.extend(metadata.extended_attributes.iter().map(|attribute| MetadataTrouble {
            part: MetadataPart::Attribute(attribute.name.clone()),
            source: io::ErrorKind::Unsupported.into(),
        }));
    }
    let times = options.times.then_some(metadata.modified);
    let created = if options.times { metadata.created } else { None };
    let attributes = if options.flags { metadata.windows_attributes } else { None };
    if let Err(source) = windows_stat::set_basic(file, times, created, attributes) {
        troubles.push(MetadataTrouble { part: MetadataPart::Times, source });
    }
    troubles
}
