#!/usr/bin/env python3
"""Measures `keepwell sync` side by side with cp, rsync, rclone and Unison, and on its own where they have no like.

    npm run bench:sync                                       everything, three rounds; writes bench/README.md
    npm run bench:sync -- --corpus small --rounds 1          a smoke run of a minute or two, writes nothing
    npm run bench:sync -- --only keepwell,rsync --parts runs one part, some programs

Parts: `runs` (Linux source: first copy, nothing changed, one percent changed; every program in turn, who begins moves on
from round to round, each in a file system of its own; after each first and last step of round one both sides are compared
byte for byte), `used` (the first
copy once more, by keepwell and cp in turn, on the disk as it is and just after such a tree was removed from it), `live`
(one file's way to the other side, 10,000 files at once), `million` (a million files: peak memory) and `rename` (a folder of
50,000 files gets another name). The disks are quiet before each measurement.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time

import corpus
import report
import room as rooms
import sync_scenarios
import sync_tools
from measuring import measure
from run import HERE, aside, build, corpus_path

STEPS = [("first", "first copy"), ("unchanged", "no change"), ("changed", "1 % changed")]
PARTS = ["runs", "used", "live", "million", "rename"]
# What makes its first copies on a used disk too.
USED = [sync_tools.KeepwellMirror, sync_tools.Copy]


def one_round(number, source, kind, results, options):
    """All steps by one program, on a file system that has seen nothing: whoever came third or fourth on one that all of
    them shared paid up to a third more (one and the same `cp -a` took 2.9 s as the first and 3.9 as the fourth)."""
    with rooms.fresh(options.cache, size_gib=32) as room:
        tree = os.path.join(room, "left")
        subprocess.run(["cp", "-a", source, tree], check=True)
        aside(corpus.warm, tree)
        tool = kind(room, tree)
        tool.prepare()
        with open(os.path.join(room, "log.txt"), "ab") as log:
            for step, _ in STEPS[:1] if tool.first_only else STEPS:
                if step == "changed":
                    aside(corpus.change, tree, number)
                found = measure(tool.sync(), tool.environment(), room, log, options.settle, step == "first")
                keep(results, tool.name, step, found, number)
                if number == 0 and step != "unchanged":
                    for what in aside(corpus.differences, tree, tool.right, tool.time_grain_ns, [sync_tools.OWN_FOLDER]):
                        print(f"  {tool.name}: NOT THE SAME: {what}", flush=True)


def on_a_used_disk(source, options):
    """First copies where many files were just removed: on the cache's own file system, which stays as it is."""
    room = os.path.join(options.cache, "used")
    shutil.rmtree(room, ignore_errors=True)
    tree = os.path.join(room, "left")
    os.makedirs(room)
    subprocess.run(["cp", "-a", source, tree], check=True)
    aside(corpus.warm, tree)
    tools = [kind(room, tree) for kind in USED]
    shutil.copytree(tree, os.path.join(room, "before"), symlinks=True)
    shutil.rmtree(os.path.join(room, "before"))
    results = {}
    try:
        with open(os.path.join(room, "log.txt"), "ab") as log:
            for number in range(options.rounds):
                turn = number % len(tools)
                for tool in tools[turn:] + tools[:turn]:
                    tool.prepare()
                    found = measure(tool.sync(), tool.environment(), room, log, options.settle, True)
                    keep(results, tool.name, "used disk", found, number)
                    shutil.rmtree(tool.room)
    finally:
        shutil.rmtree(room, ignore_errors=True)
    return results


def keep(results, name, step, found, number):
    """Notes one measurement and says it."""
    results.setdefault(name, {}).setdefault(step, []).append(found)
    print(f"  round {number + 1}  {name:18} {step:10} {found['seconds']:7.2f} s  cpu {found['cpu_seconds']:6.1f} s"
          f"  {found['peak_bytes'] / report.MIB:6.0f} MiB", flush=True)


def table(results, order):
    """What was measured, absolute."""
    lines = ["| | " + " | ".join(f"{label}, s" for _, label in STEPS) + " | peak memory, MiB | CPU of first copy, s |",
             "|---|" + "--:|" * (len(STEPS) + 2)]
    for name in order:
        cells = [report.show(report.median(results, name, step, "seconds"), 2) for step, _ in STEPS]
        cells += [report.show(report.peak_mib(results, name), 0),
                  report.show(report.median(results, name, "first", "cpu_seconds"), 1)]
        lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return lines


def run_goals(results, order, peers):
    """The goals of the runs, for each of keepwell's modes."""
    rows = []
    for name in [name for name in order if name.startswith("keepwell")]:
        rows.append((f"first copy, {name.split()[1]}", report.median(results, name, "first", "seconds"), "cp -a",
                     report.median(results, "cp -a", "first", "seconds"), 1.1, "s"))
        for step, label, limit in [("unchanged", "no change", 0.5), ("changed", "1 % changed", 0.6)]:
            known = [(report.median(results, peer, step, "seconds"), peer) for peer in peers]
            value, peer = min([pair for pair in known if pair[0] is not None], default=(None, None))
            rows.append((f"{label}, {name.split()[1]}", report.median(results, name, step, "seconds"),
                         f"fastest peer: {peer}", value, limit, "s"))
    return rows


