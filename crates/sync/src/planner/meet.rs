//! What a run that was broken off had brought is met again at its place; what it knew to be displaced is not mistaken.
//!
//! Invariant: nothing the base knows becomes something else but what it certainly is. Deliberately not here: what was moved
//! (`planner::moves`).

use std::collections::{BTreeMap, HashMap, HashSet};

use keepwell_model::EntryKind;

use super::moves::{Demand, forget_unchanged, is_plausible, rename_parents};
use super::pairs::unite;
use super::telling::Telling;
use super::view::{Slot, View};
use crate::names;
use crate::node::{Content, NodeId, Side, State};
use crate::policy::Policy;
use crate::trees::{BaseTree, Seen, SeenEntry, SideTree, is_stale};

/// Folders in folders that [`meet`] looks into.
const MEETING_LEVELS: usize = 64;

/// Makes one of what a side removed and has anew at the very place where the other side has it: a run that was broken
/// off had brought it back. It may also lie under the name of something both had and the other side removed: then it has
/// to hold what the other side and the base say. So may what it had moved, and something else be at its old place: then
/// its id has to be that of the base. To be called when both sides are resolved.
///
/// # Errors
/// Those of `read`, which is to fill in what the files of the demands hold.
pub fn meet<E>(
    base: &BaseTree,
    left: &mut SideTree,
    right: &mut SideTree,
    mut read: impl FnMut(&[Demand], &mut SideTree, &mut SideTree) -> Result<(), E>,
) -> Result<(), E> {
    let is_any_gone = left.changes.all_gone().chain(right.changes.all_gone()).next().is_some();
    if !is_any_gone && !has_displaced(base, left, Side::Left) && !has_displaced(base, right, Side::Right) {
        return Ok(());
    }
    part_displaced(base, left, right, Side::Left);
    part_displaced(base, right, left, Side::Right);
    // One level of folders is found a time.
    for _ in 0..MEETING_LEVELS {
        let mut found = may_have_returned(base, left, right);
        let unread = found.iter().flat_map(|returned| returned.demands(left, right)).collect::<Vec<_>>();
        if !unread.is_empty() {
            read(&unread, left, right)?;
            // What was read is in the trees now.
            found = may_have_returned(base, left, right);
        }
        found.retain(Returned::is_it);
        let mut is_found = false;
        for (side, tree) in [(Side::Left, &mut *left), (Side::Right, &mut *right)] {
            let aliases: BTreeMap<NodeId, NodeId> = found
                .iter()
                .filter(|returned| returned.side == side)
                .map(|returned| (returned.seen_as, returned.known))
                .collect();
            for (seen_as, known) in &aliases {
                if let Some(seen) = tree.changes.remove(*seen_as) {
                    // What is at the place it had is something new.
                    let fresh = tree.changes.next_fresh(side);
                    if let Some(other @ Seen::Here(_)) = tree.changes.remove(*known) {
                        tree.changes.insert(fresh, other);
                    }
                    tree.changes.insert(*known, seen);
                    is_found = true;
                }
            }
            for id in aliases.keys().filter(|id| base.contains(**id)) {
                tree.changes.insert(*id, Seen::Gone);
            }
            rename_parents(tree, &aliases.into_iter().collect());
        }
        if !is_found {
            break;
        }
        forget_unchanged(base, left, Side::Left);
        forget_unchanged(base, right, Side::Right);
    }
    Ok(())
}

/// The id by which the base knows a file or link, where another one is at its place.
fn displaced_by(base: &BaseTree, id: NodeId, seen: &SeenEntry<'_>, side: Side) -> Option<u64> {
    let entry = base.get(id).filter(|entry| entry.state.kind != EntryKind::Folder)?;
    let before = entry.fingerprint_on(side).id;
    let is_there = seen.parent == entry.parent && seen.name == entry.name_on(side);
    (is_there && before != 0 && ![0, before].contains(&seen.fingerprint.id)).then_some(before)
}

/// Whether a side has something new that the base knows by its id, and another item at that one's place.
fn has_displaced(base: &BaseTree, tree: &SideTree, side: Side) -> bool {
    // Ids come in order, those of what is new last.
    let known = tree.changes.all_here().take_while(|(id, _)| !id.is_fresh());
    let displaced: HashSet<u64> =
        known.filter_map(|(id, seen)| displaced_by(base, id, &seen, side)).collect();
    !displaced.is_empty()
        && tree.changes.all_here().any(|(id, seen)| id.is_fresh() && displaced.contains(&seen.fingerprint.id))
}

/// An item that was saved by renaming is known by its new id, which the base learned before a run began. Where that run was
/// killed when it had moved the item, and the old version was given the name again that the base knows the item by, that is
/// a file of its own: it would go where the other side lacks the item, which is elsewhere by now. Only there: as
/// something new it is copied, and replaces nothing, even if the id was given again. Where nothing has that id, what is at
/// the name was saved once more, and is the item.
fn part_displaced(base: &BaseTree, tree: &mut SideTree, across: &SideTree, side: Side) {
    let is_displaced = |id: NodeId, seen: &SeenEntry<'_>| {
        let print = base.get(id).map(|entry| *entry.fingerprint_on(side)).filter(is_stale)?;
        let is_another = ![0, print.id].contains(&seen.fingerprint.id);
        (print.id != 0 && is_another && seen.state.kind != EntryKind::Folder && across.changes.is_gone(id))
            .then_some((print.id, id))
    };
    let mut displaced: HashMap<u64, NodeId> =
        tree.changes.all_here().filter_map(|(id, seen)| is_displaced(id, &seen)).collect();
    if displaced.is_empty() {
        return;
    }
    let fresh = tree.changes.all_here().filter(|(id, _)| !base.contains(*id));
    let found: Vec<NodeId> = fresh.filter_map(|(_, seen)| displaced.remove(&seen.fingerprint.id)).collect();
    for id in found {
        let fresh = tree.changes.next_fresh(side);
        if let Some(seen) = tree.changes.remove(id) {
            tree.changes.insert(fresh, seen);
            tree.changes.insert(id, Seen::Gone);
        }
    }
}

