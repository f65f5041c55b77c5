//! `keepwell job list`

use keepwell_api::dto::job::{Job, JobList, JobState};
use keepwell_api::{ApiError, Commands};

use crate::arguments::Page;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, time};

pub fn run(context: &Context, page: &Page) -> Result<Ending, ApiError> {
    let page = list(context, page.offset, page.limit)?;
    if context.json {
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    if page.jobs.is_empty() {
        output::note("Nothing ran yet.");
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page
        .jobs
        .iter()
        .map(|job| {
            vec![
                job.id.chars().take(8).collect(),
                time(job.queued_ms),
                word(job.state).to_owned(),
                number(job.problems),
                job.title.clone(),
            ]
        })
        .collect();
    output::line(output::table(&["ID", "BEGUN", "STATE", ">PROBLEMS", "WHAT"], &rows));
    Ok(Ending::Done)
}

pub fn list(context: &Context, offset: u32, limit: u32) -> Result<keepwell_api::dto::job::JobPage, ApiError> {
    context.api.job_list(JobList {
        states: None,
        kinds: None,
        plan_id: None,
        place_id: None,
        pair_id: None,
        offset: Some(offset),
        limit: Some(limit),
    })
}

/// The state in words.
pub fn word(state: JobState) -> &'static str {
    match state {
        JobState::Queued => "waiting",
        JobState::Planning => "planning",
        JobState::WaitingForConfirmation => "asks",
        JobState::Running => "running",
        JobState::Paused => "paused",
        JobState::Halted => "halted",
        JobState::Succeeded => "done",
        JobState::SucceededWithProblems => "done, problems",
        JobState::Cancelled => "cancelled",
        JobState::Failed => "failed",
        JobState::Interrupted => "interrupted",
    }
}

/// The job of the start of an id.
pub fn find(context: &Context, text: &str) -> Result<Job, ApiError> {
    let text = text.to_ascii_lowercase();
    let mut fitting = Vec::new();
    let mut offset = 0;
    loop {
        let page = list(context, offset, 1_000)?;
        let rows = page.jobs.len();
        fitting.extend(page.jobs.into_iter().filter(|job| job.id.starts_with(&text)));
        offset += 1_000;
        if rows < 1_000 || fitting.len() > 1 {
            break;
        }
    }
    let several = fitting.len() > 1;
    match fitting.pop() {
        Some(job) if !several && !text.is_empty() => Ok(job),
        Some(_) => Err(ApiError::bad_request(format!("Several jobs begin with \"{text}\"."))
            .hint("Give more of the id.")),
        None => {
            Err(ApiError::not_found(format!("There is no job \"{text}\".")).hint("See: keepwell job list"))
        }
    }
}
