/** Tells what was decided; where a run carries it out, with the way to where that run is undone. */
import type { SyncPair } from "../../api";
import { tellDone, tellDoneAt } from "../../components/news";
import { t } from "../../text/text";

export function tellDecided(pair: SyncPair, jobId: string | null, { title, text }: { title: string; text?: string }): void {
  if (jobId === null) tellDone(title, text);
  else tellDoneAt(title, text, { text: t("conflict.done_runs", { pair: pair.name }), to: `/sync/${pair.id}?tab=runs` });
}
