//! Two places and a base as plain data: what the planner is tried on.
//!
//! A [`Place`] is a map from paths to items that refuses what a disk would refuse; [`World`] looks at both, plans, and
//! plays the executor: every row is checked against what it expects, then done. Deliberately not here: real trees, real
//! content (the simulation has them).

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::convert::Infallible;

use keepwell_endpoint::tree::{Capabilities, Fingerprint, NameRules, STEP_PREFIX, UnicodeNames, Version};
use keepwell_model::{ContentHash, EntryKind, Timestamp};
use keepwell_sync::node::{Content, NodeId, Side, State};
use keepwell_sync::plan::{Action, Agreement, Operation, Plan, Why};
use keepwell_sync::planner::meet::meet;
use keepwell_sync::planner::moves::Demand;
use keepwell_sync::planner::plan;
use keepwell_sync::policy::Policy;
use keepwell_sync::trees::{BaseNode, BaseTree, Changes, Circumstances, Seen, SeenNode, SideTree};
use keepwell_sync::{names, planner::moves};

pub type Path = Vec<u8>;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    pub kind: EntryKind,
    pub content: u64,
    pub modified: i64,
    pub mode: u32,
    /// The inode.
    pub id: u64,
    /// Changes with every change, as ctime does.
    pub change: u64,
}

#[derive(Clone, Debug)]
pub struct Place {
    pub capabilities: Capabilities,
    pub items: BTreeMap<Path, Item>,
    pub bin: Vec<u64>,
    pub clock: u64,
    /// Folders that can not be listed, by inode.
    pub unlisted: BTreeSet<u64>,
    /// What is left out, by inode.
    pub left_out: BTreeSet<u64>,
}

pub fn capabilities() -> Capabilities {
    Capabilities {
        stable_ids: true,
        strong_versions: true,
        folders: true,
        symlinks: true,
        modes: true,
        extended_attributes: false,
        times: true,
        time_grain_ns: 1,
        case_sensitive: true,
        keeps_case: true,
        unicode: UnicodeNames::Kept,
        names: NameRules::Bytes,
        name_limit_bytes: 255,
        path_limit_bytes: 4096,
        renames_folders: true,
        stages_from_existing: true,
        parallel: 1,
    }
}

pub fn parent(path: &[u8]) -> &[u8] {
    path.iter().rposition(|byte| *byte == b'/').map_or(b"", |end| &path[..end])
}

pub fn name(path: &[u8]) -> &[u8] {
    path.rsplit(|byte| *byte == b'/').next().unwrap()
}

pub fn join(folder: &[u8], name: &[u8]) -> Path {
    if folder.is_empty() { name.to_vec() } else { [folder, b"/", name].concat() }
}

pub fn is_below(path: &[u8], folder: &[u8]) -> bool {
    path.len() > folder.len() && path.starts_with(folder) && (folder.is_empty() || path[folder.len()] == b'/')
}

impl Place {
    pub fn new(capabilities: Capabilities) -> Self {
        let (unlisted, left_out) = (BTreeSet::new(), BTreeSet::new());
        Self { capabilities, items: BTreeMap::new(), bin: Vec::new(), clock: 1, unlisted, left_out }
    }

    fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    pub fn is_folder(&self, path: &[u8]) -> bool {
        path.is_empty() || self.items.get(path).is_some_and(|item| item.kind == EntryKind::Folder)
    }

    /// Who has this name here, in whatever form.
    fn holder(&self, path: &[u8]) -> Option<&Path> {
        let key = names::key(name(path), &self.capabilities).into_owned();
        self.items
            .keys()
            .find(|other| parent(other) == parent(path) && names::key(name(other), &self.capabilities) == key)
    }

    pub fn is_free(&self, path: &[u8]) -> bool {
        self.is_folder(parent(path)) && self.holder(path).is_none()
    }

    pub fn make(&mut self, path: &[u8], kind: EntryKind, content: u64, modified: i64) -> bool {
        let fits = names::mapped(name(path), &self.capabilities) == name(path);
        if !self.is_free(path) || !fits {
            return false;
        }
        let id = self.tick();
        self.items.insert(path.to_vec(), Item { kind, content, modified, mode: 0o644, id, change: id });
        true
    }

