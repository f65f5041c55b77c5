//! A tree of files on an SFTP server.
//!
//! Invariants beyond those of [`Tree`]: version 3 of the protocol has neither inode numbers nor times of change, so an
//! item is known by kind, size and the second it was last changed, and nothing is claimed beyond that. Every step that
//! changes something asks in the same breath where its folder really is (REALPATH): a link that appeared on the way
//! makes it fail. OpenSSH answers truly; a server that does not resolve links there can not be protected that way.
//! Deliberately not here: extended attributes, which the protocol has not.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath};
use tokio::task::JoinSet;

use super::calls::{found, one_name};
use super::error::SftpError;
use super::item::{absent, attributes_of, changed, exists, fits, folder_of, item_of, name_of};
use super::naming::Put;
use super::options::SftpOptions;
use super::packet::{Attributes, Listed, open, status};
use super::place::{Place, again, is_file, is_folder, joined, wait};
use super::probe::probe;
use super::session::{Session, extension};
use super::tree_content::SftpContent;
use super::tree_staged::{self, SftpStaged};
use crate::error::EndpointError;
use crate::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, STAGED_PREFIX,
    Staged, Tree, TreeItem,
};

/// How many files are brought to the disk at once.
const SYNCS_AT_ONCE: usize = 32;

/// A tree in a folder on a server. Cheap to clone.
#[derive(Clone)]
pub struct SftpTree {
    inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) place: Arc<Place>,
    capabilities: Capabilities,
    /// A rename leaves alone what has the new name.
    refuses_to_replace: bool,
    /// Files and folders that have to be brought to the disk.
    pending: Mutex<Pending>,
}

#[derive(Default)]
struct Pending {
    files: BTreeSet<Vec<u8>>,
    folders: BTreeSet<Vec<u8>>,
}

impl SftpTree {
    /// Opens the tree in a folder that exists. The path begins with a slash; `/~/` is the account's home folder.
    ///
    /// # Errors
    /// [`EndpointError::UnknownServer`] where the server was not accepted yet; [`EndpointError::SignIn`];
    /// [`EndpointError::NotFound`] where the folder is absent; other trouble.
    pub fn open(options: SftpOptions, path: &str) -> Result<Self, EndpointError> {
        Self::begin(options, path, false)
    }

    /// Opens the tree in a folder, which is made where it is absent.
    ///
    /// # Errors
    /// The folder can not be made, or as [`SftpTree::open`].
    pub fn create(options: SftpOptions, path: &str) -> Result<Self, EndpointError> {
        Self::begin(options, path, true)
    }

    fn begin(options: SftpOptions, path: &str, make: bool) -> Result<Self, EndpointError> {
        let (address, path) = (options.address(), path.to_owned());
        let inner = wait(&address, async move {
            let place = Place::open(options, &path, make).await?;
            match probe(&place).await {
                Ok((capabilities, refuses_to_replace)) => {
                    let (place, pending) = (Arc::new(place), Mutex::default());
                    Ok(Inner { place, capabilities, refuses_to_replace, pending })
                }
                Err(error) => Err(error.about("look at", place.describe())),
            }
        })?;
        Ok(Self { inner: Arc::new(inner) })
    }

    fn path(&self, path: &RelativePath) -> Vec<u8> {
        self.inner.place.path(path.as_bytes())
    }
}

impl Inner {
    /// Does work about a path on the threads that speak to servers, and says what went wrong.
    pub(super) fn run<T, W, R>(
        self: &Arc<Self>,
        action: &'static str,
        path: Vec<u8>,
        work: W,
    ) -> Result<T, EndpointError>
    where
        T: Send + 'static,
        W: FnOnce(Arc<Self>, Vec<u8>) -> R + Send + 'static,
        R: Future<Output = Result<T, SftpError>> + Send,
    {
        let inner = Arc::clone(self);
        wait(&self.place.describe(), async move {
            match work(Arc::clone(&inner), path.clone()).await {
                Ok(done) => Ok(done),
                Err(error) => Err(inner.place.explain(error, action, &path).await),
            }
        })
    }

