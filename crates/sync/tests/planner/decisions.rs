//! What people decide of conflicts, whichever they decide: nothing is lost, what is kept is there, and it does the same
//! with the sides exchanged.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use keepwell_model::RelativePath;
use keepwell_sync::node::{NodeId, Side};
use keepwell_sync::plan::{Conflict, ConflictKind};
use keepwell_sync::policy::{Choice, ConflictPolicy, Policy};
use proptest::prelude::*;

use crate::model::World;
use crate::properties::{Case, case, chance, config, everything, policy};

/// Where both sides have it, and how they disagree.
type At = ([Option<RelativePath>; 2], ConflictKind);
type Said = HashMap<At, Choice>;

fn at(conflict: &Conflict) -> At {
    ([conflict.left.path.clone(), conflict.right.path.clone()], conflict.kind)
}

fn word(words: &[Choice], number: usize) -> Choice {
    words[number % words.len()]
}

fn mirrored(choice: Choice) -> Choice {
    match choice {
        Choice::LeftToRight => Choice::RightToLeft,
        Choice::RightToLeft => Choice::LeftToRight,
        other => other,
    }
}

fn ask() -> Policy {
    policy(ConflictPolicy::Ask)
}

/// The choices for a plan's conflicts.
fn choices(conflicts: &[Conflict], said: &Said) -> BTreeMap<NodeId, Choice> {
    let mut choices = BTreeMap::new();
    for conflict in conflicts {
        if let Some(choice) = said.get(&at(conflict)) {
            choices.extend([conflict.node, conflict.right_node].map(|node| (node, *choice)));
        }
    }
    choices
}

/// Carries the decisions out with all else there is to do, as the next run does, and then whatever is left.
fn decide(world: &mut World, usual: &Policy, said: &Said, seed: u64) {
    let waiting = world.look(usual).plan.conflicts;
    let decided = Policy { choices: choices(&waiting, said), ..usual.clone() };
    let looked = world.look(&decided);
    world.apply(&looked, chance(seed), usize::MAX, true);
    world.converge(usual, chance(seed));
}

/// Nothing is lost, and no edit is only in the bin but by a decision for the other side.
fn decisions_lose_nothing(case: &Case, words: &[Choice]) {
    let mut world = case.changed();
    world.converge(&ask(), chance(case.chance));
    let conflicts = world.look(&ask()).plan.conflicts;
    let said: Said =
        (conflicts.iter().enumerate()).map(|(number, found)| (at(found), word(words, number))).collect();
    let before = world.clone();
    decide(&mut world, &ask(), &said, case.chance);
    assert!(everything(&before).is_subset(&everything(&world)));
    if said.values().all(|choice| *choice == Choice::KeepBoth) {
        let visible = |world: &World| -> BTreeSet<u64> {
            world.places[0].contents().union(&world.places[1].contents()).copied().collect()
        };
        let (before, after) = (visible(&before), visible(&world));
        let gone: Vec<_> = before.difference(&after).filter(|content| **content / 1000 > 1).collect();
        assert!(gone.is_empty(), "kept both, and an edit is only in the bin: {gone:?}");
    }
}

/// With the sides exchanged, and all that was said, it comes to the same.
fn decisions_swap(case: &Case, words: &[Choice]) {
    let mut world = case.changed();
    let mut swapped = world.swapped();
    let exchanged = Policy { side_names: ("Disk".into(), "Laptop".into()), ..ask() };
    world.converge(&ask(), chance(case.chance));
    swapped.converge(&exchanged, chance(case.chance));
    let conflicts = world.look(&ask()).plan.conflicts;
    let said: Said =
        (conflicts.iter().enumerate()).map(|(number, found)| (at(found), word(words, number))).collect();
    let turned = said
        .iter()
        .map(|(([left, right], kind), choice)| (([right.clone(), left.clone()], *kind), mirrored(*choice)));
    let turned: Said = turned.collect();
    let others: HashSet<At> = swapped.look(&exchanged).plan.conflicts.iter().map(at).collect();
    if said.len() < conflicts.len() || others != turned.keys().cloned().collect() {
        // Two of one kind at one place, or rings of names, of which another one is told first: not the same is asked.
        return;
    }
    decide(&mut world, &ask(), &said, case.chance);
    decide(&mut swapped, &exchanged, &turned, case.chance);
    for side in Side::BOTH {
        let (one, other) = (usize::from(side == Side::Right), usize::from(side == Side::Left));
        assert_eq!(world.places[one].picture(), swapped.places[other].picture());
        let bin =
            |world: &World, side: usize| world.places[side].bin.iter().copied().collect::<BTreeSet<_>>();
        assert_eq!(bin(&world, one), bin(&swapped, other));
    }
}

fn one_word() -> impl Strategy<Value = Choice> {
    prop_oneof![Just(Choice::LeftToRight), Just(Choice::RightToLeft), Just(Choice::KeepBoth)]
}

fn words() -> impl Strategy<Value = Vec<Choice>> {
    proptest::collection::vec(one_word(), 1..4)
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_decided_nothing_is_lost(case in case(), words in words()) {
        decisions_lose_nothing(&case, &words);
    }

    #[test]
    fn what_is_decided_does_the_same_with_the_sides_exchanged(case in case(), word in one_word()) {
        // Odd places give names of their own to whoever comes later. Of folders that moved into each other the word on one
        // counts for all: so the same is said to each.
        if case.kind < 5 {
            decisions_swap(&case, &[word]);
        }
    }
}
