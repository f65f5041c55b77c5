//! The one error of this crate: what was tried, on which path, and what the system said.

use std::io;

/// An operation on a place failed.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// There is nothing at the path.
    #[error("{path} does not exist")]
    NotFound {
        /// The path or key.
        path: String,
    },
    /// Something is at the path already.
    #[error("{path} already exists")]
    AlreadyExists {
        /// The path or key.
        path: String,
    },
    /// The system does not let us.
    #[error("no permission to {action} {path}")]
    PermissionDenied {
        /// What was tried, as a verb: `read`, `write`, `list`, …
        action: &'static str,
        /// The path or key.
        path: String,
    },
    /// The place has no room left.
    #[error("no space left to {action} {path}")]
    NoSpace {
        /// What was tried.
        action: &'static str,
        /// The path or key.
        path: String,
    },
    /// The path leads through something that is not what it was taken for (a link, a file where a folder should be).
    #[error("{path} is not what was expected: {why}")]
    Unexpected {
        /// The path or key.
        path: String,
        /// What was found.
        why: String,
    },
    /// Anything else the system reports.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The path or key.
        path: String,
        /// The system's error.
        source: io::Error,
    },
}

impl EndpointError {
    /// Sorts a system error into the kinds a caller branches on.
    pub fn from_io(action: &'static str, path: impl Into<String>, source: io::Error) -> Self {
        let path = path.into();
        match source.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::AlreadyExists => Self::AlreadyExists { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { action, path },
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::NoSpace { action, path },
            _ => Self::Io { action, path, source },
        }
    }

    /// The path or key it is about.
    #[must_use]
    pub fn path(&self) -> &str {
        match self {
            Self::NotFound { path }
            | Self::AlreadyExists { path }
            | Self::PermissionDenied { path, .. }
            | Self::NoSpace { path, .. }
            | Self::Unexpected { path, .. }
            | Self::Io { path, .. } => path,
        }
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::NotFound { .. } => {
                "Check that the drive is connected and the path is right, then try again."
            }
            Self::AlreadyExists { .. } => "Choose another name, or remove what is there.",
            Self::PermissionDenied { .. } => {
                "Give your account access to it, or run Keepwell as someone who has it."
            }
            Self::NoSpace { .. } => {
                "Free some space there, then run it again: what was stored before is safe."
            }
            Self::Unexpected { .. } => {
                "Look at what is at this path, and move it aside if it does not belong there."
            }
            Self::Io { .. } => "Check the drive and its cable, then try again.",
        }
    }
}
