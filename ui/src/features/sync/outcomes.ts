/**
 * What each decision on a conflict is called and what it does, in one sentence. Pure, so that every case is tested.
 *
 * Invariants: a button is named by its outcome and by the place, never by "left", "right", "mine" or "theirs"; the
 * sentence under it names what happens in both places, and the bin what goes away goes to. Deliberately not here: how
 * it comes back from there (`ConflictPage`), how the name of a copy is made (`copyName`), many at once (`bulk`).
 */
import type { ConflictChoice, ConflictKind, EntryType, SyncConflict, SyncConflictView, SyncMode, SyncSide } from "../../api";
import { baseName } from "../../lib/path";
import { t, type TextKey } from "../../text/text";
import { copyName } from "./copyName";
import type { PlaceNames } from "./names";
import { other } from "./names";

export interface Outcome {
  choice: ConflictChoice;
  button: string;
  means: string;
  /** Whether something may go to a bin. */
  bins: boolean;
}

/** What the sentences need to know beside the conflict itself. */
export interface Circumstances {
  mode: SyncMode;
  /** What the name of a copy calls the places. */
  sides: PlaceNames;
  /** The day, as names have it. */
  day: string;
  /** Whether both surely hold the same. */
  same: boolean;
}

const CONFLICT: Record<ConflictKind, TextKey & `sync.conflict.${string}`> = {
  bothChanged: "sync.conflict.bothChanged",
  bothCreated: "sync.conflict.bothCreated",
  bothMoved: "sync.conflict.bothMoved",
  movedIntoEachOther: "sync.conflict.movedIntoEachOther",
  kindChanged: "sync.conflict.kindChanged",
};

/** What each place has, where that is not of one kind. */
export function kindsOf({ left, right }: Pick<SyncConflict, "left" | "right">): Record<SyncSide, EntryType> | undefined {
  if (left.entryType === null || right.entryType === null || left.entryType === right.entryType) return undefined;
  return { left: left.entryType, right: right.entryType };
}

/** What happened: of a file and a folder of one name, which place has which. */
export function conflictWords(conflict: SyncConflict, names: PlaceNames): string {
  const kinds = kindsOf(conflict);
  if (kinds === undefined) return t(CONFLICT[conflict.kind]);
  return t("conflict.kinds", { ...names, leftKind: t(`conflict.a_kind.${kinds.left}`), rightKind: t(`conflict.a_kind.${kinds.right}`) });
}

/** Whether it is about where something lies, not about what it holds. */
export function isOfPlaces({ kind }: Pick<SyncConflict, "kind">): boolean {
  return kind === "bothMoved" || kind === "movedIntoEachOther";
}

/** Whether it is known that both hold the same: line by line, or as far as the size and the time tell. */
export function holdTheSame({ conflict: { left, right }, lines }: Pick<SyncConflictView, "conflict" | "lines">): boolean {
  if (left.entryType !== right.entryType) return false;
  if (left.entryType === "folder") return true;
  if (lines !== null) return lines.every((line) => line.kind === "same");
  return left.sizeBytes === right.sizeBytes && left.modifiedMs !== null && left.modifiedMs === right.modifiedMs;
}

/** Merging is of use only where two texts at one place differ. */
export function canMerge(view: SyncConflictView): boolean {
  return view.merged !== null && !isOfPlaces(view.conflict) && !holdTheSame(view);
}

/** Whether either place has it elsewhere than where the pair knew it. */
export function isElsewhere({ kind, path, left, right }: SyncConflict): boolean {
  return kind !== "bothCreated" && kind !== "kindChanged" && [left, right].some((version) => version.path !== null && version.path.path !== path.path);
}

/** The side whose version was changed later, where both tell and differ. */
export function newerSide(conflict: Pick<SyncConflict, "left" | "right">): SyncSide | undefined {
  const { left, right } = conflict;
  if (left.modifiedMs === null || right.modifiedMs === null || left.modifiedMs === right.modifiedMs) return undefined;
  return left.modifiedMs > right.modifiedMs ? "left" : "right";
}

function pathOf(conflict: SyncConflict, side: SyncSide): string {
  return (conflict[side].path ?? conflict.path).display;
}

/** The name a version goes on with where both are kept: a rename of either side counts for both versions of one file. */
function keptName(conflict: SyncConflict, side: SyncSide): string {
  if (conflict.kind !== "bothChanged") return baseName(pathOf(conflict, side));
  const known = baseName(conflict.path.display);
  return [pathOf(conflict, "left"), pathOf(conflict, "right")].map(baseName).find((name) => name !== known) ?? known;
}

