//! Looking for damage: everything a restore would need is looked at, and what is wrong is told as findings.
//!
//! The quick check reads keys, indexes, the directory of every pack and every folder page of every snapshot, and sees
//! that each chunk a file needs has a place. The full check also opens every group and compares every chunk with its id.
//! Nothing is changed. Deliberately not here: mending (`repair`).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_model::{
    ChunkId, Control, EntryKind, ObjectId, Phase, Piece, RelativePath, Snapshot, SnapshotId,
};
use parking_lot::Mutex;

use crate::envelope::Operation;
use crate::error::{RepositoryError, Result};
use crate::index::Index;
use crate::keys;
use crate::pack::{self, PackReader, PackSummary, pack_key};
use crate::repository::{Repository, SNAPSHOTS_FOLDER};

/// How many findings are kept whole; the rest are counted.
pub const FINDINGS_LIMIT: usize = 1000;
/// How many damaged files are named for each snapshot.
const NAMED_FILES_LIMIT: usize = 100;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Open every group and compare every chunk.
    pub read_data: bool,
    /// Threads for reading data; at least one is used.
    pub threads: usize,
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// A key slot or ring can not be read.
    Key,
    /// An index segment can not be read.
    Index,
    /// A pack that the index names is not there.
    PackMissing,
    /// A pack is not as it was written.
    PackDamaged,
    /// A pack that no index names: the rest of an interrupted run. Harmless.
    PackUnused,
    /// A snapshot's record can not be read.
    Snapshot,
    /// Files of a snapshot can not be brought back whole.
    Files,
    /// An upload that never ended. Harmless.
    Leftover,
}

impl FindingKind {
    /// Whether data is in danger or lost.
    #[must_use]
    pub fn is_damage(self) -> bool {
        !matches!(self, Self::PackUnused | Self::Leftover)
    }
}

/// One thing that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// What it is about.
    pub kind: FindingKind,
    /// The file of the repository, or the snapshot.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
    /// Files that are affected, by their path in the snapshot (the first hundred).
    pub files: Vec<String>,
    /// How many files are affected in all.
    pub files_total: u64,
}

impl Finding {
    fn new(kind: FindingKind, path: impl Into<String>, what: impl Into<String>) -> Self {
        Self { kind, path: path.into(), what: what.into(), files: Vec::new(), files_total: 0 }
    }
}

/// What a check saw.
#[derive(Clone, Debug, Default)]
pub struct CheckReport {
    /// What is wrong, the first thousand.
    pub findings: Vec<Finding>,
    /// How many findings there are.
    pub findings_total: u64,
    /// How many of them mean damage.
    pub damage_total: u64,
    /// Packs looked at.
    pub packs: u64,
    /// Snapshots looked at.
    pub snapshots: u64,
    /// Bytes of packs read and compared (full check).
    pub read_bytes: u64,
    /// Distinct chunks that snapshots need and that have a place.
    pub chunks: u64,
}

impl CheckReport {
    /// Whether everything that was looked at is as it should be.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.damage_total == 0
    }

    pub(crate) fn push(&mut self, finding: Finding) {
        self.findings_total += 1;
        self.damage_total += u64::from(finding.kind.is_damage());
        if self.findings.len() < FINDINGS_LIMIT {
            self.findings.push(finding);
        }
    }
}

/// What is known to be bad, by where it is.
#[derive(Default)]
pub(crate) struct BadPlaces {
    pub(crate) packs: HashSet<ObjectId>,
    pub(crate) groups: HashSet<(ObjectId, u32)>,
}

impl BadPlaces {
    fn is_good(&self, index: &Index, id: &ChunkId) -> bool {
        index.find(id).and_then(|(group, _)| index.group(group)).is_some_and(|(group, pack)| {
            !self.packs.contains(&pack.id) && !self.groups.contains(&(pack.id, group.offset))
        })
    }
}

