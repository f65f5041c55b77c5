/**
 * The fields of a pair that are rarely needed, and what they make: conflicts by pattern, links, ages, brakes, bin, the
 * line. Pure, so that it can be tested without a page.
 *
 * Invariant: a pair whose fields nobody touched is saved exactly as it was. Deliberately not here: what everybody sees
 * (`wizardState`).
 */
import type { ConflictPolicy, SyncLinks, SyncPair, SyncPairSave, SyncRules, SyncWindow } from "../../api";
import { fromClock, toClock } from "../backup/editorState";

/** What happens with conflicts of some files. */
export interface ConflictRuleFields {
  pattern: string;
  policy: ConflictPolicy;
}

/** The days a limit of the line is about. */
export type Days = "every" | "work" | "weekend" | "chosen";

/** Hours with a limit of their own. */
export interface WindowFields {
  days: readonly number[];
  /** `HH:MM` */
  from: string;
  to: string;
  /** Megabytes a second; empty is no limit. */
  megabytes: string;
}

export type AgeUnit = "minutes" | "hours" | "days";

export interface MoreFields {
  conflictRules: readonly ConflictRuleFields[];
  links: SyncLinks;
  modes: boolean;
  attributes: boolean;
  minAge: string;
  minAgeUnit: AgeUnit;
  maxAgeDays: string;
  removedItems: string;
  removedPercent: string;
  rewrittenFiles: string;
  rewrittenPercent: string;
  reserveMegabytes: string;
  binAllDays: string;
  binDailyDays: string;
  binWeeklyDays: string;
  binGigabytes: string;
  /** Megabytes a second; empty is no limit. */
  usualMegabytes: string;
  windows: readonly WindowFields[];
}

const MEBIBYTE = 1 << 20;
const MEGABYTE = 1_000_000;
const GIGABYTE = 1_000_000_000;
const UNITS: Record<AgeUnit, number> = { minutes: 1, hours: 60, days: 1440 };

export const WORK_DAYS: readonly number[] = [1, 2, 3, 4, 5];
export const WEEKEND: readonly number[] = [6, 7];

/** What a new pair has, as the engine has it too. */
export const FRESH_MORE: MoreFields = {
  conflictRules: [],
  links: "keep",
  modes: true,
  attributes: true,
  minAge: "",
  minAgeUnit: "minutes",
  maxAgeDays: "",
  removedItems: "25",
  removedPercent: "25",
  rewrittenFiles: "50",
  rewrittenPercent: "40",
  reserveMegabytes: "64",
  binAllDays: "1",
  binDailyDays: "30",
  binWeeklyDays: "365",
  binGigabytes: "",
  usualMegabytes: "",
  windows: [],
};

export const FRESH_WINDOW: WindowFields = { days: WORK_DAYS, from: "08:00", to: "18:00", megabytes: "1" };

/** An age in the largest unit in which it is a whole number. */
function ageOf(minutes: number | null): { minAge: string; minAgeUnit: AgeUnit } {
  if (minutes === null) return { minAge: "", minAgeUnit: "minutes" };
  const unit = (["days", "hours"] as const).find((candidate) => minutes > 0 && minutes % UNITS[candidate] === 0) ?? "minutes";
  return { minAge: String(minutes / UNITS[unit]), minAgeUnit: unit };
}

const amount = (bytes: number | null, unit: number) => (bytes === null ? "" : String(bytes / unit));

export function fromPairMore(pair: SyncPair): MoreFields {
  const { brakes, bin, bandwidth, rules } = pair;
  return {
    conflictRules: pair.conflictRules.map(({ pattern, policy }) => ({ pattern, policy })),
    links: pair.links,
    modes: pair.modes,
    attributes: pair.attributes,
    ...ageOf(rules.minAgeMinutes),
    maxAgeDays: rules.maxAgeDays === null ? "" : String(rules.maxAgeDays),
    removedItems: String(brakes.removedItems),
    removedPercent: String(brakes.removedPercent),
    rewrittenFiles: String(brakes.rewrittenFiles),
    rewrittenPercent: String(brakes.rewrittenPercent),
    reserveMegabytes: amount(brakes.reserveBytes, MEBIBYTE),
    binAllDays: String(bin.keepAllDays),
    binDailyDays: String(bin.keepDailyDays),
    binWeeklyDays: String(bin.keepWeeklyDays),
    binGigabytes: amount(bin.limitBytes, GIGABYTE),
    usualMegabytes: amount(bandwidth.usualBytesPerSecond, MEGABYTE),
    windows: bandwidth.windows.map((window) => ({
      days: window.weekdays,
      from: toClock(window.fromMinutes),
      to: toClock(window.toMinutes),
      megabytes: amount(window.bytesPerSecond, MEGABYTE),
    })),
  };
}

/** Which of the usual choices of days these are. */
export function daysOf(days: readonly number[]): Days {
  const key = [...days].sort().join();
  if (key === "" || key === "1,2,3,4,5,6,7") return "every";
  if (key === WORK_DAYS.join()) return "work";
  return key === WEEKEND.join() ? "weekend" : "chosen";
}

