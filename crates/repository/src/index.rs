//! The index: where each chunk is.
//!
//! On disk: segments, sealed files of fixed-width records sorted by chunk id, in pages that are sealed one by one, with a
//! directory of packs, groups and pages at the end. A segment is written once per run (and at checkpoints of long ones)
//! and never changed; many small ones are merged into one now and then. A reader merges what it finds. A page can be found by its first id and opened on its own, so a
//! segment can be mapped and searched without being loaded.
//!
//! In memory: one sorted array of 40 bytes a chunk, with a table over the leading bits for searching.
//!
//! Invariants: a chunk may stand in several segments (two writers at once); any of its places is as good as another.
//! A segment may name a pack that is gone (then `check` says so); a writer does not trust such places.
//! Limit: 40 bytes of memory a chunk, so about 160 MB for 4 million chunks (4 TB of large files).
//! Deliberately not here: removing chunks from the index.

use std::collections::HashMap;

use keepwell_endpoint::{EndpointError, Store};
use keepwell_model::{ChunkId, ObjectId};

use crate::codec::{self, Codec};
use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};
use crate::keys::{Epoch, KeyRing};
use crate::pack::{self, PackSummary};
use crate::random;
use crate::sealed::{self, FOOTER_LENGTH, FrameType, ObjectCipher};

/// The folder of the segments.
pub const INDEX_FOLDER: &str = "index";
/// Length of a record on disk: id, group, chunk number.
pub const RECORD_LENGTH: usize = 40;
/// Records in a page.
pub const PAGE_RECORDS: usize = 1600;
/// So many small segments are merged into one.
const SMALL_SEGMENTS_LIMIT: usize = 32;
/// A segment from this size on is left as it is.
const SMALL_SEGMENT_BYTES: u64 = 8 << 20;
/// How often the listing is begun anew because a segment went meanwhile.
const LISTINGS_LIMIT: usize = 5;
/// No segment is read that is longer; a writer starts another long before.
const SEGMENT_LIMIT_BYTES: u64 = 1 << 30;

/// The key of a segment.
#[must_use]
pub fn segment_key(id: ObjectId) -> String {
    format!("{INDEX_FOLDER}/{id}")
}

/// Where one chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Record {
    id: ChunkId,
    group: u32,
    chunk: u32,
}

/// A pack, as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PackEntry {
    /// Its name.
    pub id: ObjectId,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// The key epoch it is sealed under.
    pub epoch: u32,
}

/// A group of a pack, as the index knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupEntry {
    /// Which pack, by its place in the index's list.
    pub pack: u32,
    /// Where its frame begins in the pack.
    pub offset: u32,
    /// Length of the ciphertext with its tag.
    pub sealed_length: u32,
    /// Length before compression.
    pub plain_length: u32,
    /// 1 for data, 2 for tree.
    pub frame_type: u32,
}

/// Writes the segment that names these packs' chunks.
pub(crate) fn write_segment(
    store: &dyn Store,
    epoch: &Epoch,
    packs: &[PackSummary],
) -> Result<(ObjectId, u64)> {
    put_segment(store, epoch, Segment::of_packs(packs))
}

fn put_segment(store: &dyn Store, epoch: &Epoch, segment: Segment) -> Result<(ObjectId, u64)> {
    let id = ObjectId(random::bytes()?);
    let bytes = encode_segment(id, epoch, segment)?;
    store.put(&segment_key(id), &bytes)?;
    Ok((id, bytes.len() as u64))
}

/// Merges small segments into one where there are many, so that a repository with years of hourly backups opens as
/// quickly as a young one. The merged segment is durable before the small ones go; a reader that finds one gone lists
/// again. Segments that can not be read are left alone.
pub(crate) fn merge_small_segments(store: &dyn Store, ring: &KeyRing) -> Result<()> {
    let objects = store.list(INDEX_FOLDER)?;
    let small: Vec<_> = objects.iter().filter(|object| object.size_bytes < SMALL_SEGMENT_BYTES).collect();
    if small.len() < SMALL_SEGMENTS_LIMIT {
        return Ok(());
    }
    let mut merged = Index::default();
    let mut known_packs = HashMap::new();
    let mut replaced = Vec::new();
    for object in small {
        if let Ok(segment) = Segment::read(store, ring, &object.key) {
            merged.merge(segment, &mut known_packs);
            replaced.push(&object.key);
        }
    }
    let segment = Segment { packs: merged.packs, groups: merged.groups, records: merged.records };
    put_segment(store, ring.current_epoch(), segment)?;
    for key in replaced {
        store.delete(key)?;
    }
    Ok(())
}

