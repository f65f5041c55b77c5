//! Whether a pair's database is the one of its last run.
//!
//! A file that is gone or empty is a new database for `SQLite`, and of a write-ahead log it takes what comes before a
//! damage for all there is. So the catalog knows that a pair ran, and which of its runs was the last one. Invariants:
//! what does not know that run counts as lost, is told as such by the next run, and nothing is removed because of it;
//! one that may know more than the catalog does not. Deliberately not here: what a damaged database is
//! (`sync::database`).

use keepwell_catalog::{Catalog, CatalogError};
use keepwell_model::{JobId, PairId};
use keepwell_sync::{PairDatabase, SyncError};

use crate::outcome::Fault;
use crate::standing::standing;

/// Looks at the database of a pair that was opened just now, and has it say what it is where it is in place of one that
/// is gone, or older than the pair's last run.
pub(crate) fn look(
    catalog: &Catalog,
    id: PairId,
    database: &PairDatabase,
    was_there: bool,
    now_ms: i64,
) -> Result<(), Fault> {
    // Read first: a run that ends meanwhile is in the database before it is noted here.
    let last = catalog.setting(&setting(id))?;
    let has_run = || standing(catalog, id).map(|standing| standing.is_some_and(|standing| standing.has_run));
    // What can not be read is told by the run that comes upon it.
    let (is_new, is_older) = match says(database, last.as_deref()) {
        Ok(said) => said,
        Err(error) => {
            tracing::warn!(%error, pair = %id, "whether this is the database of the last run is not known");
            return Ok(());
        }
    };
    if is_new && has_run()? {
        let path = database.path().display();
        let notice = if was_there {
            format!("There was nothing in {path} any more.")
        } else {
            format!("There is no {path} any more.")
        };
        database.note_lost(&notice)?;
    } else if is_older {
        database.start_anew_from_older(now_ms)?;
    }
    Ok(())
}

/// Whether a database knows of no run, and whether it is from before the last one that the catalog knows.
fn says(database: &PairDatabase, last: Option<&str>) -> Result<(bool, bool), SyncError> {
    if database.lost()?.is_some() {
        return Ok((false, false));
    }
    if !database.knows_a_run()? {
        return Ok((true, false));
    }
    let Some((run, began_ms)) = last.and_then(read) else { return Ok((false, false)) };
    if database.run(run)?.is_some() {
        return Ok((false, false));
    }
    // An older Keepwell may have run it so often since that this one is not listed any more.
    let newest = database.runs(0, 1)?.first().map(|run| run.started.to_milliseconds());
    Ok((false, newest.is_none_or(|newest| newest < began_ms)))
}

/// Notes the run that a pair's database knows as its last one.
pub(crate) fn remember(
    catalog: &Catalog,
    id: PairId,
    database: &PairDatabase,
    run: JobId,
) -> Result<(), Fault> {
    let newest = match database.run(run)? {
        Some(run) => Some(run),
        // One that had nothing to do.
        None => database.runs(0, 1)?.into_iter().next(),
    };
    let text = newest.map(|run| format!("{} {}", run.id, run.started.to_milliseconds()));
    match (text, catalog.setting(&setting(id))?) {
        (Some(text), before) if before.as_ref() != Some(&text) => {
            catalog.set_setting_soon(&setting(id), &text)?;
        }
        (None, Some(_)) => catalog.remove_setting(&setting(id))?,
        _ => {}
    }
    Ok(())
}

/// Forgets it with the pair.
pub(crate) fn forget(catalog: &Catalog, id: PairId) -> Result<(), CatalogError> {
    catalog.remove_setting(&setting(id))
}

fn setting(id: PairId) -> String {
    format!("pairLastRun/{id}")
}

fn read(text: &str) -> Option<(JobId, i64)> {
    let (run, began_ms) = text.split_once(' ')?;
    Some((run.parse().ok()?, began_ms.parse().ok()?))
}
