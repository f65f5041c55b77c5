//! The conflicts that wait for a person, and what was said to them.
//!
//! Invariant: a person's choice stays with a conflict for as long as both versions are those that were shown, and no
//! longer. Deliberately not here: finding conflicts (`planner`), doing what was said (`run`).

use std::collections::HashMap;

use keepwell_model::{RelativePath, Timestamp};
use rusqlite::{Row, params};

use super::rows::{damaged, of_word, path_at, path_or_none_at, unsigned, word};
use super::{PairDatabase, side_of, side_word, sql};
use crate::error::SyncError;
use crate::node::NodeId;
use crate::plan::{Conflict, ConflictKind, Version};
use crate::policy::Choice;
use crate::trees::facts::{decode_state, encode_state};

/// A conflict that waits, and what a person said to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredConflict {
    /// Its number in the pair: for as long as it waits.
    pub id: i64,
    /// The conflict as the last run saw it.
    pub conflict: Conflict,
    /// What a person said; the next run does it.
    pub choice: Option<Choice>,
}

impl PairDatabase {
    /// Puts the conflicts of a plan in the place of those of the plan before. What a person said stays with a conflict
    /// whose two versions are still the same.
    ///
    /// # Errors
    /// The database refused.
    pub fn set_conflicts(&self, conflicts: &[Conflict]) -> Result<(), SyncError> {
        let before = self.conflicts()?;
        if before.is_empty() && conflicts.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            transaction.prepare_cached("DELETE FROM conflicts")?.execute([])?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO conflicts (id, node, path, kind, left_path, left_state, right_path, right_state,
                 base_modified_s, base_modified_ns, choice, keeps_name)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
            )?;
            // One that is new gets a number none of those before has, wherever among them it comes.
            let mut highest = before.iter().map(|stored| stored.id).max().unwrap_or(0);
            for (conflict, stored) in conflicts.iter().zip(known_again(&before, conflicts)) {
                let kind = word(&conflict.kind);
                let choice = stored.filter(|stored| is_same_question(&stored.conflict, conflict));
                let choice = choice.and_then(|stored| stored.choice);
                let id = stored.map_or_else(
                    || {
                        highest += 1;
                        highest
                    },
                    |stored| stored.id,
                );
                insert.execute(params![
                    id,
                    sql(conflict.node.0),
                    conflict.path.as_bytes(),
                    kind,
                    conflict.left.path.as_ref().map(RelativePath::as_bytes),
                    conflict.left.state.as_ref().map(encode_state),
                    conflict.right.path.as_ref().map(RelativePath::as_bytes),
                    conflict.right.state.as_ref().map(encode_state),
                    conflict.base_modified.map(|time| time.seconds),
                    conflict.base_modified.map(|time| time.nanoseconds),
                    choice.as_ref().map(word),
                    conflict.keeps_name.map(side_word),
                ])?;
            }
            Ok(())
        })
    }

    /// The conflicts that wait, by path.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn conflicts(&self) -> Result<Vec<StoredConflict>, SyncError> {
        self.with(|connection| {
            connection
                .prepare_cached(
                    "SELECT id, node, path, kind, left_path, left_state, right_path, right_state, base_modified_s,
                     base_modified_ns, choice, keeps_name FROM conflicts ORDER BY path, kind, id",
                )?
                .query_map([], conflict_row)?
                .collect()
        })
    }

    /// Forgets conflicts that were decided and done; those that are still there come back with the next plan.
    ///
    /// # Errors
    /// The database refused.
    pub fn forget_decided(&self, nodes: &[NodeId]) -> Result<(), SyncError> {
        if nodes.is_empty() {
            return Ok(());
        }
        self.write(|transaction| {
            let mut forget = transaction.prepare_cached("DELETE FROM conflicts WHERE node = ?1")?;
            nodes.iter().try_for_each(|node| forget.execute([sql(node.0)]).map(drop))
        })
    }

    /// Keeps (or takes back) what a person said to conflicts; the next run does it. How many there were.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where one does not wait any more; then none of them is kept.
    pub fn choose_conflicts(&self, ids: &[i64], choice: Option<Choice>) -> Result<(), SyncError> {
        let known: std::collections::HashSet<i64> =
            self.conflicts()?.into_iter().map(|stored| stored.id).collect();
        if let Some(unknown) = ids.iter().find(|id| !known.contains(id)) {
            return Err(SyncError::Missing { what: "conflict", id: unknown.to_string() });
        }
        self.write(|transaction| {
            let mut update = transaction.prepare_cached("UPDATE conflicts SET choice = ?2 WHERE id = ?1")?;
            for id in ids {
                update.execute(params![id, choice.as_ref().map(word)])?;
            }
            Ok(())
        })
    }
}

