//! One file from one place to the other: read once, hashed on the way, proven, and never half of one version and half
//! of another.
//!
//! Invariants:
//! 1. What is staged is whole and of one moment: the source is what the scan saw when it is opened, and still that after
//!    its last byte was read.
//! 2. Nothing is visible before [`Staged::publish`]; a copy that is given up leaves nothing behind.
//!
//! Small files take one read and one write. Holes stay holes where the target is on this machine; the content is shared
//! instead of copied where both lie on one file system that can; of a large changed file only the blocks that differ
//! travel where the target can begin with what it has. Deliberately not here: what goes to the bin and when
//! (`execute::item`).

use std::cell::RefCell;

use keepwell_endpoint::tree::{Content, Fingerprint, Staged, StagedFolder, Tree};
use keepwell_endpoint::{EndpointError, tree::TreeItem};
use keepwell_model::{Cancelled, ContentHash, Control, ExtendedAttribute, RelativePath};

use crate::run_types::Limits;

/// Files up to this size are read in one go.
const SMALL_BYTES: usize = 1 << 20;
/// Larger ones in blocks of this size; also what is compared of a changed file.
const BLOCK_BYTES: usize = 256 << 10;
/// From this size on it is worth comparing blocks.
const COMPARE_FROM_BYTES: u64 = 1 << 20;

thread_local! {
    /// Read into; grown once a thread to the largest small file.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    /// What the target has at the same place.
    static OLD: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// What is copied and where to.
pub(crate) struct CopyOrder<'a> {
    /// The place it is read from.
    pub from: &'a dyn Tree,
    /// Where it lies there.
    pub source: &'a RelativePath,
    /// What the scan saw there.
    pub seen: &'a Fingerprint,
    /// The place it is written to.
    pub to: &'a dyn Tree,
    /// Where it will lie.
    pub target: &'a RelativePath,
    /// The new folder it comes into, where that appears with what is in it.
    pub into: Option<&'a dyn StagedFolder>,
    /// What is replaced, if something is: its blocks may be taken over.
    pub replaces: Option<&'a RelativePath>,
    /// The hashes of the blocks of what is replaced, as [`StagedCopy::blocks`] told them, where that is not on this
    /// machine.
    pub old_blocks: Option<Vec<u8>>,
    /// Extended attributes are read with it.
    pub attributes: bool,
    /// Asked with the whole content of a small file: whether to hand it out beside the copy.
    pub keeps_content: &'a (dyn Fn(&[u8]) -> bool + Sync),
}

impl CopyOrder<'_> {
    /// Begins the copy, with nothing in it.
    fn stage(&self, size_bytes: u64) -> Result<Box<dyn Staged>, CopyError> {
        let staged = match self.into {
            Some(folder) => folder.stage(self.target, size_bytes),
            None => self.to.stage(self.target, size_bytes, None),
        };
        staged.map_err(CopyError::Target)
    }
}

/// A whole file of one moment, ready to be published.
pub(crate) struct StagedCopy {
    /// The unfinished file.
    pub staged: Box<dyn Staged>,
    /// The hash of its content.
    pub hash: ContentHash,
    /// The source as it was.
    pub item: TreeItem,
    /// The source's extended attributes, where they were asked for.
    pub attributes: Option<Vec<ExtendedAttribute>>,
    /// Bytes that did not have to be written because the target had them.
    pub spared_bytes: u64,
    /// The hashes of its blocks, where they will spare bytes when it changes.
    pub blocks: Option<Vec<u8>>,
    /// What the source has that no copy must have, in words.
    pub not_shown: Option<String>,
    /// Its content, where that was wanted.
    pub content: Option<Vec<u8>>,
}

/// Why there is no staged copy.
#[derive(Debug)]
pub(crate) enum CopyError {
    /// The person stopped it.
    Cancelled,
    /// The source is not what the scan saw, or changed while it was read.
    Changed,
    /// The place it is read from.
    Source(EndpointError),
    /// The place it is written to.
    Target(EndpointError),
}

impl From<Cancelled> for CopyError {
    fn from(_: Cancelled) -> Self {
        Self::Cancelled
    }
}

/// Copies a file up to the point where it can be published.
pub(crate) fn stage_copy(
    order: &CopyOrder<'_>,
    control: &Control,
    limits: &Limits,
) -> Result<StagedCopy, CopyError> {
    let mut content = match order.from.open(order.source) {
        Ok(content) => content,
        Err(EndpointError::NotFound { .. }) => return Err(CopyError::Changed),
        Err(error) => return Err(CopyError::Source(error)),
    };
    let item = content.item().clone();
    if !item.fingerprint.is_unchanged_since(order.seen) {
        return Err(CopyError::Changed);
    }
    let (mut spared_bytes, mut blocks, mut kept) = (0, None, None);
    let (staged, hash) = if item.fingerprint.size_bytes <= SMALL_BYTES as u64 {
        let SmallCopy { staged, hash, content } = copy_small(order, &mut *content, limits)?;
        kept = content;
        (staged, hash)
    } else {
        let copied = copy_large(order, &mut *content, control, limits)?;
        (spared_bytes, blocks) = (copied.spared_bytes, copied.blocks);
        (copied.staged, copied.hash)
    };
    let attributes = if order.attributes { Some(read_attributes(order, &mut *content)?) } else { None };
    if !content.is_unchanged().map_err(CopyError::Source)? {
        return Err(CopyError::Changed);
    }
    let not_shown = content.not_shown();
    Ok(StagedCopy { staged, hash, item, attributes, spared_bytes, blocks, not_shown, content: kept })
}

