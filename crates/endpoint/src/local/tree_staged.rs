//! Unfinished files of a local tree (folders: `tree_folder`): made beside their target, proven, published, and cleared after a crash.
//!
//! Invariants:
//! 1. What is published was read back from the file and is what was meant: by its hash, or byte by byte where all of it
//!    was still at hand.
//! 2. Dropped without being published, a staged file leaves nothing behind. Where the place takes files without a name
//!    that is so after a crash too; elsewhere one is recognised by its name and by the lock that died with its process,
//!    and only then removed.
//! 3. Nothing waits for the disk here: who publishes many files makes them durable in one step (`Tree::sync`) before it
//!    writes down that they are there.
//!
//! Deliberately not here: replacing what is expected (`tree`).

use std::cell::RefCell;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use keepwell_model::{ContentHash, EntryKind, RelativePath, Timestamp};

use super::item::Applied;
use super::tree::{Inner, in_words};
use super::{Folder, LocalFile};
use crate::error::EndpointError;
use crate::tree::{Content, Expected, ItemMetadata, Published, STAGED_PREFIX, Staged, TreeItem, Version};

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

/// So much is read back at once: it stays in the processor's own memory between reading and hashing.
const READ_BACK_BYTES: usize = 128 * 1024;
/// So much is copied inside the system at once.
const COPY_BYTES: usize = 64 * 1024 * 1024;
const NOT_AS_SENT: &str = "what was stored is not what was sent";
/// Where nothing tells whether an unfinished file is still held, it must be older than this.
const ABANDONED_AFTER: Duration = Duration::from_secs(24 * 60 * 60);
/// An unfinished folder in which nothing was made for so long is held by now, if anybody has it.
const AT_REST_AFTER: Duration = Duration::from_secs(60);

thread_local! {
    static READ_BACK: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BACK_BYTES]);
}

/// A name nobody else chooses: random for the process, counted within it. Process numbers come again, so they are not
/// part of it.
pub(super) fn random_name(prefix: &[u8]) -> Vec<u8> {
    static SEED: OnceLock<u64> = OnceLock::new();
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let seed = *SEED.get_or_init(|| {
        let mut bytes = [0; 8];
        match getrandom::fill(&mut bytes) {
            Ok(()) => u64::from_le_bytes(bytes),
            // Without randomness the time has to do: a name that is taken is refused, never written over.
            Err(_) => SystemTime::now()
                .duration_since(SystemTime::UNIX_EPOCH)
                .map_or(0, |since| since.as_nanos() as u64),
        }
    });
    let mut name = prefix.to_vec();
    name.extend_from_slice(format!("{seed:016x}-{:x}", COUNT.fetch_add(1, Ordering::Relaxed)).as_bytes());
    name
}

/// See [`Staged`].
pub(super) struct LocalStaged {
    tree: Arc<Inner>,
    /// Where it is until then, on the file system of its target.
    folder: Folder,
    /// The name that has to be removed, while there is one: a file without leaves nothing behind.
    name: Option<Vec<u8>>,
    /// It has the name it keeps from the first, in a folder that nobody sees yet.
    is_in_staged_folder: bool,
    /// Nothing once it was closed for publishing.
    file: Option<LocalFile>,
    /// How long the file is by what was written: so much is read back, and the system asked whether that is all.
    length_bytes: u64,
    /// Whether what is in the file was read back and compared since it was last changed.
    is_proven: bool,
}

