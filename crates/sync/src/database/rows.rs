//! Runs and their journal, and the index of the bins.
//!
//! Invariants: a bin item is written down before its file is renamed into the bin (unsettled), and settled after; what
//! a crash left unsettled is looked at when the pair is opened again. Deliberately not here: thinning (`bins::care`),
//! restoring and undo (`bins::bring_back`).

use std::collections::HashSet;

use keepwell_model::{ContentHash, EntryKind, JobId, RelativePath, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::before::{Before, keep_before};
use super::bin_times::bin_time;
use super::mark::move_on;
use super::owed::brought_back;
use super::{BaseChange, PairDatabase, advance_base, side_of, side_word, sql, transact};
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::plan::Why;
use crate::run_types::{ActionKind, Done, RunRecord, RunState, SyncReport};
use crate::trees::facts::{kind_number, kind_of};

/// The history keeps so many runs; with an older one goes its journal.
pub const RUNS_KEPT: u32 = 1000;

/// One line of a run's journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// Its place in the run.
    pub number: u64,
    /// The node it was about.
    pub node: NodeId,
    /// What kind of item it is.
    pub kind: EntryKind,
    /// What was done.
    pub done: Done,
}

/// A group of proven deeds.
#[derive(Clone, Debug, Default)]
pub struct Group {
    /// What the base learns, in order.
    pub changes: Vec<BaseChange>,
    /// Lines of the journal.
    pub lines: Vec<JournalLine>,
    /// What surely lies in the bins, with the place where that is another than was written down.
    pub kept: Vec<(i64, Option<RelativePath>)>,
    /// The hashes of the blocks of large files, with the hash of the whole.
    pub blocks: Vec<(NodeId, ContentHash, Vec<u8>)>,
    /// Small texts that were carried over, for merging later.
    pub texts: Vec<(ContentHash, Vec<u8>)>,
    /// What surrounded items before, by the number of the line that set it.
    pub(crate) before: Vec<(u64, Before)>,
}

/// Something in the bin of a side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BinItem {
    /// Its number.
    pub id: i64,
    /// The run that put it there.
    pub run: JobId,
    /// The side.
    pub side: Side,
    /// The node it was.
    pub node: NodeId,
    /// Where it was.
    pub path: RelativePath,
    /// Where it lies now, below the root of its side.
    pub bin_path: RelativePath,
    /// What it is. A folder was empty when it was removed: nothing of it lies in the bin.
    pub kind: EntryKind,
    /// Its length.
    pub size_bytes: u64,
    /// When its content was last changed.
    pub modified: Option<Timestamp>,
    /// What it holds, where that is known.
    pub hash: Option<ContentHash>,
    /// Why it was put there.
    pub why: Why,
    /// Something else took its place; else it was removed.
    pub is_replaced: bool,
    /// When.
    pub at_ms: i64,
}

/// A value with a serde name as that name.
pub(super) fn word<T: Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        _ => String::new(),
    }
}

/// The value of a name; a row with another is damaged.
pub(super) fn of_word<T: DeserializeOwned>(text: String) -> rusqlite::Result<T> {
    serde_json::from_value(serde_json::Value::String(text)).map_err(|error| damaged(&error.to_string()))
}

/// A row that makes no sense.
pub(super) fn damaged(what: &str) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Null, what.to_owned().into())
}

pub(super) fn path_of(bytes: &[u8]) -> rusqlite::Result<RelativePath> {
    RelativePath::parse(bytes).map_err(|error| damaged(&error.to_string()))
}

pub(super) fn path_at(row: &Row<'_>, column: usize) -> rusqlite::Result<RelativePath> {
    path_of(row.get_ref(column)?.as_blob()?)
}

pub(super) fn path_or_none_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<RelativePath>> {
    row.get_ref(column)?.as_blob_or_null()?.map(path_of).transpose()
}

pub(super) fn kind_at(row: &Row<'_>, column: usize) -> rusqlite::Result<EntryKind> {
    kind_of(row.get(column)?).ok_or_else(|| damaged("a kind"))
}

