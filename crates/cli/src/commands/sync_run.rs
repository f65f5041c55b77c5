//! `keepwell sync run LEFT RIGHT`, or `keepwell sync run NAME`

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
        return sync_preview::run(context, pair, &job);
    }
    let (job, ending) = told(context, job)?;
    if ending == Ending::Halted {
        what_next(context, pair)?;
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
    let apply = if let Some(from) = arguments.bring_back_from {
        let bring_back = match from {
            Side::Left => SyncSide::Right,
            Side::Right => SyncSide::Left,
        };
        SyncApply { job_id: job.id.clone(), release: None, bring_back: Some(bring_back) }
    } else if !released.is_empty() && brakes.iter().all(|brake| released.contains(&brake.kind)) {
        SyncApply { job_id: job.id.clone(), release: Some(released), bring_back: None }
    } else {
        return Ok(job);
    };
    context.api.sync_apply(apply)?;
    watch(context, &job.id)
}

/// After a halt: what was seen in single items, and the commands that go on.
fn what_next(context: &Context, pair: &SyncPair) -> Result<(), ApiError> {
    let brakes = halted_by(context, pair)?;
    for brake in &brakes {
        for example in &brake.examples {
            output::note(format!("    for instance {example}"));
        }
    }
    output::note("  Nothing was changed. What you can do next:");
    let name = &pair.name;
    if let Some(brake) = brakes.iter().find(|brake| brake.can_bring_back) {
        let from = if brake.side == SyncSide::Left { "right" } else { "left" };
        output::note(format!(
            "    bring back what is missing:  keepwell sync run \"{name}\" --bring-back-from {from}"
        ));
    }
    let words: Vec<String> =
        brakes.iter().map(|brake| format!(" --release-brake {}", word(brake.kind))).collect();
    if !brakes.is_empty() && brakes.iter().all(|brake| brake.can_release) {
        output::note(format!(
            "    go on anyway:                keepwell sync run \"{name}\"{}",
            words.concat()
        ));
    }
    output::note(format!("    look at what would happen:   keepwell sync run \"{name}\" --preview"));
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
        ("Left as they are, as you chose", "leftByChoice"),
        ("Changed lately, left out until they are older", "waitsForAge"),
        ("Could not be done", "failed"),
    ]
    .into_iter()
    .map(|(label, key)| (label, fact(job, key)))
    .filter(|(_, count)| *count > Count(0))
    .map(|(label, count)| (label, number(count)))
    .collect();
    let conflicts = fact(job, "conflicts");
    if rows.is_empty() && conflicts == Count(0) {
        let found = if job.problems == Count(0) {
            "In step."
        } else {
            "Not everything is in step, see the problems."
        };
        output::line(format!("{found} There was nothing to do ({}).", took(job)));
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
