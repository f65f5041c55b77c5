//! The handles of one tree's folders: opened when needed, closed when there are too many, opened again and recognised.
//!
//! Invariants: at most as many handles as the limit says are open, but for those in use at the moment; a folder that is
//! opened again is the one it was, by file system and inode; neither opening nor dropping recurses, however deep the
//! tree. Deliberately not here: what is done with the handles (`unix`).

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

use super::unix::Folder;
use super::unix_file::Birth;
use crate::error::EndpointError;

/// How many folders of one tree are kept open at once.
pub const OPEN_FOLDERS_LIMIT: usize = 512;

pub(super) const OPEN_FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// A folder of a tree and its handle, while it has one.
pub(super) struct Node {
    pub(super) tree: Arc<Tree>,
    /// Nothing for the root.
    pub(super) parent: Option<Arc<Node>>,
    pub(super) name: Box<[u8]>,
    /// Levels below the root.
    pub(super) depth: usize,
    pub(super) state: Mutex<NodeState>,
    /// Used since the tree last looked for handles to close.
    pub(super) used: AtomicBool,
    /// A listing moves the handle's one position: one at a time.
    pub(super) listing: Mutex<()>,
    /// What a new file here is born with, learned from the first one.
    pub(super) birth: OnceLock<Birth>,
}

#[derive(Default)]
pub(super) struct NodeState {
    pub(super) handle: Option<Arc<OwnedFd>>,
    /// File system and inode, noted when the handle was closed to save handles.
    pub(super) seen: Option<(u64, u64)>,
}

/// What the folders of one tree share.
pub(super) struct Tree {
    pub(super) root_path: PathBuf,
    pub(super) open: AtomicUsize,
    pub(super) limit: usize,
    /// Folders with a handle, oldest first; the root is not among them and always open.
    pub(super) opened: Mutex<VecDeque<Weak<Node>>>,
}

/// A panic elsewhere never leaves these states half changed.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Folder {
    /// Opens the folders from the nearest open one down to this one.
    pub(super) fn reopen(&self, action: &'static str) -> Result<Arc<OwnedFd>, EndpointError> {
        let mut closed = Vec::new();
        let mut node = self.node();
        let mut current = loop {
            if let Some(handle) = &lock(&node.state).handle {
                break Arc::clone(handle);
            }
            closed.push(node);
            match &node.parent {
                Some(parent) => node = parent,
                // The root is never closed.
                None => return Err(self.unexpected(b"", "its root was closed")),
            }
        };
        for node in closed.into_iter().rev() {
            let failed = |errno: Errno| Self::of(Arc::clone(node)).failed(action, b"", errno.into());
            let tree = &node.tree;
            let handle = tree
                .retry_without_handles(|| {
                    rustix::fs::openat(&current, &*node.name, OPEN_FOLDER, Mode::empty())
                })
                .map_err(failed)?;
            let stat = rustix::fs::fstat(&handle).map_err(failed)?;
            current = Arc::new(handle);
            let mut state = lock(&node.state);
            if state.seen.is_some_and(|seen| seen != identity_of(&stat)) {
                return Err(self.unexpected(b"", "another folder took its place meanwhile"));
            }
            if state.handle.is_none() {
                state.handle = Some(Arc::clone(&current));
                drop(state);
                tree.register(node);
            }
        }
        Ok(current)
    }
}

impl Node {
    pub(super) fn new(
        tree: Arc<Tree>,
        parent: Option<Arc<Node>>,
        name: &[u8],
        depth: usize,
        handle: Option<Arc<OwnedFd>>,
    ) -> Self {
        Self {
            tree,
            parent,
            name: name.into(),
            depth,
            state: Mutex::new(NodeState { handle, seen: None }),
            used: AtomicBool::new(true),
            listing: Mutex::default(),
            birth: OnceLock::new(),
        }
    }

    /// Closes the handle; false where someone is at it just now.
    pub(super) fn release(&self) -> bool {
        if self.parent.is_none() {
            return false;
        }
        let Ok(mut state) = self.state.try_lock() else { return false };
        let Some(handle) = &state.handle else { return true };
        if Arc::strong_count(handle) > 1 {
            return false;
        }
        let Ok(stat) = rustix::fs::fstat(handle) else { return false };
        state.seen = Some(identity_of(&stat));
        state.handle = None;
        self.tree.open.fetch_sub(1, Ordering::Relaxed);
        true
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        if self.parent.is_some() && lock(&self.state).handle.is_some() {
            self.tree.open.fetch_sub(1, Ordering::Relaxed);
        }
        // One after the other: a chain of thousands of parents must not be dropped by recursion.
        let mut parent = self.parent.take();
        while let Some(node) = parent {
            parent = Arc::into_inner(node).and_then(|mut node| {
                if node.parent.is_some() && lock(&node.state).handle.take().is_some() {
                    node.tree.open.fetch_sub(1, Ordering::Relaxed);
                }
                node.parent.take()
            });
        }
    }
}

impl Tree {
    /// Counts a folder that was just opened, and closes older ones where there are too many.
    pub(super) fn register(&self, node: &Arc<Node>) {
        let open = self.open.fetch_add(1, Ordering::Relaxed) + 1;
        let mut opened = lock(&self.opened);
        opened.push_back(Arc::downgrade(node));
        if open > self.limit {
            self.close_some(&mut opened, self.limit);
        } else if opened.len() > self.limit * 2 {
            opened.retain(|node| node.strong_count() > 0);
        }
    }

    /// Closes the oldest handles that nobody used lately, down to a number. Bounded: each is looked at twice at most.
    fn close_some(&self, opened: &mut VecDeque<Weak<Node>>, down_to: usize) {
        for _ in 0..opened.len() * 2 {
            if self.open.load(Ordering::Relaxed) <= down_to {
                return;
            }
            let Some(weak) = opened.pop_front() else { return };
            let Some(node) = weak.upgrade() else { continue };
            let closed = !node.used.swap(false, Ordering::Relaxed) && node.release();
            if !closed && lock(&node.state).handle.is_some() {
                opened.push_back(weak);
            }
        }
    }

    /// Tries again with this tree's spare handles closed where the process has none left.
    pub(super) fn retry_without_handles<T>(
        &self,
        mut open: impl FnMut() -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match open() {
            Err(Errno::MFILE | Errno::NFILE) => {
                self.close_some(&mut lock(&self.opened), 0);
                open()
            }
            result => result,
        }
    }
}

#[allow(clippy::unnecessary_cast, clippy::cast_sign_loss, reason = "the types differ by system")]
fn identity_of(stat: &rustix::fs::Stat) -> (u64, u64) {
    (stat.st_dev as u64, stat.st_ino as u64)
}
