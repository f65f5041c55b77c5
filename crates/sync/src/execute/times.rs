//! Times of folders: set when all that is in them is done, because every deed in a folder changes its time.
//!
//! A time is a person's change only against what that very side showed last, as for files; so coarse times do not come
//! back as changes, and what a run does itself is none. Invariants:
//! 1. Nothing but the time is touched; a folder whose content a run changed has the time a person gave it, afterwards.
//! 2. Where both sides changed it the later time counts, in one-way modes the left's.
//! 3. After a run that was killed no time goes to the other side: what it did itself can not be told from a person then.
//!    Only folders it had made or opened get the time they were to have, and their permissions.
//!
//! The root has no time of the pair's. Deliberately not here: which folders changed (`scan`).

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicUsize, Ordering};

use keepwell_endpoint::tree::{Fingerprint, ItemMetadata, OWN_FOLDER, Tree, Version};
use keepwell_model::{EntryKind, Problem, RelativePath, Timestamp};
use parking_lot::Mutex;

use super::open::is_closed;
use super::view::View;
use super::{Execution, apply};
use crate::database::BaseChange;
use crate::node::{NodeId, Side};
use crate::plan::{Action, Agreement};
use crate::planner::differ;
use crate::policy::{Mode, Policy};
use crate::scan::attributes_hash;

/// Whose times count.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TimePolicy {
    /// The other side gets all of this one's.
    pub like: Option<Side>,
    /// The left is left alone.
    pub is_one_way: bool,
    /// The run before was killed.
    pub after_death: bool,
}

impl TimePolicy {
    pub(crate) fn of(policy: &Policy, after_death: bool) -> Self {
        let mirror = (policy.mode == Mode::Mirror).then_some(Side::Left);
        let is_one_way = policy.mode != Mode::TwoWay && policy.bring_back.is_none();
        Self { like: policy.makes_like().or(mirror), is_one_way, after_death }
    }
}

/// What is known of the times of a folder before anything was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct FolderTimes {
    /// As the look saw them.
    seen: [Option<Timestamp>; 2],
    /// What each side showed when they last agreed.
    known: [Option<Timestamp>; 2],
    /// The run does something in it.
    is_touched: [bool; 2],
    /// The run made it, or one that was killed did.
    is_made: [bool; 2],
}

fn number(side: Side) -> usize {
    usize::from(side == Side::Right)
}

impl FolderTimes {
    /// Whether the run does nothing in it on this side, which shows what it did.
    fn is_settled(&self, side: Side) -> bool {
        let number = number(side);
        let is_as_known = self.known[number].is_none() || self.known[number] == self.seen[number];
        is_as_known && !self.is_touched[number] && !self.is_made[number]
    }

    /// Which time each side is to have; nothing for one that is left alone.
    fn wanted(&self, policy: TimePolicy) -> [Option<Timestamp>; 2] {
        let own = self.seen;
        if let Some(made) = Side::BOTH.into_iter().find(|side| self.is_made[number(*side)]) {
            return [self.seen[number(made.other())]; 2];
        }
        if let Some(side) = policy.like {
            return [self.seen[number(side)].or(own[0]), self.seen[number(side)].or(own[1])];
        }
        let is_changed = Side::BOTH.map(|side| {
            let (seen, known) = (self.seen[number(side)], self.known[number(side)]);
            !policy.after_death && seen.is_some() && known.is_some() && seen != known
        });
        match (is_changed, policy.is_one_way) {
            ([true, _], true) | ([true, false], false) => [own[0]; 2],
            ([false, true], false) => [own[1]; 2],
            ([true, true], false) => [own[0].max(own[1]); 2],
            _ => own,
        }
    }
}

/// The folders whose times may have to be set, by the ids of the plan.
pub(super) type Folders = HashMap<NodeId, FolderTimes>;

/// What a side shows of a folder.
#[derive(Clone, Copy, Debug, Default)]
struct Shows {
    time: Option<Timestamp>,
    /// With it the folder surely has the attributes that the base says: as long as it shows that, no look asks for them.
    version: Option<Version>,
}
/// The time, or the permissions, could not be set: it was told.
struct NotSet;

