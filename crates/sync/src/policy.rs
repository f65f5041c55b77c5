//! What a person wants of a pair. Pure data; kept with the pair and handed to the planner.
//!
//! Invariant: every value here changes what a plan says, never what is read. Deliberately not here: places and
//! schedules (`pair`).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keepwell_model::RelativePath;
use serde::{Deserialize, Serialize};

use crate::node::{NodeId, Side, State};

/// Which way changes go. One-way modes go from left to right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// Changes of either side reach the other.
    #[default]
    TwoWay,
    /// The right becomes an exact copy of the left: what is only there goes to the bin.
    Mirror,
    /// New and changed items reach the right; nothing is ever removed there, newer files there stay.
    Update,
    /// Items move from the left to the right; once they are proven there they leave the left (into its bin).
    MoveIn,
}

/// What happens where both sides changed the same thing differently.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictPolicy {
    /// Nothing, until a person decides.
    #[default]
    Ask,
    /// Both stay: one under its name, the other beside it as a conflict copy; both on both sides.
    KeepBoth,
    /// The later time of last change wins; the other goes to the bin. Without times, or with equal ones: ask.
    Newest,
    /// The left wins; the other goes to the bin.
    Left,
    /// The right wins; the other goes to the bin.
    Right,
}

/// A person's word on one row of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// Leave both sides as they are, this time.
    Skip,
    /// The right becomes like the left here.
    LeftToRight,
    /// The left becomes like the right here.
    RightToLeft,
    /// Both stay (conflicts).
    KeepBoth,
}

/// So many items make a pair of which a part that is lost counts, however few that are.
const SMALL_PAIR_ITEMS: u64 = 10;

/// When a run halts and asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct BrakeLimits {
    /// More removals than this, net of moves and with those of the runs just before, and more than `removed_percent` of
    /// the items: halt.
    pub removed_items: u64,
    /// See `removed_items`.
    pub removed_percent: u8,
    /// More files with new content than this, with those of the runs just before, and more than `rewritten_percent` of the files: halt.
    pub rewritten_files: u64,
    /// See `rewritten_files`.
    pub rewritten_percent: u8,
    /// So much must stay free on a side, in bytes.
    pub reserve_bytes: u64,
}

impl Default for BrakeLimits {
    fn default() -> Self {
        Self {
            removed_items: 25,
            removed_percent: 25,
            rewritten_files: 50,
            rewritten_percent: 40,
            reserve_bytes: 64 << 20,
        }
    }
}

impl BrakeLimits {
    /// [`BrakeLimits::removed_items`] for a pair of so many items: with the usual numbers half of them is enough, else a
    /// small pair could lose everything and pass neither. Numbers that a person chose hold as they are.
    #[must_use]
    pub fn removed_items_of(&self, items: u64) -> u64 {
        let usual = Self::default();
        let is_usual =
            (self.removed_items, self.removed_percent) == (usual.removed_items, usual.removed_percent);
        if is_usual && items >= SMALL_PAIR_ITEMS {
            self.removed_items.min(items / 2)
        } else {
            self.removed_items
        }
    }

    /// [`BrakeLimits::rewritten_files`] for a pair of so many files, likewise: three quarters, because a person who works
    /// in a small folder does write most of it anew.
    #[must_use]
    pub fn rewritten_files_of(&self, files: u64) -> u64 {
        let usual = Self::default();
        let is_usual = (self.rewritten_files, self.rewritten_percent)
            == (usual.rewritten_files, usual.rewritten_percent);
        if is_usual && files >= SMALL_PAIR_ITEMS {
            self.rewritten_files.min(files.saturating_mul(3) / 4)
        } else {
            self.rewritten_files
        }
    }
}

/// What symbolic links are to a pair.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Links {
    /// Kept as links.
    #[default]
    Keep,
    /// Taken for what they point to (inside the root only).
    Follow,
    /// Left out.
    Skip,
}

/// All of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Which way.
    pub mode: Mode,
    /// What happens with conflicts where no pattern says otherwise.
    pub conflicts: ConflictPolicy,
    /// Patterns in gitignore syntax with what happens to conflicts there; the first that matches counts.
    pub conflicts_by_pattern: Vec<(String, ConflictPolicy)>,
    /// When to halt.
    pub brakes: BrakeLimits,
    /// Brakes a person has seen for this run and wants to go on despite.
    pub released: Vec<BrakeKind>,
    /// What a person said to single rows of this run, by the node the row is about.
    pub choices: BTreeMap<NodeId, Choice>,
    /// How the device is called in the names of conflict copies, per side.
    pub side_names: (String, String),
    /// The day in the names of conflict copies, as `2026-11-22`; handed in because planning knows no clock.
    pub today: String,
    /// What comes back from a side, as the answer to a brake.
    pub bring_back: Option<BringBack>,
    /// What earlier answers promised, and is not back yet.
    pub owed: Arc<Owed>,
}

