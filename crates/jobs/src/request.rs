//! What can be asked of the engine: one enumeration. Kept in the catalog as JSON, so that a job can be retried.
//!
//! Invariants: no secret is in a request; paths are in the escaped form of [`crate::path_text`].

use keepwell_catalog::PairRecord;
use keepwell_model::{JobId, PairId, PlaceId, PlanId, ReplicaId};
use keepwell_sync::policy::BrakeKind;
use keepwell_sync::{BinWish, Side};
use serde::{Deserialize, Serialize};

use crate::outcome::{CONTINUE, Halt, Proposal, PulledBrake};
use crate::pairs::PairWish;
use crate::path_text;
use crate::schedule::Schedule;

/// The choice of a halted sync: the right becomes like the left again.
pub const BRING_BACK_FROM_LEFT: &str = "bringBackFromLeft";
/// The choice of a halted sync: the left becomes like the right again.
pub const BRING_BACK_FROM_RIGHT: &str = "bringBackFromRight";

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

/// One run of a replica: a repository kept a second time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplicateJob {
    /// The repository.
    pub target: Target,
    /// Where it is kept a second time: a folder, escaped, or the address of a server.
    pub to: String,
    /// The replica of the catalog, if it is one.
    pub replica_id: Option<ReplicaId>,
    /// Whether what is in both places is read and compared.
    pub full: bool,
    /// Whether a person said to go on although a safety brake was pulled.
    #[serde(default)]
    pub confirmed: bool,
}

/// Who wanted a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Origin {
    /// A person, now.
    #[default]
    Person,
    /// The schedule.
    Schedule,
    /// Something changed in a live pair.
    Live,
}

/// What a person did that a run carries out: what the history calls it by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum After {
    /// They decided conflicts.
    Decision,
    /// They had two texts merged.
    Merging,
}

/// What a person answered to a halt or a preview.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SyncAnswer {
    /// The digest of the plan the person said yes to.
    pub confirmed: Option<String>,
    /// Brakes the person saw and goes on despite.
    pub release: Vec<BrakeKind>,
    /// Fill the other side again from this one.
    pub bring_back_from: Option<Side>,
    /// The other side's folder is gone and is to be made again for that; where it is back by itself nothing was answered.
    pub make_again: bool,
    /// The digest of the plan whose brakes were answered: of any other one nothing was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub halted: Option<String>,
}

impl SyncAnswer {
    /// Whether brakes were answered.
    #[must_use]
    pub fn is_to_brakes(&self) -> bool {
        !self.release.is_empty() || self.bring_back_from.is_some()
    }
}

/// One run of a sync pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SyncJob {
    /// The pair.
    pub pair_id: PairId,
    /// What it is called.
    pub name: String,
    /// One place, for the receipt.
    pub left: String,
    /// The other.
    pub right: String,
    /// Whether the plan is to be shown first.
    pub preview: bool,
    /// Who wanted it.
    pub origin: Origin,
    /// What a person answered.
    #[serde(default)]
    pub answer: SyncAnswer,
    /// The pair as a person wants it for this run, where that is not how it is, or where it is new.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wish: Option<Box<PairWish>>,
    /// The only plan that is carried out, by its digest: whatever else the run would do is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub only_plan: Option<String>,
    /// A person wants something brought back where a safety brake stops this run: where none does, it is refused.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub only_brings_back: bool,
    /// The run to undo; nothing looks at both places and carries changes over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undo: Option<JobId>,
    /// The runs before that one that are undone after it, the last one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_before: Vec<JobId>,
    /// When the runs to undo began, in milliseconds and in that order: a person knows a run by that and by nothing else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undo_began_ms: Vec<i64>,
    /// What a person did that this run carries out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<After>,
    /// What is to be brought back from the bins instead; nothing looks at both places and carries changes over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub bring_back: Vec<BinWish>,
    /// What is to be removed from the bins for good instead; nothing looks at both places.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remove: Option<BinRemoval>,
}

