//! What properties found, shrunk and named.

use keepwell_model::EntryKind;
use keepwell_sync::plan::Action;
use keepwell_sync::policy::{ConflictPolicy, Mode};

use crate::edits::Edit;
use crate::model::{Place, World, capabilities};
use crate::properties::{
    Case, crashes_converge, ends_and_loses_nothing, left_out_is_left, modes, one_side_unchanged,
    order_does_not_matter, policy, sides_swap,
};

/// A circle through a folder that is new: it keeps its own name when one side's places are taken.
#[test]
fn a_circle_may_go_through_a_new_folder() {
    order_does_not_matter(&Case {
        kind: 0,
        first: vec![
            Edit::Folder { folder: 0, name: 126 },
            Edit::Folder { folder: 152, name: 32 },
            Edit::File { folder: 53, name: 3, content: 0 },
        ],
        left: vec![
            Edit::File { folder: 43, name: 170, content: 0 },
            Edit::Move { item: 20, folder: 8, name: 0 },
        ],
        right: vec![Edit::Folder { folder: 52, name: 0 }, Edit::Into { item: 94, folder: 110 }],
        conflicts: ConflictPolicy::Right,
        chance: 0,
    });
}

/// What a crash left half moved and a person touched is known again by where it is.
#[test]
fn half_a_move_of_a_touched_file_makes_no_copy() {
    crashes_converge(
        &Case {
            kind: 0,
            first: vec![
                Edit::Folder { folder: 0, name: 20 },
                Edit::File { folder: 62, name: 5, content: 0 },
                Edit::File { folder: 1, name: 55, content: 0 },
                Edit::Move { item: 47, folder: 47, name: 250 },
                Edit::Into { item: 82, folder: 134 },
                Edit::File { folder: 104, name: 141, content: 37 },
            ],
            left: vec![Edit::File { folder: 13, name: 20, content: 0 }, Edit::Touch { item: 213 }],
            right: vec![Edit::Remove { item: 51 }, Edit::Move { item: 32, folder: 84, name: 106 }],
            conflicts: ConflictPolicy::KeepBoth,
            chance: 0,
        },
        4_849_623_853_284_154_557,
        false,
    );
}

/// Two items the pair calls the same lie side by side where one of them has another name on a place that ignores case:
/// the other place names them apart too, and nothing waits for a decision.
#[test]
fn what_one_place_names_apart_may_lie_beside_its_namesake() {
    // Whichever of `a` and `A` has the other name on the right: it goes into a folder where a new one has its own name.
    for (item, name) in [(0, 4), (1, 4), (0, 0), (1, 0)] {
        one_side_unchanged(
            &Case {
                kind: 5,
                first: vec![
                    Edit::File { folder: 0, name: 0, content: 50 },
                    Edit::File { folder: 0, name: 4, content: 51 },
                    Edit::Folder { folder: 0, name: 3 },
                ],
                left: vec![Edit::Into { item, folder: 1 }, Edit::File { folder: 1, name, content: 60 }],
                right: Vec::new(),
                conflicts: ConflictPolicy::Ask,
                chance: 0,
            },
            1,
        );
    }
}

/// What both sides made under one name is a conflict whichever side is called left, also where a third one makes both
/// give way on the place that ignores case.
#[test]
fn a_third_of_the_name_does_not_hide_a_conflict() {
    sides_swap(&Case {
        kind: 5,
        first: vec![Edit::File { folder: 0, name: 0, content: 0 }],
        left: vec![Edit::Rename { item: 0, name: 5 }, Edit::Folder { folder: 0, name: 1 }],
        right: vec![Edit::Link { folder: 0, name: 5, content: 21 }],
        conflicts: ConflictPolicy::Left,
        chance: 0,
    });
}

