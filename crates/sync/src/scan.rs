//! Looking at one side: what differs from the base, found by several threads at once.
//!
//! Invariants, beside those of [`SideTree`]:
//! 1. A folder that can not be listed is blind, and so is all below it; where the place itself can not be reached the
//!    whole scan is an error. What a rule leaves out is blind too, also when it is not there.
//! 2. With hints only the folders they name are listed, one after the other from the root down, for what a folder says of
//!    the folders in it comes first; and all of every folder that is new or was replaced, in which no hint counts any more.
//! 3. Of what is as the base says, nothing is kept: memory goes with the differences.
//! 4. A file that somebody has open for writing is blind until it was closed or at rest, but not for ever: see
//!    `at_rest`. Where the place does not tell, a live pair takes it when it has been still for a moment.
//! 5. A folder from which a drive was unmounted, or that looks like it, is blind: see `covered`.
//!
//! Deliberately not here: moves (`planner::moves`), reading contents (`run::hash`), whether it is the right place
//! (`run::prepare`).

mod at_rest;
mod compare;
mod covered;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, Tree, TreeItem};
use keepwell_model::{Control, EntryKind, ExtendedAttribute, RelativePath, Timestamp};
use parking_lot::{Condvar, Mutex};

use self::at_rest::Unrest;
use crate::error::SyncError;
use crate::filter::{Facts, Filter};
use crate::node::{NodeId, Side, packed_attributes};
use crate::policy::Links;
use crate::trees::{BaseTree, Changes, Circumstances, LeftOut, Seen, SideTree};

/// The name of the shared rules in a root's own folder.
pub const RULES_NAME: &[u8] = b"rules";
/// The longest file of shared rules that is read.
pub const RULES_LIMIT_BYTES: usize = 1 << 20;

/// How a side is looked at.
#[derive(Clone, Copy)]
pub struct ScanOptions<'a> {
    /// What the place is called, for problems.
    pub place: &'a str,
    /// What is left out.
    pub filter: &'a Filter,
    /// The folders to look into; nothing: everywhere.
    pub hints: Option<&'a BTreeSet<RelativePath>>,
    /// What becomes of symbolic links.
    pub links: Links,
    /// Permission bits are synced.
    pub modes: bool,
    /// Extended attributes are synced, and both places keep them.
    pub attributes: bool,
    /// One of the roots has shared rules, which are synced like any file.
    pub shared_rules: bool,
    /// A file nobody has open must have been still for so long; nothing: each of these is taken as it is.
    pub settle: Option<Duration>,
    /// What somebody had open for writing when it was looked before, and since when.
    pub open: &'a BTreeMap<RelativePath, i64>,
    /// Folders over which a volume was mounted that is not now.
    pub covered: &'a BTreeSet<NodeId>,
    /// The time now.
    pub now_ms: i64,
    /// When the last run began that did something.
    pub agreed_ms: Option<i64>,
    /// How many folders are read at once.
    pub workers: usize,
}

/// The text of the shared rules in a root; nothing where it has none.
///
/// # Errors
/// They can not be read, or are too long.
pub fn shared_rules(tree: &dyn Tree) -> Result<Option<Vec<u8>>, EndpointError> {
    let Ok(path) = RelativePath::root().join(OWN_FOLDER).and_then(|own| own.join(RULES_NAME)) else {
        return Ok(None);
    };
    match tree.stat(&path)? {
        Some(item) if item.fingerprint.kind == EntryKind::File => {}
        _ => return Ok(None),
    }
    let mut text = vec![0; RULES_LIMIT_BYTES + 1];
    let length = match tree.open(&path) {
        Ok(mut file) => file.read_at(&mut text, 0)?,
        Err(EndpointError::NotFound { .. }) => return Ok(None),
        Err(error) => return Err(error),
    };
    if length > RULES_LIMIT_BYTES {
        let why = format!("rules may be {RULES_LIMIT_BYTES} bytes long");
        return Err(EndpointError::Unexpected { path: path.to_string(), why });
    }
    text.truncate(length);
    Ok(Some(text))
}

/// A short hash over extended attributes, which are sorted by name.
#[must_use]
pub fn attributes_hash(attributes: &[ExtendedAttribute]) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(&packed_attributes(attributes)).as_bytes()[..16]);
    hash
}

