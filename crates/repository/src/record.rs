//! The snapshot record, in CBOR (RFC 8949) with whole numbers as keys. Unknown keys are passed over, so that a later
//! version may add some without a feature flag.

use keepwell_model::{ChunkId, PlanId, Snapshot, SnapshotId, SnapshotSource, SnapshotStatistics, Timestamp};
use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::error::{RepositoryError, Result};

/// Turns CBOR trouble into "this file is damaged", and bounds what lengths claim.
pub(crate) struct Unpack<'a> {
    path: &'a str,
}

impl<'a> Unpack<'a> {
    pub(crate) fn new(path: &'a str) -> Self {
        Self { path }
    }

    pub(crate) fn bad(&self, why: impl Into<String>) -> RepositoryError {
        RepositoryError::damaged(self.path, why)
    }

    pub(crate) fn value<T>(&self, value: std::result::Result<T, minicbor::decode::Error>) -> Result<T> {
        value.map_err(|error| self.bad(format!("its record does not read: {error}")))
    }

    /// A map of definite length: each entry is at least two bytes, which bounds the count.
    pub(crate) fn map(&self, decoder: &mut Decoder<'_>) -> Result<u64> {
        let count = self.value(decoder.map())?;
        self.bounded(count, decoder)
    }

    pub(crate) fn array(&self, decoder: &mut Decoder<'_>) -> Result<u64> {
        let count = self.value(decoder.array())?;
        self.bounded(count, decoder)
    }

    fn bounded(&self, count: Option<u64>, decoder: &Decoder<'_>) -> Result<u64> {
        count
            .filter(|count| *count <= decoder.input().len() as u64)
            .ok_or_else(|| self.bad("its record claims an impossible length"))
    }

    pub(crate) fn exactly(&self, decoder: &mut Decoder<'_>, length: u64) -> Result<()> {
        if self.array(decoder)? == length { Ok(()) } else { Err(self.bad("a list has the wrong length")) }
    }

    pub(crate) fn fixed<const LENGTH: usize>(&self, decoder: &mut Decoder<'_>) -> Result<[u8; LENGTH]> {
        let bytes = self.value(decoder.bytes())?;
        bytes.try_into().map_err(|_| self.bad("an id has the wrong length"))
    }

    pub(crate) fn time(&self, decoder: &mut Decoder<'_>) -> Result<Timestamp> {
        self.exactly(decoder, 2)?;
        Ok(Timestamp::new(self.value(decoder.i64())?, self.value(decoder.u32())?))
    }

    pub(crate) fn ids(&self, decoder: &mut Decoder<'_>) -> Result<Vec<ChunkId>> {
        let mut ids = Vec::new();
        for _ in 0..self.array(decoder)? {
            ids.push(ChunkId(self.fixed(decoder)?));
        }
        Ok(ids)
    }

    pub(crate) fn is_null(&self, decoder: &mut Decoder<'_>) -> Result<bool> {
        Ok(self.value(decoder.datatype())? == Type::Null)
    }
}

/// The error of encoding into memory: it has no way to happen, and is checked in debug builds.
pub(crate) type Encoded = std::result::Result<(), minicbor::encode::Error<std::convert::Infallible>>;

pub(crate) fn encode_time(encoder: &mut Encoder<Vec<u8>>, key: u8, time: Timestamp) -> Encoded {
    encoder.u8(key)?.array(2)?.i64(time.seconds)?.u32(time.nanoseconds)?.ok()
}

pub(crate) fn encode_ids(encoder: &mut Encoder<Vec<u8>>, key: u8, ids: &[ChunkId]) -> Encoded {
    encoder.u8(key)?.array(ids.len() as u64)?;
    for id in ids {
        encoder.bytes(id.as_bytes())?;
    }
    Ok(())
}

/// The record of a snapshot as bytes.
#[must_use]
pub fn encode(snapshot: &Snapshot) -> Vec<u8> {
    let mut encoder = Encoder::new(Vec::with_capacity(1024));
    let encoded = encode_into(&mut encoder, snapshot);
    debug_assert!(encoded.is_ok());
    encoder.into_writer()
}

fn encode_into(encoder: &mut Encoder<Vec<u8>>, snapshot: &Snapshot) -> Encoded {
    let fields = 10 + u64::from(snapshot.parent.is_some()) + u64::from(snapshot.plan.is_some());
    encoder.map(fields)?;
    encode_time(encoder, 0, snapshot.started)?;
    encode_time(encoder, 1, snapshot.finished)?;
    encoder.u8(2)?.str(&snapshot.host)?.u8(3)?.str(&snapshot.user)?;
    encoder.u8(4)?.str(&snapshot.system)?.u8(5)?.str(&snapshot.program)?;
    encoder.u8(6)?.array(snapshot.sources.len() as u64)?;
    for source in &snapshot.sources {
        encoder.array(2)?.bytes(&source.path)?.bytes(&source.root)?;
    }
    encode_ids(encoder, 7, &snapshot.root_pages)?;
    if let Some(parent) = snapshot.parent {
        encoder.u8(8)?.bytes(parent.as_bytes())?;
    }
    if let Some(plan) = snapshot.plan {
        encoder.u8(9)?.bytes(plan.as_bytes())?;
    }
    encoder.u8(10)?.array(snapshot.tags.len() as u64)?;
    for tag in &snapshot.tags {
        encoder.str(tag)?;
    }
    let statistics = statistics_fields(&snapshot.statistics);
    encoder.u8(11)?.array(statistics.len() as u64)?;
    for value in statistics {
        encoder.u64(value)?;
    }
    Ok(())
}

