//! What a tree of files needs of macOS alone: opening without ever leaving the root, and what names a volume.
//!
//! Invariants: a path given here is relative, made of checked names, and resolved name by name without following any
//! symbolic link; a volume's name is the same after the machine started again. Deliberately not here: shared blocks,
//! which macOS makes only together with a new name, and policy (`tree`).
#![expect(unsafe_code, reason = "one call of the system that no safe crate offers")]

use std::fs::File;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// How a folder is opened that is not read: as any other.
pub(super) const OPEN_HOLDER: OFlags = super::unix_handles::OPEN_FOLDER;

/// Opens what lies at a path below a folder, name by name.
pub(super) fn open_beneath(folder: BorrowedFd<'_>, path: &[u8], flags: OFlags) -> Result<OwnedFd, Errno> {
    super::tree_unix::open_by_parts(folder, path, flags, 0, |_, _, _| Err(Errno::NOSYS))
}

/// Blocks are shared here only by `clonefile`, which makes the name as well.
pub(super) fn share_blocks(_from: &File, _to: &File) -> bool {
    false
}

/// Whether anybody has the file open for writing: the system does not tell.
pub(super) fn is_being_written(_file: &File) -> Option<bool> {
    None
}

/// Files without a name are Linux's own.
pub(super) fn open_unnamed(_folder: BorrowedFd<'_>, _mode: Mode) -> Result<OwnedFd, Errno> {
    Err(Errno::NOTSUP)
}

/// Files without a name are Linux's own.
pub(super) fn link_unnamed(_file: &File, _folder: BorrowedFd<'_>, _name: &[u8]) -> Result<(), Errno> {
    Err(Errno::NOTSUP)
}

/// macOS copies nothing inside the system for us.
pub(super) fn copy_range(_from: &File, _to: &File, _offset_bytes: u64, _length: usize) -> Option<usize> {
    None
}

/// FAT and network volumes make up their numbers; APFS and HFS+ do not.
pub(super) fn has_lasting_ids(folder: BorrowedFd<'_>) -> bool {
    rustix::fs::fstatfs(folder).is_ok_and(|found| {
        let name: Vec<u8> = found
            .f_fstypename
            .iter()
            .map(|letter| letter.cast_unsigned())
            .take_while(|byte| *byte != 0)
            .collect();
        name == b"apfs" || name == b"hfs"
    })
}

/// Unknown here.
pub(super) fn copies_on_server(_folder: BorrowedFd<'_>) -> bool {
    false
}

/// Whether names keep their case here, where nothing could be tried: on macOS they nearly never do.
pub(super) const CASE_SENSITIVE_UNLESS_SEEN: bool = false;

/// The volume's UUID. Empty where it has none.
pub(super) fn volume(folder: BorrowedFd<'_>) -> Result<String, Errno> {
    #[repr(C, packed(4))]
    struct Answer {
        length: u32,
        uuid: [u8; 16],
    }
    let mut wanted = libc::attrlist {
        bitmapcount: libc::ATTR_BIT_MAP_COUNT,
        reserved: 0,
        commonattr: 0,
        volattr: libc::ATTR_VOL_INFO | libc::ATTR_VOL_UUID,
        dirattr: 0,
        fileattr: 0,
        forkattr: 0,
    };
    let mut answer = Answer { length: 0, uuid: [0; 16] };
    // SAFETY: the handle is open; both structures are plain and live through the call, which writes at most the given
    // number of bytes.
    let result = unsafe {
        libc::fgetattrlist(
            folder.as_fd().as_raw_fd(),
            (&raw mut wanted).cast(),
            (&raw mut answer).cast(),
            size_of::<Answer>(),
            0,
        )
    };
    let uuid = answer.uuid;
    if result != 0 || uuid == [0; 16] {
        return Ok(String::new());
    }
    Ok(uuid.iter().fold("uuid-".to_owned(), |text, byte| text + &format!("{byte:02x}")))
}

/// macOS gives every mount a device number of its own, which is compared anyway.
pub(super) fn mount_number<Handle: AsFd>(_handle: Handle) -> u64 {
    0
}
