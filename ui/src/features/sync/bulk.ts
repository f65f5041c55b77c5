/**
 * One decision for many conflicts: which of them it decides, and what is said before and after. Pure.
 *
 * Invariant: what a decision can not be made for is left out and counted, before and after. Deliberately not here: what
 * a decision does to one (`outcomes`).
 */
import type { ConflictChoice, SyncConflict, SyncPair, SyncResolved } from "../../api";
import { t } from "../../text/text";
import type { PlaceNames } from "./names";
import { other } from "./names";
import { decidedOne, isOfPlaces, kindsOf, newerSide } from "./outcomes";

/** Whether the next run of a pair carries decisions out, not one of their own at once. */
export function isHeld(pair: SyncPair, allPaused: boolean): boolean {
  return pair.paused || allPaused || pair.state === "preview" || pair.state === "halted";
}

/** Those of them that a choice decides: one thing can not lie in two places, and times do not always tell. */
export function decidable(choice: ConflictChoice, chosen: readonly SyncConflict[]): SyncConflict[] {
  switch (choice) {
    case "left":
    case "right":
      return [...chosen];
    case "both":
      return chosen.filter((conflict) => !isOfPlaces(conflict));
    case "newest":
      return chosen.filter((conflict) => newerSide(conflict) !== undefined);
    case "later":
      return chosen.filter((conflict) => conflict.decided !== null);
  }
}

/** What one decision for all of them does. */
export function bulkMeans(choice: ConflictChoice, chosen: readonly SyncConflict[], names: PlaceNames): string {
  const leftOut = chosen.length - decidable(choice, chosen).length;
  switch (choice) {
    case "left":
    case "right": {
      const values = { here: names[choice], there: names[other(choice)] };
      const isFolderGone = chosen.some((conflict) => kindsOf(conflict)?.[other(choice)] === "folder");
      return [
        chosen.every(isOfPlaces) ? "" : t("conflict.bulk_keep", values),
        isFolderGone ? t("conflict.bulk_keep_folders") : "",
        chosen.some(isOfPlaces) ? t("conflict.bulk_keep_moved", values) : "",
      ].filter((text) => text !== "").join(" ");
    }
    case "both":
      return t("conflict.bulk_both") + (leftOut > 0 ? ` ${t("conflict.bulk_both_not", { count: leftOut })}` : "");
    case "newest":
      return t("conflict.bulk_newest") + (leftOut > 0 ? ` ${t("conflict.bulk_newest_not", { count: leftOut })}` : "");
    case "later":
      return t("conflict.bulk_later");
  }
}

/** What is said once it was decided: of one what is done with it, of many how many, and how many wait still. */
export function bulkDone(choice: ConflictChoice, chosen: readonly SyncConflict[], { decided, jobId }: SyncResolved, names: PlaceNames): { title: string; text?: string } {
  const [only] = chosen;
  if (chosen.length === 1 && only) return { title: decidedOne(only, choice, names), ...(choice === "later" ? {} : { text: whenDone(jobId) }) };
  if (choice === "later") return { title: t("conflict.taken_back", { count: decidable(choice, chosen).length }) };
  const title = t(jobId === null ? "conflict.decided_kept" : "conflict.decided_done", { count: decided });
  return chosen.length > decided ? { title, text: t("conflict.decided_rest", { count: chosen.length - decided }) } : { title };
}

/** When what was decided is carried out. */
export function whenDone(jobId: string | null): string {
  return t(jobId === null ? "conflict.done_next" : "conflict.done_now");
}
