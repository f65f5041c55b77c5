//! Settings: small texts by key.

use rusqlite::OptionalExtension;

use crate::{Catalog, CatalogError};

impl Catalog {
    /// The text kept under a key.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn setting(&self, key: &str) -> Result<Option<String>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
                .optional()
        })
    }

    /// Keeps a text under a key.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_setting(&self, key: &str, value: &str) -> Result<(), CatalogError> {
        self.write(|transaction| put_setting(transaction, key, value))
    }

    /// Keeps a text under a key, for which nobody waits until it is on the disk: one that is only news.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn set_setting_soon(&self, key: &str, value: &str) -> Result<(), CatalogError> {
        self.write_soon(|transaction| put_setting(transaction, key, value))
    }

    /// Forgets what is kept under a key.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn remove_setting(&self, key: &str) -> Result<(), CatalogError> {
        self.write(|transaction| transaction.execute("DELETE FROM settings WHERE key = ?1", [key]).map(drop))
    }

    /// Keeps a text under a key unless there is one; answers the one that is kept.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn setting_or_insert(&self, key: &str, value: &str) -> Result<String, CatalogError> {
        self.write(|transaction| {
            transaction
                .execute("INSERT OR IGNORE INTO settings (key, value) VALUES (?1, ?2)", [key, value])?;
            transaction.query_row("SELECT value FROM settings WHERE key = ?1", [key], |row| row.get(0))
        })
    }
}

fn put_setting(transaction: &rusqlite::Transaction<'_>, key: &str, value: &str) -> rusqlite::Result<()> {
    transaction
        .execute(
            "INSERT INTO settings (key, value) VALUES (?1, ?2)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value",
            [key, value],
        )
        .map(drop)
}
