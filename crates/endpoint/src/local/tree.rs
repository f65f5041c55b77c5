//! A folder of this machine as a [`Tree`].
//!
//! Invariants, beside those of the trait:
//! 1. Every path is resolved from the handle of the root at the moment it is used; the names below the root are the only
//!    thing that is trusted. Where new files come one after the other into one folder, or are
//!    read there, that moment is at most [`A_MOMENT`] ago: had the folder been moved since, the file would have gone along a
//!    moment later.
//! 2. "Absent" is said only while the root itself is still there: a folder that was deleted or replaced under our feet
//!    is an error.
//! 3. An item is replaced by letting old and new change places, and looking at what came out, where the system can: an
//!    edit that slipped in between comes back.
//!
//! Deliberately not here: unfinished files (`tree_staged`), renaming (`tree_rename`), trying what the place can do
//! (`tree_probe`), what differs by system (`tree_unix`, `tree_windows`).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath, Timestamp};

use super::item::{Applied, MetadataPart, MetadataTrouble, Stat};
use super::tree_content::LocalContent;
#[cfg(unix)]
use super::tree_folder::LocalStagedFolder;
use super::tree_holders::Holders;
use super::tree_staged::{self, LocalStaged};
use super::{Folder, LocalFile, tree_probe};
use crate::error::EndpointError;
use crate::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, STAGED_PREFIX,
    Staged, Tree, TreeItem, Version, attributes_one_by_one,
};

#[cfg(unix)]
use crate::tree::StagedFolder;

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

const ASK_ATTRIBUTES: &str = "read the attributes of";

/// A folder of this machine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct LocalTree {
    pub(super) inner: Arc<Inner>,
}

#[derive(Debug)]
pub(super) struct Inner {
    pub(super) root: Folder,
    path: PathBuf,
    identity: PlaceIdentity,
    mount: u64,
    pub(super) capabilities: Capabilities,
    /// Whether files can be made here that get their name last.
    takes_unnamed: bool,
    /// The first and the last time that is kept here.
    pub(super) times: (Timestamp, Timestamp),
    /// The folders that new files came into last. None where files can not get their name last: on such systems an open
    /// folder may be in the way of who wants to rename it.
    holders: Holders,
    /// The folders that files were read in last.
    #[cfg(unix)]
    readers: Holders,
}

impl LocalTree {
    /// Opens the folder at the path, through symbolic links if the path has some, and tries what it can do. Where it can
    /// not be written to, that is guessed from what is in it.
    ///
    /// # Errors
    /// The folder is absent, is no folder, or can not be reached.
    pub fn open(path: &Path) -> Result<Self, EndpointError> {
        let root = Folder::open(path)?;
        let path = std::path::absolute(path)
            .map_err(|error| EndpointError::from_io("open", path.display().to_string(), error))?;
        let stat = root.stat_self()?;
        // A number that is made up anew with every mount tells nothing of the folder.
        let own_id = if system::has_lasting_ids(&root) { stat.inode } else { 0 };
        let identity = PlaceIdentity { volume: system::volume(&root)?, root: own_id };
        let mount = system::mount_number(&root);
        let tree_probe::Answer { capabilities, takes_unnamed, times } =
            tree_probe::ask(&root, &identity, &stat);
        let inner = Inner {
            root,
            path,
            identity,
            mount,
            capabilities,
            takes_unnamed,
            times,
            holders: Holders::default(),
            #[cfg(unix)]
            readers: Holders::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// On which volume a folder is, as [`PlaceIdentity::volume`] tells it; nothing is tried there.
    ///
    /// # Errors
    /// The folder is absent, or can not be asked.
    pub fn volume_at(folder: &Path) -> Result<String, EndpointError> {
        system::volume(&Folder::open(folder)?)
    }

    /// The folder it stands for.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.inner.path
    }
}

impl Inner {
    /// The folder at a path. `NotFound` is only said while the root is there.
    pub(super) fn folder(&self, path: &RelativePath, action: &'static str) -> Result<Folder, EndpointError> {
        system::folder(&self.root, path, action).map_err(|error| self.surely(error))
    }

