//! Times, permissions and extended attributes as they were before a run set them: what undoing puts back.
//!
//! A row beside the line of the journal that set them, with what the run made of them, by which undoing sees what was
//! changed since. Attributes are kept once for all items that had the same. Invariants: a row goes with its run; all kept
//! attributes together are never more than [`ATTRIBUTES_LIMIT_BYTES`], the oldest go first; what is read of them is what
//! was written, for their digest is over it. Deliberately not here: putting them back (`bins::undo_metadata`).

use keepwell_model::{ExtendedAttribute, JobId, Timestamp};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::{PairDatabase, sql};
use crate::error::SyncError;
use crate::node::packed_attributes;

/// Larger attributes of one item are not kept.
const KEPT_LIMIT_BYTES: usize = 64 << 10;
/// So many bytes of attributes are kept for a pair.
const ATTRIBUTES_LIMIT_BYTES: i64 = 64 << 20;

/// What surrounds a content, as far as it was set; attributes by their digest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Surround {
    pub modified: Option<Timestamp>,
    pub mode: Option<u32>,
    pub attributes: Option<[u8; 16]>,
}

/// What a step set, and what was there before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Before {
    pub was: Surround,
    pub became: Surround,
    /// The attributes of before, where they were set and are kept.
    pub attributes: Option<Vec<ExtendedAttribute>>,
}

/// Writes down what was there before the lines of these numbers.
pub(super) fn keep_before(
    transaction: &Connection,
    run: JobId,
    before: &[(u64, Before)],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let run = run.to_string();
    let mut is_any_kept = false;
    for (number, Before { was, became, attributes }) in before {
        transaction
            .prepare_cached(
                "INSERT OR REPLACE INTO metadata_before (run, number, was_s, was_ns, was_mode, was_attributes,
                 became_s, became_ns, became_mode, became_attributes) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            )?
            .execute(params![
                run,
                sql(*number),
                was.modified.map(|time| time.seconds),
                was.modified.map(|time| time.nanoseconds),
                was.mode,
                was.attributes,
                became.modified.map(|time| time.seconds),
                became.modified.map(|time| time.nanoseconds),
                became.mode,
                became.attributes,
            ])?;
        let packed = attributes.as_ref().map(|attributes| packed_attributes(attributes));
        if let Some((digest, packed)) =
            was.attributes.zip(packed).filter(|(_, p)| p.len() <= KEPT_LIMIT_BYTES)
        {
            is_any_kept = true;
            transaction
                .prepare_cached(
                    "INSERT OR REPLACE INTO attributes (digest, kept_ms, content) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![digest, now_ms, packed])?;
        }
    }
    if is_any_kept {
        transaction
            .prepare_cached(
                "DELETE FROM attributes WHERE digest IN (SELECT digest FROM
                 (SELECT digest, sum(length(content)) OVER (ORDER BY kept_ms DESC, digest) AS so_far FROM attributes)
                 WHERE so_far > ?1)",
            )?
            .execute([ATTRIBUTES_LIMIT_BYTES])?;
    }
    Ok(())
}

impl PairDatabase {
    /// What was there before a line of a run's journal.
    pub(crate) fn before(&self, run: JobId, number: u64) -> Result<Option<Before>, SyncError> {
        self.with(|connection| {
            let found = connection
                .prepare_cached(
                    "SELECT was_s, was_ns, was_mode, was_attributes, became_s, became_ns, became_mode,
                     became_attributes FROM metadata_before WHERE run = ?1 AND number = ?2",
                )?
                .query_row(params![run.to_string(), sql(number)], |row| {
                    Ok((surround(row, 0)?, surround(row, 4)?))
                })
                .optional()?;
            let Some((was, became)) = found else { return Ok(None) };
            let packed: Option<Vec<u8>> = connection
                .prepare_cached("SELECT content FROM attributes WHERE digest = ?1")?
                .query_row([was.attributes], |row| row.get(0))
                .optional()?;
            Ok(Some(Before { was, became, attributes: packed.and_then(|packed| unpack(&packed)) }))
        })
    }
}

