//! Plans that are held for a person: looked at, chosen from, and let go of.
//!
//! A plan is held in the memory of the process that made it, with its pair kept from others. Invariants: what is chosen
//! is noted with the job before it counts, so that a plan that is made again without it is another one; a word on rows by
//! their places is taken only for the very plan these were shown of; a plan whose job nobody here waits for any more, or that
//! keeps another process from its pair, is let go of.
//!
//! Deliberately not here: which pairs there are and how they are opened (`syncs`), what is asked and answered
//! (`sync_work`).

use keepwell_catalog::{JobFilter, JobState};
use keepwell_model::{JobId, PairId, ProblemLog};
use keepwell_sync::{MeantRows, Prepared, Said, Say, Side, Syncer};

use crate::outcome::{Fault, FaultKind, Halt, Proposal, PulledBrake};
use crate::sync_work;
use crate::syncs::{Seen, Syncs};

/// Plans that are held at most: each has both trees in memory.
pub const HELD_LIMIT: usize = 3;

/// A plan that waits for a person.
pub struct Held {
    /// The job that made it.
    pub job_id: JobId,
    /// The pair, opened and kept from others.
    pub syncer: Syncer,
    /// The plan.
    pub prepared: Prepared,
    /// The plan whose rows are in the pair's database, where that is another one: what bringing back from a side would do.
    pub shown: Option<(Side, Prepared)>,
    /// What carrying it out takes off what the pair was told of its hub.
    pub(crate) seen: Seen,
    /// Whether the catalog did not know the pair yet.
    pub(crate) is_new: bool,
    /// When the two sides were looked at.
    pub made_ms: i64,
    /// How often a person said something to it since.
    pub(crate) choices: u64,
    /// What the look could not see or do.
    pub problems: ProblemLog,
}

impl std::fmt::Debug for Held {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Held").field("job_id", &self.job_id).finish_non_exhaustive()
    }
}

impl Held {
    /// Tells the plan as it is now from what it was before the last word on it, and from one that was made anew.
    #[must_use]
    pub fn revision(&self) -> String {
        format!("{}.{}", self.made_ms, self.choices)
    }

    /// The brakes that hold the plan as it is now.
    #[must_use]
    pub fn brakes(&self) -> Vec<PulledBrake> {
        sync_work::pulled(self.syncer.pair(), &self.prepared.plan().brakes)
    }

    /// The plan with a person's word on rows of it.
    fn with_said(&mut self, revision: &str, rows: &MeantRows, say: Say) -> Result<(Prepared, Said), Fault> {
        if self.revision() != revision {
            return Err(Fault::new(
                FaultKind::Busy,
                "This plan was changed meanwhile, so these may be other rows now. Nothing was chosen.",
                "Look at the plan as it is now, and choose again.",
            ));
        }
        if self.shown.take().is_some() {
            // The rows that were shown are those of another answer to its brakes.
            self.prepared = self.syncer.release(&self.prepared, &[])?;
        }
        Ok(self.syncer.choose_rows(&self.prepared, rows, say)?)
    }
}

impl Syncs {
    /// Looks at the plan a job holds; nothing where it is not held in this process.
    pub fn with_held<T>(&self, job_id: JobId, look: impl FnOnce(&Held) -> T) -> Option<T> {
        self.held.lock().iter().find(|held| held.job_id == job_id).map(look)
    }

    /// Tells the plan a job holds from any other; nothing where it is not held in this process.
    #[must_use]
    pub fn plan_digest(&self, job_id: JobId) -> Option<String> {
        self.with_held(job_id, |held| sync_work::digest(&held.syncer, &held.prepared))
    }

    /// Plans what a job holds anew with a person's word on some of its rows, and notes with the job which plan that is: made
    /// again without it, it is another one. Nothing where it is not held in this process, or was decided meanwhile.
    ///
    /// # Errors
    /// It can not be planned or noted; the plan is not the one of that revision any more, so that the places of its rows may
    /// be others: nothing is chosen then.
    pub fn choose(
        &self,
        job_id: JobId,
        revision: &str,
        rows: &MeantRows,
        say: Say,
    ) -> Result<Option<Said>, Fault> {
        let mut all = self.held.lock();
        let Some(held) = all.iter_mut().find(|held| held.job_id == job_id) else { return Ok(None) };
        let (chosen, said) = held.with_said(revision, rows, say)?;
        if !self.note_digest(job_id, &sync_work::digest(&held.syncer, &chosen))? {
            return Ok(None);
        }
        held.prepared = chosen;
        held.choices += 1;
        Ok(Some(said))
    }

