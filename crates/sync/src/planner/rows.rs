//! Writes the rows of a plan: what goes, then the steps, then what is copied, then what leaves because it has moved in.
//!
//! Invariants: inside a batch no row touches what another one reads or writes; the paths of a row are those when its
//! batch begins. Deliberately not here: deciding and ordering.

use std::collections::HashSet;

use keepwell_model::{EntryKind, RelativePath, Timestamp};

use super::decide::{differ, grain};
use super::moves::is_as_base;
use super::order::{Course, Kind, Step, order};
use super::view::{Node, Slot, View, number};
use crate::node::{NO_ATTRIBUTES, NodeId, Side, State};
use crate::plan::{Action, Agreement, Details, MetadataChange, Operation, Plan, Totals, Why};
use crate::trees::{BaseEntry, SeenEntry, is_stale};

/// Writes them.
pub(super) fn write(view: &View<'_>) -> Plan {
    let mut plan = Plan::default();
    for side in Side::BOTH {
        removals(view, side, &mut plan);
    }
    let (left_steps, mut left) = order(view, Side::Left);
    let (right_steps, mut right) = order(view, Side::Right);
    let last = left_steps.iter().chain(&right_steps).map(|step| step.batch).max().unwrap_or(0);
    let mut is_touched = vec![[false; 2]; view.nodes.len()];
    for (side, steps) in [(Side::Left, left_steps), (Side::Right, right_steps)] {
        for step in steps {
            is_touched[step.row][number(side)] = true;
            plan.operations.push(step_row(view, side, step));
        }
    }
    let mut courses = [&mut left, &mut right];
    for operation in &mut plan.operations {
        name_on_the_other_side(view, operation, &mut courses);
    }
    for row in 0..view.nodes.len() {
        contents(view, row, last + 1, &mut courses, &mut plan);
        if view.nodes[row].leaves && !view.nodes[row].is_held {
            moved_in(view, row, last + 2, &mut courses, &mut plan);
        }
    }
    agreements(view, &is_touched, &mut plan);
    displaced(view, &mut plan);
    // In place: a sort that keeps the order of what is alike needs room for half of them again.
    plan.operations.sort_unstable_by(|one, two| {
        (one.batch, number(one.side), &one.path, one.node).cmp(&(
            two.batch,
            number(two.side),
            &two.path,
            two.node,
        ))
    });
    for operation in &plan.operations {
        let totals = match operation.side {
            Side::Left => &mut plan.left,
            Side::Right => &mut plan.right,
        };
        count(totals, operation);
    }
    plan
}

/// For what is made or moved: where the other side has it when all steps are done.
fn name_on_the_other_side(
    view: &View<'_>,
    operation: &mut Operation,
    courses: &mut [&mut Course<'_, '_>; 2],
) {
    if !matches!(operation.action, Action::CreateFolder { .. } | Action::Move { becomes: None, .. }) {
        return;
    }
    let Some(row) = view.row(operation.node) else { return };
    let other = number(operation.side.other());
    if let Some(source) = courses[other].path(row).filter(|source| *source != operation.path) {
        operation.details.get_or_insert_default().source = Some(source);
    }
}

fn count(totals: &mut Totals, operation: &Operation) {
    match operation.action {
        Action::CreateFolder { .. } | Action::Copy { .. } => totals.created += 1,
        Action::Replace => totals.replaced += 1,
        Action::Move { .. } => totals.moved += 1,
        Action::Remove => totals.removed += 1,
        Action::SetMetadata if operation.finishes_new_folder() => {}
        Action::SetMetadata => totals.metadata += 1,
    }
    totals.bytes += operation.size_bytes;
}

fn operation(
    view: &View<'_>,
    row: usize,
    side: Side,
    batch: u32,
    action: Action,
    path: RelativePath,
) -> Operation {
    let node = &view.nodes[row];
    Operation {
        batch,
        side,
        why: node.why,
        kind: node.kind,
        node: node.id,
        action,
        size_bytes: 0,
        path,
        details: kept(own_details(node)),
    }
}

