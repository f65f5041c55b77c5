//! Mending what a check found: rebuild what can be rebuilt, keep what is left, say what is lost.
//!
//! - A damaged envelope: made anew from what the keys hold; the damaged one is set aside.
//! - Damaged packs: groups that still open are packed anew; the damaged pack is set aside.
//! - Indexes: made anew from the directories of all packs; the old segments are removed after the new one is durable.
//! - Damaged snapshot records and key files: set aside; missing copies of the key ring: written.
//! - Uploads that never ended: removed once they are a day old.
//!
//! Invariants: nothing is removed before what replaces it is durable; whatever is set aside is copied to `damaged/`
//! first. A file that the place does not let be read is left as it is: it may be whole, and be read another day. What a repair could not bring back is found again by the check it ends with, and the next backup of the same
//! files stores the missing chunks anew.
//! Repair wants to be alone: the engine's queue sees to that, and the command says so.

use keepwell_endpoint::{EndpointError, Store, StoredObject};
use keepwell_model::{Control, ObjectId, Phase};

use crate::check::{CheckOptions, CheckReport, Proven};
use crate::codec::{Codec, Compressor};
use crate::envelope::{ENVELOPE_KEY, Operation};
use crate::error::{RepositoryError, Result};
use crate::group;
use crate::pack::{self, GroupFault, OpenedGroup, PackReader, PackSummary, PackWriter, pack_key};
use crate::repository::Repository;
use crate::sealed::FrameType;
use crate::segment::{self, INDEX_FOLDER};

/// Where damaged files are set aside.
pub const DAMAGED_FOLDER: &str = "damaged";
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
const COPY_PART_BYTES: usize = 4 << 20;

/// What a repair did, and what is left.
#[derive(Clone, Debug, Default)]
pub struct RepairReport {
    /// What was wrong before.
    pub before: CheckReport,
    /// What was done, in sentences.
    pub actions: Vec<String>,
    /// What is still wrong after.
    pub after: CheckReport,
}

impl Repository {
    /// Checks with all data read, mends, and checks again.
    ///
    /// # Errors
    /// The place refuses; what was mended until then stays mended.
    pub fn repair(&self, threads: usize, now_ms: i64, control: &Control) -> Result<RepairReport> {
        self.require(Operation::Delete)?;
        let options = CheckOptions { read_data: true, threads };
        let mut actions = Vec::new();
        let store = &*self.0.store;
        // Listed before the packs are looked at: all that these name is among those packs. What comes later stays.
        let old_segments = store.list(INDEX_FOLDER)?;
        let found = self.examine(options, control, &Proven::default())?;
        control.set_phase(Phase::Finishing);
        self.mend_keys(found.missing_rings, &mut actions)?;
        if found.envelope_damaged {
            self.mend_envelope(&mut actions)?;
        }

        let present = pack::list(store)?;
        let damaged_packs = found.damaged_packs;
        let mut summaries: Vec<PackSummary> =
            found.summaries.into_iter().filter(|summary| !damaged_packs.contains(&summary.id)).collect();
        for id in &damaged_packs {
            control.checkpoint()?;
            let size_bytes = present.iter().find(|(pack, _)| pack == id).map_or(0, |(_, size)| *size);
            let (rescued, groups) = self.rescue_pack(*id, size_bytes)?;
            actions.push(format!("{}: {groups} groups of chunks saved into a new pack", pack_key(*id)));
            summaries.extend(rescued);
        }
        let index_changes =
            found.index_damaged || found.report.damage_total > 0 || found.report.findings_total > 0;
        if index_changes {
            let replaced = if found.packs_unknown { Vec::new() } else { old_segments };
            self.rebuild_index(&summaries, &replaced, &mut actions)?;
        }
        for id in &damaged_packs {
            set_aside(store, &pack_key(*id))?;
            actions.push(format!("{}: set aside in {DAMAGED_FOLDER}", pack_key(*id)));
        }
        for key in &found.damaged_files {
            set_aside(store, key)?;
            actions.push(format!("{key}: set aside in {DAMAGED_FOLDER}"));
        }
        for object in store.unfinished()? {
            // A younger one may belong to a backup that is running now.
            if object.modified_ms.is_some_and(|modified_ms| now_ms.saturating_sub(modified_ms) > DAY_MS) {
                store.delete(&object.key)?;
                actions.push(format!("{}: removed, an upload that never ended", object.key));
            }
        }
        self.forget_index();
        control.restart_counters(Phase::Verifying);
        let after = self.check(options, control)?;
        Ok(RepairReport { before: found.report, actions, after })
    }

