//! What nodes mean for each other: folders that are needed stay, nothing ends inside itself, names do not collide, and
//! what hangs on something undecided waits with it.
//!
//! Every step only ever holds a node, keeps a folder or renames one to a name that is free, so it ends. Invariants on
//! leaving: on each side the nodes make a tree again; every folder something is in is there; nothing is to be done on a
//! side inside what is unknown there. Deliberately not here: single nodes (`planner::decide`), the order of steps
//! (`planner::order`).

use std::collections::{HashMap, HashSet};

use keepwell_model::{EntryKind, Problem};

use super::decide::{Conflicts, report};
use super::names::{Taken, part};
use super::view::{Name, View, number};
use crate::node::{NodeId, Side};
use crate::pair::shown;
use crate::plan::{ConflictKind, Why};
use crate::policy::{Choice, ConflictPolicy};

/// So many rounds are always allowed.
const ROUNDS_MIN: usize = 64;

/// Makes the decisions fit together.
pub(super) fn settle(view: &mut View<'_>, taken: &mut Taken, conflicts: &Conflicts) {
    let mut told: HashSet<NodeId> = HashSet::new();
    // Every round holds or renames somebody who was not before; twice as many is more than enough.
    for _ in 0..view.nodes.len().saturating_mul(2).saturating_add(ROUNDS_MIN) {
        let mut is_changed = keep_folders(view);
        is_changed |= spread_holds(view, &mut told);
        if is_changed {
            continue;
        }
        is_changed |= break_circles(view, conflicts);
        is_changed |= wait_for_held_folders(view);
        is_changed |= wait_in_contested_folders(view);
        if is_changed {
            continue;
        }
        if !part(view, taken, conflicts) {
            break;
        }
    }
}

/// A folder that is to go stays when something that stays is in it.
fn keep_folders(view: &mut View<'_>) -> bool {
    let mut is_changed = false;
    for row in 0..view.nodes.len() {
        let node = &view.nodes[row];
        if node.is_held {
            continue;
        }
        if node.exists {
            let mut parent = node.parent;
            while let Some(folder) = view.row(parent) {
                let node = &view.nodes[folder];
                if node.is_held || node.exists {
                    break;
                }
                if !keep(view, folder) {
                    view.hold(row);
                    is_changed = true;
                    break;
                }
                is_changed = true;
                parent = view.nodes[folder].parent;
            }
        } else if node.kind == EntryKind::Folder
            && view.base.children(node.id).iter().any(|child| view.row(*child).is_none())
        {
            is_changed |= keep(view, row);
        }
    }
    is_changed
}

/// Keeps a folder that was to go: where the side that has it has it.
fn keep(view: &mut View<'_>, row: usize) -> bool {
    let Some(side) = Side::BOTH.into_iter().find(|side| view.is_present(row, *side)) else { return false };
    let Some(item) = view.item(row, side) else { return false };
    let is_moved = view.is_moved(row, side);
    let entry = view.base_of(row);
    let is_renamed =
        entry.is_none_or(|entry| is_moved && view.is_other_name(side, item.name, entry.name_on(side)));
    let parent = match entry {
        Some(entry) if !is_moved => entry.parent,
        _ => item.parent,
    };
    let node = &mut view.nodes[row];
    node.exists = true;
    node.parent = parent;
    node.name = if is_renamed { Name::Of(side) } else { Name::Base };
    node.from = Some(side);
    node.metadata_of = Some(side);
    node.why = Why::EditBeatsRemoval;
    true
}

