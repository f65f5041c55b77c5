//! Content-defined chunking: FastCDC with two masks (Xia et al., USENIX ATC 2016), over a gear table made from the
//! repository's own key, so that cut points say nothing to those without it.
//!
//! Invariant: the same bytes under the same key are cut at the same places for the life of the format; the test with
//! fixed cut points holds that. Deliberately not here: reading; the caller hands over what it has.

/// No chunk but the last of a file is shorter.
pub const MINIMUM_BYTES: usize = 256 << 10;
/// Where cutting becomes easier.
pub const NORMAL_BYTES: usize = 1 << 20;
/// No chunk is longer.
pub const MAXIMUM_BYTES: usize = 4 << 20;
/// Before `NORMAL_BYTES`: 22 bits must be zero; spread over the upper half, where the rolling sum has seen the most.
const MASK_HARD: u64 = 0xfffff << 44 | 0b11 << 40;
/// After it: 18 bits.
const MASK_EASY: u64 = 0x3ffff << 46;

/// Cuts files into chunks.
pub struct Chunker {
    gear: Box<[u64; 256]>,
}

impl Chunker {
    /// With the gear table that belongs to the key: the first 2,048 bytes of its BLAKE3 keyed output over nothing.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        let mut bytes = [0; 2048];
        blake3::Hasher::new_keyed(key).finalize_xof().fill(&mut bytes);
        let mut gear = Box::new([0; 256]);
        for (value, eight) in gear.iter_mut().zip(bytes.chunks_exact(8)) {
            *value = eight.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte));
        }
        Self { gear }
    }

    /// The length of the first chunk of `data`. Unless `data` reaches to the end of the file, it must hold at least
    /// [`MAXIMUM_BYTES`].
    #[must_use]
    pub fn first_chunk(&self, data: &[u8]) -> usize {
        if data.len() <= MINIMUM_BYTES {
            return data.len();
        }
        let end = data.len().min(MAXIMUM_BYTES);
        let normal = end.min(NORMAL_BYTES);
        let mut sum = 0_u64;
        if let Some(length) = self.scan(&mut sum, &data[MINIMUM_BYTES..normal.max(MINIMUM_BYTES)], MASK_HARD)
        {
            return MINIMUM_BYTES + length;
        }
        if let Some(length) = self.scan(&mut sum, &data[normal.max(MINIMUM_BYTES)..end], MASK_EASY) {
            return normal.max(MINIMUM_BYTES) + length;
        }
        end
    }

    /// How many bytes until the rolling sum has zeros under the mask, if it ever has.
    fn scan(&self, sum: &mut u64, data: &[u8], mask: u64) -> Option<usize> {
        for (at, byte) in data.iter().enumerate() {
            *sum = (*sum << 1).wrapping_add(self.gear[usize::from(*byte)]);
            if *sum & mask == 0 {
                return Some(at + 1);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn noise(length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        blake3::Hasher::new().update(b"cut points").finalize_xof().fill(&mut bytes);
        bytes
    }

    fn cuts(chunker: &Chunker, mut data: &[u8]) -> Vec<usize> {
        let mut lengths = Vec::new();
        while !data.is_empty() {
            let length = chunker.first_chunk(data);
            lengths.push(length);
            data = &data[length..];
        }
        lengths
    }

    #[test]
    fn the_cut_points_of_format_1_never_change() {
        let lengths = cuts(&Chunker::new(&[1; 32]), &noise(8 << 20));
        assert_eq!(lengths, GOLDEN);
    }
    const GOLDEN: &[usize] = &[2_140_205, 1_309_818, 558_897, 1_166_317, 1_966_289, 970_046, 277_036];

    #[test]
    fn chunks_keep_their_limits_and_an_insertion_changes_only_its_neighbourhood() {
        let chunker = Chunker::new(&[2; 32]);
        let before = noise(24 << 20);
        let lengths = cuts(&chunker, &before);
        let (last, others) = lengths.split_last().unwrap();
        assert!(others.iter().all(|length| (MINIMUM_BYTES..=MAXIMUM_BYTES).contains(length)));
        assert!(*last <= MAXIMUM_BYTES);

        let mut after = before.clone();
        after.splice(9_000_000..9_000_000, *b"an insertion");
        let new_lengths = cuts(&chunker, &after);
        let tail =
            lengths.iter().rev().zip(new_lengths.iter().rev()).take_while(|(old, new)| old == new).count();
        let head = lengths.iter().zip(&new_lengths).take_while(|(old, new)| old == new).count();
        assert!(head + tail + 3 >= lengths.len(), "{lengths:?}\n{new_lengths:?}");
    }

    #[test]
    fn another_key_cuts_elsewhere() {
        let data = noise(8 << 20);
        assert_ne!(cuts(&Chunker::new(&[1; 32]), &data), cuts(&Chunker::new(&[2; 32]), &data));
    }
}
