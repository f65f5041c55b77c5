/**
 * Which rows of a very long table are selected. Pure.
 *
 * Rows are known by their places, as ranges, so that a million of them is one range and none of them has to be loaded.
 * Invariant: the ranges are in order, hold something, and neither touch nor lie in each other.
 */

export interface Range {
  first: number;
  /** One past the last. */
  end: number;
}

export interface Selection {
  ranges: readonly Range[];
  /** Where a stretch of rows begins that Shift reaches from. */
  anchor: number | undefined;
}

export const NOTHING: Selection = { ranges: [], anchor: undefined };

export function isSelected({ ranges }: Selection, row: number): boolean {
  return ranges.some(({ first, end }) => first <= row && row < end);
}

export function countOf({ ranges }: Selection): number {
  return ranges.reduce((sum, { first, end }) => sum + end - first, 0);
}

export function only(row: number): Selection {
  return { ranges: [{ first: row, end: row + 1 }], anchor: row };
}

export function allOf(total: number): Selection {
  return total === 0 ? NOTHING : { ranges: [{ first: 0, end: total }], anchor: 0 };
}

function without(ranges: readonly Range[], taken: Range): Range[] {
  return ranges.flatMap(({ first, end }) => [
    ...(first < Math.min(end, taken.first) ? [{ first, end: Math.min(end, taken.first) }] : []),
    ...(Math.max(first, taken.end) < end ? [{ first: Math.max(first, taken.end), end }] : []),
  ]);
}

function withRange(ranges: readonly Range[], added: Range): Range[] {
  const touching = ranges.filter(({ first, end }) => first <= added.end && added.first <= end);
  const first = Math.min(added.first, ...touching.map((range) => range.first));
  const end = Math.max(added.end, ...touching.map((range) => range.end));
  const others = ranges.filter((range) => !touching.includes(range));
  return [...others, { first, end }].sort((one, two) => one.first - two.first);
}

/** Adds one row, or takes it out. */
export function toggled(selection: Selection, row: number): Selection {
  const one = { first: row, end: row + 1 };
  return { ranges: isSelected(selection, row) ? without(selection.ranges, one) : withRange(selection.ranges, one), anchor: row };
}

/** From the anchor to a row, and nothing else; with `added`, that too. */
export function reached(selection: Selection, from: number, row: number, added: boolean): Selection {
  const anchor = selection.anchor ?? from;
  const stretch = { first: Math.min(anchor, row), end: Math.max(anchor, row) + 1 };
  return { ranges: added ? withRange(selection.ranges, stretch) : [stretch], anchor };
}
