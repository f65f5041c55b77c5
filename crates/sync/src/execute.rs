//! Carrying out a plan: batch by batch, in parallel inside a batch, the base advancing only behind what is proven.
//!
//! Invariants:
//! 1. The base, the journal and the index of the bins advance in groups (`execute::commit`), each in one transaction, and
//!    only after both places said that what the group wrote is on the disk.
//! 2. A row that can not be done holds back what builds on it, and nothing else.
//! 3. Nothing is removed or replaced in a place that is not the one this run began with.
//! 4. With one worker everything happens in the order of the plan, in this thread: a simulation sees the same run twice.
//!
//! Deliberately not here: one row (`execute::item`), what the base learns from it (`execute::view`).

mod agree;
pub mod bin;
mod commit;
mod expect;
pub(crate) mod filled;
pub(crate) mod item;
mod meanwhile;
mod new_folder;
mod not_kept;
pub(crate) mod open;
mod parallel;
pub(crate) mod times;
pub(crate) mod view;

use std::collections::{BTreeSet, HashMap};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::PlaceIdentity;
use keepwell_model::{EntryKind, JobId, Phase, Problem};
use parking_lot::{Mutex, RwLock};

use self::bin::Planned;
use self::commit::{Commits, Gathered};
use self::filled::Ahead;
use self::item::{Deed, Tools};
use self::not_kept::NotKept;
use self::open::Opened;
use self::times::TimePolicy;
use self::view::View;
use crate::database::rows::{Group, JournalLine};
use crate::database::{BaseChange, PairDatabase};
use crate::error::SyncError;
use crate::node::{NodeId, Side};
use crate::place::copy::CopyError;
use crate::place::relocate::is_changed_meanwhile;
use crate::plan::{Action, Operation, Plan, Why};
use crate::policy::Links;
use crate::run_types::{ActionKind, Done, SyncReport};
use crate::trees::BaseTree;

/// What carrying out a plan needs.
pub(crate) struct Execution<'a> {
    pub plan: &'a Plan,
    pub database: &'a PairDatabase,
    pub base: &'a RwLock<BaseTree>,
    pub run: JobId,
    pub now_ms: i64,
    pub tools: Tools<'a>,
    /// The places as they were when the run began.
    pub identities: [PlaceIdentity; 2],
    pub workers: usize,
    /// Whose times of folders count.
    pub times: TimePolicy,
    /// Where its journal goes on.
    pub first_line: u64,
    /// Folders to be closed in the end.
    pub opened: Mutex<Opened>,
    /// Rows that may be done ahead of their batch.
    pub ahead: Ahead,
}

type Answers = Vec<(usize, Result<Deed, CopyError>)>;

/// Why an item was not done.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Held {
    /// It changed meanwhile.
    Left,
    /// It could not be done, which was told: so of the first for which a full place had no room.
    Failed,
}

/// What changes while rows are done.
struct Progress<'a, 'd> {
    report: SyncReport,
    gathered: Gathered,
    commits: Commits<'d>,
    next_line: u64,
    /// Whether a row was done ahead of its batch; nothing where none may be.
    done_ahead: Vec<bool>,
    /// New folders that appeared finished.
    finished: Vec<(Side, NodeId)>,
    /// Items that could not be done: what builds on them waits for the next run.
    held_back: HashMap<NodeId, Held>,
    /// Rows for which the place gave no permission: their folders may have to be opened. Nothing where they were.
    refused: Option<Vec<(usize, EndpointError)>>,
    /// Folders this run made that nobody may write in, until something is about to come into them.
    made_closed: BTreeSet<(Side, NodeId)>,
    /// Sides that have no room left.
    full: [bool; 2],
    /// What a place could not keep of items, by what that is: said once, with the first of them.
    not_kept: NotKept,
    /// Why the run ends early.
    ended: Option<SyncError>,
    view: &'a RwLock<View<'a>>,
    done: &'d mut (dyn FnMut(Done) + Send),
}

