//! `keepwell sync remove PAIR`

use keepwell_api::dto::Nothing;
use keepwell_api::dto::sync::{SyncPair, SyncPairGet};
use keepwell_api::{ApiError, Commands, ErrorCode};

use super::{sync_hub, sync_list};
use crate::arguments_sync::PairName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output;

/// What becomes of the bins.
pub const BINS_STAY: &str = "What is in their bins (.keepwell/bin) stays too, but is not listed and not thinned any more. \
    A new pair of these places lists it again.";

pub fn run(context: &Context, arguments: &PairName) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)? {
        return sync_hub::remove(context, &hub);
    }
    let (id, name) = sync_list::find_any(context, &arguments.pair)?;
    let refused = |error| how_to_stop(context, error, |pair| pair.id == id);
    context.api.sync_pair_remove(SyncPairGet { pair_id: id.clone() }).map_err(refused)?;
    if context.json {
        output::json(&serde_json::json!({ "removed": id }))?;
    } else {
        output::line(format!("The pair \"{name}\" is forgotten. Both places stay as they are."));
        output::note(BINS_STAY);
    }
    Ok(Ending::Done)
}

/// Where a job of the pairs is under way or waits: the commands that stop it.
pub fn how_to_stop(context: &Context, error: ApiError, is_meant: impl Fn(&SyncPair) -> bool) -> ApiError {
    if error.code != ErrorCode::Busy {
        return error;
    }
    let Ok(all) = context.api.sync_pairs(Nothing {}) else { return error };
    let jobs = all.pairs.iter().filter(|pair| is_meant(pair)).filter_map(|pair| pair.active_job_id.as_ref());
    let commands: Vec<String> = jobs.map(|id| format!("keepwell job cancel {id}")).collect();
    if commands.is_empty() { error } else { error.hint(format!("Stop it first: {}", commands.join("; "))) }
}
