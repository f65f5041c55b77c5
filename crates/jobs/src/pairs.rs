//! What the catalog keeps of a sync pair, beside its name and places.
//!
//! Invariants: the pair's `name`, `left`, `right` and `paused` in the row are those of the definition; a definition of
//! a newer Keepwell is told, never overwritten. Deliberately not here: what the fields of a pair mean (`sync`).

use keepwell_catalog::{HubNews, PairRecord};
use keepwell_model::PairId;
use keepwell_sync::PairSpec;
use serde::{Deserialize, Serialize};

use crate::bandwidth::Bandwidth;
use crate::outcome::{Fault, FaultKind};
use crate::schedule::Schedule;

/// Everything about a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairDefinition {
    /// The pair itself.
    pub pair: PairSpec,
    /// When it runs by itself.
    pub schedule: Schedule,
    /// How much of the line it may use.
    #[serde(default)]
    pub bandwidth: Bandwidth,
    /// The hub it belongs to: several pairs with the same left place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<PairGroup>,
}

/// Several pairs whose left place is the same: what one of them brings there, the others carry on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PairGroup {
    /// Its id, the same in all of its pairs.
    pub id: PairId,
    /// What the person calls it.
    pub name: String,
}

/// The setting in which older versions said when a pair was last found or made in step, in milliseconds: see
/// [`crate::standing`].
pub(crate) fn checked_setting(id: PairId) -> String {
    format!("pairChecked/{id}")
}

impl PairDefinition {
    /// The definition in a row, with what the row itself says.
    ///
    /// # Errors
    /// It is from a newer Keepwell.
    pub fn of(record: &PairRecord) -> Result<Self, Fault> {
        let mut definition: Self = serde_json::from_str(&record.definition).map_err(|_| {
            Fault::new(
                FaultKind::Newer,
                format!(
                    "The sync pair \"{}\" can not be read. It may be from a newer Keepwell.",
                    record.name
                ),
                "Update this Keepwell, then try again.",
            )
        })?;
        definition.pair.id = record.id;
        definition.pair.name.clone_from(&record.name);
        definition.pair.paused = record.paused;
        Ok(definition)
    }

    /// The row of a pair.
    ///
    /// # Errors
    /// It can not be written as JSON.
    pub fn record(&self, created_ms: i64) -> Result<PairRecord, serde_json::Error> {
        Ok(PairRecord {
            id: self.pair.id,
            name: self.pair.name.clone(),
            left_address: self.pair.left.address.clone(),
            right_address: self.pair.right.address.clone(),
            definition: serde_json::to_string(self)?,
            paused: self.pair.paused,
            created_ms,
            schedule_from_ms: created_ms,
            retry_ms: None,
            hub: HubNews::default(),
        })
    }
}
