//! What a tree of files needs of Linux alone: opening without ever leaving the root, shared blocks, and what names a
//! volume.
//!
//! Invariants: a path given here is relative, made of checked names, and resolved without following any symbolic link;
//! a volume's name is the same after the machine started again. Deliberately not here: policy (`tree`).

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{AtFlags, CWD, Mode, OFlags, ResolveFlags, StatxFlags};
use rustix::io::Errno;

use super::unix_handles::OPEN_FOLDER;

/// How a folder is opened that is not read: nothing is told to those who watch it, and nothing waits when it is closed.
pub(super) const OPEN_HOLDER: OFlags = OPEN_FOLDER.union(OFlags::PATH);

/// The system resolves at most 4,095 bytes at once; longer paths are walked in parts.
const PART_BYTES: usize = 3_800;
/// How often an answer of "somebody is renaming just now" is asked again before the walk goes name by name.
const RETRIES: usize = 16;

/// Opens what lies at a path below a folder, in one step where the kernel can (5.6 and later).
pub(super) fn open_beneath(folder: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    if path.len() <= PART_BYTES && resolves_beneath(folder) {
        for _ in 0..RETRIES {
            match resolve(folder, path, flags) {
                Err(Errno::AGAIN) => {}
                Err(Errno::PERM) if flags.contains(OFlags::NOATIME) => {
                    // Only the owner may leave the access time alone.
                    return open_beneath(folder, path, flags.difference(OFlags::NOATIME));
                }
                result => return result,
            }
        }
    }
    super::tree_unix::open_by_parts(
        folder,
        path,
        flags,
        PART_BYTES,
        |at, part, flags| match resolves_beneath(folder) {
            true => resolve(at, part, flags),
            false => Err(Errno::NOSYS),
        },
    )
}

fn resolve(folder: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    rustix::fs::openat2(folder, path, flags, Mode::empty(), within)
}

/// Whether the kernel has the call, and a sandbox lets us use it.
fn resolves_beneath(folder: BorrowedFd<'_>) -> bool {
    static ANSWER: OnceLock<bool> = OnceLock::new();
    *ANSWER.get_or_init(|| {
        !matches!(resolve(folder, b".", OFlags::PATH | OFlags::CLOEXEC), Err(Errno::NOSYS | Errno::PERM))
    })
}

/// A new file on the folder's file system that has no name.
pub(super) fn open_unnamed(folder: BorrowedFd<'_>, mode: Mode) -> Result<OwnedFd, Errno> {
    rustix::fs::openat(folder, c".", OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC, mode)
}

/// Gives such a file a name that is free.
pub(super) fn link_unnamed(file: &File, folder: BorrowedFd<'_>, name: &[u8]) -> Result<(), Errno> {
    /// Before Linux 6.10 only an administrator may link what is open without a way to it.
    static BY_HANDLE: AtomicBool = AtomicBool::new(true);
    if BY_HANDLE.load(Ordering::Relaxed) {
        match rustix::fs::linkat(file, c"", folder, name, AtFlags::EMPTY_PATH) {
            Err(Errno::NOENT | Errno::PERM) => {}
            result => return result.inspect(|()| tell_written(folder, name)),
        }
    }
    let path = format!("/proc/self/fd/{}", file.as_raw_fd());
    rustix::fs::linkat(CWD, path, folder, name, AtFlags::SYMLINK_FOLLOW)?;
    BY_HANDLE.store(false, Ordering::Relaxed);
    tell_written(folder, name);
    Ok(())
}

/// Who watches a folder for whole files waits until one is closed after writing, or moved there. Of a file that got its
/// name last he would hear neither but under a number that is no name: so it is opened once more, and closed.
fn tell_written(folder: BorrowedFd<'_>, name: &[u8]) {
    let flags = OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    // Nobody may write it: then nobody is told. It is there all the same.
    let _ = rustix::fs::openat(folder, name, flags, Mode::empty());
}

/// Lets the second file share the blocks of the first; false where the file system can not.
pub(super) fn share_blocks(from: &File, to: &File) -> bool {
    rustix::fs::ioctl_ficlone(to, from).is_ok()
}

/// Whether nobody writes to the file system but through this kernel, and what is written is counted there: not so on a
/// network, in FUSE, where a host or another machine writes too, or where one file system lies over another.
fn knows_all_writers(file: &File) -> bool {
    /// `linux/magic.h`: ext2 to ext4, XFS, Btrfs, F2FS, tmpfs.
    const OWN: [u64; 5] = [0xef53, 0x5846_5342, 0x9123_683e, 0xf2f5_2010, 0x0102_1994];
    // The type is a number of the word's size, signed on some machines.
    rustix::fs::fstatfs(file).is_ok_and(|found| OWN.contains(&(found.f_type as u64 & 0xffff_ffff)))
}