/// What comes back from a side to the other one, as the answer to a brake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BringBack {
    /// What the other side has not any more; all else goes as in any run.
    Gone(Side),
    /// Whatever differs: the other side becomes like this one.
    Everything(Side),
    /// Whatever differs, to another place than before: what that has besides stays.
    Filling(Side),
}

/// What was to come back, by the items of the base: an answer holds until it is carried out, also where the run that does it
/// is cut short, or can not do all of it. What is still missing then is no removal of the side that lost it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owed {
    /// In order of the items.
    items: Vec<Promise>,
    /// Where the right of a mirror has what the base does not know yet, and the left is to get.
    new: BTreeSet<RelativePath>,
}

/// What the answer to a brake promises of one item of the base.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Promise {
    /// Which.
    pub node: NodeId,
    /// What comes back, and from where.
    pub back: BringBack,
    /// What the other side, to which it comes, had of it then: nothing where it was not there. Who makes another version of
    /// that afterwards means it.
    pub was: Option<State>,
}

impl Owed {
    /// Of what was promised, the last word on an item counting.
    pub(crate) fn of(mut items: Vec<Promise>, new: BTreeSet<RelativePath>) -> Self {
        items.reverse();
        items.sort_by_key(|promise| promise.node);
        items.dedup_by_key(|promise| promise.node);
        Self { items, new }
    }

    /// Of what the base does not know.
    pub(crate) fn new_ones(&self) -> &BTreeSet<RelativePath> {
        &self.new
    }

    pub(crate) fn get(&self, node: NodeId) -> Option<&Promise> {
        let at = self.items.binary_search_by_key(&node, |promise| promise.node).ok()?;
        Some(&self.items[at])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Promise> {
        self.items.iter()
    }

    /// Whether nothing is.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.new.is_empty()
    }
}

impl Policy {
    /// The side from which comes back what the other one has not any more.
    pub(crate) fn returns_from(&self) -> Option<Side> {
        self.bring_back.map(BringBack::side)
    }

    /// The side the other one becomes like.
    pub(crate) fn makes_like(&self) -> Option<Side> {
        self.bring_back.and_then(|back| match back {
            BringBack::Everything(side) | BringBack::Filling(side) => Some(side),
            BringBack::Gone(_) => None,
        })
    }

    /// A person answered a brake about what is gone.
    pub(crate) fn answers_removals(&self) -> bool {
        self.bring_back.is_some() || self.released.iter().any(|kind| kind.is_of_what_is_gone())
    }

    /// A person answered a brake about new content.
    pub(crate) fn answers_rewriting(&self) -> bool {
        let kinds = [BrakeKind::ManyRewritten, BrakeKind::OldCopy];
        self.makes_like().is_some() || kinds.iter().any(|kind| self.released.contains(kind))
    }

    /// How a side is called.
    pub(crate) fn side_name(&self, side: Side) -> &str {
        match side {
            Side::Left => &self.side_names.0,
            Side::Right => &self.side_names.1,
        }
    }
}

/// Why a run halts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BrakeKind {
    /// A root that held items holds none.
    RootEmptied,
    /// A root is not there.
    RootGone,
    /// Another volume, bucket or folder sits at the path.
    AnotherPlace,
    /// More removals than usual, net of moves.
    ManyRemoved,
    /// So many files have new content that it looks like something encrypts them.
    ManyRewritten,
    /// Nearly all times changed and the content did not, or nothing else did.
    AllTimesChanged,
    /// The rules of what is left out changed, and items would go because of that.
    RulesChanged,
    /// A side looks like it did long ago: files went back to older content and times.
    OldCopy,
    /// The changes do not fit.
    NoSpace,
}

impl BrakeKind {
    /// It is about items that a side has not any more, and about nothing else.
    #[must_use]
    pub fn is_of_what_is_gone(self) -> bool {
        matches!(self, Self::ManyRemoved | Self::RootEmptied | Self::RulesChanged)
    }
}

impl BringBack {
    /// Where it comes from.
    #[must_use]
    pub fn side(self) -> Side {
        let (Self::Gone(side) | Self::Everything(side) | Self::Filling(side)) = self;
        side
    }

    /// What comes back from a side, by the kinds of the brakes that were pulled for the other one: no more than what is
    /// gone there, where that is all that held the run up and the mode changes both places.
    #[must_use]
    pub fn from(side: Side, kinds: &[BrakeKind], mode: Mode) -> Self {
        let mut telling = kinds.iter().filter(|kind| **kind != BrakeKind::NoSpace).peekable();
        let is_gone = telling.peek().is_some() && telling.all(|kind| kind.is_of_what_is_gone());
        match mode {
            Mode::TwoWay | Mode::Mirror if is_gone => Self::Gone(side),
            _ => Self::Everything(side),
        }
    }
}
