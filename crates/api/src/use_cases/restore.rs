//! Bringing files back: a preview is kept under an id, and started as it was shown.
//!
//! What is kept is the question (snapshot, paths, target, mode), not the answer: preview and run decide with the same
//! pure function, and the run looks again right before it writes. Previews are kept for an hour, 50 at most.

use std::collections::VecDeque;
use std::sync::Arc;

use keepwell_backup::restore;
use keepwell_backup::restore_plan::{Action, Operation, Reason, RestoreCounts as Counts};
use keepwell_catalog::random_bytes;
use keepwell_jobs::work::restore_options;
use keepwell_jobs::{JobRequest, NewJob, Overwrite, RestoreJob, RestoreTarget as EngineTarget};
use keepwell_model::{Control, RelativePath, Snapshot};
use keepwell_repository::Repository;

use super::repository::{self, Meant};
use crate::convert;
use crate::dto::job::JobStarted;
use crate::dto::restore::{
    OverwriteMode, RestoreAction, RestoreCounts, RestoreOperation, RestoreOperations, RestoreOperationsGet,
    RestorePreview, RestorePreviewGet, RestoreStart, RestoreTarget,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// How long a preview is kept.
const KEPT_MS: i64 = 3_600_000;
/// Previews that are kept.
const KEPT_LIMIT: usize = 50;
/// Operations shown at first.
const FIRST_OPERATIONS: usize = 100;
/// Paths that can be chosen.
const PATHS_LIMIT: usize = 10_000;

/// Previews by their id, oldest first.
pub(crate) type Previews = VecDeque<(String, Arc<Kept>)>;

/// A preview that can be started.
pub(crate) struct Kept {
    meant: Meant,
    job: RestoreJob,
    expires_ms: i64,
}

fn find(api: &Api, id: &str) -> Result<Arc<Kept>, ApiError> {
    let now_ms = api.now_ms();
    let mut previews = api.previews.lock();
    previews.retain(|(_, kept)| kept.expires_ms > now_ms);
    let kept = previews.iter().find(|(known, _)| known == id).map(|(_, kept)| Arc::clone(kept));
    kept.ok_or_else(|| {
        ApiError::not_found("This preview is too old. Nothing was changed.").hint("Look at a new preview.")
    })
}

fn counts(counts: &Counts) -> RestoreCounts {
    RestoreCounts {
        create: Count(counts.created),
        replace: Count(counts.replaced + counts.updated),
        metadata: Count(counts.metadata_set),
        skip: Count(counts.skipped),
        same: Count(counts.already_right + counts.merged),
        refused: Count(counts.refused),
    }
}

/// A request, with the snapshot it means.
struct Asked {
    meant: Meant,
    repository: Repository,
    snapshot: Arc<Snapshot>,
    job: RestoreJob,
}

fn ask(api: &Api, request: RestorePreviewGet, verify: bool) -> Result<Asked, ApiError> {
    if request.paths.len() > PATHS_LIMIT {
        return Err(ApiError::bad_request(format!(
            "Choose at most {PATHS_LIMIT} files and folders at once."
        )));
    }
    let meant = repository::meant(api, request.repository)?;
    let repository = repository::open_meant(api, &meant)?;
    let (id, snapshot) = repository.find_snapshot(&request.snapshot_id)?;
    let to = match request.target {
        RestoreTarget::Origin => EngineTarget::Origin,
        RestoreTarget::Folder { path } => {
            EngineTarget::Folder(path_text::encode(&path_text::bytes_of(&convert::local_path(&path)?)))
        }
    };
    let overwrite = match request.overwrite {
        OverwriteMode::Never => Overwrite::Never,
        OverwriteMode::IfOlder => Overwrite::IfOlder,
        OverwriteMode::IfDifferent => Overwrite::IfDifferent,
        OverwriteMode::Always => Overwrite::Always,
    };
    let job = RestoreJob {
        target: meant.target.clone(),
        snapshot_id: id.to_string(),
        paths: request.paths,
        to,
        overwrite,
        verify,
    };
    Ok(Asked { meant, repository, snapshot, job })
}

impl Api {
    /// Starts a restore that nobody looked at before: for the command line, where a look is `--dry-run`.
    ///
    /// # Errors
    /// The snapshot or a path can not be found, or too much is waiting.
    pub fn restore_run(&self, request: RestorePreviewGet, verify: bool) -> Result<JobStarted, ApiError> {
        let asked = ask(self, request, verify)?;
        restore_options(&asked.job)?;
        start(self, &asked.meant, asked.job)
    }
}

pub(crate) fn restore_preview(api: &Api, request: RestorePreviewGet) -> Result<RestorePreview, ApiError> {
    let Asked { meant, repository, snapshot, job } = ask(api, request, false)?;
    let options = restore_options(&job)?;
    let found = restore::preview(&repository, &snapshot, &options, 0, FIRST_OPERATIONS, &Control::new())
        .map_err(keepwell_jobs::Fault::from)?;
    let warnings = warnings(api, &snapshot, &job, &found.counts);
    let preview_id = keepwell_jobs::device::hex(&random_bytes::<16>()?);
    let expires_ms = api.now_ms().saturating_add(KEPT_MS);
    let operations =
        found.operations.into_iter().map(|operation| row(operation, &snapshot, &options.target)).collect();
    let mut previews = api.previews.lock();
    if previews.len() >= KEPT_LIMIT {
        previews.pop_front();
    }
    previews.push_back((preview_id.clone(), Arc::new(Kept { meant, job, expires_ms })));
    Ok(RestorePreview {
        preview_id,
        counts: counts(&found.counts),
        write_bytes: Count(found.counts.bytes),
        free_bytes: found.free_bytes.map(Count),
        fits: found.free_bytes.is_none_or(|free| free >= found.counts.bytes),
        operations,
        operations_total: Count(found.operations_total),
        warnings,
        expires_ms: Moment(expires_ms),
    })
}

fn warnings(api: &Api, snapshot: &Snapshot, job: &RestoreJob, counts: &Counts) -> Vec<String> {
    let mut warnings = Vec::new();
    let replaced = counts.replaced + counts.updated;
    if replaced > 0 {
        let what =
            if replaced == 1 { "One file or link".to_owned() } else { format!("{replaced} files or links") };
        warnings.push(format!("{what} at the target will be replaced. What is there now is lost."));
    }
    if counts.refused > 0 {
        warnings.push(format!(
            "{} can not be brought back, because something else is in the way. Each will be told as a problem.",
            counts.refused
        ));
    }
    if job.to == EngineTarget::Origin && snapshot.host != api.options.host {
        warnings.push(format!(
            "This snapshot is from another computer ({}).",
            path_text::display(snapshot.host.as_bytes())
        ));
    }
    if snapshot.system != std::env::consts::OS {
        warnings.push(format!(
            "This snapshot is from {}: rights and attributes may differ here.",
            snapshot.system
        ));
    }
    warnings
}

/// Where an operation happens on this machine.
fn local(path: &[u8], snapshot: &Snapshot, target: &restore::RestoreTarget) -> Vec<u8> {
    let below = |folder: &[u8], rest: &[u8]| {
        let mut bytes = folder.to_vec();
        if !rest.is_empty() {
            if bytes.last() != Some(&b'/') {
                bytes.push(b'/');
            }
            bytes.extend_from_slice(rest);
        }
        bytes
    };
    match target {
        restore::RestoreTarget::Folder(folder) => below(&path_text::bytes_of(folder), path),
        restore::RestoreTarget::Origin => {
            let Ok(path) = RelativePath::parse(path) else { return path.to_vec() };
            let source = snapshot.sources.iter().find_map(|source| {
                let root = RelativePath::parse(&source.root).ok()?;
                path.starts_with(&root).then_some((source, root))
            });
            match source {
                Some((source, root)) => {
                    let rest = path.as_bytes().get(root.as_bytes().len()..).unwrap_or_default();
                    below(&source.path, rest.strip_prefix(b"/").unwrap_or(rest))
                }
                None => path.as_bytes().to_vec(),
            }
        }
    }
}

fn row(operation: Operation, snapshot: &Snapshot, target: &restore::RestoreTarget) -> RestoreOperation {
    let action = match (operation.action, operation.reason) {
        (Action::Create, _) => RestoreAction::Create,
        (Action::Replace | Action::UpdateInPlace, _) => RestoreAction::Replace,
        (Action::SetMetadata, _) => RestoreAction::Metadata,
        (Action::Merge, _) | (Action::Skip, Reason::AlreadyRight) => RestoreAction::Same,
        (Action::Skip, _) => RestoreAction::Skip,
        (Action::Refuse, _) => RestoreAction::Refuse,
    };
    let plain = matches!(operation.reason, Reason::Absent | Reason::AlreadyRight)
        || operation.action == Action::Merge;
    RestoreOperation {
        action,
        path: PathText::new(&local(&operation.path, snapshot, target)),
        entry_type: convert::entry_type(operation.kind),
        size_bytes: Count(if action == RestoreAction::Create || action == RestoreAction::Replace {
            operation.size_bytes
        } else {
            0
        }),
        reason: (!plain).then(|| operation.reason.words().to_owned()),
    }
}

pub(crate) fn restore_operations(
    api: &Api,
    request: RestoreOperationsGet,
) -> Result<RestoreOperations, ApiError> {
    let (offset, limit) = convert::page(request.offset, request.limit)?;
    let kept = find(api, &request.preview_id)?;
    let repository = repository::open_meant(api, &kept.meant)?;
    let (_, snapshot) = repository.find_snapshot(&kept.job.snapshot_id)?;
    let options = restore_options(&kept.job)?;
    let found = restore::preview(&repository, &snapshot, &options, offset as u64, limit, &Control::new())
        .map_err(keepwell_jobs::Fault::from)?;
    Ok(RestoreOperations {
        operations: found
            .operations
            .into_iter()
            .map(|operation| row(operation, &snapshot, &options.target))
            .collect(),
        total: Count(found.operations_total),
    })
}

pub(crate) fn restore_start(api: &Api, request: RestoreStart) -> Result<JobStarted, ApiError> {
    let kept = find(api, &request.preview_id)?;
    start(api, &kept.meant, RestoreJob { verify: request.verify, ..kept.job.clone() })
}

fn start(api: &Api, meant: &Meant, job: RestoreJob) -> Result<JobStarted, ApiError> {
    let label = meant.label();
    let what = match job.paths.as_slice() {
        [] => "everything".to_owned(),
        [one] => {
            let bytes = path_text::decode(one)?;
            path_text::display(bytes.rsplit(|byte| *byte == b'/').next().unwrap_or(&bytes))
        }
        many => format!("{} items", many.len()),
    };
    let job_id = api.engine.enqueue(NewJob {
        request: JobRequest::Restore(job),
        title: format!("Bring back {what} from {label}"),
        place_label: label,
        destination: meant.destination(),
        attachment: meant.attachment(),
    })?;
    Ok(JobStarted { job_id: job_id.to_string() })
}
