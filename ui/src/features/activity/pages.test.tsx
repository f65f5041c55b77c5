/** What the page of a run says. */
import { screen } from "@testing-library/react";
import { expect, it } from "vitest";

import { testJob } from "../../testing/testJob";
import { openWindow, usesWindow } from "../../testing/window";

usesWindow();

const noProblems = { problems: [], total: 0, kept: 0 };

it.each([
  ["succeeded", testJob({ id: "r1" }), "Every item was done as it should."],
  ["was given up", testJob({ id: "r2", state: "cancelled" }), "Nothing was changed."],
  ["waits for a person", testJob({ id: "r3", state: "waitingForConfirmation", finishedMs: null }), "Nothing was changed."],
])("a run without problems that %s says what that means", async (_, job, text) => {
  await openWindow(`/activity/${job.id}`, { "job.get": job, "job.problems": noProblems });
  expect(await screen.findByText(text)).toBeTruthy();
});

it("a run that was stopped in the middle claims nothing", async () => {
  const job = testJob({ id: "r4", state: "cancelled", result: { snapshotId: null, items: 1, bytes: 0, bytesWritten: 0, facts: [] } });
  await openWindow("/activity/r4", { "job.get": job, "job.problems": noProblems });
  expect(await screen.findByText("No problems")).toBeTruthy();
  expect(screen.queryByText(/Every item|Nothing was changed/)).toBeNull();
});
