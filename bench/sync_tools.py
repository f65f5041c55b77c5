"""The programs that keep two folders the same: how each is asked for the same work.

Each gets a home and a right side of its own; the left side is the same for all, and none of them writes to it here, but
for the small folder that keepwell calls its own. All are to bring over modes, times and symbolic links. rsync and rclone
know one direction only and remember nothing; Unison and keepwell remember the last agreed state. Only keepwell proves
what it wrote by reading it back; to hold that against something, `cp -a` is also measured with the same done after it.
"""

import os
import shutil

from tools import HERE, first_line

# What keepwell keeps in both roots: its bin and the sign by which it knows the place. It is nobody's business.
OWN_FOLDER = ".keepwell"


class Tool:
    """One program; `sync` is the command line that makes the right side like the left."""

    name = ""
    peer = True
    first_only = False
    time_grain_ns = 1000

    def __init__(self, room, left):
        self.room = os.path.join(room, self.name.replace(" ", "-"))
        self.left = left
        self.right = os.path.join(self.room, "right")
        self.home = os.path.join(self.room, "home")

    def environment(self):
        return {**os.environ, "HOME": self.home, "XDG_CACHE_HOME": os.path.join(self.home, "cache"),
                "XDG_CONFIG_HOME": os.path.join(self.home, "config"), "XDG_DATA_HOME": os.path.join(self.home, "data"),
                "TMPDIR": self.home}

    def prepare(self):
        shutil.rmtree(self.room, ignore_errors=True)
        os.makedirs(self.home)
        os.makedirs(self.right)

    def sync(self):
        raise NotImplementedError

    def version(self):
        return ""


class Keepwell(Tool):
    """Shared by both ways of asking keepwell."""

    peer = False
    mode = ""

    def __init__(self, room, left):
        super().__init__(room, left)
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "target"))
        self.program = os.environ.get("KEEPWELL_BIN", os.path.abspath(os.path.join(target, "release", "keepwell")))

    def environment(self):
        return {**super().environment(), "KEEPWELL_HOME": os.path.join(self.home, "state")}

    def sync(self):
        return [self.program, "sync", "run", self.left, self.right, "--mode", self.mode]

    def add_live(self):
        """Makes a pair that follows changes."""
        return [self.program, "sync", "add", self.left, self.right, "--mode", self.mode, "--live"]

    def watch(self):
        """Carries changes of such pairs over until it is interrupted."""
        return [self.program, "sync", "watch"]

    def version(self):
        return first_line([self.program, "--version"])


class KeepwellMirror(Keepwell):
    name = "keepwell mirror"
    mode = "mirror"


class KeepwellTwoWay(Keepwell):
    name = "keepwell two-way"
    mode = "two-way"


class Copy(Tool):
    """What a first run is held against: it does no less than make the files, and no more."""

    name = "cp -a"
    peer = False
    first_only = True

    def sync(self):
        return ["cp", "-a", self.left + "/.", self.right + "/"]

    def version(self):
        return first_line(["cp", "--version"])


class ProvenCopy(Copy):
    """The same with what keepwell promises of a first run: all of it is on the disk, and compared."""

    name = "cp -a, proven"

    def sync(self):
        steps = 'cp -a "$1/." "$2/" && sync --file-system "$2" && diff --recursive --brief --no-dereference "$1" "$2"'
        return ["sh", "-c", steps, "sh", self.left, self.right]

    def version(self):
        return ""


class Rsync(Tool):
    name = "rsync"

    def sync(self):
        return ["rsync", "-a", "--delete", f"--exclude=/{OWN_FOLDER}", self.left + "/", self.right + "/"]

    def version(self):
        return " ".join(first_line(["rsync", "--version"]).split()[:3])


class Rclone(Tool):
    name = "rclone"

    def sync(self):
        return ["rclone", "sync", "--links", "--metadata", "--quiet", f"--exclude=/{OWN_FOLDER}/**", self.left, self.right]

    def version(self):
        return first_line(["rclone", "version"])


class Unison(Tool):
    """Keeps times of whole seconds."""

    name = "unison"
    time_grain_ns = 1_000_000_000

    def environment(self):
        return {**super().environment(), "UNISON": os.path.join(self.home, "unison")}

    def sync(self):
        return ["unison", self.left, self.right, "-ui", "text", "-batch", "-auto", "-silent", "-times",
                "-confirmbigdel=false", "-ignore", f"Path {OWN_FOLDER}", "-logfile", os.path.join(self.home, "unison.log")]

    def version(self):
        return first_line(["unison", "-version"])


ALL = [KeepwellMirror, KeepwellTwoWay, Copy, ProvenCopy, Rsync, Rclone, Unison]


def find(names):
    """The tools asked for (by their first word), with a word on those that are absent."""
    chosen = []
    for kind in ALL:
        short = kind.name.split()[0]
        if names and short not in names:
            continue
        if not issubclass(kind, Keepwell) and not shutil.which(short):
            print(f"{short} is not installed (apt-get install {short}): left out", flush=True)
            continue
        chosen.append(kind)
    return chosen
