//! What shall become of every single node, looked at by itself: whether it is there, where, and whose content counts.
//!
//! Position (folder and name) and content are decided apart: one side may move what the other edits. What can not be
//! decided is held: both sides keep it as it is. Invariants: an edit beats a removal, in every mode but the exact copy;
//! swapping the sides swaps every decision. Deliberately not here: what nodes mean for each other (`planner::settle`).

use std::collections::HashMap;

use ignore::gitignore::{Gitignore, GitignoreBuilder};
use keepwell_model::{EntryKind, RelativePath, Timestamp};

use super::names::Taken;
use super::pairs::common_name;
use super::settle::shut_out;
use super::view::{Name, Slot, View, number};
use super::way::{Way, choice_of, promise_unseen, way_of};
use crate::names;
use crate::node::{Content, NodeId, Side};
use crate::plan::{Conflict, ConflictKind, Version, Why};
use crate::policy::{Choice, ConflictPolicy, Mode};

/// The policy for conflicts at a path.
pub(super) struct Conflicts {
    by_pattern: Vec<(Gitignore, ConflictPolicy)>,
    otherwise: ConflictPolicy,
}

impl Conflicts {
    pub(super) fn new(view: &View<'_>) -> Self {
        if view.filled_from().is_some() {
            return Self { by_pattern: Vec::new(), otherwise: ConflictPolicy::KeepBoth };
        }
        let by_pattern = view.policy.conflicts_by_pattern.iter().filter_map(|(pattern, policy)| {
            let mut builder = GitignoreBuilder::new("");
            builder.add_line(None, pattern).ok()?;
            Some((builder.build().ok()?, *policy))
        });
        Self { by_pattern: by_pattern.collect(), otherwise: view.policy.conflicts }
    }

    pub(super) fn at(&self, path: &RelativePath, kind: EntryKind) -> ConflictPolicy {
        if self.by_pattern.is_empty() {
            return self.otherwise;
        }
        let text = String::from_utf8_lossy(path.as_bytes()).into_owned();
        let is_folder = kind == EntryKind::Folder;
        let found = self
            .by_pattern
            .iter()
            .find(|(pattern, _)| pattern.matched_path_or_any_parents(&text, is_folder).is_ignore());
        found.map_or(self.otherwise, |(_, policy)| *policy)
    }
}

/// Decides every node.
pub(super) fn decide(view: &mut View<'_>, taken: &mut Taken, conflicts: &Conflicts) {
    let mut known = [HashMap::new(), HashMap::new()];
    let mut inherited: HashMap<NodeId, Option<Choice>> = HashMap::new();
    for row in 0..view.nodes.len() {
        let id = view.nodes[row].id;
        let present = Side::BOTH.map(|side| view.is_present(row, side));
        if view.base_of(row).is_none() && present == [false, false] {
            continue;
        }
        if Side::BOTH.iter().any(|side| view.is_blind(id, *side, &mut known[number(*side)])) {
            promise_unseen(view, row);
            view.hold(row);
            continue;
        }
        let choice = choice_of(view, row, &mut inherited);
        let way = way_of(view, row, choice);
        if let Way::Like(side, _) = way
            && is_only_shut_out(view, row, side)
        {
            let problem = shut_out(view, row, side);
            view.problems.push(problem);
            view.hold(row);
            continue;
        }
        match way {
            Way::Like(side, why) => like(view, row, side, why),
            Way::Fill(side) => fill(view, row, side, taken),
            Way::Merge => merge(view, row, choice, taken, conflicts),
            Way::Update => update(view, row),
            Way::MoveIn => move_in(view, row, choice, taken, conflicts),
        }
        if choice == Some(Choice::Skip) {
            view.hold(row);
        }
    }
}

/// Whether an item is new on the other side, and missing on this one only because what is not synced has its name there:
/// then that is no reason to remove it.
fn is_only_shut_out(view: &View<'_>, row: usize, side: Side) -> bool {
    view.base_of(row).is_none()
        && !view.is_present(row, side)
        && view.place(row, side.other()).is_some_and(|(folder, name)| {
            view.is_taken(folder, &names::mapped(name, view.capabilities(side)), side)
        })
}

