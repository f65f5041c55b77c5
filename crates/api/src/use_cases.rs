//! What each command does: one function per command, one file per noun.
//!
//! Invariants: a request is checked before anything is changed; nothing here knows which host asks. Deliberately not
//! here: the work of jobs (`jobs`), and looking into trees (`diff`, `find`, `preview`).

pub(crate) mod app;
pub(crate) mod backup;
pub(crate) mod folder;
pub(crate) mod job;
pub(crate) mod place;
pub(crate) mod plan;
pub(crate) mod replica;
pub(crate) mod repository;
pub(crate) mod restore;
pub(crate) mod server;
pub(crate) mod snapshot;
pub(crate) mod sync;
pub(crate) mod sync_ask;
pub(crate) mod sync_bin;
pub(crate) mod sync_conflict;
pub(crate) mod sync_folders;
pub(crate) mod sync_hub;
pub(crate) mod sync_plan;
pub(crate) mod sync_rules;
pub(crate) mod sync_save;

pub(crate) use app::{app_info, settings_get, settings_set};
pub(crate) use backup::backup_run;
pub(crate) use folder::{folder_list, folder_suggestions};
pub(crate) use job::{
    job_cancel, job_changes, job_confirm, job_get, job_list, job_log, job_pause, job_pause_all, job_problems,
    job_receipt, job_resume, job_resume_all, job_retry,
};
pub(crate) use place::{place_check, place_forget, place_get, place_list, place_rename};
pub(crate) use plan::{
    first_run_skip, first_run_start, plan_get, plan_list, plan_remove, plan_run, plan_save, scheduler_status,
};
pub(crate) use replica::{replica_list, replica_remove, replica_run, replica_save, repository_replicate};
pub(crate) use repository::{
    repository_add, repository_create, repository_info, repository_key_add, repository_key_remove,
    repository_keys,
};
pub(crate) use restore::{restore_operations, restore_preview, restore_start};
pub(crate) use server::{server_accept, server_forget, server_look};
pub(crate) use snapshot::{
    file_preview, file_versions, snapshot_diff, snapshot_files, snapshot_find, snapshot_list,
};
pub(crate) use sync::{sync_hold, sync_pair, sync_pair_pause, sync_pair_remove, sync_pairs, sync_run};
pub(crate) use sync_bin::{sync_bin, sync_bin_remove, sync_bin_restore, sync_runs, sync_undo};
pub(crate) use sync_conflict::{sync_conflict, sync_conflicts, sync_merge, sync_resolve};
pub(crate) use sync_folders::sync_folders;
pub(crate) use sync_hub::{sync_hub_change, sync_hub_remove, sync_hub_run, sync_hub_save};
pub(crate) use sync_plan::{sync_apply, sync_choose, sync_plan};
pub(crate) use sync_rules::{sync_shared_rules, sync_shared_rules_save};
pub(crate) use sync_save::sync_pair_save;
