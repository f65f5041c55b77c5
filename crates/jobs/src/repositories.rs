//! Opens repositories: finds the password, keeps a few of them open.
//!
//! Invariants: a password a person gave is always tried, never skipped because something is open already; what stays
//! open knows of what others added (its index is let go of when index files changed); a place opens only the repository
//! it was made for. Deliberately not here: asking the person (hosts).

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_catalog::{Catalog, Credentials, PlaceRecord, random_bytes};
use keepwell_endpoint::local::LocalStore;
use keepwell_endpoint::{Address, EndpointError, Store};
use keepwell_model::{PlaceId, RepositoryId};
use keepwell_repository::envelope::{ENVELOPE_KEY, ENVELOPE_LENGTH, Envelope};
use keepwell_repository::secret::Cost;
use keepwell_repository::{InitOptions, RecoveryKey, Repository, RepositoryError, Secret};
use parking_lot::Mutex;

use crate::outcome::{Fault, FaultKind};
use crate::path_text;
use crate::request::Target;
use crate::throttle::{Ceiling, ThrottledStore};
use crate::trees::Trees;

/// Repositories that stay open.
const OPEN_LIMIT: usize = 8;

/// A repository that stays open.
struct Open {
    path: PathBuf,
    /// Keyed hash of the password it was opened with: told apart without keeping it.
    password_mark: [u8; 32],
    repository: Repository,
    /// The envelope it was opened by: another one is another repository.
    envelope_mark: [u8; 32],
    /// What the index consisted of.
    index_mark: [u8; 32],
}

/// Opens repositories.
pub struct Repositories {
    catalog: Arc<Catalog>,
    credentials: Arc<Credentials>,
    ceiling: Arc<Ceiling>,
    mark_key: [u8; 32],
    open: Mutex<Vec<Open>>,
    /// What opens places that are not on this machine.
    places: Option<Arc<Trees>>,
}

/// The name of a place's password among the secrets.
#[must_use]
pub fn password_name(place_id: PlaceId) -> String {
    format!("place/{place_id}")
}

impl Repositories {
    /// With nothing open yet.
    ///
    /// # Errors
    /// The system gave no random bytes.
    pub fn new(catalog: Arc<Catalog>, credentials: Arc<Credentials>) -> Result<Self, Fault> {
        let mark_key = random_bytes().map_err(|error| {
            Fault::new(FaultKind::Failed, error.to_string(), "Restart the computer, then try again.")
        })?;
        Ok(Self {
            catalog,
            credentials,
            ceiling: Arc::default(),
            mark_key,
            open: Mutex::default(),
            places: None,
        })
    }

    /// The same, and repositories may be in places that are not on this machine.
    #[must_use]
    pub fn with_places(mut self, places: Arc<Trees>) -> Self {
        self.places = Some(places);
        self
    }

    /// The ceiling on what is written, shared by all.
    #[must_use]
    pub fn ceiling(&self) -> &Arc<Ceiling> {
        &self.ceiling
    }

    /// The path of a target.
    ///
    /// # Errors
    /// It is not in the escaped form.
    pub fn path(target: &Target) -> Result<PathBuf, Fault> {
        let bytes = path_text::decode(&target.path)
            .map_err(|error| Fault::new(FaultKind::BadRequest, error.to_string(), "Correct the path."))?;
        Ok(path_text::local_path(&bytes))
    }

    /// Opens a repository: with the password given, or the one that is kept.
    ///
    /// # Errors
    /// No password is known, it is wrong, or the place refuses.
    pub fn open(&self, target: &Target, password: Option<&str>) -> Result<Repository, Fault> {
        let path = Self::path(target)?;
        let place = self.place_of(target)?;
        let kept;
        let password = match (password, &place) {
            (Some(password), _) => password,
            (None, Some(place)) => {
                if let Some(repository) = self.find_open(&path, None)? {
                    refuse_another(place, repository.id(), &path)?;
                    return Ok(repository);
                }
                kept = self.credentials.get(&password_name(place.id))?;
                kept.as_deref().map(String::as_str).ok_or_else(|| needed(&path))?
            }
            (None, None) => return Err(needed(&path)),
        };
        let mark = *blake3::keyed_hash(&self.mark_key, password.as_bytes()).as_bytes();
        let found = self.find_open(&path, Some(mark))?;
        let is_new = found.is_none();
        let repository = match found {
            Some(repository) => repository,
            None => Repository::open(self.store(&path, false)?, &Secret::new(password))?,
        };
        if let Some(place) = &place {
            refuse_another(place, repository.id(), &path)?;
        }
        if is_new {
            self.keep_open(path, mark, &repository)?;
        }
        Ok(repository)
    }

    /// Makes a repository in a folder that is absent or empty.
    ///
    /// # Errors
    /// There is something already, or the place refuses.
    pub fn init(
        &self,
        path: &Path,
        password: &str,
        cost: Cost,
        now_ms: i64,
    ) -> Result<(Repository, RecoveryKey), Fault> {
        let store = self.store(path, true)?;
        let options =
            InitOptions { password: Secret::new(password), now_seconds: now_ms.div_euclid(1000), cost };
        let (repository, recovery) = Repository::init(store, &options)?;
        let mark = *blake3::keyed_hash(&self.mark_key, password.as_bytes()).as_bytes();
        self.keep_open(path.to_owned(), mark, &repository)?;
        Ok((repository, recovery))
    }

