//! A store of whole named objects on an SFTP server: a repository on a NAS or a rented machine.
//!
//! Invariants:
//! 1. An object is written to `tmp/<random>`, brought to the server's disk, and only then given its name, never over
//!    another object; after that the folder that names it is brought to the disk too (with OpenSSH; other servers may
//!    lack the request for it).
//! 2. An upload whose connection broke goes on, and is read back before it gets its name: the server may have been
//!    restarted and lost what it confirmed.
//! 3. Nothing is created outside the root, and a root that is gone is never made again by a write.
//!
//! Deliberately not here: locking: keys are written once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use keepwell_model::id::to_hex;
use tokio::task::JoinSet;

use super::calls::RemoteFile;
use super::error::SftpError;
use super::naming::{Put, hash};
use super::options::SftpOptions;
use super::outgoing::Outgoing;
use super::packet::{Attributes, Listed, open, status};
use super::place::{Place, again, is_file, is_folder, is_link, joined, wait};
use super::reading::Reading;
use crate::error::EndpointError;
use crate::store::{NAMES_LIMIT, Store, StoredObject, Upload, key_trouble};

/// How many files are kept open for the next read.
const OPEN_FILES_LIMIT: usize = 24;
/// How deep a listing goes; the layout of a repository needs three.
const DEPTH_LIMIT: usize = 16;
/// How many folders are listed at once.
const LISTINGS_AT_ONCE: usize = 16;
/// The folder below the root that holds uploads in the making.
const UNFINISHED_FOLDER: &str = "tmp";
/// Bytes are gathered up to this before they are handed over.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// A store in a folder on a server. Cheap to clone.
#[derive(Clone)]
pub struct SftpStore {
    inner: Arc<Inner>,
}

struct Inner {
    place: Arc<Place>,
    /// Most recently used last.
    open_files: Mutex<VecDeque<(String, Arc<RemoteFile>)>>,
}

impl SftpStore {
    /// Opens the store in a folder that exists. The path begins with a slash; `/~/` is the account's home folder.
    ///
    /// # Errors
    /// [`EndpointError::UnknownServer`] where the server was not accepted yet; [`EndpointError::SignIn`];
    /// [`EndpointError::NotFound`] where the folder is absent; other trouble.
    pub fn open(options: SftpOptions, path: &str) -> Result<Self, EndpointError> {
        Self::begin(options, path, false)
    }

    /// Opens the store in a folder, which is made durably where it is absent.
    ///
    /// # Errors
    /// The folder can not be made, or as [`SftpStore::open`].
    pub fn create(options: SftpOptions, path: &str) -> Result<Self, EndpointError> {
        Self::begin(options, path, true)
    }

    fn begin(options: SftpOptions, path: &str, make: bool) -> Result<Self, EndpointError> {
        let (address, path) = (options.address(), path.to_owned());
        let place = wait(&address, async move { Place::open(options, &path, make).await })?;
        Ok(Self { inner: Arc::new(Inner { place: Arc::new(place), open_files: Mutex::default() }) })
    }

    /// Does work about a path on the threads that speak to servers, and says what went wrong.
    fn run<T, W, R>(&self, action: &'static str, path: Vec<u8>, work: W) -> Result<T, EndpointError>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Inner>, Vec<u8>) -> R + Send + 'static,
        R: Future<Output = Result<T, SftpError>> + Send,
    {
        let inner = Arc::clone(&self.inner);
        wait(&self.inner.place.describe(), async move {
            match work(Arc::clone(&inner), path.clone()).await {
                Ok(done) => Ok(done),
                Err(error) => Err(inner.place.explain(error, action, &path).await),
            }
        })
    }

    fn path(&self, key: &str) -> Result<Vec<u8>, EndpointError> {
        match key_trouble(key) {
            Some(why) => Err(EndpointError::Unexpected { path: key.to_owned(), why: why.to_owned() }),
            None => Ok(self.inner.place.path(key.as_bytes())),
        }
    }
}

impl Inner {
    fn open_files(&self) -> MutexGuard<'_, VecDeque<(String, Arc<RemoteFile>)>> {
        // The queue is valid between any two steps, so a panic elsewhere does not spoil it.
        self.open_files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known_file(&self, key: &str) -> Option<Arc<RemoteFile>> {
        let mut open_files = self.open_files();
        open_files.retain(|(_, file)| !file.session.is_over());
        let place = open_files.iter().position(|(open_key, _)| open_key == key)?;
        let entry = open_files.remove(place)?;
        let file = Arc::clone(&entry.1);
        open_files.push_back(entry);
        Some(file)
    }

