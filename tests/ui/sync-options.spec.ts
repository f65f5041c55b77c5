/** Everything a pair can be told, told in the window: the wizard, the settings of a pair, and what then happens. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Page } from "@playwright/test";

import { eachOnPairHost, goTo, host, laptop, pictures, read, stick, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

/** Opens what is folded away under a heading. */
async function unfold(page: Page, heading: string): Promise<void> {
  await page.locator("summary", { hasText: heading }).click();
}

test("a pair is made of chosen folders with rules, brakes and limits, and works so", async ({ page }) => {
  write(laptop, "work/letters/to-ada.txt", "Dear Ada\n");
  write(laptop, "work/letters/drafts/one.txt", "Dear\n");
  write(laptop, "work/accounts/2026.csv", "1,2\n");
  write(stick, "photos/roof.txt", "a roof\n");
  const faults = await host.open(page, "/sync/new");
  await page.getByLabel("First place").fill(laptop);
  await page.getByLabel("Second place").fill(stick);
  await page.getByRole("button", { name: "Continue" }).click();

  await unfold(page, "Another way for some files");
  await page.getByRole("button", { name: "Add a rule" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Give every rule a pattern, or remove it.")).toBeVisible();
  await page.getByLabel("Pattern of rule 1").fill("*.csv");
  await unfold(page, "Links, permissions, attributes");
  await page.getByRole("radio", { name: /^Are left out/ }).click();
  await expectAccessible(page, "the way, with everything that is folded away");
  await page.screenshot({ path: join(pictures, "way-more.png"), fullPage: true });
  await page.getByRole("button", { name: "Continue" }).click();

  await page.getByRole("radio", { name: /^Only the folders I choose/ }).click();
  const tree = page.getByRole("grid", { name: "Folders of both places" });
  await expect(tree.getByRole("row", { name: /work.*Only in laptop/ })).toBeVisible();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Tick at least one folder, or sync everything.")).toBeVisible();
  // By keyboard: down to "work", open it, and tick it whole; then take the drafts out again.
  await tree.focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(tree.getByRole("row", { name: /letters/ })).toBeVisible();
  await page.keyboard.press(" ");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(tree.getByRole("row", { name: /drafts/ })).toBeVisible();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await expect(tree.getByRole("checkbox", { name: "Sync work/letters", exact: true })).not.toBeChecked();
  await unfold(page, "By age");
  await page.getByLabel("Leave out files not changed for (days)").fill("400");
  await expectAccessible(page, "what is left out, with the tree");
  await page.screenshot({ path: join(pictures, "folders.png"), fullPage: true });
  await page.getByRole("button", { name: "Continue" }).click();

  await unfold(page, "Speed limit");
  await page.getByRole("textbox", { name: "At most (MB a second)" }).fill("2.5");
  await page.getByRole("button", { name: "Add hours with another limit" }).click();
  await unfold(page, "Safety brakes");
  await page.getByLabel("Items gone: more than").fill("10");
  await unfold(page, "The bin");
  await page.getByLabel("At most (GB) in each place").fill("20");
  await expectAccessible(page, "when, with everything that is folded away");
  await page.screenshot({ path: join(pictures, "when-more.png"), fullPage: true });
  await page.getByRole("button", { name: "Save and see what would happen" }).click();

  const rows = page.getByRole("grid", { name: "Planned changes" });
  await expect(rows.getByRole("row", { name: /2026\.csv/ })).toBeVisible();
  await expect(rows.getByRole("row", { name: /drafts|roof/ })).toHaveCount(0);
  const pair = (await host.call("sync.pairs", {})).pairs[0];
  expect(pair).toMatchObject({
    conflictRules: [{ pattern: "*.csv", policy: "keepBoth" }],
    links: "skip",
    rules: { folders: ["work/accounts"], maxAgeDays: 400 },
    brakes: { removedItems: 10, removedPercent: 25, reserveBytes: 67_108_864 },
    bin: { keepAllDays: 1, keepDailyDays: 30, keepWeeklyDays: 365, limitBytes: 20_000_000_000 },
    bandwidth: { usualBytesPerSecond: 2_500_000, windows: [{ weekdays: [1, 2, 3, 4, 5], fromMinutes: 480, toMinutes: 1080, bytesPerSecond: 1_000_000 }] },
  });
  await page.getByRole("button", { name: /^Apply \d+ change/ }).click();
  await expect.poll(() => existsSync(join(stick, "work", "accounts", "2026.csv"))).toBe(true);
  expect(existsSync(join(stick, "work", "letters"))).toBe(false);
  expect(existsSync(join(laptop, "photos"))).toBe(false);
  expect(faults).toEqual([]);
});

test("a pair that nobody told anything is as usual, and saving it changes nothing", async ({ page }) => {
  const pairId = await host.newPair();
  const before = await host.call("sync.pair", { pairId });
  const faults = await host.open(page, `/sync/${pairId}/edit`);
  await expect(page.getByText("as usual").first()).toBeVisible();
  await expect(page.locator("summary").getByText("changed", { exact: true })).toHaveCount(0);
  await page.getByRole("button", { name: "Save" }).click();
  await expect(page.getByText("“Papers” was saved")).toBeVisible();
  expect(await host.call("sync.pair", { pairId })).toEqual(before);
  expect(faults).toEqual([]);
});

test("a conflict of some files goes the way the settings say, set by keyboard alone", async ({ page }) => {
  write(laptop, "sheet.csv", "1\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}/edit`);
  const summary = page.locator("summary", { hasText: "Another way for some files" });
  await summary.focus();
  await page.keyboard.press("Enter");
  await page.keyboard.press("Tab");
  await expect(page.getByRole("button", { name: "Add a rule" })).toBeFocused();
  await page.keyboard.press("Enter");
  await page.getByLabel("Pattern of rule 1").focus();
  await page.keyboard.type("*.csv");
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await page.getByRole("option", { name: "Keep the one from stick" }).waitFor();
  await page.keyboard.press("End");
  await page.keyboard.press("Enter");
  await page.getByRole("button", { name: "Save" }).focus();
  await page.keyboard.press("Enter");
  await expect(page.getByText(/\*\.csv: Keep the one from stick/)).toBeVisible();
  write(laptop, "sheet.csv", "from the laptop\n");
  write(stick, "sheet.csv", "from the stick, longer\n");
  await host.run(pairId);
  expect(read(laptop, "sheet.csv")).toBe("from the stick, longer\n");
  expect(faults).toEqual([]);
});

for (const theme of ["light", "dark"] as const) {
  test(`the settings of a pair, ${theme}`, async ({ browser }) => {
    write(laptop, "work/a.txt", "a\n");
    write(stick, "photos/b.txt", "b\n");
    const pairId = await host.newPair({
      conflictRules: [{ pattern: "*.docx", policy: "keepBoth" }, { pattern: "/photos/", policy: "newest" }],
      rules: { exclude: ["*.tmp"], maxFileBytes: 5_000_000, minAgeMinutes: 120, maxAgeDays: null, folders: ["work"] },
      bandwidth: { usualBytesPerSecond: 2_000_000, windows: [{ weekdays: [1, 3], fromMinutes: 480, toMinutes: 1080, bytesPerSecond: 500_000 }] },
    });
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const faults = await host.open(page, `/sync/${pairId}`);
    await expect(page.getByText("*.docx: Keep both", { exact: false })).toBeVisible();
    await expectAccessible(page, `how a pair works (${theme})`);
    await page.screenshot({ path: join(pictures, `settings-shown-${theme}.png`) });
    await goTo(page, `/sync/${pairId}/edit`);
    await expect(page.getByRole("grid", { name: "Folders of both places" })).toBeVisible();
    for (const heading of ["Another way for some files", "Links, permissions, attributes", "By age", "Speed limit", "Safety brakes", "The bin"]) await unfold(page, heading);
    await expectAccessible(page, `all settings (${theme})`);
    await page.setViewportSize({ width: 1200, height: 2300 });
    await page.screenshot({ path: join(pictures, `settings-${theme}.png`) });
    await page.setViewportSize({ width: 900, height: 2500 });
    await expectAccessible(page, `all settings (${theme}, small)`);
    await page.screenshot({ path: join(pictures, `settings-${theme}-small.png`) });
    expect(faults).toEqual([]);
    await context.close();
  });
}

for (const theme of ["light", "dark"] as const) {
  test(`the rules that lie in both places are read and written in the settings, ${theme}`, async ({ browser }) => {
    write(laptop, "letter.txt", "Dear Ada\n");
    write(laptop, "scratch.tmp", "scratch\n");
    write(laptop, ".keepwell/rules", "*.tmp\n");
    const pairId = await host.newPair();
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const faults = await host.open(page, `/sync/${pairId}/edit`);
    await unfold(page, "Rules for everyone who syncs these places");
    await expect(page.getByText("The two places say different things")).toBeVisible();
    await expect(page.getByText("They lie only in laptop.", { exact: false })).toBeVisible();
    const lines = page.getByLabel("Shared names and patterns, one a line");
    await expect(lines).toHaveValue("*.tmp\n");
    await lines.fill("*.tmp\n[z-a]\n");
    await page.getByRole("button", { name: "Write to both places" }).click();
    await expect(page.getByText(/The rule "\[z-a\]" can not be understood/i)).toBeVisible();
    expect(read(laptop, ".keepwell/rules")).toBe("*.tmp\n");
    await expectAccessible(page, "shared rules with a fault");
    await page.screenshot({ path: join(pictures, `shared-rules-fault-${theme}.png`), fullPage: true });
    await lines.fill("*.tmp\n/build/\n");
    await page.getByRole("button", { name: "Write to both places" }).click();
    await expect(page.getByText("The shared rules lie in both places now.")).toBeVisible();
    await expect.poll(() => [laptop, stick].map((place) => read(place, ".keepwell/rules"))).toEqual(["*.tmp\n/build/\n", "*.tmp\n/build/\n"]);
    await expect(page.getByText("The two places say different things")).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Write to both places" })).toBeDisabled();
    await page.screenshot({ path: join(pictures, `shared-rules-${theme}.png`), fullPage: true });
    await host.run(pairId);
    expect(existsSync(join(stick, "letter.txt"))).toBe(true);
    expect(existsSync(join(stick, "scratch.tmp"))).toBe(false);
    expect(faults).toEqual([]);
    await context.close();
  });

  test(`a plan with rows chosen, and undoing since a moment, ${theme}`, async ({ browser }) => {
    for (const name of ["box/one.txt", "box/two.txt", "c.tmp", "d.tmp"]) write(laptop, name, `${name}\n`);
    const pairId = await host.newPair();
    await host.call("sync.run", { pairId, preview: true });
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1100, height: 760 } });
    const page = await context.newPage();
    const faults = await host.open(page, `/sync/${pairId}/plan`);
    const grid = page.getByRole("grid", { name: "Planned changes" });
    await grid.getByRole("button", { name: "Leave both as they are, with all that lies below" }).click();
    await expect(page.getByText("3 rows changed by you")).toBeVisible();
    await grid.getByRole("row", { name: /c\.tmp/ }).getByText("c.tmp").first().click();
    await grid.getByRole("row", { name: /two\.txt/ }).getByText("two.txt").first().click({ modifiers: ["Shift"] });
    await expect(page.getByText("2 rows selected")).toBeVisible();
    await expectAccessible(page, `rows selected and chosen, ${theme}`);
    await page.screenshot({ path: join(pictures, `plan-chosen-${theme}.png`) });
    await page.getByRole("button", { name: "Give up this plan" }).click();
    await host.run(pairId);
    await goTo(page, `/sync/${pairId}?tab=runs`);
    await page.getByRole("button", { name: "Undo all since…" }).click();
    await expect(page.getByRole("dialog").getByText(/^This undoes 1 run, of /)).toBeVisible();
    await expectAccessible(page, `undoing since a moment, ${theme}`);
    await page.screenshot({ path: join(pictures, `undo-since-${theme}.png`) });
    await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click();
    expect(faults).toEqual([]);
    await context.close();
  });
}
