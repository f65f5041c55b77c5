//! Plans: what to back up, where to, how often.

use keepwell_model::{PlaceId, PlanId};
use rusqlite::{Row, params};

use crate::standing::Standing;
use crate::{Catalog, CatalogError};

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanRecord {
    /// Its id.
    pub id: PlanId,
    /// The place copies go to.
    pub place_id: PlaceId,
    /// What the person calls it.
    pub name: String,
    /// Sources, rules and schedule, as JSON.
    pub definition: String,
    /// Whether its schedule is on.
    pub enabled: bool,
    /// When it was made.
    pub created_ms: i64,
    /// Slots of the schedule up to this moment are dealt with.
    pub schedule_from_ms: i64,
    /// When to try again after a failure that may pass by itself.
    pub retry_ms: Option<i64>,
}

impl Catalog {
    /// All plans, in the order they were made.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn plans(&self) -> Result<Vec<PlanRecord>, CatalogError> {
        self.all_standing()
    }

    /// One plan.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn plan(&self, id: PlanId) -> Result<Option<PlanRecord>, CatalogError> {
        self.one_standing(&id)
    }

    /// Adds or replaces a plan.
    ///
    /// # Errors
    /// Its place does not exist, or the database can not be written.
    pub fn save_plan(&self, plan: &PlanRecord) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "INSERT INTO plans
                        (id, place_id, name, definition, enabled, created_ms, schedule_from_ms, retry_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (id) DO UPDATE SET place_id = excluded.place_id, name = excluded.name,
                        definition = excluded.definition, enabled = excluded.enabled,
                        schedule_from_ms = excluded.schedule_from_ms, retry_ms = excluded.retry_ms",
                    params![
                        plan.id.to_string(),
                        plan.place_id.to_string(),
                        plan.name,
                        plan.definition,
                        plan.enabled,
                        plan.created_ms,
                        plan.schedule_from_ms,
                        plan.retry_ms
                    ],
                )
                .map(drop)
        })
    }

    /// Notes up to when the schedule of a plan is dealt with, and when to try again if at all.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_plan_times(
        &self,
        id: PlanId,
        schedule_from_ms: i64,
        retry_ms: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.set_times_standing::<PlanRecord>(&id, schedule_from_ms, retry_ms)
    }

    /// Removes a plan.
    ///
    /// # Errors
    /// There is no such plan, or the database can not be written.
    pub fn remove_plan(&self, id: PlanId) -> Result<(), CatalogError> {
        self.remove_standing::<PlanRecord>(&id)
    }
}

impl Standing for PlanRecord {
    type Id = PlanId;

    const TABLE: &'static str = "plans";
    const COLUMNS: &'static str =
        "id, place_id, name, definition, enabled, created_ms, schedule_from_ms, retry_ms";
    const WHAT: &'static str = "plan";

    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, String>> {
        let (id, place_id): (String, String) = (row.get(0)?, row.get(1)?);
        let (Ok(parsed), Ok(place_id)) = (id.parse(), place_id.parse()) else {
            return Ok(Err(format!("the plan id {id}")));
        };
        Ok(Ok(Self {
            id: parsed,
            place_id,
            name: row.get(2)?,
            definition: row.get(3)?,
            enabled: row.get(4)?,
            created_ms: row.get(5)?,
            schedule_from_ms: row.get(6)?,
            retry_ms: row.get(7)?,
        }))
    }
}
