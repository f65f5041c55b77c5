//! Folders of a local tree on Unix, each reached from the one above by a handle and one name.
//!
//! Why handles: no path is ever put together, so a tree can be deeper than the longest path, and no symbolic link that
//! appears on the way is ever followed. Invariants:
//! 1. Only the path a person named ([`Folder::open`]) is resolved with its links; below it every name is one checked
//!    component, opened with `O_NOFOLLOW`.
//! 2. All folders of one tree together keep at most [`OPEN_FOLDERS_LIMIT`] handles. Older ones are closed by
//!    themselves and opened again when needed, and it is checked then that it is still the same folder.
//!
//! Deliberately not here: files (`unix_file`), metadata (`unix_metadata`), their handles (`unix_handles`), what one system does alone (`linux`,
//! `macos`), and which items to take.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use keepwell_model::EntryKind;
use keepwell_model::path::check_name;
use rustix::fs::{AtFlags, CWD, Mode, OFlags, RawMode, RenameFlags};
use rustix::io::Errno;

use super::item::{NamedItem, Stat};
use super::unix_file::{Birth, LocalFile};
use super::unix_handles::{Node, OPEN_FOLDER, OPEN_FOLDERS_LIMIT, Tree, lock};
use crate::error::EndpointError;

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(target_os = "macos")]
use super::macos as system;

/// A folder of a local tree. Cheap to clone; a child keeps its parents alive.
#[derive(Clone)]
pub struct Folder {
    node: Arc<Node>,
}

impl Folder {
    /// Opens the root of a tree: the folder at the path, through symbolic links if the path has some.
    ///
    /// # Errors
    /// The folder is absent, is no folder, or can not be reached.
    pub fn open(path: &Path) -> Result<Self, EndpointError> {
        Self::open_with_limit(path, OPEN_FOLDERS_LIMIT)
    }

    /// As [`Folder::open`], with another limit of open folders (at least 8).
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn open_with_limit(path: &Path, limit: usize) -> Result<Self, EndpointError> {
        let failed = |error: io::Error| EndpointError::from_io("open", path.display().to_string(), error);
        let root_path = std::path::absolute(path).map_err(failed)?;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let handle = rustix::fs::openat(CWD, path, flags, Mode::empty()).map_err(|errno| match errno {
            Errno::NOTDIR => EndpointError::Unexpected {
                path: path.display().to_string(),
                why: "it is not a folder".to_owned(),
            },
            errno => failed(errno.into()),
        })?;
        let tree =
            Tree { root_path, open: AtomicUsize::new(0), limit: limit.max(8), opened: Mutex::default() };
        let node = Node::new(Arc::new(tree), None, b"", 0, Some(Arc::new(handle)));
        Ok(Self { node: Arc::new(node) })
    }

    /// The folder of this name in this one; a symbolic link is refused.
    ///
    /// # Errors
    /// It is absent, is no folder ([`EndpointError::Unexpected`]), or can not be reached.
    pub fn open_child(&self, name: &[u8]) -> Result<Self, EndpointError> {
        let parent = self.at("open", name)?;
        let handle = self
            .node
            .tree
            .retry_without_handles(|| rustix::fs::openat(&parent, name, OPEN_FOLDER, Mode::empty()))
            .map_err(|errno| self.failed("open", name, errno.into()))?;
        let (tree, above) = (Arc::clone(&self.node.tree), Arc::clone(&self.node));
        let handle = Some(Arc::new(handle));
        let node = Arc::new(Node::new(tree, Some(above), name, self.node.depth + 1, handle));
        node.tree.register(&node);
        Ok(Self { node })
    }

    /// How many levels below the root it lies.
    #[must_use]
    pub fn depth(&self) -> usize {
        self.node.depth
    }

    /// The whole path, for people: what is not text is replaced, and it may be longer than any the system takes.
    #[must_use]
    pub fn path_of(&self, name: &[u8]) -> String {
        let mut names: Vec<&[u8]> = vec![name];
        let mut node = Some(&self.node);
        while let Some(at) = node {
            names.push(&at.name);
            node = at.parent.as_ref();
        }
        let mut path = self.node.tree.root_path.as_os_str().as_bytes().to_vec();
        for name in names.iter().rev().filter(|name| !name.is_empty()) {
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend_from_slice(name);
        }
        String::from_utf8_lossy(&path).into_owned()
    }

