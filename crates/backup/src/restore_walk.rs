//! Going through a snapshot and the place it is restored to, side by side, a batch of items at a time.
//!
//! Invariants:
//! 1. Memory does not grow with the snapshot: folders are read a page at a time, a batch has at most
//!    [`BATCH_ITEMS_LIMIT`] items, and only the folders on the way to the current one are kept between batches.
//! 2. The order is that of the names, depth first: nearly the order in which the content was stored.
//! 3. The place is entered by handle and single name only; what can not be entered so is refused, with all below it.
//!
//! Deliberately not here: what is decided (`restore_plan`), and any change to the place (`restore_run`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Folder, NamedItem};
use keepwell_model::{ChunkId, ContentHash, Control, Entry, EntryKind, Metadata, Problem, RelativePath};
use keepwell_repository::Repository;

use crate::restore::RestoreError;
use crate::restore_plan::{
    Action, Decision, DecisionOptions, Existing, Operation, Reason, RestoreCounts, decide, decide_link,
};

/// The most items of a batch. Small in tests, so that a tree of a few hundred files goes through several.
const BATCH_ITEMS_LIMIT: usize = if cfg!(test) { 20 } else { 100_000 };
/// The most items of the first batch: with it the work begins while the rest is still looked for. Where paths were chosen
/// the first is as large as any: one that the snapshot does not hold should be known before anything is written.
const FIRST_BATCH_ITEMS_LIMIT: usize = if cfg!(test) { 20 } else { 10_000 };
/// The most pieces of files of a batch: a single file may still have more.
const BATCH_PIECES_LIMIT: usize = 1_000_000;
/// Names of files in the making begin so; what an interrupted restore left is recognised by it.
pub(crate) const TEMPORARY_PREFIX: &[u8] = b".keepwell-restore-";
/// And go on with the hexadecimal digits of so many random bytes.
pub(crate) const TEMPORARY_RANDOM_BYTES: usize = 8;

/// A folder of the place, there or yet to be made.
#[derive(Debug, Default)]
pub(crate) struct Place {
    folder: OnceLock<Folder>,
}

impl Place {
    /// A folder that is there.
    pub(crate) fn of(folder: Folder) -> Self {
        Self { folder: OnceLock::from(folder) }
    }

    /// The folder; nothing where it is not made yet, or could not be.
    pub(crate) fn folder(&self) -> Option<&Folder> {
        self.folder.get()
    }

    pub(crate) fn made(&self, folder: Folder) {
        // Made once, by the one thread that makes folders.
        let _ = self.folder.set(folder);
    }
}

/// The first name of a file with several.
#[derive(Debug)]
pub(crate) struct FirstName {
    pub(crate) place: Arc<Place>,
    pub(crate) name: Vec<u8>,
    /// File system and inode, where it was there already and is not replaced.
    kept: Option<(u64, u64)>,
    /// Whether it is whole by now.
    pub(crate) whole: AtomicBool,
}

/// What an item has to do with hard links.
#[derive(Debug)]
pub(crate) enum LinkRole {
    /// It has one name, or none of its other names is restored.
    None,
    /// Others will link to it.
    First(Arc<FirstName>),
    /// It links to the first.
    Further(Arc<FirstName>),
}

/// Something other than a folder.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) place: Arc<Place>,
    pub(crate) entry: Entry,
    pub(crate) decision: Decision,
    pub(crate) existing: Option<Existing>,
    pub(crate) link: LinkRole,
}

/// A folder to be made.
#[derive(Debug)]
pub(crate) struct NewFolder {
    pub(crate) above: Arc<Place>,
    pub(crate) place: Arc<Place>,
    pub(crate) name: Vec<u8>,
    /// The permissions it will have, with all rights for its owner, who has to fill it.
    pub(crate) mode: u32,
}

/// A part of the work, in the order it has to be done in.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// Parents before children.
    pub(crate) new_folders: Vec<NewFolder>,
    pub(crate) items: Vec<Item>,
    /// Folders whose place is taken by something else; told once, with all below.
    pub(crate) refused_folders: Vec<(Arc<Place>, Vec<u8>, Reason)>,
    /// Folders all of whose content is in this or earlier batches; children before parents.
    pub(crate) finished: Vec<(Arc<Place>, Metadata)>,
    pieces: usize,
}

