//! A tree of files on a WebDAV server.
//!
//! Invariants:
//! 1. A file is sent under a name of an unfinished one, read back and compared, given its time, and then moved to its
//!    name: over nothing, or over what was looked at right before.
//! 2. A folder is removed only when it is empty: it is first moved aside, because a server removes a folder with all in
//!    it, also what came a moment ago.
//! 3. The time of a file is noted beside it together with what the server said about it then; when that no longer fits,
//!    somebody else wrote it, and the server's own time counts.
//!
//! Deliberately not here: locks; links, permissions and attributes, which WebDAV does not have.

use std::sync::Arc;

use keepwell_model::id::to_hex;
use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath, Timestamp};

use super::client::{Client, Moved, Over};
use super::multistatus::Resource;
use super::staged::{WebDavContent, WebDavStaged};
use super::store::WebDavStore;
use super::tree_probe;
use crate::address::Address;
use crate::credentials::Credentials;
use crate::error::EndpointError;
use crate::retry::Patience;
use crate::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, STAGED_PREFIX,
    STEP_PREFIX, Staged, Tree, TreeItem, Version,
};

/// How old an unfinished file is before nobody can be at it any more.
const ABANDONED_MS: i64 = 24 * 60 * 60 * 1000;

/// A tree on a WebDAV server. Cheap to clone.
#[derive(Clone)]
pub struct WebDavTree {
    pub(super) client: Client,
    inner: Arc<Inner>,
}

struct Inner {
    capabilities: Capabilities,
}

impl WebDavTree {
    /// Opens the tree in a folder; with `create`, makes the folder where it is absent.
    ///
    /// # Errors
    /// The server can not be reached, does not accept the credentials, or has no such folder.
    pub fn open(
        address: &Address,
        credentials: &Credentials,
        patience: &Patience,
        create: bool,
    ) -> Result<Self, EndpointError> {
        let opened = if create {
            WebDavStore::create(address, credentials, patience)
        } else {
            WebDavStore::open(address, credentials, patience)
        };
        let client = opened?.into_client();
        let capabilities = tree_probe::probe(&client)?;
        give_identity(&client, capabilities.times)?;
        Ok(Self { client, inner: Arc::new(Inner { capabilities }) })
    }

    pub(super) fn text<'p>(&self, path: &'p RelativePath) -> Result<&'p str, EndpointError> {
        std::str::from_utf8(path.as_bytes()).map_err(|_| EndpointError::Unexpected {
            path: self.shown(path),
            why: "its name is no UTF-8 text, and a WebDAV server takes no other".to_owned(),
        })
    }

    pub(super) fn shown(&self, path: &RelativePath) -> String {
        self.client.path(&String::from_utf8_lossy(path.as_bytes()))
    }

    pub(super) fn changed(&self, path: &RelativePath) -> EndpointError {
        EndpointError::Changed { path: self.shown(path) }
    }

    /// An error where what is at a path is not as expected.
    pub(super) fn require(&self, path: &RelativePath, expected: &Expected) -> Result<(), EndpointError> {
        let fits = match (expected, self.stat(path)?) {
            (Expected::Absent, None) => true,
            (Expected::Item(expected), Some(found)) => found.fingerprint.is_unchanged_since(expected),
            _ => false,
        };
        if fits { Ok(()) } else { Err(self.changed(path)) }
    }

    /// A name for something unfinished, beside a path.
    pub(super) fn staged_beside(&self, path: &RelativePath) -> Result<String, EndpointError> {
        self.beside(path, STAGED_PREFIX)
    }

    /// A name by chance that begins like this, beside a path.
    fn beside(&self, path: &RelativePath, prefix: &[u8]) -> Result<String, EndpointError> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| {
            EndpointError::from_io("write", self.shown(path), std::io::Error::other(error.to_string()))
        })?;
        let name = format!("{}{}", String::from_utf8_lossy(prefix), to_hex(&random));
        Ok(match self.text(path)?.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name,
        })
    }

    /// Notes the time of a file, where the server takes notes.
    pub(super) fn note_time(&self, path: &str, modified: Timestamp) -> Result<bool, EndpointError> {
        if !self.inner.capabilities.times {
            return Ok(false);
        }
        let now = self.client.stat(path)?;
        let Some(written) = now.written else { return Ok(false) };
        let value = format!(
            "{}.{:09} {} {}",
            modified.seconds, modified.nanoseconds, written.seconds, now.size_bytes
        );
        self.client.note(path, "modified", &value)
    }

    /// Moves, and says what stood in the way.
    pub(super) fn moved(
        &self,
        from: &str,
        to: &RelativePath,
        target: &Expected,
    ) -> Result<(), EndpointError> {
        let over = if matches!(target, Expected::Absent) { Over::Refuse } else { Over::Replace };
        match self.client.rename(from, self.text(to)?, over)? {
            Moved::Done => Ok(()),
            Moved::Taken => Err(self.changed(to)),
            Moved::NoFolder => Err(EndpointError::NotFound {
                path: to.parent().map_or_else(|| self.describe(), |folder| self.shown(&folder)),
            }),
        }
    }

    pub(super) fn published(
        &self,
        path: &RelativePath,
        mut not_kept: Vec<String>,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let item = self.stat(path)?.ok_or_else(|| self.changed(path))?;
        // Permissions are not told: the capabilities say so for all files at once.
        if metadata.extended_attributes.as_ref().is_some_and(|list| !list.is_empty()) {
            not_kept.push("the extended attributes: a WebDAV server does not keep them".to_owned());
        }
        Ok(Published { item, not_kept })
    }
}

