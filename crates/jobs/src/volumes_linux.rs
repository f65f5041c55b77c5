//! Linux: mount points below the folders in which desktops and people mount drives.

use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

const PARENTS: [&str; 3] = ["/media", "/run/media", "/mnt"];

pub(super) fn mounts() -> Vec<PathBuf> {
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
        let digits = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let escaped =
            digits.filter(|_| *first == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        bytes.push(escaped.unwrap_or(*first));
        rest = if escaped.is_some() { after.get(3..).unwrap_or_default() } else { after };
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_with_blanks_are_read_as_the_kernel_writes_them() {
        assert_eq!(unescape(br"/media/me/My\040Drive\134x"), br"/media/me/My Drive\x");
        assert_eq!(unescape(br"\04"), br"\04");
    }
}
