//! `keepwell sync show PAIR`

use keepwell_api::dto::sync_bin::SyncRunsGet;
use keepwell_api::{ApiError, Commands};

use super::{plan_list, sync_list, sync_resolve, sync_undo};
use crate::arguments_sync::PairName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, time};

/// Runs that are shown.
const RUNS: u32 = 10;

pub fn run(context: &Context, arguments: &PairName) -> Result<Ending, ApiError> {
    let pair = sync_list::find(context, &arguments.pair)?;
    let runs =
        context.api.sync_runs(SyncRunsGet { pair_id: pair.id.clone(), offset: None, limit: Some(RUNS) })?;
    if context.json {
        output::json(&serde_json::json!({ "pair": pair, "runs": runs.runs }))?;
        return Ok(Ending::Done);
    }
    output::line(pair.name.as_str());
    let mut rows = vec![
        ("Pair", pair.id.clone()),
        ("Left", pair.left.address.display.clone()),
        ("Right", pair.right.address.display.clone()),
        ("Mode", mode(&pair)?),
        ("State", sync_list::state(&pair)),
        ("Runs", plan_list::schedule_words(pair.schedule)),
        ("Live", if pair.live { "yes" } else { "no" }.to_owned()),
    ];
    if let Some(at) = pair.next_run_ms {
        rows.push(("Next", time(at)));
    }
    if !pair.rules.exclude.is_empty() {
        rows.push(("Left out", pair.rules.exclude.join(", ")));
    }
    output::line(output::facts(&rows));
    if let Some(error) = pair.last_run.as_ref().and_then(|last| last.error.as_ref()) {
        output::error(error);
    }
    if pair.conflicts_waiting.0 > 0 {
        output::line("\nConflicts");
        sync_resolve::print(&sync_resolve::all(context, &pair)?);
    }
    if !runs.runs.is_empty() {
        output::line("\nRuns that changed something");
        sync_undo::print(&runs.runs);
    }
    Ok(Ending::Done)
}

fn mode(pair: &keepwell_api::dto::sync::SyncPair) -> Result<String, ApiError> {
    use keepwell_api::dto::sync::SyncMode;
    Ok(match pair.mode {
        SyncMode::TwoWay => "two-way",
        SyncMode::Mirror => "mirror",
        SyncMode::Update => "update",
        SyncMode::MoveIn => "move-in",
    }
    .to_owned())
}
