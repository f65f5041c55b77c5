import { describe, expect, it } from "vitest";

import { differingParts, hubFaults, hubStanding, isFaulty, isHub, listed, NO_PLACE, toHubChange, toHubSave } from "./hubState";
import { testPair } from "./testPair";
import { FRESH_PAIR, fromPair } from "./wizardState";

const at = (path: string) => ({ path, display: path });
const place = (path: string) => ({ ...NO_PLACE, place: at(path) });
const group = { id: "g", name: "Work" };

describe("a hub and its places", () => {
  it("are all different, none in another", () => {
    expect(hubFaults(at("/hub"), [place("/a"), place("/b/"), place("sftp://nas/c")])).toEqual({ hub: false, others: [undefined, undefined, undefined] });
    const faults = hubFaults(at(""), [place(""), place("/a"), place("/a/"), place("/a/b")]);
    expect(faults).toEqual({ hub: true, others: ["missing", undefined, "same", "inside"] });
    expect(isFaulty(faults)).toBe(true);
    expect(hubFaults(at("/hub"), [place("/hub/a")]).others).toEqual(["inside"]);
  });

  it("make one request of all pairs", () => {
    const others = [place("/a"), { place: at("sftp://nas/b"), access: { user: "ana", secret: "s" } }];
    const save = toHubSave({ ...FRESH_PAIR, name: " Work ", left: at("/hub"), live: true }, others, undefined);
    expect(save).toMatchObject({ name: "Work", pair: { left: "/hub", right: "/a", mode: "twoWay", live: true }, more: [{ place: "sftp://nas/b", access: { user: "ana", secret: "s" } }] });
    expect(save.pair).not.toHaveProperty("name");
    expect(toHubSave({ ...FRESH_PAIR, name: "Work" }, others, "g")).not.toHaveProperty("name");
  });

  it("are listed together, and stand as the worst of them", () => {
    const [first, alone, second] = [testPair({ id: "1", group, inStepMs: 5 }), testPair({ id: "2" }), testPair({ id: "3", group, inStepMs: 3 })];
    const rows = listed([first, alone, second]);
    expect(rows).toEqual([{ group, pairs: [first, second] }, alone]);
    const [hub] = rows.filter(isHub);
    if (!hub) throw new Error("there is a hub");
    expect(hubStanding(hub)).toEqual({ kind: "inStep", checkedMs: 3 });
    expect(hubStanding({ group, pairs: [first, testPair({ state: "running" }), testPair({ state: "conflicts" })] })).toEqual({ kind: "asking", count: 1, of: 3 });
  });

  it("are changed at once, and what was not changed stays as each pair has it", () => {
    const one = testPair({ id: "1", group });
    const two = testPair({ id: "2", group, conflicts: "newest", schedule: { kind: "everyHours", hours: 3 }, rules: { ...one.rules, exclude: ["*.tmp"], maxAgeDays: 30 } });
    const hub = { group, pairs: [one, two] };
    const before = { ...fromPair(one), name: "Work" };
    const change = (over: Partial<typeof before>, alike = false) => toHubChange(hub, before, { ...before, ...over }, alike);

    expect(differingParts(hub.pairs)).toEqual(["way", "leftOut", "when"]);
    expect(differingParts([one, { ...one, id: "3" }])).toEqual([]);

    const live = change({ live: true });
    expect(live).not.toHaveProperty("name");
    expect(live.pairs).toMatchObject([
      { id: "1", live: true, conflicts: "ask", schedule: { kind: "manual" } },
      { id: "2", live: true, conflicts: "newest", schedule: { kind: "everyHours", hours: 3 }, rules: two.rules },
    ]);
    // Every hour is every hour, also for the pair that had another number of hours.
    expect(change({ kind: "everyHours" }).pairs.map(({ schedule }) => schedule)).toEqual([{ kind: "everyHours", hours: 1 }, { kind: "everyHours", hours: 1 }]);
    // What is seldom needed goes field by field too.
    const bin = change({ more: { ...before.more, binDailyDays: "7" } });
    expect(bin.pairs.map(({ bin, rules }) => [bin?.keepDailyDays, rules?.maxAgeDays])).toEqual([[7, null], [7, 30]]);

    const alike = change({ name: "Office" }, true);
    expect(alike.name).toBe("Office");
    expect(alike.pairs[1]).toMatchObject({ id: "2", name: two.name, right: two.right.address.path, conflicts: "ask", schedule: { kind: "manual" }, rules: one.rules });
  });
});
