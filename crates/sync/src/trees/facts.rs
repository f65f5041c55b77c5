//! How what is known of a node lies in memory and in one column of the database: small, quick to read, and checked.
//!
//! Layout: a byte of kind, two bytes of flags, then only the fields the flags name, integers little-endian, sizes as
//! variable-length integers, and four bytes of check over the row. Why not a column a field: a million rows have to be
//! read in a second, and most of the time goes with columns. The check tells a row that a bad disk changed: SQLite has
//! none of its own. Invariant: whatever bytes are given, decoding answers or refuses, and never panics.

use keepwell_endpoint::tree::{Fingerprint, Version};
use keepwell_model::{ContentHash, EntryKind, Timestamp};

use super::BaseNode;
use crate::node::{Content, State};

const HASH: u16 = 1;
const UNREAD: u16 = 1 << 1;
const MODIFIED: u16 = 1 << 2;
const MODE: u16 = 1 << 3;
const ATTRIBUTES: u16 = 1 << 4;
/// Of the fingerprint of the left; those of the right are two bits pairs further up.
const LEFT: u32 = 5;
const RIGHT: u32 = 10;
/// The size is another than the state's.
const OWN_SIZE: u16 = 1;
/// The time is the state's.
const SAME_TIME: u16 = 1 << 1;
/// There is a time, and it is another.
const OWN_TIME: u16 = 1 << 2;
const VERSION: u16 = 1 << 3;
const ID: u16 = 1 << 4;

/// The number of a kind in the database. Never changes.
pub(crate) fn kind_number(kind: EntryKind) -> u8 {
    match kind {
        EntryKind::File => 1,
        EntryKind::Folder => 2,
        EntryKind::Symlink => 3,
        EntryKind::Pipe => 4,
        EntryKind::Socket => 5,
        EntryKind::CharacterDevice => 6,
        EntryKind::BlockDevice => 7,
    }
}

/// The kind of a number.
pub(crate) fn kind_of(number: u8) -> Option<EntryKind> {
    Some(match number {
        1 => EntryKind::File,
        2 => EntryKind::Folder,
        3 => EntryKind::Symlink,
        4 => EntryKind::Pipe,
        5 => EntryKind::Socket,
        6 => EntryKind::CharacterDevice,
        7 => EntryKind::BlockDevice,
        _ => return None,
    })
}

/// A size as few bytes as it needs.
pub(crate) fn put_size(to: &mut Vec<u8>, mut size: u64) {
    while size >= 0x80 {
        to.push(size.to_le_bytes()[0] | 0x80);
        size >>= 7;
    }
    to.push(size.to_le_bytes()[0]);
}

fn put_time(to: &mut Vec<u8>, time: Timestamp) {
    to.extend_from_slice(&time.seconds.to_le_bytes());
    to.extend_from_slice(&time.nanoseconds.to_le_bytes());
}

/// Takes fields off the front.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(head)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn size(&mut self) -> Option<u64> {
        let mut size = 0;
        for shift in (0..64).step_by(7) {
            let [byte] = self.take::<1>()?;
            size |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Some(size);
            }
        }
        None
    }

    fn time(&mut self) -> Option<Timestamp> {
        let seconds = i64::from_le_bytes(self.take()?);
        Some(Timestamp::new(seconds, u32::from_le_bytes(self.take()?)))
    }
}

/// The flags and fields of a state, without its kind.
fn put_state(to: &mut Vec<u8>, state: &State) -> u16 {
    let mut flags = 0;
    put_size(to, state.size_bytes);
    match state.content {
        Content::None => {}
        Content::Known(hash) => {
            flags |= HASH;
            to.extend_from_slice(hash.as_bytes());
        }
        Content::Unread => flags |= UNREAD,
    }
    if let Some(time) = state.modified {
        flags |= MODIFIED;
        put_time(to, time);
    }
    if let Some(mode) = state.mode {
        flags |= MODE;
        to.extend_from_slice(&mode.to_le_bytes());
    }
    if let Some(hash) = state.attributes {
        flags |= ATTRIBUTES;
        to.extend_from_slice(&hash);
    }
    flags
}

fn take_state(from: &mut Reader<'_>, kind: EntryKind, flags: u16) -> Option<State> {
    let size_bytes = from.size()?;
    let content = match (flags & HASH != 0, flags & UNREAD != 0) {
        (true, _) => Content::Known(ContentHash(from.take()?)),
        (false, true) => Content::Unread,
        (false, false) => Content::None,
    };
    let modified = if flags & MODIFIED != 0 { Some(from.time()?) } else { None };
    let mode = if flags & MODE != 0 { Some(u32::from_le_bytes(from.take()?)) } else { None };
    let attributes = if flags & ATTRIBUTES != 0 { Some(from.take()?) } else { None };
    Some(State { kind, size_bytes, content, modified, mode, attributes })
}