/// Whether anybody has the file open (or mapped) for writing. The kernel grants a lease for reading only where nobody
/// has, and only to the owner: else, and where the file system knows no leases, there is no answer. It is given back at
/// once; whoever opens the file for writing in between waits for that long.
#[expect(unsafe_code, reason = "one call of the system that no safe crate offers")]
pub(super) fn is_being_written(file: &File) -> Option<bool> {
    /// The same on all systems Rust knows but one, where it is an error and so no answer.
    const F_SETSIG: nix::libc::c_int = 10;
    let control = |command, value: nix::libc::c_int| {
        // SAFETY: the descriptor is open for as long as the reference lives, and these commands take a number.
        unsafe { nix::libc::fcntl(file.as_raw_fd(), command, value) }
    };
    // Who asks for the lease back is told by a signal. The usual one would end this process; this one does nothing.
    if !knows_all_writers(file) || control(F_SETSIG, nix::libc::SIGURG) != 0 {
        return None;
    }
    if control(nix::libc::F_SETLEASE, nix::libc::F_RDLCK) == 0 {
        control(nix::libc::F_SETLEASE, nix::libc::F_UNLCK);
        return Some(false);
    }
    (Errno::from_io_error(&std::io::Error::last_os_error()) == Some(Errno::AGAIN)).then_some(true)
}

/// Copies a range inside the system, as far as it goes; nothing where it can not at all.
pub(super) fn copy_range(from: &File, to: &File, offset_bytes: u64, length: usize) -> Option<usize> {
    let (mut here, mut there) = (offset_bytes, offset_bytes);
    rustix::fs::copy_file_range(from, Some(&mut here), to, Some(&mut there), length).ok()
}

/// File systems whose own number is made of the UUID on the disk: ext2 to ext4, btrfs, ZFS; and tmpfs, which gives
/// every mount a number of its own.
const NUMBERED_BY_UUID: [u64; 4] = [0xef53, 0x9123_683e, 0x2fc1_2fc1, 0x0102_1994];
/// File systems that make up inode numbers as they go: FAT, exFAT, FUSE, 9p.
const MADE_UP_IDS: [u64; 4] = [0x4d44, 0x2011_bab0, 0x6573_5546, 0x0102_1997];
/// Network file systems that copy on the server: NFS, SMB.
const COPY_ON_SERVER: [u64; 3] = [0x6969, 0xff53_4d42, 0xfe53_4d42];

fn magic(folder: BorrowedFd<'_>) -> Result<u64, Errno> {
    // The type's width and sign differ by architecture; all magic numbers fit 32 bits.
    #[allow(clippy::cast_sign_loss, clippy::unnecessary_cast, reason = "a magic number, not an amount")]
    Ok(rustix::fs::fstatfs(folder)?.f_type as u64 & 0xffff_ffff)
}

/// Whether inode numbers stay the same over a rename and a new mount.
pub(super) fn has_lasting_ids(folder: BorrowedFd<'_>) -> bool {
    magic(folder).is_ok_and(|magic| !MADE_UP_IDS.contains(&magic))
}

/// Whether a copy inside the place costs no traffic, although blocks are not shared.
pub(super) fn copies_on_server(folder: BorrowedFd<'_>) -> bool {
    magic(folder).is_ok_and(|magic| COPY_ON_SERVER.contains(&magic))
}

/// Whether names keep their case here, where nothing could be tried: on Linux they nearly always do.
pub(super) const CASE_SENSITIVE_UNLESS_SEEN: bool = true;

/// What names the volume: the UUID in one of its forms, or where it is mounted from. Empty where nothing lasting is.
pub(super) fn volume(folder: BorrowedFd<'_>) -> Result<String, Errno> {
    let number = rustix::fs::fstatvfs(folder)?.f_fsid;
    if number != 0 && NUMBERED_BY_UUID.contains(&magic(folder)?) {
        return Ok(format!("volume-{number:016x}"));
    }
    let device = rustix::fs::fstat(folder)?.st_dev;
    Ok(uuid_of_device(device).or_else(|| mount_source(device)).unwrap_or_default())
}

fn uuid_of_device(device: u64) -> Option<String> {
    for entry in std::fs::read_dir("/dev/disk/by-uuid").ok()?.flatten() {
        if std::fs::metadata(entry.path()).is_ok_and(|found| found.rdev() == device) {
            return Some(format!("uuid-{}", entry.file_name().to_string_lossy()));
        }
    }
    None
}

/// The kind and the source of the mount, for network and stacked file systems: `nfs4 server:/export`.
fn mount_source(device: u64) -> Option<String> {
    let wanted = format!("{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").ok()?;
    let line = mounts.lines().find(|line| line.split(' ').nth(2) == Some(&wanted))?;
    let mut after = line.split_once(" - ")?.1.split(' ');
    let (kind, source) = (after.next()?, after.next()?);
    // A plain device name is no identity: the next stick gets the same one.
    (!source.starts_with("/dev/")).then(|| format!("{kind} {source}"))
}

/// Tells one mount from the next at the same place, also where all else is equal; 0 where the kernel does not tell.
pub(super) fn mount_number<Handle: AsFd>(handle: Handle) -> u64 {
    rustix::fs::statx(handle, c"", AtFlags::EMPTY_PATH, StatxFlags::MNT_ID)
        .ok()
        .filter(|found| found.stx_mask & StatxFlags::MNT_ID.bits() != 0)
        .map_or(0, |found| found.stx_mnt_id)
}
