//! Trees on Unix: what it has beyond files and folders, and a walk that no depth stops.
//!
//! Invariant: the walk and the removal hold one folder open at a time and never join a path, so neither the limit on
//! path lengths nor that on open files ends them. Deliberately not here: device nodes (they need root).

use std::ffi::{CStr, CString, OsStr};
use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use keepwell_model::Timestamp;
use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags, Timespec, Timestamps};

use super::LONGEST_NAME_BYTES;
use crate::compare::{Observed, ObservedKind};
use crate::random::SeededRandom;

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// More than any system lets an item carry.
const ATTRIBUTE_LIMIT_BYTES: usize = 1 << 20;

/// Links of every kind, odd names, modes, attributes and times, a pipe and a socket.
pub(super) fn make_oddities(folder: &Path, random: &mut SeededRandom) -> io::Result<()> {
    symlink("one byte", folder.join("link"))?;
    symlink("/nowhere/at all", folder.join("link to nothing"))?;
    symlink("empty folder", folder.join("link to a folder"))?;
    symlink("loop b", folder.join("loop a"))?;
    symlink("loop a", folder.join("loop b"))?;
    symlink("../oddities", folder.join("link to my parent"))?;
    symlink("x".repeat(1000), folder.join("link with a long target"))?;
    for name in
        ["new\nline", "tab\there", "back\\slash", "quote\"'", "trailing space ", "star*?", "con", "aux.txt"]
    {
        fs::write(folder.join(name), name)?;
    }
    fs::write(folder.join("n".repeat(LONGEST_NAME_BYTES)), b"a long name")?;
    fs::create_dir(folder.join("f".repeat(LONGEST_NAME_BYTES)))?;
    if cfg!(target_os = "linux") {
        fs::write(folder.join(OsStr::from_bytes(b"caf\xe9 in latin 1")), b"not UTF-8")?;
        fs::create_dir(folder.join(OsStr::from_bytes(b"\xff\xfe\x80")))?;
        symlink(OsStr::from_bytes(b"\xc3\x28"), folder.join("link to a name not UTF-8"))?;
    }
    for mode in [0o400, 0o755, 0o600, 0o666, 0o4755, 0o2711] {
        let path = folder.join(format!("mode {mode:o}"));
        fs::write(&path, format!("{mode:o}"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(mode))?;
    }
    let shared = folder.join("folder, sticky");
    fs::create_dir(&shared)?;
    fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777))?;
    make_pipe(&folder.join("pipe"))?;
    make_socket(&folder.join("socket"))?;
    make_attributes(folder, random)?;
    make_times(folder)
}

/// A socket's path may have about 100 bytes only: in a deep temporary folder the tree has none.
fn make_socket(path: &Path) -> io::Result<()> {
    match std::os::unix::net::UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::InvalidInput => Ok(()),
        result => result.map(drop),
    }
}

#[cfg(target_os = "linux")]
fn make_pipe(path: &Path) -> io::Result<()> {
    Ok(rustix::fs::mknodat(rustix::fs::CWD, path, FileType::Fifo, Mode::from_raw_mode(0o640), 0)?)
}

#[cfg(not(target_os = "linux"))]
fn make_pipe(path: &Path) -> io::Result<()> {
    std::process::Command::new("mkfifo").arg(path).status().map(|_| ())
}

/// Extended attributes of every size a small tree needs; a file system without them leaves the tree without them.
fn make_attributes(folder: &Path, random: &mut SeededRandom) -> io::Result<()> {
    let path = folder.join("with attributes");
    fs::write(&path, b"see my attributes")?;
    let none = rustix::fs::XattrFlags::empty();
    for (name, value) in [
        ("user.comment", b"a comment".to_vec()),
        ("user.empty", Vec::new()),
        ("user.large", random.bytes(2000)),
    ] {
        match rustix::fs::setxattr(&path, name, &value, none) {
            Err(rustix::io::Errno::NOTSUP) => return Ok(()),
            result => result?,
        }
    }
    rustix::fs::setxattr(folder.join("empty folder"), "user.on.a.folder", b"yes", none)?;
    Ok(())
}

/// Times to the nanosecond, before 1970, and on a link and a folder.
fn make_times(folder: &Path) -> io::Result<()> {
    fs::write(folder.join("before 1970"), b"old")?;
    for (name, seconds, nanoseconds) in [
        ("before 1970", -86_401, 5),
        ("link", 1_000_000_000, 123_456_789),
        ("empty folder", 1_234_567_890, 1),
    ] {
        let time = Timespec { tv_sec: seconds, tv_nsec: nanoseconds };
        let times = Timestamps { last_access: time, last_modification: time };
        rustix::fs::utimensat(rustix::fs::CWD, folder.join(name), &times, AtFlags::SYMLINK_NOFOLLOW)?;
    }
    Ok(())
}

/// A chain of folders below a root that exists, with a file at its bottom.
///
/// # Errors
/// The system's, as it came.
pub fn make_deep_tree(root: &Path, levels: usize) -> io::Result<()> {
    let mut folder = rustix::fs::open(root, FOLDER, Mode::empty())?;
    for _ in 0..levels {
        rustix::fs::mkdirat(&folder, "d", Mode::from_raw_mode(0o755))?;
        folder = rustix::fs::openat(&folder, "d", FOLDER, Mode::empty())?;
    }
    let file = rustix::fs::openat(
        &folder,
        "bottom",
        OFlags::CREATE | OFlags::WRONLY | OFlags::CLOEXEC,
        Mode::from_raw_mode(0o644),
    )?;
    rustix::io::write(&file, b"at the bottom")?;
    Ok(())
}

