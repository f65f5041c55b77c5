//! Several places kept the same through one hub: pairs with the same first place, made and run together.
//!
//! Invariant: either all pairs of a request are made or changed, or none. Deliberately not here: how the other pairs learn of a
//! changed hub (`jobs::hub`).

use keepwell_catalog::Catalog;
use keepwell_jobs::pairs::{PairGroup, real_place};
use keepwell_jobs::{PairDefinition, Trees, hub};
use keepwell_model::PairId;
use keepwell_sync::pair::PlaceSpec;

use super::repository;
use super::sync::{all_paused, pair, place, refuse_taken, start, sync_pairs, wake};
use super::sync_save::{
    address, change, changed_record, keep_accesses, new_record, refuse_more, refuse_the_same, wanted,
};
use crate::convert;
use crate::dto::sync::{
    SyncGroupGet, SyncHubChange, SyncHubSave, SyncMode, SyncPair, SyncPairSave, SyncPairs,
};
use crate::dto::{Done, Nothing};
use crate::error::ApiError;
use crate::open::Api;
use crate::path_text;

/// Places of one hub.
const PLACES_LIMIT: usize = 50;

/// The pairs of a group that is there.
fn members(api: &Api, text: &str) -> Result<(PairId, Vec<PairDefinition>), ApiError> {
    let id = convert::pair_id(text)?;
    let members: Vec<PairDefinition> =
        hub::pairs_of(&api.catalog, id)?.into_iter().map(|(_, definition)| definition).collect();
    if members.is_empty() {
        return Err(
            ApiError::not_found("This hub is not known (any more).").hint("Look at the list of pairs.")
        );
    }
    Ok((id, members))
}

fn group(
    api: &Api,
    request: &SyncHubSave,
    old: Option<&(PairId, Vec<PairDefinition>)>,
) -> Result<PairGroup, ApiError> {
    if let Some((id, members)) = old {
        let known = members.first().and_then(|member| member.group.clone());
        return Ok(known.unwrap_or(PairGroup { id: *id, name: String::new() }));
    }
    let hub = PlaceSpec { address: address(&request.pair.left)?.to_string(), ..PlaceSpec::default() };
    let name = given_name(request.name.as_deref())?.unwrap_or_else(|| place(api, &hub).name);
    Ok(PairGroup { id: Catalog::new_pair_id()?, name })
}

/// The name in a request; nothing where it gives none.
fn given_name(name: Option<&str>) -> Result<Option<String>, ApiError> {
    let given = name.map(str::trim).filter(|name| !name.is_empty());
    if given.is_some_and(|name| name.chars().count() > repository::LABEL_LIMIT) {
        let limit = repository::LABEL_LIMIT;
        return Err(ApiError::bad_request(format!("A hub's name has 1 to {limit} letters.")));
    }
    Ok(given.map(str::to_owned))
}

pub(crate) fn sync_hub_change(api: &Api, request: SyncHubChange) -> Result<SyncPairs, ApiError> {
    let id = convert::pair_id(&request.group_id)?;
    members(api, &request.group_id)?;
    let name = given_name(request.name.as_deref())?;
    let now_ms = api.now_ms();
    let (mut wishes, accesses) = (request.pairs.clone(), request.pairs);
    let mut new = Vec::new();
    for (record, before) in hub::pairs_of(&api.catalog, id)? {
        let is_meant = |wish: &SyncPairSave| wish.id.as_deref() == Some(record.id.to_string().as_str());
        let mut definition = match wishes.iter().position(is_meant).map(|at| wishes.remove(at)) {
            Some(wish) if wish.mode != SyncMode::TwoWay => {
                return Err(ApiError::bad_request("Through a hub changes go both ways.")
                    .hint("For one way, make a pair of its own of the two places."));
            }
            Some(wish) => wanted(api, wish, Some(&before))?,
            None => before.clone(),
        };
        if let (Some(group), Some(name)) = (&mut definition.group, &name) {
            group.name.clone_from(name);
        }
        if definition != before {
            let old = (record, before);
            new.push((changed_record(&old, &definition, now_ms)?, old.1, definition));
        }
    }
    if !wishes.is_empty() {
        return Err(ApiError::bad_request("One of these pairs is not of this hub. Nothing was changed.")
            .hint("Look at the list of pairs."));
    }
    for wish in &accesses {
        keep_accesses(api, wish)?;
    }
    for (record, before, now) in &new {
        change(api, record, before, now)?;
    }
    wake(api);
    let pairs: Result<Vec<SyncPair>, ApiError> =
        hub::pairs_of(&api.catalog, id)?.iter().map(|(record, _)| pair(api, record)).collect();
    Ok(SyncPairs { pairs: pairs?, all_paused: all_paused(api)? })
}

