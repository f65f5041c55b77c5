//! What a tree of files needs of Windows: folders and files at a path below the root, moves between folders, marks on
//! unfinished files, times.
//!
//! Invariants: every folder on the way is looked at and is no link or junction at that moment (unlike on Unix the look
//! and the step are two); an unfinished file is not shared for writing while a run holds it. Deliberately not here: what
//! is not kept on Windows (see `windows`), exchanging two items and sharing blocks, and when to do what (`tree`).
#![expect(unsafe_code, reason = "one call of the system that the standard library does not offer")]

use std::fs::{self, File, OpenOptions};
use std::os::windows::fs::OpenOptionsExt;
use std::os::windows::io::AsRawHandle;
use std::path::Path;

use keepwell_model::{ExtendedAttribute, RelativePath};
use windows_sys::Win32::Storage::FileSystem::{FILE_SHARE_READ, GetVolumeInformationByHandleW};

use super::item::{Applied, MetadataPart, MetadataTrouble, Stat};
use super::windows::Folder;
use super::windows_file::LocalFile;
use super::{store_windows, windows_stat};
use crate::error::EndpointError;
use crate::tree::{ItemMetadata, NameRules};

/// Whether names keep their case here, where nothing could be tried.
pub(super) const CASE_SENSITIVE_UNLESS_SEEN: bool = false;
/// The longest path below a root: the system's limit, less something for the root.
pub(super) const PATH_LIMIT_BYTES: u32 = 32_000;
/// The names a system takes, where nothing could be tried.
pub(super) const NAMES_UNLESS_SEEN: NameRules = NameRules::Windows;
/// 255 units of UTF-16, each at most three bytes.
const NAME_LIMIT_BYTES: u32 = 765;

/// The folder at a path below the root.
pub(super) fn folder(
    root: &Folder,
    path: &RelativePath,
    _action: &'static str,
) -> Result<Folder, EndpointError> {
    let mut folder = root.clone();
    for name in path.components() {
        folder = folder.open_child(name)?;
    }
    Ok(folder)
}

/// A folder for what is asked and done by a name in it: here as any other.
pub(super) use self::folder as holder;

/// Opens a file at a path below the root for reading.
pub(super) fn open_file(root: &Folder, path: &RelativePath) -> Result<LocalFile, EndpointError> {
    let parent = path.parent().unwrap_or_default();
    folder(root, &parent, "read")?.open_file(path.name().unwrap_or_default())
}

/// Whether anybody has the file open for writing: not asked here.
pub(super) fn is_being_written(_file: &LocalFile) -> Option<bool> {
    None
}

/// Whether the folder is still there.
pub(super) fn is_alive(folder: &Folder) -> bool {
    folder.stat_self().is_ok()
}