    /// Closes what is open at a path.
    pub fn close(&self, path: &Path) {
        self.open.lock().retain(|open| open.path != path);
    }

    /// The files of a repository, which need no password: of a place, only of the repository it was made for.
    ///
    /// # Errors
    /// There is none, another one, or the place refuses.
    pub(crate) fn source(&self, target: &Target) -> Result<Arc<dyn Store>, Fault> {
        let path = Self::path(target)?;
        let store = self.store(&path, false)?;
        if let Some(place) = self.place_of(target)? {
            let bytes = match store.read(ENVELOPE_KEY, ENVELOPE_LENGTH as u64) {
                Ok(bytes) => bytes,
                Err(EndpointError::NotFound { .. }) => {
                    return Err(RepositoryError::NotARepository { path: store.describe() }.into());
                }
                Err(error) => return Err(error.into()),
            };
            let envelope = Envelope::parse(&bytes, &format!("{}/{ENVELOPE_KEY}", store.describe()))?;
            refuse_another(&place, envelope.repository, &path)?;
        }
        Ok(store)
    }

    /// The store at a path, which may also be the address of a place that is not on this machine.
    pub(crate) fn store(&self, path: &Path, make: bool) -> Result<Arc<dyn Store>, Fault> {
        let remote = path.to_str().filter(|text| Address::is_remote(text));
        let store: Arc<dyn Store> = match (remote, &self.places) {
            (Some(text), Some(places)) => places.store(&Trees::address(text)?, make)?,
            (Some(text), None) => {
                let message = format!("{text} is not on this machine.");
                return Err(Fault::new(FaultKind::BadRequest, message, "Choose a folder of this machine."));
            }
            (None, _) if make => Arc::new(LocalStore::create(path)?),
            (None, _) => Arc::new(LocalStore::open(path)?),
        };
        Ok(Arc::new(ThrottledStore::new(store, Arc::clone(&self.ceiling))))
    }

    /// The place a target means: by its id, or by its path.
    fn place_of(&self, target: &Target) -> Result<Option<PlaceRecord>, Fault> {
        if let Some(id) = target.place_id {
            return Ok(self.catalog.place(id)?);
        }
        let bytes = path_text::bytes_of(&Self::path(target)?);
        Ok(self.catalog.places()?.into_iter().find(|place| place.path == bytes))
    }

    fn find_open(&self, path: &Path, mark: Option<[u8; 32]>) -> Result<Option<Repository>, Fault> {
        let mut all = self.open.lock();
        let fits = |open: &Open| open.path == path && mark.is_none_or(|mark| mark == open.password_mark);
        let Some(at) = all.iter().position(fits) else { return Ok(None) };
        let mut open = all.remove(at);
        drop(all);
        // Also the moment a place that went away is noticed.
        if envelope_mark(&open.repository)? != open.envelope_mark {
            return Ok(None);
        }
        let index_mark = index_mark(&open.repository)?;
        if index_mark != open.index_mark {
            open.repository.forget_index();
            open.index_mark = index_mark;
        }
        let repository = open.repository.clone();
        self.open.lock().push(open);
        Ok(Some(repository))
    }

    fn keep_open(
        &self,
        path: PathBuf,
        password_mark: [u8; 32],
        repository: &Repository,
    ) -> Result<(), Fault> {
        let (envelope_mark, index_mark) = (envelope_mark(repository)?, index_mark(repository)?);
        let mut all = self.open.lock();
        all.retain(|open| open.path != path);
        all.push(Open { path, password_mark, repository: repository.clone(), envelope_mark, index_mark });
        if all.len() > OPEN_LIMIT {
            all.remove(0);
        }
        Ok(())
    }
}

fn needed(path: &Path) -> Fault {
    Fault::new(
        FaultKind::PasswordNeeded,
        "The password of this repository is not known on this machine.",
        "Give its password or its recovery key.",
    )
    .about(path.display().to_string())
}

/// A place opens only the repository it was made for.
fn refuse_another(place: &PlaceRecord, repository: RepositoryId, path: &Path) -> Result<(), Fault> {
    if place.repository_id == repository.to_string() {
        return Ok(());
    }
    Err(Fault::new(
        FaultKind::NotFound,
        format!(
            "Another repository than that of \"{}\" is at this place now. Nothing was written.",
            place.label
        ),
        "Connect the right drive. If the new one is meant, add it as a place of its own.",
    )
    .about(path.display().to_string()))
}

/// The envelope as it is now. It never changes while a repository lives.
fn envelope_mark(repository: &Repository) -> Result<[u8; 32], Fault> {
    let bytes = repository.store().read(ENVELOPE_KEY, 1 << 16)?;
    Ok(*blake3::hash(&bytes).as_bytes())
}

/// What the index consists of now.
fn index_mark(repository: &Repository) -> Result<[u8; 32], Fault> {
    let mut keys: Vec<String> = repository
        .store()
        .list(keepwell_repository::segment::INDEX_FOLDER)?
        .into_iter()
        .map(|object| object.key)
        .collect();
    keys.sort_unstable();
    Ok(*blake3::hash(keys.join("\n").as_bytes()).as_bytes())
}
