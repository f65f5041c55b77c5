import { describe, expect, it } from "vitest";

import { ceilingOf, dayLabels, heightOf, sparkPoints } from "./timeline";

const DAY = 86_400_000;

describe("the timeline", () => {
  it("keeps the smallest run visible and the largest within bounds", () => {
    expect(heightOf(0, 100, 56)).toBe(4);
    expect(heightOf(1, 1_000_000, 56)).toBe(4);
    expect(heightOf(25, 100, 56)).toBe(28);
    expect(heightOf(200, 100, 56)).toBe(56);
  });

  it("does not let the first, large run press the others flat", () => {
    expect(ceilingOf([21e9, 1e6, 2e6, 3e6, 4e6, 5e6, 6e6, 7e6, 8e6, 9e6, 1e7, 1e7])).toBe(2e7);
    expect(ceilingOf([5, 5])).toBe(5);
    expect(ceilingOf([0])).toBe(1);
    expect(ceilingOf([])).toBe(1);
  });

  it("dates the first of a day where there is room", () => {
    const start = Date.UTC(2026, 0, 1, 8);
    const hourly = Array.from({ length: 12 }, (_, index) => start + index * 60_000);
    expect(dayLabels(hourly, 18).map((label) => label.index)).toEqual([0]);
    const daily = Array.from({ length: 12 }, (_, index) => start + index * DAY);
    expect(dayLabels(daily, 18).map((label) => label.index)).toEqual([0, 5, 10]);
  });

  it("draws a sparkline within its box", () => {
    expect(sparkPoints([0, 5, 10], 20, 10)).toBe("0.0,10.0 10.0,5.0 20.0,0.0");
    expect(sparkPoints([], 20, 10)).toBe("");
  });
});
