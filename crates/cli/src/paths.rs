//! Paths from arguments: bytes as the system gave them, in the escaped form the border speaks.

use std::ffi::OsStr;
use std::path::Path;

use keepwell_api::path_text;

/// A path of this machine, made whole.
pub fn local(path: &Path) -> String {
    let whole = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    path_text::encode(&path_text::bytes_of(&whole))
}

/// A place of a pair: a path of this machine made whole, or an address as it was typed.
pub fn place(text: &OsStr) -> String {
    match text.to_str() {
        Some(address) if is_remote(text) => path_text::encode(address.as_bytes()),
        _ => local(Path::new(text)),
    }
}

/// Whether an argument is the address of a place that is not on this machine.
pub fn is_remote(text: &OsStr) -> bool {
    text.to_str().is_some_and(|text| text.contains("://"))
}

/// A path in a snapshot: as `--json` printed it, or as a person typed it (then a `%` is only a `%`).
pub fn in_snapshot(path: &OsStr) -> String {
    match path.to_str().map(path_text::decode) {
        // What a person typed may hold what is printed in another form.
        Some(Ok(bytes)) => path_text::encode(&bytes),
        _ => path_text::encode(path.as_encoded_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_of_a_path_in_a_snapshot_are_taken() {
        assert_eq!(in_snapshot(OsStr::new("a/100%25.txt")), "a/100%25.txt");
        assert_eq!(in_snapshot(OsStr::new("a/100%.txt")), "a/100%25.txt");
        assert_eq!(in_snapshot(OsStr::new("a/ü b")), "a/ü b");
        assert_eq!(in_snapshot(OsStr::new("a/\u{1b}[1mx")), "a/%1B[1mx");
        assert_eq!(in_snapshot(OsStr::new("a/%1B[1mx")), "a/%1B[1mx");
        #[cfg(unix)]
        {
            use std::os::unix::ffi::OsStrExt;
            assert_eq!(in_snapshot(OsStr::from_bytes(b"caf\xe9")), "caf%E9");
        }
    }
}
