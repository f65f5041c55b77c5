//! How a sync pair stands: what the last look at both of its places found, and what is known to have happened since.
//!
//! It is folded from the ends of the pair's jobs and kept in the catalog, for jobs leave its history while what they found
//! still holds. Invariants: "in step" is said only where a look at both places found or left them so and nothing happened
//! since that makes them differ; a halt stays until a run ends otherwise; a preview changes nothing and may only tell
//! of more differences, or that there is none and nothing was left out by trouble; a run that looked only where something
//! changed takes away nothing but what it looked at. The fold is pure.
//! Deliberately not here: the job that waits or runs now, conflicts that wait, and words for people (`api`).

use keepwell_catalog::{Catalog, CatalogError, JobFilter, JobRecord, JobState};
use keepwell_model::{JobId, PairId};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::outcome::{Fact, Outcome, Proposal};
use crate::pairs::{PairWish, checked_setting};
use crate::request::{JobRequest, SyncJob};
use crate::sync_work::{
    CHANGED_MEANWHILE, CONFLICTS, HELD_BACK, LEFT_BY_CHOICE, PLANNED, STILL_OPEN, WAITS_FOR_AGE,
};

/// Jobs that are read to say how a pair stands of which an older Keepwell kept nothing else.
const RECENT_JOBS: u64 = 20;

/// How a pair stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Standing {
    /// In one word.
    pub state: PairState,
    /// When both sides were last found or made in step.
    pub in_step_ms: Option<i64>,
    /// Whether a run got to its end: something was agreed on then.
    #[serde(default)]
    pub has_run: bool,
    /// The problems of the look that says so.
    #[serde(default)]
    pub problems: u64,
    /// What was left over were only files that somebody has open for writing: every later run looks at these.
    #[serde(default)]
    pub only_open: bool,
}

/// How a pair stands, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PairState {
    /// Both sides are in step.
    InStep,
    /// In step but for items that had problems.
    Problems,
    /// The sides are known to differ, or nobody looked since something that makes them differ.
    NotInStep(Differs),
    /// A safety brake held the last run, and no run was done since.
    Halted,
    /// The last run could not be done.
    Failed,
    /// A person stopped the last run.
    Stopped,
}

/// Why the two sides of a pair are not known to be in step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Differs {
    /// A run was undone.
    Undone,
    /// Items were brought back from the bin.
    BroughtBack,
    /// The last run left items for a later one: they changed under its hands, are open in another program, are too young, or
    /// a person said so.
    LeftOver,
    /// A preview found changes that were not carried over.
    Planned,
    /// How the pair works was changed, and nobody looked since.
    SettingsChanged,
    /// The hub changed, and that was not carried over yet.
    HubChanged,
    /// What both sides last agreed on is not there any more.
    BaseLost,
}

/// How a pair stands, after the jobs that are over; nothing where it never ran.
///
/// # Errors
/// The catalog can not be read.
pub fn standing(catalog: &Catalog, id: PairId) -> Result<Option<Standing>, CatalogError> {
    before(catalog, id, None)
}

/// How a pair stands without one job, which is to be counted in.
fn before(catalog: &Catalog, id: PairId, without: Option<JobId>) -> Result<Option<Standing>, CatalogError> {
    let kept = catalog.setting(&setting(id))?;
    if let Some(standing) = kept.and_then(|text| serde_json::from_str(&text).ok()) {
        return Ok(Some(standing));
    }
    let filter = JobFilter { pair_id: Some(id), ..JobFilter::default() };
    let (jobs, _) = catalog.jobs(&filter, 0, RECENT_JOBS)?;
    let mut standing = None;
    for job in jobs.iter().rev().filter(|job| Some(job.id) != without) {
        if let Ok(JobRequest::Sync(request)) = serde_json::from_str(&job.request) {
            standing = after(standing, job, &request, job.finished_ms.unwrap_or(job.queued_ms));
        }
    }
    let checked_ms = catalog.setting(&checked_setting(id))?.and_then(|text| text.parse::<i64>().ok());
    Ok(standing.map(|standing| {
        // Runs that found nothing to do left nothing but this: what failed before has passed.
        let has_passed = standing.state == PairState::Failed && checked_ms > last_ended(&jobs);
        let state = if has_passed { PairState::InStep } else { standing.state };
        Standing { state, in_step_ms: standing.in_step_ms.max(checked_ms), ..standing }
    }))
}

