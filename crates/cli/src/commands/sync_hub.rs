//! Hubs: several places kept the same through one. Made by `sync add HUB A B C`; run, changed, held and forgotten by
//! name.

use std::collections::BTreeMap;
use std::ffi::OsString;

use keepwell_api::dto::Nothing;
use keepwell_api::dto::sync::{
    SyncGroup, SyncGroupGet, SyncHold, SyncHubChange, SyncHubPlace, SyncHubSave, SyncPair, SyncPairSave,
};
use keepwell_api::{ApiError, Commands};

use super::sync_run::{self, Meant};
use super::{sync_add, sync_list, sync_remove, sync_show};
use crate::arguments_pair::PairRules;
use crate::arguments_sync::SyncRun;
use crate::context::Context;
use crate::documents::Documents;
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

/// The pairs of a name: all those of a hub, or the one.
///
/// # Errors
/// There is none, or there are several of that name.
pub fn pairs(context: &Context, name: &str) -> Result<Vec<SyncPair>, ApiError> {
    match find(context, name)? {
        Some(hub) => Ok(hub.pairs),
        None => Ok(vec![sync_list::find(context, name)?]),
    }
}

/// The pair of a name, where only one can be meant.
///
/// # Errors
/// It is a hub, there is none, or there are several.
pub fn single(context: &Context, name: &str) -> Result<SyncPair, ApiError> {
    match find(context, name)? {
        Some(hub) => match <[SyncPair; 1]>::try_from(hub.pairs.clone()) {
            Ok([pair]) => Ok(pair),
            Err(_) => Err(name_a_pair(context, &hub)),
        },
        None => sync_list::find(context, name),
    }
}

fn name_a_pair(context: &Context, hub: &Hub) -> ApiError {
    let names: Vec<String> = hub
        .pairs
        .iter()
        .map(|pair| match sync_list::word(context, pair) {
            word if sync_list::label(context, pair) == pair.name => word,
            word => format!("{word} ({})", pair.right.address.display),
        })
        .collect();
    ApiError::bad_request(format!("\"{}\" is a hub of several pairs.", hub.group.name))
        .hint(format!("Name one of them: {}", names.join(", ")))
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
        output::line(match sync_list::label(context, pair) {
            label if label == pair.name => format!("The pair \"{label}\" is made."),
            label => format!("The pair {label} is made."),
        });
    }
    output::line("Nothing was changed in any place.");
    output::line(format!("Keep them the same: keepwell sync run \"{name}\""));
    if let Some(words) = made.pairs.first().and_then(sync_add::runs_by_itself) {
        output::line(words);
    }
    Ok(Ending::Done)
}

fn known(context: &Context, name: &str) -> Result<Hub, ApiError> {
    find(context, name)?.ok_or_else(|| {
        ApiError::not_found(format!("There is no hub \"{name}\".")).hint("See: keepwell sync list")
    })
}

/// Runs every pair of a hub, then all but the last once more: what the later ones brought reaches the earlier ones. One that
/// is held or fails keeps none of the others from its run, and is not run once more. As JSON it is the list of these runs;
/// of a preview the rows of each pair under its id.
pub fn run(context: &Context, hub: &Hub, arguments: &SyncRun) -> Result<Ending, ApiError> {
    let name = &hub.group.name;
    if arguments.rules != PairRules::default() {
        return Err(ApiError::bad_request(format!("\"{name}\" is a hub: all of its pairs work alike."))
            .hint(format!("Change them first: keepwell sync change \"{name}\"")));
    }
    // A plan, and what is to be brought back, are one pair's.
    if arguments.plan.is_some() || arguments.bring_back_from.is_some() {
        return Err(name_a_pair(context, hub));
    }
    let again = &hub.pairs[..hub.pairs.len().saturating_sub(1)];
    let documents =
        if arguments.preview { Documents::named(context.json) } else { Documents::list(context.json) };
    let mut endings: BTreeMap<&str, Ending> = BTreeMap::new();
    let mut asks = None;
    for (round, pairs) in [hub.pairs.as_slice(), again].into_iter().enumerate() {
        for pair in pairs {
            let before = endings.get(pair.id.as_str()).copied().unwrap_or(Ending::Done);
            if before.is_no_success() {
                continue;
            }
            if !context.json {
                let name = sync_list::label(context, pair);
                output::line(format!("{name}{}", if round == 0 { "" } else { ", once more" }));
            }
            let meant = Meant::known(pair.clone(), &PairRules::default());
            let ending = match sync_run::run_pair(context, &meant, arguments, &documents) {
                Ok(ending) => ending,
                Err(error) => {
                    let ending = Ending::of_error(&error);
                    if error.server.is_some() {
                        // Asked when the others had their run.
                        asks = asks.or(Some(error));
                    } else {
                        output::error(&error);
                    }
                    ending
                }
            };
            if ending == Ending::Cancelled {
                return Ok(ending);
            }
            // What the second round found counts: only what is still so.
            endings.insert(&pair.id, ending);
        }
        // A preview changes nothing, so there is nothing to carry on.
        if arguments.preview {
            break;
        }
    }
    if let Some(error) = asks {
        return Err(error);
    }
    for pair in &hub.pairs {
        let how = match endings.get(pair.id.as_str()) {
            Some(Ending::Halted) => "is halted by a safety brake",
            Some(Ending::Failed) => "failed",
            Some(Ending::Problems) => "ended with problems or conflicts that wait",
            _ => continue,
        };
        output::note(match sync_list::label(context, pair) {
            label if label == pair.name => format!("\"{label}\" {how}."),
            label => format!("{label} {how}."),
        });
    }
    Ok(endings.into_values().reduce(Ending::worse).unwrap_or(Ending::Done))
}

/// Holds every pair of a hub, or lets it go on.
pub fn hold(context: &Context, group_id: String, paused: bool) -> Result<Vec<SyncPair>, ApiError> {
    let is_meant = |pair: &SyncPair| pair.group.as_ref().is_some_and(|group| group.id == group_id);
    let all = context.api.sync_hold(SyncHold { group_id: Some(group_id.clone()), paused })?.pairs;
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
        output::line(format!("{}:", sync_list::label(context, pair)));
        output::line(sync_show::facts(pair));
    }
    Ok(Ending::Done)
}

pub fn remove(context: &Context, hub: &Hub) -> Result<Ending, ApiError> {
    let refused = |error| {
        sync_remove::how_to_stop(context, error, |pair| hub.pairs.iter().any(|of_hub| of_hub.id == pair.id))
    };
    context.api.sync_hub_remove(SyncGroupGet { group_id: hub.group.id.clone() }).map_err(refused)?;
    if context.json {
        let ids: Vec<&str> = hub.pairs.iter().map(|pair| pair.id.as_str()).collect();
        output::json(&serde_json::json!({ "removed": ids }))?;
    } else {
        output::line(format!("The hub \"{}\" is forgotten. All places stay as they are.", hub.group.name));
        output::note(sync_remove::BINS_STAY);
    }
    Ok(Ending::Done)
}
