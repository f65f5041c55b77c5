//! Looking after the bins: what is too old or too much goes, and what a person throws away for good.
//!
//! Invariants: only what the index names is removed, and only where it still is what was put there; the index forgets an
//! item after the file is surely gone, never before, and never on the word of another place at the path. Folders of the
//! bin that hold nothing any more go with it.
//! Deliberately not here: which versions stay (`bins::thinning`), bringing back (`bins::bring_back`).

use std::collections::{BTreeSet, HashMap};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, Tree};
use keepwell_model::{Control, EntryKind, Problem, RelativePath};

use super::bring_back::BinWish;
use super::thinning::{BinVersion, thin};
use crate::database::bin_times::{CREDIBLE_MS, can_be_now};
use crate::database::rows::BinItem;
use crate::error::SyncError;
use crate::node::Side;
use crate::pair::shown;
use crate::place::marker;
use crate::run::Syncer;

/// How many items are read at once.
const ITEMS_AT_ONCE: u32 = 10_000;
/// Runs thin the bins when that was last done so long ago.
const EVERY_MS: i64 = 3_600_000;

/// What was removed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thinned {
    /// Versions.
    pub items: u64,
    /// Their bytes.
    pub bytes: u64,
}

impl Syncer {
    /// Thins the bins at the end of a run, where that was not done lately: a live pair runs every few seconds. A clock that
    /// is wrong once must not empty a bin: where it went back since that is only noted, and where it is far on, or nothing
    /// ran for so long, it is thinned as of the last time, which was one that others followed.
    pub(crate) fn thin_bin_if_due(&mut self, control: &Control) -> Result<(), SyncError> {
        let now_ms = self.now().to_milliseconds();
        if !can_be_now(now_ms) {
            return Ok(());
        }
        let last_ms = self.database().thinned_ms()?;
        match last_ms.map(|last_ms| now_ms.saturating_sub(last_ms)) {
            Some(0..EVERY_MS) => return Ok(()),
            Some(EVERY_MS..=CREDIBLE_MS) => drop(self.thin_bin(control)?),
            Some(passed_ms) if passed_ms > 0 => drop(self.thin_bin_as_of(now_ms - passed_ms, control)?),
            _ => {}
        }
        self.database().set_thinned_ms(now_ms)
    }

    /// Removes from both bins what the pair's rules no longer keep.
    ///
    /// # Errors
    /// The database refused; the person stopped it. Trouble with single items is a problem, and tried again next time.
    pub fn thin_bin(&mut self, control: &Control) -> Result<Thinned, SyncError> {
        self.thin_bin_as_of(self.now().to_milliseconds(), control)
    }

    fn thin_bin_as_of(&mut self, then_ms: i64, control: &Control) -> Result<Thinned, SyncError> {
        self.database().date_bin_anew(self.now().to_milliseconds())?;
        let mut result = Thinned::default();
        for side in Side::BOTH {
            let mut items = HashMap::new();
            let mut versions = Vec::new();
            let mut numbers: HashMap<(bool, RelativePath), u64> = HashMap::new();
            let mut offset = 0;
            loop {
                let more = self.database().bin_items(offset, ITEMS_AT_ONCE)?;
                offset += ITEMS_AT_ONCE;
                if more.is_empty() {
                    break;
                }
                for item in more.into_iter().filter(|item| item.side == side && item.is_thinned()) {
                    let next = numbers.len() as u64;
                    // A folder that had the name is no version of the file.
                    let is_folder = item.kind == EntryKind::Folder;
                    let number = *numbers.entry((is_folder, item.path.clone())).or_insert(next);
                    versions.push(BinVersion {
                        id: item.id,
                        item: number,
                        binned_ms: item.at_ms,
                        size_bytes: item.size_bytes,
                    });
                    items.insert(item.id, item);
                }
            }
            let gone: Vec<BinItem> = thin(&versions, &self.pair().bin, then_ms)
                .into_iter()
                .filter_map(|id| items.remove(&id))
                .collect();
            self.remove_for_good(side, &gone, control, &mut result)?;
        }
        Ok(result)
    }

