//! Planning a restore: every decision, and what it counts.

use super::*;
use keepwell_model::{ChunkId, Content, ContentHash, Identity, Metadata};

const OPTIONS: DecisionOptions =
    DecisionOptions { overwrite: Overwrite::IfDifferent, has_modes: true, may_set_owner: true };

fn entry(kind: EntryKind, size_bytes: u64, seconds: i64) -> Entry {
    let metadata =
        Metadata { mode: 0o644, modified: Timestamp::new(seconds, 123_456_789), ..Metadata::default() };
    Entry { size_bytes, metadata, identity: Identity::default(), ..Entry::new(b"name".to_vec(), kind) }
}

fn existing(kind: EntryKind, size_bytes: u64, seconds: i64) -> Existing {
    let stat = Stat {
        kind,
        size_bytes,
        allocated_bytes: size_bytes,
        mode: 0o644,
        user_id: 0,
        group_id: 0,
        modified: Timestamp::new(seconds, 123_456_789),
        changed: Timestamp::default(),
        created: None,
        inode: 7,
        file_system: 1,
        link_count: 1,
        device: None,
        windows_attributes: None,
        bsd_flags: None,
    };
    Existing { stat, link_target: None }
}

fn decided(entry: &Entry, existing: &Existing, overwrite: Overwrite) -> (Action, Reason) {
    let decision = decide(entry, Some(existing), &DecisionOptions { overwrite, ..OPTIONS });
    (decision.action, decision.reason)
}

#[test]
fn each_mode_replaces_what_it_says() {
    use Overwrite::{Always, IfDifferent, IfOlder, Never};
    let file = entry(EntryKind::File, 10, 1000);
    let (older, newer) = (existing(EntryKind::File, 10, 900), existing(EntryKind::File, 10, 1100));
    let same = existing(EntryKind::File, 10, 1000);
    for (there, overwrite, expected) in [
        (&older, Never, (Action::Skip, Reason::Kept)),
        (&newer, Never, (Action::Skip, Reason::Kept)),
        (&same, Never, (Action::Skip, Reason::Kept)),
        (&older, IfOlder, (Action::Replace, Reason::Older)),
        (&newer, IfOlder, (Action::Skip, Reason::NotOlder)),
        (&same, IfOlder, (Action::Skip, Reason::AlreadyRight)),
        (&older, IfDifferent, (Action::Replace, Reason::Different)),
        (&newer, IfDifferent, (Action::Replace, Reason::Different)),
        (&same, IfDifferent, (Action::Skip, Reason::AlreadyRight)),
        (&older, Always, (Action::Replace, Reason::Asked)),
        (&newer, Always, (Action::Replace, Reason::Asked)),
        (&same, Always, (Action::Replace, Reason::Asked)),
    ] {
        assert_eq!(decided(&file, there, overwrite), expected, "{overwrite:?} {:?}", there.stat.modified);
    }
    let shorter = existing(EntryKind::File, 9, 1000);
    assert_eq!(decided(&file, &shorter, IfDifferent), (Action::Replace, Reason::Different));
}

#[test]
fn folders_are_never_removed_and_links_never_entered() {
    for overwrite in [Overwrite::Never, Overwrite::IfOlder, Overwrite::IfDifferent, Overwrite::Always] {
        let folder = existing(EntryKind::Folder, 0, 0);
        for kind in [EntryKind::File, EntryKind::Symlink, EntryKind::Pipe, EntryKind::BlockDevice] {
            let expected = (Action::Refuse, Reason::FolderInTheWay);
            assert_eq!(decided(&entry(kind, 1, 1), &folder, overwrite), expected);
        }
        let wanted = entry(EntryKind::Folder, 0, 1);
        assert_eq!(decided(&wanted, &folder, overwrite).0, Action::Merge);
        let link = existing(EntryKind::Symlink, 4, 0);
        assert_eq!(decided(&wanted, &link, overwrite), (Action::Refuse, Reason::LinkInTheWay));
        let file = existing(EntryKind::File, 4, 0);
        assert_eq!(decided(&wanted, &file, overwrite), (Action::Refuse, Reason::NotAFolder));
        let options = DecisionOptions { overwrite, ..OPTIONS };
        let further = decide_link(&entry(EntryKind::File, 1, 1), Some(&folder), false, &options);
        assert_eq!(further.action, Action::Refuse);
    }
}

