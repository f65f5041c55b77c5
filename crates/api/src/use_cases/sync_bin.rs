//! The bins of a pair, and the runs that filled them: looking, bringing back, undoing.

use std::collections::{HashMap, HashSet};

use keepwell_jobs::{BinRemoval, Fault};
use keepwell_model::PairId;
use keepwell_sync::database::rows::{BinItem, RUNS_KEPT};
use keepwell_sync::run_types::{RunRecord, RunState};
use keepwell_sync::{BinWish, PairDatabase, SyncError};

use super::sync::{database, free, named, wake};
use crate::convert::{self, cut, page};
use crate::dto::job::JobStarted;
use crate::dto::sync_bin::{
    BinWhy, SyncBinGet, SyncBinPage, SyncBinRemove, SyncBinRestore, SyncBinRow, SyncRunPage, SyncRunRow,
    SyncRunsGet, SyncUndo,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};
use crate::{sync_what, sync_words as words};

/// Items read at once.
const ITEMS_AT_ONCE: u32 = 10_000;
/// Items named in one request.
const CHOSEN_LIMIT: usize = 10_000;

fn row(item: &BinItem) -> SyncBinRow {
    SyncBinRow {
        id: item.id.to_string(),
        side: words::side(item.side),
        path: PathText::new(item.path.as_bytes()),
        entry_type: convert::entry_type(item.kind),
        size_bytes: Count(item.size_bytes),
        modified_ms: item.modified.map(Moment::from),
        binned_ms: Moment(item.at_ms),
        why: match item.is_replaced {
            _ if item.is_found() => BinWhy::Found,
            true => BinWhy::Replaced,
            false => BinWhy::Removed,
        },
        run_id: item.run.to_string(),
    }
}

/// Everything in the bins, newest first.
fn items(database: &PairDatabase) -> Result<Vec<BinItem>, SyncError> {
    let mut all = Vec::new();
    loop {
        let offset = u32::try_from(all.len()).unwrap_or(u32::MAX);
        let more = database.bin_items(offset, ITEMS_AT_ONCE)?;
        let is_last = more.len() < ITEMS_AT_ONCE as usize;
        all.extend(more);
        if is_last {
            return Ok(all);
        }
    }
}

pub(crate) fn sync_bin(api: &Api, request: SyncBinGet) -> Result<SyncBinPage, ApiError> {
    let rows = page(request.offset, request.limit)?;
    let (record, _) = named(api, &request.pair_id)?;
    let run = request.run_id.as_deref().map(convert::job_id).transpose()?;
    let mut all = items(&database(api, record.id)?).map_err(Fault::from)?;
    let (items, bytes) = (all.len(), all.iter().map(|item| item.size_bytes).sum());
    let text = request.text.map(|text| text.to_lowercase()).unwrap_or_default();
    all.retain(|item| {
        run.is_none_or(|run| item.run == run)
            && (text.is_empty() || path_text::display(item.path.as_bytes()).to_lowercase().contains(&text))
    });
    Ok(SyncBinPage {
        total: Count::from(all.len()),
        items: Count::from(items),
        bytes: Count(bytes),
        rows: cut(all, rows).iter().map(row).collect(),
    })
}

/// The items of a bin that a request names.
fn meant(api: &Api, id: PairId, ids: &[String]) -> Result<Vec<BinItem>, ApiError> {
    if ids.is_empty() || ids.len() > CHOSEN_LIMIT {
        return Err(ApiError::bad_request(format!("Choose 1 to {CHOSEN_LIMIT} items.")));
    }
    let database = database(api, id)?;
    let item = |id: &String| {
        let wrong = |_| ApiError::bad_request(format!("\"{id}\" names nothing in the bin."));
        let found = database.bin_item(id.parse().map_err(wrong)?).map_err(Fault::from)?;
        found.ok_or_else(|| {
            ApiError::not_found(format!("Number {id} is not in the bin any more. Nothing was done."))
                .hint("Look into the bin again.")
        })
    };
    ids.iter().map(item).collect()
}

