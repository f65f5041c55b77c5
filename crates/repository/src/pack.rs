//! A pack: a sealed file of groups, with a directory at its end that names every chunk.
//!
//! Packs describe themselves: the index can be made anew from the directories alone, and where the end of a pack is
//! lost, from the groups that are left (chunk ids follow from the bytes). Reading order: footer, directory, group.
//!
//! Invariant: a pack becomes visible only whole ([`PackWriter::finish`]). Deliberately not here: which chunks go in
//! (`writer`), what they mean (`tree`).

use keepwell_endpoint::{EndpointError, Store, Upload};
use keepwell_model::{ChunkId, ContentHash, ObjectId};

use crate::codec::{self, Codec};
use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};
use crate::group::{CHUNKS_LIMIT, Group};
use crate::keys::{Epoch, KeyRing};
use crate::random;
use crate::sealed::{self, FOOTER_LENGTH, FRAME_HEADER_LENGTH, FrameHeader, FrameType, ObjectCipher};
use crate::tree::chunk_id;

/// The folder of the packs.
pub const PACKS_FOLDER: &str = "packs";
/// A writer closes a pack once it is this long.
pub const TARGET_BYTES: u64 = 32 << 20;
/// Or once it holds so many chunks: each has 32 bytes in the directory, which has to fit a frame.
const TARGET_CHUNKS: usize = 1 << 20;
/// A pack is never longer: offsets in it are 32 bits.
pub const LIMIT_BYTES: u64 = u32::MAX as u64;
const GROUP_ROW_LENGTH: usize = 20;

/// The key of a pack in the store: spread over 256 folders, because some file systems are slow with huge ones.
#[must_use]
pub fn pack_key(id: ObjectId) -> String {
    let name = id.to_string();
    format!("{PACKS_FOLDER}/{}/{name}", &name[..2])
}

/// The id of the pack with this key.
#[must_use]
pub fn pack_id(key: &str) -> Option<ObjectId> {
    key.rsplit('/').next()?.parse().ok()
}

/// One group of a pack, as the directory describes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupSummary {
    /// Where its frame begins in the pack.
    pub offset: u32,
    /// Length of the ciphertext with its tag.
    pub sealed_length: u32,
    /// Length before compression.
    pub plain_length: u32,
    /// Data or tree.
    pub frame_type: FrameType,
    /// Its chunks in order.
    pub chunks: Vec<ChunkId>,
}

/// What a pack holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackSummary {
    /// Its name.
    pub id: ObjectId,
    /// The key epoch it is sealed under.
    pub epoch: u32,
    /// Its length in bytes.
    pub size_bytes: u64,
    /// Its groups in order.
    pub groups: Vec<GroupSummary>,
}

impl PackSummary {
    /// How many chunks it holds.
    #[must_use]
    pub fn chunks(&self) -> usize {
        self.groups.iter().map(|group| group.chunks.len()).sum()
    }
}

/// A pack being written.
pub(crate) struct PackWriter {
    upload: Box<dyn Upload>,
    cipher: ObjectCipher,
    summary: PackSummary,
    frames: u32,
    chunks: usize,
    buffer: Vec<u8>,
}

impl PackWriter {
    pub(crate) fn begin(store: &dyn Store, epoch: &Epoch) -> Result<Self> {
        let id = ObjectId(random::bytes()?);
        let header = Header { kind: FileKind::Pack, epoch: epoch.number, object: id };
        let mut upload = store.create(&pack_key(id))?;
        upload.write(&header.to_bytes())?;
        Ok(Self {
            upload,
            cipher: ObjectCipher::new(header, &epoch.key),
            summary: PackSummary {
                id,
                epoch: epoch.number,
                size_bytes: HEADER_LENGTH as u64,
                groups: Vec::new(),
            },
            frames: 0,
            chunks: 0,
            buffer: Vec::new(),
        })
    }

    pub(crate) fn size_bytes(&self) -> u64 {
        self.summary.size_bytes
    }

    /// Whether it is time to finish it.
    pub(crate) fn is_full(&self) -> bool {
        self.summary.size_bytes >= TARGET_BYTES || self.chunks >= TARGET_CHUNKS
    }

    /// Adds a closed group (see `group::close`) as the codec left it.
    pub(crate) fn add(
        &mut self,
        frame_type: FrameType,
        codec: Codec,
        plain_length: usize,
        stored: &[u8],
        chunks: Vec<ChunkId>,
    ) -> Result<()> {
        let offset = self.summary.size_bytes;
        let too_long = |_| RepositoryError::Limit { what: "a pack of more than 4 GiB".into() };
        let sealed_length = self.append(frame_type, codec, plain_length, stored)?;
        self.chunks += chunks.len();
        self.summary.groups.push(GroupSummary {
            offset: u32::try_from(offset).map_err(too_long)?,
            sealed_length,
            plain_length: u32::try_from(plain_length).map_err(too_long)?,
            frame_type,
            chunks,
        });
        Ok(())
    }