fn encode_segment(id: ObjectId, epoch: &Epoch, mut segment: Segment) -> Result<Vec<u8>> {
    segment.records.sort_unstable_by_key(|record| record.id);
    let header = Header { kind: FileKind::Index, epoch: epoch.number, object: id };
    let cipher = ObjectCipher::new(header, &epoch.key);
    let mut out = header.to_bytes().to_vec();
    let mut pages = Vec::new();
    let mut page_bytes = Vec::with_capacity(PAGE_RECORDS * RECORD_LENGTH);
    let mut frames = 0_u32;
    for page in segment.records.chunks(PAGE_RECORDS) {
        page_bytes.clear();
        for record in page {
            page_bytes.extend_from_slice(record.id.as_bytes());
            page_bytes.extend_from_slice(&record.group.to_le_bytes());
            page_bytes.extend_from_slice(&record.chunk.to_le_bytes());
        }
        pages.push((out.len() as u64, page.len() as u32, page[0].id));
        // Ids are as good as random: compressing them would only cost time.
        cipher.seal(frames, FrameType::IndexPage, Codec::Raw, page_bytes.len(), &page_bytes, &mut out)?;
        frames += 1;
    }
    let directory = encode_directory(&segment.packs, &segment.groups, &pages);
    let directory_offset = out.len() as u64;
    let (codec, stored) = codec::pack_small(&directory);
    cipher.seal(frames, FrameType::IndexDirectory, codec, directory.len(), &stored, &mut out)?;
    out.extend_from_slice(&sealed::footer(directory_offset, frames + 1));
    Ok(out)
}

fn encode_directory(packs: &[PackEntry], groups: &[GroupEntry], pages: &[(u64, u32, ChunkId)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for count in [packs.len(), groups.len(), pages.len()] {
        bytes.extend_from_slice(&(count as u32).to_le_bytes());
    }
    for pack in packs {
        bytes.extend_from_slice(pack.id.as_bytes());
        bytes.extend_from_slice(&pack.size_bytes.to_le_bytes());
        bytes.extend_from_slice(&pack.epoch.to_le_bytes());
    }
    for group in groups {
        for number in [group.pack, group.offset, group.sealed_length, group.plain_length, group.frame_type] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
    }
    for (offset, count, first) in pages {
        bytes.extend_from_slice(&offset.to_le_bytes());
        bytes.extend_from_slice(&count.to_le_bytes());
        bytes.extend_from_slice(first.as_bytes());
    }
    bytes
}

/// Reads little-endian fields one after another, never past the end.
struct Fields<'a> {
    bytes: &'a [u8],
}

impl Fields<'_> {
    fn take<const LENGTH: usize>(&mut self) -> Option<[u8; LENGTH]> {
        let (taken, rest) = self.bytes.split_first_chunk::<LENGTH>()?;
        self.bytes = rest;
        Some(*taken)
    }

    fn word(&mut self) -> Option<u32> {
        self.take().map(u32::from_le_bytes)
    }

    fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }
}

/// The decoded parts of one segment.
#[derive(Default)]
struct Segment {
    packs: Vec<PackEntry>,
    groups: Vec<GroupEntry>,
    records: Vec<Record>,
}

impl Segment {
    fn of_packs(packs: &[PackSummary]) -> Self {
        let mut segment = Self::default();
        for (pack, summary) in packs.iter().enumerate() {
            segment.packs.push(PackEntry {
                id: summary.id,
                size_bytes: summary.size_bytes,
                epoch: summary.epoch,
            });
            for group in &summary.groups {
                // Counts fit 32 bits: packs and groups of one segment are far fewer than the bytes they hold.
                let number = segment.groups.len() as u32;
                segment.groups.push(GroupEntry {
                    pack: pack as u32,
                    offset: group.offset,
                    sealed_length: group.sealed_length,
                    plain_length: group.plain_length,
                    frame_type: group.frame_type as u32,
                });
                let chunks = group.chunks.iter().zip(0_u32..);
                segment.records.extend(chunks.map(|(id, chunk)| Record { id: *id, group: number, chunk }));
            }
        }
        segment
    }