pub(crate) fn sync_bin_remove(api: &Api, request: SyncBinRemove) -> Result<JobStarted, ApiError> {
    let (record, _) = named(api, &request.pair_id)?;
    let removal = match (&request.ids, request.all_until_ms) {
        (Some(ids), None) => BinRemoval::Items(meant(api, record.id, ids)?.iter().map(BinWish::of).collect()),
        (None, Some(until)) => BinRemoval::AllUntil(until.0),
        _ => {
            return Err(ApiError::bad_request(
                "Name what is to be removed, or the moment up to which all is.",
            ));
        }
    };
    let job_id = api.syncs.start_removal(&api.engine, record.id, removal)?;
    wake(api);
    Ok(JobStarted { job_id: job_id.to_string() })
}

pub(crate) fn sync_bin_restore(api: &Api, request: SyncBinRestore) -> Result<JobStarted, ApiError> {
    let (record, _) = named(api, &request.pair_id)?;
    let items = meant(api, record.id, &request.ids)?;
    let mut places = HashMap::new();
    for (item, id) in items.iter().zip(&request.ids) {
        if let Some(other) = places.insert((item.side, &item.path), id) {
            let path = path_text::display(item.path.as_bytes());
            return Err(ApiError::bad_request(format!(
                "Numbers {other} and {id} are both \"{path}\": only one of them can be there. Nothing was brought back."
            ))
            .hint("Choose one of them."));
        }
    }
    let wishes = items.iter().map(BinWish::of).collect();
    // A plan that waits was made without what comes back.
    free(api, record.id, false)?;
    let job_id = api.syncs.start_bring_back(&api.engine, record.id, wishes)?;
    wake(api);
    Ok(JobStarted { job_id: job_id.to_string() })
}

fn run(api: &Api, record: RunRecord) -> SyncRunRow {
    let is_changed = words::changes(&record.report.left) + words::changes(&record.report.right) > 0;
    let job = api.catalog.job(record.id).unwrap_or_else(|error| {
        tracing::warn!(%error, run = %record.id, "the job of a run could not be read");
        None
    });
    let (what, state) = sync_what::of_run(job.as_ref(), &record);
    let state = convert::job_state(state);
    SyncRunRow {
        run_id: record.id.to_string(),
        what,
        state,
        started_ms: record.started.into(),
        finished_ms: record.finished.map(Moment::from),
        left: words::totals(&record.report.left),
        right: words::totals(&record.report.right),
        undone: record.state == RunState::Undone,
        can_undo: is_changed && matches!(record.state, RunState::Done | RunState::Stopped | RunState::Failed),
    }
}

pub(crate) fn sync_runs(api: &Api, request: SyncRunsGet) -> Result<SyncRunPage, ApiError> {
    let rows = page(request.offset, request.limit)?;
    let (record, _) = named(api, &request.pair_id)?;
    let mut all = database(api, record.id)?.runs(0, RUNS_KEPT).map_err(Fault::from)?;
    all.retain(|record| {
        record.state == RunState::Undone
            || words::changes(&record.report.left) + words::changes(&record.report.right) > 0
    });
    let total = Count::from(all.len());
    Ok(SyncRunPage { total, runs: cut(all, rows).into_iter().map(|record| run(api, record)).collect() })
}

pub(crate) fn sync_undo(api: &Api, request: SyncUndo) -> Result<JobStarted, ApiError> {
    let (record, _) = named(api, &request.pair_id)?;
    let wanted = request.run_ids.iter().map(|id| convert::job_id(id)).collect::<Result<HashSet<_>, _>>()?;
    // The last one first, as they lie over each other.
    let mut runs = database(api, record.id)?.runs(0, RUNS_KEPT).map_err(Fault::from)?;
    runs.retain(|run| wanted.contains(&run.id));
    if wanted.is_empty() || runs.len() != wanted.len() {
        return Err(ApiError::not_found("There is no such run of this pair. Nothing was undone.")
            .hint("Look at its list of runs."));
    }
    let runs: Vec<_> = runs.into_iter().map(|run| run.id).collect();
    free(api, record.id, false)?;
    // The next run would carry parts of it over again: the pair is held, and a person looks at it first.
    let job_id = api.syncs.start_undo(&api.engine, record.id, &runs)?;
    wake(api);
    Ok(JobStarted { job_id: job_id.to_string() })
}
