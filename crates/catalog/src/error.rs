//! What can go wrong with the catalog and with secrets, each with the path and what to do next.

use std::io;
use std::path::PathBuf;

/// The catalog could not be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// A later version wrote it.
    #[error(
        "{path} was made by a newer Keepwell (format {found}, this one knows up to {known}); nothing was changed"
    )]
    Newer {
        /// The database.
        path: PathBuf,
        /// The format found.
        found: i64,
        /// The newest format known here.
        known: i64,
    },
    /// It is a database, but of another program.
    #[error("{path} is a database of another program; choose another folder for Keepwell's state")]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The database refused.
    #[error(
        "the catalog {path} could not be used: {source}; if another program holds it, close that and try again"
    )]
    Database {
        /// The database.
        path: PathBuf,
        /// What it said.
        source: rusqlite::Error,
    },
    /// A file of the state folder could not be used.
    #[error("could not {action} {path}: {source}; check that the folder is writable and has space")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A row does not make sense.
    #[error(
        "the catalog {path} holds something unreadable ({what}); update Keepwell or restore a copy of that file"
    )]
    Unreadable {
        /// The database.
        path: PathBuf,
        /// What.
        what: String,
    },
    /// What was named is not there.
    #[error("there is no {what} {id}")]
    Missing {
        /// Place, plan or job.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// A place that plans still use can not be forgotten.
    #[error("{plans} plan(s) still copy to this place; remove them first")]
    InUse {
        /// How many plans.
        plans: u64,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random numbers; try again")]
    Random,
}

/// A secret could not be kept or found.
#[derive(Debug, thiserror::Error)]
pub enum CredentialError {
    /// The system's keyring refused.
    #[error("the system's keyring refused: {why}; unlock it and try again")]
    Keyring {
        /// What it said; never a secret.
        why: String,
    },
    /// A file could not be used.
    #[error("could not {action} {path}: {source}; check that the folder is writable and has space")]
    Io {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file of secrets does not open with the key or master password at hand.
    #[error(
        "{path} does not open: the master password is wrong, or its key file is missing or from elsewhere, or it is \
         damaged; set KEEPWELL_MASTER_PASSWORD to the right one, or move the file aside and type your passwords again"
    )]
    Locked {
        /// The file.
        path: PathBuf,
    },
    /// A later version wrote the file of secrets.
    #[error("{path} was made by a newer Keepwell; update this one")]
    Newer {
        /// The file.
        path: PathBuf,
    },
    /// A secret is too long or the file of secrets too large.
    #[error("this does not fit among the kept secrets: {why}")]
    TooLarge {
        /// What does not fit.
        why: &'static str,
    },
    /// The system gave no random bytes.
    #[error("the system gave no random numbers; try again")]
    Random,
}