fn statistics_fields(s: &SnapshotStatistics) -> [u64; 10] {
    [
        s.files,
        s.folders,
        s.others,
        s.size_bytes,
        s.files_new,
        s.files_changed,
        s.files_unchanged,
        s.added_bytes,
        s.stored_bytes,
        s.problems,
    ]
}

/// Reads the record of a snapshot.
///
/// # Errors
/// The bytes are not such a record.
pub fn decode(bytes: &[u8], path: &str) -> Result<Snapshot> {
    let unpack = Unpack::new(path);
    let mut decoder = Decoder::new(bytes);
    let decoder = &mut decoder;
    let mut snapshot = Snapshot {
        started: Timestamp::default(),
        finished: Timestamp::default(),
        host: String::new(),
        user: String::new(),
        system: String::new(),
        program: String::new(),
        sources: Vec::new(),
        root_pages: Vec::new(),
        parent: None,
        plan: None,
        tags: Vec::new(),
        statistics: SnapshotStatistics::default(),
    };
    for _ in 0..unpack.map(decoder)? {
        match unpack.value(decoder.u64())? {
            0 => snapshot.started = unpack.time(decoder)?,
            1 => snapshot.finished = unpack.time(decoder)?,
            2 => snapshot.host = unpack.value(decoder.str())?.to_owned(),
            3 => snapshot.user = unpack.value(decoder.str())?.to_owned(),
            4 => snapshot.system = unpack.value(decoder.str())?.to_owned(),
            5 => snapshot.program = unpack.value(decoder.str())?.to_owned(),
            6 => {
                for _ in 0..unpack.array(decoder)? {
                    unpack.exactly(decoder, 2)?;
                    let path = unpack.value(decoder.bytes())?.to_vec();
                    let root = unpack.value(decoder.bytes())?.to_vec();
                    snapshot.sources.push(SnapshotSource { path, root });
                }
            }
            7 => snapshot.root_pages = unpack.ids(decoder)?,
            8 => snapshot.parent = Some(SnapshotId(unpack.fixed(decoder)?)),
            9 => snapshot.plan = Some(PlanId(unpack.fixed(decoder)?)),
            10 => {
                for _ in 0..unpack.array(decoder)? {
                    snapshot.tags.push(unpack.value(decoder.str())?.to_owned());
                }
            }
            11 => snapshot.statistics = decode_statistics(&unpack, decoder)?,
            _ => unpack.value(decoder.skip())?,
        }
    }
    Ok(snapshot)
}

fn decode_statistics(unpack: &Unpack<'_>, decoder: &mut Decoder<'_>) -> Result<SnapshotStatistics> {
    let count = unpack.array(decoder)?;
    let mut values = [0; 10];
    for number in 0..count {
        let value = unpack.value(decoder.u64())?;
        // A later version may count more.
        if let Some(slot) = usize::try_from(number).ok().and_then(|number| values.get_mut(number)) {
            *slot = value;
        }
    }
    let [
        files,
        folders,
        others,
        size_bytes,
        files_new,
        files_changed,
        files_unchanged,
        added,
        stored,
        problems,
    ] = values;
    Ok(SnapshotStatistics {
        files,
        folders,
        others,
        size_bytes,
        files_new,
        files_changed,
        files_unchanged,
        added_bytes: added,
        stored_bytes: stored,
        problems,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_comes_back_whole_and_rubbish_is_refused() {
        let snapshot = Snapshot {
            started: Timestamp::new(-5, 1),
            finished: Timestamp::new(1 << 40, 999_999_999),
            host: "host".into(),
            user: "user".into(),
            system: "linux".into(),
            program: "keepwell 0".into(),
            sources: vec![SnapshotSource { path: b"/home/\xff".to_vec(), root: b"home/\xff".to_vec() }],
            root_pages: vec![ChunkId([1; 32])],
            parent: Some(SnapshotId([2; 32])),
            plan: Some(PlanId([3; 16])),
            tags: vec!["a".into()],
            statistics: SnapshotStatistics { files: 1, problems: u64::MAX, ..Default::default() },
        };
        let bytes = encode(&snapshot);
        assert_eq!(decode(&bytes, "s").unwrap(), snapshot);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], "s").is_err(), "cut to {length}");
        }
    }

    #[test]
    fn keys_of_a_later_version_are_passed_over() {
        // {0: [1, 2], 99: "later"}
        let bytes = [0xa2, 0x00, 0x82, 0x01, 0x02, 0x18, 0x63, 0x65, b'l', b'a', b't', b'e', b'r'];
        assert_eq!(decode(&bytes, "s").unwrap().started, Timestamp::new(1, 2));
    }

    #[test]
    fn no_bytes_break_the_record() {
        let bytes = [0xa2, 0x00, 0x82, 0x01, 0x02, 0x18, 0x63, 0x65, b'l', b'a', b't', b'e', b'r'];
        crate::mutate::each_mutation(&bytes, |bytes| drop(decode(bytes, "s")));
        let mut snapshot = decode(&bytes, "s").unwrap();
        snapshot.sources = vec![SnapshotSource { path: b"/home/ann".to_vec(), root: b"ann".to_vec() }];
        snapshot.root_pages = vec![ChunkId([1; 32]), ChunkId([2; 32])];
        snapshot.parent = Some(SnapshotId([2; 32]));
        snapshot.tags = vec!["a".into(), "b".into()];
        crate::mutate::each_mutation(&encode(&snapshot), |bytes| drop(decode(bytes, "s")));
        // What a later version might write under keys of its own, nested as deep as it fits.
        let mut nested = vec![0xa1, 0x18, 0x63];
        nested.extend_from_slice(&[0x81; 200_000]);
        assert!(decode(&nested, "s").is_err());
        nested.push(0);
        assert_eq!(decode(&nested, "s").unwrap().root_pages, []);
    }
}
