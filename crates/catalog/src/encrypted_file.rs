//! Secrets in one encrypted file, for machines where no keyring service runs.
//!
//! The file is `KEEPWELL1`, a mode byte, then (mode 1, master password) 16 bytes of salt for argon2id, then a 12-byte
//! nonce and AES-256-GCM over a JSON map, with everything before the nonce as associated data. Mode 0 takes its key
//! from `secrets.key` beside it (32 random bytes, mode 0600). Invariants: every write has a fresh random nonce, and a
//! fresh salt under a master password; the file is replaced at once under a lock file, so that two processes lose
//! nothing; what is decrypted is wiped. What mode 0 protects against is told in `docs/decisions/`: a copied file without
//! its key file, not someone who reads the whole folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use zeroize::{Zeroize, Zeroizing};

use crate::error::CredentialError;
use crate::ids::random_bytes;
use crate::private_file::{create_private_folder, replace_private_file};

const MAGIC: &[u8; 8] = b"KEEPWELL";
const FORMAT: u8 = b'1';
const SALT_BYTES: usize = 16;
const NONCE_BYTES: usize = 12;
const FILE_LIMIT_BYTES: u64 = 4 << 20;
const SECRETS_LIMIT: usize = 10_000;

/// argon2id: 64 MiB, 3 passes, one lane. The cost is paid once per read or write of the file.
const MEMORY_KIB: u32 = 64 * 1024;
const PASSES: u32 = 3;

/// Where the key comes from.
#[derive(Clone)]
pub enum FileKey {
    /// `secrets.key` beside the file; made when first needed.
    KeyFile,
    /// The person's master password.
    MasterPassword(Zeroizing<String>),
}

impl std::fmt::Debug for FileKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::KeyFile => "KeyFile",
            Self::MasterPassword(_) => "MasterPassword(…)",
        })
    }
}

/// The file of secrets.
#[derive(Debug)]
pub struct EncryptedFile {
    folder: PathBuf,
    path: PathBuf,
    key: FileKey,
}

/// Names and secrets, wiped when dropped.
#[derive(Default)]
struct Secrets(BTreeMap<String, String>);

impl Drop for Secrets {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl EncryptedFile {
    /// The file of secrets in the state folder. Nothing is read yet.
    #[must_use]
    pub fn new(state_folder: &Path, key: FileKey) -> Self {
        Self { folder: state_folder.to_owned(), path: state_folder.join("secrets"), key }
    }

    /// Where the key comes from.
    #[must_use]
    pub fn key(&self) -> &FileKey {
        &self.key
    }

    /// Finds a secret.
    ///
    /// # Errors
    /// The file can not be read or does not open.
    pub fn get(&self, name: &str) -> Result<Option<Zeroizing<String>>, CredentialError> {
        Ok(self.read()?.0.get(name).map(|secret| Zeroizing::new(secret.clone())))
    }

    /// Keeps a secret.
    ///
    /// # Errors
    /// The file can not be read or written, or does not open.
    pub fn set(&self, name: &str, secret: &str) -> Result<(), CredentialError> {
        self.change(|secrets| {
            if secrets.0.len() >= SECRETS_LIMIT && !secrets.0.contains_key(name) {
                return Err(CredentialError::TooLarge { why: "there are too many of them" });
            }
            if let Some(mut old) = secrets.0.insert(name.to_owned(), secret.to_owned()) {
                old.zeroize();
            }
            Ok(true)
        })
    }

    /// Forgets a secret; one that is not there is no error.
    ///
    /// # Errors
    /// The file can not be read or written, or does not open.
    pub fn remove(&self, name: &str) -> Result<(), CredentialError> {
        if !self.path.exists() {
            return Ok(());
        }
        self.change(|secrets| {
            Ok(match secrets.0.remove(name) {
                Some(mut old) => {
                    old.zeroize();
                    true
                }
                None => false,
            })
        })
    }

    fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> CredentialError {
        let path = path.to_owned();
        move |source| CredentialError::Io { action, path, source }
    }

