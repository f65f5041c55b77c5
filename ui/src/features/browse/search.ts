/** What is shown of a place's snapshots, as it stands in the address: so that back and forward work. */

export type BrowseTab = "files" | "search" | "compare" | "snapshots" | "runs";

export interface BrowseSearch {
  /** The snapshot shown; absent means the newest. */
  snapshot?: string;
  /** The folder shown, in the engine's form; `TOP` for the top. */
  path?: string;
  /** The file (or folder) whose panel is open. */
  file?: string;
  tab?: BrowseTab;
  /** What is searched for. */
  q?: string;
  /** The snapshot compared with. */
  older?: string;
}

const TABS: readonly string[] = ["files", "search", "compare", "snapshots", "runs"];

function text(value: unknown): string | undefined {
  if (typeof value === "string" && value !== "") return value;
  return typeof value === "number" ? String(value) : undefined;
}

/** What an address says, without what it should not say. */
export function readBrowseSearch(raw: Record<string, unknown>): BrowseSearch {
  const read: BrowseSearch = {};
  for (const key of ["snapshot", "path", "file", "q", "older"] as const) {
    const value = text(raw[key]);
    if (value !== undefined) read[key] = value;
  }
  const tab = text(raw.tab);
  if (tab !== undefined && TABS.includes(tab)) read.tab = tab as BrowseTab;
  return read;
}

/** The path that stands for the top of a snapshot in an address, where the absent path means "where it is best to begin". */
export const TOP = "/";

/** The folder to begin with: the deepest one that holds everything that was backed up. */
export function startFolder(roots: readonly string[]): string {
  const [first, ...others] = roots.map((root) => root.split("/").filter((name) => name !== ""));
  if (!first) return "";
  const common = others.reduce((shared, names) => shared.slice(0, shared.findIndex((name, index) => name !== names[index]) >>> 0), first);
  return common.join("/");
}

/** What a change makes of it: an empty value takes a name out. */
export function withSearch(before: BrowseSearch, change: { [Name in keyof BrowseSearch]?: BrowseSearch[Name] | undefined }): BrowseSearch {
  return readBrowseSearch({ ...before, ...change });
}
