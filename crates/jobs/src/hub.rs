//! Several places kept the same through one hub: pairs with the same left place, in one group.
//!
//! A run that may have changed the hub makes the other pairs of its group due at once; they bring the change to their
//! places. Invariants:
//! 1. Only a run that changed the hub, or was broken off when it could have, makes others due: so the runs settle.
//! 2. A pair that was told stays due until a run of it is done that began after that and looked at the whole hub, whatever
//!    is queued, held, fails or is killed meanwhile. What it was told is counted in its row, apart from its schedule and its
//!    retries; a run takes off no more than what was there before it looked (`sync_work`).
//! 3. A run that did not do it is tried again after [`RETRY_MS`], however often the pair is told meanwhile: two pairs that
//!    both break off and tell each other would never rest.
//!
//! Deliberately not here: when schedules are looked at (`scheduler`), what a live pair makes of it (`live`), which pairs
//! there are and what they know of their hub (`catalog`).

use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobState, PairRecord};
use keepwell_model::PairId;

use crate::pairs::{PairDefinition, PairGroup};
use crate::schedule::RETRY_MS;

/// The pairs of a group, in the order they were made.
///
/// # Errors
/// The catalog refused.
pub fn pairs_of(catalog: &Catalog, group: PairId) -> Result<Vec<(PairRecord, PairDefinition)>, CatalogError> {
    let is_of =
        |definition: &PairDefinition| definition.group.as_ref().is_some_and(|known| known.id == group);
    let all = catalog.pairs()?.into_iter();
    Ok(all
        .filter_map(|record| PairDefinition::of(&record).ok().map(|definition| (record, definition)))
        .filter(|(_, definition)| is_of(definition))
        .collect())
}

/// Makes the other pairs of a group due: one of them changed the hub.
///
/// # Errors
/// The catalog refused.
pub(crate) fn tell_others(catalog: &Catalog, group: &PairGroup, teller: PairId) -> Result<(), CatalogError> {
    for (record, _) in pairs_of(catalog, group.id)? {
        if record.id != teller {
            catalog.tell_hub_changed(record.id)?;
        }
    }
    Ok(())
}

/// Whether a pair has to run because its hub changed, and can: no job of it is under way or waits for a person. A live pair
/// looks after that itself.
///
/// # Errors
/// The catalog refused.
pub(crate) fn is_due(
    catalog: &Catalog,
    record: &PairRecord,
    definition: &PairDefinition,
    now_ms: i64,
) -> Result<bool, CatalogError> {
    // A moment that is further away than it can be is of a clock that was set back since.
    let rests =
        record.hub.retry_ms.is_some_and(|retry| (1..=RETRY_MS).contains(&retry.saturating_sub(now_ms)));
    if definition.group.is_none() || definition.pair.live || !record.hub.is_waiting() || rests {
        return Ok(false);
    }
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, pair_id: Some(record.id), ..JobFilter::default() };
    Ok(catalog.jobs(&filter, 0, 1)?.1 == 0)
}
