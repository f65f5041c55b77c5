//! Knowing a place again that has no volume identity of its own: by a small file in its own folder.
//!
//! Invariants: the file is made once, when something is agreed on for the first time, and never changed; a place whose
//! file is gone, or says something else, is another place; a place that used to claim an identity it has not is taken
//! for the one it was as long as that is what is remembered, which ends with the next run. Deliberately not here: what
//! is done about other places (`planner::brakes`).

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::tree::{Expected, ItemMetadata, OWN_FOLDER, PlaceIdentity, Tree};
use keepwell_model::{ContentHash, EntryKind, JobId, PairId, RelativePath};

use super::made_folders::MadeFolders;
use crate::node::Side;

/// The name of the file in [`OWN_FOLDER`].
const MARKER_NAME: &[u8] = b"place";
/// What is read of it at most.
const MARKER_LIMIT_BYTES: usize = 256;

/// Which place this is, with its marker where it has no volume identity.
pub(crate) fn identity(tree: &dyn Tree) -> Result<PlaceIdentity, EndpointError> {
    let identity = tree.identity()?;
    if !identity.volume.is_empty() {
        return Ok(identity);
    }
    Ok(match read(tree)? {
        Some(marker) => PlaceIdentity { volume: format!("marker {marker}"), ..identity },
        None => identity,
    })
}

/// Whether this place is the one that is remembered.
pub(crate) fn is_known(tree: &dyn Tree, known: &PlaceIdentity) -> Result<bool, EndpointError> {
    let now = identity(tree)?;
    Ok(!is_another(tree, known, &now) || tree.former_identity()?.as_ref() == Some(known))
}

/// Whether a place is another one now than the one that is known. A folder of this machine without an id of its own is
/// known by its volume: an older Keepwell noted numbers there that are other ones after each mount.
fn is_another(tree: &dyn Tree, known: &PlaceIdentity, now: &PlaceIdentity) -> bool {
    let has_no_id = now.root == 0 && tree.local_root().is_some();
    known.volume != now.volume || known.root != now.root && !has_no_id
}

/// Makes the marker of a place that needs one and has none.
pub(crate) fn mark(tree: &dyn Tree, pair: PairId, side: Side, run: JobId) -> Result<(), EndpointError> {
    if !tree.identity()?.volume.is_empty() || read(tree)?.is_some() {
        return Ok(());
    }
    // A run's id is random and used once: nobody else makes the same marker.
    let mut hasher = blake3::Hasher::new();
    hasher.update(pair.as_bytes()).update(run.as_bytes()).update(&[u8::from(side == Side::Right)]);
    let text = hasher.finalize().to_hex();
    let Ok(folder) = RelativePath::parse(OWN_FOLDER) else { return Ok(()) };
    MadeFolders::default().make(tree, &folder)?;
    let path = path();
    let mut staged = tree.stage(&path, text.len() as u64, None)?;
    staged.write_at(text.as_bytes(), 0)?;
    let proof = ContentHash(*blake3::hash(text.as_bytes()).as_bytes());
    staged.publish(&path, &Expected::Absent, &ItemMetadata::default(), &proof).map(drop)
}

fn path() -> RelativePath {
    let root = RelativePath::root();
    root.join(OWN_FOLDER).and_then(|folder| folder.join(MARKER_NAME)).unwrap_or(root)
}

/// What the marker says; nothing where there is none.
fn read(tree: &dyn Tree) -> Result<Option<String>, EndpointError> {
    let path = path();
    match tree.stat(&path)? {
        Some(item) if item.fingerprint.kind == EntryKind::File => {}
        _ => return Ok(None),
    }
    let mut content = tree.open(&path)?;
    let mut bytes = [0; MARKER_LIMIT_BYTES];
    let length = content.read_at(&mut bytes, 0)?;
    Ok(Some(String::from_utf8_lossy(&bytes[..length]).trim().to_owned()))
}

#[cfg(test)]
mod tests {
    use keepwell_endpoint::local::LocalTree;

    use super::*;

    #[test]
    fn a_folder_here_without_an_id_of_its_own_is_known_by_its_volume() {
        let folder = tempfile::tempdir().unwrap();
        let tree = LocalTree::open(folder.path()).unwrap();
        let place = |volume: &str, root| PlaceIdentity { volume: volume.to_owned(), root };
        assert!(!is_another(&tree, &place("drive", 5), &place("drive", 5)));
        assert!(is_another(&tree, &place("drive", 5), &place("drive", 6)));
        assert!(!is_another(&tree, &place("drive", 5), &place("drive", 0)));
        assert!(is_another(&tree, &place("drive", 5), &place("another drive", 0)));
    }
}