    fn change(
        &self,
        action: impl FnOnce(&mut Secrets) -> Result<bool, CredentialError>,
    ) -> Result<(), CredentialError> {
        create_private_folder(&self.folder).map_err(Self::io("make", &self.folder))?;
        let lock_path = self.folder.join("secrets.lock");
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock_path)
            .map_err(Self::io("open", &lock_path))?;
        lock.lock().map_err(Self::io("lock", &lock_path))?;
        let mut secrets = self.read()?;
        if action(&mut secrets)? { self.write(&secrets) } else { Ok(()) }
    }

    fn read(&self) -> Result<Secrets, CredentialError> {
        let locked = || CredentialError::Locked { path: self.path.clone() };
        let bytes = match fs::metadata(&self.path) {
            Ok(found) if found.len() > FILE_LIMIT_BYTES => return Err(locked()),
            Ok(_) => fs::read(&self.path).map_err(Self::io("read", &self.path))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Secrets::default()),
            Err(error) => return Err(Self::io("read", &self.path)(error)),
        };
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(locked)?;
        let (format, mode) = (rest.first().ok_or_else(locked)?, rest.get(1).ok_or_else(locked)?);
        if *format != FORMAT || *mode > 1 {
            return Err(CredentialError::Newer { path: self.path.clone() });
        }
        let head_bytes = MAGIC.len() + 2 + if *mode == 1 { SALT_BYTES } else { 0 };
        let (head, body) = bytes.split_at_checked(head_bytes).ok_or_else(locked)?;
        let (nonce, sealed) = body.split_at_checked(NONCE_BYTES).ok_or_else(locked)?;
        let key = match (&self.key, mode) {
            (FileKey::MasterPassword(password), 1) => {
                stretch(password, &head[MAGIC.len() + 2..]).ok_or_else(locked)?
            }
            // Written before a master password was chosen: still readable, the next write seals it with the password.
            (_, 0) => self.key_file(false)?.ok_or_else(locked)?,
            _ => return Err(locked()),
        };
        let cipher = Aes256Gcm::new_from_slice(&*key).map_err(|_| locked())?;
        let nonce = Nonce::try_from(nonce).map_err(|_| locked())?;
        let plain =
            Zeroizing::new(cipher.decrypt(&nonce, Payload { msg: sealed, aad: head }).map_err(|_| locked())?);
        serde_json::from_slice(&plain).map(Secrets).map_err(|_| locked())
    }

    fn write(&self, secrets: &Secrets) -> Result<(), CredentialError> {
        let locked = || CredentialError::Locked { path: self.path.clone() };
        let random = |_| CredentialError::Random;
        let mut bytes = MAGIC.to_vec();
        bytes.push(FORMAT);
        let key = match &self.key {
            FileKey::KeyFile => {
                bytes.push(0);
                self.key_file(true)?.ok_or_else(locked)?
            }
            FileKey::MasterPassword(password) => {
                bytes.push(1);
                let salt = random_bytes::<SALT_BYTES>().map_err(random)?;
                bytes.extend_from_slice(&salt);
                stretch(password, &salt).ok_or_else(locked)?
            }
        };
        let plain = Zeroizing::new(
            serde_json::to_vec(&secrets.0)
                .map_err(|_| CredentialError::TooLarge { why: "they can not be written" })?,
        );
        if plain.len() as u64 > FILE_LIMIT_BYTES / 2 {
            return Err(CredentialError::TooLarge { why: "together they are too long" });
        }
        let nonce = random_bytes::<NONCE_BYTES>().map_err(random)?;
        let cipher = Aes256Gcm::new_from_slice(&*key).map_err(|_| locked())?;
        let sealed = cipher
            .encrypt(&Nonce::from(nonce), Payload { msg: &plain, aad: &bytes })
            .map_err(|_| CredentialError::TooLarge { why: "together they are too long" })?;
        bytes.extend_from_slice(&nonce);
        bytes.extend_from_slice(&sealed);
        replace_private_file(&self.path, &bytes).map_err(Self::io("write", &self.path))
    }

    /// The key beside the file; made if wanted.
    fn key_file(&self, make: bool) -> Result<Option<Zeroizing<[u8; 32]>>, CredentialError> {
        let path = self.folder.join("secrets.key");
        match fs::read(&path) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                Ok(<[u8; 32]>::try_from(bytes.as_slice()).ok().map(Zeroizing::new))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound && !make => Ok(None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Zeroizing::new(random_bytes::<32>().map_err(|_| CredentialError::Random)?);
                replace_private_file(&path, &*key).map_err(Self::io("write", &path))?;
                Ok(Some(key))
            }
            Err(error) => Err(Self::io("read", &path)(error)),
        }
    }
}

