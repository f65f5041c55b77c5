//! `keepwell sync run LEFT RIGHT`, or `keepwell sync run NAME`
//!
//! Invariants: what is typed changes the pair only where the run changes something; a preview changes nothing at all; an
//! answer to a brake counts only for what a person was told of before, by the run or preview before or by the plan it names.

use std::collections::BTreeSet;
use std::path::Path;

use keepwell_api::dto::job::{Job, JobState};
use keepwell_api::dto::sync::{SyncMode, SyncPair, SyncPairGet, SyncPairSave, SyncSide};
use keepwell_api::dto::sync_plan::{SyncApply, SyncBrake, SyncBrakeKind};
use keepwell_api::{ApiError, Commands, Count, SyncAsk};

use super::sync_halt::{Halted, is_another, kind, word};
use super::{sync_add, sync_hub, sync_list, sync_preview, sync_show, sync_typed};
use crate::arguments_pair::{Conflict, Mode, PairRules};
use crate::arguments_sync::{Side, SyncRun};
use crate::context::Context;
use crate::documents::Documents;
use crate::ending::Ending;
use crate::follow::{fact, told, took, watch};
use crate::output::{self, number, size};
use crate::paths;

/// The pair that was typed.
pub struct Meant {
    /// As it is kept; nothing where it is new.
    pub known: Option<SyncPair>,
    /// As it is to work in this run.
    wish: SyncPairSave,
}

impl Meant {
    pub fn known(pair: SyncPair, rules: &PairRules) -> Self {
        Self { wish: sync_add::changed(&pair, rules), known: Some(pair) }
    }
}

pub fn run(context: &Context, arguments: SyncRun) -> Result<Ending, ApiError> {
    let Some(right) = &arguments.right else {
        let name = arguments.left.to_string_lossy();
        if let Some(hub) = sync_hub::find(context, &name)? {
            return sync_hub::run(context, &hub, &arguments);
        }
        let pair = sync_list::find(context, &name)?;
        return run_pair(context, &Meant::known(pair, &arguments.rules), &arguments, &Documents::one());
    };
    let known = context.api.sync_known(&paths::place(&arguments.left), &paths::place(right))?;
    let is_absent = !paths::is_remote(right) && !Path::new(right).exists();
    let meant = match known {
        Some(known) => {
            if known.is_swapped {
                refuse_sides(context, &known.pair, &arguments)?;
                let pair = &known.pair;
                output::note(format!(
                    "This is the pair \"{}\". Its left is {}.",
                    pair.name, pair.left.address.display
                ));
            }
            Meant::known(known.pair, &arguments.rules)
        }
        None => {
            let wish = sync_add::new_pair(&arguments.left, right, &arguments.rules);
            if is_absent && arguments.preview {
                let shown = Path::new(right).display().to_string();
                return Err(ApiError::not_found(format!("{shown} is not there yet. Nothing was changed."))
                    .hint("The first run makes it and brings everything there; without --preview.")
                    .about(shown));
            }
            Meant { known: None, wish }
        }
    };
    let ending = run_pair(context, &meant, &arguments, &Documents::one())?;
    if is_absent && Path::new(right).exists() {
        output::note(format!("{} was not there: it was made.", Path::new(right).display()));
    }
    Ok(ending)
}

/// Where the sides of a pair matter, its places have to be named in their order.
fn refuse_sides(context: &Context, pair: &SyncPair, arguments: &SyncRun) -> Result<(), ApiError> {
    let rules = &arguments.rules;
    let is_side = |way: Conflict| matches!(way, Conflict::Left | Conflict::Right);
    let matters = rules.mode.is_some_and(|mode| mode != Mode::TwoWay)
        || (rules.mode.is_none() && pair.mode != SyncMode::TwoWay)
        || rules.conflict.is_some_and(is_side)
        || rules.conflict_at.iter().flatten().any(|(_, way)| is_side(*way))
        || arguments.bring_back_from.is_some();
    if !matters {
        return Ok(());
    }
    let (name, word) = (&pair.name, sync_list::word(context, pair));
    let (left, right) = (&pair.left.address.display, &pair.right.address.display);
    Err(ApiError::bad_request(format!(
        "The pair \"{name}\" has these places the other way round: left {left}, right {right}. Nothing was changed."
    ))
    .hint(format!(
        "To run it as it is: keepwell sync run {word}. For the other direction forget it first: keepwell sync remove \
         {word}"
    )))
}

/// Runs one pair, or shows its plan; as JSON into these documents.
pub fn run_pair(
    context: &Context,
    meant: &Meant,
    arguments: &SyncRun,
    documents: &Documents,
) -> Result<Ending, ApiError> {
    context.give_access_to([&meant.wish.left, &meant.wish.right])?;
    let asked = context.api.sync_ask(SyncAsk {
        pair: meant.wish.clone(),
        preview: arguments.preview,
        plan: arguments.plan.clone(),
        brings_back: arguments.bring_back_from.is_some(),
    })?;
    let mut job = watch(context, &asked.job_id)?;
    if job.state == JobState::Halted {
        job = answered(context, job, asked.halted_before.as_deref(), arguments)?;
    }
    if arguments.preview && matches!(job.state, JobState::WaitingForConfirmation | JobState::Halted) {
        return sync_preview::run(context, &asked.pair, &job, meant, arguments, documents);
    }
    let ending = if job.state == JobState::Halted {
        let again = sync_typed::command(context, arguments, Some(&asked.pair));
        let halted = Halted::of(context, &job, &again)?;
        let ending = told(context, &job, &halted.whole()?, documents)?;
        halted.print_after_run();
        ending
    } else {
        let ending = told(context, &job, &job, documents)?;
        if !context.json {
            print(context, &asked.pair, &job);
        }
        ending
    };
    say_what_changed(context, meant, &asked.pair);
    Ok(ending_of(&job, ending))
}

