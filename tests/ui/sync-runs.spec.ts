/** The lists of the runs of a pair: each run is told from the others by what it was, what it did and how it ended. */
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "@playwright/test";

import { eachOnPairHost, goTo, host, pictures, read, write } from "./pairs";
import { expectAccessible } from "./window";

eachOnPairHost();

test("runs of every kind are told apart in both lists and in Activity, and a receipt says what was undone", async ({ page }) => {
  const { laptop, stick } = host;
  write(laptop, "letter.txt", "one\ntwo\nthree\n");
  write(laptop, "note.txt", "before\n");
  write(laptop, "gone.txt", "precious\n");
  const pairId = await host.newPair();
  await host.run(pairId);
  rmSync(join(laptop, "gone.txt"));
  await host.run(pairId);
  write(laptop, "letter.txt", "ONE\ntwo\nthree\n");
  write(stick, "letter.txt", "one\ntwo\nthree\nfour\n");
  write(laptop, "note.txt", "laptop\n");
  write(stick, "note.txt", "stick, and longer\n");
  await host.run(pairId);
  const waiting = (await host.call("sync.conflicts", { pairId })).conflicts;
  const nodeOf = (name: string) => waiting.find(({ path }) => path.display === name)?.node ?? "";
  const ended = async ({ jobId }: { jobId: string | null }) => {
    expect(jobId).not.toBeNull();
    return host.finished(jobId ?? "");
  };
  await ended(await host.call("sync.merge", { pairId, node: nodeOf("letter.txt") }));
  await ended(await host.call("sync.resolve", { pairId, decisions: [{ node: nodeOf("note.txt"), choice: "left" }] }));
  expect([read(stick, "letter.txt"), read(stick, "note.txt")]).toEqual(["ONE\ntwo\nthree\nfour\n", "laptop\n"]);
  const binned = (await host.call("sync.bin", { pairId, text: "gone.txt" })).rows;
  await ended(await host.call("sync.binRestore", { pairId, ids: binned.map(({ id }) => id) }));
  // A plan that is given up.
  await host.call("sync.run", { pairId, preview: true });
  const faults = await host.open(page, `/sync/${pairId}/plan`);
  await page.getByRole("button", { name: "Give up this plan" }).click();
  await expect.poll(async () => (await host.call("sync.pair", { pairId })).activeJobId).toBeNull();
  const last = (await host.call("sync.runs", { pairId })).runs[0]?.runId ?? "";
  const undo = await host.call("sync.undo", { pairId, runIds: [last] });
  await ended(undo);

  // Opened anew, so that no message lies over the lists.
  await host.open(page, `/sync/${pairId}?tab=runs`);
  const changed = page.getByRole("grid", { name: "Runs that changed something" });
  await expect(changed.getByRole("row", { name: /Run after a decision/ })).toContainText("Undone");
  await expect(changed.getByRole("row", { name: /Merging two texts/ })).toContainText("Done");
  await expect(changed.getByRole("row", { name: /Run after merging/ })).toHaveCount(1);
  const all = page.getByRole("grid", { name: "Runs, newest first" });
  await expect(all.getByRole("row", { name: /Undo of the run of/ })).toContainText("1 item as it was before");
  await expect(all.getByRole("row", { name: /A look at what would happen/ })).toContainText("Plan given up");
  await expect(all.getByRole("row", { name: /A look at what would happen/ })).toContainText("Nothing was changed");
  await expect(all.getByRole("row", { name: /Bringing back from the bin/ })).toContainText("1 item brought back");
  await expect(all.getByRole("row", { name: /Run after a decision/ })).toContainText("1 replaced");
  await expect(all.getByRole("row", { name: /2 conflicts wait/ })).toHaveCount(1);
  for (const theme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme: theme });
    for (const width of [1280, 900]) {
      await page.setViewportSize({ width, height: 800 });
      await expectAccessible(page, `the runs (${theme}, ${String(width)})`);
      await page.screenshot({ path: join(pictures, `runs-all-${theme}-${String(width)}.png`) });
    }
  }

  await goTo(page, "/activity");
  await expect(page.getByRole("row", { name: /Papers: Undo of the run of/ })).toBeVisible();
  await expectAccessible(page, "activity with runs of a pair");
  await page.screenshot({ path: join(pictures, "runs-activity-900.png") });
  await page.setViewportSize({ width: 1280, height: 800 });
  await page.screenshot({ path: join(pictures, "runs-activity-1280.png") });

  await page.getByRole("row", { name: /Papers: Undo of the run of/ }).click();
  await page.getByRole("tab", { name: "Receipt" }).click();
  await expect(page.getByText("Pair: Papers")).toBeVisible();
  await expect(page.getByText(`First place: laptop (${laptop})`)).toBeVisible();
  await expect(page.getByText(/^Undone: the run of 20\d\d-/)).toBeVisible();
  await expect(page.getByText(`Reference for support: run ${undo.jobId}, undone run ${last}`)).toBeVisible();
  await expectAccessible(page, "the receipt of an undo");
  await page.screenshot({ path: join(pictures, "receipt-undo.png") });

  // What was undone is compared anew: it is said why no common version is known of it.
  write(laptop, "beside.txt", "beside\n");
  await goTo(page, `/sync/${pairId}`);
  await page.getByRole("button", { name: "See what would happen" }).first().click();
  await expect(page.getByText("A run of this pair was undone, and none ran since")).toBeVisible();
  await expectAccessible(page, "a plan after an undo");
  await page.screenshot({ path: join(pictures, "plan-after-undo.png") });
  await page.getByRole("button", { name: /^Apply/ }).click();
  await expect.poll(() => existsSync(join(stick, "beside.txt"))).toBe(true);
  await page.getByRole("tab", { name: "Runs" }).click();
  await expect(changed.getByRole("row", { name: /Run after a look/ })).toContainText("Done");
  await expect(all.getByRole("row", { name: /Run after a look/ })).toContainText("2 new");
  await expect.poll(async () => (await host.call("sync.conflicts", { pairId })).conflicts.map(({ kind }) => kind)).toEqual(["bothCreated"]);
  expect(faults).toEqual([]);
});
