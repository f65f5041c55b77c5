//! The index: where each chunk is.
//!
//! On disk there are segments (see `segment`). One is written once per run (and at checkpoints of long ones) and never
//! changed; many small ones are merged into one now and then. A reader merges what it finds.
//!
//! In memory: one sorted array of 40 bytes a chunk, with a table over the leading bits for searching.
//!
//! Invariants: a chunk may stand in several segments (two writers at once); any of its places is as good as another.
//! A segment may name a pack that is gone (then `check` says so); a writer does not trust such places. The number of a
//! group means the same group for as long as the repository is open.
//! Limit: 40 bytes of memory a chunk, so about 160 MB for 4 million chunks (4 TB of large files).
//! Deliberately not here: removing chunks from the index.

use std::collections::HashMap;

use keepwell_endpoint::{EndpointError, Store};
use keepwell_model::{ChunkId, ObjectId};

use crate::error::{RepositoryError, Result};
use crate::keys::KeyRing;
use crate::pack;
use crate::segment::{GroupEntry, PackEntry, Record, Segment, put_segment};

pub use crate::segment::INDEX_FOLDER;

/// So many small segments are merged into one.
const SMALL_SEGMENTS_LIMIT: usize = 32;
/// A segment from this size on is left as it is.
const SMALL_SEGMENT_BYTES: u64 = 8 << 20;
/// And the merged one is no longer than this, about.
const MERGED_SEGMENT_BYTES: u64 = 256 << 20;
/// How often the listing is begun anew because a segment went meanwhile.
const LISTINGS_LIMIT: usize = 5;

/// Merges small segments into one where there are many, so that a repository with years of hourly backups opens as
/// quickly as a young one. The merged segment is durable before the small ones go; a reader that finds one gone lists
/// again. Segments that can not be read are left alone.
pub(crate) fn merge_small_segments(store: &dyn Store, ring: &KeyRing) -> Result<()> {
    let objects = store.list(INDEX_FOLDER)?;
    let small: Vec<_> = objects.iter().filter(|object| object.size_bytes < SMALL_SEGMENT_BYTES).collect();
    if small.len() < SMALL_SEGMENTS_LIMIT {
        return Ok(());
    }
    let mut merging = Merging::new(&Numbering::default());
    let mut replaced = Vec::new();
    let mut size_bytes = 0;
    for object in small {
        size_bytes += object.size_bytes;
        if size_bytes > MERGED_SEGMENT_BYTES {
            break;
        }
        if let Ok(segment) = Segment::read(store, ring, &object.key) {
            merging.add(&segment);
            replaced.push(&object.key);
        }
    }
    let Index { numbering: Numbering { packs, groups }, records, .. } = merging.index;
    let segment = Segment { packs, groups, records };
    put_segment(store, ring.current_epoch(), segment)?;
    for key in replaced {
        store.delete(key)?;
    }
    Ok(())
}

/// Packs and groups by their numbers. A number once given stays for as long as the repository is open, also when the
/// index is read again: somebody may be about to read what it was given for.
#[derive(Clone, Default)]
pub(crate) struct Numbering {
    packs: Vec<PackEntry>,
    groups: Vec<GroupEntry>,
}

/// All segments of a repository, merged.
#[derive(Default)]
pub struct Index {
    numbering: Numbering,
    /// For each pack: whether a segment names it (now; the numbering may know it from before).
    named: Vec<bool>,
    /// For each pack: whether it is there with the size it should have.
    trusted: Vec<bool>,
    records: Vec<Record>,
    /// Where the records begin whose leading bits are the place in this table.
    buckets: Vec<u32>,
    bucket_bits: u32,
}

/// What is needed to add segments to an index.
struct Merging {
    index: Index,
    pack_numbers: HashMap<ObjectId, u32>,
    group_numbers: HashMap<GroupEntry, u32>,
}

impl Merging {
    fn new(numbering: &Numbering) -> Self {
        let numbering = numbering.clone();
        let pack_numbers = numbering.packs.iter().map(|pack| pack.id).zip(0..).collect();
        let group_numbers = numbering.groups.iter().copied().zip(0..).collect();
        let named = vec![false; numbering.packs.len()];
        Self { index: Index { numbering, named, ..Index::default() }, pack_numbers, group_numbers }
    }

