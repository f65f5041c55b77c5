//! What was moved: which of a side's new items are items the base knew elsewhere; and what has to be read to know.
//!
//! An item is known again by its id on the place, if size and time are those of the base too (ids are given again) and the
//! time tells (`telling`), or its content is; where ids do not survive renames, by its content alone. An item that is still
//! at its path keeps its identity: programs that save by renaming do not move anything. Its path is its name in its folder,
//! wherever that has gone. Invariants: nothing is known again that is still where it was, but what a killed run moved
//! (`meet`); at most one item claims to be the base's; a wrong guess costs a rename,
//! never content. Deliberately not here: reading (`run`), deciding (`planner`).

use std::collections::{BTreeMap, HashMap, HashSet};

use keepwell_endpoint::tree::{Fingerprint, STEP_PREFIX};
use keepwell_model::{ContentHash, EntryKind};

use super::pairs::unite_for_reading;
use super::telling::Telling;
use super::view::{Implied, View, implied};
use crate::names;
use crate::node::{Content, NodeId, Side, State};
use crate::policy::Policy;
use crate::trees::{BaseEntry, BaseTree, Seen, SeenEntry, SeenNode, SideTree, is_stale};

/// A file whose content has to be hashed before the run can be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Demand {
    /// The side it is read on.
    pub side: Side,
    /// Its id there.
    pub node: NodeId,
}

/// A new item and its name.
type Named<'t> = (NodeId, &'t [u8]);