impl Execution<'_> {
    /// Does it. The report tells what was done also where the run ended early.
    pub(crate) fn run(
        &self,
        view: View<'_>,
        done: &mut (dyn FnMut(Done) + Send),
    ) -> (SyncReport, Result<(), SyncError>) {
        let view = RwLock::new(view);
        let commit = |gathered: Gathered| self.commit(gathered);
        if self.workers == 1 {
            return self.run_with(Commits::here(&commit), &view, done);
        }
        std::thread::scope(|scope| self.run_with(Commits::beside(scope, &commit), &view, done))
    }

    fn run_with<'a>(
        &self,
        commits: Commits<'_>,
        view: &'a RwLock<View<'a>>,
        done: &mut (dyn FnMut(Done) + Send),
    ) -> (SyncReport, Result<(), SyncError>) {
        let mut progress = Progress {
            report: SyncReport::default(),
            gathered: Gathered::default(),
            commits,
            next_line: self.first_line,
            done_ahead: if self.ahead.is_empty() {
                Vec::new()
            } else {
                vec![false; self.plan.operations.len()]
            },
            finished: Vec::new(),
            held_back: HashMap::new(),
            refused: None,
            made_closed: BTreeSet::new(),
            full: [false; 2],
            not_kept: NotKept::default(),
            ended: None,
            view,
            done,
        };
        let control = self.tools.control;
        let bytes = self.plan.operations.iter().map(|operation| operation.size_bytes).sum();
        control.restart_counters(Phase::Copying);
        control.add_total(self.plan.operations.len() as u64, bytes);
        control.set_total_known();
        let folders = self.folder_times(&view.read());
        let result = self.all(&mut progress);
        // A place that can not be used any more is left alone.
        if matches!((&result, &progress.ended), (Ok(()), None | Some(SyncError::Cancelled))) {
            let changes = self.set_folder_times(&view.read(), folders, &progress.finished);
            progress.gathered.group.changes.extend(changes);
        }
        std::mem::take(&mut progress.not_kept).tell(&self.tools);
        // What was done is written down, also where the run ends early.
        let flushed = progress.flush();
        let result = result.and(progress.ended.map_or(Ok(()), Err)).and(flushed);
        (progress.report, result)
    }

    fn all(&self, progress: &mut Progress<'_, '_>) -> Result<(), SyncError> {
        self.agree(progress)?;
        let operations = &self.plan.operations;
        let mut start = 0;
        while start < operations.len() && progress.ended.is_none() {
            let batch = operations[start].batch;
            let length = operations[start..].iter().take_while(|operation| operation.batch == batch).count();
            self.batch(start..start + length, progress)?;
            start += length;
        }
        Ok(())
    }

    /// What both sides have alike already: nothing was written, so nothing has to reach the disk first.
    fn agree(&self, progress: &mut Progress<'_, '_>) -> Result<(), SyncError> {
        if self.plan.agreements.is_empty() {
            return Ok(());
        }
        let mut view = progress.view.write();
        let mut changes = view.agree(&self.plan.agreements);
        changes.iter_mut().for_each(|change| self.keep_in_mind(None, change));
        self.database.advance_base(&changes, view.next_id())?;
        drop(view);
        let mut base = self.base.write();
        changes.into_iter().for_each(|change| apply(&mut base, change));
        progress.report.agreed = self.plan.agreements.len() as u64;
        Ok(())
    }

    fn batch(&self, range: std::ops::Range<usize>, progress: &mut Progress<'_, '_>) -> Result<(), SyncError> {
        let operations = &self.plan.operations;
        let leaves = |operation: &Operation| matches!(operation.action, Action::Remove | Action::Replace);
        if operations[range.clone()].iter().any(|operation| operation.why == Why::MovedIn) {
            // What leaves one side for good must be safe on the other.
            progress.flush()?;
        }
        for side in Side::BOTH {
            if operations[range.clone()].iter().any(|operation| operation.side == side && leaves(operation)) {
                self.check_place(side)?;
            }
        }
        let mut ready: Vec<usize> = Vec::with_capacity(range.len());
        for number in range {
            if progress.done_ahead.get(number) == Some(&true) {
                continue;
            }
            let operation = &operations[number];
            if let Some(why) = progress.is_held_back(operation) {
                progress.hold_back(operation, why);
                match why {
                    Held::Left => progress.report.changed_meanwhile += 1,
                    // Of the folder itself, which was told.
                    Held::Failed if operation.finishes_new_folder() => {}
                    Held::Failed => progress.report.held_back += 1,
                }
                self.tools.control.add_done(1, operation.size_bytes);
            } else {
                ready.push(number);
            }
        }
        self.open_made(&ready, progress)?;
        let bins = self.expect_in_bin(&ready, &progress.view.read())?;
        progress.refused = Some(Vec::new());
        self.rows(&ready, &bins, progress)?;
        let refused = progress.refused.take().unwrap_or_default();
        if refused.is_empty() || progress.ended.is_some() {
            return Ok(());
        }
        let again: Vec<usize> = refused.iter().map(|(number, _)| *number).collect();
        let folders = self.folders_of(&again, &progress.view.read());
        if self.open_folders(folders, progress)? {
            return self.rows(&again, &bins, progress);
        }
        for (number, error) in refused {
            self.take(number, Err(CopyError::Target(error)), &bins, progress)?;
        }
        Ok(())
    }

    fn rows(
        &self,
        ready: &[usize],
        bins: &HashMap<usize, Planned>,
        progress: &mut Progress<'_, '_>,
    ) -> Result<(), SyncError> {
        let workers = self.workers.min(ready.len().div_ceil(parallel::TAKEN_ITEMS)).max(1);
        if workers == 1 {
            for &number in ready {
                let mut answers = Answers::new();
                self.answer(number, bins, progress.view, &mut answers);
                for (number, answer) in answers {
                    self.take(number, answer, bins, progress)?;
                }
                if progress.ended.is_some() {
                    break;
                }
            }
            return Ok(());
        }
        self.in_parallel(ready, bins, workers, progress)
    }

    /// Does one row.
    fn one(
        &self,
        number: usize,
        bins: &HashMap<usize, Planned>,
        view: &RwLock<View<'_>>,
    ) -> Result<Deed, CopyError> {
        let control = self.tools.control;
        control.checkpoint()?;
        let operation = &self.plan.operations[number];
        control.set_current(operation.path.as_bytes());
        let (known, there) = {
            let view = view.read();
            let other = operation.side.other();
            (
                view.known(operation.side, operation.node_on(operation.side)),
                view.known(other, operation.node_on(other)),
            )
        };
        self.tools.carry_out(operation, known, there, bins.get(&number))
    }

    /// Takes the answer of a row.
    fn take(
        &self,
        number: usize,
        answer: Result<Deed, CopyError>,
        bins: &HashMap<usize, Planned>,
        progress: &mut Progress<'_, '_>,
    ) -> Result<(), SyncError> {
        let operation = &self.plan.operations[number];
        let answer = match (answer, &mut progress.refused) {
            (Err(CopyError::Target(error @ EndpointError::PermissionDenied { .. })), Some(refused)) => {
                refused.push((number, error));
                return Ok(());
            }
            (answer, _) => answer,
        };
        self.tools.control.add_done(1, operation.size_bytes);
        progress.note_done(number);
        let mut deed = match answer {
            Ok(deed) => deed,
            Err(error) => {
                self.failed(operation, error, progress);
                return Ok(());
            }
        };
        if deed.is_finished {
            self.note_finished(operation, progress);
        }
        for what in std::mem::take(&mut deed.not_kept) {
            progress.not_kept.add(operation.side, &operation.path, &what);
        }
        let mut view = progress.view.write();
        let change = view.learn(operation, &deed.outcome);
        progress.gathered.next_id = view.next_id();
        let has_waiting = view.has_waiting();
        drop(view);
        if let Some(mut change) = change {
            self.keep_in_mind(Some(operation), &mut change);
            if let (BaseChange::Put(id, _), Some(hash), Some(blocks)) = (&change, deed.hash, &deed.blocks) {
                progress.gathered.group.blocks.push((*id, hash, blocks.clone()));
            }
            if let BaseChange::Put(id, node) = &change
                && self.is_made_closed(operation, node)
            {
                progress.made_closed.insert((operation.side, *id));
            }
            self.advance(change, progress);
        }
        if has_waiting {
            self.advance_what_waited(progress);
        }
        if let (Some(hash), Some(text)) = (deed.hash, deed.text.take()) {
            progress.gathered.group.texts.push((hash, text));
        }
        progress.gathered.group.before.extend(deed.before.take().map(|before| (progress.next_line, before)));
        if let Some(planned) = bins.get(&number) {
            let elsewhere = deed.bin_path.clone().filter(|path| *path != planned.path);
            progress.gathered.group.kept.push((planned.id, elsewhere));
        }
        progress.count(operation, &deed);
        self.tools.control.add_written(operation.size_bytes);
        progress.advance()
    }

    /// Lets the base learn a step: in memory now, on the disk with its group.
    fn advance(&self, change: BaseChange, progress: &mut Progress<'_, '_>) {
        apply(&mut self.base.write(), change.clone());
        progress.gathered.group.changes.push(change);
    }

    /// Lets the base learn what had to wait for the step before.
    fn advance_what_waited(&self, progress: &mut Progress<'_, '_>) {
        loop {
            let change = progress.view.write().no_longer_waiting();
            let Some(mut change) = change else { return };
            self.keep_in_mind(None, &mut change);
            self.advance(change, progress);
        }
    }

    /// A row that could not be done.
    fn failed(&self, operation: &Operation, error: CopyError, progress: &mut Progress<'_, '_>) {
        let failed_before = progress.report.failed;
        self.failed_for(operation, error, progress);
        let is_told = progress.report.failed > failed_before;
        progress.hold_back(operation, if is_told { Held::Failed } else { Held::Left });
    }

    fn failed_for(&self, operation: &Operation, error: CopyError, progress: &mut Progress<'_, '_>) {
        let (side, error) = match error {
            CopyError::Cancelled => {
                progress.ended = Some(SyncError::Cancelled);
                return;
            }
            CopyError::Changed => {
                progress.report.changed_meanwhile += 1;
                return;
            }
            CopyError::Source(error) => (operation.side.other(), error),
            CopyError::Target(error) => (operation.side, error),
        };
        match error {
            error if is_changed_meanwhile(&error) && self.is_link_in_the_way(operation) => {
                progress.report.failed += 1;
                self.tools.control.problem(Problem::new(
                    self.tools.shown(operation.side, &operation.path),
                    "This could not be copied: a link has its name there.",
                    "The pair does not keep links as links, so the link is left as it is.",
                    "Rename one of the two, or remove the link.",
                ));
            }
            error if is_changed_meanwhile(&error) => {
                progress.report.changed_meanwhile += 1;
                // The whole place may have gone.
                if let Err(error) = self.check_place(side) {
                    progress.ended = Some(error);
                }
            }
            error @ (EndpointError::Unreachable { .. }
            | EndpointError::SignIn { .. }
            | EndpointError::UnknownServer { .. }
            | EndpointError::ServerChanged { .. }) => {
                progress.report.failed += 1;
                progress.ended = Some(SyncError::Place { side, source: error });
            }
            error => {
                let is_full = matches!(error, EndpointError::NoSpace { .. });
                let full = &mut progress.full[usize::from(side == Side::Right)];
                let was_full = std::mem::replace(full, is_full || *full);
                progress.report.failed += 1;
                // One sentence is enough to say that a place is full.
                if !(is_full && was_full) {
                    let at = self.tools.shown(operation.side, &operation.path);
                    self.tools.control.problem(trouble(at, operation, &error));
                }
                if let Err(error) = self.check_place(side) {
                    progress.ended = Some(error);
                }
            }
        }
    }

    /// Whether what comes new has the name of a link that the pair leaves alone.
    fn is_link_in_the_way(&self, operation: &Operation) -> bool {
        self.tools.links != Links::Keep
            && matches!(operation.action, Action::Copy { .. })
            && matches!(self.tools.tree(operation.side).stat(&operation.path),
                Ok(Some(item)) if item.fingerprint.kind == EntryKind::Symlink)
    }

    /// Whether a side is still the place it was.
    fn check_place(&self, side: Side) -> Result<(), SyncError> {
        let now = self.tools.tree(side).identity().map_err(SyncError::place(side))?;
        match now == self.identities[usize::from(side == Side::Right)] {
            true => Ok(()),
            false => Err(SyncError::AnotherPlace { side }),
        }
    }

    /// Waits until all that was changed is on the disks, of the places that are still the same.
    fn make_lasting(&self, is_changed: [bool; 2]) -> Result<(), SyncError> {
        for side in Side::BOTH {
            if is_changed[usize::from(side == Side::Right)] {
                self.tools.tree(side).sync().map_err(SyncError::place(side))?;
                // What was written while another volume sat at the path is not on this one.
                self.check_place(side)?;
            }
        }
        Ok(())
    }

    /// Makes a group of deeds lasting, and lets the base learn it.
    fn commit(&self, gathered: Gathered) -> Result<Group, SyncError> {
        let Gathered { group, next_id, .. } = gathered;
        let is_changed = Side::BOTH.map(|side| group.lines.iter().any(|line| line.done.side == side));
        let commit = |proven: &mut dyn FnMut() -> Result<(), SyncError>| {
            self.database.commit_group(self.run, &group, next_id, self.now_ms, proven)
        };
        if self.workers == 1 {
            self.make_lasting(is_changed)?;
            commit(&mut || Ok(()))?;
        } else {
            // The disk and the processor at once: the transaction is written meanwhile, and ends only behind the disk.
            std::thread::scope(|scope| {
                let mut lasting = Some(scope.spawn(|| self.make_lasting(is_changed)));
                commit(&mut || match lasting.take().map(std::thread::ScopedJoinHandle::join) {
                    Some(Ok(result)) => result,
                    Some(Err(panic)) => std::panic::resume_unwind(panic),
                    None => Ok(()),
                })
            })?;
        }
        Ok(group)
    }
}

