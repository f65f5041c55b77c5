//! The safety brakes: reasons to halt and ask before anything is done.
//!
//! They look at the plan, so removals are counted net of moves, and at what is known of each side as a whole. What is
//! removed or rewritten counts together with what the runs just before took from that side: a live pair carries a burst
//! over in many small runs, of which none is large. Invariants: a brake names the side that looks wrong, not the one that
//! would be changed; a side whose changes the mode carries nowhere pulls none; what earlier runs did alone pulls none; what
//! a person released for this run does not come again in it; bringing back from a side is never held up by what the other
//! side lost. Deliberately not here: halting and asking (`run`, `jobs`), what is counted of earlier runs
//! (`database::recent`).

use keepwell_model::{EntryKind, RelativePath};

use super::decide::differ;
use super::view::{Slot, View};
use super::way::owed;
use crate::filter::Facts;
use crate::node::{Content, NodeId, Side};
use crate::plan::{Action, BRAKE_EXAMPLES, Brake, Earlier, Operation, Plan, Why};
use crate::policy::{BrakeKind, BringBack, Mode};

/// An old copy is told by at least so many files that went back in time.
const WENT_BACK_FILES: u64 = 10;
/// …which are at least so many hundredths of the files a side changed.
const WENT_BACK_PERCENT: u64 = 75;
/// All times changed: at least so many hundredths of the files.
const TIMES_PERCENT: u64 = 90;

/// What holds a plan up.
pub(super) fn brakes(view: &View<'_>, plan: &Plan) -> Vec<Brake> {
    let mut found = Vec::new();
    for side in Side::BOTH {
        let circumstances = &view.side(side).circumstances;
        let known = view.base.len() as u64;
        let whole =
            |kind, items, examples| Brake { kind, side, items, earlier: None, out_of: known, examples };
        let of_the_whole = if circumstances.is_root_gone {
            Some(whole(BrakeKind::RootGone, known, Vec::new()))
        } else if circumstances.is_another_place {
            Some(whole(BrakeKind::AnotherPlace, circumstances.items, strangers(view, side)))
        } else if is_emptied(view, side) && view.policy.returns_from() != Some(side.other()) {
            Some(whole(BrakeKind::RootEmptied, known, Vec::new()))
        } else {
            None
        };
        let is_emptied = of_the_whole.as_ref().is_some_and(|brake| brake.kind == BrakeKind::RootEmptied);
        found.extend(of_the_whole);
        found.extend(no_space(view, plan, side));
        // What becomes like the other side is asked about no more.
        let makes_like = view.policy.makes_like();
        if makes_like == Some(side.other()) || view.filled_from().is_some() {
            continue;
        }
        // Who lets an empty root go on has said it of everything.
        if !is_emptied {
            found.extend(many_removed(view, plan, side));
        }
        // Of the side that it becomes like, what that lost is a question of its own.
        if makes_like.is_some() {
            continue;
        }
        // What one-way modes do not take over from the right harms nobody.
        if view.policy.mode != Mode::TwoWay && side == Side::Right {
            continue;
        }
        let counts = Counts::of(view, side);
        found.extend(many_rewritten(view, side, &counts));
        found.extend(times_changed(view, side, &counts));
        found.extend(old_copy(side, &counts));
        found.extend(rules_changed(view, plan, side));
    }
    found.retain(|brake| !view.policy.released.contains(&brake.kind));
    found
}

/// A root that held items holds none, and the mode carries that over.
fn is_emptied(view: &View<'_>, side: Side) -> bool {
    let is_carried = match view.policy.mode {
        Mode::TwoWay => true,
        Mode::Mirror => side == Side::Left,
        Mode::Update | Mode::MoveIn => false,
    };
    let tree = view.side(side);
    // What is left out by its size or age and gone is as gone as all else; but where nothing else was there, nothing goes.
    let is_left_out = |id: &NodeId| tree.circumstances.left_out.get(id).is_some_and(|found| found.is_gone);
    let known = view.base.children(NodeId::ROOT);
    // Of a bucket or an own folder left in the root nothing counts: only what the pair knew.
    let is_owed =
        |id: &NodeId| view.policy.owed.get(*id).is_some_and(|promise| promise.back.side() == side.other());
    is_carried
        && !known.iter().all(|id| is_left_out(id) || is_owed(id))
        && tree.blind.iter().all(is_left_out)
        && tree.changes.all_here().next().is_none()
        && known
            .iter()
            .all(|id| is_left_out(id) || view.row(*id).is_some_and(|row| !view.is_present(row, side)))
}

