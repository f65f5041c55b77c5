import { describe, expect, it } from "vitest";

import type { JobFact } from "../api";
import { testJob, testWhat } from "../testing/testJob";
import { formatMoment } from "./format";
import { howItEnded, ranWords, whatItDid, whatRan, whatRanWhere } from "./runWords";

const nameOf = (side: "left" | "right") => ({ left: "Pictures", right: "stick" })[side];
const result = (facts: Record<string, number>) => ({
  snapshotId: null,
  items: 0,
  bytes: 0,
  bytesWritten: 0,
  facts: Object.entries(facts).map(([key, value]): JobFact => ({ key, label: key, value, isBytes: key.endsWith("Bytes") })),
});

describe("what a run was", () => {
  it("has another word for every kind", () => {
    const kinds = [
      testWhat(),
      testWhat({ origin: "schedule" }),
      testWhat({ origin: "live" }),
      testWhat({ onlyLooks: true }),
      testWhat({ lookedFirst: true }),
      testWhat({ wentOn: true }),
      testWhat({ broughtBackFrom: "left" }),
      ...(["decision", "merge", "mergedText", "bringBack", "remove"] as const).map((work) => testWhat({ work })),
      testWhat({ work: "undo", undoes: 1, undoesBegunMs: [0] }),
      testWhat({ work: "undo", undoes: 2, undoesBegunMs: [1, 0] }),
    ];
    expect(new Set(kinds.map((what) => ranWords(what))).size).toBe(kinds.length);
  });

  it("says which run was undone, of several the earliest", () => {
    const [late, early] = [Date.UTC(2026, 11, 1, 14, 15), Date.UTC(2026, 10, 30, 8)];
    expect(ranWords(testWhat({ work: "undo", undoes: 1, undoesBegunMs: [late] }))).toBe(`Undo of the run of ${formatMoment(late)}`);
    expect(ranWords(testWhat({ work: "undo", undoes: 2, undoesBegunMs: [late, early] }))).toBe(`Undo of 2 runs, back to that of ${formatMoment(early)}`);
    expect(ranWords(testWhat({ work: "undo", undoes: 1 }))).toBe("Undo of a run");
  });

  it("names the place a halted one was filled again from, where it is known", () => {
    const what = testWhat({ broughtBackFrom: "right", wentOn: false });
    expect(ranWords(what, nameOf)).toBe("Run after a halt: brought back from stick");
    expect(ranWords(what)).toBe("Run after a halt: a place filled again");
  });

  it("is a look until somebody says that its plan shall be carried out, and of other jobs their title", () => {
    expect(whatRan(testJob({ sync: testWhat({ onlyLooks: true }), state: "failed" }))).toBe("A look at what would happen");
    expect(whatRan(testJob({ sync: testWhat({ lookedFirst: true }) }))).toBe("Run after a look");
    expect(whatRan(testJob({ sync: null, title: "Everything to USB drive" }))).toBe("Everything to USB drive");
  });

  it("comes after whose it is where runs of others are beside it", () => {
    expect(whatRanWhere(testJob({ placeLabel: "Photos" }))).toBe("Photos: Run");
    expect(whatRanWhere(testJob({ sync: null, title: "Everything to USB drive" }))).toBe("Everything to USB drive");
  });
});

describe("how a run ended", () => {
  const halt = { reason: "stick is empty now.", ifContinued: "", choices: [] };
  it("tells what was given up from what was stopped in the middle", () => {
    expect(howItEnded(testJob({ state: "cancelled", halt })).text).toBe("Given up after a halt");
    expect(howItEnded(testJob({ state: "cancelled", sync: testWhat({ onlyLooks: true }) })).text).toBe("Plan given up");
    expect(howItEnded(testJob({ state: "cancelled", startedMs: null })).text).toBe("Stopped before it began");
    expect(howItEnded(testJob({ state: "cancelled", result: result({ created: 1 }) })).text).toBe("Stopped");
    expect(howItEnded(testJob({ state: "halted", halt })).text).toBe("Needs your decision");
  });
});

describe("what a run did", () => {
  it("is nothing while it waits, and after it was given up", () => {
    expect(whatItDid(testJob({ state: "halted" }))).toBe("Nothing yet: a safety brake holds it");
    expect(whatItDid(testJob({ state: "waitingForConfirmation" }))).toBe("Nothing yet: its plan waits for you");
    expect(whatItDid(testJob({ state: "cancelled" }))).toBe("Nothing was changed");
  });

  it("is not claimed where it is not known", () => {
    expect(whatItDid(testJob({ state: "failed" }))).toBe("");
    expect(whatItDid(testJob({ state: "running", result: null }))).toBe("");
  });

  it("counts changes, conflicts and what could not be done", () => {
    expect(whatItDid(testJob({ result: result({ created: 3, removed: 1, leftBytes: 0, rightBytes: 4000, conflicts: 2, failed: 1 }) }))).toBe("3 new, 1 to the bin; 4 kB copied, 2 conflicts wait, 1 could not be done");
    expect(whatItDid(testJob({ result: result({}) }))).toBe("no change");
  });

  it("is told of a run that failed, too, where it is known", () => {
    expect(whatItDid(testJob({ state: "failed", result: result({ created: 2, leftBytes: 0, rightBytes: 4000 }) }))).toBe("2 new; 4 kB copied");
  });

  it("counts what came back, and what was left as it was found", () => {
    const of = (work: "undo" | "bringBack" | "remove", facts: Record<string, number>) => whatItDid(testJob({ sync: testWhat({ work }), result: result(facts) }));
    expect(of("undo", { undone: 3, leftAlone: 1, runsUndone: 2 })).toBe("3 items as they were before, 1 left as found");
    expect(of("bringBack", { broughtBack: 1 })).toBe("1 item brought back");
    expect(of("remove", { removedForGood: 4, freedBytes: 12 })).toBe("4 items removed for good");
  });

  it("of other jobs is told by their facts", () => {
    const facts = result({ Files: 12, None: 0, addedBytes: 5000 });
    expect(whatItDid(testJob({ kind: "backup", sync: null, result: facts }))).toBe("Files: 12, addedBytes: 5 kB");
  });
});