fn id_at(row: &Row<'_>, column: usize) -> rusqlite::Result<JobId> {
    row.get::<_, String>(column)?.parse().map_err(|_| damaged("the id of a run"))
}

pub(super) fn unsigned(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    Ok(row.get::<_, i64>(column)?.cast_unsigned())
}

fn hash_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ContentHash>> {
    Ok(row.get_ref(column)?.as_blob_or_null()?.and_then(|bytes| bytes.try_into().ok()).map(ContentHash))
}

impl PairDatabase {
    /// Writes down that a run begins, and forgets the oldest ones past [`RUNS_KEPT`].
    ///
    /// # Errors
    /// The database refused.
    pub fn begin_run(&self, run: JobId, now_ms: i64) -> Result<(), SyncError> {
        let report = serde_json::to_string(&SyncReport::default()).unwrap_or_default();
        self.write(|transaction| {
            transaction
                .prepare_cached(
                    "INSERT INTO runs (id, started_ms, state, report) VALUES (?1, ?2, 'running', ?3)
                     ON CONFLICT (id) DO UPDATE SET state = 'running'",
                )?
                .execute(params![run.to_string(), now_ms, report])?;
            transaction
                .prepare_cached(
                    // Not this one, also where the clock was ahead once and all others are of later.
                    "DELETE FROM runs WHERE id IN
                     (SELECT id FROM runs WHERE id <> ?2 ORDER BY started_ms DESC, rowid DESC LIMIT -1 OFFSET ?1)",
                )?
                .execute(params![RUNS_KEPT - 1, run.to_string()])
                .map(drop)
        })
    }

    /// Runs that say they are at work, though nobody holds the pair: their process died. They are failed from now on.
    /// Whether there were any.
    ///
    /// # Errors
    /// The database refused.
    pub fn close_dead_runs(&self, now_ms: i64) -> Result<bool, SyncError> {
        let sql = "UPDATE runs SET state = 'failed', finished_ms = ?1 WHERE state = 'running'";
        let is_there = self.with(|connection| {
            connection
                .prepare_cached("SELECT EXISTS (SELECT 1 FROM runs WHERE state = 'running')")?
                .query_row([], |row| row.get(0))
        })?;
        if is_there {
            self.write(|transaction| transaction.execute(sql, [now_ms]).map(drop))?;
        }
        Ok(is_there)
    }

    /// Writes down how a run ended, so that no power cut takes that back, nor what the run wrote down before; and moves the
    /// mark on with it.
    ///
    /// # Errors
    /// The database refused.
    pub fn end_run(
        &self,
        run: JobId,
        state: RunState,
        report: &SyncReport,
        now_ms: i64,
    ) -> Result<(), SyncError> {
        let report = serde_json::to_string(report).unwrap_or_default();
        self.write_for_certain(|transaction| {
            move_on(transaction, 0)?;
            transaction
                .prepare_cached("UPDATE runs SET state = ?2, report = ?3, finished_ms = ?4 WHERE id = ?1")?
                .execute(params![run.to_string(), word(&state), report, now_ms])
                .map(drop)
        })
    }

    /// Marks a run as undone.
    ///
    /// # Errors
    /// The database refused.
    pub fn mark_undone(&self, run: JobId) -> Result<(), SyncError> {
        self.write(|transaction| {
            transaction.execute("UPDATE runs SET state = 'undone' WHERE id = ?1", [run.to_string()]).map(drop)
        })
    }

