//! A ceiling on what is written to places, in bytes a second: wraps any store.
//!
//! A write goes out in small pieces, and after each piece its writer waits until everything written so far is paid for:
//! the ceiling holds however many writers there are and however much each writes at once. It can change at any time and
//! is felt at once; zero means none. All stores of a process share it. A run that was stopped is not held back: what it
//! still has to write, so that it ends safely, is little, and the person waits for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use keepwell_endpoint::{EndpointError, Store, StoredObject, Upload};
use keepwell_model::Control;
use parking_lot::Mutex;

/// The longest wait before a writer looks whether the ceiling is still the one it waits for.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// The most written at once under a ceiling.
const PIECE_BYTES: u64 = 64 * 1024;
/// Pieces a second at least, so that no writer waits for long.
const PIECES_PER_SECOND: u64 = 8;

/// The ceiling, shared.
#[derive(Debug, Default)]
pub struct Ceiling {
    bytes_per_second: AtomicU64,
    /// Until when what was written so far is paid for.
    paid_until: Mutex<Option<Instant>>,
    /// The runs that write now.
    runs: Mutex<Vec<Weak<Control>>>,
}

impl Ceiling {
    /// Sets the ceiling; nothing or zero takes it away.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        let new = bytes_per_second.unwrap_or(0);
        if self.bytes_per_second.swap(new, Ordering::AcqRel) != new {
            // What was written under another ceiling is not paid for at the price of this one.
            *self.paid_until.lock() = None;
        }
    }

    /// From now on the ceiling is lifted while this run is being stopped.
    pub fn attend(&self, run: &Arc<Control>) {
        let mut runs = self.runs.lock();
        runs.retain(|known| known.strong_count() > 0);
        runs.push(Arc::downgrade(run));
    }

    /// Whether a run is on its way to its end because a person stopped it.
    fn is_one_stopping(&self) -> bool {
        self.runs.lock().iter().filter_map(Weak::upgrade).any(|run| run.is_cancelled())
    }

    /// How much may be written before the next wait.
    fn piece_bytes(&self) -> usize {
        match self.bytes_per_second.load(Ordering::Acquire) {
            0 => usize::MAX,
            ceiling => {
                usize::try_from((ceiling / PIECES_PER_SECOND).clamp(1, PIECE_BYTES)).unwrap_or(usize::MAX)
            }
        }
    }

    /// Books what was written; until when to wait, and the ceiling that is so.
    fn book(&self, bytes: usize, now: Instant) -> Option<(Instant, u64)> {
        let ceiling = self.bytes_per_second.load(Ordering::Acquire);
        if ceiling == 0 {
            return None;
        }
        let cost = Duration::from_secs_f64(bytes as f64 / ceiling as f64);
        let mut paid_until = self.paid_until.lock();
        let until = paid_until.map_or(now, |until| until.max(now)) + cost;
        *paid_until = Some(until);
        Some((until, ceiling))
    }

    /// Waits until what was written is paid for, or the ceiling is another.
    pub fn pay(&self, bytes: usize) {
        let Some((until, ceiling)) = self.book(bytes, Instant::now()) else { return };
        while self.bytes_per_second.load(Ordering::Acquire) == ceiling {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            if self.is_one_stopping() {
                // Nobody else has to wait for it either.
                *self.paid_until.lock() = None;
                return;
            }
            std::thread::sleep(left.min(LOOK_EVERY));
        }
    }
}

/// A store under a ceiling.
pub struct ThrottledStore {
    inner: Arc<dyn Store>,
    ceiling: Arc<Ceiling>,
}

impl ThrottledStore {
    /// Wraps a store.
    #[must_use]
    pub fn new(inner: Arc<dyn Store>, ceiling: Arc<Ceiling>) -> Self {
        Self { inner, ceiling }
    }
}

struct ThrottledUpload {
    inner: Box<dyn Upload>,
    ceiling: Arc<Ceiling>,
}

impl Upload for ThrottledUpload {
    fn write(&mut self, bytes: &[u8]) -> Result<(), EndpointError> {
        let mut rest = bytes;
        loop {
            let (piece, after) = rest.split_at(rest.len().min(self.ceiling.piece_bytes()));
            self.inner.write(piece)?;
            self.ceiling.pay(piece.len());
            if after.is_empty() {
                return Ok(());
            }
            rest = after;
        }
    }

