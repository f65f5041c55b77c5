//! Windows paths in the form that has no limit of 260 characters, and file names as bytes.
//!
//! Invariants: the long form names the same file; every name the system holds survives as bytes (WTF-8), and bytes that
//! are no such name are refused, never replaced.

use std::ffi::{OsStr, OsString};
use std::os::windows::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf, Prefix};

/// The `\\?\` form of an absolute path; any other path as it is.
pub(super) fn verbatim(path: &Path) -> PathBuf {
    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else { return path.to_path_buf() };
    let mut text = match prefix.kind() {
        Prefix::Disk(letter) => OsString::from(format!(r"\\?\{}:", char::from(letter))),
        Prefix::UNC(server, share) => {
            let mut text = OsString::from(r"\\?\UNC\");
            text.push(server);
            text.push(r"\");
            text.push(share);
            text
        }
        _ => return path.to_path_buf(),
    };
    if !path.is_absolute() {
        return path.to_path_buf();
    }
    // A verbatim path is taken literally: `.` is gone already, `..` would be a name.
    let mut names = Vec::new();
    for component in components {
        match component {
            Component::Normal(name) => names.push(name),
            Component::ParentDir => {
                names.pop();
            }
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    if names.is_empty() {
        text.push(r"\");
    }
    for name in names {
        text.push(r"\");
        text.push(name);
    }
    PathBuf::from(text)
}

/// A file name of the system (UTF-16 that may hold unpaired surrogates) as WTF-8 bytes.
pub(super) fn to_bytes(name: &OsStr) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(name.len());
    for unit in char::decode_utf16(name.encode_wide()) {
        match unit {
            Ok(character) => bytes.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
            // An unpaired surrogate in the three bytes UTF-8 would give its number.
            Err(error) => {
                let [high, low] = error.unpaired_surrogate().to_be_bytes();
                bytes.extend_from_slice(&[
                    0xe0 | high >> 4,
                    0x80 | (high & 0x0f) << 2 | low >> 6,
                    0x80 | low & 0x3f,
                ]);
            }
        }
    }
    bytes
}

/// WTF-8 bytes as a file name of the system; nothing where they are not WTF-8.
pub(super) fn from_bytes(bytes: &[u8]) -> Option<OsString> {
    let mut units = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while !rest.is_empty() {
        let (text, after) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &rest[rest.len()..]),
            Err(error) => {
                let (valid, after) = rest.split_at(error.valid_up_to());
                (std::str::from_utf8(valid).ok()?, after)
            }
        };
        units.extend(text.encode_utf16());
        rest = match after {
            [] => &[],
            [0xed, second @ 0xa0..=0xbf, third @ 0x80..=0xbf, after @ ..] => {
                units.push(0xd000 | u16::from(second & 0x3f) << 6 | u16::from(third & 0x3f));
                after
            }
            _ => return None,
        };
    }
    Some(OsString::from_wide(&units))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_verbatim_and_keep_their_meaning() {
        for (path, expected) in [
            (r"C:\a\..\b\file", r"\\?\C:\b\file"),
            (r"c:\", r"\\?\c:\"),
            (r"\\server\share\a", r"\\?\UNC\server\share\a"),
            (r"\\?\C:\a", r"\\?\C:\a"),
            (r"relative\a", r"relative\a"),
        ] {
            assert_eq!(verbatim(Path::new(path)), PathBuf::from(expected), "{path}");
        }
    }

    #[test]
    fn every_name_survives_as_bytes() {
        for units in [&[0x61, 0xe4, 0x20ac][..], &[0xd83d, 0xde00], &[0xd83d, 0x61, 0xde00], &[0xdfff]] {
            let name = OsString::from_wide(units);
            assert_eq!(from_bytes(&to_bytes(&name)), Some(name));
        }
        assert_eq!(to_bytes(OsStr::new("ä")), "ä".as_bytes());
        for rubbish in [&b"\xff"[..], b"a\xed", b"\xed\xa0", b"\xc3"] {
            assert_eq!(from_bytes(rubbish), None);
        }
    }
}
