//! Opens the place at an address, whatever kind it is: as a store of whole objects, or as a tree of files.
//!
//! Invariants: nothing is made unless asked for; nothing is read from the environment. Deliberately not here: where
//! addresses and credentials come from (`jobs`, hosts).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::address::Address;
use crate::credentials::{CredentialKind, Credentials};
use crate::error::EndpointError;
use crate::local::{LocalStore, LocalTree};
use crate::object::{ObjectStore, ObjectTree};
use crate::retry::Patience;
use crate::sftp::{KnownHosts, Secret, SftpOptions, SftpStore, SftpTree, SignIn};
use crate::store::Store;
use crate::tree::Tree;
use crate::webdav::{WebDavStore, WebDavTree};

/// The port of SSH.
const SSH_PORT: u16 = 22;

/// How to open a place.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    /// Makes the place where nothing is yet: the folder, or the mark in a bucket. Never a bucket itself.
    pub create: bool,
    /// How long to go on when a server fails.
    pub patience: Patience,
    /// The person's folder, where SSH keeps keys and known servers.
    pub home: Option<PathBuf>,
    /// The account's name, for addresses without one.
    pub user: Option<String>,
    /// Our own list of SSH servers that were accepted.
    pub known_servers: Option<PathBuf>,
}

/// Opens the place at an address as a store.
///
/// # Errors
/// It is absent, can not be reached, or does not let us in.
pub fn open_store(
    address: &Address,
    credentials: &Credentials,
    options: &OpenOptions,
) -> Result<Arc<dyn Store>, EndpointError> {
    let patience = &options.patience;
    Ok(match address {
        Address::Local(path) if options.create => Arc::new(LocalStore::create(path)?),
        Address::Local(path) => Arc::new(LocalStore::open(path)?),
        Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } if options.create => {
            Arc::new(ObjectStore::create(address, credentials, patience)?)
        }
        Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => {
            Arc::new(ObjectStore::open(address, credentials, patience)?)
        }
        Address::WebDav { .. } if options.create => {
            Arc::new(WebDavStore::create(address, credentials, patience)?)
        }
        Address::WebDav { .. } => Arc::new(WebDavStore::open(address, credentials, patience)?),
        Address::Sftp { path, .. } => {
            let server = sftp_options(address, credentials, options)?;
            Arc::new(if options.create {
                SftpStore::create(server, path)?
            } else {
                SftpStore::open(server, path)?
            })
        }
    })
}

/// Opens the place at an address as a tree.
///
/// # Errors
/// It is absent, can not be reached, or does not let us in.
pub fn open_tree(
    address: &Address,
    credentials: &Credentials,
    options: &OpenOptions,
) -> Result<Arc<dyn Tree>, EndpointError> {
    let patience = &options.patience;
    Ok(match address {
        Address::Local(path) => {
            if options.create {
                make_folder(path)?;
            }
            Arc::new(LocalTree::open(path)?)
        }
        Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => {
            Arc::new(ObjectTree::open(address, credentials, patience, options.create)?)
        }
        Address::WebDav { .. } => Arc::new(WebDavTree::open(address, credentials, patience, options.create)?),
        Address::Sftp { path, .. } => {
            let server = sftp_options(address, credentials, options)?;
            Arc::new(if options.create {
                SftpTree::create(server, path)?
            } else {
                SftpTree::open(server, path)?
            })
        }
    })
}

/// The folder itself, never those above it: a drive that is not connected must not come into being as a folder.
fn make_folder(path: &Path) -> Result<(), EndpointError> {
    match std::fs::create_dir(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(EndpointError::from_io("make", path.display().to_string(), error))
        }
        _ => Ok(()),
    }
}

