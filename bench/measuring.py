"""How a command is measured: on quiet disks, in memory that was in use, with its seconds, its CPU and its memory.

Not here: what is measured (run.py, sync.py).
"""

import mmap
import os
import subprocess
import time

# So much memory is taken and given back before each measurement, where the machine has four times as much.
WARM_BYTES = 4 << 30


def settle(limit_seconds):
    """Waits until the disks are quiet. What was written is flushed, and deleted files are given back to the disk for
    many seconds after `rm` returned: whoever is measured meanwhile would pay for it (a factor of ten was seen)."""
    os.sync()
    before, quiet = disk_sectors(), 0
    for _ in range(limit_seconds):
        time.sleep(1)
        now = disk_sectors()
        quiet = quiet + 1 if now - before < 4096 else 0
        before = now
        if quiet == 2:
            return


def disk_sectors():
    """Sectors written and given back so far, over all disks; 0 where the system does not say."""
    try:
        with open("/proc/diskstats", encoding="ascii") as file:
            lines = [line.split() for line in file]
    except OSError:
        return 0
    return sum(int(fields[9]) + int(fields[16]) for fields in lines if len(fields) > 16)


def warm_memory():
    """Takes memory and gives it back. What lay free for two seconds may have gone back to the host of a virtual machine, and
    taking it again costs: whoever happened to get it paid up to double (2.97 and 6.58 s of one and the same `cp -a`). Only
    before what fills much of it: the host takes the rest back meanwhile, which would fall into what runs shortly after."""
    if os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") < 4 * WARM_BYTES:
        return
    child = os.fork()
    if child == 0:
        with mmap.mmap(-1, WARM_BYTES) as memory:
            for at in range(0, WARM_BYTES, mmap.PAGESIZE):
                memory[at] = 1
        os._exit(0)
    os.waitpid(child, 0)


def measure(command, environment, folder, log, settle_seconds, fills_memory=False):
    """Runs a command; its seconds, CPU seconds and peak memory (of the largest process in it)."""
    settle(settle_seconds)
    if fills_memory:
        warm_memory()
    started = time.monotonic()
    process = subprocess.Popen(command, env=environment, cwd=folder, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.monotonic() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        with open(log.name, encoding="utf-8", errors="replace") as file:
            words = "".join(file.readlines()[-10:])
        raise SystemExit(f"{' '.join(command[:3])} … ended with {process.returncode}:\n{words}")
    return {"seconds": seconds, "cpu_seconds": usage.ru_utime + usage.ru_stime, "peak_bytes": usage.ru_maxrss * 1024}
