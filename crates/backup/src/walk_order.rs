//! In which order, and in which portions, the items of a folder are looked at.
//!
//! Invariant: pure. Deliberately not here: looking at them (`walk`).

use keepwell_endpoint::local::NamedItem;

use crate::walk::FileTask;

/// A folder's files are read in batches, so that several threads can share a large folder.
const BATCH_FILES: usize = 256;
const BATCH_BYTES: u64 = 32 << 20;

/// The names of a folder, sorted, each once: one that is changed while it is listed may be shown twice.
pub(crate) fn in_order(mut names: Vec<NamedItem>) -> Vec<NamedItem> {
    names.sort();
    names.dedup_by(|one, other| one.name == other.name);
    names
}

/// Parts of a folder's files that several threads can share.
pub(crate) fn into_batches(files: Vec<FileTask>) -> Vec<Vec<FileTask>> {
    let mut batches: Vec<Vec<FileTask>> = Vec::new();
    let mut bytes = 0_u64;
    for file in files {
        let full = batches.last().is_none_or(|batch| batch.len() >= BATCH_FILES || bytes >= BATCH_BYTES);
        if full {
            batches.push(Vec::new());
            bytes = 0;
        }
        bytes = bytes.saturating_add(file.stat.size_bytes);
        if let Some(batch) = batches.last_mut() {
            batch.push(file);
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_listed_twice_is_there_once() {
        let item = |name: &[u8], inode| NamedItem { name: name.to_vec(), kind: None, inode };
        let names = in_order(vec![item(b"b", 1), item(b"a", 2), item(b"b", 3)]);
        assert_eq!(names.iter().map(|item| &item.name[..]).collect::<Vec<_>>(), [b"a", b"b"]);
    }
}
