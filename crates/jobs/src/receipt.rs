//! The receipt of a run: what was asked, done, skipped and why, signed by the device's key.
//!
//! What is signed is the exact text kept (`signed_text`, JSON), never a second rendering of it. Invariant: a receipt is
//! made once, when its run ends, and never changed.

use jiff::tz::TimeZone;
use keepwell_catalog::JobRecord;
use keepwell_model::{Problem, ProblemLog};
use keepwell_sync::Side;
use serde::{Deserialize, Serialize};

use crate::device::{DeviceKey, verify};
use crate::outcome::{Fact, Outcome, Skip};
use crate::path_text;
use crate::request::{After, BinRemoval, JobRequest, Origin, RestoreTarget, SyncJob};
use crate::sync_words::{despite, moment_words, place_names};

/// Problems named in a receipt; the rest is counted.
const PROBLEMS_LIMIT: usize = 100;
/// Longest list in `asked`; the rest is counted.
const ASKED_LIMIT: usize = 200;
/// Undone runs named in a receipt, the last ones; the rest is counted.
const UNDONE_LIMIT: usize = 100;

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
        JobRequest::Sync(sync) => lines.extend(asked_of_sync(job, sync)),
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

/// What a job of a pair was, for somebody who knows neither the pair nor Keepwell: its places by their names and paths, and
/// runs by when they were. What only a list of Keepwell can be searched for comes last, and says so.
fn asked_of_sync(job: &JobRecord, sync: &SyncJob) -> Vec<String> {
    let zone = TimeZone::system();
    let moment = |at_ms: i64| moment_words(at_ms, &zone);
    let places = Side::BOTH.into_iter().zip(place_names(&sync.left, &sync.right));
    let places: Vec<(Side, String)> = places.collect();
    let name = |wanted: Side| {
        let found = places.iter().find(|(side, _)| *side == wanted);
        found.map(|(_, name)| name.as_str()).unwrap_or_default()
    };
    let mut lines = vec![
        format!("Pair: {}", sync.name),
        format!("First place: {}", place_line(name(Side::Left), &sync.left)),
        format!("Second place: {}", place_line(name(Side::Right), &sync.right)),
        format!("What it was: {}", work_words(sync)),
        format!("Begun: {}", moment(job.started_ms.unwrap_or(job.queued_ms))),
    ];
    lines.extend(job.finished_ms.map(|at_ms| format!("Ended: {}", moment(at_ms))));
    let begun = sync.undo_began_ms.iter().take(UNDONE_LIMIT);
    lines.extend(begun.map(|began| format!("Undone: the run of {}", moment(*began))));
    let more = sync.undo_began_ms.len().saturating_sub(UNDONE_LIMIT);
    if more > 0 {
        lines.push(format!("Undone: {more} earlier runs"));
    }
    if !sync.bring_back.is_empty() {
        lines.push(format!("Items to bring back: {}", sync.bring_back.len()));
    }
    match &sync.remove {
        Some(BinRemoval::Items(items)) => lines.push(format!("Items to remove for good: {}", items.len())),
        Some(BinRemoval::AllUntil(at_ms)) => {
            lines.push(format!("To remove for good: all that was in the bins by {}", moment(*at_ms)));
        }
        None => {}
    }
    if let Some(side) = sync.answer.bring_back_from {
        let (to, from) = (name(side.other()), name(side));
        lines.push(format!("A person had {to} filled again from {from}"));
    }
    if !sync.answer.release.is_empty() {
        let seen: Vec<_> = sync.answer.release.iter().map(|kind| despite(*kind)).collect();
        lines.push(format!("A person saw and went on despite: {}", seen.join(", ")));
    }
    let run = std::iter::once(format!("run {}", job.id));
    let undone = sync.undoes().take(UNDONE_LIMIT).map(|run| format!("undone run {run}"));
    lines.push(format!("Reference for support: {}", run.chain(undone).collect::<Vec<_>>().join(", ")));
    lines
}

/// A place by its name and where it is; the address alone where it is called by that.
fn place_line(name: &str, address: &str) -> String {
    let shown = path_text::display(address.as_bytes());
    if name == shown { shown } else { format!("{name} ({shown})") }
}

/// What kind of run it was, and who wanted it, without a name or a time: for a receipt, and for lists of the command line.
/// The window has words of its own (`runWords.ts`): it says the places by their names and the times as they are read there,
/// in a text that can be translated.
#[must_use]
pub fn work_words(sync: &SyncJob) -> &'static str {
    match (sync.undoes().count(), &sync.after, sync.origin) {
        (1, ..) => "undo of a run",
        (2.., ..) => "undo of several runs, the last one first",
        _ if !sync.bring_back.is_empty() => "bringing back from the bin",
        _ if sync.remove.is_some() => "removing from the bin for good",
        (_, Some(After::Decision), _) => "run after a decision",
        (_, Some(After::Merging), _) => "run after merging",
        _ if sync.only_looks() => "look at what would happen",
        _ if sync.answer.is_to_brakes() => "run after a halt",
        (_, _, Origin::Schedule) => "run by the schedule",
        (_, _, Origin::Live) => "live run",
        _ if sync.preview => "run after a look",
        (_, _, Origin::Person) => "run",
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
