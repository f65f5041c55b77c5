import { describe, expect, it } from "vitest";

import type { Replica } from "../../api";
import { FRESH_REPLICA, fromReplica, replicaState, toReplicaSave } from "./replicaState";

const NOW = 1_800_000_000_000;

function replica(over: Partial<Replica>): Replica {
  const path = { path: "sftp://nas/second", display: "sftp://nas/second" };
  return {
    id: "r1", placeId: "p1", path, label: "nas", schedule: { kind: "manual" },
    nextRunMs: null, provenMs: null, copiedMs: null, lastRun: null, activeJobId: null, ...over,
  };
}

describe("a second copy", () => {
  it("is called proven only where everything was read", () => {
    expect(replicaState(replica({}), undefined, NOW)).toMatchObject({ tone: "idle", text: "Nothing was copied yet" });
    expect(replicaState(replica({ copiedMs: NOW }), undefined, NOW)).toMatchObject({ tone: "idle", text: "Not yet proven the same" });
    expect(replicaState(replica({ copiedMs: NOW, provenMs: NOW }), undefined, NOW)).toMatchObject({ tone: "ok" });
  });

  it("that failed or found something is never shown as good", () => {
    const run = { jobId: "j", state: "failed" as const, finishedMs: NOW, problems: 0, error: null };
    const error = { code: "unreachable" as const, message: "The stick is not connected.", hint: null, path: null, retry: true, server: null };
    const good = { copiedMs: NOW, provenMs: NOW };
    expect(replicaState(replica({ ...good, lastRun: { ...run, error } }), undefined, NOW)).toMatchObject({ tone: "bad" });
    expect(replicaState(replica({ ...good, lastRun: { ...run, problems: 2 } }), undefined, NOW)).toMatchObject({ tone: "warn" });
    expect(replicaState(replica({ ...good, activeJobId: "j" }), undefined, NOW)).toMatchObject({ tone: "running" });
  });

  it("is saved as it was filled in, and with what opens its server", () => {
    const where = { path: "sftp://nas/second", display: "sftp://nas/second" };
    const fields = { ...FRESH_REPLICA, where, access: { user: "ada", secret: "s" }, kind: "weekly" as const, time: "18:30", weekday: "3" };
    expect(toReplicaSave("p1", fields, undefined)).toEqual({
      placeId: "p1",
      path: "sftp://nas/second",
      access: { user: "ada", secret: "s" },
      schedule: { kind: "weekly", atMinutes: 1110, weekday: 3 },
    });
    const known = replica({ schedule: { kind: "daily", atMinutes: 60 } });
    expect(toReplicaSave("p1", fromReplica(known), known)).toEqual({ id: "r1", placeId: "p1", path: "sftp://nas/second", schedule: { kind: "daily", atMinutes: 60 } });
  });
});
