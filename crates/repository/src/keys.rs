//! Key slots and the key ring.
//!
//! Each password and the recovery key has a slot file, `keys/slot-<id>`: it seals the root key under the slow hash of
//! the secret. The root key opens the ring, `keys/ring-<id>`: the epochs' keys, the id key, the chunker's key. Rings are
//! never overwritten: a change writes one of a higher generation, and the highest that opens counts. A new epoch makes
//! new files be sealed under a new key, while the old ones stay readable: no upload is repeated.
//!
//! Invariants: the id key and the chunker's key stay for the repository's life (they decide what is the same data);
//! an epoch once in a ring stays in all later ones; there are two copies of the ring, because without it all is lost.
//! Deliberately not here: rotating; the ring is ready for it.

use keepwell_endpoint::{EndpointError, Store};
use keepwell_model::{ObjectId, RepositoryId};
use minicbor::{Decoder, Encoder};
use zeroize::Zeroizing;

use crate::codec::Codec;
use crate::envelope::{FileKind, HEADER_LENGTH, Header};
use crate::error::{RepositoryError, Result};
use crate::random;
use crate::record::Unpack;
use crate::sealed::{self, FrameType, Key, ObjectCipher};
use crate::secret::{Cost, RecoveryKey, Secret, stretch};

/// The folder of the key files.
pub const KEYS_FOLDER: &str = "keys";
pub(crate) const SLOT_PREFIX: &str = "keys/slot-";
const RING_PREFIX: &str = "keys/ring-";
/// How many copies of the ring there should be: one damaged file must not end a repository.
pub(crate) const RING_COPIES: usize = 2;
const KEY_FILE_LIMIT_BYTES: u64 = 1 << 20;
const SLOT_FIXED_LENGTH: usize = 56;
const SLOT_CHECK_LENGTH: usize = 8;
const LABEL_LIMIT_BYTES: usize = 200;
/// How many slots are read: each costs a slow hash when it does not open.
const SLOTS_LIMIT: usize = 64;

/// What kind of secret opens a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotKind {
    /// A password a person chose.
    Password = 1,
    /// The printed recovery key.
    Recovery = 2,
}

/// A key slot, as a person sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotInfo {
    /// Its name.
    pub id: ObjectId,
    /// What opens it.
    pub kind: SlotKind,
    /// What the person called it.
    pub label: String,
    /// When it was made: seconds since the Unix epoch.
    pub created_seconds: i64,
}

struct Slot {
    info: SlotInfo,
    path: String,
    cost: Cost,
    salt: [u8; 32],
    /// Header, parameters and label: the associated data before the frame.
    plain_part: Vec<u8>,
    frame: Vec<u8>,
}

/// One epoch's key.
#[derive(Clone)]
pub struct Epoch {
    /// Counts up from 1.
    pub number: u32,
    /// The key that files of this epoch are sealed under.
    pub key: Key,
}

/// All keys of a repository.
#[derive(Clone)]
pub struct KeyRing {
    generation: u64,
    repository: RepositoryId,
    /// Makes chunk ids.
    pub id_key: Key,
    /// Makes the chunker's gear table.
    pub chunker_key: Key,
    epochs: Vec<Epoch>,
}

impl KeyRing {
    fn generate(repository: RepositoryId) -> Result<Self> {
        Ok(Self {
            generation: 1,
            repository,
            id_key: Zeroizing::new(random::bytes()?),
            chunker_key: Zeroizing::new(random::bytes()?),
            epochs: vec![Epoch { number: 1, key: Zeroizing::new(random::bytes()?) }],
        })
    }

    /// The epoch new files are sealed under.
    #[must_use]
    pub fn current_epoch(&self) -> &Epoch {
        // Invariant: `generate` makes one epoch and `decode` refuses a ring without.
        &self.epochs[self.epochs.len() - 1]
    }

    /// The repository it is of.
    pub(crate) fn repository(&self) -> RepositoryId {
        self.repository
    }

