//! A map from node ids to something small.
//!
//! Ids are counted up, so neighbours share a page: of a million nodes each costs little more than what is kept for it.
//! Invariants: what is told in order is told by id; a page with nothing in it is given back. Deliberately not here: what
//! is kept (`trees::records`, the views of planner and executor).

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::node::NodeId;

/// How many ids a page holds: fewer would cost more when all are there, more when only one of them is.
const PAGE_IDS: usize = 16;

/// Numbers are counted up: one multiplication spreads them well enough, and nobody outside chooses them.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct NumberHasher(u64);

impl Hasher for NumberHasher {
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

/// A hash map by such numbers.
pub(crate) type ByNumber<K, T> = HashMap<K, T, BuildHasherDefault<NumberHasher>>;

#[derive(Clone, Copy, Debug)]
struct Page<T> {
    number: u64,
    /// A bit for each place: whether something is there.
    taken: u16,
    places: [T; PAGE_IDS],
}

/// See above.
#[derive(Clone, Debug)]
pub(crate) struct IdMap<T> {
    /// Where the page of a number is.
    at: ByNumber<u64, u32>,
    pages: Vec<Page<T>>,
    length: usize,
}

impl<T> Default for IdMap<T> {
    fn default() -> Self {
        Self { at: ByNumber::default(), pages: Vec::new(), length: 0 }
    }
}

/// The number of an id's page, and its place there.
fn split(id: NodeId) -> (u64, usize) {
    // Less than the ids of a page, so it fits.
    (id.0 / PAGE_IDS as u64, usize::try_from(id.0 % PAGE_IDS as u64).unwrap_or(0))
}

impl<T: Copy + Default> IdMap<T> {
    /// Room for so many ids that were counted up.
    pub(crate) fn reserve(&mut self, ids: usize) {
        let pages = ids.div_ceil(PAGE_IDS);
        self.at.reserve(pages);
        self.pages.reserve(pages);
    }

    pub(crate) fn len(&self) -> usize {
        self.length
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.length == 0
    }

    pub(crate) fn get(&self, id: NodeId) -> Option<T> {
        let (number, place) = split(id);
        let page = &self.pages[*self.at.get(&number)? as usize];
        (page.taken & 1 << place != 0).then(|| page.places[place])
    }

    /// What was there before.
    pub(crate) fn insert(&mut self, id: NodeId, value: T) -> Option<T> {
        let (number, place) = split(id);
        let pages = &mut self.pages;
        let at = *self.at.entry(number).or_insert_with(|| {
            pages.push(Page { number, taken: 0, places: [T::default(); PAGE_IDS] });
            // A page is larger than its number: memory ends long before the numbers do.
            u32::try_from(pages.len() - 1).unwrap_or(u32::MAX)
        });
        let page = &mut self.pages[at as usize];
        let before = std::mem::replace(&mut page.places[place], value);
        if page.taken & 1 << place != 0 {
            return Some(before);
        }
        page.taken |= 1 << place;
        self.length += 1;
        None
    }

    pub(crate) fn remove(&mut self, id: NodeId) -> Option<T> {
        let (number, place) = split(id);
        let at = *self.at.get(&number)?;
        let page = &mut self.pages[at as usize];
        if page.taken & 1 << place == 0 {
            return None;
        }
        let before = page.places[place];
        page.taken &= !(1 << place);
        self.length -= 1;
        if page.taken == 0 {
            self.pages.swap_remove(at as usize);
            self.at.remove(&number);
            if let Some(moved) = self.pages.get(at as usize) {
                self.at.insert(moved.number, at);
            }
        }
        Some(before)
    }

    /// All of them, by id.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (NodeId, T)> + use<'_, T> {
        let mut order: Vec<(u64, u32)> = self.at.iter().map(|(number, at)| (*number, *at)).collect();
        order.sort_unstable();
        order.into_iter().flat_map(|(number, at)| {
            let page = &self.pages[at as usize];
            let there = (0_u64..).zip(&page.places).filter(|(place, _)| page.taken & 1 << place != 0);
            there.map(move |(place, value)| (NodeId(number * PAGE_IDS as u64 + place), *value))
        })
    }

    /// The highest id.
    pub(crate) fn last(&self) -> Option<NodeId> {
        let (number, at) = self.at.iter().max()?;
        let place = self.pages[*at as usize].taken.checked_ilog2()?;
        Some(NodeId(number * PAGE_IDS as u64 + u64::from(place)))
    }

    /// Changes each, by id.
    pub(crate) fn for_each_mut(&mut self, mut change: impl FnMut(&mut T)) {
        self.pages.sort_unstable_by_key(|page| page.number);
        for (at, page) in (0_u32..).zip(&mut self.pages) {
            self.at.insert(page.number, at);
            for (place, value) in page.places.iter_mut().enumerate() {
                if page.taken & 1 << place != 0 {
                    change(value);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn it_holds_what_an_ordered_map_holds_whatever_comes_and_goes() {
        let mut map = IdMap::default();
        let mut model = BTreeMap::new();
        let mut chance = 7_u64;
        for step in 0..20_000_u32 {
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            // Near each other and far apart, from the first to the last id there is.
            let id = NodeId(match chance >> 62 {
                0 => chance >> 33 & 0xff,
                1 => NodeId::FRESH_RIGHT + (chance >> 33 & 0xff),
                2 => u64::MAX - (chance >> 33 & 0x3f),
                _ => (chance >> 33 & 0x1f) << 58,
            });
            if chance >> 61 & 1 == 0 {
                assert_eq!(map.insert(id, step), model.insert(id, step));
            } else {
                assert_eq!(map.remove(id), model.remove(&id));
            }
            assert_eq!((map.get(id), map.len()), (model.get(&id).copied(), model.len()));
            if step % 500 == 0 {
                map.for_each_mut(|value| *value += 1);
                model.values_mut().for_each(|value| *value += 1);
                assert!(map.iter().eq(model.iter().map(|(id, value)| (*id, *value))));
                assert_eq!(map.last(), model.keys().next_back().copied());
            }
        }
        for id in model.keys() {
            map.remove(*id);
        }
        assert!(map.is_empty() && map.pages.is_empty() && map.at.is_empty());
    }
}
