"""How a command is measured: on quiet disks, with its seconds, its CPU and its memory.

Not here: what is measured (run.py, sync.py).
"""

import os
import subprocess
import time


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


def measure(command, environment, folder, log, settle_seconds):
    """Runs a command; its seconds, CPU seconds and peak memory (of the largest process in it)."""
    settle(settle_seconds)
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
