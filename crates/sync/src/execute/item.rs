//! One row of a plan, carried out.
//!
//! Invariants: right before anything is put, moved or removed, the place checks that it is still what the scan saw; what
//! is replaced or removed goes to the bin first and comes back where its replacement can not be published; what is
//! answered as done is proven. Deliberately not here: batches and threads (`execute`), new folders
//! (`execute::new_folder`), what the base learns (`execute::view`).

use std::sync::atomic::{AtomicU64, Ordering};

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, Fingerprint, ItemMetadata, Published, StagedFolder, Tree, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, ExtendedAttribute, RelativePath, Timestamp};

use super::bin::{Planned, put_into_bin};
use super::meanwhile::{is_written, learned};
use super::view::{Known, Outcome};
use crate::database::PairDatabase;
use crate::database::before::{Before, Surround};
use crate::database::texts::KEPT_LIMIT_BYTES;
use crate::node::{Content, NO_ATTRIBUTES, Side, State};
use crate::pair::shown;
use crate::place::copy::{CopyError, CopyOrder, StagedCopy, stage_copy};
use crate::place::made_folders::MadeFolders;
use crate::place::relocate::{Mover, relocate};
use crate::plan::{Action, Operation, Why};
use crate::policy::Links;
use crate::run_types::Limits;
use crate::scan::attributes_hash;
use crate::text::as_text;

/// How often a file that changes while it is copied is tried.
const TRIES: u32 = 3;

/// What carrying out a row needs.
pub(crate) struct Tools<'a> {
    pub left: &'a dyn Tree,
    pub right: &'a dyn Tree,
    pub bins: [MadeFolders; 2],
    pub database: &'a PairDatabase,
    /// Extended attributes are synced.
    pub attributes: bool,
    /// What links are to the pair.
    pub links: Links,
    /// What the two places are called.
    pub places: [&'a str; 2],
    pub control: &'a Control,
    pub limits: &'a Limits,
    /// Bytes of texts that may still be kept for merging.
    pub texts_left: AtomicU64,
}

/// What came of a row that was done.
#[derive(Debug, Default)]
pub(super) struct Deed {
    pub outcome: Outcome,
    /// Where it lies in the bin.
    pub bin_path: Option<RelativePath>,
    /// Where it was written, if that is not the path of the row: through a link.
    pub written_at: Option<RelativePath>,
    pub hash: Option<ContentHash>,
    pub spared_bytes: u64,
    /// The hashes of its blocks, where they are worth keeping.
    pub blocks: Option<Vec<u8>>,
    /// The text it holds, where that is kept for merging.
    pub text: Option<Vec<u8>>,
    /// What could not be kept, in words.
    pub not_kept: Vec<String>,
    /// What was there before, of what was set: for undoing it.
    pub before: Option<Before>,
    /// A new folder that appeared with all that comes into it, its attributes and its time.
    pub is_finished: bool,
}

