//! What differs on one side, as small as the base is.
//!
//! Invariants: what is in the bytes was written here; it is told in the order of the ids, so that the same scan makes the
//! same plan. Deliberately not here: where the bytes lie (`trees::records`), what a difference means (`trees`).

use keepwell_endpoint::tree::Fingerprint;

use super::facts::{Reader, pack_seen, put_size, unpack_seen};
use super::records::Records;
use crate::node::{Content, NodeId, Side, State};

/// An item as one side has it now, where that differs from the base.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenNode {
    /// The folder it is in.
    pub parent: NodeId,
    /// Its name on this side.
    pub name: Vec<u8>,
    /// What it is.
    pub state: State,
    /// What tells it unchanged from now on.
    pub fingerprint: Fingerprint,
}

/// A [`SeenNode`] as it lies in [`Changes`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeenEntry<'a> {
    /// The folder it is in.
    pub parent: NodeId,
    /// Its name on this side.
    pub name: &'a [u8],
    /// What it is.
    pub state: State,
    /// What tells it unchanged from now on.
    pub fingerprint: Fingerprint,
}

/// How a side differs from the base at one node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen<T = SeenNode> {
    /// It is surely not there any more.
    Gone,
    /// It is new, or elsewhere, or something else now.
    Here(T),
}

impl<'a> SeenEntry<'a> {
    /// Nothing where the bytes are no item.
    fn of(record: &'a [u8]) -> Option<Self> {
        let (parent, name, facts) = place(record)?;
        let (state, fingerprint) = unpack_seen(facts)?;
        Some(Self { parent, name, state, fingerprint })
    }

    /// A copy of its own.
    #[must_use]
    pub fn to_node(&self) -> SeenNode {
        let Self { parent, name, state, fingerprint } = *self;
        SeenNode { parent, name: name.to_vec(), state, fingerprint }
    }
}

/// What differs on a side, by id.
#[derive(Clone, Debug, Default)]
pub struct Changes(Records);

impl Changes {
    /// What is known of a node; nothing where it is as the base says.
    #[must_use]
    pub fn get(&self, id: NodeId) -> Option<Seen<SeenEntry<'_>>> {
        seen(self.0.get(id)?)
    }

    /// The item that is there now, where that differs.
    #[must_use]
    pub fn here(&self, id: NodeId) -> Option<SeenEntry<'_>> {
        match self.get(id) {
            Some(Seen::Here(seen)) => Some(seen),
            _ => None,
        }
    }

    /// In which folder an item is now and under which name, where that may differ: a part of what [`Changes::here`] tells,
    /// for less.
    #[must_use]
    pub(crate) fn place(&self, id: NodeId) -> Option<(NodeId, &[u8])> {
        place(self.0.get(id)?).map(|(parent, name, _)| (parent, name))
    }

    /// Whether it is known to be gone.
    #[must_use]
    pub fn is_gone(&self, id: NodeId) -> bool {
        matches!(self.get(id), Some(Seen::Gone))
    }

    /// Whether it differs at all.
    #[must_use]
    pub fn contains(&self, id: NodeId) -> bool {
        self.0.contains(id)
    }

    /// Takes something in, in the place of what was known of the node.
    pub fn insert(&mut self, id: NodeId, seen: Seen) {
        let Seen::Here(seen) = seen else {
            // Gone is a record with nothing in it.
            self.0.insert(id, &[]);
            return;
        };
        let mut length = Vec::with_capacity(4);
        put_size(&mut length, seen.name.len() as u64);
        let mut facts = Vec::with_capacity(80);
        pack_seen(&mut facts, &seen.state, &seen.fingerprint);
        self.0.insert(id, &[&seen.parent.0.to_le_bytes(), &length, &seen.name, &facts]);
    }

    /// Forgets a difference; what it was.
    pub fn remove(&mut self, id: NodeId) -> Option<Seen> {
        let before = self.get(id).map(|seen| match seen {
            Seen::Gone => Seen::Gone,
            Seen::Here(seen) => Seen::Here(seen.to_node()),
        });
        self.0.remove(id);
        before
    }

    /// Says what an item holds.
    pub fn set_content(&mut self, id: NodeId, content: Content) {
        if let Some(mut seen) = self.here(id).map(|seen| seen.to_node()) {
            seen.state.content = content;
            self.insert(id, Seen::Here(seen));
        }
    }

    /// Says in which folder an item is.
    pub(crate) fn set_parent(&mut self, id: NodeId, parent: NodeId) {
        self.0.overwrite(id, &parent.0.to_le_bytes());
    }

    /// All of them, by id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, Seen<SeenEntry<'_>>)> {
        self.0.iter().filter_map(|(id, record)| Some((id, seen(record)?)))
    }

    /// The items that are there, by id.
    pub fn all_here(&self) -> impl Iterator<Item = (NodeId, SeenEntry<'_>)> {
        self.iter().filter_map(|(id, seen)| match seen {
            Seen::Gone => None,
            Seen::Here(seen) => Some((id, seen)),
        })
    }

    /// What is gone, by id.
    pub fn all_gone(&self) -> impl Iterator<Item = NodeId> {
        self.0.iter().filter(|(_, record)| record.is_empty()).map(|(id, _)| id)
    }

    /// The ids of all of them, in their order.
    pub fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.0.ids()
    }

    /// The highest id.
    pub(crate) fn last_id(&self) -> Option<NodeId> {
        self.0.last_id()
    }

    /// An id that nothing has yet, for something that is new on this side.
    pub(crate) fn next_fresh(&self, side: Side) -> NodeId {
        let first = match side {
            Side::Left => NodeId::FRESH_LEFT,
            Side::Right => NodeId::FRESH_RIGHT,
        };
        NodeId(self.last_id().map_or(first, |last| last.0.max(first) + 1))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether the side is as the base says.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Extend<(NodeId, Seen)> for Changes {
    fn extend<I: IntoIterator<Item = (NodeId, Seen)>>(&mut self, changes: I) {
        changes.into_iter().for_each(|(id, seen)| self.insert(id, seen));
    }
}

/// The folder, the name, and the bytes that tell the rest. Nothing where the bytes are no item.
fn place(record: &[u8]) -> Option<(NodeId, &[u8], &[u8])> {
    let (parent, rest) = record.split_first_chunk()?;
    let mut from = Reader(rest);
    let length = usize::try_from(from.size()?).ok()?;
    let name = from.bytes(length)?;
    Some((NodeId(u64::from_le_bytes(*parent)), name, from.0))
}

fn seen(record: &[u8]) -> Option<Seen<SeenEntry<'_>>> {
    if record.is_empty() { Some(Seen::Gone) } else { SeenEntry::of(record).map(Seen::Here) }
}

