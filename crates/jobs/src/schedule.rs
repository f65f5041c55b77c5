//! When a plan is due: pure, time passed in.
//!
//! Invariants:
//! 1. However many slots were missed (sleep, power off), one run catches up.
//! 2. After a run nothing is due before its next slot, wherever the clock jumps; a clock that jumped back shifts
//!    the schedule once, and never causes a flood.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan, Zoned};
use serde::{Deserialize, Serialize};

/// Milliseconds in an hour.
const HOUR_MS: i64 = 3_600_000;
/// How long after a failure that may pass by itself a plan is tried again.
pub const RETRY_MS: i64 = HOUR_MS;

/// How often. Times of day are local, in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "kind")]
pub enum Schedule {
    /// Only when a person says so.
    Manual,
    /// Every so many hours after the last run.
    EveryHours {
        /// 1 to 168.
        hours: u16,
    },
    /// Every day.
    Daily {
        /// 0 to 1439.
        at_minutes: u16,
    },
    /// Once a week.
    Weekly {
        /// 1 Monday to 7 Sunday.
        weekday: u8,
        /// 0 to 1439.
        at_minutes: u16,
    },
}

/// A schedule that makes no sense.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ScheduleError {
    /// Hours out of range.
    #[error("a plan can run every 1 to 168 hours")]
    Hours,
    /// Minutes out of range.
    #[error("a time of day is 0 to 1439 minutes after midnight")]
    Minutes,
    /// Weekday out of range.
    #[error("a weekday is 1 (Monday) to 7 (Sunday)")]
    Weekday,
}

impl Schedule {
    /// Checks the ranges.
    ///
    /// # Errors
    /// A number is out of its range.
    pub fn check(self) -> Result<(), ScheduleError> {
        let minutes = |at: u16| if at < 24 * 60 { Ok(()) } else { Err(ScheduleError::Minutes) };
        match self {
            Self::Manual => Ok(()),
            Self::EveryHours { hours: 1..=168 } => Ok(()),
            Self::EveryHours { .. } => Err(ScheduleError::Hours),
            Self::Daily { at_minutes } => minutes(at_minutes),
            Self::Weekly { weekday: 1..=7, at_minutes } => minutes(at_minutes),
            Self::Weekly { .. } => Err(ScheduleError::Weekday),
        }
    }

    /// The first slot after a moment; nothing for manual plans.
    #[must_use]
    pub fn next_after(self, from_ms: i64, zone: &TimeZone) -> Option<i64> {
        match self {
            Self::Manual => None,
            Self::EveryHours { hours } => Some(from_ms.saturating_add(i64::from(hours) * HOUR_MS)),
            Self::Daily { at_minutes } => next_slot(from_ms, at_minutes, None, zone),
            Self::Weekly { weekday, at_minutes } => next_slot(from_ms, at_minutes, Some(weekday), zone),
        }
    }
}

fn next_slot(from_ms: i64, at_minutes: u16, weekday: Option<u8>, zone: &TimeZone) -> Option<i64> {
    let from: Zoned = Timestamp::from_millisecond(from_ms).ok()?.to_zoned(zone.clone());
    let time =
        Time::new(i8::try_from(at_minutes / 60).ok()?, i8::try_from(at_minutes % 60).ok()?, 0, 0).ok()?;
    let mut date = from.date();
    // A week and a day cover every case: today's slot may be over, and a slot may fall on the same weekday.
    for _ in 0..=8 {
        let fits = weekday
            .is_none_or(|wanted| date.weekday().to_monday_one_offset() == i8::try_from(wanted).unwrap_or(0));
        if fits {
            // A time that the clock skips (summer time) becomes the next one that exists.
            let slot = date.to_datetime(time).to_zoned(zone.clone()).ok()?.timestamp().as_millisecond();
            if slot > from_ms {
                return Some(slot);
            }
        }
        date = date.checked_add(1.day()).ok()?;
    }
    None
}

/// What the scheduler knows of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// Slots up to here are dealt with.
    pub from_ms: i64,
    /// When to try again after a failure that may pass.
    pub retry_ms: Option<i64>,
}

/// What to do with a plan now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Nothing; it is due at that moment, if ever.
    Wait(Option<i64>),
    /// Run it now, and keep these times.
    Run(Times),
    /// The clock jumped back: keep these times, do not run.
    Shift(Times),
}