impl Tools<'_> {
    /// Where an item is, for people.
    pub(super) fn shown(&self, side: Side, path: &RelativePath) -> String {
        shown(self.places[usize::from(side == Side::Right)], path)
    }

    pub(crate) fn tree(&self, side: Side) -> &dyn Tree {
        match side {
            Side::Left => self.left,
            Side::Right => self.right,
        }
    }

    fn bins(&self, side: Side) -> &MadeFolders {
        &self.bins[usize::from(side == Side::Right)]
    }

    /// Does a row: `known` is the item on the side that is changed, `there` on the other, and `planned` what goes to the
    /// bin with it.
    pub(super) fn carry_out(
        &self,
        operation: &Operation,
        known: Option<Known>,
        there: Option<Known>,
        planned: Option<&Planned>,
    ) -> Result<Deed, CopyError> {
        match &operation.action {
            Action::CreateFolder { .. } => self.create_folder(operation, there),
            Action::Copy { .. } => match operation.kind {
                EntryKind::Symlink => self.link(operation, there, None, planned),
                _ => self.copy(operation, there, None, planned),
            },
            Action::Replace => {
                let known = known.ok_or(CopyError::Changed)?;
                match operation.kind {
                    EntryKind::Symlink => self.link(operation, there, Some(known), planned),
                    _ => self.copy(operation, there, Some(known), planned),
                }
            }
            Action::Move { .. } => self.move_it(operation, known.ok_or(CopyError::Changed)?),
            Action::Remove => self.remove(operation, known.ok_or(CopyError::Changed)?, planned),
            Action::SetMetadata => self.set_metadata(operation, known.ok_or(CopyError::Changed)?, there),
        }
    }

    /// What surrounds the content on the side that is changed: that of the other side, unless the row says otherwise.
    pub(super) fn wanted(&self, operation: &Operation, here: Option<&State>, there: &State) -> Wanted {
        let of = |side: Side| if side == operation.side { here } else { Some(there) };
        match operation.metadata() {
            None => Wanted {
                modified: there.modified,
                // A place that keeps no permissions has nothing to say of them.
                mode: there.mode.or(here.and_then(|state| state.mode)),
                attributes_of: self.attributes.then_some(operation.side.other()),
                attributes: there.attributes,
            },
            Some(change) => {
                let from = change.attributes_of.unwrap_or(operation.side);
                Wanted {
                    modified: change.modified.or(here.and_then(|state| state.modified)),
                    mode: change.mode.or(here.and_then(|state| state.mode)),
                    attributes_of: self.attributes.then_some(from),
                    attributes: of(from).and_then(|state| state.attributes),
                }
            }
        }
    }

    /// The extended attributes, read where they come from.
    pub(super) fn attributes(
        &self,
        operation: &Operation,
        of: Option<Side>,
        from: &RelativePath,
    ) -> Result<Option<Vec<ExtendedAttribute>>, CopyError> {
        let Some(side) = of else { return Ok(None) };
        let both = Side::BOTH.iter().all(|side| self.tree(*side).capabilities().extended_attributes);
        if !both {
            return Ok(None);
        }
        let (path, wrap): (_, fn(EndpointError) -> CopyError) = match side == operation.side {
            true => (from, CopyError::Target),
            false => (operation.source(), CopyError::Source),
        };
        self.tree(side).extended_attributes(path).map(Some).map_err(wrap)
    }

    fn copy(
        &self,
        operation: &Operation,
        there: Option<Known>,
        replaces: Option<Known>,
        planned: Option<&Planned>,
    ) -> Result<Deed, CopyError> {
        match self.copy_once(operation, there, replaces, planned, Way::Comparing) {
            // What the place began with was not what it was taken for: all of it is sent.
            Err(CopyError::Target(EndpointError::Unexpected { .. })) if replaces.is_some() => {
                self.copy_once(operation, there, replaces, planned, Way::Whole)
            }
            result => result,
        }
    }

    /// Copies a file that is new into a folder that appears with it.
    pub(super) fn copy_into(
        &self,
        operation: &Operation,
        there: Option<Known>,
        folder: &dyn StagedFolder,
    ) -> Result<Deed, CopyError> {
        self.copy_once(operation, there, None, None, Way::Into(folder))
    }

    fn copy_once(
        &self,
        operation: &Operation,
        there: Option<Known>,
        replaces: Option<Known>,
        planned: Option<&Planned>,
        way: Way<'_>,
    ) -> Result<Deed, CopyError> {
        let there = there.ok_or(CopyError::Changed)?;
        let to = self.tree(operation.side);
        let target = &to.place_of(&operation.path).map_err(CopyError::Target)?;
        // What is replaced lies where its new version will.
        let here = if replaces.is_some() { target } else { &operation.path };
        let wanted = self.wanted(operation, replaces.as_ref().map(|known| &known.state), &there.state);
        let is_from_source = wanted.attributes_of == Some(operation.side.other());
        let both = Side::BOTH.iter().all(|side| self.tree(*side).capabilities().extended_attributes);
        let from = self.tree(operation.side.other());
        // The scan found none, and its time of change tells whether that is still so.
        let is_bare = there.state.attributes == Some(NO_ATTRIBUTES) && from.capabilities().strong_versions;
        let order = CopyOrder {
            from,
            source: operation.source(),
            seen: &there.fingerprint,
            to,
            target,
            into: if let Way::Into(folder) = way { Some(folder) } else { None },
            replaces: replaces
                .filter(|known| matches!(way, Way::Comparing) && known.state.kind == EntryKind::File)
                .is_some()
                .then_some(here),
            old_blocks: replaces.and_then(|known| self.old_blocks(operation, &known)),
            attributes: is_from_source && both && !is_bare,
            keeps_content: &|bytes| self.keeps_text(bytes),
        };
        let copy = self.staged(&order)?;
        if matches!(there.state.content, Content::Known(hash) if hash != copy.hash) {
            return Err(CopyError::Changed);
        }
        let StagedCopy { staged, hash, item, attributes, spared_bytes, blocks, not_shown, content } = copy;
        let attributes = match attributes {
            Some(attributes) => Some(attributes),
            None if is_from_source => (both && is_bare).then(Vec::new),
            None => self.attributes(operation, wanted.attributes_of, here)?,
        };
        let mut metadata =
            ItemMetadata { modified: wanted.modified, mode: wanted.mode, extended_attributes: attributes };
        if replaces.is_some() {
            leave_alone(to, here, &mut metadata).map_err(CopyError::Target)?;
        }
        let publish = |expected: &Expected| {
            staged.publish(target, expected, &metadata, &hash).map_err(CopyError::Target)
        };
        let (published, bin_path) = self.in_place_of(operation, here, replaces, planned, publish)?;
        let told = published.item.fingerprint;
        let is_time_kept = published.not_kept.is_empty();
        let size_bytes = item.fingerprint.size_bytes;
        let modified = wanted.modified.filter(|_| is_time_kept).or(told.modified);
        let fingerprint = learned(told, &Fingerprint { size_bytes, modified, ..told }, to.capabilities());
        let state = State {
            kind: EntryKind::File,
            size_bytes: item.fingerprint.size_bytes,
            content: Content::Known(hash),
            ..there.state
        };
        let agreed = wanted.state(&state);
        Ok(Deed {
            outcome: Outcome {
                target: Some(Known { state: agreed, fingerprint }),
                source: Some(Known { state, fingerprint: item.fingerprint }),
                agreed: Some(agreed),
            },
            bin_path,
            written_at: (*target != operation.path).then(|| target.clone()),
            hash: Some(hash),
            spared_bytes,
            blocks,
            text: content,
            not_kept: published.not_kept.into_iter().chain(not_shown).collect(),
            ..Deed::default()
        })
    }

    /// Whether a content is a small text, while there is room for more.
    fn keeps_text(&self, bytes: &[u8]) -> bool {
        let length = bytes.len() as u64;
        length <= KEPT_LIMIT_BYTES
            && self.texts_left.load(Ordering::Relaxed) >= length
            && as_text(bytes).is_some()
            && self
                .texts_left
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(length))
                .is_ok()
    }

    /// What the blocks of a file far away were when they were sent, where it still holds that.
    fn old_blocks(&self, operation: &Operation, known: &Known) -> Option<Vec<u8>> {
        let to = self.tree(operation.side);
        if operation.node.is_fresh() || !to.capabilities().stages_from_existing || to.local_root().is_some() {
            return None;
        }
        // Without them all of it is sent.
        self.database.blocks(operation.node, &content_hash(&known.state)?).ok().flatten()
    }

    /// A file that changes under our hands is tried again: it may be still by then. Only its own change between opening
    /// and the last byte counts; one that is not what the scan saw is left for the next run at once.
    fn staged(&self, order: &CopyOrder<'_>) -> Result<StagedCopy, CopyError> {
        let mut tries = 0;
        loop {
            tries += 1;
            match stage_copy(order, self.control, self.limits) {
                Err(CopyError::Changed) if tries < TRIES => {
                    let now = order.from.stat(order.source).map_err(CopyError::Source)?;
                    if !now.is_some_and(|item| item.fingerprint.is_unchanged_since(order.seen)) {
                        return Err(CopyError::Changed);
                    }
                }
                result => return result,
            }
        }
    }

    /// Puts what is there into the bin, and publishes; it comes back where that fails.
    fn in_place_of(
        &self,
        operation: &Operation,
        here: &RelativePath,
        replaces: Option<Known>,
        planned: Option<&Planned>,
        publish: impl FnOnce(&Expected) -> Result<Published, CopyError>,
    ) -> Result<(Published, Option<RelativePath>), CopyError> {
        let Some((known, planned)) = replaces.zip(planned) else {
            return publish(&Expected::Absent).map(|published| (published, None));
        };
        let tree = self.tree(operation.side);
        let (in_bin, item) = self.put_away(operation.side, here, &known.fingerprint, planned)?;
        match publish(&Expected::Absent) {
            Ok(published) => Ok((published, Some(in_bin))),
            Err(error) => {
                // Where even this fails the index of the bin is unsettled, and the next run looks at it.
                if let Err(trouble) = relocate(tree, &in_bin, here, &item.fingerprint) {
                    tracing::warn!(path = %here, ?trouble, "what was to be replaced stays in the bin for now");
                }
                Err(error)
            }
        }
    }

    /// Puts what is there into the bin. What somebody wrote into it in that moment is no version that was to go: it comes
    /// back.
    fn put_away(
        &self,
        side: Side,
        path: &RelativePath,
        expected: &Fingerprint,
        planned: &Planned,
    ) -> Result<(RelativePath, TreeItem), CopyError> {
        let tree = self.tree(side);
        let (in_bin, item) = put_into_bin(tree, self.bins(side), path, expected, planned, self.database)?;
        if !is_written(&item.fingerprint, expected, tree.capabilities()) {
            return Ok((in_bin, item));
        }
        match relocate(tree, &in_bin, path, &item.fingerprint) {
            Ok(_) => Err(CopyError::Changed),
            // It is in the bin, and the index says so.
            Err(_) => Ok((in_bin, item)),
        }
    }

    fn link(
        &self,
        operation: &Operation,
        there: Option<Known>,
        replaces: Option<Known>,
        planned: Option<&Planned>,
    ) -> Result<Deed, CopyError> {
        let there = there.ok_or(CopyError::Changed)?;
        let from = self.tree(operation.side.other());
        let item = from
            .stat(operation.source())
            .map_err(CopyError::Source)?
            .filter(|item| item.fingerprint.is_unchanged_since(&there.fingerprint))
            .ok_or(CopyError::Changed)?;
        let target = from.read_link(operation.source()).map_err(CopyError::Source)?;
        let hash = ContentHash(*blake3::hash(&target).as_bytes());
        if matches!(there.state.content, Content::Known(known) if known != hash) {
            return Err(CopyError::Changed);
        }
        let wanted = self.wanted(operation, replaces.as_ref().map(|known| &known.state), &there.state);
        let metadata = ItemMetadata { modified: wanted.modified, mode: None, extended_attributes: None };
        let to = self.tree(operation.side);
        let publish = |expected: &Expected| {
            to.create_symlink(&operation.path, &target, expected, &metadata).map_err(CopyError::Target)
        };
        let here = operation.from().unwrap_or(&operation.path);
        let (published, bin_path) = self.in_place_of(operation, here, replaces, planned, publish)?;
        let state = State { kind: EntryKind::Symlink, content: Content::Known(hash), ..there.state };
        let agreed = wanted.state(&state);
        Ok(Deed {
            outcome: Outcome {
                target: Some(Known { state: agreed, fingerprint: published.item.fingerprint }),
                source: Some(Known { state, fingerprint: item.fingerprint }),
                agreed: Some(agreed),
            },
            bin_path,
            hash: Some(hash),
            not_kept: published.not_kept,
            ..Deed::default()
        })
    }

    fn move_it(&self, operation: &Operation, known: Known) -> Result<Deed, CopyError> {
        let tree = self.tree(operation.side);
        let from = operation.from().unwrap_or(&operation.path);
        let mover = Mover { tree, side: operation.side, database: self.database };
        let item = mover.move_item(from, &operation.path, &known.fingerprint, self.control)?;
        let fingerprint = learned(item.fingerprint, &known.fingerprint, tree.capabilities());
        Ok(Deed {
            outcome: Outcome {
                target: Some(Known { state: known.state, fingerprint }),
                ..Outcome::default()
            },
            hash: content_hash(&known.state),
            ..Deed::default()
        })
    }

    fn remove(
        &self,
        operation: &Operation,
        known: Known,
        planned: Option<&Planned>,
    ) -> Result<Deed, CopyError> {
        let tree = self.tree(operation.side);
        let path = operation.from().unwrap_or(&operation.path);
        let hash = content_hash(&known.state);
        // Who has it open would go on writing in the bin, and the copy would be all that is seen of it.
        if operation.why == Why::MovedIn && tree.is_being_written(path) == Some(true) {
            return Err(CopyError::Changed);
        }
        let bin_path = match planned {
            Some(planned) if operation.kind != EntryKind::Folder => {
                Some(self.put_away(operation.side, path, &known.fingerprint, planned)?.0)
            }
            _ => {
                tree.remove(path, &known.fingerprint).map_err(CopyError::Target)?;
                None
            }
        };
        Ok(Deed { bin_path, hash, ..Deed::default() })
    }

    fn set_metadata(
        &self,
        operation: &Operation,
        known: Known,
        there: Option<Known>,
    ) -> Result<Deed, CopyError> {
        let there_state = there.map_or(known.state, |there| there.state);
        let wanted = self.wanted(operation, Some(&known.state), &there_state);
        let path = operation.from().unwrap_or(&operation.path);
        let is_other = wanted.attributes_of == Some(operation.side.other());
        let attributes =
            if is_other { self.attributes(operation, wanted.attributes_of, path)? } else { None };
        let change = operation.metadata();
        let metadata = ItemMetadata {
            modified: change.map_or(wanted.modified, |change| change.modified),
            mode: change.map_or(wanted.mode, |change| change.mode),
            extended_attributes: attributes,
        };
        let tree = self.tree(operation.side);
        let is_of_new = operation.finishes_new_folder();
        let had = match metadata.extended_attributes {
            Some(_) if !is_of_new => Some(tree.extended_attributes(path).map_err(CopyError::Target)?),
            _ => None,
        };
        let published = tree.set_metadata(path, &known.fingerprint, &metadata).map_err(CopyError::Target)?;
        let before = (!is_of_new).then(|| before(tree, path, &known, had, &metadata, &published));
        let agreed = wanted.state(&known.state);
        let told = published.item.fingerprint;
        let wished = metadata.modified.or(known.fingerprint.modified);
        let modified = wished.filter(|_| published.not_kept.is_empty()).or(told.modified);
        let expected = Fingerprint { modified, ..known.fingerprint };
        let mut fingerprint = learned(told, &expected, tree.capabilities());
        if is_of_new && Side::BOTH.iter().all(|side| self.tree(*side).capabilities().times) {
            // It gets its time at the end, and where this run is killed before that, in the next one.
            fingerprint.modified = None;
        }
        Ok(Deed {
            outcome: Outcome {
                target: Some(Known { state: agreed, fingerprint }),
                source: None,
                agreed: Some(agreed),
            },
            hash: content_hash(&known.state),
            not_kept: published.not_kept,
            before,
            ..Deed::default()
        })
    }
}