/// An item of a side at the place where the other side has an item that this side lacks.
struct Returned {
    side: Side,
    /// As what it is seen: something new, or something of the base that the other side removed.
    seen_as: NodeId,
    known: NodeId,
    /// Where it is seen as something of the base.
    likeness: Option<Likeness>,
}

/// What has to be told apart.
struct Likeness {
    here: State,
    there: State,
    /// What the base says of what it may be, and of what it is seen as.
    base: State,
    own: State,
}

impl Returned {
    /// What has to be read to know.
    fn demands(&self, left: &SideTree, right: &SideTree) -> Vec<Demand> {
        let Some(Likeness { here, there, base, .. }) = &self.likeness else { return Vec::new() };
        let is_as_long = |other: &State| other.kind == here.kind && other.size_bytes == here.size_bytes;
        if !is_as_long(there) || !is_as_long(base) {
            return Vec::new();
        }
        let asked = [(self.side, self.seen_as, here), (self.side.other(), self.known, there)];
        let unread = asked.into_iter().filter(|(side, node, state)| {
            let tree = if *side == Side::Left { left } else { right };
            state.content == Content::Unread && !tree.blind.contains(node)
        });
        unread.map(|(side, node, _)| Demand { side, node }).collect()
    }

    /// Whether it is that item. Of two that could each be the other one is.
    fn is_it(&self) -> bool {
        self.likeness.as_ref().is_none_or(|Likeness { here, there, base, own }| {
            here.is_same_content(there) && here.is_same_content(base) && !here.is_same_content(own)
        })
    }
}

fn may_have_returned(base: &BaseTree, left: &SideTree, right: &SideTree) -> Vec<Returned> {
    let policy = Policy::default();
    let mut view = View::new(base, left, right, &policy, [&BTreeMap::new(), &BTreeMap::new()], false);
    unite(&mut view);
    returned(&view)
}

fn returned(view: &View<'_>) -> Vec<Returned> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        found.extend(moved_before(view, side));
        let mut lacking = HashMap::new();
        for row in 0..view.nodes.len() {
            if view.base_of(row).is_some()
                && !view.is_present(row, side)
                && let Some(item) = view.item(row, side.other())
            {
                let name = names::mapped(item.name, view.capabilities(side)).into_owned();
                lacking.insert((item.parent, name, view.nodes[row].kind), (row, item.state));
            }
        }
        if lacking.is_empty() {
            continue;
        }
        for row in 0..view.nodes.len() {
            let node = &view.nodes[row];
            let own = view.base_of(row).map(|entry| entry.state);
            let is_seen = matches!(view.slot(row, side), Slot::Seen(_));
            if (own.is_none() || is_seen && node.kind != EntryKind::Folder)
                && !view.is_present(row, side.other())
                && let Some(item) = view.item(row, side)
                && let Some((known, there)) = lacking.remove(&(item.parent, item.name.to_vec(), node.kind))
                && let Some(entry) = view.base_of(known)
            {
                let (here, base) = (item.state, entry.state);
                let likeness = own.map(|own| Likeness { here, there, base, own });
                found.push(Returned { side, seen_as: node.id, known: view.nodes[known].id, likeness });
            }
        }
    }
    found
}

/// What a side has anew at the very place to which the other one moved an item, and what by its id may be that item.
fn moved_before(view: &View<'_>, side: Side) -> Vec<Returned> {
    let seen = |row: usize| match view.slot(row, side) {
        Slot::Seen(seen) => Some(seen),
        _ => None,
    };
    let displaced = |row: usize| {
        let id = displaced_by(view.base, view.nodes[row].id, &seen(row)?, side)?;
        view.is_moved(row, side.other()).then_some((id, row))
    };
    let known = (0..view.nodes.len()).filter(|row| !view.nodes[*row].id.is_fresh());
    let displaced: HashMap<u64, usize> = known.filter_map(displaced).collect();
    if displaced.is_empty() {
        return Vec::new();
    }
    let times = displaced.values().filter_map(|row| view.base_of(*row)?.fingerprint_on(side).modified);
    let telling = Telling::of(view.base, side, view.capabilities(side), times);
    let is_new = |row: &usize| view.base_of(*row).is_none() && !view.is_present(*row, side.other());
    let is_it = |row: usize| {
        let now = seen(row)?;
        let known = *displaced.get(&now.fingerprint.id)?;
        // Ids are given again.
        let is_like = is_plausible(&view.base_of(known)?, &now, side, &telling);
        let (here, there) = (view.place(row, side)?, view.place(known, side.other())?);
        let is_same_place = here == (there.0, names::mapped(there.1, view.capabilities(side)).as_ref());
        let (seen_as, known) = (view.nodes[row].id, view.nodes[known].id);
        (is_like && is_same_place).then_some(Returned { side, seen_as, known, likeness: None })
    };
    (0..view.nodes.len()).filter(is_new).filter_map(is_it).collect()
}
