//! The one error of this crate: why a run could not be done at all. Trouble with single items is a problem, not an error.

use std::path::PathBuf;

use keepwell_endpoint::EndpointError;

use crate::node::Side;

/// A run, or a question about a pair, failed.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The person stopped it. What was done so far stays and is known.
    #[error("stopped")]
    Cancelled,
    /// A place can not be used.
    #[error("the {} place: {source}", word(*side))]
    Place {
        /// Which.
        side: Side,
        /// Why.
        source: EndpointError,
    },
    /// The pair's database refused.
    #[error("what was agreed on in {path} could not be used: {source}")]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// A file of the state folder could not be used.
    #[error("could not {action} {path}: {source}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A later version wrote the database.
    #[error("{path} was made by a newer Keepwell (format {found}, this one knows up to {known})")]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The newest known here.
        known: i64,
    },
    /// Another run of the same pair is at work.
    #[error("another run of this pair is at work")]
    Busy,
    /// A safety brake holds the run: it has to be answered first.
    #[error("a safety brake holds this run")]
    Braked,
    /// Another place sits where the pair's place was: noticed between two steps of a run, or before something is done in
    /// its bin.
    #[error("the {} place is not the one it was before", word(*side))]
    AnotherPlace {
        /// Which.
        side: Side,
    },
    /// What was named is not there.
    #[error("there is no {what} {id} in this pair")]
    Missing {
        /// Conflict, run or bin item.
        what: &'static str,
        /// Which one was asked for.
        id: String,
    },
    /// The plan was made before something else changed what is agreed on.
    #[error("the plan is not of now any more")]
    Outdated,
    /// The rules of what is left out make no sense.
    #[error("the rule \"{rule}\" can not be understood: {why}")]
    Rule {
        /// The rule.
        rule: String,
        /// What is wrong with it.
        why: String,
    },
}

/// The side in words.
fn word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

impl SyncError {
    /// A place could not be used.
    pub(crate) fn place(side: Side) -> impl Fn(EndpointError) -> Self {
        move |source| Self::Place { side, source }
    }

    /// Whether the pair's database is damaged, so that another one is to take its place.
    pub(crate) fn is_damage(&self) -> bool {
        matches!(self, Self::Database { source, .. } if is_damage(source))
    }

    /// What the person can do next.
    #[must_use]
    pub fn next_step(&self) -> &'static str {
        match self {
            Self::Cancelled => "Run it again to go on from where it stopped.",
            Self::Place { source, .. } => source.next_step(),
            Self::Database { source, .. } if is_damage(source) => {
                "Run it again: what was damaged is moved aside, and both places are compared by content."
            }
            Self::Database { .. } | Self::Io { .. } => {
                "Check that Keepwell's own folder is writable and has space, then run it again. Your files were not touched."
            }
            Self::Newer { .. } => "Update this Keepwell. Nothing was changed.",
            Self::Busy => "Wait until it is done, or stop it.",
            Self::Braked => {
                "Look at what would happen, then let it go on, bring back from the other side, or stop."
            }
            Self::AnotherPlace { .. } => {
                "Connect the right drive or server, then run it again. Nothing more was changed."
            }
            Self::Missing { .. } => "It may have been settled meanwhile: look at the list again.",
            Self::Outdated => "Look at a new preview: places changed since this one was made.",
            Self::Rule { .. } => {
                "Correct this rule where it stands: in the pair's settings, or in the file .keepwell/rules of a place."
            }
        }
    }
}

/// Whether what SQLite says means that the file is damaged.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    use rusqlite::{Error, ErrorCode};
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            Error::InvalidColumnType(..)
                | Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnName(_)
        )
}

impl From<keepwell_model::Cancelled> for SyncError {
    fn from(_: keepwell_model::Cancelled) -> Self {
        Self::Cancelled
    }
}
