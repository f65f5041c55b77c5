/**
 * Several places kept the same through one hub: the fields, what they make, and how such a hub stands. Pure.
 *
 * Invariant: the hub is the first place of every pair; nothing is said here of a place alone that its pair says better.
 */
import type { PathText, SyncGroup, SyncHubSave, SyncPair } from "../../api";
import { isInside, isRemote, toPairSave, trimmed, accessOf, NO_ACCESS, NOWHERE, type Access, type PairFields } from "./wizardState";

/** One place beside the hub. */
export interface OtherPlace {
  place: PathText;
  access: Access;
}

export const NO_PLACE: OtherPlace = { place: NOWHERE, access: NO_ACCESS };

export type PlaceFault = "missing" | "same" | "inside";

export interface HubFaults {
  hub: boolean;
  /** What is wrong with each of the others. */
  others: readonly (PlaceFault | undefined)[];
}

/** What keeps these places from being a hub with others. */
export function hubFaults(hub: PathText, others: readonly OtherPlace[]): HubFaults {
  const hubPath = trimmed(hub.path.trim());
  const paths = others.map(({ place }) => trimmed(place.path.trim()));
  const faultOf = (path: string, index: number): PlaceFault | undefined => {
    if (path === "") return "missing";
    const before = [hubPath, ...paths.slice(0, index)].filter((known) => known !== "");
    if (before.includes(path)) return "same";
    return before.some((known) => isInside(path, known) || isInside(known, path)) ? "inside" : undefined;
  };
  return { hub: hubPath === "", others: paths.map(faultOf) };
}

export function isFaulty({ hub, others }: HubFaults): boolean {
  return hub || others.some((fault) => fault !== undefined);
}

/** The request that makes the pairs; to be asked only where there are no faults. */
export function toHubSave(fields: PairFields, others: readonly OtherPlace[], groupId: string | undefined): SyncHubSave {
  const [first = NO_PLACE, ...rest] = others;
  // The pairs are named after their places: what was typed is the name of the hub.
  const pair = toPairSave({ ...fields, name: "", mode: "twoWay", right: first.place, rightAccess: first.access }, undefined);
  const name = fields.name.trim();
  return {
    ...(groupId === undefined ? {} : { groupId }),
    ...(groupId === undefined && name !== "" ? { name } : {}),
    pair,
    more: rest.map(({ place, access }) => {
      const opens = accessOf(place, access);
      return { place: place.path.trim(), ...(opens ? { access: opens } : {}) };
    }),
  };
}

/** Whether a place asks for an account. */
export function asksForAccess({ place }: OtherPlace): boolean {
  return isRemote(place.display);
}

export interface Hub {
  group: SyncGroup;
  pairs: SyncPair[];
}

/** Pairs as they are listed: those of a hub stand together, where the first of them stands. */
export function listed(pairs: readonly SyncPair[]): (SyncPair | Hub)[] {
  const hubs = new Map<string, Hub>();
  const rows: (SyncPair | Hub)[] = [];
  for (const pair of pairs) {
    const { group } = pair;
    if (group === null) {
      rows.push(pair);
      continue;
    }
    const known = hubs.get(group.id);
    if (known) known.pairs.push(pair);
    else {
      const hub = { group, pairs: [pair] };
      hubs.set(group.id, hub);
      rows.push(hub);
    }
  }
  return rows;
}

export function isHub(row: SyncPair | Hub): row is Hub {
  return "pairs" in row;
}

/** How the places of a hub stand, as one: the worst of them first. */
export type HubStanding =
  | { kind: "asking" | "failed" | "running" | "paused" | "new" | "problems"; count: number; of: number }
  | { kind: "inStep"; checkedMs: number | null };

export function hubStanding({ pairs }: Hub): HubStanding {
  const kinds: [Exclude<HubStanding["kind"], "inStep">, (pair: SyncPair) => boolean][] = [
    ["asking", (pair) => pair.state === "halted" || pair.state === "conflicts" || pair.state === "preview"],
    ["failed", (pair) => pair.state === "failed" || pair.state === "stopped"],
    ["running", (pair) => pair.state === "running" || pair.state === "waiting"],
    ["paused", (pair) => pair.paused],
    ["new", (pair) => pair.state === "new"],
    ["problems", (pair) => pair.state === "problems"],
  ];
  for (const [kind, is] of kinds) {
    const count = pairs.filter(is).length;
    if (count > 0) return { kind, count, of: pairs.length };
  }
  // All were in step when the one that was checked longest ago was.
  const checked = pairs.map((pair) => pair.inStepMs);
  return { kind: "inStep", checkedMs: checked.some((at) => at === null) ? null : Math.min(...checked.filter((at) => at !== null)) };
}
