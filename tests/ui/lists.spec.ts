/** Long lists: every row can be reached, and only those in sight exist. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { openHost, type Host } from "./host";

const FILES = 650;
let host: Host;

test.beforeAll(async () => {
  host = await openHost();
  const many = join(host.documents, "many");
  mkdirSync(many);
  for (let number = 0; number < FILES; number += 1) writeFileSync(join(many, `file-${String(number).padStart(4, "0")}.txt`), `${number}`);
  const { jobId } = await host.call("firstRun.start", { sources: [many], destination: host.copies, schedule: { kind: "manual" }, planName: "Many" });
  expect(await host.finished(jobId)).toBe("succeeded");
});

test.afterAll(async () => {
  await host.stop();
});

test("a folder of many files", async ({ page }) => {
  await page.goto(host.address);
  await page.getByRole("link", { name: "Many" }).click();
  const grid = page.getByRole("grid", { name: "Files in this folder" });
  await expect(grid).toHaveAttribute("aria-rowcount", String(FILES + 1));
  await grid.focus();
  await expect(async () => {
    await page.keyboard.press("End");
    await expect(grid.getByRole("row", { name: /file-0649\.txt/ })).toBeVisible({ timeout: 300 });
  }).toPass();
  expect(await grid.getByRole("row").count()).toBeLessThan(60);
  await page.keyboard.press("Home");
  await expect(grid.getByRole("row", { name: /file-0000\.txt/ })).toBeVisible();

  await page.getByRole("searchbox", { name: "Filter this folder" }).fill("0123");
  await expect(grid).toHaveAttribute("aria-rowcount", "2");
  await page.getByRole("searchbox", { name: "Filter this folder" }).press("Escape");
  await expect(grid).toHaveAttribute("aria-rowcount", String(FILES + 1));
});
