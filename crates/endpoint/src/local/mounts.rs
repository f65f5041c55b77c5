//! What is mounted below a folder of this machine, as Linux tells it.
//!
//! Invariants: no file system is asked where something is mounted, for one may hang; which volume it is is asked of each.
//! Elsewhere nothing is told. Deliberately not here: the volume of a folder (`tree`).

use std::collections::BTreeMap;
use std::path::Path;

use keepwell_model::RelativePath;

use super::LocalTree;

/// Where something is mounted below a folder, with the volume as [`crate::tree::PlaceIdentity::volume`] tells it: empty
/// where nothing lasting names it, or it can not be asked.
#[must_use]
pub fn mounted_below(folder: &Path) -> BTreeMap<RelativePath, String> {
    if !cfg!(target_os = "linux") {
        return BTreeMap::new();
    }
    let (Ok(text), Ok(folder)) = (std::fs::read("/proc/self/mountinfo"), std::fs::canonicalize(folder))
    else {
        return BTreeMap::new();
    };
    let volume = |path: &RelativePath| {
        let at = std::str::from_utf8(path.as_bytes()).ok().map(|path| folder.join(path));
        at.and_then(|at| LocalTree::volume_at(&at).ok()).unwrap_or_default()
    };
    let below = below(&text, folder.as_os_str().as_encoded_bytes());
    below.into_iter().map(|path| (path.clone(), volume(&path))).collect()
}

/// The mount points below a folder, relative to it.
fn below(text: &[u8], folder: &[u8]) -> Vec<RelativePath> {
    let folder = folder.strip_suffix(b"/").unwrap_or(folder);
    let place = |line: &[u8]| {
        let place = unescaped(line.split(|byte| *byte == b' ').nth(4)?);
        RelativePath::parse(place.strip_prefix(folder)?.strip_prefix(b"/")?).ok()
    };
    let places = text.split(|byte| *byte == b'\n').filter_map(place);
    places.filter(|path| !path.is_root()).collect()
}

/// The kernel writes blanks and the like as a backslash and three octal digits.
#[must_use]
pub fn unescaped(field: &[u8]) -> Vec<u8> {
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
    fn only_what_is_mounted_below_the_folder_is_told() {
        let text = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
            40 22 8:17 / /home/me/My\\040Drive rw - exfat /dev/sdb1 rw\n\
            41 22 8:33 / /home/me/a/b rw - ext4 /dev/sdc1 rw\n\
            42 22 0:40 / /home/me rw - tmpfs none rw\n\
            43 22 0:41 / /home/mean rw - tmpfs none rw\n";
        let shown =
            |folder: &[u8]| below(text, folder).into_iter().map(|path| path.to_string()).collect::<Vec<_>>();
        assert_eq!(shown(b"/home/me"), ["My Drive", "a/b"]);
        assert_eq!(shown(b"/home/me/a"), ["b"]);
        assert_eq!(shown(b"/home/me/a/b"), [""; 0]);
        assert_eq!(shown(b"/").len(), 4);
    }

    #[test]
    fn names_with_blanks_are_read_as_the_kernel_writes_them() {
        assert_eq!(unescaped(br"/media/me/My\040Drive\134x"), br"/media/me/My Drive\x");
        assert_eq!(unescaped(br"\04"), br"\04");
    }
}
