//! What plans, pairs and replicas have in common: a row under an id that stands until a person removes it, with a schedule
//! that is dealt with up to some moment. What differs is said by [`Standing`]; its statements are written once, here.
//!
//! Deliberately not here: how a row is saved, and what only one of them has.

use std::fmt::Display;

use rusqlite::{OptionalExtension, Row, params};

use crate::{Catalog, CatalogError};

/// A kind of row that stands under an id.
pub(crate) trait Standing: Sized {
    /// Its id.
    type Id: Display;
    /// The table it is in.
    const TABLE: &'static str;
    /// The columns, in the order [`Standing::read`] takes them.
    const COLUMNS: &'static str;
    /// What a person calls it.
    const WHAT: &'static str;

    /// One from a row with its columns; in words what can not be read of it.
    fn read(row: &Row<'_>) -> rusqlite::Result<Result<Self, String>>;
}

impl Catalog {
    /// All of a kind, in the order they were made.
    pub(crate) fn all_standing<Kind: Standing>(&self) -> Result<Vec<Kind>, CatalogError> {
        let query = format!("SELECT {} FROM {} ORDER BY created_ms, id", Kind::COLUMNS, Kind::TABLE);
        let rows = self.with(|connection| {
            let mut statement = connection.prepare_cached(&query)?;
            statement.query_map([], Kind::read)?.collect::<rusqlite::Result<Vec<_>>>()
        })?;
        rows.into_iter().map(|row| row.map_err(|what| self.unreadable(what))).collect()
    }

    /// The one under an id.
    pub(crate) fn one_standing<Kind: Standing>(&self, id: &Kind::Id) -> Result<Option<Kind>, CatalogError> {
        let query = format!("SELECT {} FROM {} WHERE id = ?1", Kind::COLUMNS, Kind::TABLE);
        self.with(|connection| connection.query_row(&query, [id.to_string()], Kind::read).optional())?
            .transpose()
            .map_err(|what| self.unreadable(what))
    }

    /// Notes up to when its schedule is dealt with, and when to try again if at all.
    pub(crate) fn set_times_standing<Kind: Standing>(
        &self,
        id: &Kind::Id,
        schedule_from_ms: i64,
        retry_ms: Option<i64>,
    ) -> Result<(), CatalogError> {
        let update = format!("UPDATE {} SET schedule_from_ms = ?2, retry_ms = ?3 WHERE id = ?1", Kind::TABLE);
        self.write(|transaction| {
            transaction.execute(&update, params![id.to_string(), schedule_from_ms, retry_ms]).map(drop)
        })
    }

    /// Removes it; an error where there is none.
    pub(crate) fn remove_standing<Kind: Standing>(&self, id: &Kind::Id) -> Result<(), CatalogError> {
        let delete = format!("DELETE FROM {} WHERE id = ?1", Kind::TABLE);
        let removed = self.write(|transaction| transaction.execute(&delete, [id.to_string()]))?;
        if removed == 0 { Err(missing_standing::<Kind>(id)) } else { Ok(()) }
    }
}

/// There is none under that id.
pub(crate) fn missing_standing<Kind: Standing>(id: &Kind::Id) -> CatalogError {
    CatalogError::Missing { what: Kind::WHAT, id: id.to_string() }
}
