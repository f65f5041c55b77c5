//! Walking the sources and reading what changed, with many threads and without recursion.
//!
//! Work is a stack of tasks: list a folder, or read a batch of its files. A folder knows how many of its parts are
//! still open; whoever finishes the last one writes the folder's pages and reports it to its parent. Taking the newest
//! task first walks depth first, which bounds the stack and keeps a folder's files together in the packs.
//!
//! Invariants:
//! 1. Symbolic links are kept, never followed; only a source itself may be reached through one.
//! 2. What can not be read is a problem and is left out; the rest goes on.
//! 3. What the system makes up (`/proc` below `/`) is not read: there is no end to it. As a source it is, if asked for.
//! 4. A file is taken over only if all its chunks are stored where they can be read.
//!
//! Deliberately not here: the decision itself (`plan`), sources and what is
//! never one (`walk_source`), single files and links (`walk_item`), chunks (`file_reader`).

use std::collections::HashMap;
use std::iter::Peekable;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use keepwell_endpoint::local::{Accounts, Folder, NamedItem, Stat};
use keepwell_model::{
    ChunkId, Control, Entry, EntryKind, Problem, Snapshot, SnapshotSource, SnapshotStatistics, Timestamp,
};
use keepwell_repository::{Repository, RepositoryError, Writer};
use parking_lot::{Condvar, Mutex};

use crate::backup::BackupError;
use crate::checkpoint::{Checkpoints, Ended, OpenFolders};
use crate::file_reader::FileReader;
use crate::plan;
use crate::rules::{CACHE_TAG_NAME, CACHE_TAG_SIGNATURE, Rules};
use crate::walk_item::Linked;
use crate::walk_order::{in_order, into_batches};
use crate::walk_source::Avoid;

/// Deeper trees are told as a problem.
const DEPTH_LIMIT: usize = 16_384;
const STACK_BYTES: usize = 8 << 20;

/// A folder whose entries are being gathered.
pub(crate) struct Node {
    parent: Option<Arc<Node>>,
    /// Larger than that of its parent.
    number: u64,
    pub(crate) folder: Folder,
    file_system: u64,
    entry: Mutex<Entry>,
    pub(crate) entries: Mutex<Vec<Entry>>,
    /// Parts still open: itself, its folders, its batches of files.
    open_parts: AtomicUsize,
}

impl Drop for Node {
    /// One after the other: a chain of thousands of parents must not be dropped by recursion.
    fn drop(&mut self) {
        let mut parent = self.parent.take();
        while let Some(node) = parent {
            parent = Arc::into_inner(node).and_then(|mut node| node.parent.take());
        }
    }
}

/// A file to be read. Small: a folder may have hundreds of thousands.
pub(crate) struct FileTask {
    pub(crate) name: Vec<u8>,
    pub(crate) stat: Stat,
    /// Whether the parent snapshot has something of this name.
    pub(crate) was_there: bool,
}

/// A folder as earlier runs knew it.
#[derive(Default)]
pub(crate) struct Known {
    /// In the parent snapshot.
    pub(crate) old: Option<Entry>,
    /// In what a run that was broken off had done.
    pub(crate) done: Option<Entry>,
}

enum Task {
    Folder { parent: Arc<Node>, entry: Box<Entry>, known: Box<Known> },
    Files { node: Arc<Node>, files: Vec<FileTask> },
}

#[derive(Default)]
struct Queue {
    tasks: Vec<Task>,
    /// Tasks taken and not yet done.
    working: usize,
    stopped: bool,
}

#[derive(Default)]
pub(crate) struct Counts {
    pub(crate) files: AtomicU64,
    pub(crate) folders: AtomicU64,
    pub(crate) others: AtomicU64,
    pub(crate) size_bytes: AtomicU64,
    pub(crate) new: AtomicU64,
    pub(crate) changed: AtomicU64,
    pub(crate) unchanged: AtomicU64,
    pub(crate) resumed: AtomicU64,
}

/// What a walk found.
pub(crate) struct Walked {
    /// The pages of the top folder.
    pub(crate) root_pages: Vec<ChunkId>,
    /// The sources that could be read.
    pub(crate) sources: Vec<SnapshotSource>,
    /// The counts.
    pub(crate) counts: SnapshotStatistics,
    /// Files taken over from a run that was broken off.
    pub(crate) resumed: u64,
}