    /// The runs, the last one first.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn runs(&self, offset: u32, limit: u32) -> Result<Vec<RunRecord>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, started_ms, finished_ms, state, report FROM runs
                     ORDER BY started_ms DESC, rowid DESC LIMIT ?1 OFFSET ?2",
                )?
                .query_map([limit, offset], run_row)?
                .collect()
        })
    }

    /// One run.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn run(&self, run: JobId) -> Result<Option<RunRecord>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT id, started_ms, finished_ms, state, report FROM runs WHERE id = ?1")?
                .query_row([run.to_string()], run_row)
                .optional()
        })
    }

    /// Writes down a group of proven deeds, all or nothing: what the base learns, the journal, what lies in the bins.
    /// `proven` is asked before the commit: what it refuses is not written.
    ///
    /// # Errors
    /// The database refused, or it was not proven; nothing changed then.
    pub fn commit_group(
        &self,
        run: JobId,
        group: &Group,
        next_id: u64,
        now_ms: i64,
        proven: impl FnOnce() -> Result<(), SyncError>,
    ) -> Result<(), SyncError> {
        // They are of use whatever becomes of the rest.
        self.texts.keep(&group.texts, now_ms);
        let mut refusal = None;
        let written = self.write(|transaction| {
            write_group(transaction, run, group, next_id)?;
            keep_before(transaction, run, &group.before, now_ms)?;
            proven().map_err(|error| {
                refusal = Some(error);
                // Any error takes the transaction back.
                rusqlite::Error::ExecuteReturnedResults
            })
        });
        match refusal {
            Some(error) => Err(error),
            None => written,
        }
    }

    /// The hashes of the blocks a node's file had when it held this content.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn blocks(&self, node: NodeId, content: &ContentHash) -> Result<Option<Vec<u8>>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT hashes FROM blocks WHERE node = ?1 AND content = ?2")?
                .query_row(params![sql(node.0), &content.as_bytes()[..]], |row| row.get(0))
                .optional()
        })
    }

    /// The next free line of a run's journal: a run that was broken off may go on under its number.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn next_journal_line(&self, run: JobId) -> Result<u64, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT coalesce(max(number) + 1, 0) FROM journal WHERE run = ?1")?
                .query_row([run.to_string()], |row| unsigned(row, 0))
        })
    }

    /// Lines of a run's journal in the order they were done, from a number on.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn journal(&self, run: JobId, from: u64, limit: u32) -> Result<Vec<JournalLine>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT number, side, action, why, node, kind, path, other_path, size_bytes, hash FROM journal
                     WHERE run = ?1 AND number >= ?2 ORDER BY number LIMIT ?3",
                )?
                .query_map(params![run.to_string(), sql(from), limit], journal_row)?
                .collect()
        })
    }

    /// Writes down what is about to be put into a bin; answers with the numbers. The `id`s given are not looked at.
    ///
    /// # Errors
    /// The database refused: then nothing may be renamed.
    pub fn expect_in_bin(&self, items: &[BinItem]) -> Result<Vec<i64>, SyncError> {
        self.write_for_certain(|transaction| insert_into_bin(transaction, items, false))
    }

    /// Writes down what lies in a bin already. The `id`s given are not looked at.
    ///
    /// # Errors
    /// The database refused.
    pub(crate) fn add_to_bin(&self, items: &[BinItem]) -> Result<(), SyncError> {
        match items {
            [] => Ok(()),
            items => self.write(|transaction| insert_into_bin(transaction, items, true).map(drop)),
        }
    }

    /// Where everything lies that the index names of one side's bin.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn bin_paths(&self, side: Side) -> Result<HashSet<RelativePath>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT bin_path FROM bin WHERE side = ?1")?
                .query_map([side_word(side)], |row| path_at(row, 0))?
                .collect()
        })
    }

    /// The runs that put something into the bins.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn bin_runs(&self) -> Result<HashSet<JobId>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached("SELECT DISTINCT run FROM bin")?
                .query_map([], |row| id_at(row, 0))?
                .collect()
        })
    }

    /// Writes what no power cut takes back, nor anything written before it: no scan would learn again what lies in a bin.
    pub(crate) fn write_for_certain<T>(
        &self,
        action: impl FnOnce(&rusqlite::Transaction<'_>) -> rusqlite::Result<T>,
    ) -> Result<T, SyncError> {
        // Held for all of it: another thread would say that nobody waits for the disk any more.
        let mut connection = self.lock();
        let run = || -> rusqlite::Result<T> {
            connection.pragma_update(None, "synchronous", "FULL")?;
            let result = transact(&mut connection, action);
            connection.pragma_update(None, "synchronous", "NORMAL")?;
            result
        };
        run().map_err(|source| self.fault(source))
    }

    /// Writes down that something will lie elsewhere in the bin than was planned.
    ///
    /// # Errors
    /// The database refused: then it may not be put there.
    pub(crate) fn move_in_bin(&self, id: i64, bin_path: &RelativePath) -> Result<(), SyncError> {
        self.write_for_certain(|transaction| {
            transaction
                .execute("UPDATE bin SET bin_path = ?2 WHERE id = ?1", params![id, bin_path.as_bytes()])
                .map(drop)
        })
    }

    /// Settles bin items: those that lie in the bin stay written down, the others are forgotten.
    ///
    /// # Errors
    /// The database refused.
    pub fn settle_bin(&self, kept: &[i64], forgotten: &[i64]) -> Result<(), SyncError> {
        if kept.is_empty() && forgotten.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut settle = transaction.prepare_cached("UPDATE bin SET settled = 1 WHERE id = ?1")?;
            for id in kept {
                settle.execute([id])?;
            }
            let mut forget = transaction.prepare_cached("DELETE FROM bin WHERE id = ?1")?;
            for id in forgotten {
                forget.execute([id])?;
            }
            Ok(())
        })
    }

    /// Something is about to leave the bin: until it is settled again, it is looked at when the pair is opened.
    ///
    /// # Errors
    /// The database refused: then it may not leave.
    pub(crate) fn unsettle_bin(&self, id: i64) -> Result<(), SyncError> {
        self.write(|transaction| {
            transaction.execute("UPDATE bin SET settled = 0 WHERE id = ?1", [id]).map(drop)
        })
    }

    /// What a crash left between being written down and lying in the bin.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn unsettled_bin(&self) -> Result<Vec<BinItem>, SyncError> {
        self.with(|connection| bin_items(connection, "settled = 0 ORDER BY id", []))
    }

    /// One thing in the bin.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn bin_item(&self, id: i64) -> Result<Option<BinItem>, SyncError> {
        self.with(|connection| Ok(bin_items(connection, "settled = 1 AND id = ?1", [id])?.pop()))
    }

    /// What lies in the bins, the latest first.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn bin_items(&self, offset: u32, limit: u32) -> Result<Vec<BinItem>, SyncError> {
        self.with(|connection| {
            bin_items(
                connection,
                "settled = 1 ORDER BY at_ms DESC, id DESC LIMIT ?1 OFFSET ?2",
                [limit, offset],
            )
        })
    }

    /// What one run put into the bins.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn bin_items_of(&self, run: JobId) -> Result<Vec<BinItem>, SyncError> {
        self.with(|connection| {
            bin_items(connection, "settled = 1 AND run = ?1 ORDER BY id", [run.to_string()])
        })
    }
}

