/**
 * Several places kept the same through one hub: the fields, what they make, and how such a hub stands. Pure.
 *
 * Invariant: the hub is the first place of every pair; nothing is said here of a place alone that its pair says better.
 */
import type { PathText, SyncGroup, SyncHubChange, SyncHubSave, SyncPair } from "../../api";
import { accessOf, isRemote, NO_ACCESS, type Access } from "../../lib/server";
import type { MoreFields } from "./moreState";
import { fromPair, isInside, NOWHERE, toPairSave, trimmed, type PairFields } from "./wizardState";

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
  | { kind: "asking" | "failed" | "running" | "paused" | "new" | "differs" | "problems"; count: number; of: number }
  | { kind: "inStep"; checkedMs: number | null };

export function hubStanding({ pairs }: Hub): HubStanding {
  const kinds: [Exclude<HubStanding["kind"], "inStep">, (pair: SyncPair) => boolean][] = [
    ["asking", (pair) => (pair.state === "halted" && pair.activeJobId !== null) || pair.state === "conflicts" || pair.state === "preview"],
    ["failed", (pair) => pair.state === "failed" || pair.state === "stopped"],
    ["running", (pair) => pair.state === "running" || pair.state === "waiting"],
    ["paused", (pair) => pair.paused],
    ["new", (pair) => pair.state === "new"],
    ["differs", (pair) => pair.state === "notInStep" || pair.state === "halted"],
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

/** What is said of a pair alone: never changed with the others. */
type OwnField = "name" | "left" | "right" | "leftAccess" | "rightAccess" | "mode" | "more";

/** The parts of the form, with the fields in each. */
const PARTS = {
  way: ["conflicts", "conflictRules", "links", "modes", "attributes"],
  leftOut: ["onlyFolders", "folders", "exclude", "maxMegabytes", "minAge", "minAgeUnit", "maxAgeDays"],
  when: ["live", "kind", "hours", "time", "weekday", "usualMegabytes", "windows"],
  safety: ["removedItems", "removedPercent", "rewrittenFiles", "rewrittenPercent", "reserveMegabytes", "binAllDays", "binDailyDays", "binWeeklyDays", "binGigabytes"],
} as const satisfies Record<string, readonly (Exclude<keyof PairFields, OwnField> | keyof MoreFields)[]>;

export type HubPart = keyof typeof PARTS;

type Shared = (typeof PARTS)[HubPart][number];

/** Fields that say one thing together: who changes one of them means all of them. */
const TOGETHER: readonly (readonly Shared[])[] = [
  ["kind", "hours", "time", "weekday"],
  ["onlyFolders", "folders"],
  ["minAge", "minAgeUnit"],
];

/** The fields of a pair, those that are seldom needed beside the others. */
function flat(fields: PairFields): Record<string, unknown> {
  return { ...fields, ...fields.more };
}

const isAlike = (one: unknown, two: unknown) => JSON.stringify(one) === JSON.stringify(two);

/** The parts in which the pairs of a hub do not all work alike. */
export function differingParts(pairs: readonly SyncPair[]): HubPart[] {
  const all = pairs.map((pair) => flat(fromPair(pair)));
  const [first = {}] = all;
  return (Object.keys(PARTS) as HubPart[]).filter((part) => PARTS[part].some((field) => all.some((fields) => !isAlike(fields[field], first[field]))));
}

/** The request that changes all pairs of a hub: what a person changed, and what they left alone as each pair has it. */
export function toHubChange(hub: Hub, before: PairFields, now: PairFields, alike: boolean): SyncHubChange {
  const [was, is] = [flat(before), flat(now)];
  const differs = (field: Shared) => !isAlike(was[field], is[field]);
  const isMeant = (field: Shared) => alike || (TOGETHER.find((fields) => fields.includes(field)) ?? [field]).some(differs);
  const changed: ReadonlySet<string> = new Set(Object.values(PARTS).flat().filter(isMeant));
  const pairs = hub.pairs.map((pair) => {
    const own = fromPair(pair);
    const take = <Fields extends object>(mine: Fields, theirs: Fields): Fields =>
      Object.fromEntries(Object.entries(mine).map(([field, value]) => [field, changed.has(field) ? theirs[field as keyof Fields] : value])) as Fields;
    return toPairSave({ ...take(own, now), more: take(own.more, now.more) }, pair);
  });
  const name = now.name.trim();
  return { groupId: hub.group.id, ...(name === "" || name === hub.group.name ? {} : { name }), pairs };
}
