/**
 * Which folders a pair syncs: paths below its places, where a folder stands for everything in it. Pure.
 *
 * Invariant: no chosen path lies below another chosen one.
 */

function isBelow(path: string, folder: string): boolean {
  return path.startsWith(`${folder}/`);
}

export function isChosen(chosen: readonly string[], path: string): boolean {
  return chosen.some((folder) => folder === path || isBelow(path, folder));
}

/** Whether something below a path is chosen, but not all of it. */
export function isPartly(chosen: readonly string[], path: string): boolean {
  return !isChosen(chosen, path) && chosen.some((folder) => isBelow(folder, path));
}

/** With one more: what lies below it goes into it. */
export function withFolder(chosen: readonly string[], path: string): string[] {
  return isChosen(chosen, path) ? [...chosen] : [...chosen.filter((folder) => !isBelow(folder, path)), path].sort();
}

/**
 * With one less. Where a folder above it is chosen, its brothers take that folder's stead, level by level;
 * `childrenOf` knows the folders that were listed.
 */
export function withoutFolder(chosen: readonly string[], path: string, childrenOf: (folder: string) => readonly string[]): string[] {
  const rest = chosen.filter((folder) => folder !== path && !isBelow(folder, path));
  const above = rest.find((folder) => isBelow(path, folder));
  if (above === undefined) return rest;
  const next = rest.filter((folder) => folder !== above);
  for (let at = above; at !== path; ) {
    const on = childrenOf(at).find((child) => child === path || isBelow(path, child));
    next.push(...childrenOf(at).filter((child) => child !== on));
    if (on === undefined) break;
    at = on;
  }
  return next.sort();
}
