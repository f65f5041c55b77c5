/**
 * Numbers, sizes, times and rates as people read them.
 *
 * Sizes are decimal (1 kB = 1,000 bytes), as drives are sold and as file managers of today show them. Everything goes
 * through `Intl`, so units follow the language. Deliberately not here: sentences (text/en).
 */
import { LANGUAGE, t } from "../text/text";

const SIZE_UNITS = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte", "petabyte"] as const;
const STEP = 1000;

const counts = new Intl.NumberFormat(LANGUAGE);
const percents = new Intl.NumberFormat(LANGUAGE, { style: "percent", maximumFractionDigits: 0 });
const exact = new Intl.DateTimeFormat(LANGUAGE, { dateStyle: "full", timeStyle: "medium" });
const dayAndTime = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const dayOnly = new Intl.DateTimeFormat(LANGUAGE, { day: "numeric", month: "short", year: "numeric" });
const timeOnly = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const timeWithParts = new Intl.DateTimeFormat(LANGUAGE, { hour: "2-digit", minute: "2-digit", second: "2-digit", fractionalSecondDigits: 3, hourCycle: "h23" });
const lists = new Intl.ListFormat(LANGUAGE, { type: "conjunction" });
const relative = new Intl.RelativeTimeFormat(LANGUAGE, { numeric: "auto" });

/** A whole number with separators. */
export function formatCount(value: number): string {
  return counts.format(value);
}

/** A share between 0 and 1 as a percentage; never shows 100 % before it is whole. */
export function formatPercent(share: number): string {
  const bounded = Math.min(1, Math.max(0, share));
  return percents.format(bounded < 1 ? Math.min(0.99, Math.floor(bounded * 100) / 100) : 1);
}

/** A number of bytes with three significant digits and its unit. */
export function formatBytes(bytes: number): string {
  let value = Math.abs(bytes);
  let unit = 0;
  while (value >= STEP - 0.5 && unit < SIZE_UNITS.length - 1 && (unit > 0 || value >= STEP)) {
    value /= STEP;
    unit += 1;
  }
  const digits = unit === 0 || value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const number = new Intl.NumberFormat(LANGUAGE, {
    style: "unit",
    unit: SIZE_UNITS[unit] ?? "byte",
    unitDisplay: unit === 0 ? "long" : "short",
    maximumFractionDigits: digits,
  });
  return number.format(bytes < 0 ? -value : value);
}

/** Bytes a second. */
export function formatRate(bytesPerSecond: number): string {
  return `${formatBytes(bytesPerSecond)}/s`;
}

function unit(value: number, name: "second" | "minute" | "hour" | "day"): string {
  return new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: name, unitDisplay: "short" }).format(value);
}

/** A length of time in its two largest units. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  if (seconds < 60) return unit(seconds, "second");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) {
    const rest = seconds % 60;
    return minutes < 10 && rest > 0 ? `${unit(minutes, "minute")} ${unit(rest, "second")}` : unit(minutes, "minute");
  }
  const hours = Math.floor(minutes / 60);
  if (hours < 24) return minutes % 60 > 0 ? `${unit(hours, "hour")} ${unit(minutes % 60, "minute")}` : unit(hours, "hour");
  const days = Math.floor(hours / 24);
  return hours % 24 > 0 ? `${unit(days, "day")} ${unit(hours % 24, "hour")}` : unit(days, "day");
}

const MINUTE_MS = 60_000;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/** A moment as seen from now: "just now", "5 minutes ago", "yesterday", and the date once it is older than a month. */
export function formatRelative(moment: number, now: number): string {
  const difference = moment - now;
  const size = Math.abs(difference);
  if (size < 45_000) return t("time.just_now");
  if (size < HOUR_MS - 30_000) return relative.format(Math.round(difference / MINUTE_MS), "minute");
  if (size < DAY_MS - HOUR_MS / 2) return relative.format(Math.round(difference / HOUR_MS), "hour");
  if (size < 30 * DAY_MS) return relative.format(Math.round(difference / DAY_MS), "day");
  return dayOnly.format(moment);
}

/** The whole date and time. */
export function formatExact(moment: number): string {
  return exact.format(moment);
}

/** Day and time, short. */
export function formatMoment(moment: number): string {
  return dayAndTime.format(moment);
}

/** The day, short. */
export function formatDay(moment: number): string {
  return dayOnly.format(moment);
}

/** The time of the day with seconds. */
export function formatTime(moment: number): string {
  return timeOnly.format(moment);
}

/** The time of the day with parts of a second. */
export function formatTimeExact(moment: number): string {
  return timeWithParts.format(moment);
}

/** Several things as a part of a sentence. */
export function formatList(parts: readonly string[]): string {
  return lists.format(parts);
}
