/** The engine's words of sync as the window shows them. Exhaustive, so a new word does not compile. */
import type { Job, SyncAction, SyncBrake, SyncBrakeKind, SyncDiffers, SyncFilter, SyncMode, SyncPair, SyncRow, SyncSide, SyncTotals, SyncWhy } from "../../api";
import { isActive } from "../../api/jobs";
import type { Tone } from "../../components/Status";
import { formatBytes, formatRelative } from "../../lib/format";
import { t, type TextKey } from "../../text/text";
import { other, type PlaceNames } from "./names";

export const MODES: SyncMode[] = ["twoWay", "mirror", "update", "moveIn"];
export const FILTERS: SyncFilter[] = ["all", "new", "changed", "moved", "removed", "metadata", "chosen"];

export const WHY: Record<SyncWhy, TextKey & `sync.why.${string}`> = {
  new: "sync.why.new",
  changed: "sync.why.changed",
  metadataChanged: "sync.why.metadataChanged",
  moved: "sync.why.moved",
  removed: "sync.why.removed",
  oneWay: "sync.why.oneWay",
  editBeatsRemoval: "sync.why.editBeatsRemoval",
  conflictDecided: "sync.why.conflictDecided",
  conflictCopy: "sync.why.conflictCopy",
  movedIn: "sync.why.movedIn",
  stepOnTheWay: "sync.why.stepOnTheWay",
  broughtBack: "sync.why.broughtBack",
};

export const DOES: Record<SyncAction, TextKey & `sync.does.${string}`> = {
  createFolder: "sync.does.createFolder",
  copy: "sync.does.copy",
  replace: "sync.does.replace",
  move: "sync.does.move",
  remove: "sync.does.remove",
  setMetadata: "sync.does.setMetadata",
};

/** The times of a folder that is made by another row: they are set once it is filled. */
function isAfterwards(row: SyncRow): boolean {
  return row.action === "setMetadata" && row.why === "new";
}

/** Why a row is in the plan, with the place that is the cause. */
export function whyWords(row: SyncRow, names: PlaceNames): string {
  const source = row.side === "left" ? names.right : names.left;
  if (isAfterwards(row)) return t("sync.why.afterwards");
  // What a person turned round is no conflict.
  if (row.why === "conflictDecided" && row.choice !== null) return t("sync.why.chosen", { place: source });
  return t(WHY[row.why], { place: source });
}

/** Which way a pair goes, with its places. */
export function modeWords(mode: SyncMode, names: PlaceNames): string {
  return t(`sync.mode_words.${mode}`, { left: names.left, right: names.right });
}

export interface BrakeWords {
  heading: string;
  means: string;
  /** What going on does; nothing where that is no choice. */
  ifGoOn?: string;
  /** What filling its side again is called, and does; nothing where that is no choice. */
  bringBack?: { text: string; means: string };
}

const BRAKE: Record<SyncBrakeKind, TextKey & `sync.brake.${string}`> = {
  rootEmptied: "sync.brake.rootEmptied",
  rootGone: "sync.brake.rootGone",
  anotherPlace: "sync.brake.anotherPlace",
  manyRemoved: "sync.brake.manyRemoved",
  manyRewritten: "sync.brake.manyRewritten",
  allTimesChanged: "sync.brake.allTimesChanged",
  rulesChanged: "sync.brake.rulesChanged",
  oldCopy: "sync.brake.oldCopy",
  noSpace: "sync.brake.noSpace",
};

type GoOn = Exclude<SyncBrakeKind, "rootGone" | "noSpace"> | "anotherMirror" | "anotherKept";

/** What going on does. What another place means for the other side goes by the mode. */
function goOnOf({ kind, side }: SyncBrake, mode: SyncMode): GoOn | undefined {
  if (kind === "rootGone" || kind === "noSpace") return undefined;
  if (kind !== "anotherPlace" || mode === "twoWay" || (mode === "mirror" && side === "left")) return kind;
  return mode === "mirror" ? "anotherMirror" : "anotherKept";
}

type BackKey = "missing" | "content" | "times" | "replaced" | "gone";

const BACK: Record<SyncBrakeKind, BackKey | undefined> = {
  rootEmptied: "missing",
  rootGone: "gone",
  anotherPlace: "replaced",
  manyRemoved: "missing",
  manyRewritten: "content",
  allTimesChanged: "times",
  rulesChanged: "missing",
  oldCopy: "content",
  noSpace: undefined,
};

function backMeansKey(back: BackKey, mode: SyncMode) {
  if (back === "gone") return "brake.bring_back_means.gone";
  if (back === "missing" && (mode === "twoWay" || mode === "mirror")) return "brake.bring_back_means.missing";
  if (back !== "replaced") return "brake.bring_back_means.alike";
  return mode === "twoWay" ? "brake.bring_back_means.replaced" : "brake.bring_back_means.replacedOneWay";
}

/** Whether a brake is only about what a side has not any more. */
export const isOfWhatIsGone = ({ kind }: SyncBrake) => BACK[kind] === "missing";

/** What a brake saw, what it may be, and what each answer would do. */
export function brakeWords(brake: SyncBrake, names: PlaceNames, mode: SyncMode): BrakeWords {
  const place = names[brake.side];
  const there = names[other(brake.side)];
  const inWords = (count: number) => (brake.kind === "noSpace" ? formatBytes(count) : t("count.items", { count }));
  const values = { place, there, items: inWords(brake.items), count: brake.items, total: inWords(brake.outOf) };
  const goOn = goOnOf(brake, mode);
  const back = BACK[brake.kind];
  return {
    heading: t(BRAKE[brake.kind], values),
    means: t(`sync.brake_means.${brake.kind}`, values),
    ...(goOn === undefined ? {} : { ifGoOn: t(`sync.brake_go_on.${goOn}`, values) }),
    ...(back === undefined ? {} : { bringBack: { text: t(`brake.bring_back.${back}`, values), means: t(backMeansKey(back, mode), values) } }),
  };
}

