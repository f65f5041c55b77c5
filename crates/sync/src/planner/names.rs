//! Names that collide: two items that are to have one name in one folder, on one side or on both; and names on the way
//! that a run left somebody under.
//!
//! What lies there and stays keeps the name. Where the sides themselves tell the names apart and only one place does
//! not, the other item has another name on that place alone, kept in the base; where the name is the same on both, it is a
//! conflict. Invariants: no two items of a folder end under names that are one there; nobody is renamed without need.
//! Deliberately not here: what names are like (`names`).

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{HashMap, HashSet};

use keepwell_endpoint::tree::STEP_PREFIX;
use keepwell_model::EntryKind;

use super::decide::{Conflicts, report};
use super::view::{Name, View, number};
use crate::names;
use crate::node::{Content, NodeId, Side};
use crate::plan::{ConflictKind, Why};
use crate::policy::{Choice, ConflictPolicy, Mode};

/// More conflict copies of one name a day than this are not named apart any more.
const NUMBERS_LIMIT: u32 = 100_000;
/// What something on its way is called of which nobody knows what it was called before.
const NAME_UNKNOWN: &[u8] = b"renamed item";

/// Which names are not free in a folder, on either side, now or later. Looked up only where a name is invented.
#[derive(Default)]
pub(super) struct Taken {
    of_nodes: Option<HashMap<NodeId, HashSet<Vec<u8>>>>,
    of_base: HashSet<NodeId>,
}

impl Taken {
    fn names(&mut self, view: &View<'_>, folder: NodeId) -> &mut HashSet<Vec<u8>> {
        let by_folder = self.of_nodes.get_or_insert_with(|| {
            let mut by_folder: HashMap<NodeId, HashSet<Vec<u8>>> = HashMap::new();
            for row in 0..view.nodes.len() {
                for side in Side::BOTH {
                    if let Some((parent, name)) = view.place(row, side) {
                        by_folder.entry(parent).or_default().insert(names::loose_key(name).into_owned());
                    }
                }
            }
            by_folder
        });
        let names = by_folder.entry(folder).or_default();
        if self.of_base.insert(folder) {
            for child in view.base.children(folder) {
                let Some(entry) = view.base.get(*child) else { continue };
                for side in Side::BOTH {
                    names.insert(names::loose_key(entry.name_on(side)).into_owned());
                }
            }
        }
        names
    }

    /// A free name for a conflict copy of what a side has.
    pub(super) fn conflict_name(
        &mut self,
        view: &View<'_>,
        folder: NodeId,
        name: &[u8],
        of: Side,
    ) -> Vec<u8> {
        let side_name = view.policy.side_name(of);
        let places = [view.capabilities(Side::Left), view.capabilities(Side::Right)];
        let taken = self.names(view, folder);
        let mut made = Vec::new();
        for number in 1..NUMBERS_LIMIT {
            made = names::conflict_copy(name, side_name, &view.policy.today, number, places);
            if taken.insert(names::loose_key(&made).into_owned()) {
                break;
            }
        }
        made
    }

    /// A free name for one place that does not tell this one from another's.
    fn name_apart(&mut self, view: &View<'_>, folder: NodeId, name: &[u8], side: Side) -> Vec<u8> {
        let place = view.capabilities(side);
        let taken = self.names(view, folder);
        let mut made = Vec::new();
        for next in names::all_apart(name, place).take(NUMBERS_LIMIT as usize) {
            made = next;
            if taken.insert(names::loose_key(&made).into_owned()) {
                break;
            }
        }
        made
    }
}

/// What the pair would call by a name on the way gets a name of its own: that of the other side, else one beside the name
/// of the item that was to go through it. It is not known to be that item, because a run was killed there and somebody
/// else took the item's places; and it would have that name for ever, for what is on its way is not looked at as moved.
pub(super) fn off_the_way(view: &mut View<'_>, taken: &mut Taken) {
    for row in 0..view.nodes.len() {
        let node = &view.nodes[row];
        if node.is_held || !node.exists {
            continue;
        }
        let Some(id) = view.pair_name(row).strip_prefix(STEP_PREFIX) else { continue };
        let is_called =
            |side: &Side| view.place(row, *side).is_some_and(|(_, name)| !name.starts_with(STEP_PREFIX));
        let name = match Side::BOTH.into_iter().find(is_called) {
            Some(side) => Name::Of(side),
            None => {
                let (name, folder) = (name_before(view, id, node.kind), node.parent);
                Name::Own(taken.conflict_name(view, folder, &name, named_by(view, row)).into())
            }
        };
        let node = &mut view.nodes[row];
        (node.name, node.names_on) = (name, None);
        node.why_moved = Why::ConflictCopy;
    }
}

