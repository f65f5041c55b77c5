//! `keepwell sync add LEFT RIGHT`

use std::ffi::OsStr;

use keepwell_api::dto::Nothing;
use keepwell_api::dto::plan::Schedule;
use keepwell_api::dto::sync::{ConflictPolicy, SyncMode, SyncPair, SyncPairSave, SyncRules};
use keepwell_api::{ApiError, Commands};

use super::sync_list;
use crate::arguments_sync::{Conflict, Mode, PairRules, SyncAdd};
use crate::context::Context;
use crate::ending::Ending;
use crate::{output, paths};

pub fn run(context: &Context, arguments: SyncAdd) -> Result<Ending, ApiError> {
    let schedule = match (arguments.every, arguments.daily, arguments.weekly) {
        (Some(hours), _, _) => Schedule::EveryHours { hours },
        (_, Some(at_minutes), _) => Schedule::Daily { at_minutes },
        (_, _, Some((weekday, at_minutes))) => Schedule::Weekly { weekday, at_minutes },
        (None, None, None) => Schedule::Manual,
    };
    let mut request = new_pair(&arguments.left, &arguments.right, &arguments.rules);
    request.name = arguments.name;
    request.schedule = Some(schedule);
    request.live = Some(arguments.live);
    let pair = context.api.sync_pair_save(request)?;
    if context.json {
        output::json(&pair)?;
        return Ok(Ending::Done);
    }
    output::line(format!("The pair \"{}\" is made. Nothing was changed in either place.", pair.name));
    output::line(format!("See what a run would do: keepwell sync run \"{}\" --preview", pair.name));
    Ok(Ending::Done)
}

/// The request for a new pair.
pub fn new_pair(left: &OsStr, right: &OsStr, rules: &PairRules) -> SyncPairSave {
    SyncPairSave {
        id: None,
        name: None,
        left: paths::place(left),
        right: paths::place(right),
        left_access: None,
        right_access: None,
        mode: rules.mode.map_or(SyncMode::TwoWay, mode),
        conflicts: rules.conflict.map_or(ConflictPolicy::Ask, conflict),
        conflict_rules: None,
        links: None,
        rules: Some(SyncRules {
            exclude: rules.exclude.clone(),
            max_file_bytes: None,
            max_age_days: None,
            folders: Vec::new(),
        }),
        brakes: None,
        schedule: None,
        live: None,
    }
}

/// The pair of two places, if there is one.
pub fn known(context: &Context, left: &OsStr, right: &OsStr) -> Result<Option<SyncPair>, ApiError> {
    let (left, right) = (paths::place(left), paths::place(right));
    let pairs = context.api.sync_pairs(Nothing {})?.pairs;
    Ok(pairs.into_iter().find(|pair| pair.left.address.path == left && pair.right.address.path == right))
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
        rules: None,
        brakes: None,
        schedule: None,
        live: None,
    }
}

/// Changes a pair as the arguments say, where they say something.
pub fn adapted(context: &Context, pair: SyncPair, rules: &PairRules) -> Result<SyncPair, ApiError> {
    if rules.mode.is_none() && rules.conflict.is_none() && rules.exclude.is_empty() {
        return Ok(pair);
    }
    let mut request = change(&pair);
    request.mode = rules.mode.map_or(pair.mode, mode);
    request.conflicts = rules.conflict.map_or(pair.conflicts, conflict);
    if !rules.exclude.is_empty() {
        request.rules = Some(SyncRules { exclude: rules.exclude.clone(), ..pair.rules });
    }
    context.api.sync_pair_save(request)
}

/// The pair that arguments mean: of two places, made where there is none; or of a name.
pub fn meant(
    context: &Context,
    left: &OsStr,
    right: Option<&OsStr>,
    rules: &PairRules,
) -> Result<SyncPair, ApiError> {
    match right {
        None => adapted(context, sync_list::find(context, &left.to_string_lossy())?, rules),
        Some(right) => match known(context, left, right)? {
            Some(pair) => adapted(context, pair, rules),
            None => context.api.sync_pair_save(new_pair(left, right, rules)),
        },
    }
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
