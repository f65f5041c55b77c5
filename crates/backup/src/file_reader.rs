//! Reading one file into chunks: small ones in one piece, large ones cut by content, holes left as holes.
//!
//! Invariant: the whole-file hash covers exactly the pieces handed back, holes as zeros; memory is one buffer.
//! Deliberately not here: whether the file stood still meanwhile (`backup` compares before and after).

use std::ops::Range;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::LocalFile;
use keepwell_model::{Cancelled, Content, ContentHash, Control, Piece};
use keepwell_repository::chunker::{Chunker, MAXIMUM_BYTES, MINIMUM_BYTES};
use keepwell_repository::{ChunkSink, Repository, RepositoryError};

const BUFFER_BYTES: usize = 2 * MAXIMUM_BYTES;
/// Holes are worth keeping from this size on: below, zeros compress to nothing.
const HOLE_MINIMUM_BYTES: u64 = 64 << 10;
/// How much more than a file was said to hold is read of it.
const GROWTH_LIMIT_BYTES: u64 = 64 << 20;
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Why a file was not read to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReadError {
    /// The file itself gave trouble: a problem of this file only.
    #[error(transparent)]
    File(#[from] EndpointError),
    /// The repository did: the run is over.
    #[error(transparent)]
    Repository(#[from] RepositoryError),
}

impl From<Cancelled> for ReadError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Repository(cancelled.into())
    }
}

/// What one thread needs to read files.
pub(crate) struct FileReader {
    buffer: Vec<u8>,
    sink: ChunkSink,
    repository: Repository,
}

impl FileReader {
    pub(crate) fn new(repository: &Repository, sink: ChunkSink) -> Self {
        Self { buffer: vec![0; MINIMUM_BYTES + 1], sink, repository: repository.clone() }
    }

    pub(crate) fn finish(self) -> Result<(), RepositoryError> {
        self.sink.finish()
    }

    /// Reads a file that is said to have this size, of which so much is allocated. Gives its content and the size that
    /// was really read.
    pub(crate) fn read(
        &mut self,
        file: &mut LocalFile,
        size_bytes: u64,
        allocated_bytes: u64,
        control: &Control,
    ) -> Result<(Content, u64), ReadError> {
        if size_bytes <= MINIMUM_BYTES as u64 {
            return self.read_small(file, size_bytes, control);
        }
        if self.buffer.len() < BUFFER_BYTES {
            self.buffer.resize(BUFFER_BYTES, 0);
        }
        file.advise_sequential();
        let mut run = LargeFile { hasher: blake3::Hasher::new(), pieces: Vec::new(), position: 0 };
        if allocated_bytes < size_bytes {
            let mut ended_early = false;
            while let Some(data) = file.next_data(run.position, size_bytes)? {
                if data.start - run.position >= HOLE_MINIMUM_BYTES {
                    run.add_hole(data.start - run.position, control)?;
                }
                let data = run.position..data.end;
                if self.read_data(file, data.clone(), &mut run, control)? < data.end {
                    ended_early = true;
                    break;
                }
            }
            // Not where the file ended early: those zeros nobody has read.
            if run.position < size_bytes && !ended_early {
                run.add_hole(size_bytes - run.position, control)?;
            }
        } else {
            // Not to the end of a file that grows as fast as it is read: there is none.
            self.read_data(file, 0..size_bytes.saturating_add(GROWTH_LIMIT_BYTES), &mut run, control)?;
        }
        let hash = ContentHash(*run.hasher.finalize().as_bytes());
        Ok((Content { hash, pieces: run.pieces }, run.position))
    }

    fn read_small(
        &mut self,
        file: &mut LocalFile,
        size_bytes: u64,
        control: &Control,
    ) -> Result<(Content, u64), ReadError> {
        // One byte more than it should have: a short read then means the end, without asking again.
        let mut filled = 0;
        loop {
            let read = file.read(&mut self.buffer[filled..])?;
            filled += read;
            if read == 0 || (filled as u64 == size_bytes && filled < self.buffer.len()) {
                break;
            }
            if filled == self.buffer.len() {
                // It grew beyond a small file meanwhile: what is here is whole as far as it goes, and the caller sees
                // by the changed size that it has to be read again.
                break;
            }
        }
        control.add_done(0, filled as u64);
        if filled == 0 {
            let hash = ContentHash(*blake3::hash(b"").as_bytes());
            return Ok((Content { hash, pieces: Vec::new() }, 0));
        }
        let (hash, id) = self.sink.add(&self.buffer[..filled])?;
        // At most MINIMUM_BYTES + 1.
        let piece = Piece::Chunk { id, length_bytes: filled as u32 };
        Ok((Content { hash, pieces: vec![piece] }, filled as u64))
    }

    /// Reads and cuts one run of data; says where it ended, which is early if the file does.
    fn read_data(
        &mut self,
        file: &LocalFile,
        data: Range<u64>,
        run: &mut LargeFile,
        control: &Control,
    ) -> Result<u64, ReadError> {
        let chunker: &Chunker = self.repository.chunker();
        let (mut start, mut end) = (0, 0);
        let mut position = data.start;
        let mut ended = false;
        loop {
            while end - start < MAXIMUM_BYTES && !ended {
                if start > 0 {
                    self.buffer.copy_within(start..end, 0);
                    (start, end) = (0, end - start);
                }
                control.checkpoint()?;
                let wanted = data.end.saturating_sub(position).min((self.buffer.len() - end) as u64) as usize;
                let read = file.read_at(&mut self.buffer[end..end + wanted], position)?;
                control.add_done(0, read as u64);
                position += read as u64;
                end += read;
                ended = read < wanted || position >= data.end;
            }
            if start == end {
                return Ok(position);
            }
            let length = chunker.first_chunk(&self.buffer[start..end]);
            let chunk = &self.buffer[start..start + length];
            run.hasher.update(chunk);
            let (_, id) = self.sink.add(chunk)?;
            // At most MAXIMUM_BYTES.
            run.pieces.push(Piece::Chunk { id, length_bytes: length as u32 });
            run.position += length as u64;
            start += length;
        }
    }
}

struct LargeFile {
    hasher: blake3::Hasher,
    pieces: Vec<Piece>,
    position: u64,
}

impl LargeFile {
    fn add_hole(&mut self, length_bytes: u64, control: &Control) -> Result<(), Cancelled> {
        let mut left = length_bytes;
        while left > 0 {
            control.checkpoint()?;
            // A mebibyte at a time between questions.
            for _ in 0..16 {
                let part = left.min(ZEROS.len() as u64);
                // At most ZEROS.len().
                self.hasher.update(&ZEROS[..part as usize]);
                left -= part;
            }
        }
        control.add_done(0, length_bytes);
        self.pieces.push(Piece::Hole { length_bytes });
        self.position += length_bytes;
        Ok(())
    }
}
