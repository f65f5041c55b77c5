//! Revisions: how a client hears of every change and of nothing twice.
//!
//! Invariants: a revision is never given twice, also not after a restart (they start at the clock); a client whose
//! revision is too old to be answered exactly gets the whole picture.

use std::collections::HashMap;
use std::time::Duration;

use keepwell_catalog::JobFilter;
use keepwell_model::JobId;

use crate::engine::{EngineError, JobView};
use crate::shared::Shared;

/// The longest wait for a change.
pub const WAIT_LIMIT_MS: u64 = 30_000;
/// Finished jobs in the whole picture.
const FINISHED_IN_FULL: u64 = 50;
/// Jobs whose last change is remembered.
const REMEMBERED_LIMIT: usize = 500;

/// What changed since a revision.
#[derive(Debug, Clone)]
pub struct Changes {
    /// Ask for changes since this next time.
    pub revision: u64,
    /// Whether this is the whole picture.
    pub full: bool,
    /// The jobs, newest first.
    pub jobs: Vec<JobView>,
    /// Jobs that are gone from the history.
    pub removed: Vec<JobId>,
}

/// Which job changed when.
#[derive(Debug, Default)]
pub(crate) struct Revisions {
    current: u64,
    /// Changes up to here are not known one by one.
    forgotten: u64,
    last: HashMap<JobId, u64>,
}

impl Revisions {
    /// Starts above every revision of earlier processes: none makes a thousand changes in a millisecond.
    pub(crate) fn starting_at(now_ms: i64) -> Self {
        let start = now_ms.unsigned_abs().saturating_mul(1_000);
        Self { current: start, forgotten: start, last: HashMap::new() }
    }

    pub(crate) fn current(&self) -> u64 {
        self.current
    }

    pub(crate) fn of(&self, id: JobId) -> u64 {
        self.last.get(&id).copied().unwrap_or(self.forgotten)
    }

    pub(crate) fn bump(&mut self, id: JobId) {
        self.current += 1;
        self.last.insert(id, self.current);
        if self.last.len() > REMEMBERED_LIMIT {
            let mut revisions: Vec<u64> = self.last.values().copied().collect();
            revisions.sort_unstable();
            self.forgotten = revisions.get(REMEMBERED_LIMIT / 2).copied().unwrap_or(self.current);
            let forgotten = self.forgotten;
            self.last.retain(|_, revision| *revision > forgotten);
        }
    }

    /// The jobs that changed after a revision; nothing where that can not be told.
    fn since(&self, since: u64) -> Option<Vec<JobId>> {
        (since >= self.forgotten && since <= self.current).then(|| {
            let mut changed: Vec<(u64, JobId)> =
                self.last.iter().filter(|(_, at)| **at > since).map(|(id, at)| (*at, *id)).collect();
            changed.sort_unstable_by(|one, other| other.cmp(one));
            changed.into_iter().map(|(_, id)| id).collect()
        })
    }
}

/// Waits until there is a revision after the given one; the current one then.
pub(crate) fn wait(shared: &Shared, since: u64, wait_ms: u64) -> u64 {
    let mut state = shared.state.lock();
    let deadline = std::time::Instant::now() + Duration::from_millis(wait_ms.min(WAIT_LIMIT_MS));
    while state.revisions.current() == since {
        if shared.changed.wait_until(&mut state, deadline).timed_out() {
            break;
        }
    }
    state.revisions.current()
}

/// What changed.
pub(crate) fn changes(shared: &Shared, since: Option<u64>, wait_ms: u64) -> Result<Changes, EngineError> {
    if let Some(since) = since {
        if shared.state.lock().revisions.since(since).is_some() {
            wait(shared, since, wait_ms);
        }
        let (revision, changed) = {
            let state = shared.state.lock();
            (state.revisions.current(), state.revisions.since(since))
        };
        if let Some(changed) = changed {
            let mut jobs = Vec::with_capacity(changed.len());
            let mut removed = Vec::new();
            for id in changed {
                match shared.view(id)? {
                    Some(job) => jobs.push(job),
                    None => removed.push(id),
                }
            }
            return Ok(Changes { revision, full: false, jobs, removed });
        }
    }
    let revision = shared.state.lock().revisions.current();
    let unfinished =
        keepwell_catalog::JobState::ALL.into_iter().filter(|state| !state.is_finished()).collect();
    let (unfinished, _) =
        shared.catalog.jobs(&JobFilter { states: unfinished, ..JobFilter::default() }, 0, 1_000)?;
    let (newest, _) = shared.catalog.jobs(&JobFilter::default(), 0, FINISHED_IN_FULL)?;
    let mut records = unfinished;
    let known: Vec<JobId> = records.iter().map(|record| record.id).collect();
    records.extend(newest.into_iter().filter(|record| !known.contains(&record.id)));
    records.sort_by_key(|record| std::cmp::Reverse(record.queued_ms));
    let jobs = records.into_iter().map(|record| shared.view_of(record)).collect();
    Ok(Changes { revision, full: true, jobs, removed: Vec::new() })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u16) -> JobId {
        let mut bytes = [0; 16];
        bytes[..2].copy_from_slice(&number.to_be_bytes());
        JobId(bytes)
    }

    #[test]
    fn a_client_hears_of_every_change_once() {
        let mut revisions = Revisions::starting_at(5);
        let start = revisions.current();
        revisions.bump(id(1));
        revisions.bump(id(2));
        revisions.bump(id(1));
        assert_eq!(revisions.since(start), Some(vec![id(1), id(2)]));
        assert_eq!(revisions.since(start + 2), Some(vec![id(1)]));
        assert_eq!(revisions.since(revisions.current()), Some(vec![]));
    }

    #[test]
    fn a_revision_of_another_life_or_long_ago_asks_for_the_whole_picture() {
        let mut revisions = Revisions::starting_at(1_000);
        assert_eq!(revisions.since(1), None);
        assert_eq!(revisions.since(revisions.current() + 1), None);
        let start = revisions.current();
        for number in 0..2_000 {
            revisions.bump(id(number));
        }
        assert_eq!(revisions.since(start), None);
        assert!(revisions.last.len() <= REMEMBERED_LIMIT);
        assert_eq!(revisions.since(revisions.current() - 1), Some(vec![id(1999)]));
    }
}
