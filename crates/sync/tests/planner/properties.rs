//! The numbered invariants, on trees and edits that proptest makes up.

use std::collections::{BTreeMap, BTreeSet};

use keepwell_endpoint::tree::{Capabilities, NameRules, UnicodeNames};
use keepwell_model::EntryKind;
use keepwell_sync::node::Side;
use keepwell_sync::plan::{Action, Operation, Why};
use keepwell_sync::policy::{BrakeLimits, BringBack, ConflictPolicy, Mode, Policy};
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

use crate::edits::{Edit, apply, edits};
use crate::model::{Item, Place, World, capabilities, name};

pub fn policy(conflicts: ConflictPolicy) -> Policy {
    Policy {
        conflicts,
        brakes: BrakeLimits {
            removed_items: 1_000_000,
            rewritten_files: 1_000_000,
            ..BrakeLimits::default()
        },
        released: vec![
            keepwell_sync::policy::BrakeKind::RootEmptied,
            keepwell_sync::policy::BrakeKind::OldCopy,
        ],
        side_names: ("Laptop".into(), "Disk".into()),
        today: "2026-11-22".into(),
        ..Policy::default()
    }
}

/// The places, from plain to odd.
pub fn places(kind: u8) -> [Capabilities; 2] {
    let plain = capabilities();
    let windows = Capabilities { case_sensitive: false, names: NameRules::Windows, ..plain };
    let mac = Capabilities { case_sensitive: false, unicode: UnicodeNames::Insensitive, ..plain };
    let forgetful = Capabilities { stable_ids: false, ..plain };
    match kind {
        0..=4 => [plain, plain],
        5 => [plain, windows],
        6 => [mac, plain],
        7 => [windows, mac],
        8 => [plain, forgetful],
        _ => [forgetful, forgetful],
    }
}

/// How many of the names are used: odd ones only where the places are odd.
pub fn names(kind: u8) -> usize {
    if kind < 5 { 4 } else { 10 }
}

#[derive(Clone, Debug)]
pub struct Case {
    pub kind: u8,
    pub first: Vec<Edit>,
    pub left: Vec<Edit>,
    pub right: Vec<Edit>,
    pub conflicts: ConflictPolicy,
    pub chance: u64,
}

pub fn case() -> impl Strategy<Value = Case> {
    let conflicts = prop_oneof![
        Just(ConflictPolicy::KeepBoth),
        Just(ConflictPolicy::Newest),
        Just(ConflictPolicy::Left),
        Just(ConflictPolicy::Right),
        Just(ConflictPolicy::Ask),
    ];
    (0..10_u8, edits(14), edits(9), edits(9), conflicts, any::<u64>()).prop_map(
        |(kind, first, left, right, conflicts, chance)| Case { kind, first, left, right, conflicts, chance },
    )
}

/// Numbers below what is asked, from a seed.
pub fn chance(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((state >> 33) % below as u64).unwrap()
    }
}

impl Case {
    /// Both sides in step, from what was first on the left.
    pub fn agreed(&self) -> World {
        let [left, right] = places(self.kind);
        let mut world = World::new(Place::new(left), Place::new(right));
        apply(&mut world.places[0], &self.first, names(self.kind), 1);
        world.converge(&policy(ConflictPolicy::KeepBoth), chance(self.chance));
        world
    }

    /// And then both sides changed.
    pub fn changed(&self) -> World {
        let mut world = self.agreed();
        apply(&mut world.places[0], &self.left, names(self.kind), 2);
        apply(&mut world.places[1], &self.right, names(self.kind), 3);
        world
    }

    fn is_plain(&self) -> bool {
        self.kind < 5 || self.kind > 7
    }
}

/// All that is anywhere.
pub fn everything(world: &World) -> BTreeSet<u64> {
    let mut contents = world.places[0].contents();
    contents.extend(world.places[1].contents());
    for place in &world.places {
        contents.extend(&place.bin);
    }
    contents
}

