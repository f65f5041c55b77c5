//! Names in many snapshots.
//!
//! Each distinct folder (by its pages) is looked into once for all snapshots that share it at the same path, so a
//! hundred snapshots of one tree cost little more than one. Invariants: a stack, not recursion; bounded by
//! [`PATHS_LIMIT`] paths and [`FOLDERS_LIMIT`] folders, and told when a bound was met.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use keepwell_model::{ChunkId, Entry, EntryKind, RelativePath, Snapshot, SnapshotId};
use keepwell_repository::Repository;

use crate::error::ApiError;

/// Paths that are kept.
pub(crate) const PATHS_LIMIT: usize = 10_000;
/// Folders that are opened.
const FOLDERS_LIMIT: usize = 2_000_000;

/// What is looked for.
pub(crate) struct Pattern {
    text: Vec<char>,
    whole_path: bool,
}

impl Pattern {
    /// `*` and `?` stand for any text and any character; without them any name that holds the text is found. With a
    /// `/` the whole path is looked at.
    pub(crate) fn new(text: &str) -> Result<Self, ApiError> {
        let text = text.trim();
        if text.is_empty() || text.len() > 1_000 {
            return Err(ApiError::bad_request("Say what to look for, in 1 to 1,000 letters."));
        }
        let whole_path = text.contains('/');
        let has_wildcards = text.contains(['*', '?']);
        let lower = text.to_lowercase();
        let lower = if has_wildcards { lower } else { format!("*{lower}*") };
        Ok(Self { text: lower.chars().collect(), whole_path })
    }

    /// Whether a name (or its path) is what is looked for.
    pub(crate) fn fits(&self, name: &[u8], path: impl FnOnce() -> Vec<u8>) -> bool {
        let text = if self.whole_path { path() } else { name.to_vec() };
        let text: Vec<char> = String::from_utf8_lossy(&text).to_lowercase().chars().collect();
        fits(&self.text, &text)
    }
}

/// Wildcards without backtracking beyond the last star: linear in practice, quadratic at worst.
fn fits(pattern: &[char], text: &[char]) -> bool {
    let (mut at, mut position) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while position < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, position));
                at += 1;
            }
            Some(wanted) if *wanted == '?' || text.get(position) == Some(wanted) => {
                at += 1;
                position += 1;
            }
            _ => match &mut star {
                Some((star_at, eaten)) => {
                    *eaten += 1;
                    at = *star_at + 1;
                    position = *eaten;
                }
                None => return false,
            },
        }
    }
    pattern.iter().skip(at).all(|rest| *rest == '*')
}

/// A path that was found.
pub(crate) struct Found {
    /// The entry in the newest snapshot that has it.
    pub(crate) entry: Entry,
    /// That snapshot, by its place in the list that was searched (newest first).
    pub(crate) newest: usize,
    /// How many of the searched snapshots have it.
    pub(crate) snapshots: u64,
}

/// What was found, by path, and whether a limit was met.
pub(crate) struct Findings {
    pub(crate) paths: BTreeMap<RelativePath, Found>,
    pub(crate) truncated: bool,
}

/// Searches snapshots, newest first.
pub(crate) fn find(
    repository: &Repository,
    snapshots: &[(SnapshotId, Arc<Snapshot>)],
    pattern: &Pattern,
) -> Result<Findings, ApiError> {
    let mut findings = Findings { paths: BTreeMap::new(), truncated: false };
    let mut folders = 0;
    // Folders to look into: a path, its pages, and the snapshots that have exactly these pages there.
    let mut tops: HashMap<&[ChunkId], Vec<usize>> = HashMap::new();
    for (number, (_, snapshot)) in snapshots.iter().enumerate() {
        tops.entry(&snapshot.root_pages).or_default().push(number);
    }
    let mut open: Vec<(RelativePath, Vec<ChunkId>, Vec<usize>)> =
        tops.into_iter().map(|(pages, numbers)| (RelativePath::root(), pages.to_vec(), numbers)).collect();
    while !open.is_empty() {
        // All variants of one path together, so that what they share below is looked into once.
        let path = open.last().map(|(path, ..)| path.clone()).unwrap_or_default();
        let mut variants = Vec::new();
        while open.last().is_some_and(|(other, ..)| *other == path) {
            variants.extend(open.pop());
        }
        let mut below: BTreeMap<Vec<u8>, HashMap<Vec<ChunkId>, Vec<usize>>> = BTreeMap::new();
        for (_, pages, numbers) in variants {
            folders += 1;
            if folders > FOLDERS_LIMIT {
                findings.truncated = true;
                return Ok(findings);
            }
            for entry in repository.read_folder(&pages)? {
                if pattern.fits(&entry.name, || {
                    path.join(&entry.name).map(|path| path.as_bytes().to_vec()).unwrap_or_default()
                }) && !note(&mut findings, path.join(&entry.name)?, &entry, &numbers)
                {
                    return Ok(findings);
                }
                if entry.kind == EntryKind::Folder && !entry.pages.is_empty() {
                    below.entry(entry.name).or_default().entry(entry.pages).or_default().extend(&numbers);
                }
            }
        }
        for (name, variants) in below.into_iter().rev() {
            let path = path.join(&name)?;
            open.extend(variants.into_iter().map(|(pages, numbers)| (path.clone(), pages, numbers)));
        }
    }
    Ok(findings)
}

/// Keeps a finding; `false` where no more fit.
fn note(findings: &mut Findings, path: RelativePath, entry: &Entry, numbers: &[usize]) -> bool {
    let newest = numbers.iter().copied().min().unwrap_or(0);
    let light = || {
        let mut light = entry.clone();
        light.pages = Vec::new();
        light.content = None;
        light
    };
    if let Some(found) = findings.paths.get_mut(&path) {
        found.snapshots += numbers.len() as u64;
        if newest < found.newest {
            found.newest = newest;
            found.entry = light();
        }
        return true;
    }
    if findings.paths.len() >= PATHS_LIMIT {
        findings.truncated = true;
        return false;
    }
    findings.paths.insert(path, Found { entry: light(), newest, snapshots: numbers.len() as u64 });
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_as_people_expect() {
        let fits = |pattern: &str, path: &str| {
            let name = path.rsplit('/').next().unwrap();
            Pattern::new(pattern).unwrap().fits(name.as_bytes(), || path.as_bytes().to_vec())
        };
        assert!(fits("holiday", "a/My Holiday.jpg"));
        assert!(fits("*.JPG", "a/b.jpg"));
        assert!(!fits("*.jpg", "a/b.jpg.txt"));
        assert!(fits("b?.txt", "b1.txt"));
        assert!(!fits("b?.txt", "b.txt"));
        assert!(!fits("photos", "photos/b.txt"), "without a slash only the name counts");
        assert!(fits("photos/*.txt", "photos/2020/b.txt"));
        assert!(fits("ÜBER", "über.txt"));
        assert!(Pattern::new("  ").is_err());
    }

    #[test]
    fn a_hostile_pattern_ends() {
        let pattern: Vec<char> = "*a*a*a*a*a*a*a*a*a*a*b".chars().collect();
        let text: Vec<char> = "a".repeat(2_000).chars().collect();
        assert!(!super::fits(&pattern, &text));
    }
}
