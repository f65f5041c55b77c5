/** The arithmetic of the timeline: how high a column is, and which of them carry a date. */

const LEAST_HEIGHT = 4;
const LABEL_ROOM = 88;

/** The value of a full column: few very large runs, as the first one is, must not press all others flat. */
export function ceilingOf(values: readonly number[]): number {
  const sorted = [...values].sort((left, right) => left - right);
  const usual = sorted[Math.floor((sorted.length - 1) * 0.9)] ?? 0;
  return Math.max(1, Math.min(sorted.at(-1) ?? 0, usual * 2));
}

/** The height of a column: by the square root, never invisible. */
export function heightOf(value: number, largest: number, limit: number): number {
  if (value <= 0 || largest <= 0) return LEAST_HEIGHT;
  return Math.max(LEAST_HEIGHT, Math.round(Math.sqrt(Math.min(1, value / largest)) * limit));
}

function sameDay(left: number, right: number): boolean {
  return new Date(left).toDateString() === new Date(right).toDateString();
}

/** The columns that carry a date: the first of a day, where there is room since the last one. */
export function dayLabels(moments: readonly number[], step: number): { index: number; at: number }[] {
  const labels: { index: number; at: number }[] = [];
  moments.forEach((at, index) => {
    const before = moments[index - 1];
    if (before !== undefined && sameDay(before, at)) return;
    const last = labels.at(-1);
    if (last && (index - last.index) * step < LABEL_ROOM) return;
    labels.push({ index, at });
  });
  return labels;
}

/** The points of a sparkline in a box, left to right. */
export function sparkPoints(values: readonly number[], width: number, height: number): string {
  const largest = Math.max(1, ...values);
  const step = values.length > 1 ? width / (values.length - 1) : 0;
  return values.map((value, index) => `${(index * step).toFixed(1)},${(height - (value / largest) * height).toFixed(1)}`).join(" ");
}
