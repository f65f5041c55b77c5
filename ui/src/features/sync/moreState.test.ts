import { describe, expect, it } from "vitest";

import { daysOf, FRESH_MORE, FRESH_WINDOW, fromPairMore, isUnusual, moreFaults, toAges, toMoreSave } from "./moreState";
import { testPair } from "./testPair";

const faults = (over: Partial<typeof FRESH_MORE>) => [...moreFaults({ ...FRESH_MORE, ...over })];

describe("what is seldom needed of a pair", () => {
  it("is as it was where nobody touched it", () => {
    const pair = testPair({
      conflictRules: [{ pattern: "*.docx", policy: "keepBoth" }],
      links: "skip",
      modes: false,
      rules: { exclude: [], maxFileBytes: null, minAgeMinutes: 90, maxAgeDays: 400, folders: [] },
      brakes: { removedItems: 7, removedPercent: 9, rewrittenFiles: 11, rewrittenPercent: 13, reserveBytes: 1 << 30 },
      bin: { keepAllDays: 2, keepDailyDays: 3, keepWeeklyDays: 4, limitBytes: 2_500_000_000 },
      bandwidth: { usualBytesPerSecond: 1_500_000, windows: [{ weekdays: [1, 7], fromMinutes: 1320, toMinutes: 360, bytesPerSecond: null }] },
    });
    const more = fromPairMore(pair);
    const { conflictRules, links, modes, attributes, brakes, bin, bandwidth } = pair;
    expect(toMoreSave(more)).toEqual({ conflictRules, links, modes, attributes, brakes, bin, bandwidth });
    expect(toAges(more)).toEqual({ minAgeMinutes: 90, maxAgeDays: 400 });
    expect(moreFaults(more).size).toBe(0);
  });

  it("of a new pair is as usual, and told where it is not", () => {
    const usual = fromPairMore(testPair());
    expect(usual).toEqual(FRESH_MORE);
    expect(isUnusual(usual, "brakes")).toBe(false);
    expect(isUnusual({ ...usual, removedItems: "3" }, "brakes")).toBe(true);
    expect(isUnusual({ ...usual, windows: [FRESH_WINDOW] }, "line")).toBe(true);
  });

  it("shows ages in the largest unit that fits", () => {
    const age = (minAgeMinutes: number) => fromPairMore(testPair({ rules: { exclude: [], maxFileBytes: null, minAgeMinutes, maxAgeDays: null, folders: [] } }));
    expect(age(2880)).toMatchObject({ minAge: "2", minAgeUnit: "days" });
    expect(age(120)).toMatchObject({ minAge: "2", minAgeUnit: "hours" });
    expect(age(45)).toMatchObject({ minAge: "45", minAgeUnit: "minutes" });
  });

  it("is refused where it can not be", () => {
    expect(faults({ conflictRules: [{ pattern: " ", policy: "ask" }] })).toEqual(["rules"]);
    expect(faults({ minAge: "0" })).toEqual(["minAge"]);
    expect(faults({ minAge: "3", minAgeUnit: "days", maxAgeDays: "2" })).toEqual(["ages"]);
    expect(faults({ removedPercent: "101" })).toEqual(["removed"]);
    expect(faults({ binDailyDays: "" })).toEqual(["binDays"]);
    expect(faults({ usualMegabytes: "0.0001" })).toEqual(["usual"]);
    expect(faults({ windows: [{ ...FRESH_WINDOW, from: "08:00", to: "08:00" }] })).toEqual(["windows"]);
  });

  it("knows the usual choices of days", () => {
    expect([daysOf([]), daysOf([5, 4, 3, 2, 1]), daysOf([6, 7]), daysOf([2])]).toEqual(["every", "work", "weekend", "chosen"]);
  });
});