impl Progress<'_, '_> {
    /// A row is not done again in its own turn.
    fn note_done(&mut self, number: usize) {
        if let Some(done) = self.done_ahead.get_mut(number) {
            *done = true;
        }
    }

    /// Hands over what was done, where that is worth it.
    fn advance(&mut self) -> Result<(), SyncError> {
        self.commits.advance(&mut self.gathered, &mut told(self.done))
    }

    /// Waits until everything that was done is lasting and the base knows it.
    fn flush(&mut self) -> Result<(), SyncError> {
        self.gathered.next_id = self.view.read().next_id();
        self.commits.finish(&mut self.gathered, &mut told(self.done))
    }

    fn is_held_back(&self, operation: &Operation) -> Option<Held> {
        let writes = matches!(operation.action, Action::Copy { .. } | Action::Replace);
        if writes && self.full[usize::from(operation.side == Side::Right)] && operation.size_bytes > 0 {
            return Some(Held::Failed);
        }
        [Some(operation.node), Some(operation.node_on(Side::Right)), operation.into_folder()]
            .into_iter()
            .flatten()
            .find_map(|node| self.held_back.get(&node).copied())
    }

    fn hold_back(&mut self, operation: &Operation, why: Held) {
        self.held_back.extend([operation.node, operation.node_on(Side::Right)].map(|node| (node, why)));
        if let Action::Move { becomes: Some(copy), .. } = operation.action {
            self.held_back.insert(copy, why);
        }
    }