    /// All epochs, the current one last.
    pub(crate) fn epochs(&self) -> &[Epoch] {
        &self.epochs
    }

    /// The key of an epoch.
    ///
    /// # Errors
    /// The ring does not know it: the file is from a newer ring, or damaged.
    pub fn epoch_key(&self, number: u32, path: &str) -> Result<&Key> {
        self.epochs.iter().find(|epoch| epoch.number == number).map(|epoch| &epoch.key).ok_or_else(|| {
            RepositoryError::damaged(path, format!("it is sealed under unknown key epoch {number}"))
        })
    }

    fn encode(&self) -> Zeroizing<Vec<u8>> {
        let mut encoder = Encoder::new(Vec::with_capacity(4096));
        let encoded: std::result::Result<(), minicbor::encode::Error<std::convert::Infallible>> = (|| {
            encoder.map(5)?.u8(0)?.u64(self.generation)?.u8(1)?.bytes(self.repository.as_bytes())?;
            encoder.u8(2)?.bytes(&*self.id_key)?.u8(3)?.bytes(&*self.chunker_key)?;
            encoder.u8(4)?.array(self.epochs.len() as u64)?;
            for epoch in &self.epochs {
                encoder.array(2)?.u32(epoch.number)?.bytes(&*epoch.key)?;
            }
            Ok(())
        })(
        );
        // Writing to memory can not fail: the error type has no values but CBOR's own, raised by custom encoders only.
        debug_assert!(encoded.is_ok());
        Zeroizing::new(encoder.into_writer())
    }

    fn decode(bytes: &[u8], path: &str) -> Result<Self> {
        let mut decoder = Decoder::new(bytes);
        let unpack = Unpack::new(path);
        let (mut generation, mut repository, mut id_key, mut chunker_key) = (None, None, None, None);
        let mut epochs = Vec::new();
        for _ in 0..unpack.map(&mut decoder)? {
            match unpack.value(decoder.u64())? {
                0 => generation = Some(unpack.value(decoder.u64())?),
                1 => repository = Some(RepositoryId(unpack.fixed(&mut decoder)?)),
                2 => id_key = Some(Zeroizing::new(unpack.fixed(&mut decoder)?)),
                3 => chunker_key = Some(Zeroizing::new(unpack.fixed(&mut decoder)?)),
                4 => {
                    for _ in 0..unpack.array(&mut decoder)? {
                        unpack.exactly(&mut decoder, 2)?;
                        let number = unpack.value(decoder.u32())?;
                        epochs.push(Epoch { number, key: Zeroizing::new(unpack.fixed(&mut decoder)?) });
                    }
                }
                _ => unpack.value(decoder.skip())?,
            }
        }
        match (generation, repository, id_key, chunker_key) {
            (Some(generation), Some(repository), Some(id_key), Some(chunker_key)) if !epochs.is_empty() => {
                Ok(Self { generation, repository, id_key, chunker_key, epochs })
            }
            _ => Err(RepositoryError::damaged(path, "the key ring is not complete")),
        }
    }
}

fn slot_key(id: ObjectId) -> String {
    format!("{SLOT_PREFIX}{id}")
}

