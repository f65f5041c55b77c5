//! A conflict of two texts: what they differ in, and both changes merged into one where a person asks for it.
//!
//! Merging needs the text both sides had before, which `database::texts` keeps. Invariants: nothing is merged by
//! guessing (`text`); the merged text takes the place of the left version, which goes to the bin, only while that is
//! still what was merged; the next run then finds that only the left changed, and carries it to the right.
//! Deliberately not here: the comparison itself (`text`), deciding conflicts (`database::conflicts`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, ItemMetadata, TreeItem};
use keepwell_model::{ContentHash, Control, EntryKind, JobId, RelativePath};

use crate::bins::bring_back::{Deeds, Trouble};
use crate::database::BaseChange;
use crate::database::conflicts::StoredConflict;
use crate::database::rows::{Group, JournalLine};
pub use crate::database::texts::RUN_LIMIT_FILES;
use crate::error::SyncError;
use crate::node::{Content, NodeId, Side};
use crate::plan::{Totals, Why};
use crate::run::Syncer;
use crate::run_types::{ActionKind, Done, RunState, SyncReport};
use crate::text::{
    ComparedLine, Merged, MergedLine, TEXT_LIMIT_BYTES, as_text, compare_texts, explain_merge, merge_texts,
};
use crate::trees::stale;

/// What a person sees of a conflict of two texts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextConflict {
    /// The lines that differ, with a few around.
    pub lines: Vec<ComparedLine>,
    /// Whether these are all.
    pub is_all: bool,
    /// Both changes merged into one text, where that needs no guessing.
    pub merged: Option<MergedText>,
}

/// What merging would make of a conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MergedText {
    /// The lines that differ from the base, with a few around.
    pub lines: Vec<MergedLine>,
    /// Whether these are all.
    pub is_all: bool,
    /// Tells this very text: what a person saw is what is written.
    pub hash: ContentHash,
}

fn explained(base: &[u8], left: &[u8], right: &[u8], limit_lines: usize) -> Option<MergedText> {
    let Merged::Text(merged) = merge_texts(base, left, right) else { return None };
    let texts = [as_text(base)?, as_text(left)?, as_text(right)?, &merged];
    let (lines, is_all) = explain_merge(texts, limit_lines);
    Some(MergedText { lines, is_all, hash: ContentHash(*blake3::hash(merged.as_bytes()).as_bytes()) })
}

impl Syncer {
    /// The lines in which the two versions of a conflict differ; nothing where they are not both small texts.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where the conflict does not wait any more; a version can not be read.
    pub fn compare_conflict(&self, id: i64, limit_lines: usize) -> Result<Option<TextConflict>, SyncError> {
        let Some([left, right]) = self.both_texts(&self.conflict(id)?)? else { return Ok(None) };
        let Some((lines, is_all)) = compare_texts(&left, &right, limit_lines) else { return Ok(None) };
        let base = self.base_text(&self.conflict(id)?);
        let merged = base.and_then(|base| explained(&base, &left, &right, limit_lines));
        Ok(Some(TextConflict { lines, is_all, merged }))
    }

    /// Merges both changes of a conflict into one text, in the place of the left version; the next run carries it to the
    /// right. In between the version lies in the bin; what a crash leaves is put back. Answers what came of it; only [`Merged::Text`] changed anything.
    ///
    /// # Errors
    /// [`SyncError::Missing`] where the conflict does not wait any more; a place refused, or a version changed
    /// meanwhile, or the text is not the `shown` one: then nothing was changed.
    pub fn merge_conflict(
        &mut self,
        id: i64,
        shown: Option<ContentHash>,
        deed: JobId,
        control: &Control,
    ) -> Result<Merged, SyncError> {
        let stored = self.conflict(id)?;
        let left_place = SyncError::place(Side::Left);
        let (Some(path), Some(base)) = (stored.conflict.left.path.clone(), self.base_text(&stored)) else {
            return Ok(Merged::NotText);
        };
        let Some(before) = self.tree(Side::Left).stat(&path).map_err(&left_place)? else {
            return Err(SyncError::Missing { what: "conflict", id: id.to_string() });
        };
        let right_path = stored.conflict.right.path.clone().unwrap_or_default();
        let right_item = self.tree(Side::Right).stat(&right_path).map_err(SyncError::place(Side::Right))?;
        let Some(([left, right], right_item)) = self.both_texts(&stored)?.zip(right_item) else {
            return Ok(Merged::NotText);
        };
        let merged = merge_texts(&base, &left, &right);
        let Merged::Text(text) = &merged else { return Ok(merged) };
        let bytes = text.as_bytes();
        if shown.is_some_and(|shown| shown.0 != *blake3::hash(bytes).as_bytes()) {
            return Err(left_place(EndpointError::Changed { path: path.to_string() }));
        }
        // It is the same file with another text: who may read it and what it is marked with stays. Of the very version that
        // is put away below, for that is compared with `before` once more.
        let keeps_attributes = self.tree(Side::Left).capabilities().extended_attributes;
        let attributes = keeps_attributes.then(|| self.tree(Side::Left).extended_attributes(&path));
        let metadata = ItemMetadata {
            modified: Some(self.now()),
            mode: before.mode,
            extended_attributes: attributes.transpose().map_err(&left_place)?,
        };
        let mut staged = self.tree(Side::Left).stage(&path, bytes.len() as u64, None).map_err(&left_place)?;
        staged.write_at(bytes, 0).map_err(&left_place)?;
        let deeds = Deeds::new(self, deed, control);
        let hash = Some(ContentHash(*blake3::hash(&left).as_bytes()));
        let away = match deeds.put_away(Side::Left, stored.conflict.node, &path, &before, hash, true) {
            Ok(away) => away,
            Err(Trouble::All(error)) => return Err(error),
            Err(Trouble::Place(error) | Trouble::Partly(error)) => return Err(left_place(error)),
            Err(Trouble::Alone(_)) => {
                return Err(left_place(EndpointError::Changed { path: path.to_string() }));
            }
        };
        let proof = ContentHash(*blake3::hash(bytes).as_bytes());
        if let Err(error) = staged.publish(&path, &Expected::Absent, &metadata, &proof) {
            deeds.comes_back(&away);
            // Where this fails too, it is looked at when the pair is opened again.
            let _settled = deeds.forget_left();
            return Err(left_place(error));
        }
        deeds.stays_away(&away);
        // First on the disk: until then the left version is put back where the merged one is lost.
        deeds.forget_left()?;
        self.settle_merge(&stored, &right, &right_item)?;
        let done = Done {
            side: Side::Left,
            action: ActionKind::Replace,
            path,
            other_path: Some(away.bin_path),
            hash: Some(proof),
            size_bytes: bytes.len() as u64,
            why: Why::ConflictDecided,
        };
        self.write_down_merge(deed, stored.conflict.node, done)?;
        Ok(merged)
    }