    /// Removes items from the bin for good, because a person said so. What is gone is counted also where it ends early.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where one is not in the bin: nothing was removed then; as [`Syncer::thin_bin`].
    pub fn remove_from_bin(
        &self,
        wishes: &[BinWish],
        control: &Control,
        result: &mut Thinned,
    ) -> Result<(), SyncError> {
        let missing = |wish: &BinWish| SyncError::Missing { what: "bin item", id: wish.id.to_string() };
        let mut items: Vec<BinItem> = Vec::with_capacity(wishes.len());
        for wish in wishes {
            let found = self.database().bin_item(wish.id)?.filter(|item| item.at_ms == wish.at_ms);
            items.push(found.ok_or_else(|| missing(wish))?);
        }
        self.check_known_places(items.iter().map(|item| item.side))?;
        control.add_total(items.len() as u64, 0);
        for side in Side::BOTH {
            let of_side: Vec<BinItem> = items.iter().filter(|item| item.side == side).cloned().collect();
            self.remove_for_good(side, &of_side, control, result)?;
        }
        Ok(())
    }

    /// As [`Syncer::remove_from_bin`], of everything that went there up to a moment.
    ///
    /// # Errors
    /// As [`Syncer::thin_bin`].
    pub fn empty_bin(&self, until_ms: i64, control: &Control, result: &mut Thinned) -> Result<(), SyncError> {
        let mut wishes = Vec::new();
        let mut offset = 0;
        loop {
            let more = self.database().bin_items(offset, ITEMS_AT_ONCE)?;
            if more.is_empty() {
                break;
            }
            offset += ITEMS_AT_ONCE;
            wishes.extend(more.iter().filter(|item| item.at_ms <= until_ms).map(BinWish::of));
        }
        self.remove_from_bin(&wishes, control, result)
    }

    /// What is not in another place that sits at the path says nothing of the bin.
    pub(super) fn check_known_places(&self, sides: impl Iterator<Item = Side>) -> Result<(), SyncError> {
        let mut checked = [false; 2];
        for side in sides {
            if std::mem::replace(&mut checked[usize::from(side == Side::Right)], true) {
                continue;
            }
            // As long as nothing was agreed on, the bin is that of the place where it was found.
            let Some(known) = self.database().identity(side)? else { continue };
            if marker::identity(&**self.tree(side)).map_err(SyncError::place(side))? != known {
                return Err(SyncError::AnotherPlace { side });
            }
        }
        Ok(())
    }

    fn remove_for_good(
        &self,
        side: Side,
        items: &[BinItem],
        control: &Control,
        result: &mut Thinned,
    ) -> Result<(), SyncError> {
        if items.is_empty() {
            return Ok(());
        }
        self.check_known_places(std::iter::once(side))?;
        let tree = self.tree(side).as_ref();
        let mut folders = BTreeSet::new();
        let mut gone = Vec::new();
        let mut is_stopped = false;
        for item in items {
            if control.checkpoint().is_err() {
                is_stopped = true;
                break;
            }
            control.add_done(1, 0);
            match remove(tree, item) {
                Ok(()) => {
                    result.items += 1;
                    result.bytes += item.size_bytes;
                    folders.extend(item.bin_path.parent());
                    gone.push(item.id);
                }
                Err(error) => control.problem(Problem::new(
                    shown(self.pair().side_name(side), &item.bin_path),
                    "This version could not be removed from the bin.",
                    error.sentence(),
                    error.next_step(),
                )),
            }
        }
        for folder in folders {
            remove_empty(tree, folder);
        }
        if !gone.is_empty() {
            tree.sync().map_err(SyncError::place(side))?;
            // Asked again: it may have gone meanwhile.
            self.check_known_places(std::iter::once(side))?;
            self.database().settle_bin(&[], &gone)?;
        }
        if is_stopped { Err(SyncError::Cancelled) } else { Ok(()) }
    }
}

/// Removes one version; what is not there any more needs no removing.
fn remove(tree: &dyn Tree, item: &BinItem) -> Result<(), EndpointError> {
    if item.kind == EntryKind::Folder {
        return Ok(());
    }
    match tree.stat(&item.bin_path)? {
        Some(there) if there.fingerprint.size_bytes == item.size_bytes || item.kind != EntryKind::File => {
            tree.remove(&item.bin_path, &there.fingerprint)
        }
        Some(_) => Err(EndpointError::Changed { path: item.bin_path.to_string() }),
        None => Ok(()),
    }
}

/// Removes a folder of the bin and those above it, as far as they hold nothing. A folder that stays does no harm.
fn remove_empty(tree: &dyn Tree, folder: RelativePath) {
    let mut at = Some(folder);
    while let Some(folder) = at.filter(|folder| folder.components().count() > 2) {
        debug_assert_eq!(folder.components().next(), Some(OWN_FOLDER));
        let Ok(Some(item)) = tree.stat(&folder) else { return };
        if tree.remove(&folder, &item.fingerprint).is_err() {
            return;
        }
        at = folder.parent();
    }
}
