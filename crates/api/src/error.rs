//! The one error of the border: what every host shows or prints.
//!
//! Invariant: a code exists only because some client branches on it; nobody matches message text. No error carries a
//! secret, and of what it says every sign can be seen. Deliberately not here: the errors of the engine, which are folded
//! into this one in `fold.rs`.

use keepwell_model::{shown, shown_lines};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

/// What a client can branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub enum ErrorCode {
    /// The request itself is wrong: a missing field, a bad value, an unknown command.
    BadRequest,
    /// What was named does not exist (any more).
    NotFound,
    /// There is something already where something new was to be made.
    AlreadyExists,
    /// The password (or recovery key) does not open the repository.
    WrongPassword,
    /// No password is known for this repository on this machine: ask the person.
    PasswordNeeded,
    /// The data was made by a newer Keepwell: nothing is wrong with it, update this one.
    NewerKeepwell,
    /// Stored data is damaged.
    Damaged,
    /// The place can not be reached now.
    Unreachable,
    /// The place is full.
    NoSpace,
    /// The system does not let us.
    Permission,
    /// Nobody has said yet that this is the right server: `server` is what a person has to judge.
    UnknownServer,
    /// The server shows another key than the one that was accepted.
    ServerChanged,
    /// Another run or another Keepwell is busy with it.
    Busy,
    /// A safety brake waits for a person.
    Halted,
    /// The person asked to stop.
    Cancelled,
    /// Anything else; the message says what.
    Failed,
}

/// The key a server showed, for a person to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct ShownServer {
    /// The server's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The kind of key.
    pub algorithm: String,
    /// `SHA256:…`, to be compared with what the server's keeper says.
    pub fingerprint: String,
    /// The public key: accepting it sends exactly this back.
    pub public_key: String,
    /// Of a changed server: the key that was accepted, and where it is written down.
    pub known: Option<String>,
}

/// Something went wrong: what happened, what to do next, what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS, thiserror::Error)]
#[serde(rename_all = "camelCase")]
#[error("{message}")]
pub struct ApiError {
    /// What a client can branch on.
    pub code: ErrorCode,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// The path it is about, for people.
    pub path: Option<String>,
    /// Whether the same call may succeed later without any change.
    pub retry: bool,
    /// The server a person has to judge.
    #[serde(default)]
    pub server: Option<Box<ShownServer>>,
}

impl ApiError {
    /// An error with a code and a sentence.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        let retry = matches!(code, ErrorCode::Unreachable | ErrorCode::Busy);
        let message = shown_lines(&message.into());
        Self { code, message, hint: None, path: None, retry, server: None }
    }

    /// With what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(shown_lines(&hint.into()));
        self
    }

    /// With the path it is about.
    #[must_use]
    pub fn about(mut self, path: impl Into<String>) -> Self {
        self.path = Some(shown(path.into().as_bytes()));
        self
    }

    /// The request itself is wrong.
    #[must_use]
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, message)
    }

    /// What was named does not exist.
    #[must_use]
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(ErrorCode::NotFound, message)
    }
}
