//! Keeping a repository a second time, as a job: looked at first, held by brakes, copied and proven, told in a receipt.
//!
//! Invariants: before a brake or a lack of space is told nothing is changed; the second place is made only where no run
//! was ever finished there (a drive that is not connected is not an empty one); the password is only needed for telling
//! which of two differing files is right, so a run without it copies and tells. Deliberately not here: the copying
//! itself (`repository`).

use std::sync::Arc;

use keepwell_endpoint::Store;
use keepwell_model::Problem;
use keepwell_repository::replicate_report::{FileVerdict, Names};
use keepwell_repository::{
    ProvenFiles, ReplicateOptions, ReplicateReport, Repository, RepositoryError, Survey, replicate, survey,
};

use crate::desk::Resumed;
use crate::merkle::MerkleTree;
use crate::outcome::{Ending, Fact, Fault, FaultKind, Halt, Outcome};
use crate::replicas::LastReplication;
use crate::repositories::Repositories;
use crate::request::{ReplicateJob, Target};
use crate::run::Running;
use crate::work::{MachineWork, PROVEN_FOR_MS};

/// The version of what a checkpoint holds: marks of files that were proven, one after another.
const CHECKPOINT: u32 = 1;
/// Files on the way at once: waiting for a server is most of the work.
const THREADS: usize = 4;

impl MachineWork {
    /// Carries out one run.
    pub(crate) fn replicate(&self, running: &Running<'_>, job: &ReplicateJob) -> Result<Ending, Fault> {
        let (source, replica, known) = self.open_both(job)?;
        let judge = self.judge(running, &job.target)?;
        let seen = survey(&*source, &*replica)?;
        if !job.confirmed
            && let Some(halt) = brake(&seen, known.as_ref(), &source.describe(), &replica.describe())
        {
            return Ok(Ending::Halted(halt));
        }
        refuse_too_little_space(&seen, &replica.describe())?;
        running.desk.planned();
        let proven = self.resumed(running, job);
        let options = ReplicateOptions {
            compare_all: job.full,
            threads: THREADS,
            judge: judge.as_ref(),
            proven: Some(&proven),
            now_ms: Some(self.clock.now_ms()),
        };
        let work = || replicate(&*source, &*replica, options, running.control);
        let ended =
            if job.full { running.desk.while_working(CHECKPOINT, || proven.encode(), work) } else { work() };
        match ended {
            Ok(report) => {
                tell(running, &report, seen.lost_snapshots, judge.is_some());
                self.remember(running, job, &report, seen.lost_snapshots);
                Ok(Ending::Done(outcome(&report)))
            }
            Err(RepositoryError::Cancelled) => Ok(Ending::Cancelled(Outcome {
                bytes_written: running.control.progress().bytes_written,
                ..Outcome::default()
            })),
            Err(error) => Err(error.into()),
        }
    }

    /// Both places, and what the runs before said. The second is made only where none was finished before.
    #[expect(clippy::type_complexity, reason = "used once, and a type for it would say no more")]
    fn open_both(
        &self,
        job: &ReplicateJob,
    ) -> Result<(Arc<dyn Store>, Arc<dyn Store>, Option<LastReplication>), Fault> {
        let record = match job.replica_id {
            Some(id) => Some(self.catalog.replica(id)?.ok_or_else(|| {
                let message = "This second copy is not known (any more).";
                Fault::new(FaultKind::NotFound, message, "Look at the place's page.")
            })?),
            None => None,
        };
        let known = record.as_ref().and_then(LastReplication::of);
        let source = self.repositories.source(&job.target)?;
        let to = Repositories::path(&Target { path: job.to.clone(), place_id: None })?;
        let replica = self.repositories.store(&to, known.is_none())?;
        Ok((source, replica, known))
    }

    /// The source opened, where its password is known. A password that was given has to be right.
    fn judge(&self, running: &Running<'_>, target: &Target) -> Result<Option<Repository>, Fault> {
        let given = running.attachment.password.as_deref().map(String::as_str);
        match self.repositories.open(target, given) {
            Ok(repository) => Ok(Some(repository)),
            Err(fault) if given.is_some() => Err(fault),
            Err(fault) => {
                tracing::info!(%fault, "the run goes on without the password of the repository");
                Ok(None)
            }
        }
    }

