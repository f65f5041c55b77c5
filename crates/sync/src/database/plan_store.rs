//! A plan as rows of the pair's database: a preview of a million rows is paged, filtered and sorted there.
//!
//! Invariant: the rows are a picture for people; what is applied is the plan they were made from, in the memory of the
//! run that holds it. What only finishes a folder that is made is no row of its own. Deliberately not here: planning,
//! choices (`run`).

use keepwell_model::{EntryKind, RelativePath};
use rusqlite::types::Value;
use rusqlite::{Row, params, params_from_iter};

use super::rows::{kind_at, of_word, path_at, path_or_none_at, word};
use super::{PairDatabase, side_of, side_word, sql};
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::plan::{Plan, Why};
use crate::policy::{Choice, Policy};
use crate::run_types::ActionKind;
use crate::trees::facts::kind_number;

/// The most rows of one page.
pub const PAGE_LIMIT: u32 = 1000;

/// One row of a preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanRow {
    /// Its place in the plan; below zero for one that was left out.
    pub number: i64,
    /// The side that is changed.
    pub side: Side,
    /// What a choice names.
    pub node: NodeId,
    /// What is done.
    pub action: ActionKind,
    /// What kind of item it is.
    pub kind: EntryKind,
    /// Bytes that travel.
    pub size_bytes: u64,
    /// Where it is now on the side that is changed.
    pub from: Option<RelativePath>,
    /// Where it will be.
    pub path: RelativePath,
    /// Why.
    pub why: Why,
    /// What the person said to it.
    pub choice: Option<Choice>,
}

/// Which rows, in which order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanFilter {
    /// Only those that change this side.
    pub side: Option<Side>,
    /// Only those that do one of these; empty: all.
    pub actions: Vec<ActionKind>,
    /// Only those whose path holds this text, whatever its case (ASCII).
    pub text: String,
    /// Only those a person said something to.
    pub only_chosen: bool,
    /// By what they are sorted.
    pub order: PlanOrder,
    /// The other way round.
    pub is_descending: bool,
}

/// By what rows are sorted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PlanOrder {
    /// The order in which they are done.
    #[default]
    Plan,
    /// By path.
    Path,
    /// By size.
    Size,
}

/// What a choice for many rows has to know of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MeantRow {
    /// Its place in the plan.
    pub number: i64,
    /// What it is about.
    pub node: NodeId,
    /// The side that is changed.
    pub side: Side,
    /// What is done.
    pub action: ActionKind,
    /// What kind of item it is.
    pub kind: EntryKind,
    /// Why.
    pub why: Why,
}

/// Some rows out of many.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PlanPage {
    /// The rows.
    pub rows: Vec<PlanRow>,
    /// How many pass the filter.
    pub total: u64,
}

impl PairDatabase {
    /// Puts the rows of a plan in the place of those of the plan before. Rows a person left out stay to be seen (and
    /// taken back), with numbers below zero.
    ///
    /// # Errors
    /// The database refused.
    pub fn store_plan(&self, plan: &Plan, policy: &Policy) -> Result<(), SyncError> {
        self.write(|transaction| {
            keep_left_out(transaction, policy)?;
            let mut insert = transaction.prepare_cached(
                "INSERT INTO plan_rows (number, side, node, action, kind, size_bytes, from_path, path, why, choice)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?;
            let shown = plan.operations.iter().filter(|operation| !operation.finishes_new_folder());
            for (number, operation) in (0_i64..).zip(shown) {
                insert.execute(params![
                    number,
                    side_word(operation.side),
                    sql(operation.node.0),
                    word(&ActionKind::from(&operation.action)),
                    kind_number(operation.kind),
                    operation.size_bytes.cast_signed(),
                    operation.from().map(RelativePath::as_bytes),
                    operation.path.as_bytes(),
                    word(&operation.why),
                    policy.choices.get(&operation.node).map(word),
                ])?;
            }
            Ok(())
        })
    }

    /// Forgets the rows of a plan that was applied or given up.
    ///
    /// # Errors
    /// The database refused.
    pub fn clear_plan(&self) -> Result<(), SyncError> {
        self.write(|transaction| transaction.prepare_cached("DELETE FROM plan_rows")?.execute([]).map(drop))
    }

    /// Goes over the rows that pass a filter by path, as [`PairDatabase::plan_page`] shows them in that order, up to so
    /// many, with the place each has among them.
    ///
    /// # Errors
    /// The database can not be read.
    pub(crate) fn for_plan_rows(
        &self,
        filter: &PlanFilter,
        limit: u64,
        mut with: impl FnMut(u64, MeantRow),
    ) -> Result<(), SyncError> {
        let (condition, mut values) = condition(filter);
        values.push(Value::Integer(sql(limit)));
        self.with(|connection| {
            let mut query = connection.prepare_cached(&format!(
                "SELECT number, node, side, action, kind, why FROM plan_rows
                 WHERE {condition} ORDER BY path ASC, number LIMIT ?"
            ))?;
            let mut rows = query.query(params_from_iter(&values))?;
            let mut place = 0;
            while let Some(row) = rows.next()? {
                let meant = MeantRow {
                    number: row.get(0)?,
                    node: NodeId(row.get::<_, i64>(1)?.cast_unsigned()),
                    side: side_of(&row.get::<_, String>(2)?),
                    action: of_word(row.get(3)?)?,
                    kind: kind_at(row, 4)?,
                    why: of_word(row.get(5)?)?,
                };
                with(place, meant);
                place += 1;
            }
            Ok(())
        })
    }

    /// How many rows there are, whatever the filter.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn plan_rows(&self) -> Result<u64, SyncError> {
        self.with(|connection| {
            let mut count = connection.prepare_cached("SELECT count(*) FROM plan_rows")?;
            count.query_row([], |row| row.get::<_, i64>(0)).map(i64::cast_unsigned)
        })
    }

