/**
 * Whether a run of a pair was undone and none ran since: then the next one compares anew what that run had carried over,
 * and the reasons of its plan name the place where it was taken back, as if somebody had worked there.
 */
import { isActive, type Job } from "../../api";
import { useAsk } from "../../lib/queries";
import { wasGivenUp } from "../../lib/words";

/** Runs that are looked through. */
const RECENT_RUNS = 20;

/** Of runs of one pair, the newest first. */
export function isUndoneSince(jobs: readonly Job[]): boolean {
  for (const job of jobs) {
    if (job.sync === null || job.sync.onlyLooks || isActive(job) || wasGivenUp(job)) continue;
    if (job.sync.work === "undo" && (job.result?.items ?? 0) > 0) return true;
    if (["run", "decision", "mergedText"].includes(job.sync.work)) return false;
  }
  return false;
}

export function useUndoneSince(pairId: string): boolean {
  const jobs = useAsk("job.list", { pairId, limit: RECENT_RUNS });
  return isUndoneSince(jobs.data?.jobs ?? []);
}
