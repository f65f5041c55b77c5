/** What the title bar says of the runs of this moment. */
import { act, screen } from "@testing-library/react";
import { expect, it } from "vitest";

import { showJob } from "../../api";
import { testJob } from "../../testing/testJob";
import { openWindow, usesWindow } from "../../testing/window";

usesWindow();

it("a plan that waits is told as that, not as a run that is paused", async () => {
  await openWindow("/settings", {});
  await act(async () => {
    showJob(testJob({ id: "waits", state: "waitingForConfirmation", finishedMs: null }));
    await Promise.resolve();
  });
  const button = (await screen.findByText("A plan waits for you")).closest("button");
  expect(button?.querySelector(".lucide-circle-alert")).not.toBeNull();
  expect(button?.querySelector(".lucide-pause")).toBeNull();
});
