//! Reading chunks: find the group, fetch its frame, open it, hand out the chunk.
//!
//! A group is opened as a whole, so what reads many chunks should read group by group ([`Repository::read_group`]);
//! what reads here and there (browsing, comparing with the parent snapshot) goes through a small cache.
//!
//! Invariant: whatever is handed out was authenticated. Limit: the cache holds at most [`CACHE_LIMIT_BYTES`].

use std::collections::HashMap;
use std::sync::Arc;

use keepwell_model::{ChunkId, ContentHash, ObjectId};
use parking_lot::Mutex;

use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};
use crate::pack::pack_key;
use crate::repository::Repository;
use crate::sealed::{FRAME_HEADER_LENGTH, ObjectCipher};
use crate::segment::PackEntry;
use crate::tree;

pub use crate::group::Group;

/// How much the cache of opened groups may hold.
pub const CACHE_LIMIT_BYTES: usize = 32 << 20;
const CIPHERS_LIMIT: usize = 256;

/// Where a chunk is, as far as this open repository is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChunkLocation {
    /// The number of the group.
    pub group: u32,
    /// The number of the chunk in the group.
    pub chunk: u32,
}

/// Where a group is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupLocation {
    /// The pack.
    pub pack: ObjectId,
    /// Where its frame begins in the pack.
    pub offset: u32,
    /// Length of the ciphertext with its tag.
    pub sealed_length: u32,
    /// Length before compression, with the table at the end.
    pub plain_length: u32,
}

#[derive(Default)]
struct CacheState {
    groups: HashMap<u32, (Arc<Group>, u64)>,
    bytes: usize,
    clock: u64,
    ciphers: HashMap<ObjectId, Arc<ObjectCipher>>,
}

/// Opened groups and the ciphers of packs.
#[derive(Default)]
pub(crate) struct Cache(Mutex<CacheState>);

impl Cache {
    pub(crate) fn clear(&self) {
        *self.0.lock() = CacheState::default();
    }

    fn get(&self, group: u32) -> Option<Arc<Group>> {
        let mut state = self.0.lock();
        state.clock += 1;
        let clock = state.clock;
        let (group, used) = state.groups.get_mut(&group)?;
        *used = clock;
        Some(Arc::clone(group))
    }

    fn put(&self, number: u32, group: &Arc<Group>) {
        let mut state = self.0.lock();
        while state.bytes > 0 && state.bytes + group.memory_bytes() > CACHE_LIMIT_BYTES {
            let oldest = state.groups.iter().min_by_key(|(_, (_, used))| *used).map(|(number, _)| *number);
            let Some((evicted, _)) = oldest.and_then(|number| state.groups.remove(&number)) else { break };
            state.bytes -= evicted.memory_bytes();
        }
        state.clock += 1;
        let entry = (Arc::clone(group), state.clock);
        state.bytes += group.memory_bytes();
        if let Some((replaced, _)) = state.groups.insert(number, entry) {
            state.bytes -= replaced.memory_bytes();
        }
    }
}

impl Repository {
    /// Where a chunk is.
    ///
    /// # Errors
    /// No readable index names it.
    pub fn locate(&self, id: &ChunkId) -> Result<ChunkLocation> {
        match self.index()?.index.find(id) {
            Some((group, chunk)) => Ok(ChunkLocation { group, chunk }),
            None => Err(RepositoryError::MissingChunk { path: self.describe(), chunk: *id }),
        }
    }

    /// Where a group is: for reading in the order of the disk.
    ///
    /// # Errors
    /// The number is not of this repository's index.
    pub fn group_location(&self, group: u32) -> Result<GroupLocation> {
        let loaded = self.index()?;
        let (entry, pack) = loaded.index.group(group).ok_or_else(|| self.no_group(group))?;
        Ok(GroupLocation {
            pack: pack.id,
            offset: entry.offset,
            sealed_length: entry.sealed_length,
            plain_length: entry.plain_length,
        })
    }

    fn no_group(&self, group: u32) -> RepositoryError {
        RepositoryError::damaged(self.describe(), format!("its index has no group {group}"))
    }

