//! Finding what lies in the bins of a pair whose index knows nothing of it: its database was lost, or the pair is new over
//! places that were synced before.
//!
//! Invariants: the index learns only of files and links that are there, each once, and never of what another pair's index
//! names; nothing is moved. What was found is listed, comes back and goes for good like all else in a bin; by itself
//! (`bins::care`) it goes only where a run of this pair put it there, for the rules of others may keep it longer.
//! Deliberately not here: whose a run is (`jobs`), bringing back (`bins::bring_back`).

use std::collections::HashSet;
use std::str::FromStr;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, Tree, TreeItem};
use keepwell_model::{Control, EntryKind, JobId, Problem, RelativePath, Timestamp};

use crate::database::rows::BinItem;
use crate::error::SyncError;
use crate::execute::bin::{AGAIN, BIN_FOLDER};
use crate::node::{NodeId, Side};
use crate::pair::shown;
use crate::place::made_folders::joined;
use crate::plan::Why;
use crate::run::Syncer;

/// Items of one side that are found at most.
pub const FOUND_LIMIT: usize = 1_000_000;
/// The node of what was found: which one it was nobody knows.
const FOUND: NodeId = NodeId::ROOT;
/// As [`FOUND`], of what a run of this very pair put there. No item has this id: those of a look begin after it.
const FOUND_OWN: NodeId = NodeId(NodeId::FRESH_LEFT);

/// Whose run it was that put something into a bin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// One of this pair.
    This,
    /// One of another pair, whose index knows it.
    Another,
    /// Nobody here knows.
    Unknown,
}

impl BinItem {
    /// Whether it was found in the bin, and nobody knows what became of it in its place.
    #[must_use]
    pub fn is_found(&self) -> bool {
        self.node == FOUND || self.node == FOUND_OWN
    }

    /// Whether the pair's rules say how long it stays.
    pub(super) fn is_thinned(&self) -> bool {
        self.node != FOUND
    }

    /// The node that has its place now, for the index.
    pub(super) fn node_in_its_place(&self) -> NodeId {
        if self.is_found() { NodeId(NodeId::FRESH_RIGHT) } else { self.node }
    }
}

impl Syncer {
    /// Whether the index names all that lies in the bins: something was agreed on with both places.
    ///
    /// # Errors
    /// The database can not be read.
    pub fn knows_its_bins(&self) -> Result<bool, SyncError> {
        let database = self.database();
        Ok(database.identity(Side::Left)?.is_some() && database.identity(Side::Right)?.is_some())
    }

    /// Puts into the index what lies in the bins and is not in it, as long as nothing was agreed on: afterwards the index
    /// is right. How many items were found.
    ///
    /// # Errors
    /// The bin of a place can not be looked at; the database refused; the person stopped it.
    pub fn find_in_bins(&self, whose: &dyn Fn(JobId) -> Whose, control: &Control) -> Result<u64, SyncError> {
        let mut found = 0;
        for side in Side::BOTH {
            if self.database().identity(side)?.is_some() {
                continue;
            }
            let tree = self.tree(side).as_ref();
            let bin = joined(&joined(&RelativePath::root(), OWN_FOLDER), BIN_FOLDER);
            let runs = match tree.list(&bin) {
                Ok(runs) => runs,
                Err(EndpointError::NotFound { .. }) => continue,
                Err(source) => return Err(SyncError::Place { side, source }),
            };
            let known = self.database().bin_paths(side)?;
            let mut items = Vec::new();
            for run in runs {
                let Some(id) = run_of(&run) else { continue };
                let whose = whose(id);
                if whose != Whose::Another {
                    let node = if whose == Whose::This { FOUND_OWN } else { FOUND };
                    let at = run.fingerprint.modified.unwrap_or_else(|| self.now());
                    let walk = Walk { side, run: id, node, at_ms: at.to_milliseconds(), known: &known };
                    let root = joined(&bin, &run.name);
                    let place = self.pair().side_name(side);
                    walk.all(tree, &root, place, &mut items, control)?;
                }
            }
            self.database().add_to_bin(&items)?;
            found += items.len() as u64;
        }
        Ok(found)
    }
}

/// The run a folder of a bin is of.
fn run_of(folder: &TreeItem) -> Option<JobId> {
    let name = std::str::from_utf8(&folder.name).ok()?;
    let name = name.strip_suffix(AGAIN).unwrap_or(name);
    JobId::from_str(name).ok().filter(|_| folder.fingerprint.kind == EntryKind::Folder)
}

/// One run's part of a bin.
struct Walk<'a> {
    side: Side,
    run: JobId,
    node: NodeId,
    at_ms: i64,
    known: &'a HashSet<RelativePath>,
}

impl Walk<'_> {
    fn all(
        &self,
        tree: &dyn Tree,
        root: &RelativePath,
        place: &str,
        items: &mut Vec<BinItem>,
        control: &Control,
    ) -> Result<(), SyncError> {
        let mut folders = vec![(root.clone(), RelativePath::root())];
        while let Some((bin_folder, folder)) = folders.pop() {
            control.checkpoint()?;
            let listed = match tree.list(&bin_folder) {
                Ok(listed) => listed,
                Err(error) => {
                    control.problem(Problem::new(
                        shown(place, &bin_folder),
                        "This folder of the bin could not be read; what is in it is not listed.",
                        error.sentence(),
                        error.next_step(),
                    ));
                    continue;
                }
            };
            for item in listed {
                let (bin_path, path) = (joined(&bin_folder, &item.name), joined(&folder, &item.name));
                match item.fingerprint.kind {
                    EntryKind::Folder => folders.push((bin_path, path)),
                    EntryKind::File | EntryKind::Symlink if !self.known.contains(&bin_path) => {
                        if items.len() >= FOUND_LIMIT {
                            control.problem(Problem::new(
                                shown(place, root),
                                "The bin holds more than can be listed.",
                                format!("Of each place {FOUND_LIMIT} items are."),
                                "Remove by hand what you do not need of it.",
                            ));
                            return Ok(());
                        }
                        items.push(self.item(bin_path, path, &item));
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    fn item(&self, bin_path: RelativePath, path: RelativePath, item: &TreeItem) -> BinItem {
        let print = &item.fingerprint;
        let is_file = print.kind == EntryKind::File;
        BinItem {
            id: 0,
            run: self.run,
            side: self.side,
            node: self.node,
            path,
            bin_path,
            kind: print.kind,
            size_bytes: if is_file { print.size_bytes } else { 0 },
            modified: print.modified.filter(|_: &Timestamp| is_file),
            hash: None,
            why: Why::Removed,
            is_replaced: false,
            at_ms: self.at_ms,
        }
    }
}
