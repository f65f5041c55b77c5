//! Which versions in a bin are kept: all young ones, then one a day, then one a week, within a limit of space.
//!
//! Thinning goes by item: of a file that changed a hundred times in a day long ago, the last version of that day stays.
//! Invariants: pure, time comes in; a version younger than [`BinSpec::keep_all_days`] is never thinned, not even for
//! space: it may be what a person misses right now; what is thinned is the same however the versions are ordered.
//! Deliberately not here: removing anything (`bins::care`).

use std::collections::HashSet;

use crate::pair::BinSpec;

const DAY_MS: i64 = 24 * 3_600_000;
const WEEK_MS: i64 = 7 * DAY_MS;

/// A version in a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BinVersion {
    /// Its number in the bin's index.
    pub id: i64,
    /// Which item it is a version of: the same number for all versions at one path.
    pub item: u64,
    /// When it was put into the bin.
    pub binned_ms: i64,
    /// Its size.
    pub size_bytes: u64,
}

/// The versions that go, by the rules and the time. Times in the future, of a clock that was ahead, count as now; nor do
/// they count into the limit of space, where they could not go and older ones would in their stead.
#[must_use]
pub fn thin(versions: &[BinVersion], rules: &BinSpec, now_ms: i64) -> Vec<i64> {
    let days = |days: u32| i64::from(days) * DAY_MS;
    let mut newest_first: Vec<&BinVersion> = versions.iter().collect();
    newest_first.sort_by_key(|version| (std::cmp::Reverse(version.binned_ms), std::cmp::Reverse(version.id)));
    let mut taken: HashSet<(u64, bool, i64)> = HashSet::new();
    let mut kept: Vec<&BinVersion> = Vec::new();
    let mut gone = Vec::new();
    for version in newest_first {
        let age_ms = now_ms.saturating_sub(version.binned_ms).max(0);
        let stays = if age_ms < days(rules.keep_all_days) {
            true
        } else if age_ms < days(rules.keep_daily_days) {
            taken.insert((version.item, false, version.binned_ms.div_euclid(DAY_MS)))
        } else if age_ms < days(rules.keep_weekly_days) {
            taken.insert((version.item, true, version.binned_ms.div_euclid(WEEK_MS)))
        } else {
            false
        };
        if stays { kept.push(version) } else { gone.push(version.id) }
    }
    if let Some(limit_bytes) = rules.limit_bytes {
        kept.retain(|version| version.binned_ms <= now_ms);
        let mut total_bytes: u64 = kept.iter().map(|version| version.size_bytes).sum();
        for version in kept.iter().rev() {
            if total_bytes <= limit_bytes {
                break;
            }
            if now_ms.saturating_sub(version.binned_ms) >= days(rules.keep_all_days) {
                total_bytes -= version.size_bytes;
                gone.push(version.id);
            }
        }
    }
    gone
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: i64 = 3_600_000;
    const NOW: i64 = 1_000 * DAY_MS;

    fn version(id: i64, item: u64, age_ms: i64) -> BinVersion {
        BinVersion { id, item, binned_ms: NOW - age_ms, size_bytes: 10 }
    }

    fn sorted(mut ids: Vec<i64>) -> Vec<i64> {
        ids.sort_unstable();
        ids
    }

    #[test]
    fn young_versions_all_stay_also_when_space_is_short() {
        let versions: Vec<_> = (0..20).map(|id| version(id, 1, id * HOUR_MS)).collect();
        let rules = BinSpec { limit_bytes: Some(0), ..BinSpec::default() };
        assert!(thin(&versions, &rules, NOW).is_empty());
    }

    #[test]
    fn of_an_older_day_the_last_version_of_each_item_stays() {
        let versions = [
            version(1, 1, 5 * DAY_MS - HOUR_MS),
            version(2, 1, 5 * DAY_MS - 3 * HOUR_MS),
            version(3, 2, 5 * DAY_MS - HOUR_MS),
            version(4, 1, 6 * DAY_MS - HOUR_MS),
        ];
        assert_eq!(thin(&versions, &BinSpec::default(), NOW), [1]);
    }

    #[test]
    fn of_an_older_week_one_stays_and_after_a_year_none() {
        let week = NOW.div_euclid(WEEK_MS) * WEEK_MS - 10 * WEEK_MS;
        let at = |id, time_ms| BinVersion { id, item: 1, binned_ms: time_ms, size_bytes: 10 };
        let versions = [at(1, week), at(2, week + DAY_MS), at(3, week + WEEK_MS), at(4, NOW - 366 * DAY_MS)];
        assert_eq!(sorted(thin(&versions, &BinSpec::default(), NOW)), [1, 4]);
    }

    #[test]
    fn the_oldest_go_first_for_space() {
        let versions = [version(1, 1, 2 * DAY_MS), version(2, 2, 3 * DAY_MS), version(3, 3, HOUR_MS)];
        let rules = BinSpec { limit_bytes: Some(20), ..BinSpec::default() };
        assert_eq!(thin(&versions, &rules, NOW), [2]);
    }

    #[test]
    fn what_a_clock_that_was_ahead_left_takes_no_room_from_the_others() {
        let versions = [version(1, 1, 2 * DAY_MS), version(2, 2, -400 * DAY_MS), version(3, 3, -DAY_MS)];
        let rules = BinSpec { limit_bytes: Some(10), ..BinSpec::default() };
        assert_eq!(thin(&versions, &rules, NOW), [0; 0]);
    }

    #[test]
    fn the_order_of_the_index_does_not_matter_and_a_clock_that_was_ahead_loses_nothing() {
        let mut versions: Vec<_> = (0..200).map(|id| version(id, id as u64 % 3, id * 9 * HOUR_MS)).collect();
        versions.push(version(999, 1, -50 * DAY_MS));
        let one = sorted(thin(&versions, &BinSpec::default(), NOW));
        versions.reverse();
        assert_eq!(sorted(thin(&versions, &BinSpec::default(), NOW)), one);
        assert!(!one.contains(&999));
    }
}
