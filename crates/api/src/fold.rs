//! Errors of the engine become the one error of the border.

use keepwell_catalog::{CatalogError, IdError};
use keepwell_endpoint::EndpointError;
use keepwell_jobs::path_text::PathTextError;
use keepwell_jobs::{EngineError, Fault, FaultKind};
use keepwell_model::path::NameError;
use keepwell_repository::RepositoryError;

use crate::error::{ApiError, ErrorCode, ShownServer};

impl From<FaultKind> for ErrorCode {
    fn from(kind: FaultKind) -> Self {
        match kind {
            FaultKind::NotFound => Self::NotFound,
            FaultKind::AlreadyExists => Self::AlreadyExists,
            FaultKind::WrongPassword => Self::WrongPassword,
            FaultKind::PasswordNeeded => Self::PasswordNeeded,
            FaultKind::Newer => Self::NewerKeepwell,
            FaultKind::Damaged => Self::Damaged,
            FaultKind::Unreachable => Self::Unreachable,
            FaultKind::NoSpace => Self::NoSpace,
            FaultKind::Permission => Self::Permission,
            FaultKind::UnknownServer => Self::UnknownServer,
            FaultKind::ServerChanged => Self::ServerChanged,
            FaultKind::Busy => Self::Busy,
            FaultKind::BadRequest => Self::BadRequest,
            FaultKind::Failed => Self::Failed,
        }
    }
}

/// A server's key as clients see it.
pub(crate) fn server(shown: keepwell_jobs::ShownServer) -> ShownServer {
    ShownServer {
        host: shown.host,
        port: shown.port,
        algorithm: shown.algorithm,
        fingerprint: shown.fingerprint,
        public_key: shown.public_key,
        known: shown.known,
    }
}

impl From<Fault> for ApiError {
    fn from(fault: Fault) -> Self {
        let error = Self::new(fault.kind.into(), fault.message);
        let server = fault.server.map(|shown| Box::new(server(*shown)));
        Self { hint: fault.hint.filter(|hint| !hint.is_empty()), path: fault.path, server, ..error }
    }
}

impl From<RepositoryError> for ApiError {
    fn from(error: RepositoryError) -> Self {
        Fault::from(error).into()
    }
}

impl From<EndpointError> for ApiError {
    fn from(error: EndpointError) -> Self {
        Fault::from(error).into()
    }
}

impl From<CatalogError> for ApiError {
    fn from(error: CatalogError) -> Self {
        Fault::from(error).into()
    }
}

impl From<keepwell_catalog::CredentialError> for ApiError {
    fn from(error: keepwell_catalog::CredentialError) -> Self {
        Fault::from(error).into()
    }
}

impl From<IdError> for ApiError {
    fn from(error: IdError) -> Self {
        CatalogError::from(error).into()
    }
}

impl From<EngineError> for ApiError {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::Unknown(_) => ErrorCode::NotFound,
            EngineError::WrongState { .. } | EngineError::NoChoice => ErrorCode::BadRequest,
            EngineError::TooMany | EngineError::Stopping => ErrorCode::Busy,
            EngineError::Unreadable => ErrorCode::NewerKeepwell,
            EngineError::Catalog(_) | EngineError::Thread(_) => ErrorCode::Failed,
        };
        match error {
            EngineError::Catalog(error) => error.into(),
            other => Self::new(code, other.to_string()),
        }
    }
}

impl From<PathTextError> for ApiError {
    fn from(error: PathTextError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::bad_request(error.to_string())
    }
}
