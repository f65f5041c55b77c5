//! The last agreed state of a pair in memory, as small as it lies in the database.
//!
//! A million nodes are held whole while a pair is at work, so each is a name and a few dozen bytes in one long run of
//! bytes, written as in the database and taken apart when it is asked for. Invariants: what is in the bytes was written
//! by [`BaseTree`] or was checked when it was read; room of nodes that went is taken back once it is more than what is
//! used. Deliberately not here: what the fields mean (`trees`), SQLite (`database`).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use keepwell_model::{EntryKind, RelativePath};

use crate::database_facts::{pack, unpack};
use crate::node::{NodeId, Side};
use crate::trees::{BaseEntry, BaseNode};

/// Ids are counted up: one multiplication spreads them well enough, and nobody outside chooses them.
#[derive(Clone, Copy, Debug, Default)]
struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.0 ^= self.0 >> 29;
    }
}

type ById<T> = HashMap<NodeId, T, BuildHasherDefault<IdHasher>>;

/// Where the bytes of a node begin, and how they are divided: good until the tree is changed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    parent: NodeId,
    start: u64,
    facts_bytes: u16,
    name_bytes: u16,
    /// One more than the length; 0 for none.
    left_bytes: u16,
    right_bytes: u16,
}

impl Slot {
    fn length(&self) -> usize {
        usize::from(self.facts_bytes)
            + usize::from(self.name_bytes)
            + usize::from(self.left_bytes.saturating_sub(1))
            + usize::from(self.right_bytes.saturating_sub(1))
    }
}

/// The last agreed state of the pair.
#[derive(Clone, Debug, Default)]
pub struct BaseTree {
    places: ById<Slot>,
    children: ById<Vec<NodeId>>,
    bytes: Vec<u8>,
    unused_bytes: usize,
    files: u64,
}

impl BaseTree {
    /// An empty tree with room for so many nodes.
    #[must_use]
    pub fn with_capacity(nodes: usize) -> Self {
        Self {
            places: ById::with_capacity_and_hasher(nodes, BuildHasherDefault::default()),
            ..Self::default()
        }
    }

    /// Adds a node, or gives it another place and state; its parent need not be there yet.
    pub fn insert(&mut self, id: NodeId, node: BaseNode) {
        let names = [Some(&node.name[..]), node.left_name.as_deref(), node.right_name.as_deref()];
        let mut facts = Vec::with_capacity(128);
        pack(&mut facts, &node);
        self.insert_packed(id, node.parent, names, &facts);
    }

    /// [`BaseTree::insert`] of what [`pack`] wrote.
    pub(crate) fn insert_packed(
        &mut self,
        id: NodeId,
        parent: NodeId,
        names: [Option<&[u8]>; 3],
        facts: &[u8],
    ) {
        let place = put(&mut self.bytes, parent, names, facts);
        self.files += u64::from(is_file(facts));
        let before = self.places.insert(id, place);
        if let Some(before) = before {
            self.release(&before);
            if before.parent == parent {
                return;
            }
            self.forget_child(before.parent, id);
        }
        self.children.entry(parent).or_default().push(id);
    }

    /// Takes over nodes that were gathered elsewhere; none of them is in here yet.
    pub(crate) fn append(&mut self, part: Gathered) {
        let shift = self.bytes.len() as u64;
        self.bytes.extend_from_slice(&part.bytes);
        drop(part.bytes);
        self.files += part.files;
        let mut folder = (NodeId::ROOT, Vec::new());
        for (id, slot) in part.slots {
            self.places.insert(id, Slot { start: slot.start + shift, ..slot });
            if slot.parent != folder.0 {
                self.children.entry(folder.0).or_default().append(&mut folder.1);
                folder.0 = slot.parent;
            }
            folder.1.push(id);
        }
        self.children.entry(folder.0).or_default().append(&mut folder.1);
        if self.children.get(&NodeId::ROOT).is_some_and(Vec::is_empty) {
            self.children.remove(&NodeId::ROOT);
        }
    }