/// Takes the place from where a side has it.
fn place_of(view: &mut View<'_>, row: usize, side: Side) {
    let Some(item) = view.item(row, side) else { return };
    let parent = item.parent;
    match view.base_of(row) {
        Some(entry) if !view.is_moved(row, side) => {
            view.nodes[row].parent = entry.parent;
            view.nodes[row].name = Name::Base;
        }
        Some(entry) => {
            let is_renamed = view.is_other_name(side, item.name, entry.name_on(side));
            view.nodes[row].parent = parent;
            view.nodes[row].name = if is_renamed { Name::Of(side) } else { Name::Base };
        }
        None => {
            view.nodes[row].parent = parent;
            view.nodes[row].name = Name::Of(side);
        }
    }
    // What the other side calls it, where that is the same name in another form.
    if view.base_of(row).is_none()
        && view.is_present(row, side.other())
        && let Some((name, names_on)) = common_name(view, row)
    {
        view.nodes[row].name = name;
        view.nodes[row].names_on = names_on;
    }
}

fn like(view: &mut View<'_>, row: usize, side: Side, why: Why) {
    let is_there = view.is_present(row, side);
    view.nodes[row].exists = is_there;
    if !is_there {
        let was_known = view.base_of(row).is_some();
        view.nodes[row].why = if was_known && why == Why::OneWay { Why::Removed } else { why };
        return;
    }
    place_of(view, row, side);
    let is_same = view.is_same_on_both(row);
    let is_new = view.base_of(row).is_none() && !view.is_present(row, side.other());
    let node = &mut view.nodes[row];
    node.from = (!is_same).then_some(side);
    node.metadata_of = Some(side);
    node.why = if is_new && why == Why::OneWay { Why::New } else { why };
    node.why_moved = if why == Why::OneWay { Why::Moved } else { why };
}

/// The other side gets what this one has, and keeps what it has besides: that is new there, and carried over where the mode
/// carries anything from there. Another version of a file stays beside this side's where the mode goes both ways.
fn fill(view: &mut View<'_>, row: usize, from: Side, taken: &mut Taken) {
    let other = from.other();
    let is_two_way = view.policy.mode == Mode::TwoWay;
    match (view.is_present(row, from), view.is_present(row, other)) {
        (false, true) if is_two_way || other == Side::Left => like(view, row, other, Why::New),
        (false, true) => {
            view.hold(row);
        }
        (_, is_on_both) => {
            like(view, row, from, Why::BroughtBack);
            let is_another = view.base_of(row).is_none() || view.is_changed(row, other);
            if is_on_both && is_two_way && is_another && view.nodes[row].from.is_some() {
                keep_both(view, row, from, taken);
            }
        }
    }
}

fn merge(view: &mut View<'_>, row: usize, choice: Option<Choice>, taken: &mut Taken, conflicts: &Conflicts) {
    match Side::BOTH.map(|side| view.is_present(row, side)) {
        [false, false] => view.nodes[row].exists = false,
        [true, true] => {
            if merge_places(view, row, choice, conflicts) {
                merge_contents(view, row, choice, taken, conflicts);
            }
        }
        [left, _] => {
            let side = if left { Side::Left } else { Side::Right };
            one_has_it(view, row, side, choice);
        }
    }
}

/// One side has it: it is new there, or the other side removed it. What is in a folder that a person keeps beside what the
/// other side put in its place stays with it.
fn one_has_it(view: &mut View<'_>, row: usize, side: Side, choice: Option<Choice>) {
    place_of(view, row, side);
    let is_known = view.base_of(row).is_some();
    let is_used =
        view.is_changed(row, side) || (view.is_moved(row, side) && view.nodes[row].kind != EntryKind::Folder);
    let is_kept = choice == Some(Choice::KeepBoth);
    let node = &mut view.nodes[row];
    node.from = Some(side);
    node.metadata_of = Some(side);
    node.exists = !is_known || is_used || is_kept;
    node.why = match (is_known, is_used) {
        (false, _) => Why::New,
        (true, true) => Why::EditBeatsRemoval,
        (true, false) if is_kept => Why::ConflictDecided,
        (true, false) => Why::Removed,
    };
}

