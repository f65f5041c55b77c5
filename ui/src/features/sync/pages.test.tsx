/** What the pages of a pair say, and which buttons they have. */
import { fireEvent, screen, waitFor, within } from "@testing-library/react";
import { act } from "react";
import { describe, expect, it } from "vitest";

import { showJob, type SyncBinPage, type SyncBinRow, type SyncBrake, type SyncPlanPage, type SyncRunRow, type SyncTotals } from "../../api";
import { testJob, testWhat } from "../../testing/testJob";
import { askedWith, openWindow, usesWindow } from "../../testing/window";
import { testConflict, testPair } from "./testPair";

usesWindow();

const none: SyncTotals = { created: 0, replaced: 0, moved: 0, removed: 0, metadata: 0, bytes: 0 };
const emptyPlan: SyncPlanPage = { madeMs: 0, revision: "1", rows: [], total: 0, rowsTotal: 0, left: none, right: none, chosen: 0, brakes: [], conflicts: 0, problems: 0, waitsForAge: 0, stillOpen: 0 };
const at = new Date(2026, 8, 21, 14, 13, 20).getTime();
const runOf = (runId: string, over: Partial<SyncRunRow> = {}): SyncRunRow => ({ runId, what: testWhat(), state: "succeeded", startedMs: at, finishedMs: at, left: none, right: none, undone: false, canUndo: true, ...over });
const press = (button: HTMLElement) => {
  fireEvent.click(button);
};

describe("a plan with nothing in it", () => {
  it("names the conflicts that wait, leads to them, and waits for nobody itself", async () => {
    const preview = testPair({ state: "preview", activeJobId: "j", conflictsWaiting: 2 });
    await openWindow("/sync/p/plan", { "sync.pair": preview, "sync.plan": { ...emptyPlan, conflicts: 2 }, "job.cancel": testJob({ state: "cancelled" }) });
    expect(await screen.findByText("Nothing to carry over; 2 conflicts wait for you")).toBeTruthy();
    expect(screen.getByRole("link", { name: "Decide 2 conflicts" }).className).toContain("primary");
    expect(screen.queryByText("There is nothing to do.")).toBeNull();
    expect(screen.queryByText(/exactly this plan/)).toBeNull();
    expect(askedWith("job.cancel").map(({ request }) => request)).toEqual([{ jobId: "j" }]);
  });

  it("is in step where nothing waits", async () => {
    await openWindow("/sync/p/plan", { "sync.pair": testPair({ state: "preview", activeJobId: "j" }), "sync.plan": emptyPlan, "job.cancel": testJob({ state: "cancelled" }) });
    expect(await screen.findByText("Both places are in step")).toBeTruthy();
  });
});

describe("a pair", () => {
  it("says why it is paused, and can run again from there", async () => {
    await openWindow("/sync/p", { "sync.pair": testPair({ paused: true, state: "notInStep", differs: "undone" }), "sync.pairPause": testPair() });
    expect(await screen.findByText("Not in step: The last run was undone. See what the next one would do before it runs.")).toBeTruthy();
    press(screen.getByRole("button", { name: "Let it run again" }));
    await waitFor(() => expect(askedWith("sync.pairPause").map(({ request }) => request)).toEqual([{ pairId: "p", paused: false }]));
  });

  it("with conflicts leads to them first", async () => {
    await openWindow("/sync/p", { "sync.pair": testPair({ state: "conflicts", conflictsWaiting: 3 }) });
    expect((await screen.findByRole("link", { name: "Decide 3 conflicts" })).className).toContain("primary");
    expect(screen.getByRole("button", { name: "Sync now" }).className).not.toContain("primary");
  });

  it("that is paused tells its conflicts in the list, too", async () => {
    await openWindow("/sync", { "sync.pairs": { pairs: [testPair({ paused: true, conflictsWaiting: 2 })], allPaused: false } });
    expect(await screen.findByText(/It does not run by itself until you let it\. 2 conflicts wait for your decision, too\./)).toBeTruthy();
  });
});