fn last_ended(jobs: &[JobRecord]) -> Option<i64> {
    jobs.iter().filter_map(|job| job.finished_ms).max()
}

/// Counts in a job of a pair that ended, or that waits for a person now.
pub(crate) fn note_job(
    catalog: &Catalog,
    job: &JobRecord,
    request: &SyncJob,
    now_ms: i64,
) -> Result<(), CatalogError> {
    let before = before(catalog, request.pair_id, Some(job.id))?;
    keep(catalog, request.pair_id, after(before, job, request, now_ms))
}

/// Counts in that how a pair works was changed: what was found before was found by other rules.
///
/// # Errors
/// The catalog refused.
pub fn note_settings_changed(catalog: &Catalog, id: PairId) -> Result<(), CatalogError> {
    let standing = standing(catalog, id)?.map(|standing| standing.unless(Differs::SettingsChanged));
    keep(catalog, id, standing)
}

/// Forgets how a pair stood that is no more.
pub(crate) fn forget(catalog: &Catalog, id: PairId) -> Result<(), CatalogError> {
    catalog.remove_setting(&setting(id))
}

fn setting(id: PairId) -> String {
    format!("pairStanding/{id}")
}

fn keep(catalog: &Catalog, id: PairId, standing: Option<Standing>) -> Result<(), CatalogError> {
    match standing.and_then(|standing| serde_json::to_string(&standing).ok()) {
        Some(text) => catalog.set_setting_soon(&setting(id), &text),
        None => Ok(()),
    }
}

impl Standing {
    /// As this, but with what makes the sides differ, where they were taken for in step.
    #[must_use]
    pub fn unless(self, differs: Differs) -> Self {
        let state = match self.state {
            PairState::InStep | PairState::Problems => PairState::NotInStep(differs),
            state => state,
        };
        Self { state, ..self }
    }
}

/// How a pair stands after a job of it that ended, or that waits for a person.
fn after(before: Option<Standing>, job: &JobRecord, request: &SyncJob, now_ms: i64) -> Option<Standing> {
    let outcome = read::<Outcome>(job.outcome.as_deref()).unwrap_or_default();
    let is_look = request.preview && request.answer.confirmed.is_none();
    let is_halted = before.is_some_and(|before| before.state == PairState::Halted);
    let is_other = |wish: &PairWish| wish.before.as_ref() != Some(&wish.definition.options());
    let state = match job.state {
        // What a look with other options than the pair's finds says nothing of how the pair stands.
        _ if is_look && (is_halted || request.wish.as_deref().is_some_and(is_other)) => return before,
        JobState::Halted => PairState::Halted,
        // An older Keepwell, which kept nothing else, gave it up so.
        JobState::Cancelled if job.halt.is_some() => PairState::Halted,
        JobState::WaitingForConfirmation => return seen(before, job, now_ms),
        JobState::Cancelled if job.proposal.is_some() => return seen(before, job, now_ms),
        JobState::Interrupted if is_look || job.started_ms.is_none() => return before,
        // What is in the bins says nothing of both sides.
        _ if request.remove.is_some() => return before,
        JobState::Failed | JobState::Interrupted => PairState::Failed,
        JobState::Succeeded | JobState::SucceededWithProblems | JobState::Cancelled
            if !request.carries_over() =>
        {
            match (outcome.items, request.undo) {
                (0, _) => return before,
                (_, Some(_)) => PairState::NotInStep(Differs::Undone),
                (_, None) => PairState::NotInStep(Differs::BroughtBack),
            }
        }
        JobState::Cancelled if is_look || job.started_ms.is_none() || outcome.was_idle => return before,
        JobState::Cancelled => PairState::Stopped,
        JobState::SucceededWithProblems | JobState::Succeeded if outcome.is_outdated => {
            PairState::NotInStep(Differs::SettingsChanged)
        }
        JobState::SucceededWithProblems => match before.map(|before| before.state) {
            Some(state @ PairState::NotInStep(_)) if outcome.was_partial => state,
            _ => PairState::Problems,
        },
        JobState::Succeeded => found(before, &outcome),
        JobState::Queued | JobState::Planning | JobState::Running | JobState::Paused => return before,
    };
    let in_step_ms = match state {
        PairState::InStep => Some(now_ms),
        _ => before.and_then(|before| before.in_step_ms),
    };
    let problems = match before {
        // What had trouble elsewhere was not looked at again.
        Some(before) if outcome.was_partial => job.problems_total.max(before.problems),
        _ => job.problems_total,
    };
    let is_run = matches!(job.state, JobState::Succeeded | JobState::SucceededWithProblems);
    let has_run = is_run && request.carries_over() || before.is_some_and(|before| before.has_run);
    let only_open = match before {
        Some(before) if outcome.was_partial && before.state == state => {
            before.only_open && !is_left(&outcome, &LEFT_FOR_GOOD)
        }
        _ => !is_left(&outcome, &LEFT_FOR_GOOD),
    };
    Some(Standing { state, in_step_ms, has_run, problems, only_open })
}