/// Both moved a folder apart, and one side put the folder it was in into it: what the base would have inside each other
/// waits for the decision too.
#[test]
fn nothing_goes_into_a_folder_that_waits_and_was_in_it() {
    let case = Case {
        kind: 6,
        first: vec![
            Edit::Folder { folder: 0, name: 5 },
            Edit::File { folder: 1, name: 9, content: 0 },
            Edit::Folder { folder: 1, name: 6 },
            Edit::Folder { folder: 0, name: 4 },
        ],
        left: vec![
            Edit::Swap { one: 0, two: 1 },
            Edit::Into { item: 3, folder: 2 },
            Edit::Into { item: 2, folder: 0 },
            Edit::Move { item: 0, folder: 2, name: 6 },
        ],
        right: vec![Edit::Move { item: 3, folder: 0, name: 8 }],
        conflicts: ConflictPolicy::Ask,
        chance: 0,
    };
    ends_and_loses_nothing(&case);
    sides_swap(&case);
}

/// One side removed `a` and `c`, the other removed `c` and moved `a` there. The run was killed after it brought that to
/// the first side: it is that there too, and no new version of the old `c`.
#[test]
fn what_a_killed_run_brought_under_the_name_of_something_removed_makes_no_copy() {
    for stop in 0..8 {
        for learns in [false, true] {
            crashes_converge(
                &Case {
                    kind: 0,
                    first: vec![
                        Edit::File { folder: 0, name: 0, content: 1 },
                        Edit::File { folder: 0, name: 2, content: 2 },
                    ],
                    left: vec![Edit::Remove { item: 0 }, Edit::Remove { item: 0 }],
                    right: vec![Edit::Remove { item: 1 }, Edit::Rename { item: 0, name: 2 }],
                    conflicts: ConflictPolicy::KeepBoth,
                    chance: 0,
                },
                stop,
                learns,
            );
        }
    }
}

/// A file that one side moved and the other wrote is met again where a killed run had brought the half of it.
#[test]
fn half_a_move_of_what_the_other_side_wrote_makes_no_copy() {
    for stop in 0..8 {
        for learns in [false, true] {
            crashes_converge(
                &Case {
                    kind: 0,
                    first: vec![
                        Edit::File { folder: 0, name: 85, content: 0 },
                        Edit::File { folder: 0, name: 14, content: 0 },
                        Edit::Folder { folder: 0, name: 44 },
                        Edit::Remove { item: 87 },
                    ],
                    left: vec![
                        Edit::Move { item: 133, folder: 0, name: 32 },
                        Edit::Remove { item: 104 },
                        Edit::Save { item: 0, content: 1 },
                    ],
                    right: vec![
                        Edit::Link { folder: 0, name: 69, content: 0 },
                        Edit::Move { item: 72, folder: 0, name: 115 },
                        Edit::Folder { folder: 0, name: 132 },
                    ],
                    conflicts: ConflictPolicy::KeepBoth,
                    chance: 10_118_172_447_780_012_900,
                },
                stop,
                learns,
            );
        }
    }
}

/// A file that was saved by renaming is met again in its folder when only the folder has come to its new place: it is at its
/// name there, and is no new file beside the one the other side moved.
#[test]
fn what_was_saved_in_a_folder_that_a_killed_run_moved_makes_no_copy() {
    for kind in [0, 8, 9] {
        for stop in 0..8 {
            for learns in [false, true] {
                crashes_converge(
                    &Case {
                        kind,
                        first: vec![
                            Edit::Folder { folder: 0, name: 1 },
                            Edit::File { folder: 1, name: 1, content: 1 },
                        ],
                        left: vec![Edit::Save { item: 1, content: 50 }],
                        right: vec![
                            Edit::Rename { item: 0, name: 2 },
                            Edit::Move { item: 1, folder: 0, name: 1 },
                        ],
                        conflicts: ConflictPolicy::KeepBoth,
                        chance: 0,
                    },
                    stop,
                    learns,
                );
            }
        }
    }
}

/// Both sides moved a file, to different folders, and one of these is moved by the run: which place the file gets does not
/// go by where that folder is when the run is killed.
#[test]
fn a_file_both_moved_gets_one_place_wherever_a_killed_run_has_its_folder() {
    for (left_folder, right_folder) in [(1, 2), (2, 1)] {
        for renamed in 0..3 {
            for name in [0, 3] {
                for stop in 0..8 {
                    for learns in [false, true] {
                        crashes_converge(
                            &Case {
                                kind: 0,
                                first: vec![
                                    Edit::Folder { folder: 0, name: 1 },
                                    Edit::Folder { folder: 0, name: 2 },
                                    Edit::File { folder: 0, name: 0, content: 1 },
                                ],
                                left: vec![Edit::Into { item: 0, folder: left_folder }],
                                right: vec![
                                    Edit::Into { item: 0, folder: right_folder },
                                    Edit::Rename { item: renamed, name },
                                ],
                                conflicts: ConflictPolicy::KeepBoth,
                                chance: 0,
                            },
                            stop,
                            learns,
                        );
                    }
                }
            }
        }
    }
}

