//! Finding files in snapshots: by name over all of them, and every version of one path.
//!
//! A folder that stood unchanged through many snapshots is searched once. Results come newest first and are bounded by
//! the caller. Deliberately not here: searching in content.

use std::collections::HashSet;
use std::ops::ControlFlow;

use globset::{GlobBuilder, GlobMatcher};
use keepwell_model::{ChunkId, Control, Entry, EntryKind, RelativePath, SnapshotId};
use keepwell_repository::{Repository, RepositoryError};

/// A search pattern can not be understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern \"{pattern}\" can not be understood: {why}")]
pub struct PatternError {
    /// The pattern as it was given.
    pub pattern: String,
    /// What is wrong with it.
    pub why: String,
}

/// What is looked for. Case does not matter.
pub struct Pattern {
    text: String,
    glob: Option<GlobMatcher>,
}

impl Pattern {
    /// With `*`, `?` or `[…]` a glob over the name, or over the whole path if it has a slash; otherwise a part of the
    /// name, or of the path.
    ///
    /// # Errors
    /// It is empty, or no glob.
    pub fn new(pattern: &str) -> Result<Self, PatternError> {
        let error = |why: String| PatternError { pattern: pattern.to_owned(), why };
        if pattern.is_empty() {
            return Err(error("it is empty".into()));
        }
        let glob = if pattern.contains(['*', '?', '[']) {
            let built = GlobBuilder::new(pattern).case_insensitive(true).build();
            Some(built.map_err(|why| error(why.kind().to_string()))?.compile_matcher())
        } else {
            None
        };
        Ok(Self { text: pattern.to_lowercase(), glob })
    }

    /// Whether an entry's path fits.
    #[must_use]
    pub fn matches(&self, path: &RelativePath) -> bool {
        let whole_path = self.text.contains('/');
        let bytes = if whole_path { path.as_bytes() } else { path.name().unwrap_or_default() };
        let text = String::from_utf8_lossy(bytes);
        match &self.glob {
            Some(glob) => glob.is_match(&*text),
            None => text.to_lowercase().contains(&self.text),
        }
    }
}

/// A version of a file that was found, and the newest snapshot that holds it.
#[derive(Clone, Debug)]
pub struct Found {
    /// The snapshot.
    pub snapshot: SnapshotId,
    /// The path in it.
    pub path: RelativePath,
    /// The entry.
    pub entry: Entry,
}

/// Hands every version whose path fits to `each`, newest snapshot first, until that breaks off.
///
/// # Errors
/// A folder can not be read, or it was cancelled.
pub fn find(
    repository: &Repository,
    snapshots: &[SnapshotId],
    pattern: &Pattern,
    control: &Control,
    mut each: impl FnMut(Found) -> ControlFlow<()>,
) -> Result<(), RepositoryError> {
    let mut searched: HashSet<(RelativePath, Vec<ChunkId>)> = HashSet::new();
    let mut told: HashSet<(RelativePath, Version)> = HashSet::new();
    let listing = repository.snapshots()?;
    let wanted = |id: &SnapshotId| snapshots.is_empty() || snapshots.contains(id);
    for (id, snapshot) in listing.snapshots.iter().rev().filter(|(id, _)| wanted(id)) {
        let mut open = vec![(RelativePath::root(), snapshot.root_pages.clone())];
        while let Some((path, pages)) = open.pop() {
            control.checkpoint()?;
            if !searched.insert((path.clone(), pages.clone())) {
                continue;
            }
            for entry in repository.read_folder(&pages)? {
                let Ok(child) = path.join(&entry.name) else { continue };
                if entry.kind == EntryKind::Folder {
                    open.push((child.clone(), entry.pages.clone()));
                }
                if pattern.matches(&child)
                    && told.insert((child.clone(), version(&entry)))
                    && each(Found { snapshot: *id, path: child, entry }).is_break()
                {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

/// What makes two entries of one path the same version.
type Version = (EntryKind, Option<keepwell_model::ContentHash>, Option<Vec<u8>>);

fn version(entry: &Entry) -> Version {
    (entry.kind, entry.content.as_ref().map(|content| content.hash), entry.target.clone())
}

/// One version of a path through a run of snapshots.
#[derive(Clone, Debug)]
pub struct PathVersion {
    /// The entry as the newest of the snapshots has it; nothing where the path was absent.
    pub entry: Option<Entry>,
    /// The snapshots that have it so, newest first.
    pub snapshots: Vec<SnapshotId>,
}

/// Every version of a path, newest first, with the stretches where it was absent in between.
///
/// # Errors
/// A folder on the way can not be read, or it was cancelled.
pub fn versions(
    repository: &Repository,
    snapshots: &[SnapshotId],
    path: &RelativePath,
    control: &Control,
) -> Result<Vec<PathVersion>, RepositoryError> {
    let mut versions: Vec<PathVersion> = Vec::new();
    let listing = repository.snapshots()?;
    let wanted = |id: &SnapshotId| snapshots.is_empty() || snapshots.contains(id);
    for (id, snapshot) in listing.snapshots.iter().rev().filter(|(id, _)| wanted(id)) {
        control.checkpoint()?;
        let entry = match repository.entry_at(snapshot, path) {
            Ok(entry) => Some(entry),
            Err(RepositoryError::NoSuch { .. }) => None,
            Err(error) => return Err(error),
        };
        match versions.last_mut() {
            Some(last) if last.entry.as_ref().map(version) == entry.as_ref().map(version) => {
                last.snapshots.push(*id)
            }
            _ => versions.push(PathVersion { entry, snapshots: vec![*id] }),
        }
    }
    // Before its first appearance a path was not absent, it was not there yet.
    while versions.last().is_some_and(|last| last.entry.is_none()) {
        versions.pop();
    }
    Ok(versions)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        Pattern::new(pattern).unwrap().matches(&RelativePath::parse(path.as_bytes()).unwrap())
    }

    #[test]
    fn a_pattern_is_a_part_of_the_name_or_a_glob() {
        assert!(matches("report", "docs/Annual REPORT.odt"));
        assert!(!matches("docs", "docs/report.odt"));
        assert!(matches("docs/rep", "my/docs/report.odt"));
        assert!(matches("*.ODT", "docs/report.odt"));
        assert!(!matches("*.odt", "docs/report.odt.bak"));
        assert!(matches("**/docs/*.odt", "my/docs/report.odt"));
        assert!(Pattern::new("").is_err());
        assert!(Pattern::new("a[").is_err());
    }
}