/// Some of what lies in a place that the pair does not know.
fn strangers(view: &View<'_>, side: Side) -> Vec<RelativePath> {
    let rows =
        (0..view.nodes.len()).filter(|row| view.base_of(*row).is_none() && view.is_present(*row, side));
    rows.filter_map(|row| view.path_now(row, side)).take(BRAKE_EXAMPLES).collect()
}

/// What a side changed, counted once for several brakes.
#[derive(Default)]
struct Counts {
    rewritten: u64,
    /// Of those the ones that runs just before carried over already.
    rewritten_again: u64,
    went_back: u64,
    only_times: u64,
    rewritten_examples: Vec<RelativePath>,
    back_examples: Vec<RelativePath>,
    times_examples: Vec<RelativePath>,
}

impl Counts {
    fn of(view: &View<'_>, side: Side) -> Self {
        let mut counts = Self::default();
        let grain_ns = view.capabilities(side).time_grain_ns;
        let recent = &view.side(side.other()).circumstances.recent;
        for (row, node) in view.nodes.iter().enumerate() {
            let (Slot::Seen(seen), Some(entry)) = (view.slot(row, side), view.base_of(row)) else { continue };
            // What is to come back to this side as it was is no change of it any more.
            let is_to_come = |back: BringBack| back.side() == side.other();
            if node.kind != EntryKind::File || owed(view, row).is_some_and(is_to_come) {
                continue;
            }
            let example = |examples: &mut Vec<RelativePath>| {
                if examples.len() < BRAKE_EXAMPLES {
                    examples.extend(view.path_now(row, side));
                }
            };
            let state = seen.state;
            let times = state.modified.zip(entry.fingerprint_on(side).modified);
            let times = times.filter(|(now, before)| differ(*now, *before, grain_ns));
            if view.is_changed(row, side) {
                counts.rewritten += 1;
                counts.rewritten_again += u64::from(recent.rewritten.contains(&node.id));
                example(&mut counts.rewritten_examples);
                if times.is_some_and(|(now, before)| now < before) {
                    counts.went_back += 1;
                    example(&mut counts.back_examples);
                }
            } else if times.is_some() && matches!(state.content, Content::Known(_)) {
                counts.only_times += 1;
                example(&mut counts.times_examples);
            }
        }
        counts
    }
}

fn is_more(items: u64, limit: u64, percent: u64, out_of: u64) -> bool {
    items > limit && items.saturating_mul(100) > percent.saturating_mul(out_of)
}

fn earlier(items: u64, since_ms: i64) -> Option<Earlier> {
    (items > 0).then_some(Earlier { items, since_ms })
}

/// Items that are removed on the other side because they are gone here.
fn many_removed(view: &View<'_>, plan: &Plan, side: Side) -> Option<Brake> {
    let changed = side.other();
    let removals = || {
        plan.operations.iter().filter(|operation| {
            operation.side == changed
                && operation.action == Action::Remove
                && !(view.policy.makes_like().is_some() && operation.node.is_fresh())
                && !matches!(operation.why, Why::MovedIn | Why::ConflictDecided)
        })
    };
    let now = removals().count() as u64;
    let circumstances = &view.side(changed).circumstances;
    let (seen, recent) = (circumstances.items, &circumstances.recent);
    let items = now + recent.removed;
    let out_of = if seen == 0 { view.base.len() as u64 } else { seen } + recent.removed;
    let limits = &view.policy.brakes;
    // A look that goes by hints sees a part of the side only.
    let limit = limits.removed_items_of(out_of.max(view.base.len() as u64));
    let is_pulled = is_more(items, limit, u64::from(limits.removed_percent), out_of);
    (now > 0 && is_pulled).then(|| Brake {
        kind: BrakeKind::ManyRemoved,
        side,
        items,
        earlier: earlier(recent.removed, recent.removed_since_ms),
        out_of,
        examples: removals().take(BRAKE_EXAMPLES).map(|operation| operation.path.clone()).collect(),
    })
}

