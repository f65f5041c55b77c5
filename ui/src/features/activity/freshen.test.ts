import { describe, expect, it } from "vitest";

import type { Job } from "../../api";
import { freshen } from "./freshen";

function job(id: string, queuedMs: number, more: Partial<Job> = {}): Job {
  return { id, queuedMs, revision: 1, state: "succeeded", kind: "backup", planId: "p", placeId: "x", ...more } as Job;
}

function known(...jobs: Job[]): Map<string, Job> {
  return new Map(jobs.map((item) => [item.id, item]));
}

describe("a list of runs", () => {
  const rows = [job("b", 20, { state: "running" }), job("a", 10)];

  it("shows newer revisions in place and new runs on top", () => {
    const fresh = freshen(rows, known(job("b", 20, { revision: 2 }), job("c", 30)), {});
    expect(fresh.map((row) => [row.id, row.state])).toEqual([
      ["c", "succeeded"],
      ["b", "succeeded"],
      ["a", "succeeded"],
    ]);
  });

  it("does not bring in older runs that a later page will list", () => {
    expect(freshen(rows, known(job("old", 1)), {}).map((row) => row.id)).toEqual(["b", "a"]);
  });

  it("keeps to its filter, also when a run changes its state", () => {
    expect(freshen(rows, known(job("b", 20, { revision: 2, state: "failed" }), job("c", 30, { planId: "other" })), { states: ["running", "succeeded"], planId: "p" }).map((row) => row.id)).toEqual(["a"]);
  });
});
