//! A password on its way from a person to the engine.
//!
//! Invariants: wiped from memory when dropped; never printed by `Debug`; can be read from JSON, never written to it.
//! Deliberately not here: keeping it (`catalog`).

use std::fmt;

use serde::{Deserialize, Deserializer};
use ts_rs::{Config, TS};
use zeroize::Zeroizing;

/// The longest password accepted, in bytes.
pub const PASSWORD_LIMIT_BYTES: usize = 4096;

/// A secret text.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretText(Zeroizing<String>);

impl SecretText {
    /// Takes over a secret.
    #[must_use]
    pub fn new(text: String) -> Self {
        Self(Zeroizing::new(text))
    }

    /// The secret itself.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretText {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SecretText(…)")
    }
}

impl<'de> Deserialize<'de> for SecretText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = Zeroizing::new(String::deserialize(deserializer)?);
        if text.len() > PASSWORD_LIMIT_BYTES {
            return Err(serde::de::Error::custom("a password may have at most 4096 bytes"));
        }
        Ok(Self(text))
    }
}

crate::numbers::as_typescript!(SecretText, "string");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_not_printed() {
        let secret: SecretText = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(secret.reveal(), "hunter2");
        assert!(!format!("{secret:?}").contains("hunter2"));
    }
}