/// What is made of each name in a folder and what is known of it. What vanishes meanwhile is not in it.
pub(super) fn items<Item>(
    folder: &Folder,
    make: impl Fn(Vec<u8>, &Stat) -> Item,
) -> Result<Vec<Item>, EndpointError> {
    let names = folder.names()?;
    let mut items = Vec::with_capacity(names.len());
    for item in names {
        match folder.stat(&item.name) {
            Ok(stat) => items.push(make(item.name, &stat)),
            Err(EndpointError::NotFound { .. }) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(items)
}

/// There are no permission bits.
pub(super) fn mode_of_new_files() -> Option<u32> {
    None
}

/// Every file has a name here.
pub(super) fn create_unnamed(_folder: &Folder, _wanted_name: &[u8]) -> Option<LocalFile> {
    None
}

/// Every file has a name here.
pub(super) fn give_name(file: &LocalFile, _to: &Folder, _to_name: &[u8]) -> Result<(), EndpointError> {
    let (path, why) = (file.path(), "files without a name are Linux's own".to_owned());
    Err(EndpointError::Unexpected { path, why })
}

/// Makes a new file that nobody else may write or remove while it is open.
pub(super) fn create_staged(folder: &Folder, name: &[u8]) -> Result<LocalFile, EndpointError> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .share_mode(FILE_SHARE_READ)
        .open(folder.at(name)?)
        .map_err(|error| folder.failed("write", name, error))?;
    Ok(LocalFile { folder: folder.clone(), name: name.into(), file, position_bytes: 0 })
}

/// Being open marks it.
pub(super) fn mark_held(_file: &LocalFile) {}

/// Whether no run holds this unfinished file any more. Nothing where the system can not tell, as for folders.
pub(super) fn is_abandoned(folder: &Folder, name: &[u8]) -> Option<bool> {
    let path = folder.at(name).ok()?;
    if folder.open_child(name).is_ok() {
        return None;
    }
    Some(OpenOptions::new().write(true).open(path).is_ok())
}

/// Folders are not marked here: the age of an unfinished one tells.
pub(super) fn hold(_folder: &Folder) -> Option<()> {
    None
}

/// An open file can not be renamed here: it is closed first.
pub(super) fn keep_for_rename(_file: LocalFile) -> Option<LocalFile> {
    None
}

/// A person may not flush a whole volume here, so each file is flushed before it gets its name.
pub(super) fn make_content_durable(file: &LocalFile) -> Result<(), EndpointError> {
    file.sync()
}

/// Moves an item to a name that is free.
pub(super) fn rename_to_free(
    from: &Folder,
    name: &[u8],
    to: &Folder,
    to_name: &[u8],
) -> Result<(), EndpointError> {
    store_windows::rename_without_replacing(&from.at(name)?, &to.at(to_name)?)
        .map_err(|error| to.failed("rename", to_name, error))
}

/// Moves an item to a name, in place of what is there.
pub(super) fn rename_over(
    from: &Folder,
    name: &[u8],
    to: &Folder,
    to_name: &[u8],
) -> Result<(), EndpointError> {
    fs::rename(from.at(name)?, to.at(to_name)?).map_err(|error| to.failed("rename", to_name, error))
}

/// Windows can not let two items change places.
pub(super) fn exchange(
    _from: &Folder,
    _name: &[u8],
    _to: &Folder,
    _to_name: &[u8],
) -> Result<bool, EndpointError> {
    Ok(false)
}

/// Blocks are not shared here.
pub(super) fn share_blocks(_from: &File, _to: &LocalFile) -> bool {
    false
}

/// Of no use where blocks are not shared.
pub(super) fn raw_file(_file: &LocalFile) -> Option<&File> {
    None
}

/// Windows copies only whole files inside the system.
pub(super) fn copy_range(
    _from: &LocalFile,
    _to: &LocalFile,
    _offset_bytes: u64,
    _length: usize,
) -> Option<usize> {
    None
}

/// Windows keeps none that we take along.
pub(super) fn attributes(_folder: &Folder, _name: &[u8]) -> Result<Vec<ExtendedAttribute>, EndpointError> {
    Ok(Vec::new())
}

/// Windows keeps none that we take along.
pub(super) fn attributes_of(_file: &LocalFile) -> Result<Vec<ExtendedAttribute>, EndpointError> {
    Ok(Vec::new())
}

/// Sets the time of a file that was just staged.
pub(super) fn apply_to_staged(file: &LocalFile, metadata: &ItemMetadata) -> Applied {
    apply(&file.file, metadata)
}

/// Here no file runs as its owner.
pub(super) fn mode_to_keep(stat: &Stat) -> u32 {
    stat.mode
}

/// Never told here.
pub(super) const NOT_AS_ANOTHER: &str = "";

/// Sets the time of an item; of the folder itself where the name is empty.
pub(super) fn apply_to_name(
    folder: &Folder,
    name: &[u8],
    _stat: &Stat,
    metadata: &ItemMetadata,
) -> Result<Applied, EndpointError> {
    let open = |path: &Path| {
        windows_stat::open_itself(path, true)
            .map_err(|error| folder.failed("set the attributes of", name, error))
    };
    let item = if name.is_empty() { open(folder.own_path())? } else { open(&folder.at(name)?)? };
    Ok(apply(&item, metadata))
}

fn apply(file: &File, metadata: &ItemMetadata) -> Applied {
    let troubles = match windows_stat::set_basic(file, metadata.modified, None, None) {
        Err(source) if metadata.modified.is_some() => {
            vec![MetadataTrouble { part: MetadataPart::Times, source }]
        }
        _ => Vec::new(),
    };
    Applied { troubles, shows: None }
}

/// FAT and network drives make up their file ids; NTFS and ReFS do not.
pub(super) fn has_lasting_ids(folder: &Folder) -> bool {
    let Ok(handle) = windows_stat::open_itself(folder.own_path(), false) else { return false };
    let mut name = [0_u16; 32];
    // SAFETY: the handle is open; the one buffer is as long as is said, and what is null is not filled.
    let asked = unsafe {
        GetVolumeInformationByHandleW(
            handle.as_raw_handle(),
            std::ptr::null_mut(),
            0,
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            std::ptr::null_mut(),
            name.as_mut_ptr(),
            name.len() as u32,
        )
    };
    let length = name.iter().position(|unit| *unit == 0).unwrap_or(name.len());
    asked != 0 && matches!(String::from_utf16_lossy(&name[..length]).as_str(), "NTFS" | "ReFS")
}

/// Unknown here.
pub(super) fn copies_on_server(_folder: &Folder) -> bool {
    false
}

/// How long a name may be.
pub(super) fn name_limit_bytes(_folder: &Folder) -> u32 {
    NAME_LIMIT_BYTES
}

/// The serial number of the volume, which it gets when it is formatted.
pub(super) fn volume(folder: &Folder) -> Result<String, EndpointError> {
    Ok(match folder.stat_self()?.file_system {
        0 => String::new(),
        serial => format!("serial-{serial:08x}"),
    })
}

/// Volumes are told by their serial numbers alone.
pub(super) fn mount_number(_folder: &Folder) -> u64 {
    0
}