impl LocalStaged {
    pub(super) fn new(
        tree: &Arc<Inner>,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Self, EndpointError> {
        let (folder, name, file) = match Self::unnamed(tree, path) {
            Some((folder, file)) => (folder, None, file),
            None => {
                let (folder, _) = tree.place(path, "write")?;
                let name = random_name(STAGED_PREFIX);
                let file = system::create_staged(&folder, &name)?;
                (folder, Some(name), file)
            }
        };
        let (tree, file) = (Arc::clone(tree), Some(file));
        let is_in_staged_folder = false;
        let mut staged =
            Self { tree, folder, name, is_in_staged_folder, file, length_bytes: 0, is_proven: false };
        if let Some(from) = from {
            staged.begin_as(&system::open_file(&staged.tree.root, from)?, size_bytes)?;
            staged.length_bytes = size_bytes;
        }
        Ok(staged)
    }

    /// A file that has no name before it is published, where the place can do that. It matters little in which folder it
    /// is made, so that is asked for once for all that are staged there.
    fn unnamed(tree: &Arc<Inner>, path: &RelativePath) -> Option<(Folder, LocalFile)> {
        let (parent, name) = (path.parent()?, path.name()?);
        let folder = tree.staging_folder(parent)?;
        let file = system::create_unnamed(&folder, name)?;
        Some((folder, file))
    }

    /// A file in a folder that nobody sees yet (`tree_folder`): it has the name it keeps.
    #[cfg(unix)]
    pub(super) fn in_folder(tree: &Arc<Inner>, folder: Folder, name: &[u8], file: LocalFile) -> Self {
        let (tree, name, file) = (Arc::clone(tree), Some(name.to_vec()), Some(file));
        Self { tree, folder, name, is_in_staged_folder: true, file, length_bytes: 0, is_proven: false }
    }

    /// Gives the file its name in place of what is expected there. The folder it is in then, and its name.
    fn put<'a>(
        &mut self,
        path: &'a RelativePath,
        expected: &Expected,
    ) -> Result<(Folder, &'a [u8]), EndpointError> {
        if self.is_in_staged_folder {
            self.name = None;
            return Ok((self.folder.clone(), path.name().unwrap_or_default()));
        }
        if self.name.is_none() && *expected == Expected::Absent {
            return self.put_unnamed(path);
        }
        // Anew, from the root: the file comes to where the path leads now.
        let (folder, name) = self.tree.place(path, "write")?;
        let own_name = match &self.name {
            Some(own_name) => own_name.clone(),
            // Only what has a name can change places with another.
            None => {
                let own_name = random_name(STAGED_PREFIX);
                system::mark_held(self.file()?);
                system::give_name(self.file()?, &folder, &own_name)?;
                self.folder = folder.clone();
                self.name.insert(own_name).clone()
            }
        };
        self.file = self.file.take().and_then(system::keep_for_rename);
        self.tree.put((&self.folder, &own_name), (&folder, path), expected)?;
        self.name = None;
        Ok((folder, name))
    }

