//! Making what is restored durable while the rest is still being written, so that the disk and the processor work at
//! the same time: otherwise the disk is idle as long as there is memory, and all of it is waited for in the end.
//!
//! Invariant: trouble with the disk that is found on the way is not lost; the system may tell it only once. What is
//! written after the last look is not made durable here: whoever calls does that once, in the end.
//!
//! Deliberately not here: what "done" means (`restore`), files that are made durable one by one (Windows does that).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::Duration;

use keepwell_endpoint::EndpointError;

/// So much has to be written before it is worth a flush.
const FLUSH_EVERY_BYTES: u64 = 32 << 20;
/// How often it is looked whether that is so.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Does `work`, which counts what it writes in `written_bytes`, and lets `flush` make it durable meanwhile.
///
/// # Errors
/// Beside what came of the work: the first trouble of a flush, after which there was none any more.
pub(crate) fn while_flushing<T>(
    flush: impl Fn() -> Result<(), EndpointError> + Send,
    written_bytes: &AtomicU64,
    work: impl FnOnce() -> T,
) -> (T, Result<(), EndpointError>) {
    let (ended, end) = channel::<()>();
    std::thread::scope(|scope| {
        let flusher = scope.spawn(move || {
            let mut flushed_bytes = 0;
            while end.recv_timeout(LOOK_EVERY) == Err(RecvTimeoutError::Timeout) {
                let now_bytes = written_bytes.load(Ordering::Relaxed);
                if now_bytes - flushed_bytes >= FLUSH_EVERY_BYTES {
                    flush()?;
                    flushed_bytes = now_bytes;
                }
            }
            Ok(())
        });
        let result = work();
        drop(ended);
        // A panic over there is one here.
        let flushed = flusher.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        (result, flushed)
    })
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    #[test]
    fn a_little_is_not_flushed_much_is_while_the_work_goes_on() {
        let (written_bytes, flushes) = (AtomicU64::new(FLUSH_EVERY_BYTES - 1), AtomicUsize::new(0));
        let flush = || {
            flushes.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        let (before, flushed) = while_flushing(flush, &written_bytes, || {
            std::thread::sleep(5 * LOOK_EVERY);
            let before = flushes.load(Ordering::Relaxed);
            written_bytes.fetch_add(1, Ordering::Relaxed);
            while flushes.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            before
        });
        assert!((before, flushed.is_ok()) == (0, true));
    }

    #[test]
    fn trouble_of_a_flush_on_the_way_is_told_in_the_end() {
        let (written_bytes, was_flushed) = (AtomicU64::new(FLUSH_EVERY_BYTES), AtomicUsize::new(0));
        let flush = || {
            was_flushed.store(1, Ordering::Relaxed);
            Err(EndpointError::NoSpace { action: "sync", path: "here".to_owned() })
        };
        let (done, flushed) = while_flushing(flush, &written_bytes, || {
            while was_flushed.load(Ordering::Relaxed) == 0 {
                std::thread::yield_now();
            }
            "done"
        });
        assert_eq!(done, "done");
        assert!(matches!(flushed, Err(EndpointError::NoSpace { .. })));
    }
}