    /// Its own path, for people.
    #[must_use]
    pub fn path(&self) -> String {
        self.path_of(b"")
    }

    /// Closes its handle until it is next needed; the root stays open.
    pub fn release(&self) {
        self.node.release();
    }

    /// The names in it, in the order of the system, without `.` and `..`.
    ///
    /// # Errors
    /// It can not be read.
    pub fn names(&self) -> Result<Vec<NamedItem>, EndpointError> {
        let handle = self.handle("list")?;
        let _alone = lock(&self.node.listing);
        system::names(&handle).map_err(|errno| self.failed("list", b"", errno.into()))
    }

    /// What is known of the item of this name, itself and not what it links to.
    ///
    /// # Errors
    /// It is absent or can not be asked for.
    pub fn stat(&self, name: &[u8]) -> Result<Stat, EndpointError> {
        let handle = self.at("look at", name)?;
        system::stat(&handle, name).map_err(|errno| self.failed("look at", name, errno.into()))
    }

    /// What is known of this folder.
    ///
    /// # Errors
    /// It can not be asked for.
    pub fn stat_self(&self) -> Result<Stat, EndpointError> {
        let handle = self.handle("look at")?;
        system::stat_handle(&handle).map_err(|errno| self.failed("look at", b"", errno.into()))
    }

    /// Opens a file for reading, without touching its access time where that is allowed. Never waits for a pipe's
    /// other end, but does not check the kind: do so with [`LocalFile::stat`].
    ///
    /// # Errors
    /// It is absent, a symbolic link, or may not be read.
    pub fn open_file(&self, name: &[u8]) -> Result<LocalFile, EndpointError> {
        let handle = self.at("read", name)?;
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = self
            .node
            .tree
            .retry_without_handles(|| system::open_for_reading(&handle, name, flags))
            .map_err(|errno| self.failed("read", name, errno.into()))?;
        Ok(LocalFile::new(self.clone(), name, file, None))
    }

    /// Where a symbolic link points.
    ///
    /// # Errors
    /// It is absent or no symbolic link.
    pub fn read_link(&self, name: &[u8]) -> Result<Vec<u8>, EndpointError> {
        let handle = self.at("read", name)?;
        let target = rustix::fs::readlinkat(&handle, name, Vec::new())
            .map_err(|errno| self.failed("read", name, errno.into()))?;
        Ok(target.into_bytes())
    }

    /// Makes a folder and opens it.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made.
    pub fn create_folder(&self, name: &[u8], mode: u32) -> Result<Self, EndpointError> {
        self.make_folder(name, mode)?;
        self.open_child(name)
    }

    /// Makes a folder without opening it, which its permissions may forbid.
    pub(super) fn make_folder(&self, name: &[u8], mode: u32) -> Result<(), EndpointError> {
        let handle = self.at("create", name)?;
        rustix::fs::mkdirat(&handle, name, to_mode(mode))
            .map_err(|errno| self.failed("create", name, errno.into()))
    }

    /// Makes a new, empty file with these permission bits (less what the process masks) and opens it for writing.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made.
    pub fn create_file(&self, name: &[u8], mode: u32) -> Result<LocalFile, EndpointError> {
        let handle = self.at("create", name)?;
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = self
            .node
            .tree
            .retry_without_handles(|| rustix::fs::openat(&handle, name, flags, to_mode(mode)))
            .map_err(|errno| self.failed("create", name, errno.into()))?;
        let birth = match self.node.birth.get() {
            Some(birth) => *birth,
            None => {
                let birth =
                    Birth::learn(&file, mode).map_err(|errno| self.failed("look at", name, errno.into()))?;
                *self.node.birth.get_or_init(|| birth)
            }
        };
        Ok(LocalFile::new(self.clone(), name, file, Some(birth.with_mode(mode))))
    }

