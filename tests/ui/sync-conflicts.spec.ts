/** Every button of a decision does what it says: pressed in the window, judged by the files of both places and their bins. */
import { existsSync, readdirSync, renameSync, mkdirSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { eachOnPairHost, host, laptop, pictures, read, stick, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

/** What the files directly in a place hold, sorted. */
function held(root: string): string[] {
  return readdirSync(root).filter((name) => statSync(join(root, name)).isFile()).map((name) => read(root, name)).sort();
}

/** What every file in the bin of a place holds. */
function binned(root: string): string[] {
  const bin = join(root, ".keepwell", "bin");
  if (!existsSync(bin)) return [];
  const names = readdirSync(bin, { recursive: true, withFileTypes: true });
  return names.filter((item) => item.isFile()).map((item) => read(item.parentPath, item.name)).sort();
}

/** A pair with one conflict: the stick's version is the newer one. */
async function oneConflict(known: boolean): Promise<string> {
  const pairId = await host.newPair();
  if (known) {
    write(laptop, "letter.txt", "before\n");
    await host.run(pairId);
  }
  write(laptop, "letter.txt", "from laptop\n");
  await new Promise((resolve) => setTimeout(resolve, 20));
  write(stick, "letter.txt", "from stick, longer\n");
  await host.run(pairId);
  return pairId;
}

async function decide(page: Page, pairId: string, button: string): Promise<void> {
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("row", { name: /letter\.txt/ }).click();
  await page.getByRole("button", { name: button, exact: true }).click();
  await expect(page.getByText("No conflict waits")).toBeVisible();
  expect(faults).toEqual([]);
}

for (const known of [true, false]) {
  const which = known ? "both were changed" : "both are new";

  test(`${which}: keeping the one from laptop`, async ({ page }) => {
    await decide(page, await oneConflict(known), "Keep the one from laptop");
    await expect.poll(() => held(stick)).toEqual(["from laptop\n"]);
    expect(held(laptop)).toEqual(["from laptop\n"]);
    expect(binned(stick)).toContain("from stick, longer\n");
    expect(binned(laptop)).not.toContain("from stick, longer\n");
  });

  test(`${which}: keeping the one from stick`, async ({ page }) => {
    await decide(page, await oneConflict(known), "Keep the one from stick");
    await expect.poll(() => held(laptop)).toEqual(["from stick, longer\n"]);
    expect(held(stick)).toEqual(["from stick, longer\n"]);
    expect(binned(laptop)).toContain("from laptop\n");
    expect(binned(stick)).not.toContain("from laptop\n");
  });

  test(`${which}: keeping both`, async ({ page }) => {
    await decide(page, await oneConflict(known), "Keep both");
    await expect.poll(() => held(laptop)).toEqual(["from laptop\n", "from stick, longer\n"]);
    await expect.poll(() => held(stick)).toEqual(["from laptop\n", "from stick, longer\n"]);
    for (const root of [laptop, stick]) {
      // The newer one keeps the name; the other one has its place in the name. Neither of them went to a bin.
      expect(read(root, "letter.txt")).toBe("from stick, longer\n");
      const copy = readdirSync(root).find((name) => name.includes("conflict from laptop")) ?? "none";
      expect(read(root, copy)).toBe("from laptop\n");
      expect(binned(root)).not.toContain("from laptop\n");
      expect(binned(root)).not.toContain("from stick, longer\n");
    }
  });
}

test("of two versions with one time it is said which keeps the name, and so it is", async ({ page }) => {
  const pairId = await host.newPair();
  for (const root of [laptop, stick]) {
    write(root, "letter.txt", `from ${root === laptop ? "laptop" : "stick"}\n`);
    utimesSync(join(root, "letter.txt"), 1_790_000_000, 1_790_000_000);
  }
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("row", { name: /letter\.txt/ }).click();
  // One time: with its seconds, and the day is not said twice.
  await expect(page.getByText(/^Sep \d+, 2026, \d\d:\d\d:\d\d$/)).toHaveCount(2);
  await expect(page.getByText(/^\(Sep/)).toHaveCount(0);
  const said = (await page.getByText("keeps the name “letter.txt”", { exact: false }).textContent()) ?? "";
  const kept = /the one from “(laptop|stick)” keeps the name/.exec(said)?.[1] ?? "none";
  const copy = /is named “([^”]+)”/.exec(said)?.[1] ?? "none";
  expect(copy).toContain(`letter (conflict from ${kept === "laptop" ? "stick" : "laptop"}, `);
  expect(said).toContain("so Keepwell chose which one keeps the name");
  await expectAccessible(page, "a conflict of one time");
  await page.screenshot({ path: join(pictures, "conflict-one-time.png"), fullPage: true });
  await page.getByRole("button", { name: "Keep both", exact: true }).click();
  for (const root of [laptop, stick]) {
    await expect.poll(() => held(root)).toEqual(["from laptop\n", "from stick\n"]);
    expect(read(root, "letter.txt")).toBe(`from ${kept}\n`);
    // The other one is named exactly as it was said.
    expect(read(root, copy)).toBe(`from ${kept === "laptop" ? "stick" : "laptop"}\n`);
  }
  expect(faults).toEqual([]);
});

test("what went to the bin is found by the link, and comes back under its name", async ({ page }) => {
  const pairId = await oneConflict(true);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await expect(page.getByText("“Sync now” leaves these as they are")).toBeVisible();
  await page.getByRole("link", { name: "Decide: letter.txt" }).click();
  await expect(page.getByRole("link", { name: "the tab “Bin” of “Papers”" })).toBeVisible();
  await page.getByRole("button", { name: "Keep the one from laptop", exact: true }).click();
  await expect.poll(() => held(stick)).toEqual(["from laptop\n"]);
  await expect.poll(async () => (await host.call("sync.pair", { pairId })).activeJobId).toBeNull();
  await page.getByRole("tab", { name: "Bin" }).click();
  await page.getByRole("checkbox", { name: "Choose letter.txt" }).first().click();
  await page.getByRole("button", { name: "Bring 1 back" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Bring back" }).click();
  // It has its name again, in its place; what had that name went to the bin there.
  await expect.poll(() => held(stick)).toEqual(["from stick, longer\n"]);
  expect(read(stick, "letter.txt")).toBe("from stick, longer\n");
  expect(binned(stick)).toContain("from laptop\n");
  expect(held(laptop)).toEqual(["from laptop\n"]);
  expect(faults).toEqual([]);
});

test("where files move in, keeping both leaves what is there its name", async ({ page }) => {
  const pairId = await host.newPair({ mode: "moveIn" });
  write(stick, "letter.txt", "from stick\n");
  await new Promise((resolve) => setTimeout(resolve, 20));
  write(laptop, "letter.txt", "from laptop, newer\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("link", { name: "Decide: letter.txt" }).click();
  const said = (await page.getByText("moves in as", { exact: false }).textContent()) ?? "";
  const copy = /moves in as “([^”]+)”/.exec(said)?.[1] ?? "none";
  await page.getByRole("button", { name: "Keep both", exact: true }).click();
  await expect.poll(() => held(stick)).toEqual(["from laptop, newer\n", "from stick\n"]);
  expect(read(stick, "letter.txt")).toBe("from stick\n");
  expect(read(stick, copy)).toBe("from laptop, newer\n");
  await expect.poll(() => held(laptop)).toEqual([]);
  expect(binned(laptop)).toContain("from laptop, newer\n");
  expect(faults).toEqual([]);
});

test("deciding later touches nothing", async ({ page }) => {
  const pairId = await oneConflict(true);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("row", { name: /letter\.txt/ }).click();
  await page.getByRole("button", { name: "Decide later" }).click();
  await expect(page.getByRole("row", { name: /letter\.txt/ })).toBeVisible();
  expect([held(laptop), held(stick)]).toEqual([["from laptop\n"], ["from stick, longer\n"]]);
  expect([binned(laptop), binned(stick)]).toEqual([[], []]);
  expect(faults).toEqual([]);
});

test("moved to two folders: the file lies where the button says, in both", async ({ page }) => {
  write(laptop, "letter.txt", "a letter\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  for (const [root, folder] of [[laptop, "sent"], [stick, "answered"]] as const) {
    mkdirSync(join(root, folder));
    renameSync(join(root, "letter.txt"), join(root, folder, "letter.txt"));
  }
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("row", { name: /letter\.txt/ }).click();
  await expect(page.getByText("In “laptop” it is moved to “answered/letter.txt”, as “stick” has it now.", { exact: false })).toBeVisible();
  await expect(page.getByText("Before, both had it at")).toBeVisible();
  await expect(page.getByText("The texts are the same, line by line.")).toBeVisible();
  // Nothing to merge, and nothing that goes to a bin to speak of.
  await expect(page.getByRole("button", { name: /merged/ })).toHaveCount(0);
  await expect(page.getByRole("link", { name: /Bin/ })).toHaveCount(0);
  await expectAccessible(page, "a conflict of moves");
  await page.screenshot({ path: join(pictures, "conflict-moved.png") });
  await page.getByRole("button", { name: "Keep it where stick has it" }).click();
  await expect.poll(() => existsSync(join(laptop, "answered", "letter.txt"))).toBe(true);
  expect(existsSync(join(laptop, "sent", "letter.txt"))).toBe(false);
  expect(read(stick, "answered/letter.txt")).toBe("a letter\n");
  expect([binned(laptop), binned(stick)]).toEqual([[], []]);
  expect(faults).toEqual([]);
});

const BULK = [
  { button: "Keep the one from stick", says: "The ones from laptop go to the bin in laptop", name: "stick", binned: () => binned(laptop) },
  { button: "Keep the newer of each", says: "the other goes to the bin of its place", name: "stick", binned: () => binned(laptop) },
  { button: "Keep both", says: "Nothing goes to a bin", name: "both", binned: () => [] },
] as const;

for (const { button, says, name, binned: gone } of BULK) {
  test(`many at once: ${button}`, async ({ page }) => {
    const pairId = await oneConflict(false);
    const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
    await page.getByRole("checkbox", { name: "Select letter.txt" }).click();
    await page.getByRole("group", { name: "Decide for all that are selected" }).getByRole("button", { name: button }).click();
    await expect(page.getByRole("alertdialog")).toContainText(says);
    await page.getByRole("alertdialog").getByRole("button", { name: button }).click();
    const expected = name === "both" ? ["from laptop\n", "from stick, longer\n"] : ["from stick, longer\n"];
    await expect.poll(() => held(laptop)).toEqual(expected);
    await expect.poll(() => held(stick)).toEqual(expected);
    expect(gone()).toEqual(name === "both" ? [] : ["from laptop\n"]);
    expect(faults).toEqual([]);
  });
}
