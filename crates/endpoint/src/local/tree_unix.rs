//! What a tree of files needs of a Unix system: folders and files at a path below the root, moves between folders,
//! marks on unfinished files, metadata without owners.
//!
//! Invariants:
//! 1. Every path is resolved anew from the root's handle, without following a symbolic link: no folder is remembered
//!    here that could have been moved elsewhere meanwhile (`tree` holds some for a moment).
//! 2. An unfinished file that has a name is locked as long as a run holds it, whichever process that is; the lock dies with
//!    the process.
//! 3. Nothing is set through a symbolic link.
//!
//! Deliberately not here: when to do what (`tree`), what one system does alone (`tree_linux`, `tree_macos`).

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath};
use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, RenameFlags};
use rustix::io::Errno;

use super::item::{Applied, MetadataPart, MetadataTrouble, Stat};
use super::unix::{Folder, borrow, to_mode};
use super::unix_file::{Birth, LocalFile};
use super::unix_handles::{Node, OPEN_FOLDER};
use super::unix_metadata::{Target, apply_attributes, read_attributes, set_times};
use crate::error::EndpointError;
use crate::tree::{ItemMetadata, NameRules};

#[cfg(target_os = "linux")]
use super::linux as system;
#[cfg(target_os = "macos")]
use super::macos as system;
#[cfg(target_os = "linux")]
use super::tree_linux as alone;
#[cfg(target_os = "macos")]
use super::tree_macos as alone;

pub(super) use alone::CASE_SENSITIVE_UNLESS_SEEN;

/// The longest path below a root: paths are walked from handles, so only the other side sets a limit.
pub(super) const PATH_LIMIT_BYTES: u32 = 65_535;

/// The names a system takes, where nothing could be tried.
pub(super) const NAMES_UNLESS_SEEN: NameRules = NameRules::Bytes;

/// The permission bits of a new file of which nobody says more, where that is known.
pub(super) fn mode_of_new_files() -> Option<u32> {
    system::process_umask().map(|umask| UNNAMED_MODE & !umask)
}

/// Until who may read an unfinished file is known, only its owner may.
const STAGED_MODE: u32 = 0o600;
/// One without a name nobody else can open; the process masks what its user does not give to others.
const UNNAMED_MODE: u32 = 0o666;
/// Until an unfinished folder has its own permissions, only its owner may enter it.
const STAGED_FOLDER_MODE: u32 = 0o700;

/// The folder at a path below the root.
pub(super) fn folder(
    root: &Folder,
    path: &RelativePath,
    action: &'static str,
) -> Result<Folder, EndpointError> {
    opened(root, path, action, OPEN_FOLDER)
}

/// As [`folder`], only for what is asked and done by a name in it: it can not be listed, nor its own attributes be asked
/// for or set.
pub(super) fn holder(
    root: &Folder,
    path: &RelativePath,
    action: &'static str,
) -> Result<Folder, EndpointError> {
    opened(root, path, action, alone::OPEN_HOLDER)
}

fn opened(
    root: &Folder,
    path: &RelativePath,
    action: &'static str,
    flags: OFlags,
) -> Result<Folder, EndpointError> {
    if path.is_root() {
        return Ok(root.clone());
    }
    let handle = root.handle(action)?;
    let opened = alone::open_beneath(borrow(&handle), path.as_bytes(), flags)
        .map_err(|errno| root.failed(action, path.as_bytes(), errno.into()))?;
    let tree = Arc::clone(&root.node().tree);
    // Without a parent: it is never closed and opened again, only dropped.
    let node = Node::new(tree, None, path.as_bytes(), path.components().count(), Some(Arc::new(opened)));
    Ok(Folder::of(Arc::new(node)))
}

/// Opens a file at a path below the root for reading. The kind is for the caller to check.
pub(super) fn open_file(root: &Folder, path: &RelativePath) -> Result<LocalFile, EndpointError> {
    let handle = root.handle("read")?;
    let opened = alone::open_beneath(borrow(&handle), path.as_bytes(), OPEN_FILE)
        .map_err(|errno| root.failed("read", path.as_bytes(), errno.into()))?;
    Ok(LocalFile::new(root.clone(), path.as_bytes(), opened, None))
}

/// As [`open_file`], of a name in a folder.
pub(super) fn open_file_in(folder: &Folder, name: &[u8]) -> Result<LocalFile, EndpointError> {
    let handle = folder.at("read", name)?;
    let opened = open_name(borrow(&handle), name, OPEN_FILE)
        .map_err(|errno| folder.failed("read", name, errno.into()))?;
    Ok(LocalFile::new(folder.clone(), name, opened, None))
}

