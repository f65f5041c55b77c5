//! Adding to a repository: many threads hand in chunks, groups are compressed and sealed beside them, packs appear.
//!
//! ```text
//! ChunkSink (one a reading thread) --groups--> compressors (one a core) --packs--> publisher --> packs/, index/
//! ```
//!
//! Invariants:
//! 1. A chunk that is already stored, or that another thread of this run has claimed, is not stored again. Places whose
//!    pack is missing or has the wrong size are not trusted: such chunks are stored anew, which heals them.
//! 2. Packs are durable before an index names them, and the index before there is a [`Committed`], which alone can write
//!    a snapshot: writing out of order does not compile.
//! 3. Every queue is bounded: memory is about (readers × 2 + queue + compressors × 2) × 4 MiB, whatever is backed up.
//! 4. The first failure stops all: later calls say so, `finish` returns it, and what is on disk is at most unused packs.
//!
//! Long runs write an index now and then, and stopped ones at their end, so that the next run finds what is stored.
//! [`Writer::flush`] does so at once: what was handed over before is durable and found when it returns.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded, never, select};
use keepwell_model::{ChunkId, ContentHash, Control, Entry, EntryKind, ObjectId, Snapshot, SnapshotId};
use parking_lot::Mutex;

use crate::claims::Claims;
use crate::codec::{Codec, Compressor, looks_incompressible};
use crate::envelope::{FileKind, Operation};
use crate::error::{RepositoryError, Result};
use crate::group::{self, CHUNKS_LIMIT, TARGET_BYTES, TREE_TARGET_BYTES};
use crate::pack::{PackSummary, PackWriter};
use crate::repository::{LoadedIndex, Repository, snapshot_key};
use crate::sealed::FrameType;
use crate::tree::{self, PageBuilder, PieceList};
use crate::{index, random, record, sealed, segment};

/// After so many bytes of new packs an index is written in between.
const CHECKPOINT_BYTES: u64 = 1 << 30;
/// More compressing threads would only cost memory.
const COMPRESSORS_LIMIT: usize = 8;

/// What a run added.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WriterStatistics {
    /// New chunks.
    pub chunks: u64,
    /// Their bytes before compression.
    pub added_bytes: u64,
    /// Bytes written to the repository.
    pub stored_bytes: u64,
}

struct GroupJob {
    frame_type: FrameType,
    incompressible: bool,
    /// Chunks and table; see `group`.
    plain: Vec<u8>,
    chunks: Vec<ChunkId>,
}

/// Whoever asked waits until all copies of this are gone.
type Ack = Sender<()>;

enum PackJob {
    Publish(Box<PackWriter>),
    /// Name everything published so far in an index.
    Index(Ack),
}

/// What all threads of one writer share.
struct Shared {
    repository: Repository,
    loaded: Arc<LoadedIndex>,
    claims: Claims,
    control: Arc<Control>,
    failed: AtomicBool,
    failure: Mutex<Option<RepositoryError>>,
    spare_buffers: Mutex<Vec<Vec<u8>>>,
    open_sinks: AtomicUsize,
    chunks: AtomicU64,
    added_bytes: AtomicU64,
    stored_bytes: AtomicU64,
}

impl Shared {
    fn fail(&self, error: RepositoryError) {
        self.failure.lock().get_or_insert(error);
        self.failed.store(true, Ordering::Release);
    }

    fn check(&self) -> Result<()> {
        if !self.failed.load(Ordering::Acquire) {
            return Ok(());
        }
        let why =
            self.failure.lock().as_ref().map_or_else(|| "the run was stopped".into(), ToString::to_string);
        Err(RepositoryError::Stopped { why })
    }

    fn is_stored(&self, id: &ChunkId) -> bool {
        self.loaded.index.is_stored(id)
    }

    fn buffer(&self) -> Vec<u8> {
        self.spare_buffers.lock().pop().unwrap_or_default()
    }

    fn give_back(&self, mut buffer: Vec<u8>) {
        buffer.clear();
        let mut spare = self.spare_buffers.lock();
        if spare.len() < 2 * COMPRESSORS_LIMIT {
            spare.push(buffer);
        }
    }
}