/// What any row of a node has to tell.
fn own_details(node: &Node) -> Details {
    Details { right_node: (node.right_id != node.id).then_some(node.right_id), ..Details::default() }
}

/// The details of a row that has any.
fn kept(details: Details) -> Option<Box<Details>> {
    (details != Details::default()).then(|| Box::new(details))
}

/// The pair's name, where this side has another.
fn pair_name(view: &View<'_>, row: usize, path: &RelativePath) -> Option<Box<[u8]>> {
    let name = view.pair_name(row);
    (Some(name) != path.name()).then(|| name.into())
}

/// Files and links that go, before anything else: their names are free then.
fn removals(view: &View<'_>, side: Side, plan: &mut Plan) {
    for (row, node) in view.nodes.iter().enumerate() {
        if node.kind == EntryKind::Folder || !view.is_present(row, side) || view.target(row, side).is_some() {
            continue;
        }
        let Some(path) = view.path_now(row, side) else { continue };
        plan.operations.push(operation(view, row, side, 0, Action::Remove, path));
    }
}

fn step_row(view: &View<'_>, side: Side, step: Step) -> Operation {
    let node = &view.nodes[step.row];
    let copy_of = view.copy_of(step.row);
    let becomes = if copy_of.is_some() && step.kind == Kind::Move { Some(node.id) } else { None };
    let action = match step.kind {
        Kind::CreateFolder => Action::CreateFolder { parent: step.parent },
        Kind::Move | Kind::StepAside => Action::Move { parent: step.parent, becomes },
        Kind::RemoveFolder => Action::Remove,
    };
    let mut row = operation(view, step.row, side, step.batch, action, step.path);
    // It is the item's row until it has become the copy.
    let about = copy_of.filter(|_| becomes.is_some()).and_then(|of| view.row(of)).unwrap_or(step.row);
    row.node = view.nodes[about].id;
    let mut details = own_details(&view.nodes[about]);
    match step.kind {
        Kind::CreateFolder => {
            let state = view.item(step.row, side.other()).map(|item| item.state);
            let mode = state.and_then(|state| state.mode);
            details.metadata = Some(MetadataChange { modified: None, mode, attributes_of: None });
            details.pair_name = pair_name(view, step.row, &row.path);
        }
        Kind::Move => {
            details.from = step.from;
            row.why = node.why_moved;
            details.pair_name = pair_name(view, step.row, &row.path);
        }
        Kind::StepAside => {
            details.from = step.from;
            row.why = Why::StepOnTheWay;
        }
        Kind::RemoveFolder => {}
    }
    row.details = kept(details);
    row
}

/// What is copied, replaced, or only gets other times and rights.
fn contents(
    view: &View<'_>,
    row: usize,
    batch: u32,
    courses: &mut [&mut Course<'_, '_>; 2],
    plan: &mut Plan,
) {
    let node = &view.nodes[row];
    if node.is_held || !node.exists {
        return;
    }
    for side in Side::BOTH {
        let other = side.other();
        let is_wanted = view.target(row, side).is_some();
        let Some(source) = view.item(row, other) else { continue };
        let is_present = view.is_present(row, side);
        if !is_wanted || (node.leaves && side == Side::Left) {
            continue;
        }
        let is_folder = node.kind == EntryKind::Folder;
        let source_path = courses[number(other)].path(row);
        if !is_present && !is_folder {
            let Some((parent, name)) = view.target(row, side) else { continue };
            let name = name.into_owned();
            let Ok(path) = courses[number(side)].folder_path(parent).join(&name) else { continue };
            let mut copy = operation(view, row, side, batch, Action::Copy { parent }, path);
            copy.size_bytes = source.state.size_bytes;
            copy.details = kept(Details {
                source: source_path.filter(|source| *source != copy.path),
                pair_name: pair_name(view, row, &copy.path),
                ..own_details(node)
            });
            plan.operations.push(copy);
            continue;
        }
        let replaces = node.from == Some(other) && is_present && !is_folder;
        let change = metadata(view, row, side, replaces);
        if !replaces && change.is_none() {
            continue;
        }
        let path = match courses[number(side)].path(row) {
            Some(path) => path,
            None => continue,
        };
        let action = if replaces { Action::Replace } else { Action::SetMetadata };
        let mut changed = operation(view, row, side, batch, action, path);
        changed.details = kept(Details {
            source: source_path.filter(|source| *source != changed.path),
            metadata: change,
            ..own_details(node)
        });
        if replaces {
            changed.size_bytes = source.state.size_bytes;
        } else if !is_present {
            changed.why = node.why;
        } else {
            changed.why = Why::MetadataChanged;
        }
        plan.operations.push(changed);
    }
}