/// Where one part of the snapshot goes.
#[derive(Debug)]
pub(crate) struct Root {
    /// The folder entry in the snapshot whose content is meant.
    pub(crate) pages: Vec<ChunkId>,
    /// Its path in the snapshot.
    pub(crate) path: RelativePath,
    /// Only one item of it, where one is meant: its name in the snapshot, and its name at the place.
    pub(crate) only: Option<(Vec<u8>, Vec<u8>)>,
    /// The folder it goes into; nothing where that is not there yet (a preview).
    pub(crate) folder: Option<Folder>,
    /// What surrounds the folder itself, where that is restored too.
    pub(crate) metadata: Option<Metadata>,
}

struct Frame {
    place: Arc<Place>,
    path: RelativePath,
    pages: std::vec::IntoIter<ChunkId>,
    entries: std::vec::IntoIter<Entry>,
    /// What is there: nothing to ask about a name that is not in here.
    present: HashMap<Vec<u8>, Option<EntryKind>>,
    /// Set when all is done below; nothing where the folder itself is only passed through.
    metadata: Option<Metadata>,
    /// Whether everything below was chosen.
    chosen: bool,
    only: Option<(Vec<u8>, Vec<u8>)>,
    /// The folder can not be used: everything below is refused.
    refused: bool,
}

/// What entries have to share to be names of one file. The number alone is not enough: a file may have changed between
/// the reading of its names, and numbers of several file systems may meet.
type LinkKey = (u64, EntryKind, Option<ContentHash>);

fn link_key(entry: &Entry) -> Option<LinkKey> {
    let group = entry.link_group.filter(|_| entry.kind != EntryKind::Folder)?;
    Some((group, entry.kind, entry.content.as_ref().map(|content| content.hash)))
}

/// The walk through all that is restored.
pub(crate) struct Walk<'a> {
    repository: &'a Repository,
    control: &'a Control,
    options: DecisionOptions,
    chosen: &'a [RelativePath],
    roots: std::vec::IntoIter<Root>,
    stack: Vec<Frame>,
    first_names: HashMap<LinkKey, Arc<FirstName>>,
    /// Which of the chosen paths were met.
    met: Vec<bool>,
    /// The most items of the next batch.
    items_limit: usize,
    /// Files in the making that an interrupted restore left.
    leftovers: Vec<(Arc<Place>, Vec<u8>)>,
    /// Counts of all decisions so far.
    pub(crate) counts: RestoreCounts,
    /// Whether problems are noted; not where the same walk is made twice.
    pub(crate) is_quiet: bool,
    /// Told every decision, in order, for the preview.
    pub(crate) observer: Option<&'a mut dyn FnMut(Operation)>,
}

impl<'a> Walk<'a> {
    /// A walk over the roots; `chosen` are paths of the snapshot, none for everything.
    pub(crate) fn new(
        repository: &'a Repository,
        control: &'a Control,
        options: DecisionOptions,
        chosen: &'a [RelativePath],
        roots: Vec<Root>,
    ) -> Self {
        Self {
            repository,
            control,
            options,
            chosen,
            roots: roots.into_iter(),
            stack: Vec::new(),
            first_names: HashMap::new(),
            met: vec![false; chosen.len()],
            items_limit: if chosen.is_empty() { FIRST_BATCH_ITEMS_LIMIT } else { BATCH_ITEMS_LIMIT },
            leftovers: Vec::new(),
            counts: RestoreCounts::default(),
            is_quiet: false,
            observer: None,
        }
    }

