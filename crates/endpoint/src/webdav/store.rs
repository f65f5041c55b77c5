//! A store of whole named objects in a folder of a WebDAV server.
//!
//! Invariants: an object is sent to `tmp/<random>`, its length there is compared with what was sent, and it is then moved
//! under its key, which the server is told not to do over another object; the root is never made by a write, so a share
//! that is not mounted does not turn into an empty repository. How safe an object is against a power cut is up to the
//! server. Deliberately not here: requests (`client`).

use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use keepwell_model::id::to_hex;

use super::client::{Client, Moved, Named, Over};
use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::EndpointError;
use crate::retry::Patience;
use crate::spool::Spool;
use crate::store::{NAMES_LIMIT, Store, StoredObject, Upload, key_trouble};

/// The folder below the root that holds uploads in the making.
const UNFINISHED_FOLDER: &str = "tmp";

/// A store on a WebDAV server. Cheap to clone.
#[derive(Clone)]
pub struct WebDavStore {
    client: Client,
    /// Folders that were seen to be there: asking again before every upload would double the requests.
    known_folders: Arc<Mutex<HashSet<String>>>,
}

impl WebDavStore {
    /// Opens the store in a folder that is there.
    ///
    /// # Errors
    /// The server can not be reached, does not accept the credentials, or has no such folder.
    pub fn open(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        let client = Client::new(address, credentials, patience)?;
        let store = Self { client, known_folders: Arc::default() };
        store.require_root()?;
        Ok(store)
    }

    /// Opens the store in a folder, which is made where it is absent, with the folders above it.
    ///
    /// # Errors
    /// As [`WebDavStore::open`], or the folder can not be made.
    pub fn create(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
    ) -> Result<Self, EndpointError> {
        match Self::open(address, credentials, patience) {
            Err(EndpointError::NotFound { .. }) => {}
            result => return result,
        }
        if let Address::WebDav { secure, host, path } = address {
            let server = Address::WebDav { secure: *secure, host: host.clone(), path: String::new() };
            let client = Client::new(&server, credentials, patience)?;
            let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
            // From below: many servers let nobody ask about the folders above one's own.
            let folders: Vec<&str> = ends.filter_map(|end| path.get(..end)).collect();
            let missing = folders.iter().rposition(|folder| {
                !matches!(client.create_folder(folder), Err(EndpointError::NotFound { .. }))
            });
            for folder in folders.iter().skip(missing.map_or(0, |at| at + 1)) {
                client.create_folder(folder)?;
            }
        }
        Self::open(address, credentials, patience)
    }

    /// What speaks to the server.
    pub(super) fn into_client(self) -> Client {
        self.client
    }

    fn require_root(&self) -> Result<(), EndpointError> {
        let found = self.client.stat("")?;
        if found.is_folder {
            return Ok(());
        }
        Err(EndpointError::Unexpected { path: self.describe(), why: "it is not a folder".to_owned() })
    }

    /// Something is not there: is it alone in that?
    fn missing(&self, error: EndpointError) -> EndpointError {
        match error {
            EndpointError::NotFound { .. } => self.require_root().err().unwrap_or(error),
            other => other,
        }
    }

    /// Makes sure that the folder of a key is there.
    fn require_folder_of(&self, key: &str) -> Result<(), EndpointError> {
        let Some((folder, _)) = key.rsplit_once('/') else { return Ok(()) };
        let known = || self.known_folders.lock().unwrap_or_else(PoisonError::into_inner);
        if !known().contains(folder) {
            self.create_folder(folder)?;
            known().insert(folder.to_owned());
        }
        Ok(())
    }

    /// Makes a folder and those above it, below the root.
    fn create_folder(&self, folder: &str) -> Result<(), EndpointError> {
        match self.client.create_folder(folder) {
            Ok(_) => Ok(()),
            Err(EndpointError::NotFound { path }) => match folder.rsplit_once('/') {
                Some((above, _)) => {
                    self.create_folder(above)?;
                    self.client.create_folder(folder).map(drop)
                }
                None => Err(self.missing(EndpointError::NotFound { path })),
            },
            Err(error) => Err(error),
        }
    }
}

fn key(key: &str) -> Result<&str, EndpointError> {
    match key_trouble(key) {
        Some(why) => Err(EndpointError::Unexpected { path: key.to_owned(), why: why.to_owned() }),
        None => Ok(key),
    }
}

fn stored((key, resource): Named) -> Option<StoredObject> {
    let modified_ms = resource.written.map(|time| time.to_milliseconds());
    key_trouble(&key).is_none().then_some(StoredObject { key, size_bytes: resource.size_bytes, modified_ms })
}