    fn finish(self: Box<Self>) -> Result<(), EndpointError> {
        self.inner.finish()
    }
}

impl Store for ThrottledStore {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn names(&self) -> Result<Vec<String>, EndpointError> {
        self.inner.names()
    }

    fn list(&self, folder: &str) -> Result<Vec<StoredObject>, EndpointError> {
        self.inner.list(folder)
    }

    fn size_bytes(&self, key: &str) -> Result<u64, EndpointError> {
        self.inner.size_bytes(key)
    }

    fn read_range(
        &self,
        key: &str,
        offset_bytes: u64,
        length_bytes: usize,
    ) -> Result<Vec<u8>, EndpointError> {
        self.inner.read_range(key, offset_bytes, length_bytes)
    }

    fn create(&self, key: &str) -> Result<Box<dyn Upload>, EndpointError> {
        let inner = self.inner.create(key)?;
        Ok(Box::new(ThrottledUpload { inner, ceiling: Arc::clone(&self.ceiling) }))
    }

    fn delete(&self, key: &str) -> Result<(), EndpointError> {
        self.inner.delete(key)
    }

    fn create_folders(&self, folders: &[&str]) -> Result<(), EndpointError> {
        self.inner.create_folders(folders)
    }

    fn unfinished(&self) -> Result<Vec<StoredObject>, EndpointError> {
        self.inner.unfinished()
    }

    fn free_bytes(&self) -> Result<Option<u64>, EndpointError> {
        self.inner.free_bytes()
    }

    fn read(&self, key: &str, limit_bytes: u64) -> Result<Vec<u8>, EndpointError> {
        self.inner.read(key, limit_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_all_writers_wrote_is_paid_for_at_the_ceiling_s_pace() {
        let ceiling = Ceiling::default();
        let now = Instant::now();
        assert_eq!(ceiling.book(1 << 30, now), None);
        ceiling.set(Some(1000));
        let after = |milliseconds| Some((now + Duration::from_millis(milliseconds), 1000));
        assert_eq!(ceiling.book(100, now), after(100));
        assert_eq!(ceiling.book(100, now), after(200), "another writer at the same moment waits for both");
        assert_eq!(ceiling.book(0, now + Duration::from_millis(150)), after(200));
        assert_eq!(ceiling.book(100, now + Duration::from_millis(900)), after(1000), "rest is not saved up");
        ceiling.set(None);
        assert_eq!(ceiling.book(100, now), None);
        ceiling.set(Some(10));
        assert_eq!(ceiling.book(0, now), Some((now, 10)), "no debt from under another ceiling");
    }

    #[test]
    fn a_run_that_is_stopped_is_not_held_back_and_the_next_one_is() {
        let ceiling = Ceiling::default();
        ceiling.set(Some(1));
        let stopped = Arc::new(Control::new());
        ceiling.attend(&stopped);
        stopped.cancel();
        // Eleven days at this ceiling.
        ceiling.pay(1_000_000);
        assert!(ceiling.is_one_stopping());
        drop(stopped);
        assert!(!ceiling.is_one_stopping(), "it has ended");
    }

    #[test]
    fn large_writes_are_cut_so_that_no_piece_takes_long() {
        let ceiling = Ceiling::default();
        assert_eq!(ceiling.piece_bytes(), usize::MAX);
        ceiling.set(Some(1 << 30));
        assert_eq!(ceiling.piece_bytes() as u64, PIECE_BYTES);
        ceiling.set(Some(8_000));
        assert_eq!(ceiling.piece_bytes(), 1_000);
        ceiling.set(Some(1));
        assert_eq!(ceiling.piece_bytes(), 1);
    }

    #[test]
    fn what_is_written_in_pieces_arrives_whole() {
        let store = Arc::new(keepwell_testkit::MemoryStore::new());
        let ceiling = Arc::new(Ceiling::default());
        ceiling.set(Some(50_000_000));
        let throttled = ThrottledStore::new(Arc::clone(&store) as Arc<dyn Store>, ceiling);
        let content: Vec<u8> = (0..200_000_u32).map(|number| number as u8).collect();
        let mut upload = throttled.create("packs/one").unwrap();
        upload.write(&content).unwrap();
        upload.write(&[]).unwrap();
        upload.finish().unwrap();
        assert_eq!(store.read("packs/one", 1 << 20).unwrap(), content);
    }
}
