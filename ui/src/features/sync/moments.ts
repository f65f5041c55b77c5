/** Moments beside each other: as fine as it takes to tell them apart, or to see that they are the same. Pure. */
import { formatDay, formatMoment, formatTime, formatTimeExact } from "../../lib/format";

/** A moment to the minute; with seconds where the other one is of the same minute, with parts of one where those are the same. */
export function momentBeside(at: number, beside: number | null): string {
  if (beside === null || formatMoment(at) !== formatMoment(beside)) return formatMoment(at);
  const isOneSecond = at !== beside && formatTime(at) === formatTime(beside);
  return `${formatDay(at)}, ${isOneSecond ? formatTimeExact(at) : formatTime(at)}`;
}

/** A moment among others: as fine as it takes to tell it from all of them. */
export function momentAmong(at: number, others: readonly number[]): string {
  const near = others.filter((other) => other !== at && formatMoment(other) === formatMoment(at)).sort((one, two) => Math.abs(one - at) - Math.abs(two - at));
  return momentBeside(at, near.find((other) => formatTime(other) === formatTime(at)) ?? near[0] ?? null);
}
