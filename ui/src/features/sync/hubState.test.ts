import { describe, expect, it } from "vitest";

import { hubFaults, hubStanding, isFaulty, isHub, listed, NO_PLACE, toHubSave } from "./hubState";
import { testPair } from "./testPair";
import { FRESH_PAIR } from "./wizardState";

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
});
