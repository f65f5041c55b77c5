//! Linux: mount points below the folders desktops and people mount drives in.

use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::Space;

/// Where desktops and people mount drives.
const PARENTS: [&str; 3] = ["/media", "/run/media", "/mnt"];

pub(super) fn removable() -> Vec<PathBuf> {
    let mounts = std::fs::read("/proc/self/mounts").unwrap_or_default();
    mounts
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(1))
        .map(|field| PathBuf::from(std::ffi::OsString::from_vec(unescape(field))))
        .filter(|path| PARENTS.iter().any(|parent| path.starts_with(parent)))
        .collect()
}

/// The kernel writes blanks and the like as a backslash and three octal digits.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let escaped = (*first == b'\\')
            .then(|| after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok()))
            .flatten()
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match escaped {
            Some(byte) => {
                bytes.push(byte);
                rest = after.get(3..).unwrap_or_default();
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    bytes
}

pub(super) fn space(path: &Path) -> Space {
    match rustix::fs::statvfs(path) {
        Ok(found) => Space {
            free_bytes: found.f_bavail.checked_mul(found.f_frsize),
            total_bytes: found.f_blocks.checked_mul(found.f_frsize),
        },
        Err(_) => Space::default(),
    }
}

pub(super) fn is_other_device(one: &Path, other: &Path) -> bool {
    match (std::fs::metadata(one), std::fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.dev() != other.dev(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_are_read_as_the_kernel_writes_them() {
        assert_eq!(unescape(br"/media/me/My\040Drive\134x"), br"/media/me/My Drive\x");
        assert_eq!(unescape(br"\04"), br"\04");
    }

    #[test]
    fn the_space_of_the_root_is_known() {
        let space = space(Path::new("/"));
        assert!(space.total_bytes.unwrap() >= space.free_bytes.unwrap());
    }
}
