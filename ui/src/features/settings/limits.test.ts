import { describe, expect, it } from "vitest";

import { isHistory, isLimit, limitOf, limitText } from "./limits";

describe("the limits", () => {
  it("empty means none, there and back", () => {
    expect(limitOf("")).toBeNull();
    expect(limitText(null)).toBe("");
    expect(limitOf("2.5")).toBe(2_500_000);
    expect(limitText(2_500_000)).toBe("2.5");
  });

  it("refuse what is no limit", () => {
    expect(isLimit("-1")).toBe(false);
    expect(isLimit("fast")).toBe(false);
    expect(isLimit("0")).toBe(false);
    expect(isLimit(" ")).toBe(true);
    expect(isHistory("99")).toBe(false);
    expect(isHistory("100")).toBe(true);
    expect(isHistory("1e3")).toBe(false);
  });
});
