//! A group: many chunks compressed as one, so that small files share what they have in common.
//!
//! Layout before compression: the chunks' bytes one after another, then each chunk's length (32 bits), then their count
//! (32 bits). The table stands at the end so that a writer can append while it reads. Chunk ids are not in it: they
//! follow from the bytes.

/// The most bytes of chunks a writer gathers before it closes a group.
pub const TARGET_BYTES: usize = 4 << 20;
/// The same for folder pages: smaller, because browsing opens few of them at a time.
pub const TREE_TARGET_BYTES: usize = 1 << 20;
/// The most chunks in a group.
pub const CHUNKS_LIMIT: usize = 1 << 16;

/// Appends the table that makes the gathered bytes a group.
pub(crate) fn close(payload: &mut Vec<u8>, lengths: &[u32]) {
    payload.reserve(lengths.len() * 4 + 4);
    for length in lengths {
        payload.extend_from_slice(&length.to_le_bytes());
    }
    // The count fits: a writer closes the group at CHUNKS_LIMIT.
    payload.extend_from_slice(&(lengths.len() as u32).to_le_bytes());
}

/// A group as it was before compression.
#[derive(Debug)]
pub struct Group {
    plain: Vec<u8>,
    /// Where each chunk begins, and where the last one ends.
    starts: Vec<u32>,
}

impl Group {
    /// Reads the table at the end; `Err` holds why it can not be one.
    pub(crate) fn parse(plain: Vec<u8>) -> Result<Self, &'static str> {
        const BAD: &str = "a group's table does not fit its content";
        let word = |at: usize| -> Option<u32> {
            let bytes = plain.get(at..at.checked_add(4)?)?;
            Some(u32::from_le_bytes(bytes.try_into().ok()?))
        };
        let count_at = plain.len().checked_sub(4).ok_or(BAD)?;
        let count = word(count_at).ok_or(BAD)? as usize;
        if count > CHUNKS_LIMIT {
            return Err(BAD);
        }
        let table_at = count_at.checked_sub(count * 4).ok_or(BAD)?;
        let mut starts = Vec::with_capacity(count + 1);
        let mut start = 0_u32;
        starts.push(0);
        for number in 0..count {
            start = start.checked_add(word(table_at + number * 4).ok_or(BAD)?).ok_or(BAD)?;
            starts.push(start);
        }
        if start as usize != table_at {
            return Err(BAD);
        }
        Ok(Self { plain, starts })
    }

    /// How many chunks it holds.
    #[must_use]
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether it holds none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A chunk by its number in the group.
    #[must_use]
    pub fn chunk(&self, number: u32) -> Option<&[u8]> {
        let number = number as usize;
        let (start, end) = (*self.starts.get(number)?, *self.starts.get(number.checked_add(1)?)?);
        self.plain.get(start as usize..end as usize)
    }

    /// All chunks in order.
    pub fn chunks(&self) -> impl Iterator<Item = &[u8]> {
        self.starts.windows(2).map(|pair| &self.plain[pair[0] as usize..pair[1] as usize])
    }

    /// How much memory it takes, about.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        self.plain.len() + self.starts.len() * 4
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_come_back_in_order() {
        let mut payload = b"onethree".to_vec();
        close(&mut payload, &[3, 0, 5]);
        let group = Group::parse(payload).unwrap();
        assert_eq!(group.chunks().collect::<Vec<_>>(), [&b"one"[..], b"", b"three"]);
        assert_eq!(group.chunk(2), Some(&b"three"[..]));
        assert_eq!(group.chunk(3), None);
        assert_eq!(group.chunk(u32::MAX), None);
    }

    #[test]
    fn a_table_that_does_not_fit_is_refused() {
        for bytes in [
            &b""[..],
            b"\x01\0\0\0",
            b"ab\x03\0\0\0\x01\0\0\0",
            b"ab\xff\xff\xff\xff\xff\xff\xff\xff\x02\0\0\0",
        ] {
            assert!(Group::parse(bytes.to_vec()).is_err(), "{bytes:?}");
        }
    }

    #[test]
    fn no_bytes_break_the_table() {
        let mut payload = b"one two three".to_vec();
        close(&mut payload, &[4, 4, 0, 5]);
        crate::mutate::each_mutation(&payload, |bytes| {
            if let Ok(group) = Group::parse(bytes.to_vec()) {
                let total: usize = group.chunks().map(<[u8]>::len).sum();
                assert_eq!(total + 4 * group.len() + 4, bytes.len());
                assert!(group.chunk(group.len() as u32).is_none());
            }
        });
    }
}
