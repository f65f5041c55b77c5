//! Hubs: several places kept the same through one. Made by `sync add HUB A B C`; run, changed, held and forgotten by
//! name.

use std::ffi::OsString;

use keepwell_api::dto::Nothing;
use keepwell_api::dto::sync::{
    SyncGroup, SyncGroupGet, SyncHold, SyncHubChange, SyncHubPlace, SyncHubSave, SyncPair, SyncPairSave,
};
use keepwell_api::{ApiError, Commands};

use super::{sync_remove, sync_run, sync_show};
use crate::arguments_sync::SyncRun;
use crate::context::Context;
use crate::ending::Ending;
use crate::{output, paths};

/// A hub and its pairs.
pub struct Hub {
    pub group: SyncGroup,
    pub pairs: Vec<SyncPair>,
}

/// The hub of a name; nothing where there is none.
///
/// # Errors
/// The engine refused, or there are several of that name.
pub fn find(context: &Context, name: &str) -> Result<Option<Hub>, ApiError> {
    let mut hubs: Vec<Hub> = Vec::new();
    for pair in context.api.sync_pairs(Nothing {})?.pairs {
        let Some(group) = pair.group.clone().filter(|group| group.name == name) else { continue };
        match hubs.iter_mut().find(|hub| hub.group.id == group.id) {
            Some(hub) => hub.pairs.push(pair),
            None => hubs.push(Hub { group, pairs: vec![pair] }),
        }
    }
    if hubs.len() > 1 {
        return Err(ApiError::bad_request(format!("Several hubs are called \"{name}\"."))
            .hint("Name one of their pairs instead: keepwell sync list"));
    }
    Ok(hubs.pop())
}

pub fn add(
    context: &Context,
    pair: SyncPairSave,
    more: &[OsString],
    name: Option<String>,
    hub: Option<&str>,
) -> Result<Ending, ApiError> {
    let group_id = match hub {
        Some(name) => Some(known(context, name)?.group.id),
        None => None,
    };
    let more = more.iter().map(|place| SyncHubPlace { place: paths::place(place), access: None }).collect();
    let made = context.api.sync_hub_save(SyncHubSave { group_id, name, pair, more })?;
    if context.json {
        output::json(&made)?;
        return Ok(Ending::Done);
    }
    let name =
        made.pairs.first().and_then(|pair| pair.group.as_ref()).map_or("", |group| group.name.as_str());
    for pair in &made.pairs {
        output::line(format!("The pair \"{}\" is made.", pair.name));
    }
    output::line("Nothing was changed in any place.");
    output::line(format!("Keep them the same: keepwell sync run \"{name}\""));
    Ok(Ending::Done)
}

fn known(context: &Context, name: &str) -> Result<Hub, ApiError> {
    find(context, name)?.ok_or_else(|| {
        ApiError::not_found(format!("There is no hub \"{name}\".")).hint("See: keepwell sync list")
    })
}

/// Runs every pair of a hub, then all but the last once more: what the later ones brought reaches the earlier ones.
pub fn run(context: &Context, hub: &Hub, arguments: &SyncRun) -> Result<Ending, ApiError> {
    let again = &hub.pairs[..hub.pairs.len().saturating_sub(1)];
    let mut worst = Ending::Done;
    for (round, pairs) in [hub.pairs.as_slice(), again].into_iter().enumerate() {
        for pair in pairs {
            if !context.json {
                output::line(format!("{}{}", pair.name, if round == 0 { "" } else { ", once more" }));
            }
            let ending = sync_run::run_pair(context, pair, arguments)?;
            if matches!(ending, Ending::Halted | Ending::Cancelled) {
                return Ok(ending);
            }
            if ending != Ending::Done {
                worst = ending;
            }
        }
        // A preview changes nothing, so there is nothing to carry on.
        if arguments.preview {
            break;
        }
    }
    Ok(worst)
}

pub fn hold(context: &Context, group_id: Option<String>, paused: bool) -> Result<Vec<SyncPair>, ApiError> {
    let is_meant = |pair: &SyncPair| match &group_id {
        Some(id) => pair.group.as_ref().is_some_and(|group| group.id == *id),
        None => true,
    };
    let all = context.api.sync_hold(SyncHold { group_id: group_id.clone(), paused })?.pairs;
    Ok(all.into_iter().filter(is_meant).collect())
}

/// Changes how all pairs of a hub work, and its name.
pub fn change(
    context: &Context,
    hub: &Hub,
    name: Option<String>,
    pairs: Vec<SyncPairSave>,
) -> Result<Ending, ApiError> {
    let group_id = hub.group.id.clone();
    let changed = context.api.sync_hub_change(SyncHubChange { group_id, name, pairs })?;
    if context.json {
        output::json(&changed)?;
        return Ok(Ending::Done);
    }
    let first = changed.pairs.first();
    let name = first.and_then(|pair| pair.group.as_ref()).map_or("", |group| group.name.as_str());
    output::line(format!("All pairs of the hub \"{name}\" are changed. Nothing was changed in any place."));
    for pair in &changed.pairs {
        output::line(format!("{}:", pair.name));
        output::line(sync_show::facts(pair));
    }
    Ok(Ending::Done)
}

pub fn remove(context: &Context, hub: &Hub) -> Result<Ending, ApiError> {
    context.api.sync_hub_remove(SyncGroupGet { group_id: hub.group.id.clone() })?;
    if context.json {
        let ids: Vec<&str> = hub.pairs.iter().map(|pair| pair.id.as_str()).collect();
        output::json(&serde_json::json!({ "removed": ids }))?;
    } else {
        output::line(format!("The hub \"{}\" is forgotten. All places stay as they are.", hub.group.name));
        output::note(sync_remove::BINS_STAY);
    }
    Ok(Ending::Done)
}
