//! Errors of the layers below become faults: sorted into what a client branches on, with the path and the next step.

use keepwell_backup::BackupError;
use keepwell_backup::restore::RestoreError;
use keepwell_catalog::{CatalogError, CredentialError};
use keepwell_endpoint::EndpointError;
use keepwell_repository::RepositoryError;
use keepwell_sync::SyncError;

use crate::engine::EngineError;
use crate::outcome::{Fault, FaultKind, ShownServer};

impl From<EndpointError> for Fault {
    fn from(error: EndpointError) -> Self {
        let kind = match &error {
            EndpointError::NotFound { .. } => FaultKind::Unreachable,
            EndpointError::AlreadyExists { .. } => FaultKind::AlreadyExists,
            EndpointError::PermissionDenied { .. } => FaultKind::Permission,
            EndpointError::NoSpace { .. } => FaultKind::NoSpace,
            EndpointError::Unexpected { .. } => FaultKind::Damaged,
            EndpointError::Changed { .. } | EndpointError::ThroughLink { .. } => FaultKind::Failed,
            EndpointError::Unreachable { .. } | EndpointError::Io { .. } => FaultKind::Unreachable,
            EndpointError::SignIn { .. } => FaultKind::Permission,
            EndpointError::UnknownServer { .. } => FaultKind::UnknownServer,
            EndpointError::ServerChanged { .. } => FaultKind::ServerChanged,
        };
        let server = ShownServer::of(&error).map(Box::new);
        Self { server, ..Self::new(kind, sentence(&error), error.next_step()).about(error.path()) }
    }
}

impl From<RepositoryError> for Fault {
    fn from(error: RepositoryError) -> Self {
        let (message, next) = (sentence(&error), error.next_step());
        let (kind, path) = match error {
            RepositoryError::Endpoint(error) => return error.into(),
            RepositoryError::NotARepository { path } => (FaultKind::NotFound, Some(path)),
            RepositoryError::AlreadyARepository { path } | RepositoryError::NotEmpty { path } => {
                (FaultKind::AlreadyExists, Some(path))
            }
            RepositoryError::Newer { path, .. } => (FaultKind::Newer, Some(path)),
            RepositoryError::Damaged { path, .. } | RepositoryError::MissingChunk { path, .. } => {
                (FaultKind::Damaged, Some(path))
            }
            RepositoryError::WrongPassword { path } => (FaultKind::WrongPassword, Some(path)),
            RepositoryError::LastKey { path } => (FaultKind::BadRequest, Some(path)),
            RepositoryError::NoSuch { path, .. } => (FaultKind::NotFound, Some(path)),
            RepositoryError::Limit { .. }
            | RepositoryError::NoRandomness { .. }
            | RepositoryError::Stopped { .. }
            | RepositoryError::Cancelled => (FaultKind::Failed, None),
        };
        Self { path, ..Self::new(kind, message, next) }
    }
}

impl From<BackupError> for Fault {
    fn from(error: BackupError) -> Self {
        let (message, next) = (sentence(&error), error.next_step());
        match error {
            BackupError::Repository(error) => error.into(),
            BackupError::Source(error) => error.into(),
            BackupError::Rules(_) | BackupError::Request { .. } => {
                Self::new(FaultKind::BadRequest, message, next)
            }
        }
    }
}

impl From<RestoreError> for Fault {
    fn from(error: RestoreError) -> Self {
        let (message, next) = (sentence(&error), error.next_step());
        match error {
            RestoreError::Repository(error) => error.into(),
            RestoreError::Target(error) => error.into(),
            RestoreError::NotEnoughSpace { path, .. } => {
                Self::new(FaultKind::NoSpace, message, next).about(path)
            }
            RestoreError::NotInSnapshot { path } => Self::new(FaultKind::NotFound, message, next).about(path),
            RestoreError::NoOrigin { path, .. } | RestoreError::TargetInRepository { path } => {
                Self::new(FaultKind::BadRequest, message, next).about(path)
            }
            RestoreError::Cancelled => Self::new(FaultKind::Failed, message, next),
        }
    }
}

impl From<SyncError> for Fault {
    fn from(error: SyncError) -> Self {
        let (message, next) = (sentence(&error), error.next_step());
        let path = match &error {
            SyncError::Database { path, .. } | SyncError::Io { path, .. } | SyncError::Newer { path, .. } => {
                Some(path.display().to_string())
            }
            SyncError::Place { source, .. } => Some(source.path().to_owned()),
            _ => None,
        };
        let server = match &error {
            SyncError::Place { source, .. } => ShownServer::of(source).map(Box::new),
            _ => None,
        };
        let kind = match error {
            SyncError::Place { source, .. } => Self::from(source).kind,
            SyncError::Newer { .. } => FaultKind::Newer,
            SyncError::Busy => FaultKind::Busy,
            SyncError::Missing { .. } => FaultKind::NotFound,
            SyncError::AnotherPlace { .. } => FaultKind::Unreachable,
            SyncError::Braked | SyncError::Outdated | SyncError::Rule { .. } => FaultKind::BadRequest,
            SyncError::Cancelled | SyncError::Database { .. } | SyncError::Io { .. } => FaultKind::Failed,
        };
        Self { path, server, ..Self::new(kind, message, next) }
    }
}

impl From<EngineError> for Fault {
    fn from(error: EngineError) -> Self {
        let kind = match &error {
            EngineError::Unknown(_) => FaultKind::NotFound,
            EngineError::WrongState { .. } | EngineError::NoChoice => FaultKind::BadRequest,
            EngineError::TooMany | EngineError::Stopping => FaultKind::Busy,
            EngineError::Unreadable => FaultKind::Newer,
            EngineError::Catalog(_) | EngineError::Thread(_) => FaultKind::Failed,
        };
        match error {
            EngineError::Catalog(error) => error.into(),
            error => Self { kind, message: sentence(&error), hint: None, path: None, server: None },
        }
    }
}

impl From<CatalogError> for Fault {
    fn from(error: CatalogError) -> Self {
        let kind = match &error {
            CatalogError::Newer { .. } => FaultKind::Newer,
            CatalogError::Missing { .. } => FaultKind::NotFound,
            CatalogError::InUse { .. } => FaultKind::Busy,
            _ => FaultKind::Failed,
        };
        Self { kind, message: sentence(&error), hint: None, path: None, server: None }
    }
}

impl From<CredentialError> for Fault {
    fn from(error: CredentialError) -> Self {
        Self { kind: FaultKind::Failed, message: sentence(&error), hint: None, path: None, server: None }
    }
}

/// The error as a sentence: a capital letter and a full stop, unless it begins with a path.
fn sentence(error: &dyn std::fmt::Display) -> String {
    let mut text = error.to_string();
    let begins_with_a_word =
        text.chars().take_while(|character| !character.is_whitespace()).all(char::is_alphabetic);
    if begins_with_a_word && let Some(first) = text.get(..1) {
        let capital = first.to_uppercase();
        text.replace_range(..1, &capital);
    }
    if !text.ends_with(['.', '!', '?']) {
        text.push('.');
    }
    text
}
