//! One item of a walk: what is kept of a file, a link or the rest, and a file that changes while it is read.
//!
//! Invariants: an entry describes what was read and nothing newer; a file that does not stand still is a problem, never
//! a broken snapshot. Deliberately not here: folders and the order of the work (`walk`), chunks (`file_reader`).

use std::sync::atomic::Ordering;

use keepwell_endpoint::EndpointError;
use keepwell_endpoint::local::{Folder, Stat};
use keepwell_model::{Content, Entry, EntryKind, Metadata, Piece, Problem, Timestamp};
use keepwell_repository::RepositoryError;

use crate::backup::BackupError;
use crate::file_reader::{FileReader, ReadError};
use crate::plan::{self, Seen};
use crate::walk::{FileTask, Node, Walk, bump};

/// Reading a file again because it changed meanwhile: as often as this, and only up to this size.
const READ_ATTEMPTS: usize = 3;
const READ_AGAIN_LIMIT_BYTES: u64 = 64 << 20;

/// What was read of a file with several names, and what the file was like then.
#[derive(Clone)]
pub(crate) struct Linked {
    size_bytes: u64,
    modified: Timestamp,
    changed: Timestamp,
    content: Content,
}

impl Linked {
    fn is_of(&self, stat: &Stat) -> bool {
        self.size_bytes == stat.size_bytes && self.modified == stat.modified && self.changed == stat.changed
    }
}