impl Slot {
    fn seal(
        info: SlotInfo,
        secret: &[u8],
        cost: Cost,
        root_key: &Key,
        repository: RepositoryId,
        path: &str,
    ) -> Result<Vec<u8>> {
        let salt: [u8; 32] = random::bytes()?;
        let header = Header { kind: FileKind::KeySlot, epoch: 0, object: info.id };
        let mut label = info.label.into_bytes();
        label.truncate(LABEL_LIMIT_BYTES);
        // Not in the middle of a letter.
        let whole = std::str::from_utf8(&label).map_or_else(|error| error.valid_up_to(), str::len);
        label.truncate(whole);
        let mut out = header.to_bytes().to_vec();
        out.extend_from_slice(&[1, info.kind as u8]);
        // The label's length fits: it is at most LABEL_LIMIT_BYTES.
        out.extend_from_slice(&(label.len() as u16).to_le_bytes());
        for number in [cost.memory_kib, cost.passes, cost.lanes] {
            out.extend_from_slice(&number.to_le_bytes());
        }
        out.extend_from_slice(&info.created_seconds.to_le_bytes());
        out.extend_from_slice(&salt);
        out.extend_from_slice(&label);
        let mut content = Zeroizing::new(Vec::with_capacity(48));
        content.extend_from_slice(&**root_key);
        content.extend_from_slice(repository.as_bytes());
        let cipher = Self::cipher(header, &out, &*stretch(secret, &salt, cost, path)?);
        cipher.seal(0, FrameType::Record, Codec::Raw, content.len(), &content, &mut out)?;
        let check = Self::check(&out);
        out.extend_from_slice(&check);
        Ok(out)
    }

    /// So that damage to a slot is seen also by those who open another.
    fn check(bytes: &[u8]) -> [u8; SLOT_CHECK_LENGTH] {
        let hash = blake3::hash(bytes);
        let mut check = [0; SLOT_CHECK_LENGTH];
        check.copy_from_slice(&hash.as_bytes()[..SLOT_CHECK_LENGTH]);
        check
    }

    /// The plain part is bound by going into the key: change it, and the frame opens no more.
    fn cipher(header: Header, plain_part: &[u8], stretched: &[u8; 32]) -> ObjectCipher {
        ObjectCipher::new(header, blake3::keyed_hash(stretched, plain_part).as_bytes())
    }

    fn parse(bytes: &[u8], path: &str) -> Result<Self> {
        let header = Header::parse(bytes, FileKind::KeySlot, path)?;
        let damaged = |why: &str| RepositoryError::damaged(path, why);
        if slot_key(header.object) != path {
            // Taken for a key, it could not be removed: what is removed is the file of its name.
            return Err(damaged("it is another key under this name"));
        }
        let (bytes, check) =
            bytes.split_last_chunk::<SLOT_CHECK_LENGTH>().ok_or_else(|| damaged("it is cut short"))?;
        if Self::check(bytes) != *check {
            return Err(damaged("it was changed after it was written"));
        }
        let fixed = bytes
            .get(HEADER_LENGTH..HEADER_LENGTH + SLOT_FIXED_LENGTH)
            .ok_or_else(|| damaged("it is cut short"))?;
        if fixed[0] != 1 {
            return Err(RepositoryError::Newer {
                path: path.into(),
                what: format!("key derivation {}", fixed[0]),
            });
        }
        let kind = match fixed[1] {
            1 => SlotKind::Password,
            2 => SlotKind::Recovery,
            other => return Err(damaged(&format!("it is a slot of unknown kind {other}"))),
        };
        let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
        let cost = Cost { memory_kib: word(4), passes: word(8), lanes: word(12) };
        let created = fixed[16..24].iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
        let mut salt = [0; 32];
        salt.copy_from_slice(&fixed[24..56]);
        let label_length = usize::from(u16::from_le_bytes([fixed[2], fixed[3]]));
        let frame_start = HEADER_LENGTH + SLOT_FIXED_LENGTH + label_length;
        let plain_part = bytes.get(..frame_start).ok_or_else(|| damaged("it is cut short"))?;
        let label = String::from_utf8_lossy(&plain_part[HEADER_LENGTH + SLOT_FIXED_LENGTH..]).into_owned();
        Ok(Self {
            info: SlotInfo { id: header.object, kind, label, created_seconds: created.cast_signed() },
            path: path.to_owned(),
            cost,
            salt,
            plain_part: plain_part.to_vec(),
            frame: bytes[frame_start..].to_vec(),
        })
    }

