//! `keepwell repository replicate SOURCE TARGET`

use std::path::Path;

use keepwell_api::dto::job::{Job, JobGet, JobState};
use keepwell_api::dto::place::{CheckLevel, PlaceListGet};
use keepwell_api::dto::plan::Schedule;
use keepwell_api::dto::replica::{
    Replica, ReplicaGet, ReplicaListGet, ReplicaSave, RepositoryReplicate as Request,
};
use keepwell_api::dto::repository::RepositoryAddress;
use keepwell_api::{ApiError, Commands, Count};

use crate::arguments_place::RepositoryReplicate;
use crate::context::{Context, given_password};
use crate::documents::Documents;
use crate::ending::Ending;
use crate::follow::{fact, told, took, watch};
use crate::output::{self, number, size};

pub fn run(context: &Context, arguments: &RepositoryReplicate) -> Result<Ending, ApiError> {
    let source = context.place(&arguments.source)?;
    let Some(target) = &arguments.target else { return list(context, &source) };
    let to = context.place(target)?;
    if arguments.forget {
        return forget(context, &source, &to);
    }
    if let Some(schedule) = schedule(arguments) {
        return remember(context, &arguments.source, &source, to, schedule);
    }
    let started = context.api.repository_replicate(Request {
        // Without a password it is copied all the same.
        repository: RepositoryAddress { place_id: None, path: Some(source), password: given_password()? },
        to,
        level: if arguments.quick { CheckLevel::Quick } else { CheckLevel::Full },
    })?;
    let mut job = watch(context, &started.job_id)?;
    if job.state == JobState::Halted && arguments.release_brake {
        context.api.job_confirm(JobGet { job_id: job.id.clone() })?;
        job = watch(context, &started.job_id)?;
    }
    let ending = told(context, &job, &job, &Documents::one())?;
    if ending == Ending::Halted {
        output::note("  To go on: the same command with --release-brake");
    } else if !context.json && matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems) {
        print(&job, arguments);
    }
    Ok(ending)
}

fn print(job: &Job, arguments: &RepositoryReplicate) {
    let target = arguments.target.as_deref().unwrap_or(Path::new("")).display();
    output::line(format!(
        "{} files copied and read back ({}), {} were there before, in {}.",
        number(fact(job, "copied")),
        size(fact(job, "copiedBytes")),
        number(fact(job, "present")),
        took(job)
    ));
    if fact(job, "mended") > Count(0) {
        output::line(format!("{} damaged files of the copy were mended.", number(fact(job, "mended"))));
    }
    let compared = if arguments.quick {
        "Names and sizes were compared; run it without --quick to prove the content."
    } else {
        "Everything was read in both places."
    };
    let all_well = job.state == JobState::Succeeded;
    output::line(format!(
        "{} {target} {}. {compared}",
        if all_well { "The copy in" } else { "Look at the copy in" },
        if all_well { "holds all that the repository holds" } else { "again: see above" }
    ));
}

fn schedule(arguments: &RepositoryReplicate) -> Option<Schedule> {
    match (arguments.every, arguments.daily, arguments.weekly) {
        (Some(hours), _, _) => Some(Schedule::EveryHours { hours }),
        (_, Some(at_minutes), _) => Some(Schedule::Daily { at_minutes }),
        (_, _, Some((weekday, at_minutes))) => Some(Schedule::Weekly { weekday, at_minutes }),
        (None, None, None) => None,
    }
}

/// The place at a path, if this machine remembers it.
fn place_at(context: &Context, source: &str) -> Result<Option<String>, ApiError> {
    let places = context.api.place_list(PlaceListGet { health: false })?.places;
    Ok(places.into_iter().find(|place| place.path.path == source).map(|place| place.id))
}

fn known(context: &Context, source: &str) -> Result<Vec<Replica>, ApiError> {
    match place_at(context, source)? {
        Some(place_id) => Ok(context.api.replica_list(ReplicaListGet { place_id: Some(place_id) })?.replicas),
        None => Ok(Vec::new()),
    }
}

fn remember(
    context: &Context,
    shown: &Path,
    source: &str,
    to: String,
    schedule: Schedule,
) -> Result<Ending, ApiError> {
    let place_id = place_at(context, source)?.ok_or_else(|| {
        ApiError::not_found(format!("{} is no place this machine remembers.", shown.display()))
            .hint("Make a plan for it first (keepwell plan add), or add it as a place in the window.")
    })?;
    let request = ReplicaSave { id: None, place_id, path: to, access: None, schedule: Some(schedule) };
    let replica = context.api.replica_save(request)?;
    if context.json {
        output::json(&replica)?;
    } else {
        output::line(format!("The second copy in {} is remembered.", replica.path.display));
        if let Some(at) = replica.next_run_ms {
            let at = output::time(at);
            output::line(format!("It runs next at {at}, while Keepwell's window or keepwell-web is open."));
        }
    }
    Ok(Ending::Done)
}

fn forget(context: &Context, source: &str, to: &str) -> Result<Ending, ApiError> {
    let replica = known(context, source)?.into_iter().find(|replica| replica.path.path == to);
    let replica = replica.ok_or_else(|| {
        ApiError::not_found("This machine knows of no such second copy.")
            .hint("See which there are: keepwell repository replicate SOURCE")
    })?;
    context.api.replica_remove(ReplicaGet { replica_id: replica.id })?;
    output::line(format!("Taken off the list. What is in {} stays there.", replica.path.display));
    Ok(Ending::Done)
}

fn list(context: &Context, source: &str) -> Result<Ending, ApiError> {
    let replicas = known(context, source)?;
    if context.json {
        output::json(&replicas)?;
        return Ok(Ending::Done);
    }
    if replicas.is_empty() {
        output::line("This machine knows of no second copy of it.");
        return Ok(Ending::Done);
    }
    let when = |at| match at {
        Some(at) => output::time(at),
        None => "never".to_owned(),
    };
    let row = |replica: &Replica| {
        vec![
            replica.path.display.clone(),
            when(replica.copied_ms),
            when(replica.proven_ms),
            replica.next_run_ms.map_or_else(|| "by hand".to_owned(), output::time),
        ]
    };
    let rows: Vec<Vec<String>> = replicas.iter().map(row).collect();
    output::line(output::table(&["COPY", "LAST RUN", "PROVEN THE SAME", "NEXT"], &rows));
    Ok(Ending::Done)
}
