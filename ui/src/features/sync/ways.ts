/** Which way a row of a plan goes, and what a person's key or button says to it. Pure. */
import type { SyncRow, SyncSay, SyncSide } from "../../api";

export type Way = "skip" | SyncSide;

/** The way a row goes now: towards the side that is changed, or nowhere. */
export function wayOf(row: Pick<SyncRow, "side" | "choice">): Way {
  return row.choice === "skip" ? "skip" : row.side;
}

/** The word a way stands for. Leaving a row out twice takes that back. */
export function wordFor(row: Pick<SyncRow, "choice">, way: Way): SyncSay {
  if (way === "skip") return row.choice === "skip" ? "asPlanned" : "skip";
  return way === "right" ? "leftToRight" : "rightToLeft";
}

/** Whether a word on this row is one on all that lies below it: rights of a folder are its own. */
export function takesWhatIsBelow(row: Pick<SyncRow, "entryType" | "action">): boolean {
  return row.entryType === "folder" && row.action !== "setMetadata";
}

/** Whether a row follows from another one and has no way of its own. */
export function isFixed(row: Pick<SyncRow, "why" | "action">): boolean {
  return row.why === "stepOnTheWay" || (row.why === "new" && row.action === "setMetadata");
}
