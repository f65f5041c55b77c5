//! A place that holds whole named objects: what a repository needs of a disk, an object store or an SFTP server.
//!
//! Keys are `/`-joined ASCII names below the store's root. Invariants every implementation keeps:
//! 1. An object becomes visible under its key only when it is whole and durable ([`Upload::finish`] returned).
//! 2. Objects never change in place; a key is written once, or deleted.
//! 3. Listing a folder that can not be reached is an error, never an empty list.
//!
//! Deliberately not here: encryption, retries across objects, meaning of keys.

use crate::error::EndpointError;

/// How many names [`Store::names`] gives at most.
pub const NAMES_LIMIT: usize = 1000;

/// An object as a listing shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    /// The full key.
    pub key: String,
    /// Its size in bytes.
    pub size_bytes: u64,
    /// When it was last written by the store's clock, where the store tells: milliseconds since the Unix epoch.
    pub modified_ms: Option<i64>,
}

/// An object being written. Dropped without [`finish`](Upload::finish), it leaves nothing visible behind.
pub trait Upload: Send {
    /// Adds bytes at the end.
    ///
    /// # Errors
    /// The place refused them; the upload is then of no further use.
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError>;

    /// Makes the object durable and visible under its key, whole, at once.
    ///
    /// # Errors
    /// The object is not visible then, or was there already ([`EndpointError::AlreadyExists`]).
    fn finish(self: Box<Self>) -> Result<(), EndpointError>;
}

/// A place that holds whole named objects.
pub trait Store: Send + Sync {
    /// What the person calls this place: a path or an address without secrets.
    fn describe(&self) -> String;

    /// The objects below a folder (`packs`), in no particular order, at any depth.
    ///
    /// # Errors
    /// [`EndpointError::NotFound`] where the folder is absent; any other trouble as it came.
    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError>;

    /// The names directly in the store's root, of objects, folders and whatever else is there, at most
    /// [`NAMES_LIMIT`] of them: for telling an empty place from one that is in use.
    ///
    /// # Errors
    /// [`EndpointError::NotFound`] where the root is absent; any other trouble as it came.
    fn names(&self) -> Result<Vec<String>, EndpointError>;

    /// The size of an object, in bytes.
    ///
    /// # Errors
    /// [`EndpointError::NotFound`], or other trouble.
    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError>;

    /// Exactly `length_bytes` bytes from `offset_bytes` on.
    ///
    /// # Errors
    /// [`EndpointError::Unexpected`] where the object is shorter; [`EndpointError::NotFound`]; other trouble.
    fn read_range(&self, key: &str, offset_bytes: u64, length_bytes: usize)
    -> Result<Vec<u8>, EndpointError>;

    /// Begins a new object.
    ///
    /// # Errors
    /// The place can not be written to.
    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError>;

    /// Removes an object; one that is absent is no error.
    ///
    /// # Errors
    /// The place refused.
    fn delete(&self, key: &str) -> Result<(), EndpointError>;

    /// Makes the folders of a layout; those that exist are left alone.
    ///
    /// # Errors
    /// The place can not be written to.
    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError>;

    /// Leftovers of uploads that never finished: their keys are only good for `delete`.
    ///
    /// # Errors
    /// The place can not be listed.
    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError>;

    /// Free space in bytes, where the place tells.
    ///
    /// # Errors
    /// The place can not be asked.
    fn free_bytes(&self) -> Result<Option<u64>, EndpointError>;

    /// The whole object.
    ///
    /// # Errors
    /// It is larger than `limit_bytes` ([`EndpointError::Unexpected`]), absent, or can not be read.
    fn read(&self, key: &str, limit_bytes: u64) -> Result<Vec<u8>, EndpointError> {
        let size_bytes = self.size_bytes(key)?;
        match usize::try_from(size_bytes) {
            Ok(length) if size_bytes <= limit_bytes => self.read_range(key, 0, length),
            _ => Err(EndpointError::Unexpected {
                path: format!("{}/{key}", self.describe()),
                why: format!("{size_bytes} bytes is larger than the {limit_bytes} such a file may have"),
            }),
        }
    }

    /// Writes a small object at once.
    ///
    /// # Errors
    /// As [`Store::create`] and [`Upload`].
    fn put(&self, key: &str, bytes: &[u8]) -> Result<(), EndpointError> {
        let mut upload = self.create(key)?;
        upload.write(bytes)?;
        upload.finish()
    }
}

/// What keeps a text from being a key, if anything.
pub(crate) fn key_trouble(key: &str) -> Option<&'static str> {
    let allowed = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'-' | b'/');
    if !key.bytes().all(allowed) {
        return Some("a key holds only a-z, 0-9, dot, underscore, hyphen and slash");
    }
    if key.split('/').any(|name| matches!(name, "" | "." | "..")) {
        return Some("a key has no empty, \".\" or \"..\" component");
    }
    None
}