    /// The root key and the repository it is of, if the secret is this slot's.
    fn open(&self, secret: &[u8], repository: Option<RepositoryId>) -> Result<Option<(Key, RepositoryId)>> {
        let header = Header { kind: FileKind::KeySlot, epoch: 0, object: self.info.id };
        let stretched = stretch(secret, &self.salt, self.cost, &self.path)?;
        let Ok((_, content)) = Self::cipher(header, &self.plain_part, &stretched).open(&self.frame) else {
            return Ok(None);
        };
        let content = Zeroizing::new(content);
        let damaged = |why: &str| RepositoryError::damaged(&self.path, why);
        let (root_key, id) = content.split_first_chunk::<32>().ok_or_else(|| damaged("it is cut short"))?;
        let id = RepositoryId(id.try_into().map_err(|_| damaged("it does not hold what a slot holds"))?);
        if repository.is_some_and(|repository| repository != id) {
            return Err(damaged("it belongs to another repository"));
        }
        Ok(Some((Zeroizing::new(*root_key), id)))
    }
}

/// The keys of an open repository, with the root key for adding slots.
pub(crate) struct OpenKeys {
    pub(crate) ring: KeyRing,
    root_key: Key,
}

/// What [`create`] made.
pub(crate) struct NewKeys {
    pub(crate) keys: OpenKeys,
    pub(crate) recovery: RecoveryKey,
    /// The files it wrote.
    pub(crate) files: Vec<String>,
}

/// Makes the keys of a new repository: a ring and the slots of a password and a recovery key.
pub(crate) fn create(
    store: &dyn Store,
    repository: RepositoryId,
    password: &Secret,
    cost: Cost,
    created_seconds: i64,
) -> Result<NewKeys> {
    let keys = OpenKeys { ring: KeyRing::generate(repository)?, root_key: Zeroizing::new(random::bytes()?) };
    let mut files = Vec::new();
    for _ in 0..RING_COPIES {
        files.push(keys.write_ring(store)?);
    }
    let recovery = RecoveryKey::generate()?;
    let add =
        |kind, secret: &[u8], label: &str| keys.add_slot(store, kind, secret, label, cost, created_seconds);
    files.push(slot_key(add(SlotKind::Recovery, recovery.as_bytes(), "Recovery key")?));
    files.push(slot_key(add(SlotKind::Password, password.as_bytes(), "First password")?));
    Ok(NewKeys { keys, recovery, files })
}

/// Removes the key files that are not among these: the rest of an interrupted making. Only for the one who has just
/// made the envelope: anybody earlier could remove the keys of another who makes it meanwhile.
pub(crate) fn remove_others(store: &dyn Store, files: &[String]) -> Result<()> {
    for object in store.list(KEYS_FOLDER)? {
        if !files.contains(&object.key) {
            store.delete(&object.key)?;
        }
    }
    Ok(())
}

impl OpenKeys {
    /// Writes one more copy of the ring.
    pub(crate) fn write_ring(&self, store: &dyn Store) -> Result<String> {
        let id = ObjectId(random::bytes()?);
        let key = format!("{RING_PREFIX}{id}");
        let sealed = sealed::seal_record(FileKind::KeyRing, 0, id, &self.root_key, &self.ring.encode())?;
        store.put(&key, &sealed)?;
        Ok(key)
    }

    /// How many copies of the ring in use there are, and the trouble with those that can not be read.
    pub(crate) fn count_rings(&self, store: &dyn Store) -> Result<(usize, Vec<RepositoryError>)> {
        let (rings, troubles) = read_rings(store, &self.root_key, self.ring.repository)?;
        Ok((rings.iter().filter(|ring| ring.generation == self.ring.generation).count(), troubles))
    }

    /// Sees that a key file in a store is as it was written.
    pub(crate) fn examine_file(&self, store: &dyn Store, key: &str) -> Result<()> {
        let bytes = store.read(key, KEY_FILE_LIMIT_BYTES)?;
        if key.starts_with(SLOT_PREFIX) {
            return Slot::parse(&bytes, key).map(drop);
        }
        let header = Header::parse(&bytes, FileKind::KeyRing, key)?;
        let content = Zeroizing::new(sealed::open_record(&bytes, header, &self.root_key, key)?);
        KeyRing::decode(&content, key).map(drop)
    }

