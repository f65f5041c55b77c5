//! Repositories: making one, adding one that exists, its keys.

use super::place::Place;
use super::sync::SyncAccess;
use super::{dto, request, words};
use crate::{Count, Moment, PathText, SecretText};

request! {
    /// Which repository is meant: a place of the catalog, or a path that needs no registration.
    pub struct RepositoryAddress {
        /// A place of the catalog.
        pub place_id: Option<String>,
        /// Or a path of this machine.
        pub path: Option<String>,
        /// The password, where the keyring does not hold it.
        pub password: Option<SecretText>,
    }

    /// Makes a new repository and a place for it.
    pub struct RepositoryCreate {
        /// The folder, or the address of a server: absent or empty.
        pub path: String,
        /// The person's password; nothing makes a strong one and keeps it in the keyring.
        pub password: Option<SecretText>,
        /// What to call the place; nothing takes the folder's name.
        pub label: Option<String>,
        /// What opens the server it is on, where this machine does not keep it yet.
        pub access: Option<SyncAccess>,
    }

    /// Adds a repository that exists already.
    pub struct RepositoryAdd {
        /// Its folder, or the address of a server.
        pub path: String,
        /// Its password or recovery key.
        pub password: SecretText,
        /// What to call the place.
        pub label: Option<String>,
        /// What opens the server it is on, where this machine does not keep it yet.
        pub access: Option<SyncAccess>,
    }

    /// Asks about one repository.
    pub struct RepositoryInfoGet {
        /// Which.
        pub repository: RepositoryAddress,
    }

    /// Adds a password.
    pub struct RepositoryKeyAdd {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// The new password; nothing makes a new printable recovery key instead.
        pub new_password: Option<SecretText>,
        /// What to call it.
        pub label: Option<String>,
    }

    /// Takes a password or recovery key out of use.
    pub struct RepositoryKeyRemove {
        /// Which repository.
        pub repository: RepositoryAddress,
        /// Which key.
        pub key_id: String,
    }
}

words! {
    /// What opens a repository.
    pub enum KeyKind {
        /// A password.
        Password,
        /// The printable recovery key.
        Recovery,
    }
}

dto! {
    /// A new repository, and the key to print.
    pub struct RepositoryCreated {
        /// Its place.
        pub place: Place,
        /// The printable recovery key: shown once, kept nowhere.
        pub recovery_key: String,
        /// Whether the password was generated (and is in the keyring).
        pub password_generated: bool,
    }

    /// A password or recovery key, without its secret.
    pub struct RepositoryKey {
        /// Its id.
        pub id: String,
        /// What it is.
        pub kind: KeyKind,
        /// What it is called.
        pub label: String,
        /// When it was added.
        pub created_ms: Option<Moment>,
    }

    /// The keys of a repository.
    pub struct RepositoryKeys {
        /// All of them.
        pub keys: Vec<RepositoryKey>,
    }

    /// A key was added.
    pub struct RepositoryKeyAdded {
        /// The key.
        pub key: RepositoryKey,
        /// The printable recovery key, where one was made: shown once, kept nowhere.
        pub recovery_key: Option<String>,
    }

    /// What a repository says about itself.
    pub struct RepositoryInfo {
        /// The repository's own id.
        pub repository_id: String,
        /// Where it is.
        pub path: PathText,
        /// The format's version.
        pub format_version: u32,
        /// Snapshots in it.
        pub snapshots: Count,
        /// Bytes it takes at its place.
        pub stored_bytes: Count,
        /// Free space at its place.
        pub free_bytes: Option<Count>,
        /// When the newest snapshot was made.
        pub latest_snapshot_ms: Option<Moment>,
    }
}
