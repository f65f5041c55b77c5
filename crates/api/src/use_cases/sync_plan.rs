//! The plan of a sync run that waits for a person: its rows, choices for them, and the word to go on.
//!
//! The plan itself is held by the engine under the job's id; what is applied is that very plan.

use std::collections::BTreeMap;

use keepwell_jobs::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT};
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{Attachment, CONTINUE, Fault};
use keepwell_model::JobId;
use keepwell_sync::NodeId;
use keepwell_sync::database::plan_store::{PlanFilter, PlanOrder, PlanPage, PlanRow};
use keepwell_sync::policy::Choice;
use keepwell_sync::run_types::ActionKind;
use keepwell_sync::{Prepared, Side};

use super::sync_words as words;
use crate::convert;
use crate::dto::job::Job;
use crate::dto::sync::SyncSide;
use crate::dto::sync_plan::{
    SyncApply, SyncBrake, SyncBrakeKind, SyncChoose, SyncFilter, SyncPlanGet, SyncPlanPage, SyncRow,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::PathText;

/// Choices in one request.
const CHOICES_LIMIT: usize = 10_000;

pub(crate) fn gone() -> ApiError {
    ApiError::not_found("This plan is not held any more. Nothing was changed.")
        .hint("Look at both places again: the new plan shows what they need now.")
}

/// The id of a row's node, as it crossed the border.
pub(crate) fn node(text: &str) -> Result<NodeId, ApiError> {
    text.parse().map(NodeId).map_err(|_| ApiError::bad_request(format!("\"{text}\" names no row of a plan.")))
}

fn actions(filter: SyncFilter) -> Vec<ActionKind> {
    match filter {
        SyncFilter::All | SyncFilter::Chosen => Vec::new(),
        SyncFilter::New => vec![ActionKind::CreateFolder, ActionKind::Copy],
        SyncFilter::Changed => vec![ActionKind::Replace],
        SyncFilter::Moved => vec![ActionKind::Move],
        SyncFilter::Removed => vec![ActionKind::Remove],
        SyncFilter::Metadata => vec![ActionKind::SetMetadata],
    }
}

fn row(row: PlanRow) -> SyncRow {
    SyncRow {
        node: row.node.0.to_string(),
        entry_type: convert::entry_type(row.kind),
        side: words::side(row.side),
        action: words::action(row.action),
        from: row.from.map(|path| PathText::new(path.as_bytes())),
        path: PathText::new(row.path.as_bytes()),
        size_bytes: Count(row.size_bytes),
        why: words::why(row.why),
        choice: row.choice.map(words::choice),
    }
}

/// What a plan says as a whole, with some rows of it.
fn page(held: &Held, prepared: &Prepared, page: PlanPage) -> SyncPlanPage {
    let plan = prepared.plan();
    let choices = &prepared.policy().choices;
    let skipped = choices.values().filter(|choice| **choice == Choice::Skip).count();
    SyncPlanPage {
        made_ms: Moment(held.made_ms),
        rows: page.rows.into_iter().map(row).collect(),
        total: Count(page.total),
        rows_total: Count::from(plan.changes() + skipped),
        left: words::totals(&plan.left),
        right: words::totals(&plan.right),
        chosen: Count::from(choices.len()),
        conflicts: Count::from(plan.conflicts.len()),
        problems: Count(held.problems.total + plan.problems.len() as u64),
        waits_for_age: Count(prepared.waits_for_age()),
        still_open: Count(prepared.still_open()),
    }
}

/// The side that is filled again is named at the border; the engine wants the one it is filled from.
fn from(bring_back: SyncSide) -> Side {
    words::engine_side(bring_back).other()
}

fn read(
    api: &Api,
    job_id: JobId,
    bring_back: Option<SyncSide>,
    filter: &PlanFilter,
    (offset, limit): (usize, usize),
) -> Result<SyncPlanPage, ApiError> {
    let limit = u32::try_from(limit).unwrap_or(convert::PAGE_LIMIT);
    let found = api.syncs.show(job_id, bring_back.map(from), |held, prepared| {
        let rows = held.syncer.database().plan_page(filter, offset as u64, limit)?;
        Ok::<_, keepwell_sync::SyncError>(page(held, prepared, rows))
    })?;
    Ok(found.ok_or_else(gone)?.map_err(Fault::from)?)
}

pub(crate) fn sync_plan(api: &Api, request: SyncPlanGet) -> Result<SyncPlanPage, ApiError> {
    let rows = convert::page(request.offset, request.limit)?;
    let chosen = request.filter.unwrap_or(SyncFilter::All);
    let filter = PlanFilter {
        side: request.side.map(words::engine_side),
        actions: actions(chosen),
        text: request.text.unwrap_or_default(),
        only_chosen: chosen == SyncFilter::Chosen,
        order: PlanOrder::Path,
        is_descending: false,
    };
    read(api, convert::job_id(&request.job_id)?, request.bring_back, &filter, rows)
}

pub(crate) fn sync_choose(api: &Api, request: SyncChoose) -> Result<SyncPlanPage, ApiError> {
    if request.choices.len() > CHOICES_LIMIT {
        return Err(ApiError::bad_request(format!("At most {CHOICES_LIMIT} choices can be made at once.")));
    }
    let job_id = convert::job_id(&request.job_id)?;
    let before = api.syncs.with_held(job_id, |held| held.prepared.policy().choices.clone());
    let mut choices: BTreeMap<NodeId, Choice> = before.ok_or_else(gone)?;
    for one in request.choices {
        let node = node(&one.node)?;
        match one.choice {
            Some(choice) => drop(choices.insert(node, words::engine_choice(choice))),
            None => drop(choices.remove(&node)),
        }
    }
    if !api.syncs.choose(job_id, choices)? {
        return Err(gone());
    }
    let filter = PlanFilter { order: PlanOrder::Path, ..PlanFilter::default() };
    read(api, job_id, None, &filter, (0, 1))
}

pub(crate) fn sync_apply(api: &Api, request: SyncApply) -> Result<Job, ApiError> {
    let id = convert::job_id(&request.job_id)?;
    let choice = match request.bring_back.map(from) {
        Some(Side::Left) => BRING_BACK_FROM_LEFT,
        Some(Side::Right) => BRING_BACK_FROM_RIGHT,
        None => CONTINUE,
    };
    let is_answered = |brake: &SyncBrake| match (&request.release, request.bring_back) {
        (Some(release), None) => release.contains(&brake.kind),
        // That what is there now is the right place is said by nothing else.
        (release, Some(side)) if (brake.kind, brake.side) == (SyncBrakeKind::AnotherPlace, side) => {
            release.as_ref().is_some_and(|release| release.contains(&brake.kind))
        }
        _ => true,
    };
    if !super::sync::brakes_of(api, id)?.iter().all(is_answered) {
        return Err(ApiError::bad_request("Another safety brake holds this run as well.")
            .hint("Look at what was found, then decide."));
    }
    api.engine.decide(id, choice, Attachment::default())?;
    Ok(convert::job(api.engine.job(id)?))
}
