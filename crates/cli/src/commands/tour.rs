//! `keepwell tour`: a real run on a sample folder, in a state of its own, with every step shown.
//!
//! Nothing is pretended: each step is the same call the other commands make, and the last ones prove the result byte by
//! byte. Nothing outside the tour's folder is read or written.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use keepwell_api::dto::backup::BackupRun;
use keepwell_api::dto::job::Job;
use keepwell_api::dto::place::{CheckLevel, PlaceCheck};
use keepwell_api::dto::repository::{RepositoryAddress, RepositoryCreate, RepositoryInfoGet};
use keepwell_api::dto::restore::{OverwriteMode, RestorePreviewGet, RestoreTarget};
use keepwell_api::dto::snapshot::{FileVersionsGet, SnapshotDiff, SnapshotList};
use keepwell_api::logs::LogsOptions;
use keepwell_api::{Api, ApiError, Commands, ErrorCode, OpenOptions};
use serde::Serialize;

use super::tour_sample;
use crate::arguments::Tour;
use crate::ending::Ending;
use crate::follow::{fact, took};
use crate::interrupt::Cancels;
use crate::output::{self, number, size};
use crate::paths;

/// What the tour ends with.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Facts {
    snapshots: u64,
    sample_bytes: u64,
    stored_bytes: u64,
    compared_files: usize,
    differences: usize,
    problems: u64,
    folder: Option<String>,
}

/// The tour on its way.
struct Guide {
    api: Arc<Api>,
    place_id: String,
    sample: PathBuf,
    quiet: bool,
    step: u32,
    problems: u64,
}

pub fn run(arguments: &Tour, json: bool, verbose: bool) -> Result<Ending, ApiError> {
    let room = tempfile::Builder::new().prefix("keepwell-tour-").tempdir().map_err(|error| failed(&error))?;
    let path = room.path().canonicalize().map_err(|error| failed(&error))?;
    let options = OpenOptions {
        home: path.join("state"),
        keyring: keepwell_api::open::KeyringChoice::File,
        label: "the tour".to_owned(),
        schedules: false,
        logs: Some(LogsOptions { show: verbose }),
        ..OpenOptions::from_environment()
    };
    let api = Arc::new(Api::open(options)?);
    let facts = walk(&api, &path, json);
    api.stop();
    let mut facts = facts?;
    if arguments.keep {
        facts.folder = Some(room.keep().display().to_string());
    }
    let ending = if facts.differences == 0 && facts.problems == 0 { Ending::Done } else { Ending::Failed };
    if json {
        output::json(&facts)?;
        return Ok(ending);
    }
    output::line("");
    output::line(match ending {
        Ending::Done => "The tour is over. The facts:",
        _ => "The tour found something wrong. The facts:",
    });
    let mut rows = vec![
        ("Snapshots", facts.snapshots.to_string()),
        ("Sample", size(facts.sample_bytes.into())),
        ("Both snapshots stored in", size(facts.stored_bytes.into())),
        ("Compared byte by byte", format!("{} files and folders", facts.compared_files)),
        ("Differences", facts.differences.to_string()),
        ("Problems", facts.problems.to_string()),
    ];
    if let Some(folder) = &facts.folder {
        rows.push(("Left for you in", folder.clone()));
    }
    output::line(output::facts(&rows));
    if ending == Ending::Done {
        output::line("");
        output::line("Now with your own files:");
        output::line("  keepwell repository init /path/to/drive/backup");
        output::line("  keepwell backup run --repository /path/to/drive/backup ~/Documents");
    }
    Ok(ending)
}

fn failed(error: &std::io::Error) -> ApiError {
    ApiError::new(ErrorCode::Failed, format!("The tour's folder can not be used: {error}."))
        .hint("Check that the folder for temporary files is writable and has space.")
}

fn walk(api: &Arc<Api>, room: &Path, quiet: bool) -> Result<Facts, ApiError> {
    let sample = room.join("My files");
    tour_sample::make(&sample).map_err(|error| failed(&error))?;
    let before = tour_sample::content(&sample).map_err(|error| failed(&error))?;
    let sample_bytes = before.values().flatten().map(|bytes| bytes.len() as u64).sum();
    let repository = room.join("repository");
    let created = api.repository_create(RepositoryCreate {
        path: paths::local(&repository),
        password: None,
        label: None,
        access: None,
    })?;
    let mut guide =
        Guide { api: Arc::clone(api), place_id: created.place.id, sample, quiet, step: 0, problems: 0 };
    guide.say(
        "A sample folder and a repository are made",
        &format!("{} files and folders, {}", before.len(), size(u64::into(sample_bytes))),
    );
    guide.tell(&format!("The repository is encrypted. Its printable recovery key: {}", created.recovery_key));

    let first = guide.back_up("First backup")?;
    tour_sample::change(&guide.sample).map_err(|error| failed(&error))?;
    guide.say("A day's work", "one letter is changed, one written, one thrown away");
    let second = guide.back_up("Second backup: only what changed is read and stored")?;
    guide.compare_snapshots(&first, &second)?;

    tour_sample::break_it(&guide.sample).map_err(|error| failed(&error))?;
    guide.say("An accident", "accounts.csv is overwritten, the folder photos is gone");
    guide.bring_back(&second, RestoreTarget::Origin, "Everything is brought back to where it was")?;
    let repaired = room.join("first day");
    let target = RestoreTarget::Folder { path: paths::local(&repaired) };
    guide.bring_back(&first, target, "The first day is brought back beside it")?;

    let found = tour_sample::content(&repaired.join("My files")).map_err(|error| failed(&error))?;
    let differences = before.iter().filter(|(name, content)| found.get(*name) != Some(*content)).count()
        + found.keys().filter(|name| !before.contains_key(*name)).count();
    guide.say(
        "Compared byte by byte with the first day",
        &format!("{} files and folders, {differences} differences", before.len()),
    );
    guide.check()?;

    let info = api.repository_info(RepositoryInfoGet { repository: guide.address() })?;
    Ok(Facts {
        snapshots: info.snapshots.0,
        sample_bytes,
        stored_bytes: info.stored_bytes.0,
        compared_files: before.len(),
        differences,
        problems: guide.problems,
        folder: None,
    })
}

