//! The row that makes a folder.
//!
//! Invariant: the base learns of its attributes and its time only where they were set with it, so a run that is killed
//! leaves it to the next one to set them. Deliberately not here: what comes into it at once (`execute::filled`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Fingerprint, ItemMetadata, Published, Tree};
use keepwell_model::{EntryKind, Timestamp};

use super::item::{Deed, Tools, Wanted};
use super::view::{Known, Outcome};
use crate::node::NO_ATTRIBUTES;
use crate::place::copy::CopyError;
use crate::plan::Operation;
use crate::planner::differ;

/// A folder that is to be made.
pub(super) struct NewFolder {
    there: Known,
    wanted: Wanted,
    pub metadata: ItemMetadata,
    /// How finely its place keeps times.
    time_grain_ns: u64,
}

impl NewFolder {
    /// It gets its time, and no attributes, when it is made: for one that nothing comes into afterwards. False, and it stays
    /// as it was, where it is to have attributes, or may have some by now.
    pub(super) fn completes(&mut self, time: Option<Timestamp>, place_of_origin: &dyn Tree) -> bool {
        let is_bare = self.there.state.attributes == Some(NO_ATTRIBUTES)
            && place_of_origin.capabilities().strong_versions;
        if self.there.state.attributes.is_some() && !is_bare {
            return false;
        }
        self.metadata.extended_attributes = is_bare.then(Vec::new);
        self.metadata.modified = time;
        true
    }

    /// What came of it; with `is_complete` nothing comes into it afterwards.
    pub(super) fn made(self, published: Published, is_complete: bool) -> Deed {
        let Self { there, wanted, metadata, time_grain_ns } = self;
        let mut agreed = wanted.state(&there.state);
        // Nothing before they are set, of its attributes too: so a run that is killed leaves it to the next one to set them.
        agreed.attributes = agreed.attributes.filter(|_| metadata.extended_attributes.is_some());
        let told = published.item.fingerprint;
        let is_same = |(told, wanted)| !differ(told, wanted, time_grain_ns);
        let is_finished = is_complete
            && published.not_kept.is_empty()
            && told.modified.zip(metadata.modified).is_some_and(is_same);
        let fingerprint = Fingerprint { modified: told.modified.filter(|_| is_finished), ..told };
        Deed {
            outcome: Outcome {
                target: Some(Known { state: agreed, fingerprint }),
                source: Some(there),
                agreed: Some(agreed),
            },
            not_kept: published.not_kept,
            is_finished,
            ..Deed::default()
        }
    }
}

impl Tools<'_> {
    /// What a new folder is to be.
    pub(super) fn new_folder(
        &self,
        operation: &Operation,
        there: Option<Known>,
    ) -> Result<NewFolder, CopyError> {
        let there = there.ok_or(CopyError::Changed)?;
        let wanted = self.wanted(operation, None, &there.state);
        let attributes = self.attributes(
            operation,
            wanted.attributes_of.filter(|side| *side != operation.side),
            operation.source(),
        )?;
        // It is never more open than it is to be while the base does not know it: one that nobody may write in is opened
        // when something comes into it (`execute::open`). What comes changes its time, which is set at the end.
        let metadata = ItemMetadata { modified: None, mode: wanted.mode, extended_attributes: attributes };
        let time_grain_ns = self.tree(operation.side).capabilities().time_grain_ns;
        Ok(NewFolder { there, wanted, metadata, time_grain_ns })
    }

    pub(super) fn create_folder(
        &self,
        operation: &Operation,
        there: Option<Known>,
    ) -> Result<Deed, CopyError> {
        let folder = self.new_folder(operation, there)?;
        let tree = self.tree(operation.side);
        let published = match tree.create_folder(&operation.path, &folder.metadata) {
            Ok(published) => published,
            // A crash before the base learned of it, or somebody was quicker: it is there, and that was wanted.
            Err(EndpointError::AlreadyExists { .. }) => Published {
                item: tree
                    .stat(&operation.path)
                    .map_err(CopyError::Target)?
                    .filter(|item| item.fingerprint.kind == EntryKind::Folder)
                    .ok_or(CopyError::Changed)?,
                not_kept: Vec::new(),
            },
            Err(error) => return Err(CopyError::Target(error)),
        };
        Ok(folder.made(published, false))
    }
}
