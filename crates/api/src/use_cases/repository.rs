//! Repositories: making one, adding one, its keys; and finding the one a request means.

use std::path::{Path, PathBuf};

use keepwell_catalog::{Catalog, PlaceRecord, random_bytes};
use keepwell_endpoint::Address;
use keepwell_endpoint::credentials::CredentialKind;
use keepwell_jobs::repositories::password_name;
use keepwell_jobs::trees::secret_name;
use keepwell_jobs::{Attachment, Target, Trees};
use keepwell_model::ObjectId;
use keepwell_repository::{Repository, Secret, SlotInfo, SlotKind};
use zeroize::Zeroizing;

use super::{place, sync_save};
use crate::convert;
use crate::dto::Done;
use crate::dto::place::Place;
use crate::dto::repository::{
    KeyKind, RepositoryAdd, RepositoryAddress, RepositoryCreate, RepositoryCreated, RepositoryInfo,
    RepositoryInfoGet, RepositoryKey, RepositoryKeyAdd, RepositoryKeyAdded, RepositoryKeyRemove,
    RepositoryKeys,
};
use crate::dto::sync::SyncAccess;
use crate::error::{ApiError, ErrorCode};
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::secret_text::SecretText;

/// The shortest password a person may choose, in characters.
const PASSWORD_MINIMUM: usize = 8;
/// The longest label, in characters.
pub(crate) const LABEL_LIMIT: usize = 100;

/// A repository a request means.
pub(crate) struct Meant {
    pub(crate) target: Target,
    pub(crate) place: Option<PlaceRecord>,
    pub(crate) path: PathBuf,
    pub(crate) password: Option<SecretText>,
}

impl Meant {
    /// What people call it.
    pub(crate) fn label(&self) -> String {
        match &self.place {
            Some(place) => place.label.clone(),
            None => label_of(&self.path),
        }
    }

    /// The queue of everything that works on it.
    pub(crate) fn destination(&self) -> String {
        // One place has one queue, however its path is written.
        let path = std::fs::canonicalize(&self.path).unwrap_or_else(|_| self.path.clone());
        path_text::encode(&path_text::bytes_of(&path))
    }

    /// What is handed to its jobs.
    pub(crate) fn attachment(&self) -> Attachment {
        Attachment {
            password: self.password.as_ref().map(|secret| Zeroizing::new(secret.reveal().to_owned())),
            ..Attachment::default()
        }
    }
}

/// Finds the repository a request means; nothing is opened.
pub(crate) fn meant(api: &Api, address: RepositoryAddress) -> Result<Meant, ApiError> {
    let place = match (&address.place_id, &address.path) {
        (Some(id), None) => Some(place::record(&api.catalog, convert::place_id(id)?)?),
        (None, Some(path)) => {
            let bytes = path_text::bytes_of(&convert::place_path(path)?);
            api.catalog.places()?.into_iter().find(|place| place.path == bytes)
        }
        _ => return Err(ApiError::bad_request("Say which repository: either its place or its path.")),
    };
    let path = match (&place, &address.path) {
        (Some(place), _) => path_text::local_path(&place.path),
        (None, Some(path)) => convert::place_path(path)?,
        (None, None) => {
            return Err(ApiError::bad_request("Say which repository: either its place or its path."));
        }
    };
    let target = Target {
        path: path_text::encode(&path_text::bytes_of(&path)),
        place_id: place.as_ref().map(|place| place.id),
    };
    Ok(Meant { target, place, path, password: address.password })
}

/// Opens the repository a request means.
pub(crate) fn open(api: &Api, address: RepositoryAddress) -> Result<Repository, ApiError> {
    let meant = meant(api, address)?;
    open_meant(api, &meant)
}

pub(crate) fn open_meant(api: &Api, meant: &Meant) -> Result<Repository, ApiError> {
    Ok(api.repositories.open(&meant.target, meant.password.as_ref().map(SecretText::reveal))?)
}

