"""What only `keepwell sync` is asked for: live, a million files, a renamed folder.

`scale` divides the numbers of files: 1 to judge, 100 to try the harness. Not here: the runs beside other programs.
"""

import os
import random
import shutil
import signal
import statistics
import subprocess
import time

import sync_tools
from measuring import measure, settle
from run import aside

POLL_SECONDS = 0.002
PATIENCE_SECONDS = 300


def make_files(folder, count, per_folder, size_bytes):
    """Files of random bytes in numbered folders."""
    chance = random.Random(count)
    for number in range(count):
        if number % per_folder == 0:
            inside = os.path.join(folder, f"folder-{number // per_folder:05}")
            os.makedirs(inside)
        with open(os.path.join(inside, f"file-{number % per_folder:05}"), "wb", buffering=0) as file:
            file.write(chance.randbytes(size_bytes))


def wait_until(what, so):
    """Waits until something is so; the moment it was seen."""
    limit = time.monotonic() + PATIENCE_SECONDS
    while not so():
        if time.monotonic() > limit:
            raise SystemExit(f"waited {PATIENCE_SECONDS} s in vain for {what}")
        time.sleep(POLL_SECONDS)
    return time.monotonic()


def holds(path, content):
    """Whether a file is there with this content."""
    try:
        with open(path, "rb") as file:
            return file.read() == content
    except OSError:
        return False


class Watching:
    """A pair that is kept the same live, while the block lasts."""

    def __init__(self, room, log):
        left = os.path.join(room, "live-left")
        shutil.rmtree(left, ignore_errors=True)
        os.makedirs(left)
        self.pair = sync_tools.KeepwellTwoWay(room, left)
        self.pair.prepare()
        self.log = log
        self.process = None

    def __enter__(self):
        with open(os.path.join(self.pair.left, "here before"), "wb") as file:
            file.write(b"1")
        subprocess.run(self.pair.add_live(), env=self.pair.environment(), check=True, stdin=subprocess.DEVNULL,
                       stdout=self.log, stderr=self.log)
        self.process = subprocess.Popen(self.pair.watch(), env=self.pair.environment(), cwd=self.pair.room,
                                        stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log)
        wait_until("the first run of the live pair", lambda: self.alive() and holds(self.right("here before"), b"1"))
        time.sleep(3)
        return self

    def alive(self):
        if self.process.poll() is not None:
            raise SystemExit(f"keepwell sync watch ended with {self.process.returncode}; its words are in {self.log.name}")
        return True

    def left(self, name):
        return os.path.join(self.pair.left, name)

    def right(self, name):
        return os.path.join(self.pair.right, name)

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGINT)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.pair.room, ignore_errors=True)
        shutil.rmtree(self.pair.left, ignore_errors=True)


def live(room, scale, settle_seconds):
    """Single files at odd moments, from the last byte written to the same bytes on the other side; and many at once,
    from the last one written until all are over there, beside `cp -a` of the same folder."""
    chance = random.Random(11)
    latencies, bursts, copies = [], [], []
    with open(os.path.join(room, "log.txt"), "ab") as log, Watching(room, log) as pair:
        for number in range(40 if scale == 1 else 10):
            time.sleep(0.7 + chance.random())
            content = chance.randbytes(chance.randint(1, 60_000))
            name = f"single {number % 25}"
            with open(pair.left(name), "wb") as file:
                file.write(content)
            started = time.monotonic()
            seen = wait_until(name, lambda name=name, content=content: pair.alive() and holds(pair.right(name), content))
            latencies.append(seen - started)
        print(f"  live  one file: median {statistics.median(latencies):.3f} s", flush=True)
        count = 10_000 // scale
        for number in range(3):
            burst = f"burst {number}"
            plain, plain_copy = os.path.join(room, "plain"), os.path.join(room, "plain copy")
            aside(make_files, plain, count, 500, 4096)
            settle(settle_seconds)
            started = time.monotonic()
            subprocess.run(["cp", "-a", plain, plain_copy], check=True)
            copies.append(time.monotonic() - started)
            shutil.rmtree(plain)
            shutil.rmtree(plain_copy)
            settle(settle_seconds)
            aside(make_files, pair.left(burst), count, 500, 4096)
            started = time.monotonic()
            seen = wait_until(burst, lambda burst=burst: pair.alive() and arrived(pair.right(burst), count, 4096))
            bursts.append(seen - started)
            print(f"  live  {count} files: {bursts[-1]:.2f} s, cp -a {copies[-1]:.2f} s", flush=True)
    return {"latencies": latencies, "bursts": bursts, "copies": copies}


def arrived(folder, count, size_bytes):
    """Whether so many whole files are there. Looks at the newest folder first, to disturb little."""
    try:
        folders = sorted(os.listdir(folder), reverse=True)
        if len(folders) * 500 < count:
            return False
        found = 0
        for name in folders:
            entries = list(os.scandir(os.path.join(folder, name)))
            if len(entries) < min(count, 500):
                return False
            found += sum(1 for entry in entries if entry.stat().st_size == size_bytes)
        return found >= count
    except OSError:
        return False


def million(room, scale, settle_seconds):
    """A million small files: first copy, nothing changed."""
    left = os.path.join(room, "million")
    aside(make_files, left, 1_000_000 // scale, 1000, 16)
    pair = sync_tools.KeepwellTwoWay(room, left)
    pair.prepare()
    found = {}
    with open(os.path.join(room, "log.txt"), "ab") as log:
        for label in ("first copy", "no change"):
            found[label] = measure(pair.sync(), pair.environment(), room, log, settle_seconds)
            print(f"  million  {label}: {found[label]['seconds']:.1f} s, {found[label]['peak_bytes'] >> 20} MiB", flush=True)
    shutil.rmtree(pair.room)
    shutil.rmtree(left)
    return found


def rename(room, scale, settle_seconds):
    """A folder gets another name on the left. The files on the right must be the very same afterwards."""
    count = 50_000 // scale
    left = os.path.join(room, "rename")
    aside(make_files, os.path.join(left, "before"), count, 1000, 1024)
    pair = sync_tools.KeepwellTwoWay(room, left)
    pair.prepare()
    with open(os.path.join(room, "log.txt"), "ab") as log:
        measure(pair.sync(), pair.environment(), room, log, settle_seconds)
        before = aside(identities, os.path.join(pair.right, "before"))
        os.rename(os.path.join(left, "before"), os.path.join(left, "after"))
        found = measure(pair.sync(), pair.environment(), room, log, settle_seconds)
        after = aside(identities, os.path.join(pair.right, "after"))
    if len(before) != count or len(after) != count:
        raise SystemExit(f"{len(before)} files were there before the rename and {len(after)} after it, instead of {count}")
    same = len(before & after)
    shutil.rmtree(pair.room)
    shutil.rmtree(left)
    print(f"  rename  {found['seconds']:.2f} s, {same} of {count} are the same files", flush=True)
    return {"run_seconds": found["seconds"], "same_files": same, "copied": count - same, "peak_bytes": found["peak_bytes"]}


def identities(folder):
    """What tells files apart whatever they are called: name below the folder and inode."""
    found = set()
    for at, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(at, name)
            found.add((os.path.relpath(path, folder), os.lstat(path).st_ino))
    return found
