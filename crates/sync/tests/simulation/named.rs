//! What seeds found, as stories: told for every step at which the process can be killed.

use std::cell::RefCell;

use keepwell_model::{Control, EntryKind, RelativePath, Timestamp};
use keepwell_sync::{ConflictPolicy, Mode};
use keepwell_testkit::memory_tree::{MemoryState, MemoryTree, StepFault};

use crate::engine::{Places, World};
use crate::room::Room;

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::new(1_000_000 + seconds, 0)
}

/// Tells a story with a run that is killed at each of its steps, until it takes fewer.
fn at_every_step(
    places: Places,
    first: impl Fn(&mut MemoryState),
    then: impl Fn(&World<'_>),
    after: impl Fn(&mut World<'_>),
) {
    at_every_step_with(StepFault::Kill, places, first, then, after);
}

/// The same with something else that goes wrong.
fn at_every_step_with(
    fault: StepFault,
    places: Places,
    first: impl Fn(&mut MemoryState),
    then: impl Fn(&World<'_>),
    after: impl Fn(&mut World<'_>),
) {
    let room = Room::new();
    for step in 0.. {
        let mut world = World::of(places, &room);
        world.trees[0].with(&first);
        world.run(false).unwrap();
        then(&world);
        world.steps.restart();
        world.steps.fault_at(step, fault);
        world.run(true).unwrap();
        let is_whole = world.steps.count() <= step;
        world.steps.restart();
        after(&mut world);
        world.trees.iter().for_each(MemoryTree::recover);
        world.end().unwrap_or_else(|why| panic!("{fault:?} at step {step}: {}", world.told(&why)));
        if is_whole {
            return;
        }
    }
}

/// An old version that a program keeps under a new name is a file of its own, also when the run that was to copy it was
/// killed, the new one is gone again, and somebody wrote on what the run had brought: it does not become that.
#[test]
fn an_old_version_under_a_new_name_is_not_replaced_after_a_crash() {
    old_version_under_a_new_name(Places::Disks);
}

/// The same where the place has no lasting ids, so that what was moved is known by its content.
#[test]
fn an_old_version_under_a_new_name_is_not_taken_for_the_item_by_its_content() {
    old_version_under_a_new_name(Places::RightWithoutIds);
}

fn old_version_under_a_new_name(places: Places) {
    at_every_step(
        places,
        |left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))),
        |world| {
            world.trees[1].with(|right| {
                assert!(right.rename(&path("a"), &path("d")));
                assert!(right.make(&path("a"), EntryKind::File, b"two", time(2)));
            });
        },
        |world| {
            world.trees[1].with(|right| right.remove(&path("a")));
            let before = world.trees[0].with(|left| {
                let before = left.items.get(&path("a")).map(|item| item.content.to_vec());
                left.write(&path("a"), b"three", time(3), false);
                before
            });
            // Who writes on the first version means that one.
            if before.as_deref() == Some(b"two") {
                world.people.lock().works.insert(b"one".to_vec(), "d".into());
            }
        },
    );
}

/// Two versions of one path go to the bin in one run (a folder took the place of another one, and a file in it was
/// changed): both are in its index, wherever the run was killed, and what is put back is what was there.
#[test]
fn two_versions_of_one_path_are_both_in_the_index_of_the_bin() {
    at_every_step(
        Places::Disks,
        |left| {
            for (folder, content) in [("f", b"one"), ("g", b"two")] {
                assert!(left.make(&path(folder), EntryKind::Folder, b"", Timestamp::default()));
                assert!(left.make(&path(&format!("{folder}/x")), EntryKind::File, content, time(1)));
            }
        },
        |world| {
            world.trees[1].with(|right| {
                right.remove(&path("f"));
                assert!(right.rename(&path("g"), &path("f")));
                assert!(right.write(&path("f/x"), b"six", time(2), false));
            });
        },
        |world| {
            world.people.lock().works.insert(b"six".to_vec(), "f/x".into());
        },
    );
}

/// A file is taken away and comes back under another name after a run that may have removed it on the other side, and
/// there somebody has made one of that name: both are there in the end, neither is taken for the other.
#[test]
fn what_somebody_made_where_a_file_came_back_does_not_replace_it() {
    let taken = RefCell::new(None);
    at_every_step(
        Places::Disks,
        |left| assert!(left.make(&path("d"), EntryKind::File, b"one", time(1))),
        |world| *taken.borrow_mut() = world.trees[0].with(|left| left.items.remove(&path("d"))),
        |world| {
            let back = taken.take().unwrap();
            world.trees[0].with(|left| assert!(left.items.insert(path("c"), back).is_none()));
            world.trees[1].with(|right| assert!(right.make(&path("c"), EntryKind::File, b"two", time(2))));
            let works = &mut world.people.lock().works;
            works.extend([(b"one".to_vec(), "c".into()), (b"two".to_vec(), "c".into())]);
        },
    );
}

/// Two versions of paths that are one on a place go to its bin in one run: both are in the index.
#[test]
fn two_versions_are_both_in_the_index_of_a_bin_that_ignores_case() {
    at_every_step(
        Places::RightIgnoresCase,
        |left| {
            for (folder, content) in [("f", b"one"), ("g", b"two")] {
                assert!(left.make(&path(folder), EntryKind::Folder, b"", Timestamp::default()));
                assert!(left.make(&path(&format!("{folder}/x")), EntryKind::File, content, time(1)));
            }
        },
        |world| {
            world.trees[0].with(|left| {
                left.remove(&path("f"));
                assert!(left.rename(&path("g"), &path("F")));
                assert!(left.write(&path("F/x"), b"six", time(2), false));
            });
        },
        |world| {
            world.people.lock().works.insert(b"six".to_vec(), "F/x".into());
        },
    );
}

/// All that both had was removed, and the run was killed. In the next one, which sees that and lets the base forget it,
/// another volume is at a path: the pair knows its places all the same, and does not take that one for its own.
#[test]
fn another_volume_is_not_taken_for_the_place_of_a_pair_that_has_nothing_left() {
    for step in 0..12 {
        at_every_step(
            Places::Disks,
            |left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))),
            |world| world.trees[1].with(|right| right.remove(&path("a"))),
            |world| {
                world.trees[0].with(|left| assert!(left.make(&path("b"), EntryKind::File, b"two", time(2))));
                world.people.lock().works.insert(b"two".to_vec(), "b".into());
                world.steps.fault_at(step, StepFault::Vanish);
                world.run(true).unwrap();
            },
        );
    }
}

