//! The row that makes a folder.
//!
//! Invariant: the base learns of its attributes only where they were set with it, so a run that is killed leaves it to the
//! next one to set them. Deliberately not here: what comes into it at once (`execute::filled`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Fingerprint, ItemMetadata, Published};
use keepwell_model::EntryKind;

use super::item::{Deed, Tools, Wanted};
use super::view::{Known, Outcome};
use crate::place::copy::CopyError;
use crate::plan::Operation;

/// A folder that is to be made.
pub(super) struct NewFolder {
    there: Known,
    wanted: Wanted,
    pub metadata: ItemMetadata,
}

impl NewFolder {
    /// What came of it.
    pub(super) fn made(self, published: Published) -> Deed {
        let Self { there, wanted, metadata } = self;
        let mut agreed = wanted.state(&there.state);
        // Nothing before they are set, of its attributes too: so a run that is killed leaves it to the next one to set them.
        agreed.attributes = agreed.attributes.filter(|_| metadata.extended_attributes.is_some());
        let fingerprint = Fingerprint { modified: None, ..published.item.fingerprint };
        Deed {
            outcome: Outcome {
                target: Some(Known { state: agreed, fingerprint }),
                source: Some(there),
                agreed: Some(agreed),
            },
            not_kept: published.not_kept,
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
        Ok(NewFolder { there, wanted, metadata })
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
        Ok(folder.made(published))
    }
}
