//! `keepwell sync run LEFT RIGHT`, or `keepwell sync run NAME`

use std::collections::BTreeSet;

use keepwell_api::dto::job::{Job, JobState};
use keepwell_api::dto::sync::{SyncPair, SyncPairGet, SyncRun as Request, SyncSide};
use keepwell_api::dto::sync_plan::{SyncApply, SyncBrake, SyncBrakeKind};
use keepwell_api::{ApiError, Commands, Count};

use super::{sync_add, sync_hub, sync_preview};
use crate::arguments_sync::{Brake, Side, SyncRun};
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, told, took, watch};
use crate::output::{self, number, size};

pub fn run(context: &Context, arguments: SyncRun) -> Result<Ending, ApiError> {
    if arguments.right.is_none()
        && let Some(hub) = sync_hub::find(context, &arguments.left.to_string_lossy())?
    {
        return sync_hub::run(context, &hub, &arguments);
    }
    let pair = sync_add::meant(context, &arguments.left, arguments.right.as_deref(), &arguments.rules)?;
    run_pair(context, &pair, &arguments)
}

/// Runs one pair, as it is.
pub fn run_pair(context: &Context, pair: &SyncPair, arguments: &SyncRun) -> Result<Ending, ApiError> {
    context.give_access(pair)?;
    let started = context.api.sync_run(Request { pair_id: pair.id.clone(), preview: arguments.preview })?;
    let mut job = watch(context, &started.job_id)?;
    if job.state == JobState::Halted {
        job = answered(context, pair, job, arguments)?;
    }
    if job.state == JobState::WaitingForConfirmation {
        return sync_preview::run(context, pair, &job.id);
    }
    let (job, ending) = told(context, job)?;
    if ending == Ending::Halted {
        what_next(context, pair, &job)?;
    } else if !context.json {
        print(pair, &job);
    }
    Ok(ending_of(&job, ending))
}

/// Conflicts that wait are no success either.
pub fn ending_of(job: &Job, ending: Ending) -> Ending {
    match ending {
        Ending::Done if fact(job, "conflicts") > Count(0) => Ending::Problems,
        other => other,
    }
}

fn halted_by(context: &Context, pair: &SyncPair) -> Result<Vec<SyncBrake>, ApiError> {
    Ok(context.api.sync_pair(SyncPairGet { pair_id: pair.id.clone() })?.halted_by)
}

/// Goes on from a brake where the arguments say how.
fn answered(context: &Context, pair: &SyncPair, job: Job, arguments: &SyncRun) -> Result<Job, ApiError> {
    let brakes = halted_by(context, pair)?;
    let released: Vec<SyncBrakeKind> = arguments.release_brake.iter().map(|brake| kind(*brake)).collect();
    let is_answered = |brake: &SyncBrake| released.contains(&brake.kind);
    let bring_back = arguments.bring_back_from.map(|from| match from {
        Side::Left => SyncSide::Right,
        Side::Right => SyncSide::Left,
    });
    let is_said = match bring_back {
        Some(side) => {
            brakes.iter().any(|brake| brake.side == side && brake.can_bring_back)
                && brakes.iter().filter(|brake| is_another(brake, side)).all(is_answered)
        }
        None => !released.is_empty() && brakes.iter().all(is_answered),
    };
    if !is_said {
        return Ok(job);
    }
    context.api.sync_apply(SyncApply { job_id: job.id.clone(), release: Some(released), bring_back })?;
    watch(context, &job.id)
}

/// Whether another place sits where this side was.
fn is_another(brake: &SyncBrake, side: SyncSide) -> bool {
    brake.side == side && brake.kind == SyncBrakeKind::AnotherPlace
}

