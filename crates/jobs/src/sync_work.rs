//! A run of a sync pair as a job: planned, held by brakes or for a look, carried out, told in a receipt.
//!
//! Invariants: nothing is changed while the job is planning; brakes and previews end the run with the plan held
//! (`syncs`), and the person's answer carries out that very plan; a plan that has to be made again because the process
//! ended is shown again unless it came out the same. Deliberately not here: how two places are compared (`sync`).

use std::sync::Arc;

use keepwell_model::{Control, Problem};
use keepwell_sync::bins::care::Thinned;
use keepwell_sync::plan::{Brake, Plan, Totals};
use keepwell_sync::policy::{self, BrakeKind};
use keepwell_sync::run_types::ActionKind;
use keepwell_sync::{Done, Limits, PairSpec, Prepared, Side, SyncError, SyncReport, Syncer};

use crate::bandwidth::Bandwidth;
use crate::clock::Clock;
use crate::merkle::MerkleTree;
use crate::outcome::{Choice, Ending, Fact, Fault, Halt, Outcome, Proposal, PulledBrake};
use crate::pairs::PairDefinition;
use crate::path_text;
use crate::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT, BinRemoval, Origin, SyncJob};
use crate::run::Running;
use crate::sync_words::{brake_means, brake_words};
use crate::syncs::{Seen, Syncs};
use crate::throttle::Ceiling;

/// The fact of items that changed under a run's hands.
pub(crate) const CHANGED_MEANWHILE: &str = "changedMeanwhile";
/// The fact of rows of a plan that a person left out.
pub(crate) const LEFT_BY_CHOICE: &str = "leftByChoice";
/// The fact of known files that changed and are left out until they are older.
pub(crate) const WAITS_FOR_AGE: &str = "waitsForAge";
/// The fact of items that were removed from the bins for good.
const REMOVED_FOR_GOOD: &str = "removedForGood";
/// The fact of conflicts that stay as they are.
pub(crate) const CONFLICTS: &str = "conflicts";
/// The fact of the changes a preview shows.
pub(crate) const PLANNED: &str = "rows";

/// Carries out one run.
pub(crate) fn sync(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    clock: &Arc<dyn Clock>,
    overall: &Arc<Ceiling>,
) -> Result<Ending, Fault> {
    let (record, definition) = syncs.definition(job.pair_id)?;
    let held = syncs.take(running.job_id, job.pair_id);
    if let Some(removal) = &job.remove {
        return remove_from_bin(running, job, syncs, removal);
    }
    if !job.carries_over() {
        return put_back(running, job, syncs, &definition);
    }
    let was_held = held.is_some();
    let planned = match held {
        Some(held) => {
            // They were met by the look, which is not done again.
            held.problems.problems.into_iter().for_each(|problem| running.control.problem(problem));
            Ok((held.syncer, held.prepared, held.seen))
        }
        None => {
            // Read before anything is looked at: whoever tells of the hub has changed it by then. Where only the folders
            // that changed are looked into, nobody knows whether the hub's change is among them.
            let seen = Seen(running.attachment.hints.is_none().then_some(record.hub.changes));
            plan(running, job, syncs).map(|(syncer, prepared)| (syncer, prepared, seen))
        }
    };
    let (mut syncer, prepared, seen) = match planned {
        Ok(planned) => planned,
        Err(Planning::Stopped) => return Ok(Ending::Cancelled(Outcome::default())),
        Err(Planning::Failed(fault)) => return Err(fault),
    };
    let prepared = answered(&syncer, prepared, job)?;
    if !prepared.plan().brakes.is_empty() {
        let halt = halt(&definition.pair, &prepared.plan().brakes);
        // Planned once more as it is, which writes its rows down: a person has to see what it is about.
        let prepared = syncer.release(&prepared, &[])?;
        hold(running, syncs, syncer, prepared, seen);
        return Ok(Ending::Halted(halt));
    }
    let confirmed = job.answer.confirmed.as_deref();
    let said_yes = || confirmed.is_some_and(|confirmed| was_held || confirmed == digest(prepared.plan()));
    if job.preview && !said_yes() {
        let proposal = proposal(&prepared);
        hold(running, syncs, syncer, prepared, seen);
        return Ok(Ending::Proposed(proposal));
    }

    running.desk.planned();
    let was_idle = prepared.plan().operations.is_empty();
    let was_partial = running.attachment.hints.is_some();
    let is_skip = |choice: &&policy::Choice| **choice == policy::Choice::Skip;
    let left_by_choice = prepared.policy().choices.values().filter(is_skip).count() as u64;
    let mut tree = MerkleTree::default();
    let limits = limits(definition.bandwidth.clone(), syncs, clock, overall, running.control);
    let mut done = |done: Done| tree.add(&leaf(&done));
    let applied = syncer.apply(&prepared, running.job_id, running.control, &limits, &mut done);
    // A run that was broken off may have changed it too.
    if applied.as_ref().map_or(true, |report| is_changed(&report.left)) {
        syncs.tell_hub(job.pair_id, &definition);
    }
    match applied {
        Ok(report) => {
            syncs.carried(job.pair_id, &definition, seen);
            if let Err(fault) = syncs.remember_volumes(&syncer) {
                tracing::warn!(%fault, "the volumes of the pair could not be noted");
            }
            let mut outcome = outcome(&definition.pair, &report, tree.root_text());
            outcome.facts.push(waits_for_age(&prepared));
            outcome.facts.push(Fact::count(LEFT_BY_CHOICE, "Left as they are, as you chose", left_by_choice));
            (outcome.was_idle, outcome.was_partial) = (was_idle, was_partial);
            if job.origin == Origin::Live {
                syncs.close(syncer);
            }
            Ok(Ending::Done(outcome))
        }
        Err(SyncError::Cancelled) => {
            Ok(Ending::Cancelled(Outcome { merkle_root: tree.root_text(), ..Outcome::default() }))
        }
        Err(error) => Err(error.into()),
    }
}

