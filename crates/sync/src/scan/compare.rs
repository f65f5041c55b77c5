//! One folder of a scan compared with the base.
//!
//! Invariants: those of `scan`; nothing is read here but links and extended attributes. Deliberately not here: which
//! folders are listed, and by whom (`scan`), files that are still being written (`scan::at_rest`).

use std::borrow::Cow;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::Ordering;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{OWN_FOLDER, STEP_PREFIX, TreeItem, UnicodeNames};
use keepwell_model::path::check_name;
use keepwell_model::{ContentHash, EntryKind, ExtendedAttribute, Problem, RelativePath};
use unicode_normalization::UnicodeNormalization;

use super::{Findings, RULES_NAME, Scan, Task, Unsettled, attributes_hash, concerns_place};
use crate::error::SyncError;
use crate::filter::Facts;
use crate::names;
use crate::node::{Content, NodeId, State};
use crate::pair::shown;
use crate::policy::Links;
use crate::trees::base::Packed;
use crate::trees::{BaseEntry, LeftOut, Seen, SeenNode};

/// The permission bits by which a file runs as its owner or its group.
const SET_IDS: u32 = 0o6000;
/// The extended attributes of an item, or why they can not be read.
type Attributes = Result<Vec<ExtendedAttribute>, EndpointError>;

/// A child of a folder as the base has it.
struct Known<'b> {
    /// What it is compared by.
    key: Cow<'b, [u8]>,
    id: NodeId,
    packed: Packed<'b>,
    is_met: bool,
}

/// The children of a folder as the base has them, found by name: most of a scan goes with this, so there is one table
/// of numbers and nothing is sorted.
struct KnownItems<'b> {
    items: Vec<Known<'b>>,
    /// One more than an item's number, from where its name's hash points on; 0 where nothing is.
    table: Vec<u32>,
    hasher: RandomState,
}

impl<'b> KnownItems<'b> {
    fn with_capacity(items: usize) -> Self {
        let table = vec![0; (items * 2).next_power_of_two()];
        Self { items: Vec::with_capacity(items), table, hasher: RandomState::new() }
    }

    /// The places of a name, one after the other.
    fn places(&self, key: &[u8]) -> impl Iterator<Item = usize> + use<> {
        let mask = self.table.len() - 1;
        // What is cut off does not matter: it is a hash.
        let start = usize::try_from(self.hasher.hash_one(key) & u64::from(u32::MAX)).unwrap_or(0);
        (0..self.table.len()).map(move |step| (start + step) & mask)
    }

    fn add(&mut self, item: Known<'b>) {
        let number = u32::try_from(self.items.len() + 1).unwrap_or(u32::MAX);
        if let Some(place) = self.places(&item.key).find(|place| self.table[*place] == 0) {
            self.table[place] = number;
        }
        self.items.push(item);
    }

    /// The numbers of all items of a name.
    fn named(&self, key: &[u8]) -> impl Iterator<Item = usize> {
        self.places(key)
            .map_while(|place| self.table[place].checked_sub(1))
            .map(|number| number as usize)
            .filter(move |number| *self.items[*number].key == *key)
    }
}

