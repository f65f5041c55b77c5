//! The steps of a run one after the other. In the making: looking, planning and the executor are not joined yet.

use keepwell_model::{Control, JobId};

use crate::error::SyncError;
use crate::policy::Policy;
use crate::run::Syncer;
use crate::run_types::{Done, Hints, Limits, Prepared, SyncReport};

pub(crate) fn prepare(
    syncer: &Syncer,
    _hints: Option<&Hints>,
    _preview: bool,
    control: &Control,
) -> Result<Prepared, SyncError> {
    control.checkpoint()?;
    tracing::debug!(today = syncer.today(), "looking is not joined yet");
    Err(SyncError::Outdated)
}

pub(crate) fn again(_syncer: &Syncer, _prepared: &Prepared, _policy: Policy) -> Result<Prepared, SyncError> {
    Err(SyncError::Outdated)
}

pub(crate) fn apply(
    _syncer: &Syncer,
    _prepared: &Prepared,
    _run: JobId,
    _control: &Control,
    limits: &Limits,
    _done: &mut (dyn FnMut(Done) + Send),
) -> Result<SyncReport, SyncError> {
    limits.pay(0);
    let mut report = SyncReport::default();
    report.side_mut(crate::node::Side::Left);
    Err(SyncError::Outdated)
}
