//! Walking the sources and reading what changed, with many threads and without recursion.
//!
//! Work is a stack of tasks: list a folder, or read a batch of its files. A folder knows how many of its parts are
//! still open; whoever finishes the last one writes the folder's pages and reports it to its parent. Taking the newest
//! task first walks depth first, which bounds the stack and keeps a folder's files together in the packs.
//!
//! Invariants:
//! 1. Symbolic links are kept, never followed; only a source itself may be reached through one.
//! 2. What can not be read is a problem and is left out; the rest goes on.
//! 3. A file is taken over only if all its chunks are stored where they can be read.
//!
//! Deliberately not here: the decision itself (`plan`), chunks (`file_reader`).

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Accounts, Folder, Stat};
use keepwell_model::{
    ChunkId, Content, Control, Entry, EntryKind, Metadata, Piece, Problem, RelativePath, Snapshot,
    SnapshotSource, SnapshotStatistics, Timestamp,
};
use keepwell_repository::{Repository, RepositoryError, Writer};
use parking_lot::{Condvar, Mutex};

use crate::backup::BackupError;
use crate::file_reader::{FileReader, ReadError};
use crate::plan::{self, Seen};
use crate::rules::{CACHE_TAG_NAME, CACHE_TAG_SIGNATURE, Rules};

/// Deeper trees are told as a problem.
const DEPTH_LIMIT: usize = 16_384;
/// A folder's files are read in batches, so that several threads can share a large folder.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 32 << 20;
/// Reading a file again because it changed meanwhile: as often as this, and only up to this size.
const READ_ATTEMPTS: usize = 3;
const READ_AGAIN_LIMIT_BYTES: u64 = 64 << 20;
const STACK_BYTES: usize = 8 << 20;

/// A folder whose entries are being gathered.
struct Node {
    parent: Option<Arc<Node>>,
    folder: Folder,
    /// Relative to the source; kept only where rules ask for it.
    path: RelativePath,
    file_system: u64,
    entry: Mutex<Entry>,
    entries: Mutex<Vec<Entry>>,
    /// Parts still open: itself, its folders, its batches of files.
    open_parts: AtomicUsize,
}

struct FileTask {
    entry: Entry,
    stat: Stat,
    old: Option<Entry>,
}

enum Task {
    Folder { parent: Arc<Node>, entry: Box<Entry>, old: Option<Box<Entry>> },
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
struct Counts {
    files: AtomicU64,
    folders: AtomicU64,
    others: AtomicU64,
    size_bytes: AtomicU64,
    new: AtomicU64,
    changed: AtomicU64,
    unchanged: AtomicU64,
}

/// One walk over all sources.
pub(crate) struct Walk<'a> {
    repository: &'a Repository,
    writer: &'a Writer,
    rules: &'a Rules,
    control: &'a Control,
    parent: Option<&'a Snapshot>,
    parent_started: Timestamp,
    queue: Mutex<Queue>,
    changed: Condvar,
    failure: Mutex<Option<BackupError>>,
    roots: Mutex<Vec<Entry>>,
    /// Content of files with several names, by file system and inode.
    links: Mutex<HashMap<(u64, u64), Content>>,
    file_systems: Mutex<Vec<u64>>,
    accounts: Accounts,
    avoid: Vec<(u64, u64)>,
    counts: Counts,
}

