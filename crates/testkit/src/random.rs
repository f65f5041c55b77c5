//! A seeded source of numbers (SplitMix64): the same on every machine and for ever, which no crate promises.
//!
//! Deliberately not here: anything fit for keys.

/// Numbers that look random and follow from the seed alone.
#[derive(Clone, Debug)]
pub struct SeededRandom(u64);

impl SeededRandom {
    /// Starts from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`; 0 where `limit` is 0.
    pub fn below(&mut self, limit: u64) -> u64 {
        if limit == 0 { 0 } else { self.number() % limit }
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// Bytes that do not shrink.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(length + 8);
        while bytes.len() < length {
            bytes.extend_from_slice(&self.number().to_le_bytes());
        }
        bytes.truncate(length);
        bytes
    }

    /// Bytes like text: they shrink to about a third.
    pub fn text(&mut self, length: usize) -> Vec<u8> {
        const WORDS: [&[u8]; 16] = [
            b"return", b"struct", b"the", b"if", b"value", b"length", b"folder", b"0x", b"static", b"of",
            b"name", b"\n", b"(", b");\n", b"    ", b"size",
        ];
        let mut bytes = Vec::with_capacity(length + 24);
        while bytes.len() < length {
            let number = self.number();
            bytes.extend_from_slice(WORDS[usize::try_from(number % 16).unwrap_or(0)]);
            bytes.push(b' ');
            if number.is_multiple_of(5) {
                bytes.extend_from_slice(format!("{:x}", number >> 48).as_bytes());
            }
        }
        bytes.truncate(length);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_makes_the_same_numbers_for_ever() {
        let mut random = SeededRandom::new(0);
        assert_eq!(random.number(), 0xe220_a839_7b1d_cdaf);
        assert_eq!(random.number(), 0x6e78_9e6a_a1b9_65f4);
        assert_eq!(SeededRandom::new(5).bytes(13), SeededRandom::new(5).bytes(13));
        assert_eq!(SeededRandom::new(5).text(1000).len(), 1000);
        assert_ne!(SeededRandom::new(5).text(100), SeededRandom::new(6).text(100));
    }
}
