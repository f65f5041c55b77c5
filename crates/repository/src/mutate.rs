//! For tests: bytes that were right once. Every parser is held against them: it may refuse or accept, never break.
//!
//! Invariant: the same bytes give the same mutations, so a failure can be repeated. Deliberately not here: what a parser
//! should say to them; only the test beside it knows.

/// How often a parser is tried.
const ROUNDS: u64 = 3000;

struct Dice(blake3::OutputReader);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        (u64::from_le_bytes(bytes) % sides.max(1) as u64) as usize
    }

    fn byte(&mut self) -> u8 {
        // Numbers on an edge break more than others.
        match self.roll(8) {
            0 => 0xff,
            1 => 0x7f,
            2 => 0,
            _ => self.roll(256) as u8,
        }
    }
}

/// Hands over many mutations of `valid`: bytes changed, cut out, put in, doubled, cut off; and some that are only noise.
pub(crate) fn each_mutation(valid: &[u8], mut parse: impl FnMut(&[u8])) {
    let mut dice = Dice(blake3::Hasher::new().update(valid).finalize_xof());
    for round in 0..ROUNDS {
        let mut bytes = valid.to_vec();
        if round % 50 == 0 {
            bytes = (0..dice.roll(200)).map(|_| dice.byte()).collect();
        }
        for _ in 0..=dice.roll(4) {
            let at = dice.roll(bytes.len());
            let end = (at + 1 + dice.roll(16)).min(bytes.len());
            match dice.roll(8) {
                _ if bytes.is_empty() => bytes.push(dice.byte()),
                0 => bytes.truncate(at),
                1 => drop(bytes.drain(at..end)),
                2 => bytes.insert(at, dice.byte()),
                3 => bytes.extend_from_within(at..end),
                4 => {
                    let value = dice.byte();
                    bytes[at..end].fill(value);
                }
                5 => bytes[at] ^= 1 << dice.roll(8),
                _ => bytes[at] = dice.byte(),
            }
        }
        parse(&bytes);
    }
}