/// 1, 3, 4, 5, 7: it ends, nothing is left to do, nothing is lost, no edit loses to a removal, the base is a tree.
pub fn ends_and_loses_nothing(case: &Case) {
    let mut world = case.changed();
    let before = [world.places[0].contents(), world.places[1].contents()];
    let policy = policy(case.conflicts);
    let runs = world.converge(&policy, chance(case.chance));
    assert!(runs <= 4, "{runs} runs");
    let after = everything(&world);
    for contents in &before {
        assert!(contents.is_subset(&after), "lost: {:?}", contents.difference(&after));
    }
    if matches!(case.conflicts, ConflictPolicy::KeepBoth | ConflictPolicy::Ask) {
        let mut visible = world.places[0].contents();
        visible.extend(world.places[1].contents());
        for (origin, contents) in [(2, &before[0]), (3, &before[1])] {
            for content in contents.iter().filter(|content| **content / 1000 == origin) {
                assert!(visible.contains(content), "an edit is only in the bin: {content}");
            }
        }
    }
    let waits = !world.look(&policy).plan.conflicts.is_empty();
    for (id, _) in world.base.iter() {
        for side in Side::BOTH {
            let path = world.base.path_on(side, id).expect("an orphan");
            let place = &world.places[usize::from(side == Side::Right)];
            // What waits for a decision may be elsewhere; all else is where the base says.
            if !waits {
                assert!(place.items.contains_key(path.as_bytes()), "{path} is not on the {side:?}");
            }
        }
    }
    if case.is_plain() && !waits {
        assert_eq!(world.places[0].picture(), world.places[1].picture());
    }
}

/// 2: whatever the order inside the batches, the same comes of it.
pub fn order_does_not_matter(case: &Case) {
    let world = case.changed();
    let looked = world.look(&policy(case.conflicts));
    let mut one = world.clone();
    one.apply(&looked, chance(case.chance), usize::MAX, true);
    let mut two = world;
    two.apply(&looked, chance(!case.chance), usize::MAX, true);
    for side in 0..2 {
        assert_eq!(one.places[side].picture(), two.places[side].picture());
    }
}

/// 6: what both sides did alike moves nothing.
pub fn alike_moves_nothing(case: &Case) {
    if !matches!(case.kind, 0..5 | 9) {
        // Places of two sorts may see one move as two different ones.
        return;
    }
    let mut world = case.agreed();
    for side in 0..2 {
        // The same hands: also the times are the same.
        apply(&mut world.places[side], &case.left, 4, 2);
    }
    if world.places[0].picture() != world.places[1].picture() {
        return;
    }
    let looked = world.look(&policy(ConflictPolicy::Ask));
    assert!(looked.plan.operations.is_empty(), "{:#?}", looked.plan.operations);
    assert!(looked.plan.conflicts.is_empty(), "{:#?}", looked.plan.conflicts);
}

/// 8: a run that stops after any row, whether the base has learned of them or not, ends in the same at last.
pub fn crashes_converge(case: &Case, stop: usize, learns: bool) {
    let policy = policy(case.conflicts);
    let mut whole = case.changed();
    let mut broken = whole.clone();
    whole.converge(&policy, chance(case.chance));
    let looked = broken.look(&policy);
    let stop = stop % (looked.plan.operations.len() + 1);
    // Names that swap are known by the ids on the place alone; half of a swap may look like something else.
    let swaps = case.left.iter().chain(&case.right).any(|edit| matches!(edit, Edit::Swap { .. }));
    // A file saved by renaming is known by its name; where a run moves it, half of that looks like something else, too.
    let moves_saved = looked.plan.operations.iter().any(|row| {
        let known = broken.base.get(row.node).map(|entry| entry.fingerprint_on(row.side).id);
        let seen = looked.trees[usize::from(row.side == Side::Right)].changes.here(row.node_on(row.side));
        matches!(row.action, Action::Move { .. })
            && seen.is_some_and(|seen| known.is_some_and(|known| known != seen.fingerprint.id))
    });
    let is_certain = !swaps
        && !moves_saved
        && case.conflicts == ConflictPolicy::KeepBoth
        && looked.plan.conflicts.is_empty()
        && !looked.plan.operations.iter().any(|row| {
            matches!(row.why, keepwell_sync::plan::Why::ConflictCopy | keepwell_sync::plan::Why::StepOnTheWay)
        });
    let before = everything(&broken);
    broken.apply_some(&looked, chance(case.chance), stop, learns);
    broken.converge(&policy, chance(case.chance));
    assert!(before.is_subset(&everything(&broken)));
    if case.is_plain() && case.kind < 5 && is_certain {
        for side in 0..2 {
            assert_eq!(whole.places[side].picture(), broken.places[side].picture());
        }
    } else if case.is_plain() && broken.look(&policy).plan.conflicts.is_empty() {
        assert_eq!(broken.places[0].picture(), broken.places[1].picture());
    }
}

/// 9: where only one side changed, the other becomes like it, and it stays as it is.
pub fn one_side_unchanged(case: &Case, side: usize) {
    let mut world = case.agreed();
    apply(&mut world.places[side], &case.left, names(case.kind), 2);
    let wanted = world.places[side].clone();
    world.converge(&policy(ConflictPolicy::Ask), chance(case.chance));
    assert_eq!(world.places[side].picture(), wanted.picture());
    if case.is_plain() {
        assert_eq!(world.places[1 - side].picture(), wanted.picture());
        let modes = |place: &Place| -> Vec<_> {
            place
                .items
                .iter()
                .filter(|(_, item)| item.kind != EntryKind::Symlink)
                .map(|(path, item)| (path.clone(), item.mode))
                .collect()
        };
        assert_eq!(modes(&world.places[0]), modes(&world.places[1]));
    } else {
        assert_eq!(world.places[1 - side].items.len(), wanted.items.len());
        assert_eq!(world.places[1 - side].contents(), wanted.contents());
    }
}

