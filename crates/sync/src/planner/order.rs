//! In which order one side is changed: folders made, items moved, folders removed, so that each step is possible when it
//! comes and the steps of one batch do not touch each other.
//!
//! A step waits for the folder it goes into, for whoever has its name, and for folders it would end inside of. Where all
//! wait for each other (names that swap), one goes to a name on the way. That always ends: the step with the shallowest
//! target only ever waits for a name, because the folder it goes into is in its place by then.
//!
//! Invariants: no step of a batch has a path through a folder that the same batch moves; nobody is moved more than twice.
//! Deliberately not here: files and links that are removed (before all this) or copied (after it).

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap, HashSet};

use keepwell_endpoint::tree::STEP_PREFIX;
use keepwell_model::{EntryKind, RelativePath};

use super::view::View;
use crate::names;
use crate::node::{NodeId, Side};

/// What a step does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    CreateFolder,
    Move,
    /// To a name on the way.
    StepAside,
    RemoveFolder,
}

/// One step.
pub(super) struct Step {
    pub(super) batch: u32,
    pub(super) row: usize,
    pub(super) kind: Kind,
    pub(super) from: Option<RelativePath>,
    pub(super) path: RelativePath,
    pub(super) parent: NodeId,
}

/// The side as it is after some steps.
pub(super) struct Course<'v, 'a> {
    view: &'v View<'a>,
    side: Side,
    /// Where nodes are that were made, moved or removed until now.
    now: HashMap<usize, Option<(NodeId, Vec<u8>)>>,
    /// Paths of folders, until a folder is moved.
    paths: HashMap<NodeId, RelativePath>,
}

impl<'v, 'a> Course<'v, 'a> {
    fn place(&self, row: usize) -> Option<(NodeId, Cow<'_, [u8]>)> {
        match self.now.get(&row) {
            Some(place) => place.as_ref().map(|(parent, name)| (*parent, Cow::Borrowed(name.as_slice()))),
            None => self.view.place(row, self.side).map(|(parent, name)| (parent, Cow::Borrowed(name))),
        }
    }

    fn parent(&self, id: NodeId) -> Option<NodeId> {
        match self.view.row(id) {
            Some(row) => self.place(row).map(|(parent, _)| parent),
            None => self.view.base.get(id).map(|entry| entry.parent),
        }
    }

    /// The folders a node is in, from the inside out.
    fn above(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let mut at = id;
        let mut left = self.view.nodes.len() + self.view.base.len() + 1;
        std::iter::from_fn(move || {
            left = left.checked_sub(1)?;
            if at == NodeId::ROOT {
                return None;
            }
            at = self.parent(at)?;
            (at != NodeId::ROOT).then_some(at)
        })
    }

    /// The path of a folder as it is now.
    pub(super) fn folder_path(&mut self, id: NodeId) -> RelativePath {
        if id == NodeId::ROOT {
            return RelativePath::root();
        }
        if let Some(path) = self.paths.get(&id) {
            return path.clone();
        }
        let mut way = vec![id];
        way.extend(self.above(id));
        let mut path = RelativePath::root();
        for id in way.into_iter().rev() {
            if let Some(known) = self.paths.get(&id) {
                path = known.clone();
                continue;
            }
            let name = match self.view.row(id) {
                Some(row) => self.place(row).map(|(_, name)| name.into_owned()),
                None => self.view.base.get(id).map(|entry| entry.name_on(self.side).to_vec()),
            };
            path = path.join(&name.unwrap_or_default()).unwrap_or(path);
            self.paths.insert(id, path.clone());
        }
        path
    }

    /// The path of a node as it is now.
    pub(super) fn path(&mut self, row: usize) -> Option<RelativePath> {
        let (parent, name) = self.place(row)?;
        let name = name.into_owned();
        self.folder_path(parent).join(&name).ok()
    }

    fn put(&mut self, row: usize, place: Option<(NodeId, Vec<u8>)>) {
        self.now.insert(row, place);
    }

    fn key(&self, parent: NodeId, name: &[u8]) -> (NodeId, Vec<u8>) {
        (parent, names::key(name, self.view.capabilities(self.side)).into_owned())
    }
}

/// What a step waits for.
enum Wait {
    Nothing,
    /// Another step, whichever way it goes.
    Step(usize),
    /// Somebody has the name.
    Name(usize),
}

struct Order<'v, 'a> {
    course: Course<'v, 'a>,
    /// Steps to come.
    pending: HashMap<usize, Kind>,
    ready: BTreeSet<usize>,
    waiting: HashMap<usize, Vec<usize>>,
    /// Who wait only for a name, by how deep they go.
    names_wanted: BTreeSet<(usize, usize)>,
    /// Who leaves which name.
    leaving: HashMap<(NodeId, Vec<u8>), usize>,
    /// How many items are to leave a folder that is removed.
    inside: HashMap<usize, usize>,
    /// Names on the way that somebody has from a run that was killed.
    on_the_way: HashSet<(NodeId, Vec<u8>)>,
    steps: Vec<Step>,
}

