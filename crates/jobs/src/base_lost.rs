//! Whether a pair's database is the one of its last run.
//!
//! A file that is gone or empty is a new database for `SQLite`, and of a write-ahead log it takes what comes before a
//! damage for all there is. So the catalog knows that a pair ran, and the mark of its database, which every job that
//! writes moves on in its end, however that is: runs, undo, bringing back, emptying; these three also before they change
//! anything, for a run that is killed leaves nothing that an older base would mistake. Invariants: a database whose mark is
//! lower counts as lost, is told as such by the next run, and nothing is removed because of it; one whose mark is higher,
//! as after a job that was killed, does not. Deliberately not here: what a damaged database is, and the mark itself
//! (`sync::database`).

use keepwell_catalog::{Catalog, CatalogError};
use keepwell_model::PairId;
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
    // Read first: a job that moves it on meanwhile does so in the database before it is noted here.
    let last = noted(catalog, id)?;
    let has_run = || standing(catalog, id).map(|standing| standing.is_some_and(|standing| standing.has_run));
    // What can not be read is told by the run that comes upon it.
    let (is_new, is_older) = match says(database, last) {
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

/// Whether a database knows of no run, and whether it is from before the last job that the catalog knows.
fn says(database: &PairDatabase, last: u64) -> Result<(bool, bool), SyncError> {
    if database.lost()?.is_some() {
        return Ok((false, false));
    }
    if !database.knows_a_run()? {
        return Ok((true, false));
    }
    Ok((false, database.mark()? < last))
}

/// Moves the mark of a pair's database on where something is written, or it is another database than before, and notes it.
pub(crate) fn move_on(
    catalog: &Catalog,
    id: PairId,
    database: &PairDatabase,
    writes: bool,
) -> Result<(), Fault> {
    let (mut mark, last) = (database.mark()?, noted(catalog, id)?);
    if writes || mark < last {
        mark = database.move_mark_on(last)?;
    }
    if mark != last {
        catalog.set_setting_soon(&setting(id), &mark.to_string())?;
    }
    Ok(())
}

/// Forgets it with the pair.
pub(crate) fn forget(catalog: &Catalog, id: PairId) -> Result<(), CatalogError> {
    catalog.remove_setting(&setting(id))
}

fn setting(id: PairId) -> String {
    format!("pairMark/{id}")
}

/// The mark that was noted last; 0 before the first job.
fn noted(catalog: &Catalog, id: PairId) -> Result<u64, CatalogError> {
    Ok(catalog.setting(&setting(id))?.and_then(|text| text.parse().ok()).unwrap_or(0))
}