    fn read(store: &dyn Store, ring: &KeyRing, key: &str) -> Result<Self> {
        let bytes = store.read(key, SEGMENT_LIMIT_BYTES)?;
        let header = Header::parse(&bytes, FileKind::Index, key)?;
        let damaged = |why: &str| RepositoryError::damaged(key, why);
        if segment_key(header.object) != key {
            return Err(damaged("it is another index under this name"));
        }
        let cipher = ObjectCipher::new(header, ring.epoch_key(header.epoch, key)?);
        let footer_at = bytes
            .len()
            .checked_sub(FOOTER_LENGTH + HEADER_LENGTH)
            .ok_or_else(|| damaged("it is cut short"))?
            + HEADER_LENGTH;
        let (directory_at, _) = sealed::parse_footer(&bytes[footer_at..]).map_err(damaged)?;
        let directory_at = usize::try_from(directory_at)
            .ok()
            .filter(|at| (HEADER_LENGTH..footer_at).contains(at))
            .ok_or_else(|| damaged("its end points outside of it"))?;
        let (frame, directory) = cipher.open(&bytes[directory_at..footer_at]).map_err(damaged)?;
        if frame.frame_type != FrameType::IndexDirectory {
            return Err(damaged("its end points to something else than its directory"));
        }
        let (mut segment, pages) =
            Self::decode_directory(&directory).ok_or_else(|| damaged("its directory does not fit"))?;
        let mut starts: Vec<usize> = Vec::with_capacity(pages.len() + 1);
        for (offset, _) in &pages {
            starts.push(usize::try_from(*offset).map_err(|_| damaged("a page is outside of it"))?);
        }
        starts.push(directory_at);
        for (pair, (_, count)) in starts.windows(2).zip(&pages) {
            let frame = bytes.get(pair[0]..pair[1]).ok_or_else(|| damaged("a page is outside of it"))?;
            let (frame, page) = cipher.open(frame).map_err(damaged)?;
            if frame.frame_type != FrameType::IndexPage || page.len() != *count as usize * RECORD_LENGTH {
                return Err(damaged("a page does not hold what its directory says"));
            }
            segment.add_page(&page).ok_or_else(|| damaged("a page names a group that is not there"))?;
        }
        Ok(segment)
    }

    fn decode_directory(bytes: &[u8]) -> Option<(Self, Vec<(u64, u32)>)> {
        let mut fields = Fields { bytes };
        let (packs, groups, pages) = (fields.word()?, fields.word()?, fields.word()?);
        let needed = u64::from(packs) * 44 + u64::from(groups) * 20 + u64::from(pages) * 44;
        if needed != fields.bytes.len() as u64 {
            return None;
        }
        let mut segment = Self::default();
        for _ in 0..packs {
            let id = ObjectId(fields.take()?);
            segment.packs.push(PackEntry { id, size_bytes: fields.long()?, epoch: fields.word()? });
        }
        for _ in 0..groups {
            let pack = fields.word().filter(|pack| *pack < packs)?;
            segment.groups.push(GroupEntry {
                pack,
                offset: fields.word()?,
                sealed_length: fields.word()?,
                plain_length: fields.word()?,
                frame_type: fields.word()?,
            });
        }
        let mut page_rows = Vec::new();
        for _ in 0..pages {
            page_rows.push((fields.long()?, fields.word()?));
            fields.take::<{ ChunkId::LENGTH }>()?;
        }
        Some((segment, page_rows))
    }

    fn add_page(&mut self, page: &[u8]) -> Option<()> {
        for row in page.as_chunks::<RECORD_LENGTH>().0 {
            let mut fields = Fields { bytes: row };
            let record = Record { id: ChunkId(fields.take()?), group: fields.word()?, chunk: fields.word()? };
            if record.group as usize >= self.groups.len() {
                return None;
            }
            self.records.push(record);
        }
        Some(())
    }
}

