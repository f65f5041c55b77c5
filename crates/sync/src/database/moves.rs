//! What is on its way from one place of a side to another, where that takes more than one step.
//!
//! Invariant: it is written down before the first step, so that no loss of power takes it back.
//! Deliberately not here: moving (`place::relocate`).

use keepwell_model::RelativePath;
use rusqlite::params;

use super::rows::path_at;
use super::{PairDatabase, side_of, side_word};
use crate::error::SyncError;
use crate::node::Side;

/// A file or folder that is on its way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moving {
    pub side: Side,
    pub from: RelativePath,
    pub to: RelativePath,
}

impl PairDatabase {
    /// What is on its way, the first that began first.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn moving(&self) -> Result<Vec<Moving>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT side, from_path, to_path FROM moving ORDER BY id")?
                .query_map([], |row| {
                    let side: String = row.get(0)?;
                    Ok(Moving { side: side_of(&side), from: path_at(row, 1)?, to: path_at(row, 2)? })
                })?
                .collect()
        })
    }

    /// Writes down that something is about to go.
    ///
    /// # Errors
    /// The database refused: then it may not go.
    pub(crate) fn moving_begins(&self, moving: &Moving) -> Result<(), SyncError> {
        self.write_for_certain(|transaction| {
            transaction
                .execute(
                    "INSERT INTO moving (side, from_path, to_path) VALUES (?1, ?2, ?3)",
                    params![side_word(moving.side), moving.from.as_bytes(), moving.to.as_bytes()],
                )
                .map(drop)
        })
    }

    /// It is whole again, at one of both places.
    ///
    /// # Errors
    /// The database refused: the next run looks at both places.
    pub(crate) fn moving_ended(&self, moving: &Moving) -> Result<(), SyncError> {
        self.write(|transaction| {
            transaction
                .execute(
                    "DELETE FROM moving WHERE side = ?1 AND from_path = ?2 AND to_path = ?3",
                    params![side_word(moving.side), moving.from.as_bytes(), moving.to.as_bytes()],
                )
                .map(drop)
        })
    }
}
