//! Runs plans, sync pairs and replicas when they are due. Only one process does, over all that share the state: whoever
//! holds the lease. Pairs have one of their own, so that a process that looks after pairs alone keeps no plan from running.
//!
//! Deliberately not here: when a plan is due (`schedule`, pure), and how a plan becomes a job (the starter).

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use jiff::tz::TimeZone;
use keepwell_catalog::{
    Catalog, CatalogError, LeaseOutcome, PairRecord, PlanRecord, Presence, ReplicaRecord,
};
use keepwell_model::{PairId, PlanId, ReplicaId};
use parking_lot::{Condvar, Mutex};

use crate::clock::Clock;
use crate::hub;
use crate::outcome::Fault;
use crate::pairs::PairDefinition;
use crate::replicas::ReplicaDefinition;
use crate::request::PlanDefinition;
use crate::schedule::{Decision, RETRY_MS, Times, decide};

/// How often the plans are looked at.
const TICK: Duration = Duration::from_secs(5);
/// The lease of plans and replicas.
const LEASE: &str = "scheduler";
/// The lease of pairs.
const PAIRS_LEASE: &str = "scheduler/pairs";

/// What a process runs by the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Whatever has a clock.
    All,
    /// Sync pairs alone.
    Pairs,
}

/// What is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    /// A plan.
    Plan(PlanId),
    /// A sync pair.
    Pair(PairId),
    /// A replica of a repository.
    Replica(ReplicaId),
}

/// Turns what is due into a job.
pub type Starter = Arc<dyn Fn(Due) -> Result<(), Fault> + Send + Sync>;

/// A plan and when it is due.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upcoming {
    /// The plan.
    pub plan_id: PlanId,
    /// Its name.
    pub name: String,
    /// When.
    pub at_ms: i64,
}

/// Who runs the schedules.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// This process.
    Here,
    /// Another, by its label.
    Other(String),
    /// Nobody.
    Nobody,
}

struct Inner {
    catalog: Arc<Catalog>,
    presence: Arc<Presence>,
    clock: Arc<dyn Clock>,
    zone: TimeZone,
    scope: Scope,
    starter: Starter,
    state: Mutex<bool>,
    woken: Condvar,
}

/// The scheduler of a process.
pub struct Scheduler {
    inner: Arc<Inner>,
    thread: Option<JoinHandle<()>>,
}

impl Scheduler {
    /// Starts looking at the plans.
    ///
    /// # Errors
    /// The system gave no thread.
    pub fn start(
        catalog: Arc<Catalog>,
        presence: Arc<Presence>,
        clock: Arc<dyn Clock>,
        zone: TimeZone,
        scope: Scope,
        starter: Starter,
    ) -> std::io::Result<Self> {
        let inner = Arc::new(Inner {
            catalog,
            presence,
            clock,
            zone,
            scope,
            starter,
            state: Mutex::new(false),
            woken: Condvar::new(),
        });
        let thread = std::thread::Builder::new().name("jobs-schedule".to_owned()).spawn({
            let inner = Arc::clone(&inner);
            move || inner.run()
        })?;
        Ok(Self { inner, thread: Some(thread) })
    }

    /// Looks at once: a plan was changed.
    pub fn wake(&self) {
        self.inner.woken.notify_all();
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        *self.inner.state.lock() = true;
        self.inner.woken.notify_all();
        if let Some(thread) = self.thread.take() {
            // One that panicked has nothing left to do.
            let _ = thread.join();
        }
        for lease in [LEASE, PAIRS_LEASE] {
            if let Err(error) = self.inner.catalog.release_lease(lease, &self.inner.presence) {
                tracing::warn!(%error, "the schedules' lease could not be given back; it ends with this process");
            }
        }
    }
}

impl Inner {
    fn run(&self) {
        loop {
            {
                let mut stopping = self.state.lock();
                if *stopping {
                    return;
                }
                self.woken.wait_for(&mut stopping, TICK);
                if *stopping {
                    return;
                }
            }
            if let Err(error) = self.tick() {
                tracing::warn!(%error, "the schedules can not be looked at");
            }
        }
    }

