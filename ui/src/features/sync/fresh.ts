/** Keeps what is known of the pairs fresh: whenever a run of sync begins, waits, halts or ends, they are asked again. */
import { useEffect } from "react";

import { useJobs, type Job } from "../../api";
import { renew } from "../../lib/queries";

/** Changes whenever a pair's state may have; not with every step of progress. */
export function syncSignature(jobs: Iterable<Job>): string {
  return [...jobs]
    .filter((job) => job.kind === "sync")
    .map((job) => `${job.id} ${job.state}`)
    .sort()
    .join("\n");
}

export function useFreshPairs(): void {
  const { jobs } = useJobs();
  const signature = syncSignature(jobs.values());
  useEffect(() => renew("sync"), [signature]);
}