    pub(super) async fn lstat(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        again!(self.place, |session| session.lstat(path).await)
    }

    /// What is at a path, and that its folder is where it seems to be: asked together.
    pub(super) async fn look(&self, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
        again!(self.place, |session| look(&self.place, &session, path).await)
    }

    /// Looks, and compares with what is expected.
    pub(super) async fn expect(&self, path: &[u8], expected: &Expected) -> Result<(), SftpError> {
        let seen = self.look(path).await?;
        if fits(seen.as_ref(), expected) { Ok(()) } else { Err(changed(self.place.shown(path))) }
    }

    /// The item as it is now; it was put there just before.
    pub(super) async fn published(&self, path: &[u8], not_kept: Vec<String>) -> Result<Published, SftpError> {
        match self.lstat(path).await? {
            Some(attributes) => Ok(Published { item: item_of(name_of(path), &attributes), not_kept }),
            None => Err(changed(self.place.shown(path))),
        }
    }

    /// Remembers what has to be brought to the disk by the next [`Tree::sync`].
    pub(super) fn remember(&self, file: Option<&[u8]>, path: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(file) = file {
            pending.files.insert(file.to_vec());
        }
        pending.folders.insert(folder_of(path).to_vec());
    }

    /// Gives one item its mode and times, one after the other where not both are taken; says what could not be kept.
    async fn set(&self, path: &[u8], link: bool, metadata: &ItemMetadata) -> Result<Vec<String>, SftpError> {
        let mut not_kept = Vec::new();
        let attributes = attributes_of(metadata, &mut not_kept);
        if attributes == Attributes::default() {
            return Ok(not_kept);
        }
        let parts = [
            (Attributes { times: None, ..attributes }, "the permissions"),
            (Attributes { mode: None, ..attributes }, "the time of the last change"),
        ];
        for (part, what) in parts {
            if part == Attributes::default() {
                continue;
            }
            let set = again!(self.place, |session| {
                if link {
                    if session.offers(extension::SET_LINK_STAT) {
                        session.set_of_link(path, &part).await
                    } else {
                        Err(SftpError::Status { code: status::UNSUPPORTED, message: "of a link".to_owned() })
                    }
                } else {
                    session.ask_set(path, &part).await?.wait().await?.into_done()
                }
            });
            match set {
                Ok(()) => {}
                // A link has no permissions of its own on most systems.
                Err(SftpError::Status { .. }) if link && part.mode.is_some() => {}
                Err(error @ SftpError::Status { .. }) => not_kept.push(format!("{what}: {error}")),
                Err(error) => return Err(error),
            }
        }
        Ok(not_kept)
    }

    async fn list(&self, path: &[u8]) -> Result<Vec<TreeItem>, SftpError> {
        let listed = again!(self.place, |session| {
            let real = session.ask_real_path(path).await?;
            let listed = session.list(path).await;
            let listed = match listed {
                // Also said of what is no folder, and of links in circles.
                Err(error) if error.is_status(status::NO_SUCH_FILE) => match session.lstat(path).await? {
                    Some(_) => return Err(SftpError::protocol("it is not a folder")),
                    None => return Err(error),
                },
                result => result?,
            };
            check_real(&self.place, real.wait().await?.into_names()?, path)?;
            Ok(listed)
        })?;
        let mut items = Vec::with_capacity(listed.len());
        for Listed { name, attributes } in listed {
            if name.starts_with(STAGED_PREFIX) {
                continue;
            }
            if keepwell_model::path::check_name(&name).is_err() {
                return Err(SftpError::protocol("the server listed what can not be a name"));
            }
            let attributes = if attributes.mode.is_some() && attributes.size_bytes.is_some() {
                Some(attributes)
            } else {
                // Vanished meanwhile, where there is nothing any more.
                self.lstat(&joined(path, &name)).await?
            };
            items.extend(attributes.map(|attributes| item_of(&name, &attributes)));
        }
        Ok(items)
    }

