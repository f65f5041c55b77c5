//! The one engine that runs work: backups, restores, checks, syncs, replicas.
//!
//! Read [`engine`] first. Invariants: one serial queue per destination, over all processes that share the state folder
//! (a lease in the catalog); a panic fails that job only; problems are capped with a count of the rest; every run ends
//! with a signed receipt; nothing here reads the environment. Deliberately not here: what the kinds of work do
//! (`backup`, `repository`, `sync`), and how a person sees it (`api`).

pub mod bandwidth;
pub mod clock;
pub mod desk;
pub mod device;
pub mod engine;
mod fault;
pub mod hub;
pub mod live;
pub mod merkle;
pub mod outcome;
pub mod pairs;
pub mod path_text;
pub mod progress;
pub mod receipt;
pub mod replicas;
pub mod repositories;
pub mod request;
pub mod schedule;
pub mod scheduler;
pub mod standing;
pub mod syncs;
pub mod throttle;
pub mod trees;
pub mod unknown_keys;
pub mod work;

mod base_lost;
mod changes;
mod held;
mod live_root;
mod live_timing;
mod live_watch;
mod mounts;
mod news;
mod queue;
mod replicate_work;
mod run;
mod shared;
mod sync_bin_work;
mod sync_words;
mod sync_work;
mod volumes;
mod watch;

pub use bandwidth::{Bandwidth, Window};
pub use clock::{Clock, SystemClock};
pub use desk::{Desk, Resumed};
pub use device::DeviceKey;
pub use engine::{Changes, Engine, EngineError, EngineOptions, JobView, NewJob};
pub use live::{Live, LiveState};
pub use news::News;
pub use outcome::{
    CONTINUE, Choice, Ending, Fact, Fault, FaultKind, Halt, Outcome, Proposal, PulledBrake, ShownServer, Skip,
};
pub use pairs::PairDefinition;
pub use progress::Progress;
pub use receipt::{Receipt, ReceiptError};
pub use replicas::{LastReplication, ReplicaDefinition};
pub use repositories::Repositories;
pub use request::{
    After, BackupJob, BackupRules, BinRemoval, CheckJob, JobRequest, Origin, Overwrite, ReplicateJob,
    RestoreJob, RestoreTarget, SyncAnswer, SyncJob, Target,
};
pub use run::{Attachment, HISTORY_JOBS, HISTORY_SETTING, Running, Work};
pub use schedule::Schedule;
pub use scheduler::{Due, Scheduler, Scope};
pub use sync_words::place_name;
pub use syncs::Syncs;
pub use trees::Trees;
pub use work::MachineWork;