impl Walk<'_> {
    pub(crate) fn entry(&self, name: Vec<u8>, stat: &Stat) -> Entry {
        let mut entry = Entry::new(name, stat.kind);
        let size_bytes =
            if matches!(stat.kind, EntryKind::File | EntryKind::Symlink) { stat.size_bytes } else { 0 };
        entry.size_bytes = size_bytes;
        entry.metadata = Metadata {
            user_name: self.accounts.user_name(stat.user_id),
            group_name: self.accounts.group_name(stat.group_id),
            ..stat.metadata()
        };
        entry.identity = stat.identity();
        if stat.kind == EntryKind::File && stat.link_count > 1 && stat.inode != 0 {
            entry.link_group = Some(self.link_group(stat));
        }
        entry.device = stat.device;
        entry
    }

    /// A number that files with several names share: their inode, kept apart by file system where there are several.
    fn link_group(&self, stat: &Stat) -> u64 {
        let mut known = self.file_systems.lock();
        let ordinal = known.iter().position(|known| *known == stat.file_system).unwrap_or_else(|| {
            known.push(stat.file_system);
            known.len() - 1
        });
        stat.inode ^ (ordinal as u64) << 48
    }

    /// Whether an unchanged file could be taken over from the parent snapshot; if so, that is done.
    pub(crate) fn take_over(&self, node: &Node, name: &[u8], stat: &Stat, old: Entry) -> bool {
        let taken = self.parent.is_some() && self.take_over_since(self.parent_started, node, name, stat, old);
        if taken {
            bump(&self.counts.unchanged);
        }
        taken
    }

    /// Whether a file could be taken over from what a run that was broken off had done; if so, that is done.
    pub(crate) fn resume(&self, node: &Node, name: &[u8], stat: &Stat, done: Entry, was_there: bool) -> bool {
        let started = self.resumed_from().map(|partial| partial.started);
        let taken = started.is_some_and(|started| self.take_over_since(started, node, name, stat, done));
        if taken {
            bump(if was_there { &self.counts.changed } else { &self.counts.new });
            bump(&self.counts.resumed);
        }
        taken
    }

    /// Takes a file over from a run that began at a time, if it is unchanged since and all of it is stored.
    fn take_over_since(&self, started: Timestamp, node: &Node, name: &[u8], stat: &Stat, old: Entry) -> bool {
        let seen = Seen { size_bytes: stat.size_bytes, modified: stat.modified, identity: stat.identity() };
        if !plan::is_unchanged(&seen, &old, started) {
            return false;
        }
        let Some(content) = old.content else { return false };
        let stored = content.pieces.iter().all(|piece| match piece {
            Piece::Chunk { id, .. } => self.writer.is_stored(id),
            Piece::Hole { .. } => true,
        });
        if !stored {
            return false;
        }
        let mut entry = self.entry(name.to_vec(), stat);
        entry.metadata.extended_attributes = old.metadata.extended_attributes;
        entry.content = Some(content);
        self.control.add_done(1, entry.size_bytes);
        self.count_file(&entry);
        node.entries.lock().push(entry);
        true
    }

    fn count_file(&self, entry: &Entry) {
        bump(&self.counts.files);
        self.counts.size_bytes.fetch_add(entry.size_bytes, Ordering::Relaxed);
    }

    /// A link, a pipe, a device or a socket; nothing where it is gone, or something else by now.
    pub(crate) fn other(&self, folder: &Folder, mut entry: Entry) -> Option<Entry> {
        if entry.kind == EntryKind::Symlink {
            match folder.read_link(&entry.name) {
                Ok(target) => {
                    entry.size_bytes = target.len() as u64;
                    entry.target = Some(target);
                }
                Err(error) => {
                    self.vanished_or_unreadable(&error);
                    return None;
                }
            }
        }
        match folder.extended_attributes(&entry.name) {
            Ok(attributes) => entry.metadata.extended_attributes = attributes,
            Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
        }
        bump(&self.counts.others);
        Some(entry)
    }

    pub(crate) fn files(
        &self,
        node: &Node,
        files: Vec<FileTask>,
        reader: &mut FileReader,
    ) -> Result<(), BackupError> {
        let mut entries = Vec::with_capacity(files.len());
        for file in files {
            self.control.checkpoint().map_err(RepositoryError::from)?;
            entries.extend(self.file(&node.folder, file, reader)?);
        }
        node.entries.lock().append(&mut entries);
        Ok(())
    }

    /// Reads one file; nothing where it can not be read.
    pub(crate) fn file(
        &self,
        folder: &Folder,
        file: FileTask,
        reader: &mut FileReader,
    ) -> Result<Option<Entry>, BackupError> {
        let FileTask { name, mut stat, was_there } = file;
        let mut entry = self.entry(name, &stat);
        let link = entry.link_group.map(|_| (stat.file_system, stat.inode));
        if stat.size_bytes > READ_AGAIN_LIMIT_BYTES {
            self.control.set_current(folder.path_of(&entry.name).as_bytes());
        }
        // Only if it still is as it was when its other name was read: it may be written to at any time.
        let linked =
            link.and_then(|link| self.links.lock().get(&link).filter(|linked| linked.is_of(&stat)).cloned());
        if let Some(Linked { content, .. }) = linked {
            self.control.add_done(0, entry.size_bytes);
            entry.content = Some(content);
            // The first name read the attributes; they belong to the file, so this one has the same.
            match folder.extended_attributes(&entry.name) {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
            }
        } else {
            let read = self.read_standing_still(folder, &mut entry, &mut stat, reader)?;
            let Some(content) = read else {
                self.control.add_done(1, 0);
                return Ok(None);
            };
            if let Some(link) = link {
                let linked = Linked {
                    size_bytes: entry.size_bytes,
                    modified: stat.modified,
                    changed: stat.changed,
                    content: content.clone(),
                };
                self.links.lock().insert(link, linked);
            }
            entry.content = Some(content);
        }
        self.control.add_done(1, 0);
        bump(if was_there { &self.counts.changed } else { &self.counts.new });
        self.count_file(&entry);
        Ok(Some(entry))
    }

    /// Reads a file, again if it changed meanwhile. The entry then describes what was read.
    fn read_standing_still(
        &self,
        folder: &Folder,
        entry: &mut Entry,
        stat: &mut Stat,
        reader: &mut FileReader,
    ) -> Result<Option<Content>, BackupError> {
        for attempt in 1..=READ_ATTEMPTS {
            let opened = folder.open_file(&entry.name);
            let mut file = match opened {
                Ok(file) => file,
                Err(error) => {
                    self.vanished_or_unreadable(&error);
                    return Ok(None);
                }
            };
            let read = reader.read(&mut file, stat.size_bytes, stat.allocated_bytes, self.control);
            let (content, size_bytes) = match read {
                Ok(read) => read,
                Err(ReadError::File(error)) => {
                    self.problem(&error, "The file could not be read, and is missing from this snapshot.");
                    return Ok(None);
                }
                Err(ReadError::Repository(error)) => return Err(error.into()),
            };
            match file.extended_attributes() {
                Ok(attributes) => entry.metadata.extended_attributes = attributes,
                Err(error) => self.problem(&error, "Its extended attributes are missing from this snapshot."),
            }
            entry.size_bytes = size_bytes;
            let after = match file.stat() {
                Ok(after) => after,
                Err(error) => {
                    self.problem(&error, "It could not be seen whether the file changed while it was read.");
                    return Ok(Some(content));
                }
            };
            if after.kind != EntryKind::File {
                let error = EndpointError::Unexpected {
                    path: folder.path_of(&entry.name),
                    why: "it is no longer a file".into(),
                };
                self.problem(&error, "It was replaced while it was read, and is missing from this snapshot.");
                return Ok(None);
            }
            let stood_still = after.size_bytes == stat.size_bytes
                && after.modified == stat.modified
                && after.identity() == stat.identity()
                && size_bytes == stat.size_bytes;
            if stood_still {
                return Ok(Some(content));
            }
            if attempt == READ_ATTEMPTS || after.size_bytes > READ_AGAIN_LIMIT_BYTES {
                self.control.problem(Problem::new(
                    folder.path_of(&entry.name),
                    "The file changed while it was read. This snapshot holds it as it was read, which may be a mixture.",
                    "another program was writing to it",
                    "Back it up again when nothing writes to it.",
                ));
                return Ok(Some(content));
            }
            *stat = after;
            let name = std::mem::take(&mut entry.name);
            let link_group = entry.link_group;
            *entry = self.entry(name, stat);
            entry.link_group = link_group;
        }
        Ok(None)
    }

    pub(crate) fn vanished_or_unreadable(&self, error: &EndpointError) {
        let what = if matches!(error, EndpointError::NotFound { .. }) {
            "It vanished while the backup ran, and is missing from this snapshot."
        } else {
            "It could not be read, and is missing from this snapshot."
        };
        self.problem(error, what);
    }

    pub(crate) fn problem(&self, error: &EndpointError, what: &str) {
        let why = error.to_string();
        self.control.problem(Problem::new(error.path(), what, why, error.next_step()));
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "walk_item_tests.rs"]
mod tests;