/// Everything a check learns, for `repair` to build on.
#[derive(Default)]
pub(crate) struct Examination {
    pub(crate) report: CheckReport,
    pub(crate) bad: BadPlaces,
    /// What each readable pack holds.
    pub(crate) summaries: Vec<PackSummary>,
    pub(crate) bad_snapshots: Vec<String>,
    pub(crate) index_damaged: bool,
}

impl Repository {
    /// Looks for damage.
    ///
    /// # Errors
    /// The place can not be listed, the repository needs a newer Keepwell, or the check was cancelled. Damage is no
    /// error but a finding.
    pub fn check(&self, options: CheckOptions, control: &Control) -> Result<CheckReport> {
        Ok(self.examine(options, control)?.report)
    }

    pub(crate) fn examine(&self, options: CheckOptions, control: &Control) -> Result<Examination> {
        self.require(Operation::Check)?;
        control.set_phase(Phase::Preparing);
        let mut found = Examination::default();
        let store = &*self.0.store;
        for trouble in keys::list(store)?.1 {
            found.report.push(Finding::new(FindingKind::Key, trouble_path(&trouble), trouble.to_string()));
        }
        let loaded = self.reload_index()?;
        for trouble in &loaded.troubles {
            found.index_damaged = true;
            found.report.push(Finding::new(FindingKind::Index, trouble_path(trouble), trouble.to_string()));
        }
        self.examine_packs(options, control, &loaded.index, &mut found)?;
        self.examine_snapshots(control, &loaded.index, &mut found)?;
        for object in store.unfinished()? {
            let what = format!("{} bytes of an upload that never ended", object.size_bytes);
            found.report.push(Finding::new(FindingKind::Leftover, object.key, what));
        }
        Ok(found)
    }