#[cfg(test)]
mod tests {
    use keepwell_endpoint::tree::Version;
    use keepwell_model::{ContentHash, EntryKind, Timestamp};

    use super::*;

    fn node(name: &str) -> SeenNode {
        let modified = Some(Timestamp::new(5, 6));
        let print = Fingerprint {
            kind: EntryKind::File,
            size_bytes: 300,
            modified,
            version: Version::of(name.as_bytes()),
            id: 7,
        };
        SeenNode {
            parent: NodeId(NodeId::FRESH_RIGHT + 9),
            name: name.into(),
            state: State {
                kind: EntryKind::File,
                size_bytes: 300,
                content: Content::Unread,
                modified,
                mode: Some(0o644),
                attributes: Some([3; 16]),
            },
            fingerprint: print,
        }
    }

    #[test]
    fn what_is_seen_comes_back_as_it_was_and_by_id() {
        let long = "n".repeat(300);
        let mut changes = Changes::default();
        changes.extend([
            (NodeId(900), Seen::Here(node(&long))),
            (NodeId(3), Seen::Here(node("three"))),
            (NodeId(20), Seen::Gone),
        ]);
        assert_eq!(changes.here(NodeId(900)).unwrap().to_node(), node(&long));
        assert_eq!(changes.place(NodeId(900)), Some((node(&long).parent, long.as_bytes())));
        assert_eq!(changes.place(NodeId(20)), None);
        assert!(changes.is_gone(NodeId(20)) && !changes.is_gone(NodeId(3)) && !changes.is_gone(NodeId(4)));
        assert!(changes.ids().eq([NodeId(3), NodeId(20), NodeId(900)]));
        assert!(changes.all_gone().eq([NodeId(20)]));

        let hash = Content::Known(ContentHash([8; 32]));
        changes.set_content(NodeId(3), hash);
        changes.set_parent(NodeId(3), NodeId(1));
        // What is gone is in no folder and holds nothing, and its neighbours stay what they are.
        changes.set_content(NodeId(20), hash);
        changes.set_parent(NodeId(20), NodeId(1));
        let mut three = node("three");
        (three.parent, three.state.content) = (NodeId(1), hash);
        assert_eq!(changes.here(NodeId(3)).unwrap().to_node(), three);
        assert_eq!(changes.here(NodeId(900)).unwrap().to_node(), node(&long));
        assert_eq!(changes.remove(NodeId(20)), Some(Seen::Gone));
        assert_eq!(changes.remove(NodeId(3)), Some(Seen::Here(three)));
        assert_eq!((changes.remove(NodeId(3)), changes.len()), (None, 1));
    }
}