fn put_fingerprint(to: &mut Vec<u8>, state: &State, print: &Fingerprint) -> u16 {
    let mut flags = 0;
    if print.size_bytes != state.size_bytes {
        flags |= OWN_SIZE;
        put_size(to, print.size_bytes);
    }
    match print.modified {
        time if time == state.modified => flags |= SAME_TIME,
        Some(time) => {
            flags |= OWN_TIME;
            put_time(to, time);
        }
        None => {}
    }
    if !print.version.is_unknown() {
        flags |= VERSION;
        to.extend_from_slice(&print.version.0);
    }
    if print.id != 0 {
        flags |= ID;
        to.extend_from_slice(&print.id.to_le_bytes());
    }
    flags
}

fn take_fingerprint(from: &mut Reader<'_>, state: &State, flags: u16) -> Option<Fingerprint> {
    let size_bytes = if flags & OWN_SIZE != 0 { from.size()? } else { state.size_bytes };
    let modified = match (flags & SAME_TIME != 0, flags & OWN_TIME != 0) {
        (true, _) => state.modified,
        (false, true) => Some(from.time()?),
        (false, false) => None,
    };
    let version = if flags & VERSION != 0 { Version(from.take()?) } else { Version::default() };
    let id = if flags & ID != 0 { u64::from_le_bytes(from.take()?) } else { 0 };
    Some(Fingerprint { kind: state.kind, size_bytes, modified, version, id })
}

/// Everything of a node but its parent and names, without the check.
pub(crate) fn pack(to: &mut Vec<u8>, node: &BaseNode) {
    let start = to.len();
    to.extend_from_slice(&[kind_number(node.state.kind), 0, 0]);
    let mut flags = put_state(to, &node.state);
    flags |= put_fingerprint(to, &node.state, &node.left) << LEFT;
    flags |= put_fingerprint(to, &node.state, &node.right) << RIGHT;
    to[start + 1..start + 3].copy_from_slice(&flags.to_le_bytes());
}

/// What [`pack`] wrote; nothing where it is not that.
pub(crate) fn unpack(bytes: &[u8]) -> Option<(State, Fingerprint, Fingerprint)> {
    let mut from = Reader(bytes);
    let [kind, low, high] = from.take()?;
    let flags = u16::from_le_bytes([low, high]);
    let state = take_state(&mut from, kind_of(kind)?, flags)?;
    let left = take_fingerprint(&mut from, &state, flags >> LEFT)?;
    let right = take_fingerprint(&mut from, &state, flags >> RIGHT)?;
    from.0.is_empty().then_some((state, left, right))
}

/// What one side has of a node, but its place: all that [`unpack_seen`] reads.
pub(crate) fn pack_seen(to: &mut Vec<u8>, state: &State, print: &Fingerprint) {
    let start = to.len();
    to.extend_from_slice(&[kind_number(state.kind), 0, 0]);
    let mut flags = put_state(to, state);
    flags |= put_fingerprint(to, state, print) << LEFT;
    to[start + 1..start + 3].copy_from_slice(&flags.to_le_bytes());
}

/// What [`pack_seen`] wrote; nothing where it is not that.
pub(crate) fn unpack_seen(bytes: &[u8]) -> Option<(State, Fingerprint)> {
    let mut from = Reader(bytes);
    let [kind, low, high] = from.take()?;
    let flags = u16::from_le_bytes([low, high]);
    let state = take_state(&mut from, kind_of(kind)?, flags)?;
    let print = take_fingerprint(&mut from, &state, flags >> LEFT)?;
    from.0.is_empty().then_some((state, print))
}

/// [`pack`] with a check over the whole row.
pub(crate) fn encode(id: u64, node: &BaseNode) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    pack(&mut bytes, node);
    let names = [Some(&node.name[..]), node.left_name.as_deref(), node.right_name.as_deref()];
    let check = check(id, node.parent.0, names, &bytes);
    bytes.extend_from_slice(&check);
    bytes
}