    pub fn remove(&mut self, path: &[u8]) {
        self.items.retain(|other, _| other != path && !is_below(other, path));
    }

    pub fn rename(&mut self, from: &[u8], to: &[u8]) -> bool {
        let fits = names::mapped(name(to), &self.capabilities) == name(to);
        let holder = self.holder(to);
        let is_own = holder.is_some_and(|holder| holder == from);
        let is_inside = to == from || is_below(to, from);
        if !self.items.contains_key(from)
            || !self.is_folder(parent(to))
            || (holder.is_some() && !is_own)
            || is_inside
            || !fits
        {
            return false;
        }
        let change = self.tick();
        let moved: Vec<Path> =
            self.items.keys().filter(|path| *path == from || is_below(path, from)).cloned().collect();
        for path in moved {
            let mut item = self.items.remove(&path).unwrap();
            if path == from {
                item.change = change;
            }
            self.items.insert([to, &path[from.len()..]].concat(), item);
        }
        true
    }

    /// What a person compares: names, kinds, contents.
    pub fn picture(&self) -> BTreeMap<String, (EntryKind, u64)> {
        let text = |path: &Path| String::from_utf8_lossy(path).into_owned();
        self.items.iter().map(|(path, item)| (text(path), (item.kind, item.content))).collect()
    }

    pub fn contents(&self) -> BTreeSet<u64> {
        let files = self.items.values().filter(|item| item.kind == EntryKind::File);
        files.map(|item| item.content).collect()
    }
}

pub fn hash(content: u64) -> ContentHash {
    ContentHash(*blake3::hash(&content.to_le_bytes()).as_bytes())
}

/// Contents of one size are many, so that size alone tells little.
fn size(content: u64) -> u64 {
    content % 3 + 1
}

fn fingerprint(place: &Place, item: &Item) -> Fingerprint {
    let is_folder = item.kind == EntryKind::Folder;
    Fingerprint {
        kind: item.kind,
        size_bytes: if is_folder { 0 } else { size(item.content) },
        modified: Some(Timestamp::new(item.modified, 0)),
        version: Version::changed_at(Timestamp::new(i64::try_from(item.change).unwrap(), 0)),
        id: if place.capabilities.stable_ids { item.id } else { 0 },
    }
}

fn state(item: &Item, is_read: bool) -> State {
    let is_folder = item.kind == EntryKind::Folder;
    // Links are read when they are listed.
    let is_read = is_read || item.kind == EntryKind::Symlink;
    let content = match (is_folder, is_read) {
        (true, _) => Content::None,
        (false, true) => Content::Known(hash(item.content)),
        (false, false) => Content::Unread,
    };
    State {
        kind: item.kind,
        size_bytes: if is_folder { 0 } else { size(item.content) },
        content,
        modified: Some(Timestamp::new(item.modified, 0)),
        mode: Some(item.mode),
        attributes: None,
    }
}

/// Both places, what was agreed on, and which item of a place is which node (by inode).
#[derive(Clone, Debug)]
pub struct World {
    pub places: [Place; 2],
    pub base: BaseTree,
    next: u64,
}

/// A plan with the trees it is about.
pub struct Looked {
    pub plan: Plan,
    pub trees: [SideTree; 2],
    ids: [HashMap<u64, NodeId>; 2],
}

fn number(side: Side) -> usize {
    usize::from(side == Side::Right)
}

impl World {
    pub fn new(left: Place, right: Place) -> Self {
        Self { places: [left, right], base: BaseTree::default(), next: 1 }
    }

