//! `keepwell sync change PAIR`

use keepwell_api::dto::plan::Schedule;
use keepwell_api::{ApiError, Commands};

use super::{sync_add, sync_list, sync_show};
use crate::arguments_sync::SyncChange;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: SyncChange) -> Result<Ending, ApiError> {
    let pair = sync_list::find(context, &arguments.pair)?;
    let mut request = sync_add::changed(&pair, &arguments.rules);
    if arguments.name.is_some() {
        request.name = arguments.name;
    }
    request.schedule = sync_add::schedule(&arguments.when);
    if arguments.by_hand {
        (request.schedule, request.live) = (Some(Schedule::Manual), Some(false));
    } else if arguments.when.live {
        request.live = Some(true);
    }
    let pair = context.api.sync_pair_save(request)?;
    if context.json {
        output::json(&pair)?;
        return Ok(Ending::Done);
    }
    output::line(format!("The pair \"{}\" is changed. Nothing was changed in either place.", pair.name));
    output::line(sync_show::facts(&pair));
    Ok(Ending::Done)
}
