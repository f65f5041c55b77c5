//! Looking for damage: everything a restore would need is looked at, and what is wrong is told as findings.
//!
//! The quick check reads keys, indexes, the directory of every pack and every folder page of every snapshot, and sees
//! that each chunk a file needs has a place. The full check also opens every group and compares every chunk with its id.
//! Nothing is changed. Deliberately not here: mending (`repair`).

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_model::{ChunkId, Control, ObjectId, Phase};
use parking_lot::Mutex;

use crate::check_tree::TreeWalk;
use crate::envelope::{ENVELOPE_KEY, Operation};
use crate::error::{RepositoryError, Result};
use crate::index::Index;
use crate::keys::{self, KEYS_FOLDER, RING_COPIES};
use crate::pack::{self, GroupFault, OpenedGroup, PackReader, PackSummary, pack_key};
use crate::repository::{Repository, SNAPSHOTS_FOLDER};

/// How many findings are kept whole; the rest are counted.
pub const FINDINGS_LIMIT: usize = 1000;

/// How thoroughly to look.
#[derive(Clone, Copy, Debug, Default)]
pub struct CheckOptions {
    /// Open every group and compare every chunk.
    pub read_data: bool,
    /// Threads for reading data; at least one is used.
    pub threads: usize,
}

/// Packs of which every byte was read and found right: those need not be read again by a check that goes on where one
/// was broken off. Packs are never changed, so what was right stays right until the drive loses it; how long that is
/// believed is for the caller to say.
#[derive(Debug, Default)]
pub struct Proven(Mutex<HashSet<ObjectId>>);

impl Proven {
    /// Those an earlier check proved.
    #[must_use]
    pub fn new(packs: impl IntoIterator<Item = ObjectId>) -> Self {
        Self(Mutex::new(packs.into_iter().collect()))
    }

    /// Those proven until now.
    #[must_use]
    pub fn packs(&self) -> Vec<ObjectId> {
        self.0.lock().iter().copied().collect()
    }

    fn has(&self, id: ObjectId) -> bool {
        self.0.lock().contains(&id)
    }

