//! Sync pairs: which two places are kept the same.

use keepwell_model::PairId;
use rusqlite::{Row, params};

use crate::standing::{Standing, missing_standing};
use crate::{Catalog, CatalogError};

/// A sync pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRecord {
    /// Its id.
    pub id: PairId,
    /// What the person calls it.
    pub name: String,
    /// One place.
    pub left_address: String,
    /// The other.
    pub right_address: String,
    /// Everything else about it, as JSON.
    pub definition: String,
    /// Whether a person holds it: neither its schedule nor changes start a run.
    pub paused: bool,
    /// When it was made.
    pub created_ms: i64,
    /// Slots of the schedule up to this moment are dealt with.
    pub schedule_from_ms: i64,
    /// When to try again after a failure that may pass by itself.
    pub retry_ms: Option<i64>,
}

impl Catalog {
    /// All pairs, in the order they were made.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn pairs(&self) -> Result<Vec<PairRecord>, CatalogError> {
        self.all_standing()
    }

    /// One pair.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn pair(&self, id: PairId) -> Result<Option<PairRecord>, CatalogError> {
        self.one_standing(&id)
    }

    /// Adds or replaces a pair.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn save_pair(&self, pair: &PairRecord) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "INSERT INTO sync_pairs (id, name, left_address, right_address, definition, paused, created_ms,
                        schedule_from_ms, retry_ms)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)
                     ON CONFLICT (id) DO UPDATE SET name = excluded.name, left_address = excluded.left_address,
                        right_address = excluded.right_address, definition = excluded.definition,
                        paused = excluded.paused, schedule_from_ms = excluded.schedule_from_ms,
                        retry_ms = excluded.retry_ms",
                    params![
                        pair.id.to_string(),
                        pair.name,
                        pair.left_address,
                        pair.right_address,
                        pair.definition,
                        pair.paused,
                        pair.created_ms,
                        pair.schedule_from_ms,
                        pair.retry_ms
                    ],
                )
                .map(drop)
        })
    }

    /// Gives a pair another definition where it still has the one that was read; whether that was so. What else changed
    /// meanwhile, that it is due or held, stays.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn replace_pair_definition(&self, read: &PairRecord, definition: &str) -> Result<bool, CatalogError> {
        let changed = self.write(|transaction| {
            transaction.execute(
                "UPDATE sync_pairs SET definition = ?3 WHERE id = ?1 AND definition = ?2",
                params![read.id.to_string(), read.definition, definition],
            )
        })?;
        Ok(changed > 0)
    }

    /// Holds a pair, or lets it go on.
    ///
    /// # Errors
    /// There is no such pair, or the database can not be written.
    pub fn set_pair_paused(&self, id: PairId, paused: bool) -> Result<(), CatalogError> {
        let changed = self.write(|transaction| {
            transaction
                .execute("UPDATE sync_pairs SET paused = ?2 WHERE id = ?1", params![id.to_string(), paused])
        })?;
        if changed == 0 { Err(missing_standing::<PairRecord>(&id)) } else { Ok(()) }
    }

    /// Notes up to when the schedule of a pair is dealt with, and when to try again if at all.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_pair_times(
        &self,
        id: PairId,
        schedule_from_ms: i64,
        retry_ms: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.set_times_standing::<PairRecord>(&id, schedule_from_ms, retry_ms)
    }

    /// Removes a pair; what it kept the same stays where it is.
    ///
    /// # Errors
    /// There is no such pair, or the database can not be written.
    pub fn remove_pair(&self, id: PairId) -> Result<(), CatalogError> {
        self.remove_standing::<PairRecord>(&id)
    }
}

impl Standing for PairRecord {
    type Id = PairId;

    const TABLE: &'static str = "sync_pairs";
    const COLUMNS: &'static str =
        "id, name, left_address, right_address, definition, paused, created_ms, schedule_from_ms, retry_ms";
    const WHAT: &'static str = "sync pair";

    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, String>> {
        let id: String = row.get(0)?;
        let Ok(parsed) = id.parse() else { return Ok(Err(format!("the sync pair id {id}"))) };
        Ok(Ok(Self {
            id: parsed,
            name: row.get(1)?,
            left_address: row.get(2)?,
            right_address: row.get(3)?,
            definition: row.get(4)?,
            paused: row.get(5)?,
            created_ms: row.get(6)?,
            schedule_from_ms: row.get(7)?,
            retry_ms: row.get(8)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_kept_changed_held_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let mut pair = PairRecord {
            id: PairId([7; 16]),
            name: "Photos".to_owned(),
            left_address: "/home/a/Photos".to_owned(),
            right_address: "sftp://nas/photos".to_owned(),
            definition: "{}".to_owned(),
            paused: false,
            created_ms: 1,
            schedule_from_ms: 1,
            retry_ms: None,
        };
        catalog.save_pair(&pair).unwrap();
        assert_eq!(catalog.pair(pair.id).unwrap().as_ref(), Some(&pair));
        pair.name = "Pictures".to_owned();
        catalog.save_pair(&pair).unwrap();
        catalog.set_pair_paused(pair.id, true).unwrap();
        catalog.set_pair_times(pair.id, 5, Some(9)).unwrap();
        let changed = PairRecord { paused: true, schedule_from_ms: 5, retry_ms: Some(9), ..pair.clone() };
        assert_eq!(catalog.pair(pair.id).unwrap().as_ref(), Some(&changed));
        // What a run notes leaves alone what came meanwhile: that the pair is due, held, or is another one now.
        assert!(catalog.replace_pair_definition(&pair, "noted").unwrap());
        let noted = PairRecord { definition: "noted".to_owned(), ..changed };
        assert_eq!(catalog.pair(pair.id).unwrap().as_ref(), Some(&noted));
        assert!(!catalog.replace_pair_definition(&pair, "of what was read before").unwrap());
        assert_eq!(catalog.pairs().unwrap(), [noted]);
        catalog.remove_pair(pair.id).unwrap();
        assert!(catalog.remove_pair(pair.id).is_err());
        assert!(catalog.set_pair_paused(pair.id, false).is_err());
        assert_eq!(catalog.pair(pair.id).unwrap(), None);
    }
}
