/** Which way a row of a plan goes, and what a person's key or button makes of it. Pure. */
import type { SyncChoice, SyncRow, SyncSide } from "../../api";

export type Way = "skip" | SyncSide;

/** The way a row goes now: towards the side that is changed, or nowhere. */
export function wayOf(row: Pick<SyncRow, "side" | "choice">): Way {
  return row.choice === "skip" ? "skip" : row.side;
}

/** The choice a way stands for. Leaving a row out twice, or going its own way again, takes the choice back. */
export function choiceFor(row: Pick<SyncRow, "side" | "choice">, way: Way): SyncChoice | null {
  if (way === "skip") return row.choice === "skip" ? null : "skip";
  if (row.choice === "skip" && way === row.side) return null;
  return way === "right" ? "leftToRight" : "rightToLeft";
}

/** Whether a row follows from another one and has no way of its own. */
export function isFixed(row: Pick<SyncRow, "why" | "action">): boolean {
  return row.why === "stepOnTheWay" || (row.why === "new" && row.action === "setMetadata");
}
