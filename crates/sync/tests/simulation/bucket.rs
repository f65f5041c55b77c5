//! Folders that move in a bucket, where only files can: told for every step at which that can be broken off, there and
//! back.

use std::collections::BTreeMap;
use std::sync::Arc;

use keepwell_model::{Control, EntryKind, RelativePath, Timestamp};
use keepwell_sync::SyncError;
use keepwell_testkit::memory_tree::{MemoryState, StepFault};

use crate::engine::{Picture, Places, World};
use crate::room::Room;

const FILES: [(&str, &str); 4] =
    [("old/one", "1"), ("old/two", "22"), ("old/deep/three", "333"), ("old/deep/er/four", "4444")];

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn folders(top: &str) -> [String; 4] {
    [top.to_owned(), format!("{top}/deep"), format!("{top}/deep/er"), format!("{top}/empty")]
}

fn fill(left: &mut MemoryState) {
    for folder in folders("old") {
        assert!(left.make(&path(&folder), EntryKind::Folder, b"", Timestamp::default()));
    }
    for (at, (file, text)) in (0..).zip(FILES) {
        assert!(left.make(&path(file), EntryKind::File, text.as_bytes(), Timestamp::new(1_000_000 + at, 0)));
    }
}

/// What a side shows when all of it is in this folder.
fn all_in(top: &str) -> Picture {
    let folders = folders(top).map(|folder| (folder, (EntryKind::Folder, Vec::new())));
    let files =
        FILES.map(|(file, text)| (file.replacen("old", top, 1), (EntryKind::File, text.as_bytes().to_vec())));
    folders.into_iter().chain(files).collect()
}

/// The left renames a folder that both have.
fn renamed_on_the_left(room: &Room) -> World<'_> {
    let mut world = World::of(Places::RightIsBucket, room);
    world.trees[0].with(fill);
    world.run(false).unwrap();
    assert_eq!(world.picture(1), all_in("old"));
    world.trees[0].with(|left| assert!(left.rename(&path("old"), &path("new"))));
    let works = FILES.map(|(file, text)| (text.as_bytes().to_vec(), file.to_owned()));
    world.people.lock().works = BTreeMap::from(works);
    world
}

/// And the run that carried this over, by its number: what is done next begins at step 0.
fn moved_in_the_bucket(room: &Room) -> (World<'_>, u16) {
    let mut world = renamed_on_the_left(room);
    let report = world.run(false).unwrap().unwrap();
    assert_eq!((report.right.moved, report.right.created), (1, 0), "it was copied rather than moved");
    assert_eq!(world.picture(1), all_in("new"));
    world.steps.restart();
    (world, 2)
}

#[track_caller]
fn undone(world: &mut World<'_>, run: u16, control: &Control) {
    world.undo(run, control).unwrap().expect("killed in peace");
}

#[test]
fn a_folder_whose_move_was_broken_off_is_whole_after_the_next_run() {
    let room = Room::new();
    for fault in [StepFault::Kill, StepFault::Fail, StepFault::LoseAnswer] {
        for step in 0.. {
            let mut world = renamed_on_the_left(&room);
            world.steps.restart();
            world.steps.fault_at(step, fault);
            world.run(true).unwrap();
            let is_whole = world.steps.count() <= step;
            world.end().unwrap_or_else(|why| panic!("{fault:?} at step {step}: {}", world.told(&why)));
            assert_eq!(world.picture(1), all_in("new"), "{fault:?} at step {step}");
            if is_whole {
                break;
            }
        }
    }
}

#[test]
fn a_file_whose_move_was_broken_off_is_at_one_place_after_the_next_run() {
    let room = Room::new();
    for fault in [StepFault::Kill, StepFault::Fail, StepFault::LoseAnswer] {
        for step in 0.. {
            let mut world = World::of(Places::RightIsBucket, &room);
            world.trees[0].with(fill);
            world.run(false).unwrap();
            world.trees[0].with(|left| assert!(left.rename(&path("old/one"), &path("one"))));
            world.steps.restart();
            world.steps.fault_at(step, fault);
            world.run(true).unwrap();
            let is_whole = world.steps.count() <= step;
            world.end().unwrap_or_else(|why| panic!("{fault:?} at step {step}: {}", world.told(&why)));
            let mut wanted = all_in("old");
            let one = wanted.remove("old/one").unwrap();
            wanted.insert("one".to_owned(), one);
            assert_eq!(world.picture(1), wanted, "{fault:?} at step {step}");
            if is_whole {
                break;
            }
        }
    }
}

/// New permissions of a file and a folder, which the bucket on the other side can not keep, are agreed on once.
#[test]
fn permissions_a_bucket_does_not_keep_are_agreed_on_once() {
    let room = Room::new();
    for (places, disk) in [(Places::LeftIsBucket, 1), (Places::RightIsBucket, 0)] {
        let mut world = World::of(places, &room);
        world.trees[disk].with(fill);
        world.run(false).unwrap();
        world.trees[disk].with(|state| {
            state.set_mode(&path("old"), 0o700);
            state.set_mode(&path("old/one"), 0o600);
        });
        assert_eq!(world.run(false).unwrap().unwrap().agreed, 2);
        assert_eq!(world.run(false).unwrap().unwrap().agreed, 0);
    }
}

