//! The bins of a pair, and the runs that filled them: looking, bringing back, undoing.

use keepwell_jobs::Fault;
use keepwell_sync::database::rows::BinItem;
use keepwell_sync::run_types::{RunRecord, RunState};
use keepwell_sync::{BinWish, PairDatabase, SyncError};

use super::sync::{database, free, named, wake};
use super::sync_words as words;
use crate::convert::{self, cut, page};
use crate::dto::job::JobStarted;
use crate::dto::sync_bin::{
    BinWhy, SyncBinGet, SyncBinPage, SyncBinRestore, SyncBinRow, SyncRunPage, SyncRunRow, SyncRunsGet,
    SyncUndo,
};
use crate::error::ApiError;
use crate::numbers::{Count, Moment};
use crate::open::Api;
use crate::path_text::{self, PathText};

/// Items read at once.
const ITEMS_AT_ONCE: u32 = 10_000;
/// Items brought back in one request.
const RESTORE_LIMIT: usize = 10_000;

fn row(item: &BinItem) -> SyncBinRow {
    SyncBinRow {
        id: item.id.to_string(),
        side: words::side(item.side),
        path: PathText::new(item.path.as_bytes()),
        entry_type: convert::entry_type(item.kind),
        size_bytes: Count(item.size_bytes),
        modified_ms: item.modified.map(Moment::from),
        binned_ms: Moment(item.at_ms),
        why: if item.is_replaced { BinWhy::Replaced } else { BinWhy::Removed },
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
    let bytes = all.iter().map(|item| item.size_bytes).sum();
    let text = request.text.map(|text| text.to_lowercase()).unwrap_or_default();
    all.retain(|item| {
        run.is_none_or(|run| item.run == run)
            && (text.is_empty() || path_text::display(item.path.as_bytes()).to_lowercase().contains(&text))
    });
    Ok(SyncBinPage {
        total: Count::from(all.len()),
        bytes: Count(bytes),
        rows: cut(all, rows).iter().map(row).collect(),
    })
}

pub(crate) fn sync_bin_restore(api: &Api, request: SyncBinRestore) -> Result<JobStarted, ApiError> {
    if request.ids.is_empty() || request.ids.len() > RESTORE_LIMIT {
        return Err(ApiError::bad_request(format!("Choose 1 to {RESTORE_LIMIT} items.")));
    }
    let (record, _) = named(api, &request.pair_id)?;
    let database = database(api, record.id)?;
    let wishes = request.ids.iter().map(|id| {
        let wrong = |_| ApiError::bad_request(format!("\"{id}\" names nothing in the bin."));
        let found = database.bin_item(id.parse().map_err(wrong)?).map_err(Fault::from)?;
        found.as_ref().map(BinWish::of).ok_or_else(|| {
            ApiError::not_found(format!("Number {id} is not in the bin any more. Nothing was brought back."))
                .hint("Look into the bin again.")
        })
    });
    let wishes = wishes.collect::<Result<Vec<_>, ApiError>>()?;
    // A plan that waits was made without what comes back.
    free(api, record.id, false)?;
    let job_id = api.syncs.start_bring_back(&api.engine, record.id, wishes)?;
    wake(api);
    Ok(JobStarted { job_id: job_id.to_string() })
}

fn run(record: RunRecord) -> SyncRunRow {
    let is_changed = words::changes(&record.report.left) + words::changes(&record.report.right) > 0;
    SyncRunRow {
        run_id: record.id.to_string(),
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
    let mut all =
        database(api, record.id)?.runs(0, keepwell_sync::database::rows::RUNS_KEPT).map_err(Fault::from)?;
    all.retain(|record| {
        record.state == RunState::Undone
            || words::changes(&record.report.left) + words::changes(&record.report.right) > 0
    });
    Ok(SyncRunPage { total: Count::from(all.len()), runs: cut(all, rows).into_iter().map(run).collect() })
}

pub(crate) fn sync_undo(api: &Api, request: SyncUndo) -> Result<JobStarted, ApiError> {
    let (record, _) = named(api, &request.pair_id)?;
    let run = convert::job_id(&request.run_id)?;
    if database(api, record.id)?.run(run).map_err(Fault::from)?.is_none() {
        return Err(
            ApiError::not_found("There is no such run of this pair.").hint("Look at its list of runs.")
        );
    }
    free(api, record.id, false)?;
    // The next run would carry parts of it over again: the pair is held, and a person looks at it first.
    let job_id = api.syncs.start_undo(&api.engine, record.id, run)?;
    wake(api);
    Ok(JobStarted { job_id: job_id.to_string() })
}