    fn forget_file(&self, key: &str) {
        self.open_files().retain(|(open_key, _)| open_key != key);
    }

    async fn file(&self, key: &str, path: &[u8]) -> Result<Arc<RemoteFile>, SftpError> {
        if let Some(file) = self.known_file(key) {
            return Ok(file);
        }
        let session = self.place.server.session().await?;
        let file = Arc::new(session.open(path, open::READ, &Attributes::default()).await?);
        let mut open_files = self.open_files();
        // Another thread may have opened it meanwhile; one entry a key is enough.
        open_files.retain(|(open_key, _)| open_key != key);
        while open_files.len() >= OPEN_FILES_LIMIT.min(session.handles_limit / 2) {
            open_files.pop_front();
        }
        open_files.push_back((key.to_owned(), Arc::clone(&file)));
        Ok(file)
    }

    /// Bytes of an object; fewer only where it ends.
    async fn read(&self, key: &str, path: &[u8], offset: u64, length: usize) -> Result<Vec<u8>, SftpError> {
        let range = offset..offset.saturating_add(length as u64);
        again!(self.place, |_session| {
            let file = self.file(key, path).await?;
            let result = Reading::new(file, range.clone()).all().await;
            match &result {
                Ok(bytes) if bytes.len() == length => {}
                // The file may have been replaced behind its handle: the next look opens it anew.
                _ => self.forget_file(key),
            }
            result
        })
    }

    /// The folder of a listing and those below it, several at once.
    async fn list(self: Arc<Self>, folder: String) -> Result<Vec<StoredObject>, SftpError> {
        let mut found = Vec::new();
        let mut waiting = vec![(folder, 0)];
        let mut running = JoinSet::new();
        loop {
            while running.len() < LISTINGS_AT_ONCE
                && let Some((folder, depth)) = waiting.pop()
            {
                let inner = Arc::clone(&self);
                running.spawn(async move {
                    let items = inner.list_one(&folder, depth == 0).await?;
                    Ok::<_, SftpError>((folder, depth, items))
                });
            }
            let Some(listed) = running.join_next().await else { return Ok(found) };
            let (folder, depth, items) =
                listed.map_err(|error| SftpError::Protocol(format!("a listing ended early: {error}")))??;
            for (listed, attributes) in items {
                // What is not a key can not be ours (a note of a file manager).
                let Ok(name) = String::from_utf8(listed) else { continue };
                if key_trouble(&name).is_some() {
                    continue;
                }
                let key = if folder.is_empty() { name } else { format!("{folder}/{name}") };
                if key == UNFINISHED_FOLDER {
                    continue;
                }
                if is_folder(attributes.mode) {
                    if depth >= DEPTH_LIMIT {
                        let why = format!("{key} lies more than {DEPTH_LIMIT} folders deep");
                        return Err(SftpError::Protocol(why));
                    }
                    waiting.push((key, depth + 1));
                } else if is_file(attributes.mode) {
                    let modified_ms = attributes.times.map(|(_, modified)| i64::from(modified) * 1000);
                    let size_bytes = attributes.size_bytes.unwrap_or(0);
                    found.push(StoredObject { key, size_bytes, modified_ms });
                }
            }
        }
    }

    /// One folder. One that vanished since it was seen is empty; the one that was asked for must be there.
    async fn list_one(&self, folder: &str, asked_for: bool) -> Result<Vec<(Vec<u8>, Attributes)>, SftpError> {
        let path = self.place.path(folder.as_bytes());
        let items = match again!(self.place, |session| session.list(&path).await) {
            Err(error) if !asked_for && error.is_status(status::NO_SUCH_FILE) => return Ok(Vec::new()),
            result => result?,
        };
        let mut resolved = Vec::with_capacity(items.len());
        for Listed { name, attributes } in items {
            if attributes.mode.is_some() && !is_link(attributes.mode) {
                resolved.push((name, attributes));
                continue;
            }
            let item = joined(&path, &name);
            match again!(self.place, |session| super::calls::found(session.stat(&item).await))? {
                Some(target) if is_link(attributes.mode) && is_folder(target.mode) => {
                    // Following it could run in circles, passing over it would make its objects look lost.
                    let name = String::from_utf8_lossy(&name).into_owned();
                    let why = format!(
                        "{folder}/{name} is a link to a folder; a store must hold its folders itself"
                    );
                    return Err(SftpError::Protocol(why));
                }
                Some(target) => resolved.push((name, target)),
                None => {}
            }
        }
        Ok(resolved)
    }

