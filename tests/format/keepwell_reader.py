#!/usr/bin/env python3
"""A second reader for Keepwell repositories, written from docs/formats/repository.md alone.

It shares no code with Keepwell. That is its purpose: as long as it restores what Keepwell wrote, the document is
enough to get the data back without Keepwell. So what is unclear here is mended in the document first.

    keepwell_reader.py list REPOSITORY                       the snapshots
    keepwell_reader.py files REPOSITORY SNAPSHOT             what is in one; SNAPSHOT: first digits of its id, or "latest"
    keepwell_reader.py restore REPOSITORY SNAPSHOT TARGET    bring it back into TARGET, a new or empty folder

The password or the recovery key comes from the environment: KEEPWELL_PASSWORD. It needs the packages in requirements.txt.
Exit code: 0 all is well, 1 something could not be restored (the rest was), 2 refused.

"Section" in comments means a section of the document. Files are read in keepwell_files.py, what they are together in
keepwell_repository.py; here is restoring (section 12) and what the commands print. Deliberately not here: metadata of
Windows and macOS, speed.
"""
import os
import re
import stat
import sys
import unicodedata
from datetime import datetime, timedelta, timezone

from blake3 import blake3

from keepwell_files import Damaged, Refused, field, ids, rows, shown, time_ns, warn
from keepwell_repository import CHARACTER_DEVICE, FILE, FOLDER, SYMLINK, Repository

WINDOWS_REFUSES = re.compile(
    r'[\x00-\x1f<>:"/\\|?*]|[. ]$|^(con|prn|aux|nul|conin\$|conout\$|com\d|lpt\d)(\.|$)', re.IGNORECASE)


class Restore:
    """Brings one tree back into a new or empty folder.

    It works with one name at a time in the folder that it is in, and makes each thing anew, failing if something is
    there. So no name and no link can lead out of the target, and paths may be longer than the system allows.
    """

    def __init__(self, repository, target):
        self.repository, self.problems, self.linked = repository, 0, {}
        os.makedirs(target, exist_ok=True)
        if os.listdir(target):
            raise Refused(f"{target} is not empty; choose a new folder, nothing was changed")
        self.target = os.path.abspath(target)

    def problem(self, path, error):
        self.problems += 1
        warn(f"{shown(path)}: not restored: {error}")

    def run(self, pages):
        os.chdir(self.target)
        open_folders = [(None, b"", self.repository.entries(pages, lambda error: self.problem(b"/", error)))]
        while open_folders:
            folder, path, entries = open_folders[-1]
            entry = next(entries, None)
            if entry is None:
                open_folders.pop()
                if folder:
                    os.chdir("..")
                    self.metadata(path, folder)  # Only now: what was made inside has changed the folder's time.
                continue
            below = path + b"/" + entry.name if path else entry.name
            try:
                self.bring_back(below, entry)
                if entry.kind == FOLDER:
                    os.chdir(local_name(entry.name))
                    tell = lambda error, below=below: self.problem(below, error)  # noqa: E731
                    open_folders.append((entry, below, self.repository.entries(entry.pages, tell)))
            except (Refused, OSError, ValueError, OverflowError) as error:
                self.problem(below, error)

    def bring_back(self, path, entry):
        name = local_name(entry.name)
        if entry.kind == FOLDER:
            return os.mkdir(name, 0o700)
        content = (entry.kind, entry.hash, entry.target, str(entry.device))
        if entry.hard_link is not None:
            first = self.linked.get((entry.hard_link, content))
            if first is not None:
                try:
                    return os.link(os.fsdecode(relative(first, path)), name, follow_symlinks=False)
                except (OSError, NotImplementedError) as error:
                    warn(f"{shown(path)}: restored as a copy, the hard link could not be made: {error}")
        if entry.kind == FILE:
            self.file(name, entry)
        elif entry.kind == SYMLINK:
            os.symlink(os.fsdecode(entry.target or b""), name)
        elif not hasattr(os, "mknod"):
            raise OSError("this system has no such files")
        else:
            device = os.makedev(*entry.device) if entry.kind >= CHARACTER_DEVICE and entry.device else 0
            os.mknod(name, stat.S_IFMT(entry.filemode()) | 0o600, device)
        self.metadata(path, entry)
        if entry.hard_link is not None:
            self.linked.setdefault((entry.hard_link, content), path)

    def file(self, name, entry):
        """Writes a file and proves it by its hash; what can not be proved is taken away again."""
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOFOLLOW", 0)
        try:
            with open(os.open(name, flags, 0o600), "wb") as file:
                self.write(file, entry)
        except FileExistsError:
            raise
        except BaseException:
            os.unlink(name)
            raise

    def write(self, file, entry):
        hasher, length, zeros = blake3(), 0, bytes(1 << 20)
        for chunk, part in self.repository.pieces(entry):
            length += part
            if length > entry.size:
                raise Damaged("its pieces are longer than the file")
            if chunk is None:  # A hole: passed over in the file, zeros in the hash.
                file.seek(length)
                for done in range(0, part, len(zeros)):
                    hasher.update(zeros[: part - done])
                continue
            content = self.repository.chunk(chunk)
            if len(content) != part:
                raise Damaged("a chunk has another length than its piece says")
            hasher.update(content)
            file.write(content)
        file.truncate(length)
        if length != entry.size or entry.hash is None or hasher.digest() != entry.hash:
            raise Damaged("its content does not fit its hash")

    def metadata(self, path, entry):
        """Owner, extended attributes, mode, times, as far as this system and account allow; what fails is told."""
        name, mode = local_name(entry.name), entry.mode
        steps = []
        if hasattr(os, "lchown") and None not in (entry.user, entry.group, mode):
            try:
                os.lchown(name, entry.user, entry.group)
            except (OSError, OverflowError) as error:
                mode &= 0o1777  # Another owner now: what runs with its owner's rights must not run with these.
                if os.geteuid() == 0:  # Others are not allowed to, and know it.
                    warn(f"{shown(path)}: restored, but its owner could not be set: {error}")
        if hasattr(os, "setxattr"):
            for key, value in entry.attributes:
                steps.append((f"attribute {shown(key)}",
                              lambda key=key, value=value: os.setxattr(name, key, value, follow_symlinks=False)))
        if entry.kind != SYMLINK and mode is not None:
            steps.append(("mode", lambda: os.chmod(name, mode & 0o7777)))
        if entry.modified is not None and (entry.kind != SYMLINK or os.utime in os.supports_follow_symlinks):
            follow = {"follow_symlinks": False} if os.utime in os.supports_follow_symlinks else {}
            steps.append(("time", lambda: os.utime(name, ns=(entry.modified, entry.modified), **follow)))
        for what, step in steps:
            try:
                step()
            except (OSError, OverflowError, ValueError, TypeError) as error:
                warn(f"{shown(path)}: restored, but its {what} could not be set: {error}")