    /// Looks at a side as the scanner does: by path, telling unchanged items by their fingerprint.
    fn scan(&self, side: Side) -> (SideTree, HashMap<NodeId, u64>) {
        let place = &self.places[number(side)];
        let mut tree = SideTree {
            changes: Changes::default(),
            blind: BTreeSet::new(),
            folder_times: Default::default(),
            occupied: BTreeMap::new(),
            capabilities: place.capabilities,
            circumstances: Circumstances { items: place.items.len() as u64, ..Circumstances::default() },
        };
        let mut inodes = HashMap::new();
        let mut fresh = if side == Side::Left { NodeId::FRESH_LEFT } else { NodeId::FRESH_RIGHT };
        let mut folders: Vec<(Path, NodeId)> = vec![(Path::new(), NodeId::ROOT)];
        while let Some((folder, id)) = folders.pop() {
            if place.items.get(&folder).is_some_and(|item| place.unlisted.contains(&item.id)) {
                tree.blind.insert(id);
                continue;
            }
            let mut known: HashMap<&[u8], Vec<NodeId>> = HashMap::new();
            for child in self.base.children(id) {
                known.entry(self.base.get(*child).unwrap().name_on(side)).or_default().push(*child);
            }
            for (path, item) in place.items.iter().filter(|(path, _)| parent(path) == folder) {
                let found = known.get_mut(name(path)).and_then(|ids| {
                    let likeness = |id: &NodeId| {
                        let before = *self.base.get(*id).unwrap().fingerprint_on(side);
                        let now = fingerprint(place, item);
                        (now.is_unchanged_since(&before), now.id == before.id, now.kind == before.kind)
                    };
                    let at = (0..ids.len()).max_by_key(|at| likeness(&ids[*at])).unwrap_or(0);
                    (!ids.is_empty()).then(|| ids.remove(at))
                });
                if place.left_out.contains(&item.id) {
                    let taken = tree.occupied.entry(id).or_default();
                    match found {
                        Some(known) => drop(tree.blind.insert(known)),
                        None => drop(taken.insert(name(path).to_vec())),
                    }
                    continue;
                }
                let node = found.unwrap_or_else(|| {
                    fresh += 1;
                    NodeId(fresh)
                });
                inodes.insert(node, item.id);
                let print = fingerprint(place, item);
                let before = found.and_then(|id| self.base.get(id));
                let is_unchanged = before.is_some_and(|before| {
                    let was = before.fingerprint_on(side);
                    !name(path).starts_with(STEP_PREFIX)
                        && print.is_unchanged_since(was)
                        && was.id == print.id
                        && before.state.mode == Some(item.mode)
                });
                if !is_unchanged {
                    let seen = SeenNode {
                        parent: id,
                        name: name(path).to_vec(),
                        state: state(item, false),
                        fingerprint: print,
                    };
                    tree.changes.insert(node, Seen::Here(seen));
                }
                if item.kind == EntryKind::Folder {
                    folders.push((path.clone(), node));
                }
            }
            for gone in known.into_values().flatten() {
                tree.changes.insert(gone, Seen::Gone);
            }
        }
        (tree, inodes)
    }

    fn read(&self, trees: &mut [SideTree; 2], inodes: &[HashMap<u64, u64>; 2]) {
        let [left, right] = trees;
        let demands = moves::demands(&self.base, left, right);
        self.read_demanded(&demands, [left, right], inodes);
    }

    fn read_demanded(&self, demands: &[Demand], trees: [&mut SideTree; 2], inodes: &[HashMap<u64, u64>; 2]) {
        for demand in demands {
            let side = number(demand.side);
            let seen = trees[side].changes.here(demand.node).unwrap_or_else(|| panic!("{demand:?}"));
            let version = seen.fingerprint.version;
            let item = self.places[side].items.values().find(|item| {
                inodes[side].contains_key(&item.id)
                    && fingerprint(&self.places[side], item).version == version
            });
            trees[side].changes.set_content(demand.node, Content::Known(hash(item.unwrap().content)));
        }
    }