    fn tick(&self) -> Result<(), CatalogError> {
        let now_ms = self.clock.now_ms();
        let takes = |lease| {
            let outcome = self.catalog.take_lease(lease, &self.presence, now_ms)?;
            Ok::<_, CatalogError>(matches!(outcome, LeaseOutcome::Taken { .. }))
        };
        if takes(PAIRS_LEASE)? {
            let mut start = |pair| (self.starter)(Due::Pair(pair));
            look_at_pairs(&self.catalog, now_ms, &self.zone, &mut start)?;
        }
        if self.scope == Scope::All && takes(LEASE)? {
            look(&self.catalog, now_ms, &self.zone, &mut |plan| (self.starter)(Due::Plan(plan)))?;
            let mut start = |replica| (self.starter)(Due::Replica(replica));
            look_at_replicas(&self.catalog, now_ms, &self.zone, &mut start)?;
        }
        Ok(())
    }
}

/// Looks at every plan once and starts those that are due.
///
/// # Errors
/// The catalog refused.
pub fn look(
    catalog: &Catalog,
    now_ms: i64,
    zone: &TimeZone,
    start: &mut dyn FnMut(PlanId) -> Result<(), Fault>,
) -> Result<(), CatalogError> {
    if is_paused(catalog)? {
        return Ok(());
    }
    for plan in catalog.plans()?.into_iter().filter(|plan| plan.enabled) {
        let Some(decision) = decision(&plan, now_ms, zone) else {
            tracing::warn!(plan = %plan.name, "this plan can not be read; it may be from a newer Keepwell");
            continue;
        };
        match decision {
            Decision::Wait(_) => {}
            Decision::Shift(times) => {
                tracing::warn!(plan = %plan.name, "the clock was set back: the schedule goes on from now");
                catalog.set_plan_times(plan.id, times.from_ms, times.retry_ms)?;
            }
            Decision::Run(times) => {
                // First noted, then started: a crash in between skips one run, and can not repeat it for ever.
                catalog.set_plan_times(plan.id, times.from_ms, times.retry_ms)?;
                tracing::info!(plan = %plan.name, "this plan is due");
                if let Err(fault) = start(plan.id) {
                    tracing::warn!(plan = %plan.name, %fault, "the plan could not be started");
                }
            }
        }
    }
    Ok(())
}

/// Looks at every sync pair once and starts those that are due.
///
/// # Errors
/// The catalog refused.
pub fn look_at_pairs(
    catalog: &Catalog,
    now_ms: i64,
    zone: &TimeZone,
    start: &mut dyn FnMut(PairId) -> Result<(), Fault>,
) -> Result<(), CatalogError> {
    if are_pairs_paused(catalog)? {
        return Ok(());
    }
    for pair in catalog.pairs()?.into_iter().filter(|pair| !pair.paused) {
        let Ok(definition) = PairDefinition::of(&pair) else {
            tracing::warn!(pair = %pair.name, "this pair can not be read; it may be from a newer Keepwell");
            continue;
        };
        if hub::is_due(catalog, &pair, &definition, now_ms)? {
            // First noted, then started, as with plans. What it was told stays, also where no run comes of this.
            catalog.set_hub_retry(pair.id, now_ms.saturating_add(RETRY_MS))?;
            tracing::info!(pair = %pair.name, "the hub of this pair changed");
            if let Err(fault) = start(pair.id) {
                tracing::warn!(pair = %pair.name, %fault, "the pair could not be started");
            }
            continue;
        }
        let times = Times { from_ms: pair.schedule_from_ms, retry_ms: pair.retry_ms };
        match decide(definition.schedule, times, now_ms, zone) {
            Decision::Wait(_) => {}
            Decision::Shift(times) => {
                tracing::warn!(pair = %pair.name, "the clock was set back: the schedule goes on from now");
                catalog.replace_pair_times(&pair, times.from_ms, times.retry_ms)?;
            }
            Decision::Run(times) => {
                // First noted, then started, as with plans. Where a run that ended meanwhile noted other times, they are
                // what counts, and are looked at next time.
                if !catalog.replace_pair_times(&pair, times.from_ms, times.retry_ms)? {
                    continue;
                }
                tracing::info!(pair = %pair.name, "this pair is due");
                if let Err(fault) = start(pair.id) {
                    tracing::warn!(pair = %pair.name, %fault, "the pair could not be started");
                }
            }
        }
    }
    Ok(())
}

