//! Paths of origin as this system writes them: on Unix any bytes, elsewhere text.
//!
//! Invariant: bytes that are no path here are refused, never replaced. Deliberately not here: entering folders.

use std::path::PathBuf;

/// A path kept as bytes in a snapshot of this system.
#[cfg(unix)]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    use std::os::unix::ffi::OsStrExt;
    (!bytes.contains(&0)).then(|| PathBuf::from(std::ffi::OsStr::from_bytes(bytes)))
}

/// A path kept as bytes in a snapshot of this system.
#[cfg(not(unix))]
pub(crate) fn path_from_bytes(bytes: &[u8]) -> Option<PathBuf> {
    std::str::from_utf8(bytes).ok().map(PathBuf::from)
}

/// A file name as the bytes a snapshot has for it.
#[cfg(unix)]
pub(crate) fn name_to_bytes(name: &std::ffi::OsStr) -> Vec<u8> {
    use std::os::unix::ffi::OsStrExt;
    name.as_bytes().to_vec()
}

/// A file name as the bytes a snapshot has for it; a path of origin is text here.
#[cfg(not(unix))]
pub(crate) fn name_to_bytes(name: &std::ffi::OsStr) -> Vec<u8> {
    name.to_string_lossy().into_owned().into_bytes()
}