/// A file goes to the bin of a bucket by a copy and the removal of the original: told for every step between which
/// somebody writes it, and for every step at which the process is killed. What was removed is not brought back by the
/// copy, and the bin holds nothing that its index does not name (`World::end` looks at both).
#[test]
fn a_file_that_goes_to_the_bin_of_a_bucket_is_in_one_place() {
    let room = Room::new();
    for deed in ["removed", "changed"] {
        for is_killed in [true, false] {
            for step in 0.. {
                let mut world = World::of(Places::RightIsBucket, &room);
                world.trees[0].with(fill);
                world.run(false).unwrap();
                world.trees[0].with(|left| match deed {
                    "removed" => left.remove(&path("old/two")),
                    _ => assert!(left.write(&path("old/two"), b"six", Timestamp::new(1_000_050, 0), false)),
                });
                if deed == "changed" {
                    world.people.lock().works.insert(b"six".to_vec(), "old/two".into());
                }
                world.steps.restart();
                if is_killed {
                    world.steps.fault_at(step, StepFault::Kill);
                } else {
                    let bucket = world.trees[1].clone();
                    let people = Arc::clone(&world.people);
                    world.steps.before(step, move |_| {
                        bucket.with(|right| {
                            let before = right.items.get(&path("old/two")).map(|item| item.content.to_vec());
                            if right.write(&path("old/two"), b"mine", Timestamp::new(1_000_100, 0), false) {
                                let works = &mut people.lock().works;
                                // Who writes on a version means that one.
                                works.retain(|work, _| Some(work) != before.as_ref());
                                works.insert(b"mine".to_vec(), "old/two".into());
                            }
                        });
                    });
                }
                world.run(true).unwrap();
                let is_whole = world.steps.count() <= step;
                let told = format!("{deed}, killed {is_killed}, at step {step}");
                world.end().unwrap_or_else(|why| panic!("{told}: {}", world.told(&why)));
                if is_killed {
                    let mut wanted = all_in("old");
                    wanted.remove("old/two");
                    if deed == "changed" {
                        wanted.insert("old/two".to_owned(), (EntryKind::File, b"six".to_vec()));
                    }
                    assert_eq!([world.picture(0), world.picture(1)], [wanted.clone(), wanted], "{told}");
                }
                if is_whole {
                    break;
                }
            }
        }
    }
}

#[test]
fn a_folder_that_a_run_moved_in_a_bucket_is_moved_back_and_the_next_run_carries_that_over() {
    let room = Room::new();
    let (mut world, run) = moved_in_the_bucket(&room);
    let control = Control::new();
    let back = world.undo(run, &control).unwrap().unwrap();
    assert_eq!((back.items, back.left_alone), (1, 0), "{:?}", control.problems());
    assert_eq!((world.picture(0), world.picture(1)), (all_in("new"), all_in("old")));
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
    assert_eq!(world.picture(0), all_in("old"));
}

#[test]
fn an_undo_that_was_broken_off_in_the_middle_of_a_folder_goes_on_when_it_is_asked_for_again() {
    let room = Room::new();
    let mut were_halves = 0;
    for fault in [StepFault::Kill, StepFault::Fail, StepFault::LoseAnswer] {
        for step in 0.. {
            let (mut world, run) = moved_in_the_bucket(&room);
            world.steps.fault_at(step, fault);
            let _ = world.undo(run, &Control::new());
            let is_whole = world.steps.count() <= step;
            world.steps.restart();
            let half = world.picture(1);
            were_halves += u32::from(half.contains_key("old/one") && half.contains_key("new/two"));
            undone(&mut world, run, &Control::new());
            assert_eq!(world.picture(1), all_in("old"), "{fault:?} at step {step}");
            assert_eq!(world.picture(0), all_in("new"), "{fault:?} at step {step}");
            world.end().unwrap_or_else(|why| panic!("{fault:?} at step {step}: {}", world.told(&why)));
            if is_whole {
                break;
            }
        }
    }
    assert!(were_halves > 0);
}

#[test]
fn an_undo_that_was_broken_off_and_is_left_so_loses_nothing() {
    let room = Room::new();
    for step in 0.. {
        let (mut world, run) = moved_in_the_bucket(&room);
        world.steps.fault_at(step, StepFault::Kill);
        let is_whole = world.undo(run, &Control::new()).unwrap().is_some();
        world.end().unwrap_or_else(|why| panic!("killed at step {step}: {}", world.told(&why)));
        // As if it had not begun, unless it was through with the folder.
        let [left, right] = [0, 1].map(|side| world.picture(side));
        assert!(left == right && (left == all_in("new") || left == all_in("old")), "{step}: {left:?}");
        if is_whole {
            return;
        }
    }
}

