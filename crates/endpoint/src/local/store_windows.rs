//! What the local store needs of Windows: positioned reads, a move that replaces nothing, free space.
//!
//! Invariant: every function is whole or fails. Folders need no syncing of their own: the move is asked to be written
//! through. Deliberately not here: policy, which is `store`'s.
#![expect(unsafe_code, reason = "two calls of the system that the standard library does not offer")]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::windows::ffi::OsStrExt;
use std::os::windows::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use windows_sys::Win32::Foundation::{
    ERROR_ACCESS_DENIED, ERROR_INVALID_FUNCTION, ERROR_INVALID_HANDLE, ERROR_INVALID_PARAMETER,
    ERROR_NOT_SUPPORTED,
};
use windows_sys::Win32::Storage::FileSystem::{
    FILE_ADD_FILE, FILE_FLAG_BACKUP_SEMANTICS, GetDiskFreeSpaceExW, MOVEFILE_WRITE_THROUGH, MoveFileExW,
};

/// How a file system says that it does not flush folders.
const NO_SUCH_FLUSH: [u32; 5] = [
    ERROR_ACCESS_DENIED,
    ERROR_INVALID_FUNCTION,
    ERROR_INVALID_HANDLE,
    ERROR_INVALID_PARAMETER,
    ERROR_NOT_SUPPORTED,
];

/// Fills the buffer from an offset on.
pub(super) fn read_exact_at(file: &File, bytes: &mut [u8], offset_bytes: u64) -> io::Result<()> {
    let mut done = 0;
    while done < bytes.len() {
        match file.seek_read(&mut bytes[done..], offset_bytes + done as u64) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(read) => done += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Moves a file to a name that must be free, and waits until the move is on disk.
pub(super) fn rename_without_replacing(from: &Path, to: &Path) -> io::Result<()> {
    let (from, to) = (wide(from), wide(to));
    // SAFETY: both are NUL-terminated and live through the call.
    let moved = unsafe { MoveFileExW(from.as_ptr(), to.as_ptr(), MOVEFILE_WRITE_THROUGH) };
    if moved == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Nothing to do here: see the module's words.
pub(super) fn sync_folder(_folder: &Path) -> io::Result<()> {
    Ok(())
}

/// Writes the volume's log to the disk, as far as it concerns this folder or came before. Where a file system knows no
/// flush of folders (FAT, a share), its own writing in good time has to do.
pub(super) fn flush_folder(folder: &Path) -> io::Result<()> {
    let flushed = OpenOptions::new()
        .access_mode(FILE_ADD_FILE)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS)
        .open(folder)
        .and_then(|folder| folder.sync_all());
    match flushed.as_ref().map_err(io::Error::raw_os_error) {
        Err(Some(code)) if NO_SUCH_FLUSH.contains(&code.cast_unsigned()) => Ok(()),
        _ => flushed,
    }
}

/// The bytes this person can still write.
pub(super) fn free_bytes(folder: &Path) -> io::Result<u64> {
    let folder = wide(folder);
    let mut free_bytes = 0_u64;
    // SAFETY: the path is NUL-terminated; the one result that is asked for lives through the call.
    let asked = unsafe {
        GetDiskFreeSpaceExW(folder.as_ptr(), &mut free_bytes, std::ptr::null_mut(), std::ptr::null_mut())
    };
    if asked == 0 { Err(io::Error::last_os_error()) } else { Ok(free_bytes) }
}

/// The path for a system call: verbatim where it is a plain absolute one, so that long names work.
fn wide(path: &Path) -> Vec<u16> {
    let path = super::windows_path::verbatim(path);
    path.as_os_str().encode_wide().chain(std::iter::once(0)).collect()
}
