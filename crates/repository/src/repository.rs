//! A repository: made, opened, and asked for its snapshots.
//!
//! Invariants: making one is finished by writing the envelope, last and at once, so a half-made repository is no
//! repository and may be made again; opening changes nothing; a snapshot that can not be read is told, and the others
//! stay usable. Deliberately not here: writing data (`writer`), reading it (`reader`), checking (`check`).

use std::collections::HashMap;
use std::sync::Arc;

use keepwell_endpoint::{EndpointError, Store};
use keepwell_model::{ObjectId, RepositoryId, Snapshot, SnapshotId};
use parking_lot::{Mutex, RwLock};

use crate::chunker::Chunker;
use crate::envelope::{ENVELOPE_KEY, ENVELOPE_LENGTH, Envelope, FORMAT_VERSION, FileKind, Header, Operation};
use crate::error::{RepositoryError, Result};
use crate::index::{Index, Numbering};
use crate::keys::{self, KEYS_FOLDER, KeyRing, OpenKeys, SlotInfo, SlotKind};
use crate::pack::PACKS_FOLDER;
use crate::reader::Cache;
use crate::secret::{Cost, RecoveryKey, Secret};
use crate::segment::INDEX_FOLDER;
use crate::{random, record, sealed};

/// The folder of the snapshots.
pub const SNAPSHOTS_FOLDER: &str = "snapshots";
const SNAPSHOT_LIMIT_BYTES: u64 = 64 << 20;
pub(crate) const README_KEY: &str = "readme.txt";
const README: &str = "\
This folder is a Keepwell backup repository. Everything in it is needed: please do not rename, edit or delete any of it.

To get files back: install Keepwell, choose Places > Add an existing repository, and give this folder and its password,
or the recovery key that was printed when it was made. On the command line:
    keepwell snapshot list --repository FOLDER
    keepwell restore run --repository FOLDER latest --target WHERE

The format is public (docs/formats/repository.md in Keepwell's source), complete enough to write a reader from it alone.
";

/// The key of a snapshot's file.
#[must_use]
pub fn snapshot_key(id: SnapshotId) -> String {
    format!("{SNAPSHOTS_FOLDER}/{id}")
}

/// What a new repository needs to know.
pub struct InitOptions {
    /// The first password.
    pub password: Secret,
    /// The time by the caller's clock: seconds since the Unix epoch.
    pub now_seconds: i64,
    /// The cost of the slow hash; [`Cost::RECOMMENDED`] unless a test is in a hurry.
    pub cost: Cost,
}

/// Facts about a repository, for people.
#[derive(Clone, Debug)]
pub struct RepositoryInfo {
    /// Its identity.
    pub id: RepositoryId,
    /// The version of its format.
    pub format_version: u32,
    /// When it was made: seconds since the Unix epoch.
    pub created_seconds: i64,
    /// How many packs hold its data.
    pub packs: u64,
    /// Bytes in packs.
    pub packs_bytes: u64,
    /// Bytes in index segments.
    pub index_bytes: u64,
    /// How many chunks its index knows.
    pub chunks: u64,
    /// How many snapshots it holds.
    pub snapshots: u64,
    /// The keys that open it.
    pub slots: Vec<SlotInfo>,
    /// Free space at its place, where the place tells.
    pub free_bytes: Option<u64>,
}

/// The snapshots of a repository, oldest first, and the trouble with those that can not be read.
#[derive(Default)]
pub struct SnapshotListing {
    /// What could be read.
    pub snapshots: Vec<(SnapshotId, Arc<Snapshot>)>,
    /// What could not.
    pub troubles: Vec<RepositoryError>,
}

pub(crate) struct Inner {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) envelope: Envelope,
    /// What is wrong with the envelope's file, if it had to be made up from the keys.
    envelope_fault: Mutex<Option<String>>,
    pub(crate) keys: OpenKeys,
    pub(crate) chunker: Chunker,
    pub(crate) cache: Cache,
    index: RwLock<Option<Arc<LoadedIndex>>>,
    numbering: Mutex<Numbering>,
    snapshots: Mutex<HashMap<SnapshotId, Arc<Snapshot>>>,
}

