/** What can be done with a pair, wherever it is shown. */
import { useNavigate } from "@tanstack/react-router";

import { showJob, type SyncPair } from "../../api";
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

/** Holds all pairs, or those of a hub, or lets them go on. */
export function useHold() {
  return useAct("sync.hold", { renews: ["sync"], onFailed });
}