/// What a person wants removed from the bins of a pair for good.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum BinRemoval {
    /// These.
    Items(Vec<BinWish>),
    /// Everything that went there up to a moment, in milliseconds.
    AllUntil(i64),
}

impl SyncJob {
    /// A run of a pair, as it is asked for.
    #[must_use]
    pub fn of(pair: &PairRecord, preview: bool, origin: Origin) -> Self {
        Self {
            pair_id: pair.id,
            name: pair.name.clone(),
            left: pair.left_address.clone(),
            right: pair.right_address.clone(),
            preview,
            origin,
            answer: SyncAnswer::default(),
            wish: None,
            only_plan: None,
            only_brings_back: false,
            undo: None,
            undo_before: Vec::new(),
            undo_began_ms: Vec::new(),
            after: None,
            bring_back: Vec::new(),
            remove: None,
        }
    }

    /// Whether both places are looked at and changes are carried over: not where something is only brought back, undone or
    /// removed from the bins.
    #[must_use]
    pub fn carries_over(&self) -> bool {
        self.undo.is_none() && self.bring_back.is_empty() && self.remove.is_none()
    }

    /// The runs to undo, in the order in which they are undone.
    pub fn undoes(&self) -> impl Iterator<Item = JobId> {
        self.undo.into_iter().chain(self.undo_before.iter().copied())
    }

    /// Whether it is a run (or a look) of the pair as it is, that carries over all there is, as [`SyncJob::of`] asks for it
    /// by hand: nobody who asks for that needs another one.
    #[must_use]
    pub fn is_plain(&self, preview: bool) -> bool {
        (self.preview, self.origin) == (preview, Origin::Person)
            && self.carries_over()
            && self.answer == SyncAnswer::default()
            && self.wish.is_none()
            && self.only_plan.is_none()
            && !self.only_brings_back
    }

    /// Whether it only looks: a preview nobody said yes to. Whatever becomes of it says nothing of the pair.
    #[must_use]
    pub fn only_looks(&self) -> bool {
        self.preview && self.answer.confirmed.is_none()
    }

    /// The queue of a pair: one run at a time.
    #[must_use]
    pub fn destination(&self) -> String {
        format!("sync/{}", self.pair_id)
    }

    fn decide(&mut self, choice: &str, halt: Option<&Halt>, proposal: Option<&Proposal>) -> Option<()> {
        let shown = halt.map(|halt| halt.brakes.as_slice()).unwrap_or_default();
        if let Some(halt) = halt {
            // What was said to a proposal before was not about what the brakes hold now.
            (self.answer.halted, self.answer.confirmed) = (halt.digest.clone(), None);
        }
        match (choice, proposal) {
            (CONTINUE, Some(proposal)) => self.answer.confirmed = Some(proposal.digest.clone()),
            (CONTINUE, None) if shown.iter().all(|brake| brake.can_release) => {
                self.answer.release.extend(shown.iter().map(|brake| brake.kind));
                self.answer.release.sort_unstable();
                self.answer.release.dedup();
            }
            (choice, None) if halt.is_some_and(|halt| halt.choices.iter().any(|one| one.key == choice)) => {
                self.answer.bring_back_from = Some(match choice {
                    BRING_BACK_FROM_LEFT => Side::Left,
                    BRING_BACK_FROM_RIGHT => Side::Right,
                    _ => return None,
                });
                let is_shown = |kind| shown.iter().any(|brake: &PulledBrake| brake.kind == kind);
                self.answer.make_again = is_shown(BrakeKind::RootGone);
                // What is there now was shown with the choice, or comes into being by it.
                if self.answer.make_again || is_shown(BrakeKind::AnotherPlace) {
                    self.answer.release = vec![BrakeKind::AnotherPlace];
                }
            }
            _ => return None,
        }
        Some(())
    }
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
    /// Keeps two places the same.
    Sync(SyncJob),
    /// Keeps a repository a second time.
    Replicate(ReplicateJob),
}

