//! The three trees a plan is made from: the last agreed base, and what each side looks like now, as differences from
//! the base.
//!
//! A side that did not change costs nothing: only what differs is held, so the memory of a run goes with its changes
//! and with one compact base. Invariants:
//! 1. What is neither in `changes` nor below a `blind` node is on that side exactly as the base says.
//! 2. Nothing at or below a blind node is ever taken for gone: it could not be read, is left out by a rule, or its
//!    volume is not there.
//! 3. Every parent is the root, in the base, or a fresh node of the same side, and is on that side.
//! 4. What a folder that is [`Seen::Gone`] held is gone too, whether it is named or not, unless it is elsewhere.
//!
//! Deliberately not here: reading places (`scan`), SQLite (`database`), decisions (`plan`).

pub mod base;
mod changes;
pub(crate) mod facts;
mod records;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use keepwell_endpoint::tree::{Capabilities, Fingerprint, Version};
use keepwell_model::{RelativePath, Timestamp};

pub use self::base::BaseTree;
pub use self::changes::{Changes, Seen, SeenEntry, SeenNode};
use crate::filter::Filter;
use crate::node::{NodeId, Side, State};

/// An item both sides agreed on when it was last synced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseNode {
    /// The folder it was in.
    pub parent: NodeId,
    /// The name the pair knows it by: that of the side where it was first seen.
    pub name: Vec<u8>,
    /// The name it has on the left, where that place can not take the pair's name.
    pub left_name: Option<Vec<u8>>,
    /// The name it has on the right, where that place can not take the pair's name.
    pub right_name: Option<Vec<u8>>,
    /// What it was.
    pub state: State,
    /// What tells it unchanged on the left.
    pub left: Fingerprint,
    /// What tells it unchanged on the right.
    pub right: Fingerprint,
}

/// A [`BaseNode`] as it lies in a [`BaseTree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BaseEntry<'a> {
    /// The folder it was in.
    pub parent: NodeId,
    /// The name the pair knows it by.
    pub name: &'a [u8],
    /// The name it has on the left, where that is another one.
    pub left_name: Option<&'a [u8]>,
    /// The name it has on the right, where that is another one.
    pub right_name: Option<&'a [u8]>,
    /// What it was.
    pub state: State,
    /// What tells it unchanged on the left.
    pub left: Fingerprint,
    /// What tells it unchanged on the right.
    pub right: Fingerprint,
}

impl<'a> BaseEntry<'a> {
    /// Its name on a side.
    #[must_use]
    pub fn name_on(&self, side: Side) -> &'a [u8] {
        let own = match side {
            Side::Left => self.left_name,
            Side::Right => self.right_name,
        };
        own.unwrap_or(self.name)
    }

    /// What tells it unchanged on a side.
    #[must_use]
    pub fn fingerprint_on(&self, side: Side) -> &Fingerprint {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }

    /// A copy of its own.
    #[must_use]
    pub fn to_node(&self) -> BaseNode {
        BaseNode {
            parent: self.parent,
            name: self.name.to_vec(),
            left_name: self.left_name.map(<[u8]>::to_vec),
            right_name: self.right_name.map(<[u8]>::to_vec),
            state: self.state,
            left: self.left,
            right: self.right,
        }
    }
}

impl BaseNode {
    /// It, borrowed.
    #[must_use]
    pub fn as_entry(&self) -> BaseEntry<'_> {
        BaseEntry {
            parent: self.parent,
            name: &self.name,
            left_name: self.left_name.as_deref(),
            right_name: self.right_name.as_deref(),
            state: self.state,
            left: self.left,
            right: self.right,
        }
    }

    /// Its name on a side.
    #[must_use]
    pub fn name_on(&self, side: Side) -> &[u8] {
        self.as_entry().name_on(side)
    }

    /// What tells it unchanged on a side.
    #[must_use]
    pub fn fingerprint_on(&self, side: Side) -> &Fingerprint {
        match side {
            Side::Left => &self.left,
            Side::Right => &self.right,
        }
    }
}

/// A fingerprint that no item has, in any part but the id: the next scan takes it for changed and reads it again. With
/// the true size and time it would be taken for an item that was only renamed, and its content for the base's.
pub(crate) fn stale(fingerprint: &Fingerprint) -> Fingerprint {
    Fingerprint { size_bytes: u64::MAX, modified: None, version: Version([0xff; 16]), ..*fingerprint }
}

/// Whether a fingerprint is one of those.
pub(crate) fn is_stale(fingerprint: &Fingerprint) -> bool {
    fingerprint.size_bytes == u64::MAX
}

/// One side, as differences from the base.
#[derive(Clone, Debug)]
pub struct SideTree {
    /// What differs.
    pub changes: Changes,
    /// Folders and items of which nothing is known: at and below them nothing is decided.
    pub blind: BTreeSet<NodeId>,
    /// Folders that hold what the pair does not sync (left out by a rule, a pipe): they can not be removed here, and so
    /// are not, which is told. With the names of it that something of the other side could have too, where the base
    /// knows nothing of that name: nothing can come there, nor does it tell that the item is gone here.
    pub occupied: BTreeMap<NodeId, BTreeSet<Vec<u8>>>,
    /// Folders of the base that show another time than they did: no difference to plan for, it is set after all else.
    pub folder_times: BTreeMap<NodeId, Timestamp>,
    /// What the place can do.
    pub capabilities: Capabilities,
    /// What a brake may look at.
    pub circumstances: Circumstances,
}

/// A file both sides agreed on that is another one on a side now, or gone there, and is left out by its size or age.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// It is young: it is synced once it is older.
    pub is_for_now: bool,
    /// It is gone.
    pub is_gone: bool,
}

/// What is known of a side as a whole, beside its items.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Circumstances {
    /// The place at the path is another volume, bucket or folder than the one the base is about.
    pub is_another_place: bool,
    /// The root folder is not there.
    pub is_root_gone: bool,
    /// Free space in bytes, where the place tells.
    pub free_bytes: Option<u64>,
    /// Items seen in this scan.
    pub items: u64,
    /// The rules of what is left out changed since the base was agreed.
    pub are_rules_changed: bool,
    /// As they were then, where that is known.
    pub rules_before: Option<Arc<Filter>>,
    /// What the runs just before this one did here.
    pub recent: Recent,
    /// What somebody has open for writing, and since when.
    pub open_files: BTreeMap<RelativePath, i64>,
    /// So many of these were left for a later run.
    pub still_open: u64,
    /// Known files that changed and are left out since, by their size or age.
    pub left_out: BTreeMap<NodeId, LeftOut>,
    /// Something is left out only until it is older.
    pub has_young: bool,
}

/// What the runs of the last while took from a side because the other one had it no more, or had it otherwise: a burst
/// that comes in many small runs is weighed as one. Without what a person answered for, undid or brought back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recent {
    /// So many files and links went to the bin.
    pub removed: u64,
    /// When the first of these runs began.
    pub removed_since_ms: i64,
    /// These got new content.
    pub rewritten: BTreeSet<NodeId>,
    /// When the first of these runs began.
    pub rewritten_since_ms: i64,
}