/// Folders swapped their names, and the run was killed when one was at its name on the way: what has to make way in the
/// next run gets another such name, not that one.
#[test]
fn a_name_on_the_way_that_a_killed_run_left_is_not_given_again() {
    crashes_converge(
        &Case {
            kind: 5,
            first: vec![
                Edit::Folder { folder: 0, name: 181 },
                Edit::Folder { folder: 56, name: 22 },
                Edit::Link { folder: 139, name: 7, content: 0 },
                Edit::Folder { folder: 62, name: 96 },
                Edit::File { folder: 27, name: 52, content: 0 },
            ],
            left: vec![
                Edit::File { folder: 28, name: 29, content: 0 },
                Edit::Remove { item: 184 },
                Edit::File { folder: 0, name: 23, content: 0 },
            ],
            right: vec![
                Edit::Swap { one: 25, two: 178 },
                Edit::Into { item: 108, folder: 13 },
                Edit::Link { folder: 18, name: 0, content: 0 },
                Edit::File { folder: 14, name: 71, content: 0 },
            ],
            conflicts: ConflictPolicy::KeepBoth,
            chance: 0,
        },
        4_791_774_948_369_137_175,
        false,
    );
}

/// The left wrote a file, and the right has another one under its name, in a folder that the left has no more: moving in,
/// the left's version goes beside it in a folder that both have, and does not stay.
#[test]
fn what_moves_in_beside_another_version_needs_no_folder_that_the_left_removed() {
    modes(
        &Case {
            kind: 0,
            first: vec![
                Edit::Folder { folder: 0, name: 0 },
                Edit::Folder { folder: 0, name: 2 },
                Edit::File { folder: 2, name: 3, content: 50 },
            ],
            left: vec![Edit::Remove { item: 0 }, Edit::Write { item: 1, content: 60 }],
            right: vec![Edit::Swap { one: 0, two: 1 }, Edit::File { folder: 2, name: 3, content: 70 }],
            conflicts: ConflictPolicy::KeepBoth,
            chance: 0,
        },
        Mode::MoveIn,
    );
}

/// The left swapped what two files hold and the right moved both, where neither place has lasting ids: an update brings
/// each its new content once, at its new place.
#[test]
fn an_update_of_what_the_right_moved_ends() {
    modes(
        &Case {
            kind: 9,
            first: vec![
                Edit::Folder { folder: 0, name: 0 },
                Edit::Folder { folder: 0, name: 1 },
                Edit::File { folder: 53, name: 2, content: 0 },
                Edit::File { folder: 163, name: 0, content: 2 },
                Edit::Move { item: 124, folder: 95, name: 94 },
                Edit::File { folder: 1, name: 73, content: 0 },
            ],
            left: vec![
                Edit::Swap { one: 88, two: 82 },
                Edit::File { folder: 0, name: 0, content: 0 },
                Edit::File { folder: 0, name: 0, content: 0 },
            ],
            right: vec![
                Edit::Move { item: 112, folder: 0, name: 54 },
                Edit::Move { item: 138, folder: 45, name: 2 },
                Edit::File { folder: 0, name: 0, content: 0 },
            ],
            conflicts: ConflictPolicy::KeepBoth,
            chance: 0,
        },
        Mode::Update,
    );
}