    /// As [`LocalStaged::put`], of a file without a name where nothing is.
    fn put_unnamed<'a>(&self, path: &'a RelativePath) -> Result<(Folder, &'a [u8]), EndpointError> {
        let give_name =
            |(folder, name): (Folder, &'a [u8])| match system::give_name(self.file()?, &folder, name) {
                Err(EndpointError::AlreadyExists { .. }) => Err(self.tree.changed(path)),
                result => result.map(|()| (folder, name)),
            };
        match self.tree.place_lately(path).and_then(give_name) {
            // Where the folder of a moment ago is gone, there may be another one.
            Err(EndpointError::NotFound { .. }) => self.tree.place(path, "write").and_then(give_name),
            result => result,
        }
    }

    fn file(&self) -> Result<&LocalFile, EndpointError> {
        self.file.as_ref().ok_or_else(|| EndpointError::Unexpected {
            path: self.folder.path(),
            why: "the unfinished file was closed".to_owned(),
        })
    }

    /// Begins as a copy of a file: with its blocks shared, or else copied, holes kept.
    fn begin_as(&self, from: &LocalFile, size_bytes: u64) -> Result<(), EndpointError> {
        let to = self.file()?;
        let stat = from.stat()?;
        if stat.kind != EntryKind::File {
            return Err(EndpointError::Unexpected {
                path: from.path(),
                why: "it is not a regular file".to_owned(),
            });
        }
        let is_shared = system::raw_file(from).is_some_and(|from| system::share_blocks(from, to));
        if !is_shared {
            to.set_length(stat.size_bytes)?;
            let mut at = 0;
            while let Some(range) = from.next_data(at, stat.size_bytes)? {
                copy(from, to, range.clone())?;
                at = range.end;
            }
        }
        if stat.size_bytes != size_bytes { to.set_length(size_bytes) } else { Ok(()) }
    }

    /// Reads what is in the file, part by part.
    fn read_back(&self, mut take: impl FnMut(&[u8])) -> Result<(), EndpointError> {
        let file = self.file()?;
        READ_BACK.with_borrow_mut(|buffer| {
            let mut offset_bytes = 0;
            while offset_bytes < self.length_bytes {
                let left = usize::try_from(self.length_bytes - offset_bytes).unwrap_or(usize::MAX);
                let wanted = left.min(buffer.len());
                let length = file.read_at(&mut buffer[..wanted], offset_bytes)?;
                take(&buffer[..length]);
                offset_bytes += length as u64;
                if length < wanted {
                    break;
                }
            }
            Ok(())
        })
    }

    /// Whether the file holds exactly these bytes.
    fn holds(&self, bytes: &[u8]) -> Result<bool, EndpointError> {
        let mut rest = bytes;
        let mut is_same = true;
        self.read_back(|part| match rest.split_at_checked(part.len()) {
            Some((same, after)) if is_same && same == part => rest = after,
            _ => is_same = false,
        })?;
        Ok(is_same && rest.is_empty())
    }

    /// Whether what the file holds has this hash.
    fn has_hash(&self, hash: &ContentHash) -> Result<bool, EndpointError> {
        let mut hasher = blake3::Hasher::new();
        self.read_back(|part| {
            hasher.update(part);
        })?;
        Ok(hasher.finalize().as_bytes() == hash.as_bytes())
    }

    fn remove(&mut self) {
        if let Some(name) = self.name.take() {
            self.file = None;
            // What can not be removed now is found and removed by `clear_unfinished`.
            let _ = self.folder.remove_file(&name);
        }
    }
}

fn copy(from: &LocalFile, to: &LocalFile, range: std::ops::Range<u64>) -> Result<(), EndpointError> {
    let mut at = range.start;
    while at < range.end {
        let length = usize::try_from(range.end - at).unwrap_or(COPY_BYTES).min(COPY_BYTES);
        let copied = match system::copy_range(from, to, at, length) {
            Some(copied) if copied > 0 => copied,
            _ => READ_BACK.with_borrow_mut(|buffer| {
                let length = length.min(buffer.len());
                let read = from.read_at(&mut buffer[..length], at)?;
                to.write_at(&buffer[..read], at).map(|()| read)
            })?,
        };
        if copied == 0 {
            // It was cut meanwhile; who asked for the copy compares hashes anyway.
            return Ok(());
        }
        at += copied as u64;
    }
    Ok(())
}