/// Where it shall be, when both have it; false where it is held.
fn merge_places(view: &mut View<'_>, row: usize, choice: Option<Choice>, conflicts: &Conflicts) -> bool {
    view.nodes[row].exists = true;
    if view.base_of(row).is_none() {
        place_of(view, row, Side::Left);
        return true;
    }
    match Side::BOTH.map(|side| view.is_moved(row, side)) {
        [false, false] | [true, false] => place_of(view, row, Side::Left),
        [false, true] => place_of(view, row, Side::Right),
        [true, true] => {
            let parents = Side::BOTH.map(|side| view.place(row, side).map(|(parent, _)| parent));
            let common = if parents[0] == parents[1] { common_name(view, row) } else { None };
            if let (Some((name, names_on)), Some(parent)) = (common, parents[0]) {
                let node = &mut view.nodes[row];
                (node.parent, node.name, node.names_on) = (parent, name, names_on);
                keep_base_name(view, row);
                return true;
            }
            let path = view.path_for_people(row);
            let side = match conflicts.at(&path, view.nodes[row].kind) {
                _ if choice == Some(Choice::KeepBoth) => first_by_place(view, row),
                ConflictPolicy::Ask => {
                    report(view, row, ConflictKind::BothMoved, None);
                    view.hold(row);
                    return false;
                }
                // Nothing is lost whichever place it gets: one is taken that both sides find alike.
                ConflictPolicy::KeepBoth | ConflictPolicy::Newest => first_by_place(view, row),
                ConflictPolicy::Left => Side::Left,
                ConflictPolicy::Right => Side::Right,
            };
            place_of(view, row, side);
            view.nodes[row].why_moved = Why::ConflictDecided;
        }
    }
    true
}

/// A move into another folder under the old name keeps the pair's name, also where a side has another form of it.
fn keep_base_name(view: &mut View<'_>, row: usize) {
    let Some(entry) = view.base_of(row) else { return };
    let is_kept = Side::BOTH
        .iter()
        .all(|side| view.place(row, *side).is_some_and(|(_, name)| name == entry.name_on(*side)));
    if is_kept {
        view.nodes[row].name = Name::Base;
        view.nodes[row].names_on = None;
    }
}

/// One of two places by what both sides see alike and a run that was broken off leaves as it is: the name, then which
/// folder of the base it is in, wherever that has gone. Only new folders have nothing but their paths.
fn first_by_place(view: &View<'_>, row: usize) -> Side {
    let order = |side| {
        let (folder, name) = view.place(row, side)?;
        let is_new = folder != NodeId::ROOT && !view.base.contains(folder);
        let (known, path) = if is_new { (None, view.path_now(row, side)) } else { (Some(folder), None) };
        Some((name, is_new, known, path))
    };
    if order(Side::Left) <= order(Side::Right) { Side::Left } else { Side::Right }
}

fn merge_contents(
    view: &mut View<'_>,
    row: usize,
    choice: Option<Choice>,
    taken: &mut Taken,
    conflicts: &Conflicts,
) {
    if view.is_same_on_both(row) {
        return;
    }
    let changed = Side::BOTH.map(|side| view.is_changed(row, side));
    let is_known = view.base_of(row).is_some();
    match changed {
        [true, false] if is_known => view.nodes[row].from = Some(Side::Left),
        [false, true] if is_known => view.nodes[row].from = Some(Side::Right),
        _ => {
            conflict(view, row, choice, taken, conflicts);
            return;
        }
    }
    view.nodes[row].why = Why::Changed;
}

/// Both have another content.
fn conflict(
    view: &mut View<'_>,
    row: usize,
    choice: Option<Choice>,
    taken: &mut Taken,
    conflicts: &Conflicts,
) {
    let path = view.path_for_people(row);
    let policy = match choice {
        Some(Choice::KeepBoth) => ConflictPolicy::KeepBoth,
        _ => conflicts.at(&path, view.nodes[row].kind),
    };
    let later = later_side(view, row);
    let keeps_name = later.unwrap_or_else(|| greater_side(view, row));
    let winner = match (policy, later) {
        (ConflictPolicy::Left, _) => Side::Left,
        (ConflictPolicy::Right, _) => Side::Right,
        (ConflictPolicy::Newest, Some(side)) => side,
        (ConflictPolicy::KeepBoth, _) => {
            keep_both(view, row, keeps_name, taken);
            return;
        }
        (ConflictPolicy::Ask | ConflictPolicy::Newest, _) => {
            let is_known = view.base_of(row).is_some();
            let kind = if is_known { ConflictKind::BothChanged } else { ConflictKind::BothCreated };
            report(view, row, kind, Some(keeps_name));
            view.hold(row);
            return;
        }
    };
    view.nodes[row].from = Some(winner);
    view.nodes[row].why = Why::ConflictDecided;
}