/// What the pair is going to call the item that went to a name on the way.
fn name_before(view: &View<'_>, on_the_way: &[u8], kind: EntryKind) -> Vec<u8> {
    let of_node = || {
        let digits = std::str::from_utf8(on_the_way).ok()?.split('-').next()?;
        let id = NodeId(u64::from_str_radix(digits, 16).ok()?);
        let entry = view.base.get(id).filter(|entry| entry.state.kind == kind)?;
        let name = view.row(id).map_or(entry.name, |row| view.pair_name(row));
        (!name.starts_with(STEP_PREFIX)).then(|| name.to_vec())
    };
    of_node().unwrap_or_else(|| NAME_UNKNOWN.to_vec())
}

/// Finds collisions and parts them; whether anything changed.
pub(super) fn part(view: &mut View<'_>, taken: &mut Taken, conflicts: &Conflicts) -> bool {
    let mut is_changed = false;
    for side in Side::BOTH {
        for slot in crowded(view, side) {
            is_changed |= part_one(view, side, slot, taken, conflicts);
        }
    }
    is_changed
}

/// One of those who want a name.
#[derive(Clone, Copy)]
enum Who {
    /// A node that differs from the base somewhere.
    Row(usize),
    /// One that is as the base says on both sides, and stays.
    Untouched,
}

/// The names of a side that more than one item is to have.
fn crowded(view: &View<'_>, side: Side) -> Vec<Vec<Who>> {
    let mut busy: HashSet<NodeId> = HashSet::new();
    for row in 0..view.nodes.len() {
        if view.arrives(row, side)
            && let Some((parent, _)) = view.target(row, side)
        {
            busy.insert(parent);
        }
    }
    if busy.is_empty() {
        return Vec::new();
    }
    // Folder by folder: with a million new files all names at once would be most of the memory of the run.
    let mut wanted: Vec<(NodeId, usize)> = (0..view.nodes.len())
        .filter_map(|row| Some((view.target(row, side)?.0, row)))
        .filter(|(parent, _)| busy.contains(parent))
        .collect();
    wanted.sort_unstable();
    let mut found = Vec::new();
    for rows in wanted.chunk_by(|one, two| one.0 == two.0) {
        found.extend(crowded_in(view, side, rows[0].0, rows));
    }
    found
}

