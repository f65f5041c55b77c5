/** A page of runs with what the engine told since: newer revisions in place, new runs on top. */
import type { Job, JobList } from "../../api";

type Filter = Pick<JobList, "kinds" | "states" | "planId" | "placeId" | "pairId">;

/** Whether a run belongs into a list. */
export function belongs(job: Job, filter: Filter): boolean {
  return (
    (filter.kinds === undefined || filter.kinds.includes(job.kind)) &&
    (filter.states === undefined || filter.states.includes(job.state)) &&
    (filter.planId === undefined || filter.planId === job.planId) &&
    (filter.placeId === undefined || filter.placeId === job.placeId) &&
    (filter.pairId === undefined || filter.pairId === job.pairId)
  );
}

/** The rows as they are now, newest first. */
export function freshen(rows: readonly Job[], known: ReadonlyMap<string, Job>, filter: Filter): Job[] {
  const listed = new Set(rows.map((row) => row.id));
  const newest = rows.reduce((latest, row) => Math.max(latest, row.queuedMs), 0);
  const added = [...known.values()].filter((job) => !listed.has(job.id) && job.queuedMs >= newest && belongs(job, filter));
  const renewed = rows
    .map((row) => {
      const fresh = known.get(row.id);
      return fresh && fresh.revision >= row.revision ? fresh : row;
    })
    .filter((job) => belongs(job, filter));
  return [...added.sort((left, right) => right.queuedMs - left.queuedMs), ...renewed];
}