/// The winner's keeps the name; the other's becomes a conflict copy beside it, on both sides.
fn keep_both(view: &mut View<'_>, row: usize, winner: Side, taken: &mut Taken) {
    let loser = winner.other();
    let name = view.pair_name(row).to_vec();
    let parent = view.nodes[row].parent;
    let copy = view.set_aside(row, loser);
    let kept_name = name;
    let name = taken.conflict_name(view, parent, &kept_name, loser);
    let node = &mut view.nodes[copy];
    node.exists = true;
    node.parent = parent;
    node.name = Name::Own(name.into());
    node.from = Some(loser);
    node.metadata_of = Some(loser);
    node.why = Why::ConflictCopy;
    node.why_moved = Why::ConflictCopy;
    if view.nodes[row].name == Name::Of(loser) {
        view.nodes[row].name = Name::Own(kept_name.into());
    }
    let node = &mut view.nodes[row];
    node.from = Some(winner);
    node.metadata_of = Some(winner);
    node.why = Why::ConflictDecided;
}

/// The side that changed it later, where both tell the time and it differs by more than both can tell apart.
fn later_side(view: &View<'_>, row: usize) -> Option<Side> {
    let [left, right] = Side::BOTH.map(|side| view.item(row, side).and_then(|item| item.state.modified));
    let (left, right) = (left?, right?);
    if !differ(left, right, grain(view)) {
        return None;
    }
    Some(if left > right { Side::Left } else { Side::Right })
}

/// The coarser grain of time of both places.
pub(super) fn grain(view: &View<'_>) -> u64 {
    Side::BOTH.iter().map(|side| view.capabilities(*side).time_grain_ns).max().unwrap_or(1)
}

/// Whether two times differ for places that keep them no finer than `grain_ns`.
pub(crate) fn differ(one: Timestamp, two: Timestamp, grain_ns: u64) -> bool {
    let nanoseconds =
        |time: Timestamp| i128::from(time.seconds) * 1_000_000_000 + i128::from(time.nanoseconds);
    let apart = (nanoseconds(one) - nanoseconds(two)).unsigned_abs();
    apart != 0 && apart >= u128::from(grain_ns)
}

/// One of the two by something both sides see alike, whichever is called left.
fn greater_side(view: &View<'_>, row: usize) -> Side {
    let order = |side| {
        let state = view.item(row, side).map(|item| item.state);
        state.map(|state| {
            let hash = match state.content {
                Content::Known(hash) => Some(*hash.as_bytes()),
                _ => None,
            };
            (hash, state.size_bytes, state.modified)
        })
    };
    if order(Side::Left) >= order(Side::Right) { Side::Left } else { Side::Right }
}

/// Writes a conflict down, with the side that keeps the name where both versions are kept.
pub(super) fn report(view: &mut View<'_>, row: usize, kind: ConflictKind, keeps_name: Option<Side>) {
    let version =
        |side| Version { path: view.path_now(row, side), state: view.item(row, side).map(|item| item.state) };
    let conflict = Conflict {
        node: view.nodes[row].id,
        right_node: view.nodes[row].id,
        path: view.path_for_people(row),
        kind,
        left: version(Side::Left),
        right: version(Side::Right),
        base_modified: view.base_of(row).and_then(|entry| entry.state.modified),
        keeps_name,
    };
    view.conflicts.push(conflict);
}

