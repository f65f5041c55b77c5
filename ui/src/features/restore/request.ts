/** What is to be brought back, as it travels to the page that does it. */
import type { PathText } from "../../api";
import type { BringBack } from "../browse/SnapshotBrowser";

export interface BringBackSearch {
  place?: string;
  plan?: string;
  snapshot?: string;
  /** When the snapshot was made. */
  made?: number;
}

export interface BringBackState {
  /** Nothing means everything. */
  paths: PathText[];
}

declare module "@tanstack/react-router" {
  interface HistoryState {
    bringBack?: BringBackState;
  }
}

/** What an address says, without what it should not say. */
export function readBringBackSearch(raw: Record<string, unknown>): BringBackSearch {
  const read: BringBackSearch = {};
  for (const key of ["place", "plan", "snapshot"] as const) {
    const value = raw[key];
    if (typeof value === "string" && value !== "") read[key] = value;
  }
  if (typeof raw.made === "number") read.made = raw.made;
  return read;
}

/** The address and the state of the page for a choice. */
export function bringBackSearch(placeId: string, planId: string | undefined, { snapshot, chosen }: BringBack): { search: BringBackSearch; state: { bringBack: BringBackState } } {
  return {
    search: { place: placeId, ...(planId === undefined ? {} : { plan: planId }), snapshot: snapshot.id, made: snapshot.startedMs },
    state: { bringBack: { paths: chosen.map((item) => item.path) } },
  };
}