#[cfg(target_os = "linux")]
const OPEN_FILE: OFlags = OFlags::RDONLY
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC)
    .union(OFlags::NONBLOCK)
    .union(OFlags::NOATIME);
#[cfg(not(target_os = "linux"))]
const OPEN_FILE: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC).union(OFlags::NONBLOCK);

/// Walks a path in parts of at most so many bytes with the given way of opening, or name by name where it is not known.
pub(super) fn open_by_parts(
    folder: BorrowedFd<'_>,
    path: &[u8],
    flags: OFlags,
    part_bytes: usize,
    open: impl Fn(BorrowedFd<'_>, &[u8], OFlags) -> Result<OwnedFd, Errno>,
) -> Result<OwnedFd, Errno> {
    let mut current: Option<OwnedFd> = None;
    let mut rest = path;
    loop {
        let at = current.as_ref().map_or(folder, AsFd::as_fd);
        if rest.len() <= part_bytes {
            match open(at, rest, flags) {
                Err(Errno::NOSYS) => {}
                result => return result,
            }
        }
        let (part, after) = match rest.iter().position(|byte| *byte == b'/') {
            Some(end) => (&rest[..end], &rest[end + 1..]),
            None => return open_name(at, rest, flags),
        };
        current = Some(rustix::fs::openat(at, part, OPEN_FOLDER, Mode::empty())?);
        rest = after;
    }
}

fn open_name(folder: BorrowedFd<'_>, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    #[cfg(target_os = "linux")]
    if flags.contains(OFlags::NOATIME) {
        match rustix::fs::openat(folder, name, flags, Mode::empty()) {
            Err(Errno::PERM) => {
                return rustix::fs::openat(folder, name, flags.difference(OFlags::NOATIME), Mode::empty());
            }
            result => return result,
        }
    }
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

/// Whether anybody has the file open for writing; nothing where the system does not tell.
pub(super) fn is_being_written(file: &LocalFile) -> Option<bool> {
    alone::is_being_written(file.file())
}

/// Whether the folder still has a name: a handle outlives it.
pub(super) fn is_alive(folder: &Folder) -> bool {
    folder.stat_self().is_ok_and(|stat| stat.link_count > 0)
}

/// What is made of each name in a folder and what is known of it. What vanishes meanwhile is not in it.
pub(super) fn items<Item>(
    folder: &Folder,
    make: impl Fn(Vec<u8>, &Stat) -> Item,
) -> Result<Vec<Item>, EndpointError> {
    let names = folder.names()?;
    let handle = folder.handle("list")?;
    let mut items = Vec::with_capacity(names.len());
    for item in names {
        match system::stat(&handle, &item.name) {
            Ok(stat) => items.push(make(item.name, &stat)),
            Err(Errno::NOENT) => {}
            Err(errno) => return Err(folder.failed("look at", &item.name, errno.into())),
        }
    }
    Ok(items)
}

/// Makes a new file that has no name yet: so none is left when the process dies, and nobody else can open it before it has
/// its permissions. It begins with those that most files have. Nothing where the file system can not make it. The name it
/// shall have is for messages.
pub(super) fn create_unnamed(folder: &Folder, wanted_name: &[u8]) -> Option<LocalFile> {
    let handle = folder.handle("write").ok()?;
    let file = alone::open_unnamed(borrow(&handle), to_mode(UNNAMED_MODE)).ok()?;
    // Asked of each: what the one before was born with says nothing once the folder's default ACL is another.
    let birth = Birth::learn(&file, UNNAMED_MODE).ok()?;
    Some(LocalFile::new(folder.clone(), wanted_name, file, Some(birth)))
}

/// Gives a file without a name the one it keeps, which has to be free. Whoever watches the folder hears that a file that
/// was written is closed, as of any other program's.
pub(super) fn give_name(file: &LocalFile, to: &Folder, to_name: &[u8]) -> Result<(), EndpointError> {
    let handle = to.at("rename", to_name)?;
    alone::link_unnamed(file.file(), borrow(&handle), to_name)
        .map_err(|errno| to.failed("rename", to_name, errno.into()))
}

/// Makes a folder that only we may enter, and marks it as held for as long as it is open.
pub(super) fn create_staged_folder(folder: &Folder, name: &[u8]) -> Result<Folder, EndpointError> {
    folder.make_folder(name, STAGED_FOLDER_MODE)?;
    let handle = folder.at("open", name)?;
    let opened = rustix::fs::openat(&handle, name, OPEN_FOLDER, Mode::empty())
        .map_err(|errno| folder.failed("open", name, errno.into()))?;
    // Where a file system has no locks, the age of an unfinished folder tells (see `is_abandoned`).
    let _ = rustix::fs::flock(&opened, FlockOperation::NonBlockingLockExclusive);
    let tree = Arc::clone(&folder.node().tree);
    let node = Node::new(tree, None, name, folder.depth() + 1, Some(Arc::new(opened)));
    Ok(Folder::of(Arc::new(node)))
}

/// Makes a new file in a folder that nobody else can enter. It begins with the permissions that most files have.
pub(super) fn create_in_staged_folder(folder: &Folder, name: &[u8]) -> Result<LocalFile, EndpointError> {
    folder.create_file(name, UNNAMED_MODE)
}

/// Makes a new file that only we may read, and marks it as held.
pub(super) fn create_staged(folder: &Folder, name: &[u8]) -> Result<LocalFile, EndpointError> {
    let handle = folder.at("write", name)?;
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(&handle, name, flags, to_mode(STAGED_MODE))
        .map_err(|errno| folder.failed("write", name, errno.into()))?;
    let file = LocalFile::new(folder.clone(), name, file, None);
    mark_held(&file);
    Ok(file)
}

/// Marks an unfinished file as held, as long as it is open.
pub(super) fn mark_held(file: &LocalFile) {
    // Where a file system has no locks, the age of an unfinished file tells (see `is_abandoned`).
    let _ = rustix::fs::flock(file.file(), FlockOperation::NonBlockingLockExclusive);
}

/// Whether no run holds this unfinished file or folder any more. Nothing where the file system can not tell.
pub(super) fn is_abandoned(folder: &Folder, name: &[u8]) -> Option<bool> {
    let handle = folder.at("look at", name).ok()?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let file = match rustix::fs::openat(&handle, name, flags, Mode::empty()) {
        Ok(file) => file,
        // A link is made in one step, and never held.
        Err(Errno::LOOP) => return Some(true),
        Err(_) => return None,
    };
    match rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Some(true),
        Err(Errno::WOULDBLOCK) => Some(false),
        Err(_) => None,
    }
}

/// Marks a folder that is ours for a moment; the mark ends with the handle that is given back.
pub(super) fn hold(folder: &Folder) -> Option<Arc<OwnedFd>> {
    let handle = folder.handle("look at").ok()?;
    rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive).ok().map(|()| handle)
}

