/** The speeds of a run over the last minute, as the engine told them: for the sparkline. */
import { useSyncExternalStore } from "react";

import type { Job } from "../api";

const KEPT = 60;
const STEP_MS = 1000;

interface History {
  values: readonly number[];
  at: number;
}

const histories = new Map<string, History>();
const NONE: readonly number[] = [];

/** Adds what a job says now, at most once a step. */
export function withRate(history: History | undefined, rate: number, at: number): History {
  if (history && at - history.at < STEP_MS) return history;
  return { values: [...(history?.values ?? []), rate].slice(-KEPT), at };
}

const never = () => () => undefined;

/** The speeds of this run so far. The caller renders with every change of the job, so nothing else has to be watched. */
export function useRateHistory(job: Job): readonly number[] {
  return useSyncExternalStore(never, () => {
    if (!job.progress || job.state !== "running") return histories.get(job.id)?.values ?? NONE;
    const history = withRate(histories.get(job.id), job.progress.bytesPerSecond, job.progress.elapsedMs);
    if (!histories.has(job.id) && histories.size > 20) histories.clear();
    histories.set(job.id, history);
    return history.values;
  });
}