    fn add(&self, id: ObjectId) {
        self.0.lock().insert(id);
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FindingKind {
    /// The envelope, the repository's first file, can not be read.
    Envelope,
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
    pub(crate) fn new(kind: FindingKind, path: impl Into<String>, what: impl Into<String>) -> Self {
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
    /// Packs whose content was not read because it was proven before (full check).
    pub proven_packs: u64,
    /// All packs looked at, in the order of their names, and whether each was as it was written.
    pub pack_verdicts: Vec<(ObjectId, bool)>,
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
    pub(crate) fn is_good(&self, index: &Index, id: &ChunkId) -> bool {
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
    /// Packs whose bytes are not what was written: what is left of them can be packed anew.
    pub(crate) damaged_packs: Vec<ObjectId>,
    /// Whether the place did not let some pack be read at all: what it holds only the old index knows.
    pub(crate) packs_unknown: bool,
    /// Snapshots and key files whose bytes are not what was written.
    pub(crate) damaged_files: Vec<String>,
    /// Whether the envelope's bytes are not what was written, or are not there.
    pub(crate) envelope_damaged: bool,
    /// How many copies of the key ring are missing.
    pub(crate) missing_rings: usize,
    pub(crate) index_damaged: bool,
}

impl Repository {
    /// Looks for damage.
    ///
    /// # Errors
    /// The place can not be listed, the repository needs a newer Keepwell, or the check was cancelled. Damage is no
    /// error but a finding.
    pub fn check(&self, options: CheckOptions, control: &Control) -> Result<CheckReport> {
        self.check_from(options, control, &Proven::default())
    }

    /// As [`check`](Self::check), but goes on from what is proven already, and adds to it while it runs.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn check_from(
        &self,
        options: CheckOptions,
        control: &Control,
        proven: &Proven,
    ) -> Result<CheckReport> {
        Ok(self.examine(options, control, proven)?.report)
    }

    pub(crate) fn examine(
        &self,
        options: CheckOptions,
        control: &Control,
        proven: &Proven,
    ) -> Result<Examination> {
        self.require(Operation::Check)?;
        control.set_phase(Phase::Preparing);
        let mut found = Examination::default();
        let store = &*self.0.store;
        self.examine_envelope(&mut found)?;
        self.examine_keys(&mut found)?;
        let loaded = self.reload_index()?;
        for trouble in &loaded.troubles {
            found.index_damaged = true;
            found.report.push(Finding::new(FindingKind::Index, trouble_path(trouble), trouble.to_string()));
        }
        self.examine_packs(options, control, proven, &loaded.index, &mut found)?;
        self.examine_snapshots(control, &loaded.index, &mut found)?;
        for object in store.unfinished()? {
            let what = format!("{} bytes of an upload that never ended", object.size_bytes);
            found.report.push(Finding::new(FindingKind::Leftover, object.key, what));
        }
        Ok(found)
    }

    fn examine_envelope(&self, found: &mut Examination) -> Result<()> {
        let fault = match self.read_envelope_afresh() {
            Ok(envelope) if envelope == self.0.envelope => return Ok(()),
            Ok(_) => RepositoryError::damaged(ENVELOPE_KEY, "it is of another repository"),
            Err(RepositoryError::Damaged { why, .. }) => RepositoryError::damaged(ENVELOPE_KEY, why),
            Err(error @ RepositoryError::Endpoint(_)) => error,
            Err(error) => return Err(error),
        };
        found.envelope_damaged = matches!(fault, RepositoryError::Damaged { .. });
        found.report.push(Finding::new(FindingKind::Envelope, trouble_path(&fault), fault.to_string()));
        Ok(())
    }

    fn examine_keys(&self, found: &mut Examination) -> Result<()> {
        let store = &*self.0.store;
        let (_, slot_troubles) = keys::list(store)?;
        let (rings, ring_troubles) = self.0.keys.count_rings(store)?;
        found.missing_rings = RING_COPIES.saturating_sub(rings);
        if found.missing_rings > ring_troubles.len() {
            let what = format!("there should be {RING_COPIES} copies of the key ring, there are {rings}");
            found.report.push(Finding::new(FindingKind::Key, KEYS_FOLDER, what));
        }
        for trouble in slot_troubles.into_iter().chain(ring_troubles) {
            found.trouble(FindingKind::Key, &trouble);
        }
        Ok(())
    }

    fn examine_packs(
        &self,
        options: CheckOptions,
        control: &Control,
        proven: &Proven,
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
                        let read = options.read_data && !proven.has(*id);
                        let examined = self.examine_pack(*id, *size_bytes, read);
                        if read && examined.as_ref().is_ok_and(|examined| examined.faults.is_empty()) {
                            proven.add(*id);
                        }
                        control.add_done(1, *size_bytes);
                        match examined {
                            Ok(examined) => results.lock().push((*id, read, examined)),
                            Err(error) => {
                                failure.lock().get_or_insert(error);
                                return;
                            }
                        }
                    }
                });
            }
        });
        if let Some(error) = failure.into_inner() {
            return Err(error);
        }
        let mut results = results.into_inner();
        results.sort_by_key(|(id, ..)| *id);
        for (id, read, ExaminedPack { summary, faults }) in results {
            found.report.packs += 1;
            // A shorter pack may still have a readable beginning, but not all that the index says.
            let wrong_size = indexed.get(&id).is_some_and(|size| present.get(&id) != Some(size));
            found.report.pack_verdicts.push((id, faults.is_empty() && !wrong_size));
            found.report.proven_packs += u64::from(options.read_data && !read);
            if read {
                found.report.read_bytes += present.get(&id).copied().unwrap_or(0);
            }
            if faults.iter().any(|fault| fault.offset.is_none() && fault.hides_content) || wrong_size {
                found.bad.packs.insert(id);
            }
            // What the place did not let be read may be whole: no reason to touch the pack.
            let readable = faults.iter().all(|fault| !fault.is_passing);
            if readable && (wrong_size || !faults.is_empty()) {
                found.damaged_packs.push(id);
            }
            found.packs_unknown |= !readable && summary.is_none();
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

    /// Looks at one pack. The only error is one that a newer Keepwell made: nothing can be said of it.
    fn examine_pack(&self, id: ObjectId, size_bytes: u64, read_data: bool) -> Result<ExaminedPack> {
        let mut faults = Vec::new();
        let reader = match PackReader::open(&*self.0.store, self.ring(), id, size_bytes) {
            Ok(reader) => reader,
            Err(error @ RepositoryError::Newer { .. }) => return Err(error),
            Err(error) => return Ok(ExaminedPack { summary: None, faults: vec![Fault::whole(&error)] }),
        };
        if let Some(fault) = reader.header_fault() {
            faults.push(Fault { hides_content: false, ..Fault::whole(fault) });
        }
        let directory = match reader.directory() {
            Ok(summary) => Some(summary),
            Err(error) => {
                faults.push(Fault::whole(&error));
                None
            }
        };
        let mut opened_groups = Vec::new();
        let before = faults.len();
        if read_data {
            let each = |offset, opened: OpenedGroup| {
                match opened {
                    Ok((summary, _)) if directory.is_none() => opened_groups.push(summary),
                    Ok(_) => {}
                    Err(fault) => faults.push(Fault::at(offset, &fault)),
                }
                Ok(())
            };
            let id_key = &self.ring().id_key;
            let walked = match &directory {
                Some(directory) => reader.groups_of(directory, id_key, each),
                None => reader.walk(id_key, each),
            };
            if let Err(error) = walked {
                faults.push(Fault::whole(&error));
            }
        }
        if read_data && faults.len() == before {
            // All groups are whole, and the index leads to them without the directory.
            faults.iter_mut().for_each(|fault| fault.hides_content = false);
        }
        let summary = directory.or_else(|| {
            Some(opened_groups).filter(|groups| !groups.is_empty()).map(|groups| reader.summary(groups))
        });
        // Under another's name its groups can not be found: it has to be packed anew, like a damaged one.
        let summary = summary.filter(|summary| summary.id == id);
        Ok(ExaminedPack { summary, faults })
    }

    fn examine_snapshots(&self, control: &Control, index: &Index, found: &mut Examination) -> Result<()> {
        let listing = self.snapshots_afresh()?;
        for trouble in listing.troubles {
            found.trouble(FindingKind::Snapshot, &trouble);
        }
        let mut walk = TreeWalk::new(self, index, &found.bad);
        let mut findings = Vec::new();
        for (id, snapshot) in &listing.snapshots {
            control.checkpoint()?;
            control.set_current(format!("{SNAPSHOTS_FOLDER}/{}", id.short()).as_bytes());
            findings.extend(walk.examine(*id, snapshot, control)?);
        }
        found.report.snapshots = listing.snapshots.len() as u64;
        found.report.chunks = walk.chunks();
        for finding in findings {
            found.report.push(finding);
        }
        Ok(())
    }
}