def single_goals(found):
    """The goals of the parts that keepwell does alone."""
    rows = []
    if "used" in found:
        ours, theirs = (report.median(found["used"], kind.name, "used disk", "seconds") for kind in USED)
        rows.append(("first copy on a used disk, mirror", ours, "cp -a", theirs, 1.1, "s"))
    if "live" in found:
        live = found["live"]
        rows.append(("live: one file, median", statistics.median(live["latencies"]), "0.5 s", 0.5, 1.0, "s"))
        rows.append(("live: 10,000 files at once", statistics.median(live["bursts"]), "cp -a",
                     statistics.median(live["copies"]), 1.3, "s"))
    if "million" in found:
        peak = max(one["peak_bytes"] for one in found["million"].values()) / report.MIB
        rows.append(("a million files: peak memory", peak, "400 MiB", 400.0, 1.0, "MiB"))
    if "rename" in found:
        rows.append(("a folder of 50,000 files renamed: a run", found["rename"]["run_seconds"], "1 s", 1.0, 1.0, "s"))
    return rows


def said(results, found):
    """What the table of goals does not hold, in sentences."""
    lines = []
    proven = report.median(results, sync_tools.ProvenCopy.name, "first", "seconds") if results else None
    if proven:
        firsts = [(name.split()[1], report.median(results, name, "first", "seconds")) for name in results
                  if name.startswith("keepwell")]
        ratios = ", ".join(f"{seconds / proven:.2f} ({mode})" for mode, seconds in firsts)
        if ratios:
            lines.append(f"A first copy takes {ratios} of `cp -a` with the same promise: followed by `sync` and "
                         f"`diff --recursive` ({proven:.2f} s).")
    if "live" in found:
        latencies = sorted(found["live"]["latencies"])
        lines.append(f"Live, {len(latencies)} single files: median {statistics.median(latencies):.3f} s, 95 % within "
                     f"{latencies[int(len(latencies) * 0.95)]:.3f} s, slowest {latencies[-1]:.3f} s.")
    if "million" in found:
        parts = [f"{label} {one['seconds']:.1f} s with {one['peak_bytes'] / report.MIB:.0f} MiB"
                 for label, one in found["million"].items()]
        lines.append("A million files: " + ", ".join(parts) + ".")
    if "rename" in found:
        one = found["rename"]
        lines.append(f"The folder of 50,000 files: {one['same_files']:,} of them are the very same files on the far side "
                     f"after the rename ({one['copied']:,} were made anew).")
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", choices=["linux", "small"], default="linux")
    parser.add_argument("--only", help="comma-separated: keepwell,cp,rsync,rclone,unison")
    parser.add_argument("--parts", help=f"comma-separated: {','.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", help="a folder that holds the Linux source already")
    parser.add_argument("--cache", default=os.path.join(
        os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "keepwell-bench"),
        help="where the corpora and the folders under test are kept")
    parser.add_argument("--settle", type=int, metavar="SECONDS",
                        help="wait at most so long for quiet disks before each measurement (12; small corpus: 2)")
    parser.add_argument("--no-build", action="store_true", help="measure the release build that is there")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction,
                        help="write the tables into bench/README.md (on for whole runs)")
    parser.add_argument("--json", help="also keep every single measurement in this file")
    options = parser.parse_args()

    if options.settle is None:
        options.settle = 2 if options.corpus == "small" else 12
    parts = options.parts.split(",") if options.parts else PARTS
    if set(parts) - set(PARTS):
        raise SystemExit(f"The parts are {', '.join(PARTS)}.")
    chosen = sync_tools.find(set(options.only.split(",")) if options.only else set())
    if not chosen:
        raise SystemExit("None of the programs asked for is here.")
    if set(parts) - {"runs"} or any(issubclass(kind, sync_tools.Keepwell) for kind in chosen):
        build(options)
    os.makedirs(options.cache, exist_ok=True)
    results, found = {}, {}
    lines = [f"Median of {options.rounds} rounds, warm cache, {time.strftime('%Y-%m-%d', time.gmtime())}.",
             f"Machine: {report.machine()}; {rooms.described('program and round')}.",
             "Versions: " + "; ".join(dict.fromkeys(v for v in (kind("", "").version() for kind in chosen) if v)) + ".", ""]
    if "runs" in parts:
        source = aside(corpus_path, options.corpus, options.cache, options.source)
        about = aside(corpus.describe, source)
        lines[0] = f"{about['files']:,} files, {about['bytes'] / report.MIB:,.0f} MiB. {lines[0]}"
        for number in range(options.rounds):
            turn = number % len(chosen)
            for kind in chosen[turn:] + chosen[:turn]:
                one_round(number, source, kind, results, options)
    scale = 100 if options.corpus == "small" else 1
    if scale > 1:
        lines[0] += f" Everything else with 1/{scale} of the files it speaks of."
    if "used" in parts:
        found["used"] = on_a_used_disk(aside(corpus_path, options.corpus, options.cache, options.source), options)
    for part in parts:
        if part not in ("runs", "used"):
            with rooms.fresh(options.cache, size_gib=64) as room:
                found[part] = getattr(sync_scenarios, part)(room, scale, options.settle)

    order = [kind.name for kind in chosen]
    if results:
        lines += table(results, order) + [""]
    rows = run_goals(results, order, [kind.name for kind in chosen if kind.peer]) + single_goals(found)
    if any(value is not None for _, value, *_ in rows):
        goal_lines, short = report.goal_table(rows)
        lines += [*goal_lines, "", *said(results, found), ""]
        lines += ["Where it falls short:", "", *short] if short else ["Every goal is reached."]
    print("\n" + "\n".join(lines))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"machine": report.machine(), "results": results, "found": found}, file, indent=1)
    whole = options.corpus != "small" and not options.only and not options.parts
    if options.write or (options.write is None and whole):
        report.write_block(os.path.join(HERE, "README.md"), "sync", lines)
        print("\nwritten to bench/README.md")


if __name__ == "__main__":
    sys.exit(main())