    fn add(&mut self, segment: &Segment) {
        let Index { numbering, named, records, .. } = &mut self.index;
        let packs: Vec<u32> = segment
            .packs
            .iter()
            .map(|pack| {
                let number = *self.pack_numbers.entry(pack.id).or_insert_with(|| {
                    numbering.packs.push(*pack);
                    named.push(false);
                    numbering.packs.len() as u32 - 1
                });
                let at = number as usize;
                if !std::mem::replace(&mut named[at], true) {
                    numbering.packs[at] = *pack;
                }
                number
            })
            .collect();
        let groups: Vec<u32> = segment
            .groups
            .iter()
            .map(|group| {
                // `Segment::decode_directory` has seen that the pack is in the list.
                let group = GroupEntry { pack: packs[group.pack as usize], ..*group };
                *self.group_numbers.entry(group).or_insert_with(|| {
                    numbering.groups.push(group);
                    numbering.groups.len() as u32 - 1
                })
            })
            .collect();
        // `Segment::add_page` has seen that the group is in the list.
        let numbered = |record: &Record| Record { group: groups[record.group as usize], ..*record };
        records.extend(segment.records.iter().map(numbered));
    }
}

impl Index {
    /// Reads and merges all segments. Those that can not be read are left out and told. Of several places of a chunk,
    /// one is kept, and rather one whose pack is there with the size it should have.
    ///
    /// # Errors
    /// The folder can not be listed, or a segment was made by a newer Keepwell.
    pub(crate) fn load(
        store: &dyn Store,
        ring: &KeyRing,
        numbering: &Numbering,
    ) -> Result<(Self, Vec<RepositoryError>)> {
        let mut listings = 0;
        let (mut index, troubles) = loop {
            listings += 1;
            match Self::load_listed(store, ring, numbering)? {
                // A merge by another process: what went is in the merged segment, which the next listing shows.
                (_, _, true) if listings < LISTINGS_LIMIT => {}
                (index, troubles, _) => break (index, troubles),
            }
        };
        let packs = &index.numbering.packs;
        let present: HashMap<ObjectId, u64> =
            if packs.is_empty() { HashMap::new() } else { pack::list(store)?.into_iter().collect() };
        index.trusted = packs.iter().map(|pack| present.get(&pack.id) == Some(&pack.size_bytes)).collect();
        index.sort();
        Ok((index, troubles))
    }

    /// Everything one listing shows, and whether a segment of it was gone when it was read.
    fn load_listed(
        store: &dyn Store,
        ring: &KeyRing,
        numbering: &Numbering,
    ) -> Result<(Self, Vec<RepositoryError>, bool)> {
        let mut troubles = Vec::new();
        let mut gone = false;
        let mut merging = Merging::new(numbering);
        let mut objects = store.list(INDEX_FOLDER)?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        for object in objects {
            match Segment::read(store, ring, &object.key) {
                Ok(segment) => merging.add(&segment),
                Err(error @ RepositoryError::Newer { .. }) => return Err(error),
                Err(trouble) => {
                    gone |= matches!(trouble, RepositoryError::Endpoint(EndpointError::NotFound { .. }));
                    troubles.push(trouble);
                }
            }
        }
        Ok((merging.index, troubles, gone))
    }

    /// The numbers given so far, for the next loading.
    pub(crate) fn numbering(&self) -> &Numbering {
        &self.numbering
    }

    fn sort(&mut self) {
        let (groups, trusted) = (&self.numbering.groups, &self.trusted);
        let is_trusted = |record: &Record| {
            groups.get(record.group as usize).and_then(|group| trusted.get(group.pack as usize))
                == Some(&true)
        };
        self.records.sort_unstable_by_key(|record| (record.id, !is_trusted(record)));
        self.records.dedup_by_key(|record| record.id);
        // About four records a bucket; ids are evenly spread because they are keyed hashes.
        self.bucket_bits = (self.records.len() / 4).max(1).ilog2().min(28);
        self.buckets = Vec::with_capacity((1 << self.bucket_bits) + 1);
        let mut at = 0;
        for bucket in 0..1_u32 << self.bucket_bits {
            while self.records.get(at).is_some_and(|record| self.bucket(&record.id) < bucket) {
                at += 1;
            }
            self.buckets.push(at as u32);
        }
        self.buckets.push(self.records.len() as u32);
    }

    fn bucket(&self, id: &ChunkId) -> u32 {
        let leading = u32::from_be_bytes([id.0[0], id.0[1], id.0[2], id.0[3]]);
        leading.checked_shr(32 - self.bucket_bits).unwrap_or(0)
    }

