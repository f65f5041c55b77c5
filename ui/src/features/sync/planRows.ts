/** The rows of a plan, asked for by the pages in sight; a choice shows at once and is then planned by the engine. */
import { useMutation, useQueries } from "@tanstack/react-query";
import { useState } from "react";

import { call, Failure, type SyncChoice, type SyncFilter, type SyncPlanPage, type SyncRow, type SyncSide } from "../../api";
import { tellFailed } from "../../components/news";
import { queryClient } from "../../lib/queries";
import { PAGE_ROWS, pagesOf, type Sight } from "./windowing";

export interface PlanQuestion {
  filter: SyncFilter;
  side: SyncSide | undefined;
  text: string;
  /** Of a halted run: what filling this side again would do, instead of going on. */
  bringBack?: SyncSide | undefined;
}

/** Pages far from what is in sight are forgotten after this. */
const KEPT_MS = 60_000;

export interface PlanRows {
  /** What the plan says as a whole: counts, conflicts, brakes. */
  head: SyncPlanPage | undefined;
  total: number;
  rowAt: (index: number) => SyncRow | undefined;
  onSight: (first: number, end: number) => void;
  choose: (row: SyncRow, choice: SyncChoice | null) => void;
  isChoosing: boolean;
  error: Failure | null;
  again: () => void;
}

export function usePlanRows(jobId: string, question: PlanQuestion, enabled: boolean): PlanRows {
  const [sight, setSight] = useState<Sight>({ first: 0, end: 0 });
  const pages = pagesOf(sight);
  const key = (page: number) => ["sync.plan", jobId, question, page] as const;
  const answers = useQueries({
    queries: pages.map((page) => ({
      queryKey: key(page),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        call(
          "sync.plan",
          {
            jobId,
            filter: question.filter,
            ...(question.bringBack === undefined ? {} : { bringBack: question.bringBack }),
            ...(question.side === undefined ? {} : { side: question.side }),
            ...(question.text.trim() === "" ? {} : { text: question.text.trim() }),
            offset: page * PAGE_ROWS,
            limit: PAGE_ROWS,
          },
          signal,
        ),
      enabled,
      staleTime: Infinity,
      gcTime: KEPT_MS,
      retry: false,
    })),
  });
  const choosing = useMutation<SyncPlanPage, Failure, { node: string; choice: SyncChoice | null }>({
    mutationFn: (one) => call("sync.choose", { jobId, choices: [one] }),
    onSuccess: () => queryClient.invalidateQueries({ queryKey: ["sync.plan", jobId] }),
    onError: (failure) => tellFailed(failure.message, failure.details.hint ?? undefined),
  });
  const byPage = new Map(pages.map((page, index) => [page, answers[index]?.data]));
  const head = answers.find((answer) => answer.data)?.data;
  const failed = answers.find((answer) => answer.error)?.error;
  return {
    head,
    total: head?.total ?? 0,
    rowAt: (index) => byPage.get(Math.floor(index / PAGE_ROWS))?.rows[index % PAGE_ROWS],
    onSight: (first, end) => setSight((before) => (before.first === first && before.end === end ? before : { first, end })),
    choose: (row, choice) => choosing.mutate({ node: row.node, choice }),
    isChoosing: choosing.isPending,
    error: failed instanceof Failure ? failed : null,
    again: () => answers.forEach((answer) => void answer.refetch()),
  };
}
