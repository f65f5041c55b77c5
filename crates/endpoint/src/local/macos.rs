//! What macOS does in its own way: birth times and flags in `stat`, attributes only through open items.
//!
//! Invariant: nothing here follows a symbolic link. Deliberately not here: setting birth times, and making pipes and
//! devices, which macOS offers no safe call for; both are told as unsupported, never passed over.
#![expect(unsafe_code, reason = "one call of the system that no safe crate offers")]

use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use keepwell_model::{EntryKind, Timestamp};
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, XattrFlags};
use rustix::io::Errno;

use super::item::{NamedItem, Stat};
use super::unix_metadata::Target;

/// The error for an attribute that is not there.
pub(super) const NO_SUCH_ATTRIBUTE: Errno = Errno::NOATTR;

/// Opens a symbolic link itself (`O_SYMLINK`).
const OPEN_LINK_ITSELF: OFlags = OFlags::from_bits_retain(0x0020_0000);

/// Where the system makes up files; `/dev` is the only such place, and holds no files.
pub(super) fn is_made_up<Handle: AsFd>(_folder: &Handle) -> bool {
    false
}

pub(super) fn names(handle: &OwnedFd) -> Result<Vec<NamedItem>, Errno> {
    let mut items = Vec::new();
    for entry in Dir::read_from(handle)? {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        items.push(NamedItem { name: name.to_vec(), kind: kind(entry.file_type()), inode: entry.ino() });
    }
    Ok(items)
}

fn kind(file_type: FileType) -> Option<EntryKind> {
    Some(match file_type {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Folder,
        FileType::Symlink => EntryKind::Symlink,
        FileType::Fifo => EntryKind::Pipe,
        FileType::Socket => EntryKind::Socket,
        FileType::CharacterDevice => EntryKind::CharacterDevice,
        FileType::BlockDevice => EntryKind::BlockDevice,
        FileType::Unknown => return None,
    })
}

pub(super) fn stat<Handle: AsFd>(folder: &Handle, name: &[u8]) -> Result<Stat, Errno> {
    to_stat(&rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?)
}

pub(super) fn stat_handle<Handle: AsFd>(handle: &Handle) -> Result<Stat, Errno> {
    to_stat(&rustix::fs::fstat(handle)?)
}

fn to_stat(stat: &rustix::fs::Stat) -> Result<Stat, Errno> {
    let kind = kind(FileType::from_raw_mode(stat.st_mode)).ok_or(Errno::OPNOTSUPP)?;
    let is_device = matches!(kind, EntryKind::CharacterDevice | EntryKind::BlockDevice);
    let time = |seconds: i64, nanoseconds: i64| {
        Timestamp::new(seconds, u32::try_from(nanoseconds).unwrap_or_default())
    };
    Ok(Stat {
        kind,
        size_bytes: u64::try_from(stat.st_size).unwrap_or_default(),
        allocated_bytes: u64::try_from(stat.st_blocks).unwrap_or_default().saturating_mul(512),
        mode: u32::from(stat.st_mode) & 0o7777,
        user_id: stat.st_uid,
        group_id: stat.st_gid,
        modified: time(stat.st_mtime, stat.st_mtime_nsec),
        changed: time(stat.st_ctime, stat.st_ctime_nsec),
        created: Some(time(stat.st_birthtime, stat.st_birthtime_nsec)),
        inode: stat.st_ino,
        file_system: u64::from(stat.st_dev.cast_unsigned()),
        link_count: u64::from(stat.st_nlink),
        device: is_device.then(|| (rustix::fs::major(stat.st_rdev), rustix::fs::minor(stat.st_rdev))),
        windows_attributes: None,
        bsd_flags: Some(stat.st_flags),
    })
}

pub(super) fn open_for_reading(folder: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

pub(super) fn create_special(
    _folder: &OwnedFd,
    _name: &[u8],
    _kind: EntryKind,
    _mode: Mode,
    _device: (u32, u32),
) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}

