//! Places kept in lockstep: three trees (left, right, the last agreed base), a pure planner, an executor that re-checks.
//!
//! Read [`trees`], [`plan`] and [`planner`] first. The numbered invariants are in `docs/sync.md`; properties and the
//! simulation test them. Deliberately not here: queueing, schedules and halts as states (`jobs`), how places are
//! reached (`endpoint`).

pub mod node;
pub mod plan;
pub mod policy;
pub mod trees;

pub use node::{NodeId, Side};
pub use plan::Plan;
pub use policy::{Choice, ConflictPolicy, Mode, Policy};
