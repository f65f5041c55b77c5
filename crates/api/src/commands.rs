//! The one table of commands: every host serves exactly these.
//!
//! The table makes the trait [`Commands`] (so a command that is not implemented does not compile), [`dispatch`] from
//! name and JSON to JSON, the list of names, and the TypeScript side. Invariant: there is no second list anywhere.
//! Deliberately not here: what the commands do (`use_cases`), and how a host carries them.

use serde_json::Value;

use crate::dto::app::{AppInfo, Settings, SettingsSet};
use crate::dto::backup::BackupRun;
use crate::dto::folder::{FolderList, FolderListing, FolderSuggestions};
use crate::dto::job::{
    Job, JobChanges, JobChangesGet, JobGet, JobList, JobPage, JobPart, JobStarted, LogPage, ProblemPage,
    Receipt,
};
use crate::dto::place::{Place, PlaceCheck, PlaceForget, PlaceGet, PlaceList, PlaceListGet, PlaceRename};
use crate::dto::plan::{
    FirstRunStart, FirstRunStarted, Plan, PlanGet, PlanList, PlanRemove, PlanRun, PlanSave, SchedulerStatus,
};
use crate::dto::replica::{
    Replica, ReplicaGet, ReplicaList, ReplicaListGet, ReplicaRun, ReplicaSave, RepositoryReplicate,
};
use crate::dto::repository::{
    RepositoryAdd, RepositoryCreate, RepositoryCreated, RepositoryInfo, RepositoryInfoGet, RepositoryKeyAdd,
    RepositoryKeyAdded, RepositoryKeyRemove, RepositoryKeys,
};
use crate::dto::restore::{
    RestoreOperations, RestoreOperationsGet, RestorePreview, RestorePreviewGet, RestoreStart,
};
use crate::dto::server::{ServerAccept, ServerForget, ServerForgotten, ServerLook, ServerSeen};
use crate::dto::snapshot::{
    DiffPage, EntryPage, FilePreview, FilePreviewGet, FileVersions, FileVersionsGet, FindPage, SnapshotDiff,
    SnapshotFiles, SnapshotFind, SnapshotList, SnapshotPage,
};
use crate::dto::sync::{
    SyncFolders, SyncFoldersGet, SyncGroupGet, SyncHold, SyncHubChange, SyncHubSave, SyncPair, SyncPairGet,
    SyncPairPause, SyncPairSave, SyncPairs, SyncRun,
};
use crate::dto::sync_bin::{
    SyncBinGet, SyncBinPage, SyncBinRemove, SyncBinRestore, SyncRunPage, SyncRunsGet, SyncUndo,
};
use crate::dto::sync_conflict::{
    SyncConflictGet, SyncConflictPage, SyncConflictView, SyncConflictsGet, SyncMerge, SyncResolve,
    SyncResolved,
};
use crate::dto::sync_plan::{SyncApply, SyncChoose, SyncChosen, SyncPlanGet, SyncPlanPage};
use crate::dto::sync_rules::{SyncSharedRules, SyncSharedRulesSave};
use crate::dto::{Done, Nothing};
use crate::error::{ApiError, ErrorCode};

