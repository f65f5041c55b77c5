//! A run of bytes for each of many nodes, in few large pieces of memory.
//!
//! A million nodes are held whole while a pair is at work: apart from their bytes each costs about a dozen more. Invariants:
//! room of records that went is taken back once it is more than what is used; a record lies in one piece, and only the last
//! piece grows. Deliberately not here: what the bytes mean (`trees::base`, `trees::changes`).

use std::ops::Range;

use super::facts::{Reader, put_size};
use crate::id_map::IdMap;
use crate::node::NodeId;

/// As much as this may lie idle.
const IDLE_BYTES: usize = 1 << 20;
/// What the length of a record takes, which stands before it, about.
const LENGTH_BYTES: usize = 2;

/// See above.
#[derive(Clone, Debug, Default)]
pub(super) struct Records {
    /// Where each begins, counted over all pieces.
    starts: IdMap<u64>,
    /// What was taken over from others as it lay there: the machine is slow to give out memory that was not used before.
    full: Vec<Piece>,
    last: Piece,
    idle_bytes: usize,
}

#[derive(Clone, Debug, Default)]
struct Piece {
    /// What the pieces before it hold.
    start: u64,
    bytes: Vec<u8>,
}

impl Piece {
    fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Where the record is that begins there with its length; never past the end.
    fn extent(&self, start: u64) -> Option<Range<usize>> {
        let mut from = Reader(self.bytes.get(offset(start.checked_sub(self.start)?)..)?);
        let length = usize::try_from(from.size()?).ok()?;
        let start = self.bytes.len() - from.0.len();
        (length <= from.0.len()).then_some(start..start + length)
    }

    /// A record with the length before it.
    fn whole(&self, start: u64) -> Option<&[u8]> {
        self.bytes.get(offset(start.checked_sub(self.start)?)..self.extent(start)?.end)
    }
}

impl Records {
    /// Room for so many records more, by ids that were counted up, of about so many bytes each. What is reserved and not
    /// used costs nothing; what grows step by step leaves holes as large as itself behind.
    pub(super) fn reserve(&mut self, records: usize, record_bytes: usize) {
        self.starts.reserve(records);
        self.last.bytes.reserve(records.saturating_mul(LENGTH_BYTES + record_bytes));
    }

    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.starts.is_empty()
    }

    /// How many bytes all of them take.
    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        offset(self.last.end())
    }

    pub(super) fn contains(&self, id: NodeId) -> bool {
        self.starts.get(id).is_some()
    }

    pub(super) fn get(&self, id: NodeId) -> Option<&[u8]> {
        self.at(self.starts.get(id)?)
    }

    fn at(&self, start: u64) -> Option<&[u8]> {
        let piece = self.piece(start);
        piece.bytes.get(piece.extent(start)?)
    }

    /// Where a record lies that begins there.
    fn piece(&self, start: u64) -> &Piece {
        self.full.iter().find(|piece| start < piece.end()).unwrap_or(&self.last)
    }

    /// Puts a record of several parts in the place of the one that was there.
    pub(super) fn insert(&mut self, id: NodeId, parts: &[&[u8]]) {
        let start = self.last.end();
        let length: usize = parts.iter().map(|part| part.len()).sum();
        put_size(&mut self.last.bytes, length as u64);
        parts.iter().for_each(|part| self.last.bytes.extend_from_slice(part));
        if let Some(before) = self.starts.insert(id, start) {
            self.release(before);
        }
    }

    /// Whether there was one.
    pub(super) fn remove(&mut self, id: NodeId) -> bool {
        let before = self.starts.remove(id);
        if let Some(start) = before {
            self.release(start);
        }
        before.is_some()
    }

    /// Writes over the first bytes of a record.
    pub(super) fn overwrite(&mut self, id: NodeId, head: &[u8]) {
        let Some(start) = self.starts.get(id) else { return };
        let piece = self.full.iter_mut().find(|piece| start < piece.end()).unwrap_or(&mut self.last);
        let Some(there) = piece.extent(start) else { return };
        if let Some(there) = piece.bytes[there].get_mut(..head.len()) {
            there.copy_from_slice(head);
        }
    }

    /// Takes over others, none of which is in here yet.
    pub(super) fn append(&mut self, others: Self) {
        let shift = self.last.end();
        let shifted = |piece: Piece| Piece { start: piece.start + shift, ..piece };
        self.full.push(std::mem::replace(&mut self.last, shifted(others.last)));
        self.full.extend(others.full.into_iter().map(shifted));
        self.idle_bytes += others.idle_bytes;
        for (id, start) in others.starts.iter() {
            self.starts.insert(id, start + shift);
        }
    }

    /// All of them, by id.
    pub(super) fn iter(&self) -> impl Iterator<Item = (NodeId, &[u8])> {
        self.starts.iter().filter_map(|(id, start)| Some((id, self.at(start)?)))
    }

    /// All ids, in their order.
    pub(super) fn ids(&self) -> impl Iterator<Item = NodeId> {
        self.starts.iter().map(|(id, _)| id)
    }

    /// The highest id.
    pub(super) fn last_id(&self) -> Option<NodeId> {
        self.starts.last()
    }

    /// The room of a record is free; all the others are moved together once half is.
    fn release(&mut self, start: u64) {
        self.idle_bytes += self.piece(start).whole(start).map_or(0, <[u8]>::len);
        if self.idle_bytes < IDLE_BYTES || self.idle_bytes * 2 < offset(self.last.end()) {
            return;
        }
        let mut before = std::mem::take(self);
        self.last.bytes.reserve_exact(offset(before.last.end()) - before.idle_bytes);
        let mut starts = std::mem::take(&mut before.starts);
        starts.for_each_mut(|start| {
            let record = before.piece(*start).whole(*start).unwrap_or_default();
            *start = self.last.end();
            self.last.bytes.extend_from_slice(record);
        });
        self.starts = starts;
    }
}

