//! A real folder behind a place that can die at any step, or be far away.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::LocalTree;
use keepwell_endpoint::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, PlaceIdentity, Published, Staged,
    StagedFolder, Tree, TreeItem,
};
use keepwell_model::{ContentHash, ExtendedAttribute, RelativePath};

/// How many more calls that change something are done; after the last, the place answers nothing any more: for the
/// process it is as if it was killed there.
pub type Life = Arc<AtomicU64>;

/// What is refused though the place lives: `open`, `publish`, `publish_folder`, `rename` or `create_folder`, of items
/// whose path begins so.
pub type Refused = Arc<Mutex<Option<(&'static str, String)>>>;

fn refuse(refused: &Refused, call: &str, path: &RelativePath) -> Result<(), EndpointError> {
    let refused = refused.lock().map_err(|_| dead())?;
    match &*refused {
        Some((refused, begin)) if *refused == call && path.to_string().starts_with(begin.as_str()) => {
            Err(EndpointError::PermissionDenied { action: "write", path: path.to_string() })
        }
        _ => Ok(()),
    }
}

/// A place that lives for so many steps.
pub fn living(root: &Path, steps: u64, after: bool) -> Mortal {
    Mortal::open(root, Arc::new(AtomicU64::new(steps)), after)
}

/// One that lives for long.
pub fn lasting(root: &Path) -> Mortal {
    living(root, u64::MAX, false)
}

/// A place that dies. With `after` the last call still changes the place, and the process never hears of it.
pub struct Mortal {
    inner: LocalTree,
    root: std::path::PathBuf,
    capabilities: Capabilities,
    life: Life,
    after: bool,
    /// It says nothing about which volume it is.
    nameless: bool,
    /// What an older version says of every place here, and a newer one says it did.
    said: Option<PlaceIdentity>,
    /// Somebody writes each file in the moment of its move, and the copy at the new place stays.
    pub leaves_copies: bool,
    /// Bytes that were written to it.
    pub written_bytes: Arc<AtomicU64>,
    pub refused: Refused,
    /// Folders that appeared with what is in them.
    pub filled: Arc<AtomicU64>,
}

struct MortalStaged {
    inner: Box<dyn Staged>,
    life: Life,
    after: bool,
    written_bytes: Arc<AtomicU64>,
    refused: Refused,
}

fn dead() -> EndpointError {
    EndpointError::Unreachable { path: "here".into(), why: "killed".into() }
}

/// Does something that changes a place, or dies.
fn mortal<T>(
    life: &Life,
    after: bool,
    change: impl FnOnce() -> Result<T, EndpointError>,
) -> Result<T, EndpointError> {
    match life.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)) {
        Err(_) => Err(dead()),
        Ok(1) if after => change().and_then(|_| Err(dead())),
        Ok(1) => Err(dead()),
        Ok(_) => change(),
    }
}

impl Mortal {
    /// A folder that dies after so many steps. It has no root on this machine, as if it were far away.
    pub fn open(path: &Path, life: Life, after: bool) -> Self {
        let inner = LocalTree::open(path).unwrap();
        let capabilities = *inner.capabilities();
        Self {
            inner,
            root: path.to_owned(),
            capabilities,
            life,
            after,
            nameless: false,
            said: None,
            leaves_copies: false,
            written_bytes: Arc::default(),
            refused: Refused::default(),
            filled: Arc::default(),
        }
    }

    /// A folder far away in which a file can begin as a copy of another one.
    pub fn far(path: &Path) -> Self {
        let mut place = Self::open(path, Arc::new(AtomicU64::new(u64::MAX)), false);
        place.capabilities.stages_from_existing = true;
        place
    }

    /// A folder on a volume without a name.
    pub fn nameless(path: &Path) -> Self {
        Self { nameless: true, ..Self::open(path, Arc::new(AtomicU64::new(u64::MAX)), false) }
    }

    /// The same, looked at by a version that does not know yet that it can not tell places here apart, or by one that does.
    pub fn once_named(path: &Path, is_known: bool) -> Self {
        let said = PlaceIdentity { volume: "the server 0000000000000000".into(), root: 0 };
        Self { nameless: is_known, said: Some(said), ..Self::nameless(path) }
    }

    fn alive(&self) -> Result<(), EndpointError> {
        if self.life.load(Ordering::SeqCst) == 0 { Err(dead()) } else { Ok(()) }
    }
}

impl Staged for MortalStaged {
    fn write_at(&mut self, bytes: &[u8], offset_bytes: u64) -> Result<(), EndpointError> {
        let inner = &mut self.inner;
        self.written_bytes.fetch_add(bytes.len() as u64, Ordering::Relaxed);
        mortal(&self.life, self.after, || inner.write_at(bytes, offset_bytes))
    }