/// What is held holds the folders it is in; what can not be made or moved is held; what hangs on it too.
fn spread_holds(view: &mut View<'_>, told: &mut HashSet<NodeId>) -> bool {
    let mut is_changed = false;
    let mut known = [Known::default(), Known::default()];
    for row in 0..view.nodes.len() {
        if !view.nodes[row].is_held && must_wait(view, row, told, &mut known) {
            is_changed |= view.hold(row);
            // What is held keeps its name and place, and so do the lengths of what is in it.
            known.iter_mut().for_each(|known| known.lengths.clear());
        }
        if !view.nodes[row].is_held {
            continue;
        }
        // The base knows it in that folder: it can only be forgotten with it.
        if let Some(folder) = view.base_of(row).and_then(|entry| view.row(entry.parent))
            && !view.nodes[folder].exists
        {
            is_changed |= view.hold(folder);
        }
        for side in Side::BOTH {
            let mut above = view.place(row, side).map(|(parent, _)| parent);
            while let Some(folder) = above.and_then(|parent| view.row(parent)) {
                let node = &view.nodes[folder];
                if node.is_held || node.exists {
                    break;
                }
                is_changed |= view.hold(folder);
                above = view.place(folder, side).map(|(parent, _)| parent);
            }
        }
    }
    is_changed
}

/// What was found out about the folders of a side in one round.
#[derive(Default)]
struct Known {
    /// Whether nothing may be decided in them.
    blind: HashMap<NodeId, bool>,
    /// How long their paths are going to be, with the separator behind them.
    lengths: HashMap<NodeId, usize>,
}

/// Whether something keeps a node from being done now.
fn must_wait(view: &mut View<'_>, row: usize, told: &mut HashSet<NodeId>, known: &mut [Known; 2]) -> bool {
    let (id, kind) = (view.nodes[row].id, view.nodes[row].kind);
    for side in Side::BOTH {
        if !view.nodes[row].exists {
            let is_occupied =
                kind == EntryKind::Folder && view.is_present(row, side) && view.is_occupied(id, side);
            if is_occupied {
                if told.insert(id) {
                    let path = view.path_now(row, side).unwrap_or_default();
                    view.problems.push(Problem::new(
                        shown(view.policy.side_name(side), &path),
                        "This folder was removed on the other side, but is kept here.",
                        "It holds items that are not synced: left out by a rule, or no files.",
                        "Remove it by hand if you do not need what is in it.",
                    ));
                }
                return true;
            }
            continue;
        }
        let target = view.target(row, side).filter(|target| view.is_elsewhere(row, side, target));
        let target = target.map(|(parent, name)| (parent, name.len(), view.is_taken(parent, &name, side)));
        let Some((parent, length, is_taken)) = target else { continue };
        if is_taken {
            if told.insert(id) {
                let problem = shut_out(view, row, side);
                view.problems.push(problem);
            }
            return true;
        }
        let known = &mut known[number(side)];
        let is_folder_missing = view
            .row(parent)
            .is_some_and(|folder| view.nodes[folder].is_held && !view.is_present(folder, side));
        if is_folder_missing || view.is_blind(parent, side, &mut known.blind) {
            return true;
        }
        let length = folder_length(view, parent, side, &mut known.lengths) + length;
        if let Some(problem) = refusal(view, row, side, length) {
            if told.insert(id) {
                view.problems.push(problem);
            }
            return true;
        }
    }
    false
}

/// How long the path of a folder is going to be on a side, with the separator behind it; of one inside a circle, which is
/// broken later, nothing.
fn folder_length(view: &View<'_>, folder: NodeId, side: Side, known: &mut HashMap<NodeId, usize>) -> usize {
    let mut way = Vec::new();
    let mut at = folder;
    let mut length = loop {
        if at == NodeId::ROOT {
            break 0;
        }
        if let Some(length) = known.get(&at) {
            break *length;
        }
        let place = match view.row(at) {
            Some(row) => view.target(row, side).map(|(parent, name)| (parent, name.len())),
            None => view.base.get(at).map(|entry| (entry.parent, entry.name_on(side).len())),
        };
        match place {
            Some((parent, bytes)) if way.len() <= view.nodes.len() + view.base.len() => {
                way.push((at, bytes + 1));
                at = parent;
            }
            Some(_) => {
                way.iter_mut().for_each(|(_, bytes)| *bytes = 0);
                break 0;
            }
            None => break 0,
        }
    };
    for (id, bytes) in way.into_iter().rev() {
        length += bytes;
        known.insert(id, length);
    }
    length
}