/// Notes an id beside the root that tells it from another made there later; once, where the server takes notes.
fn give_identity(client: &Client, takes_notes: bool) -> Result<(), EndpointError> {
    let mut random = [0_u8; 8];
    if takes_notes && client.stat("")?.identity.is_none() && getrandom::fill(&mut random).is_ok() {
        client.note("", "identity", &to_hex(&random))?;
    }
    Ok(())
}

pub(super) fn item(name: &[u8], resource: &Resource) -> TreeItem {
    let fingerprint = if resource.is_folder {
        Fingerprint {
            kind: EntryKind::Folder,
            size_bytes: 0,
            modified: None,
            version: Version::default(),
            id: 0,
        }
    } else {
        Fingerprint {
            kind: EntryKind::File,
            size_bytes: resource.size_bytes,
            modified: noted_time(resource).or(resource.written),
            version: version(resource),
            id: 0,
        }
    };
    TreeItem { name: name.to_vec(), fingerprint, mode: None, link_count: 1 }
}

/// Apache calls an etag weak for the first second of a file and strong later: the same content all the same.
pub(super) fn version(resource: &Resource) -> Version {
    let token = resource.etag.as_deref().map(|etag| etag.trim_start_matches("W/").trim_matches('"'));
    token.map(|token| Version::of(token.as_bytes())).unwrap_or_default()
}

/// The time noted beside a file, if nobody wrote the file since.
fn noted_time(resource: &Resource) -> Option<Timestamp> {
    let mut parts = resource.noted.as_deref()?.split(' ');
    let (seconds, nanoseconds) = parts.next()?.split_once('.')?;
    let modified = Timestamp::new(seconds.parse().ok()?, nanoseconds.parse().ok()?);
    let written: i64 = parts.next()?.parse().ok()?;
    let size_bytes: u64 = parts.next()?.parse().ok()?;
    (resource.written?.seconds == written && resource.size_bytes == size_bytes).then_some(modified)
}

impl Tree for WebDavTree {
    fn describe(&self) -> String {
        self.client.name().to_owned()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.inner.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        let noted = self.client.stat("")?.identity.and_then(|text| u64::from_str_radix(&text, 16).ok());
        // The address alone does not tell whether the folder is the one it was.
        Ok(match noted {
            Some(root) => PlaceIdentity { volume: self.describe(), root },
            None => PlaceIdentity { volume: String::new(), root: 0 },
        })
    }

    fn former_identity(&self) -> Result<Option<PlaceIdentity>, EndpointError> {
        let is_told = !self.identity()?.volume.is_empty();
        Ok((!is_told).then(|| PlaceIdentity { volume: self.describe(), root: 0 }))
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        let mut found = Vec::new();
        let inside = match self.client.list(self.text(folder)?) {
            Err(EndpointError::NotFound { path }) => {
                self.client.stat("")?;
                return Err(EndpointError::NotFound { path });
            }
            result => result?,
        };
        for (name, resource) in inside {
            if name.as_bytes().starts_with(STAGED_PREFIX) {
                continue;
            }
            folder.join(name.as_bytes()).map_err(|error| EndpointError::Unexpected {
                path: self.shown(folder),
                why: format!("{name:?}: {error}"),
            })?;
            found.push(item(name.as_bytes(), &resource));
        }
        Ok(found)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        match self.client.stat(self.text(path)?) {
            Ok(resource) => Ok(Some(item(path.name().unwrap_or_default(), &resource))),
            Err(EndpointError::NotFound { path: shown }) => match path.is_root() {
                true => Err(EndpointError::NotFound { path: shown }),
                // Absent only if the place itself is there.
                false => self.client.stat("").map(|_| None),
            },
            Err(error) => Err(error),
        }
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        let resource = self.client.stat(self.text(path)?)?;
        let item = item(path.name().unwrap_or_default(), &resource);
        if resource.is_folder {
            let why = "it is a folder".to_owned();
            return Err(EndpointError::Unexpected { path: self.shown(path), why });
        }
        let etag = resource.etag.filter(|etag| !etag.starts_with("W/"));
        Ok(Box::new(WebDavContent::new(self.clone(), path.clone(), item, etag)))
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        let why = "a WebDAV server holds no links".to_owned();
        Err(EndpointError::Unexpected { path: self.shown(path), why })
    }