/// macOS reads ahead by itself.
pub(super) fn advise_sequential<Handle: AsFd>(_handle: &Handle) {}

/// macOS has no such advice.
pub(super) fn forget_cached<Handle: AsFd>(_handle: &Handle) {}

/// macOS knows only all file systems at once, and begins with it rather than waiting for its end.
pub(super) fn sync_file_system<Handle: AsFd>(_handle: &Handle) -> Result<(), Errno> {
    rustix::fs::sync();
    Ok(())
}

/// No hole is made here: zeros are written instead.
pub(super) fn punch_hole<Handle: AsFd>(_handle: &Handle, _range: &Range<u64>) -> bool {
    false
}

/// macOS tells it only to those who change it.
pub(super) fn process_umask() -> Option<u32> {
    None
}

pub(super) fn has_attributes(file: &OwnedFd) -> bool {
    let mut buffer = [0_u8; 16];
    match rustix::fs::flistxattr(file, &mut buffer[..]) {
        Ok(length) => length > 0,
        Err(errno) => errno == Errno::RANGE,
    }
}

/// Marks the system gives by itself; they are not ours to remove.
pub(super) fn attribute_belongs_to_system(name: &[u8]) -> bool {
    matches!(name, b"com.apple.provenance" | b"com.apple.rootless" | b"com.apple.system.Security")
}

/// Does something with the handle of the item; a name is opened itself, not what it links to.
fn with_item<T>(
    target: Target<'_>,
    action: impl FnOnce(std::os::fd::BorrowedFd<'_>) -> Result<T, Errno>,
) -> Result<T, Errno> {
    match target {
        Target::Open(handle) => action(handle),
        Target::Named(folder, name) => {
            let flags = OFlags::RDONLY | OPEN_LINK_ITSELF | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let item = rustix::fs::openat(folder, name, flags, Mode::empty())?;
            action(item.as_fd())
        }
    }
}

pub(super) fn list_attributes(target: Target<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    with_item(target, |item| rustix::fs::flistxattr(item, buffer))
}

pub(super) fn get_attribute(target: Target<'_>, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
    with_item(target, |item| rustix::fs::fgetxattr(item, name, buffer))
}

pub(super) fn set_attribute(target: Target<'_>, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    with_item(target, |item| rustix::fs::fsetxattr(item, name, value, XattrFlags::empty()))
}

pub(super) fn remove_attribute(target: Target<'_>, name: &[u8]) -> Result<(), Errno> {
    with_item(target, |item| rustix::fs::fremovexattr(item, name))
}

pub(super) fn set_mode(target: Target<'_>, mode: Mode) -> Result<(), Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fchmod(handle, mode),
        Target::Named(folder, name) => rustix::fs::chmodat(folder, name, mode, AtFlags::SYMLINK_NOFOLLOW),
    }
}

/// The flags a person sets with `chflags`; those the system keeps for itself are left out.
const SETTABLE_FLAGS: u32 = libc::UF_NODUMP
    | libc::UF_IMMUTABLE
    | libc::UF_APPEND
    | libc::UF_OPAQUE
    | libc::UF_HIDDEN
    | libc::SF_ARCHIVED
    | libc::SF_IMMUTABLE
    | libc::SF_APPEND;

pub(super) fn set_flags(target: Target<'_>, flags: u32) -> Result<(), Errno> {
    if flags & SETTABLE_FLAGS == 0 {
        return Ok(());
    }
    with_item(target, |item| {
        // SAFETY: the handle is open for the length of the call, and the call touches no memory of ours.
        let result = unsafe { libc::fchflags(item.as_raw_fd(), flags & SETTABLE_FLAGS) };
        if result == 0 {
            return Ok(());
        }
        let error = std::io::Error::last_os_error();
        Err(Errno::from_io_error(&error).unwrap_or(Errno::IO))
    })
}
