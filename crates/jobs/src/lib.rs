//! The one engine that runs work: backups, restores, checks.
//!
//! Read [`engine`] first. Invariants: one serial queue per destination, over all processes that share the state folder
//! (a lease in the catalog); a panic fails that job only; problems are capped with a count of the rest; every run ends
//! with a signed receipt; nothing here reads the environment. Deliberately not here: what the three kinds of work do
//! (`backup`, `repository`), and how a person sees it (`api`).

pub mod clock;
pub mod desk;
pub mod device;
pub mod engine;
mod fault;
pub mod merkle;
pub mod outcome;
pub mod path_text;
pub mod progress;
pub mod receipt;
pub mod repositories;
pub mod request;
pub mod schedule;
pub mod scheduler;
pub mod throttle;
pub mod work;

mod changes;
mod queue;
mod run;
mod shared;
mod watch;

pub use clock::{Clock, SystemClock};
pub use desk::{Desk, Resumed};
pub use device::DeviceKey;
pub use engine::{Changes, Engine, EngineError, EngineOptions, JobView, NewJob};
pub use outcome::{CONTINUE, Choice, Ending, Fact, Fault, FaultKind, Halt, Outcome, Proposal, Skip};
pub use progress::Progress;
pub use receipt::{Receipt, ReceiptError};
pub use repositories::Repositories;
pub use request::{
    BackupJob, BackupRules, CheckJob, JobRequest, Overwrite, RestoreJob, RestoreTarget, Target,
};
pub use run::{Attachment, HISTORY_JOBS, HISTORY_SETTING, Running, Work};
pub use schedule::Schedule;
pub use scheduler::Scheduler;
pub use work::MachineWork;