fn read_attributes(
    order: &CopyOrder<'_>,
    content: &mut dyn Content,
) -> Result<Vec<ExtendedAttribute>, CopyError> {
    match content.extended_attributes().map_err(CopyError::Source)? {
        Some(attributes) => Ok(attributes),
        None => order.from.extended_attributes(order.source).map_err(CopyError::Source),
    }
}

struct SmallCopy {
    staged: Box<dyn Staged>,
    hash: ContentHash,
    /// The bytes, where they are to be kept.
    content: Option<Vec<u8>>,
}

fn copy_small(
    order: &CopyOrder<'_>,
    content: &mut dyn Content,
    limits: &Limits,
) -> Result<SmallCopy, CopyError> {
    let size_bytes = content.item().fingerprint.size_bytes;
    let length = usize::try_from(size_bytes).unwrap_or(SMALL_BYTES);
    BUFFER.with_borrow_mut(|buffer| {
        // One byte more than there should be: a file that grew is noticed at once.
        if buffer.len() < length + 1 {
            buffer.resize(length + 1, 0);
        }
        let read = content.read_at(&mut buffer[..=length], 0).map_err(CopyError::Source)?;
        if read != length {
            return Err(CopyError::Changed);
        }
        let bytes = &buffer[..length];
        let mut staged = order.stage(size_bytes)?;
        staged.write_whole(bytes).map_err(CopyError::Target)?;
        // After it was compared with what is stored: so it is the hash of that.
        let hash = ContentHash(*blake3::hash(bytes).as_bytes());
        limits.pay(length);
        let content = (order.keeps_content)(bytes).then(|| bytes.to_vec());
        Ok(SmallCopy { staged, hash, content })
    })
}

struct LargeCopy {
    staged: Box<dyn Staged>,
    hash: ContentHash,
    spared_bytes: u64,
    blocks: Option<Vec<u8>>,
}

/// What the target has of what is replaced, for comparing block by block.
enum Old {
    /// On this machine: reading it costs less than sending.
    Here(Box<dyn Content>),
    /// Far away: what its blocks were when they were sent.
    Hashes(Vec<u8>),
}

fn copy_large(
    order: &CopyOrder<'_>,
    content: &mut dyn Content,
    control: &Control,
    limits: &Limits,
) -> Result<LargeCopy, CopyError> {
    let size_bytes = content.item().fingerprint.size_bytes;
    let is_here = order.to.local_root().is_some();
    let keeps_blocks = order.to.capabilities().stages_from_existing && !is_here;
    let old = if size_bytes < COMPARE_FROM_BYTES { None } else { old_content(order)? };
    if let Some(old) = old
        && let Ok(staged) = order.to.stage(order.target, size_bytes, order.replaces)
    {
        return copy_differing(content, staged, old, control, limits);
    }
    let mut staged = order.stage(size_bytes)?;
    if staged.clone_content(content).map_err(CopyError::Target)? {
        let hash = read_all(content, control, &mut |_, _| Ok(()))?;
        return Ok(LargeCopy { staged, hash, spared_bytes: size_bytes, blocks: None });
    }
    let mut blocks = keeps_blocks.then(Vec::new);
    let hash = match is_here {
        true => copy_with_holes(content, &mut *staged, control, limits)?,
        false => read_all(content, control, &mut |bytes, at| {
            staged.write_at(bytes, at).map_err(CopyError::Target)?;
            limits.pay(bytes.len());
            if let Some(blocks) = &mut blocks {
                blocks.extend_from_slice(&block_hash(bytes));
            }
            Ok(())
        })?,
    };
    Ok(LargeCopy { staged, hash, spared_bytes: 0, blocks })
}

/// Sixteen bytes are enough to tell two blocks of one file apart; the whole is proven by its own hash anyway.
fn block_hash(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    short
}

/// What is replaced, where it is worth comparing: the place can begin with it.
fn old_content(order: &CopyOrder<'_>) -> Result<Option<Old>, CopyError> {
    let Some(path) = order.replaces.filter(|_| order.to.capabilities().stages_from_existing) else {
        return Ok(None);
    };
    if order.to.local_root().is_none() {
        return Ok(order.old_blocks.clone().map(Old::Hashes));
    }
    let old = order.to.open(path).map_err(CopyError::Target)?;
    Ok((old.item().fingerprint.size_bytes >= COMPARE_FROM_BYTES).then_some(Old::Here(old)))
}

