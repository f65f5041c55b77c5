//! `keepwell sync add LEFT RIGHT`

use std::ffi::OsStr;

use keepwell_api::dto::plan::Schedule;
use keepwell_api::dto::sync::{
    ConflictPolicy, ConflictRule, SyncBandwidth, SyncBinLimits, SyncBrakeLimits, SyncLinks, SyncMode,
    SyncPair, SyncPairSave, SyncRules,
};
use keepwell_api::{ApiError, Commands, Count};

use super::{sync_hub, sync_list};
use crate::arguments_pair::{Conflict, Links, Mode, OnOff, PairRules};
use crate::arguments_sync::{PairWhen, SyncAdd};
use crate::context::Context;
use crate::ending::Ending;
use crate::{output, paths};

pub fn run(context: &Context, arguments: SyncAdd) -> Result<Ending, ApiError> {
    let [right, more @ ..] = arguments.rights.as_slice() else {
        return Err(ApiError::bad_request("A pair has two places."));
    };
    let mut request = new_pair(&arguments.left, right, &arguments.rules);
    request.schedule = Some(schedule(&arguments.when).unwrap_or(Schedule::Manual));
    request.live = Some(arguments.when.live);
    if !more.is_empty() || arguments.hub.is_some() {
        return sync_hub::add(context, request, more, arguments.name, arguments.hub.as_deref());
    }
    request.name = arguments.name;
    let pair = context.api.sync_pair_save(request)?;
    if context.json {
        output::json(&pair)?;
        return Ok(Ending::Done);
    }
    output::line(format!("The pair \"{}\" is made. Nothing was changed in either place.", pair.name));
    let word = sync_list::word(context, &pair);
    output::line(format!("See what a run would do: keepwell sync run {word} --preview"));
    if let Some(words) = runs_by_itself(&pair) {
        output::line(words);
    }
    Ok(Ending::Done)
}

/// What runs a pair that is not only run by hand.
pub fn runs_by_itself(pair: &SyncPair) -> Option<&'static str> {
    (pair.live || pair.schedule != Schedule::Manual).then_some(
        "It runs by itself while Keepwell is open (its window, or the tray) or while this runs: keepwell sync watch",
    )
}

/// When a pair runs by the clock, where the arguments say so.
pub fn schedule(when: &PairWhen) -> Option<Schedule> {
    match (when.every, when.daily, when.weekly) {
        (Some(hours), _, _) => Some(Schedule::EveryHours { hours }),
        (_, Some(at_minutes), _) => Some(Schedule::Daily { at_minutes }),
        (_, _, Some((weekday, at_minutes))) => Some(Schedule::Weekly { weekday, at_minutes }),
        (None, None, None) => None,
    }
}

/// The request for a new pair.
pub fn new_pair(left: &OsStr, right: &OsStr, rules: &PairRules) -> SyncPairSave {
    let mut request = SyncPairSave {
        id: None,
        name: None,
        left: paths::place(left),
        right: paths::place(right),
        left_access: None,
        right_access: None,
        mode: SyncMode::TwoWay,
        conflicts: ConflictPolicy::Ask,
        conflict_rules: None,
        links: None,
        modes: None,
        attributes: None,
        rules: None,
        brakes: None,
        bin: None,
        bandwidth: None,
        schedule: None,
        live: None,
    };
    apply(rules, &mut request, Before::default());
    request
}

/// What a pair had where flags change only a part of it.
#[derive(Default)]
struct Before {
    rules: SyncRules,
    brakes: SyncBrakeLimits,
    bin: SyncBinLimits,
    bandwidth: SyncBandwidth,
}