    pub(crate) fn add_slot(
        &self,
        store: &dyn Store,
        kind: SlotKind,
        secret: &[u8],
        label: &str,
        cost: Cost,
        created_seconds: i64,
    ) -> Result<ObjectId> {
        let id = ObjectId(random::bytes()?);
        let info = SlotInfo { id, kind, label: label.to_owned(), created_seconds };
        let path = slot_key(id);
        let bytes = Slot::seal(info, secret, cost, &self.root_key, self.ring.repository, &path)?;
        store.put(&path, &bytes)?;
        Ok(id)
    }
}

fn read_slots(store: &dyn Store) -> Result<(Vec<Slot>, Vec<RepositoryError>)> {
    let (mut slots, mut troubles) = (Vec::new(), Vec::new());
    for object in store.list(KEYS_FOLDER)? {
        if !object.key.starts_with(SLOT_PREFIX) {
            continue;
        }
        if slots.len() >= SLOTS_LIMIT {
            troubles.push(RepositoryError::Limit {
                what: format!("the number of key slots, over {SLOTS_LIMIT},"),
            });
            break;
        }
        let read = store.read(&object.key, KEY_FILE_LIMIT_BYTES).map_err(RepositoryError::from);
        match read.and_then(|bytes| Slot::parse(&bytes, &object.key)) {
            Ok(slot) => slots.push(slot),
            Err(trouble) => troubles.push(trouble),
        }
    }
    slots.sort_by_key(|slot| (slot.info.created_seconds, slot.info.id));
    Ok((slots, troubles))
}

/// The slots there are, and the trouble with those that can not be read.
pub(crate) fn list(store: &dyn Store) -> Result<(Vec<SlotInfo>, Vec<RepositoryError>)> {
    let (slots, troubles) = read_slots(store)?;
    Ok((slots.into_iter().map(|slot| slot.info).collect(), troubles))
}

/// Removes a slot, unless it is the last.
pub(crate) fn remove(store: &dyn Store, id: ObjectId) -> Result<()> {
    let (slots, _) = read_slots(store)?;
    if !slots.iter().any(|slot| slot.info.id == id) {
        return Err(RepositoryError::NoSuch {
            path: store.describe(),
            what: format!("no key {}", id.short()),
        });
    }
    if slots.len() < 2 {
        return Err(RepositoryError::LastKey { path: store.describe() });
    }
    Ok(store.delete(&slot_key(id))?)
}

/// Opens the keys with a password or recovery key; without a repository, those of whichever the slot is of.
pub(crate) fn open(store: &dyn Store, repository: Option<RepositoryId>, secret: &Secret) -> Result<OpenKeys> {
    let (slots, mut troubles) = read_slots(store)?;
    let recovery = secret.as_recovery_key();
    let tries = |slot: &Slot| -> Option<Zeroizing<Vec<u8>>> {
        match (slot.info.kind, &recovery) {
            (SlotKind::Recovery, Some(key)) => Some(Zeroizing::new(key.as_bytes().to_vec())),
            (SlotKind::Password, _) => Some(Zeroizing::new(secret.as_bytes().to_vec())),
            (SlotKind::Recovery, None) => None,
        }
    };
    // A recovery key is tried on its own slots first; it could also be somebody's password.
    let mut order: Vec<&Slot> = slots.iter().collect();
    order.sort_by_key(|slot| (recovery.is_some() && slot.info.kind == SlotKind::Password) as u8);
    for slot in order {
        let Some(bytes) = tries(slot) else { continue };
        match slot.open(&bytes, repository) {
            Ok(Some((root_key, repository))) => {
                return Ok(OpenKeys { ring: open_ring(store, &root_key, repository)?, root_key });
            }
            Ok(None) => {}
            Err(trouble) => troubles.push(trouble),
        }
    }
    // A damaged slot may be the one this password belongs to: then "wrong password" would be a lie.
    match troubles.into_iter().next() {
        Some(trouble) => Err(trouble),
        None => Err(RepositoryError::WrongPassword { path: store.describe() }),
    }
}