/// Which files have to be hashed. To be asked before [`resolve`] and again after it, when more items are known to be one.
#[must_use]
pub fn demands(base: &BaseTree, left: &SideTree, right: &SideTree) -> Vec<Demand> {
    let mut found = Vec::new();
    for (side, tree, across) in [(Side::Left, left, right), (Side::Right, right, left)] {
        for (node, seen) in tree.changes.all_here() {
            let Some(entry) = base.get(node) else { continue };
            let state = seen.state;
            if !is_unread(&state) || entry.state.kind != EntryKind::File {
                continue;
            }
            let may_be_base = state.size_bytes == entry.state.size_bytes
                && matches!(entry.state.content, Content::Known(_));
            let other = across.changes.here(node).map(|other| other.state);
            let may_be_same = other
                .is_some_and(|other| other.kind == EntryKind::File && other.size_bytes == state.size_bytes);
            if may_be_base || may_be_same {
                found.push(Demand { side, node });
            }
        }
        found.extend(moved_and_touched(base, tree, side).into_iter().map(|node| Demand { side, node }));
        found.extend(may_be_moved(base, tree, side).into_iter().map(|node| Demand { side, node }));
    }
    if has_news(base, left) && has_news(base, right) {
        found.extend(new_on_both(base, left, right));
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// Whether a side has anything that the base has not, or as another kind.
fn has_news(base: &BaseTree, tree: &SideTree) -> bool {
    tree.changes
        .all_here()
        .any(|(id, seen)| base.get(id).is_none_or(|entry| entry.state.kind != seen.state.kind))
}

/// What is new on both sides under one name and may be the same.
fn new_on_both(base: &BaseTree, left: &SideTree, right: &SideTree) -> Vec<Demand> {
    let mut found = Vec::new();
    // A hash of one side alone tells nothing where the other was hashed before: its item has a known content then.
    let policy = Policy::default();
    let implied = [implied(base, left, Side::Left), implied(base, right, Side::Right)];
    let mut view = View::new(base, left, right, &policy, [&implied[0], &implied[1]], false);
    for (left_id, right_id) in unite_for_reading(&mut view) {
        for (side, tree, node) in [(Side::Left, left, left_id), (Side::Right, right, right_id)] {
            if tree.changes.here(node).is_some_and(|seen| is_unread(&seen.state)) {
                found.push(Demand { side, node });
            }
        }
    }
    found
}

fn is_unread(state: &State) -> bool {
    state.kind == EntryKind::File && state.content == Content::Unread
}

/// Items with the id and the length of something the base knew elsewhere, but not with its time, or with one that does not
/// tell which file it is.
fn moved_and_touched(base: &BaseTree, tree: &SideTree, side: Side) -> Vec<NodeId> {
    let mut gone: HashMap<u64, Vec<BaseEntry<'_>>> = HashMap::new();
    let ids = tree.changes.ids().chain(implied(base, tree, side).into_keys());
    for entry in ids.filter_map(|id| base.get(id)) {
        let id = entry.fingerprint_on(side).id;
        if id != 0 && entry.state.kind == EntryKind::File {
            gone.entry(id).or_default().push(entry);
        }
    }
    if gone.is_empty() {
        return Vec::new();
    }
    let known = |seen: &SeenEntry<'_>| gone.get(&seen.fingerprint.id).filter(|_| is_unread(&seen.state));
    let may_be = |seen: &SeenEntry<'_>| known(seen).and(seen.fingerprint.modified);
    let times = tree.changes.all_here().filter_map(|(_, seen)| may_be(&seen));
    let telling = Telling::of(base, side, &tree.capabilities, times);
    let asked = tree.changes.all_here().filter_map(|(id, seen)| {
        let now = &seen.fingerprint;
        let known = known(&seen)?;
        let is_here = base.get(id).is_some_and(|own| own.fingerprint_on(side).id == now.id);
        let is_like = known.iter().any(|entry| {
            let before = entry.fingerprint_on(side);
            before.size_bytes == now.size_bytes && !is_same_by_look(before, now, &telling)
        });
        (!is_here && is_like).then_some(id)
    });
    asked.collect()
}

/// Whether a file with the id and the size of another one is that file, without reading it: ids are given again, so it has
/// its time too, and either nothing else happened to it, as to what only moved with its folder, or no other has that time.
fn is_same_by_look(before: &Fingerprint, now: &Fingerprint, telling: &Telling) -> bool {
    let is_untouched = !now.version.is_unknown() && now.version == before.version;
    now.modified == before.modified
        && (is_untouched || now.modified.is_none_or(|time| telling.is_of_one(time)))
}

/// New files on a place without lasting ids that are as long as one that is gone.
fn may_be_moved(base: &BaseTree, tree: &SideTree, side: Side) -> Vec<NodeId> {
    if tree.capabilities.stable_ids {
        return Vec::new();
    }
    let implied = implied(base, tree, side);
    let gone = gone_files(base, tree, side, &implied);
    let sizes: HashSet<u64> = gone.iter().map(|(_, entry)| entry.state.size_bytes).collect();
    let quick = quick_matches(base, tree, side, &gone);
    let fresh = tree.changes.all_here().filter(|(id, _)| !base.contains(*id));
    let asked = fresh.filter(|(id, seen)| {
        let state = seen.state;
        is_unread(&state)
            && state.size_bytes > 0
            && sizes.contains(&state.size_bytes)
            && !quick.contains_key(id)
    });
    asked.map(|(id, _)| id).collect()
}

/// Files and links that are gone, but for empty ones: those are all alike; and for those of which the base knows that
/// this side had something else there: what holds the base's content has not been there.
fn gone_files<'b>(
    base: &'b BaseTree,
    tree: &SideTree,
    side: Side,
    implied: &BTreeMap<NodeId, Implied>,
) -> Vec<(NodeId, BaseEntry<'b>)> {
    let mut ids: Vec<NodeId> = tree.changes.all_gone().chain(implied.keys().copied()).collect();
    ids.sort_unstable();
    ids.dedup();
    let files = ids.into_iter().filter_map(|id| Some((id, base.get(id)?)));
    let is_told = |entry: &BaseEntry<'_>| {
        entry.state.kind != EntryKind::Folder
            && entry.state.size_bytes > 0
            && !is_stale(entry.fingerprint_on(side))
    };
    files.filter(|(_, entry)| is_told(entry)).collect()
}