/// An item as it is called in a problem about what it can not be on a side.
fn where_it_is(view: &View<'_>, row: usize, side: Side) -> String {
    let on = |side| Some(shown(view.policy.side_name(side), &view.path_now(row, side)?));
    on(side.other()).or_else(|| on(side)).unwrap_or_default()
}

/// What the pair does not sync has the name of an item on a side.
pub(super) fn shut_out(view: &View<'_>, row: usize, side: Side) -> Problem {
    Problem::new(
        where_it_is(view, row, side),
        "This item is not synced.",
        format!(
            "In {} something else has its name that is left out: by a rule, by its size or age, because of what it is, or \
             while it is being written.",
            view.policy.side_name(side)
        ),
        "Rename one of the two, or change what is left out.",
    )
}

/// Why a side can not have a node whose path would be so long there.
fn refusal(view: &View<'_>, row: usize, side: Side, length: usize) -> Option<Problem> {
    let place = view.capabilities(side);
    if view.nodes[row].kind == EntryKind::Symlink && !place.symlinks && !view.is_present(row, side) {
        return Some(Problem::new(
            where_it_is(view, row, side),
            "This link is not synced.",
            "The other place keeps no symbolic links.",
            "Let the pair follow links or leave them out.",
        ));
    }
    let limit = place.path_limit_bytes as usize;
    (length > limit).then(|| {
        Problem::new(
            where_it_is(view, row, side),
            "This item is not synced.",
            format!("Its path would be longer than the {limit} bytes the other place takes."),
            "Shorten the names of the folders it is in, or move it up.",
        )
    })
}

/// Nothing ends inside itself: where both sides' moves would make a circle, none of them is done, or those of one side.
fn break_circles(view: &mut View<'_>, conflicts: &Conflicts) -> bool {
    let mut is_changed = false;
    for side in Side::BOTH {
        let mut is_done: HashMap<NodeId, bool> = HashMap::new();
        for row in 0..view.nodes.len() {
            if view.nodes[row].kind != EntryKind::Folder || !view.arrives(row, side) {
                continue;
            }
            if let Some(circle) = circle_from(view, side, view.nodes[row].id, &mut is_done) {
                is_changed |= break_one(view, side, &circle, conflicts);
            }
        }
    }
    is_changed
}

/// What goes into a folder that is held waits with it, where the base knows that folder inside of it: the base would
/// have both inside each other.
fn wait_for_held_folders(view: &mut View<'_>) -> bool {
    let place_in_base = |view: &View<'_>, id: NodeId| {
        let entry = view.base.get(id).map(|entry| entry.parent);
        match view.row(id) {
            Some(row) if !view.nodes[row].is_held && view.nodes[row].exists => Some(view.nodes[row].parent),
            _ => entry,
        }
    };
    if !view.nodes.iter().any(|node| node.is_held && node.kind == EntryKind::Folder) {
        return false;
    }
    let mut is_changed = false;
    let mut is_done: HashMap<NodeId, bool> = HashMap::new();
    for row in 0..view.nodes.len() {
        let node = &view.nodes[row];
        let is_moved = view.base_of(row).is_some_and(|entry| entry.parent != node.parent);
        if node.kind != EntryKind::Folder || node.is_held || !node.exists || !is_moved {
            continue;
        }
        let circle = follow(node.id, &mut is_done, |id| place_in_base(view, id));
        for id in circle.into_iter().flatten() {
            if let Some(row) = view.row(id) {
                is_changed |= view.hold(row);
            }
        }
    }
    is_changed
}

/// What was removed with a folder that the other side put something in the place of stays with it until that is decided.
fn wait_in_contested_folders(view: &mut View<'_>) -> bool {
    if view.contested.is_empty() {
        return false;
    }
    let contested: HashSet<NodeId> = view.contested.iter().map(|row| view.nodes[*row].id).collect();
    let mut is_changed = false;
    for side in Side::BOTH {
        let mut known: HashMap<NodeId, bool> = HashMap::new();
        for row in 0..view.nodes.len() {
            let node = &view.nodes[row];
            let goes = !node.exists && !node.is_held && view.is_present(row, side);
            if goes && is_below(view, side, node.id, &contested, &mut known) {
                is_changed |= view.hold(row);
            }
        }
    }
    is_changed
}