macro_rules! commands {
    ($($(#[doc = $comment:literal])* $method:ident $name:literal ($request:ty) -> $answer:ty;)*) => {
        /// What every host serves, one method per command.
        pub trait Commands {
            $(
                $(#[doc = $comment])*
                ///
                /// # Errors
                /// As the command says, in an [`ApiError`].
                fn $method(&self, request: $request) -> Result<$answer, ApiError>;
            )*
        }

        impl Commands for crate::Api {
            $(
                fn $method(&self, request: $request) -> Result<$answer, ApiError> {
                    crate::use_cases::$method(self, request)
                }
            )*
        }

        /// The names of all commands, in the order of the table.
        pub const NAMES: &[&str] = &[$($name),*];

        /// Runs a command by its name. Blocks until it is done: call it off the threads that must stay free.
        ///
        /// # Errors
        /// The command's own error; `badRequest` for an unknown name or a request that is not what the command takes.
        pub fn dispatch(commands: &impl Commands, name: &str, request: Value) -> Result<Value, ApiError> {
            match name {
                $($name => answer(name, commands.$method(read(name, request)?)?),)*
                _ => Err(ApiError::bad_request(format!("There is no command named \"{name}\"."))),
            }
        }

        /// Calls the visitor with every command: its name, its comment, its request and its answer.
        #[cfg(test)]
        pub(crate) fn visit(visitor: &mut impl Visitor) {
            $(visitor.command::<$request, $answer>($name, concat!($($comment),*).trim());)*
        }
    };
}

/// Sees every command with its types.
#[cfg(test)]
pub(crate) trait Visitor {
    /// One command.
    fn command<Request: ts_rs::TS + 'static, Answer: ts_rs::TS + 'static>(
        &mut self,
        name: &str,
        comment: &str,
    );
}

commands! {
    /// What the program is, where its state is, whether the first questions are due.
    app_info "app.info" (Nothing) -> AppInfo;
    /// The settings.
    settings_get "settings.get" (Nothing) -> Settings;
    /// Replaces the settings.
    settings_set "settings.set" (SettingsSet) -> Settings;

    /// Folders worth protecting and drives copies may go to.
    folder_suggestions "folder.suggestions" (Nothing) -> FolderSuggestions;
    /// The folders in a folder of this machine.
    folder_list "folder.list" (FolderList) -> FolderListing;

    /// Makes repository, place and plan from three answers and starts the first backup.
    first_run_start "firstRun.start" (FirstRunStart) -> FirstRunStarted;
    /// The person does not want the questions now.
    first_run_skip "firstRun.skip" (Nothing) -> Done;

    /// Makes a new repository and its place.
    repository_create "repository.create" (RepositoryCreate) -> RepositoryCreated;
    /// Adds a repository that exists as a place.
    repository_add "repository.add" (RepositoryAdd) -> Place;
    /// What a repository says about itself.
    repository_info "repository.info" (RepositoryInfoGet) -> RepositoryInfo;
    /// The passwords and recovery keys that open it.
    repository_keys "repository.keys" (RepositoryInfoGet) -> RepositoryKeys;
    /// Adds a password or makes a recovery key.
    repository_key_add "repository.keyAdd" (RepositoryKeyAdd) -> RepositoryKeyAdded;
    /// Takes a password or recovery key out of use.
    repository_key_remove "repository.keyRemove" (RepositoryKeyRemove) -> Done;

    /// Keeps a repository a second time somewhere, now.
    repository_replicate "repository.replicate" (RepositoryReplicate) -> JobStarted;

    /// The second places repositories are kept in.
    replica_list "replica.list" (ReplicaListGet) -> ReplicaList;
    /// Makes or changes a replica; nothing is copied yet.
    replica_save "replica.save" (ReplicaSave) -> Replica;
    /// Forgets a replica; what is in the second place stays.
    replica_remove "replica.remove" (ReplicaGet) -> Done;
    /// Runs a replica now.
    replica_run "replica.run" (ReplicaRun) -> JobStarted;

    /// All places, with their health if asked for.
    place_list "place.list" (PlaceListGet) -> PlaceList;
    /// One place with its health.
    place_get "place.get" (PlaceGet) -> Place;
    /// Gives a place another name.
    place_rename "place.rename" (PlaceRename) -> Place;
    /// Forgets a place; deletes nothing there.
    place_forget "place.forget" (PlaceForget) -> Done;
    /// Starts a check.
    place_check "place.check" (PlaceCheck) -> JobStarted;

    /// Looks which key the server at an address shows.
    server_look "server.look" (ServerLook) -> ServerSeen;
    /// Accepts the key a person saw, of a server of which none is known.
    server_accept "server.accept" (ServerAccept) -> Done;
    /// Takes back what was accepted of a server.
    server_forget "server.forget" (ServerForget) -> ServerForgotten;

    /// All plans.
    plan_list "plan.list" (Nothing) -> PlanList;
    /// One plan.
    plan_get "plan.get" (PlanGet) -> Plan;
    /// Makes or changes a plan.
    plan_save "plan.save" (PlanSave) -> Plan;
    /// Removes a plan; its snapshots stay.
    plan_remove "plan.remove" (PlanRemove) -> Done;
    /// Runs a plan now.
    plan_run "plan.run" (PlanRun) -> JobStarted;
    /// What the scheduler is about to do.
    scheduler_status "scheduler.status" (Nothing) -> SchedulerStatus;

    /// Starts one backup without a plan.
    backup_run "backup.run" (BackupRun) -> JobStarted;

    /// Snapshots, newest first.
    snapshot_list "snapshot.list" (SnapshotList) -> SnapshotPage;
    /// One folder of a snapshot.
    snapshot_files "snapshot.files" (SnapshotFiles) -> EntryPage;
    /// What differs between two snapshots.
    snapshot_diff "snapshot.diff" (SnapshotDiff) -> DiffPage;
    /// Names in all snapshots.
    snapshot_find "snapshot.find" (SnapshotFind) -> FindPage;
    /// Every version of one path.
    file_versions "file.versions" (FileVersionsGet) -> FileVersions;
    /// The start of a file, or a small picture.
    file_preview "file.preview" (FilePreviewGet) -> FilePreview;

    /// What a restore would do.
    restore_preview "restore.preview" (RestorePreviewGet) -> RestorePreview;
    /// More of what it would do.
    restore_operations "restore.operations" (RestoreOperationsGet) -> RestoreOperations;
    /// Starts the very plan that was shown.
    restore_start "restore.start" (RestoreStart) -> JobStarted;

    /// All pairs of places kept in step.
    sync_pairs "sync.pairs" (Nothing) -> SyncPairs;
    /// One pair.
    sync_pair "sync.pair" (SyncPairGet) -> SyncPair;
    /// Makes or changes a pair.
    sync_pair_save "sync.pairSave" (SyncPairSave) -> SyncPair;
    /// The folders in a folder of two places, to choose from.
    sync_folders "sync.folders" (SyncFoldersGet) -> SyncFolders;
    /// The rules of what is left out that lie in the places of a pair.
    sync_shared_rules "sync.sharedRules" (SyncPairGet) -> SyncSharedRules;
    /// Writes them to both places.
    sync_shared_rules_save "sync.sharedRulesSave" (SyncSharedRulesSave) -> SyncSharedRules;
    /// Forgets a pair; both places stay as they are.
    sync_pair_remove "sync.pairRemove" (SyncPairGet) -> Done;
    /// Holds a pair, or lets it go on.
    sync_pair_pause "sync.pairPause" (SyncPairPause) -> SyncPair;
    /// Holds all pairs, or those of a hub, or lets them go on.
    sync_hold "sync.hold" (SyncHold) -> SyncPairs;
    /// Makes several pairs with the same first place, or adds places to such a hub.
    sync_hub_save "sync.hubSave" (SyncHubSave) -> SyncPairs;
    /// Changes how pairs of a hub work, all at once or none.
    sync_hub_change "sync.hubChange" (SyncHubChange) -> SyncPairs;
    /// Runs all pairs of a hub now.
    sync_hub_run "sync.hubRun" (SyncGroupGet) -> SyncPairs;
    /// Forgets all pairs of a hub; all places stay as they are.
    sync_hub_remove "sync.hubRemove" (SyncGroupGet) -> Done;
    /// Runs a pair now, or looks first.
    sync_run "sync.run" (SyncRun) -> JobStarted;
    /// Rows of the plan of a run that waits.
    sync_plan "sync.plan" (SyncPlanGet) -> SyncPlanPage;
    /// Skips rows of the plan, turns them round, or takes that back.
    sync_choose "sync.choose" (SyncChoose) -> SyncChosen;
    /// Lets a run that waits go on.
    sync_apply "sync.apply" (SyncApply) -> Job;
    /// What waits for a decision.
    sync_conflicts "sync.conflicts" (SyncConflictsGet) -> SyncConflictPage;
    /// One conflict, both sides of it.
    sync_conflict "sync.conflict" (SyncConflictGet) -> SyncConflictView;
    /// Decides conflicts, and runs the pair.
    sync_resolve "sync.resolve" (SyncResolve) -> SyncResolved;
    /// Merges the changes of both texts of a conflict into one, and runs the pair.
    sync_merge "sync.merge" (SyncMerge) -> SyncResolved;
    /// What sync replaced or removed and still keeps.
    sync_bin "sync.bin" (SyncBinGet) -> SyncBinPage;
    /// Brings things back from the bin, as a run of its own.
    sync_bin_restore "sync.binRestore" (SyncBinRestore) -> JobStarted;
    /// Removes things from the bin for good.
    sync_bin_remove "sync.binRemove" (SyncBinRemove) -> JobStarted;
    /// The runs of a pair that changed something.
    sync_runs "sync.runs" (SyncRunsGet) -> SyncRunPage;
    /// Undoes a whole run, and pauses the pair so that the next one is looked at first.
    sync_undo "sync.undo" (SyncUndo) -> JobStarted;

    /// Jobs, newest first.
    job_list "job.list" (JobList) -> JobPage;
    /// One job.
    job_get "job.get" (JobGet) -> Job;
    /// Waits for changes of jobs; the whole picture first.
    job_changes "job.changes" (JobChangesGet) -> JobChanges;
    /// Stops a job.
    job_cancel "job.cancel" (JobGet) -> Job;
    /// Holds a job.
    job_pause "job.pause" (JobGet) -> Job;
    /// Lets a held job go on.
    job_resume "job.resume" (JobGet) -> Job;
    /// Holds every job of this process.
    job_pause_all "job.pauseAll" (Nothing) -> Done;
    /// Lets every held job go on.
    job_resume_all "job.resumeAll" (Nothing) -> Done;
    /// Lets a halted job go on although its brake was pulled.
    job_confirm "job.confirm" (JobGet) -> Job;
    /// Asks for the same work again, as a new job.
    job_retry "job.retry" (JobGet) -> JobStarted;
    /// The problems of a job.
    job_problems "job.problems" (JobPart) -> ProblemPage;
    /// The log of a job.
    job_log "job.log" (JobPart) -> LogPage;
    /// The signed receipt of a finished job.
    job_receipt "job.receipt" (JobGet) -> Receipt;
}

/// Reads a request; `null` is an empty one.
fn read<Request: serde::de::DeserializeOwned>(name: &str, request: Value) -> Result<Request, ApiError> {
    let request = if request.is_null() { Value::Object(serde_json::Map::new()) } else { request };
    serde_json::from_value(request)
        .map_err(|error| ApiError::bad_request(format!("{name} does not take this request: {error}.")))
}

/// Writes an answer.
fn answer<Answer: serde::Serialize>(name: &str, answer: Answer) -> Result<Value, ApiError> {
    serde_json::to_value(answer).map_err(|error| {
        ApiError::new(ErrorCode::Failed, format!("the answer of {name} can not be written: {error}"))
    })
}

#[cfg(test)]
#[path = "typescript_tests.rs"]
mod typescript_tests;
