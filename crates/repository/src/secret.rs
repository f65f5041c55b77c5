//! What opens a repository: a password, or the printed recovery key; and the slow hash that stands before them.
//!
//! Argon2id (RFC 9106), with the RFC's second recommended parameters. Invariants: secrets are wiped when dropped and
//! never shown by `Debug`; the parameters of a slot are limited before any memory is taken for them.

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use unicode_normalization::UnicodeNormalization;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::{RepositoryError, Result};
use crate::random;
use crate::sealed::Key;

/// The alphabet of the recovery key: Crockford's base 32, without letters that look like digits.
const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const PREFIX: &str = "KW1";
const KEY_BYTES: usize = 20;
const CHECK_BYTES: usize = 5;
const GROUP_LENGTH: usize = 5;

/// What a person gives to open a repository.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Secret(String);

impl Secret {
    /// A password, or a recovery key as it was printed. The same letters are the same password however a keyboard put
    /// them together: the text is brought into normalization form C.
    pub fn new(text: impl Into<String>) -> Self {
        let text = Zeroizing::new(text.into());
        // With room from the start, so that no half-written copy is left in memory: a letter takes at most three times
        // its bytes in this form (UAX #15, section 12).
        let mut normal = String::with_capacity(text.len() * 3);
        normal.extend(text.nfc());
        Self(normal)
    }

    /// The recovery key, if that is what this is: spelling slips (case, dashes, O for 0, I and L for 1) are mended.
    pub(crate) fn as_recovery_key(&self) -> Option<RecoveryKey> {
        RecoveryKey::parse(&self.0)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Whether nothing was given.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Secret(…)")
    }
}

/// A random key of 160 bits, printable, with a check against slips of the pen.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct RecoveryKey([u8; KEY_BYTES]);

impl RecoveryKey {
    pub(crate) fn generate() -> Result<Self> {
        Ok(Self(random::bytes()?))
    }

    fn check(&self) -> [u8; CHECK_BYTES] {
        let hash = blake3::hash(&self.0);
        let mut check = [0; CHECK_BYTES];
        check.copy_from_slice(&hash.as_bytes()[..CHECK_BYTES]);
        check
    }

    /// The key as it is printed: `KW1-` and eight groups of five signs.
    #[must_use]
    pub fn to_text(&self) -> Zeroizing<String> {
        let mut bytes = Zeroizing::new([0_u8; KEY_BYTES + CHECK_BYTES]);
        bytes[..KEY_BYTES].copy_from_slice(&self.0);
        bytes[KEY_BYTES..].copy_from_slice(&self.check());
        // With room from the start, so that no half-written copy is left in memory.
        let mut text = Zeroizing::new(String::with_capacity(64));
        text.push_str(PREFIX);
        for (number, five) in bytes.chunks_exact(5).enumerate() {
            let value = five.iter().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
            for sign in 0..8 {
                if (number * 8 + sign) % GROUP_LENGTH == 0 {
                    text.push('-');
                }
                text.push(char::from(ALPHABET[(value >> (35 - 5 * sign) & 31) as usize]));
            }
        }
        text
    }

    fn parse(text: &str) -> Option<Self> {
        let mut values = Zeroizing::new(Vec::with_capacity(64));
        let mut signs = text.chars().filter(|sign| !matches!(sign, '-' | ' ' | '\n' | '\r' | '\t'));
        for expected in PREFIX.chars() {
            if signs.next()?.to_ascii_uppercase() != expected {
                return None;
            }
        }
        for sign in signs {
            let sign = match sign.to_ascii_uppercase() {
                'O' => '0',
                'I' | 'L' => '1',
                other => other,
            };
            values.push(ALPHABET.iter().position(|letter| char::from(*letter) == sign)?);
        }
        if values.len() != (KEY_BYTES + CHECK_BYTES) / 5 * 8 {
            return None;
        }
        let mut bytes = Zeroizing::new(Vec::with_capacity(KEY_BYTES + CHECK_BYTES));
        for eight in values.chunks_exact(8) {
            let value = eight.iter().fold(0_u64, |value, five| value << 5 | *five as u64);
            bytes.extend_from_slice(&value.to_be_bytes()[3..]);
        }
        let key = Self(<[u8; KEY_BYTES]>::try_from(&bytes[..KEY_BYTES]).ok()?);
        (key.check() == bytes[KEY_BYTES..]).then_some(key)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for RecoveryKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("RecoveryKey(…)")
    }
}

