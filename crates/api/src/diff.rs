//! What differs between two snapshots.
//!
//! Walks both trees side by side; folders whose pages are the same chunks are the same and never opened. Invariants: a
//! stack, not recursion, so depth costs no stack; at most [`LIMIT`] differences are kept.

use keepwell_model::{ChunkId, Entry, EntryKind, RelativePath};
use keepwell_repository::Repository;

use crate::dto::snapshot::ChangeKind;
use crate::error::ApiError;

/// Differences that are kept.
pub(crate) const LIMIT: usize = 200_000;

/// One difference.
pub(crate) struct Difference {
    pub(crate) path: RelativePath,
    pub(crate) change: ChangeKind,
    pub(crate) older: Option<Entry>,
    pub(crate) newer: Option<Entry>,
}

/// All differences below two folders, by path; and whether there are more than are kept.
pub(crate) fn differences(
    repository: &Repository,
    at: &RelativePath,
    older: &[ChunkId],
    newer: &[ChunkId],
) -> Result<(Vec<Difference>, bool), ApiError> {
    let mut found = Vec::new();
    let mut open = vec![(at.clone(), older.to_vec(), newer.to_vec())];
    while let Some((path, older, newer)) = open.pop() {
        if older == newer {
            continue;
        }
        let mut before = repository.read_folder(&older)?.into_iter().peekable();
        let mut after = repository.read_folder(&newer)?.into_iter().peekable();
        while let Some((one, other)) = next_pair(&mut before, &mut after) {
            let name = one.as_ref().or(other.as_ref()).map(|entry| entry.name.clone()).unwrap_or_default();
            let path = path.join(&name)?;
            let pages = |entry: &Option<Entry>| {
                entry
                    .as_ref()
                    .filter(|entry| entry.kind == EntryKind::Folder)
                    .map(|entry| entry.pages.clone())
            };
            let (old_pages, new_pages) = (pages(&one), pages(&other));
            if old_pages.is_some() || new_pages.is_some() {
                open.push((path.clone(), old_pages.unwrap_or_default(), new_pages.unwrap_or_default()));
            }
            if let Some(change) = compare(one.as_ref(), other.as_ref()) {
                if found.len() >= LIMIT {
                    return Ok((sorted(found), true));
                }
                found.push(Difference { path, change, older: one.map(light), newer: other.map(light) });
            }
        }
    }
    Ok((sorted(found), false))
}

/// The next entry of either list, paired where both have the name.
fn next_pair(
    before: &mut std::iter::Peekable<impl Iterator<Item = Entry>>,
    after: &mut std::iter::Peekable<impl Iterator<Item = Entry>>,
) -> Option<(Option<Entry>, Option<Entry>)> {
    use std::cmp::Ordering;
    let order = match (before.peek(), after.peek()) {
        (None, None) => return None,
        (Some(_), None) => Ordering::Less,
        (None, Some(_)) => Ordering::Greater,
        (Some(one), Some(other)) => one.name.cmp(&other.name),
    };
    Some(match order {
        Ordering::Less => (before.next(), None),
        Ordering::Greater => (None, after.next()),
        Ordering::Equal => (before.next(), after.next()),
    })
}

/// Without the lists of pieces and pages: many are kept.
fn light(mut entry: Entry) -> Entry {
    entry.pages = Vec::new();
    entry.content = None;
    entry
}

fn sorted(mut found: Vec<Difference>) -> Vec<Difference> {
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

/// What is different about two entries of one name.
pub(crate) fn compare(older: Option<&Entry>, newer: Option<&Entry>) -> Option<ChangeKind> {
    match (older, newer) {
        (None, None) => None,
        (None, Some(_)) => Some(ChangeKind::Added),
        (Some(_), None) => Some(ChangeKind::Removed),
        (Some(older), Some(newer)) if older.kind != newer.kind => Some(ChangeKind::Kind),
        (Some(older), Some(newer)) => {
            let hash = |entry: &Entry| entry.content.as_ref().map(|content| content.hash);
            if hash(older) != hash(newer) || older.target != newer.target || older.device != newer.device {
                Some(ChangeKind::Changed)
            } else if older.metadata != newer.metadata {
                Some(ChangeKind::Metadata)
            } else {
                None
            }
        }
    }
}
