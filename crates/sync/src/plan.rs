//! What a run will do: rows in batches, conflicts, brakes. Preview, brakes and execution all use this very object.
//!
//! Invariants: a plan is data only, made by [`crate::planner::plan`] from three trees and a policy, with no clock, disk
//! or chance in it; inside a batch the order does not matter, over both sides together; a plan with brakes is not
//! executed; every row's paths are those when its batch begins. Deliberately not
//! here: how it is made (`planner`) and carried out (`execute`).

use std::collections::BTreeSet;

use keepwell_model::{EntryKind, Problem, RelativePath, Timestamp};
use serde::{Deserialize, Serialize};

use crate::node::{NodeId, Side, State};
use crate::policy::{BrakeKind, Promise};

/// What is done to one item on one side. Its name there is the last one of [`Operation::path`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// A folder is made.
    CreateFolder {
        /// In this folder.
        parent: NodeId,
    },
    /// A file or link that is not there yet is copied from the other side.
    Copy {
        /// Into this folder.
        parent: NodeId,
    },
    /// A file or link gets the content of the other side's; the old content goes to the bin.
    Replace,
    /// It is renamed or moved, with all below it.
    Move {
        /// Into this folder.
        parent: NodeId,
        /// What lies here is another item from then on: a conflict copy, which keeps what this side had. Rows of higher
        /// batches bring the item itself here anew and the copy to the other side, under these ids.
        becomes: Option<NodeId>,
    },
    /// It goes to the bin of its side, a folder when it is empty by then. With [`Why::MovedIn`] only if the item is on
    /// the other side for certain: its copy succeeded in this run, or both had the same.
    Remove,
    /// Times, permissions, attributes become those of the other side.
    SetMetadata,
}

/// Why a row is in the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// It is new on the other side.
    New,
    /// The other side changed its content.
    Changed,
    /// The other side changed its times, permissions or attributes.
    MetadataChanged,
    /// The other side renamed or moved it.
    Moved,
    /// The other side removed it.
    Removed,
    /// The mode says so: this side has to be like the other.
    OneWay,
    /// It was removed here and edited there: the edit wins.
    EditBeatsRemoval,
    /// Both changed it; the policy or the person decided.
    ConflictDecided,
    /// Both changed it; this keeps the other one too.
    ConflictCopy,
    /// It left the other side and has to leave here, after it was proven there (move-in).
    MovedIn,
    /// A step on the way of another row, such as a name that has to be free first.
    StepOnTheWay,
    /// A brake was answered with "bring back from the other side".
    BroughtBack,
}

/// What surrounds the content, where it is not simply that of the other side; nothing means "leave it as it is".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MetadataChange {
    /// When the content last changed.
    pub modified: Option<Timestamp>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// The side whose extended attributes it gets (for a replacement this may be the side that is changed).
    pub attributes_of: Option<Side>,
}

/// What only few rows have: a plan holds millions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// See [`Operation::node_on`].
    pub right_node: Option<NodeId>,
    /// See [`Operation::from`].
    pub from: Option<RelativePath>,
    /// See [`Operation::source`].
    pub source: Option<RelativePath>,
    /// See [`Operation::pair_name`].
    pub pair_name: Option<Box<[u8]>>,
    /// See [`Operation::metadata`].
    pub metadata: Option<MetadataChange>,
}

/// One row: what happens to one item on one side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Rows of lower batches are done before those of higher ones; inside a batch the order does not matter, on both
    /// sides together. Paths are those at the time of the batch.
    pub batch: u32,
    /// The side that is changed.
    pub side: Side,
    /// Why.
    pub why: Why,
    /// What kind of item it is.
    pub kind: EntryKind,
    /// What it is about: the id in the base; for an item that is new, its fresh id (on the left, where both have it).
    pub node: NodeId,
    /// What is done.
    pub action: Action,
    /// Bytes that travel.
    pub size_bytes: u64,
    /// Where it will be on the side that is changed; for a removal where it is.
    pub path: RelativePath,
    /// What few rows have.
    pub details: Option<Box<Details>>,
}

