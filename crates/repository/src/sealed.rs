//! The sealed file: how every file but the envelope is encrypted.
//!
//! A header of 64 bytes, then frames, then a footer of 24 bytes. Each frame is a plain frame header of 16 bytes and its
//! AES-256-GCM ciphertext. The key is made from the epoch's key and the file's random name; the nonce is the frame's
//! number in the file. So no nonce can repeat under a key, at any size: names are 256 random bits, numbers only count
//! up. Header, frame number, type, codec and lengths are associated data: a frame opens only where it was sealed.
//!
//! The last frame is the directory; the footer says where it begins. A file whose end was lost can still be walked
//! from its start, frame by frame.
//!
//! Deliberately not here: what frames hold (`group`, `index`, `record`), or which epoch's key to use (`keys`).

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use keepwell_model::ObjectId;
use zeroize::Zeroizing;

use crate::codec;
use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};

/// Length of a frame header on disk.
pub const FRAME_HEADER_LENGTH: usize = 16;
/// Length of the footer on disk.
pub const FOOTER_LENGTH: usize = 24;
/// Length of the authentication tag at the end of each ciphertext.
pub const TAG_LENGTH: usize = 16;
/// The most a frame may hold before compression.
pub const FRAME_LIMIT_BYTES: usize = 64 << 20;
const FOOTER_MAGIC: [u8; 8] = *b"KEEPEND\x01";
/// Context of the key derivation; frozen.
pub const OBJECT_KEY_CONTEXT: &str = "Keepwell 2026-11 repository v1 object key";

/// A secret of 32 bytes, wiped when dropped.
pub type Key = Zeroizing<[u8; 32]>;

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameType {
    /// A group of data chunks.
    Data = 1,
    /// A group of tree chunks (folder pages, lists of pieces).
    Tree = 2,
    /// The directory of a pack.
    PackDirectory = 3,
    /// A page of sorted index records.
    IndexPage = 4,
    /// The directory of an index segment.
    IndexDirectory = 5,
    /// A record: a snapshot, a key ring, a root key.
    Record = 6,
}

impl FrameType {
    fn from_number(number: u8) -> Option<Self> {
        [Self::Data, Self::Tree, Self::PackDirectory, Self::IndexPage, Self::IndexDirectory, Self::Record]
            .into_iter()
            .find(|kind| *kind as u8 == number)
    }
}

/// Whether a frame can have these lengths: asked before memory is taken for one.
pub(crate) fn lengths_are_possible(sealed_length: u32, plain_length: u32) -> bool {
    plain_length as usize <= FRAME_LIMIT_BYTES
        && (TAG_LENGTH..=codec::bound(FRAME_LIMIT_BYTES) + TAG_LENGTH).contains(&(sealed_length as usize))
}

/// The plain header before each ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// Length of the ciphertext with its tag.
    pub sealed_length: u32,
    /// Length of the content after decompression.
    pub plain_length: u32,
    /// The frame's number in the file, from 0.
    pub number: u32,
    /// What it holds.
    pub frame_type: FrameType,
    /// How the content is compressed.
    pub codec: codec::Codec,
}

impl FrameHeader {
    fn to_bytes(self) -> [u8; FRAME_HEADER_LENGTH] {
        let mut bytes = [0; FRAME_HEADER_LENGTH];
        bytes[..4].copy_from_slice(&self.sealed_length.to_le_bytes());
        bytes[4..8].copy_from_slice(&self.plain_length.to_le_bytes());
        bytes[8..12].copy_from_slice(&self.number.to_le_bytes());
        bytes[12] = self.frame_type as u8;
        bytes[13] = self.codec as u8;
        bytes
    }

    /// Reads a frame header; `Err` holds why it can not be one.
    pub(crate) fn parse(bytes: &[u8]) -> std::result::Result<Self, &'static str> {
        let Some(bytes) = bytes.first_chunk::<FRAME_HEADER_LENGTH>() else {
            return Err("it ends inside a frame");
        };
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        let header = Self {
            sealed_length: word(0),
            plain_length: word(4),
            number: word(8),
            frame_type: FrameType::from_number(bytes[12]).ok_or("a frame has an unknown type")?,
            codec: codec::Codec::from_number(bytes[13]).ok_or("a frame has an unknown codec")?,
        };
        if !lengths_are_possible(header.sealed_length, header.plain_length) {
            return Err("a frame claims an impossible length");
        }
        if bytes[14..] != [0, 0] {
            return Err("a frame's reserved bytes are set");
        }
        Ok(header)
    }
}