    /// The next part of the work; nothing when all is handed out.
    pub(crate) fn next_batch(&mut self) -> Result<Option<Batch>, RestoreError> {
        let mut batch = Batch::default();
        let items_limit = std::mem::replace(&mut self.items_limit, BATCH_ITEMS_LIMIT);
        while batch.items.len() + batch.new_folders.len() < items_limit && batch.pieces < BATCH_PIECES_LIMIT {
            self.control.checkpoint()?;
            if self.stack.is_empty() {
                let Some(root) = self.roots.next() else { break };
                self.enter_root(root);
            }
            self.step(&mut batch)?;
        }
        let is_empty = batch.items.is_empty()
            && batch.new_folders.is_empty()
            && batch.finished.is_empty()
            && batch.refused_folders.is_empty();
        Ok(if is_empty && self.is_over() { None } else { Some(batch) })
    }

    /// Whether all is handed out.
    pub(crate) fn is_over(&self) -> bool {
        self.stack.is_empty() && self.roots.len() == 0
    }

    /// Names in the folders entered so far that look like leftovers of an interrupted restore.
    pub(crate) fn take_leftovers(&mut self) -> Vec<(Arc<Place>, Vec<u8>)> {
        std::mem::take(&mut self.leftovers)
    }

    /// The chosen paths that the snapshot does not hold.
    pub(crate) fn not_met(&self) -> Vec<RelativePath> {
        let paths = self.chosen.iter().zip(&self.met);
        paths.filter(|(_, met)| !**met).map(|(path, _)| path.clone()).collect()
    }

    fn enter_root(&mut self, root: Root) {
        let place = Arc::new(root.folder.clone().map(Place::of).unwrap_or_default());
        let present = self.names_in(&place);
        let chosen = self.is_chosen(&root.path);
        self.stack.push(Frame {
            place,
            path: root.path,
            pages: root.pages.into_iter(),
            entries: Vec::new().into_iter(),
            present,
            metadata: root.metadata.filter(|_| chosen),
            chosen,
            only: root.only,
            refused: false,
        });
    }

    /// One entry, one page, or the end of a folder.
    fn step(&mut self, batch: &mut Batch) -> Result<(), RestoreError> {
        let Some(frame) = self.stack.last_mut() else { return Ok(()) };
        if let Some(entry) = frame.entries.next() {
            if frame.only.as_ref().is_none_or(|(name, _)| *name == entry.name) {
                self.visit(entry, batch);
            }
            return Ok(());
        }
        if let Some(page) = frame.pages.next() {
            match self.repository.read_folder(std::slice::from_ref(&page)) {
                Ok(entries) => frame.entries = entries.into_iter(),
                Err(error) => {
                    let path = shown(&frame.path);
                    RestoreError::stop_if_place_is_gone(self.repository, &error)?;
                    self.problem(Problem::new(
                        path,
                        "A part of this folder could not be read from the repository, and what it lists is not restored.",
                        error.to_string(),
                        error.next_step(),
                    ));
                }
            }
            return Ok(());
        }
        if let Some(frame) = self.stack.pop()
            && let Some(metadata) = frame.metadata
            && !frame.refused
        {
            batch.finished.push((frame.place, metadata));
        }
        Ok(())
    }

    /// Whether a path was chosen, or lies below one that was. Remembers that it was met.
    fn is_chosen(&mut self, path: &RelativePath) -> bool {
        let mut is_chosen = self.chosen.is_empty();
        for (chosen, met) in self.chosen.iter().zip(&mut self.met) {
            if path.starts_with(chosen) {
                is_chosen = true;
                *met = true;
            }
        }
        is_chosen
    }

    fn visit(&mut self, mut entry: Entry, batch: &mut Batch) {
        let Some(frame) = self.stack.last() else { return };
        let path = match frame.path.join(&entry.name) {
            Ok(path) => path,
            Err(error) => {
                // The repository checks names as well; a name that leads elsewhere ends here at the latest.
                self.problem(Problem::new(
                    shown(&frame.path),
                    "An item was left out: its name is not one a file can have.",
                    error.to_string(),
                    "Do not trust this snapshot: no Keepwell makes such names. Check the repository.",
                ));
                return;
            }
        };
        let all_below = frame.chosen;
        if let Some((_, place_name)) = &frame.only {
            entry.name.clone_from(place_name);
        }
        let chosen = all_below || self.is_chosen(&path);
        if !chosen {
            let leads_to_chosen = self.chosen.iter().any(|chosen| chosen.starts_with(&path));
            if entry.kind != EntryKind::Folder || !leads_to_chosen {
                return;
            }
        }
        if !self.options.has_modes {
            // It comes from a system without permission bits: they are private until somebody says otherwise.
            entry.metadata.mode = if entry.kind == EntryKind::Folder { 0o700 } else { 0o600 };
        }
        if entry.kind == EntryKind::Folder {
            self.visit_folder(entry, path, chosen, batch);
        } else {
            self.visit_item(entry, &path, batch);
        }
    }

