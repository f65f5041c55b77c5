//! Places kept in lockstep: three trees (left, right, the last agreed base), a pure planner, an executor that re-checks.
//!
//! Read [`trees`], [`plan`] and [`planner`] first. Every folder is a room that imports only what comes before it here:
//! 1. The vocabulary: [`node`], [`names`], [`policy`], [`pair`], [`plan`], [`trees`] and the other files without a room.
//! 2. [`database`]; [`planner`]; [`scan`]. They do not know each other.
//! 3. `place`: what is done in a place; it writes down in the database what takes more than one step.
//! 4. `execute`: carrying out a plan.
//! 5. [`run`]: all of it one after the other.
//! 6. `bins`, [`shared_rules`], then [`conflict_text`]: what a person does between the runs.
//!
//! The numbered invariants are in `docs/sync.md`; properties and the simulation test them. Deliberately not here:
//! queueing, schedules and halts as states (`jobs`), how places are reached (`endpoint`).

pub mod bins;
pub mod conflict_text;
pub mod database;
pub mod error;
pub mod execute;
pub mod filter;
mod id_map;
pub mod names;
pub mod node;
pub mod pair;
mod place;
pub mod plan;
pub mod planner;
pub mod policy;
pub mod run;
pub mod run_types;
pub mod scan;
pub mod shared_rules;
pub mod text;
pub mod trees;

pub use bins::bring_back::BinWish;
pub use database::PairDatabase;
pub use database::conflicts::StoredConflict;
pub use database::plan_store::{PlanFilter, PlanPage, PlanRow};
pub use error::SyncError;
pub use filter::{Filter, FilterError};
pub use node::{NodeId, Side};
pub use pair::PairSpec;
pub use plan::Plan;
pub use policy::{Choice, ConflictPolicy, Mode, Policy};
pub use run::{MeantRows, Remembered, Syncer};
pub use run_types::{Done, Hints, Limits, Prepared, RunRecord, Said, Say, SyncReport, SyncerOptions};
