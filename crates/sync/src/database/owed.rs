//! What answers to brakes promised to bring back, until it is back.
//!
//! Invariants: it is written down before the first change of the run that brings it back, so that no loss of power takes it
//! back; it is struck off in the transaction in which the base learns that it is back, or when a look finds that there is
//! nothing to bring back any more. Deliberately not here: what is promised (`planner::way`).

use std::collections::BTreeSet;

use keepwell_model::RelativePath;
use rusqlite::{Connection, params};

use super::rows::{JournalLine, damaged, path_at, unsigned};
use super::{PairDatabase, side_of, side_word, sql};
use crate::error::SyncError;
use crate::node::NodeId;
use crate::plan::Why;
use crate::policy::{BringBack, Owed, Promise};
use crate::run_types::ActionKind;
use crate::trees::facts::{decode_state, encode_state};

/// Words of the database, which never change.
const GONE: &str = "gone";
const EVERYTHING: &str = "everything";
const FILLING: &str = "filling";

impl PairDatabase {
    /// What is owed.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn owed(&self) -> Result<Owed, SyncError> {
        self.with(|connection| {
            let items = connection
                .prepare_cached("SELECT node, side, what, was FROM owed ORDER BY node")?
                .query_map([], |row| {
                    let side = side_of(&row.get::<_, String>(1)?);
                    let back = match row.get::<_, String>(2)?.as_str() {
                        EVERYTHING => BringBack::Everything(side),
                        FILLING => BringBack::Filling(side),
                        _ => BringBack::Gone(side),
                    };
                    let was: Option<Vec<u8>> = row.get(3)?;
                    let was = was.map(|state| decode_state(&state).ok_or_else(|| damaged("a version")));
                    Ok(Promise { node: NodeId(unsigned(row, 0)?), back, was: was.transpose()? })
                })?
                .collect::<rusqlite::Result<_>>()?;
            let new = connection
                .prepare_cached("SELECT path FROM owed_new")?
                .query_map([], |row| path_at(row, 0))?
                .collect::<rusqlite::Result<_>>()?;
            Ok(Owed::of(items, new))
        })
    }

    /// Writes down what an answer promises.
    ///
    /// # Errors
    /// The database refused: then nothing may be changed because of that answer.
    pub(crate) fn owe(&self, promised: &[Promise], new: &BTreeSet<RelativePath>) -> Result<(), SyncError> {
        if promised.is_empty() && new.is_empty() {
            return Ok(());
        }
        self.write_for_certain(|transaction| {
            let mut put = transaction.prepare_cached(
                "INSERT OR REPLACE INTO owed (node, side, what, was) VALUES (?1, ?2, ?3, ?4)",
            )?;
            for Promise { node, back, was } in promised {
                let was = was.as_ref().map(encode_state);
                let what = match back {
                    BringBack::Gone(_) => GONE,
                    BringBack::Everything(_) => EVERYTHING,
                    BringBack::Filling(_) => FILLING,
                };
                put.execute(params![sql(node.0), side_word(back.side()), what, was])?;
            }
            let mut put = transaction.prepare_cached("INSERT OR IGNORE INTO owed_new (path) VALUES (?1)")?;
            new.iter().try_for_each(|path| put.execute([path.as_bytes()]).map(drop))
        })
    }

    /// These are owed no more.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn owe_no_more(&self, nodes: &[NodeId]) -> Result<(), SyncError> {
        if nodes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut strike = transaction.prepare_cached("DELETE FROM owed WHERE node = ?1")?;
            nodes.iter().try_for_each(|node| strike.execute([sql(node.0)]).map(drop))
        })
    }

    /// Nor are these, which the base did not know.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn owe_no_more_new<'p>(
        &self,
        paths: impl Iterator<Item = &'p RelativePath>,
    ) -> Result<(), SyncError> {
        let mut paths = paths.peekable();
        if paths.peek().is_none() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut strike = transaction.prepare_cached("DELETE FROM owed_new WHERE path = ?1")?;
            paths.try_for_each(|path| strike.execute([path.as_bytes()]).map(drop))
        })
    }
}

/// Strikes off what is back. One that was moved back may still have to get its content.
pub(super) fn brought_back(connection: &Connection, lines: &[JournalLine]) -> rusqlite::Result<()> {
    let is_back = |line: &&JournalLine| {
        line.done.why == Why::BroughtBack && !matches!(line.done.action, ActionKind::Move)
    };
    let mut strike = connection.prepare_cached("DELETE FROM owed WHERE node = ?1")?;
    for line in lines.iter().filter(is_back) {
        strike.execute([sql(line.node.0)])?;
    }
    Ok(())
}