/// Looks at every replica once and starts those that are due.
///
/// # Errors
/// The catalog refused.
pub fn look_at_replicas(
    catalog: &Catalog,
    now_ms: i64,
    zone: &TimeZone,
    start: &mut dyn FnMut(ReplicaId) -> Result<(), Fault>,
) -> Result<(), CatalogError> {
    if is_paused(catalog)? {
        return Ok(());
    }
    for replica in catalog.replicas()? {
        let Ok(definition) = ReplicaDefinition::of(&replica) else {
            tracing::warn!(at = %replica.address, "this second copy can not be read; it may be from a newer Keepwell");
            continue;
        };
        match decide(definition.schedule, replica_times(&replica), now_ms, zone) {
            Decision::Wait(_) => {}
            Decision::Shift(times) => {
                tracing::warn!(at = %replica.address, "the clock was set back: the schedule goes on from now");
                catalog.set_replica_times(replica.id, times.from_ms, times.retry_ms)?;
            }
            Decision::Run(times) => {
                // First noted, then started, as with plans.
                catalog.set_replica_times(replica.id, times.from_ms, times.retry_ms)?;
                tracing::info!(at = %replica.address, "this second copy is due");
                if let Err(fault) = start(replica.id) {
                    tracing::warn!(at = %replica.address, %fault, "the second copy could not be started");
                }
            }
        }
    }
    Ok(())
}

fn replica_times(replica: &ReplicaRecord) -> Times {
    Times { from_ms: replica.schedule_from_ms, retry_ms: replica.retry_ms }
}

/// When a replica runs next by its schedule: a moment in the past means as soon as schedules are looked at.
#[must_use]
pub fn next_replica_run_ms(replica: &ReplicaRecord, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    let schedule = ReplicaDefinition::of(replica).ok()?.schedule;
    match decide(schedule, replica_times(replica), now_ms, zone) {
        Decision::Wait(due) => due,
        Decision::Run(_) => Some(now_ms),
        Decision::Shift(times) => schedule.next_after(times.from_ms, zone),
    }
}

/// When a pair runs next by its schedule: a moment in the past means as soon as schedules are looked at.
#[must_use]
pub fn next_pair_run_ms(pair: &PairRecord, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    if pair.paused {
        return None;
    }
    let schedule = PairDefinition::of(pair).ok()?.schedule;
    match decide(schedule, Times { from_ms: pair.schedule_from_ms, retry_ms: pair.retry_ms }, now_ms, zone) {
        Decision::Wait(due) => due,
        Decision::Run(_) => Some(now_ms),
        Decision::Shift(times) => schedule.next_after(times.from_ms, zone),
    }
}

/// Whether a person holds everything that runs by itself.
///
/// # Errors
/// The catalog refused.
pub fn is_paused(catalog: &Catalog) -> Result<bool, CatalogError> {
    Ok(catalog.setting(PAUSED_SETTING)?.as_deref() == Some("true"))
}

/// Whether a person holds all pairs, whatever each of them is by itself.
///
/// # Errors
/// The catalog refused.
pub fn are_pairs_paused(catalog: &Catalog) -> Result<bool, CatalogError> {
    Ok(is_paused(catalog)? || catalog.setting(PAIRS_PAUSED_SETTING)?.as_deref() == Some("true"))
}

/// The setting that says that all schedules wait.
pub const PAUSED_SETTING: &str = "schedulesPaused";
/// The setting that says that all pairs wait.
pub const PAIRS_PAUSED_SETTING: &str = "pairsPaused";

fn decision(plan: &PlanRecord, now_ms: i64, zone: &TimeZone) -> Option<Decision> {
    let definition: PlanDefinition = serde_json::from_str(&plan.definition).ok()?;
    let times = Times { from_ms: plan.schedule_from_ms, retry_ms: plan.retry_ms };
    Some(decide(definition.schedule, times, now_ms, zone))
}

/// When a plan runs next: a moment in the past means as soon as schedules are looked at.
#[must_use]
pub fn next_run_ms(plan: &PlanRecord, now_ms: i64, zone: &TimeZone) -> Option<i64> {
    if !plan.enabled {
        return None;
    }
    match decision(plan, now_ms, zone)? {
        Decision::Wait(due) => due,
        Decision::Run(_) => Some(now_ms),
        Decision::Shift(times) => {
            let definition: PlanDefinition = serde_json::from_str(&plan.definition).ok()?;
            definition.schedule.next_after(times.from_ms, zone)
        }
    }
}

/// Who runs the schedules now.
///
/// # Errors
/// The catalog refused.
pub fn holder(catalog: &Catalog, presence: &Presence) -> Result<Holder, CatalogError> {
    Ok(match catalog.lease(LEASE)? {
        Some(lease) if lease.holder == presence.id() => Holder::Here,
        Some(lease) if presence.is_alive(&lease.holder) => Holder::Other(lease.label),
        _ => Holder::Nobody,
    })
}