impl Scan<'_> {
    pub(super) fn compare(&self, task: &Task, items: Vec<TreeItem>) -> Result<Findings, SyncError> {
        let mut known = self.known(task.folder);
        let mut findings = Findings::default();
        let mut attributes = self.attributes_of_all(task, &known, &items).into_iter();
        for mut item in items {
            let attributes = attributes.next().flatten();
            if self.is_own(task, &item.name) || check_name(&item.name).is_err() {
                continue;
            }
            let kind = item.fingerprint.kind;
            if !matches!(kind, EntryKind::File | EntryKind::Folder | EntryKind::Symlink) {
                findings.is_occupied = true;
                if !self.is_left_out(&task.path, &item.name, &facts_of(&item)) {
                    self.skipped(&path_of(task, &item));
                    findings.taken.insert(item.name);
                }
                continue;
            }
            let entry = self.meet(&mut known, &item);
            if let (Some((_, entry)), false) = (&entry, self.tree.capabilities().keeps_case) {
                // What it shows is nobody's wish: the name stays the one that was given.
                item.name = entry.name_on(self.side).to_vec();
            }
            let facts = facts_of(&item);
            let is_left_out = self.is_left_out(&task.path, &item.name, &facts);
            if is_left_out && let Some(left_out) = self.left_out(&task.path, &item.name, &facts, false) {
                findings.has_young |= left_out.is_for_now;
                let changed = entry.as_ref().filter(|(_, entry)| !self.is_unchanged(&item, entry));
                findings.left_out.extend(changed.map(|(id, _)| (*id, left_out)));
            }
            let is_link_left_out = kind == EntryKind::Symlink && self.options.links != Links::Keep;
            if is_link_left_out && !is_left_out && self.options.links == Links::Follow {
                self.not_followed(&path_of(task, &item));
            }
            if is_link_left_out || is_left_out {
                findings.is_occupied = true;
                findings.blind.extend(entry.map(|(id, _)| id));
                if entry.is_none() && !self.is_name_left_out(&task.path, &item.name) {
                    findings.taken.insert(item.name);
                }
                continue;
            }
            findings.items += 1;
            self.compare_item(task, item, entry, attributes, &mut findings)?;
        }
        for child in known.items.iter().filter(|child| !child.is_met) {
            let Some(entry) = child.packed.entry() else { continue };
            let facts = Facts {
                kind: entry.state.kind,
                size_bytes: entry.state.size_bytes,
                modified: entry.state.modified,
            };
            match self.is_left_out(&task.path, entry.name_on(self.side), &facts) {
                true => {
                    let left_out = self.left_out(&task.path, entry.name_on(self.side), &facts, true);
                    findings.left_out.extend(left_out.map(|left_out| (child.id, left_out)));
                    findings.blind.push(child.id);
                }
                false => findings.changes.push((child.id, Seen::Gone)),
            }
        }
        Ok(findings)
    }

    /// The attributes of all files in a folder in which everything is new, asked for together; nothing in any other, where
    /// most of them are not asked for at all.
    fn attributes_of_all(
        &self,
        task: &Task,
        known: &KnownItems<'_>,
        items: &[TreeItem],
    ) -> Vec<Option<Attributes>> {
        if !self.options.attributes || !known.items.is_empty() {
            return Vec::new();
        }
        let is_asked =
            |item: &TreeItem| item.fingerprint.kind == EntryKind::File && check_name(&item.name).is_ok();
        let names: Vec<&[u8]> = items.iter().filter(|item| is_asked(item)).map(|item| &*item.name).collect();
        let mut found = self.tree.extended_attributes_in(&task.path, &names).into_iter();
        items.iter().map(|item| is_asked(item).then(|| found.next()).flatten()).collect()
    }

    /// What the base has in a folder. While one waits for a decision another may have got its name here, so one name may
    /// be there twice: only one of the two can be there.
    fn known(&self, folder: NodeId) -> KnownItems<'_> {
        let children = self.base.children(folder);
        let mut known = KnownItems::with_capacity(children.len());
        for id in children {
            let Some(packed) = self.base.packed(*id) else { continue };
            let key = self.key(packed.name_on(self.side));
            known.add(Known { key, id: *id, packed, is_met: false });
        }
        known
    }

    /// The base's item that an item is, by its name: of several the likeliest.
    fn meet<'b>(&'b self, known: &mut KnownItems<'b>, item: &TreeItem) -> Option<(NodeId, BaseEntry<'b>)> {
        let key = self.key(&item.name);
        let mut best: Option<usize> = None;
        for at in known.named(&key) {
            if known.items[at].is_met {
                return None;
            }
            let rank = |at: usize| {
                let child = &known.items[at];
                let likeness = child.packed.entry().map(|entry| self.likeness(&entry, item));
                (likeness, child.id)
            };
            best = match best {
                Some(before) if rank(before) > rank(at) => Some(before),
                _ => Some(at),
            };
        }
        let met = &mut known.items[best?];
        met.is_met = true;
        Some((met.id, met.packed.entry()?))
    }

    /// How surely an item is this one of the base.
    fn likeness(&self, entry: &BaseEntry<'_>, item: &TreeItem) -> (bool, bool, bool) {
        let before = entry.fingerprint_on(self.side);
        (
            item.fingerprint.is_unchanged_since(before),
            item.fingerprint.id == before.id,
            item.fingerprint.kind == before.kind,
        )
    }

    fn compare_item(
        &self,
        task: &Task,
        item: TreeItem,
        entry: Option<(NodeId, BaseEntry<'_>)>,
        of_file: Option<Attributes>,
        findings: &mut Findings,
    ) -> Result<(), SyncError> {
        let kind = item.fingerprint.kind;
        let known = entry.filter(|(_, entry)| entry.state.kind == kind);
        if let (Some((gone, _)), None) = (entry, known) {
            // Something else has its name now.
            findings.changes.push((gone, Seen::Gone));
        }
        if let (EntryKind::Folder, Some((id, _))) = (kind, &known)
            && self.options.covered.contains(id)
        {
            self.tell_unmounted(&path_of(task, &item));
            findings.blind.push(*id);
            return Ok(());
        }
        if let (EntryKind::Folder, Some((id, entry))) = (kind, &known)
            && self.can_be_covered(*id, entry, &item)
            && self.is_covered(&path_of(task, &item))?
        {
            let id = *id;
            findings.blind.push(id);
            return Ok(());
        }
        if let (EntryKind::Folder, Some((id, entry)), Some(now)) = (kind, &known, item.fingerprint.modified)
            && entry.fingerprint_on(self.side).modified != Some(now)
        {
            findings.folder_times.push((*id, now));
        }
        // What is on its way has to be told of each time, else no plan would put it right.
        let is_unchanged = !item.name.starts_with(STEP_PREFIX)
            && known.is_some_and(|(_, entry)| self.is_unchanged(&item, &entry));
        if is_unchanged && kind != EntryKind::Folder {
            return Ok(());
        }
        let path = path_of(task, &item);
        let of_folder = match kind {
            // The fingerprint of a folder says nothing of what surrounds it.
            EntryKind::Folder => self.folder_attributes(&path, &item, known.map(|(_, entry)| entry))?,
            _ => None,
        };
        if let Some((_, entry)) = known
            && is_unchanged
            && of_folder == entry.state.attributes
        {
            self.enter(task, known, path, &item, findings);
            return Ok(());
        }
        let before = known.as_ref().map(|(_, entry)| entry.fingerprint_on(self.side));
        let unrest = (kind == EntryKind::File).then(|| self.settles_in(&path, &item, before)).flatten();
        if let Some(unrest) = unrest {
            let known = known.map(|(id, _)| id);
            findings.unsettled.push(Unsettled { known, folder: task.folder, path, item, unrest });
            return Ok(());
        }
        let id = known.map_or_else(|| self.fresh(), |(id, _)| id);
        let attributes = match kind {
            EntryKind::File => self.file_attributes(&path, of_file),
            _ => Ok(of_folder),
        };
        let entry = known.as_ref().map(|(_, entry)| entry);
        let state = match attributes.and_then(|attributes| self.state(&path, &item, attributes, entry)) {
            Ok(state) => state,
            Err(source) if concerns_place(&source) => {
                return Err(SyncError::Place { side: self.side, source });
            }
            Err(error) => {
                if !matches!(error, EndpointError::NotFound { .. }) {
                    self.told(&path, "This could not be read; it is not synced.", &error);
                }
                findings.is_occupied = true;
                findings.blind.extend(known.map(|(id, _)| id));
                if known.is_none() {
                    findings.taken.insert(item.name);
                }
                return Ok(());
            }
        };
        if kind == EntryKind::Folder {
            let entry = known.map(|(_, entry)| (id, entry));
            self.enter_as(task, id, entry, path, &item, findings);
        }
        let TreeItem { name, fingerprint, .. } = item;
        findings.changes.push((id, Seen::Here(SeenNode { parent: task.folder, name, state, fingerprint })));
        Ok(())
    }

    fn enter(
        &self,
        task: &Task,
        known: Option<(NodeId, BaseEntry<'_>)>,
        path: RelativePath,
        item: &TreeItem,
        findings: &mut Findings,
    ) {
        if let Some((id, _)) = known {
            self.enter_as(task, id, known, path, item, findings);
        }
    }

    /// Sees to it that a folder is listed: one that is new or was replaced with all that is in it.
    fn enter_as(
        &self,
        task: &Task,
        id: NodeId,
        known: Option<(NodeId, BaseEntry<'_>)>,
        path: RelativePath,
        item: &TreeItem,
        findings: &mut Findings,
    ) {
        let is_replaced =
            known.is_none_or(|(_, entry)| entry.fingerprint_on(self.side).id != item.fingerprint.id);
        if task.whole || is_replaced {
            findings.folders.push(Task { folder: id, path, whole: true });
        }
    }

    fn is_unchanged(&self, item: &TreeItem, entry: &BaseEntry<'_>) -> bool {
        let before = entry.fingerprint_on(self.side);
        // A version that changes with every change says all of the permissions too; folders are compared without.
        let is_mode_told = item.fingerprint.kind != EntryKind::Folder
            && self.tree.capabilities().strong_versions
            && !before.version.is_unknown();
        let is_mode_same = !self.options.modes
            || is_mode_told
            || item.mode.is_none()
            || self.mode(item, Some(entry)) == entry.state.mode;
        is_mode_same && item.fingerprint.is_unchanged_since(before)
    }

    /// The permission bits. A place far away does not say whose a file is: what makes it run as its owner is taken for what
    /// it was, and is not taken from there.
    fn mode(&self, item: &TreeItem, known: Option<&BaseEntry<'_>>) -> Option<u32> {
        let mode = item.mode?;
        if let (EntryKind::Folder, Some(entry)) = (item.fingerprint.kind, known)
            && entry.fingerprint_on(self.side).modified.is_none()
        {
            // A run that was killed made it, and did not come to its permissions.
            return entry.state.mode;
        }
        if item.fingerprint.kind != EntryKind::File || self.tree.local_root().is_some() {
            return Some(mode);
        }
        let before = known.and_then(|entry| entry.state.mode).unwrap_or_default();
        Some(mode & !SET_IDS | before & SET_IDS)
    }

    pub(super) fn state(
        &self,
        path: &RelativePath,
        item: &TreeItem,
        attributes: Option<[u8; 16]>,
        known: Option<&BaseEntry<'_>>,
    ) -> Result<State, EndpointError> {
        let print = &item.fingerprint;
        let content = match print.kind {
            EntryKind::Symlink => {
                Content::Known(ContentHash(*blake3::hash(&self.tree.read_link(path)?).as_bytes()))
            }
            EntryKind::File => Content::Unread,
            _ => Content::None,
        };
        Ok(State {
            kind: print.kind,
            size_bytes: if print.kind == EntryKind::File { print.size_bytes } else { 0 },
            content,
            modified: print.modified.filter(|_| print.kind != EntryKind::Folder),
            mode: self.mode(item, known).filter(|_| self.options.modes),
            attributes,
        })
    }

    /// The attributes of a file, asked for now where they were not before.
    pub(super) fn file_attributes(
        &self,
        path: &RelativePath,
        asked: Option<Attributes>,
    ) -> Result<Option<[u8; 16]>, EndpointError> {
        if !self.options.attributes {
            return Ok(None);
        }
        let found = asked.unwrap_or_else(|| self.tree.extended_attributes(path))?;
        Ok(Some(attributes_hash(&found)))
    }

    /// The attributes of a folder: those of the base where its version says that nothing about it changed since.
    fn folder_attributes(
        &self,
        path: &RelativePath,
        item: &TreeItem,
        known: Option<BaseEntry<'_>>,
    ) -> Result<Option<[u8; 16]>, SyncError> {
        if !self.options.attributes {
            return Ok(None);
        }
        if let Some(entry) = known
            && entry.state.attributes.is_some()
            && self.tree.capabilities().strong_versions
            && !item.fingerprint.version.is_unknown()
            && item.fingerprint.version == entry.fingerprint_on(self.side).version
            && item.fingerprint.id == entry.fingerprint_on(self.side).id
        {
            return Ok(entry.state.attributes);
        }
        match self.tree.extended_attributes(path) {
            Ok(attributes) => Ok(Some(attributes_hash(&attributes))),
            Err(source) if concerns_place(&source) => Err(SyncError::Place { side: self.side, source }),
            // Listing it tells more.
            Err(_) => Ok(None),
        }
    }

    pub(super) fn fresh(&self) -> NodeId {
        NodeId(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// What names are compared by: a place that changes the Unicode form, or the case, shows another one than it was given.
    pub(super) fn key<'n>(&self, name: &'n [u8]) -> Cow<'n, [u8]> {
        if !self.tree.capabilities().keeps_case {
            return names::key(name, self.tree.capabilities());
        }
        if !matches!(self.tree.capabilities().unicode, UnicodeNames::Composed | UnicodeNames::Decomposed) {
            return Cow::Borrowed(name);
        }
        match std::str::from_utf8(name) {
            Ok(text) if !text.is_ascii() => Cow::Owned(text.nfc().collect::<String>().into_bytes()),
            _ => Cow::Borrowed(name),
        }
    }

    /// Whether this is the place's own and not synced: all but the shared rules.
    fn is_own(&self, task: &Task, name: &[u8]) -> bool {
        if task.path.is_root() {
            return name == OWN_FOLDER && !self.options.shared_rules;
        }
        task.path.as_bytes() == OWN_FOLDER && name != RULES_NAME
    }

    fn is_left_out(&self, folder: &RelativePath, name: &[u8], facts: &Facts) -> bool {
        if is_gone_but_open(name) {
            return true;
        }
        if self.options.filter.takes_everything() {
            return false;
        }
        let is_own = folder.components().next().unwrap_or(name) == OWN_FOLDER;
        !is_own && folder.join(name).is_ok_and(|path| self.options.filter.excludes(&path, facts))
    }

    /// Whether whatever has this name is left out, be it a file or a folder.
    fn is_name_left_out(&self, folder: &RelativePath, name: &[u8]) -> bool {
        folder.join(name).is_ok_and(|path| self.options.filter.excludes_name(&path))
    }

    /// How a file that is left out is so by its size or age alone.
    fn left_out(&self, folder: &RelativePath, name: &[u8], facts: &Facts, is_gone: bool) -> Option<LeftOut> {
        self.options.filter.leaves_out_file(&folder.join(name).ok()?, facts, is_gone)
    }

    pub(super) fn told(&self, path: &RelativePath, what: &str, error: &EndpointError) {
        let path = shown(self.options.place, path);
        self.control.problem(Problem::new(path, what, error.sentence(), error.next_step()));
    }

    /// A link that could be followed is no link any more when it comes here.
    fn not_followed(&self, path: &RelativePath) {
        let target = self.tree.read_link(path).unwrap_or_default();
        self.control.problem(Problem::new(
            shown(self.options.place, path),
            "This link is not followed; it and what the other side has in its place are left as they are.",
            format!(
                "It points to \"{}\": that is not there, is no file or folder, lies outside of this place, or leads back \
                 to where the link is.",
                String::from_utf8_lossy(&target)
            ),
            "Point the link to something inside of this place, keep links as links, or leave it out with a rule.",
        ));
    }

    fn skipped(&self, path: &RelativePath) {
        self.control.problem(Problem::new(
            shown(self.options.place, path),
            "This is a pipe, a socket or a device; it is not synced.",
            "It has no content that another place could hold.",
            "Leave it out with a rule if it belongs there.",
        ));
    }
}

/// Whether this is a file that somebody removed or replaced while it was open in a program: FUSE and NFS keep it under
/// such a name until it is closed. Left out on both sides, so that none is carried over and then missed here.
fn is_gone_but_open(name: &[u8]) -> bool {
    [(&b".fuse_hidden"[..], 16), (&b".nfs"[..], 24)].into_iter().any(|(begin, digits)| {
        name.strip_prefix(begin)
            .is_some_and(|number| number.len() == digits && number.iter().all(u8::is_ascii_hexdigit))
    })
}

/// Where an item of a folder is; its name was checked.
fn path_of(task: &Task, item: &TreeItem) -> RelativePath {
    task.path.join(&item.name).unwrap_or_default()
}

fn facts_of(item: &TreeItem) -> Facts {
    let print = &item.fingerprint;
    Facts { kind: print.kind, size_bytes: print.size_bytes, modified: print.modified }
}
