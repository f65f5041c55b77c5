/** Bad days: the drive is gone, a file can not be read, the host is gone. Each says what it means and what to do. */
import { chmodSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { expect, test } from "@playwright/test";

import { openFilledHost } from "./host";
import { expectAccessible, watch } from "./window";

let host: Awaited<ReturnType<typeof openFilledHost>>;

test.beforeEach(async () => {
  host = await openFilledHost();
});

test.afterEach(async () => {
  await host.stop();
});

test("the drive is gone, and comes back", async ({ page }) => {
  const faults = watch(page);
  const drive = dirname(host.copies);
  await page.goto(host.address);
  await expect(page.getByRole("link", { name: "Everything that matters" })).toBeVisible();
  renameSync(drive, `${drive}-away`);

  await page.getByRole("link", { name: "Places" }).first().click();
  await expect(page.getByText("Out of reach")).toBeVisible();
  await expectAccessible(page, "places with one out of reach");

  await page.getByRole("link", { name: "Backup", exact: true }).first().click();
  await page.getByRole("button", { name: "Back up now" }).click();
  await expect(page.getByText("Failed: Everything that matters to USB drive")).toBeVisible();
  await page.getByRole("button", { name: "See what happened" }).click();
  await expect(page.getByRole("heading", { level: 1, name: /Everything that matters/ })).toBeVisible();
  await expect(page.getByText(/What is stored there is not affected|What was stored before is safe|Nothing was changed/).first()).toBeVisible();
  await expect(page.getByText(/^What to do:/).first()).toBeVisible();
  await expectAccessible(page, "a run that failed");
  await page.screenshot({ path: "artifacts/screenshots/pages/run-failed.png" });

  renameSync(`${drive}-away`, drive);
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("Signed by this device")).toBeVisible();
  await page.getByRole("link", { name: "Backup", exact: true }).first().click();
  await expect(page.getByText("Backed up just now")).toBeVisible();
  expect(faults).toEqual([]);
});

test("folders that are suddenly empty halt a run until a person decides", async ({ page }) => {
  const faults = watch(page);
  for (const name of readdirSync(host.documents)) rmSync(join(host.documents, name), { recursive: true });
  rmSync(join(host.home, "Pictures", "red.png"));
  await page.goto(host.address);
  await page.getByRole("link", { name: "Everything that matters" }).click();
  await page.getByRole("button", { name: "Back up now" }).click();
  const panel = page.getByRole("region", { name: /^Progress of/ });
  await expect(panel.getByText("Needs your decision")).toBeVisible();
  await expect(panel.getByText(/^If it goes on:/)).toBeVisible();
  await expectAccessible(page, "a run that was halted");
  await page.screenshot({ path: "artifacts/screenshots/pages/run-halted.png" });
  await panel.getByRole("button", { name: "Go on anyway" }).click();
  await expect(page.getByText("Backed up just now")).toBeVisible();
  await expect(page.getByRole("tab", { name: /Snapshots/ })).toHaveText(/3$/);
  expect(faults).toEqual([]);
});

test("a damaged repository is found out by a check, and told", async ({ page }) => {
  const packs = readdirSync(host.copies, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.parentPath.includes("pack"))
    .map((entry) => join(entry.parentPath, entry.name));
  expect(packs.length).toBeGreaterThan(0);
  for (const pack of packs) {
    const bytes = readFileSync(pack);
    bytes[Math.floor(bytes.length / 3)] = (bytes[Math.floor(bytes.length / 3)] ?? 0) ^ 1;
    chmodSync(pack, 0o600);
    writeFileSync(pack, bytes);
  }
  await page.goto(host.address);
  await page.getByRole("link", { name: "Places" }).first().click();
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByRole("radio", { name: /Full/ }).click();
  await page.getByRole("button", { name: "Start the check" }).click();
  await expect(page.getByText("Done with problems").or(page.getByText("Failed", { exact: true })).first()).toBeVisible();
  await expect(page.getByText(/^What to do:/).first()).toBeVisible();
  await expectAccessible(page, "a check that found damage");
  await page.screenshot({ path: "artifacts/screenshots/pages/check-damaged.png" });
  await page.getByRole("link", { name: "Places" }).first().click();
  await expect(page.getByText("Look at this")).toBeVisible();
});

test("the host is gone: the window says so and keeps what it shows", async ({ page }) => {
  await page.goto(host.address);
  await expect(page.getByRole("link", { name: "Everything that matters" })).toBeVisible();
  await host.stop();
  await expect(page.getByText("Keepwell's engine does not answer")).toBeVisible();
  await expect(page.getByRole("link", { name: "Everything that matters" })).toBeVisible();
  await expectAccessible(page, "a window without its engine");
});

test("without its key the page says how to get it", async ({ page }) => {
  await page.goto(new URL(host.address).origin);
  await expect(page.getByText("This page was opened without its key")).toBeVisible();
});