/// After a halt: what was seen in single items, and the commands that go on.
fn what_next(context: &Context, pair: &SyncPair, job: &Job) -> Result<(), ApiError> {
    let brakes = halted_by(context, pair)?;
    let mut examples: Vec<&String> = Vec::new();
    for brake in &brakes {
        let what = if brake.kind == SyncBrakeKind::AnotherPlace {
            "there now, for instance"
        } else {
            "for instance"
        };
        for example in &brake.examples {
            if !examples.contains(&example) {
                output::note(format!("    {what} {example}"));
                examples.push(example);
            }
        }
    }
    output::note("  What you can do next:");
    let run = format!("keepwell sync run \"{}\"", pair.name);
    for choice in job.halt.iter().flat_map(|halt| &halt.choices) {
        let (from, side) = match choice.key.as_str() {
            "bringBackFromLeft" => ("left", SyncSide::Right),
            _ => ("right", SyncSide::Left),
        };
        let is_another = brakes.iter().any(|brake| is_another(brake, side));
        let also = if is_another { " --release-brake another-place" } else { "" };
        output::note(format!("    {}. {}", choice.label, choice.means));
        output::note(format!("      {run} --bring-back-from {from}{also}"));
    }
    if !brakes.is_empty() && brakes.iter().all(|brake| brake.can_release) {
        let kinds: BTreeSet<&str> = brakes.iter().map(|brake| word(brake.kind)).collect();
        let words: String = kinds.into_iter().map(|kind| format!(" --release-brake {kind}")).collect();
        output::note("    Go on anyway, as said above.");
        output::note(format!("      {run}{words}"));
    }
    // Of a folder that is gone there is nothing to look at.
    if !brakes.iter().any(|brake| brake.kind == SyncBrakeKind::RootGone) {
        output::note("    Look at what would happen.");
        output::note(format!("      {run} --preview"));
    }
    Ok(())
}

fn kind(brake: Brake) -> SyncBrakeKind {
    match brake {
        Brake::RootEmptied => SyncBrakeKind::RootEmptied,
        Brake::AnotherPlace => SyncBrakeKind::AnotherPlace,
        Brake::ManyRemoved => SyncBrakeKind::ManyRemoved,
        Brake::ManyRewritten => SyncBrakeKind::ManyRewritten,
        Brake::AllTimesChanged => SyncBrakeKind::AllTimesChanged,
        Brake::RulesChanged => SyncBrakeKind::RulesChanged,
        Brake::OldCopy => SyncBrakeKind::OldCopy,
    }
}

fn word(kind: SyncBrakeKind) -> &'static str {
    match kind {
        SyncBrakeKind::RootEmptied => "root-emptied",
        SyncBrakeKind::RootGone => "root-gone",
        SyncBrakeKind::AnotherPlace => "another-place",
        SyncBrakeKind::ManyRemoved => "many-removed",
        SyncBrakeKind::ManyRewritten => "many-rewritten",
        SyncBrakeKind::AllTimesChanged => "all-times-changed",
        SyncBrakeKind::RulesChanged => "rules-changed",
        SyncBrakeKind::OldCopy => "old-copy",
        SyncBrakeKind::NoSpace => "no-space",
    }
}

/// Says what a run did.
pub fn print(pair: &SyncPair, job: &Job) {
    if !matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems) {
        return;
    }
    let rows: Vec<(&str, String)> = [
        ("New", "created"),
        ("Replaced", "replaced"),
        ("Moved or renamed", "moved"),
        ("Put into the bin", "removed"),
        ("Times or rights set", "metadataSet"),
        ("Changed meanwhile, left for the next run", "changedMeanwhile"),
        ("Open in another program, left for a later run", "stillOpen"),
        ("Could not be done", "failed"),
    ]
    .into_iter()
    .map(|(label, key)| (label, fact(job, key)))
    .filter(|(_, count)| *count > Count(0))
    .map(|(label, count)| (label, number(count)))
    .collect();
    let conflicts = fact(job, "conflicts");
    if rows.is_empty() && conflicts == Count(0) {
        output::line(format!("In step. There was nothing to do ({}).", took(job)));
    } else {
        output::line(format!("Synced in {}.", took(job)));
        let mut rows = rows;
        let bytes = Count(fact(job, "leftBytes").0 + fact(job, "rightBytes").0);
        rows.push(("Copied", size(bytes)));
        output::line(output::facts(&rows));
    }
    if conflicts > Count(0) {
        let what = if conflicts == Count(1) { "conflict waits" } else { "conflicts wait" };
        output::note(format!(
            "{} {what} for your decision; neither side was touched there.",
            number(conflicts)
        ));
        output::note(format!("  Next: keepwell sync resolve \"{}\"", pair.name));
    }
}
