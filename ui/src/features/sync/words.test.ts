import { describe, expect, it } from "vitest";

import type { SyncBrake, SyncMode, SyncRow } from "../../api";
import { waysBack } from "./Halted";
import { testPair } from "./testPair";
import { totalsWords } from "../../lib/runWords";
import { afterBringBack, brakeWords, MODES, pairState, whyWords } from "./words";

const names = { left: "Laptop", right: "Stick" };
const NOW = 10_000_000;
const words = (over: Parameters<typeof testPair>[0]) => pairState(testPair(over), undefined, NOW, names);
const last = { jobId: "j", state: "succeeded" as const, finishedMs: NOW - 60_000, problems: 0, error: null };

describe("why a row is in a plan", () => {
  it("is a conflict only where nobody chose it", () => {
    const path = { path: "letter", display: "letter" };
    const row: SyncRow = { entryType: "file", side: "left", action: "remove", from: path, path, sizeBytes: 0, why: "conflictDecided", choice: null };
    expect(whyWords(row, names)).toBe("Conflict: Stick was chosen");
    expect(whyWords({ ...row, choice: "rightToLeft" }, names)).toBe("You chose Stick");
  });
});

describe("the state of a pair in words", () => {
  it("says since when it is in step", () => {
    expect(words({ state: "inStep", inStepMs: NOW - 60_000 }).text).toBe("In step, checked 1 minute ago");
  });

  it("counts what waits for a decision", () => {
    expect(words({ state: "conflicts", conflictsWaiting: 2, lastRun: last }).text).toBe("Waits for your decision: 2 conflicts");
    expect(words({ state: "conflicts", conflictsWaiting: 1, lastRun: last }).text).toBe("Waits for your decision: 1 conflict");
  });

  it("of a halt says what was seen", () => {
    const brake: SyncBrake = { kind: "manyRemoved", side: "left", items: 40, outOf: 100, found: "", examples: [], canRelease: true, canBringBack: true };
    const state = words({ state: "halted", haltedBy: [brake], activeJobId: "j" });
    expect([state.text, state.means]).toEqual(["Halted: it needs your decision", "40 of 100 items are gone from “Laptop”"]);
  });

  it("says that it is not in step, and why, also of a pair that is paused or whose halt was given up", () => {
    const undone = { state: "notInStep", differs: "undone" } as const;
    expect(words(undone)).toEqual({ tone: "warn", text: "Not in step", means: "The last run was undone. See what the next one would do before it runs." });
    expect(words({ ...undone, conflictsWaiting: 1 }).means).toBe("The last run was undone. See what the next one would do before it runs. 1 conflict waits for your decision, too.");
    expect(words({ ...undone, paused: true }).means).toBe("Not in step: The last run was undone. See what the next one would do before it runs.");
    expect(words({ state: "notInStep", differs: "decided" }).means).toBe("Conflicts were decided. The next run carries that out.");
    expect(words({ state: "halted" }).text).toBe("Not in step: a safety brake held the last run");
  });

  it("says of conflicts that the rest is in step only where the last look had no problems", () => {
    expect(words({ state: "conflicts", conflictsWaiting: 1, lastRun: last }).means).toContain("Everything else is in step");
    expect(words({ state: "conflicts", conflictsWaiting: 1, lastRun: last, problems: 2 }).means).toContain("2 problems, too");
  });

  it("of a paused pair is that, whatever its last run was, but not while it waits for a person", () => {
    expect(words({ state: "inStep", paused: true }).text).toBe("Paused");
    expect(words({ state: "preview", paused: true }).text).toBe("The plan is ready");
  });

  it("of a failed run is why", () => {
    const error = { code: "unreachable" as const, message: "The stick is not connected.", hint: null, path: null, retry: true, server: null };
    expect(words({ state: "failed", lastRun: { ...last, state: "failed", error } }).means).toBe("The stick is not connected.");
  });
});

