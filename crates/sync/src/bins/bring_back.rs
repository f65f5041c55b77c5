//! Back from the bin: single items, and the deeds on single items that undoing is made of.
//!
//! Invariants:
//! 1. Nothing is lost by bringing back: what is in the way goes to the bin itself, under the deed's own number.
//! 2. Of what makes way and what comes, both happen or none, and the index is not settled before both are on the disk: so
//!    what is broken off between the two is put back when the pair is opened again, and is no removal for the other side.
//!
//! Deliberately not here: whole runs (`bins::undo`); what the next run does about it (`planner`); thinning (`bins::care`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Fingerprint, Tree, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, JobId, Phase, Problem, RelativePath};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};

use crate::database::rows::BinItem;
use crate::error::SyncError;
use crate::execute::bin::{Planned, bin_path, put_into_bin};
use crate::node::{NodeId, Side};
use crate::pair::shown;
use crate::place::copy::CopyError;
use crate::place::made_folders::MadeFolders;
use crate::place::relocate::{is_changed_meanwhile, relocate};
use crate::plan::Why;
use crate::run::Syncer;
use crate::run_types::{ActionKind, Done};

/// What came of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BroughtBack {
    /// Items that are as they were before.
    pub items: u64,
    /// Items that were left alone; each has a problem that says why.
    pub left_alone: u64,
}

/// An item of a bin that is to be brought back. The numbers of rows are given again, so the moment it went there is a part
/// of its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BinWish {
    /// Its number in the index.
    pub id: i64,
    /// When it went there.
    pub at_ms: i64,
}

impl BinWish {
    /// The wish for an item as it is in the index now.
    #[must_use]
    pub fn of(item: &BinItem) -> Self {
        Self { id: item.id, at_ms: item.at_ms }
    }
}

/// Why an item was left alone: a sentence, and what to do.
pub(crate) struct Alone(pub(super) &'static str, pub(super) &'static str);

const GONE: Alone = Alone("It is not in the bin any more.", "Bring it back from a backup.");

/// What stops one item, or everything.
pub(crate) enum Trouble {
    Alone(Alone),
    /// Of a folder that moves file by file, not everything did.
    Partly(EndpointError),
    Place(EndpointError),
    All(SyncError),
}

impl From<CopyError> for Trouble {
    fn from(error: CopyError) -> Self {
        match error {
            CopyError::Target(error) | CopyError::Source(error) => Self::Place(error),
            CopyError::Changed => {
                Self::Alone(Alone("It changed while this was done.", "Look at it, then try again."))
            }
            CopyError::Cancelled => Self::All(SyncError::Cancelled),
        }
    }
}

impl From<EndpointError> for Trouble {
    fn from(error: EndpointError) -> Self {
        Self::Place(error)
    }
}

impl From<SyncError> for Trouble {
    fn from(error: SyncError) -> Self {
        Self::All(error)
    }
}

impl Syncer {
    /// Brings single items back from the bin to where they were. What is there now goes to the bin, under `deed`.
    ///
    /// # Errors
    /// [`SyncError::AnotherPlace`]: nothing was changed; the database refused; the person stopped it: what was brought back
    /// until then stays.
    pub fn bring_back(
        &mut self,
        items: &[BinWish],
        deed: JobId,
        control: &Control,
        brought: &mut dyn FnMut(&Done),
    ) -> Result<BroughtBack, SyncError> {
        let wished = items.iter().filter_map(|wish| self.database().bin_item(wish.id).transpose());
        let sides: Vec<Side> =
            wished.map(|item| item.map(|item| item.side)).collect::<Result<_, SyncError>>()?;
        self.check_known_places(sides.into_iter())?;
        control.restart_counters(Phase::Copying);
        control.add_total(items.len() as u64, 0);
        control.set_total_known();
        let mut result = BroughtBack::default();
        let steady = Control::new();
        let deeds = Deeds::new(self, deed, &steady);
        let ended = deeds.bring_back(items, control, brought, &mut result);
        // Also where it was stopped: what is back is not in the bin any more.
        let forgotten = deeds.forget_left();
        ended?;
        forgotten?;
        Ok(result)
    }

    /// Waits until both places have on the disk what was done.
    fn settle_places(&self) -> Result<(), SyncError> {
        for side in Side::BOTH {
            self.tree(side).sync().map_err(SyncError::place(side))?;
        }
        Ok(())
    }
}