fn copy_differing(
    content: &mut dyn Content,
    mut staged: Box<dyn Staged>,
    mut old: Old,
    control: &Control,
    limits: &Limits,
) -> Result<LargeCopy, CopyError> {
    let mut spared_bytes = 0;
    let mut blocks = matches!(old, Old::Hashes(_)).then(Vec::new);
    let hash = read_all(content, control, &mut |bytes, at| {
        let is_same = match &mut old {
            Old::Here(old) => OLD.with_borrow_mut(|buffer| {
                buffer.resize(BLOCK_BYTES, 0);
                let read = old.read_at(&mut buffer[..bytes.len()], at).map_err(CopyError::Target)?;
                Ok::<bool, CopyError>(buffer[..read] == *bytes)
            })?,
            Old::Hashes(hashes) => {
                let hash = block_hash(bytes);
                blocks.get_or_insert_default().extend_from_slice(&hash);
                let number = usize::try_from(at / BLOCK_BYTES as u64).unwrap_or(usize::MAX);
                hashes.as_chunks::<16>().0.get(number) == Some(&hash)
            }
        };
        if is_same {
            spared_bytes += bytes.len() as u64;
            return Ok(());
        }
        staged.write_at(bytes, at).map_err(CopyError::Target)?;
        limits.pay(bytes.len());
        Ok(())
    })?;
    Ok(LargeCopy { staged, hash, spared_bytes, blocks })
}

/// Takes a block and its offset.
type Take<'a> = dyn FnMut(&[u8], u64) -> Result<(), CopyError> + 'a;

/// Hands every block to `take` with its offset; the hash of all. A file that is shorter or longer than it was when it
/// was opened is [`CopyError::Changed`].
fn read_all(
    content: &mut dyn Content,
    control: &Control,
    take: &mut Take<'_>,
) -> Result<ContentHash, CopyError> {
    let size_bytes = content.item().fingerprint.size_bytes;
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < BLOCK_BYTES {
            buffer.resize(BLOCK_BYTES, 0);
        }
        while at < size_bytes {
            control.checkpoint()?;
            let length = usize::try_from(size_bytes - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
            let read = content.read_at(&mut buffer[..length], at).map_err(CopyError::Source)?;
            if read < length {
                return Err(CopyError::Changed);
            }
            hasher.update(&buffer[..length]);
            take(&buffer[..length], at)?;
            at += length as u64;
        }
        Ok(ContentHash(*hasher.finalize().as_bytes()))
    })
}

fn copy_with_holes(
    content: &mut dyn Content,
    staged: &mut dyn Staged,
    control: &Control,
    limits: &Limits,
) -> Result<ContentHash, CopyError> {
    let size_bytes = content.item().fingerprint.size_bytes;
    let mut hasher = blake3::Hasher::new();
    let mut at = 0;
    let mut written_to = 0;
    BUFFER.with_borrow_mut(|buffer| {
        if buffer.len() < BLOCK_BYTES {
            buffer.resize(BLOCK_BYTES, 0);
        }
        while let Some(range) = content.next_data(at).map_err(CopyError::Source)? {
            let (start, end) = (range.start.clamp(at, size_bytes), range.end.min(size_bytes));
            hash_zeros(&mut hasher, start - at, control)?;
            at = start;
            while at < end {
                control.checkpoint()?;
                let length = usize::try_from(end - at).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
                let read = content.read_at(&mut buffer[..length], at).map_err(CopyError::Source)?;
                if read < length {
                    return Err(CopyError::Changed);
                }
                hasher.update(&buffer[..length]);
                staged.write_at(&buffer[..length], at).map_err(CopyError::Target)?;
                limits.pay(length);
                at += length as u64;
                written_to = at;
            }
            if at >= size_bytes || end <= start {
                break;
            }
        }
        hash_zeros(&mut hasher, size_bytes - at, control)?;
        if written_to < size_bytes {
            staged.set_length(size_bytes).map_err(CopyError::Target)?;
        }
        Ok(ContentHash(*hasher.finalize().as_bytes()))
    })
}

fn hash_zeros(hasher: &mut blake3::Hasher, mut length: u64, control: &Control) -> Result<(), Cancelled> {
    static ZEROS: [u8; BLOCK_BYTES] = [0; BLOCK_BYTES];
    while length > 0 {
        control.checkpoint()?;
        let part = usize::try_from(length).unwrap_or(BLOCK_BYTES).min(BLOCK_BYTES);
        hasher.update(&ZEROS[..part]);
        length -= part as u64;
    }
    Ok(())
}

/// The hash of a file that is still what the scan saw; nothing where it is not.
pub(crate) fn hash_file(
    tree: &dyn Tree,
    path: &RelativePath,
    seen: &Fingerprint,
    control: &Control,
) -> Result<Option<ContentHash>, CopyError> {
    let mut content = match tree.open(path) {
        Ok(content) => content,
        Err(EndpointError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(CopyError::Source(error)),
    };
    if !content.item().fingerprint.is_unchanged_since(seen) {
        return Ok(None);
    }
    match read_all(&mut *content, control, &mut |_, _| Ok(())) {
        Ok(hash) => Ok(content.is_unchanged().map_err(CopyError::Source)?.then_some(hash)),
        Err(CopyError::Changed) => Ok(None),
        Err(error) => Err(error),
    }
}