impl JobRequest {
    /// The word in the catalog.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Backup(_) => "backup",
            Self::Restore(_) => "restore",
            Self::Check(_) => "check",
            Self::Sync(_) => "sync",
            Self::Replicate(_) => "replicate",
        }
    }

    /// The repository it works on, if it does on one.
    #[must_use]
    pub fn target(&self) -> Option<&Target> {
        match self {
            Self::Backup(job) => Some(&job.target),
            Self::Restore(job) => Some(&job.target),
            Self::Check(job) => Some(&job.target),
            Self::Replicate(job) => Some(&job.target),
            Self::Sync(_) => None,
        }
    }

    /// Where it works: the paths and addresses of its places, unescaped.
    pub(crate) fn addresses(&self) -> Vec<String> {
        let unescaped = |text: &str| {
            let bytes = path_text::decode(text).unwrap_or_default();
            String::from_utf8(bytes).unwrap_or_default()
        };
        match self {
            Self::Sync(job) => vec![job.left.clone(), job.right.clone()],
            Self::Replicate(job) => vec![unescaped(&job.target.path), unescaped(&job.to)],
            Self::Backup(_) | Self::Restore(_) | Self::Check(_) => {
                self.target().map(|target| unescaped(&target.path)).into_iter().collect()
            }
        }
    }

    /// Whether a person asked for it; what runs by itself and finds nothing to do leaves no trace.
    #[must_use]
    pub fn is_by_hand(&self) -> bool {
        !matches!(self, Self::Sync(job) if job.origin != Origin::Person)
    }

    /// The plan it is run for.
    #[must_use]
    pub fn plan_id(&self) -> Option<PlanId> {
        match self {
            Self::Backup(job) => job.plan_id,
            Self::Restore(_) | Self::Check(_) | Self::Sync(_) | Self::Replicate(_) => None,
        }
    }

    /// The sync pair it is run for.
    #[must_use]
    pub fn pair_id(&self) -> Option<PairId> {
        match self {
            Self::Sync(job) => Some(job.pair_id),
            Self::Backup(_) | Self::Restore(_) | Self::Check(_) | Self::Replicate(_) => None,
        }
    }

    /// The replica it is run for.
    #[must_use]
    pub fn replica_id(&self) -> Option<ReplicaId> {
        match self {
            Self::Replicate(job) => job.replica_id,
            Self::Backup(_) | Self::Restore(_) | Self::Check(_) | Self::Sync(_) => None,
        }
    }

    /// The same work after a person chose how to go on from a halt or a proposal; nothing where that is no choice.
    #[must_use]
    pub fn decided(mut self, choice: &str, halt: Option<&Halt>, proposal: Option<&Proposal>) -> Option<Self> {
        match &mut self {
            Self::Sync(job) => job.decide(choice, halt, proposal)?,
            Self::Backup(job) if choice == CONTINUE => job.confirmed = true,
            Self::Replicate(job) if choice == CONTINUE => job.confirmed = true,
            Self::Restore(_) | Self::Check(_) if choice == CONTINUE => {}
            _ => return None,
        }
        Some(self)
    }

    /// The same work, asked for again by a person: what was answered to the brakes and previews of the run before does not
    /// hold for this one.
    #[must_use]
    pub fn again(mut self) -> Self {
        if let Self::Sync(job) = &mut self {
            (job.origin, job.answer) = (Origin::Person, SyncAnswer::default());
        }
        if let Self::Replicate(job) = &mut self {
            job.confirmed = false;
        }
        self
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
        if let Self::Sync(job) = &mut work {
            (job.preview, job.origin, job.answer) = (false, Origin::Person, SyncAnswer::default());
        }
        if let Self::Replicate(job) = &mut work {
            (job.replica_id, job.confirmed) = (None, false);
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
