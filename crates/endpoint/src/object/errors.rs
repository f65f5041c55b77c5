//! What a service says, sorted into the kinds a caller branches on.
//!
//! Deliberately not here: whether to try again (`transport` did that before an error gets here).

use std::io;

use opendal::{Error, ErrorKind};

use crate::error::EndpointError;

/// The longest explanation of a service that is passed on.
const WORDS_LIMIT: usize = 300;

/// A service's error, about a key of a place.
pub(crate) fn sorted(action: &'static str, path: String, error: &Error) -> EndpointError {
    let why = words(error.message());
    let says = |parts: &[&str]| parts.iter().any(|part| why.contains(part));
    match error.kind() {
        ErrorKind::NotFound => EndpointError::NotFound { path },
        ErrorKind::AlreadyExists | ErrorKind::ConditionNotMatch => EndpointError::AlreadyExists { path },
        _ if matches!(error.kind(), ErrorKind::RangeNotSatisfied)
            || says(&[
                "got unexpected data size",
                "got too little data",
                "content range is invalid",
                "InvalidRange",
            ]) =>
        {
            EndpointError::Unexpected { path, why: "it is shorter than it should be".to_owned() }
        }
        _ if says(&[
            "InvalidAccessKeyId",
            "SignatureDoesNotMatch",
            "AuthenticationFailed",
            "InvalidToken",
            "ExpiredToken",
        ]) || error.message().contains("loading credential") =>
        {
            EndpointError::SignIn { path, why }
        }
        ErrorKind::PermissionDenied => EndpointError::PermissionDenied { action, path },
        _ if says(&["QuotaExceeded", "StorageFull", "EntityTooLarge", "InsufficientStorage", "NoSpace"]) => {
            EndpointError::NoSpace { action, path }
        }
        ErrorKind::ConfigInvalid if says(&["NoSuchBucket", "ContainerNotFound"]) => {
            EndpointError::NotFound { path }
        }
        ErrorKind::ConfigInvalid => EndpointError::Unexpected { path, why },
        ErrorKind::RateLimited => EndpointError::Unreachable { path, why },
        _ if error.is_temporary() => EndpointError::Unreachable { path, why },
        _ => EndpointError::Io { action, path, source: io::Error::other(why) },
    }
}

/// A service's explanation, short and on one line.
fn words(message: &str) -> String {
    let line = message.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WORDS_LIMIT {
        return if line.is_empty() { "the service gave no reason".to_owned() } else { line };
    }
    let mut cut: String = line.chars().take(WORDS_LIMIT).collect();
    cut.push('…');
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sort(kind: ErrorKind, message: &str) -> EndpointError {
        sorted("read", "s3://b/k".to_owned(), &Error::new(kind, message))
    }

    #[test]
    fn what_a_person_must_do_differently_is_told_apart() {
        assert!(matches!(sort(ErrorKind::NotFound, ""), EndpointError::NotFound { .. }));
        assert!(matches!(sort(ErrorKind::ConfigInvalid, "NoSuchBucket"), EndpointError::NotFound { .. }));
        assert!(matches!(
            sort(ErrorKind::PermissionDenied, "AccessDenied"),
            EndpointError::PermissionDenied { .. }
        ));
        assert!(matches!(
            sort(ErrorKind::PermissionDenied, "InvalidAccessKeyId"),
            EndpointError::SignIn { .. }
        ));
        assert!(matches!(sort(ErrorKind::Unexpected, "XMinioStorageFull"), EndpointError::NoSpace { .. }));
        assert!(matches!(sort(ErrorKind::RateLimited, "SlowDown"), EndpointError::Unreachable { .. }));
        let long = sort(ErrorKind::Unexpected, &"x\n ".repeat(1000)).to_string();
        assert!(long.len() < 500 && !long.contains('\n'));
    }
}
