//! `keepwell backup run --repository PATH SOURCE…`

use keepwell_api::dto::backup::{self, BackupRules};
use keepwell_api::dto::job::{Job, JobState};
use keepwell_api::{ApiError, Commands, ErrorCode};

use crate::arguments::{BackupRun, Rules};
use crate::context::Context;
use crate::ending::Ending;
use crate::follow::{fact, follow, took};
use crate::output::{self, number, size};
use crate::paths;

/// The largest file of patterns.
const PATTERNS_LIMIT_BYTES: u64 = 4 << 20;

pub fn run(context: &Context, arguments: BackupRun) -> Result<Ending, ApiError> {
    let rules = rules(arguments.rules)?;
    let repository = context.repository(&arguments.repository)?;
    let started = context.api.backup_run(backup::BackupRun {
        repository,
        sources: arguments.sources.iter().map(|source| paths::local(source)).collect(),
        rules: Some(rules),
        tags: Some(arguments.tag),
        even_if_empty: Some(arguments.even_if_empty),
    })?;
    let (job, ending) = follow(context, &started.job_id)?;
    if ending == Ending::Halted {
        output::note("  Next: look at the source. If it is meant to be empty, add --even-if-empty.");
    }
    if !context.json {
        print(&job);
    }
    Ok(ending)
}

/// Says what a backup did.
pub fn print(job: &Job) {
    let Some(id) = job.result.as_ref().and_then(|result| result.snapshot_id.as_ref()) else { return };
    if !matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems) {
        return;
    }
    let short: String = id.chars().take(8).collect();
    output::line(format!("Snapshot {short} made in {}.", took(job)));
    output::line(output::facts(&[
        (
            "Files",
            format!(
                "{} ({} new, {} changed, {} unchanged)",
                number(fact(job, "files")),
                number(fact(job, "filesNew")),
                number(fact(job, "filesChanged")),
                number(fact(job, "filesUnchanged"))
            ),
        ),
        ("Size", size(fact(job, "sizeBytes"))),
        (
            "New data",
            format!("{}, stored as {}", size(fact(job, "addedBytes")), size(fact(job, "storedBytes"))),
        ),
    ]));
}

/// The rules of the arguments.
pub fn rules(rules: Rules) -> Result<BackupRules, ApiError> {
    let mut exclude = rules.exclude;
    for path in &rules.exclude_file {
        let shown = path.display().to_string();
        let unreadable = |why: String| {
            ApiError::new(ErrorCode::NotFound, format!("The patterns in {shown} can not be read: {why}."))
                .hint("Check the path.")
        };
        let found = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?;
        if found.len() > PATTERNS_LIMIT_BYTES {
            return Err(unreadable("it is larger than 4 MiB".to_owned()));
        }
        let text = std::fs::read_to_string(path).map_err(|error| unreadable(error.to_string()))?;
        exclude.extend(
            text.lines().map(str::to_owned).filter(|line| !line.trim().is_empty() && !line.starts_with('#')),
        );
    }
    Ok(BackupRules {
        exclude,
        exclude_caches: rules.exclude_caches,
        max_file_bytes: rules.exclude_larger_than,
        one_file_system: rules.one_file_system,
    })
}
