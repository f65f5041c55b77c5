//! A run as a person types it: of two places or of a known pair, with options for this run, of one plan alone. And what
//! its plan says beside the rows. For hosts in this process: windows show a plan and apply that very one instead.
//!
//! Invariants: asking changes no pair (the run does, once it changes anything); a look takes nothing away from a run that
//! waits for a person at a brake; a run that is under way is never taken for one that was asked for in other words; what
//! is typed beside a run answers a brake only where somebody was told of it before (`sync_halts_alike`).

use keepwell_catalog::{JobFilter, JobRecord};
use keepwell_jobs::pairs::{self, Order, PairWish, real_place};
use keepwell_jobs::{Halt, JobRequest};
use keepwell_model::PairId;
use keepwell_sync::plan::Conflict;

use super::sync::{RECENT_RUNS, brakes_of, free, halt_of, is_by_hand, is_plain, named, pair};
use super::sync_conflict::version;
use super::sync_plan::gone;
use super::sync_save::{address, changed_record, new_record, refuse_more, wanted};
use crate::convert;
use crate::dto::sync::{SyncPair, SyncPairSave};
use crate::dto::sync_conflict::SyncConflict;
use crate::dto::sync_plan::SyncBrake;
use crate::error::{ApiError, ErrorCode};
use crate::open::Api;
use crate::path_text::PathText;
use crate::sync_words as words;

/// So many letters of a plan's digest tell it from any other.
const PLAN_LETTERS: usize = 16;

/// A pair that is of two places.
#[derive(Debug, Clone)]
pub struct SyncKnown {
    /// The pair.
    pub pair: SyncPair,
    /// Whether its left is the place that was named second.
    pub is_swapped: bool,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct SyncAsk {
    /// The pair as it is to work in this run; without an id a new one.
    pub pair: SyncPairSave,
    /// Only a look at the plan.
    pub preview: bool,
    /// The only plan that is to be carried out, as [`Api::sync_plan_id`] tells it.
    pub plan: Option<String>,
    /// Something is to be brought back where a safety brake stops the run: where none does, nothing is done.
    pub brings_back: bool,
}

/// A run that was asked for.
#[derive(Debug, Clone)]
pub struct SyncAsked {
    /// The job.
    pub job_id: String,
    /// The pair, as it is until the run changes anything.
    pub pair: SyncPair,
    /// The run or look before, where a safety brake stopped it: what a person was told last of the pair.
    pub halted_before: Option<String>,
}

impl Api {
    /// The pair of two places, however the way to them is written and whichever is named first.
    ///
    /// # Errors
    /// A place can not be understood.
    pub fn sync_known(&self, left: &str, right: &str) -> Result<Option<SyncKnown>, ApiError> {
        let (left, right) = (real_place(&address(left)?), real_place(&address(right)?));
        let known = self.catalog.pairs()?;
        let mut fitting =
            known.iter().filter_map(|record| Some((record, pairs::is_of(record, &left, &right)?)));
        // Of pairs that were made before places were compared like this there may be several.
        let found = fitting.clone().find(|(_, order)| *order == Order::AsKnown).or_else(|| fitting.next());
        let Some((record, order)) = found else { return Ok(None) };
        Ok(Some(SyncKnown { pair: pair(self, record)?, is_swapped: order == Order::Swapped }))
    }