/// Looks at a side, and hands back how it differs from the base.
///
/// # Errors
/// The place can not be reached, or the person stopped it.
pub fn scan(
    tree: &dyn Tree,
    base: &BaseTree,
    side: Side,
    options: &ScanOptions<'_>,
    control: &Control,
) -> Result<SideTree, SyncError> {
    // The very first are no items' own: the index of the bins means by them what it does not know (`bins::found`).
    let first = match side {
        Side::Left => NodeId::FRESH_LEFT + 1,
        Side::Right => NodeId::FRESH_RIGHT + 1,
    };
    let found = SideTree {
        changes: Changes::default(),
        blind: BTreeSet::new(),
        occupied: BTreeMap::new(),
        folder_times: BTreeMap::new(),
        capabilities: *tree.capabilities(),
        circumstances: Circumstances::default(),
    };
    let mut scan = Scan {
        tree,
        base,
        side,
        options,
        control,
        listed: None,
        next: AtomicU64::new(first),
        tasks: Mutex::new(Tasks::default()),
        news: Condvar::new(),
        is_over: AtomicBool::new(false),
        found: Mutex::new(found),
        gone: Mutex::default(),
        unsettled: Mutex::default(),
        left: Mutex::default(),
        trouble: Mutex::default(),
    };
    scan.begin()?;
    let workers = options.workers.clamp(1, 64);
    if workers == 1 {
        scan.work();
    } else {
        std::thread::scope(|scope| {
            for _ in 0..workers {
                scope.spawn(|| scan.work());
            }
        });
    }
    if let Some(trouble) = scan.trouble.lock().take() {
        return Err(trouble);
    }
    scan.settle()?;
    let is_partial = options.hints.is_some();
    let mut found = scan.found.into_inner();
    if is_partial {
        found.circumstances.items = items_now(base, &found);
    }
    Ok(found)
}

/// How many items the side has, where not all were looked at.
fn items_now(base: &BaseTree, found: &SideTree) -> u64 {
    let fresh = found.changes.ids().filter(|id| id.is_fresh()).count();
    let gone = found.changes.all_gone().count();
    (base.len() + fresh).saturating_sub(gone) as u64
}

/// A folder to be listed.
struct Task {
    folder: NodeId,
    path: RelativePath,
    /// All below it too, not only what a hint names.
    whole: bool,
}

#[derive(Default)]
struct Tasks {
    waiting: Vec<Task>,
    at_work: usize,
    /// What is looked at is a folder that a hint named: all else waits.
    is_hint_at_work: bool,
    /// With hints: the folders that are listed already, or will be.
    entered: BTreeSet<NodeId>,
}

impl Tasks {
    /// The next folder that may be looked at now.
    fn next(&mut self) -> Option<Task> {
        let is_hint = !self.waiting.last()?.whole;
        let has_to_wait = self.is_hint_at_work || is_hint && self.at_work > 0;
        if has_to_wait { None } else { self.waiting.pop() }
    }
}

/// A file that changed a moment ago.
struct Unsettled {
    known: Option<NodeId>,
    folder: NodeId,
    path: RelativePath,
    item: TreeItem,
    unrest: Unrest,
}

struct Scan<'a> {
    tree: &'a dyn Tree,
    base: &'a BaseTree,
    side: Side,
    options: &'a ScanOptions<'a>,
    control: &'a Control,
    /// Everything, where the place lists it in one go.
    listed: Option<Mutex<HashMap<RelativePath, Vec<TreeItem>>>>,
    next: AtomicU64,
    tasks: Mutex<Tasks>,
    news: Condvar,
    is_over: AtomicBool,
    found: Mutex<SideTree>,
    /// With hints: what of it is gone.
    gone: Mutex<BTreeSet<NodeId>>,
    unsettled: Mutex<Vec<Unsettled>>,
    /// The ids of new files that were left because they are being written.
    left: Mutex<BTreeSet<u64>>,
    trouble: Mutex<Option<SyncError>>,
}

/// What one folder adds to what was found.
#[derive(Default)]
struct Findings {
    changes: Vec<(NodeId, Seen)>,
    blind: Vec<NodeId>,
    is_occupied: bool,
    taken: BTreeSet<Vec<u8>>,
    items: u64,
    folder_times: Vec<(NodeId, Timestamp)>,
    folders: Vec<Task>,
    unsettled: Vec<Unsettled>,
    left_out: Vec<(NodeId, LeftOut)>,
    has_young: bool,
}