/// The removal from the left of what is on the right for certain.
fn moved_in(
    view: &View<'_>,
    row: usize,
    batch: u32,
    courses: &mut [&mut Course<'_, '_>; 2],
    plan: &mut Plan,
) {
    let Some(path) = courses[number(Side::Left)].path(row) else { return };
    let mut removal = operation(view, row, Side::Left, batch, Action::Remove, path);
    removal.why = Why::MovedIn;
    let source = courses[number(Side::Right)].path(row).or_else(|| {
        let (parent, name) = view.target(row, Side::Right)?;
        let name = name.into_owned();
        courses[number(Side::Right)].folder_path(parent).join(&name).ok()
    });
    let source = source.filter(|source| *source != removal.path);
    removal.details = kept(Details { source, ..own_details(&view.nodes[row]) });
    plan.operations.push(removal);
}

/// What surrounds the content on this side becomes this. For a replacement only where it is not all as on the other side.
fn metadata(view: &View<'_>, row: usize, side: Side, replaces: bool) -> Option<MetadataChange> {
    let node = &view.nodes[row];
    let other = side.other();
    let there = view.item(row, other)?.state;
    let Some(here) = view.item(row, side).map(|item| item.state) else {
        // A new folder: its attributes come once it is there.
        let takes = view.capabilities(side).extended_attributes && there.attributes.is_some();
        return takes.then_some(MetadataChange { attributes_of: Some(other), ..MetadataChange::default() });
    };
    if node.kind == EntryKind::Symlink {
        return None;
    }
    let place = view.capabilities(side);
    let mut change = MetadataChange::default();
    let modes = [mode(view, row, Side::Left), mode(view, row, Side::Right)];
    let wanted = merged(view, row, modes, |state| state.mode.map(u64::from));
    let wanted = wanted.and_then(|mode| u32::try_from(mode).ok());
    let kept_mode = if replaces { there.mode } else { here.mode };
    if place.modes && wanted.is_some() && wanted != kept_mode && here.mode.is_some() {
        change.mode = wanted;
    }
    let differs =
        here.attributes.is_some() && there.attributes.is_some() && here.attributes != there.attributes;
    if place.extended_attributes && differs {
        let winner = attributes_winner(view, row);
        if (winner == other) != replaces {
            change.attributes_of = Some(winner);
        }
    }
    if replaces {
        if change == MetadataChange::default() {
            return None;
        }
        change.modified = there.modified;
        change.mode = change.mode.or(there.mode);
        change.attributes_of = change.attributes_of.or(Some(other));
        return Some(change);
    }
    // Where a place keeps no times it is given, its times say when it got the files, also after a move inside it: that is
    // nothing to take over.
    let has_times = place.times && view.capabilities(other).times;
    if node.kind == EntryKind::File && node.from.is_none() && has_times {
        change.modified = time_to_set(view, row, side, &here, &there);
    }
    (change != MetadataChange::default()).then_some(change)
}

