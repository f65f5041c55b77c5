//! Where passwords and the device's key are kept: the system's keyring, or the encrypted file where none runs.
//!
//! Invariants: a secret is written to one of the two and found in either (a session without a keyring may have written
//! the file; one with a keyring must still find it); names hold no secret; what is found is wiped when dropped.
//! Calls to the keyring may wait for the person to unlock it: not for threads that must stay free.

use std::path::Path;

use zeroize::Zeroizing;

use crate::encrypted_file::{EncryptedFile, FileKey};
use crate::error::CredentialError;

/// A secret that is wiped when dropped.
pub type Secret = Zeroizing<String>;

/// The name under which the keyring shows our entries.
const SERVICE: &str = "app.keepwell.desktop";

/// How long the service may take to answer the first question.
const ANSWER_LIMIT: std::time::Duration = std::time::Duration::from_secs(15);

/// Longest secret kept, in bytes (Windows keeps at most 2,560).
const SECRET_LIMIT_BYTES: usize = 2048;

/// Which one to use.
#[derive(Debug, Clone, Default)]
pub enum KeyringChoice {
    /// The system's keyring where one runs, otherwise the file with its key file.
    #[default]
    Automatic,
    /// The file with its key file, whatever runs.
    File,
    /// The file, sealed with this master password.
    MasterPassword(Secret),
}

/// Which one is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CredentialKind {
    /// The system's keyring.
    System,
    /// The file with a key file.
    EncryptedFile,
    /// The file with a master password.
    MasterPassword,
}

/// The keeper of secrets.
#[derive(Debug)]
pub struct Credentials {
    file: EncryptedFile,
    system: bool,
}

impl Credentials {
    /// Finds out what this machine offers.
    #[must_use]
    pub fn open(state_folder: &Path, choice: KeyringChoice) -> Self {
        match choice {
            KeyringChoice::Automatic => {
                let system = system_answers();
                Self { file: EncryptedFile::new(state_folder, FileKey::KeyFile), system }
            }
            KeyringChoice::File => {
                Self { file: EncryptedFile::new(state_folder, FileKey::KeyFile), system: false }
            }
            KeyringChoice::MasterPassword(password) => Self {
                file: EncryptedFile::new(state_folder, FileKey::MasterPassword(password)),
                system: false,
            },
        }
    }

    /// Which one new secrets go to.
    #[must_use]
    pub fn kind(&self) -> CredentialKind {
        match self.file.key() {
            _ if self.system => CredentialKind::System,
            FileKey::KeyFile => CredentialKind::EncryptedFile,
            FileKey::MasterPassword(_) => CredentialKind::MasterPassword,
        }
    }

    /// Finds a secret.
    ///
    /// # Errors
    /// The keyring or the file refused.
    pub fn get(&self, name: &str) -> Result<Option<Secret>, CredentialError> {
        if self.system {
            match entry(name)?.get_password() {
                Ok(secret) => return Ok(Some(Zeroizing::new(secret))),
                Err(keyring::Error::NoEntry) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        self.file.get(name)
    }

    /// Keeps a secret.
    ///
    /// # Errors
    /// It is too long, or the keyring or the file refused.
    pub fn set(&self, name: &str, secret: &str) -> Result<(), CredentialError> {
        if secret.len() > SECRET_LIMIT_BYTES {
            return Err(CredentialError::TooLarge { why: "a password may have at most 2,048 bytes" });
        }
        if self.system {
            entry(name)?.set_password(secret).map_err(|error| refused(&error))
        } else {
            self.file.set(name, secret)
        }
    }

    /// Forgets a secret, wherever it is.
    ///
    /// # Errors
    /// The keyring or the file refused.
    pub fn remove(&self, name: &str) -> Result<(), CredentialError> {
        if self.system {
            match entry(name)?.delete_credential() {
                Ok(()) | Err(keyring::Error::NoEntry) => {}
                Err(error) => return Err(refused(&error)),
            }
        }
        self.file.remove(name)
    }
}

fn entry(name: &str) -> Result<keyring::Entry, CredentialError> {
    keyring::Entry::new(SERVICE, name).map_err(|error| refused(&error))
}

/// Whether the service answers in time. A locked keyring that nobody can unlock (no display) never does.
fn system_answers() -> bool {
    let (answer, wait) = std::sync::mpsc::channel();
    let asked = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
        // Nobody may be waiting any more: then the answer is of no use.
        let _ = answer.send(system_works());
    });
    if let Err(error) = asked {
        tracing::warn!(%error, "the keyring can not be asked");
        return false;
    }
    wait.recv_timeout(ANSWER_LIMIT).unwrap_or_else(|_| {
        tracing::warn!("the keyring does not answer in time: secrets go to the encrypted file");
        false
    })
}

/// Whether the service works: asking for a name that is not there must say so.
fn system_works() -> bool {
    if let Err(error) = keyring::Entry::store_status() {
        tracing::info!(why = %describe(error), "no keyring service: secrets go to the encrypted file");
        return false;
    }
    let why = match keyring::Entry::new(SERVICE, "probe").map(|entry| entry.get_password()) {
        Ok(Ok(_) | Err(keyring::Error::NoEntry)) => return true,
        Ok(Err(error)) | Err(error) => describe(&error),
    };
    tracing::warn!(%why, "the keyring does not work: secrets go to the encrypted file");
    false
}

fn refused(error: &keyring::Error) -> CredentialError {
    CredentialError::Keyring { why: describe(error) }
}

/// What happened, without the bytes some errors carry: they may be the secret.
fn describe(error: &keyring::Error) -> String {
    match error {
        keyring::Error::BadEncoding(_) | keyring::Error::BadDataFormat(..) => {
            "what it holds under this name is not a password of Keepwell".to_owned()
        }
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_keyring_the_file_serves() {
        let home = tempfile::tempdir().unwrap();
        let credentials = Credentials::open(home.path(), KeyringChoice::File);
        assert_eq!(credentials.kind(), CredentialKind::EncryptedFile);
        credentials.set("place/1", "secret").unwrap();
        assert_eq!(credentials.get("place/1").unwrap().unwrap().as_str(), "secret");
        credentials.remove("place/1").unwrap();
        credentials.remove("place/1").unwrap();
        assert!(credentials.get("place/1").unwrap().is_none());
        assert!(credentials.set("long", &"x".repeat(3000)).is_err());
    }
}
