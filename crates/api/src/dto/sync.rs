//! Sync: pairs of places kept in step, how each stands, and what can be done with one.
//!
//! The plan of a run is in [`super::sync_plan`], what waits for a decision in [`super::sync_conflict`], what was
//! replaced or removed in [`super::sync_bin`].

use super::plan::Schedule;
use super::sync_plan::SyncBrake;
use super::{dto, request, words};
use crate::{ApiError, Count, Moment, PathText, SecretText};

words! {
    /// Which way changes go. One-way modes go from left to right.
    pub enum SyncMode {
        /// Changes of either side reach the other.
        TwoWay,
        /// The right becomes an exact copy of the left.
        Mirror,
        /// New and changed items reach the right; nothing is removed there.
        Update,
        /// Items move from the left to the right.
        MoveIn,
    }

    /// What happens where both sides changed the same thing differently.
    pub enum ConflictPolicy {
        /// Nothing, until a person decides.
        Ask,
        /// Both stay.
        KeepBoth,
        /// The later change wins.
        Newest,
        /// The left wins.
        Left,
        /// The right wins.
        Right,
    }

    /// One of the two places of a pair.
    pub enum SyncSide {
        /// The first place; the source of one-way modes.
        Left,
        /// The second place.
        Right,
    }

    /// What symbolic links are to a pair.
    pub enum SyncLinks {
        /// Kept as links.
        Keep,
        /// Taken for what they point to.
        Follow,
        /// Left out.
        Skip,
    }

    /// How a pair stands, in one word.
    pub enum SyncState {
        /// It did not run yet.
        New,
        /// Both sides are in step, as the last run found and left them.
        InStep,
        /// In step but for items that had problems.
        Problems,
        /// Conflicts wait for a decision; the rest is in step.
        Conflicts,
        /// A run waits for its turn.
        Waiting,
        /// A run is looking or copying.
        Running,
        /// A preview waits to be applied.
        Preview,
        /// A safety brake asks a person.
        Halted,
        /// The last run could not be done.
        Failed,
        /// The last run was stopped by a person.
        Stopped,
    }

    /// Whether changes are noticed as they happen.
    pub enum SyncLive {
        /// The pair is not live.
        Off,
        /// Changes are noticed as they happen, here.
        Watching,
        /// It looks from time to time only: the system does not tell of all changes.
        Scanning,
        /// The pair is live, but nothing watches it now.
        Asleep,
    }
}

