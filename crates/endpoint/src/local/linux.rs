//! What Linux does in its own way: `statx`, listing without a copy of the handle, attributes of names, modes of devices.
//!
//! Invariant: nothing here follows a symbolic link: where a call only takes a path, it is the path of a handle below
//! `/proc/self/fd`. Deliberately not here: birth times are read but can not be set, and the flags of `chattr` are not
//! kept.

use std::ffi::CString;
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use keepwell_model::{EntryKind, Timestamp};
use rustix::fs::{
    Advice, AtFlags, FallocateFlags, FileType, Mode, OFlags, RawDir, SeekFrom, Statx, StatxFlags, XattrFlags,
};
use rustix::io::Errno;

use super::item::{NamedItem, Stat};
use super::unix_metadata::Target;

/// How much of a folder is read at once.
const LISTING_BYTES: usize = 32 * 1024;

/// The error for an attribute that is not there.
pub(super) const NO_SUCH_ATTRIBUTE: Errno = Errno::NODATA;

pub(super) fn names(handle: &OwnedFd) -> Result<Vec<NamedItem>, Errno> {
    rustix::fs::seek(handle, SeekFrom::Start(0))?;
    let mut buffer = [MaybeUninit::uninit(); LISTING_BYTES];
    let mut listing = RawDir::new(handle, &mut buffer);
    let mut items = Vec::new();
    while let Some(entry) = listing.next() {
        let entry = entry?;
        let name = entry.file_name().to_bytes();
        if name == b"." || name == b".." {
            continue;
        }
        items.push(NamedItem { name: name.to_vec(), kind: kind(entry.file_type()), inode: entry.ino() });
    }
    Ok(items)
}

/// File systems whose files are made up as they are read, by their magic numbers (`linux/magic.h`): proc, sysfs, cgroup,
/// cgroup2, debugfs, tracefs, securityfs, configfs, bpf, pstore, efivarfs, selinuxfs, binfmt_misc.
const MADE_UP: [u64; 13] = [
    0x9fa0,
    0x6265_6572,
    0x27_e0eb,
    0x6367_7270,
    0x6462_6720,
    0x7472_6163,
    0x7363_6673,
    0x6265_6570,
    0xcafe_4a11,
    0x6165_676c,
    0xde5e_81e4,
    0xf97c_ff8c,
    0x4249_4e4d,
];

/// Whether the folder lies where the system makes up files.
pub(super) fn is_made_up(folder: &OwnedFd) -> bool {
    // The type's width differs by architecture; all of these fit 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "a magic number, not an amount")]
    rustix::fs::fstatfs(folder).is_ok_and(|found| MADE_UP.contains(&(found.f_type as u64 & 0xffff_ffff)))
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
    to_stat(&rustix::fs::statx(folder, name, AtFlags::SYMLINK_NOFOLLOW, wanted())?)
}

pub(super) fn stat_handle<Handle: AsFd>(handle: &Handle) -> Result<Stat, Errno> {
    to_stat(&rustix::fs::statx(handle, c"", AtFlags::EMPTY_PATH, wanted())?)
}

fn wanted() -> StatxFlags {
    StatxFlags::BASIC_STATS | StatxFlags::BTIME
}

fn to_stat(statx: &Statx) -> Result<Stat, Errno> {
    let mode = u32::from(statx.stx_mode);
    let kind = kind(FileType::from_raw_mode(mode)).ok_or(Errno::OPNOTSUPP)?;
    let is_device = matches!(kind, EntryKind::CharacterDevice | EntryKind::BlockDevice);
    let time = |time: &rustix::fs::StatxTimestamp| Timestamp::new(time.tv_sec, time.tv_nsec);
    let has_birth = statx.stx_mask & StatxFlags::BTIME.bits() != 0;
    Ok(Stat {
        kind,
        size_bytes: statx.stx_size,
        allocated_bytes: statx.stx_blocks.saturating_mul(512),
        mode: mode & 0o7777,
        user_id: statx.stx_uid,
        group_id: statx.stx_gid,
        modified: time(&statx.stx_mtime),
        changed: time(&statx.stx_ctime),
        created: has_birth.then(|| time(&statx.stx_btime)),
        inode: statx.stx_ino,
        file_system: u64::from(statx.stx_dev_major) << 32 | u64::from(statx.stx_dev_minor),
        link_count: u64::from(statx.stx_nlink),
        device: is_device.then_some((statx.stx_rdev_major, statx.stx_rdev_minor)),
        windows_attributes: None,
        bsd_flags: None,
    })
}

pub(super) fn open_for_reading(folder: &OwnedFd, name: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    match rustix::fs::openat(folder, name, flags | OFlags::NOATIME, Mode::empty()) {
        // Only the owner may leave the access time alone.
        Err(Errno::PERM) => rustix::fs::openat(folder, name, flags, Mode::empty()),
        result => result,
    }
}

pub(super) fn create_special(
    folder: &OwnedFd,
    name: &[u8],
    kind: EntryKind,
    mode: Mode,
    (major, minor): (u32, u32),
) -> Result<(), Errno> {
    let file_type = match kind {
        EntryKind::Pipe => FileType::Fifo,
        EntryKind::CharacterDevice => FileType::CharacterDevice,
        EntryKind::BlockDevice => FileType::BlockDevice,
        _ => return Err(Errno::INVAL),
    };
    rustix::fs::mknodat(folder, name, file_type, mode, rustix::fs::makedev(major, minor))
}

pub(super) fn advise_sequential<Handle: AsFd>(handle: &Handle) {
    // Advice only: a file system that does not take it reads just as well.
    let _ = rustix::fs::fadvise(handle, 0, None, Advice::Sequential);
}

