import { describe, expect, it } from "vitest";

import type { Job, JobState } from "./generated";
import { EMPTY, endedBetween, withChanges } from "./jobs";

function job(id: string, state: JobState, revision: number): Job {
  return { id, state, revision } as Job;
}

describe("the picture of all jobs", () => {
  const first = withChanges(EMPTY, { revision: 3, full: true, removed: [], jobs: [job("a", "running", 2), job("b", "queued", 3)] });

  it("takes changes over and keeps the rest", () => {
    const next = withChanges(first, { revision: 4, full: false, removed: [], jobs: [job("a", "paused", 4)] });
    expect(next.jobs.get("a")?.state).toBe("paused");
    expect(next.jobs.get("b")?.state).toBe("queued");
    expect(next.revision).toBe(4);
  });

  it("throws away what it had when the whole picture comes", () => {
    const next = withChanges(first, { revision: 9, full: true, removed: [], jobs: [job("c", "running", 9)] });
    expect([...next.jobs.keys()]).toEqual(["c"]);
  });

  it("forgets what is gone", () => {
    const next = withChanges(first, { revision: 5, full: false, removed: ["b"], jobs: [] });
    expect([...next.jobs.keys()]).toEqual(["a"]);
  });

  it("never goes back to an older revision", () => {
    const newer = withChanges(first, { revision: 6, full: false, removed: [], jobs: [job("a", "succeeded", 6)] });
    const late = withChanges(newer, { revision: 6, full: false, removed: [], jobs: [job("a", "running", 5)] });
    expect(late.jobs.get("a")?.state).toBe("succeeded");
  });

  it("names the jobs that ended, also those never seen running, but not those of the first picture", () => {
    expect(endedBetween(EMPTY, withChanges(EMPTY, { revision: 1, full: true, removed: [], jobs: [job("x", "failed", 1)] }))).toEqual([]);
    const next = withChanges(first, { revision: 7, full: false, removed: [], jobs: [job("a", "failed", 6), job("z", "succeeded", 7)] });
    expect(endedBetween(first, next).map((ended) => ended.id)).toEqual(["a", "z"]);
    expect(endedBetween(next, next)).toEqual([]);
  });
});
