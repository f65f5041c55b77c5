//! `keepwell plan remove NAME`

use keepwell_api::dto::plan::PlanRemove;
use keepwell_api::{ApiError, Commands};

use super::plan_list;
use crate::arguments::PlanName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &PlanName) -> Result<Ending, ApiError> {
    let plan = plan_list::find(context, &arguments.plan)?;
    context.api.plan_remove(PlanRemove { plan_id: plan.id.clone() })?;
    if context.json {
        output::json(&serde_json::json!({ "removed": plan.id }))?;
    } else {
        output::line(format!("The plan \"{}\" is removed. Its snapshots stay.", plan.name));
    }
    Ok(Ending::Done)
}
