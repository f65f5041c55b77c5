//! A store of whole named objects in a folder of this machine.
//!
//! Why: a repository on a disk, a removable volume or a mounted network drive. Invariants:
//! 1. An object is written to `tmp/<random>`, synced, and only then moved under its key, never over another object;
//!    after that the folders that name it are synced too. So a key shows a whole and durable object or nothing.
//! 2. Nothing is ever created outside the root, and a root that is gone is never made again by a write: a drive that
//!    was pulled out must not turn into an empty folder on the system disk.
//! 3. At most [`OPEN_FILES_LIMIT`] files are kept open for reading.
//!
//! Deliberately not here: what differs by system (`store_unix`, `store_windows`), and locking: keys are written once.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use keepwell_model::Timestamp;
use keepwell_model::id::to_hex;

use crate::error::EndpointError;
use crate::store::{NAMES_LIMIT, Store, StoredObject, Upload, key_trouble};

#[cfg(unix)]
use super::store_unix as system;
#[cfg(windows)]
use super::store_windows as system;

/// How many files are kept open for the next read.
pub const OPEN_FILES_LIMIT: usize = 32;

/// How deep a listing goes; the layout of a repository needs three.
const DEPTH_LIMIT: usize = 16;

/// The folder below the root that holds uploads in the making.
const UNFINISHED_FOLDER: &str = "tmp";

/// Small writes are gathered up to this size; larger ones go straight through.
const WRITE_BUFFER_BYTES: usize = 128 * 1024;

/// A store in a local folder. Cheap to clone; clones share the open files.
#[derive(Debug, Clone)]
pub struct LocalStore {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    root: PathBuf,
    /// Most recently used last.
    open_files: Mutex<VecDeque<(String, Arc<File>)>>,
}

impl LocalStore {
    /// Opens the store in a folder that exists.
    ///
    /// # Errors
    /// The folder is absent, is no folder, or can not be reached.
    pub fn open(root: impl Into<PathBuf>) -> Result<Self, EndpointError> {
        let root = root.into();
        // Made absolute once, so that a change of the working folder can not move the store.
        let root = std::path::absolute(&root)
            .map_err(|error| EndpointError::from_io("open", root.display().to_string(), error))?;
        let metadata = fs::metadata(&root)
            .map_err(|error| EndpointError::from_io("open", root.display().to_string(), error))?;
        if !metadata.is_dir() {
            return Err(EndpointError::Unexpected {
                path: root.display().to_string(),
                why: "it is not a folder".to_owned(),
            });
        }
        Ok(Self { inner: Arc::new(Inner { root, open_files: Mutex::default() }) })
    }

    /// Opens the store in a folder, which is made durably where it is absent. What it already holds is left alone:
    /// whether that is a reason to stop is for the caller to say.
    ///
    /// # Errors
    /// The folder can not be made, or as [`LocalStore::open`].
    pub fn create(root: impl Into<PathBuf>) -> Result<Self, EndpointError> {
        let root = root.into();
        let root = std::path::absolute(&root)
            .map_err(|error| EndpointError::from_io("create", root.display().to_string(), error))?;
        let missing: Vec<&Path> =
            root.ancestors().take_while(|folder| fs::symlink_metadata(folder).is_err()).collect();
        let failed = |path: &Path, error| EndpointError::from_io("create", path.display().to_string(), error);
        fs::create_dir_all(&root).map_err(|error| failed(&root, error))?;
        for parent in missing.iter().rev().filter_map(|folder| folder.parent()) {
            system::sync_folder(parent).map_err(|error| failed(parent, error))?;
        }
        Self::open(root)
    }