/// A folder of the base and what came of its times.
struct Set {
    id: NodeId,
    shows: [Shows; 2],
}

impl Execution<'_> {
    /// What there is to know before the run changes it: the folders it does something in, and those with another time.
    pub(super) fn folder_times(&self, view: &View<'_>) -> Folders {
        let mut folders = Folders::new();
        let keep_times = |side| self.tools.tree(side).capabilities().times;
        if !Side::BOTH.into_iter().all(keep_times) {
            return folders;
        }
        let mut last = [NodeId::ROOT; 2];
        for operation in &self.plan.operations {
            let side = operation.side;
            let here = operation.node_on(side);
            let out_of = match operation.action {
                Action::Move { .. } | Action::Remove | Action::Replace => view.parent(side, here),
                _ => None,
            };
            for folder in [operation.into_folder(), out_of].into_iter().flatten() {
                // Neighbours come one after the other.
                if folder != NodeId::ROOT && last[number(side)] != folder {
                    last[number(side)] = folder;
                    folders.entry(folder).or_default().is_touched[number(side)] = true;
                }
            }
            if matches!(operation.action, Action::CreateFolder { .. }) {
                folders.entry(operation.node).or_default().is_made[number(side)] = true;
            }
        }
        for side in Side::BOTH {
            // Nothing is decided about what the other side can not see.
            for id in view.folder_times(side).keys().filter(|id| !view.is_blind(side.other(), **id)) {
                folders.entry(*id).or_default();
            }
        }
        let on_right = self.ids_on_the_right();
        for (id, times) in &mut folders {
            let right_id = on_right.get(id).unwrap_or(id);
            times.seen = [view.time_seen(Side::Left, *id), view.time_seen(Side::Right, *right_id)];
            if let Some(entry) = self.base.read().get(*id) {
                times.known = Side::BOTH.map(|side| entry.fingerprint_on(side).modified);
                // Written down when it was made or opened, and never set since.
                for side in Side::BOTH {
                    times.is_made[number(side)] |= times.known[number(side)].is_none();
                }
            }
        }
        folders
    }

    /// What is new on both sides has an id of its own in each tree.
    fn ids_on_the_right(&self) -> HashMap<NodeId, NodeId> {
        let agreed = self.plan.agreements.iter().filter_map(|agreement| match agreement {
            Agreement::Same { left, right } => Some((*left, *right)),
            _ => None,
        });
        let rows =
            self.plan.operations.iter().map(|operation| (operation.node, operation.node_on(Side::Right)));
        agreed.chain(rows).filter(|(left, right)| left != right).collect()
    }

    /// Sets the times, but of folders that appeared finished on a side; what the base learns from it.
    pub(super) fn set_folder_times(
        &self,
        view: &View<'_>,
        mut folders: Folders,
        finished: &[(Side, NodeId)],
    ) -> Vec<BaseChange> {
        for (side, folder) in finished {
            if folders.get(folder).is_some_and(|times| times.is_settled(side.other())) {
                folders.remove(folder);
            }
        }
        let mut by_base: BTreeMap<NodeId, FolderTimes> = BTreeMap::new();
        for (id, times) in folders {
            let Some(id) = view.base_id(id).filter(|id| *id != NodeId::ROOT) else { continue };
            let one = by_base.entry(id).or_default();
            for side in [0, 1] {
                one.seen[side] = one.seen[side].or(times.seen[side]);
                one.known[side] = one.known[side].or(times.known[side]);
                one.is_touched[side] |= times.is_touched[side];
                one.is_made[side] |= times.is_made[side];
            }
        }
        for ((side, id), shown) in self.opened.lock().iter() {
            let one = by_base.entry(*id).or_default();
            for side in Side::BOTH {
                one.seen[number(side)] = one.seen[number(side)].or_else(|| view.time_seen(side, *id));
            }
            one.seen[number(*side)] = one.seen[number(*side)].or(*shown);
        }
        let folders = self.deepest_first(by_base);
        let next = AtomicUsize::new(0);
        let found = Mutex::new(Vec::with_capacity(folders.len()));
        let work = || {
            loop {
                let Some((id, times)) = folders.get(next.fetch_add(1, Ordering::Relaxed)) else { return };
                if let Some(shows) = self.set_times(*id, times) {
                    found.lock().push(Set { id: *id, shows });
                }
            }
        };
        // One after the other where permissions may close the way to what is below.
        let closes = !self.opened.lock().is_empty()
            || folders.iter().any(|(id, times)| times.is_made != [false; 2] && self.is_closing(*id));
        let workers = if closes { 1 } else { self.workers.min(folders.len().div_ceil(64)).max(1) };
        std::thread::scope(|scope| {
            for _ in 1..workers {
                scope.spawn(work);
            }
            work();
        });
        let mut found = found.into_inner();
        found.sort_by_key(|set| set.id);
        let mut changes = Vec::with_capacity(found.len());
        let mut base = self.base.write();
        for set in found {
            let Some(mut node) = base.get(set.id).map(|entry| entry.to_node()) else { continue };
            for (print, shows) in [&mut node.left, &mut node.right].into_iter().zip(set.shows) {
                print.modified = shows.time.or(print.modified);
                print.version = shows.version.unwrap_or(print.version);
            }
            let change = BaseChange::Put(set.id, Box::new(node));
            apply(&mut base, change.clone());
            changes.push(change);
        }
        changes
    }

    /// Whether the permissions a folder is to have keep even its owner out of it.
    fn is_closing(&self, id: NodeId) -> bool {
        let mode = self.base.read().get(id).and_then(|entry| entry.state.mode);
        mode.is_some_and(is_closed)
    }

    fn deepest_first(&self, folders: BTreeMap<NodeId, FolderTimes>) -> Vec<(NodeId, FolderTimes)> {
        let base = self.base.read();
        let depth = |id: NodeId| base.path_on(Side::Left, id).map_or(0, |path| path.components().count());
        let mut folders: Vec<_> = folders.into_iter().collect();
        folders.sort_by_cached_key(|(id, _)| (std::cmp::Reverse(depth(*id)), *id));
        folders
    }

    /// Sets the times of one folder. What both sides show afterwards, where that is news to the base.
    fn set_times(&self, id: NodeId, times: &FolderTimes) -> Option<[Shows; 2]> {
        let (paths, state) = {
            let base = self.base.read();
            let entry = base.get(id).filter(|entry| entry.state.kind == EntryKind::Folder)?;
            if entry.parent == NodeId::ROOT && entry.name == OWN_FOLDER {
                return None;
            }
            (Side::BOTH.map(|side| base.path_on(side, id)), entry.state)
        };
        let wanted = times.wanted(self.times);
        let mut shows = times.seen.map(|time| Shows { time, version: None });
        for side in Side::BOTH {
            let (Some(wanted), Some(path)) = (wanted[number(side)], &paths[number(side)]) else { continue };
            let is_as_seen = times.seen[number(side)] == Some(wanted);
            let is_left_alone = is_as_seen || (self.times.is_one_way && side == Side::Left);
            let is_open = self.is_open(side, id);
            let is_to_be_closed = is_open || times.is_made[number(side)];
            if times.is_touched[number(side)] || !is_left_alone || is_to_be_closed {
                let mode = state.mode.filter(|_| is_to_be_closed);
                let seen = shows[number(side)];
                shows[number(side)] = match self.set_time(side, path, wanted, mode) {
                    Ok(Some(set)) => {
                        let tree = self.tools.tree(side);
                        let version = set.version.filter(|_| has_attributes(tree, path, state.attributes));
                        Shows { version, ..set }
                    }
                    // Not finished: the next run tries again, and takes its permissions for no change of a person.
                    Ok(None) | Err(NotSet) if is_open => Shows::default(),
                    Ok(None) | Err(NotSet) => seen,
                };
            }
        }
        let is_open = Side::BOTH.into_iter().any(|side| self.is_open(side, id));
        let is_shown = |side: usize| shows[side].time != times.known[side] || shows[side].version.is_some();
        let is_news = is_open || (0..2).any(|side| times.is_made[side] || is_shown(side));
        is_news.then_some(shows)
    }

    /// Sets the time of one folder on one side, where it differs by more than the place can tell, and the permissions of
    /// one that was made. What it shows then.
    fn set_time(
        &self,
        side: Side,
        path: &RelativePath,
        wanted: Timestamp,
        mode: Option<u32>,
    ) -> Result<Option<Shows>, NotSet> {
        let tree = self.tools.tree(side);
        let Some(item) = tree.stat(path).map_err(|_| NotSet)? else { return Ok(None) };
        let Some(now) = item.fingerprint.modified else { return Ok(None) };
        let shows = |print: &Fingerprint| Some(Shows { time: print.modified, version: Some(print.version) });
        let mode = mode.filter(|mode| item.mode.is_some_and(|now| now != *mode));
        let is_other_time = differ(now, wanted, tree.capabilities().time_grain_ns);
        if item.fingerprint.kind != EntryKind::Folder || (!is_other_time && mode.is_none()) {
            return Ok(shows(&item.fingerprint));
        }
        let metadata = ItemMetadata { modified: Some(wanted), mode, ..ItemMetadata::default() };
        let told = match tree.set_metadata(path, &item.fingerprint, &metadata) {
            Ok(set) if set.not_kept.is_empty() => return Ok(shows(&set.item.fingerprint)),
            Ok(set) => set.not_kept.join("; "),
            Err(error) => error.sentence(),
        };
        self.tools.control.problem(Problem::new(
            self.tools.shown(side, path),
            "The time or the permissions of this folder could not be kept.",
            told,
            "What is in it is safe. Its owner can set it.",
        ));
        Err(NotSet)
    }
}