/// The four columns from one on.
fn surround(row: &Row<'_>, first: usize) -> rusqlite::Result<Surround> {
    let seconds: Option<i64> = row.get(first)?;
    let nanoseconds: Option<u32> = row.get(first + 1)?;
    Ok(Surround {
        modified: seconds.zip(nanoseconds).map(|(seconds, nanoseconds)| Timestamp::new(seconds, nanoseconds)),
        mode: row.get(first + 2)?,
        attributes: row.get(first + 3)?,
    })
}

/// See [`packed_attributes`].
fn unpack(mut packed: &[u8]) -> Option<Vec<ExtendedAttribute>> {
    let mut next = || -> Option<Vec<u8>> {
        let (length, rest) = packed.split_first_chunk::<8>()?;
        let (bytes, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
        packed = rest;
        Some(bytes.to_vec())
    };
    let mut attributes = Vec::new();
    while let Some(name) = next() {
        attributes.push(ExtendedAttribute { name, value: next()? });
    }
    packed.is_empty().then_some(attributes)
}

#[cfg(test)]
mod tests {
    use keepwell_model::PairId;

    use super::*;
    use crate::scan::attributes_hash;

    const RUN: JobId = JobId([1; 16]);

    /// Permissions and attributes were set where this one was.
    fn before(value: Vec<u8>) -> Before {
        let attributes = vec![ExtendedAttribute { name: b"user.a".to_vec(), value }];
        let was =
            Surround { modified: None, mode: Some(0o640), attributes: Some(attributes_hash(&attributes)) };
        let modified = Some(Timestamp::new(-5, 7));
        Before { was, became: Surround { modified, ..Surround::default() }, attributes: Some(attributes) }
    }

    fn opened() -> (tempfile::TempDir, PairDatabase) {
        let home = tempfile::tempdir().unwrap();
        let (database, _) = PairDatabase::open(home.path(), PairId([7; 16]), 1).unwrap();
        database.begin_run(RUN, 1).unwrap();
        (home, database)
    }

    fn keep(database: &PairDatabase, before: &[(u64, Before)], now_ms: i64) {
        database.write(|transaction| keep_before(transaction, RUN, before, now_ms)).unwrap();
    }

    #[test]
    fn what_is_kept_comes_back_and_attributes_that_are_too_large_do_not() {
        let (_home, database) = opened();
        let (small, large) = (before(b"small".to_vec()), before(vec![1; KEPT_LIMIT_BYTES]));
        let none = Before {
            attributes: Some(Vec::new()),
            was: Surround { attributes: Some(attributes_hash(&[])), ..small.was },
            ..small.clone()
        };
        keep(&database, &[(3, small.clone()), (4, large.clone()), (5, none.clone())], 1);
        assert_eq!(database.before(RUN, 3).unwrap(), Some(small));
        assert_eq!(database.before(RUN, 4).unwrap(), Some(Before { attributes: None, ..large }));
        assert_eq!(database.before(RUN, 5).unwrap(), Some(none));
        assert_eq!(database.before(RUN, 6).unwrap(), None);
    }

    #[test]
    fn past_the_limit_the_oldest_attributes_go_and_with_a_run_its_rows() {
        let (_home, database) = opened();
        let all: Vec<_> = (0..1_200_u64)
            .map(|number| (number, before([&number.to_le_bytes()[..], &[0; 60 << 10]].concat())))
            .collect();
        let (older, newer) = all.split_at(1_000);
        keep(&database, newer, 2);
        keep(&database, older, 1);
        let is_kept = |number: &u64| database.before(RUN, *number).unwrap().unwrap().attributes.is_some();
        assert!((1_000..1_200).all(|number| is_kept(&number)));
        let kept = (0..1_000).filter(is_kept).count() as i64 + 200;
        let one = packed_attributes(all[0].1.attributes.as_ref().unwrap()).len() as i64;
        assert_eq!(kept, ATTRIBUTES_LIMIT_BYTES / one);
        database.write(|transaction| transaction.execute("DELETE FROM runs", [])).unwrap();
        assert_eq!(database.before(RUN, 1_100).unwrap(), None);
    }
}
