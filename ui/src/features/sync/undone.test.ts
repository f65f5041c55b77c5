import { expect, it } from "vitest";

import { testJob, testWhat } from "../../testing/testJob";
import { isUndoneSince } from "./undone";

const result = (items: number) => ({ snapshotId: null, items, bytes: 0, bytesWritten: 0, facts: [] });
const undo = (items: number) => testJob({ sync: testWhat({ work: "undo", undoes: 1 }), result: result(items) });
const run = testJob({ result: result(2) });

it("a run was undone, and none ran since: looks that were given up and what came back from the bin are none", () => {
  const waits = testJob({ sync: testWhat({ onlyLooks: true }), state: "waitingForConfirmation", finishedMs: null });
  const givenUp = testJob({ sync: testWhat({ onlyLooks: true }), state: "cancelled" });
  const back = testJob({ sync: testWhat({ work: "bringBack" }), result: result(1) });
  expect(isUndoneSince([waits, givenUp, back, undo(1), run])).toBe(true);
});

it("after the next run nothing of it is left, and where undoing changed nothing there was nothing", () => {
  expect(isUndoneSince([run, undo(1), run])).toBe(false);
  expect(isUndoneSince([undo(0), run])).toBe(false);
  expect(isUndoneSince([])).toBe(false);
});
