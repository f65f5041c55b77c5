//! Where the items lie that a side moved and the plan leaves where they are, and where they were.
//!
//! Nothing of such a move is agreed on, so the base keeps the item at its old place; and nobody tells of that folder a
//! second time. A later run that looks only where something changed would take the item to be there still, whatever
//! became of it at its new place. Invariant: an item is looked for at both of its places, never at the old one alone: it
//! would be taken for removed. Deliberately not here: looking (`run::look`).

use std::collections::BTreeSet;

use keepwell_model::RelativePath;

use super::view::{Slot, View, number};
use crate::node::Side;
use crate::policy::Mode;

/// These folders of the left and of the right.
pub(super) fn folders_of_moves_that_wait(view: &View<'_>) -> [BTreeSet<RelativePath>; 2] {
    let mut found = [BTreeSet::new(), BTreeSet::new()];
    // The others leave for good what the right moved, and may leave much.
    if view.policy.mode != Mode::TwoWay {
        return found;
    }
    for (row, node) in view.nodes.iter().enumerate() {
        if !node.is_held || !Side::BOTH.iter().any(|side| view.is_moved(row, *side)) {
            continue;
        }
        // A side that has it as the base says tells when it changes.
        for side in Side::BOTH.into_iter().filter(|side| !matches!(view.slot(row, *side), Slot::AsBase)) {
            let places = [view.base.path_on(side, node.id), view.path_now(row, side)];
            found[number(side)].extend(places.into_iter().flatten().filter_map(|path| path.parent()));
        }
    }
    found
}
