/**
 * Every job the window knows, always as the engine last told it.
 *
 * Over HTTP one loop asks for changes and waits for the answer; the shell sends them through a channel. The first
 * answer is the whole picture, so a reload loses nothing. Invariant: between two whole pictures a job never goes back to an older revision. Deliberately not here: rates and time left, which
 * come from the engine.
 */
import { useSyncExternalStore } from "react";

import type { Job, JobChanges } from "./generated";
import { subscribeThroughShell } from "./shell";
import { call, insideShell, type Failure } from "./transport";

const WAIT_MS = 25_000;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;

export interface JobsPicture {
  /** Grows with every change; the one to ask from. */
  revision: number | undefined;
  jobs: ReadonlyMap<string, Job>;
  /** Why the engine does not answer, while it does not. */
  lost: Failure | undefined;
}

export const EMPTY: JobsPicture = { revision: undefined, jobs: new Map(), lost: undefined };

const ACTIVE = new Set(["queued", "planning", "waitingForConfirmation", "running", "paused", "halted"]);

/** Whether a job still does or waits for something. */
export function isActive(job: Job): boolean {
  return ACTIVE.has(job.state);
}

/** The picture after an answer. */
export function withChanges(before: JobsPicture, changes: JobChanges): JobsPicture {
  const jobs = new Map(changes.full ? [] : before.jobs);
  for (const job of changes.jobs) {
    // The whole picture may come from an engine that was restarted and counts anew.
    const known = changes.full ? undefined : before.jobs.get(job.id);
    jobs.set(job.id, known && known.revision > job.revision ? known : job);
  }
  changes.removed.forEach((id) => jobs.delete(id));
  return { revision: changes.revision, jobs, lost: undefined };
}

/** The jobs that were active before and are not any more, or came already ended. */
export function endedBetween(before: JobsPicture, after: JobsPicture): Job[] {
  if (before.revision === undefined) return [];
  return [...after.jobs.values()].filter((job) => {
    const earlier = before.jobs.get(job.id);
    return !isActive(job) && (earlier === undefined || isActive(earlier));
  });
}

let picture = EMPTY;
let running = false;
const watchers = new Set<() => void>();
const endWatchers = new Set<(ended: Job[]) => void>();

function show(next: JobsPicture): void {
  const ended = endedBetween(picture, next);
  picture = next;
  watchers.forEach((tell) => tell());
  if (ended.length > 0) endWatchers.forEach((tell) => tell(ended));
}

async function follow(): Promise<void> {
  let pauseMs = FIRST_PAUSE_MS;
  for (;;) {
    try {
      const since = picture.revision;
      show(withChanges(picture, await call("job.changes", since === undefined ? {} : { since, waitMs: WAIT_MS })));
      pauseMs = FIRST_PAUSE_MS;
    } catch (thrown) {
      // After a break the whole picture is asked for again: the engine may have been restarted.
      show({ ...picture, revision: undefined, lost: thrown as Failure });
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
    }
  }
}

/** Begins to follow the engine. Once is enough. */
export function startJobs(): void {
  if (running) return;
  running = true;
  if (insideShell) {
    subscribeThroughShell((changes) => show(withChanges(picture, changes)), (failure) => show({ ...picture, lost: failure }));
  } else {
    void follow();
  }
}

/** Takes over a job that a command answered with, before the loop tells it. */
export function showJob(job: Job): void {
  const known = picture.jobs.get(job.id);
  if (known && known.revision >= job.revision) return;
  show({ ...picture, jobs: new Map(picture.jobs).set(job.id, job) });
}

/** Calls back with the jobs that ended since the last call. */
export function onJobsEnded(tell: (ended: Job[]) => void): () => void {
  endWatchers.add(tell);
  return () => endWatchers.delete(tell);
}

/** Calls back once a job has ended; at once where it has. */
export function whenEnded(job: Job, tell: () => void): void {
  if (!isActive(job)) {
    tell();
    return;
  }
  const stop = onJobsEnded((ended) => {
    if (!ended.some(({ id }) => id === job.id)) return;
    stop();
    tell();
  });
}

function watch(watcher: () => void): () => void {
  watchers.add(watcher);
  return () => watchers.delete(watcher);
}

/** All jobs known here. */
export function useJobs(): JobsPicture {
  return useSyncExternalStore(watch, () => picture);
}

/** One job, as last told; nothing where it is older than what is followed. */
export function useJob(id: string | undefined | null): Job | undefined {
  return useSyncExternalStore(watch, () => (id ? picture.jobs.get(id) : undefined));
}
