//! A file of a tree in the making: written beside where it will be, proven by reading it back, then named at once.
//!
//! Invariants:
//! 1. It lies in the folder it is for, so that the last step is a rename inside one file system.
//! 2. What is published was read back from the server and has the hash that was meant; its mode and time are set before
//!    it is visible, and last of all: until then its time says that somebody is at it, which [`clear`] goes by.
//! 3. What replaces something is on the server's disk before it does; what is new is brought there by `Tree::sync`.
//! 4. Dropped, it leaves nothing behind; what a killed run left is cleared by [`clear`].
//!
//! Deliberately not here: what the blocks are.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use keepwell_model::id::to_hex;
use keepwell_model::{ContentHash, RelativePath};

use super::calls::RemoteFile;
use super::error::SftpError;
use super::item::{absent, attributes_of, changed, folder_of};
use super::naming::Put;
use super::outgoing::Outgoing;
use super::packet::{Attributes, status};
use super::place::{Place, again, joined};
use super::reading::Reading;
use super::session::extension;
use super::tree::Inner;
use crate::error::EndpointError;
use crate::tree::{Expected, ItemMetadata, Published, STAGED_PREFIX, Staged};

/// Bytes are gathered up to this before they are handed over.
const WRITE_BUFFER_BYTES: usize = 1 << 20;

/// An unfinished file of another program is left alone for this long.
const LEFT_ALONE_SECONDS: u64 = 3600;

/// The unfinished files of this program that are still being written.
static LIVE: Mutex<BTreeSet<Vec<u8>>> = Mutex::new(BTreeSet::new());

fn live() -> MutexGuard<'static, BTreeSet<Vec<u8>>> {
    // The set is valid between any two steps, so a panic elsewhere does not spoil it.
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A random name that counts as live until it is dropped.
pub(super) struct StagedPath {
    pub(super) path: Vec<u8>,
}

pub(super) fn staged_path(folder: &[u8]) -> Result<StagedPath, SftpError> {
    let mut random = [0_u8; 12];
    getrandom::fill(&mut random).map_err(|error| SftpError::Protocol(error.to_string()))?;
    let path = joined(folder, &[STAGED_PREFIX, to_hex(&random).as_bytes()].concat());
    live().insert(path.clone());
    Ok(StagedPath { path })
}

impl Drop for StagedPath {
    fn drop(&mut self) {
        live().remove(&self.path);
    }
}

