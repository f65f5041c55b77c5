//! `keepwell sync remove PAIR`

use keepwell_api::dto::sync::SyncPairGet;
use keepwell_api::{ApiError, Commands};

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
    context.api.sync_pair_remove(SyncPairGet { pair_id: id.clone() })?;
    if context.json {
        output::json(&serde_json::json!({ "removed": id }))?;
    } else {
        output::line(format!("The pair \"{name}\" is forgotten. Both places stay as they are."));
        output::note(BINS_STAY);
    }
    Ok(Ending::Done)
}