/// What has the name, the size and the very time of exactly one file that is gone is that file, without reading it, where
/// that time tells.
fn quick_matches(
    base: &BaseTree,
    tree: &SideTree,
    side: Side,
    gone: &[(NodeId, BaseEntry<'_>)],
) -> HashMap<NodeId, NodeId> {
    let mut by_look: HashMap<_, Vec<NodeId>> = HashMap::new();
    for (id, entry) in gone {
        if let Some(modified) = entry.fingerprint_on(side).modified {
            by_look.entry((entry.name_on(side), entry.state.size_bytes, modified)).or_default().push(*id);
        }
    }
    let mut found: HashMap<NodeId, Vec<NodeId>> = HashMap::new();
    for (id, seen) in tree.changes.all_here() {
        let state = seen.state;
        let Some(modified) = state.modified else { continue };
        if base.contains(id) || !is_unread(&state) {
            continue;
        }
        if let Some(ids) = by_look.get(&(seen.name, state.size_bytes, modified))
            && let [only] = ids.as_slice()
        {
            found.entry(*only).or_default().push(id);
        }
    }
    let time_of = |id: NodeId| base.get(id).and_then(|entry| entry.fingerprint_on(side).modified);
    let only = found.into_iter().filter_map(|(gone, fresh)| match fresh.as_slice() {
        [only] => Some((*only, gone, time_of(gone)?)),
        _ => None,
    });
    let only: Vec<_> = only.collect();
    let telling = Telling::of(base, side, &tree.capabilities, only.iter().map(|(_, _, time)| *time));
    only.into_iter()
        .filter(|(_, _, time)| telling.is_of_one(*time))
        .map(|(fresh, gone, _)| (fresh, gone))
        .collect()
}

/// Gives new items that are moved ones the base's ids.
#[must_use]
pub fn resolve(base: &BaseTree, mut tree: SideTree, side: Side) -> SideTree {
    make_explicit(base, &mut tree, side);
    let claims = claims_by_id(base, &tree, side);
    take_content(base, &mut tree, &claims);
    settle(base, &mut tree, side, &claims);
    claim_by_place(base, &mut tree, side);
    // A place with ids tells by them alone: what was read there was read for another reason, and may be not the next time.
    if !tree.capabilities.stable_ids {
        let claims = claims_by_content(base, &tree, side);
        take_content(base, &mut tree, &claims);
        settle(base, &mut tree, side, &claims);
        // Only now it is known which folders moved.
        claim_by_place(base, &mut tree, side);
    }
    forget_unchanged(base, &mut tree, side);
    tree
}

/// Where a place shows another case than it was given, nobody renamed what is known in its folder under a name that differs
/// by that alone: it is called what it was called. What came into another folder has the name somebody gave it there.
fn keep_names(base: &BaseTree, tree: &mut SideTree, side: Side) {
    if tree.capabilities.keeps_case {
        return;
    }
    let known = |(id, seen): (NodeId, SeenEntry<'_>)| {
        let entry = base.get(id)?;
        let known = entry.name_on(side);
        let is_it = names::key(seen.name, &tree.capabilities) == names::key(known, &tree.capabilities);
        (is_it && seen.parent == entry.parent && seen.name != known).then(|| (id, known.to_vec()))
    };
    for (id, name) in tree.changes.all_here().filter_map(known).collect::<Vec<_>>() {
        if let Some(Seen::Here(mut seen)) = tree.changes.remove(id) {
            seen.name = name;
            tree.changes.insert(id, Seen::Here(seen));
        }
    }
}

/// What turned out to be where and what the base says is no difference, unless it is to go on from there.
pub(crate) fn forget_unchanged(base: &BaseTree, tree: &mut SideTree, side: Side) {
    keep_names(base, tree, side);
    let as_base = |id, seen: &SeenEntry<'_>| {
        !seen.name.starts_with(STEP_PREFIX)
            && base.get(id).is_some_and(|entry| is_as_base(seen, &entry, side))
    };
    let unchanged = tree.changes.all_here().filter(|(id, seen)| as_base(*id, seen)).map(|(id, _)| id);
    for id in unchanged.collect::<Vec<_>>() {
        tree.changes.remove(id);
    }
}

/// Whether a side's item is in every respect what and where the base says.
pub(crate) fn is_as_base(seen: &SeenEntry<'_>, entry: &BaseEntry<'_>, side: Side) -> bool {
    let (now, before) = (&seen.state, &entry.state);
    seen.parent == entry.parent
        && seen.name == entry.name_on(side)
        && now.is_same_content(before)
        && (now.mode == before.mode || now.mode.is_none())
        && (now.attributes == before.attributes || now.attributes.is_none())
        && seen.fingerprint.is_unchanged_since(entry.fingerprint_on(side))
        && seen.fingerprint.id == entry.fingerprint_on(side).id
}

/// Names what only follows: what was in folders that are gone; what became another kind is something new.
fn make_explicit(base: &BaseTree, tree: &mut SideTree, side: Side) {
    let mut aliases = HashMap::new();
    for (id, implied) in implied(base, tree, side) {
        match implied {
            Implied::Gone => {
                tree.changes.insert(id, Seen::Gone);
            }
            Implied::Became(fresh) => {
                if let Some(seen) = tree.changes.remove(id) {
                    tree.changes.insert(id, Seen::Gone);
                    tree.changes.insert(fresh, seen);
                    aliases.insert(id, fresh);
                }
            }
        }
    }
    rename_parents(tree, &aliases);
}

pub(crate) fn rename_parents(tree: &mut SideTree, aliases: &HashMap<NodeId, NodeId>) {
    if aliases.is_empty() {
        return;
    }
    let moved = tree.changes.all_here().filter_map(|(id, seen)| Some((id, *aliases.get(&seen.parent)?)));
    for (id, parent) in moved.collect::<Vec<_>>() {
        tree.changes.set_parent(id, parent);
    }
    let renamed = |id: NodeId| aliases.get(&id).copied().unwrap_or(id);
    tree.blind = tree.blind.iter().map(|id| renamed(*id)).collect();
    for (id, mut names) in std::mem::take(&mut tree.occupied) {
        tree.occupied.entry(renamed(id)).or_default().append(&mut names);
    }
}

/// Whether an item can be the base's, moved: it has the size of a file, and looks as it did or has its content.
pub(super) fn is_plausible(
    entry: &BaseEntry<'_>,
    seen: &SeenEntry<'_>,
    side: Side,
    telling: &Telling,
) -> bool {
    let (now, before) = (&seen.fingerprint, entry.fingerprint_on(side));
    entry.state.kind == seen.state.kind
        && (entry.state.kind != EntryKind::File
            || (before.size_bytes == now.size_bytes
                && (is_same_by_look(before, now, telling) || seen.state.is_same_content(&entry.state))))
}

/// Which base node claims the item that is now known by another id: from the base's id to the other.
fn claims_by_id(base: &BaseTree, tree: &SideTree, side: Side) -> HashMap<NodeId, NodeId> {
    // By the id on the place: who may claim it, and which items have it now.
    let mut claimants: HashMap<u64, Vec<NodeId>> = HashMap::new();
    let mut items: HashMap<u64, Vec<NodeId>> = HashMap::new();
    let before = |id: NodeId| base.get(id).map_or(0, |entry| entry.fingerprint_on(side).id);
    let now = |seen: Seen<SeenEntry<'_>>| match seen {
        Seen::Gone => 0,
        Seen::Here(seen) => seen.fingerprint.id,
    };
    for (id, seen) in tree.changes.iter() {
        let before = before(id);
        if before != 0 && before != now(seen) {
            claimants.entry(before).or_default().push(id);
        }
    }
    if claimants.is_empty() {
        return HashMap::new();
    }
    for (id, seen) in tree.changes.iter() {
        let now = now(seen);
        if claimants.contains_key(&now) && before(id) != now {
            items.entry(now).or_default().push(id);
        }
    }
    let times = claimants.values().flatten().filter_map(|id| base.get(*id)?.fingerprint_on(side).modified);
    let telling = Telling::of(base, side, &tree.capabilities, times);
    let mut wants: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    for (id, claimants) in &claimants {
        // Hard links have one id under several names: which is which can not be told.
        let Some([item]) = items.get(id).map(Vec::as_slice) else { continue };
        let Some(seen) = tree.changes.here(*item) else { continue };
        let mut plausible = claimants.iter().filter(|claimant| {
            base.get(**claimant).is_some_and(|entry| is_plausible(&entry, &seen, side, &telling))
        });
        if let (Some(claimant), None) = (plausible.next(), plausible.next()) {
            wants.insert(*claimant, *item);
        }
    }
    accept(&wants, tree)
}