/// All rings that open with the root key and are of this repository, and the trouble with the others.
fn read_rings(
    store: &dyn Store,
    root_key: &Key,
    repository: RepositoryId,
) -> Result<(Vec<KeyRing>, Vec<RepositoryError>)> {
    let (mut rings, mut troubles) = (Vec::new(), Vec::new());
    for object in store.list(KEYS_FOLDER)? {
        if !object.key.starts_with(RING_PREFIX) {
            continue;
        }
        let ring = (|| {
            let bytes = store.read(&object.key, KEY_FILE_LIMIT_BYTES)?;
            let header = Header::parse(&bytes, FileKind::KeyRing, &object.key)?;
            let content = Zeroizing::new(sealed::open_record(&bytes, header, root_key, &object.key)?);
            KeyRing::decode(&content, &object.key)
        })();
        match ring {
            Ok(ring) if ring.repository == repository => rings.push(ring),
            Ok(_) => troubles.push(RepositoryError::damaged(object.key, "it belongs to another repository")),
            Err(error) => troubles.push(error),
        }
    }
    Ok((rings, troubles))
}

fn open_ring(store: &dyn Store, root_key: &Key, repository: RepositoryId) -> Result<KeyRing> {
    let (rings, troubles) = read_rings(store, root_key, repository)?;
    let mut trouble = None;
    for error in troubles {
        // It may hold epochs that the others do not.
        if matches!(error, RepositoryError::Newer { .. }) {
            return Err(error);
        }
        trouble = Some(error);
    }
    match (rings.into_iter().max_by_key(|ring| ring.generation), trouble) {
        (Some(ring), _) => Ok(ring),
        (None, Some(trouble)) => Err(trouble),
        (None, None) => {
            Err(EndpointError::NotFound { path: format!("{}/{RING_PREFIX}…", store.describe()) }.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

    #[test]
    fn no_bytes_break_slots_and_rings() {
        let repository = RepositoryId([1; 16]);
        let id = ObjectId([2; 32]);
        let info = SlotInfo { id, kind: SlotKind::Password, label: "Laptop".into(), created_seconds: 5 };
        let (root_key, path) = (Zeroizing::new([3; 32]), slot_key(id));
        let slot = Slot::seal(info, b"secret", CHEAP, &root_key, repository, &path).unwrap();
        crate::mutate::each_mutation(&slot, |bytes| {
            // Also with a check that fits, as somebody would make it who wants to be taken seriously.
            for fitting in [false, true] {
                let mut bytes = bytes.to_vec();
                if let (true, Some(at)) = (fitting, bytes.len().checked_sub(SLOT_CHECK_LENGTH)) {
                    let check = Slot::check(&bytes[..at]);
                    bytes[at..].copy_from_slice(&check);
                }
                if let Ok(slot) = Slot::parse(&bytes, &path) {
                    let is_cheap = slot.cost.memory_kib <= 64 && slot.cost.passes <= 4;
                    let opened = if is_cheap { slot.open(b"secret", None).ok().flatten() } else { None };
                    assert!(opened.is_none_or(|opened| opened == (root_key.clone(), repository)));
                }
            }
        });
        let ring = KeyRing::generate(repository).unwrap().encode();
        assert!(KeyRing::decode(&ring, "ring").is_ok());
        crate::mutate::each_mutation(&ring, |bytes| {
            if let Ok(ring) = KeyRing::decode(bytes, "ring") {
                let _ = ring.current_epoch();
            }
        });
    }
}
