//! `keepwell sync change PAIR|HUB`

use keepwell_api::dto::plan::Schedule;
use keepwell_api::dto::sync::{SyncPair, SyncPairSave};
use keepwell_api::{ApiError, Commands};

use super::{sync_add, sync_hub, sync_list, sync_show};
use crate::arguments_sync::SyncChange;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: SyncChange) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)? {
        let pairs = hub.pairs.iter().map(|pair| wish(pair, &arguments)).collect();
        return sync_hub::change(context, &hub, arguments.name, pairs);
    }
    let pair = sync_list::find(context, &arguments.pair)?;
    let mut request = wish(&pair, &arguments);
    if arguments.name.is_some() {
        request.name = arguments.name;
    }
    let pair = context.api.sync_pair_save(request)?;
    if context.json {
        output::json(&pair)?;
        return Ok(Ending::Done);
    }
    output::line(format!("The pair \"{}\" is changed. Nothing was changed in either place.", pair.name));
    output::line(sync_show::facts(&pair));
    if let Some(words) = sync_add::runs_by_itself(&pair) {
        output::line(words);
    }
    Ok(Ending::Done)
}

/// The pair as the arguments want it; what they do not name stays.
fn wish(pair: &SyncPair, arguments: &SyncChange) -> SyncPairSave {
    let mut request = sync_add::changed(pair, &arguments.rules);
    request.schedule = sync_add::schedule(&arguments.when);
    if arguments.by_hand {
        (request.schedule, request.live) = (Some(Schedule::Manual), Some(false));
    } else if arguments.when.live {
        request.live = Some(true);
    }
    request
}