export type MoreFault = "rules" | "minAge" | "maxAge" | "ages" | "removed" | "rewritten" | "reserve" | "binDays" | "binSize" | "usual" | "windows";

const isWhole = (text: string, most: number) => /^\d{1,9}$/.test(text.trim()) && Number(text) <= most;
const isAmount = (text: string) => text.trim() === "" || (Number.isFinite(Number(text)) && Number(text) > 0 && Number(text) < 1e6);
/** The least limit the engine takes is 1 KiB a second. */
const isRate = (text: string) => text.trim() === "" || (isAmount(text) && Number(text) * MEGABYTE >= 1024);

export function moreFaults(more: MoreFields): Set<MoreFault> {
  const faults = new Set<MoreFault>();
  const note = (fault: MoreFault, wrong: boolean) => {
    if (wrong) faults.add(fault);
  };
  note("rules", more.conflictRules.some((rule) => rule.pattern.trim() === ""));
  const minAge = more.minAge.trim();
  const maxAge = more.maxAgeDays.trim();
  note("minAge", minAge !== "" && !(isWhole(minAge, 100_000) && Number(minAge) > 0));
  note("maxAge", maxAge !== "" && !(isWhole(maxAge, 36_500) && Number(maxAge) > 0));
  if (minAge !== "" && maxAge !== "" && !faults.has("minAge") && !faults.has("maxAge")) {
    note("ages", Number(minAge) * UNITS[more.minAgeUnit] >= Number(maxAge) * UNITS.days);
  }
  note("removed", !isWhole(more.removedItems, 1e9) || !isWhole(more.removedPercent, 100));
  note("rewritten", !isWhole(more.rewrittenFiles, 1e9) || !isWhole(more.rewrittenPercent, 100));
  note("reserve", !isWhole(more.reserveMegabytes, 1e7));
  note("binDays", [more.binAllDays, more.binDailyDays, more.binWeeklyDays].some((days) => !isWhole(days, 36_500)));
  note("binSize", !isAmount(more.binGigabytes));
  note("usual", !isRate(more.usualMegabytes));
  note("windows", more.windows.some((window) => !isRate(window.megabytes) || !/^\d\d:\d\d/.test(window.from) || !/^\d\d:\d\d/.test(window.to) || window.from === window.to));
  return faults;
}

const bytesOf = (text: string, unit: number) => (text.trim() === "" ? null : Math.round(Number(text) * unit));

function windowOf(window: WindowFields): SyncWindow {
  return {
    weekdays: daysOf(window.days) === "every" ? [] : [...window.days].sort(),
    fromMinutes: fromClock(window.from),
    toMinutes: fromClock(window.to),
    bytesPerSecond: bytesOf(window.megabytes, MEGABYTE),
  };
}

/** The ages, as a part of what is left out. */
export function toAges(more: MoreFields): Pick<SyncRules, "minAgeMinutes" | "maxAgeDays"> {
  return {
    minAgeMinutes: more.minAge.trim() === "" ? null : Number(more.minAge) * UNITS[more.minAgeUnit],
    maxAgeDays: more.maxAgeDays.trim() === "" ? null : Number(more.maxAgeDays),
  };
}

/** To be asked only where there are no faults. */
export function toMoreSave(more: MoreFields): Pick<SyncPairSave, "conflictRules" | "links" | "modes" | "attributes" | "brakes" | "bin" | "bandwidth"> {
  return {
    conflictRules: more.conflictRules.map(({ pattern, policy }) => ({ pattern: pattern.trim(), policy })),
    links: more.links,
    modes: more.modes,
    attributes: more.attributes,
    brakes: {
      removedItems: Number(more.removedItems),
      removedPercent: Number(more.removedPercent),
      rewrittenFiles: Number(more.rewrittenFiles),
      rewrittenPercent: Number(more.rewrittenPercent),
      reserveBytes: Number(more.reserveMegabytes) * MEBIBYTE,
    },
    bin: {
      keepAllDays: Number(more.binAllDays),
      keepDailyDays: Number(more.binDailyDays),
      keepWeeklyDays: Number(more.binWeeklyDays),
      limitBytes: bytesOf(more.binGigabytes, GIGABYTE),
    },
    bandwidth: { usualBytesPerSecond: bytesOf(more.usualMegabytes, MEGABYTE), windows: more.windows.map(windowOf) },
  };
}

const GROUPS = {
  conflicts: ["conflictRules"],
  metadata: ["links", "modes", "attributes"],
  ages: ["minAge", "minAgeUnit", "maxAgeDays"],
  brakes: ["removedItems", "removedPercent", "rewrittenFiles", "rewrittenPercent", "reserveMegabytes"],
  bin: ["binAllDays", "binDailyDays", "binWeeklyDays", "binGigabytes"],
  line: ["usualMegabytes", "windows"],
} as const satisfies Record<string, readonly (keyof MoreFields)[]>;

export type MoreGroup = keyof typeof GROUPS;

/** Whether something of a group is not as new pairs have it. */
export function isUnusual(more: MoreFields, group: MoreGroup): boolean {
  return GROUPS[group].some((field) => JSON.stringify(more[field]) !== JSON.stringify(FRESH_MORE[field]));
}