def relative(wanted, path):
    """The way to `wanted` from the folder of `path`: short where they are near, however deep both are."""
    there, here = wanted.split(b"/"), path.split(b"/")[:-1]
    while here and here[0] == there[0]:
        del here[0], there[0]
    return b"/".join([b".."] * len(here) + there)


def local_name(name):
    """The name for this system. Section 10.1: what leads astray here is refused here."""
    text = os.fsdecode(name)
    if os.name == "nt" and WINDOWS_REFUSES.search(text):
        raise ValueError("this name is not possible on Windows")
    return text


# ---- Commands ----


def shown_time(ns):
    if ns is None:
        return "-"
    try:
        when = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=ns // 10**9)
        return f"{when:%Y-%m-%dT%H:%M:%S}.{ns % 10**9:09}Z"
    except OverflowError:
        return f"{ns // 10**9}s"


def list_snapshots(repository):
    for name, record in repository.snapshots():
        try:
            counts = [*field(record, 11, list, []), 0, 0, 0, 0]
            origin = f"{field(record, 3, str, '')}@{field(record, 2, str, '')}"
            sources = " ".join(shown(path) for path, _ in rows(record, 6, bytes, bytes))
        except Damaged as error:
            counts, origin, sources = [0] * 4, "?", f"({error})"
        when = shown_time(time_ns(record, 0))
        print(f"{name}  {when}  {shown(origin.encode())}  {counts[0]} files, {counts[3]} bytes  {sources}")


def list_files(repository, pages):
    """Prints all entries, a folder before what is in it; how many folder pages could not be read."""
    problems = []
    tell = lambda error: (problems.append(error), warn(error))  # noqa: E731
    open_folders = [(b"", repository.entries(pages, tell))]
    while open_folders:
        path, entries = open_folders[-1]
        entry = next(entries, None)
        if entry is None:
            open_folders.pop()
            continue
        below = path + entry.name
        target = f" -> {shown(entry.target or b'')}" if entry.kind == SYMLINK else ""
        print(f"{stat.filemode(entry.filemode())} {entry.size:>12} {shown_time(entry.modified)} {shown(below)}{target}")
        if entry.kind == FOLDER:
            open_folders.append((below + b"/", repository.entries(entry.pages, tell)))
    return len(problems)


def main(arguments):
    commands = {"list": 2, "files": 3, "restore": 4}
    if not arguments or commands.get(arguments[0]) != len(arguments):
        sys.exit(__doc__)
    secret = os.environ.get("KEEPWELL_PASSWORD")
    if secret is None:
        raise Refused("set KEEPWELL_PASSWORD to the password or the recovery key")
    repository = Repository(arguments[1], unicodedata.normalize("NFC", secret).encode(errors="surrogateescape"))
    if arguments[0] == "list":
        list_snapshots(repository)
        return 0
    pages = ids(repository.snapshot(arguments[2]), 7)
    repository.load_index()
    if arguments[0] == "files":
        return 1 if list_files(repository, pages) else 0
    restore = Restore(repository, arguments[3])
    restore.run(pages)
    if restore.problems:
        warn(f"{restore.problems} could not be restored, the rest was")
    return 1 if restore.problems else 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (Refused, OSError) as error:
        warn(error)
        sys.exit(2)