fn bump(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        repository: &'a Repository,
        writer: &'a Writer,
        rules: &'a Rules,
        control: &'a Control,
        parent: Option<&'a Snapshot>,
    ) -> Self {
        Self {
            repository,
            writer,
            rules,
            control,
            parent,
            parent_started: parent.map_or_else(Timestamp::default, |parent| parent.started),
            queue: Mutex::default(),
            changed: Condvar::new(),
            failure: Mutex::new(None),
            roots: Mutex::default(),
            links: Mutex::default(),
            file_systems: Mutex::default(),
            accounts: Accounts::new(),
            avoid: Vec::new(),
            counts: Counts::default(),
        }
    }

    /// File system and inode of folders, by which they are known again wherever they turn up.
    pub(crate) fn identities(&self, folders: &[PathBuf]) -> Vec<(u64, u64)> {
        let stats = folders.iter().filter_map(|path| Folder::open(path).ok()?.stat_self().ok());
        stats.filter(|stat| stat.inode != 0).map(|stat| (stat.file_system, stat.inode)).collect()
    }

    /// Walks the sources. Gives the pages of the top folder and the counts.
    pub(crate) fn run(
        mut self,
        sources: &[(PathBuf, SnapshotSource)],
        avoid: Vec<(u64, u64)>,
        readers: usize,
    ) -> Result<(Vec<ChunkId>, SnapshotStatistics), BackupError> {
        self.avoid = avoid;
        let old_roots = self.old_roots();
        let mut reader = FileReader::new(self.repository, self.writer.sink()?);
        let mut trouble = None;
        for (path, source) in sources {
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
        std::thread::scope(|scope| {
            for _ in 0..readers.max(1) {
                let work = || {
                    if let Err(error) = self.work() {
                        self.stop(error);
                    }
                };
                let builder = std::thread::Builder::new().name("read".into()).stack_size(STACK_BYTES);
                if let Err(error) = builder.spawn_scoped(scope, work) {
                    let what = format!("the number of threads this system allows ({error})");
                    self.stop(RepositoryError::Limit { what }.into());
                }
            }
        });
        if let Some(error) = self.failure.into_inner() {
            return Err(error);
        }
        let mut roots = self.roots.into_inner();
        if let (true, Some(error)) = (roots.is_empty(), trouble) {
            return Err(BackupError::Source(error));
        }
        self.control.set_total_known();
        roots.sort_by(|a, b| a.name.cmp(&b.name));
        let pages = self.writer.write_folder(&roots)?;
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
        Ok((pages, counts))
    }

    fn old_roots(&self) -> Vec<Entry> {
        self.parent.map(|parent| self.old_entries(&parent.root_pages)).unwrap_or_default()
    }

    /// A folder of the parent snapshot; where it can not be read, everything in it is simply read anew.
    fn old_entries(&self, pages: &[ChunkId]) -> Vec<Entry> {
        self.repository.read_folder(pages).unwrap_or_default()
    }

    /// Puts a source on the stack, or reads it at once if it is a file.
    fn start_source(
        &self,
        path: &std::path::Path,
        root: &[u8],
        old: Option<Entry>,
        reader: &mut FileReader,
    ) -> Result<Result<(), EndpointError>, BackupError> {
        match Folder::open(path) {
            Ok(folder) => {
                let stat = match folder.stat_self() {
                    Ok(stat) => stat,
                    Err(error) => return Ok(Err(error)),
                };
                let entry = self.entry(root.to_vec(), &stat);
                let node = self.node(None, folder, entry, &stat, old.as_ref());
                self.list(&node, old, reader)?;
                Ok(Ok(()))
            }
            Err(folder_error) => {
                let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
                    return Ok(Err(folder_error));
                };
                let name = name.as_encoded_bytes();
                let folder = match Folder::open(parent) {
                    Ok(folder) => folder,
                    Err(_) => return Ok(Err(folder_error)),
                };
                match folder.stat(name) {
                    Ok(stat) if stat.kind != EntryKind::Folder => {
                        let mut entry = self.entry(name.to_vec(), &stat);
                        self.control.add_total(1, entry.size_bytes);
                        if stat.kind == EntryKind::File {
                            let file = FileTask { entry, stat, old };
                            let Some(read) = self.file(&folder, file, reader)? else {
                                return Ok(Err(folder_error));
                            };
                            entry = read;
                        } else {
                            entry = self.other(&folder, entry);
                        }
                        entry.name = root.to_vec();
                        self.roots.lock().push(entry);
                        Ok(Ok(()))
                    }
                    Ok(_) => Ok(Err(folder_error)),
                    Err(error) => Ok(Err(error)),
                }
            }
        }
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
                Task::Folder { parent, entry, old } => {
                    self.open_folder(&parent, *entry, old.map(|old| *old), &mut reader)?;
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

    fn node(
        &self,
        parent: Option<Arc<Node>>,
        folder: Folder,
        mut entry: Entry,
        stat: &Stat,
        old: Option<&Entry>,
    ) -> Arc<Node> {
        match old.filter(|old| old.kind == EntryKind::Folder && old.identity == entry.identity) {
            Some(old) => entry.metadata.extended_attributes.clone_from(&old.metadata.extended_attributes),
            None => match folder.extended_attributes_self() {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => {
                    self.problem(&error, "The folder's extended attributes are missing from this snapshot.")
                }
            },
        }
        let path = match &parent {
            Some(parent) if self.rules.has_patterns() => parent.path.join(&entry.name).unwrap_or_default(),
            _ => RelativePath::root(),
        };
        Arc::new(Node {
            parent,
            folder,
            path,
            file_system: stat.file_system,
            entry: Mutex::new(entry),
            entries: Mutex::default(),
            open_parts: AtomicUsize::new(1),
        })
    }

    fn open_folder(
        &self,
        parent: &Arc<Node>,
        entry: Entry,
        old: Option<Entry>,
        reader: &mut FileReader,
    ) -> Result<(), BackupError> {
        let opened = parent.folder.open_child(&entry.name).and_then(|folder| {
            let stat = folder.stat_self()?;
            Ok((folder, stat))
        });
        match opened {
            Ok((folder, stat)) => {
                let node = self.node(Some(Arc::clone(parent)), folder, entry, &stat, old.as_ref());
                self.list(&node, old, reader)
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
    fn list(&self, node: &Arc<Node>, old: Option<Entry>, reader: &mut FileReader) -> Result<(), BackupError> {
        bump(&self.counts.folders);
        self.control.set_current(node.folder.path().as_bytes());
        let mut names = match node.folder.names() {
            Ok(names) => names,
            Err(error) => {
                self.problem(
                    &error,
                    "The folder could not be listed: what is in it is missing from this snapshot.",
                );
                Vec::new()
            }
        };
        names.sort();
        let is_cache = self.rules.exclude_caches && self.is_cache(&node.folder, &names);
        let mut old = old.map(|old| self.old_entries(&old.pages)).unwrap_or_default().into_iter().peekable();
        let mut folders = Vec::new();
        let mut files = Vec::new();
        let mut total_bytes = 0;
        for item in names {
            if is_cache && item.name != CACHE_TAG_NAME {
                continue;
            }
            while old.next_if(|old| old.name < item.name).is_some() {}
            let old = old.next_if(|old| old.name == item.name);
            let stat = match node.folder.stat(&item.name) {
                Ok(stat) => stat,
                Err(error) => {
                    self.vanished_or_unreadable(&error);
                    continue;
                }
            };
            if self.is_left_out(node, &item.name, &stat) {
                continue;
            }
            let entry = self.entry(item.name, &stat);
            total_bytes += entry.size_bytes;
            match stat.kind {
                EntryKind::Folder => {
                    let (entry, old) = (Box::new(entry), old.map(Box::new));
                    folders.push(Task::Folder { parent: Arc::clone(node), entry, old });
                }
                EntryKind::File => files.push(FileTask { entry, stat, old }),
                _ => node.entries.lock().push(self.other(&node.folder, entry)),
            }
        }
        self.control.add_total((folders.len() + files.len()) as u64, total_bytes);
        if node.folder.depth() >= DEPTH_LIMIT && !folders.is_empty() {
            folders.clear();
            self.control.problem(Problem::new(
                node.folder.path(),
                "Folders below this one are missing from this snapshot.",
                format!("they lie more than {DEPTH_LIMIT} levels deep"),
                "Look whether such a tree is meant to be.",
            ));
        }
        files.retain_mut(|file| !self.take_over(node, file));
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

    fn is_cache(&self, folder: &Folder, names: &[keepwell_endpoint::local::NamedItem]) -> bool {
        if names.binary_search_by(|item| item.name.as_slice().cmp(CACHE_TAG_NAME)).is_err() {
            return false;
        }
        let mut signature = [0; CACHE_TAG_SIGNATURE.len()];
        folder
            .open_file(CACHE_TAG_NAME)
            .and_then(|file| file.read_at(&mut signature, 0))
            .is_ok_and(|_| signature == *CACHE_TAG_SIGNATURE)
    }

    fn is_left_out(&self, node: &Node, name: &[u8], stat: &Stat) -> bool {
        let is_folder = stat.kind == EntryKind::Folder;
        if is_folder && self.avoid.contains(&(stat.file_system, stat.inode)) {
            return true;
        }
        if self.rules.one_file_system && is_folder && stat.file_system != node.file_system {
            return true;
        }
        if stat.kind == EntryKind::File && self.rules.excludes_size(stat.size_bytes) {
            return true;
        }
        self.rules.has_patterns()
            && node.path.join(name).is_ok_and(|path| self.rules.excludes(&path, is_folder))
    }

    fn entry(&self, name: Vec<u8>, stat: &Stat) -> Entry {
        let mut entry = Entry::new(name, stat.kind);
        let size_bytes =
            if matches!(stat.kind, EntryKind::File | EntryKind::Symlink) { stat.size_bytes } else { 0 };
        entry.size_bytes = size_bytes;
        entry.metadata = Metadata {
            user_name: self.accounts.user_name(stat.user_id),
            group_name: self.accounts.group_name(stat.group_id),
            ..stat.metadata()
        };
        entry.identity = stat.identity();
        if stat.kind == EntryKind::File && stat.link_count > 1 && stat.inode != 0 {
            entry.link_group = Some(self.link_group(stat));
        }
        entry.device = stat.device;
        entry
    }

    /// A number that files with several names share: their inode, kept apart by file system where there are several.
    fn link_group(&self, stat: &Stat) -> u64 {
        let mut known = self.file_systems.lock();
        let ordinal = known.iter().position(|known| *known == stat.file_system).unwrap_or_else(|| {
            known.push(stat.file_system);
            known.len() - 1
        });
        stat.inode ^ (ordinal as u64) << 48
    }

    /// Whether an unchanged file could be taken over from the parent snapshot; if so, that is done.
    fn take_over(&self, node: &Node, file: &mut FileTask) -> bool {
        let Some(old) = &mut file.old else { return false };
        let stat = &file.stat;
        let seen = Seen { size_bytes: stat.size_bytes, modified: stat.modified, identity: stat.identity() };
        if self.parent.is_none() || !plan::is_unchanged(&seen, old, self.parent_started) {
            return false;
        }
        let Some(content) = old.content.take() else { return false };
        let stored = content.pieces.iter().all(|piece| match piece {
            Piece::Chunk { id, .. } => self.writer.is_stored(id),
            Piece::Hole { .. } => true,
        });
        if !stored {
            return false;
        }
        let mut entry = std::mem::replace(&mut file.entry, Entry::new(Vec::new(), EntryKind::File));
        entry.metadata.extended_attributes = std::mem::take(&mut old.metadata.extended_attributes);
        entry.content = Some(content);
        self.control.add_done(1, entry.size_bytes);
        bump(&self.counts.unchanged);
        self.count_file(&entry);
        node.entries.lock().push(entry);
        true
    }

    fn count_file(&self, entry: &Entry) {
        bump(&self.counts.files);
        self.counts.size_bytes.fetch_add(entry.size_bytes, Ordering::Relaxed);
    }

    fn other(&self, folder: &Folder, mut entry: Entry) -> Entry {
        bump(&self.counts.others);
        if entry.kind == EntryKind::Symlink {
            match folder.read_link(&entry.name) {
                Ok(target) => {
                    entry.size_bytes = target.len() as u64;
                    entry.target = Some(target);
                }
                Err(error) => self.problem(&error, "Where the link points is missing from this snapshot."),
            }
        }
        match folder.extended_attributes(&entry.name) {
            Ok(attributes) => entry.metadata.extended_attributes = attributes,
            Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
        }
        entry
    }

    fn files(&self, node: &Node, files: Vec<FileTask>, reader: &mut FileReader) -> Result<(), BackupError> {
        let mut entries = Vec::with_capacity(files.len());
        for file in files {
            self.control.checkpoint().map_err(RepositoryError::from)?;
            entries.extend(self.file(&node.folder, file, reader)?);
        }
        node.entries.lock().append(&mut entries);
        Ok(())
    }

    /// Reads one file; nothing where it can not be read.
    fn file(
        &self,
        folder: &Folder,
        file: FileTask,
        reader: &mut FileReader,
    ) -> Result<Option<Entry>, BackupError> {
        let FileTask { mut entry, mut stat, old } = file;
        let was_there = old.is_some();
        let link = entry.link_group.map(|_| (stat.file_system, stat.inode));
        if stat.size_bytes > READ_AGAIN_LIMIT_BYTES {
            self.control.set_current(folder.path_of(&entry.name).as_bytes());
        }
        let linked = link.and_then(|link| self.links.lock().get(&link).cloned());
        if let Some(content) = linked {
            self.control.add_done(0, entry.size_bytes);
            entry.content = Some(content);
            // The first name read the attributes; they belong to the file, so this one has the same.
            match folder.extended_attributes(&entry.name) {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
            }
        } else {
            let read = self.read_standing_still(folder, &mut entry, &mut stat, reader)?;
            let Some(content) = read else {
                self.control.add_done(1, 0);
                return Ok(None);
            };
            if let Some(link) = link {
                self.links.lock().insert(link, content.clone());
            }
            entry.content = Some(content);
        }
        self.control.add_done(1, 0);
        bump(if was_there { &self.counts.changed } else { &self.counts.new });
        self.count_file(&entry);
        Ok(Some(entry))
    }

    /// Reads a file, again if it changed meanwhile. The entry then describes what was read.
    fn read_standing_still(
        &self,
        folder: &Folder,
        entry: &mut Entry,
        stat: &mut Stat,
        reader: &mut FileReader,
    ) -> Result<Option<Content>, BackupError> {
        for attempt in 1..=READ_ATTEMPTS {
            let opened = folder.open_file(&entry.name);
            let mut file = match opened {
                Ok(file) => file,
                Err(error) => {
                    self.vanished_or_unreadable(&error);
                    return Ok(None);
                }
            };
            let read = reader.read(&mut file, stat.size_bytes, stat.allocated_bytes, self.control);
            let (content, size_bytes) = match read {
                Ok(read) => read,
                Err(ReadError::File(error)) => {
                    self.problem(&error, "The file could not be read, and is missing from this snapshot.");
                    return Ok(None);
                }
                Err(ReadError::Repository(error)) => return Err(error.into()),
            };
            match file.extended_attributes() {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
            }
            entry.size_bytes = size_bytes;
            let after = match file.stat() {
                Ok(after) => after,
                Err(error) => {
                    self.problem(&error, "It could not be seen whether the file changed while it was read.");
                    return Ok(Some(content));
                }
            };
            if after.kind != EntryKind::File {
                let error = EndpointError::Unexpected {
                    path: folder.path_of(&entry.name),
                    why: "it is no longer a file".into(),
                };
                self.problem(&error, "It was replaced while it was read, and is missing from this snapshot.");
                return Ok(None);
            }
            let stood_still = after.size_bytes == stat.size_bytes
                && after.modified == stat.modified
                && after.identity() == stat.identity()
                && size_bytes == stat.size_bytes;
            if stood_still {
                return Ok(Some(content));
            }
            if attempt == READ_ATTEMPTS || after.size_bytes > READ_AGAIN_LIMIT_BYTES {
                self.control.problem(Problem::new(
                    folder.path_of(&entry.name),
                    "The file changed while it was read. This snapshot holds it as it was read, which may be a mixture.",
                    "another program was writing to it",
                    "Back it up again when nothing writes to it.",
                ));
                return Ok(Some(content));
            }
            *stat = after;
            let name = std::mem::take(&mut entry.name);
            let link_group = entry.link_group;
            *entry = self.entry(name, stat);
            entry.link_group = link_group;
        }
        Ok(None)
    }

    fn vanished_or_unreadable(&self, error: &EndpointError) {
        let what = if matches!(error, EndpointError::NotFound { .. }) {
            "It vanished while the backup ran, and is missing from this snapshot."
        } else {
            "It could not be read, and is missing from this snapshot."
        };
        self.problem(error, what);
    }

    fn problem(&self, error: &EndpointError, what: &str) {
        let why = error.to_string();
        self.control.problem(Problem::new(error.path(), what, why, error.next_step()));
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
            match node.parent.clone() {
                Some(parent) => {
                    parent.entries.lock().push(entry);
                    node = parent;
                }
                None => {
                    self.roots.lock().push(entry);
                    return Ok(());
                }
            }
        }
        Ok(())
    }
}

/// Parts of a folder's files that several threads can share.
fn into_batches(files: Vec<FileTask>) -> Vec<Vec<FileTask>> {
    let mut batches: Vec<Vec<FileTask>> = Vec::new();
    let mut bytes = 0;
    for file in files {
        let full = batches.last().is_none_or(|batch| batch.len() >= BATCH_FILES || bytes >= BATCH_BYTES);
        if full {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes += file.entry.size_bytes;
        if let Some(batch) = batches.last_mut() {
            batch.push(file);
        }
    }
    batches
}
