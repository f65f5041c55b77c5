//! `keepwell sync pause PAIR` and `keepwell sync resume PAIR`

use keepwell_api::dto::sync::SyncPairPause;
use keepwell_api::{ApiError, Commands};

use super::{sync_hub, sync_list};
use crate::arguments_sync::SyncHold;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &SyncHold, paused: bool) -> Result<Ending, ApiError> {
    let hub = arguments.pair.as_deref().map(|name| sync_hub::find(context, name)).transpose()?.flatten();
    let changed = match (&arguments.pair, hub) {
        (_, Some(hub)) => sync_hub::hold(context, Some(hub.group.id), paused)?,
        (Some(name), None) => {
            let pair = sync_list::find(context, name)?;
            vec![context.api.sync_pair_pause(SyncPairPause { pair_id: pair.id, paused })?]
        }
        (None, None) => sync_hub::hold(context, None, paused)?,
    };
    if context.json {
        output::json(&changed)?;
        return Ok(Ending::Done);
    }
    for pair in &changed {
        output::line(match paused {
            true => format!("The pair \"{}\" is paused: it runs only when you say so.", pair.name),
            false => format!("The pair \"{}\" runs by itself again.", pair.name),
        });
    }
    Ok(Ending::Done)
}
