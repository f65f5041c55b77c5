//! What Windows says about an item, and setting its times and attributes: the calls the standard library lacks.
//!
//! Invariant: an item is asked through a handle that was opened on itself, not on what it links to. Deliberately not
//! here: security descriptors and alternate streams; they are not kept.
#![expect(unsafe_code, reason = "calls of the system that the standard library does not offer")]

use std::fs::{File, OpenOptions};
use std::io;
use std::mem::{MaybeUninit, size_of};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use keepwell_model::{EntryKind, Timestamp};
use windows_sys::Win32::Storage::FileSystem::{
    BY_HANDLE_FILE_INFORMATION, FILE_ATTRIBUTE_ARCHIVE, FILE_ATTRIBUTE_DIRECTORY, FILE_ATTRIBUTE_HIDDEN,
    FILE_ATTRIBUTE_NORMAL, FILE_ATTRIBUTE_NOT_CONTENT_INDEXED, FILE_ATTRIBUTE_READONLY,
    FILE_ATTRIBUTE_REPARSE_POINT, FILE_ATTRIBUTE_SYSTEM, FILE_ATTRIBUTE_TAG_INFO, FILE_BASIC_INFO,
    FILE_FLAG_BACKUP_SEMANTICS, FILE_FLAG_OPEN_REPARSE_POINT, FILE_INFO_BY_HANDLE_CLASS,
    FILE_READ_ATTRIBUTES, FILE_STANDARD_INFO, FILE_WRITE_ATTRIBUTES, FileAttributeTagInfo, FileBasicInfo,
    FileStandardInfo, GetFileInformationByHandle, GetFileInformationByHandleEx, SetFileInformationByHandle,
};

use super::item::Stat;

/// Set in the tags of links and junctions: what stands for another item (`IsReparseTagNameSurrogate`).
const NAME_SURROGATE: u32 = 0x2000_0000;

/// What a person sets, and a restore may set again. The others are the file system's own.
const SETTABLE_ATTRIBUTES: u32 = FILE_ATTRIBUTE_READONLY
    | FILE_ATTRIBUTE_HIDDEN
    | FILE_ATTRIBUTE_SYSTEM
    | FILE_ATTRIBUTE_ARCHIVE
    | FILE_ATTRIBUTE_NOT_CONTENT_INDEXED;

/// Seconds from 1601, where Windows begins to count, to 1970.
const EPOCH_DIFFERENCE_SECONDS: i64 = 11_644_473_600;
const TICKS_A_SECOND: i64 = 10_000_000;

/// Opens an item itself, folders too.
pub(super) fn open_itself(path: &Path, writable: bool) -> io::Result<File> {
    let access = FILE_READ_ATTRIBUTES | if writable { FILE_WRITE_ATTRIBUTES } else { 0 };
    OpenOptions::new()
        .access_mode(access)
        .custom_flags(FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OPEN_REPARSE_POINT)
        .open(path)
}

pub(super) fn stat(file: &File) -> io::Result<Stat> {
    let mut raw = MaybeUninit::<BY_HANDLE_FILE_INFORMATION>::zeroed();
    // SAFETY: the handle is open, and the call fills the whole structure, for which all zeros are valid as well.
    let information = unsafe {
        if GetFileInformationByHandle(file.as_raw_handle(), raw.as_mut_ptr()) == 0 {
            return Err(io::Error::last_os_error());
        }
        raw.assume_init()
    };
    let basic: FILE_BASIC_INFO = query(file, FileBasicInfo)?;
    let standard: FILE_STANDARD_INFO = query(file, FileStandardInfo)?;
    let attributes = basic.FileAttributes;
    let kind = if attributes & FILE_ATTRIBUTE_REPARSE_POINT != 0 && is_link(file)? {
        EntryKind::Symlink
    } else if attributes & FILE_ATTRIBUTE_DIRECTORY != 0 {
        EntryKind::Folder
    } else {
        EntryKind::File
    };
    let size_bytes = u64::from(information.nFileSizeHigh) << 32 | u64::from(information.nFileSizeLow);
    Ok(Stat {
        kind,
        size_bytes: if kind == EntryKind::File { size_bytes } else { 0 },
        allocated_bytes: u64::try_from(standard.AllocationSize).unwrap_or_default(),
        mode: 0,
        user_id: 0,
        group_id: 0,
        modified: from_ticks(basic.LastWriteTime),
        changed: from_ticks(basic.ChangeTime),
        created: Some(from_ticks(basic.CreationTime)),
        inode: u64::from(information.nFileIndexHigh) << 32 | u64::from(information.nFileIndexLow),
        file_system: u64::from(information.dwVolumeSerialNumber),
        link_count: u64::from(information.nNumberOfLinks),
        device: None,
        windows_attributes: Some(attributes),
        bsd_flags: None,
    })
}

