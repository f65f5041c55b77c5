//! What is known of both sides while a plan is carried out, and what the base learns from each deed.
//!
//! Invariants:
//! 1. The base says that a side is unchanged only where what that side has now is what the base says: otherwise its
//!    fingerprint is [`stale`], and the next scan looks at it again. So a crash between two rows of one item loses none.
//! 2. A node goes into the base only below a folder that is in it.
//! 3. Ids of the base are given once and never again.
//! 4. No folder of the base is inside itself, whichever of two sides' moves is learned first: what would be waits until
//!    the other is learned. Nor does anything leave the base because the folder is gone that it was in: that waits until
//!    it is empty there. What is left of both when the run ends is seen by the next one.
//!
//! Deliberately not here: the deeds (`execute::item`), SQLite (`database`).

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keepwell_endpoint::tree::Fingerprint;
use keepwell_model::{EntryKind, Timestamp};
use parking_lot::RwLock;

use crate::database::BaseChange;
use crate::id_map::IdMap;
use crate::node::{Content, NodeId, Side, State};
use crate::plan::{Action, Operation, Plan, Why};
use crate::trees::{BaseNode, BaseTree, Seen, SeenEntry, SideTree, stale};

/// An item as one side has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Known {
    /// What it is.
    pub state: State,
    /// What tells it unchanged.
    pub fingerprint: Fingerprint,
}

/// Both sides and the base during a run.
pub(crate) struct View<'a> {
    left: &'a SideTree,
    right: &'a SideTree,
    pub(super) base: &'a RwLock<BaseTree>,
    /// What deeds of this run changed, for items with more than one row.
    changed: RwLock<HashMap<(Side, NodeId), Option<Known>>>,
    /// Items with more than one row.
    repeated: HashSet<NodeId>,
    /// Which ids of the base items got that were new.
    ids: IdMap<u64>,
    next_id: u64,
    /// Folders that the base can not have yet where both sides have them: it has their new folder inside of them.
    pub(super) waiting: BTreeMap<NodeId, BaseNode>,
    /// Folders that are gone, and in which the base still has something that is not: it would be forgotten with them.
    pub(super) gone: BTreeSet<NodeId>,
}

impl<'a> View<'a> {
    pub(crate) fn new(
        plan: &Plan,
        left: &'a SideTree,
        right: &'a SideTree,
        base: &'a RwLock<BaseTree>,
        next_id: u64,
    ) -> Self {
        let mut ids = IdMap::default();
        ids.reserve(usize::try_from(plan.left.created + plan.right.created).unwrap_or(0));
        let (changed, repeated) = (RwLock::default(), repeated(plan));
        let (waiting, gone) = (BTreeMap::new(), BTreeSet::new());
        Self { left, right, base, changed, repeated, ids, next_id, waiting, gone }
    }

    /// The next id that no node has.
    pub(crate) fn next_id(&self) -> u64 {
        self.next_id
    }

    fn side(&self, side: Side) -> &'a SideTree {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    /// What a side has under an id of its own tree.
    pub(crate) fn known(&self, side: Side, node: NodeId) -> Option<Known> {
        if self.repeated.contains(&node)
            && let Some(known) = self.changed.read().get(&(side, node))
        {
            return *known;
        }
        match self.side(side).changes.get(node) {
            Some(Seen::Gone) => None,
            Some(Seen::Here(seen)) => Some(Known { state: seen.state, fingerprint: seen.fingerprint }),
            None => {
                let base = self.base.read();
                let entry = base.get(node)?;
                Some(Known { state: entry.state, fingerprint: *entry.fingerprint_on(side) })
            }
        }
    }

    /// The folder a side has an item in.
    pub(crate) fn parent(&self, side: Side, node: NodeId) -> Option<NodeId> {
        match self.seen(side, node) {
            Some(seen) => Some(seen.parent),
            None => self.base.read().get(node).map(|entry| entry.parent),
        }
    }

