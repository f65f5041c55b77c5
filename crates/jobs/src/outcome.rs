//! How work can end: done, cancelled, halted by a safety brake, proposed, failed.

use keepwell_endpoint::EndpointError;
use keepwell_sync::Side;
use keepwell_sync::policy::BrakeKind;
use serde::{Deserialize, Serialize};

/// A fact about a run, for people and clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fact {
    /// A word for clients.
    pub key: String,
    /// The name, for people.
    pub label: String,
    /// The value.
    pub value: u64,
    /// Whether the value is bytes.
    pub is_bytes: bool,
}

impl Fact {
    /// A count.
    #[must_use]
    pub fn count(key: &str, label: &str, value: u64) -> Self {
        Self { key: key.to_owned(), label: label.to_owned(), value, is_bytes: false }
    }

    /// A number of bytes.
    #[must_use]
    pub fn bytes(key: &str, label: &str, value: u64) -> Self {
        Self { key: key.to_owned(), label: label.to_owned(), value, is_bytes: true }
    }
}

/// Something that was left out on purpose, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// Why.
    pub reason: String,
    /// How many items.
    pub count: u64,
}

/// What a run did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// The snapshot made or restored, in full.
    pub snapshot_id: Option<String>,
    /// Items looked at.
    pub items: u64,
    /// Bytes looked at.
    pub bytes: u64,
    /// Bytes written.
    pub bytes_written: u64,
    /// The facts.
    pub facts: Vec<Fact>,
    /// What was left out, and why.
    pub skipped: Vec<Skip>,
    /// BLAKE3 Merkle root over the entries, in hexadecimal.
    pub merkle_root: String,
    /// There was nothing to do, or it did not begin because a person holds it: where nobody asked for the run by hand, it
    /// leaves no trace in the history.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_idle: bool,
    /// A sync that looked only where something had changed: it says nothing of what is elsewhere.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub was_partial: bool,
    /// A sync whose pair was to work otherwise before it was over: what it found is not what would be found now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outdated: bool,
}

/// What a client can branch on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// What was named does not exist.
    NotFound,
    /// Something is there already.
    AlreadyExists,
    /// The password does not open the repository.
    WrongPassword,
    /// No password is known.
    PasswordNeeded,
    /// Made by a newer Keepwell.
    Newer,
    /// Stored data is damaged.
    Damaged,
    /// The place can not be reached now.
    Unreachable,
    /// The place is full.
    NoSpace,
    /// The system does not let us.
    Permission,
    /// Nobody has said yet that this is the right server.
    UnknownServer,
    /// The server shows another key than the one that was accepted.
    ServerChanged,
    /// Another is busy with it.
    Busy,
    /// The request itself is wrong.
    BadRequest,
    /// Anything else.
    Failed,
}

/// The key a server showed, for a person to judge.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShownServer {
    /// The server's name or number.
    pub host: String,
    /// Its port.
    pub port: u16,
    /// The kind of key.
    pub algorithm: String,
    /// `SHA256:…`
    pub fingerprint: String,
    /// The public key in OpenSSH's form.
    pub public_key: String,
    /// Of a changed server: the key that was accepted, and where it is written down.
    pub known: Option<String>,
}

impl ShownServer {
    /// What an error says of a server.
    #[must_use]
    pub fn of(error: &EndpointError) -> Option<Self> {
        let (key, known) = match error {
            EndpointError::UnknownServer { key, .. } => (key, None),
            EndpointError::ServerChanged { key, known, .. } => (key, Some(known.clone())),
            _ => return None,
        };
        Some(Self {
            host: key.host.clone(),
            port: key.port,
            algorithm: key.algorithm.clone(),
            fingerprint: key.fingerprint.clone(),
            public_key: key.public_key.clone(),
            known,
        })
    }
}

/// Why a run failed: what happened, what to do next, what it is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct Fault {
    /// What a client can branch on.
    pub kind: FaultKind,
    /// What happened, in a sentence.
    pub message: String,
    /// What to do next.
    pub hint: Option<String>,
    /// What it is about, for people.
    pub path: Option<String>,
    /// The server a person has to judge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub server: Option<Box<ShownServer>>,
}

impl Fault {
    /// A fault with a sentence and what to do next.
    #[must_use]
    pub fn new(kind: FaultKind, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { kind, message: message.into(), hint: Some(hint.into()), path: None, server: None }
    }

    /// With what it is about.
    #[must_use]
    pub fn about(mut self, path: impl Into<String>) -> Self {
        self.path = Some(path.into());
        self
    }

    /// Whether it may pass by itself.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        matches!(self.kind, FaultKind::Unreachable | FaultKind::Busy)
    }
}

/// A safety brake: a person has to look.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halt {
    /// What was found, in a sentence.
    pub reason: String,
    /// What going on means.
    pub if_continued: String,
    /// What else a person can choose.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub choices: Vec<Choice>,
    /// The brakes, one by one, where there can be several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub brakes: Vec<PulledBrake>,
    /// Tells the plan of a sync that was held from any other: what a person answers is about that one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<String>,
}

/// One brake of a sync that was pulled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PulledBrake {
    /// Which.
    pub kind: BrakeKind,
    /// The side that looks wrong.
    pub side: Side,
    /// How many items it is about.
    pub items: u64,
    /// Out of how many.
    pub out_of: u64,
    /// What was found, in a sentence; empty where an older Keepwell wrote it down.
    #[serde(default)]
    pub found: String,
    /// A few of them, for people.
    pub examples: Vec<String>,
    /// Whether the run may go on although it was pulled.
    pub can_release: bool,
    /// Whether the side can be filled again from the other.
    pub can_bring_back: bool,
}

/// The choice every halt and every proposal has: to go on.
pub const CONTINUE: &str = "continue";

/// One way on from a halt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// A word for clients.
    pub key: String,
    /// What it is called, for people.
    pub label: String,
    /// What it means for the data.
    pub means: String,
}

/// What a job would do: a person has to say whether it shall.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proposal {
    /// What would be done, in a sentence.
    pub summary: String,
    /// In numbers.
    pub facts: Vec<Fact>,
    /// Tells this plan from any other: what a person said yes to is what is done.
    pub digest: String,
    /// The pair was to work otherwise before it was planned: what is shown is not what would be found now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_outdated: bool,
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq)]
pub enum Ending {
    /// It is done; whether there were problems is in the run's control.
    Done(Outcome),
    /// The person stopped it; what was done until then.
    Cancelled(Outcome),
    /// A safety brake was pulled before anything was changed.
    Halted(Halt),
    /// It is planned and was to be shown first: nothing is done before a person says so.
    Proposed(Proposal),
    /// It could not be done.
    Failed(Fault),
    /// It could not be done to its end; what was done until then.
    BrokenOff(Fault, Outcome),
}