    async fn create_unfinished(self: &Arc<Self>) -> Result<Outgoing, SftpError> {
        let mut name = [0_u8; 16];
        getrandom::fill(&mut name).map_err(|error| SftpError::Protocol(error.to_string()))?;
        let folder = self.place.path(UNFINISHED_FOLDER.as_bytes());
        let path = joined(&folder, to_hex(&name).as_bytes());
        match Outgoing::create(&self.place, path.clone(), None).await {
            Err(error) if error.is_status(status::NO_SUCH_FILE) => {
                self.require_root().await?;
                self.place.make_folder_once(&folder).await?;
                Outgoing::create(&self.place, path, None).await
            }
            result => result,
        }
    }

    async fn require_root(&self) -> Result<(), SftpError> {
        let root = &self.place.root;
        again!(self.place, |session| session.stat(root).await).map(drop)
    }

    /// Makes a folder below the root and those above it; the root itself must be there.
    async fn create_folder(&self, key: &str) -> Result<(), SftpError> {
        let mut folder = self.place.root.clone();
        for name in key.split('/').filter(|name| !name.is_empty()) {
            folder = joined(&folder, name.as_bytes());
            self.place.make_folder_once(&folder).await?;
        }
        Ok(())
    }
}

impl Store for SftpStore {
    fn describe(&self) -> String {
        self.inner.place.describe()
    }

    /// As the trait says; the empty folder name lists all but unfinished uploads.
    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        let path = if folder.is_empty() { self.inner.place.root.clone() } else { self.path(folder)? };
        let folder = folder.to_owned();
        self.run("list", path, |inner, _| inner.list(folder))
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let root = self.inner.place.root.clone();
        let items = self.run("list", root, |inner, root| async move {
            again!(inner.place, |session| session.list(&root).await)
        })?;
        let names = items.into_iter().take(NAMES_LIMIT);
        Ok(names.map(|item| String::from_utf8_lossy(&item.name).into_owned()).collect())
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        let path = self.path(key)?;
        let shown = self.inner.place.shown(&path);
        let attributes = self.run("read", path, |inner, path| async move {
            again!(inner.place, |session| session.stat(&path).await)
        })?;
        match attributes.size_bytes {
            Some(size_bytes) if is_file(attributes.mode) => Ok(size_bytes),
            _ => Err(EndpointError::Unexpected { path: shown, why: "it is not a file".to_owned() }),
        }
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        let path = self.path(key)?;
        let shown = self.inner.place.shown(&path);
        let key = key.to_owned();
        let bytes = self.run("read", path, move |inner, path| async move {
            inner.read(&key, &path, offset_bytes, length_bytes).await
        })?;
        if bytes.len() == length_bytes {
            return Ok(bytes);
        }
        let end = offset_bytes.saturating_add(length_bytes as u64);
        let why = format!("it is shorter than the {end} bytes it should have");
        Err(EndpointError::Unexpected { path: shown, why })
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let target = self.path(key)?;
        let outgoing =
            self.run("write", target.clone(), |inner, _| async move { inner.create_unfinished().await })?;
        Ok(Box::new(SftpUpload {
            store: self.clone(),
            key: key.to_owned(),
            target,
            outgoing: Some(outgoing),
            buffer: Vec::new(),
            written_bytes: 0,
            hasher: blake3::Hasher::new(),
        }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        let path = self.path(key)?;
        self.inner.forget_file(key);
        self.run("delete", path, |inner, path| async move {
            match again!(inner.place, |session| session.remove(&path).await) {
                Err(error) if error.is_status(status::NO_SUCH_FILE) => inner.require_root().await,
                result => result,
            }
        })
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        for folder in folders {
            let path = self.path(folder)?;
            let key = (*folder).to_owned();
            self.run("create", path, |inner, _| async move { inner.create_folder(&key).await })?;
        }
        Ok(())
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        let folder = self.inner.place.path(UNFINISHED_FOLDER.as_bytes());
        self.run("list", folder, |inner, _| async move {
            match Arc::clone(&inner).list(UNFINISHED_FOLDER.to_owned()).await {
                // No upload was ever begun, unless the root is gone.
                Err(error) if error.is_status(status::NO_SUCH_FILE) => {
                    inner.require_root().await.map(|()| Vec::new())
                }
                result => result,
            }
        })
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        let root = self.inner.place.root.clone();
        let file_system = self
            .run("ask for free space of", root, |inner, _| async move { inner.place.file_system().await })?;
        Ok(file_system.map(|file_system| file_system.free_bytes))
    }
}

/// A new object in the making.
struct SftpUpload {
    store: SftpStore,
    key: String,
    target: Vec<u8>,
    /// Nothing once it has its name, or failed.
    outgoing: Option<Outgoing>,
    buffer: Vec<u8>,
    written_bytes: u64,
    hasher: blake3::Hasher,
}

impl SftpUpload {
    /// Hands over what was gathered.
    fn send(&mut self) -> Result<(), EndpointError> {
        let Some(mut outgoing) = self.outgoing.take() else {
            let path = self.store.inner.place.shown(&self.target);
            return Err(EndpointError::Unexpected { path, why: "the upload is over".to_owned() });
        };
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let offset_bytes = self.written_bytes;
        self.written_bytes += bytes.len() as u64;
        let sent = self.store.run("write", self.target.clone(), move |inner, target| async move {
            match outgoing.write(bytes, offset_bytes).await {
                Ok(()) => Ok(outgoing),
                Err(error) => {
                    let error = inner.place.explained(error, "write", &target).await;
                    inner.place.discard(outgoing.path()).await;
                    Err(error)
                }
            }
        });
        self.outgoing = Some(sent?);
        Ok(())
    }
}

impl Upload for SftpUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        self.hasher.update(bytes);
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= WRITE_BUFFER_BYTES { self.send() } else { Ok(()) }
    }

