//! What can be asked of the engine: one enumeration. Kept in the catalog as JSON, so that a job can be retried.
//!
//! Invariants: no secret is in a request; paths are in the escaped form of [`crate::path_text`].

use keepwell_model::{PairId, PlaceId, PlanId};
use serde::{Deserialize, Serialize};

use crate::outcome::CONTINUE;
use crate::schedule::Schedule;

/// The repository a job works on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Its folder, escaped.
    pub path: String,
    /// The place of the catalog, if it is one.
    pub place_id: Option<PlaceId>,
}

/// What a backup leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupRules {
    /// Lines in gitignore syntax, matched below each source.
    pub exclude: Vec<String>,
    /// Whether folders with a CACHEDIR.TAG are left out.
    pub exclude_caches: bool,
    /// Files larger than this are left out.
    pub max_file_bytes: Option<u64>,
    /// Whether to stay on the file system each source is on.
    pub one_file_system: bool,
}

/// One backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BackupJob {
    /// Where to.
    pub target: Target,
    /// The sources, escaped.
    pub sources: Vec<String>,
    /// What is left out.
    pub rules: BackupRules,
    /// Words to find the snapshot by.
    pub tags: Vec<String>,
    /// The plan it is run for.
    pub plan_id: Option<PlanId>,
    /// Whether a person said to go on although the safety brake was pulled.
    #[serde(default)]
    pub confirmed: bool,
}

/// What happens to a file that is there already.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Overwrite {
    /// It stays.
    Never,
    /// It is replaced if it is older.
    IfOlder,
    /// It is replaced if it is different.
    IfDifferent,
    /// It is replaced.
    Always,
}

/// Where restored files go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RestoreTarget {
    /// Where they were.
    Origin,
    /// Below this folder, escaped.
    Folder(String),
}

/// One restore.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreJob {
    /// Where from.
    pub target: Target,
    /// The snapshot, in full.
    pub snapshot_id: String,
    /// The paths in it, escaped; none means everything.
    pub paths: Vec<String>,
    /// Where to.
    pub to: RestoreTarget,
    /// What happens to files that are there.
    pub overwrite: Overwrite,
    /// Whether every file is read back and compared afterwards.
    pub verify: bool,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckJob {
    /// What.
    pub target: Target,
    /// Whether all content is read.
    pub full: bool,
    /// Whether to rebuild what can be rebuilt.
    pub repair: bool,
}

/// Everything the engine can be asked to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum JobRequest {
    /// Copies into a repository.
    Backup(BackupJob),
    /// Brings back.
    Restore(RestoreJob),
    /// Proves a repository.
    Check(CheckJob),
}

impl JobRequest {
    /// The word in the catalog.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Check(_) => "check",
        }
    }

    /// The repository it works on.
    #[must_use]
    pub fn target(&self) -> &Target {
        match self {
            Self::Backup(job) => &job.target,
            Self::Restore(job) => &job.target,
            Self::Check(job) => &job.target,
        }
    }

    /// The plan it is run for.
    #[must_use]
    pub fn plan_id(&self) -> Option<PlanId> {
        match self {
            Self::Backup(job) => job.plan_id,
            Self::Restore(_) | Self::Check(_) => None,
        }
    }

    /// The sync pair it is run for.
    #[must_use]
    pub fn pair_id(&self) -> Option<PairId> {
        match self {
            Self::Backup(_) | Self::Restore(_) | Self::Check(_) => None,
        }
    }

    /// The same work after a person chose how to go on from a halt or a proposal; nothing where that is no choice.
    #[must_use]
    pub fn decided(mut self, choice: &str) -> Option<Self> {
        match &mut self {
            Self::Backup(job) if choice == CONTINUE => job.confirmed = true,
            Self::Restore(_) | Self::Check(_) if choice == CONTINUE => {}
            _ => return None,
        }
        Some(self)
    }

    /// What makes two requests the same work: for whom it is done and what a person confirmed do not. Checkpoints are
    /// kept under it.
    #[must_use]
    pub fn work_key(&self) -> String {
        let mut work = self.clone();
        if let Self::Backup(job) = &mut work {
            (job.plan_id, job.confirmed) = (None, false);
            job.tags.clear();
        }
        // Requests are kept as JSON: what can not be written so never became a job.
        let text = serde_json::to_string(&work).unwrap_or_default();
        format!("{}/{}", self.kind(), blake3::hash(text.as_bytes()).to_hex())
    }
}

/// What a plan of the catalog says, kept as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanDefinition {
    /// The sources, escaped.
    pub sources: Vec<String>,
    /// What is left out.
    pub rules: BackupRules,
    /// When it runs.
    pub schedule: Schedule,
}