    fn visit_folder(&mut self, mut entry: Entry, path: RelativePath, chosen: bool, batch: &mut Batch) {
        let (existing, above, refused) = self.look_at(&entry);
        let decision = if refused {
            Decision { action: Action::Refuse, reason: Reason::FolderRefused }
        } else {
            decide(&entry, existing.as_ref(), &self.options)
        };
        self.tell(&path, &entry, decision);
        let mut frame = Frame {
            place: Arc::default(),
            path,
            pages: std::mem::take(&mut entry.pages).into_iter(),
            entries: Vec::new().into_iter(),
            present: HashMap::new(),
            metadata: None,
            chosen,
            only: None,
            refused,
        };
        // What stands in the way stays; a folder that is there keeps its own metadata where all is to be kept.
        let keeps = decision.action == Action::Merge
            && self.options.overwrite == crate::restore_plan::Overwrite::Never;
        if chosen && !keeps {
            frame.metadata = Some(entry.metadata.clone());
        }
        match decision.action {
            Action::Merge => match above.folder().map(|above| above.open_child(&entry.name)) {
                Some(Ok(folder)) => {
                    frame.place = Arc::new(Place::of(folder));
                    frame.present = self.names_in(&frame.place);
                }
                Some(Err(error)) => {
                    self.folder_trouble(&error);
                    frame.refused = true;
                }
                None => frame.refused = true,
            },
            Action::Create => {
                let place = Arc::clone(&frame.place);
                let mode = entry.metadata.mode & 0o777 | 0o700;
                batch.new_folders.push(NewFolder { above, place, name: entry.name, mode });
            }
            _ => {
                frame.refused = true;
                if decision.reason != Reason::FolderRefused {
                    batch.refused_folders.push((above, entry.name, decision.reason));
                }
            }
        }
        self.stack.push(frame);
    }

    fn visit_item(&mut self, mut entry: Entry, path: &RelativePath, batch: &mut Batch) {
        let (existing, place, refused) = self.look_at(&entry);
        // Not needed any more, and there may be very many.
        entry.metadata.user_name = None;
        entry.metadata.group_name = None;
        let first = link_key(&entry).and_then(|key| self.first_names.get(&key).cloned());
        let (decision, link) = if refused {
            (Decision { action: Action::Refuse, reason: Reason::FolderRefused }, LinkRole::None)
        } else if let Some(first) = first {
            let same_file = existing
                .as_ref()
                .is_some_and(|existing| first.kept == Some((existing.stat.file_system, existing.stat.inode)));
            (decide_link(&entry, existing.as_ref(), same_file, &self.options), LinkRole::Further(first))
        } else {
            let decision = decide(&entry, existing.as_ref(), &self.options);
            let link = self.first_name(&entry, &place, existing.as_ref(), decision);
            (decision, link)
        };
        self.tell(path, &entry, decision);
        batch.pieces += entry.content.as_ref().map_or(0, |content| content.pieces.len());
        batch.items.push(Item { place, entry, decision, existing, link });
    }