/// The cipher of one file.
pub struct ObjectCipher {
    header_bytes: [u8; HEADER_LENGTH],
    cipher: Aes256Gcm,
}

impl ObjectCipher {
    /// The cipher of the file with this header, under this epoch's key.
    #[must_use]
    pub fn new(header: Header, epoch_key: &[u8; 32]) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key(OBJECT_KEY_CONTEXT);
        hasher.update(epoch_key);
        hasher.update(header.object.as_bytes());
        let key = Zeroizing::new(*hasher.finalize().as_bytes());
        Self { header_bytes: header.to_bytes(), cipher: Aes256Gcm::new((&*key).into()) }
    }

    fn associated_data(
        &self,
        frame: &[u8; FRAME_HEADER_LENGTH],
    ) -> [u8; HEADER_LENGTH + FRAME_HEADER_LENGTH] {
        let mut data = [0; HEADER_LENGTH + FRAME_HEADER_LENGTH];
        data[..HEADER_LENGTH].copy_from_slice(&self.header_bytes);
        data[HEADER_LENGTH..].copy_from_slice(frame);
        data
    }

    fn nonce(number: u32) -> [u8; 12] {
        let mut nonce = [0; 12];
        nonce[..4].copy_from_slice(&number.to_le_bytes());
        nonce
    }

    /// Appends a sealed frame (header and ciphertext) to `out`. `stored` is the content as the codec left it.
    ///
    /// # Errors
    /// The frame is larger than the format allows.
    pub fn seal(
        &self,
        number: u32,
        frame_type: FrameType,
        codec: codec::Codec,
        plain_length: usize,
        stored: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<()> {
        let too_large = || RepositoryError::Limit { what: format!("a frame of {plain_length} bytes") };
        if plain_length > FRAME_LIMIT_BYTES {
            return Err(too_large());
        }
        let header = FrameHeader {
            sealed_length: u32::try_from(stored.len() + TAG_LENGTH).map_err(|_| too_large())?,
            plain_length: u32::try_from(plain_length).map_err(|_| too_large())?,
            number,
            frame_type,
            codec,
        };
        let header_bytes = header.to_bytes();
        out.reserve(FRAME_HEADER_LENGTH + stored.len() + TAG_LENGTH);
        out.extend_from_slice(&header_bytes);
        let start = out.len();
        out.extend_from_slice(stored);
        let tag = self
            .cipher
            .encrypt_inout_detached(
                &Nonce::from(Self::nonce(number)),
                &self.associated_data(&header_bytes),
                (&mut out[start..]).into(),
            )
            .map_err(|_| too_large())?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Opens a frame: its header and its ciphertext, as one run of bytes. `Err` holds why it does not open.
    pub(crate) fn open(&self, frame: &[u8]) -> std::result::Result<(FrameHeader, Vec<u8>), &'static str> {
        let header = FrameHeader::parse(frame)?;
        let sealed = &frame[FRAME_HEADER_LENGTH..];
        if sealed.len() != header.sealed_length as usize {
            return Err("a frame is not as long as it says");
        }
        let (ciphertext, tag) = sealed.split_at(sealed.len() - TAG_LENGTH);
        let tag = <[u8; TAG_LENGTH]>::try_from(tag).map_err(|_| "a frame has no tag")?;
        let mut plain = ciphertext.to_vec();
        self.cipher
            .decrypt_inout_detached(
                &Nonce::from(Self::nonce(header.number)),
                &self.associated_data(&header.to_bytes()),
                plain.as_mut_slice().into(),
                &Tag::from(tag),
            )
            .map_err(|_| "a frame was changed after it was written")?;
        Ok((header, codec::unpack(header.codec, plain, header.plain_length as usize)?))
    }
}

/// The footer: where the directory frame begins, and how many frames there are.
#[must_use]
pub fn footer(directory_offset: u64, frame_count: u32) -> [u8; FOOTER_LENGTH] {
    let mut bytes = [0; FOOTER_LENGTH];
    bytes[..8].copy_from_slice(&directory_offset.to_le_bytes());
    bytes[8..12].copy_from_slice(&frame_count.to_le_bytes());
    bytes[16..].copy_from_slice(&FOOTER_MAGIC);
    bytes
}

