//! Which new chunks of a run a thread has taken on, so that no other stores them too.
//!
//! Invariant: a chunk is claimed once. Deliberately not here: what is stored already (`index`).

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use keepwell_model::ChunkId;
use parking_lot::Mutex;

const CLAIM_SHARDS: usize = 64;

/// Ids are keyed hashes: their own bits are the best hash there is.
#[derive(Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u128(&mut self, value: u128) {
        self.0 = value as u64;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

type ClaimShard = Mutex<HashSet<u128, BuildHasherDefault<IdHasher>>>;

/// The new chunks of this run. Half of each id is kept: 128 keyed bits do not collide in any number a machine can store.
pub(crate) struct Claims(Vec<ClaimShard>);

impl Claims {
    pub(crate) fn new() -> Self {
        Self((0..CLAIM_SHARDS).map(|_| ClaimShard::default()).collect())
    }

    /// Whether the caller is the first to claim it.
    pub(crate) fn claim(&self, id: &ChunkId) -> bool {
        let shard = &self.0[usize::from(id.0[31]) % CLAIM_SHARDS];
        let (half, _) = id.0.split_at(16);
        let half = half.iter().fold(0_u128, |value, byte| value << 8 | u128::from(*byte));
        shard.lock().insert(half)
    }
}
