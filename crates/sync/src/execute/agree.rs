//! What the base learns from what both sides have alike already, before any row is done.
//!
//! Invariants: as in `execute::view`; what is there is learned before what is gone, so that an item that both moved out of a
//! folder that both removed stays. Deliberately not here: what it learns from deeds (`execute::view`).

use std::collections::{BTreeSet, HashMap, HashSet};

use keepwell_model::EntryKind;

use super::view::{View, set_fingerprint};
use crate::database::BaseChange;
use crate::node::{NodeId, Side};
use crate::plan::Agreement;
use crate::trees::{BaseNode, SeenEntry, stale};

impl View<'_> {
    /// What the base learns from the agreements.
    pub(crate) fn agree(&mut self, agreements: &[Agreement]) -> Vec<BaseChange> {
        for agreement in agreements {
            if let Agreement::Same { left, right } = agreement {
                self.give_id(*left, *right);
            }
        }
        let mut changes = Vec::new();
        // A folder that is new has to be known before what it holds, whatever the order.
        let mut waiting: Vec<(NodeId, BaseNode)> = Vec::new();
        let mut coming: HashSet<NodeId> = HashSet::new();
        for agreement in agreements {
            let learned = match *agreement {
                Agreement::BothGone(_) | Agreement::Displaced { .. } => None,
                Agreement::Same { left, right } => self.same(left, right),
                Agreement::SamePlace(node) => self.same_place(node),
            };
            if let Some((id, node)) = learned {
                coming.insert(id);
                waiting.push((id, node));
            }
        }
        loop {
            let before = coming.len();
            waiting.retain(|(id, node)| {
                let stays = coming.contains(&node.parent) || self.holds(node.parent);
                if !stays {
                    coming.remove(id);
                }
                stays
            });
            if coming.len() == before {
                break;
            }
        }
        self.let_wait(&mut waiting);
        self.displaced(agreements, &mut waiting);
        changes.extend(waiting.into_iter().map(|(id, node)| BaseChange::Put(id, Box::new(node))));
        self.forget(agreements, &mut changes);
        changes
    }

    /// What both sides have no more is forgotten; but for folders in which the base has something, after the changes, that
    /// is not gone: these wait until that has left them.
    fn forget(&mut self, agreements: &[Agreement], changes: &mut Vec<BaseChange>) {
        let gone: HashSet<NodeId> = agreements
            .iter()
            .filter_map(|agreement| match agreement {
                Agreement::BothGone(id) => Some(*id),
                _ => None,
            })
            .collect();
        if gone.is_empty() {
            return;
        }
        let base = self.base.read();
        let now: HashMap<NodeId, NodeId> = changes
            .iter()
            .filter_map(|change| match change {
                BaseChange::Put(id, node) => Some((*id, node.parent)),
                BaseChange::Remove(_) => None,
            })
            .collect();
        let stays_in = |folder: NodeId, child: &NodeId| {
            !gone.contains(child) && now.get(child).is_none_or(|parent| *parent == folder)
        };
        let mut wait: BTreeSet<NodeId> = BTreeSet::new();
        for folder in &gone {
            if !base.children(*folder).iter().any(|child| stays_in(*folder, child)) {
                continue;
            }
            let mut at = *folder;
            while gone.contains(&at) && wait.insert(at) {
                let Some(entry) = base.get(at) else { break };
                at = entry.parent;
            }
        }
        changes.extend(agreements.iter().filter_map(|agreement| match agreement {
            Agreement::BothGone(id) if !wait.contains(id) => Some(BaseChange::Remove(*id)),
            _ => None,
        }));
        drop(base);
        self.gone.extend(wait);
    }

    /// Takes out the folders that all these agreements would put inside themselves; they wait.
    fn let_wait(&mut self, agreed: &mut Vec<(NodeId, BaseNode)>) {
        let base = self.base.read();
        let parent = |id: NodeId| base.get(id).map(|entry| entry.parent);
        let moves = |(id, node): &(NodeId, BaseNode)| {
            let is_folder = node.state.kind == EntryKind::Folder;
            let is_moved = is_folder && parent(*id).is_some_and(|parent| parent != node.parent);
            is_moved.then_some((*id, node.parent))
        };
        let mut pending: Vec<(NodeId, NodeId)> = agreed.iter().filter_map(moves).collect();
        if pending.is_empty() {
            return;
        }
        // What is new holds nothing of the base: only where it is counts.
        let is_new = |(id, _): &&(NodeId, BaseNode)| !base.contains(*id);
        let mut now: HashMap<NodeId, NodeId> =
            agreed.iter().filter(is_new).map(|(id, node)| (*id, node.parent)).collect();
        loop {
            let before = pending.len();
            pending.retain(|(id, target)| {
                let above = |at: &NodeId| now.get(at).copied().or_else(|| parent(*at));
                let mut way = std::iter::successors(Some(*target), above).take(base.len() + agreed.len());
                let waits = way.any(|above| above == *id);
                if !waits {
                    now.insert(*id, *target);
                }
                waits
            });
            if pending.len() == before {
                break;
            }
        }
        drop(base);
        let pending: HashSet<NodeId> = pending.into_iter().map(|(id, _)| id).collect();
        self.waiting.extend(agreed.extract_if(.., |(id, _)| pending.contains(id)));
    }

    /// What is at these places is something else than the base knew: nothing is taken for it by its id any more.
    fn displaced(&self, agreements: &[Agreement], changes: &mut Vec<(NodeId, BaseNode)>) {
        let mut learned: Option<HashMap<NodeId, usize>> = None;
        for agreement in agreements {
            let Agreement::Displaced { node: id, side } = *agreement else { continue };
            let learned = learned
                .get_or_insert_with(|| changes.iter().enumerate().map(|(at, (id, _))| (*id, at)).collect());
            let Some(now) = self.known(side, id) else { continue };
            let at = match learned.get(&id) {
                Some(at) => *at,
                None => {
                    let Some(node) = self.existing(id) else { continue };
                    changes.push((id, node));
                    learned.insert(id, changes.len() - 1);
                    changes.len() - 1
                }
            };
            set_fingerprint(&mut changes[at].1, side, stale(&now.fingerprint));
        }
    }

    fn same(&self, left: NodeId, right: NodeId) -> Option<(NodeId, BaseNode)> {
        let id = self.base_id(left)?;
        let (on_left, on_right) = (self.known(Side::Left, left)?, self.known(Side::Right, right)?);
        let existing = self.existing(left);
        let state =
            self.united(left, [on_left.state, on_right.state], existing.as_ref().map(|node| node.state));
        let mut node = self.placed(existing, left, right)?;
        node.state = state;
        node.left = on_left.fingerprint;
        node.right = on_right.fingerprint;
        Some((id, node))
    }

    fn same_place(&self, id: NodeId) -> Option<(NodeId, BaseNode)> {
        let mut node = self.placed(Some(self.existing(id)?), id, id)?;
        self.set_fingerprints(&mut node, id, id);
        Some((id, node))
    }

    /// The base's node with the place both sides have it at.
    fn placed(&self, existing: Option<BaseNode>, left: NodeId, right: NodeId) -> Option<BaseNode> {
        let seen_left = self.seen(Side::Left, left);
        let seen_right = self.seen(Side::Right, right);
        let name = |seen: Option<SeenEntry<'_>>, side: Side| {
            seen.map(|seen| seen.name.to_vec())
                .or_else(|| existing.as_ref().map(|node| node.name_on(side).to_vec()))
        };
        let left_name = name(seen_left, Side::Left)?;
        let right_name = name(seen_right, Side::Right)?;
        let parent = match (seen_left.or(seen_right), &existing) {
            (Some(seen), _) => self.base_id(seen.parent)?,
            (None, Some(node)) => node.parent,
            (None, None) => return None,
        };
        let kept = existing
            .as_ref()
            .filter(|node| node.name_on(Side::Left) == left_name && node.name_on(Side::Right) == right_name);
        let (name, left_name, right_name) = match kept {
            Some(node) => (node.name.clone(), node.left_name.clone(), node.right_name.clone()),
            None if left_name == right_name => (left_name, None, None),
            None => (left_name, None, Some(right_name)),
        };
        let mut node = existing.or_else(|| {
            let known = self.known(Side::Left, left)?;
            Some(BaseNode {
                parent,
                name: Vec::new(),
                left_name: None,
                right_name: None,
                state: known.state,
                left: known.fingerprint,
                right: known.fingerprint,
            })
        })?;
        (node.parent, node.name, node.left_name, node.right_name) = (parent, name, left_name, right_name);
        Some(node)
    }
}