/// A file went to the bin, the run was killed, and where it was somebody made a folder, which the run removes when it goes
/// on under its number, though it could not look at the bin: nothing of a folder lies there, so what does is the file.
#[test]
fn a_file_is_in_the_index_of_the_bin_also_where_the_run_removed_a_folder_of_its_name() {
    for step in 0..12 {
        at_every_step(
            Places::Disks,
            |left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))),
            |world| world.trees[0].with(|left| left.remove(&path("a"))),
            |world| {
                world.trees[1]
                    .with(|right| right.make(&path("a"), EntryKind::Folder, b"", Timestamp::default()));
                world.pair.mode = Mode::Mirror;
                world.go_on();
                world.steps.fault_at(step, StepFault::Fail);
                world.run(true).unwrap();
                world.steps.restart();
            },
        );
    }
}

/// Undoing such a run makes the folder again, which is in the way of the file: that is told as left in the bin, not as
/// brought back.
#[test]
fn an_undo_tells_of_a_file_in_whose_way_a_folder_is_that_the_run_removed_too() {
    let room = Room::new();
    let mut world = World::of(Places::Disks, &room);
    world.pair.mode = Mode::Mirror;
    world.trees[0].with(|left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))));
    world.run(false).unwrap();
    world.trees[0].with(|left| left.remove(&path("a")));
    world.run(false).unwrap();
    world.trees[1]
        .with(|right| assert!(right.make(&path("a"), EntryKind::Folder, b"", Timestamp::default())));
    world.go_on();
    world.run(false).unwrap();
    let undone = world.undo(2, &Control::new()).unwrap().unwrap();
    assert_eq!((undone.items, undone.left_alone), (1, 1));
}

