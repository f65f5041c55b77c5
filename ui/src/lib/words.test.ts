import { describe, expect, it } from "vitest";

import type { Job, Plan } from "../api";
import { planState, scheduleWords, shareOf, timeOfDay, weekdayName } from "./words";

const NOW = Date.UTC(2026, 10, 22, 12);

function plan(state: string | undefined, lastSuccessMs: number | null): Plan {
  const lastRun = state === undefined ? null : { jobId: "j", state, finishedMs: NOW - 7_200_000, snapshotId: null, problems: 0 };
  return { lastRun, lastSuccessMs } as unknown as Plan;
}

describe("how a plan stands", () => {
  it("says that nothing is backed up before the first run", () => {
    expect(planState(plan(undefined, null), undefined, NOW)).toEqual({ tone: "idle", text: "Has not run yet", means: "Nothing is backed up yet." });
  });

  it("says how the last run ended and what there is after a failure", () => {
    expect(planState(plan("succeeded", NOW), undefined, NOW)).toEqual({ tone: "ok", text: "Backed up 2 hours ago" });
    expect(planState(plan("succeededWithProblems", NOW), undefined, NOW).tone).toBe("warn");
    expect(planState(plan("failed", null), undefined, NOW).means).toBe("There is no copy yet.");
    expect(planState(plan("failed", Date.UTC(2026, 10, 20, 8)), undefined, NOW).means).toContain("Nov 20, 2026");
  });

  it("prefers what it does now", () => {
    expect(planState(plan("failed", null), { state: "running" } as Job, NOW).tone).toBe("running");
    expect(planState(plan("failed", null), { state: "halted" } as Job, NOW).tone).toBe("asking");
    expect(planState(plan("failed", null), { state: "succeeded" } as Job, NOW).tone).toBe("bad");
  });
});

describe("schedules", () => {
  it("in words", () => {
    expect(scheduleWords({ kind: "manual" })).toBe("Only when you say so");
    expect(scheduleWords({ kind: "everyHours", hours: 1 })).toBe("Every hour");
    expect(scheduleWords({ kind: "everyHours", hours: 6 })).toBe("Every 6 hours");
    expect(scheduleWords({ kind: "daily", atMinutes: 725 })).toBe("Every day at 12:05");
    expect(scheduleWords({ kind: "weekly", weekday: 7, atMinutes: 0 })).toBe("Every Sunday at 00:00");
  });

  it("times and days", () => {
    expect(timeOfDay(1439)).toBe("23:59");
    expect(weekdayName(1)).toBe("Monday");
  });
});

describe("how far a job is", () => {
  const job = (progress: object | null) => ({ progress }) as Job;
  it("can not be said while totals still grow", () => {
    expect(shareOf(job(null))).toBeUndefined();
    expect(shareOf(job({ totalKnown: false, bytesTotal: 10, bytesDone: 5 }))).toBeUndefined();
  });
  it("goes by bytes, and by items where there are none", () => {
    expect(shareOf(job({ totalKnown: true, bytesTotal: 10, bytesDone: 5 }))).toBe(0.5);
    expect(shareOf(job({ totalKnown: true, bytesTotal: 0, bytesDone: 0, itemsTotal: 4, itemsDone: 1 }))).toBe(0.25);
    expect(shareOf(job({ totalKnown: true, bytesTotal: 10, bytesDone: 12 }))).toBe(1);
  });
});
