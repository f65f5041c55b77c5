//! Looking at both sides of a pair at once: with which rules, where, and how patiently.
//!
//! Invariants: both sides are asked with the same rules, those of the pair and those that lie in either root; where hints
//! say where to look, what waits for a person is looked at too. Deliberately not here: the look itself (`scan`).

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use keepwell_endpoint::tree::Tree;
use keepwell_model::{Control, EntryKind, Problem, RelativePath};

use super::Syncer;
use super::mounts;
use super::prepare::workers;
use crate::error::SyncError;
use crate::filter::{Filter, FilterError};
use crate::node::{NodeId, Side};
use crate::policy::Links;
use crate::run_types::Hints;
use crate::scan::{ScanOptions, is_known, scan, shared_rules};
use crate::trees::SideTree;

/// How long a file must have been still when changes are carried over as they happen.
const STILL: Duration = Duration::from_millis(150);

/// Both sides as they were seen, and with which rules.
pub(super) struct Look {
    pub left: SideTree,
    pub right: SideTree,
    /// The rules.
    pub rules: Arc<Filter>,
}

/// Looks at both sides; with hints only where they say.
pub(super) fn look_at_both(
    syncer: &Syncer,
    hints: Option<&Hints>,
    control: &Control,
) -> Result<Look, SyncError> {
    let tree = |side: Side| -> &dyn Tree { &**syncer.tree(side) };
    let mut shared = Vec::new();
    for side in Side::BOTH {
        shared.extend(shared_rules(tree(side)).map_err(SyncError::place(side))?);
    }
    let pair = syncer.pair();
    // A change shows wherever a link to it is, and a hint names only its own folder.
    let hints = hints.filter(|_| pair.links != Links::Follow);
    let open = [syncer.database().open_files(Side::Left)?, syncer.database().open_files(Side::Right)?];
    let hints = hints.map(|hints| with_what_waits(syncer, hints, &open)).transpose()?;
    let filter = Arc::new(Filter::new(&pair.rules, &shared, syncer.now())?);
    let attributes =
        pair.attributes && Side::BOTH.iter().all(|side| tree(*side).capabilities().extended_attributes);
    let workers = workers(tree(Side::Left), tree(Side::Right));
    let now_ms = syncer.now().to_milliseconds();
    let agreed_ms = syncer.database().runs(0, 1)?.first().map(|run| run.started.to_milliseconds());
    let covered = [mounts::covered(syncer, Side::Left)?, mounts::covered(syncer, Side::Right)?];
    let of = |side: Side| {
        let hints = hints.as_ref().and_then(|hints| hints.on(side));
        let options = ScanOptions {
            place: pair.side_name(side),
            filter: &filter,
            hints,
            links: pair.links,
            modes: pair.modes,
            attributes,
            shared_rules: !shared.is_empty(),
            // Only where the clock that set the times is the one that is read here.
            settle: hints.and_then(|_| tree(side).local_root()).map(|_| STILL),
            open: if side == Side::Left { &open[0] } else { &open[1] },
            covered: if side == Side::Left { &covered[0] } else { &covered[1] },
            now_ms,
            agreed_ms,
            workers,
        };
        scan(tree(side), syncer.base(), side, &options, control)
    };
    let (left, right) = if workers == 1 {
        (of(Side::Left)?, of(Side::Right)?)
    } else {
        std::thread::scope(|scope| {
            let left = scope.spawn(|| of(Side::Left));
            // The disk has nothing else to do.
            scope.spawn(|| syncer.database().work_in_log());
            let right = of(Side::Right);
            let left = left.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok::<_, SyncError>((left?, right?))
        })?
    };
    if hints.is_none() {
        tell_what_is_left_out(syncer, &filter, [&left, &right], control);
    }
    for (side, seen, before) in [(Side::Left, &left, &open[0]), (Side::Right, &right, &open[1])] {
        if seen.circumstances.open_files != *before {
            syncer.database().set_open_files(side, &seen.circumstances.open_files)?;
        }
    }
    Ok(Look { left, right, rules: filter })
}

/// Tells where rules leave out what nobody may expect: what both sides have alike then says nothing. Where a place is not
/// there, that says more.
fn tell_what_is_left_out(syncer: &Syncer, filter: &Filter, sides: [&SideTree; 2], control: &Control) {
    if sides.iter().any(|side| side.circumstances.is_root_gone) {
        return;
    }
    let both =
        || format!("{} and {}", syncer.pair().side_name(Side::Left), syncer.pair().side_name(Side::Right));
    let mut is_told = false;
    for folder in filter.folders().iter().filter(|folder| !is_known(syncer.base(), filter, folder)) {
        let may_be_there = |side: Side| match syncer.tree(side).stat(folder) {
            Ok(found) => found.is_some_and(|found| found.fingerprint.kind == EntryKind::Folder),
            // What can not be looked at is told by the look itself.
            Err(_) => true,
        };
        if !Side::BOTH.into_iter().any(may_be_there) {
            is_told = true;
            control.problem(Problem::new(
                folder.to_string(),
                "This folder was chosen to be synced, and is in neither place.",
                format!("{} have no folder of this name.", both()),
                "Correct its name, or take it out of the folders that are synced.",
            ));
        }
    }
    let is_nothing_left = sides.iter().all(|side| side.circumstances.items == 0)
        && sides.iter().any(|side| side.occupied.contains_key(&NodeId::ROOT))
        && !sides.iter().any(|side| side.circumstances.has_young)
        && !filter.takes_everything();
    if is_nothing_left && !is_told {
        control.problem(Problem::new(
            both(),
            "Nothing is synced: the rules leave out everything there is.",
            "No file or folder of either place is left.",
            "Change what is left out.",
        ));
    }
}

/// The folders in which the versions of conflicts lie are looked into too: what is not seen is not in the plan, and does
/// not wait for a person any more. So are those of the files that were open: nobody tells that one came to rest; and those
/// of what a side moved while that waits: nobody tells of its old place again when something happens to it at its new one.
fn with_what_waits(
    syncer: &Syncer,
    hints: &Hints,
    open: &[BTreeMap<RelativePath, i64>; 2],
) -> Result<Hints, SyncError> {
    let mut hints = hints.clone();
    for (folders, open) in [&mut hints.left, &mut hints.right].into_iter().zip(open) {
        let Some(folders) = folders else { continue };
        folders.extend(open.keys().filter_map(RelativePath::parent));
    }
    for (side, folders) in [(Side::Left, &mut hints.left), (Side::Right, &mut hints.right)] {
        let Some(folders) = folders else { continue };
        folders.extend(syncer.database().moved_folders(side)?);
    }
    for waiting in syncer.database().conflicts()? {
        let conflict = waiting.conflict;
        for (side, seen, folders) in [
            (Side::Left, conflict.left.path, &mut hints.left),
            (Side::Right, conflict.right.path, &mut hints.right),
        ] {
            let Some(folders) = folders else { continue };
            let agreed = syncer.base().path_on(side, conflict.node);
            folders.extend([seen, agreed].into_iter().flatten().filter_map(|path| path.parent()));
        }
    }
    Ok(hints)
}

impl From<FilterError> for SyncError {
    fn from(error: FilterError) -> Self {
        Self::Rule { rule: error.rule, why: error.why }
    }
}
