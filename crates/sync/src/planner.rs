//! From three trees and a policy to a plan. Pure: the same trees and policy always make the same plan.
//!
//! 1. Gather the nodes that differ from the base anywhere (`planner::view`); make one of what is new on both sides
//!    under one name (`planner::pairs`).
//! 2. Decide each node by itself (`planner::decide`): is it there, where, whose content counts; or hold it.
//! 3. Make the decisions fit together (`planner::settle`, `planner::names`).
//! 4. Find an order of steps on each side that is possible at every moment (`planner::order`), write the rows
//!    (`planner::rows`), look at the whole (`planner::brakes`).
//!
//! The cost goes with what changed and the folders that is in, not with the size of the trees. Invariants: the numbered
//! ones in `docs/sync.md`. What a side moved (`planner::moves`), and what a run that was
//! broken off had brought (`planner::meet`), is known before, and stands in the trees. Deliberately not here: looking
//! and reading (`scan`, `run`), carrying out (`execute`).

mod brakes;
mod decide;
pub mod meet;
mod moved;
pub mod moves;
mod names;
mod order;
mod pairs;
mod rows;
mod settle;
mod telling;
mod view;
mod way;

pub(crate) use self::decide::differ;
use self::decide::{Conflicts, decide};
use self::moved::folders_of_moves_that_wait;
use self::names::{Taken, off_the_way};
use self::pairs::unite;
use self::rows::write;
use self::settle::settle;
use self::view::{View, implied};
use crate::node::Side;
use crate::plan::Plan;
use crate::policy::{Mode, Policy};
use crate::trees::{BaseTree, SideTree};

/// Plans a run.
#[must_use]
pub fn plan(base: &BaseTree, left: &SideTree, right: &SideTree, policy: &Policy) -> Plan {
    let implied_left = implied(base, left, Side::Left);
    let implied_right = implied(base, right, Side::Right);
    let everything = policy.mode == Mode::MoveIn && policy.bring_back.is_none();
    let mut view = View::new(base, left, right, policy, [&implied_left, &implied_right], everything);
    unite(&mut view);
    view.learn_blindness();
    let conflicts = Conflicts::new(&view);
    let mut taken = Taken::default();
    decide(&mut view, &mut taken, &conflicts);
    if policy.mode == Mode::TwoWay && policy.makes_like().is_none() {
        off_the_way(&mut view, &mut taken);
    }
    settle(&mut view, &mut taken, &conflicts);
    let mut plan = write(&view);
    plan.moved_folders = folders_of_moves_that_wait(&view);
    plan.conflicts = std::mem::take(&mut view.conflicts);
    plan.conflicts.sort_by(|one, two| one.path.cmp(&two.path).then(one.node.cmp(&two.node)));
    plan.problems = std::mem::take(&mut view.problems);
    plan.owed = std::mem::take(&mut view.owed);
    plan.owed_new = std::mem::take(&mut view.owed_new);
    plan.brakes = brakes::brakes(&view, &plan);
    plan
}