/// 10: what can not be listed is not decided: nothing goes from it, on either side.
pub fn blind_is_not_gone(case: &Case, which: usize, side: usize) {
    let mut world = case.agreed();
    let folders: Vec<_> = world.places[side]
        .items
        .iter()
        .filter(|(_, item)| item.kind == EntryKind::Folder)
        .map(|(path, item)| (path.clone(), item.id))
        .collect();
    apply(&mut world.places[1 - side], &case.left, names(case.kind), 2);
    let Some((folder, id)) = folders.get(which % folders.len().max(1)).cloned() else { return };
    world.places[side].unlisted.insert(id);
    let before = world.clone();
    world.converge(&policy(case.conflicts), chance(case.chance));
    let hidden: BTreeSet<u64> = (before.places[side].items.iter())
        .filter(|(path, _)| crate::model::is_below(path, &folder))
        .map(|(_, item)| item.id)
        .collect();
    // Wherever the folder is by now: what is in it is there as it was.
    let inside = |place: &Place| -> Vec<_> {
        let found = place.items.iter().filter(|(_, item)| hidden.contains(&item.id));
        let mut found: Vec<_> =
            found.map(|(path, item)| (item.clone(), crate::model::name(path).to_vec())).collect();
        found.sort_by_key(|(item, _)| item.id);
        found
    };
    assert_eq!(inside(&world.places[side]), inside(&before.places[side]));
    assert!(everything(&before).is_subset(&everything(&world)));
    // The other side keeps its state of what it is about, whatever that is.
    let kept = |world: &World| -> BTreeSet<u64> { world.places[1 - side].contents() };
    assert!(kept(&before).is_subset(&kept(&world)), "{:?}", kept(&before).difference(&kept(&world)));
}

/// 10: nothing comes where something lies that is left out, and that stays what and where it is.
pub fn left_out_is_left(case: &Case, which: u64, side: usize, mode: Mode) {
    let mut world = case.changed();
    let is_hidden = |id: u64| id % 3 == which % 3;
    let ids: Vec<u64> = world.places[side].items.values().map(|item| item.id).collect();
    world.places[side].left_out.extend(ids.into_iter().filter(|id| is_hidden(*id)));
    let before = world.clone();
    let policy = Policy { mode, ..policy(case.conflicts) };
    world.converge(&policy, chance(case.chance));
    let hidden = |place: &Place| -> BTreeMap<u64, (Item, Vec<u8>)> {
        let found = place.items.iter().filter(|(_, item)| before.places[side].left_out.contains(&item.id));
        found.map(|(path, item)| (item.id, (item.clone(), name(path).to_vec()))).collect()
    };
    assert_eq!(hidden(&world.places[side]), hidden(&before.places[side]));
    assert!(everything(&before).is_subset(&everything(&world)));
}

/// 11: swapping the sides swaps the result.
pub fn sides_swap(case: &Case) {
    let swapped_policy = match case.conflicts {
        ConflictPolicy::Left => ConflictPolicy::Right,
        ConflictPolicy::Right => ConflictPolicy::Left,
        other => other,
    };
    let mut world = case.changed();
    let mut swapped = world.swapped();
    world.converge(&policy(case.conflicts), chance(case.chance));
    let mut mirrored = policy(swapped_policy);
    mirrored.side_names = ("Disk".into(), "Laptop".into());
    swapped.converge(&mirrored, chance(case.chance));
    if case.is_plain() {
        for side in 0..2 {
            assert_eq!(world.places[side].picture(), swapped.places[1 - side].picture());
        }
    } else {
        // Where three want one name on one place alone, which of them gets another is a matter of order.
        assert_eq!(everything(&world), everything(&swapped));
    }
}

