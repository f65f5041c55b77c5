//! `keepwell plan run NAME`

use keepwell_api::dto::plan::PlanRun;
use keepwell_api::{ApiError, Commands};

use super::{backup_run, plan_list};
use crate::arguments::PlanName;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::follow;

pub fn run(context: &Context, arguments: &PlanName) -> Result<Ending, ApiError> {
    let plan = plan_list::find(context, &arguments.plan)?;
    let started = context.api.plan_run(PlanRun { plan_id: plan.id })?;
    let (job, ending) = follow(context, &started.job_id)?;
    if !context.json {
        backup_run::print(&job);
    }
    Ok(ending)
}