fn insert_into_bin(
    connection: &Connection,
    items: &[BinItem],
    is_settled: bool,
) -> rusqlite::Result<Vec<i64>> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO bin (run, side, node, path, bin_path, kind, size_bytes, modified_ms, hash, why, replaced,
         at_ms, settled) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    // What lies there already has the time at which it was found; all else goes there at one time.
    let going = items.first().filter(|_| !is_settled);
    let going_ms = going.map(|item| bin_time(connection, item.at_ms)).transpose()?;
    items
        .iter()
        .map(|item| {
            insert.execute(params![
                item.run.to_string(),
                side_word(item.side),
                sql(item.node.0),
                item.path.as_bytes(),
                item.bin_path.as_bytes(),
                kind_number(item.kind),
                item.size_bytes.cast_signed(),
                item.modified.map(Timestamp::to_milliseconds),
                item.hash.as_ref().map(|hash| &hash.as_bytes()[..]),
                word(&item.why),
                item.is_replaced,
                going_ms.unwrap_or(item.at_ms),
                is_settled,
            ])?;
            Ok(connection.last_insert_rowid())
        })
        .collect()
}

fn write_journal(connection: &Connection, run: JobId, lines: &[JournalLine]) -> rusqlite::Result<()> {
    let mut insert = connection.prepare_cached(
        "INSERT INTO journal
         (run, number, side, action, why, node, kind, path, other_path, size_bytes, hash)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?;
    let run = run.to_string();
    for line in lines {
        let done = &line.done;
        insert.execute(params![
            run,
            sql(line.number),
            side_word(done.side),
            word(&done.action),
            word(&done.why),
            sql(line.node.0),
            kind_number(line.kind),
            done.path.as_bytes(),
            done.other_path.as_ref().map(RelativePath::as_bytes),
            done.size_bytes.cast_signed(),
            done.hash.as_ref().map(|hash| &hash.as_bytes()[..]),
        ])?;
    }
    Ok(())
}

fn write_group(connection: &Connection, run: JobId, group: &Group, next_id: u64) -> rusqlite::Result<()> {
    advance_base(connection, &group.changes, next_id)?;
    brought_back(connection, &group.lines)?;
    write_journal(connection, run, &group.lines)?;
    let mut settle = connection
        .prepare_cached("UPDATE bin SET settled = 1, bin_path = coalesce(?2, bin_path) WHERE id = ?1")?;
    for (id, bin_path) in &group.kept {
        settle.execute(params![id, bin_path.as_ref().map(RelativePath::as_bytes)])?;
    }
    let mut put = connection.prepare_cached(
        "INSERT OR REPLACE INTO blocks (node, content, hashes)
         SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM nodes WHERE id = ?1)",
    )?;
    for (node, content, hashes) in &group.blocks {
        put.execute(params![sql(node.0), &content.as_bytes()[..], hashes])?;
    }
    Ok(())
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRecord> {
    let time = |ms: i64| {
        let nanoseconds = u32::try_from(ms.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
        Timestamp::new(ms.div_euclid(1000), nanoseconds)
    };
    Ok(RunRecord {
        id: id_at(row, 0)?,
        started: time(row.get(1)?),
        finished: row.get::<_, Option<i64>>(2)?.map(time),
        state: of_word(row.get(3)?)?,
        report: serde_json::from_str(&row.get::<_, String>(4)?)
            .map_err(|error| damaged(&error.to_string()))?,
    })
}

fn journal_row(row: &Row<'_>) -> rusqlite::Result<JournalLine> {
    Ok(JournalLine {
        number: unsigned(row, 0)?,
        node: NodeId(unsigned(row, 4)?),
        kind: kind_at(row, 5)?,
        done: Done {
            side: side_of(&row.get::<_, String>(1)?),
            action: of_word::<ActionKind>(row.get(2)?)?,
            why: of_word(row.get(3)?)?,
            path: path_at(row, 6)?,
            other_path: path_or_none_at(row, 7)?,
            size_bytes: unsigned(row, 8)?,
            hash: hash_at(row, 9)?,
        },
    })
}

fn bin_items<P: rusqlite::Params>(
    connection: &Connection,
    condition: &str,
    parameters: P,
) -> rusqlite::Result<Vec<BinItem>> {
    connection
        .prepare_cached(&format!(
            "SELECT id, run, side, node, path, bin_path, kind, size_bytes, modified_ms, hash, why, replaced, at_ms
             FROM bin WHERE {condition}"
        ))?
        .query_map(parameters, |row| {
            let modified: Option<i64> = row.get(8)?;
            Ok(BinItem {
                id: row.get(0)?,
                run: id_at(row, 1)?,
                side: side_of(&row.get::<_, String>(2)?),
                node: NodeId(unsigned(row, 3)?),
                path: path_at(row, 4)?,
                bin_path: path_at(row, 5)?,
                kind: kind_at(row, 6)?,
                size_bytes: unsigned(row, 7)?,
                modified: modified.map(|ms| {
                    let nanoseconds = u32::try_from(ms.rem_euclid(1000)).unwrap_or(0) * 1_000_000;
                    Timestamp::new(ms.div_euclid(1000), nanoseconds)
                }),
                hash: hash_at(row, 9)?,
                why: of_word(row.get(10)?)?,
                is_replaced: row.get(11)?,
                at_ms: row.get(12)?,
            })
        })?
        .collect()
}
