//! The receipt of a run: what was asked, done, skipped and why, signed by the device's key.
//!
//! What is signed is the exact text kept (`signed_text`, JSON), never a second rendering of it. Invariant: a receipt is
//! made once, when its run ends, and never changed.

use keepwell_catalog::JobRecord;
use keepwell_model::{Problem, ProblemLog};
use keepwell_sync::Side;
use serde::{Deserialize, Serialize};

use crate::device::{DeviceKey, verify};
use crate::outcome::{Fact, Outcome, Skip};
use crate::path_text;
use crate::request::{JobRequest, RestoreTarget};

/// Problems named in a receipt; the rest is counted.
const PROBLEMS_LIMIT: usize = 100;
/// Longest list in `asked`; the rest is counted.
const ASKED_LIMIT: usize = 200;

/// What is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Statement {
    /// The format of this text.
    pub version: u32,
    /// The job.
    pub job_id: String,
    /// `backup`, `restore`, `check`, `sync` or `replicate`.
    pub kind: String,
    /// How it ended.
    pub state: String,
    /// What was asked, in lines.
    pub asked: Vec<String>,
    /// What was done.
    pub facts: Vec<Fact>,
    /// What was left out, and why.
    pub skipped: Vec<Skip>,
    /// The first problems.
    pub problems: Vec<Problem>,
    /// How many there were in all.
    pub problems_total: u64,
    /// When it began.
    pub started_ms: i64,
    /// When it ended.
    pub finished_ms: i64,
    /// The machine.
    pub host: String,
    /// The program.
    pub program: String,
    /// The snapshot made or restored.
    pub snapshot_id: Option<String>,
    /// BLAKE3 Merkle root over the entries.
    pub merkle_root: String,
}

/// A signed statement.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The exact text that was signed.
    pub signed_text: String,
    /// The device's public key.
    pub public_key: String,
    /// The signature.
    pub signature: String,
}

