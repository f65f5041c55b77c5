//! Windows paths in the form that has no limit of 260 characters.
//!
//! Invariant: the result names the same file. Deliberately not here: file names as bytes (`windows`).

use std::ffi::OsString;
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