    pub fn look(&self, policy: &Policy) -> Looked {
        let (left, left_inodes) = self.scan(Side::Left);
        let (right, right_inodes) = self.scan(Side::Right);
        let inodes = [left_inodes, right_inodes]
            .map(|inodes| inodes.into_values().map(|id| (id, id)).collect::<HashMap<u64, u64>>());
        let mut trees = [left, right];
        self.read(&mut trees, &inodes);
        let [left, right] = trees;
        let mut left = moves::resolve(&self.base, left, Side::Left);
        let mut right = moves::resolve(&self.base, right, Side::Right);
        let read = |demands: &[Demand], left: &mut SideTree, right: &mut SideTree| {
            self.read_demanded(demands, [left, right], &inodes);
            Ok::<(), Infallible>(())
        };
        let Ok(()) = meet(&self.base, &mut left, &mut right, read);
        let mut trees = [left, right];
        self.read(&mut trees, &inodes);
        self.knows_only_what_is(&trees);
        let plan = plan(&self.base, &trees[0], &trees[1], policy);
        let ids = Side::BOTH.map(|side| self.ids(side, &trees[number(side)]));
        Looked { plan, trees, ids }
    }

    /// Whatever an item is taken for: what is said to be its content is what it holds.
    fn knows_only_what_is(&self, trees: &[SideTree; 2]) {
        for (place, tree) in self.places.iter().zip(trees) {
            for (id, seen) in tree.changes.all_here() {
                if let Content::Known(known) = seen.state.content {
                    let is_it = |item: &&Item| fingerprint(place, item).version == seen.fingerprint.version;
                    let item = place.items.values().find(is_it).unwrap();
                    assert_eq!(known, hash(item.content), "{id:?} {seen:?}");
                }
            }
        }
    }

    /// Which node each inode of a side is: by where the tree says each node is.
    fn ids(&self, side: Side, tree: &SideTree) -> HashMap<u64, NodeId> {
        let place = &self.places[number(side)];
        let path = |id: NodeId| {
            let mut names: Vec<&[u8]> = Vec::new();
            let mut at = id;
            while at != NodeId::ROOT {
                assert!(
                    names.len() <= self.base.len() + tree.changes.len(),
                    "{id:?} is inside itself on the {side:?}"
                );
                // Where that is nobody knows: something else may be at its place.
                if tree.blind.contains(&at) {
                    return None;
                }
                match (tree.changes.get(at), self.base.get(at)) {
                    (Some(Seen::Here(seen)), _) => {
                        names.push(seen.name);
                        at = seen.parent;
                    }
                    (None, Some(entry)) => {
                        names.push(entry.name_on(side));
                        at = entry.parent;
                    }
                    _ => return None,
                }
            }
            names.reverse();
            Some(names.join(&b'/'))
        };
        let fresh = tree.changes.ids().filter(|id| id.is_fresh());
        let nodes = self.base.iter().map(|(id, _)| id).chain(fresh);
        nodes.filter_map(|id| Some((place.items.get(&path(id)?)?.id, id))).collect()
    }

    /// Does the first `count` rows, in the order the batches give and chance inside them, then lets the base learn them
    /// (or not, where the crash came before that).
    pub fn apply(
        &mut self,
        looked: &Looked,
        mut order: impl FnMut(usize) -> usize,
        count: usize,
        learns: bool,
    ) {
        let mut rows: Vec<&Operation> = looked.plan.operations.iter().collect();
        let mut begin = 0;
        while begin < rows.len() {
            let batch = rows[begin].batch;
            let end = begin + rows[begin..].iter().take_while(|row| row.batch == batch).count();
            for at in (begin + 1..end).rev() {
                rows.swap(at, begin + order(at - begin + 1));
            }
            begin = end;
        }
        self.learn_displaced(looked);
        let mut ids = looked.ids.clone();
        let mut touched: BTreeSet<NodeId> = BTreeSet::new();
        let mut pair_names: HashMap<NodeId, Vec<u8>> = HashMap::new();
        for row in rows.iter().take(count) {
            self.do_row(row, &mut ids, &mut touched);
            if let Some(pair_name) = row.pair_name() {
                pair_names.insert(row.node, pair_name.to_vec());
            }
        }
        if !learns {
            return;
        }
        // What has moved in is nothing of the pair any more.
        let moved_in: Vec<NodeId> =
            rows.iter().take(count).filter(|row| row.why == Why::MovedIn).map(|row| row.node).collect();
        let mut both: HashMap<NodeId, NodeId> = HashMap::new();
        let mut agreed = BTreeSet::new();
        for row in &looked.plan.operations {
            both.insert(row.node_on(Side::Right), row.node);
        }
        for agreement in &looked.plan.agreements {
            match agreement {
                Agreement::BothGone(id) => {
                    touched.insert(*id);
                }
                Agreement::SamePlace(id) => {
                    agreed.insert(*id);
                    touched.insert(*id);
                }
                Agreement::Displaced { .. } => {}
                Agreement::Same { left, right } => {
                    both.insert(*right, *left);
                    agreed.insert(*left);
                    touched.insert(*left);
                }
            }
        }
        for id in ids[1].values_mut() {
            *id = both.get(id).copied().unwrap_or(*id);
        }
        let written = rows.iter().take(count).filter(|row| row.action == Action::Replace);
        let written: BTreeSet<NodeId> = written.map(|row| row.node).collect();
        self.learn(&ids, &touched, &pair_names, &agreed, &written);
        for id in moved_in {
            self.base.remove(id);
        }
    }

