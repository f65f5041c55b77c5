//! Folders as chunks: entries in CBOR, sorted by name, cut into pages.
//!
//! A folder is a list of pages; each page is a tree chunk that holds whole entries one after another (a CBOR sequence,
//! RFC 8742). Pages end after names that a hash picks, so that a new file changes one page of a huge folder and not all.
//!
//! Invariants: the same entries make the same bytes; names within a folder are unique and ascend as bytes; decoding
//! checks both, so a hostile tree can not name one path twice or lead out of its folder.

use keepwell_model::{
    ChunkId, Content, ContentHash, Entry, EntryKind, ExtendedAttribute, Identity, Metadata, Piece,
};
use minicbor::{Decoder, Encoder};

use crate::error::{RepositoryError, Result};
use crate::record::{Encoded, Unpack, encode_ids, encode_time};

/// A page may end once it is this long.
const PAGE_MINIMUM_BYTES: usize = 16 << 10;
/// And ends here in any case.
const PAGE_MAXIMUM_BYTES: usize = 1 << 20;
/// One name in so many ends a page that is long enough.
const PAGE_END_ONE_IN: u8 = 64;
/// A file with more pieces than this keeps their list in tree chunks of its own.
pub const INLINE_PIECES_LIMIT: usize = 1024;
/// No file has more pieces: a list can name one page many times, so what is there does not limit it.
const PIECES_LIMIT: usize = 1 << 26;

/// The keyed identity of a chunk, from its plain hash: BLAKE3 keyed with the repository's id key over the hash.
#[must_use]
pub fn chunk_id(id_key: &[u8; 32], hash: &ContentHash) -> ChunkId {
    ChunkId(*blake3::keyed_hash(id_key, hash.as_bytes()).as_bytes())
}

/// How the pieces of a file are written into its entry.
pub(crate) enum PieceList {
    /// One chunk that is the whole file: its id follows from the file's hash, nothing is written.
    Implied,
    /// In the entry.
    Inline,
    /// In tree chunks of their own.
    Pages(Vec<ChunkId>),
}

