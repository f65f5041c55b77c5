//! `keepwell sync pause PAIR` and `keepwell sync resume PAIR`

use keepwell_api::dto::Nothing;
use keepwell_api::dto::sync::{SyncPair, SyncPairPause};
use keepwell_api::{ApiError, Commands};

use super::sync_list;
use crate::arguments_sync::SyncHold;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

pub fn run(context: &Context, arguments: &SyncHold, paused: bool) -> Result<Ending, ApiError> {
    let pairs: Vec<SyncPair> = match &arguments.pair {
        Some(name) => vec![sync_list::find(context, name)?],
        None => context.api.sync_pairs(Nothing {})?.pairs,
    };
    let mut changed = Vec::with_capacity(pairs.len());
    for pair in pairs {
        changed.push(context.api.sync_pair_pause(SyncPairPause { pair_id: pair.id, paused })?);
    }
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
