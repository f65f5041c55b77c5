"""The trees that are backed up: how they come to be, how one percent of them changes, how two are compared.

Everything generated is seeded, so that two runs measure the same bytes. Not here: what is measured (run.py).
"""

import os
import random
import shutil
import stat
import subprocess

LINUX_PACKAGE = "linux-source-6.1"
MIB = 1 << 20


def linux(cache, given=None):
    """Debian's Linux 6.1 source, fetched once from the system's package source; or a folder that holds it."""
    if given:
        return os.path.abspath(given)
    tree = os.path.join(cache, LINUX_PACKAGE)
    if os.path.isdir(tree):
        return tree
    packed = f"/usr/src/{LINUX_PACKAGE}.tar.xz"
    if not os.path.exists(packed):
        if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
            raise SystemExit(f"This corpus comes from Debian's package {LINUX_PACKAGE}. "
                             "Elsewhere, unpack a Linux 6.1 source and pass it with --source FOLDER.")
        print(f"fetching {LINUX_PACKAGE} (140 MB)", flush=True)
        subprocess.run(["apt-get", "download", LINUX_PACKAGE], cwd=cache, check=True)
        package = next(name for name in os.listdir(cache) if name.startswith(LINUX_PACKAGE + "_"))
        subprocess.run(["dpkg-deb", "-x", package, "package"], cwd=cache, check=True)
        packed = os.path.join(cache, "package", "usr", "src", f"{LINUX_PACKAGE}.tar.xz")
    print("unpacking", flush=True)
    unpacking = os.path.join(cache, "unpacking")
    shutil.rmtree(unpacking, ignore_errors=True)
    os.makedirs(unpacking)
    subprocess.run(["tar", "-xJf", packed, "-C", unpacking, "--strip-components=1"], check=True)
    os.rename(unpacking, tree)
    shutil.rmtree(os.path.join(cache, "package"), ignore_errors=True)
    return tree


def small(cache):
    """3,000 small text files in 100 folders: for trying the harness, not for judging."""
    tree = os.path.join(cache, "small")
    if os.path.isdir(tree):
        return tree
    chance = random.Random(6)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz_", k=chance.randint(2, 9))) for _ in range(4000)]
    for folder in range(100):
        path = os.path.join(tree + ".new", f"folder-{folder:03}")
        os.makedirs(path)
        for number in range(30):
            with open(os.path.join(path, f"file-{number:02}.txt"), "w", encoding="ascii") as file:
                file.write(" ".join(chance.choices(words, k=chance.randint(10, 2500))))
    os.rename(tree + ".new", tree)
    return tree