    fn count(&mut self, operation: &Operation, deed: &Deed) {
        let totals = self.report.side_mut(operation.side);
        match operation.action {
            Action::CreateFolder { .. } => totals.created += 1,
            Action::Copy { .. } => {
                totals.created += 1;
                totals.bytes += operation.size_bytes;
            }
            Action::Replace => {
                totals.replaced += 1;
                totals.bytes += operation.size_bytes - deed.spared_bytes.min(operation.size_bytes);
            }
            Action::Move { .. } => totals.moved += 1,
            Action::Remove => totals.removed += 1,
            Action::SetMetadata if operation.finishes_new_folder() => {}
            Action::SetMetadata => totals.metadata += 1,
        }
        self.report.spared_bytes += deed.spared_bytes;
        self.gathered.bytes += operation.size_bytes;
        let other_path = match operation.action {
            Action::Move { .. } => operation.from().cloned(),
            _ => deed.bin_path.clone(),
        };
        self.gathered.group.lines.push(JournalLine {
            number: self.next_line,
            // By what the base knows it from now on: fresh ids last one run.
            node: self.view.read().base_id(operation.node).unwrap_or(operation.node),
            kind: operation.kind,
            done: Done {
                side: operation.side,
                action: ActionKind::from(&operation.action),
                path: deed.written_at.clone().unwrap_or_else(|| operation.path.clone()),
                other_path,
                hash: deed.hash,
                size_bytes: operation.size_bytes,
                why: operation.why,
            },
        });
        self.next_line += 1;
    }
}

