//! `keepwell sync pause PAIR` and `keepwell sync resume PAIR`

use keepwell_api::dto::sync::{SyncHold, SyncPairPause};
use keepwell_api::{ApiError, Commands};

use super::{sync_hub, sync_list};
use crate::arguments_sync::SyncHold as Arguments;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &Arguments, paused: bool) -> Result<Ending, ApiError> {
    let Some(name) = &arguments.pair else { return all(context, paused) };
    let hub = sync_hub::find(context, name)?;
    let changed = match hub {
        Some(hub) => sync_hub::hold(context, hub.group.id, paused)?,
        None => {
            let pair = sync_list::find(context, name)?;
            vec![context.api.sync_pair_pause(SyncPairPause { pair_id: pair.id, paused })?]
        }
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

/// All pairs as a whole: what each is by itself stays.
fn all(context: &Context, paused: bool) -> Result<Ending, ApiError> {
    let pairs = context.api.sync_hold(SyncHold { group_id: None, paused })?.pairs;
    if context.json {
        output::json(&pairs)?;
        return Ok(Ending::Done);
    }
    if paused {
        output::line("All pairs are paused: they run only when you say so.");
        return Ok(Ending::Done);
    }
    output::line("All pairs may run by themselves again.");
    for pair in pairs.iter().filter(|pair| pair.paused) {
        output::line(format!(
            "But the pair \"{}\" is paused by itself: keepwell sync resume {}",
            pair.name,
            sync_list::word(context, pair)
        ));
    }
    Ok(Ending::Done)
}
