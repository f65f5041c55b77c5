//! What differs between two snapshots, in the order of paths.
//!
//! Folders with the same pages are the same and not looked into, so comparing costs what differs, not what is there.
//! No recursion: an explicit stack of half-read folders. Deliberately not here: comparing with the disk (`restore_plan`
//! does that).

use std::iter::Peekable;
use std::ops::ControlFlow;
use std::vec::IntoIter;

use keepwell_model::{Control, Entry, EntryKind, RelativePath, Snapshot};
use keepwell_repository::{Repository, RepositoryError};

/// In what way two entries of the same path differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Change {
    /// Only the second snapshot has it.
    Added,
    /// Only the first has it.
    Removed,
    /// Its content differs (files), or where it points (links).
    Content,
    /// It is of another kind.
    Kind,
    /// Only what surrounds the content differs: times, permissions, owner, attributes.
    Metadata,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Where.
    pub path: RelativePath,
    /// What.
    pub change: Change,
    /// The entry in the first snapshot.
    pub before: Option<Entry>,
    /// The entry in the second.
    pub after: Option<Entry>,
}

struct Pair {
    path: RelativePath,
    before: Peekable<IntoIter<Entry>>,
    after: Peekable<IntoIter<Entry>>,
}

/// Hands every difference to `each`, until that breaks off.
///
/// # Errors
/// A folder can not be read, or it was cancelled.
pub fn compare(
    repository: &Repository,
    before: &Snapshot,
    after: &Snapshot,
    control: &Control,
    mut each: impl FnMut(Difference) -> ControlFlow<()>,
) -> Result<(), RepositoryError> {
    let read = |pages: &[_]| Ok::<_, RepositoryError>(repository.read_folder(pages)?.into_iter().peekable());
    if before.root_pages == after.root_pages {
        return Ok(());
    }
    let top = Pair {
        path: RelativePath::root(),
        before: read(&before.root_pages)?,
        after: read(&after.root_pages)?,
    };
    let mut open = vec![top];
    while let Some(pair) = open.last_mut() {
        control.checkpoint()?;
        let (before, after) = match (pair.before.peek(), pair.after.peek()) {
            (None, None) => {
                open.pop();
                continue;
            }
            (Some(before), Some(after)) => match before.name.cmp(&after.name) {
                std::cmp::Ordering::Less => (pair.before.next(), None),
                std::cmp::Ordering::Greater => (None, pair.after.next()),
                std::cmp::Ordering::Equal => (pair.before.next(), pair.after.next()),
            },
            (Some(_), None) => (pair.before.next(), None),
            (None, Some(_)) => (None, pair.after.next()),
        };
        let Some(name) = before.as_ref().or(after.as_ref()).map(|entry| &entry.name) else { continue };
        // Names were checked when the page was decoded.
        let Ok(path) = pair.path.join(name) else { continue };
        let pages = |entry: &Option<Entry>| {
            entry.as_ref().filter(|entry| entry.kind == EntryKind::Folder).map(|entry| entry.pages.clone())
        };
        let (pages_before, pages_after) = (pages(&before), pages(&after));
        if let Some(change) = classify(before.as_ref(), after.as_ref())
            && each(Difference { path: path.clone(), change, before, after }).is_break()
        {
            return Ok(());
        }
        if pages_before != pages_after {
            let before = read(&pages_before.unwrap_or_default())?;
            let after = read(&pages_after.unwrap_or_default())?;
            open.push(Pair { path, before, after });
        }
    }
    Ok(())
}

fn classify(before: Option<&Entry>, after: Option<&Entry>) -> Option<Change> {
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (None, Some(_)) => return Some(Change::Added),
        (Some(_), None) => return Some(Change::Removed),
        (None, None) => return None,
    };
    if before.kind != after.kind {
        return Some(Change::Kind);
    }
    let hash = |entry: &Entry| entry.content.as_ref().map(|content| content.hash);
    let same_content =
        hash(before) == hash(after) && before.target == after.target && before.device == after.device;
    if !same_content {
        return Some(Change::Content);
    }
    (before.metadata != after.metadata).then_some(Change::Metadata)
}