/// Whether a folder has these attributes. Asked after its version: what changes meanwhile has another one.
fn has_attributes(tree: &dyn Tree, path: &RelativePath, known: Option<[u8; 16]>) -> bool {
    known.is_some_and(|known| {
        tree.extended_attributes(path).is_ok_and(|found| attributes_hash(&found) == known)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const TWO_WAY: TimePolicy = TimePolicy { like: None, is_one_way: false, after_death: false };

    fn at(seconds: i64) -> Option<Timestamp> {
        Some(Timestamp::new(seconds, 0))
    }

    fn times(seen: [i64; 2], known: [i64; 2]) -> FolderTimes {
        FolderTimes { seen: seen.map(at), known: known.map(at), ..FolderTimes::default() }
    }

    #[test]
    fn the_side_that_changed_a_time_gives_it_to_the_other() {
        assert_eq!(times([5, 2], [1, 2]).wanted(TWO_WAY), [at(5), at(5)]);
        assert_eq!(times([1, 6], [1, 2]).wanted(TWO_WAY), [at(6), at(6)]);
        assert_eq!(times([5, 6], [1, 2]).wanted(TWO_WAY), [at(6), at(6)]);
        // Places that keep times differently agreed on two: neither is a change.
        assert_eq!(times([1, 2], [1, 2]).wanted(TWO_WAY), [at(1), at(2)]);
        // Backwards is a change too.
        assert_eq!(times([0, 2], [1, 2]).wanted(TWO_WAY), [at(0), at(0)]);
    }

    #[test]
    fn one_way_the_left_is_never_told_and_an_exact_copy_has_all_of_its_times() {
        let one_way = TimePolicy { is_one_way: true, ..TWO_WAY };
        assert_eq!(times([1, 6], [1, 2]).wanted(one_way), [at(1), at(6)]);
        assert_eq!(times([5, 6], [1, 2]).wanted(one_way), [at(5), at(5)]);
        let mirror = TimePolicy { like: Some(Side::Left), ..one_way };
        assert_eq!(times([1, 6], [1, 2]).wanted(mirror), [at(1), at(1)]);
    }

    #[test]
    fn after_a_killed_run_only_what_it_made_gets_the_time_of_the_other_side() {
        let dead = TimePolicy { after_death: true, ..TWO_WAY };
        assert_eq!(times([5, 9], [1, 2]).wanted(dead), [at(5), at(9)]);
        let made = FolderTimes { is_made: [false, true], ..times([5, 9], [5, 2]) };
        assert_eq!(made.wanted(dead), [at(5), at(5)]);
    }
}
