//! Jobs of a sync pair about what lies in its bins: undo, bringing back, removing for good.
//!
//! Invariants: what was done until a person stopped it is told; whoever shares a hub that changed is told. Deliberately not
//! here: runs (`sync_work`), what undo and bringing back do (`sync::bins`).

use keepwell_sync::bins::care::Thinned;
use keepwell_sync::{Done, Mode, PairSpec, Side, SyncError};

use crate::merkle::MerkleTree;
use crate::outcome::{Ending, Fact, Fault, Outcome};
use crate::pairs::PairDefinition;
use crate::request::{BinRemoval, SyncJob};
use crate::run::Running;
use crate::sync_work::leaf;
use crate::syncs::Syncs;

/// The fact of items that were removed from the bins for good.
const REMOVED_FOR_GOOD: &str = "removedForGood";
/// The fact of items that came back to where the pair's next run puts them into the bin again.
const GOES_AGAIN: &str = "goesAgain";
/// The fact of runs that were undone to their end.
const RUNS_UNDONE: &str = "runsUndone";

/// Whether a run takes away what is only on this side.
pub(crate) fn goes_again(mode: Mode, side: Side) -> bool {
    match mode {
        Mode::Mirror => side == Side::Right,
        Mode::MoveIn => side == Side::Left,
        Mode::TwoWay | Mode::Update => false,
    }
}

/// Undoes runs (the pair is held since this was asked for), or brings single items back from the bins (it is
/// held where they would go there again).
pub(crate) fn put_back(
    running: &Running<'_>,
    job: &SyncJob,
    syncs: &Syncs,
    definition: &PairDefinition,
) -> Result<Ending, Fault> {
    let mut syncer = syncs.open_patiently(&definition.pair, running.control)?;
    running.desk.planned();
    syncs.move_on(&syncer, true);
    let mut tree = MerkleTree::default();
    let (mut count, mut going_again, mut is_left_changed) = (0, 0, false);
    let mut told = |done: &Done| {
        tree.add(&leaf(done));
        count += 1;
        going_again += u64::from(goes_again(definition.pair.mode, done.side));
        is_left_changed |= done.side == Side::Left;
    };
    let (mut runs_undone, mut left_alone) = (0, 0);
    let mut put_all_back = || -> Result<(), SyncError> {
        let (deed, control) = (running.job_id, running.control);
        if job.undo.is_none() {
            left_alone = syncer.bring_back(&job.bring_back, deed, control, &mut told)?.left_alone;
        }
        // As they lie over each other: the first that can not be undone or is stopped ends it.
        for run in job.undoes() {
            left_alone += syncer.undo(run, deed, control, &mut told)?.left_alone;
            runs_undone += 1;
        }
        Ok(())
    };
    let ended = put_all_back();
    syncs.move_on(&syncer, true);
    if is_left_changed {
        syncs.tell_hub(job.pair_id, definition);
    }
    let label =
        if job.undo.is_some() { ("undone", "As before that run") } else { ("broughtBack", "Brought back") };
    // Also where it was stopped: so many are as they were.
    let mut outcome = Outcome {
        items: count,
        facts: vec![Fact::count(label.0, label.1, count)],
        merkle_root: tree.root_text(),
        ..Outcome::default()
    };
    let is_stopped = matches!(ended, Err(SyncError::Cancelled));
    let left_alone = if is_stopped { running.control.problems().total } else { left_alone };
    outcome.facts.push(Fact::count("leftAlone", "Left as they are", left_alone));
    if job.undo.is_some() {
        outcome.facts.push(Fact::count(RUNS_UNDONE, "Runs undone", runs_undone));
    } else if going_again > 0 {
        outcome.facts.push(Fact::count(
            GOES_AGAIN,
            "Would go into the bin again by the next run",
            going_again,
        ));
    }
    match ended {
        Ok(()) => Ok(Ending::Done(outcome)),
        Err(SyncError::Cancelled) => Ok(Ending::Cancelled(outcome)),
        Err(error) => Err(error.into()),
    }
}

/// Removes from the bins for good what a person said.
pub(crate) fn remove_from_bin(
    running: &Running<'_>,
    syncs: &Syncs,
    pair: &PairSpec,
    removal: &BinRemoval,
) -> Result<Ending, Fault> {
    let syncer = syncs.open_patiently(pair, running.control)?;
    running.desk.planned();
    syncs.move_on(&syncer, true);
    let mut gone = Thinned::default();
    let ended = match removal {
        BinRemoval::Items(wishes) => syncer.remove_from_bin(wishes, running.control, &mut gone),
        BinRemoval::AllUntil(until_ms) => syncer.empty_bin(*until_ms, running.control, &mut gone),
    };
    syncs.move_on(&syncer, true);
    // Also where it was stopped: so many are gone.
    let outcome = Outcome {
        items: gone.items,
        bytes: gone.bytes,
        facts: vec![
            Fact::count(REMOVED_FOR_GOOD, "Removed for good", gone.items),
            Fact::bytes("freedBytes", "Freed", gone.bytes),
        ],
        ..Outcome::default()
    };
    match ended {
        Ok(()) => Ok(Ending::Done(outcome)),
        Err(SyncError::Cancelled) => Ok(Ending::Cancelled(outcome)),
        Err(error) => Err(error.into()),
    }
}