    /// Takes a node out; what it held stays in until it is taken out itself.
    pub fn remove(&mut self, id: NodeId) {
        if let Some(place) = self.places.remove(&id) {
            self.forget_child(place.parent, id);
            self.release(&place);
        }
    }

    fn forget_child(&mut self, parent: NodeId, id: NodeId) {
        if let Some(children) = self.children.get_mut(&parent) {
            if let Some(at) = children.iter().rposition(|child| *child == id) {
                children.swap_remove(at);
            }
            if children.is_empty() {
                self.children.remove(&parent);
            }
        }
    }

    /// The room of a node is free; all of it is moved together once half is.
    fn release(&mut self, place: &Slot) {
        self.files -= u64::from(is_file(&self.bytes[offset(place.start)..]));
        self.unused_bytes += place.length();
        if self.unused_bytes < 1 << 20 || self.unused_bytes * 2 < self.bytes.len() {
            return;
        }
        let mut bytes = Vec::with_capacity(self.bytes.len() - self.unused_bytes);
        for place in self.places.values_mut() {
            let from = offset(place.start);
            place.start = bytes.len() as u64;
            bytes.extend_from_slice(&self.bytes[from..from + place.length()]);
        }
        self.bytes = bytes;
        self.unused_bytes = 0;
    }

    /// One node; the root has none.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<BaseEntry<'_>> {
        self.entry(self.places.get(&id)?)
    }

    /// Where a node lies: for its name alone, and to come back for the rest without looking again.
    pub(crate) fn slot(&self, id: NodeId) -> Option<Slot> {
        self.places.get(&id).copied()
    }

    /// The name of what lies there on a side.
    pub(crate) fn name_at(&self, slot: &Slot, side: Side) -> &[u8] {
        let (mut start, mut length) = (offset(slot.start) + usize::from(slot.facts_bytes), slot.name_bytes);
        let left_start = start + usize::from(slot.name_bytes);
        match side {
            Side::Left if slot.left_bytes > 0 => (start, length) = (left_start, slot.left_bytes - 1),
            Side::Right if slot.right_bytes > 0 => {
                start = left_start + usize::from(slot.left_bytes.saturating_sub(1));
                length = slot.right_bytes - 1;
            }
            _ => {}
        }
        self.bytes.get(start..start + usize::from(length)).unwrap_or_default()
    }

    /// What lies there.
    pub(crate) fn entry_at(&self, slot: &Slot) -> Option<BaseEntry<'_>> {
        self.entry(slot)
    }

    fn entry(&self, place: &Slot) -> Option<BaseEntry<'_>> {
        let mut rest = self.bytes.get(offset(place.start)..)?;
        let mut take = |length: u16| {
            let (part, after) = rest.split_at_checked(usize::from(length))?;
            rest = after;
            Some(part)
        };
        let facts = take(place.facts_bytes)?;
        let name = take(place.name_bytes)?;
        let left_name = if place.left_bytes > 0 { Some(take(place.left_bytes - 1)?) } else { None };
        let right_name = if place.right_bytes > 0 { Some(take(place.right_bytes - 1)?) } else { None };
        let (state, left, right) = unpack(facts)?;
        Some(BaseEntry { parent: place.parent, name, left_name, right_name, state, left, right })
    }

    /// What a folder held.
    #[must_use]
    pub fn children(&self, folder: NodeId) -> &[NodeId] {
        self.children.get(&folder).map_or(&[], Vec::as_slice)
    }

    /// All nodes, in no particular order.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, BaseEntry<'_>)> {
        self.places.iter().filter_map(|(id, place)| Some((*id, self.entry(place)?)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// How many of them are files.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Whether nothing was ever agreed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Where a node was on a side; nothing where its parents do not lead to the root.
    #[must_use]
    pub fn path_on(&self, side: Side, id: NodeId) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.get(at)?;
            names.push(node.name_on(side));
            at = node.parent;
            if names.len() > self.len() {
                return None;
            }
        }
        let mut path = RelativePath::root();
        for name in names.into_iter().rev() {
            path = path.join(name).ok()?;
        }
        Some(path)
    }
}

