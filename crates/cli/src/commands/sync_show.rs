//! `keepwell sync show PAIR`

use keepwell_api::dto::sync::{
    ConflictPolicy, SyncBandwidth, SyncDiffers, SyncLinks, SyncLive, SyncMode, SyncPair, SyncRules,
    SyncWindow,
};
use keepwell_api::dto::sync_bin::{SyncRunRow, SyncRunsGet};
use keepwell_api::{ApiError, Commands, Count};

use super::{plan_list, sync_hub, sync_list, sync_resolve, sync_undo};
use crate::arguments_pair::window_words;
use crate::arguments_sync::PairName;
use crate::context::Context;
use crate::ending::Ending;
use crate::output::{self, counted, size, time};

/// Runs that are shown.
const RUNS: u32 = 10;

pub fn run(context: &Context, arguments: &PairName) -> Result<Ending, ApiError> {
    if let Some(hub) = sync_hub::find(context, &arguments.pair)? {
        if context.json {
            output::json(&serde_json::json!({ "hub": hub.group, "pairs": hub.pairs }))?;
            return Ok(Ending::Done);
        }
        for pair in &hub.pairs {
            show(context, pair)?;
        }
        return Ok(Ending::Done);
    }
    let pair = sync_list::find(context, &arguments.pair)?;
    if context.json {
        output::json(&serde_json::json!({ "pair": pair, "runs": runs(context, &pair)? }))?;
    } else {
        show(context, &pair)?;
    }
    Ok(Ending::Done)
}

fn runs(context: &Context, pair: &SyncPair) -> Result<Vec<SyncRunRow>, ApiError> {
    let request = SyncRunsGet { pair_id: pair.id.clone(), offset: None, limit: Some(RUNS) };
    Ok(context.api.sync_runs(request)?.runs)
}

fn show(context: &Context, pair: &SyncPair) -> Result<(), ApiError> {
    output::line(pair.name.as_str());
    output::line(facts(pair));
    if let Some(error) = pair.last_run.as_ref().and_then(|last| last.error.as_ref()) {
        output::error(error);
    }
    if pair.conflicts_waiting.0 > 0 || pair.differs == Some(SyncDiffers::Decided) {
        output::line("\nConflicts");
        sync_resolve::print(&sync_resolve::all(context, pair)?);
    }
    let runs = runs(context, pair)?;
    if !runs.is_empty() {
        output::line("\nRuns that changed something");
        sync_undo::print(&runs);
    }
    Ok(())
}

/// Whether changes are carried over as they happen, and what comes of that now.
fn live(pair: &SyncPair) -> &'static str {
    match pair.watched {
        _ if !pair.live => "no",
        SyncLive::Off => "yes",
        SyncLive::Watching => "yes; changes are noticed as they happen",
        SyncLive::Scanning => {
            "yes; looked at about once a minute, the system does not tell of all changes here"
        }
        SyncLive::Asleep => "yes; nothing watches it now: open Keepwell, or keepwell sync watch",
    }
}

/// Everything about how a pair works; what is as new pairs have it and seldom matters is not named.
pub fn facts(pair: &SyncPair) -> String {
    let mut rows = vec![
        ("Pair", pair.id.clone()),
        ("Left", pair.left.address.display.clone()),
        ("Right", pair.right.address.display.clone()),
        ("State", sync_list::state(pair)),
        ("Runs", plan_list::schedule_words(pair.schedule)),
        ("Live", live(pair).to_owned()),
    ];
    if let Some(group) = &pair.group {
        rows.insert(1, ("Hub", group.name.clone()));
    }
    if let Some(at) = pair.next_run_ms {
        rows.push(("Next", time(at)));
    }
    rows.extend(options(pair));
    output::facts(&rows)
}

/// What a run may be asked for in other words than the pair's.
pub fn options(pair: &SyncPair) -> Vec<(&'static str, String)> {
    let mut rows = vec![("Mode", mode(pair.mode).to_owned()), ("Conflicts", conflicts(pair))];
    rows.extend(left_out(&pair.rules));
    rows.push(("Links", links(pair.links).to_owned()));
    rows.push(("Permissions", if pair.modes { "carried over" } else { "left alone" }.to_owned()));
    rows.push(("Attributes", if pair.attributes { "carried over" } else { "left alone" }.to_owned()));
    let brakes = &pair.brakes;
    rows.push((
        "Halts at",
        format!(
            "more than {} and {} % removed; more than {} and {} % rewritten; less than {} free",
            counted(brakes.removed_items, "item", "items"),
            brakes.removed_percent,
            counted(brakes.rewritten_files, "file", "files"),
            brakes.rewritten_percent,
            size(brakes.reserve_bytes)
        ),
    ));
    let bin = &pair.bin;
    let limit = bin.limit_bytes.map_or("any size".to_owned(), |bytes| format!("at most {}", size(bytes)));
    rows.push((
        "Bin",
        format!(
            "all of {}, then one a day for {}, then one a week for {}; {limit}",
            days(bin.keep_all_days),
            days(bin.keep_daily_days),
            days(bin.keep_weekly_days)
        ),
    ));
    rows.push(("Speed", speed(&pair.bandwidth)));
    rows
}

fn days(days: u32) -> String {
    counted(Count(u64::from(days)), "day", "days")
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
        minutes if minutes % 1_440 == 0 => days(minutes / 1_440),
        minutes if minutes % 60 == 0 => counted(Count(u64::from(minutes / 60)), "hour", "hours"),
        minutes => counted(Count(u64::from(minutes)), "minute", "minutes"),
    };
    let files: Vec<String> = [
        rules.max_file_bytes.map(|bytes| format!("larger than {}", size(bytes))),
        rules.min_age_minutes.map(|minutes| format!("changed in the last {}", age(minutes))),
        rules.max_age_days.map(|age| format!("not changed for {}", days(age))),
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