/// Tells each deed of a group that was written down.
fn told(done: &mut (dyn FnMut(Done) + Send)) -> impl FnMut(Group) {
    move |group| group.lines.into_iter().for_each(|line| done(line.done))
}

/// Lets the base in memory learn a step, as the database does.
fn apply(base: &mut BaseTree, change: BaseChange) {
    match change {
        BaseChange::Put(id, node) => base.insert(id, *node),
        BaseChange::Remove(id) => {
            let mut gone = vec![id];
            while let Some(id) = gone.pop() {
                gone.extend_from_slice(base.children(id));
                base.remove(id);
            }
        }
    }
}

/// Trouble with one row, for a person.
fn trouble(at: String, operation: &Operation, error: &EndpointError) -> Problem {
    let what = match (&operation.action, operation.kind) {
        (Action::CreateFolder { .. }, _) => "This folder could not be made.",
        (Action::Copy { .. }, _) => "This could not be copied.",
        (Action::Replace, _) => "This could not be replaced by its new version; the old one is still there.",
        (Action::Move { .. }, _) => "This could not be moved.",
        (Action::Remove, EntryKind::Folder) => "This folder could not be removed.",
        (Action::Remove, _) => "This could not be put into the bin; it is still there.",
        (Action::SetMetadata, _) => "The times or permissions of this could not be set.",
    };
    Problem::new(at, what, error.sentence(), error.next_step())
}