/// Nodes in the order they were read, on their way into a tree.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    slots: Vec<(NodeId, Slot)>,
    bytes: Vec<u8>,
    files: u64,
}

impl Gathered {
    /// As [`BaseTree::insert_packed`], of a node that comes once.
    pub(crate) fn push(&mut self, id: NodeId, parent: NodeId, names: [Option<&[u8]>; 3], facts: &[u8]) {
        let slot = put(&mut self.bytes, parent, names, facts);
        self.files += u64::from(is_file(facts));
        self.slots.push((id, slot));
    }
}

/// Writes a node behind the others. Names are shorter than 64 KiB wherever files have names.
fn put(bytes: &mut Vec<u8>, parent: NodeId, names: [Option<&[u8]>; 3], facts: &[u8]) -> Slot {
    let [name, left, right] = names;
    let cut = |name: Option<&[u8]>| name.map_or(0, |name| name.len().min(usize::from(u16::MAX) - 1));
    let length = |bytes: usize| u16::try_from(bytes).unwrap_or(u16::MAX);
    let slot = Slot {
        parent,
        start: bytes.len() as u64,
        facts_bytes: length(facts.len()),
        name_bytes: length(cut(name)),
        left_bytes: left.map_or(0, |_| length(cut(left) + 1)),
        right_bytes: right.map_or(0, |_| length(cut(right) + 1)),
    };
    bytes.extend_from_slice(facts);
    for name in [name, left, right] {
        bytes.extend_from_slice(&name.unwrap_or_default()[..cut(name)]);
    }
    slot
}

/// Whether packed facts are those of a file.
fn is_file(facts: &[u8]) -> bool {
    facts.first() == Some(&crate::database_facts::kind_number(EntryKind::File))
}

/// The bytes are in memory, so their number fits.
fn offset(start: u64) -> usize {
    usize::try_from(start).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use keepwell_endpoint::tree::{Fingerprint, Version};
    use keepwell_model::ContentHash;

    use super::*;
    use crate::node::{Content, State};

    fn node(parent: u64, name: &str, kind: EntryKind) -> BaseNode {
        let print =
            Fingerprint { kind, size_bytes: 3, modified: None, version: Version::of(name.as_bytes()), id: 9 };
        let content = match kind {
            EntryKind::Folder => Content::None,
            _ => Content::Known(ContentHash(*blake3::hash(name.as_bytes()).as_bytes())),
        };
        BaseNode {
            parent: NodeId(parent),
            name: name.into(),
            left_name: None,
            right_name: name.contains('x').then(|| b"".to_vec()),
            state: State { kind, size_bytes: 3, content, modified: None, mode: None, attributes: None },
            left: print,
            right: Fingerprint { id: 10, ..print },
        }
    }

    #[test]
    fn what_is_put_in_is_there_however_often_its_room_is_moved() {
        let mut tree = BaseTree::with_capacity(10);
        tree.insert(NodeId(1), node(0, "folder", EntryKind::Folder));
        // Long enough that the room of what went is taken back many times.
        for round in 0..200 {
            for number in 0..100 {
                let name = format!("x{round}-{number}-{}", "n".repeat(200));
                tree.insert(NodeId(2 + number), node(number % 2, &name, EntryKind::File));
            }
        }
        assert_eq!((tree.len(), tree.files()), (101, 100));
        assert!(tree.bytes.len() < 4 << 20, "{}", tree.bytes.len());
        for number in 0..100 {
            let name = format!("x199-{number}-{}", "n".repeat(200));
            let wanted = node(number % 2, &name, EntryKind::File);
            assert_eq!(tree.get(NodeId(2 + number)).unwrap().to_node(), wanted);
        }
        assert_eq!(tree.children(NodeId(1)).len(), 50);
        tree.insert(NodeId(3), node(0, "elsewhere", EntryKind::File));
        tree.remove(NodeId(5));
        assert_eq!(tree.children(NodeId(1)).len(), 48);
        assert_eq!(tree.get(NodeId(5)), None);
        assert_eq!(tree.iter().count(), 100);
        assert_eq!(tree.path_on(Side::Left, NodeId(7)).unwrap().components().count(), 2);
    }
}
