//! The nodes a plan is about, as both sides have them: everything that differs from the base anywhere, and nothing else.
//!
//! Invariants: a node has one number (its row in [`View::nodes`]) and one id over both sides, also where it is new on
//! both ([`crate::planner::pairs`]); what is not in here is on both sides as the base says; every parent that is asked for
//! here is such an id. Deliberately not here: what is done about it (`planner::decide`, `planner::settle`).

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keepwell_endpoint::tree::{Capabilities, STEP_PREFIX};
use keepwell_model::{EntryKind, Problem, RelativePath};

use super::pairs::NamesOn;
use crate::id_map::IdMap;
use crate::names;
use crate::node::{Content, NodeId, Side, State};
use crate::plan::{Conflict, Why};
use crate::policy::{Policy, Promise};
use crate::trees::{BaseEntry, BaseTree, Seen, SeenEntry, SideTree};

/// Conflict copies get ids from here on while they are planned.
const COPIES: u64 = 3 << 61;

/// How one side has a node.
#[derive(Clone, Copy)]
pub(super) enum Slot<'a> {
    /// Not at all.
    Absent,
    /// As the base says.
    AsBase,
    /// Like this.
    Seen(SeenEntry<'a>),
}

/// A [`Slot`] as a node keeps it.
#[derive(Clone, Copy)]
enum Kept {
    Absent,
    AsBase,
    /// As the side's tree says under this id.
    Seen(NodeId),
}

/// A name the pair gives an item, without copying it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// That of the base.
    Base,
    /// The one it has on this side now.
    Of(Side),
    /// A new one.
    Own(Box<[u8]>),
}

/// An item as it lies on a side.
pub(super) struct Item<'v> {
    pub(super) parent: NodeId,
    pub(super) name: &'v [u8],
    pub(super) state: State,
}

/// One node: what is, and what shall be. Plans hold millions, so what few of them have is kept elsewhere.
pub(super) struct Node {
    /// Its id: in the base, else the left's fresh one, else the right's.
    pub(super) id: NodeId,
    /// Its id in the right's tree.
    pub(super) right_id: NodeId,
    pub(super) kind: EntryKind,
    kept: [Kept; 2],
    /// Neither side is touched, whatever else is said here.
    pub(super) is_held: bool,
    /// Whether it shall be there.
    pub(super) exists: bool,
    /// In which folder.
    pub(super) parent: NodeId,
    /// With which name.
    pub(super) name: Name,
    /// Names it has to have on a side, other than what follows from `name`.
    pub(super) names_on: NamesOn,
    /// Whose content counts; nothing where both have the same.
    pub(super) from: Option<Side>,
    /// Whose metadata counts; nothing where each part is merged.
    pub(super) metadata_of: Option<Side>,
    /// Why its content changes or it comes or goes.
    pub(super) why: Why,
    /// Why it is moved.
    pub(super) why_moved: Why,
    /// The left keeps it where it has it, whatever the other side does (modes that change nothing there).
    pub(super) stays: bool,
    /// It leaves the left when all else is done.
    pub(super) leaves: bool,
    /// What one side has of it became a conflict copy.
    pub(super) is_set_aside: bool,
    /// Its position was given by a side to end a circle.
    pub(super) is_forced: bool,
}

/// All of them, with what is found out on the way.
pub(super) struct View<'a> {
    pub(super) base: &'a BaseTree,
    pub(super) policy: &'a Policy,
    sides: [&'a SideTree; 2],
    pub(super) nodes: Vec<Node>,
    index: IdMap<u32>,
    /// Ids of a side that mean another node: the right's of what is new on both; what became another kind.
    aliases: HashMap<(Side, NodeId), NodeId>,
    blind: [HashSet<NodeId>; 2],
    /// Folders that can not be removed on a side, by the ids used here, with what their names that are not free have in
    /// common with names that are one with them there.
    occupied: [HashMap<NodeId, HashSet<Vec<u8>>>; 2],
    pub(super) conflicts: Vec<Conflict>,
    /// The rows that want one name of which a person has to say who gets it.
    pub(super) contested: Vec<usize>,
    pub(super) problems: Vec<Problem>,
    /// What the answer to a brake promises of items of the base.
    pub(super) owed: Vec<Promise>,
    /// See [`crate::plan::Plan::owed_new`].
    pub(super) owed_new: BTreeSet<RelativePath>,
    /// Which nodes the conflict copies are of, the first of those ids first.
    copies: Vec<NodeId>,
}