#[test]
fn only_large_files_of_one_name_are_changed_in_place() {
    let size = IN_PLACE_MINIMUM_BYTES;
    let (large, there) = (entry(EntryKind::File, size, 5), existing(EntryKind::File, 3, 1));
    assert_eq!(decided(&large, &there, Overwrite::IfDifferent).0, Action::UpdateInPlace);
    assert_eq!(decided(&large, &there, Overwrite::Always).0, Action::UpdateInPlace);
    // Half changed it would be the younger one when the interrupted restore is run again.
    assert_eq!(decided(&large, &there, Overwrite::IfOlder).0, Action::Replace);
    let replaced =
        |entry: &Entry, there: &Existing| decided(entry, there, Overwrite::Always).0 == Action::Replace;
    assert!(replaced(&entry(EntryKind::File, size - 1, 5), &there));
    let mut linked = there.clone();
    linked.stat.link_count = 2;
    assert!(replaced(&large, &linked));
    assert!(replaced(&Entry { link_group: Some(1), ..large.clone() }, &there));
    assert!(replaced(&large, &existing(EntryKind::Symlink, 3, 1)));
    assert!(replaced(&large, &existing(EntryKind::File, 0, 1)));
}

#[test]
fn a_further_name_takes_the_place_only_of_what_may_be_replaced() {
    let file = entry(EntryKind::File, 10, 1000);
    let (older, younger) = (existing(EntryKind::File, 5, 999), existing(EntryKind::File, 5, 2000));
    let decided = |there: &Existing, same_file, overwrite| {
        let decision = decide_link(&file, Some(there), same_file, &DecisionOptions { overwrite, ..OPTIONS });
        (decision.action, decision.reason)
    };
    for overwrite in [Overwrite::IfOlder, Overwrite::IfDifferent, Overwrite::Always] {
        assert_eq!(decided(&older, false, overwrite), (Action::Replace, Reason::HardLink));
        assert_eq!(decided(&older, true, overwrite), (Action::Skip, Reason::AlreadyRight));
    }
    assert_eq!(decided(&younger, false, Overwrite::IfDifferent), (Action::Replace, Reason::HardLink));
    assert_eq!(decided(&younger, false, Overwrite::IfOlder), (Action::Skip, Reason::NotOlder));
    assert_eq!(decided(&older, false, Overwrite::Never), (Action::Skip, Reason::Kept));
}

#[test]
fn metadata_alone_is_set_where_only_it_differs() {
    let file = entry(EntryKind::File, 10, 1000);
    let mut there = existing(EntryKind::File, 10, 1000);
    there.stat.mode = 0o600;
    let set = (Action::SetMetadata, Reason::MetadataDiffers);
    assert_eq!(decided(&file, &there, Overwrite::IfDifferent), set);
    there.stat.mode = 0o644;
    there.stat.user_id = 5;
    assert_eq!(decided(&file, &there, Overwrite::IfDifferent), set);
    let not_ours = DecisionOptions { may_set_owner: false, ..OPTIONS };
    assert_eq!(decide(&file, Some(&there), &not_ours).action, Action::Skip);

    let mut link = entry(EntryKind::Symlink, 3, 1000);
    link.target = Some(b"abc".to_vec());
    let mut there = existing(EntryKind::Symlink, 3, 1000);
    there.link_target = Some(b"abc".to_vec());
    assert_eq!(decided(&link, &there, Overwrite::IfDifferent).1, Reason::AlreadyRight);
    there.link_target = Some(b"abd".to_vec());
    assert_eq!(decided(&link, &there, Overwrite::IfDifferent).0, Action::Replace);
}

#[test]
fn a_time_kept_less_exactly_is_the_same_time() {
    let file = entry(EntryKind::File, 10, 1000);
    let mut there = existing(EntryKind::File, 10, 1000);
    for nanoseconds in [123_456_789, 123_456_700, 123_456_000, 123_000_000, 0] {
        there.stat.modified.nanoseconds = nanoseconds;
        assert_eq!(decided(&file, &there, Overwrite::IfDifferent).1, Reason::AlreadyRight);
    }
    there.stat.modified.nanoseconds = 123_456_788;
    assert_eq!(decided(&file, &there, Overwrite::IfDifferent).1, Reason::Different);
}

#[test]
fn counts_add_up() {
    let mut counts = RestoreCounts::default();
    let decision = |action, reason| Decision { action, reason };
    let pieces =
        vec![Piece::Chunk { id: ChunkId([1; 32]), length_bytes: 7 }, Piece::Hole { length_bytes: 3 }];
    let content = Some(Content { hash: ContentHash([2; 32]), pieces });
    let file = Entry { content, ..entry(EntryKind::File, 10, 0) };
    counts.add(&file, decision(Action::Create, Reason::Absent));
    counts.add(&file, decision(Action::Create, Reason::HardLink));
    counts.add(&file, decision(Action::Skip, Reason::AlreadyRight));
    counts.add(&file, decision(Action::Skip, Reason::Kept));
    counts.add(&entry(EntryKind::Folder, 0, 0), decision(Action::Merge, Reason::Asked));
    let expected = RestoreCounts {
        created: 2,
        already_right: 1,
        skipped: 1,
        merged: 1,
        bytes: 7,
        files: 4,
        files_bytes: 40,
        ..RestoreCounts::default()
    };
    assert_eq!((counts, counts.items()), (expected, 5));
}
