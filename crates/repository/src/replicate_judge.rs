//! Telling which of two files of a repository that differ is as it was written: only who has the keys can.
//!
//! Deliberately not here: what is done with the other one (`replicate`).

use keepwell_endpoint::Store;

use crate::error::{RepositoryError, Result};
use crate::keys::KEYS_FOLDER;
use crate::pack::{GroupFault, PACKS_FOLDER, PackReader, is_passing, pack_id};
use crate::repository::{Repository, SNAPSHOTS_FOLDER};
use crate::segment::{INDEX_FOLDER, Segment};

impl Repository {
    /// Whether a file of this repository, as it lies in a store, is as it was written, down to its last byte.
    ///
    /// # Errors
    /// The store does not let it be read (that says nothing about the file), or it was made by a newer Keepwell.
    pub(crate) fn is_as_written(&self, store: &dyn Store, key: &str, size_bytes: u64) -> Result<bool> {
        match self.examine_file(store, key, size_bytes) {
            Ok(()) => Ok(true),
            Err(RepositoryError::Damaged { .. } | RepositoryError::Limit { .. }) => Ok(false),
            Err(RepositoryError::Endpoint(error)) if !is_passing(&error) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn examine_file(&self, store: &dyn Store, key: &str, size_bytes: u64) -> Result<()> {
        match key.split_once('/').map(|(folder, _)| folder) {
            Some(PACKS_FOLDER) => self.examine_pack_in(store, key, size_bytes),
            Some(INDEX_FOLDER) => Segment::read(store, self.ring(), key).map(drop),
            Some(SNAPSHOTS_FOLDER) => self.read_snapshot(store, key).map(drop),
            Some(KEYS_FOLDER) => self.0.keys.examine_file(store, key),
            _ => Err(RepositoryError::damaged(key, "it is no file of a repository")),
        }
    }

    /// Sees that a pack of this repository, as it lies in a store, is as it was written.
    fn examine_pack_in(&self, store: &dyn Store, key: &str, size_bytes: u64) -> Result<()> {
        let damaged = |why: String| RepositoryError::damaged(key, why);
        let id = pack_id(key).ok_or_else(|| damaged("it is not a pack's name".into()))?;
        let reader = PackReader::open(store, self.ring(), id, size_bytes)?;
        if let Some(fault) = reader.header_fault() {
            return Err(damaged(fault.to_string()));
        }
        let directory = reader.directory()?;
        reader.groups_of(&directory, &self.ring().id_key, |offset, opened| match opened {
            Ok(_) => Ok(()),
            Err(GroupFault::Damaged(why)) => Err(damaged(format!("at byte {offset}: {why}"))),
            Err(GroupFault::Unreadable(error)) => Err(error.into()),
        })
    }
}
