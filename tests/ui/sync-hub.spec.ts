/** Several places kept the same through one hub: made in the window, and a change in one reaches all. */
import { existsSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { eachOnPairHost, goTo, host, pictures, read, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

test("three places are kept the same through a hub, paused and run together", async ({ page }) => {
  const [hub, laptop, desk, stick] = ["server", "laptop", "desk", "stick"].map((name) => host.folder(name)) as [string, string, string, string];
  write(laptop, "news.txt", "from the laptop\n");
  write(stick, "old.txt", "from the stick\n");
  const faults = await host.open(page, "/sync/new");
  await page.getByRole("radio", { name: /^Keep several places the same/ }).click();
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("Choose a folder, or type its address.").first()).toBeVisible();
  await page.getByLabel("Hub", { exact: true }).fill(hub);
  await page.getByLabel("Place 1", { exact: true }).fill(laptop);
  await page.getByLabel("Place 2", { exact: true }).fill(laptop);
  await page.getByRole("button", { name: "Continue" }).click();
  await expect(page.getByText("This place is named already.")).toBeVisible();
  await page.getByLabel("Place 2", { exact: true }).fill(desk);
  await expectAccessible(page, "the places of a hub");
  await page.screenshot({ path: join(pictures, "hub-new.png") });
  for (let step = 0; step < 3; step += 1) await page.getByRole("button", { name: "Continue" }).click();
  await page.getByLabel("Name").fill("Work");
  await page.getByRole("button", { name: "Save", exact: true }).click();

  const list = page.getByRole("list", { name: "Places of Work" });
  await expect(list.getByRole("listitem")).toHaveCount(2);
  await expect(page.getByText("2 of 2 have not run yet")).toBeVisible();
  await page.getByRole("button", { name: "More actions for Work" }).click();
  await page.getByRole("menuitem", { name: "Add places" }).click();
  await page.getByLabel("Place 1", { exact: true }).fill(stick);
  await page.getByRole("button", { name: "Add them" }).click();
  await expect(list.getByRole("listitem")).toHaveCount(3);

  await page.getByRole("button", { name: "Sync all places now" }).click();
  for (const place of [hub, laptop, desk, stick]) {
    await expect.poll(() => existsSync(join(place, "news.txt")) && existsSync(join(place, "old.txt"))).toBe(true);
  }
  await expect(page.getByText(/^All in step, checked/)).toBeVisible();
  await expect(page.getByText("Failed:", { exact: false })).toHaveCount(0);
  await expectAccessible(page, "a hub in the list");
  await page.screenshot({ path: join(pictures, "hub.png") });

  // A change in one place, carried to the hub by its pair alone, reaches the others by itself.
  write(desk, "news.txt", "from the desk, later\n");
  const pairs = (await host.call("sync.pairs", {})).pairs;
  const ofDesk = pairs.find((pair) => pair.right.name === "desk")?.id ?? "";
  await host.run(ofDesk);
  for (const place of [laptop, stick]) await expect.poll(() => read(place, "news.txt")).toBe("from the desk, later\n");

  await page.getByRole("button", { name: "More actions for Work" }).click();
  await page.getByRole("menuitem", { name: "Pause all places" }).click();
  await expect(page.getByText("3 of 3 are paused")).toBeVisible();
  expect((await host.call("sync.pairs", {})).pairs.every((pair) => pair.paused)).toBe(true);
  await page.getByRole("button", { name: "More actions for Work" }).click();
  await page.getByRole("menuitem", { name: "Let all places run again" }).click();
  await expect(page.getByText(/^All in step, checked/)).toBeVisible();
  await page.getByRole("button", { name: "More actions for Work" }).click();
  await page.getByRole("menuitem", { name: "Remove hub" }).click();
  await page.getByRole("alertdialog").getByRole("button", { name: "Remove hub" }).click();
  await expect(page.getByText("No pair yet")).toBeVisible();
  expect(read(stick, "news.txt")).toBe("from the desk, later\n");
  expect(faults).toEqual([]);
});

test("all pairs are held and let go at once, and a hub is shown in both themes", async ({ browser }) => {
  const [hub, laptop, stick] = ["server", "laptop", "stick"].map((name) => host.folder(name)) as [string, string, string];
  const save = { left: hub, right: laptop, mode: "twoWay", conflicts: "ask" } as const;
  const made = await host.call("sync.hubSave", { name: "Work", pair: save, more: [{ place: stick }] });
  await host.newPair({ name: "Papers", left: laptop, right: host.folder("papers") });
  write(laptop, "same.txt", "one\n");
  write(stick, "same.txt", "another\n");
  for (const pair of made.pairs) await host.run(pair.id);
  for (const theme of ["light", "dark"] as const) {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const faults = await host.open(page, "/sync");
    await expect(page.getByText("1 of 2 waits for you")).toBeVisible();
    await page.getByRole("button", { name: "Pause all" }).click();
    await expect(page.getByText("All pairs are paused")).toBeVisible();
    expect((await host.call("sync.pairs", {})).pairs.some((pair) => pair.paused)).toBe(false);
    await expectAccessible(page, `pairs and a hub, held (${theme})`);
    await page.screenshot({ path: join(pictures, `hub-${theme}.png`) });
    await page.getByRole("button", { name: "Let all run again" }).click();
    await expect(page.getByRole("button", { name: "Pause all" })).toBeVisible();
    await page.setViewportSize({ width: 900, height: 640 });
    await expectAccessible(page, `pairs and a hub (${theme}, small)`);
    await page.screenshot({ path: join(pictures, `hub-${theme}-small.png`) });
    await goTo(page, `/sync/new?hub=${made.pairs[0]?.group?.id ?? ""}`);
    await expect(page.getByRole("heading", { name: "More places for “Work”" })).toBeVisible();
    await expectAccessible(page, `more places (${theme})`);
    expect(faults).toEqual([]);
    await context.close();
  }
});

test("how all pairs of a hub work is changed in one step", async ({ browser }) => {
  const [hub, laptop, stick] = ["server", "laptop", "stick"].map((name) => host.folder(name)) as [string, string, string];
  const made = await host.call("sync.hubSave", { name: "Work", pair: { left: hub, right: laptop, mode: "twoWay", conflicts: "ask" }, more: [{ place: stick }] });
  const [, second] = made.pairs;
  if (!second) throw new Error("there are two pairs");
  const places = { left: second.left.address.path, right: second.right.address.path };
  await host.call("sync.pairSave", { id: second.id, name: second.name, ...places, mode: "twoWay", conflicts: "ask", rules: { ...second.rules, exclude: ["*.iso"] } });
  for (const theme of ["light", "dark"] as const) {
    const context = await browser.newContext({ colorScheme: theme, viewport: { width: 1200, height: 800 } });
    const page = await context.newPage();
    const faults = await host.open(page, "/sync");
    await page.getByRole("link", { name: "Change all pairs of Work" }).click();
    await expect(page.getByRole("heading", { name: "All pairs of “Work”" })).toBeVisible();
    await expect(page.getByText("They differ in what is left out.", { exact: false })).toBeVisible();
    await expectAccessible(page, `changing all pairs of a hub (${theme})`);
    await page.screenshot({ path: join(pictures, `hub-change-${theme}.png`) });
    await page.screenshot({ path: join(pictures, `hub-change-${theme}-whole.png`), fullPage: true });
    if (theme === "dark") {
      await page.getByRole("radio", { name: /^Keep both/ }).click();
      await page.getByRole("button", { name: "Change all 2 pairs" }).click();
      await expect(page.getByText("All 2 pairs of “Work” are changed")).toBeVisible();
    }
    expect(faults).toEqual([]);
    await context.close();
  }
  const changed = (await host.call("sync.pairs", {})).pairs;
  expect(changed.map((pair) => [pair.conflicts, pair.rules.exclude])).toEqual([["keepBoth", []], ["keepBoth", ["*.iso"]]]);
});