    /// Learned before any row is done: what is at these places is something else than the base knew.
    fn learn_displaced(&mut self, looked: &Looked) {
        for agreement in &looked.plan.agreements {
            let Agreement::Displaced { node, side } = agreement else { continue };
            let Some(mut known) = self.base.get(*node).map(|entry| entry.to_node()) else { continue };
            let seen = looked.trees[number(*side)].changes.here(*node);
            let seen = seen.unwrap_or_else(|| panic!("{agreement:?}"));
            let print = Fingerprint {
                kind: known.state.kind,
                size_bytes: u64::MAX,
                modified: None,
                version: Version([0xff; 16]),
                id: seen.fingerprint.id,
            };
            match side {
                Side::Left => known.left = print,
                Side::Right => known.right = print,
            }
            self.base.insert(*node, known);
        }
    }

    fn do_row(
        &mut self,
        row: &Operation,
        ids: &mut [HashMap<u64, NodeId>; 2],
        touched: &mut BTreeSet<NodeId>,
    ) {
        let (here, there) = (number(row.side), number(row.side.other()));
        let path = row.path.as_bytes();
        touched.insert(row.node);
        let copied = self.places[there].items.get(row.source().as_bytes()).cloned();
        let place = &mut self.places[here];
        match &row.action {
            Action::CreateFolder { .. } => {
                assert!(place.make(path, EntryKind::Folder, 0, 0), "{row:?}\n{:#?}", place.items.keys());
                let item = place.items.get_mut(path).unwrap();
                item.mode = row.metadata().unwrap().mode.unwrap_or(item.mode);
                ids[here].insert(item.id, row.node_on(row.side));
            }
            Action::Copy { .. } => {
                let from = copied.unwrap_or_else(|| panic!("nothing to copy: {row:?}"));
                assert!(place.make(path, from.kind, from.content, from.modified), "{row:?}");
                let item = place.items.get_mut(path).unwrap();
                item.mode = from.mode;
                ids[here].insert(item.id, row.node_on(row.side));
            }
            Action::Replace => {
                let from = copied.unwrap_or_else(|| panic!("nothing to copy: {row:?}"));
                let change = place.tick();
                let item = place.items.get_mut(path).unwrap_or_else(|| panic!("nothing to replace: {row:?}"));
                assert_eq!(ids[here].remove(&item.id), Some(row.node_on(row.side)), "{row:?}");
                place.bin.push(item.content);
                let mode = row.metadata().map_or(Some(from.mode), |change| change.mode);
                *item = Item { id: change, change, mode: mode.unwrap_or(item.mode), ..from };
                ids[here].insert(change, row.node_on(row.side));
            }
            Action::Move { becomes, .. } => {
                let from = row.from().unwrap().as_bytes();
                let id = place.items.get(from).unwrap_or_else(|| panic!("nothing to move: {row:?}")).id;
                assert_eq!(ids[here].get(&id), Some(&row.node_on(row.side)), "{row:?}");
                assert!(place.rename(from, path), "{row:?}\n{:#?}", place.items.keys());
                if let Some(becomes) = becomes {
                    ids[here].insert(id, *becomes);
                    touched.insert(*becomes);
                }
            }
            Action::Remove => {
                let item = place.items.get(path).unwrap_or_else(|| panic!("nothing to remove: {row:?}"));
                assert_eq!(ids[here].get(&item.id), Some(&row.node_on(row.side)), "{row:?}");
                let is_empty = !place.items.keys().any(|other| is_below(other, path));
                assert!(is_empty, "not empty: {row:?}");
                place.bin.push(item.content);
                place.remove(path);
                if row.why == Why::MovedIn {
                    let there = &self.places[there];
                    assert!(there.items.contains_key(row.source().as_bytes()), "{row:?}");
                }
            }
            Action::SetMetadata => {
                let change = place.tick();
                let item = place.items.get_mut(path).unwrap_or_else(|| panic!("{row:?}"));
                let set = row.metadata().unwrap();
                item.mode = set.mode.unwrap_or(item.mode);
                item.modified = set.modified.map_or(item.modified, |time| time.seconds);
                item.change = change;
            }
        }
    }