fn kind_number(kind: EntryKind) -> u8 {
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

fn kind_from_number(number: u64) -> Option<EntryKind> {
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

fn encode_pieces(encoder: &mut Encoder<Vec<u8>>, pieces: &[Piece]) -> Encoded {
    encoder.array(pieces.len() as u64)?;
    for piece in pieces {
        match piece {
            Piece::Chunk { id, length_bytes } => {
                encoder.array(2)?.bytes(id.as_bytes())?.u32(*length_bytes)?
            }
            Piece::Hole { length_bytes } => encoder.array(2)?.null()?.u64(*length_bytes)?,
        };
    }
    Ok(())
}

fn decode_pieces(unpack: &Unpack<'_>, decoder: &mut Decoder<'_>, pieces: &mut Vec<Piece>) -> Result<()> {
    for _ in 0..unpack.array(decoder)? {
        unpack.exactly(decoder, 2)?;
        if pieces.len() >= PIECES_LIMIT {
            return Err(RepositoryError::Limit { what: format!("a file of over {PIECES_LIMIT} pieces") });
        }
        pieces.push(if unpack.is_null(decoder)? {
            unpack.value(decoder.null())?;
            Piece::Hole { length_bytes: unpack.value(decoder.u64())? }
        } else {
            let id = ChunkId(unpack.fixed(decoder)?);
            Piece::Chunk { id, length_bytes: unpack.value(decoder.u32())? }
        });
    }
    Ok(())
}

/// Whether the file's only chunk is implied by its hash.
pub(crate) fn is_implied(content: &Content, size_bytes: u64, id_key: &[u8; 32]) -> bool {
    match content.pieces.as_slice() {
        [] => size_bytes == 0,
        [Piece::Chunk { id, length_bytes }] => {
            u64::from(*length_bytes) == size_bytes && *id == chunk_id(id_key, &content.hash)
        }
        _ => false,
    }
}

/// What would make a reader refuse the page an entry is in, or the file: better no snapshot than one that can not be
/// read. `previous` is the name of the entry before.
pub(crate) fn entry_trouble(entry: &Entry, previous: Option<&Vec<u8>>) -> Option<String> {
    let shown = keepwell_model::shown(&entry.name);
    if let Err(error) = keepwell_model::path::check_name(&entry.name) {
        return Some(error.to_string());
    }
    if previous.is_some_and(|previous| *previous >= entry.name) {
        return Some(format!("the entries of a folder came out of order at {shown}"));
    }
    match &entry.content {
        Some(content) if total_bytes(&content.pieces) != Some(entry.size_bytes) => {
            Some(format!("the pieces of {shown} do not add up to its size"))
        }
        None if entry.kind == EntryKind::File => Some(format!("the file {shown} came without content")),
        _ => None,
    }
}

/// The length of a file with these pieces, if there can be one.
pub(crate) fn total_bytes(pieces: &[Piece]) -> Option<u64> {
    pieces.iter().try_fold(0_u64, |total, piece| {
        total.checked_add(match piece {
            Piece::Chunk { length_bytes, .. } => u64::from(*length_bytes),
            Piece::Hole { length_bytes } => *length_bytes,
        })
    })
}

fn encode_entry(encoder: &mut Encoder<Vec<u8>>, entry: &Entry, pieces: &PieceList) -> Encoded {
    let m = &entry.metadata;
    let inline = matches!(pieces, PieceList::Inline);
    let flags = [
        m.user_name.is_some(),
        m.group_name.is_some(),
        m.created.is_some(),
        entry.link_group.is_some(),
        entry.content.is_some(),
        inline && entry.content.is_some(),
        matches!(pieces, PieceList::Pages(_)),
        entry.target.is_some(),
        entry.device.is_some(),
        !entry.pages.is_empty(),
        !m.extended_attributes.is_empty(),
        m.windows_attributes.is_some(),
        m.windows_security_descriptor.is_some(),
        m.bsd_flags.is_some(),
    ];
    encoder.map(9 + flags.iter().filter(|flag| **flag).count() as u64)?;
    encoder.u8(0)?.bytes(&entry.name)?.u8(1)?.u8(kind_number(entry.kind))?;
    encoder.u8(2)?.u64(entry.size_bytes)?.u8(3)?.u32(m.mode)?;
    encoder.u8(4)?.u32(m.user_id)?.u8(5)?.u32(m.group_id)?;
    if let Some(name) = &m.user_name {
        encoder.u8(6)?.str(name)?;
    }
    if let Some(name) = &m.group_name {
        encoder.u8(7)?.str(name)?;
    }
    encode_time(encoder, 8, m.modified)?;
    encode_time(encoder, 9, entry.identity.changed)?;
    if let Some(created) = m.created {
        encode_time(encoder, 10, created)?;
    }
    encoder.u8(11)?.u64(entry.identity.inode)?;
    if let Some(group) = entry.link_group {
        encoder.u8(12)?.u64(group)?;
    }
    if let Some(content) = &entry.content {
        encoder.u8(13)?.bytes(content.hash.as_bytes())?;
        match pieces {
            PieceList::Implied => {}
            PieceList::Inline => {
                encoder.u8(14)?;
                encode_pieces(encoder, &content.pieces)?;
            }
            PieceList::Pages(pages) => encode_ids(encoder, 15, pages)?,
        }
    }
    if let Some(target) = &entry.target {
        encoder.u8(16)?.bytes(target)?;
    }
    if let Some((major, minor)) = entry.device {
        encoder.u8(17)?.array(2)?.u32(major)?.u32(minor)?;
    }
    if !entry.pages.is_empty() {
        encode_ids(encoder, 18, &entry.pages)?;
    }
    if !m.extended_attributes.is_empty() {
        encoder.u8(19)?.array(m.extended_attributes.len() as u64)?;
        for attribute in &m.extended_attributes {
            encoder.array(2)?.bytes(&attribute.name)?.bytes(&attribute.value)?;
        }
    }
    if let Some(attributes) = m.windows_attributes {
        encoder.u8(20)?.u32(attributes)?;
    }
    if let Some(descriptor) = &m.windows_security_descriptor {
        encoder.u8(21)?.bytes(descriptor)?;
    }
    if let Some(flags) = m.bsd_flags {
        encoder.u8(22)?.u32(flags)?;
    }
    Ok(())
}

/// Gathers the entries of one folder, in the order of their names, into pages.
pub(crate) struct PageBuilder {
    encoder: Encoder<Vec<u8>>,
}

impl PageBuilder {
    pub(crate) fn new() -> Self {
        Self { encoder: Encoder::new(Vec::new()) }
    }

    /// Adds an entry; gives the page back when this entry ended it.
    pub(crate) fn add(&mut self, entry: &Entry, pieces: &PieceList) -> Option<Vec<u8>> {
        let encoded = encode_entry(&mut self.encoder, entry, pieces);
        debug_assert!(encoded.is_ok());
        let length = self.encoder.writer().len();
        let ends = length >= PAGE_MAXIMUM_BYTES
            || (length >= PAGE_MINIMUM_BYTES
                && blake3::hash(&entry.name).as_bytes()[0].is_multiple_of(PAGE_END_ONE_IN));
        ends.then(|| std::mem::take(self.encoder.writer_mut()))
    }

    /// The last page, if anything is left.
    pub(crate) fn finish(self) -> Option<Vec<u8>> {
        Some(self.encoder.into_writer()).filter(|page| !page.is_empty())
    }
}

/// The pages that hold a long list of pieces.
pub(crate) fn encode_piece_pages(pieces: &[Piece]) -> impl Iterator<Item = Vec<u8>> {
    pieces.chunks(4096).map(|part| {
        let mut encoder = Encoder::new(Vec::with_capacity(part.len() * 40));
        let encoded = encode_pieces(&mut encoder, part);
        debug_assert!(encoded.is_ok());
        encoder.into_writer()
    })
}

/// Reads one page of a list of pieces.
pub(crate) fn decode_piece_page(page: &[u8], path: &str, pieces: &mut Vec<Piece>) -> Result<()> {
    decode_pieces(&Unpack::new(path), &mut Decoder::new(page), pieces)
}

/// An entry as its page holds it, and the pages of its pieces where those are elsewhere.
pub(crate) struct DecodedEntry {
    pub(crate) entry: Entry,
    pub(crate) piece_pages: Vec<ChunkId>,
}

/// Reads the entries of a page. `previous` is the last name of the page before; names have to ascend.
pub(crate) fn decode_page(
    page: &[u8],
    id_key: &[u8; 32],
    path: &str,
    previous: &mut Option<Vec<u8>>,
    mut each: impl FnMut(DecodedEntry) -> Result<()>,
) -> Result<()> {
    let unpack = Unpack::new(path);
    let mut decoder = Decoder::new(page);
    while decoder.position() < page.len() {
        let decoded = decode_entry(&unpack, &mut decoder, id_key)?;
        let name = &decoded.entry.name;
        keepwell_model::path::check_name(name).map_err(|error| unpack.bad(error.to_string()))?;
        if previous.as_ref().is_some_and(|previous| previous >= name) {
            return Err(unpack.bad("the names of a folder are not in order"));
        }
        *previous = Some(name.clone());
        each(decoded)?;
    }
    Ok(())
}

fn decode_entry(unpack: &Unpack<'_>, decoder: &mut Decoder<'_>, id_key: &[u8; 32]) -> Result<DecodedEntry> {
    let mut entry = Entry::new(Vec::new(), EntryKind::File);
    let (mut kind, mut hash, mut pieces, mut piece_pages) = (None, None, None, Vec::new());
    let mut metadata = Metadata::default();
    let mut identity = Identity::default();
    for _ in 0..unpack.map(decoder)? {
        match unpack.value(decoder.u64())? {
            0 => entry.name = unpack.value(decoder.bytes())?.to_vec(),
            1 => kind = kind_from_number(unpack.value(decoder.u64())?),
            2 => entry.size_bytes = unpack.value(decoder.u64())?,
            3 => metadata.mode = unpack.value(decoder.u32())?,
            4 => metadata.user_id = unpack.value(decoder.u32())?,
            5 => metadata.group_id = unpack.value(decoder.u32())?,
            6 => metadata.user_name = Some(unpack.value(decoder.str())?.to_owned()),
            7 => metadata.group_name = Some(unpack.value(decoder.str())?.to_owned()),
            8 => metadata.modified = unpack.time(decoder)?,
            9 => identity.changed = unpack.time(decoder)?,
            10 => metadata.created = Some(unpack.time(decoder)?),
            11 => identity.inode = unpack.value(decoder.u64())?,
            12 => entry.link_group = Some(unpack.value(decoder.u64())?),
            13 => hash = Some(ContentHash(unpack.fixed(decoder)?)),
            14 => {
                let mut list = Vec::new();
                decode_pieces(unpack, decoder, &mut list)?;
                pieces = Some(list);
            }
            15 => piece_pages = unpack.ids(decoder)?,
            16 => entry.target = Some(unpack.value(decoder.bytes())?.to_vec()),
            17 => {
                unpack.exactly(decoder, 2)?;
                entry.device = Some((unpack.value(decoder.u32())?, unpack.value(decoder.u32())?));
            }
            18 => entry.pages = unpack.ids(decoder)?,
            19 => {
                for _ in 0..unpack.array(decoder)? {
                    unpack.exactly(decoder, 2)?;
                    let name = unpack.value(decoder.bytes())?.to_vec();
                    let value = unpack.value(decoder.bytes())?.to_vec();
                    metadata.extended_attributes.push(ExtendedAttribute { name, value });
                }
            }
            20 => metadata.windows_attributes = Some(unpack.value(decoder.u32())?),
            21 => metadata.windows_security_descriptor = Some(unpack.value(decoder.bytes())?.to_vec()),
            22 => metadata.bsd_flags = Some(unpack.value(decoder.u32())?),
            _ => unpack.value(decoder.skip())?,
        }
    }
    entry.kind = kind.ok_or_else(|| unpack.bad("an entry is of an unknown kind"))?;
    entry.metadata = metadata;
    entry.identity = identity;
    if entry.kind == EntryKind::File {
        let hash = hash.ok_or_else(|| unpack.bad("a file has no hash"))?;
        let size = entry.size_bytes;
        let pieces = match pieces {
            Some(pieces) => pieces,
            None if !piece_pages.is_empty() || size == 0 => Vec::new(),
            None => {
                let length_bytes = u32::try_from(size).map_err(|_| unpack.bad("a file has no pieces"))?;
                vec![Piece::Chunk { id: chunk_id(id_key, &hash), length_bytes }]
            }
        };
        entry.content = Some(Content { hash, pieces });
    }
    Ok(DecodedEntry { entry, piece_pages })
}

#[cfg(test)]
mod tests {
    use super::*;
    use keepwell_model::Timestamp;

    const ID_KEY: [u8; 32] = [4; 32];

    fn full_entry() -> Entry {
        Entry {
            name: b"caf\xe9".to_vec(),
            kind: EntryKind::File,
            size_bytes: 5 << 40,
            metadata: Metadata {
                mode: 0o4755,
                user_id: 1000,
                group_id: 100,
                user_name: Some("ann".into()),
                group_name: Some("users".into()),
                modified: Timestamp::new(-1, 5),
                created: Some(Timestamp::new(7, 8)),
                extended_attributes: vec![ExtendedAttribute {
                    name: b"user.a".to_vec(),
                    value: vec![0, 255],
                }],
                windows_attributes: Some(32),
                windows_security_descriptor: Some(vec![1, 2]),
                bsd_flags: Some(1),
            },
            identity: Identity { inode: u64::MAX, changed: Timestamp::new(9, 10) },
            link_group: Some(3),
            content: Some(Content {
                hash: ContentHash([1; 32]),
                pieces: vec![
                    Piece::Chunk { id: ChunkId([2; 32]), length_bytes: 77 },
                    Piece::Hole { length_bytes: (5 << 40) - 77 },
                ],
            }),
            target: None,
            device: Some((8, 1)),
            pages: vec![ChunkId([6; 32])],
        }
    }

    fn decode_all(page: &[u8]) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        decode_page(page, &ID_KEY, "page", &mut None, |decoded| {
            entries.push(decoded.entry);
            Ok(())
        })?;
        Ok(entries)
    }

    #[test]
    fn an_entry_with_every_field_comes_back_and_cuts_are_refused() {
        let mut builder = PageBuilder::new();
        assert!(builder.add(&full_entry(), &PieceList::Inline).is_none());
        let page = builder.finish().unwrap();
        assert_eq!(decode_all(&page).unwrap(), [full_entry()]);
        for length in 1..page.len() {
            assert!(decode_all(&page[..length]).is_err(), "cut to {length}");
        }
    }

    #[test]
    fn a_whole_file_chunk_is_implied_by_the_hash() {
        let hash = ContentHash([1; 32]);
        let mut entry = Entry::new(b"a".to_vec(), EntryKind::File);
        entry.size_bytes = 9;
        let id = chunk_id(&ID_KEY, &hash);
        let content = Content { hash, pieces: vec![Piece::Chunk { id, length_bytes: 9 }] };
        assert!(is_implied(&content, 9, &ID_KEY));
        entry.content = Some(content);
        let mut builder = PageBuilder::new();
        builder.add(&entry, &PieceList::Implied);
        let page = builder.finish().unwrap();
        assert!(!page.windows(32).any(|window| window == id.as_bytes()));
        assert_eq!(decode_all(&page).unwrap(), [entry]);
    }

    #[test]
    fn hostile_names_and_double_names_are_refused() {
        let page = |names: &[&[u8]]| {
            let mut builder = PageBuilder::new();
            for name in names {
                builder.add(&Entry::new(name.to_vec(), EntryKind::Folder), &PieceList::Implied);
            }
            builder.finish().unwrap()
        };
        assert!(decode_all(&page(&[b"a", b"b"])).is_ok());
        for names in [&[&b".."[..]][..], &[b"a/b"], &[b""], &[b"a", b"a"], &[b"b", b"a"]] {
            assert!(decode_all(&page(names)).is_err(), "{names:?}");
        }
    }

    #[test]
    fn a_new_file_changes_one_page_of_a_huge_folder() {
        let pages = |skip: Option<u32>| {
            let mut builder = PageBuilder::new();
            let mut pages: Vec<Vec<u8>> = (0..20_000_u32)
                .filter(|number| Some(*number) != skip)
                .filter_map(|number| {
                    let entry = Entry::new(format!("{number:08}").into_bytes(), EntryKind::Folder);
                    builder.add(&entry, &PieceList::Implied)
                })
                .collect();
            pages.extend(builder.finish());
            pages
        };
        let (before, after) = (pages(None), pages(Some(10_000)));
        assert!(before.len() > 10);
        let new = after.iter().filter(|page| !before.contains(page)).count();
        assert!(new <= 2, "{new} pages changed");
    }

    #[test]
    fn no_bytes_break_pages_and_no_name_leads_astray() {
        let mut builder = PageBuilder::new();
        builder.add(&full_entry(), &PieceList::Inline);
        let link = Entry { target: Some(b"there".to_vec()), ..Entry::new(b"d".to_vec(), EntryKind::Symlink) };
        builder.add(&link, &PieceList::Implied);
        crate::mutate::each_mutation(&builder.finish().unwrap(), |bytes| {
            let mut last: Option<Vec<u8>> = None;
            let decoded = decode_page(bytes, &ID_KEY, "page", &mut None, |decoded| {
                let name = decoded.entry.name;
                assert!(!name.is_empty() && name != b"." && name != b".." && !name.contains(&b'/'));
                assert!(last.as_ref().is_none_or(|last| *last < name));
                last = Some(name);
                Ok(())
            });
            drop(decoded);
        });
        let pieces = full_entry().content.unwrap().pieces;
        for page in encode_piece_pages(&pieces) {
            crate::mutate::each_mutation(&page, |bytes| {
                drop(decode_piece_page(bytes, "page", &mut Vec::new()))
            });
        }
    }
}