def large(cache):
    """2.6 GiB of few files: two of random bytes, a disk image and its later self, and 128 files of 1 to 8 MiB."""
    tree = os.path.join(cache, "large")
    if os.path.isdir(tree):
        return tree
    chance = random.Random(7)
    making = tree + ".new"
    shutil.rmtree(making, ignore_errors=True)
    os.makedirs(os.path.join(making, "mid"))
    for number in range(2):
        with open(os.path.join(making, f"random-{number}.bin"), "wb") as file:
            for _ in range(512):
                file.write(chance.randbytes(MIB))
    # An image like that of a virtual machine: empty stretches, texts that shrink, data that does not.
    text = b"".join(b"%08d: the quick brown fox jumps over the lazy dog\n" % number for number in range(9000))
    blocks = []
    for _ in range(512):
        kind = chance.random()
        if kind < 0.4:
            blocks.append(bytes(MIB))
        elif kind < 0.7:
            start = chance.randrange(len(text) - MIB // 4)
            blocks.append((text[start : start + MIB // 4] + chance.randbytes(64)) * 4)
        else:
            blocks.append(chance.randbytes(MIB))
    with open(os.path.join(making, "machine.img"), "wb") as file:
        file.writelines(blocks)
    # Its later self: 5 % of the blocks differ, and everything is moved by a few bytes that came in at the front.
    with open(os.path.join(making, "machine-later.img"), "wb") as file:
        file.write(b"inserted at the front\n" * 200)
        for block in blocks:
            file.write(chance.randbytes(MIB) if chance.random() < 0.05 else block)
    for number in range(128):
        with open(os.path.join(making, "mid", f"mid-{number:03}.dat"), "wb") as file:
            size = chance.randint(MIB, 8 * MIB)
            file.write(chance.randbytes(size) if number % 2 else (text * (size // len(text) + 1))[:size])
    os.rename(making, tree)
    return tree


def files(tree):
    """The regular files below a folder, in a settled order."""
    found = []
    for folder, folders, names in os.walk(tree):
        folders.sort()
        for name in sorted(names):
            path = os.path.join(folder, name)
            if stat.S_ISREG(os.lstat(path).st_mode):
                found.append(path)
    return found


def describe(tree):
    """How many files and bytes a tree holds."""
    paths = files(tree)
    return {"files": len(paths), "bytes": sum(os.lstat(path).st_size for path in paths)}


def warm(tree):
    """Reads everything once, so that every tool finds the tree in memory."""
    for path in files(tree):
        with open(path, "rb", buffering=0) as file:
            while file.read(MIB):
                pass


def change(tree, seed):
    """Changes one percent: of the files where there are many, of the bytes where there are few large ones.
    Half are written over in the middle, a quarter grow, an eighth vanish, an eighth are new."""
    chance = random.Random(seed)
    paths = files(tree)
    if len(paths) < 1000:
        for path in paths:
            size = os.path.getsize(path)
            with open(path, "r+b") as file:
                for _ in range(max(1, size // (100 * MIB))):
                    file.seek(chance.randrange(max(1, size - MIB)))
                    file.write(chance.randbytes(min(MIB, size)))
        return
    for path in chance.sample(paths, max(1, len(paths) // 100)):
        kind = chance.random()
        size = os.path.getsize(path)
        os.chmod(path, os.stat(path).st_mode | 0o200)
        if kind < 0.5 and size > 0:
            with open(path, "r+b") as file:
                file.seek(size // 2)
                file.write(b"/* changed %016x */" % chance.getrandbits(64))
        elif kind < 0.75:
            with open(path, "ab") as file:
                file.write(b"\n/* grown %016x */\n" % chance.getrandbits(64))
        elif kind < 0.875:
            os.remove(path)
        else:
            with open(path + ".new", "wb") as file:
                file.write(b"/* new %016x */\n" % chance.getrandbits(64) * 40)


def differences(left, right, time_grain_ns=1000, apart=(), limit=5):
    """What differs between two trees in names, kinds, content, modes, link targets or times of files (these down to a
    grain). Names in `apart` are not looked at."""
    found = []

    def note(what):
        found.append(what)
        return len(found) >= limit

    def compare(relative):
        a, b = os.path.join(left, relative), os.path.join(right, relative)
        names_a, names_b = set(os.listdir(a)).difference(apart), set(os.listdir(b)).difference(apart)
        for name in sorted(names_a ^ names_b):
            if note(f"{os.path.join(relative, name)} is only on one side"):
                return
        for name in sorted(names_a & names_b):
            inner = os.path.join(relative, name)
            x, y = os.lstat(os.path.join(left, inner)), os.lstat(os.path.join(right, inner))
            if x.st_mode != y.st_mode:
                note(f"{inner}: mode {x.st_mode:o}, came back as {y.st_mode:o}")
            if stat.S_ISDIR(x.st_mode) and stat.S_ISDIR(y.st_mode):
                compare(inner)
            elif stat.S_ISLNK(x.st_mode) and stat.S_ISLNK(y.st_mode):
                if os.readlink(os.path.join(left, inner)) != os.readlink(os.path.join(right, inner)):
                    note(f"{inner}: the link points elsewhere")
            elif stat.S_ISREG(x.st_mode) and stat.S_ISREG(y.st_mode):
                if x.st_mtime_ns // time_grain_ns != y.st_mtime_ns // time_grain_ns:
                    note(f"{inner}: its time differs")
                if not same_bytes(os.path.join(left, inner), os.path.join(right, inner)):
                    note(f"{inner}: its content differs")
            if len(found) >= limit:
                return

    compare("")
    return found[:limit]


def same_bytes(left, right):
    """Whether two files hold the same bytes."""
    with open(left, "rb", buffering=0) as a, open(right, "rb", buffering=0) as b:
        while True:
            x, y = a.read(MIB), b.read(MIB)
            if x != y:
                return False
            if not x:
                return True