/// What [`encode`] wrote, without its check; nothing where the row is damaged.
pub(crate) fn checked<'b>(
    id: u64,
    parent: u64,
    names: [Option<&[u8]>; 3],
    bytes: &'b [u8],
) -> Option<&'b [u8]> {
    let (bytes, found) = bytes.split_last_chunk::<4>()?;
    (check(id, parent, names, bytes) == *found && unpack(bytes).is_some()).then_some(bytes)
}

/// A state alone, for conflicts.
pub(crate) fn encode_state(state: &State) -> Vec<u8> {
    let mut bytes = vec![kind_number(state.kind), 0, 0];
    let flags = put_state(&mut bytes, state);
    bytes[1..3].copy_from_slice(&flags.to_le_bytes());
    bytes
}

/// What [`encode_state`] wrote.
pub(crate) fn decode_state(bytes: &[u8]) -> Option<State> {
    let mut from = Reader(bytes);
    let [kind, low, high] = from.take()?;
    take_state(&mut from, kind_of(kind)?, u16::from_le_bytes([low, high]))
}

/// FNV-1a in words of eight bytes, folded: it has to notice a bad disk, not an enemy.
fn check(id: u64, parent: u64, names: [Option<&[u8]>; 3], bytes: &[u8]) -> [u8; 4] {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut sum = 0xcbf2_9ce4_8422_2325_u64;
    let mut word = |value: u64| sum = (sum ^ value).wrapping_mul(PRIME).rotate_left(23);
    word(id);
    word(parent);
    let [name, left, right] = names;
    for part in [name, left, right, Some(bytes)] {
        let part = part.unwrap_or(&[]);
        word(part.len() as u64);
        let (words, rest) = part.as_chunks::<8>();
        words.iter().for_each(|chunk| word(u64::from_le_bytes(*chunk)));
        let mut last = [0; 8];
        last[..rest.len()].copy_from_slice(rest);
        word(u64::from_le_bytes(last));
    }
    let folded = sum ^ (sum >> 32);
    let [a, b, c, d, ..] = folded.to_le_bytes();
    [a, b, c, d]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::NodeId;

    fn node(kind: EntryKind, size_bytes: u64, content: Content) -> BaseNode {
        let modified = Some(Timestamp::new(-5, 999_999_999));
        let left = Fingerprint {
            kind,
            size_bytes,
            modified,
            version: Version::changed_at(Timestamp::new(7, 8)),
            id: 99,
        };
        let right = Fingerprint {
            kind,
            size_bytes: size_bytes + 1,
            modified: Some(Timestamp::new(-6, 0)),
            version: Version::default(),
            id: 0,
        };
        BaseNode {
            parent: NodeId(3),
            name: b"a name".to_vec(),
            left_name: None,
            right_name: Some(b"other".to_vec()),
            state: State {
                kind,
                size_bytes,
                content,
                modified,
                mode: Some(0o7755),
                attributes: Some([9; 16]),
            },
            left,
            right,
        }
    }

    fn names(node: &BaseNode) -> [Option<&[u8]>; 3] {
        [Some(&node.name), node.left_name.as_deref(), node.right_name.as_deref()]
    }

    #[test]
    fn what_is_written_comes_back() {
        let plain = Fingerprint {
            kind: EntryKind::Symlink,
            size_bytes: 4,
            modified: None,
            version: Version::default(),
            id: 0,
        };
        let mut bare = node(EntryKind::Symlink, 4, Content::Unread);
        bare.state = State { modified: None, mode: None, attributes: None, ..bare.state };
        (bare.left, bare.right) = (plain, plain);
        for node in [
            node(EntryKind::File, u64::MAX - 1, Content::Known(ContentHash([7; 32]))),
            node(EntryKind::Folder, 0, Content::None),
            bare,
        ] {
            let bytes = encode(5, &node);
            let found = checked(5, 3, names(&node), &bytes).and_then(unpack);
            assert_eq!(found, Some((node.state, node.left, node.right)));
            assert_eq!(decode_state(&encode_state(&node.state)), Some(node.state));
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let node = node(EntryKind::File, 300, Content::Known(ContentHash([7; 32])));
        let bytes = encode(5, &node);
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(checked(5, 3, names(&node), &changed), None, "bit {bit}");
        }
        for length in 0..bytes.len() {
            assert_eq!(checked(5, 3, names(&node), &bytes[..length]), None);
        }
        assert_eq!(checked(6, 3, names(&node), &bytes), None, "the row of another node");
        assert_eq!(checked(5, 4, names(&node), &bytes), None, "another parent");
        assert_eq!(checked(5, 3, [Some(b"a nama"), None, Some(b"other")], &bytes), None, "another name");
    }
}
