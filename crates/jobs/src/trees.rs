//! Opens the places of sync pairs: folders of this machine and servers.
//!
//! Invariants: nothing is made at a place that is absent (a drive that is not connected is not an empty one); what opens
//! a server comes from the keyring or from what the host was given for this process, never from the pair. Deliberately
//! not here: what is done with the trees (`sync`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use keepwell_catalog::Credentials as Keyring;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::object::ObjectTree;
use keepwell_endpoint::retry::Patience;
use keepwell_endpoint::sftp::{KnownHosts, Secret, SftpOptions, SftpTree, SignIn};
use keepwell_endpoint::webdav::WebDavTree;
use keepwell_endpoint::{Address, Credentials, EndpointError, Tree};
use keepwell_sync::pair::PlaceSpec;
use parking_lot::Mutex;

use crate::outcome::{Fault, FaultKind};
use crate::volumes;

/// The name under which the keyring keeps what opens a place.
#[must_use]
pub fn secret_name(address: &Address) -> String {
    format!("place/{address}")
}

/// Opens trees.
pub struct Trees {
    keyring: Arc<Keyring>,
    home: Option<PathBuf>,
    state_folder: PathBuf,
    /// The person's account on this machine: the one on a server where nothing else is said.
    account: String,
    /// For this process only, by address.
    given: Mutex<HashMap<String, Credentials>>,
}

impl Trees {
    /// Opens trees with what this keyring holds. The home folder is where a person's own SSH keys are.
    #[must_use]
    pub fn new(
        keyring: Arc<Keyring>,
        home: Option<PathBuf>,
        state_folder: PathBuf,
        account: impl Into<String>,
    ) -> Self {
        Self { keyring, home, state_folder, account: account.into(), given: Mutex::default() }
    }

    /// What opens a place while this process lives; comes before what the keyring holds.
    pub fn give(&self, address: &Address, credentials: Credentials) {
        self.given.lock().insert(address.to_string(), credentials);
    }

    /// An address as a person wrote it.
    ///
    /// # Errors
    /// It can not be understood, or holds a secret.
    pub fn address(text: &str) -> Result<Address, Fault> {
        text.parse::<Address>().map_err(|error| {
            let next = error.next_step();
            Fault::new(FaultKind::BadRequest, format!("{text}: {error}."), next)
        })
    }

    /// Opens the tree at an address.
    ///
    /// # Errors
    /// It is absent, can not be reached, or does not let us in.
    pub fn open(&self, address: &str) -> Result<Arc<dyn Tree>, Fault> {
        let address = Self::address(address)?;
        match &address {
            Address::Local(path) => Ok(Arc::new(LocalTree::open(path)?)),
            _ => self.open_remote(&address, false),
        }
    }

    /// Opens a place of a pair: one on this machine on its volume, wherever that is mounted now.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_place(&self, place: &PlaceSpec) -> Result<Arc<dyn Tree>, Fault> {
        if let (Some(volume), Ok(Address::Local(path))) = (&place.volume, Self::address(&place.address))
            && let Some(tree) = volumes::open(&path, volume)
        {
            return Ok(Arc::new(tree));
        }
        // Not there now: what is at the path, if anything, is another one, and sync halts at it.
        self.open(&place.address)
    }

    /// Makes the place at an address where it is absent, for a new pair: the folder itself, never those above it.
    ///
    /// # Errors
    /// The folder above is absent, or the place can not be reached or written to.
    pub fn make(&self, address: &str) -> Result<(), Fault> {
        let address = Self::address(address)?;
        match &address {
            Address::Local(path) => match std::fs::create_dir(path) {
                Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                    Err(EndpointError::from_io("make", path.display().to_string(), error).into())
                }
                _ => Ok(()),
            },
            _ => self.open_remote(&address, true).map(drop),
        }
    }

    /// Opens a server; makes the place there if asked.
    fn open_remote(&self, address: &Address, make: bool) -> Result<Arc<dyn Tree>, Fault> {
        let credentials = self.credentials(address)?;
        let patience = Patience::default();
        Ok(match address {
            Address::Local(path) => Arc::new(LocalTree::open(path)?),
            Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => {
                Arc::new(ObjectTree::open(address, &credentials, &patience, make)?)
            }
            Address::WebDav { .. } => Arc::new(WebDavTree::open(address, &credentials, &patience, make)?),
            Address::Sftp { user, host, port, path } => {
                let options = self.sftp(user.as_deref(), host, *port, &credentials);
                Arc::new(match make {
                    true => SftpTree::create(options, path)?,
                    false => SftpTree::open(options, path)?,
                })
            }
        })
    }

    /// How one signs in to an SSH server: with what was given for it, else as the person's `ssh` does.
    fn sftp(&self, user: Option<&str>, host: &str, port: Option<u16>, given: &Credentials) -> SftpOptions {
        let user = user.or_else(|| given.get("user")).unwrap_or(&self.account);
        let mut options = SftpOptions::new(host, port.unwrap_or(22), user);
        let secret = |name: &str| given.get(name).map(Secret::new);
        if let Some(password) = secret("password") {
            options.sign_in.push(SignIn::Password(password));
        }
        if let Some(path) = given.get("path") {
            let passphrase = secret("passphrase");
            options.sign_in.push(SignIn::KeyFile { path: path.into(), passphrase });
        }
        if options.sign_in.is_empty() {
            options.sign_in.push(SignIn::Agent);
            let keys = ["id_ed25519", "id_ecdsa", "id_rsa"];
            let below = self.home.iter().flat_map(|home| keys.map(|name| home.join(".ssh").join(name)));
            let files = below.filter(|path| path.is_file());
            options.sign_in.extend(files.map(|path| SignIn::KeyFile { path, passphrase: None }));
        }
        options.known_hosts = self.known_hosts();
        options
    }

    /// The servers that are trusted: those of the person's `ssh`, and those accepted here.
    #[must_use]
    pub fn known_hosts(&self) -> KnownHosts {
        KnownHosts::of_person(self.home.as_deref()).and_own(self.state_folder.join("known_hosts"))
    }

    /// What opens a server.
    ///
    /// # Errors
    /// The keyring refuses, or holds something that is not ours.
    pub fn credentials(&self, address: &Address) -> Result<Credentials, Fault> {
        if matches!(address, Address::Local(_)) {
            return Ok(Credentials::none());
        }
        if let Some(given) = self.given.lock().get(&address.to_string()) {
            return Ok(given.clone());
        }
        match self.keyring.get(&secret_name(address))? {
            Some(text) => Credentials::from_text(&text).map_err(|error| {
                let message = format!("{error}: {address}.");
                Fault::new(FaultKind::PasswordNeeded, message, "Give the account's password or key again.")
            }),
            None => Ok(Credentials::none()),
        }
    }
}