    fn set_length(&mut self, length_bytes: u64) -> Result<(), EndpointError> {
        self.inner.set_length(length_bytes)
    }

    fn publish(
        self: Box<Self>,
        path: &RelativePath,
        expected: &Expected,
        metadata: &ItemMetadata,
        proof: &ContentHash,
    ) -> Result<Published, EndpointError> {
        refuse(&self.refused, "publish", path)?;
        let inner = self.inner;
        mortal(&self.life, self.after, || inner.publish(path, expected, metadata, proof))
    }
}

struct MortalFolder {
    inner: Box<dyn StagedFolder>,
    path: RelativePath,
    life: Life,
    after: bool,
    written_bytes: Arc<AtomicU64>,
    refused: Refused,
    filled: Arc<AtomicU64>,
}

impl StagedFolder for MortalFolder {
    fn stage(&self, path: &RelativePath, size_bytes: u64) -> Result<Box<dyn Staged>, EndpointError> {
        let inner = self.inner.stage(path, size_bytes)?;
        let (life, after) = (Arc::clone(&self.life), self.after);
        let (written_bytes, refused) = (Arc::clone(&self.written_bytes), Arc::clone(&self.refused));
        Ok(Box::new(MortalStaged { inner, life, after, written_bytes, refused }))
    }

    fn publish(self: Box<Self>) -> Result<Published, EndpointError> {
        refuse(&self.refused, "publish_folder", &self.path)?;
        let inner = self.inner;
        let made = mortal(&self.life, self.after, || inner.publish())?;
        self.filled.fetch_add(1, Ordering::Relaxed);
        Ok(made)
    }
}

impl Tree for Mortal {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        self.alive()?;
        match self.nameless {
            true => Ok(PlaceIdentity { volume: String::new(), root: 0 }),
            false => self.said.clone().map_or_else(|| self.inner.identity(), Ok),
        }
    }

    fn former_identity(&self) -> Result<Option<PlaceIdentity>, EndpointError> {
        Ok(self.said.clone().filter(|_| self.nameless))
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        self.alive()?;
        refuse(&self.refused, "list", folder)?;
        self.inner.list(folder)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        self.alive()?;
        self.inner.stat(path)
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        self.alive()?;
        refuse(&self.refused, "open", path)?;
        self.inner.open(path)
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.alive()?;
        self.inner.read_link(path)
    }

    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        self.inner.extended_attributes(path)
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        self.alive()?;
        let inner = self.inner.stage(path, size_bytes, from)?;
        let (life, after) = (Arc::clone(&self.life), self.after);
        let (written_bytes, refused) = (Arc::clone(&self.written_bytes), Arc::clone(&self.refused));
        Ok(Box::new(MortalStaged { inner, life, after, written_bytes, refused }))
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        refuse(&self.refused, "create_folder", path)?;
        mortal(&self.life, self.after, || self.inner.create_folder(path, metadata))
    }

    fn stage_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Option<Box<dyn StagedFolder>>, EndpointError> {
        self.alive()?;
        let Some(inner) = self.inner.stage_folder(path, metadata)? else { return Ok(None) };
        let (path, life, after) = (path.clone(), Arc::clone(&self.life), self.after);
        let (written_bytes, refused) = (Arc::clone(&self.written_bytes), Arc::clone(&self.refused));
        let filled = Arc::clone(&self.filled);
        Ok(Some(Box::new(MortalFolder { inner, path, life, after, written_bytes, refused, filled })))
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        mortal(&self.life, self.after, || self.inner.create_symlink(path, target, expected, metadata))
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        refuse(&self.refused, "rename", from)?;
        if self.leaves_copies {
            let at = |path: &RelativePath| self.root.join(path.to_string());
            if at(to).exists() {
                return Err(EndpointError::Changed { path: to.to_string() });
            }
            std::fs::copy(at(from), at(to)).unwrap();
            std::fs::write(at(from), "somebody's work").unwrap();
            return Err(EndpointError::Changed { path: from.to_string() });
        }
        mortal(&self.life, self.after, || self.inner.rename(from, to, source, target))
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        mortal(&self.life, self.after, || self.inner.remove(path, expected))
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        mortal(&self.life, self.after, || self.inner.set_metadata(path, expected, metadata))
    }

    fn sync(&self) -> Result<(), EndpointError> {
        mortal(&self.life, self.after, || self.inner.sync())
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.alive()?;
        self.inner.clear_unfinished(folder)
    }
}
