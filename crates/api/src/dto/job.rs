//! Jobs: every run, what it does now, how it ended, and its receipt.

use super::sync::SyncSide;
use super::{dto, request, words};
use crate::{ApiError, Count, Moment};
use serde::{Deserialize, Serialize};
use ts_rs::TS;

words! {
    /// What kind of work.
    pub enum JobKind {
        /// Copies into a repository.
        Backup,
        /// Brings back.
        Restore,
        /// Proves a repository.
        Check,
        /// Keeps two places in step.
        Sync,
        /// Keeps a repository a second time.
        Replicate,
    }

    /// Where a job is.
    pub enum JobState {
        /// Waits for its turn.
        Queued,
        /// Works out what to do.
        Planning,
        /// Waits for a person to confirm the plan.
        WaitingForConfirmation,
        /// Works.
        Running,
        /// Held by a person.
        Paused,
        /// A safety brake asks a person; `halt` says what.
        Halted,
        /// Done.
        Succeeded,
        /// Done, but some items had problems.
        SucceededWithProblems,
        /// Stopped by a person.
        Cancelled,
        /// Could not be done; `error` says why.
        Failed,
        /// The process that ran it died; it can be retried.
        Interrupted,
    }

    /// What a run of a pair is.
    pub enum SyncWork {
        /// Carries over what there is.
        Run,
        /// Carries over what was decided about conflicts, and all else there is.
        Decision,
        /// Wrote the merged text of two versions into the first place.
        Merge,
        /// Carries a merged text over to the second place, and all else there is.
        MergedText,
        /// Undoes runs.
        Undo,
        /// Brings items back from the bins.
        BringBack,
        /// Removes items from the bins for good.
        Remove,
    }

    /// Who wanted a run of a pair.
    pub enum SyncOrigin {
        /// A person.
        Person,
        /// The schedule.
        Schedule,
        /// Something changed in a live pair.
        Live,
    }

    /// What a run is busy with.
    pub enum JobPhase {
        /// Opening, reading indexes.
        Preparing,
        /// Looking while copying; totals still grow.
        Scanning,
        /// Copying.
        Copying,
        /// Writing the last bits.
        Finishing,
        /// Reading back and comparing.
        Verifying,
    }
}

/// A safety brake.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct Halt {
    /// What was found, in a sentence.
    pub reason: String,
    /// What going on means; empty where that can not be chosen.
    pub if_continued: String,
    /// What else can be chosen.
    pub choices: Vec<HaltChoice>,
}

/// A way on from a halt.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, TS)]
#[serde(rename_all = "camelCase")]
pub struct HaltChoice {
    /// `bringBackFromLeft` or `bringBackFromRight`.
    pub key: String,
    /// What it is called.
    pub label: String,
    /// What it means for the data.
    pub means: String,
}

