"""Where programs are measured: a folder on a file system of its own, made anew for each round.

Why: on some ext4 volumes making files costs several times as much for minutes after many were deleted (the restores of
one and the same program took 3.3 s when it went first in a round and 9 s when it went last). A file system that has
seen nothing yet is the same for all. It needs root (a loop device); where there is none, the folder is a plain one, and
the report says which it was.

Not here: what is measured (run.py, sync.py).
"""

import contextlib
import os
import shutil
import subprocess


def can_be_fresh():
    """Whether file systems can be made here."""
    return os.geteuid() == 0 and os.path.exists("/dev/loop-control") and shutil.which("mkfs.ext4") is not None


def described(each="round"):
    """Where it was measured, for the report."""
    return f"a new ext4 for each {each}" if can_be_fresh() else "one file system for all"


@contextlib.contextmanager
def fresh(cache, size_gib):
    """An empty folder, on a new ext4 of this size (with a journal) where that can be, gone afterwards. The image
    grows as it is written to."""
    room = os.path.join(cache, "room")
    if not can_be_fresh():
        shutil.rmtree(room, ignore_errors=True)
        os.makedirs(room)
        try:
            yield room
        finally:
            shutil.rmtree(room, ignore_errors=True)
        return
    image = os.path.join(cache, "room.img")
    unmount(room)
    shutil.rmtree(room, ignore_errors=True)
    os.makedirs(room)
    with open(image, "wb") as file:
        file.truncate(size_gib << 30)
    subprocess.run(["mkfs.ext4", "-q", "-E", "lazy_itable_init=0,lazy_journal_init=0", image], check=True)
    # Direct: what is cached is cached once, by the file system above.
    device = subprocess.run(["losetup", "--find", "--show", "--direct-io=on", image], check=True, capture_output=True,
                            text=True).stdout.strip()
    try:
        subprocess.run(["mount", device, room], check=True)
        try:
            yield room
        finally:
            unmount(room)
    finally:
        subprocess.run(["losetup", "--detach", device], check=True)
        os.remove(image)
        shutil.rmtree(room, ignore_errors=True)


def give_back(room):
    """Blocks of deleted files go back to the disk below, so that the image stays as small as what is in it."""
    if os.path.ismount(room):
        subprocess.run(["fstrim", room], check=False, stderr=subprocess.DEVNULL)


def unmount(room):
    """Takes the file system away, if one is there."""
    if os.path.ismount(room):
        subprocess.run(["umount", room], check=True)
