//! Renaming in a local tree, also to a name that the file system takes for the one the item has: `a` to `A`.
//!
//! Why apart: that case looks like a name that is taken. Where items have lasting ids, the item that is in the way is
//! known to be the very item. Where they have none (FAT and exFAT; in FUSE each spelling of a name has a number of its
//! own), it is so where the folder lists no such name and no other that a file system could take for it.
//! Invariants: nothing is replaced that is not expected there; the name between the two steps of such a rename is no
//! unfinished file: after a crash the item is there under it. Deliberately not here: what names have in common (`alike`).

use keepwell_model::RelativePath;

use super::item::Stat;
use super::tree::Inner;
use super::tree_put_back::is_edit_put_back;
use super::{Folder, tree_staged};
use crate::alike::loose_key;
use crate::error::EndpointError;
use crate::tree::{Expected, STEP_PREFIX, TreeItem, UnicodeNames};

#[cfg(unix)]
use super::tree_unix as system;
#[cfg(windows)]
use super::tree_windows as system;

impl Inner {
    /// See [`Tree::rename`](crate::tree::Tree::rename).
    pub(super) fn rename(
        &self,
        from: &RelativePath,
        to: &RelativePath,
        source: &Expected,
        target: &Expected,
    ) -> Result<TreeItem, EndpointError> {
        let (from_folder, name) = self.place(from, "rename")?;
        let (to_folder, to_name) = self.place(to, "rename")?;
        let Some(before) = self.check(&from_folder, from, source)? else {
            return Err(self.changed(from));
        };
        // The name that is in the way may be the item's own, to a file system that knows no case.
        let may_be_itself = *target == Expected::Absent && from != to && from.parent() == to.parent();
        let is_itself = || -> Result<bool, EndpointError> {
            Ok(may_be_itself && self.is_itself(name, (&to_folder, to), &before)?)
        };
        let (source, place) = ((&from_folder, name), (&to_folder, to));
        let keeps_names_apart =
            self.capabilities.case_sensitive && self.capabilities.unicode == UnicodeNames::Kept;
        if !keeps_names_apart && is_itself()? {
            self.rename_to_same(source, place)?;
        } else {
            match self.put(source, place, target) {
                // A folder without case in a place that otherwise has it.
                Err(EndpointError::Changed { .. }) if is_itself()? => self.rename_to_same(source, place)?,
                result => result?,
            }
        }
        let after = to_folder.stat(to_name)?;
        if is_edit_put_back((&from_folder, name), (&to_folder, to_name), &before, &after)? {
            return Err(self.changed(from));
        }
        Ok(self.item(to_name, &after))
    }

    /// Whether what is found under another name in the same folder is the very item.
    fn is_itself(
        &self,
        name: &[u8],
        (to, path): (&Folder, &RelativePath),
        before: &Stat,
    ) -> Result<bool, EndpointError> {
        let to_name = path.name().unwrap_or_default();
        let Some(found) = self.look(to, to_name)? else { return Ok(false) };
        let listed = self.folder(&path.parent().unwrap_or_default(), "list")?.names()?;
        // A file system without case finds more names than it lists.
        if listed.iter().any(|item| item.name == to_name) {
            return Ok(false);
        }
        let is_same_number = (found.file_system, found.inode) == (before.file_system, before.inode);
        if is_same_number || self.capabilities.stable_ids {
            return Ok(is_same_number);
        }
        let key = loose_key(to_name);
        let alike = listed.iter().map(|item| &*item.name).filter(|name| loose_key(name) == key);
        Ok(found.kind == before.kind && alike.eq([name]))
    }

    /// Renames an item to a name that the file system takes for the one it has: `a` to `A`, or another Unicode form.
    pub(super) fn rename_to_same(
        &self,
        (from, name): (&Folder, &[u8]),
        (to, path): (&Folder, &RelativePath),
    ) -> Result<(), EndpointError> {
        let to_name = path.name().unwrap_or_default();
        if !self.capabilities.stable_ids {
            // In FUSE what was found under the new name a moment ago stands in the way of a rename that replaces nothing.
            system::rename_over(from, name, to, to_name)?;
            let listed = self.folder(&path.parent().unwrap_or_default(), "list")?.names()?;
            if listed.iter().any(|item| item.name == to_name) {
                return Ok(());
            }
        }
        let between = tree_staged::random_name(STEP_PREFIX);
        system::rename_to_free(from, name, from, &between)?;
        let renamed = system::rename_to_free(from, &between, to, to_name);
        if renamed.is_err() {
            system::rename_to_free(from, &between, from, name)?;
        }
        match renamed {
            Err(EndpointError::AlreadyExists { .. }) => Err(self.changed(path)),
            result => result,
        }
    }
}