const DIFFERS: Record<SyncDiffers, TextKey & `sync.differs.${string}`> = {
  undone: "sync.differs.undone",
  broughtBack: "sync.differs.broughtBack",
  leftOver: "sync.differs.leftOver",
  planned: "sync.differs.planned",
  settingsChanged: "sync.differs.settingsChanged",
  hubChanged: "sync.differs.hubChanged",
  decided: "sync.differs.decided",
  baseLost: "sync.differs.baseLost",
};

function withConflicts(words: string, pair: SyncPair): string {
  return pair.conflictsWaiting === 0 ? words : `${words} ${t("sync.state.conflicts_too", { count: pair.conflictsWaiting })}`;
}

/** Whether a run of a pair waits for a person because a brake held it. Nothing is carried over meanwhile. */
export function isHalted(pair: SyncPair): boolean {
  return pair.state === "halted" && pair.activeJobId !== null;
}

/** Why a pair is not known to be in step, and what waits beside that. */
function differsWords(pair: SyncPair): string {
  // Where one place is made like the other, what came back may go again.
  if (pair.differs === "broughtBack" && pair.mode !== "twoWay") return withConflicts(t("sync.differs.brought_back_one_way"), pair);
  return withConflicts(t(pair.differs === null ? "sync.state.not_in_step_means" : DIFFERS[pair.differs]), pair);
}

/** What comes after undoing: how the next run takes what was undone. */
export function afterUndoWords(pair: SyncPair): string {
  if (pair.mode !== "twoWay") return t("runs.then_one_way");
  return t(pair.conflicts === "ask" && pair.conflictRules.length === 0 ? "runs.then_ask" : "runs.then_rules");
}

/**
 * What the next run does with an item that is back on a side: it carries it over, puts it into the bin again, or lets it be.
 * The job pauses the pair where it would go again (`goes_again` in `sync_bin_work.rs`).
 */
export type AfterBringBack = "carried" | "again" | "stays";

export function afterBringBack(mode: SyncMode, side: SyncSide): AfterBringBack {
  if (mode === "twoWay") return "carried";
  if (mode === "moveIn") return side === "left" ? "again" : "stays";
  if (side === "left") return "carried";
  return mode === "mirror" ? "again" : "stays";
}

/** Why a pair that is paused does nothing, and what waits all the same. */
function pausedWords(pair: SyncPair): string {
  if (pair.state === "notInStep") return `${t("sync.state.not_in_step")}: ${differsWords(pair)}`;
  return withConflicts(t("sync.state.paused_means"), pair);
}

export interface PairState {
  tone: Tone;
  text: string;
  means?: string;
}

function runningWords(job: Job | undefined): string {
  if (job?.state === "paused") return t("sync.state.held");
  switch (job?.progress?.phase) {
    case "copying":
      return t("sync.state.copying");
    case "finishing":
    case "verifying":
      return t("sync.state.finishing");
    default:
      return t("sync.state.looking");
  }
}

/** How a pair stands, in words. */
export function pairState(pair: SyncPair, job: Job | undefined, now: number, names: PlaceNames): PairState {
  const live = job && isActive(job) ? job : undefined;
  if (pair.state === "halted") {
    const first = pair.haltedBy[0];
    if (pair.activeJobId === null) return { tone: "warn", text: t("sync.state.halted_before"), means: t("sync.state.halted_before_means") };
    return { tone: "asking", text: t("sync.state.halted"), ...(first ? { means: brakeWords(first, names, pair.mode).heading } : {}) };
  }
  if (pair.state === "preview") return { tone: "asking", text: t("sync.state.preview"), means: t("sync.state.preview_means") };
  if (pair.state === "running" || live?.state === "running" || live?.state === "planning") return { tone: live?.state === "paused" ? "paused" : "running", text: runningWords(live) };
  if (pair.state === "waiting") return { tone: "idle", text: t("sync.state.waiting") };
  if (pair.paused) return { tone: "paused", text: t("sync.state.paused"), means: pausedWords(pair) };
  const when = (moment: number | null | undefined) => (moment === null || moment === undefined ? t("common.never") : formatRelative(moment, now));
  switch (pair.state) {
    case "new":
      return { tone: "idle", text: t("sync.state.new"), means: t("sync.state.new_means") };
    case "notInStep":
      return { tone: "warn", text: t("sync.state.not_in_step"), means: differsWords(pair) };
    case "conflicts": {
      const means = pair.problems === 0 ? t("sync.state.conflicts_means", { when: when(pair.lastRun?.finishedMs) }) : t("sync.state.conflicts_problems_means", { count: pair.problems });
      return { tone: "asking", text: t("sync.state.conflicts", { count: pair.conflictsWaiting }), means };
    }
    case "problems":
      return { tone: "warn", text: t("sync.state.problems", { count: pair.problems }), means: t("sync.state.checked", { when: when(pair.lastRun?.finishedMs) }) };
    case "failed":
      return { tone: "bad", text: t("sync.state.failed", { when: when(pair.lastRun?.finishedMs) }), means: pair.lastRun?.error?.message ?? t("sync.state.failed_means") };
    case "stopped":
      return { tone: "idle", text: t("sync.state.stopped", { when: when(pair.lastRun?.finishedMs) }), means: t("sync.state.stopped_means") };
    case "inStep":
      return { tone: "ok", text: t("sync.state.in_step", { when: when(pair.inStepMs) }) };
  }
}

export function changesOf(totals: SyncTotals): number {
  return totals.created + totals.replaced + totals.moved + totals.removed + totals.metadata;
}