/// Orders the steps of a side. Batches begin with 1.
pub(super) fn order<'v, 'a>(view: &'v View<'a>, side: Side) -> (Vec<Step>, Course<'v, 'a>) {
    let course = Course { view, side, now: HashMap::new(), paths: HashMap::new() };
    let mut order = Order {
        course,
        pending: HashMap::new(),
        ready: BTreeSet::new(),
        waiting: HashMap::new(),
        names_wanted: BTreeSet::new(),
        leaving: HashMap::new(),
        inside: HashMap::new(),
        on_the_way: HashSet::new(),
        steps: Vec::new(),
    };
    order.gather();
    order.run();
    (order.steps, order.course)
}

impl Order<'_, '_> {
    fn gather(&mut self) {
        let (view, side) = (self.course.view, self.course.side);
        for row in 0..view.nodes.len() {
            let is_folder = view.nodes[row].kind == EntryKind::Folder;
            let is_present = view.is_present(row, side);
            if let Some((parent, name)) = view.place(row, side)
                && name.starts_with(STEP_PREFIX)
            {
                self.on_the_way.insert(self.course.key(parent, name));
            }
            let kind = match view.target(row, side) {
                Some(_) if is_present && view.arrives(row, side) => Kind::Move,
                Some(_) if !is_present && is_folder => Kind::CreateFolder,
                None if is_present && is_folder => Kind::RemoveFolder,
                // Files and links that go are gone before the first step.
                None if is_present => {
                    self.course.put(row, None);
                    continue;
                }
                _ => continue,
            };
            self.pending.insert(row, kind);
        }
        let mut rows: Vec<usize> = self.pending.keys().copied().collect();
        rows.sort_unstable();
        for row in &rows {
            if let Some((parent, name)) = self.course.place(*row) {
                let key = self.course.key(parent, &name);
                if let Some(folder) = view.row(parent)
                    && self.pending.get(&folder) == Some(&Kind::RemoveFolder)
                {
                    *self.inside.entry(folder).or_default() += 1;
                }
                self.leaving.insert(key, *row);
            }
        }
        for row in rows {
            self.look_at(row);
        }
    }

    /// Puts a step where it belongs: among the ready ones, or behind what it waits for.
    fn look_at(&mut self, row: usize) {
        if !self.pending.contains_key(&row) {
            return;
        }
        match self.wait(row) {
            Wait::Nothing => {
                self.ready.insert(row);
            }
            Wait::Step(other) => self.waiting.entry(other).or_default().push(row),
            Wait::Name(other) => {
                let depth = self.depth(row);
                self.names_wanted.insert((depth, row));
                self.waiting.entry(other).or_default().push(row);
            }
        }
    }

    fn wait(&self, row: usize) -> Wait {
        let (view, side) = (self.course.view, self.course.side);
        if self.pending.get(&row) == Some(&Kind::RemoveFolder) {
            // Woken by whoever leaves it.
            return match self.inside.get(&row) {
                Some(count) if *count > 0 => Wait::Step(row),
                _ => Wait::Nothing,
            };
        }
        let Some((parent, name)) = view.target(row, side) else { return Wait::Nothing };
        if let Some(folder) = view.row(parent)
            && self.course.place(folder).is_none()
        {
            return Wait::Step(folder);
        }
        let id = view.nodes[row].id;
        if view.nodes[row].kind == EntryKind::Folder && self.pending.get(&row) == Some(&Kind::Move) {
            let mut mover = None;
            for above in std::iter::once(parent).chain(self.course.above(parent)) {
                if above == id {
                    return mover.map_or(Wait::Nothing, Wait::Step);
                }
                let moves = view.row(above).filter(|row| self.pending.get(row) == Some(&Kind::Move));
                mover = mover.or(moves);
            }
        }
        match self.leaving.get(&self.course.key(parent, &name)) {
            Some(other) if *other != row => Wait::Name(*other),
            _ => Wait::Nothing,
        }
    }

    fn depth(&self, row: usize) -> usize {
        let (view, side) = (self.course.view, self.course.side);
        let mut at = view.target(row, side).map(|(parent, _)| parent);
        let mut depth = 0;
        while let Some(parent) = at.filter(|parent| *parent != NodeId::ROOT) {
            depth += 1;
            if depth > view.nodes.len() + view.base.len() {
                break;
            }
            at = match view.row(parent) {
                Some(row) => view.target(row, side).map(|(parent, _)| parent),
                None => view.base.get(parent).map(|entry| entry.parent),
            };
        }
        depth
    }

    fn run(&mut self) {
        let mut batch = 1;
        while !self.pending.is_empty() {
            if self.ready.is_empty() {
                let Some(&(_, row)) = self.names_wanted.first() else {
                    // Can not be, see above; what is left waits for the next run.
                    debug_assert!(false, "steps wait for each other: {:?}", self.pending);
                    break;
                };
                self.names_wanted.remove(&(self.depth(row), row));
                if let Wait::Name(other) = self.wait(row) {
                    self.step_aside(batch, other);
                    batch += 1;
                } else {
                    self.look_at(row);
                }
                continue;
            }
            for row in self.one_batch(batch) {
                self.wake(row);
            }
            batch += 1;
        }
    }

