//! What a restore does with each item: decided from data alone.
//!
//! Pure: an entry of the snapshot and what is at its place go in, a decision comes out. The preview shows these
//! decisions, and the executor carries out the same ones. Invariants:
//! 1. A folder is never removed, and a symbolic link never taken for the folder it points to.
//! 2. What looks finished (size and time of last change as in the snapshot) is not written again, so an interrupted
//!    restore goes on where it was.
//! 3. Nothing is written at a name where the person asked to keep what is there.
//!
//! Deliberately not here: looking at disks (`restore_walk`), doing it (`restore_run`).

use keepwell_endpoint::local::Stat;
use keepwell_model::{Entry, EntryKind, Piece, Timestamp};
use serde::{Deserialize, Serialize};

/// Existing files from this size on are changed in place, block by block; smaller ones are replaced at once.
pub const IN_PLACE_MINIMUM_BYTES: u64 = 8 << 20;

/// What happens where something of the same name is there already.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overwrite {
    /// It stays as it is.
    Never,
    /// It is replaced where it is older than the snapshot's.
    IfOlder,
    /// It is replaced where size or time of last change differ.
    #[default]
    IfDifferent,
    /// It is replaced even where it looks the same; its blocks are compared, not its times.
    Always,
}

/// What is at an item's place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Existing {
    /// What the system says about it.
    pub stat: Stat,
    /// Symbolic links: where it points.
    pub link_target: Option<Vec<u8>>,
}

/// What is done with one item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// It is made.
    Create,
    /// It is made beside what is there, then takes its place.
    Replace,
    /// Blocks that differ are written into the file that is there.
    UpdateInPlace,
    /// Only permissions, owner or times are set.
    SetMetadata,
    /// The folder is there: its content is restored into it.
    Merge,
    /// Nothing is done.
    Skip,
    /// Nothing is done because it would not be safe: a problem.
    Refuse,
}

/// Why it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// Nothing is there.
    Absent,
    /// What is there is the same already.
    AlreadyRight,
    /// What is there differs.
    Different,
    /// What is there is older.
    Older,
    /// What is there is not older.
    NotOlder,
    /// What is there is to be kept.
    Kept,
    /// It was asked for, whatever is there.
    Asked,
    /// The content is right, permissions, owner or time are not.
    MetadataDiffers,
    /// A further name of a file restored before.
    HardLink,
    /// A folder is there where another thing should be.
    FolderInTheWay,
    /// A symbolic link is there where a folder should be; it is never followed.
    LinkInTheWay,
    /// Something is there that is no folder.
    NotAFolder,
    /// A socket lives only as long as the program that made it.
    SocketNotRestored,
    /// The folder it belongs into could not be used.
    FolderRefused,
}

impl Reason {
    /// The reason in words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Absent => "nothing is there",
            Self::AlreadyRight => "it is the same already",
            Self::Different => "what is there differs",
            Self::Older => "what is there is older",
            Self::NotOlder => "what is there is not older",
            Self::Kept => "what is there is kept",
            Self::Asked => "everything was asked to be written again",
            Self::MetadataDiffers => "only permissions, owner or time differ",
            Self::HardLink => "it is a further name of a file restored before",
            Self::FolderInTheWay => "a folder is in its place; folders are never removed",
            Self::LinkInTheWay => "a symbolic link is in its place; links are never followed",
            Self::NotAFolder => "something that is no folder is in its place",
            Self::SocketNotRestored => "a socket lives only as long as the program that made it",
            Self::FolderRefused => "the folder it belongs into could not be used",
        }
    }
}

/// What is done with an item, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decision {
    /// What.
    pub action: Action,
    /// Why.
    pub reason: Reason,
}

/// What the decisions depend on besides the two items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecisionOptions {
    /// What the person chose.
    pub overwrite: Overwrite,
    /// Whether modes mean anything on this system and on that of the snapshot.
    pub has_modes: bool,
    /// Whether this process may give files away; otherwise other owners are no difference it could mend.
    pub may_set_owner: bool,
}

