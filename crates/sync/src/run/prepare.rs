//! The steps of a run one after the other: look, read, plan; and apply.
//!
//! Invariants: a side whose identity changed between the beginning and the end of the look is not planned with; places
//! that something was agreed on with are the pair's until a person says otherwise; what a person chose for a conflict is
//! in every plan until it is applied or the conflict is another one; where hints say where to look and a conflict is over,
//! everything is looked at. Deliberately not here: each of the steps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use keepwell_endpoint::tree::{PlaceIdentity, Tree};
use keepwell_model::{Control, EntryKind, JobId, Phase, Problem};
use parking_lot::{Mutex, RwLock};

use super::hash::{path_now, read_all, to_read};
use super::look::{Look, look_at_both};
use super::{Syncer, choose};
use crate::database::texts::{RUN_LIMIT_FILES, TEXTS_LIMIT_BYTES};
use crate::error::SyncError;
use crate::execute::Execution;
use crate::execute::bin::settle;
use crate::execute::filled::Ahead;
use crate::execute::item::Tools;
use crate::execute::open::{Opened, left_open};
use crate::execute::times::TimePolicy;
use crate::execute::view::View;
use crate::filter::Filter;
use crate::node::{NodeId, Side};
use crate::pair::shown;
use crate::place::made_folders::MadeFolders;
use crate::place::marker;
use crate::place::relocate::put_together;
use crate::plan::Plan;
use crate::planner;
use crate::planner::meet::meet;
use crate::planner::moves::{self, Demand};
use crate::policy::{BringBack, Mode, Policy};
use crate::run_types::{Done, Hints, Limits, Prepared, RunState, SyncReport};
use crate::scan::concerns_place;
use crate::trees::{LeftOut, SideTree};

/// Files that are named beside the first where several are left out by size or age.
const LEFT_OUT_SHOWN: usize = 4;

/// See [`Syncer::prepare`].
pub(super) fn prepare(
    syncer: &mut Syncer,
    hints: Option<&Hints>,
    preview: bool,
    control: &Control,
) -> Result<Prepared, SyncError> {
    control.restart_counters(Phase::Scanning);
    let owed = syncer.database().owed()?;
    // Where it is, no hint says: nothing has to have changed there since.
    let hints = hints.filter(|_| owed.is_empty());
    // First: the base may forget something by it.
    settle(syncer.database(), |side| &**syncer.tree(side), control)?;
    put_together(syncer.database(), |side| &**syncer.tree(side), |_| false, control)?;
    syncer.ensure_base()?;
    let before = identities(syncer)?;
    let Look { mut left, mut right, rules } = look_at_both(syncer, hints, control)?;
    if identities(syncer)? != before {
        let side = if syncer.tree(Side::Left).identity().ok().as_ref() == Some(&before[0]) {
            Side::Right
        } else {
            Side::Left
        };
        return Err(SyncError::AnotherPlace { side });
    }
    let waits_for_age = tell_left_out(syncer, [&left, &right], control);
    let (are_rules_changed, rules_before) = rules_before(syncer, &rules)?;
    let now_ms = syncer.now().to_milliseconds();
    for (side, tree) in [(Side::Left, &mut left), (Side::Right, &mut right)] {
        let known = syncer.database().identity(side)?;
        let is_known = |known| marker::is_known(&**syncer.tree(side), &known).map_err(SyncError::place(side));
        let is_another = !known.map(is_known).transpose()?.unwrap_or(true);
        let facts = &mut tree.circumstances;
        // Also where all that was agreed on is gone since: what was put into its bin is still on that place.
        facts.is_another_place |= is_another;
        facts.are_rules_changed |= !syncer.base().is_empty() && are_rules_changed;
        facts.rules_before.clone_from(&rules_before);
        facts.recent = syncer.database().recent(side, now_ms)?;
        if facts.free_bytes.is_none() {
            facts.free_bytes = syncer.tree(side).free_bytes().map_err(SyncError::place(side))?;
        }
    }
    let may_be_unfinished = syncer.take_unfinished();
    for (side, seen) in [(Side::Left, &left), (Side::Right, &right)] {
        if may_be_unfinished[usize::from(side == Side::Right)] {
            clear_unfinished(syncer, seen, side, control)?;
        }
    }
    read_what_counts(syncer, &mut left, &mut right, control)?;
    let mut left = moves::resolve(syncer.base(), left, Side::Left);
    let mut right = moves::resolve(syncer.base(), right, Side::Right);
    meet(syncer.base(), &mut left, &mut right, |demands, left, right| {
        read_demanded(syncer, demands, left, right, control)
    })?;
    // Now that more items are known to be one, more may have to be compared.
    read_what_counts(syncer, &mut left, &mut right, control)?;
    control.checkpoint()?;
    let policy = Policy { owed: Arc::new(owed), ..syncer.pair().policy(&syncer.today()) };
    let mut prepared = Prepared {
        plan: Arc::new(planner::plan(syncer.base(), &left, &right, &policy)),
        left: Arc::new(left),
        right: Arc::new(right),
        policy,
        generation: syncer.database().generation()?,
        identities: before,
        rules,
        waits_for_age,
        decided: Arc::default(),
        turned: Arc::default(),
    };
    if hints.is_some() && is_one_over(syncer, &prepared.plan)? {
        return prepare(syncer, None, preview, control);
    }
    if syncer.only_looks {
        store(syncer, &prepared, preview)?;
        return Ok(prepared);
    }
    // A place that a brake speaks of may not be what it looks like.
    if prepared.plan.brakes.is_empty() {
        syncer.database().owe_no_more(&settled_otherwise(syncer, &prepared))?;
        // What can not be looked at now may be as it was.
        if Side::BOTH.iter().all(|side| prepared.side(*side).blind.is_empty()) {
            let before = prepared.policy.owed.new_ones();
            syncer.database().owe_no_more_new(before.difference(&prepared.plan.owed_new))?;
        }
    }
    syncer.database().set_conflicts(&prepared.plan.conflicts)?;
    syncer.database().set_moved_folders(&prepared.plan.moved_folders)?;
    let choices = stored_choices(syncer, &prepared)?;
    if choices.is_empty() {
        store(syncer, &prepared, preview)?;
        return Ok(prepared);
    }
    prepared.decided = Arc::new(choices.clone());
    prepared.policy.choices = choices;
    let policy = prepared.policy.clone();
    prepared = planned_again(syncer, &prepared, policy);
    store(syncer, &prepared, preview)?;
    Ok(prepared)
}