/// Only what is not at its path any more claims: what is gone, what such an item has displaced, and rings of items that
/// all displaced each other (names that swapped).
fn accept(wants: &BTreeMap<NodeId, NodeId>, tree: &SideTree) -> HashMap<NodeId, NodeId> {
    let mut accepted: HashMap<NodeId, NodeId> = HashMap::new();
    for claimant in wants.keys().filter(|id| tree.changes.is_gone(**id)) {
        let mut at = *claimant;
        while let Some(item) = wants.get(&at) {
            if accepted.insert(at, *item).is_some() {
                break;
            }
            at = *item;
        }
    }
    for claimant in wants.keys() {
        let mut ring = Vec::new();
        let mut at = *claimant;
        let is_ring = loop {
            if accepted.contains_key(&at) || ring.contains(&at) {
                break false;
            }
            ring.push(at);
            match wants.get(&at) {
                Some(item) if item == claimant => break true,
                Some(item) => at = *item,
                None => break false,
            }
        };
        if is_ring {
            accepted.extend(ring.iter().map(|id| (*id, wants[id])));
        }
    }
    accepted
}

/// What is claimed by more than its place holds what the base says, also where it was not read.
fn take_content(base: &BaseTree, tree: &mut SideTree, claims: &HashMap<NodeId, NodeId>) {
    for (claimant, item) in claims {
        if let Some(entry) = base.get(*claimant)
            && tree.changes.here(*item).is_some_and(|seen| seen.state.content == Content::Unread)
        {
            tree.changes.set_content(*item, entry.state.content);
        }
    }
}