    fn append(
        &mut self,
        frame_type: FrameType,
        codec: Codec,
        plain_length: usize,
        stored: &[u8],
    ) -> Result<u32> {
        self.buffer.clear();
        self.cipher.seal(self.frames, frame_type, codec, plain_length, stored, &mut self.buffer)?;
        self.frames += 1;
        self.upload.write(&self.buffer)?;
        self.summary.size_bytes += self.buffer.len() as u64;
        u32::try_from(self.buffer.len() - FRAME_HEADER_LENGTH)
            .map_err(|_| RepositoryError::Limit { what: "a frame of more than 4 GiB".into() })
    }

    /// Writes directory and footer, and makes the pack durable and visible.
    pub(crate) fn finish(mut self) -> Result<PackSummary> {
        let directory_offset = self.summary.size_bytes;
        let directory = encode_directory(&self.summary.groups);
        let (codec, stored) = codec::pack_small(&directory);
        self.append(FrameType::PackDirectory, codec, directory.len(), &stored)?;
        self.upload.write(&sealed::footer(directory_offset, self.frames))?;
        self.summary.size_bytes += FOOTER_LENGTH as u64;
        self.upload.finish()?;
        Ok(self.summary)
    }
}

fn encode_directory(groups: &[GroupSummary]) -> Vec<u8> {
    let chunks: usize = groups.iter().map(|group| group.chunks.len()).sum();
    let mut bytes = Vec::with_capacity(4 + groups.len() * GROUP_ROW_LENGTH + chunks * ChunkId::LENGTH);
    // Counts fit: a pack is limited to 4 GiB, a group to CHUNKS_LIMIT chunks.
    bytes.extend_from_slice(&(groups.len() as u32).to_le_bytes());
    for group in groups {
        for number in [group.offset, group.sealed_length, group.plain_length, group.frame_type as u32] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&(group.chunks.len() as u32).to_le_bytes());
    }
    for chunk in groups.iter().flat_map(|group| &group.chunks) {
        bytes.extend_from_slice(chunk.as_bytes());
    }
    bytes
}

fn decode_directory(bytes: &[u8], path: &str) -> Result<Vec<GroupSummary>> {
    let bad = || RepositoryError::damaged(path, "its directory does not fit");
    let (count, rest) = bytes.split_first_chunk::<4>().ok_or_else(bad)?;
    let count = u32::from_le_bytes(*count) as usize;
    let rows_length =
        count.checked_mul(GROUP_ROW_LENGTH).filter(|length| *length <= rest.len()).ok_or_else(bad)?;
    let (rows, mut ids) = rest.split_at(rows_length);
    let mut groups = Vec::with_capacity(count);
    for row in rows.chunks_exact(GROUP_ROW_LENGTH) {
        let word = |at: usize| u32::from_le_bytes([row[at], row[at + 1], row[at + 2], row[at + 3]]);
        let chunk_count = word(16) as usize;
        if chunk_count > CHUNKS_LIMIT || chunk_count * ChunkId::LENGTH > ids.len() {
            return Err(bad());
        }
        let (own, others) = ids.split_at(chunk_count * ChunkId::LENGTH);
        ids = others;
        let chunks = own.as_chunks::<{ ChunkId::LENGTH }>().0.iter().map(|id| ChunkId(*id)).collect();
        let frame_type = match word(12) {
            1 => FrameType::Data,
            2 => FrameType::Tree,
            _ => return Err(bad()),
        };
        if !sealed::lengths_are_possible(word(4), word(8)) {
            return Err(bad());
        }
        groups.push(GroupSummary {
            offset: word(0),
            sealed_length: word(4),
            plain_length: word(8),
            frame_type,
            chunks,
        });
    }
    if ids.is_empty() { Ok(groups) } else { Err(bad()) }
}

/// Why a group of a pack can not be had.
#[derive(Debug)]
pub(crate) enum GroupFault {
    /// Its bytes are not what was written.
    Damaged(String),
    /// The place did not let it be read: that may be otherwise another day.
    Unreadable(EndpointError),
}

impl From<EndpointError> for GroupFault {
    fn from(error: EndpointError) -> Self {
        if is_passing(&error) { Self::Unreadable(error) } else { Self::Damaged(error.to_string()) }
    }
}

/// Whether an error says nothing about the file itself. A file that is gone or too short is damage.
pub(crate) fn is_passing(error: &EndpointError) -> bool {
    !matches!(error, EndpointError::NotFound { .. } | EndpointError::Unexpected { .. })
}

/// A group as it was opened, or why it can not be had.
pub(crate) type OpenedGroup = std::result::Result<(GroupSummary, Group), GroupFault>;

