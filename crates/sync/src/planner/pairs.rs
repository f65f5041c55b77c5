//! What is new on both sides under one name is one item.
//!
//! Folders become one whatever they hold; files and links too, and then differ or not. Names that are the same only on
//! one of the places (by case, by form, by mapping) make one item only of folders and of what holds the same: anything
//! else keeps two items, so that nothing is taken for a conflict that is none. Deliberately not here: deciding.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use keepwell_endpoint::tree::Capabilities;
use keepwell_model::EntryKind;

use super::view::{Name, Slot, View, number};
use crate::names;
use crate::node::{Content, NodeId, Side, State};

/// Unites them, from the root down.
pub(super) fn unite(view: &mut View<'_>) {
    unite_all(view, false);
}

/// Unites them, and answers with the ids of the files that have to be read to know whether they are the same.
pub(super) fn unite_for_reading(view: &mut View<'_>) -> Vec<(NodeId, NodeId)> {
    unite_all(view, true)
}

fn unite_all(view: &mut View<'_>, is_for_reading: bool) -> Vec<(NodeId, NodeId)> {
    let mut to_read = Vec::new();
    let mut fresh: [HashMap<NodeId, Vec<usize>>; 2] = [HashMap::new(), HashMap::new()];
    for row in 0..view.nodes.len() {
        if view.base_of(row).is_some() {
            continue;
        }
        for side in Side::BOTH {
            if let Some(item) = view.item(row, side) {
                fresh[number(side)].entry(item.parent).or_default().push(row);
            }
        }
    }
    let [left, right] = &mut fresh;
    let mut folders: Vec<(NodeId, NodeId)> =
        left.keys().filter(|folder| right.contains_key(folder)).map(|folder| (*folder, *folder)).collect();
    folders.sort_unstable();
    while let Some((left_folder, right_folder)) = folders.pop() {
        let (Some(left), Some(right)) = (left.get(&left_folder), right.get(&right_folder)) else { continue };
        for (one, two) in matches(view, left, right, is_for_reading) {
            let states = (view.item(one, Side::Left), view.item(two, Side::Right));
            if let (Some(one_item), Some(two_item)) = states
                && may_be_same(&one_item.state, &two_item.state)
            {
                to_read.push((view.nodes[one].id, view.nodes[two].id));
            }
            if view.nodes[one].kind == EntryKind::Folder {
                folders.push((view.nodes[one].id, view.nodes[two].id));
            }
            view.unite(one, two);
        }
    }
    to_read
}

/// Two files as long as each other, at least one of them not read yet.
fn may_be_same(one: &State, two: &State) -> bool {
    one.kind == EntryKind::File
        && two.kind == EntryKind::File
        && one.size_bytes == two.size_bytes
        && (one.content == Content::Unread || two.content == Content::Unread)
}