/// One run of adding to a repository.
pub struct Writer {
    shared: Arc<Shared>,
    data_groups: Option<Sender<GroupJob>>,
    tree: Mutex<Option<ChunkSink>>,
    /// One for each compressing thread, the one of folders last: to have it hand over the pack it is at.
    flushes: Vec<Sender<Ack>>,
    packs: Option<Sender<PackJob>>,
    threads: Vec<JoinHandle<()>>,
}

/// A group in the making.
#[derive(Default)]
struct OpenGroup {
    payload: Vec<u8>,
    lengths: Vec<u32>,
    chunks: Vec<ChunkId>,
}

/// Where one thread hands in its chunks. [`finish`](ChunkSink::finish) it, or what is open is lost and
/// [`Writer::finish`] refuses.
pub struct ChunkSink {
    shared: Arc<Shared>,
    groups: Sender<GroupJob>,
    frame_type: FrameType,
    target_bytes: usize,
    compressible: OpenGroup,
    incompressible: OpenGroup,
}

impl ChunkSink {
    fn new(
        shared: &Arc<Shared>,
        groups: &Sender<GroupJob>,
        frame_type: FrameType,
        target_bytes: usize,
    ) -> Self {
        shared.open_sinks.fetch_add(1, Ordering::AcqRel);
        Self {
            shared: Arc::clone(shared),
            groups: groups.clone(),
            frame_type,
            target_bytes,
            compressible: OpenGroup::default(),
            incompressible: OpenGroup::default(),
        }
    }

    /// Stores a chunk unless it is stored already. Says its plain hash and its id.
    ///
    /// # Errors
    /// The run has failed before, here or in another thread.
    pub fn add(&mut self, bytes: &[u8]) -> Result<(ContentHash, ChunkId)> {
        let hash = ContentHash(*blake3::hash(bytes).as_bytes());
        let id = self.shared.repository.chunk_id(&hash);
        self.shared.check()?;
        if self.shared.is_stored(&id) || !self.shared.claims.claim(&id) {
            return Ok((hash, id));
        }
        let length = u32::try_from(bytes.len())
            .map_err(|_| RepositoryError::Limit { what: format!("a chunk of {} bytes", bytes.len()) })?;
        let plain_packing = self.frame_type == FrameType::Data && looks_incompressible(bytes);
        let group = if plain_packing { &self.incompressible } else { &self.compressible };
        if !group.payload.is_empty() && group.payload.len() + bytes.len() > self.target_bytes {
            self.send(plain_packing)?;
        }
        let group = if plain_packing { &mut self.incompressible } else { &mut self.compressible };
        if group.payload.capacity() == 0 {
            group.payload = self.shared.buffer();
        }
        group.payload.extend_from_slice(bytes);
        group.lengths.push(length);
        group.chunks.push(id);
        let full = group.payload.len() >= self.target_bytes || group.chunks.len() >= CHUNKS_LIMIT;
        self.shared.chunks.fetch_add(1, Ordering::Relaxed);
        self.shared.added_bytes.fetch_add(u64::from(length), Ordering::Relaxed);
        if full {
            self.send(plain_packing)?;
        }
        Ok((hash, id))
    }

    fn send(&mut self, incompressible: bool) -> Result<()> {
        let group = if incompressible { &mut self.incompressible } else { &mut self.compressible };
        let mut group = std::mem::take(group);
        if group.chunks.is_empty() {
            return Ok(());
        }
        group::close(&mut group.payload, &group.lengths);
        let job = GroupJob {
            frame_type: self.frame_type,
            incompressible,
            plain: group.payload,
            chunks: group.chunks,
        };
        if self.groups.send(job).is_err() {
            self.shared.fail(RepositoryError::Stopped { why: "a compressing thread ended early".into() });
        }
        self.shared.check()
    }

    /// Hands over what is still open.
    ///
    /// # Errors
    /// The run has failed before, here or in another thread.
    pub fn finish(mut self) -> Result<()> {
        self.send(false)?;
        self.send(true)?;
        self.shared.open_sinks.fetch_sub(1, Ordering::AcqRel);
        Ok(())
    }
}