#[test]
fn a_person_stops_an_undo_in_the_middle_of_a_folder_and_asks_for_it_again() {
    let room = Room::new();
    let mut was_half = false;
    for step in 0.. {
        let (mut world, run) = moved_in_the_bucket(&room);
        let control = Arc::new(Control::new());
        let stops = Arc::clone(&control);
        world.steps.before(step, move |_| stops.cancel());
        let stopped = world.undo(run, &control);
        if world.steps.count() <= step {
            break;
        }
        let half = world.picture(1);
        // Stopped between files: each is at one of both places.
        let [old, new] = ["old/", "new/"].map(|top| half.keys().filter(|path| path.starts_with(top)).count());
        if matches!(stopped, Err(SyncError::Cancelled)) {
            let files = half.values().filter(|(kind, _)| *kind == EntryKind::File).count();
            assert_eq!(files, FILES.len(), "stopped before step {step}");
            was_half |= old > 0 && new > 0;
        }
        undone(&mut world, run, &Control::new());
        assert_eq!(world.picture(1), all_in("old"), "stopped before step {step}");
    }
    assert!(was_half);
}

#[test]
fn a_folder_somebody_made_at_the_old_place_is_none_to_move_back_into() {
    let room = Room::new();
    let (mut world, run) = moved_in_the_bucket(&room);
    world.trees[1].with(|right| {
        assert!(right.make(&path("old"), EntryKind::Folder, b"", Timestamp::default()));
        assert!(right.make(&path("old/mine"), EntryKind::File, b"mine", Timestamp::new(1_000_101, 0)));
    });
    let before = world.picture(1);
    let control = Control::new();
    let back = world.undo(run, &control).unwrap().unwrap();
    assert_eq!((back.items, back.left_alone), (0, 1));
    assert_eq!(control.problems().problems[0].what, "This item was left as it is.");
    assert_eq!(world.picture(1), before);
    world.people.lock().works.insert(b"mine".to_vec(), "old/mine".into());
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
    assert_eq!(world.picture(1), before);
}

#[test]
fn what_somebody_did_while_an_undo_was_broken_off_is_left_alone_and_told() {
    let room = Room::new();
    let mut was_tried = false;
    for step in 0.. {
        let (mut world, run) = moved_in_the_bucket(&room);
        world.steps.fault_at(step, StepFault::Kill);
        let is_whole = world.undo(run, &Control::new()).unwrap().is_some();
        world.steps.restart();
        let half = world.picture(1);
        // The last of its files is still there; the first is not.
        if half.contains_key("old/deep/three") && !half.contains_key("old/one") {
            was_tried = true;
            world.trees[1].with(|right| {
                let time = Timestamp::new(1_000_100, 0);
                assert!(right.write(&path("new/two"), b"worked on since", time, false));
                assert!(right.make(&path("old/one"), EntryKind::File, b"mine", time));
            });
            let control = Control::new();
            let back = world.undo(run, &control).unwrap().unwrap();
            assert_eq!((back.items, back.left_alone), (0, 1));
            let problems = control.problems().problems;
            assert_eq!(problems[0].what, "Not everything in this folder was moved back.");
            let mut wanted = all_in("old");
            let file = |text: &str| (EntryKind::File, text.as_bytes().to_vec());
            wanted.extend([
                ("old/one".to_owned(), file("mine")),
                ("old/two".to_owned(), file("worked on since")),
                ("new".to_owned(), (EntryKind::Folder, Vec::new())),
                ("new/one".to_owned(), file("1")),
            ]);
            assert_eq!(world.picture(1), wanted, "killed at step {step}");
            {
                let works = &mut world.people.lock().works;
                works.remove(b"22".as_slice());
                works.insert(b"mine".to_vec(), "old/one".into());
                works.insert(b"worked on since".to_vec(), "old/two".into());
            }
            world.end().unwrap_or_else(|why| panic!("killed at step {step}: {}", world.told(&why)));
        }
        if is_whole {
            break;
        }
    }
    assert!(was_tried);
}

#[test]
fn what_puts_half_a_folder_together_again_can_be_broken_off_too() {
    let room = Room::new();
    // Steps apart that have no factor in common: all kinds of them are met.
    for first in (0..).step_by(7) {
        let is_whole = (0..).step_by(11).find_map(|second| {
            let mut world = renamed_on_the_left(&room);
            world.steps.restart();
            world.steps.fault_at(first, StepFault::Kill);
            let is_first_whole = world.run(true).unwrap().is_some();
            world.steps.restart();
            world.steps.fault_at(second, StepFault::Kill);
            let is_second_whole = world.run(true).unwrap().is_some();
            let told = format!("killed at steps {first} and {second}");
            world.end().unwrap_or_else(|why| panic!("{told}: {}", world.told(&why)));
            assert_eq!(world.picture(1), all_in("new"), "{told}");
            is_second_whole.then_some(is_first_whole)
        });
        if is_whole == Some(true) {
            return;
        }
    }
}