/// Whether an item lies in one of these folders on a side.
fn is_below(
    view: &View<'_>,
    side: Side,
    id: NodeId,
    folders: &HashSet<NodeId>,
    known: &mut HashMap<NodeId, bool>,
) -> bool {
    let mut way = Vec::new();
    let mut at = view.parent_on(side, id);
    let answer = loop {
        match at {
            Some(folder) if folders.contains(&folder) => break true,
            Some(folder) if folder != NodeId::ROOT && way.len() <= view.nodes.len() + view.base.len() => {
                if let Some(answer) = known.get(&folder) {
                    break *answer;
                }
                way.push(folder);
                at = view.parent_on(side, folder);
            }
            _ => break false,
        }
    };
    known.extend(way.into_iter().map(|folder| (folder, answer)));
    answer
}

/// Follows the folders up; the circle, where it is one.
fn circle_from(
    view: &View<'_>,
    side: Side,
    start: NodeId,
    is_done: &mut HashMap<NodeId, bool>,
) -> Option<Vec<NodeId>> {
    follow(start, is_done, |at| match view.row(at) {
        Some(row) => view.target(row, side).map(|(parent, _)| parent),
        None => view.base.get(at).map(|entry| entry.parent),
    })
}

/// Goes up until the root, or where somebody went before; the circle, where it is one.
fn follow(
    start: NodeId,
    is_done: &mut HashMap<NodeId, bool>,
    above: impl Fn(NodeId) -> Option<NodeId>,
) -> Option<Vec<NodeId>> {
    let mut way = Vec::new();
    let mut at = start;
    let mut circle = None;
    while at != NodeId::ROOT {
        match is_done.get(&at) {
            Some(true) => break,
            Some(false) => {
                let begin = way.iter().position(|id| *id == at).unwrap_or(0);
                circle = Some(way[begin..].to_vec());
                break;
            }
            None => {}
        }
        is_done.insert(at, false);
        way.push(at);
        match above(at) {
            Some(parent) => at = parent,
            None => break,
        }
    }
    for id in way {
        is_done.insert(id, true);
    }
    circle
}

fn break_one(view: &mut View<'_>, side: Side, circle: &[NodeId], conflicts: &Conflicts) -> bool {
    let mut rows: Vec<usize> = circle.iter().filter_map(|id| view.row(*id)).collect();
    rows.retain(|row| !view.nodes[*row].is_held && view.arrives(*row, side));
    rows.sort_unstable();
    let Some(first) = rows.first().copied() else { return false };
    let said = rows.iter().find_map(|row| view.policy.choices.get(&view.nodes[*row].id).copied());
    let path = view.path_for_people(first);
    let forced = match (said, conflicts.at(&path, EntryKind::Folder)) {
        (Some(Choice::LeftToRight), _) => Some(Side::Left),
        (Some(Choice::RightToLeft), _) => Some(Side::Right),
        (None, ConflictPolicy::Left) => Some(Side::Left),
        (None, ConflictPolicy::Right) => Some(Side::Right),
        _ => None,
    };
    // All folders of the circle that either side moved take the places of one side.
    let all: Vec<usize> = circle.iter().filter_map(|id| view.row(*id)).collect();
    if let Some(forced) = forced
        && all.iter().all(|row| view.is_present(*row, forced) && !view.nodes[*row].is_held)
        && all.iter().any(|row| !view.nodes[*row].is_forced)
    {
        for row in all {
            let Some(item) = view.item(row, forced) else { continue };
            let is_moved = view.is_moved(row, forced);
            let (parent, name) = match view.base_of(row) {
                Some(entry) if !is_moved => (entry.parent, Name::Base),
                _ => (item.parent, Name::Of(forced)),
            };
            let node = &mut view.nodes[row];
            (node.parent, node.name, node.names_on) = (parent, name, None);
            node.why_moved = Why::ConflictDecided;
            node.is_forced = true;
        }
        return true;
    }
    report(view, first, ConflictKind::MovedIntoEachOther, None);
    for row in rows {
        view.hold(row);
    }
    true
}
