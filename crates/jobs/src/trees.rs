//! Opens the places of sync pairs and repositories: folders of this machine and servers.
//!
//! Invariants: nothing is made at a place that is absent (a drive that is not connected is not an empty one); what opens
//! a server comes from the keyring or from what the host was given for this process, never from the pair. Deliberately
//! not here: what is done with the trees (`sync`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;

use keepwell_catalog::Credentials as Keyring;
use keepwell_endpoint::sftp::KnownHosts;
use keepwell_endpoint::{Address, Credentials, OpenOptions, Store, Tree, open_store, open_tree};
use keepwell_sync::pair::PlaceSpec;
use parking_lot::Mutex;

use crate::outcome::{Fault, FaultKind};
use crate::volumes;

/// The name under which the keyring keeps what opens a place.
#[must_use]
pub fn secret_name(address: &Address) -> String {
    format!("place/{address}")
}

/// Opens places.
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
        Ok(open_tree(&address, &self.credentials(&address)?, &self.options(false))?)
    }

    /// As [`open_place`](Self::open_place), for a pair that never ran: a folder in a bucket comes into being with its first
    /// object, so one that is not there yet is begun.
    ///
    /// # Errors
    /// The bucket is absent, can not be reached, or does not let us in.
    pub fn begin_place(&self, place: &PlaceSpec) -> Result<Arc<dyn Tree>, Fault> {
        match Self::address(&place.address)? {
            Address::S3 { .. } | Address::Azure { .. } | Address::Gcs { .. } => self.make(&place.address)?,
            _ => {}
        }
        self.open_place(place)
    }

    /// Makes the place at an address where it is absent, for a new pair: of folders of this machine the folder itself,
    /// never those above it.
    ///
    /// # Errors
    /// The folder above is absent, or the place can not be reached or written to.
    pub fn make(&self, address: &str) -> Result<(), Fault> {
        let address = Self::address(address)?;
        open_tree(&address, &self.credentials(&address)?, &self.options(true))?;
        Ok(())
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

    /// Opens a place as a store of whole objects, for a repository; makes it there if asked.
    ///
    /// # Errors
    /// It is absent, can not be reached, or does not let us in.
    pub fn store(&self, address: &Address, make: bool) -> Result<Arc<dyn Store>, Fault> {
        Ok(open_store(address, &self.credentials(address)?, &self.options(make))?)
    }

    fn options(&self, create: bool) -> OpenOptions {
        OpenOptions {
            create,
            home: self.home.clone(),
            user: Some(self.account.clone()).filter(|account| !account.is_empty()),
            known_servers: Some(self.known_servers()),
            ..OpenOptions::default()
        }
    }

    fn known_servers(&self) -> PathBuf {
        self.state_folder.join("known_hosts")
    }

    /// The servers that are trusted: those of the person's `ssh`, and those accepted here.
    #[must_use]
    pub fn known_hosts(&self) -> KnownHosts {
        KnownHosts::of_person(self.home.as_deref()).and_own(self.known_servers())
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