impl Operation {
    /// Where the item is on the other side when the batch begins: what is copied from there. For folders that are made
    /// and for moves, where it is there when all steps are done.
    #[must_use]
    pub fn source(&self) -> &RelativePath {
        self.details().and_then(|details| details.source.as_ref()).unwrap_or(&self.path)
    }

    /// Where it is on the side that is changed when the batch begins (moves, removals, replacements, metadata).
    #[must_use]
    pub fn from(&self) -> Option<&RelativePath> {
        match self.action {
            Action::CreateFolder { .. } | Action::Copy { .. } => None,
            Action::Move { .. } => self.details().and_then(|details| details.from.as_ref()),
            Action::Replace | Action::Remove | Action::SetMetadata => Some(&self.path),
        }
    }

    /// The folder something comes into.
    #[must_use]
    pub fn into_folder(&self) -> Option<NodeId> {
        match self.action {
            Action::CreateFolder { parent } | Action::Copy { parent } | Action::Move { parent, .. } => {
                Some(parent)
            }
            Action::Remove | Action::Replace | Action::SetMetadata => None,
        }
    }

    /// The name the pair knows it by from then on, where this side can not take that and has the one in `path`.
    #[must_use]
    pub fn pair_name(&self) -> Option<&[u8]> {
        self.details().and_then(|details| details.pair_name.as_deref())
    }

    /// For [`Action::SetMetadata`] what is set. For [`Action::CreateFolder`], [`Action::Copy`] and [`Action::Replace`]
    /// nothing means "all as on the other side".
    #[must_use]
    pub fn metadata(&self) -> Option<&MetadataChange> {
        self.details().and_then(|details| details.metadata.as_ref())
    }

    fn details(&self) -> Option<&Details> {
        self.details.as_deref()
    }

    /// Whether it only finishes a folder this plan makes: its attributes come when what is in it is there. It is the
    /// second half of the folder's row, under the same id, so a choice for that is one for both; nobody is shown or
    /// counted it as a change of its own.
    #[must_use]
    pub fn finishes_new_folder(&self) -> bool {
        self.action == Action::SetMetadata && self.why != Why::MetadataChanged
    }

    /// The item's id in the tree of a side: on both the same, except for an item that is new on both.
    #[must_use]
    pub fn node_on(&self, side: Side) -> NodeId {
        match side {
            Side::Left => self.node,
            Side::Right => self.details().and_then(|details| details.right_node).unwrap_or(self.node),
        }
    }
}

/// How the two sides disagree. An item that one side removed and the other changed (or a folder in which it did so) is
/// none: the edit wins and the row says so, [`Why::EditBeatsRemoval`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConflictKind {
    /// Both changed the content, differently.
    BothChanged,
    /// Both made something different of the same name.
    BothCreated,
    /// Both moved or renamed it, to different places.
    BothMoved,
    /// A folder was moved into another on one side, and that one into the first on the other.
    MovedIntoEachOther,
    /// One made a folder of it, the other changed the file; or the like.
    KindChanged,
}

/// What one side has, for a person to choose by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Version {
    /// Where it is; nothing where it was removed.
    pub path: Option<RelativePath>,
    /// What it is.
    pub state: Option<State>,
}

/// Something only a person (or a policy) can decide. Nothing happens to either side until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What it is about: the base's id, else the left's fresh one.
    pub node: NodeId,
    /// What the right has, where that is another item which wants the same name; else the same. As ids of what is
    /// new it counts for one look: a conflict that is read from the database has one id.
    pub right_node: NodeId,
    /// Where the pair knew it, or the name both gave.
    pub path: RelativePath,
    /// How they disagree.
    pub kind: ConflictKind,
    /// What the left has.
    pub left: Version,
    /// What the right has.
    pub right: Version,
    /// When the base's content was last changed, where there is a base.
    pub base_modified: Option<Timestamp>,
    /// The side whose version has the name where both are kept; the other one becomes a conflict copy. Nothing where both
    /// can not be kept beside each other.
    pub keeps_name: Option<Side>,
}