/// What was to come back and needs not any more: it is there again, or the other side has not got it any more either; or,
/// of what was to become alike, neither side differs from what both agreed on.
fn settled_otherwise(syncer: &Syncer, prepared: &Prepared) -> Vec<NodeId> {
    let is_there = |side, node| choose::is_there(syncer.base(), prepared, side, node);
    let is_changed = |side, node| {
        let changes = &prepared.side(side).changes;
        changes.here(node).is_some() || changes.place(node).is_some() || !is_there(side, node)
    };
    let is_unseen = |node| {
        let mut above = syncer.base().up_from(node);
        let blind = Side::BOTH.map(|side| &prepared.side(side).blind);
        blind.iter().any(|blind| !blind.is_empty())
            && above.any(|folder| blind.iter().any(|blind| blind.contains(&folder)))
    };
    let is_owed = |node, back| match back {
        // What can not be looked at now may be as it was.
        _ if is_unseen(node) => true,
        BringBack::Gone(from) => is_there(from, node) && !is_there(from.other(), node),
        BringBack::Everything(_) | BringBack::Filling(_) => {
            Side::BOTH.into_iter().any(|side| is_changed(side, node))
        }
    };
    let settled = prepared.policy.owed.iter().filter(|promise| !is_owed(promise.node, promise.back));
    settled.map(|promise| promise.node).collect()
}

/// Whether the rules changed since something was agreed on, and how they were then; nothing where an older Keepwell kept
/// only their digest.
fn rules_before(syncer: &Syncer, now: &Filter) -> Result<(bool, Option<Arc<Filter>>), SyncError> {
    let Some((digest, kept)) = syncer.database().rules()?.filter(|(digest, _)| *digest != now.digest())
    else {
        return Ok((false, None));
    };
    let before = kept.and_then(|kept| Filter::of_kept(&kept, digest, syncer.now()));
    Ok((true, before.map(Arc::new)))
}

