//! The one error of this crate. Each kind is something a caller tells apart; each names the file it is about.

use keepwell_endpoint::EndpointError;
use keepwell_model::ChunkId;

/// A repository could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum RepositoryError {
    /// The place itself refused.
    #[error(transparent)]
    Endpoint(#[from] EndpointError),
    /// There is no repository at the place.
    #[error("{path} is not a Keepwell repository")]
    NotARepository {
        /// The place.
        path: String,
    },
    /// There is one already.
    #[error("{path} already holds a Keepwell repository")]
    AlreadyARepository {
        /// The place.
        path: String,
    },
    /// The folder for a new repository holds other things.
    #[error("{path} is not empty")]
    NotEmpty {
        /// The place.
        path: String,
    },
    /// The file says that it needs a Keepwell that knows more.
    #[error("{path} was made by a newer Keepwell ({what})")]
    Newer {
        /// The file.
        path: String,
        /// What this version does not know.
        what: String,
    },
    /// The file's bytes are not what was written.
    #[error("{path} is damaged: {why}")]
    Damaged {
        /// The file.
        path: String,
        /// What does not fit.
        why: String,
    },
    /// No key slot opens with what was given.
    #[error("the password does not open {path}")]
    WrongPassword {
        /// The repository.
        path: String,
    },
    /// The last key slot is never removed.
    #[error("this is the last key of {path}: without it nobody could open the repository again")]
    LastKey {
        /// The repository.
        path: String,
    },
    /// No such key slot, snapshot or other named thing, or several that begin alike.
    #[error("{what} in {path}")]
    NoSuch {
        /// The repository.
        path: String,
        /// What was looked for, as a sentence: "no snapshot begins with 1a2b".
        what: String,
    },
    /// A chunk that a snapshot needs is in no readable index.
    #[error("a piece of data ({}) is missing from {path}", chunk.short())]
    MissingChunk {
        /// The repository.
        path: String,
        /// The chunk.
        chunk: ChunkId,
    },
    /// More than this program handles.
    #[error("{what} is more than Keepwell handles")]
    Limit {
        /// What, with its size.
        what: String,
    },
    /// The operating system gave no randomness.
    #[error("the system has no secure random numbers to give: {why}")]
    NoRandomness {
        /// The system's words.
        why: String,
    },
    /// Another part of the same run failed before.
    #[error("{why}")]
    Stopped {
        /// The first failure, in words.
        why: String,
    },
    /// The person asked to stop.
    #[error("cancelled")]
    Cancelled,
}

impl RepositoryError {
    pub(crate) fn damaged(path: impl Into<String>, why: impl Into<String>) -> Self {
        Self::Damaged { path: path.into(), why: why.into() }
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Endpoint(error) => error.next_step(),
            Self::NotARepository { .. } => {
                "Check the path. To make a new repository there, run `keepwell repository init`."
            }
            Self::AlreadyARepository { .. } => "Use it as it is, or choose another folder for a new one.",
            Self::NotEmpty { .. } => "Choose an empty or new folder, so that nothing of yours is mixed in.",
            Self::Newer { .. } => "Update Keepwell on this computer. Nothing is damaged.",
            Self::Damaged { .. } | Self::MissingChunk { .. } => {
                "Run `keepwell repository check --repair`: it rebuilds what can be rebuilt and says what cannot."
            }
            Self::WrongPassword { .. } => {
                "Try again, or use the recovery key that was printed when it was made."
            }
            Self::LastKey { .. } => "Add another password first.",
            Self::NoSuch { .. } => {
                "List what there is, and give enough of the name to tell it from the others."
            }
            Self::Limit { .. } => "Split the work into smaller parts.",
            Self::NoRandomness { .. } => "Restart the computer, then try again.",
            Self::Stopped { .. } => "Solve what is named, then run it again: it goes on from what is stored.",
            Self::Cancelled => "Run it again when it suits: it goes on from what is stored.",
        }
    }
}

impl From<keepwell_model::Cancelled> for RepositoryError {
    fn from(_: keepwell_model::Cancelled) -> Self {
        Self::Cancelled
    }
}

/// The result of this crate's operations.
pub type Result<T, E = RepositoryError> = std::result::Result<T, E>;