/// All segments of a repository, merged.
#[derive(Default)]
pub struct Index {
    packs: Vec<PackEntry>,
    /// For each pack: whether it is there with the size it should have.
    trusted: Vec<bool>,
    groups: Vec<GroupEntry>,
    records: Vec<Record>,
    /// Where the records begin whose leading bits are the place in this table.
    buckets: Vec<u32>,
    bucket_bits: u32,
}

impl Index {
    /// Reads and merges all segments. Those that can not be read are left out and told. Of several places of a chunk,
    /// one is kept, and rather one whose pack is there with the size it should have.
    ///
    /// # Errors
    /// The folder can not be listed, or a segment was made by a newer Keepwell.
    pub(crate) fn load(store: &dyn Store, ring: &KeyRing) -> Result<(Self, Vec<RepositoryError>)> {
        let mut listings = 0;
        let (mut index, troubles) = loop {
            listings += 1;
            match Self::load_listed(store, ring)? {
                // A merge by another process: what went is in the merged segment, which the next listing shows.
                (_, _, true) if listings < LISTINGS_LIMIT => {}
                (index, troubles, _) => break (index, troubles),
            }
        };
        let present: HashMap<ObjectId, u64> =
            if index.packs.is_empty() { HashMap::new() } else { pack::list(store)?.into_iter().collect() };
        index.trusted =
            index.packs.iter().map(|pack| present.get(&pack.id) == Some(&pack.size_bytes)).collect();
        index.sort();
        Ok((index, troubles))
    }

    /// Everything one listing shows, and whether a segment of it was gone when it was read.
    fn load_listed(store: &dyn Store, ring: &KeyRing) -> Result<(Self, Vec<RepositoryError>, bool)> {
        let mut troubles = Vec::new();
        let mut gone = false;
        let mut index = Self::default();
        let mut known_packs: HashMap<ObjectId, u32> = HashMap::new();
        let mut objects = store.list(INDEX_FOLDER)?;
        objects.sort_by(|a, b| a.key.cmp(&b.key));
        for object in objects {
            match Segment::read(store, ring, &object.key) {
                Ok(segment) => index.merge(segment, &mut known_packs),
                Err(error @ RepositoryError::Newer { .. }) => return Err(error),
                Err(trouble) => {
                    gone |= matches!(trouble, RepositoryError::Endpoint(EndpointError::NotFound { .. }));
                    troubles.push(trouble);
                }
            }
        }
        Ok((index, troubles, gone))
    }

    fn merge(&mut self, segment: Segment, known_packs: &mut HashMap<ObjectId, u32>) {
        let packs: Vec<u32> = segment
            .packs
            .iter()
            .map(|pack| {
                *known_packs.entry(pack.id).or_insert_with(|| {
                    self.packs.push(*pack);
                    self.packs.len() as u32 - 1
                })
            })
            .collect();
        let first_group = self.groups.len() as u32;
        self.groups.extend(
            segment.groups.iter().map(|group| GroupEntry { pack: packs[group.pack as usize], ..*group }),
        );
        self.records.extend(
            segment.records.iter().map(|record| Record { group: first_group + record.group, ..*record }),
        );
    }

    fn sort(&mut self) {
        let (groups, trusted) = (&self.groups, &self.trusted);
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
        let group = self.groups.get(number as usize)?;
        Some((group, self.packs.get(group.pack as usize)?))
    }

    /// Whether the chunk has a place in a pack that is there with the size it should have.
    #[must_use]
    pub fn is_stored(&self, id: &ChunkId) -> bool {
        self.find(id)
            .and_then(|(group, _)| self.groups.get(group as usize))
            .is_some_and(|group| self.trusted.get(group.pack as usize) == Some(&true))
    }

    /// How many packs are named that are missing or have the wrong size.
    #[must_use]
    pub fn untrusted_packs(&self) -> u64 {
        self.trusted.iter().filter(|trusted| !**trusted).count() as u64
    }

    /// All packs that are named.
    #[must_use]
    pub fn packs(&self) -> &[PackEntry] {
        &self.packs
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
    use crate::pack::GroupSummary;

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
        let mut index = Index::default();
        let mut known = HashMap::new();
        for pack in packs {
            let segment = Segment::of_packs(std::slice::from_ref(pack));
            index.merge(segment, &mut known);
        }
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
}
