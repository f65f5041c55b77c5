//! Replicas: the second places repositories are kept in.

use keepwell_model::{PlaceId, ReplicaId};
use rusqlite::{Row, params};

use crate::standing::Standing;
use crate::{Catalog, CatalogError};

/// A replica. It goes with the place it is one of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReplicaRecord {
    /// Its id.
    pub id: ReplicaId,
    /// The place whose repository it keeps a second time.
    pub place_id: PlaceId,
    /// Where it is, in the escaped form of a path, or as the address of a server.
    pub address: String,
    /// Everything else about it, as JSON.
    pub definition: String,
    /// When it was made.
    pub created_ms: i64,
    /// Slots of the schedule up to this moment are dealt with.
    pub schedule_from_ms: i64,
    /// When to try again after a failure that may pass by itself.
    pub retry_ms: Option<i64>,
    /// What the newest runs said, as JSON.
    pub last_run: Option<String>,
}

impl Catalog {
    /// All replicas, in the order they were made.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn replicas(&self) -> Result<Vec<ReplicaRecord>, CatalogError> {
        self.all_standing()
    }

    /// One replica.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn replica(&self, id: ReplicaId) -> Result<Option<ReplicaRecord>, CatalogError> {
        self.one_standing(&id)
    }

    /// Adds or replaces a replica.
    ///
    /// # Errors
    /// The place has one there already, or the database can not be written.
    pub fn save_replica(&self, replica: &ReplicaRecord) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "INSERT INTO replicas (id, place_id, address, definition, created_ms, schedule_from_ms,
                        retry_ms, last_run)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
                     ON CONFLICT (id) DO UPDATE SET address = excluded.address,
                        definition = excluded.definition, schedule_from_ms = excluded.schedule_from_ms,
                        retry_ms = excluded.retry_ms, last_run = excluded.last_run",
                    params![
                        replica.id.to_string(),
                        replica.place_id.to_string(),
                        replica.address,
                        replica.definition,
                        replica.created_ms,
                        replica.schedule_from_ms,
                        replica.retry_ms,
                        replica.last_run
                    ],
                )
                .map(drop)
        })
    }

    /// Notes up to when the schedule of a replica is dealt with, and when to try again if at all.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_replica_times(
        &self,
        id: ReplicaId,
        schedule_from_ms: i64,
        retry_ms: Option<i64>,
    ) -> Result<(), CatalogError> {
        self.set_times_standing::<ReplicaRecord>(&id, schedule_from_ms, retry_ms)
    }

    /// Notes what the newest run of a replica said.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_replica_last_run(&self, id: ReplicaId, last_run: &str) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .execute("UPDATE replicas SET last_run = ?2 WHERE id = ?1", params![id.to_string(), last_run])
                .map(drop)
        })
    }

    /// Forgets a replica; what is in the second place stays there.
    ///
    /// # Errors
    /// There is no such replica, or the database can not be written.
    pub fn remove_replica(&self, id: ReplicaId) -> Result<(), CatalogError> {
        self.remove_standing::<ReplicaRecord>(&id)
    }
}

impl Standing for ReplicaRecord {
    type Id = ReplicaId;

    const TABLE: &'static str = "replicas";
    const COLUMNS: &'static str =
        "id, place_id, address, definition, created_ms, schedule_from_ms, retry_ms, last_run";
    const WHAT: &'static str = "second copy";

    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, String>> {
        let (id, place_id): (String, String) = (row.get(0)?, row.get(1)?);
        let (Ok(id), Ok(place_id)) = (id.parse(), place_id.parse()) else {
            return Ok(Err(format!("the ids {id} and {place_id} of a replica")));
        };
        Ok(Ok(Self {
            id,
            place_id,
            address: row.get(2)?,
            definition: row.get(3)?,
            created_ms: row.get(4)?,
            schedule_from_ms: row.get(5)?,
            retry_ms: row.get(6)?,
            last_run: row.get(7)?,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PlaceRecord;

    #[test]
    fn a_replica_is_kept_changed_and_goes_with_its_place() {
        let folder = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(folder.path(), 1).unwrap().catalog;
        let place = PlaceRecord {
            id: Catalog::new_place_id().unwrap(),
            label: "Drive".into(),
            path: b"/drive".to_vec(),
            repository_id: "00".into(),
            created_ms: 1,
            last_check: None,
        };
        catalog.add_place(&place).unwrap();
        let replica = ReplicaRecord {
            id: Catalog::new_replica_id().unwrap(),
            place_id: place.id,
            address: "sftp://server/copy".into(),
            definition: "{}".into(),
            created_ms: 2,
            schedule_from_ms: 2,
            retry_ms: None,
            last_run: None,
        };
        catalog.save_replica(&replica).unwrap();
        let second = ReplicaRecord { id: Catalog::new_replica_id().unwrap(), ..replica.clone() };
        assert!(catalog.save_replica(&second).is_err(), "one place is kept once in another");
        catalog.set_replica_times(replica.id, 5, Some(9)).unwrap();
        catalog.set_replica_last_run(replica.id, "{\"a\":1}").unwrap();
        let changed = ReplicaRecord {
            schedule_from_ms: 5,
            retry_ms: Some(9),
            last_run: Some("{\"a\":1}".into()),
            ..replica.clone()
        };
        assert_eq!(catalog.replica(replica.id).unwrap(), Some(changed.clone()));
        assert_eq!(catalog.replicas().unwrap(), [changed]);
        catalog.remove_replica(replica.id).unwrap();
        assert!(matches!(catalog.remove_replica(replica.id), Err(CatalogError::Missing { .. })));
        catalog.save_replica(&replica).unwrap();
        catalog.remove_place(place.id).unwrap();
        assert!(catalog.replicas().unwrap().is_empty());
    }
}