/// Whether a reparse point stands for another item. Those of cloud drives and compressed files do not: they are the
/// file itself.
fn is_link(file: &File) -> io::Result<bool> {
    let tag: FILE_ATTRIBUTE_TAG_INFO = query(file, FileAttributeTagInfo)?;
    Ok(tag.ReparseTag & NAME_SURROGATE != 0)
}

/// A structure the system fills with facts about an open item; only plain integers, so all zeros are valid.
trait Information {}
impl Information for FILE_BASIC_INFO {}
impl Information for FILE_STANDARD_INFO {}
impl Information for FILE_ATTRIBUTE_TAG_INFO {}

fn query<T: Information>(file: &File, class: FILE_INFO_BY_HANDLE_CLASS) -> io::Result<T> {
    let mut information = MaybeUninit::<T>::zeroed();
    // SAFETY: the handle is open; the call writes at most the given number of bytes, those of `T`; what it leaves are
    // zeros, which are valid for every `Information`.
    unsafe {
        let length = u32::try_from(size_of::<T>()).unwrap_or_default();
        let pointer = information.as_mut_ptr();
        if GetFileInformationByHandleEx(file.as_raw_handle(), class, pointer.cast(), length) == 0 {
            return Err(io::Error::last_os_error());
        }
        Ok(information.assume_init())
    }
}

/// Sets times and attributes in one call; what is nothing stays as it is.
pub(super) fn set_basic(
    file: &File,
    modified: Option<Timestamp>,
    created: Option<Timestamp>,
    attributes: Option<u32>,
) -> io::Result<()> {
    // Zeros leave things as they are; "no attributes" has a value of its own.
    let attributes = attributes.map_or(0, |attributes| match attributes & SETTABLE_ATTRIBUTES {
        0 => FILE_ATTRIBUTE_NORMAL,
        attributes => attributes,
    });
    let basic = FILE_BASIC_INFO {
        CreationTime: created.map_or(0, to_ticks),
        LastAccessTime: 0,
        LastWriteTime: modified.map_or(0, to_ticks),
        ChangeTime: 0,
        FileAttributes: attributes,
    };
    // SAFETY: the handle is open and the structure, of the length given, lives through the call.
    let set = unsafe {
        let length = u32::try_from(size_of::<FILE_BASIC_INFO>()).unwrap_or_default();
        SetFileInformationByHandle(file.as_raw_handle(), FileBasicInfo, (&raw const basic).cast(), length)
    };
    if set == 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

fn from_ticks(ticks: i64) -> Timestamp {
    let nanoseconds = u32::try_from(ticks.rem_euclid(TICKS_A_SECOND) * 100).unwrap_or_default();
    Timestamp::new(ticks.div_euclid(TICKS_A_SECOND) - EPOCH_DIFFERENCE_SECONDS, nanoseconds)
}

/// Windows counts in steps of 100 nanoseconds; what is before 1601 becomes its first moment.
fn to_ticks(time: Timestamp) -> i64 {
    time.seconds
        .saturating_add(EPOCH_DIFFERENCE_SECONDS)
        .saturating_mul(TICKS_A_SECOND)
        .saturating_add(i64::from(time.nanoseconds / 100))
        .max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_survive_in_steps_of_100_nanoseconds() {
        for time in
            [Timestamp::new(-1, 999_999_900), Timestamp::new(4_102_444_800, 100), Timestamp::new(0, 0)]
        {
            assert_eq!(from_ticks(to_ticks(time)), time);
        }
        assert_eq!(to_ticks(Timestamp::new(i64::MIN, 0)), 1);
        assert_eq!(to_ticks(Timestamp::new(i64::MAX, 0)), i64::MAX);
    }
}