/// Tells of files both sides agreed on that are other ones now, or gone, and are left out by their size or age: one
/// place keeps what it had, and nobody would know. How many of them only wait until they are older.
fn tell_left_out(syncer: &Syncer, sides: [&SideTree; 2], control: &Control) -> u64 {
    let [left, right] = sides.map(|side| &side.circumstances.left_out);
    let is_gone = |side: &BTreeMap<NodeId, LeftOut>, id| side.get(id).is_some_and(|found| found.is_gone);
    let mut waits = BTreeSet::new();
    let mut told: BTreeMap<NodeId, Side> = BTreeMap::new();
    for (side, found) in [(Side::Left, left), (Side::Right, right)] {
        for (id, left_out) in found {
            match left_out.is_for_now {
                // What is gone in both places differs in neither.
                _ if is_gone(left, id) && is_gone(right, id) => {}
                true => drop(waits.insert(*id)),
                false => drop(told.entry(*id).or_insert(side)),
            }
        }
    }
    let mut paths = told.iter().filter_map(|(id, side)| {
        Some(shown(syncer.pair().side_name(*side), &syncer.base().path_on(*side, *id)?))
    });
    if let Some(first) = paths.next() {
        let examples: Vec<String> = paths.take(LEFT_OUT_SHOWN).collect();
        let (which, why) = match told.len() - 1 {
            0 => ("This file was".to_owned(), String::new()),
            1 => ("This file and another one were".to_owned(), format!("Also {}.", examples.join(", "))),
            more => (format!("This file and {more} others were"), format!("Also {}.", examples.join(", "))),
        };
        control.problem(Problem::new(
            first,
            format!(
                "{which} changed or removed, but left out by size or age: the other place keeps what it had."
            ),
            why,
            "Raise the limit of size or age, or leave such files out by a pattern to say that it is meant.",
        ));
    }
    waits.len() as u64
}

/// Whether a conflict that waited is none any more. What hung on it may be anywhere; and so may a version of it that the
/// run before moved with its folder, which is not to be taken for removed.
fn is_one_over(syncer: &Syncer, plan: &Plan) -> Result<bool, SyncError> {
    let mut waits: HashMap<_, u64> = HashMap::new();
    for conflict in &plan.conflicts {
        *waits.entry((&conflict.path, conflict.kind)).or_default() += 1;
    }
    for stored in &syncer.database().conflicts()? {
        match waits.get_mut(&(&stored.conflict.path, stored.conflict.kind)) {
            Some(left) if *left > 0 => *left -= 1,
            _ => return Ok(true),
        }
    }
    Ok(false)
}

/// See [`Syncer::choose`] and the others that plan again.
pub(super) fn again(syncer: &Syncer, prepared: &Prepared, policy: Policy) -> Result<Prepared, SyncError> {
    let prepared = planned_again(syncer, prepared, policy);
    store(syncer, &prepared, true)?;
    Ok(prepared)
}

fn planned_again(syncer: &Syncer, prepared: &Prepared, policy: Policy) -> Prepared {
    let plan = planner::plan(syncer.base(), &prepared.left, &prepared.right, &policy);
    Prepared { plan: Arc::new(plan), policy, ..prepared.clone() }
}

fn store(syncer: &Syncer, prepared: &Prepared, preview: bool) -> Result<(), SyncError> {
    if preview { syncer.database().store_plan(&prepared.plan, &prepared.policy) } else { Ok(()) }
}

/// What a person said to conflicts of this plan in an earlier run's list.
fn stored_choices(
    syncer: &Syncer,
    prepared: &Prepared,
) -> Result<BTreeMap<NodeId, crate::policy::Choice>, SyncError> {
    if prepared.plan.conflicts.is_empty() {
        return Ok(BTreeMap::new());
    }
    let on_right = prepared.plan.conflicts.iter().map(|found| (found.node, found.right_node));
    let on_right: BTreeMap<NodeId, NodeId> = on_right.collect();
    let mut choices = BTreeMap::new();
    for stored in syncer.database().conflicts()? {
        let (node, Some(choice)) = (stored.conflict.node, stored.choice) else { continue };
        choices.insert(node, choice);
        // Of two items that want one name both go as it says, with what is in them.
        if let Some(right) = on_right.get(&node) {
            choices.insert(*right, choice);
        }
    }
    Ok(choices)
}

