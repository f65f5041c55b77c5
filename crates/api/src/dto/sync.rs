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
        /// The last look at both sides found or left them in step, and nothing is known to have happened since.
        InStep,
        /// They are known to differ, or nobody looked since something that makes them differ: `differs` says what.
        NotInStep,
        /// In step but for items that had problems.
        Problems,
        /// Conflicts wait for a decision; the rest is in step but for problems the last look had.
        Conflicts,
        /// A run waits for its turn.
        Waiting,
        /// A run is looking or copying.
        Running,
        /// A preview waits to be applied.
        Preview,
        /// A safety brake asks a person, or held the last run and that was given up.
        Halted,
        /// The last run could not be done.
        Failed,
        /// The last run was stopped by a person.
        Stopped,
    }

    /// Why both sides are not known to be in step.
    pub enum SyncDiffers {
        /// A run was undone.
        Undone,
        /// Items were brought back from the bin.
        BroughtBack,
        /// The last run left items for the next one.
        LeftOver,
        /// A preview found changes that were not carried over.
        Planned,
        /// How the pair works was changed, and nobody looked since.
        SettingsChanged,
        /// The hub changed, and that was not carried over yet.
        HubChanged,
        /// Conflicts were decided, and that was not carried out yet.
        Decided,
        /// What both sides last agreed on is lost.
        BaseLost,
    }

    /// Whether changes are noticed as they happen.
    pub enum SyncLive {
        /// The pair is not live.
        Off,
        /// Changes are noticed as they happen, by this process or another.
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
        /// Files that changed less long ago than this are left out, until they are that old.
        pub min_age_minutes: Option<u32>,
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
        /// So much stays free in each place.
        pub reserve_bytes: Count,
    }

    /// How long what a run replaces or removes is kept.
    pub struct SyncBinLimits {
        /// Everything of so many days.
        pub keep_all_days: u32,
        /// One version a day for so many days.
        pub keep_daily_days: u32,
        /// One version a week for so many days.
        pub keep_weekly_days: u32,
        /// The oldest go where the bin of one place is larger than this; never those of the days of which all is kept.
        pub limit_bytes: Option<Count>,
    }

    /// Hours with a limit of their own. One that ends before it begins goes over midnight.
    pub struct SyncWindow {
        /// The days it begins on, 1 Monday to 7 Sunday; none means every day.
        pub weekdays: Vec<u8>,
        /// When it begins: minutes after midnight, local time.
        pub from_minutes: u16,
        /// When it ends.
        pub to_minutes: u16,
        /// Bytes a second; nothing means no limit.
        pub bytes_per_second: Option<Count>,
    }

    /// How much of the line a pair may use.
    pub struct SyncBandwidth {
        /// Bytes a second where no window says otherwise; nothing means no limit.
        pub usual_bytes_per_second: Option<Count>,
        /// Hours with a limit of their own; the first that fits counts.
        pub windows: Vec<SyncWindow>,
    }

    /// Several pairs with the same first place, their hub.
    pub struct SyncGroup {
        /// Its id.
        pub id: String,
        /// What the person calls it.
        pub name: String,
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
        /// Whether permissions are carried over, where both places keep them.
        pub modes: bool,
        /// Whether extended attributes are carried over, where both places keep them.
        pub attributes: bool,
        /// What is left out.
        pub rules: SyncRules,
        /// When it halts.
        pub brakes: SyncBrakeLimits,
        /// How long what it replaces or removes is kept.
        pub bin: SyncBinLimits,
        /// How much of the line it may use.
        pub bandwidth: SyncBandwidth,
        /// The hub it belongs to, if it does.
        pub group: Option<SyncGroup>,
        /// When it runs by itself.
        pub schedule: Schedule,
        /// Whether changes are to be noticed as they happen.
        pub live: bool,
        /// Whether the person paused it, apart from all others.
        pub paused: bool,
        /// How it stands.
        pub state: SyncState,
        /// Why it is not known to be in step, where the state says so.
        pub differs: Option<SyncDiffers>,
        /// Problems the last look at both sides had.
        pub problems: Count,
        /// Whether changes are noticed as they happen now.
        pub watched: SyncLive,
        /// Conflicts that wait for a decision; one that is decided waits for the next run alone.
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
        /// Whether the person holds all pairs, whatever each is by itself.
        pub all_paused: bool,
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
        /// Whether permissions are carried over; at first they are.
        pub modes: Option<bool>,
        /// Whether extended attributes are carried over; at first they are.
        pub attributes: Option<bool>,
        /// What is left out.
        pub rules: Option<SyncRules>,
        /// When it halts.
        pub brakes: Option<SyncBrakeLimits>,
        /// How long what it replaces or removes is kept.
        pub bin: Option<SyncBinLimits>,
        /// How much of the line it may use.
        pub bandwidth: Option<SyncBandwidth>,
        /// When it runs by itself.
        pub schedule: Option<Schedule>,
        /// Whether changes are to be noticed as they happen.
        pub live: Option<bool>,
    }

    /// One more place of a hub.
    pub struct SyncHubPlace {
        /// Where it is.
        pub place: String,
        /// What opens it.
        pub access: Option<SyncAccess>,
    }

    /// Makes several pairs with the same first place, their hub; changes go both ways.
    pub struct SyncHubSave {
        /// The hub that gets more places; nothing makes a new one.
        pub group_id: Option<String>,
        /// What to call a new hub; nothing names it after its place.
        pub name: Option<String>,
        /// The hub (`left`), its first other place (`right`), and how all of the pairs work.
        pub pair: SyncPairSave,
        /// The other places.
        pub more: Vec<SyncHubPlace>,
    }

    /// Changes how pairs of a hub work, all at once or none.
    pub struct SyncHubChange {
        /// The hub.
        pub group_id: String,
        /// Another name for it.
        pub name: Option<String>,
        /// Its pairs that change, each as it is to be; their places stay.
        pub pairs: Vec<SyncPairSave>,
    }

    /// Names a hub.
    pub struct SyncGroupGet {
        /// Its id.
        pub group_id: String,
    }

    /// Holds several pairs, or lets them go on.
    pub struct SyncHold {
        /// The pairs of this hub, each of them; nothing holds all pairs there are as a whole, and leaves what each is by
        /// itself.
        pub group_id: Option<String>,
        /// Whether they are held.
        pub paused: bool,
    }

    /// The folders in a folder of two places.
    pub struct SyncFoldersGet {
        /// The first place.
        pub left: String,
        /// The second place.
        pub right: String,
        /// What opens the first place; kept for as long as the program runs.
        pub left_access: Option<SyncAccess>,
        /// What opens the second place.
        pub right_access: Option<SyncAccess>,
        /// The folder, as a path below the root; nothing is the root.
        pub folder: Option<String>,
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

dto! {
    /// A folder that one or both places have.
    pub struct SyncFolder {
        /// Its path below the root, as `SyncRules.folders` takes it.
        pub path: String,
        /// Its name, for people.
        pub name: String,
        /// Whether the first place has it.
        pub in_left: bool,
        /// Whether the second place has it.
        pub in_right: bool,
    }

    /// The folders in a folder of two places.
    pub struct SyncFolders {
        /// By name.
        pub folders: Vec<SyncFolder>,
        /// Whether there are more than are listed.
        pub truncated: bool,
        /// Why the first place could not be looked into.
        pub left_error: Option<ApiError>,
        /// Why the second place could not be looked into.
        pub right_error: Option<ApiError>,
    }
}

impl Default for SyncBrakeLimits {
    /// Those of a new pair.
    fn default() -> Self {
        crate::sync_words::brakes(keepwell_sync::policy::BrakeLimits::default())
    }
}

impl Default for SyncBinLimits {
    /// Those of a new pair.
    fn default() -> Self {
        crate::sync_words::bin(&keepwell_sync::pair::BinSpec::default())
    }
}

impl Default for SyncRules {
    /// Nothing is left out.
    fn default() -> Self {
        crate::sync_words::rules(&keepwell_sync::pair::FilterSpec::default())
    }
}

impl Default for SyncBandwidth {
    /// No limit.
    fn default() -> Self {
        Self { usual_bytes_per_second: None, windows: Vec::new() }
    }
}