/// An unfinished file stays open, and so held, while it gets its name.
pub(super) fn keep_for_rename(file: LocalFile) -> Option<LocalFile> {
    Some(file)
}

/// Nothing to do before a file gets its name: one call makes a whole file system durable later.
pub(super) fn make_content_durable(_file: &LocalFile) -> Result<(), EndpointError> {
    Ok(())
}

/// Moves an item to a name that is free.
pub(super) fn rename_to_free(
    from: &Folder,
    name: &[u8],
    to: &Folder,
    to_name: &[u8],
) -> Result<(), EndpointError> {
    let (from_handle, to_handle) = (from.at("rename", name)?, to.at("rename", to_name)?);
    let renamed = rustix::fs::renameat_with(&from_handle, name, &to_handle, to_name, RenameFlags::NOREPLACE);
    match renamed {
        // The file system does not know the flag.
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
            rename_by_link(&from_handle, name, &to_handle, to_name)
        }
        result => result,
    }
    .map_err(|errno| to.failed("rename", to_name, errno.into()))
}

/// A link can not replace anything; where there are none (FAT, some network drives) or for a folder: look, then rename,
/// with a moment between the two.
fn rename_by_link(from: &OwnedFd, name: &[u8], to: &OwnedFd, to_name: &[u8]) -> Result<(), Errno> {
    match rustix::fs::linkat(from, name, to, to_name, AtFlags::empty()) {
        Ok(()) => rustix::fs::unlinkat(from, name, AtFlags::empty()),
        Err(Errno::PERM | Errno::NOTSUP | Errno::NOSYS | Errno::MLINK) => match system::stat(to, to_name) {
            Ok(_) => Err(Errno::EXIST),
            Err(Errno::NOENT) => rustix::fs::renameat(from, name, to, to_name),
            Err(errno) => Err(errno),
        },
        Err(errno) => Err(errno),
    }
}

