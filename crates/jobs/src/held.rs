//! A plan of a sync run that waits for a person: what they see of it and say to it, before it is carried out.
//!
//! Invariant: a word on rows by their places is taken only for the very plan these were shown of; any other would take
//! other rows. Deliberately not here: which plans are held and for how long (`syncs`), what is done with the answer
//! (`sync_work`).

use keepwell_model::{JobId, ProblemLog};
use keepwell_sync::{MeantRows, Prepared, Said, Say, Side, Syncer};

use crate::outcome::{Fault, FaultKind, PulledBrake};
use crate::sync_work;
use crate::syncs::Seen;

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

    /// Plans anew with a person's word on rows of it.
    pub(crate) fn say(&mut self, revision: &str, rows: &MeantRows, say: Say) -> Result<Said, Fault> {
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
        let (prepared, said) = self.syncer.choose_rows(&self.prepared, rows, say)?;
        self.prepared = prepared;
        self.choices += 1;
        Ok(said)
    }
}
