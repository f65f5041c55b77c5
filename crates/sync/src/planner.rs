//! From three trees and a policy to a plan. Pure: the same trees and policy always make the same plan.
//!
//! 1. Gather the nodes that differ from the base anywhere (`planner_view`); make one of what is new on both sides
//!    under one name (`planner_pairs`).
//! 2. Decide each node by itself (`planner_decide`): is it there, where, whose content counts; or hold it.
//! 3. Make the decisions fit together (`planner_settle`, `planner_names`).
//! 4. Find an order of steps on each side that is possible at every moment (`planner_order`), write the rows
//!    (`planner_rows`), look at the whole (`brakes`).
//!
//! The cost goes with what changed and the folders that is in, not with the size of the trees. Invariants: the numbered
//! ones in `docs/sync.md`. Deliberately not here: which of a side's new items are moved ones (`moves`).

use crate::brakes;
use crate::node::Side;
use crate::plan::Plan;
use crate::planner_decide::{Conflicts, decide};
use crate::planner_names::Taken;
use crate::planner_pairs::unite;
use crate::planner_rows::write;
use crate::planner_settle::settle;
use crate::planner_view::{View, implied};
use crate::policy::{Mode, Policy};
use crate::trees::{BaseTree, SideTree};

/// How the names of items begin that are on the way: two that swap their names, a folder that has to wait. A run that is
/// broken off in between leaves such a name; the next plan puts it right by the item's id.
pub const STEP_PREFIX: &[u8] = b".keepwell-step-";

/// Plans a run.
#[must_use]
pub fn plan(base: &BaseTree, left: &SideTree, right: &SideTree, policy: &Policy) -> Plan {
    let implied_left = implied(base, left, Side::Left);
    let implied_right = implied(base, right, Side::Right);
    let everything = policy.mode == Mode::MoveIn && policy.bring_back_from.is_none();
    let mut view = View::new(base, left, right, policy, [&implied_left, &implied_right], everything);
    unite(&mut view);
    view.learn_blindness();
    let conflicts = Conflicts::new(&view);
    let mut taken = Taken::default();
    decide(&mut view, &mut taken, &conflicts);
    settle(&mut view, &mut taken, &conflicts);
    let mut plan = write(&view);
    plan.conflicts = std::mem::take(&mut view.conflicts);
    plan.conflicts.sort_by(|one, two| one.path.cmp(&two.path).then(one.node.cmp(&two.node)));
    plan.problems = std::mem::take(&mut view.problems);
    plan.brakes = brakes::brakes(&view, &plan);
    plan
}