/// Moves an item to a name, in place of what is there.
pub(super) fn rename_over(
    from: &Folder,
    name: &[u8],
    to: &Folder,
    to_name: &[u8],
) -> Result<(), EndpointError> {
    let (from_handle, to_handle) = (from.at("rename", name)?, to.at("rename", to_name)?);
    rustix::fs::renameat(&from_handle, name, &to_handle, to_name)
        .map_err(|errno| to.failed("rename", to_name, errno.into()))
}

/// Lets two items change places at once; false where the file system can not.
pub(super) fn exchange(
    from: &Folder,
    name: &[u8],
    to: &Folder,
    to_name: &[u8],
) -> Result<bool, EndpointError> {
    let (from_handle, to_handle) = (from.at("rename", name)?, to.at("rename", to_name)?);
    let flag = RenameFlags::EXCHANGE;
    match rustix::fs::renameat_with(&from_handle, name, &to_handle, to_name, flag) {
        Ok(()) => Ok(true),
        Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => Ok(false),
        Err(errno) => Err(to.failed("rename", to_name, errno.into())),
    }
}

/// Lets the second file share the blocks of the first; false where the file system can not.
pub(super) fn share_blocks(from: &std::fs::File, to: &LocalFile) -> bool {
    alone::share_blocks(from, to.file())
}

/// The file of the system, for those who share its blocks.
pub(super) fn raw_file(file: &LocalFile) -> Option<&std::fs::File> {
    Some(file.file())
}

/// Copies a range inside the system, as far as it goes; nothing where it can not at all.
pub(super) fn copy_range(
    from: &LocalFile,
    to: &LocalFile,
    offset_bytes: u64,
    length: usize,
) -> Option<usize> {
    alone::copy_range(from.file(), to.file(), offset_bytes, length)
}

/// The attributes of an item that are a person's, sorted by name.
pub(super) fn attributes(folder: &Folder, name: &[u8]) -> Result<Vec<ExtendedAttribute>, EndpointError> {
    let mut attributes = if name.is_empty() {
        folder.extended_attributes_self()?
    } else {
        folder.extended_attributes(name)?
    };
    attributes.retain(|attribute| !system::attribute_belongs_to_system(&attribute.name));
    Ok(attributes)
}

/// As [`attributes`], of an open file.
pub(super) fn attributes_of(file: &LocalFile) -> Result<Vec<ExtendedAttribute>, EndpointError> {
    let mut attributes = read_attributes(Target::Open(file.file().as_fd()))
        .map_err(|errno| file.failed("read the attributes of", errno.into()))?;
    attributes.retain(|attribute| !system::attribute_belongs_to_system(&attribute.name));
    Ok(attributes)
}

/// Sets what surrounds a file that was just staged.
pub(super) fn apply_to_staged(file: &LocalFile, metadata: &ItemMetadata) -> Applied {
    let target = Target::Open(file.file().as_fd());
    match file.birth() {
        Some(birth) => apply(target, EntryKind::File, birth.mode, Some(birth.has_attributes), metadata),
        None => apply(target, EntryKind::File, Some(STAGED_MODE), None, metadata),
    }
}

/// Sets what surrounds an item.
pub(super) fn apply_to_name(
    folder: &Folder,
    name: &[u8],
    stat: &Stat,
    metadata: &ItemMetadata,
) -> Result<Applied, EndpointError> {
    let (handle, mode) = (folder.handle("set the attributes of")?, Some(stat.mode));
    Ok(match name {
        b"" => apply(Target::Open(borrow(&handle)), stat.kind, mode, None, metadata),
        name => apply(Target::Named(borrow(&handle), name), stat.kind, mode, None, metadata),
    })
}

/// The bits by which a file runs as its owner or its group.
const SET_IDS: u32 = 0o6000;

/// Those of them that mean somebody else than who runs this, by the owner and the group of a file.
fn set_ids_of_others(user_id: u32, group_id: u32) -> u32 {
    let is_own = (user_id == nix::unistd::geteuid().as_raw(), group_id == nix::unistd::getegid().as_raw());
    (if is_own.0 { 0 } else { 0o4000 }) | (if is_own.1 { 0 } else { 0o2000 })
}

/// The permission bits of an item as they are to be on another place: who copies a file becomes its owner, so what made
/// it run as somebody else is not among them.
pub(super) fn mode_to_keep(stat: &Stat) -> u32 {
    match stat.kind == EntryKind::File && stat.mode & SET_IDS != 0 {
        true => stat.mode & !set_ids_of_others(stat.user_id, stat.group_id),
        false => stat.mode,
    }
}

