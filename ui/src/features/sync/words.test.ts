import { describe, expect, it } from "vitest";

import type { SyncBrake } from "../../api";
import { testPair } from "./testPair";
import { brakeWords, pairState, totalsWords } from "./words";

const names = { left: "Laptop", right: "Stick" };
const NOW = 10_000_000;
const words = (over: Parameters<typeof testPair>[0]) => pairState(testPair(over), undefined, NOW, names);
const last = { jobId: "j", state: "succeeded" as const, finishedMs: NOW - 60_000, problems: 0, error: null };

describe("the state of a pair in words", () => {
  it("says since when it is in step", () => {
    expect(words({ state: "inStep", inStepMs: NOW - 60_000 }).text).toBe("In step, checked 1 minute ago");
  });

  it("counts what waits for a decision", () => {
    expect(words({ state: "conflicts", conflictsWaiting: 2, lastRun: last }).text).toBe("Waits for your decision: 2 conflicts");
    expect(words({ state: "conflicts", conflictsWaiting: 1, lastRun: last }).text).toBe("Waits for your decision: 1 conflict");
  });

  it("of a halt says what was seen", () => {
    const brake: SyncBrake = { kind: "manyRemoved", side: "left", items: 40, outOf: 100, examples: [], canRelease: true, canBringBack: true };
    const state = words({ state: "halted", haltedBy: [brake] });
    expect([state.text, state.means]).toEqual(["Halted: it needs your decision", "40 items of 100 items are gone from Laptop"]);
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
  it("says of the other side what going on does there", () => {
    const brake: SyncBrake = { kind: "rootEmptied", side: "right", items: 0, outOf: 12, examples: [], canRelease: true, canBringBack: true };
    const { heading, means, ifGoOn } = brakeWords(brake, names);
    expect(heading).toBe("Stick is empty now");
    expect(means).toContain("12 items");
    expect(ifGoOn).toBe("Everything the pair knows goes to the bin in Laptop.");
  });
});

describe("totals", () => {
  const none = { created: 0, replaced: 0, moved: 0, removed: 0, metadata: 0, bytes: 0 };

  it("name only what there is", () => {
    expect(totalsWords(none)).toBe("no change");
    expect(totalsWords({ ...none, created: 3, removed: 1, bytes: 4000 })).toBe("3 new, 1 to the bin (4 kB)");
  });
});
