//! Opens the places of sync pairs and repositories: folders of this machine and servers.
//!
//! Invariants: nothing is made at a place that is absent (a drive that is not connected is not an empty one), unless a
//! person says so of a folder that is gone from its own volume; what opens a server comes from the keyring or from what
//! the host was given for this process, never from the pair, and is forgotten with the last thing that is there.
//! Deliberately not here: what is done with the trees (`sync`).

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use keepwell_catalog::{Catalog, Credentials as Keyring};
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::retry::{Patience, Stop};
use keepwell_endpoint::sftp::{KnownHosts, known_hosts::server_key};
use keepwell_endpoint::{
    Address, Credentials, EndpointError, OpenOptions, Store, Tree, open_store, open_tree,
};
use keepwell_model::Control;
use keepwell_sync::pair::PlaceSpec;
use parking_lot::Mutex;

use crate::outcome::{Fault, FaultKind, ShownServer};
use crate::replicas;
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
    /// The runs that work now, by the addresses they work at.
    runs: Arc<Runs>,
}

/// Runs and where they work.
#[derive(Default)]
struct Runs(Mutex<Vec<(String, Weak<Control>)>>);

impl Runs {
    /// Whether a run at this address is on its way to its end because a person stopped it.
    fn is_one_stopping(&self, address: &str) -> bool {
        let all = self.0.lock();
        let here = all.iter().filter(|(at, _)| at == address);
        here.filter_map(|(_, run)| run.upgrade()).any(|run| run.is_cancelled())
    }
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
        Self {
            keyring,
            home,
            state_folder,
            account: account.into(),
            given: Mutex::default(),
            runs: Arc::default(),
        }
    }

    /// From now on nobody waits for the servers at these addresses once this run is stopped.
    pub(crate) fn attend<'a>(&self, addresses: impl IntoIterator<Item = &'a str>, run: &Arc<Control>) {
        let mut runs = self.runs.0.lock();
        runs.retain(|(_, known)| known.strong_count() > 0);
        for address in addresses.into_iter().filter_map(|text| Self::address(text).ok()) {
            runs.push((address.to_string(), Arc::downgrade(run)));
        }
    }

    /// Looks which key the server at an address shows; nothing where it is one that is trusted, or has none.
    ///
    /// # Errors
    /// It can not be reached.
    pub fn look_at_server(&self, address: &Address) -> Result<Option<ShownServer>, Fault> {
        if !matches!(address, Address::Sftp { .. }) {
            return Ok(None);
        }
        let options = self.options(address, false);
        let options = OpenOptions {
            // The server shows its key before anybody signs in.
            user: options.user.or_else(|| Some("keepwell".to_owned())),
            patience: Patience { attempts: 1, ..Patience::default() },
            ..options
        };
        match open_tree(address, &self.credentials(address)?, &options) {
            Err(error @ EndpointError::Unreachable { .. }) => Err(error.into()),
            // Whether we are let in, and whether anything is at the path, does not matter here.
            Err(error) => Ok(ShownServer::of(&error)),
            Ok(_) => Ok(None),
        }
    }

    /// Accepts the key a person saw, of a server of which none was known.
    ///
    /// # Errors
    /// It is no key, another one is known, or it can not be written down.
    pub fn accept_server(&self, host: &str, port: u16, public_key: &str) -> Result<(), Fault> {
        Ok(self.known_hosts().accept_unknown(&server_key(host, port, public_key)?)?)
    }

    /// What opens a place while this process lives; comes before what the keyring holds.
    pub fn give(&self, address: &Address, credentials: Credentials) {
        self.given.lock().insert(address.to_string(), credentials);
    }

    /// Forgets what opens the servers at the addresses of a pair, a place or a second copy that was removed, where the
    /// catalog has nothing at the same address any more.
    ///
    /// # Errors
    /// The catalog can not be read, or the keyring refuses.
    pub fn forget_unused(
        &self,
        catalog: &Catalog,
        removed: impl IntoIterator<Item = String>,
    ) -> Result<(), Fault> {
        let is_server = |address: &Address| !matches!(address, Address::Local(_));
        let server = |text: &str| Self::address(text).ok().filter(is_server);
        let mut unused: BTreeMap<String, Address> =
            removed.into_iter().filter_map(|text| server(&text)).map(|at| (secret_name(&at), at)).collect();
        if unused.is_empty() {
            return Ok(());
        }
        let pairs = catalog.pairs()?.into_iter().flat_map(|pair| [pair.left_address, pair.right_address]);
        let places =
            catalog.places()?.into_iter().map(|place| String::from_utf8_lossy(&place.path).into_owned());
        let copies = catalog.replicas()?.into_iter().map(|copy| replicas::place_of(&copy));
        for used in pairs.chain(places).chain(copies).filter_map(|text| server(&text)) {
            unused.remove(&secret_name(&used));
        }
        for (name, address) in unused {
            self.given.lock().remove(&address.to_string());
            self.keyring.remove(&name).map_err(|error| {
                Fault::new(
                    FaultKind::Failed,
                    format!("It is removed, but what opens {address} could not be forgotten: {error}."),
                    format!("Unlock the keyring and remove the entry \"{name}\" of Keepwell there."),
                )
            })?;
        }
        Ok(())
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
        Ok(open_tree(&address, &self.credentials(&address)?, &self.options(&address, false))?)
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
        open_tree(&address, &self.credentials(&address)?, &self.options(&address, true))?;
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

    /// Whether an address is a folder of this machine.
    pub(crate) fn is_local(address: &str) -> bool {
        matches!(Self::address(address), Ok(Address::Local(_)))
    }

    /// Whether nothing is at an address of this machine.
    pub(crate) fn is_absent(address: &str) -> bool {
        let is_nothing = |path: PathBuf| {
            path.symlink_metadata().is_err_and(|error| error.kind() == std::io::ErrorKind::NotFound)
        };
        matches!(Self::address(address), Ok(Address::Local(path)) if is_nothing(path.clone()))
    }

    /// Whether a folder of this machine that was a pair's place is gone from its volume, and the volume is there.
    pub(crate) fn is_gone(place: &PlaceSpec) -> bool {
        match (&place.volume, Self::address(&place.address)) {
            (Some(volume), Ok(Address::Local(path))) => volumes::is_gone(&path, volume),
            _ => false,
        }
    }

    /// Makes the folder of a place again that [`is_gone`](Self::is_gone), never on another volume.
    ///
    /// # Errors
    /// It can not be made, or its volume went away meanwhile.
    pub(crate) fn make_again(&self, place: &PlaceSpec) -> Result<(), Fault> {
        self.make(&place.address)?;
        let (Some(volume), Ok(Address::Local(path))) = (&place.volume, Self::address(&place.address)) else {
            return Ok(());
        };
        if LocalTree::volume_at(&path)? == *volume {
            return Ok(());
        }
        // Only an empty folder goes so.
        std::fs::remove_dir(&path)
            .map_err(|error| EndpointError::from_io("remove", &place.address, error))?;
        Err(Fault::new(
            FaultKind::Unreachable,
            format!("{} is on another drive than before.", place.address),
            "Connect the drive it was on, then run it again. Nothing was changed.",
        )
        .about(&place.address))
    }

    /// Opens a place as a store of whole objects, for a repository; makes it there if asked.
    ///
    /// # Errors
    /// It is absent, can not be reached, or does not let us in.
    pub fn store(&self, address: &Address, make: bool) -> Result<Arc<dyn Store>, Fault> {
        Ok(open_store(address, &self.credentials(address)?, &self.options(address, make))?)
    }

    fn options(&self, address: &Address, create: bool) -> OpenOptions {
        let (runs, address) = (Arc::clone(&self.runs), address.to_string());
        OpenOptions {
            create,
            patience: Patience::default().until(Stop::when(move || runs.is_one_stopping(&address))),
            home: self.home.clone(),
            user: Some(self.account.clone()).filter(|account| !account.is_empty()),
            known_servers: Some(self.known_servers()),
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
