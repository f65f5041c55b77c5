//! The decision for each file: take over from the parent snapshot, or read.
//!
//! A file counts as unchanged when size, modification time, change time and inode are those of the parent snapshot.
//! The documented limit: a file whose times are as young as the parent snapshot itself may have been changed again
//! within one tick of the file system's clock, so it is read again; and whoever sets back a file's change time (by
//! setting the system's clock back) can hide a change. A run without a parent reads everything.
//!
//! Invariant: pure. Deliberately not here: whether the chunks are still stored (the executor asks the writer).

use keepwell_model::{Entry, EntryKind, Identity, Timestamp};

/// A file system that keeps whole seconds may be two seconds coarse (FAT).
const COARSE_SECONDS: i64 = 2;
/// The clock of finer ones ticks at least this often.
const FINE_NANOSECONDS: u32 = 20_000_000;

/// What is known of a file before it is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Its size.
    pub size_bytes: u64,
    /// When its content last changed.
    pub modified: Timestamp,
    /// Inode and change time.
    pub identity: Identity,
}

/// Whether the file is the same as in the parent snapshot, which was begun at `parent_started`.
#[must_use]
pub fn is_unchanged(seen: &Seen, old: &Entry, parent_started: Timestamp) -> bool {
    old.kind == EntryKind::File
        && old.size_bytes == seen.size_bytes
        && old.metadata.modified == seen.modified
        && old.identity == seen.identity
        && !is_racy(seen.identity.changed, parent_started)
        && !is_racy(seen.modified, parent_started)
}

/// Whether a time is too close to the parent's beginning, or after it, to tell later changes from earlier ones.
pub(crate) fn is_racy(time: Timestamp, parent_started: Timestamp) -> bool {
    let latest = if time.nanoseconds == 0 {
        Timestamp { seconds: time.seconds.saturating_add(COARSE_SECONDS), nanoseconds: 0 }
    } else {
        let sum = time.nanoseconds.saturating_add(FINE_NANOSECONDS);
        Timestamp {
            seconds: time.seconds.saturating_add(i64::from(sum / 1_000_000_000)),
            nanoseconds: sum % 1_000_000_000,
        }
    };
    latest >= parent_started
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Timestamp = Timestamp { seconds: 1000, nanoseconds: 500_000_000 };

    fn old(seen: &Seen) -> Entry {
        let mut entry = Entry::new(b"a".to_vec(), EntryKind::File);
        entry.size_bytes = seen.size_bytes;
        entry.metadata.modified = seen.modified;
        entry.identity = seen.identity;
        entry
    }

    fn seen(changed: Timestamp) -> Seen {
        let identity = Identity { inode: 7, changed };
        Seen { size_bytes: 10, modified: Timestamp::new(5, 6), identity }
    }

    #[test]
    fn any_difference_means_reading() {
        let base = seen(Timestamp::new(900, 1));
        let entry = old(&base);
        assert!(is_unchanged(&base, &entry, START));
        assert!(!is_unchanged(&Seen { size_bytes: 11, ..base }, &entry, START));
        assert!(!is_unchanged(&Seen { modified: Timestamp::new(5, 7), ..base }, &entry, START));
        assert!(!is_unchanged(&seen(Timestamp::new(900, 2)), &entry, START));
        let other_inode = Identity { inode: 8, ..base.identity };
        assert!(!is_unchanged(&Seen { identity: other_inode, ..base }, &entry, START));
        let mut folder = entry.clone();
        folder.kind = EntryKind::Folder;
        assert!(!is_unchanged(&base, &folder, START));
    }

    #[test]
    fn a_file_as_young_as_the_parent_is_read_again() {
        for (changed, expected) in [
            (Timestamp::new(1000, 500_000_000), false),
            (Timestamp::new(1000, 490_000_000), false),
            (Timestamp::new(1000, 400_000_000), true),
            (Timestamp::new(2000, 1), false),
            (Timestamp::new(999, 0), false),
            (Timestamp::new(998, 0), true),
        ] {
            let seen = seen(changed);
            assert_eq!(is_unchanged(&seen, &old(&seen), START), expected, "{changed:?}");
        }
    }
}