/// Folders swapped their names, and what is left out in one of them has the name of what the base knows in the other: that
/// name is taken where it lies.
#[test]
fn what_is_left_out_in_a_folder_that_moved_keeps_its_name() {
    let of_swapped_folders = Case {
        kind: 0,
        first: vec![
            Edit::Folder { folder: 0, name: 0 },
            Edit::Folder { folder: 0, name: 1 },
            // So the numbers go on, and once the new file alone is left out.
            Edit::Touch { item: 0 },
            Edit::File { folder: 2, name: 2, content: 50 },
        ],
        left: vec![
            Edit::Swap { one: 0, two: 1 },
            Edit::Touch { item: 0 },
            Edit::File { folder: 2, name: 2, content: 60 },
        ],
        right: vec![Edit::File { folder: 1, name: 2, content: 70 }],
        conflicts: ConflictPolicy::KeepBoth,
        chance: 0,
    };
    // What is left out is one of the folders itself, in the other.
    let of_nested_folders = Case {
        kind: 0,
        first: vec![
            Edit::Folder { folder: 0, name: 0 },
            Edit::Rename { item: 0, name: 1 },
            Edit::Folder { folder: 0, name: 0 },
            Edit::File { folder: 2, name: 0, content: 0 },
        ],
        left: vec![Edit::Swap { one: 1, two: 0 }, Edit::Into { item: 0, folder: 2 }],
        right: vec![Edit::File { folder: 1, name: 0, content: 0 }],
        conflicts: ConflictPolicy::KeepBoth,
        chance: 0,
    };
    for case in [of_swapped_folders, of_nested_folders] {
        let swapped = Case { left: case.right.clone(), right: case.left.clone(), ..case.clone() };
        for which in 0..3 {
            for mode in [Mode::TwoWay, Mode::Mirror, Mode::Update] {
                left_out_is_left(&case, which, 0, mode);
                left_out_is_left(&swapped, which, 1, mode);
            }
        }
    }
}

/// One side took a folder out of another and put that one into it, in the end; the other side took out what is deepest. The
/// base never has folders inside each other, whichever of the moves a killed run came to.
#[test]
fn a_killed_run_leaves_no_folder_inside_itself() {
    let case = Case {
        kind: 0,
        first: vec![
            Edit::Folder { folder: 0, name: 0 },
            Edit::Folder { folder: 1, name: 3 },
            Edit::Folder { folder: 2, name: 1 },
        ],
        left: vec![Edit::Move { item: 1, folder: 0, name: 3 }, Edit::Into { item: 0, folder: 3 }],
        right: vec![Edit::Into { item: 2, folder: 0 }],
        conflicts: ConflictPolicy::KeepBoth,
        chance: 0,
    };
    for chance in 0..8 {
        let case = Case { chance, ..case.clone() };
        let swapped = Case { left: case.right.clone(), right: case.left.clone(), ..case.clone() };
        for stop in 0..4 {
            crashes_converge(&case, stop, true);
            crashes_converge(&swapped, stop, true);
        }
    }
}

/// Where a place has ids, they tell what moved, and not what was read besides: the killed run had copied the new file, so
/// that it was read on both sides.
#[test]
fn a_new_file_like_a_removed_one_is_not_that_one_after_a_crash() {
    let of_two = Case {
        kind: 0,
        first: vec![Edit::File { folder: 0, name: 1, content: 0 }],
        left: vec![Edit::Write { item: 0, content: 1 }],
        right: vec![Edit::Remove { item: 0 }, Edit::File { folder: 0, name: 2, content: 0 }],
        conflicts: ConflictPolicy::KeepBoth,
        chance: 0,
    };
    for stop in 0..3 {
        crashes_converge(&of_two, stop, false);
    }
}

/// Both sides gave a file one name but for its case, and a place that tells such names apart has a second file under the
/// other's: whichever side is called left, the names are not one.
#[test]
fn the_name_is_that_of_the_place_that_tells_more() {
    for (kind, conflicts) in
        [(6, ConflictPolicy::Left), (6, ConflictPolicy::Right), (5, ConflictPolicy::Left)]
    {
        let left = vec![Edit::Move { item: 0, folder: 0, name: 1 }];
        let right = vec![Edit::Rename { item: 0, name: 5 }, Edit::Link { folder: 0, name: 1, content: 1 }];
        let case = Case {
            kind,
            first: vec![Edit::File { folder: 0, name: 2, content: 0 }],
            left,
            right,
            conflicts,
            chance: 0,
        };
        sides_swap(&case);
        sides_swap(&Case { left: case.right.clone(), right: case.left.clone(), ..case });
    }
}

