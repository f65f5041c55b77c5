//! The frozen envelope: the part of the format no version may ever change.
//!
//! Every file begins with a [`Header`]; the file `repository` is an [`Envelope`]. From them any Keepwell, however old,
//! can tell "not ours", "damaged" and "made by a newer Keepwell" apart without a key.

use keepwell_model::{ObjectId, RepositoryId};

use crate::error::{RepositoryError, Result};

/// The first eight bytes of every file.
pub const MAGIC: [u8; 8] = *b"KEEPWELL";
/// The version of the envelope itself; frozen.
pub const ENVELOPE_VERSION: u8 = 1;
/// The format version this program writes.
pub const FORMAT_VERSION: u32 = 1;
/// Length of [`Header`] on disk.
pub const HEADER_LENGTH: usize = 64;
/// Length of [`Envelope`] on disk.
pub const ENVELOPE_LENGTH: usize = 128;
/// Where the envelope lives.
pub const ENVELOPE_KEY: &str = "repository";
/// The features this program knows, for each operation. None yet.
const KNOWN_FEATURES: u64 = 0;

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// The envelope of a repository.
    Repository = 1,
    /// A key slot.
    KeySlot = 2,
    /// A key ring.
    KeyRing = 3,
    /// A pack of data.
    Pack = 4,
    /// An index segment.
    Index = 5,
    /// A snapshot.
    Snapshot = 6,
}

fn check_bytes(bytes: &[u8]) -> [u8; 8] {
    let hash = blake3::hash(bytes);
    let mut check = [0; 8];
    check.copy_from_slice(&hash.as_bytes()[..8]);
    check
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes.iter().skip(at).take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes.iter().skip(at).take(4).rev().fold(0, |value, byte| value << 8 | u32::from(*byte))
}

/// Checks what comes first in every file: length, magic, and the hash at the end of the fixed part.
fn check_fixed_part(bytes: &[u8], length: usize, path: &str) -> Result<()> {
    if bytes.len() < length {
        return Err(RepositoryError::damaged(path, format!("it is only {} bytes long", bytes.len())));
    }
    if bytes[..8] != MAGIC {
        return Err(RepositoryError::damaged(path, "it does not begin as a Keepwell file does"));
    }
    // If all else fits a file of this version, the version itself is what was hit; a newer one has a check of its own.
    let mut fixed = bytes[..length].to_vec();
    fixed[8] = ENVELOPE_VERSION;
    let fits = check_bytes(&fixed[..length - 8]) == fixed[length - 8..];
    match bytes[8] {
        ENVELOPE_VERSION if fits => Ok(()),
        version if version > ENVELOPE_VERSION && !fits => {
            Err(RepositoryError::Newer { path: path.into(), what: format!("envelope {version}") })
        }
        _ => Err(RepositoryError::damaged(path, "its first bytes were changed")),
    }
}

/// The first 64 bytes of every sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// What the file is.
    pub kind: FileKind,
    /// The key epoch it is sealed under; 0 for key files.
    pub epoch: u32,
    /// Its random name, from which its key is made.
    pub object: ObjectId,
}

impl Header {
    /// As it stands on disk.
    #[must_use]
    pub fn to_bytes(self) -> [u8; HEADER_LENGTH] {
        let mut bytes = [0; HEADER_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = ENVELOPE_VERSION;
        bytes[9] = self.kind as u8;
        bytes[12..16].copy_from_slice(&self.epoch.to_le_bytes());
        bytes[24..56].copy_from_slice(self.object.as_bytes());
        let check = check_bytes(&bytes[..56]);
        bytes[56..].copy_from_slice(&check);
        bytes
    }

    /// Reads and checks a header that has to be of the given kind.
    ///
    /// # Errors
    /// Damaged, of another kind, or made by a newer Keepwell.
    pub fn parse(bytes: &[u8], kind: FileKind, path: &str) -> Result<Self> {
        check_fixed_part(bytes, HEADER_LENGTH, path)?;
        // The check fits, so some program wrote these bytes: what is unknown in them is newer, not damaged.
        let newer = |what: String| RepositoryError::Newer { path: path.into(), what };
        let required = u64_at(bytes, 16);
        if required & !KNOWN_FEATURES != 0 {
            return Err(newer(format!("features {required:#x}")));
        }
        if bytes[9] > FileKind::Snapshot as u8 {
            return Err(newer(format!("file kind {}", bytes[9])));
        }
        if bytes[10..12] != [0, 0] {
            return Err(newer("header fields that are not known here".into()));
        }
        if bytes[9] != kind as u8 {
            return Err(RepositoryError::damaged(
                path,
                format!("it is of kind {}, not {}", bytes[9], kind as u8),
            ));
        }
        let mut object = [0; 32];
        object.copy_from_slice(&bytes[24..56]);
        Ok(Self { kind, epoch: u32_at(bytes, 12), object: ObjectId(object) })
    }
}

/// What is about to be done, for the feature check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// List, browse, restore.
    Read,
    /// Add snapshots.
    Write,
    /// Check without changing anything.
    Check,
    /// Remove or repair anything.
    Delete,
}