    /// What a run that was broken off had proven, if that is not long ago.
    fn resumed(&self, running: &Running<'_>, job: &ReplicateJob) -> ProvenFiles {
        let is_fresh =
            |resumed: &Resumed| self.clock.now_ms().saturating_sub(resumed.saved_ms) <= PROVEN_FOR_MS;
        let resumed = running.desk.resume(CHECKPOINT).filter(|resumed| job.full && is_fresh(resumed));
        resumed.map(|resumed| ProvenFiles::decode(&resumed.content)).unwrap_or_default()
    }

    /// Notes what a finished run means for the replica. That it can not be kept is logged: the copy itself is safe.
    fn remember(
        &self,
        running: &Running<'_>,
        job: &ReplicateJob,
        report: &ReplicateReport,
        lost_snapshots: u64,
    ) {
        let Some(id) = job.replica_id else { return };
        let note = || {
            let Some(record) = self.catalog.replica(id)? else { return Ok(()) };
            let before = LastReplication::of(&record).unwrap_or_default();
            let now_ms = self.clock.now_ms();
            // A copy that was made whole just now was read back to its last byte.
            let is_proof = job.full || report.present == 0;
            let last = LastReplication {
                job_id: running.job_id.to_string(),
                finished_ms: now_ms,
                proven_ms: if is_proof && report.is_same() { Some(now_ms) } else { before.proven_ms },
                is_same: report.is_same(),
                lost_snapshots,
            };
            match serde_json::to_string(&last) {
                Ok(text) => self.catalog.set_replica_last_run(id, &text),
                Err(_) => Ok(()),
            }
        };
        if let Err(error) = note() {
            tracing::warn!(%error, "what this run means for the second copy could not be kept");
        }
    }
}

/// What a person has to look at before anything is changed.
fn brake(seen: &Survey, known: Option<&LastReplication>, source: &str, replica: &str) -> Option<Halt> {
    let told_of = known.map_or(0, |known| known.lost_snapshots);
    let mut reasons = Vec::new();
    let mut means = Vec::new();
    if known.is_some() && !seen.has_replica {
        reasons.push(format!("The copy that was at {replica} is not there any more."));
        means.push("The whole repository is copied there once more.");
    }
    if seen.lost_snapshots > told_of {
        let (lost, all) = (seen.lost_snapshots, seen.replica_snapshots);
        reasons.push(format!("{lost} of the {all} snapshots in the copy are gone from {source}."));
        means.push("What is new is copied. Nothing is taken away from the copy: these snapshots stay in it.");
    }
    if seen.has_replica && seen.lost_keys > 0 && seen.common_keys == 0 {
        reasons.push(format!(
            "None of the passwords and recovery keys that open the copy are in {source} any more."
        ));
        means.push("From then on the copy opens only with those that open the repository now.");
    }
    (!reasons.is_empty()).then(|| Halt {
        reason: format!("{} Nothing was changed.", reasons.join(" ")),
        if_continued: means.join(" "),
        choices: Vec::new(),
        brakes: Vec::new(),
        digest: None,
    })
}

fn refuse_too_little_space(seen: &Survey, replica: &str) -> Result<(), Fault> {
    match seen.free_bytes {
        Some(free_bytes) if free_bytes < seen.missing_bytes => Err(Fault::new(
            FaultKind::NoSpace,
            format!(
                "{replica} has {free_bytes} bytes free, and the copy needs {} more. Nothing was copied.",
                seen.missing_bytes
            ),
            "Free some space there, or keep the copy in another place.",
        )
        .about(replica)),
        _ => Ok(()),
    }
}

/// Tells what is wrong with single files.
fn tell(running: &Running<'_>, report: &ReplicateReport, lost_snapshots: u64, has_judge: bool) {
    let each = |names: &Names, what: &str, next: &str| {
        for name in &names.first {
            running.control.problem(Problem::new(name, what, "", next));
        }
        let more = names.total.saturating_sub(names.first.len() as u64);
        if more > 0 {
            running.control.problem(Problem::new(format!("{more} more files"), what, "", next));
        }
    };
    let next = if has_judge {
        "Run a check of both places: it says which of them is damaged."
    } else {
        "Run it once more with the password of the repository: then the damaged one can be told from the other."
    };
    each(&report.different, "This file is not the same in both places. Neither was changed.", next);
    each(
        &report.source_damaged,
        "This file is damaged in the repository, and whole in the copy. Neither was changed.",
        "Replicate once in the other direction, from the copy to the repository: that mends it.",
    );
    each(
        &report.unreadable,
        "The place of the copy does not let this file be read.",
        "Look at the drive. If it is failing, keep the copy in another place.",
    );
    if lost_snapshots > 0 {
        running.control.problem(Problem::new(
            format!("{lost_snapshots} snapshots"),
            "The repository has lost them. The copy still has them.",
            "",
            "Bring back from the copy what you need of them.",
        ));
    }
}

