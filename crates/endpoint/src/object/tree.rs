//! A tree of files in a bucket.
//!
//! A file is an object, a folder is what stands before a `/` in keys; a folder that holds nothing is an empty object whose
//! key ends with `/`, as other programs make them, or, on services that keep no such objects, one with a name of ours in
//! it. Invariants:
//! 1. A listing shows something of the folder it was asked for, at least its marker, or the folder is not there; an empty
//!    root needs the root's marker.
//! 2. What replaces a file is one request with a condition on the etag that was seen, where the service has conditions;
//!    elsewhere it is asked right before.
//! 3. A folder does not vanish with its last file: it gets its marker before.
//!
//! The time a file had elsewhere is kept beside it (`mtime`, as rclone writes it), but a listing can not show it: the time
//! of a file here is when the service got it. Deliberately not here: links, permissions, attributes, which no service has.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath, Timestamp};
use opendal::options::WriteOptions;
use opendal::{Entry, Metadata};

use super::items::{capabilities, file_item, folder_item, not_kept};
use super::root::{FOLDER_MARKER, FOLDER_TEXT, OLD_PROBE, ROOT_MARKER, Root};
use super::service::{ABANDONED_MS, Service};
use super::staged::{ObjectContent, ObjectStaged};
use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::EndpointError;
use crate::retry::Patience;
use crate::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, NameRules, PlaceIdentity, Published,
    STAGED_PREFIX, Staged, Tree, TreeItem,
};

/// The longest key of all three services, in bytes.
const KEY_LIMIT_BYTES: usize = 1024;
/// How many keys that begin with the one looked for are looked at.
const SIBLINGS: usize = 1000;

/// A tree in a bucket. Cheap to clone.
#[derive(Clone)]
pub struct ObjectTree {
    pub(super) inner: Arc<Inner>,
}

pub(super) struct Inner {
    pub(super) root: Root,
    capabilities: Capabilities,
    /// Folders whose markers were seen or made.
    marked: Mutex<HashSet<String>>,
    /// Whether the service shows objects whose keys end with `/`; found out by the first.
    shows_markers: OnceLock<bool>,
}

impl ObjectTree {
    /// Opens the tree at an address where something is; with `create`, marks an empty one as a place.
    ///
    /// # Errors
    /// The service can not be reached, does not accept the credentials, or has nothing there.
    pub fn open(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
        create: bool,
    ) -> Result<Self, EndpointError> {
        let root = Root::new(Service::open(address, credentials, patience)?);
        if create {
            root.make()?
        } else {
            root.require()?
        }
        let prefix = match address {
            Address::S3 { prefix, .. } | Address::Azure { prefix, .. } | Address::Gcs { prefix, .. } => {
                prefix.len()
            }
            _ => 0,
        };
        // A service that leaves etags out of listings has none for us: an item looks the same from everywhere.
        let first = root.service.list_some("", true, 3)?;
        let mut files = first.iter().filter(|entry| entry.metadata().is_file());
        let has_etags = files.all(|entry| entry.metadata().etag().is_some());
        let shows_markers = OnceLock::new();
        if matches!(address, Address::Gcs { .. }) {
            // It would, but its emulator breaks on them: what can not be tested is not used.
            let _ = shows_markers.set(false);
        }
        // One for the slash after the prefix, one for that of a folder's marker.
        let left = u32::try_from(KEY_LIMIT_BYTES.saturating_sub(prefix + 2)).unwrap_or(0);
        Ok(Self {
            inner: Arc::new(Inner {
                root,
                capabilities: capabilities(left, has_etags, matches!(address, Address::Azure { .. })),
                marked: Mutex::default(),
                shows_markers,
            }),
        })
    }

    pub(super) fn service(&self) -> &Service {
        &self.inner.root.service
    }

    /// A folder keeps being there when the last file in it goes.
    pub(super) fn keep_folder(&self, folder: Option<RelativePath>) -> Result<(), EndpointError> {
        let Some(folder) = folder.filter(|folder| !folder.is_root()) else { return Ok(()) };
        let marker = self.inner.folder(&folder)?;
        if self.inner.marked.lock().unwrap_or_else(PoisonError::into_inner).contains(&marker) {
            return Ok(());
        }
        // The marker may have been taken away by others: making it again costs one request.
        self.inner.make_marker(&marker)
    }

