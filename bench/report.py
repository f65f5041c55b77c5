"""The table: medians with ratios against the goals, as Markdown, and where keepwell falls short.

Not here: any measuring.
"""

import os
import platform
import re
import statistics

STEPS = [("first", "first backup"), ("unchanged", "unchanged second"), ("changed", "1 % changed"), ("restore", "restore")]
MIB = 1 << 20


def median(results, tool, step, field):
    values = [one[field] for one in results.get(tool, {}).get(step, [])]
    return statistics.median(values) if values else None


def peak_mib(results, tool):
    peaks = [one["peak_bytes"] for step in results.get(tool, {}).values() for one in step]
    return max(peaks) / MIB if peaks else None


def size_mib(results, tool):
    values = [one["repository_bytes"] for one in results.get(tool, {}).get("first", [])]
    return statistics.median(values) / MIB if values else None


def table(results, order):
    """What was measured, absolute."""
    lines = ["| | " + " | ".join(f"{label}, s" for _, label in STEPS) + " | repository, MiB | peak memory, MiB | CPU of first backup, s |",
             "|---|" + "--:|" * (len(STEPS) + 3)]
    for tool in order:
        cells = [show(median(results, tool, step, "seconds"), 2) for step, _ in STEPS]
        cells += [show(size_mib(results, tool), 1), show(peak_mib(results, tool), 0),
                  show(median(results, tool, "first", "cpu_seconds"), 1)]
        lines.append(f"| {tool.replace('|', chr(92) + '|')} | " + " | ".join(cells) + " |")
    return lines


def show(value, digits):
    return "–" if value is None else f"{value:.{digits}f}"


def goals(results, peers):
    """Each goal as (what, keepwell's value, against which, ratio, limit, unit)."""

    def best(step):
        known = [(median(results, peer, step, "seconds"), peer) for peer in peers]
        return min([pair for pair in known if pair[0] is not None], default=(None, None))

    rows = []
    for step, label, limit in [("first", "first backup", 0.5), ("unchanged", "unchanged second", 0.35),
                               ("restore", "restore", 0.5)]:
        value, peer = best(step)
        rows.append((label, median(results, "keepwell", step, "seconds"), f"fastest peer: {peer}", value, limit, "s"))
    rows.append(("restore", median(results, "keepwell", "restore", "seconds"), "cp -a",
                 median(results, "cp -a", "restore", "seconds"), 1.2, "s"))
    sizes = [(size_mib(results, peer), peer) for peer in peers if size_mib(results, peer) is not None]
    value, peer = min(sizes, default=(None, None))
    rows.append(("repository", size_mib(results, "keepwell"), f"smallest peer: {peer}", value, 0.8, "MiB"))
    rows.append(("peak memory", peak_mib(results, "keepwell"), "256 MiB", 256.0, 1.0, "MiB"))
    return rows


def ratio_table(rows):
    """The same ratios without a verdict: for corpora the goals were not set for."""
    lines = ["| | keepwell | against | ratio |", "|---|--:|---|--:|"]
    for label, value, against, base, _, unit in rows:
        if value is not None and base is not None:
            lines.append(f"| {label} | {value:.2f} {unit} | {against} ({base:.2f} {unit}) | {value / base:.2f} |")
    return lines


def goal_table(rows):
    """The goals, and a sentence for each that is missed."""
    lines = ["| goal | keepwell | against | ratio | at most | |", "|---|--:|---|--:|--:|---|"]
    short = []
    for label, value, against, base, limit, unit in rows:
        if value is None or base is None:
            continue
        ratio = value / base
        met = ratio <= limit
        lines.append(f"| {label} | {value:.2f} {unit} | {against} ({base:.2f} {unit}) | {ratio:.2f} | {limit:.2f} | "
                     f"{'reached' if met else '**missed**'} |")
        if not met:
            short.append(f"- {label}: {value:.2f} {unit} where {base * limit:.2f} {unit} was the goal "
                         f"({ratio:.2f} of {against.split(': ')[-1]}, to be at most {limit:.2f}).")
    return lines, short


def machine():
    """The machine in a line: what a reader needs to place the numbers, nothing that names it."""
    model, memory = platform.machine(), "?"
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.split(":", 1)[1].strip() for line in file if line.startswith("model name")), model)
        with open("/proc/meminfo", encoding="utf-8") as file:
            kibibytes = int(re.search(r"MemTotal:\s+(\d+)", file.read()).group(1))
            memory = f"{kibibytes / MIB:.0f} GiB"
    except OSError:
        pass
    return f"{model}, {os.cpu_count()} cores, {memory} memory, {platform.system()} {platform.release().split('-')[0]}"


def write_block(path, name, lines):
    """Replaces what stands between the markers of a file."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    start, end = f"<!-- results:{name} -->", f"<!-- end:{name} -->"
    before, rest = text.split(start, 1)
    after = rest.split(end, 1)[1]
    with open(path, "w", encoding="utf-8") as file:
        file.write(before + start + "\n" + "\n".join(lines) + "\n" + end + after)
