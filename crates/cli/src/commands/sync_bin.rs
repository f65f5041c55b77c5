//! `keepwell sync bin PAIR [--restore NUMBER…]`

use keepwell_api::dto::sync::SyncSide;
use keepwell_api::dto::sync_bin::{BinWhy, SyncBinGet, SyncBinRestore};
use keepwell_api::{ApiError, Commands};

use super::sync_list;
use crate::arguments_sync::SyncBin;
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow};
use crate::output::{self, number, size, time};

pub fn run(context: &Context, arguments: SyncBin) -> Result<Ending, ApiError> {
    let pair = sync_list::find(context, &arguments.pair)?;
    context.give_access(&pair)?;
    if !arguments.restore.is_empty() {
        let request = SyncBinRestore { pair_id: pair.id, ids: arguments.restore };
        let (job, ending) = follow(context, &context.api.sync_bin_restore(request)?.job_id)?;
        if !context.json && job.finished_ms.is_some() {
            output::line(format!("{} items are back where they were.", number(fact(&job, "broughtBack"))));
        }
        return Ok(ending);
    }
    let page = context.api.sync_bin(SyncBinGet {
        pair_id: pair.id,
        text: arguments.find,
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
