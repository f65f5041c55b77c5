//! What can go wrong on the way to a server, before it is about a path.
//!
//! Invariants: no secret is ever part of it; what broke the connection is told apart from what the server answered,
//! because only the first is tried again.

use crate::error::EndpointError;

use super::packet::status;

/// The outcome of one question to a server.
#[derive(Debug, Clone, thiserror::Error)]
pub(super) enum SftpError {
    /// The server answered, with a refusal.
    #[error("the server answered: {message} (SFTP status {code})")]
    Status { code: u32, message: String },
    /// There was no answer: the connection broke, or the server stayed silent. Whether it was done is unknown.
    #[error("{0}")]
    Lost(String),
    /// The server answered something that makes no sense.
    #[error("{0}")]
    Protocol(String),
    /// There is no connection, and trying again does not help.
    #[error("{0}")]
    Closed(std::sync::Arc<EndpointError>),
}

impl SftpError {
    pub(super) fn protocol(why: &str) -> Self {
        Self::Protocol(why.to_owned())
    }

    /// Whether another connection may help.
    pub(super) fn is_lost(&self) -> bool {
        matches!(self, Self::Lost(_))
    }

    pub(super) fn is_status(&self, wanted: u32) -> bool {
        matches!(self, Self::Status { code, .. } if *code == wanted)
    }

    /// Said of a path.
    pub(super) fn about(self, action: &'static str, path: String) -> EndpointError {
        match self {
            Self::Status { code: status::NO_SUCH_FILE, .. } => EndpointError::NotFound { path },
            Self::Status { code: status::PERMISSION_DENIED, .. } => {
                EndpointError::PermissionDenied { action, path }
            }
            Self::Status { .. } => {
                EndpointError::Io { action, path, source: std::io::Error::other(self.to_string()) }
            }
            Self::Lost(why) => EndpointError::Unreachable { path, why },
            Self::Protocol(why) => EndpointError::Unexpected { path, why },
            Self::Closed(error) => copy_of(&error),
        }
    }
}

/// The reason why there is no connection, once more for whoever asks next.
fn copy_of(error: &EndpointError) -> EndpointError {
    match error {
        EndpointError::SignIn { path, why } => EndpointError::SignIn { path: path.clone(), why: why.clone() },
        EndpointError::UnknownServer { path, key } => {
            EndpointError::UnknownServer { path: path.clone(), key: key.clone() }
        }
        EndpointError::ServerChanged { path, key, known } => {
            EndpointError::ServerChanged { path: path.clone(), key: key.clone(), known: known.clone() }
        }
        EndpointError::Unreachable { path, why } => {
            EndpointError::Unreachable { path: path.clone(), why: why.clone() }
        }
        EndpointError::NoSpace { action, path } => EndpointError::NoSpace { action, path: path.clone() },
        EndpointError::NotFound { path } => EndpointError::NotFound { path: path.clone() },
        EndpointError::AlreadyExists { path } => EndpointError::AlreadyExists { path: path.clone() },
        EndpointError::Changed { path } => EndpointError::Changed { path: path.clone() },
        EndpointError::ThroughLink { path } => EndpointError::ThroughLink { path: path.clone() },
        EndpointError::PermissionDenied { action, path } => {
            EndpointError::PermissionDenied { action, path: path.clone() }
        }
        EndpointError::Unexpected { path, why } => {
            EndpointError::Unexpected { path: path.clone(), why: why.clone() }
        }
        EndpointError::Io { action, path, source } => EndpointError::Io {
            action,
            path: path.clone(),
            source: std::io::Error::new(source.kind(), source.to_string()),
        },
    }
}