struct ExaminedPack {
    /// Its groups: those the directory names or, where that is lost, those that a walk reached.
    summary: Option<PackSummary>,
    faults: Vec<Fault>,
}

struct Fault {
    /// Of the group it is about; nothing where it is about the pack.
    offset: Option<u32>,
    what: String,
    /// Whether it is the place that refused, rather than the bytes that are wrong.
    is_passing: bool,
    /// Whether chunks can not be read because of it.
    hides_content: bool,
}

impl Fault {
    fn new(offset: Option<u32>, what: String) -> Self {
        Self { offset, what, is_passing: false, hides_content: true }
    }

    fn whole(error: &RepositoryError) -> Self {
        let what = match error {
            RepositoryError::Damaged { why, .. } => why.clone(),
            RepositoryError::Endpoint(EndpointError::Unexpected { why, .. }) => why.clone(),
            other => other.to_string(),
        };
        let is_passing = match error {
            RepositoryError::Endpoint(error) => pack::is_passing(error),
            _ => false,
        };
        Self { is_passing, ..Self::new(None, what) }
    }

    fn at(offset: u32, fault: &GroupFault) -> Self {
        let (is_passing, why) = match fault {
            GroupFault::Damaged(why) => (false, why.clone()),
            GroupFault::Unreadable(error) => (true, error.to_string()),
        };
        Self { is_passing, ..Self::new(Some(offset), format!("at byte {offset}: {why}")) }
    }
}

impl Examination {
    /// A finding about a file that could not be read; noted for mending where its bytes are what is wrong.
    fn trouble(&mut self, kind: FindingKind, trouble: &RepositoryError) {
        let path = trouble_path(trouble);
        self.report.push(Finding::new(kind, path.clone(), trouble.to_string()));
        if matches!(trouble, RepositoryError::Damaged { .. }) {
            self.damaged_files.push(path);
        }
    }
}

pub(crate) fn trouble_path(error: &RepositoryError) -> String {
    match error {
        RepositoryError::Damaged { path, .. } | RepositoryError::Newer { path, .. } => path.clone(),
        RepositoryError::Endpoint(error) => error.path().to_owned(),
        _ => String::new(),
    }
}