    /// The base takes over what both have now of these nodes.
    fn learn(
        &mut self,
        ids: &[HashMap<u64, NodeId>; 2],
        touched: &BTreeSet<NodeId>,
        names: &HashMap<NodeId, Vec<u8>>,
        agreed: &BTreeSet<NodeId>,
        written: &BTreeSet<NodeId>,
    ) {
        let mut new_ids: HashMap<NodeId, NodeId> = HashMap::new();
        let find = |place: &Place, ids: &HashMap<u64, NodeId>| -> HashMap<NodeId, Path> {
            let found =
                place.items.iter().filter_map(|(path, item)| Some((*ids.get(&item.id)?, path.clone())));
            found.collect()
        };
        let left = find(&self.places[0], &ids[0]);
        let right = find(&self.places[1], &ids[1]);
        let mut order: VecDeque<NodeId> = touched.iter().copied().collect();
        order
            .make_contiguous()
            .sort_by_key(|id| left.get(id).map(|path| path.iter().filter(|byte| **byte == b'/').count()));
        // So many came round since something was learned.
        let mut waited = 0;
        while let Some(id) = order.pop_front() {
            let (Some(left_path), Some(right_path)) = (left.get(&id), right.get(&id)) else {
                if !left.contains_key(&id) && !right.contains_key(&id) {
                    self.base.remove(id);
                }
                continue;
            };
            let at = |side: usize, path: &Path| {
                let folder = parent(path);
                if folder.is_empty() {
                    return Some(NodeId::ROOT);
                }
                let item = self.places[side].items.get(folder)?;
                let id = *ids[side].get(&item.id)?;
                Some(new_ids.get(&id).copied().unwrap_or(id))
            };
            let (left_item, right_item) =
                (&self.places[0].items[left_path], &self.places[1].items[right_path]);
            let parents = (at(0, left_path), at(1, right_path));
            if left_item.content != right_item.content {
                continue;
            }
            let (left_name, right_name) = (name(left_path), name(right_path));
            let before = self.base.get(id).filter(|entry| {
                entry.name_on(Side::Left) == left_name && entry.name_on(Side::Right) == right_name
            });
            let pair_name = match (names.get(&id), before) {
                (Some(name), _) => Some(name.clone()),
                (None, Some(before)) => Some(before.name.to_vec()),
                // Agreed on under two forms of one name, or renamed on one side only until now.
                (None, None) => (left_name == right_name || agreed.contains(&id)).then(|| left_name.to_vec()),
            };
            let parent = parents.0.filter(|parent| parents.1 == Some(*parent) && !parent.is_fresh());
            let (Some(parent), Some(pair_name)) = (parent, pair_name) else {
                // What was written is known also where one-way modes leave it at two places: these stay as they were.
                if let Some(known) = self.base.get(id).filter(|_| written.contains(&id)) {
                    let node = BaseNode {
                        state: state(left_item, true),
                        left: fingerprint(&self.places[0], left_item),
                        right: fingerprint(&self.places[1], right_item),
                        ..known.to_node()
                    };
                    self.base.insert(id, node);
                }
                continue;
            };
            if self.base.up_from(parent).any(|above| above == id) {
                // What both sides have in a folder that the base knows in it waits until that one's place is learned.
                order.push_back(id);
                waited += 1;
                if waited > order.len() {
                    return;
                }
                continue;
            }
            waited = 0;
            let new = *new_ids.entry(id).or_insert_with(|| {
                if !id.is_fresh() {
                    return id;
                }
                self.next += 1;
                NodeId(self.next)
            });
            let own = |path: &Path| (name(path) != pair_name.as_slice()).then(|| name(path).to_vec());
            let node = BaseNode {
                parent,
                left_name: own(left_path),
                right_name: own(right_path),
                name: pair_name.clone(),
                state: state(left_item, true),
                left: fingerprint(&self.places[0], left_item),
                right: fingerprint(&self.places[1], right_item),
            };
            self.base.insert(new, node);
        }
    }