    /// The merging is a run of its own in the history, to be undone like any other; what carries the text over is the next.
    fn write_down_merge(&self, deed: JobId, node: NodeId, done: Done) -> Result<(), SyncError> {
        let (database, now_ms) = (self.database(), self.now().to_milliseconds());
        let left = Totals { replaced: 1, bytes: done.size_bytes, ..Totals::default() };
        let line = JournalLine { number: 0, node, kind: EntryKind::File, done };
        let group = Group { lines: vec![line], ..Group::default() };
        database.begin_run(deed, now_ms)?;
        database.commit_group(deed, &group, database.next_id()?, now_ms, || Ok(()))?;
        database.end_run(deed, RunState::Done, &SyncReport { left, ..SyncReport::default() }, now_ms)
    }

    /// From now on the right version, whose change is in the merged text, is what was agreed on: so the next run finds
    /// that only the left changed. Where the right was changed once more meanwhile, it finds that too, and asks again.
    fn settle_merge(
        &mut self,
        stored: &StoredConflict,
        right: &[u8],
        right_item: &TreeItem,
    ) -> Result<(), SyncError> {
        let Some(mut node) = self.base().get(stored.conflict.node).map(|entry| entry.to_node()) else {
            return Ok(());
        };
        node.state.content = Content::Known(ContentHash(*blake3::hash(right).as_bytes()));
        node.state.size_bytes = right.len() as u64;
        node.state.modified = right_item.fingerprint.modified;
        node.left = stale(&node.left);
        node.right = right_item.fingerprint;
        let next_id = self.database().next_id()?;
        self.database().advance_base(&[BaseChange::Put(stored.conflict.node, Box::new(node))], next_id)?;
        self.reload_base()
    }

    fn conflict(&self, id: i64) -> Result<StoredConflict, SyncError> {
        let found = self.database().conflicts()?.into_iter().find(|stored| stored.id == id);
        found.ok_or_else(|| SyncError::Missing { what: "conflict", id: id.to_string() })
    }

    /// Both versions, where both are files small enough to be texts.
    fn both_texts(&self, stored: &StoredConflict) -> Result<Option<[Vec<u8>; 2]>, SyncError> {
        let read = |side: Side| {
            let version = match side {
                Side::Left => &stored.conflict.left,
                Side::Right => &stored.conflict.right,
            };
            let is_small_file = version.state.is_some_and(|state| {
                state.kind == EntryKind::File && state.size_bytes <= TEXT_LIMIT_BYTES as u64
            });
            version
                .path
                .as_ref()
                .filter(|_| is_small_file)
                .map(|path| self.read_small(side, path))
                .transpose()
        };
        Ok(read(Side::Left)?.zip(read(Side::Right)?).map(|(left, right)| [left, right]))
    }

    /// What both sides had before, where it was kept.
    fn base_text(&self, stored: &StoredConflict) -> Option<Vec<u8>> {
        match self.base().get(stored.conflict.node)?.state.content {
            Content::Known(hash) => self.database().text(&hash),
            _ => None,
        }
    }

    fn read_small(&self, side: Side, path: &RelativePath) -> Result<Vec<u8>, SyncError> {
        let place = SyncError::place(side);
        let mut content = self.tree(side).open(path).map_err(&place)?;
        // One byte more than there should be, so that a file that grew is told by its hash.
        let size_bytes = usize::try_from(content.item().fingerprint.size_bytes).unwrap_or(TEXT_LIMIT_BYTES);
        let mut bytes = vec![0; size_bytes.min(TEXT_LIMIT_BYTES) + 1];
        let mut length = 0;
        while length < bytes.len() {
            let read = content.read_at(&mut bytes[length..], length as u64).map_err(&place)?;
            if read == 0 {
                break;
            }
            length += read;
        }
        bytes.truncate(length);
        Ok(bytes)
    }
}