impl Scan<'_> {
    fn begin(&mut self) -> Result<(), SyncError> {
        if let Some(hints) = self.options.hints {
            let is_one = |known: &[u8], told: &[u8]| {
                known == told || !self.tree.capabilities().keeps_case && self.key(known) == self.key(told)
            };
            // Taken from the end: the folder before those in it.
            let known = hints
                .iter()
                .rev()
                .filter_map(|hint| nearest_known(self.base, self.side, self.options.filter, hint, is_one));
            let waiting = known.map(|(folder, path)| Task { folder, path, whole: false }).collect();
            self.tasks.get_mut().waiting = waiting;
            return Ok(());
        }
        let tasks = self.tasks.get_mut();
        tasks.waiting.push(Task { folder: NodeId::ROOT, path: RelativePath::root(), whole: true });
        let mut listed: HashMap<RelativePath, Vec<TreeItem>> = HashMap::new();
        let mut visit = |path: RelativePath, item: TreeItem| {
            listed.entry(path.parent().unwrap_or_default()).or_default().push(item);
        };
        let is_whole = self
            .tree
            .visit_all(&RelativePath::root(), &mut visit)
            .map_err(|source| SyncError::Place { side: self.side, source })?;
        if is_whole {
            self.listed = Some(Mutex::new(listed));
        }
        Ok(())
    }

    fn work(&self) {
        while let Some(task) = self.take() {
            let result = self.control.checkpoint().map_err(SyncError::from).and_then(|()| self.look(&task));
            if let Err(error) = result {
                self.trouble.lock().get_or_insert(error);
                self.is_over.store(true, Ordering::Release);
            }
            let mut tasks = self.tasks.lock();
            tasks.at_work -= 1;
            tasks.is_hint_at_work = false;
            if self.options.hints.is_some() {
                self.news.notify_all();
            }
            if tasks.at_work == 0 && tasks.waiting.is_empty() || self.is_over.load(Ordering::Acquire) {
                self.is_over.store(true, Ordering::Release);
                self.news.notify_all();
            }
        }
    }

    fn take(&self) -> Option<Task> {
        let mut tasks = self.tasks.lock();
        loop {
            if self.is_over.load(Ordering::Acquire) {
                return None;
            }
            if let Some(task) = tasks.next() {
                // A hint for a folder that is listed already, or gone, says nothing new.
                if self.options.hints.is_some() && !tasks.entered.insert(task.folder)
                    || !task.whole && self.is_gone(task.folder)
                {
                    continue;
                }
                tasks.at_work += 1;
                tasks.is_hint_at_work = !task.whole;
                return Some(task);
            }
            if tasks.at_work == 0 && tasks.waiting.is_empty() {
                return None;
            }
            self.news.wait(&mut tasks);
        }
    }

    fn list(&self, path: &RelativePath) -> Result<Vec<TreeItem>, EndpointError> {
        match &self.listed {
            Some(listed) => Ok(listed.lock().remove(path).unwrap_or_default()),
            None => self.tree.list(path),
        }
    }

    /// Whether a folder is not where the base has it, by itself or with one above it.
    fn is_gone(&self, folder: NodeId) -> bool {
        let gone = self.gone.lock();
        if gone.is_empty() {
            return false;
        }
        let above = |folder: &NodeId| self.base.get(*folder).map(|entry| entry.parent);
        std::iter::successors(Some(folder), above).any(|folder| gone.contains(&folder))
    }

    /// A folder that a hint named is not there: the one above says what became of it, if it was not asked yet.
    fn ask_above(&self, task: &Task) {
        let above = self.base.get(task.folder).map_or(NodeId::ROOT, |entry| entry.parent);
        let mut tasks = self.tasks.lock();
        if tasks.entered.contains(&above) {
            drop(tasks);
            if !self.is_gone(above) {
                self.found.lock().blind.insert(task.folder);
            }
            return;
        }
        let path = task.path.parent().unwrap_or_default();
        tasks.waiting.push(Task { folder: above, path, whole: false });
    }

    /// Only what is above a folder shows its time: with hints that may not be asked.
    fn look_at_time(&self, task: &Task, findings: &mut Findings) {
        let Some(entry) = self.base.get(task.folder) else { return };
        let now = self.tree.stat(&task.path).ok().flatten().and_then(|item| item.fingerprint.modified);
        if let Some(now) = now.filter(|now| entry.fingerprint_on(self.side).modified != Some(*now)) {
            findings.folder_times.push((task.folder, now));
        }
    }

    /// Lists one folder and compares it with the base.
    fn look(&self, task: &Task) -> Result<(), SyncError> {
        self.control.set_current(task.path.as_bytes());
        if !task.whole
            && let Some(folder) = self.covered_above(task.folder)
        {
            self.tell_unmounted(&self.base.path_on(self.side, folder).unwrap_or_default());
            self.found.lock().blind.insert(folder);
            return Ok(());
        }
        let items = match self.list(&task.path) {
            Ok(items) => items,
            Err(EndpointError::NotFound { .. }) if task.path.is_root() => {
                self.found.lock().circumstances.is_root_gone = true;
                return Ok(());
            }
            Err(source) if task.path.is_root() || concerns_place(&source) => {
                return Err(SyncError::Place { side: self.side, source });
            }
            Err(EndpointError::NotFound { .. } | EndpointError::Unexpected { .. }) if !task.whole => {
                self.ask_above(task);
                return Ok(());
            }
            // It was there a moment ago: the next look tells what became of it.
            Err(EndpointError::NotFound { .. }) => {
                self.found.lock().blind.insert(task.folder);
                return Ok(());
            }
            Err(error) => {
                self.told(&task.path, "This folder could not be read; nothing in it is synced.", &error);
                self.found.lock().blind.insert(task.folder);
                return Ok(());
            }
        };
        if !task.whole && items.is_empty() && self.is_hinted_covered(task.folder, &task.path) {
            self.found.lock().blind.insert(task.folder);
            return Ok(());
        }
        let mut findings = self.compare(task, items)?;
        if self.options.hints.is_some() && !task.whole {
            self.look_at_time(task, &mut findings);
        }
        if self.options.hints.is_some() {
            let gone = findings.changes.iter().filter(|(_, seen)| matches!(seen, Seen::Gone));
            self.gone.lock().extend(gone.map(|(id, _)| *id));
        }
        let mut found = self.found.lock();
        found.changes.extend(findings.changes);
        found.blind.extend(findings.blind);
        if findings.is_occupied {
            found.occupied.entry(task.folder).or_default().append(&mut findings.taken);
        }
        found.folder_times.extend(findings.folder_times);
        found.circumstances.items += findings.items;
        found.circumstances.left_out.extend(findings.left_out);
        found.circumstances.has_young |= findings.has_young;
        drop(found);
        if !findings.unsettled.is_empty() {
            self.unsettled.lock().extend(findings.unsettled);
        }
        if !findings.folders.is_empty() {
            let mut tasks = self.tasks.lock();
            tasks.waiting.extend(findings.folders);
            self.news.notify_all();
        }
        Ok(())
    }
}

