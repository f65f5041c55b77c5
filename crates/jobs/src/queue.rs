//! The worker of one destination: takes the lease, runs what waits, gives the lease back, ends.

use std::sync::atomic::Ordering;
use std::time::Duration;

use keepwell_catalog::LeaseOutcome;
use keepwell_model::JobId;

use crate::run;
use crate::shared::Shared;

/// How often a lease that another process holds is tried.
const LEASE_RETRY: Duration = Duration::from_millis(250);

/// Works through everything that waits for a destination.
pub(crate) fn work_through(shared: &Shared, destination: &str) {
    let lease = lease_name(destination);
    loop {
        let next = {
            let mut state = shared.state.lock();
            let next = state.queues.get(destination).and_then(|queue| queue.front().copied());
            if next.is_none() {
                // Under the same lock as the look at the queue: whoever adds a job now starts a new worker.
                state.queues.remove(destination);
                state.workers.retain(|worker| worker != destination);
            }
            next
        };
        shared.changed.notify_all();
        let Some(job_id) = next else { return };
        if !take_lease(shared, &lease, job_id) {
            continue;
        }
        let is_still_wanted = {
            let mut state = shared.state.lock();
            let queue = state.queues.get_mut(destination);
            queue.is_some_and(|queue| {
                let is_next = queue.front() == Some(&job_id);
                if is_next {
                    queue.pop_front();
                }
                is_next
            })
        };
        if is_still_wanted {
            run::run(shared, job_id);
        }
        give_back(shared, &lease);
    }
}

/// The name of a destination's lease.
pub(crate) fn lease_name(destination: &str) -> String {
    format!("destination/{destination}")
}

/// Waits for the lease; `false` where the job is not wanted any more.
fn take_lease(shared: &Shared, lease: &str, job_id: JobId) -> bool {
    loop {
        let waits = {
            let state = shared.state.lock();
            state.queues.values().any(|queue| queue.contains(&job_id))
        };
        if !waits || shared.stopping.load(Ordering::Acquire) {
            return false;
        }
        let why = match shared.catalog.take_lease(lease, &shared.presence, shared.clock.now_ms()) {
            Ok(LeaseOutcome::Taken { from_dead }) => {
                if let Some(dead) = from_dead {
                    tracing::warn!(%dead, lease, "took over from a process that ended without a word");
                }
                shared.state.lock().leases.push(lease.to_owned());
                return true;
            }
            Ok(LeaseOutcome::Held(holder)) => format!("{}, which is working there now", holder.label),
            Err(error) => {
                tracing::warn!(%error, lease, "the lease could not be taken");
                format!("Keepwell's own database ({error})")
            }
        };
        say_waiting(shared, job_id, why);
        let mut state = shared.state.lock();
        shared.changed.wait_for(&mut state, LEASE_RETRY);
    }
}

/// Says what a job waits for, once per change.
fn say_waiting(shared: &Shared, job_id: JobId, why: String) {
    let is_news = shared
        .state
        .lock()
        .active
        .get(&job_id)
        .is_some_and(|active| active.record.waiting_for.as_ref() != Some(&why));
    if is_news {
        shared.change_active(job_id, |active| {
            active.record.waiting_for = Some(why);
            // Under the lock: it can not come after a row that says that the job was cancelled.
            shared.save(&active.record);
        });
    }
}

fn give_back(shared: &Shared, lease: &str) {
    shared.state.lock().leases.retain(|held| held != lease);
    if let Err(error) = shared.catalog.release_lease(lease, &shared.presence) {
        tracing::warn!(%error, lease, "the lease could not be given back; it ends with this process");
    }
}
