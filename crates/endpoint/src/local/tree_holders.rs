//! Folders of a local tree that were opened a moment ago.
//!
//! To find the way to a folder costs as much as what is done in it, and files come, and are read, one after the other in one
//! folder. Invariants: a folder counts as the one at its path for at most [`A_MOMENT`]; at most [`HOLDERS_LIMIT`] are kept
//! open. Deliberately not here: what such a folder may be used for (`tree`).

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use keepwell_model::RelativePath;

use super::Folder;
use crate::error::EndpointError;

/// So many folders are remembered: each worker is in one.
const HOLDERS_LIMIT: usize = 8;
/// So long a folder that was opened counts as the one at its path.
pub(super) const A_MOMENT: Duration = Duration::from_millis(10);

#[derive(Debug)]
struct Holder {
    path: RelativePath,
    folder: Folder,
    since: Instant,
}

/// The folders that were opened last.
#[derive(Debug, Default)]
pub(super) struct Holders(Mutex<Vec<Holder>>);

impl Holders {
    /// The folder that was at a path when it was opened last, however long ago.
    pub(super) fn known(&self, path: &RelativePath) -> Option<Folder> {
        self.list().iter().find(|holder| holder.path == *path).map(|holder| holder.folder.clone())
    }

    /// The folder that was at a path a moment ago.
    pub(super) fn known_lately(&self, path: &RelativePath) -> Option<Folder> {
        let is_it = |holder: &&Holder| holder.path == *path && holder.since.elapsed() <= A_MOMENT;
        self.list().iter().find(is_it).map(|holder| holder.folder.clone())
    }

    /// Opens a folder, and remembers it.
    pub(super) fn open(
        &self,
        path: RelativePath,
        open: impl FnOnce(&RelativePath) -> Result<Folder, EndpointError>,
    ) -> Result<Folder, EndpointError> {
        let since = Instant::now();
        let folder = open(&path)?;
        let mut list = self.list();
        list.retain(|holder| holder.path != path);
        if list.len() >= HOLDERS_LIMIT {
            list.remove(0);
        }
        list.push(Holder { path, folder: folder.clone(), since });
        Ok(folder)
    }

    /// Closes them all.
    pub(super) fn forget(&self) {
        self.list().clear();
    }

    fn list(&self) -> MutexGuard<'_, Vec<Holder>> {
        // Nothing leaves the list half changed.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
