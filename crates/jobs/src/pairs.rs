//! What the catalog keeps of a sync pair, beside its name and places; what a person may ask of it for one run; and when
//! two pairs are of the same places.
//!
//! Invariants: the pair's `name`, `left`, `right` and `paused` in the row are those of the definition; a definition of
//! a newer Keepwell is told, never overwritten, and single keys of one stay; places are compared by where they really
//! are, never by how somebody wrote them. Deliberately not here: what the fields of a pair mean (`sync`), when a wish
//! becomes the pair's (`sync_work`).

use std::path::{Component, Path, PathBuf};

use keepwell_catalog::{HubNews, PairRecord};
use keepwell_endpoint::Address;
use keepwell_model::PairId;
use keepwell_sync::PairSpec;
use keepwell_sync::pair::{BinSpec, FilterSpec, PatternPolicy};
use keepwell_sync::policy::{BrakeLimits, ConflictPolicy, Links, Mode};
use serde::{Deserialize, Serialize};

use crate::bandwidth::Bandwidth;
use crate::outcome::{Fault, FaultKind};
use crate::schedule::Schedule;
use crate::unknown_keys::text_over;

/// Everything about a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairDefinition {
    /// The pair itself.
    pub pair: PairSpec,
    /// When it runs by itself.
    pub schedule: Schedule,
    /// How much of the line it may use.
    #[serde(default)]
    pub bandwidth: Bandwidth,
    /// The hub it belongs to: several pairs with the same left place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<PairGroup>,
    /// The second place was not there when the pair was made, or is on a server: its first run makes it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub makes_right: bool,
}

/// Several pairs whose left place is the same: what one of them brings there, the others carry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairGroup {
    /// Its id, the same in all of its pairs.
    pub id: PairId,
    /// What the person calls it.
    pub name: String,
}

/// How a pair carries changes over: what a person may ask of it for one run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairOptions {
    /// Which way.
    pub mode: Mode,
    /// What happens with conflicts.
    pub conflicts: ConflictPolicy,
    /// Where something else happens with them.
    pub conflicts_by_pattern: Vec<PatternPolicy>,
    /// What symbolic links are.
    pub links: Links,
    /// Whether extended attributes are carried over.
    pub attributes: bool,
    /// Whether permissions are.
    pub modes: bool,
    /// What is left out.
    pub rules: FilterSpec,
    /// When a run halts.
    pub brakes: BrakeLimits,
    /// How long the bin keeps things.
    pub bin: BinSpec,
    /// How much of the line it may use.
    pub bandwidth: Bandwidth,
}

/// A pair as a person wants it for one run; it is so from the moment that run changes something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairWish {
    /// The whole pair; of one that is known, only its options count.
    pub definition: PairDefinition,
    /// How the known pair worked when this was asked; nothing where the pair is new.
    pub before: Option<PairOptions>,
}

/// How the places of a pair are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Left is left.
    AsKnown,
    /// Left is the pair's right.
    Swapped,
}

/// Where a place really is, to be compared with another: of a folder the path behind links and `..`, as far as it is
/// there; of a server its address without what means nothing.
#[must_use]
pub fn real_place(address: &Address) -> Address {
    match address.clone() {
        Address::Local(path) => Address::Local(real_path(&path)),
        Address::Sftp { user, host, port, path } => Address::Sftp {
            user,
            host: host.to_ascii_lowercase(),
            port: port.filter(|port| *port != 22),
            path,
        },
        Address::WebDav { secure, host, path } => {
            Address::WebDav { secure, host: host.to_ascii_lowercase(), path }
        }
        other => other,
    }
}

/// The path behind links, `.` and `..`. What is not there (any more) can be no link.
fn real_path(path: &Path) -> PathBuf {
    let there = path.ancestors().find_map(|above| Some((above.canonicalize().ok()?, above)));
    let (mut real, rest) = match there {
        Some((real, above)) => (real, path.strip_prefix(above).unwrap_or(Path::new(""))),
        None => (PathBuf::new(), path),
    };
    for part in rest.components() {
        match part {
            Component::ParentDir => drop(real.pop()),
            Component::CurDir => {}
            part => real.push(part),
        }
    }
    real
}

/// Whether a pair is of these two places (as [`real_place`] says), and in which order.
#[must_use]
pub fn is_of(record: &PairRecord, left: &Address, right: &Address) -> Option<Order> {
    let real = |text: &str| text.parse::<Address>().ok().map(|address| real_place(&address));
    let (known_left, known_right) = (real(&record.left_address)?, real(&record.right_address)?);
    match (&known_left == left && &known_right == right, &known_left == right && &known_right == left) {
        (true, _) => Some(Order::AsKnown),
        (_, true) => Some(Order::Swapped),
        _ => None,
    }
}

/// The setting in which older versions said when a pair was last found or made in step, in milliseconds: see
/// [`crate::standing`].
pub(crate) fn checked_setting(id: PairId) -> String {
    format!("pairChecked/{id}")
}

/// Whether a pair that works in one way looks for the same changes as one that works in the other.
#[must_use]
pub fn looks_alike(one: &PairSpec, other: &PairSpec) -> bool {
    let of = |pair: &PairSpec| (pair.mode, pair.links, pair.modes, pair.attributes);
    of(one) == of(other) && one.rules == other.rules
}