/// Carries claims out.
fn settle(base: &BaseTree, tree: &mut SideTree, side: Side, claims: &HashMap<NodeId, NodeId>) {
    if claims.is_empty() {
        return;
    }
    let aliases: HashMap<NodeId, NodeId> = claims.iter().map(|(claimant, item)| (*item, *claimant)).collect();
    // What lies unchanged in a folder that turns out to be another one has moved with it. What is not looked at there was
    // taken for an item of the folder that had this place before, by its name alone: the name is taken in this one.
    let mut moved_along = Vec::new();
    for item in claims.values() {
        for child in base.children(*item) {
            let Some(entry) = base.get(*child).filter(|_| !tree.changes.contains(*child)) else { continue };
            if tree.blind.contains(child) {
                tree.occupied.entry(*item).or_default().insert(entry.name_on(side).to_vec());
            } else {
                moved_along.push((*child, as_seen(&entry, side)));
            }
        }
    }
    let mut taken: Vec<(NodeId, Seen)> = Vec::new();
    for (claimant, item) in claims {
        let Some(Seen::Here(mut seen)) = tree.changes.remove(*item) else { continue };
        if let Some(entry) = base.get(*claimant)
            && entry.state.kind == EntryKind::Folder
            && entry.fingerprint_on(side).modified.is_none()
        {
            // A run that was killed did not come to its permissions.
            seen.state.mode = entry.state.mode;
        }
        taken.push((*claimant, Seen::Here(seen)));
    }
    for item in claims.values().filter(|item| base.contains(**item)) {
        tree.changes.insert(*item, Seen::Gone);
    }
    tree.changes.extend(taken);
    tree.changes.extend(moved_along);
    rename_parents(tree, &aliases);
}

fn as_seen(entry: &BaseEntry<'_>, side: Side) -> Seen {
    Seen::Here(SeenNode {
        parent: entry.parent,
        name: entry.name_on(side).to_vec(),
        state: entry.state,
        fingerprint: *entry.fingerprint_on(side),
    })
}

/// The same for what has no lasting id: by content, and folders by what is in them.
fn claims_by_content(base: &BaseTree, tree: &SideTree, side: Side) -> HashMap<NodeId, NodeId> {
    let gone = gone_files(base, tree, side, &BTreeMap::new());
    let quick = quick_matches(base, tree, side, &gone);
    let mut claims: HashMap<NodeId, NodeId> = quick.into_iter().map(|(fresh, gone)| (gone, fresh)).collect();
    let claimed: HashSet<NodeId> = claims.values().copied().collect();
    let mut fresh: HashMap<(EntryKind, ContentHash), Vec<Named<'_>>> = HashMap::new();
    for (id, seen) in tree.changes.all_here() {
        let state = seen.state;
        if let Content::Known(hash) = state.content
            && !base.contains(id)
            && !claimed.contains(&id)
        {
            fresh.entry((state.kind, hash)).or_default().push((id, seen.name));
        }
    }
    // First those that kept their names, then any: with equal content nothing can be mixed up. But for one of which the
    // base knows that the other side has another version, and its old one as a file of its own: this is rather that file.
    for (is_displaced, is_named) in [(false, true), (false, false), (true, true), (true, false)] {
        for (id, entry) in &gone {
            let Content::Known(hash) = entry.state.content else { continue };
            if claims.contains_key(id) || is_stale(entry.fingerprint_on(side.other())) != is_displaced {
                continue;
            }
            let Some(items) = fresh.get_mut(&(entry.state.kind, hash)) else { continue };
            let found = items.iter().position(|(_, name)| !is_named || *name == entry.name_on(side));
            if let Some(found) = found {
                claims.insert(*id, items.remove(found).0);
            }
        }
    }
    claim_folders(base, tree, side, &mut claims);
    claims
}