    /// The folder that holds the item at a path, and the item's name in it. It can not be listed.
    pub(super) fn place<'a>(
        &self,
        path: &'a RelativePath,
        action: &'static str,
    ) -> Result<(Folder, &'a [u8]), EndpointError> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return Err(self.unexpected(path, "it is the folder itself that is kept"));
        };
        let folder = system::holder(&self.root, &parent, action).map_err(|error| self.surely(error))?;
        Ok((folder, name))
    }

    /// A folder to make files in that get their name last: the one at this path, or that was there when files came there
    /// last, since it matters little in which one they are made. Nothing where files can not be made so.
    pub(super) fn staging_folder(&self, path: RelativePath) -> Option<Folder> {
        if !self.takes_unnamed {
            return None;
        }
        self.holders.known(&path).or_else(|| self.open_holder(path).ok())
    }

    /// As [`Inner::place`], for a file that gets its name last: the folder may be that of a moment ago.
    pub(super) fn place_lately<'a>(
        &self,
        path: &'a RelativePath,
    ) -> Result<(Folder, &'a [u8]), EndpointError> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else {
            return self.place(path, "write");
        };
        let known = self.holders.known_lately(&parent);
        let folder =
            known.map_or_else(|| self.open_holder(parent), Ok).map_err(|error| self.surely(error))?;
        Ok((folder, name))
    }

    /// Opens a folder that new files come into, and remembers it.
    fn open_holder(&self, path: RelativePath) -> Result<Folder, EndpointError> {
        self.holders.open(path, |path| system::holder(&self.root, path, "write"))
    }

    /// Opens a file for reading. Where files are read one after the other in one folder, the folder may be that of a moment
    /// ago: whether the file is the one that is meant is for the caller to see in any case.
    #[cfg(unix)]
    fn open_file(&self, path: &RelativePath) -> Result<LocalFile, EndpointError> {
        let (Some(parent), Some(name)) = (path.parent().filter(|parent| !parent.is_root()), path.name())
        else {
            return system::open_file(&self.root, path);
        };
        let known = self.readers.known_lately(&parent);
        let opened = known
            .map_or_else(|| self.readers.open(parent, |path| system::holder(&self.root, path, "read")), Ok);
        match opened.and_then(|folder| system::open_file_in(&folder, name)) {
            // Where the folder of a moment ago is gone, there may be another one; and the path is named as it is.
            Err(_) => system::open_file(&self.root, path),
            result => result,
        }
    }

    #[cfg(windows)]
    fn open_file(&self, path: &RelativePath) -> Result<LocalFile, EndpointError> {
        system::open_file(&self.root, path)
    }

    /// Turns "not found" into trouble with the root where the root is gone.
    fn surely(&self, error: EndpointError) -> EndpointError {
        match error {
            EndpointError::NotFound { .. } if !system::is_alive(&self.root) => self.root_gone(),
            error => error,
        }
    }

    fn root_gone(&self) -> EndpointError {
        EndpointError::Unexpected {
            path: self.path.display().to_string(),
            why: "the folder was removed, or another one took its place".to_owned(),
        }
    }

    pub(super) fn unexpected(&self, path: &RelativePath, why: &str) -> EndpointError {
        EndpointError::Unexpected { path: self.shown(path), why: why.to_owned() }
    }

    pub(super) fn changed(&self, path: &RelativePath) -> EndpointError {
        EndpointError::Changed { path: self.shown(path) }
    }

    fn shown(&self, path: &RelativePath) -> String {
        self.path.join(path.to_string()).display().to_string()
    }

    /// What is known of a name; nothing where it is surely absent.
    pub(super) fn look(&self, folder: &Folder, name: &[u8]) -> Result<Option<Stat>, EndpointError> {
        match folder.stat(name) {
            Ok(stat) => Ok(Some(stat)),
            Err(EndpointError::NotFound { .. }) if system::is_alive(folder) => Ok(None),
            Err(EndpointError::NotFound { .. }) => Err(self.root_gone()),
            Err(error) => Err(error),
        }
    }

    pub(super) fn item(&self, name: &[u8], stat: &Stat) -> TreeItem {
        self.item_named(name.to_vec(), stat)
    }

    fn item_named(&self, name: Vec<u8>, stat: &Stat) -> TreeItem {
        let can = &self.capabilities;
        let fingerprint = Fingerprint {
            kind: stat.kind,
            size_bytes: match stat.kind {
                EntryKind::File | EntryKind::Symlink => stat.size_bytes,
                _ => 0,
            },
            modified: Some(stat.modified),
            version: match can.strong_versions {
                true => Version::changed_at(stat.changed),
                false => Version::default(),
            },
            id: if can.stable_ids { stat.inode } else { 0 },
        };
        // The permission bits of a link mean nothing, and differ by system.
        let mode = (can.modes && stat.kind != EntryKind::Symlink).then(|| system::mode_to_keep(stat));
        let link_count = u32::try_from(stat.link_count).unwrap_or(u32::MAX);
        TreeItem { name, fingerprint, mode, link_count }
    }

    /// Looks whether the place is as expected, and hands back what is there.
    pub(super) fn check(
        &self,
        folder: &Folder,
        path: &RelativePath,
        expected: &Expected,
    ) -> Result<Option<Stat>, EndpointError> {
        let name = path.name().unwrap_or_default();
        let found = self.look(folder, name)?;
        let is_expected = match (&found, expected) {
            (None, Expected::Absent) => true,
            (Some(stat), Expected::Item(before)) => {
                self.item(name, stat).fingerprint.is_unchanged_since(before)
            }
            _ => false,
        };
        if is_expected { Ok(found) } else { Err(self.changed(path)) }
    }

    /// Puts an item that has a name of its own in `from` to its path, in place of what is expected there.
    pub(super) fn put(
        &self,
        (from, name): (&Folder, &[u8]),
        (to, path): (&Folder, &RelativePath),
        expected: &Expected,
    ) -> Result<(), EndpointError> {
        let to_name = path.name().unwrap_or_default();
        let Expected::Item(before) = expected else {
            return match system::rename_to_free(from, name, to, to_name) {
                Err(EndpointError::AlreadyExists { .. }) => Err(self.changed(path)),
                result => result,
            };
        };
        self.check(to, path, expected)?;
        if before.kind == EntryKind::Folder {
            // Only an empty folder can be replaced, and only by a folder; the system sees to both.
            return system::rename_over(from, name, to, to_name);
        }
        if !system::exchange(from, name, to, to_name)? {
            return system::rename_over(from, name, to, to_name);
        }
        let is_what_was_meant = from.stat(name).is_ok_and(|stat| {
            let found = self.item(name, &stat).fingerprint;
            // The exchange itself changed the time of the inode's last change.
            Fingerprint { version: before.version, ..found }.is_unchanged_since(before)
        });
        if is_what_was_meant {
            return from.remove_file(name);
        }
        system::exchange(from, name, to, to_name)?;
        Err(self.changed(path))
    }

    fn published(&self, folder: &Folder, name: &[u8], applied: Applied) -> Result<Published, EndpointError> {
        let stat = applied.shows.map_or_else(|| folder.stat(name), Ok)?;
        Ok(Published { item: self.item(name, &stat), not_kept: in_words(applied.troubles) })
    }

    /// Whether an item still has the size and the time that it was given, as far as the place keeps times.
    pub(super) fn is_as_made(&self, item: &TreeItem, size_bytes: u64, modified: Timestamp) -> bool {
        let nanoseconds =
            |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
        let found = item.fingerprint.modified.map_or(0, nanoseconds);
        item.fingerprint.size_bytes == size_bytes
            && found.abs_diff(nanoseconds(modified)) < u128::from(self.capabilities.time_grain_ns).max(1)
    }

    /// What the place can keep of it: what it never can is not trouble with each item.
    pub(super) fn keepable(&self, metadata: &ItemMetadata) -> ItemMetadata {
        let can = &self.capabilities;
        ItemMetadata {
            modified: metadata
                .modified
                .filter(|_| can.times)
                .map(|time| time.clamp(self.times.0, self.times.1)),
            mode: metadata.mode.filter(|_| can.modes),
            extended_attributes: metadata
                .extended_attributes
                .as_ref()
                .filter(|_| can.extended_attributes)
                .cloned(),
        }
    }
}

