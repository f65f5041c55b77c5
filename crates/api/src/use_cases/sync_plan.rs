//! The plan of a sync run that waits for a person: its rows, choices for them, and the word to go on.
//!
//! The plan itself is held by the engine under the job's id; what is applied is that very plan.

use std::ops::Range;

use keepwell_jobs::request::{BRING_BACK_FROM_LEFT, BRING_BACK_FROM_RIGHT};
use keepwell_jobs::syncs::Held;
use keepwell_jobs::{Attachment, CONTINUE, Fault};
use keepwell_model::JobId;
use keepwell_sync::database::plan_store::{PlanFilter, PlanOrder, PlanPage, PlanRow};
use keepwell_sync::run_types::ActionKind;
use keepwell_sync::{MeantRows, Prepared, Side};

use crate::convert;
use crate::dto::job::Job;
use crate::dto::sync::SyncSide;
use crate::dto::sync_plan::{
    SyncApply, SyncBrake, SyncBrakeKind, SyncChoose, SyncChosen, SyncFilter, SyncPlanGet, SyncPlanPage,
    SyncRow, SyncRowRange,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::PathText;
use crate::sync_words as words;

/// Ranges of rows in one request; each may be as long as the plan.
const RANGES_LIMIT: usize = 10_000;

pub(crate) fn gone() -> ApiError {
    ApiError::not_found("This plan is not held any more. Nothing was changed.")
        .hint("Look at both places again: the new plan shows what they need now.")
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
fn page(held: &Held, prepared: &Prepared, page: PlanPage, rows_total: u64) -> SyncPlanPage {
    let plan = prepared.plan();
    SyncPlanPage {
        made_ms: Moment(held.made_ms),
        revision: held.revision(),
        rows: page.rows.into_iter().map(row).collect(),
        total: Count(page.total),
        rows_total: Count(rows_total),
        left: words::totals(&plan.left),
        right: words::totals(&plan.right),
        chosen: Count::from(prepared.policy().choices.len()),
        brakes: held.brakes().into_iter().map(words::pulled_brake).collect(),
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
        let database = held.syncer.database();
        let rows = database.plan_page(filter, offset as u64, limit)?;
        Ok::<_, keepwell_sync::SyncError>(page(held, prepared, rows, database.plan_rows()?))
    })?;
    Ok(found.ok_or_else(gone)?.map_err(Fault::from)?)
}

pub(crate) fn sync_plan(api: &Api, request: SyncPlanGet) -> Result<SyncPlanPage, ApiError> {
    let rows = convert::page(request.offset, request.limit)?;
    let filter = shown(request.filter, request.side, request.text);
    read(api, convert::job_id(&request.job_id)?, request.bring_back, &filter, rows)
}

/// The rows a person sees with these choices.
fn shown(filter: Option<SyncFilter>, side: Option<SyncSide>, text: Option<String>) -> PlanFilter {
    let chosen = filter.unwrap_or(SyncFilter::All);
    PlanFilter {
        side: side.map(words::engine_side),
        actions: actions(chosen),
        text: text.unwrap_or_default(),
        only_chosen: chosen == SyncFilter::Chosen,
        order: PlanOrder::Path,
        is_descending: false,
    }
}

/// The places of rows in order, where each comes once.
fn places(ranges: Vec<SyncRowRange>) -> Result<Vec<Range<u64>>, ApiError> {
    if ranges.len() > RANGES_LIMIT {
        return Err(ApiError::bad_request(format!(
            "At most {RANGES_LIMIT} ranges of rows can be chosen at once."
        ))
        .hint("Choose in several steps, or all rows that a search finds."));
    }
    let mut places: Vec<Range<u64>> = Vec::with_capacity(ranges.len());
    let mut sorted = ranges;
    sorted.sort_by_key(|range| range.first);
    for range in sorted.into_iter().filter(|range| range.first < range.end) {
        let (first, end) = (u64::from(range.first), u64::from(range.end));
        match places.last_mut() {
            Some(last) if first <= last.end => last.end = last.end.max(end),
            _ => places.push(first..end),
        }
    }
    Ok(places)
}

pub(crate) fn sync_choose(api: &Api, request: SyncChoose) -> Result<SyncChosen, ApiError> {
    let job_id = convert::job_id(&request.job_id)?;
    let rows = MeantRows {
        filter: shown(request.filter, request.side, request.text),
        places: request.ranges.map(places).transpose()?,
    };
    let say = words::engine_say(request.say);
    let said = api.syncs.choose(job_id, &request.revision, &rows, say)?.ok_or_else(gone)?;
    Ok(SyncChosen { rows: Count(said.rows), below: Count(said.below), fixed: Count(said.fixed) })
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
