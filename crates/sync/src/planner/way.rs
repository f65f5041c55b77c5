//! Which way a single node goes: as a person said of it, or of a folder it is in, as an answer to a brake promised, or as
//! the pair's mode says; in this order.
//!
//! Invariant: what is promised counts for an item of the base only as long as it is what it was promised for: one that was
//! gone and is there again, and one of which somebody made another version since, go as all others do. Deliberately not here:
//! what a way makes of a node (`planner::decide`), where promises are kept (`database::owed`).

use std::collections::HashMap;

use keepwell_model::{EntryKind, RelativePath};

use super::view::View;
use crate::node::{NodeId, Side, State};
use crate::plan::Why;
use crate::policy::{BringBack, Choice, Mode, Promise};

/// What a person or the policy wants of one node.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Whatever this side has.
    Like(Side, Why),
    /// What this side has, and what the other has besides.
    Fill(Side),
    /// What both changed, merged.
    Merge,
    Update,
    MoveIn,
}

/// A person's word on a node, or, of what only one side has, on the folder it is in where only that side has that, too: what
/// the other side has elsewhere, it may have edited there.
pub(super) fn choice_of(
    view: &View<'_>,
    row: usize,
    inherited: &mut HashMap<NodeId, Option<Choice>>,
) -> Option<Choice> {
    if view.policy.choices.is_empty() {
        return None;
    }
    let mut way = Vec::new();
    let mut at = Some(row);
    let mut answer = None;
    while let Some(row) = at {
        let node = &view.nodes[row];
        let said = view.policy.choices.get(&node.id).or_else(|| view.policy.choices.get(&node.right_id));
        if let Some(choice) = said {
            answer = Some(*choice);
            break;
        }
        if let Some(before) = inherited.get(&node.id) {
            answer = *before;
            break;
        }
        way.push(node.id);
        let side = match Side::BOTH.map(|side| view.is_present(row, side)) {
            [true, false] => Some(Side::Left),
            [false, true] => Some(Side::Right),
            _ => None,
        };
        let folder = side.and_then(|side| view.parent_on(side, node.id)).and_then(|folder| view.row(folder));
        at = folder.filter(|row| {
            way.len() <= view.nodes.len() && !Side::BOTH.iter().all(|side| view.is_present(*row, *side))
        });
    }
    inherited.extend(way.into_iter().map(|id| (id, answer)));
    answer
}

/// The way of a node; what an answer to a brake promises of it is noted.
pub(super) fn way_of(view: &mut View<'_>, row: usize, choice: Option<Choice>) -> Way {
    match choice {
        Some(Choice::LeftToRight) => return Way::Like(Side::Left, Why::ConflictDecided),
        Some(Choice::RightToLeft) => return Way::Like(Side::Right, Why::ConflictDecided),
        _ => {}
    }
    let answered = answered(view).filter(|back| is_for(view, row, *back));
    let id = view.nodes[row].id;
    if let Some(back) = answered
        && view.base_of(row).is_some()
    {
        let was = view.item(row, back.side().other()).map(|item| item.state);
        view.owed.push(Promise { node: id, back, was });
    }
    let promised = match owed_new(view, row, answered) {
        Some(path) => {
            view.owed_new.insert(path);
            Some(BringBack::Gone(Side::Right))
        }
        None => owed(view, row),
    };
    match (answered.or(promised), view.policy.mode) {
        (Some(BringBack::Gone(side) | BringBack::Everything(side)), _) => Way::Like(side, Why::BroughtBack),
        (Some(BringBack::Filling(side)), _) => Way::Fill(side),
        (None, Mode::TwoWay) => Way::Merge,
        (None, Mode::Mirror) => Way::Like(Side::Left, Why::OneWay),
        (None, Mode::Update) => Way::Update,
        (None, Mode::MoveIn) => Way::MoveIn,
    }
}

/// What an answer to a brake promises of a node of which nothing can be decided now: its folder can not be read.
pub(super) fn promise_unseen(view: &mut View<'_>, row: usize) {
    let id = view.nodes[row].id;
    if let Some(back) = answered(view)
        && view.base_of(row).is_some()
    {
        view.owed.push(Promise { node: id, back, was: None });
    }
}

/// What a person has brought back by this run.
fn answered(view: &View<'_>) -> Option<BringBack> {
    view.filled_from().map(BringBack::Filling).or(view.policy.bring_back)
}

/// What an earlier answer promised of a node, as long as that counts.
pub(super) fn owed(view: &View<'_>, row: usize) -> Option<BringBack> {
    let promise = view.policy.owed.get(view.nodes[row].id)?;
    let is_as_promised = match promise.back {
        BringBack::Everything(from) => {
            let now = view.item(row, from.other()).map(|item| item.state);
            match (promise.was, now) {
                (Some(was), Some(now)) => is_same_version(&was, &now),
                // Nobody had it then: what is there is what came back, or somebody's own.
                (None, now) => now.is_none(),
                (Some(_), None) => true,
            }
        }
        BringBack::Gone(_) | BringBack::Filling(_) => true,
    };
    (is_as_promised && is_for(view, row, promise.back)).then_some(promise.back)
}

/// Where the right of a mirror has what the left is to get and the base does not know, as an answer promises or promised.
fn owed_new(view: &View<'_>, row: usize, answered: Option<BringBack>) -> Option<RelativePath> {
    let is_new = view.policy.mode == Mode::Mirror
        && view.base_of(row).is_none()
        && view.is_present(row, Side::Right)
        && !view.is_present(row, Side::Left);
    let is_promised = answered.is_some_and(|back| back.side() == Side::Right);
    let before = view.policy.owed.new_ones();
    if !is_new || (!is_promised && before.is_empty()) {
        return None;
    }
    view.path_now(row, Side::Right).filter(|path| is_promised || before.contains(path))
}

/// Whether an item was not written since, as far as that shows: what a run that was killed took away and put back again is
/// the same, though its inode changed.
fn is_same_version(was: &State, now: &State) -> bool {
    let is_same = was.kind == now.kind && was.size_bytes == now.size_bytes && was.modified == now.modified;
    is_same || (was.kind == EntryKind::Folder && now.kind == EntryKind::Folder)
}

/// Whether what comes back is this item.
fn is_for(view: &View<'_>, row: usize, back: BringBack) -> bool {
    let BringBack::Gone(from) = back else { return true };
    // What is new there goes over as ever, where the mode goes both ways.
    let is_known = view.base_of(row).is_some() || view.policy.mode != Mode::TwoWay;
    is_known && view.is_present(row, from) && !view.is_present(row, from.other())
}
