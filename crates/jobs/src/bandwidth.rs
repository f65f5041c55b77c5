//! How much of the line a pair may use, by hours of the day.
//!
//! Invariants: pure, time passed in; the first window a moment lies in counts, and where none does, the usual limit;
//! a window that ends before it begins goes over midnight and belongs to the day it begins on.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

/// Minutes in a day.
const DAY_MINUTES: u16 = 24 * 60;
/// Windows of one pair.
const WINDOWS_LIMIT: usize = 50;

/// The limits of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Bandwidth {
    /// Bytes a second where no window says otherwise; nothing means no limit.
    pub usual_bytes_per_second: Option<u64>,
    /// Hours with a limit of their own.
    pub windows: Vec<Window>,
}

/// Hours with a limit of their own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Window {
    /// The days, 1 Monday to 7 Sunday; none means every day.
    #[serde(default)]
    pub weekdays: Vec<u8>,
    /// When it begins: minutes after midnight, local time.
    pub from_minutes: u16,
    /// When it ends.
    pub to_minutes: u16,
    /// Bytes a second; nothing means no limit.
    pub bytes_per_second: Option<u64>,
}

/// A limit that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BandwidthError {
    /// Minutes out of range.
    #[error("a time of day is 0 to 1439 minutes after midnight")]
    Minutes,
    /// Weekday out of range.
    #[error("a weekday is 1 (Monday) to 7 (Sunday)")]
    Weekday,
    /// Too slow to ever end.
    #[error("the limit is 1 KiB a second at least")]
    TooSlow,
    /// Too many.
    #[error("there can be {WINDOWS_LIMIT} windows at most")]
    TooMany,
}

impl Bandwidth {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn check(&self) -> Result<(), BandwidthError> {
        if self.windows.len() > WINDOWS_LIMIT {
            return Err(BandwidthError::TooMany);
        }
        let mut limits = self.windows.iter().map(|window| window.bytes_per_second);
        if limits.any(is_too_slow) || is_too_slow(self.usual_bytes_per_second) {
            return Err(BandwidthError::TooSlow);
        }
        for window in &self.windows {
            if window.from_minutes >= DAY_MINUTES || window.to_minutes >= DAY_MINUTES {
                return Err(BandwidthError::Minutes);
            }
            if window.weekdays.iter().any(|day| !(1..=7).contains(day)) {
                return Err(BandwidthError::Weekday);
            }
        }
        Ok(())
    }

    /// Bytes a second at a moment; nothing means no limit.
    #[must_use]
    pub fn at(&self, now_ms: i64, zone: &TimeZone) -> Option<u64> {
        if self.windows.is_empty() {
            return self.usual_bytes_per_second;
        }
        let Ok(now) = Timestamp::from_millisecond(now_ms) else { return self.usual_bytes_per_second };
        let now = now.to_zoned(zone.clone());
        let minutes = now.hour().unsigned_abs() as u16 * 60 + now.minute().unsigned_abs() as u16;
        let weekday = now.weekday().to_monday_one_offset().unsigned_abs();
        match self.windows.iter().find(|window| window.holds(weekday, minutes)) {
            Some(window) => window.bytes_per_second,
            None => self.usual_bytes_per_second,
        }
    }
}

fn is_too_slow(limit: Option<u64>) -> bool {
    limit.is_some_and(|bytes| bytes < 1024)
}

impl Window {
    fn holds(&self, weekday: u8, minutes: u16) -> bool {
        let is_day = |day: u8| self.weekdays.is_empty() || self.weekdays.contains(&day);
        if self.from_minutes <= self.to_minutes {
            return is_day(weekday) && (self.from_minutes..self.to_minutes).contains(&minutes);
        }
        let yesterday = if weekday == 1 { 7 } else { weekday - 1 };
        (minutes >= self.from_minutes && is_day(weekday)) || (minutes < self.to_minutes && is_day(yesterday))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Monday, 2026-11-23, at this time of day in UTC; days later.
    fn moment(days: i64, hours: i64, minutes: i64) -> i64 {
        let monday: Timestamp = "2026-11-23T00:00:00Z".parse().unwrap();
        monday.as_millisecond() + ((days * 24 + hours) * 60 + minutes) * 60_000
    }

    fn window(weekdays: &[u8], from: u16, to: u16, limit: Option<u64>) -> Window {
        Window {
            weekdays: weekdays.to_vec(),
            from_minutes: from * 60,
            to_minutes: to * 60,
            bytes_per_second: limit,
        }
    }

    #[test]
    fn the_first_window_that_holds_the_moment_counts() {
        let bandwidth = Bandwidth {
            usual_bytes_per_second: Some(9_000),
            windows: vec![window(&[1, 2, 3, 4, 5], 8, 18, Some(2_000)), window(&[], 12, 20, None)],
        };
        let at = |days, hours, minutes| bandwidth.at(moment(days, hours, minutes), &TimeZone::UTC);
        assert_eq!(at(0, 7, 59), Some(9_000));
        assert_eq!(at(0, 8, 0), Some(2_000));
        assert_eq!(at(0, 17, 59), Some(2_000));
        assert_eq!(at(0, 18, 0), None);
        assert_eq!(at(5, 9, 0), Some(9_000), "Saturday");
        assert_eq!(at(5, 13, 0), None);
        assert_eq!(Bandwidth::default().at(moment(0, 0, 0), &TimeZone::UTC), None);
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_it_begins_on() {
        let bandwidth =
            Bandwidth { usual_bytes_per_second: None, windows: vec![window(&[7], 22, 6, Some(5_000))] };
        let at = |days, hours| bandwidth.at(moment(days, hours, 0), &TimeZone::UTC);
        assert_eq!((at(6, 21), at(6, 23)), (None, Some(5_000)), "Sunday evening");
        assert_eq!((at(7, 5), at(7, 6), at(7, 23)), (Some(5_000), None, None), "Monday");
        assert_eq!(at(6, 5), None, "Sunday morning belongs to Saturday");
    }

    #[test]
    fn local_time_counts() {
        let bandwidth =
            Bandwidth { usual_bytes_per_second: None, windows: vec![window(&[], 9, 10, Some(5_000))] };
        let berlin = TimeZone::fixed(jiff::tz::offset(1));
        assert_eq!(bandwidth.at(moment(0, 8, 30), &berlin), Some(5_000));
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let with = |window| Bandwidth { usual_bytes_per_second: None, windows: vec![window] };
        assert_eq!(with(window(&[0], 1, 2, None)).check(), Err(BandwidthError::Weekday));
        assert_eq!(with(window(&[], 24, 2, None)).check(), Err(BandwidthError::Minutes));
        assert_eq!(with(window(&[], 1, 2, Some(5))).check(), Err(BandwidthError::TooSlow));
        let usual = Bandwidth { usual_bytes_per_second: Some(1), windows: vec![] };
        assert_eq!(usual.check(), Err(BandwidthError::TooSlow));
        assert_eq!(with(window(&[1, 7], 22, 6, Some(2_000))).check(), Ok(()));
    }
}
