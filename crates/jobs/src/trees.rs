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
use keepwell_endpoint::{Address, Credentials, EndpointError, Tree};
use parking_lot::Mutex;

use crate::outcome::{Fault, FaultKind};

/// The name under which the keyring keeps what opens a place.
#[must_use]
pub fn secret_name(address: &Address) -> String {
    format!("place/{address}")
}

fn unknown(address: &Address) -> Fault {
    Fault::new(
        FaultKind::BadRequest,
        format!("{address} is no place that can be synced with."),
        "Choose a folder, or a place of another kind.",
    )
}

/// Opens trees.
pub struct Trees {
    keyring: Arc<Keyring>,
    home: Option<PathBuf>,
    state_folder: PathBuf,
    /// For this process only, by address.
    given: Mutex<HashMap<String, Credentials>>,
}

impl Trees {
    /// Opens trees with what this keyring holds. The home folder is where a person's own SSH keys are.
    #[must_use]
    pub fn new(keyring: Arc<Keyring>, home: Option<PathBuf>, state_folder: PathBuf) -> Self {
        Self { keyring, home, state_folder, given: Mutex::default() }
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
            _ => self.open_remote(&address),
        }
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
            Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => {
                ObjectTree::open(&address, &self.credentials(&address)?, &Patience::default(), true)?;
                Ok(())
            }
            _ => Err(unknown(&address)),
        }
    }

    fn open_remote(&self, address: &Address) -> Result<Arc<dyn Tree>, Fault> {
        let credentials = self.credentials(address)?;
        match address {
            Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => {
                Ok(Arc::new(ObjectTree::open(address, &credentials, &Patience::default(), false)?))
            }
            _ => Err(unknown(address)),
        }
    }

    /// What opens a server.
    ///
    /// # Errors
    /// The keyring refuses, or holds something that is not ours.
    pub fn credentials(&self, address: &Address) -> Result<Credentials, Fault> {
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