/// A folder that moved to where the other side made a file waits for a person, and what is in it goes over. Empty folders
/// made in it do not make it another one, from which they would be removed, and come back, in turn.
#[test]
fn empty_folders_in_a_moved_one_that_waits_do_not_come_and_go() {
    let room = Room::new();
    let mut world = World::of(Places::RightWithoutIds, &room);
    world.pair.conflicts = ConflictPolicy::Ask;
    world.trees[0].with(|left| {
        assert!(left.make(&path("d"), EntryKind::Folder, b"", time(1)));
        assert!(left.make(&path("d/c"), EntryKind::File, b"one", time(1)));
    });
    world.run(false).unwrap();
    world.trees[0].with(|left| assert!(left.make(&path("e"), EntryKind::File, b"two", time(2))));
    world.trees[1].with(|right| {
        assert!(right.rename(&path("d"), &path("e")));
        for name in ["e/a", "e/b"] {
            assert!(right.make(&path(name), EntryKind::Folder, b"", time(2)));
        }
    });
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
}

/// A file was saved by renaming while the other side moved it, and the run that carries both over was killed when it had
/// moved the new version. Then a person gives the old version its old name again: it is a file of its own there, and no
/// sign that nothing happened to what the other side has no more.
#[test]
fn an_old_version_that_gets_its_name_again_is_not_taken_for_the_item_that_moved() {
    at_every_step(
        Places::Disks,
        |left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))),
        |world| {
            world.trees[0].with(|left| {
                assert!(left.rename(&path("a"), &path("old")));
                assert!(left.make(&path("a"), EntryKind::File, b"two", time(2)));
            });
            world.trees[1].with(|right| assert!(right.rename(&path("a"), &path("c"))));
            let works = &mut world.people.lock().works;
            works.extend([(b"one".to_vec(), "a".into()), (b"two".to_vec(), "c".into())]);
        },
        |world| {
            world.trees[0].with(|left| left.rename(&path("old"), &path("a")));
        },
    );
}

/// A file was saved by renaming, its old version kept, and the run could not end with it. Then the new version is taken
/// away where there are no lasting ids, and the old one moved: that is the old one's move, though both had its content.
#[test]
fn an_old_version_that_moves_is_not_taken_for_the_item_by_its_content() {
    for fault in [StepFault::LoseAnswer, StepFault::Fail, StepFault::Kill] {
        at_every_step_with(
            fault,
            Places::RightWithoutIds,
            |left| assert!(left.make(&path("a"), EntryKind::File, b"one", time(1))),
            |world| {
                world.trees[0].with(|left| {
                    assert!(left.rename(&path("a"), &path("b")));
                    assert!(left.make(&path("a"), EntryKind::File, b"two", time(2)));
                });
                world.people.lock().works.insert(b"one".to_vec(), "b".into());
            },
            |world| {
                world.trees[1].with(|right| {
                    let is_there = |name: &str, content: &[u8]| {
                        right.items.get(&path(name)).is_some_and(|item| *item.content == content)
                    };
                    if is_there("a", b"two") && is_there("b", b"one") {
                        right.remove(&path("a"));
                        assert!(right.rename(&path("b"), &path("c")));
                    }
                });
            },
        );
    }
}