/// What a run did. The Merkle root is over every file of the repository in the order of the names: what became of it,
/// the hash of its content (zeros where it was not read), and its name.
fn outcome(report: &ReplicateReport) -> Outcome {
    let mut tree = MerkleTree::default();
    for file in &report.files {
        let verdict: u8 = match file.verdict {
            FileVerdict::Copied => 0,
            FileVerdict::Present => 1,
            FileVerdict::Same => 2,
            FileVerdict::Mended => 3,
            FileVerdict::Different => 4,
            FileVerdict::Unreadable => 5,
        };
        let mut leaf = vec![verdict];
        leaf.extend_from_slice(&file.hash.unwrap_or_default());
        leaf.extend_from_slice(file.key.as_bytes());
        tree.add(&leaf);
    }
    let mut facts = vec![
        Fact::count("copied", "Files copied and read back", report.copied),
        Fact::bytes("copiedBytes", "Copied", report.copied_bytes),
        Fact::count("present", "Files that were in both places", report.present),
        Fact::count("compared", "Of these read in both places, and the same", report.compared),
        Fact::bytes("comparedBytes", "Read and compared", report.compared_bytes),
        Fact::count("mended", "Damaged files of the copy mended", report.mended.total),
        Fact::count("different", "Files that differ", report.different.total + report.source_damaged.total),
        Fact::count("onlyInReplica", "Files only the copy has", report.only_in_replica.total),
        Fact::count("removed", "Outdated files removed from the copy", report.removed),
    ];
    if report.proven_before > 0 {
        let label = "Files compared by a run that was broken off before";
        facts.push(Fact::count("filesResumed", label, report.proven_before));
    }
    if report.leftovers > 0 {
        facts.push(Fact::count("leftovers", "Leftovers of interrupted runs removed", report.leftovers));
    }
    Outcome {
        items: report.files.len() as u64,
        bytes: report.copied_bytes + report.compared_bytes,
        bytes_written: report.copied_bytes,
        facts,
        merkle_root: tree.root_text(),
        ..Outcome::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WELL: Survey = Survey {
        has_replica: true,
        lost_snapshots: 0,
        replica_snapshots: 9,
        lost_packs: 3,
        lost_keys: 1,
        common_keys: 1,
        missing_bytes: 10,
        free_bytes: Some(10),
    };

    fn reason(seen: Survey, known: Option<LastReplication>) -> String {
        brake(&seen, known.as_ref(), "/here", "/there").map(|halt| halt.reason).unwrap_or_default()
    }

    #[test]
    fn brakes_are_pulled_by_losses_only_and_by_each_loss_once() {
        assert_eq!(reason(WELL, None), "");
        let begun = Survey { has_replica: false, ..WELL };
        assert_eq!(reason(begun.clone(), None), "", "the first run finds nothing there");
        assert!(reason(begun, Some(LastReplication::default())).contains("not there any more"));
        let lost = Survey { lost_snapshots: 4, ..WELL };
        assert!(reason(lost.clone(), None).contains("4 of the 9 snapshots"));
        let told = LastReplication { lost_snapshots: 4, ..LastReplication::default() };
        assert_eq!(reason(lost, Some(told)), "", "the person knows and went on");
        assert!(
            reason(Survey { lost_keys: 2, common_keys: 0, ..WELL }, None).contains("None of the passwords")
        );
    }

    #[test]
    fn too_little_space_is_told_before_anything_is_copied() {
        assert!(refuse_too_little_space(&WELL, "/there").is_ok());
        let full = Survey { free_bytes: Some(9), ..WELL };
        assert_eq!(refuse_too_little_space(&full, "/there").unwrap_err().kind, FaultKind::NoSpace);
        assert!(refuse_too_little_space(&Survey { free_bytes: None, ..WELL }, "/there").is_ok());
    }
}
