//! What the runs just before took from a side, for the brakes.
//!
//! Invariant: what was undone, brought back or answered for by a person is not counted. Deliberately not here: when it is
//! too much (`planner::brakes`).

use keepwell_model::EntryKind;
use rusqlite::params;

use super::bin_times::bin_time;
use super::rows::unsigned;
use super::{PairDatabase, set_value, side_word, value};
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::trees::Recent;
use crate::trees::facts::kind_number;

/// Runs of so long before are weighed together with the next one.
const RECENT_MS: i64 = 30 * 60_000;
/// What was written so short a time before it went is no loss a brake looks for: programs make files and remove them again.
const FLEETING_MS: i64 = 60_000;
/// Where in `meta` it is written up to when a person answered for what was removed, and for what was rewritten.
const ANSWERED: [&str; 2] = ["answered.removed", "answered.rewritten"];

impl PairDatabase {
    /// What the runs of the last half hour took from a side. The index of the bin says it: what was undone or brought back
    /// is not in it any more.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn recent(&self, side: Side, now_ms: i64) -> Result<Recent, SyncError> {
        self.with(|connection| {
            // As what goes there now is dated, also by a clock that is behind.
            let now_ms = bin_time(connection, now_ms)?;
            let mut from_ms = [now_ms.saturating_sub(RECENT_MS); 2];
            for (from_ms, key) in from_ms.iter_mut().zip(ANSWERED) {
                let answered = value(connection, key)?.and_then(|bytes| bytes.try_into().ok());
                *from_ms = answered.map_or(*from_ms, |bytes| i64::from_le_bytes(bytes).max(*from_ms));
            }
            let mut find = connection.prepare_cached(
                "SELECT node, replaced, at_ms FROM bin
                 WHERE at_ms > ?1 AND at_ms <= ?2 AND side = ?3 AND kind <> ?4 AND settled = 1
                 AND why NOT IN ('moved-in', 'conflict-decided', 'brought-back')
                 AND NOT coalesce(modified_ms > at_ms - ?5 AND modified_ms <= at_ms, 0)
                 ORDER BY at_ms DESC",
            )?;
            let kind = kind_number(EntryKind::Folder);
            let oldest_ms = from_ms[0].min(from_ms[1]);
            let mut rows = find.query(params![oldest_ms, now_ms, side_word(side), kind, FLEETING_MS])?;
            let mut recent = Recent::default();
            while let Some(row) = rows.next()? {
                let (is_replaced, at_ms): (bool, i64) = (row.get(1)?, row.get(2)?);
                if at_ms <= from_ms[usize::from(is_replaced)] {
                    continue;
                }
                if is_replaced {
                    recent.rewritten.insert(NodeId(unsigned(row, 0)?));
                    recent.rewritten_since_ms = at_ms;
                } else {
                    recent.removed += 1;
                    recent.removed_since_ms = at_ms;
                }
            }
            Ok(recent)
        })
    }

    /// A person answered for what runs remove, or for what they rewrite: what was done until now does not count again.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn answered(&self, removed: bool, rewritten: bool, now_ms: i64) -> Result<(), SyncError> {
        if !removed && !rewritten {
            return Ok(());
        }
        self.write(|transaction| {
            let now_ms = bin_time(transaction, now_ms)?;
            for (_, key) in
                [removed, rewritten].into_iter().zip(ANSWERED).filter(|(is_answered, _)| *is_answered)
            {
                set_value(transaction, key, &now_ms.to_le_bytes())?;
            }
            Ok(())
        })
    }
}