/// Counts what came of one item; only what concerns everything ends it all.
pub(super) fn note(
    outcome: Result<(), Trouble>,
    place: &str,
    path: &RelativePath,
    control: &Control,
    result: &mut BroughtBack,
) -> Result<(), SyncError> {
    const LEFT: &str = "This item was left as it is.";
    const PARTLY: &str = "Not everything in this folder was moved back.";
    let (what, why, next) = match outcome {
        Ok(()) => {
            result.items += 1;
            return Ok(());
        }
        Err(Trouble::All(error)) => return Err(error),
        Err(Trouble::Alone(Alone(why, next))) => (LEFT, why.to_owned(), next),
        Err(Trouble::Partly(error)) => {
            let by_hand =
                is_changed_meanwhile(&error).then_some("Look at both places, and move the rest by hand.");
            (PARTLY, error.sentence(), by_hand.unwrap_or(error.next_step()))
        }
        Err(Trouble::Place(error)) => (LEFT, error.sentence(), error.next_step()),
    };
    result.left_alone += 1;
    control.problem(Problem::new(shown(place, path), what, why, next));
    Ok(())
}

/// What was brought back, as a leaf of the receipt: it moved from the bin to where it was.
fn back(item: &BinItem) -> Done {
    Done {
        side: item.side,
        action: ActionKind::Move,
        path: item.path.clone(),
        other_path: Some(item.bin_path.clone()),
        hash: item.hash,
        size_bytes: item.size_bytes,
        why: Why::BroughtBack,
    }
}

/// The deeds on single items.
pub(crate) struct Deeds<'a> {
    pub(super) syncer: &'a Syncer,
    /// The number under which things go to the bin now.
    deed: JobId,
    /// Folders that are surely there, per side.
    folders: [MadeFolders; 2],
    /// What left the bin: the index forgets it when that is surely on the disk.
    left: Mutex<Vec<i64>>,
    /// What went there and stays: the index says so when that is surely on the disk.
    away: Mutex<Vec<i64>>,
    /// One that nobody stops: of what makes way and what comes, both happen or none. It is between items that a person
    /// stops.
    pub(super) control: &'a Control,
}

/// What made way and lies in the bin. Until it is told to stay, it is put back when the pair is opened again.
pub(crate) struct Away {
    id: i64,
    side: Side,
    path: RelativePath,
    pub(crate) bin_path: RelativePath,
    fingerprint: Fingerprint,
}

impl<'a> Deeds<'a> {
    pub(crate) fn new(syncer: &'a Syncer, deed: JobId, control: &'a Control) -> Self {
        Self {
            syncer,
            deed,
            folders: [MadeFolders::default(), MadeFolders::default()],
            left: Mutex::default(),
            away: Mutex::default(),
            control,
        }
    }

    pub(super) fn tree(&self, side: Side) -> &dyn Tree {
        self.syncer.tree(side).as_ref()
    }

    fn folders(&self, side: Side) -> &MadeFolders {
        match side {
            Side::Left => &self.folders[0],
            Side::Right => &self.folders[1],
        }
    }

    /// Brings items back, one after the other.
    fn bring_back(
        &self,
        items: &[BinWish],
        control: &Control,
        brought: &mut dyn FnMut(&Done),
        result: &mut BroughtBack,
    ) -> Result<(), SyncError> {
        for wish in items {
            control.checkpoint()?;
            let found = self.syncer.database().bin_item(wish.id)?;
            let Some(item) = found.filter(|item| item.at_ms == wish.at_ms) else {
                result.left_alone += 1;
                let (what, why) = ("This item was left as it is.", "It is not in the bin any more.");
                let next = "Look into the bin again; else bring it back from a backup.";
                control.problem(Problem::new(format!("number {}", wish.id), what, why, next));
                control.add_done(1, 0);
                continue;
            };
            control.set_current(item.path.as_bytes());
            let outcome = self
                .lies_in_bin(&item)
                .and_then(|()| self.clear_way(&item))
                .and_then(|away| self.out_of_bin(&item, away));
            if outcome.is_ok() {
                brought(&back(&item));
            }
            control.add_done(1, 0);
            note(outcome, self.syncer.pair().side_name(item.side), &item.path, control, result)?;
        }
        Ok(())
    }

    /// Nothing makes way for what can not come.
    pub(super) fn lies_in_bin(&self, item: &BinItem) -> Result<(), Trouble> {
        let is_there = item.kind == EntryKind::Folder || self.tree(item.side).stat(&item.bin_path)?.is_some();
        if is_there { Ok(()) } else { Err(Trouble::Alone(GONE)) }
    }

