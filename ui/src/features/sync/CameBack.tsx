/** What became of bringing back, removing from the bin, or undoing a run: how many items, and which were left as they are. */
import type { ReactNode } from "react";

import type { Job } from "../../api";
import { Notice } from "../../components/Page";
import { Trouble } from "../../components/Trouble";
import { useAsk } from "../../lib/queries";
import { t } from "../../text/text";
import { LeftAlone } from "./LeftAlone";

interface CountWords {
  done: "bin.done" | "bin.done_again" | "bin.done_stays" | "bin.remove_done" | "runs.undo_done";
  stopped: "bin.stopped" | "bin.remove_stopped" | "runs.undo_stopped";
}

type CameBackProps = (CountWords | { heading: string }) & {
  job: Job;
  leftAlone: "bin.problems" | "bin.remove_problems" | "runs.left_alone";
  /** What can be done next. */
  actions?: ReactNode;
};

export function CameBack({ job, leftAlone, actions, ...words }: CameBackProps) {
  const problems = useAsk("job.problems", { jobId: job.id, limit: 100 }, { enabled: job.problems > 0 });
  if (job.error) return <Trouble error={job.error} />;
  const count = job.result?.items ?? 0;
  const isStopped = job.state === "cancelled";
  return (
    <>
      <Notice tone={isStopped || count === 0 ? "idle" : "ok"} heading={"heading" in words ? words.heading : t(isStopped ? words.stopped : words.done, { count })} actions={actions} />
      {problems.data && problems.data.problems.length > 0 && <LeftAlone heading={t(leftAlone)} problems={problems.data.problems} />}
    </>
  );
}