    async fn open(self: &Arc<Self>, path: &[u8]) -> Result<SftpContent, SftpError> {
        let seen = self.look(path).await?;
        let Some(seen) = seen else { return Err(absent()) };
        // Opened it would be followed, and a pipe would hold up the server.
        if !is_file(Some(seen.mode.unwrap_or(0o100_000))) {
            return Err(SftpError::protocol("it is not a file"));
        }
        let (file, attributes) = again!(self.place, |session| {
            let file = session.open(path, open::READ, &Attributes::default()).await?;
            let named = session.ask_lstat(path).await?;
            let opened = file.ask_attributes().await?.wait().await?.into_attributes()?;
            let named = found(named.wait().await?.into_attributes())?;
            // A link may have been put there in between.
            if named.is_none_or(|named| named.mode != opened.mode || named.size_bytes != opened.size_bytes) {
                return Err(changed(self.place.shown(path)));
            }
            Ok((file, opened))
        })?;
        let item = item_of(name_of(path), &attributes);
        Ok(SftpContent::new(Arc::clone(self), path.to_vec(), item, file))
    }

    async fn rename(
        &self,
        from: &[u8],
        to: &[u8],
        kind: EntryKind,
        target: &Expected,
    ) -> Result<(), SftpError> {
        let same_file = !self.capabilities.case_sensitive && from.eq_ignore_ascii_case(to);
        if matches!(target, Expected::Item(_)) || same_file {
            if !same_file {
                self.expect(to, target).await?;
            }
            return self.place.put_over(from, to).await;
        }
        // One request moves what has the name at that moment. Of two, the second could take away what came in between.
        let put = if kind == EntryKind::File && !self.refuses_to_replace {
            self.look(to).await?;
            let seen = self.look(from).await?.ok_or_else(absent)?;
            self.place.put_new_seen(from, to, Some(&seen)).await?
        } else {
            self.rename_whole(from, to).await?
        };
        match put {
            Put::Done => Ok(()),
            Put::Taken => Err(changed(self.place.shown(to))),
            Put::NoFolder => Err(absent()),
        }
    }

    /// Looked at, then renamed: folders and links have no second names, and files need none where nothing is replaced.
    async fn rename_whole(&self, from: &[u8], to: &[u8]) -> Result<Put, SftpError> {
        let mut unsure = false;
        again!(self.place, |session| {
            let seen = look(&self.place, &session, to).await?;
            if std::mem::replace(&mut unsure, true) && session.lstat(from).await?.is_none() && seen.is_some()
            {
                return Ok(Put::Done);
            }
            if seen.is_some() {
                return Ok(Put::Taken);
            }
            match session.ask_rename(from, to).await?.wait().await?.into_done() {
                Err(error @ SftpError::Status { .. }) if session.lstat(to).await?.is_none() => Err(error),
                Err(SftpError::Status { .. }) => Ok(Put::Taken),
                result => result.map(|()| Put::Done),
            }
        })
    }

    async fn make_link(&self, target: &[u8], path: &[u8], expected: &Expected) -> Result<(), SftpError> {
        self.expect(path, expected).await?;
        if matches!(expected, Expected::Absent) {
            let mut unsure = false;
            return again!(self.place, |session| {
                let again = std::mem::replace(&mut unsure, true);
                match session.make_link(target, path).await {
                    Err(error @ SftpError::Status { .. }) => {
                        if again && session.read_link(path).await.is_ok_and(|found| found == target) {
                            return Ok(());
                        }
                        let there = session.lstat(path).await?.is_some();
                        Err(if there { changed(self.place.shown(path)) } else { error })
                    }
                    result => result,
                }
            });
        }
        let staged = tree_staged::staged_path(folder_of(path))?;
        again!(self.place, |session| session.make_link(target, &staged.path).await)?;
        let put = match self.expect(path, expected).await {
            Ok(()) => self.place.put_over(&staged.path, path).await,
            Err(error) => Err(error),
        };
        if put.is_err() {
            self.place.discard(&staged.path).await;
        }
        put
    }