/// One walk over all sources.
pub(crate) struct Walk<'a> {
    repository: &'a Repository,
    pub(crate) writer: &'a Writer,
    rules: &'a Rules,
    pub(crate) control: &'a Control,
    pub(crate) parent: Option<&'a Snapshot>,
    pub(crate) parent_started: Timestamp,
    pub(crate) started: Timestamp,
    pub(crate) checkpoints: Option<Checkpoints<'a>>,
    pub(crate) sources: Vec<(PathBuf, SnapshotSource)>,
    pub(crate) open: OpenFolders,
    queue: Mutex<Queue>,
    changed: Condvar,
    failure: Mutex<Option<BackupError>>,
    pub(crate) roots: Mutex<Vec<Entry>>,
    /// What was read of files with several names, by file system and inode.
    pub(crate) links: Mutex<HashMap<(u64, u64), Linked>>,
    pub(crate) file_systems: Mutex<Vec<u64>>,
    pub(crate) accounts: Accounts,
    pub(crate) avoid: Avoid,
    pub(crate) counts: Counts,
}

/// The entries of a folder in the parent snapshot, a page at a time. Where a page can not be read, what is in it is
/// simply read anew.
struct OldEntries<'a> {
    repository: &'a Repository,
    pages: std::vec::IntoIter<ChunkId>,
    entries: Peekable<std::vec::IntoIter<Entry>>,
}

impl<'a> OldEntries<'a> {
    fn new(repository: &'a Repository, pages: Vec<ChunkId>) -> Self {
        Self { repository, pages: pages.into_iter(), entries: Vec::new().into_iter().peekable() }
    }

    /// The entry of this name; names have to be asked for in their order.
    fn find(&mut self, name: &[u8]) -> Option<Entry> {
        loop {
            while self.entries.next_if(|old| old.name.as_slice() < name).is_some() {}
            if self.entries.peek().is_some() {
                return self.entries.next_if(|old| old.name == name);
            }
            let page = self.pages.next()?;
            let entries = self.repository.read_folder(std::slice::from_ref(&page)).unwrap_or_default();
            self.entries = entries.into_iter().peekable();
        }
    }
}

/// Stops the walk if the thread it lives in breaks off: the others would wait for its part for ever.
struct StopOnPanic<'walk, 'a>(&'walk Walk<'a>);

impl Drop for StopOnPanic<'_, '_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop(RepositoryError::Stopped { why: "a reading thread broke off".into() }.into());
        }
    }
}

