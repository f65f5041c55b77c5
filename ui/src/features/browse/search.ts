/** What is shown of a place's snapshots, as it stands in the address: so that back and forward work. */

export type BrowseTab = "files" | "search" | "compare" | "snapshots" | "runs";

export interface BrowseSearch {
  /** The snapshot shown; absent means the newest. */
  snapshot?: string;
  /** The folder shown, in the engine's form. */
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

/** What a change makes of it: an empty value takes a name out. */
export function withSearch(before: BrowseSearch, change: { [Name in keyof BrowseSearch]?: BrowseSearch[Name] | undefined }): BrowseSearch {
  return readBrowseSearch({ ...before, ...change });
}
