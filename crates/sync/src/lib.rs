//! Places kept in lockstep: three trees (left, right, the last agreed base), a pure planner, an executor that re-checks.
//!
//! Read [`trees`], [`plan`] and [`planner`] first. The numbered invariants are in `docs/sync.md`; properties and the
//! simulation test them. Deliberately not here: queueing, schedules and halts as states (`jobs`), how places are
//! reached (`endpoint`).

pub mod base_tree;
pub mod bin_care;
mod brakes;
pub mod bring_back;
pub mod conflict_text;
mod copy;
pub mod database;
mod database_base;
pub mod database_conflicts;
mod database_facts;
mod database_moves;
pub mod database_rows;
mod database_schema;
pub mod error;
mod execute;
pub mod execute_bin;
mod execute_commit;
mod execute_expect;
mod execute_item;
mod execute_open;
mod execute_times;
mod execute_view;
pub mod filter;
mod follow;
mod id_map;
pub mod meet;
pub mod moves;
pub mod names;
pub mod node;
pub mod pair;
pub mod plan;
pub mod plan_store;
pub mod planner;
mod planner_decide;
mod planner_names;
mod planner_order;
mod planner_pairs;
mod planner_rows;
mod planner_settle;
mod planner_view;
pub mod policy;
mod records;
mod relocate;
pub mod run;
mod run_hash;
mod run_look;
mod run_marker;
mod run_prepare;
pub mod run_types;
pub mod scan;
mod scan_compare;
mod side_changes;
pub mod text;
pub mod thinning;
pub mod trees;

pub use bring_back::BinWish;
pub use database::PairDatabase;
pub use database_conflicts::StoredConflict;
pub use error::SyncError;
pub use filter::{Filter, FilterError};
pub use node::{NodeId, Side};
pub use pair::PairSpec;
pub use plan::Plan;
pub use plan_store::{PlanFilter, PlanPage, PlanRow};
pub use policy::{Choice, ConflictPolicy, Mode, Policy};
pub use run::{Remembered, Syncer};
pub use run_types::{Done, Hints, Limits, Prepared, RunRecord, SyncReport, SyncerOptions};
