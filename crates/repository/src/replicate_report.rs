//! What a run of `replicate` did and saw, and what it hands on to the next where it was broken off.
//!
//! Deliberately not here: the run itself (`replicate`).

use std::collections::HashSet;

use parking_lot::Mutex;

/// How many names of each kind a report holds.
pub const NAMES_LIMIT: usize = 100;

/// Files that were read in both places and found to be the same. A run that was broken off hands them to the next one.
#[derive(Debug, Default)]
pub struct ProvenFiles(Mutex<HashSet<[u8; MARK_LENGTH]>>);

/// Half a hash of a name and its size: enough to know it again.
const MARK_LENGTH: usize = 16;
/// So many are handed on.
const PROVEN_LIMIT: usize = 400_000;

impl ProvenFiles {
    /// What [`encode`](Self::encode) wrote.
    #[must_use]
    pub fn decode(bytes: &[u8]) -> Self {
        Self(Mutex::new(bytes.as_chunks().0.iter().copied().collect()))
    }

    /// All of them as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        self.0.lock().iter().take(PROVEN_LIMIT).flatten().copied().collect()
    }

    fn mark(key: &str, size_bytes: u64) -> [u8; MARK_LENGTH] {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&size_bytes.to_le_bytes()).update(key.as_bytes());
        let mut mark = [0; MARK_LENGTH];
        hasher.finalize_xof().fill(&mut mark);
        mark
    }

    pub(crate) fn has(&self, key: &str, size_bytes: u64) -> bool {
        self.0.lock().contains(&Self::mark(key, size_bytes))
    }

    pub(crate) fn add(&self, key: &str, size_bytes: u64) {
        self.0.lock().insert(Self::mark(key, size_bytes));
    }
}

/// Names, the first of them, and how many there are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// The first [`NAMES_LIMIT`].
    pub first: Vec<String>,
    /// All.
    pub total: u64,
}

impl Names {
    pub(crate) fn push(&mut self, name: &str) {
        self.total += 1;
        if self.first.len() < NAMES_LIMIT {
            self.first.push(name.to_owned());
        }
    }
}

/// What was done and seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplicateReport {
    /// Files copied and proven.
    pub copied: u64,
    /// Their bytes.
    pub copied_bytes: u64,
    /// Files that were in both places before.
    pub present: u64,
    /// Of these, how many were read in both places and are the same.
    pub compared: u64,
    /// Of these, how many a run that was broken off had read in both places.
    pub proven_before: u64,
    /// Bytes read in both places to compare them.
    pub compared_bytes: u64,
    /// Files of the replica that were damaged and are now as they were written.
    pub mended: Names,
    /// Files removed from the replica because the source's rules removed them.
    pub removed: u64,
    /// Uploads to the replica that never ended, removed.
    pub leftovers: u64,
    /// Packs and snapshots that only the replica has: the source may have lost them.
    pub only_in_replica: Names,
    /// Files that differ between the two places, and nothing says which is right.
    pub different: Names,
    /// Files that are damaged in the source and whole in the replica.
    pub source_damaged: Names,
    /// Files that the replica's place does not let be read.
    pub unreadable: Names,
    /// Every file of the source in the order of its name, with what was read of it and what became of it.
    pub files: Vec<ReplicatedFile>,
}

impl ReplicateReport {
    /// Whether all that was looked at is the same in both places.
    #[must_use]
    pub fn is_same(&self) -> bool {
        let troubles = [&self.only_in_replica, &self.different, &self.source_damaged, &self.unreadable];
        troubles.iter().all(|names| names.total == 0)
    }
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FileVerdict {
    /// Copied and read back.
    Copied,
    /// There before, with the same size.
    Present,
    /// There before, read in both places, and the same.
    Same,
    /// Damaged in the replica, and copied anew.
    Mended,
    /// Different, and left alone.
    Different,
    /// It could not be read in the replica.
    Unreadable,
}

/// A file of a repository that is kept in two places.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReplicatedFile {
    /// Its key.
    pub key: String,
    /// The hash of its content, where it was read.
    pub hash: Option<[u8; 32]>,
    /// What became of it.
    pub verdict: FileVerdict,
}
