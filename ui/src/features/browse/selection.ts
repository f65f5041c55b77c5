/**
 * What a person chose to bring back: paths of one snapshot, where a folder stands for everything in it.
 *
 * Invariant: no chosen path lies below another chosen one.
 */
import type { EntryType, PathText } from "../../api";

export interface Chosen {
  path: PathText;
  entryType: EntryType;
}

export type Selection = ReadonlyMap<string, Chosen>;

export const NOTHING: Selection = new Map();

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

/** The chosen folder above a path, if there is one. */
export function chosenAbove(selection: Selection, path: string): string | undefined {
  for (const chosen of selection.keys()) if (isBelow(path, chosen)) return chosen;
  return undefined;
}

/** Whether a path comes back: chosen itself, or through a folder above it. */
export function isChosen(selection: Selection, path: string): boolean {
  return selection.has(path) || chosenAbove(selection, path) !== undefined;
}

/** Whether something below a path is chosen. */
export function isPartly(selection: Selection, path: string): boolean {
  for (const chosen of selection.keys()) if (isBelow(chosen, path)) return true;
  return false;
}

/** With one more: what lies below it goes into it. */
export function choose(selection: Selection, item: Chosen): Selection {
  if (isChosen(selection, item.path.path)) return selection;
  const next = new Map([...selection].filter(([path]) => !isBelow(path, item.path.path)));
  next.set(item.path.path, item);
  return next;
}

/**
 * With one less. Under a chosen folder its brothers in sight stay chosen in the folder's stead; `siblings` are the
 * entries of the folder shown, and only they can be taken apart.
 */
export function unchoose(selection: Selection, item: Chosen, siblings: readonly Chosen[], folder: string): Selection {
  const next = new Map(selection);
  if (next.delete(item.path.path)) return next;
  if (!next.delete(folder)) return selection;
  for (const sibling of siblings) if (sibling.path.path !== item.path.path) next.set(sibling.path.path, sibling);
  return next;
}
