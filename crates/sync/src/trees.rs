//! The three trees a plan is made from: the last agreed base, and what each side looks like now, as differences from
//! the base.
//!
//! A side that did not change costs nothing: only what differs is held, so the memory of a run goes with its changes
//! and with one compact base. Invariants:
//! 1. What is neither in `changes` nor below a `blind` node is on that side exactly as the base says.
//! 2. Nothing at or below a blind node is ever taken for gone: it could not be read, is left out by a rule, or its
//!    volume is not there.
//! 3. Every parent is the root, in the base, or a fresh node of the same side.
//!
//! Deliberately not here: reading places (`scan`), SQLite (`database`), decisions (`plan`).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keepwell_endpoint::tree::{Capabilities, Fingerprint};
use keepwell_model::RelativePath;

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

impl BaseNode {
    /// Its name on a side.
    #[must_use]
    pub fn name_on(&self, side: Side) -> &[u8] {
        let own = match side {
            Side::Left => &self.left_name,
            Side::Right => &self.right_name,
        };
        own.as_deref().unwrap_or(&self.name)
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

/// The last agreed state of the pair.
#[derive(Clone, Debug, Default)]
pub struct BaseTree {
    nodes: HashMap<NodeId, BaseNode>,
    children: HashMap<NodeId, Vec<NodeId>>,
}

impl BaseTree {
    /// Adds a node; its parent need not be there yet.
    pub fn insert(&mut self, id: NodeId, node: BaseNode) {
        self.children.entry(node.parent).or_default().push(id);
        self.nodes.insert(id, node);
    }

    /// One node; the root has none.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<&BaseNode> {
        self.nodes.get(&id)
    }

    /// What a folder held.
    #[must_use]
    pub fn children(&self, folder: NodeId) -> &[NodeId] {
        self.children.get(&folder).map_or(&[], Vec::as_slice)
    }

    /// All nodes, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &BaseNode)> {
        self.nodes.iter().map(|(id, node)| (*id, node))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether nothing was ever agreed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a node was on a side; nothing where its parents do not lead to the root.
    #[must_use]
    pub fn path_on(&self, side: Side, id: NodeId) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.get(at)?;
            names.push(node.name_on(side));
            at = node.parent;
            if names.len() > self.len() {
                return None;
            }
        }
        let mut path = RelativePath::root();
        for name in names.into_iter().rev() {
            path = path.join(name).ok()?;
        }
        Some(path)
    }
}

/// An item as one side has it now, where that differs from the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenNode {
    /// The folder it is in.
    pub parent: NodeId,
    /// Its name on this side.
    pub name: Vec<u8>,
    /// What it is.
    pub state: State,
    /// What tells it unchanged from now on.
    pub fingerprint: Fingerprint,
}

/// How a side differs from the base at one node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seen {
    /// It is surely not there any more.
    Gone,
    /// It is new, or elsewhere, or something else now.
    Here(SeenNode),
}

/// One side, as differences from the base.
#[derive(Clone, Debug)]
pub struct SideTree {
    /// What differs.
    pub changes: BTreeMap<NodeId, Seen>,
    /// Folders and items of which nothing is known: at and below them nothing is decided.
    pub blind: BTreeSet<NodeId>,
    /// What the place can do.
    pub capabilities: Capabilities,
    /// What a brake may look at.
    pub circumstances: Circumstances,
}

/// What is known of a side as a whole, for the brakes.
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
}
