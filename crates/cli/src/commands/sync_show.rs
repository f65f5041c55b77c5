//! `keepwell sync show PAIR`

use keepwell_api::dto::sync::{
    ConflictPolicy, SyncBandwidth, SyncLinks, SyncMode, SyncPair, SyncRules, SyncWindow,
};
use keepwell_api::dto::sync_bin::SyncRunsGet;
use keepwell_api::{ApiError, Commands, Count};

use super::{plan_list, sync_list, sync_resolve, sync_undo};
use crate::arguments_pair::window_words;
use crate::arguments_sync::PairName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, number, size, time};

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
    output::line(facts(&pair));
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

/// Everything about how a pair works; what is as new pairs have it and seldom matters is not named.
pub fn facts(pair: &SyncPair) -> String {
    let mut rows = vec![
        ("Pair", pair.id.clone()),
        ("Left", pair.left.address.display.clone()),
        ("Right", pair.right.address.display.clone()),
        ("Mode", mode(pair.mode).to_owned()),
        ("State", sync_list::state(pair)),
        ("Runs", plan_list::schedule_words(pair.schedule)),
        ("Live", if pair.live { "yes" } else { "no" }.to_owned()),
        ("Conflicts", conflicts(pair)),
    ];
    if let Some(group) = &pair.group {
        rows.insert(1, ("Hub", group.name.clone()));
    }
    if let Some(at) = pair.next_run_ms {
        rows.push(("Next", time(at)));
    }
    rows.extend(left_out(&pair.rules));
    rows.push(("Links", links(pair.links).to_owned()));
    rows.push(("Permissions", if pair.modes { "carried over" } else { "left alone" }.to_owned()));
    rows.push(("Attributes", if pair.attributes { "carried over" } else { "left alone" }.to_owned()));
    let brakes = &pair.brakes;
    rows.push((
        "Halts at",
        format!(
            "more than {} items and {} % removed; more than {} files and {} % rewritten; less than {} free",
            number(brakes.removed_items),
            brakes.removed_percent,
            number(brakes.rewritten_files),
            brakes.rewritten_percent,
            size(brakes.reserve_bytes)
        ),
    ));
    let bin = &pair.bin;
    let limit = bin.limit_bytes.map_or("any size".to_owned(), |bytes| format!("at most {}", size(bytes)));
    rows.push((
        "Bin",
        format!(
            "all of {} days, then one a day for {}, then one a week for {}; {limit}",
            bin.keep_all_days, bin.keep_daily_days, bin.keep_weekly_days
        ),
    ));
    rows.push(("Speed", speed(&pair.bandwidth)));
    output::facts(&rows)
}

fn left_out(rules: &SyncRules) -> Vec<(&'static str, String)> {
    let mut rows = Vec::new();
    if !rules.folders.is_empty() {
        rows.push(("Only", rules.folders.join(", ")));
    }
    if !rules.exclude.is_empty() {
        rows.push(("Left out", rules.exclude.join(", ")));
    }
    let age = |minutes: u32| match minutes {
        minutes if minutes % 1_440 == 0 => format!("{} days", minutes / 1_440),
        minutes if minutes % 60 == 0 => format!("{} hours", minutes / 60),
        minutes => format!("{minutes} minutes"),
    };
    let files: Vec<String> = [
        rules.max_file_bytes.map(|bytes| format!("larger than {}", size(bytes))),
        rules.min_age_minutes.map(|minutes| format!("changed in the last {}", age(minutes))),
        rules.max_age_days.map(|days| format!("not changed for {days} days")),
    ]
    .into_iter()
    .flatten()
    .collect();
    if !files.is_empty() {
        rows.push(("No files", files.join(", ")));
    }
    rows
}

fn speed(bandwidth: &SyncBandwidth) -> String {
    let rate =
        |bytes: Option<Count>| bytes.map_or("no limit".to_owned(), |bytes| format!("{}/s", size(bytes)));
    let mut parts = vec![rate(bandwidth.usual_bytes_per_second)];
    let window = |window: &SyncWindow| format!("{} {}", window_words(window), rate(window.bytes_per_second));
    parts.extend(bandwidth.windows.iter().map(window));
    parts.join("; ")
}

fn conflicts(pair: &SyncPair) -> String {
    let way = |policy: ConflictPolicy| match policy {
        ConflictPolicy::Ask => "ask",
        ConflictPolicy::KeepBoth => "both stay",
        ConflictPolicy::Newest => "the newer one stays",
        ConflictPolicy::Left => "the left one stays",
        ConflictPolicy::Right => "the right one stays",
    };
    let mut parts = vec![way(pair.conflicts).to_owned()];
    parts.extend(pair.conflict_rules.iter().map(|rule| format!("{}: {}", rule.pattern, way(rule.policy))));
    parts.join("; ")
}

fn links(links: SyncLinks) -> &'static str {
    match links {
        SyncLinks::Keep => "kept as links",
        SyncLinks::Follow => "followed, inside the folder",
        SyncLinks::Skip => "left out",
    }
}

fn mode(mode: SyncMode) -> &'static str {
    match mode {
        SyncMode::TwoWay => "two-way",
        SyncMode::Mirror => "mirror",
        SyncMode::Update => "update",
        SyncMode::MoveIn => "move-in",
    }
}
