//! Linux: mount points below the folders in which desktops and people mount drives.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

use keepwell_endpoint::local::unescaped;

const PARENTS: [&str; 3] = ["/media", "/run/media", "/mnt"];

pub(super) fn mounts() -> Vec<PathBuf> {
    let mounts = std::fs::read("/proc/self/mounts").unwrap_or_default();
    mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(1))
        .map(|field| PathBuf::from(std::ffi::OsString::from_vec(unescaped(field))))
        .filter(|path| PARENTS.iter().any(|parent| path.starts_with(parent)))
        .collect()
}