    async fn remove(&self, path: &[u8], expected: &Fingerprint) -> Result<(), SftpError> {
        self.expect(path, &Expected::Item(*expected)).await?;
        let folder = expected.kind == EntryKind::Folder;
        let mut unsure = false;
        again!(self.place, |session| {
            let again = std::mem::replace(&mut unsure, true);
            let removed = if folder { session.remove_folder(path).await } else { session.remove(path).await };
            match removed {
                Err(error) if again && error.is_status(status::NO_SUCH_FILE) => Ok(()),
                // What is still in it came meanwhile.
                Err(error) if folder && error.is_status(status::FAILURE) => {
                    let empty = session.list(path).await?.is_empty();
                    Err(if empty { error } else { changed(self.place.shown(path)) })
                }
                result => result,
            }
        })
    }

    async fn sync(self: Arc<Self>) -> Result<(), SftpError> {
        let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let files = pending.files.iter().map(|path| (path.clone(), false));
        let all: Vec<_> = files.chain(pending.folders.iter().map(|path| (path.clone(), true))).collect();
        let mut running = JoinSet::new();
        let mut waiting = all.into_iter();
        let result = loop {
            while running.len() < SYNCS_AT_ONCE
                && let Some((path, folder)) = waiting.next()
            {
                let inner = Arc::clone(&self);
                running.spawn(async move { inner.sync_one(&path, folder).await });
            }
            match running.join_next().await {
                None => break Ok(()),
                Some(Ok(Ok(()))) => {}
                Some(Ok(Err(error))) => break Err(error),
                Some(Err(error)) => break Err(SftpError::Protocol(error.to_string())),
            }
        };
        if result.is_err() {
            // All of it once more the next time: twice does no harm.
            let mut now = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
            now.files.extend(pending.files);
            now.folders.extend(pending.folders);
        }
        result
    }

    async fn sync_one(&self, path: &[u8], folder: bool) -> Result<(), SftpError> {
        again!(self.place, |session| {
            if folder {
                return session.sync_folder(path).await;
            }
            if !session.offers(extension::FSYNC) {
                return Ok(());
            }
            // What was renamed or removed since then is nobody's to wait for; what may not be read was synced before.
            match session.open(path, open::READ, &Attributes::default()).await {
                Ok(file) => file.sync().await,
                Err(SftpError::Status { .. }) => Ok(()),
                Err(error) => Err(error),
            }
        })
    }
}

impl Tree for SftpTree {
    fn describe(&self) -> String {
        self.inner.place.describe()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        let root = self.inner.place.root.clone();
        let place = Arc::clone(&self.inner);
        self.inner.run("look at", root, move |_, root| async move {
            let kind = again!(place.place, |session| session.stat(&root).await)?;
            if !is_folder(kind.mode) {
                return Err(absent());
            }
            let file_system = place.place.file_system().await?.map_or(0, |known| known.id);
            // The server's key alone does not tell whether the folder is the one it was.
            let volume = if file_system == 0 { String::new() } else { place.place.volume(file_system).await };
            Ok(PlaceIdentity { volume, root: 0 })
        })
    }

    fn former_identity(&self) -> Result<Option<PlaceIdentity>, EndpointError> {
        if !self.identity()?.volume.is_empty() {
            return Ok(None);
        }
        self.inner.run("look at", self.inner.place.root.clone(), |inner, _| async move {
            Ok(Some(PlaceIdentity { volume: inner.place.volume(0).await, root: 0 }))
        })
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        self.inner.run("list", self.path(folder), |inner, path| async move { inner.list(&path).await })
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        self.inner.run("look at", self.path(path), |inner, path| async move {
            let seen = match inner.look(&path).await {
                // The folder above is not there, so nothing is in it.
                Err(error) if error.is_status(status::NO_SUCH_FILE) => None,
                result => result?,
            };
            if seen.is_none() && inner.lstat(&inner.place.root).await?.is_none() {
                // Said of the root by `explain`.
                return Err(absent());
            }
            Ok(seen.map(|attributes| item_of(name_of(&path), &attributes)))
        })
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        let content =
            self.inner.run("read", self.path(path), |inner, path| async move { inner.open(&path).await })?;
        Ok(Box::new(content))
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.inner.run("read", self.path(path), |inner, path| async move {
            again!(inner.place, |session| {
                let real = session.ask_real_path(folder_of(&path)).await?;
                let target = session.read_link(&path).await;
                check_real(&inner.place, real.wait().await?.into_names()?, folder_of(&path))?;
                target
            })
        })
    }