dto! {
    /// One side of a pair.
    pub struct SyncPlace {
        /// Where it is: a path of this machine, or an address such as `s3://…`.
        pub address: PathText,
        /// What to call it in a sentence: the last part of the path, or the server.
        pub name: String,
        /// The machine, drive or server it is on.
        pub device: String,
        /// Whether it is on this machine (a folder or a drive).
        pub is_local: bool,
    }

    /// Conflicts at certain paths.
    pub struct ConflictRule {
        /// A pattern in gitignore syntax.
        pub pattern: String,
        /// What happens there.
        pub policy: ConflictPolicy,
    }

    /// What a pair leaves out.
    pub struct SyncRules {
        /// Lines in gitignore syntax.
        pub exclude: Vec<String>,
        /// Files larger than this are left out.
        pub max_file_bytes: Option<Count>,
        /// Files that changed longer ago than this are left out.
        pub max_age_days: Option<u32>,
        /// Only these folders, as paths below the root; none means everything.
        pub folders: Vec<String>,
    }

    /// When a run halts and asks.
    pub struct SyncBrakeLimits {
        /// More removals than this, and more than `removed_percent` of the items.
        pub removed_items: Count,
        /// See `removed_items`.
        pub removed_percent: u8,
        /// More files with new content than this, and more than `rewritten_percent` of the files.
        pub rewritten_files: Count,
        /// See `rewritten_files`.
        pub rewritten_percent: u8,
    }

    /// The last run of a pair that ended.
    pub struct SyncLastRun {
        /// The job.
        pub job_id: String,
        /// How it ended.
        pub state: super::job::JobState,
        /// When it ended.
        pub finished_ms: Moment,
        /// Problems it had.
        pub problems: Count,
        /// Why it failed.
        pub error: Option<ApiError>,
    }

    /// Two places kept in step.
    pub struct SyncPair {
        /// Its id.
        pub id: String,
        /// What the person calls it.
        pub name: String,
        /// The first place.
        pub left: SyncPlace,
        /// The second place.
        pub right: SyncPlace,
        /// Which way changes go.
        pub mode: SyncMode,
        /// What happens with conflicts.
        pub conflicts: ConflictPolicy,
        /// Where something else happens with them; the first that matches counts.
        pub conflict_rules: Vec<ConflictRule>,
        /// What links are.
        pub links: SyncLinks,
        /// What is left out.
        pub rules: SyncRules,
        /// When it halts.
        pub brakes: SyncBrakeLimits,
        /// When it runs by itself.
        pub schedule: Schedule,
        /// Whether changes are to be noticed as they happen.
        pub live: bool,
        /// Whether the person paused it.
        pub paused: bool,
        /// How it stands.
        pub state: SyncState,
        /// Whether changes are noticed as they happen now.
        pub watched: SyncLive,
        /// Conflicts that wait for a decision.
        pub conflicts_waiting: Count,
        /// When both sides were last found or made in step.
        pub in_step_ms: Option<Moment>,
        /// When it runs next; nothing where it does not by itself.
        pub next_run_ms: Option<Moment>,
        /// Its last run that ended.
        pub last_run: Option<SyncLastRun>,
        /// The job of it that waits or runs now.
        pub active_job_id: Option<String>,
        /// The brakes the active job halted at.
        pub halted_by: Vec<SyncBrake>,
    }

    /// All pairs.
    pub struct SyncPairs {
        /// In the order they were made.
        pub pairs: Vec<SyncPair>,
    }
}

request! {
    /// What opens a server; kept in the keyring.
    pub struct SyncAccess {
        /// The account, or the id of the access key.
        pub user: Option<String>,
        /// The password or the secret key.
        pub secret: SecretText,
    }

    /// Makes or changes a pair.
    pub struct SyncPairSave {
        /// The pair to change; nothing makes a new one.
        pub id: Option<String>,
        /// What to call it; nothing names it after its places.
        pub name: Option<String>,
        /// The first place. It can not be changed afterwards: another place is another pair.
        pub left: String,
        /// The second place.
        pub right: String,
        /// What opens the first place, where it is a server that asks for it.
        pub left_access: Option<SyncAccess>,
        /// What opens the second place.
        pub right_access: Option<SyncAccess>,
        /// Which way changes go.
        pub mode: SyncMode,
        /// What happens with conflicts.
        pub conflicts: ConflictPolicy,
        /// Where something else happens with them.
        pub conflict_rules: Option<Vec<ConflictRule>>,
        /// What links are; nothing keeps what was, at first `keep`.
        pub links: Option<SyncLinks>,
        /// What is left out.
        pub rules: Option<SyncRules>,
        /// When it halts.
        pub brakes: Option<SyncBrakeLimits>,
        /// When it runs by itself.
        pub schedule: Option<Schedule>,
        /// Whether changes are to be noticed as they happen.
        pub live: Option<bool>,
    }

    /// Names one pair.
    pub struct SyncPairGet {
        /// Its id.
        pub pair_id: String,
    }

    /// Holds a pair, or lets it go on.
    pub struct SyncPairPause {
        /// Its id.
        pub pair_id: String,
        /// Whether it is held.
        pub paused: bool,
    }

    /// Runs a pair now.
    pub struct SyncRun {
        /// Its id.
        pub pair_id: String,
        /// Whether the plan waits to be looked at before anything is changed.
        pub preview: bool,
    }
}