/// A safety brake: the run halts and asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Brake {
    /// Which.
    pub kind: BrakeKind,
    /// The side that looks wrong.
    pub side: Side,
    /// How many items it is about; at another place those that are there now; where they do not fit the bytes that are
    /// needed, with what has to stay free.
    pub items: u64,
    /// What of it the runs just before did already.
    pub earlier: Option<Earlier>,
    /// Out of how many; at another place those the pair knows; where they do not fit the free bytes.
    pub out_of: u64,
    /// A few of them.
    pub examples: Vec<RelativePath>,
}

/// What runs before this one did of what a brake is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Earlier {
    /// To how many items.
    pub items: u64,
    /// When the first of these runs began.
    pub since_ms: i64,
}

/// How many examples a brake names.
pub const BRAKE_EXAMPLES: usize = 5;

/// What both sides have alike without anything being moved: the base only has to learn it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Agreement {
    /// Both removed it.
    BothGone(NodeId),
    /// Both have the same at the same place; the ids differ where it is new on both. The base takes what they have now,
    /// fingerprints too.
    Same {
        /// On the left.
        left: NodeId,
        /// On the right.
        right: NodeId,
    },
    /// Both moved it to the same place, or one moved it to where a step on the way had it; what it holds is the matter of
    /// another row. The base takes the place.
    SamePlace(NodeId),
    /// On this side something else is at its place, and what was there has another name now and counts as new. The base
    /// learns at once that the old one is not this item any more: else a run that is broken off would leave it to be
    /// taken for moved as soon as the other is gone, and what the other side changed would replace it.
    Displaced {
        /// What kept its place.
        node: NodeId,
        /// Where.
        side: Side,
    },
}

/// Counts for the head of a preview, per side that is changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Totals {
    /// Files, links and folders made.
    pub created: u64,
    /// Files and links replaced.
    pub replaced: u64,
    /// Items moved or renamed.
    pub moved: u64,
    /// Items put into the bin.
    pub removed: u64,
    /// Items whose times, permissions or attributes are set.
    pub metadata: u64,
    /// Bytes that travel.
    pub bytes: u64,
}

/// What a run will do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// Ordered by batch.
    pub operations: Vec<Operation>,
    /// What waits for a decision.
    pub conflicts: Vec<Conflict>,
    /// Why it may not run.
    pub brakes: Vec<Brake>,
    /// What only the base has to learn.
    pub agreements: Vec<Agreement>,
    /// Items that can not be synced as they are, and why (names, kinds, lengths): told, never silently left out.
    pub problems: Vec<Problem>,
    /// What the answer to a brake promises, by the items of the base: it is written down before the first change.
    pub owed: Vec<Promise>,
    /// What an answer promised, now or before, of what the right of a mirror has and the base does not know: where it is.
    pub owed_new: BTreeSet<RelativePath>,
    /// Folders of the left and of the right from which a side moved what stays as it is, and those it lies in now.
    pub moved_folders: [BTreeSet<RelativePath>; 2],
    /// Changes on the left.
    pub left: Totals,
    /// Changes on the right.
    pub right: Totals,
}

impl Plan {
    /// How many changes a person is told of: the rows but for those that only finish a folder that is made.
    #[must_use]
    pub fn changes(&self) -> usize {
        self.operations.iter().filter(|operation| !operation.finishes_new_folder()).count()
    }

    /// Whether both sides are in step: nothing to do, nothing to decide.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty() && self.conflicts.is_empty() && self.agreements.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plan_of_a_million_rows_fits() {
        assert!(size_of::<Operation>() <= 72, "{}", size_of::<Operation>());
    }
}
