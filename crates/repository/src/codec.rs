//! Compression of frames: zstd (RFC 8878) where it helps, nothing where it does not.
//!
//! Invariant: unpacking never allocates more than the frame header announced, and fails if the content is not exactly
//! that long. Deliberately not here: which chunks go together (`writer`).

use std::cell::RefCell;

use zstd::bulk::{Compressor as BulkCompressor, Decompressor};
use zstd::zstd_safe::{self, CParameter};

/// How the content of a frame is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// As it is.
    Raw = 0,
    /// One zstd frame.
    Zstd = 1,
}

impl Codec {
    pub(crate) fn from_number(number: u8) -> Option<Self> {
        [Self::Raw, Self::Zstd].into_iter().find(|codec| *codec as u8 == number)
    }
}

/// The longest a compressed frame can be.
#[must_use]
pub fn bound(length: usize) -> usize {
    zstd_safe::compress_bound(length)
}

/// The level for data: chosen by measurement (see `bench/README.md`), not by feeling.
const DATA_LEVEL: i32 = 3;
/// The level for metadata, of which there is little.
const METADATA_LEVEL: i32 = 6;
/// Matches may reach back through a whole group.
const WINDOW_LOG: u32 = 22;

/// Compresses frames; one for each thread that does.
pub struct Compressor {
    data: BulkCompressor<'static>,
    metadata: BulkCompressor<'static>,
}

impl Compressor {
    /// With the levels of this version.
    ///
    /// # Errors
    /// The system has no memory for the tables.
    pub fn new() -> std::io::Result<Self> {
        let mut data = BulkCompressor::new(DATA_LEVEL)?;
        data.set_parameter(CParameter::WindowLog(WINDOW_LOG))?;
        Ok(Self { data, metadata: BulkCompressor::new(METADATA_LEVEL)? })
    }

    /// Compresses into `out` (cleared before) and says how; incompressible content is left out of it as [`Codec::Raw`],
    /// and then the content itself is what to store.
    pub fn pack(&mut self, content: &[u8], metadata: bool, out: &mut Vec<u8>) -> Codec {
        out.clear();
        out.reserve(bound(content.len()));
        let compressor = if metadata { &mut self.metadata } else { &mut self.data };
        match compressor.compress_to_buffer(content, out) {
            Ok(length) if length < content.len() => Codec::Zstd,
            _ => Codec::Raw,
        }
    }
}

/// Compresses a small record, for files that hold just one.
#[must_use]
pub fn pack_small(content: &[u8]) -> (Codec, Vec<u8>) {
    match zstd::bulk::compress(content, METADATA_LEVEL) {
        Ok(packed) if packed.len() < content.len() => (Codec::Zstd, packed),
        _ => (Codec::Raw, content.to_vec()),
    }
}

/// The content of a frame that was stored with `codec`; `Err` holds why it can not be had.
pub(crate) fn unpack(codec: Codec, stored: Vec<u8>, plain_length: usize) -> Result<Vec<u8>, &'static str> {
    thread_local! {
        static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
    }
    let plain = match codec {
        Codec::Raw => stored,
        Codec::Zstd => DECOMPRESSOR.with_borrow_mut(|slot| {
            if slot.is_none() {
                *slot = Some(Decompressor::new().map_err(|_| "there is no memory to decompress it")?);
            }
            let Some(decompressor) = slot else { return Err("there is no memory to decompress it") };
            let mut plain = Vec::with_capacity(plain_length);
            decompressor
                .decompress_to_buffer(&stored, &mut plain)
                .map_err(|_| "a frame does not decompress to the length it announces")?;
            Ok(plain)
        })?,
    };
    if plain.len() == plain_length { Ok(plain) } else { Err("a frame holds less than it announces") }
}

/// Whether bytes look as if compression would not shrink them: a quick test on samples, so that photographs, films and
/// archives do not cost the time of trying. Wrong guesses cost space or time, never correctness.
#[must_use]
pub fn looks_incompressible(content: &[u8]) -> bool {
    const SAMPLE_BYTES: usize = 4096;
    if content.len() < SAMPLE_BYTES {
        return false;
    }
    // The beginning often is a header that compresses; the middle and the end tell more.
    let starts = [content.len() / 2 - SAMPLE_BYTES / 2, content.len() - SAMPLE_BYTES];
    starts.iter().all(|start| {
        let mut counts = [0_u32; 256];
        for byte in &content[*start..*start + SAMPLE_BYTES] {
            counts[usize::from(*byte)] += 1;
        }
        // The sum of squares measures collisions: even bytes give 4096²/256 + 4096 = 69,632 on average; text several
        // times as much. The line is drawn where about 7.9 bits a byte remain.
        let squares: u64 = counts.iter().map(|count| u64::from(*count) * u64::from(*count)).sum();
        squares < 76_000
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().finalize_xof().fill(&mut bytes);
        bytes
    }

    #[test]
    fn text_and_noise_come_back_and_noise_is_not_blown_up() {
        let mut compressor = Compressor::new().unwrap();
        let mut out = Vec::new();
        let text = b"what the best systems do, what their users beg for, ".repeat(1000);
        assert_eq!(compressor.pack(&text, false, &mut out), Codec::Zstd);
        assert_eq!(unpack(Codec::Zstd, out.clone(), text.len()).unwrap(), text);
        assert_eq!(compressor.pack(&noise(10_000), false, &mut out), Codec::Raw);
    }

    #[test]
    fn a_frame_that_holds_more_or_less_than_announced_is_refused() {
        let (codec, packed) = pack_small(&[0; 5000]);
        assert_eq!(codec, Codec::Zstd);
        assert!(unpack(codec, packed.clone(), 4999).is_err());
        assert!(unpack(codec, packed, 5001).is_err());
        assert!(unpack(Codec::Zstd, vec![1, 2, 3], 10).is_err());
    }

    #[test]
    fn the_quick_test_tells_noise_from_text() {
        assert!(looks_incompressible(&noise(100_000)));
        assert!(!looks_incompressible(&b"int main(void) { return 0; }\n".repeat(1000)));
        assert!(!looks_incompressible(&noise(100)));
    }

    #[test]
    fn no_bytes_break_decompression_and_none_give_more_than_announced() {
        let (codec, packed) = pack_small(&b"over and over, ".repeat(100));
        assert_eq!(codec, Codec::Zstd);
        crate::mutate::each_mutation(&packed, |bytes| {
            let unpacked = unpack(Codec::Zstd, bytes.to_vec(), 1500);
            assert!(unpacked.is_err() || unpacked.unwrap().len() == 1500);
        });
    }
}