/// The file `repository`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    /// The version of the format.
    pub format_version: u32,
    /// The repository's identity.
    pub repository: RepositoryId,
    /// When it was made: seconds since the Unix epoch.
    pub created_seconds: i64,
    /// The feature bits a program must know to read, write, check, delete.
    pub required_features: [u64; 4],
}

impl Envelope {
    /// As it stands on disk.
    #[must_use]
    pub fn to_bytes(&self) -> [u8; ENVELOPE_LENGTH] {
        let mut bytes = [0; ENVELOPE_LENGTH];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8] = ENVELOPE_VERSION;
        bytes[9] = FileKind::Repository as u8;
        bytes[12..16].copy_from_slice(&self.format_version.to_le_bytes());
        bytes[16..32].copy_from_slice(self.repository.as_bytes());
        bytes[32..40].copy_from_slice(&self.created_seconds.to_le_bytes());
        for (number, features) in self.required_features.iter().enumerate() {
            let at = 40 + number * 8;
            bytes[at..at + 8].copy_from_slice(&features.to_le_bytes());
        }
        let check = check_bytes(&bytes[..120]);
        bytes[120..].copy_from_slice(&check);
        bytes
    }

    /// Reads and checks the envelope.
    ///
    /// # Errors
    /// Damaged, or of a format this program does not know.
    pub fn parse(bytes: &[u8], path: &str) -> Result<Self> {
        check_fixed_part(bytes, ENVELOPE_LENGTH, path)?;
        if bytes[9] != FileKind::Repository as u8 {
            return Err(RepositoryError::damaged(path, "it is another kind of file"));
        }
        let format_version = u32_at(bytes, 12);
        if format_version > FORMAT_VERSION {
            return Err(RepositoryError::Newer {
                path: path.into(),
                what: format!("format {format_version}"),
            });
        }
        let mut repository = [0; 16];
        repository.copy_from_slice(&bytes[16..32]);
        Ok(Self {
            format_version,
            repository: RepositoryId(repository),
            created_seconds: u64_at(bytes, 32).cast_signed(),
            required_features: [0, 1, 2, 3].map(|number| u64_at(bytes, 40 + number * 8)),
        })
    }

    /// Whether this program knows every feature the operation needs.
    ///
    /// # Errors
    /// [`RepositoryError::Newer`] where it does not.
    pub fn require(&self, operation: Operation, path: &str) -> Result<()> {
        let required = self.required_features[operation as usize];
        if required & !KNOWN_FEATURES == 0 {
            return Ok(());
        }
        Err(RepositoryError::Newer { path: path.into(), what: format!("features {required:#x}") })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> Header {
        Header { kind: FileKind::Pack, epoch: 3, object: ObjectId([7; 32]) }
    }

    #[test]
    fn any_flipped_bit_of_a_header_is_damage_and_never_taken_for_newer() {
        let bytes = header().to_bytes();
        assert_eq!(Header::parse(&bytes, FileKind::Pack, "p").unwrap(), header());
        for bit in 0..HEADER_LENGTH * 8 {
            let mut flipped = bytes;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let error = Header::parse(&flipped, FileKind::Pack, "p").unwrap_err();
            assert!(matches!(error, RepositoryError::Damaged { .. }), "bit {bit}: {error}");
        }
    }

    #[test]
    fn unknown_features_and_formats_are_newer_not_damaged() {
        // The version, the kind, a reserved byte, a feature.
        for (at, value) in [(8, 2), (9, 7), (11, 1), (16, 1)] {
            let mut bytes = header().to_bytes();
            bytes[at] = value;
            let check = check_bytes(&bytes[..56]);
            bytes[56..].copy_from_slice(&check);
            let parsed = Header::parse(&bytes, FileKind::Pack, "p");
            assert!(matches!(parsed, Err(RepositoryError::Newer { .. })), "byte {at}: {parsed:?}");
        }

        let envelope = Envelope {
            format_version: FORMAT_VERSION + 1,
            repository: RepositoryId([1; 16]),
            created_seconds: -5,
            required_features: [0; 4],
        };
        let parsed = Envelope::parse(&envelope.to_bytes(), "repository");
        assert!(matches!(parsed, Err(RepositoryError::Newer { .. })));
    }

    #[test]
    fn features_are_required_per_operation() {
        let envelope = Envelope {
            format_version: FORMAT_VERSION,
            repository: RepositoryId([1; 16]),
            created_seconds: -5,
            required_features: [0, 1 << 63, 0, 0],
        };
        let envelope = Envelope::parse(&envelope.to_bytes(), "repository").unwrap();
        assert_eq!(envelope.created_seconds, -5);
        assert!(envelope.require(Operation::Read, "r").is_ok());
        assert!(matches!(envelope.require(Operation::Write, "r"), Err(RepositoryError::Newer { .. })));
    }

    #[test]
    fn no_bytes_break_the_parsers() {
        let envelope = Envelope {
            format_version: FORMAT_VERSION,
            repository: RepositoryId([1; 16]),
            created_seconds: 5,
            required_features: [0; 4],
        };
        crate::mutate::each_mutation(&envelope.to_bytes(), |bytes| drop(Envelope::parse(bytes, "e")));
        crate::mutate::each_mutation(&header().to_bytes(), |bytes| {
            drop(Header::parse(bytes, FileKind::Pack, "p"))
        });
    }
}