/// The names in one folder that more than one item is to have.
fn crowded_in(view: &View<'_>, side: Side, folder: NodeId, rows: &[(NodeId, usize)]) -> Vec<Vec<Who>> {
    let place = view.capabilities(side);
    let targets: Vec<(Cow<'_, [u8]>, usize)> =
        rows.iter().filter_map(|(_, row)| Some((view.target(*row, side)?.1, *row))).collect();
    let mut names: Vec<(Cow<'_, [u8]>, usize)> =
        targets.iter().map(|(name, row)| (names::key(name, place), *row)).collect();
    names.sort_unstable();
    let mut untouched: HashMap<usize, usize> = HashMap::new();
    for child in view.base.children(folder) {
        if view.row(*child).is_some() {
            continue;
        }
        let Some(entry) = view.base.get(*child) else { continue };
        let key = names::key(entry.name_on(side), place);
        let first = names.partition_point(|(name, _)| *name < key);
        if names.get(first).is_some_and(|(name, _)| *name == key) {
            *untouched.entry(first).or_default() += 1;
        }
    }
    let mut found = Vec::new();
    let mut first = 0;
    for group in names.chunk_by(|one, two| one.0 == two.0) {
        let others = untouched.get(&first).copied().unwrap_or(0);
        if group.len() + others > 1 {
            let wanting = group.iter().map(|(_, row)| Who::Row(*row));
            found.push(wanting.chain(std::iter::repeat_n(Who::Untouched, others)).collect());
        }
        first += group.len();
    }
    found
}

fn part_one(
    view: &mut View<'_>,
    side: Side,
    mut slot: Vec<Who>,
    taken: &mut Taken,
    conflicts: &Conflicts,
) -> bool {
    slot.sort_by(|one, two| match (one, two) {
        (Who::Untouched, Who::Untouched) => Ordering::Equal,
        (Who::Untouched, _) => Ordering::Less,
        (_, Who::Untouched) => Ordering::Greater,
        (Who::Row(one), Who::Row(two)) => precedence(view, *one, *two),
    });
    let mut is_changed = false;
    let winner = slot[0];
    for who in &slot[1..] {
        let Who::Row(row) = *who else { continue };
        // An earlier one of this very slot may have changed it.
        if view.nodes[row].is_held || !view.arrives_or_yields(row, side) {
            continue;
        }
        is_changed |= give_way(view, side, winner, row, taken, conflicts);
    }
    is_changed
}

/// Who keeps a name: what can not move, what another place is filled with, what lies there already, folders, the later one.
fn precedence(view: &View<'_>, one: usize, two: usize) -> Ordering {
    let rank = |row: usize| {
        let node = &view.nodes[row];
        let lies = Side::BOTH.map(|side| view.is_present(row, side) && !view.arrives(row, side));
        // By what either side has of it: swapping the sides must not change who wins.
        let latest = Side::BOTH.into_iter().filter_map(|side| view.item(row, side)).map(|item| {
            let content = match item.state.content {
                Content::Known(hash) => Some(*hash.as_bytes()),
                _ => None,
            };
            (item.state.modified, content, item.state.size_bytes)
        });
        (
            node.is_held,
            view.filled_from().is_some_and(|from| lies[number(from)]),
            // On how many sides, not on which.
            lies.iter().filter(|lies| **lies).count(),
            node.kind == EntryKind::Folder,
            latest.max(),
        )
    };
    let by_name = || view.pair_name(one).cmp(view.pair_name(two));
    rank(two).cmp(&rank(one)).then_with(by_name).then_with(|| view.nodes[one].id.cmp(&view.nodes[two].id))
}

fn give_way(
    view: &mut View<'_>,
    side: Side,
    winner: Who,
    row: usize,
    taken: &mut Taken,
    conflicts: &Conflicts,
) -> bool {
    let parent = view.nodes[row].parent;
    let other = side.other();
    let is_same_there = match winner {
        // The base has it on both sides; that both tell it apart on the other side was looked at there.
        Who::Untouched => false,
        Who::Row(winner) => {
            let place = view.capabilities(other);
            (view.nodes[winner].is_held && !is_one_way(view))
                || match (view.target(winner, other), view.target(row, other)) {
                    (Some((one_parent, one)), Some((two_parent, two))) => {
                        one_parent == two_parent && names::key(&one, place) == names::key(&two, place)
                    }
                    _ => true,
                }
        }
    };
    if !is_same_there && (!is_same_name(view, winner, row) || is_known_apart(view, winner, row, other)) {
        let name = view.pair_name(row).to_vec();
        let apart = taken.name_apart(view, parent, &name, side);
        view.nodes[row].names_on.get_or_insert_default()[number(side)] = Some(apart.into());
        return true;
    }
    let path = view.path_for_people(row);
    let policy = conflicts.at(&path, view.nodes[row].kind);
    let is_held = matches!(winner, Who::Row(winner) if view.nodes[winner].is_held);
    let is_winner_held = is_held && !is_one_way(view);
    let decided = match (said(view, winner, row), policy) {
        (Some(Choice::LeftToRight), _) | (None, ConflictPolicy::Left) => Some(Side::Left),
        (Some(Choice::RightToLeft), _) | (None, ConflictPolicy::Right) => Some(Side::Right),
        _ => None,
    };
    let is_asked = policy == ConflictPolicy::Ask && said(view, winner, row).is_none();
    if is_asked || is_winner_held {
        if !is_winner_held && let Who::Row(winner) = winner {
            let is_other_kind = view.nodes[winner].kind != view.nodes[row].kind;
            let kind = if is_other_kind { ConflictKind::KindChanged } else { ConflictKind::BothCreated };
            report_two(view, winner, row, kind);
            view.hold(winner);
            view.contested.extend([winner, row]);
        }
        view.hold(row);
        return true;
    }
    let mut loser = row;
    if let (Some(side), Who::Row(winner)) = (decided, winner)
        && !is_held
        && view.is_present(row, side)
        && !view.is_present(winner, side)
    {
        loser = winner;
    }
    let is_new_file = view.base_of(loser).is_none() && view.nodes[loser].kind != EntryKind::Folder;
    if decided.is_some_and(|side| !view.is_present(loser, side)) && is_new_file {
        view.nodes[loser].exists = false;
        view.nodes[loser].why = Why::ConflictDecided;
        return true;
    }
    let is_one_way = is_one_way(view);
    let name = match is_one_way {
        true => view.name_on(loser, Side::Right).into_owned(),
        false => view.pair_name(loser).to_vec(),
    };
    let parent = view.nodes[loser].parent;
    let name = taken.conflict_name(view, parent, &name, named_by(view, loser));
    let node = &mut view.nodes[loser];
    if is_one_way {
        // The left is not touched: the pair keeps the name.
        node.names_on.get_or_insert_default()[number(Side::Right)] = Some(name.into());
    } else {
        node.name = Name::Own(name.into());
        node.names_on = None;
    }
    node.why_moved = Why::ConflictCopy;
    if node.why == Why::New {
        node.why = Why::ConflictCopy;
    }
    true
}

/// Where changes go one way, what the other side has for itself is held, and that is nothing to wait for.
fn is_one_way(view: &View<'_>) -> bool {
    matches!(view.policy.mode, Mode::Update | Mode::MoveIn) && view.policy.bring_back.is_none()
}

/// The side that gave an item the name it has to give up.
fn named_by(view: &View<'_>, row: usize) -> Side {
    let lies = Side::BOTH.map(|side| view.is_present(row, side) && !view.arrives(row, side));
    match lies {
        [true, false] => Side::Left,
        [false, true] => Side::Right,
        _ if view.is_present(row, Side::Left) => Side::Left,
        _ => Side::Right,
    }
}

/// What a person said to either of the two.
fn said(view: &View<'_>, winner: Who, row: usize) -> Option<Choice> {
    let of = |row: usize| {
        let node = &view.nodes[row];
        view.policy.choices.get(&node.id).or_else(|| view.policy.choices.get(&node.right_id)).copied()
    };
    let winner = match winner {
        Who::Row(winner) => of(winner),
        Who::Untouched => None,
    };
    winner.or_else(|| of(row)).filter(|choice| *choice != Choice::Skip)
}

/// Whether the pair calls both the same, so that only a name one of them has on a place alone can tell them apart.
fn is_same_name(view: &View<'_>, winner: Who, row: usize) -> bool {
    match winner {
        Who::Untouched => false,
        Who::Row(winner) => view.pair_name(winner) == view.pair_name(row),
    }
}

/// Whether a side has both, and so tells them apart: neither name there was invented just now for the sake of somebody else.
fn is_known_apart(view: &View<'_>, winner: Who, row: usize, side: Side) -> bool {
    let is_known = |row: usize| {
        let is_invented =
            view.nodes[row].names_on.as_ref().is_some_and(|names| names[number(side)].is_some());
        view.is_present(row, side) && !is_invented
    };
    match winner {
        Who::Untouched => true,
        Who::Row(winner) => is_known(winner) && is_known(row),
    }
}

/// One conflict for two items that want one name: each side is shown with its own.
fn report_two(view: &mut View<'_>, winner: usize, row: usize, kind: ConflictKind) {
    let winner_is_left = view.is_present(winner, Side::Left)
        && (!view.is_present(winner, Side::Right) || view.is_present(row, Side::Right));
    let (left, right) = if winner_is_left { (winner, row) } else { (row, winner) };
    report(view, left, kind, Some(if winner_is_left { Side::Left } else { Side::Right }));
    let version = crate::plan::Version {
        path: view.path_now(right, Side::Right),
        state: view.item(right, Side::Right).map(|item| item.state),
    };
    let right_node = view.nodes[right].id;
    if let Some(conflict) = view.conflicts.last_mut() {
        (conflict.right, conflict.right_node) = (version, right_node);
    }
}