    /// Puts a run in the queue as a person typed it.
    ///
    /// # Errors
    /// The pair can not be so, there is one of these places, or a run of it is under way.
    pub fn sync_ask(&self, ask: SyncAsk) -> Result<SyncAsked, ApiError> {
        let is_plan = |text: &String| {
            text.len() >= PLAN_LETTERS && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        };
        if let Some(wrong) = ask.plan.as_ref().filter(|text| !is_plan(text)) {
            return Err(ApiError::bad_request(format!("\"{wrong}\" is not the id of a plan."))
                .hint("--preview prints it."));
        }
        let old = ask.pair.id.as_deref().map(|id| named(self, id)).transpose()?;
        let definition = wanted(self, ask.pair, old.as_ref().map(|(_, before)| before))?;
        let now_ms = self.now_ms();
        let (record, wish) = match old {
            Some(old) => {
                changed_record(&old, &definition, now_ms)?;
                let before = old.1.options();
                let is_other = before != definition.options();
                (old.0, is_other.then_some(PairWish { definition, before: Some(before) }))
            }
            None => {
                refuse_more(&self.catalog.pairs()?, &definition.pair)?;
                (new_record(&definition, now_ms, now_ms)?, Some(PairWish { definition, before: None }))
            }
        };
        let pair = pair(self, &record)?;
        let halted_before = halted_last(self, record.id)?;
        // What runs by itself leaves no trace where it finds nothing to do; a person's run comes after it.
        if let Some(active) = free(self, record.id, ask.preview)?.filter(is_by_hand) {
            if ask.preview || wish.is_some() || ask.plan.is_some() || ask.brings_back {
                return Err(ApiError::new(ErrorCode::Busy, "A run of this pair is under way.")
                    .hint("Wait until it is done, then ask again."));
            }
            // What else is under way does not carry over what there is: the run comes after it.
            if is_plain(&active, false) {
                return Ok(SyncAsked { job_id: active.id.to_string(), pair, halted_before });
            }
        }
        let job_id =
            self.syncs.start_as(&self.engine, record, wish, ask.preview, ask.plan, ask.brings_back)?;
        Ok(SyncAsked { job_id: job_id.to_string(), pair, halted_before })
    }

    /// Tells the plan a job holds from any other.
    ///
    /// # Errors
    /// It is not held any more.
    pub fn sync_plan_id(&self, job_id: &str) -> Result<String, ApiError> {
        let mut digest = self.syncs.plan_digest(convert::job_id(job_id)?).ok_or_else(gone)?;
        digest.truncate(PLAN_LETTERS);
        Ok(digest)
    }

    /// The conflicts that the plan a job holds leaves alone.
    ///
    /// # Errors
    /// It is not held any more.
    pub fn sync_plan_conflicts(&self, job_id: &str) -> Result<Vec<SyncConflict>, ApiError> {
        let found = self.syncs.with_held(convert::job_id(job_id)?, |held| {
            held.prepared.plan().conflicts.iter().map(conflict).collect()
        });
        found.ok_or_else(gone)
    }

    /// The brakes a job halted at.
    ///
    /// # Errors
    /// There is no such job.
    pub fn sync_brakes(&self, job_id: &str) -> Result<Vec<SyncBrake>, ApiError> {
        brakes_of(self, convert::job_id(job_id)?)
    }

    /// Whether a job halted at nothing but what another one halted at before, with the very same plan: who was told of that
    /// one knows what an answer does to this one.
    ///
    /// # Errors
    /// There is no such job (any more).
    pub fn sync_halts_alike(&self, job_id: &str, before: &str) -> Result<bool, ApiError> {
        let halt = |id: &str| -> Result<Option<Halt>, ApiError> {
            Ok(halt_of(&self.engine.job(convert::job_id(id)?)?.record))
        };
        let (Some(now), Some(before)) = (halt(job_id)?, halt(before)?) else { return Ok(false) };
        let was_told =
            |kind, side| before.brakes.iter().any(|brake| (brake.kind, brake.side) == (kind, side));
        Ok(now.digest == before.digest && now.brakes.iter().all(|brake| was_told(brake.kind, brake.side)))
    }
}

/// The last run or look of a pair, where a safety brake stopped it. A look that none stopped took nothing away from the
/// run before it.
fn halted_last(api: &Api, id: PairId) -> Result<Option<String>, ApiError> {
    let tells = |job: &JobRecord| {
        serde_json::from_str(&job.request).is_ok_and(|request: JobRequest| match request {
            JobRequest::Sync(sync) => sync.carries_over() && (job.halt.is_some() || !sync.only_looks()),
            _ => false,
        })
    };
    let (jobs, _) =
        api.catalog.jobs(&JobFilter { pair_id: Some(id), ..JobFilter::default() }, 0, RECENT_RUNS)?;
    let last = jobs.into_iter().find(tells);
    Ok(last.filter(|job| job.halt.is_some()).map(|job| job.id.to_string()))
}

/// A conflict of a plan that nobody can decide yet: it is in no list.
fn conflict(found: &Conflict) -> SyncConflict {
    SyncConflict {
        node: String::new(),
        path: PathText::new(found.path.as_bytes()),
        kind: words::conflict_kind(found.kind),
        left: version(&found.left),
        right: version(&found.right),
        base_modified_ms: found.base_modified.map(crate::Moment::from),
        keeps_name: found.keeps_name.map(words::side),
        decided: None,
    }
}