fn matches(view: &View<'_>, left: &[usize], right: &[usize], is_for_reading: bool) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    let mut rest: Vec<usize> = Vec::new();
    let mut by_name: HashMap<&[u8], usize> =
        right.iter().filter_map(|row| Some((seen_name(view, *row, Side::Right)?, *row))).collect();
    for one in left {
        let Some(name) = seen_name(view, *one, Side::Left) else { continue };
        match by_name.get(name).copied() {
            Some(two) if view.nodes[*one].kind == view.nodes[two].kind => {
                by_name.remove(name);
                found.push((*one, two));
            }
            _ => rest.push(*one),
        }
    }
    // The same name only on one of the places.
    let (left_takes, right_takes) = (view.capabilities(Side::Left), view.capabilities(Side::Right));
    let is_loose = rest.is_empty() || by_name.is_empty();
    if is_loose {
        return found;
    }
    let mut by_key: HashMap<Vec<u8>, usize> = HashMap::new();
    // In the order of the rows: the same trees always make the same plan.
    for two in right {
        let Some(name) = seen_name(view, *two, Side::Right) else { continue };
        if by_name.get(name) != Some(two) {
            continue;
        }
        by_key.insert(names::key(name, left_takes).into_owned(), *two);
        by_key.insert(names::key(name, right_takes).into_owned(), *two);
        by_key.insert(names::mapped(name, left_takes).into_owned(), *two);
    }
    // What is new on one side may have got another name on the other, in a folder of which nothing was agreed on.
    let is_apart_there = by_name.keys().any(|name| names::may_be_apart(name));
    let of_rest = rest.iter().filter_map(|one| seen_name(view, *one, Side::Left));
    let set_apart: HashSet<Cow<'_, [u8]>> = of_rest
        .filter(|name| names::may_be_apart(name))
        .map(|name| names::shown_key(name, left_takes))
        .collect();
    let mut by_apart: HashMap<Vec<u8>, usize> = HashMap::new();
    // Only those that are there are kept: a folder may hold a million names.
    for two in right.iter().filter(|_| !set_apart.is_empty()) {
        let Some(name) = seen_name(view, *two, Side::Right) else { continue };
        if by_name.get(name) == Some(two) {
            let made = names::likely_apart(name, left_takes);
            let made = made.map(|made| names::shown_key(&made, left_takes).into_owned());
            for made in made.filter(|made| set_apart.contains(made.as_slice())) {
                by_apart.entry(made).or_insert(*two);
            }
        }
    }
    let mut taken: HashSet<usize> = HashSet::new();
    for one in rest {
        let Some(name) = seen_name(view, one, Side::Left) else { continue };
        let mut candidates = vec![
            names::mapped(name, right_takes).into_owned(),
            names::key(name, right_takes).into_owned(),
            names::key(name, left_takes).into_owned(),
            name.to_vec(),
        ];
        if is_apart_there {
            let made = names::likely_apart(name, right_takes);
            candidates.extend(made.map(|made| names::shown_key(&made, right_takes).into_owned()));
        }
        let twos =
            candidates.iter().filter_map(|key| by_key.get(key).or_else(|| by_name.get(key.as_slice())));
        let is_one = |two: &usize| {
            let (Some(left), Some(right)) = (view.item(one, Side::Left), view.item(*two, Side::Right)) else {
                return false;
            };
            left.state.kind == right.state.kind && left.state.is_same_content(&right.state)
                || (is_for_reading && may_be_same(&left.state, &right.state))
        };
        let two = twos
            .chain(by_apart.get(names::shown_key(name, left_takes).as_ref()))
            .copied()
            .find(|two| !taken.contains(two) && is_one(two));
        if let Some(two) = two {
            taken.insert(two);
            found.push((one, two));
        }
    }
    found
}

fn seen_name<'a>(view: &View<'a>, row: usize, side: Side) -> Option<&'a [u8]> {
    match view.slot(row, side) {
        Slot::Seen(seen) => Some(seen.name),
        _ => None,
    }
}

/// What each side calls an item, where that is not what the pair calls it.
pub(super) type NamesOn = Option<Box<[Option<Box<[u8]>>; 2]>>;

/// What the pair calls an item both sides have under names that may differ in form: the name, and what the sides call
/// it if that is another one. Nothing where they are two names.
pub(super) fn common_name(view: &View<'_>, row: usize) -> Option<(Name, NamesOn)> {
    let (left, right) = (view.item(row, Side::Left)?, view.item(row, Side::Right)?);
    if left.name == right.name {
        return Some((Name::Of(Side::Left), None));
    }
    // The name is that of the side where the other's could not be, or where the two would be two: it tells more.
    let follows = |name: &[u8], from: &[u8], place: &Capabilities| {
        names::mapped(from, place) == name || names::is_apart(name, from, place)
    };
    let [left_takes, right_takes] = Side::BOTH.map(|side| view.capabilities(side));
    let is_one_on = |place: &Capabilities| names::key(left.name, place) == names::key(right.name, place);
    let is_made = [follows(left.name, right.name, left_takes), follows(right.name, left.name, right_takes)];
    let is_lefts = match (is_made, [left_takes, right_takes].map(is_one_on)) {
        ([true, false], _) | ([false, false], [true, false]) => false,
        ([false, true], _) | ([false, false], [false, true]) => true,
        ([false, false], [false, false]) => return None,
        // By something both sides see alike.
        ([true, true], _) | ([false, false], [true, true]) => left.name < right.name,
    };
    Some(match is_lefts {
        true => (Name::Of(Side::Left), Some(Box::new([None, Some(right.name.into())]))),
        false => (Name::Of(Side::Right), Some(Box::new([Some(left.name.into()), None]))),
    })
}