/// Holds a plan for a person, and tells what applying it would tell of what can not be done.
fn hold(running: &Running<'_>, syncs: &Syncs, syncer: Syncer, prepared: Prepared, seen: Seen) {
    let problems = running.control.problems();
    prepared.plan().problems.iter().for_each(|problem| running.control.problem(problem.clone()));
    syncs.hold(running.job_id, syncer, prepared, seen, problems);
}

/// Undoes one run (the pair is held since this was asked for), or brings single items back from the bins.
fn put_back(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    definition: &PairDefinition,
) -> Result<Ending, Fault> {
    let mut syncer = syncs.open_patiently(job.pair_id, running.control)?;
    running.desk.planned();
    let mut tree = MerkleTree::default();
    let (mut count, mut is_left_changed) = (0, false);
    let mut told = |done: &Done| {
        tree.add(&leaf(done));
        count += 1;
        is_left_changed |= done.side == Side::Left;
    };
    let ended = match job.undo {
        Some(run) => syncer.undo(run, running.job_id, running.control, &mut told),
        None => syncer.bring_back(&job.bring_back, running.job_id, running.control, &mut told),
    };
    if is_left_changed && job.undo.is_none() {
        syncs.tell_hub(job.pair_id, definition);
    }
    let label =
        if job.undo.is_some() { ("undone", "As before that run") } else { ("broughtBack", "Brought back") };
    // Also where it was stopped: so many are as they were.
    let outcome = |left_alone| Outcome {
        items: count,
        facts: vec![
            Fact::count(label.0, label.1, count),
            Fact::count("leftAlone", "Left as they are", left_alone),
        ],
        merkle_root: tree.root_text(),
        ..Outcome::default()
    };
    match ended {
        Ok(back) => Ok(Ending::Done(outcome(back.left_alone))),
        Err(SyncError::Cancelled) => Ok(Ending::Cancelled(outcome(running.control.problems().total))),
        Err(error) => Err(error.into()),
    }
}

/// Removes from the bins for good what a person said.
fn remove_from_bin(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    removal: &BinRemoval,
) -> Result<Ending, Fault> {
    let syncer = syncs.open_patiently(job.pair_id, running.control)?;
    running.desk.planned();
    let mut gone = Thinned::default();
    let ended = match removal {
        BinRemoval::Items(wishes) => syncer.remove_from_bin(wishes, running.control, &mut gone),
        BinRemoval::AllUntil(until_ms) => syncer.empty_bin(*until_ms, running.control, &mut gone),
    };
    // Also where it was stopped: so many are gone.
    let outcome = Outcome {
        items: gone.items,
        bytes: gone.bytes,
        facts: vec![
            Fact::count(REMOVED_FOR_GOOD, "Removed for good", gone.items),
            Fact::bytes("freedBytes", "Freed", gone.bytes),
        ],
        ..Outcome::default()
    };
    match ended {
        Ok(()) => Ok(Ending::Done(outcome)),
        Err(SyncError::Cancelled) => Ok(Ending::Cancelled(outcome)),
        Err(error) => Err(error.into()),
    }
}

fn is_changed(totals: &Totals) -> bool {
    totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata > 0
}