    fn extended_attributes(&self, _path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    fn stage(
        &self,
        path: &RelativePath,
        _size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.text(path)?;
        if from.is_some() {
            let why = "a WebDAV server takes whole files only".to_owned();
            return Err(EndpointError::Unexpected { path: self.shown(path), why });
        }
        Ok(Box::new(WebDavStaged::new(self.clone(), path.clone())))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        if self.client.create_folder(self.text(path)?)? {
            self.published(path, Vec::new(), metadata)
        } else {
            Err(EndpointError::AlreadyExists { path: self.shown(path) })
        }
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        _target: &[u8],
        _expected: &Expected,
        _metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let why = "a WebDAV server holds no links".to_owned();
        Err(EndpointError::Unexpected { path: self.shown(path), why })
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        let old = self.text(from)?;
        self.require(from, source)?;
        let is_case_only = !self.inner.capabilities.case_sensitive
            && old.to_lowercase() == self.text(to)?.to_lowercase()
            && old != self.text(to)?;
        if is_case_only {
            // To the server both names are one: by way of a third.
            let between = self.beside(from, STEP_PREFIX)?;
            self.moved(
                old,
                &RelativePath::parse(between.as_bytes()).map_err(|_| self.changed(from))?,
                &Expected::Absent,
            )?;
            if let Err(error) = self.moved(&between, to, &Expected::Absent) {
                self.moved(&between, from, &Expected::Absent)?;
                return Err(error);
            }
        } else {
            self.require(to, target)?;
            if from.parent() != to.parent()
                && let Some(folder) = to.parent()
            {
                // Some servers answer a move into nowhere as if they were broken.
                self.client.stat(self.text(&folder)?)?;
            }
            self.moved(old, to, target)?;
        }
        self.stat(to)?.ok_or_else(|| self.changed(to))
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        if path.is_root() {
            return Err(self.changed(path));
        }
        self.require(path, &Expected::Item(*expected))?;
        let name = self.text(path)?;
        if expected.kind != EntryKind::Folder {
            return self.client.remove_seen(name, || {
                // An answer was lost. What is there now may be what somebody else put there since.
                let now = self.stat(path)?;
                Ok(now.is_some_and(|now| now.fingerprint.is_unchanged_since(expected)))
            });
        }
        if !self.client.list(name)?.is_empty() {
            return Err(self.changed(path));
        }
        let aside = self.staged_beside(path)?;
        match self.client.rename(name, &aside, Over::Refuse)? {
            Moved::Done => {}
            Moved::Taken | Moved::NoFolder => return Err(self.changed(path)),
        }
        if self.client.list(&aside)?.is_empty() {
            return self.client.remove(&aside).map(drop);
        }
        // Something came in between: it goes back to where it was put.
        self.moved(&aside, path, &Expected::Absent)?;
        Err(self.changed(path))
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.require(path, &Expected::Item(*expected))?;
        let mut not_kept = Vec::new();
        if let Some(modified) = metadata.modified
            && expected.kind == EntryKind::File
            && !self.note_time(self.text(path)?, modified)?
        {
            not_kept.push("the time of the last change: this server does not store it".to_owned());
        }
        self.published(path, not_kept, metadata)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        Ok(())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        Ok(self.client.stat("")?.free_bytes)
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        let now_ms = Timestamp::from_system(std::time::SystemTime::now()).to_milliseconds();
        let base = self.text(folder)?;
        let mut cleared = 0;
        for (name, resource) in self.client.list(base)? {
            let is_old = resource
                .written
                .is_some_and(|time| now_ms.saturating_sub(time.to_milliseconds()) > ABANDONED_MS);
            // A folder that was moved aside may hold what came in between: it is left to a person.
            if is_old && !resource.is_folder && name.as_bytes().starts_with(STAGED_PREFIX) {
                let path = if base.is_empty() { name } else { format!("{base}/{name}") };
                self.client.remove(&path)?;
                cleared += 1;
            }
        }
        Ok(cleared)
    }
}