impl Writer {
    /// Begins a run with as many compressing threads as given (at least 1, at most 8).
    ///
    /// # Errors
    /// The repository needs a newer Keepwell to be written to, or can not be read.
    pub fn begin(repository: &Repository, compressors: usize, control: &Arc<Control>) -> Result<Self> {
        repository.require(Operation::Write)?;
        let loaded = repository.reload_index()?;
        let shared = Arc::new(Shared {
            repository: repository.clone(),
            loaded,
            claims: Claims::new(),
            control: Arc::clone(control),
            failed: AtomicBool::new(false),
            failure: Mutex::new(None),
            spare_buffers: Mutex::default(),
            open_sinks: AtomicUsize::new(0),
            chunks: AtomicU64::new(0),
            added_bytes: AtomicU64::new(0),
            stored_bytes: AtomicU64::new(0),
        });
        let compressors = compressors.clamp(1, COMPRESSORS_LIMIT);
        let (packs_in, packs_out) = bounded::<PackJob>(2);
        let (data_in, data_out) = bounded::<GroupJob>(compressors);
        let (tree_in, tree_out) = bounded::<GroupJob>(4);
        let mut threads = Vec::with_capacity(compressors + 2);
        let mut spawn = |name: &str, work: Box<dyn FnOnce(&Shared) + Send>| {
            let shared = Arc::clone(&shared);
            let thread = std::thread::Builder::new().name(name.into()).spawn(move || work(&shared));
            thread.map(|thread| threads.push(thread)).map_err(|error| RepositoryError::Limit {
                what: format!("the number of threads this system allows ({error})"),
            })
        };
        let mut flushes = Vec::with_capacity(compressors + 1);
        let mut spawn_compressor = |name: &str, groups: Receiver<GroupJob>| {
            let (flush_in, flush_out) = bounded::<Ack>(1);
            let packs = packs_in.clone();
            flushes.push(flush_in);
            spawn(name, Box::new(move |shared| compress_groups(shared, &groups, flush_out, &packs)))
        };
        for _ in 0..compressors {
            spawn_compressor("compress", data_out.clone())?;
        }
        spawn_compressor("compress-tree", tree_out)?;
        spawn("publish", Box::new(move |shared| publish_packs(shared, &packs_out)))?;
        let tree = ChunkSink::new(&shared, &tree_in, FrameType::Tree, TREE_TARGET_BYTES);
        Ok(Self {
            shared,
            data_groups: Some(data_in),
            tree: Mutex::new(Some(tree)),
            flushes,
            packs: Some(packs_in),
            threads,
        })
    }

    /// A place for one thread to hand in file data.
    ///
    /// # Errors
    /// The run is over.
    pub fn sink(&self) -> Result<ChunkSink> {
        let groups = self.data_groups.as_ref().ok_or_else(|| self.over())?;
        Ok(ChunkSink::new(&self.shared, groups, FrameType::Data, TARGET_BYTES))
    }

    fn over(&self) -> RepositoryError {
        RepositoryError::Stopped { why: "the run is over".into() }
    }

    /// Whether a chunk is stored in a pack that is there; for taking over unchanged files.
    #[must_use]
    pub fn is_stored(&self, id: &ChunkId) -> bool {
        self.shared.is_stored(id)
    }

    /// Packs that the index names but that are missing or have the wrong size.
    #[must_use]
    pub fn untrusted_packs(&self) -> u64 {
        self.shared.loaded.index.untrusted_packs()
    }

    /// What could not be read of the index, in words. Its chunks are stored again where they turn up.
    #[must_use]
    pub fn index_troubles(&self) -> Vec<String> {
        self.shared.loaded.troubles.iter().map(ToString::to_string).collect()
    }

    /// Stores a folder's entries, which have to be in the order of their names. Gives its pages.
    ///
    /// # Errors
    /// The run has failed before, here or in another thread.
    pub fn write_folder(&self, entries: &[Entry]) -> Result<Vec<ChunkId>> {
        let id_key = &self.shared.repository.ring().id_key;
        let mut pages = Vec::new();
        let mut builder = PageBuilder::new();
        let mut previous = None;
        for entry in entries {
            if let Some(why) = tree::entry_trouble(entry, previous) {
                return Err(RepositoryError::Stopped { why });
            }
            previous = Some(&entry.name);
            let pieces = match &entry.content {
                Some(content) if entry.kind == EntryKind::File => {
                    if tree::is_implied(content, entry.size_bytes, id_key) {
                        PieceList::Implied
                    } else if content.pieces.len() <= tree::INLINE_PIECES_LIMIT {
                        PieceList::Inline
                    } else {
                        let list = tree::encode_piece_pages(&content.pieces);
                        PieceList::Pages(list.map(|page| self.add_tree_chunk(&page)).collect::<Result<_>>()?)
                    }
                }
                _ => PieceList::Implied,
            };
            if let Some(page) = builder.add(entry, &pieces) {
                pages.push(self.add_tree_chunk(&page)?);
            }
        }
        if let Some(page) = builder.finish() {
            pages.push(self.add_tree_chunk(&page)?);
        }
        Ok(pages)
    }