/// Removes a tree of any depth, folders without permissions included.
///
/// # Errors
/// The system's, as it came.
pub fn remove_tree(root: &Path) -> io::Result<()> {
    let mut stack: Vec<(CString, Vec<CString>)> = Vec::new();
    let mut folder = rustix::fs::open(root, FOLDER, Mode::empty())?;
    let mut names = sorted_names(&folder)?;
    loop {
        if let Some(name) = names.pop() {
            let stat = rustix::fs::statat(&folder, &name, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
                let _best_effort =
                    rustix::fs::chmodat(&folder, &name, Mode::from_raw_mode(0o700), AtFlags::empty());
                folder = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty())?;
                stack.push((name, std::mem::replace(&mut names, sorted_names(&folder)?)));
            } else {
                rustix::fs::unlinkat(&folder, &name, AtFlags::empty())?;
            }
        } else if let Some((name, rest)) = stack.pop() {
            folder = rustix::fs::openat(&folder, "..", FOLDER, Mode::empty())?;
            rustix::fs::unlinkat(&folder, &name, AtFlags::REMOVEDIR)?;
            names = rest;
        } else {
            return fs::remove_dir(root);
        }
    }
}

/// Calls back for every entry below a folder with what a comparison needs. The path given is only fit for showing.
pub(crate) fn visit(root: &Path, each: &mut dyn FnMut(&Path, Observed) -> io::Result<()>) -> io::Result<()> {
    let mut stack: Vec<(usize, Vec<CString>)> = Vec::new();
    let mut folder = rustix::fs::open(root, FOLDER, Mode::empty())?;
    let mut names = sorted_names(&folder)?;
    let mut path: Vec<u8> = Vec::new();
    loop {
        if let Some(name) = names.pop() {
            let length = path.len();
            if length > 0 {
                path.push(b'/');
            }
            path.extend_from_slice(name.to_bytes());
            let observed = observe(&folder, &name, path.clone())?;
            let descend = observed.kind == ObservedKind::Folder;
            each(Path::new(OsStr::from_bytes(&path)), observed)?;
            if descend {
                folder = rustix::fs::openat(&folder, &name, FOLDER, Mode::empty())?;
                stack.push((length, std::mem::replace(&mut names, sorted_names(&folder)?)));
            } else {
                path.truncate(length);
            }
        } else if let Some((length, rest)) = stack.pop() {
            folder = rustix::fs::openat(&folder, "..", FOLDER, Mode::empty())?;
            path.truncate(length);
            names = rest;
        } else {
            return Ok(());
        }
    }
}

/// The names in a folder, last first.
fn sorted_names(folder: &OwnedFd) -> io::Result<Vec<CString>> {
    let mut names = Vec::new();
    for item in Dir::read_from(folder)? {
        let name = item?.file_name().to_owned();
        if name.to_bytes() != b"." && name.to_bytes() != b".." {
            names.push(name);
        }
    }
    names.sort_unstable_by(|a, b| b.cmp(a));
    Ok(names)
}

/// All that a comparison asks about one entry.
// The width of these fields differs from system to system.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
fn observe(folder: &OwnedFd, name: &CStr, path: Vec<u8>) -> io::Result<Observed> {
    let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW)?;
    let mut observed = Observed::new(path, ObservedKind::Other);
    observed.mode = (stat.st_mode as u32) & 0o7777;
    observed.user_id = stat.st_uid;
    observed.group_id = stat.st_gid;
    observed.modified = Timestamp::new(stat.st_mtime as i64, u32::try_from(stat.st_mtime_nsec).unwrap_or(0));
    observed.kind = match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile => ObservedKind::File,
        FileType::Directory => ObservedKind::Folder,
        FileType::Symlink => ObservedKind::Symlink,
        FileType::Fifo => ObservedKind::Pipe,
        FileType::Socket => ObservedKind::Socket,
        _ => ObservedKind::Other,
    };
    match observed.kind {
        ObservedKind::File => {
            observed.size_bytes = u64::try_from(stat.st_size).unwrap_or(0);
            observed.allocated_bytes = u64::try_from(stat.st_blocks).unwrap_or(0) * 512;
            if stat.st_nlink as u64 > 1 {
                observed.inode = Some(stat.st_ino as u64);
            }
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let file = rustix::fs::openat(folder, name, flags, Mode::empty())?;
            observed.attributes = attributes(&file)?;
            observed.read_content(&mut File::from(file))?;
        }
        ObservedKind::Folder => {
            observed.attributes = attributes(&rustix::fs::openat(folder, name, FOLDER, Mode::empty())?)?;
        }
        ObservedKind::Symlink => {
            observed.target = rustix::fs::readlinkat(folder, name, Vec::new())?.into_bytes();
        }
        _ => {}
    }
    Ok(observed)
}

/// Extended attributes with their values, sorted.
fn attributes(item: impl AsFd) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut list = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
    let length = match rustix::fs::flistxattr(&item, &mut list[..]) {
        Err(rustix::io::Errno::NOTSUP) => return Ok(Vec::new()),
        length => length?,
    };
    let mut found = Vec::new();
    let mut value = vec![0_u8; ATTRIBUTE_LIMIT_BYTES];
    for name in list[..length].split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        let length = rustix::fs::fgetxattr(&item, name, &mut value[..])?;
        found.push((name.to_vec(), value[..length].to_vec()));
    }
    found.sort();
    Ok(found)
}