/// A pack being read without an index: by check, repair and the rebuilding of indexes.
pub(crate) struct PackReader<'a> {
    store: &'a dyn Store,
    key: String,
    header: Header,
    header_fault: Option<RepositoryError>,
    cipher: ObjectCipher,
    size_bytes: u64,
}

impl<'a> PackReader<'a> {
    /// Opens a pack. A damaged header is no obstacle: all that is in it is known from elsewhere.
    pub(crate) fn open(store: &'a dyn Store, ring: &KeyRing, id: ObjectId, size_bytes: u64) -> Result<Self> {
        let key = pack_key(id);
        if size_bytes < HEADER_LENGTH as u64 {
            return Err(RepositoryError::damaged(key, format!("it is only {size_bytes} bytes long")));
        }
        let reader = |header: Header, header_fault, epoch_key: &[u8; 32]| {
            let cipher = ObjectCipher::new(header, epoch_key);
            Self { store, key: key.clone(), header, header_fault, cipher, size_bytes }
        };
        let parsed = store
            .read_range(&key, 0, HEADER_LENGTH)
            .map_err(RepositoryError::from)
            .and_then(|bytes| Header::parse(&bytes, FileKind::Pack, &key));
        let fault = match parsed {
            Ok(header) => {
                let other = || RepositoryError::damaged(&key, "it is another pack under this name");
                let epoch_key = ring.epoch_key(header.epoch, &key)?;
                return Ok(reader(header, (header.object != id).then(other), epoch_key));
            }
            Err(error @ RepositoryError::Newer { .. }) => return Err(error),
            Err(fault) => fault,
        };
        let made_anew = ring.epochs().iter().rev().map(|epoch| {
            reader(Header { kind: FileKind::Pack, epoch: epoch.number, object: id }, None, &epoch.key)
        });
        let opens = |reader: &Self| {
            let first = reader.frame_at(HEADER_LENGTH as u64);
            first.is_ok_and(|(_, frame)| reader.cipher.open(&frame).is_ok()) || reader.directory().is_ok()
        };
        match made_anew.into_iter().find(opens) {
            Some(reader) => Ok(Self { header_fault: Some(fault), ..reader }),
            None => Err(fault),
        }
    }

    /// What is wrong with its header, if anything.
    pub(crate) fn header_fault(&self) -> Option<&RepositoryError> {
        self.header_fault.as_ref()
    }

    fn damaged(&self, why: &str) -> RepositoryError {
        RepositoryError::damaged(&self.key, why)
    }

    /// The summary from the directory at the end. It bears the name that stands in the header.
    pub(crate) fn directory(&self) -> Result<PackSummary> {
        let footer_at = self
            .size_bytes
            .checked_sub((HEADER_LENGTH + FOOTER_LENGTH) as u64)
            .ok_or_else(|| self.damaged("it is cut short"))?
            + HEADER_LENGTH as u64;
        let footer = self.store.read_range(&self.key, footer_at, FOOTER_LENGTH)?;
        let (offset, frame_count) = sealed::parse_footer(&footer).map_err(|why| self.damaged(why))?;
        let length = footer_at
            .checked_sub(offset)
            .filter(|length| *length <= sealed::FRAME_LIMIT_BYTES as u64)
            .ok_or_else(|| self.damaged("its end points outside of it"))?;
        // The length is at most FRAME_LIMIT_BYTES.
        let frame = self.store.read_range(&self.key, offset, length as usize)?;
        let (frame, content) = self.cipher.open(&frame).map_err(|why| self.damaged(why))?;
        if frame.frame_type != FrameType::PackDirectory || frame.number.checked_add(1) != Some(frame_count) {
            return Err(self.damaged("its end points to something else than its directory"));
        }
        let groups = decode_directory(&content, &self.key)?;
        Ok(self.summary(groups))
    }

    /// A summary of some of its groups.
    pub(crate) fn summary(&self, groups: Vec<GroupSummary>) -> PackSummary {
        PackSummary { id: self.header.object, epoch: self.header.epoch, size_bytes: self.size_bytes, groups }
    }

    /// The header of the frame at an offset, and the frame with it.
    fn frame_at(&self, offset: u64) -> std::result::Result<(FrameHeader, Vec<u8>), GroupFault> {
        let damaged = |why: &str| GroupFault::Damaged(why.to_owned());
        let left = self.size_bytes.saturating_sub(offset);
        if left < FRAME_HEADER_LENGTH as u64 {
            return Err(damaged("it ends before its directory"));
        }
        let header_bytes = self.store.read_range(&self.key, offset, FRAME_HEADER_LENGTH)?;
        let header = FrameHeader::parse(&header_bytes).map_err(damaged)?;
        let length = FRAME_HEADER_LENGTH + header.sealed_length as usize;
        if length as u64 > left {
            return Err(damaged("it ends inside a frame"));
        }
        Ok((header, self.store.read_range(&self.key, offset, length)?))
    }

