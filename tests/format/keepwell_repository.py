"""A Keepwell repository as a whole: keys, index, chunks, snapshots, folders (sections 3, 6 to 11 and 14).

"Section" means a section of docs/formats/repository.md, the only source of what is here. The repository is only ever
read. What is damaged is told with `warn` and gone round where the document says how: the index comes from the packs if
segments are lost, packs whose end is lost are walked. Deliberately not here: writing, repairing, speed.
"""
import re
import stat
import struct
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from blake3 import blake3

from keepwell_files import (
    DATA_GROUP, INDEX_DIRECTORY, INDEX_PAGE, PACK, PACK_DIRECTORY, RECORD, RING, SEALED_MAX, SEGMENT, SNAPSHOT, TREE_GROUP,
    Damaged, Newer, Refused, Sealed, WrongSecret, cbor_value, cbor_values, field, ids, make_header, mapped, open_frame,
    open_slot, parse_recovery_key, read_envelope, read_header, rows, shown, time_ns, warn)

FILE, FOLDER, SYMLINK, PIPE, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE = range(1, 8)  # kinds of entries, section 10.2
CHUNKS_MAX, FOLDER_MAX = 65_536, 1 << 24  # section 13
OPEN_GROUPS_MAX_BYTES = 128 << 20
ID = re.compile(r"[0-9a-f]{64}")


@dataclass
class Entry:
    """One entry of a folder, section 10.2. Absent is None or empty."""

    name: bytes
    kind: int
    record: dict

    def __post_init__(self):
        record = self.record
        self.size, self.mode = field(record, 2, int, 0), field(record, 3, int)
        self.user, self.group = field(record, 4, int), field(record, 5, int)
        self.modified, self.hard_link = time_ns(record, 8), field(record, 12, int)
        self.hash, self.target = field(record, 13, bytes, length=32), field(record, 16, bytes)
        self.piece_pages, self.pages = ids(record, 15), ids(record, 18)
        self.device, self.attributes = field(record, 17, list, length=2), rows(record, 19, bytes, bytes)
        if self.device and any(type(part) is not int or not 0 <= part < 1 << 32 for part in self.device):
            raise Damaged("a device's numbers are not as they must be")

    def filemode(self):
        kinds = [0, stat.S_IFREG, stat.S_IFDIR, stat.S_IFLNK, stat.S_IFIFO, stat.S_IFSOCK, stat.S_IFCHR, stat.S_IFBLK]
        return kinds[self.kind] | (self.mode or 0) & 0o7777


def parse_page(data, previous):
    """The entries of one page. All of it is refused if any name is not as it must be (section 10.1)."""
    entries = []
    for record in cbor_values(data, "a folder page"):
        if type(record) is not dict:
            raise Damaged("a folder page holds something that is no entry")
        name, kind = field(record, 0, bytes, b""), field(record, 1, int, 0)
        if name in (b"", b".", b"..") or b"/" in name or b"\0" in name:
            raise Damaged(f"a folder page holds the name {shown(name)!r}, which leads elsewhere; the page is refused")
        if previous is not None and name <= previous:
            raise Damaged("a folder page is not in order")
        if not FILE <= kind <= BLOCK_DEVICE:
            raise Damaged(f"a folder page holds an entry of unknown kind {kind}")
        entries.append(Entry(name, kind, record))
        previous = name
    return entries


# ---- The repository ----


@dataclass(frozen=True)
class Group:
    """Where a group is: a row of a pack's directory or of an index segment."""

    pack: bytes
    epoch: int
    offset: int
    sealed: int
    plain: int
    kind: int