pub(crate) fn sync_hub_save(api: &Api, request: SyncHubSave) -> Result<SyncPairs, ApiError> {
    if request.pair.id.is_some() || request.pair.mode != SyncMode::TwoWay {
        return Err(ApiError::bad_request("The pairs of a hub are new, and changes go both ways."));
    }
    if request.more.len() >= PLACES_LIMIT {
        return Err(ApiError::bad_request(format!("A hub has at most {PLACES_LIMIT} places.")));
    }
    let old = request.group_id.as_deref().map(|id| members(api, id)).transpose()?;
    let mut request = request;
    if let Some(first) = old.as_ref().and_then(|(_, members)| members.first()) {
        // The hub as its pairs have it, however the way to it is written now.
        let known = &first.pair.left.address;
        if real_place(&address(&request.pair.left)?) == real_place(&Trees::address(known)?) {
            request.pair.left = path_text::encode(known.as_bytes());
        }
    }
    let group = group(api, &request, old.as_ref())?;
    let with = |right: String, right_access| SyncPairSave {
        name: None,
        right,
        right_access,
        ..request.pair.clone()
    };
    let mut wishes = vec![with(request.pair.right.clone(), request.pair.right_access.clone())];
    wishes.extend(request.more.iter().map(|more| with(more.place.clone(), more.access.clone())));
    let now_ms = api.now_ms();
    let (mut known, mut new): (Vec<_>, Vec<_>) = (api.catalog.pairs()?, Vec::new());
    // Among themselves the places have to be apart too: one inside another would never settle.
    for (index, wish) in wishes.iter().enumerate() {
        for other in &wishes[index + 1..] {
            refuse_the_same(&address(&wish.right)?, &address(&other.right)?)?;
        }
        let mut definition = wanted(api, wish.clone(), None)?;
        definition.group = Some(group.clone());
        refuse_more(&known, &definition.pair)?;
        // They are listed in the order in which they were named.
        let record = new_record(&definition, now_ms.saturating_add(index as i64), now_ms)?;
        known.push(record.clone());
        new.push(record);
    }
    if let Some((_, members)) = &old
        && members
            .iter()
            .any(|member| Some(&member.pair.left.address) != new.first().map(|new| &new.left_address))
    {
        return Err(ApiError::bad_request("The pairs of a hub have the same first place.")
            .hint("Give the hub as it is, or make another one."));
    }
    for wish in &wishes {
        keep_accesses(api, wish)?;
    }
    for record in &new {
        api.catalog.save_pair(record)?;
    }
    wake(api);
    let pairs: Result<Vec<SyncPair>, ApiError> = new.iter().map(|record| pair(api, record)).collect();
    Ok(SyncPairs { pairs: pairs?, all_paused: all_paused(api)? })
}

pub(crate) fn sync_hub_run(api: &Api, request: SyncGroupGet) -> Result<SyncPairs, ApiError> {
    let id = convert::pair_id(&request.group_id)?;
    members(api, &request.group_id)?;
    for (record, _) in hub::pairs_of(&api.catalog, id)? {
        start(api, &record, false)?;
    }
    sync_pairs(api, Nothing {})
}

pub(crate) fn sync_hub_remove(api: &Api, request: SyncGroupGet) -> Result<Done, ApiError> {
    let id = convert::pair_id(&request.group_id)?;
    members(api, &request.group_id)?;
    let pairs = hub::pairs_of(&api.catalog, id)?;
    for (record, _) in &pairs {
        refuse_taken(api, record.id)?;
    }
    for (record, _) in &pairs {
        api.syncs.remove(record.id)?;
    }
    wake(api);
    let places = pairs.into_iter().flat_map(|(record, _)| [record.left_address, record.right_address]);
    api.syncs.trees().forget_unused(&api.catalog, places)?;
    Ok(Done {})
}