    /// Opens a file that exists for reading and writing. The kind is checked: only regular files are opened.
    ///
    /// # Errors
    /// It is absent, is no regular file, or may not be written.
    pub fn open_file_for_update(&self, name: &[u8]) -> Result<LocalFile, EndpointError> {
        let handle = self.at("write", name)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
        let file = self
            .node
            .tree
            .retry_without_handles(|| rustix::fs::openat(&handle, name, flags, Mode::empty()))
            .map_err(|errno| self.failed("write", name, errno.into()))?;
        let file = LocalFile::new(self.clone(), name, file, None);
        if file.stat()?.kind != EntryKind::File {
            return Err(self.unexpected(name, "it is not a regular file"));
        }
        Ok(file)
    }

    /// Makes a symbolic link.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made.
    pub fn create_symlink(&self, name: &[u8], target: &[u8]) -> Result<(), EndpointError> {
        let handle = self.at("create", name)?;
        rustix::fs::symlinkat(target, &handle, name)
            .map_err(|errno| self.failed("create", name, errno.into()))
    }

    /// Gives an item of a folder (of this or another tree) a further name here.
    ///
    /// # Errors
    /// The item is absent, on another file system, or something of this name is there already.
    pub fn create_hard_link(&self, name: &[u8], from: &Self, from_name: &[u8]) -> Result<(), EndpointError> {
        let (to_handle, from_handle) = (self.at("link", name)?, from.at("link", from_name)?);
        rustix::fs::linkat(&from_handle, from_name, &to_handle, name, AtFlags::empty())
            .map_err(|errno| self.failed("link", name, errno.into()))
    }

    /// Makes a named pipe.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made here.
    pub fn create_pipe(&self, name: &[u8], mode: u32) -> Result<(), EndpointError> {
        let handle = self.at("create", name)?;
        system::create_special(&handle, name, EntryKind::Pipe, to_mode(mode), (0, 0))
            .map_err(|errno| self.failed("create", name, errno.into()))
    }

    /// Makes a character or block device; only the administrator may.
    ///
    /// # Errors
    /// Something of this name is there already, or it can not be made here.
    pub fn create_device(
        &self,
        name: &[u8],
        kind: EntryKind,
        mode: u32,
        device: (u32, u32),
    ) -> Result<(), EndpointError> {
        if !matches!(kind, EntryKind::CharacterDevice | EntryKind::BlockDevice) {
            return Err(self.unexpected(name, "it is not a device"));
        }
        let handle = self.at("create", name)?;
        system::create_special(&handle, name, kind, to_mode(mode), device)
            .map_err(|errno| self.failed("create", name, errno.into()))
    }

    /// Renames an item within this folder; whether it may take the place of another is said by `replace`.
    ///
    /// # Errors
    /// It is absent, the new name is taken, or it can not be done.
    pub fn rename(&self, name: &[u8], to_name: &[u8], replace: bool) -> Result<(), EndpointError> {
        self.at("rename", name)?;
        let handle = self.at("rename", to_name)?;
        let renamed = if replace {
            rustix::fs::renameat(&handle, name, &handle, to_name)
        } else {
            match rustix::fs::renameat_with(&handle, name, &handle, to_name, RenameFlags::NOREPLACE) {
                // The file system does not know the flag.
                Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => rename_by_link(&handle, name, to_name),
                result => result,
            }
        };
        renamed.map_err(|errno| self.failed("rename", to_name, errno.into()))
    }

    /// Removes what is not a folder.
    ///
    /// # Errors
    /// It is absent, a folder, or can not be removed.
    pub fn remove_file(&self, name: &[u8]) -> Result<(), EndpointError> {
        let handle = self.at("remove", name)?;
        rustix::fs::unlinkat(&handle, name, AtFlags::empty())
            .map_err(|errno| self.failed("remove", name, errno.into()))
    }

    /// Removes an empty folder.
    ///
    /// # Errors
    /// It is absent, no folder, not empty, or can not be removed.
    pub fn remove_folder(&self, name: &[u8]) -> Result<(), EndpointError> {
        let handle = self.at("remove", name)?;
        rustix::fs::unlinkat(&handle, name, AtFlags::REMOVEDIR)
            .map_err(|errno| self.failed("remove", name, errno.into()))
    }

