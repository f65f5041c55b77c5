//! A ceiling on what is written to places, in bytes a second: wraps any store.
//!
//! Writers wait after they wrote, so that over any second no more than the ceiling (and one write) goes out. The ceiling
//! can change at any time; zero means none. All stores of a process share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use keepwell_endpoint::{EndpointError, Store, StoredObject, Upload};
use parking_lot::Mutex;

/// The longest a single write is made to wait: a changed ceiling is felt soon.
const WAIT_LIMIT: Duration = Duration::from_millis(500);

/// The ceiling, shared.
#[derive(Debug, Default)]
pub struct Ceiling {
    bytes_per_second: AtomicU64,
    /// Until when what was written so far is paid for.
    paid_until: Mutex<Option<Instant>>,
}

impl Ceiling {
    /// Sets the ceiling; nothing or zero takes it away.
    pub fn set(&self, bytes_per_second: Option<u64>) {
        self.bytes_per_second.store(bytes_per_second.unwrap_or(0), Ordering::Relaxed);
    }

    /// How long to wait after a write.
    fn wait_after(&self, bytes: usize, now: Instant) -> Duration {
        let ceiling = self.bytes_per_second.load(Ordering::Relaxed);
        if ceiling == 0 {
            return Duration::ZERO;
        }
        let cost = Duration::from_secs_f64(bytes as f64 / ceiling as f64);
        let mut paid_until = self.paid_until.lock();
        let until = paid_until.map_or(now, |until| until.max(now)) + cost;
        // A debt never grows beyond what is waited for soon: one huge write must not silence the next minutes.
        let until = until.min(now + Duration::from_secs(10));
        *paid_until = Some(until);
        until.saturating_duration_since(now).min(WAIT_LIMIT)
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
        self.inner.write(bytes)?;
        let wait = self.ceiling.wait_after(bytes.len(), Instant::now());
        if !wait.is_zero() {
            std::thread::sleep(wait);
        }
        Ok(())
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
    fn writing_costs_time_only_under_a_ceiling() {
        let ceiling = Ceiling::default();
        let now = Instant::now();
        assert_eq!(ceiling.wait_after(1 << 30, now), Duration::ZERO);
        ceiling.set(Some(1000));
        assert_eq!(ceiling.wait_after(100, now), Duration::from_millis(100));
        assert_eq!(ceiling.wait_after(100, now), Duration::from_millis(200));
        assert_eq!(ceiling.wait_after(0, now + Duration::from_millis(150)), Duration::from_millis(50));
        assert!(ceiling.wait_after(1_000_000, now) <= WAIT_LIMIT);
        ceiling.set(None);
        assert_eq!(ceiling.wait_after(100, now), Duration::ZERO);
    }
}
