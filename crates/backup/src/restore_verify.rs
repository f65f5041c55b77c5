//! Reading restored files back and comparing them with the snapshot.
//!
//! Invariant: a file counts as verified only if all of its bytes were read from the target and their BLAKE3 is the
//! snapshot's. On Linux they are made durable first and forgotten by the system, so that what is read comes from the
//! disk and not from memory. Files that were kept because the person asked for that are not compared. Deliberately not here: mending.

use std::sync::atomic::Ordering;

use keepwell_model::{ContentHash, EntryKind, Problem};

use crate::restore::RestoreError;
use crate::restore_layout::Layout;
use crate::restore_plan::{Action, Reason};
use crate::restore_run::Executor;
use crate::restore_walk::Item;

const BUFFER_BYTES: usize = 256 * 1024;
/// Files are handed to workers so many at a time.
const FILES_AT_ONCE: usize = 64;

impl Executor<'_> {
    /// Compares all files of a batch that should be as in the snapshot.
    pub(crate) fn verify(&self, layout: &Layout) -> Result<(), RestoreError> {
        let should_match = |item: &Item| {
            item.entry.kind == EntryKind::File
                && (item.decision.action != Action::Skip || item.decision.reason == Reason::AlreadyRight)
        };
        let numbers: Vec<usize> = (0..layout.items.len())
            .filter(|number| !layout.has_failed(*number) && should_match(&layout.items[*number]))
            .collect();
        let sizes = numbers.iter().map(|number| layout.items[*number].entry.size_bytes);
        let bytes = sizes.fold(0_u64, u64::saturating_add);
        self.control.add_total(numbers.len() as u64, bytes);
        // One tree, one file system as a rule; elsewhere the files are compared as the system has them.
        if let Some(folder) = numbers.iter().find_map(|number| layout.items[*number].place.folder()) {
            folder.sync_file_system()?;
        }
        self.in_parallel(numbers.len().div_ceil(FILES_AT_ONCE), |part| {
            let mut buffer = vec![0; BUFFER_BYTES];
            let start = part * FILES_AT_ONCE;
            for number in numbers.iter().skip(start).take(FILES_AT_ONCE) {
                if !self.verify_file(&layout.items[*number], &mut buffer)? {
                    layout.failed[*number].store(true, Ordering::Relaxed);
                }
            }
            Ok(())
        })
    }

    /// Whether the file is as in the snapshot; if not, that is told.
    fn verify_file(&self, item: &Item, buffer: &mut [u8]) -> Result<bool, RestoreError> {
        let wanted = item.entry.content.as_ref().map(|content| content.hash);
        let why = match self.hash_file(item, buffer)? {
            Ok(found) if Some(found) == wanted => {
                self.verified.fetch_add(1, Ordering::Relaxed);
                None
            }
            Ok(_) => Some("its content is not that of the snapshot".to_owned()),
            Err(why) => Some(why),
        };
        let is_same = why.is_none();
        if let Some(why) = why {
            self.mismatched.fetch_add(1, Ordering::Relaxed);
            self.control.problem(Problem::new(
                item.path(),
                "This file was read back and is not as in the snapshot.",
                why,
                "Restore it again, overwriting always. If it happens again, check the target drive.",
            ));
        }
        self.control.add_done(1, item.entry.size_bytes);
        Ok(is_same)
    }

    /// The hash of what is there now, or in words why it can not be read.
    fn hash_file(&self, item: &Item, buffer: &mut [u8]) -> Result<Result<ContentHash, String>, RestoreError> {
        let Some(folder) = item.place.folder() else { return Ok(Err("its folder is gone".to_owned())) };
        let mut file = match folder.open_file(&item.entry.name) {
            Ok(file) => file,
            Err(error) => return Ok(Err(error.to_string())),
        };
        file.forget_cached();
        let mut hasher = blake3::Hasher::new();
        loop {
            match file.read(buffer) {
                Ok(0) => return Ok(Ok(ContentHash(*hasher.finalize().as_bytes()))),
                Ok(read) => {
                    hasher.update(&buffer[..read]);
                    self.control.checkpoint()?;
                }
                Err(error) => return Ok(Err(error.to_string())),
            }
        }
    }
}