/// Removes what a run that was killed left unfinished, in every folder that is there. What can not be removed now stays
/// invisible, and goes another time.
fn clear_unfinished(
    syncer: &Syncer,
    seen: &SideTree,
    side: Side,
    control: &Control,
) -> Result<(), SyncError> {
    let base = syncer.base();
    let known = base.iter().filter(|(_, entry)| entry.state.kind == EntryKind::Folder).map(|(id, _)| id);
    let fresh = seen.changes.all_here();
    let fresh = fresh.filter(|(id, seen)| id.is_fresh() && seen.state.kind == EntryKind::Folder);
    let fresh = fresh.map(|(id, _)| id);
    for folder in [NodeId::ROOT].into_iter().chain(known).chain(fresh) {
        control.checkpoint()?;
        let Some(path) = path_now(base, seen, side, folder) else { continue };
        if let Err(error) = syncer.tree(side).clear_unfinished(&path) {
            tracing::debug!(%path, %error, "unfinished files stay for now");
        }
    }
    Ok(())
}

fn identities(syncer: &Syncer) -> Result<[PlaceIdentity; 2], SyncError> {
    let of = |side: Side| syncer.tree(side).identity().map_err(SyncError::place(side));
    Ok([of(Side::Left)?, of(Side::Right)?])
}

/// How many threads do both places good: two folders here share the processor, a place far away is mostly waited for.
pub(super) fn workers(left: &dyn Tree, right: &dyn Tree) -> usize {
    let [one, two] = [left, right].map(|tree| tree.capabilities().parallel);
    let are_here = left.local_root().is_some() && right.local_root().is_some();
    let parallel = if are_here { one.min(two) } else { one.max(two) };
    usize::try_from(parallel).unwrap_or(1).clamp(1, 64)
}

fn read_what_counts(
    syncer: &Syncer,
    left: &mut SideTree,
    right: &mut SideTree,
    control: &Control,
) -> Result<(), SyncError> {
    let demands = moves::demands(syncer.base(), left, right);
    read_demanded(syncer, &demands, left, right, control)
}

fn read_demanded(
    syncer: &Syncer,
    demands: &[Demand],
    left: &mut SideTree,
    right: &mut SideTree,
    control: &Control,
) -> Result<(), SyncError> {
    let on = |side: Side| -> Vec<NodeId> {
        demands.iter().filter(|demand| demand.side == side).map(|demand| demand.node).collect()
    };
    let mut files = to_read(syncer.base(), left, Side::Left, &on(Side::Left));
    files.extend(to_read(syncer.base(), right, Side::Right, &on(Side::Right)));
    if files.is_empty() {
        return Ok(());
    }
    let trees = [&**syncer.tree(Side::Left), &**syncer.tree(Side::Right)];
    let places = Side::BOTH.map(|side| syncer.pair().side_name(side));
    read_all(&files, trees, [left, right], places, workers(trees[0], trees[1]), control)
}

