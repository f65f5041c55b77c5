"""Makes small repositories by hand, from docs/formats/repository.md alone, also ones that no Keepwell would make.

The tests use it for what the real program never writes: names that lead elsewhere, files of later versions, holes and
lists of pieces of any shape. That Keepwell reads what stands here is a test of the document in the other direction.
"Section" means a section of the document. Deliberately not here: cutting files, many packs, speed.
"""
import os
import struct
from pathlib import Path

import argon2.low_level
import cbor2
import zstandard
from blake3 import blake3
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def with_check(data):
    return data + blake3(data).digest()[:8]


def file_header(kind, epoch, object_id, features=0):
    return with_check(b"KEEPWELL" + struct.pack("<BBHIQ32s", 1, kind, 0, epoch, features, object_id))


def envelope(repository_id, version=1, read=0, write=0, check=0, delete=0, envelope_version=1):
    fields = struct.pack("<BBHI16sq4Q48x", envelope_version, 1, 0, version, repository_id, 0, read, write, check, delete)
    return with_check(b"KEEPWELL" + fields)


def frame(base_key, header, number, kind, content, compress=False):
    data = zstandard.compress(content) if compress else content
    head = struct.pack("<IIIBBH", len(data) + 16, len(content), number, kind, int(compress), 0)
    key = blake3(base_key + header[24:56], derive_key_context="Keepwell 2026-11 repository v1 object key").digest()
    return head + AESGCM(key).encrypt(struct.pack("<IQ", number, 0), data, header + head)


def group(chunks):
    return b"".join(chunks) + b"".join(struct.pack("<I", len(c)) for c in chunks) + struct.pack("<I", len(chunks))


def entry(name, kind, **more):
    """An entry of a folder; `more` are its other keys, as k14=…"""
    record = {0: name, 1: kind, 2: 0, 3: 0o755 if kind == 2 else 0o644, 4: 0, 5: 0, 8: [1, 2], 9: [0, 0], 11: 0}
    record.update({int(key[1:]): value for key, value in more.items()})
    return dict(sorted(record.items()))


class HandMade:
    """A repository with the password "made by hand" and a new pack for every group."""

    def __init__(self, folder):
        self.folder, self.id = Path(folder), os.urandom(16)
        self.root_key, self.id_key, self.epochs = os.urandom(32), os.urandom(32), {1: os.urandom(32), 2: os.urandom(32)}
        self.packs, self.segment_of_all = [], []
        for name in ("keys", "packs", "index", "snapshots"):
            (self.folder / name).mkdir(parents=True)
        self.slot(b"made by hand", 1)
        ring = {0: 1, 1: self.id, 2: self.id_key, 3: os.urandom(32), 4: [list(pair) for pair in self.epochs.items()]}
        for _ in range(2):
            self.sealed(3, "keys/ring-", [(6, cbor2.dumps(ring))])
        (self.folder / "repository").write_bytes(envelope(self.id))

    def slot(self, secret, kind, derivation=1):
        object_id, label = os.urandom(32), "Täst".encode()
        plain = file_header(2, 0, object_id) + struct.pack(
            "<BBHIIIq32s", derivation, kind, len(label), 64, 1, 1, 0, os.urandom(32)) + label
        stretched = argon2.low_level.hash_secret_raw(secret, plain[88:120], 1, 64, 1, 32, argon2.low_level.Type.ID)
        wrapping = blake3(plain, key=stretched).digest()
        sealed = frame(wrapping, plain[:64], 0, 6, self.root_key + self.id)
        path = self.folder / f"keys/slot-{object_id.hex()}"
        path.write_bytes(with_check(plain + sealed))
        return path

    def sealed(self, kind, prefix, frames, epoch=2, features=0, object_id=None):
        """A file of header, frames and footer (section 5). `frames` are pairs of type and content."""
        object_id, epoch = object_id or os.urandom(32), 0 if kind == 3 else epoch
        base_key, header = self.root_key if kind == 3 else self.epochs[epoch], file_header(kind, epoch, object_id, features)
        data, last = header, 0
        for number, (frame_type, content) in enumerate(frames):
            last, data = len(data), data + frame(base_key, header, number, frame_type, content, compress=number % 2 == 1)
        path = self.folder / f"{prefix}{object_id.hex()}"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data + struct.pack("<QII", last, len(frames), 0) + b"KEEPEND\x01")
        return path

    def chunk_id(self, content):
        return blake3(blake3(content).digest(), key=self.id_key).digest()

    def pack(self, *groups, frame_type=1, epoch=2, indexed=True, features=0):
        """A pack of these groups of chunks; the ids of all chunks in order."""
        object_id, at, frames, rows, chunks = os.urandom(32), 64, [], b"", []
        for number, held in enumerate(groups):
            content = group(held)
            sealed = 16 + len(zstandard.compress(content) if number % 2 == 1 else content)
            row = at, sealed, len(content), frame_type
            rows += struct.pack("<5I", *row, len(held))
            frames.append((frame_type, content))
            found = [self.chunk_id(chunk) for chunk in held]
            if indexed:
                self.segment_of_all += [(chunk, len(self.packs), row, place) for place, chunk in enumerate(found)]
            chunks += found
            at += 16 + sealed
        frames.append((3, struct.pack("<I", len(groups)) + rows + b"".join(chunks)))
        path = self.sealed(4, f"packs/{object_id.hex()[:2]}/", frames, epoch, features, object_id)
        if indexed:
            self.packs.append((object_id, path.stat().st_size, epoch))
        self.last_pack = path
        return chunks

    def tree(self, *entries):
        """The pages of a folder, two entries on each."""
        pages = [b"".join(map(cbor2.dumps, entries[at : at + 2])) for at in range(0, len(entries), 2)]
        return self.pack(pages, frame_type=2) if pages else []

    def segment(self, features=0):
        """The index of all packs so far, in pages of two records."""
        groups = sorted({(pack, row) for _, pack, row, _ in self.segment_of_all})
        records = sorted((chunk, groups.index((pack, row)), place) for chunk, pack, row, place in self.segment_of_all)
        pages, at, frames = b"", 64, []
        for number, start in enumerate(range(0, len(records), 2)):
            content = b"".join(struct.pack("<32sII", *record) for record in records[start : start + 2])
            frames.append((4, content))
            pages += struct.pack("<QI32s", at, len(content) // 40, content[:32])
            at += 32 + len(zstandard.compress(content) if number % 2 == 1 else content)
        directory = struct.pack("<III", len(self.packs), len(groups), len(frames))
        directory += b"".join(struct.pack("<32sQI", *pack) for pack in self.packs)
        directory += b"".join(struct.pack("<I4I", pack, *row) for pack, row in groups)
        return self.sealed(5, "index/", [*frames, (5, directory + pages)], features=features)

    def snapshot(self, pages, features=0, **more):
        record = {0: [10, 0], 1: [11, 0], 2: "host", 3: "ann", 4: "linux", 5: "hand 1", 6: [[b"/s", b"s"]], 7: pages,
                  10: [], 11: [0] * 10}
        record.update({int(key[1:]): value for key, value in more.items()})
        return self.sealed(6, "snapshots/", [(6, cbor2.dumps(record))], features=features)

    def file(self, name, content, **more):
        """A file of one chunk, whose id follows from its hash (section 10.3, case 4)."""
        if content:
            self.pack([content])
        return entry(name, 1, k2=len(content), k13=blake3(content).digest(), **more)
