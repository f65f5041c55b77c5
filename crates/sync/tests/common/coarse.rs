//! A real folder as a FAT stick would show it: times of two seconds, no permissions, no ids, no versions.

#![allow(clippy::unwrap_used, dead_code, reason = "each test file uses a part of it")]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, Staged, Tree,
    TreeItem, Version,
};
use keepwell_model::{ContentHash, ExtendedAttribute, RelativePath, Timestamp};

/// What somebody writes into the item of a name at the very moment of a `rename`, `publish` or `set_metadata`: after the
/// place looked whether it is unchanged.
pub type Meanwhile = Arc<Mutex<Option<(&'static str, &'static str, &'static str)>>>;

pub struct Coarse {
    inner: LocalTree,
    capabilities: Capabilities,
    pub meanwhile: Meanwhile,
    /// Says of every file that its time could not be kept.
    pub forgets_times: bool,
}

fn coarse(item: TreeItem) -> TreeItem {
    let modified = item.fingerprint.modified.map(coarse_time);
    let fingerprint = Fingerprint { modified, version: Version::default(), id: 0, ..item.fingerprint };
    TreeItem { fingerprint, mode: None, ..item }
}

fn coarse_time(time: Timestamp) -> Timestamp {
    Timestamp::new(time.seconds - time.seconds.rem_euclid(2), 0)
}

fn kept(metadata: &ItemMetadata) -> ItemMetadata {
    ItemMetadata { modified: metadata.modified.map(coarse_time), ..ItemMetadata::default() }
}

fn published(published: Published) -> Published {
    Published { item: coarse(published.item), ..published }
}

impl Coarse {
    pub fn open(path: &Path) -> Self {
        let inner = LocalTree::open(path).unwrap();
        let capabilities = Capabilities {
            stable_ids: false,
            strong_versions: false,
            modes: false,
            extended_attributes: false,
            time_grain_ns: 2_000_000_000,
            ..*inner.capabilities()
        };
        Self { inner, capabilities, meanwhile: Meanwhile::default(), forgets_times: false }
    }

    /// What lies there really, if it is what was shown.
    fn real(&self, path: &RelativePath, shown: &Fingerprint) -> Result<Fingerprint, EndpointError> {
        let found = self.inner.stat(path)?;
        found
            .filter(|item| coarse(item.clone()).fingerprint.is_unchanged_since(shown))
            .map(|item| item.fingerprint)
            .ok_or_else(|| EndpointError::Changed { path: path.to_string() })
    }

    fn expected(&self, path: &RelativePath, shown: &Expected) -> Result<Expected, EndpointError> {
        Ok(match shown {
            Expected::Absent => Expected::Absent,
            Expected::Item(shown) => Expected::Item(self.real(path, shown)?),
        })
    }
}

/// The item as it is told after a step, with what somebody did meanwhile.
fn disturbed(
    root: &Path,
    meanwhile: &Meanwhile,
    call: &str,
    path: &RelativePath,
    item: TreeItem,
) -> Result<TreeItem, EndpointError> {
    let mut meanwhile = meanwhile.lock().unwrap();
    match *meanwhile {
        Some((of, name, content)) if of == call && path.name() == Some(name.as_bytes()) => {
            *meanwhile = None;
            std::fs::write(root.join(path.to_string()), content).unwrap();
            let now = LocalTree::open(root)?.stat(path)?;
            Ok(coarse(now.unwrap()))
        }
        _ => Ok(item),
    }
}

struct CoarseContent {
    inner: Box<dyn Content>,
    item: TreeItem,
}

impl Content for CoarseContent {
    fn item(&self) -> &TreeItem {
        &self.item
    }

    fn read_at(&mut self, bytes: &mut [u8], offset_bytes: u64) -> Result<usize, EndpointError> {
        self.inner.read_at(bytes, offset_bytes)
    }

    fn is_unchanged(&mut self) -> Result<bool, EndpointError> {
        self.inner.is_unchanged()
    }
}

struct CoarseStaged(Box<dyn Staged>, bool, PathBuf, Meanwhile);

impl Staged for CoarseStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        self.0.write_at(bytes, offset_bytes)
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.0.set_length(length_bytes)
    }

    fn publish(
        self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        assert_eq!(*expected, Expected::Absent);
        let mut published = self.0.publish(path, expected, &kept(metadata), proof).map(published)?;
        if self.1 {
            published.not_kept.push("the time of the last change: this server does not store it".to_owned());
        }
        published.item = disturbed(&self.2, &self.3, "publish", path, published.item)?;
        Ok(published)
    }
}

impl Tree for Coarse {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        self.inner.identity()
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        Ok(self.inner.list(folder)?.into_iter().map(coarse).collect())
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        Ok(self.inner.stat(path)?.map(coarse))
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        let inner = self.inner.open(path)?;
        let item = coarse(inner.item().clone());
        Ok(Box::new(CoarseContent { inner, item }))
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.inner.read_link(path)
    }

    fn extended_attributes(&self, _path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        Ok(Vec::new())
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        let staged = self.inner.stage(path, size_bytes, from)?;
        let root = self.inner.local_root().unwrap();
        Ok(Box::new(CoarseStaged(staged, self.forgets_times, root, Arc::clone(&self.meanwhile))))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.create_folder(path, &kept(metadata)).map(published)
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let expected = self.expected(path, expected)?;
        self.inner.create_symlink(path, target, &expected, &kept(metadata)).map(published)
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        let (source, target) = (self.expected(from, source)?, self.expected(to, target)?);
        let item = self.inner.rename(from, to, &source, &target).map(coarse)?;
        disturbed(&self.inner.local_root().unwrap(), &self.meanwhile, "rename", to, item)
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        self.inner.remove(path, &self.real(path, expected)?)
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        let expected = self.real(path, expected)?;
        let mut published = self.inner.set_metadata(path, &expected, &kept(metadata)).map(published)?;
        let root = self.inner.local_root().unwrap();
        published.item = disturbed(&root, &self.meanwhile, "set_metadata", path, published.item)?;
        Ok(published)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        self.inner.sync()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.inner.clear_unfinished(folder)
    }

    fn local_root(&self) -> Option<PathBuf> {
        self.inner.local_root()
    }
}
