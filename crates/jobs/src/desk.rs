//! What a job at work can ask of the engine: to keep a checkpoint, to read the one it goes on from, to say that the
//! planning is over.
//!
//! A checkpoint belongs to the work, not to the job ([`JobRequest::work_key`](crate::JobRequest::work_key)): a retried
//! job goes on from it, and so does the next run of the same plan. Invariants:
//! 1. Content of another version is never shown to the work: it is passed over with a note, and the work starts anew.
//! 2. A checkpoint is dropped when its work is done. It is only a help: that it can not be written or read is logged, and
//!    the work goes on.
//!
//! What each kind keeps: a backup what it has stored (`keepwell_backup::checkpoint`); a full check which packs it has
//! read; a sync has its own journal. A restore keeps nothing: what it has made is recognised by size and times, which
//! are set last, so running it again is going on. A repair starts anew: it acts on the whole picture, which has to be
//! looked at again.

use std::time::Duration;

use keepwell_catalog::CheckpointRecord;
use keepwell_model::JobId;
use parking_lot::{Condvar, Mutex};

use crate::shared::Shared;

/// Longer checkpoints are not kept.
pub const CHECKPOINT_LIMIT_BYTES: usize = 8 << 20;
/// Checkpoints at regular times are made after this long, then after twice as long each, up to the limit.
const FIRST_AFTER: Duration = Duration::from_secs(8);
const AFTER_LIMIT: Duration = Duration::from_secs(64);

/// What a run that was broken off left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resumed {
    /// When it was kept.
    pub saved_ms: i64,
    /// What was kept.
    pub content: Vec<u8>,
}

/// The desk of one job.
pub struct Desk<'run> {
    shared: &'run Shared,
    job_id: JobId,
    work: String,
}

impl std::fmt::Debug for Desk<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Desk").field("job_id", &self.job_id).field("work", &self.work).finish()
    }
}

impl<'run> Desk<'run> {
    pub(crate) fn new(shared: &'run Shared, job_id: JobId, work: String) -> Self {
        Self { shared, job_id, work }
    }

    /// Says that it is known what is to be done, and no brake holds it: from here on the job works.
    pub fn planned(&self) {
        self.shared.planned(self.job_id);
    }

    /// Keeps what is done so far, in place of the checkpoint before.
    pub fn checkpoint(&self, version: u32, content: Vec<u8>) {
        if content.len() > CHECKPOINT_LIMIT_BYTES {
            tracing::info!(bytes = content.len(), "the checkpoint is too long to be kept");
            return;
        }
        let checkpoint =
            CheckpointRecord { job_id: self.job_id, version, saved_ms: self.shared.clock.now_ms(), content };
        match self.shared.catalog.save_checkpoint(&self.work, &checkpoint) {
            Ok(()) => {
                tracing::debug!(bytes = checkpoint.content.len(), "a checkpoint was kept");
                self.shared.bump(self.job_id);
            }
            Err(error) => tracing::warn!(%error, "a checkpoint could not be kept"),
        }
    }

    /// What a run that was broken off left, if it can be understood.
    #[must_use]
    pub fn resume(&self, version: u32) -> Option<Resumed> {
        let found = match self.shared.catalog.checkpoint(&self.work) {
            Ok(found) => found?,
            Err(error) => {
                tracing::warn!(%error, "the checkpoint can not be read: the work starts anew");
                return None;
            }
        };
        if found.version != version {
            tracing::info!(
                found = found.version,
                known = version,
                "the checkpoint is of another version of Keepwell: the work starts anew"
            );
            return None;
        }
        tracing::info!(job = %found.job_id, "goes on from the checkpoint of a run that was broken off");
        Some(Resumed { saved_ms: found.saved_ms, content: found.content })
    }

    /// Does the work, and keeps a checkpoint at regular times meanwhile, and one at the end.
    pub fn while_working<T>(
        &self,
        version: u32,
        content: impl Fn() -> Vec<u8> + Sync,
        work: impl FnOnce() -> T,
    ) -> T {
        let ended = Ended::default();
        let done = std::thread::scope(|scope| {
            let keep = || {
                let mut after = FIRST_AFTER;
                while !ended.wait(after) {
                    self.checkpoint(version, content());
                    after = (after * 2).min(AFTER_LIMIT);
                }
            };
            if let Err(error) =
                std::thread::Builder::new().name("checkpoint".into()).spawn_scoped(scope, keep)
            {
                tracing::warn!(%error, "no checkpoints are made: the system gave no thread");
            }
            // Also if the work panics: nobody would wait for its end otherwise.
            let _guard = TellAtEnd(&ended);
            work()
        });
        self.checkpoint(version, content());
        done
    }

    /// The work is done: there is nothing to go on from.
    pub(crate) fn clear(&self) {
        if let Err(error) = self.shared.catalog.remove_checkpoint(&self.work) {
            tracing::warn!(%error, "the checkpoint of finished work could not be dropped");
        }
    }
}

#[derive(Default)]
struct Ended {
    is_over: Mutex<bool>,
    told: Condvar,
}

impl Ended {
    /// Waits; `true` where the work ended meanwhile.
    fn wait(&self, time: Duration) -> bool {
        let until = std::time::Instant::now() + time;
        let mut is_over = self.is_over.lock();
        while !*is_over {
            if self.told.wait_until(&mut is_over, until).timed_out() {
                break;
            }
        }
        *is_over
    }
}

struct TellAtEnd<'ended>(&'ended Ended);

impl Drop for TellAtEnd<'_> {
    fn drop(&mut self) {
        *self.0.is_over.lock() = true;
        self.0.told.notify_all();
    }
}
