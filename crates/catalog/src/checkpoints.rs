//! Checkpoints: what a piece of work had done, for the run that goes on after one that was broken off.
//!
//! A checkpoint belongs to the work (the request, in a few words), not to the job: whoever asks for the same again goes
//! on from it. Invariants: one checkpoint for a piece of work, the newest; what is in it is only for those who know its
//! version; it is never needed, so dropping old ones loses nothing but time.

use keepwell_model::JobId;
use rusqlite::{OptionalExtension, params};

use crate::{Catalog, CatalogError};

/// Checkpoints kept: the newest.
const KEPT_LIMIT: i64 = 50;

/// A checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckpointRecord {
    /// The job that made it.
    pub job_id: JobId,
    /// What its content is written in.
    pub version: u32,
    /// When it was made.
    pub saved_ms: i64,
    /// What was done.
    pub content: Vec<u8>,
}

impl Catalog {
    /// Keeps the newest checkpoint of a piece of work.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn save_checkpoint(&self, work: &str, checkpoint: &CheckpointRecord) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO checkpoints (work, version, job_id, saved_ms, content)
                     VALUES (?1, ?2, ?3, ?4, ?5)",
                )?
                .execute(params![
                    work,
                    checkpoint.version,
                    checkpoint.job_id.to_string(),
                    checkpoint.saved_ms,
                    checkpoint.content
                ])?;
            transaction
                .prepare_cached(
                    "DELETE FROM checkpoints WHERE work NOT IN
                        (SELECT work FROM checkpoints ORDER BY saved_ms DESC, work LIMIT ?1)",
                )?
                .execute([KEPT_LIMIT])
                .map(drop)
        })
    }

    /// The checkpoint of a piece of work.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn checkpoint(&self, work: &str) -> Result<Option<CheckpointRecord>, CatalogError> {
        let row = self.with(|connection| {
            connection
                .query_row(
                    "SELECT job_id, version, saved_ms, content FROM checkpoints WHERE work = ?1",
                    [work],
                    |row| Ok((row.get::<_, String>(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
                )
                .optional()
        })?;
        Ok(row.and_then(|(job_id, version, saved_ms, content)| {
            Some(CheckpointRecord { job_id: job_id.parse().ok()?, version, saved_ms, content })
        }))
    }

    /// When a job made the checkpoint that the same work would go on from.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn checkpoint_of_job(&self, id: JobId) -> Result<Option<i64>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row(
                    "SELECT max(saved_ms) FROM checkpoints WHERE job_id = ?1",
                    [id.to_string()],
                    |row| row.get(0),
                )
                .optional()
                .map(Option::flatten)
        })
    }

    /// Drops the checkpoint of a piece of work: it is done.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn remove_checkpoint(&self, work: &str) -> Result<(), CatalogError> {
        self.write(|transaction| {
            transaction.execute("DELETE FROM checkpoints WHERE work = ?1", [work]).map(drop)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(number: u8) -> CheckpointRecord {
        CheckpointRecord {
            job_id: JobId([number; 16]),
            version: 3,
            saved_ms: i64::from(number),
            content: vec![number; 5],
        }
    }

    #[test]
    fn the_newest_of_a_piece_of_work_is_kept_until_it_is_done() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        assert_eq!(catalog.checkpoint("a").unwrap(), None);
        catalog.save_checkpoint("a", &record(1)).unwrap();
        catalog.save_checkpoint("b", &record(2)).unwrap();
        catalog.save_checkpoint("a", &record(3)).unwrap();
        assert_eq!(catalog.checkpoint("a").unwrap(), Some(record(3)));
        assert_eq!(catalog.checkpoint_of_job(JobId([3; 16])).unwrap(), Some(3));
        assert_eq!(catalog.checkpoint_of_job(JobId([1; 16])).unwrap(), None);
        catalog.remove_checkpoint("a").unwrap();
        assert_eq!(catalog.checkpoint("a").unwrap(), None);
        assert_eq!(catalog.checkpoint("b").unwrap(), Some(record(2)));
    }

    #[test]
    fn the_oldest_go_when_there_are_many() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        for number in 0..60 {
            catalog.save_checkpoint(&format!("work {number}"), &record(number)).unwrap();
        }
        assert_eq!(catalog.checkpoint("work 9").unwrap(), None);
        assert_eq!(catalog.checkpoint("work 10").unwrap(), Some(record(10)));
    }
}
