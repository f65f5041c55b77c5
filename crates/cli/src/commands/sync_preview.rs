//! `keepwell sync run … --preview`: the plan of a run, then nothing.
//!
//! Invariants: the plan is shown also where a safety brake would stop the run; what is printed last does exactly this plan,
//! by its id, or nothing.

use std::io::Write as _;

use keepwell_api::dto::job::{Job, JobGet};
use keepwell_api::dto::sync::{SyncPair, SyncSide};
use keepwell_api::dto::sync_plan::{
    SyncAction, SyncFilter, SyncPlanGet, SyncPlanPage, SyncRow, SyncTotals, SyncWhy,
};
use keepwell_api::{ApiError, Commands, Count};
use serde_json::{Value, json};

use super::sync_halt::Halted;
use super::sync_run::Meant;
use super::sync_typed;
use crate::arguments_sync::SyncRun;
use crate::context::Context;
use crate::documents::Documents;
use crate::ending::Ending;
use crate::follow::problems;
use crate::output::{self, number, size, unwritable};

/// Rows asked for at once.
const PAGE: u32 = 1_000;
/// Rows printed for people.
const SHOWN: usize = 1_000;

pub fn run(
    context: &Context,
    pair: &SyncPair,
    job: &Job,
    meant: &Meant,
    arguments: &SyncRun,
    documents: &Documents,
) -> Result<Ending, ApiError> {
    let shown = show(context, pair, job, meant, arguments, documents);
    // What a run would tell, too: what can not be synced is in no plan.
    let told = problems(context, job);
    // The plan was only to be looked at.
    context.api.job_cancel(JobGet { job_id: job.id.clone() })?;
    shown.and(told)?;
    Ok(match Ending::of_job(job) {
        Ending::Done if job.problems > Count(0) => Ending::Problems,
        ending => ending,
    })
}

fn show(
    context: &Context,
    pair: &SyncPair,
    job: &Job,
    meant: &Meant,
    arguments: &SyncRun,
    documents: &Documents,
) -> Result<(), ApiError> {
    let again = sync_typed::command(context, arguments, meant.known.as_ref());
    let halted = Halted::of(context, job, &again)?;
    if let Some(halt) = &job.halt {
        output::note(format!("A safety brake would stop this run: {}", halt.reason));
        halted.print_examples();
    }
    if halted.is_of_a_gone_root() {
        if context.json {
            documents.next(&pair.id);
            return output::json(&[halted.row("")]);
        }
        output::note("What you can do next:");
        halted.print_ways("");
        return Ok(());
    }
    let has_rows = match context.json {
        true => {
            documents.next(&pair.id);
            let id = context.api.sync_plan_id(&job.id)?;
            let last = job.halt.is_some().then(|| halted.row(&format!(" --plan {id}")));
            print_json(context, &job.id, last.as_ref()).map(|()| false)?
        }
        false => print(context, pair, job)?,
    };
    let id = context.api.sync_plan_id(&job.id)?;
    output::note(format!("Plan: {id}"));
    // A brake with no row under it still has a way on.
    if context.json || !(has_rows || job.halt.is_some()) {
        return Ok(());
    }
    let plan = format!(" --plan {id}");
    if job.halt.is_some() {
        output::note("What you can do next:");
        halted.print_ways(&plan);
    } else {
        output::note(format!("To do it: {again}{}{plan}", sync_typed::answers(arguments)));
    }
    Ok(())
}

fn page(context: &Context, job_id: &str, offset: u32) -> Result<SyncPlanPage, ApiError> {
    context.api.sync_plan(SyncPlanGet {
        job_id: job_id.to_owned(),
        bring_back: None,
        filter: Some(SyncFilter::All),
        side: None,
        text: None,
        offset: Some(offset),
        limit: Some(PAGE),
    })
}

/// One operation a row: path, kind, from, to, why; conflicts after them, and what else is told of the plan. Written as they
/// are read, however many.
fn print_json(context: &Context, job_id: &str, last: Option<&Value>) -> Result<(), ApiError> {
    let mut out = std::io::stdout().lock();
    let mut is_first = true;
    let mut write = |row: &Value| {
        let start = if is_first { "[\n" } else { ",\n" };
        is_first = false;
        // A reader that went away has seen enough.
        let _ = write!(out, "{start}{row}");
    };
    let mut offset = 0;
    loop {
        let page = page(context, job_id, offset)?;
        page.rows.iter().map(operation).try_for_each(|row| row.map(|row| write(&row)))?;
        offset += PAGE;
        if page.rows.len() < PAGE as usize {
            break;
        }
    }
    for conflict in context.api.sync_plan_conflicts(job_id)? {
        let why = serde_json::to_value(conflict.kind).map_err(unwritable)?;
        write(
            &json!({ "path": conflict.path.path, "kind": "conflict", "from": null, "to": null, "why": why }),
        );
    }
    last.into_iter().for_each(&mut write);
    let _ = out.write_all(if is_first { b"[]\n" } else { b"\n]\n" });
    Ok(())
}

fn side(side: SyncSide) -> &'static str {
    match side {
        SyncSide::Left => "left",
        SyncSide::Right => "right",
    }
}

