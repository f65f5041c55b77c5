//! Folders of a local tree on Windows.
//!
//! Paths are kept in their long form, which holds about 32,000 characters. Invariants: below the path a person named
//! every name is one checked component, without a backslash or a colon (which would name an alternate stream), and a
//! folder is only entered when it is no link or junction at that moment. Unlike on Unix the check and the step are two:
//! someone with the right to write into the tree could swap a folder in between.
//!
//! Deliberately not here: modes, owners, extended attributes, security descriptors and alternate streams, which are
//! not kept; pipes and devices, which Windows has not. Links are not covered by tests: Wine makes none.

use std::fs::{self, OpenOptions};
use std::io;
use std::os::windows::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_model::path::check_name;
use keepwell_model::{EntryKind, ExtendedAttribute, Metadata};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ATTRIBUTE_DIRECTORY, FILE_FLAG_OPEN_REPARSE_POINT, FILE_FLAG_SEQUENTIAL_SCAN,
};

use super::item::{MetadataOptions, MetadataTrouble, NamedItem, Stat};
use super::windows_file::{LocalFile, apply_to};
use super::windows_path::{from_bytes, to_bytes, verbatim};
use super::{store_windows, windows_stat};
use crate::error::EndpointError;

/// How many folders of one tree are kept open at once: none here, they are reached by their paths.
pub const OPEN_FOLDERS_LIMIT: usize = 0;

/// The largest value of one extended attribute that is taken along; Windows keeps none.
pub const ATTRIBUTE_LIMIT_BYTES: usize = 0;

/// A folder of a local tree. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Folder {
    /// As the person named it, with names below it added.
    shown: Arc<PathBuf>,
    path: Arc<PathBuf>,
    depth: usize,
}

impl Folder {
    /// Opens the root of a tree: the folder at the path, through links if the path has some.
    ///
    /// # Errors
    /// The folder is absent, is no folder, or can not be reached.
    pub fn open(path: &Path) -> Result<Self, EndpointError> {
        let failed = |error| EndpointError::from_io("open", path.display().to_string(), error);
        let shown = std::path::absolute(path).map_err(failed)?;
        let long = verbatim(&shown);
        if !fs::metadata(&long).map_err(failed)?.is_dir() {
            let why = "it is not a folder".to_owned();
            return Err(EndpointError::Unexpected { path: path.display().to_string(), why });
        }
        Ok(Self { shown: Arc::new(shown), path: Arc::new(long), depth: 0 })
    }

