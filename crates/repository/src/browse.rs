//! Looking into snapshots: folders by their pages, entries by their path.
//!
//! Everything is read a folder at a time; nothing here walks a whole tree at once or recurses, so depth and size of a
//! tree cost no more than the folders looked at. Deliberately not here: searching and comparing (`backup`).

use keepwell_model::{ChunkId, Entry, EntryKind, RelativePath, Snapshot, shown};

use crate::error::{RepositoryError, Result};
use crate::repository::Repository;
use crate::tree;

/// The most entries of one folder that are read: far above what any file system is usable with.
pub const FOLDER_ENTRIES_LIMIT: usize = 16 << 20;

impl Repository {
    /// The entries of a folder, in the order of their names.
    ///
    /// # Errors
    /// A page is missing or damaged.
    pub fn read_folder(&self, pages: &[ChunkId]) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        let mut previous = None;
        for page in pages {
            let path = format!("folder page {} in {}", page.short(), self.describe());
            let mut piece_lists = Vec::new();
            self.with_tree_chunk(page, |bytes| {
                tree::decode_page(bytes, &self.ring().id_key, &path, &mut previous, |decoded| {
                    if entries.len() >= FOLDER_ENTRIES_LIMIT {
                        return Err(RepositoryError::Limit {
                            what: "a folder of over 16 million entries".into(),
                        });
                    }
                    if !decoded.piece_pages.is_empty() {
                        piece_lists.push((entries.len(), decoded.piece_pages));
                    }
                    entries.push(decoded.entry);
                    Ok(())
                })
            })?;
            for (at, pages) in piece_lists {
                if let Some(content) =
                    entries.get_mut(at).and_then(|entry: &mut Entry| entry.content.as_mut())
                {
                    for page in pages {
                        self.with_tree_chunk(&page, |bytes| {
                            tree::decode_piece_page(bytes, &path, &mut content.pieces)
                        })?;
                    }
                }
            }
        }
        Ok(entries)
    }

    /// The chunks beyond an entry's own that hold its list of pieces. For `check`, which has to see that they exist.
    pub(crate) fn piece_pages(&self, page: &ChunkId) -> Result<Vec<ChunkId>> {
        let mut pages = Vec::new();
        self.with_tree_chunk(page, |bytes| {
            tree::decode_page(bytes, &self.ring().id_key, "folder page", &mut None, |decoded| {
                pages.extend(decoded.piece_pages);
                Ok(())
            })
        })?;
        Ok(pages)
    }

    /// The entry at a path of a snapshot; for the root itself a folder with the root's pages.
    ///
    /// # Errors
    /// There is no such path, or a folder on the way can not be read.
    pub fn entry_at(&self, snapshot: &Snapshot, path: &RelativePath) -> Result<Entry> {
        let mut entry = Entry::new(Vec::new(), EntryKind::Folder);
        entry.pages.clone_from(&snapshot.root_pages);
        for name in path.components() {
            let found =
                if entry.kind == EntryKind::Folder { self.find_in(&entry.pages, name)? } else { None };
            entry = found.ok_or_else(|| RepositoryError::NoSuch {
                path: self.describe(),
                what: format!("{path} is not in this snapshot"),
            })?;
        }
        Ok(entry)
    }

    fn find_in(&self, pages: &[ChunkId], name: &[u8]) -> Result<Option<Entry>> {
        let mut entries = self.read_folder(pages)?;
        Ok(match entries.binary_search_by(|entry| entry.name.as_slice().cmp(name)) {
            Ok(at) => Some(entries.swap_remove(at)),
            Err(_) => None,
        })
    }

    /// The bytes of a file from an offset on, at most `length_bytes` of them: for previews.
    ///
    /// # Errors
    /// The entry is no file, or a piece of it can not be read.
    pub fn read_file_range(&self, entry: &Entry, offset_bytes: u64, length_bytes: usize) -> Result<Vec<u8>> {
        let content = entry.content.as_ref().ok_or_else(|| RepositoryError::NoSuch {
            path: self.describe(),
            what: format!("{} has no content", shown(&entry.name)),
        })?;
        let end = offset_bytes.saturating_add(length_bytes as u64);
        let mut out = Vec::new();
        let mut start = 0_u64;
        for piece in &content.pieces {
            let length = match piece {
                keepwell_model::Piece::Chunk { length_bytes, .. } => u64::from(*length_bytes),
                keepwell_model::Piece::Hole { length_bytes } => *length_bytes,
            };
            let piece_end = start.saturating_add(length);
            let (from, to) = (offset_bytes.max(start), end.min(piece_end));
            if from < to {
                // Both are within the piece, and the part is no longer than `length_bytes`.
                let (skip, take) = ((from - start) as usize, (to - from) as usize);
                match piece {
                    keepwell_model::Piece::Chunk { id, .. } => self.with_chunk(id, |bytes| {
                        // Anything shorter or longer would move all that follows.
                        let part = bytes.get(skip..skip + take).filter(|_| bytes.len() as u64 == length);
                        let why = || format!("chunk {} has another length than its file says", id.short());
                        out.extend_from_slice(
                            part.ok_or_else(|| RepositoryError::damaged(self.describe(), why()))?,
                        );
                        Ok(())
                    })?,
                    keepwell_model::Piece::Hole { .. } => out.resize(out.len() + take, 0),
                }
            }
            start = piece_end;
            if start >= end {
                break;
            }
        }
        Ok(out)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use keepwell_endpoint::Store;
    use keepwell_model::{Control, EntryKind};
    use keepwell_testkit::memory_store::MemoryStore;

    use super::*;
    use crate::pack::{self, PackReader};
    use crate::secret::{Cost, Secret};
    use crate::segment::{self, INDEX_FOLDER};
    use crate::{InitOptions, Writer};

    #[test]
    fn a_hostile_index_can_not_make_a_tree_run_in_circles() {
        let store = MemoryStore::new();
        let cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
        let options = InitOptions { password: Secret::new("first"), now_seconds: 1, cost };
        let (repository, _) = Repository::init(Arc::new(store.clone()), &options).unwrap();
        let writer = Writer::begin(&repository, 1, &Arc::new(Control::new())).unwrap();
        let mut folder = Entry::new(b"folder".to_vec(), EntryKind::Folder);
        let inner = writer.write_folder(std::slice::from_ref(&folder)).unwrap();
        folder.pages.clone_from(&inner);
        let outer = writer.write_folder(&[folder]).unwrap();
        writer.finish().unwrap();
        repository.forget_index();
        assert_eq!(repository.read_folder(&outer).unwrap()[0].pages, inner);

        // An index that says: the inner page is where in truth the outer one is. So the folder would hold itself.
        let (id, size_bytes) = pack::list(&store).unwrap()[0];
        let mut summary =
            PackReader::open(&store, repository.ring(), id, size_bytes).unwrap().directory().unwrap();
        for chunk in &mut summary.groups[0].chunks {
            *chunk = if *chunk == inner[0] { outer[0] } else { inner[0] };
        }
        for object in store.list(INDEX_FOLDER).unwrap() {
            store.delete(&object.key).unwrap();
        }
        segment::write_segments(&store, repository.ring().current_epoch(), &[summary]).unwrap();
        repository.forget_index();
        assert!(matches!(repository.read_folder(&inner), Err(RepositoryError::Damaged { .. })));
    }
}