fn across(of: SyncSide) -> &'static str {
    match of {
        SyncSide::Left => "right",
        SyncSide::Right => "left",
    }
}

fn operation(row: &SyncRow) -> Result<Value, ApiError> {
    let here = |path: &str| json!({ "side": side(row.side), "path": path });
    let (from, to) = match row.action {
        SyncAction::Move => {
            let from = row.from.as_ref().map_or(Value::Null, |from| here(&from.path));
            (from, here(&row.path.path))
        }
        SyncAction::Remove => (here(&row.path.path), Value::Null),
        SyncAction::CreateFolder | SyncAction::Copy | SyncAction::Replace | SyncAction::SetMetadata => {
            (json!({ "side": across(row.side), "path": row.path.path }), here(&row.path.path))
        }
    };
    Ok(json!({
        "path": row.path.path,
        "kind": serde_json::to_value(row.action).map_err(unwritable)?,
        "from": from,
        "to": to,
        "why": serde_json::to_value(row.why).map_err(unwritable)?,
        "sizeBytes": row.size_bytes.0,
        "entryType": serde_json::to_value(row.entry_type).map_err(unwritable)?,
    }))
}

/// The plan for people; whether there is anything in it.
fn print(context: &Context, pair: &SyncPair, job: &Job) -> Result<bool, ApiError> {
    let page = page(context, &job.id, 0)?;
    let waiting = [
        (page.waits_for_age, "Changed lately, left out until they are older"),
        (page.still_open, "Open in another program, left for a later run"),
    ];
    for (files, what) in waiting.iter().filter(|(files, _)| *files > Count(0)) {
        output::note(format!("{what}: {}", number(*files)));
    }
    if page.rows.is_empty() && page.conflicts.0 == 0 {
        // What a brake stops may be that nothing can be seen.
        if job.halt.is_none() {
            let is_alike = job.problems == Count(0) && waiting.iter().all(|(files, _)| *files == Count(0));
            let found = if is_alike { "Both places are in step." } else { "Not everything is in step." };
            output::line(format!("{found} There is nothing to do."));
        }
        return Ok(false);
    }
    let rows: Vec<Vec<String>> = page
        .rows
        .iter()
        .take(SHOWN)
        .map(|row| {
            let from = match (&row.from, row.action) {
                (Some(from), SyncAction::Move) => format!(" (was {})", from.display),
                _ => String::new(),
            };
            vec![
                side(row.side).to_owned(),
                does(row.action).to_owned(),
                if row.size_bytes.0 > 0 { size(row.size_bytes) } else { String::new() },
                format!("{}{from}", row.path.display),
                why(row),
            ]
        })
        .collect();
    if !rows.is_empty() {
        output::line(output::table(&["IN", "WOULD", ">COPY", "PATH", "BECAUSE"], &rows));
    }
    let rest = page.total.0.saturating_sub(rows.len() as u64);
    if rest > 0 {
        output::line(format!("and {rest} more; --json prints all of them"));
    }
    output::note("Nothing was changed.");
    output::note(format!("  In {} (left): {}", pair.left.address.display, totals(&page.left)));
    output::note(format!("  In {} (right): {}", pair.right.address.display, totals(&page.right)));
    if page.conflicts.0 > 0 {
        output::note(format!("  Conflicts that would wait for you: {}", number(page.conflicts)));
    }
    Ok(true)
}

fn totals(totals: &SyncTotals) -> String {
    let parts: Vec<String> = [
        ("new", totals.created),
        ("replaced", totals.replaced),
        ("moved", totals.moved),
        ("to the bin", totals.removed),
        ("with other times or rights", totals.metadata),
    ]
    .into_iter()
    .filter(|(_, count)| count.0 > 0)
    .map(|(word, count)| format!("{} {word}", number(count)))
    .collect();
    if parts.is_empty() { "no change".to_owned() } else { parts.join(", ") }
}

fn does(action: SyncAction) -> &'static str {
    match action {
        SyncAction::CreateFolder => "make folder",
        SyncAction::Copy => "make",
        SyncAction::Replace => "replace",
        SyncAction::Move => "move",
        SyncAction::Remove => "put into bin",
        SyncAction::SetMetadata => "set times, rights",
    }
}

fn why(row: &SyncRow) -> String {
    let across = across(row.side);
    match row.why {
        SyncWhy::New => format!("new on the {across}"),
        SyncWhy::Changed => format!("changed on the {across}"),
        SyncWhy::MetadataChanged => format!("times or rights changed on the {across}"),
        SyncWhy::Moved => format!("moved on the {across}"),
        SyncWhy::Removed => format!("removed on the {across}"),
        SyncWhy::OneWay => format!("has to be like the {across}"),
        SyncWhy::EditBeatsRemoval => format!("removed here, but edited on the {across}"),
        SyncWhy::ConflictDecided => format!("the {across} was chosen"),
        SyncWhy::ConflictCopy => "both are kept".to_owned(),
        SyncWhy::MovedIn => format!("it is safe on the {across}"),
        SyncWhy::StepOnTheWay => "makes room for another".to_owned(),
        SyncWhy::BroughtBack => format!("brought back from the {across}"),
    }
}