    /// The file at a path, and an error where it is not as expected.
    pub(super) fn require(&self, path: &RelativePath, expected: &Expected) -> Result<(), EndpointError> {
        let found = self.stat(path)?;
        let fits = match (expected, found) {
            (Expected::Absent, None) => true,
            (Expected::Item(expected), Some(found)) => found.fingerprint.is_unchanged_since(expected),
            _ => false,
        };
        if fits { Ok(()) } else { Err(EndpointError::Changed { path: self.inner.shown(path) }) }
    }
}

impl Inner {
    /// The key of a file.
    pub(super) fn key(&self, path: &RelativePath) -> Result<String, EndpointError> {
        let refused =
            |why: &str| Err(EndpointError::Unexpected { path: self.shown(path), why: why.to_owned() });
        let Ok(key) = std::str::from_utf8(path.as_bytes()) else {
            return refused("its name is no UTF-8 text, and a bucket takes no other");
        };
        if key.trim() != key {
            return refused("a bucket takes no name with a space at its end");
        }
        let is_strange = |part: &str| part.ends_with('.') || part.contains('\\');
        if self.capabilities.names == NameRules::Windows && key.split('/').any(is_strange) {
            return refused("Azure takes no name with a backslash or a dot at its end");
        }
        if key.len() > self.capabilities.path_limit_bytes as usize {
            return refused("its path is longer than a bucket takes");
        }
        Ok(key.to_owned())
    }

    /// The key of a folder's marker; nothing for the root.
    fn folder(&self, path: &RelativePath) -> Result<String, EndpointError> {
        if path.is_root() { Ok(String::new()) } else { Ok(format!("{}/", self.key(path)?)) }
    }

    pub(super) fn shown(&self, path: &RelativePath) -> String {
        self.root.service.path(&String::from_utf8_lossy(path.as_bytes()))
    }

    /// A file as answers show it.
    pub(super) fn item(&self, name: &[u8], metadata: &Metadata) -> TreeItem {
        file_item(name, metadata, self.capabilities.strong_versions)
    }

    fn make_marker(&self, marker: &str) -> Result<(), EndpointError> {
        let service = &self.root.service;
        let shown = marker.trim_end_matches('/');
        if self.shows_markers.get() != Some(&false) {
            let (operator, wanted) = (service.operator.clone(), marker.to_owned());
            let made = service.run("create", shown, async move { operator.create_dir(&wanted).await });
            match made {
                // A service that takes no such keys at all.
                Err(EndpointError::Io { .. }) => {
                    let _ = self.shows_markers.set(false);
                }
                result => result?,
            }
            if self.shows_markers.get().is_none() {
                let _ = self.shows_markers.set(!service.list_some(marker, true, 1)?.is_empty());
            }
        }
        if self.shows_markers.get() == Some(&false) {
            let written =
                service.write(&format!("{marker}{FOLDER_MARKER}"), FOLDER_TEXT, WriteOptions::default());
            written.map_err(|error| service.failed("create", shown, &error))?;
        }
        self.marked.lock().unwrap_or_else(PoisonError::into_inner).insert(marker.to_owned());
        Ok(())
    }

    /// What a listing shows below a folder, by its path from there; the folder itself is left out. Also whether anything
    /// showed that the folder is there.
    fn listed(
        &self,
        folder: &str,
        recursive: bool,
    ) -> Result<(BTreeMap<String, Option<Entry>>, bool), EndpointError> {
        let entries = self.root.service.list(folder, recursive)?;
        let mut items = BTreeMap::new();
        let is_there = !entries.is_empty();
        for entry in entries {
            let path = entry.path().trim_start_matches('/').to_owned();
            let Some(relative) = path.strip_prefix(folder) else {
                let why = "the service lists what is not in it".to_owned();
                return Err(EndpointError::Unexpected { path: self.root.service.path(folder), why });
            };
            // A marker of ours says that the folder it lies in is there.
            let of_marker =
                relative.strip_suffix(FOLDER_MARKER).filter(|of| of.is_empty() || of.ends_with('/'));
            let relative = of_marker.unwrap_or(relative);
            let is_folder = relative.ends_with('/') || relative.is_empty() || entry.metadata().is_dir();
            let name = relative.strip_suffix('/').unwrap_or(relative);
            if name.is_empty() || (folder.is_empty() && [ROOT_MARKER, OLD_PROBE].contains(&name)) {
                continue;
            }
            if name.split('/').any(|part| part.as_bytes().starts_with(STAGED_PREFIX)) {
                continue;
            }
            let item = (!is_folder).then_some(entry);
            if let Some(before) = items.insert(name.to_owned(), item)
                && before.is_some() != items.get(name).is_some_and(Option::is_some)
            {
                return Err(self.two_of(name));
            }
        }
        Ok((items, is_there))
    }

