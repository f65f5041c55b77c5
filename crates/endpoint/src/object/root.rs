//! The root of a place in a bucket: whether it is there, which one it is, and what the service can be relied on for.
//!
//! Why a marker: a service answers the same to "nothing is in this folder" and "there never was such a folder". Invariants:
//! a root counts as there if its marker or anything else is in it; the marker is written when a place is made, and never
//! changed; what it says tells this place from another that was made at the same address later. Deliberately not here:
//! folders (`store`, `tree`).

use std::sync::OnceLock;

use keepwell_model::Timestamp;
use keepwell_model::id::to_hex;
use opendal::options::WriteOptions;
use opendal::{Entry, ErrorKind};

use super::service::{ABANDONED_MS, Service};
use crate::error::EndpointError;

/// The object that says: this is the root of a place. The capital letter keeps it from being a key of a store.
pub(crate) const ROOT_MARKER: &str = ".Keepwell-place";
/// The object that says: this folder is there, also when it is empty.
pub(crate) const FOLDER_MARKER: &str = ".Keepwell-folder";
/// What it holds.
pub(crate) const FOLDER_TEXT: &[u8] =
    b"This object marks a folder of a place of Keepwell, which may be empty.\n";
/// How the objects begin with which conditions are tried, there for a moment only: a random name follows, because two
/// programs that try at once must not meet. Hidden like all that is unfinished.
const PROBE: &str = ".keepwell-staged-probe-";
/// What it was called before, by one name for all.
pub(crate) const OLD_PROBE: &str = ".Keepwell-probe";
/// How many probes that were left are looked at.
const PROBES: usize = 100;
const PROBE_TEXT: &[u8] = b"Keepwell tries what this service can do. This may be deleted.\n";
const TEXT: &str =
    "This object marks a place of Keepwell. Without it, an empty place looks like a lost one.\n";
/// More is no marker of ours.
const TEXT_LIMIT_BYTES: usize = 4096;

/// A root, with what was found out about its service.
pub(crate) struct Root {
    pub(crate) service: Service,
    /// Whether the service keeps two writers from making the same object.
    conditions: OnceLock<bool>,
}

impl Root {
    pub(crate) fn new(service: Service) -> Self {
        Self { service, conditions: OnceLock::new() }
    }

    /// The place is there: its marker, or at least anything at all. A bucket that is not there is an error.
    fn is_there(&self) -> Result<bool, EndpointError> {
        // What was only tried there is cleared one day, and then nothing would say that it is one.
        let is_anything = |found: &[Entry]| found.iter().any(|entry| !entry.path().starts_with(PROBE));
        Ok(self.service.has(ROOT_MARKER)? || is_anything(&self.service.list_some("", true, PROBES)?))
    }

    /// An error where the place is not there.
    pub(crate) fn require(&self) -> Result<(), EndpointError> {
        if self.is_there()? {
            return Ok(());
        }
        Err(EndpointError::NotFound { path: self.service.name.to_string() })
    }

    /// Marks the place where nothing is yet.
    pub(crate) fn make(&self) -> Result<(), EndpointError> {
        if self.is_there()? {
            return Ok(());
        }
        self.write_marker(format!("{TEXT}{}\n", self.random_name(ROOT_MARKER)?))
    }

    fn random_name(&self, key: &str) -> Result<String, EndpointError> {
        let mut random = [0_u8; 16];
        getrandom::fill(&mut random).map_err(|error| {
            let error = std::io::Error::other(error.to_string());
            EndpointError::from_io("write", self.service.path(key), error)
        })?;
        Ok(to_hex(&random))
    }

    fn write_marker(&self, text: String) -> Result<(), EndpointError> {
        let written = self.service.write(ROOT_MARKER, text.into_bytes(), WriteOptions::default());
        written.map(drop).map_err(|error| self.service.failed("write", ROOT_MARKER, &error))
    }

    /// What the marker says; nothing where the place has none.
    pub(crate) fn identity(&self) -> Result<Option<Vec<u8>>, EndpointError> {
        let size_bytes = match self.service.stat(ROOT_MARKER) {
            Ok(found) => found.content_length(),
            Err(EndpointError::NotFound { .. }) => return self.require().map(|()| None),
            Err(error) => return Err(error),
        };
        match usize::try_from(size_bytes) {
            Ok(length @ 1..=TEXT_LIMIT_BYTES) => {
                self.service.read(ROOT_MARKER, 0, length, None).map(|text| Some(text.to_vec()))
            }
            _ => Ok(None),
        }
    }

    /// Something is not there: is it alone in that?
    pub(crate) fn missing(&self, error: EndpointError) -> EndpointError {
        match error {
            EndpointError::NotFound { .. } => self.require().err().unwrap_or(error),
            other => other,
        }
    }

    /// Removes what programs left that were killed while they tried.
    fn clear_probes(&self) -> Result<(), EndpointError> {
        let now_ms = Timestamp::from_system(std::time::SystemTime::now()).to_milliseconds();
        for entry in self.service.list_some(PROBE, false, PROBES)? {
            let modified = entry.metadata().last_modified();
            let is_old = |made_ms| now_ms.saturating_sub(made_ms) > ABANDONED_MS;
            if modified.is_some_and(|time| is_old(time.into_inner().as_millisecond())) {
                self.service.delete(entry.path())?;
            }
        }
        Ok(())
    }

    /// Whether the service refuses to write over an object when told so.
    pub(crate) fn has_conditions(&self) -> Result<bool, EndpointError> {
        if let Some(known) = self.conditions.get() {
            return Ok(*known);
        }
        self.clear_probes()?;
        // With an object of its own: the marker of a place is made with the place or not at all.
        let probe = format!("{PROBE}{}", self.random_name(PROBE)?);
        let failed = |error: &opendal::Error| self.service.failed("write", &probe, error);
        self.service.write(&probe, PROBE_TEXT, WriteOptions::default()).map_err(|error| failed(&error))?;
        let options = WriteOptions { if_not_exists: true, ..WriteOptions::default() };
        let tried = self.service.write(&probe, PROBE_TEXT, options);
        // Whatever came of it: nobody else would take it away for a day.
        let removed = self.service.delete(&probe);
        let known = match tried {
            Ok(_) => false,
            Err(error) if error.kind() == ErrorKind::ConditionNotMatch => true,
            Err(error) if error.kind() == ErrorKind::Unsupported || says_unknown(&error) => false,
            Err(error) => return Err(failed(&error)),
        };
        removed?;
        if !known {
            tracing::warn!(place = %self.service.name, "the service has no conditional writes: it is asked right before");
        }
        Ok(*self.conditions.get_or_init(|| known))
    }
}

/// The service does not know what a condition is.
fn says_unknown(error: &opendal::Error) -> bool {
    let message = error.message();
    ["NotImplemented", "InvalidArgument", "MissingHeader"].iter().any(|word| message.contains(word))
}