    /// Remembers the first name of a file with several, where its content will be that of the snapshot.
    fn first_name(
        &mut self,
        entry: &Entry,
        place: &Arc<Place>,
        existing: Option<&Existing>,
        decision: Decision,
    ) -> LinkRole {
        let Some(key) = link_key(entry) else { return LinkRole::None };
        let stays = decision.reason == Reason::AlreadyRight
            || matches!(decision.action, Action::SetMetadata | Action::UpdateInPlace);
        if !stays && !matches!(decision.action, Action::Create | Action::Replace) {
            return LinkRole::None;
        }
        let kept = existing.filter(|_| stays).map(|there| (there.stat.file_system, there.stat.inode));
        let first = Arc::new(FirstName {
            place: Arc::clone(place),
            name: entry.name.clone(),
            kept,
            whole: AtomicBool::new(decision.reason == Reason::AlreadyRight),
        });
        self.first_names.insert(key, Arc::clone(&first));
        LinkRole::First(first)
    }

    /// What is at an entry's place in the current folder, and whether that folder is refused.
    fn look_at(&mut self, entry: &Entry) -> (Option<Existing>, Arc<Place>, bool) {
        let Some(frame) = self.stack.last() else { return (None, Arc::default(), true) };
        let place = Arc::clone(&frame.place);
        let refused = frame.refused;
        let Some(folder) = place.folder().filter(|_| !refused && frame.present.contains_key(&entry.name))
        else {
            return (None, place, refused);
        };
        let existing = folder.stat(&entry.name).and_then(|stat| {
            let link_target = match stat.kind {
                EntryKind::Symlink => Some(folder.read_link(&entry.name)?),
                _ => None,
            };
            Ok(Existing { stat, link_target })
        });
        match existing {
            Ok(existing) => (Some(existing), place, false),
            // It went away since the folder was listed.
            Err(EndpointError::NotFound { .. }) => (None, place, false),
            Err(error) => {
                self.folder_trouble(&error);
                (None, place, true)
            }
        }
    }

    /// The names in a place; none where it is not there yet.
    fn names_in(&mut self, place: &Arc<Place>) -> HashMap<Vec<u8>, Option<EntryKind>> {
        let items = match place.folder().map(Folder::names) {
            None => return HashMap::new(),
            Some(Ok(items)) => items,
            Some(Err(error)) => {
                // Nothing is known of what is there: making something new still replaces nothing.
                self.folder_trouble(&error);
                return HashMap::new();
            }
        };
        // What is taken away is as good as absent: the snapshot may hold one of the same name.
        let (leftovers, present): (Vec<_>, Vec<_>) = items.into_iter().partition(is_leftover);
        self.leftovers.extend(leftovers.into_iter().map(|item| (Arc::clone(place), item.name)));
        present.into_iter().map(|item| (item.name, item.kind)).collect()
    }

    fn problem(&self, problem: Problem) {
        if !self.is_quiet {
            self.control.problem(problem);
        }
    }

    fn folder_trouble(&self, error: &EndpointError) {
        self.problem(Problem::new(
            error.path(),
            "This place could not be looked at, and what belongs into it may be left out.",
            error.to_string(),
            error.next_step(),
        ));
    }

    fn tell(&mut self, path: &RelativePath, entry: &Entry, decision: Decision) {
        self.counts.add(entry, decision);
        if let Some(observer) = &mut self.observer {
            observer(Operation {
                path: path.as_bytes().to_vec(),
                kind: entry.kind,
                action: decision.action,
                reason: decision.reason,
                size_bytes: entry.size_bytes,
            });
        }
    }
}

/// Whether an interrupted restore left it: only what has a name exactly as it is made for files in the making.
fn is_leftover(item: &NamedItem) -> bool {
    let random = item.name.strip_prefix(TEMPORARY_PREFIX);
    let is_ours = |random: &[u8]| {
        random.len() == 2 * TEMPORARY_RANDOM_BYTES
            && random.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    };
    item.kind != Some(EntryKind::Folder) && random.is_some_and(is_ours)
}

/// A path of a snapshot for people.
pub(crate) fn shown(path: &RelativePath) -> String {
    if path.is_root() { "the whole snapshot".to_owned() } else { path.to_string() }
}

impl FirstName {
    pub(crate) fn set_whole(&self) {
        self.whole.store(true, Ordering::Release);
    }

    pub(crate) fn is_whole(&self) -> bool {
        self.whole.load(Ordering::Acquire)
    }
}