enum Planning {
    Stopped,
    Failed(Fault),
}

impl From<Fault> for Planning {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

impl From<SyncError> for Planning {
    fn from(error: SyncError) -> Self {
        match error {
            SyncError::Cancelled => Self::Stopped,
            error => Self::Failed(error.into()),
        }
    }
}

/// Opens the pair, looks at both sides, plans.
fn plan(running: &Running<'_>, job: &SyncJob, syncs: &Syncs) -> Result<(Syncer, Prepared), Planning> {
    let mut syncer = syncs.open_patiently(job.pair_id, running.control)?;
    for notice in syncer.notices() {
        running.control.problem(Problem::new(
            &job.name,
            "What both sides last agreed on was lost. They are compared by their content instead, and nothing is removed.",
            notice,
            "Look at both places: what was removed or renamed on one side since the run before may be back.",
        ));
    }
    if !syncer.knows_its_bins()? {
        syncer.find_in_bins(&syncs.whose_runs(job.pair_id)?, running.control)?;
    }
    let hints = running.attachment.hints.as_ref();
    let prepared = syncer.prepare(hints, job.preview, running.control)?;
    Ok((syncer, prepared))
}

/// The plan after a person's answer to its brakes.
fn answered(syncer: &Syncer, mut prepared: Prepared, job: &SyncJob) -> Result<Prepared, Fault> {
    if let Some(side) = job.answer.bring_back_from {
        prepared = syncer.bring_back_from(&prepared, side)?;
    }
    let is_pulled = |kind: &BrakeKind| prepared.plan().brakes.iter().any(|brake| brake.kind == *kind);
    let released: Vec<BrakeKind> = job.answer.release.iter().copied().filter(is_pulled).collect();
    if !released.is_empty() {
        prepared = syncer.release(&prepared, &released)?;
    }
    Ok(prepared)
}

/// The pair's own limit by the hours, and the one of all places, each paid for.
fn limits(
    bandwidth: Bandwidth,
    syncs: &Syncs,
    clock: &Arc<dyn Clock>,
    overall: &Arc<Ceiling>,
    run: &Arc<Control>,
) -> Limits {
    let own = Ceiling::default();
    own.attend(run);
    let (clock, overall, zone) = (Arc::clone(clock), Arc::clone(overall), syncs.zone().clone());
    Limits {
        pay: Some(Arc::new(move |bytes| {
            own.set(bandwidth.at(clock.now_ms(), &zone));
            own.pay(bytes);
            overall.pay(bytes);
        })),
    }
}

/// Tells a plan from any other: what is done to what, whatever the order in which both sides were looked at.
fn digest(plan: &Plan) -> String {
    let mut rows: Vec<[u8; 32]> = plan
        .operations
        .iter()
        .map(|operation| {
            let mut hasher = blake3::Hasher::new();
            let action = ActionKind::from(&operation.action);
            hasher.update(format!("{:?} {action:?} {:?} ", operation.side, operation.why).as_bytes());
            hasher.update(&operation.size_bytes.to_le_bytes());
            let source = Some(operation.source()).filter(|source| **source != operation.path);
            for path in [Some(&operation.path), operation.from(), source] {
                let bytes = path.map(keepwell_model::RelativePath::as_bytes).unwrap_or_default();
                hasher.update(&(bytes.len() as u64).to_le_bytes()).update(bytes);
            }
            *hasher.finalize().as_bytes()
        })
        .collect();
    rows.sort_unstable();
    let mut hasher = blake3::Hasher::new();
    for row in &rows {
        hasher.update(row);
    }
    hasher.finalize().to_hex().to_string()
}

/// A leaf of the receipt's tree: side, deed, content, and where.
fn leaf(done: &Done) -> Vec<u8> {
    let mut leaf =
        format!("{:?} {:?} {:?} {}\n", done.side, done.action, done.why, done.size_bytes).into_bytes();
    leaf.extend_from_slice(&done.hash.map_or([0; 32], |hash| hash.0));
    leaf.extend_from_slice(&(done.path.as_bytes().len() as u64).to_le_bytes());
    leaf.extend_from_slice(done.path.as_bytes());
    leaf.extend(done.other_path.iter().flat_map(|path| path.as_bytes()));
    leaf
}

/// What the person calls a side.
fn place_name(pair: &PairSpec, side: Side) -> String {
    let place = match side {
        Side::Left => &pair.left,
        Side::Right => &pair.right,
    };
    if place.label.is_empty() { place.address.clone() } else { place.label.clone() }
}

fn halt(pair: &PairSpec, brakes: &[Brake]) -> Halt {
    let named = |side| place_name(pair, side);
    let reasons: Vec<String> = brakes.iter().map(|brake| brake_words(brake, &named(brake.side))).collect();
    let means: Vec<String> =
        brakes.iter().filter_map(|brake| brake_means(brake.kind)).map(str::to_owned).collect();
    let pulled: Vec<PulledBrake> = brakes
        .iter()
        .map(|brake| PulledBrake {
            kind: brake.kind,
            side: brake.side,
            items: brake.items,
            out_of: brake.out_of,
            examples: brake.examples.iter().map(|path| path_text::display(path.as_bytes())).collect(),
            can_release: brake_means(brake.kind).is_some(),
            can_bring_back: can_bring_back(brake.kind),
        })
        .collect();
    let choices = Side::BOTH
        .into_iter()
        .filter(|from| pulled.iter().any(|brake| brake.can_bring_back && brake.side == from.other()))
        .map(|from| bring_back(&named(from), &named(from.other()), from))
        .collect();
    Halt {
        reason: format!("{} Nothing was changed.", reasons.join(" ")),
        if_continued: means.join(" "),
        choices,
        brakes: pulled,
    }
}

/// Whether the side that looks wrong can be filled again from the other: not where there is nothing to fill.
fn can_bring_back(kind: BrakeKind) -> bool {
    !matches!(kind, BrakeKind::RootGone | BrakeKind::AnotherPlace | BrakeKind::NoSpace)
}

fn bring_back(from: &str, to: &str, side: Side) -> Choice {
    let key = match side {
        Side::Left => BRING_BACK_FROM_LEFT,
        Side::Right => BRING_BACK_FROM_RIGHT,
    };
    Choice {
        key: key.to_owned(),
        label: format!("Bring back from {from}"),
        means: format!("{to} becomes like {from} again. What is different in {to} goes to its bin."),
    }
}

fn proposal(prepared: &Prepared) -> Proposal {
    let plan = prepared.plan();
    let rows = plan.changes() as u64;
    let mut facts = vec![Fact::count(PLANNED, "Changes", rows)];
    facts.extend(totals_facts(&plan.left, &plan.right));
    facts.push(Fact::count(CONFLICTS, "Conflicts that stay as they are", plan.conflicts.len() as u64));
    facts.push(waits_for_age(prepared));
    let summary = match rows {
        0 => "There is nothing to do.".to_owned(),
        1 => "One change waits for your word.".to_owned(),
        rows => format!("{rows} changes wait for your word."),
    };
    Proposal { summary, facts, digest: digest(plan) }
}

fn waits_for_age(prepared: &Prepared) -> Fact {
    let label = "Changed lately, left out until they are older";
    Fact::count(WAITS_FOR_AGE, label, prepared.waits_for_age())
}

fn totals_facts(left: &Totals, right: &Totals) -> Vec<Fact> {
    let both = |of: fn(&Totals) -> u64| of(left) + of(right);
    vec![
        Fact::count("created", "New", both(|totals| totals.created)),
        Fact::count("replaced", "Replaced", both(|totals| totals.replaced)),
        Fact::count("moved", "Moved or renamed", both(|totals| totals.moved)),
        Fact::count("removed", "Put into the bin", both(|totals| totals.removed)),
        Fact::count("metadataSet", "Rights or times set", both(|totals| totals.metadata)),
        Fact::bytes("leftBytes", "Copied to the left", left.bytes),
        Fact::bytes("rightBytes", "Copied to the right", right.bytes),
    ]
}

fn outcome(pair: &PairSpec, report: &SyncReport, merkle_root: String) -> Outcome {
    let mut facts = totals_facts(&report.left, &report.right);
    facts.extend([
        Fact::count(CONFLICTS, "Conflicts that wait for you", report.conflicts),
        Fact::count(CHANGED_MEANWHILE, "Changed meanwhile, left for the next run", report.changed_meanwhile),
        Fact::count("failed", "Could not be done", report.failed),
        Fact::bytes("sparedBytes", "Did not have to travel", report.spared_bytes),
    ]);
    tracing::debug!(pair = %pair.id, agreed = report.agreed, "the run of the pair is done");
    let sum = |of: fn(&Totals) -> u64| of(&report.left) + of(&report.right);
    Outcome {
        items: sum(|totals| {
            totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata
        }),
        bytes: sum(|totals| totals.bytes),
        bytes_written: sum(|totals| totals.bytes),
        facts,
        merkle_root,
        ..Outcome::default()
    }
}
