//! A point in time, exact to the nanosecond, over the whole range a file system can hold.

use serde::{Deserialize, Serialize};

/// Seconds since 1970-01-01T00:00:00Z (negative before) and the nanoseconds after that second (0 to 999,999,999).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp {
    /// Whole seconds since the Unix epoch, rounded down.
    pub seconds: i64,
    /// Nanoseconds after `seconds`, below one thousand million.
    pub nanoseconds: u32,
}

impl Timestamp {
    /// From seconds and nanoseconds; nanoseconds above their range are clamped into it.
    #[must_use]
    pub fn new(seconds: i64, nanoseconds: u32) -> Self {
        Self { seconds, nanoseconds: nanoseconds.min(999_999_999) }
    }

    /// Milliseconds since the Unix epoch, for people and interfaces; clamped where they do not fit.
    #[must_use]
    pub fn to_milliseconds(self) -> i64 {
        self.seconds.saturating_mul(1000).saturating_add(i64::from(self.nanoseconds / 1_000_000))
    }

    /// From the system's representation of time.
    #[must_use]
    pub fn from_system(time: std::time::SystemTime) -> Self {
        match time.duration_since(std::time::UNIX_EPOCH) {
            Ok(after) => Self::new(i64::try_from(after.as_secs()).unwrap_or(i64::MAX), after.subsec_nanos()),
            Err(error) => {
                let before = error.duration();
                let seconds = i64::try_from(before.as_secs()).unwrap_or(i64::MAX);
                match before.subsec_nanos() {
                    0 => Self::new(-seconds, 0),
                    nanoseconds => Self::new(-seconds - 1, 1_000_000_000 - nanoseconds),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn times_before_1970_round_down() {
        let time = UNIX_EPOCH - Duration::new(1, 250_000_000);
        assert_eq!(Timestamp::from_system(time), Timestamp::new(-2, 750_000_000));
        assert_eq!(Timestamp::from_system(time).to_milliseconds(), -1250);
    }
}
