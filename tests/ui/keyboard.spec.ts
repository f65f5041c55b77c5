/** The way of someone without a mouse: from the palette to a file brought back, by keys alone. */
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { openFilledHost } from "./host";

let host: Awaited<ReturnType<typeof openFilledHost>>;

test.beforeAll(async () => {
  host = await openFilledHost();
});

test.afterAll(async () => {
  await host.stop();
});

/** Presses Tab until the focus is where it should be. */
async function tabTo(page: Page, what: RegExp): Promise<void> {
  const passed: string[] = [];
  for (let presses = 0; presses < 60; presses += 1) {
    const name = await page.evaluate(() => {
      const focused = document.activeElement as HTMLElement | null;
      const labels = (focused as HTMLInputElement | null)?.labels;
      const label = labels && labels.length > 0 ? labels[0]?.textContent : undefined;
      return focused?.getAttribute("aria-label") ?? label ?? focused?.textContent ?? "";
    });
    if (what.test(name.trim())) return;
    passed.push(name.trim().slice(0, 30));
    await page.keyboard.press("Tab");
  }
  throw new Error(`the focus never came to ${what.source}; it passed ${passed.join(" | ")}`);
}

test("from the palette to a file brought back", async ({ page }) => {
  const letter = join(host.documents, "letters", "to-ada.txt");
  writeFileSync(letter, "broken");
  await page.goto(host.address);
  await expect(page.getByRole("heading", { level: 1, name: "Backup" })).toBeFocused();

  await page.keyboard.press("Control+k");
  await expect(page.getByRole("combobox")).toBeFocused();
  await page.keyboard.type("everything that");
  await expect(page.getByRole("option", { selected: true })).toHaveText(/Everything that matters/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1, name: "Everything that matters" })).toBeVisible();

  await tabTo(page, /^Snapshots along time$/);
  await page.keyboard.press("Home");
  await expect(page.getByRole("slider")).toHaveAttribute("aria-valuenow", "1");

  await tabTo(page, /^Files in this folder$/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /letters/ })).toBeVisible();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /to-ada\.txt/ })).toBeVisible();
  await page.keyboard.press("End");
  await page.keyboard.press("Space");
  await expect(page.getByRole("checkbox", { name: /to-ada\.txt/ })).toBeChecked();

  await page.keyboard.press("Shift+Tab");
  await expect(page.getByRole("button", { name: /Bring back 1 chosen/ })).toBeFocused();
  await page.keyboard.press("Enter");
  await expect(page.getByRole("row", { name: /^Replaced 1$/ })).toBeVisible();
  await tabTo(page, /^Bring back \d+ item/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("alertdialog")).toBeVisible();
  await tabTo(page, /^Bring back and replace$/);
  await page.keyboard.press("Enter");
  await expect(page.getByText("Signed by this device")).toBeVisible();
  expect(readFileSync(letter, "utf8")).toContain("the roof is mended");
});

test("the focus is always to be seen, and a dialog gives it back", async ({ page }) => {
  await page.goto(host.address);
  await expect(page.getByRole("heading", { level: 1, name: "Backup" })).toBeVisible();
  const outlines: string[] = [];
  for (let presses = 0; presses < 12; presses += 1) {
    await page.keyboard.press("Tab");
    const outline = await page.evaluate(() => {
      const focused = document.activeElement;
      // After the last stop the focus leaves the page once, for the browser's own frame.
      if (focused === null || focused === document.body) return undefined;
      return `${getComputedStyle(focused).outlineStyle} ${getComputedStyle(focused).outlineWidth}`;
    });
    if (outline !== undefined) outlines.push(outline);
  }
  expect(outlines.length).toBeGreaterThan(8);
  expect([...new Set(outlines)]).toEqual(["solid 2px"]);
  await tabTo(page, /^Search files/);
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toBeHidden();
  await expect(page.getByRole("button", { name: /Search files/ })).toBeFocused();
});
