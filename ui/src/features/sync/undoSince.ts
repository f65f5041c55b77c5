/** What undoing all runs since a moment would undo. Pure. */
import type { SyncRunRow } from "../../api";
import { changesOf } from "./words";

export interface UndoLook {
  /** The runs, the last one first: the order in which they are undone. */
  runs: readonly SyncRunRow[];
  /** How many changes of these runs there are in each place. */
  left: number;
  right: number;
}

export function lookAt(runs: readonly SyncRunRow[], sinceMs: number): UndoLook {
  const meant = runs.filter((run) => run.canUndo && run.startedMs >= sinceMs).sort((one, two) => two.startedMs - one.startedMs);
  const sum = (side: "left" | "right") => meant.reduce((all, run) => all + changesOf(run[side]), 0);
  return { runs: meant, left: sum("left"), right: sum("right") };
}

/** A moment as a field for day and time writes it, to the second, in the zone of this computer. */
export function toField(moment: Date): string {
  const two = (value: number) => String(value).padStart(2, "0");
  return `${String(moment.getFullYear())}-${two(moment.getMonth() + 1)}-${two(moment.getDate())}T${two(moment.getHours())}:${two(moment.getMinutes())}:${two(moment.getSeconds())}`;
}

/** The moment of such a field; nothing while it is not whole. */
export function ofField(text: string): number | undefined {
  const ms = text === "" ? Number.NaN : new Date(text).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}

/** The last run that can be undone: with it undoing begins. */
export function newestOf(runs: readonly SyncRunRow[]): SyncRunRow | undefined {
  return runs.filter((run) => run.canUndo).reduce<SyncRunRow | undefined>((newest, run) => (newest !== undefined && newest.startedMs >= run.startedMs ? newest : run), undefined);
}