/// Says what the pair is from now on, where the run made or changed it.
fn say_what_changed(context: &Context, meant: &Meant, asked: &SyncPair) {
    let Ok(pair) = context.api.sync_pair(SyncPairGet { pair_id: asked.id.clone() }) else { return };
    let Some(before) = &meant.known else {
        output::note(format!("The pair \"{}\" is remembered.", pair.name));
        return;
    };
    let (was, is) = (sync_show::options(before), sync_show::options(&pair));
    let of = |rows: &[(&str, String)], label: &str| {
        rows.iter()
            .find(|(known, _)| *known == label)
            .map_or("nothing".to_owned(), |(_, value)| value.clone())
    };
    let gone = was.iter().filter(|(label, _)| is.iter().all(|(other, _)| label != other));
    for (label, _) in is.iter().chain(gone) {
        let (was, is) = (of(&was, label), of(&is, label));
        if was != is {
            output::note(format!("The pair is changed. {label}: {is}; it was: {was}."));
        }
    }
}

/// Conflicts that wait are no success either.
pub fn ending_of(job: &Job, ending: Ending) -> Ending {
    match ending {
        Ending::Done if fact(job, "conflicts") > Count(0) => Ending::Problems,
        other => other,
    }
}

/// Goes on from a brake where the arguments say how, and what halted the run is what was told before. A preview shows the
/// plan all the same, and goes on from none.
fn answered(
    context: &Context,
    job: Job,
    halted_before: Option<&str>,
    arguments: &SyncRun,
) -> Result<Job, ApiError> {
    let brakes = context.api.sync_brakes(&job.id)?;
    if arguments.preview && brakes.iter().any(|brake| brake.kind == SyncBrakeKind::RootGone) {
        // The answer would make the folder again, and a preview makes nothing.
        return Ok(job);
    }
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
        None => !arguments.preview && !released.is_empty() && brakes.iter().all(is_answered),
    };
    if let (Some(side), Some(from)) = (bring_back, arguments.bring_back_from)
        && let Some(brake) = contradicting(&brakes, side, &released)
    {
        output::note(format!(
            "Your answer is not taken: to bring back from the {} and to let go what \"{}\" found on the other side is one \
             or the other.",
            if from == Side::Left { "left" } else { "right" },
            word(brake)
        ));
        return Ok(job);
    }
    if !is_said {
        if bring_back.is_some() || (!arguments.preview && !released.is_empty()) {
            output::note(not_taken(&brakes, bring_back, &is_answered));
        }
        return Ok(job);
    }
    // A named plan is the one that was shown, or nothing is done; a preview only looks.
    let is_told = arguments.preview
        || arguments.plan.is_some()
        || match halted_before {
            Some(before) => context.api.sync_halts_alike(&job.id, before)?,
            None => false,
        };
    if !is_told {
        output::note(
            "Your answer to the safety brake is not taken: what this run found was not shown to you before. Look at it, \
             then answer again.",
        );
        return Ok(job);
    }
    context.api.sync_apply(SyncApply { job_id: job.id.clone(), release: Some(released), bring_back })?;
    watch(context, &job.id)
}

/// A brake that is to be released though what it found is to be brought back; but that another place is the right one is
/// said beside bringing back.
fn contradicting(brakes: &[SyncBrake], side: SyncSide, released: &[SyncBrakeKind]) -> Option<SyncBrakeKind> {
    let is_only_there = |kind: &SyncBrakeKind| {
        let mut of_it = brakes.iter().filter(|brake| brake.kind == *kind).peekable();
        of_it.peek().is_some() && of_it.all(|brake| brake.side == side)
    };
    released.iter().copied().find(|kind| *kind != SyncBrakeKind::AnotherPlace && is_only_there(kind))
}

/// Why an answer does not let the run go on.
fn not_taken(
    brakes: &[SyncBrake],
    bring_back: Option<SyncSide>,
    is_answered: &dyn Fn(&SyncBrake) -> bool,
) -> String {
    let why = match bring_back {
        Some(side) if brakes.iter().any(|brake| brake.side == side && brake.can_bring_back) => {
            "whether what is there now is the right place has to be said with it: --release-brake another-place".to_owned()
        }
        Some(side) => {
            let from = if side == SyncSide::Right { "left" } else { "right" };
            format!("of what was found here nothing can be brought back from the {from}")
        }
        None => {
            let left: BTreeSet<&str> =
                brakes.iter().filter(|brake| !is_answered(brake)).map(|brake| word(brake.kind)).collect();
            let left: Vec<&str> = left.into_iter().collect();
            format!("it says nothing of {}", left.join(", "))
        }
    };
    format!("Your answer to the safety brake is not taken: {why}.")
}

/// Says what a run did.
pub fn print(context: &Context, pair: &SyncPair, job: &Job) {
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
        ("Left as they are, as you chose", "leftByChoice"),
        ("Changed lately, left out until they are older", "waitsForAge"),
        ("Could not be done", "failed"),
        ("Waits for what could not be done", "heldBack"),
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
        output::note(format!("  Next: keepwell sync resolve {}", sync_list::word(context, pair)));
    }
}
