//! Folders that are made on the way, because something is to be put into them: in the bin, around what comes back, for
//! the marker of a place.
//!
//! Each is asked for once; so many items that go into one folder cost one question. Invariants: what is answered is a
//! folder that is there; nothing that has a name is replaced or goes away: it is an error, or the folder gets a name
//! beside it, and what is wanted below it is made there; the bin of a run is closed to others. Else folders have no times
//! and permissions of their own here.
//! Deliberately not here: folders that a plan makes (`execute::item`), what goes into these (`execute::bin`,
//! `bins::bring_back`, `place::marker`).

use std::collections::HashMap;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{ItemMetadata, OWN_FOLDER, Tree};
use keepwell_model::{EntryKind, RelativePath};
use parking_lot::Mutex;

/// The folder of the bin below [`OWN_FOLDER`].
pub const BIN_FOLDER: &[u8] = b"bin";

/// How many names are tried where something has the first one.
pub(crate) const NAME_TRIES: u32 = 100;

/// Folders of one side that are surely there: the wanted one, and the one made for it.
#[derive(Default)]
pub(crate) struct MadeFolders(Mutex<HashMap<RelativePath, RelativePath>>);

impl MadeFolders {
    /// Makes a folder with all above it; an error where something else has its name.
    pub(crate) fn make(&self, tree: &dyn Tree, folder: &RelativePath) -> Result<(), EndpointError> {
        self.made(tree, folder, 1).map(drop)
    }

    /// Makes a folder with all above it. Where something else has the name of one of them, as in the bin a link that a
    /// run put there before it was broken off and went on under its number, it gets a name beside that. Where it is.
    pub(crate) fn make_or_beside(
        &self,
        tree: &dyn Tree,
        wanted: &RelativePath,
    ) -> Result<RelativePath, EndpointError> {
        self.made(tree, wanted, NAME_TRIES)
    }

    fn made(
        &self,
        tree: &dyn Tree,
        wanted: &RelativePath,
        tries: u32,
    ) -> Result<RelativePath, EndpointError> {
        let Some(name) = wanted.name() else { return Ok(wanted.clone()) };
        if let Some(made) = self.0.lock().get(wanted) {
            return Ok(made.clone());
        }
        let parent = self.made(tree, &wanted.parent().unwrap_or_default(), tries)?;
        for number in 1..=tries {
            let folder = joined(&parent, &numbered(name, number));
            if is_made(tree, &folder)? {
                self.0.lock().insert(wanted.clone(), folder.clone());
                return Ok(folder);
            }
        }
        Err(EndpointError::AlreadyExists { path: joined(&parent, name).to_string() })
    }
}

/// Makes a folder; not where something else has its name.
fn is_made(tree: &dyn Tree, folder: &RelativePath) -> Result<bool, EndpointError> {
    let mode = is_bin_of_run(folder).then_some(0o700);
    let metadata = ItemMetadata { mode, ..ItemMetadata::default() };
    let Err(error) = tree.create_folder(folder, &metadata) else { return Ok(true) };
    // Some places answer otherwise where it is there already.
    match tree.stat(folder)? {
        Some(item) => Ok(item.fingerprint.kind == EntryKind::Folder),
        None => Err(error),
    }
}

/// Whether a folder holds what one run put into the bin. Files come out of folders that may have been closed to others,
/// which those in the bin do not know: so nobody else comes as far as there.
fn is_bin_of_run(folder: &RelativePath) -> bool {
    let mut names = folder.components();
    names.next() == Some(OWN_FOLDER) && names.next() == Some(BIN_FOLDER) && names.count() == 1
}

/// The first name for something, or one beside it.
pub(crate) fn numbered(name: &[u8], number: u32) -> Vec<u8> {
    match number {
        1 => name.to_vec(),
        _ => [name, format!(" ({number})").as_bytes()].concat(),
    }
}

/// Names that came out of a path, or are ours, are always names.
pub(crate) fn joined(path: &RelativePath, name: &[u8]) -> RelativePath {
    path.join(name).unwrap_or_else(|_| path.clone())
}