/// The time this side has to take over: only a change of the other side alone, and only by more than both can tell.
fn time_to_set(view: &View<'_>, row: usize, side: Side, here: &State, there: &State) -> Option<Timestamp> {
    let other = side.other();
    let entry = view.base_of(row)?;
    // A side that changed nothing shows what it showed: with coarse times that is not what both agreed on.
    let shown = |side: Side, state: &State| match view.slot(row, side) {
        Slot::AsBase => entry.fingerprint_on(side).modified,
        _ => state.modified,
    };
    let (mine, theirs) = (shown(side, here)?, shown(other, there)?);
    if !differ(mine, theirs, grain(view)) || view.is_changed(row, side) || view.is_changed(row, other) {
        return None;
    }
    let moved_on = |side: Side, now: Timestamp| entry.fingerprint_on(side).modified != Some(now);
    let wins = match view.nodes[row].metadata_of {
        Some(of) => of == other,
        None => moved_on(other, theirs) && !moved_on(side, mine),
    };
    wins.then_some(theirs)
}

/// The mode a side changed; nothing where it has none or did not.
fn mode(view: &View<'_>, row: usize, side: Side) -> Option<u64> {
    let (Slot::Seen(seen), Some(entry)) = (view.slot(row, side), view.base_of(row)) else { return None };
    let (now, before) = (seen.state.mode, entry.state.mode);
    let changed = now.is_some() && before.is_some() && now != before;
    if changed && view.capabilities(side).modes { now.map(u64::from) } else { None }
}

/// The value both are to have: what one changed, the greater one where both did, else what the winner has.
fn merged(
    view: &View<'_>,
    row: usize,
    changed: [Option<u64>; 2],
    value: impl Fn(&State) -> Option<u64>,
) -> Option<u64> {
    let values = Side::BOTH.map(|side| view.item(row, side).and_then(|item| value(&item.state)));
    if let Some(of) = view.nodes[row].metadata_of {
        return values[number(of)];
    }
    match changed {
        [None, None] if view.base_of(row).is_some() => None,
        [None, None] => values[0].max(values[1]),
        [left, right] => left.max(right),
    }
}

/// Whose attributes both are to have. Where neither side alone changed them some count more than none: a run that was
/// killed may have made a folder and not have come to its attributes.
fn attributes_winner(view: &View<'_>, row: usize) -> Side {
    if let Some(of) = view.nodes[row].metadata_of {
        return of;
    }
    let values = Side::BOTH.map(|side| view.item(row, side).and_then(|item| item.state.attributes));
    let before = view.base_of(row).and_then(|entry| entry.state.attributes);
    let has_changed = values.map(|value| before.is_some() && value != before);
    let rank = |value: Option<[u8; 16]>| (value.is_some_and(|value| value != NO_ATTRIBUTES), value);
    match has_changed {
        [true, false] => Side::Left,
        [false, true] => Side::Right,
        _ if rank(values[0]) >= rank(values[1]) => Side::Left,
        _ => Side::Right,
    }
}

/// What both have alike already.
fn agreements(view: &View<'_>, is_touched: &[[bool; 2]], plan: &mut Plan) {
    let mut has_content_row = vec![false; view.nodes.len()];
    for operation in &plan.operations {
        let id = match operation.action {
            Action::Move { becomes: Some(id), .. } => id,
            _ => operation.node,
        };
        if let Some(row) = view.row(id) {
            has_content_row[row] = true;
        }
    }
    for (row, node) in view.nodes.iter().enumerate() {
        if node.is_held || node.leaves {
            continue;
        }
        let present = Side::BOTH.map(|side| view.is_present(row, side));
        if present == [false, false] {
            if view.base_of(row).is_some() && !node.is_set_aside && !node.exists {
                plan.agreements.push(Agreement::BothGone(node.id));
            }
            continue;
        }
        let is_new_to_base = Side::BOTH.iter().any(|side| match (view.slot(row, *side), view.base_of(row)) {
            (Slot::Seen(seen), Some(entry)) => !is_as_base(&seen, &entry, *side),
            (Slot::Seen(_), None) => true,
            _ => false,
        });
        if present != [true, true] || !is_new_to_base || !node.exists {
            continue;
        }
        let is_apart =
            node.stays && view.is_elsewhere(row, Side::Left, &(node.parent, view.name_on(row, Side::Left)));
        if is_apart || hangs_on_undecided(view, row) {
            continue;
        }
        if !has_content_row[row] {
            plan.agreements.push(Agreement::Same { left: node.id, right: node.right_id });
        } else if is_touched[row] == [false, false] && is_elsewhere(view, row) {
            plan.agreements.push(Agreement::SamePlace(node.id));
        }
    }
}

