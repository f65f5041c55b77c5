/** Sync over the web host with real folders: a pair from the wizard to being in step, conflicts, brakes, bin, undo. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { eachOnPairHost, goTo, host, laptop, pictures, read, stick, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

test("a pair is made, its plan looked at and changed, and exactly that is done", async ({ page }) => {
  write(laptop, "letters/to-ada.txt", "Dear Ada\n");
  write(laptop, "letters/to-bo.txt", "Dear Bo\n");
  write(stick, "roof.txt", "a roof\n");
  const faults = await host.open(page, "/sync");
  await expect(page.getByText("No pair yet")).toBeVisible();
  await expectAccessible(page, "sync without a pair");
  await page.getByRole("link", { name: "New pair" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Choose a folder, or type its address.").first()).toBeVisible();
  await page.getByLabel("First place").fill(laptop);
  await page.getByLabel("Second place").fill(join(laptop, "inside"));
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("One of them lies in the other.")).toBeVisible();
  await expectAccessible(page, "the first step with a fault");
  await page.getByLabel("Second place").fill(stick);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByRole("radio", { name: /^Make stick exactly like laptop/ })).toBeVisible();
  await expectAccessible(page, "which way changes go");
  await page.getByRole("button", { name: "Continue" }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expectAccessible(page, "when a pair runs");
  await page.getByRole("button", { name: "Save and see what would happen" }).click();

  const rows = page.getByRole("grid", { name: "Planned changes" });
  await expect(rows.getByRole("row", { name: /to-bo\.txt/ })).toBeVisible();
  await expect(page.getByText("Nothing was changed yet.", { exact: false })).toBeVisible();
  expect(existsSync(join(stick, "letters"))).toBe(false);
  // The folder is one row, with what surrounds it.
  await expect(rows.getByRole("row", { name: /letters/ })).toHaveCount(3);
  await expect(page.getByText("4 of 4 changes")).toBeVisible();
  await expectAccessible(page, "the plan");
  // By keyboard: to the row of Bo, and leave it out.
  const bo = rows.getByRole("row", { name: /to-bo\.txt/ });
  await rows.focus();
  const index = Number(await bo.getAttribute("aria-rowindex")) - 2;
  for (let step = 0; step < index; step += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press(" ");
  await expect(page.getByText("1 row changed by you")).toBeVisible();
  await expect(bo.getByRole("button", { name: "Leave both as they are" })).toHaveAttribute("aria-pressed", "true");
  await page.screenshot({ path: join(pictures, "plan-changed.png") });
  await page.getByRole("button", { name: /^Apply \d+ changes/ }).click();
  await expect.poll(() => existsSync(join(stick, "letters", "to-ada.txt"))).toBe(true);
  await expect.poll(() => existsSync(join(laptop, "roof.txt"))).toBe(true);
  expect(existsSync(join(stick, "letters", "to-bo.txt"))).toBe(false);
  // What was left out on purpose still differs.
  await expect(page.getByText(/^Not in step/).first()).toBeVisible();
  expect(faults).toEqual([]);
});

test("rows of a plan are chosen for many at once, by mouse, by keyboard and by a search", async ({ page }) => {
  for (const name of ["box/one.txt", "box/two.txt", "c.tmp", "d.tmp", "x.txt", "y.txt"]) write(laptop, name, `${name}\n`);
  const pairId = await host.newPair();
  await host.call("sync.run", { pairId, preview: true });
  const faults = await host.open(page, `/sync/${pairId}/plan`);
  const grid = page.getByRole("grid", { name: "Planned changes" });
  const row = (name: string) => grid.getByRole("row", { name: new RegExp(name.replace(".", "\\.")) });
  const bulk = page.getByRole("group", { name: "Choose for several rows" });
  await expect(page.getByText("7 of 7 changes")).toBeVisible();
  await expect(bulk.getByRole("button", { name: "Other way" })).toBeDisabled();

  // By mouse: a stretch with Shift, and one more with Ctrl.
  await row("c.tmp").getByText("c.tmp").first().click();
  await row("x.txt").getByText("x.txt").first().click({ modifiers: ["Shift"] });
  await expect(page.getByText("3 rows selected")).toBeVisible();
  await row("d.tmp").getByText("d.tmp").first().click({ modifiers: ["Control"] });
  await expect(page.getByText("2 rows selected")).toBeVisible();
  await expect(row("d.tmp")).toHaveAttribute("aria-selected", "false");
  await expectAccessible(page, "a plan with rows selected");
  await page.screenshot({ path: join(pictures, "plan-selected.png") });
  await bulk.getByRole("button", { name: "Leave both as they are" }).click();
  await expect(page.getByText("2 rows changed by you")).toBeVisible();
  await expect(page.getByText("Both stay as they are: 2 rows")).toBeVisible();
  await expect(page.getByRole("button", { name: "Apply 5 changes" })).toBeVisible();

  // A folder counts with what lies below it, and says so before and after.
  const leaveBox = grid.getByRole("button", { name: "Leave both as they are, with all that lies below" });
  await leaveBox.click();
  await expect(page.getByText("Both stay as they are: 1 row, and 2 rows below")).toBeVisible();
  await expect(page.getByText("5 rows changed by you")).toBeVisible();
  await expect(row("one.txt").getByRole("button", { name: "Leave both as they are" })).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText("7 of 7 changes")).toBeVisible();

  // By keyboard: all of them the other way.
  await grid.focus();
  await page.keyboard.press("Control+a");
  await expect(page.getByText("7 rows selected")).toBeVisible();
  await bulk.getByRole("button", { name: "Other way" }).click();
  await expect(row("y.txt")).toContainText("To the bin");
  await expect(row("y.txt")).toContainText("You chose stick");
  await expect(page.getByText("7 rows changed by you")).toBeVisible();
  await grid.focus();
  await page.keyboard.press("Home");
  await page.keyboard.press("Shift+End");
  await page.keyboard.press("ArrowDown");
  await expect(page.getByText("1 row selected")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(page.getByText("Shift or Ctrl selects several rows.")).toBeVisible();

  await expect(bulk.getByText("Folders count with all that lies below.")).toHaveCount(0);

  // As planned again; then only what a search finds.
  await bulk.getByRole("button", { name: "Select all 7 shown" }).click();
  await bulk.getByRole("button", { name: "As planned" }).click();
  await expect(page.getByText(/changed by you/)).toHaveCount(0);
  await page.getByRole("searchbox", { name: "Find a path" }).fill(".tmp");
  await bulk.getByRole("button", { name: "Select all 2 shown" }).click();
  await bulk.getByRole("button", { name: "Leave both as they are" }).click();
  await expect(page.getByText("2 rows changed by you")).toBeVisible();
  await page.getByRole("button", { name: "Apply 5 changes" }).click();
  await expect.poll(() => ["box/one.txt", "box/two.txt", "x.txt", "y.txt"].every((name) => existsSync(join(stick, name)))).toBe(true);
  expect(existsSync(join(stick, "c.tmp")) || existsSync(join(stick, "d.tmp"))).toBe(false);
  expect(existsSync(join(laptop, "c.tmp"))).toBe(true);
  expect(faults).toEqual([]);
});

test("choosing holds for rows that are not loaded, and can be done to a part of what was chosen", async ({ page }) => {
  for (let number = 0; number < 1_100; number += 1) write(laptop, `fresh/${String(number).padStart(4, "0")}.txt`, `fresh ${String(number)}\n`);
  write(laptop, "new.txt", "new\n");
  const pairId = await host.newPair();
  await host.call("sync.run", { pairId, preview: true });
  const faults = await host.open(page, `/sync/${pairId}/plan`);
  const bulk = page.getByRole("group", { name: "Choose for several rows" });
  const grid = page.getByRole("grid", { name: "Planned changes" });
  await expect(page.getByText("1,102 of 1,102 changes")).toBeVisible();
  await page.getByRole("searchbox", { name: "Find a path" }).fill("fresh/");
  await bulk.getByRole("button", { name: "Select all 1,100 shown" }).click();
  await bulk.getByRole("button", { name: "Other way" }).click();
  await expect(page.getByText("The other way: 1,100 rows")).toBeVisible();
  await expect(page.getByText("1,100 rows changed by you")).toBeVisible();
  await expect(page.getByText("1,100 to the bin")).toBeVisible();
  // From the tenth row to the last, of which the table has loaded none.
  await grid.focus();
  await page.keyboard.press("Home");
  for (let step = 0; step < 9; step += 1) await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Shift+End");
  await expect(page.getByText("1,091 rows selected")).toBeVisible();
  await page.keyboard.press(" ");
  await expect(page.getByText("Both stay as they are: 1,091 rows")).toBeVisible();
  await expect(page.getByText("1,100 rows changed by you")).toBeVisible();
  await page.getByRole("button", { name: /^Apply \d+ changes/ }).click();
  await expect.poll(() => existsSync(join(stick, "new.txt"))).toBe(true);
  await expect.poll(() => existsSync(join(laptop, "fresh", "0008.txt"))).toBe(false);
  expect(existsSync(join(laptop, "fresh", "0009.txt")) && existsSync(join(laptop, "fresh", "1099.txt"))).toBe(true);
  expect(existsSync(join(stick, "fresh", "1099.txt"))).toBe(false);
  expect(faults).toEqual([]);
});

test("a conflict is shown side by side, and the button does what it says", async ({ page }) => {
  write(laptop, "letter.txt", "Dear Ada,\nthe roof is whole.\nYours\n");
  write(laptop, "list.txt", "one\ntwo\nthree\nfour\nfive\nsix\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  write(laptop, "letter.txt", "Dear Ada,\nthe roof is mended.\nYours\n");
  write(stick, "letter.txt", "Dear Ada,\nthe roof leaks again, and again.\nYours\n");
  write(laptop, "list.txt", "ONE\ntwo\nthree\nfour\nfive\nsix\n");
  write(stick, "list.txt", "one\ntwo\nthree\nfour\nfive\nsix\nseven\n");
  await host.run(pairId);
  const faults = await host.open(page, "/sync");
  await expect(page.getByText("Waits for your decision: 2 conflicts")).toBeVisible();
  await page.getByRole("link", { name: "Decide" }).click();
  await expectAccessible(page, "the list of conflicts");
  await page.getByRole("row", { name: /letter\.txt/ }).click();
  await expect(page.getByRole("region", { name: "laptop" })).toBeVisible();
  await expect(page.getByRole("region", { name: "stick" })).toBeVisible();
  await expect(page.getByText("the roof leaks again, and again.")).toBeVisible();
  await expect(page.getByText("The version in “laptop” goes to the bin in “laptop”.")).toBeVisible();
  await expectAccessible(page, "a conflict");
  await page.screenshot({ path: join(pictures, "conflict.png") });
  await page.getByRole("button", { name: "Keep the one from stick" }).click();
  await expect.poll(() => read(laptop, "letter.txt")).toContain("leaks again");

  await page.getByRole("row", { name: /list\.txt/ }).click();
  await page.getByRole("button", { name: "See both merged into one text" }).click();
  const merged = page.getByRole("dialog");
  await expect(merged.getByRole("row", { name: /brought in by laptop.*ONE/ })).toBeVisible();
  await expect(merged.getByRole("row", { name: /taken out by laptop.*one/ })).toBeVisible();
  await expect(merged.getByRole("row", { name: /brought in by stick.*seven/ })).toBeVisible();
  expect(read(laptop, "list.txt")).toBe("ONE\ntwo\nthree\nfour\nfive\nsix\n");
  await expectAccessible(page, "the merged text");
  await page.screenshot({ path: join(pictures, "merge.png") });
  await merged.getByRole("button", { name: "Use this text in both places" }).click();
  await expect.poll(() => read(stick, "list.txt")).toBe("ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n");
  await expect(page.getByText("No conflict waits")).toBeVisible();
  expect(read(laptop, "list.txt")).toBe("ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n");
  expect(faults).toEqual([]);
});

test("many conflicts are decided at once", async ({ page }) => {
  for (const name of ["a", "b", "c"]) write(laptop, name, "before\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  for (const name of ["a", "b", "c"]) {
    write(laptop, name, `laptop ${name}\n`);
    write(stick, name, `stick, and longer ${name}\n`);
  }
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=conflicts`);
  await page.getByRole("button", { name: "Select all 3, to decide them at once" }).click();
  await expect(page.getByText("3 selected")).toBeVisible();
  await page.getByRole("button", { name: "Keep the one from laptop" }).click();
  await expect(page.getByRole("alertdialog")).toContainText("The ones from stick go to the bin in stick");
  await expectAccessible(page, "deciding many");
  await page.getByRole("alertdialog").getByRole("button", { name: "Keep the one from laptop" }).click();
  await expect.poll(() => ["a", "b", "c"].map((name) => read(stick, name)).join("")).toBe("laptop a\nlaptop b\nlaptop c\n");
  await expect(page.getByText("No conflict waits")).toBeVisible();
  expect(faults).toEqual([]);
});

test("a side that is suddenly empty halts, and is filled again from the other", async ({ page }) => {
  for (let number = 0; number < 12; number += 1) write(laptop, `photos/${number}.txt`, `photo ${number}\n`);
  const pairId = await host.newPair();
  await host.run(pairId);
  rmSync(join(laptop, "photos"), { recursive: true });
  await host.run(pairId);
  const faults = await host.open(page, "/sync");
  await expect(page.getByText("Halted: it needs your decision")).toBeVisible();
  await page.getByRole("link", { name: "Decide" }).click();
  await expect(page.getByText("“laptop” is empty now").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Go on anyway" })).toBeVisible();
  await expectAccessible(page, "a halted pair");
  await page.screenshot({ path: join(pictures, "halted.png") });
  // The pair stays usable below, and what each answer would do is seen before it is given.
  await page.getByRole("tab", { name: "Runs" }).click();
  await expect(page.getByRole("link", { name: "Change" })).toBeVisible();
  await page.getByRole("link", { name: "Look at what would happen" }).click();
  await expect(page.getByRole("row", { name: /photos\/3\.txt/ })).toContainText("To the bin");
  await page.getByRole("combobox", { name: "If you choose" }).click();
  await page.getByRole("option", { name: "Bring back from “stick” what is gone" }).click();
  await expect(page.getByRole("row", { name: /photos\/3\.txt/ })).toContainText("Brought back from stick");
  await expectAccessible(page, "the changes of an answer");
  await page.getByRole("link", { name: "Back to the decision" }).click();
  await page.getByRole("button", { name: "Leave it halted" }).click();
  await expect(page.getByText("Halted: it needs your decision")).toBeVisible();
  expect(existsSync(join(stick, "photos", "3.txt"))).toBe(true);
  await page.getByRole("link", { name: "Decide" }).click();
  await page.getByRole("button", { name: "Bring back from “stick” what is gone" }).click();
  await expect.poll(() => existsSync(join(laptop, "photos", "11.txt"))).toBe(true);
  await expect(page.getByText(/^In step, checked/).first()).toBeVisible();
  expect(faults).toEqual([]);
});

test("a place that was replaced is filled again after a look at what is there", async ({ page }) => {
  for (let number = 0; number < 12; number += 1) write(laptop, `photos/${number}.txt`, `photo ${number}\n`);
  const pairId = await host.newPair();
  await host.run(pairId);
  renameSync(laptop, `${laptop} broken`);
  write(laptop, "own.txt", "only here\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}`);
  await page.getByRole("button", { name: "Bring back everything from “stick”" }).click();
  await expect(page.getByRole("alertdialog")).toContainText("holds 1 item now; the pair knows 13 items");
  await expectAccessible(page, "what is at the place of a pair now");
  await page.getByRole("alertdialog").getByRole("button", { name: "Bring back everything from “stick”" }).click();
  await expect.poll(() => existsSync(join(laptop, "photos", "11.txt"))).toBe(true);
  await expect.poll(() => existsSync(join(stick, "own.txt"))).toBe(true);
  expect((await host.call("sync.bin", { pairId })).total).toBe(0);
  expect(faults).toEqual([]);
});

test("a folder that is gone is made again and filled", async ({ page }) => {
  write(laptop, "letter.txt", "Dear Ada\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  rmSync(stick, { recursive: true });
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}`);
  await expect(page.getByText("The folder of “stick” is gone").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Go on anyway" })).toHaveCount(0);
  await page.getByRole("button", { name: "Make the folder again and bring everything back from “laptop”" }).click();
  await expect.poll(() => existsSync(join(stick, "letter.txt"))).toBe(true);
  expect(faults).toEqual([]);
});

test("a live pair carries changes over as they happen", async ({ page }) => {
  await host.newPair({ live: true });
  const faults = await host.open(page, "/sync");
  await expect(page.getByText(/^Live: changes are carried over as they happen/)).toBeVisible();
  write(laptop, "notes/today.txt", "just written\n");
  await expect.poll(() => existsSync(join(stick, "notes", "today.txt"))).toBe(true);
  write(stick, "answer.txt", "and answered\n");
  await expect.poll(() => existsSync(join(laptop, "answer.txt"))).toBe(true);
  expect(faults).toEqual([]);
});

test("what was removed comes back from the bin, and a whole run is undone", async ({ page }) => {
  write(laptop, "keep.txt", "kept\n");
  write(laptop, "gone.txt", "precious\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  rmSync(join(laptop, "gone.txt"));
  await host.run(pairId);
  expect(existsSync(join(stick, "gone.txt"))).toBe(false);
  const faults = await host.open(page, `/sync/${pairId}?tab=bin`);
  await expect(page.getByRole("row", { name: /gone\.txt/ })).toBeVisible();
  await expectAccessible(page, "the bin");
  await page.screenshot({ path: join(pictures, "bin.png") });
  await page.getByRole("row", { name: /gone\.txt/ }).getByRole("checkbox").click();
  await page.getByRole("button", { name: "Bring 1 back" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Bring back" }).click();
  await expect.poll(() => existsSync(join(stick, "gone.txt"))).toBe(true);
  expect(read(stick, "gone.txt")).toBe("precious\n");
  // It is a run like others, with what became of it, and what is back is not in the bin any more.
  await expect(page.getByText("1 item is back")).toBeVisible();
  await expect(page.getByRole("row", { name: /gone\.txt/ })).toHaveCount(0);
  await expectAccessible(page, "the bin after something came back");
  await page.screenshot({ path: join(pictures, "bin-back.png") });
  const jobs = (await host.call("job.list", {})).jobs.map((job) => job.title);
  expect(jobs).toContain("Bring back from the bin of Papers");

  write(laptop, "keep.txt", "changed, and longer\n");
  await host.run(pairId);
  await expect.poll(() => read(stick, "keep.txt")).toBe("changed, and longer\n");
  await page.getByRole("tab", { name: "Runs" }).click();
  await page.getByRole("button", { name: /^Undo the run/ }).first().click();
  await expectAccessible(page, "undoing a run");
  await page.getByRole("button", { name: "Undo this run" }).click();
  await expect.poll(() => read(stick, "keep.txt")).toBe("kept\n");
  await expect(page.getByText("2 items are as they were before that run. The pair is paused.")).toBeVisible();
  await expect(page.getByText("Paused").first()).toBeVisible();
  expect(faults).toEqual([]);
});

test("all runs since a moment are undone, after a look at what that is", async ({ page }) => {
  write(laptop, "plan.txt", "first\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  for (const text of ["second, and longer\n", "third, and longer still\n"]) {
    write(laptop, "plan.txt", text);
    await host.run(pairId);
  }
  write(laptop, "more.txt", "more\n");
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}?tab=runs`);
  await page.getByRole("button", { name: "Undo all since…" }).click();
  const dialog = page.getByRole("dialog");
  const since = dialog.getByLabel("All runs that began since");
  await since.fill("2099-01-01T00:00");
  await expect(dialog.getByText("No run since then can be undone.")).toBeVisible();
  await expect(dialog.getByRole("button", { name: /^Undo \d+ runs/ })).toBeDisabled();
  await since.fill("2020-01-01T00:00");
  await expect(dialog.getByText(/^This undoes 4 runs, the earliest of /)).toBeVisible();
  await expect(dialog.getByText("4 changes")).toBeVisible();
  expect(read(stick, "plan.txt")).toBe("third, and longer still\n");
  await expectAccessible(page, "undoing all since a moment");
  await page.screenshot({ path: join(pictures, "undo-since.png") });
  await dialog.getByRole("button", { name: "Undo 4 runs" }).click();
  await expect(page.getByText("4 runs undone: 4 items are as they were before. The pair is paused.")).toBeVisible();
  expect(existsSync(join(stick, "plan.txt")) || existsSync(join(stick, "more.txt"))).toBe(false);
  expect(read(laptop, "plan.txt")).toBe("third, and longer still\n");
  await expect(page.getByText("Undone", { exact: true })).toHaveCount(4);
  await expect(page.getByText("Paused").first()).toBeVisible();
  await page.screenshot({ path: join(pictures, "undo-since-done.png") });
  expect(faults).toEqual([]);
});

for (const theme of ["light", "dark"] as const) {
  test(`every page of a pair, ${theme}`, async ({ browser }) => {
    write(laptop, "letters/to-ada.txt", "Dear Ada\n");
    write(stick, "roof.txt", "a roof\n");
    const pairId = await host.newPair();
    await host.run(pairId);
    write(laptop, "letters/to-ada.txt", "Dear Ada, the roof\n");
    write(stick, "letters/to-ada.txt", "Dear Ada, the well is full\n");
    rmSync(join(stick, "roof.txt"));
    await host.run(pairId);
    const node = (await host.call("sync.conflicts", { pairId })).conflicts[0]?.node ?? "";
    write(laptop, "new.txt", "new\n");
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const faults = await host.open(page, "/sync");
    const looks: [string, string, RegExp][] = [
      ["pairs", "/sync", /Waits for your decision/],
      ["new", "/sync/new", /Which two places/],
      ["overview", `/sync/${pairId}`, /The two places/],
      ["conflicts", `/sync/${pairId}?tab=conflicts`, /to-ada/],
      ["conflict", `/sync/${pairId}/conflict/${node}`, /Your decision/],
      ["bin", `/sync/${pairId}?tab=bin`, /roof/],
      ["runs", `/sync/${pairId}?tab=runs`, /Changes in laptop/],
      ["edit", `/sync/${pairId}/edit`, /What is left out/],
      ["plan-over", `/sync/${pairId}/plan`, /This plan is over/],
    ];
    for (const [name, path, ready] of looks) {
      await page.setViewportSize({ width: 1200, height: 800 });
      await goTo(page, path);
      await expect(page.getByText(ready).first()).toBeVisible();
      await expectAccessible(page, `${name} (${theme})`);
      await page.screenshot({ path: join(pictures, `${name}-${theme}.png`) });
      await page.setViewportSize({ width: 900, height: 640 });
      await expectAccessible(page, `${name} (${theme}, small)`);
      await page.screenshot({ path: join(pictures, `${name}-${theme}-small.png`) });
    }
    await page.getByRole("button", { name: "See what would happen" }).click();
    await expect(page.getByRole("grid", { name: "Planned changes" })).toBeVisible();
    await expectAccessible(page, `plan (${theme})`);
    await page.setViewportSize({ width: 1200, height: 800 });
    await page.screenshot({ path: join(pictures, `plan-${theme}.png`) });
    await page.getByRole("button", { name: "Give up this plan" }).click();
    await expect(page.getByText(/waits for your decision/i).first()).toBeVisible();
    expect(existsSync(join(stick, "new.txt"))).toBe(false);
    expect(faults).toEqual([]);
    await context.close();
  });
}