    /// Notes with a job that waits for a person which plan it is about; whether it still waits.
    fn note_digest(&self, job_id: JobId, digest: &str) -> Result<bool, Fault> {
        let Some(job) = self.catalog.job(job_id)? else { return Ok(false) };
        let halt = job.halt.as_deref().and_then(|text| serde_json::from_str::<Halt>(text).ok());
        let halt = halt.map(|halt| Halt { digest: Some(digest.to_owned()), ..halt });
        let proposal = job.proposal.as_deref().and_then(|text| serde_json::from_str::<Proposal>(text).ok());
        let proposal = proposal.map(|proposal| Proposal { digest: digest.to_owned(), ..proposal });
        if halt.is_none() && proposal.is_none() {
            return Ok(false);
        }
        let unwritable = |error: serde_json::Error| {
            let hint = "Look at both places again: the new plan can be chosen from.";
            Fault::new(FaultKind::Failed, format!("What was chosen can not be kept: {error}."), hint)
        };
        let halt = halt.map(|halt| serde_json::to_string(&halt)).transpose().map_err(unwritable)?;
        let proposal =
            proposal.map(|proposal| serde_json::to_string(&proposal)).transpose().map_err(unwritable)?;
        Ok(self.catalog.replace_question(&job, halt.as_deref(), proposal.as_deref())?)
    }

    /// Has the rows in the pair's database be those of what a job holds, or of what bringing back from a side would do
    /// instead; then looks at it. Nothing where it is not held in this process.
    ///
    /// # Errors
    /// It can not be planned.
    pub fn show<T>(
        &self,
        job_id: JobId,
        bring_back_from: Option<Side>,
        look: impl FnOnce(&Held, &Prepared) -> T,
    ) -> Result<Option<T>, Fault> {
        let mut all = self.held.lock();
        let Some(held) = all.iter_mut().find(|held| held.job_id == job_id) else { return Ok(None) };
        if held.shown.as_ref().map(|(side, _)| *side) != bring_back_from {
            held.shown = match bring_back_from {
                Some(side) => Some((side, held.syncer.bring_back_from(&held.prepared, side)?)),
                None => {
                    held.prepared = held.syncer.release(&held.prepared, &[])?;
                    None
                }
            };
        }
        let shown = held.shown.as_ref().map_or(&held.prepared, |(_, prepared)| prepared);
        Ok(Some(look(held, shown)))
    }

    /// Holds a plan for a person.
    pub(crate) fn hold(
        &self,
        job_id: JobId,
        syncer: Syncer,
        prepared: Prepared,
        seen: Seen,
        is_new: bool,
        problems: ProblemLog,
    ) {
        let made_ms = self.clock.now_ms();
        let mut all = self.held.lock();
        self.let_go(&mut all, |held| held.syncer.pair().id == syncer.pair().id);
        all.push(Held { job_id, syncer, prepared, shown: None, seen, is_new, made_ms, choices: 0, problems });
        let oldest = all.first().map(|held| held.job_id);
        if all.len() > HELD_LIMIT {
            self.let_go(&mut all, |held| Some(held.job_id) == oldest);
        }
    }

    fn let_go(&self, all: &mut Vec<Held>, is_meant: impl Fn(&Held) -> bool) {
        for held in all.extract_if(.., |held| is_meant(held)) {
            let (id, is_new) = (held.syncer.pair().id, held.is_new);
            drop(held);
            if is_new {
                self.forget_unmade(id);
            }
        }
    }

    /// Takes the plan of a job; whatever else is held of the pair is let go of.
    pub(crate) fn take(&self, job_id: JobId, pair_id: PairId) -> Option<Held> {
        let mut all = self.held.lock();
        let at = all.iter().position(|held| held.job_id == job_id);
        let taken = at.map(|at| all.remove(at));
        self.let_go(&mut all, |held| held.syncer.pair().id == pair_id);
        taken
    }

    /// Lets go of plans whose job does not wait for a person any more: it was given up, here or by another process, or is
    /// carried out by another one than this, which can not open the pair else. And of those that keep another process's look
    /// at the pair waiting: they are made again when the person decides.
    pub(crate) fn tidy(&self, process: &str) {
        let is_awaited = |held: &Held| {
            let states = vec![JobState::Planning];
            let filter = JobFilter { states, pair_id: Some(held.syncer.pair().id), ..JobFilter::default() };
            let planning = self.catalog.jobs(&filter, 0, 2).map(|(jobs, _)| jobs);
            planning.is_ok_and(|jobs| jobs.iter().any(|job| job.id != held.job_id))
        };
        let job = |held: &Held| self.catalog.job(held.job_id);
        let is_elsewhere = |held: &Held| {
            job(held).is_ok_and(|job| job.is_some_and(|job| job.state.needs_owner() && job.owner != process))
        };
        let is_over = |held: &Held| job(held).is_ok_and(|job| job.is_none_or(|job| job.state.is_finished()));
        let mut all = self.held.lock();
        // What a look at a pair that is not made yet left is that process's to remove from now on.
        drop(all.extract_if(.., |held| is_elsewhere(held)).collect::<Vec<_>>());
        self.let_go(&mut all, |held| is_over(held) || is_awaited(held));
    }
}
