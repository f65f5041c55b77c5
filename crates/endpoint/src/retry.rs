//! How long to go on trying: waits that double up to a limit, with jitter, a bounded number of them, and an end at once
//! when the person cancels.
//!
//! Why: servers and networks fail for seconds at a time, and a backup of hours must not end for that; but a server that
//! is gone has to be told soon, and many clients must not come back all at the same moment. Invariants: the number of
//! attempts is bounded; no wait is longer than the limit, also when a server asks for more; a stop is noticed within
//! [`LOOK_EVERY`], and what a server does not answer then is waited for no longer than [`STOP_GRACE`]. Deliberately not here: which errors are worth another attempt (each protocol knows its own).

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// How often a wait looks whether it is to end.
pub(crate) const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How long a server that answers may still take for what is under way when the work is to stop.
pub(crate) const STOP_GRACE: Duration = Duration::from_secs(1);

/// Says whether the work is to stop: the person cancelled.
#[derive(Clone, Default)]
pub struct Stop(Option<Arc<dyn Fn() -> bool + Send + Sync>>);

impl Stop {
    /// Asks this function.
    pub fn when(asked: impl Fn() -> bool + Send + Sync + 'static) -> Self {
        Self(Some(Arc::new(asked)))
    }

    /// Whether to stop now.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.as_ref().is_some_and(|asked| asked())
    }
}

impl fmt::Debug for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Stop").field(&self.is_asked()).finish()
    }
}

/// How often something is tried, and how long is waited in between.
#[derive(Clone, Debug)]
pub struct Patience {
    /// How often it is tried altogether; at least once.
    pub attempts: u32,
    /// The wait after the first failure; it doubles with every further one.
    pub first_wait: Duration,
    /// No wait is longer.
    pub longest_wait: Duration,
    /// Ends waiting.
    pub stop: Stop,
}

impl Default for Patience {
    /// About a minute altogether.
    fn default() -> Self {
        Self {
            attempts: 8,
            first_wait: Duration::from_millis(300),
            longest_wait: Duration::from_secs(20),
            stop: Stop::default(),
        }
    }
}

impl Patience {
    /// The same patience with an end when asked.
    #[must_use]
    pub fn until(mut self, stop: Stop) -> Self {
        self.stop = stop;
        self
    }

    /// How long to wait after the attempt with this number (from 1) failed; nothing where it was the last. A server may
    /// have asked for a wait of its own.
    #[must_use]
    pub fn wait_after(&self, attempt: u32, asked_for: Option<Duration>) -> Option<Duration> {
        if attempt >= self.attempts.max(1) || self.stop.is_asked() {
            return None;
        }
        let doubled = self.first_wait.saturating_mul(1_u32.checked_shl(attempt - 1).unwrap_or(u32::MAX));
        let whole = doubled.min(self.longest_wait);
        // Between half and all of it: clients that failed together do not come back together.
        let jittered = whole / 2 + (whole / 2).mul_f64(random_part());
        Some(jittered.max(asked_for.unwrap_or_default()).min(self.longest_wait))
    }

    /// Waits for work that is under way; nothing where it was asked to stop and the work takes longer than the grace.
    pub(crate) async fn unless_stopped<T>(
        &self,
        grace: Duration,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        tokio::pin!(work);
        let mut left = grace;
        loop {
            if let Ok(done) = tokio::time::timeout(LOOK_EVERY, &mut work).await {
                return Some(done);
            }
            if self.stop.is_asked() {
                left = left.saturating_sub(LOOK_EVERY);
                if left.is_zero() {
                    return None;
                }
            }
        }
    }

    /// Waits on a runtime's thread; false where it was asked to stop.
    pub async fn pause(&self, wait: Duration) -> bool {
        let mut left = wait;
        while !left.is_zero() && !self.stop.is_asked() {
            let part = left.min(LOOK_EVERY);
            tokio::time::sleep(part).await;
            left -= part;
        }
        !self.stop.is_asked()
    }

    /// Waits on the calling thread; false where it was asked to stop.
    #[must_use]
    pub fn pause_thread(&self, wait: Duration) -> bool {
        let mut left = wait;
        while !left.is_zero() && !self.stop.is_asked() {
            let part = left.min(LOOK_EVERY);
            std::thread::sleep(part);
            left -= part;
        }
        !self.stop.is_asked()
    }

