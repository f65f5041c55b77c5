import { describe, expect, it } from "vitest";

import { fits } from "./search";

describe("finding among few things", () => {
  it("takes words in any order and case", () => {
    expect(fits("Go to Settings", "")).toBe(true);
    expect(fits("Go to Settings", "sett")).toBe(true);
    expect(fits("Back up “Photos” now", "photos back")).toBe(true);
    expect(fits("Go to Settings", "settings places")).toBe(false);
  });
});
