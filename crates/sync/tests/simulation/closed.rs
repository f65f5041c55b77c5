//! Changes in folders that nobody may write in: told for every step at which the process can be killed.

use keepwell_model::{EntryKind, RelativePath, Timestamp};
use keepwell_testkit::memory_tree::{MemoryState, MemoryTree, StepFault};

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
        .map(|folder| (folder.to_owned(), if folder == "open" { 0o755 } else { 0o555 }));
    assert_eq!(modes(&world), [wanted.to_vec(), wanted.to_vec()]);
    world.trees[1].with(|right| right.obeys_modes = true);
    world.trees[0].with(|left| {
        assert!(left.write(&path("f/edited"), b"edited", time(10), true));
        left.remove(&path("f/removed"));
        assert!(left.make(&path("f/new"), EntryKind::File, b"new", time(11)));
        assert!(left.make(&path("g/folder"), EntryKind::Folder, b"", time(12)));
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
            world.trees.iter().for_each(MemoryTree::recover);
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

/// Folders that are new on both sides, none of which lets anybody in, with what each is to have.
const NEW: [(&str, u32); 6] =
    [("empty", 0o555), ("l", 0o555), ("l/deep", 0o500), ("l/open", 0o755), ("r", 0o555), ("r/blind", 0o644)];

/// Closed folders with something in them are new on either side; both sides had something before, or not.
fn new_closed_folders(room: &Room, is_first_run: bool) -> World<'_> {
    let mut world = World::of(Places::Disks, room);
    if !is_first_run {
        world.trees[0].with(|left| assert!(left.make(&path("old"), EntryKind::File, b"old", time(0))));
        world.run(false).unwrap();
    }
    for (side, tree) in world.trees.iter().enumerate() {
        tree.with(|state| {
            let own = |name: &str| name.starts_with('r') == (side == 1);
            for (name, mode) in NEW.iter().filter(|(name, _)| own(name)) {
                assert!(state.make(&path(name), EntryKind::Folder, b"", time(1)));
                state.set_mode(&path(name), *mode);
                if *name != "empty" {
                    let file = path(&format!("{name}/file"));
                    assert!(state.make(&file, EntryKind::File, name.as_bytes(), time(2)));
                }
            }
            state.obeys_modes = true;
        });
    }
    world
}

fn modes_of_new(changed: Option<(&str, u32)>) -> [Vec<(String, u32)>; 2] {
    let modes = NEW.map(|(name, mode)| {
        let mode = changed.filter(|(other, _)| *other == name).map_or(mode, |(_, mode)| mode);
        (name.to_owned(), mode)
    });
    [modes.to_vec(), modes.to_vec()]
}

#[test]
fn new_closed_folders_come_over_with_what_is_in_them() {
    let room = Room::new();
    let mut world = new_closed_folders(&room, true);
    let group = ("a group's".to_owned(), 0o2555);
    world.trees[0].with(|left| {
        assert!(left.make(&path(&group.0), EntryKind::Folder, b"", time(1)));
        left.set_mode(&path(&group.0), group.1);
        assert!(left.make(&path("a group's/file"), EntryKind::File, b"its", time(2)));
    });
    let report = world.run(false).unwrap().unwrap();
    assert_eq!(report.failed, 0, "{}", world.told(""));
    let wanted = modes_of_new(None).map(|modes| [vec![group.clone()], modes].concat());
    assert_eq!(modes(&world), wanted);
    assert_eq!(world.picture(0), world.picture(1));
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
}

/// Breaks off the run that makes the folders at every step, lets a person do something, and runs on.
fn broken_off_at_every_step(is_first_run: bool, faults: &[StepFault], person: Option<(&str, u32)>) {
    let room = Room::new();
    for &fault in faults {
        for step in 0.. {
            let mut world = new_closed_folders(&room, is_first_run);
            world.steps.restart();
            world.steps.fault_at(step, fault);
            world.run(true).unwrap();
            let is_whole = world.steps.count() <= step;
            world.steps.restart();
            world.trees.iter().for_each(MemoryTree::recover);
            if let Some((name, mode)) = person {
                world.trees[0].with(|left| left.set_mode(&path(name), mode));
            }
            let told = format!("{fault:?} at step {step}");
            let next = world.run(false).unwrap().unwrap();
            // What a person changed is carried over first, and what is in such a folder by the run after.
            if person.is_none() {
                assert_eq!(next.failed, 0, "{told}: {}", world.told(""));
                assert_eq!(modes(&world), modes_of_new(None), "{told}: {}", world.told(""));
            }
            world.end().unwrap_or_else(|why| panic!("{told}: {}", world.told(&why)));
            assert_eq!(modes(&world), modes_of_new(person), "{told}: {}", world.told(""));
            assert_eq!(world.picture(0), world.picture(1), "{told}");
            if is_whole {
                break;
            }
        }
    }
}

#[test]
fn a_new_closed_folder_is_closed_on_both_sides_wherever_the_run_was_killed() {
    use StepFault::{Die, Fail, Kill, LoseAnswer};
    broken_off_at_every_step(true, &[Kill, Die, Fail, LoseAnswer], None);
    broken_off_at_every_step(false, &[Kill], None);
}

#[test]
fn what_a_person_opens_after_that_is_open_on_both_sides() {
    broken_off_at_every_step(true, &[StepFault::Kill], Some(("l", 0o755)));
}
