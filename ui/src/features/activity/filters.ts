/** The choices above the list of runs, as they stand in the address. */
import type { JobKind, JobState } from "../../api";

export type StateGroup = "active" | "good" | "problems" | "failed" | "stopped";

export const STATE_GROUPS: Record<StateGroup, JobState[]> = {
  active: ["queued", "planning", "waitingForConfirmation", "running", "paused", "halted"],
  good: ["succeeded"],
  problems: ["succeededWithProblems"],
  failed: ["failed", "interrupted"],
  stopped: ["cancelled"],
};

const KINDS: readonly JobKind[] = ["backup", "restore", "check", "sync", "replicate"];

export interface ActivitySearch {
  kind?: JobKind;
  state?: StateGroup;
}

/** What an address says, without what it should not say. */
export function readActivitySearch(raw: Record<string, unknown>): ActivitySearch {
  const kind = KINDS.find((candidate) => candidate === raw.kind);
  const state = (Object.keys(STATE_GROUPS) as StateGroup[]).find((candidate) => candidate === raw.state);
  return { ...(kind ? { kind } : {}), ...(state ? { state } : {}) };
}

/** What a change makes of it; nothing takes a choice out. */
export function withChoice(before: ActivitySearch, change: { kind?: JobKind | undefined; state?: StateGroup | undefined }): ActivitySearch {
  return readActivitySearch({ ...before, ...change });
}
