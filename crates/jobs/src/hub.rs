//! Several places kept the same through one hub: pairs with the same left place, in one group.
//!
//! A run that changed the hub makes the other pairs of its group due at once; they bring the change to their places.
//! Invariants: only a changed hub makes others due, so the runs settle; a pair that is held or busy stays due until it
//! runs. Deliberately not here: when schedules are looked at (`scheduler`), which pairs there are (`catalog`).

use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobState, PairRecord};
use keepwell_model::PairId;

use crate::pairs::{PairDefinition, PairGroup};

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
pub(crate) fn tell_others(
    catalog: &Catalog,
    group: &PairGroup,
    teller: PairId,
    now_ms: i64,
) -> Result<(), CatalogError> {
    for (record, _) in pairs_of(catalog, group.id)? {
        if record.id != teller {
            catalog.set_pair_times(record.id, record.schedule_from_ms, Some(now_ms))?;
        }
    }
    Ok(())
}

/// Whether a pair has to run because the hub changed, and can: no job of it is under way or waits for a person.
///
/// # Errors
/// The catalog refused.
pub(crate) fn is_due(
    catalog: &Catalog,
    record: &PairRecord,
    definition: &PairDefinition,
    now_ms: i64,
) -> Result<bool, CatalogError> {
    if definition.group.is_none() || record.retry_ms.is_none_or(|due| due > now_ms) {
        return Ok(false);
    }
    let states = JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let filter = JobFilter { states, pair_id: Some(record.id), ..JobFilter::default() };
    Ok(catalog.jobs(&filter, 0, 1)?.1 == 0)
}