fn many_rewritten(view: &View<'_>, side: Side, counts: &Counts) -> Option<Brake> {
    let limits = &view.policy.brakes;
    let out_of = view.base.files();
    let percent = u64::from(limits.rewritten_percent);
    let recent = &view.side(side.other()).circumstances.recent;
    // One that was removed since counts as that.
    let before = recent.rewritten.iter().filter(|id| view.base.contains(**id)).count() as u64;
    let before = before.saturating_sub(counts.rewritten_again);
    let items = counts.rewritten + before;
    let is_pulled = is_more(items, limits.rewritten_files_of(out_of), percent, out_of);
    (counts.rewritten > 0 && is_pulled).then(|| Brake {
        kind: BrakeKind::ManyRewritten,
        side,
        items,
        earlier: earlier(before, recent.rewritten_since_ms),
        out_of,
        examples: counts.rewritten_examples.clone(),
    })
}

fn times_changed(view: &View<'_>, side: Side, counts: &Counts) -> Option<Brake> {
    let limits = &view.policy.brakes;
    let out_of = view.base.files();
    is_more(counts.only_times, limits.rewritten_files, TIMES_PERCENT, out_of).then(|| Brake {
        kind: BrakeKind::AllTimesChanged,
        side,
        items: counts.only_times,
        earlier: None,
        out_of,
        examples: counts.times_examples.clone(),
    })
}

fn old_copy(side: Side, counts: &Counts) -> Option<Brake> {
    let is_old =
        counts.went_back >= WENT_BACK_FILES && counts.went_back * 100 >= WENT_BACK_PERCENT * counts.rewritten;
    is_old.then(|| Brake {
        kind: BrakeKind::OldCopy,
        side,
        items: counts.went_back,
        earlier: None,
        out_of: counts.rewritten,
        examples: counts.back_examples.clone(),
    })
}

/// The rules changed on this side, and items would go on the other that were left out until now. Where nobody knows how the
/// rules were, that may be any.
fn rules_changed(view: &View<'_>, plan: &Plan, side: Side) -> Option<Brake> {
    let circumstances = &view.side(side).circumstances;
    if !circumstances.are_rules_changed {
        return None;
    }
    let was_left_out = |operation: &Operation| {
        let Some(before) = &circumstances.rules_before else { return true };
        let state =
            view.row(operation.node).and_then(|row| view.item(row, operation.side)).map(|item| item.state);
        state.is_none_or(|state| {
            let facts = Facts { kind: state.kind, size_bytes: state.size_bytes, modified: state.modified };
            before.leaves_out(&operation.path, &facts)
        })
    };
    let removals = || {
        plan.operations.iter().filter(|operation| {
            operation.side == side.other()
                && operation.action == Action::Remove
                && operation.why != Why::MovedIn
                && was_left_out(operation)
        })
    };
    let items = removals().count() as u64;
    (items > 0).then(|| Brake {
        kind: BrakeKind::RulesChanged,
        side,
        items,
        earlier: None,
        out_of: view.base.len() as u64,
        examples: removals().take(BRAKE_EXAMPLES).map(|operation| operation.path.clone()).collect(),
    })
}

/// What is written does not fit. What is replaced goes to the bin, so it frees nothing.
fn no_space(view: &View<'_>, plan: &Plan, side: Side) -> Option<Brake> {
    let free_bytes = view.side(side).circumstances.free_bytes?;
    let written =
        || plan.operations.iter().filter(|operation| operation.side == side && operation.size_bytes > 0);
    let bytes: u64 = written().fold(0, |sum, operation| sum.saturating_add(operation.size_bytes));
    let needed = bytes.saturating_add(view.policy.brakes.reserve_bytes);
    (bytes > 0 && needed > free_bytes).then(|| {
        let mut largest: Vec<_> = written().collect();
        largest.sort_by(|one, two| (two.size_bytes, &one.path).cmp(&(one.size_bytes, &two.path)));
        Brake {
            kind: BrakeKind::NoSpace,
            side,
            items: needed,
            earlier: None,
            out_of: free_bytes,
            examples: largest.iter().take(BRAKE_EXAMPLES).map(|operation| operation.path.clone()).collect(),
        }
    })
}
