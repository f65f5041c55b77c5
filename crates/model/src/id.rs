//! Identifiers: fixed-size bytes shown as lower-case hexadecimal.
//!
//! Invariant: an id is made from randomness or from content, never from a process id or a clock.

use std::fmt;

/// The text was not the hexadecimal form of an id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("\"{text}\" is not an id: expected {expected_length} hexadecimal digits")]
pub struct IdParseError {
    /// What was given.
    pub text: String,
    /// How many digits a whole id has.
    pub expected_length: usize,
}

/// Bytes as lower-case hexadecimal digits.
#[must_use]
pub fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// Hexadecimal digits (either case) as bytes, or nothing where the text is not hexadecimal.
#[must_use]
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.bytes().map(|byte| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok())).collect();
    let digits = digits?;
    if digits.len() % 2 != 0 {
        return None;
    }
    Some(digits.chunks_exact(2).map(|pair| pair[0] << 4 | pair[1]).collect())
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $length:literal) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $length]);

        impl $name {
            /// The length of the id in bytes.
            pub const LENGTH: usize = $length;

            /// The id as its bytes.
            #[must_use]
            pub fn as_bytes(&self) -> &[u8; $length] {
                &self.0
            }

            /// The first eight hexadecimal digits, for people.
            #[must_use]
            pub fn short(&self) -> String {
                to_hex(&self.0[..4])
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(&to_hex(&self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(formatter, "{}({})", stringify!($name), self.short())
            }
        }

        impl std::str::FromStr for $name {
            type Err = IdParseError;

            fn from_str(text: &str) -> Result<Self, IdParseError> {
                from_hex(text)
                    .and_then(|bytes| <[u8; $length]>::try_from(bytes).ok())
                    .map(Self)
                    .ok_or_else(|| IdParseError { text: text.to_owned(), expected_length: $length * 2 })
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}

id!(
    /// The plain BLAKE3 hash of a file's content: the same file has the same hash in every pillar.
    ContentHash, 32
);
id!(
    /// The keyed identity of a chunk in one repository; says nothing about the content without the key.
    ChunkId, 32
);
id!(
    /// The random name of a sealed file (pack, index segment, snapshot, key ring) in a repository.
    ObjectId, 32
);
id!(
    /// The random identity of a repository, the same for as long as it lives.
    RepositoryId, 16
);
id!(
    /// A snapshot, named by the object that holds it.
    SnapshotId, 32
);
id!(
    /// One run of work.
    JobId, 16
);
id!(
    /// A backup plan of the catalog.
    PlanId, 16
);
id!(
    /// A place of the catalog: somewhere data lives.
    PlaceId, 16
);
id!(
    /// Two places that are kept in lockstep.
    PairId, 16
);
id!(
    /// The second place a repository is kept in, as this machine knows it.
    ReplicaId, 16
);

impl From<ObjectId> for SnapshotId {
    fn from(id: ObjectId) -> Self {
        Self(id.0)
    }
}

impl From<SnapshotId> for ObjectId {
    fn from(id: SnapshotId) -> Self {
        Self(id.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_survives_its_text_form_and_rubbish_is_refused() {
        let id = JobId([0xab; 16]);
        assert_eq!(id.to_string().parse::<JobId>(), Ok(id));
        assert!("abc".parse::<JobId>().is_err());
        assert!("zz".repeat(16).parse::<JobId>().is_err());
        assert!("ab".repeat(17).parse::<JobId>().is_err());
    }
}