/// Removes unfinished files of a folder that nobody holds any more; says how many.
pub(super) async fn clear(place: &Place, folder: &[u8]) -> Result<u64, SftpError> {
    let listed = again!(place, |session| session.list(folder).await)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let mut removed = 0;
    for listed in listed.into_iter().filter(|listed| listed.name.starts_with(STAGED_PREFIX)) {
        let path = joined(folder, &listed.name);
        let modified = listed.attributes.times.map_or(0, |(_, modified)| u64::from(modified));
        // Another machine may be at work in the same place; clocks may be apart in either direction.
        if live().contains(&path) || now.abs_diff(modified) < LEFT_ALONE_SECONDS {
            continue;
        }
        match again!(place, |session| session.remove(&path).await) {
            Ok(()) => removed += 1,
            Err(error) if error.is_status(status::NO_SUCH_FILE) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(removed)
}

/// A file in the making.
pub(super) struct SftpStaged {
    inner: Arc<Inner>,
    staged: Arc<StagedPath>,
    /// Made with the first bytes that do not fit into the buffer; a small file is sent when it is published.
    outgoing: Option<Outgoing>,
    buffer: Vec<u8>,
    buffer_offset: u64,
    length_bytes: u64,
    /// The file is or may be longer or shorter on the server than what was written.
    length_is_set: bool,
    published: bool,
}

impl SftpStaged {
    pub(super) fn begin(
        inner: &Arc<Inner>,
        path: &[u8],
        _size_bytes: u64,
        from: Option<Vec<u8>>,
    ) -> Result<Self, EndpointError> {
        let path = path.to_vec();
        let (staged, outgoing, length_bytes) = inner.run("write", path, move |inner, path| async move {
            let staged = Arc::new(staged_path(folder_of(&path))?);
            let Some(from) = from else { return Ok((staged, None, 0)) };
            if !again!(inner.place, |session| Ok(session.offers(extension::COPY_DATA)))? {
                return Err(SftpError::protocol("the server can not copy files (it lacks copy-data)"));
            }
            if inner.look(&from).await?.is_none() {
                return Err(absent());
            }
            let mut outgoing = create(&inner, &staged).await?;
            match outgoing.fill_from(&from).await {
                Ok(length_bytes) => Ok((staged, Some(outgoing), length_bytes)),
                Err(error) => {
                    let error = inner.place.explained(error, "copy", &from).await;
                    inner.place.discard(&staged.path).await;
                    Err(error)
                }
            }
        })?;
        Ok(Self {
            inner: Arc::clone(inner),
            staged,
            outgoing,
            buffer: Vec::new(),
            buffer_offset: 0,
            length_bytes,
            length_is_set: false,
            published: false,
        })
    }

    /// Hands over what was gathered.
    fn send(&mut self) -> Result<(), EndpointError> {
        let (outgoing, staged) = (self.outgoing.take(), Arc::clone(&self.staged));
        let bytes = Bytes::from(std::mem::take(&mut self.buffer));
        let offset_bytes = self.buffer_offset;
        self.buffer_offset += bytes.len() as u64;
        let outgoing = self.inner.run("write", self.staged.path.clone(), move |inner, _| async move {
            let mut outgoing = match outgoing {
                Some(outgoing) => outgoing,
                None => create(&inner, &staged).await?,
            };
            outgoing.write(bytes, offset_bytes).await?;
            Ok(outgoing)
        })?;
        self.outgoing = Some(outgoing);
        Ok(())
    }
}

async fn create(inner: &Arc<Inner>, staged: &StagedPath) -> Result<Outgoing, SftpError> {
    // Also tells whether the folder is reached through a link.
    inner.look(&staged.path).await?;
    Outgoing::create(&inner.place, staged.path.clone(), Some(0o600)).await
}

impl Staged for SftpStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        if offset_bytes != self.buffer_offset + self.buffer.len() as u64 {
            if !self.buffer.is_empty() {
                self.send()?;
            }
            self.buffer_offset = offset_bytes;
        }
        self.buffer.extend_from_slice(bytes);
        self.length_bytes = self.length_bytes.max(offset_bytes + bytes.len() as u64);
        if self.buffer.len() >= WRITE_BUFFER_BYTES { self.send() } else { Ok(()) }
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.send()?;
        let Some(mut outgoing) = self.outgoing.take() else { return Ok(()) };
        let outgoing = self.inner.run("write", self.staged.path.clone(), move |_, _| async move {
            outgoing.finish(Some(length_bytes), false).await?;
            Ok(outgoing)
        })?;
        self.outgoing = Some(outgoing);
        self.length_bytes = length_bytes;
        self.length_is_set = true;
        Ok(())
    }

    fn publish(
        mut self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        self.send()?;
        let Some(outgoing) = self.outgoing.take() else { return Err(over(&self)) };
        let work = Work {
            expected: *expected,
            metadata: metadata.clone(),
            proof: *proof,
            length_bytes: self.length_bytes,
        };
        let target = self.inner.place.path(path.as_bytes());
        let published = self.inner.run("write", target, move |inner, target| async move {
            let staged = outgoing.path().to_vec();
            match publish(&inner, outgoing, &target, work).await {
                Ok(published) => Ok(published),
                Err(error) => {
                    let error = inner.place.explained(error, "write", &target).await;
                    inner.place.discard(&staged).await;
                    Err(error)
                }
            }
        });
        self.published = true;
        published
    }
}

fn over(staged: &SftpStaged) -> EndpointError {
    let path = staged.inner.place.shown(&staged.staged.path);
    EndpointError::Unexpected { path, why: "the upload is over".to_owned() }
}

impl Drop for SftpStaged {
    fn drop(&mut self) {
        let begun = self.outgoing.take().is_some() || self.buffer_offset > 0;
        if self.published || !begun {
            return;
        }
        let dropped = self.inner.run("remove", self.staged.path.clone(), |inner, path| async move {
            inner.place.discard(&path).await;
            Ok(())
        });
        if let Err(error) = dropped {
            tracing::debug!(%error, "an unfinished file was left behind");
        }
    }
}

/// What is to be published.
struct Work {
    expected: Expected,
    metadata: ItemMetadata,
    proof: ContentHash,
    length_bytes: u64,
}

impl Work {
    /// Refuses a file whose length and hash are not those of what was sent.
    fn compare(&self, (length_bytes, hash): &(u64, blake3::Hash)) -> Result<(), SftpError> {
        if *length_bytes == self.length_bytes && hash.as_bytes() == self.proof.as_bytes() {
            return Ok(());
        }
        Err(SftpError::protocol("what the server stored is not what was sent"))
    }
}