    fn add_tree_chunk(&self, page: &[u8]) -> Result<ChunkId> {
        match &mut *self.tree.lock() {
            Some(sink) => Ok(sink.add(page)?.1),
            None => Err(self.over()),
        }
    }

    /// Makes everything that was handed over as a whole group, and every folder, durable and known to the index, while
    /// the run goes on. What threads still gather in their [`ChunkSink`]s is not part of it.
    ///
    /// # Errors
    /// The run has failed before, here or in another thread.
    pub fn flush(&self) -> Result<()> {
        if let Some(tree) = &mut *self.tree.lock() {
            tree.send(false)?;
        }
        let (ack, all_gone) = bounded::<()>(0);
        for flush in &self.flushes {
            // A thread that is gone has failed; that is told below.
            let _ = flush.send(ack.clone());
        }
        drop(ack);
        let _ = all_gone.recv();
        if let Some(packs) = &self.packs {
            let (ack, gone) = bounded::<()>(0);
            let _ = packs.send(PackJob::Index(ack));
            let _ = gone.recv();
        }
        self.shared.check()
    }

    /// Waits until all packs and the index are durable.
    ///
    /// # Errors
    /// The first failure of any thread.
    pub fn finish(mut self) -> Result<Committed> {
        let tree = self.tree.lock().take();
        if let Some(tree) = tree {
            // A failure is kept in `shared`, and returned below as it first came.
            let _ = tree.finish();
        }
        if self.shared.open_sinks.load(Ordering::Acquire) != 0 {
            self.shared.fail(RepositoryError::Stopped { why: "a reading thread did not finish".into() });
        }
        self.join();
        if let Some(error) = self.shared.failure.lock().take() {
            return Err(error);
        }
        self.shared.check()?;
        let statistics = WriterStatistics {
            chunks: self.shared.chunks.load(Ordering::Relaxed),
            added_bytes: self.shared.added_bytes.load(Ordering::Relaxed),
            stored_bytes: self.shared.stored_bytes.load(Ordering::Relaxed),
        };
        Ok(Committed { repository: self.shared.repository.clone(), statistics })
    }

    fn join(&mut self) {
        self.data_groups = None;
        self.flushes.clear();
        self.packs = None;
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                self.shared.fail(RepositoryError::Stopped { why: "a thread of the run broke off".into() });
            }
        }
    }
}

impl Drop for Writer {
    /// An abandoned run: what is not yet a pack is dropped, finished packs stay and are indexed for the next run.
    fn drop(&mut self) {
        if self.threads.is_empty() {
            return;
        }
        self.shared.fail(RepositoryError::Cancelled);
        *self.tree.lock() = None;
        self.join();
    }
}

/// Compresses, seals and packs groups until there are no more. After a failure it only keeps the queue moving.
fn compress_groups(
    shared: &Shared,
    groups: &Receiver<GroupJob>,
    mut flushes: Receiver<Ack>,
    packs: &Sender<PackJob>,
) {
    let mut open: Option<PackWriter> = None;
    let mut compressor = None;
    let mut packed = Vec::new();
    // The publisher outlives all senders, unless it broke off: then `join` tells.
    let publish = |pack: PackWriter| drop(packs.send(PackJob::Publish(Box::new(pack))));
    let mut compress = |job: GroupJob, open: &mut Option<PackWriter>| {
        if shared.failed.load(Ordering::Acquire) {
            *open = None;
            return;
        }
        if let Err(error) = compress_group(shared, job, &mut compressor, &mut packed, open) {
            shared.fail(error);
        } else if open.as_ref().is_some_and(PackWriter::is_full)
            && let Some(full) = open.take()
        {
            publish(full);
        }
    };
    loop {
        select! {
            recv(groups) -> job => match job {
                Ok(job) => compress(job, &mut open),
                Err(_) => break,
            },
            recv(flushes) -> ack => match ack {
                Ok(ack) => {
                    // What was in the queue when the flush was asked for is part of it.
                    for job in groups.try_iter().take(groups.len()) {
                        compress(job, &mut open);
                    }
                    if !shared.failed.load(Ordering::Acquire)
                        && let Some(pack) = open.take()
                    {
                        publish(pack);
                    }
                    drop(ack);
                }
                Err(_) => flushes = never(),
            },
        }
    }
    if let Some(last) = open
        && !shared.failed.load(Ordering::Acquire)
    {
        publish(last);
    }
}