dto! {
    /// How far a job is: always the whole picture.
    pub struct JobProgress {
        /// What it is busy with.
        pub phase: JobPhase,
        /// Items done.
        pub items_done: Count,
        /// Items known.
        pub items_total: Count,
        /// Bytes done.
        pub bytes_done: Count,
        /// Bytes known.
        pub bytes_total: Count,
        /// Whether the totals are final.
        pub total_known: bool,
        /// Bytes written to the destination.
        pub bytes_written: Count,
        /// Bytes a second, over the last seconds.
        pub bytes_per_second: Count,
        /// Items a second, over the last seconds.
        pub items_per_second: Count,
        /// Time left, where it can be said.
        pub remaining_ms: Option<Count>,
        /// Time worked, without pauses.
        pub elapsed_ms: Count,
        /// What it works on.
        pub current: String,
    }

    /// What a job did, in numbers.
    pub struct JobResult {
        /// The snapshot made or restored.
        pub snapshot_id: Option<String>,
        /// Items looked at.
        pub items: Count,
        /// Bytes looked at.
        pub bytes: Count,
        /// Bytes written.
        pub bytes_written: Count,
        /// The facts, for people: `("New files", "12")`.
        pub facts: Vec<JobFact>,
    }

    /// A fact about a run.
    pub struct JobFact {
        /// A word for clients: `filesNew`, `filesUnchanged`, …
        pub key: String,
        /// The name, for people.
        pub label: String,
        /// The value.
        pub value: Count,
        /// Whether the value is bytes.
        pub is_bytes: bool,
    }

    /// What a run of a pair is: what tells it from others beside its time.
    pub struct SyncWhat {
        /// What it is in a few words, as its receipt has it.
        pub words: String,
        /// What it is.
        pub work: SyncWork,
        /// Who wanted it.
        pub origin: SyncOrigin,
        /// Whether it only looks: nobody said so far that its plan shall be carried out.
        pub only_looks: bool,
        /// Whether its plan was shown first, and a person said so then.
        pub looked_first: bool,
        /// Whether a brake held it, and a person went on anyway.
        pub went_on: bool,
        /// The place from which the other one was filled again after a brake held it.
        pub brought_back_from: Option<SyncSide>,
        /// How many runs it undoes.
        pub undoes: Count,
        /// When these began, in the order in which they are undone; empty where that is not known.
        pub undoes_begun_ms: Vec<Moment>,
    }

    /// A job.
    pub struct Job {
        /// Its id.
        pub id: String,
        /// What kind of work.
        pub kind: JobKind,
        /// What it is, in a line: "Back up Documents to USB drive".
        pub title: String,
        /// Where it is.
        pub state: JobState,
        /// What it waits for, where it waits: "another backup to USB drive".
        pub waiting_for: Option<String>,
        /// The safety brake.
        pub halt: Option<Halt>,
        /// Why it failed.
        pub error: Option<ApiError>,
        /// The place it works on.
        pub place_id: Option<String>,
        /// What that is called.
        pub place_label: String,
        /// The plan it was run for.
        pub plan_id: Option<String>,
        /// The sync pair it was run for.
        pub pair_id: Option<String>,
        /// What it is, where it is a run of a sync pair.
        pub sync: Option<SyncWhat>,
        /// When it was asked for.
        pub queued_ms: Moment,
        /// When it began.
        pub started_ms: Option<Moment>,
        /// When it ended.
        pub finished_ms: Option<Moment>,
        /// How far it is (or was).
        pub progress: Option<JobProgress>,
        /// What it did.
        pub result: Option<JobResult>,
        /// Problems so far.
        pub problems: Count,
        /// Whether it runs in this process (only then it can be paused).
        pub here: bool,
        /// Whether it can be paused now.
        pub can_pause: bool,
        /// Whether it can be resumed now.
        pub can_resume: bool,
        /// Whether it can be cancelled now.
        pub can_cancel: bool,
        /// Whether it can be retried now.
        pub can_retry: bool,
        /// Whether there is a receipt.
        pub has_receipt: bool,
        /// Grows with every change of anything above.
        pub revision: Count,
    }

    /// A page of jobs, newest first.
    pub struct JobPage {
        /// The rows.
        pub jobs: Vec<Job>,
        /// How many there are in all.
        pub total: Count,
    }

    /// A job was put in the queue.
    pub struct JobStarted {
        /// The job.
        pub job_id: String,
    }

    /// What changed since a revision.
    pub struct JobChanges {
        /// Ask for changes since this next time.
        pub revision: Count,
        /// Whether `jobs` is the whole picture: every active job and the newest 50 finished ones. Then throw away
        /// what you had.
        pub full: bool,
        /// The jobs that changed, whole.
        pub jobs: Vec<Job>,
        /// Jobs that are gone (history was trimmed).
        pub removed: Vec<String>,
    }

    /// A problem with one item.
    pub struct ProblemRow {
        /// What it is about, for people.
        pub path: String,
        /// What happened.
        pub what: String,
        /// Why.
        pub why: String,
        /// What to do next.
        pub next: String,
    }

    /// A page of problems.
    pub struct ProblemPage {
        /// The rows.
        pub problems: Vec<ProblemRow>,
        /// How many are kept.
        pub kept: Count,
        /// How many there were in all.
        pub total: Count,
    }

    /// A line of the log.
    pub struct LogLine {
        /// When.
        pub time: String,
        /// `INFO`, `WARN`, …
        pub level: String,
        /// The line.
        pub text: String,
    }

    /// A page of the log of one job.
    pub struct LogPage {
        /// The lines, oldest first.
        pub lines: Vec<LogLine>,
        /// How many there are in all.
        pub total: Count,
    }

    /// Something that was left out, and why.
    pub struct ReceiptSkip {
        /// Why.
        pub reason: String,
        /// How many.
        pub count: Count,
    }

    /// What a run was asked and what it did, signed by this device.
    pub struct Receipt {
        /// The job.
        pub job_id: String,
        /// What kind of work.
        pub kind: JobKind,
        /// How it ended.
        pub state: JobState,
        /// What was asked, in lines.
        pub asked: Vec<String>,
        /// What was done.
        pub facts: Vec<JobFact>,
        /// What was left out, and why.
        pub skipped: Vec<ReceiptSkip>,
        /// Problems, the first ones.
        pub problems: Vec<ProblemRow>,
        /// How many there were in all.
        pub problems_total: Count,
        /// When it began.
        pub started_ms: Moment,
        /// When it ended.
        pub finished_ms: Moment,
        /// The machine.
        pub host: String,
        /// The program.
        pub program: String,
        /// BLAKE3 Merkle root over the entries, in hexadecimal.
        pub merkle_root: String,
        /// The device's ed25519 public key, in hexadecimal.
        pub public_key: String,
        /// Its signature over the canonical form, in hexadecimal.
        pub signature: String,
        /// The canonical form that was signed: JSON text.
        pub signed_text: String,
        /// Whether the signature holds.
        pub signature_valid: bool,
    }
}

request! {
    /// Lists jobs, newest first.
    pub struct JobList {
        /// Only these states.
        pub states: Option<Vec<JobState>>,
        /// Only these kinds.
        pub kinds: Option<Vec<JobKind>>,
        /// Only those of this plan.
        pub plan_id: Option<String>,
        /// Only those of this place.
        pub place_id: Option<String>,
        /// Only those of this sync pair.
        pub pair_id: Option<String>,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Names one job.
    pub struct JobGet {
        /// Its id.
        pub job_id: String,
    }

    /// A page of something of one job.
    pub struct JobPart {
        /// Its id.
        pub job_id: String,
        /// Rows to skip.
        pub offset: Option<u32>,
        /// Rows at most (1 to 1,000; usually 100).
        pub limit: Option<u32>,
    }

    /// Waits for changes.
    pub struct JobChangesGet {
        /// The revision of the last answer; nothing asks for the whole picture at once.
        pub since: Option<Count>,
        /// How long to wait for a change (at most 30,000).
        pub wait_ms: Option<u32>,
    }
}