    /// A page of the plan.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn plan_page(&self, filter: &PlanFilter, offset: u64, limit: u32) -> Result<PlanPage, SyncError> {
        let (condition, mut values) = condition(filter);
        let direction = if filter.is_descending { "DESC" } else { "ASC" };
        let order = match filter.order {
            PlanOrder::Plan => format!("number {direction}"),
            PlanOrder::Path => format!("path {direction}, number"),
            PlanOrder::Size => format!("size_bytes {direction}, number"),
        };
        self.with(|connection| {
            let total: i64 = connection
                .prepare_cached(&format!("SELECT count(*) FROM plan_rows WHERE {condition}"))?
                .query_row(params_from_iter(&values), |row| row.get(0))?;
            values.push(Value::Integer(i64::from(limit.min(PAGE_LIMIT))));
            values.push(Value::Integer(sql(offset)));
            let rows = connection
                .prepare_cached(&format!(
                    "SELECT number, side, node, action, kind, size_bytes, from_path, path, why, choice
                     FROM plan_rows WHERE {condition} ORDER BY {order} LIMIT ? OFFSET ?"
                ))?
                .query_map(params_from_iter(&values), plan_row)?
                .collect::<rusqlite::Result<_>>()?;
            Ok(PlanPage { rows, total: total.cast_unsigned() })
        })
    }
}

/// Deletes the rows of the plan before, but for those that are left out of the new one because a person said so.
fn keep_left_out(connection: &rusqlite::Connection, policy: &Policy) -> rusqlite::Result<()> {
    let is_left_out = |node: i64| policy.choices.get(&NodeId(node.cast_unsigned())) == Some(&Choice::Skip);
    let kept: Vec<i64> = if policy.choices.values().any(|choice| *choice == Choice::Skip) {
        connection
            .prepare("SELECT number, node FROM plan_rows WHERE number >= 0 ORDER BY number DESC")?
            .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
            .filter(|row| row.as_ref().map_or(true, |(_, node)| is_left_out(*node)))
            .map(|row| row.map(|(number, _)| number))
            .collect::<rusqlite::Result<_>>()?
    } else {
        Vec::new()
    };
    // Below all that were left out of plans before: numbers of rows begin anew with each plan.
    let mut rename = connection.prepare_cached(
        "UPDATE plan_rows SET number = (SELECT min(0, min(number)) - 1 FROM plan_rows), choice = ?2
         WHERE number = ?1",
    )?;
    for number in kept {
        rename.execute(params![number, word(&Choice::Skip)])?;
    }
    let mut left_out = connection.prepare_cached("SELECT number, node FROM plan_rows WHERE number < 0")?;
    let taken_back: Vec<i64> = left_out
        .query_map([], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?)))?
        .filter(|row| row.as_ref().map_or(true, |(_, node)| !is_left_out(*node)))
        .map(|row| row.map(|(number, _)| number))
        .collect::<rusqlite::Result<_>>()?;
    for number in taken_back {
        connection.execute("DELETE FROM plan_rows WHERE number = ?1", [number])?;
    }
    connection.prepare_cached("DELETE FROM plan_rows WHERE number >= 0")?.execute([]).map(drop)
}

/// The filter as SQL; every value is a parameter.
fn condition(filter: &PlanFilter) -> (String, Vec<Value>) {
    let mut parts = vec!["1".to_owned()];
    let mut values = Vec::new();
    if let Some(side) = filter.side {
        parts.push("side = ?".to_owned());
        values.push(Value::Text(side_word(side).to_owned()));
    }
    if !filter.actions.is_empty() {
        let marks = vec!["?"; filter.actions.len()].join(", ");
        parts.push(format!("action IN ({marks})"));
        values.extend(filter.actions.iter().map(|action| Value::Text(word(action))));
    }
    if filter.only_chosen {
        parts.push("choice IS NOT NULL".to_owned());
    }
    if !filter.text.is_empty() {
        parts.push("instr(lower(CAST(path AS TEXT)), lower(?)) > 0".to_owned());
        values.push(Value::Text(filter.text.clone()));
    }
    (parts.join(" AND "), values)
}

fn plan_row(row: &Row<'_>) -> rusqlite::Result<PlanRow> {
    let choice: Option<String> = row.get(9)?;
    Ok(PlanRow {
        number: row.get(0)?,
        side: side_of(&row.get::<_, String>(1)?),
        node: NodeId(row.get::<_, i64>(2)?.cast_unsigned()),
        action: of_word(row.get(3)?)?,
        kind: kind_at(row, 4)?,
        size_bytes: row.get::<_, i64>(5)?.cast_unsigned(),
        from: path_or_none_at(row, 6)?,
        path: path_at(row, 7)?,
        why: of_word(row.get(8)?)?,
        choice: choice.map(of_word).transpose()?,
    })
}