pub(super) fn number(side: Side) -> usize {
    match side {
        Side::Left => 0,
        Side::Right => 1,
    }
}

/// What a side says of a node that its tree does not name itself.
pub(super) enum Implied {
    /// It was in a folder that is gone.
    Gone,
    /// It became another kind: the old is gone, this fresh id is what is there now.
    Became(NodeId),
}

/// What follows from a tree without being in it.
pub(super) fn implied(base: &BaseTree, tree: &SideTree, side: Side) -> BTreeMap<NodeId, Implied> {
    let mut found = BTreeMap::new();
    let mut fresh = tree.changes.next_fresh(side).0;
    let mut gone: Vec<NodeId> = Vec::new();
    for (id, seen) in tree.changes.iter() {
        let Some(entry) = base.get(id) else { continue };
        match seen {
            Seen::Gone if entry.state.kind == EntryKind::Folder => gone.push(id),
            Seen::Here(seen) if seen.state.kind != entry.state.kind => {
                found.insert(id, Implied::Became(NodeId(fresh)));
                fresh += 1;
                if entry.state.kind == EntryKind::Folder {
                    gone.push(id);
                }
            }
            _ => {}
        }
    }
    while let Some(folder) = gone.pop() {
        for child in base.children(folder) {
            if tree.changes.contains(*child) || tree.blind.contains(child) || found.contains_key(child) {
                continue;
            }
            found.insert(*child, Implied::Gone);
            if base.get(*child).is_some_and(|entry| entry.state.kind == EntryKind::Folder) {
                gone.push(*child);
            }
        }
    }
    found
}

impl<'a> View<'a> {
    /// Gathers the nodes. `implied` is what [`implied`] found on each side.
    pub(super) fn new(
        base: &'a BaseTree,
        left: &'a SideTree,
        right: &'a SideTree,
        policy: &'a Policy,
        implied: [&BTreeMap<NodeId, Implied>; 2],
        everything: bool,
    ) -> Self {
        let sides = [left, right];
        let mut view = Self {
            base,
            policy,
            sides,
            nodes: Vec::new(),
            index: IdMap::default(),
            aliases: HashMap::new(),
            blind: [HashSet::new(), HashSet::new()],
            occupied: [HashMap::new(), HashMap::new()],
            conflicts: Vec::new(),
            contested: Vec::new(),
            problems: Vec::new(),
            owed: Vec::new(),
            owed_new: BTreeSet::new(),
            copies: Vec::new(),
        };
        let mut ids: Vec<NodeId> = Vec::new();
        for tree in sides {
            ids.extend(tree.changes.ids());
            ids.extend(tree.blind.iter().filter(|id| **id != NodeId::ROOT && base.contains(**id)));
        }
        for implied in implied {
            ids.extend(implied.keys());
        }
        if everything {
            ids.extend(base.iter().map(|(id, _)| id));
        }
        ids.sort_unstable();
        ids.dedup();
        view.nodes.reserve_exact(ids.len());
        view.index.reserve(ids.len());
        for id in ids {
            let kept = [0, 1].map(|side| match (implied[side].get(&id), sides[side].changes.get(id)) {
                (Some(_), _) | (None, Some(Seen::Gone)) => Kept::Absent,
                (None, Some(Seen::Here(_))) => Kept::Seen(id),
                (None, None) if base.contains(id) => Kept::AsBase,
                (None, None) => Kept::Absent,
            });
            view.add(id, kept);
        }
        for side in Side::BOTH {
            for (id, implied) in implied[number(side)] {
                let Implied::Became(fresh) = implied else { continue };
                let mut kept = [Kept::Absent; 2];
                kept[number(side)] = Kept::Seen(*id);
                view.add(*fresh, kept);
                view.aliases.insert((side, *id), *fresh);
            }
        }
        view
    }

    fn add(&mut self, id: NodeId, kept: [Kept; 2]) -> usize {
        let seen = || Side::BOTH.into_iter().find_map(|side| self.seen(side, kept[number(side)]));
        let kind = match self.base.get(id) {
            Some(entry) => entry.state.kind,
            None => seen().map_or(EntryKind::File, |seen| seen.state.kind),
        };
        let row = self.nodes.len();
        self.index.insert(id, u32::try_from(row).unwrap_or(u32::MAX));
        self.nodes.push(Node {
            id,
            right_id: id,
            kind,
            kept,
            is_held: false,
            exists: false,
            parent: NodeId::ROOT,
            name: Name::Base,
            names_on: None,
            from: None,
            metadata_of: None,
            why: Why::New,
            why_moved: Why::Moved,
            stays: false,
            leaves: false,
            is_set_aside: false,
            is_forced: false,
        });
        row
    }

