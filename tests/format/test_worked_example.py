"""The worked example of the document (section 19), computed anew from the golden repository.

Also the way of cutting files (section 15.2), which no reader needs and nothing else here would see.
"""
import json
import re
import struct
import unittest
from pathlib import Path

import argon2.low_level
from blake3 import blake3

from keepwell_files import PACK, PACK_DIRECTORY, RECORD, RING, SNAPSHOT, Sealed, open_frame, parse_recovery_key
from keepwell_repository import Repository

PROJECT = Path(__file__).resolve().parent.parent.parent
GOLDEN = PROJECT / "tests/fixtures/repository-v1"
EXAMPLE = (PROJECT / "docs/formats/repository.md").read_text("utf-8").split("\n## 19.")[1]


def file_key(base_key, object_id):
    return blake3(base_key + object_id, derive_key_context="Keepwell 2026-11 repository v1 object key").digest()


def gear_table(chunker_key):
    return struct.unpack("<256Q", blake3(b"", key=chunker_key).digest(length=2048))


def cut(data, gear):
    """The lengths of the chunks of a file without holes."""
    at = 0
    while len(data) - at > 262_144:
        end, total = min(4_194_304, len(data) - at), 0
        for i in range(262_144, end):
            total = (total * 2 + gear[data[at + i]]) & 0xFFFFFFFFFFFFFFFF
            if not total & (0xFFFFF30000000000 if i < 1_048_576 else 0xFFFFC00000000000):
                end = i + 1
                break
        yield end
        at += end
    if len(data) > at:
        yield len(data) - at


class WorkedExample(unittest.TestCase):
    def setUp(self):
        self.digits = re.sub(r"\s", "", EXAMPLE)
        described = json.loads((GOLDEN / "manifest.json").read_text("utf-8"))
        self.password, _, self.recovery_key = (key["secret"] for key in described["keys"])
        self.repository = Repository(GOLDEN / "repository", self.password.encode())
        self.repository.load_index()

    def named(self, pattern):
        """The file that the example names with this beginning."""
        return GOLDEN / "repository" / re.search(rf"`({pattern}[0-9a-f]{{64}})`", EXAMPLE)[1]

    def stands(self, *values):
        for value in values:
            self.assertIn(value.hex(), self.digits)

    def test_keys(self):
        self.stands((GOLDEN / "repository/repository").read_bytes())
        slot = self.named("keys/slot-").read_bytes()
        memory, passes, lanes = struct.unpack_from("<III", slot, 68)
        stretched = argon2.low_level.hash_secret_raw(
            self.password.encode(), slot[88:120], passes, memory, lanes, 32, argon2.low_level.Type.ID)
        label_end = 120 + struct.unpack_from("<H", slot, 66)[0]
        wrapping = blake3(slot[:label_end], key=stretched).digest()
        root_key = open_frame(wrapping, slot[:64], slot, label_end)[2][:32]
        self.stands(slot, stretched, wrapping, file_key(wrapping, slot[24:56]), root_key)
        recovery = parse_recovery_key(self.recovery_key)
        self.assertIn(self.recovery_key, EXAMPLE)
        self.stands(recovery, blake3(recovery).digest()[:5])
        ring = Sealed("the ring", self.named("keys/ring-"), RING, {0: root_key}, RECORD)
        self.stands(file_key(root_key, ring.header[24:56]), ring.directory)
        self.stands(self.repository.id_key, self.repository.epochs[1])

    def test_snapshot_and_chunk(self):
        path = self.named("snapshots/")
        snapshot = Sealed("the snapshot", path, SNAPSHOT, self.repository.epochs, RECORD)
        self.stands(path.read_bytes(), file_key(self.repository.epochs[1], snapshot.header[24:56]), snapshot.directory)
        page, = self.repository.snapshot(path.name)[7]
        (group, number), = self.repository.places[page]
        self.assertIn(f"(sealed length {group.sealed}, plain length {group.plain}, type {group.kind}), as number {number}",
                      EXAMPLE.replace("\n", " "))
        pack = GOLDEN / "repository/packs" / group.pack.hex()[:2] / group.pack.hex()
        directory = Sealed("the pack", pack, PACK, self.repository.epochs, PACK_DIRECTORY).directory
        content, chunks = self.repository.open_group(group)
        table = content[sum(length for _, length in chunks):]
        chunk = self.repository.chunk(page)
        self.stands(group.pack, file_key(self.repository.epochs[1], group.pack), directory, table, chunk,
                    blake3(chunk).digest(), page)

    def test_a_file_of_one_chunk(self):
        pattern = r"has the hash `([0-9a-f]{64})`.*one chunk `([0-9a-f]{64})`"
        content_hash, chunk = re.search(pattern, EXAMPLE, re.DOTALL).groups()
        content = self.repository.chunk(bytes.fromhex(chunk))
        self.assertEqual(blake3(content).hexdigest(), content_hash)
        self.assertEqual(blake3(bytes.fromhex(content_hash), key=self.repository.id_key).hexdigest(), chunk)

    def test_cutting(self):
        chunker_key = bytes.fromhex(re.search(r"chunker key ([0-9a-f]{64})", EXAMPLE)[1])
        for value in gear_table(chunker_key)[:2]:
            self.assertIn(f"0x{value:016x}", EXAMPLE)
        data = blake3(b"cut points").digest(length=8_388_608)
        lengths = [f"{length:,}" for length in cut(data, gear_table(b"\x01" * 32))]
        self.assertIn(f"{', '.join(lengths[:-1])} and {lengths[-1]} bytes", EXAMPLE.replace("\n", " "))


if __name__ == "__main__":
    unittest.main()