    /// The folder the store lives in.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.inner.root
    }

    fn path(&self, key: &str) -> Result<PathBuf, EndpointError> {
        if let Some(why) = key_trouble(key) {
            return Err(EndpointError::Unexpected { path: key.to_owned(), why: why.to_owned() });
        }
        Ok(self.inner.path_of(key))
    }

    fn open_file(&self, key: &str, path: &Path) -> Result<Arc<File>, EndpointError> {
        let file = File::open(path).map_err(|error| self.inner.failed("read", path, error))?;
        let file = Arc::new(file);
        let mut open_files = self.inner.open_files();
        // Another thread may have opened it meanwhile; one entry a key is enough.
        open_files.retain(|(open_key, _)| open_key != key);
        while open_files.len() >= OPEN_FILES_LIMIT {
            open_files.pop_front();
        }
        open_files.push_back((key.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    fn list_into(
        &self,
        folder: &Path,
        prefix: &str,
        depth: usize,
        found: &mut Vec<StoredObject>,
    ) -> Result<(), EndpointError> {
        let failed = |error| self.inner.failed("list", folder, error);
        if depth > DEPTH_LIMIT {
            return Err(EndpointError::Unexpected {
                path: folder.display().to_string(),
                why: format!("it lies more than {DEPTH_LIMIT} folders deep"),
            });
        }
        for entry in fs::read_dir(folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            // What is not a key can not be ours (a `.DS_Store`, a `Thumbs.db`, a file manager's note).
            let Some(name) = entry.file_name().to_str().map(str::to_owned) else { continue };
            if key_trouble(&name).is_some() {
                continue;
            }
            let key = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
            if key == UNFINISHED_FOLDER {
                continue;
            }
            let kind = match entry.file_type() {
                Ok(kind) => kind,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(failed(error)),
            };
            if kind.is_dir() {
                self.list_into(&entry.path(), &key, depth + 1, found)?;
            } else {
                found.extend(self.listed_file(&entry, key)?);
            }
        }
        Ok(())
    }

    /// A listed file; nothing where it was deleted just now or is neither a file nor a link to one.
    fn listed_file(&self, entry: &fs::DirEntry, key: String) -> Result<Option<StoredObject>, EndpointError> {
        let path = entry.path();
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(self.inner.failed("list", &path, error)),
        };
        if metadata.is_dir() {
            // Following it could run in circles, passing over it would make its objects look lost.
            return Err(EndpointError::Unexpected {
                path: path.display().to_string(),
                why: "it is a link to a folder; a store must hold its folders itself".to_owned(),
            });
        }
        if !metadata.is_file() {
            return Ok(None);
        }
        let modified_ms = metadata.modified().ok().map(|time| Timestamp::from_system(time).to_milliseconds());
        Ok(Some(StoredObject { key, size_bytes: metadata.len(), modified_ms }))
    }
}

impl Inner {
    fn path_of(&self, key: &str) -> PathBuf {
        let mut path = self.root.clone();
        path.extend(key.split('/'));
        path
    }

    fn open_files(&self) -> std::sync::MutexGuard<'_, VecDeque<(String, Arc<File>)>> {
        // The queue is valid between any two steps, so a panic elsewhere does not spoil it.
        self.open_files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn cached_file(&self, key: &str) -> Option<Arc<File>> {
        let mut open_files = self.open_files();
        let place = open_files.iter().position(|(open_key, _)| open_key == key)?;
        let entry = open_files.remove(place)?;
        let file = Arc::clone(&entry.1);
        open_files.push_back(entry);
        Some(file)
    }

    fn forget_file(&self, key: &str) {
        self.open_files().retain(|(open_key, _)| open_key != key);
    }

    /// An error about a path below the root, or about the root itself where that is what is gone.
    fn failed(&self, action: &'static str, path: &Path, error: io::Error) -> EndpointError {
        if error.kind() == io::ErrorKind::NotFound && fs::metadata(&self.root).is_err() {
            return EndpointError::NotFound { path: self.root.display().to_string() };
        }
        // `write_all` reports a write that took nothing this way.
        if error.kind() == io::ErrorKind::WriteZero {
            return EndpointError::NoSpace { action, path: path.display().to_string() };
        }
        EndpointError::from_io(action, path.display().to_string(), error)
    }

    /// Makes a folder below the root and those above it, each made durable; the root itself must be there.
    fn create_folder(&self, key: &str) -> Result<(), EndpointError> {
        let mut folder = self.root.clone();
        for name in key.split('/').filter(|name| !name.is_empty()) {
            let parent = folder.clone();
            folder.push(name);
            match fs::create_dir(&folder) {
                Ok(()) => {
                    system::sync_folder(&parent).map_err(|error| self.failed("sync", &parent, error))?
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(self.failed("create", &folder, error)),
            }
        }
        Ok(())
    }

    /// Opens a new file of a random name in the folder of unfinished uploads.
    fn create_unfinished(&self) -> Result<(PathBuf, File), EndpointError> {
        let folder = self.root.join(UNFINISHED_FOLDER);
        let mut name = [0_u8; 16];
        getrandom::fill(&mut name)
            .map_err(|error| self.failed("create", &folder, io::Error::other(error.to_string())))?;
        let path = folder.join(to_hex(&name));
        let mut options = fs::OpenOptions::new();
        options.write(true).create_new(true);
        let file = match options.open(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.create_folder(UNFINISHED_FOLDER)?;
                options.open(&path)
            }
            result => result,
        };
        file.map(|file| (path.clone(), file)).map_err(|error| self.failed("create", &path, error))
    }
}

impl Store for LocalStore {
    fn describe(&self) -> String {
        self.inner.root.display().to_string()
    }

    /// As the trait says; the empty folder name lists all but unfinished uploads.
    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        let mut found = Vec::new();
        let path = if folder.is_empty() { self.inner.root.clone() } else { self.path(folder)? };
        self.list_into(&path, folder, 0, &mut found)?;
        Ok(found)
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let root = &self.inner.root;
        let failed = |error| self.inner.failed("list", root, error);
        let entries = fs::read_dir(root).map_err(failed)?.take(NAMES_LIMIT);
        entries.map(|entry| Ok(entry.map_err(failed)?.file_name().to_string_lossy().into_owned())).collect()
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        let path = self.path(key)?;
        let metadata = fs::metadata(&path).map_err(|error| self.inner.failed("read", &path, error))?;
        if !metadata.is_file() {
            let why = "it is not a file".to_owned();
            return Err(EndpointError::Unexpected { path: path.display().to_string(), why });
        }
        Ok(metadata.len())
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        let path = self.path(key)?;
        let mut bytes = vec![0; length_bytes];
        if let Some(file) = self.inner.cached_file(key) {
            match system::read_exact_at(&file, &mut bytes, offset_bytes) {
                Ok(()) => return Ok(bytes),
                // The file may have been replaced behind its handle (a network drive that came back): look anew.
                Err(_) => self.inner.forget_file(key),
            }
        }
        let file = self.open_file(key, &path)?;
        system::read_exact_at(&file, &mut bytes, offset_bytes).map_err(|error| {
            self.inner.forget_file(key);
            if error.kind() == io::ErrorKind::UnexpectedEof {
                let end = offset_bytes.saturating_add(length_bytes as u64);
                return EndpointError::Unexpected {
                    path: path.display().to_string(),
                    why: format!("it is shorter than the {end} bytes it should have"),
                };
            }
            self.inner.failed("read", &path, error)
        })?;
        Ok(bytes)
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let target = self.path(key)?;
        let (path, file) = self.inner.create_unfinished()?;
        Ok(Box::new(LocalUpload {
            inner: Arc::clone(&self.inner),
            key: key.to_owned(),
            target,
            path,
            file: Some(BufWriter::with_capacity(WRITE_BUFFER_BYTES, file)),
        }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        let path = self.path(key)?;
        self.inner.forget_file(key);
        match fs::remove_file(&path) {
            Ok(()) => Ok(()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match fs::metadata(&self.inner.root) {
                Ok(_) => Ok(()),
                Err(error) => Err(self.inner.failed("delete", &path, error)),
            },
            Err(error) => Err(self.inner.failed("delete", &path, error)),
        }
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        for folder in folders {
            self.path(folder)?;
            self.inner.create_folder(folder)?;
        }
        Ok(())
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        let mut found = Vec::new();
        let folder = self.inner.root.join(UNFINISHED_FOLDER);
        match self.list_into(&folder, UNFINISHED_FOLDER, 0, &mut found) {
            // No upload was ever begun; an absent root is reported by its own name.
            Err(EndpointError::NotFound { path }) if path != self.describe() => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(()) => Ok(found),
        }
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        system::free_bytes(&self.inner.root)
            .map(Some)
            .map_err(|error| self.inner.failed("ask for free space of", &self.inner.root, error))
    }
}

/// A new object in the making.
struct LocalUpload {
    inner: Arc<Inner>,
    key: String,
    target: PathBuf,
    path: PathBuf,
    /// Nothing once the file was moved under its key.
    file: Option<BufWriter<File>>,
}

impl LocalUpload {
    fn closed(&self) -> EndpointError {
        let why = "the upload is over".to_owned();
        EndpointError::Unexpected { path: self.target.display().to_string(), why }
    }

    fn move_to_key(&self) -> Result<(), EndpointError> {
        let moved = match system::rename_without_replacing(&self.path, &self.target) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some((folder, _)) = self.key.rsplit_once('/') {
                    self.inner.create_folder(folder)?;
                }
                system::rename_without_replacing(&self.path, &self.target)
            }
            result => result,
        };
        moved.map_err(|error| self.inner.failed("write", &self.target, error))
    }
}

impl Upload for LocalUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        let Some(file) = &mut self.file else { return Err(self.closed()) };
        file.write_all(bytes).map_err(|error| self.inner.failed("write", &self.target, error))
    }

    fn finish(mut self: Box<Self>) -> Result<(), EndpointError> {
        let Some(mut buffer) = self.file.take() else { return Err(self.closed()) };
        let synced = buffer.flush().and_then(|()| buffer.get_ref().sync_all());
        // Closed before it moves: Windows moves no open file of ours, and some network drives report late.
        drop(buffer);
        let moved = synced
            .map_err(|error| self.inner.failed("write", &self.target, error))
            .and_then(|()| self.move_to_key());
        if moved.is_err() {
            let _ = fs::remove_file(&self.path);
        }
        moved?;
        match self.target.parent() {
            Some(folder) => {
                system::sync_folder(folder).map_err(|error| self.inner.failed("sync", folder, error))
            }
            None => Ok(()),
        }
    }
}

impl Drop for LocalUpload {
    fn drop(&mut self) {
        if let Some(buffer) = self.file.take() {
            // Its bytes are of no use: taken apart without a last write.
            let _ = buffer.into_parts();
            let _ = fs::remove_file(&self.path);
        }
    }
}

#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