    /// Packs the groups that still open anew: those the directory names or, where it is lost, those the walk reaches.
    fn rescue_pack(&self, id: ObjectId, size_bytes: u64) -> Result<(Option<PackSummary>, u64)> {
        let store = &*self.0.store;
        let reader = match PackReader::open(store, self.ring(), id, size_bytes) {
            Ok(reader) => reader,
            Err(RepositoryError::Damaged { .. }) => return Ok((None, 0)),
            Err(error) => return Err(error),
        };
        let mut writer: Option<PackWriter> = None;
        let mut compressor = Compressor::new()
            .map_err(|_| RepositoryError::Limit { what: "the memory compression needs".into() })?;
        let mut packed = Vec::new();
        let mut groups = 0;
        let save = |_, opened: OpenedGroup| {
            if let Err(GroupFault::Unreadable(error)) = opened {
                // Before anything was removed: it could be read a moment ago.
                return Err(error.into());
            }
            let Ok((summary, opened)) = opened else { return Ok(()) };
            let mut plain = Vec::new();
            let mut lengths = Vec::new();
            for chunk in opened.chunks() {
                plain.extend_from_slice(chunk);
                // A chunk is shorter than its group, whose length is 32 bits.
                lengths.push(chunk.len() as u32);
            }
            group::close(&mut plain, &lengths);
            let codec = compressor.pack(&plain, summary.frame_type == FrameType::Tree, &mut packed);
            let stored = if codec == Codec::Raw { &plain } else { &packed };
            let pack = match &mut writer {
                Some(pack) => pack,
                None => writer.insert(PackWriter::begin(store, self.ring().current_epoch())?),
            };
            groups += 1;
            pack.add(summary.frame_type, codec, plain.len(), stored, summary.chunks)
        };
        match reader.directory() {
            Ok(directory) => reader.groups_of(&directory, &self.ring().id_key, save)?,
            Err(RepositoryError::Endpoint(error)) if pack::is_passing(&error) => return Err(error.into()),
            Err(_) => reader.walk(&self.ring().id_key, save)?,
        }
        Ok((writer.map(PackWriter::finish).transpose()?, groups))
    }

    /// Makes the envelope anew; should the power fail in between, it is missing, which is mended like damage.
    fn mend_envelope(&self, actions: &mut Vec<String>) -> Result<()> {
        let store = &*self.0.store;
        match set_aside(store, ENVELOPE_KEY) {
            Ok(()) | Err(RepositoryError::Endpoint(EndpointError::NotFound { .. })) => {}
            Err(error) => return Err(error),
        }
        self.restore_envelope()?;
        actions.push(format!("{ENVELOPE_KEY}: made anew from the keys"));
        Ok(())
    }

    /// Writes the copies of the key ring that are missing, before the damaged ones go.
    fn mend_keys(&self, missing_rings: usize, actions: &mut Vec<String>) -> Result<()> {
        for _ in 0..missing_rings {
            let key = self.0.keys.write_ring(&*self.0.store)?;
            actions.push(format!("{key}: a new copy of the key ring"));
        }
        Ok(())
    }

    fn rebuild_index(
        &self,
        summaries: &[PackSummary],
        old: &[StoredObject],
        actions: &mut Vec<String>,
    ) -> Result<()> {
        let store = &*self.0.store;
        segment::write_segments(store, self.ring().current_epoch(), summaries)?;
        for object in old {
            store.delete(&object.key)?;
        }
        actions.push(format!(
            "index: made anew from {} packs, {} old segments removed",
            summaries.len(),
            old.len()
        ));
        Ok(())
    }
}

/// Copies a file to `damaged/` and then removes it.
pub(crate) fn set_aside(store: &dyn Store, key: &str) -> Result<()> {
    let name = key.rsplit('/').next().unwrap_or(key);
    let size_bytes = store.size_bytes(key)?;
    let copy_key = format!("{DAMAGED_FOLDER}/{name}");
    if store.size_bytes(&copy_key).is_ok_and(|copied_bytes| copied_bytes == size_bytes) {
        return Ok(store.delete(key)?);
    }
    let mut upload = store.create(&copy_key)?;
    let mut offset = 0;
    while offset < size_bytes {
        // At most COPY_PART_BYTES, so it fits.
        let length = (size_bytes - offset).min(COPY_PART_BYTES as u64) as usize;
        upload.write(&store.read_range(key, offset, length)?)?;
        offset += length as u64;
    }
    upload.finish()?;
    Ok(store.delete(key)?)
}
