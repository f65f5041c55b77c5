/** A run is paused, goes on, and is stopped; what was there before stays. */
import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { openFilledHost } from "./host";
import { expectAccessible, watch } from "./window";

let host: Awaited<ReturnType<typeof openFilledHost>>;

test.beforeAll(async () => {
  host = await openFilledHost();
  // So slow that a run lasts as long as the test needs.
  const settings = await host.call("settings.get", {});
  await host.call("settings.set", { settings: { ...settings, limits: { ...settings.limits, writeBytesPerSecond: 200_000 } } });
  for (let number = 0; number < 24; number += 1) writeFileSync(join(host.documents, `film-${number}.bin`), randomBytes(1_000_000));
});

test.afterAll(async () => {
  await host.stop();
});

test("pause, resume, pause all, stop", async ({ page }) => {
  const faults = watch(page);
  await page.goto(host.address);
  await page.getByRole("link", { name: "Everything that matters" }).click();
  await page.getByRole("button", { name: "Back up now" }).click();
  const panel = page.getByRole("region", { name: /^Progress of/ });
  await expect(panel.getByText("Running")).toBeVisible();
  await expect(page.getByRole("banner").getByText(/1 run now/)).toBeAttached();
  await expectAccessible(page, "a plan that runs");

  await panel.getByRole("button", { name: "Pause" }).click();
  await expect(panel.getByText("Paused")).toBeVisible();
  await panel.getByRole("button", { name: "Resume" }).click();
  await expect(panel.getByText("Running")).toBeVisible();

  await page.getByRole("button", { name: "Pause all" }).click();
  await expect(panel.getByText("Paused")).toBeVisible();
  await page.getByRole("button", { name: "Resume all" }).click();
  await expect(panel.getByText("Running")).toBeVisible();

  // A reload loses nothing.
  await page.reload();
  await expect(panel.getByText("Running")).toBeVisible();

  await panel.getByRole("button", { name: "Stop" }).click();
  const question = page.getByRole("alertdialog");
  await expect(question.getByText("Earlier snapshots are not affected.", { exact: false })).toBeVisible();
  await expectAccessible(page, "the question before a stop");
  await question.getByRole("button", { name: "Stop the run" }).click();
  await expect(page.getByText("The last run was stopped just now")).toBeVisible();
  await expect(page.getByRole("tab", { name: /Snapshots/ })).toHaveText(/2$/);

  await page.getByRole("link", { name: "Activity" }).first().click();
  await expect(page.getByRole("row", { name: /^Stopped/ })).toBeVisible();
  await page.getByRole("combobox", { name: "State" }).click();
  await page.getByRole("option", { name: "Stopped" }).click();
  await expect(page.getByRole("row")).toHaveCount(2);
  expect(faults).toEqual([]);
});
