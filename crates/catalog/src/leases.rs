//! Leases: who works on a destination, or runs the schedules, among all processes that share this state.
//!
//! Invariants: a lease is taken and given back in one transaction; it is never taken from a living process; one of a
//! dead process is free at once (the caller says who lives, see [`crate::Presence`]). They speak of living processes only,
//! so no write of them waits for the disk.

use rusqlite::{OptionalExtension, params};

use crate::{Catalog, CatalogError, Presence};

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseHolder {
    /// The process.
    pub holder: String,
    /// What to call it.
    pub label: String,
    /// Since when.
    pub taken_ms: i64,
    /// When it last said that it is there.
    pub heartbeat_ms: i64,
}

/// The answer to a try.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LeaseOutcome {
    /// It is ours; the dead process it was taken over from, if any.
    Taken {
        /// The label of the dead process.
        from_dead: Option<String>,
    },
    /// A living process has it.
    Held(LeaseHolder),
}

impl Catalog {
    /// Tries to take a lease.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn take_lease(&self, name: &str, me: &Presence, now_ms: i64) -> Result<LeaseOutcome, CatalogError> {
        self.write_soon(|transaction| {
            let current = transaction
                .query_row(
                    "SELECT holder, label, taken_ms, heartbeat_ms FROM leases WHERE name = ?1",
                    [name],
                    read,
                )
                .optional()?;
            let from_dead = match current {
                Some(holder) if holder.holder == me.id() => None,
                Some(holder) if me.is_alive(&holder.holder) => return Ok(LeaseOutcome::Held(holder)),
                Some(holder) => Some(holder.label),
                None => None,
            };
            transaction.execute(
                "INSERT INTO leases (name, holder, label, taken_ms, heartbeat_ms) VALUES (?1, ?2, ?3, ?4, ?4)
                 ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, label = excluded.label,
                    taken_ms = excluded.taken_ms, heartbeat_ms = excluded.heartbeat_ms",
                params![name, me.id(), me.label(), now_ms],
            )?;
            Ok(LeaseOutcome::Taken { from_dead })
        })
    }

    /// Says that the holder is still there; `false` where the lease is not ours any more.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn renew_lease(&self, name: &str, me: &Presence, now_ms: i64) -> Result<bool, CatalogError> {
        self.write_soon(|transaction| {
            transaction
                .execute(
                    "UPDATE leases SET heartbeat_ms = ?3 WHERE name = ?1 AND holder = ?2",
                    params![name, me.id(), now_ms],
                )
                .map(|changed| changed > 0)
        })
    }

    /// Gives a lease back; one that is not ours is left alone.
    ///
    /// # Errors
    /// The database can not be written.
    pub fn release_lease(&self, name: &str, me: &Presence) -> Result<(), CatalogError> {
        self.write_soon(|transaction| {
            transaction
                .execute("DELETE FROM leases WHERE name = ?1 AND holder = ?2", [name, me.id()])
                .map(drop)
        })
    }

    /// Who holds a lease, dead or alive.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn lease(&self, name: &str) -> Result<Option<LeaseHolder>, CatalogError> {
        self.with(|connection| {
            connection
                .query_row(
                    "SELECT holder, label, taken_ms, heartbeat_ms FROM leases WHERE name = ?1",
                    [name],
                    read,
                )
                .optional()
        })
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<LeaseHolder> {
    Ok(LeaseHolder {
        holder: row.get(0)?,
        label: row.get(1)?,
        taken_ms: row.get(2)?,
        heartbeat_ms: row.get(3)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_is_held_until_given_back_or_its_holder_dies() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let app = Presence::announce(home.path(), "the app").unwrap();
        let cli = Presence::announce(home.path(), "the command line").unwrap();
        let free = LeaseOutcome::Taken { from_dead: None };

        assert_eq!(catalog.take_lease("usb", &app, 10).unwrap(), free);
        assert_eq!(catalog.take_lease("usb", &app, 11).unwrap(), free, "taking it again is no harm");
        let LeaseOutcome::Held(holder) = catalog.take_lease("usb", &cli, 12).unwrap() else { panic!() };
        assert_eq!(holder.label, "the app");
        assert!(!catalog.renew_lease("usb", &cli, 13).unwrap());
        catalog.release_lease("usb", &cli).unwrap();
        assert!(catalog.renew_lease("usb", &app, 14).unwrap(), "another can not give it back");

        catalog.release_lease("usb", &app).unwrap();
        assert_eq!(catalog.take_lease("usb", &cli, 15).unwrap(), free);
        drop(cli);
        assert_eq!(
            catalog.take_lease("usb", &app, 16).unwrap(),
            LeaseOutcome::Taken { from_dead: Some("the command line".to_owned()) }
        );
    }
}