/// Which of the conflicts that waited each of a plan is. Several of one kind may have one path: of what was there and moved,
/// and of what is new there; then those are together that ask the same, else that are of one item, else any.
fn known_again<'s>(before: &'s [StoredConflict], conflicts: &[Conflict]) -> Vec<Option<&'s StoredConflict>> {
    let mut waiting: HashMap<(&RelativePath, ConflictKind), Vec<&StoredConflict>> = HashMap::new();
    for stored in before {
        waiting.entry((&stored.conflict.path, stored.conflict.kind)).or_default().push(stored);
    }
    let mut found = vec![None; conflicts.len()];
    let likeness: [fn(&Conflict, &Conflict) -> bool; 3] =
        [is_same_question, |one, two| one.node == two.node, |_, _| true];
    for is_it in likeness {
        for (conflict, found) in conflicts.iter().zip(&mut found).filter(|(_, found)| found.is_none()) {
            let Some(waiting) = waiting.get_mut(&(&conflict.path, conflict.kind)) else { continue };
            if let Some(at) = waiting.iter().position(|stored| is_it(&stored.conflict, conflict)) {
                *found = Some(waiting.remove(at));
            }
        }
    }
    found
}

/// Whether a person who answered the first has answered the second.
pub(crate) fn is_same_question(one: &Conflict, two: &Conflict) -> bool {
    let same = |one: &Version, two: &Version| {
        one.path == two.path
            && match (&one.state, &two.state) {
                (Some(one), Some(two)) => {
                    one.kind == two.kind
                        && one.size_bytes == two.size_bytes
                        && one.modified == two.modified
                        && one.content == two.content
                }
                (None, None) => true,
                _ => false,
            }
    };
    one.path == two.path && one.kind == two.kind && same(&one.left, &two.left) && same(&one.right, &two.right)
}

fn conflict_row(row: &Row<'_>) -> rusqlite::Result<StoredConflict> {
    let version = |path: usize, state: usize| -> rusqlite::Result<Version> {
        let state = row.get_ref(state)?.as_blob_or_null()?;
        let state = state.map(|bytes| decode_state(bytes).ok_or_else(|| damaged("a version"))).transpose()?;
        Ok(Version { path: path_or_none_at(row, path)?, state })
    };
    let seconds: Option<i64> = row.get(8)?;
    let nanoseconds: Option<u32> = row.get(9)?;
    let choice: Option<String> = row.get(10)?;
    let keeps_name: Option<String> = row.get(11)?;
    Ok(StoredConflict {
        id: row.get(0)?,
        conflict: Conflict {
            node: NodeId(unsigned(row, 1)?),
            right_node: NodeId(unsigned(row, 1)?),
            path: path_at(row, 2)?,
            kind: of_word(row.get(3)?)?,
            left: version(4, 5)?,
            right: version(6, 7)?,
            base_modified: seconds
                .zip(nanoseconds)
                .map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds)),
            keeps_name: keeps_name.as_deref().map(side_of),
        },
        choice: choice.map(of_word).transpose()?,
    })
}
