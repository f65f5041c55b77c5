import { describe, expect, it } from "vitest";

import { pagesOf, ROWS_LIMIT, scrollToShow, sightOf } from "./windowing";

describe("the rows in sight", () => {
  it("are few, wherever one is in a million", () => {
    const { first, end } = sightOf(16_500_000, 600, 33, ROWS_LIMIT);
    expect(first).toBe(499_990);
    expect(end - first).toBeLessThan(50);
    expect(sightOf(33 * ROWS_LIMIT, 600, 33, ROWS_LIMIT).end).toBe(ROWS_LIMIT);
    expect(sightOf(0, 600, 33, 3)).toEqual({ first: 0, end: 3 });
  });

  it("are in one page or two", () => {
    expect(pagesOf({ first: 0, end: 40 })).toEqual([0]);
    expect(pagesOf({ first: 190, end: 230 })).toEqual([0, 1]);
    expect(pagesOf({ first: 200, end: 400 })).toEqual([1]);
    expect(pagesOf({ first: 0, end: 0 })).toEqual([0]);
  });

  it("are scrolled to only where they are out of sight", () => {
    expect(scrollToShow(5, 0, 600, 33)).toBeUndefined();
    expect(scrollToShow(2, 330, 600, 33)).toBe(66);
    expect(scrollToShow(100, 0, 600, 33)).toBe(101 * 33 - 600);
  });
});
