/** How a pair works, in words: a line for each thing a person can set. What is as usual and says nothing is left out. */
import type { SyncBandwidth, SyncPair, SyncWindow } from "../../api";
import { formatBytes, formatCount } from "../../lib/format";
import { scheduleWords, weekdayName } from "../../lib/words";
import { t } from "../../text/text";
import { toClock } from "../backup/editorState";
import { daysOf, FRESH_MORE as USUAL } from "./moreState";
import type { PlaceNames } from "./names";

interface Fact {
  name: string;
  value: string;
}

function policyWords(policy: SyncPair["conflicts"], names: PlaceNames): string {
  return policy === "left" || policy === "right" ? t(`pair.conflict.${policy}`, { place: names[policy] }) : t(`pair.conflict.${policy}`);
}

function conflictWords(pair: SyncPair, names: PlaceNames): string {
  const rules = pair.conflictRules.map(({ pattern, policy }) => t("sync.fact.rule", { pattern, way: policyWords(policy, names) }));
  return [policyWords(pair.conflicts, names), ...rules].join("; ");
}

function ageWords(minutes: number): string {
  if (minutes % 1440 === 0) return t("sync.fact.days", { count: minutes / 1440 });
  return minutes % 60 === 0 ? t("sync.fact.hours", { count: minutes / 60 }) : t("sync.fact.minutes", { count: minutes });
}

function leftOutWords({ rules }: SyncPair): string {
  const parts = [
    rules.exclude.length > 0 ? t("sync.fact.left_out_rules", { count: rules.exclude.length }) : "",
    rules.maxFileBytes === null ? "" : t("sync.fact.larger", { size: formatBytes(rules.maxFileBytes) }),
    rules.minAgeMinutes === null ? "" : t("sync.fact.younger", { age: ageWords(rules.minAgeMinutes) }),
    rules.maxAgeDays === null ? "" : t("sync.fact.older", { age: t("sync.fact.days", { count: rules.maxAgeDays }) }),
  ].filter((part) => part !== "");
  return parts.length === 0 ? t("sync.fact.left_out_none") : parts.join(", ");
}

function rateWords(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? t("more.no_limit") : t("sync.fact.rate", { size: formatBytes(bytesPerSecond) });
}

function windowWords(window: SyncWindow): string {
  const days = daysOf(window.weekdays);
  const which = days === "chosen" ? window.weekdays.map(weekdayName).join(", ") : t(`more.days.${days}`);
  return t("sync.fact.window", { days: which, from: toClock(window.fromMinutes), to: toClock(window.toMinutes), rate: rateWords(window.bytesPerSecond) });
}

function lineWords({ usualBytesPerSecond, windows }: SyncBandwidth): string {
  return [rateWords(usualBytesPerSecond), ...windows.map(windowWords)].join("; ");
}

function metadataWords(pair: SyncPair): string {
  return [t(`sync.fact.links.${pair.links}`), pair.modes ? "" : t("sync.fact.no_modes"), pair.attributes ? "" : t("sync.fact.no_attributes")].filter((part) => part !== "").join(", ");
}

function binWords({ bin }: SyncPair): string {
  const words = t("sync.fact.bin_keeps", { all: t("sync.fact.days", { count: bin.keepAllDays }), daily: t("sync.fact.days", { count: bin.keepDailyDays }), weekly: t("sync.fact.days", { count: bin.keepWeeklyDays }) });
  return bin.limitBytes === null ? words : t("sync.fact.bin_limit", { words, size: formatBytes(bin.limitBytes) });
}

/** When a pair runs. Live is by itself, so that nothing is said of a clock that is off. */
function runsWords({ live, schedule }: SyncPair): string {
  const words = scheduleWords(schedule);
  if (!live) return words;
  return schedule.kind === "manual" ? t("sync.fact.live") : t("sync.fact.live_and", { schedule: words.charAt(0).toLocaleLowerCase() + words.slice(1) });
}

/** When a run halts by how much is gone or rewritten; with the usual numbers small pairs have a rule of their own. */
function haltWords({ brakes }: SyncPair): string {
  const words = t("sync.fact.halts_at", {
    removed: formatCount(brakes.removedItems),
    removedShare: String(brakes.removedPercent),
    rewritten: formatCount(brakes.rewrittenFiles),
    rewrittenShare: String(brakes.rewrittenPercent),
  });
  const usualRemoved = hasUsual(brakes, "removedItems", "removedPercent");
  const usualRewritten = hasUsual(brakes, "rewrittenFiles", "rewrittenPercent");
  if (usualRemoved) return t(usualRewritten ? "sync.fact.halts_small" : "sync.fact.halts_small_removed", { words });
  return usualRewritten ? t("sync.fact.halts_small_rewritten", { words }) : words;
}

function hasUsual(brakes: SyncPair["brakes"], ...fields: ("removedItems" | "removedPercent" | "rewrittenFiles" | "rewrittenPercent")[]): boolean {
  return fields.every((field) => String(brakes[field]) === USUAL[field]);
}

export function settingFacts(pair: SyncPair, names: PlaceNames): Fact[] {
  const { bandwidth, rules } = pair;
  const isLimited = bandwidth.usualBytesPerSecond !== null || bandwidth.windows.length > 0;
  const isPlain = pair.links === "keep" && pair.modes && pair.attributes;
  return [
    { name: t("sync.fact.runs"), value: runsWords(pair) },
    { name: t("sync.fact.conflicts"), value: conflictWords(pair, names) },
    ...(rules.folders.length > 0 ? [{ name: t("sync.fact.folders"), value: rules.folders.join(", ") }] : []),
    { name: t("sync.fact.left_out"), value: leftOutWords(pair) },
    ...(isPlain ? [] : [{ name: t("sync.fact.metadata"), value: metadataWords(pair) }]),
    ...(isLimited ? [{ name: t("sync.fact.line"), value: lineWords(bandwidth) }] : []),
    { name: t("sync.fact.halts"), value: haltWords(pair) },
    { name: t("sync.fact.bin"), value: binWords(pair) },
  ];
}
