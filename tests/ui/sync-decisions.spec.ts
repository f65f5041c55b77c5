/** What the conflict view says: what each place has, what was decided so far, what was done, and how it is taken back. */
import { existsSync, mkdirSync, readdirSync, renameSync, statSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { openPairHost, pictures, read, write, type PairHost } from "./pairs";
import { expectAccessible } from "./window";

let host: PairHost;
let laptop: string;
let stick: string;

test.use({ viewport: { width: 1200, height: 800 } });

test.beforeEach(async () => {
  host = await openPairHost();
  ({ laptop, stick } = host);
});

test.afterEach(async () => {
  await host.stop();
});

/** A pair in which each of these files is new in both places, and differs. */
async function conflicts(names: string[]): Promise<string> {
  const pairId = await host.newPair();
  for (const name of names) {
    write(laptop, name, "from laptop\n");
    write(stick, name, "from stick, longer\n");
  }
  await host.run(pairId);
  return pairId;
}

const row = (page: Page, name: string) => page.getByRole("row", { name: new RegExp(name.replace(".", "\\.")) });

test("a file against a folder: it is said which is which, and that the folder goes with all that is in it", async ({ page }) => {
  const pairId = await host.newPair();
  write(laptop, "Contracts", "to be signed\n");
  write(stick, "Contracts/City of Ulm.txt", "signed\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await expect(row(page, "Contracts").getByText("laptop has a file, stick has a folder")).toBeVisible();
  await expect(row(page, "Contracts").getByText("Folder", { exact: true })).toBeVisible();
  await page.screenshot({ path: join(pictures, "conflict-kinds-list.png") });
  await row(page, "Contracts").click();
  await expect(page.getByRole("region", { name: "stick" }).getByText("Folder", { exact: true })).toBeVisible();
  await expect(page.getByRole("region", { name: "laptop" }).getByText("File", { exact: true })).toBeVisible();
  await expect(page.getByText("stick has a folder of this name. It holds 1 item:")).toBeVisible();
  await expect(page.getByTitle("City of Ulm.txt")).toBeVisible();
  await expect(page.getByText("does not have it any more")).toHaveCount(0);
  await expect(page.getByText("The folder in “stick”, with all that is in it, goes to the bin in “stick”.", { exact: false })).toBeVisible();
  await expect(page.getByText("the folder from “stick” keeps the name “Contracts”, with all that is in it", { exact: false })).toBeVisible();
  await expectAccessible(page, "a conflict of a file and a folder");
  await page.screenshot({ path: join(pictures, "conflict-kinds.png"), fullPage: true });
  await page.getByRole("button", { name: "Keep the one from stick", exact: true }).click();
  await expect.poll(() => existsSync(join(laptop, "Contracts", "City of Ulm.txt"))).toBe(true);
  expect(read(stick, "Contracts/City of Ulm.txt")).toBe("signed\n");
  expect(faults).toEqual([]);
});

test("the file that is kept is in both places, and the folder with all that is in it in the bin of its own", async ({ page }) => {
  const pairId = await host.newPair();
  write(laptop, "Contracts", "to be signed\n");
  write(stick, "Contracts/City of Ulm.txt", "signed\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await row(page, "Contracts").click();
  await page.getByRole("button", { name: "Keep the one from laptop", exact: true }).click();
  await expect(page.getByText("No conflict waits")).toBeVisible();
  await expect.poll(() => statSync(join(stick, "Contracts")).isFile()).toBe(true);
  expect(read(stick, "Contracts")).toBe("to be signed\n");
  const binned = readdirSync(join(stick, ".keepwell", "bin"), { recursive: true }).map(String);
  expect(binned.filter((path) => path.endsWith(join("Contracts", "City of Ulm.txt")))).toHaveLength(1);
  expect(faults).toEqual([]);
});

test("keeping both of many leaves out what was moved to two folders, and says so", async ({ page }) => {
  write(laptop, "moved.txt", "a letter\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  for (const [root, folder] of [[laptop, "sent"], [stick, "answered"]] as const) {
    mkdirSync(join(root, folder));
    renameSync(join(root, "moved.txt"), join(root, folder, "moved.txt"));
  }
  write(laptop, "letter.txt", "from laptop\n");
  write(stick, "letter.txt", "from stick, longer\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("button", { name: "Select all 2, to decide them at once" }).click();
  const bulk = page.getByRole("group", { name: "Decide for all that are selected" });
  await expect(bulk.getByRole("button", { name: "Decide later" })).toHaveCount(0);
  await bulk.getByRole("button", { name: "Keep both" }).click();
  const asked = page.getByRole("alertdialog", { name: "Decide 1 conflict?" });
  await expect(asked).toContainText("1 of the selected was moved to two folders, and can lie in one only: it waits for you as before.");
  await page.screenshot({ path: join(pictures, "conflict-bulk-both.png"), animations: "disabled" });
  await asked.getByRole("button", { name: "Keep both" }).click();
  await expect(page.getByText("1 waits for you as before.")).toBeVisible();
  await expect(row(page, "letter.txt")).toHaveCount(0);
  await expect(row(page, "moved.txt")).toBeVisible();
  expect([existsSync(join(laptop, "sent", "moved.txt")), existsSync(join(stick, "answered", "moved.txt"))]).toEqual([true, true]);
  expect(faults).toEqual([]);
});

test("what was decided while the pair is paused is shown, and taken back by deciding later", async ({ page }) => {
  const pairId = await conflicts(["letter.txt", "list.txt", "photo.txt"]);
  await host.call("sync.pairPause", { pairId, paused: true });
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await row(page, "letter.txt").click();
  await page.getByRole("button", { name: "Keep both", exact: true }).click();
  await expect(page.getByText("“letter.txt”: both are kept")).toBeVisible();
  await expect(page.getByText("That is done with the next run. Until then it can be taken back.")).toBeVisible();
  await expect(page.getByText("“Sync now” carries out what is decided here. The others it leaves as they are", { exact: false })).toBeVisible();
  // As many as the button above leads to.
  await expect(page.getByRole("link", { name: "Decide 2 conflicts" })).toBeVisible();
  await page.getByRole("button", { name: "Select all 2 that wait, to decide them at once" }).click();
  await expect(page.getByRole("checkbox", { name: "Select letter.txt" })).not.toBeChecked();
  await page.screenshot({ path: join(pictures, "conflict-decided-list.png"), animations: "disabled" });
  await page.getByRole("link", { name: "Change: letter.txt" }).click();
  await expect(page.getByText("Decided so far: Keep both")).toBeVisible();
  await expectAccessible(page, "a conflict that is decided");
  await page.screenshot({ path: join(pictures, "conflict-decided.png"), fullPage: true });
  await page.getByRole("button", { name: "Decide later" }).click();
  await expect(page.getByText("“letter.txt” waits for your decision again")).toBeVisible();
  await expect(page.getByRole("link", { name: "Decide 3 conflicts" })).toBeVisible();
  await host.run(pairId);
  expect([read(laptop, "letter.txt"), read(stick, "letter.txt")]).toEqual(["from laptop\n", "from stick, longer\n"]);

  // The same of many: only what is decided is taken back.
  await page.getByRole("checkbox", { name: "Select list.txt" }).click();
  const bulk = page.getByRole("group", { name: "Decide for all that are selected" });
  await bulk.getByRole("button", { name: "Keep both" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Keep both" }).click();
  await page.getByRole("checkbox", { name: "Select list.txt" }).click();
  await page.getByRole("checkbox", { name: "Select photo.txt" }).click();
  await bulk.getByRole("button", { name: "Decide later" }).click();
  await page.getByRole("alertdialog", { name: "Take 1 decision back?" }).getByRole("button", { name: "Decide later" }).click();
  await expect(page.getByRole("link", { name: "Decide: list.txt" })).toBeVisible();
  expect(faults).toEqual([]);
});

test("after a decision it is said what is done with which file, and led to where it is undone", async ({ page }) => {
  const lines = Array.from({ length: 12 }, (_, index) => `line ${index + 1}\n`);
  write(laptop, "letter.txt", lines.join(""));
  const pairId = await host.newPair();
  await host.run(pairId);
  write(laptop, "letter.txt", lines.join("").replace("line 9\n", "line nine\n"));
  write(stick, "letter.txt", lines.join("").replace("line 9\n", "line 9, by stick\n"));
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await row(page, "letter.txt").click();
  await expect(page.getByText("The lines above are the same")).toBeVisible();
  await expect(page.getByText("The lines between are the same")).toHaveCount(0);
  await page.getByRole("button", { name: "Keep the one from laptop", exact: true }).click();
  await expect(page.getByText("“letter.txt”: the one from laptop is kept")).toBeVisible();
  await expect(page.getByText("A run carries that out now; it can be undone.")).toBeVisible();
  await page.screenshot({ path: join(pictures, "conflict-told.png"), animations: "disabled" });
  await page.getByRole("button", { name: "See the runs of “Papers”" }).click();
  await expect(page.getByRole("tab", { name: "Runs" })).toHaveAttribute("aria-selected", "true");
  await expect(page.getByText("“letter.txt”: the one from laptop is kept")).toHaveCount(0);
  expect(faults).toEqual([]);
});

test("names in the list are whole where there is room, and never lose letters without a sign", async ({ page }) => {
  const names = ["Letters/Reminder to Novak.txt", "Minutes 30 November.txt"];
  const pairId = await conflicts(names);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  const cut = (name: string) =>
    page.getByRole("grid").getByTitle(name).evaluate((path) => [...path.children].map((part) => {
      // Also what is cut at its beginning, which can not be scrolled to.
      const written = document.createRange();
      written.selectNodeContents(part);
      const isCut = Math.max(part.scrollWidth, written.getBoundingClientRect().width) > part.clientWidth + 1;
      return isCut ? getComputedStyle(part).textOverflow : "whole";
    }));
  for (const name of names) {
    await expect(row(page, name)).toBeVisible();
    expect(await cut(name)).not.toContain("ellipsis");
    expect(await cut(name)).not.toContain("clip");
  }
  await page.screenshot({ path: join(pictures, "conflict-names.png") });
  await page.setViewportSize({ width: 760, height: 800 });
  for (const name of names) {
    await expect.poll(() => cut(name)).toContain("ellipsis");
    expect(await cut(name)).not.toContain("clip");
  }
  await page.screenshot({ path: join(pictures, "conflict-names-narrow.png") });
  expect(faults).toEqual([]);
});