impl Store for WebDavStore {
    fn describe(&self) -> String {
        self.client.name().to_owned()
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        let folder = if folder.is_empty() { folder } else { key(folder)? };
        let found = self.client.list_all(folder).map_err(|error| self.missing(error))?;
        let unfinished = format!("{UNFINISHED_FOLDER}/");
        let is_unfinished = |object: &StoredObject| folder.is_empty() && object.key.starts_with(&unfinished);
        Ok(found.into_iter().filter_map(stored).filter(|object| !is_unfinished(object)).collect())
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        Ok(self.client.list("")?.into_iter().take(NAMES_LIMIT).map(|(name, _)| name).collect())
    }

    fn size_bytes(&self, wanted: &str) -> Result<u64, EndpointError> {
        let found = self.client.stat(key(wanted)?).map_err(|error| self.missing(error))?;
        if found.is_folder {
            let why = "it is not a file".to_owned();
            return Err(EndpointError::Unexpected { path: self.client.path(wanted), why });
        }
        Ok(found.size_bytes)
    }

    fn read_range(
        &self,
        wanted: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        const RANGE_BYTES: usize = 8 << 20;
        let end = offset_bytes.saturating_add(length_bytes as u64);
        let shorter = || EndpointError::Unexpected {
            path: self.client.path(wanted),
            why: format!("it is shorter than the {end} bytes it should have"),
        };
        if length_bytes == 0 {
            return if self.size_bytes(wanted)? < offset_bytes { Err(shorter()) } else { Ok(Vec::new()) };
        }
        if i64::try_from(end).is_err() {
            return Err(shorter());
        }
        let wanted = key(wanted)?;
        let mut bytes = Vec::with_capacity(length_bytes);
        while bytes.len() < length_bytes {
            let now = RANGE_BYTES.min(length_bytes - bytes.len());
            let part = self.client.read(wanted, offset_bytes + bytes.len() as u64, now, None);
            let part = part.map_err(|error| self.missing(error))?;
            bytes.extend_from_slice(&part);
            if part.len() < now {
                return Err(shorter());
            }
        }
        Ok(bytes)
    }

    fn create(&self, wanted: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let key = key(wanted)?.to_owned();
        self.require_root()?;
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| {
            EndpointError::from_io("write", self.client.path(&key), io::Error::other(error.to_string()))
        })?;
        let staged = format!("{UNFINISHED_FOLDER}/{}", to_hex(&random));
        Ok(Box::new(WebDavUpload { store: self.clone(), key, staged, spool: Spool::default(), sent: false }))
    }

    fn delete(&self, wanted: &str) -> Result<(), EndpointError> {
        match self.client.remove(key(wanted)?)? {
            true => Ok(()),
            false => self.require_root(),
        }
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        folders.iter().try_for_each(|folder| self.create_folder(key(folder)?))
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        match self.list(UNFINISHED_FOLDER) {
            // No upload was ever begun; an absent root is reported by its own name.
            Err(EndpointError::NotFound { path }) if path != self.describe() => Ok(Vec::new()),
            result => result,
        }
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        Ok(self.client.stat("")?.free_bytes)
    }
}

struct WebDavUpload {
    store: WebDavStore,
    key: String,
    staged: String,
    spool: Spool,
    /// Something may lie on the server.
    sent: bool,
}

impl WebDavUpload {
    fn send(&mut self) -> Result<(), EndpointError> {
        let client = &self.store.client;
        self.sent = true;
        match client.write(&self.staged, self.spool.body()) {
            Err(EndpointError::NotFound { .. }) => {
                self.store.create_folder(UNFINISHED_FOLDER)?;
                client.write(&self.staged, self.spool.body())?;
            }
            result => result?,
        }
        let stored_bytes = client.stat(&self.staged)?.size_bytes;
        if stored_bytes != self.spool.length_bytes() {
            let sent_bytes = self.spool.length_bytes();
            let why = format!("the server kept {stored_bytes} of the {sent_bytes} bytes that were sent");
            return Err(EndpointError::Unexpected { path: client.path(&self.key), why });
        }
        Ok(())
    }

    fn publish(&self) -> Result<Moved, EndpointError> {
        // Before, not after a refusal: some servers answer a move into nowhere as if they were broken.
        self.store.require_folder_of(&self.key)?;
        self.store.client.rename(&self.staged, &self.key, Over::Refuse)
    }
}

impl Upload for WebDavUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        let at = self.spool.length_bytes();
        self.spool
            .write_at(bytes, at)
            .map_err(|error| EndpointError::from_io("write", self.store.client.path(&self.key), error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), EndpointError> {
        self.send()?;
        match self.publish()? {
            Moved::Done => {
                self.sent = false;
                Ok(())
            }
            Moved::Taken => Err(EndpointError::AlreadyExists { path: self.store.client.path(&self.key) }),
            Moved::NoFolder => {
                Err(self.store.missing(EndpointError::NotFound { path: self.store.client.path(&self.key) }))
            }
        }
    }
}

impl Drop for WebDavUpload {
    fn drop(&mut self) {
        if self.sent {
            // A failure leaves a leftover, which `unfinished` lists.
            let _ = self.store.client.remove(&self.staged);
        }
    }
}