    /// Makes what is new on both sides one node. The right's row stays, with nothing in it.
    pub(super) fn unite(&mut self, left: usize, right: usize) {
        let (left_id, right_id) = (self.nodes[left].id, self.nodes[right].id);
        self.nodes[left].kept[1] = self.nodes[right].kept[1];
        self.nodes[left].right_id = right_id;
        self.nodes[right].kept[1] = Kept::Absent;
        self.aliases.insert((Side::Right, right_id), left_id);
    }

    /// Once all ids are one: what is blind and what is occupied, by the ids used here.
    pub(super) fn learn_blindness(&mut self) {
        for side in Side::BOTH {
            self.blind[number(side)] =
                self.side(side).blind.iter().map(|id| self.one_id(side, *id)).collect();
            let place = self.capabilities(side);
            for (folder, taken) in &self.side(side).occupied {
                let folder = self.one_id(side, *folder);
                let keys = taken.iter().map(|name| names::key(name, place).into_owned());
                self.occupied[number(side)].entry(folder).or_default().extend(keys);
            }
        }
    }

    /// Whether a folder of a side holds what the pair does not sync.
    pub(super) fn is_occupied(&self, folder: NodeId, side: Side) -> bool {
        self.occupied[number(side)].contains_key(&folder)
    }

    /// Whether what the pair does not sync has a name in a folder of a side.
    pub(super) fn is_taken(&self, folder: NodeId, name: &[u8], side: Side) -> bool {
        let taken = self.occupied[number(side)].get(&folder).filter(|taken| !taken.is_empty());
        taken.is_some_and(|taken| taken.contains(&*names::key(name, self.capabilities(side))))
    }

    /// The conflict copy of what a side has of a node: from now on that side has the copy and not the node.
    pub(super) fn set_aside(&mut self, row: usize, side: Side) -> usize {
        let mut kept = [Kept::Absent; 2];
        kept[number(side)] = self.nodes[row].kept[number(side)];
        let id = NodeId(COPIES + self.copies.len() as u64);
        self.copies.push(self.nodes[row].id);
        self.nodes[row].kept[number(side)] = Kept::Absent;
        self.nodes[row].is_set_aside = true;
        self.add(id, kept)
    }

    /// What a node is the conflict copy of.
    pub(super) fn copy_of(&self, row: usize) -> Option<NodeId> {
        let number = self.nodes[row].id.0.checked_sub(COPIES)?;
        self.copies.get(usize::try_from(number).ok()?).copied()
    }

