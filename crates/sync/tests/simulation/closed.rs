//! Changes in folders that nobody may write in: told for every step at which the process can be killed.

use keepwell_model::{EntryKind, RelativePath, Timestamp};
use keepwell_testkit::memory_tree::{MemoryState, StepFault};

use crate::engine::{Places, World};
use crate::room::Room;

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::new(1_000_000 + seconds, 0)
}

fn modes(world: &World<'_>) -> [Vec<(String, u32)>; 2] {
    [0, 1].map(|side: usize| {
        world.trees[side].with(|state| {
            let folders = state.items.iter().filter(|(path, item)| {
                item.kind == EntryKind::Folder && !path.to_string().starts_with(".keepwell")
            });
            folders.map(|(path, item)| (path.to_string(), item.mode)).collect()
        })
    })
}

/// Both have closed folders; the left is changed by somebody who may; the right lets nobody in.
fn changed_in_closed_folders(room: &Room) -> World<'_> {
    let mut world = World::of(Places::Disks, room);
    world.trees[0].with(|left: &mut MemoryState| {
        for folder in ["f", "f/moves", "g", "open"] {
            assert!(left.make(&path(folder), EntryKind::Folder, b"", time(1)));
        }
        for (file, text) in
            [("f/edited", "one"), ("f/removed", "two"), ("f/leaves", "three"), ("f/moves/x", "x")]
        {
            assert!(left.make(&path(file), EntryKind::File, text.as_bytes(), time(2)));
        }
        for folder in ["f", "f/moves", "g"] {
            left.set_mode(&path(folder), 0o555);
        }
    });
    world.run(false).unwrap();
    let wanted = ["f", "f/moves", "g", "open"]
        .map(|folder| (folder.to_owned(), if folder == "open" { 0o644 } else { 0o555 }));
    assert_eq!(modes(&world), [wanted.to_vec(), wanted.to_vec()]);
    world.trees[1].with(|right| right.obeys_modes = true);
    world.trees[0].with(|left| {
        assert!(left.write(&path("f/edited"), b"edited", time(10), true));
        left.remove(&path("f/removed"));
        assert!(left.make(&path("f/new"), EntryKind::File, b"new", time(11)));
        assert!(left.make(&path("g/folder"), EntryKind::Folder, b"", time(12)));
        left.set_mode(&path("g/folder"), 0o755);
        assert!(left.make(&path("g/folder/in it"), EntryKind::File, b"in it", time(13)));
        assert!(left.rename(&path("f/leaves"), &path("open/leaves")));
        assert!(left.rename(&path("f/moves"), &path("g/moves")));
    });
    world
}

#[test]
fn a_change_in_a_closed_folder_is_carried_over_and_the_folder_is_closed_again() {
    let room = Room::new();
    let mut world = changed_in_closed_folders(&room);
    let report = world.run(false).unwrap().unwrap();
    assert_eq!(report.failed, 0, "{}", world.told(""));
    let [left, right] = modes(&world);
    assert_eq!(left, right);
    assert_eq!(right.iter().filter(|(_, mode)| *mode == 0o555).count(), 3, "{right:?}");
    assert_eq!(world.picture(0), world.picture(1));
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
}

#[test]
fn a_folder_that_was_open_when_the_process_was_killed_is_closed_by_the_next_run() {
    let room = Room::new();
    for fault in [StepFault::Kill, StepFault::Die, StepFault::LoseAnswer] {
        for step in 0.. {
            let mut world = changed_in_closed_folders(&room);
            let before = modes(&world)[0].clone();
            world.steps.restart();
            world.steps.fault_at(step, fault);
            world.run(true).unwrap();
            let is_whole = world.steps.count() <= step;
            world.trees.iter().for_each(keepwell_testkit::memory_tree::MemoryTree::recover);
            let told = format!("{fault:?} at step {step}");
            world.end().unwrap_or_else(|why| panic!("{told}: {}", world.told(&why)));
            assert_eq!(modes(&world), [before.clone(), before], "{told}: {}", world.told(""));
            assert_eq!(world.picture(0), world.picture(1), "{told}");
            if is_whole {
                break;
            }
        }
    }
}