async fn publish(
    inner: &Arc<Inner>,
    mut outgoing: Outgoing,
    target: &[u8],
    work: Work,
) -> Result<Published, SftpError> {
    let place = &inner.place;
    let staged = outgoing.path().to_vec();
    let replaces = matches!(work.expected, Expected::Item(_));
    // What was sent is written first: most servers keep the order of one file.
    if !outgoing.file().session.serves_plain_files() {
        outgoing.finish(None, false).await?;
    }
    outgoing.finish(None, replaces).await?;
    // Read back while it is looked at what is there, so that both cost one way.
    let (proven, seen) = tokio::join!(prove(&mut outgoing, &work), inner.expect(target, &work.expected));
    let is_proven = proven?;
    seen?;
    let broke = outgoing.broke();
    let mut not_kept = Vec::new();
    if is_proven {
        not_kept = surround(place, Some(outgoing.file()), &staged, &work.metadata).await?;
    }
    match outgoing.close().await {
        Err(error) if !error.is_lost() => return Err(error),
        _ => {}
    }
    if !is_proven {
        work.compare(&again!(place, |session| super::naming::hash(&session, &staged).await)?)?;
        not_kept = surround(place, None, &staged, &work.metadata).await?;
    }
    if broke && replaces {
        // The server may have been started again since it confirmed; now it is on its disk for certain.
        again!(place, |session| {
            session.open(&staged, super::packet::open::READ, &Attributes::default()).await?.sync().await
        })?;
    }
    if replaces {
        place.put_over(&staged, target).await?;
    } else {
        match place.put_new(&staged, target).await? {
            Put::Done => {}
            Put::Taken => return Err(changed(place.shown(target))),
            Put::NoFolder => return Err(absent()),
        }
    }
    inner.remember((!replaces).then_some(target), target);
    inner.published(target, not_kept).await
}

/// Sets mode and time, through the file where it is open; what is refused is told, and the rest tried by itself.
async fn surround(
    place: &Place,
    file: Option<&Arc<RemoteFile>>,
    path: &[u8],
    metadata: &ItemMetadata,
) -> Result<Vec<String>, SftpError> {
    let mut not_kept = Vec::new();
    let mut attributes = attributes_of(metadata, &mut not_kept);
    // Nobody else may read it while it is written; without a wish it gets what a new file usually has.
    attributes.mode = Some(attributes.mode.unwrap_or(0o644));
    match set(place, file, path, &attributes).await {
        Err(SftpError::Status { .. }) => {}
        result => return result.map(|()| not_kept),
    }
    let parts = [
        (Attributes { times: None, ..attributes }, "the permissions"),
        (Attributes { mode: None, ..attributes }, "the time of the last change"),
    ];
    for (part, what) in parts {
        match set(place, file, path, &part).await {
            Err(error @ SftpError::Status { .. }) => not_kept.push(format!("{what}: {error}")),
            result => result?,
        }
    }
    Ok(not_kept)
}

async fn set(
    place: &Place,
    file: Option<&Arc<RemoteFile>>,
    path: &[u8],
    attributes: &Attributes,
) -> Result<(), SftpError> {
    if let Some(file) = file {
        match async { file.ask_set(attributes).await?.wait().await?.into_done() }.await {
            Err(error) if error.is_lost() => {}
            result => return result,
        }
    }
    again!(place, |session| session.ask_set(path, attributes).await?.wait().await?.into_done())
}

/// Reads the file back through the handle it was written with, and compares; whether that could be done. Where not it is
/// read when it is closed: the connection broke, or the server may spoil what is read while it is written.
async fn prove(outgoing: &mut Outgoing, work: &Work) -> Result<bool, SftpError> {
    if !outgoing.file().session.serves_plain_files() {
        return Ok(false);
    }
    match read_back(outgoing.file(), work.length_bytes).await {
        Err(error) if error.is_lost() => {
            outgoing.broken();
            Ok(false)
        }
        result => work.compare(&result?).map(|()| true),
    }
}

async fn read_back(file: &Arc<RemoteFile>, length_bytes: u64) -> Result<(u64, blake3::Hash), SftpError> {
    let asked = file.ask_attributes().await?;
    let (_, hash) = Reading::new(Arc::clone(file), 0..length_bytes).hash().await?;
    let size_bytes = asked.wait().await?.into_attributes()?.size_bytes;
    Ok((size_bytes.unwrap_or(length_bytes), hash))
}