/// Reads a footer: the offset of the directory frame and the number of frames.
pub(crate) fn parse_footer(bytes: &[u8]) -> std::result::Result<(u64, u32), &'static str> {
    if bytes.len() != FOOTER_LENGTH || bytes[16..] != FOOTER_MAGIC || bytes[12..16] != [0; 4] {
        return Err("its end is missing");
    }
    let offset = bytes[..8].iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let count = bytes[8..12].iter().rev().fold(0_u32, |value, byte| value << 8 | u32::from(*byte));
    Ok((offset, count))
}

/// A whole file with a single frame: a snapshot or a key ring.
///
/// # Errors
/// The content is larger than a frame may be.
pub fn seal_record(
    kind: FileKind,
    epoch: u32,
    object: ObjectId,
    key: &[u8; 32],
    content: &[u8],
) -> Result<Vec<u8>> {
    let header = Header { kind, epoch, object };
    let cipher = ObjectCipher::new(header, key);
    let mut out = header.to_bytes().to_vec();
    let (codec, stored) = codec::pack_small(content);
    cipher.seal(0, FrameType::Record, codec, content.len(), &stored, &mut out)?;
    out.extend_from_slice(&footer(HEADER_LENGTH as u64, 1));
    Ok(out)
}

/// Opens what [`seal_record`] made. The caller found the key by the header's epoch.
///
/// # Errors
/// Anything in the file is not as it was written.
pub fn open_record(bytes: &[u8], header: Header, key: &[u8; 32], path: &str) -> Result<Vec<u8>> {
    let damaged = |why: &str| RepositoryError::damaged(path, why);
    if bytes.len() < HEADER_LENGTH + FRAME_HEADER_LENGTH + TAG_LENGTH + FOOTER_LENGTH {
        return Err(damaged("it is cut short"));
    }
    let (body, end) = bytes.split_at(bytes.len() - FOOTER_LENGTH);
    if parse_footer(end).map_err(damaged)? != (HEADER_LENGTH as u64, 1) {
        return Err(damaged("its end does not fit its beginning"));
    }
    let (frame, content) = ObjectCipher::new(header, key).open(&body[HEADER_LENGTH..]).map_err(damaged)?;
    if frame.frame_type != FrameType::Record || frame.number != 0 {
        return Err(damaged("it holds another kind of frame"));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_flipped_bit_of_a_sealed_file_is_noticed() {
        let key = [9; 32];
        let object = ObjectId([5; 32]);
        let bytes = seal_record(FileKind::Snapshot, 1, object, &key, b"what was written").unwrap();
        let open = |bytes: &[u8]| {
            let header = Header::parse(bytes, FileKind::Snapshot, "s")?;
            open_record(bytes, header, &key, "s")
        };
        assert_eq!(open(&bytes).unwrap(), b"what was written");
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(open(&flipped).is_err(), "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert!(open(&bytes[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_frame_opens_only_in_its_own_file() {
        let key = [9; 32];
        let seal = |object| seal_record(FileKind::Snapshot, 1, ObjectId([object; 32]), &key, b"x").unwrap();
        let mut mixed = seal(1)[..HEADER_LENGTH].to_vec();
        mixed.extend_from_slice(&seal(2)[HEADER_LENGTH..]);
        let header = Header::parse(&mixed, FileKind::Snapshot, "s").unwrap();
        assert!(open_record(&mixed, header, &key, "s").is_err());
    }

    #[test]
    fn no_bytes_break_the_parsers_and_none_but_the_right_ones_open() {
        let object = ObjectId([5; 32]);
        let content = b"what was written, and written, and written again".repeat(3);
        let sealed = seal_record(FileKind::Snapshot, 1, object, &[9; 32], &content).unwrap();
        crate::mutate::each_mutation(&sealed, |bytes| {
            let opened = Header::parse(bytes, FileKind::Snapshot, "s")
                .and_then(|header| open_record(bytes, header, &[9; 32], "s"));
            assert!(opened.is_err() || bytes == sealed);
        });
        crate::mutate::each_mutation(&footer(64, 1), |bytes| {
            let _ = parse_footer(bytes);
        });
        crate::mutate::each_mutation(&sealed[HEADER_LENGTH..], |bytes| {
            let _ = FrameHeader::parse(bytes);
        });
    }
}