    /// Fetches and opens a group, past the cache.
    ///
    /// # Errors
    /// The pack is missing or damaged, or the place refuses.
    pub fn read_group(&self, group: u32) -> Result<Group> {
        let loaded = self.index()?;
        let (entry, pack) = loaded.index.group(group).ok_or_else(|| self.no_group(group))?;
        let key = pack_key(pack.id);
        let length = FRAME_HEADER_LENGTH + entry.sealed_length as usize;
        let frame = self.0.store.read_range(&key, u64::from(entry.offset), length)?;
        let damaged = |why: &str| RepositoryError::damaged(format!("{}/{key}", self.describe()), why);
        let (header, plain) = match self.cipher(pack, &key)?.open(&frame) {
            Ok(opened) => opened,
            Err(why) => {
                // The cipher goes by what a header of this version would be; the real one may say more.
                let real = self.0.store.read_range(&key, 0, HEADER_LENGTH)?;
                return Err(match Header::parse(&real, FileKind::Pack, &key) {
                    Err(newer @ RepositoryError::Newer { .. }) => newer,
                    _ => damaged(why),
                });
            }
        };
        if header.frame_type as u32 != entry.frame_type || header.plain_length != entry.plain_length {
            return Err(damaged("a group is not what the index says"));
        }
        Group::parse(plain).map_err(damaged)
    }

    fn cipher(&self, pack: &PackEntry, key: &str) -> Result<Arc<ObjectCipher>> {
        let mut state = self.0.cache.0.lock();
        if let Some(cipher) = state.ciphers.get(&pack.id) {
            return Ok(Arc::clone(cipher));
        }
        let header = Header { kind: FileKind::Pack, epoch: pack.epoch, object: pack.id };
        let cipher = Arc::new(ObjectCipher::new(header, self.ring().epoch_key(pack.epoch, key)?));
        if state.ciphers.len() >= CIPHERS_LIMIT {
            state.ciphers.clear();
        }
        state.ciphers.insert(pack.id, Arc::clone(&cipher));
        Ok(cipher)
    }

    /// Hands a chunk to `use_bytes`, through the cache.
    ///
    /// # Errors
    /// The chunk is in no index, its pack is missing or damaged, or the place refuses; or what `use_bytes` returns.
    pub fn with_chunk<T>(&self, id: &ChunkId, use_bytes: impl FnOnce(&[u8]) -> Result<T>) -> Result<T> {
        let location = self.locate(id)?;
        let group = match self.0.cache.get(location.group) {
            Some(group) => group,
            None => {
                let group = Arc::new(self.read_group(location.group)?);
                self.0.cache.put(location.group, &group);
                group
            }
        };
        let bytes = group.chunk(location.chunk).ok_or_else(|| {
            RepositoryError::damaged(self.describe(), "a group holds fewer chunks than the index says")
        })?;
        use_bytes(bytes)
    }

    /// Hands a chunk of a tree to `use_bytes`, after its id was seen to be that of its content: only so can no tree,
    /// however hostile its maker, run in circles.
    pub(crate) fn with_tree_chunk<T>(
        &self,
        id: &ChunkId,
        use_bytes: impl FnOnce(&[u8]) -> Result<T>,
    ) -> Result<T> {
        self.with_chunk(id, |bytes| {
            if self.chunk_id(&ContentHash(*blake3::hash(bytes).as_bytes())) != *id {
                let why = format!("chunk {} holds something else", id.short());
                return Err(RepositoryError::damaged(self.describe(), why));
            }
            use_bytes(bytes)
        })
    }

    /// A copy of a chunk, through the cache.
    ///
    /// # Errors
    /// As [`Repository::with_chunk`].
    pub fn read_chunk(&self, id: &ChunkId) -> Result<Vec<u8>> {
        self.with_chunk(id, |bytes| Ok(bytes.to_vec()))
    }

    /// The id a chunk with this plain hash has here.
    #[must_use]
    pub fn chunk_id(&self, hash: &ContentHash) -> ChunkId {
        tree::chunk_id(&self.ring().id_key, hash)
    }
}
