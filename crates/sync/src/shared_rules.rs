//! The shared rules of what is left out, read and written: `.keepwell/rules` in the roots of both places.
//!
//! A run takes the rules of both roots together while they differ, and carries the file over like any other. So they are
//! written into both roots at once, with one content and one time: the pair agrees on them from then on, whichever way it
//! goes. Invariants: a file is replaced as a whole or not at all, and only as it was just seen; a place that is not the
//! pair's is not written to; rules that are taken away leave an empty file, which says so to the other devices too.
//! Deliberately not here: what rules mean (`filter`), and what becomes of items when they change (`planner::brakes`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, ItemMetadata, OWN_FOLDER, Tree};
use keepwell_model::{ContentHash, RelativePath, Timestamp};

use crate::error::SyncError;
use crate::node::Side;
use crate::place::made_folders::MadeFolders;
use crate::place::marker;
use crate::run::Syncer;
use crate::scan::{RULES_NAME, shared_rules};

impl Syncer {
    /// The text of the shared rules in each root; nothing where it has none.
    ///
    /// # Errors
    /// They can not be read.
    pub fn shared_rules(&self) -> Result<[Option<Vec<u8>>; 2], SyncError> {
        let of = |side: Side| shared_rules(&**self.tree(side)).map_err(SyncError::place(side));
        Ok([of(Side::Left)?, of(Side::Right)?])
    }

    /// Makes this the shared rules of both roots.
    ///
    /// # Errors
    /// [`SyncError::AnotherPlace`] before anything is written; a place refuses: the other may have them by then, and both
    /// count until it is done again.
    pub fn set_shared_rules(&self, text: &[u8]) -> Result<(), SyncError> {
        for side in Side::BOTH {
            let now = marker::identity(&**self.tree(side)).map_err(SyncError::place(side))?;
            if self.database().identity(side)?.is_some_and(|known| known != now) {
                return Err(SyncError::AnotherPlace { side });
            }
        }
        if self.shared_rules()?.iter().all(|there| there.as_deref() == Some(text)) {
            return Ok(());
        }
        let now = self.now();
        for side in Side::BOTH {
            write(&**self.tree(side), text, now).map_err(SyncError::place(side))?;
        }
        Ok(())
    }
}

fn write(tree: &dyn Tree, text: &[u8], now: Timestamp) -> Result<(), EndpointError> {
    let folder = RelativePath::root().join(OWN_FOLDER).unwrap_or_default();
    let path = folder.join(RULES_NAME).unwrap_or_default();
    MadeFolders::default().make(tree, &folder)?;
    let expected = tree.stat(&path)?.map_or(Expected::Absent, |item| Expected::Item(item.fingerprint));
    let mut staged = tree.stage(&path, text.len() as u64, None)?;
    staged.write_at(text, 0)?;
    let proof = ContentHash(*blake3::hash(text).as_bytes());
    let metadata = ItemMetadata { modified: Some(now), ..ItemMetadata::default() };
    staged.publish(&path, &expected, &metadata, &proof)?;
    tree.sync()
}
