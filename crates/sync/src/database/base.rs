//! Reading what both sides agreed on out of the database: the first thing every run waits for.
//!
//! Invariants: every row is checked, and one that does not make sense makes all of it damaged; a large base is read by
//! two threads, the second with a connection of its own, which sees the same because only the holder of the pair's lock
//! writes. Deliberately not here: what becomes of a damaged base (`database`), how it lies in memory (`trees::base`).

use std::path::Path;

use rusqlite::{Connection, OpenFlags, params};

use crate::node::NodeId;
use crate::trees::base::{BaseTree, Gathered};
use crate::trees::facts::checked;

/// From so many nodes on two threads read.
const SHARED_FROM: u64 = 16_384;
/// Of a hundred nodes so many are the first thread's: it also puts together what both read.
const OWN_PERCENT: u64 = 46;
/// What a node takes in the database, about.
const NODE_BYTES: u64 = 160;

/// Nothing where a row does not make sense.
pub(super) fn load_base(connection: &Connection, path: &Path) -> rusqlite::Result<Option<BaseTree>> {
    let highest = super::highest_id(connection)?;
    let pages: i64 = connection.prepare_cached("PRAGMA page_count")?.query_row([], |row| row.get(0))?;
    // Only what is reserved; ids may be far apart, and pages may hold other things.
    let nodes = highest.min(u64::try_from(pages).unwrap_or(0).saturating_mul(4096) / NODE_BYTES);
    let mut base = BaseTree::with_capacity(usize::try_from(nodes).unwrap_or(0));
    if nodes < SHARED_FROM {
        let is_sound = read(connection, 0, highest, |id, parent, names, facts| {
            base.insert_packed(id, parent, names, facts);
        });
        return Ok(is_sound?.then_some(base));
    }
    let middle = highest / 100 * OWN_PERCENT;
    std::thread::scope(|scope| {
        let other = scope.spawn(|| -> rusqlite::Result<Option<Gathered>> {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            let connection = Connection::open_with_flags(path, flags)?;
            connection.busy_timeout(super::BUSY_TIMEOUT)?;
            let mut part = Gathered::default();
            let is_sound = read(&connection, middle, highest, |id, parent, names, facts| {
                part.push(id, parent, names, facts);
            });
            Ok(is_sound?.then_some(part))
        });
        let is_sound = read(connection, 0, middle, |id, parent, names, facts| {
            base.insert_packed(id, parent, names, facts);
        });
        let other = match other.join() {
            Ok(other) => other,
            Err(panic) => std::panic::resume_unwind(panic),
        };
        match (is_sound?, other?) {
            (true, Some(part)) => {
                base.append(part);
                Ok(Some(base))
            }
            _ => Ok(None),
        }
    })
}

/// Reads the nodes with ids above one and up to another; whether all make sense.
fn read(
    connection: &Connection,
    above: u64,
    to: u64,
    mut take: impl FnMut(NodeId, NodeId, [Option<&[u8]>; 3], &[u8]),
) -> rusqlite::Result<bool> {
    let mut statement = connection.prepare_cached(
        "SELECT id, parent, name, left_name, right_name, facts FROM nodes WHERE id > ?1 AND id <= ?2 ORDER BY id",
    )?;
    let mut rows = statement.query(params![super::sql(above), super::sql(to)])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let Some(parent) = row.get::<_, Option<i64>>(1)? else { return Ok(false) };
        let (Ok(id), Ok(parent)) = (u64::try_from(id), u64::try_from(parent)) else { return Ok(false) };
        let name = row.get_ref(2)?.as_blob()?;
        let left_name = row.get_ref(3)?.as_blob_or_null()?;
        let right_name = row.get_ref(4)?.as_blob_or_null()?;
        let facts = row.get_ref(5)?.as_blob()?;
        let names = [Some(name), left_name, right_name];
        let Some(facts) = checked(id, parent, names, facts) else { return Ok(false) };
        take(NodeId(id), NodeId(parent), names, facts);
    }
    Ok(true)
}