/// The key of a master password.
fn stretch(password: &str, salt: &[u8]) -> Option<Zeroizing<[u8; 32]>> {
    let parameters = argon2::Params::new(MEMORY_KIB, PASSES, 1, Some(32)).ok()?;
    let mut key = Zeroizing::new([0; 32]);
    argon2::Argon2::new(argon2::Algorithm::Argon2id, argon2::Version::V0x13, parameters)
        .hash_password_into(password.as_bytes(), salt, &mut *key)
        .ok()?;
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn master(password: &str) -> FileKey {
        FileKey::MasterPassword(Zeroizing::new(password.to_owned()))
    }

    #[test]
    fn secrets_come_back_and_are_not_in_the_file() {
        let home = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(home.path(), FileKey::KeyFile);
        assert!(file.get("place").unwrap().is_none());
        file.set("place", "correct horse").unwrap();
        file.set("other", "battery").unwrap();
        let again = EncryptedFile::new(home.path(), FileKey::KeyFile);
        assert_eq!(again.get("place").unwrap().unwrap().as_str(), "correct horse");
        let bytes = fs::read(home.path().join("secrets")).unwrap();
        assert!(!bytes.windows(7).any(|part| part == b"correct"));
        again.remove("place").unwrap();
        assert!(file.get("place").unwrap().is_none());
        assert_eq!(file.get("other").unwrap().unwrap().as_str(), "battery");
    }

    #[cfg(unix)]
    #[test]
    fn only_the_person_may_read_the_files() {
        use std::os::unix::fs::PermissionsExt;
        let home = tempfile::tempdir().unwrap();
        EncryptedFile::new(home.path(), FileKey::KeyFile).set("a", "b").unwrap();
        for name in ["secrets", "secrets.key"] {
            let mode = fs::metadata(home.path().join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }

    #[test]
    fn the_wrong_master_password_and_a_flipped_bit_are_refused() {
        let home = tempfile::tempdir().unwrap();
        EncryptedFile::new(home.path(), master("right")).set("a", "b").unwrap();
        assert!(matches!(
            EncryptedFile::new(home.path(), master("wrong")).get("a"),
            Err(CredentialError::Locked { .. })
        ));
        assert!(matches!(
            EncryptedFile::new(home.path(), FileKey::KeyFile).get("a"),
            Err(CredentialError::Locked { .. })
        ));
        let path = home.path().join("secrets");
        let mut bytes = fs::read(&path).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&path, bytes).unwrap();
        assert!(matches!(
            EncryptedFile::new(home.path(), master("right")).get("a"),
            Err(CredentialError::Locked { .. })
        ));
    }

    #[test]
    fn a_master_password_takes_over_what_the_key_file_sealed() {
        let home = tempfile::tempdir().unwrap();
        EncryptedFile::new(home.path(), FileKey::KeyFile).set("a", "b").unwrap();
        let file = EncryptedFile::new(home.path(), master("m"));
        assert_eq!(file.get("a").unwrap().unwrap().as_str(), "b");
        file.set("c", "d").unwrap();
        assert!(EncryptedFile::new(home.path(), FileKey::KeyFile).get("a").is_err());
        assert_eq!(file.get("a").unwrap().unwrap().as_str(), "b");
    }

    #[test]
    fn a_file_cut_anywhere_is_an_error_and_no_panic() {
        let home = tempfile::tempdir().unwrap();
        let file = EncryptedFile::new(home.path(), FileKey::KeyFile);
        file.set("a", "b").unwrap();
        let path = home.path().join("secrets");
        let bytes = fs::read(&path).unwrap();
        for length in 0..bytes.len() {
            fs::write(&path, &bytes[..length]).unwrap();
            assert!(file.get("a").is_err(), "cut at {length}");
        }
    }
}
