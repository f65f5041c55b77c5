//! `keepwell sync undo PAIR [RUN]`, or all runs `--since` a time, one after the other.

use keepwell_api::dto::sync::SyncPair;
use keepwell_api::dto::sync_bin::{SyncRunRow, SyncRunsGet, SyncUndo as Request};
use keepwell_api::{ApiError, Commands};

use super::{job_list, sync_hub, sync_list};
use crate::arguments_sync::SyncUndo;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow};
use crate::output::{self, counted, number, time};

pub fn run(context: &Context, arguments: &SyncUndo) -> Result<Ending, ApiError> {
    let pair = sync_hub::single(context, &arguments.pair)?;
    context.give_access(&pair)?;
    let request = SyncRunsGet { pair_id: pair.id.clone(), offset: None, limit: Some(1_000) };
    let runs = context.api.sync_runs(request)?.runs;
    if arguments.list {
        if context.json {
            output::json(&runs)?;
        } else if runs.is_empty() {
            output::line("No run changed anything yet.");
        } else {
            print(&runs);
        }
        return Ok(Ending::Done);
    }
    if let Some(since_ms) = arguments.since {
        let fitting: Vec<_> =
            runs.iter().filter(|run| run.can_undo && run.started_ms.0 >= since_ms).collect();
        if fitting.is_empty() {
            return Err(ApiError::not_found("No run since then can be undone.")
                .hint("See: keepwell sync undo PAIR --list"));
        }
        return undo(context, &pair, &fitting);
    }
    let mut fitting = runs.iter().filter(|run| match &arguments.run {
        Some(start) => run.run_id.starts_with(start.as_str()),
        None => run.can_undo,
    });
    let run = fitting.next().ok_or_else(|| {
        ApiError::not_found("There is no such run to undo.").hint("See: keepwell sync undo PAIR --list")
    })?;
    if arguments.run.is_some() && fitting.next().is_some() {
        return Err(ApiError::bad_request("Several runs begin so.").hint("Give more of the id."));
    }
    undo(context, &pair, &[run])
}

/// Undoes runs backward, as they lie over each other; ends with the first that could not be undone or was stopped.
fn undo(context: &Context, pair: &SyncPair, runs: &[&SyncRunRow]) -> Result<Ending, ApiError> {
    let run_ids = runs.iter().map(|run| run.run_id.clone()).collect();
    let request = Request { pair_id: pair.id.clone(), run_ids };
    let (job, ending) = follow(context, &context.api.sync_undo(request)?.job_id)?;
    if !context.json && job.finished_ms.is_some() {
        let items = counted(fact(&job, "undone"), "item is as it was", "items are as they were");
        match runs {
            [_] => output::line(format!("{items} before that run.")),
            runs => {
                let undone = number(fact(&job, "runsUndone"));
                output::line(format!("{items} before these runs. Runs undone: {undone} of {}.", runs.len()));
            }
        }
        output::note(format!(
            "The pair is paused. See what a run would do now: keepwell sync run {} --preview",
            sync_list::word(context, pair)
        ));
    }
    Ok(ending)
}

/// Runs as a table.
pub fn print(runs: &[SyncRunRow]) {
    let changes = |totals: &keepwell_api::dto::sync_plan::SyncTotals| {
        let count =
            totals.created.0 + totals.replaced.0 + totals.moved.0 + totals.removed.0 + totals.metadata.0;
        number(keepwell_api::Count(count))
    };
    let rows: Vec<Vec<String>> = runs
        .iter()
        .map(|run| {
            vec![
                run.run_id.chars().take(8).collect(),
                time(run.started_ms),
                changes(&run.left),
                changes(&run.right),
                if run.undone { "undone" } else { job_list::word(run.state) }.to_owned(),
                run.what.words.clone(),
            ]
        })
        .collect();
    let heads = ["RUN", "BEGUN", ">CHANGES LEFT", ">CHANGES RIGHT", "STATE", "WHAT"];
    output::line(output::table(&heads, &rows));
}