pub(crate) fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        writer: &'a Writer,
        rules: &'a Rules,
        control: &'a Control,
        parent: Option<&'a Snapshot>,
        started: Timestamp,
        checkpoints: Option<Checkpoints<'a>>,
    ) -> Self {
        Self {
            repository,
            writer,
            rules,
            control,
            parent,
            parent_started: parent.map_or_else(Timestamp::default, |parent| parent.started),
            started,
            checkpoints,
            sources: Vec::new(),
            open: OpenFolders::default(),
            queue: Mutex::default(),
            changed: Condvar::new(),
            failure: Mutex::new(None),
            roots: Mutex::default(),
            links: Mutex::default(),
            file_systems: Mutex::default(),
            accounts: Accounts::new(),
            avoid: Avoid::default(),
            counts: Counts::default(),
        }
    }

    /// Walks the sources. Gives the pages of the top folder, those sources that are in it, and the counts.
    pub(crate) fn run(
        mut self,
        mut sources: Vec<(PathBuf, SnapshotSource)>,
        avoid: Avoid,
        readers: usize,
    ) -> Result<Walked, BackupError> {
        self.avoid = avoid;
        self.sources.clone_from(&sources);
        let old_roots = self.old_roots();
        let mut reader = FileReader::new(self.repository, self.writer.sink()?);
        let mut trouble = None;
        for (path, source) in &sources {
            // The parent's entry of the same path, under whatever name it hangs there.
            let old = self
                .parent
                .and_then(|parent| parent.sources.iter().find(|old| old.path == source.path))
                .and_then(|old| old_roots.iter().find(|entry| entry.name == old.root))
                .cloned();
            if let Err(error) = self.start_source(path, &source.root, old, &mut reader)? {
                self.problem(&error, "A whole source could not be read, and is missing from this snapshot.");
                trouble = Some(error);
            }
        }
        reader.finish()?;
        self.work_together(readers);
        self.open.clear();
        if let Some(error) = self.failure.into_inner() {
            return Err(error);
        }
        let mut roots = self.roots.into_inner();
        if let (true, Some(error)) = (roots.is_empty(), trouble) {
            return Err(BackupError::Source(error));
        }
        self.control.set_total_known();
        roots.sort_by(|a, b| a.name.cmp(&b.name));
        sources.retain(|(_, source)| roots.iter().any(|entry| entry.name == source.root));
        let root_pages = self.writer.write_folder(&roots)?;
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counts = SnapshotStatistics {
            files: count(&self.counts.files),
            folders: count(&self.counts.folders),
            others: count(&self.counts.others),
            size_bytes: count(&self.counts.size_bytes),
            files_new: count(&self.counts.new),
            files_changed: count(&self.counts.changed),
            files_unchanged: count(&self.counts.unchanged),
            ..SnapshotStatistics::default()
        };
        let sources = sources.into_iter().map(|(_, source)| source).collect();
        Ok(Walked { root_pages, sources, counts, resumed: count(&self.counts.resumed) })
    }

    /// Runs the reading threads, and the one that makes checkpoints, to their end.
    fn work_together(&self, readers: usize) {
        let ended = Ended::default();
        let panicked = std::thread::scope(|scope| {
            let named = |name: &str| std::thread::Builder::new().name(name.into()).stack_size(STACK_BYTES);
            let no_thread = |error: std::io::Error| {
                let what = format!("the number of threads this system allows ({error})");
                self.stop(RepositoryError::Limit { what }.into());
            };
            let read = || {
                let _guard = StopOnPanic(self);
                if let Err(error) = self.work() {
                    self.stop(error);
                }
            };
            if let Some(checkpoints) = &self.checkpoints {
                let make = || self.make_checkpoints(checkpoints, &ended);
                named("checkpoint").spawn_scoped(scope, make).map_or_else(no_thread, drop);
            }
            let threads: Vec<_> = (0..readers.max(1))
                .filter_map(|_| named("read").spawn_scoped(scope, read).map_err(no_thread).ok())
                .collect();
            let endings: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            ended.tell();
            endings.into_iter().find_map(Result::err)
        });
        if let Some(panic) = panicked {
            std::panic::resume_unwind(panic);
        }
    }

    fn old_roots(&self) -> Vec<Entry> {
        let read = |parent: &Snapshot| self.repository.read_folder(&parent.root_pages).unwrap_or_default();
        self.parent.map(read).unwrap_or_default()
    }

    fn stop(&self, error: BackupError) {
        self.failure.lock().get_or_insert(error);
        let mut queue = self.queue.lock();
        queue.stopped = true;
        queue.tasks.clear();
        self.changed.notify_all();
    }

    fn work(&self) -> Result<(), BackupError> {
        let mut reader = FileReader::new(self.repository, self.writer.sink()?);
        while let Some(task) = self.next_task() {
            self.control.checkpoint().map_err(RepositoryError::from)?;
            match task {
                Task::Folder { parent, entry, known } => {
                    self.open_folder(&parent, *entry, *known, &mut reader)?;
                }
                Task::Files { node, files } => {
                    self.files(&node, files, &mut reader)?;
                    self.part_done(node)?;
                }
            }
            let mut queue = self.queue.lock();
            queue.working -= 1;
            if queue.working == 0 && queue.tasks.is_empty() {
                self.changed.notify_all();
            }
        }
        Ok(reader.finish()?)
    }

    fn next_task(&self) -> Option<Task> {
        let mut queue = self.queue.lock();
        loop {
            if queue.stopped {
                return None;
            }
            if let Some(task) = queue.tasks.pop() {
                queue.working += 1;
                return Some(task);
            }
            if queue.working == 0 {
                return None;
            }
            self.changed.wait(&mut queue);
        }
    }

    /// Puts tasks on the stack so that the first of them is taken first.
    fn push(&self, tasks: Vec<Task>) {
        if tasks.is_empty() {
            return;
        }
        let mut queue = self.queue.lock();
        if !queue.stopped {
            queue.tasks.extend(tasks.into_iter().rev());
            self.changed.notify_all();
        }
    }

    pub(crate) fn node(
        &self,
        parent: Option<Arc<Node>>,
        folder: Folder,
        mut entry: Entry,
        stat: &Stat,
        old: Option<&Entry>,
    ) -> Arc<Node> {
        let is_known = |old: &&Entry| {
            old.kind == EntryKind::Folder
                && old.identity == entry.identity
                && !plan::is_racy(old.identity.changed, self.parent_started)
        };
        match old.filter(is_known) {
            Some(old) => entry.metadata.extended_attributes.clone_from(&old.metadata.extended_attributes),
            None => match folder.extended_attributes_self() {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => {
                    self.problem(&error, "The folder's extended attributes are missing from this snapshot.")
                }
            },
        }
        let number = self.open.number();
        let node = Arc::new(Node {
            parent,
            number,
            folder,
            file_system: stat.file_system,
            entry: Mutex::new(entry),
            entries: Mutex::default(),
            open_parts: AtomicUsize::new(1),
        });
        if self.checkpoints.is_some() {
            self.open.add(number, &node);
        }
        node
    }

    fn open_folder(
        &self,
        parent: &Arc<Node>,
        entry: Entry,
        known: Known,
        reader: &mut FileReader,
    ) -> Result<(), BackupError> {
        let opened = parent.folder.open_child(&entry.name).and_then(|folder| {
            let stat = folder.stat_self()?;
            Ok((folder, stat))
        });
        match opened {
            Ok((folder, stat)) => {
                // The place itself is kept: something is mounted there again after a restore.
                let is_made_up = stat.file_system != parent.file_system && folder.is_made_up_by_system();
                let node = self.node(Some(Arc::clone(parent)), folder, entry, &stat, known.old.as_ref());
                if is_made_up {
                    bump(&self.counts.folders);
                    self.control.add_done(1, 0);
                    return self.part_done(node);
                }
                self.list(&node, known, reader)
            }
            Err(error) => {
                self.problem(&error, "The folder could not be read, and is missing from this snapshot.");
                self.control.add_done(1, 0);
                self.part_done(Arc::clone(parent))
            }
        }
    }

    /// Lists a folder, takes over what is unchanged, reads the first batch of the rest, and leaves the others and the
    /// folders in it as tasks.
    pub(crate) fn list(
        &self,
        node: &Arc<Node>,
        known: Known,
        reader: &mut FileReader,
    ) -> Result<(), BackupError> {
        bump(&self.counts.folders);
        self.control.set_current(node.folder.path().as_bytes());
        let names = match node.folder.names() {
            Ok(names) => names,
            Err(error) => {
                self.problem(
                    &error,
                    "The folder could not be listed: what is in it is missing from this snapshot.",
                );
                Vec::new()
            }
        };
        let names = in_order(names);
        let is_cache = self.rules.exclude_caches && self.is_cache(&node.folder, &names);
        let mut done = OldEntries::new(self.repository, self.pages_done(node, known.done));
        let mut old = OldEntries::new(self.repository, known.old.map(|old| old.pages).unwrap_or_default());
        let mut folders = Vec::new();
        let mut files = Vec::new();
        let mut prefix = if self.rules.has_patterns() { prefix(node) } else { Vec::new() };
        for item in names {
            if is_cache && item.name != CACHE_TAG_NAME {
                continue;
            }
            let (old, done) = (old.find(&item.name), done.find(&item.name));
            let stat = match node.folder.stat(&item.name) {
                Ok(stat) => stat,
                Err(error) => {
                    self.vanished_or_unreadable(&error);
                    continue;
                }
            };
            if self.is_left_out(node, &mut prefix, &item.name, &stat) {
                continue;
            }
            match stat.kind {
                EntryKind::Folder => {
                    let entry = Box::new(self.entry(item.name, &stat));
                    let known = Box::new(Known { old, done });
                    folders.push(Task::Folder { parent: Arc::clone(node), entry, known });
                }
                EntryKind::File => {
                    self.control.add_total(1, stat.size_bytes);
                    let was_there = old.is_some();
                    let taken = old.is_some_and(|old| self.take_over(node, &item.name, &stat, old))
                        || done.is_some_and(|done| self.resume(node, &item.name, &stat, done, was_there));
                    if !taken {
                        files.push(FileTask { name: item.name, stat, was_there });
                    }
                }
                _ => {
                    let entry = self.entry(item.name, &stat);
                    node.entries.lock().extend(self.other(&node.folder, entry));
                }
            }
        }
        self.control.add_total(folders.len() as u64, 0);
        if node.folder.depth() >= DEPTH_LIMIT && !folders.is_empty() {
            folders.clear();
            self.control.problem(Problem::new(
                node.folder.path(),
                "Folders below this one are missing from this snapshot.",
                format!("they lie more than {DEPTH_LIMIT} levels deep"),
                "Look whether such a tree is meant to be.",
            ));
        }
        let mut batches = into_batches(files).into_iter();
        let first = batches.next();
        let mut tasks: Vec<Task> =
            batches.map(|files| Task::Files { node: Arc::clone(node), files }).collect();
        tasks.append(&mut folders);
        node.open_parts.fetch_add(tasks.len(), Ordering::AcqRel);
        self.push(tasks);
        if let Some(files) = first {
            self.files(node, files, reader)?;
        }
        self.control.add_done(1, 0);
        self.part_done(Arc::clone(node))
    }

    fn is_cache(&self, folder: &Folder, names: &[NamedItem]) -> bool {
        if names.binary_search_by(|item| item.name.as_slice().cmp(CACHE_TAG_NAME)).is_err() {
            return false;
        }
        let mut signature = [0; CACHE_TAG_SIGNATURE.len()];
        folder
            .open_file(CACHE_TAG_NAME)
            .and_then(|file| file.read_at(&mut signature, 0))
            .is_ok_and(|_| signature == *CACHE_TAG_SIGNATURE)
    }

    /// `prefix` is the folder's path below its source with a slash at the end, and so again afterwards.
    fn is_left_out(&self, node: &Node, prefix: &mut Vec<u8>, name: &[u8], stat: &Stat) -> bool {
        let is_folder = stat.kind == EntryKind::Folder;
        if is_folder && self.avoid.is(stat) {
            return true;
        }
        if self.rules.one_file_system && is_folder && stat.file_system != node.file_system {
            return true;
        }
        if stat.kind == EntryKind::File && self.rules.excludes_size(stat.size_bytes) {
            return true;
        }
        if !self.rules.has_patterns() {
            return false;
        }
        let length = prefix.len();
        prefix.extend_from_slice(name);
        let excluded = self.rules.excludes(prefix, is_folder);
        prefix.truncate(length);
        excluded
    }

    /// A part of a folder is done. Whoever was the last writes the folder, and so on upwards.
    fn part_done(&self, mut node: Arc<Node>) -> Result<(), BackupError> {
        while node.open_parts.fetch_sub(1, Ordering::AcqRel) == 1 {
            let mut entries = std::mem::take(&mut *node.entries.lock());
            entries.sort_unstable_by(|a, b| a.name.cmp(&b.name));
            let pages = self.writer.write_folder(&entries)?;
            let mut entry =
                std::mem::replace(&mut *node.entry.lock(), Entry::new(Vec::new(), EntryKind::Folder));
            entry.pages = pages;
            node.folder.release();
            let parent = node.parent.clone();
            match &parent {
                Some(parent) => parent.entries.lock().push(entry),
                None => self.roots.lock().push(entry),
            }
            self.open.remove(node.number);
            let Some(parent) = parent else { return Ok(()) };
            node = parent;
        }
        Ok(())
    }
}

/// The path of a folder below its source, with a slash at the end; nothing for the source itself. Put together when it
/// is needed: kept in every folder of a deep tree, it would take more memory than the tree.
fn prefix(node: &Node) -> Vec<u8> {
    let mut names = Vec::new();
    let mut at = node;
    while let Some(parent) = &at.parent {
        names.push(at.entry.lock().name.clone());
        at = parent;
    }
    let mut prefix = Vec::new();
    for name in names.into_iter().rev() {
        prefix.extend_from_slice(&name);
        prefix.push(b'/');
    }
    prefix
}