    /// Walks the frames from the start, as far as their headers lead. Each group is handed over as it opened, or as why
    /// it did not; chunk ids are computed from the bytes.
    pub(crate) fn walk(
        &self,
        id_key: &[u8; 32],
        mut each: impl FnMut(u32, OpenedGroup) -> Result<()>,
    ) -> Result<()> {
        let mut offset = HEADER_LENGTH as u64;
        for number in 0_u32.. {
            let at = u32::try_from(offset).map_err(|_| self.damaged("it is longer than a pack can be"))?;
            let (header, frame) = match self.frame_at(offset) {
                Ok((header, _)) if header.number != number => {
                    return each(at, Err(GroupFault::Damaged("the frames are not in order".into())));
                }
                Ok((header, _)) if header.frame_type == FrameType::PackDirectory => return Ok(()),
                Ok(frame) => frame,
                Err(fault) => return each(at, Err(fault)),
            };
            each(at, self.open_group(at, &frame, id_key))?;
            offset += FRAME_HEADER_LENGTH as u64 + u64::from(header.sealed_length);
        }
        Ok(())
    }

    /// Opens the groups that a directory names, one by one: a damaged one hides no other.
    pub(crate) fn groups_of(
        &self,
        directory: &PackSummary,
        id_key: &[u8; 32],
        mut each: impl FnMut(u32, OpenedGroup) -> Result<()>,
    ) -> Result<()> {
        for group in &directory.groups {
            let length = FRAME_HEADER_LENGTH + group.sealed_length as usize;
            let read = self.store.read_range(&self.key, u64::from(group.offset), length);
            let opened = read
                .map_err(GroupFault::from)
                .and_then(|frame| self.open_group(group.offset, &frame, id_key))
                .and_then(|(found, content)| {
                    if found == *group {
                        Ok((found, content))
                    } else {
                        Err(GroupFault::Damaged("it does not hold what its directory says".into()))
                    }
                });
            each(group.offset, opened)?;
        }
        Ok(())
    }

    fn open_group(&self, offset: u32, frame: &[u8], id_key: &[u8; 32]) -> OpenedGroup {
        let damaged = |why: &str| GroupFault::Damaged(why.to_owned());
        let (header, plain) = self.cipher.open(frame).map_err(damaged)?;
        if !matches!(header.frame_type, FrameType::Data | FrameType::Tree) {
            return Err(damaged("it holds another kind of frame"));
        }
        let group = Group::parse(plain).map_err(damaged)?;
        let chunks =
            group.chunks().map(|chunk| chunk_id(id_key, &ContentHash(*blake3::hash(chunk).as_bytes())));
        let summary = GroupSummary {
            offset,
            sealed_length: header.sealed_length,
            plain_length: header.plain_length,
            frame_type: header.frame_type,
            chunks: chunks.collect(),
        };
        Ok((summary, group))
    }
}

/// The packs in the store with their sizes.
pub(crate) fn list(store: &dyn Store) -> Result<Vec<(ObjectId, u64)>> {
    let objects = store.list(PACKS_FOLDER)?;
    Ok(objects.iter().filter_map(|object| Some((pack_id(&object.key)?, object.size_bytes))).collect())
}

#[cfg(test)]
mod tests {
    use keepwell_testkit::memory_store::MemoryStore;
    use zeroize::Zeroizing;

    use super::*;

    #[test]
    fn a_pack_of_tiny_chunks_is_closed_before_its_directory_is_too_long_for_a_frame() {
        let store = MemoryStore::new();
        let epoch = Epoch { number: 1, key: Zeroizing::new([1; 32]) };
        let mut pack = PackWriter::begin(&store, &epoch).unwrap();
        let mut groups = 0;
        while !pack.is_full() {
            let chunks = vec![ChunkId([7; 32]); CHUNKS_LIMIT];
            pack.add(FrameType::Data, Codec::Raw, 3, b"abc", chunks).unwrap();
            groups += 1;
        }
        assert!(groups > 1);
        let summary = pack.finish().unwrap();
        assert_eq!(summary.chunks(), groups * CHUNKS_LIMIT);
    }

    #[test]
    fn no_bytes_break_the_directory() {
        let group = |offset, chunks: u8| GroupSummary {
            offset,
            sealed_length: 100,
            plain_length: 200,
            frame_type: FrameType::Data,
            chunks: (0..chunks).map(|chunk| ChunkId([chunk; 32])).collect(),
        };
        let groups = vec![group(64, 2), group(180, 0), group(300, 3)];
        let bytes = encode_directory(&groups);
        assert_eq!(decode_directory(&bytes, "p").unwrap(), groups);
        crate::mutate::each_mutation(&bytes, |bytes| drop(decode_directory(bytes, "p")));
    }
}