/// How a file is copied.
#[derive(Clone, Copy)]
enum Way<'a> {
    /// What is replaced may be compared with it.
    Comparing,
    /// All of it is sent.
    Whole,
    /// Into a folder that appears with it.
    Into(&'a dyn StagedFolder),
}

/// What was there before a step set this, as far as it did, and what the place shows now.
fn before(
    tree: &dyn Tree,
    path: &RelativePath,
    known: &Known,
    had: Option<Vec<ExtendedAttribute>>,
    set: &ItemMetadata,
    published: &Published,
) -> Before {
    let of = |modified: Option<Timestamp>, mode: Option<u32>, attributes| Surround {
        modified: set.modified.and(modified),
        mode: set.mode.and(mode),
        attributes,
    };
    // Where not all could be set, the place says what came of it.
    let has = match &set.extended_attributes {
        Some(attributes) if published.not_kept.is_empty() => Some(attributes_hash(attributes)),
        Some(_) => tree.extended_attributes(path).ok().map(|found| attributes_hash(&found)),
        None => None,
    };
    Before {
        was: of(known.fingerprint.modified, known.state.mode, had.as_deref().map(attributes_hash)),
        became: of(published.item.fingerprint.modified, published.item.mode, has),
        attributes: had,
    }
}

/// What the other place does not keep, or the pair does not carry over, is after a replacement what it was before: so a
/// file that was edited on a drive with FAT is as private, and runs, as it did.
fn leave_alone(
    tree: &dyn Tree,
    path: &RelativePath,
    metadata: &mut ItemMetadata,
) -> Result<(), EndpointError> {
    let can = tree.capabilities();
    if metadata.mode.is_none() && can.modes {
        metadata.mode = tree.stat(path)?.and_then(|item| item.mode);
    }
    if metadata.extended_attributes.is_none() && can.extended_attributes {
        metadata.extended_attributes = Some(tree.extended_attributes(path)?);
    }
    Ok(())
}

fn content_hash(state: &State) -> Option<ContentHash> {
    match state.content {
        Content::Known(hash) => Some(hash),
        _ => None,
    }
}

/// What surrounds the content from now on.
pub(super) struct Wanted {
    modified: Option<Timestamp>,
    pub mode: Option<u32>,
    pub attributes_of: Option<Side>,
    attributes: Option<[u8; 16]>,
}

impl Wanted {
    pub(super) fn state(&self, content: &State) -> State {
        State {
            modified: self.modified.or(content.modified),
            mode: self.mode.or(content.mode),
            attributes: self.attributes.or(content.attributes),
            ..*content
        }
    }
}