    /// Makes everything on its file system durable: one call for many thousand files.
    ///
    /// # Errors
    /// The system reports trouble with the disk.
    pub fn sync_file_system(&self) -> Result<(), EndpointError> {
        let handle = self.handle("sync")?;
        system::sync_file_system(&handle).map_err(|errno| self.failed("sync", b"", errno.into()))
    }

    /// Makes the names in it durable.
    ///
    /// # Errors
    /// The system reports trouble with the disk.
    pub fn sync(&self) -> Result<(), EndpointError> {
        let handle = self.handle("sync")?;
        match rustix::fs::fsync(&handle) {
            // Some network and FUSE file systems can not sync folders.
            Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
            Err(errno) => Err(self.failed("sync", b"", errno.into())),
        }
    }

    /// Whether the system makes up what is in it (`/proc`, `/sys`): such files have no size to trust and no end.
    #[must_use]
    pub fn is_made_up_by_system(&self) -> bool {
        self.handle("look at").is_ok_and(|handle| system::is_made_up(&handle))
    }

    /// Bytes a person without special rights can still write on its file system.
    ///
    /// # Errors
    /// It can not be asked for.
    pub fn free_bytes(&self) -> Result<u64, EndpointError> {
        let handle = self.handle("look at")?;
        let statistics =
            rustix::fs::fstatvfs(&handle).map_err(|errno| self.failed("look at", b"", errno.into()))?;
        Ok(statistics.f_bavail.saturating_mul(statistics.f_frsize))
    }

    pub(super) fn of(node: Arc<Node>) -> Self {
        Self { node }
    }

    pub(super) fn node(&self) -> &Arc<Node> {
        &self.node
    }

    /// Its handle, opened again where it was closed to save handles.
    pub(super) fn handle(&self, action: &'static str) -> Result<Arc<OwnedFd>, EndpointError> {
        self.node.used.store(true, Ordering::Relaxed);
        if let Some(handle) = &lock(&self.node.state).handle {
            return Ok(Arc::clone(handle));
        }
        self.reopen(action)
    }

    /// Its handle, for an operation on one name in it, which is checked.
    pub(super) fn at(&self, action: &'static str, name: &[u8]) -> Result<Arc<OwnedFd>, EndpointError> {
        check_name(name).map_err(|error| self.unexpected(name, error.why))?;
        self.handle(action)
    }

    /// The error for a system call on a name in this folder (empty: the folder itself).
    pub(super) fn failed(&self, action: &'static str, name: &[u8], error: io::Error) -> EndpointError {
        match Errno::from_io_error(&error) {
            Some(Errno::LOOP) => self.unexpected(name, "it is a symbolic link"),
            Some(Errno::NOTDIR) => self.unexpected(name, "it is not a folder"),
            _ => EndpointError::from_io(action, self.path_of(name), error),
        }
    }

    pub(super) fn unexpected(&self, name: &[u8], why: &str) -> EndpointError {
        EndpointError::Unexpected { path: self.path_of(name), why: why.to_owned() }
    }
}

impl std::fmt::Debug for Folder {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Folder").field(&self.path()).finish()
    }
}

/// Renames without replacing where the file system can not do both at once: a link can not replace either.
fn rename_by_link(folder: &OwnedFd, name: &[u8], to_name: &[u8]) -> Result<(), Errno> {
    match rustix::fs::linkat(folder, name, folder, to_name, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(folder, name, AtFlags::empty()),
        // No links either (FAT, some network drives), or a folder: look, then rename, with a moment between the two.
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => {
            match rustix::fs::statat(folder, to_name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(_) => Err(Errno::EXIST),
                Err(Errno::NOENT) => rustix::fs::renameat(folder, name, folder, to_name),
                Err(errno) => Err(errno),
            }
        }
        Err(errno) => Err(errno),
    }
}

/// Permission bits for a system call; what is not among the lower twelve is dropped.
pub(super) fn to_mode(mode: u32) -> Mode {
    Mode::from_raw_mode((mode & 0o7777) as RawMode)
}

/// A borrowed view for the modules beside this one.
pub(super) fn borrow(handle: &Arc<OwnedFd>) -> std::os::fd::BorrowedFd<'_> {
    handle.as_fd()
}

#[cfg(test)]
#[path = "unix_tests.rs"]
mod tests;
