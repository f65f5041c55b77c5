//! What rows of a plan will put into the bins: written down, each with a place of its own, before any of them is done.
//!
//! Deliberately not here: putting it there (`execute::bin`).

use std::collections::{HashMap, HashSet};

use keepwell_endpoint::tree::UnicodeNames;
use keepwell_model::RelativePath;

use super::Execution;
use super::bin::{Planned, bin_path, bin_path_again, path_key};
use super::view::View;
use crate::database::rows::BinItem;
use crate::error::SyncError;
use crate::node::{Content, Side};
use crate::plan::Action;

impl Execution<'_> {
    /// Writes down what will go to the bins with these rows.
    pub(super) fn expect_in_bin(
        &self,
        ready: &[usize],
        view: &View<'_>,
    ) -> Result<HashMap<usize, Planned>, SyncError> {
        let mut numbers = Vec::new();
        let mut items = Vec::new();
        let mut emptied = [None, None];
        for &number in ready {
            let operation = &self.plan.operations[number];
            let is_replaced = match operation.action {
                Action::Remove => false,
                Action::Replace => true,
                _ => continue,
            };
            let node = operation.node_on(operation.side);
            let Some(known) = view.known(operation.side, node) else { continue };
            let path = operation.from().unwrap_or(&operation.path);
            let emptied = &mut emptied[usize::from(operation.side == Side::Right)];
            // What can not be known now is told by the row itself.
            let place = if is_replaced { self.tools.tree(operation.side).place_of(path).ok() } else { None };
            let path = place.as_ref().unwrap_or(path);
            numbers.push(number);
            items.push(BinItem {
                id: 0,
                run: self.run,
                side: operation.side,
                node: operation.node,
                path: path.clone(),
                bin_path: match is_replaced && self.is_emptied(operation.side, path, emptied) {
                    true => bin_path_again(self.run, path),
                    false => bin_path(self.run, path),
                },
                kind: known.state.kind,
                size_bytes: known.state.size_bytes,
                modified: known.state.modified,
                hash: match known.state.content {
                    Content::Known(hash) => Some(hash),
                    _ => None,
                },
                why: operation.why,
                is_replaced,
                at_ms: self.now_ms,
            });
        }
        if items.is_empty() {
            return Ok(HashMap::new());
        }
        let ids = self.database.expect_in_bin(&items)?;
        let planned = ids.into_iter().zip(items).map(|(id, item)| Planned { id, path: item.bin_path });
        Ok(numbers.into_iter().zip(planned).collect())
    }

    /// Whether this run puts something else into the bin from this path, before anything is replaced. In `emptied` is
    /// remembered from where, on a place where paths have several forms.
    fn is_emptied(&self, side: Side, path: &RelativePath, emptied: &mut Option<HashSet<Vec<u8>>>) -> bool {
        let operations = &self.plan.operations;
        let removals = &operations[..operations.partition_point(|row| row.batch == 0)];
        if removals.binary_search_by(|row| (row.side, &row.path).cmp(&(side, path))).is_ok() {
            return true;
        }
        let place = self.tools.tree(side).capabilities();
        if place.case_sensitive && place.unicode == UnicodeNames::Kept {
            return false;
        }
        let key = path_key(path, place);
        emptied
            .get_or_insert_with(|| {
                let of_side = removals.iter().filter(|row| row.side == side);
                of_side.map(|row| path_key(&row.path, place).into_owned()).collect()
            })
            .contains(&*key)
    }
}
