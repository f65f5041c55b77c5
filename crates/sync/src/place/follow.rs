//! A place whose links are followed: a link to a file or folder inside the root is taken for what it points to.
//!
//! Invariants:
//! 1. What a link stands for lies inside the root and is not a folder the link itself lies in, by whatever way; other
//!    links are shown as what they are, and the scan leaves them alone and tells.
//! 2. New content for what a link stands for goes to where it points ([`Tree::place_of`]); the link stays a link.
//! 3. Nothing is removed or moved through a link, and no link is: who wants that does it where the link is.
//! 4. Below [`OWN_FOLDER`] nothing is followed: what lies in a bin is what was put there.
//!
//! Deliberately not here: what is told of links that lead nowhere (`scan::compare`); other places than those that have
//! links (`run`).

use std::collections::{HashSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{
    Capabilities, Content, Expected, Fingerprint, ItemMetadata, OWN_FOLDER, PlaceIdentity, Published, Staged,
    Tree, TreeItem,
};
use keepwell_model::{EntryKind, ExtendedAttribute, RelativePath};
use parking_lot::RwLock;

/// So many links may lie on the way to one item: a few folders of links to each other would be listed endlessly often.
const LINKS_LIMIT: usize = 5;

/// See the module.
pub(crate) struct Followed {
    inner: Arc<dyn Tree>,
    /// Where the root is on this machine, by each of its names: links may be absolute.
    roots: Vec<PathBuf>,
    /// The links that listings showed, by their real paths.
    links: RwLock<HashSet<RelativePath>>,
    /// The root was listed: what is not in `links` is no link.
    is_listed: AtomicBool,
}

/// Where a path leads.
struct Way {
    real: RelativePath,
    /// A folder on the way is a link.
    is_through: bool,
    /// What it names is itself a link.
    is_link: bool,
    /// How many links it took.
    links: usize,
}

impl Followed {
    /// The place with its links followed.
    pub(crate) fn new(inner: Arc<dyn Tree>) -> Self {
        let root = inner.local_root();
        let real = root.as_deref().and_then(|root| std::fs::canonicalize(root).ok());
        let roots = root.into_iter().chain(real).collect();
        Self { inner, roots, links: RwLock::default(), is_listed: AtomicBool::new(false) }
    }

    fn is_own(path: &RelativePath) -> bool {
        path.components().next() == Some(OWN_FOLDER)
    }

    fn is_link(&self, path: &RelativePath) -> Result<bool, EndpointError> {
        if self.is_listed.load(Ordering::Acquire) {
            return Ok(self.links.read().contains(path));
        }
        let found = self.inner.stat(path)?;
        Ok(found.is_some_and(|item| item.fingerprint.kind == EntryKind::Symlink))
    }

    /// Where a path leads; nothing where a link on the way leads out of the root, or in a circle.
    fn way(&self, path: &RelativePath) -> Result<Option<Way>, EndpointError> {
        let mut way = Way { real: path.clone(), is_through: false, is_link: false, links: 0 };
        let has_none = || self.is_listed.load(Ordering::Acquire) && self.links.read().is_empty();
        if path.is_root() || Self::is_own(path) || has_none() {
            return Ok(Some(way));
        }
        way.real = RelativePath::root();
        let mut rest: VecDeque<Vec<u8>> = path.components().map(<[u8]>::to_vec).collect();
        // How many of the names that are left are those of the path.
        let mut own_left = rest.len();
        while let Some(name) = rest.pop_front() {
            own_left = own_left.min(rest.len());
            if name == b".." {
                let Some(parent) = way.real.parent() else { return Ok(None) };
                way.real = parent;
                continue;
            }
            let Ok(next) = way.real.join(&name) else { return Ok(None) };
            if !self.is_link(&next)? {
                way.real = next;
                continue;
            }
            way.links += 1;
            (way.is_through, way.is_link) = (way.is_through || own_left > 0, way.is_link || own_left == 0);
            let Some((is_from_root, names)) = self.names_of(&self.inner.read_link(&next)?) else {
                return Ok(None);
            };
            if way.links > LINKS_LIMIT {
                return Ok(None);
            }
            if is_from_root {
                way.real = RelativePath::root();
            }
            names.into_iter().rev().for_each(|name| rest.push_front(name));
        }
        Ok(Some(way))
    }

    /// The names in the target of a link, and whether they begin at the root; nothing where it leads elsewhere.
    fn names_of(&self, target: &[u8]) -> Option<(bool, Vec<Vec<u8>>)> {
        let is_separator = |byte: &u8| *byte == b'/' || cfg!(windows) && *byte == b'\\';
        let split = |text: &[u8]| {
            let names = text.split(is_separator).filter(|name| !name.is_empty() && *name != b".");
            names.map(<[u8]>::to_vec).collect()
        };
        let text = String::from_utf8_lossy(target);
        let path = Path::new(&*text);
        if !path.has_root() && !path.is_absolute() {
            return Some((false, split(target)));
        }
        // A name that is no text can not be told from another: it is not followed.
        let below = self.roots.iter().find_map(|root| path.strip_prefix(root).ok())?;
        let below = below.to_str().filter(|_| !text.contains('\u{fffd}'))?;
        Some((true, split(below.as_bytes())))
    }

    /// Where a path leads, for reading and writing what is there.
    fn real(&self, path: &RelativePath) -> Result<RelativePath, EndpointError> {
        let found = self.way(path)?.map(|way| way.real);
        found.ok_or_else(|| EndpointError::NotFound { path: path.to_string() })
    }

    /// Where a name lies: the folder it is in is followed, what it names is not.
    fn real_name(&self, path: &RelativePath) -> Result<RelativePath, EndpointError> {
        let (Some(parent), Some(name)) = (path.parent(), path.name()) else { return Ok(path.clone()) };
        let unexpected = |why: String| EndpointError::Unexpected { path: path.to_string(), why };
        self.real(&parent)?.join(name).map_err(|error| unexpected(error.to_string()))
    }

    /// What a link stands for; nothing where it is not followed.
    fn behind(&self, path: &RelativePath, way: &Way) -> Result<Option<TreeItem>, EndpointError> {
        let Some(item) = self.inner.stat(&way.real)? else { return Ok(None) };
        match item.fingerprint.kind {
            EntryKind::File => {}
            EntryKind::Folder if !self.leads_back(path, way)? => {}
            _ => return Ok(None),
        }
        Ok(Some(TreeItem { name: path.name().unwrap_or_default().to_vec(), ..item }))
    }

    /// Whether the folder a link stands for is one it lies in itself, or holds one.
    fn leads_back(&self, path: &RelativePath, way: &Way) -> Result<bool, EndpointError> {
        let mut above = path.parent();
        while let Some(folder) = above {
            if self.real(&folder)?.starts_with(&way.real) {
                return Ok(true);
            }
            above = folder.parent();
        }
        Ok(false)
    }

    /// Nothing is taken away through a link.
    fn taken_away(&self, path: &RelativePath) -> Result<(), EndpointError> {
        match self.way(path)? {
            Some(way) if way.is_link || way.is_through => {
                Err(EndpointError::ThroughLink { path: path.to_string() })
            }
            Some(_) => Ok(()),
            None => Err(EndpointError::NotFound { path: path.to_string() }),
        }
    }
}

impl Tree for Followed {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    fn identity(&self) -> Result<PlaceIdentity, EndpointError> {
        self.inner.identity()
    }

    fn former_identity(&self) -> Result<Option<PlaceIdentity>, EndpointError> {
        self.inner.former_identity()
    }

    fn list(&self, folder: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        let real = self.real(folder)?;
        let mut items = self.inner.list(&real)?;
        if Self::is_own(folder) {
            return Ok(items);
        }
        let mut found = Vec::new();
        {
            let mut links = self.links.write();
            for (number, item) in items.iter().enumerate() {
                let Ok(path) = real.join(&item.name) else { continue };
                if item.fingerprint.kind == EntryKind::Symlink {
                    links.insert(path);
                    found.push(number);
                } else if !links.is_empty() {
                    links.remove(&path);
                }
            }
        }
        if folder.is_root() {
            self.is_listed.store(true, Ordering::Release);
        }
        for number in found {
            let Ok(path) = folder.join(&items[number].name) else { continue };
            if let Some(way) = self.way(&path)?
                && let Some(item) = self.behind(&path, &way)?
            {
                items[number] = item;
            }
        }
        Ok(items)
    }

    fn stat(&self, path: &RelativePath) -> Result<Option<TreeItem>, EndpointError> {
        let Some(way) = self.way(path)? else { return self.inner.stat(&self.real_name(path)?) };
        if !way.is_link {
            let item = self.inner.stat(&way.real)?;
            return Ok(item.map(|item| TreeItem { name: path.name().unwrap_or_default().to_vec(), ..item }));
        }
        match self.behind(path, &way)? {
            Some(item) => Ok(Some(item)),
            None => self.inner.stat(&self.real_name(path)?),
        }
    }

    fn is_being_written(&self, path: &RelativePath) -> Option<bool> {
        self.inner.is_being_written(&self.real(path).ok()?)
    }

    fn open(&self, path: &RelativePath) -> Result<Box<dyn Content>, EndpointError> {
        self.inner.open(&self.real(path)?)
    }

    fn read_link(&self, path: &RelativePath) -> Result<Vec<u8>, EndpointError> {
        self.inner.read_link(&self.real_name(path)?)
    }

    fn extended_attributes(&self, path: &RelativePath) -> Result<Vec<ExtendedAttribute>, EndpointError> {
        self.inner.extended_attributes(&self.real(path)?)
    }

    fn place_of(&self, path: &RelativePath) -> Result<RelativePath, EndpointError> {
        match self.way(path)? {
            Some(way) if way.is_link && self.behind(path, &way)?.is_none() => self.real_name(path),
            Some(way) => Ok(way.real),
            None => self.real_name(path),
        }
    }

    fn stage(
        &self,
        path: &RelativePath,
        size_bytes: u64,
        from: Option<&RelativePath>,
    ) -> Result<Box<dyn Staged>, EndpointError> {
        let from = from.map(|from| self.real(from)).transpose()?;
        self.inner.stage(&self.real_name(path)?, size_bytes, from.as_ref())
    }

    fn create_folder(
        &self,
        path: &RelativePath,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.create_folder(&self.real_name(path)?, metadata)
    }

    fn create_symlink(
        &self,
        path: &RelativePath,
        target: &[u8],
        expected: &Expected,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.create_symlink(&self.real_name(path)?, target, expected, metadata)
    }

    fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        self.taken_away(from)?;
        self.inner.rename(from, &self.real_name(to)?, source, target)
    }

    fn remove(&self, path: &RelativePath, expected: &Fingerprint) -> Result<(), EndpointError> {
        self.taken_away(path)?;
        self.inner.remove(path, expected)
    }

    fn set_metadata(
        &self,
        path: &RelativePath,
        expected: &Fingerprint,
        metadata: &ItemMetadata,
    ) -> Result<Published, EndpointError> {
        self.inner.set_metadata(&self.real(path)?, expected, metadata)
    }

    fn sync(&self) -> Result<(), EndpointError> {
        self.inner.sync()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }

    fn clear_unfinished(&self, folder: &RelativePath) -> Result<u64, EndpointError> {
        self.inner.clear_unfinished(&self.real(folder)?)
    }

    fn local_root(&self) -> Option<PathBuf> {
        self.inner.local_root()
    }
}
