"""The document of the format is enough: a reader made from it restores what Keepwell wrote, and the other way round.

Run inside a virtual environment with requirements.txt:  python -m unittest discover -s tests/format
Keepwell itself: the program that KEEPWELL_BIN names, or target/debug/keepwell.
"""
import hashlib
import json
import os
import shutil
import stat
import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

import cbor2
from blake3 import blake3

from keepwell_repository import Repository
from keepwell_writer import HandMade, entry, envelope

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
GOLDEN = PROJECT / "tests/fixtures/repository-v1"
PROGRAM = os.environ.get("KEEPWELL_BIN") or str(PROJECT / "target/debug/keepwell")


def run(command, password, home=None):
    environment = {**os.environ, "KEEPWELL_PASSWORD": password, "PYTHONDONTWRITEBYTECODE": "1"}
    if home:
        environment["KEEPWELL_HOME"] = str(home)
    return subprocess.run(list(map(str, command)), env=environment, capture_output=True, text=True)


def reader(*arguments, password="made by hand"):
    return run([sys.executable, HERE / "keepwell_reader.py", *arguments], password)


def scan(root):
    """Everything that must come back, by path; and which paths are one file."""
    found, same = {}, {}
    root = os.fsencode(root)
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = os.path.join(folder, name)
            relative, status, content = os.path.relpath(path, root), os.lstat(path), None
            if stat.S_ISREG(status.st_mode):
                with open(path, "rb") as file:
                    content = hashlib.file_digest(file, "sha256").hexdigest()
                if status.st_nlink > 1:
                    same.setdefault(status.st_ino, []).append(relative)
            elif stat.S_ISLNK(status.st_mode):
                content = os.readlink(path)
            attributes = {}
            if hasattr(os, "listxattr"):
                names = [n for n in os.listxattr(path, follow_symlinks=False) if n.startswith("user.")]
                attributes = {n: os.getxattr(path, n, follow_symlinks=False) for n in names}
            mode = None if stat.S_ISLNK(status.st_mode) else status.st_mode
            found[relative] = stat.S_IFMT(status.st_mode), mode, status.st_mtime_ns, content, attributes
    return found, sorted(map(sorted, same.values()))


def make_tree(root):
    """A bit of everything that this system lets be made."""
    root = Path(root)
    (root / "folder/within").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "letter.txt").write_text("Dear reader\n" * 50_000)
    (root / "folder/nothing").write_bytes(b"")
    (root / "folder/same content").write_text("Dear reader\n" * 50_000)
    numbers = (n * 2654435761 % 2**32 for n in range(700_000))  # About 2.8 MB that hardly compress.
    (root / "folder/within/zähler ☃.bin").write_bytes(b"".join(struct.pack("<I", number) for number in numbers))
    for number in range(600):
        (root / f"empty/{number}").write_text(f"{number}")
    if os.name != "nt":
        make_odd_things(root)
    os.utime(root / "letter.txt", ns=(0, -1_500_000_000))
    os.utime(root / "empty", ns=(0, 1_234_567_890_123_456_700))
    (root / "folder/nothing").chmod(0o444)
    return root


def make_odd_things(root):
    os.link(root / "letter.txt", root / "folder/second name")
    os.symlink("../letter.txt", root / "folder/link")
    os.symlink(b"nowhere \xff", os.fsencode(root / "broken link"))
    os.utime(root / "folder/link", ns=(0, 5_000_000_006), follow_symlinks=False)
    os.mkfifo(root / "pipe")
    with (root / "sparse").open("wb") as file:
        file.write(b"a" * 100_000)
        file.seek(5 << 20)
        file.write(b"b" * 100_000)
        file.truncate(9 << 20)
    if sys.platform == "linux":
        (root / os.fsdecode(b"no text \xff\xfe")).write_bytes(b"x")
        (root / "line\nbreak").write_bytes(b"y")
        try:
            os.setxattr(root / "letter.txt", "user.colour", b"gr\0en")
            os.setxattr(root / "empty", "user.folder", b"")
        except OSError:
            pass  # Not on every file system; `scan` sees what is there.


