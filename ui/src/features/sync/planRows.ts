/**
 * The rows of a plan, asked for by the pages in sight; what a person says to some of them is planned by the engine.
 *
 * Invariant: a word is about the places of rows in the very plan they were shown of; the engine refuses any other.
 */
import { useMutation, useQueries } from "@tanstack/react-query";
import { useState } from "react";

import { call, Failure, type SyncChosen, type SyncFilter, type SyncPlanPage, type SyncRow, type SyncSay, type SyncSide } from "../../api";
import { tellDone, tellFailed } from "../../components/news";
import { queryClient } from "../../lib/queries";
import { t } from "../../text/text";
import type { Range } from "./selection";
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
  /** Says a word to the rows at these places, or to all that the question finds. */
  choose: (ranges: readonly Range[] | undefined, say: SyncSay) => void;
  isChoosing: boolean;
  error: Failure | null;
  again: () => void;
}

/** The question as both commands take it. */
function asked({ filter, side, text }: PlanQuestion) {
  return { filter, ...(side === undefined ? {} : { side }), ...(text.trim() === "" ? {} : { text: text.trim() }) };
}

/** What became of a word on rows, with what lies below the folders among them. */
function chosenWords(chosen: SyncChosen, say: SyncSay): string {
  const what = t(`changes.said.${say}`);
  const rows = t("changes.said_rows", { count: chosen.rows });
  return chosen.below === 0 ? t("changes.said_to", { what, rows }) : t("changes.said_below", { what, rows, below: t("changes.said_rows", { count: chosen.below }) });
}

export function usePlanRows(jobId: string, question: PlanQuestion, enabled: boolean): PlanRows {
  const [sight, setSight] = useState<Sight>({ first: 0, end: 0 });
  // The first page is always there, for what it says of the whole: far below none of those in sight may be loaded yet.
  const pages = [...new Set([0, ...pagesOf(sight)])];
  const key = (page: number) => ["sync.plan", jobId, question, page] as const;
  const answers = useQueries({
    queries: pages.map((page) => ({
      queryKey: key(page),
      queryFn: ({ signal }: { signal: AbortSignal }) =>
        call(
          "sync.plan",
          { jobId, ...asked(question), ...(question.bringBack === undefined ? {} : { bringBack: question.bringBack }), offset: page * PAGE_ROWS, limit: PAGE_ROWS },
          signal,
        ),
      enabled,
      staleTime: Infinity,
      gcTime: KEPT_MS,
      retry: false,
    })),
  });
  const again = () => queryClient.invalidateQueries({ queryKey: ["sync.plan", jobId] });
  const choosing = useMutation<SyncChosen, Failure, { revision: string; ranges: readonly Range[] | undefined; say: SyncSay }>({
    mutationFn: ({ revision, ranges, say }) => call("sync.choose", { jobId, revision, ...asked(question), ...(ranges === undefined ? {} : { ranges: [...ranges] }), say }),
    onSuccess: async (chosen, { say }) => {
      // One row shows by itself what became of it.
      if (chosen.rows !== 1 || chosen.below > 0) tellDone(chosenWords(chosen, say), chosen.fixed > 0 ? t("changes.chosen_fixed", { count: chosen.fixed }) : undefined);
      await again();
    },
    onError: async (failure) => {
      tellFailed(failure.message, failure.details.hint ?? undefined);
      await again();
    },
  });
  const byPage = new Map(pages.map((page, index) => [page, answers[index]?.data]));
  const head = answers.find((answer) => answer.data)?.data;
  const failed = answers.find((answer) => answer.error)?.error;
  return {
    head,
    total: head?.total ?? 0,
    rowAt: (index) => byPage.get(Math.floor(index / PAGE_ROWS))?.rows[index % PAGE_ROWS],
    onSight: (first, end) => setSight((before) => (before.first === first && before.end === end ? before : { first, end })),
    choose: (ranges, say) => head && choosing.mutate({ revision: head.revision, ranges, say }),
    isChoosing: choosing.isPending,
    error: failed instanceof Failure ? failed : null,
    again: () => answers.forEach((answer) => void answer.refetch()),
  };
}
