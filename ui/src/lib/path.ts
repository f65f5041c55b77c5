/**
 * Paths as people read them: shortened in the middle, so that where it begins and what it is both stay visible.
 *
 * Works for `/home/ana/x` and `C:\Users\ana\x`. Deliberately not here: opening or resolving paths.
 */

const SEPARATOR = /[/\\]/;

/** The last component, or the path itself where it has none. */
export function baseName(path: string): string {
  const parts = path.split(SEPARATOR).filter((part) => part !== "");
  return parts.at(-1) ?? path;
}

/** What holds the last component; empty for a path of one component. */
export function parentPath(path: string): string {
  const trimmed = path.replace(/[/\\]+$/, "");
  const index = Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\"));
  if (index < 0) return "";
  return index === 0 ? trimmed.slice(0, 1) : trimmed.slice(0, index);
}

/** A path inside a snapshot from its parts. */
export function joinPath(folder: string, name: string): string {
  return folder === "" ? name : `${folder}/${name}`;
}

/** A path in two parts: a head that may be cut short by the page, and a tail that stays. */
export function splitForMiddle(path: string, tailLimit = 32): { head: string; tail: string } {
  const trimmed = path.length > 1 ? path.replace(/[/\\]+$/, "") : path;
  const index = Math.max(trimmed.lastIndexOf("/"), trimmed.lastIndexOf("\\"));
  const start = index < 0 ? 0 : index;
  const cut = Math.max(start, trimmed.length - tailLimit);
  return { head: trimmed.slice(0, cut), tail: trimmed.slice(cut) };
}

/** A path of at most `limit` characters: its beginning, an ellipsis, its end. */
export function shortenPath(path: string, limit: number): string {
  const letters = Array.from(path);
  if (letters.length <= limit) return path;
  if (limit <= 1) return "…";
  const name = Array.from(baseName(path));
  const tailLength = Math.min(Math.max(name.length + 1, Math.ceil((limit - 1) / 2)), Math.ceil((limit - 1) * 0.7));
  const headLength = limit - 1 - tailLength;
  return `${letters.slice(0, headLength).join("")}…${letters.slice(letters.length - tailLength).join("")}`;
}

/** The steps from the root to a folder: for breadcrumbs. */
export function pathSteps(path: string): { name: string; path: string }[] {
  const names = path.split("/").filter((name) => name !== "");
  return names.map((name, index) => ({ name, path: names.slice(0, index + 1).join("/") }));
}