def program(home, *arguments):
    """Runs Keepwell itself; what it printed."""
    if not Path(PROGRAM).exists():
        raise AssertionError(f"{PROGRAM} is not there: build Keepwell, or set KEEPWELL_BIN")
    done = run([PROGRAM, *arguments], "made by hand", home)
    if done.returncode != 0:
        raise AssertionError(f"{arguments} ended with {done.returncode}: {done.stdout}{done.stderr}")
    return done.stdout


class Case(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.temporary = Path(tempfile.mkdtemp(prefix="keepwell-format-"))
        self.addCleanup(shutil.rmtree, self.temporary, ignore_errors=True)

    def restored(self, repository, snapshot="latest", password="made by hand", code=0):
        """Restores; the folder, and what the reader said."""
        target = Path(tempfile.mkdtemp(dir=self.temporary)) / "target"
        done = reader("restore", repository, snapshot, target, password=password)
        self.assertEqual(done.returncode, code, done.stderr)
        return target, done.stderr

    def refused(self, words, *arguments, password="made by hand"):
        done = reader(*arguments, password=password)
        self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
        self.assertIn(words, done.stderr)

    def program(self, *arguments):
        return program(self.temporary / "home", *arguments)

    def snapshots_by_keepwell(self):
        """Their ids, as Keepwell itself lists them."""
        listed = json.loads(self.program("snapshot", "list", "--repository", self.repository, "--json"))
        return [one["id"] for one in listed["snapshots"]]


class WhatKeepwellWrote(Case):
    @classmethod
    def setUpClass(cls):
        """One repository for all: to make it takes the most time. Tests have copies."""
        cls.made = Path(tempfile.mkdtemp(prefix="keepwell-format-"))
        cls.addClassCleanup(shutil.rmtree, cls.made, ignore_errors=True)
        make_tree(cls.made / "source")
        program(cls.made / "home", "repository", "init", cls.made / "repository")
        program(cls.made / "home", "backup", "run", "--repository", cls.made / "repository", cls.made / "source")

    def setUp(self):
        super().setUp()
        self.source, self.repository = self.made / "source", self.temporary / "repository"
        shutil.copytree(self.made / "repository", self.repository)

    def test_comes_back_byte_for_byte_also_without_the_index(self):
        first, _ = self.restored(self.repository)
        self.assertEqual(scan(first / "source"), scan(self.source))
        self.assertEqual(reader("files", self.repository, "latest").stdout.count("\n"), len(scan(self.source)[0]) + 1)
        shutil.rmtree(self.repository / "index")
        second, _ = self.restored(self.repository)
        self.assertEqual(scan(second / "source"), scan(self.source))

    if os.name != "nt":

        def test_holes_come_back_as_holes(self):
            target, _ = self.restored(self.repository)
            self.assertLess((target / "source/sparse").stat().st_blocks * 512, 2 << 20)

    def test_each_snapshot_is_restored_as_it_was(self):
        changed = self.temporary / "source"
        (changed / "folder").mkdir(parents=True)
        (changed / "folder/new").write_text("new")
        (changed / "letter.txt").write_text("changed")
        self.program("backup", "run", "--repository", self.repository, changed)
        listed = [line.split()[0] for line in reader("list", self.repository).stdout.splitlines()]
        self.assertCountEqual(listed, self.snapshots_by_keepwell())
        self.assertEqual(scan(self.restored(self.repository, listed[0])[0] / "source"), scan(self.source))
        self.assertEqual(scan(self.restored(self.repository, listed[1][:12])[0] / "source"), scan(changed))

    def test_wrong_password_is_told(self):
        self.refused("wrong password", "list", self.repository, password="Made by hand")

    def test_a_changed_bit_is_found_wherever_it_is(self):
        for path in sorted((self.repository / "packs").glob("*/*")):
            data = bytearray(path.read_bytes())
            for at in (64 + 16 + 5, 64 + 2):  # In the first group; in the header of its frame.
                data[at] ^= 1
            path.write_bytes(data)
        target, said = self.restored(self.repository, code=1)
        self.assertIn("damaged", said)
        whole = scan(self.source)[0]
        for path, found in scan(target)[0].items():
            inside = path.removeprefix(b"source/")
            if stat.S_ISREG(found[0]):
                self.assertEqual(found[3], whole[inside][3], "a wrong file must not be left")


class WhatIsMadeByHand(Case):
    def setUp(self):
        super().setUp()
        self.made = HandMade(self.temporary / "repository")
        self.repository = self.made.folder

    def finish(self, *entries, **more):
        pages = self.made.tree(*entries)
        self.segment = self.made.segment()
        self.snapshot = self.made.snapshot(pages, **more)

    def all_shapes(self):
        """A tree with every way in which a file can name its content."""
        made, parts = self.made, [b"one", b"two " * 1000, b"three"]
        first, second, third = made.pack(parts[:2], parts[2:], epoch=1)
        content = parts[0] + bytes(70_000) + parts[1] + parts[2] + bytes(10)
        pieces = [[first, 3], [None, 70_000], [second, 4000], [third, 5], [None, 10]]
        lists = made.pack(*[[cbor2.dumps(part)] for part in (pieces[:3], pieces[3:])], frame_type=2)
        names = {b"implied": content[:9], b"listed": content, b"paged": content, b"empty": b"", b"none": b""}
        hashes = {name: blake3(data).digest() for name, data in names.items()}
        below = made.tree(entry(b"a", 2), made.file(b"b", b"deep inside", k12=7), made.file(b"c", b"deep inside", k12=7),
                          entry(b"d", 1, k2=3, k12=7, k13=blake3(b"one").digest()))
        self.finish(
            entry(b"empty", 1, k13=hashes[b"empty"]),
            entry(b"folder", 2, k18=below, k99={"unknown": [1.5, None]}),
            made.file(b"implied", names[b"implied"], k3=0o600),
            entry(b"listed", 1, k2=len(content), k13=hashes[b"listed"], k14=pieces),
            entry(b"none", 1, k13=hashes[b"none"], k14=[]),
            entry(b"paged", 1, k2=len(content), k13=hashes[b"paged"], k15=lists, k8=[-1, 500_000_000]),
            k77="from a later version")
        return names

    def see_all_shapes(self, target, names):
        for name, content in names.items():
            self.assertEqual((target / os.fsdecode(name)).read_bytes(), content, name)
        self.assertEqual((target / "folder/c").read_bytes(), b"deep inside")
        self.assertEqual((target / "folder/d").read_bytes(), b"one", "same link number, other content: a file of its own")
        self.assertEqual((target / "folder/b").stat().st_ino, (target / "folder/c").stat().st_ino)
        self.assertNotEqual((target / "folder/b").stat().st_ino, (target / "folder/d").stat().st_ino)
        self.assertEqual((target / "paged").stat().st_mtime_ns, -500_000_000)
        self.assertTrue((target / "folder/a").is_dir())

    def test_every_shape_of_a_file_comes_back(self):
        names = self.all_shapes()
        self.see_all_shapes(self.restored(self.repository)[0], names)

    def test_keepwell_reads_it_too(self):
        names = self.all_shapes()
        snapshot, = self.snapshots_by_keepwell()
        target = self.temporary / "by keepwell"
        self.program("restore", "run", "--repository", self.repository, "--target", target, snapshot)
        self.see_all_shapes(target, names)

    def test_names_that_lead_out_are_refused(self):
        for name in (b"..", b".", b"a/b", b"../up", b"/etc", b"n\0l", b""):
            made = HandMade(self.temporary / f"evil {name.hex()}")
            page = made.tree(made.file(name, b"evil"))
            below = made.tree(entry(b"in", 2, k18=page), made.file(b"well", b"well"))
            made.segment()
            made.snapshot(below)
            target, said = self.restored(made.folder, code=1)
            self.assertIn("leads elsewhere", said)
            self.assertEqual(sorted(path.name for path in target.parent.rglob("*")), ["in", "target", "well"])

    if os.name != "nt":

        def test_a_link_is_never_followed(self):
            outside = self.temporary / "outside"
            outside.mkdir()
            trap = entry(b"trap", 3, k2=len(str(outside)), k16=os.fsencode(outside))
            inside = entry(b"trap", 2, k18=self.made.tree(self.made.file(b"evil", b"evil")))
            # Two pages with the same name: the first a link, the second a folder that would be filled through it.
            pages = self.made.tree(trap) + self.made.tree(inside)
            self.made.segment()
            self.made.snapshot(pages)
            _, said = self.restored(self.repository, code=1)
            self.assertIn("not in order", said)
            self.assertEqual(list(outside.iterdir()), [])

    def test_a_target_that_is_not_empty_is_refused(self):
        self.finish(self.made.file(b"a", b"a"))
        (self.temporary / "full").mkdir()
        (self.temporary / "full/a").write_text("mine")
        self.refused("is not empty", "restore", self.repository, "latest", self.temporary / "full")
        self.assertEqual((self.temporary / "full/a").read_text(), "mine")

    def test_content_that_is_not_what_the_entry_says_is_not_restored(self):
        chunk, = self.made.pack([b"other"])
        self.finish(
            entry(b"hash", 1, k2=5, k13=blake3(b"wrong").digest(), k14=[[chunk, 5]]),
            entry(b"length", 1, k2=4, k13=blake3(b"othe").digest(), k14=[[chunk, 4]]),
            entry(b"lost", 1, k2=4, k13=blake3(b"lost").digest()),
            entry(b"size", 1, k2=6, k13=blake3(b"other").digest(), k14=[[chunk, 5]]),
            self.made.file(b"well", b"well"))
        target, said = self.restored(self.repository, code=1)
        self.assertEqual([path.name for path in target.iterdir()], ["well"])
        self.assertIn("4 could not be restored", said)

    def test_what_a_newer_keepwell_made_is_not_called_damaged(self):
        self.finish(self.made.file(b"a", b"a"))
        path, good = self.repository / "repository", (self.repository / "repository").read_bytes()
        repository_id = self.made.id
        for newer in (envelope(repository_id, version=2), envelope(repository_id, read=1 << 40),
                      envelope(repository_id, envelope_version=2)[:-8] + bytes(8), b"KEEPWELL\x02" + bytes(119)):
            path.write_bytes(newer)
            self.refused("made by a newer Keepwell", "list", self.repository)
        for readable in (good + b"more", envelope(self.made.id, write=1, check=2, delete=4)):
            path.write_bytes(readable)
            self.restored(self.repository)
        for folder in ("index", "snapshots"):
            self.made.segment(features=1) if folder == "index" else self.made.snapshot([], features=1)
        listed = reader("list", self.repository)
        self.assertEqual((listed.returncode, listed.stdout.count("\n")), (0, 1), "the other snapshot stays usable")
        self.assertIn("made by a newer Keepwell", listed.stderr)
        self.refused("made by a newer Keepwell", "files", self.repository, "latest")

    def test_a_version_byte_that_was_hit_is_damage(self):
        self.finish(self.made.file(b"a", b"a"))
        path = self.repository / "repository"
        path.write_bytes(b"KEEPWELL\x03" + path.read_bytes()[9:])
        _, said = self.restored(self.repository)
        self.assertIn("damaged", said)

    def test_what_only_a_newer_pack_holds_is_told_and_the_rest_comes_back(self):
        newer, well = self.made.file(b"newer", b"only there"), self.made.file(b"well", b"well")
        pack = self.made.packs[0][0]
        prefix = f"packs/{pack.hex()[:2]}/"
        (self.repository / f"{prefix}{pack.hex()}").unlink()
        self.made.sealed(4, prefix, [(1, b"?" * 40), (3, b"?")], features=1, object_id=pack)
        self.finish(newer, well)
        target, said = self.restored(self.repository, code=1)
        self.assertIn("newer: not restored: the pack", said)
        self.assertIn("made by a newer Keepwell", said)
        self.assertEqual((target / "well").read_bytes(), b"well")

    def test_newer_and_damaged_slots_do_not_stand_in_the_way(self):
        self.finish(self.made.file(b"a", b"a"))
        slot, = (self.repository / "keys").glob("slot-*")
        self.made.slot(b"made by hand", 1, derivation=9)
        (self.repository / f"keys/slot-{'0' * 64}").write_bytes(slot.read_bytes())
        self.restored(self.repository)
        slot.unlink()
        self.refused("made by a newer Keepwell", "list", self.repository)

    def test_damage_to_envelope_headers_and_index_is_gone_round(self):
        names = self.all_shapes()
        for path in [self.repository / "repository", self.snapshot, *(self.repository / "packs").glob("*/*")]:
            data = bytearray(path.read_bytes())
            data[20] ^= 0xFF
            path.write_bytes(data)
        self.segment.write_bytes(self.segment.read_bytes()[:-1])
        self.see_all_shapes(self.restored(self.repository)[0], names)
        (self.repository / "repository").unlink()
        self.see_all_shapes(self.restored(self.repository)[0], names)

    def test_packs_without_end_and_index_are_walked(self):
        names = self.all_shapes()
        for path in (self.repository / "packs").glob("*/*"):
            path.write_bytes(path.read_bytes()[:-30])
        shutil.rmtree(self.repository / "index")
        self.see_all_shapes(self.restored(self.repository)[0], names)

    def test_files_exchanged_or_of_another_repository_are_refused(self):
        self.finish(self.made.file(b"a", b"a"))
        other = HandMade(self.temporary / "other")
        other.snapshot([])
        exchanged = self.repository / f"snapshots/{'0' * 64}"
        exchanged.write_bytes(self.snapshot.read_bytes())
        foreign, = (other.folder / "snapshots").iterdir()
        shutil.copy(foreign, self.repository / "snapshots")
        listed = reader("list", self.repository)
        self.assertEqual((listed.stdout.count("\n"), listed.stderr.count("damaged")), (1, 2), listed.stderr)

    def test_a_hostile_slot_does_not_use_up_the_machine(self):
        slot, = (self.repository / "keys").glob("slot-*")
        data = bytearray(slot.read_bytes())
        data[68:72] = b"\xff" * 4
        slot.write_bytes(data[:-8] + blake3(data[:-8]).digest()[:8])
        self.refused("more work", "list", self.repository)

    def test_a_folder_that_is_no_repository_is_told(self):
        self.refused("is not a Keepwell repository", "list", self.temporary)


class Golden(Case):
    """The repository that is kept for ever, and the list of all that is in it."""

    def setUp(self):
        super().setUp()
        self.repository, self.described = GOLDEN / "repository", json.loads((GOLDEN / "manifest.json").read_text())
        self.secrets = [key["secret"] for key in self.described["keys"]]

    def test_every_secret_opens_it_and_others_do_not(self):
        self.assertEqual(len(self.secrets), 3)
        recovery = self.secrets[-1]
        for secret in [*self.secrets, recovery.lower().replace("-", " ").replace("0", "o")]:
            done = reader("list", self.repository, password=secret)
            self.assertEqual(done.returncode, 0, done.stderr)
            found = [line.split()[0] for line in done.stdout.splitlines()]
            self.assertEqual(found, [one["id"] for one in self.described["snapshots"]])
        for secret in ("", self.secrets[0] + " ", recovery[:-1] + ("A" if recovery[-1] != "A" else "B")):
            self.refused("wrong password", "list", self.repository, password=secret)

    def test_every_field_of_every_entry_is_found(self):
        repository = Repository(self.repository, self.secrets[0].encode())
        repository.load_index()
        for snapshot in self.described["snapshots"]:
            record = repository.snapshot(snapshot["id"])
            names = {0: "started", 1: "finished", 2: "host", 3: "user", 4: "system", 5: "program", 6: "sources_hex",
                     8: "parent", 9: "plan", 10: "tags", 11: "statistics"}
            for key, name in names.items():
                self.assertEqual(in_hex(record.get(key)), snapshot[name], name)
            found = {path.hex(): facts for path, facts in self.described_as_found(repository, record[7])}
            wanted = {one.pop("path_hex"): one for one in [dict(one) for one in snapshot["entries"]]}
            for one in wanted.values():
                del one["path"]  # The same for people.
            self.assertEqual(found.keys(), wanted.keys())
            for path, facts in found.items():
                if facts.get("pieces", 0) > 1000:
                    del facts["holes"]  # The manifest leaves out such long lists.
                self.assertEqual(facts, wanted[path], bytes.fromhex(path))

    def described_as_found(self, repository, pages, above=b""):
        """All entries with their paths, in the words of the manifest."""
        kinds = [None, "file", "folder", "symbolic link", "pipe", "socket", "character device", "block device"]
        names = {2: "size_bytes", 3: "mode", 4: "user_id", 5: "group_id", 6: "user_name", 7: "group_name", 8: "modified",
                 9: "changed", 10: "created", 11: "inode", 12: "link_group", 13: "blake3", 16: "target_hex", 17: "device",
                 19: "extended_attributes_hex", 20: "windows_attributes", 21: "windows_security_descriptor_hex",
                 22: "bsd_flags"}
        for found in repository.entries(pages, self.fail):
            facts = {name: in_hex(found.record[key]) for key, name in names.items() if key in found.record}
            facts["kind"] = kinds[found.kind]
            if facts["kind"] == "file":
                pieces, at, facts["holes"] = list(repository.pieces(found)), 0, []
                for chunk, length in pieces:
                    facts["holes"] += [[at, length]] if chunk is None else []
                    at += length
                facts["pieces"] = len(pieces)
            yield above + found.name, facts
            yield from self.described_as_found(repository, found.pages, above + found.name + b"/")

    def test_it_comes_back(self):
        for snapshot in self.described["snapshots"]:
            target = self.temporary / snapshot["id"]
            done = reader("restore", self.repository, snapshot["id"][:8], target, password=self.secrets[2])
            self.assertIn(done.returncode, (0, 1), done.stderr)
            devices = sum(one["kind"].endswith("device") for one in snapshot["entries"])
            self.assertLessEqual(done.stderr.count("not restored"), devices, "devices need rights and room in numbers")
            for one in snapshot["entries"]:
                path = os.path.join(os.fsencode(target), bytes.fromhex(one["path_hex"]))
                if one["kind"] == "file":
                    with open(path, "rb") as file:
                        self.assertEqual(blake3(file.read()).hexdigest(), one["blake3"], path)
                    seconds, nanoseconds = one["modified"]
                    if seconds < 2**31:  # What file systems do with later times differs.
                        self.assertEqual(os.stat(path).st_mtime_ns, seconds * 10**9 + nanoseconds, path)
                elif one["kind"] == "folder":
                    self.assertTrue(stat.S_ISDIR(os.lstat(path).st_mode))
                elif one["kind"] == "symbolic link":
                    self.assertEqual(os.readlink(path).hex(), one["target_hex"])


def in_hex(value):
    """Bytes as hexadecimal digits, however deep."""
    return [in_hex(part) for part in value] if type(value) is list else value.hex() if type(value) is bytes else value


if __name__ == "__main__":
    unittest.main()
