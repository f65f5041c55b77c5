import { describe, expect, it } from "vitest";

import { allOf, countOf, isSelected, NOTHING, only, reached, toggled } from "./selection";

describe("rows that are selected", () => {
  it("are counted without any of them being loaded", () => {
    expect(countOf(NOTHING)).toBe(0);
    expect(countOf(only(7))).toBe(1);
    expect(countOf(allOf(1_000_000))).toBe(1_000_000);
    expect(allOf(0)).toBe(NOTHING);
    expect(isSelected(allOf(3), 2)).toBe(true);
    expect(isSelected(allOf(3), 3)).toBe(false);
  });

  it("come and go one by one, and stay as few ranges as they can be", () => {
    const gap = toggled(allOf(5), 2);
    expect(gap.ranges).toEqual([{ first: 0, end: 2 }, { first: 3, end: 5 }]);
    expect(toggled(gap, 2).ranges).toEqual([{ first: 0, end: 5 }]);
    expect(toggled(toggled(only(4), 9), 6).ranges).toEqual([{ first: 4, end: 5 }, { first: 6, end: 7 }, { first: 9, end: 10 }]);
    expect(toggled(only(4), 4).ranges).toEqual([]);
  });

  it("reach from where they began, both ways", () => {
    const down = reached(only(3), 3, 6, false);
    expect(down.ranges).toEqual([{ first: 3, end: 7 }]);
    expect(reached(down, 6, 1, false).ranges).toEqual([{ first: 1, end: 4 }]);
    expect(reached(NOTHING, 2, 4, false).ranges).toEqual([{ first: 2, end: 5 }]);
  });

  it("can be reached for beside what is selected already", () => {
    const two = toggled(only(1), 8);
    expect(reached(two, 8, 6, true).ranges).toEqual([{ first: 1, end: 2 }, { first: 6, end: 9 }]);
    expect(reached(two, 8, 2, true).ranges).toEqual([{ first: 1, end: 9 }]);
  });
});