/// [`set_ids_of_others`] of an item; all where its owner can not be known.
fn set_ids_not_ours(target: Target<'_>) -> u32 {
    let found = match target {
        Target::Open(handle) => rustix::fs::fstat(handle),
        Target::Named(folder, name) => rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW),
    };
    found.map_or(SET_IDS, |found| set_ids_of_others(found.st_uid, found.st_gid))
}

/// Why a bit was not kept.
pub(super) const NOT_AS_ANOTHER: &str = "it would run as another person than its owner there: set-user-id and set-group-id go only between own files";

/// Attributes before the mode, which could forbid them; times last. Whether it has any attributes now is asked where it is
/// not known.
fn apply(
    target: Target<'_>,
    kind: EntryKind,
    mut current_mode: Option<u32>,
    has_attributes: Option<bool>,
    metadata: &ItemMetadata,
) -> Applied {
    let mut troubles = Vec::new();
    let mut shows = None;
    let standing = current_mode.unwrap_or_default() & SET_IDS;
    let mut is_all_kept = true;
    let mut wanted_mode = metadata.mode;
    let mut note = |part, result: Result<(), Errno>| {
        if let Err(errno) = result {
            troubles.push(MetadataTrouble { part, source: errno.into() });
        }
    };
    if let Some(wanted) = &metadata.extended_attributes {
        let has_some = has_attributes.unwrap_or_else(|| {
            !matches!(system::list_attributes(target, &mut [0; 16]), Ok(0) | Err(Errno::NOTSUP))
        });
        if has_some || !wanted.is_empty() {
            let is_read_only = current_mode.is_some_and(|mode| mode & 0o200 == 0);
            if is_read_only && kind != EntryKind::Symlink {
                // The system wants the right to write even from the owner; the mode comes back below.
                let writable = current_mode.unwrap_or_default() & 0o777 | 0o200;
                wanted_mode = wanted_mode.or(current_mode);
                let _ = system::set_mode(target, to_mode(writable));
            }
            apply_attributes(target, has_some, wanted, &mut note);
            // An ACL changes the permission bits.
            current_mode = None;
        }
    }
    if let Some(mode) = wanted_mode
        && kind != EntryKind::Symlink
    {
        // A file must not begin to run as somebody else by being copied; what it has already of that it keeps.
        let is_asked =
            kind != EntryKind::Folder && metadata.mode.is_some() && (mode | standing) & SET_IDS != 0;
        let others = if is_asked { set_ids_not_ours(target) } else { 0 };
        let wanted = mode & 0o7777 | standing & others;
        let kept = wanted & !(others & !standing);
        if current_mode != Some(kept) {
            note(MetadataPart::Mode, system::set_mode(target, to_mode(kept)));
        }
        is_all_kept = kept == wanted;
    }
    if let Some(modified) = metadata.modified {
        note(MetadataPart::Times, set_times(target, modified).map(|shown| shows = shown));
    }
    if !is_all_kept {
        let why = std::io::Error::new(std::io::ErrorKind::PermissionDenied, NOT_AS_ANOTHER);
        troubles.push(MetadataTrouble { part: MetadataPart::Mode, source: why });
    }
    Applied { troubles, shows }
}

/// See [`alone::has_lasting_ids`].
pub(super) fn has_lasting_ids(folder: &Folder) -> bool {
    folder.handle("look at").is_ok_and(|handle| alone::has_lasting_ids(borrow(&handle)))
}

/// See [`alone::copies_on_server`].
pub(super) fn copies_on_server(folder: &Folder) -> bool {
    folder.handle("look at").is_ok_and(|handle| alone::copies_on_server(borrow(&handle)))
}

/// How long a name may be.
pub(super) fn name_limit_bytes(folder: &Folder) -> u32 {
    folder
        .handle("look at")
        .ok()
        .and_then(|handle| rustix::fs::fstatvfs(&handle).ok())
        .and_then(|found| u32::try_from(found.f_namemax).ok())
        .filter(|limit| *limit > 0)
        .unwrap_or(255)
}

/// What names the volume the folder lies on, lastingly. Empty where nothing does.
pub(super) fn volume(folder: &Folder) -> Result<String, EndpointError> {
    let handle = folder.handle("look at")?;
    alone::volume(borrow(&handle)).map_err(|errno| folder.failed("look at", b"", errno.into()))
}

/// What tells one mount from another at the same place.
pub(super) fn mount_number(folder: &Folder) -> u64 {
    folder.handle("look at").map_or(0, |handle| alone::mount_number(borrow(&handle)))
}
