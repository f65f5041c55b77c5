//! `keepwell job show ID`

use keepwell_api::dto::job::{Job, JobGet, JobPart};
use keepwell_api::{ApiError, Commands};

use super::job_list;
use crate::arguments::JobShow;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::took;
use crate::output::{self, number, size, time};

/// Rows of problems or log in one go.
const PART_LIMIT: u32 = 1_000;

pub fn run(context: &Context, arguments: &JobShow) -> Result<Ending, ApiError> {
    let job = job_list::find(context, &arguments.job)?;
    let part = || JobPart { job_id: job.id.clone(), offset: None, limit: Some(PART_LIMIT) };
    if arguments.receipt {
        let receipt = context.api.job_receipt(JobGet { job_id: job.id })?;
        // A receipt is for keeping: always whole.
        output::json(&receipt)?;
    } else if arguments.problems {
        let page = context.api.job_problems(part())?;
        if context.json {
            output::json(&page)?;
        } else {
            for problem in &page.problems {
                output::line(problem.path.as_str());
                output::line(format!("  {} {} {}", problem.what, problem.why, problem.next));
            }
        }
    } else if arguments.log {
        let page = context.api.job_log(part())?;
        if context.json {
            output::json(&page)?;
        } else {
            page.lines
                .iter()
                .for_each(|line| output::line(format!("{} {:5} {}", line.time, line.level, line.text)));
        }
    } else if context.json {
        output::json(&job)?;
    } else {
        print(&job);
    }
    Ok(Ending::Done)
}

fn print(job: &Job) {
    output::line(job.title.as_str());
    let mut rows = vec![
        ("Job", job.id.clone()),
        ("State", job_list::word(job.state).to_owned()),
        ("Begun", time(job.started_ms.unwrap_or(job.queued_ms))),
    ];
    if job.finished_ms.is_some() {
        rows.push(("Took", took(job)));
    }
    if let Some(waiting) = &job.waiting_for {
        rows.push(("Waits for", waiting.clone()));
    }
    for fact in job.result.iter().flat_map(|result| &result.facts) {
        rows.push((fact.label.as_str(), if fact.is_bytes { size(fact.value) } else { number(fact.value) }));
    }
    rows.push(("Problems", number(job.problems)));
    output::line(output::facts(&rows));
    if let Some(halt) = &job.halt {
        output::line(format!("Stopped by a safety brake: {}", halt.reason));
    }
    if let Some(error) = &job.error {
        output::line(format!("{} {}", error.message, error.hint.as_deref().unwrap_or_default()).trim_end());
    }
}