/// Lets go of what the system remembers of a file's content, so that the next read asks the disk.
pub(super) fn forget_cached<Handle: AsFd>(handle: &Handle) {
    // Advice only: what is not yet on the disk stays, and a file system may pay no heed.
    let _ = rustix::fs::fadvise(handle, 0, None, Advice::DontNeed);
}

/// Makes everything on the handle's file system durable.
pub(super) fn sync_file_system<Handle: AsFd>(handle: &Handle) -> Result<(), Errno> {
    rustix::fs::syncfs(handle)
}

/// Makes a hole; false where the file system can not.
pub(super) fn punch_hole<Handle: AsFd>(handle: &Handle, range: &Range<u64>) -> bool {
    let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(handle, flags, range.start, range.end.saturating_sub(range.start)).is_ok()
}

/// The bits this process takes from the mode of every new file, where the system tells without changing them.
pub(super) fn process_umask() -> Option<u32> {
    static UMASK: OnceLock<Option<u32>> = OnceLock::new();
    *UMASK.get_or_init(|| {
        let status = std::fs::read_to_string("/proc/self/status").ok()?;
        let umask = status.lines().find_map(|line| line.strip_prefix("Umask:"))?;
        u32::from_str_radix(umask.trim(), 8).ok()
    })
}

pub(super) fn has_attributes(file: &OwnedFd) -> bool {
    let mut buffer = [0_u8; 16];
    match rustix::fs::flistxattr(file, &mut buffer[..]) {
        Ok(length) => length > 0,
        Err(errno) => errno == Errno::RANGE,
    }
}

/// Labels the system gives by itself; they are not ours to remove.
pub(super) fn attribute_belongs_to_system(name: &[u8]) -> bool {
    matches!(name, b"security.selinux" | b"security.ima" | b"security.evm" | b"security.SMACK64")
}

/// The path of a handle, or of a name in it, for calls that take only paths. Short, however deep the tree.
fn path_of(target: Target<'_>) -> Vec<u8> {
    match target {
        Target::Open(handle) => format!("/proc/self/fd/{}", handle.as_raw_fd()).into_bytes(),
        Target::Named(folder, name) => {
            let mut path = format!("/proc/self/fd/{}/", folder.as_raw_fd()).into_bytes();
            path.extend_from_slice(name);
            path
        }
    }
}

pub(super) fn list_attributes(target: Target<'_>, buffer: &mut [u8]) -> Result<usize, Errno> {
    match target {
        Target::Open(handle) => rustix::fs::flistxattr(handle, buffer),
        Target::Named(folder, name) => match list_attributes_at(folder, name, buffer) {
            // An older kernel, or a sandbox that does not know the call.
            Err(Errno::NOSYS | Errno::PERM) => rustix::fs::llistxattr(path_of(target), buffer),
            result => result,
        },
    }
}

/// As `llistxattr`, from a handle: the way to a name below `/proc/self/fd` costs more than the answer. Linux 6.13 and later.
#[expect(unsafe_code, reason = "one call of the system that no safe crate offers")]
fn list_attributes_at(folder: BorrowedFd<'_>, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
    /// `listxattrat`, the same on all systems Rust knows of.
    const CALL: nix::libc::c_long = 465;
    static IS_KNOWN: AtomicBool = AtomicBool::new(true);
    if !IS_KNOWN.load(Ordering::Relaxed) {
        return Err(Errno::NOSYS);
    }
    let name = CString::new(name).map_err(|_| Errno::INVAL)?;
    // SAFETY: the handle is open as long as it is borrowed, the name ends with a zero, and at most the buffer's length is
    // written to it.
    let length = unsafe {
        nix::libc::syscall(
            CALL,
            folder.as_raw_fd(),
            name.as_ptr(),
            nix::libc::AT_SYMLINK_NOFOLLOW,
            buffer.as_mut_ptr(),
            buffer.len(),
        )
    };
    if let Ok(length) = usize::try_from(length) {
        return Ok(length);
    }
    let errno = Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO);
    if errno == Errno::NOSYS {
        IS_KNOWN.store(false, Ordering::Relaxed);
    }
    Err(errno)
}

pub(super) fn get_attribute(target: Target<'_>, name: &[u8], buffer: &mut [u8]) -> Result<usize, Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fgetxattr(handle, name, buffer),
        Target::Named(..) => rustix::fs::lgetxattr(path_of(target), name, buffer),
    }
}

pub(super) fn set_attribute(target: Target<'_>, name: &[u8], value: &[u8]) -> Result<(), Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fsetxattr(handle, name, value, XattrFlags::empty()),
        Target::Named(..) => rustix::fs::lsetxattr(path_of(target), name, value, XattrFlags::empty()),
    }
}

pub(super) fn remove_attribute(target: Target<'_>, name: &[u8]) -> Result<(), Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fremovexattr(handle, name),
        Target::Named(..) => rustix::fs::lremovexattr(path_of(target), name),
    }
}

pub(super) fn set_mode(target: Target<'_>, mode: Mode) -> Result<(), Errno> {
    match target {
        Target::Open(handle) => rustix::fs::fchmod(handle, mode),
        Target::Named(folder, name) => {
            // There is no call that sets the mode of a name without following it on kernels before 6.6: hold the item
            // itself (not opening a device), see that it is no link, and go through the handle.
            let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let item = rustix::fs::openat(folder, name, flags, Mode::empty())?;
            if stat_handle(&item)?.kind == EntryKind::Symlink {
                return Err(Errno::LOOP);
            }
            rustix::fs::chmod(path_of(Target::Open(item.as_fd())), mode)
        }
    }
}

/// Linux has no such flags: those of a snapshot from macOS can not be kept.
pub(super) fn set_flags(_target: Target<'_>, _flags: u32) -> Result<(), Errno> {
    Err(Errno::OPNOTSUPP)
}
