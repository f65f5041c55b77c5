//! The one error of this crate: what was tried, on which path, and what the system said.

use std::io;

use crate::server_key::ServerKey;

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
    /// The server can not be reached, stopped answering, or the connection broke: trying again may help.
    #[error("{path} can not be reached: {why}")]
    Unreachable {
        /// The address, or the path or key.
        path: String,
        /// What happened.
        why: String,
    },
    /// The server does not accept who we say we are.
    #[error("{path} did not accept the sign-in: {why}")]
    SignIn {
        /// The address.
        path: String,
        /// What was tried, without any secret.
        why: String,
    },
    /// Nobody has said yet that this is the right server: its fingerprint has to be shown and accepted.
    #[error("{path} is not known yet; it shows the {} fingerprint {}", key.algorithm, key.fingerprint)]
    UnknownServer {
        /// The address.
        path: String,
        /// What the server showed.
        key: Box<ServerKey>,
    },
    /// The server shows another key than the one that was accepted for it.
    #[error("{path} shows another key than before: {} {}; known is {known}", key.algorithm, key.fingerprint)]
    ServerChanged {
        /// The address.
        path: String,
        /// What the server showed.
        key: Box<ServerKey>,
        /// Where the known key is written down, with its fingerprint.
        known: String,
    },
    /// What is at the path is not what was there before: somebody changed it meanwhile.
    #[error("{path} changed meanwhile")]
    Changed {
        /// The path or key.
        path: String,
    },
    /// A link stands between, and nothing is removed or moved through one: what it points to has its own place.
    #[error(
        "{path} is a link here, or is reached through one: what a link points to is not taken away by it"
    )]
    ThroughLink {
        /// The path or key.
        path: String,
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
            | Self::Changed { path }
            | Self::Unreachable { path, .. }
            | Self::SignIn { path, .. }
            | Self::UnknownServer { path, .. }
            | Self::ServerChanged { path, .. }
            | Self::ThroughLink { path }
            | Self::Io { path, .. } => path,
        }
    }

    /// The same as a whole sentence, to stand behind another one. A path at its beginning stays as it is written.
    #[must_use]
    pub fn sentence(&self) -> String {
        let mut text = self.to_string();
        if self.path().is_empty() || !text.starts_with(self.path()) {
            let first: String = text.chars().take(1).flat_map(char::to_uppercase).collect();
            let end = text.chars().next().map_or(0, char::len_utf8);
            text.replace_range(..end, &first);
        }
        if !text.ends_with('.') {
            text.push('.');
        }
        text
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::NotFound { path } if is_address(path) => {
                "Check that the address is right: a folder on a server has to be there."
            }
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
            Self::Unreachable { .. } => {
                "Check the network and that the server runs, then try again: what was stored before is safe."
            }
            Self::SignIn { .. } => "Check the user name and the password or key for this server.",
            Self::UnknownServer { .. } => {
                "Compare the fingerprint with the one the server's keeper gives you, and accept it only if they agree."
            }
            Self::ServerChanged { .. } => {
                "Do not go on before the server's keeper has confirmed the new key: somebody may stand in between."
            }
            Self::Changed { .. } => "Nothing was touched. Run it again: it looks anew.",
            Self::ThroughLink { .. } => {
                "Remove or move the link itself where it is, or let the pair keep links as links."
            }
            Self::Io { path, .. } if is_address(path) => {
                "Try again. If the server answers the same, tell whoever keeps it what it said."
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::FileTooLarge => {
                "The drive takes no file of this size (FAT takes less than 4 GiB): leave it out, or use another drive."
            }
            Self::Io { source, .. } if source.kind() == io::ErrorKind::Unsupported => {
                "The file system there can not hold this: use another place if you need it."
            }
            Self::Io { .. } => "Check the drive and its cable, then try again.",
        }
    }
}

/// Whether a path is on a server, so that no drive here is to blame.
fn is_address(path: &str) -> bool {
    path.contains("://")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_begins_and_ends_as_one_and_leaves_a_path_as_it_is() {
        let path = || "folder/file".to_owned();
        let denied = EndpointError::PermissionDenied { action: "read", path: path() };
        assert_eq!(denied.sentence(), "No permission to read folder/file.");
        assert_eq!(EndpointError::Changed { path: path() }.sentence(), "folder/file changed meanwhile.");
        let why = "\u{e9}t\u{e9}.".to_owned();
        let odd = EndpointError::Unexpected { path: String::new(), why };
        assert_eq!(odd.sentence(), " is not what was expected: \u{e9}t\u{e9}.");
    }
}