    /// As [`Folder::open`]; the limit is of no meaning here.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_with_limit(path: &Path, _limit: usize) -> Result<Self, EndpointError> {
        Self::open(path)
    }

    /// The folder of this name in this one; a link or junction is refused.
    ///
    /// # Errors
    /// It is absent, is no folder ([`EndpointError::Unexpected`]), or can not be reached.
    pub fn open_child(&self, name: &[u8]) -> Result<Self, EndpointError> {
        match self.stat(name)?.kind {
            EntryKind::Folder => Ok(self.child(name, self.at(name)?)),
            EntryKind::Symlink => Err(self.unexpected(name, "it is a symbolic link")),
            _ => Err(self.unexpected(name, "it is not a folder")),
        }
    }

    fn child(&self, name: &[u8], path: PathBuf) -> Self {
        let shown = PathBuf::from(self.path_of(name));
        Self { shown: Arc::new(shown), path: Arc::new(path), depth: self.depth + 1 }
    }

    /// How many levels below the root it lies.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.depth
    }

    /// The whole path of a name in it, for people.
    #[must_use]
    pub fn path_of(&self, name: &[u8]) -> String {
        if name.is_empty() {
            return self.path();
        }
        self.shown.join(String::from_utf8_lossy(name).as_ref()).display().to_string()
    }

    /// Its own path, for people.
    #[must_use]
    pub fn path(&self) -> String {
        self.shown.display().to_string()
    }

    /// Nothing to close here.
    pub fn release(&self) {}

    /// The names in it, in the order of the system.
    ///
    /// # Errors
    /// It can not be read.
    pub fn names(&self) -> Result<Vec<NamedItem>, EndpointError> {
        let failed = |error| self.failed("list", b"", error);
        let mut items = Vec::new();
        for entry in fs::read_dir(&*self.path).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().ok().and_then(|kind| match (kind.is_file(), kind.is_dir()) {
                (true, _) => Some(EntryKind::File),
                (_, true) => Some(EntryKind::Folder),
                // A link, or a file of a cloud drive: only a closer look tells.
                _ => None,
            });
            items.push(NamedItem { name: to_bytes(&entry.file_name()), kind, inode: 0 });
        }
        Ok(items)
    }

    /// What is known of the item of this name, itself and not what it links to.
    ///
    /// # Errors
    /// It is absent or can not be asked for.
    pub fn stat(&self, name: &[u8]) -> Result<Stat, EndpointError> {
        let path = self.at(name)?;
        windows_stat::open_itself(&path, false)
            .and_then(|file| windows_stat::stat(&file))
            .map_err(|error| self.failed("look at", name, error))
    }

    /// What is known of this folder.
    ///
    /// # Errors
    /// It can not be asked for.
    pub fn stat_self(&self) -> Result<Stat, EndpointError> {
        windows_stat::open_itself(&self.path, false)
            .and_then(|file| windows_stat::stat(&file))
            .map_err(|error| self.failed("look at", b"", error))
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It is absent, a link, or may not be read.
    pub fn open_file(&self, name: &[u8]) -> Result<LocalFile, EndpointError> {
        let mut options = OpenOptions::new();
        options.read(true);
        self.open_checked(name, "read", &options)
    }

    /// Opens a file that exists for reading and writing. The kind is checked: only regular files are opened.
    ///
    /// # Errors
    /// It is absent, is no regular file, or may not be written.
    pub fn open_file_for_update(&self, name: &[u8]) -> Result<LocalFile, EndpointError> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        self.open_checked(name, "write", &options)
    }

    fn open_checked(
        &self,
        name: &[u8],
        action: &'static str,
        options: &OpenOptions,
    ) -> Result<LocalFile, EndpointError> {
        let path = self.at(name)?;
        let open = |flags| {
            let file = options.clone().custom_flags(flags | FILE_FLAG_SEQUENTIAL_SCAN).open(&path)?;
            let stat = windows_stat::stat(&file)?;
            Ok((file, stat))
        };
        let (mut file, stat) =
            open(FILE_FLAG_OPEN_REPARSE_POINT).map_err(|error| self.failed(action, name, error))?;
        match stat.kind {
            EntryKind::File => {}
            EntryKind::Symlink => return Err(self.unexpected(name, "it is a symbolic link")),
            _ => return Err(self.unexpected(name, "it is not a regular file")),
        }
        if stat.windows_attributes.is_some_and(|attributes| attributes & 0x400 != 0) {
            // A file of a cloud drive or a compressed one: its content comes through a plain handle only.
            (file, _) = open(0).map_err(|error| self.failed(action, name, error))?;
        }
        Ok(LocalFile { folder: self.clone(), name: name.into(), file, position_bytes: 0 })
    }

    /// Where a link or junction points.
    ///
    /// # Errors
    /// It is absent or no link.
    pub fn read_link(&self, name: &[u8]) -> Result<Vec<u8>, EndpointError> {
        let target = fs::read_link(self.at(name)?).map_err(|error| self.failed("read", name, error))?;
        Ok(to_bytes(target.as_os_str()))
    }

    /// Windows keeps none that we take along.
    ///
    /// # Errors
    /// Never, here.
    pub fn extended_attributes(&self, _name: &[u8]) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    /// Windows keeps none that we take along.
    ///
    /// # Errors
    /// Never, here.
    pub fn extended_attributes_self(&self) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    /// Makes a folder and opens it.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made.
    pub fn create_folder(&self, name: &[u8], mode: u32) -> Result<Self, EndpointError> {
        self.make_folder(name, mode)?;
        Ok(self.child(name, self.at(name)?))
    }

    /// Makes a folder.
    pub(super) fn make_folder(&self, name: &[u8], _mode: u32) -> Result<(), EndpointError> {
        fs::create_dir(self.at(name)?).map_err(|error| self.failed("create", name, error))
    }

    /// Makes a new, empty file and opens it for writing.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made.
    pub fn create_file(&self, name: &[u8], _mode: u32) -> Result<LocalFile, EndpointError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(self.at(name)?)
            .map_err(|error| self.failed("create", name, error))?;
        Ok(LocalFile { folder: self.clone(), name: name.into(), file, position_bytes: 0 })
    }

    /// Makes a symbolic link: one to a folder where the target is one now, otherwise one to a file.
    ///
    /// # Errors
    /// Something of this name is there already, or the person has not the right to make links.
    pub fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), EndpointError> {
        let path = self.at(name)?;
        let Some(target) = from_bytes(target) else {
            return Err(self.unexpected(name, "its target can not be written on this system"));
        };
        let made = if self.path.join(&target).is_dir() {
            std::os::windows::fs::symlink_dir(&target, &path)
        } else {
            std::os::windows::fs::symlink_file(&target, &path)
        };
        made.map_err(|error| self.failed("create", name, error))
    }

    /// Gives an item of a folder a further name here.
    ///
    /// # Errors
    /// The item is absent, on another volume, or something of this name is there already.
    pub fn create_hard_link(&self, name: &[u8], from: &Self, from_name: &[u8]) -> Result<(), EndpointError> {
        fs::hard_link(from.at(from_name)?, self.at(name)?).map_err(|error| self.failed("link", name, error))
    }

    /// Windows has no named pipes in folders.
    ///
    /// # Errors
    /// Always.
    pub fn create_pipe(&self, name: &[u8], _mode: u32) -> Result<(), EndpointError> {
        Err(self.failed("create", name, io::ErrorKind::Unsupported.into()))
    }

    /// Windows has no devices in folders.
    ///
    /// # Errors
    /// Always.
    pub fn create_device(
        &self,
        name: &[u8],
        _kind: EntryKind,
        _mode: u32,
        _device: (u32, u32),
    ) -> Result<(), EndpointError> {
        Err(self.failed("create", name, io::ErrorKind::Unsupported.into()))
    }

    /// Renames an item within this folder; whether it may take the place of another is said by `replace`.
    ///
    /// # Errors
    /// It is absent, the new name is taken, or it can not be done.
    pub fn rename(&self, name: &[u8], to_name: &[u8], replace: bool) -> Result<(), EndpointError> {
        let (from, to) = (self.at(name)?, self.at(to_name)?);
        let renamed = if replace {
            fs::rename(&from, &to)
        } else {
            store_windows::rename_without_replacing(&from, &to)
        };
        renamed.map_err(|error| self.failed("rename", to_name, error))
    }

    /// Removes what is not a folder: a file, or a link itself.
    ///
    /// # Errors
    /// It is absent, a folder, or can not be removed.
    pub fn remove_file(&self, name: &[u8]) -> Result<(), EndpointError> {
        let (path, stat) = (self.at(name)?, self.stat(name)?);
        let attributes = stat.windows_attributes.unwrap_or_default();
        let removed = match stat.kind {
            EntryKind::Folder => return Err(self.unexpected(name, "it is a folder")),
            // A link to a folder is taken away like an empty folder; what it points to stays.
            EntryKind::Symlink if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 => fs::remove_dir(&path),
            _ => fs::remove_file(&path),
        };
        removed.map_err(|error| self.failed("remove", name, error))
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// It is absent, no folder, not empty, or can not be removed.
    pub fn remove_folder(&self, name: &[u8]) -> Result<(), EndpointError> {
        if self.stat(name)?.kind != EntryKind::Folder {
            return Err(self.unexpected(name, "it is not a folder"));
        }
        fs::remove_dir(self.at(name)?).map_err(|error| self.failed("remove", name, error))
    }

    /// Makes durable what is left of the files written here: their names and times. Contents are already, since
    /// [`LocalFile::apply_metadata`]; the flush of one folder writes the volume's log up to now, which holds the rest.
    ///
    /// # Errors
    /// The system reports trouble with the disk.
    pub fn sync_file_system(&self) -> Result<(), EndpointError> {
        store_windows::flush_folder(&self.path).map_err(|error| self.failed("sync", b"", error))
    }

    /// Nothing to do here: Windows makes names durable by itself.
    ///
    /// # Errors
    /// Never, here.
    pub fn sync(&self) -> Result<(), EndpointError> {
        Ok(())
    }

    /// Whether the system makes up what is in it; no folder of Windows is such.
    #[must_use]
    pub fn is_made_up_by_system(&self) -> bool {
        false
    }

    /// Bytes this person can still write on its volume.
    ///
    /// # Errors
    /// It can not be asked for.
    pub fn free_bytes(&self) -> Result<u64, EndpointError> {
        store_windows::free_bytes(&self.path).map_err(|error| self.failed("look at", b"", error))
    }

    /// Sets what surrounds this folder. Hands back the parts that could not be set.
    #[must_use]
    pub fn apply_metadata_self(
        &self,
        metadata: &Metadata,
        options: &MetadataOptions,
    ) -> Vec<MetadataTrouble> {
        apply_to(windows_stat::open_itself(&self.path, true), metadata, options)
    }

    /// Sets what surrounds an item in it that is no file and no folder. Hands back the parts that could not be set.
    #[must_use]
    pub fn apply_metadata(
        &self,
        name: &[u8],
        _kind: EntryKind,
        metadata: &Metadata,
        options: &MetadataOptions,
    ) -> Vec<MetadataTrouble> {
        let item =
            self.at(name).map_err(io::Error::other).and_then(|path| windows_stat::open_itself(&path, true));
        apply_to(item, metadata, options)
    }

    /// Its own path, for the system.
    pub(super) fn own_path(&self) -> &Path {
        &self.path
    }

    /// The path of a name in it, which is checked, for the system.
    pub(super) fn at(&self, name: &[u8]) -> Result<PathBuf, EndpointError> {
        check_name(name).map_err(|error| self.unexpected(name, error.why))?;
        if name.iter().any(|byte| matches!(byte, b'\\' | b':')) {
            return Err(self.unexpected(name, "Windows has no file names with a backslash or a colon"));
        }
        match from_bytes(name) {
            Some(name) => Ok(self.path.join(name)),
            None => Err(self.unexpected(name, "it is no file name on this system")),
        }
    }

    pub(super) fn failed(&self, action: &'static str, name: &[u8], error: io::Error) -> EndpointError {
        EndpointError::from_io(action, self.path_of(name), error)
    }

    fn unexpected(&self, name: &[u8], why: &str) -> EndpointError {
        EndpointError::Unexpected { path: self.path_of(name), why: why.to_owned() }
    }
}

#[cfg(test)]
#[path = "windows_tests.rs"]
mod tests;