    /// As [`World::apply`], broken off.
    pub fn apply_some(
        &mut self,
        looked: &Looked,
        order: impl FnMut(usize) -> usize,
        count: usize,
        learns: bool,
    ) {
        self.apply(looked, order, count, learns);
    }

    /// The same with the sides exchanged.
    pub fn swapped(&self) -> Self {
        let [left, right] = self.places.clone();
        let mut base = BaseTree::default();
        for (id, entry) in self.base.iter() {
            let node = entry.to_node();
            base.insert(
                id,
                BaseNode {
                    left_name: node.right_name,
                    right_name: node.left_name,
                    left: node.right,
                    right: node.left,
                    ..node
                },
            );
        }
        Self { places: [right, left], base, next: self.next }
    }

    /// A plan in few words.
    pub fn told(&self, looked: &Looked) -> String {
        let mut text = String::new();
        for row in &looked.plan.operations {
            text += &format!(
                "\n{} {:?} {:?} {:?} {:?} -> {:?} {:?}",
                row.batch,
                row.side,
                row.action,
                row.why,
                row.from(),
                row.path,
                row.metadata()
            );
        }
        for conflict in &looked.plan.conflicts {
            text += &format!("\n{:?} {:?} at {:?}", conflict.node, conflict.kind, conflict.path);
        }
        for agreement in &looked.plan.agreements {
            text += &format!("\n{agreement:?}");
        }
        for (side, tree) in looked.trees.iter().enumerate() {
            for (id, seen) in tree.changes.iter() {
                match seen {
                    Seen::Gone => text += &format!("\n{side} {id:?} gone"),
                    Seen::Here(seen) => {
                        let name = String::from_utf8_lossy(seen.name);
                        text += &format!(
                            "\n{side} {id:?} here {:?}/{name} {:?} {:?}",
                            seen.parent, seen.state, seen.fingerprint
                        );
                    }
                }
            }
        }
        for (id, entry) in self.base.iter() {
            text += &format!(
                "\n{id:?} base {:?}/{} {:?}",
                entry.parent,
                String::from_utf8_lossy(entry.name),
                entry.state
            );
        }
        for place in &self.places {
            text += &format!("\n{:?}", place.picture());
        }
        text
    }

    /// Runs until nothing is left to do; how many runs that took.
    pub fn converge(&mut self, policy: &Policy, mut order: impl FnMut(usize) -> usize) -> usize {
        for run in 0..10 {
            let looked = self.look(policy);
            assert!(looked.plan.brakes.is_empty(), "{:?}", looked.plan.brakes);
            if looked.plan.operations.is_empty() && looked.plan.agreements.is_empty() {
                return run;
            }
            self.apply(&looked, &mut order, usize::MAX, true);
        }
        let looked = self.look(policy);
        panic!("does not end: {}", self.told(&looked));
    }
}