/// What an old version that was kept under a new name would be taken for the item by.
#[derive(PartialEq, Eq, Hash)]
enum Trace {
    /// Its id on the place.
    Id(u64),
    /// Where the place has none: its content, which is read only when it counts.
    Size(u64),
}

/// Items saved by renaming, the old version kept under a new name.
fn displaced(view: &View<'_>, plan: &mut Plan) {
    let learned = |agreement: &Agreement| match agreement {
        Agreement::Same { left, .. } => Some(*left),
        _ => None,
    };
    let learned: HashSet<NodeId> = plan.agreements.iter().filter_map(learned).collect();
    for side in Side::BOTH {
        let seen = |row: usize| match view.slot(row, side) {
            Slot::Seen(seen) => Some(seen),
            _ => None,
        };
        let mut changed = Vec::new();
        for row in 0..view.nodes.len() {
            let known = view.copy_of(row).unwrap_or(view.nodes[row].id);
            if let (Some(seen), Some(entry)) = (seen(row), view.base.get(known))
                && let Some(before) = was_another(&seen, &entry, side)
            {
                let is_there =
                    view.one_id(side, seen.parent) == entry.parent && seen.name == entry.name_on(side);
                if is_there && !learned.contains(&known) {
                    changed.push((known, before));
                }
            }
        }
        if changed.is_empty() {
            continue;
        }
        let mut here: HashSet<Trace> = HashSet::new();
        for row in 0..view.nodes.len() {
            let Some(seen) = seen(row) else { continue };
            match seen.fingerprint.id {
                0 if view.base_of(row).is_none() => here.insert(Trace::Size(seen.state.size_bytes)),
                id => here.insert(Trace::Id(id)),
            };
        }
        changed.retain(|(_, before)| here.contains(before));
        plan.agreements.extend(changed.into_iter().map(|(node, _)| Agreement::Displaced { node, side }));
    }
}

/// What the base knows an item by that is another one by now.
fn was_another(seen: &SeenEntry<'_>, entry: &BaseEntry<'_>, side: Side) -> Option<Trace> {
    let before = entry.fingerprint_on(side);
    match (before.id, seen.fingerprint.id) {
        (0, 0) => {
            let is_content_new = entry.state.kind == EntryKind::File
                && entry.state.size_bytes > 0
                && !seen.state.is_same_content(&entry.state)
                && !is_stale(before);
            is_content_new.then_some(Trace::Size(entry.state.size_bytes))
        }
        (0, _) | (_, 0) => None,
        (before, now) => (before != now).then_some(Trace::Id(before)),
    }
}

/// Whether it is in a new folder that waits for a decision: the base can not know the one without the other.
fn hangs_on_undecided(view: &View<'_>, row: usize) -> bool {
    let mut at = view.nodes[row].parent;
    for _ in 0..=view.nodes.len() {
        let Some(folder) = view.row(at) else { return false };
        if view.base_of(folder).is_some() {
            return false;
        }
        if view.nodes[folder].is_held {
            return true;
        }
        at = view.nodes[folder].parent;
    }
    false
}

fn is_elsewhere(view: &View<'_>, row: usize) -> bool {
    let Some(entry) = view.base_of(row) else { return false };
    Side::BOTH.iter().any(|side| {
        let place = view.place(row, *side);
        place.is_some_and(|place| place != (entry.parent, entry.name_on(*side)))
    })
}
