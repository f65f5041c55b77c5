//! Walking the trees of snapshots for a check: does all that a restore needs have a place that is not known to be bad?
//!
//! Invariants: no recursion; a sound folder that several snapshots share is walked once. Deliberately not here: looking
//! into packs (`check`), reading data.

use std::collections::HashSet;

use keepwell_model::{ChunkId, Control, EntryKind, Piece, RelativePath, Snapshot, SnapshotId};

use crate::check::{BadPlaces, Finding, FindingKind};
use crate::error::Result;
use crate::index::Index;
use crate::repository::Repository;
use crate::tree;

/// How many damaged files are named for each snapshot.
const NAMED_FILES_LIMIT: usize = 100;

/// Walks the trees of snapshots without recursion; a sound folder that several snapshots share is walked once.
pub(crate) struct TreeWalk<'a> {
    repository: &'a Repository,
    index: &'a Index,
    bad: &'a BadPlaces,
    good_folders: HashSet<Vec<ChunkId>>,
    chunks: HashSet<ChunkId>,
}

impl<'a> TreeWalk<'a> {
    pub(crate) fn new(repository: &'a Repository, index: &'a Index, bad: &'a BadPlaces) -> Self {
        Self { repository, index, bad, good_folders: HashSet::new(), chunks: HashSet::new() }
    }

    /// How many distinct chunks were needed so far and have a place.
    pub(crate) fn chunks(&self) -> u64 {
        self.chunks.len() as u64
    }

    /// What of a snapshot can not be brought back, if anything.
    pub(crate) fn examine(
        &mut self,
        id: SnapshotId,
        snapshot: &Snapshot,
        control: &Control,
    ) -> Result<Option<Finding>> {
        let what = "files can not be brought back whole";
        let mut finding = Finding::new(FindingKind::Files, format!("snapshot {}", id.short()), what);
        let mut visited: Vec<Vec<ChunkId>> = Vec::new();
        let mut open = vec![(RelativePath::root(), snapshot.root_pages.clone())];
        while let Some((path, pages)) = open.pop() {
            control.checkpoint()?;
            if pages.is_empty() || self.good_folders.contains(&pages) {
                continue;
            }
            let before = finding.files_total;
            self.folder(&path, &pages, &mut open, &mut finding);
            if finding.files_total == before {
                visited.push(pages);
            }
        }
        if finding.files_total > 0 {
            return Ok(Some(finding));
        }
        // Only when the whole snapshot is sound: a sound folder may have an unsound one below it.
        self.good_folders.extend(visited);
        Ok(None)
    }

    fn folder(
        &mut self,
        path: &RelativePath,
        pages: &[ChunkId],
        open: &mut Vec<(RelativePath, Vec<ChunkId>)>,
        finding: &mut Finding,
    ) {
        let mut affected = |path: &RelativePath, what: &str| {
            finding.files_total += 1;
            if finding.files.len() < NAMED_FILES_LIMIT {
                finding.files.push(format!("{path}{what}"));
            }
        };
        if !pages.iter().all(|page| self.is_good(page)) {
            affected(path, "/ (the folder and all in it)");
            return;
        }
        for page in pages {
            match self.repository.piece_pages(page) {
                Ok(lists) if lists.iter().all(|list| self.is_good(list)) => {}
                _ => {
                    affected(path, "/ (the folder and all in it)");
                    return;
                }
            }
        }
        let entries = match self.repository.read_folder(pages) {
            Ok(entries) => entries,
            Err(_) => {
                affected(path, "/ (the folder and all in it)");
                return;
            }
        };
        for entry in entries {
            // Names were checked when the page was decoded.
            let Ok(child) = path.join(&entry.name) else { continue };
            if entry.kind == EntryKind::Folder {
                open.push((child, entry.pages));
            } else if let Some(content) = &entry.content {
                let chunks = content.pieces.iter().filter_map(|piece| match piece {
                    Piece::Chunk { id, .. } => Some(id),
                    Piece::Hole { .. } => None,
                });
                let mut sound = true;
                for chunk in chunks {
                    sound &= self.is_good(chunk);
                }
                sound &= tree::total_bytes(&content.pieces) == Some(entry.size_bytes);
                if !sound {
                    affected(&child, "");
                }
            }
        }
    }

    fn is_good(&mut self, id: &ChunkId) -> bool {
        if self.chunks.contains(id) {
            return true;
        }
        let good = self.bad.is_good(self.index, id);
        if good {
            self.chunks.insert(*id);
        }
        good
    }
}
