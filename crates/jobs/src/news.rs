//! News of a live pair that come while one of its runs is planning.
//!
//! A live run begins a moment after the first news, so of a burst it sees the beginning only, and no brake is pulled by
//! that. Invariants: a plan that takes more than a handful of things away is not carried out while news still come, but
//! made again once it is quiet, so that the brakes weigh the whole before the first item goes; that is put off by
//! [`LIMIT`] at most; what only brings something new is never put off. Deliberately not here: what events mean
//! (`live_watch`), when a run begins (`live`).

use std::sync::Arc;
use std::time::{Duration, Instant};

use keepwell_model::Control;
use keepwell_sync::plan::Plan;
use keepwell_sync::{Hints, Prepared, Side, SyncError, Syncer};
use parking_lot::Mutex;

use crate::live_watch::Dirty;

/// So many items may go, or get new content or times, at once without it being looked whether more follow.
const HANDFUL: u64 = 10;
/// A burst is over when it was quiet for so long …
const QUIET: Duration = Duration::from_secs(1);
/// … and is weighed as far as it came after so long.
const LIMIT: Duration = Duration::from_secs(20);
/// How often it is looked meanwhile.
const LOOK: Duration = Duration::from_millis(20);

/// What changed on both sides since the run was started.
#[derive(Debug)]
pub struct News(Vec<(Side, Arc<Mutex<Dirty>>)>);

impl News {
    /// Of these sides.
    pub(crate) fn of(sides: impl Iterator<Item = (Side, Arc<Mutex<Dirty>>)>) -> Self {
        Self(sides.collect())
    }

    /// When the last of it came; nothing where nothing did.
    fn last(&self) -> Option<Instant> {
        self.0.iter().filter_map(|(_, dirty)| dirty.lock().last).max()
    }

    /// Takes what is known to have changed, beside what these hints say; nothing where something was lost: look everywhere.
    fn take(&self, mut hints: Option<Hints>) -> Option<Hints> {
        for (side, dirty) in &self.0 {
            let taken = dirty.lock().take();
            hints = hints.filter(|_| !taken.is_lost);
            let folders = hints.as_mut().and_then(|hints| match side {
                Side::Left => hints.left.as_mut(),
                Side::Right => hints.right.as_mut(),
            });
            folders.into_iter().for_each(|folders| folders.extend(taken.folders.iter().cloned()));
        }
        hints
    }

    /// Notes which files wait for whoever writes them.
    pub(crate) fn leave_open(&self, prepared: &Prepared) {
        for (side, dirty) in &self.0 {
            let open = &prepared.side(*side).circumstances.open_files;
            dirty.lock().open = open.keys().cloned().collect();
        }
    }

    /// Makes a plan again once the burst it is of is over, where it takes much away.
    ///
    /// # Errors
    /// As of [`Syncer::prepare`].
    pub(crate) fn settled(
        &self,
        syncer: &mut Syncer,
        mut prepared: Prepared,
        mut hints: Option<Hints>,
        control: &Control,
    ) -> Result<Prepared, SyncError> {
        let begun = Instant::now();
        while takes_much(prepared.plan()) {
            while begun.elapsed() < LIMIT && self.last().unwrap_or(begun).elapsed() < QUIET {
                control.checkpoint()?;
                std::thread::sleep(LOOK);
            }
            if self.last().is_none() {
                break;
            }
            hints = self.take(hints);
            prepared = syncer.prepare(hints.as_ref(), false, control)?;
            if begun.elapsed() >= LIMIT {
                break;
            }
        }
        Ok(prepared)
    }
}

/// Whether more than a handful of items go, or get new content, or other times or permissions.
fn takes_much(plan: &Plan) -> bool {
    let taken = [&plan.left, &plan.right].map(|totals| totals.removed + totals.replaced + totals.metadata);
    taken.iter().sum::<u64>() > HANDFUL
}
