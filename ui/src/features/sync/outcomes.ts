/**
 * What each decision on a conflict is called and what it does, in one sentence. Pure, so that every case is tested.
 *
 * Invariants: a button is named by its outcome and by the place, never by "left", "right", "mine" or "theirs"; the
 * sentence under it names what happens in both places, and where what goes away can be found again.
 */
import type { ConflictChoice, ConflictKind, SyncConflict, SyncSide } from "../../api";
import { baseName } from "../../lib/path";
import { t, type TextKey } from "../../text/text";
import type { PlaceNames } from "./names";
import { other } from "./names";

export interface Outcome {
  choice: ConflictChoice;
  button: string;
  means: string;
}

export const CONFLICT: Record<ConflictKind, TextKey & `sync.conflict.${string}`> = {
  bothChanged: "sync.conflict.bothChanged",
  bothCreated: "sync.conflict.bothCreated",
  bothMoved: "sync.conflict.bothMoved",
  movedIntoEachOther: "sync.conflict.movedIntoEachOther",
  kindChanged: "sync.conflict.kindChanged",
};

/** The side whose version was changed later, where both tell and differ. */
export function newerSide(conflict: Pick<SyncConflict, "left" | "right">): SyncSide | undefined {
  const { left, right } = conflict;
  if (left.modifiedMs === null || right.modifiedMs === null || left.modifiedMs === right.modifiedMs) return undefined;
  return left.modifiedMs > right.modifiedMs ? "left" : "right";
}

function keepOne(conflict: SyncConflict, side: SyncSide, names: PlaceNames): Outcome {
  const here = names[side];
  const there = names[other(side)];
  const moved = conflict.kind === "bothMoved" || conflict.kind === "movedIntoEachOther";
  if (moved) {
    const path = conflict[side].path?.display ?? conflict.path.display;
    return { choice: side, button: t("sync.keep_where", { place: here }), means: t("sync.keep_where_means", { there, path }) };
  }
  return { choice: side, button: t("sync.keep_one", { place: here }), means: t("sync.keep_one_means", { here, there, name: baseName(conflict.path.display) }) };
}

/**
 * Which of both keeps the name is the engine's to say: the newer one, or, where the times do not tell, one that both
 * places find alike. Of a conflict written down before it said so, nothing is claimed.
 */
function keepBoth(conflict: SyncConflict, names: PlaceNames): Outcome {
  const kept = conflict.keepsName;
  const button = t("sync.keep_both");
  if (kept === null) return { choice: "both", button, means: t("sync.keep_both_means", { name: baseName(conflict.path.display) }) };
  const name = baseName((conflict[kept].path ?? conflict.path).display);
  const said = { name, kept: names[kept], renamed: names[other(kept)] };
  return { choice: "both", button, means: newerSide(conflict) === kept ? t("sync.keep_both_newer_means", said) : t("sync.keep_both_named_means", said) };
}

/** The decisions that are possible, in the order they are shown. */
export function outcomes(conflict: SyncConflict, names: PlaceNames): Outcome[] {
  const both = conflict.kind === "bothMoved" || conflict.kind === "movedIntoEachOther"
    ? []
    : [keepBoth(conflict, names)];
  return [keepOne(conflict, "left", names), keepOne(conflict, "right", names), ...both];
}

/** What was decided, in words. */
export function decidedWords(conflict: SyncConflict, names: PlaceNames): string {
  const chosen = outcomes(conflict, names).find((outcome) => outcome.choice === conflict.decided);
  return chosen === undefined ? "" : chosen.button;
}
