/** What is shown of a pair, as it stands in the address. */
export type PairTab = "overview" | "conflicts" | "bin" | "runs";

export interface PairSearch {
  tab?: PairTab;
  /** Only what this run put into the bin. */
  run?: string;
}

const TABS: readonly PairTab[] = ["overview", "conflicts", "bin", "runs"];

/** What an address says, without what it should not say. */
export function readPairSearch(raw: Record<string, unknown>): PairSearch {
  const tab = TABS.find((candidate) => candidate === raw.tab);
  const run = typeof raw.run === "string" && raw.run !== "" ? raw.run : typeof raw.run === "number" ? String(raw.run) : undefined;
  return { ...(tab ? { tab } : {}), ...(run === undefined ? {} : { run }) };
}

/** A new pair, or more places for a hub that is there. */
export interface NewPairSearch {
  hub?: string;
}

export function readNewPairSearch(raw: Record<string, unknown>): NewPairSearch {
  return typeof raw.hub === "string" && raw.hub !== "" ? { hub: raw.hub } : {};
}