impl Staged for LocalStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        self.file()?.write_at(bytes, offset_bytes)?;
        self.length_bytes = self.length_bytes.max(offset_bytes.saturating_add(bytes.len() as u64));
        self.is_proven = false;
        Ok(())
    }

    fn write_whole(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        if !bytes.is_empty() {
            self.write_at(bytes, 0)?;
        }
        if !self.holds(bytes)? {
            let (path, why) = (self.folder.path(), NOT_AS_SENT.to_owned());
            return Err(EndpointError::Unexpected { path, why });
        }
        self.is_proven = true;
        Ok(())
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.file()?.set_length(length_bytes)?;
        self.length_bytes = length_bytes;
        self.is_proven = false;
        Ok(())
    }

    fn clone_content(&mut self, from: &dyn Content) -> Result<bool, EndpointError> {
        if !self.tree.capabilities.stages_from_existing {
            return Ok(false);
        }
        let share = |from: &File| Ok::<_, EndpointError>(system::share_blocks(from, self.file()?));
        let is_shared = from.local_file().map_or(Ok(false), share)?;
        if is_shared {
            self.length_bytes = self.file()?.stat()?.size_bytes;
            self.is_proven = false;
        }
        Ok(is_shared)
    }

    fn publish(
        mut self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        if !self.is_proven && !self.has_hash(proof)? {
            return Err(self.tree.unexpected(path, NOT_AS_SENT));
        }
        let file = self.file()?;
        let mut metadata = self.tree.keepable(metadata);
        if self.tree.capabilities.modes {
            // From a place without permissions it gets those of any new file.
            metadata.mode = metadata.mode.or_else(system::mode_of_new_files);
        }
        let Applied { troubles, shows } = system::apply_to_staged(file, &metadata);
        system::make_content_durable(file)?;
        let modified = match metadata.modified.filter(|_| troubles.is_empty()) {
            Some(modified) => modified,
            None => file.stat()?.modified,
        };
        let (folder, name) = self.put(path, expected)?;
        let stat = match (&self.file, shows) {
            // To get its name changed nothing of it: it had that.
            (_, Some(shown)) if self.is_in_staged_folder => shown,
            (Some(file), _) => file.stat()?,
            (None, _) => folder.stat(name)?,
        };
        let mut item = self.tree.item(name, &stat);
        if !self.tree.is_as_made(&item, self.length_bytes, modified) {
            // Somebody was at it already: what is told is what was published, so that the edit is seen as one.
            item.fingerprint.size_bytes = self.length_bytes;
            item.fingerprint.modified = Some(modified);
            item.fingerprint.version = Version::default();
        }
        Ok(Published { item, not_kept: in_words(troubles) })
    }
}

impl Drop for LocalStaged {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Removes what a run that ended by force left behind in a folder.
pub(super) fn clear_unfinished(folder: &Folder) -> Result<u64, EndpointError> {
    let mut removed = 0;
    for item in folder.names()? {
        if !item.name.starts_with(STAGED_PREFIX) {
            continue;
        }
        let Ok(stat) = folder.stat(&item.name) else { continue };
        if !system::is_abandoned(folder, &item.name).unwrap_or_else(|| is_old(stat.changed)) {
            continue;
        }
        let cleared = match stat.kind {
            EntryKind::Folder => clear_folder(folder, &item.name),
            _ => folder.remove_file(&item.name),
        };
        removed += u64::from(cleared.is_ok());
    }
    Ok(removed)
}

/// Whether what was listed is an item, and nothing unfinished; of this a folder in the root goes where it is abandoned.
pub(super) fn is_item(folder: &Folder, listed: &TreeItem, is_root: bool) -> bool {
    let is_unfinished = listed.name.starts_with(STAGED_PREFIX);
    if is_unfinished && is_root && listed.fingerprint.kind == EntryKind::Folder {
        clear_abandoned_folder(folder, &listed.name);
    }
    !is_unfinished
}

/// Removes an unfinished folder that nobody holds, once it is at rest, for it is made before it is held: a process that
/// was killed while it tried the place has no run that tells the next one of it. What can not be removed stays unseen.
fn clear_abandoned_folder(folder: &Folder, name: &[u8]) {
    let Ok(stat) = folder.stat(name) else { return };
    if is_older(stat.modified, AT_REST_AFTER)
        && system::is_abandoned(folder, name).unwrap_or_else(|| is_old(stat.changed))
    {
        let _ = clear_folder(folder, name);
    }
}

/// An unfinished folder, or one in which was tried what the place can do: it holds nothing but files and links.
pub(super) fn clear_folder(folder: &Folder, name: &[u8]) -> Result<(), EndpointError> {
    let unfinished = folder.open_child(name)?;
    for item in unfinished.names()? {
        unfinished.remove_file(&item.name)?;
    }
    drop(unfinished);
    folder.remove_folder(name)
}

fn is_old(changed: Timestamp) -> bool {
    is_older(changed, ABANDONED_AFTER)
}

fn is_older(changed: Timestamp, age: Duration) -> bool {
    let now = Timestamp::from_system(SystemTime::now());
    now.seconds.saturating_sub(changed.seconds) > age.as_secs().cast_signed()
}