/// Puts what the flags say into a request; what they do not name stays.
fn apply(flags: &PairRules, request: &mut SyncPairSave, before: Before) {
    let on = |switch: OnOff| switch == OnOff::On;
    request.mode = flags.mode.map_or(request.mode, mode);
    request.conflicts = flags.conflict.map_or(request.conflicts, conflict);
    request.links = flags.links.map(links);
    request.modes = flags.permissions.map(on);
    request.attributes = flags.attributes.map(on);
    if !flags.conflict_at.is_empty() {
        let rule = |(pattern, way): &(String, Conflict)| ConflictRule {
            pattern: pattern.clone(),
            policy: conflict(*way),
        };
        request.conflict_rules = Some(flags.conflict_at.iter().flatten().map(rule).collect());
    }
    let rules = left_out(flags, before.rules.clone());
    request.rules = (rules != before.rules).then_some(rules);
    let brakes = SyncBrakeLimits {
        removed_items: flags.halt_removed.map_or(before.brakes.removed_items, Count),
        removed_percent: flags.halt_removed_percent.unwrap_or(before.brakes.removed_percent),
        rewritten_files: flags.halt_rewritten.map_or(before.brakes.rewritten_files, Count),
        rewritten_percent: flags.halt_rewritten_percent.unwrap_or(before.brakes.rewritten_percent),
        reserve_bytes: flags.keep_free.unwrap_or(before.brakes.reserve_bytes),
    };
    request.brakes = (brakes != before.brakes).then_some(brakes);
    let bin = SyncBinLimits {
        keep_all_days: flags.bin_all.unwrap_or(before.bin.keep_all_days),
        keep_daily_days: flags.bin_daily.unwrap_or(before.bin.keep_daily_days),
        keep_weekly_days: flags.bin_weekly.unwrap_or(before.bin.keep_weekly_days),
        limit_bytes: flags.bin_size.map_or(before.bin.limit_bytes, |limit| limit.0),
    };
    request.bin = (bin != before.bin).then_some(bin);
    let bandwidth = SyncBandwidth {
        usual_bytes_per_second: flags
            .bandwidth
            .map_or(before.bandwidth.usual_bytes_per_second, |limit| limit.0),
        windows: match flags.bandwidth_at.is_empty() {
            true => before.bandwidth.windows.clone(),
            false => flags.bandwidth_at.iter().flatten().cloned().collect(),
        },
    };
    request.bandwidth = (bandwidth != before.bandwidth).then_some(bandwidth);
}

/// What is left out, after the flags; a list that is given replaces the one there was.
fn left_out(flags: &PairRules, before: SyncRules) -> SyncRules {
    let list = |given: &[String], before: Vec<String>| match given {
        [] => before,
        given => given.iter().filter(|text| !text.is_empty()).cloned().collect(),
    };
    SyncRules {
        exclude: list(&flags.exclude, before.exclude),
        folders: list(&flags.folder, before.folders)
            .into_iter()
            .map(|folder| folder.trim_matches('/').to_owned())
            .collect(),
        max_file_bytes: flags.max_size.map_or(before.max_file_bytes, |limit| limit.0),
        min_age_minutes: flags.min_age.map_or(before.min_age_minutes, |limit| limit.0),
        max_age_days: flags.max_age.map_or(before.max_age_days, |limit| limit.0),
    }
}

/// A pair as a request that changes it; what is not named stays.
pub fn change(pair: &SyncPair) -> SyncPairSave {
    SyncPairSave {
        id: Some(pair.id.clone()),
        name: Some(pair.name.clone()),
        left: pair.left.address.path.clone(),
        right: pair.right.address.path.clone(),
        left_access: None,
        right_access: None,
        mode: pair.mode,
        conflicts: pair.conflicts,
        conflict_rules: None,
        links: None,
        modes: None,
        attributes: None,
        rules: None,
        brakes: None,
        bin: None,
        bandwidth: None,
        schedule: None,
        live: None,
    }
}

/// A pair as a request that changes it as the flags say.
pub fn changed(pair: &SyncPair, flags: &PairRules) -> SyncPairSave {
    let mut request = change(pair);
    let before = Before {
        rules: pair.rules.clone(),
        brakes: pair.brakes.clone(),
        bin: pair.bin.clone(),
        bandwidth: pair.bandwidth.clone(),
    };
    apply(flags, &mut request, before);
    request
}

fn mode(mode: Mode) -> SyncMode {
    match mode {
        Mode::TwoWay => SyncMode::TwoWay,
        Mode::Mirror => SyncMode::Mirror,
        Mode::Update => SyncMode::Update,
        Mode::MoveIn => SyncMode::MoveIn,
    }
}

fn conflict(conflict: Conflict) -> ConflictPolicy {
    match conflict {
        Conflict::Ask => ConflictPolicy::Ask,
        Conflict::Both => ConflictPolicy::KeepBoth,
        Conflict::Newest => ConflictPolicy::Newest,
        Conflict::Left => ConflictPolicy::Left,
        Conflict::Right => ConflictPolicy::Right,
    }
}

fn links(links: Links) -> SyncLinks {
    match links {
        Links::Keep => SyncLinks::Keep,
        Links::Follow => SyncLinks::Follow,
        Links::Skip => SyncLinks::Skip,
    }
}