    /// The folders that show another time than the base says.
    pub(crate) fn folder_times(&self, side: Side) -> &'a BTreeMap<NodeId, Timestamp> {
        &self.side(side).folder_times
    }

    /// Whether nothing is known of a folder on a side, or of one above it.
    pub(crate) fn is_blind(&self, side: Side, folder: NodeId) -> bool {
        let blind = &self.side(side).blind;
        if blind.is_empty() {
            return false;
        }
        let base = self.base.read();
        base.up_from(folder).any(|folder| blind.contains(&folder))
    }

    /// The time a side shows of a folder, by an id of its own tree; nothing where it has none of it.
    pub(crate) fn time_seen(&self, side: Side, node: NodeId) -> Option<Timestamp> {
        let other_time = self.side(side).folder_times.get(&node).copied();
        other_time.or_else(|| self.known(side, node)?.fingerprint.modified)
    }

    /// Whether more than one row is about an item.
    pub(crate) fn is_repeated(&self, node: NodeId) -> bool {
        self.repeated.contains(&node)
    }

    fn set_known(&self, side: Side, node: NodeId, known: Option<Known>) {
        if self.repeated.contains(&node) {
            self.changed.write().insert((side, node), known);
        }
    }

    pub(super) fn seen(&self, side: Side, node: NodeId) -> Option<SeenEntry<'a>> {
        self.side(side).changes.here(node)
    }

    /// The id of the base, if it has one.
    pub(crate) fn base_id(&self, node: NodeId) -> Option<NodeId> {
        if node.is_fresh() { self.ids.get(node).map(NodeId) } else { Some(node) }
    }

    /// The id of the base, given now if need be.
    pub(super) fn give_id(&mut self, left: NodeId, right: NodeId) -> NodeId {
        let known = self.base_id(left).or_else(|| self.base_id(right));
        let id = known.unwrap_or_else(|| {
            let id = NodeId(self.next_id);
            self.next_id += 1;
            id
        });
        for node in [left, right] {
            if node.is_fresh() {
                self.ids.insert(node, id.0);
            }
        }
        id
    }

    /// Whether something can be put below this folder of the base.
    pub(super) fn holds(&self, folder: NodeId) -> bool {
        folder == NodeId::ROOT || self.base.read().contains(folder)
    }

    pub(super) fn existing(&self, node: NodeId) -> Option<BaseNode> {
        let id = self.base_id(node)?;
        self.waiting.get(&id).cloned().or_else(|| self.base.read().get(id).map(|entry| entry.to_node()))
    }

    /// Whether anything waits for what the base learns.
    pub(crate) fn has_waiting(&self) -> bool {
        !self.waiting.is_empty() || !self.gone.is_empty()
    }

    /// What does not have to wait any more, one at a time: each is in the base before the next is asked for.
    pub(crate) fn no_longer_waiting(&mut self) -> Option<BaseChange> {
        let base = self.base.read();
        let is_there = |folder: NodeId| folder == NodeId::ROOT || base.contains(folder);
        let is_free = |(id, node): &(&NodeId, &BaseNode)| {
            is_there(node.parent) && base.up_from(node.parent).all(|above| above != **id)
        };
        let free = self.waiting.iter().find(is_free).map(|(id, _)| *id);
        let empty = self.gone.iter().find(|folder| base.children(**folder).is_empty()).copied();
        drop(base);
        if let Some((id, node)) = free.and_then(|id| self.waiting.remove_entry(&id)) {
            return Some(BaseChange::Put(id, Box::new(node)));
        }
        let empty = empty.filter(|folder| self.gone.remove(folder))?;
        Some(BaseChange::Remove(empty))
    }

    /// What both sides have of an item, the left's first, where that is the same as far as both keep it.
    pub(super) fn united(&self, left: NodeId, states: [State; 2], base: Option<State>) -> State {
        let content = states
            .into_iter()
            .chain(base)
            .find(|state| state.content != Content::Unread)
            .unwrap_or(states[0]);
        // A side where nothing was seen to change says what the base does, also where its place has no permissions.
        let says_no_news = self.seen(Side::Left, left).is_none();
        let [news, other] = if says_no_news { [states[1], states[0]] } else { states };
        State {
            modified: news.modified.or(other.modified),
            mode: news.mode.or(other.mode),
            attributes: news.attributes.or(other.attributes),
            ..content
        }
    }

    /// What both sides have of an item that is moved, where that is the same: what both changed alike has no row.
    fn alike(&self, operation: &Operation, target: Known, base: State) -> Option<State> {
        let other = operation.side.other();
        let there = self.known(other, operation.node_on(other))?;
        let states = match operation.side {
            Side::Left => [target.state, there.state],
            Side::Right => [there.state, target.state],
        };
        are_alike(&states[0], &states[1]).then(|| self.united(operation.node, states, Some(base)))
    }

    /// What the base learns from a row that was done. `state` is what both sides have of the item now, where the row
    /// brought that about.
    pub(crate) fn learn(&mut self, operation: &Operation, outcome: &Outcome) -> Option<BaseChange> {
        let (side, other) = (operation.side, operation.side.other());
        let here = operation.node_on(side);
        match &operation.action {
            Action::Remove => {
                self.set_known(side, here, None);
                let id = self.base_id(operation.node)?;
                let base = self.base.read();
                if !base.contains(id) {
                    return None;
                }
                if !base.children(id).is_empty() {
                    self.gone.insert(id);
                    return None;
                }
                Some(BaseChange::Remove(id))
            }
            Action::Move { becomes: Some(copy), .. } => {
                self.set_known(side, here, None);
                self.set_known(side, *copy, outcome.target);
                None
            }
            Action::Move { parent, becomes: None } => {
                self.set_known(side, here, outcome.target);
                let id = self.base_id(operation.node)?;
                let mut node = self.existing(operation.node)?;
                let parent = self.base_id(*parent)?;
                if operation.why == Why::StepOnTheWay {
                    // In another folder than the base's it is found again by what it is.
                    if node.parent != parent {
                        return None;
                    }
                    set_name_on_the_way(&mut node, operation);
                } else {
                    node.parent = parent;
                    set_names(&mut node, operation);
                }
                // The next run may look only at one side: what it sees there must not be news.
                let alike = outcome.target.and_then(|target| self.alike(operation, target, node.state));
                node.state = alike.unwrap_or(node.state);
                self.set_fingerprints(&mut node, operation.node, operation.node_on(Side::Right));
                // A rename changes the time of the inode: it is still what it was.
                if let Some(target) = outcome.target.filter(|target| agrees(target, &node)) {
                    set_fingerprint(&mut node, side, target.fingerprint);
                }
                self.put(id, node)
            }
            Action::SetMetadata => {
                self.set_known(side, here, outcome.target);
                self.learn_metadata(operation, outcome)
            }
            Action::CreateFolder { .. } | Action::Copy { .. } | Action::Replace => {
                self.set_known(side, here, outcome.target);
                if let Some(source) = outcome.source {
                    self.set_known(other, operation.node_on(other), Some(source));
                }
                let agreed = outcome.agreed?;
                let id = self.give_id(operation.node, operation.node_on(Side::Right));
                let mut node = self.node_for(operation, agreed, outcome)?;
                node.state = agreed;
                self.set_learned(&mut node, operation, outcome);
                self.put(id, node)
            }
        }
    }

    fn put(&mut self, id: NodeId, node: BaseNode) -> Option<BaseChange> {
        if !self.holds(node.parent) {
            return None;
        }
        let base = self.base.read();
        let is_moved = base.get(id).is_some_and(|entry| entry.parent != node.parent);
        let waits = is_moved && base.up_from(node.parent).any(|above| above == id);
        drop(base);
        if waits {
            self.waiting.insert(id, node);
            return None;
        }
        self.waiting.remove(&id);
        Some(BaseChange::Put(id, Box::new(node)))
    }

    /// The base's node of an item both have now, with its place.
    fn node_for(&self, operation: &Operation, state: State, outcome: &Outcome) -> Option<BaseNode> {
        let existing = self.existing(operation.node);
        let parent = match operation.into_folder() {
            Some(parent) => Some(self.base_id(parent)?),
            None => None,
        };
        let is_placed = existing.is_some() && parent.is_none();
        let parent = match (parent, &existing) {
            (Some(parent), _) => parent,
            (None, Some(node)) => node.parent,
            (None, None) => {
                let side = operation.side;
                self.base_id(self.seen(side, operation.node_on(side))?.parent)?
            }
        };
        let fingerprint = outcome.target.or(outcome.source)?.fingerprint;
        let mut node = existing.unwrap_or(BaseNode {
            parent,
            name: Vec::new(),
            left_name: None,
            right_name: None,
            state,
            left: fingerprint,
            right: fingerprint,
        });
        node.parent = parent;
        if !is_placed {
            set_names(&mut node, operation);
        }
        Some(node)
    }

    fn learn_metadata(&mut self, operation: &Operation, outcome: &Outcome) -> Option<BaseChange> {
        let agreed = outcome.agreed?;
        let known_id = self.base_id(operation.node);
        let existing = self.existing(operation.node);
        let left = self.known(Side::Left, operation.node);
        let right = self.known(Side::Right, operation.node_on(Side::Right));
        let is_same = left.zip(right).is_some_and(|(left, right)| {
            left.state.is_same_content(&right.state)
                || (left.state.kind == EntryKind::Folder && right.state.kind == EntryKind::Folder)
        });
        let mut node = match (is_same, existing) {
            // New on both sides with the same content: from now on they agree in all.
            (true, _) => self.node_for(operation, agreed, outcome)?,
            (false, Some(node)) => node,
            (false, None) => return None,
        };
        node.state = match is_same {
            true => agreed,
            false => State {
                modified: agreed.modified,
                mode: agreed.mode,
                attributes: agreed.attributes,
                ..node.state
            },
        };
        let id = match known_id {
            Some(id) => id,
            None => self.give_id(operation.node, operation.node_on(Side::Right)),
        };
        self.set_learned(&mut node, operation, outcome);
        self.put(id, node)
    }

    /// Fingerprints after a row: what the row itself made is as the base says, even where the place keeps times more
    /// coarsely; the other side only where it really is.
    fn set_learned(&self, node: &mut BaseNode, operation: &Operation, outcome: &Outcome) {
        for side in Side::BOTH {
            let known = match side == operation.side {
                true => outcome.target,
                false => outcome.source.or_else(|| self.known(side, operation.node_on(side))),
            };
            let Some(known) = known else { continue };
            let is_made_here = side == operation.side && known.state.is_same_content(&node.state);
            let is_folder = node.state.kind == EntryKind::Folder && known.state.kind == EntryKind::Folder;
            let print = match is_made_here || (is_folder && side == operation.side) || agrees(&known, node) {
                true => known.fingerprint,
                false => stale(&known.fingerprint),
            };
            set_fingerprint(node, side, print);
        }
    }

    /// Fingerprints of an item whose content is not the matter: a side is told unchanged only where it is. Else it keeps
    /// the one it had, which tells what it has now from what the base says.
    pub(super) fn set_fingerprints(&self, node: &mut BaseNode, left: NodeId, right: NodeId) {
        for (side, id) in [(Side::Left, left), (Side::Right, right)] {
            if let Some(known) = self.known(side, id).filter(|known| agrees(known, node)) {
                set_fingerprint(node, side, known.fingerprint);
            }
        }
    }
}

