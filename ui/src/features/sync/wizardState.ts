/** The fields of a pair, and what they make: pure, so that it can be tested without a page. */
import type { ConflictPolicy, PathText, Schedule, SyncMode, SyncPair, SyncPairSave } from "../../api";
import { accessOf, NO_ACCESS, type Access } from "../../lib/server";
import { fromClock, toClock } from "../backup/editorState";
import { FRESH_MORE, fromPairMore, moreFaults, toAges, toMoreSave, type MoreFault, type MoreFields } from "./moreState";

export type ScheduleKind = Schedule["kind"];

export interface PairFields {
  name: string;
  left: PathText;
  right: PathText;
  /** What opens a server; asked for only where a place is one. */
  leftAccess: Access;
  rightAccess: Access;
  mode: SyncMode;
  conflicts: ConflictPolicy;
  /** Only the chosen folders are synced. */
  onlyFolders: boolean;
  folders: readonly string[];
  exclude: string;
  maxMegabytes: string;
  /** What is seldom needed. */
  more: MoreFields;
  live: boolean;
  kind: ScheduleKind;
  hours: string;
  /** `HH:MM` */
  time: string;
  weekday: string;
}

export const NOWHERE: PathText = { path: "", display: "" };

export const FRESH_PAIR: PairFields = {
  name: "",
  left: NOWHERE,
  right: NOWHERE,
  leftAccess: NO_ACCESS,
  rightAccess: NO_ACCESS,
  mode: "twoWay",
  conflicts: "ask",
  onlyFolders: false,
  folders: [],
  exclude: "",
  maxMegabytes: "",
  more: FRESH_MORE,
  live: false,
  kind: "manual",
  hours: "1",
  time: "12:00",
  weekday: "7",
};

const MEGABYTE = 1_000_000;

/** The fields of a pair that is there. */
export function fromPair(pair: SyncPair): PairFields {
  const { schedule, rules } = pair;
  return {
    name: pair.name,
    left: pair.left.address,
    right: pair.right.address,
    leftAccess: NO_ACCESS,
    rightAccess: NO_ACCESS,
    mode: pair.mode,
    conflicts: pair.conflicts,
    onlyFolders: rules.folders.length > 0,
    folders: rules.folders,
    exclude: rules.exclude.join("\n"),
    maxMegabytes: rules.maxFileBytes === null ? "" : String(rules.maxFileBytes / MEGABYTE),
    more: fromPairMore(pair),
    live: pair.live,
    kind: schedule.kind,
    hours: schedule.kind === "everyHours" ? String(schedule.hours) : FRESH_PAIR.hours,
    time: schedule.kind === "daily" || schedule.kind === "weekly" ? toClock(schedule.atMinutes) : FRESH_PAIR.time,
    weekday: schedule.kind === "weekly" ? String(schedule.weekday) : FRESH_PAIR.weekday,
  };
}

export type PairFault = "left" | "right" | "same" | "inside" | "hours" | "max" | "folders" | MoreFault;

export function trimmed(path: string): string {
  return path.length > 1 ? path.replace(/[/\\]+$/, "") : path;
}

/** Whether one folder lies in the other, as far as their addresses say. */
export function isInside(inner: string, outer: string): boolean {
  return inner.startsWith(`${outer}/`) || inner.startsWith(`${outer}\\`) || (outer === "/" && inner.startsWith("/"));
}

/** What keeps the fields from being a pair. */
export function pairFaults(fields: PairFields): Set<PairFault> {
  const faults = new Set<PairFault>();
  const left = trimmed(fields.left.path.trim());
  const right = trimmed(fields.right.path.trim());
  if (left === "") faults.add("left");
  if (right === "") faults.add("right");
  if (left !== "" && left === right) faults.add("same");
  else if (left !== "" && right !== "" && (isInside(left, right) || isInside(right, left))) faults.add("inside");
  if (fields.kind === "everyHours" && !(/^\d{1,3}$/.test(fields.hours.trim()) && Number(fields.hours) >= 1 && Number(fields.hours) <= 168)) faults.add("hours");
  const max = fields.maxMegabytes.trim();
  if (max !== "" && !(Number.isFinite(Number(max)) && Number(max) > 0 && Number(max) < 1e9)) faults.add("max");
  if (fields.onlyFolders && fields.folders.length === 0) faults.add("folders");
  for (const fault of moreFaults(fields.more)) faults.add(fault);
  return faults;
}

function scheduleOf(fields: PairFields): Schedule {
  switch (fields.kind) {
    case "manual":
      return { kind: "manual" };
    case "everyHours":
      return { kind: "everyHours", hours: Number(fields.hours) };
    case "daily":
      return { kind: "daily", atMinutes: fromClock(fields.time) };
    case "weekly":
      return { kind: "weekly", weekday: Number(fields.weekday), atMinutes: fromClock(fields.time) };
  }
}

/** The request that saves the fields; to be asked only where there are no faults. */
export function toPairSave(fields: PairFields, pair: SyncPair | undefined): SyncPairSave {
  const leftAccess = accessOf(fields.left, fields.leftAccess);
  const rightAccess = accessOf(fields.right, fields.rightAccess);
  return {
    ...(pair === undefined ? {} : { id: pair.id }),
    ...(leftAccess ? { leftAccess } : {}),
    ...(rightAccess ? { rightAccess } : {}),
    ...(fields.name.trim() === "" ? {} : { name: fields.name.trim() }),
    left: fields.left.path.trim(),
    right: fields.right.path.trim(),
    mode: fields.mode,
    conflicts: fields.conflicts,
    rules: {
      exclude: fields.exclude
        .split("\n")
        .map((line) => line.trimEnd())
        .filter((line) => line.trim() !== ""),
      maxFileBytes: fields.maxMegabytes.trim() === "" ? null : Math.round(Number(fields.maxMegabytes) * MEGABYTE),
      ...toAges(fields.more),
      folders: fields.onlyFolders ? [...fields.folders] : [],
    },
    ...toMoreSave(fields.more),
    schedule: scheduleOf(fields),
    live: fields.live,
  };
}