function keepButton(conflict: SyncConflict, side: SyncSide, names: PlaceNames): string {
  return t(isOfPlaces(conflict) ? "sync.keep_where" : "sync.keep_one", { place: names[side] });
}

/** A folder stays, or goes to the bin, with all that is in it. */
function keepMeans(conflict: SyncConflict, side: SyncSide, values: { here: string; there: string; name: string }): string {
  const kinds = kindsOf(conflict);
  if (kinds === undefined) return t("sync.keep_one_means", values);
  const kind = t(`conflict.noun.${kinds[side]}`);
  const gone = t(`conflict.noun.${kinds[other(side)]}`);
  if (kinds[side] === "folder") return t("sync.keep_folder_means", { ...values, gone });
  return kinds[other(side)] === "folder" ? t("sync.bin_folder_means", { ...values, kind }) : t("sync.keep_kind_means", { ...values, kind, gone });
}

function keepOne(conflict: SyncConflict, side: SyncSide, names: PlaceNames, { same }: Circumstances): Outcome {
  const here = names[side];
  const there = names[other(side)];
  const button = keepButton(conflict, side, names);
  const path = pathOf(conflict, side);
  if (!isOfPlaces(conflict)) return { choice: side, button, means: keepMeans(conflict, side, { here, there, name: baseName(path) }), bins: true };
  return same
    ? { choice: side, button, means: t("sync.keep_where_means", { here, there, path }), bins: false }
    : { choice: side, button, means: t("sync.keep_where_other_means", { here, there, path }), bins: true };
}

/**
 * Which of both keeps the name is the engine's to say: a folder, else the newer one, or, where the times do not tell, one
 * that both places find alike; where files move in, the one that is there. Of a conflict written down before it said so, nothing
 * is claimed.
 */
function keepBoth(conflict: SyncConflict, names: PlaceNames, { mode, sides, day }: Circumstances): Outcome {
  const button = t("sync.keep_both");
  const outcome = (means: string, bins = false): Outcome => ({ choice: "both", button, means, bins });
  const kept = conflict.keepsName;
  const copyOf = (side: SyncSide) => copyName(keptName(conflict, side), sides[side], day);
  if (mode === "moveIn") return outcome(t("sync.keep_both_moving_means", { ...names, name: keptName(conflict, "right"), copy: copyOf("left") }), true);
  if (kept === null) return outcome(t("sync.keep_both_means", { name: baseName(conflict.path.display), copy: copyOf("right") }));
  const renamed = other(kept);
  const said = { name: keptName(conflict, kept), kept: names[kept], renamed: names[renamed], copy: copyOf(renamed) };
  const kinds = kindsOf(conflict);
  if (kinds?.[kept] === "folder") return outcome(t("sync.keep_both_folder_means", { ...said, kind: t(`conflict.noun.${kinds[renamed]}`) }));
  return outcome(newerSide(conflict) === kept ? t("sync.keep_both_newer_means", said) : t("sync.keep_both_named_means", said));
}

/** The decisions that are possible, in the order they are shown. */
export function outcomes(conflict: SyncConflict, names: PlaceNames, circumstances: Circumstances): Outcome[] {
  const both = isOfPlaces(conflict) ? [] : [keepBoth(conflict, names, circumstances)];
  return [keepOne(conflict, "left", names, circumstances), keepOne(conflict, "right", names, circumstances), ...both];
}

/** What was decided, in words. */
export function decidedWords(conflict: SyncConflict, names: PlaceNames): string {
  const { decided } = conflict;
  if (decided === "left" || decided === "right") return keepButton(conflict, decided, names);
  return decided === "both" ? t("sync.keep_both") : "";
}

/** What is said once one was decided, or its decision was taken back. */
export function decidedOne(conflict: SyncConflict, choice: ConflictChoice | "merged", names: PlaceNames): string {
  const name = baseName(conflict.path.display);
  switch (choice) {
    case "left":
    case "right":
      return t(isOfPlaces(conflict) ? "conflict.done_where" : "conflict.done_one", { name, place: names[choice] });
    case "newest": {
      const newer = newerSide(conflict);
      return newer ? decidedOne(conflict, newer, names) : t("conflict.decided_done", { count: 1 });
    }
    case "both":
      return t("conflict.done_both", { name });
    case "merged":
      return t("conflict.done_merged", { name });
    case "later":
      return t("conflict.taken_back_one", { name });
  }
}