/// Whether a job by itself did nothing at all because a person holds its pair.
pub(crate) fn did_not_begin(job: &JobRecord) -> bool {
    job.state == JobState::Cancelled
        && read::<Outcome>(job.outcome.as_deref()).is_some_and(|outcome| outcome.was_idle)
}

/// What a run leaves and a later one that looks only where something changed may not look at.
const LEFT_FOR_GOOD: [&str; 4] = [CHANGED_MEANWHILE, HELD_BACK, LEFT_BY_CHOICE, WAITS_FOR_AGE];

fn is_left(outcome: &Outcome, keys: &[&str]) -> bool {
    keys.iter().any(|key| count(&outcome.facts, key) > 0)
}

/// How both sides were left by a run that had no trouble.
fn found(before: Option<Standing>, outcome: &Outcome) -> PairState {
    let leaves = is_left(outcome, &LEFT_FOR_GOOD) || is_left(outcome, &[STILL_OPEN]);
    let found = if leaves { PairState::NotInStep(Differs::LeftOver) } else { PairState::InStep };
    let Some(before) = before.filter(|_| outcome.was_partial) else { return found };
    // It looked only where something changed: it says nothing of what had trouble, or differs, elsewhere.
    match before.state {
        PairState::InStep => found,
        PairState::Problems if leaves => found,
        PairState::NotInStep(Differs::LeftOver) if before.only_open && !leaves => match before.problems {
            0 => found,
            _ => PairState::Problems,
        },
        state => state,
    }
}

/// What a preview tells.
fn seen(before: Option<Standing>, job: &JobRecord, now_ms: i64) -> Option<Standing> {
    let before = before?;
    let Proposal { facts, is_outdated, .. } = read::<Proposal>(job.proposal.as_deref())?;
    if is_outdated {
        return Some(before);
    }
    let (changes, conflicts) = (count(&facts, PLANNED), count(&facts, CONFLICTS));
    let waits = count(&facts, WAITS_FOR_AGE) + count(&facts, STILL_OPEN);
    Some(match before.state {
        PairState::NotInStep(_) if changes + waits > 0 => before,
        _ if changes == 0 && waits > 0 => {
            Standing { only_open: count(&facts, WAITS_FOR_AGE) == 0, ..before.unless(Differs::LeftOver) }
        }
        _ if changes > 0 => Standing { state: PairState::NotInStep(Differs::Planned), ..before },
        _ if job.problems_total == 0 && conflicts == 0 => {
            Standing { state: PairState::InStep, in_step_ms: Some(now_ms), problems: 0, ..before }
        }
        PairState::InStep | PairState::Problems if job.problems_total > 0 => {
            Standing { state: PairState::Problems, problems: job.problems_total, ..before }
        }
        _ => before,
    })
}

fn count(facts: &[Fact], key: &str) -> u64 {
    facts.iter().filter(|fact| fact.key == key).map(|fact| fact.value).sum()
}

fn read<T: DeserializeOwned>(text: Option<&str>) -> Option<T> {
    serde_json::from_str(text?).ok()
}