/// The folder's own name; of a place elsewhere all but its options.
pub(crate) fn label_of(path: &Path) -> String {
    if let Some(address) = path.to_str().filter(|text| Address::is_remote(text)) {
        return address.split('?').next().unwrap_or(address).to_owned();
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    path_text::display(name.as_encoded_bytes())
}

/// A label a person gave, or the folder's name.
fn label(given: Option<String>, path: &Path) -> Result<String, ApiError> {
    let label = given.map(|label| label.trim().to_owned()).filter(|label| !label.is_empty());
    let label = label.unwrap_or_else(|| label_of(path));
    if label.chars().count() > LABEL_LIMIT {
        return Err(ApiError::bad_request(format!("A name has at most {LABEL_LIMIT} letters.")));
    }
    Ok(label)
}

fn check_password(password: &str) -> Result<(), ApiError> {
    if password.chars().count() < PASSWORD_MINIMUM {
        return Err(ApiError::bad_request(format!("A password has {PASSWORD_MINIMUM} characters at least.")));
    }
    Ok(())
}

/// A strong password nobody has to remember: 160 random bits.
fn generate_password() -> Result<SecretText, ApiError> {
    let bytes = Zeroizing::new(random_bytes::<20>()?);
    Ok(SecretText::new(keepwell_jobs::device::hex(&*bytes)))
}

/// A repository that was made without a place.
#[derive(Debug)]
pub struct RepositoryMade {
    /// Its id.
    pub repository_id: String,
    /// The printable recovery key: given out once, kept nowhere.
    pub recovery_key: Zeroizing<String>,
}

impl Api {
    /// Makes a repository that this machine does not remember: for the command line, where the person names path and
    /// password every time.
    ///
    /// # Errors
    /// The folder is not empty, can not be made, or the password is too short.
    pub fn repository_init(&self, path: &str, password: &SecretText) -> Result<RepositoryMade, ApiError> {
        let path = convert::place_path(path)?;
        check_password(password.reveal())?;
        let (repository, recovery) =
            self.repositories.init(&path, password.reveal(), self.options.cost, self.now_ms())?;
        Ok(RepositoryMade { repository_id: repository.id().to_string(), recovery_key: recovery.to_text() })
    }
}

pub(crate) fn repository_create(api: &Api, request: RepositoryCreate) -> Result<RepositoryCreated, ApiError> {
    let path = convert::place_path(&request.path)?;
    let label = label(request.label, &path)?;
    let password_generated = request.password.is_none();
    let password = match request.password {
        Some(password) => password,
        None => generate_password()?,
    };
    check_password(password.reveal())?;
    give(api, &path, request.access.as_ref())?;
    let (repository, recovery) =
        api.repositories.init(&path, password.reveal(), api.options.cost, api.now_ms())?;
    let place = remember(api, &path, label, &repository, &password)?;
    Ok(RepositoryCreated {
        place: place::place(api, place, true)?,
        recovery_key: recovery.to_text().to_string(),
        password_generated,
    })
}

/// What opens the server of a place, for now: it is kept once it was of use.
fn give(api: &Api, path: &Path, access: Option<&SyncAccess>) -> Result<(), ApiError> {
    if let (Some(text), Some(access)) = (path.to_str().filter(|text| Address::is_remote(text)), access) {
        let address = Trees::address(text)?;
        if let Some(credentials) = sync_save::credentials(&address, access) {
            api.syncs.trees().give(&address, credentials);
        }
    }
    Ok(())
}

/// Makes a place of an open repository and keeps its password.
fn remember(
    api: &Api,
    path: &Path,
    label: String,
    repository: &Repository,
    password: &SecretText,
) -> Result<PlaceRecord, ApiError> {
    let record = PlaceRecord {
        id: Catalog::new_place_id()?,
        label,
        path: path_text::bytes_of(path),
        repository_id: repository.id().to_string(),
        created_ms: api.now_ms(),
        last_check: None,
    };
    // What opens the server, where this process was given it: a plan runs without a person.
    if let Some(address) = path.to_str().filter(|text| Address::is_remote(text)) {
        let address = Trees::address(address)?;
        let opened_with = api.syncs.trees().credentials(&address)?;
        if opened_with.kind != CredentialKind::None {
            let text = opened_with
                .to_text()
                .map_err(|error| ApiError::new(ErrorCode::Failed, format!("{error}.")))?;
            api.credentials.set(&secret_name(&address), &text)?;
        }
    }
    // The password first: a place without it would be of no use to plans.
    api.credentials.set(&password_name(record.id), password.reveal())?;
    api.catalog.add_place(&record)?;
    Ok(record)
}

pub(crate) fn repository_add(api: &Api, request: RepositoryAdd) -> Result<Place, ApiError> {
    let path = convert::place_path(&request.path)?;
    let label = label(request.label, &path)?;
    let bytes = path_text::bytes_of(&path);
    give(api, &path, request.access.as_ref())?;
    if let Some(known) = api.catalog.places()?.into_iter().find(|place| place.path == bytes) {
        // Typing the password again for a place that is known is how a lost keyring is mended.
        let target = Target { path: path_text::encode(&bytes), place_id: Some(known.id) };
        api.repositories.open(&target, Some(request.password.reveal()))?;
        api.credentials.set(&password_name(known.id), request.password.reveal())?;
        return place::place(api, known, true);
    }
    let target = Target { path: path_text::encode(&bytes), place_id: None };
    let repository = api.repositories.open(&target, Some(request.password.reveal()))?;
    let record = remember(api, &path, label, &repository, &request.password)?;
    place::place(api, record, true)
}

pub(crate) fn repository_info(api: &Api, request: RepositoryInfoGet) -> Result<RepositoryInfo, ApiError> {
    let meant = meant(api, request.repository)?;
    let repository = open_meant(api, &meant)?;
    let info = repository.info()?;
    let latest = repository.snapshots()?.snapshots.last().map(|(_, snapshot)| snapshot.started.into());
    Ok(RepositoryInfo {
        repository_id: info.id.to_string(),
        path: PathText::of(&meant.path),
        format_version: info.format_version,
        snapshots: Count(info.snapshots),
        stored_bytes: Count(info.packs_bytes + info.index_bytes),
        free_bytes: info.free_bytes.map(Count),
        latest_snapshot_ms: latest,
    })
}

fn key(slot: SlotInfo) -> RepositoryKey {
    RepositoryKey {
        id: slot.id.to_string(),
        kind: match slot.kind {
            SlotKind::Password => KeyKind::Password,
            SlotKind::Recovery => KeyKind::Recovery,
        },
        label: path_text::display(slot.label.as_bytes()),
        created_ms: slot.created_seconds.checked_mul(1000).map(Moment),
    }
}

pub(crate) fn repository_keys(api: &Api, request: RepositoryInfoGet) -> Result<RepositoryKeys, ApiError> {
    let repository = open(api, request.repository)?;
    Ok(RepositoryKeys { keys: repository.slots()?.into_iter().map(key).collect() })
}

pub(crate) fn repository_key_add(
    api: &Api,
    request: RepositoryKeyAdd,
) -> Result<RepositoryKeyAdded, ApiError> {
    let label = request.label.unwrap_or_default();
    if label.chars().count() > LABEL_LIMIT {
        return Err(ApiError::bad_request(format!("A name has at most {LABEL_LIMIT} letters.")));
    }
    if let Some(password) = &request.new_password {
        check_password(password.reveal())?;
    }
    let repository = open(api, request.repository)?;
    let before: Vec<ObjectId> = repository.slots()?.into_iter().map(|slot| slot.id).collect();
    let (cost, now_seconds) = (api.options.cost, api.now_ms().div_euclid(1000));
    let recovery_key = match &request.new_password {
        Some(password) => {
            repository.add_password(&Secret::new(password.reveal()), &label, cost, now_seconds)?;
            None
        }
        None => Some(repository.add_recovery_key(&label, cost, now_seconds)?.to_text().to_string()),
    };
    let added = repository.slots()?.into_iter().find(|slot| !before.contains(&slot.id));
    let added = added.ok_or_else(|| {
        ApiError::new(
            ErrorCode::Unreachable,
            "The new key can not be found again. Look at the keys, then try again.",
        )
    })?;
    Ok(RepositoryKeyAdded { key: key(added), recovery_key })
}

pub(crate) fn repository_key_remove(api: &Api, request: RepositoryKeyRemove) -> Result<Done, ApiError> {
    let repository = open(api, request.repository)?;
    let slots = repository.slots()?;
    let mut fitting = slots.iter().filter(|slot| slot.id.to_string().starts_with(&request.key_id));
    let slot = match (fitting.next(), fitting.next()) {
        (Some(slot), None) if !request.key_id.is_empty() => slot,
        (Some(_), Some(_)) => {
            return Err(ApiError::bad_request("Several keys begin with that. Give more of it."));
        }
        _ => return Err(ApiError::not_found(format!("There is no key \"{}\".", request.key_id))),
    };
    repository.remove_key(slot.id)?;
    Ok(Done {})
}