/// A folder comes back because of what is new in it, and its name is a new link's by then; the other place does not have the
/// link, and so does not tell the two apart: it is decided which of them keeps the name, whichever side is called left.
#[test]
fn what_one_place_alone_has_is_not_told_apart_by_the_other() {
    for conflicts in [ConflictPolicy::Right, ConflictPolicy::Left, ConflictPolicy::KeepBoth] {
        sides_swap(&Case {
            kind: 5,
            first: vec![Edit::Folder { folder: 0, name: 5 }, Edit::Folder { folder: 0, name: 1 }],
            left: vec![
                Edit::Remove { item: 0 },
                Edit::Remove { item: 0 },
                Edit::Link { folder: 0, name: 1, content: 0 },
            ],
            right: vec![
                Edit::Link { folder: 1, name: 0, content: 0 },
                Edit::File { folder: 2, name: 0, content: 37 },
            ],
            conflicts,
            chance: 0,
        });
    }
}

/// The killed run had moved a file and put another one in its place: by its id, and where the other side has it, it is the
/// one that was moved, and not an old version that somebody kept.
#[test]
fn what_a_killed_run_moved_is_known_also_where_its_old_place_is_taken() {
    let case = Case {
        kind: 0,
        first: vec![
            Edit::File { folder: 0, name: 0, content: 0 },
            Edit::File { folder: 0, name: 1, content: 0 },
        ],
        left: vec![Edit::Write { item: 0, content: 1 }, Edit::Move { item: 0, folder: 0, name: 3 }],
        right: vec![
            Edit::Folder { folder: 0, name: 2 },
            Edit::Move { item: 1, folder: 1, name: 0 },
            Edit::Rename { item: 0, name: 1 },
        ],
        conflicts: ConflictPolicy::KeepBoth,
        chance: 0,
    };
    for chance in 0..4 {
        for stop in 0..5 {
            crashes_converge(&Case { chance, ..case.clone() }, stop, false);
        }
    }
}

/// Files `a` to `d` on both sides.
fn four_files() -> World {
    let mut world = World::new(Place::new(capabilities()), Place::new(capabilities()));
    for (name, content) in [("a", 3), ("b", 6), ("c", 9), ("d", 12)] {
        assert!(world.places[0].make(name.as_bytes(), EntryKind::File, content, 100));
    }
    world.converge(&policy(ConflictPolicy::KeepBoth), |_| 0);
    world
}

#[test]
fn the_same_trees_make_the_same_plan_whatever_was_moved_before() {
    let mut world = four_files();
    for (from, to) in [("a", "p"), ("b", "q"), ("c", "r"), ("d", "s")] {
        for side in 0..2 {
            assert!(world.places[side].rename(from.as_bytes(), to.as_bytes()));
        }
        assert!(world.places[0].make(from.as_bytes(), EntryKind::File, 500, 1000));
    }
    let policy = policy(ConflictPolicy::KeepBoth);
    let first = world.told(&world.look(&policy));
    for _ in 0..20 {
        assert_eq!(first, world.told(&world.look(&policy)));
    }
}

/// The left saved a file by renaming, and the id of its old version was given to something else, at the very place to which
/// the right moved the file: that is not the file, and nothing is replaced by it.
#[test]
fn an_id_that_was_given_again_is_not_what_the_other_side_moved() {
    for (kind, content) in [(EntryKind::File, 601), (EntryKind::Folder, 0)] {
        let mut world = four_files();
        let id = world.places[0].items[b"a".as_slice()].id;
        world.places[0].remove(b"a");
        assert!(world.places[0].make(b"a", EntryKind::File, 500, 1000));
        assert!(world.places[0].make(b"p", kind, content, 1001));
        world.places[0].items.get_mut(b"p".as_slice()).unwrap().id = id;
        assert!(world.places[1].rename(b"a", b"p"));
        let asks = policy(ConflictPolicy::Ask);
        let looked = world.look(&asks);
        let replaces = looked
            .plan
            .operations
            .iter()
            .any(|row| row.action == Action::Replace && row.path.as_bytes() == b"p");
        assert!(!replaces, "{}", world.told(&looked));
        world.converge(&policy(ConflictPolicy::KeepBoth), |_| 0);
    }
}
