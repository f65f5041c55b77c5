//! Where a walk begins: a source may be a folder, a file or anything else, and may be reached through a link.
//!
//! Invariant: what Keepwell keeps for itself, the repository above all, is no source and never found in one, under
//! whatever path. Deliberately not here: what lies below a source (`walk`).

use std::path::{Path, PathBuf};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Folder, Stat};
use keepwell_model::{Entry, EntryKind};

use crate::backup::BackupError;
use crate::file_reader::FileReader;
use crate::walk::{FileTask, Known, Walk};

/// Folders that are never backed up.
#[derive(Default)]
pub(crate) struct Avoid {
    /// File system and inode, by which they are known again wherever they turn up.
    identities: Vec<(u64, u64)>,
    /// Their paths without links, for sources that lie in them.
    paths: Vec<PathBuf>,
}

impl Avoid {
    pub(crate) fn new(folders: &[PathBuf]) -> Self {
        let stats = folders.iter().filter_map(|path| Folder::open(path).ok()?.stat_self().ok());
        Self {
            identities: stats
                .filter(|stat| stat.inode != 0)
                .map(|stat| (stat.file_system, stat.inode))
                .collect(),
            paths: folders.iter().filter_map(|path| std::fs::canonicalize(path).ok()).collect(),
        }
    }

    pub(crate) fn is(&self, stat: &Stat) -> bool {
        self.identities.contains(&(stat.file_system, stat.inode))
    }

    fn holds(&self, path: &Path) -> bool {
        std::fs::canonicalize(path)
            .is_ok_and(|path| self.paths.iter().any(|avoided| path.starts_with(avoided)))
    }
}

impl Walk<'_> {
    /// Puts a source on the stack, or reads it at once if it is a file.
    pub(crate) fn start_source(
        &self,
        path: &Path,
        root: &[u8],
        old: Option<Entry>,
        reader: &mut FileReader,
    ) -> Result<Result<(), EndpointError>, BackupError> {
        let own = || EndpointError::Unexpected {
            path: path.display().to_string(),
            why: "it lies in a folder that Keepwell keeps for itself".into(),
        };
        if self.avoid.holds(path) {
            return Ok(Err(own()));
        }
        let folder = match Folder::open(path) {
            Ok(folder) => folder,
            Err(error) => return self.start_single(path, root, old, error, reader),
        };
        let stat = match folder.stat_self() {
            Ok(stat) if self.avoid.is(&stat) => return Ok(Err(own())),
            Ok(stat) => stat,
            Err(error) => return Ok(Err(error)),
        };
        self.control.add_total(1, 0);
        let entry = self.entry(root.to_vec(), &stat);
        let node = self.node(None, folder, entry, &stat, old.as_ref());
        self.list(&node, Known { old, done: None }, reader)?;
        Ok(Ok(()))
    }

    /// A source that is no folder. Like a folder, it may be reached through a link.
    fn start_single(
        &self,
        path: &Path,
        root: &[u8],
        old: Option<Entry>,
        folder_error: EndpointError,
        reader: &mut FileReader,
    ) -> Result<Result<(), EndpointError>, BackupError> {
        let is_link = std::fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_symlink());
        let real = if is_link { std::fs::canonicalize(path) } else { Ok(path.to_owned()) };
        let Ok(real) = real else { return Ok(Err(folder_error)) };
        let (Some(parent), Some(name)) = (real.parent(), real.file_name()) else {
            return Ok(Err(folder_error));
        };
        let name = name.as_encoded_bytes();
        let Ok(folder) = Folder::open(parent) else { return Ok(Err(folder_error)) };
        let stat = match folder.stat(name) {
            Ok(stat) if matches!(stat.kind, EntryKind::Folder | EntryKind::Symlink) => {
                return Ok(Err(folder_error));
            }
            Ok(stat) => stat,
            Err(error) => return Ok(Err(error)),
        };
        let read = if stat.kind == EntryKind::File {
            self.control.add_total(1, stat.size_bytes);
            let file = FileTask { name: name.to_vec(), stat, was_there: old.is_some() };
            self.file(&folder, file, reader)?
        } else {
            self.other(&folder, self.entry(name.to_vec(), &stat))
        };
        let Some(mut entry) = read else {
            // Why was told.
            let path = path.display().to_string();
            return Ok(Err(EndpointError::Unexpected { path, why: "it could not be read".into() }));
        };
        entry.name = root.to_vec();
        self.roots.lock().push(entry);
        Ok(Ok(()))
    }
}