    fn extended_attributes(&self, _path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        let from = from.map(|from| self.path(from));
        let staged = SftpStaged::begin(&self.inner, &self.path(path), size_bytes, from)?;
        Ok(Box::new(staged))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let metadata = metadata.clone();
        self.inner.run("create", self.path(path), move |inner, path| async move {
            if inner.look(&path).await?.is_some() {
                return Err(exists(inner.place.shown(&path)));
            }
            let mut unsure = false;
            again!(inner.place, |session| {
                let again = std::mem::replace(&mut unsure, true);
                match session.make_folder(&path, metadata.mode).await {
                    Err(error @ SftpError::Status { .. }) => match session.lstat(&path).await? {
                        Some(found) if again && is_folder(found.mode) => Ok(()),
                        Some(_) => Err(exists(inner.place.shown(&path))),
                        None => Err(error),
                    },
                    result => result,
                }
            })?;
            let not_kept = inner.set(&path, false, &metadata).await?;
            inner.remember(None, &path);
            inner.published(&path, not_kept).await
        })
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let (target, expected, metadata) = (target.to_vec(), *expected, metadata.clone());
        self.inner.run("create", self.path(path), move |inner, path| async move {
            inner.make_link(&target, &path, &expected).await?;
            let not_kept = inner.set(&path, true, &metadata).await?;
            inner.remember(None, &path);
            inner.published(&path, not_kept).await
        })
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        let (to, source, target) = (self.path(to), *source, *target);
        self.inner.run("rename", self.path(from), move |inner, from| async move {
            let Expected::Item(known) = source else { return Err(changed(inner.place.shown(&from))) };
            inner.expect(&from, &source).await?;
            inner.rename(&from, &to, known.kind, &target).await?;
            inner.remember(None, &from);
            inner.remember(None, &to);
            Ok(inner.published(&to, Vec::new()).await?.item)
        })
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        let expected = *expected;
        self.inner.run("remove", self.path(path), move |inner, path| async move {
            inner.remove(&path, &expected).await?;
            inner.remember(None, &path);
            Ok(())
        })
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let (expected, metadata) = (*expected, metadata.clone());
        self.inner.run("change", self.path(path), move |inner, path| async move {
            inner.expect(&path, &Expected::Item(expected)).await?;
            let not_kept = inner.set(&path, expected.kind == EntryKind::Symlink, &metadata).await?;
            inner.remember(None, &path);
            inner.published(&path, not_kept).await
        })
    }

    fn sync(&self) -> Result<(), EndpointError> {
        let root = self.inner.place.root.clone();
        self.inner.run("bring to the disk", root, |inner, _| inner.sync())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        let root = self.inner.place.root.clone();
        let known = self
            .inner
            .run("ask for free space of", root, |inner, _| async move { inner.place.file_system().await })?;
        Ok(known.map(|known| known.free_bytes))
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.inner.run("list", self.path(folder), |inner, path| async move {
            tree_staged::clear(&inner.place, &path).await
        })
    }
}

/// What is at a path; fails where its folder is reached through a link.
async fn look(place: &Place, session: &Arc<Session>, path: &[u8]) -> Result<Option<Attributes>, SftpError> {
    let folder = if path == place.root { path } else { folder_of(path) };
    let real = session.ask_real_path(folder).await?;
    let seen = session.lstat(path).await?;
    check_real(place, real.wait().await?.into_names()?, folder)?;
    Ok(seen)
}

/// Compares where a folder really is with where it should be.
fn check_real(place: &Place, names: Vec<Listed>, folder: &[u8]) -> Result<(), SftpError> {
    let real = one_name(names)?;
    if real == folder {
        return Ok(());
    }
    Err(SftpError::Closed(Arc::new(EndpointError::Unexpected {
        path: place.shown(folder),
        why: format!("a link leads from there to {}", String::from_utf8_lossy(&real)),
    })))
}