/// The bytes are in memory, so their number fits.
fn offset(start: u64) -> usize {
    usize::try_from(start).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_in_is_there_however_often_its_room_is_moved() {
        let mut records = Records::default();
        // Long enough that the room of what went is taken back many times.
        for round in 0..200_u64 {
            for number in 0..100 {
                let text = format!("{round}-{number}-{}", "n".repeat(200));
                records.insert(NodeId(number * 7), &[b"head", text.as_bytes()]);
            }
        }
        assert!(records.bytes() < 4 << 20, "{}", records.bytes());
        let mut more = Records::default();
        more.insert(NodeId(1), &[]);
        more.insert(NodeId(1), &[b"head", b"more"]);
        records.append(more);
        records.overwrite(NodeId(7), b"HEAD");
        assert!(records.remove(NodeId(14)) && !records.remove(NodeId(14)) && !records.contains(NodeId(14)));
        assert_eq!((records.len(), records.last_id()), (100, Some(NodeId(693))));
        for (id, record) in records.iter() {
            let text = match id.0 {
                1 => "headmore".to_owned(),
                7 => format!("HEAD199-1-{}", "n".repeat(200)),
                id => format!("head199-{}-{}", id / 7, "n".repeat(200)),
            };
            assert_eq!((records.get(id), record), (Some(text.as_bytes()), text.as_bytes()));
        }
        assert!(records.ids().is_sorted());
    }

    #[test]
    fn what_was_taken_over_is_moved_together_with_the_rest() {
        let text = |id: u64| format!("{id}-{}", "n".repeat(300));
        let filled = |ids: Range<u64>| {
            let mut records = Records::default();
            ids.for_each(|id| records.insert(NodeId(id), &[text(id).as_bytes()]));
            records
        };
        let mut records = filled(0..4_000);
        let mut others = filled(4_000..8_000);
        others.append(filled(8_000..12_000));
        records.append(others);
        let before = records.bytes();
        for id in 0..12_000 {
            records.overwrite(NodeId(id), b"X");
            let wanted = format!("X{}", &text(id)[1..]);
            assert_eq!(records.get(NodeId(id)), Some(wanted.as_bytes()));
            if id % 3 > 0 {
                assert!(records.remove(NodeId(id)));
            }
        }
        assert!(records.bytes() < before / 2, "{} of {before}", records.bytes());
        records.insert(NodeId(1), &[b"new"]);
        for (id, record) in records.iter().filter(|(id, _)| id.0 != 1) {
            assert_eq!(record, format!("X{}", &text(id.0)[1..]).as_bytes());
        }
        assert_eq!((records.len(), records.get(NodeId(1))), (4_001, Some(&b"new"[..])));
    }
}