/// Decides about one item that is not a further name of a file decided before.
#[must_use]
pub fn decide(entry: &Entry, existing: Option<&Existing>, options: &DecisionOptions) -> Decision {
    let decision = |action, reason| Decision { action, reason };
    if entry.kind == EntryKind::Socket {
        return decision(Action::Skip, Reason::SocketNotRestored);
    }
    let Some(existing) = existing else { return decision(Action::Create, Reason::Absent) };
    match (entry.kind, existing.stat.kind) {
        (EntryKind::Folder, EntryKind::Folder) => return decision(Action::Merge, Reason::Asked),
        (EntryKind::Folder, EntryKind::Symlink) => return decision(Action::Refuse, Reason::LinkInTheWay),
        (EntryKind::Folder, _) => return decision(Action::Refuse, Reason::NotAFolder),
        (_, EntryKind::Folder) => return decision(Action::Refuse, Reason::FolderInTheWay),
        _ => {}
    }
    if options.overwrite == Overwrite::Never {
        return decision(Action::Skip, Reason::Kept);
    }
    if options.overwrite != Overwrite::Always && content_looks_right(entry, existing) {
        return if metadata_differs(entry, &existing.stat, options) {
            decision(Action::SetMetadata, Reason::MetadataDiffers)
        } else {
            decision(Action::Skip, Reason::AlreadyRight)
        };
    }
    let reason = match options.overwrite {
        Overwrite::Always => Reason::Asked,
        Overwrite::IfOlder if existing.stat.modified >= entry.metadata.modified => {
            return decision(Action::Skip, Reason::NotOlder);
        }
        Overwrite::IfOlder => Reason::Older,
        Overwrite::IfDifferent | Overwrite::Never => Reason::Different,
    };
    // Interrupted, a file changed in place is younger than the snapshot's: it would be left alone for ever, half changed.
    let in_place = options.overwrite != Overwrite::IfOlder && can_be_updated_in_place(entry, &existing.stat);
    decision(if in_place { Action::UpdateInPlace } else { Action::Replace }, reason)
}

/// Decides about a further name of a file whose first name is restored by this run. `same_file` says whether the two
/// names already are one file.
#[must_use]
pub fn decide_link(
    entry: &Entry,
    existing: Option<&Existing>,
    same_file: bool,
    options: &DecisionOptions,
) -> Decision {
    let decision = |action, reason| Decision { action, reason };
    let Some(existing) = existing else { return decision(Action::Create, Reason::HardLink) };
    let is_older = existing.stat.modified < entry.metadata.modified;
    match options.overwrite {
        _ if existing.stat.kind == EntryKind::Folder => decision(Action::Refuse, Reason::FolderInTheWay),
        Overwrite::Never => decision(Action::Skip, Reason::Kept),
        _ if same_file => decision(Action::Skip, Reason::AlreadyRight),
        Overwrite::IfOlder if !is_older => decision(Action::Skip, Reason::NotOlder),
        _ => decision(Action::Replace, Reason::HardLink),
    }
}

/// Whether size and time say that the content needs no writing.
fn content_looks_right(entry: &Entry, existing: &Existing) -> bool {
    if entry.kind != existing.stat.kind {
        return false;
    }
    match entry.kind {
        EntryKind::File => {
            entry.size_bytes == existing.stat.size_bytes
                && is_same_time(entry.metadata.modified, existing.stat.modified)
        }
        EntryKind::Symlink => entry.target == existing.link_target,
        EntryKind::CharacterDevice | EntryKind::BlockDevice => entry.device == existing.stat.device,
        EntryKind::Pipe => true,
        EntryKind::Folder | EntryKind::Socket => false,
    }
}

/// Whether a file system that keeps times less exactly would keep the one as the other.
fn is_same_time(wanted: Timestamp, found: Timestamp) -> bool {
    let kept_in_steps_of = |step: u32| found.nanoseconds == wanted.nanoseconds / step * step;
    wanted.seconds == found.seconds
        && [1, 100, 1000, 1_000_000, 1_000_000_000].into_iter().any(kept_in_steps_of)
}