describe("a folder that is gone", () => {
  const gone: SyncBrake = { kind: "rootGone", side: "right", items: 3, outOf: 3, found: "", examples: [], canRelease: false, canBringBack: true };
  const halted = testPair({ state: "halted", activeJobId: "j", haltedBy: [gone], live: true, watched: "watching" });

  it("is first looked for again, and says nothing of being live meanwhile", async () => {
    await openWindow("/sync/p", { "sync.pair": halted, "job.cancel": testJob({ state: "cancelled" }), "sync.run": { jobId: "k" } });
    const first = await screen.findByRole("button", { name: "It is back: look again" });
    expect(first.className).toContain("primary");
    expect(screen.getByRole("button", { name: /Make the folder again/ }).className).not.toContain("primary");
    expect(within(screen.getByRole("region", { name: /Halted/ })).getAllByRole("button")[0]).toBe(first);
    expect(screen.queryByText(/^Live:/)).toBeNull();
    press(first);
    await waitFor(() => expect(askedWith("job.cancel", "sync.run").map(({ command, request }) => [command, request])).toEqual([
      ["job.cancel", { jobId: "j" }],
      ["sync.run", { pairId: "p", preview: false }],
    ]));
    expect(await screen.findByText("“Photos” is being looked at again")).toBeTruthy();
  });

  it("of a pair that runs only when told is looked for with a preview", async () => {
    await openWindow("/sync/p", { "sync.pair": { ...halted, live: false }, "job.cancel": testJob({ state: "cancelled" }), "sync.run": { jobId: "k" } });
    press(await screen.findByRole("button", { name: "It is back: look again" }));
    await waitFor(() => expect(askedWith("sync.run").map(({ request }) => request)).toEqual([{ pairId: "p", preview: true }]));
  });

  it("says nothing of being live in the list either", async () => {
    await openWindow("/sync", { "sync.pairs": { pairs: [halted], allPaused: false } });
    expect(await screen.findByText("Halted: it needs your decision")).toBeTruthy();
    expect(screen.queryByText(/^Live:/)).toBeNull();
  });
});

describe("a side that lost much", () => {
  const removed: SyncBrake = { kind: "manyRemoved", side: "right", items: 14, outOf: 22, found: "", examples: [], canRelease: true, canBringBack: true };

  it("is filled again from the other, and each answer tells its changes", async () => {
    const planOf = ({ bringBack }: { bringBack?: string }) => (bringBack === "right" ? { ...emptyPlan, right: { ...none, created: 14, replaced: 1 } } : { ...emptyPlan, left: { ...none, removed: 14 } });
    await openWindow("/sync/p", { "sync.pair": testPair({ state: "halted", activeJobId: "j", haltedBy: [removed] }), "sync.plan": planOf });
    expect((await screen.findByRole("button", { name: "Bring back from “Pictures” what is gone" })).className).toContain("primary");
    expect(await screen.findByText("In “Pictures”: no change. In “photos”: 14 new, 1 replaced.")).toBeTruthy();
    expect(await screen.findByText("In “Pictures”: 14 to the bin. In “photos”: no change.")).toBeTruthy();
    expect(screen.getByText("14 of 22 items are gone from “photos”")).toBeTruthy();
  });

  it("has what each answer changes under a label that is seen", async () => {
    await openWindow("/sync/p/plan", { "sync.pair": testPair({ state: "halted", activeJobId: "j", haltedBy: [removed] }), "sync.plan": emptyPlan });
    expect(await screen.findByText("If you choose")).toBeTruthy();
    expect(screen.getByRole("combobox", { name: "If you choose" })).toBeTruthy();
  });
});

describe("a conflict", () => {
  const line = (kind: "same" | "left" | "right", text: string) => ({ kind, text, left: kind === "right" ? null : 1, right: kind === "left" ? null : 1 });
  const lines = [line("same", "one"), line("left", "two"), line("right", "three")];
  const merged = { hash: "h", lines: [], whole: true };

  it("offers the merged text first, and names the places over their lines", async () => {
    const conflict = testConflict({ kind: "bothCreated", baseModifiedMs: null });
    await openWindow("/sync/p/conflict/1", { "sync.pair": testPair(), "sync.conflict": { conflict, left: null, right: null, leftFolder: null, rightFolder: null, lines, merged } });
    const answers = within((await screen.findByRole("heading", { name: "Your decision" })).closest("section") ?? document.body).getAllByRole("button");
    expect(answers[0]?.textContent).toBe("See both merged into one text");
    expect(screen.getAllByRole("columnheader").map((head) => head.textContent)).toEqual(["Pictures", "photos"]);
    expect(screen.getByText(/only in photos/)).toBeTruthy();
    expect(screen.getByText("There was no version before that both had.")).toBeTruthy();
    expect(screen.queryByText(/are new/)).toBeNull();
  });
});

