"""The programs that are measured: how each is asked to do the same work, with encryption on.

Each tool gets a home, a cache and a repository of its own, so that none finds the settings of the person who runs
this. Compression: each program's own default, except borg, whose default (lz4) plays in another class: zstd,3.
"""

import os
import shutil
import subprocess

PASSWORD = "bench: not a secret"
HERE = os.path.dirname(os.path.abspath(__file__))


def total_bytes(folder):
    """The bytes of all files below a folder."""
    return sum(os.lstat(os.path.join(at, name)).st_size for at, _, names in os.walk(folder) for name in names)


class Tool:
    """One program. `backup` and `restore` are command lines; the tree to back up is always the working folder."""

    name = ""
    peer = True

    def __init__(self, room):
        self.room = os.path.join(room, self.name.split()[0])
        self.repository = os.path.join(self.room, "repository")
        self.home = os.path.join(self.room, "home")

    def environment(self):
        return {**os.environ, "HOME": self.home, "XDG_CACHE_HOME": os.path.join(self.home, "cache"),
                "XDG_CONFIG_HOME": os.path.join(self.home, "config"), "TMPDIR": self.home}

    def prepare(self):
        shutil.rmtree(self.room, ignore_errors=True)
        os.makedirs(self.home)
        command = self.init()
        if command:
            subprocess.run(command, env=self.environment(), check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.DEVNULL, cwd=self.room)

    def init(self):
        return None

    def version(self):
        return ""

    def repository_bytes(self):
        return total_bytes(self.repository)


def first_line(command):
    """The first line a program prints about itself."""
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[0].strip()
    except (OSError, subprocess.CalledProcessError, IndexError):
        return ""


class Keepwell(Tool):
    name = "keepwell"
    peer = False

    def __init__(self, room):
        super().__init__(room)
        target = os.environ.get("CARGO_TARGET_DIR", os.path.join(HERE, "..", "target"))
        self.program = os.environ.get("KEEPWELL_BIN", os.path.abspath(os.path.join(target, "release", "keepwell")))

    def environment(self):
        return {**super().environment(), "KEEPWELL_PASSWORD": PASSWORD, "KEEPWELL_HOME": os.path.join(self.home, "state")}

    def init(self):
        return [self.program, "repository", "init", self.repository]

    def backup(self, number):
        return [self.program, "backup", "run", "--repository", self.repository, "."]

    def restore(self, target):
        return [self.program, "restore", "run", "--repository", self.repository, "latest", "--target", target]

    def version(self):
        return first_line([self.program, "--version"])


class Restic(Tool):
    name = "restic"

    def environment(self):
        return {**super().environment(), "RESTIC_PASSWORD": PASSWORD, "RESTIC_REPOSITORY": self.repository}

    def init(self):
        return ["restic", "init"]

    def backup(self, number):
        return ["restic", "backup", "--quiet", "."]

    def restore(self, target):
        return ["restic", "restore", "--quiet", "latest", "--target", target]

    def version(self):
        return " ".join(first_line(["restic", "version"]).split()[:2])


class Rustic(Tool):
    name = "rustic"

    def environment(self):
        return {**super().environment(), "RUSTIC_PASSWORD": PASSWORD, "RUSTIC_REPOSITORY": self.repository,
                "RUSTIC_NO_PROGRESS": "true", "RUSTIC_LOG_LEVEL": "warn"}

    def init(self):
        return ["rustic", "init"]

    def backup(self, number):
        return ["rustic", "backup", "."]

    def restore(self, target):
        return ["rustic", "restore", "latest", target]

    def version(self):
        return first_line(["rustic", "--version"])


class Borg(Tool):
    name = "borg"

    def environment(self):
        return {**super().environment(), "BORG_PASSPHRASE": PASSWORD, "BORG_REPO": self.repository,
                "BORG_BASE_DIR": self.home, "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "no"}

    def init(self):
        return ["borg", "init", "--encryption", "repokey-blake2", self.repository]

    def backup(self, number):
        return ["borg", "create", "--compression", "zstd,3", f"::{number}", "."]

    # borg writes into the working folder, and needs the archive's name.
    def restore(self, target):
        return ["sh", "-c", 'cd "$1" && exec borg extract "::changed"', "sh", target]

    def version(self):
        return first_line(["borg", "--version"])


class Copy(Tool):
    """Copies the tree: what a restore can hardly beat, since it has as many files to make."""

    name = "cp -a"
    peer = False

    def backup(self, number):
        if number != "first":
            return None
        return ["cp", "-a", "./.", self.repository + "/"]

    def init(self):
        return ["mkdir", self.repository]

    def restore(self, target):
        return ["cp", "-a", self.repository + "/.", target + "/"]

    def version(self):
        return first_line(["cp", "--version"])


class Tar(Tool):
    """A solid archive, not encrypted: how small and how fast the same bytes can get without any of the rest."""

    name = "tar | zstd -3 -T2"
    peer = False

    def backup(self, number):
        if number != "first":
            return None
        return ["bash", "-c", 'set -o pipefail; tar -c . | zstd -q -3 -T2 -o "$1"', "bash", self.repository + "/tar.zst"]

    def init(self):
        return ["mkdir", self.repository]

    def restore(self, target):
        return ["bash", "-c", 'set -o pipefail; zstd -q -d -c "$1" | tar -x -C "$2"', "bash",
                self.repository + "/tar.zst", target]

    def version(self):
        return first_line(["zstd", "--version"]).strip("* ")


ALL = [Keepwell, Restic, Rustic, Borg, Copy, Tar]


def find(names):
    """The tools asked for, with a word on those that are absent."""
    chosen = []
    for kind in ALL:
        short = kind.name.split()[0]
        if names and short not in names:
            continue
        if kind is not Keepwell and not shutil.which(short):
            how = {"rustic": "cargo install rustic-rs --locked", "borg": "apt-get install borgbackup"}
            print(f"{short} is not installed ({how.get(short, 'apt-get install ' + short)}): left out", flush=True)
            continue
        chosen.append(kind)
    return chosen
