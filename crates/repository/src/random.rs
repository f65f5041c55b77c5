//! The one door to randomness: the operating system's generator, never a seeded one.
//!
//! Why: names and keys of sealed files must never repeat, also not between two processes or after a restored machine
//! image resumes. Deliberately not here: any way to replace it; what tests need is fixed by inputs, not by randomness.

use crate::error::{RepositoryError, Result};

/// Fresh random bytes.
///
/// # Errors
/// The system has none to give.
pub fn bytes<const LENGTH: usize>() -> Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    getrandom::fill(&mut bytes).map_err(|error| RepositoryError::NoRandomness { why: error.to_string() })?;
    Ok(bytes)
}
