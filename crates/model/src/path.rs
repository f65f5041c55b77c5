//! Paths inside a snapshot or a tree: bytes, never text.
//!
//! A file name is whatever bytes the file system holds (Unix), or WTF-8 (Windows: UTF-8 that also carries unpaired
//! surrogates). Components are joined by `/`. Invariant: a component is never empty, `.`, `..`, and holds neither `/`
//! nor NUL; so a path can never lead out of its root.

use std::fmt;

use crate::shown::shown;

/// A name that can not be a component of a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{shown}\" is not a file name: {why}")]
pub struct NameError {
    /// The name, for people.
    pub shown: String,
    /// What is wrong with it.
    pub why: &'static str,
}

/// Checks that the bytes can be one component of a path.
///
/// # Errors
/// The name is empty, `.`, `..`, or holds `/` or NUL.
pub fn check_name(name: &[u8]) -> Result<(), NameError> {
    let why = match name {
        b"" => "it is empty",
        b"." | b".." => "it leads elsewhere",
        _ if name.contains(&b'/') => "it holds a slash",
        _ if name.contains(&0) => "it holds a NUL byte",
        _ => return Ok(()),
    };
    Err(NameError { shown: shown(name), why })
}

/// A path relative to some root. The empty path is the root itself. Plans hold millions: no room is kept to grow.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelativePath(Box<[u8]>);

impl RelativePath {
    /// The root itself.
    #[must_use]
    pub fn root() -> Self {
        Self(Box::default())
    }

    /// From bytes with `/` between components; leading, trailing and doubled slashes are dropped.
    ///
    /// # Errors
    /// A component is `.`, `..` or holds NUL.
    pub fn parse(bytes: &[u8]) -> Result<Self, NameError> {
        let mut path = Self::root();
        for name in bytes.split(|byte| *byte == b'/').filter(|name| !name.is_empty()) {
            path = path.join(name)?;
        }
        Ok(path)
    }

    /// This path and one more component.
    ///
    /// # Errors
    /// The name can not be a component.
    pub fn join(&self, name: &[u8]) -> Result<Self, NameError> {
        check_name(name)?;
        let mut bytes = Vec::with_capacity(self.0.len() + 1 + name.len());
        bytes.extend_from_slice(&self.0);
        if !bytes.is_empty() {
            bytes.push(b'/');
        }
        bytes.extend_from_slice(name);
        Ok(Self(bytes.into()))
    }

    /// The path without its last component; nothing for the root.
    #[must_use]
    pub fn parent(&self) -> Option<Self> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().rposition(|byte| *byte == b'/').unwrap_or(0);
        Some(Self(self.0[..end].into()))
    }

    /// The last component; nothing for the root.
    #[must_use]
    pub fn name(&self) -> Option<&[u8]> {
        self.components().last()
    }

    /// The components from the root down.
    pub fn components(&self) -> impl Iterator<Item = &[u8]> {
        self.0.split(|byte| *byte == b'/').filter(|name| !name.is_empty())
    }

    /// Whether this is `other` or lies below it.
    #[must_use]
    pub fn starts_with(&self, other: &Self) -> bool {
        other.0.is_empty()
            || (self.0.starts_with(&other.0) && matches!(self.0.get(other.0.len()), None | Some(b'/')))
    }

    /// Whether this is the root.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes, with `/` between components.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for RelativePath {
    /// For people, not for finding the file again.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&shown(&self.0))
    }
}

impl fmt::Debug for RelativePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:?}", String::from_utf8_lossy(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_can_not_lead_out_of_its_root() {
        for bad in [&b".."[..], b"a/../b", b"./a", b"a\0b"] {
            assert!(RelativePath::parse(bad).is_err(), "{bad:?}");
        }
        assert!(RelativePath::root().join(b"a/b").is_err());
        assert!(RelativePath::root().join(b"").is_err());
    }

    #[test]
    fn parents_names_and_prefixes() {
        let path = RelativePath::parse(b"/a//bc/d/").unwrap();
        assert_eq!(path.as_bytes(), b"a/bc/d");
        assert_eq!(path.name(), Some(&b"d"[..]));
        assert_eq!(path.parent().unwrap().as_bytes(), b"a/bc");
        assert!(path.starts_with(&RelativePath::parse(b"a/bc").unwrap()));
        assert!(!path.starts_with(&RelativePath::parse(b"a/b").unwrap()));
        assert!(path.starts_with(&RelativePath::root()));
        assert_eq!(RelativePath::parse(b"a").unwrap().parent(), Some(RelativePath::root()));
    }
}
