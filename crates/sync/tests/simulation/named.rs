//! What seeds found, as stories: told for every step at which the process can be killed.

use keepwell_model::{EntryKind, RelativePath, Timestamp};
use keepwell_testkit::memory_tree::{MemoryState, StepFault};

use crate::engine::World;
use crate::range::state_folder;

fn path(text: &str) -> RelativePath {
    RelativePath::parse(text.as_bytes()).unwrap()
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::new(1_000_000 + seconds, 0)
}

/// Tells a story with a run that is killed at each of its steps, until it takes fewer.
fn at_every_step(first: impl Fn(&mut MemoryState), then: impl Fn(&World<'_>), after: impl Fn(&World<'_>)) {
    let folder = state_folder();
    for step in 0.. {
        let mut world = World::plain(folder.path());
        world.trees[0].with(&first);
        world.run(false).unwrap();
        then(&world);
        world.steps.restart();
        world.steps.fault_at(step, StepFault::Kill);
        let is_whole = world.run(true).unwrap().is_some();
        world.steps.restart();
        after(&world);
        world.end().unwrap_or_else(|why| panic!("killed at step {step}: {}", world.told(&why)));
        if is_whole {
            return;
        }
    }
}

/// An old version that a program keeps under a new name is a file of its own, also when the run that was to copy it was
/// killed, the new one is gone again, and somebody wrote on what the run had brought: it does not become that.
#[test]
fn an_old_version_under_a_new_name_is_not_replaced_after_a_crash() {
    at_every_step(
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
