//! Index segments as they stand on disk: sealed files of fixed-width records sorted by chunk id, in pages that are sealed
//! one by one, with a directory of packs, groups and pages at the end. A page can be found by its first id and opened on
//! its own, so a segment can be mapped and searched without being loaded.
//!
//! Invariants: nothing is written that would not be read again; numbers in a segment that was read lead somewhere.
//! Deliberately not here: several segments together (`index`).

use keepwell_endpoint::Store;
use keepwell_model::{ChunkId, ObjectId};

use crate::codec::{self, Codec};
use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};
use crate::keys::{Epoch, KeyRing};
use crate::pack::PackSummary;
use crate::random;
use crate::sealed::{self, FOOTER_LENGTH, FrameType, ObjectCipher};

/// The folder of the segments.
pub const INDEX_FOLDER: &str = "index";
/// Length of a record on disk: id, group, chunk number.
pub const RECORD_LENGTH: usize = 40;
/// Records in a page.
pub const PAGE_RECORDS: usize = 1600;
/// No segment is read that is longer, so none is written that is; a writer starts another long before.
const SEGMENT_LIMIT_BYTES: u64 = 1 << 30;
/// Records after which a writer starts another segment.
pub(crate) const TARGET_RECORDS: usize = 1 << 20;

/// The key of a segment.
#[must_use]
pub fn segment_key(id: ObjectId) -> String {
    format!("{INDEX_FOLDER}/{id}")
}

/// Where one chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) id: ChunkId,
    pub(crate) group: u32,
    pub(crate) chunk: u32,
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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
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

/// Writes the segments that name these packs' chunks. Says how long they are together.
pub(crate) fn write_segments(store: &dyn Store, epoch: &Epoch, packs: &[PackSummary]) -> Result<u64> {
    let mut size_bytes = 0;
    for part in in_parts(packs) {
        size_bytes += put_segment(store, epoch, Segment::of_packs(part))?;
    }
    Ok(size_bytes)
}

/// Writes one segment. Says how long it is.
pub(crate) fn put_segment(store: &dyn Store, epoch: &Epoch, segment: Segment) -> Result<u64> {
    let id = ObjectId(random::bytes()?);
    let bytes = encode_segment(id, epoch, segment)?;
    store.put(&segment_key(id), &bytes)?;
    Ok(bytes.len() as u64)
}

/// The packs in parts that each make a segment of a sensible size; a pack is never parted.
fn in_parts(mut packs: &[PackSummary]) -> impl Iterator<Item = &[PackSummary]> {
    std::iter::from_fn(move || {
        let mut records = 0;
        let count = packs.iter().take_while(|pack| {
            let fits = records < TARGET_RECORDS;
            records += pack.chunks();
            fits
        });
        let (part, rest) = packs.split_at(count.count());
        packs = rest;
        Some(part).filter(|part| !part.is_empty())
    })
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
    if out.len() as u64 > SEGMENT_LIMIT_BYTES {
        return Err(RepositoryError::Limit { what: format!("an index segment of {} bytes", out.len()) });
    }
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
pub(crate) struct Segment {
    pub(crate) packs: Vec<PackEntry>,
    pub(crate) groups: Vec<GroupEntry>,
    pub(crate) records: Vec<Record>,
}

impl Segment {
    pub(crate) fn of_packs(packs: &[PackSummary]) -> Self {
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

    pub(crate) fn read(store: &dyn Store, ring: &KeyRing, key: &str) -> Result<Self> {
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
        let (directory_at, frame_count) = sealed::parse_footer(&bytes[footer_at..]).map_err(damaged)?;
        let directory_at = usize::try_from(directory_at)
            .ok()
            .filter(|at| (HEADER_LENGTH..footer_at).contains(at))
            .ok_or_else(|| damaged("its end points outside of it"))?;
        let (frame, directory) = cipher.open(&bytes[directory_at..footer_at]).map_err(damaged)?;
        if frame.frame_type != FrameType::IndexDirectory || frame.number.checked_add(1) != Some(frame_count) {
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
            let group = GroupEntry {
                pack,
                offset: fields.word()?,
                sealed_length: fields.word()?,
                plain_length: fields.word()?,
                frame_type: fields.word()?,
            };
            if !sealed::lengths_are_possible(group.sealed_length, group.plain_length) {
                return None;
            }
            segment.groups.push(group);
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

    #[test]
    fn segments_stay_of_a_size_that_is_read_and_no_pack_is_left_out() {
        let counts = [1_u32, 600_000, 500_000, 10, 2_000_000, 1];
        let packs: Vec<PackSummary> =
            (0_u8..).zip(counts).map(|(pack, count)| summary(pack, 0..count)).collect();
        let parts: Vec<Vec<usize>> =
            in_parts(&packs).map(|part| part.iter().map(PackSummary::chunks).collect()).collect();
        assert_eq!(parts, [vec![1, 600_000, 500_000], vec![10, 2_000_000], vec![1]]);
        assert_eq!(in_parts(&[]).count(), 0);
    }

    #[test]
    fn a_segment_that_claims_impossible_lengths_is_refused() {
        let mut packs = [summary(1, 0..3)];
        let segment = |packs: &[PackSummary]| {
            let segment = Segment::of_packs(packs);
            Segment::decode_directory(&encode_directory(&segment.packs, &segment.groups, &[]))
        };
        packs[0].groups[0].sealed_length = 16;
        assert!(segment(&packs).is_some());
        for (sealed, plain) in [(15, 1), (u32::MAX, 1), (16, u32::MAX)] {
            packs[0].groups[0].sealed_length = sealed;
            packs[0].groups[0].plain_length = plain;
            assert!(segment(&packs).is_none(), "{sealed} {plain}");
        }
    }

    #[test]
    fn no_bytes_break_directory_and_pages() {
        let Segment { packs, groups, .. } = Segment::of_packs(&[summary(1, 0..3), summary(2, 3..9)]);
        let pages = [(64, 2, ChunkId([1; 32])), (200, 1, ChunkId([2; 32]))];
        let directory = encode_directory(&packs, &groups, &pages);
        crate::mutate::each_mutation(&directory, |bytes| {
            if let Some((segment, _)) = Segment::decode_directory(bytes) {
                assert!(segment.groups.iter().all(|group| (group.pack as usize) < segment.packs.len()));
            }
        });
        let page = [[1; RECORD_LENGTH], [0; RECORD_LENGTH]].concat();
        crate::mutate::each_mutation(&page, |bytes| {
            let mut segment = Segment { groups: groups.clone(), ..Segment::default() };
            let _ = segment.add_page(bytes);
            assert!(segment.records.iter().all(|record| (record.group as usize) < groups.len()));
        });
    }
}
