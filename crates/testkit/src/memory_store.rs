//! A store in memory: what a well-behaved place does, without a disk.
//!
//! Invariants: those of the `Store` trait, to the letter. It also lets a test look at objects, alter and remove them
//! behind the store's back, as a bad disk would. Deliberately not here: failing (`faulty_store`).

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::Arc;

use keepwell_endpoint::{EndpointError, Store, StoredObject, Upload};
use parking_lot::Mutex;

#[derive(Debug, Default)]
struct Content {
    objects: BTreeMap<String, Vec<u8>>,
    folders: BTreeSet<String>,
}

/// A store in memory. Clones share their content.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore(Arc<Mutex<Content>>);

impl MemoryStore {
    /// An empty store without folders.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// A store of its own with the same content.
    #[must_use]
    pub fn copy(&self) -> Self {
        let content = self.0.lock();
        let copy = Content { objects: content.objects.clone(), folders: content.folders.clone() };
        Self(Arc::new(Mutex::new(copy)))
    }

    /// All keys, sorted.
    #[must_use]
    pub fn keys(&self) -> Vec<String> {
        self.0.lock().objects.keys().cloned().collect()
    }

    /// A copy of an object.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().objects.get(key).cloned()
    }

    /// Alters an object where it lies. Nothing happens where it is absent.
    pub fn alter(&self, key: &str, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(bytes) = self.0.lock().objects.get_mut(key) {
            change(bytes);
        }
    }

    /// Takes an object away.
    pub fn remove(&self, key: &str) -> Option<Vec<u8>> {
        self.0.lock().objects.remove(key)
    }

    /// Puts an object there, whatever was there before.
    pub fn insert(&self, key: &str, bytes: Vec<u8>) {
        self.0.lock().objects.insert(key.into(), bytes);
    }

    fn not_found(key: &str) -> EndpointError {
        EndpointError::from_io("read", format!("memory/{key}"), io::ErrorKind::NotFound.into())
    }
}

impl Store for MemoryStore {
    fn describe(&self) -> String {
        "memory".into()
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        let content = self.0.lock();
        let below = format!("{folder}/");
        let found: Vec<_> = content
            .objects
            .iter()
            .filter(|(key, _)| key.starts_with(&below))
            .map(|(key, bytes)| StoredObject {
                key: key.clone(),
                size_bytes: bytes.len() as u64,
                modified_ms: None,
            })
            .collect();
        if found.is_empty() && !content.folders.contains(folder) {
            return Err(Self::not_found(folder));
        }
        Ok(found)
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        let content = self.0.lock();
        let keys = content.objects.keys().chain(&content.folders);
        let first = keys.filter_map(|key| key.split('/').next()).map(str::to_owned);
        Ok(first.collect::<BTreeSet<_>>().into_iter().collect())
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        self.0.lock().objects.get(key).map(|bytes| bytes.len() as u64).ok_or_else(|| Self::not_found(key))
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        let content = self.0.lock();
        let bytes = content.objects.get(key).ok_or_else(|| Self::not_found(key))?;
        let range = usize::try_from(offset_bytes)
            .ok()
            .and_then(|start| Some(start..start.checked_add(length_bytes)?))
            .and_then(|range| bytes.get(range));
        range.map(<[u8]>::to_vec).ok_or_else(|| EndpointError::Unexpected {
            path: format!("memory/{key}"),
            why: format!("{} bytes, too short for {length_bytes} from {offset_bytes} on", bytes.len()),
        })
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        Ok(Box::new(MemoryUpload { store: self.clone(), key: key.into(), bytes: Vec::new() }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        self.remove(key);
        Ok(())
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        self.0.lock().folders.extend(folders.iter().map(ToString::to_string));
        Ok(())
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        Ok(Vec::new())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        Ok(None)
    }
}

struct MemoryUpload {
    store: MemoryStore,
    key: String,
    bytes: Vec<u8>,
}

impl Upload for MemoryUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn finish(self: Box<Self>) -> Result<(), EndpointError> {
        let mut content = self.store.0.lock();
        if content.objects.contains_key(&self.key) {
            return Err(EndpointError::AlreadyExists { path: format!("memory/{}", self.key) });
        }
        content.objects.insert(self.key, self.bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_object_is_there_once_it_is_whole_and_only_once() {
        let store = MemoryStore::new();
        assert!(matches!(store.list("packs"), Err(EndpointError::NotFound { .. })));
        let mut upload = store.create("packs/a").unwrap();
        upload.write(b"con").unwrap();
        upload.write(b"tent").unwrap();
        assert_eq!(store.keys(), Vec::<String>::new());
        upload.finish().unwrap();
        assert_eq!(store.read("packs/a", 100).unwrap(), b"content");
        assert!(store.read_range("packs/a", 4, 4).is_err());
        assert!(matches!(store.put("packs/a", b"other"), Err(EndpointError::AlreadyExists { .. })));
        assert_eq!(store.list("packs").unwrap().len(), 1);
        assert_eq!(store.names().unwrap(), ["packs"]);
    }
}
