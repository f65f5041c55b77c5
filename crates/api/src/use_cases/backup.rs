//! One backup without a plan.

use keepwell_jobs::{BackupJob, JobRequest, NewJob};

use super::repository;
use crate::convert;
use crate::dto::backup::BackupRun;
use crate::dto::job::JobStarted;
use crate::error::ApiError;
use crate::open::Api;
use crate::path_text;

/// Words a snapshot can be given.
const TAGS_LIMIT: usize = 100;
/// Sources of one backup.
const SOURCES_LIMIT: usize = 1_000;

/// Checks sources; they come back as they are kept.
pub(crate) fn sources(sources: &[String]) -> Result<Vec<String>, ApiError> {
    if sources.is_empty() {
        return Err(ApiError::bad_request("Choose at least one folder to back up."));
    }
    if sources.len() > SOURCES_LIMIT {
        return Err(ApiError::bad_request(format!("A backup has at most {SOURCES_LIMIT} folders.")));
    }
    let mut kept = Vec::with_capacity(sources.len());
    for source in sources {
        let path = path_text::encode(&path_text::bytes_of(&convert::local_path(source)?));
        if !kept.contains(&path) {
            kept.push(path);
        }
    }
    Ok(kept)
}

/// What a backup is called: its folders in a few words.
pub(crate) fn title(sources: &[String], place: &str) -> String {
    let name = |source: &String| {
        let bytes = path_text::decode(source).unwrap_or_default();
        let path = path_text::local_path(&bytes);
        let name = path.file_name().unwrap_or(path.as_os_str()).to_os_string();
        path_text::display(name.as_encoded_bytes())
    };
    match sources {
        [one] => format!("Back up {} to {place}", name(one)),
        [one, other] => format!("Back up {} and {} to {place}", name(one), name(other)),
        [one, rest @ ..] => format!("Back up {} and {} more to {place}", name(one), rest.len()),
        [] => format!("Back up to {place}"),
    }
}

pub(crate) fn backup_run(api: &Api, request: BackupRun) -> Result<JobStarted, ApiError> {
    let sources = sources(&request.sources)?;
    let rules = convert::engine_rules(request.rules.unwrap_or_default())?;
    let tags = request.tags.unwrap_or_default();
    if tags.len() > TAGS_LIMIT || tags.iter().any(|tag| tag.trim().is_empty() || tag.len() > 200) {
        return Err(ApiError::bad_request(format!(
            "A snapshot has at most {TAGS_LIMIT} tags of 1 to 200 letters."
        )));
    }
    let meant = repository::meant(api, request.repository)?;
    let job_id = api.engine.enqueue(NewJob {
        title: title(&sources, &meant.label()),
        request: JobRequest::Backup(BackupJob {
            target: meant.target.clone(),
            sources,
            rules,
            tags,
            plan_id: None,
            confirmed: request.even_if_empty.unwrap_or(false),
        }),
        place_label: meant.label(),
        destination: meant.destination(),
        attachment: meant.attachment(),
    })?;
    Ok(JobStarted { job_id: job_id.to_string() })
}
