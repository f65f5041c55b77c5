/** The engine's words as the window shows them: which text, which tone. Exhaustive, so a new word does not compile. */
import type { ChangeKind, EntryType, FolderKind, Job, JobKind, JobPhase, JobState, OverwriteMode, PlaceStatus, Plan, RestoreAction, Schedule } from "../api";
import { isActive } from "../api/jobs";
import type { Tone } from "../components/Status";
import { LANGUAGE, t, type TextKey } from "../text/text";
import { formatMoment, formatRelative } from "./format";

export const KIND: Record<JobKind, TextKey & `kind.${string}`> = {
  backup: "kind.backup",
  restore: "kind.restore",
  check: "kind.check",
  sync: "kind.sync",
  replicate: "kind.replicate",
};

export const STATE: Record<JobState, { tone: Tone; text: TextKey & `state.${string}` }> = {
  queued: { tone: "idle", text: "state.queued" },
  planning: { tone: "running", text: "state.planning" },
  waitingForConfirmation: { tone: "asking", text: "state.waitingForConfirmation" },
  running: { tone: "running", text: "state.running" },
  paused: { tone: "paused", text: "state.paused" },
  halted: { tone: "asking", text: "state.halted" },
  succeeded: { tone: "ok", text: "state.succeeded" },
  succeededWithProblems: { tone: "warn", text: "state.succeededWithProblems" },
  cancelled: { tone: "idle", text: "state.cancelled" },
  failed: { tone: "bad", text: "state.failed" },
  interrupted: { tone: "bad", text: "state.interrupted" },
};

export const PHASE: Record<JobPhase, TextKey & `phase.${string}`> = {
  preparing: "phase.preparing",
  scanning: "phase.scanning",
  copying: "phase.copying",
  finishing: "phase.finishing",
  verifying: "phase.verifying",
};

export const PLACE: Record<PlaceStatus, { tone: Tone; text: "place.good" | "place.attention" | "place.unreachable" }> = {
  good: { tone: "ok", text: "place.good" },
  attention: { tone: "warn", text: "place.attention" },
  unreachable: { tone: "bad", text: "place.unreachable" },
};

export const TYPE: Record<EntryType, TextKey & `type.${string}`> = {
  file: "type.file",
  folder: "type.folder",
  symlink: "type.symlink",
  other: "type.other",
};

export const CHANGE: Record<ChangeKind, { tone: Tone; text: TextKey & `change.${string}` }> = {
  added: { tone: "ok", text: "change.added" },
  removed: { tone: "bad", text: "change.removed" },
  changed: { tone: "warn", text: "change.changed" },
  metadata: { tone: "idle", text: "change.metadata" },
  kind: { tone: "warn", text: "change.kind" },
};

export const FOLDER: Record<FolderKind, TextKey & `folder_kind.${string}`> = {
  home: "folder_kind.home",
  documents: "folder_kind.documents",
  pictures: "folder_kind.pictures",
  desktop: "folder_kind.desktop",
  music: "folder_kind.music",
  videos: "folder_kind.videos",
  downloads: "folder_kind.downloads",
};

export const ACTION: Record<RestoreAction, { tone: Tone; text: "restore.create" | "restore.replace" | "restore.metadata" | "restore.skip" | "restore.same" | "restore.refuse" }> = {
  create: { tone: "ok", text: "restore.create" },
  replace: { tone: "warn", text: "restore.replace" },
  metadata: { tone: "idle", text: "restore.metadata" },
  skip: { tone: "idle", text: "restore.skip" },
  same: { tone: "idle", text: "restore.same" },
  refuse: { tone: "bad", text: "restore.refuse" },
};

export const OVERWRITE: OverwriteMode[] = ["ifDifferent", "ifOlder", "never", "always"];

const times = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", hourCycle: "h23", timeZone: "UTC" });
const weekdays = new Intl.DateTimeFormat(LANGUAGE, { weekday: "long", timeZone: "UTC" });

/** Minutes after midnight as a time of day. */
export function timeOfDay(minutes: number): string {
  return times.format(minutes * 60_000);
}

/** 1 Monday to 7 Sunday, by name. */
export function weekdayName(weekday: number): string {
  // The fifth of January 1970 was a Monday.
  return weekdays.format(Date.UTC(1970, 0, 4 + weekday));
}

/** When a plan runs, in words. */
export function scheduleWords(schedule: Schedule): string {
  switch (schedule.kind) {
    case "manual":
      return t("schedule.manual");
    case "everyHours":
      return schedule.hours === 1 ? t("schedule.hourly") : t("schedule.hours", { count: schedule.hours });
    case "daily":
      return t("schedule.daily", { time: timeOfDay(schedule.atMinutes) });
    case "weekly":
      return t("schedule.weekly", { day: weekdayName(schedule.weekday), time: timeOfDay(schedule.atMinutes) });
  }
}

export interface PlanState {
  tone: Tone;
  text: string;
  /** What that means for the data, where it is not plain. */
  means?: string;
}

/** How a plan stands: what it does now, or how its last run ended. */
export function planState(plan: Plan, job: Job | undefined, now: number): PlanState {
  if (job && isActive(job)) {
    switch (job.state) {
      case "queued":
        return { tone: "idle", text: t("plan.queued") };
      case "paused":
        return { tone: "paused", text: t("plan.paused") };
      case "halted":
      case "waitingForConfirmation":
        return { tone: "asking", text: t("plan.halted") };
      default:
        return { tone: "running", text: t("plan.running") };
    }
  }
  const last = plan.lastRun;
  if (!last) return { tone: "idle", text: t("plan.never"), means: t("plan.never_means") };
  const when = formatRelative(last.finishedMs, now);
  const newest =
    plan.lastSuccessMs === null ? t("plan.failed_none") : t("plan.failed_have", { when: formatMoment(plan.lastSuccessMs) });
  switch (last.state) {
    case "succeeded":
      return { tone: "ok", text: t("plan.good", { when }) };
    case "succeededWithProblems":
      return { tone: "warn", text: t("plan.problems", { when }) };
    case "cancelled":
      return { tone: "idle", text: t("plan.cancelled", { when }), means: newest };
    case "interrupted":
      return { tone: "bad", text: t("plan.interrupted", { when }), means: newest };
    default:
      return { tone: "bad", text: t("plan.failed", { when }), means: newest };
  }
}

/** A run that waited for a person and was given up, or never began: it did nothing. What it did is told of every other. */
export function wasGivenUp(job: Job): boolean {
  return job.kind === "sync" && job.state === "cancelled" && job.result === null;
}

/** Whether it is certain that a run changed nothing, so far or at all. */
export function changedNothing(job: Job): boolean {
  return wasGivenUp(job) || (job.kind === "sync" && (job.state === "waitingForConfirmation" || job.state === "halted"));
}

/** How far a job is between 0 and 1; nothing where that can not be said. */
export function shareOf(job: Job): number | undefined {
  const progress = job.progress;
  if (!progress?.totalKnown) return undefined;
  if (progress.bytesTotal > 0) return Math.min(1, progress.bytesDone / progress.bytesTotal);
  if (progress.itemsTotal > 0) return Math.min(1, progress.itemsDone / progress.itemsTotal);
  return undefined;
}