/// What could not be kept, for people.
pub(super) fn in_words(troubles: Vec<MetadataTrouble>) -> Vec<String> {
    let words = |trouble: MetadataTrouble| match trouble.part {
        MetadataPart::Owner => format!("the owner: {}", trouble.source),
        MetadataPart::Mode => format!("the permissions: {}", trouble.source),
        MetadataPart::Attribute(name) if name.is_empty() => {
            format!("the extended attributes: {}", trouble.source)
        }
        MetadataPart::Attribute(name) => {
            format!("the extended attribute {}: {}", String::from_utf8_lossy(&name), trouble.source)
        }
        MetadataPart::Flags => format!("the file flags: {}", trouble.source),
        MetadataPart::Times => format!("the time of last change: {}", trouble.source),
    };
    troubles.into_iter().map(words).collect()
}

impl Tree for LocalTree {
    fn describe(&self) -> String {
        self.inner.path.display().to_string()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        // By the path, as a person would: what is mounted or moved there now must be what we hold.
        let inner = &self.inner;
        let now = Folder::open(&inner.path)?;
        let (seen, held) = (now.stat_self()?, inner.root.stat_self()?);
        let is_same = (seen.file_system, seen.inode) == (held.file_system, held.inode)
            && system::mount_number(&now) == inner.mount;
        if is_same { Ok(inner.identity.clone()) } else { Err(inner.root_gone()) }
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        let open = self.inner.folder(folder, "list")?;
        let mut items = system::items(&open, |name, stat| self.inner.item_named(name, stat))?;
        if items.is_empty() && !system::is_alive(&open) {
            // A handle outlives its folder, and lists it as empty.
            return Err(self.inner.surely(EndpointError::NotFound { path: open.path() }));
        }
        let is_root = folder.is_root();
        items.retain(|item| tree_staged::is_item(&open, item, is_root));
        Ok(items)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        if path.is_root() {
            let stat = self.inner.root.stat_self()?;
            return match stat.link_count {
                0 => Err(self.inner.root_gone()),
                _ => Ok(Some(self.inner.item(b"", &stat))),
            };
        }
        let (folder, name) = match self.inner.place(path, "look at") {
            Ok(place) => place,
            // A folder on the way is absent, or is a file or a link by now: below it there is nothing of ours.
            Err(EndpointError::NotFound { .. }) => return Ok(None),
            Err(EndpointError::Unexpected { .. }) if system::is_alive(&self.inner.root) => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok(self.inner.look(&folder, name)?.map(|stat| self.inner.item(name, &stat)))
    }

    fn is_being_written(&self, path: &RelativePath) -> Option<bool> {
        system::is_being_written(&system::open_file(&self.inner.root, path).ok()?)
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        let file = self.inner.open_file(path).map_err(|error| self.inner.surely(error))?;
        let stat = file.stat()?;
        if stat.kind != EntryKind::File {
            return Err(self.inner.unexpected(path, "it is not a regular file"));
        }
        let item = self.inner.item(path.name().unwrap_or_default(), &stat);
        let has_holes = stat.allocated_bytes < stat.size_bytes;
        let is_of_another = item.mode.is_some_and(|mode| mode != stat.mode);
        Ok(Box::new(LocalContent { tree: Arc::clone(&self.inner), file, item, has_holes, is_of_another }))
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        let (folder, name) = self.inner.place(path, "read")?;
        folder.read_link(name)
    }

    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        if !self.inner.capabilities.extended_attributes {
            return Ok(Vec::new());
        }
        if path.is_root() {
            return system::attributes(&self.inner.root, b"");
        }
        let (folder, name) = self.inner.place(path, ASK_ATTRIBUTES)?;
        system::attributes(&folder, name)
    }