    /// Does something until it works, fails for good, or patience ends; on the calling thread.
    ///
    /// # Errors
    /// The last failure.
    pub fn run<T, E>(
        &self,
        is_temporary: impl Fn(&E) -> bool,
        mut work: impl FnMut() -> Result<T, E>,
    ) -> Result<T, E> {
        let mut attempt = 1;
        loop {
            let error = match work() {
                Err(error) if is_temporary(&error) => error,
                result => return result,
            };
            match self.wait_after(attempt, None) {
                Some(wait) if self.pause_thread(wait) => attempt += 1,
                _ => return Err(error),
            }
        }
    }
}

/// Somewhere in 0..1. Without randomness the middle: jitter is a courtesy, not a promise.
fn random_part() -> f64 {
    let mut bytes = [0_u8; 4];
    match getrandom::fill(&mut bytes) {
        Ok(()) => f64::from(u32::from_le_bytes(bytes)) / f64::from(u32::MAX),
        Err(_) => 0.5,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    fn quick(attempts: u32) -> Patience {
        Patience {
            attempts,
            first_wait: Duration::from_micros(1),
            longest_wait: Duration::from_micros(50),
            stop: Stop::default(),
        }
    }

    #[test]
    fn waits_double_are_jittered_and_end() {
        let patience = Patience {
            attempts: 6,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(5),
            stop: Stop::default(),
        };
        for (attempt, whole) in [(1, 1), (2, 2), (3, 4), (4, 5), (5, 5)] {
            let wait = patience.wait_after(attempt, None).unwrap();
            let whole = Duration::from_secs(whole);
            assert!(wait >= whole / 2 && wait <= whole, "{attempt}: {wait:?}");
        }
        assert_eq!(patience.wait_after(6, None), None);
        let asked_for = patience.wait_after(1, Some(Duration::from_secs(3))).unwrap();
        assert_eq!(asked_for, Duration::from_secs(3));
        assert_eq!(patience.wait_after(1, Some(Duration::from_secs(900))).unwrap(), Duration::from_secs(5));
        let waits: std::collections::BTreeSet<_> =
            (0..20).map(|_| patience.wait_after(3, None).unwrap()).collect();
        assert!(waits.len() > 1, "the same wait twenty times is no jitter");
    }

    #[test]
    fn it_is_tried_as_often_as_said_and_no_more() {
        let mut tried = 0;
        let result: Result<(), &str> = quick(4).run(
            |_| true,
            || {
                tried += 1;
                Err("down")
            },
        );
        assert_eq!((result, tried), (Err("down"), 4));
        let mut tried = 0;
        let result = quick(4).run(
            |error| *error == "down",
            || {
                tried += 1;
                if tried < 3 { Err("down") } else { Ok(tried) }
            },
        );
        assert_eq!(result, Ok(3));
        let mut tried = 0;
        let result: Result<(), &str> = quick(4).run(
            |error| *error == "down",
            || {
                tried += 1;
                Err("refused")
            },
        );
        assert_eq!((result, tried), (Err("refused"), 1));
    }

    #[test]
    fn a_stop_ends_a_long_wait() {
        let stopped = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&stopped);
        let patience = Patience { first_wait: Duration::from_secs(3600), ..Patience::default() }
            .until(Stop::when(move || seen.swap(true, Ordering::Relaxed)));
        // The first look says "go on", every later one says "stop": an hour does not pass.
        assert!(!patience.pause_thread(Duration::from_secs(3600)));
        assert_eq!(patience.wait_after(1, None), None);
    }

    #[test]
    fn what_is_under_way_is_given_a_moment_and_no_more() {
        let asked = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&asked);
        let patience = Patience::default().until(Stop::when(move || seen.load(Ordering::SeqCst)));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let slow = tokio::time::sleep(LOOK_EVERY * 3);
            assert!(patience.unless_stopped(LOOK_EVERY, slow).await.is_some(), "nobody asked");
            asked.store(true, Ordering::SeqCst);
            assert!(patience.unless_stopped(LOOK_EVERY, std::future::ready(1)).await.is_some());
            assert!(patience.unless_stopped(LOOK_EVERY, std::future::pending::<()>()).await.is_none());
        });
    }
}
