//! The device's signing key (ed25519): made once, kept with the other secrets, used for receipts.
//!
//! Invariant: the private half is only ever in the keyring (or its fallback) and, wiped after use, in memory.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use keepwell_catalog::{Catalog, Credentials, random_bytes};
use zeroize::{Zeroize, Zeroizing};

use crate::outcome::{Fault, FaultKind};

/// The device's key.
#[derive(Debug)]
pub struct DeviceKey(SigningKey);

impl DeviceKey {
    /// The key of this installation; made at the first call.
    ///
    /// # Errors
    /// The catalog or the keyring refused.
    pub fn load_or_make(catalog: &Catalog, credentials: &Credentials) -> Result<Self, Fault> {
        let fault = |message: String| {
            Fault::new(FaultKind::Failed, message, "Unlock the system's keyring, then start Keepwell again.")
        };
        let fresh = random_bytes::<16>().map_err(|error| fault(error.to_string()))?;
        let installation = catalog
            .setting_or_insert("installation", &hex(&fresh))
            .map_err(|error| fault(error.to_string()))?;
        let name = format!("device/{installation}");
        let kept = credentials.get(&name).map_err(|error| fault(error.to_string()))?;
        if let Some(mut seed) = kept.and_then(|text| unhex::<32>(&text)) {
            let key = SigningKey::from_bytes(&seed);
            seed.zeroize();
            return Ok(Self(key));
        }
        let seed = Zeroizing::new(random_bytes::<32>().map_err(|error| fault(error.to_string()))?);
        let text = Zeroizing::new(hex(&*seed));
        credentials.set(&name, &text).map_err(|error| fault(error.to_string()))?;
        Ok(Self(SigningKey::from_bytes(&seed)))
    }

    /// The public half, in hexadecimal.
    #[must_use]
    pub fn public_text(&self) -> String {
        hex(self.0.verifying_key().as_bytes())
    }

    /// Signs; the signature in hexadecimal.
    #[must_use]
    pub fn sign(&self, bytes: &[u8]) -> String {
        hex(&self.0.sign(bytes).to_bytes())
    }
}

/// Whether a signature holds.
#[must_use]
pub fn verify(public_text: &str, signature_text: &str, bytes: &[u8]) -> bool {
    let (Some(public), Some(signature)) = (unhex::<32>(public_text), unhex::<64>(signature_text)) else {
        return false;
    };
    VerifyingKey::from_bytes(&public)
        .is_ok_and(|key| key.verify(bytes, &Signature::from_bytes(&signature)).is_ok())
}

/// Lower-case hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    if text.len() != LENGTH * 2 || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; LENGTH];
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(at * 2..at * 2 + 2)?, 16).ok()?;
    }
    Some(bytes)
}