    fn two_of(&self, name: &str) -> EndpointError {
        let why = "there is a file and a folder of this name".to_owned();
        EndpointError::Unexpected { path: self.root.service.path(name), why }
    }

    fn path_of(&self, key: &str) -> Result<RelativePath, EndpointError> {
        RelativePath::parse(key.as_bytes()).map_err(|_| EndpointError::Unexpected {
            path: self.root.service.path(key),
            why: "no file can have this name elsewhere: rename it with the tools of the service".to_owned(),
        })
    }

    /// A listing that showed nothing: the folder is not there, or the place is gone.
    fn absent(&self, folder: &RelativePath) -> EndpointError {
        match self.root.require() {
            Err(error) => error,
            Ok(()) => EndpointError::NotFound { path: self.shown(folder) },
        }
    }
}

impl Tree for ObjectTree {
    fn describe(&self) -> String {
        self.service().name.to_string()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        let marker = self.inner.root.identity()?;
        let root = marker.map_or(0, |text| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&blake3::hash(&text).as_bytes()[..8]);
            u64::from_le_bytes(bytes)
        });
        Ok(PlaceIdentity { volume: self.describe(), root })
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        let (items, is_there) = self.inner.listed(&self.inner.folder(folder)?, false)?;
        if !is_there {
            return Err(self.inner.absent(folder));
        }
        let mut found = Vec::with_capacity(items.len());
        for (name, entry) in &items {
            // One component, and one that other places can have.
            self.inner.path_of(name)?;
            if name.contains('/') {
                let why = "the service lists what is deeper".to_owned();
                return Err(EndpointError::Unexpected { path: self.service().path(name), why });
            }
            found.push(match entry {
                Some(entry) => self.inner.item(name.as_bytes(), entry.metadata()),
                None => folder_item(name.as_bytes()),
            });
        }
        Ok(found)
    }

    fn visit_all(
        &self,
        folder: &RelativePath,
        visit: &mut dyn FnMut(RelativePath, TreeItem),
    ) -> Result<bool, EndpointError> {
        let (items, is_there) = self.inner.listed(&self.inner.folder(folder)?, true)?;
        if !is_there {
            return Err(self.inner.absent(folder));
        }
        let base = String::from_utf8_lossy(folder.as_bytes()).into_owned();
        let whole = |name: &str| if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") };
        let mut folders = HashSet::new();
        for (name, entry) in &items {
            let path = self.inner.path_of(&whole(name))?;
            // Folders that no marker tells of, from the top.
            let ends = name.match_indices('/').map(|(at, _)| at).chain(entry.is_none().then_some(name.len()));
            for above in ends.filter_map(|end| name.get(..end)) {
                if !folders.contains(above) {
                    if items.get(above).is_some_and(Option::is_some) {
                        return Err(self.inner.two_of(&whole(above)));
                    }
                    let own_name = above.rsplit('/').next().unwrap_or(above);
                    visit(self.inner.path_of(&whole(above))?, folder_item(own_name.as_bytes()));
                    folders.insert(above.to_owned());
                }
            }
            if let Some(entry) = entry {
                let own_name = path.name().unwrap_or_default().to_vec();
                visit(path, self.inner.item(&own_name, entry.metadata()));
            }
        }
        Ok(true)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        let name = path.name().unwrap_or_default();
        if path.is_root() {
            return self.inner.root.require().map(|()| Some(folder_item(name)));
        }
        let key = self.inner.key(path)?;
        let as_file = |found| match found {
            Ok(metadata) if !Metadata::is_dir(&metadata) => Ok(Some(self.inner.item(name, &metadata))),
            Ok(_) | Err(EndpointError::NotFound { .. }) => Ok(None),
            Err(error) => Err(error),
        };
        // Services over a file system break when they are asked for a folder as if it were a file: whether it is one is
        // looked for before it is asked again.
        let mut found = as_file(self.service().stat_once(&key));
        if !matches!(found, Ok(None) | Err(EndpointError::Unreachable { .. })) {
            return found;
        }
        if !self.service().list_some(&self.inner.folder(path)?, true, 1)?.is_empty() {
            // An object and others below its name can stand beside each other: one fault is not enough to overlook it.
            if found.is_err() {
                found = as_file(self.service().stat_once(&key));
            }
            return Ok(found.ok().flatten().or_else(|| Some(folder_item(name))));
        }
        if found.is_err() {
            found = match self.listed_file(&key, name)? {
                Some(answer) => Ok(answer),
                None => as_file(self.service().stat(&key)),
            };
            if let Some(item) = found? {
                return Ok(Some(item));
            }
        }
        self.inner.root.require().map(|()| None)
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        let key = self.inner.key(path)?;
        let metadata = self.service().stat(&key).map_err(|error| self.inner.root.missing(error))?;
        let item = self.inner.item(path.name().unwrap_or_default(), &metadata);
        let etag = metadata.etag().map(str::to_owned);
        Ok(Box::new(ObjectContent::new(self.clone(), path.clone(), key, item, etag)))
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        let why = "a bucket holds no links".to_owned();
        Err(EndpointError::Unexpected { path: self.inner.shown(path), why })
    }

    fn extended_attributes(&self, _path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    fn stage(
        &self,
        path: &RelativePath,
        _size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.inner.key(path)?;
        if from.is_some() {
            let why = "a bucket takes whole files only".to_owned();
            return Err(EndpointError::Unexpected { path: self.inner.shown(path), why });
        }
        Ok(Box::new(ObjectStaged::new(self.clone(), path.clone())))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        _metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        match self.stat(path)? {
            Some(_) => Err(EndpointError::AlreadyExists { path: self.inner.shown(path) }),
            None => {
                self.inner.make_marker(&self.inner.folder(path)?)?;
                let item = folder_item(path.name().unwrap_or_default());
                Ok(Published { item, not_kept: Vec::new() })
            }
        }
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        _target: &[u8],
        _expected: &Expected,
        _metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let why = "a bucket holds no links".to_owned();
        Err(EndpointError::Unexpected { path: self.inner.shown(path), why })
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        if matches!(source, Expected::Item(item) if item.kind != EntryKind::File) {
            let why = "a bucket renames files only, one by one".to_owned();
            return Err(EndpointError::Unexpected { path: self.inner.shown(from), why });
        }
        let (old, new) = (self.inner.key(from)?, self.inner.key(to)?);
        self.move_file((from, &old), (to, &new), source, target)
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        let changed = || EndpointError::Changed { path: self.inner.shown(path) };
        if path.is_root() {
            return Err(changed());
        }
        self.require(path, &Expected::Item(*expected))?;
        self.keep_folder(path.parent())?;
        if expected.kind != EntryKind::Folder {
            return self.delete_expected(path, &self.inner.key(path)?, &Expected::Item(*expected));
        }
        let folder = self.inner.folder(path)?;
        let marker = format!("{folder}{FOLDER_MARKER}");
        let found = self.service().list(&folder, true)?;
        let markers: Vec<&str> = found.iter().map(Entry::path).collect();
        if markers.iter().any(|key| *key != folder && *key != marker) {
            return Err(changed());
        }
        self.inner.marked.lock().unwrap_or_else(PoisonError::into_inner).remove(&folder);
        markers.iter().try_for_each(|key| self.service().delete(key))
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.require(path, &Expected::Item(*expected))?;
        let item =
            self.stat(path)?.ok_or_else(|| EndpointError::NotFound { path: self.inner.shown(path) })?;
        Ok(Published { item, not_kept: not_kept(metadata, true) })
    }

    fn sync(&self) -> Result<(), EndpointError> {
        Ok(())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        Ok(None)
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        let Some(uploads) = self.service().uploads.as_ref().filter(|_| folder.is_root()) else {
            return Ok(0);
        };
        let now_ms = Timestamp::from_system(std::time::SystemTime::now()).to_milliseconds();
        let mut cleared = 0;
        for upload in uploads.list()? {
            if upload.modified_ms.is_some_and(|begun_ms| now_ms.saturating_sub(begun_ms) > ABANDONED_MS) {
                uploads.remove(&upload.key).transpose()?;
                cleared += 1;
            }
        }
        Ok(cleared)
    }
}

impl ObjectTree {
    /// The file of this very key, as a listing shows it: a whole one says surely that there is none, also where the
    /// service breaks when it is asked for what is no file (one over a file system, for a folder that lost its last file).
    /// No answer where the listing goes on.
    fn listed_file(&self, key: &str, name: &[u8]) -> Result<Option<Option<TreeItem>>, EndpointError> {
        let found = self.service().list_some(key, false, SIBLINGS)?;
        let file = found.iter().find(|entry| entry.path() == key && entry.metadata().is_file());
        let item = file.map(|entry| self.inner.item(name, entry.metadata()));
        Ok((item.is_some() || found.len() < SIBLINGS).then_some(item))
    }
}