pub(super) fn set_fingerprint(node: &mut BaseNode, side: Side, print: Fingerprint) {
    // A fingerprint of another kind than the base's can not be kept there, and need not: it is changed for certain.
    let print = Fingerprint { kind: node.state.kind, ..print };
    match side {
        Side::Left => node.left = print,
        Side::Right => node.right = print,
    }
}

/// Whether a side has what the base says, in all that both places keep.
fn agrees(known: &Known, node: &BaseNode) -> bool {
    are_alike(&known.state, &node.state)
}

/// Whether two items are the same, in all that both places keep.
fn are_alike(one: &State, two: &State) -> bool {
    fn same<T: PartialEq>(one: Option<T>, two: Option<T>) -> bool {
        one.is_none() || two.is_none() || one == two
    }
    let is_surround_same = same(one.mode, two.mode) && same(one.attributes, two.attributes);
    match (one.kind, two.kind) {
        (EntryKind::Folder, EntryKind::Folder) => is_surround_same,
        _ => one.is_same_content(two) && is_surround_same && same(one.modified, two.modified),
    }
}

/// The names of the pair and of both sides after a row that put the item at its path.
fn set_names(node: &mut BaseNode, operation: &Operation) {
    let here = operation.path.name().unwrap_or_default();
    let there = operation.source().name().unwrap_or_default();
    let name = operation.pair_name().unwrap_or(here);
    let own = |its: &[u8]| (its != name).then(|| its.to_vec());
    let (left, right) = match operation.side {
        Side::Left => (own(here), own(there)),
        Side::Right => (own(there), own(here)),
    };
    (node.left_name, node.right_name) = (left, right);
    node.name = name.to_vec();
}

/// The name on the way is this side's alone: the pair calls the item as before, and so does the other side.
fn set_name_on_the_way(node: &mut BaseNode, operation: &Operation) {
    let on_the_way = operation.path.name().map(<[u8]>::to_vec);
    match operation.side {
        Side::Left => node.left_name = on_the_way,
        Side::Right => node.right_name = on_the_way,
    }
}

/// What a row brought about.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Outcome {
    /// The item on the side that was changed.
    pub target: Option<Known>,
    /// The item on the other side, where it was looked at.
    pub source: Option<Known>,
    /// What both have now.
    pub agreed: Option<State>,
}

/// Items that more than one row is about, as node or as folder.
fn repeated(plan: &Plan) -> HashSet<NodeId> {
    let mut ids: Vec<NodeId> = Vec::with_capacity(plan.operations.len());
    for operation in &plan.operations {
        ids.push(operation.node);
        if operation.node_on(Side::Right) != operation.node {
            ids.push(operation.node_on(Side::Right));
        }
        if let Action::Move { becomes: Some(copy), .. } = operation.action {
            ids.push(copy);
        }
    }
    ids.sort_unstable();
    ids.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect()
}