class Repository:
    def __init__(self, folder, secret):
        self.folder = Path(folder).absolute()
        self.places, self.opened, self.opened_bytes = {}, OrderedDict(), 0
        try:
            self.id = read_envelope((self.folder / "repository").read_bytes()[:128])
        except (FileNotFoundError, IsADirectoryError):
            if not (self.folder / "keys").is_dir():
                raise Refused(f"{folder} is not a Keepwell repository") from None
            warn("the file `repository` is missing; going on without it")
            self.id = None
        except Damaged as error:
            warn(f"{error}; going on without it")
            self.id = None
        self.read_ring(self.find_root_key(secret))

    def files(self, folder, prefix="", deep=False):
        """The files of one of the repository's folders, those of other names passed over (section 3)."""
        pattern = f"[0-9a-f][0-9a-f]/{'[0-9a-f]' * 64}" if deep else f"{prefix}*"
        found = (path for path in sorted((self.folder / folder).glob(pattern)) if path.is_file())
        return [p for p in found if ID.fullmatch(p.name[len(prefix) :]) and (not deep or p.name[:2] == p.parent.name)]

    def find_root_key(self, secret):
        recovery = parse_recovery_key(secret.decode("utf-8", "replace"))
        secrets = ([(2, recovery)] if recovery else []) + [(1, secret)]
        troubles, foreign, usable = [], False, 0
        slots = self.files("keys", "slot-")[:64]
        for one in secrets:  # A recovery key is tried on all its slots before it is taken for a password.
            for path in slots:
                try:
                    object_id = bytes.fromhex(path.name[5:])
                    opened = open_slot(f"the key slot {path.name[5:13]}", path.read_bytes(), object_id, [one])
                except (Damaged, Newer) as error:
                    troubles.append(error)
                    continue
                usable += 1
                if opened and self.id in (None, opened[1]):
                    self.id = opened[1]
                    return opened[0]
                foreign = foreign or bool(opened)
        for error in dict.fromkeys(map(str, troubles)):
            warn(error)
        if foreign:
            raise Damaged("the key slot that opens belongs to another repository: files of two repositories were mixed")
        if not usable:
            raise next((e for e in troubles if isinstance(e, Newer)), Damaged("damaged: there is no readable key slot"))
        raise WrongSecret("wrong password or recovery key (KEEPWELL_PASSWORD)")

    def read_ring(self, root_key):
        best, troubles = None, []
        for path in self.files("keys", "ring-"):
            what = f"the key ring {path.name[5:13]}"
            try:
                ring = cbor_value(Sealed(what, path, RING, {0: root_key}, RECORD).directory, what)
                generation, id_key = field(ring, 0, int), field(ring, 2, bytes, length=32)
                epochs = dict(rows(ring, 4, int, bytes))
                if generation is None or id_key is None or {len(key) for key in epochs.values()} != {32}:
                    raise Damaged(f"{what} is damaged: something in it is missing")
                if field(ring, 1, bytes) == self.id and (best is None or generation > best):
                    best, self.id_key, self.epochs = generation, id_key, epochs
            except Damaged as error:
                troubles.append(error)
        for error in troubles:
            warn(error)
        if best is None:
            raise Damaged("damaged: no key ring can be opened")

    # -- Index, section 8 and 14 --

    def load_index(self):
        known = set()
        present = {bytes.fromhex(path.name): path for path in self.files("packs", deep=True)}
        for path in self.files("index"):
            try:
                known |= self.read_segment(path, present)
            except (Damaged, struct.error, IndexError, FileNotFoundError) as error:  # Gone: merged meanwhile.
                warn(f"{error}; its packs are read instead")
        for pack, path in present.items():
            if pack not in known:  # Packs describe themselves: so the index can be lost, and runs be interrupted.
                self.read_pack(path)

    def read_segment(self, path, present):
        """Takes in one segment; the packs it names that are there whole."""
        segment = Sealed(f"the index segment {path.name[:8]}", path, SEGMENT, self.epochs, INDEX_DIRECTORY)
        directory = segment.directory
        pack_count, group_count, page_count = struct.unpack_from("<III", directory)
        if len(directory) != 12 + 44 * pack_count + 20 * group_count + 44 * page_count:
            raise Damaged(f"{segment.what} is damaged: its directory has another length than it says")
        at_groups, at_pages = 12 + 44 * pack_count, 12 + 44 * pack_count + 20 * group_count
        packs = list(struct.iter_unpack("<32sQI", directory[12:at_groups]))
        groups = [
            Group(packs[row[0]][0], packs[row[0]][2], *row[1:])
            for row in struct.iter_unpack("<5I", directory[at_groups:at_pages])]
        whole = {pack for pack, length, _ in packs if pack in present and present[pack].stat().st_size == length}
        found = []
        for number, (offset, records, _) in enumerate(struct.iter_unpack("<QI32s", directory[at_pages:])):
            frame_number, kind, content, _ = segment.frame(offset)
            if (frame_number, kind, len(content)) != (number, INDEX_PAGE, 40 * records):
                raise Damaged(f"{segment.what} is damaged: a page is not what its directory says")
            found += [(chunk, groups[group], place) for chunk, group, place in struct.iter_unpack("<32sII", content)]
        for chunk, group, place in found:
            self.add_place(chunk, group, place, group.pack in whole)
        return whole

    def read_pack(self, path):
        pack = bytes.fromhex(path.name)
        what = f"the pack {path.name[:8]}"
        try:
            sealed = Sealed(what, path, PACK, self.epochs, PACK_DIRECTORY)
            count = struct.unpack_from("<I", sealed.directory)[0]
            rows = list(struct.iter_unpack("<5I", sealed.directory[4 : 4 + 20 * count]))
            chunks = sealed.directory[4 + 20 * count :]
            if len(rows) != count or len(chunks) != 32 * sum(row[4] for row in rows):
                raise Damaged(f"{what} is damaged: its directory has another length than it says")
        except Newer as error:
            return warn(f"{error}; the rest is read without it")
        except (Damaged, struct.error) as error:
            warn(f"{error}; what can be read of it is used")
            return self.walk_pack(path)
        at = 0
        for offset, length, plain, kind, held in rows:
            for number in range(held):
                self.add_place(chunks[at : at + 32], Group(pack, sealed.epoch, offset, length, plain, kind), number)
                at += 32

    def walk_pack(self, path):
        """Takes a pack whose end is lost frame by frame (section 14)."""
        pack, data = bytes.fromhex(path.name), mapped(path)
        for epoch, key in self.epochs.items():
            offset, number = 64, 0
            try:
                while True:
                    found, kind, content, end = open_frame(key, make_header(PACK, epoch, pack), data, offset)
                    if found != number or kind not in (DATA_GROUP, TREE_GROUP):
                        break
                    group = Group(pack, epoch, offset, end - offset - 16, len(content), kind)
                    for place, (start, length) in enumerate(chunks_of(content)):
                        self.add_place(self.chunk_id(content[start : start + length]), group, place)
                    offset, number = end, number + 1
            except Damaged:
                pass  # Here the readable part ends.

    def add_place(self, chunk, group, number, preferred=True):
        places = self.places.setdefault(bytes(chunk), [])
        places.insert(0 if preferred else len(places), (group, number))

    # -- Chunks, section 9 --

    def chunk_id(self, content):
        return blake3(blake3(content).digest(), key=self.id_key).digest()

    def chunk(self, wanted):
        """A chunk's content, proved by its id."""
        reason = "no pack has it"
        for group, number in self.places.get(wanted, []):
            try:
                content, chunks = self.open_group(group)
                start, length = chunks[number]
                found = content[start : start + length]
                if self.chunk_id(found) == wanted:
                    return found
                reason = "its content is another one"
            except (Damaged, OSError, IndexError) as error:
                reason = error
        raise Damaged(f"the piece of data {wanted.hex()[:8]} is lost or damaged: {reason}")

    def open_group(self, group):
        if group in self.opened:
            self.opened.move_to_end(group)
            return self.opened[group]
        path = self.folder / "packs" / group.pack.hex()[:2] / group.pack.hex()
        what = f"the pack {path.name[:8]}"
        with path.open("rb") as file:
            file.seek(group.offset)
            data = file.read(min(16 + group.sealed, 16 + SEALED_MAX))
            try:
                header = make_header(PACK, group.epoch, group.pack)
                _, kind, content, end = open_frame(self.epochs.get(group.epoch, b""), header, data)
            except Damaged:
                file.seek(0)
                read_header(what, file.read(64), PACK, group.pack)  # Perhaps it does not open because it is newer.
                raise
        if (kind, len(content), end) != (group.kind, group.plain, 16 + group.sealed):
            raise Damaged(f"{what} is damaged: a group is not what the index says")
        self.opened[group] = content, chunks_of(content)
        self.opened_bytes += len(content)
        while self.opened_bytes > OPEN_GROUPS_MAX_BYTES:
            self.opened_bytes -= len(self.opened.popitem(last=False)[1][0])
        return self.opened.get(group) or (content, chunks_of(content))

    # -- Snapshots and trees, sections 10 and 11 --

    def snapshots(self):
        """All that can be read, the oldest first, as pairs of id and record; the others are told."""
        found = []
        for path in self.files("snapshots"):
            what = f"the snapshot {path.name[:8]}"
            try:
                record = cbor_value(Sealed(what, path, SNAPSHOT, self.epochs, RECORD).directory, what)
                found.append((time_ns(record, 0) or 0, path.name, record))
                ids(record, 7)
            except (Damaged, Newer) as error:
                warn(error)
        return [(name, record) for _, name, record in sorted(found, key=lambda one: one[:2])]

    def snapshot(self, wanted):
        """The record of the one snapshot whose id begins so."""
        found = self.snapshots()
        fitting = found[-1:] if wanted == "latest" else [one for one in found if one[0].startswith(wanted.lower())]
        if len(fitting) != 1:
            raise Refused(f"{len(fitting) or 'no'} snapshots are called {wanted!r}; see `list`")
        return fitting[0][1]

    def entries(self, pages, tell):
        """The entries of a folder. Pages that can not be read are told and passed over."""
        previous, count = None, 0
        for page in pages:
            try:
                entries = parse_page(self.chunk(page), previous)
                count += len(entries)
                if count > FOLDER_MAX:
                    raise Damaged("a folder has more entries than it can have")
            except Refused as error:
                tell(error)
                continue
            previous = entries[-1].name if entries else previous
            yield from entries

    def pieces(self, entry):
        """The pieces of a file as pairs of chunk id (None: a hole) and length (section 10.3)."""
        if field(entry.record, 14, list) is not None:
            yield from map(piece, entry.record[14])
        elif entry.piece_pages:
            for page in entry.piece_pages:
                yield from map(piece, cbor_value(self.chunk(page), "a list of pieces", list))
        elif entry.size:
            if entry.hash is None:
                raise Damaged("a file names neither its pieces nor its hash")
            yield blake3(entry.hash, key=self.id_key).digest(), entry.size


def piece(value):
    if type(value) is list and len(value) == 2 and type(value[1]) is int and value[1] >= 0:
        if value[0] is None or (type(value[0]) is bytes and len(value[0]) == 32):
            return value
    raise Damaged("a piece of a file is not as it must be")


def chunks_of(content):
    """Start and length of each chunk of a group (section 7.2)."""
    if len(content) < 4:
        raise Damaged("a group is too short")
    count = struct.unpack_from("<I", content, len(content) - 4)[0]
    table = len(content) - 4 - 4 * count
    if count > CHUNKS_MAX or table < 0:
        raise Damaged("a group's table makes no sense")
    found, at = [], 0
    for length in struct.unpack_from(f"<{count}I", content, table):
        found.append((at, length))
        at += length
    if at != table:
        raise Damaged("a group's table does not fit")
    return found
