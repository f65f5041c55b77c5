//! A store of whole named objects in a bucket: a repository on S3, Azure or Google.
//!
//! Why markers: a service has no folders, so an empty answer could mean an empty folder, a vanished one, or a lie.
//! Invariants:
//! 1. An object is visible whole or not at all, and never replaces another ([`super::upload`]).
//! 2. A folder that was made holds a marker. A listing that shows neither marker nor objects is "not found", never an
//!    empty list; the root's marker tells an empty place from one that is gone, and nothing is written into a place
//!    that is gone.
//! 3. Keys are those of [`crate::local::store`]; whatever else lies there is passed over.
//!
//! Deliberately not here: buckets, which are made by whoever pays for them.

use std::sync::Arc;

use opendal::Entry;
use opendal::options::WriteOptions;

use super::PART_BYTES;
use super::root::{FOLDER_MARKER, FOLDER_TEXT, OLD_PROBE, ROOT_MARKER, Root};
use super::service::Service;
use super::upload::{Ended, Upload as ObjectUpload};
use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::EndpointError;
use crate::retry::Patience;
use crate::store::{NAMES_LIMIT, Store, StoredObject, Upload, key_trouble};
use crate::tree::STAGED_PREFIX;

/// A store in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct ObjectStore {
    inner: Arc<Inner>,
}

struct Inner {
    root: Root,
}

impl ObjectStore {
    /// Opens the store at an address where something is.
    ///
    /// # Errors
    /// The service can not be reached, does not accept the credentials, or has nothing there.
    pub fn open(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let store = Self::unopened(address, credentials, patience)?;
        store.inner.root.require()?;
        Ok(store)
    }

    /// Opens the store at an address, and marks it as a place where nothing is yet. The bucket has to be there.
    ///
    /// # Errors
    /// As [`ObjectStore::open`], or the place can not be written to.
    pub fn create(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let store = Self::unopened(address, credentials, patience)?;
        store.inner.root.make()?;
        Ok(store)
    }

    fn unopened(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let service = Service::open(address, credentials, patience)?;
        Ok(Self { inner: Arc::new(Inner { root: Root::new(service) }) })
    }
}

impl Inner {
    /// Makes the marker of a folder where none is. Another one that comes first is as good.
    fn mark(&self, folder: &str) -> Result<(), EndpointError> {
        let key = format!("{folder}/{FOLDER_MARKER}");
        let service = &self.root.service;
        if service.has(&key)? {
            return Ok(());
        }
        let written = service.write(&key, FOLDER_TEXT, WriteOptions::default());
        written.map(drop).map_err(|error| service.failed("write", &key, &error))
    }
}

fn checked(key: &str) -> Result<&str, EndpointError> {
    match key_trouble(key) {
        Some(why) => Err(EndpointError::Unexpected { path: key.to_owned(), why: why.to_owned() }),
        None => Ok(key),
    }
}

fn is_unfinished(key: &str) -> bool {
    key.as_bytes().starts_with(STAGED_PREFIX)
}

fn stored(entry: &Entry) -> Option<StoredObject> {
    let key = entry.path();
    if entry.metadata().is_dir() || key_trouble(key).is_some() || is_unfinished(key) {
        return None;
    }
    Some(StoredObject {
        key: key.to_owned(),
        size_bytes: entry.metadata().content_length(),
        modified_ms: entry.metadata().last_modified().map(|time| time.into_inner().as_millisecond()),
    })
}

impl Store for ObjectStore {
    fn describe(&self) -> String {
        self.inner.root.service.name.to_string()
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        let below = if folder.is_empty() { String::new() } else { format!("{}/", checked(folder)?) };
        let entries = self.inner.root.service.list(&below, true)?;
        if entries.iter().all(|entry| entry.metadata().is_dir()) {
            // Not even the marker: the folder is not there, or the place is gone.
            self.inner.root.require()?;
            if !folder.is_empty() {
                return Err(EndpointError::NotFound { path: self.inner.root.service.path(folder) });
            }
        }
        Ok(entries.iter().filter_map(stored).collect())
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let entries = self.inner.root.service.list_some("", false, NAMES_LIMIT)?;
        let names = entries.iter().map(|entry| entry.path().trim_end_matches('/').to_owned());
        let names: Vec<String> = names.filter(|name| !name.is_empty()).collect();
        if names.is_empty() {
            self.inner.root.require()?;
        }
        let is_own = |name: &str| [ROOT_MARKER, OLD_PROBE].contains(&name) || is_unfinished(name);
        Ok(names.into_iter().filter(|name| !is_own(name)).collect())
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        let found = self.inner.root.service.stat(checked(key)?);
        found.map(|metadata| metadata.content_length()).map_err(|error| self.inner.root.missing(error))
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        let end = offset_bytes.saturating_add(length_bytes as u64);
        let shorter = || EndpointError::Unexpected {
            path: self.inner.root.service.path(key),
            why: format!("it is shorter than the {end} bytes it should have"),
        };
        if length_bytes == 0 {
            return if self.size_bytes(key)? < offset_bytes { Err(shorter()) } else { Ok(Vec::new()) };
        }
        if i64::try_from(end).is_err() {
            return Err(shorter());
        }
        let found = self.inner.root.service.read(checked(key)?, offset_bytes, length_bytes, None);
        match found {
            Ok(bytes) if bytes.len() == length_bytes => Ok(bytes.to_vec()),
            Ok(_) | Err(EndpointError::Unexpected { .. }) => Err(shorter()),
            Err(error) => Err(self.inner.root.missing(error)),
        }
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let key = checked(key)?;
        self.inner.root.require()?;
        let conditions = self.inner.root.has_conditions()?;
        let options = WriteOptions { if_not_exists: conditions, ..WriteOptions::default() };
        let upload = ObjectUpload::begin(&self.inner.root.service, key, 0, options)?;
        Ok(Box::new(StoreUpload { inner: Arc::clone(&self.inner), key: key.to_owned(), upload, conditions }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        if let Some(done) = self.inner.root.service.uploads.as_ref().and_then(|uploads| uploads.remove(key)) {
            return done;
        }
        let key = checked(key)?;
        self.inner.root.require()?;
        self.inner.root.service.delete(key)
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        self.inner.root.require()?;
        for folder in folders {
            self.inner.mark(checked(folder)?)?;
        }
        Ok(())
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        self.inner.root.require()?;
        self.inner.root.service.uploads.as_ref().map_or(Ok(Vec::new()), |uploads| uploads.list())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.root.require()?;
        Ok(None)
    }
}

struct StoreUpload {
    inner: Arc<Inner>,
    key: String,
    upload: ObjectUpload,
    conditions: bool,
}

impl Upload for StoreUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        self.upload.write(bytes)
    }

    fn finish(self: Box<Self>) -> Result<(), EndpointError> {
        let exists = || EndpointError::AlreadyExists { path: self.inner.root.service.path(&self.key) };
        // A long upload may end in a place that went away meanwhile.
        if self.upload.length_bytes() > PART_BYTES as u64 {
            self.inner.root.require()?;
        }
        if !self.conditions && self.inner.root.service.has(&self.key)? {
            return Err(exists());
        }
        let exists = exists();
        match self.upload.finish()? {
            Ended::Written => Ok(()),
            Ended::Refused => Err(exists),
        }
    }
}
