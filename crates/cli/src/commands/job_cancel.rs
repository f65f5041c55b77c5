//! `keepwell job cancel ID`

use keepwell_api::dto::job::JobGet;
use keepwell_api::{ApiError, Commands};

use super::job_list;
use crate::arguments::JobName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &JobName) -> Result<Ending, ApiError> {
    let found = job_list::find(context, &arguments.job)?;
    let job = context.api.job_cancel(JobGet { job_id: found.id })?;
    if context.json {
        output::json(&job)?;
    } else {
        output::line("It is asked to stop. What was safe before still is.");
    }
    Ok(Ending::Done)
}