impl Guide {
    fn address(&self) -> RepositoryAddress {
        RepositoryAddress { place_id: Some(self.place_id.clone()), path: None, password: None }
    }

    /// Names a step and its result.
    fn say(&mut self, what: &str, result: &str) {
        self.step += 1;
        if !self.quiet {
            output::line(format!("{:2}. {what}", self.step));
            self.tell(result);
        }
    }

    /// Says more of the step.
    fn tell(&self, more: &str) {
        if !self.quiet {
            output::line(format!("    {more}"));
        }
    }

    /// Waits for a job; anything but success ends the tour.
    fn finish(&mut self, job_id: &str) -> Result<Job, ApiError> {
        let _cancels = Cancels::job(&self.api, job_id);
        let job = self.api.job_wait(job_id)?;
        self.problems += job.problems.0;
        match Ending::of_job(&job) {
            Ending::Done | Ending::Problems => Ok(job),
            Ending::Cancelled => Err(ApiError::new(ErrorCode::Cancelled, "The tour was cancelled.")),
            _ => Err(job
                .error
                .unwrap_or_else(|| ApiError::new(ErrorCode::Failed, "A step of the tour failed."))),
        }
    }

    /// Makes a snapshot; its id.
    fn back_up(&mut self, what: &str) -> Result<String, ApiError> {
        let started = self.api.backup_run(BackupRun {
            repository: self.address(),
            sources: vec![paths::local(&self.sample)],
            rules: None,
            tags: None,
            even_if_empty: None,
        })?;
        let job = self.finish(&started.job_id)?;
        self.say(
            what,
            &format!(
                "{} new, {} changed, {} unchanged files; {} new data stored as {} in {}",
                number(fact(&job, "filesNew")),
                number(fact(&job, "filesChanged")),
                number(fact(&job, "filesUnchanged")),
                size(fact(&job, "addedBytes")),
                size(fact(&job, "storedBytes")),
                took(&job)
            ),
        );
        let list = SnapshotList { repository: self.address(), plan_id: None, offset: None, limit: Some(1) };
        let newest = self.api.snapshot_list(list)?.snapshots.into_iter().next();
        newest
            .map(|snapshot| snapshot.id)
            .ok_or_else(|| ApiError::new(ErrorCode::Damaged, "The snapshot that was made is not listed."))
    }

    fn compare_snapshots(&mut self, first: &str, second: &str) -> Result<(), ApiError> {
        let page = self.api.snapshot_diff(SnapshotDiff {
            repository: self.address(),
            older_id: first.to_owned(),
            newer_id: second.to_owned(),
            path: None,
            offset: None,
            limit: None,
        })?;
        let counts = &page.counts;
        self.say(
            "The two snapshots are compared",
            &format!("{} added, {} changed, {} removed", counts.added, counts.changed, counts.removed),
        );
        let path = "My files/letters/letter 07.txt".to_owned();
        let versions = self.api.file_versions(FileVersionsGet { repository: self.address(), path })?;
        self.tell(&format!("letter 07.txt is kept in {} versions", versions.versions.len()));
        Ok(())
    }

    fn bring_back(&mut self, snapshot: &str, target: RestoreTarget, what: &str) -> Result<(), ApiError> {
        let request = RestorePreviewGet {
            repository: self.address(),
            snapshot_id: snapshot.to_owned(),
            paths: Vec::new(),
            target,
            overwrite: OverwriteMode::IfDifferent,
        };
        let started = self.api.restore_run(request, true)?;
        let job = self.finish(&started.job_id)?;
        self.say(
            what,
            &format!(
                "{} made, {} replaced, {} the same already; {} read back and the same",
                number(fact(&job, "created")),
                number(fact(&job, "replaced")),
                number(fact(&job, "alreadyRight")),
                number(fact(&job, "verified"))
            ),
        );
        Ok(())
    }

    fn check(&mut self) -> Result<(), ApiError> {
        let check = PlaceCheck { repository: self.address(), level: CheckLevel::Full, repair: None };
        let started = self.api.place_check(check)?;
        let job = self.finish(&started.job_id)?;
        self.say(
            "The repository is checked, every byte of it",
            &format!(
                "{} read and proven, {} damaged",
                size(fact(&job, "readBytes")),
                number(fact(&job, "damage"))
            ),
        );
        Ok(())
    }
}
