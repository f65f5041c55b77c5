//! A pair: which two places are kept in lockstep, and how. Kept by the catalog as JSON.
//!
//! Invariants: a field that an older Keepwell did not know has a default; no secret is in here (they lie in the
//! keyring under the address). Deliberately not here: schedules and bandwidth (`jobs` keeps them beside the pair), what
//! was agreed on (`database`).

use keepwell_model::{PairId, RelativePath};
use serde::{Deserialize, Serialize};

use crate::node::Side;
use crate::policy::{BrakeLimits, ConflictPolicy, Links, Mode, Policy};

/// Two places and how they are kept alike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairSpec {
    /// Its id, for as long as it lives.
    pub id: PairId,
    /// What the person calls it.
    pub name: String,
    /// The first place; the source of one-way modes.
    pub left: PlaceSpec,
    /// The second place.
    pub right: PlaceSpec,
    /// Which way changes go.
    #[serde(default)]
    pub mode: Mode,
    /// What happens where both changed the same.
    #[serde(default)]
    pub conflicts: ConflictPolicy,
    /// Where something else than `conflicts` happens; the first pattern that matches counts.
    #[serde(default)]
    pub conflicts_by_pattern: Vec<PatternPolicy>,
    /// What symbolic links are.
    #[serde(default)]
    pub links: Links,
    /// Extended attributes are synced where both places keep them.
    #[serde(default)]
    pub attributes: bool,
    /// Permission bits are synced where both places keep them.
    #[serde(default = "yes")]
    pub modes: bool,
    /// What is left out.
    #[serde(default)]
    pub rules: FilterSpec,
    /// When a run halts and asks.
    #[serde(default)]
    pub brakes: BrakeLimits,
    /// How long what was replaced or removed is kept.
    #[serde(default)]
    pub bin: BinSpec,
    /// Changes are carried over as they happen.
    #[serde(default)]
    pub live: bool,
    /// Nothing runs until a person lets it go on.
    #[serde(default)]
    pub paused: bool,
}

fn yes() -> bool {
    true
}

/// One place of a pair.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceSpec {
    /// A path, or an address such as `sftp://host/folder`; without secrets.
    pub address: String,
    /// The volume of a removable place: it is found by this wherever it is mounted.
    #[serde(default)]
    pub volume: Option<String>,
    /// How it is called in the names of conflict copies: the device, or the place. Empty: `left` or `right`.
    #[serde(default)]
    pub label: String,
}

/// What happens to conflicts at paths that match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PatternPolicy {
    /// In gitignore syntax.
    pub pattern: String,
    /// What happens there.
    pub conflicts: ConflictPolicy,
}

/// What is left out of a pair, on both sides alike.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FilterSpec {
    /// Patterns in gitignore syntax; the last that matches counts.
    pub patterns: Vec<String>,
    /// Larger files are left out.
    pub max_size_bytes: Option<u64>,
    /// Files that were changed more lately than this are left out.
    pub min_age_seconds: Option<u64>,
    /// Files that were last changed longer ago than this are left out.
    pub max_age_seconds: Option<u64>,
    /// Only these folders are synced, as paths below the root; empty: all.
    pub folders: Vec<String>,
}

impl FilterSpec {
    /// Changes whenever a rule does: a run after a change asks before anything goes because of it.
    #[must_use]
    pub fn digest(&self) -> [u8; 16] {
        let mut hasher = blake3::Hasher::new();
        let mut put = |bytes: &[u8]| {
            hasher.update(&(bytes.len() as u64).to_le_bytes());
            hasher.update(bytes);
        };
        for list in [&self.patterns, &self.folders] {
            put(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|text| put(text.as_bytes()));
        }
        for number in [self.max_size_bytes, self.min_age_seconds, self.max_age_seconds] {
            put(&number.map_or_else(Vec::new, |number| number.to_le_bytes().to_vec()));
        }
        let mut digest = [0; 16];
        digest.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        digest
    }
}

/// How long what was replaced or removed stays in the bin: all of it for a while, then one version a day, then one a
/// week.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BinSpec {
    /// Everything of the last days.
    pub keep_all_days: u32,
    /// One version a day for so many days.
    pub keep_daily_days: u32,
    /// One version a week for so many days.
    pub keep_weekly_days: u32,
    /// The oldest go when the bin of one side is larger than this.
    pub limit_bytes: Option<u64>,
}

impl Default for BinSpec {
    fn default() -> Self {
        Self { keep_all_days: 1, keep_daily_days: 30, keep_weekly_days: 365, limit_bytes: None }
    }
}

/// Where an item is, for people: which of the two places, and the path there.
pub(crate) fn shown(place: &str, path: &RelativePath) -> String {
    if path.is_root() { place.to_owned() } else { format!("{place}: {path}") }
}

impl PairSpec {
    /// The place of a side.
    #[must_use]
    pub fn place(&self, side: Side) -> &PlaceSpec {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// What a side is called.
    #[must_use]
    pub fn side_name(&self, side: Side) -> &str {
        match (self.place(side).label.as_str(), side) {
            ("", Side::Left) => "left",
            ("", Side::Right) => "right",
            (label, _) => label,
        }
    }

    /// What the planner has to know of the pair. `today` is a date such as `2026-11-22`.
    #[must_use]
    pub fn policy(&self, today: &str) -> Policy {
        Policy {
            mode: self.mode,
            conflicts: self.conflicts,
            conflicts_by_pattern: self
                .conflicts_by_pattern
                .iter()
                .map(|entry| (entry.pattern.clone(), entry.conflicts))
                .collect(),
            brakes: self.brakes,
            side_names: (self.side_name(Side::Left).to_owned(), self.side_name(Side::Right).to_owned()),
            today: today.to_owned(),
            ..Policy::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_written_with_the_least_is_read_with_defaults() {
        let text = format!(
            r#"{{"id":"{}","name":"Photos","left":{{"address":"/a"}},"right":{{"address":"/b"}}}}"#,
            "ab".repeat(16)
        );
        let pair: PairSpec = serde_json::from_str(&text).unwrap();
        assert_eq!(pair.mode, Mode::TwoWay);
        assert_eq!(pair.conflicts, ConflictPolicy::Ask);
        assert!(pair.modes && !pair.attributes);
        assert_eq!(pair.bin.keep_daily_days, 30);
        let again: PairSpec = serde_json::from_str(&serde_json::to_string(&pair).unwrap()).unwrap();
        assert_eq!(again, pair);
    }

    #[test]
    fn the_digest_of_the_rules_tells_every_change() {
        let plain = FilterSpec::default();
        let pattern = FilterSpec { patterns: vec!["a".into()], ..FilterSpec::default() };
        let folder = FilterSpec { folders: vec!["a".into()], ..FilterSpec::default() };
        let size = FilterSpec { max_size_bytes: Some(1), ..FilterSpec::default() };
        let age = FilterSpec { min_age_seconds: Some(1), ..FilterSpec::default() };
        let all = [plain, pattern, folder, size, age];
        for (number, one) in all.iter().enumerate() {
            for other in &all[number + 1..] {
                assert_ne!(one.digest(), other.digest());
            }
        }
    }
}
