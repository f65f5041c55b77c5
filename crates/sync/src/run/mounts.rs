//! Folders inside a place over which a volume was mounted when both sides agreed on what is in them, and is not now:
//! what shows there is the folder below, whatever somebody put into it meanwhile, or another volume.
//!
//! Invariants: such a folder stays one until that volume is back, or the folder is not there any more; before it is taken
//! for one it is asked for once, because what is mounted by itself when it is needed may have been let go of. Deliberately
//! not here: what becomes of it (`scan::covered`), the root of a place (`prepare` asks which one it is).

use std::collections::BTreeSet;

use keepwell_endpoint::local::mounted_below;
use keepwell_model::{EntryKind, RelativePath};

use super::Syncer;
use crate::database::mounts::Mounts;
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::scan::folder_at;

/// The folders of the base on a side that are covered by nothing, or by another volume. What is mounted now is kept.
pub(super) fn covered(syncer: &Syncer, side: Side) -> Result<BTreeSet<NodeId>, SyncError> {
    let tree = &**syncer.tree(side);
    let Some(root) = tree.local_root() else { return Ok(BTreeSet::new()) };
    let known = syncer.database().mounts(side)?;
    let mut now = mounted_below(&root);
    if known.keys().any(|path| !now.contains_key(path)) {
        for path in known.keys() {
            // Only asked for: what it answers is looked at later.
            let _ = tree.list(path);
        }
        now = mounted_below(&root);
    }
    let of_base = |path: &RelativePath| {
        let id = folder_at(syncer.base(), side, path)?;
        (!syncer.base().children(id).is_empty()).then_some(id)
    };
    let mut covered = BTreeSet::new();
    let mut kept: Mounts = now.clone();
    for (path, volume) in &known {
        let is_there = match now.get(path) {
            Some(now) => now == volume || now.is_empty() || volume.is_empty(),
            None => false,
        };
        let is_folder =
            || matches!(tree.stat(path), Ok(Some(item)) if item.fingerprint.kind == EntryKind::Folder);
        if let Some(id) = of_base(path).filter(|_| !is_there && is_folder()) {
            covered.insert(id);
            kept.insert(path.clone(), volume.clone());
        }
    }
    if kept != known {
        syncer.database().set_mounts(side, &kept)?;
    }
    Ok(covered)
}
