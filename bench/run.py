#!/usr/bin/env python3
"""Measures keepwell side by side with its peers, in one run, in interleaved rounds, and prints the table.

    npm run bench                                   Linux 6.1 source, all tools, three rounds; writes bench/README.md
    npm run bench -- --corpus large                 few large files instead of many small ones
    npm run bench -- --corpus small --rounds 1      a smoke run of a minute, writes nothing
    npm run bench -- --only keepwell,restic

Every step is done by each tool in turn before the next step begins, so that a slow minute of the machine falls on
all; each round has a file system of its own (room.py). The tree is in memory before anything is measured, and the
disks are quiet before each measurement. The first round also compares every restored tree with the source, byte for
byte: a tool that restores wrongly is not fast.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time

import corpus
import report
import room as rooms
import tools
from measuring import measure

HERE = os.path.dirname(os.path.abspath(__file__))


def one_round(number, source, room, chosen, results, options):
    """All steps, each by every tool; who begins moves on from round to round."""
    tree = os.path.join(room, "tree")
    subprocess.run(["cp", "-a", source, tree], check=True)
    corpus.warm(tree)
    turn = number % len(chosen)
    running = [kind(room) for kind in chosen[turn:] + chosen[:turn]]
    for tool in running:
        tool.prepare()
    with open(os.path.join(room, "log.txt"), "ab") as log:
        for step in ("first", "unchanged", "changed"):
            if step == "changed":
                corpus.change(tree, seed=number)
            for tool in running:
                command = tool.backup(step)
                if command is None:
                    continue
                found = measure(command, tool.environment(), tree, log, options.settle, step == "first")
                found["repository_bytes"] = tool.repository_bytes()
                keep(results, tool, step, found, number)
        for tool in running:
            target = os.path.join(room, "restored")
            shutil.rmtree(target, ignore_errors=True)
            os.makedirs(target)
            found = measure(tool.restore(target), tool.environment(), room, log, options.settle, True)
            keep(results, tool, "restore", found, number)
            # cp and tar hold the first state only.
            if number == 0 and (tool.peer or tool.name == "keepwell"):
                for what in corpus.differences(tree, restored_root(target, tree)):
                    print(f"  {tool.name}: RESTORED WRONGLY: {what}", flush=True)
            shutil.rmtree(target)
            rooms.give_back(room)


def restored_root(target, tree):
    """Where the tree begins in a restored folder: some tools put the whole path of origin back below the target."""
    while sorted(os.listdir(target)) != sorted(os.listdir(tree)):
        inside = os.listdir(target)
        if len(inside) != 1 or not os.path.isdir(os.path.join(target, inside[0])):
            break
        target = os.path.join(target, inside[0])
    return target


def keep(results, tool, step, found, number):
    """Notes one measurement and says it."""
    results.setdefault(tool.name, {}).setdefault(step, []).append(found)
    print(f"  round {number + 1}  {tool.name:18} {step:10} {found['seconds']:7.2f} s  cpu {found['cpu_seconds']:6.1f} s"
          f"  {found['peak_bytes'] / report.MIB:6.0f} MiB", flush=True)


def corpus_path(name, cache, given):
    """Makes the corpus asked for, where it is not there yet, and says where it is."""
    return corpus.linux(cache, given) if name == "linux" else getattr(corpus, name)(cache)


def aside(work, *arguments):
    """Does something in a process of its own: what this one ever used would count as the peak memory of every program
    it starts."""
    with multiprocessing.get_context("fork").Pool(1) as pool:
        return pool.apply(work, arguments)


def build(options):
    """The release build, unless one is given."""
    if not options.no_build and "KEEPWELL_BIN" not in os.environ:
        subprocess.run(["cargo", "build", "--release", "-q", "-p", "keepwell-cli"], cwd=os.path.dirname(HERE), check=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", choices=["linux", "large", "small"], default="linux")
    parser.add_argument("--only", help="comma-separated: keepwell,restic,rustic,borg,cp,tar")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--source", help="a folder that holds the Linux source already")
    parser.add_argument("--cache", default=os.path.join(
        os.environ.get("XDG_CACHE_HOME", os.path.expanduser("~/.cache")), "keepwell-bench"),
        help="where the corpora and the repositories under test are kept")
    parser.add_argument("--settle", type=int, metavar="SECONDS",
                        help="wait at most so long for quiet disks before each measurement (30; small corpus: 2)")
    parser.add_argument("--no-build", action="store_true", help="measure the release build that is there")
    parser.add_argument("--write", action=argparse.BooleanOptionalAction,
                        help="write the tables into bench/README.md (on for whole runs of linux and large)")
    parser.add_argument("--json", help="also keep every single measurement in this file")
    options = parser.parse_args()

    if options.settle is None:
        options.settle = 2 if options.corpus == "small" else 30
    names = set(options.only.split(",")) if options.only else set()
    chosen = tools.find(names)
    if not chosen:
        raise SystemExit("None of the tools asked for is here.")
    if tools.Keepwell in chosen:
        build(options)
    os.makedirs(options.cache, exist_ok=True)
    source = aside(corpus_path, options.corpus, options.cache, options.source)
    about = aside(corpus.describe, source)
    results = {}
    for number in range(options.rounds):
        with rooms.fresh(options.cache, size_gib=32) as room:
            versions = [kind(room).version() for kind in chosen]
            one_round(number, source, room, chosen, results, options)

    order = [kind.name for kind in chosen]
    peers = [kind.name for kind in chosen if kind.peer]
    lines = [f"{about['files']:,} files, {about['bytes'] / report.MIB:,.0f} MiB; median of {options.rounds} interleaved "
             f"rounds, warm cache, {time.strftime('%Y-%m-%d', time.gmtime())}.",
             f"Machine: {report.machine()}; {rooms.described()}.",
             "Versions: " + "; ".join(v for v in versions if v) + ".", ""]
    lines += report.table(results, order)
    if "keepwell" in results and peers and options.corpus != "linux":
        lines += ["", *report.ratio_table(report.goals(results, peers))]
    elif "keepwell" in results and peers:
        goal_lines, short = report.goal_table(report.goals(results, peers))
        lines += ["", *goal_lines, ""]
        lines += ["Where it falls short:", "", *short] if short else ["Every goal is reached."]
    print("\n" + "\n".join(lines))
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump({"corpus": about, "machine": report.machine(), "results": results}, file, indent=1)
    whole = options.corpus != "small" and not options.only
    if options.write or (options.write is None and whole):
        report.write_block(os.path.join(HERE, "README.md"), options.corpus, lines)
        print("\nwritten to bench/README.md")


if __name__ == "__main__":
    sys.exit(main())