/// Decides for one plan.
#[must_use]
pub fn decide(schedule: Schedule, times: Times, now_ms: i64, zone: &TimeZone) -> Decision {
    let retry_ms = times.retry_ms.map(|retry| retry.min(now_ms.saturating_add(RETRY_MS)));
    if times.from_ms > now_ms {
        return Decision::Shift(Times { from_ms: now_ms, retry_ms });
    }
    let due = match (schedule.next_after(times.from_ms, zone), retry_ms) {
        (Some(slot), Some(retry)) => Some(slot.min(retry)),
        (Some(slot), None) => Some(slot),
        // A manual plan is not retried behind the person's back.
        (None, _) => None,
    };
    match due {
        Some(due) if due <= now_ms => Decision::Run(Times { from_ms: now_ms, retry_ms: None }),
        _ if retry_ms != times.retry_ms => Decision::Shift(Times { from_ms: times.from_ms, retry_ms }),
        due => Decision::Wait(due),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::posix("CET-1CEST,M3.5.0,M10.5.0/3").unwrap()
    }

    fn at(text: &str) -> i64 {
        text.parse::<jiff::civil::DateTime>()
            .unwrap()
            .to_zoned(berlin())
            .unwrap()
            .timestamp()
            .as_millisecond()
    }

    /// Runs a clock through a list of moments; answers how often a plan ran.
    fn runs(schedule: Schedule, start: i64, moments: impl IntoIterator<Item = i64>) -> Vec<i64> {
        let mut times = Times { from_ms: start, retry_ms: None };
        let mut ran = Vec::new();
        for now in moments {
            match decide(schedule, times, now, &berlin()) {
                Decision::Run(next) => {
                    ran.push(now);
                    times = next;
                }
                Decision::Shift(next) => times = next,
                Decision::Wait(_) => {}
            }
        }
        ran
    }

    #[test]
    fn a_daily_plan_runs_once_a_day_at_its_time() {
        let start = at("2026-03-20T10:00");
        let minutes = (0..5 * 24 * 60).map(|minute| start + minute * 60_000);
        let ran = runs(Schedule::Daily { at_minutes: 18 * 60 + 30 }, start, minutes);
        let expected: Vec<i64> = (20..25).map(|day| at(&format!("2026-03-{day}T18:30"))).collect();
        assert_eq!(ran, expected);
    }

    #[test]
    fn after_a_long_sleep_one_run_catches_up() {
        let start = at("2026-03-01T10:00");
        let wake = at("2026-03-11T09:00");
        let ran =
            runs(Schedule::Daily { at_minutes: 0 }, start, (0..600).map(|minute| wake + minute * 60_000));
        assert_eq!(ran, vec![wake]);
        let hourly =
            runs(Schedule::EveryHours { hours: 1 }, start, (0..59).map(|minute| wake + minute * 60_000));
        assert_eq!(hourly, vec![wake]);
    }

    #[test]
    fn a_clock_that_jumps_back_causes_no_flood_and_no_silence() {
        let start = at("2026-03-10T12:00");
        let back = at("2026-03-03T12:00");
        let hour = HOUR_MS;
        let mut moments: Vec<i64> = (0..3 * 60).map(|minute| start + minute * 60_000).collect();
        moments.extend((0..3 * 60).map(|minute| back + minute * 60_000));
        let ran = runs(Schedule::EveryHours { hours: 1 }, start, moments);
        assert_eq!(ran, vec![start + hour, start + 2 * hour, back + hour, back + 2 * hour]);

        // To and fro by seconds: nothing is due.
        let shaking = (0..1000).map(|tick| start + if tick % 2 == 0 { 0 } else { -5_000 });
        assert_eq!(runs(Schedule::EveryHours { hours: 1 }, start, shaking), Vec::<i64>::new());
    }

    #[test]
    fn a_time_the_clock_skips_still_comes_once() {
        // 2026-03-29 02:30 does not exist in Berlin; 2026-10-25 02:30 exists twice.
        for day in ["2026-03-29", "2026-10-25"] {
            let start = at(&format!("{day}T00:00"));
            let minutes = (0..24 * 60).map(|minute| start + minute * 60_000);
            assert_eq!(runs(Schedule::Daily { at_minutes: 150 }, start, minutes).len(), 1, "{day}");
        }
    }

    #[test]
    fn a_weekly_plan_keeps_its_weekday() {
        let zone = berlin();
        let friday = Schedule::Weekly { weekday: 5, at_minutes: 60 };
        assert_eq!(friday.next_after(at("2026-11-22T12:00"), &zone), Some(at("2026-11-27T01:00")));
        assert_eq!(friday.next_after(at("2026-11-27T01:00"), &zone), Some(at("2026-12-04T01:00")));
        assert_eq!(friday.next_after(at("2026-11-27T00:59"), &zone), Some(at("2026-11-27T01:00")));
    }

    #[test]
    fn a_failure_that_may_pass_is_tried_again_before_the_next_slot() {
        let zone = berlin();
        let now = at("2026-03-10T12:00");
        let schedule = Schedule::Daily { at_minutes: 0 };
        let failed = Times { from_ms: now, retry_ms: Some(now + RETRY_MS) };
        assert_eq!(decide(schedule, failed, now + 60_000, &zone), Decision::Wait(Some(now + RETRY_MS)));
        assert!(matches!(decide(schedule, failed, now + RETRY_MS, &zone), Decision::Run(_)));
        assert!(matches!(decide(Schedule::Manual, failed, now + RETRY_MS, &zone), Decision::Wait(None)));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Schedule::EveryHours { hours: 0 }.check().is_err());
        assert!(Schedule::Daily { at_minutes: 1440 }.check().is_err());
        assert!(Schedule::Weekly { weekday: 8, at_minutes: 0 }.check().is_err());
        assert!(Schedule::Weekly { weekday: 7, at_minutes: 1439 }.check().is_ok());
    }
}
