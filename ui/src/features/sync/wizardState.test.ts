import { describe, expect, it } from "vitest";

import { testPair } from "./testPair";
import { FRESH_PAIR, fromPair, pairFaults, toPairSave } from "./wizardState";

const at = (path: string) => ({ path, display: path });
const faults = (left: string, right: string) => [...pairFaults({ ...FRESH_PAIR, left: at(left), right: at(right) })];

describe("the fields of a pair", () => {
  it("need two different places, none in the other", () => {
    expect(faults("", "")).toEqual(["left", "right"]);
    expect(faults("/a", "/a/")).toEqual(["same"]);
    expect(faults("/a", "/a/b")).toEqual(["inside"]);
    expect(faults("/a/b", "/a")).toEqual(["inside"]);
    expect(faults("/", "/a")).toEqual(["inside"]);
    expect(faults("/a", "/ab")).toEqual([]);
  });

  it("need hours that can be, and a size that is a number", () => {
    const places = { ...FRESH_PAIR, left: at("/a"), right: at("/b") };
    expect([...pairFaults({ ...places, kind: "everyHours", hours: "0" })]).toEqual(["hours"]);
    expect([...pairFaults({ ...places, maxMegabytes: "many" })]).toEqual(["max"]);
    expect([...pairFaults({ ...places, onlyFolders: true })]).toEqual(["folders"]);
    expect([...pairFaults({ ...places, more: { ...places.more, usualMegabytes: "-1" } })]).toEqual(["usual"]);
  });

  it("of a pair make the same pair again", () => {
    const pair = testPair({ schedule: { kind: "weekly", weekday: 3, atMinutes: 605 }, live: true, rules: { exclude: ["*.tmp"], maxFileBytes: 5_000_000, minAgeMinutes: 120, maxAgeDays: 30, folders: ["a"] } });
    const saved = toPairSave(fromPair(pair), pair);
    expect(saved).toMatchObject({ id: "p", name: "Photos", left: "/home/ana/Pictures", schedule: pair.schedule, live: true, rules: pair.rules });
  });

  it("leave the name to the engine where none was given", () => {
    expect(toPairSave({ ...FRESH_PAIR, left: at("/a"), right: at("/b") }, undefined)).not.toHaveProperty("name");
  });
});

describe("what opens a server", () => {
  it("is sent only for a server, and only where it was given", () => {
    const fields = { ...FRESH_PAIR, left: at("/a"), right: at("sftp://nas/b"), leftAccess: { user: "u", secret: "s" }, rightAccess: { user: " ana ", secret: "s" } };
    const saved = toPairSave(fields, undefined);
    expect(saved).not.toHaveProperty("leftAccess");
    expect(saved.rightAccess).toEqual({ user: "ana", secret: "s" });
    expect(toPairSave({ ...fields, rightAccess: { user: "ana", secret: "" } }, undefined)).not.toHaveProperty("rightAccess");
  });
});