describe("a brake", () => {
  const KINDS: SyncBrake["kind"][] = ["rootEmptied", "rootGone", "anotherPlace", "manyRemoved", "manyRewritten", "allTimesChanged", "rulesChanged", "oldCopy", "noSpace"];
  const brakeOf = (kind: SyncBrake["kind"], side: SyncBrake["side"] = "left"): SyncBrake => ({ kind, side, items: 3, outOf: 12, found: "", examples: [], canRelease: true, canBringBack: true });
  const of = (kind: SyncBrake["kind"], mode: SyncMode = "twoWay", side: SyncBrake["side"] = "left") => brakeWords(brakeOf(kind, side), names, mode);

  it.each(MODES.flatMap((mode) => KINDS.map((kind) => [mode, kind] as const)))("says of both sides what it saw and what each answer does (%s, %s)", (mode, kind) => {
    for (const side of ["left", "right"] as const) {
      const [place, there] = side === "left" ? ["Laptop", "Stick"] : ["Stick", "Laptop"];
      const { heading, means, ifGoOn, bringBack } = of(kind, mode, side);
      expect(heading).toContain(place);
      expect(means).not.toBe("");
      if (ifGoOn !== undefined) expect(ifGoOn).toContain(there);
      if (bringBack !== undefined) {
        expect(bringBack.text).toContain(there);
        expect(bringBack.means).toContain(place);
      }
      for (const text of [heading, means, ifGoOn, bringBack?.text, bringBack?.means]) expect(text ?? "").not.toMatch(/[{}]|undefined/);
    }
  });

  it("of what is gone names the place it comes back from", () => {
    expect(of("manyRemoved", "twoWay", "right").bringBack?.text).toBe("Bring back from “Laptop” what is gone");
  });

  it("of what is gone undoes no edit, unless something else held the run up, too", () => {
    expect(of("manyRemoved").bringBack?.means).toContain("All else that changed goes over as usual.");
    expect(of("manyRemoved", "update").bringBack?.means).toContain("becomes like");
    const both = [brakeOf("manyRemoved"), brakeOf("manyRewritten"), brakeOf("manyRemoved", "right")];
    expect(waysBack(both).map(({ kind, side }) => `${kind} ${side}`)).toEqual(["manyRewritten left", "manyRemoved right"]);
  });

  it("offers to go on and to bring back only where there is such a choice", () => {
    expect(KINDS.filter((kind) => of(kind).ifGoOn === undefined)).toEqual(["rootGone", "noSpace"]);
    expect(KINDS.filter((kind) => of(kind).bringBack === undefined)).toEqual(["noSpace"]);
  });

  it("speaks of what is missing only where something is", () => {
    const missing = KINDS.filter((kind) => of(kind).bringBack?.text.includes("what is gone"));
    expect(missing).toEqual(["rootEmptied", "manyRemoved", "rulesChanged"]);
  });

  it("of another place says that bringing back removes nothing, and what going on does in each mode", () => {
    expect(of("anotherPlace").bringBack?.means).toContain("nothing in “Stick” is removed");
    expect(of("anotherPlace").ifGoOn).toContain("what is missing in it goes to the bin in “Stick”");
    expect(of("anotherPlace", "mirror", "right").ifGoOn).toContain("it is made like “Laptop”");
    expect(of("anotherPlace", "update").ifGoOn).toContain("nothing is removed in “Stick”");
  });

  it("tells bytes where there is no space", () => {
    const brake: SyncBrake = { kind: "noSpace", side: "right", items: 5_000_000, outOf: 2_000_000, found: "", examples: [], canRelease: false, canBringBack: false };
    expect(brakeWords(brake, names, "twoWay").means).toBe("5 MB are needed, with what has to stay free, and 2 MB are free. Make room in “Stick”, or leave out what is large; then run it again.");
  });
});

describe("totals", () => {
  const none = { created: 0, replaced: 0, moved: 0, removed: 0, metadata: 0, bytes: 0 };

  it("name only what there is", () => {
    expect(totalsWords(none)).toBe("no change");
    expect(totalsWords({ ...none, created: 3, removed: 1, bytes: 4000 })).toBe("3 new, 1 to the bin; 4 kB to copy");
    expect(totalsWords({ ...none, metadata: 1, bytes: 8 }, true)).toBe("1 with other times or permissions; 8 bytes copied");
  });
});

describe("what comes after bringing back", () => {
  it("is said by how the pair works and where the item is", () => {
    const both = (mode: SyncMode) => [afterBringBack(mode, "left"), afterBringBack(mode, "right")];
    expect(MODES.map(both)).toEqual([
      ["carried", "carried"],
      ["carried", "again"],
      ["carried", "stays"],
      ["again", "stays"],
    ]);
    expect(words({ state: "notInStep", differs: "broughtBack", mode: "mirror" }).means).toBe("Items were brought back from the bin. See what the next run would do before it runs.");
  });
});