    fn examine_packs(
        &self,
        options: CheckOptions,
        control: &Control,
        index: &Index,
        found: &mut Examination,
    ) -> Result<()> {
        control.set_phase(Phase::Verifying);
        let packs = pack::list(&*self.0.store)?;
        let present: HashMap<ObjectId, u64> = packs.iter().copied().collect();
        let mut indexed = HashMap::new();
        for entry in index.packs() {
            indexed.insert(entry.id, entry.size_bytes);
            if !present.contains_key(&entry.id) {
                found.bad.packs.insert(entry.id);
                let what = "the index names it, but it is not there";
                found.report.push(Finding::new(FindingKind::PackMissing, pack_key(entry.id), what));
            }
        }
        let bytes: u64 = packs.iter().map(|(_, size_bytes)| *size_bytes).sum();
        control.add_total(packs.len() as u64, bytes);
        control.set_total_known();

        let next = AtomicUsize::new(0);
        let results = Mutex::new(Vec::new());
        let failure = Mutex::new(None);
        std::thread::scope(|scope| {
            for _ in 0..options.threads.clamp(1, 8) {
                scope.spawn(|| {
                    while let Some((id, size_bytes)) = packs.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(cancelled) = control.checkpoint() {
                            failure.lock().get_or_insert(RepositoryError::from(cancelled));
                            return;
                        }
                        control.set_current(pack_key(*id).as_bytes());
                        let examined = self.examine_pack(*id, *size_bytes, options.read_data);
                        control.add_done(1, *size_bytes);
                        results.lock().push((*id, examined));
                    }
                });
            }
        });
        if let Some(error) = failure.into_inner() {
            return Err(error);
        }
        let mut results = results.into_inner();
        results.sort_by_key(|(id, _)| *id);
        for (id, (summary, faults)) in results {
            found.report.packs += 1;
            if options.read_data {
                found.report.read_bytes += present.get(&id).copied().unwrap_or(0);
            }
            // A shorter pack may still have a readable beginning, but not all that the index says.
            let wrong_size = indexed.get(&id).is_some_and(|size| present.get(&id) != Some(size));
            if summary.is_none() || wrong_size {
                found.bad.packs.insert(id);
            }
            for fault in &faults {
                if let Some(offset) = fault.offset {
                    found.bad.groups.insert((id, offset));
                }
                found.report.push(Finding::new(FindingKind::PackDamaged, pack_key(id), fault.what.clone()));
            }
            if wrong_size && faults.is_empty() {
                let what = "it has another size than the index says";
                found.report.push(Finding::new(FindingKind::PackDamaged, pack_key(id), what));
            }
            if !indexed.contains_key(&id) && faults.is_empty() && !found.index_damaged {
                let what = "no index names it: the rest of an interrupted run";
                found.report.push(Finding::new(FindingKind::PackUnused, pack_key(id), what));
            }
            found.summaries.extend(summary);
        }
        Ok(())
    }

    fn examine_pack(
        &self,
        id: ObjectId,
        size_bytes: u64,
        read_data: bool,
    ) -> (Option<PackSummary>, Vec<Fault>) {
        let mut faults = Vec::new();
        let reader = match PackReader::open(&*self.0.store, self.ring(), id, size_bytes) {
            Ok(reader) => reader,
            Err(error) => return (None, vec![Fault::whole(&error)]),
        };
        let summary = match reader.directory() {
            Ok(summary) => Some(summary),
            Err(error) => {
                faults.push(Fault::whole(&error));
                None
            }
        };
        if read_data {
            let each = |offset, opened: std::result::Result<_, String>| {
                if let Err(why) = opened {
                    faults.push(Fault::at(offset, why));
                }
                Ok(())
            };
            let id_key = &self.ring().id_key;
            let walked = match &summary {
                Some(summary) => reader.groups_of(summary, id_key, each),
                None => reader.walk(id_key, each),
            };
            if let Err(error) = walked {
                faults.push(Fault::whole(&error));
            }
        }
        (summary, faults)
    }

    fn examine_snapshots(&self, control: &Control, index: &Index, found: &mut Examination) -> Result<()> {
        let listing = self.snapshots_afresh()?;
        for trouble in listing.troubles {
            let path = trouble_path(&trouble);
            found.report.push(Finding::new(FindingKind::Snapshot, path.clone(), trouble.to_string()));
            if matches!(trouble, RepositoryError::Damaged { .. }) {
                found.bad_snapshots.push(path);
            }
        }
        let mut walk = TreeWalk {
            repository: self,
            index,
            bad: &found.bad,
            good_folders: HashSet::new(),
            chunks: HashSet::new(),
        };
        let mut findings = Vec::new();
        for (id, snapshot) in &listing.snapshots {
            control.checkpoint()?;
            control.set_current(format!("{SNAPSHOTS_FOLDER}/{}", id.short()).as_bytes());
            findings.extend(walk.examine(*id, snapshot, control)?);
        }
        found.report.snapshots = listing.snapshots.len() as u64;
        found.report.chunks = walk.chunks.len() as u64;
        for finding in findings {
            found.report.push(finding);
        }
        Ok(())
    }
}

struct Fault {
    offset: Option<u32>,
    what: String,
}

impl Fault {
    fn whole(error: &RepositoryError) -> Self {
        let what = match error {
            RepositoryError::Damaged { why, .. } => why.clone(),
            RepositoryError::Endpoint(EndpointError::Unexpected { why, .. }) => why.clone(),
            other => other.to_string(),
        };
        Self { offset: None, what }
    }

    fn at(offset: u32, what: impl Into<String>) -> Self {
        Self { offset: Some(offset), what: format!("at byte {offset}: {}", what.into()) }
    }
}

pub(crate) fn trouble_path(error: &RepositoryError) -> String {
    match error {
        RepositoryError::Damaged { path, .. } | RepositoryError::Newer { path, .. } => path.clone(),
        RepositoryError::Endpoint(error) => error.path().to_owned(),
        _ => String::new(),
    }
}

/// Walks the trees of snapshots without recursion; a sound folder that several snapshots share is walked once.
struct TreeWalk<'a> {
    repository: &'a Repository,
    index: &'a Index,
    bad: &'a BadPlaces,
    good_folders: HashSet<Vec<ChunkId>>,
    chunks: HashSet<ChunkId>,
}

impl TreeWalk<'_> {
    fn examine(&mut self, id: SnapshotId, snapshot: &Snapshot, control: &Control) -> Result<Option<Finding>> {
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
