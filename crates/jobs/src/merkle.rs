//! A BLAKE3 Merkle tree over entries, in constant memory.
//!
//! Leaf: BLAKE3 of byte 0 and the entry's bytes. Node: BLAKE3 of byte 1 and both children. A level's last odd node moves
//! up as it is (as in RFC 6962). The root of no entries is BLAKE3 of nothing.

/// Builds a root entry by entry.
#[derive(Debug, Default, Clone)]
pub struct MerkleTree {
    // Roots of whole subtrees, largest first; their sizes are the ones in the binary form of `leaves`.
    subtrees: Vec<[u8; 32]>,
    leaves: u64,
}

impl MerkleTree {
    /// Adds the next entry.
    pub fn add(&mut self, entry: &[u8]) {
        let mut hash = *blake3::Hasher::new().update(&[0]).update(entry).finalize().as_bytes();
        let mut size = self.leaves;
        while size & 1 == 1 {
            let Some(left) = self.subtrees.pop() else { break };
            hash = node(&left, &hash);
            size >>= 1;
        }
        self.subtrees.push(hash);
        self.leaves += 1;
    }

    /// The root over all entries so far.
    #[must_use]
    pub fn root(&self) -> [u8; 32] {
        let mut subtrees = self.subtrees.iter().rev();
        let Some(last) = subtrees.next() else { return *blake3::hash(b"").as_bytes() };
        subtrees.fold(*last, |right, left| node(left, &right))
    }

    /// The root in hexadecimal.
    #[must_use]
    pub fn root_text(&self) -> String {
        blake3::Hash::from_bytes(self.root()).to_hex().to_string()
    }
}

fn node(left: &[u8; 32], right: &[u8; 32]) -> [u8; 32] {
    *blake3::Hasher::new().update(&[1]).update(left).update(right).finalize().as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The definition, straight and slow.
    fn straight(entries: &[Vec<u8>]) -> [u8; 32] {
        match entries {
            [] => *blake3::hash(b"").as_bytes(),
            [one] => *blake3::Hasher::new().update(&[0]).update(one).finalize().as_bytes(),
            many => {
                let half = many.len().next_power_of_two() / 2;
                node(&straight(&many[..half]), &straight(&many[half..]))
            }
        }
    }

    #[test]
    fn the_root_is_that_of_the_definition() {
        for count in 0..70_u8 {
            let entries: Vec<Vec<u8>> = (0..count).map(|number| vec![number; 3]).collect();
            let mut tree = MerkleTree::default();
            entries.iter().for_each(|entry| tree.add(entry));
            assert_eq!(tree.root(), straight(&entries), "{count} entries");
        }
    }

    #[test]
    fn order_and_every_entry_matter() {
        let root = |entries: &[&str]| {
            let mut tree = MerkleTree::default();
            entries.iter().for_each(|entry| tree.add(entry.as_bytes()));
            tree.root()
        };
        assert_ne!(root(&["a", "b", "c"]), root(&["a", "c", "b"]));
        assert_ne!(root(&["a", "b"]), root(&["a", "b", "b"]));
        assert_ne!(root(&["ab"]), root(&["a", "b"]));
    }
}