    fn extended_attributes_in(
        &self,
        folder: &RelativePath,
        names: &[&[u8]],
    ) -> Vec<Result<Vec<ExtendedAttribute>, EndpointError>> {
        if !self.inner.capabilities.extended_attributes {
            return names.iter().map(|_| Ok(Vec::new())).collect();
        }
        match system::holder(&self.inner.root, folder, ASK_ATTRIBUTES) {
            Ok(open) => names.iter().map(|name| system::attributes(&open, name)).collect(),
            // Each says for itself why the folder can not be reached, or how it is now.
            Err(_) => attributes_one_by_one(self, folder, names),
        }
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        Ok(Box::new(LocalStaged::new(&self.inner, path, size_bytes, from)?))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let (folder, name) = self.inner.place(path, "create")?;
        let metadata = self.inner.keepable(metadata);
        // Closed to others until its own permissions are set, and never more open to its owner than by those.
        let mode = metadata.mode.map_or(0o777, |mode| mode & 0o700);
        folder.make_folder(name, mode)?;
        let applied = system::apply_to_name(&folder, name, &folder.stat(name)?, &metadata)?;
        self.inner.published(&folder, name, applied)
    }

    #[cfg(unix)]
    fn stage_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Option<Box<dyn StagedFolder>>, EndpointError> {
        let staged = LocalStagedFolder::new(&self.inner, path, metadata)?;
        Ok(staged.map(|staged| Box::new(staged) as Box<dyn StagedFolder>))
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let (folder, name) = self.inner.place(path, "create")?;
        match expected {
            // A link is made whole under its name, and never over another item.
            Expected::Absent => match folder.create_symlink(name, target) {
                Err(EndpointError::AlreadyExists { .. }) => return Err(self.inner.changed(path)),
                result => result?,
            },
            Expected::Item(_) => {
                let staged = tree_staged::random_name(STAGED_PREFIX);
                folder.create_symlink(&staged, target)?;
                if let Err(error) = self.inner.put((&folder, &staged), (&folder, path), expected) {
                    // It is ours, and of no use to anybody; what can not be removed now is cleared later.
                    let _ = folder.remove_file(&staged);
                    return Err(error);
                }
            }
        }
        let metadata = self.inner.keepable(metadata);
        let applied = system::apply_to_name(&folder, name, &folder.stat(name)?, &metadata)?;
        self.inner.published(&folder, name, applied)
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        self.inner.rename(from, to, source, target)
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        let (folder, name) = self.inner.place(path, "remove")?;
        self.inner.check(&folder, path, &Expected::Item(*expected))?;
        if expected.kind != EntryKind::Folder {
            return folder.remove_file(name);
        }
        match folder.remove_folder(name) {
            Err(error) if is_not_empty(&error) => {
                // What is left may be only our own unfinished files.
                self.clear_unfinished(path)?;
                folder.remove_folder(name).map_err(|error| match is_not_empty(&error) {
                    true => self.inner.changed(path),
                    false => error,
                })
            }
            result => result,
        }
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let (folder, name) = self.inner.place(path, "set the attributes of")?;
        let Some(stat) = self.inner.check(&folder, path, &Expected::Item(*expected))? else {
            return Err(self.inner.changed(path));
        };
        let metadata = self.inner.keepable(metadata);
        let applied = system::apply_to_name(&folder, name, &stat, &metadata)?;
        let published = self.inner.published(&folder, name, applied)?;
        let modified = metadata.modified.unwrap_or(stat.modified);
        if stat.kind != EntryKind::Folder
            && published.not_kept.is_empty()
            && !self.inner.is_as_made(&published.item, expected.size_bytes, modified)
        {
            return Err(self.inner.changed(path));
        }
        Ok(published)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        // Who waits for the disk has made a group of files, or all: no folder is held for longer than that.
        self.inner.holders.forget();
        self.inner.root.sync_file_system()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.root.free_bytes().map(Some)
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        tree_staged::clear_unfinished(&self.inner.folder(folder, "list")?)
    }

    fn local_root(&self) -> Option<PathBuf> {
        Some(self.inner.path.clone())
    }
}

fn is_not_empty(error: &EndpointError) -> bool {
    matches!(error, EndpointError::Io { source, .. } if source.kind() == std::io::ErrorKind::DirectoryNotEmpty)
        || matches!(error, EndpointError::AlreadyExists { .. })
}

#[cfg(test)]
#[path = "tree_tests.rs"]
pub(super) mod tests;

#[cfg(all(test, unix))]
#[path = "tree_unix_tests.rs"]
mod unix_tests;

#[cfg(all(test, unix))]
#[path = "tree_folder_tests.rs"]
mod folder_tests;