impl PairDefinition {
    /// How it carries changes over.
    #[must_use]
    pub fn options(&self) -> PairOptions {
        let pair = self.pair.clone();
        PairOptions {
            mode: pair.mode,
            conflicts: pair.conflicts,
            conflicts_by_pattern: pair.conflicts_by_pattern,
            links: pair.links,
            attributes: pair.attributes,
            modes: pair.modes,
            rules: pair.rules,
            brakes: pair.brakes,
            bin: pair.bin,
            bandwidth: self.bandwidth.clone(),
        }
    }

    /// The same pair, carrying changes over in this way.
    #[must_use]
    pub fn with_options(self, options: PairOptions) -> Self {
        let PairOptions {
            mode,
            conflicts,
            conflicts_by_pattern,
            links,
            attributes,
            modes,
            rules,
            brakes,
            bin,
            bandwidth,
        } = options;
        let pair = PairSpec {
            mode,
            conflicts,
            conflicts_by_pattern,
            links,
            attributes,
            modes,
            rules,
            brakes,
            bin,
            ..self.pair
        };
        Self { pair, bandwidth, ..self }
    }

    /// The definition in a row, with what the row itself says.
    ///
    /// # Errors
    /// It is from a newer Keepwell.
    pub fn of(record: &PairRecord) -> Result<Self, Fault> {
        let mut definition: Self = serde_json::from_str(&record.definition).map_err(|_| {
            Fault::new(
                FaultKind::Newer,
                format!(
                    "The sync pair \"{}\" can not be read. It may be from a newer Keepwell.",
                    record.name
                ),
                "Update this Keepwell, then try again.",
            )
        })?;
        definition.pair.id = record.id;
        definition.pair.name.clone_from(&record.name);
        definition.pair.paused = record.paused;
        Ok(definition)
    }

    /// The text of the definition, to be written in place of the one in a row: keys of it that only a newer Keepwell knows
    /// stay.
    ///
    /// # Errors
    /// It can not be written as JSON.
    pub fn text_over(&self, record: &PairRecord) -> Result<String, serde_json::Error> {
        let understood: Self = serde_json::from_str(&record.definition)?;
        text_over(&record.definition, &understood, self)
    }

    /// The row of a new pair.
    ///
    /// # Errors
    /// It can not be written as JSON.
    pub fn record(&self, created_ms: i64) -> Result<PairRecord, serde_json::Error> {
        Ok(PairRecord {
            id: self.pair.id,
            name: self.pair.name.clone(),
            left_address: self.pair.left.address.clone(),
            right_address: self.pair.right.address.clone(),
            definition: serde_json::to_string(self)?,
            paused: self.pair.paused,
            created_ms,
            schedule_from_ms: created_ms,
            retry_ms: None,
            hub: HubNews::default(),
        })
    }
}

/// What is said of a pair that is not there.
pub(crate) fn unknown() -> Fault {
    Fault::new(FaultKind::NotFound, "This sync pair does not exist (any more).", "Look at the list of pairs.")
}

/// What is said where somebody changed a pair while it was asked to run.
pub(crate) fn changed_meanwhile() -> Fault {
    Fault::new(
        FaultKind::Failed,
        "The pair was changed meanwhile. Nothing was done.",
        "Look at how it works now, then ask again.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(left: &str, right: &str) -> PairRecord {
        PairRecord {
            id: PairId([1; 16]),
            name: "Work".to_owned(),
            left_address: left.to_owned(),
            right_address: right.to_owned(),
            definition: String::new(),
            paused: false,
            created_ms: 1,
            schedule_from_ms: 1,
            retry_ms: None,
            hub: HubNews::default(),
        }
    }

    fn order(known: &PairRecord, left: &str, right: &str) -> Option<Order> {
        let real = |text: &str| real_place(&text.parse().unwrap());
        is_of(known, &real(left), &real(right))
    }

    #[cfg(unix)]
    #[test]
    fn places_are_the_same_however_the_way_to_them_is_written() {
        let room = tempfile::tempdir().unwrap();
        let at = |name: &str| room.path().join(name).to_str().unwrap().to_owned();
        for name in ["a", "a/b", "far"] {
            std::fs::create_dir(at(name)).unwrap();
        }
        std::os::unix::fs::symlink(at("a"), at("way")).unwrap();
        let known = record(&at("a"), &at("far"));
        for (left, right) in
            [("a/", "far/"), ("a/b/..", "./far"), ("way", "far"), ("way/b/../", "a/../far/.")]
        {
            assert_eq!(order(&known, &at(left), &at(right)), Some(Order::AsKnown), "{left} {right}");
            assert_eq!(order(&known, &at(right), &at(left)), Some(Order::Swapped), "{right} {left}");
        }
        assert_eq!(order(&known, &at("a"), &at("a/b")), None);
        assert_eq!(order(&known, &at("a"), &at("a")), None);
        // A pair whose places were kept as they were typed is found as well, also when one is not there now.
        let old = record(&at("way/../a/"), &at("gone/x/../y"));
        assert_eq!(order(&old, &at("a"), &at("gone/y")), Some(Order::AsKnown));
    }

    #[test]
    fn addresses_of_servers_are_compared_without_what_means_nothing() {
        let known = record("webdav://host", "sftp://ana@NAS:22/photos");
        assert_eq!(order(&known, "webdav://Host/", "sftp://ana@nas/photos/"), Some(Order::AsKnown));
        assert_eq!(order(&known, "webdavs://host", "sftp://ana@nas/photos"), None);
        assert_eq!(order(&known, "webdav://host", "sftp://bea@nas/photos"), None);
    }
}