/// The cost of a slot's slow hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cost {
    /// Memory, in KiB.
    pub memory_kib: u32,
    /// Passes over the memory.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Cost {
    /// RFC 9106, section 4, second recommended option.
    pub const RECOMMENDED: Self = Self { memory_kib: 64 << 10, passes: 3, lanes: 4 };
    /// What a slot may demand at most, so that a hostile file can not eat the machine.
    const LIMIT: Self = Self { memory_kib: 1 << 20, passes: 32, lanes: 64 };
}

/// Argon2id of the secret.
///
/// # Errors
/// The slot demands more than is sensible, or parameters that can not be.
pub(crate) fn stretch(secret: &[u8], salt: &[u8; 32], cost: Cost, path: &str) -> Result<Key> {
    let limit = Cost::LIMIT;
    if cost.memory_kib > limit.memory_kib || cost.passes > limit.passes || cost.lanes > limit.lanes {
        return Err(RepositoryError::Limit { what: format!("the work {path} demands for its password") });
    }
    let impossible = |_| RepositoryError::damaged(path, "its password parameters can not be");
    let parameters = Params::new(cost.memory_kib, cost.passes, cost.lanes, Some(32)).map_err(impossible)?;
    let mut key = Key::default();
    Argon2::new(Algorithm::Argon2id, Version::V0x13, parameters)
        .hash_password_into(secret, salt, &mut *key)
        .map_err(impossible)?;
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recovery_key_survives_paper_and_a_slip_is_noticed() {
        let key = RecoveryKey([0x5a; KEY_BYTES]);
        let text = key.to_text();
        assert_eq!(text.len(), 3 + 8 * 6);
        assert_eq!(RecoveryKey::parse(&text).unwrap().0, key.0);
        let sloppy = text.to_lowercase().replace('-', " ").replace('0', "o");
        assert_eq!(RecoveryKey::parse(&sloppy).unwrap().0, key.0);
        for at in 4..text.len() {
            let mut signs: Vec<char> = text.chars().collect();
            if signs[at] == '-' {
                continue;
            }
            signs[at] = if signs[at] == '7' { '8' } else { '7' };
            let wrong: String = signs.into_iter().collect();
            assert!(RecoveryKey::parse(&wrong).is_none(), "slip at {at}");
        }
        assert!(RecoveryKey::parse("a password").is_none());
    }

    #[test]
    fn a_hostile_slot_can_not_demand_all_memory() {
        let cost = Cost { memory_kib: u32::MAX, passes: 1, lanes: 1 };
        assert!(matches!(stretch(b"x", &[0; 32], cost, "slot"), Err(RepositoryError::Limit { .. })));
    }

    #[test]
    fn the_same_letters_are_the_same_password_however_they_were_typed() {
        assert_eq!(Secret::new("caf\u{e9}").as_bytes(), Secret::new("cafe\u{301}").as_bytes());
        assert_ne!(Secret::new("cafe").as_bytes(), Secret::new("caf\u{e9}").as_bytes());
        assert_ne!(Secret::new(" spaces ").as_bytes(), Secret::new("spaces").as_bytes());
    }

    #[test]
    fn secrets_do_not_show_in_debug_output() {
        assert!(!format!("{:?}", Secret::new("hunter2")).contains("hunter2"));
    }

    #[test]
    fn no_text_breaks_the_reading_of_recovery_keys() {
        let text = RecoveryKey([0xc3; KEY_BYTES]).to_text();
        crate::mutate::each_mutation(text.as_bytes(), |bytes| {
            drop(RecoveryKey::parse(&String::from_utf8_lossy(bytes)));
        });
    }
}