/// The merged index, and what could not be read of it.
pub(crate) struct LoadedIndex {
    pub(crate) index: Index,
    pub(crate) troubles: Vec<RepositoryError>,
}

/// An open repository. Clones share everything.
#[derive(Clone)]
pub struct Repository(pub(crate) Arc<Inner>);

impl Repository {
    /// Makes a repository in an empty place and opens it. The recovery key is given out once, here.
    ///
    /// # Errors
    /// There is a repository already, the place holds other things, or it refuses to be written to.
    pub fn init(store: Arc<dyn Store>, options: &InitOptions) -> Result<(Self, RecoveryKey)> {
        prepare_place(&*store)?;
        let envelope = Envelope {
            format_version: FORMAT_VERSION,
            repository: RepositoryId(random::bytes()?),
            created_seconds: options.now_seconds,
            required_features: [0; 4],
        };
        let made =
            keys::create(&*store, envelope.repository, &options.password, options.cost, options.now_seconds)?;
        match store.put(README_KEY, README.as_bytes()) {
            Ok(()) | Err(EndpointError::AlreadyExists { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        // Last: from here on it is a repository. Two makers at once: one wins, the other is told.
        match store.put(ENVELOPE_KEY, &envelope.to_bytes()) {
            Err(EndpointError::AlreadyExists { .. }) => {
                for key in &made.files {
                    // They open nothing; it is only for order.
                    let _ = store.delete(key);
                }
                Err(RepositoryError::AlreadyARepository { path: store.describe() })
            }
            Err(error) => Err(error.into()),
            Ok(()) => {
                // The rest of an interrupted making. What can not be removed opens nothing, and is no reason to fail now.
                if let Err(error) = keys::remove_others(&*store, &made.files) {
                    tracing::warn!(%error, "keys of an interrupted making are left");
                }
                Ok((Self::assemble(store, envelope, made.keys), made.recovery))
            }
        }
    }

    /// Opens a repository with a password or the recovery key. Without a readable envelope it can be read and repaired,
    /// but not written to: all that is in the envelope is known from the keys.
    ///
    /// # Errors
    /// No repository there, a newer one, the wrong password, or damage to all keys.
    pub fn open(store: Arc<dyn Store>, secret: &Secret) -> Result<Self> {
        match read_envelope(&*store) {
            Ok(envelope) => {
                envelope.require(Operation::Read, &format!("{}/{ENVELOPE_KEY}", store.describe()))?;
                let keys = keys::open(&*store, Some(envelope.repository), secret)?;
                Ok(Self::assemble(store, envelope, keys))
            }
            Err(fault @ RepositoryError::Damaged { .. }) => Self::open_without_envelope(store, secret, fault),
            Err(error) => Err(error),
        }
    }

    fn open_without_envelope(store: Arc<dyn Store>, secret: &Secret, fault: RepositoryError) -> Result<Self> {
        let slots = keys::list(&*store).map_or_else(|_| Vec::new(), |(slots, _)| slots);
        let keys = match keys::open(&*store, None, secret) {
            Ok(keys) => keys,
            Err(error @ RepositoryError::WrongPassword { .. }) if !slots.is_empty() => return Err(error),
            // Nothing there says that it ever was a repository.
            Err(_) => return Err(fault),
        };
        let envelope = Envelope {
            format_version: FORMAT_VERSION,
            repository: keys.ring.repository(),
            created_seconds: slots.first().map_or(0, |slot| slot.created_seconds),
            required_features: [0; 4],
        };
        let repository = Self::assemble(store, envelope, keys);
        if let RepositoryError::Damaged { why, .. } = fault {
            *repository.0.envelope_fault.lock() = Some(why);
        }
        Ok(repository)
    }

    fn assemble(store: Arc<dyn Store>, envelope: Envelope, keys: OpenKeys) -> Self {
        let chunker = Chunker::new(&keys.ring.chunker_key);
        Self(Arc::new(Inner {
            store,
            envelope,
            envelope_fault: Mutex::default(),
            keys,
            chunker,
            cache: Cache::default(),
            index: RwLock::new(None),
            numbering: Mutex::default(),
            snapshots: Mutex::default(),
        }))
    }

    /// What a person calls the place it is in.
    #[must_use]
    pub fn describe(&self) -> String {
        self.0.store.describe()
    }

    /// Its identity.
    #[must_use]
    pub fn id(&self) -> RepositoryId {
        self.0.envelope.repository
    }

    /// The place it is in.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.0.store
    }

    /// Cuts files into chunks for this repository.
    #[must_use]
    pub fn chunker(&self) -> &Chunker {
        &self.0.chunker
    }

    pub(crate) fn ring(&self) -> &KeyRing {
        &self.0.keys.ring
    }

    pub(crate) fn require(&self, operation: Operation) -> Result<()> {
        let path = format!("{}/{ENVELOPE_KEY}", self.describe());
        match &*self.0.envelope_fault.lock() {
            // It may have said that writers have to know more.
            Some(why) if operation == Operation::Write => Err(RepositoryError::damaged(path, why)),
            _ => self.0.envelope.require(operation, &path),
        }
    }

    /// The envelope as it stands at the place now.
    pub(crate) fn read_envelope_afresh(&self) -> Result<Envelope> {
        read_envelope(&*self.0.store)
    }

    /// Writes the envelope, whose place has to be free.
    pub(crate) fn restore_envelope(&self) -> Result<()> {
        self.0.store.put(ENVELOPE_KEY, &self.0.envelope.to_bytes())?;
        *self.0.envelope_fault.lock() = None;
        Ok(())
    }

    /// The index, read when it is first needed.
    pub(crate) fn index(&self) -> Result<Arc<LoadedIndex>> {
        if let Some(loaded) = &*self.0.index.read() {
            return Ok(Arc::clone(loaded));
        }
        self.reload_index()
    }

    /// Reads the index again: others may have added to it.
    pub(crate) fn reload_index(&self) -> Result<Arc<LoadedIndex>> {
        let mut slot = self.0.index.write();
        let mut numbering = self.0.numbering.lock();
        let (index, troubles) = Index::load(&*self.0.store, self.ring(), &numbering)?;
        numbering.clone_from(index.numbering());
        let loaded = Arc::new(LoadedIndex { index, troubles });
        *slot = Some(Arc::clone(&loaded));
        Ok(loaded)
    }

    /// Lets go of the index and all caches; they are read again when needed. Numbers of groups stay what they are.
    pub fn forget_index(&self) {
        *self.0.index.write() = None;
        self.0.cache.clear();
    }

    /// All snapshots, oldest first.
    ///
    /// # Errors
    /// The place can not be listed.
    pub fn snapshots(&self) -> Result<SnapshotListing> {
        let mut listing = SnapshotListing::default();
        for object in self.0.store.list(SNAPSHOTS_FOLDER)? {
            let id = object.key.rsplit('/').next().and_then(|name| name.parse::<SnapshotId>().ok());
            let Some(id) = id else {
                listing.troubles.push(RepositoryError::damaged(object.key, "it is not a snapshot's name"));
                continue;
            };
            match self.snapshot(id) {
                Ok(snapshot) => listing.snapshots.push((id, snapshot)),
                Err(trouble) => listing.troubles.push(trouble),
            }
        }
        listing.snapshots.sort_by_key(|(id, snapshot)| (snapshot.started, *id));
        Ok(listing)
    }

    /// All snapshots, read again from the place: for `check`.
    pub(crate) fn snapshots_afresh(&self) -> Result<SnapshotListing> {
        self.0.snapshots.lock().clear();
        self.snapshots()
    }

    /// One snapshot.
    ///
    /// # Errors
    /// It is not there, damaged, or newer.
    pub fn snapshot(&self, id: SnapshotId) -> Result<Arc<Snapshot>> {
        if let Some(snapshot) = self.0.snapshots.lock().get(&id) {
            return Ok(Arc::clone(snapshot));
        }
        let snapshot = Arc::new(self.read_snapshot(&*self.0.store, &snapshot_key(id))?);
        self.0.snapshots.lock().insert(id, Arc::clone(&snapshot));
        Ok(snapshot)
    }

    /// A snapshot of this repository as it lies in a store.
    pub(crate) fn read_snapshot(&self, store: &dyn Store, key: &str) -> Result<Snapshot> {
        let bytes = store.read(key, SNAPSHOT_LIMIT_BYTES)?;
        let header = Header::parse(&bytes, FileKind::Snapshot, key)?;
        if snapshot_key(SnapshotId(header.object.0)) != key {
            return Err(RepositoryError::damaged(key, "it is another snapshot under this name"));
        }
        let content = sealed::open_record(&bytes, header, self.ring().epoch_key(header.epoch, key)?, key)?;
        record::decode(&content, key)
    }

    /// The snapshot a person means: `latest`, or the first digits of its id.
    ///
    /// # Errors
    /// None or several fit, or a record that may be the latest can not be read.
    pub fn find_snapshot(&self, text: &str) -> Result<(SnapshotId, Arc<Snapshot>)> {
        let no_such = |what: String| RepositoryError::NoSuch { path: self.describe(), what };
        let listing = self.snapshots()?;
        if text == "latest" {
            // A record that can not be read may be the latest: an older state must not be taken for it in silence.
            return match (listing.troubles.into_iter().next(), listing.snapshots.last()) {
                (Some(trouble), _) => Err(trouble),
                (None, Some((id, snapshot))) => Ok((*id, Arc::clone(snapshot))),
                (None, None) => Err(no_such("there is no snapshot yet".into())),
            };
        }
        let text = text.to_ascii_lowercase();
        let mut fitting = listing.snapshots.iter().filter(|(id, _)| id.to_string().starts_with(&text));
        match (fitting.next(), fitting.next()) {
            (Some((id, snapshot)), None) => Ok((*id, Arc::clone(snapshot))),
            (Some(_), Some(_)) => Err(no_such(format!("several snapshots begin with {text}"))),
            (None, _) => {
                // Damaged or newer, rather than absent?
                let begins = |path: &str| path.rsplit('/').next().is_some_and(|name| name.starts_with(&text));
                let trouble = listing.troubles.into_iter().find(|trouble| match trouble {
                    RepositoryError::Damaged { path, .. } | RepositoryError::Newer { path, .. } => {
                        begins(path)
                    }
                    _ => false,
                });
                Err(trouble.unwrap_or_else(|| no_such(format!("no snapshot begins with {text}"))))
            }
        }
    }

    /// Facts for people.
    ///
    /// # Errors
    /// The place can not be listed.
    pub fn info(&self) -> Result<RepositoryInfo> {
        let store = &*self.0.store;
        let packs = store.list(PACKS_FOLDER)?;
        let index = store.list(INDEX_FOLDER)?;
        Ok(RepositoryInfo {
            id: self.id(),
            format_version: self.0.envelope.format_version,
            created_seconds: self.0.envelope.created_seconds,
            packs: packs.len() as u64,
            packs_bytes: packs.iter().map(|object| object.size_bytes).sum(),
            index_bytes: index.iter().map(|object| object.size_bytes).sum(),
            chunks: self.index()?.index.len() as u64,
            snapshots: store.list(SNAPSHOTS_FOLDER)?.len() as u64,
            slots: keys::list(store)?.0,
            free_bytes: store.free_bytes()?,
        })
    }

    /// The keys that open it.
    ///
    /// # Errors
    /// The place can not be listed, or a slot is damaged.
    pub fn slots(&self) -> Result<Vec<SlotInfo>> {
        Ok(keys::list(&*self.0.store)?.0)
    }

    /// Adds a password.
    ///
    /// # Errors
    /// The place refuses.
    pub fn add_password(
        &self,
        password: &Secret,
        label: &str,
        cost: Cost,
        now_seconds: i64,
    ) -> Result<ObjectId> {
        self.require(Operation::Write)?;
        let secret = password.as_bytes();
        self.0.keys.add_slot(&*self.0.store, SlotKind::Password, secret, label, cost, now_seconds)
    }

    /// Makes one more recovery key.
    ///
    /// # Errors
    /// The place refuses.
    pub fn add_recovery_key(&self, label: &str, cost: Cost, now_seconds: i64) -> Result<RecoveryKey> {
        self.require(Operation::Write)?;
        let key = RecoveryKey::generate()?;
        self.0.keys.add_slot(&*self.0.store, SlotKind::Recovery, key.as_bytes(), label, cost, now_seconds)?;
        Ok(key)
    }

    /// Removes a key. What it opened so far, whoever had it may have kept.
    ///
    /// # Errors
    /// There is no such key, or it is the last.
    pub fn remove_key(&self, id: ObjectId) -> Result<()> {
        self.require(Operation::Delete)?;
        keys::remove(&*self.0.store, id)
    }
}

/// The envelope of the repository at a place.
pub(crate) fn read_envelope(store: &dyn Store) -> Result<Envelope> {
    let path = format!("{}/{ENVELOPE_KEY}", store.describe());
    match store.read(ENVELOPE_KEY, ENVELOPE_LENGTH as u64 * 64) {
        Ok(bytes) => Envelope::parse(&bytes, &path),
        Err(EndpointError::NotFound { .. }) => {
            // Told apart: nothing of ours there, or ours without its first file.
            if matches!(store.list(PACKS_FOLDER), Ok(packs) if !packs.is_empty()) {
                return Err(RepositoryError::damaged(path, "the file is missing"));
            }
            // A place that is gone altogether says so itself.
            store.names()?;
            Err(RepositoryError::NotARepository { path: store.describe() })
        }
        Err(error) => Err(error.into()),
    }
}

/// Makes sure the place is empty (but for what an interrupted making left) and lays out the folders.
fn prepare_place(store: &dyn Store) -> Result<()> {
    const OURS: [&str; 5] = [KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER, "tmp"];
    /// What operating systems put into a drive by themselves.
    const HARMLESS: [&str; 6] =
        ["lost+found", ".ds_store", "system volume information", ".trashes", ".fseventsd", "$recycle.bin"];
    let names = store.names()?;
    if names.iter().any(|name| name == ENVELOPE_KEY) {
        return Err(RepositoryError::AlreadyARepository { path: store.describe() });
    }
    let strange = |name: &String| {
        let lower = name.to_ascii_lowercase();
        !OURS.contains(&lower.as_str()) && !HARMLESS.contains(&lower.as_str()) && lower != README_KEY
    };
    if names.iter().any(strange) {
        return Err(RepositoryError::NotEmpty { path: store.describe() });
    }
    for folder in [PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER] {
        // Data without an envelope is a damaged repository, not a place for a new one.
        if names.iter().any(|name| name == folder) && !store.list(folder)?.is_empty() {
            return Err(RepositoryError::NotEmpty { path: store.describe() });
        }
    }
    Ok(store.create_folders(&[KEYS_FOLDER, PACKS_FOLDER, INDEX_FOLDER, SNAPSHOTS_FOLDER])?)
}
