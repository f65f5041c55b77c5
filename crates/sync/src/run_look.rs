//! Looking at one side: its differences from the base, folder by folder.
//!
//! Invariants: those of [`SideTree`]; a folder that can not be listed is blind, and so is all below it. In the making:
//! the parallel scan with rules and hints takes its place.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, Tree, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, Problem, RelativePath};

use crate::error::SyncError;
use crate::node::{Content, NodeId, Side, State};
use crate::trees::{BaseTree, Circumstances, Seen, SeenNode, SideTree};

/// Looks at everything below the root of a side.
pub(crate) fn look(
    tree: &dyn Tree,
    base: &BaseTree,
    side: Side,
    control: &Control,
) -> Result<SideTree, SyncError> {
    let mut found = SideTree {
        changes: BTreeMap::new(),
        blind: BTreeSet::new(),
        occupied: BTreeSet::new(),
        capabilities: *tree.capabilities(),
        circumstances: Circumstances::default(),
    };
    let mut next = match side {
        Side::Left => NodeId::FRESH_LEFT,
        Side::Right => NodeId::FRESH_RIGHT,
    };
    let mut folders = vec![(NodeId::ROOT, RelativePath::root())];
    while let Some((folder, path)) = folders.pop() {
        control.checkpoint()?;
        let items = match tree.list(&path) {
            Ok(items) => items,
            Err(EndpointError::NotFound { .. }) if path.is_root() => {
                found.circumstances.is_root_gone = true;
                break;
            }
            Err(error) if path.is_root() => return Err(SyncError::Place { side, source: error }),
            Err(error) => {
                control.problem(Problem::new(
                    path.to_string(),
                    "This folder could not be read",
                    error.to_string(),
                    error.next_step(),
                ));
                found.blind.insert(folder);
                continue;
            }
        };
        let mut known: HashMap<&[u8], NodeId> = base
            .children(folder)
            .iter()
            .filter_map(|id| base.get(*id).map(|entry| (entry.name_on(side), *id)))
            .collect();
        for item in items {
            if path.is_root() && item.name == OWN_FOLDER {
                continue;
            }
            let kind = item.fingerprint.kind;
            if !matches!(kind, EntryKind::File | EntryKind::Folder | EntryKind::Symlink) {
                found.occupied.insert(folder);
                continue;
            }
            found.circumstances.items += 1;
            let Ok(at) = path.join(&item.name) else { continue };
            let known = known.remove(&item.name[..]);
            let entry = known.and_then(|id| base.get(id).map(|entry| (id, entry)));
            let same_kind = entry.filter(|(_, entry)| entry.state.kind == kind);
            let id = match same_kind {
                Some((id, entry)) => {
                    let is_mode_same = item.mode.is_none() || item.mode == entry.state.mode;
                    if kind == EntryKind::Folder {
                        folders.push((id, at.clone()));
                    }
                    if is_mode_same && item.fingerprint.is_unchanged_since(entry.fingerprint_on(side)) {
                        continue;
                    }
                    id
                }
                None => {
                    if let Some((gone, _)) = entry {
                        found.changes.insert(gone, Seen::Gone);
                    }
                    let id = NodeId(next);
                    next += 1;
                    if kind == EntryKind::Folder {
                        folders.push((id, at.clone()));
                    }
                    id
                }
            };
            let state = state(tree, &at, &item).map_err(SyncError::place(side))?;
            found.changes.insert(
                id,
                Seen::Here(SeenNode {
                    parent: folder,
                    name: item.name,
                    state,
                    fingerprint: item.fingerprint,
                }),
            );
        }
        found.changes.extend(known.into_values().map(|gone| (gone, Seen::Gone)));
    }
    Ok(found)
}

fn state(tree: &dyn Tree, path: &RelativePath, item: &TreeItem) -> Result<State, EndpointError> {
    let print = &item.fingerprint;
    let content = match print.kind {
        EntryKind::Symlink => Content::Known(ContentHash(*blake3::hash(&tree.read_link(path)?).as_bytes())),
        EntryKind::File => Content::Unread,
        _ => Content::None,
    };
    Ok(State {
        kind: print.kind,
        size_bytes: print.size_bytes,
        content,
        modified: print.modified.filter(|_| print.kind != EntryKind::Folder),
        mode: item.mode,
        attributes: None,
    })
}
