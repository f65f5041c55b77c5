/** The fields of the limits: megabytes a second and runs, there and back. */

const MEGABYTE = 1_000_000;
const LEAST_HISTORY = 100;
const MOST_HISTORY = 100_000;

/** A limit as its field shows it; empty where there is none. */
export function limitText(bytesPerSecond: number | null): string {
  return bytesPerSecond === null ? "" : String(bytesPerSecond / MEGABYTE);
}

/** Whether a field holds a limit, or nothing. */
export function isLimit(text: string): boolean {
  return text.trim() === "" || (Number.isFinite(Number(text)) && Number(text) > 0 && Number(text) < 1e6);
}

/** The limit of such a field. */
export function limitOf(text: string): number | null {
  return text.trim() === "" ? null : Math.max(1, Math.round(Number(text) * MEGABYTE));
}

/** Whether a field holds a number of runs the engine takes. */
export function isHistory(text: string): boolean {
  const number = Number(text);
  return /^\d+$/.test(text.trim()) && number >= LEAST_HISTORY && number <= MOST_HISTORY;
}

/** The number of such a field. */
export function historyOf(text: string): number {
  return Number(text);
}