/// How to reach the SSH server of an address: with what was given, then as the person's own `ssh` would.
///
/// # Errors
/// No account is named anywhere.
pub fn sftp_options(
    address: &Address,
    credentials: &Credentials,
    options: &OpenOptions,
) -> Result<SftpOptions, EndpointError> {
    let Address::Sftp { user, host, port, .. } = address else {
        let why = "it is no SSH server".to_owned();
        return Err(EndpointError::Unexpected { path: address.to_string(), why });
    };
    let user = user.as_deref().or_else(|| credentials.get("user")).or(options.user.as_deref());
    let user = user.ok_or_else(|| EndpointError::SignIn {
        path: address.to_string(),
        why: "no account is named: write sftp://user@host".to_owned(),
    })?;
    // The brackets of an address with colons are part of the text only.
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let mut server = SftpOptions::new(host, port.unwrap_or(SSH_PORT), user);
    server.patience = options.patience.clone();
    let home = options.home.as_deref();
    server.known_hosts = KnownHosts::of_person(home);
    if let Some(own) = &options.known_servers {
        server.known_hosts = server.known_hosts.and_own(own);
    }
    match credentials.kind {
        CredentialKind::Password => {
            if let Some(password) = credentials.get("password") {
                server.sign_in.push(SignIn::Password(Secret::new(password)));
            }
        }
        CredentialKind::KeyFile => {
            if let Some(path) = credentials.get("path") {
                let passphrase = credentials.get("passphrase").map(Secret::new);
                server.sign_in.push(SignIn::KeyFile { path: path.into(), passphrase });
            }
        }
        _ => {}
    }
    if server.sign_in.is_empty() {
        server.sign_in.push(SignIn::Agent);
        let keys = ["id_ed25519", "id_ecdsa", "id_rsa"].into_iter();
        let keys = home.into_iter().flat_map(|home| keys.clone().map(|name| home.join(".ssh").join(name)));
        let there = keys.filter(|path| path.is_file());
        server.sign_in.extend(there.map(|path| SignIn::KeyFile { path, passphrase: None }));
    }
    Ok(server)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_of_this_machine_is_opened_both_ways_and_made_only_when_asked() {
        let room = tempfile::tempdir().unwrap();
        let address = Address::Local(room.path().join("place"));
        let (open, create) = (OpenOptions::default(), OpenOptions { create: true, ..OpenOptions::default() });
        assert!(open_store(&address, &Credentials::none(), &open).is_err());
        assert!(open_tree(&address, &Credentials::none(), &open).is_err());
        assert!(!room.path().join("place").exists());
        open_tree(&address, &Credentials::none(), &create).unwrap();
        open_store(&address, &Credentials::none(), &open).unwrap().put("x", b"1").unwrap();
        let tree = open_tree(&address, &Credentials::none(), &open).unwrap();
        assert_eq!(tree.list(&keepwell_model::RelativePath::root()).unwrap().len(), 2);
        let deep = Address::Local(room.path().join("a/b"));
        assert!(open_tree(&deep, &Credentials::none(), &create).is_err());
        assert!(!room.path().join("a").exists());
    }

    #[test]
    fn a_server_is_reached_with_what_was_given_or_as_ssh_would() {
        let address: Address = "sftp://[::1]:2222/x".parse().unwrap();
        let home = tempfile::tempdir().unwrap();
        std::fs::create_dir(home.path().join(".ssh")).unwrap();
        std::fs::write(home.path().join(".ssh/id_rsa"), "").unwrap();
        let options = OpenOptions { home: Some(home.path().to_owned()), ..OpenOptions::default() };
        assert!(matches!(
            sftp_options(&address, &Credentials::none(), &options),
            Err(EndpointError::SignIn { .. })
        ));
        let password = Credentials::new(CredentialKind::Password, &[("user", "ada"), ("password", "pw")]);
        let given = sftp_options(&address, &password, &options).unwrap();
        assert_eq!((given.host.as_str(), given.port, given.user.as_str()), ("::1", 2222, "ada"));
        assert!(matches!(given.sign_in.as_slice(), [SignIn::Password(_)]));
        let options = OpenOptions { user: Some("mia".into()), ..options };
        let own = sftp_options(&address, &Credentials::none(), &options).unwrap();
        assert_eq!(own.user, "mia");
        assert!(matches!(own.sign_in.as_slice(), [SignIn::Agent, SignIn::KeyFile { .. }]));
    }
}
