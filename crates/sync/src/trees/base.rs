//! The last agreed state of a pair in memory, as small as it lies in the database.
//!
//! A million nodes are held whole while a pair is at work, so each is its names and a few dozen bytes, written as in the
//! database and taken apart when it is asked for. Invariant: what is in the bytes was written by [`BaseTree`] or was
//! checked when it was read. Deliberately not here: where the bytes lie (`trees::records`), what the fields mean
//! (`trees`), SQLite (`database`).

use keepwell_model::{EntryKind, RelativePath};

use super::facts::{Reader, kind_number, pack, put_size, unpack};
use super::records::Records;
use super::{BaseEntry, BaseNode};
use crate::id_map::ByNumber;
use crate::node::{NodeId, Side};

/// What a file takes that both sides keep with ids and times, and a name of middling length.
const NODE_BYTES: usize = 128;

/// The last agreed state of the pair.
#[derive(Clone, Debug, Default)]
pub struct BaseTree {
    nodes: Records,
    children: ByNumber<NodeId, Vec<NodeId>>,
    files: u64,
}

/// A node of a [`BaseTree`], of which only the names are taken out yet.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Packed<'a> {
    parent: NodeId,
    name: &'a [u8],
    left_name: Option<&'a [u8]>,
    right_name: Option<&'a [u8]>,
    facts: &'a [u8],
}

impl<'a> Packed<'a> {
    /// Nothing where the bytes are no node.
    fn of(record: &'a [u8]) -> Option<Self> {
        let mut from = Reader(record);
        let parent = NodeId(from.size()?);
        let lengths = [from.size()?, from.size()?, from.size()?];
        // One more than the length of a name; 0 for none.
        let mut name = |length: u64| match usize::try_from(length).ok()?.checked_sub(1) {
            Some(length) => from.bytes(length).map(Some),
            None => Some(None),
        };
        let [own, left_name, right_name] = [name(lengths[0])?, name(lengths[1])?, name(lengths[2])?];
        Some(Self { parent, name: own.unwrap_or_default(), left_name, right_name, facts: from.0 })
    }

    /// Its name on a side.
    pub(crate) fn name_on(&self, side: Side) -> &'a [u8] {
        let own = match side {
            Side::Left => self.left_name,
            Side::Right => self.right_name,
        };
        own.unwrap_or(self.name)
    }

    /// All of it.
    pub(crate) fn entry(&self) -> Option<BaseEntry<'a>> {
        let Self { parent, name, left_name, right_name, facts } = *self;
        let (state, left, right) = unpack(facts)?;
        Some(BaseEntry { parent, name, left_name, right_name, state, left, right })
    }
}

impl BaseTree {
    /// An empty tree with room for so many nodes.
    #[must_use]
    pub fn with_capacity(nodes: usize) -> Self {
        let mut tree = Self::default();
        tree.reserve(nodes);
        tree
    }

    /// Makes room for so many nodes more.
    pub(crate) fn reserve(&mut self, nodes: usize) {
        self.nodes.reserve(nodes, NODE_BYTES);
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
        let before = self.packed(id).map(|before| (before.parent, is_file(before.facts)));
        put(&mut self.nodes, id, parent, names, facts);
        self.files += u64::from(is_file(facts));
        if let Some((before, was_file)) = before {
            self.files -= u64::from(was_file);
            if before == parent {
                return;
            }
            self.forget_child(before, id);
        }
        self.children.entry(parent).or_default().push(id);
    }

    /// Takes over nodes that were gathered elsewhere; none of them is in here yet.
    pub(crate) fn append(&mut self, part: Gathered) {
        self.nodes.append(part.nodes);
        self.files += part.files;
        for (folder, mut children) in part.children {
            self.children.entry(folder).or_default().append(&mut children);
        }
    }

    /// Takes a node out; what it held stays in until it is taken out itself.
    pub fn remove(&mut self, id: NodeId) {
        if let Some(before) = self.packed(id) {
            let (parent, was_file) = (before.parent, is_file(before.facts));
            self.files -= u64::from(was_file);
            self.forget_child(parent, id);
            self.nodes.remove(id);
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

    /// One node; the root has none.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<BaseEntry<'_>> {
        self.packed(id)?.entry()
    }

    /// Whether there is such a node.
    #[must_use]
    pub fn contains(&self, id: NodeId) -> bool {
        self.nodes.contains(id)
    }

    /// One node, for its name alone, and for the rest without looking again.
    pub(crate) fn packed(&self, id: NodeId) -> Option<Packed<'_>> {
        Packed::of(self.nodes.get(id)?)
    }

    /// What a folder held.
    #[must_use]
    pub fn children(&self, folder: NodeId) -> &[NodeId] {
        self.children.get(&folder).map_or(&[], Vec::as_slice)
    }

    /// A node, the folder it is in, and so on up, as far as they are in here. It ends also in a base that an older version
    /// left with folders inside each other.
    pub fn up_from(&self, id: NodeId) -> impl Iterator<Item = NodeId> {
        let above = |id: &NodeId| self.packed(*id).map(|node| node.parent);
        std::iter::successors(Some(id), above).take(self.len() + 1)
    }

    /// All nodes, by id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, BaseEntry<'_>)> {
        self.nodes.iter().filter_map(|(id, record)| Some((id, Packed::of(record)?.entry()?)))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// How many of them are files.
    #[must_use]
    pub fn files(&self) -> u64 {
        self.files
    }

    /// Whether nothing was ever agreed on.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// Where a node was on a side; nothing where its parents do not lead to the root.
    #[must_use]
    pub fn path_on(&self, side: Side, id: NodeId) -> Option<RelativePath> {
        let mut names = Vec::new();
        let mut at = id;
        while at != NodeId::ROOT {
            let node = self.packed(at)?;
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

/// Nodes on their way into a tree.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    nodes: Records,
    /// What is in each folder, those of one folder that came one after the other together.
    children: Vec<(NodeId, Vec<NodeId>)>,
    files: u64,
}

impl Gathered {
    /// As [`BaseTree::insert_packed`], of a node that comes once.
    pub(crate) fn push(&mut self, id: NodeId, parent: NodeId, names: [Option<&[u8]>; 3], facts: &[u8]) {
        put(&mut self.nodes, id, parent, names, facts);
        self.files += u64::from(is_file(facts));
        match self.children.last_mut() {
            Some((folder, children)) if *folder == parent => children.push(id),
            _ => self.children.push((parent, vec![id])),
        }
    }
}

/// Writes a node, as [`Packed::of`] reads it.
fn put(to: &mut Records, id: NodeId, parent: NodeId, names: [Option<&[u8]>; 3], facts: &[u8]) {
    let mut head = Vec::with_capacity(16);
    put_size(&mut head, parent.0);
    for name in names {
        put_size(&mut head, name.map_or(0, |name| name.len() as u64 + 1));
    }
    let [name, left, right] = names.map(Option::unwrap_or_default);
    to.insert(id, &[&head, name, left, right, facts]);
}

/// Whether packed facts are those of a file.
fn is_file(facts: &[u8]) -> bool {
    facts.first() == Some(&kind_number(EntryKind::File))
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
        assert!(tree.nodes.bytes() < 4 << 20, "{}", tree.nodes.bytes());
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
