//! Places: where data lives.

use keepwell_model::PlaceId;
use rusqlite::{OptionalExtension, Row, params};

use crate::{Catalog, CatalogError};

/// A place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceRecord {
    /// Its id.
    pub id: PlaceId,
    /// What the person calls it.
    pub label: String,
    /// Its path, as bytes of this system.
    pub path: Vec<u8>,
    /// The repository in it, in hexadecimal.
    pub repository_id: String,
    /// When it was added.
    pub created_ms: i64,
    /// The newest finished check, as JSON.
    pub last_check: Option<String>,
}

const COLUMNS: &str = "id, label, path, repository_id, created_ms, last_check";

impl Catalog {
    /// All places, in the order they were added.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn places(&self) -> Result<Vec<PlaceRecord>, CatalogError> {
        let rows = self.with(|connection| {
            let mut statement = connection
                .prepare_cached(&format!("SELECT {COLUMNS} FROM places ORDER BY created_ms, id"))?;
            statement.query_map([], read)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter().map(|row| row.map_err(|what| self.unreadable(what))).collect()
    }

    /// One place.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn place(&self, id: PlaceId) -> Result<Option<PlaceRecord>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row(&format!("SELECT {COLUMNS} FROM places WHERE id = ?1"), [id.to_string()], read)
                .optional()
        })?
        .transpose()
        .map_err(|what| self.unreadable(what))
    }

    /// Adds a place.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn add_place(&self, place: &PlaceRecord) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "INSERT INTO places (id, label, path, repository_id, created_ms, last_check)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                    params![
                        place.id.to_string(),
                        place.label,
                        place.path,
                        place.repository_id,
                        place.created_ms,
                        place.last_check
                    ],
                )
                .map(drop)
        })
    }

    /// Gives a place another name.
    ///
    /// # Errors
    /// There is no such place, or the database can not be written.
    pub fn rename_place(&self, id: PlaceId, label: &str) -> Result<(), CatalogError> {
        let changed = self.write(|transaction| {
            transaction.execute("UPDATE places SET label = ?2 WHERE id = ?1", params![id.to_string(), label])
        })?;
        if changed == 0 { Err(CatalogError::Missing { what: "place", id: id.to_string() }) } else { Ok(()) }
    }

    /// Notes the newest finished check of a place.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_last_check(&self, id: PlaceId, last_check: &str) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE places SET last_check = ?2 WHERE id = ?1",
                    params![id.to_string(), last_check],
                )
                .map(drop)
        })
    }

    /// Forgets a place.
    ///
    /// # Errors
    /// Plans still use it, there is no such place, or the database can not be written.
    pub fn remove_place(&self, id: PlaceId) -> Result<(), CatalogError> {
        let (plans, removed) = self.write(|transaction| {
            let plans: i64 = transaction.query_row(
                "SELECT count(*) FROM plans WHERE place_id = ?1",
                [id.to_string()],
                |row| row.get(0),
            )?;
            let removed = if plans == 0 {
                transaction.execute("DELETE FROM places WHERE id = ?1", [id.to_string()])?
            } else {
                0
            };
            Ok((plans.unsigned_abs(), removed))
        })?;
        match (plans, removed) {
            (0, 0) => Err(CatalogError::Missing { what: "place", id: id.to_string() }),
            (0, _) => Ok(()),
            (plans, _) => Err(CatalogError::InUse { plans }),
        }
    }
}

fn read(row: &Row<'_>) -> rusqlite::Result<Result<PlaceRecord, String>> {
    let id: String = row.get(0)?;
    let Ok(id) = id.parse() else { return Ok(Err(format!("the place id {id}"))) };
    Ok(Ok(PlaceRecord {
        id,
        label: row.get(1)?,
        path: row.get(2)?,
        repository_id: row.get(3)?,
        created_ms: row.get(4)?,
        last_check: row.get(5)?,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlanRecord;
    use keepwell_model::PlanId;

    #[test]
    fn a_place_that_a_plan_uses_is_kept() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let place = PlaceRecord {
            id: PlaceId([1; 16]),
            label: "USB drive".to_owned(),
            path: b"/media/\xff".to_vec(),
            repository_id: "ab".repeat(16),
            created_ms: 5,
            last_check: None,
        };
        catalog.add_place(&place).unwrap();
        assert_eq!(catalog.place(place.id).unwrap().as_ref(), Some(&place));
        let plan = PlanRecord {
            id: PlanId([2; 16]),
            place_id: place.id,
            name: "Documents".to_owned(),
            definition: "{}".to_owned(),
            enabled: true,
            created_ms: 6,
            schedule_from_ms: 6,
            retry_ms: None,
        };
        catalog.save_plan(&plan).unwrap();
        assert!(matches!(catalog.remove_place(place.id), Err(CatalogError::InUse { plans: 1 })));
        catalog.remove_plan(plan.id).unwrap();
        catalog.remove_place(place.id).unwrap();
        assert!(matches!(catalog.remove_place(place.id), Err(CatalogError::Missing { .. })));
    }
}
