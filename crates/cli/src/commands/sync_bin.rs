//! `keepwell sync bin PAIR [--restore NUMBER…]`

use keepwell_api::dto::sync::{SyncPair, SyncSide};
use keepwell_api::dto::sync_bin::{BinWhy, SyncBinGet, SyncBinRestore};
use keepwell_api::{ApiError, Commands};

use super::sync_hub;
use crate::arguments_sync::SyncBin;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow};
use crate::output::{self, counted, size, time};

pub fn run(context: &Context, arguments: SyncBin) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)?
        && arguments.restore.is_empty()
        && !context.json
    {
        for pair in &hub.pairs {
            output::line(format!("{}:", pair.name));
            list(context, pair, &arguments)?;
        }
        return Ok(Ending::Done);
    }
    // Each pair counts its items by itself.
    let pair = sync_hub::single(context, &arguments.pair)?;
    if !arguments.restore.is_empty() {
        context.give_access(&pair)?;
        let request = SyncBinRestore { pair_id: pair.id, ids: arguments.restore };
        let (job, ending) = follow(context, &context.api.sync_bin_restore(request)?.job_id)?;
        if !context.json && job.finished_ms.is_some() {
            let count = fact(&job, "broughtBack");
            output::line(counted(count, "item is back where it was.", "items are back where they were."));
        }
        return Ok(ending);
    }
    list(context, &pair, &arguments)
}

fn list(context: &Context, pair: &SyncPair, arguments: &SyncBin) -> Result<Ending, ApiError> {
    let page = context.api.sync_bin(SyncBinGet {
        pair_id: pair.id.clone(),
        text: arguments.find.clone(),
        run_id: None,
        offset: None,
        limit: Some(arguments.limit),
    })?;
    if context.json {
        output::json(&page)?;
        return Ok(Ending::Done);
    }
    if page.rows.is_empty() {
        output::line("The bin holds nothing that fits.");
        return Ok(Ending::Done);
    }
    let rows: Vec<Vec<String>> = page
        .rows
        .iter()
        .map(|row| {
            let side = if row.side == SyncSide::Left { "left" } else { "right" };
            let why = if row.why == BinWhy::Replaced { "replaced" } else { "removed" };
            vec![
                row.id.clone(),
                time(row.binned_ms),
                side.to_owned(),
                why.to_owned(),
                size(row.size_bytes),
                row.path.display.clone(),
            ]
        })
        .collect();
    output::line(output::table(&[">NUMBER", "PUT HERE", "IN", "WHY", ">SIZE", "PATH"], &rows));
    let rest = page.total.0.saturating_sub(rows.len() as u64);
    if rest > 0 {
        output::line(format!("and {rest} more"));
    }
    output::note(format!("To bring back: keepwell sync bin \"{}\" --restore NUMBER", pair.name));
    Ok(Ending::Done)
}
