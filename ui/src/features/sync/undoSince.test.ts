import { describe, expect, it } from "vitest";

import type { SyncRunRow } from "../../api";
import { testWhat } from "../../testing/testJob";
import { lookAt, newestOf, ofField, toField } from "./undoSince";

const totals = (removed: number) => ({ created: 1, replaced: 0, moved: 0, removed, metadata: 0, bytes: 7 });
const run = (runId: string, startedMs: number, over: Partial<SyncRunRow> = {}): SyncRunRow => ({
  runId,
  what: testWhat(),
  state: "succeeded",
  startedMs,
  finishedMs: startedMs + 1,
  left: totals(0),
  right: totals(2),
  undone: false,
  canUndo: true,
  ...over,
});

describe("undoing all since a moment", () => {
  it("takes the runs since then, the last one first, but none that is undone already", () => {
    const runs = [run("first", 10), run("undone", 15, { undone: true, canUndo: false }), run("last", 30), run("middle", 20)];
    const look = lookAt(runs, 20);
    expect(look.runs.map(({ runId }) => runId)).toEqual(["last", "middle"]);
    expect([look.left, look.right]).toEqual([2, 6]);
    expect(lookAt(runs, 31).runs).toEqual([]);
  });

  it("begins with the last run that can be undone", () => {
    const runs = [run("undone", 40, { undone: true, canUndo: false }), run("first", 10), run("last", 30)];
    expect(newestOf(runs)?.runId).toBe("last");
    expect(newestOf(runs.slice(0, 1))).toBeUndefined();
  });

  it("reads the field as it is written, in the time of this computer", () => {
    const moment = new Date(2026, 10, 3, 4, 5, 6);
    expect(toField(moment)).toBe("2026-11-03T04:05:06");
    expect(ofField("2026-11-03T04:05:06")).toBe(moment.getTime());
    expect(ofField("2026-11-03T04:05")).toBe(new Date(2026, 10, 3, 4, 5).getTime());
    expect(ofField("")).toBeUndefined();
    expect(ofField("nonsense")).toBeUndefined();
  });
});
