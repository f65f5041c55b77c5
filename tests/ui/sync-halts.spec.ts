/** Pairs that wait because something looks wrong, walked to their end: what each answer says, and that it does just that. */
import { existsSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { expect, test, type Locator, type Page } from "@playwright/test";

import { eachOnPairHost, host, laptop, pictures, read, stick, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

/** The page as it is, wide and narrow, light and dark; nothing may be cut off at its side. With what lies at its end, if told. */
async function picture(page: Page, name: string, end?: Locator): Promise<void> {
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const width of [1280, 900]) {
      await page.setViewportSize({ width, height: 800 });
      await expectAccessible(page, `${name} (${theme}, ${String(width)})`);
      expect(await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth), `${name} is wider than ${String(width)}`).toBeLessThanOrEqual(0);
      await page.screenshot({ path: join(pictures, `${name}-${theme}-${String(width)}.png`) });
      await end?.scrollIntoViewIfNeeded();
      if (end) await page.screenshot({ path: join(pictures, `${name}-${theme}-${String(width)}-end.png`) });
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize({ width: 1280, height: 800 });
}

/** One answer to a halt: its button with what stands beside it. */
const answer = (page: Page, name: string) => page.getByRole("region", { name: /^Halted/ }).getByRole("listitem").filter({ has: page.getByRole("button", { name, exact: true }) });

test("a place that was emptied halts its pair, and going on does what it says", async ({ page }) => {
  for (let number = 0; number < 12; number += 1) write(laptop, `photos/${number}.txt`, `photo ${number}\n`);
  const pairId = await host.newPair();
  await host.run(pairId);
  rmSync(join(stick, "photos"), { recursive: true });
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}`);
  const halted = page.getByRole("region", { name: /^Halted/ });
  await expect(halted.getByText("“stick” is empty now").first()).toBeVisible();
  const back = answer(page, "Bring back from “laptop” what is gone");
  await expect(back).toContainText("What is missing in “stick” comes back from “laptop”.");
  await expect(back).toContainText("In “laptop”: no change. In “stick”: 13 new");
  const goOn = answer(page, "Go on anyway");
  await expect(goOn).toContainText("goes to the bin in “laptop”");
  await expect(goOn).toContainText("In “laptop”: 13 to the bin. In “stick”: no change.");
  await expect(answer(page, "Leave it halted")).toContainText("Nothing is changed.");
  await picture(page, "halted-page");

  // Left as it is, nothing happens; then what was said is done, and the bin of that very place has it.
  await page.getByRole("tab", { name: "Runs" }).click();
  const all = page.getByRole("grid", { name: "Runs, newest first" });
  await expect(all.getByRole("row", { name: /Needs your decision/ })).toContainText("Nothing yet: a safety brake holds it");
  await picture(page, "halted-runs", all);
  await expect(all.getByRole("row", { name: /Needs your decision/ })).toBeInViewport();
  expect(existsSync(join(laptop, "photos", "3.txt"))).toBe(true);
  await goOn.getByRole("button").click();
  await expect.poll(() => existsSync(join(laptop, "photos"))).toBe(false);
  await expect(page.getByText(/^In step, checked/).first()).toBeVisible();
  await expect(all.getByRole("row", { name: /Run after a halt: went on anyway/ })).toContainText("13 to the bin");
  await page.getByRole("tab", { name: "Bin" }).click();
  await expect(page.getByRole("row", { name: /photos\/3\.txt/ })).toContainText("laptop");
  expect(faults).toEqual([]);
});

test("a folder that is gone is looked for again, and made again only when told", async ({ page }) => {
  write(laptop, "letter.txt", "Dear Ada\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  const away = `${stick} elsewhere`;
  renameSync(stick, away);
  await host.run(pairId);
  const faults = await host.open(page, `/sync/${pairId}`);
  await expect(page.getByText("The folder of “stick” is gone").first()).toBeVisible();
  await expect(page.getByRole("button", { name: "Go on anyway" })).toHaveCount(0);
  await expect(answer(page, "Make the folder again and bring everything back from “laptop”")).toContainText("The folder “stick” is made again, on the drive it was on, and filled from “laptop”.");
  await picture(page, "gone-page");

  // Still gone: it halts again, and nothing is made.
  await page.getByRole("button", { name: "It is back: look again" }).click();
  await expect(page.getByText("“Papers” is being looked at again")).toBeVisible();
  await expect.poll(async () => (await host.call("job.list", { pairId })).jobs.map(({ state }) => state)).toEqual(["halted", "cancelled", "succeeded"]);
  expect(existsSync(stick)).toBe(false);

  // Back: both places are found alike.
  renameSync(away, stick);
  await host.open(page, `/sync/${pairId}`);
  await page.getByRole("button", { name: "It is back: look again" }).click();
  await expect(page.getByText("Both places are in step")).toBeVisible();

  // Gone for good: made again, with all that was in it.
  rmSync(stick, { recursive: true });
  await host.run(pairId);
  await host.open(page, `/sync/${pairId}`);
  await page.getByRole("button", { name: "Make the folder again and bring everything back from “laptop”" }).click();
  await expect.poll(() => existsSync(join(stick, "letter.txt"))).toBe(true);
  expect(read(stick, "letter.txt")).toBe("Dear Ada\n");
  await expect(page.getByText(/^In step, checked/).first()).toBeVisible();
  await page.getByRole("tab", { name: "Runs" }).click();
  await expect(page.getByRole("row", { name: /Run after a halt: brought back from laptop/ }).first()).toBeVisible();
  await expect(page.getByRole("row", { name: /Given up after a halt/ }).first()).toContainText("Nothing was changed");
  expect(faults).toEqual([]);
});