/// A folder that is gone is the new one into which at least half of what it held has moved. Folders and empty files, of
/// which no content tells, count by their names where something else has moved there: did they count against it, a
/// folder would be another one as soon as such items of its new place are known in it, and again itself without them.
fn claim_folders(base: &BaseTree, tree: &SideTree, side: Side, claims: &mut HashMap<NodeId, NodeId>) {
    let parent_now = |id: NodeId| tree.changes.here(id).map(|seen| seen.parent);
    let is_new_folder = |id: NodeId| {
        !base.contains(id) && tree.changes.here(id).is_some_and(|seen| seen.state.kind == EntryKind::Folder)
    };
    let depth = |id: NodeId| {
        let mut at = id;
        let mut depth = 0_usize;
        while let Some(entry) = base.get(at).filter(|_| depth <= base.len()) {
            at = entry.parent;
            depth += 1;
        }
        depth
    };
    let mut votes: HashMap<NodeId, BTreeMap<NodeId, usize>> = HashMap::new();
    let vote = |votes: &mut HashMap<NodeId, BTreeMap<NodeId, usize>>, from: NodeId, to: NodeId| {
        let (Some(entry), Some(folder)) = (base.get(from), parent_now(to)) else { return };
        if tree.changes.is_gone(entry.parent) && is_new_folder(folder) {
            *votes.entry(entry.parent).or_default().entry(folder).or_default() += 1;
        }
    };
    for (from, to) in claims.iter() {
        vote(&mut votes, *from, *to);
    }
    if votes.is_empty() {
        return;
    }
    let is_untold = |state: &State| {
        state.kind == EntryKind::Folder || state.kind == EntryKind::File && state.size_bytes == 0
    };
    let key = |name| names::key(name, &tree.capabilities);
    let fresh = tree.changes.all_here().filter(|(id, seen)| !base.contains(*id) && is_untold(&seen.state));
    let untold: HashSet<_> = fresh.map(|(_, seen)| (seen.parent, seen.state.kind, key(seen.name))).collect();
    let called_the_same = |folder: NodeId, to: NodeId, claims: &HashMap<NodeId, NodeId>| {
        let lost =
            base.children(folder).iter().filter(|id| tree.changes.is_gone(**id) && !claims.contains_key(*id));
        lost.filter_map(|id| base.get(*id))
            .filter(|entry| is_untold(&entry.state))
            .filter(|entry| untold.contains(&(to, entry.state.kind, key(entry.name_on(side)))))
            .count()
    };
    let mut folders: Vec<(usize, NodeId)> = tree
        .changes
        .all_gone()
        .filter(|id| base.get(*id).is_some_and(|entry| entry.state.kind == EntryKind::Folder))
        .map(|id| (depth(id), id))
        .collect();
    folders.sort_unstable_by(|one, two| two.cmp(one));
    let mut taken: HashSet<NodeId> = HashSet::new();
    for (_, folder) in folders {
        let Some(candidates) = votes.get(&folder) else { continue };
        let best = candidates
            .iter()
            .filter(|(to, _)| !taken.contains(to))
            .map(|(to, count)| (*to, count + called_the_same(folder, *to, claims)))
            .max_by_key(|(_, count)| *count);
        let Some((to, count)) = best else { continue };
        if count * 2 >= base.children(folder).len() {
            taken.insert(to);
            claims.insert(folder, to);
            vote(&mut votes, folder, to);
        }
    }
}

/// What is called the same in a folder that is known again is known again too, as it would be had the folder not moved:
/// a file that was saved by renaming, an empty folder. Nothing is said of what it holds.
fn claim_by_place(base: &BaseTree, tree: &mut SideTree, side: Side) {
    // One level of folders is found a time.
    loop {
        let claims = claims_by_place(base, tree, side);
        settle(base, tree, side, &claims);
        let is_folder =
            |id: &NodeId| base.get(*id).is_some_and(|entry| entry.state.kind == EntryKind::Folder);
        if !claims.keys().any(is_folder) {
            return;
        }
    }
}

fn claims_by_place(base: &BaseTree, tree: &SideTree, side: Side) -> HashMap<NodeId, NodeId> {
    let key = |name| names::key(name, &tree.capabilities);
    let mut missed = HashMap::new();
    for id in tree.changes.all_gone() {
        if let Some(entry) = base.get(id)
            && tree.changes.here(entry.parent).is_some()
        {
            missed.insert((entry.parent, entry.state.kind, key(entry.name_on(side))), id);
        }
    }
    if missed.is_empty() {
        return HashMap::new();
    }
    let fresh = tree.changes.all_here().filter(|(id, _)| !base.contains(*id));
    fresh
        .filter_map(|(id, seen)| {
            let known = missed.remove(&(seen.parent, seen.state.kind, key(seen.name)))?;
            Some((known, id))
        })
        .collect()
}