    /// The group that holds the chunk, and the chunk's number in it.
    #[must_use]
    pub fn find(&self, id: &ChunkId) -> Option<(u32, u32)> {
        let bucket = self.bucket(id) as usize;
        let (start, end) = (*self.buckets.get(bucket)?, *self.buckets.get(bucket + 1)?);
        let records = self.records.get(start as usize..end as usize)?;
        let at = records.binary_search_by_key(id, |record| record.id).ok()?;
        Some((records[at].group, records[at].chunk))
    }

    /// A group by its number, with its pack.
    #[must_use]
    pub fn group(&self, number: u32) -> Option<(&GroupEntry, &PackEntry)> {
        let group = self.numbering.groups.get(number as usize)?;
        Some((group, self.numbering.packs.get(group.pack as usize)?))
    }

    /// Whether the chunk has a place in a pack that is there with the size it should have.
    #[must_use]
    pub fn is_stored(&self, id: &ChunkId) -> bool {
        self.find(id)
            .and_then(|(group, _)| self.numbering.groups.get(group as usize))
            .is_some_and(|group| self.trusted.get(group.pack as usize) == Some(&true))
    }

    /// How many packs are named that are missing or have the wrong size.
    #[must_use]
    pub fn untrusted_packs(&self) -> u64 {
        let states = self.trusted.iter().zip(&self.named);
        states.filter(|(trusted, named)| **named && !**trusted).count() as u64
    }

    /// All packs that are named.
    pub fn packs(&self) -> impl Iterator<Item = &PackEntry> {
        self.numbering.packs.iter().zip(&self.named).filter(|(_, named)| **named).map(|(pack, _)| pack)
    }

    /// How many chunks it knows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether it knows none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pack::{GroupSummary, PackSummary};
    use crate::sealed::FrameType;

    fn summary(pack: u8, chunks: std::ops::Range<u32>) -> PackSummary {
        let id = |number: u32| ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes());
        PackSummary {
            id: ObjectId([pack; 32]),
            epoch: 1,
            size_bytes: 99,
            groups: vec![GroupSummary {
                offset: 64,
                sealed_length: 10,
                plain_length: 20,
                frame_type: FrameType::Data,
                chunks: chunks.map(id).collect(),
            }],
        }
    }

    fn index_of(packs: &[PackSummary]) -> Index {
        let mut merging = Merging::new(&Numbering::default());
        for pack in packs {
            merging.add(&Segment::of_packs(std::slice::from_ref(pack)));
        }
        let mut index = merging.index;
        index.sort();
        index
    }

    #[test]
    fn every_chunk_of_every_size_of_index_is_found_and_no_other() {
        for count in [0, 1, 2, 3, 5, 64, 5000] {
            let index = index_of(&[summary(1, 0..count), summary(2, count / 2..count + 10)]);
            for number in 0..count + 10 {
                let id = ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes());
                let (group, _) = index.find(&id).unwrap();
                assert!(index.group(group).is_some());
            }
            assert_eq!(index.find(&ChunkId(*blake3::hash(b"absent").as_bytes())), None);
            assert_eq!(index.len(), count as usize + 10);
        }
    }

    #[test]
    fn numbers_stay_when_the_index_is_read_again_in_another_order() {
        let (one, two) = (Segment::of_packs(&[summary(1, 0..9)]), Segment::of_packs(&[summary(2, 5..20)]));
        let mut before = Merging::new(&Numbering::default());
        before.add(&two);
        let mut after = Merging::new(&before.index.numbering);
        after.add(&one);
        after.add(&one);
        let (mut before, mut after) = (before.index, after.index);
        before.sort();
        after.sort();
        let id = |number: u32| ChunkId(*blake3::hash(&number.to_le_bytes()).as_bytes());
        let (group, _) = before.find(&id(6)).unwrap();
        assert_eq!(after.group(group), before.group(group), "whoever has the number reads the same");
        let (group, _) = after.find(&id(6)).unwrap();
        assert_eq!(
            after.group(group).unwrap().1.id,
            ObjectId([1; 32]),
            "the other pack is not named any more"
        );
        assert_eq!(after.packs().map(|pack| pack.id).collect::<Vec<_>>(), [ObjectId([1; 32])]);
        assert_eq!(after.numbering.groups.len(), 2, "a group in two segments has one number");
    }
}
