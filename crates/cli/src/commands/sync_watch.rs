//! `keepwell sync watch`: changes of live pairs are carried over as they happen, and pairs with a clock or a hub run when
//! they are due, until Ctrl-C.

use std::collections::HashSet;

use keepwell_api::dto::Nothing;
use keepwell_api::dto::job::{Job, JobChangesGet, JobKind, JobState};
use keepwell_api::dto::plan::Schedule;
use keepwell_api::dto::sync::{SyncLive, SyncPair};
use keepwell_api::{ApiError, Commands, Count};

use super::sync_halt::Halted;
use super::{job_list, plan_list, sync_add, sync_hub, sync_list};
use crate::arguments_sync::SyncWatch;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, counted};

/// How long one wait for news takes at most.
const WAIT_MS: u32 = 10_000;

/// Said once of a pair whose changes are not all told by the system.
const LOOKED_AT: &str = "the system does not tell of all changes here. Nothing is lost: everything is looked at about \
once a minute. On Linux a higher fs.inotify.max_user_watches lets changes be noticed at once.";

pub fn run(arguments: &SyncWatch, json: bool, verbose: bool) -> Result<Ending, ApiError> {
    let context = Context::watching(json, verbose)?;
    for name in &arguments.pairs {
        for pair in sync_hub::pairs(&context, name)?.iter().filter(|pair| !pair.live) {
            let mut request = sync_add::change(pair);
            request.live = Some(true);
            context.api.sync_pair_save(request)?;
        }
    }
    let all = context.api.sync_pairs(Nothing {})?;
    if all.all_paused {
        return Err(ApiError::bad_request("All pairs are paused.").hint("First: keepwell sync resume --all"));
    }
    let runs_by_itself = |pair: &SyncPair| {
        !pair.paused && (pair.live || pair.schedule != Schedule::Manual || pair.group.is_some())
    };
    let watched: Vec<SyncPair> = all.pairs.into_iter().filter(runs_by_itself).collect();
    if watched.is_empty() {
        return Err(ApiError::not_found("No pair is live or has a clock.")
            .hint("Name the pairs to watch: keepwell sync watch NAME"));
    }
    for pair in &watched {
        context.give_access(pair)?;
        let (left, right) = (&pair.left.address.display, &pair.right.address.display);
        if pair.live {
            output::note(format!("Watching {left} and {right}."));
        }
        if pair.schedule != Schedule::Manual {
            let when = plan_list::schedule_words(pair.schedule);
            output::note(format!("Running {left} and {right} by the clock: {when}."));
        } else if !pair.live {
            output::note(format!("Running {left} and {right} when their hub changed."));
        }
    }
    output::note("Press Ctrl-C to stop.");
    let mut told = HashSet::new();
    let mut since = None;
    let mut looked_at = HashSet::new();
    loop {
        for pair in context.api.sync_pairs(Nothing {})?.pairs {
            if pair.watched == SyncLive::Scanning && looked_at.insert(pair.id) {
                output::note(format!("{}: {LOOKED_AT}", pair.name));
            }
        }
        let changes = context.api.job_changes(JobChangesGet { since, wait_ms: Some(WAIT_MS) })?;
        let is_first = since.is_none();
        since = Some(changes.revision);
        for job in changes.jobs.into_iter().filter(|job| job.kind == JobKind::Sync) {
            let is_over = job.finished_ms.is_some() || job.state == JobState::Halted;
            // What was over before the watch began is no news.
            if !is_over || !told.insert((job.id.clone(), job.state)) || is_first {
                continue;
            }
            let halted = match &job.halt {
                Some(_) => again(&context, &job)?,
                None => None,
            };
            // One that was answered meanwhile asks for nothing any more.
            let halted = halted.as_ref().and_then(|again| Halted::of(&context, &job, again).ok());
            if context.json {
                match &halted {
                    Some(halted) => output::json(&halted.whole()?)?,
                    None => output::json(&job)?,
                }
            } else {
                let items = job.result.as_ref().map(|result| result.items).unwrap_or_default();
                let changes = counted(items, "change", "changes");
                output::line(format!("{}: {}, {changes}", job.title, job_list::word(job.state)));
                if let Some(words) = problems(&job) {
                    output::note(format!("  {words}"));
                }
            }
            if let Some(halt) = &job.halt {
                output::note(format!("  {}", halt.reason));
                halted.iter().for_each(Halted::print_after_run);
            }
            if let Some(error) = &job.error {
                output::error(error);
            }
        }
    }
}

/// The command that runs the pair of a job again; nothing where it is forgotten.
fn again(context: &Context, job: &Job) -> Result<Option<String>, ApiError> {
    let known = context.api.sync_pairs(Nothing {})?.pairs;
    let pair = known.iter().find(|pair| Some(&pair.id) == job.pair_id.as_ref());
    Ok(pair.map(|pair| format!("keepwell sync run {}", sync_list::word(context, pair))))
}

/// That a run had problems, and how to see them.
fn problems(job: &Job) -> Option<String> {
    let what = counted(job.problems, "problem", "problems");
    (job.problems > Count(0))
        .then(|| format!("{what}, looked at again from time to time: keepwell job show {}", job.id))
}
