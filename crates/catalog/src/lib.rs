//! The app's memory: places, their replicas, plans, sync pairs, jobs and their checkpoints, settings and leases in SQLite; secrets in the keyring.
//!
//! Why one crate: both are what this machine knows, apart from what repositories know themselves. Invariants: no secret
//! is ever in the database; a database made by a newer Keepwell is left alone; a damaged one is moved aside, never
//! deleted; all times are Unix milliseconds given by the caller, so this crate needs no clock.
//! Deliberately not here: what a job or plan means (`jobs`, `api`): both are kept as JSON texts with a few columns.

mod checkpoints;
mod database;
mod ids;
mod jobs;
mod leases;
mod migrations;
mod pairs;
mod places;
mod plans;
mod presence;
mod replicas;
mod settings;
mod standing;

pub mod credentials;
pub mod encrypted_file;
pub mod error;
pub mod private_file;

pub use checkpoints::CheckpointRecord;
pub use credentials::{CredentialKind, Credentials, KeyringChoice, Secret};
pub use database::{Catalog, Opened};
pub use error::{CatalogError, CredentialError};
pub use ids::{IdError, random_bytes};
pub use jobs::{JobFilter, JobRecord, JobState, Wish};
pub use leases::{LeaseHolder, LeaseOutcome};
pub use pairs::{HubNews, PairRecord};
pub use places::PlaceRecord;
pub use plans::PlanRecord;
pub use presence::Presence;
pub use replicas::ReplicaRecord;