describe("the runs of a pair", () => {
  const runs = [runOf("new", { startedMs: at + 5000, right: { ...none, created: 2 } }), runOf("old", { right: { ...none, created: 1, replaced: 3 }, left: { ...none, moved: 1 } })];
  const answers = { "sync.pair": testPair({ paused: true }), "sync.runs": { runs, total: 2 }, "job.list": { jobs: [], total: 0 } };

  it("are told apart, and say what undoing takes back and what comes after", async () => {
    await openWindow("/sync/p?tab=runs", answers);
    press(await screen.findByRole("button", { name: "Undo the run of Sep 21, 2026, 14:13:20" }));
    const dialog = await screen.findByRole("alertdialog", { name: "Undo the run of Sep 21, 2026, 14:13:20 (5 changes)?" });
    expect(within(dialog).getByText("Changes in photos").parentElement?.textContent).toContain("4 changes");
    expect(within(dialog).getByText(/Its next run does not repeat what you undid/)).toBeTruthy();
  });

  it("say in both lists what they were and how they ended", async () => {
    const decision = testWhat({ work: "decision" });
    const rows = [runOf("stopped", { what: decision, state: "cancelled", left: { ...none, moved: 1 } })];
    const jobs = [testJob({ id: "undo", sync: testWhat({ work: "undo", undoes: 1, undoesBegunMs: [at] }) }), testJob({ id: "decision", sync: decision, state: "cancelled", startedMs: null })];
    await openWindow("/sync/p?tab=runs", { ...answers, "sync.runs": { runs: rows, total: 1 }, "job.list": { jobs, total: 2 } });
    const changed = await screen.findByRole("grid", { name: "Runs that changed something" });
    expect(within(changed).getByRole("row", { name: /Run after a decision Sep 21, 2026, 14:13 Stopped 1 moved/ })).toBeTruthy();
    const all = await screen.findByRole("grid", { name: "Runs, newest first" });
    expect(within(all).getByRole("row", { name: /Undo of the run of Sep 21, 2026, 14:13/ })).toBeTruthy();
    expect(within(all).getByRole("row", { name: /Stopped before it began Run after a decision Nothing was changed/ })).toBeTruthy();
  });

  it("lead to the bin only where they may have put something there", async () => {
    await openWindow("/sync/p?tab=runs", answers);
    await screen.findByRole("button", { name: "Undo the run of Sep 21, 2026, 14:13:20" });
    expect(screen.getAllByRole("link", { name: "See its bin" })).toHaveLength(1);
  });

  it("are undone since the newest", async () => {
    await openWindow("/sync/p?tab=runs", answers);
    press(await screen.findByRole("button", { name: "Undo all since…" }));
    expect(await screen.findByText("This undoes 1 run, of Sep 21, 2026, 14:13:25")).toBeTruthy();
    expect(screen.getByText(/Its next run does not repeat what you undid/)).toBeTruthy();
  });

  it("once undone lead to what comes next", async () => {
    await openWindow("/sync/p?tab=runs", { ...answers, "sync.undo": { jobId: "u" }, "sync.pairPause": testPair(), "sync.run": { jobId: "k" } });
    press(await screen.findByRole("button", { name: "Undo the run of Sep 21, 2026, 14:13:20" }));
    press(await screen.findByRole("button", { name: "Undo this run" }));
    await act(async () => {
      showJob(testJob({ id: "u", result: { snapshotId: null, items: 5, bytes: 0, bytesWritten: 0, facts: [] } }));
      await Promise.resolve();
    });
    const done = (await screen.findByText(/5 items are as they were before that run/)).parentElement;
    if (!done) throw new Error("no notice");
    press(within(done).getByRole("button", { name: "Let it run again" }));
    press(within(done).getByRole("button", { name: "See what would happen" }));
    await waitFor(() => expect(askedWith("sync.pairPause", "sync.run").map(({ request }) => request)).toEqual([
      { pairId: "p", paused: false },
      { pairId: "p", preview: true },
    ]));
  });

  it("keep their height whatever lies below", async () => {
    await openWindow("/sync/p?tab=runs", answers);
    expect((await screen.findByRole("grid", { name: "Runs that changed something" })).className).toContain("limited");
  });
});

describe("the bin of a mirror", () => {
  it("says before and after bringing back that the pair is paused with it", async () => {
    const row = (id: string): SyncBinRow => ({ id, side: "right", path: { path: id, display: id }, entryType: "file", sizeBytes: 3, modifiedMs: at, binnedMs: at, why: "removed", runId: "r" });
    const page: SyncBinPage = { rows: [row("7"), row("8")], total: 2, items: 2, bytes: 6 };
    await openWindow("/sync/p?tab=bin", { "sync.pair": testPair({ mode: "mirror" }), "sync.bin": page, "sync.binRestore": { jobId: "b" } });
    press(await screen.findByRole("button", { name: "Select all 2" }));
    press(await screen.findByRole("button", { name: "Bring 2 back" }));
    expect(await screen.findByText(/The pair is paused then: its next run would put them into the bin again\./)).toBeTruthy();
    press(await screen.findByRole("button", { name: "Bring back" }));
    await waitFor(() => expect(askedWith("sync.binRestore").map(({ request }) => request)).toEqual([{ pairId: "p", ids: ["7", "8"] }]));
    await act(async () => {
      showJob(testJob({ id: "b", result: { snapshotId: null, items: 2, bytes: 0, bytesWritten: 0, facts: [] } }));
      await Promise.resolve();
    });
    expect(await screen.findByText("2 items are back. The pair is paused: its next run would put them into the bin again.")).toBeTruthy();
  });
});