/// See [`Syncer::apply`].
pub(super) fn apply(
    syncer: &mut Syncer,
    prepared: &Prepared,
    run: JobId,
    control: &Control,
    limits: &Limits,
    done: &mut (dyn FnMut(Done) + Send),
) -> Result<SyncReport, SyncError> {
    let plan = &prepared.plan;
    plan.problems.iter().for_each(|problem| control.problem(problem.clone()));
    // What only a folder's time tells is no run of its own.
    let is_silent = plan.operations.is_empty() && plan.agreements.is_empty();
    let conflicts = plan.conflicts.len() as u64;
    let still_open = prepared.still_open();
    remember_places(syncer, prepared, run, is_silent)?;
    syncer.database().lost_was_told()?;
    syncer.database().owe(&plan.owed, &plan.owed_new)?;
    if prepared.policy.bring_back.is_some() {
        // Those of the plan without that answer were written down when it was made.
        syncer.database().set_conflicts(&plan.conflicts)?;
        syncer.database().set_moved_folders(&plan.moved_folders)?;
    }
    if is_silent && prepared.left.folder_times.is_empty() && prepared.right.folder_times.is_empty() {
        return Ok(SyncReport { conflicts, still_open, ..SyncReport::default() });
    }
    let next_id = syncer.database().next_id()?;
    // Only where both sides may change something does a conflict come that they are merged for.
    let keeps_texts = syncer.pair().mode == Mode::TwoWay && plan.operations.len() <= RUN_LIMIT_FILES;
    let last = syncer.database().runs(0, 1)?;
    let now_ms = syncer.now().to_milliseconds();
    let policy = &prepared.policy;
    syncer.database().answered(policy.answers_removals(), policy.answers_rewriting(), now_ms)?;
    let after_death = last.iter().any(|run| matches!(run.state, RunState::Failed | RunState::Running));
    if !is_silent {
        syncer.database().begin_run(run, now_ms)?;
    }
    let first_line = syncer.database().next_journal_line(run)?;
    let coming = usize::try_from(plan.left.created + plan.right.created).unwrap_or(0) + plan.agreements.len();
    let mut base = syncer.take_base();
    base.reserve(coming);
    let base = RwLock::new(base);
    let (mut report, result) = {
        let (left, right) = (&**syncer.tree(Side::Left), &**syncer.tree(Side::Right));
        let keeps_times = [left, right].iter().all(|tree| tree.capabilities().times);
        let execution = Execution {
            plan,
            ahead: Ahead::of(plan),
            database: syncer.database(),
            base: &base,
            run,
            now_ms,
            tools: Tools {
                left,
                right,
                bins: [MadeFolders::default(), MadeFolders::default()],
                database: syncer.database(),
                attributes: syncer.pair().attributes,
                links: syncer.pair().links,
                places: Side::BOTH.map(|side| syncer.pair().side_name(side)),
                control,
                limits,
                texts_left: AtomicU64::new(if keeps_texts { TEXTS_LIMIT_BYTES } else { 0 }),
            },
            identities: prepared.identities.clone(),
            workers: workers(left, right),
            times: TimePolicy::of(&prepared.policy, after_death),
            first_line,
            opened: Mutex::new(if keeps_times { left_open(plan, &base.read()) } else { Opened::new() }),
        };
        execution.run(View::new(plan, &prepared.left, &prepared.right, &base, next_id), done)
    };
    (report.conflicts, report.still_open) = (conflicts, still_open);
    if result.is_ok() {
        syncer.give_base(base.into_inner())?;
    }
    if is_silent {
        return result.map(|()| report);
    }
    let settled = settle(syncer.database(), |side| &**syncer.tree(side), control);
    let state = match &result {
        Ok(()) => RunState::Done,
        Err(SyncError::Cancelled) => RunState::Stopped,
        Err(_) => RunState::Failed,
    };
    syncer.database().end_run(run, state, &report, syncer.now().to_milliseconds())?;
    result?;
    settled?;
    if report.failed + report.changed_meanwhile + report.conflicts == 0 {
        let owed = policy.owed.iter().chain(&plan.owed);
        let alike = owed.filter(|promise| !matches!(promise.back, BringBack::Gone(_)));
        syncer.database().owe_no_more(&alike.map(|promise| promise.node).collect::<Vec<_>>())?;
    }
    let decided: Vec<NodeId> = prepared.policy.choices.keys().copied().collect();
    syncer.database().forget_decided(&decided)?;
    syncer.database().clear_plan()?;
    syncer.thin_bin_if_due(control)?;
    Ok(report)
}

/// Whether the mode ever changes anything on a side.
fn is_written(syncer: &Syncer, side: Side) -> bool {
    side == Side::Right || matches!(syncer.pair().mode, Mode::TwoWay | Mode::MoveIn)
}

/// From now on these are the places, and these the rules, of what is agreed on. While that is nothing, any place will do.
fn remember_places(
    syncer: &Syncer,
    prepared: &Prepared,
    run: JobId,
    is_silent: bool,
) -> Result<(), SyncError> {
    let is_nothing_agreed = is_silent && syncer.base().is_empty();
    for side in Side::BOTH {
        if is_nothing_agreed && syncer.database().identity(side)?.is_none() {
            continue;
        }
        let tree = &**syncer.tree(side);
        let marked = marker::mark(tree, syncer.pair().id, side, run);
        let marked = match marked {
            // Where nothing is ever written nothing has to be: it is known as well as it goes without.
            Err(error) if !is_written(syncer, side) && !concerns_place(&error) => Ok(()),
            marked => marked,
        };
        let now = marked.and_then(|()| marker::identity(tree)).map_err(SyncError::place(side))?;
        // Asked last: what was read just now is of the place that was looked at, or is not written down.
        let asked = tree.identity().map_err(SyncError::place(side))?;
        if asked != prepared.identities[usize::from(side == Side::Right)] {
            return Err(SyncError::AnotherPlace { side });
        }
        if syncer.database().identity(side)?.as_ref() != Some(&now) {
            syncer.database().set_identity(side, &now)?;
        }
    }
    let digest = prepared.rules.digest();
    let is_kept = |(kept, written): (_, Option<_>)| kept == digest && written.is_some();
    if !syncer.database().rules()?.is_some_and(is_kept) {
        syncer.database().set_rules(&digest, &prepared.rules.to_kept())?;
    }
    Ok(())
}