/// Whether an error is about the whole place, so that nothing else can be asked of it either.
pub(crate) fn concerns_place(error: &EndpointError) -> bool {
    matches!(
        error,
        EndpointError::Unreachable { .. }
            | EndpointError::SignIn { .. }
            | EndpointError::UnknownServer { .. }
            | EndpointError::ServerChanged { .. }
    )
}

/// Whether a folder that was chosen is one of what both sides agreed on.
pub(crate) fn is_known(base: &BaseTree, filter: &Filter, folder: &RelativePath) -> bool {
    let is_on = |side: Side| {
        let known = nearest_known(base, side, filter, folder, |known, name| known == name);
        known.is_some_and(|(_, known)| known == *folder)
    };
    Side::BOTH.into_iter().any(is_on)
}

/// The folder of the base that is at a path on a side.
pub(crate) fn folder_at(base: &BaseTree, side: Side, path: &RelativePath) -> Option<NodeId> {
    path.components().try_fold(NodeId::ROOT, |folder, name| {
        let is_it = |id: &NodeId| {
            base.get(*id)
                .is_some_and(|entry| entry.state.kind == EntryKind::Folder && entry.name_on(side) == name)
        };
        base.children(folder).iter().copied().find(is_it)
    })
}

/// The folder of the base that a path on a side names, or else the nearest one above it. Nothing where it is left out.
fn nearest_known(
    base: &BaseTree,
    side: Side,
    filter: &Filter,
    path: &RelativePath,
    is_one: impl Fn(&[u8], &[u8]) -> bool,
) -> Option<(NodeId, RelativePath)> {
    let (mut folder, mut known) = (NodeId::ROOT, RelativePath::root());
    for name in path.components() {
        let below = base.children(folder).iter().copied().find(|id| {
            base.get(*id).is_some_and(|entry| {
                entry.state.kind == EntryKind::Folder && is_one(entry.name_on(side), name)
            })
        });
        let name = below.and_then(|id| base.get(id)).map_or(name, |entry| entry.name_on(side));
        let (Some(below), Ok(at)) = (below, known.join(name)) else { break };
        if filter.excludes(&at, &Facts { kind: EntryKind::Folder, size_bytes: 0, modified: None }) {
            return None;
        }
        (folder, known) = (below, at);
    }
    Some((folder, known))
}

#[cfg(test)]
mod tests;