/// New and changed on the left goes to the right; nothing is removed there, and what is newer there stays.
fn update(view: &mut View<'_>, row: usize) {
    let [left, right] = Side::BOTH.map(|side| view.is_present(row, side));
    let is_known = view.base_of(row).is_some();
    if !left {
        // Gone on both, the base may forget it; else it stays where it is.
        if right {
            view.hold(row);
        }
        return;
    }
    let is_changed = view.is_changed(row, Side::Left);
    if !right {
        if is_known && !is_changed {
            view.hold(row);
            return;
        }
        like(view, row, Side::Left, if is_known { Why::Changed } else { Why::New });
        return;
    }
    let is_moved = view.is_moved(row, Side::Left);
    view.nodes[row].exists = true;
    view.nodes[row].stays = true;
    place_of(view, row, if is_known && !is_moved { Side::Right } else { Side::Left });
    view.nodes[row].metadata_of = Some(Side::Left);
    if view.is_same_on_both(row) {
        let is_right_touched = matches!(view.slot(row, Side::Right), Slot::Seen(_));
        let is_left_touched = matches!(view.slot(row, Side::Left), Slot::Seen(_));
        if is_known && is_right_touched && !is_left_touched {
            view.hold(row);
        }
        return;
    }
    let is_right_changed = view.is_changed(row, Side::Right) || !is_known;
    if (is_changed && !is_right_changed) || later_side(view, row) == Some(Side::Left) {
        view.nodes[row].from = Some(Side::Left);
        view.nodes[row].why = Why::Changed;
    } else {
        view.hold(row);
    }
}

/// What the left has goes to the right and leaves the left; folders stay there.
fn move_in(
    view: &mut View<'_>,
    row: usize,
    choice: Option<Choice>,
    taken: &mut Taken,
    conflicts: &Conflicts,
) {
    let [left, right] = Side::BOTH.map(|side| view.is_present(row, side));
    if !left {
        if right {
            view.hold(row);
        }
        return;
    }
    let is_known = view.base_of(row).is_some();
    view.nodes[row].exists = true;
    view.nodes[row].stays = true;
    let is_moved = view.is_moved(row, Side::Left);
    place_of(view, row, if is_known && right && !is_moved { Side::Right } else { Side::Left });
    view.nodes[row].metadata_of = Some(Side::Left);
    view.nodes[row].leaves = view.nodes[row].kind != EntryKind::Folder;
    if !right {
        view.nodes[row].from = Some(Side::Left);
        view.nodes[row].why = Why::New;
        return;
    }
    if view.is_same_on_both(row) || !view.nodes[row].leaves {
        return;
    }
    let changed = Side::BOTH.map(|side| view.is_changed(row, side));
    match changed {
        [true, false] if is_known => {
            view.nodes[row].from = Some(Side::Left);
            view.nodes[row].why = Why::Changed;
        }
        // The right has a later version of the same: the left's old one goes to its bin.
        [false, true] if is_known => {}
        _ => move_in_beside(view, row, choice, taken, conflicts),
    }
}

/// Both have another content where one moves in.
fn move_in_beside(
    view: &mut View<'_>,
    row: usize,
    choice: Option<Choice>,
    taken: &mut Taken,
    conflicts: &Conflicts,
) {
    let path = view.path_for_people(row);
    let keeps_both = choice == Some(Choice::KeepBoth)
        || conflicts.at(&path, view.nodes[row].kind) == ConflictPolicy::KeepBoth;
    if !keeps_both {
        conflict(view, row, choice, taken, conflicts);
        if view.nodes[row].from == Some(Side::Right) && !view.nodes[row].is_held {
            view.nodes[row].from = None;
        }
        return;
    }
    let name = view.pair_name(row).to_vec();
    let parent = folder_on_left(view, row);
    let copy = view.set_aside(row, Side::Left);
    let name = taken.conflict_name(view, parent, &name, Side::Left);
    let node = &mut view.nodes[copy];
    node.exists = true;
    node.leaves = true;
    node.parent = parent;
    node.name = Name::Own(name.into());
    node.from = Some(Side::Left);
    node.metadata_of = Some(Side::Left);
    node.why = Why::ConflictCopy;
    // What is on the right stays as it is.
    view.hold(row);
}

/// The folder in which both versions can be where one moves in. The left renames its own in it first, and gets no folder
/// from the right: where it lacks the one the right has its version in, its own is taken.
fn folder_on_left(view: &View<'_>, row: usize) -> NodeId {
    let parent = view.nodes[row].parent;
    match view.row(parent) {
        Some(folder) if !view.is_present(folder, Side::Left) => {
            view.parent_on(Side::Left, view.nodes[row].id)
        }
        _ => None,
    }
    .unwrap_or(parent)
}