/// A receipt can not be read.
#[derive(Debug, thiserror::Error)]
#[error("this receipt can not be read: {0}; it may be from a newer Keepwell")]
pub struct ReceiptError(#[from] serde_json::Error);

impl Receipt {
    /// Signs a statement.
    ///
    /// # Errors
    /// The statement can not be written as JSON.
    pub fn sign(statement: &Statement, key: &DeviceKey) -> Result<Self, ReceiptError> {
        let signed_text = serde_json::to_string(statement)?;
        let signature = key.sign(signed_text.as_bytes());
        Ok(Self { signed_text, public_key: key.public_text(), signature })
    }

    /// The statement in it.
    ///
    /// # Errors
    /// It is not one this version knows.
    pub fn statement(&self) -> Result<Statement, ReceiptError> {
        Ok(serde_json::from_str(&self.signed_text)?)
    }

    /// Whether the signature holds.
    #[must_use]
    pub fn is_valid(&self) -> bool {
        verify(&self.public_key, &self.signature, self.signed_text.as_bytes())
    }
}

/// The statement of a finished job.
#[must_use]
pub fn statement(
    job: &JobRecord,
    request: &JobRequest,
    outcome: &Outcome,
    problems: &ProblemLog,
    host: &str,
    program: &str,
) -> Statement {
    Statement {
        version: 1,
        job_id: job.id.to_string(),
        kind: job.kind.clone(),
        state: job.state.word().to_owned(),
        asked: asked(job, request),
        facts: outcome.facts.clone(),
        skipped: outcome.skipped.clone(),
        problems: problems.problems.iter().take(PROBLEMS_LIMIT).cloned().collect(),
        problems_total: problems.total,
        started_ms: job.started_ms.unwrap_or(job.queued_ms),
        finished_ms: job.finished_ms.unwrap_or(job.queued_ms),
        host: host.to_owned(),
        program: program.to_owned(),
        snapshot_id: outcome.snapshot_id.clone(),
        merkle_root: outcome.merkle_root.clone(),
    }
}

fn asked(job: &JobRecord, request: &JobRequest) -> Vec<String> {
    let show = |path: &String| match path_text::decode(path) {
        Ok(bytes) => path_text::display(&bytes),
        Err(_) => path.clone(),
    };
    let mut lines = vec![job.title.clone()];
    if let Some(target) = request.target() {
        lines.push(format!("Repository: {}", show(&target.path)));
    }
    match request {
        JobRequest::Backup(backup) => {
            lines.extend(backup.sources.iter().map(|source| format!("Source: {}", show(source))));
            lines.extend(backup.rules.exclude.iter().map(|rule| format!("Left out: {rule}")));
            if backup.rules.exclude_caches {
                lines.push("Left out: folders marked as caches".to_owned());
            }
            if let Some(bytes) = backup.rules.max_file_bytes {
                lines.push(format!("Left out: files larger than {bytes} bytes"));
            }
            if backup.rules.one_file_system {
                lines.push("Left out: other file systems".to_owned());
            }
        }
        JobRequest::Restore(restore) => {
            lines.push(format!("Snapshot: {}", restore.snapshot_id));
            lines.extend(restore.paths.iter().map(|path| format!("Path: {}", show(path))));
            lines.push(match &restore.to {
                RestoreTarget::Origin => "To: where it was".to_owned(),
                RestoreTarget::Folder(path) => format!("To: {}", show(path)),
            });
            if restore.verify {
                lines.push("Every file is read back and compared".to_owned());
            }
        }
        JobRequest::Sync(sync) => {
            lines.push(format!("Left: {}", sync.left));
            lines.push(format!("Right: {}", sync.right));
            lines.extend(sync.undoes().map(|run| format!("Undone: everything the run {run} did")));
            if !sync.bring_back.is_empty() {
                lines.push(format!("Brought back from the bins: {} items", sync.bring_back.len()));
            }
            if !sync.answer.release.is_empty() {
                let kinds: Vec<_> = sync.answer.release.iter().map(|kind| format!("{kind:?}")).collect();
                lines.push(format!("A person went on despite: {}", kinds.join(", ")));
            }
            if let Some(side) = sync.answer.bring_back_from {
                lines.push(format!("A person had everything brought back from the {}", side_word(side)));
            }
        }
        JobRequest::Replicate(replicate) => {
            lines.push(format!("Copy: {}", show(&replicate.to)));
            let how =
                if replicate.full { "Everything is read in both places" } else { "Only what is new is read" };
            lines.push(how.to_owned());
            if replicate.confirmed {
                lines.push("A person went on despite a safety brake".to_owned());
            }
        }
        JobRequest::Check(check) => {
            lines.push(if check.full { "All content is read" } else { "Structure only" }.to_owned());
            if check.repair {
                lines.push("What can be rebuilt is rebuilt".to_owned());
            }
        }
    }
    let more = lines.len().saturating_sub(ASKED_LIMIT);
    lines.truncate(ASKED_LIMIT);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines
}

fn side_word(side: Side) -> &'static str {
    match side {
        Side::Left => "left",
        Side::Right => "right",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwell_catalog::{Catalog, Credentials, KeyringChoice};

    #[test]
    fn a_changed_receipt_does_not_hold() {
        let home = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(home.path(), 1).unwrap().catalog;
        let credentials = Credentials::open(home.path(), KeyringChoice::File);
        let key = DeviceKey::load_or_make(&catalog, &credentials).unwrap();
        let again = DeviceKey::load_or_make(&catalog, &credentials).unwrap();
        assert_eq!(key.public_text(), again.public_text(), "the key stays the same");

        let statement = Statement {
            version: 1,
            job_id: "1".to_owned(),
            kind: "backup".to_owned(),
            state: "succeeded".to_owned(),
            asked: vec![],
            facts: vec![Fact::count("files", "Files", 3)],
            skipped: vec![],
            problems: vec![],
            problems_total: 0,
            started_ms: 1,
            finished_ms: 2,
            host: "h".to_owned(),
            program: "p".to_owned(),
            snapshot_id: None,
            merkle_root: String::new(),
        };
        let receipt = Receipt::sign(&statement, &key).unwrap();
        assert!(receipt.is_valid());
        assert_eq!(receipt.statement().unwrap(), statement);
        let mut forged = receipt.clone();
        forged.signed_text = forged.signed_text.replace("\"value\":3", "\"value\":4");
        assert_ne!(forged, receipt);
        assert!(!forged.is_valid());
        let mut rubbish = receipt;
        rubbish.signature = "zz".to_owned();
        assert!(!rubbish.is_valid());
    }
}