    pub(super) fn make_folder(&self, side: Side, path: &RelativePath) -> Result<(), Trouble> {
        Ok(self.folders(side).make(self.tree(side), path)?)
    }

    /// What is where an item comes back goes to the bin; folders stay where they are.
    fn clear_way(&self, coming: &BinItem) -> Result<Option<Away>, Trouble> {
        match self.tree(coming.side).stat(&coming.path)? {
            None => Ok(None),
            Some(item) if item.fingerprint.kind == EntryKind::Folder => Err(Trouble::Alone(Alone(
                "A folder has this name now.",
                "Rename the folder, then bring it back again.",
            ))),
            Some(item) => {
                let node = coming.node_in_its_place();
                self.put_away(coming.side, node, &coming.path, &item, None, true).map(Some)
            }
        }
    }

    /// What lay in the bin comes back, in the place of what made way; that is put back where it does not come.
    pub(super) fn out_of_bin(&self, item: &BinItem, away: Option<Away>) -> Result<(), Trouble> {
        // Until both are done it is to be looked at again, should this be broken off.
        let unsettled = self.syncer.database().unsettle_bin(item.id).map_err(Trouble::All);
        let came = unsettled.and_then(|()| self.moved_out(item));
        match &came {
            Ok(()) => {
                self.left.lock().push(item.id);
                away.into_iter().for_each(|away| self.stays_away(&away));
            }
            Err(_) => {
                away.into_iter().for_each(|away| self.comes_back(&away));
                // Where even that can not be asked, the next look tells.
                if matches!(self.tree(item.side).stat(&item.bin_path), Ok(Some(_))) {
                    self.syncer.database().settle_bin(&[item.id], &[])?;
                }
            }
        }
        came
    }

    /// What took its place is there, or nothing is to.
    pub(crate) fn stays_away(&self, away: &Away) {
        self.away.lock().push(away.id);
    }

    /// What was to take its place did not come.
    pub(crate) fn comes_back(&self, away: &Away) {
        let Away { id, side, path, bin_path, fingerprint } = away;
        match relocate(self.tree(*side), bin_path, path, fingerprint) {
            Ok(_) => self.left.lock().push(*id),
            Err(trouble) => tracing::warn!(%path, ?trouble, "what was to make way stays in the bin for now"),
        }
    }

    fn moved_out(&self, item: &BinItem) -> Result<(), Trouble> {
        if item.kind == EntryKind::Folder {
            return self.make_folder(item.side, &item.path);
        }
        let tree = self.tree(item.side);
        let there = tree.stat(&item.bin_path)?.ok_or(Trouble::Alone(GONE))?;
        self.make_parents(item.side, &item.path)?;
        relocate(tree, &item.bin_path, &item.path, &there.fingerprint)?;
        Ok(())
    }

    /// What left the bins is surely where it was, and forgotten there; what went there is surely there.
    pub(crate) fn forget_left(self) -> Result<(), SyncError> {
        self.syncer.settle_places()?;
        self.syncer.database().settle_bin(&self.away.into_inner(), &self.left.into_inner())
    }

    /// Puts something into the bin. The index has it unsettled until it is told to stay there.
    pub(crate) fn put_away(
        &self,
        side: Side,
        node: NodeId,
        path: &RelativePath,
        item: &TreeItem,
        hash: Option<ContentHash>,
        is_replaced: bool,
    ) -> Result<Away, Trouble> {
        let entry = BinItem {
            id: 0,
            run: self.deed,
            side,
            node,
            path: path.clone(),
            bin_path: bin_path(self.deed, path),
            kind: item.fingerprint.kind,
            size_bytes: item.fingerprint.size_bytes,
            modified: item.fingerprint.modified,
            hash,
            why: Why::BroughtBack,
            is_replaced,
            at_ms: self.syncer.now().to_milliseconds(),
        };
        let database = self.syncer.database();
        let ids = database.expect_in_bin(std::slice::from_ref(&entry))?;
        let id = ids.first().copied().unwrap_or_default();
        let planned = Planned { id, path: entry.bin_path };
        let (tree, expected) = (self.tree(side), &item.fingerprint);
        // Where it lies by now, should this fail, is looked at when the pair is opened again.
        let (bin_path, there) = put_into_bin(tree, self.folders(side), path, expected, &planned, database)?;
        Ok(Away { id, side, path: path.clone(), bin_path, fingerprint: there.fingerprint })
    }

    pub(super) fn make_parents(&self, side: Side, path: &RelativePath) -> Result<(), Trouble> {
        Ok(self.folders(side).make(self.tree(side), &path.parent().unwrap_or_default())?)
    }
}
