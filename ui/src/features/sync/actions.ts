/** What can be done with a pair, wherever it is shown. */
import { useNavigate } from "@tanstack/react-router";

import { showJob, whenEnded, type SyncPair } from "../../api";
import { tellDone, tellFailed } from "../../components/news";
import { useAct } from "../../lib/queries";
import { t } from "../../text/text";

const onFailed = (failure: { message: string; details: { hint: string | null } }) => tellFailed(failure.message, failure.details.hint ?? undefined);

/** Runs a pair now, or looks first and shows the plan. */
export function useRunPair(pair: SyncPair) {
  const navigate = useNavigate();
  const run = useAct("sync.run", {
    renews: ["sync", "job"],
    onDone: (_, { preview }) => {
      if (preview) void navigate({ to: "/sync/$pairId/plan", params: { pairId: pair.id } });
    },
    onFailed,
  });
  return {
    isPending: run.isPending,
    now: () => run.mutate({ pairId: pair.id, preview: false }),
    look: () => run.mutate({ pairId: pair.id, preview: true }),
  };
}

export function usePausePair(pair: SyncPair) {
  return useAct("sync.pairPause", { renews: ["sync"], onFailed: (failure) => tellFailed(t("pair.not_paused", { name: pair.name }), failure.message) });
}

/** Lets a run go on, in one of the ways there are. */
export function useApply(onDone?: () => void) {
  return useAct("sync.apply", {
    renews: ["sync", "job"],
    onDone: (job) => {
      showJob(job);
      onDone?.();
    },
    onFailed,
  });
}

/** Gives a run up that waits for a person. */
export function useGiveUp(text: string, onDone?: () => void) {
  return useAct("job.cancel", {
    renews: ["sync", "job"],
    onDone: (job) => {
      showJob(job);
      tellDone(text);
      onDone?.();
    },
    onFailed,
  });
}

/** Gives up a run that halted and looks at both places again, as the pair does: it runs where it runs by itself. */
export function useLookAgain(pair: SyncPair) {
  const run = useRunPair(pair);
  const runsByItself = !pair.paused && (pair.live || pair.schedule.kind !== "manual");
  const giveUp = useAct("job.cancel", {
    renews: ["sync", "job"],
    onDone: (job) => {
      showJob(job);
      tellDone(t("brake.looks_again", { name: pair.name }));
      whenEnded(job, runsByItself ? run.now : run.look);
    },
    onFailed,
  });
  return { isPending: giveUp.isPending || run.isPending, mutate: (jobId: string) => giveUp.mutate({ jobId }) };
}

/** Holds all pairs, or those of a hub, or lets them go on. */
export function useHold() {
  return useAct("sync.hold", { renews: ["sync"], onFailed });
}