    fn finish(mut self: Box<Self>) -> Result<(), EndpointError> {
        self.send()?;
        let Some(outgoing) = self.outgoing.take() else { return Ok(()) };
        let (key, content) = (self.key.clone(), (self.written_bytes, self.hasher.finalize()));
        let put = self.store.run("write", self.target.clone(), move |inner, target| async move {
            let path = outgoing.path().to_vec();
            let put = match name_it(&inner, outgoing, &key, &target, content).await {
                Ok(Put::Done) => return Ok(Put::Done),
                Ok(put) => Ok(put),
                Err(error) => Err(inner.place.explained(error, "write", &target).await),
            };
            inner.place.discard(&path).await;
            put
        })?;
        let path = self.store.inner.place.shown(&self.target);
        match put {
            Put::Done => Ok(()),
            Put::Taken => Err(EndpointError::AlreadyExists { path }),
            Put::NoFolder => Err(EndpointError::NotFound { path }),
        }
    }
}

/// Brings an object to the disk, proves it where that is needed, and gives it its name.
async fn name_it(
    inner: &Arc<Inner>,
    mut outgoing: Outgoing,
    key: &str,
    target: &[u8],
    content: (u64, blake3::Hash),
) -> Result<Put, SftpError> {
    let place = &inner.place;
    outgoing.finish(None, true).await?;
    let (path, broke) = (outgoing.path().to_vec(), outgoing.broke());
    outgoing.close().await.or_else(|error| if error.is_lost() { Ok(()) } else { Err(error) })?;
    if broke && again!(place, |session| hash(&session, &path).await)? != content {
        return Err(SftpError::protocol("the server lost a part of it when the connection broke"));
    }
    let mut put = place.put_new(&path, target).await?;
    let folder = key.rsplit_once('/').map_or("", |(folder, _)| folder);
    if put == Put::NoFolder {
        inner.require_root().await?;
        inner.create_folder(folder).await?;
        put = place.put_new(&path, target).await?;
    }
    if put == Put::Done {
        let folder = place.path(folder.as_bytes());
        again!(place, |session| session.sync_folder(&folder).await)?;
    }
    Ok(put)
}

impl Drop for SftpUpload {
    fn drop(&mut self) {
        if let Some(outgoing) = self.outgoing.take() {
            let dropped = self.store.run("delete", self.target.clone(), move |inner, _| async move {
                inner.place.discard(outgoing.path()).await;
                Ok(())
            });
            if let Err(error) = dropped {
                tracing::debug!(%error, "an unfinished upload was left behind");
            }
        }
    }
}