fn metadata_differs(entry: &Entry, existing: &Stat, options: &DecisionOptions) -> bool {
    let metadata = &entry.metadata;
    let mode = options.has_modes
        && entry.kind != EntryKind::Symlink
        && metadata.mode & 0o7777 != existing.mode & 0o7777;
    let owner = options.may_set_owner
        && (metadata.user_id != existing.user_id || metadata.group_id != existing.group_id);
    mode || owner || !is_same_time(metadata.modified, existing.modified)
}

/// Large files of one name that may be written; where there are several names, the others must not change with it.
fn can_be_updated_in_place(entry: &Entry, existing: &Stat) -> bool {
    let may_be_written = existing.mode & 0o200 != 0 || cfg!(windows);
    entry.kind == EntryKind::File
        && existing.kind == EntryKind::File
        && entry.size_bytes >= IN_PLACE_MINIMUM_BYTES
        && existing.size_bytes > 0
        && existing.link_count <= 1
        && entry.link_group.is_none()
        && may_be_written
}

/// Counts of decisions, or of what was done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RestoreCounts {
    /// Items that are made.
    pub created: u64,
    /// Items that take the place of others.
    pub replaced: u64,
    /// Files changed in place.
    pub updated: u64,
    /// Items of which only permissions, owner or times are set.
    pub metadata_set: u64,
    /// Folders that are there and take up content.
    pub merged: u64,
    /// Items that are the same already.
    pub already_right: u64,
    /// Items that are left alone for another reason.
    pub skipped: u64,
    /// Items refused.
    pub refused: u64,
    /// Bytes of files to be written at most, holes left out; less where blocks in place are the same.
    pub bytes: u64,
    /// Regular files among all of these.
    pub files: u64,
    /// Bytes of all of these files.
    pub files_bytes: u64,
}

impl RestoreCounts {
    /// Counts one item.
    pub fn add(&mut self, entry: &Entry, decision: Decision) {
        let counter = match (decision.action, decision.reason) {
            (Action::Create, _) => &mut self.created,
            (Action::Replace, _) => &mut self.replaced,
            (Action::UpdateInPlace, _) => &mut self.updated,
            (Action::SetMetadata, _) => &mut self.metadata_set,
            (Action::Merge, _) => &mut self.merged,
            (Action::Skip, Reason::AlreadyRight) => &mut self.already_right,
            (Action::Skip, _) => &mut self.skipped,
            (Action::Refuse, _) => &mut self.refused,
        };
        *counter += 1;
        if entry.kind == EntryKind::File {
            self.files += 1;
            self.files_bytes = self.files_bytes.saturating_add(entry.size_bytes);
            if writes_content(decision) {
                self.bytes = self.bytes.saturating_add(chunk_bytes(entry));
            }
        }
    }

    /// How many items there are in all.
    #[must_use]
    pub fn items(&self) -> u64 {
        self.created
            + self.replaced
            + self.updated
            + self.metadata_set
            + self.merged
            + self.already_right
            + self.skipped
            + self.refused
    }
}

/// The bytes of a file that are not holes.
fn chunk_bytes(entry: &Entry) -> u64 {
    let Some(content) = &entry.content else { return 0 };
    content.pieces.iter().fold(0, |sum, piece| match piece {
        Piece::Chunk { length_bytes, .. } => sum.saturating_add(u64::from(*length_bytes)),
        Piece::Hole { .. } => sum,
    })
}

/// Whether a file's bytes are written for this decision.
#[must_use]
pub fn writes_content(decision: Decision) -> bool {
    matches!(decision.action, Action::Create | Action::Replace | Action::UpdateInPlace)
        && decision.reason != Reason::HardLink
}

/// One line of the preview.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Where it is in the snapshot.
    pub path: Vec<u8>,
    /// What it is.
    pub kind: EntryKind,
    /// What would be done.
    pub action: Action,
    /// Why.
    pub reason: Reason,
    /// Size of a file.
    pub size_bytes: u64,
}

#[cfg(test)]
#[path = "restore_plan_tests.rs"]
mod tests;
