//! Sync pairs: which two places are kept the same.
//!
//! Several write to the row of a pair at once: a person who changes it, the schedules, its runs, the runs of other pairs
//! of its hub. Invariants: each writes only what is its own, in one statement; where that depends on what was read, only
//! if it is still so. What a pair knows of its hub is written by nobody else, also by no save; whether it is held, by no
//! change of it.
//! Deliberately not here: when a pair is due (`jobs`).

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
    /// What it knows of its changed hub. Saving a pair leaves that as it is.
    pub hub: HubNews,
}

/// What a pair knows of the changes that others made to its hub.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct HubNews {
    /// How often it was told that the hub changed. Only grows: no clock has to be right to say what came first.
    pub changes: i64,
    /// So many of these were told before the run began that last carried the hub over.
    pub carried: i64,
    /// A run for what waits was started or did not do it: when to try again.
    pub retry_ms: Option<i64>,
}

impl HubNews {
    /// Whether the hub changed since a run began that carried it over.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.changes > self.carried
    }
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

    /// Adds or replaces a pair; what it knows of its hub stays as it is, a new one knows nothing yet.
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

    /// Makes a pair what a person wants it to be from now on, with a schedule that counts from a moment where that is
    /// another one than before. Whether the pair is held stays as it is, and so do its times with the same schedule.
    ///
    /// # Errors
    /// There is no such pair (any more), or the database can not be written.
    pub fn change_pair(&self, pair: &PairRecord, counts_from_ms: Option<i64>) -> Result<(), CatalogError> {
        let changed = self.write(|transaction| {
            transaction.execute(
                "UPDATE sync_pairs SET name = ?2, left_address = ?3, right_address = ?4, definition = ?5,
                    schedule_from_ms = coalesce(?6, schedule_from_ms),
                    retry_ms = CASE WHEN ?6 IS NULL THEN retry_ms END
                 WHERE id = ?1",
                params![
                    pair.id.to_string(),
                    pair.name,
                    pair.left_address,
                    pair.right_address,
                    pair.definition,
                    counts_from_ms
                ],
            )
        })?;
        if changed == 0 { Err(missing_standing::<PairRecord>(&pair.id)) } else { Ok(()) }
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

    /// Notes up to when the schedule of a pair is dealt with, and when to try again if at all, where both are still what
    /// was read; whether that was so.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn replace_pair_times(
        &self,
        read: &PairRecord,
        schedule_from_ms: i64,
        retry_ms: Option<i64>,
    ) -> Result<bool, CatalogError> {
        let changed = self.write(|transaction| {
            transaction.execute(
                "UPDATE sync_pairs SET schedule_from_ms = ?4, retry_ms = ?5
                 WHERE id = ?1 AND schedule_from_ms = ?2 AND retry_ms IS ?3",
                params![
                    read.id.to_string(),
                    read.schedule_from_ms,
                    read.retry_ms,
                    schedule_from_ms,
                    retry_ms
                ],
            )
        })?;
        Ok(changed > 0)
    }

    /// Notes when to try a pair again, if at all.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_pair_retry(&self, id: PairId, retry_ms: Option<i64>) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE sync_pairs SET retry_ms = ?2 WHERE id = ?1",
                    params![id.to_string(), retry_ms],
                )
                .map(drop)
        })
    }

    /// Tells a pair that its hub changed: it is due until [`Catalog::note_hub_carried`] says that this was carried over.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn tell_hub_changed(&self, id: PairId) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE sync_pairs SET hub_changes = hub_changes + 1 WHERE id = ?1",
                    [id.to_string()],
                )
                .map(drop)
        })
    }

    /// Notes when a pair is tried again for its changed hub, unless it is carried over before. Where nothing waits, nothing
    /// is noted: what is told later is tried at once.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_hub_retry(&self, id: PairId, retry_ms: i64) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE sync_pairs SET hub_retry_ms = ?2 WHERE id = ?1 AND hub_changes > hub_carried",
                    params![id.to_string(), retry_ms],
                )
                .map(drop)
        })
    }

    /// Notes that a run of a pair carried its hub over, with as many changes as the pair knew of before that run began
    /// ([`HubNews::changes`]). What it was told since stays, and is due at once.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn note_hub_carried(&self, id: PairId, changes: i64) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "UPDATE sync_pairs SET hub_carried = max(hub_carried, ?2), hub_retry_ms = NULL
                     WHERE id = ?1 AND (hub_carried < ?2 OR hub_retry_ms IS NOT NULL)",
                    params![id.to_string(), changes],
                )
                .map(drop)
        })
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
    const COLUMNS: &'static str = "id, name, left_address, right_address, definition, paused, created_ms, \
        schedule_from_ms, retry_ms, hub_changes, hub_carried, hub_retry_ms";
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
            hub: HubNews { changes: row.get(9)?, carried: row.get(10)?, retry_ms: row.get(11)? },
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::migrations::{APPLICATION_ID, STEPS};

    fn pair() -> PairRecord {
        PairRecord {
            id: PairId([7; 16]),
            name: "Photos".to_owned(),
            left_address: "/home/a/Photos".to_owned(),
            right_address: "sftp://nas/photos".to_owned(),
            definition: "{}".to_owned(),
            paused: false,
            created_ms: 1,
            schedule_from_ms: 1,
            retry_ms: None,
            hub: HubNews::default(),
        }
    }

    #[test]
    fn a_pair_is_kept_changed_held_and_removed() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let mut pair = pair();
        catalog.save_pair(&pair).unwrap();
        assert_eq!(catalog.pair(pair.id).unwrap().as_ref(), Some(&pair));
        pair.name = "Pictures".to_owned();
        catalog.save_pair(&pair).unwrap();
        catalog.set_pair_paused(pair.id, true).unwrap();
        assert!(catalog.replace_pair_times(&pair, 5, Some(9)).unwrap());
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

    #[test]
    fn a_changed_pair_stays_held_and_keeps_its_times_but_with_another_schedule() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let read = pair();
        catalog.save_pair(&read).unwrap();
        // After it was read: somebody holds it, and a run of it ends.
        catalog.set_pair_paused(read.id, true).unwrap();
        assert!(catalog.replace_pair_times(&read, 5, Some(9)).unwrap());
        let wanted = PairRecord { name: "Pictures".to_owned(), definition: "new".to_owned(), ..read };
        catalog.change_pair(&wanted, None).unwrap();
        let kept = PairRecord { paused: true, schedule_from_ms: 5, retry_ms: Some(9), ..wanted.clone() };
        assert_eq!(catalog.pair(wanted.id).unwrap().as_ref(), Some(&kept));
        catalog.change_pair(&wanted, Some(7)).unwrap();
        let kept = PairRecord { schedule_from_ms: 7, retry_ms: None, ..kept };
        assert_eq!(catalog.pair(wanted.id).unwrap(), Some(kept));
        // One that was removed meanwhile is not made again.
        catalog.remove_pair(wanted.id).unwrap();
        assert!(catalog.change_pair(&wanted, None).is_err());
        assert_eq!(catalog.pairs().unwrap(), []);
    }

    #[test]
    fn times_that_were_read_before_a_run_noted_its_retry_do_not_undo_it() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        catalog.save_pair(&pair()).unwrap();
        let read = || catalog.pair(pair().id).unwrap().unwrap();
        let before = read();
        catalog.set_pair_retry(before.id, Some(9)).unwrap();
        assert!(!catalog.replace_pair_times(&before, 5, None).unwrap());
        assert_eq!((read().schedule_from_ms, read().retry_ms), (1, Some(9)));
        assert!(catalog.replace_pair_times(&read(), 5, None).unwrap());
        catalog.set_pair_retry(before.id, None).unwrap();
        assert_eq!((read().schedule_from_ms, read().retry_ms), (5, None));
    }

    #[test]
    fn what_is_told_of_a_hub_stays_until_a_run_that_began_later_carried_it_over() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let before = pair();
        catalog.save_pair(&before).unwrap();
        let hub = || catalog.pair(before.id).unwrap().unwrap().hub;
        catalog.set_hub_retry(before.id, 50).unwrap();
        assert_eq!(hub(), HubNews::default(), "nothing waits that could be tried again");

        catalog.tell_hub_changed(before.id).unwrap();
        catalog.set_hub_retry(before.id, 50).unwrap();
        // Whoever saves what was read before, or notes times, says nothing of it.
        catalog.save_pair(&before).unwrap();
        assert!(catalog.replace_pair_times(&before, 5, Some(9)).unwrap());
        catalog.set_pair_retry(before.id, None).unwrap();
        assert_eq!(hub(), HubNews { changes: 1, carried: 0, retry_ms: Some(50) });

        let began = hub().changes;
        catalog.tell_hub_changed(before.id).unwrap();
        catalog.note_hub_carried(before.id, began).unwrap();
        assert_eq!(hub(), HubNews { changes: 2, carried: 1, retry_ms: None });
        assert!(hub().is_waiting());
        catalog.note_hub_carried(before.id, hub().changes).unwrap();
        assert!(!hub().is_waiting());
        // One that began before and ends only now takes nothing back.
        catalog.note_hub_carried(before.id, began).unwrap();
        assert!(!hub().is_waiting());
    }

    #[test]
    fn a_hub_s_news_of_the_format_before_are_not_lost() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("catalog.sqlite");
        let old = rusqlite::Connection::open(&path).unwrap();
        for step in &STEPS[..3] {
            old.execute_batch(step).unwrap();
        }
        old.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        old.pragma_update(None, "user_version", 3).unwrap();
        for (id, retry_ms) in [(PairId([1; 16]), Some(9)), (PairId([2; 16]), None)] {
            let insert = "INSERT INTO sync_pairs VALUES (?1, 'Work', '/hub', '/a', '{}', 0, 1, 1, ?2)";
            old.execute(insert, params![id.to_string(), retry_ms]).unwrap();
        }
        drop(old);
        let pairs = Catalog::open(home.path(), 1).unwrap().catalog.pairs().unwrap();
        assert_eq!(pairs[0].hub, HubNews { changes: 1, carried: 0, retry_ms: Some(9) });
        assert_eq!(pairs[1].hub, HubNews::default());
    }
}