    /// As many of the ready steps as do not touch each other.
    fn one_batch(&mut self, batch: u32) -> Vec<usize> {
        let ready = std::mem::take(&mut self.ready);
        let mut moving: HashSet<NodeId> = HashSet::new();
        let mut used: HashSet<NodeId> = HashSet::new();
        let mut chosen = Vec::new();
        for row in ready {
            // What was done since may have put something in its way.
            if !matches!(self.wait(row), Wait::Nothing) {
                self.look_at(row);
                continue;
            }
            let (view, side) = (self.course.view, self.course.side);
            let node = &view.nodes[row];
            let kind = self.pending.get(&row).copied().unwrap_or(Kind::Move);
            let mut through: Vec<NodeId> = Vec::new();
            if self.course.place(row).is_some() {
                through.extend(self.course.above(node.id));
            }
            if kind != Kind::RemoveFolder
                && let Some((parent, _)) = view.target(row, side)
            {
                through.push(parent);
                through.extend(self.course.above(parent));
            }
            let moves_folder = node.kind == EntryKind::Folder && kind == Kind::Move;
            if through.iter().any(|id| moving.contains(id)) || (moves_folder && used.contains(&node.id)) {
                self.ready.insert(row);
                continue;
            }
            used.extend(through);
            if moves_folder {
                moving.insert(node.id);
            }
            chosen.push((row, kind));
        }
        // Paths are those before the batch: first all are written, then all are done.
        for (row, kind) in &chosen {
            self.write(batch, *row, *kind);
        }
        for (row, kind) in &chosen {
            self.leave(*row);
            let place = match kind {
                Kind::RemoveFolder => None,
                _ => self.target(*row),
            };
            self.course.put(*row, place);
            self.pending.remove(row);
        }
        if !moving.is_empty() {
            self.course.paths.clear();
        }
        chosen.into_iter().map(|(row, _)| row).collect()
    }

    fn target(&self, row: usize) -> Option<(NodeId, Vec<u8>)> {
        let target = self.course.view.target(row, self.course.side);
        target.map(|(parent, name)| (parent, name.into_owned()))
    }

    fn write(&mut self, batch: u32, row: usize, kind: Kind) {
        let from = self.course.path(row);
        let (parent, path) = match (kind, self.target(row)) {
            (Kind::RemoveFolder, _) | (_, None) => (NodeId::ROOT, from.clone()),
            (_, Some((parent, name))) => (parent, self.course.folder_path(parent).join(&name).ok()),
        };
        let Some(path) = path else { return };
        self.steps.push(Step { batch, row, kind, from, path, parent });
    }

    /// Its name is free from now on, and the folder it was in has one less.
    fn leave(&mut self, row: usize) {
        let Some((parent, name)) = self.course.place(row).map(|(parent, name)| (parent, name.into_owned()))
        else {
            return;
        };
        let key = self.course.key(parent, &name);
        if self.leaving.get(&key) == Some(&row) {
            self.leaving.remove(&key);
        }
        if let Some(folder) = self.course.view.row(parent)
            && let Some(count) = self.inside.get_mut(&folder)
        {
            *count = count.saturating_sub(1);
            if *count == 0 && self.pending.contains_key(&folder) {
                self.ready.insert(folder);
            }
        }
    }

    fn wake(&mut self, row: usize) {
        for waiting in self.waiting.remove(&row).unwrap_or_default() {
            let depth = self.depth(waiting);
            self.names_wanted.remove(&(depth, waiting));
            self.look_at(waiting);
        }
    }

    /// Moves whoever has a wanted name to a name on the way, in the folder it is in.
    fn step_aside(&mut self, batch: u32, row: usize) {
        let Some((parent, _)) = self.course.place(row) else { return };
        let from = self.course.path(row);
        let id = format!("{:x}", self.course.view.nodes[row].id.0);
        let mut names = (1_u32..).map(|number| match number {
            1 => [STEP_PREFIX, id.as_bytes()].concat(),
            _ => [STEP_PREFIX, id.as_bytes(), format!("-{number}").as_bytes()].concat(),
        });
        let is_free = |name: &Vec<u8>| !self.on_the_way.contains(&self.course.key(parent, name));
        // There are fewer items than numbers.
        let Some(name) = names.find(is_free) else { return };
        let Ok(path) = self.course.folder_path(parent).join(&name) else { return };
        self.steps.push(Step { batch, row, kind: Kind::StepAside, from, path, parent });
        let key = self.course.place(row).map(|(parent, name)| self.course.key(parent, &name));
        if let Some(key) = key {
            self.leaving.remove(&key);
        }
        self.course.put(row, Some((parent, name)));
        self.course.paths.clear();
        self.wake(row);
    }
}