/// Two files swap their names on the left.
fn swapped(places: Places, fault: StepFault, after: impl Fn(&mut World<'_>)) {
    at_every_step_with(
        fault,
        places,
        |left| {
            assert!(left.make(&path("a"), EntryKind::File, b"one", time(1)));
            assert!(left.make(&path("b"), EntryKind::File, b"two", time(1)));
        },
        |world| {
            world.trees[0].with(|left| {
                assert!(left.rename(&path("a"), &path("c")));
                assert!(left.rename(&path("b"), &path("a")));
                assert!(left.rename(&path("c"), &path("b")));
            });
            let works = &mut world.people.lock().works;
            works.extend([(b"one".to_vec(), "b".into()), (b"two".to_vec(), "a".into())]);
        },
        after,
    );
}

const SWAPPED_AT: [Places; 3] = [Places::Disks, Places::RightWithoutIds, Places::RightIgnoresCase];

/// Two files swapped their names, and the run was killed when one was at its name on the way. A person takes the name it
/// was to get: all three are there in the end, and none has the name on the way.
#[test]
fn what_was_on_its_way_when_somebody_took_its_name_gets_another_one() {
    for fault in [StepFault::Kill, StepFault::Fail] {
        for places in SWAPPED_AT {
            swapped(places, fault, |world| {
                for name in ["a", "b"] {
                    let right = &world.trees[1];
                    if right.with(|right| right.make(&path(name), EntryKind::File, b"three", time(2))) {
                        world.people.lock().works.insert(b"three".to_vec(), name.into());
                        return;
                    }
                }
            });
        }
    }
}

/// Where only a step of the run failed, the base knows the name on the way: the next run ends the move all the same.
#[test]
fn what_a_run_left_on_its_way_arrives_with_the_next_one() {
    for fault in [StepFault::Kill, StepFault::Fail, StepFault::LoseAnswer] {
        for places in SWAPPED_AT {
            swapped(places, fault, |_| {});
        }
    }
}

/// So does what the other side gave its old name again meanwhile: both sides are as the base says then.
#[test]
fn what_a_run_left_on_its_way_goes_back_where_the_other_side_has_it_as_before() {
    for fault in [StepFault::Kill, StepFault::Fail, StepFault::LoseAnswer] {
        for places in SWAPPED_AT {
            swapped(places, fault, |world| {
                world.trees[0].with(|left| {
                    assert!(left.rename(&path("b"), &path("c")));
                    assert!(left.rename(&path("a"), &path("b")));
                    assert!(left.rename(&path("c"), &path("a")));
                });
            });
        }
    }
}

/// A folder waits for a person, so that nothing in it is agreed on, and one place ignores case: what has another name there
/// is known by that name in each run anew, whichever side that place is, and is not made once more beside itself.
#[test]
fn what_has_another_name_in_a_folder_that_waits_is_made_once() {
    for (places, ignoring) in [(Places::LeftIgnoresCase, 0), (Places::RightIgnoresCase, 1)] {
        for kind in [EntryKind::File, EntryKind::Folder] {
            let room = Room::new();
            let mut world = World::of(places, &room);
            world.pair.conflicts = ConflictPolicy::Ask;
            world.trees[0].with(|left| assert!(left.make(&path("b"), EntryKind::File, b"one", time(1))));
            world.run(false).unwrap();
            world.trees[ignoring].with(|one| {
                one.remove(&path("b"));
                assert!(one.make(&path("b"), EntryKind::Folder, b"", time(2)));
                assert!(one.make(&path("b/B"), EntryKind::Folder, b"", time(2)));
            });
            world.trees[1 - ignoring].with(|other| {
                assert!(other.write(&path("b"), b"three", time(2), false));
                assert!(other.make(&path("B"), EntryKind::Folder, b"", time(2)));
                let content: &[u8] = if kind == EntryKind::File { b"two" } else { b"" };
                assert!(other.make(&path("B/b"), kind, content, time(2)));
            });
            world.end().unwrap_or_else(|why| panic!("{kind:?}: {}", world.told(&why)));
            if kind == EntryKind::Folder {
                continue;
            }
            // What a person makes of it there is another file, and what it was made from gets one more name.
            for round in 0..3u8 {
                world.trees[ignoring].with(|one| {
                    let is_it = |item: &&RelativePath| item.to_string().contains('~');
                    let last = one.items.keys().filter(is_it).max_by_key(|path| path.to_string().len());
                    let last = last.cloned().unwrap();
                    assert!(one.write(&last, &[b'0' + round], time(3 + i64::from(round)), false));
                });
                world.end().unwrap_or_else(|why| panic!("{kind:?}: {}", world.told(&why)));
            }
        }
    }
}

/// A folder waits because of its name, and somebody moved something into it that both had, of which nothing is agreed on
/// then. What becomes of that there is told of that folder only, and counts for the old place too.
#[test]
fn what_went_into_a_folder_that_waits_is_missed_at_its_old_place() {
    let fates: [fn(&mut MemoryState); 4] = [
        |state| state.remove(&path("new/goes")),
        |state| assert!(state.rename(&path("new/goes"), &path("there"))),
        |state| assert!(state.rename(&path("new/goes"), &path("old/goes"))),
        |state| assert!(state.rename(&path("new/goes"), &path("new/other"))),
    ];
    for (places, side) in [(Places::Disks, 0), (Places::Disks, 1), (Places::RightWithoutIds, 1)] {
        for kind in [EntryKind::File, EntryKind::Folder] {
            for fate in fates {
                let room = Room::new();
                let mut world = World::of(places, &room);
                world.pair.conflicts = ConflictPolicy::Ask;
                world.trees[0].with(|left| {
                    assert!(left.make(&path("old"), EntryKind::Folder, b"", time(1)));
                    let content: &[u8] = if kind == EntryKind::File { b"one" } else { b"" };
                    assert!(left.make(&path("old/goes"), kind, content, time(1)));
                    if kind == EntryKind::Folder {
                        assert!(left.make(&path("old/goes/x"), EntryKind::File, b"one", time(1)));
                    }
                });
                world.run(false).unwrap();
                world.trees[1 - side]
                    .with(|other| assert!(other.make(&path("new"), EntryKind::File, b"two", time(2))));
                world.trees[side].with(|one| {
                    assert!(one.make(&path("new"), EntryKind::Folder, b"", time(2)));
                    assert!(one.rename(&path("old/goes"), &path("new/goes")));
                });
                world.watch();
                world.run(false).unwrap();
                world.trees[side].with(fate);
                world.hints_tell_all().unwrap_or_else(|why| panic!("{side} {kind:?}: {}", world.told(&why)));
            }
        }
    }
}

/// The right moved two files and the left swapped what they hold, where neither place has lasting ids: an update brings
/// each its new content once, and takes neither for the other then.
#[test]
fn an_update_of_two_files_that_moved_apart_ends() {
    let room = Room::new();
    let mut world = World::of(Places::WithoutIds, &room);
    world.pair.mode = Mode::Update;
    world.trees[0].with(|left| {
        assert!(left.make(&path("f"), EntryKind::Folder, b"", time(1)));
        assert!(left.make(&path("f/a"), EntryKind::File, b"one", time(1)));
        assert!(left.make(&path("f/b"), EntryKind::File, b"four", time(2)));
    });
    world.run(false).unwrap();
    world.trees[0].with(|left| {
        assert!(left.rename(&path("f/a"), &path("f/c")));
        assert!(left.rename(&path("f/b"), &path("f/a")));
        assert!(left.rename(&path("f/c"), &path("f/b")));
    });
    world.trees[1].with(|right| {
        assert!(right.rename(&path("f/a"), &path("a")));
        assert!(right.rename(&path("f/b"), &path("b")));
    });
    world.end().unwrap_or_else(|why| panic!("{}", world.told(&why)));
}

/// Each side moved a folder, so that in the end the outer one is in the inner one: whichever move the base learns first and
/// wherever the run is killed, it never has the two inside each other.
#[test]
fn folders_that_change_places_are_never_inside_each_other() {
    for (side, fault) in
        [(0, StepFault::Kill), (1, StepFault::Kill), (0, StepFault::Die), (1, StepFault::Die)]
    {
        at_every_step_with(
            fault,
            Places::Disks,
            |left| {
                for folder in ["a", "a/d", "a/d/b"] {
                    assert!(left.make(&path(folder), EntryKind::Folder, b"", time(1)));
                    let file = path(&format!("{folder}/x"));
                    assert!(left.make(&file, EntryKind::File, folder.as_bytes(), time(1)));
                }
            },
            |world| {
                world.trees[side].with(|one| {
                    assert!(one.rename(&path("a/d"), &path("d")));
                    assert!(one.rename(&path("a"), &path("d/b/a")));
                });
                world.trees[1 - side].with(|other| assert!(other.rename(&path("a/d/b"), &path("b"))));
            },
            |_| {},
        );
    }
}

/// Both sides put `x` into what lies deep inside of it, which each moved to another place; the folder between is gone, on
/// both sides or on one. What the base still has in that folder is not forgotten with it, and all ends as ever.
#[test]
fn what_left_a_folder_that_is_gone_is_not_forgotten_with_it() {
    for (removing, fault) in [
        (&[0, 1][..], StepFault::Die),
        (&[0, 1], StepFault::Kill),
        (&[0], StepFault::Fail),
        (&[1], StepFault::Die),
    ] {
        at_every_step_with(
            fault,
            Places::Disks,
            |left| {
                for folder in ["w", "s", "t", "w/x", "w/x/f", "w/x/f/y"] {
                    assert!(left.make(&path(folder), EntryKind::Folder, b"", time(1)));
                }
                assert!(left.make(&path("w/x/k"), EntryKind::File, b"kept", time(1)));
                assert!(left.make(&path("w/x/f/y/m"), EntryKind::File, b"mine", time(1)));
            },
            |world| {
                for (side, to) in [(0, "t/y"), (1, "s/q")] {
                    world.trees[side].with(|one| {
                        assert!(one.rename(&path("w/x/f/y"), &path(to)));
                        if removing.contains(&side) {
                            one.remove(&path("w/x/f"));
                        }
                        assert!(one.rename(&path("w/x"), &path(&format!("{to}/x"))));
                    });
                }
                world.trees[0].with(|left| assert!(left.make(&path("z"), EntryKind::File, b"new", time(2))));
            },
            |_| {},
        );
    }
}

/// A folder that both removed while something that lay in it waits for another folder's move is forgotten in the end: one
/// that is made anew under its name is not taken for it.
#[test]
fn a_folder_that_was_removed_while_something_waited_may_be_made_anew() {
    for side in 0..2 {
        let room = Room::new();
        let mut world = World::of(Places::Disks, &room);
        world.trees[0].with(|left| {
            for folder in ["w", "s", "t", "w/f", "w/f/x", "w/f/x/y"] {
                assert!(left.make(&path(folder), EntryKind::Folder, b"", time(1)));
            }
        });
        world.run(false).unwrap();
        for (side, to) in [(0, "t/y"), (1, "s/q")] {
            world.trees[side].with(|one| {
                assert!(one.rename(&path("w/f/x/y"), &path(to)));
                assert!(one.rename(&path("w/f/x"), &path(&format!("{to}/x"))));
                one.remove(&path("w/f"));
            });
        }
        world.run(false).unwrap();
        world.trees[side].with(|one| assert!(one.make(&path("w/f"), EntryKind::Folder, b"", time(2))));
        world.end().unwrap_or_else(|why| panic!("{side}: {}", world.told(&why)));
        for place in 0..2 {
            assert!(world.picture(place).contains_key("w/f"), "{}", world.told("it is gone"));
        }
    }
}