fn compress_group(
    shared: &Shared,
    job: GroupJob,
    compressor: &mut Option<Compressor>,
    packed: &mut Vec<u8>,
    open: &mut Option<PackWriter>,
) -> Result<()> {
    let compressor = match compressor {
        Some(compressor) => compressor,
        None => compressor.insert(
            Compressor::new()
                .map_err(|_| RepositoryError::Limit { what: "the memory compression needs".into() })?,
        ),
    };
    let codec = if job.incompressible {
        Codec::Raw
    } else {
        compressor.pack(&job.plain, job.frame_type == FrameType::Tree, packed)
    };
    let stored = if codec == Codec::Raw { &job.plain } else { &*packed };
    let pack = match open {
        Some(pack) => pack,
        None => {
            let repository = &shared.repository;
            open.insert(PackWriter::begin(&*repository.0.store, repository.ring().current_epoch())?)
        }
    };
    let before = pack.size_bytes();
    pack.add(job.frame_type, codec, job.plain.len(), stored, job.chunks)?;
    shared.control.add_written(pack.size_bytes() - before);
    shared.give_back(job.plain);
    Ok(())
}

/// Makes packs durable, and writes indexes for them: in between, and at the end whether it is a good one or not.
fn publish_packs(shared: &Shared, packs: &Receiver<PackJob>) {
    let mut pending: Vec<PackSummary> = Vec::new();
    for job in packs {
        let pack = match job {
            PackJob::Publish(pack) => pack,
            PackJob::Index(ack) => {
                if let Err(error) = write_index(shared, &mut pending) {
                    shared.fail(error);
                }
                drop(ack);
                continue;
            }
        };
        if shared.failed.load(Ordering::Acquire) {
            continue;
        }
        let published = pack.finish().and_then(|summary| {
            shared.stored_bytes.fetch_add(summary.size_bytes, Ordering::Relaxed);
            pending.push(summary);
            let size_bytes: u64 = pending.iter().map(|summary| summary.size_bytes).sum();
            let chunks: usize = pending.iter().map(PackSummary::chunks).sum();
            if size_bytes >= CHECKPOINT_BYTES || chunks >= segment::TARGET_RECORDS {
                write_index(shared, &mut pending)
            } else {
                Ok(())
            }
        });
        if let Err(error) = published {
            shared.fail(error);
        }
    }
    if let Err(error) = write_index(shared, &mut pending) {
        shared.fail(error);
    }
}

fn write_index(shared: &Shared, pending: &mut Vec<PackSummary>) -> Result<()> {
    if pending.is_empty() {
        return Ok(());
    }
    let repository = &shared.repository;
    let size_bytes =
        segment::write_segments(&*repository.0.store, repository.ring().current_epoch(), pending)?;
    shared.stored_bytes.fetch_add(size_bytes, Ordering::Relaxed);
    pending.clear();
    Ok(())
}

/// Proof that packs and index are durable: only it can write the snapshot that needs them.
pub struct Committed {
    repository: Repository,
    /// What the run added, before the snapshot itself.
    pub statistics: WriterStatistics,
}

impl Committed {
    /// Writes the snapshot. From here on it is safe.
    ///
    /// # Errors
    /// The place refuses.
    pub fn write_snapshot(self, snapshot: &Snapshot) -> Result<SnapshotId> {
        let id = ObjectId(random::bytes()?);
        let epoch = self.repository.ring().current_epoch();
        let content = record::encode(snapshot);
        let bytes = sealed::seal_record(FileKind::Snapshot, epoch.number, id, &epoch.key, &content)?;
        self.repository.0.store.put(&snapshot_key(id.into()), &bytes)?;
        self.repository.forget_index();
        // Tidying: the snapshot is safe already, and what fails here is tried again after the next backup.
        if self.repository.require(Operation::Delete).is_ok() {
            let _ = index::merge_small_segments(&*self.repository.0.store, self.repository.ring());
        }
        Ok(id.into())
    }
}