/// One-way modes: an exact copy is one; an update removes nothing; what moved in is there, once.
pub fn modes(case: &Case, mode: Mode) {
    let mut world = case.changed();
    let before = world.clone();
    let policy = Policy { mode, ..policy(ConflictPolicy::KeepBoth) };
    world.converge(&policy, chance(case.chance));
    assert!(everything(&before).is_subset(&everything(&world)));
    let files = |place: &Place| place.items.values().filter(|item| item.kind != EntryKind::Folder).count();
    match mode {
        Mode::Mirror => {
            assert_eq!(world.places[0].picture(), before.places[0].picture());
            if case.is_plain() {
                assert_eq!(world.places[1].picture(), before.places[0].picture());
            }
        }
        Mode::Update => {
            assert_eq!(world.places[0].picture(), before.places[0].picture());
            assert!(files(&world.places[1]) >= files(&before.places[1]));
        }
        Mode::MoveIn => {
            // What waits for a decision waits where it is.
            if case.is_plain() && world.look(&policy).plan.conflicts.is_empty() {
                assert_eq!(files(&world.places[0]), 0, "{:?}", world.places[0].picture());
                let new = before.places[0].contents();
                assert!(
                    new.iter()
                        .filter(|content| **content / 1000 == 2)
                        .all(|content| world.places[1].contents().contains(content))
                );
            }
        }
        Mode::TwoWay => {}
    }
}

/// Having come back what is gone on one side: nothing goes from the other, nothing that was edited is undone, and what
/// waits for nobody is on both sides.
pub fn what_is_gone_comes_back(case: &Case, from: Side, mode: Mode) {
    let mut world = case.changed();
    let before = world.clone();
    let usual = Policy { mode, ..policy(case.conflicts) };
    let policy = Policy { bring_back: Some(BringBack::Gone(from)), ..usual.clone() };
    let looked = world.look(&policy);
    let is_removal = |row: &&Operation| row.action == Action::Remove && row.why != Why::ConflictDecided;
    let goes = looked.plan.operations.iter().filter(|row| row.side == from).find(is_removal);
    assert!(goes.is_none(), "{goes:?}");
    world.apply(&looked, chance(case.chance), usize::MAX, true);
    world.converge(&usual, chance(case.chance));
    assert!(everything(&before).is_subset(&everything(&world)));
    let is_kept =
        mode == Mode::TwoWay && matches!(case.conflicts, ConflictPolicy::KeepBoth | ConflictPolicy::Ask);
    if is_kept {
        let visible = [0, 1].map(|side| world.places[side].contents());
        let [left, right] = [0, 1].map(|side| before.places[side].contents());
        for content in left.union(&right).filter(|content| **content / 1000 > 1) {
            assert!(
                visible.iter().any(|side| side.contains(content)),
                "an edit is only in the bin: {content}"
            );
        }
    }
}

/// A plain test run tries the same cases every time; with `PROPTEST_CASES` others each time.
pub fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok());
    let rng_seed = if asked.is_some() { RngSeed::Random } else { RngSeed::Fixed(2026) };
    ProptestConfig {
        cases: asked.unwrap_or(200),
        rng_seed,
        failure_persistence: None,
        max_shrink_iters: 3000,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn it_ends_and_loses_nothing(case in case()) {
        ends_and_loses_nothing(&case);
    }

    #[test]
    fn any_order_inside_a_batch_ends_the_same(case in case()) {
        order_does_not_matter(&case);
    }

    #[test]
    fn the_same_change_on_both_sides_moves_nothing(case in case()) {
        alike_moves_nothing(&case);
    }

    #[test]
    fn a_crash_after_any_row_converges(case in case(), stop in any::<usize>(), learns in any::<bool>()) {
        crashes_converge(&case, stop, learns);
    }

    #[test]
    fn one_side_unchanged_yields_the_other(case in case(), side in 0..2_usize) {
        one_side_unchanged(&case, side);
    }

    #[test]
    fn what_can_not_be_read_is_not_gone(case in case(), which in any::<usize>(), side in 0..2_usize) {
        blind_is_not_gone(&case, which, side);
    }

    #[test]
    fn what_is_left_out_stays_and_nothing_comes_in_its_place(
        case in case(),
        which in any::<u64>(),
        side in 0..2_usize,
        mode in prop_oneof![Just(Mode::TwoWay), Just(Mode::Mirror), Just(Mode::Update)],
    ) {
        left_out_is_left(&case, which, side, mode);
    }

    #[test]
    fn swapping_the_sides_swaps_the_result(case in case()) {
        sides_swap(&case);
    }

    #[test]
    fn one_way_modes_go_one_way(case in case(), mode in prop_oneof![Just(Mode::Mirror), Just(Mode::Update), Just(Mode::MoveIn)]) {
        modes(&case, mode);
    }

    #[test]
    fn what_is_gone_comes_back_and_no_edit_goes_with_it(
        case in case(),
        from in prop_oneof![Just(Side::Left), Just(Side::Right)],
        mode in prop_oneof![Just(Mode::TwoWay), Just(Mode::Mirror)],
    ) {
        // Into a mirror nothing comes back from the right but to the left.
        let from = if mode == Mode::Mirror { Side::Right } else { from };
        what_is_gone_comes_back(&case, from, mode);
    }
}