    pub(super) fn side(&self, side: Side) -> &'a SideTree {
        self.sides[number(side)]
    }

    /// The side from which another place is filled that sits where the pair's was: of what is only there nobody can say
    /// that the pair knows better.
    pub(super) fn filled_from(&self) -> Option<Side> {
        let from = self.policy.makes_like()?;
        self.side(from.other()).circumstances.is_another_place.then_some(from)
    }

    pub(super) fn capabilities(&self, side: Side) -> &'a Capabilities {
        &self.sides[number(side)].capabilities
    }

    /// The row of a node; nothing where both sides have it as the base.
    pub(super) fn row(&self, id: NodeId) -> Option<usize> {
        self.index.get(id).map(|row| row as usize)
    }

    /// The id used here for an id of a side.
    pub(super) fn one_id(&self, side: Side, id: NodeId) -> NodeId {
        let id = self.aliases.get(&(side, id)).copied().unwrap_or(id);
        // What became another kind on the right may be one with something new on the left.
        if side == Side::Right { self.aliases.get(&(side, id)).copied().unwrap_or(id) } else { id }
    }

    pub(super) fn slot(&self, row: usize, side: Side) -> Slot<'a> {
        let kept = self.nodes[row].kept[number(side)];
        match (kept, self.seen(side, kept)) {
            (_, Some(seen)) => Slot::Seen(seen),
            (Kept::AsBase, None) => Slot::AsBase,
            (Kept::Absent | Kept::Seen(_), None) => Slot::Absent,
        }
    }

    fn seen(&self, side: Side, kept: Kept) -> Option<SeenEntry<'a>> {
        match kept {
            Kept::Seen(id) => self.side(side).changes.here(id),
            Kept::Absent | Kept::AsBase => None,
        }
    }

    pub(super) fn is_present(&self, row: usize, side: Side) -> bool {
        !matches!(self.nodes[row].kept[number(side)], Kept::Absent)
    }

    pub(super) fn base_of(&self, row: usize) -> Option<BaseEntry<'a>> {
        self.base.get(self.nodes[row].id)
    }

    /// The item as a side has it.
    pub(super) fn item(&self, row: usize, side: Side) -> Option<Item<'a>> {
        match self.slot(row, side) {
            Slot::Absent => None,
            Slot::Seen(seen) => {
                Some(Item { parent: self.one_id(side, seen.parent), name: seen.name, state: seen.state })
            }
            Slot::AsBase => {
                let entry = self.base_of(row)?;
                Some(Item { parent: entry.parent, name: entry.name_on(side), state: entry.state })
            }
        }
    }

    /// Where a side has the item: a part of what [`View::item`] tells, for less, and asked for much more often.
    pub(super) fn place(&self, row: usize, side: Side) -> Option<(NodeId, &'a [u8])> {
        match self.nodes[row].kept[number(side)] {
            Kept::Absent => None,
            Kept::AsBase => self.base_of(row).map(|entry| (entry.parent, entry.name_on(side))),
            Kept::Seen(id) => {
                let (parent, name) = self.side(side).changes.place(id)?;
                Some((self.one_id(side, parent), name))
            }
        }
    }

    /// The folder a side has any node in, also one that is not in here.
    pub(super) fn parent_on(&self, side: Side, id: NodeId) -> Option<NodeId> {
        match self.row(id) {
            None => self.base.get(id).map(|entry| entry.parent),
            Some(row) => self.place(row, side).map(|(parent, _)| parent),
        }
    }

    /// Whether a name that a side shows says that an item is not called any more what it was: nobody gave it one that
    /// differs by case alone where the place keeps no case.
    pub(super) fn is_other_name(&self, side: Side, shown: &[u8], known: &[u8]) -> bool {
        let place = self.capabilities(side);
        shown != known && (place.keeps_case || names::key(shown, place) != names::key(known, place))
    }

    /// Whether a side has it elsewhere than the base, and not only on the way of another change.
    pub(super) fn is_moved(&self, row: usize, side: Side) -> bool {
        let (Slot::Seen(seen), Some(entry)) = (self.slot(row, side), self.base_of(row)) else { return false };
        let is_elsewhere = self.one_id(side, seen.parent) != entry.parent
            || self.is_other_name(side, seen.name, entry.name_on(side));
        is_elsewhere && !seen.name.starts_with(STEP_PREFIX)
    }

    /// Whether the content on a side is another than the base's, or may be.
    pub(super) fn is_changed(&self, row: usize, side: Side) -> bool {
        let (Slot::Seen(seen), Some(entry)) = (self.slot(row, side), self.base_of(row)) else { return false };
        let (now, before) = (&seen.state, &entry.state);
        if now.is_same_content(before) {
            return false;
        }
        let before_on = entry.fingerprint_on(side);
        let unread = now.content == Content::Unread && before.content == Content::Unread;
        !(unread && now.size_bytes == before.size_bytes && seen.fingerprint.modified == before_on.modified)
    }

    /// Whether both have the same content for certain.
    pub(super) fn is_same_on_both(&self, row: usize) -> bool {
        match (self.item(row, Side::Left), self.item(row, Side::Right)) {
            (Some(left), Some(right)) => {
                left.state.is_same_content(&right.state)
                    || (self.base_of(row).is_some()
                        && !self.is_changed(row, Side::Left)
                        && !self.is_changed(row, Side::Right))
            }
            _ => false,
        }
    }

    /// Whether nothing may be decided about a node, because a side knows nothing of it.
    pub(super) fn is_blind(&self, id: NodeId, side: Side, known: &mut HashMap<NodeId, bool>) -> bool {
        let blind = &self.blind[number(side)];
        if blind.is_empty() {
            return false;
        }
        let mut way = Vec::new();
        let mut at = id;
        let answer = loop {
            if blind.contains(&at) {
                break true;
            }
            if at == NodeId::ROOT {
                break false;
            }
            if let Some(answer) = known.get(&at) {
                break *answer;
            }
            way.push(at);
            let up = self.parent_on(side, at).or_else(|| self.base.get(at).map(|entry| entry.parent));
            match up {
                Some(parent) if way.len() <= self.nodes.len() + self.base.len() => at = parent,
                _ => break false,
            }
        };
        known.extend(way.into_iter().map(|id| (id, answer)));
        answer
    }

    /// The name the pair is going to give a node.
    pub(super) fn pair_name(&self, row: usize) -> &[u8] {
        match &self.nodes[row].name {
            Name::Own(name) => name,
            Name::Of(side) => self.place(row, *side).map_or(b"", |(_, name)| name),
            Name::Base => self.base_of(row).map_or(b"", |entry| entry.name),
        }
    }

    /// The name a node is going to have on a side.
    pub(super) fn name_on(&self, row: usize, side: Side) -> Cow<'_, [u8]> {
        let node = &self.nodes[row];
        if let Some(own) = node.names_on.as_ref().and_then(|names| names[number(side)].as_deref()) {
            return Cow::Borrowed(own);
        }
        let known = match &node.name {
            Name::Base => self.base_of(row).map(|entry| entry.name_on(side)),
            Name::Of(of) if *of == side => Some(self.pair_name(row)),
            _ => None,
        };
        // A run that did not come to its end may have left it on its way, which the base knows.
        match known.filter(|name| !name.starts_with(STEP_PREFIX)) {
            Some(name) => Cow::Borrowed(name),
            None => names::mapped(self.pair_name(row), self.capabilities(side)),
        }
    }

    /// Where a node is going to be on a side: where it is while it is held.
    pub(super) fn target(&self, row: usize, side: Side) -> Option<(NodeId, Cow<'_, [u8]>)> {
        let node = &self.nodes[row];
        let stays = (node.stays || node.leaves) && side == Side::Left && self.copy_of(row).is_none();
        if node.is_held || (stays && self.is_present(row, side)) {
            return self.place(row, side).map(|(parent, name)| (parent, Cow::Borrowed(name)));
        }
        node.exists.then(|| (node.parent, self.name_on(row, side)))
    }

    /// Whether a node has to be made, moved or renamed on a side.
    pub(super) fn arrives(&self, row: usize, side: Side) -> bool {
        self.target(row, side).is_some_and(|target| self.is_elsewhere(row, side, &target))
    }

    /// Whether a side does not have a node where it is going to be.
    pub(super) fn is_elsewhere(&self, row: usize, side: Side, target: &(NodeId, Cow<'_, [u8]>)) -> bool {
        let Some((parent, name)) = self.place(row, side) else { return true };
        // Where the other side stays as it is, nothing may come to be agreed on, and so no case of a name.
        let is_other_name = || !self.nodes[row].stays || self.is_other_name(side, name, &target.1);
        parent != target.0 || (name != target.1.as_ref() && is_other_name())
    }

    /// Whether a node can give way on a side: it is not there yet, or is going to be moved, or can be.
    pub(super) fn arrives_or_yields(&self, row: usize, side: Side) -> bool {
        self.nodes[row].exists && self.target(row, side).is_some()
    }

    /// Leaves both sides as they are; whether that is news.
    pub(super) fn hold(&mut self, row: usize) -> bool {
        let before = self.nodes[row].is_held;
        self.nodes[row].is_held = true;
        !before
    }

    /// Where a node is on a side now.
    pub(super) fn path_now(&self, row: usize, side: Side) -> Option<RelativePath> {
        let (mut at, name) = self.place(row, side)?;
        let mut names = vec![name];
        while at != NodeId::ROOT {
            if names.len() > self.nodes.len() + self.base.len() {
                return None;
            }
            match self.row(at) {
                Some(row) => {
                    let (parent, name) = self.place(row, side)?;
                    names.push(name);
                    at = parent;
                }
                None => {
                    let entry = self.base.get(at)?;
                    names.push(entry.name_on(side));
                    at = entry.parent;
                }
            }
        }
        join(names.into_iter().rev())
    }

    /// What to call a node when speaking of it: where the pair knew it, else where it is.
    pub(super) fn path_for_people(&self, row: usize) -> RelativePath {
        let id = self.nodes[row].id;
        let known = self.base.get(id).and_then(|_| self.base.path_on(Side::Left, id));
        known
            .or_else(|| self.path_now(row, Side::Left))
            .or_else(|| self.path_now(row, Side::Right))
            .unwrap_or_default()
    }
}

/// A path of names from the root down.
pub(super) fn join<'n>(names: impl Iterator<Item = &'n [u8]>) -> Option<RelativePath> {
    let mut path = RelativePath::root();
    for name in names {
        path = path.join(name).ok()?;
    }
    Some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_view_of_a_million_nodes_fits() {
        assert!(size_of::<Node>() <= 104, "{}", size_of::<Node>());
    }
}
